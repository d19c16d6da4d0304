package eval

import (
	"math"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Comparisons, sums and connectives over whole vectors. They stand for the
// catalogue's evaluator on cells that are not null and whose meaning nobody doubts;
// every other cell goes through the evaluator. A test holds them against each
// other.

type vectorFunc func(b *table.Batch) table.Vector

// fastOperator picks a loop for an operator over two vectors of one type, or gives
// generic.
func fastOperator(e *plan.Call, args []*node, n *node, generic vectorFunc) vectorFunc {
	if len(args) != 2 || args[0].t != args[1].t {
		return generic
	}
	op, t := e.Fn.Name, args[0].t
	l, r := args[0], args[1]
	switch {
	case e.T == table.Bool && comparison(op):
		switch t {
		case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
			return loop(l, r, n, nums, bits, compare[int64](op), nil)
		case table.String:
			return loop(l, r, n, texts, bits, compare[string](op), nil)
		case table.Guid:
			if op == "==" || op == "!=" {
				return loop(l, r, n, texts, bits, compare[string](op), nil)
			}
		case table.Real:
			return loop(l, r, n, reals, bits, compare[float64](op), func(a, b float64) bool { return math.IsNaN(a) || math.IsNaN(b) })
		}
	case e.T == t && t == table.Long:
		switch op {
		case "+":
			return loop(l, r, n, nums, numsOut, func(a, b int64) int64 { return a + b }, nil)
		case "-":
			return loop(l, r, n, nums, numsOut, func(a, b int64) int64 { return a - b }, nil)
		case "*":
			return loop(l, r, n, nums, numsOut, func(a, b int64) int64 { return a * b }, func(a, b int64) bool {
				return a > math.MaxInt32 || a < math.MinInt32 || b > math.MaxInt32 || b < math.MinInt32
			})
		}
	case e.T == t && t == table.Real:
		switch op {
		case "+":
			return loop(l, r, n, reals, realsOut, func(a, b float64) float64 { return a + b }, nil)
		case "-":
			return loop(l, r, n, reals, realsOut, func(a, b float64) float64 { return a - b }, nil)
		case "*":
			return loop(l, r, n, reals, realsOut, func(a, b float64) float64 { return a * b }, nil)
		}
	}
	return generic
}

func comparison(op string) bool {
	switch op {
	case "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

func compare[T int64 | string | float64](op string) func(a, b T) int64 {
	switch op {
	case "==":
		return func(a, b T) int64 { return bit(a == b) }
	case "!=":
		return func(a, b T) int64 { return bit(a != b) }
	case "<":
		return func(a, b T) int64 { return bit(a < b) }
	case "<=":
		return func(a, b T) int64 { return bit(a <= b) }
	case ">":
		return func(a, b T) int64 { return bit(a > b) }
	}
	return func(a, b T) int64 { return bit(a >= b) }
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func nums(v *table.Vector) []int64    { return v.N }
func reals(v *table.Vector) []float64 { return v.F }
func texts(v *table.Vector) []string  { return v.S }

func bits(t table.Type, out []int64) table.Vector       { return table.Vector{Type: t, N: out} }
func numsOut(t table.Type, out []int64) table.Vector    { return table.Vector{Type: t, N: out} }
func realsOut(t table.Type, out []float64) table.Vector { return table.Vector{Type: t, F: out} }

func loop[A int64 | float64 | string, Z int64 | float64](l, r, n *node, cells func(*table.Vector) []A, vector func(table.Type, []Z) table.Vector, f func(a, b A) Z, odd func(a, b A) bool) vectorFunc {
	return func(b *table.Batch) table.Vector {
		var lc, rc A
		var ls, rs []A
		var lv, rv table.Vector
		if l.value != nil {
			lc, lv = one(l, cells)
		} else {
			lv = l.vector(b)
			ls = cells(&lv)
		}
		if r.value != nil {
			rc, rv = one(r, cells)
		} else {
			rv = r.vector(b)
			rs = cells(&rv)
		}
		null := func(v *table.Vector, n *node, i int) bool {
			if n.value != nil {
				i = 0
			}
			return v.IsNull(i)
		}
		out := make([]Z, b.Rows)
		simple := lv.Valid == nil && rv.Valid == nil && odd == nil
		if simple {
			switch {
			case ls != nil && rs != nil:
				for i := range out {
					out[i] = f(ls[i], rs[i])
				}
			case ls != nil:
				for i := range out {
					out[i] = f(ls[i], rc)
				}
			default:
				for i := range out {
					if rs != nil {
						rc = rs[i]
					}
					out[i] = f(lc, rc)
				}
			}
			return vector(n.t, out)
		}
		// Some cells are for the evaluator.
		v := table.NewVector(n.t, b.Rows)
		for i := range b.Rows {
			if ls != nil {
				lc = ls[i]
			}
			if rs != nil {
				rc = rs[i]
			}
			if null(&lv, l, i) || null(&rv, r, i) || odd != nil && odd(lc, rc) {
				v.Append(n.at(b, i))
				continue
			}
			one := []Z{f(lc, rc)}
			cell := vector(n.t, one)
			appendFrom(&v, &cell, 0)
		}
		return v
	}
}

// one cell of a constant.
func one[A any](n *node, cells func(*table.Vector) []A) (A, table.Vector) {
	v := repeat(*n.value, n.t, 1)
	return cells(&v)[0], v
}

// fastLogic is and, or over vectors that are cheap to compute whole.
func fastLogic(e *plan.Call, args []*node, n *node) vectorFunc {
	if e.Fn.Name != "and" && e.Fn.Name != "or" || len(args) != 2 || args[0].vec == nil || args[1].vec == nil || !cheap(e.Args[1]) {
		return nil
	}
	and := e.Fn.Name == "and"
	return func(b *table.Batch) table.Vector {
		l, r := args[0].vector(b), args[1].vector(b)
		if l.Valid != nil || r.Valid != nil {
			v := table.NewVector(table.Bool, b.Rows)
			for i := range b.Rows {
				v.Append(n.at(b, i))
			}
			return v
		}
		out := make([]int64, b.Rows)
		for i := range out {
			if and {
				out[i] = l.N[i] & r.N[i]
			} else {
				out[i] = l.N[i] | r.N[i]
			}
		}
		return table.Vector{Type: table.Bool, N: out}
	}
}

// cheap expressions cost less than asking row by row whether they are needed.
func cheap(e plan.Expr) bool {
	ok := true
	plan.Walk(e, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Const, *plan.Col:
		case *plan.Call:
			ok = ok && (comparison(e.Fn.Name) || e.Fn.Name == "and" || e.Fn.Name == "or")
		default:
			ok = false
		}
		return ok
	})
	return ok
}

// fastIn looks a value up in a set where in and its kin have a long list of constants
// of the value's own type; nil elsewhere.
func fastIn(op string, args []*node) func(x table.Value) table.Value {
	const long = 8 // a shorter list is as fast to walk
	not, fold := false, false
	switch op {
	case "in":
	case "!in":
		not = true
	case "in~":
		fold = true
	case "!in~":
		not, fold = true, true
	default:
		return nil
	}
	t := args[0].t
	texts, whole := map[string]bool{}, map[int64]bool{}
	n := 0
	add := func(d any) bool {
		n++
		switch d := d.(type) {
		case string:
			if fold {
				d = fn.Lower(d)
			}
			texts[d] = true
			return t == table.String
		case int64:
			whole[d] = true
			return (t == table.Long || t == table.Int) && !fold
		}
		return false
	}
	for _, a := range args[1:] {
		if a.value == nil || a.value.IsNull() {
			return nil
		}
		d := fn.ToDynamic(*a.value).Dyn()
		list, ok := d.([]any)
		if !ok {
			list = []any{d}
		}
		for _, e := range list {
			if !add(e) {
				return nil
			}
		}
	}
	if n < long {
		return nil
	}
	return func(x table.Value) table.Value {
		switch {
		case x.IsNull():
			return table.BoolValue(not)
		case t != table.String:
			return table.BoolValue(whole[x.Int64()] != not)
		case fold:
			return table.BoolValue(texts[fn.Lower(x.Str())] != not)
		}
		return table.BoolValue(texts[x.Str()] != not)
	}
}
