package eval

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// A subquery that runs over many groups at once gives, group by group, what it gives
// of each group alone.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	var together, alone int
	rapid.Check(t, func(rt *rapid.T) {
		rows := genTable(rt, "g:long, k:long, s:string, f:real, d:dynamic").p.Source.(*plan.Values)
		sub := from(&plan.Outer{Out: rows.Out})
		for range rapid.IntRange(1, 5).Draw(rt, "ops") {
			if rapid.IntRange(0, 2).Draw(rt, "kind") == 0 {
				genGroupOp(rt, sub)
			} else {
				genOp(rt, sub)
			}
		}
		run := func(o Options, p *plan.Pipeline) []string {
			budget := &fn.Budget{MaxBytes: 1 << 30}
			got, err := rowsOf(t, o, fn.NewContext(context.Background(), 0, 1, budget), p, nil)
			if err != nil {
				rt.Fatalf("%s: %v", p, err)
			}
			if held := heldBy(budget); held != 0 {
				rt.Fatalf("%s: %d bytes are still charged", p, held)
			}
			return got
		}
		of := map[string]*plan.Values{} // by group
		var order []*plan.Values
		for _, row := range rows.Rows {
			key := row[0].String()
			if of[key] == nil {
				of[key] = &plan.Values{Out: rows.Out}
				order = append(order, of[key])
			}
			of[key].Rows = append(of[key].Rows, row)
		}
		var want []string
		for _, v := range order {
			want = append(want, run(Options{}, &plan.Pipeline{Source: v, Ops: sub.p.Ops})...)
		}
		p := from(rows)
		p.op(&plan.Partition{By: p.col("g"), Sub: sub.p})
		for _, size := range []int{0, 1, 3} {
			if got := run(Options{BatchRows: size}, p.p); !slices.Equal(got, want) {
				rt.Fatalf("%s\nin batches of %d gives %q\nand each group alone %q", p.p, size, got, want)
			}
		}
		got := run(Options{BatchRows: 2, TempDir: dir, SpillBytes: 1}, p.p)
		slices.Sort(got)
		slices.Sort(want)
		if settled(sub.p) && !slices.Equal(got, want) {
			rt.Fatalf("%s\nthrough files gives %q\nand each group alone %q", p.p, got, want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			rt.Fatalf("%s: %d files are left", p.p, len(left))
		}
		x := newCompiler(background(), nil, Options{})
		many, err := x.together(sub.p)
		if err != nil {
			rt.Fatal(err)
		}
		if many != nil {
			together++
		} else {
			alone++
		}
	})
	t.Logf("%d subqueries ran over many groups, %d over one", together, alone)
	if together+alone >= 100 && together < alone {
		t.Errorf("%d of %d subqueries run over one group at a time", alone, together+alone)
	}
}

// settled says whether what p gives is the same in whatever order groups, joins and
// distinct rows come.
func settled(p *plan.Pipeline) bool {
	mixed := false
	for _, op := range p.Ops {
		reads := false
		switch o := op.(type) {
		case *plan.Sort, *plan.Top: // by all columns
			mixed = false
			continue
		case *plan.Take, *plan.ScanSteps:
			reads = true
		case *plan.Summarize:
			reads = strings.Contains(o.String(), "make_list")
		case *plan.MvApply:
			if !settled(o.Sub) {
				return false
			}
		case *plan.Filter, *plan.Project:
			reads = regexp.MustCompile(`(prev|next|row_\w+)\(`).MatchString(o.String())
		}
		if reads && mixed {
			return false
		}
		switch op.(type) {
		case *plan.Distinct, *plan.Summarize, *plan.Join:
			mixed = true
		}
	}
	return true
}

// genGroupOp adds an operator that has to know where a group ends.
func genGroupOp(t *rapid.T, b *builder) {
	s := b.p.Schema()
	col := func(typ table.Type) string {
		for _, c := range s {
			if c.Type == typ {
				return c.Name
			}
		}
		return ""
	}
	fresh := func(name string) string {
		for s.Index(name) >= 0 {
			name += "_"
		}
		return name
	}
	n, text, d := col(table.Long), col(table.String), col(table.Dynamic)
	if n == "" || len(s) > 12 {
		return
	}
	restart := call(">", table.Bool, b.col(n), con(long(2)))
	switch rapid.SampledFrom([]string{"take", "rows", "where", "apply", "series", "scan", "parse", "by", "total"}).Draw(t, "group op") {
	case "take": // rows come in an order, as each group's do
		b.take(int64(rapid.IntRange(0, 3).Draw(t, "n")))
	case "rows":
		b.extend(fresh("x"), rapid.SampledFrom([]plan.Expr{
			call("row_number", table.Long, con(long(5)), restart),
			call("prev", table.Long, b.col(n), con(long(2)), con(long(-7))), call("next", table.Long, b.col(n), con(long(1)), b.col(n)),
			call("row_cumsum", table.Long, b.col(n), restart), call("row_rank_min", table.Long, b.col(n)), call("row_rank_dense", table.Long, b.col(n), restart),
			call("next", table.Long, call("prev", table.Long, b.col(n))),
		}).Draw(t, "row"))
	case "where":
		b.where(call("==", table.Bool, call("prev", table.Long, b.col(n), con(long(1)), b.col(n)), b.col(n)))
	case "apply":
		if d == "" {
			return
		}
		e := expand(b, "", 0, false, plan.Expanded{Expr: b.col(d), Name: d, To: table.Dynamic})
		in := from(&plan.Outer{Out: e.Out})
		for range rapid.IntRange(1, 2).Draw(t, "inner") {
			genGroupOp(t, in)
		}
		keep := []string{n}
		out := table.Schema{s[s.Index(n)]}
		renamed := &plan.Project{}
		for i, c := range in.p.Schema() {
			name := c.Name
			for name == n || i > 0 && out.Index(name) >= 0 {
				name += "_"
			}
			renamed.Cols = append(renamed.Cols, plan.Named{Name: name, Expr: in.col(c.Name)})
			out = append(out, table.Column{Name: name, Type: c.Type})
		}
		in.op(renamed)
		b.op(&plan.MvApply{Out: out, Expand: *e, Sub: in.p, Keep: keep})
	case "series":
		b.op(&plan.MakeSeries{Aggs: []plan.SeriesAgg{{Agg: count("c")}}, Axis: plan.Named{Name: "axis", Expr: b.col(n)}, Step: con(long(2))})
	case "scan":
		b.op(&plan.ScanSteps{In: s, MatchID: fresh("m"), Steps: []plan.ScanStep{
			{Name: "a", Cond: call(">", table.Bool, b.col(n), con(long(0)))},
			{Name: "b", Output: plan.OutputLast, Cond: call(">", table.Bool, b.col(n), &plan.Col{Name: plan.StateColumn("a", n), T: table.Long})},
		}})
	case "parse":
		if text == "" {
			return
		}
		name := fresh("p")
		b.op(&plan.Parse{Out: append(s[:len(s):len(s)], table.Column{Name: name, Type: table.String}), Of: b.col(text), Kind: plan.ParseSimple, Where: rapid.Bool().Draw(t, "only"),
			Pattern: []plan.ParsePart{lit("a"), capture(name + ":string")}})
	case "by":
		b.summarize([]string{n}, list("l", b.col(n)))
	case "total":
		b.summarize(nil, sum("s", b.col(n)), count("c"))
	}
}
