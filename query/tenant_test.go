package query

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sextant/kql/kqltest"
	"sextant/record"
	"sextant/source"
	"sextant/source/file"
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

// simulated makes about n records that end at kqltest.Now, 14 days of them.
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
	density := 1.0
	if len(categories) > 0 { // the others happen, too
		shares, err := simulate.MixOf(mix)
		if err != nil {
			t.Fatal(err)
		}
		wanted := 0
		for _, c := range categories {
			wanted += shares[c]
		}
		density = 10_000 / float64(wanted)
	}
	s, err := simulate.New(simulate.Config{
		Seed: 7, Users: users, Start: now.Add(-days * 24 * time.Hour), End: now, Scenarios: []string{"all"}, Mix: mix, Categories: categories,
		RecordsPerUserDay: max(1, density*float64(n)/float64(users*days)),
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

// sampled is published records, as if they had come in the 14 days before kqltest.Now.
func sampled(t testing.TB) *tenant {
	t.Helper()
	dir := filepath.Join(shared, "samples")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the reference samples are not beside the repository")
	}
	x := newTenant(t)
	in := &taking{m: x.model, b: x.model.NewBuilder()}
	sum, err := (&file.Importer{Model: x.model, To: in, Tenant: "11111111-1111-1111-1111-111111111111", Workers: 1}).Import(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, accepted, _, _ := sum.Totals(); accepted < 1000 {
		t.Fatalf("only %d records among the samples", accepted)
	}
	var l store.Load
	for _, r := range in.b.Take() {
		if !slices.ContainsFunc(x.model.Defs(), func(d table.Def) bool { return d.Name == r.Table }) {
			continue // of a table that the import makes
		}
		at := r.Batch.Schema.Index("TimeGenerated")
		for i := range r.Batch.Rows {
			r.Batch.Cols[at].N[i] = kqltest.Now - int64(i)*13*int64(14*24*time.Hour/100)/int64(r.Batch.Rows*14)
		}
		l.Tables = append(l.Tables, store.TableRows{Table: r.Table, Rows: r.Batch})
		x.rows[r.Table] += r.Batch.Rows
	}
	x.loads = append(x.loads, l)
	return x
}

// taking makes rows of all that is imported.
type taking struct {
	m      *record.Model
	b      *record.Builder
	offset int64
}

func (in *taking) Append(_ context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	out := make([]source.Verdict, len(recs))
	for i, r := range recs {
		id, err := in.m.Identify(r.JSON)
		if r.Reason != "" || err != nil {
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: r.Reason}
			continue
		}
		in.offset++
		if err := in.b.Add(bytes.Clone(r.JSON), &id, record.Source{Form: r.Form, Topic: "t", Offset: in.offset, Arrival: kqltest.Now, TenantID: "11111111-1111-1111-1111-111111111111"}); err != nil {
			return nil, err
		}
	}
	return out, nil
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

// filled gives each table some rows, of which few queries find any but all must read:
// texts that look like what published queries expect, and JSON of several shapes.
func filled(defs []table.Def) store.Load {
	rnd := rand.New(rand.NewPCG(11, 13))
	texts := []string{"", "", "admin@contoso.com", "10.1.2.3", "203.0.113.9", "https://example.com/a?b=c", `{"k":"v","n":1.50}`, `[{"name":"x","value":"y"}]`, "powershell.exe -enc AAAA", "Success", "0", "a,b;c", "User-Agent: curl/8"}
	dynamics := []string{`{"a":1,"name":"x"}`, `[{"name":"x","value":"y"},{"name":"z","value":"w"}]`, `["a","b"]`, `[]`, `{}`, `{"city":"Oslo","geo":{"lat":1.5}}`, `"text"`, `7`}
	var l store.Load
	offset := int64(1 << 30)
	for i := range defs {
		d := &defs[i]
		rows := table.NewBatch(d.Columns, 4)
		for r := range 4 {
			row := make([]table.Value, len(d.Columns))
			for c, col := range d.Columns {
				row[c] = table.Null(col.Type)
				if rnd.IntN(5) == 0 && col.Name != d.Time {
					continue
				}
				switch col.Type {
				case table.String:
					row[c] = table.StringValue(texts[rnd.IntN(len(texts))])
				case table.Long:
					row[c] = table.LongValue([]int64{0, 1, 4624, 4688, 443}[rnd.IntN(5)])
				case table.Int:
					row[c] = table.IntValue([]int64{0, 1, 4624, 4688, 443}[rnd.IntN(5)])
				case table.Real:
					row[c] = table.RealValue(float64(rnd.IntN(9)) / 2)
				case table.Bool:
					row[c] = table.BoolValue(rnd.IntN(2) == 0)
				case table.DateTime:
					row[c] = table.DateTimeValue(kqltest.Now - int64(1+r*7+rnd.IntN(40))*int64(time.Hour/100))
				case table.TimeSpan:
					row[c] = table.TimeSpanValue(int64(rnd.IntN(1e9)))
				case table.Guid:
					row[c] = table.GuidValue("11111111-2222-3333-4444-55555555555" + strconv.Itoa(rnd.IntN(3)))
				case table.Dynamic:
					row[c] = table.DynamicText(dynamics[rnd.IntN(len(dynamics))])
				}
			}
			rows.AppendRow(row)
		}
		l.Tables = append(l.Tables, store.TableRows{Table: d.Name, Rows: physical(d, rows, &offset)})
	}
	return l
}

// documented are the tables that published queries read beside those of the
// directory.
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
