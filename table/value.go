package table

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// Value is one cell. The zero Value is the null of type Unknown. Values are
// immutable and may be copied freely.
type Value struct {
	typ Type
	ok  bool
	n   int64 // bool, int, long, datetime, timespan; the bits of a real
	s   string
	d   any // *apd.Decimal, or the parsed form of a dynamic (see dynamic.go)
}

// Null of a type. A string has no null: Null(String) is the empty string.
func Null(t Type) Value { return Value{typ: t, ok: t == String} }

func BoolValue(b bool) Value {
	v := Value{typ: Bool, ok: true}
	if b {
		v.n = 1
	}
	return v
}
func IntValue(n int64) Value          { return Value{typ: Int, ok: true, n: int64(int32(n))} }
func LongValue(n int64) Value         { return Value{typ: Long, ok: true, n: n} }
func RealValue(f float64) Value       { return Value{typ: Real, ok: true, n: int64(math.Float64bits(f))} }
func StringValue(s string) Value      { return Value{typ: String, ok: true, s: s} }
func DateTimeValue(ticks int64) Value { return Value{typ: DateTime, ok: true, n: ticks} }
func TimeSpanValue(ticks int64) Value { return Value{typ: TimeSpan, ok: true, n: ticks} }

// GuidValue takes lower-case text with dashes; ParseGuid makes it.
func GuidValue(text string) Value { return Value{typ: Guid, ok: true, s: text} }

func DecimalValue(d *apd.Decimal) Value {
	if d == nil {
		return Null(Decimal)
	}
	return Value{typ: Decimal, ok: true, d: d}
}

// DynamicValue of a parsed form: nil (gives null), bool, int64, float64, string,
// []any, *Object, or a Value of type datetime, timespan, guid or decimal.
func DynamicValue(d any) Value {
	if d == nil {
		return Null(Dynamic)
	}
	return Value{typ: Dynamic, ok: true, d: d}
}

// DynamicText is a dynamic that keeps its exact JSON text and is parsed when
// somebody looks inside. Text that is not JSON is a dynamic string.
// The empty text and "null" are the null.
func DynamicText(json string) Value {
	if json == "" || json == "null" {
		return Null(Dynamic)
	}
	return Value{typ: Dynamic, ok: true, s: json, d: &lazy{}}
}

func (v Value) Type() Type   { return v.typ }
func (v Value) IsNull() bool { return !v.ok }

// Int64 is the number behind bool, int, long, datetime and timespan; 0 when null.
func (v Value) Int64() int64 { return v.n }
func (v Value) Bool() bool   { return v.ok && v.n != 0 }

// Float64 of a real; use Number for any numeric type.
func (v Value) Float64() float64 { return math.Float64frombits(uint64(v.n)) }

// Str is the text of a string or guid.
func (v Value) Str() string { return v.s }

// Dec of a decimal; nil when null.
func (v Value) Dec() *apd.Decimal { d, _ := v.d.(*apd.Decimal); return d }

// Number is the value of a numeric, datetime or timespan as a float64.
func (v Value) Number() float64 {
	switch v.typ {
	case Real:
		return v.Float64()
	case Decimal:
		if d := v.Dec(); d != nil {
			f, _ := d.Float64()
			return f
		}
		return 0
	}
	return float64(v.n)
}
