package eval

import (
	"context"

	"sextant/table"
)

// distinct gives each row once, at its first appearance.
type distinct struct{ x *compiler }

func (s *distinct) open(_ *env, in Reader) Reader {
	return &distinctReader{base: base{in: in, schema: in.Schema()}, x: s.x, seen: map[string]struct{}{}, hold: s.x.hold("distinct")}
}

type distinctReader struct {
	base
	x    *compiler
	seen map[string]struct{}
	hold hold
	buf  []byte
}

func (r *distinctReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		if err := r.x.alive(ctx); err != nil {
			return nil, err
		}
		var keep []int32
		var grown int64
		for i := range b.Rows {
			r.buf = r.buf[:0]
			for c := range b.Cols {
				r.buf = appendKey(r.buf, &b.Cols[c], i)
			}
			if _, ok := r.seen[string(r.buf)]; !ok {
				r.seen[string(r.buf)] = struct{}{}
				grown += int64(len(r.buf)) + mapEntryBytes
				keep = append(keep, int32(i))
			}
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
		switch {
		case len(keep) == b.Rows && b.Rows > 0:
			return b, nil
		case len(keep) > 0:
			return pickRows(b, keep), nil
		}
	}
}

func (r *distinctReader) Close() error {
	r.seen = nil
	r.hold.release()
	return r.in.Close()
}
