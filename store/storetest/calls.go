package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// testCalls is for engines whose SQL calls functions in Go.
func testCalls(t *testing.T, e Engine) {
	ctx := context.Background()
	s := open(t, e, t.TempDir())
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	defer func() { noErr(t, snap.Close()) }()
	q, ok := snap.(store.CallingSnapshot)
	if !ok {
		t.Skip("the engine's SQL cannot call functions in Go")
	}
	start := func(ctx context.Context, text string, result table.Type, fs ...store.Function) (store.Reader, error) {
		return q.QueryCalling(ctx, text, fs, table.Schema{{Name: "r", Type: result}}, store.Limits{})
	}
	drain := func(r store.Reader, err error) (out []table.Value, _ error) {
		if err != nil {
			return nil, err
		}
		defer r.Close()
		for {
			b, err := r.Next(ctx)
			if err != nil || b == nil {
				return out, err
			}
			for i := range b.Rows {
				out = append(out, b.Cols[0].At(i))
			}
		}
	}
	args := func(types ...table.Type) (out table.Schema) {
		for i, t := range types {
			out = append(out, table.Column{Name: fmt.Sprint("a", i), Type: t})
		}
		return out
	}
	same := func(typ table.Type) store.Function {
		return store.Function{Args: args(typ), Result: typ, Eval: func(b *table.Batch) (table.Vector, error) { return b.Cols[0], nil }}
	}
	twice := store.Function{Args: args(table.Long), Result: table.Long, Eval: func(b *table.Batch) (table.Vector, error) {
		v := table.NewVector(table.Long, b.Rows)
		for i := range b.Rows {
			if x := b.Cols[0].At(i); x.IsNull() {
				v.Append(x)
			} else {
				v.Append(table.LongValue(2 * x.Int64()))
			}
		}
		return v, nil
	}}
	texts := func(vals []table.Value) string {
		var out []string
		for _, v := range vals {
			out = append(out, show(v))
		}
		return strings.Join(out, " ")
	}

	t.Run("values come and go as they are", func(t *testing.T) {
		long := strings.Repeat("a long text é ", 300_000)
		for _, c := range []struct {
			typ  table.Type
			rows string
			want []table.Value
		}{
			{table.Bool, "(TRUE), (NULL), (FALSE)", []table.Value{table.BoolValue(true), table.Null(table.Bool), table.BoolValue(false)}},
			{table.Int, "(1::INTEGER), (NULL), (-2147483648)", []table.Value{table.IntValue(1), table.Null(table.Int), table.IntValue(math.MinInt32)}},
			{table.Long, "(9223372036854775807::BIGINT), (NULL), (-1)", []table.Value{table.LongValue(math.MaxInt64), table.Null(table.Long), table.LongValue(-1)}},
			{table.DateTime, "(5::BIGINT), (NULL)", []table.Value{table.DateTimeValue(5), table.Null(table.DateTime)}},
			{table.TimeSpan, "(-5::BIGINT), (NULL)", []table.Value{table.TimeSpanValue(-5), table.Null(table.TimeSpan)}},
			{table.Real, "(0.5::DOUBLE), (NULL), ('-inf'::DOUBLE)", []table.Value{table.RealValue(0.5), table.Null(table.Real), table.RealValue(math.Inf(-1))}},
			{table.String, "('it''s'), (''), ('日本語 und mehr als zwölf'), ('twelve bytes'), (repeat('a long text é ', 300000))",
				[]table.Value{table.StringValue("it's"), table.StringValue(""), table.StringValue("日本語 und mehr als zwölf"), table.StringValue("twelve bytes"), table.StringValue(long)}},
			{table.Guid, "('72f988bf-86f1-41af-91ab-2d7cd011db47'), (NULL)", []table.Value{table.GuidValue("72f988bf-86f1-41af-91ab-2d7cd011db47"), table.Null(table.Guid)}},
			{table.Dynamic, `('{"a": [1,2]}'), (NULL), ('[]')`, []table.Value{table.DynamicText(`{"a": [1,2]}`), table.Null(table.Dynamic), table.DynamicText("[]")}},
		} {
			for _, text := range []string{
				"SELECT " + q.Call(0, c.typ, []string{"x"}) + " FROM (VALUES " + c.rows + ") AS t(x)",
				"SELECT list_transform([x], lambda v: " + q.Call(0, c.typ, []string{"v"}) + ")[1] FROM (VALUES " + c.rows + ") AS t(x)",
			} {
				got, err := drain(start(ctx, text, c.typ, same(c.typ)))
				if err != nil || texts(got) != texts(c.want) {
					t.Errorf("%s: %.300s %v, want %.300s\n%s", c.typ, texts(got), err, texts(c.want), text)
				}
			}
		}
	})
	t.Run("constants, nesting, and no arguments", func(t *testing.T) {
		one := store.Function{Result: table.Long, Eval: func(b *table.Batch) (table.Vector, error) {
			v := table.NewVector(table.Long, b.Rows)
			for range b.Rows {
				v.Append(table.LongValue(1))
			}
			return v, nil
		}}
		inner := q.Call(1, table.Long, nil)
		text := "SELECT sum(" + q.Call(0, table.Long, []string{q.Call(0, table.Long, []string{"i + " + inner})}) + ") + " + q.Call(0, table.Long, []string{"5::BIGINT"}) +
			" FROM range(5000) AS r(i) WHERE " + q.Call(0, table.Long, []string{"i"}) + " >= 100"
		got, err := drain(start(ctx, text, table.Long, twice, one))
		want := int64(10)
		for i := int64(50); i < 5000; i++ {
			want += 4 * (i + 1)
		}
		if err != nil || len(got) != 1 || got[0].Int64() != want {
			t.Errorf("%s %v, want %d", texts(got), err, want)
		}
	})
	t.Run("aggregates", func(t *testing.T) {
		opened := new(atomic.Int64)
		joined := store.Function{Args: args(table.String, table.Long), Result: table.String, Group: func() store.Group {
			opened.Add(1)
			return &joining{open: opened}
		}}
		call := q.Call(0, table.String, []string{"list(s)", "list(i)"})
		got, err := drain(start(ctx, "SELECT "+call+" FROM (VALUES ('a', 1, 1), ('b', NULL, 1), ('a text that is longer', 3, 2)) AS t(s, i, g) GROUP BY g ORDER BY g", table.String, joined))
		if err != nil || texts(got) != `"a=1;b=long(null);" "a text that is longer=3;"` {
			t.Errorf("%s %v", texts(got), err)
		}
		if got, err = drain(start(ctx, "SELECT "+call+" FROM (VALUES ('a', 1)) AS t(s, i) WHERE s = 'x'", table.String, joined)); err != nil || texts(got) != `""` {
			t.Errorf("of no rows: %s %v", texts(got), err)
		}
		if got, err = drain(start(ctx, "SELECT length("+call+") FROM (SELECT 'ab' AS s, i FROM range(100000, 115000) AS r(i)) GROUP BY i // 10000", table.Long, joined)); err != nil || texts(got) != "100000 50000" && texts(got) != "50000 100000" {
			t.Errorf("of many rows: %s %v", texts(got), err)
		}
		if _, err := drain(start(ctx, "SELECT "+q.Call(0, table.String, []string{"list(s)", "list(i) FILTER (WHERE i > 1)"})+" FROM (VALUES ('a', 1)) AS t(s, i)", table.String, joined)); fault.KindOf(err) != fault.Internal {
			t.Errorf("lists of two lengths: %v", err)
		}
		if n := opened.Load(); n != 0 {
			t.Errorf("%d groups were left open", n)
		}
	})
	t.Run("aggregates of several groups at once", func(t *testing.T) {
		opened, together := new(atomic.Int64), new(atomic.Int64)
		one := store.Function{Args: args(table.String, table.Long), Result: table.String, Group: func() store.Group {
			opened.Add(1)
			return &joining{open: opened}
		}}
		many := one
		many.Groups = func(b *table.Batch, of []int64, n int) (table.Vector, error) {
			together.Add(int64(n))
			out := table.NewVector(table.String, n)
			at := 0
			for g := range n {
				j := &joining{open: new(atomic.Int64)}
				from := at
				for at < b.Rows && of[at] == int64(g) {
					at++
				}
				if from == at {
					return out, fmt.Errorf("group %d of %d has no rows", g, n)
				}
				if err := j.Add(b.Slice(from, at)); err != nil {
					return out, err
				}
				v, err := j.Result()
				if err != nil {
					return out, err
				}
				out.Append(v)
			}
			if at != b.Rows || len(of) != b.Rows {
				return out, fmt.Errorf("%d of %d rows are of no group", b.Rows-at, b.Rows)
			}
			return out, nil
		}
		call := q.Call(0, table.String, []string{"s", "i"})
		for _, text := range []string{
			"SELECT " + call + " FROM (SELECT g, list('t' || i ORDER BY i) AS s, list(i ORDER BY i) AS i FROM (SELECT i, i % 997 AS g FROM range(20000) AS r(i)) GROUP BY g) ORDER BY g",
			// Lists that are empty, NULL, longer than a chunk, or overlap in memory.
			"SELECT " + call + " FROM (SELECT n, CASE WHEN n % 5 = 0 THEN [] WHEN n % 7 = 0 THEN NULL WHEN n = 50 THEN list_transform(range(5000), lambda x: 'a') ELSE list_transform(range(n % 11), lambda x: 'b' || n) END AS s, " +
				"CASE WHEN n % 5 = 0 THEN [] WHEN n % 7 = 0 THEN NULL WHEN n = 50 THEN range(5000) ELSE range(n % 11) END AS i FROM range(3000) AS r(n)) ORDER BY n",
			"SELECT " + call + " FROM (VALUES (['a', 'b'], [1, NULL::BIGINT])) AS t(s, i), range(100)",
		} {
			want, err := drain(start(ctx, text, table.String, one))
			if err != nil {
				t.Fatal(err)
			}
			got, err := drain(start(ctx, text, table.String, many))
			if err != nil || texts(got) != texts(want) {
				t.Errorf("%s gives %d rows, other than the %d of one group at a time, or %v", text, len(got), len(want), err)
			}
		}
		if together.Load() < 1000 || opened.Load() != 0 {
			t.Errorf("%d groups came together, %d were left open", together.Load(), opened.Load())
		}
	})
	t.Run("lists of texts", func(t *testing.T) {
		// The list of the text itself, as often as the number says, and a null.
		lists := store.Function{Args: args(table.String, table.Long), Result: table.Dynamic, List: true, Eval: func(b *table.Batch) (table.Vector, error) {
			v := table.NewVector(table.Dynamic, b.Rows)
			for i := range b.Rows {
				var l []any
				for range b.Cols[1].N[i] {
					l = append(l, b.Cols[0].S[i])
				}
				v.Append(table.DynamicValue(append(l, nil)))
			}
			return v, nil
		}}
		call := q.CallList(0, []string{"s", "i"})
		got, err := drain(start(ctx, "SELECT coalesce(unnest("+call+"), 'nothing') FROM (VALUES ('it''s', 2), ('', 1), ('twelve bytes and more', 0), ('日本語 und mehr als zwölf', 1)) AS t(s, i)", table.String, lists))
		if want := `"it's" "it's" "nothing" "" "nothing" "nothing" "日本語 und mehr als zwölf" "nothing"`; err != nil || texts(got) != want {
			t.Errorf("%s %v, want %s", texts(got), err, want)
		}
		if got, err = drain(start(ctx, "SELECT sum(len("+call+")) FROM (SELECT 'x' AS s, i % 7 AS i FROM range(7000) AS r(i))", table.Long, lists)); err != nil || texts(got) != "28000" {
			t.Errorf("of many rows: %s %v", texts(got), err)
		}
	})
	t.Run("failures end the query alone", func(t *testing.T) {
		limit := fault.New(fault.Limit, "this is too much")
		text := "SELECT " + q.Call(0, table.Long, []string{"i"}) + " FROM range(10000) AS r(i)"
		for name, c := range map[string]struct {
			f    func(b *table.Batch) (table.Vector, error)
			want func(error) bool
		}{
			"error":   {func(*table.Batch) (table.Vector, error) { return table.Vector{}, limit }, func(err error) bool { return errors.Is(err, limit) }},
			"panic":   {func(*table.Batch) (table.Vector, error) { panic("no such luck") }, func(err error) bool { return strings.Contains(err.Error(), "no such luck") }},
			"beyond":  {func(b *table.Batch) (table.Vector, error) { return b.Cols[len(b.Cols)], nil }, nil},
			"too few": {func(*table.Batch) (table.Vector, error) { return table.NewVector(table.Long, 0), nil }, nil},
			"of a type": {func(b *table.Batch) (table.Vector, error) {
				return table.Vector{Type: table.String, S: make([]string, b.Rows)}, nil
			}, nil},
			"later": {func(b *table.Batch) (table.Vector, error) {
				if b.Cols[0].N[0] > 5000 {
					return table.Vector{}, limit
				}
				return b.Cols[0], nil
			}, func(err error) bool { return errors.Is(err, limit) }},
		} {
			_, err := drain(start(ctx, text, table.Long, store.Function{Args: args(table.Long), Result: table.Long, Eval: c.f}))
			if err == nil || c.want != nil && !c.want(err) || c.want == nil && fault.KindOf(err) != fault.Internal {
				t.Errorf("%s: %v", name, err)
			}
			if got, err := drain(start(ctx, text, table.Long, twice)); err != nil || len(got) != 10000 {
				t.Errorf("after %s: %d rows, %v", name, len(got), err)
			}
		}
		for _, text := range []string{"SELECT " + q.Call(3, table.Long, []string{"1"}), "SELECT " + q.Call(0, table.Long, []string{"1", "2"}), "SELECT " + q.Call(0, table.Long, []string{"'text'"})} {
			if _, err := drain(start(ctx, text, table.Long, twice)); err == nil {
				t.Errorf("%s was answered", text)
			}
		}
		// Without functions there is nothing to call.
		if _, err := drain(q.Query(ctx, text, nil, table.Schema{{Name: "r", Type: table.Long}}, store.Limits{})); err == nil {
			t.Errorf("%s was answered", text)
		}
	})
	t.Run("what comes out is of the query's memory", func(t *testing.T) {
		wide := store.Function{Args: args(table.Long), Result: table.String, Eval: func(b *table.Batch) (table.Vector, error) {
			v := table.NewVector(table.String, b.Rows)
			text := strings.Repeat("x", 1<<20)
			for range b.Rows {
				v.Append(table.StringValue(text))
			}
			return v, nil
		}}
		_, err := drain(q.QueryCalling(ctx, "SELECT "+q.Call(0, table.String, []string{"i"})+" FROM range(200) AS r(i)", []store.Function{wide}, table.Schema{{Name: "r", Type: table.String}}, store.Limits{MemoryBytes: 64 << 20}))
		if fault.KindOf(err) != fault.Limit {
			t.Errorf("%v", err)
		}
	})
	t.Run("a query that is cancelled in a function", func(t *testing.T) {
		run, cancel := context.WithCancel(ctx)
		defer cancel()
		waits := store.Function{Args: args(table.Long), Result: table.Long, Eval: func(*table.Batch) (table.Vector, error) {
			cancel()
			<-run.Done()
			return table.Vector{}, run.Err()
		}}
		if _, err := drain(start(run, "SELECT "+q.Call(0, table.Long, []string{"i"})+" FROM range(100) AS r(i)", table.Long, waits)); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("two queries have functions of their own", func(t *testing.T) {
		text := "SELECT " + q.Call(0, table.Long, []string{"i"}) + " FROM range(50000) AS r(i)"
		a, err := start(ctx, text, table.Long, twice)
		noErr(t, err)
		b, err := start(ctx, text, table.Long, same(table.Long))
		noErr(t, err)
		sums := make([]int64, 2)
		for i, r := range []store.Reader{b, a} {
			got, err := drain(r, nil)
			noErr(t, err)
			for _, v := range got {
				sums[i] += v.Int64()
			}
		}
		if sums[1] != 2*sums[0] || sums[0] != 50000*49999/2 {
			t.Errorf("%v", sums)
		}
	})
	noErr(t, s.Close())
}

// joining writes its rows one behind the other.
type joining struct {
	open *atomic.Int64
	text strings.Builder
}

func (j *joining) Add(b *table.Batch) error {
	for i := range b.Rows {
		fmt.Fprintf(&j.text, "%s=%s;", b.Cols[0].At(i).Str(), b.Cols[1].At(i))
	}
	return nil
}
func (j *joining) Result() (table.Value, error) { return table.StringValue(j.text.String()), nil }
func (j *joining) Close()                       { j.open.Add(-1) }
