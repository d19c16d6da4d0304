package eval

import (
	"context"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Random pipelines over random tables give the same rows whatever the size of a
// batch, and the same rows in some order when joins, groups and sorts go to files.

func genValue(t *rapid.T, typ table.Type) table.Value {
	if rapid.IntRange(0, 6).Draw(t, "null") == 0 {
		return table.Null(typ)
	}
	switch typ {
	case table.Long:
		return long(int64(rapid.IntRange(-2, 4).Draw(t, "long")))
	case table.String:
		return str(rapid.SampledFrom([]string{"", "a", "b", "B", "a\x00", "é"}).Draw(t, "string"))
	case table.Real:
		return real(rapid.SampledFrom([]float64{0, -1.5, 2, 1e300}).Draw(t, "real"))
	}
	return dyn(rapid.SampledFrom([]string{`[]`, `[1,2]`, `{"a":[1]}`, `"x"`, `5`, `[null]`}).Draw(t, "dynamic"))
}

func genTable(t *rapid.T, names string) *builder {
	v := &plan.Values{Out: schema(names)}
	for range rapid.IntRange(0, 12).Draw(t, "rows") {
		row := make([]table.Value, len(v.Out))
		for c := range row {
			row[c] = genValue(t, v.Out[c].Type)
		}
		v.Rows = append(v.Rows, row)
	}
	return from(v)
}

// genOp adds one operator; sorted says whether the rows have an order that no file
// changes.
func genOp(t *rapid.T, b *builder) {
	s := b.p.Schema()
	if len(s) == 0 || len(s) > 12 {
		return
	}
	pickCol := func(typ table.Type) (string, bool) {
		var names []string
		for _, c := range s {
			if typ == table.Unknown || c.Type == typ {
				names = append(names, c.Name)
			}
		}
		if len(names) == 0 {
			return "", false
		}
		return rapid.SampledFrom(names).Draw(t, "column"), true
	}
	fresh := func(name string) string {
		for s.Index(name) >= 0 {
			name += "_"
		}
		return name
	}
	any, _ := pickCol(table.Unknown)
	n, hasLong := pickCol(table.Long)
	d, hasDyn := pickCol(table.Dynamic)
	switch op := rapid.SampledFrom([]string{"where", "extend", "summarize", "sort", "top", "take", "distinct", "join", "expand", "rows"}).Draw(t, "op"); op {
	case "where":
		if hasLong {
			b.where(call(">", table.Bool, b.col(n), con(long(int64(rapid.IntRange(-2, 3).Draw(t, "than"))))))
		}
	case "extend":
		if hasLong {
			b.extend(fresh("e"), call("+", table.Long, b.col(n), con(long(1))))
		}
	case "summarize":
		aggs := []plan.Agg{count(fresh("c"))}
		if hasLong {
			aggs = append(aggs, sum(fresh("s"), b.col(n)))
		}
		b.summarize(rapid.SampledFrom([][]string{nil, {any}}).Draw(t, "by"), aggs...)
	case "sort":
		b.sort(allKeys(t, s)...)
	case "top":
		b.top(int64(rapid.IntRange(0, 5).Draw(t, "n")), allKeys(t, s)...)
	case "take":
		b.sort(allKeys(t, s)...).take(int64(rapid.IntRange(0, 5).Draw(t, "n")))
	case "distinct":
		b.distinct()
	case "join":
		if hasLong {
			right := genTable(t, n+":long, r:string")
			kind := rapid.SampledFrom([]plan.JoinKind{plan.Inner, plan.LeftOuter, plan.RightOuter, plan.FullOuter, plan.LeftAnti, plan.RightAnti, plan.LeftSemi, plan.RightSemi, plan.InnerUnique}).Draw(t, "kind")
			if kind == plan.InnerUnique { // which row stays depends on the order
				b.sort(allKeys(t, s)...)
			}
			b.join(kind, right, n)
		}
	case "expand":
		if hasDyn {
			b.op(expand(b, "", 0, rapid.Bool().Draw(t, "array"), plan.Expanded{Expr: b.col(d), Name: d, To: table.Dynamic}))
		}
	case "rows":
		if hasLong {
			b.sort(allKeys(t, s)...)
			b.extend(fresh("x"), rapid.SampledFrom([]plan.Expr{
				call("row_number", table.Long), call("prev", table.Long, b.col(n)), call("next", table.Long, b.col(n), con(long(2))), call("row_cumsum", table.Long, b.col(n)),
			}).Draw(t, "row"))
		}
	}
}

// allKeys sorts by every column, so that ties are alike.
func allKeys(t *rapid.T, s table.Schema) []string {
	names := rapid.Permutation(s.Names()).Draw(t, "keys")
	if rapid.Bool().Draw(t, "desc") {
		names[0] = "-" + names[0]
	}
	return names
}

func TestRandomPipelines(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		b := genTable(rt, "k:long, s:string, f:real, d:dynamic")
		for range rapid.IntRange(1, 5).Draw(rt, "ops") {
			genOp(rt, b)
		}
		run := func(o Options) []string {
			budget := &fn.Budget{MaxBytes: 1 << 30}
			rows, err := rowsOf(t, o, fn.NewContext(context.Background(), 0, 1, budget), b.p, nil)
			if err != nil {
				rt.Fatalf("%s: %v", b.p, err)
			}
			if held := heldBy(budget); held != 0 {
				rt.Fatalf("%s: %d bytes are still charged", b.p, held)
			}
			return rows
		}
		want := run(Options{})
		for _, size := range []int{1, 3} {
			if got := run(Options{BatchRows: size}); !slices.Equal(got, want) {
				rt.Fatalf("%s\nin batches of %d gives %q\nand else %q", b.p, size, got, want)
			}
		}
		got := run(Options{BatchRows: 2, TempDir: dir, SpillBytes: 1})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("%s\nthrough files gives %q\nand else %q", b.p, got, want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			rt.Fatalf("%s: %d files are left", b.p, len(left))
		}
	})
}

