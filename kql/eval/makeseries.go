package eval

import (
	"context"
	"math"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// makeSeries aggregates each group's rows into bins of its axis.
type makeSeries struct {
	x              *compiler
	schema         table.Schema
	by             []*node
	axis           *node
	aggs           []aggregate
	defaults       []any // parsed dynamics
	from, to, step *node // from, to nil: by the data
	inRange        bool
	nonEmpty       bool
}

// maxSeries is how many elements Kusto lets a series have.
const maxSeries = 1 << 20

func (x *compiler) makeSeries(p *pipe, op *plan.MakeSeries) error {
	var es []plan.Expr
	for _, b := range op.By {
		es = append(es, b.Expr)
	}
	es = append(es, op.Axis.Expr)
	for _, a := range op.Aggs {
		es = append(es, a.Args...)
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return err
	}
	nodes, err := x.scope(p).exprs(es)
	if err != nil {
		return err
	}
	s := &makeSeries{x: x, schema: op.Schema(), by: nodes[:len(op.By)], axis: nodes[len(op.By)], inRange: op.InRange, nonEmpty: op.NonEmpty}
	switch s.axis.t {
	case table.Int, table.Long, table.Real, table.DateTime, table.TimeSpan:
	default:
		return fault.New(fault.Invalid, "make-series cannot use an axis of type %s; a number, a datetime or a timespan works", s.axis.t)
	}
	nodes = nodes[len(op.By)+1:]
	free := &scope{compiler: x, pipe: p}
	for _, a := range op.Aggs {
		agg, err := newAggregate(a.Agg, nodes[:len(a.Args)])
		if err != nil {
			return err
		}
		nodes = nodes[len(a.Args):]
		s.aggs = append(s.aggs, agg)
		t := a.Out[0].Type
		var def any = int64(0)
		if t == table.Real {
			def = 0.0
		}
		if a.Default != nil {
			n, err := free.expr(a.Default)
			if err != nil {
				return err
			}
			v := n.at(&table.Batch{Rows: 1}, 0)
			if t.Numeric() && v.Type().Numeric() {
				v = fn.Convert(v, t)
			}
			def = fn.ToDynamic(v).Dyn()
		}
		s.defaults = append(s.defaults, def)
	}
	for _, b := range []struct {
		to *(*node)
		e  plan.Expr
	}{{&s.from, op.From}, {&s.to, op.To}, {&s.step, op.Step}} {
		if b.e == nil {
			continue
		}
		if *b.to, err = free.expr(b.e); err != nil {
			return err
		}
	}
	if s.step == nil {
		return fault.New(fault.Invalid, "make-series needs a step")
	}
	p.add(s, s.schema)
	return nil
}

func (s *makeSeries) open(_ *env, in Reader) Reader {
	return &seriesReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("make-series")}
}

// bins of an axis: bin k is [origin + k·step, origin + (k+1)·step).
type bins struct {
	real          bool
	origin, step  float64
	norigin, size int64 // of whole numbers and ticks
	first, last   int64 // the bins of every series; where known
	low, high     bool  // first, last are known
	lo, hi        float64
	nlo, nhi      int64
	inclusive     bool // of hi
}

// of a value; false outside the bounds.
func (b *bins) of(v *table.Vector, i int) (int64, bool) {
	if b.real {
		f := v.F[i]
		if math.IsNaN(f) || math.IsInf(f, 0) || b.low && f < b.lo || b.high && (f > b.hi || f == b.hi && !b.inclusive) {
			return 0, false
		}
		k := math.Floor((f - b.origin) / b.step)
		if math.Abs(k) > 1<<52 {
			return 0, false
		}
		return int64(k), true
	}
	n := v.N[i]
	if b.low && n < b.nlo || b.high && (n > b.nhi || n == b.nhi && !b.inclusive) {
		return 0, false
	}
	return floorDiv(n-b.norigin, b.size), true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && a < 0 {
		q--
	}
	return q
}

// at is the axis value of bin k.
func (b *bins) at(k int64, t table.Type) any {
	switch t {
	case table.Real:
		return b.origin + float64(k)*b.step
	case table.DateTime:
		return table.DateTimeValue(b.norigin + k*b.size)
	case table.TimeSpan:
		return table.TimeSpanValue(b.norigin + k*b.size)
	}
	return b.norigin + k*b.size
}

// bounds computes the bins before the first row; false where there can be none.
func (s *makeSeries) bounds() (*bins, bool, error) {
	one := &table.Batch{Rows: 1}
	step := s.step.at(one, 0)
	b := &bins{real: s.axis.t == table.Real, inclusive: s.inRange}
	if step.IsNull() || !(step.Number() > 0) {
		return nil, false, fault.New(fault.Invalid, "the step of make-series must be above zero, and is %s", step)
	}
	b.step, b.size = step.Number(), max(whole(step), 1)
	get := func(n *node) (table.Value, bool) {
		if n == nil {
			return table.Value{}, false
		}
		v := n.at(one, 0)
		return v, !v.IsNull()
	}
	from, low := get(s.from)
	to, high := get(s.to)
	if s.from != nil && !low || s.to != nil && !high {
		return nil, false, nil
	}
	b.low, b.high = low, high
	if low {
		b.lo, b.nlo = from.Number(), whole(from)
		if !s.inRange {
			b.origin, b.norigin = b.lo, b.nlo
		}
	}
	if high {
		b.hi, b.nhi = to.Number(), whole(to)
	}
	// The bounds themselves, as bins.
	if b.real {
		if low {
			b.first = int64(math.Floor((b.lo - b.origin) / b.step))
		}
		if high {
			b.last = int64(math.Ceil((b.hi-b.origin)/b.step)) - 1
			if s.inRange {
				b.last = int64(math.Floor((b.hi - b.origin) / b.step))
			}
		}
	} else {
		if low {
			b.first = floorDiv(b.nlo-b.norigin, b.size)
		}
		if high {
			b.last = floorDiv(b.nhi-1-b.norigin, b.size)
			if s.inRange {
				b.last = floorDiv(b.nhi-b.norigin, b.size)
			}
		}
	}
	if low && high {
		if b.last < b.first {
			return nil, false, nil
		}
		if b.last-b.first >= maxSeries {
			return nil, false, fault.New(fault.Limit, "make-series would give %d elements for each series; %d is the most: take a larger step", b.last-b.first+1, maxSeries)
		}
	}
	return b, true, nil
}

