package fn

import (
	"fmt"

	"sextant/table"
)

// conversions is the table of the to…() functions and of gettype.
func conversions() []Scalar {
	to := func(t table.Type, form SQLForm, doc string, name string, aliases ...string) Scalar {
		s := Scalar{Name: name, Aliases: aliases, Sigs: sigs("value:scalar -> " + t.String()), Nulls: Own,
			Eval: func(_ *Context, a []table.Value) table.Value { return Convert(a[0], t) }, Doc: doc}
		if form != nil {
			s.SQL = duck(form)
		}
		return s
	}
	parse := func(name, doc string, aliases ...string) Scalar {
		return Scalar{Name: name, Aliases: aliases, Sigs: sigs("json:text -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			if a[0].Type() == table.String {
				return ParseDynamic(a[0].Str())
			}
			return ToDynamic(a[0])
		}, Doc: doc}
	}
	return []Scalar{
		to(table.String, tostringSQL, "The value as text; the empty text for null.", "tostring"),
		to(table.Int, tointSQL, "The value as an int: numbers are cut towards zero and to 32 bits, text must hold a whole number (0x for hexadecimal).", "toint"),
		to(table.Long, tolongSQL, "The value as a long; a datetime or timespan gives its ticks of 100 ns.", "tolong"),
		to(table.Real, torealSQL, "The value as a real.", "todouble", "toreal"),
		to(table.Decimal, nil, "The value as a decimal.", "todecimal"),
		to(table.Bool, toboolSQL, "The value as a bool: text true, false or a whole number; numbers other than zero are true.", "tobool", "toboolean"),
		to(table.DateTime, nil, "The value as a datetime: text in the usual forms, or ticks of 100 ns since year 1.", "todatetime"),
		to(table.TimeSpan, nil, "The value as a timespan: text such as 1.02:03:04.5 or 90s, or ticks of 100 ns.", "totimespan", "totime"),
		to(table.Guid, nil, "The value as a guid.", "toguid"),
		parse("parse_json", "The dynamic that a JSON text says; text that is not JSON is a dynamic string.", "parsejson"),
		parse("todynamic", "As parse_json.", "toobject"),
		{Name: "gettype", Sigs: sigs("value:scalar -> string"), Nulls: Own, Eval: getType, SQL: duck(func(_ []string, info []Arg, _ table.Type) (string, bool) {
			return "'" + info[0].Type.String() + "'", info[0].Type != table.Dynamic
		}), Doc: "The name of the value's type; for a dynamic that of what it holds."},
	}
}

func getType(_ *Context, a []table.Value) table.Value {
	v := a[0]
	if v.Type() != table.Dynamic {
		return table.StringValue(v.Type().String())
	}
	name := "dictionary"
	switch d := v.Dyn().(type) {
	case nil:
		name = "null"
	case bool:
		name = "bool"
	case int64:
		name = "long"
	case float64:
		name = "double"
	case string:
		name = "string"
	case []any:
		name = "array"
	case table.Value:
		name = d.Type().String()
	}
	return table.StringValue(name)
}

func tostringSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	switch info[0].Type {
	case table.String:
		return args[0], true
	case table.Int, table.Long:
		return "coalesce(CAST(" + args[0] + " AS VARCHAR), '')", true
	case table.Guid:
		return "coalesce(" + args[0] + ", '')", true
	case table.Bool:
		return "CASE WHEN " + args[0] + " THEN 'True' WHEN NOT " + args[0] + " THEN 'False' ELSE '' END", true
	}
	return "", false
}

func tolongSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	switch info[0].Type {
	case table.Long, table.DateTime, table.TimeSpan:
		return args[0], true
	case table.Int, table.Bool:
		return "CAST(" + args[0] + " AS BIGINT)", true
	case table.Real:
		return fmt.Sprintf("CASE WHEN isnan(%[1]s) THEN 0 WHEN %[1]s >= 9223372036854775808 THEN 9223372036854775807 "+
			"WHEN %[1]s <= -9223372036854775808 THEN CAST('-9223372036854775808' AS BIGINT) ELSE CAST(trunc(%[1]s) AS BIGINT) END", args[0]), true
	case table.String:
		return wholeText(args[0], "BIGINT"), true
	}
	return "", false
}

// wholeText reads a whole number from text: TRY_CAST alone would also take
// fractions, exponents, underscores and words.
func wholeText(x, typ string) string {
	trimmed := "trim(" + x + ", ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))"
	return fmt.Sprintf("CASE WHEN regexp_matches(%[1]s, '^(?:[+-]?[0-9]+|0[xX][0-9a-fA-F]+)$') THEN TRY_CAST(%[1]s AS %[2]s) END", trimmed, typ)
}

func tointSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	switch info[0].Type {
	case table.Int:
		return args[0], true
	case table.Bool:
		return "CAST(" + args[0] + " AS INTEGER)", true
	case table.Real:
		return fmt.Sprintf("CASE WHEN isnan(%[1]s) THEN 0 WHEN %[1]s >= 2147483647 THEN 2147483647 "+
			"WHEN %[1]s <= -2147483648 THEN -2147483648 ELSE CAST(trunc(%[1]s) AS INTEGER) END", args[0]), true
	case table.Long, table.DateTime, table.TimeSpan: // the low 32 bits
		low := "(CAST(" + args[0] + " AS BIGINT) & 4294967295)"
		return fmt.Sprintf("CAST(CASE WHEN %[1]s >= 2147483648 THEN %[1]s - 4294967296 ELSE %[1]s END AS INTEGER)", low), true
	case table.String:
		return wholeText(args[0], "INTEGER"), true
	}
	return "", false
}

func torealSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	switch info[0].Type {
	case table.Real:
		return args[0], true
	case table.Int, table.Long, table.Bool, table.DateTime, table.TimeSpan:
		return "CAST(" + args[0] + " AS DOUBLE)", true
	}
	return "", false
}

func toboolSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	switch info[0].Type {
	case table.Bool:
		return args[0], true
	case table.Int, table.Long:
		return "(" + args[0] + " <> 0)", true
	}
	return "", false
}
