package complete

import (
	"slices"
	"strings"

	"sextant/kql/syntax"
	"sextant/table"
)

// clause is what an operator takes.
type clause struct {
	first want              // behind the operator's word
	words []string          // that begin its later parts, in order
	after map[string]want   // what comes behind each of them
	props map[string]string // options name=, and their values
	value bool              // a value may be followed by a comparison
	tail  []string          // words that may end each value: asc, desc
}

var joinKinds = "innerunique inner leftouter rightouter fullouter leftsemi rightsemi leftanti rightanti"

// clauses of the operators.
var clauses = map[string]clause{
	"where":             {first: exprs, value: true},
	"filter":            {first: exprs, value: true},
	"extend":            {first: exprs, value: true},
	"project":           {first: exprs, value: true},
	"print":             {first: exprs, value: true},
	"serialize":         {first: exprs, value: true},
	"project-away":      {first: cols},
	"project-keep":      {first: cols},
	"project-rename":    {first: cols},
	"project-reorder":   {first: cols, tail: []string{"asc", "desc"}},
	"distinct":          {first: cols},
	"summarize":         {first: aggs, words: []string{"by"}, after: map[string]want{"by": exprs}, value: true},
	"sort":              {words: []string{"by"}, after: map[string]want{"by": exprs}, tail: []string{"asc", "desc", "nulls first", "nulls last"}},
	"order":             {words: []string{"by"}, after: map[string]want{"by": exprs}, tail: []string{"asc", "desc", "nulls first", "nulls last"}},
	"top":               {words: []string{"by"}, after: map[string]want{"by": exprs}, tail: []string{"asc", "desc", "nulls first", "nulls last"}},
	"top-nested":        {words: []string{"of", "by"}, after: map[string]want{"of": exprs, "by": aggs}, tail: []string{"asc", "desc"}},
	"top-hitters":       {words: []string{"of", "by"}, after: map[string]want{"of": exprs, "by": exprs}},
	"sample-distinct":   {words: []string{"of"}, after: map[string]want{"of": cols}},
	"join":              {first: tables, words: []string{"on"}, after: map[string]want{"on": common}, props: map[string]string{"kind": joinKinds, "hint.strategy": "shuffle broadcast", "hint.shufflekey": ""}},
	"lookup":            {first: tables, words: []string{"on"}, after: map[string]want{"on": common}, props: map[string]string{"kind": "leftouter inner"}},
	"union":             {first: tables, props: map[string]string{"kind": "outer inner", "withsource": "", "isfuzzy": "true false"}},
	"search":            {props: map[string]string{"kind": "case_insensitive case_sensitive"}, first: cols, value: true},
	"find":              {first: cols, words: []string{"where", "project"}, after: map[string]want{"where": exprs, "project": cols}, props: map[string]string{"withsource": ""}, value: true},
	"mv-expand":         {first: dynamics, words: []string{"to", "limit"}, props: map[string]string{"kind": "bag array", "bagexpansion": "bag array", "with_itemindex": ""}},
	"mv-apply":          {first: dynamics, words: []string{"to", "limit", "on"}, props: map[string]string{"with_itemindex": ""}},
	"parse":             {first: cols, words: []string{"with"}, props: map[string]string{"kind": "simple regex relaxed"}},
	"parse-where":       {first: cols, words: []string{"with"}, props: map[string]string{"kind": "simple regex relaxed"}},
	"parse-kv":          {first: cols, words: []string{"as", "with"}},
	"make-series":       {first: aggs, words: []string{"on", "from", "to", "step", "by"}, after: map[string]want{"on": cols, "from": exprs, "to": exprs, "step": exprs, "by": exprs}, props: map[string]string{"default": ""}, value: true},
	"evaluate":          {first: plugins},
	"render":            {first: charts, words: []string{"with"}},
	"invoke":            {first: invoked},
	"partition":         {words: []string{"by"}, after: map[string]want{"by": cols}},
	"facet":             {words: []string{"by", "with"}, after: map[string]want{"by": cols}},
	"reduce":            {words: []string{"by"}, after: map[string]want{"by": exprs}},
	"range":             {words: []string{"from", "to", "step"}, after: map[string]want{"from": exprs, "to": exprs, "step": exprs}},
	"graph-where-nodes": {first: exprs, value: true},
	"graph-where-edges": {first: exprs, value: true},
	"make-graph":        {first: cols, words: []string{"with"}, after: map[string]want{"with": tables}, props: map[string]string{"with_node_id": ""}},
	"graph-to-table":    {},
	"project-by-names":  {first: exprs},
}

