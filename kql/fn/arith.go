package fn

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"sextant/table"
)

// arithmetic is the table of + - * / % and the unary minus.
//
// Two ints give a long. Longs wrap around; a whole division by zero is null; a
// remainder is never negative. Reals follow IEEE 754. A datetime outside year 1
// to 9999 is null.
func arithmetic() []Scalar {
	return []Scalar{
		{Name: "+", Sigs: arithSigs("+"), Eval: add, SQL: duck(addSQL), Doc: "Sum of two numbers, of two timespans, or of a datetime and a timespan."},
		{Name: "-", Sigs: arithSigs("-"), Eval: subtract, SQL: duck(subtractSQL), Doc: "Difference of two numbers, of two timespans (or datetimes: a timespan), or of a datetime and a timespan."},
		{Name: "*", Sigs: arithSigs("*"), Eval: multiply, SQL: duck(multiplySQL), Doc: "Product of two numbers, or of a timespan and a number."},
		{Name: "/", Sigs: arithSigs("/"), Eval: divide, SQL: duck(divideSQL), Doc: "Quotient; whole numbers give a whole number cut towards zero, null for division by zero; two timespans give a real."},
		{Name: "%", Sigs: arithSigs("%"), Eval: modulo, SQL: duck(moduloSQL), Doc: "Remainder, never negative; null when divided by zero."},
		{Name: "unary-", Aliases: []string{"unary_minus"}, Sigs: []Sig{{Params: []Param{{Name: "x", Accepts: append(summables[:len(summables):len(summables)], table.Dynamic)}},
			ResultOf: func(args []Arg) table.Type { return promoted(args[0].Type) },
			Convert:  func(args []Arg) []table.Type { return []table.Type{promoted(args[0].Type)} }}},
			Eval: negate, SQL: duck(negateSQL), Doc: "The number or timespan with its sign turned."},
	}
}

// promoted is the type that arithmetic gives a number: long for an int.
func promoted(t table.Type) table.Type {
	if t == table.Int {
		return table.Long
	}
	return t
}

// arithType is the result type of an operator for two operand types; Unknown
// where it is not defined.
func arithType(op string, a, b table.Type) table.Type {
	num := table.Type.Numeric
	dyn := func(t table.Type) bool { return t == table.Dynamic }
	dt := func(t table.Type) bool { return t == table.DateTime }
	ts := func(t table.Type) bool { return t == table.TimeSpan }
	switch {
	case num(a) && num(b):
		return promoted(max(a, b))
	case num(a) && dyn(b):
		return promoted(a)
	case dyn(a) && num(b):
		return promoted(b)
	case dyn(a) && dyn(b):
		return table.Dynamic
	}
	switch op {
	case "+":
		switch {
		case (dt(a) || dt(b)) && (dt(a) || ts(a) || dyn(a)) && (dt(b) || ts(b) || dyn(b)):
			return table.DateTime
		case (ts(a) || dyn(a)) && (ts(b) || dyn(b)):
			return table.TimeSpan
		}
	case "-":
		switch {
		case dt(a) && dt(b), dt(a) && dyn(b), dyn(a) && dt(b), (ts(a) || dyn(a)) && (ts(b) || dyn(b)):
			return table.TimeSpan
		case dt(a) && ts(b), ts(a) && dt(b):
			return table.DateTime
		}
	case "*":
		switch {
		case num(a) && (dt(b) || ts(b)):
			return b
		case (dt(a) || ts(a)) && num(b):
			return a
		case ts(a) && ts(b):
			return table.TimeSpan
		}
	case "/":
		switch {
		case (dt(a) || ts(a)) && num(b):
			return a
		case dt(a) && (dt(b) || ts(b)), ts(a) && ts(b):
			return table.Real
		}
	case "%":
		switch {
		case (dt(a) || ts(a)) && num(b):
			return a
		case dt(a) && (dt(b) || ts(b)), ts(a) && ts(b):
			return table.TimeSpan
		}
	}
	return table.Unknown
}

// arithSigs lists the pairs of operand types that an operator takes.
func arithSigs(op string) []Sig {
	kinds := []table.Type{table.Long, table.Int, table.Real, table.Decimal, table.DateTime, table.TimeSpan, table.Dynamic}
	var out []Sig
	for _, a := range kinds {
		for _, b := range kinds {
			t := arithType(op, a, b)
			if t == table.Unknown {
				continue
			}
			s := Sig{Params: []Param{{Name: "a", Accepts: []table.Type{a}}, {Name: "b", Accepts: []table.Type{b}}}, Result: t}
			to := []table.Type{a, b}
			switch {
			case t.Numeric():
				to = []table.Type{t, t}
			case a == table.Dynamic && b != table.Dynamic:
				to[0] = b
			case b == table.Dynamic && a != table.Dynamic:
				to[1] = a
			}
			s.Convert = func([]Arg) []table.Type { return to }
			out = append(out, s)
		}
	}
	return out
}

// plain unwraps dynamic operands to the numbers, timespans or datetimes in them;
// ok is false where one is null or something else.
func plain(args []table.Value) (a, b table.Value, dyn, ok bool) {
	a, b = args[0], args[1]
	if a.Type() != table.Dynamic && b.Type() != table.Dynamic {
		return a, b, false, !a.IsNull() && !b.IsNull()
	}
	a, okA := operand(a)
	b, okB := operand(b)
	return a, b, true, okA && okB
}

