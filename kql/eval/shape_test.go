package eval

import (
	"context"
	"strings"
	"testing"
	"time"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

func expand(b *builder, index string, limit int64, array bool, cols ...plan.Expanded) *plan.MvExpand {
	out := append(table.Schema{}, b.p.Schema()...)
	for _, c := range cols {
		if i := out.Index(c.Name); i >= 0 {
			out[i].Type = c.To
		} else {
			out = append(out, table.Column{Name: c.Name, Type: c.To})
		}
	}
	if index != "" {
		out = append(out, table.Column{Name: index, Type: table.Long})
	}
	return &plan.MvExpand{Out: out, Cols: cols, Index: index, Limit: limit, Array: array}
}

func TestMvExpand(t *testing.T) {
	rows := func() *builder {
		return from(values("k:long, d:dynamic", long(1), dyn("[7,8]"), long(2), dyn("[]"), long(3), dyn("null"), long(4), dyn(`{"a":1,"b":2}`), long(5), dyn("6")))
	}
	b := rows()
	check(t, b.op(expand(b, "i", 0, false, plan.Expanded{Expr: b.col("d"), Name: "d", To: table.Dynamic})),
		"1 7 0", "1 8 1", "3 null 0", `4 {"a":1} 0`, `4 {"b":2} 1`, "5 6 0")
	b = rows()
	check(t, b.op(expand(b, "", 1, true, plan.Expanded{Expr: b.col("d"), Name: "e", To: table.String})),
		`1 [7,8] 7`, "3 null ", `4 {"a":1,"b":2} ["a",1]`, "5 6 6")
	b = from(values("a:dynamic, b:dynamic", dyn("[1,2,3]"), dyn(`["x"]`), dyn("[]"), dyn("[9]")))
	check(t, b.op(expand(b, "", 0, false, plan.Expanded{Expr: b.col("a"), Name: "a", To: table.Long}, plan.Expanded{Expr: b.col("b"), Name: "b", To: table.Dynamic})),
		`1 "x"`, "2 null", "3 null", "long(null) 9")
}

func TestMvApply(t *testing.T) {
	b := from(values("k:long, d:dynamic", long(1), dyn("[7,8,9]"), long(2), dyn("[]"), long(3), dyn("[1]")))
	e := expand(b, "", 0, false, plan.Expanded{Expr: b.col("d"), Name: "v", To: table.Long})
	sub := from(&plan.Outer{Out: e.Out})
	sub.where(call(">", table.Bool, sub.col("v"), con(long(7)))).summarize(nil, sum("s", sub.col("v")))
	check(t, b.op(&plan.MvApply{Out: schema("k:long, d:dynamic, s:long"), Expand: *e, Sub: sub.p, Keep: []string{"k", "d"}}),
		"1 [7,8,9] 17", "3 [1] 0")
}

func TestPartition(t *testing.T) {
	b := people()
	sub := from(&plan.Outer{Out: b.p.Schema()})
	// A subquery over the group itself, once for each.
	total := &plan.ScalarQuery{ID: 1, T: table.Long, Pipe: from(&plan.Shared{ID: 2, Pipe: &plan.Pipeline{Source: &plan.Outer{Out: b.p.Schema()}}}).summarize(nil, count("c")).p}
	sub.extend("of", total).take(1)
	check(t, b.op(&plan.Partition{By: b.col("k"), Sub: sub.p}), "1 ann 2", "2 bob 1", "long(null) nil 1")
}

func lit(s string) plan.ParsePart { return plan.ParsePart{Literal: s} }
func star() plan.ParsePart        { return plan.ParsePart{Star: true} }
func capture(s string) plan.ParsePart {
	c := schema(s)[0]
	return plan.ParsePart{Column: &c}
}

func TestParse(t *testing.T) {
	f := func(kind plan.ParseKind, flags, text string, want string, parts ...plan.ParsePart) {
		t.Helper()
		b := from(values("s:string", str(text)))
		out := schema("s:string")
		for _, p := range parts {
			if p.Column != nil {
				out = append(out, *p.Column)
			}
		}
		b.op(&plan.Parse{Out: out, Of: b.col("s"), Kind: kind, Flags: flags, Pattern: parts})
		check(t, b, text+" "+want)
	}
	f(plan.ParseSimple, "", "a=1 b=2", "1 2", lit("a="), capture("x:long"), lit(" b="), capture("y:string"))
	f(plan.ParseSimple, "", "a=1 b=z", "long(null) long(null)", lit("a="), capture("x:long"), lit(" b="), capture("y:long"))
	f(plan.ParseRelaxed, "", "a=1 b=z", "1 long(null)", lit("a="), capture("x:long"), lit(" b="), capture("y:long"))
	f(plan.ParseSimple, "", "a###b###c", "a b###c", capture("x:string"), lit("###"), capture("y:string"))
	f(plan.ParseSimple, "", "junk n=27, m=5 end", "27 5", star(), lit("n="), capture("x:long"), star(), lit("m="), capture("y:long"), star())
	f(plan.ParseSimple, "", "x(1)(2)", "1)(2", lit("x("), capture("y:string"), lit(")"))
	f(plan.ParseSimple, "", "x(1)z", "", lit("x("), capture("y:string"), lit(")"))
	f(plan.ParseSimple, "", "x(1)z", "1", lit("x("), capture("y:string"), lit(")"), star())
	f(plan.ParseRegex, "", "abc123def", "abc12 def", capture("x:string"), lit(`\d+`), capture("y:string"))
	f(plan.ParseRegex, "U", "abc123def", "abc def", capture("x:string"), lit(`\d+?`), capture("y:string"))
	f(plan.ParseRegex, "i", "ID=5;", "5", lit("id=(|x)"), capture("x:long"), star())
	b := from(values("s:string", str("a1"), str("b")))
	check(t, b.op(&plan.Parse{Out: schema("s:string, x:long"), Of: b.col("s"), Kind: plan.ParseSimple, Where: true, Pattern: []plan.ParsePart{lit("a"), capture("x:long")}}), "a1 1")
	b = from(values("s:string", str("a1")))
	_, err := rowsOf(t, Options{}, background(), b.op(&plan.Parse{Out: schema("s:string"), Of: b.col("s"), Kind: plan.ParseRegex, Pattern: []plan.ParsePart{lit("(")}}).p, nil)
	fail(t, err, "parse cannot use the regular expression: missing closing )")
}

func TestParseKV(t *testing.T) {
	f := func(op plan.ParseKV, text, keys, want string) {
		t.Helper()
		b := from(values("s:string", str(text)))
		op.Of, op.Keys = b.col("s"), schema(keys)
		op.Out = append(schema("s:string"), op.Keys...)
		b.op(&op)
		check(t, b, text+" "+want)
	}
	f(plan.ParseKV{Pair: ";", KV: "="}, "a=1; b = two words ;a=3", "a:long, b:string", "1 two words")
	f(plan.ParseKV{Pair: " ", KV: "="}, "  a  =  one two", "a:string, two:string", "one ")
	f(plan.ParseKV{Pair: " ", KV: "=", Greedy: true}, "n=Jo Do c=New York z=1", "n:string, c:string", "Jo Do New York z=1")
	f(plan.ParseKV{Pair: ";", KV: "=", Quotes: "'", Escape: '\\'}, `a='x;\'y';b=2`, "a:string, b:long", "x;'y 2")
	f(plan.ParseKV{Pair: " ", KV: "=", Quotes: "()"}, "(a b)=(1 2) c=3", "c:long", "3")
	f(plan.ParseKV{}, "at [INFO] Id:45, Host:n1", "Host:string, Id:long", "n1 45")
	f(plan.ParseKV{Regex: `"(\w+) *: *([^"]*)"`}, `["a: 1", "b: x:y"]`, "b:string, a:long", "x:y 1")
	f(plan.ParseKV{Pair: ";", KV: "="}, "no pairs here", "a:long", "long(null)")
	f(plan.ParseKV{Pair: ";", KV: "="}, "a   \t = 1;b c=2", "a:long", "1")
	f(plan.ParseKV{Pair: "\t", KV: "="}, "x \t a=1", "a:long", "1")
	f(plan.ParseKV{Pair: ";", KV: "=", Quotes: "'"}, "a='open;b=2", "a:string, b:long", "'open 2")
}

// A text of a megabyte takes no time that grows with its square.
func TestParseKVLongTexts(t *testing.T) {
	for _, unit := range []string{" ", "a ", "( ", "a=", "; "} {
		for _, op := range []plan.ParseKV{{Pair: ";", KV: "="}, {Pair: " ", KV: "=", Greedy: true, Quotes: "()"}, {}} {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			text := "a=x" + strings.Repeat(unit, 1<<20/len(unit))
			b := from(values("s:string", str(text)))
			op.Of, op.Keys = b.col("s"), schema("a:string")
			op.Out = schema("s:string, a:string")
			begin := time.Now()
			_, _ = rowsOf(t, Options{}, fn.NewContext(ctx, 0, 1, nil), b.op(&op).p, nil)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("%q with %+v took %v", unit, op.Pair, took)
			}
			cancel()
		}
	}
}