// chartProps are the properties of render.
var chartProps = map[string]string{"title": "", "kind": "default unstacked stacked stacked100 map", "xcolumn": "", "ycolumns": "", "series": "", "anomalycolumns": "",
	"xtitle": "", "ytitle": "", "xaxis": "linear log", "yaxis": "linear log", "legend": "visible hidden", "ysplit": "none axes panels", "accumulate": "true false",
	"ymin": "", "ymax": "", "xmin": "", "xmax": ""}

// propose finds the clause that the cursor is in.
func (c *completer) propose() {
	f := c.top()
	if t, ok := lastOf(f); ok && t.Kind == syntax.MarkToken && t.Text == "." {
		c.members()
		return
	}
	switch {
	case f.op != "":
		c.inOperator(f)
	case f.pipe:
		c.wanted(operators)
	case f.open == "(" || f.open == "[":
		c.inBrackets(f)
	default:
		c.inSource(f)
	}
}

// inSource is a statement, before any |.
func (c *completer) inSource(f *frame) {
	switch f.stmt {
	case "let":
		return // a name is invented
	case "set":
		if len(f.own) == 0 {
			c.words(Property, "query_bin_auto_size", "query_bin_auto_at", "query_now", "truncationmaxrecords", "notruncation")
		}
		return
	case "declare":
		if len(f.own) == 0 {
			c.words(Keyword, "query_parameters", "pattern")
		}
		return
	case "alias", "restrict":
		return
	}
	if t, ok := lastOf(f); ok && t.Kind == syntax.MarkToken && t.Text == ":" {
		c.wanted(types)
		return
	}
	switch {
	case !expectsValue(f):
		c.words(Keyword, "|")
		if f.stmt == "let=" {
			c.comparisons(f)
		}
	case f.stmt == "let=":
		c.wanted(tables | exprs)
		c.words(Keyword, "datatable", "externaldata", "view", "print", "range", "union", "search")
	case len(f.own) == 0:
		c.wanted(tables | starts)
	default:
		c.wanted(exprs)
	}
}

// inBrackets is a call, a list, or a query in parentheses that has no | yet.
func (c *completer) inBrackets(f *frame) {
	around := f.before
	if t, ok := lastOf(f); ok && t.Kind == syntax.MarkToken && t.Text == ":" || f.callee == "typeof" {
		c.wanted(types)
		return
	}
	if f.open == "[" {
		c.wanted(exprs)
		return
	}
	switch {
	case f.callee == "datatable", f.callee == "externaldata", f.callee == "query_parameters", f.callee == "" && around.stmt == "let=" && len(around.own) == 1:
		return // names are declared
	case f.callee == "with" && around.op == "render":
		c.inProps(f, chartProps)
		return
	case !expectsValue(f):
		c.words(Keyword, "|")
		c.comparisons(f)
		return
	}
	if len(f.own) > 0 {
		c.wanted(exprs)
		return
	}
	switch {
	case f.callee == "materialize", f.callee == "toscalar", f.callee == "view", f.callee == "table":
		c.wanted(tables | starts)
	case f.callee == "in", f.callee == "in~", f.callee == "has_any", f.callee == "has_all":
		if around.op == "search" || around.op == "find" {
			c.wanted(tables)
			return
		}
		c.wanted(exprs | tables)
	case around.op == "join", around.op == "lookup", around.op == "union":
		c.wanted(tables | starts)
	case around.op == "fork", around.op == "partition", f.callee == "on" && around.op == "mv-apply", f.callee == "with" && around.op == "facet":
		c.wanted(operators)
	case f.callee == "" && around.op == "":
		c.wanted(tables | starts)
	case around.op == "summarize" || around.op == "make-series":
		if f.callee == "" {
			c.wanted(aggs)
			return
		}
		c.wanted(exprs)
	default:
		c.wanted(exprs)
	}
}