func operand(v table.Value) (table.Value, bool) {
	if v.IsNull() {
		return v, false
	}
	if v.Type() == table.Dynamic {
		s, ok := scalarOf(v.Dyn())
		t := s.Type()
		return s, ok && !s.IsNull() && (t.Numeric() || t == table.DateTime || t == table.TimeSpan)
	}
	return v, true
}

// arith runs an operator over operands that may be dynamic, then dispatches by
// what they are.
func arith(op string, args []table.Value, whole func(a, b int64) (int64, bool), real func(a, b float64) float64, dec func(d, a, b *apd.Decimal) error) table.Value {
	a, b, dyn, ok := plain(args)
	t := arithType(op, a.Type(), b.Type())
	if !ok || t == table.Unknown {
		if dyn {
			return table.Null(table.Dynamic)
		}
		return table.Null(t)
	}
	v := arithPlain(t, a, b, whole, real, dec)
	if dyn {
		return ToDynamic(v)
	}
	return v
}

func arithPlain(t table.Type, a, b table.Value, whole func(a, b int64) (int64, bool), real func(a, b float64) float64, dec func(d, a, b *apd.Decimal) error) table.Value {
	ta, tb := a.Type(), b.Type()
	if ta == table.Decimal && tb.Numeric() || tb == table.Decimal && ta.Numeric() {
		x, y := toDecimal(a), toDecimal(b)
		if x.IsNull() || y.IsNull() {
			return table.Null(table.Decimal)
		}
		var d apd.Decimal
		if err := dec(&d, x.Dec(), y.Dec()); err != nil || d.Form != apd.Finite {
			return table.Null(table.Decimal)
		}
		return table.DecimalValue(&d)
	}
	fractional := func(t table.Type) bool { return t == table.Real || t == table.Decimal }
	if t == table.Real {
		return table.RealValue(real(a.Number(), b.Number()))
	}
	var n int64
	if fractional(ta) || fractional(tb) { // a time and a number with a fraction
		f := real(a.Number(), b.Number())
		if math.IsNaN(f) || math.Abs(f) >= 9.2233720368547758e18 {
			return table.Null(t)
		}
		n = int64(f)
	} else {
		var ok bool
		if n, ok = whole(a.Int64(), b.Int64()); !ok {
			return table.Null(t)
		}
	}
	switch t {
	case table.DateTime:
		return dateTimeOrNull(table.LongValue(n))
	case table.TimeSpan:
		return table.TimeSpanValue(n)
	}
	return table.LongValue(n)
}

func add(_ *Context, args []table.Value) table.Value {
	return arith("+", args, func(a, b int64) (int64, bool) { return a + b, true }, func(a, b float64) float64 { return a + b },
		func(d, a, b *apd.Decimal) error { _, err := decimals.Add(d, a, b); return err })
}

func subtract(_ *Context, args []table.Value) table.Value {
	return arith("-", args, func(a, b int64) (int64, bool) { return a - b, true }, func(a, b float64) float64 { return a - b },
		func(d, a, b *apd.Decimal) error { _, err := decimals.Sub(d, a, b); return err })
}

func multiply(_ *Context, args []table.Value) table.Value {
	return arith("*", args, func(a, b int64) (int64, bool) { return a * b, true }, func(a, b float64) float64 { return a * b },
		func(d, a, b *apd.Decimal) error { _, err := decimals.Mul(d, a, b); return err })
}

func divide(_ *Context, args []table.Value) table.Value {
	return arith("/", args, func(a, b int64) (int64, bool) {
		if b == 0 {
			return 0, false
		}
		return a / b, true
	}, func(a, b float64) float64 { return a / b },
		func(d, a, b *apd.Decimal) error { _, err := decimals.Quo(d, a, b); return err })
}

func modulo(_ *Context, args []table.Value) table.Value {
	return arith("%", args, func(a, b int64) (int64, bool) {
		if b == 0 {
			return 0, false
		}
		return floorMod(a, b), true
	}, realMod,
		func(d, a, b *apd.Decimal) error {
			_, err := decimals.Rem(d, a, b)
			if err == nil && d.Negative && !d.IsZero() {
				var abs apd.Decimal
				abs.Abs(b)
				_, err = decimals.Add(d, d, &abs)
			}
			return err
		})
}

// floorMod is the remainder that is never negative.
func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		if b < 0 {
			return m - b
		}
		return m + b
	}
	return m
}

func realMod(a, b float64) float64 {
	m := math.Mod(a, b)
	if m < 0 {
		return m + math.Abs(b)
	}
	return m
}

func negate(_ *Context, args []table.Value) table.Value {
	v := args[0]
	if v.Type() == table.Dynamic {
		s, ok := operand(v)
		if !ok {
			return table.Null(table.Dynamic)
		}
		return ToDynamic(negate(nil, []table.Value{s}))
	}
	if v.IsNull() {
		return table.Null(promoted(v.Type()))
	}
	switch v.Type() {
	case table.Real:
		return table.RealValue(-v.Float64())
	case table.Decimal:
		var d apd.Decimal
		d.Neg(v.Dec())
		return table.DecimalValue(&d)
	case table.TimeSpan:
		return table.TimeSpanValue(-v.Int64())
	case table.DateTime:
		return dateTimeOrNull(table.LongValue(-v.Int64()))
	}
	return table.LongValue(-v.Int64())
}
