package duckdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/store"
	"sextant/table"
)

// A packed column gives every number and null back, whatever lies between the least and
// the largest.
func FuzzPacked(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(1), int64(0), uint16(2000))
	f.Add([]byte{0, 255, 7, 7}, uint64(10_000_000), int64(639_000_000_000_000_000), uint16(1025))
	f.Add([]byte{0, 1, 128, 255}, uint64(1)<<56, int64(-1)<<63, uint16(9)) // all 64 bits
	f.Add([]byte{}, uint64(0), int64(5), uint16(1024))
	f.Fuzz(func(t *testing.T, pattern []byte, step uint64, least int64, rows uint16) {
		p := newPacker()
		want := make([]int64, rows)
		null := make([]bool, rows)
		for i := range want {
			if len(pattern) > 0 {
				c := pattern[i%len(pattern)]
				null[i] = c == 7 && i%3 == 0
				want[i] = int64(uint64(least) + uint64(c)*step)
			}
			p.add(want[i], null[i])
		}
		c := newCells(p.packed(), int64(rows))
		for i := range want {
			v, ok := c.at(int64(i))
			if least, most, known := c.within(int64(i)); known && (null[i] || want[i] < least || want[i] > most) {
				t.Fatalf("row %d, %d, is not within %d and %d", i, want[i], least, most)
			}
			if ok == null[i] || ok && v != want[i] {
				t.Fatalf("row %d is %d, %v; want %d, null %v", i, v, ok, want[i], null[i])
			}
		}
		for _, i := range []int64{-1, int64(rows)} {
			if _, ok := c.at(i); ok {
				t.Fatalf("there is no row %d", i)
			}
		}
	})
}

// A packed column that is damaged gives something or nothing.
func FuzzPackedDamaged(f *testing.F) {
	p := newPacker()
	for i := range int64(1500) {
		p.add(i*i, i%100 == 0)
	}
	f.Add(p.packed(), int64(1500), int64(1200))
	f.Fuzz(func(t *testing.T, data []byte, rows, row int64) {
		c := newCells(data, max(0, rows%1_000_000))
		c.at(row)
		c.within(row)
	})
}

var visitDef = table.Def{
	Name: "V", Time: "At", IDs: []string{"User", "App", "Token", "Doc.id", "Doc[].id"},
	Columns: table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Made", Type: table.DateTime}, {Name: "User", Type: table.String}, {Name: "App", Type: table.String},
		{Name: "Token", Type: table.String}, {Name: "Note", Type: table.String}, {Name: "Doc", Type: table.Dynamic}},
	Promoted: []table.Promoted{{Column: "Doc", Path: "id", Type: table.String}, {Column: "Doc", Path: "[].id", Type: table.Dynamic}},
}

// visits [from, to): users and applications come again and again, tokens never; now and
// then there is no time, or no user.
func visits(from, to int) *table.Batch {
	b := table.NewBatch(visitDef.Physical(), to-from)
	r := rand.New(rand.NewPCG(uint64(from), 7))
	for n := from; n < to; n++ {
		at := table.DateTimeValue(739_000*table.TicksPerDay + int64(n)*10_000_000)
		made := table.DateTimeValue(at.Int64() - int64(r.IntN(5))*3_000_000)
		user := fmt.Sprintf("user-%d", r.IntN(300))
		switch r.IntN(500) {
		case 0:
			made = table.Null(table.DateTime)
		case 1:
			user = ""
		}
		doc := fmt.Sprintf(`{"id":"doc-%d"}`, r.IntN(100))
		if n%3 == 0 {
			doc = fmt.Sprintf(`[{"id":"of-%d"},{"id":"of-%d"}]`, r.IntN(100), r.IntN(100))
		}
		row := []table.Value{at, made, table.StringValue(user), table.StringValue(fmt.Sprintf("app-%d", r.IntN(4))), table.StringValue(fmt.Sprintf("token-%d", n)),
			table.StringValue(fmt.Sprintf("note %d", n%7)), table.DynamicText(doc)}
		for _, p := range visitDef.Promoted {
			v, _ := p.Of(row[6].Dyn())
			row = append(row, v)
		}
		row = append(row, table.LongValue(int64(n)*31), table.StringValue(fmt.Sprintf("topic-%d", n%2)), table.IntValue(int64(n%3)), table.LongValue(int64(n)), table.IntValue(int64(n%5)),
			table.DateTimeValue(at.Int64()+99), table.IntValue(1), table.BoolValue(false))
		b.AppendRow(row)
	}
	return b
}

