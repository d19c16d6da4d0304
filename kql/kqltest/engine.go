package kqltest

import (
	"context"
	"slices"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Eval is the reference engine: every operator runs in Go.
type Eval struct {
	Catalogue *fn.Catalogue // nil makes one for each query
	Options   eval.Options
	Budget    func() *fn.Budget // of a query; nil is without limit
	Now       int64             // ticks; 0 is Now
}

// Now is the moment at which scripts run: 2026-01-15T12:00:00Z.
const Now = int64(739_630)*table.TicksPerDay + 12*table.TicksPerHour

func (e Eval) Name() string { return "eval" }

// Bind gives the plan of a text over tables; the names of result columns and types
// come from it.
func Bind(cat *fn.Catalogue, tables map[string]*table.Batch, text string, now int64) (*bind.Query, error) {
	file, diags := syntax.Parse(text)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	rows := func(p *plan.Pipeline) ([][]table.Value, error) {
		ctx := context.Background()
		r, err := eval.Run(fn.NewContext(ctx, now, 1, &fn.Budget{MaxBytes: 64 << 20, MaxRows: 10_000}), p, Tables(tables))
		if err != nil {
			return nil, err
		}
		_, out, err := ReadAll(ctx, r)
		return out, err
	}
	q, diags := bind.Bind(file, Environment(tables), cat, bind.Options{Now: now, Rows: rows})
	if err := diags.Err(); err != nil {
		return nil, err
	}
	if len(q.Pipelines) == 0 {
		return nil, fault.Diagnostics{{Text: "the text holds no query"}}
	}
	return q, nil
}

func (e Eval) bind(tables map[string]*table.Batch, text string) (*bind.Query, error) {
	cat := e.Catalogue
	if cat == nil {
		cat = fn.New()
	}
	return Bind(cat, tables, text, e.now())
}

func (e Eval) now() int64 {
	if e.Now != 0 {
		return e.Now
	}
	return Now
}

// Query implements Engine.
func (e Eval) Query(ctx context.Context, tables map[string]*table.Batch, text string) (table.Schema, [][]table.Value, error) {
	q, err := e.bind(tables, text)
	if err != nil {
		return nil, nil, err
	}
	var budget *fn.Budget
	if e.Budget != nil {
		budget = e.Budget()
	}
	c := fn.NewContext(ctx, e.now(), 1, budget)
	r, err := e.Options.Run(c, q.Pipelines[0], Tables(tables))
	if err != nil {
		return nil, nil, err
	}
	return ReadAll(ctx, r)
}

// Plan implements Planner: the plan's text.
func (e Eval) Plan(_ context.Context, tables map[string]*table.Batch, text string) (string, error) {
	q, err := e.bind(tables, text)
	if err != nil {
		return "", err
	}
	return q.Pipelines[0].String(), nil
}

// ReadAll reads a reader to its end and closes it.
func ReadAll(ctx context.Context, r eval.Reader) (table.Schema, [][]table.Value, error) {
	defer r.Close()
	var rows [][]table.Value
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			return r.Schema(), rows, nil
		}
		for i := range b.Rows {
			rows = append(rows, b.Row(i, nil))
		}
	}
}

// Environment is tables as the binder sees them.
func Environment(tables map[string]*table.Batch) bind.Environment { return environment(tables) }

type environment map[string]*table.Batch

func (e environment) Table(name string) (table.Def, bool) {
	b, ok := e[name]
	if !ok {
		return table.Def{}, false
	}
	return Def(name, b), true
}

// Def of a table: it has a time column where one is called Time, TimeGenerated or
// Timestamp.
func Def(name string, b *table.Batch) table.Def {
	d := table.Def{Name: name, Columns: b.Schema}
	for _, c := range b.Schema {
		if c.Type == table.DateTime && (c.Name == "TimeGenerated" || c.Name == "Time" || c.Name == "Timestamp") {
			d.Time = c.Name
			break
		}
	}
	return d
}

func (e environment) Tables() []string {
	var out []string
	for n := range e {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (e environment) Function(string) (*syntax.Let, bool) { return nil, false }

// Tables is tables as the evaluator scans them. Hidden columns are null.
func Tables(tables map[string]*table.Batch) eval.Scanner { return scanner(tables) }

type scanner map[string]*table.Batch

func (s scanner) Scan(_ context.Context, scan *plan.Scan) (eval.Reader, error) {
	b, ok := s[scan.Def.Name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no table %s", scan.Def.Name)
	}
	out := &table.Batch{Schema: scan.Out, Rows: b.Rows}
	for _, c := range scan.Out {
		i := b.Schema.Index(c.Name)
		if i >= 0 {
			out.Cols = append(out.Cols, b.Cols[i])
			continue
		}
		v := table.NewVector(c.Type, b.Rows)
		for range b.Rows {
			v.Append(table.Null(c.Type))
		}
		out.Cols = append(out.Cols, v)
	}
	return &once{schema: scan.Out, b: out}, nil
}

// once gives one batch.
type once struct {
	schema table.Schema
	b      *table.Batch
}

func (r *once) Schema() table.Schema { return r.schema }
func (r *once) Close() error         { r.b = nil; return nil }
func (r *once) Next(context.Context) (*table.Batch, error) {
	b := r.b
	r.b = nil
	return b, nil
}
