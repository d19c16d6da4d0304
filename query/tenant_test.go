package query

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/kql/kqltest"
	"sextant/record"
	"sextant/source/simulate"
	"sextant/store"
	"sextant/table"
)

const shared = "../../shared"

// tenant is made-up records of a directory, as rows of its tables.
type tenant struct {
	model *record.Model
	loads []store.Load
	rows  map[string]int
}

// simulated makes n records that end at kqltest.Now, 14 days of them.
func simulated(t testing.TB, n int, mix string, categories ...string) *tenant {
	t.Helper()
	out := newTenant(t)
	out.each(t, n, mix, func(l store.Load) { out.loads = append(out.loads, l) }, categories...)
	return out
}

func newTenant(t testing.TB) *tenant {
	t.Helper()
	m, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	return &tenant{model: m, rows: map[string]int{}}
}

// each gives the loads one after the other, and keeps none.
func (x *tenant) each(t testing.TB, n int, mix string, give func(store.Load), categories ...string) {
	t.Helper()
	now := clockAt(kqltest.Now)()
	const days = 14
	users := max(10, n/200)
	density := 1.3 // the other categories happen, too
	if len(categories) > 0 {
		density *= 9
	}
	s, err := simulate.New(simulate.Config{
		Seed: 7, Users: users, Start: now.Add(-days * 24 * time.Hour), End: now, Scenarios: []string{"all"}, Mix: mix, Categories: categories,
		RecordsPerUserDay: max(1, density*float64(n)/float64(users*days)), MaxRecords: n,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := x.model.NewBuilder()
	offset := int64(0)
	take := func() {
		var l store.Load
		for _, r := range b.Take() {
			l.Tables = append(l.Tables, store.TableRows{Table: r.Table, Rows: r.Batch})
			x.rows[r.Table] += r.Batch.Rows
		}
		give(l)
	}
	err = s.History(func(_ string, at time.Time, line []byte) error {
		ticks, _ := table.TicksOf(at)
		src := record.Source{Topic: "t", Offset: offset, Arrival: ticks, TenantID: s.TenantID(), WorkspaceID: "11111111-2222-3333-4444-555555555555"}
		if err := b.Add(line, nil, src); err != nil {
			return err
		}
		if offset++; offset%20_000 == 0 {
			take()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	take()
}

// into loads the rows into a store, beside tables that are empty.
func (x *tenant) into(t testing.TB, st store.Store, others []table.Def) store.Store {
	t.Helper()
	ctx := context.Background()
	for _, d := range append(x.model.Defs(), others...) {
		if err := st.Define(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range x.loads {
		if err := st.Append(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// documented are the tables that published queries read beside those of the
// directory; they stay empty.
func documented(t testing.TB, m *record.Model) []table.Def {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared, "schemas/all-tables-compact.json"))
	if err != nil {
		t.Skipf("the reference schemas are not beside the repository: %v", err)
	}
	var groups map[string]map[string][]string
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, d := range m.Defs() {
		known[d.Name] = true
	}
	var out []table.Def
	for _, group := range []string{"logAnalytics", "defenderXdr"} {
		for name, cols := range groups[group] {
			if known[name] {
				continue
			}
			known[name] = true
			d := table.Def{Name: name}
			for _, c := range cols {
				i := strings.LastIndexByte(c, ':')
				typ, _ := table.ParseType(c[i+1:])
				d.Columns = append(d.Columns, table.Column{Name: c[:i], Type: typ})
			}
			for _, time := range []string{"TimeGenerated", "Timestamp"} {
				if i := d.Columns.Index(time); d.Time == "" && i >= 0 && d.Columns[i].Type == table.DateTime {
					d.Time = time
				}
			}
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b table.Def) int { return strings.Compare(a.Name, b.Name) })
	return out
}
