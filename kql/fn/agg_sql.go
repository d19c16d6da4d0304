package fn

import (
	"fmt"

	"sextant/table"
)

type aggForm = func(args []string, info []Arg, result table.Schema) ([]string, bool)

func duckAgg(f aggForm) (out [dialects]aggForm) {
	out[DuckDB] = f
	return out
}

func countSQL(args []string, info []Arg, _ table.Schema) ([]string, bool) {
	if len(args) == 1 && info[0].Type == table.Bool {
		return []string{"count(*) FILTER (WHERE " + args[0] + ")"}, true
	}
	return []string{"count(*)"}, true
}

// where is the filter of an …if aggregate, whose predicate is argument 1.
func where(iff bool, args []string) string {
	if iff {
		return " FILTER (WHERE " + args[1] + ")"
	}
	return ""
}

func distinctSQL(iff bool) aggForm {
	return func(args []string, info []Arg, _ table.Schema) ([]string, bool) {
		x := args[0]
		switch info[0].Type {
		case table.Dynamic, table.Decimal:
			return nil, false
		case table.Real: // -0 is 0
			x = "(" + x + " + 0::DOUBLE)"
		}
		return []string{"count(DISTINCT " + x + ")" + where(iff, args)}, true
	}
}

// realSum adds with compensation, as sumState does; what is not finite needs none.
// The order of rows may change its last digit.
func realSum(x, where string) string {
	kahan := "fsum(" + x + ")" + where
	return "coalesce(CASE WHEN isfinite(" + kahan + ") THEN " + kahan + " ELSE sum(" + x + ")" + where + " END, 0::DOUBLE)"
}

func sumSQL(iff bool) aggForm {
	return func(args []string, info []Arg, _ table.Schema) ([]string, bool) {
		switch info[0].Type {
		case table.Int, table.Long, table.TimeSpan:
			return []string{wrapped("coalesce(sum(CAST(" + args[0] + " AS HUGEINT))" + where(iff, args) + ", 0::HUGEINT)")}, true
		case table.Real:
			return []string{realSum(args[0], where(iff, args))}, true
		}
		return nil, false
	}
}

func avgSQL(iff bool) aggForm {
	return func(args []string, info []Arg, _ table.Schema) ([]string, bool) {
		w := where(iff, args)
		whole := "coalesce(sum(CAST(" + args[0] + " AS HUGEINT))" + w + ", 0::HUGEINT)"
		sum := wrapped(whole)
		n := "count(" + args[0] + ")" + w
		switch info[0].Type {
		case table.Int, table.Long:
			return []string{fmt.Sprintf("CASE WHEN %[2]s = 0 THEN 'nan'::DOUBLE ELSE CAST(%[1]s AS DOUBLE) / CAST(%[2]s AS DOUBLE) END", sum, n)}, true
		case table.Real:
			return []string{fmt.Sprintf("CASE WHEN %[2]s = 0 THEN 'nan'::DOUBLE ELSE %[1]s / CAST(%[2]s AS DOUBLE) END", realSum(args[0], w), n)}, true
		case table.TimeSpan:
			return []string{fmt.Sprintf("CASE WHEN %[2]s > 0 THEN %[1]s // %[2]s END", sum, n)}, true
		case table.DateTime: // the sum of years fits 128 bits
			return []string{fmt.Sprintf("CASE WHEN %[2]s > 0 THEN CAST(%[1]s // %[2]s AS BIGINT) END", whole, n)}, true
		}
		return nil, false
	}
}

func extremeSQL(name string, iff bool) aggForm {
	return func(args []string, info []Arg, _ table.Schema) ([]string, bool) {
		w := where(iff, args)
		call := name + "(" + args[0] + ")" + w
		switch info[0].Type {
		case table.Int, table.Long, table.DateTime, table.TimeSpan, table.Bool:
			return []string{call}, true
		case table.String: // of no rows: the empty string, not NULL
			return []string{"coalesce(" + call + ", '')"}, true
		case table.Real: // NaN wins
			return []string{fmt.Sprintf("CASE WHEN coalesce(bool_or(isnan(%s))%s, FALSE) THEN 'nan'::DOUBLE ELSE %s END", args[0], w, call)}, true
		}
		return nil, false
	}
}

// setSQL gives the distinct values in an order of their own.
func setSQL(iff bool) aggForm {
	return func(args []string, info []Arg, _ table.Schema) ([]string, bool) {
		switch info[0].Type {
		case table.String, table.Guid, table.Int, table.Long, table.Bool:
		default:
			return nil, false
		}
		cond := args[0] + " IS NOT NULL"
		if iff {
			cond += " AND " + args[1]
		}
		list := "list(DISTINCT " + args[0] + ") FILTER (WHERE " + cond + ")"
		limit := sizeLimit(info)
		return []string{fmt.Sprintf("CAST(coalesce(to_json(list_slice(%s, 1, %d)), '[]') AS VARCHAR)", list, limit)}, true
	}
}

// pickSQL keeps the columns of one row: the engine decides them all by the same key,
// so they are of the same row. Rows whose key is null count only when all are.
func pickSQL(prefix string) aggForm {
	return func(args []string, info []Arg, result table.Schema) ([]string, bool) {
		key, best := args[0], prefix+"("+args[0]+")"
		if info[0].Type == table.Real && prefix == "min" { // NaN wins; to the engine it is the greatest
			key = fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL THEN row(NOT isnan(%[1]s), %[1]s) END", key)
			best = fmt.Sprintf("arg_min_null(%s, %s)", args[0], key)
		}
		out := make([]string, len(args))
		for i, a := range args {
			if _, ok := SQLType(DuckDB, info[i].Type); !ok || len(result) != len(args) {
				return nil, false
			}
			if i == 0 {
				out[i] = best
			} else {
				out[i] = fmt.Sprintf("CASE WHEN count(%[1]s) = 0 THEN first(%[2]s) ELSE arg_%[3]s_null(%[2]s, %[1]s) END", key, a, prefix)
			}
			if info[i].Type == table.String {
				out[i] = "coalesce(" + out[i] + ", '')"
			}
		}
		return out, true
	}
}

// takeAnySQL keeps the first row of each group that a thread meets, of several columns; the
// engine does so for all columns alike.
func takeAnySQL(args []string, info []Arg, result table.Schema) ([]string, bool) {
	for _, a := range info {
		if _, ok := SQLType(DuckDB, a.Type); !ok {
			return nil, false
		}
	}
	if len(args) == 1 {
		e := "any_value(" + args[0] + ")"
		if info[0].Type == table.String {
			e = "coalesce(" + e + ", '')"
		}
		return []string{e}, true
	}
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = "first(" + a + ")"
		if info[i].Type == table.String { // of no rows: the empty string
			out[i] = "coalesce(" + out[i] + ", '')"
		}
	}
	return out, true
}

func takeAnyIfSQL(args []string, info []Arg, result table.Schema) ([]string, bool) {
	if _, ok := SQLType(DuckDB, info[0].Type); !ok {
		return nil, false
	}
	e := "any_value(" + args[0] + ")" + where(true, args)
	if info[0].Type == table.String {
		e = "coalesce(" + e + ", '')"
	}
	return []string{e}, true
}
