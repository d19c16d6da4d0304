package plan

import (
	"strings"

	"sextant/table"
)

// Plugin is evaluate Name(…): a function from rows to rows. Out has first the columns
// of Keep, then those of RightCols, then what the plugin makes.
type Plugin struct {
	Name string
	// Cols are what it reads of each row, with names for those that show them.
	Cols []Named
	// Params read no column; nil stands for one that is not given.
	Params []Expr
	// Keep are the input's columns that it passes on.
	Keep []string
	// Right is the table in which it looks things up, nil for none: by RightKeys
	// over Right's columns, giving Right's columns RightCols.
	Right     *Pipeline
	RightKeys []Expr
	RightCols []string
	Out       table.Schema
}

func (o *Plugin) Schema() table.Schema { return o.Out }
func (*Plugin) op()                    {}

func (o *Plugin) String() string {
	var b strings.Builder
	b.WriteString("evaluate " + o.Name + "(" + nameds(o.Cols))
	for i, p := range o.Params {
		if i == 0 && len(o.Cols) > 0 {
			b.WriteString("; ")
		} else if i > 0 {
			b.WriteString(", ")
		}
		if p == nil {
			b.WriteString("-")
		} else {
			b.WriteString(p.String())
		}
	}
	b.WriteString(")")
	if o.Right != nil {
		keys := make([]string, len(o.RightKeys))
		for i, k := range o.RightKeys {
			keys[i] = k.String()
		}
		b.WriteString(" in (" + o.Right.String() + ") by " + strings.Join(keys, ", "))
	}
	return b.String()
}

// pruned is the plugin giving of the columns that it passes on only the needed ones.
func (o *Plugin) pruned(need map[string]bool) *Plugin {
	out := *o
	out.Keep, out.RightCols, out.Out = nil, nil, nil
	for i, c := range o.Out {
		n := i - len(o.Keep)
		switch {
		case n < 0 && need[c.Name]:
			out.Keep = append(out.Keep, o.Keep[i])
		case n >= 0 && n < len(o.RightCols) && need[c.Name]:
			out.RightCols = append(out.RightCols, o.RightCols[n])
		case n >= len(o.RightCols):
		default:
			continue
		}
		out.Out = append(out.Out, c)
	}
	return &out
}

// Inside are the pipelines that stand directly inside an operator, besides those in
// its expressions.
func Inside(op Op) []*Pipeline {
	var out []*Pipeline
	mapInside(op, func(p *Pipeline) *Pipeline { out = append(out, p); return p })
	return out
}

// mapInside is op with f applied to the pipelines that stand directly inside it.
func mapInside(op Op, f func(*Pipeline) *Pipeline) Op {
	switch o := op.(type) {
	case *Join:
		j := *o
		j.Right = f(o.Right)
		return &j
	case *MvApply:
		m := *o
		m.Sub = f(o.Sub)
		return &m
	case *Partition:
		m := *o
		m.Sub = f(o.Sub)
		return &m
	case *Plugin:
		if o.Right != nil {
			m := *o
			m.Right = f(o.Right)
			return &m
		}
	case *GraphMatch:
		m := *o
		m.Graph = o.Graph.mapInside(f)
		return &m
	case *MakeGraph:
		return &MakeGraph{o.Graph.mapInside(f)}
	case *GraphTable:
		m := *o
		m.Graph = o.Graph.mapInside(f)
		return &m
	}
	return op
}

// RewriteInside is p with f applied, as by Rewrite, to the expressions of its operators
// and of those of the pipelines that stand inside them.
func RewriteInside(p *Pipeline, f func(Expr) Expr) *Pipeline {
	out := &Pipeline{Source: p.Source, Ops: make([]Op, len(p.Ops))}
	for i, op := range p.Ops {
		op = mapExprs(op, func(e Expr) Expr { return Rewrite(e, f) })
		out.Ops[i] = mapInside(op, func(q *Pipeline) *Pipeline { return RewriteInside(q, f) })
	}
	return out
}
