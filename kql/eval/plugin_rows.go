package eval

import (
	"context"
	"math"
	"slices"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// narrowed makes a row of each cell: the number of the row, the column, the text.
type narrowed struct {
	*plugin
	names []string
}

func (s *narrowed) open(_ *env, in Reader) Reader {
	return &narrowReader{base: base{in: in, schema: s.schema}, s: s}
}

type narrowReader struct {
	base
	s    *narrowed
	n    int64
	b    *table.Batch
	cols []table.Vector
	row  int
}

func (r *narrowReader) Next(ctx context.Context) (*table.Batch, error) {
	for r.b == nil || r.row >= r.b.Rows {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		r.b, r.row, r.cols = b, 0, r.cols[:0]
		for _, n := range r.s.cols {
			r.cols = append(r.cols, n.vector(b))
		}
	}
	if err := r.s.x.alive(ctx); err != nil {
		return nil, err
	}
	size := r.s.x.o.batchRows()
	out := table.NewBatch(r.schema, size)
	for ; r.row < r.b.Rows && (out.Rows == 0 || out.Rows+len(r.cols) <= size); r.row++ {
		for c, name := range r.s.names {
			out.AppendRow([]table.Value{table.LongValue(r.n), table.StringValue(name), table.StringValue(fn.ToText(r.cols[c].At(r.row)))})
		}
		r.n++
	}
	return out, nil
}

// near gives the rows that are at most so many rows before or behind one whose
// condition is true.
type near struct{ *plugin }

func (s *near) open(_ *env, in Reader) Reader {
	return &nearReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("rows_near")}
}

type nearReader struct {
	base
	s             *near
	hold          hold
	begun         bool
	before, after int64
	n             int64          // rows read
	until         int64          // rows up to this number are given
	wait          []*table.Batch // rows that may still be before one
	from          int64          // number of the first of them
}

// nearMost is how far rows_near can look.
const nearMost = 1_000_000

func (r *nearReader) begin() error {
	v, err := r.s.need(0, "a number of rows")
	if err != nil {
		return err
	}
	r.before, r.after = v.Int64(), v.Int64()
	if v := r.s.param(1); !v.IsNull() {
		r.after = v.Int64()
	}
	if min(r.before, r.after) < 0 || max(r.before, r.after) > nearMost {
		return fault.New(fault.Invalid, "rows_near takes from 0 to %d rows", nearMost)
	}
	return nil
}

