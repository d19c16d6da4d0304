package sqlgen

import (
	"slices"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// plugin is evaluate: where each row is looked at alone, Go is called with it; where
// all rows are wanted before one comes out, with the list of them.
func (g *gen) plugin(s *state, op *plan.Plugin) (*state, string) {
	because := "evaluate " + op.Name + " runs in Go"
	params := make([]plan.Expr, len(op.Params))
	for i, e := range op.Params {
		if e == nil {
			continue
		}
		var why string
		if params[i], why = g.constant(e); why != "" {
			return nil, why
		}
	}
	switch op.Name {
	case "ipv4_lookup", "ipv6_lookup", "geo_polygon_lookup", "geo_line_lookup":
	case "narrow", "rows_near":
		return nil, because // they depend on the order of rows
	default:
		if len(op.Keep) > 0 || op.Right != nil {
			return nil, because
		}
		return g.gathered(s, op.Cols, op.Out, func(cols []plan.Named) plan.Op {
			o := *op
			o.Cols, o.Params = cols, params
			return &o
		}, because)
	}
	reads := make([]plan.Named, len(op.Cols))
	for i, c := range op.Cols {
		reads[i] = plan.Named{Name: renamed(make(table.Schema, i+1))[i].Name, Expr: c.Expr}
	}
	gives := op.Out[len(op.Keep):]
	hidden := renamed(gives)
	m, why := g.rowsInGo(s, rowwise{
		reads: reads,
		gives: gives,
		op: func(in table.Schema) plan.Op {
			o := *op
			o.Params, o.Keep = params, []string{rowNumber}
			o.Cols = slices.Clone(op.Cols)
			for i := range o.Cols {
				o.Cols[i].Expr = &plan.Col{Name: reads[i].Name, T: op.Cols[i].Expr.Type()}
			}
			o.Out = append(table.Schema{in[len(in)-1]}, gives...)
			return &o
		},
	}, because)
	if why != "" {
		return nil, why
	}
	next, why := g.beside(s, m, hidden, append(slices.Clone(op.Out[:len(op.Keep)]), hidden...), func(i int) string {
		if i < len(op.Keep) {
			return op.Keep[i]
		}
		return ""
	})
	if why != "" {
		return nil, why
	}
	next.schema = op.Out
	return next, ""
}

// gathered runs an operator that wants all rows before it gives one: Go is called with
// the lists of what it reads.
func (g *gen) gathered(s *state, reads []plan.Named, gives table.Schema, op func(cols []plan.Named) plan.Op, because string) (*state, string) {
	if g.lister == nil || g.d != fn.DuckDB || len(gives) == 0 || len(reads) == 0 || len(reads) > maxArgs {
		return nil, because
	}
	if len(s.order) > 0 { // all lists are in one order
		s = g.serialized(s)
	}
	var args table.Schema
	var lists []string
	cols := slices.Clone(reads)
	for i, r := range reads {
		t := r.Expr.Type()
		if _, ok := fn.SQLType(g.d, t); !ok {
			return nil, because
		}
		e, why := g.expr(s, r.Expr)
		if why != "" {
			return nil, why
		}
		name := renamed(make(table.Schema, i+1))[i].Name
		args = append(args, table.Column{Name: name, Type: t})
		lists = append(lists, "list("+e+s.orderBy()+")")
		cols[i].Expr = &plan.Col{Name: name, T: t}
	}
	p := &plan.Pipeline{Source: &plan.Outer{Out: args}, Ops: []plan.Op{op(cols)}}
	p, ok := g.alone(p)
	if !ok {
		return nil, because
	}
	call := g.function(Function{Args: args, Rows: p, Group: true}, lists)
	return g.unnested("SELECT "+call+" AS l0 FROM ("+s.sql+") AS "+g.alias(), gives), ""
}

// topNested reads of each row the values and what is aggregated.
func (g *gen) topNested(s *state, op *plan.TopNested) (*state, string) {
	var reads []plan.Named
	levels := slices.Clone(op.Levels)
	read := func(e plan.Expr) { reads = append(reads, plan.Named{Name: "", Expr: e}) }
	for _, l := range levels {
		read(l.Of.Expr)
		for _, a := range l.Agg.Args {
			read(a)
		}
	}
	return g.gathered(s, reads, op.Schema(), func(cols []plan.Named) plan.Op {
		at := 0
		next := func() plan.Expr { at++; return cols[at-1].Expr }
		for i := range levels {
			levels[i].Of.Expr = next()
			args := make([]plan.Expr, len(levels[i].Agg.Args))
			for a := range args {
				args[a] = next()
				if k, ok := op.Levels[i].Agg.Args[a].(*plan.Const); ok {
					args[a] = k
				}
			}
			levels[i].Agg.Args = args
		}
		return &plan.TopNested{Levels: levels}
	}, "top-nested runs in Go")
}

// reduce reads of each row the text.
func (g *gen) reduce(s *state, op *plan.Reduce) (*state, string) {
	return g.gathered(s, []plan.Named{{Expr: op.By}}, op.Schema(), func(cols []plan.Named) plan.Op {
		o := *op
		o.By = cols[0].Expr
		return &o
	}, "reduce runs in Go")
}
