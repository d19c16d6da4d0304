package duckdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/store"
	"sextant/table"
)

// The terms that a block is given are those that table.IndexTerms names, and
// those of the strings inside JSON.
func FuzzTermSet(f *testing.F) {
	for _, s := range []string{"", "Zoë-Åse 名前", "10.0.0.12:443", "1.2.3.4.5.6", "x.1.2.3.4x", "K\u212a İ\xff\xfeA", `{"a":"b\u00ebc\nd","e":["\ud83d\ude00f\/g"]}`, `"\u0008x"`, `C:\new\u12`, `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		keys := func(text string) []uint64 {
			var out []uint64
			for _, term := range table.IndexTerms(text, true, true) {
				out = append(out, termKey(term))
			}
			slices.Sort(out)
			return slices.Compact(out)
		}
		var plain, all termSet
		plain.text(s)
		have := slices.Sorted(slices.Values(plain.keys.list))
		if want := keys(s); !slices.Equal(have, want) {
			t.Errorf("%q: %x, want %x", s, have, want)
		}
		all.cell(s)
		root, err := table.ParseJSON(s)
		if err != nil {
			return
		}
		var visit func(x any)
		visit = func(x any) {
			texts := []string{}
			switch x := x.(type) {
			case string:
				texts = append(texts, x)
			case []any:
				for _, e := range x {
					visit(e)
				}
			case *table.Object:
				for i := range x.Len() {
					texts = append(texts, x.Key(i))
					visit(x.Val(i))
				}
			}
			switch x.(type) {
			case string, []any, *table.Object:
				texts = append(texts, string(table.AppendJSON(nil, x)))
			}
			for _, text := range texts {
				for _, term := range table.IndexTerms(text, true, true) {
					if !table.NumberTerm(term) && !slices.Contains(all.keys.list, termKey(term)) {
						t.Errorf("%q holds %q and not its term %q", s, text, term)
					}
				}
			}
		}
		visit(root)
	})
}

func TestKeySet(t *testing.T) {
	var s keySet
	for range 2 {
		for n := range uint64(10_000) {
			if !s.add(n<<20) || s.add(n<<20) {
				t.Fatalf("%d is new once", n)
			}
		}
		if len(s.list) != 10_000 {
			t.Fatal(len(s.list))
		}
		s.reset()
	}
}

var noteDef = table.Def{
	Name: "N", Time: "At",
	Columns: table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Note", Type: table.String}, {Name: "Doc", Type: table.Dynamic}, {Name: "Count", Type: table.Long}, {Name: "Share", Type: table.Real}},
}

// noteRows with the numbers [from, to): each has words of its own in several
// columns; every thousandth row has a share that is not whole.
func noteRows(from, to int) store.Load {
	b := table.NewBatch(noteDef.Physical(), to-from)
	for n := from; n < to; n++ {
		share := float64(n) + 1e7
		if n >= 20_000 && n < 20_100 {
			share += .25
		}
		b.AppendRow([]table.Value{table.DateTimeValue(739_000*table.TicksPerDay + int64(n)),
			table.StringValue(fmt.Sprintf("A note, Word%dx and 10.%d.%d.7 of C:\\new%dx", n, n>>8, n&255, n)),
			table.DynamicText(fmt.Sprintf(`{"name": "Zo\u00eb%dx", "list":["a\nline%dx"]}`, n, n)), table.LongValue(int64(n) - 5e8), table.RealValue(share),
			table.LongValue(int64(n)), table.StringValue("t"), table.IntValue(0), table.LongValue(int64(n)), table.IntValue(0), table.DateTimeValue(1), table.IntValue(1), table.BoolValue(false)})
	}
	return store.Load{Tables: []store.TableRows{{Table: "N", Rows: b}}, Marks: store.Marks{{Topic: "t"}: int64(to)}}
}

func TestTerms(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{FlushAge: -1})
	noErr(t, s.Define(ctx, noteDef))
	const rows = 40_000
	for n := 0; n < rows; n += rows / 2 {
		noErr(t, s.Append(ctx, noteRows(n, n+rows/2)))
		noErr(t, s.Flush(ctx))
	}
	// read is how many rows the scan gives, and whether row n is among them.
	read := func(n int, terms ...store.Terms) (int, bool) {
		t.Helper()
		count, found := 0, false
		for _, row := range query(t, s, store.Scan{Table: "N", Columns: []string{table.HiddenOffset}, Terms: terms}, "SELECT a FROM %s AS r(a)", table.Schema{{Name: "a", Type: table.Long}}) {
			count++
			found = found || row[0] == fmt.Sprint(n)
		}
		return count, found
	}
	check := func(stage string, pruned bool) {
		t.Helper()
		all, fewest := 0, rows
		for n := 11; n < rows; n += 15_003 {
			for _, text := range []string{fmt.Sprintf("word%dx", n), fmt.Sprintf("10.%d.%d.7", n>>8, n&255), fmt.Sprintf("zoë%dx", n), fmt.Sprintf("line%dx", n), fmt.Sprintf("nline%dx", n),
				fmt.Sprintf("u00eb%dx", n), fmt.Sprintf("new%dx", n), fmt.Sprintf("ew%dx", n), fmt.Sprint(500_000_000 - n), fmt.Sprint(10_000_000 + n)} {
				have, found := read(n, store.Terms{Any: [][]string{{"note", text}, {"nobody", "has"}}}, store.Terms{Any: [][]string{table.IndexTerms("a note", true, true)}})
				if !found && !strings.HasPrefix(text, "zo") || !found && strings.Contains(text, "zoë") {
					t.Errorf("%s: row %d was not found by %s", stage, n, text)
				}
				all, fewest = all+1, min(fewest, have)
			}
		}
		if pruned != (fewest <= termRows) {
			t.Errorf("%s: %d rows were read", stage, fewest)
		}
		if n, found := read(20_050, store.Terms{Any: [][]string{{"25"}}}); !found {
			t.Errorf("%s: a part of a number was not found in %d rows", stage, n)
		}
		if n, _ := read(0, store.Terms{Any: [][]string{{"nobody", "has", "this"}}}); pruned != (n == 0) {
			t.Errorf("%s: %d rows have words that no row has", stage, n)
		}
	}
	check("flushed", false)
	noErr(t, s.Maintain(ctx))
	check("maintained", true)

	again := func(stage string, pruned bool, damage func(path string, data []byte)) {
		t.Helper()
		noErr(t, s.Close())
		paths, err := filepath.Glob(filepath.Join(dir, "*.trm"))
		noErr(t, err)
		if len(paths) == 0 {
			t.Fatal("there is no index of terms")
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			noErr(t, err)
			damage(p, data)
		}
		s = open(t, dir, Options{FlushAge: -1})
		check(stage, pruned)
		noErr(t, s.Maintain(ctx))
	}
	again("opened again", true, func(string, []byte) {})
	again("lost", false, func(path string, _ []byte) { noErr(t, os.Remove(path)) })
	again("made again", true, func(string, []byte) {})
	again("cut", false, func(path string, data []byte) { noErr(t, os.WriteFile(path, data[:50], 0o600)) })
	again("made again", true, func(string, []byte) {})
	again("bits flipped", false, func(path string, data []byte) {
		for i := len(data) / 2; i < len(data); i += 64 {
			data[i] ^= 4
		}
		noErr(t, os.WriteFile(path, data, 0o600))
	})
	// What is dropped takes its index with it.
	noErr(t, s.DropBefore(ctx, "N", 740_000*table.TicksPerDay))
	noErr(t, s.Close())
	noErr(t, open(t, dir, Options{FlushAge: -1}).Close())
	if left, _ := filepath.Glob(filepath.Join(dir, "*.trm")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestTermCost logs what an index of terms costs for sign-ins.
func TestTermCost(t *testing.T) {
	if testing.Short() || os.Getenv("BENCH_ROWS") == "" {
		t.Skip("a measurement; BENCH_ROWS says of how many rows")
	}
	var rows int
	fmt.Sscan(os.Getenv("BENCH_ROWS"), &rows)
	ctx := context.Background()
	g := newSignIns(1, benchStart, 500_000)
	s := open(t, t.TempDir(), Options{FlushAge: -1})
	noErr(t, s.Define(ctx, g.def))
	g.fill(t, s, baseBatches(g, 6, 5000), rows, 5000)
	user, _ := cpu()
	start := time.Now()
	noErr(t, s.Maintain(ctx))
	after, _ := cpu()
	sizes := map[string]int64{}
	entries, err := os.ReadDir(s.dir)
	noErr(t, err)
	for _, e := range entries {
		st, err := e.Info()
		noErr(t, err)
		sizes[filepath.Ext(e.Name())] += st.Size()
	}
	for ext, n := range sizes {
		t.Logf("%s: %.1f bytes a row", ext, float64(n)/float64(rows))
	}
	t.Logf("%v, %.1f µs of user time a row", time.Since(start), float64(after-user)/float64(rows))
}
