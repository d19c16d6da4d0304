package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/kql/plan"
	"sextant/kql/sqlgen"
	"sextant/kql/syntax"
	"sextant/store"
	"sextant/table"
)

// BenchmarkPlan is what a query costs before any row is read: each published query is
// parsed, bound and planned, and written as SQL. The median and the longest of them are
// printed. What binding reads to know the columns of a plugin does not count: that is a
// query of its own.
//
//	go test ./query -run '^$' -bench Plan -benchtime 5x
func BenchmarkPlan(b *testing.B) {
	queries := corpus(b)
	x := benchTenant(b)
	e := New(Options{Clock: clockAt(kqltest.Now)})
	ctx := context.Background()
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	now, _ := table.TicksOf(e.o.Clock())
	odd := e.odd.of(ctx, x.store, marksOf(x.store), snap)
	p := &planning{e: e, snap: snap, now: now, odd: odd, lists: x.watchlists()}
	took := make([]struct {
		id    string
		parts [4][]time.Duration // parse, bind, plan, SQL
	}, 0, len(queries))
	for b.Loop() {
		if len(took) == 0 {
			for _, q := range queries {
				if _, ok := p.run(b, q.Query); ok { // those that do not bind lack what is not here
					took = append(took, struct {
						id    string
						parts [4][]time.Duration
					}{id: q.ID})
				}
			}
		}
		at := 0
		for _, q := range queries {
			if at == len(took) || took[at].id != q.ID {
				continue
			}
			parts, _ := p.run(b, q.Query)
			for i, d := range parts {
				took[at].parts[i] = append(took[at].parts[i], d)
			}
			at++
		}
	}
	if len(took) < 900 && *onlyRule == "" {
		b.Fatalf("only %d queries bind", len(took))
	}
	type whole struct {
		id       string
		parts    [4]time.Duration
		planned  time.Duration
		rendered time.Duration
	}
	var all []whole
	for _, q := range took {
		w := whole{id: q.id}
		for i, ds := range q.parts {
			slices.Sort(ds)
			w.parts[i] = ds[len(ds)/2]
		}
		w.planned, w.rendered = w.parts[0]+w.parts[1]+w.parts[2], w.parts[3]
		all = append(all, w)
	}
	report := func(name string, of func(w whole) time.Duration) {
		slices.SortFunc(all, func(a, b whole) int { return cmp.Compare(of(a), of(b)) })
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		b.ReportMetric(ms(of(all[len(all)/2])), name+"-median-ms")
		b.ReportMetric(ms(of(all[len(all)-1])), name+"-longest-ms")
		var longest []string
		for _, w := range slices.Backward(all[max(0, len(all)-5):]) {
			longest = append(longest, fmt.Sprintf("%s %v (%v)", w.id, of(w), w.parts))
		}
		b.Logf("%s: the longest of %d are %s", name, len(all), strings.Join(longest, ", "))
	}
	report("plan", func(w whole) time.Duration { return w.planned })
	report("sql", func(w whole) time.Duration { return w.rendered })
	b.ReportMetric(0, "ns/op")
}

// planning of queries over a snapshot.
type planning struct {
	e     *Engine
	snap  store.Snapshot
	now   int64
	odd   func(table.Def) bool
	lists benchLists
}

// run does all that is done before a query is run, and tells how long each part took;
// ok is false where the query does not bind.
func (p *planning) run(b *testing.B, text string) (parts [4]time.Duration, ok bool) {
	ctx := context.Background()
	req := Request{Text: text, Watchlists: p.lists}
	begin := time.Now()
	lap := func(i int) {
		parts[i] = time.Since(begin)
		begin = time.Now()
	}
	file, ds := syntax.Parse(text)
	lap(0)
	if ds.Err() != nil {
		b.Fatal(ds)
	}
	asked := time.Duration(0)
	rows := p.e.rowsOf(ctx, p.snap, req, p.now, p.odd)
	q, ds := bind.Bind(file, environmentOf(p.snap, req), p.e.o.Catalogue, bind.Options{Now: p.now, Watchlists: p.lists, Rows: func(pipe *plan.Pipeline) ([][]table.Value, error) {
		begin := time.Now()
		defer func() { asked += time.Since(begin) }()
		return rows(pipe)
	}})
	lap(1)
	parts[1] -= asked
	if ds.Err() != nil || q == nil {
		return parts, false
	}
	p.e.optimize(q, p.now, p.odd, p.snap)
	lap(2)
	c := fn.NewContext(ctx, p.now, 1, &fn.Budget{})
	s := p.e.scannerOf(c, p.snap, nil).(*split)
	for _, pipe := range q.Pipelines {
		if err := s.writeAll(pipe); err != nil {
			b.Fatal(err)
		}
	}
	lap(3)
	return parts, true
}

// writeAll the SQL of a pipeline and of what is left of it to Go, without running
// anything: values of subqueries are null.
func (s *split) writeAll(p *plan.Pipeline) error {
	if !sqlgen.ReadsTables(p) {
		return nil
	}
	sql := s.sql.(store.CallingSnapshot)
	q, _, err := sqlgen.Prefix(p, sqlgen.Options{Dialect: s.dialect, Max: -1, Catalogue: s.o.Catalogue, Call: sql.Call, CallList: sql.CallList,
		Scalar: func(e *plan.ScalarQuery) (table.Value, error) { return table.Null(e.T), s.writeAll(e.Pipe) },
		Set:    func(e *plan.InQuery) ([]table.Value, bool, error) { return nil, false, s.writeAll(e.Pipe) },
	}, func(scan *plan.Scan) (string, error) { return s.sql.Relation(scanOf(scan)) })
	if err != nil {
		return err
	}
	rest := p.Ops
	if q != nil {
		rest = q.Rest
	} else {
		var inputs []*plan.Pipeline
		switch src := p.Source.(type) {
		case *plan.Union:
			inputs = src.Inputs
		case *plan.Shared:
			inputs = []*plan.Pipeline{src.Pipe}
		}
		for _, in := range inputs {
			if err := s.writeAll(in); err != nil {
				return err
			}
		}
	}
	for _, op := range rest {
		for _, in := range plan.Inside(op) {
			if err := s.writeAll(in); err != nil {
				return err
			}
		}
	}
	return nil
}
