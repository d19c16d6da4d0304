package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// op writes one operator. next is nil where it has no form; left is what of it
// remains to be done in Go; why says why, for either.
func (g *gen) op(s *state, op plan.Op) (next *state, left plan.Op, why string) {
	if why := g.storable(op.Schema()); why != "" {
		return nil, nil, why
	}
	defer func() {
		if next != nil {
			g.grow(s.schema, op)
		}
	}()
	switch op := op.(type) {
	case *plan.Filter:
		return g.filter(s, op)
	case *plan.Project:
		next, why = g.project(s, op)
	case *plan.Summarize:
		next, why = g.summarize(s, op)
	case *plan.Sort:
		next, why = g.sort(s, op.Keys)
	case *plan.Top:
		if next, why = g.sort(s, op.Keys); next != nil {
			next = g.take(next, op.N)
		}
	case *plan.Take:
		next = g.take(s, op.N)
	case *plan.Distinct:
		next, why = g.distinct(s, op)
	case *plan.Join:
		next, why = g.join(s, op)
	case *plan.MvExpand:
		if next, why = g.tried(func() (*state, string) { return g.mvExpand(s, op) }); next == nil {
			next, why = g.expandInGo(s, op, why)
		}
	case *plan.MvApply:
		if next, why = g.tried(func() (*state, string) { return g.mvApply(s, op) }); next == nil {
			next, why = g.applyInGo(s, op, why)
		}
	case *plan.Parse:
		next, why = g.parse(s, op)
	case *plan.ParseKV:
		next, why = g.parseKV(s, op)
	case *plan.MakeSeries:
		next, why = g.makeSeries(s, op)
	case *plan.Plugin:
		next, why = g.plugin(s, op)
	case *plan.TopNested:
		next, why = g.topNested(s, op)
	case *plan.Reduce:
		next, why = g.reduce(s, op)
	case *plan.SampleDistinct:
		next, why = g.sampleDistinct(s, op)
	case *plan.Partition:
		next, why = g.partition(s, op)
	case *plan.Serialize:
		next = s
	default:
		why = firstWord(op.String()) + " has no SQL form"
	}
	return next, nil, why
}

// filter takes the conjuncts that have a form; the others stay.
func (g *gen) filter(s *state, f *plan.Filter) (*state, plan.Op, string) {
	if readsRows(f.Pred) {
		return g.filterOverRows(s, f)
	}
	var sql []string
	var stay []plan.Expr
	why := ""
	for _, c := range plan.Conjuncts(f.Pred) {
		e, w := g.predicate(s, c)
		if w != "" {
			stay, why = append(stay, c), w
			continue
		}
		sql = append(sql, e)
	}
	if len(sql) == 0 {
		return nil, nil, why
	}
	next := &state{sql: g.keep(s, " WHERE "+strings.Join(sql, " AND ")), schema: s.schema, order: s.order, lists: s.lists, texts: s.texts, total: s.total}
	if len(stay) == 0 {
		return next, nil, ""
	}
	rest := &plan.Filter{In: f.In, Pred: stay[0]}
	if len(stay) > 1 {
		// The conjunction's own node joins what stays, so that the catalogue's
		// function need not be looked up here.
		rest.Pred = rejoin(f.Pred, stay)
	}
	return next, rest, why
}

// filterOverRows takes all of a filter or none: what rows come before a row must not
// change.
func (g *gen) filterOverRows(s *state, f *plan.Filter) (*state, plan.Op, string) {
	in, es, why := g.lifted(s, []plan.Expr{f.Pred})
	if why != "" {
		return nil, nil, why
	}
	next, left, why := g.filter(in, &plan.Filter{In: in.schema, Pred: es[0]})
	if next == nil || left != nil {
		return nil, nil, why
	}
	return g.narrowed(next, len(s.schema)), nil, ""
}

// rejoin builds the conjunction of the parts with the and of e.
func rejoin(e plan.Expr, parts []plan.Expr) plan.Expr {
	and := e.(*plan.Call) // it had more than one conjunct
	out := parts[0]
	for _, p := range parts[1:] {
		c := *and
		c.Args = []plan.Expr{out, p}
		c.Info = []fn.Arg{{Type: table.Bool}, {Type: table.Bool}}
		out = &c
	}
	return out
}

