package sqlgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// A dynamic is JSON text in SQL. What is read of it must be what package table reads
// of the same text; where the two readers of JSON differ (reals written with an
// exponent, whole numbers beyond 64 bits) the SQL asks Go for that cell. An engine that
// cannot ask fails with InGo, and its caller runs the same operators in Go.

// InGo is the text of the error by which SQL says that a row is for Go to judge.
const InGo = "sextant: in go"

const inGo = "error('" + InGo + "')"

// judge is what Go makes of v, JSON text that SQL may read otherwise.
func (g *gen) judge(v string, made func(dynamic plan.Expr) plan.Expr) string {
	if g.caller == nil {
		return inGo
	}
	a := table.Column{Name: "a0", Type: table.Dynamic}
	return g.function(Function{Args: table.Schema{a}, Expr: made(&plan.Col{Name: a.Name, T: a.Type}), Odd: true}, []string{"CAST(" + v + " AS VARCHAR)"})
}

// callOf writes a call of one of the catalogue's functions over a dynamic.
func (g *gen) callOf(f *fn.Scalar, t table.Type) func(plan.Expr) plan.Expr {
	return func(x plan.Expr) plan.Expr {
		return &plan.Call{Fn: f, Args: []plan.Expr{x}, T: t, Info: []fn.Arg{{Type: table.Dynamic}}}
	}
}

// json is a value inside a JSON text: of, at path ("" is all of it).
type json struct{ of, path string }

// dynamic takes a chain of members and elements apart: the text, and the path in it.
func (g *gen) dynamic(s *state, e plan.Expr) (j json, why string) {
	if g.d != fn.DuckDB {
		return json{}, "values inside a dynamic are looked up in Go"
	}
	switch x := e.(type) {
	case *plan.Member:
		return g.step(s, x.Of, x.Key)
	case *plan.Index:
		c, ok := x.I.(*plan.Const)
		if !ok || c.Value.IsNull() {
			return json{}, "an element at a place that is computed is looked up in Go"
		}
		switch c.Value.Type() {
		case table.String:
			return g.step(s, x.Of, c.Value.Str())
		case table.Int, table.Long:
			n := c.Value.Int64()
			if j, ok, why := g.listed(s, x.Of, n); ok || why != "" {
				return j, why
			}
			if j, why = g.dynamic(s, x.Of); why != "" {
				return j, why
			}
			if n >= 0 {
				j.path += "[" + strconv.FormatInt(n, 10) + "]"
			} else {
				j.path += "[#" + strconv.FormatInt(n, 10) + "]"
			}
			return j, ""
		}
		return json{}, "an element at a place of this type is looked up in Go"
	case *plan.Call:
		if (x.Fn.Name == "parse_json" || x.Fn.Name == "todynamic") && len(x.Args) == 1 {
			return g.parsed(s, x)
		}
	}
	sql, why := g.plain(s, e)
	return json{of: sql}, why
}

// listed is an element of a list column: its text as JSON.
func (g *gen) listed(s *state, of plan.Expr, n int64) (j json, ok bool, why string) {
	c, is := of.(*plan.Col)
	if !is {
		return json{}, false, ""
	}
	at := s.schema.Index(c.Name)
	if at < 0 || !slices.Contains(s.lists, at) {
		return json{}, false, ""
	}
	if n >= 0 {
		n++ // lists count from 1, and from -1 at the end
	}
	return json{of: fmt.Sprintf("CAST(to_json(%s[%d]) AS VARCHAR)", col(at), n)}, true, ""
}

// textOf is the column or list element that holds the text of a dynamic string, or
// null; "" where e is no such thing.
func (g *gen) textOf(s *state, e plan.Expr) string {
	if i, ok := e.(*plan.Index); ok {
		k, isConst := i.I.(*plan.Const)
		if !isConst || k.Value.IsNull() || k.Value.Type() != table.Long && k.Value.Type() != table.Int {
			return ""
		}
		list := g.textsOf(s, i.Of)
		if list == "" {
			return ""
		}
		n := k.Value.Int64()
		if n >= 0 { // lists count from 1, and from -1 at the end
			n++
		}
		return fmt.Sprintf("%s[%d]", list, n)
	}
	if c, ok := e.(*plan.Col); ok {
		if at := s.schema.Index(c.Name); at >= 0 && slices.Contains(s.texts, at) {
			return col(at)
		}
	}
	return ""
}

