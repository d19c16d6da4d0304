package fn

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sextant/table"
)

// comparisons is the table of == != < <= > >= between in and their kin.
func comparisons() []Scalar {
	anyPair := sigs("a:scalar, b:scalar -> bool")
	ordered := sigs("a:number|bool, b:number|bool -> bool", "a:datetime, b:datetime -> bool", "a:timespan, b:timespan -> bool")
	for i := range ordered {
		ordered[i].Convert = nil // compared as they are
	}
	ranges := sigs("x:number, from:number, to:number -> bool", "x:datetime, from:datetime, to:datetime -> bool",
		"x:datetime, from:datetime, to:timespan -> bool", "x:timespan, from:timespan, to:timespan -> bool")
	for i := range ranges {
		ranges[i].Convert = nil
	}
	list := sigs("x:scalar, list*:scalar -> bool")
	folded := sigs("x:text, list*:text -> bool")
	order := func(name, doc string, is func(int) bool) Scalar {
		return Scalar{Name: name, Sigs: ordered, Eval: func(_ *Context, a []table.Value) table.Value {
			c, ok := Order(a[0], a[1])
			if !ok {
				if a[0].Type() == table.Real || a[1].Type() == table.Real {
					return table.BoolValue(false) // NaN
				}
				return table.Null(table.Bool)
			}
			return table.BoolValue(is(c))
		}, SQL: duck(orderSQL(name)), Doc: doc}
	}
	return []Scalar{
		{Name: "==", Sigs: anyPair, Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value { return Equal(a[0], a[1]).Value() },
			SQL: duck(equalSQL(false)), Where: duck(equalWhere), Doc: "Equal. A null equals nothing; two nulls give null."},
		{Name: "!=", Aliases: []string{"<>"}, Sigs: anyPair, Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value { return Equal(a[0], a[1]).Not().Value() },
			SQL: duck(equalSQL(true)), Doc: "Not equal. A null differs from every value; two nulls give null."},
		order("<", "Less; null when either side is.", func(c int) bool { return c < 0 }),
		order("<=", "Less or equal; null when either side is.", func(c int) bool { return c <= 0 }),
		order(">", "Greater; null when either side is.", func(c int) bool { return c > 0 }),
		order(">=", "Greater or equal; null when either side is.", func(c int) bool { return c >= 0 }),
		{Name: "between", Sigs: ranges, Eval: between(false), SQL: duck(betweenSQL(false)), Where: duck(betweenWhere), Doc: "Within a range, both ends included; for datetimes the end may be a timespan from the start."},
		{Name: "!between", Sigs: ranges, Eval: between(true), SQL: duck(betweenSQL(true)), Doc: "Outside a range."},
		{Name: "in", Sigs: list, Nulls: Own, Eval: in(false, false), SQL: duck(inSQL(false, false)), Where: duck(inWhere), Doc: "Equals one of the values, or of the elements of dynamic arrays among them."},
		{Name: "!in", Sigs: list, Nulls: Own, Eval: in(true, false), SQL: duck(inSQL(true, false)), Doc: "Equals none of the values."},
		{Name: "in~", Sigs: folded, Nulls: Own, Eval: in(false, true), SQL: duck(inSQL(false, true)), Doc: "Equals one of the texts, without case."},
		{Name: "!in~", Sigs: folded, Nulls: Own, Eval: in(true, true), SQL: duck(inSQL(true, true)), Doc: "Equals none of the texts, without case."},
		{Name: "around", Sigs: sigs("value:number, center:number, delta:number -> bool", "value:datetime, center:datetime, delta:timespan -> bool", "value:timespan, center:timespan, delta:timespan -> bool"),
			Eval: around, Doc: "Whether a value lies within delta of a centre, both ends included."},
	}
}

