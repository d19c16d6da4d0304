package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/store/memory"
	"sextant/table"
)

// The cut test: wherever a plan is cut in two, at 0, 1, … operators in SQL, and
// whichever store holds the tables, a query answers the same. The scripts of package
// kqltest say what.

// cutEngine runs scripts through Engine over a store, cut at one place.
type cutEngine struct {
	name   string
	cut    *int
	stores *stores
	engine *Engine

	mu       sync.Mutex
	failures []string // SQL that fell back to Go
}

func newCutEngine(name string, cut *int, stores *stores) *cutEngine {
	e := &cutEngine{name: name, cut: cut, stores: stores}
	now := kqltest.Now
	e.engine = New(Options{
		Catalogue: stores.cat, Clock: clockAt(now), literalsInSQL: true,
		Fallback: func(sql string, err error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.failures = append(e.failures, fmt.Sprintf("%v\n%s", err, sql))
		},
	})
	return e
}

func (e *cutEngine) Name() string { return e.name }

func (e *cutEngine) Query(ctx context.Context, tables map[string]*table.Batch, text string) (table.Schema, [][]table.Value, error) {
	st, err := e.stores.of(ctx, tables)
	if err != nil {
		return nil, nil, err
	}
	a, err := e.engine.Run(ctx, st, Request{Text: text, Split: e.cut})
	if err != nil {
		return nil, nil, err
	}
	if len(a.Tables) == 0 { // a text without a query
		return nil, nil, a.Close()
	}
	schema, rows, err := kqltest.ReadAll(ctx, a.Tables[0].Rows)
	err = errors.Join(err, a.Close())
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) > 0 {
		err = fault.New(fault.Internal, "the engine could not run its SQL: %s", e.failures[0])
		e.failures = nil
	}
	var ds fault.Diagnostics
	if err != nil && !errors.As(err, &ds) {
		var f *fault.Error // scripts know the text of the first cause alone
		if errors.As(err, &f) {
			err = f
		}
	}
	return schema, rows, err
}

// stores keeps one store for each set of tables.
type stores struct {
	t    testing.TB
	cat  *fn.Catalogue
	make func(t testing.TB) store.Store
	half bool // flush in the middle: half of the rows lie in files
	all  []struct {
		tables map[string]*table.Batch
		st     store.Store
	}
}

func (s *stores) of(ctx context.Context, tables map[string]*table.Batch) (store.Store, error) {
	for _, have := range s.all {
		if same(have.tables, tables) {
			return have.st, nil
		}
	}
	st := s.make(s.t)
	for name, b := range tables {
		def := kqltest.Def(name, b)
		if err := st.Define(ctx, def); err != nil {
			return nil, err
		}
	}
	offset := int64(0)
	for part := range 2 {
		for name, b := range tables {
			def := kqltest.Def(name, b)
			rows := b.Slice(0, b.Rows/2)
			if part == 1 {
				rows = b.Slice(b.Rows/2, b.Rows)
			}
			full := physical(&def, rows, &offset)
			if full.Rows == 0 {
				continue
			}
			if err := st.Append(ctx, store.Load{Tables: []store.TableRows{{Table: name, Rows: full}}}); err != nil {
				return nil, err
			}
		}
		if part == 0 && s.half {
			if err := st.Flush(ctx); err != nil {
				return nil, err
			}
		}
	}
	s.all = append(s.all, struct {
		tables map[string]*table.Batch
		st     store.Store
	}{tables, st})
	return st, nil
}

func same(a, b map[string]*table.Batch) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if a[n] != b[n] {
			return false
		}
	}
	return true
}

// physical gives visible rows their promoted and hidden columns.
func physical(def *table.Def, rows *table.Batch, offset *int64) *table.Batch {
	out := table.NewBatch(def.Physical(), rows.Rows)
	var vals []table.Value
	for i := range rows.Rows {
		vals = rows.Row(i, vals)
		odd := false
		for _, p := range def.Promoted {
			cell, isOdd := p.Of(store.Document(&rows.Cols[def.Columns.Index(p.Column)], i))
			vals, odd = append(vals, cell), odd || isOdd
		}
		*offset++
		vals = append(vals, table.LongValue(*offset), table.StringValue("t"), table.IntValue(0), table.LongValue(*offset),
			table.IntValue(0), table.DateTimeValue(kqltest.Now), table.IntValue(1), table.BoolValue(odd))
		out.AppendRow(vals)
	}
	return out
}

func openDuckDB(t testing.TB) store.Store {
	t.Helper()
	st, err := duckdb.Open(context.Background(), t.TempDir(), duckdb.Options{FlushAge: -1, QueryMemory: 128 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func openMemory(t testing.TB) store.Store {
	st := memory.New()
	t.Cleanup(func() { st.Close() })
	return st
}

func cuts() []*int {
	var out []*int
	for i := range 5 {
		out = append(out, &i)
	}
	return append(out, nil)
}

// anyRow matches queries whose answer depends on the order in which a table's rows
// come, which no store promises: any rows will do there, or a set in any order.
var anyRow = regexp.MustCompile(`\btake\b|\blimit\b|\bsample\b|make_set|make_list|take_any|\| join [A-Z]|innerunique|top-hitters|evaluate|make-graph`)

func determined(c *kqltest.Case) bool {
	return c.Kind != "plan" && (len(c.Tables) == 0 || !anyRow.MatchString(c.Text))
}

func TestCutScripts(t *testing.T) {
	ddb := &stores{t: t, cat: fn.New(), make: openDuckDB, half: true}
	for _, cut := range cuts() {
		name := "all"
		if cut != nil {
			name = fmt.Sprint(*cut)
		}
		t.Run(name, func(t *testing.T) { kqltest.RunBuiltin(t, newCutEngine("duckdb", cut, ddb), kqltest.Only(determined)) })
	}
	t.Run("memory", func(t *testing.T) {
		kqltest.RunBuiltin(t, newCutEngine("memory", nil, &stores{t: t, cat: ddb.cat, make: openMemory}))
	})
}

// Known answers, through SQL for as long as there is any.
func TestCutConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("known answers take some seconds")
	}
	ddb := &stores{t: t, cat: fn.New(), make: openDuckDB}
	e := newCutEngine("duckdb", nil, ddb)
	kqltest.Conformance(t, "../../shared/kql-conformance", "testdata/conformance.floor", e, kqltest.Accept())
}

// answerOf a query as text, its rows sorted unless it sorts them.
func answerOf(schema table.Schema, rows [][]table.Value, ordered bool) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		for k, v := range r {
			if k > 0 {
				out[i] += "  "
			}
			out[i] += kqltest.FormatCell(v)
		}
	}
	if !ordered {
		slices.Sort(out)
	}
	return append([]string{schema.String()}, out...)
}