// inProps is a list name=value, ….
func (c *completer) inProps(f *frame, props map[string]string) {
	name := ""
	for i, t := range f.own {
		if t.Kind == syntax.MarkToken && t.Text == "=" && i > 0 {
			name = f.own[i-1].Text
		}
	}
	t, ok := lastOf(f)
	switch {
	case ok && t.Text == "=":
		c.propValue(name, props)
	case !ok || t.Text == ",":
		if name == "ycolumns" || name == "series" || name == "anomalycolumns" {
			c.wanted(cols)
		}
		c.props(props)
	}
}

func (c *completer) props(props map[string]string) {
	var names []string
	for n := range props {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		c.add(Candidate{Label: n, Kind: Property, Insert: n + "=", Detail: strings.ReplaceAll(props[n], " ", ", ")})
	}
}

func (c *completer) propValue(name string, props map[string]string) {
	if values := props[name]; values != "" {
		c.words(Value, strings.Fields(values)...)
		return
	}
	switch name {
	case "xcolumn", "ycolumns", "series", "anomalycolumns":
		c.wanted(cols)
	case "default", "hint.shufflekey":
		c.wanted(exprs)
	}
}

// inOperator is behind an operator's word.
func (c *completer) inOperator(f *frame) {
	rule, known := clauses[f.op]
	if !known {
		return
	}
	// Which of its parts: behind the last of its words.
	state, at := rule.first, -1
	part := ""
	for i, t := range f.own {
		if t.Kind != syntax.WordToken || !slices.Contains(rule.words, t.Text) {
			continue
		}
		if w := t.Text; slices.Index(rule.words, w) >= slices.Index(rule.words, part) {
			part, state, at = w, rule.after[w], i
		}
	}
	// An option's value: kind=, hint.strategy=
	if t, ok := lastOf(f); ok && t.Text == "=" && len(f.own) > 1 {
		name := f.own[len(f.own)-2].Text
		if len(f.own) > 3 && f.own[len(f.own)-3].Text == "." {
			name = f.own[len(f.own)-4].Text + "." + name
		}
		if _, is := rule.props[name]; is {
			c.propValue(name, rule.props)
			return
		}
	}
	if f.op == "mv-expand" || f.op == "mv-apply" {
		if part == "to" && at == len(f.own)-1 {
			c.add(called("typeof", "typeof(type)", Keyword, "The type of the elements."))
			return
		}
	}
	behind := len(f.own) > 0 && !expectsValue(f)
	if at == len(f.own)-1 && at >= 0 {
		behind = false
	}
	// Behind options, as in join kind=inner, there is still what comes first.
	if behind && part == "" && rule.props != nil && onlyOptions(f.own, rule.props) {
		behind = false
	}
	if !behind {
		if rule.first == 0 && at < 0 {
			if f.op == "sort" || f.op == "order" || f.op == "partition" || f.op == "facet" || f.op == "reduce" {
				c.words(Keyword, "by")
			}
			return
		}
		c.wanted(state)
		if at < 0 {
			c.props(rule.props)
			switch f.op {
			case "search", "find":
				c.words(Keyword, "in")
			}
		}
		return
	}
	// Behind a value.
	if rule.tail != nil && (part != "" || len(rule.words) == 0) {
		c.words(Keyword, rule.tail...)
	}
	for i, w := range rule.words {
		if i > slices.Index(rule.words, part) {
			c.words(Keyword, w)
		}
	}
	if rule.value || state&exprs != 0 {
		c.comparisons(f)
	}
	if state == common {
		c.words(Keyword, "and", "==")
	}
	c.words(Keyword, "|")
}

// onlyOptions says whether tokens are name=value alone.
func onlyOptions(toks []syntax.Token, props map[string]string) bool {
	for len(toks) > 0 {
		n := 1
		name := toks[0].Text
		if len(toks) > 2 && toks[1].Text == "." {
			name, n = name+"."+toks[2].Text, 3
		}
		if _, is := props[name]; !is || len(toks) < n+2 || toks[n].Text != "=" {
			return false
		}
		toks = toks[n+2:]
	}
	return true
}

