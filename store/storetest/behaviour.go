package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

var pairDef = table.Def{
	Name: "P", Time: "At", IDs: []string{"Key"},
	Columns: table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Key", Type: table.String}, {Name: "N", Type: table.Long}},
}

// testWholeLoads: while loads, flushes and merges go on, every snapshot sees
// whole loads only, each once, and never less than an older one.
//
// Load i brings rows of key i to two tables and supersedes one row of load i-1,
// so a snapshot that sees i loads sees the same number of rows in both tables.
func testWholeLoads(t *testing.T, e Engine) {
	ctx := context.Background()
	s := open(t, e, t.TempDir())
	other := pairDef
	other.Name = "Q"
	noErr(t, s.Define(ctx, pairDef))
	noErr(t, s.Define(ctx, other))
	const loads, perLoad = 60, 20
	var wg sync.WaitGroup
	var done atomic.Bool
	fail := make(chan error, 64)
	start := func(f func(r *rand.Rand) error) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, 2))
			for !done.Load() {
				if err := f(r); err != nil {
					fail <- err
					return
				}
			}
		})
	}
	for range 3 {
		var last int64
		start(func(r *rand.Rand) error {
			snap, err := s.Snapshot(ctx)
			if err != nil {
				return err
			}
			defer snap.Close()
			var first []string
			for range 2 { // the same snapshot gives the same answer
				p, err := read(ctx, snap, store.Scan{Table: "P", Columns: []string{"N"}}, nil)
				if err != nil {
					return err
				}
				q, err := read(ctx, snap, store.Scan{Table: "Q", Columns: []string{"N"}}, nil)
				if err != nil {
					return err
				}
				if !slices.Equal(p, q) {
					return fmt.Errorf("a load is seen in parts: %d and %d rows", len(p), len(q))
				}
				if len(slices.Compact(slices.Clone(p))) != len(p) {
					return errors.New("a row is seen twice")
				}
				if first != nil && !slices.Equal(first, p) {
					return errors.New("a snapshot changed")
				}
				first = p
			}
			n := int64(len(first))
			if n < last || n > 0 && n%(perLoad-1) != 1 {
				return fmt.Errorf("a snapshot has %d rows after one with %d", n, last)
			}
			last = n
			return nil
		})
	}
	start(func(r *rand.Rand) error { return s.Flush(ctx) })
	start(func(r *rand.Rand) error { return s.Maintain(ctx) })
	for i := range loads {
		load := store.Load{Marks: store.Marks{place(0).TopicPartition: int64(2 * (i + 1) * perLoad)}}
		for k, def := range []*table.Def{&pairDef, &other} {
			var rows [][]table.Value
			for j := range perLoad {
				rows = append(rows, []table.Value{table.DateTimeValue(ticks("2026-01-01T00:00:00Z") + int64(i%5)*table.TicksPerDay), table.StringValue(fmt.Sprint("k", i)), table.LongValue(int64(i*perLoad + j))})
			}
			first := (2*i + k) * perLoad
			l := rowsOf(def, first, rows...)
			load.Tables = append(load.Tables, l.Tables...)
			if i > 0 {
				load.Superseded = append(load.Superseded, place(first-2*perLoad))
			}
		}
		noErr(t, s.Append(ctx, load))
		if got := len(readAll(t, s, store.Scan{Table: "P"})); got != (i+1)*(perLoad-1)+1 {
			t.Fatalf("%d rows after load %d", got, i)
		}
	}
	done.Store(true)
	wg.Wait()
	select {
	case err := <-fail:
		t.Fatal(err)
	default:
	}
	noErr(t, s.Flush(ctx))
	noErr(t, s.Maintain(ctx))
	if got := len(readAll(t, s, store.Scan{Table: "Q", Columns: []string{"Key"}})); got != loads*(perLoad-1)+1 {
		t.Fatalf("%d rows at the end", got)
	}
	visible, durable := s.Marks()
	if visible[place(0).TopicPartition] != durable[place(0).TopicPartition] || durable[place(0).TopicPartition] != 2*loads*perLoad {
		t.Fatalf("marks %v %v", visible, durable)
	}
}

