package eval

import (
	"context"

	"sextant/kql/plan"
	"sextant/table"
)

// project computes columns: project, extend and all their kin.
type project struct {
	x      *compiler
	schema table.Schema
	cols   []*node
}

func (x *compiler) project(p *pipe, op *plan.Project) error {
	es := make([]plan.Expr, len(op.Cols))
	for i, c := range op.Cols {
		es[i] = c.Expr
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return err
	}
	cols, err := x.scope(p).exprs(es)
	if err != nil {
		return err
	}
	p.add(&project{x, op.Schema(), cols}, op.Schema())
	return nil
}

func (s *project) open(_ *env, in Reader) Reader {
	return &projectReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("extend or project")}
}

type projectReader struct {
	base
	s    *project
	hold hold // for the large cells of the batch that is under way
}

func (r *projectReader) Next(ctx context.Context) (*table.Batch, error) {
	r.hold.release()
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	out := &table.Batch{Schema: r.schema, Cols: make([]table.Vector, len(r.s.cols)), Rows: b.Rows}
	for i, n := range r.s.cols {
		out.Cols[i] = n.vector(b)
		if n.size.bytes > 0 {
			if err := r.hold.add(n.size.bytes); err != nil {
				return nil, err
			}
		}
	}
	return out, r.s.x.alive(ctx)
}

func (r *projectReader) Close() error {
	r.hold.release()
	return r.in.Close()
}
