package plan

import (
	"sextant/kql/fn"
	"sextant/table"
)

// Rewriting is what rules may know beside the plan.
type Rewriting struct {
	Cat *fn.Catalogue
	// Now, in ticks, is what now() and ago() mean when the plan runs at once. Zero
	// leaves them alone.
	Now int64
	// Odd tells whether rows of a table may have a promoted path of an unexpected
	// type (table.HiddenOdd). Nil means they may.
	Odd func(def table.Def) bool
	// Empty tells that a table certainly has no rows, Excluded that it has none that a
	// scan asks for. Nil means that any may have.
	Empty    func(def table.Def) bool
	Excluded func(s *Scan) bool

	shares int // pipelines that became shared
}

// Rule rewrites one pipeline into another that gives the same rows. Pipelines
// inside it are rewritten already. A rule that finds nothing to do returns what
// it was given.
type Rule struct {
	Name string
	Do   func(r *Rewriting, p *Pipeline) *Pipeline
}

// Rules in the order in which they run.
func Rules() []Rule {
	return []Rule{
		{"empty", empty},
		{"fold", fold},
		{"pushdown", pushdown},
		{"prune", prune}, // so that what is dead does not count as read
		{"expand", expand},
		{"promote", promote},
		{"pushdown", pushdown}, // into what promote made
		{"fold", fold},         // what a union's missing columns made constant
		{"never", never},
		{"top", top},
		{"hints", hints},
		{"empty", empty}, // of what the hints exclude
		{"widen", widen},
		{"together", together},
		{"prune", prune},
	}
}

// Optimize runs all rules over a pipeline and all that are in it.
func Optimize(r *Rewriting, p *Pipeline) *Pipeline {
	p = r.share(p)
	for _, rule := range Rules() {
		p = Apply(r, rule, p)
	}
	return p
}

// Apply runs one rule over a pipeline and all that are in it, inner ones first.
func Apply(r *Rewriting, rule Rule, p *Pipeline) *Pipeline {
	shared := map[int]*Pipeline{}
	return apply(r, rule, p, shared)
}

func apply(r *Rewriting, rule Rule, p *Pipeline, shared map[int]*Pipeline) *Pipeline {
	in := func(q *Pipeline) *Pipeline { return apply(r, rule, q, shared) }
	return rule.Do(r, mapInner(p, in, shared))
}

// mapInner rewrites the pipelines that stand directly inside p. Shared ones are
// rewritten once, so that they stay shared.
func mapInner(p *Pipeline, f func(*Pipeline) *Pipeline, shared map[int]*Pipeline) *Pipeline {
	out := &Pipeline{Source: p.Source}
	switch s := p.Source.(type) {
	case *Union:
		u := *s
		u.Inputs = make([]*Pipeline, len(s.Inputs))
		for i, q := range s.Inputs {
			u.Inputs[i] = f(q)
		}
		out.Source = &u
	case *Shared:
		if shared[s.ID] == nil {
			shared[s.ID] = f(s.Pipe)
		}
		out.Source = &Shared{s.ID, shared[s.ID]}
	}
	expr := func(e Expr) Expr {
		switch e := e.(type) {
		case *ScalarQuery:
			q := *e
			q.Pipe = f(e.Pipe)
			return &q
		case *InQuery:
			q := *e
			q.Pipe = f(e.Pipe)
			return &q
		}
		return e
	}
	if s, ok := p.Source.(*Print); ok {
		out.Source = &Print{Cols: mapNamed(s.Cols, func(e Expr) Expr { return Rewrite(e, expr) })}
	}
	if s, ok := p.Source.(*Range); ok {
		out.Source = &Range{s.Col, Rewrite(s.From, expr), Rewrite(s.To, expr), Rewrite(s.Step, expr)}
	}
	for _, op := range p.Ops {
		op = mapExprs(op, func(e Expr) Expr { return Rewrite(e, expr) })
		out.Ops = append(out.Ops, mapInside(op, f))
	}
	return out
}

func mapNamed(cols []Named, f func(Expr) Expr) []Named {
	out := make([]Named, len(cols))
	for i, c := range cols {
		out[i] = Named{c.Name, f(c.Expr)}
	}
	return out
}

func mapKeys(keys []SortKey, f func(Expr) Expr) []SortKey {
	out := make([]SortKey, len(keys))
	for i, k := range keys {
		k.Expr = f(k.Expr)
		out[i] = k
	}
	return out
}

func mapAll(es []Expr, f func(Expr) Expr) []Expr {
	out := make([]Expr, len(es))
	for i, e := range es {
		out[i] = f(e)
	}
	return out
}

func mapAgg(a Agg, f func(Expr) Expr) Agg {
	a.Args = mapAll(a.Args, f)
	return a
}

