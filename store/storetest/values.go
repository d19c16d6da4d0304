package storetest

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// stages are the places that rows go through.
func stages(t *testing.T, e Engine, dir string, s *store.Store, check func(stage string)) {
	ctx := context.Background()
	check("appended")
	noErr(t, (*s).Flush(ctx))
	check("flushed")
	noErr(t, (*s).Maintain(ctx))
	check("merged")
	if e.Durable {
		noErr(t, (*s).Close())
		*s = open(t, e, dir)
		check("opened again")
	}
}

func place(n int) store.Place {
	return store.Place{TopicPartition: store.TopicPartition{Topic: "t"}, Offset: int64(n)}
}

// load of rows of visible cells, from offset first on.
func rowsOf(def *table.Def, first int, cells ...[]table.Value) store.Load {
	b := table.NewBatch(def.Physical(), len(cells))
	for i, vals := range cells {
		b.AppendRow(append(slices.Clip(vals), rest(def, vals, place(first+i))...))
	}
	return store.Load{
		Tables: []store.TableRows{{Table: def.Name, Rows: b}},
		Marks:  store.Marks{place(0).TopicPartition: int64(first + len(cells))},
	}
}

// testTypes: every type comes back exactly, at its edges too.
func testTypes(t *testing.T, e Engine) {
	ctx := context.Background()
	dec := func(s string) table.Value {
		d, _, err := apd.NewFromString(s)
		noErr(t, err)
		return table.DecimalValue(d)
	}
	big := strings.Repeat("a megabyte of text, 名前 ", 1<<20/26)
	cells := map[table.Type][]table.Value{
		table.Bool:     {table.BoolValue(true), table.BoolValue(false)},
		table.Int:      {table.IntValue(0), table.IntValue(math.MaxInt32), table.IntValue(math.MinInt32)},
		table.Long:     {table.LongValue(0), table.LongValue(math.MaxInt64), table.LongValue(math.MinInt64)},
		table.Real:     {table.RealValue(0.1), table.RealValue(math.MaxFloat64), table.RealValue(math.SmallestNonzeroFloat64), table.RealValue(math.Inf(1)), table.RealValue(math.Inf(-1)), table.RealValue(math.NaN())},
		table.Decimal:  {dec("0"), dec("1234567890123456789012345678901234"), dec("-0.0000000000000000000000000000000001"), dec("1.50"), dec("1E+20")},
		table.String:   {table.StringValue(""), table.StringValue(" "), table.StringValue("null"), table.StringValue("exactly 12 b"), table.StringValue("thirteen byte"), table.StringValue("a\x00b"), table.StringValue("\x00"), table.StringValue("it's \"quoted\"\\\r\n\t"), table.StringValue("Zoë 名前 😀 \u202e"), table.StringValue(big)},
		table.DateTime: {table.DateTimeValue(0), table.DateTimeValue(1), table.DateTimeValue(table.MaxDateTime), table.DateTimeValue(ticks("2026-01-02T03:04:05.1234567Z"))},
		table.TimeSpan: {table.TimeSpanValue(0), table.TimeSpanValue(-1), table.TimeSpanValue(math.MaxInt64), table.TimeSpanValue(math.MinInt64)},
		table.Guid:     {table.GuidValue("00000000-0000-0000-0000-000000000000"), table.GuidValue("ffffffff-ffff-ffff-ffff-ffffffffffff")},
		table.Dynamic: {table.DynamicText(`{"a" : 1 ,"a":2}`), table.DynamicText(`[]`), table.DynamicText(`"x"`), table.DynamicText(`1.0`), table.DynamicText(`{"deep":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`),
			table.DynamicValue([]any{int64(1), "x", nil}), table.DynamicValue("not text"), table.DynamicText(`"\ud83d\ude00 \u0000"`), table.DynamicText(`{"big":"` + big + `"}`)},
	}
	for _, time := range []string{"", "C_datetime"} {
		def := table.Def{Name: "T", Time: time}
		most := 0
		for typ := table.Bool; typ <= table.Dynamic; typ++ {
			def.Columns = append(def.Columns, table.Column{Name: "C_" + typ.String(), Type: typ})
			most = max(most, len(cells[typ]))
			if typ == table.String || typ == table.Dynamic {
				def.Text = append(def.Text, "C_"+typ.String())
			}
		}
		var rows [][]table.Value
		for i := range most + 1 { // the last row is all null
			var row []table.Value
			for _, c := range def.Columns {
				if l := cells[c.Type]; i < len(l) {
					row = append(row, l[i])
				} else {
					row = append(row, table.Null(c.Type))
				}
			}
			rows = append(rows, row)
		}
		dir := t.TempDir()
		s := open(t, e, dir)
		noErr(t, s.Define(ctx, def))
		noErr(t, s.Append(ctx, rowsOf(&def, 0, rows...)))
		for _, c := range def.Columns {
			var want []string
			for _, r := range rows {
				want = append(want, show(r[def.Columns.Index(c.Name)]))
			}
			slices.Sort(want)
			stages(t, e, dir, &s, func(stage string) {
				got := readAll(t, s, store.Scan{Table: "T", Columns: []string{c.Name}})
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s:\n%.2000q\nwant\n%.2000q", c.Name, stage, got, want)
				}
			})
		}
	}
}

