package kqltest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/table"
)

const small = `# a comment
table T(a:long, s:string)
1  x y
2  ""
----

query
T
----
a:long  s:string
2       ""
1       x y

skip(fake) not today
query
T | sort by a asc
----
a:long  s:string
2       ""
1       x y

error
bad
----
1:3: wrong; try this
`

// fake answers every query with table T.
type fake struct{}

func (fake) Name() string { return "fake" }
func (fake) Query(_ context.Context, tables map[string]*table.Batch, text string) (table.Schema, [][]table.Value, error) {
	if text == "bad" {
		return nil, nil, fault.Diagnostics{{Span: fault.Span{Start: 2}, Text: "wrong", Notes: []string{"try this"}}}
	}
	b := tables["T"]
	var rows [][]table.Value
	for i := range b.Rows {
		rows = append(rows, b.Row(i, nil))
	}
	return b.Schema, rows, nil
}

func TestScript(t *testing.T) {
	s, err := Parse("small.kql", small)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cases) != 3 || s.Cases[1].Skips[0] != (Skip{"fake", "not today"}) || s.Cases[2].Skips != nil || s.Cases[0].Line != 7 {
		t.Fatalf("cases are %+v", s.Cases)
	}
	r := newRun(fake{}, nil)
	for i, want := range []bool{true, false, true} { // the second has an order, and not this one
		_, _, same, err := r.answer(s.Cases[i])
		if err != nil || same != want {
			t.Errorf("case %d: same is %v, %v", i, same, err)
		}
	}
	got := s.update(map[*Case][]string{s.Cases[1]: {"a:long", "9"}})
	want := strings.Replace(small, "sort by a asc\n----\na:long  s:string\n2       \"\"\n1       x y\n", "sort by a asc\n----\na:long\n9\n", 1)
	if got != want {
		t.Errorf("updated script is\n%s", got)
	}
}

func TestScriptErrors(t *testing.T) {
	f := func(text, part string) {
		t.Helper()
		if _, err := Parse("x", text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want one with %q", err, part)
		}
	}
	f("query\nT", "x:1: no line ----")
	f("quarry\nT\n----\n", `not with "quarry"`)
	f("table T(a:wrong)\n----\n", `x:1: there is no type "wrong"`)
	f("table T(a)\n----\n", "has no type")
	f("table T(a:long)\nx\n----\n", `x:2: column a: "x" is no long`)
	f("\n\ntable T(a:long, b:long)\n1\n----\n", "x:4: 1 cells for 2 columns")
	f("table T(d:dynamic)\n{\n----\n", "no JSON")
}

func TestCells(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		if got := cells(line); !slices.Equal(got, want) {
			t.Errorf("%q has the cells %q, want %q", line, got, want)
		}
	}
	f("a b  c\td ", "a b", "c", "d")
	f(`"x  y"  {"a":  [1,  "}"]}  z`, `"x  y"`, `{"a":  [1,  "}"]}`, "z")
	f(`a "b  c" d`, `a "b`, `c" d`) // quotes count at the start of a cell
	f(`"a\"  b"  c`, `"a\"  b"`, "c")
	f("")
}

func TestOrdered(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := Ordered(text); got != want {
			t.Errorf("%s is ordered: %v", text, got)
		}
	}
	f("T", false)
	f("T | sort by a", true)
	f("T | sort by a | extend b = 1 | take 2", true)
	f("T | sort by a | summarize count() by b", false)
	f("let x = T | sort by a; x | where true", false)
	f("(T | top 2 by a) | project a", true)
	f("range x from 1 to 2 step 1", true)
}

func TestEqual(t *testing.T) {
	f := func(a, b table.Value, want bool) {
		t.Helper()
		if Equal(a, b) != want || Equal(b, a) != want {
			t.Errorf("%s and %s are equal: %v", a, b, !want)
		}
	}
	f(table.RealValue(0.1+0.2), table.RealValue(0.3), true)
	f(table.RealValue(1), table.RealValue(1.00001), false)
	f(table.LongValue(1), table.IntValue(1), false)
	f(table.Null(table.Long), table.LongValue(0), false)
	f(table.DynamicText(`{"a":1,"b":[1.0]}`), table.DynamicText(`{"b":[1], "a":1}`), true)
	f(table.DynamicText(`[1]`), table.DynamicText(`["1"]`), false)
	f(table.DynamicValue(table.DateTimeValue(0)), table.DynamicText(`"0001-01-01T00:00:00.0000000Z"`), true)
}

// Every cell that is printed is read back as it was.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"", "x", "a  b", ` "`, "null", "----", "{", "#", "\x00\t", "é\xff"} {
		f.Add(s, int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n int64) {
		schema := table.Schema{{Name: "s", Type: table.String}, {Name: "n", Type: table.Long}, {Name: "d", Type: table.Dynamic}, {Name: "f", Type: table.Real}}
		s = strings.ToValidUTF8(s, "?")
		row := []table.Value{table.StringValue(s), table.LongValue(n), table.DynamicValue([]any{s, n}), table.RealValue(float64(n) / 3)}
		lines := render(schema, [][]table.Value{row})
		if len(lines) != 2 || strings.Contains(lines[1], "\n") {
			t.Fatalf("%q is printed as %q", s, lines)
		}
		got, err := ParseRow(lines[1], schema)
		if err != nil || !equalRow(got, row) {
			t.Fatalf("%q comes back as %v, %v", lines[1], got, err)
		}
	})
}

func TestKnownAnswers(t *testing.T) {
	f := func(want string, got table.Value, same bool, loose ...string) {
		t.Helper()
		var v verdict
		if ok := sameCell(want, got, true, &v); ok != same {
			t.Errorf("%q says %s: %v", want, FormatCell(got), ok)
		}
		if len(v.loose) != len(loose) {
			t.Errorf("%q and %s: let pass %v", want, FormatCell(got), v.loose)
		}
	}
	f("1,234.5", table.RealValue(1234.5), true)
	f("3.14", table.RealValue(3.14159), true, "rounding")
	f("5", table.LongValue(6), false)
	f("null", table.Null(table.Long), true)
	f("", table.StringValue(""), true)
	f("True", table.BoolValue(true), true)
	f("2026-01-02 03:04:05.12", table.DateTimeValue(table.TicksPerDay*739_617+table.TicksPerHour*3+table.TicksPerMinute*4+table.TicksPerSecond*5+1234567), true)
	f("1.00:00:00", table.TimeSpanValue(table.TicksPerDay), true)
	f(`["b", "a"]`, table.DynamicText(`["a","b"]`), true, "array-order")
	f(`{"a": 1.0}`, table.DynamicText(`{"a":1}`), true)
	f("abc...xyz", table.StringValue("abc and so on xyz"), true)
	f("abc...xyz", table.StringValue("abc and so on"), false)
	f("'x'", table.StringValue("x"), true)
}
