package eval

import (
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// sample keeps n rows of all, each as likely as any other, in their order.
type sample struct {
	x *compiler
	n int64
}

func (s *sample) open(_ *env, in Reader) Reader {
	return &sampleReader{base: base{in: in, schema: in.Schema()}, s: s, hold: s.x.hold("sample")}
}

type sampleReader struct {
	base
	s    *sample
	hold hold
	out  *batches
}

func (r *sampleReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		b, err := r.fill(ctx)
		if err != nil {
			return nil, err
		}
		r.out = &batches{schema: r.schema, list: []*table.Batch{b}, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *sampleReader) fill(ctx context.Context) (*table.Batch, error) {
	type kept struct {
		seq   int64
		cells []table.Value
		bytes int64
	}
	var rows []kept
	var seq int64
	for r.s.n > 0 {
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
		var grown int64
		for i := range b.Rows {
			seq++
			place := int64(len(rows))
			if place >= r.s.n {
				if place = r.s.x.c.Rand.Int64N(seq); place >= r.s.n {
					continue
				}
			}
			k := kept{seq, b.Row(i, nil), 24}
			for _, v := range k.cells {
				k.bytes += v.Bytes()
			}
			grown += k.bytes
			if place == int64(len(rows)) {
				rows = append(rows, k)
			} else {
				grown -= rows[place].bytes
				rows[place] = k
			}
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, func(a, b kept) int { return int(a.seq - b.seq) })
	out := table.NewBatch(r.schema, len(rows))
	for _, k := range rows {
		out.AppendRow(k.cells)
	}
	return out, nil
}

func (r *sampleReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}

// sampleDistinct gives the first n different values: Kusto promises any.
func (x *compiler) sampleDistinct(p *pipe, op *plan.SampleDistinct) error {
	if err := x.project(p, &plan.Project{Cols: []plan.Named{op.Of}}); err != nil {
		return err
	}
	p.add(&distinct{x}, p.schema)
	p.add(&take{x, op.N}, p.schema)
	return nil
}