func (g *gen) named(s *state, cols []plan.Named) ([]string, string) {
	out := make([]string, len(cols))
	for i, c := range cols {
		e, why := g.expr(s, c.Expr)
		if why != "" {
			return nil, why
		}
		out[i] = e
	}
	return out, ""
}

func (g *gen) project(s *state, p *plan.Project) (*state, string) {
	next := &state{schema: p.Schema()}
	cols := p.Cols
	if p.Serialized {
		es := make([]plan.Expr, len(cols))
		for i, c := range cols {
			es[i] = c.Expr
		}
		var why string
		if s, es, why = g.lifted(s, es); why != "" {
			return nil, why
		}
		cols = slices.Clone(cols)
		for i := range cols {
			cols[i].Expr = es[i]
		}
	}
	next.order, next.total = s.order, s.total
	exprs := make([]string, len(cols))
	for i, c := range cols {
		if x, ok := c.Expr.(*plan.Col); ok {
			if at := s.schema.Index(x.Name); slices.Contains(s.lists, at) {
				exprs[i] = col(at)
				next.lists = append(next.lists, i)
				continue
			} else if slices.Contains(s.texts, at) {
				exprs[i] = col(at)
				next.texts = append(next.texts, i)
				continue
			}
		}
		var why string
		if exprs[i], why = g.expr(s, c.Expr); why != "" {
			return nil, why
		}
	}
	next.sql = g.selects(s, exprs, "")
	return next, ""
}

// grouped says whether values of a type can be keys of groups: dynamic values
// that are equal may differ as text.
func grouped(t table.Type) bool { return t != table.Dynamic }

func (g *gen) summarize(s *state, op *plan.Summarize) (*state, string) {
	exprs, tail, why := g.groupBy(s, op.By)
	if why != "" {
		return nil, why
	}
	for _, a := range op.Aggs {
		cols, why := g.aggregate(s, &a)
		if why != "" {
			return nil, why
		}
		exprs = append(exprs, cols...)
	}
	in := &state{sql: s.sql, schema: s.schema}
	return &state{sql: g.selects(in, exprs, tail), schema: op.Schema()}, ""
}

func (g *gen) sort(s *state, keys []plan.SortKey) (*state, string) {
	list := make([]string, len(s.schema))
	for i := range list {
		list[i] = col(i)
	}
	next := &state{schema: s.schema, lists: s.lists, texts: s.texts}
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c)
	}
	add := func(e string, k plan.SortKey) {
		if len(list) > 0 || len(next.order) > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s AS o%d", e, len(next.order))
		next.order = append(next.order, orderKey{k.Desc, k.NullsFirst})
	}
	for _, k := range keys {
		if k.Expr.Type() == table.Dynamic || k.Expr.Type() == table.Decimal {
			return nil, "a sort by a " + k.Expr.Type().String() + " value runs in Go"
		}
		e, why := g.expr(s, k.Expr)
		if why != "" {
			return nil, why
		}
		if k.Expr.Type() == table.Real { // NaN stands beside the nulls here, and is the greatest number in the engine
			add("CASE WHEN "+e+" IS NOT NULL THEN isnan("+e+") END", plan.SortKey{Desc: k.NullsFirst, NullsFirst: k.NullsFirst})
		}
		add(e, k)
	}
	// An earlier order decides between rows that the new keys leave equal.
	made := len(next.order)
	for i, k := range s.order {
		fmt.Fprintf(&b, ", o%d AS o%d", i, made+i)
		next.order = append(next.order, k)
	}
	b.WriteString(" FROM (" + s.sql + ") AS " + g.alias())
	next.sql = b.String()
	return next, ""
}

func (g *gen) take(s *state, n int64) *state {
	return &state{sql: g.keep(s, s.orderBy()+fmt.Sprintf(" LIMIT %d", max(n, 0))), schema: s.schema, order: s.order, lists: s.lists, texts: s.texts}
}

func (g *gen) distinct(s *state, op *plan.Distinct) (*state, string) {
	if len(s.schema) == 0 {
		return nil, "distinct without columns runs in Go"
	}
	s = g.unlist(s)
	by := make([]plan.Named, len(s.schema))
	for i, c := range s.schema {
		by[i] = plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}}
	}
	exprs, tail, why := g.groupBy(s, by)
	if why != "" {
		return nil, why
	}
	in := &state{sql: s.sql, schema: s.schema}
	return &state{sql: g.selects(in, exprs, tail), schema: s.schema}, ""
}

