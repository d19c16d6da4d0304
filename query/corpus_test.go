package query

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/kql/plan"
	"sextant/kql/sqlgen"
	"sextant/store"
	"sextant/table"
)

var onlyRule = flag.String("rule", "", "run only the corpus queries whose id matches")

// corpusQuery is a rule or hunting query that somebody published.
type corpusQuery struct{ ID, Query string }

func corpus(t testing.TB) []corpusQuery {
	t.Helper()
	f, err := os.Open(filepath.Join(shared, "rules-corpus/dev.jsonl"))
	if err != nil {
		t.Skipf("the published queries are not beside the repository: %v", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	only := regexp.MustCompile(*onlyRule)
	var out []corpusQuery
	for sc.Scan() {
		var q corpusQuery
		if err := json.Unmarshal(sc.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		if only.MatchString(q.ID) {
			out = append(out, q)
		}
	}
	return out
}

// reduces says whether an operator makes fewer rows of many.
func reduces(op plan.Op) bool {
	switch op.(type) {
	case *plan.Filter, *plan.Summarize, *plan.Distinct, *plan.Take, *plan.Top, *plan.MakeSeries, *plan.Join, *plan.TopNested, *plan.SampleDistinct:
		return true
	}
	return false
}

// volatile queries answer differently each time.
var volatile = regexp.MustCompile(`\brand\(|\bnew_guid\(|\btake\b|\blimit\b|\bsample\b|take_any|\bany\(|dcount|hll|tdigest|ingestion_time|\bpercentile`)

// tied end in a top that cuts between rows whose keys are equal: any of them will do.
var tied = map[string]bool{"kq-466e22edabb2": true, "kq-fbe832f6976e-1": true}

// TestCutCorpus runs published queries over a simulated tenant and over published
// records, as SQL for as long as there is any, all in Go, and cut at every place
// between that changes what runs as SQL: same rows. It also holds the share of queries
// whose reducing operators all run as SQL.
func TestCutCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand queries take minutes")
	}
	queries := corpus(t)
	for _, over := range []struct {
		name string
		of   func(t testing.TB) *tenant
	}{
		{"tenant", func(t testing.TB) *tenant { return simulated(t, 1500, "samples") }},
		{"samples", sampled},
	} {
		t.Run(over.name, func(t *testing.T) {
			t.Parallel()
			x := over.of(t)
			others := documented(t, x.model)
			st := x.into(t, openDuckDB(t), others)
			if err := errors.Join(st.Flush(context.Background()), st.Append(context.Background(), filled(others))); err != nil {
				t.Fatal(err)
			}
			e := New(Options{Catalogue: fn.New(), Clock: clockAt(kqltest.Now), Timeout: 30 * time.Second, EngineBytes: 256 << 20, Fallback: func(sql string, err error) {
				t.Errorf("the engine could not run its SQL: %v\n%s", err, sql)
			}})
			var reached reaching
			var cuts, rows int
			begin := time.Now()
			for _, q := range queries {
				if time.Since(begin) > 8*time.Minute { // as slow as this no machine should be
					t.Fatal("the queries take too long")
				}
				if over.name == "tenant" && !reached.add(t, e, st, q) {
					continue // bind's own test counts these
				}
				n, of, err := agree(e, st, q.Query, volatile.MatchString(q.Query) || tied[q.ID])
				var ds fault.Diagnostics
				if errors.As(err, &ds) {
					continue
				}
				if err != nil {
					t.Errorf("%s: %v\n%s", q.ID, err, q.Query)
				}
				rows, cuts = rows+of, cuts+n
			}
			t.Logf("%d cuts, %d rows", cuts, rows)
			if over.name == "tenant" {
				reached.report(t)
			}
		})
	}
}

// reaching counts queries whose reducing operators run as SQL.
type reaching struct {
	reached, ran int
	whys         map[string]int
}

// add a query; false where it is none.
func (r *reaching) add(t *testing.T, e *Engine, st store.Store, q corpusQuery) bool {
	ok, why, err := reach(e, st, q.Query)
	var ds fault.Diagnostics
	switch {
	case errors.As(err, &ds):
		return false
	case err != nil:
		t.Errorf("%s: %v", q.ID, err)
		return false
	}
	if r.ran++; ok {
		r.reached++
		return true
	}
	if r.whys == nil {
		r.whys = map[string]int{}
	}
	r.whys[why]++
	if *onlyRule != "" {
		t.Logf("%s: %s", q.ID, why)
	}
	return true
}

func (r *reaching) report(t *testing.T) {
	list := slices.Collect(maps.Keys(r.whys))
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(r.whys[b], r.whys[a]), cmp.Compare(a, b)) })
	for _, w := range list[:min(len(list), 60)] {
		t.Logf("%4d %s", r.whys[w], w)
	}
	t.Logf("%d of %d queries run as SQL up to their last reducing operator", r.reached, r.ran)
	if *onlyRule == "" && r.reached < reachFloor*r.ran/1000 {
		t.Errorf("it was %d of 1000 before", reachFloor)
	}
}

