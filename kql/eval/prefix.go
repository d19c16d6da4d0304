package eval

import (
	"context"

	"sextant/kql/plan"
	"sextant/table"
)

// Prefixer is a Scanner that can run the first operators of a pipeline by other
// means: as SQL in the engine that holds the tables. It is asked for every pipeline
// of a query, nested ones included.
type Prefixer interface {
	Scanner
	// Prefix of a pipeline; nil where this package must run all of it.
	Prefix(ctx context.Context, p *plan.Pipeline) (*Prefix, error)
}

// Prefix is the part of a pipeline that is run elsewhere, and the operators that
// remain. Its rows, with the columns of Schema, are what they read.
type Prefix struct {
	Schema table.Schema
	Rest   []plan.Op
	// Open starts it. It may be called many times, for one reader at a time.
	Open func(ctx context.Context) (Reader, error)
}

// prefix is the start of p as its scanner runs it, or nil.
func (x *compiler) prefix(p *plan.Pipeline) (*Prefix, error) {
	s, ok := x.src.(Prefixer)
	if !ok {
		return nil, nil
	}
	return s.Prefix(x.c.Ctx, p)
}

func (p *Prefix) open(*env) Reader { return &prefixReader{p: p} }

// prefixReader starts its prefix when the first rows are asked for.
type prefixReader struct {
	p      *Prefix
	in     Reader
	closed bool
}

func (r *prefixReader) Schema() table.Schema { return r.p.Schema }

func (r *prefixReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.closed {
		return nil, nil
	}
	if r.in == nil {
		in, err := r.p.Open(ctx)
		if err != nil {
			return nil, err
		}
		r.in = in
	}
	return r.in.Next(ctx)
}

func (r *prefixReader) Close() error {
	r.closed = true
	if r.in == nil {
		return nil
	}
	in := r.in
	r.in = nil
	return in.Close()
}