// testDocuments: a promoted path that comes after the rows gives what
// table.Promoted.Of does, and so does its odd flag.
func testDocuments(t *testing.T, e Engine) {
	ctx := context.Background()
	f, err := testdata.Open("testdata/documents.jsonl")
	noErr(t, err)
	defer f.Close()
	var docs []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		docs = append(docs, sc.Text())
	}
	invalid := []string{"", " ", "not json", `{"a":{"b":"x"}`, `{"a":{"b":"x"}} tail`, "{'a':1}", "nul", "{\"a\":{\"b\":\"\x01\"}}"}
	var paths []table.Promoted
	for _, p := range []struct {
		path string
		t    table.Type
	}{
		{"a.b", table.String}, {"a.b", table.Long}, {"a", table.String}, {"a.b.c", table.Real}, {"n", table.Long}, {"r", table.Real}, {"t", table.Bool},
		{`q"k.x`, table.String}, {"sl/ash", table.String}, {"ti~lde", table.String}, {"do$lar", table.String}, {"st*r", table.String}, {`ba\ck`, table.String}, {"0", table.String}, {"missing", table.Bool},
		{"[].id", table.Dynamic}, {"[].u.n", table.Dynamic}, {"l", table.String},
	} {
		paths = append(paths, table.Promoted{Path: p.path, Type: p.t})
	}
	for _, p := range paths {
		dir := t.TempDir()
		s := open(t, e, dir)
		def := table.Def{Name: "T", Columns: table.Schema{{Name: "N", Type: table.Long}, {Name: "D", Type: table.Dynamic}, {Name: "S", Type: table.String}}}
		noErr(t, s.Define(ctx, def))
		var rows [][]table.Value
		for i, d := range append(slices.Clip(docs), invalid...) {
			doc := table.DynamicText(d)
			if i >= len(docs) {
				doc = table.Null(table.Dynamic)
			}
			rows = append(rows, []table.Value{table.LongValue(int64(i)), doc, table.StringValue(d)})
		}
		noErr(t, s.Append(ctx, rowsOf(&def, 0, rows...)))
		noErr(t, s.Flush(ctx))
		wide := def
		d, str := p, p
		d.Column, str.Column = "D", "S"
		wide.Promoted = []table.Promoted{d, str}
		noErr(t, s.Define(ctx, wide))
		for _, path := range wide.Promoted {
			var want []string
			var must, may []bool // the flag is a row's: it may speak for the other path
			for _, r := range rows {
				one := table.NewVector(r[wide.Columns.Index(path.Column)].Type(), 1)
				one.Append(r[wide.Columns.Index(path.Column)])
				cell, odd := path.Of(store.Document(&one, 0))
				want = append(want, fmt.Sprintf("%03d  %s", r[0].Int64(), show(cell)))
				must = append(must, odd)
				may = append(may, rest(&wide, r, place(0))[len(wide.Promoted)+len(table.Hidden)-1].Bool())
			}
			stages(t, e, dir, &s, func(stage string) {
				snap, err := s.Snapshot(ctx)
				noErr(t, err)
				defer snap.Close()
				n := 0
				_, err = read(ctx, snap, store.Scan{Table: "T", Columns: []string{"N", path.Name(), table.HiddenOdd}}, func(b *table.Batch, i int) bool {
					n++
					at := b.Cols[0].N[i]
					got, odd := fmt.Sprintf("%03d  %s", at, show(b.Cols[1].At(i))), b.Cols[2].At(i).Bool()
					if got != want[at] || odd && !may[at] || !odd && must[at] {
						t.Errorf("%s:%s, %s: %s, odd %v; want %s, odd %v; of %s", path.Name(), path.Type, stage, got, odd, want[at], must[at], rows[at][2].Str())
					}
					return false
				})
				noErr(t, err)
				if n != len(rows) {
					t.Errorf("%s:%s, %s: %d rows instead of %d", path.Name(), path.Type, stage, n, len(rows))
				}
			})
		}
	}
}

