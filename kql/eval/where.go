package eval

import (
	"context"

	"sextant/kql/plan"
	"sextant/table"
)

// filter keeps the rows whose predicate is true. Its conjuncts run one after the
// other, each over the rows that are left.
type filter struct {
	x     *compiler
	preds []*node
	width int // columns kept: what row functions added goes
}

func (x *compiler) filter(p *pipe, op *plan.Filter) error {
	width, schema := len(p.schema), p.schema
	es, err := x.liftRows(p, []plan.Expr{op.Pred})
	if err != nil {
		return err
	}
	preds, err := x.scope(p).exprs(plan.Conjuncts(es[0]))
	if err != nil {
		return err
	}
	p.add(&filter{x, preds, width}, schema)
	return nil
}

func (s *filter) open(_ *env, in Reader) Reader {
	return &filterReader{base: base{in: in, schema: in.Schema()[:s.width]}, s: s}
}

type filterReader struct {
	base
	s *filter
}

func (r *filterReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		keep := r.s.keep(b)
		switch {
		case len(keep) == 0:
			continue
		case len(keep) < b.Rows:
			b = narrow(b, r.schema)
			return pickRows(b, keep), nil
		}
		return narrow(b, r.schema), nil
	}
}

// keep lists the rows that pass.
func (s *filter) keep(b *table.Batch) []int32 {
	keep := make([]int32, b.Rows)
	for i := range keep {
		keep[i] = int32(i)
	}
	for _, p := range s.preds {
		left := keep[:0]
		if p.vec != nil && len(keep) > b.Rows/2 {
			v := p.vector(b)
			for _, i := range keep {
				if v.N[i] != 0 && !v.IsNull(int(i)) {
					left = append(left, i)
				}
			}
		} else {
			for k, i := range keep {
				if k&63 == 63 && s.x.c.Ctx.Err() != nil {
					return nil
				}
				if p.at(b, int(i)).Bool() {
					left = append(left, i)
				}
			}
		}
		if keep = left; len(keep) == 0 {
			break
		}
	}
	return keep
}

// narrow drops the columns behind those of schema.
func narrow(b *table.Batch, schema table.Schema) *table.Batch {
	if len(b.Cols) == len(schema) {
		return b
	}
	return &table.Batch{Schema: schema, Cols: b.Cols[:len(schema)], Rows: b.Rows}
}