func TestMakeSeries(t *testing.T) {
	rows := func() *builder {
		return from(values("t:long, g:string, v:long", long(1), str("a"), long(10), long(4), str("a"), long(40), long(1), str("b"), long(5), long(9), str("b"), long(90), null, str("b"), long(1)))
	}
	f := func(from, to plan.Expr, by bool, want ...string) {
		t.Helper()
		b := rows()
		op := &plan.MakeSeries{Axis: plan.Named{Name: "t", Expr: b.col("t")}, From: from, To: to, Step: con(long(2)),
			Aggs: []plan.SeriesAgg{{Agg: sum("s", b.col("v")), Default: con(long(-1))}}}
		if by {
			op.By = []plan.Named{{Name: "g", Expr: b.col("g")}}
		}
		check(t, b.op(op), want...)
	}
	f(con(long(0)), con(long(6)), true, "a [10,-1,40] [0,2,4]", "b [5,-1,-1] [0,2,4]")
	f(con(long(1)), con(long(6)), false, "[15,40,-1] [1,3,5]")
	f(nil, nil, true, "a [10,-1,40] [0,2,4]", "b [5,-1,-1,-1,90] [0,2,4,6,8]")
	f(con(long(3)), con(long(3)), true)
	b := rows()
	_, err := rowsOf(t, Options{}, background(), b.op(&plan.MakeSeries{Axis: plan.Named{Name: "t", Expr: b.col("t")}, From: con(long(0)), To: con(long(1 << 40)), Step: con(long(1))}).p, nil)
	fail(t, err, "take a larger step")
	b = rows()
	_, err = rowsOf(t, Options{}, background(), b.op(&plan.MakeSeries{Axis: plan.Named{Name: "t", Expr: b.col("t")}, Step: con(long(0))}).p, nil)
	fail(t, err, "must be above zero")
}