// testBadLoads: what does not fit is refused as a whole.
func testBadLoads(t *testing.T, e Engine) {
	ctx := context.Background()
	s := open(t, e, t.TempDir())
	noErr(t, s.Define(ctx, pairDef))
	good := func() store.Load {
		return rowsOf(&pairDef, 0, []table.Value{table.DateTimeValue(1), table.StringValue("k"), table.LongValue(1)})
	}
	f := func(what string, kind fault.Kind, change func(*store.Load)) {
		t.Helper()
		l := good()
		change(&l)
		if err := s.Append(ctx, l); err == nil || fault.KindOf(err) != kind {
			t.Errorf("%s: %v", what, err)
		}
		if got := readAll(t, s, store.Scan{Table: "P"}); len(got) != 0 {
			t.Errorf("%s left %d rows", what, len(got))
		}
		if visible, _ := s.Marks(); len(visible) != 0 {
			t.Errorf("%s moved the marks", what)
		}
	}
	f("an unknown table", fault.NotFound, func(l *store.Load) {
		l.Tables = append(l.Tables, store.TableRows{Table: "X", Rows: l.Tables[0].Rows})
	})
	f("columns of another order", fault.Invalid, func(l *store.Load) {
		b := *l.Tables[0].Rows
		b.Schema = slices.Clone(b.Schema)
		b.Schema[0], b.Schema[1] = b.Schema[1], b.Schema[0]
		l.Tables = append(l.Tables, store.TableRows{Table: "P", Rows: &b})
	})
	f("a short column", fault.Invalid, func(l *store.Load) {
		b := *l.Tables[0].Rows
		b.Cols = slices.Clone(b.Cols)
		b.Cols[2] = b.Cols[2].Slice(0, 0)
		l.Tables = append(l.Tables, store.TableRows{Table: "P", Rows: &b})
	})
}