// join writes both sides with their keys as k0…, and joins those. Two nulls join,
// as in package eval.
func (g *gen) join(s *state, op *plan.Join) (*state, string) {
	mark := g.mark()
	right, why := g.whole(op.Right)
	if why != "" {
		g.back(mark)
		return nil, "the right side of the join runs in Go: " + why
	}
	s, right = g.unlist(s), g.unlist(right)
	side := func(s *state, keys []plan.Expr) (string, string) {
		in := &state{sql: s.sql, schema: s.schema}
		list := in.names()
		for i, k := range keys {
			e, why := g.key(s, k, false)
			if why != "" {
				return "", why
			}
			list = append(list, fmt.Sprintf("%s AS k%d", e, i))
		}
		return "SELECT " + strings.Join(list, ", ") + " FROM (" + s.sql + ") AS " + g.alias(), ""
	}
	l, why := side(s, op.LeftKeys)
	if why != "" {
		return nil, why
	}
	r, why := side(right, op.RightKeys)
	if why != "" {
		return nil, why
	}
	var on, keyList []string
	for i := range op.LeftKeys {
		cmp := "IS NOT DISTINCT FROM"
		if op.LeftKeys[i].Type() == table.String && op.RightKeys[i].Type() == table.String {
			cmp = "=" // a string is never null
		}
		on = append(on, fmt.Sprintf("l.k%d %s r.k%d", i, cmp, i))
		keyList = append(keyList, fmt.Sprintf("k%d", i))
	}
	cond := strings.Join(on, " AND ")
	if cond == "" {
		cond = "TRUE"
	}
	var exprs []string
	outer := func(side string, at int, t table.Type, padded bool) string {
		e := side + "." + col(at)
		if padded && t == table.String {
			e = "coalesce(" + e + ", '')"
		}
		return e
	}
	padLeft := op.Kind == plan.RightOuter || op.Kind == plan.FullOuter
	padRight := op.Kind == plan.LeftOuter || op.Kind == plan.FullOuter
	for i, name := range op.LeftCols {
		at := s.schema.Index(name)
		if at < 0 {
			return nil, "a column of the join is missing"
		}
		exprs = append(exprs, outer("l", at, s.schema[at].Type, padLeft)+" AS "+col(i))
	}
	for i, name := range op.RightCols {
		at := right.schema.Index(name)
		if at < 0 {
			return nil, "a column of the join is missing"
		}
		exprs = append(exprs, outer("r", at, right.schema[at].Type, padRight)+" AS "+col(len(op.LeftCols)+i))
	}
	list := strings.Join(exprs, ", ")
	if list == "" {
		list = "1 AS z"
	}
	from := ""
	switch op.Kind {
	case plan.Inner:
		from = fmt.Sprintf("(%s) AS l INNER JOIN (%s) AS r ON %s", l, r, cond)
	case plan.InnerUnique:
		from = fmt.Sprintf("(SELECT DISTINCT ON (%s) * FROM (%s) AS u) AS l INNER JOIN (%s) AS r ON %s", strings.Join(keyList, ", "), l, r, cond)
		if len(keyList) == 0 {
			return nil, "a join without keys runs in Go"
		}
	case plan.LeftOuter:
		from = fmt.Sprintf("(%s) AS l LEFT JOIN (%s) AS r ON %s", l, r, cond)
	case plan.RightOuter:
		from = fmt.Sprintf("(%s) AS l RIGHT JOIN (%s) AS r ON %s", l, r, cond)
	case plan.FullOuter:
		from = fmt.Sprintf("(%s) AS l FULL JOIN (%s) AS r ON %s", l, r, cond)
	case plan.LeftSemi:
		from = fmt.Sprintf("(%s) AS l SEMI JOIN (%s) AS r ON %s", l, r, cond)
	case plan.LeftAnti:
		from = fmt.Sprintf("(%s) AS l ANTI JOIN (%s) AS r ON %s", l, r, cond)
	case plan.RightSemi:
		from = fmt.Sprintf("(%s) AS r SEMI JOIN (%s) AS l ON %s", r, l, cond)
	case plan.RightAnti:
		from = fmt.Sprintf("(%s) AS r ANTI JOIN (%s) AS l ON %s", r, l, cond)
	default:
		return nil, "join kind " + string(op.Kind) + " has no SQL form"
	}
	return &state{sql: "SELECT " + list + " FROM " + from, schema: op.Out}, ""
}
