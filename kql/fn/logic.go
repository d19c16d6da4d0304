package fn

import (
	"fmt"
	"strings"

	"sextant/table"
)

// logic is the table of and, or, not, of choices between values, and of tests for
// null and empty.
func logic() []Scalar {
	pair := sigs("a:bool, b:bool, more?*:bool -> bool")
	isEmpty := func(v table.Value) bool {
		return v.IsNull() || v.Type() == table.String && v.Str() == "" || v.Type() == table.Dynamic && emptyText(v)
	}
	test := func(f func(table.Value) bool) func(*Context, []table.Value) table.Value {
		return func(_ *Context, a []table.Value) table.Value { return table.BoolValue(f(a[0])) }
	}
	one := sigs("value:scalar -> bool")
	return []Scalar{
		{Name: "and", Sigs: pair, Nulls: Own, Lazy: logical(False), SQL: duck(join3("AND")), Doc: "True when both are; null where a null decides."},
		{Name: "or", Sigs: pair, Nulls: Own, Lazy: logical(True), SQL: duck(join3("OR")), Doc: "True when one is; null where a null decides."},
		{Name: "not", Sigs: sigs("expression:bool -> bool"), Eval: func(_ *Context, a []table.Value) table.Value { return table.BoolValue(!a[0].Bool()) },
			SQL: duck(strict("(NOT %s)", table.Bool)), Doc: "The opposite; null for null."},
		{Name: "iff", Aliases: []string{"iif"}, Sigs: []Sig{iffSig()}, Nulls: Own, Lazy: func(_ *Context, _ int, arg func(int) table.Value) table.Value {
			if arg(0).Bool() {
				return arg(1)
			}
			return arg(2)
		}, SQL: duck(iffSQL), Doc: "The second argument where the first is true, else (false or null) the third."},
		{Name: "case", Sigs: []Sig{caseSig()}, Nulls: Own, Lazy: func(_ *Context, n int, arg func(int) table.Value) table.Value {
			for i := 0; i+1 < n; i += 2 {
				if arg(i).Bool() {
					return arg(i + 1)
				}
			}
			return arg(n - 1)
		}, SQL: duck(caseSQL), Doc: "The value behind the first predicate that is true, else the last argument."},
		{Name: "coalesce", Sigs: []Sig{commonSig("arg")}, Nulls: Own, Lazy: func(_ *Context, n int, arg func(int) table.Value) table.Value {
			var v table.Value
			for i := range n {
				if v = arg(i); !v.IsNull() && !(v.Type() == table.String && v.Str() == "") {
					return v
				}
			}
			return v
		}, SQL: duck(coalesceSQL), Doc: "The first argument that is not null (of strings: not empty)."},
		{Name: "isnull", Sigs: one, Nulls: Own, Eval: test(table.Value.IsNull), SQL: duck(nullSQL("(%s IS NULL)", "FALSE")), Doc: "Whether the value is null; a string never is."},
		{Name: "isnotnull", Aliases: []string{"notnull"}, Sigs: one, Nulls: Own, Eval: test(func(v table.Value) bool { return !v.IsNull() }),
			SQL: duck(nullSQL("(%s IS NOT NULL)", "TRUE")), Doc: "Whether the value is not null."},
		{Name: "isempty", Sigs: one, Nulls: Own, Eval: test(isEmpty), SQL: duck(emptySQL(false)), Doc: "Whether the value is null or the empty string."},
		{Name: "isnotempty", Aliases: []string{"notempty"}, Sigs: one, Nulls: Own, Eval: test(func(v table.Value) bool { return !isEmpty(v) }),
			SQL: duck(emptySQL(true)), Doc: "Whether the value is neither null nor the empty string."},
		{Name: "max_of", Sigs: []Sig{commonSig("arg")}, Nulls: Own, Eval: extreme(1), Doc: "The greatest argument; nulls do not count."},
		{Name: "min_of", Sigs: []Sig{commonSig("arg")}, Nulls: Own, Eval: extreme(-1), Doc: "The least argument; nulls do not count."},
	}
}

func emptyText(v table.Value) bool {
	s, ok := v.Dyn().(string)
	return ok && s == ""
}

// logical is and (decided by False) or or (decided by True).
func logical(decides Tri) func(*Context, int, func(int) table.Value) table.Value {
	return func(_ *Context, n int, arg func(int) table.Value) table.Value {
		unknown := false
		for i := range n {
			v := toBool(arg(i))
			switch {
			case v.IsNull():
				unknown = true
			case triOf(v.Bool()) == decides:
				return v
			}
		}
		if unknown {
			return table.Null(table.Bool)
		}
		return decides.Not().Value()
	}
}

func join3(op string) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		return "(" + strings.Join(args, " "+op+" ") + ")", allOf(info, table.Bool)
	}
}

// common is the type of a choice between values: the same type, the widest
// number, the one that is not dynamic, else (mixed) dynamic.
func common(types []table.Type) table.Type {
	t := table.Unknown
	for _, u := range types {
		switch {
		case t == table.Unknown || t == table.Dynamic:
			t = u
		case u == t || u == table.Dynamic || u == table.Unknown:
		case t.Numeric() && u.Numeric():
			t = max(t, u)
		default:
			return table.Dynamic
		}
	}
	return t
}

