package fn

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"sextant/table"
)

// mathematics is the table of functions of numbers.
func mathematics() []Scalar {
	// real functions take any number and give a real.
	real := func(name, doc string, f func(float64) float64) Scalar {
		return Scalar{Name: name, Sigs: realSig("number:number -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.RealValue(f(a[0].Float64()))
		}, Doc: doc}
	}
	logarithm := func(name, doc string, f func(float64) float64) Scalar {
		return Scalar{Name: name, Sigs: realSig("number:number -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			if a[0].Float64() < 0 {
				return table.Null(table.Real)
			}
			return table.RealValue(f(a[0].Float64()))
		}, Doc: doc}
	}
	test := func(name, doc, form string, f func(float64) bool) Scalar {
		return Scalar{Name: name, Sigs: sigs("number:real -> bool"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			return table.BoolValue(!a[0].IsNull() && f(a[0].Float64()))
		}, SQL: duck(strict("coalesce("+form+"(%s), FALSE)", table.Real)), Doc: doc}
	}
	whole := func(name, doc, form string, f func(a, b int64) int64) Scalar {
		s := Scalar{Name: name, Sigs: sigs("value1:long, value2:long -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.LongValue(f(a[0].Int64(), a[1].Int64()))
		}, Doc: doc}
		if form != "" {
			s.SQL = duck(strict(form, table.Long))
		}
		return s
	}
	binSigs := sigs("value:number, roundTo:number -> $widest", "value:timespan, roundTo:timespan -> timespan", "value:datetime, roundTo:timespan -> datetime", "value:datetime, roundTo:datetime -> datetime")
	return []Scalar{
		{Name: "abs", Sigs: []Sig{{Params: []Param{{Name: "number", Accepts: append(numbers[:len(numbers):len(numbers)], table.TimeSpan)}},
			ResultOf: func(a []Arg) table.Type { return promoted(fromDynamic(a[0].Type)) }, Convert: func(a []Arg) []table.Type { return []table.Type{promoted(fromDynamic(a[0].Type))} }}},
			Eval: func(_ *Context, a []table.Value) table.Value {
				switch v := a[0]; v.Type() {
				case table.Real:
					return table.RealValue(math.Abs(v.Float64()))
				case table.Decimal:
					var d apd.Decimal
					d.Abs(v.Dec())
					return table.DecimalValue(&d)
				default:
					if v.Int64() < 0 {
						return negate(nil, a)
					}
					return v
				}
			}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
				if info[0].Type == table.Real {
					return "abs(" + args[0] + ")", true
				}
				return wrapped("abs(" + fmt.Sprintf(huge, args[0]) + ")"), allOf(info, table.Long, table.TimeSpan)
			}), Doc: "The number without its sign."},
		{Name: "sign", Sigs: realSig("number:number -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			switch f := a[0].Float64(); {
			case f > 0:
				return table.RealValue(1)
			case f < 0:
				return table.RealValue(-1)
			}
			return table.RealValue(0)
		}, Doc: "-1, 0 or 1 by the number's sign."},
		{Name: "bin", Sigs: binSigs, Eval: bin, SQL: duck(binSQL), Doc: "The value rounded down to a multiple of a size; null where the size is not positive."},
		{Name: "floor", Sigs: append(binSigs[:len(binSigs):len(binSigs)], sigs("value:number -> $0")...), Eval: bin, SQL: duck(binSQL), Doc: "As bin."},
		{Name: "bin_at", Sigs: sigs("value:number, size:number, fixed:number -> $widest", "value:timespan, size:timespan, fixed:timespan -> timespan", "value:datetime, size:timespan, fixed:datetime -> datetime"),
			Eval: binAt, Doc: "The value rounded down to a fixed point plus a multiple of a size."},
		{Name: "bin_auto", Sigs: sigs("value:summable -> $0"), Refused: "it takes its size from the query's settings (query_bin_auto_size); write bin(value, size)", Doc: "bin with a size from the query's settings."},
		{Name: "ceiling", Sigs: sigs("number:number -> $0"), Eval: func(_ *Context, a []table.Value) table.Value {
			switch v := a[0]; v.Type() {
			case table.Real:
				return table.RealValue(math.Ceil(v.Float64()))
			case table.Decimal:
				var d apd.Decimal
				_, _ = decimals.Ceil(&d, v.Dec())
				return table.DecimalValue(&d)
			default:
				return v
			}
		}, Doc: "The least whole number that is not less."},
		{Name: "round", Sigs: sigs("number:number, precision?:long -> $0"), Eval: round, SQL: duck(roundSQL), Doc: "The number rounded to a number of digits after the point, halves away from zero."},
		real("sqrt", "Square root; NaN of a negative number.", math.Sqrt),
		real("exp", "e to a power.", math.Exp),
		real("exp2", "2 to a power.", math.Exp2),
		real("exp10", "10 to a power.", func(f float64) float64 { return math.Pow(10, f) }),
		logarithm("log", "Natural logarithm; null of a negative number.", math.Log),
		logarithm("log2", "Logarithm to base 2; null of a negative number.", math.Log2),
		logarithm("log10", "Logarithm to base 10; null of a negative number.", math.Log10),
		real("sin", "Sine.", math.Sin),
		real("cos", "Cosine.", math.Cos),
		real("tan", "Tangent.", math.Tan),
		real("cot", "Cotangent.", func(f float64) float64 { return 1 / math.Tan(f) }),
		real("asin", "Arc sine.", math.Asin),
		real("acos", "Arc cosine.", math.Acos),
		real("atan", "Arc tangent.", math.Atan),
		{Name: "atan2", Sigs: realSig("y:number, x:number -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.RealValue(math.Atan2(a[0].Float64(), a[1].Float64()))
		}, Doc: "Angle of the point (x, y)."},
		{Name: "pow", Sigs: realSig("base:number, exponent:number -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.RealValue(math.Pow(a[0].Float64(), a[1].Float64()))
		}, Doc: "The base to a power."},
		real("degrees", "Radians in degrees.", func(f float64) float64 { return f * (180 / math.Pi) }),
		real("radians", "Degrees in radians.", func(f float64) float64 { return f * (math.Pi / 180) }),
		{Name: "pi", Sigs: sigs("-> real"), Eval: func(*Context, []table.Value) table.Value { return table.RealValue(math.Pi) }, Doc: "The number pi."},
		real("gamma", "Gamma function.", math.Gamma),
		real("loggamma", "Logarithm of the gamma function.", func(f float64) float64 { v, _ := math.Lgamma(f); return v }),
		real("erf", "Error function.", math.Erf),
		real("erfc", "Complement of the error function.", math.Erfc),
		test("isnan", "Whether the number is NaN; false for null.", "isnan", math.IsNaN),
		test("isinf", "Whether the number is infinite; false for null.", "isinf", func(f float64) bool { return math.IsInf(f, 0) }),
		test("isfinite", "Whether the number is finite; false for null.", "isfinite", func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }),
		whole("binary_and", "Bitwise and.", "(%s & %s)", func(a, b int64) int64 { return a & b }),
		whole("binary_or", "Bitwise or.", "(%s | %s)", func(a, b int64) int64 { return a | b }),
		whole("binary_xor", "Bitwise exclusive or.", "xor(%s, %s)", func(a, b int64) int64 { return a ^ b }),
		whole("binary_shift_left", "Bits moved to the left, by the count modulo 64.", "", func(a, b int64) int64 { return a << uint(b&63) }),
		whole("binary_shift_right", "Bits moved to the right, by the count modulo 64.", "", func(a, b int64) int64 { return a >> uint(b&63) }),
		{Name: "binary_not", Sigs: sigs("value:long -> long"), Eval: func(_ *Context, a []table.Value) table.Value { return table.LongValue(^a[0].Int64()) }, SQL: duck(strict("(~%s)", table.Long)), Doc: "Bitwise negation."},
		{Name: "bitset_count_ones", Sigs: sigs("value:long -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.LongValue(int64(bits.OnesCount64(uint64(a[0].Int64()))))
		}, Doc: "Number of bits that are set."},
		{Name: "tohex", Sigs: sigs("value:long, minLength?:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			s := strconv.FormatUint(uint64(a[0].Int64()), 16)
			if len(a) > 1 && int64(len(s)) < a[1].Int64() {
				s = strings.Repeat("0", int(min(a[1].Int64(), 1024))-len(s)) + s
			}
			return str(s)
		}, Doc: "The number in hexadecimal, with zeros before it up to a length."},
		{Name: "rand", Sigs: sigs("n?:long -> real"), Volatile: true, Eval: func(c *Context, a []table.Value) table.Value {
			if len(a) > 0 && a[0].Int64() > 1 {
				return table.RealValue(float64(c.Random(a[0].Int64())))
			}
			return table.RealValue(c.RandomReal())
		}, Doc: "A random number from 0 to 1, or a whole number below n."},
		{Name: "format_bytes", Sigs: sigs("size:number, precision?:number, units?:string -> string"), Eval: formatBytes, Doc: "A number of bytes for people: 10.1 KB."},
	}
}

