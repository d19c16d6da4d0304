package eval

import (
	"cmp"
	"context"
	"slices"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// sequence is the list of states in a parameter, as numbers of the timeline's states;
// -1 for one that no row has.
func (t *timeline) sequence(i int) ([]int32, []table.Value, error) {
	list, ok := t.r.param(i).Dyn().([]any)
	if !ok || len(list) == 0 {
		return nil, nil, fault.New(fault.Invalid, "%s needs a sequence of states, as in dynamic(['a', 'b'])", t.r.name)
	}
	typ := t.r.cols[2].t
	text := map[string]int32{}
	for n, v := range t.states.vals {
		text[fn.ToText(v[0])] = int32(n)
	}
	out := make([]int32, len(list))
	vals := make([]table.Value, len(list))
	for k, d := range list {
		s, ok := d.(string)
		if !ok {
			s = fn.ToText(table.FromDyn(d))
		}
		n, ok := text[s]
		if !ok {
			n = -1
			vals[k] = fn.Convert(table.StringValue(s), typ)
		} else {
			vals[k] = t.states.vals[n][0]
		}
		out[k] = n
	}
	return out, vals, nil
}

// byID are the events of each ID, in order of time.
func (t *timeline) byID() [][]event {
	out := make([][]event, len(t.ids.at))
	for _, e := range t.events {
		out[e.id] = append(out[e.id], e)
	}
	return out
}

// funnelCompletion: for each step of the timeline, each state of the sequence and
// each period, the IDs that came so far within the period.
func funnelCompletion(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	step, err := r.span(2, "a step")
	if err != nil {
		return err
	}
	of := stepsFrom(from, step)
	t, err := r.read(ctx, from, to, true, false)
	if err != nil {
		return err
	}
	seq, names, err := t.sequence(3)
	if err != nil {
		return err
	}
	periods, err := r.periods(4)
	if err != nil {
		return err
	}
	type place struct {
		bin    int64
		period int
	}
	counts := map[place][]int{}
	for _, events := range t.byID() {
		for p, period := range periods {
			best := map[int64]int{} // of each bin, how many steps
			for i, e := range events {
				if e.state != seq[0] {
					continue
				}
				n := 1
				for k := i + 1; k < len(events) && n < len(seq) && events[k].at-e.at <= period; k++ {
					if err := r.tick(ctx); err != nil {
						return err
					}
					if events[k].state == seq[n] {
						n++
					}
				}
				bin := of(e.at)
				best[bin] = max(best[bin], n)
			}
			for bin, n := range best {
				c := counts[place{bin, p}]
				if c == nil {
					c = make([]int, len(seq))
					counts[place{bin, p}] = c
					if err := r.add(int64(len(seq))*8 + mapEntryBytes); err != nil {
						return err
					}
				}
				for k := range n {
					c[k]++
				}
			}
		}
	}
	var places []place
	for p := range counts {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.bin != b.bin {
			return int(min(1, max(-1, a.bin-b.bin)))
		}
		return a.period - b.period
	})
	for _, p := range places {
		for k, n := range counts[p] {
			v := table.TimeSpanValue(periods[p.period])
			if t.t != table.DateTime {
				v = t.point(periods[p.period])
			}
			if err := r.emit(t.point(from+p.bin*step), names[k], v, table.LongValue(int64(n))); err != nil {
				return err
			}
		}
	}
	return nil
}

// periods are distances in a list: numbers, timespans, or texts of timespans.
func (r *wholeRun) periods(i int) ([]int64, error) {
	list, ok := r.param(i).Dyn().([]any)
	var out []int64
	for _, d := range list {
		switch d := d.(type) {
		case int64:
			out = append(out, d)
		case table.Value:
			out = append(out, d.Int64())
		case string:
			v := fn.Convert(table.StringValue(d), table.TimeSpan)
			if v.IsNull() {
				return nil, fault.New(fault.Invalid, "%s needs periods, and %q is none", r.name, d)
			}
			out = append(out, v.Int64())
		default:
			ok = false
		}
	}
	if !ok || len(out) == 0 {
		return nil, fault.New(fault.Invalid, "%s needs a list of periods, as in dynamic([1h, 1d])", r.name)
	}
	return out, nil
}

// maxSamples is how many IDs a row of funnel_sequence names.
const maxSamples = 128