func typesOf(args []Arg) []table.Type {
	out := make([]table.Type, len(args))
	for i, a := range args {
		out[i] = a.Type
	}
	return out
}

func iffSig() Sig {
	return Sig{Params: []Param{{Name: "if", Accepts: []table.Type{table.Bool}}, {Name: "then"}, {Name: "else"}},
		ResultOf: func(a []Arg) table.Type { return common(typesOf(a[1:])) },
		Convert: func(a []Arg) []table.Type {
			t := common(typesOf(a[1:]))
			return []table.Type{table.Bool, t, t}
		}}
}

func caseValues(a []Arg) []Arg {
	var out []Arg
	for i := range a {
		if i%2 == 1 || i == len(a)-1 {
			out = append(out, a[i])
		}
	}
	return out
}

func caseSig() Sig {
	return Sig{Params: []Param{{Name: "predicate", Accepts: []table.Type{table.Bool}}, {Name: "then"}, {Name: "else"}}, Variadic: true,
		ResultOf: func(a []Arg) table.Type {
			if len(a)%2 == 0 {
				return table.Unknown
			}
			return common(typesOf(caseValues(a)))
		},
		Convert: func(a []Arg) []table.Type {
			t := common(typesOf(caseValues(a)))
			out := make([]table.Type, len(a))
			for i := range a {
				out[i] = t
				if i%2 == 0 && i != len(a)-1 {
					out[i] = table.Bool
				}
			}
			return out
		}}
}

// commonSig takes two or more arguments of one type, or numbers.
func commonSig(name string) Sig {
	result := func(a []Arg) table.Type {
		t := common(typesOf(a))
		for _, x := range a {
			if t == table.Dynamic && x.Type != t && x.Type != table.Unknown || x.Type == table.Dynamic && t != x.Type {
				return table.Unknown
			}
		}
		return t
	}
	return Sig{Params: []Param{{Name: name}, {Name: name}}, Variadic: true, ResultOf: result,
		Convert: func(a []Arg) []table.Type {
			out := make([]table.Type, len(a))
			for i := range out {
				out[i] = result(a)
			}
			return out
		}}
}

// extreme of the arguments; NaN wins over every number.
func extreme(sign int) func(*Context, []table.Value) table.Value {
	return func(_ *Context, a []table.Value) table.Value {
		best := table.Null(a[0].Type())
		for _, v := range a {
			if v.IsNull() {
				continue
			}
			if best.IsNull() || better(v, best, sign) {
				best = v
			}
		}
		return best
	}
}

// better says whether v takes the place of best for max (sign 1) or min (-1): it
// is beyond it, or it is the first NaN.
func better(v, best table.Value, sign int) bool {
	if v.Type() == table.Real && best.Type() == table.Real {
		b, x := best.Float64(), v.Float64()
		if b != b {
			return false
		}
		return x != x || sign > 0 && x > b || sign < 0 && x < b
	}
	return SortCompare(v, best)*sign > 0
}

func nullSQL(format, text string) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if info[0].Type == table.String {
			return text, true
		}
		return fmt.Sprintf(format, args[0]), true
	}
}

func emptySQL(not bool) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		op, null, and := "=", "IS NULL", "OR"
		if not {
			op, null, and = "<>", "IS NOT NULL", "AND"
		}
		switch info[0].Type {
		case table.String:
			return "(" + args[0] + " " + op + " '')", true
		case table.Dynamic: // the dynamic empty string is '""'
			return fmt.Sprintf(`(%[1]s %[2]s %[3]s %[1]s %[4]s '""')`, args[0], null, and, op), true
		}
		return "(" + args[0] + " " + null + ")", true
	}
}

func sqlChoice(info []Arg, result table.Type) bool {
	for _, a := range info {
		if a.Type != result {
			return false
		}
	}
	_, ok := SQLType(DuckDB, result)
	return ok
}

func iffSQL(args []string, info []Arg, result table.Type) (string, bool) {
	return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", args[0], args[1], args[2]), sqlChoice(info[1:], result)
}

func caseSQL(args []string, info []Arg, result table.Type) (string, bool) {
	if len(args)%2 == 0 || !sqlChoice(caseValues(info), result) {
		return "", false
	}
	var b strings.Builder
	b.WriteString("CASE")
	for i := 0; i+1 < len(args); i += 2 {
		b.WriteString(" WHEN " + args[i] + " THEN " + args[i+1])
	}
	b.WriteString(" ELSE " + args[len(args)-1] + " END")
	return b.String(), true
}

func coalesceSQL(args []string, info []Arg, result table.Type) (string, bool) {
	if !sqlChoice(info, result) {
		return "", false
	}
	if result != table.String {
		return "coalesce(" + strings.Join(args, ", ") + ")", true
	}
	var b strings.Builder
	b.WriteString("coalesce(")
	for _, a := range args {
		b.WriteString("nullif(" + a + ", ''), ")
	}
	b.WriteString("'')")
	return b.String(), true
}