// fromDynamic is the number type that a dynamic argument becomes.
func fromDynamic(t table.Type) table.Type {
	if t == table.Dynamic {
		return table.Real
	}
	return t
}

// realSig is a signature whose numbers are all converted to real.
func realSig(text string) []Sig {
	s := parseSig(text)
	s.Convert = func(a []Arg) []table.Type {
		out := make([]table.Type, len(a))
		for i := range out {
			out[i] = table.Real
		}
		return out
	}
	return []Sig{s}
}

// bin rounds down: to a multiple of the second argument, or to a whole number.
func bin(_ *Context, a []table.Value) table.Value {
	v := a[0]
	if len(a) == 1 {
		switch v.Type() {
		case table.Real:
			return table.RealValue(math.Floor(v.Float64()))
		case table.Decimal:
			var d apd.Decimal
			_, _ = decimals.Floor(&d, v.Dec())
			return table.DecimalValue(&d)
		}
		return v
	}
	size := a[1]
	null := table.Null(v.Type())
	switch v.Type() {
	case table.Real:
		s := size.Float64()
		if !(s > 0) {
			return null
		}
		return table.RealValue(math.Floor(v.Float64()/s) * s)
	case table.Decimal:
		if size.Dec().Sign() <= 0 {
			return null
		}
		var q, f, r apd.Decimal
		if _, err := decimals.Quo(&q, v.Dec(), size.Dec()); err != nil {
			return null
		}
		_, _ = decimals.Floor(&f, &q)
		_, _ = decimals.Mul(&r, &f, size.Dec())
		return table.DecimalValue(&r)
	}
	s := size.Int64()
	if s <= 0 {
		return null
	}
	n := v.Int64() - floorMod(v.Int64(), s)
	switch v.Type() {
	case table.DateTime:
		return dateTimeOrNull(table.LongValue(n))
	case table.TimeSpan:
		return table.TimeSpanValue(n)
	}
	return table.LongValue(n)
}