// reachFloor is how many of 1,000 queries run as SQL up to their last reducing
// operator at least. It only rises.
const reachFloor = 998

// reach says whether all reducing operators of a query run as SQL, and why not.
func reach(e *Engine, st store.Store, text string) (ok bool, why string, err error) {
	ctx := context.Background()
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return false, "", err
	}
	defer snap.Close()
	now, _ := table.TicksOf(e.o.Clock())
	q, ds := e.bindWith(snapshotEnvironment{Snapshot: snap}, Request{Text: text}, now, bind.Options{Rows: e.rowsOf(ctx, snap, Request{Text: text}, now, nil)})
	if ds.Err() != nil {
		return false, "", ds
	}
	// What is empty here has rows elsewhere.
	r := &plan.Rewriting{Cat: e.o.Catalogue, Now: now, Odd: e.odd.of(ctx, st, marksOf(st), snap)}
	for i, p := range q.Pipelines {
		q.Pipelines[i] = plan.Optimize(r, p)
	}
	return e.reaches(ctx, snap, q, now)
}

func (e *Engine) reaches(ctx context.Context, snap store.Snapshot, q *bind.Query, now int64) (ok bool, why string, err error) {
	s := e.scannerOf(fn.NewContext(ctx, now, 1, nil), snap, nil).(*split)
	ok = true
	var visit func(p *plan.Pipeline) error
	visit = func(p *plan.Pipeline) error {
		if !sqlgen.ReadsTables(p) {
			return nil
		}
		q, w, err := s.generate(p)
		if err != nil {
			return err
		}
		rest := p.Ops
		if q != nil {
			rest = q.Rest
		}
		for _, op := range rest {
			if reduces(op) {
				if ok {
					ok, why = false, w
				}
			}
			if j, is := op.(*plan.Join); is {
				if err := visit(j.Right); err != nil {
					return err
				}
			}
		}
		if q == nil {
			if ok && len(rest) == 0 {
				ok, why = false, w
			}
			if u, is := p.Source.(*plan.Union); is {
				for _, in := range u.Inputs {
					if err := visit(in); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	for _, p := range q.Pipelines {
		if err := visit(p); err != nil {
			return false, "", err
		}
	}
	return ok, why, nil
}

// agree runs a query all in Go and with every number of operators in SQL that makes a
// difference to the SQL, and compares what comes out. It gives how many cuts there
// were, and how many rows. Of an answer that may come out otherwise each time, nothing
// is compared.
func agree(e *Engine, st store.Store, text string, otherwise bool) (cuts, rows int, err error) {
	none := -1
	want, err := answers(e, st, Request{Text: text, Split: &none})
	if err != nil {
		return 0, 0, fmt.Errorf("in Go: %w", err)
	}
	same := func(req Request) error {
		cuts++
		got, err := answers(e, st, req)
		if err == nil && !otherwise && !slices.Equal(want, got) {
			err = fmt.Errorf("the answers differ:\n%s", difference(want, got))
		}
		return err
	}
	all, err := statements(e, st, text, nil)
	if err != nil {
		return 0, 0, err
	}
	if err := same(Request{Text: text}); err != nil {
		return cuts, 0, fmt.Errorf("in SQL: %w", err)
	}
	last := ""
	for n := 0; ; n++ {
		now, err := statements(e, st, text, &n)
		if err != nil {
			return cuts, 0, err
		}
		if now == all {
			return cuts, len(want) - 1, nil
		}
		if now == last {
			continue
		}
		last = now
		if err := same(Request{Text: text, Split: &n}); err != nil {
			return cuts, 0, fmt.Errorf("%d operators in SQL: %w", n, err)
		}
	}
}

// statements are what the engine is asked where a query is cut at max operators.
func statements(e *Engine, st store.Store, text string, max *int) (string, error) {
	ctx := context.Background()
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	defer snap.Close()
	now, _ := table.TicksOf(e.o.Clock())
	q, ds := e.bindWith(snapshotEnvironment{Snapshot: snap}, Request{Text: text}, now, bind.Options{Rows: e.rowsOf(ctx, snap, Request{Text: text}, now, nil)})
	if ds.Err() != nil {
		return "", ds
	}
	e.optimize(q, now, e.odd.of(ctx, st, marksOf(st), snap), snap)
	s := e.scannerOf(fn.NewContext(ctx, now, 1, &fn.Budget{}), snap, max).(*split)
	// The names of what holds rows may be others each time.
	named := *s
	named.sql = stable{s.sql.(store.CallingSnapshot)}
	var out strings.Builder
	var visit func(p *plan.Pipeline) error
	visit = func(p *plan.Pipeline) error {
		if !sqlgen.ReadsTables(p) {
			return nil
		}
		if _, _, err := s.generate(p); err != nil { // subqueries for values run
			return err
		}
		q, _, err := named.generate(p)
		if err != nil {
			return err
		}
		rest := p.Ops
		if q != nil {
			rest = q.Rest
			out.WriteString(q.SQL + "\n")
		} else {
			var inputs []*plan.Pipeline
			switch src := p.Source.(type) {
			case *plan.Union:
				inputs = src.Inputs
			case *plan.Shared:
				inputs = []*plan.Pipeline{src.Pipe}
			}
			for _, in := range inputs {
				if err := visit(in); err != nil {
					return err
				}
			}
		}
		for _, op := range rest {
			for _, in := range plan.Inside(op) {
				if err := visit(in); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, p := range q.Pipelines {
		if err := visit(p); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// stable names each relation by what is read.
type stable struct{ store.CallingSnapshot }

func (stable) Relation(s store.Scan) (string, error) { return fmt.Sprintf("%+v", s), nil }

func difference(want, got []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows in Go, %d in SQL\n", len(want)-1, len(got)-1)
	shown := 0
	for i := 0; i < max(len(want), len(got)) && shown < 3; i++ {
		w, g := "(none)", "(none)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			fmt.Fprintf(&b, "Go:  %s\nSQL: %s\n", w, g)
			shown++
		}
	}
	return b.String()
}

// answers of all tables of a query, with the elements of arrays in one order.
func answers(e *Engine, st store.Store, req Request) ([]string, error) {
	ctx := context.Background()
	a, err := e.Run(ctx, st, req)
	if err != nil {
		return nil, err
	}
	var out []string
	inexact := summing.MatchString(req.Text)
	for _, tab := range a.Tables {
		schema, rows, err := kqltest.ReadAll(ctx, tab.Rows)
		if err != nil {
			return nil, errors.Join(err, a.Close())
		}
		for _, r := range rows {
			for i, v := range r {
				if v.Type() == table.Dynamic && !v.IsNull() {
					v = table.DynamicValue(unordered(v.Dyn()))
				}
				if inexact {
					v = rounded(v)
				}
				r[i] = v
			}
		}
		out = append(out, answerOf(schema, rows, false)...)
	}
	return out, a.Close()
}

// summing queries add reals, whose last digits depend on the order of rows, which
// nobody promises: they are compared to twelve digits.
var summing = regexp.MustCompile(`\b(sum|avg|stdev|variance|covariance)p?(if)?\(`)

// rounded is v with its reals cut to twelve digits.
func rounded(v table.Value) table.Value {
	switch v.Type() {
	case table.Real:
		if v.IsNull() {
			return v
		}
		f, err := strconv.ParseFloat(strconv.FormatFloat(v.Float64(), 'e', 11, 64), 64)
		if err != nil {
			return v
		}
		return table.RealValue(f)
	case table.Dynamic:
		var in func(d any) any
		in = func(d any) any {
			switch d := d.(type) {
			case float64:
				return rounded(table.RealValue(d)).Float64()
			case []any:
				out := make([]any, len(d))
				for i, e := range d {
					out[i] = in(e)
				}
				return out
			case *table.Object:
				out := &table.Object{}
				for i, k := range d.Keys() {
					out.Set(k, in(d.Val(i)))
				}
				return out
			}
			return d
		}
		return table.DynamicValue(in(v.Dyn()))
	}
	return v
}

// unordered is d with the elements of every array sorted: sets have no order.
func unordered(d any) any {
	list, ok := d.([]any)
	if !ok {
		return d
	}
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = unordered(e)
	}
	slices.SortFunc(out, func(a, b any) int {
		return strings.Compare(string(table.AppendJSON(nil, a)), string(table.AppendJSON(nil, b)))
	})
	return out
}
