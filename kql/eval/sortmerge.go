package eval

import (
	"container/heap"
	"context"

	"sextant/table"
)

// write makes a run of the rows in memory: sorted, each with its key.
func (r *sortReader) write(ctx context.Context) error {
	if len(r.rows) == 0 {
		return nil
	}
	if err := r.s.x.sortRows(ctx, r.rows); err != nil {
		return err
	}
	f, err := r.s.x.temp(withKey(r.schema))
	if err != nil {
		return err
	}
	r.runs = append(r.runs, f)
	for i := 0; i < len(r.rows); i += runRows {
		if err := r.s.x.alive(ctx); err != nil {
			return err
		}
		part := r.rows[i:min(i+runRows, len(r.rows))]
		b := gatherSorted(r.schema, r.from, part)
		keys := table.NewVector(table.String, len(part))
		for _, row := range part {
			keys.S = append(keys.S, string(row.key))
		}
		if err := f.write(&table.Batch{Schema: f.schema, Cols: append(b.Cols, keys), Rows: b.Rows}); err != nil {
			return err
		}
	}
	r.rows, r.from = nil, nil
	r.hold.release()
	return f.rewind()
}

// runRows is how many rows of a run are in memory at a time while runs merge.
const runRows = 256

// runHead is where the merge stands in one run.
type runHead struct {
	run int // earlier runs have earlier rows
	f   *spillFile
	b   *table.Batch
	row int
}

func (h *runHead) key() string { return h.b.Cols[len(h.b.Cols)-1].S[h.row] }

type mergeHeap []*runHead

func (h mergeHeap) Len() int { return len(h) }
func (h mergeHeap) Less(i, j int) bool {
	a, b := h[i].key(), h[j].key()
	return a < b || a == b && h[i].run < h[j].run
}
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)   { *h = append(*h, x.(*runHead)) }
func (h *mergeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (r *sortReader) startMerge(ctx context.Context) error {
	r.heap = &mergeHeap{}
	for i, f := range r.runs {
		h := &runHead{run: i, f: f}
		ok, err := r.load(ctx, h)
		if err != nil {
			return err
		}
		if ok {
			*r.heap = append(*r.heap, h)
		}
	}
	heap.Init(r.heap)
	return nil
}

// load the next batch of a run.
func (r *sortReader) load(ctx context.Context, h *runHead) (bool, error) {
	if h.b != nil {
		if err := r.hold.add(-h.b.Bytes()); err != nil {
			return false, err
		}
	}
	b, err := h.f.Next(ctx)
	h.b, h.row = b, 0
	if err != nil || b == nil {
		return false, err
	}
	return true, r.hold.add(b.Bytes())
}

func (r *sortReader) merge(ctx context.Context) (*table.Batch, error) {
	if err := r.s.x.alive(ctx); err != nil {
		return nil, err
	}
	size := r.s.x.o.batchRows()
	out := table.NewBatch(r.schema, size)
	for out.Rows < size && r.heap.Len() > 0 {
		h := (*r.heap)[0]
		for c := range out.Cols {
			appendFrom(&out.Cols[c], &h.b.Cols[c], h.row)
		}
		out.Rows++
		if h.row++; h.row >= h.b.Rows {
			ok, err := r.load(ctx, h)
			if err != nil {
				return nil, err
			}
			if !ok {
				heap.Pop(r.heap)
				continue
			}
		}
		heap.Fix(r.heap, 0)
	}
	if out.Rows == 0 {
		return nil, nil
	}
	return out, nil
}
