package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// summarize groups rows by a hash of their keys; groups come in the order of their
// first rows. Without keys there is one group, whatever comes. When the groups
// outgrow memory, those that are there stay and take their rows, and the rows of
// others wait in files.
type summarize struct {
	x      *compiler
	schema table.Schema
	cols   []*node      // keys, then the arguments of all aggregates
	used   table.Schema // of cols
	by     int          // how many keys
	aggs   []aggregate
	each   bool // of the env's groups, by whose number it groups, gives a row
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
	s := &summarize{x: x, schema: op.Schema(), by: len(op.By), cols: nodes}
	for _, n := range nodes {
		s.used = append(s.used, table.Column{Name: "", Type: n.t})
	}
	nodes = nodes[s.by:]
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

func (s *summarize) open(e *env, in Reader) Reader {
	r := &summarizeReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("summarize")}
	if s.each {
		r.each = e.groups
	}
	return r
}

type summarizeReader struct {
	base
	s     *summarize
	hold  hold
	each  int // groups that there are, whatever comes
	begun bool
	done  []*group // groups that are complete, to be given
	work  []levelled
}

// group is the states of one group's aggregates.
type group struct {
	keys   []table.Value
	states []fn.State
	bytes  int64 // of the states, as charged
	seen   int   // the last batch that touched it
}

func newGroup(c *fn.Context, aggs []aggregate, keys []table.Value) *group {
	g := &group{keys: keys, states: make([]fn.State, len(aggs)), seen: -1}
	for i, a := range aggs {
		g.states[i] = a.fn.New(c, a.info)
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
	for len(r.done) == 0 {
		r.hold.release()
		in, level := Reader(nil), 0
		switch {
		case !r.begun:
			in = &computed{base: base{in: r.in, schema: r.s.used}, x: r.s.x, cols: r.s.cols}
			r.begun = true
		case len(r.work) > 0:
			next := r.work[len(r.work)-1]
			r.work = r.work[:len(r.work)-1]
			in, level = next.rows, next.level
		default:
			return nil, nil
		}
		groups, err := r.fill(ctx, in, level)
		in.Close()
		if err != nil {
			return nil, err
		}
		r.done = groups
	}
	return r.results(ctx)
}

// computed gives the columns that nodes compute.
type computed struct {
	base
	x    *compiler
	cols []*node
}

func (r *computed) Next(ctx context.Context) (*table.Batch, error) {
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	out := &table.Batch{Schema: r.schema, Cols: make([]table.Vector, len(r.cols)), Rows: b.Rows}
	for i, n := range r.cols {
		out.Cols[i] = n.vector(b)
	}
	return out, r.x.alive(ctx)
}

func (r *summarizeReader) fill(ctx context.Context, in Reader, level int) ([]*group, error) {
	s := r.s
	var groups []*group
	var byKey map[string]*group
	var rest *spill
	var buf []byte
	if s.by == 0 {
		groups = append(groups, newGroup(s.x.c, s.aggs, nil))
	} else {
		byKey = map[string]*group{}
	}
	for n := range r.each {
		g := newGroup(s.x.c, s.aggs, []table.Value{table.LongValue(int64(n))})
		buf = appendCell(buf[:0], g.keys[0], false)
		byKey[string(buf)] = g
		groups = append(groups, g)
	}
	if err := r.hold.add(int64(r.each) * (24 + mapEntryBytes + 96 + 16*int64(len(s.aggs)))); err != nil {
		return nil, err
	}
	args := make([]table.Value, len(s.cols)-s.by)
	for batch := 0; ; batch++ {
		b, err := in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
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
			if s.by == 0 {
				g = groups[0]
			} else {
				buf = buf[:0]
				for k := range s.by {
					buf = appendKey(buf, &b.Cols[k], i)
				}
				if g = byKey[string(buf)]; g == nil {
					if rest != nil {
						if err := rest.add(b, i, buf); err != nil {
							return nil, err
						}
						continue
					}
					keys := make([]table.Value, s.by)
					grown += int64(len(buf)) + mapEntryBytes + 96 + 16*int64(len(s.aggs))
					for k := range keys {
						keys[k] = b.Cols[k].At(i)
						grown += keys[k].Bytes()
					}
					g = newGroup(s.x.c, s.aggs, keys)
					byKey[string(buf)] = g
					groups = append(groups, g)
				}
			}
			if g.seen != batch {
				g.seen = batch
				touched = append(touched, g)
			}
			for c := range args {
				args[c] = b.Cols[s.by+c].At(i)
			}
			left := args
			for a := range s.aggs {
				n := len(s.aggs[a].args)
				g.states[a].Add(left[:n:n])
				left = left[n:]
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
		if rest == nil && s.by > 0 && s.x.full(&r.hold, level) {
			rest = s.x.spill(s.used, level)
		}
	}
	if rest != nil {
		var err error
		if r.work, err = push(r.work, rest); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// results gives the next groups.
func (r *summarizeReader) results(ctx context.Context) (*table.Batch, error) {
	n := min(r.s.x.o.batchRows(), len(r.done))
	out := table.NewBatch(r.schema, n)
	row := make([]table.Value, 0, len(r.schema))
	for i, g := range r.done[:n] {
		if i&63 == 63 {
			if err := r.s.x.alive(ctx); err != nil {
				return nil, err
			}
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
		out.AppendRow(row)
		r.done[i] = nil
	}
	r.done = r.done[n:]
	return out, r.s.x.alive(ctx)
}

func (r *summarizeReader) Close() error {
	r.done, r.begun = nil, true
	for _, w := range r.work {
		w.rows.Close()
	}
	r.work = nil
	r.hold.release()
	return r.in.Close()
}