// mapExprs is op with f applied to each of its expressions over its input. The
// steps of scan see more than the input and are left alone.
func mapExprs(op Op, f func(Expr) Expr) Op {
	switch o := op.(type) {
	case *Filter:
		return &Filter{o.In, f(o.Pred)}
	case *Project:
		return &Project{mapNamed(o.Cols, f), o.Serialized}
	case *Summarize:
		s := &Summarize{By: mapNamed(o.By, f), Aggs: make([]Agg, len(o.Aggs))}
		for i, a := range o.Aggs {
			s.Aggs[i] = mapAgg(a, f)
		}
		return s
	case *Sort:
		return &Sort{o.In, mapKeys(o.Keys, f)}
	case *Top:
		return &Top{o.In, o.N, mapKeys(o.Keys, f)}
	case *Join:
		j := *o
		j.LeftKeys = mapAll(o.LeftKeys, f)
		return &j
	case *MvExpand:
		m := mapExpand(*o, f)
		return &m
	case *MvApply:
		m := *o
		m.Expand = mapExpand(o.Expand, f)
		return &m
	case *Parse:
		p := *o
		p.Of = f(o.Of)
		return &p
	case *MakeSeries:
		m := *o
		m.By = mapNamed(o.By, f)
		m.Axis = Named{o.Axis.Name, f(o.Axis.Expr)}
		m.Aggs = make([]SeriesAgg, len(o.Aggs))
		for i, a := range o.Aggs {
			m.Aggs[i] = SeriesAgg{mapAgg(a.Agg, f), a.Default}
		}
		return &m
	case *Partition:
		p := *o
		p.By = f(o.By)
		return &p
	case *TopNested:
		t := &TopNested{Levels: make([]NestedLevel, len(o.Levels))}
		for i, l := range o.Levels {
			l.Of.Expr = f(l.Of.Expr)
			l.Agg = mapAgg(l.Agg, f)
			t.Levels[i] = l
		}
		return t
	case *SampleDistinct:
		return &SampleDistinct{Named{o.Of.Name, f(o.Of.Expr)}, o.N}
	case *ParseKV:
		p := *o
		p.Of = f(o.Of)
		return &p
	case *Reduce:
		r := *o
		r.By = f(o.By)
		return &r
	case *Plugin:
		p := *o
		p.Cols = mapNamed(o.Cols, f)
		return &p
	case *GraphMatch:
		m := *o
		m.Graph = o.Graph.mapExprs(f)
		return &m
	case *MakeGraph:
		return &MakeGraph{o.Graph.mapExprs(f)}
	case *GraphTable:
		m := *o
		m.Graph = o.Graph.mapExprs(f)
		return &m
	}
	return op
}

func mapExpand(m MvExpand, f func(Expr) Expr) MvExpand {
	cols := make([]Expanded, len(m.Cols))
	for i, c := range m.Cols {
		c.Expr = f(c.Expr)
		cols[i] = c
	}
	m.Cols = cols
	return m
}

// Expressions are the expressions of an operator over its input.
func Expressions(op Op) []Expr {
	var out []Expr
	mapExprs(op, func(e Expr) Expr { out = append(out, e); return e })
	return out
}

// over is an operator that gives its input's columns, over another schema.
func over(op Op, in table.Schema) Op {
	switch o := op.(type) {
	case *Filter:
		return &Filter{in, o.Pred}
	case *Sort:
		return &Sort{in, o.Keys}
	case *Take:
		return &Take{in, o.N}
	case *Top:
		return &Top{in, o.N, o.Keys}
	case *Distinct:
		return &Distinct{in}
	case *Serialize:
		return &Serialize{in}
	case *Sample:
		return &Sample{in, o.N}
	}
	return op
}

// movable tells whether an expression means the same elsewhere: it calls nothing
// random and sees no other rows.
func movable(e Expr) bool {
	ok := true
	Walk(e, func(e Expr) bool {
		if c, is := e.(*Call); is && (c.Fn.Volatile || c.Fn.Row != fn.NotRow) {
			ok = false
		}
		return ok
	})
	return ok
}

// size of an expression in nodes.
func size(e Expr) int {
	n := 0
	Walk(e, func(Expr) bool { n++; return true })
	return n
}

// reads tells whether e reads no other columns than those.
func reads(e Expr, ok func(name string) bool) bool {
	for _, c := range Columns(e) {
		if !ok(c) {
			return false
		}
	}
	return true
}

// substitute puts expressions in the place of columns.
func substitute(e Expr, of map[string]Expr) Expr {
	return Rewrite(e, func(e Expr) Expr {
		if c, ok := e.(*Col); ok {
			if x, ok := of[c.Name]; ok {
				return x
			}
		}
		return e
	})
}

// call of a catalogue row whose arguments have the types that it takes.
func (r *Rewriting) call(name string, t table.Type, args ...Expr) Expr {
	c := &Call{Fn: r.Cat.Scalar(name), Args: args, T: t}
	for _, a := range args {
		i := fn.Arg{Type: a.Type()}
		switch a := a.(type) {
		case *Const:
			v := a.Value
			i.Const = &v
		case *Col:
			i.Name = a.Name
		}
		c.Info = append(c.Info, i)
	}
	return c
}

// all is the conjunction of predicates; nil of none.
func (r *Rewriting) all(preds []Expr) Expr {
	if len(preds) == 0 {
		return nil
	}
	if len(preds) > 64 { // balanced: a thousand levels of nesting help nobody
		h := len(preds) / 2
		return r.call("and", table.Bool, r.all(preds[:h]), r.all(preds[h:]))
	}
	out := preds[0]
	for _, p := range preds[1:] {
		out = r.call("and", table.Bool, out, p)
	}
	return out
}