// Whatever the index of rows answers, and wherever it cannot, a scan gives the rows that
// it would give without hints.
func TestRowIndex(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{FlushAge: -1})
	noErr(t, s.Define(ctx, visitDef))
	const rows, more = 24_000, 500
	all := visits(0, rows+more)
	loaded := rows
	gone := map[int]bool{}
	for from := 0; from < rows; from += 4000 {
		var superseded []store.Place
		for n := from - 3000; n > 0 && n < from; n += 799 {
			gone[n] = true
			superseded = append(superseded, store.Place{TopicPartition: store.TopicPartition{Topic: fmt.Sprintf("topic-%d", n%2), Partition: int32(n % 3)}, Offset: int64(n), Index: int32(n % 5)})
		}
		part := table.NewBatch(all.Schema, 4000)
		for n := from; n < from+4000; n++ {
			part.AppendRow(all.Row(n, nil))
		}
		noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "V", Rows: part}}, Superseded: superseded, Marks: store.Marks{{Topic: "t"}: int64(from + 4000)}}))
		noErr(t, s.Flush(ctx))
	}

	column := func(name string) *table.Vector { return &all.Cols[all.Schema.Index(name)] }
	has := func(eq store.Equal, n int) bool {
		c := column(eq.Column)
		if c.Type == table.Dynamic {
			list, _ := listCell(c, n)
			return slices.ContainsFunc(list, func(e any) bool { s, _ := e.(string); return slices.Contains(eq.Values, s) })
		}
		return slices.Contains(eq.Values, c.S[n])
	}
	in := func(name string, from, to int64, n int) bool {
		c := column(name)
		return from == 0 && to == 0 || !c.IsNull(n) && c.N[n] >= from && (to == 0 || c.N[n] < to)
	}
	r := rand.New(rand.NewPCG(3, 4))
	some := func(format string, of, most int) (out []string) {
		for range 1 + r.IntN(most) {
			out = append(out, fmt.Sprintf(format, r.IntN(of)))
		}
		return out
	}
	random := func() store.Scan {
		scan := store.Scan{Table: "V"}
		for _, eq := range []store.Equal{{Column: "User", Values: some("user-%d", 310, 3)}, {Column: "App", Values: some("app-%d", 5, 2)}, {Column: "Doc.id", Values: some("doc-%d", 110, 2)},
			{Column: "Doc[].id", Values: some("of-%d", 110, 2)}, {Column: "Token", Values: some("token-%d", rows, 2)}, {Column: "User", Values: []string{"", "user-1"}}} {
			if r.IntN(3) == 0 {
				scan.Equal = append(scan.Equal, eq)
			}
		}
		at := func() int64 { return 739_000*table.TicksPerDay + int64(r.IntN(rows))*10_000_000 }
		if r.IntN(3) == 0 {
			scan.From = at()
		}
		if r.IntN(3) == 0 {
			scan.To = at()
		}
		if r.IntN(3) == 0 {
			scan.Bounds = append(scan.Bounds, store.Bound{Column: "Made", From: at()})
		}
		scan.Columns = [][]string{{table.HiddenOffset}, {table.HiddenOffset, "Made", "User", "At"}, {"User", table.HiddenOffset, "App", table.HiddenTopic, table.HiddenID}, {table.HiddenOffset, "Note"},
			{"Doc[].id", table.HiddenOffset}}[r.IntN(5)]
		return scan
	}
	check := func(stage string, indexed bool) {
		t.Helper()
		forms := map[string]int{}
		for range 150 {
			scan := random()
			// A scan may give more; a filter behind it keeps those with the values.
			got := map[int64]bool{}
			snap, err := s.Snapshot(ctx)
			noErr(t, err)
			rel, err := snap.(store.SQLSnapshot).Relation(scan)
			noErr(t, err)
			switch {
			case strings.Contains(rel, "rowid IN"):
				forms["rows of files"]++
			case !strings.Contains(rel, "FROM sx"):
				forms["index alone"]++
			}
			reader, err := snap.Scan(ctx, scan)
			noErr(t, err)
			if r, ok := snap.(store.Finder).Find(scan, 1000); ok {
				forms["found"]++
				noErr(t, reader.Close())
				reader = r
			}
			for {
				b, err := reader.Next(ctx)
				noErr(t, err)
				if b == nil {
					break
				}
				at := slices.Index(scan.Columns, table.HiddenOffset)
				for i := range b.Rows {
					n := b.Cols[at].N[i]
					if got[n] {
						t.Fatalf("%s: %+v: row %d came twice", stage, scan, n)
					}
					got[n] = true
					for c, name := range scan.Columns {
						if want, have := column(name).At(int(n)), b.Cols[c].At(i); want.String() != have.String() || want.IsNull() != have.IsNull() {
							t.Fatalf("%s: %+v: row %d has %s %s, want %s", stage, scan, n, name, have, want)
						}
					}
				}
			}
			noErr(t, reader.Close())
			since, known := snap.(store.Dater).Since(scan, 50)
			noErr(t, snap.Close())
			recent := 0
			for n := range loaded {
				want := !gone[n] && in("At", scan.From, scan.To, n)
				for _, eq := range scan.Equal {
					want = want && has(eq, n)
				}
				for _, b := range scan.Bounds {
					want = want && in(b.Column, b.From, b.To, n)
				}
				if want && !got[int64(n)] {
					t.Fatalf("%s: %+v: row %d is missing", stage, scan, n)
				}
				if got[int64(n)] && gone[n] {
					t.Fatalf("%s: %+v: row %d was superseded", stage, scan, n)
				}
				if want && column("At").N[n] >= since {
					recent++
				}
			}
			// A guess from one value of several may see rows that another value excludes, and
			// sees none in memory.
			if exact := len(scan.Equal) == 1 && len(scan.Equal[0].Values) == 1; known && exact && since > 0 && (recent < 40 || loaded == rows && recent > 60) {
				t.Errorf("%s: %+v: since %d there are %d rows", stage, scan, since, recent)
			}
		}
		if indexed != (forms["rows of files"] > 0 && forms["index alone"] > 0 && forms["found"] > 0) {
			t.Errorf("%s: %v", stage, forms)
		}
	}
	check("flushed", false)
	noErr(t, s.Maintain(ctx))
	check("maintained", true)
	part := table.NewBatch(all.Schema, more)
	for n := rows; n < rows+more; n++ {
		part.AppendRow(all.Row(n, nil))
	}
	noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "V", Rows: part}}, Marks: store.Marks{{Topic: "t"}: rows + more}}))
	loaded += more
	check("and rows in memory", true)
	noErr(t, s.Flush(ctx))
	again := func(stage string, indexed bool, damage func(path string, data []byte)) {
		t.Helper()
		noErr(t, s.Close())
		paths, err := filepath.Glob(filepath.Join(dir, "*.row"))
		noErr(t, err)
		if len(paths) == 0 {
			t.Fatal("there is no index of rows")
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			noErr(t, err)
			damage(p, data)
		}
		s = open(t, dir, Options{FlushAge: -1})
		check(stage, indexed)
		noErr(t, s.Maintain(ctx))
	}
	again("opened again", true, func(string, []byte) {})
	again("lost", false, func(path string, _ []byte) { noErr(t, os.Remove(path)) })
	again("cut", false, func(path string, data []byte) { noErr(t, os.WriteFile(path, data[:len(data)/2], 0o600)) })
	again("bits flipped", false, func(path string, data []byte) {
		for i := len(data) / 16; i < len(data); i += 64 {
			data[i] ^= 4
		}
		noErr(t, os.WriteFile(path, data, 0o600))
	})
	noErr(t, s.DropBefore(ctx, "V", 741_000*table.TicksPerDay))
	noErr(t, s.Close())
	noErr(t, open(t, dir, Options{FlushAge: -1}).Close())
	if left, _ := filepath.Glob(filepath.Join(dir, "*.row")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Where a row has something else at a promoted path, its text may yet have the value: the
// index says nothing of that path.
func TestRowIndexOddRow(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{FlushAge: -1})
	noErr(t, s.Define(ctx, visitDef))
	odd := func() (odd, known bool) {
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		defer snap.Close()
		return snap.(store.Odder).Odd("V")
	}
	for from := 0; from < 6000; from += 3000 {
		b := visits(from, from+3000)
		if odd, known := odd(); odd != (from > 0) || !known {
			t.Errorf("before row %d: odd %v, known %v", from, odd, known)
		}
		b.Cols[b.Schema.Index(table.HiddenOdd)].N[7] = 1
		noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "V", Rows: b}}, Marks: store.Marks{{Topic: "t"}: int64(from)}}))
		if odd, known := odd(); !odd || !known {
			t.Errorf("in memory: odd %v, known %v", odd, known)
		}
		noErr(t, s.Flush(ctx))
	}
	noErr(t, s.Maintain(ctx))
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	defer snap.Close()
	for column, want := range map[string]bool{"Doc.id": false, "User": true} {
		if _, known := snap.(store.Dater).Since(store.Scan{Table: "V", Equal: []store.Equal{{Column: column, Values: []string{"x"}}}}, 1); known != want {
			t.Errorf("%s is known: %v", column, known)
		}
	}
}

