package sqlgen

import (
	"strings"

	"sextant/kql/plan"
	"sextant/table"
)

// ReadsTables says whether p, or a pipeline in it, scans a stored table.
func ReadsTables(p *plan.Pipeline) bool {
	return anySource(p, func(s plan.Source) bool { _, ok := s.(*plan.Scan); return ok })
}

// outer says whether p reads the rows of a group around it. Those that mv-apply and
// partition make inside it are its own.
func outer(p *plan.Pipeline) bool {
	return anyPipeline(p, func(p *plan.Pipeline) bool { _, ok := p.Source.(*plan.Outer); return ok }, func(op plan.Op) bool {
		switch op.(type) {
		case *plan.MvApply, *plan.Partition:
			return false
		}
		return true
	})
}

// anySource looks at the sources of p and of every pipeline in it.
func anySource(p *plan.Pipeline, is func(plan.Source) bool) bool {
	return anyPipeline(p, func(p *plan.Pipeline) bool { return is(p.Source) }, everyOp)
}

func everyOp(plan.Op) bool { return true }

// anyPipeline looks at p and every pipeline in it, until one is found; at those that
// stand inside an operator where enter says so.
func anyPipeline(p *plan.Pipeline, is func(*plan.Pipeline) bool, enter func(plan.Op) bool) bool {
	found := false
	var in func(*plan.Pipeline)
	expr := func(e plan.Expr) {
		plan.Walk(e, func(e plan.Expr) bool {
			switch e := e.(type) {
			case *plan.ScalarQuery:
				in(e.Pipe)
			case *plan.InQuery:
				in(e.Pipe)
			}
			return !found
		})
	}
	in = func(p *plan.Pipeline) {
		found = found || is(p)
		switch s := p.Source.(type) {
		case *plan.Union:
			for _, i := range s.Inputs {
				in(i)
			}
		case *plan.Shared:
			in(s.Pipe)
		case *plan.Print:
			for _, c := range s.Cols {
				expr(c.Expr)
			}
		case *plan.Range:
			expr(s.From)
			expr(s.To)
			expr(s.Step)
		}
		for _, op := range p.Ops {
			if found {
				return
			}
			for _, e := range exprs(op) {
				expr(e)
			}
			if !enter(op) {
				continue
			}
			for _, q := range plan.Inside(op) {
				in(q)
			}
		}
	}
	in(p)
	return found
}

// exprs are the expressions of an operator over its input.
func exprs(op plan.Op) []plan.Expr {
	var out []plan.Expr
	named := func(cols []plan.Named) {
		for _, c := range cols {
			out = append(out, c.Expr)
		}
	}
	keys := func(ks []plan.SortKey) {
		for _, k := range ks {
			out = append(out, k.Expr)
		}
	}
	expand := func(cols []plan.Expanded) {
		for _, c := range cols {
			out = append(out, c.Expr)
		}
	}
	switch op := op.(type) {
	case *plan.Filter:
		out = append(out, op.Pred)
	case *plan.Project:
		named(op.Cols)
	case *plan.Summarize:
		named(op.By)
		for _, a := range op.Aggs {
			out = append(out, a.Args...)
		}
	case *plan.Sort:
		keys(op.Keys)
	case *plan.Top:
		keys(op.Keys)
	case *plan.Join:
		out = append(out, op.LeftKeys...)
	case *plan.MvExpand:
		expand(op.Cols)
	case *plan.MvApply:
		expand(op.Expand.Cols)
	case *plan.Parse:
		out = append(out, op.Of)
	case *plan.ParseKV:
		out = append(out, op.Of)
	case *plan.MakeSeries:
		named(op.By)
		for _, a := range op.Aggs {
			out = append(append(out, a.Args...), a.Default)
		}
		out = append(out, op.Axis.Expr, op.From, op.To, op.Step)
	case *plan.Partition:
		out = append(out, op.By)
	case *plan.ScanSteps:
		keys(op.OrderBy)
		out = append(out, op.PartitionBy...)
		for _, st := range op.Steps {
			out = append(out, st.Cond)
			named(st.Assign)
		}
	case *plan.TopNested:
		for _, l := range op.Levels {
			out = append(out, l.Of.Expr, l.Others)
			out = append(out, l.Agg.Args...)
		}
	case *plan.SampleDistinct:
		out = append(out, op.Of.Expr)
	case *plan.Plugin, *plan.GraphMatch, *plan.GraphTable:
		out = plan.Expressions(op)
	}
	return out
}

// needed are the columns of s, by place, that operators behind it read, or that
// come out behind them.
func needed(s table.Schema, ops []plan.Op) []int {
	want := map[string]bool{}
	all := false
	read := func(es []plan.Expr) {
		for _, e := range es {
			if e != nil {
				for _, c := range plan.Columns(e) {
					want[c] = true
				}
			}
		}
	}
	i := 0
	for ; i < len(ops); i++ {
		read(exprs(ops[i]))
		switch op := ops[i].(type) {
		case *plan.Filter, *plan.Sort, *plan.Top, *plan.Take, *plan.Serialize, *plan.Sample:
			continue
		case *plan.Project, *plan.Summarize, *plan.MakeSeries, *plan.TopNested, *plan.SampleDistinct:
		case *plan.Join:
			for _, c := range op.LeftCols {
				want[c] = true
			}
		default:
			all = true
		}
		break
	}
	all = all || i == len(ops)
	var out []int
	for at, c := range s {
		if all || want[c.Name] {
			out = append(out, at)
		}
	}
	return out
}

// settled says whether a pipeline gives the same rows each time that it runs: it
// keeps no rows at will and calls nothing random.
func settled(p *plan.Pipeline) bool {
	ok := true
	anyPipeline(p, func(p *plan.Pipeline) bool {
		for _, op := range p.Ops {
			switch op := op.(type) {
			case *plan.Take, *plan.Top, *plan.Sample, *plan.SampleDistinct:
				ok = false
			case *plan.Join:
				ok = ok && op.Kind != plan.InnerUnique
			case *plan.Summarize:
				for _, a := range op.Aggs {
					ok = ok && !strings.HasPrefix(a.Fn.Name, "take_any")
				}
			}
			for _, e := range exprs(op) {
				plan.Walk(e, func(e plan.Expr) bool {
					if c, is := e.(*plan.Call); is && c.Fn.Volatile {
						ok = false
					}
					return ok
				})
			}
		}
		return !ok
	}, everyOp)
	return ok
}