type seriesReader struct {
	base
	s    *makeSeries
	hold hold
	out  *batches
}

// series of one group: states for each bin that has rows.
type series struct {
	keys     []table.Value
	bins     map[int64]*group
	min, max int64
}

func (r *seriesReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		out, err := r.fill(ctx)
		if err != nil {
			return nil, err
		}
		r.in.Close()
		r.out = &batches{schema: r.schema, list: out, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *seriesReader) fill(ctx context.Context) ([]*table.Batch, error) {
	s := r.s
	b, ok, err := s.bounds()
	if err != nil || !ok {
		return nil, err
	}
	var all []*series
	byKey := map[string]*series{}
	var buf []byte
	var args []table.Value
	for batch := 0; ; batch++ {
		rows, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if rows == nil {
			break
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		axis := s.axis.vector(rows)
		keys := make([]table.Vector, len(s.by))
		for k, n := range s.by {
			keys[k] = n.vector(rows)
		}
		argVecs := make([][]table.Vector, len(s.aggs))
		for a := range s.aggs {
			for _, n := range s.aggs[a].args {
				argVecs[a] = append(argVecs[a], n.vector(rows))
			}
		}
		var grown int64
		var touched []*group
		for i := range rows.Rows {
			if i&255 == 255 {
				if err := s.x.alive(ctx); err != nil {
					return nil, err
				}
			}
			if axis.IsNull(i) {
				continue
			}
			bin, ok := b.of(&axis, i)
			if !ok {
				continue
			}
			buf = buf[:0]
			for k := range keys {
				buf = appendKey(buf, &keys[k], i)
			}
			one := byKey[string(buf)]
			if one == nil {
				one = &series{bins: map[int64]*group{}, min: bin, max: bin}
				for k := range keys {
					v := keys[k].At(i)
					one.keys = append(one.keys, v)
					grown += v.Bytes()
				}
				byKey[string(buf)] = one
				all = append(all, one)
				grown += int64(len(buf)) + mapEntryBytes + 100
			}
			one.min, one.max = min(one.min, bin), max(one.max, bin)
			g := one.bins[bin]
			if g == nil {
				g = newGroup(s.x.c, s.aggs, nil)
				one.bins[bin] = g
				grown += 120
			}
			if g.seen != batch {
				g.seen = batch
				touched = append(touched, g)
			}
			for a := range s.aggs {
				args = args[:0]
				for v := range argVecs[a] {
					args = append(args, argVecs[a][v].At(i))
				}
				g.states[a].Add(args)
			}
		}
		for _, g := range touched {
			n := g.stateBytes()
			grown += n - g.bytes
			g.bytes = n
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 && s.nonEmpty && len(s.by) == 0 && b.low && b.high {
		all = append(all, &series{})
	}
	return r.results(ctx, b, all)
}

func (r *seriesReader) results(ctx context.Context, b *bins, all []*series) ([]*table.Batch, error) {
	s := r.s
	out := table.NewBatch(r.schema, len(all))
	var axis []any // shared by series over the same bins
	var axisFirst int64
	for _, one := range all {
		first, last := one.min, one.max
		if b.low {
			first = b.first
		}
		if b.high {
			last = b.last
		}
		n := last - first + 1
		if n > maxSeries || n < 0 {
			return nil, fault.New(fault.Limit, "make-series would give %d elements for a series; %d is the most: take a larger step", n, maxSeries)
		}
		if err := r.hold.add(16 * n * int64(len(s.aggs)+1)); err != nil {
			return nil, err
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		if int64(len(axis)) != n || axisFirst != first {
			axis, axisFirst = make([]any, n), first
			for k := range axis {
				axis[k] = b.at(first+int64(k), s.axis.t)
			}
		}
		cols := make([][]any, len(s.aggs))
		for a := range cols {
			cols[a] = make([]any, n)
		}
		for k := range n {
			g := one.bins[first+k]
			for a := range cols {
				if g == nil {
					cols[a][k] = s.defaults[a]
				} else {
					cols[a][k] = fn.ToDynamic(g.states[a].Results()[0]).Dyn()
				}
			}
		}
		row := append([]table.Value{}, one.keys...)
		for _, c := range cols {
			row = append(row, table.DynamicValue(c))
		}
		out.AppendRow(append(row, table.DynamicValue(axis)))
	}
	return []*table.Batch{out}, nil
}

func (r *seriesReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
