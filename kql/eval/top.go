package eval

import (
	"bytes"
	"container/heap"
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// top keeps the n first rows of an order in a heap, without keeping the rest.
type top struct {
	x     *compiler
	n     int64
	keys  []*node
	order []sortOrder
	width int
}

func (x *compiler) top(p *pipe, op *plan.Top) error {
	width, schema := len(p.schema), p.schema
	keys, order, err := x.sortKeys(p, op.Keys)
	if err != nil {
		return err
	}
	p.add(&top{x, op.N, keys, order, width}, schema)
	return nil
}

func (s *top) open(_ *env, in Reader) Reader {
	return &topReader{base: base{in: in, schema: in.Schema()[:s.width]}, s: s, hold: s.x.hold("top")}
}

type topReader struct {
	base
	s    *top
	hold hold
	out  *batches
}

type topRow struct {
	key   []byte
	seq   int64 // among equal keys the first that came stays
	cells []table.Value
	bytes int64
}

func (a *topRow) compare(b *topRow) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	if a.seq < b.seq {
		return -1
	}
	return 1
}

// topHeap has the last row of the order on top.
type topHeap []*topRow

func (h topHeap) Len() int           { return len(h) }
func (h topHeap) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }
func (h topHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *topHeap) Push(x any)        { *h = append(*h, x.(*topRow)) }
func (h *topHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (r *topReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		rows, err := r.fill(ctx)
		if err != nil {
			return nil, err
		}
		r.in.Close()
		r.out = &batches{schema: r.schema, list: rows, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *topReader) fill(ctx context.Context) ([]*table.Batch, error) {
	if r.s.n <= 0 {
		return nil, nil
	}
	var h topHeap
	var seq int64
	var keyed []sortRow
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		keyed, _ = keyRows(r.s.keys, r.s.order, b, 0, keyed[:0])
		b = narrow(b, r.schema)
		var grown int64
		for i := range keyed {
			seq++
			if int64(len(h)) >= r.s.n && bytes.Compare(keyed[i].key, h[0].key) >= 0 {
				continue
			}
			row := &topRow{key: bytes.Clone(keyed[i].key), seq: seq, cells: b.Row(i, nil)}
			row.bytes = int64(len(row.key)) + 64
			for _, c := range row.cells {
				row.bytes += c.Bytes()
			}
			grown += row.bytes
			if int64(len(h)) < r.s.n {
				heap.Push(&h, row)
				continue
			}
			grown -= h[0].bytes
			h[0] = row
			heap.Fix(&h, 0)
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(h, func(a, b *topRow) int { return a.compare(b) })
	out := table.NewBatch(r.schema, len(h))
	for _, row := range h {
		out.AppendRow(row.cells)
	}
	return []*table.Batch{out}, nil
}

func (r *topReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
