package fn

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"sextant/table"
)

// Convert gives v as a value of another type, as the to…() functions do: null
// where it cannot be. To dynamic it wraps: text becomes a dynamic string.
func Convert(v table.Value, to table.Type) table.Value {
	if v.Type() == to {
		return v
	}
	if v.IsNull() {
		return table.Null(to)
	}
	switch to {
	case table.Bool:
		return toBool(v)
	case table.Int:
		return toInt(v)
	case table.Long:
		return toLong(v)
	case table.Real:
		return toReal(v)
	case table.Decimal:
		return toDecimal(v)
	case table.String:
		return table.StringValue(ToText(v))
	case table.DateTime:
		return toDateTime(v)
	case table.TimeSpan:
		return toTimeSpan(v)
	case table.Guid:
		return toGuid(v)
	case table.Dynamic:
		return ToDynamic(v)
	}
	return v
}

// ImplicitConvert converts an argument where Implicit allows it; elsewhere it is
// Convert.
func ImplicitConvert(v table.Value, to table.Type) table.Value { return Convert(v, to) }

// ToDynamic wraps a value of any type as a dynamic.
func ToDynamic(v table.Value) table.Value {
	if v.Type() == table.Dynamic {
		return v
	}
	return table.DynamicValue(dynOf(v))
}

// dynOf is the parsed form of a value inside a dynamic; nil for a null.
func dynOf(v table.Value) any {
	if v.IsNull() {
		return nil
	}
	switch v.Type() {
	case table.Bool:
		return v.Bool()
	case table.Int, table.Long:
		return v.Int64()
	case table.Real:
		return v.Float64()
	case table.String:
		return v.Str()
	case table.Dynamic:
		return v.Dyn()
	}
	return v
}

// scalarOf is the scalar value that an element of a dynamic holds, in its own
// type; ok is false for arrays and bags. nil is the dynamic null.
func scalarOf(d any) (table.Value, bool) {
	switch x := d.(type) {
	case nil:
		return table.Null(table.Dynamic), true
	case bool:
		return table.BoolValue(x), true
	case int64:
		return table.LongValue(x), true
	case float64:
		return table.RealValue(x), true
	case string:
		return table.StringValue(x), true
	case table.Value:
		if x.Type() == table.Dynamic {
			return scalarOf(x.Dyn())
		}
		return x, true
	}
	return table.Value{}, false
}

const blanks = " \t\r\n\v\f"

// parseLong reads an integer as tolong() does: blanks around it, a sign, decimal
// digits or 0x and hexadecimal ones.
func parseLong(s string) (int64, bool) {
	s = strings.Trim(s, blanks)
	if s == "" {
		return 0, false
	}
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		n, err := strconv.ParseUint(s[2:], 16, 63)
		return int64(n), err == nil
	}
	body, sign := s, ""
	if s[0] == '+' || s[0] == '-' {
		body = s[1:]
		if s[0] == '-' {
			sign = "-"
		}
	}
	if body == "" {
		return 0, false
	}
	for i := range len(body) {
		if body[i] < '0' || body[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(sign+body, 10, 64)
	return n, err == nil
}

// parseReal reads a real as todouble() does.
func parseReal(s string) (float64, bool) {
	s = strings.Trim(s, blanks)
	if !isDecimalNumber(s) {
		sign := 1.0
		switch {
		case strings.HasPrefix(s, "-"):
			sign, s = -1, s[1:]
		case strings.HasPrefix(s, "+"):
			s = s[1:]
		}
		switch s {
		case "nan", "NaN":
			return math.NaN(), true
		case "inf", "Inf", "infinity", "Infinity":
			return sign * math.Inf(1), true
		}
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// isDecimalNumber: [+-] digits [. digits] [e [+-] digits], with a digit before or
// after the point.
func isDecimalNumber(s string) bool {
	i := 0
	run := func() int {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - from
	}
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	n := run()
	if i < len(s) && s[i] == '.' {
		i++
		n += run()
	}
	if n == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if run() == 0 {
			return false
		}
	}
	return i == len(s)
}

// parseBool reads true and false in any case without blanks, or an integer.
func parseBool(s string) (bool, bool) {
	if strings.EqualFold(s, "true") {
		return true, true
	}
	if strings.EqualFold(s, "false") {
		return false, true
	}
	n, ok := parseLong(s)
	return n != 0, ok
}

// decimals is the arithmetic of decimals: 34 digits, never a trap.
var decimals = apd.Context{Precision: 34, MaxExponent: 6144, MinExponent: -6143, Rounding: apd.RoundHalfEven}

func parseDecimal(s string) (*apd.Decimal, bool) {
	s = strings.Trim(s, blanks)
	if !isDecimalNumber(s) {
		return nil, false
	}
	var d apd.Decimal
	if _, _, err := decimals.SetString(&d, s); err != nil || d.Form != apd.Finite {
		return nil, false
	}
	return &d, true
}

// ParseDecimal reads a decimal literal's text.
func ParseDecimal(text string) (table.Value, bool) {
	d, ok := parseDecimal(text)
	if !ok {
		return table.Null(table.Decimal), false
	}
	return table.DecimalValue(d), true
}

// truncate a real to a long: what does not fit is the nearest long, NaN is 0.
func truncate(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= 9223372036854775808:
		return math.MaxInt64
	case f <= -9223372036854775808:
		return math.MinInt64
	}
	return int64(f)
}

// truncate32 is truncate to the nearest int.
func truncate32(f float64) int64 {
	return max(min(truncate(f), math.MaxInt32), math.MinInt32)
}

func decimalLong(d *apd.Decimal) (int64, bool) {
	var whole apd.Decimal
	c := decimals
	c.Rounding = apd.RoundDown
	if _, err := c.RoundToIntegralValue(&whole, d); err != nil {
		return 0, false
	}
	n, err := whole.Int64()
	return n, err == nil
}

func toBool(v table.Value) table.Value {
	null := table.Null(table.Bool)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Bool:
		return v
	case table.Int, table.Long:
		return table.BoolValue(v.Int64() != 0)
	case table.Real:
		return table.BoolValue(v.Float64() != 0)
	case table.Decimal:
		return table.BoolValue(!v.Dec().IsZero())
	case table.String:
		if b, ok := parseBool(v.Str()); ok {
			return table.BoolValue(b)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toBool(s)
		}
	}
	return null
}

