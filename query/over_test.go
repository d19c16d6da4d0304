package query

import (
	"context"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// answer of a query over a snapshot, one line a row; an error is its text.
func answer(t *testing.T, snap store.Snapshot, req Request) string {
	t.Helper()
	ctx := context.Background()
	a, err := New(Options{}).RunOn(ctx, snap, req)
	if err != nil {
		return "error: " + err.Error()
	}
	defer a.Close()
	b, err := All(ctx, a.Tables[0].Rows)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	var row []table.Value
	for i := range b.Rows {
		row = b.Row(i, row)
		cells := make([]string, len(row))
		for c, v := range row {
			cells[c] = v.Text()
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "\n")
}

// people is a table of names and numbers.
func people(schema table.Schema, rows ...[]table.Value) store.Snapshot {
	b := table.NewBatch(schema, len(rows))
	for _, r := range rows {
		b.AppendRow(r)
	}
	return Rows(table.Def{Name: "People", Columns: schema}, b)
}

func TestUnionOfSnapshots(t *testing.T) {
	s, n := table.StringValue, table.LongValue
	first := people(table.Schema{{Name: "Name", Type: table.String}, {Name: "N", Type: table.Long}}, []table.Value{s("ann"), n(1)}, []table.Value{s("bob"), n(2)})
	second := people(table.Schema{{Name: "N", Type: table.String}, {Name: "Name", Type: table.String}, {Name: "City", Type: table.String}}, []table.Value{s("x"), s("cem"), s("Rome")})
	f := func(text, want string) {
		t.Helper()
		if got := answer(t, Union(first, second), Request{Text: text}); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	f("People | sort by Name asc", "ann 1 \nbob 2 \ncem  Rome")
	f("People | count", "3")
	f("People | where City == 'Rome' | project Name", "cem")
	f("Peopel", "error: Failed to resolve table or column expression named 'Peopel'; did you mean People?")
	if got := answer(t, Union(first), Request{Text: "People | summarize sum(N)"}); got != "3" {
		t.Errorf("the union of one: %s", got)
	}
}

// saved functions of a test.
type saved map[string]Function

func (s saved) Function(name string) (Function, bool) { f, ok := s[name]; return f, ok }

func TestSavedFunctions(t *testing.T) {
	tab := people(table.Schema{{Name: "Name", Type: table.String}}, []table.Value{table.StringValue("ann")}, []table.Value{table.StringValue("bob")})
	fs := saved{
		"Everybody": {Name: "Everybody", Body: "People | extend Upper = toupper(Name)"},
		"Named":     {Name: "Named", Params: "who:string, twice:bool = false", Body: "let w = who; People | where Name == w | project Name, twice"},
		"Half":      {Name: "Half", Params: "n:long", Body: "n / 2"},
	}
	f := func(text, want string) {
		t.Helper()
		if got := answer(t, tab, Request{Text: text, Functions: fs}); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	f("Everybody | where Upper == 'ANN' | project Upper", "ANN")
	f("Everybody() | count", "2")
	f("Named('bob')", "bob false")
	f("Named('bob', true)", "bob true")
	f("print Half(9)", "4")
	for _, bad := range []Function{
		{Name: "x y", Body: "People"},
		{Name: "f", Body: "People } ; SigninLogs | where (true) {"},
		{Name: "f", Body: "People |"},
		{Name: "f", Params: "){ print 1 }; let g = (", Body: "People"},
		{Name: "f", Params: "a:long) { People }; //", Body: ""},
	} {
		if err := bad.Check(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v was accepted: %v", bad, err)
		}
	}
	for name, good := range fs {
		if err := good.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParameters(t *testing.T) {
	tab := people(table.Schema{{Name: "Name", Type: table.String}}, []table.Value{table.StringValue("ann")})
	f := func(declared, given, want string) {
		t.Helper()
		req := Request{Text: "declare query_parameters(p:" + declared + "); print p", Params: map[string]string{"p": given, "other": "1"}}
		if got := answer(t, tab, req); got != want {
			t.Errorf("%s = %s: %s, want %s", declared, given, got, want)
		}
	}
	f("int", "int(3)", "3")
	f("long", "3", "3")
	f("long = 5", "7", "7")
	f("string", `"a\"b"`, `a"b`)
	f("string", `'x'`, `x`)
	f("string", `bare text; drop | it`, `bare text; drop | it`)
	f("string", `3`, `3`)
	f("datetime", "datetime(2026-01-02)", "2026-01-02T00:00:00.0000000Z")
	f("datetime", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.0000000Z")
	f("timespan", "1h", "01:00:00")
	f("dynamic", "dynamic([1,2])", "[1,2]")
	f("bool", "bool(true)", "true")
	f("guid", "guid(12345678-1234-1234-1234-123456789abc)", "12345678-1234-1234-1234-123456789abc")
	f("long", "1; People", "error: The value given for the parameter 'p' is not a long")
}

func TestWithinAResource(t *testing.T) {
	s := table.StringValue
	tab := people(table.Schema{{Name: "Name", Type: table.String}, {Name: "_ResourceId", Type: table.String}},
		[]table.Value{s("ann"), s("/subscriptions/S/x/a")}, []table.Value{s("bob"), s("/subscriptions/s/x/ab")}, []table.Value{s("cem"), s("/SUBSCRIPTIONS/s/x/a/y")})
	f := func(resource, text, want string) {
		t.Helper()
		if got := answer(t, Within(tab, resource), Request{Text: text}); got != want {
			t.Errorf("%s in %s: %s, want %s", text, resource, got, want)
		}
	}
	f("/subscriptions/s/x/a", "People | sort by Name asc | project Name", "ann\ncem")
	f("/subscriptions/s/x/A/", "People | count", "2")
	f("/subscriptions/s", "People | count", "3")
	f("/subscriptions/other", "People | count", "0")
	bare := people(table.Schema{{Name: "Name", Type: table.String}}, []table.Value{s("ann")})
	if got := answer(t, Within(bare, "/subscriptions/s"), Request{Text: "People | count"}); got != "0" {
		t.Errorf("rows of no resource: %s", got)
	}
}