func between(not bool) func(*Context, []table.Value) table.Value {
	return func(_ *Context, a []table.Value) table.Value {
		hi := a[2]
		if a[1].Type() == table.DateTime && hi.Type() == table.TimeSpan {
			if hi = add(nil, a[1:3]); hi.IsNull() {
				return table.Null(table.Bool)
			}
		}
		lo, ok1 := Order(a[0], a[1])
		up, ok2 := Order(a[0], hi)
		return table.BoolValue((ok1 && ok2 && lo >= 0 && up <= 0) != not)
	}
}

func around(_ *Context, a []table.Value) table.Value {
	from, to := subtract(nil, a[1:3]), add(nil, a[1:3])
	if from.IsNull() || to.IsNull() {
		return table.Null(table.Bool)
	}
	return between(false)(nil, []table.Value{a[0], from, to})
}

// in tests membership. Dynamic arrays in the list stand for their elements.
func in(not, fold bool) func(*Context, []table.Value) table.Value {
	return func(c *Context, a []table.Value) table.Value {
		x := a[0]
		if len(a) == 2 && x.Type() == table.String && a[1].Type() == table.Dynamic {
			if list, ok := a[1].Dyn().([]any); ok && len(list) >= memoFrom {
				kind, text := "in", x.Str()
				if fold {
					kind, text = "in~", Lower(text)
				}
				texts := memo(c, kind, list, func(list []any) map[string]struct{} { return textsOf(list, fold) })
				_, found := texts[text]
				return table.BoolValue(found != not)
			}
		}
		eq := func(v table.Value) bool { return Equal(x, v) == True }
		if fold {
			low := Lower(ToText(x))
			eq = func(v table.Value) bool { return Lower(ToText(v)) == low }
		}
		found := false
		for _, v := range a[1:] {
			if v.Type() == table.Dynamic {
				if list, ok := v.Dyn().([]any); ok {
					for _, e := range list {
						if s, ok := scalarOf(e); ok && eq(s) {
							found = true
							break
						}
					}
					continue
				}
			}
			if found = found || eq(v); found {
				break
			}
		}
		return table.BoolValue(found != not)
	}
}

// textsOf are the texts that a text can equal among the elements of an array.
func textsOf(list []any, fold bool) map[string]struct{} {
	out := make(map[string]struct{}, len(list))
	for _, e := range list {
		s, ok := scalarOf(e)
		switch {
		case !ok:
		case fold:
			out[Lower(ToText(s))] = struct{}{}
		case s.Type() == table.String:
			out[s.Str()] = struct{}{}
		}
	}
	return out
}

// comparable kinds in SQL: types that compare with each other by value without a
// conversion of ours.
func sqlKind(t table.Type) int {
	switch t {
	case table.Int, table.Long:
		return 1
	case table.Real:
		return 2
	case table.String:
		return 3
	case table.Bool:
		return 4
	case table.DateTime:
		return 5
	case table.TimeSpan:
		return 6
	case table.Guid:
		return 7
	}
	return 0
}

func sameKind(info []Arg) int {
	k := sqlKind(info[0].Type)
	for _, a := range info[1:] {
		if sqlKind(a.Type) != k {
			return 0
		}
	}
	return k
}

// asReals makes whole numbers reals where others are, as Order and Equal do.
func asReals(args []string, info []Arg) ([]string, []Arg) {
	whole, reals := 0, 0
	for _, a := range info {
		switch sqlKind(a.Type) {
		case 1:
			whole++
		case 2:
			reals++
		}
	}
	if whole == 0 || reals == 0 || whole+reals != len(info) {
		return args, info
	}
	args, info = slices.Clone(args), slices.Clone(info)
	for i, a := range info {
		if sqlKind(a.Type) == 1 {
			args[i], info[i].Type = "CAST("+args[i]+" AS DOUBLE)", table.Real
		}
	}
	return args, info
}

func known(a Arg) bool { return a.Const != nil && !a.Const.IsNull() || a.Type == table.String }