// A sort that goes through files keeps its order, and rows that tie the order that
// they came in.
func TestSortThroughFiles(t *testing.T) {
	r := from(&plan.Range{Col: schema("x:long")[0], From: con(long(0)), To: con(long(20_000)), Step: con(long(1))})
	r.extend("m", call("%", table.Long, r.col("x"), con(long(7)))).sort("m")
	want, err := rowsOf(t, Options{}, background(), r.p, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rowsOf(t, Options{TempDir: t.TempDir(), SpillBytes: 100_000}, background(), r.p, nil)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d rows, %v; want %d in order", len(got), err, len(want))
	}
}

// Groups, joins and distinct rows that are far larger than their share of memory
// finish within a budget that could not hold them.
func TestSmallBudgetThroughFiles(t *testing.T) {
	wide := func() *builder {
		r := from(&plan.Range{Col: schema("x:long")[0], From: con(long(0)), To: con(long(99_999)), Step: con(long(1))})
		return r.extend("s", con(str("some text that makes the rows wider")))
	}
	for name, b := range map[string]*builder{
		"summarize": wide().summarize([]string{"x"}, count("c")), "distinct": wide().distinct(), "sort": wide().sort("-x"),
		"join": wide().join(plan.Inner, wide(), "x"), "anti": wide().join(plan.LeftAnti, wide().where(call("<", table.Bool, wide().col("x"), con(long(0)))), "x"),
	} {
		budget := &fn.Budget{MaxBytes: 6 << 20}
		rows, err := rowsOf(t, Options{TempDir: t.TempDir()}, fn.NewContext(context.Background(), 0, 1, budget), b.p, nil)
		if err != nil || len(rows) != 100_000 {
			t.Errorf("%s gives %d rows, %v", name, len(rows), err)
		}
		if budget.Peak() > 6<<20 {
			t.Errorf("%s held %d bytes", name, budget.Peak())
		}
	}
}
