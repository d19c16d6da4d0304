package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// mvExpand gives a row for each element. Several columns go in step, the shorter
// padded with null. A null gives one row with null, a scalar one row with itself; an
// empty array or bag gives none, unless a column beside it gives some.
type mvExpand struct {
	x      *compiler
	schema table.Schema
	cols   []*node
	to     []table.Type
	array  bool
	limit  int64
	// For each column of schema: which expanded one it is, or -1; and which of the
	// input's it repeats, or -1. With both -1 it is the index.
	expanded, repeated []int
}

func (x *compiler) expansion(p *pipe, op *plan.MvExpand) (*mvExpand, error) {
	es := make([]plan.Expr, len(op.Cols))
	for i, c := range op.Cols {
		es[i] = c.Expr
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return nil, err
	}
	s := &mvExpand{x: x, schema: op.Out, array: op.Array, limit: op.Limit}
	if s.cols, err = x.scope(p).exprs(es); err != nil {
		return nil, err
	}
	for _, c := range op.Cols {
		s.to = append(s.to, c.To)
	}
	for _, c := range op.Out {
		expanded, repeated := -1, -1
		for k, e := range op.Cols {
			if e.Name == c.Name {
				expanded = k
			}
		}
		if expanded < 0 && (op.Index == "" || c.Name != op.Index) {
			if repeated = p.schema.Index(c.Name); repeated < 0 {
				return nil, fault.New(fault.Internal, "eval: mv-expand has no column %q", c.Name)
			}
		}
		s.expanded, s.repeated = append(s.expanded, expanded), append(s.repeated, repeated)
	}
	return s, nil
}

func (x *compiler) mvExpand(p *pipe, op *plan.MvExpand) error {
	s, err := x.expansion(p, op)
	if err != nil {
		return err
	}
	p.add(s, op.Out)
	return nil
}

func (s *mvExpand) open(_ *env, in Reader) Reader {
	return &expandReader{base: base{in: in, schema: s.schema}, s: s}
}

// elements of one cell.
type elements struct {
	list []any
	bag  *table.Object
	n    int
}

func elementsOf(d any) elements {
	switch d := d.(type) {
	case []any:
		return elements{list: d, n: len(d)}
	case *table.Object:
		return elements{bag: d, n: d.Len()}
	case table.Value:
		if d.Type() == table.Dynamic {
			return elementsOf(d.Dyn())
		}
	}
	return elements{list: []any{d}, n: 1}
}

func (e *elements) at(i int, array bool, to table.Type) table.Value {
	var d any
	switch {
	case i >= e.n:
		return table.Null(to)
	case e.bag == nil:
		d = e.list[i]
	case array:
		d = []any{e.bag.Key(i), e.bag.Val(i)}
	default:
		o := &table.Object{}
		o.Set(e.bag.Key(i), e.bag.Val(i))
		d = o
	}
	v := table.FromDyn(d)
	if v.Type() == to {
		return v
	}
	return fn.Convert(v, to)
}

type expandReader struct {
	base
	s     *mvExpand
	b     *table.Batch // being expanded
	row   int
	cells []elements // of the row, when n > 0
	k, n  int        // the row's next element and how many it has
	ready bool
}

// load the elements of row i of b.
func (s *mvExpand) load(b *table.Batch, i int, cells []elements) ([]elements, int) {
	cells = cells[:0]
	n := 0
	for _, c := range s.cols {
		var d any
		if c.t == table.Dynamic {
			d = c.parsed(b, i)
		} else {
			d = fn.ToDynamic(c.at(b, i)).Dyn()
		}
		e := elementsOf(d)
		cells = append(cells, e)
		n = max(n, e.n)
	}
	if s.limit > 0 && int64(n) > s.limit {
		n = int(s.limit)
	}
	return cells, n
}

