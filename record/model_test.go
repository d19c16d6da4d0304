package record

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/table"
)

func TestModel(t *testing.T) {
	m := model(t)
	cats := m.Categories()
	if len(cats) != 24 {
		t.Fatalf("%d categories, not 24", len(cats))
	}
	for _, c := range cats {
		for _, name := range []string{c.Name, strings.ToLower(c.Name), strings.ToUpper(c.Name)} {
			if got, ok := m.Category(name); !ok || got != c {
				t.Errorf("%s is %v", name, got)
			}
		}
		if want := "insights-logs-" + strings.ToLower(c.Name); c.Topic != want || m.Topic(c.Name) != want {
			t.Errorf("the topic of %s is %s", c.Name, c.Topic)
		}
		if c.Licence == "" || !c.Entra || c.About == "" {
			t.Errorf("%+v is not complete", c)
		}
		def := m.DefFor(c.Name)
		if def.Name != c.Table || def.Time != "TimeGenerated" {
			t.Errorf("the table of %s is %s with the time in %q", c.Name, def.Name, def.Time)
		}
		if _, ok := m.Origins(c.Table); !ok {
			t.Errorf("%s has no mapping", c.Table)
		}
	}
	defs := m.Defs()
	if len(defs) < 200 {
		t.Errorf("only %d tables", len(defs))
	}
	for _, d := range defs {
		if got, ok := m.Def(d.Name); !ok || got.Name != d.Name {
			t.Errorf("%s is not found by its name", d.Name)
		}
		if strings.ContainsAny(d.Name, "? ") {
			t.Errorf("%q is no table", d.Name)
		}
	}
	if _, ok := m.Def("?"); ok {
		t.Error("the unknown table is known")
	}
}

func TestNamesOfWhatIsUnknown(t *testing.T) {
	m := model(t)
	f := func(category, table, topic string) {
		t.Helper()
		if d := m.DefFor(category); d.Name != table || len(d.Columns) == 0 || d.Time != "TimeGenerated" {
			t.Errorf("%q: %s, not %s", category, d.Name, table)
		}
		if got := m.Topic(category); got != topic {
			t.Errorf("%q: %s, not %s", category, got, topic)
		}
	}
	f("MyLogs", "MyLogs_CL", "insights-logs-mylogs")
	f("MyLogs_CL", "MyLogs_CL", "insights-logs-mylogs-cl")
	f("my logs/ü", "my_logs_CL", "insights-logs-my-logs---")
	f("7up", "T7up_CL", "insights-logs-7up")
	f("💥", "Unnamed_CL", "insights-logs-----")
	f("OfficeActivity", "OfficeActivity", "insights-logs-officeactivity")
	f("AADRiskyUsers", "AADRiskyUsers", "insights-logs-riskyusers")
	if n := len(m.Topic(strings.Repeat("x", 1000))); n > 200 {
		t.Errorf("a topic has %d characters", n)
	}
	if n := len(m.DefFor(strings.Repeat("x", 1000)).Name); n > 200 {
		t.Errorf("a table's name has %d characters", n)
	}
}

func TestFormsRoundTrip(t *testing.T) {
	for f := Export; f <= CSV; f++ {
		if got, err := ParseForm(f.String()); err != nil || got != f {
			t.Errorf("%s comes back as %s, %v", f, got, err)
		}
	}
	if f, err := ParseForm(""); err != nil || f != Export {
		t.Errorf("no form is %s, %v", f, err)
	}
	for n := 1; n <= MaxAmendments; n++ {
		f, err := Amended(n)
		if err != nil || f.Amendments() != n || !f.Fuller(Export) || Export.Fuller(f) {
			t.Fatalf("amendment %d: %s, %v", n, f, err)
		}
		if got, err := ParseForm(f.String()); err != nil || got != f {
			t.Errorf("%s comes back as %s, %v", f, got, err)
		}
	}
	for _, n := range []int{-1, 0, MaxAmendments + 1} {
		if _, err := Amended(n); err == nil {
			t.Errorf("a record was amended %d times", n)
		}
	}
	if _, err := ParseForm("amended-900"); err == nil {
		t.Error("too many amendments are taken")
	}
	if _, err := ParseForm("better"); err == nil {
		t.Error("a form that nobody knows is taken")
	}
	if !Export.Fuller(GraphBeta) || CSV.Fuller(Row) || Row.Fuller(Row) {
		t.Error("the forms are in another order")
	}
}

