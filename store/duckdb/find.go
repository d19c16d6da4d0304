package duckdb

import (
	"context"
	"slices"

	"sextant/store"
	"sextant/table"
)

// Find implements store.Finder: rows in memory, and those of the index of rows. No file is
// read, and no statement run, which would cost more than a few hundred rows do.
func (s *snapshot) Find(scan store.Scan, n int) (store.Reader, bool) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	def := s.state.defs[scan.Table]
	if closed || def == nil || len(scan.Equal) == 0 {
		return nil, false
	}
	cols := make([]int, len(scan.Columns))
	out := &foundReader{schema: make(table.Schema, len(cols))}
	for i, name := range scan.Columns {
		if cols[i] = def.phys.Index(name); cols[i] < 0 {
			return nil, false
		}
		out.schema[i] = def.phys[cols[i]]
	}
	found := false // that the index knows of a segment
	add := func(b *headBatch) bool {
		if n -= b.count(); n >= 0 {
			out.rest = append(out.rest, b.columns(out.schema, cols))
		}
		return n >= 0
	}
	for _, seg := range s.state.segs[scan.Table] {
		if seg.span.outside(scan.From, scan.To) {
			continue
		}
		rows, known, ok := seg.exactRows(scan)
		if !ok || len(rows) > n {
			return nil, false
		}
		found = true
		if len(rows) == 0 {
			continue
		}
		if b := seg.covered(def, cols, rows, known); b == nil || !add(b) {
			return nil, false
		}
	}
	if !found {
		return nil, false
	}
	for _, b := range s.state.head[scan.Table] {
		if b.count() == 0 || b.span.outside(scan.From, scan.To) {
			continue
		}
		if b = b.having(scan.Equal); b.count() > 0 && !add(b) {
			return nil, false
		}
	}
	return out, true
}

// having is the batch with those of its rows that have the values.
func (b *headBatch) having(equal []store.Equal) *headBatch {
	out := *b
	out.alive = []int32{}
	has := func(r int32) bool {
		for _, eq := range equal {
			c := b.def.phys.Index(eq.Column)
			if c < 0 {
				continue
			}
			col := &b.rows.Cols[c]
			if b.def.kinds[c] == kindTextList {
				list, _ := listCell(col, int(r))
				if !slices.ContainsFunc(list, func(e any) bool { s, ok := e.(string); return ok && slices.Contains(eq.Values, s) }) {
					return false
				}
				continue
			}
			if col.IsNull(int(r)) && !slices.Contains(eq.Values, "") || !col.IsNull(int(r)) && !slices.Contains(eq.Values, col.S[r]) {
				return false
			}
		}
		return true
	}
	// A promoted value of another type is not in its column.
	odd := b.rows.Cols[b.def.hidden(table.HiddenOdd)].N
	b.each(func(r int32) {
		if odd[r] != 0 || has(r) {
			out.alive = append(out.alive, r)
		}
	})
	return &out
}

// columns of the batch's rows, as a reader gives them.
func (b *headBatch) columns(schema table.Schema, cols []int) *table.Batch {
	out := &table.Batch{Schema: schema, Cols: make([]table.Vector, len(cols)), Rows: b.count()}
	for i, c := range cols {
		if b.alive == nil {
			out.Cols[i] = b.rows.Cols[c]
			continue
		}
		out.Cols[i] = table.NewVector(schema[i].Type, len(b.alive))
		for _, r := range b.alive {
			out.Cols[i].Append(b.rows.Cols[c].At(int(r)))
		}
	}
	return out
}

// foundReader gives batches that lie in memory.
type foundReader struct {
	schema table.Schema
	rest   []*table.Batch
}

func (r *foundReader) Schema() table.Schema { return r.schema }

func (r *foundReader) Next(ctx context.Context) (*table.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.rest) == 0 {
		return nil, nil
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}

func (r *foundReader) Close() error {
	r.rest = nil
	return nil
}
