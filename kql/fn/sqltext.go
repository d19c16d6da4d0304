package fn

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sextant/table"
)

// maxForm bounds the text of a form that repeats its arguments: nested ones would
// multiply. Beyond it the call runs in Go.
const maxForm = 16_000

// duck is the set of SQL forms of a function that only DuckDB has.
func duck(f SQLForm) (out [dialects]SQLForm) {
	out[DuckDB] = func(args []string, info []Arg, result table.Type) (string, bool) {
		sql, ok := f(args, info, result)
		if len(sql) > maxForm {
			given := 0
			for _, a := range args {
				given += len(a)
			}
			ok = ok && len(sql) < given+given/2
		}
		return sql, ok
	}
	return out
}

// QuoteString writes a text as a literal of a dialect. ok is false for a text
// that has no literal: one with a NUL byte, or that is not UTF-8.
//
// In DuckDB a backslash is an ordinary character; in ClickHouse it escapes.
func QuoteString(d Dialect, s string) (sql string, ok bool) {
	if strings.IndexByte(s, 0) >= 0 || strings.ToValidUTF8(s, "") != s {
		return "", false
	}
	if d == ClickHouse {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'", true
}

// QuoteIdent writes a column or table name of a dialect.
func QuoteIdent(d Dialect, name string) string {
	if d == ClickHouse {
		return "`" + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), "`", "\\`") + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// SQLType is a type's name in a dialect, by the representation of package table.
// ok is false for types that have no SQL form.
func SQLType(d Dialect, t table.Type) (string, bool) {
	duck, click := "", ""
	switch t {
	case table.Bool:
		duck, click = "BOOLEAN", "Nullable(Bool)"
	case table.Int:
		duck, click = "INTEGER", "Nullable(Int32)"
	case table.Long, table.DateTime, table.TimeSpan:
		duck, click = "BIGINT", "Nullable(Int64)"
	case table.Real:
		duck, click = "DOUBLE", "Nullable(Float64)"
	case table.String:
		duck, click = "VARCHAR", "String"
	case table.Guid, table.Dynamic:
		duck, click = "VARCHAR", "Nullable(String)"
	default:
		return "", false
	}
	if d == ClickHouse {
		return click, true
	}
	return duck, true
}

// Literal writes a value as a typed SQL expression of a dialect.
func Literal(d Dialect, v table.Value) (string, bool) {
	typ, ok := SQLType(d, v.Type())
	if !ok {
		return "", false
	}
	if v.IsNull() {
		return "CAST(NULL AS " + typ + ")", true
	}
	switch v.Type() {
	case table.Bool:
		return strings.ToUpper(strconv.FormatBool(v.Bool())), true
	case table.Int, table.Long, table.DateTime, table.TimeSpan:
		if v.Int64() == math.MinInt64 { // the digits alone are no BIGINT
			return "CAST('-9223372036854775808' AS " + typ + ")", true
		}
		return "CAST(" + strconv.FormatInt(v.Int64(), 10) + " AS " + typ + ")", true
	case table.Real:
		f := v.Float64()
		switch {
		case math.IsNaN(f):
			return "CAST('nan' AS " + typ + ")", true
		case math.IsInf(f, 0):
			s := "inf"
			if f < 0 {
				s = "-inf"
			}
			return "CAST('" + s + "' AS " + typ + ")", true
		}
		return "CAST('" + strconv.FormatFloat(f, 'g', -1, 64) + "' AS " + typ + ")", true
	case table.String, table.Guid:
		return QuoteString(d, v.Str())
	case table.Dynamic:
		return QuoteString(d, v.JSON())
	}
	return "", false
}

// allOf says whether every argument has one of the types.
func allOf(info []Arg, types ...table.Type) bool {
	for _, a := range info {
		ok := false
		for _, t := range types {
			ok = ok || a.Type == t
		}
		if !ok {
			return false
		}
	}
	return true
}

// strict writes a call of a form whose SQL is null where an argument is, as the
// function's result is.
func strict(format string, types ...table.Type) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if len(types) > 0 && !allOf(info, types...) {
			return "", false
		}
		a := make([]any, len(args))
		for i := range args {
			a[i] = args[i]
		}
		return fmt.Sprintf(format, a...), true
	}
}

// wrapped is a sum, difference or product of longs that wraps around: in 128
// bits, then brought back. DuckDB's own operators fail on overflow. The
// expression stands in it once, so that nesting does not multiply it.
func wrapped(expr string) string {
	const half = "9223372036854775808::HUGEINT"
	return "CAST((((" + expr + ") + " + half + ") & 18446744073709551615::HUGEINT) - " + half + " AS BIGINT)"
}

// inYears gives null for ticks outside year 1 to 9999.
func inYears(expr string) string {
	return fmt.Sprintf("CASE WHEN (%s) BETWEEN 0 AND %d THEN CAST((%s) AS BIGINT) END", expr, int64(table.MaxDateTime), expr)
}
