package odata

import (
	"context"
	"fmt"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// each is a call that tests the elements of a list. It is a function of its own,
// made for this predicate: an engine that has no form for it asks Go for it, row by
// row.
func (c *compiler) each(all bool, list plan.Expr, elem string, pred plan.Expr) plan.Expr {
	args := []plan.Expr{list}
	at := map[string]int{}
	plan.Walk(pred, func(e plan.Expr) bool {
		if col, ok := e.(*plan.Col); ok && col.Name != elem {
			if _, have := at[col.Name]; !have {
				at[col.Name] = len(args)
				args = append(args, col)
			}
		}
		return true
	})
	word := "any"
	if all {
		word = "all"
	}
	f := &fn.Scalar{
		Name:  fmt.Sprintf("%s(%s: %s)", word, elem, pred),
		Nulls: fn.Own,
		Eval: func(ctx *fn.Context, vals []table.Value) table.Value {
			if vals[0].IsNull() {
				return table.BoolValue(all)
			}
			items, ok := vals[0].Dyn().([]any)
			if !ok { // one value where a list should be
				items = []any{vals[0].Dyn()}
			}
			for _, item := range items {
				v := table.FromDyn(item)
				if v.Type() != table.Dynamic {
					v = table.DynamicValue(item)
				}
				row := func(name string) table.Value {
					if name == elem {
						return v
					}
					return vals[at[name]]
				}
				if Evaluate(ctx, pred, row).Bool() != all {
					return table.BoolValue(!all)
				}
			}
			return table.BoolValue(all)
		},
		Doc: "A condition on the elements of a collection.",
	}
	call := &plan.Call{Fn: f, Args: args, T: table.Bool}
	for _, a := range args {
		call.Info = append(call.Info, infoOf(a))
	}
	return call
}

// Evaluate an expression that a Binding gave, over a row in memory.
func Evaluate(ctx *fn.Context, e plan.Expr, row func(column string) table.Value) table.Value {
	switch e := e.(type) {
	case *plan.Const:
		return e.Value
	case *plan.Col:
		return row(e.Name)
	case *plan.Member:
		of := Evaluate(ctx, e.Of, row)
		if o, ok := of.Dyn().(*table.Object); ok && !of.IsNull() {
			if x, ok := o.Get(e.Key); ok && x != nil {
				return table.DynamicValue(x)
			}
		}
		return table.Null(table.Dynamic)
	case *plan.Call:
		vals := make([]table.Value, len(e.Args))
		if e.Fn.Name == "and" || e.Fn.Name == "or" {
			// The second side is not looked at where the first decides.
			vals[0] = Evaluate(ctx, e.Args[0], row)
			if !vals[0].IsNull() && vals[0].Bool() == (e.Fn.Name == "or") {
				return vals[0]
			}
		}
		for i, a := range e.Args {
			vals[i] = Evaluate(ctx, a, row)
		}
		return fn.Call(ctx, e.Fn, e.T, vals)
	}
	panic(fmt.Sprintf("odata: nobody compiles %T", e))
}

// maxExpr is how many parts a compiled expression may have. One that is compared with
// another stands in the plan more than once, so few words can become many parts.
const maxExpr = 20_000

// fold a call of constants, and refuse one that is too large. What now() says is
// known when the query runs.
func (c *compiler) fold(at fault.Span, e plan.Expr) plan.Expr {
	constant := true
	n := 0
	plan.Walk(e, func(e plan.Expr) bool {
		if n++; n > maxExpr {
			return false
		}
		switch e := e.(type) {
		case *plan.Col:
			constant = false
		case *plan.Call:
			constant = constant && e.Fn.Name != "now"
		}
		return true
	})
	if n > maxExpr {
		c.fail(at, "The expression is too complex.")
	}
	if !constant {
		return e
	}
	ctx := fn.NewContext(context.Background(), 0, 0, nil)
	v := Evaluate(ctx, e, nil)
	if v.IsNull() {
		v = table.Null(e.Type())
	}
	if v.Type() != e.Type() {
		return e
	}
	return &plan.Const{Value: v}
}