// comparisons that can follow the value before the cursor: those of its type first.
func (c *completer) comparisons(f *frame) {
	t := table.Unknown
	if last, ok := lastOf(f); ok && last.Kind == syntax.WordToken {
		if i := c.look.Columns.Index(last.Text); i >= 0 {
			t = c.look.Columns[i].Type
		}
	}
	signs := []string{"==", "!=", "<", "<=", ">", ">=", "in", "!in", "between"}
	texts := append([]string{"==", "!=", "=~", "!~", "in", "in~", "!in", "!in~", "matches regex"}, textOperators...)
	if last, ok := lastOf(f); ok && (last.Kind == syntax.TextToken || last.Kind == syntax.NumberToken) {
		c.words(Keyword, "and", "or", "|") // a comparison is likely to be over
	}
	switch {
	case t == table.String:
		c.words(Keyword, texts...)
	case t == table.Unknown || t == table.Dynamic:
		c.words(Keyword, append(texts, signs...)...)
	default:
		c.words(Keyword, signs...)
	}
	c.words(Keyword, "and", "or")
}

// members of what stands before a dot: columns of a side of a join, tables of another
// workspace, known paths of a dynamic column.
func (c *completer) members() {
	base, path, ok := chain(c.toks[:len(c.toks)-1])
	if !ok {
		return
	}
	switch base {
	case "$left":
		c.wanted(cols)
		return
	case "$right":
		for _, col := range c.look.Right {
			c.add(Candidate{Label: col.Name, Kind: Column, Insert: syntax.QuoteName(col.Name), Detail: typeName(col.Type)})
		}
		return
	case "":
		// workspace("x").
		for _, name := range c.env.Tables() {
			c.add(Candidate{Label: name, Kind: Table, Insert: syntax.QuoteName(name)})
		}
		return
	case "hint":
		c.words(Property, "strategy", "shufflekey", "remote", "num_partitions")
		return
	}
	for _, p := range c.look.Promoted {
		rest := strings.TrimPrefix(p.Path, "[].")
		if p.Column != base || path != "" && !strings.HasPrefix(rest, path+".") {
			continue
		}
		if path != "" {
			rest = rest[len(path)+1:]
		}
		name, deeper, more := strings.Cut(rest, ".")
		if name == "" || strings.HasPrefix(name, "[") {
			continue
		}
		detail := p.Type.String()
		if more || p.InElements() && deeper != "" {
			detail = "dynamic"
		} else if p.InElements() {
			detail = "string"
		}
		c.add(Candidate{Label: strings.TrimSuffix(name, "[]"), Kind: Path, Insert: member(strings.TrimSuffix(name, "[]")), Detail: detail})
	}
}

// member is a key as it stands behind a dot.
func member(name string) string {
	if q := syntax.QuoteName(name); q != name {
		return q
	}
	return name
}

// chain reads a.b.c backwards: the column a, and the path b.c. Indexes are passed over, and
// parse_json(a) is a. The base is empty behind workspace("x"); ok is false behind anything else.
func chain(toks []syntax.Token) (base, path string, ok bool) {
	var keys []string
	end := func(base string) (string, string, bool) {
		slices.Reverse(keys)
		return base, strings.Join(keys, "."), true
	}
	at := func(i int, text string) bool { return i >= 0 && toks[i].Text == text }
	for i := len(toks) - 1; i >= 0; i-- {
		switch t := toks[i]; {
		case t.Kind == syntax.MarkToken && t.Text == "]":
			for i >= 0 && !at(i, "[") {
				i--
			}
		case t.Kind == syntax.MarkToken && t.Text == ")":
			switch {
			case at(i-2, "(") && i > 2 && slices.Contains([]string{"parse_json", "todynamic", "toobject", "parsejson"}, toks[i-3].Text):
				return end(toks[i-1].Text)
			case at(i-2, "(") && i > 2 && slices.Contains([]string{"workspace", "database", "cluster", "app"}, toks[i-3].Text):
				return "", "", true
			}
			return "", "", false
		case t.Kind == syntax.WordToken && at(i-1, "."):
			keys = append(keys, t.Text)
			i--
		case t.Kind == syntax.WordToken:
			return end(t.Text)
		default:
			return "", "", false
		}
	}
	return "", "", false
}
