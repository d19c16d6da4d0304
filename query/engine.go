package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/complete"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/store"
	"sextant/table"
)

// Engine answers queries. It may be used by any number of goroutines.
type Engine struct {
	o   Options
	odd oddness
}

// New engine.
func New(o Options) *Engine {
	if o.Catalogue == nil {
		o.Catalogue = fn.New()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 512 << 20
	}
	if o.MaxRows == 0 {
		o.MaxRows = 500_000
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	return &Engine{o: o}
}

// Run a query over a store. What is wrong with the text comes back as
// fault.Diagnostics.
func (e *Engine) Run(ctx context.Context, st store.Store, req Request) (*Answer, error) {
	marks := marksOf(st)
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	odd := e.odd.of(ctx, st, marks, snap) // of the tables whole, since it is remembered
	if req.View != nil {
		snap = req.View(snap)
	}
	return e.run(ctx, snap, req, odd)
}

// RunOn runs a query over a snapshot that no single store has (several at once, rows
// at hand), which the answer closes.
func (e *Engine) RunOn(ctx context.Context, snap store.Snapshot, req Request) (*Answer, error) {
	return e.run(ctx, snap, req, e.odd.of(ctx, nil, "", snap))
}

func (e *Engine) run(ctx context.Context, snap store.Snapshot, req Request, odd func(table.Def) bool) (*Answer, error) {
	begin := e.o.Clock()
	a, err := e.start(ctx, snap, req, odd)
	e.record(a, req, begin, err)
	return a, err
}

func (e *Engine) start(ctx context.Context, snap store.Snapshot, req Request, odd func(table.Def) bool) (*Answer, error) {
	set, wrong := e.apply(req.Text, &req)
	if wrong != nil {
		return nil, errors.Join(wrong, snap.Close())
	}
	timeout := e.o.Timeout
	if set.timeout > 0 {
		timeout = min(timeout, set.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	closers := []func() error{func() error { cancel(); return nil }, snap.Close}
	closeAll := func() error {
		var err error
		for _, c := range slices.Backward(closers) {
			err = errors.Join(err, c())
		}
		return err
	}
	now := e.now(req)
	q, notes := e.bindWith(environmentOf(snap, req), req, now, bind.Options{Rows: e.rowsOf(ctx, snap, req, now, odd), External: e.externalOf(ctx)})
	if q == nil {
		return nil, errors.Join(notes.Err(), closeAll())
	}
	e.optimize(q, now, odd, snap)
	c := fn.NewContext(ctx, now, uint64(now), &fn.Budget{MaxBytes: e.o.MaxBytes, MaxRows: e.rows(req)})
	a := &Answer{Notes: notes, Settings: set.Settings, close: closeAll}
	src := e.scannerOf(c, snap, req.Split)
	session := eval.Options{TempDir: e.o.TempDir}.Session(c, src)
	closers = append(closers, session.Close)
	if s, ok := src.(*split); ok {
		s.session = session
	}
	for i, p := range q.Pipelines {
		r, err := session.Run(p)
		if err != nil {
			return nil, errors.Join(e.plain(ctx, err), closeAll())
		}
		closers = append(closers, r.Close)
		name := "PrimaryResult"
		if i > 0 {
			name = fmt.Sprintf("Table_%d", i)
		}
		if i < len(q.Names) && q.Names[i] != "" {
			name = q.Names[i]
		}
		var rows store.Reader = r
		if set.take > 0 {
			rows = &taken{r, set.take}
		}
		a.Tables = append(a.Tables, Table{Name: name, Rows: rows})
		if i < len(q.Renders) && q.Renders[i] != nil && a.Render == nil {
			a.Render = &Render{q.Renders[i].Chart, q.Renders[i].Props}
		}
	}
	return a, nil
}

// plain gives the deadline's error the words of a limit.
func (e *Engine) plain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// maxPluginRows bounds what a plugin may ask for to know its columns.
const maxPluginRows = 10_000

// rowsOf runs, while a query is bound, the plans that tell the columns of plugins such
// as pivot.
func (e *Engine) rowsOf(ctx context.Context, snap store.Snapshot, req Request, now int64, odd func(table.Def) bool) func(*plan.Pipeline) ([][]table.Value, error) {
	return func(p *plan.Pipeline) (out [][]table.Value, err error) {
		p = plan.Optimize(e.rewriting(now, odd, snap), p)
		c := fn.NewContext(ctx, now, uint64(now), &fn.Budget{MaxBytes: e.o.MaxBytes, MaxRows: maxPluginRows})
		r, err := eval.Options{TempDir: e.o.TempDir}.Run(c, p, e.scannerOf(c, snap, req.Split))
		if err != nil {
			return nil, e.plain(ctx, err)
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		for {
			b, err := r.Next(ctx)
			if err != nil {
				return nil, e.plain(ctx, err)
			}
			if b == nil {
				return out, nil
			}
			for i := range b.Rows {
				out = append(out, b.Row(i, nil))
			}
		}
	}
}

// bindWith binds a request; of the options it sets what the request tells.
func (e *Engine) bindWith(env bind.Environment, req Request, now int64, o bind.Options) (*bind.Query, fault.Diagnostics) {
	file, ds := syntax.Parse(req.Text)
	if ds.Err() != nil {
		return nil, ds
	}
	params, err := e.params(file, req.Params, now)
	if err != nil {
		return nil, append(ds, fault.Diagnostic{Code: "SEM0250", Text: err.Error()})
	}
	o.From, o.To, o.Now, o.Params, o.Workspaces, o.Watchlists = req.From, req.To, now, params, req.Workspaces, req.Watchlists
	o.Workspace = req.Workspace
	if s, ok := env.(interface{ together() bool }); ok {
		o.Together = s.together()
	}
	q, more := bind.Bind(file, env, e.o.Catalogue, o)
	return q, append(ds, more...)
}

func (e *Engine) now(req Request) int64 {
	if req.Now != 0 {
		return req.Now
	}
	now, _ := table.TicksOf(e.o.Clock())
	return now
}

// optimize rewrites the plans of a query that is to run at once.
func (e *Engine) optimize(q *bind.Query, now int64, odd func(table.Def) bool, snap store.Snapshot) {
	r := e.rewriting(now, odd, snap)
	for i, p := range q.Pipelines {
		q.Pipelines[i] = plan.Optimize(r, p)
	}
}

// rewriting of plans that are to run over a snapshot.
func (e *Engine) rewriting(now int64, odd func(table.Def) bool, snap store.Snapshot) *plan.Rewriting {
	r := &plan.Rewriting{Cat: e.o.Catalogue, Now: now, Odd: odd}
	r.Empty = func(def table.Def) bool { return snap.Stats(def.Name).Rows == 0 }
	if s, ok := snap.(store.Excluder); ok {
		r.Excluded = func(scan *plan.Scan) bool { return s.Excludes(scanOf(scan)) }
	}
	return r
}

// Check binds a text without running it. The schema is the primary result's.
func (e *Engine) Check(env bind.Environment, text string) (table.Schema, fault.Diagnostics) {
	now, _ := table.TicksOf(e.o.Clock())
	q, ds := e.bindWith(env, Request{Text: text}, now, bind.Options{Check: true})
	if q == nil || len(q.Pipelines) == 0 {
		return nil, ds
	}
	return q.Pipelines[0].Schema(), ds
}

// Complete proposes what can be written at a byte offset of a text.
func (e *Engine) Complete(env bind.Environment, text string, offset int) complete.Result {
	return complete.At(text, offset, env, e.o.Catalogue)
}

// Explain says how a query would run.
func (e *Engine) Explain(ctx context.Context, st store.Store, req Request) (string, error) {
	marks := marksOf(st)
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	return e.explainOver(ctx, snap, req, e.odd.of(ctx, st, marks, snap))
}

// ExplainOn says how a query would run over a snapshot, which it closes.
func (e *Engine) ExplainOn(ctx context.Context, snap store.Snapshot, req Request) (string, error) {
	return e.explainOver(ctx, snap, req, e.odd.of(ctx, nil, "", snap))
}

func (e *Engine) explainOver(ctx context.Context, snap store.Snapshot, req Request, odd func(table.Def) bool) (string, error) {
	if _, wrong := e.apply(req.Text, &req); wrong != nil {
		return "", errors.Join(wrong, snap.Close())
	}
	now := e.now(req)
	q, ds := e.bindWith(environmentOf(snap, req), req, now, bind.Options{Rows: e.rowsOf(ctx, snap, req, now, odd), External: e.externalOf(ctx)})
	if q == nil {
		return "", errors.Join(ds.Err(), snap.Close())
	}
	e.optimize(q, now, odd, snap)
	text, err := e.explain(fn.NewContext(ctx, now, uint64(now), &fn.Budget{MaxBytes: e.o.MaxBytes}), snap, q, req)
	return text, errors.Join(err, snap.Close())
}

// snapshotEnvironment resolves names in a snapshot.
type snapshotEnvironment struct{ store.Snapshot }

func (s snapshotEnvironment) Table(name string) (table.Def, bool)      { return s.Def(name) }
func (s snapshotEnvironment) Function(name string) (*syntax.Let, bool) { return nil, false }

// together says whether scans tell the workspaces of the rows.
func (s snapshotEnvironment) together() bool { return together(s.Snapshot) }

// Environment of a fixed list of tables.
type Environment struct {
	defs  map[string]table.Def
	names []string
	saved []Function
}

// NewEnvironment of tables, without rows: to check queries against.
func NewEnvironment(defs []table.Def) *Environment {
	e := &Environment{defs: map[string]table.Def{}}
	for _, d := range defs {
		e.defs[d.Name] = d
		e.names = append(e.names, d.Name)
	}
	slices.Sort(e.names)
	return e
}

// Table implements bind.Environment.
func (e *Environment) Table(name string) (table.Def, bool) { d, ok := e.defs[name]; return d, ok }

// Tables implements bind.Environment.
func (e *Environment) Tables() []string { return e.names }

// Function implements bind.Environment.
func (e *Environment) Function(name string) (*syntax.Let, bool) {
	for _, f := range e.saved {
		if f.Name == name {
			let, err := f.parse()
			return let, err == nil
		}
	}
	return nil, false
}

// Functions implements complete.Lister.
func (e *Environment) Functions() []string {
	out := make([]string, 0, len(e.saved))
	for _, f := range e.saved {
		out = append(out, f.Name)
	}
	return out
}

// WithFunctions is the environment with saved functions besides.
func (e *Environment) WithFunctions(saved []Function) *Environment {
	out := *e
	out.saved = saved
	return &out
}

// scanner reads stored tables for the evaluator.
type scanner struct{ snap store.Snapshot }

func (s scanner) Scan(ctx context.Context, scan *plan.Scan) (eval.Reader, error) {
	return s.snap.Scan(ctx, scanOf(scan))
}

func scanOf(scan *plan.Scan) store.Scan {
	out := store.Scan{Table: scan.Def.Name, Columns: scan.Out.Names(), From: scan.From, To: scan.To}
	for _, b := range scan.Bounds {
		out.Bounds = append(out.Bounds, store.Bound(b))
	}
	for _, e := range scan.Equal {
		out.Equal = append(out.Equal, store.Equal(e))
	}
	for _, t := range scan.Terms {
		out.Terms = append(out.Terms, store.Terms(t))
	}
	return out
}
