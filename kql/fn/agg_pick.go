package fn

import (
	"strconv"

	"sextant/table"
)

// picking is the table of arg_max, arg_min, take_any and their kin.
func picking() []Aggregate {
	arg := func(name, prefix string, sign int, old bool, doc string) Aggregate {
		return Aggregate{Name: name, Sigs: []Sig{{Params: []Param{{Name: "by", Accepts: orderable}, {Name: "returned", Optional: true}}, Variadic: true,
			ResultOf: func(a []Arg) table.Type { return a[0].Type }}},
			ResultName: named(prefix), Several: func(args []Arg) table.Schema { return pickedSchema(prefix, old, args) },
			New: func(_ *Context, args []Arg) State { return &argState{sign: sign, row: nulls(args)} },
			SQL: duckAgg(pickSQL(prefix)), Doc: doc}
	}
	anySig := []Sig{{Params: []Param{{Name: "expr"}}, Variadic: true, ResultOf: func(a []Arg) table.Type { return a[0].Type }}}
	takeAny := func(_ *Context, args []Arg) State { return &anyState{row: nulls(args)} }
	own := func(prefix string) func(args []Arg) table.Schema {
		return func(args []Arg) table.Schema {
			var out table.Schema
			for i, a := range args {
				name := prefix + a.Name
				if a.Name == "" {
					name = "any_"
					if i > 0 {
						name = "any_arg" + strconv.Itoa(i)
					}
				}
				out = append(out, table.Column{Name: name, Type: a.Type})
			}
			return out
		}
	}
	same := func(fallback string) func(string) string {
		return func(arg string) string {
			if arg == "" {
				return fallback
			}
			return arg
		}
	}
	return []Aggregate{
		arg("arg_max", "max", 1, false, "The row with the greatest first argument: that and the other arguments' values."),
		arg("arg_min", "min", -1, false, "The row with the least first argument: that and the other arguments' values."),
		arg("argmax", "max", 1, true, "As arg_max, with the old names of columns."),
		arg("argmin", "min", -1, true, "As arg_min, with the old names of columns."),
		{Name: "take_any", Sigs: anySig, ResultName: same("any_"), Several: own(""), New: takeAny, SQL: duckAgg(takeAnySQL), Doc: "The values of some row; of one column, one that is not null where there is one."},
		{Name: "any", Sigs: anySig, ResultName: named("any"), Several: own("any_"), New: takeAny, SQL: duckAgg(takeAnySQL), Doc: "As take_any, with the old names of columns."},
		{Name: "take_anyif", Sigs: sigs("expr:scalar, predicate:bool -> $0"), ResultName: same("any_"), New: onlyIf(1, takeAny), SQL: duckAgg(takeAnyIfSQL), Doc: "take_any where the predicate is true."},
		{Name: "anyif", Sigs: sigs("expr:scalar, predicate:bool -> $0"), ResultName: named("anyif"), New: onlyIf(1, takeAny), SQL: duckAgg(takeAnyIfSQL), Doc: "As take_anyif."},
		{Name: "passthrough", Sigs: sigs("expr:scalar -> $0"), ResultName: same("passthrough_"), New: takeAny, SQL: duckAgg(takeAnySQL), Doc: "As take_any."},
	}
}

func nulls(args []Arg) []table.Value {
	out := make([]table.Value, len(args))
	for i, a := range args {
		out[i] = table.Null(a.Type)
	}
	return out
}

// pickedSchema names the columns: each by its argument; by prefix and place where
// the argument has no name; all with the prefix in the old form.
func pickedSchema(prefix string, old bool, args []Arg) table.Schema {
	by := args[0].Name
	out := make(table.Schema, len(args))
	for i, a := range args {
		name := a.Name
		switch {
		case i == 0 && (old || name == ""):
			name = prefix + "_" + by
		case name == "":
			name = prefix + "_" + by + "_arg" + strconv.Itoa(i)
		case old:
			name = prefix + "_" + by + "_" + name
		}
		out[i] = table.Column{Name: name, Type: a.Type}
	}
	return out
}

// argState keeps the best row; of equals, and of nothing but nulls, the first.
type argState struct {
	sign int
	row  []table.Value
	set  bool
}

func (s *argState) Add(args []table.Value) {
	v := args[0]
	if s.set && (v.IsNull() || !s.row[0].IsNull() && !better(v, s.row[0], s.sign)) {
		return
	}
	copy(s.row, args)
	s.set = true
}
func (s *argState) Results() []table.Value { return s.row }
func (s *argState) Bytes() int64           { return rowBytes(s.row) }

func rowBytes(row []table.Value) int64 {
	n := int64(48)
	for _, v := range row {
		n += v.Bytes()
	}
	return n
}

type anyState struct {
	row []table.Value
	set bool
}

func (s *anyState) Add(args []table.Value) {
	if s.set && (len(s.row) > 1 || !s.row[0].IsNull()) {
		return
	}
	copy(s.row, args)
	s.set = true
}
func (s *anyState) Results() []table.Value { return s.row }
func (s *anyState) Bytes() int64           { return rowBytes(s.row) }
