package eval

import (
	"context"

	"sextant/kql/plan"
	"sextant/table"
)

// partition runs a subquery over each group of rows, in the order of the groups'
// first rows.
type partition struct {
	x   *compiler
	by  []*node
	sub *perGroup
	// width is how many columns the groups' rows have.
	width int
}

func (x *compiler) partition(p *pipe, op *plan.Partition) error {
	width := len(p.schema)
	es, err := x.liftRows(p, []plan.Expr{op.By})
	if err != nil {
		return err
	}
	by, err := x.scope(p).exprs(es)
	if err != nil {
		return err
	}
	sub, err := x.perGroup(op.Sub, "partition")
	if err != nil {
		return err
	}
	p.add(&partition{x, by, sub, width}, sub.schema)
	return nil
}

func (s *partition) open(_ *env, in Reader) Reader {
	return &partitionReader{base: base{in: in, schema: s.sub.schema}, s: s, hold: s.x.hold("partition")}
}

type partitionReader struct {
	base
	s      *partition
	hold   hold
	groups *grouped
	i      int
	run    *groupRun
}

// grouped are rows by group.
type grouped struct {
	from []*table.Batch
	rows [][]at // of each group
	keys map[string]int
}

// groupRows reads all of in and puts its rows in groups by key, charging h.
func (x *compiler) groupRows(ctx context.Context, in Reader, by []*node, width int, h *hold) (*grouped, error) {
	g := &grouped{keys: map[string]int{}}
	var buf []byte
	vecs := make([]table.Vector, len(by))
	for {
		b, err := in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return g, nil
		}
		if err := x.alive(ctx); err != nil {
			return nil, err
		}
		for k, n := range by {
			vecs[k] = n.vector(b)
		}
		grown := b.Bytes() + 8*int64(b.Rows)
		for i := range b.Rows {
			buf = buf[:0]
			for k := range vecs {
				buf = appendKey(buf, &vecs[k], i)
			}
			k, ok := g.keys[string(buf)]
			if !ok {
				k = len(g.rows)
				g.keys[string(buf)] = k
				g.rows = append(g.rows, nil)
				grown += int64(len(buf)) + mapEntryBytes + 24
			}
			g.rows[k] = append(g.rows[k], at{int32(len(g.from)), int32(i)})
		}
		if len(b.Cols) > width {
			b = narrow(b, b.Schema[:width])
		}
		g.from = append(g.from, b)
		if err := h.add(grown); err != nil {
			return nil, err
		}
	}
}

func (r *partitionReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.groups == nil {
		g, err := r.s.x.groupRows(ctx, r.in, r.s.by, r.s.width, &r.hold)
		if err != nil {
			return nil, err
		}
		r.groups = g
	}
	var acc collector
	for {
		if r.run != nil {
			b, _, err := r.run.next(ctx)
			if err != nil {
				return nil, err
			}
			if b != nil {
				acc.add(b)
				if acc.rows >= r.s.x.o.batchRows() {
					return acc.batch(r.schema), nil
				}
				continue
			}
			r.run.close()
			r.run = nil
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		if r.i >= len(r.groups.rows) {
			if acc.rows > 0 {
				return acc.batch(r.schema), nil
			}
			return nil, nil
		}
		if err := r.open(); err != nil {
			return nil, err
		}
	}
}

// open the subquery for the next groups, as many as have about a batch of rows.
func (r *partitionReader) open() error {
	var ats []at
	var of []int64
	n, bytes := 0, int64(0)
	for r.i < len(r.groups.rows) && (n == 0 || r.s.sub.many && len(ats) < r.s.x.o.batchRows() && bytes < maxGroupsBytes) {
		rows := r.groups.rows[r.i]
		r.groups.rows[r.i] = nil
		r.i++
		ats = append(ats, rows...)
		for _, a := range rows {
			of = append(of, int64(n))
			bytes += rowBytes(r.groups.from[a.batch], int(a.row))
		}
		n++
	}
	schema := r.in.Schema()[:r.s.width]
	rows := gather(schema, r.groups.from, identity(len(schema)), ats)
	if r.s.sub.many {
		rows = numbered(rows, of)
	}
	run, err := r.s.sub.run(n, rows)
	r.run = run
	return err
}

func (r *partitionReader) Close() error {
	if r.run != nil {
		r.run.close()
		r.run = nil
	}
	r.groups = &grouped{}
	r.hold.release()
	return r.in.Close()
}
