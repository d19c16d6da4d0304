package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// testSQL is for engines whose snapshots answer SQL.
func testSQL(t *testing.T, e Engine) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, e, dir)
	def := table.Def{
		Name: "T", Time: "At",
		Columns:  table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Key", Type: table.String}, {Name: "key", Type: table.Long}, {Name: "Doc", Type: table.Dynamic}},
		Promoted: []table.Promoted{{Column: "Doc", Path: "[].id", Type: table.Dynamic}, {Column: "Doc", Path: "x", Type: table.String}},
	}
	noErr(t, s.Define(ctx, def))
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	_, ok := snap.(store.SQLSnapshot)
	noErr(t, snap.Close())
	if !ok {
		t.Skip("the engine has no SQL")
	}
	sql := func(f func(q store.SQLSnapshot)) {
		t.Helper()
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		defer snap.Close()
		f(snap.(store.SQLSnapshot))
	}
	run := func(q store.SQLSnapshot, text string, args []any, schema table.Schema, limits store.Limits) (rows []string, err error) {
		r, err := q.Query(ctx, text, args, schema, limits)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		for {
			b, err := r.Next(ctx)
			if err != nil || b == nil {
				return rows, err
			}
			for i := range b.Rows {
				var cells []string
				for _, v := range b.Row(i, nil) {
					cells = append(cells, show(v))
				}
				rows = append(rows, strings.Join(cells, " "))
			}
		}
	}
	all := store.Scan{Table: "T", Columns: []string{"At", "Key", "key", "Doc", "Doc[].id", "Doc.x"}}
	long := func(n int) (out table.Schema) {
		for i := range n {
			out = append(out, table.Column{Name: fmt.Sprint("n", i), Type: table.Long})
		}
		return out
	}
	counts := "SELECT count(*), count(a), count(b), count(c), count(d), count(e), count(f) FROM (%s) AS r(a, b, c, d, e, f)"
	check := func(stage, want string) {
		t.Helper()
		sql(func(q store.SQLSnapshot) {
			rel, err := q.Relation(all)
			noErr(t, err)
			got, err := run(q, fmt.Sprintf(counts, rel), nil, long(7), store.Limits{})
			noErr(t, err)
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q, want %q", stage, got, want)
			}
		})
	}
	check("empty", "0 0 0 0 0 0 0")
	doc := table.DynamicText(`[{"id":"1"},{"id":"2"}]`)
	noErr(t, s.Append(ctx, rowsOf(&def, 0,
		[]table.Value{table.DateTimeValue(5), table.StringValue("a'b"), table.LongValue(1), doc},
		[]table.Value{table.Null(table.DateTime), table.Null(table.String), table.Null(table.Long), table.Null(table.Dynamic)})))
	stages(t, e, dir, &s, func(stage string) {
		check(stage, "2 1 2 1 1 1 2")
		sql(func(q store.SQLSnapshot) {
			rel, err := q.Relation(all)
			noErr(t, err)
			// Values are bound, and results have the representation of their type.
			got, err := run(q, "SELECT a, b, c, d, e FROM ("+rel+") AS r(a, b, c, d, e, f) WHERE b = $1 AND a < $2",
				[]any{"a'b", table.DateTimeValue(6)},
				table.Schema{{Name: "a", Type: table.DateTime}, {Name: "b", Type: table.String}, {Name: "c", Type: table.Long}, {Name: "d", Type: table.Dynamic}, {Name: "e", Type: table.Dynamic}}, store.Limits{})
			noErr(t, err)
			if want := `0001-01-01T00:00:00.0000005Z "a'b" 1 [{"id":"1"},{"id":"2"}] ["1","2"]`; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q, want %q", stage, got, want)
			}
			// No columns: the rows are counted.
			rel, err = q.Relation(store.Scan{Table: "T"})
			noErr(t, err)
			if got, err = run(q, "SELECT count(*) FROM ("+rel+") AS r", nil, long(1), store.Limits{}); err != nil || got[0] != "2" {
				t.Errorf("%s: counting: %v %v", stage, got, err)
			}
			// Two relations in one query, one of them pruned away.
			none, err := q.Relation(store.Scan{Table: "T", Columns: []string{"key"}, From: ticks("2200-01-01T00:00:00Z")})
			noErr(t, err)
			if got, err = run(q, "SELECT (SELECT count(*) FROM ("+none+") AS x(k) WHERE k > 99) + (SELECT count(*) FROM ("+rel+") AS y)", nil, long(1), store.Limits{}); err != nil || got[0] != "2" {
				t.Errorf("%s: two relations: %v %v", stage, got, err)
			}
		})
	})
	t.Run("a failure does not tell the SQL", func(t *testing.T) {
		sql(func(q store.SQLSnapshot) {
			_, err := run(q, "SELECT secret_word FROM nowhere_at_all", nil, long(1), store.Limits{})
			if err == nil || fault.KindOf(err) != fault.Internal || strings.Contains(err.Error(), "SELECT") {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("only one SELECT", func(t *testing.T) {
		sql(func(q store.SQLSnapshot) {
			for _, text := range []string{"SELECT 1; SELECT 2", "CREATE TABLE x (a INTEGER)", "SET threads = 1", "", "DROP TABLE x"} {
				if _, err := run(q, text, nil, long(1), store.Limits{}); err == nil {
					t.Errorf("%q was run", text)
				}
			}
		})
	})
	// A heavy query of constants: it needs no rows of ours.
	heavy := "SELECT count(*) FROM (SELECT a.i, b.i AS j FROM range(100000) AS a(i), range(1000000) AS b(i)) AS r WHERE i * j = 7"
	hungry := "SELECT count(*) FROM (SELECT i, list(i) FROM (SELECT range AS i FROM range(30000000)) GROUP BY i)"
	if e.heavy(s) == "clickhouse" {
		heavy = "SELECT count(*) FROM numbers(100000000000) WHERE cityHash64(number) = 7"
		hungry = "SELECT count(*) FROM (SELECT number, groupArray(number) FROM numbers(30000000) GROUP BY number)"
	}
	t.Run("memory limit", func(t *testing.T) {
		neighbour := make(chan error, 1)
		quit := make(chan struct{})
		go func() {
			for {
				select {
				case <-quit:
					neighbour <- nil
					return
				default:
				}
				snap, err := s.Snapshot(ctx)
				if err == nil {
					var rel string
					q := snap.(store.SQLSnapshot)
					if rel, err = q.Relation(all); err == nil {
						_, err = run(q, fmt.Sprintf(counts, rel), nil, long(7), store.Limits{})
					}
					snap.Close()
				}
				if err != nil {
					neighbour <- err
					return
				}
			}
		}()
		sql(func(q store.SQLSnapshot) {
			_, err := run(q, hungry, nil, long(1), store.Limits{MemoryBytes: 64 << 20})
			if fault.KindOf(err) != fault.Limit || strings.Contains(err.Error(), "SELECT") {
				t.Errorf("a query over its memory limit: %v", err)
			}
		})
		close(quit)
		if err := <-neighbour; err != nil {
			t.Errorf("its neighbour: %v", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		sql(func(q store.SQLSnapshot) {
			for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
				short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				if cause == context.Canceled {
					cancel()
				}
				start := time.Now()
				r, err := q.Query(short, heavy, nil, long(1), store.Limits{})
				if err == nil {
					_, err = r.Next(ctx)
					r.Close()
				}
				cancel()
				if !errors.Is(err, cause) {
					t.Errorf("a query that was stopped: %v, want %v", err, cause)
				}
				if d := time.Since(start); d > 10*time.Second {
					t.Errorf("it stopped after %v", d)
				}
			}
		})
	})
	t.Run("close while a query runs", func(t *testing.T) {
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		started := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			close(started)
			r, err := snap.(store.SQLSnapshot).Query(ctx, heavy, nil, long(1), store.Limits{})
			if err == nil {
				_, err = r.Next(ctx)
				r.Close()
			}
			ended <- err
		}()
		<-started
		noErr(t, s.Close())
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("the query ended with %v", err)
		}
		noErr(t, snap.Close())
	})
}

func (e Engine) heavy(s store.Store) string {
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		return ""
	}
	defer snap.Close()
	if q, ok := snap.(store.SQLSnapshot); ok {
		return q.Dialect()
	}
	return ""
}