// Two values of one hash are told apart.
func TestRowListCollision(t *testing.T) {
	key := idKey("one")
	l := valueLists{keys: []uint64{key, key}, lists: []byte("\x05other\x01\x01\x03one\x07\x02")}
	l.ends = []uint32{8, uint32(len(l.lists))}
	c := rowIndexColumn{columnMeta: columnMeta{Values: 2}, data: l.packed()}
	var rows []int64
	eachRow(c.list("one"), func(row int64) { rows = append(rows, row) })
	if !slices.Equal(rows, []int64{7, 9}) || c.list("two") != nil {
		t.Error(rows, c.list("two"))
	}
}

// An index of rows that is damaged where its sums do not tell does no harm.
func FuzzRowLists(f *testing.F) {
	l := valueLists{keys: []uint64{idKey("a")}, ends: []uint32{4}, lists: []byte("\x01a\x05\x03")}
	f.Add(l.packed(), int64(1))
	f.Fuzz(func(t *testing.T, data []byte, values int64) {
		if values <= 0 || values > int64(len(data))/12 {
			return
		}
		c := rowIndexColumn{columnMeta: columnMeta{Values: values}, data: data}
		for _, v := range []string{"a", "", "b"} {
			eachRow(c.list(v), func(int64) {})
		}
	})
}
