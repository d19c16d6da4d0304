package eval

import (
	"context"

	"sextant/table"
)

// take gives the first n rows and then asks for no more.
type take struct {
	x *compiler
	n int64
}

func (s *take) open(_ *env, in Reader) Reader {
	return &takeReader{base: base{in: in, schema: in.Schema()}, left: s.n}
}

type takeReader struct {
	base
	left int64
}

func (r *takeReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.left <= 0 {
		r.in.Close() // what is behind may be expensive
		return nil, nil
	}
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	if int64(b.Rows) > r.left {
		b = b.Slice(0, int(r.left))
	}
	r.left -= int64(b.Rows)
	return b, nil
}
