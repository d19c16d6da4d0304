package eval

import (
	"context"

	"sextant/table"
)

// distinct gives each row once, at its first appearance. When the keys outgrow
// memory, rows with new keys wait in files and come last.
type distinct struct{ x *compiler }

func (s *distinct) open(_ *env, in Reader) Reader {
	return &distinctReader{base: base{in: in, schema: in.Schema()}, x: s.x, seen: map[string]struct{}{}, hold: s.x.hold("distinct")}
}

type distinctReader struct {
	base
	x     *compiler
	seen  map[string]struct{}
	hold  hold
	buf   []byte
	work  []levelled // inputs after in
	level int
	spill *spill // of the input that is read
}

// levelled is rows that wait in a file, and how often they have been cut.
type levelled struct {
	rows  *spillFile
	level int
}

// push finishes a spill and adds its files to the work.
func push(work []levelled, s *spill) ([]levelled, error) {
	files, err := s.finish()
	for _, f := range files {
		if f != nil {
			work = append(work, levelled{f, s.level + 1})
		}
	}
	return work, err
}

func (r *distinctReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if err := r.x.alive(ctx); err != nil {
			return nil, err
		}
		if b == nil {
			more, err := r.nextInput()
			if err != nil || !more {
				return nil, err
			}
			continue
		}
		var keep []int32
		var grown int64
		for i := range b.Rows {
			r.buf = r.buf[:0]
			for c := range b.Cols {
				r.buf = appendKey(r.buf, &b.Cols[c], i)
			}
			if _, ok := r.seen[string(r.buf)]; ok {
				continue
			}
			if r.spill != nil {
				if err := r.spill.add(b, i, r.buf); err != nil {
					return nil, err
				}
				continue
			}
			r.seen[string(r.buf)] = struct{}{}
			grown += int64(len(r.buf)) + mapEntryBytes
			keep = append(keep, int32(i))
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
		if r.spill == nil && r.x.full(&r.hold, r.level) {
			r.spill = r.x.spill(r.schema, r.level)
		}
		switch {
		case len(keep) == b.Rows && b.Rows > 0:
			return b, nil
		case len(keep) > 0:
			return pickRows(b, keep), nil
		}
	}
}

// nextInput goes on to a file of rows that waited.
func (r *distinctReader) nextInput() (bool, error) {
	if r.spill != nil {
		var err error
		if r.work, err = push(r.work, r.spill); err != nil {
			return false, err
		}
		r.spill = nil
	}
	if len(r.work) == 0 {
		return false, nil
	}
	next := r.work[len(r.work)-1]
	r.work = r.work[:len(r.work)-1]
	r.in.Close()
	r.in, r.level = next.rows, next.level
	clear(r.seen)
	r.hold.release()
	return true, nil
}

func (r *distinctReader) Close() error {
	r.seen = nil
	r.hold.release()
	for _, w := range r.work {
		w.rows.Close()
	}
	r.work = nil
	return r.in.Close()
}
