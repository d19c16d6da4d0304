package fn

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"pgregory.net/rapid"

	"sextant/table"
)

// hostile values of each type: every edge that a SQL form has got wrong, or might.
func hostile(t table.Type) []table.Value {
	var out []table.Value
	add := func(vs ...table.Value) { out = append(out, vs...) }
	switch t {
	case table.Bool:
		add(table.BoolValue(true), table.BoolValue(false))
	case table.Int:
		for _, n := range []int64{0, 1, -1, 2, 7, -7, 31, 100, math.MaxInt32, math.MinInt32} {
			add(table.IntValue(n))
		}
	case table.Long:
		for _, n := range []int64{0, 1, -1, 3, 5, -5, 10, 63, 255, 1 << 31, -1<<31 - 1, 1 << 53, math.MaxInt64, math.MinInt64, math.MinInt64 + 1} {
			add(table.LongValue(n))
		}
	case table.Real:
		for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, -2.5, 2.5, 1e-7, 1e300, -1e300, 2147483648.5, 9.3e18, -9.3e18, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324} {
			add(table.RealValue(f))
		}
	case table.DateTime:
		for _, s := range []string{"0001-01-01", "1969-12-31 23:59:59.9999999", "2020-02-29 13:45:30.7654321", "2024-12-31", "9999-12-31 23:59:59.9999999", "2026-01-01"} {
			n, _ := ParseDateTime(s)
			add(table.DateTimeValue(n))
		}
	case table.TimeSpan:
		for _, n := range []int64{0, 1, -1, table.TicksPerSecond, -table.TicksPerHour, table.TicksPerHour, table.TicksPerDay, 7 * table.TicksPerDay, table.TicksPerDay*366 + 17, math.MaxInt64, math.MinInt64} {
			add(table.TimeSpanValue(n))
		}
	case table.String:
		for _, s := range []string{"", " ", "a", "A", "abc", "ABC", "foo bar", "Foo_bar", "foo.bar-baz", "alice@contoso.com", "ALICE@CONTOSO.COM", "it's", `back\slash`, `\`, "%", "_", "a%b", "tab\tx",
			"line\nbreak", "naïve café", "NAÏVE", "Straße", "ſ", "K", "k", "İ", "i", "日本語 text", "😀", "a😀b", "null", "true", "42", " 42 ", "-7", "0x1F", "9223372036854775808", "1.5", "1e3", "NaN", "1_000", "+5",
			"192.168.1.10", "10.0.0.0/8", "11.2.3.4/7", " 172.31.255.255 ", "172.32.0.1", "1.2.3.256", "1.2.3.0004", "010.1.1.1", "0.0.0.0/0", "255.255.255.255/33", "1.2.3", "{\"a\":1}", "[1,2]", "2020-02-29", "x,y,,z", "aXbXc", "éa", "aé", "İstanbul", "(a)", "a.c", "^a$", `[a-z]+`, `(\d+)\s*`, `(?i)abc|foo`, `(a)(b)?`, `\w+@\w+`, `a*`, `\s`, `[^a-z]`, `\1`, `<\0>`, `(\w)(\w)`, strings.Repeat("ab", 40)} {
			add(table.StringValue(s))
		}
	case table.Guid:
		add(table.GuidValue("00000000-0000-0000-0000-000000000000"), table.GuidValue("72f988bf-86f1-41af-91ab-2d7cd011db47"))
	case table.Dynamic:
		for _, s := range []string{`""`, `"a"`, `"foo bar"`, "1", "-7", "1.5", "true", "false", `[]`, `[1,2,3]`, `["a","b",null]`, `{}`, `{"a":1,"b":"x"}`, `{"a":{"b":[1,2]}}`, `"it's"`, `"é\n"`, `[[1],[2]]`, `["10.0.0.0/8","x"]`} {
			add(table.DynamicText(s))
		}
	}
	if t != table.String {
		add(table.Null(t))
	}
	return out
}

// anyValue of a type: mostly hostile, else random.
func anyValue(t *rapid.T, typ table.Type, label string) table.Value {
	if rapid.IntRange(0, 3).Draw(t, label+" kind") > 0 {
		return rapid.SampledFrom(hostile(typ)).Draw(t, label)
	}
	switch typ {
	case table.Int:
		return table.IntValue(int64(rapid.Int32().Draw(t, label)))
	case table.Long:
		return table.LongValue(rapid.Int64().Draw(t, label))
	case table.Real:
		return table.RealValue(rapid.Float64().Draw(t, label))
	case table.DateTime:
		return table.DateTimeValue(rapid.Int64Range(0, table.MaxDateTime).Draw(t, label))
	case table.TimeSpan:
		return table.TimeSpanValue(rapid.Int64Range(-1e15, 1e15).Draw(t, label))
	case table.String:
		s := rapid.StringN(0, 12, 40).Draw(t, label)
		return table.StringValue(strings.ReplaceAll(s, "\x00", "0"))
	}
	return rapid.SampledFrom(hostile(typ)).Draw(t, label)
}

var concrete = []table.Type{table.Bool, table.Int, table.Long, table.Real, table.String, table.DateTime, table.TimeSpan, table.Guid, table.Dynamic}

// TestSQLAgrees walks the catalogue: whatever has a SQL form must give the same
// cell as its evaluator, on a real DuckDB, for arguments from columns and for
// constant ones.
func TestSQLAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("asks DuckDB some ten thousand questions")
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	seen := map[string]int{}
	for _, s := range New().Scalars() {
		if s.SQL[DuckDB] == nil {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			property := func(rt *rapid.T) {
				const cases = 2 // in one statement: the engine's start is the cost
				var exprs []string
				var want []table.Value
				var from []string
				for range cases {
					e, v, src, ok := sqlCase(rt, s)
					if ok {
						exprs, want, from = append(exprs, e), append(want, v), append(from, src)
					}
				}
				if len(exprs) == 0 {
					return
				}
				seen[s.Name] += len(exprs)
				got := make([]any, len(exprs))
				ptrs := make([]any, len(exprs))
				for i := range got {
					ptrs[i] = &got[i]
				}
				q := "SELECT " + strings.Join(exprs, ",\n")
				if err := db.QueryRow(q).Scan(ptrs...); err != nil {
					rt.Fatalf("%v\n%s\n%s", err, strings.Join(from, "\n"), q)
				}
				for i := range got {
					if g := fromSQL(want[i].Type(), got[i]); !sameCell(g, want[i]) {
						rt.Fatalf("%s: SQL %s (%T), Go %s\n%s", from[i], show(g), got[i], show(want[i]), exprs[i])
					}
				}
			}
			for range 50 { // some forms are for few arguments: extract's for its simplest patterns
				if rapid.Check(t, property); seen[s.Name] > 0 {
					break
				}
			}
			if seen[s.Name] == 0 {
				t.Errorf("%s has a SQL form that no drawn arguments reach", s.Name)
			}
		})
	}
}

func show(v table.Value) string { return v.Type().String() + " " + fmt.Sprintf("%q", v.String()) }

// sqlCase draws arguments for a function and writes its SQL form over them:
// through a column of a subquery, or as a literal, constant to the planner.
func sqlCase(rt *rapid.T, s *Scalar) (expr string, want table.Value, src string, ok bool) {
	sig := &s.Sigs[rapid.IntRange(0, len(s.Sigs)-1).Draw(rt, "signature")]
	n := 0
	for _, p := range sig.Params {
		if !p.Optional || rapid.Bool().Draw(rt, "optional") {
			n++
		} else {
			break
		}
	}
	if sig.Variadic && n == len(sig.Params) {
		n += rapid.IntRange(0, 3).Draw(rt, "more")
	}
	args := make([]Arg, n)
	vals := make([]table.Value, n)
	free := concrete[rapid.IntRange(0, len(concrete)-1).Draw(rt, "type")]
	for i := range n {
		p := sig.Params[min(i, len(sig.Params)-1)]
		typ := free
		if len(p.Accepts) > 0 {
			typ = rapid.SampledFrom(p.Accepts).Draw(rt, "accepts")
		} else if rapid.IntRange(0, 5).Draw(rt, "other type") == 0 {
			typ = rapid.SampledFrom(concrete).Draw(rt, "type")
		}
		if typ == table.Decimal {
			return
		}
		vals[i] = anyValue(rt, typ, p.Name)
		if p.Name == "part" {
			vals[i] = table.StringValue(rapid.SampledFrom([]string{"day", "hour", "Minute", "week", "month", "second", "millisecond", "microsecond", "nanosecond", "none"}).Draw(rt, "part"))
		}
		args[i] = Arg{Type: typ}
		if p.Const || rapid.Bool().Draw(rt, "constant") {
			v := vals[i]
			args[i].Const = &v
		}
	}
	if misfit(sig, args) != "" {
		return
	}
	result := sig.Result
	if sig.ResultOf != nil {
		result = sig.ResultOf(args)
	}
	if result == table.Unknown {
		return
	}
	if sig.Convert != nil {
		for i, to := range sig.Convert(args) {
			if to != args[i].Type {
				vals[i] = Convert(vals[i], to)
				args[i].Type = to
				if args[i].Const != nil {
					v := vals[i]
					args[i].Const = &v
				}
			}
		}
	}
	var cols, lits []string
	for i := range vals {
		lit, ok := Literal(DuckDB, vals[i])
		if !ok {
			return "", want, "", false
		}
		if args[i].Const == nil {
			col := fmt.Sprintf("x%d", i)
			cols = append(cols, lit+" AS "+col)
			lit = col
		}
		lits = append(lits, lit)
	}
	expr, ok = s.SQL[DuckDB](lits, args, result)
	if ok && len(cols) > 0 {
		expr = "(SELECT " + expr + " FROM (SELECT " + strings.Join(cols, ", ") + "))"
	}
	if !ok {
		return
	}
	if where := s.Where[DuckDB]; where != nil && rapid.Bool().Draw(rt, "as a filter") {
		// null counts as false there, on both sides
		if w, ok := where(lits, args, result); ok {
			expr = "coalesce(" + w + ", FALSE)"
			if len(cols) > 0 {
				expr = "(SELECT " + expr + " FROM (SELECT " + strings.Join(cols, ", ") + "))"
			}
			keep := Call(NewContext(context.Background(), 0, 1, nil), s, result, vals).Bool()
			return expr, table.BoolValue(keep), s.Name + " as a filter", true
		}
	}
	want = Call(NewContext(context.Background(), 0, 1, nil), s, result, vals)
	if most := s.Most[DuckDB]; most != nil && rapid.Bool().Draw(rt, "mostly") {
		// null is for Eval
		if m, ok := most(lits, args, result); ok {
			expr = "coalesce(" + m + ", " + strings.ToUpper(want.Text()) + ")"
			if len(cols) > 0 {
				expr = "(SELECT " + expr + " FROM (SELECT " + strings.Join(cols, ", ") + "))"
			}
		}
	}
	var shown []string
	for _, v := range vals {
		shown = append(shown, show(v))
	}
	return expr, want, s.Name + "(" + strings.Join(shown, ", ") + ")", true
}

func fromSQL(t table.Type, x any) table.Value {
	switch x := x.(type) {
	case nil:
		if t == table.String {
			return table.Value{} // a string is never NULL: this differs from any
		}
		return table.Null(t)
	case bool:
		return table.BoolValue(x)
	case int32:
		if t == table.Int {
			return table.IntValue(int64(x))
		}
	case int64:
		switch t {
		case table.Long:
			return table.LongValue(x)
		case table.DateTime:
			return table.DateTimeValue(x)
		case table.TimeSpan:
			return table.TimeSpanValue(x)
		}
	case float64:
		return table.RealValue(x)
	case string:
		switch t {
		case table.String:
			return table.StringValue(x)
		case table.Guid:
			return table.GuidValue(x)
		case table.Dynamic:
			return table.DynamicText(x)
		}
	}
	return table.Value{}
}

func sameCell(a, b table.Value) bool {
	if a.Type() != b.Type() || a.IsNull() != b.IsNull() {
		return false
	}
	switch {
	case a.IsNull():
		return true
	case a.Type() == table.Real:
		return math.Float64bits(a.Float64()) == math.Float64bits(b.Float64()) || a.Float64() == b.Float64() || math.IsNaN(a.Float64()) && math.IsNaN(b.Float64())
	case a.Type() == table.Dynamic:
		return table.Compact(a.JSON()) == table.Compact(b.JSON())
	}
	return a.Text() == b.Text()
}
