package eval

import (
	"context"

	"sextant/table"
)

// pick is the cells of v at idx, in that order; -1 gives null.
func pick(v *table.Vector, idx []int32) table.Vector {
	if v.Len() == 0 { // it may lack the slices of its type
		return nulls(v.Type, len(idx))
	}
	out := table.Vector{Type: v.Type, N: pickSlice(v.N, idx), F: pickSlice(v.F, idx), S: pickSlice(v.S, idx), D: pickSlice(v.D, idx)}
	if v.Type == table.String { // never null
		return out
	}
	some := v.Valid != nil
	for _, i := range idx {
		some = some || i < 0
	}
	if some {
		out.Valid = make([]bool, len(idx))
		for k, i := range idx {
			out.Valid[k] = i >= 0 && (v.Valid == nil || v.Valid[i])
		}
	}
	return out
}

func pickSlice[T any](s []T, idx []int32) []T {
	if s == nil {
		return nil
	}
	out := make([]T, len(idx))
	for k, i := range idx {
		if i >= 0 {
			out[k] = s[i]
		}
	}
	return out
}

// pickRows is the rows of b at idx.
func pickRows(b *table.Batch, idx []int32) *table.Batch {
	out := &table.Batch{Schema: b.Schema, Cols: make([]table.Vector, len(b.Cols)), Rows: len(idx)}
	for c := range b.Cols {
		out.Cols[c] = pick(&b.Cols[c], idx)
	}
	return out
}

// at names a row among several batches; batch -1 is a row of nulls.
type at struct{ batch, row int32 }

// gather builds a batch from rows of several batches. cols are the source's
// columns, one for each of schema.
func gather(schema table.Schema, from []*table.Batch, cols []int, rows []at) *table.Batch {
	out := &table.Batch{Schema: schema, Cols: make([]table.Vector, len(schema)), Rows: len(rows)}
	one := len(from) > 0
	for _, r := range rows {
		if r.batch < 0 || r.batch != rows[0].batch {
			one = false
			break
		}
	}
	if one && len(rows) > 0 {
		idx := make([]int32, len(rows))
		for k, r := range rows {
			idx[k] = r.row
		}
		src := from[rows[0].batch]
		for c := range schema {
			out.Cols[c] = pick(&src.Cols[cols[c]], idx)
		}
		return out
	}
	for c := range schema {
		v := table.NewVector(schema[c].Type, len(rows))
		for _, r := range rows {
			if r.batch < 0 {
				v.Append(table.Null(schema[c].Type))
			} else {
				appendFrom(&v, &from[r.batch].Cols[cols[c]], int(r.row))
			}
		}
		out.Cols[c] = v
	}
	return out
}

// appendFrom adds cell i of src, which has the type of dst.
func appendFrom(dst, src *table.Vector, i int) {
	if src.Valid == nil && dst.Valid == nil {
		switch dst.Type {
		case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
			dst.N = append(dst.N, src.N[i])
			return
		case table.Real:
			dst.F = append(dst.F, src.F[i])
			return
		case table.String, table.Guid:
			dst.S = append(dst.S, src.S[i])
			return
		}
	}
	dst.Append(src.At(i))
}

// identity are the columns 0, 1, … n-1.
func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// nulls is a vector of n nulls.
func nulls(t table.Type, n int) table.Vector {
	v := table.NewVector(t, n)
	for range n {
		v.Append(table.Null(t))
	}
	return v
}

// repeat is a vector of n times x.
func repeat(x table.Value, t table.Type, n int) table.Vector {
	v := table.NewVector(t, n)
	for range n {
		v.Append(x)
	}
	return v
}

// base is what most readers share: a schema and the reader before.
type base struct {
	schema table.Schema
	in     Reader
}

func (r *base) Schema() table.Schema { return r.schema }
func (r *base) Close() error {
	if r.in == nil {
		return nil
	}
	return r.in.Close()
}

// batches gives batches that are there already, cut to size, without columns being
// copied.
type batches struct {
	schema table.Schema
	list   []*table.Batch
	size   int
	off    int
	done   func()
}

func (r *batches) Schema() table.Schema { return r.schema }

func (r *batches) Next(context.Context) (*table.Batch, error) {
	for len(r.list) > 0 {
		b := r.list[0]
		if r.off == 0 && b.Rows <= r.size {
			r.list = r.list[1:]
			if b.Rows == 0 {
				continue
			}
			return b, nil
		}
		end := min(r.off+r.size, b.Rows)
		out := b.Slice(r.off, end)
		if r.off = end; end == b.Rows {
			r.list, r.off = r.list[1:], 0
		}
		return out, nil
	}
	return nil, nil
}

func (r *batches) Close() error {
	r.list = nil
	if r.done != nil {
		r.done()
		r.done = nil
	}
	return nil
}