// testClose: nothing works after it, and everything says so.
func testClose(t *testing.T, e Engine) {
	ctx := context.Background()
	s := open(t, e, t.TempDir())
	noErr(t, s.Define(ctx, pairDef))
	var rows [][]table.Value
	for i := range 10000 {
		rows = append(rows, []table.Value{table.DateTimeValue(int64(i)), table.StringValue("k"), table.LongValue(int64(i))})
	}
	noErr(t, s.Append(ctx, rowsOf(&pairDef, 0, rows...)))
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	reader, err := snap.Scan(ctx, store.Scan{Table: "P", Columns: []string{"N"}})
	noErr(t, err)
	if b, err := reader.Next(ctx); b == nil || err != nil {
		t.Fatal(err)
	}
	closed, err := s.Snapshot(ctx)
	noErr(t, err)
	noErr(t, closed.Close())
	noErr(t, closed.Close())
	if _, err := closed.Scan(ctx, store.Scan{Table: "P"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("scanning a closed snapshot: %v", err)
	}
	done, err := snap.Scan(ctx, store.Scan{Table: "P", Columns: []string{"N"}})
	noErr(t, err)
	noErr(t, done.Close())
	noErr(t, done.Close())
	if b, err := done.Next(ctx); b != nil || err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed reader gives %v, %v", b, err)
	}
	noErr(t, s.Close())
	noErr(t, s.Close())
	for what, f := range map[string]func() error{
		"Define":   func() error { return s.Define(ctx, pairDef) },
		"Append":   func() error { return s.Append(ctx, store.Load{}) },
		"Flush":    func() error { return s.Flush(ctx) },
		"Maintain": func() error { return s.Maintain(ctx) },
		"Drop":     func() error { return s.DropBefore(ctx, "P", 1) },
		"Snapshot": func() error { _, err := s.Snapshot(ctx); return err },
		"Scan":     func() error { _, err := snap.Scan(ctx, store.Scan{Table: "P"}); return err },
		"Next":     func() error { _, err := reader.Next(ctx); return err },
	} {
		if err := f(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	noErr(t, reader.Close())
	noErr(t, snap.Close())
}

// testCancel: a cancelled context ends what it was given to.
func testCancel(t *testing.T, e Engine) {
	s := open(t, e, t.TempDir())
	ctx := context.Background()
	noErr(t, s.Define(ctx, pairDef))
	var rows [][]table.Value
	for i := range 20000 {
		rows = append(rows, []table.Value{table.DateTimeValue(int64(i)), table.StringValue("k"), table.LongValue(int64(i))})
	}
	noErr(t, s.Append(ctx, rowsOf(&pairDef, 0, rows...)))
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	defer snap.Close()
	gone, cancel := context.WithCancel(ctx)
	r, err := snap.Scan(gone, store.Scan{Table: "P", Columns: []string{"N", "Key"}})
	noErr(t, err)
	defer r.Close()
	cancel()
	for {
		b, err := r.Next(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		if b == nil || err != nil {
			t.Fatalf("a cancelled scan ends with %v, %v", b, err)
		}
	}
	for what, f := range map[string]func() error{
		"Snapshot": func() error { _, err := s.Snapshot(gone); return err },
		"Scan":     func() error { _, err := snap.Scan(gone, store.Scan{Table: "P", Columns: []string{"N"}}); return err },
		"Append":   func() error { return s.Append(gone, store.Load{}) },
		"Flush":    func() error { return s.Flush(gone) },
		"Maintain": func() error { return s.Maintain(gone) },
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", what, err)
		}
	}
	if got := len(readAll(t, s, store.Scan{Table: "P"})); got != 20000 {
		t.Errorf("%d rows after cancelled calls", got)
	}
}

// testWideScan: more rows than a batch, more batches than one, all columns.
func testWideScan(t *testing.T, e Engine) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, e, dir)
	noErr(t, s.Define(ctx, pairDef))
	const loads, perLoad = 7, 3001
	var sum int64
	for i := range loads {
		var rows [][]table.Value
		for j := range perLoad {
			n := int64(i*perLoad + j)
			sum += n
			key := table.StringValue(strings.Repeat("key", j%40) + fmt.Sprint(n))
			at := table.DateTimeValue(ticks("2026-01-01T00:00:00Z") + int64(j%3)*table.TicksPerDay + n)
			if j%100 == 0 {
				at = table.Null(table.DateTime)
			}
			rows = append(rows, []table.Value{at, key, table.LongValue(n)})
		}
		noErr(t, s.Append(ctx, rowsOf(&pairDef, i*perLoad, rows...)))
		if i%3 == 1 {
			noErr(t, s.Flush(ctx))
		}
	}
	phys := pairDef.Physical()
	stages(t, e, dir, &s, func(stage string) {
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		defer snap.Close()
		r, err := snap.Scan(ctx, store.Scan{Table: "P", Columns: phys.Names()})
		noErr(t, err)
		defer r.Close()
		if !slices.Equal(r.Schema(), phys) {
			t.Fatalf("schema %v", r.Schema())
		}
		var rows, total, undated int64
		for {
			b, err := r.Next(ctx)
			noErr(t, err)
			if b == nil {
				break
			}
			rows += int64(b.Rows)
			for i := range b.Rows {
				n := b.Cols[2].N[i]
				total += n
				if b.Cols[0].IsNull(i) {
					undated++
				}
				if !strings.HasSuffix(b.Cols[1].S[i], fmt.Sprint(n)) || b.Cols[phys.Index(table.HiddenOffset)].N[i] != n {
					t.Fatalf("%s: row %d has key %q and offset %d", stage, n, b.Cols[1].S[i], b.Cols[phys.Index(table.HiddenOffset)].N[i])
				}
			}
		}
		if rows != loads*perLoad || total != sum || undated != loads*(perLoad/100+1) {
			t.Fatalf("%s: %d rows, sum %d, %d undated", stage, rows, total, undated)
		}
		if st := snap.Stats("P"); st.Rows != rows {
			t.Fatalf("%s: stats of %d rows", stage, st.Rows)
		}
	})
}
