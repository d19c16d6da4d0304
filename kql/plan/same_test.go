package plan_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/kql/bind"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// rows is a store of one table: it gives any physical columns, hints or not.
type rows map[string]*table.Batch

func (r rows) Scan(_ context.Context, s *plan.Scan) (eval.Reader, error) {
	all := r[s.Def.Name]
	out := table.NewBatch(s.Out, all.Rows)
	time := all.Schema.Index(s.Def.Time)
	for i := range all.Rows {
		if time >= 0 && (s.From != 0 || s.To != 0) { // prune as hard as allowed
			t := all.Cols[time].At(i)
			if t.IsNull() || t.Int64() < s.From || s.To != 0 && t.Int64() >= s.To {
				continue
			}
		}
		ok := true
		for _, e := range s.Equal {
			c := all.Schema.Index(e.Column)
			ok = ok && slices.Contains(e.Values, all.Cols[c].At(i).Str())
		}
		for _, t := range s.Terms {
			have := termsOf(all, len(s.Def.Columns), i)
			ok = ok && slices.ContainsFunc(t.Any, func(set []string) bool {
				return !slices.ContainsFunc(set, func(w string) bool { return !have[w] })
			})
		}
		if !ok {
			continue
		}
		vals := make([]table.Value, len(s.Out))
		for k, c := range s.Out {
			vals[k] = all.Cols[all.Schema.Index(c.Name)].At(i)
		}
		out.AppendRow(vals)
	}
	return &once{out}, nil
}

// termsOf a row: no more than store.Terms says.
func termsOf(b *table.Batch, visible, row int) map[string]bool {
	out := map[string]bool{}
	add := func(text string, part bool) {
		for _, w := range table.IndexTerms(text, true, true) {
			if !part || !table.NumberTerm(w) {
				out[w] = true
			}
		}
	}
	var inside func(x any)
	inside = func(x any) {
		switch x := x.(type) {
		case string:
			add(x, false)
		case []any:
			for _, e := range x {
				inside(e)
			}
		case *table.Object:
			for i := range x.Len() {
				add(x.Key(i), false)
				inside(x.Val(i))
			}
		default:
			return
		}
		add(string(table.AppendJSON(nil, x)), true)
	}
	for c := range visible {
		v := b.Cols[c].At(row)
		switch v.Type() {
		case table.String:
			if x, err := table.ParseJSON(v.Str()); err == nil {
				inside(x)
			}
		case table.Dynamic:
			inside(v.Dyn())
		case table.Guid, table.Int, table.Long, table.Real:
		default:
			continue
		}
		add(fn.ToText(v), false)
	}
	return out
}

type once struct{ b *table.Batch }

func (o *once) Schema() table.Schema { return o.b.Schema }
func (o *once) Next(context.Context) (*table.Batch, error) {
	b := o.b
	o.b = &table.Batch{Schema: b.Schema}
	if b.Rows == 0 {
		return nil, nil
	}
	return b, nil
}
func (o *once) Close() error { return nil }

// made is a table of random rows; some hold JSON of unexpected types.
func made(t *testing.T, d table.Def, seed uint64) *table.Batch {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	base, _ := fn.ParseDateTime(now)
	jsons := map[string][]string{
		"Status":  {`{"errorCode":0}`, `{"errorCode":50126,"x":1}`, `{"errorCode":"50126"}`, `{"errorCode":1.5}`, `{"errorCode":null}`, `{}`, `null`, `[1]`, `"text"`, `{"errorCode":true}`},
		"Loc":     {`{"city":"Oslo","geo":{"lat":59.9}}`, `{"city":"","geo":{"lat":60}}`, `{"city":7}`, `{"city":null,"geo":1}`, `{"geo":{"lat":"x"}}`, `{}`, `null`, `{"city":["Oslo"]}`, `{"city":"a"}`},
		"Text":    {`{"a":{"b":"z"}}`, `{"a":{"b":5}}`, `not json`, ``, `{"a":null}`, `{"a":{"b":{"c":1}}}`},
		"Targets": {`[{"displayName":"bob"},{"displayName":"ann","x":"y"}]`, `[]`, `null`, `[{"displayName":7}]`, `{"displayName":"bob"}`, `[{"x":1}]`, `["bob"]`},
	}
	b := table.NewBatch(d.Physical(), 0)
	for range 200 {
		var vals []table.Value
		parsed := map[string]any{}
		for _, c := range d.Columns {
			switch {
			case c.Type == table.DateTime:
				v := table.DateTimeValue(base - r.Int64N(3*table.TicksPerDay))
				if r.IntN(20) == 0 {
					v = table.Null(table.DateTime)
				}
				vals = append(vals, v)
			case jsons[c.Name] != nil:
				text := jsons[c.Name][r.IntN(len(jsons[c.Name]))]
				if p, err := table.ParseJSON(text); err == nil {
					parsed[c.Name] = p
				}
				if c.Type == table.Dynamic {
					vals = append(vals, table.DynamicText(text))
				} else {
					vals = append(vals, table.StringValue(text))
				}
			case c.Type == table.Int:
				vals = append(vals, table.IntValue(r.Int64N(4)))
			case c.Type == table.Long:
				vals = append(vals, table.LongValue(r.Int64N(4)))
			default:
				vals = append(vals, table.StringValue([]string{"ann", "bob", "", "abc", "x"}[r.IntN(5)]))
			}
		}
		odd := false
		for _, p := range d.Promoted {
			cell, o := p.Of(parsed[p.Column])
			vals = append(vals, cell)
			odd = odd || o
		}
		for _, h := range table.Hidden {
			v := table.Null(h.Type)
			if h.Name == table.HiddenOdd {
				v = table.BoolValue(odd)
			}
			vals = append(vals, v)
		}
		b.AppendRow(vals)
	}
	return b
}

