package eval

import (
	"bytes"
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// sorted orders all rows; rows with equal keys stay in the order that they came in.
// Rows that outgrow memory are written as sorted runs and merged.
type sorted struct {
	x     *compiler
	keys  []*node
	order []sortOrder
	width int
}

func (x *compiler) sort(p *pipe, op *plan.Sort) error {
	width, schema := len(p.schema), p.schema
	keys, order, err := x.sortKeys(p, op.Keys)
	if err != nil {
		return err
	}
	p.add(&sorted{x, keys, order, width}, schema)
	return nil
}

func (x *compiler) sortKeys(p *pipe, ks []plan.SortKey) ([]*node, []sortOrder, error) {
	es := make([]plan.Expr, len(ks))
	order := make([]sortOrder, len(ks))
	for i, k := range ks {
		es[i] = k.Expr
		order[i] = sortOrder{k.Desc, k.NullsFirst}
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return nil, nil, err
	}
	keys, err := x.scope(p).exprs(es)
	return keys, order, err
}

func (s *sorted) open(_ *env, in Reader) Reader {
	return &sortReader{base: base{in: in, schema: in.Schema()[:s.width]}, s: s, hold: s.x.hold("sort")}
}

type sortReader struct {
	base
	s    *sorted
	hold hold
	done bool
	from []*table.Batch
	rows []sortRow
	at   int
	runs []*spillFile
	heap *mergeHeap
}

// sortRow is a row's key and where the row is.
type sortRow struct {
	key []byte
	at  at
}

// keyRows makes the sort keys of a batch's rows. They share one allocation.
func keyRows(keys []*node, order []sortOrder, b *table.Batch, batch int32, dst []sortRow) ([]sortRow, int64) {
	vecs := make([]table.Vector, len(keys))
	for k, n := range keys {
		vecs[k] = n.vector(b)
	}
	var arena []byte
	ends := make([]int, b.Rows)
	for i := range b.Rows {
		for k := range keys {
			arena = appendSortKey(arena, &vecs[k], i, order[k])
		}
		ends[i] = len(arena)
	}
	start := 0
	for i, end := range ends {
		dst = append(dst, sortRow{arena[start:end:end], at{batch, int32(i)}})
		start = end
	}
	return dst, int64(len(arena) + 40*b.Rows)
}

func (r *sortReader) Next(ctx context.Context) (*table.Batch, error) {
	if !r.done {
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
		r.done = true
	}
	if r.heap != nil {
		return r.merge(ctx)
	}
	if r.at >= len(r.rows) {
		return nil, nil
	}
	if err := r.s.x.alive(ctx); err != nil {
		return nil, err
	}
	end := min(r.at+r.s.x.o.batchRows(), len(r.rows))
	out := gatherSorted(r.schema, r.from, r.rows[r.at:end])
	r.at = end
	return out, nil
}

func gatherSorted(schema table.Schema, from []*table.Batch, rows []sortRow) *table.Batch {
	ats := make([]at, len(rows))
	for i, row := range rows {
		ats[i] = row.at
	}
	return gather(schema, from, identity(len(schema)), ats)
}

func (r *sortReader) fill(ctx context.Context) error {
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return err
		}
		var n int64
		r.rows, n = keyRows(r.s.keys, r.s.order, b, int32(len(r.from)), r.rows)
		b = narrow(b, r.schema)
		r.from = append(r.from, b)
		if err := r.hold.add(n + b.Bytes()); err != nil {
			return err
		}
		if r.s.x.full(&r.hold, 0) {
			if err := r.write(ctx); err != nil {
				return err
			}
		}
	}
	if len(r.runs) == 0 {
		return r.s.x.sortRows(ctx, r.rows)
	}
	if err := r.write(ctx); err != nil {
		return err
	}
	return r.startMerge(ctx)
}

// sortRows sorts by key, then by place. It gives up when the query ends.
func (x *compiler) sortRows(ctx context.Context, rows []sortRow) error {
	// Sorted runs first, so that a long sort can be cancelled between them.
	const run = 1 << 15
	byKey := func(a, b sortRow) int {
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c
		}
		if a.at.batch != b.at.batch {
			return int(a.at.batch) - int(b.at.batch)
		}
		return int(a.at.row) - int(b.at.row)
	}
	for i := 0; i < len(rows); i += run {
		slices.SortFunc(rows[i:min(i+run, len(rows))], byKey)
		if err := x.alive(ctx); err != nil {
			return err
		}
	}
	if len(rows) <= run {
		return nil
	}
	// Merge neighbouring runs until one is left.
	tmp := make([]sortRow, len(rows))
	from, to := rows, tmp
	for width := run; width < len(rows); width *= 2 {
		for i := 0; i < len(rows); i += 2 * width {
			mid, end := min(i+width, len(rows)), min(i+2*width, len(rows))
			l, h := i, mid
			for k := i; k < end; k++ {
				if k&0xffff == 0 {
					if err := x.alive(ctx); err != nil {
						return err
					}
				}
				if l < mid && (h >= end || byKey(from[l], from[h]) <= 0) {
					to[k] = from[l]
					l++
				} else {
					to[k] = from[h]
					h++
				}
			}
		}
		from, to = to, from
	}
	if &from[0] != &rows[0] {
		copy(rows, from)
	}
	return nil
}

func (r *sortReader) Close() error {
	r.done, r.rows, r.from, r.heap = true, nil, nil, nil
	for _, f := range r.runs {
		f.Close()
	}
	r.runs = nil
	r.hold.release()
	return r.in.Close()
}