func binSQL(args []string, info []Arg, result table.Type) (string, bool) {
	if len(args) != 2 || !nonZero(info[1]) {
		return "", false
	}
	size := info[1].Const
	switch result {
	case table.Real:
		if !allOf(info, table.Real) || !(size.Float64() > 0) || math.IsInf(size.Float64(), 0) {
			return "", false
		}
		return fmt.Sprintf("(floor(%[1]s / %[2]s) * %[2]s)", args[0], args[1]), true
	case table.DateTime:
		if size.Int64() > 0 && info[0].Type == table.DateTime {
			return fmt.Sprintf("(%[1]s - %[1]s %% %[2]d)", args[0], size.Int64()), true
		}
	case table.Long, table.TimeSpan:
		if size.Int64() > 0 && allOf(info, table.Long, table.TimeSpan) {
			x := fmt.Sprintf(huge, args[0])
			return wrapped(fmt.Sprintf("(%[1]s - ((%[1]s %% %[2]d) + %[2]d) %% %[2]d)", x, size.Int64())), true
		}
	}
	return "", false
}

func binAt(_ *Context, a []table.Value) table.Value {
	v, size, at := a[0], a[1], a[2]
	if v.Type() == table.Real {
		s := size.Float64()
		if !(s > 0) {
			return table.Null(table.Real)
		}
		return table.RealValue(at.Float64() + math.Floor((v.Float64()-at.Float64())/s)*s)
	}
	if v.Type() == table.Decimal {
		d := subtract(nil, []table.Value{v, at})
		d = bin(nil, []table.Value{d, size})
		if d.IsNull() {
			return d
		}
		return add(nil, []table.Value{at, d})
	}
	s := size.Int64()
	if s <= 0 {
		return table.Null(v.Type())
	}
	d := v.Int64() - at.Int64()
	n := at.Int64() + d - floorMod(d, s)
	switch v.Type() {
	case table.DateTime:
		return dateTimeOrNull(table.LongValue(n))
	case table.TimeSpan:
		return table.TimeSpanValue(n)
	}
	return table.LongValue(n)
}

