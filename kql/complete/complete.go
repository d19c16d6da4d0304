// Package complete proposes what can be written at a place of a query: tables, columns,
// functions, operators, and the words that belong to an operator.
//
// Where the cursor is follows from the tokens before it (place.go): which operator,
// which clause of it, a value or what comes behind one. What names mean there follows from
// the binder, which is given the text up to the cursor with its brackets closed
// (bind.Look). Neither minds that the text is half written.
package complete

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/table"
)

// Kind of a candidate. The words are stable: editors choose icons by them.
type Kind string

const (
	Table     Kind = "table"
	Column    Kind = "column"
	Function  Kind = "function"
	Aggregate Kind = "aggregate"
	Operator  Kind = "operator"
	Keyword   Kind = "keyword"
	Plugin    Kind = "plugin"
	Variable  Kind = "variable"
	Value     Kind = "value" // inner, true, timechart
	Type      Kind = "type"
	Property  Kind = "property" // kind=, title=
	Path      Kind = "path"     // a member of a dynamic column
)

// Candidate for what stands at the cursor.
type Candidate struct {
	Label  string `json:"label"`
	Kind   Kind   `json:"kind"`
	Insert string `json:"insert"`           // in place of [Start, End)
	Detail string `json:"detail,omitempty"` // type, or how it is called
	Doc    string `json:"doc,omitempty"`
}

// Result is the candidates, the likeliest first, and the bytes that each would stand in
// place of: the word at the cursor.
type Result struct {
	Start int         `json:"start"`
	End   int         `json:"end"`
	Items []Candidate `json:"items"`
}

// Lister is an Environment that can tell which saved functions there are.
type Lister interface{ Functions() []string }

// maxItems bounds an answer.
const maxItems = 1000

// At proposes what can be written at a byte offset of a text, which may be cut off or
// wrong anywhere. An offset outside the text is its nearest end.
func At(text string, offset int, env bind.Environment, cat *fn.Catalogue) Result {
	offset = max(0, min(offset, len(text)))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	p := placeOf(text, offset)
	out := Result{Start: p.start, End: p.end, Items: []Candidate{}}
	if p.silent {
		return out
	}
	c := &completer{place: p, env: env, cat: cat, word: text[p.start:offset], seen: map[string]bool{}}
	c.lookAround()
	c.propose()
	out.Items = c.ranked()
	return out
}

// completer collects candidates.
type completer struct {
	*place
	env   bind.Environment
	cat   *fn.Catalogue
	word  string // before the cursor
	look  bind.Look
	items []Candidate
	seen  map[string]bool
}

// marker stands for what is about to be written, so that the text parses further.
const marker = "sextant_cursor"

// lookAround asks the binder what names mean at the cursor.
func (c *completer) lookAround() {
	head := c.text[:c.start]
	file, _ := syntax.Parse(head + marker + c.closing())
	c.look = bind.Look{At: c.start}
	bind.Bind(file, c.env, c.cat, bind.Options{Check: true, Look: &c.look, MaxNodes: 50_000})
}

func (c *completer) add(x Candidate) {
	key := string(x.Kind) + "\x00" + x.Label
	if x.Kind == Column || x.Kind == Variable {
		key = "name\x00" + x.Label // one name, one meaning
	}
	if c.seen[key] || x.Label == marker {
		return
	}
	c.seen[key] = true
	c.items = append(c.items, x)
}

// ranked are the candidates that the word at the cursor may become: those that begin
// with it, then those that contain it.
func (c *completer) ranked() []Candidate {
	if c.word == "" {
		return c.items[:min(len(c.items), maxItems)]
	}
	rank := func(x Candidate) int {
		switch low, word := table.Lower(x.Label), table.Lower(c.word); {
		case strings.HasPrefix(x.Label, c.word):
			return 0
		case strings.HasPrefix(low, word):
			return 1
		case strings.Contains(low, word):
			return 2
		}
		return 3
	}
	items := slices.DeleteFunc(c.items, func(x Candidate) bool { return rank(x) == 3 })
	slices.SortStableFunc(items, func(a, b Candidate) int { return cmp.Compare(rank(a), rank(b)) })
	if items == nil {
		items = []Candidate{}
	}
	return items[:min(len(items), maxItems)]
}

// want is a set of what can stand at a place.
type want uint

const (
	exprs  want = 1 << iota // columns, variables, functions
	cols                    // columns alone
	aggs                    // aggregates, and what exprs has
	tables                  // tables, and functions that give one
	plugins
	charts
	types
	operators
	starts // what begins a query: let, print, union, …
	dynamics
	common // columns that both sides of a join have, $left, $right
	invoked
)

