package record

import (
	"testing"

	"sextant/fault"
	"sextant/table"
)

// shop declares a table with the columns given.
func shop(t *testing.T, name string, cols ...table.Column) table.Def {
	t.Helper()
	def, err := Declared(name, cols, nil)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestDeclaredTables(t *testing.T) {
	base := model(t)
	def := shop(t, "Shop_CL", table.Column{Name: "Item", Type: table.String}, table.Column{Name: "Price", Type: table.Real}, table.Column{Name: "More", Type: table.Dynamic})
	m, err := base.With([]table.Def{def})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := base.Def("Shop_CL"); ok {
		t.Error("the model that was extended has changed")
	}
	tr, err := m.Translate([]byte(`{"item":"tea","Price":2.5,"More":{"a":[1]},"Unknown":1,"TimeGenerated":"2026-01-02T03:04:05Z"}`), Hint{Table: "Shop_CL", Tenant: "t"})
	if err != nil {
		t.Fatal(err)
	}
	before, err := base.Identify(tr.JSON)
	if err != nil {
		t.Fatal(err)
	}
	after, err := m.Identify(tr.JSON)
	if err != nil || !after.Known || before.Key != after.Key || after.Category != "Shop_CL" || base.Topic(before.Category) != m.Topic(after.Category) {
		t.Errorf("identified as %+v before and %+v after, %v", before, after, err)
	}
	b := m.NewBuilder()
	f := func(json string, want ...string) {
		t.Helper()
		if err := b.Add([]byte(json), nil, Source{Arrival: 5, TenantID: "t", WorkspaceID: "ws"}); err != nil {
			t.Fatal(err)
		}
		got := b.Take()
		if len(got) != 1 || got[0].Table != "Shop_CL" {
			t.Fatalf("rows: %+v", got)
		}
		for i, name := range []string{"Item", "Price", "More", "TimeGenerated", "TenantId", "Type"} {
			cell := got[0].Batch.Cols[got[0].Batch.Schema.Index(name)].At(0).Text()
			if cell != want[i] {
				t.Errorf("%s is %q, want %q", name, cell, want[i])
			}
		}
	}
	f(string(tr.JSON), "tea", "2.5", `{"a":[1]}`, "2026-01-02T03:04:05.0000000Z", "ws", "Shop_CL")
	// A category that nobody knows has the table of that name.
	f(`{"time":"2026-01-02T00:00:00Z","category":"Shop","tenantId":"t","properties":{"Item":"egg"}}`, "egg", "", "", "2026-01-02T00:00:00.0000000Z", "ws", "Shop_CL")

	wider, err := Declared("Shop_CL", []table.Column{{Name: "Note", Type: table.String}}, def.Columns)
	if err != nil || wider.Columns.Index("Item") < 0 || wider.Columns.Index("Note") < 0 {
		t.Errorf("widened to %s, %v", wider.Columns, err)
	}
	if m, err = m.With([]table.Def{wider}); err != nil {
		t.Fatal(err)
	}
	if d, _ := m.Def("Shop_CL"); d.Columns.Index("Note") < 0 || !m.Custom("Shop_CL") || m.Custom("SigninLogs") {
		t.Errorf("after widening: %s", d.Columns)
	}
	names := map[string]int{}
	for _, d := range m.Defs() {
		if names[d.Name]++; names[d.Name] > 1 {
			t.Errorf("%s is there twice", d.Name)
		}
	}
}

func TestTablesThatCannotBeDeclared(t *testing.T) {
	base := model(t)
	for _, name := range []string{"", "Shop", "1_CL", "a b_CL", "Shop_cl"} {
		if _, err := base.With([]table.Def{{Name: name}}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	f := func(want fault.Kind, old table.Schema, cols ...table.Column) {
		t.Helper()
		if _, err := Declared("X_CL", cols, old); fault.KindOf(err) != want {
			t.Errorf("%v: %v", cols, err)
		}
	}
	f(fault.Invalid, nil, table.Column{Name: "a b", Type: table.String})
	f(fault.Invalid, nil, table.Column{Name: "$x", Type: table.String})
	f(fault.Invalid, nil, table.Column{Name: "a"})
	f(fault.Conflict, nil, table.Column{Name: "TimeGenerated", Type: table.String})
	f(fault.Conflict, nil, table.Column{Name: "a", Type: table.String}, table.Column{Name: "A", Type: table.String})
	f(fault.Conflict, table.Schema{{Name: "a", Type: table.Long}}, table.Column{Name: "a", Type: table.String})
}
