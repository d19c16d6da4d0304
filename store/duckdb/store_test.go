package duckdb

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/store"
	"sextant/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// query gives the rows of SQL over the relation of a scan, which stands for %s.
func query(t testing.TB, s *Store, scan store.Scan, sql string, schema table.Schema, args ...any) [][]string {
	t.Helper()
	snap, err := s.Snapshot(context.Background())
	noErr(t, err)
	defer snap.Close()
	q := snap.(store.SQLSnapshot)
	rel, err := q.Relation(scan)
	noErr(t, err)
	r, err := q.Query(context.Background(), fmt.Sprintf(sql, "("+rel+")"), args, schema, store.Limits{})
	noErr(t, err)
	defer r.Close()
	var out [][]string
	for {
		b, err := r.Next(context.Background())
		noErr(t, err)
		if b == nil {
			return out
		}
		for i := range b.Rows {
			var row []string
			for _, v := range b.Row(i, nil) {
				row = append(row, v.String())
			}
			out = append(out, row)
		}
	}
}

func TestSignIns(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	g := newSignIns(1, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 3000)
	noErr(t, s.Define(ctx, g.def))
	tp := store.TopicPartition{Topic: "t"}
	for i := range int64(3) {
		noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "SigninLogs", Rows: g.batch(3000, "t", i*3000)}}, Marks: store.Marks{tp: (i + 1) * 3000}}))
		if i == 1 {
			noErr(t, s.Flush(ctx))
		}
	}
	check := func() {
		t.Helper()
		got := query(t, s, store.Scan{Table: "SigninLogs", Columns: []string{"LocationDetails.city", "LocationDetails", "ConditionalAccessPolicies[].id"}},
			`SELECT count(*), count(*) FILTER (json_extract_string(b, '$.city') = a), sum(len(c)), min(c) FROM %s AS r(a, b, c)`,
			table.Schema{{Name: "n", Type: table.Long}, {Name: "m", Type: table.Long}, {Name: "l", Type: table.Long}, {Name: "c", Type: table.Dynamic}})
		t.Log(got)
	}
	check()
	noErr(t, s.Flush(ctx))
	check()
	noErr(t, s.Close())
	s = open(t, dir, Options{})
	check()
}