// textsOf is the list of the texts in an array of strings: a list column, or what split
// gives; "" where e is no such thing.
func (g *gen) textsOf(s *state, e plan.Expr) string {
	switch e := e.(type) {
	case *plan.Col:
		if at := s.schema.Index(e.Name); at >= 0 && slices.Contains(s.lists, at) {
			return col(at)
		}
	case *plan.Call:
		if e.Fn.Name != "split" || len(e.Args) != 2 || e.Args[0].Type() != table.String {
			return ""
		}
		k, ok := e.Args[1].(*plan.Const)
		if !ok || k.Value.Type() != table.String || k.Value.Str() == "" {
			return ""
		}
		m := g.mark()
		of, why := g.expr(s, e.Args[0])
		by, no := g.literal(k.Value)
		if why != "" || no != "" {
			g.back(m)
			return ""
		}
		return "string_split(" + of + ", " + by + ")"
	}
	return ""
}

func (g *gen) step(s *state, of plan.Expr, key string) (json, string) {
	j, why := g.dynamic(s, of)
	if why != "" {
		return j, why
	}
	if _, quoted := fn.QuoteString(g.d, key); !quoted || key == "" || strings.ContainsAny(key, "\"\\*?[]'") {
		return json{}, "a member of this name is looked up in Go"
	}
	j.path += `."` + key + `"`
	return j, ""
}

// parsed is parse_json of a text: null for the empty text, a dynamic string for what
// is not JSON.
func (g *gen) parsed(s *state, e *plan.Call) (json, string) {
	if e.Args[0].Type() == table.Dynamic { // text in it is not read again
		return g.dynamic(s, e.Args[0])
	}
	if e.Args[0].Type() != table.String {
		return json{}, e.Fn.Name + " of a value of this type runs in Go"
	}
	x, why := g.expr(s, e.Args[0])
	if why != "" {
		return json{}, why
	}
	return json{of: g.let(x, func(v string) string {
		return fmt.Sprintf("CASE WHEN %[1]s = '' THEN NULL WHEN json_valid(%[1]s) THEN nullif(trim(%[1]s, %[2]s), 'null') ELSE CAST(to_json(%[1]s) AS VARCHAR) END", v, blanks)
	})}, ""
}

// blanks that may stand around a JSON text.
const blanks = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"

func (j json) args() string { return j.of + ", '$" + j.path + "'" }

// value is the JSON text there; null for JSON's null.
func (j json) value() string {
	if j.path == "" {
		return j.of
	}
	return "nullif(CAST(json_extract(" + j.args() + ") AS VARCHAR), 'null')"
}

// part is the JSON there, null where there is none.
func (j json) part() string {
	if j.path == "" {
		return j.of
	}
	return "json_extract(" + j.args() + ")"
}

// text is tostring of the value: "" for null.
func (g *gen) text(j json) string {
	odd := func(v string) string {
		if g.cat == nil {
			return inGo
		}
		// What Go takes out of a container it writes anew; a whole text it would leave.
		str := []fn.Arg{{Type: table.String}}
		tostring, concat, read := g.callOf(g.cat.Scalar("tostring"), table.String), g.cat.Scalar("strcat"), g.cat.Scalar("parse_json")
		return g.judge(v, func(x plan.Expr) plan.Expr {
			boxed := &plan.Call{Fn: concat, Args: []plan.Expr{&plan.Const{Value: table.StringValue("[")}, tostring(x), &plan.Const{Value: table.StringValue("]")}}, T: table.String, Info: slices.Repeat(str, 3)}
			return tostring(&plan.Index{Of: &plan.Call{Fn: read, Args: []plan.Expr{boxed}, T: table.Dynamic, Info: str}, I: &plan.Const{Value: table.LongValue(0)}})
		})
	}
	return g.let(j.part(), func(v string) string {
		whole := ""
		if j.path == "" { // a container's text is as it came
			whole = fmt.Sprintf("WHEN %[1]s IS NULL THEN '' WHEN %[1]s[1] = '{' OR %[1]s[1] = '[' THEN %[1]s ", v)
		}
		return fmt.Sprintf("coalesce(CASE %[1]sWHEN json_type(%[2]s) IN ('VARCHAR', 'BOOLEAN', 'NULL') THEN json_extract_string(%[2]s, '$') "+
			// The engine writes long numbers within a container, and those with an exponent, its own way.
			"WHEN json_type(%[2]s) IN ('OBJECT', 'ARRAY') AND NOT regexp_matches(CAST(%[2]s AS VARCHAR), '[-,:[][0-9.]{17}|[0-9][eE][-+]?[0-9]+[],}]') THEN json_extract_string(%[2]s, '$') "+
			"WHEN json_type(%[2]s) IN ('BIGINT', 'UBIGINT') AND TRY_CAST(json_extract_string(%[2]s, '$') AS BIGINT) IS NOT NULL THEN json_extract_string(%[2]s, '$') "+
			"WHEN json_type(%[2]s) = 'DOUBLE' AND regexp_full_match(json_extract_string(%[2]s, '$'), '-?[0-9]+\\.[0-9]+') AND length(json_extract_string(%[2]s, '$')) <= 16 THEN json_extract_string(%[2]s, '$') "+
			"WHEN %[2]s IS NOT NULL THEN %[3]s END, '')", whole, v, odd(v))
	})
}