func (c *completer) wanted(w want) {
	if w&common != 0 {
		c.commonColumns()
	}
	if w&operators != 0 {
		c.operators()
	}
	if w&tables != 0 {
		c.tables()
	}
	if w&starts != 0 {
		c.starts()
	}
	if w&dynamics != 0 {
		c.columns(func(t table.Type) bool { return t == table.Dynamic })
	}
	if w&aggs != 0 {
		c.aggregates()
	}
	if w&(cols|exprs|aggs|dynamics) != 0 {
		c.columns(nil)
	}
	if w&(exprs|aggs) != 0 {
		c.variables()
	}
	if w&(exprs|aggs) != 0 {
		c.functions()
	}
	if w&plugins != 0 {
		c.plugins()
	}
	if w&charts != 0 {
		c.words(Value, syntax.ChartWords()...)
	}
	if w&types != 0 {
		c.words(Type, "string", "long", "int", "real", "bool", "datetime", "timespan", "dynamic", "guid", "decimal")
	}
	if w&invoked != 0 {
		c.invoked()
	}
}

func (c *completer) words(kind Kind, words ...string) {
	for _, w := range words {
		insert := w
		if kind == Keyword {
			insert += " "
		}
		c.add(Candidate{Label: w, Kind: kind, Insert: insert})
	}
}

func (c *completer) columns(only func(table.Type) bool) {
	for _, col := range c.look.Columns {
		if only == nil || only(col.Type) {
			c.add(Candidate{Label: col.Name, Kind: Column, Insert: syntax.QuoteName(col.Name), Detail: typeName(col.Type)})
		}
	}
}

func typeName(t table.Type) string {
	if t == table.Unknown {
		return ""
	}
	return t.String()
}

// commonColumns can be keys of a join.
func (c *completer) commonColumns() {
	for _, col := range c.look.Columns {
		if c.look.Right.Index(col.Name) >= 0 {
			c.add(Candidate{Label: col.Name, Kind: Column, Insert: syntax.QuoteName(col.Name), Detail: typeName(col.Type), Doc: "Both tables have it."})
		}
	}
	c.add(Candidate{Label: "$left", Kind: Keyword, Insert: "$left.", Doc: "The rows that come in."})
	c.add(Candidate{Label: "$right", Kind: Keyword, Insert: "$right.", Doc: "The rows of the other table."})
}

// variables are scalars and functions of the query's own.
func (c *completer) variables() {
	for _, n := range c.look.Names {
		switch {
		case n.Tabular:
		case n.Signature != "":
			c.add(called(n.Name, n.Signature, Function, "Declared in this query."))
		default:
			c.add(Candidate{Label: n.Name, Kind: Variable, Insert: syntax.QuoteName(n.Name), Detail: typeName(n.Type), Doc: "Declared in this query."})
		}
	}
}

// called is a function; the cursor goes between its parentheses, or behind them where
// nothing goes in.
func called(name, signature string, kind Kind, doc string) Candidate {
	insert := name + "("
	if strings.HasSuffix(signature, "()") {
		insert += ")"
	}
	return Candidate{Label: name, Kind: kind, Insert: insert, Detail: signature, Doc: doc}
}

func (c *completer) tables() {
	for _, n := range c.look.Names {
		switch {
		case !n.Tabular:
		case n.Signature != "":
			c.add(called(n.Name, n.Signature, Function, "Declared in this query."))
		default:
			c.add(Candidate{Label: n.Name, Kind: Table, Insert: syntax.QuoteName(n.Name), Doc: "Declared in this query."})
		}
	}
	for _, name := range c.env.Tables() {
		x := Candidate{Label: name, Kind: Table, Insert: syntax.QuoteName(name)}
		if def, ok := c.env.Table(name); ok {
			x.Doc = strconv.Itoa(len(def.Columns)) + " columns"
		}
		c.add(x)
	}
	c.saved()
}

// saved functions of the workspace.
func (c *completer) saved() {
	l, ok := c.env.(Lister)
	if !ok {
		return
	}
	for _, name := range l.Functions() {
		let, ok := c.env.Function(name)
		if !ok {
			continue
		}
		signature := name + "()"
		if f, ok := let.Value.(*syntax.Lambda); ok && len(f.Params) > 0 {
			var params []string
			for _, p := range f.Params {
				params = append(params, syntax.Print(p))
			}
			signature = name + "(" + strings.Join(params, ", ") + ")"
		}
		c.add(called(name, signature, Function, "A saved function of this workspace."))
	}
}