func toLong(v table.Value) table.Value {
	null := table.Null(table.Long)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		return table.LongValue(v.Int64())
	case table.Real:
		return table.LongValue(truncate(v.Float64()))
	case table.Decimal:
		if n, ok := decimalLong(v.Dec()); ok {
			return table.LongValue(n)
		}
	case table.String:
		if n, ok := parseLong(v.Str()); ok {
			return table.LongValue(n)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toLong(s)
		}
	}
	return null
}

// toInt keeps the low 32 bits of a number that is too large, as Kusto does; text
// that is too large is null.
func toInt(v table.Value) table.Value {
	null := table.Null(table.Int)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Real:
		return table.IntValue(truncate32(v.Float64()))
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toInt(s)
		}
		return null
	}
	n := toLong(v)
	if n.IsNull() || v.Type() == table.String && n.Int64() != int64(int32(n.Int64())) {
		return null
	}
	return table.IntValue(n.Int64())
}

func toReal(v table.Value) table.Value {
	null := table.Null(table.Real)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Real:
		return v
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		return table.RealValue(float64(v.Int64()))
	case table.Decimal:
		return table.RealValue(v.Number())
	case table.String:
		if f, ok := parseReal(v.Str()); ok {
			return table.RealValue(f)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toReal(s)
		}
	}
	return null
}

func toDecimal(v table.Value) table.Value {
	null := table.Null(table.Decimal)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Decimal:
		return v
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		return table.DecimalValue(apd.New(v.Int64(), 0))
	case table.Real:
		if d, ok := parseDecimal(strconv.FormatFloat(v.Float64(), 'g', -1, 64)); ok {
			return table.DecimalValue(d)
		}
	case table.String:
		if d, ok := parseDecimal(v.Str()); ok {
			return table.DecimalValue(d)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toDecimal(s)
		}
	}
	return null
}

func toDateTime(v table.Value) table.Value {
	null := table.Null(table.DateTime)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.DateTime:
		return v
	case table.Int, table.Long, table.TimeSpan, table.Real, table.Decimal:
		return dateTimeOrNull(toLong(v))
	case table.String:
		if t, ok := ParseDateTime(v.Str()); ok {
			return table.DateTimeValue(t)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toDateTime(s)
		}
	}
	return null
}

// dateTimeOrNull is the datetime of a long's ticks, null outside year 1 to 9999.
func dateTimeOrNull(ticks table.Value) table.Value {
	if n := ticks.Int64(); !ticks.IsNull() && n >= 0 && n <= table.MaxDateTime {
		return table.DateTimeValue(n)
	}
	return table.Null(table.DateTime)
}

func toTimeSpan(v table.Value) table.Value {
	null := table.Null(table.TimeSpan)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.TimeSpan:
		return v
	case table.Int, table.Long, table.DateTime, table.Real, table.Decimal:
		if n := toLong(v); !n.IsNull() {
			return table.TimeSpanValue(n.Int64())
		}
	case table.String:
		if t, ok := ParseTimeSpan(v.Str()); ok {
			return table.TimeSpanValue(t)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toTimeSpan(s)
		}
	}
	return null
}

func toGuid(v table.Value) table.Value {
	null := table.Null(table.Guid)
	if v.IsNull() {
		return null
	}
	switch v.Type() {
	case table.Guid:
		return v
	case table.String:
		if g, ok := ParseGuid(v.Str()); ok {
			return table.GuidValue(g)
		}
	case table.Dynamic:
		if s, ok := scalarOf(v.Dyn()); ok && s.Type() != table.Dynamic {
			return toGuid(s)
		}
	}
	return null
}

// ParseDynamic is parse_json() of a text: a dynamic of the JSON, or a dynamic
// string of text that is not JSON; null for the empty text.
func ParseDynamic(text string) table.Value {
	t := strings.Trim(text, blanks)
	if text == "" || t != "" && json.Valid([]byte(t)) {
		return table.DynamicText(t)
	}
	return table.DynamicValue(text)
}
