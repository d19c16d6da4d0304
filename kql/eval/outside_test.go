package eval

import (
	"context"
	"strings"
	"sync"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// callOver is a function of one's own over the column x.
func callOver(t table.Type, eval func(a []table.Value) table.Value) plan.Expr {
	return &plan.Call{Fn: &fn.Scalar{Name: "own", Eval: func(_ *fn.Context, a []table.Value) table.Value { return eval(a) }}, T: t,
		Args: []plan.Expr{&plan.Col{Name: "x", T: table.Long}}, Info: []fn.Arg{{Type: table.Long}}}
}

var oneLong = table.Schema{{Name: "x", Type: table.Long}}

func longBatch(n int) *table.Batch {
	b := table.NewBatch(oneLong, n)
	for i := range n {
		b.AppendRow([]table.Value{table.LongValue(int64(i))})
	}
	return b
}

// What an engine calls answers from many goroutines at once, each row by itself.
func TestCallerAtOnce(t *testing.T) {
	c := fn.NewContext(context.Background(), 0, 1, &fn.Budget{MaxBytes: 64 << 20})
	f, err := Caller(c, callOver(table.String, func(a []table.Value) table.Value { return table.StringValue(strings.Repeat("x", int(a[0].Int64()%7))) }), oneLong)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				v, err := f(longBatch(500))
				if err != nil || v.Len() != 500 || v.S[13] != "xxxxxx" || v.S[14] != "" {
					t.Errorf("%d cells, %v", v.Len(), err)
				}
			}
		})
	}
	all.Wait()
	if err := c.Budget.Charge(64<<20, "all of it"); err != nil {
		t.Errorf("calls keep what they charged: %v", err)
	}
}

// A call that fails is an error of the query: a panic, a limit, the end of the context.
func TestCallerFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, f := range map[string]struct {
		eval func(a []table.Value) table.Value
		kind fault.Kind
		text string
	}{
		"panic":  {func(a []table.Value) table.Value { return table.LongValue(1 / a[0].Int64()) }, fault.Internal, "divide by zero"},
		"limit":  {func([]table.Value) table.Value { return table.StringValue(strings.Repeat("x", 1<<20)) }, fault.Limit, "16 MB"},
		"cancel": {func([]table.Value) table.Value { cancel(); return table.StringValue("") }, fault.Unavailable, "cancelled"},
	} {
		typ := table.String
		if name == "panic" {
			typ = table.Long
		}
		run := context.Background()
		if name == "cancel" {
			run = ctx
		}
		c := fn.NewContext(run, 0, 1, &fn.Budget{MaxBytes: 16 << 20})
		call, err := Caller(c, callOver(typ, f.eval), oneLong)
		if err != nil {
			t.Fatal(err)
		}
		_, err = call(longBatch(2000))
		if fault.KindOf(err) != f.kind || !strings.Contains(err.Error(), f.text) {
			t.Errorf("%s: %v", name, err)
		}
		if peak := c.Budget.Peak(); peak > 40<<20 {
			t.Errorf("%s: %d MB were made before the limit was seen", name, peak>>20)
		}
	}
}

// A text that is no JSON is a string to an engine that reads JSON.
func TestCallerGivesJSON(t *testing.T) {
	texts := []string{`{"a": 1}`, `[1, 2]`, `plain`, `"half`, `"whole"`, `1e5`, ` "blank" `, `nul`}
	c := fn.NewContext(context.Background(), 0, 1, nil)
	f, err := Caller(c, callOver(table.Dynamic, func(a []table.Value) table.Value { return table.DynamicText(texts[a[0].Int64()]) }), oneLong)
	if err != nil {
		t.Fatal(err)
	}
	v, err := f(longBatch(len(texts)))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		cell := v.At(i)
		if _, err := table.ParseJSON(cell.JSON()); err != nil {
			t.Errorf("%q becomes %q, which is no JSON", text, cell.JSON())
		}
		want, got := table.DynamicText(text).Dyn(), cell.Dyn()
		if a, b := table.AppendJSON(nil, want), table.AppendJSON(nil, got); string(a) != string(b) {
			t.Errorf("%q becomes %s", text, b)
		}
	}
}

// A group charges for its state, and gives it back.
func TestGrouperCharges(t *testing.T) {
	c := fn.NewContext(context.Background(), 0, 1, &fn.Budget{MaxBytes: 1 << 20})
	a := &plan.Agg{Fn: fn.New().Aggregate("make_list"), Args: []plan.Expr{&plan.Col{Name: "x", T: table.Long}}, Info: []fn.Arg{{Type: table.Long}}, Out: table.Schema{{Name: "l", Type: table.Dynamic}}}
	start, err := Grouper(c, a, 0, oneLong)
	if err != nil {
		t.Fatal(err)
	}
	g := start()
	for err == nil {
		err = g.Add(longBatch(2000))
	}
	if fault.KindOf(err) != fault.Limit || !strings.Contains(err.Error(), "make_list") {
		t.Error(err)
	}
	g.Close()
	g = start()
	if err := g.Add(longBatch(3)); err != nil {
		t.Error(err)
	}
	if v, err := g.Result(); err != nil || v.JSON() != "[0,1,2]" {
		t.Errorf("%s %v", v, err)
	}
	g.Close()
	if err := c.Budget.Charge(1<<20, "all of it"); err != nil {
		t.Error(err)
	}
	if _, err := Grouper(c, &plan.Agg{Fn: a.Fn, Args: []plan.Expr{&plan.Col{Name: "y", T: table.Long}}, Out: a.Out}, 0, oneLong); fault.KindOf(err) != fault.Internal {
		t.Errorf("a column that is not there: %v", err)
	}
}