// answer runs a plan and prints its rows, sorted where no order is asked for.
func answer(t *testing.T, p *plan.Pipeline, src eval.Scanner) string {
	t.Helper()
	ctx := context.Background()
	ticks, _ := fn.ParseDateTime(now)
	r, err := eval.Run(fn.NewContext(ctx, ticks, 1, nil), p, src)
	if err != nil {
		return "error: " + err.Error()
	}
	defer r.Close()
	var out []string
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return "error: " + err.Error()
		}
		if b == nil {
			break
		}
		for i := range b.Rows {
			var cells []string
			for _, v := range b.Row(i, nil) {
				cells = append(cells, plan.Literal(v))
			}
			out = append(out, strings.Join(cells, "\t"))
		}
	}
	slices.Sort(out)
	return fmt.Sprintln(p.Schema()) + strings.Join(out, "\n")
}

// TestSameRows runs the scripts' queries and more as bound, and rewritten: the rows
// are the same, whatever the JSON holds.
func TestSameRows(t *testing.T) {
	tables := env{}
	for _, name := range []string{"hints", "all"} {
		text, err := os.ReadFile("testdata/rule_" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			if strings.HasPrefix(part, "table ") {
				tables.declare(t, part)
			}
		}
	}
	src := rows{}
	for n, d := range tables {
		src[n] = made(t, d, uint64(len(n)))
	}
	var queries []string
	for _, name := range []string{"fold", "pushdown", "promote", "expand", "top", "hints", "prune", "all"} {
		text, err := os.ReadFile("testdata/rule_" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			if head, _, ok := strings.Cut(part, "\n----"); ok {
				_, q, _ := strings.Cut(head, "\n")
				queries = append(queries, q)
			}
		}
	}
	more, err := os.ReadFile("testdata/same.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range strings.Split(string(more), "\n") {
		if q = strings.TrimSpace(q); q != "" && q[0] != '#' {
			queries = append(queries, q)
		}
	}
	cat := fn.New()
	ran := 0
	for _, q := range queries {
		if strings.Contains(q, "rand()") || anyRows(q) {
			continue
		}
		same(t, q, tables, cat, src)
		ran++
	}
	if ran < 50 {
		t.Errorf("only %d queries ran", ran)
	}
}

// anyRows tells whether a query may give different rows each time it runs.
func anyRows(q string) bool {
	for _, w := range []string{"take ", "top ", "take_any", "prev(", "arg_m", "make-series", "join (", "join kind=innerunique"} {
		if strings.Contains(q, w) {
			return true
		}
	}
	return false
}

func same(t *testing.T, q string, tables env, cat *fn.Catalogue, src eval.Scanner) {
	t.Helper()
	file, ds := syntax.Parse(q)
	if ds.Err() != nil {
		t.Fatalf("%s: %v", q, ds)
	}
	ticks, _ := fn.ParseDateTime(now)
	bound, ds := bind.Bind(file, tables, cat, bind.Options{})
	if ds.Err() != nil {
		t.Fatalf("%s: %v", q, ds)
	}
	before := bound.Pipelines[0]
	after := plan.Optimize(&plan.Rewriting{Cat: cat, Now: ticks}, before)
	if err := check(after); err != nil {
		t.Errorf("%s: %v\n%s", q, err, after)
		return
	}
	if a, b := answer(t, before, src), answer(t, after, src); a != b {
		t.Errorf("%s\nas bound, and as rewritten to\n%s\ndiffer:\n%s", q, after, difference(a, b))
	}
}

// difference is the first rows that only one answer has.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for i := 0; (i < len(x) || i < len(y)) && len(out) < 6; i++ {
		l, r := "", ""
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			out = append(out, "bound:     "+l, "rewritten: "+r)
		}
	}
	return strings.Join(out, "\n")
}

// TestSameAnswers does so for the queries of the conformance corpus.
func TestSameAnswers(t *testing.T) {
	f, err := os.Open("../../../shared/kql-conformance/emulator-dev.jsonl")
	if err != nil {
		t.Skipf("no reference at hand: %v", err)
	}
	defer f.Close()
	cat := fn.New()
	ticks, _ := fn.ParseDateTime(now)
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	ran := 0
	for sc.Scan() {
		var c struct {
			ID, Query  string
			Executable bool
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		file, ds := syntax.Parse(c.Query)
		if !c.Executable || ds.Err() != nil || strings.Contains(c.Query, "rand") || strings.Contains(c.Query, "new_guid") {
			continue
		}
		bound, ds := bind.Bind(file, env{}, cat, bind.Options{})
		if ds.Err() != nil {
			continue
		}
		for _, p := range bound.Pipelines {
			after := plan.Optimize(&plan.Rewriting{Cat: cat, Now: ticks}, p)
			if err := check(after); err != nil {
				t.Errorf("%s: %s: %v\n%s", c.ID, c.Query, err, after)
				continue
			}
			if a, b := answer(t, p, nil), answer(t, after, nil); a != b {
				t.Errorf("%s: %s\nas bound:\n%s\n\nrewritten, %s:\n%s", c.ID, c.Query, a, after, b)
			}
			ran++
		}
	}
	t.Logf("%d queries", ran)
}
