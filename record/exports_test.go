package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/table"
)

var update = os.Getenv("UPDATE") != ""

// Real exports: the raw bytes survive an event, each column has the value of its
// field, and the fields that no column has are those of a list that is checked in.
func TestRealExports(t *testing.T) {
	m := model(t)
	recs := samples(t, "*/datadog-*")
	if len(recs) < 117 {
		t.Fatalf("%d records, not 117", len(recs))
	}
	homeless := map[string]bool{}
	for n, rec := range recs {
		event := BuildEvent(nil, [][]byte{recs[(n+1)%len(recs)], rec})
		var back [][]byte
		if err := SplitEvent(event, func(_ int, r []byte) error { back = append(back, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(back) != 2 || !bytes.Equal(back[1], rec) {
			t.Fatalf("record %d comes back changed", n)
		}
		b := m.NewBuilder()
		if err := b.Add(rec, nil, Source{WorkspaceID: "w"}); err != nil {
			t.Fatal(err)
		}
		if len(b.Counts()) > 0 {
			t.Errorf("record %d: values of unexpected type: %v", n, b.Counts())
		}
		id, err := m.Identify(rec)
		if err != nil {
			t.Fatal(err)
		}
		got := b.Take()[0]
		checkRow(t, m, id, rec, got, homeless)
	}
	want := filepath.Join("testdata", "without-column.txt")
	text := strings.Join(slices.Sorted(keysOf(homeless)), "\n") + "\n"
	if update {
		if err := os.WriteFile(want, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if had, _ := os.ReadFile(want); string(had) != text {
		t.Errorf("fields without a column are\n%s\n%s says\n%s", text, want, had)
	}
}

func keysOf(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// checkRow compares a row with the record read in the slow and plain way.
func checkRow(t *testing.T, m *Model, id Identified, rec []byte, got Rows, homeless map[string]bool) {
	t.Helper()
	def, _ := m.Def(got.Table)
	origins, ok := m.Origins(got.Table)
	if !ok {
		t.Fatalf("%s has no mapping", got.Table)
	}
	used := map[string]bool{}
	for _, o := range origins {
		i := def.Columns.Index(o.Column)
		cell := got.Batch.Cols[i].At(0)
		if strings.HasPrefix(o.Source, "@") || strings.HasPrefix(o.Source, `"`) {
			continue
		}
		var field json.RawMessage
		for path := range strings.SplitSeq(o.Source, " | ") {
			used[strings.ToLower(path)] = true
			if field == nil {
				field = rawField(rec, strings.Split(path, "."))
			}
		}
		name := got.Table + "." + o.Column
		if field == nil {
			if !cell.IsNull() && cell.Text() != "" {
				t.Errorf("%s is %s, but the record has nothing", name, cell)
			}
			continue
		}
		if name == "MicrosoftGraphActivityLogs.UserId" {
			// The principal of an application is no user.
			if cell.Text() != "" {
				t.Errorf("%s is %s for an application", name, cell)
			}
			continue
		}
		var want string
		switch def.Columns[i].Type {
		case table.Dynamic, table.String:
			want = string(field)
			if field[0] == '"' {
				if err := json.Unmarshal(field, &want); err != nil {
					t.Fatal(err)
				}
			}
		case table.DateTime:
			var text string
			if err := json.Unmarshal(field, &text); err != nil {
				t.Fatal(err)
			}
			ticks, ok := ParseTime(text)
			if !ok {
				t.Fatalf("%s: %q is no time", name, text)
			}
			want = table.DateTimeValue(ticks).Text()
		default:
			want = strings.Trim(string(field), `"`)
		}
		if have := cell.Text(); have != want {
			t.Errorf("%s is %q, not %q", name, have, want)
		}
	}
	// What is left over.
	var env map[string]json.RawMessage
	if err := json.Unmarshal(rec, &env); err != nil {
		t.Fatal(err)
	}
	var props map[string]json.RawMessage
	if err := json.Unmarshal(env["properties"], &props); err != nil {
		t.Fatal(err)
	}
	for k := range env {
		if k != "properties" && !used[strings.ToLower(k)] {
			homeless[id.Category+" "+k] = true
		}
	}
	for k := range props {
		if !used["properties."+strings.ToLower(k)] {
			homeless[id.Category+" properties."+k] = true
		}
	}
	for i, c := range def.Columns {
		want := ""
		switch c.Name {
		case "TenantId":
			want = "w"
		case "Type":
			want = got.Table
		case "_IsBillable":
			want = "True"
		case "_BilledSize":
			want = fmt.Sprintf("%d.0", len(rec))
		default:
			continue
		}
		if have := got.Batch.Cols[i].At(0).Text(); have != want && have+".0" != want {
			t.Errorf("%s is %q, not %q", c.Name, have, want)
		}
	}
	checkPromoted(t, &def, got.Batch)
}

// checkPromoted holds the promoted columns to what table.Promoted.Of says.
func checkPromoted(t *testing.T, def *table.Def, batch *table.Batch) {
	t.Helper()
	if got, want := len(batch.Cols), len(def.Physical()); got != want {
		t.Fatalf("%s: %d columns, not %d", def.Name, got, want)
	}
	for i := range batch.Cols {
		if n := batch.Cols[i].Len(); n != batch.Rows {
			t.Fatalf("%s.%s has %d cells for %d rows", def.Name, batch.Schema[i].Name, n, batch.Rows)
		}
		if v := batch.Cols[i].Valid; v != nil && len(v) != batch.Rows {
			t.Fatalf("%s.%s has %d valid marks for %d rows", def.Name, batch.Schema[i].Name, len(v), batch.Rows)
		}
	}
	oddAt := batch.Schema.Index(table.HiddenOdd)
	for row := range batch.Rows {
		odd := false
		for k, p := range def.Promoted {
			base := batch.Cols[def.Columns.Index(p.Column)].At(row)
			var root any
			if base.Type() == table.Dynamic {
				root = base.Dyn()
			} else if base.Str() != "" {
				var err error
				if root, err = table.ParseJSON(base.Str()); err != nil {
					root = base.Str()
				}
			}
			want, bad := p.Of(root)
			odd = odd || bad
			have := batch.Cols[len(def.Columns)+k].At(row)
			if have.String() != want.String() {
				t.Errorf("%s.%s is %s, not %s", def.Name, p.Name(), have, want)
			}
		}
		if have := batch.Cols[oddAt].At(row).Bool(); have != odd {
			t.Errorf("%s: the odd flag is %v, not %v", def.Name, have, odd)
		}
	}
}

// rawField is the exact text of a field that is there and not null.
func rawField(rec []byte, path []string) json.RawMessage {
	cur := json.RawMessage(rec)
	for _, key := range path {
		var o map[string]json.RawMessage
		if json.Unmarshal(cur, &o) != nil {
			return nil
		}
		next, ok := o[key]
		if !ok {
			for k, v := range o {
				if strings.EqualFold(k, key) {
					next = v
				}
			}
		}
		if next == nil || string(next) == "null" {
			return nil
		}
		cur = next
	}
	return cur
}
