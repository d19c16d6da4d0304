package record

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/table"
)

func TestRows(t *testing.T) {
	data, err := os.ReadFile("testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := model(t)
	b := m.NewBuilder()
	blocks := 0
	for block := range strings.SplitSeq(string(data), "\n\n") {
		if block = strings.TrimSpace(block); strings.HasPrefix(block, "#") {
			continue
		}
		head, want, ok := strings.Cut(block, "\n----\n")
		name, rec, ok2 := strings.Cut(head, "\n")
		if !ok || !ok2 {
			t.Fatalf("no record or no line of dashes in %q", block)
		}
		blocks++
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(b.Counts())
			id, err := b.Identify([]byte(rec))
			if err != nil {
				t.Fatal(err)
			}
			if again, err := m.Identify([]byte(rec)); err != nil || again != id {
				t.Errorf("the model says %v, %v; the builder %v", again, err, id)
			}
			if err := b.Add([]byte(rec), &id, Source{Arrival: 5, Topic: "x", Offset: 7, Index: 3, TenantID: "ours"}); err != nil {
				t.Fatal(err)
			}
			got := b.Take()
			if len(got) != 1 || got[0].Batch.Rows != 1 {
				t.Fatalf("%d batches", len(got))
			}
			def := m.DefFor(id.Category)
			if def.Name != got[0].Table {
				t.Errorf("rows go to %s, but the category's table is %s", got[0].Table, def.Name)
			}
			checkPromoted(t, &def, got[0].Batch)
			expectRow(t, got[0], &id, b.Counts(), before, want)
		})
	}
	if blocks < 15 {
		t.Errorf("only %d blocks were found", blocks)
	}
}

func expectRow(t *testing.T, got Rows, id *Identified, counts, before map[TableColumn]int64, want string) {
	t.Helper()
	batch := got.Batch
	odd, undated := false, false
	untyped := ""
	for line := range strings.Lines(want) {
		name, val, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		have := ""
		switch name {
		case "table":
			have = got.Table
		case "category":
			have = id.Category
		case "known":
			have = fmt.Sprint(id.Known)
		case "tenant":
			have = id.Tenant
		case "odd":
			odd = true
			continue
		case "undated":
			undated = true
			continue
		case "untyped":
			untyped = val
			continue
		default:
			i := batch.Schema.Index(name)
			if i < 0 {
				t.Errorf("there is no column %s", name)
				continue
			}
			have = show(batch.Cols[i].At(0))
		}
		if have != val {
			t.Errorf("%s is %q, not %q", name, have, val)
		}
	}
	if have := batch.Cols[batch.Schema.Index(table.HiddenOdd)].At(0).Bool(); have != odd {
		t.Errorf("the odd flag is %v", have)
	}
	if (id.Time == 0) != undated {
		t.Errorf("the time is %d ticks", id.Time)
	}
	var cols []string
	for c, n := range counts {
		if n > before[c] {
			cols = append(cols, c.Column)
		}
	}
	slices.Sort(cols)
	if have := strings.Join(cols, " "); have != untyped {
		t.Errorf("untyped are %q, not %q", have, untyped)
	}
	hidden := func(name string) int64 { return batch.Cols[batch.Schema.Index(name)].At(0).Int64() }
	if hidden(table.HiddenOffset) != 7 || hidden(table.HiddenIndex) != 3 || hidden(table.HiddenArrival) != 5 ||
		hidden(table.HiddenSchema) != SchemaVersion || hidden(table.HiddenID) != hiddenID(id.Key) {
		t.Error("the hidden columns do not say where the record is")
	}
}

func show(v table.Value) string {
	if v.IsNull() {
		return "null"
	}
	if v.Type() == table.Real {
		return table.FormatReal(v.Float64(), true)
	}
	return v.Text()
}