// textIs is whether a text says a whole number: what it says, where it is not written
// the usual way, is read only then.
func textIs(x string, n int64) string {
	text := strconv.FormatInt(n, 10)
	return fmt.Sprintf("(%[1]s = '%[2]s' OR (%[1]s <> '0' AND NOT (%[1]s[1] BETWEEN '1' AND '9' AND %[1]s[-1] BETWEEN '0' AND '9') AND coalesce(%[3]s = %[2]s, FALSE)))",
		x, text, wholeText(x, "BIGINT"))
}

// textAndNumber finds a text that is compared with a constant whole number.
func textAndNumber(args []string, info []Arg) (x string, n int64, ok bool) {
	for i := range 2 {
		c := info[1-i].Const
		if info[i].Type == table.String && c != nil && !c.IsNull() && (c.Type() == table.Int || c.Type() == table.Long) && c.Int64() != math.MinInt64 {
			return args[i], c.Int64(), true
		}
	}
	return "", 0, false
}

func equalSQL(not bool) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if x, n, ok := textAndNumber(args, info); ok {
			if not {
				return "(NOT " + textIs(x, n) + ")", true
			}
			return textIs(x, n), true
		}
		args, info = asReals(args, info)
		k := sameKind(info)
		if k == 0 {
			return "", false
		}
		a, b := args[0], args[1]
		if k == 2 { // DuckDB says NaN = NaN
			if not {
				return fmt.Sprintf("CASE WHEN %[1]s IS NULL AND %[2]s IS NULL THEN NULL ELSE (%[1]s IS DISTINCT FROM %[2]s OR isnan(%[1]s)) END", a, b), true
			}
			return fmt.Sprintf("CASE WHEN %[1]s IS NULL AND %[2]s IS NULL THEN NULL ELSE coalesce(%[1]s = %[2]s AND NOT isnan(%[1]s), FALSE) END", a, b), true
		}
		switch {
		case k == 3 && not:
			return "(" + a + " <> " + b + ")", true
		case k == 3:
			return "(" + a + " = " + b + ")", true
		case (known(info[0]) || known(info[1])) && not:
			return "(" + a + " IS DISTINCT FROM " + b + ")", true
		case known(info[0]) || known(info[1]):
			return "(" + a + " IS NOT DISTINCT FROM " + b + ")", true
		case not:
			return fmt.Sprintf("CASE WHEN %[1]s IS NULL AND %[2]s IS NULL THEN NULL ELSE %[1]s IS DISTINCT FROM %[2]s END", a, b), true
		}
		return fmt.Sprintf("CASE WHEN %[1]s IS NULL AND %[2]s IS NULL THEN NULL ELSE %[1]s IS NOT DISTINCT FROM %[2]s END", a, b), true
	}
}

// equalWhere is = itself: null where Kusto has false, which a filter drops alike.
func equalWhere(args []string, info []Arg, _ table.Type) (string, bool) {
	if k := sameKind(info); k == 0 || k == 2 {
		return "", false
	}
	return "(" + args[0] + " = " + args[1] + ")", true
}

func orderSQL(op string) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		args, info = asReals(args, info)
		switch k := sameKind(info); k {
		case 1, 4, 5, 6:
			return "(" + args[0] + " " + op + " " + args[1] + ")", true
		case 2: // NaN is the greatest number of DuckDB
			return fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL AND %[2]s IS NOT NULL THEN %[1]s %[3]s %[2]s AND NOT isnan(%[1]s) AND NOT isnan(%[2]s) END", args[0], args[1], op), true
		}
		return "", false
	}
}

func betweenSQL(not bool) SQLForm {
	word := "BETWEEN"
	if not {
		word = "NOT BETWEEN"
	}
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		hi := args[2]
		if info[1].Type == table.DateTime && info[2].Type == table.TimeSpan {
			hi = moved(args[1], "+", hi, info[2])
			info = info[:2]
		}
		if k := sameKind(info); k != 1 && k != 5 && k != 6 {
			return "", false
		}
		// Three-valued BETWEEN is false where one end alone decides; Kusto has null.
		return fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL AND %[2]s IS NOT NULL AND %[3]s IS NOT NULL THEN %[1]s %[4]s %[2]s AND %[3]s END", args[0], args[1], hi, word), true
	}
}