// funnelSequence: for each step of the timeline the IDs that went through the
// sequence, by the states right before and right behind it. Steps follow each other
// without another state between them, and not later than the window.
func funnelSequence(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	window, err := r.span(2, "a window")
	if err != nil {
		return err
	}
	step, err := r.span(3, "a step")
	if err != nil {
		return err
	}
	of := stepsFrom(from, step)
	t, err := r.read(ctx, from, to, true, true)
	if err != nil {
		return err
	}
	seq, _, err := t.sequence(4)
	if err != nil {
		return err
	}
	type place struct {
		bin        int64
		prev, next int32
	}
	ids := map[place][]int32{}
	for _, events := range t.byID() {
		for i := 0; i+len(seq) <= len(events); i++ {
			if err := r.tick(ctx); err != nil {
				return err
			}
			n := 0
			for n < len(seq) && events[i+n].state == seq[n] && (n == 0 || events[i+n].at-events[i+n-1].at <= window) {
				n++
			}
			if n < len(seq) {
				continue
			}
			p := place{of(events[i].at), -1, -1}
			if i > 0 && events[i].at-events[i-1].at <= window {
				p.prev = events[i-1].state
			}
			if k := i + n; k < len(events) && events[k].at-events[k-1].at <= window {
				p.next = events[k].state
			}
			have := ids[p]
			if l := len(have); l > 0 && have[l-1] == events[i].id {
				continue
			}
			ids[p] = append(have, events[i].id)
			if err := r.add(4 + mapEntryBytes); err != nil {
				return err
			}
		}
	}
	var places []place
	for p := range ids {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.bin, b.bin), cmp.Compare(a.prev, b.prev), cmp.Compare(a.next, b.next))
	})
	state := func(n int32) table.Value {
		if n < 0 {
			return table.Null(r.cols[2].t)
		}
		return t.states.vals[n][0]
	}
	for _, p := range places {
		var samples []any
		for _, id := range ids[p][:min(len(ids[p]), maxSamples)] {
			samples = append(samples, fn.ToDynamic(t.ids.vals[id][0]).Dyn())
		}
		if err := r.emit(t.point(from+p.bin*step), state(p.prev), state(p.next), table.LongValue(int64(len(ids[p]))), table.DynamicValue(samples)); err != nil {
			return err
		}
	}
	return nil
}

// sequenceDetect gives a row for each row that ends a sequence: the latest way to get
// there.
func sequenceDetect(ctx context.Context, r *wholeRun) error {
	window, err := r.span(0, "a window")
	if err != nil {
		return err
	}
	whole, err := r.span(1, "a longest time")
	if err != nil {
		return err
	}
	steps := int(r.param(2).Int64())
	t := r.cols[0].t
	dims := newKeyed()
	type hit struct {
		at int64
		is uint64 // which steps the row fulfils
	}
	var rows [][]hit
	if steps > 64 {
		return fault.New(fault.Limit, "sequence_detect takes up to 64 steps, not %d", steps)
	}
	err = r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		var grown int64
		for i := range b.Rows {
			if cols[0].IsNull(i) {
				continue
			}
			var is uint64
			for k := range steps {
				if !cols[1+k].IsNull(i) && cols[1+k].N[i] != 0 {
					is |= 1 << k
				}
			}
			if is == 0 {
				continue
			}
			d, g := dims.of(cols[1+steps:], i, true)
			if int(d) == len(rows) {
				rows = append(rows, nil)
			}
			rows[d] = append(rows[d], hit{at: cols[0].N[i], is: is})
			grown += g + 16
		}
		return r.add(grown)
	})
	if err != nil {
		return err
	}
	for d, hits := range rows {
		slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.at, b.at) })
		ways := make([][]int64, steps) // to each step, the latest
		for _, h := range hits {
			if err := r.tick(ctx); err != nil {
				return err
			}
			for k := steps - 1; k >= 0; k-- {
				if h.is>>k&1 == 0 {
					continue
				}
				if k == 0 {
					ways[0] = []int64{h.at}
				} else {
					w := ways[k-1]
					if w == nil || h.at-w[k-1] > window || h.at-w[0] > whole {
						continue
					}
					ways[k] = append(slices.Clone(w), h.at)
				}
				if k == steps-1 {
					row := slices.Clone(dims.vals[d])
					for _, at := range ways[k] {
						row = append(row, pointOf(t, at))
					}
					if err := r.emit(append(row, table.TimeSpanValue(h.at-ways[k][0]))...); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
