package query

import (
	"context"
	"errors"

	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/store"
)

// Planned is a query that was not written in KQL: what asks it made the plan itself.
type Planned struct {
	// Text says for Options.Asked what was asked, in the language it was asked in.
	Text string
	By   string
	// Plan makes the pipeline over the tables of a snapshot, with functions of the
	// engine's catalogue. Its error is the query's.
	Plan func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error)
	// Split, MaxRows and Now are as in Request.
	Split   *int
	MaxRows int64
	Now     int64
}

// RunPlan runs a plan over a store. The answer has one table. Everything else is as
// with Run: limits, the part that runs as SQL, who hears of it.
func (e *Engine) RunPlan(ctx context.Context, st store.Store, p Planned) (*Answer, error) {
	begin := e.o.Clock()
	req := Request{Text: p.Text, By: p.By, Split: p.Split, MaxRows: p.MaxRows, Now: p.Now}
	a, err := e.startPlan(ctx, st, req, p)
	e.record(a, req, begin, err)
	return a, err
}

func (e *Engine) startPlan(ctx context.Context, st store.Store, req Request, p Planned) (*Answer, error) {
	marks := marksOf(st)
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	pipe, err := p.Plan(snap, e.o.Catalogue)
	if err != nil {
		return nil, errors.Join(err, snap.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	now := e.now(req)
	pipe = plan.Optimize(e.rewriting(now, e.odd.of(ctx, st, marks, snap), snap), pipe)
	c := fn.NewContext(ctx, now, uint64(now), &fn.Budget{MaxBytes: e.o.MaxBytes, MaxRows: e.rows(req)})
	r, err := eval.Options{TempDir: e.o.TempDir}.Run(c, pipe, e.scannerOf(c, snap, req.Split))
	if err != nil {
		err = errors.Join(e.plain(ctx, err), snap.Close())
		cancel()
		return nil, err
	}
	return &Answer{
		Tables: []Table{{Name: "PrimaryResult", Rows: r}},
		close: func() error {
			err := errors.Join(r.Close(), snap.Close())
			cancel()
			return err
		},
	}, nil
}

// ExplainPlan says how a plan would run.
func (e *Engine) ExplainPlan(ctx context.Context, st store.Store, p Planned) (string, error) {
	marks := marksOf(st)
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	pipe, err := p.Plan(snap, e.o.Catalogue)
	if err != nil {
		return "", errors.Join(err, snap.Close())
	}
	req := Request{Split: p.Split, Now: p.Now}
	now := e.now(req)
	pipe = plan.Optimize(e.rewriting(now, e.odd.of(ctx, st, marks, snap), snap), pipe)
	c := fn.NewContext(ctx, now, uint64(now), &fn.Budget{MaxBytes: e.o.MaxBytes})
	text, err := e.explainPipeline(c, snap, pipe, req)
	return text, errors.Join(err, snap.Close())
}

// Catalogue of functions that plans may call.
func (e *Engine) Catalogue() *fn.Catalogue { return e.o.Catalogue }