func TestScanSteps(t *testing.T) {
	events := from(values("t:long, e:string", long(0), str("A"), long(1), str("Start"), long(2), str("B"), long(3), str("D"), long(4), str("Stop"), long(6), str("C"), long(8), str("Start"), long(11), str("E"), long(12), str("Stop")))
	op := &plan.ScanSteps{In: events.p.Schema(), MatchID: "m"}
	col := func(name string) plan.Expr {
		s := op.ExprSchema()
		i := s.Index(name)
		if i < 0 {
			t.Fatalf("no column %s in %s", name, s)
		}
		return &plan.Col{Name: name, T: s[i].Type}
	}
	is := func(e string) plan.Expr { return call("==", table.Bool, col("e"), con(str(e))) }
	within := func() plan.Expr {
		return call("<", table.Bool, col("t"), call("+", table.Long, col(plan.StateColumn("s1", "t")), con(long(6))))
	}
	op.Steps = []plan.ScanStep{{Name: "s1"}, {Name: "s2"}, {Name: "s3"}}
	op.Steps[0].Cond = is("Start")
	op.Steps[1].Cond = call("and", table.Bool, within(), call("iff", table.Bool, is("Start"), con(truthy(false)), call("iff", table.Bool, is("Stop"), con(truthy(false)), con(truthy(true)))))
	op.Steps[2].Cond = call("and", table.Bool, within(), is("Stop"))
	check(t, events.op(op), "1 Start 0", "2 B 0", "3 D 0", "4 Stop 0", "8 Start 1", "11 E 1", "12 Stop 1")

	nums := from(values("x:long, g:long", long(1), long(1), long(2), long(2), long(3), long(1)))
	op = &plan.ScanSteps{In: nums.p.Schema(), Declare: []plan.Declared{{Column: schema("c:long")[0], Default: con(long(100))}}, Steps: []plan.ScanStep{{Name: "s"}}}
	op.Steps[0].Cond = con(truthy(true))
	op.Steps[0].Assign = []plan.Named{{Name: "c", Expr: call("+", table.Long, col("x"), col(plan.StateColumn("s", "c")))}}
	check(t, nums.op(op), "1 1 101", "2 2 103", "3 1 106")

	nums = from(values("x:long, g:long", long(1), long(1), long(2), long(2), long(3), long(1)))
	by := *op
	by.PartitionBy = []plan.Expr{nums.col("g")}
	by.Steps = append([]plan.ScanStep{}, op.Steps...)
	by.Steps[0].Output = plan.OutputLast
	check(t, nums.op(&by), "3 1 104", "2 2 102")
}

func TestTopNested(t *testing.T) {
	b := from(values("a:string, b:string, v:long", str("p"), str("x"), long(10), str("p"), str("y"), long(20), str("q"), str("x"), long(50), str("r"), str("z"), long(1), str("q"), str("z"), long(2)))
	level := func(n int64, col string, others plan.Expr) plan.NestedLevel {
		return plan.NestedLevel{N: n, Of: plan.Named{Name: col, Expr: b.col(col)}, Agg: sum("s_"+col, b.col("v")), Others: others}
	}
	op := &plan.TopNested{Levels: []plan.NestedLevel{level(2, "a", con(str("rest"))), level(1, "b", nil)}}
	check(t, b.op(op), "q 52 x 50", "p 30 y 20", "rest 1  long(null)")
}

func TestSample(t *testing.T) {
	b := from(values("x:long", long(5), long(5), long(7), long(9)))
	check(t, b.op(&plan.SampleDistinct{N: 2, Of: plan.Named{Name: "x", Expr: b.col("x")}}), "5", "7")
	r := from(&plan.Range{Col: schema("x:long")[0], From: con(long(1)), To: con(long(10000)), Step: con(long(1))})
	got, err := rowsOf(t, Options{}, background(), r.op(&plan.Sample{In: r.p.Schema(), N: 5}).p, nil)
	if err != nil || len(got) != 5 || strings.Join(got, " ") == "1 2 3 4 5" {
		t.Errorf("sample gives %v, %v", got, err)
	}
}
