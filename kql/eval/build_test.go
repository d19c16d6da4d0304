package eval

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// These tests build plans by hand, over a catalogue of their own that is small
// enough to read. What queries mean is tested by the scripts of package kqltest.

func long(n int64) table.Value    { return table.LongValue(n) }
func str(s string) table.Value    { return table.StringValue(s) }
func real(f float64) table.Value  { return table.RealValue(f) }
func truthy(b bool) table.Value   { return table.BoolValue(b) }
func dyn(json string) table.Value { return table.DynamicText(json) }

var null = table.Null(table.Long)

func order(f func(int) bool) *fn.Scalar {
	return &fn.Scalar{Eval: func(_ *fn.Context, a []table.Value) table.Value {
		switch a[0].Type() {
		case table.String:
			return truthy(f(cmp.Compare(a[0].Str(), a[1].Str())))
		case table.Real:
			if a[0].Float64() != a[0].Float64() || a[1].Float64() != a[1].Float64() {
				return truthy(false)
			}
			return truthy(f(cmp.Compare(a[0].Float64(), a[1].Float64())))
		}
		return truthy(f(cmp.Compare(a[0].Int64(), a[1].Int64())))
	}}
}

var scalars = map[string]*fn.Scalar{
	"==": order(func(c int) bool { return c == 0 }),
	"<":  order(func(c int) bool { return c < 0 }),
	">":  order(func(c int) bool { return c > 0 }),
	"+":  {Eval: func(_ *fn.Context, a []table.Value) table.Value { return long(a[0].Int64() + a[1].Int64()) }},
	"%":  {Eval: func(_ *fn.Context, a []table.Value) table.Value { return long(a[0].Int64() % a[1].Int64()) }},
	"and": {Lazy: func(_ *fn.Context, _ int, arg func(int) table.Value) table.Value {
		return truthy(arg(0).Bool() && arg(1).Bool())
	}},
	"iff": {Lazy: func(_ *fn.Context, _ int, arg func(int) table.Value) table.Value {
		if arg(0).Bool() {
			return arg(1)
		}
		return arg(2)
	}},
	"prev":               {Row: fn.RowPrev},
	"next":               {Row: fn.RowNext},
	"row_number":         {Row: fn.RowNumber},
	"row_cumsum":         {Row: fn.RowCumSum},
	"row_rank_min":       {Row: fn.RowRankMin},
	"row_rank_dense":     {Row: fn.RowRankDense},
	"row_window_session": {Row: fn.RowWindowSession},
}

func call(name string, t table.Type, args ...plan.Expr) plan.Expr {
	f, ok := scalars[name]
	if !ok {
		panic("no function " + name)
	}
	f.Name = name
	return &plan.Call{Fn: f, Args: args, T: t}
}

func con(v table.Value) plan.Expr { return &plan.Const{Value: v} }

type countState struct{ n int64 }

func (s *countState) Add([]table.Value)      { s.n++ }
func (s *countState) Results() []table.Value { return []table.Value{long(s.n)} }
func (s *countState) Bytes() int64           { return 8 }

type sumState struct{ n int64 }

func (s *sumState) Add(a []table.Value)    { s.n += a[0].Int64() }
func (s *sumState) Results() []table.Value { return []table.Value{long(s.n)} }
func (s *sumState) Bytes() int64           { return 8 }

type listState struct{ vals []any }

func (s *listState) Add(a []table.Value) { s.vals = append(s.vals, a[0].Int64()) }
func (s *listState) Results() []table.Value {
	if s.vals == nil {
		return []table.Value{table.DynamicValue([]any{})}
	}
	return []table.Value{table.DynamicValue(s.vals)}
}
func (s *listState) Bytes() int64 { return 32 * int64(len(s.vals)) }

func count(name string) plan.Agg {
	return plan.Agg{Fn: &fn.Aggregate{Name: "count", New: func(*fn.Context, []fn.Arg) fn.State { return &countState{} }}, Out: table.Schema{{Name: name, Type: table.Long}}}
}

func sum(name string, of plan.Expr) plan.Agg {
	return plan.Agg{Fn: &fn.Aggregate{Name: "sum", New: func(*fn.Context, []fn.Arg) fn.State { return &sumState{} }}, Args: []plan.Expr{of}, Out: table.Schema{{Name: name, Type: table.Long}}}
}

func list(name string, of plan.Expr) plan.Agg {
	return plan.Agg{Fn: &fn.Aggregate{Name: "make_list", New: func(*fn.Context, []fn.Arg) fn.State { return &listState{} }}, Args: []plan.Expr{of}, Out: table.Schema{{Name: name, Type: table.Dynamic}}}
}

// schema of "a:long, b:string".
func schema(text string) table.Schema {
	var out table.Schema
	for _, c := range strings.Split(text, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(c), ":")
		t, ok := table.ParseType(typ)
		if !ok {
			panic("no type " + typ)
		}
		out = append(out, table.Column{Name: name, Type: t})
	}
	return out
}

func values(s string, cells ...table.Value) *plan.Values {
	v := &plan.Values{Out: schema(s)}
	for i := 0; i < len(cells); i += len(v.Out) {
		v.Rows = append(v.Rows, cells[i:i+len(v.Out)])
	}
	return v
}

// builder makes a pipeline; each operator takes its input's schema from the last.
type builder struct{ p *plan.Pipeline }

func from(s plan.Source) *builder { return &builder{&plan.Pipeline{Source: s}} }