// convert is to…(value): call writes the same function for a value of another type, and
// whole is it for Go.
func (g *gen) convert(j json, whole func(dynamic plan.Expr) plan.Expr, call func(arg string, t table.Type) (string, bool)) (string, bool) {
	possible := true
	sql := g.let(j.part(), func(v string) string {
		str := "json_extract_string(" + v + ", '$')"
		var b strings.Builder
		b.WriteString("CASE")
		for _, k := range []struct {
			kinds, arg string
			t          table.Type
		}{
			{"'VARCHAR'", str, table.String},
			{"'BIGINT', 'UBIGINT'", "TRY_CAST(" + str + " AS BIGINT)", table.Long},
			{"'DOUBLE'", "CAST(" + str + " AS DOUBLE)", table.Real},
			{"'BOOLEAN'", "(" + str + " = 'true')", table.Bool},
		} {
			made := g.let(k.arg, func(x string) string {
				sql, ok := call(x, k.t)
				if !ok {
					possible = possible && k.t != table.Long
					sql = g.judge(v, whole)
				}
				return sql
			})
			if k.t == table.Long { // beyond 64 bits it is a real, to Go
				fmt.Fprintf(&b, " WHEN json_type(%[1]s) IN (%[2]s) AND TRY_CAST(%[3]s AS BIGINT) IS NOT NULL THEN %[4]s", v, k.kinds, str, made)
				continue
			}
			fmt.Fprintf(&b, " WHEN json_type(%s) IN (%s) THEN %s", v, k.kinds, made)
		}
		fmt.Fprintf(&b, " WHEN json_type(%s) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN %s END", v, g.judge(v, whole))
		return b.String()
	})
	return sql, possible
}

// dynamicCall writes calls that look into dynamics; ok is false for all others.
func (g *gen) dynamicCall(s *state, e *plan.Call) (sql, why string, ok bool) {
	if g.d != fn.DuckDB {
		return "", "", false
	}
	some := slices.ContainsFunc(e.Args, func(a plan.Expr) bool { return a.Type() == table.Dynamic })
	switch e.Fn.Name {
	case "parse_json", "todynamic":
		j, why := g.dynamic(s, e)
		if why != "" {
			return "", why, true
		}
		return j.value(), "", true
	case "bag_pack", "pack_array":
		sql, why := g.pack(s, e)
		return sql, why, true
	}
	if e.Fn.Name == "tostring" && len(e.Args) == 1 && e.Args[0].Type() == table.DateTime {
		x, why := g.expr(s, e.Args[0])
		if why != "" {
			return "", why, true
		}
		return g.let(x, func(v string) string { return "coalesce(" + dateTimeText(v) + ", '')" }), "", true
	}
	if !some || len(e.Args) == 0 {
		return "", "", false
	}
	switch e.Fn.Name {
	case "tostring":
		if x := g.textOf(s, e.Args[0]); x != "" {
			return "coalesce(" + x + ", '')", "", true
		}
		j, why := g.dynamic(s, e.Args[0])
		if why != "" {
			return "", why, true
		}
		return g.text(j), "", true
	case "toint", "tolong", "todouble", "tobool":
		j, why := g.dynamic(s, e.Args[0])
		if why != "" {
			return "", why, true
		}
		sql, ok := g.convert(j, g.callOf(e.Fn, e.T), func(arg string, t table.Type) (string, bool) {
			return e.Fn.SQL[g.d]([]string{arg}, []fn.Arg{{Type: t}}, e.T)
		})
		return sql, "", ok
	case "array_length":
		j, why := g.dynamic(s, e.Args[0])
		if why != "" {
			return "", why, true
		}
		return g.let(j.part(), func(v string) string {
			return fmt.Sprintf("CASE WHEN json_type(%[1]s) = 'ARRAY' THEN CAST(json_array_length(%[1]s) AS BIGINT) END", v)
		}), "", true
	case "==", "!=":
		if sql, why, ok := g.equalNumber(s, e); ok {
			return sql, why, true
		}
		fallthrough
	case "in", "!in", "in~", "!in~":
		// A dynamic is compared with texts by its own text.
		if next := g.compareTexts(e); next != nil {
			sql, why := g.call(s, next, next.Fn.SQL[g.d])
			return sql, why, true
		}
	}
	return "", "", false
}

