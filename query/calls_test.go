package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/table"
)

// hostileCells of each type: the edges that SQL and Go may see differently. Every row
// of the test's table has one of each.
func hostileCells(t table.Type) (out []table.Value) {
	switch t {
	case table.Bool:
		out = []table.Value{table.BoolValue(true), table.BoolValue(false)}
	case table.Int:
		for _, n := range []int64{0, 1, -1, 3, 24, math.MaxInt32, math.MinInt32} {
			out = append(out, table.IntValue(n))
		}
	case table.Long:
		for _, n := range []int64{0, 1, 2, -2, 10, 1 << 53, math.MaxInt64, math.MinInt64} {
			out = append(out, table.LongValue(n))
		}
	case table.Real:
		for _, f := range []float64{0, 0.5, -2.5, 1e-7, 3, 1e17, math.NaN(), math.Inf(1), math.Inf(-1)} {
			out = append(out, table.RealValue(f))
		}
	case table.DateTime:
		for _, s := range []string{"0001-01-01", "1969-12-31 23:59:59.9999999", "2024-02-29 13:45:30.7654321", "9999-12-31 23:59:59.9999999"} {
			n, _ := fn.ParseDateTime(s)
			out = append(out, table.DateTimeValue(n))
		}
	case table.TimeSpan:
		for _, n := range []int64{0, 1, -table.TicksPerHour, table.TicksPerDay + 5, math.MaxInt64, math.MinInt64} {
			out = append(out, table.TimeSpanValue(n))
		}
	case table.Guid:
		return []table.Value{table.GuidValue("72f988bf-86f1-41af-91ab-2d7cd011db47"), table.Null(table.Guid)}
	case table.String:
		for _, s := range []string{"", "abc", " a B;c=d ", "it's \\ \"so\"", "naïve 日本語 😀", "42", "-1.5e3", "10.1.2.3", "fe80::1/10", "192.168.0.0/16", "https://user@contoso.com:8443/a/b?x=1&y=%20#f", "2024-02-29T13:45:30Z", "1.02:03:04",
			`{"a":{"b":[1,2.5,"x"]},"c":null}`, `[1,[2],"3"]`, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", "YWJj", "72F988BF-86F1-41AF-91AB-2D7CD011DB47", "a,b\n\"c,d\"", "P1D", "1.2.3.4", "<a x='1'>t</a>", strings.Repeat("long ", 700)} {
			out = append(out, table.StringValue(s))
		}
		return out
	case table.Dynamic:
		for _, s := range []string{`1`, `1.5`, `true`, `"x"`, `"10.1.2.3"`, `[]`, `[1,2,3]`, `[3,"a",null,2.5,[1],{"k":1}]`, `["10.0.0.0/8","fe80::/10"]`, `{}`, `{"a":1,"b":{"c":[1,2]}}`, `{"b":2,"a":"2024-02-29T00:00:00Z"}`, `[1.5,2.5,-1.0,0.25]`, `1e3`, `-1.25E-7`, `12345678901234567890123`, `{"a":1e2,"b":[9223372036854775808,1.10,0.79e2]}`, `[77e0,78.0,100000000000000000000]`, `"2024-02-29"`, `[[1,2],[3]]`} {
			out = append(out, table.DynamicText(s))
		}
	}
	return append(out, table.Null(t))
}

var callTypes = []table.Type{table.Bool, table.Int, table.Long, table.Real, table.String, table.DateTime, table.TimeSpan, table.Guid, table.Dynamic}

// hostileTable has two columns of each type, b0, b1, i0, …, and the row's number.
func hostileTable(rnd *rand.Rand, rows int) *table.Batch {
	schema := table.Schema{{Name: "id", Type: table.Long}}
	for _, t := range callTypes {
		schema = append(schema, table.Column{Name: t.String() + "0", Type: t}, table.Column{Name: t.String() + "1", Type: t})
	}
	b := table.NewBatch(schema, rows)
	for r := range rows {
		row := []table.Value{table.LongValue(int64(r))}
		for _, c := range schema[1:] {
			all := hostileCells(c.Type)
			at := rnd.IntN(len(all))
			if strings.HasSuffix(c.Name, "0") { // each at least once
				at = r % len(all)
			}
			row = append(row, all[at])
		}
		b.AppendRow(row)
	}
	return b
}

// argumentsFor a signature: columns, or literals where a constant is wanted.
func argumentsFor(rnd *rand.Rand, sig *fn.Sig) string {
	n := len(sig.Params)
	for n > 0 && sig.Params[n-1].Optional && rnd.IntN(2) == 0 {
		n--
	}
	if sig.Variadic && n == len(sig.Params) {
		n += rnd.IntN(3)
	}
	args := make([]string, n)
	free := callTypes[rnd.IntN(len(callTypes))]
	for i := range args {
		p := sig.Params[min(i, len(sig.Params)-1)]
		typ := free
		if len(p.Accepts) > 0 {
			typ = p.Accepts[rnd.IntN(len(p.Accepts))]
		}
		if typ == table.Decimal {
			typ = table.Long
		}
		if p.Const || rnd.IntN(6) == 0 {
			all := hostileCells(typ)
			args[i] = literalOf(all[rnd.IntN(len(all))])
			continue
		}
		args[i] = fmt.Sprintf("%s%d", typ, rnd.IntN(2))
	}
	return strings.Join(args, ", ")
}

