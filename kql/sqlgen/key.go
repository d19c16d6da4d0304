package sqlgen

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Keys of groups, of joins and of sets. Two dynamics are one key when their compact
// texts are; Go writes those. -0 is 0.

// keyOf is what the engine may compare of x, a cell of type t: null for null. why is set
// where there is no such thing.
func (g *gen) keyOf(x string, t table.Type, fold bool) (sql, why string) {
	switch t {
	case table.Real:
		return "(" + x + " + 0::DOUBLE)", ""
	case table.Dynamic:
		if g.caller == nil {
			return "", "dynamic values are compared in Go"
		}
		return g.function(Function{Args: table.Schema{{Name: "a0", Type: t}}, Expr: compact(&plan.Col{Name: "a0", T: t}, fold)}, []string{x}), ""
	case table.String:
		if fold {
			return "lower(" + x + ")", ""
		}
	}
	return x, ""
}

// key is keyOf an expression, with what it needs of Go done in one call.
func (g *gen) key(s *state, e plan.Expr, fold bool) (sql, why string) {
	if e.Type() == table.Dynamic && g.caller != nil && !g.pure {
		return g.inGo(s, compact(e, fold), "dynamic values are compared in Go")
	}
	x, why := g.expr(s, e)
	if why != "" {
		return "", why
	}
	return g.keyOf(x, e.Type(), fold)
}

// compact is a dynamic whose text is that of its key.
func compact(e plan.Expr, fold bool) plan.Expr {
	f := &fn.Scalar{Name: "compact", Nulls: fn.Own, Eval: func(_ *fn.Context, a []table.Value) table.Value {
		d := a[0].Dyn()
		if s, ok := d.(string); ok && fold {
			d = fn.Lower(s)
		}
		return table.DynamicValue(d)
	}}
	if fold {
		f.Name = "compact~"
	}
	return &plan.Call{Fn: f, Args: []plan.Expr{e}, T: table.Dynamic, Info: []fn.Arg{{Type: table.Dynamic}}}
}

// groupBy gives the columns of the keys of groups, and the clause. A key that is not its
// own value is that of one of its rows.
func (g *gen) groupBy(s *state, by []plan.Named) (exprs []string, tail, why string) {
	var keys []string
	for i, b := range by {
		e, why := g.expr(s, b.Expr)
		if why != "" {
			return nil, "", why
		}
		switch b.Expr.Type() {
		case table.Dynamic, table.Real:
			k, why := g.key(s, b.Expr, false)
			if why != "" {
				return nil, "", why
			}
			exprs, keys = append(exprs, "first("+e+")"), append(keys, k)
		default:
			exprs, keys = append(exprs, e), append(keys, fmt.Sprint(i+1))
		}
	}
	if len(keys) > 0 {
		tail = " GROUP BY " + strings.Join(keys, ", ")
	}
	return exprs, tail, ""
}