// compareTexts is the comparison with tostring of the dynamic side, where all others
// are texts; nil elsewhere.
func (g *gen) compareTexts(e *plan.Call) *plan.Call {
	at := -1
	for i, a := range e.Args {
		c, constant := a.(*plan.Const)
		switch {
		case a.Type() == table.String:
		case a.Type() == table.Dynamic && constant && i > 0 && strings.Contains(e.Fn.Name, "in"):
			list, ok := c.Value.Dyn().([]any)
			if !ok || slices.ContainsFunc(list, func(d any) bool { _, ok := d.(string); return !ok }) {
				return nil
			}
		case a.Type() == table.Dynamic && at < 0 && !constant && (i == 0 || !strings.Contains(e.Fn.Name, "in")):
			at = i
		default:
			return nil
		}
	}
	if at < 0 || g.cat == nil {
		return nil
	}
	n := *e
	n.Args = slices.Clone(e.Args)
	n.Info = slices.Clone(e.Info)
	n.Args[at] = &plan.Call{Fn: g.cat.Scalar("tostring"), Args: []plan.Expr{e.Args[at]}, T: table.String, Info: []fn.Arg{{Type: table.Dynamic}}}
	n.Info[at] = fn.Arg{Type: table.String}
	return &n
}

// equalNumber compares a dynamic with a number or a truth value that is constant.
func (g *gen) equalNumber(s *state, e *plan.Call) (sql, why string, ok bool) {
	x, c := e.Args[0], e.Args[1]
	if _, is := x.(*plan.Const); is {
		x, c = c, x
	}
	k, is := c.(*plan.Const)
	if !is || k.Value.IsNull() || x.Type() != table.Dynamic || g.cat == nil {
		return "", "", false
	}
	t := k.Value.Type()
	name := map[table.Type]string{table.Int: "tolong", table.Long: "tolong", table.Bool: "tobool"}[t]
	if name == "" {
		return "", "", false
	}
	j, why := g.dynamic(s, x)
	if why != "" {
		return "", why, true
	}
	lit, why := g.literal(k.Value)
	if why != "" {
		return "", why, true
	}
	to := g.cat.Scalar(name)
	equal := func(dynamic plan.Expr) plan.Expr {
		return &plan.Call{Fn: g.cat.Scalar("=="), Args: []plan.Expr{dynamic, k}, T: table.Bool, Info: []fn.Arg{{Type: table.Dynamic}, {Type: t, Const: &k.Value}}}
	}
	sql, ok = g.convert(j, equal, func(arg string, from table.Type) (string, bool) {
		if from == table.Real && t != table.Bool { // 1.9 is not 1
			return "(" + arg + " = CAST(" + lit + " AS DOUBLE))", true
		}
		got, ok := to.SQL[g.d]([]string{arg}, []fn.Arg{{Type: from}}, to.Sigs[0].Result)
		return "(" + got + " = " + lit + ")", ok
	})
	sql = "coalesce(" + sql + ", FALSE)"
	if e.Fn.Name == "!=" {
		sql = "(NOT " + sql + ")"
	}
	return sql, "", ok
}
