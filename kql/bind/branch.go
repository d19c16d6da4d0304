package bind

import (
	"fmt"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// branches binds a query that ends in fork, facet, or graph-to-table with several
// tables: it has several results. The rows that they share are read once.
func (b *binder) branches(q *Query, x *syntax.Pipe, e env) bool {
	last := x.Ops[len(x.Ops)-1]
	switch o := last.(type) {
	case *syntax.Fork, *syntax.Facet:
	case *syntax.GraphToTable:
		if len(o.Outputs) < 2 {
			return false
		}
	default:
		return false
	}
	if !b.enter(x) {
		return true
	}
	defer b.leave()
	e = env{sc: inner(e.sc)}
	var r *rel
	if x.Source != nil {
		r = b.rel(x.Source, e)
	}
	for _, op := range x.Ops[:len(x.Ops)-1] {
		r = b.operate(op, r, e)
	}
	if r == nil {
		b.errorf(last, "KS174", "The operator cannot be the first operator in a query.")
		return true
	}
	defer b.within(last.Keyword())()
	r = b.shown(r)
	if o, ok := last.(*syntax.GraphToTable); ok {
		for i, out := range b.graphTables(o, r, e) {
			name := ""
			if as := o.Outputs[i].As; as != nil {
				name = as.Name
			}
			b.add(q, out, name)
		}
		return true
	}
	shared := source(&plan.Shared{ID: b.nextID(), Pipe: r.pipe})
	shared.open, shared.ordered, shared.name = r.open, r.ordered, r.name
	switch o := last.(type) {
	case *syntax.Fork:
		for i, p := range o.Prongs {
			name := fmt.Sprintf("Table%d", i+1)
			if p.Name != nil {
				name = p.Name.Name
			}
			b.add(q, b.prong(p.Sub, shared, e), name)
		}
	case *syntax.Facet:
		for _, c := range o.By {
			b.add(q, b.facet(c, shared, e), "")
		}
		if o.With != nil {
			b.add(q, b.prong(o.With, shared, e), "")
		}
	}
	return true
}

func (b *binder) prong(x syntax.Expr, r *rel, e env) *rel {
	old := b.op
	b.op = ""
	defer func() { b.op = old }()
	for {
		switch y := x.(type) {
		case *syntax.Paren:
			x = y.X
			continue
		case *syntax.Pipe:
			return b.pipe(y, e, r)
		}
		break
	}
	return b.rel(x, env{sc: e.sc})
}

// facet counts the rows of each value of a column.
func (b *binder) facet(x syntax.Expr, r *rel, e env) *rel {
	e.row = rowOf(r)
	v := b.scalar(x, e)
	c, ok := v.(*plan.Col)
	f := b.cat.Aggregate("count")
	if !ok || f == nil {
		if !isBad(v) {
			b.errorf(x, "KS109", "Column name expected.")
		}
		return nowhere()
	}
	return (&rel{pipe: r.pipe}).then(&plan.Summarize{By: []plan.Named{{Name: c.Name, Expr: c}},
		Aggs: []plan.Agg{{Fn: f, Out: table.Schema{{Name: "count_" + c.Name, Type: table.Long}}}}})
}
