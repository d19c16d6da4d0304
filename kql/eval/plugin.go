package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/plan"
	"sextant/table"
)

// plugin is what all plugins share: what they read of a row, and their parameters,
// which are computed when the pipeline is opened.
type plugin struct {
	x      *compiler
	name   string
	schema table.Schema
	cols   []*node
	params []*node // nil for one that is not given
	keep   []int   // of the input
	right  *pipe
	keys   []*node // over right
	take   []int   // of right
}

// plugin compiles evaluate name(…).
func (x *compiler) plugin(p *pipe, op *plan.Plugin) error {
	s := &plugin{x: x, name: op.Name, schema: op.Out}
	var err error
	if s.keep, err = columnsOf(p.schema, op.Keep); err != nil {
		return err
	}
	es := make([]plan.Expr, len(op.Cols))
	for i, c := range op.Cols {
		es[i] = c.Expr
	}
	if es, err = x.liftRows(p, es); err != nil {
		return err
	}
	if s.cols, err = x.scope(p).exprs(es); err != nil {
		return err
	}
	none := &scope{compiler: x, pipe: p}
	for _, e := range op.Params {
		var n *node
		if e != nil {
			if n, err = none.expr(e); err != nil {
				return err
			}
		}
		s.params = append(s.params, n)
	}
	if op.Right != nil {
		if s.right, err = x.sub(p, op.Right); err != nil {
			return err
		}
		if s.keys, err = (&scope{compiler: x, pipe: s.right, schema: s.right.schema}).exprs(op.RightKeys); err != nil {
			return err
		}
		if s.take, err = columnsOf(s.right.schema, op.RightCols); err != nil {
			return err
		}
	}
	switch op.Name {
	case "narrow":
		names := make([]string, len(op.Cols))
		for i, c := range op.Cols {
			names[i] = c.Name
		}
		p.add(&narrowed{s, names}, op.Out)
	case "rows_near":
		p.add(&near{s}, op.Out)
	case "ipv4_lookup", "ipv6_lookup", "geo_polygon_lookup", "geo_line_lookup":
		p.add(&lookup{s}, op.Out)
	default:
		f, ok := wholePlugin(op.Name)
		if !ok {
			return errUnknown("plugin", op)
		}
		p.add(&overall{s, f}, op.Out)
	}
	return nil
}

// wholePlugin finds the plugins that read all rows before they give any.
func wholePlugin(name string) (func(ctx context.Context, r *wholeRun) error, bool) {
	switch name {
	case "active_users_count":
		return activeUsers, true
	case "activity_counts_metrics":
		return activityCounts, true
	case "activity_engagement":
		return activityEngagement, true
	case "activity_metrics":
		return activityMetrics, true
	case "new_activity_metrics":
		return newActivityMetrics, true
	case "session_count":
		return sessionCount, true
	case "sliding_window_counts":
		return slidingCounts, true
	case "funnel_sequence":
		return funnelSequence, true
	case "funnel_sequence_completion":
		return funnelCompletion, true
	case "rolling_percentile":
		return rollingPercentile, true
	case "sequence_detect":
		return sequenceDetect, true
	case "autocluster":
		return autocluster, true
	case "basket":
		return basket, true
	case "diffpatterns":
		return diffPatterns, true
	case "schema_merge":
		return schemaMerge, true
	case plan.ReduceSource:
		return reduceSource, true
	}
	return nil, false
}

// param computes a parameter; null where it is not given.
func (s *plugin) param(i int) table.Value {
	if i >= len(s.params) || s.params[i] == nil {
		return table.Value{}
	}
	return s.params[i].at(&table.Batch{Rows: 1}, 0)
}

// need is a parameter that must have a value.
func (s *plugin) need(i int, what string) (table.Value, error) {
	v := s.param(i)
	if v.IsNull() {
		return v, fault.New(fault.Invalid, "%s needs %s that is not null", s.name, what)
	}
	return v, nil
}

// overall is a plugin over all rows: nothing comes out before the last is in.
type overall struct {
	*plugin
	run func(ctx context.Context, r *wholeRun) error
}

func (s *overall) open(e *env, in Reader) Reader {
	return &wholeReader{base: base{in: in, schema: s.schema}, s: s, e: e}
}

type wholeReader struct {
	base
	s   *overall
	e   *env
	run *wholeRun
	out *batches
}

// wholeRun is one run of such a plugin.
type wholeRun struct {
	*plugin
	hold
	e     *env
	in    Reader
	out   []*table.Batch
	last  *table.Batch
	steps int
}

func (r *wholeReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		r.run = &wholeRun{plugin: r.s.plugin, hold: r.s.x.hold(r.s.name), e: r.e, in: r.in}
		if err := r.s.run(ctx, r.run); err != nil {
			return nil, err
		}
		r.out = &batches{schema: r.schema, list: r.run.out, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *wholeReader) Close() error {
	r.out = &batches{schema: r.schema}
	if r.run != nil {
		r.run.release()
		r.run.out = nil
	}
	return r.in.Close()
}

// each reads all rows: f is called for every batch, with the columns of the plugin.
func (r *wholeRun) each(ctx context.Context, f func(b *table.Batch, cols []table.Vector) error) error {
	cols := make([]table.Vector, len(r.cols))
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			return nil
		}
		if err := r.x.alive(ctx); err != nil {
			return err
		}
		for i, n := range r.cols {
			cols[i] = n.vector(b)
		}
		if err := f(b, cols); err != nil {
			return err
		}
	}
}

// emit adds a row to the result.
func (r *wholeRun) emit(row ...table.Value) error {
	if r.last == nil || r.last.Rows >= table.BatchRows {
		if r.last != nil {
			if err := r.add(r.last.Bytes()); err != nil {
				return err
			}
		}
		r.last = table.NewBatch(r.schema, 0)
		r.out = append(r.out, r.last)
	}
	r.last.AppendRow(row)
	return nil
}

// tick is called in every loop that rows can make long.
func (r *wholeRun) tick(ctx context.Context) error {
	if r.steps++; r.steps&4095 == 0 {
		return r.x.alive(ctx)
	}
	return nil
}

// keyed gives numbers to values, by their keys.
type keyed struct {
	at   map[string]int32
	vals [][]table.Value
	buf  []byte
}

func newKeyed() *keyed { return &keyed{at: map[string]int32{}} }

// of is the number of the values in row i of cols; grown tells the bytes that a new
// one takes.
func (k *keyed) of(cols []table.Vector, i int, keep bool) (n int32, grown int64) {
	k.buf = k.buf[:0]
	for c := range cols {
		k.buf = appendKey(k.buf, &cols[c], i)
	}
	n, ok := k.at[string(k.buf)]
	if ok {
		return n, 0
	}
	n = int32(len(k.at))
	k.at[string(k.buf)] = n
	if keep {
		row := make([]table.Value, len(cols))
		for c := range cols {
			row[c] = cols[c].At(i)
		}
		k.vals = append(k.vals, row)
		grown = int64(len(row))*64 + 24
	}
	return n, grown + int64(len(k.buf)) + mapEntryBytes
}