func (r *expandReader) Next(ctx context.Context) (*table.Batch, error) {
	size := r.s.x.o.batchRows()
	for {
		if r.b == nil {
			b, err := r.in.Next(ctx)
			if err != nil || b == nil {
				return nil, err
			}
			r.b, r.row, r.ready = b, 0, false
		}
		vecs := r.s.vectors(min(size, 2*r.b.Rows))
		rep := make([]int32, 0, size)
		var index []int64
		for len(rep) < size && r.row < r.b.Rows {
			if !r.ready {
				if r.row&63 == 63 {
					if err := r.s.x.alive(ctx); err != nil {
						return nil, err
					}
				}
				r.cells, r.n = r.s.load(r.b, r.row, r.cells)
				r.k, r.ready = 0, true
			}
			for ; r.k < r.n && len(rep) < size; r.k++ {
				rep = append(rep, int32(r.row))
				index = append(index, int64(r.k))
				for c := range vecs {
					vecs[c].Append(r.cells[c].at(r.k, r.s.array, r.s.to[c]))
				}
			}
			if r.k >= r.n {
				r.row++
				r.ready = false
			}
		}
		out := r.s.emit(r.b, rep, index, vecs)
		if r.row >= r.b.Rows {
			r.b = nil
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		if out.Rows > 0 {
			return out, nil
		}
	}
}

func (s *mvExpand) vectors(n int) []table.Vector {
	out := make([]table.Vector, len(s.to))
	for i, t := range s.to {
		out[i] = table.NewVector(t, n)
	}
	return out
}

// emit puts the expanded columns beside the repeated ones.
func (s *mvExpand) emit(b *table.Batch, rep []int32, index []int64, vecs []table.Vector) *table.Batch {
	out := &table.Batch{Schema: s.schema, Cols: make([]table.Vector, len(s.schema)), Rows: len(rep)}
	for c := range s.schema {
		switch {
		case s.expanded[c] >= 0:
			out.Cols[c] = vecs[s.expanded[c]]
		case s.repeated[c] >= 0:
			out.Cols[c] = pick(&b.Cols[s.repeated[c]], rep)
		default:
			out.Cols[c] = table.Vector{Type: s.schema[c].Type, N: index}
		}
	}
	return out
}

// mvApply runs a subquery over the elements of each row. A row without elements
// gives none.
type mvApply struct {
	x      *compiler
	schema table.Schema
	expand *mvExpand
	sub    *perGroup
	keep   []int
}

func (x *compiler) mvApply(p *pipe, op *plan.MvApply) error {
	expand, err := x.expansion(p, &op.Expand)
	if err != nil {
		return err
	}
	// The subquery's Outer is this operator's: what it reads is not p's.
	sub, err := x.perGroup(op.Sub, "mv-apply")
	if err != nil {
		return err
	}
	keep, err := columnsOf(p.schema, op.Keep)
	if err != nil {
		return err
	}
	if len(keep)+len(sub.schema) != len(op.Out) {
		return fault.New(fault.Internal, "eval: mv-apply has %d and %d columns for %d", len(keep), len(sub.schema), len(op.Out))
	}
	p.add(&mvApply{x, op.Out, expand, sub, keep}, op.Out)
	return nil
}

func (s *mvApply) open(_ *env, in Reader) Reader {
	return &applyReader{base: base{in: in, schema: s.schema}, s: s}
}

type applyReader struct {
	base
	s     *mvApply
	b     *table.Batch
	row   int // of b, the next
	cells []elements
	run   *groupRun
	rows  []int32 // of b, those that the groups of run came of
}

func (r *applyReader) Next(ctx context.Context) (*table.Batch, error) {
	s := r.s
	var acc collector
	for {
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		if r.run != nil {
			sub, groups, err := r.run.next(ctx)
			if err != nil {
				return nil, err
			}
			if sub != nil {
				acc.add(s.beside(r.b, r.rows, sub, groups))
				if acc.rows >= s.x.o.batchRows() {
					return acc.batch(s.schema), nil
				}
				continue
			}
			r.run.close()
			r.run = nil
		}
		if r.b == nil || r.row >= r.b.Rows {
			if acc.rows > 0 {
				r.b = nil
				return acc.batch(s.schema), nil
			}
			b, err := r.in.Next(ctx)
			if err != nil || b == nil {
				return nil, err
			}
			r.b, r.row = b, 0
			continue
		}
		if err := r.open(ctx); err != nil {
			return nil, err
		}
	}
}

// open the subquery for the next rows, as many as have about a batch of elements.
func (r *applyReader) open(ctx context.Context) error {
	s, size := r.s, r.s.x.o.batchRows()
	r.rows = r.rows[:0]
	vecs := s.expand.vectors(min(size, 2*r.b.Rows))
	var rep []int32
	var index, groups []int64
	var bytes int64
	for r.row < r.b.Rows && len(rep) < size && (len(r.rows) == 0 || s.sub.many && bytes < maxGroupsBytes) {
		i := r.row
		r.row++
		var n int
		if r.cells, n = s.expand.load(r.b, i, r.cells); n == 0 {
			continue
		}
		bytes += int64(n) * rowBytes(r.b, i)
		for k := range n {
			if len(rep)&4095 == 4095 {
				if err := s.x.alive(ctx); err != nil {
					return err
				}
			}
			rep, index, groups = append(rep, int32(i)), append(index, int64(k)), append(groups, int64(len(r.rows)))
			for c := range vecs {
				vecs[c].Append(r.cells[c].at(k, s.expand.array, s.expand.to[c]))
			}
		}
		r.rows = append(r.rows, int32(i))
	}
	if len(r.rows) == 0 {
		return nil
	}
	rows := s.expand.emit(r.b, rep, index, vecs)
	if s.sub.many {
		rows = numbered(rows, groups)
	}
	run, err := s.sub.run(len(r.rows), rows)
	r.run = run
	return err
}

// beside repeats the kept columns of rows of b for the rows of sub that came of them.
func (s *mvApply) beside(b *table.Batch, rows []int32, sub *table.Batch, groups []int64) *table.Batch {
	out := &table.Batch{Schema: s.schema, Rows: sub.Rows, Cols: make([]table.Vector, 0, len(s.keep)+len(sub.Cols))}
	of := make([]int32, sub.Rows)
	for i := range of {
		of[i] = rows[0]
		if groups != nil {
			of[i] = rows[groups[i]]
		}
	}
	for _, c := range s.keep {
		out.Cols = append(out.Cols, pick(&b.Cols[c], of))
	}
	out.Cols = append(out.Cols, sub.Cols...)
	return out
}

func (r *applyReader) Close() error {
	if r.run != nil {
		r.run.close()
		r.run = nil
	}
	return r.in.Close()
}

// collector puts small batches of one schema together.
type collector struct {
	list []*table.Batch
	rows int
}

func (c *collector) add(b *table.Batch) {
	if b.Rows > 0 {
		c.list = append(c.list, b)
		c.rows += b.Rows
	}
}

func (c *collector) batch(schema table.Schema) *table.Batch {
	if len(c.list) == 1 {
		return c.list[0]
	}
	out := table.NewBatch(schema, c.rows)
	for _, b := range c.list {
		for col := range out.Cols {
			for i := range b.Rows {
				appendFrom(&out.Cols[col], &b.Cols[col], i)
			}
		}
		out.Rows += b.Rows
	}
	return out
}