func (r *nearReader) Next(ctx context.Context) (*table.Batch, error) {
	if !r.begun {
		r.begun, r.until = true, -1
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	for {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		v := r.s.cols[0].vector(b)
		kept := &table.Batch{Schema: r.schema, Rows: b.Rows}
		for _, c := range r.s.keep {
			kept.Cols = append(kept.Cols, b.Cols[c])
		}
		r.wait = append(r.wait, kept)
		if err := r.hold.add(kept.Bytes()); err != nil {
			return nil, err
		}
		var rows []at
		// first is the number of the first row that has been neither given nor let go.
		first := r.from
		give := func(to int64) { // the rows first … to
			k := len(r.wait) - 1
			start := r.n
			for k > 0 && start > first {
				k--
				start -= int64(r.wait[k].Rows)
			}
			for ; first <= to; first++ {
				for first-start >= int64(r.wait[k].Rows) {
					start += int64(r.wait[k].Rows)
					k++
				}
				rows = append(rows, at{int32(k), int32(first - start)})
			}
		}
		for i := range b.Rows {
			n := r.n + int64(i)
			if !v.IsNull(i) && v.N[i] != 0 {
				r.until = n + r.after
				first = max(first, n-r.before)
			}
			if n <= r.until {
				give(n)
			}
		}
		r.n += int64(b.Rows)
		r.from = max(first, r.n-r.before)
		out := gather(r.schema, r.wait, identity(len(r.schema)), rows)
		// Let go what no row behind can reach.
		start := r.n
		for k := len(r.wait) - 1; k >= 0; k-- {
			if start <= r.from {
				for _, old := range r.wait[:k+1] {
					if err := r.hold.add(-old.Bytes()); err != nil {
						return nil, err
					}
				}
				r.wait = slices.Clone(r.wait[k+1:])
				break
			}
			start -= int64(r.wait[k].Rows)
		}
		if out.Rows > 0 {
			return out, nil
		}
	}
}

func (r *nearReader) Close() error {
	r.wait = nil
	r.hold.release()
	return r.in.Close()
}

// rollingPercentile is, for each bin with rows, a percentile of the rows in it and
// the bins before it, by nearest rank.
func rollingPercentile(ctx context.Context, r *wholeRun) error {
	pct := r.param(0).Float64()
	size, err := r.span(1, "a size of bins")
	if err != nil {
		return err
	}
	bins := r.param(2).Int64()
	type cell struct {
		bin int64
		val table.Value
	}
	dims := newKeyed()
	var rows [][]cell
	err = r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		var grown int64
		for i := range b.Rows {
			if cols[0].IsNull(i) || cols[1].IsNull(i) {
				continue
			}
			d, g := dims.of(cols[2:], i, true)
			if int(d) == len(rows) {
				rows = append(rows, nil)
			}
			rows[d] = append(rows[d], cell{floorDiv(cols[1].N[i], size), cols[0].At(i)})
			grown += g + 80
		}
		return r.add(grown)
	})
	if err != nil {
		return err
	}
	for d, cells := range rows {
		slices.SortStableFunc(cells, func(a, b cell) int {
			switch {
			case a.bin < b.bin:
				return -1
			case a.bin > b.bin:
				return 1
			}
			return 0
		})
		var window []cell // in order of value
		lo, hi := 0, 0
		for hi < len(cells) {
			if err := r.x.alive(ctx); err != nil {
				return err
			}
			bin := cells[hi].bin
			for ; hi < len(cells) && cells[hi].bin == bin; hi++ {
				window = append(window, cells[hi])
			}
			for lo < hi && cells[lo].bin <= bin-bins {
				lo++
			}
			window = slices.DeleteFunc(window, func(c cell) bool { return c.bin <= bin-bins })
			slices.SortStableFunc(window, func(a, b cell) int { return fn.SortCompare(a.val, b.val) })
			at := max(0, int(math.Ceil(pct/100*float64(len(window))-1e-9))-1)
			row := append([]table.Value{pointOf(r.cols[1].t, bin*size)}, dims.vals[d]...)
			if err := r.emit(append(row, window[min(at, len(window)-1)].val)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemaMerge merges the schemas of several tables. A column with two types, or at
// another place where that matters, is marked as an error.
func schemaMerge(ctx context.Context, r *wholeRun) error {
	var out []*mergedColumn
	byName := map[string]*mergedColumn{}
	strict := r.param(0).IsNull() || r.param(0).Bool()
	err := r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		for i := range b.Rows {
			name := cols[0].S[i]
			c := byName[name]
			if c == nil {
				c = &mergedColumn{name, cols[2].S[i], cols[3].S[i], cols[1].At(i).Int64()}
				byName[name] = c
				out = append(out, c)
				if err := r.add(int64(len(name)) + 2*mapEntryBytes + 64); err != nil {
					return err
				}
				continue
			}
			switch {
			case c.ordinal < 0:
			case c.kind != cols[3].S[i]:
				c.fail("type mismatch")
			case strict && c.ordinal != cols[1].At(i).Int64():
				c.fail("columns are out of order")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range out {
		if err := r.emit(table.StringValue(c.name), table.LongValue(c.ordinal), table.StringValue(c.data), table.StringValue(c.kind)); err != nil {
			return err
		}
	}
	return nil
}

// mergedColumn is a column of a merged schema.
type mergedColumn struct {
	name, data, kind string
	ordinal          int64
}

func (c *mergedColumn) fail(why string) {
	c.ordinal = -1
	c.kind = "ERROR(" + why + ")"
	c.data = "ERROR(unknown CSL type:" + c.kind + ")"
}