// The tables are those of the reference, to the letter.
func TestTablesOfTheReference(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "schemas", "log-analytics")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		t.Skip("the reference schemas are not beside the repository")
	}
	m := model(t)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Table   string
			Columns []struct{ Name, Type string }
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		def, ok := m.Def(want.Table)
		if !ok {
			t.Errorf("there is no table %s", want.Table)
			continue
		}
		got := def.Columns
		if want.Table == "SigninLogs" && want.Columns[0].Name != "TenantId" {
			got = got[1:] // workspaces have it, the reference does not list it
		}
		if len(got) != len(want.Columns) {
			t.Errorf("%s has %d columns, not %d", want.Table, len(got), len(want.Columns))
			continue
		}
		for i, c := range want.Columns {
			typ, _ := table.ParseType(c.Type)
			if got[i].Name != c.Name || got[i].Type != typ {
				t.Errorf("%s column %d is %s:%s, not %s:%s", want.Table, i, got[i].Name, got[i].Type, c.Name, c.Type)
			}
		}
	}
}

// A row of a category's table goes into the fields of a record and comes back with
// the same cells.
func TestCategoryRowsComeBack(t *testing.T) {
	m := model(t)
	for _, rec := range append(samples(t, "sign-in/*.loganalytics.jsonl"), samples(t, "audit/*.loganalytics.jsonl")...) {
		got, err := m.Translate(rec, Hint{Tenant: "t"})
		if err != nil {
			t.Fatal(err)
		}
		b := m.NewBuilder()
		if err := b.Add(got.JSON, nil, Source{}); err != nil {
			t.Fatal(err)
		}
		row := b.Take()[0]
		var in map[string]any
		if err := json.Unmarshal(rec, &in); err != nil {
			t.Fatal(err)
		}
		for i, c := range m.defs[row.Table].Columns {
			switch c.Name {
			case "TenantId", "Type", "_IsBillable", "_BilledSize", "AADTenantId", "SourceSystem", "Resource", "ResourceGroup", "IsRisky":
				continue // ours to say
			}
			cell := row.Batch.Cols[i].At(0)
			have, want := cell.Text(), ""
			switch x := in[c.Name].(type) {
			case nil:
			case string:
				want = x
				if ticks, ok := ParseTime(x); ok && c.Type == table.DateTime {
					want = table.DateTimeValue(ticks).Text()
				}
			default:
				j, err := json.Marshal(x)
				if err != nil {
					t.Fatal(err)
				}
				want = string(j)
			}
			if canonical(have) != canonical(want) {
				t.Errorf("%s.%s is %q, not %q", row.Table, c.Name, have, want)
			}
		}
	}
}

// canonical form of JSON text; other text stays.
func canonical(s string) string {
	var v any
	if s == "" || json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	j, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(j)
}

// A row of a table of another service comes back with the same columns.
func TestRowsComeBack(t *testing.T) {
	m := model(t)
	for _, rec := range samples(t, "office365/*.loganalytics.jsonl") {
		got, err := m.Translate(rec, Hint{Tenant: "t", Table: "OfficeActivity"})
		if err != nil {
			t.Fatal(err)
		}
		b := m.NewBuilder()
		if err := b.Add(got.JSON, nil, Source{}); err != nil {
			t.Fatal(err)
		}
		row := b.Take()[0]
		var in map[string]any
		if err := json.Unmarshal(rec, &in); err != nil {
			t.Fatal(err)
		}
		for i, c := range row.Batch.Schema {
			if i >= len(m.defs["OfficeActivity"].Columns) || c.Type != table.String || c.Name == "Type" || c.Name == "_IsBillable" {
				continue
			}
			want, _ := in[c.Name].(string)
			if have := row.Batch.Cols[i].At(0).Str(); have != want {
				t.Errorf("%s is %q, not %q", c.Name, have, want)
			}
		}
	}
}