// betweenWhere needs no nulls to be told apart.
func betweenWhere(args []string, info []Arg, _ table.Type) (string, bool) {
	hi := args[2]
	if info[1].Type == table.DateTime && info[2].Type == table.TimeSpan {
		hi = moved(args[1], "+", hi, info[2])
		info = info[:2]
	}
	if k := sameKind(info); k != 1 && k != 5 && k != 6 {
		return "", false
	}
	return fmt.Sprintf("(%s BETWEEN %s AND %s)", args[0], args[1], hi), true
}

// members lists the values of an in-list: constants, with dynamic arrays opened.
func members(info []Arg) ([]table.Value, bool) {
	var out []table.Value
	for _, a := range info {
		if a.Const == nil {
			return nil, false
		}
		if a.Type != table.Dynamic {
			out = append(out, *a.Const)
			continue
		}
		list, ok := a.Const.Dyn().([]any)
		if !ok {
			list = []any{a.Const.Dyn()}
		}
		for _, e := range list {
			if s, ok := scalarOf(e); ok {
				out = append(out, s)
			}
		}
	}
	return out, true
}

func inSQL(not, fold bool) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if sql, ok := textIn(args[0], info); ok && !fold {
			if not {
				return "(NOT " + sql + ")", true
			}
			return sql, true
		}
		list, ok := inList(args[0], info, fold)
		if !ok {
			return "", false
		}
		x := args[0]
		if fold {
			x = "lower(" + x + ")"
		}
		switch {
		case list == "" && not:
			return "TRUE", true
		case list == "":
			return "FALSE", true
		case not:
			return "coalesce(" + x + " NOT IN (" + list + "), TRUE)", true
		}
		return "coalesce(" + x + " IN (" + list + "), FALSE)", true
	}
}

// textIn is membership of a text in a list that has whole numbers.
func textIn(x string, info []Arg) (string, bool) {
	values, ok := members(info[1:])
	if !ok || info[0].Type != table.String || len(values) > 100 {
		return "", false
	}
	var parts []string
	numbers := false
	for _, v := range values {
		switch t := v.Type(); {
		case v.IsNull():
			return "", false
		case t == table.Int || t == table.Long:
			if v.Int64() == math.MinInt64 {
				return "", false
			}
			numbers = true
			parts = append(parts, textIs(x, v.Int64()))
		case t == table.String:
			lit, ok := Literal(DuckDB, v)
			if !ok {
				return "", false
			}
			parts = append(parts, x+" = "+lit)
		default:
			return "", false
		}
	}
	if !numbers {
		return "", false
	}
	return "(" + strings.Join(parts, " OR ") + ")", true
}

func inWhere(args []string, info []Arg, _ table.Type) (string, bool) {
	list, ok := inList(args[0], info, false)
	if !ok || list == "" {
		return "", false
	}
	return "(" + args[0] + " IN (" + list + "))", true
}

// inList writes the members that x can equal.
func inList(x string, info []Arg, fold bool) (string, bool) {
	values, ok := members(info[1:])
	k := sqlKind(info[0].Type)
	if !ok || k == 0 || k == 2 {
		return "", false
	}
	list := ""
	for _, v := range values {
		if v.IsNull() && v.Type() == table.Dynamic && k == 3 {
			v = table.StringValue("") // as a text, the null of an array is empty
		}
		if v.IsNull() && !(fold && v.Type() != table.String) {
			continue
		}
		if fold {
			v = table.StringValue(Lower(ToText(v)))
		}
		if sqlKind(v.Type()) != k {
			return "", false // compared by value across types: in Go
		}
		text, ok := Literal(DuckDB, v)
		if !ok {
			return "", false
		}
		if list != "" {
			list += ", "
		}
		list += text
	}
	return list, true
}