func round(_ *Context, a []table.Value) table.Value {
	digits := int64(0)
	if len(a) > 1 {
		digits = max(-400, min(400, a[1].Int64()))
	}
	switch v := a[0]; v.Type() {
	case table.Real:
		return table.RealValue(roundReal(v.Float64(), int(digits)))
	case table.Decimal:
		c := decimals
		c.Rounding = apd.RoundHalfUp
		var d apd.Decimal
		if _, err := c.Quantize(&d, v.Dec(), int32(-digits)); err != nil {
			return v
		}
		return table.DecimalValue(&d)
	default:
		if digits >= 0 || digits < -18 {
			return v
		}
		f := roundReal(float64(v.Int64()), int(digits))
		if v.Type() == table.Int {
			return table.IntValue(truncate(f))
		}
		return table.LongValue(truncate(f))
	}
}

// roundSQL is roundReal with a constant number of digits.
func roundSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if info[0].Type != table.Real {
		return "", false
	}
	if len(args) == 1 {
		return "round(" + args[0] + ")", true
	}
	if d := info[1].Const; d == nil || d.IsNull() || d.Int64() < 0 || d.Int64() > 20 {
		return "", false
	}
	scale, _ := Literal(DuckDB, table.RealValue(math.Pow(10, float64(info[1].Const.Int64()))))
	return fmt.Sprintf("CASE WHEN isfinite(%[1]s * %[2]s) THEN round(%[1]s * %[2]s) / %[2]s ELSE %[1]s END", args[0], scale), true
}

func roundReal(f float64, digits int) float64 {
	if digits == 0 {
		return math.Round(f)
	}
	scale := math.Pow(10, float64(digits))
	if r := math.Round(f*scale) / scale; !math.IsNaN(r) && !math.IsInf(r, 0) {
		return r
	}
	return f
}

func formatBytes(_ *Context, a []table.Value) table.Value {
	units := []string{"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"}
	size := a[0].Number()
	precision := 0
	if len(a) > 1 {
		precision = int(max(0, min(15, a[1].Number())))
	}
	unit := 0
	if len(a) > 2 {
		unit = -1
		for i, u := range units {
			if strings.EqualFold(u, a[2].Str()) || i == 0 && strings.EqualFold("B", a[2].Str()) {
				unit = i
			}
		}
		if unit < 0 {
			return str("")
		}
		size /= math.Pow(1024, float64(unit))
	} else {
		for math.Abs(size) >= 1024 && unit < len(units)-1 {
			size /= 1024
			unit++
		}
	}
	return str(strconv.FormatFloat(roundReal(size, precision), 'f', -1, 64) + " " + units[unit])
}