func (b *builder) col(name string) plan.Expr {
	s := b.p.Schema()
	i := s.Index(name)
	if i < 0 {
		panic("no column " + name + " in " + s.String())
	}
	return &plan.Col{Name: name, T: s[i].Type}
}

func (b *builder) op(o plan.Op) *builder {
	b.p.Ops = append(b.p.Ops, o)
	return b
}
func (b *builder) where(e plan.Expr) *builder {
	return b.op(&plan.Filter{In: b.p.Schema(), Pred: e})
}
func (b *builder) extend(name string, e plan.Expr) *builder {
	var cols []plan.Named
	for _, c := range b.p.Schema() {
		cols = append(cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	return b.op(&plan.Project{Cols: append(cols, plan.Named{Name: name, Expr: e}), Serialized: true})
}
func (b *builder) summarize(by []string, aggs ...plan.Agg) *builder {
	s := &plan.Summarize{Aggs: aggs}
	for _, n := range by {
		s.By = append(s.By, plan.Named{Name: n, Expr: b.col(n)})
	}
	return b.op(s)
}
func (b *builder) keys(names []string) []plan.SortKey {
	var keys []plan.SortKey
	for _, n := range names {
		desc := strings.HasPrefix(n, "-")
		keys = append(keys, plan.SortKey{Expr: b.col(strings.TrimPrefix(n, "-")), Desc: desc, NullsFirst: !desc})
	}
	return keys
}
func (b *builder) sort(names ...string) *builder {
	return b.op(&plan.Sort{In: b.p.Schema(), Keys: b.keys(names)})
}
func (b *builder) top(n int64, names ...string) *builder {
	return b.op(&plan.Top{In: b.p.Schema(), N: n, Keys: b.keys(names)})
}
func (b *builder) take(n int64) *builder { return b.op(&plan.Take{In: b.p.Schema(), N: n}) }
func (b *builder) distinct() *builder    { return b.op(&plan.Distinct{In: b.p.Schema()}) }
func (b *builder) join(kind plan.JoinKind, right *builder, on ...string) *builder {
	l, r := b.p.Schema(), right.p.Schema()
	j := &plan.Join{Kind: kind, Right: right.p}
	for _, n := range on {
		j.LeftKeys = append(j.LeftKeys, b.col(n))
		j.RightKeys = append(j.RightKeys, right.col(n))
	}
	if kind != plan.RightAnti && kind != plan.RightSemi {
		for _, c := range l {
			j.LeftCols = append(j.LeftCols, c.Name)
			j.Out = append(j.Out, c)
		}
	}
	if kind != plan.LeftAnti && kind != plan.LeftSemi {
		for _, c := range r {
			j.RightCols = append(j.RightCols, c.Name)
			name := c.Name
			for j.Out.Index(name) >= 0 {
				name += "1"
			}
			j.Out = append(j.Out, table.Column{Name: name, Type: c.Type})
		}
	}
	return b.op(j)
}

// rowsOf runs a pipeline and prints its rows, one text each.
func rowsOf(t testing.TB, o Options, c *fn.Context, p *plan.Pipeline, src Scanner) ([]string, error) {
	t.Helper()
	r, err := o.Run(c, p, src)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if got, want := r.Schema().String(), p.Schema().String(); got != want {
		t.Fatalf("the reader's schema is %s, the plan's %s", got, want)
	}
	var out []string
	var row []table.Value
	for {
		b, err := r.Next(c.Ctx)
		if err != nil {
			return out, err
		}
		if b == nil {
			return out, nil
		}
		if len(b.Cols) != len(p.Schema()) {
			t.Fatalf("a batch has %d columns for %s", len(b.Cols), p.Schema())
		}
		for i := range b.Cols {
			if b.Cols[i].Len() != b.Rows || b.Cols[i].Type != p.Schema()[i].Type {
				t.Fatalf("column %s has %d cells of type %s in %d rows", p.Schema()[i].Name, b.Cols[i].Len(), b.Cols[i].Type, b.Rows)
			}
		}
		for i := range b.Rows {
			row = b.Row(i, row)
			var cells []string
			for _, v := range row {
				if v.Type() == table.Dynamic {
					cells = append(cells, v.JSON())
				} else {
					cells = append(cells, v.String())
				}
			}
			out = append(out, strings.Join(cells, " "))
		}
	}
}

// check runs a pipeline with several sizes of batch; all must give want, in order.
func check(t *testing.T, b *builder, want ...string) {
	t.Helper()
	for _, size := range []int{0, 1, 2, 3} {
		budget := &fn.Budget{MaxBytes: 1 << 30}
		got, err := rowsOf(t, Options{BatchRows: size}, fn.NewContext(context.Background(), 0, 1, budget), b.p, nil)
		if err != nil {
			t.Fatalf("%s: %v", b.p, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\nin batches of %d gives\n  %s\nwant\n  %s", b.p, size, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		if held := heldBy(budget); held != 0 {
			t.Errorf("%s: %d bytes are still charged after Close", b.p, held)
		}
	}
}

// heldBy asks how much is charged: the most that still fits tells.
func heldBy(b *fn.Budget) int64 {
	peak := b.Peak()
	_ = b.Charge(peak+1, "test")
	held := b.Peak() - peak - 1
	_ = b.Charge(-(peak + 1), "test")
	return held
}

func fail(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error is %v, want one with %q", err, part)
	}
}

func background() *fn.Context { return fn.NewContext(context.Background(), 0, 1, nil) }