// invoked functions take a table.
func (c *completer) invoked() {
	for _, n := range c.look.Names {
		if n.Signature != "" && n.Tabular {
			c.add(called(n.Name, n.Signature, Function, "Declared in this query."))
		}
	}
	c.saved()
}

// functions of the catalogue, and those that the binder itself answers.
func (c *completer) functions() {
	special := map[string]string{}
	var list []Candidate
	for _, f := range bind.SpecialFunctions() {
		special[f.Name] = f.Doc
		list = append(list, called(f.Name, f.Name+"(…)", Function, f.Doc))
	}
	for _, f := range c.cat.Scalars() {
		if f.Refused != "" || f.Doc == "" || !isName(f.Name) || special[f.Name] != "" {
			continue
		}
		list = append(list, called(f.Name, signature(f.Name, f.Sigs), Function, f.Doc))
	}
	slices.SortFunc(list, func(a, b Candidate) int { return cmp.Compare(a.Label, b.Label) })
	for _, x := range list {
		c.add(x)
	}
	c.saved()
}

func (c *completer) aggregates() {
	var list []Candidate
	for _, a := range c.cat.Aggregates() {
		if a.Refused == "" {
			list = append(list, called(a.Name, signature(a.Name, a.Sigs), Aggregate, a.Doc))
		}
	}
	slices.SortFunc(list, func(a, b Candidate) int { return cmp.Compare(a.Label, b.Label) })
	for _, x := range list {
		c.add(x)
	}
}

func isName(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && !strings.ContainsAny(s, " *~-") && !slices.Contains(textOperators, s) && s != "and" && s != "or"
}

// signature of the overload with the most parameters.
func signature(name string, sigs []fn.Sig) string {
	if len(sigs) == 0 {
		return name + "(…)"
	}
	best := sigs[0]
	for _, s := range sigs[1:] {
		if len(s.Params) > len(best.Params) {
			best = s
		}
	}
	var b strings.Builder
	b.WriteString(name + "(")
	for i, p := range best.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		n := cmp.Or(p.Name, "x")
		if p.Optional {
			n = "[" + n + "]"
		}
		b.WriteString(n)
	}
	if best.Variadic {
		b.WriteString(", …")
	}
	return b.String() + ")"
}

func (c *completer) plugins() {
	for _, p := range bind.Plugins() {
		if p.Refused == "" {
			c.add(Candidate{Label: p.Name, Kind: Plugin, Insert: p.Name + "(", Doc: p.Doc})
		}
	}
}

func (c *completer) operators() {
	// Those that queries are made of come first.
	usual := []string{"where", "project", "extend", "summarize", "join", "sort", "take", "top", "distinct", "count", "mv-expand", "parse", "render", "project-away", "project-rename", "union", "lookup"}
	for _, list := range [][]string{usual, syntax.OperatorWords()} {
		for _, w := range list {
			if !slices.Contains(syntax.OperatorWords(), w) || w == "macro-expand" {
				continue
			}
			insert := w + " "
			switch w {
			case "count", "getschema", "consume":
				insert = w
			case "sort", "order", "partition", "facet", "reduce":
				insert = w + " by "
			}
			c.add(Candidate{Label: w, Kind: Operator, Insert: insert, Doc: syntax.OperatorDoc(w)})
		}
	}
}

// starts of statements and queries that are no table.
func (c *completer) starts() {
	for _, x := range []struct{ word, doc string }{
		{"let", "Gives a value, a table or a function a name."}, {"union", syntax.OperatorDoc("union")}, {"search", syntax.OperatorDoc("search")},
		{"find", syntax.OperatorDoc("find")}, {"print", syntax.OperatorDoc("print")}, {"range", syntax.OperatorDoc("range")},
		{"datatable", "A table whose rows are in the query."}, {"externaldata", "A table of files."}, {"set", "Sets an option of the query."}, {"declare", "Declares parameters or a pattern."},
	} {
		c.add(Candidate{Label: x.word, Kind: Keyword, Insert: x.word + " ", Doc: x.doc})
	}
	for _, f := range bind.SpecialFunctions() {
		if f.Name == "materialize" || f.Name == "table" || f.Name == "workspace" {
			c.add(called(f.Name, f.Name+"(…)", Function, f.Doc))
		}
	}
}
