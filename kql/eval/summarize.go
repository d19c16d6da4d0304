package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// summarize groups rows by a hash of their keys; groups come in the order of their
// first rows. Without keys there is one group, whatever comes.
type summarize struct {
	x      *compiler
	schema table.Schema
	by     []*node
	aggs   []aggregate
}

type aggregate struct {
	fn   *fn.Aggregate
	args []*node
	info []fn.Arg
	out  table.Schema
}

func (x *compiler) summarize(p *pipe, op *plan.Summarize) error {
	var es []plan.Expr
	for _, b := range op.By {
		es = append(es, b.Expr)
	}
	for _, a := range op.Aggs {
		es = append(es, a.Args...)
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return err
	}
	nodes, err := x.scope(p).exprs(es)
	if err != nil {
		return err
	}
	s := &summarize{x: x, schema: op.Schema(), by: nodes[:len(op.By)]}
	nodes = nodes[len(op.By):]
	for _, a := range op.Aggs {
		agg, err := newAggregate(a, nodes[:len(a.Args)])
		if err != nil {
			return err
		}
		nodes = nodes[len(a.Args):]
		s.aggs = append(s.aggs, agg)
	}
	p.add(s, s.schema)
	return nil
}

func newAggregate(a plan.Agg, args []*node) (aggregate, error) {
	if a.Fn.Refused != "" {
		return aggregate{}, fault.New(fault.Invalid, "%s is not available: %s", a.Fn.Name, a.Fn.Refused)
	}
	if a.Fn.New == nil {
		return aggregate{}, fault.New(fault.Internal, "eval: aggregate %s has no evaluator", a.Fn.Name)
	}
	return aggregate{a.Fn, args, a.Info, a.Out}, nil
}

func (s *summarize) open(_ *env, in Reader) Reader {
	return &summarizeReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("summarize")}
}

type summarizeReader struct {
	base
	s    *summarize
	hold hold
	out  *batches
}

// group is the states of one group's aggregates.
type group struct {
	keys   []table.Value
	states []fn.State
	bytes  int64 // of the states, as charged
	seen   int   // the last batch that touched it
}

func (s *summarize) newGroup(keys []table.Value) *group {
	g := &group{keys: keys, states: make([]fn.State, len(s.aggs)), seen: -1}
	for i, a := range s.aggs {
		g.states[i] = a.fn.New(s.x.c, a.info)
	}
	return g
}

func (g *group) stateBytes() int64 {
	var n int64
	for _, s := range g.states {
		n += s.Bytes()
	}
	return n
}

func (r *summarizeReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		groups, err := r.fill(ctx)
		if err != nil {
			return nil, err
		}
		r.in.Close()
		out, err := r.results(ctx, groups)
		if err != nil {
			return nil, err
		}
		r.out = &batches{schema: r.schema, list: out, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *summarizeReader) fill(ctx context.Context) ([]*group, error) {
	s := r.s
	var groups []*group
	byKey := map[string]*group{}
	if len(s.by) == 0 {
		groups = append(groups, s.newGroup(nil))
	}
	var buf []byte
	vecs := make([]table.Vector, len(s.by))
	var args []table.Value
	argVecs := make([][]table.Vector, len(s.aggs))
	for batch := 0; ; batch++ {
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return groups, nil
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		for k, n := range s.by {
			vecs[k] = n.vector(b)
		}
		for a := range s.aggs {
			argVecs[a] = argVecs[a][:0]
			for _, n := range s.aggs[a].args {
				argVecs[a] = append(argVecs[a], n.vector(b))
			}
		}
		var grown int64
		var touched []*group
		for i := range b.Rows {
			if i&255 == 255 {
				if err := s.x.alive(ctx); err != nil {
					return nil, err
				}
			}
			var g *group
			if len(s.by) == 0 {
				g = groups[0]
			} else {
				buf = buf[:0]
				for k := range vecs {
					buf = appendKey(buf, &vecs[k], i)
				}
				g = byKey[string(buf)]
				if g == nil {
					keys := make([]table.Value, len(vecs))
					n := int64(len(buf)) + mapEntryBytes + 96 + 16*int64(len(s.aggs))
					for k := range vecs {
						keys[k] = vecs[k].At(i)
						n += keys[k].Bytes()
					}
					g = s.newGroup(keys)
					byKey[string(buf)] = g
					groups = append(groups, g)
					grown += n
				}
			}
			if g.seen != batch {
				g.seen = batch
				touched = append(touched, g)
			}
			for a := range s.aggs {
				args = args[:0]
				for v := range argVecs[a] {
					args = append(args, argVecs[a][v].At(i))
				}
				g.states[a].Add(args)
			}
		}
		for _, g := range touched {
			n := g.stateBytes()
			grown += n - g.bytes
			g.bytes = n
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
	}
}

func (r *summarizeReader) results(ctx context.Context, groups []*group) ([]*table.Batch, error) {
	size := r.s.x.o.batchRows()
	var out []*table.Batch
	row := make([]table.Value, 0, len(r.schema))
	for i, g := range groups {
		if i%size == 0 {
			if err := r.s.x.alive(ctx); err != nil {
				return nil, err
			}
			out = append(out, table.NewBatch(r.schema, min(size, len(groups)-i)))
		}
		row = append(row[:0], g.keys...)
		for a, s := range g.states {
			res := s.Results()
			if len(res) != len(r.s.aggs[a].out) {
				return nil, fault.New(fault.Internal, "eval: %s gave %d results for %d columns", r.s.aggs[a].fn.Name, len(res), len(r.s.aggs[a].out))
			}
			row = append(row, res...)
		}
		for c := range row {
			row[c] = fit(row[c], r.schema[c].Type)
		}
		out[len(out)-1].AppendRow(row)
		g.states, g.keys = nil, nil
	}
	return out, nil
}

func (r *summarizeReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
