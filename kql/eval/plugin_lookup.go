package eval

import (
	"context"
	"slices"

	"sextant/kql/fn"
	"sextant/table"
)

// lookup finds, for each row, the rows of a table that hold it: networks that hold an
// address, shapes that hold a point. The table is in memory, the rows stream past it.
type lookup struct{ *plugin }

func (s *lookup) open(e *env, in Reader) Reader {
	return &lookupReader{base: base{in: in, schema: s.schema}, s: s, e: e, hold: s.x.hold(s.name)}
}

type lookupReader struct {
	base
	s    *lookup
	e    *env
	hold hold

	rows []*table.Batch
	find func(cols []table.Vector, i int, dst []at) []at
	all  bool // give rows that nothing holds

	b    *table.Batch
	cols []table.Vector
	row  int
	left []at // of the row, what is still to give
	buf  []at
}

// in the finder, left and right of what is given are gathered apart.
func (r *lookupReader) Next(ctx context.Context) (*table.Batch, error) {
	s := r.s
	if r.find == nil {
		if err := r.begin(ctx); err != nil {
			return nil, err
		}
	}
	size := s.x.o.batchRows()
	for {
		if r.b == nil {
			b, err := r.in.Next(ctx)
			if err != nil || b == nil {
				return nil, err
			}
			r.b, r.row, r.left = b, 0, nil
			r.cols = r.cols[:0]
			for _, n := range s.cols {
				r.cols = append(r.cols, n.vector(b))
			}
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		var idx []int32
		var right []at
		for len(idx) < size && (r.row < r.b.Rows || len(r.left) > 0) {
			if len(r.left) == 0 {
				r.buf = r.find(r.cols, r.row, r.buf[:0])
				r.left = r.buf
				r.row++
				if r.row&255 == 0 {
					if err := s.x.alive(ctx); err != nil {
						return nil, err
					}
				}
				if len(r.left) == 0 && r.all {
					idx, right = append(idx, int32(r.row-1)), append(right, at{-1, 0})
				}
			}
			n := min(len(r.left), size-len(idx))
			for _, a := range r.left[:n] {
				idx, right = append(idx, int32(r.row-1)), append(right, a)
			}
			r.left = r.left[n:]
		}
		b := r.b
		if r.row >= r.b.Rows && len(r.left) == 0 {
			r.b = nil
		}
		if len(idx) == 0 {
			continue
		}
		out := &table.Batch{Schema: r.schema, Rows: len(idx)}
		for _, c := range s.keep {
			out.Cols = append(out.Cols, pick(&b.Cols[c], idx))
		}
		k := len(s.keep)
		got := gather(r.schema[k:], r.rows, s.take, right)
		out.Cols = append(out.Cols, got.Cols...)
		return out, nil
	}
}

func (r *lookupReader) begin(ctx context.Context) error {
	s := r.s
	in := s.right.open(r.e)
	defer in.Close()
	rows, err := s.x.drain(ctx, in, &r.hold)
	if err != nil {
		return err
	}
	r.rows = rows
	switch s.name {
	case "ipv4_lookup", "ipv6_lookup":
		r.all = s.param(0).Bool()
		return r.networks(ctx, s.name == "ipv6_lookup")
	}
	r.all = s.param(1).Bool()
	return r.shapes(ctx, s.name == "geo_polygon_lookup")
}

// networks puts the table's networks into a hash for each length of prefix.
func (r *lookupReader) networks(ctx context.Context, v6 bool) error {
	byBits := make([]map[string][]at, 129)
	var key []byte
	for bi, b := range r.rows {
		if err := r.s.x.alive(ctx); err != nil {
			return err
		}
		cols := make([]table.Vector, len(r.s.keys))
		for k, n := range r.s.keys {
			cols[k] = n.vector(b)
		}
		var grown int64
		for i := range b.Rows {
			a, bits, ok := fn.Network(cols[0].S[i], v6)
			if !ok {
				continue
			}
			m := byBits[bits]
			if m == nil {
				m = map[string][]at{}
				byBits[bits] = m
			}
			net := fn.Masked(a, bits)
			key = append(key[:0], net[:]...)
			for k := range cols[1:] {
				key = appendKey(key, &cols[1+k], i)
			}
			m[string(key)] = append(m[string(key)], at{int32(bi), int32(i)})
			grown += int64(len(key)) + mapEntryBytes + 8
		}
		if err := r.hold.add(grown); err != nil {
			return err
		}
	}
	r.find = func(cols []table.Vector, i int, dst []at) []at {
		a, most, ok := fn.Network(cols[0].S[i], v6)
		if !ok {
			return dst
		}
		for bits := most; bits >= 0; bits-- {
			m := byBits[bits]
			if m == nil {
				continue
			}
			net := fn.Masked(a, bits)
			key = append(key[:0], net[:]...)
			for k := range cols[1:] {
				key = appendKey(key, &cols[1+k], i)
			}
			dst = append(dst, m[string(key)]...)
		}
		// In the table's order.
		slices.SortFunc(dst, func(a, b at) int {
			if a.batch != b.batch {
				return int(a.batch - b.batch)
			}
			return int(a.row - b.row)
		})
		return dst
	}
	return nil
}

// shapes reads the table's polygons or lines. A text of GeoJSON that stands twice is
// read once.
func (r *lookupReader) shapes(ctx context.Context, polygons bool) error {
	type placed struct {
		shape *fn.Shape
		at    at
	}
	var all []placed
	read := map[string]*fn.Shape{}
	for bi, b := range r.rows {
		v := r.s.keys[0].vector(b)
		for i := range b.Rows {
			if i&15 == 15 {
				if err := r.s.x.alive(ctx); err != nil {
					return err
				}
			}
			x := v.At(i)
			key := x.JSON()
			shape, ok := read[key]
			if !ok {
				if polygons {
					shape, _ = fn.PolygonShape(x)
				} else {
					shape, _ = fn.LineShape(x)
				}
				read[key] = shape
				if err := r.hold.add(int64(len(key))*4 + mapEntryBytes); err != nil {
					return err
				}
			}
			if shape != nil {
				all = append(all, placed{shape, at{int32(bi), int32(i)}})
			}
		}
	}
	metres := 0.0
	if v := r.s.param(0); !v.IsNull() {
		metres = v.Float64()
	}
	r.find = func(cols []table.Vector, i int, dst []at) []at {
		if cols[0].IsNull(i) || cols[1].IsNull(i) {
			return dst
		}
		for k, p := range all {
			if k&255 == 255 && r.s.x.c.Ctx.Err() != nil {
				break
			}
			if p.shape.Near(cols[0].F[i], cols[1].F[i], metres) {
				dst = append(dst, p.at)
			}
		}
		return dst
	}
	return nil
}

func (r *lookupReader) Close() error {
	r.rows, r.b, r.left = nil, nil, nil
	r.find = func([]table.Vector, int, []at) []at { return nil }
	r.hold.release()
	return r.in.Close()
}