// testNames: names are exact, whatever they hold.
func testNames(t *testing.T, e Engine) {
	ctx := context.Background()
	long := strings.Repeat("long ", 2000)
	names := []string{"a", "A", "user", "User", "USER", `q"uote`, `it's`, "semi; DROP TABLE x; --", "a b", "c0", "rowid", "sx1.t0", "$1", "?", "%s", "\\", "\n", "名前", "select", "é", "e\u0301", long, "/*", "main", "t0", "r"}
	dir := t.TempDir()
	s := open(t, e, dir)
	var load store.Load
	for i, name := range names {
		def := table.Def{Name: name}
		for _, c := range names {
			def.Columns = append(def.Columns, table.Column{Name: c, Type: table.String})
		}
		noErr(t, s.Define(ctx, def))
		var row []table.Value
		for j := range names {
			row = append(row, table.StringValue(fmt.Sprintf("%d/%d", i, j)))
		}
		l := rowsOf(&def, i, row)
		load.Tables = append(load.Tables, l.Tables...)
		load.Marks = l.Marks
	}
	noErr(t, s.Append(ctx, load))
	stages(t, e, dir, &s, func(stage string) {
		for i, name := range names {
			got := readAll(t, s, store.Scan{Table: name, Columns: names})
			var want []string
			for j := range names {
				want = append(want, fmt.Sprintf(`"%d/%d"`, i, j))
			}
			if len(got) != 1 || got[0] != strings.Join(want, "  ") {
				t.Errorf("%s: table %.40q has %q", stage, name, got)
			}
		}
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		defer snap.Close()
		if got := snap.Tables(); len(got) != len(names) || !slices.IsSorted(got) {
			t.Errorf("%s: tables %q", stage, got)
		}
	})
	for _, bad := range []string{"", "a\x00b"} {
		if err := s.Define(ctx, table.Def{Name: bad}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("defining table %q: %v", bad, err)
		}
		if err := s.Define(ctx, table.Def{Name: "T", Columns: table.Schema{{Name: bad, Type: table.Long}}}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("defining column %q: %v", bad, err)
		}
	}
}

// testValues: values that look like something else are values, in look-ups too.
func testValues(t *testing.T, e Engine) {
	ctx := context.Background()
	values := []string{"", "'", "''", `"`, "\\", "\\'", "'; DROP TABLE x; --", "%", "a\x00b", "a\x00c", "名前", "NULL", "null", "NaN", strings.Repeat("x", 70000), "\r\n", " lead", "lead ", "Lead"}
	def := table.Def{Name: "T", Columns: table.Schema{{Name: "N", Type: table.Long}, {Name: "V", Type: table.String}}, IDs: []string{"V"}}
	dir := t.TempDir()
	s := open(t, e, dir)
	noErr(t, s.Define(ctx, def))
	var rows [][]table.Value
	for i, v := range values {
		rows = append(rows, []table.Value{table.LongValue(int64(i)), table.StringValue(v)})
	}
	noErr(t, s.Append(ctx, rowsOf(&def, 0, rows...)))
	stages(t, e, dir, &s, func(stage string) {
		for _, v := range values {
			got := readAll(t, s, store.Scan{Table: "T", Columns: []string{"V"}, Equal: []store.Equal{{Column: "V", Values: []string{v, "not there"}}}})
			if !slices.Contains(got, show(table.StringValue(v))) {
				t.Errorf("%s: looking up %.40q lost it", stage, v)
			}
		}
	})
}
