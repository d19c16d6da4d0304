package duckdb

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"sextant/store"
	"sextant/table"
)

// TestTail: which segments of so many rows are merged.
func TestTail(t *testing.T) {
	f := func(atLeast int, want int, rows ...int64) {
		t.Helper()
		var segs []*segment
		for _, n := range rows {
			segs = append(segs, &segment{rows: n})
		}
		if got := tail(segs, atLeast); len(got) != want {
			t.Errorf("%v, at least %d: %d are merged instead of %d", rows, atLeast, len(got), want)
		}
	}
	f(2, 0)
	f(2, 0, 5)
	f(2, 2, 5, 5)
	f(3, 0, 5, 5)
	f(2, 0, 10, 5_000_000)                  // late rows do not write a month anew
	f(2, 2, 10, 10, 5_000_000)              // but they are joined,
	f(2, 3, 100_000, 100_000, 500_000)      // and when they are many it is
	f(4, 7, 31, 34, 36, 418, 427, 465, 465) // some small ones among larger ones
	f(2, 2, 400_000, 400_000, 400_000)      // never too large
	f(2, 0, maxMergeRows, maxMergeRows)
}

// TestMergeBound: files of many days are merged in parts that fit.
func TestMergeBound(t *testing.T) {
	f := func(want int, rows ...int64) {
		t.Helper()
		var segs []*segment
		for _, n := range rows {
			segs = append(segs, &segment{rows: n, span: span{Min: 739_252 * table.TicksPerDay, Max: 739_292 * table.TicksPerDay}})
		}
		if p := planTable(segs, nil); p == nil || len(p.inputs) != want || !p.byMonth {
			t.Errorf("%v: %+v instead of the first %d", rows, p, want)
		}
	}
	f(3, 5, 5, 5)
	f(2, maxMergeRows/2, maxMergeRows/2, 1)
	f(1, 2*maxMergeRows, 1)
}

// TestMaintain: a year of small flushes ends in few files, in which nothing is
// lost, and the work ends.
func TestMaintain(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{FlushAge: -1})
	noErr(t, s.Define(ctx, keyDef))
	wide := keyDef
	wide.Columns = append(slices.Clip(wide.Columns), table.Column{Name: "New", Type: table.Long})
	n, days := 0, 0
	for day := int64(739_252); day < 739_252+80; day++ { // from 2025-01-01
		for part := range int64(2) {
			l := keyRows(n, n+3)
			n += 3
			for i := range l.Tables[0].Rows.Rows {
				l.Tables[0].Rows.Cols[0].N[i] = day*table.TicksPerDay + part
			}
			if day == 739_290 {
				noErr(t, s.Define(ctx, wide))
			}
			l.Tables[0].Rows = store.Adapt(l.Tables[0].Rows, &s.state.defs["K"].Def)
			noErr(t, s.Append(ctx, l))
			noErr(t, s.Flush(ctx))
		}
		days++
		if days%7 == 0 {
			noErr(t, s.Maintain(ctx))
		}
	}
	// Rows of a whole year in one load go into one file, and that is cut by month.
	l := keyRows(n, n+60)
	for i := range l.Tables[0].Rows.Rows {
		l.Tables[0].Rows.Cols[0].N[i] = (739_252 + int64(i)*6) * table.TicksPerDay
	}
	l.Tables[0].Rows = store.Adapt(l.Tables[0].Rows, &wide)
	noErr(t, s.Append(ctx, l))
	noErr(t, s.Flush(ctx))
	n += 60
	noErr(t, s.Maintain(ctx))
	for range 2 {
		segs := s.state.segs["K"]
		if len(segs) > 26 {
			t.Errorf("%d segments are left", len(segs))
		}
		for _, seg := range segs {
			if first, last := seg.days(); monthOf(first) != monthOf(last) {
				t.Errorf("a segment lies in two months: %+v", seg.span)
			}
		}
		got := query(t, s, store.Scan{Table: "K", Columns: []string{"Key", "Doc.id"}}, "SELECT count(*), count(DISTINCT a) FROM %s AS r(a, b)", append(count, count...))
		if want := fmt.Sprint(n); got[0][0] != want || got[0][1] != want {
			t.Errorf("%v rows instead of %d", got, n)
		}
		noErr(t, s.Close())
		s = open(t, dir, Options{FlushAge: -1})
	}
}