// literalOf a value in KQL.
func literalOf(v table.Value) string {
	switch {
	case v.Type() == table.String:
		return string(table.AppendQuoted(nil, v.Str()))
	case v.IsNull():
		return v.Type().String() + "(null)"
	case v.Type() == table.Dynamic:
		return "dynamic(" + v.JSON() + ")"
	}
	return v.Type().String() + "(" + v.Text() + ")"
}

// TestCallsAgree calls every function and aggregate of the catalogue, over columns of
// hostile values, as a statement that calls Go and in Go alone: same cells.
func TestCallsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("two thousand queries take half a minute")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	cat := fn.New()
	stores := &stores{t: t, cat: cat, make: openDuckDB, half: true}
	tables := map[string]*table.Batch{"H": hostileTable(rnd, 60)}
	st, err := stores.of(context.Background(), tables)
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Catalogue: cat, Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { t.Errorf("the engine could not run its SQL: %v\n%s", err, sql) }})
	none := -1
	asked, called, never := 0, map[string]bool{}, []string{}
	check := func(name, text string) bool {
		want, err := answers(e, st, Request{Text: text, Split: &none})
		var ds fault.Diagnostics
		if errors.As(err, &ds) {
			return false // these arguments do not fit
		}
		if err != nil {
			t.Errorf("%s\nin Go: %v", text, err)
			return true
		}
		asked++
		if how, err := e.Explain(context.Background(), st, Request{Text: text}); err == nil && strings.Contains(how, "\ncall: ") {
			called[name] = true
		}
		got, err := answers(e, st, Request{Text: text})
		if err != nil {
			t.Errorf("%s\nin SQL: %v", text, err)
		} else if !slices.Equal(want, got) {
			t.Errorf("%s\n%s", text, difference(want, got))
		}
		return true
	}
	for _, s := range cat.Scalars() {
		if s.Volatile || s.Row != fn.NotRow || s.Refused != "" || s.Name[0] < 'a' || s.Name[0] > 'z' || slices.Contains([]string{"and", "or", "not"}, s.Name) {
			continue
		}
		if s.Name == "range" || s.Name == "repeat" { // of such numbers they make arrays of a million
			continue
		}
		fits := 0
		for i := 0; i < 40 && fits < 3; i++ {
			sig := &s.Sigs[i%len(s.Sigs)]
			if check(s.Name, "H | project id, r = "+s.Name+"("+argumentsFor(rnd, sig)+")") {
				fits++
			}
		}
		if fits == 0 {
			never = append(never, s.Name)
		}
	}
	for _, a := range cat.Aggregates() {
		if a.Refused != "" || unsettledAggregate(a.Name) {
			continue
		}
		fits := 0
		for i := 0; i < 40 && fits < 4; i++ {
			by := []string{"bool0", "id % 7", "id"}[rnd.IntN(3)]
			args := argumentsFor(rnd, &a.Sigs[i%len(a.Sigs)])
			if most := strings.Count(a.Name, "_if"); strings.HasPrefix(a.Name, "make_") && strings.Count(args, ", ") > most {
				continue // which values a limit keeps is open
			}
			if check(a.Name, "H | summarize r = "+a.Name+"("+args+") by k = "+by) {
				fits++
			}
		}
		if fits == 0 {
			never = append(never, a.Name)
		}
	}
	text, err := os.ReadFile("testdata/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !check("", line) {
			t.Errorf("%s does not bind", line)
		}
	}
	t.Logf("%d queries; %d functions were called from SQL; no arguments were drawn for %s", asked, len(called), strings.Join(never, " "))
	if len(called) < 200 {
		t.Errorf("only %d functions were called from SQL", len(called))
	}
}

// unsettledAggregate says whether the order of rows, which nobody promises, changes more
// than the last digits of an answer.
func unsettledAggregate(name string) bool {
	for _, p := range []string{"take_any", "any", "arg_", "argm", "make_bag", "make_dictionary", "buildschema", "passthrough", "covariance"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// A function that gives another result each time is called for each row, and once where
// its result has a name.
func TestVolatileCalls(t *testing.T) {
	cat := fn.New()
	stores := &stores{t: t, cat: cat, make: openDuckDB}
	st, err := stores.of(context.Background(), map[string]*table.Batch{"H": hostileTable(rand.New(rand.NewPCG(1, 2)), 60)})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Catalogue: cat, Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { t.Errorf("the engine could not run its SQL: %v\n%s", err, sql) }})
	text := "H | extend g = new_guid(), r = rand() | where tostring(g) == tostring(g) and r >= 0 and r == r + 0.0 | extend same = g == g | summarize guids = dcount(g), more = dcount(new_guid()), reals = dcount(r), two = countif(new_guid() == new_guid()), same = countif(same)"
	got, err := answers(e, st, Request{Text: text})
	if err != nil || len(got) != 2 || got[1] != "60  60  60  0  60" {
		t.Errorf("%v %v", got, err)
	}
	if how, err := e.Explain(context.Background(), st, Request{Text: text}); err != nil || !strings.Contains(how, "call: new_guid()") {
		t.Errorf("%s %v", how, err)
	}
}
