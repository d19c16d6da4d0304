package duckdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/store"
	"sextant/table"
)

var keyDef = table.Def{
	Name: "K", Time: "At", IDs: []string{"Key", "Doc.id", "Doc[].id"},
	Columns:  table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Key", Type: table.String}, {Name: "Doc", Type: table.Dynamic}},
	Promoted: []table.Promoted{{Column: "Doc", Path: "id", Type: table.String}, {Column: "Doc", Path: "[].id", Type: table.Dynamic}},
}

// keyRows with the numbers [from, to): Key is key-n, every third row has a list.
func keyRows(from, to int) store.Load {
	b := table.NewBatch(keyDef.Physical(), to-from)
	for n := from; n < to; n++ {
		doc := fmt.Sprintf(`{"id":"doc-%d"}`, n)
		if n%3 == 0 {
			doc = fmt.Sprintf(`[{"id":"list-%d"},{"id":"other-%d"}]`, n, n)
		}
		row := []table.Value{table.DateTimeValue(739_000*table.TicksPerDay + int64(n)), table.StringValue(fmt.Sprint("key-", n)), table.DynamicText(doc)}
		odd := false
		for _, p := range keyDef.Promoted {
			v, o := p.Of(row[2].Dyn())
			row, odd = append(row, v), odd || o && n%1000 == 1
		}
		row = append(row, table.LongValue(int64(n)), table.StringValue("t"), table.IntValue(0), table.LongValue(int64(n)), table.IntValue(0), table.DateTimeValue(1), table.IntValue(1), table.BoolValue(odd && n > 90_000))
		b.AppendRow(row)
	}
	return store.Load{Tables: []store.TableRows{{Table: "K", Rows: b}}, Marks: store.Marks{{Topic: "t"}: int64(to)}}
}

func TestIndex(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{FlushAge: -1})
	noErr(t, s.Define(ctx, keyDef))
	const rows = 160_000 // some blocks in a segment
	for n := 0; n < rows; n += rows / 2 {
		noErr(t, s.Append(ctx, keyRows(n, n+rows/2)))
		noErr(t, s.Flush(ctx))
	}
	find := func(column, value string) (relation string, found int) {
		t.Helper()
		scan := store.Scan{Table: "K", Columns: []string{"Key"}, Equal: []store.Equal{{Column: column, Values: []string{value}}}}
		snap, err := s.Snapshot(ctx)
		noErr(t, err)
		defer snap.Close()
		rel, err := snap.(store.SQLSnapshot).Relation(scan)
		noErr(t, err)
		for _, row := range query(t, s, scan, "SELECT a FROM %s AS r(a)", table.Schema{{Name: "a", Type: table.String}}) {
			_, n, _ := strings.Cut(value, "-")
			if row[0] == "key-"+n {
				found++
			}
		}
		return rel, found
	}
	check := func(stage string, pruned bool) {
		t.Helper()
		excluded := 0
		for n := 7; n < rows; n += 9973 {
			for column, value := range map[string]string{"Key": fmt.Sprint("key-", n), "Doc.id": fmt.Sprint("doc-", n), "Doc[].id": fmt.Sprint("list-", n)} {
				want := 1
				if column == "Doc.id" && n%3 == 0 || column == "Doc[].id" && n%3 != 0 {
					continue
				}
				rel, found := find(column, value)
				if found != want {
					t.Errorf("%s: %s %s was found %d times", stage, column, value, found)
				}
				if strings.Contains(rel, "WHERE r >=") {
					excluded++
				}
			}
		}
		if pruned != (excluded > 0) {
			t.Errorf("%s: %d look-ups read a part of a segment", stage, excluded)
		}
		if rel, _ := find("Key", "nobody-has-this-7"); pruned != (strings.Count(rel, "FROM sx") < 4) {
			t.Errorf("%s: a value that is not there is looked for in %s", stage, rel)
		}
	}
	check("flushed", true)
	noErr(t, s.Maintain(ctx))

	// What is damaged excludes nothing, and is made anew.
	again := func(stage string, pruned bool, damage func(path string, data []byte)) {
		t.Helper()
		noErr(t, s.Close())
		paths, err := filepath.Glob(filepath.Join(dir, "*.idx"))
		noErr(t, err)
		if len(paths) == 0 {
			t.Fatal("there is no index")
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			noErr(t, err)
			damage(p, data)
		}
		// Making an index needs no memory for all the rows.
		s = open(t, dir, Options{FlushAge: -1, WriterMemory: 3 << 20})
		check(stage, pruned)
		noErr(t, s.Maintain(ctx))
	}
	again("opened again", true, func(string, []byte) {})
	again("lost", false, func(path string, _ []byte) { noErr(t, os.Remove(path)) })
	again("made again", true, func(string, []byte) {})
	again("cut", false, func(path string, data []byte) { noErr(t, os.WriteFile(path, data[:100], 0o600)) })
	again("made again", true, func(string, []byte) {})
	again("bits flipped", false, func(path string, data []byte) {
		for i := len(data) / 2; i < len(data); i += 64 {
			data[i] ^= 4
		}
		noErr(t, os.WriteFile(path, data, 0o600))
	})
}

func FuzzIndex(f *testing.F) {
	var x indexBuilder
	def := newTableDef(keyDef, 1)
	load := keyRows(0, 50)
	x.parts("t0", &newTable{def: def, parts: []part{{batch: newHeadBatch(def, 1, load.Tables[0].Rows)}}})
	path := filepath.Join(f.TempDir(), "x.idx")
	if _, err := x.save(path); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	noErr(f, err)
	f.Add(data)
	f.Add([]byte(indexMagic + "\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data, kindIDs)
		if err != nil {
			return
		}
		for _, s := range x.segments {
			for i := range s.blocks {
				s.blocks[i].has(idKey("key-7"))
				if f := &s.blocks[i].filter; len(f.Fingerprints) > 0 {
					f.Contains(1)
				}
			}
		}
	})
}
