package eval

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"sextant/fault"
	"sextant/table"
)

// Plugins over a timeline. Distinct IDs are counted exactly, where Kusto estimates.

// event is a row: its dimensions, its ID, and when. state is the number of its state.
type event struct {
	dim, id, state int32
	at             int64
}

// timeline holds the events of a run, in order of time.
type timeline struct {
	r      *wholeRun
	t      table.Type
	dims   *keyed
	ids    *keyed
	states *keyed
	events []event
}

// read takes the events with from <= time <= to. Rows without a time or without an
// ID are left out. states tells that the third column is a state, not a dimension.
func (r *wholeRun) read(ctx context.Context, from, to int64, states, keepIDs bool) (*timeline, error) {
	t := &timeline{r: r, t: r.cols[1].t, dims: newKeyed(), ids: newKeyed(), states: newKeyed()}
	err := r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		var grown int64
		for i := range b.Rows {
			if cols[1].IsNull(i) || cols[0].IsNull(i) {
				continue
			}
			at := cols[1].N[i]
			if at < from || at > to {
				continue
			}
			e := event{at: at}
			var g, g2, g3 int64
			e.id, g = t.ids.of(cols[:1], i, keepIDs)
			if states {
				e.state, g2 = t.states.of(cols[2:], i, true)
			} else {
				e.dim, g3 = t.dims.of(cols[2:], i, true)
			}
			grown += g + g2 + g3 + 24
			t.events = append(t.events, e)
		}
		return r.add(grown)
	})
	slices.SortStableFunc(t.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return t, err
}

// point makes a value of the timeline's type.
func (t *timeline) point(n int64) table.Value { return pointOf(t.t, n) }

func pointOf(t table.Type, n int64) table.Value {
	switch t {
	case table.DateTime:
		return table.DateTimeValue(n)
	case table.TimeSpan:
		return table.TimeSpanValue(n)
	case table.Int:
		return table.IntValue(n)
	}
	return table.LongValue(n)
}

// byDim are the events of each value of the dimensions, in order of time.
func (t *timeline) byDim() [][]event {
	out := make([][]event, len(t.dims.at))
	for _, e := range t.events {
		out[e.dim] = append(out[e.dim], e)
	}
	return out
}

// runs gives events in order of time to f, those of one step of the timeline together;
// of is the step of a point.
func (r *wholeRun) runs(ctx context.Context, events []event, of func(at int64) int64, f func(step int64, run []event) error) error {
	for len(events) > 0 {
		step, n := of(events[0].at), 0
		for ; n < len(events) && of(events[n].at) == step; n++ {
			if err := r.tick(ctx); err != nil {
				return err
			}
		}
		if err := f(step, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// stepsFrom cuts a timeline into steps of one size, counted from a point.
func stepsFrom(from, step int64) func(at int64) int64 {
	return func(at int64) int64 { return minus(at, from) / step }
}

// row begins a row of the result: a point, and dimensions.
func (t *timeline) row(at int64, dim int, more ...table.Value) []table.Value {
	out := append([]table.Value{t.point(at)}, t.dims.vals[dim]...)
	return append(out, more...)
}

func longs(n ...int) []table.Value {
	out := make([]table.Value, len(n))
	for i, x := range n {
		out[i] = table.LongValue(int64(x))
	}
	return out
}

// whole numbers of parameters: a start, an end, distances that must be positive.
func (r *wholeRun) span(i int, what string) (int64, error) {
	v, err := r.need(i, what)
	if err != nil {
		return 0, err
	}
	if v.Int64() <= 0 {
		return 0, fault.New(fault.Invalid, "%s needs %s above zero", r.name, what)
	}
	return v.Int64(), nil
}

func (r *wholeRun) bounds() (from, to int64, err error) {
	a, err := r.need(0, "a start")
	if err != nil {
		return 0, 0, err
	}
	b, err := r.need(1, "an end")
	return a.Int64(), b.Int64(), err
}

// minus and plus of points, kept within 64 bits.
func minus(a, b int64) int64 {
	c := a - b
	if (a < b) != (c < 0) {
		if a < b {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return c
}

func plus(a, b int64) int64 {
	c := a + b
	if b > 0 && c < a {
		return math.MaxInt64
	}
	if b < 0 && c > a {
		return math.MinInt64
	}
	return c
}

// activityCounts: for each step the rows, the IDs, those that are new, and all so far.
func activityCounts(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	step, err := r.span(2, "a step")
	if err != nil {
		return err
	}
	t, err := r.read(ctx, from, to, false, false)
	if err != nil {
		return err
	}
	for dim, events := range t.byDim() {
		seen := map[int32]bool{}
		err := r.runs(ctx, events, stepsFrom(from, step), func(bin int64, run []event) error {
			fresh, all := 0, map[int32]bool{}
			for _, e := range run {
				all[e.id] = true
				if !seen[e.id] {
					seen[e.id] = true
					fresh++
				}
			}
			return r.emit(t.row(from+bin*step, dim, longs(len(run), len(all), fresh, len(seen))...)...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// counter counts distinct things that come and go.
type counter struct {
	n    map[int32]int
	rows int
}

func (c *counter) add(id int32) { c.n[id]++; c.rows++ }
func (c *counter) drop(id int32) {
	c.rows--
	if c.n[id]--; c.n[id] == 0 {
		delete(c.n, id)
	}
}

// slidingCounts: for each step the rows and IDs of the window that ends with it.
func slidingCounts(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	look, err := r.span(2, "a window")
	if err != nil {
		return err
	}
	step, err := r.span(3, "a step")
	if err != nil {
		return err
	}
	t, err := r.read(ctx, minus(from, look), to, false, false)
	if err != nil {
		return err
	}
	for dim, events := range t.byDim() {
		// The window of a step ends with the step's end.
		c := &counter{n: map[int32]int{}}
		lo, hi := 0, 0
		for bin := from; bin <= to; bin = plus(bin, step) {
			if err := r.tick(ctx); err != nil {
				return err
			}
			for ; hi < len(events) && minus(events[hi].at, bin) < step; hi++ {
				if err := r.tick(ctx); err != nil {
					return err
				}
				c.add(events[hi].id)
			}
			for ; lo < hi && minus(plus(bin, step), events[lo].at) > look; lo++ {
				c.drop(events[lo].id)
			}
			if c.rows > 0 {
				if err := r.emit(t.row(bin, dim, longs(c.rows, len(c.n))...)...); err != nil {
					return err
				}
			} else if hi == len(events) {
				break
			} else if gap := minus(events[hi].at, bin) / step; gap > 1 {
				bin += (gap - 1) * step // nothing happens until then
			}
			if plus(bin, step) == math.MaxInt64 {
				break
			}
		}
	}
	return nil
}

// sessionCount: for each step the sessions that have a row in it. A session ends when
// its ID stays away for longer than the window.
func sessionCount(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	step, err := r.span(2, "a step")
	if err != nil {
		return err
	}
	look, err := r.span(3, "a window")
	if err != nil {
		return err
	}
	t, err := r.read(ctx, from, to, false, false)
	if err != nil {
		return err
	}
	for dim, events := range t.byDim() {
		type last struct{ at, bin int64 }
		lasts := map[int32]last{}
		err := r.runs(ctx, events, stepsFrom(from, step), func(bin int64, run []event) error {
			sessions := 0
			for _, e := range run {
				l, ok := lasts[e.id]
				if !ok || l.bin != bin || e.at-l.at > look {
					sessions++
				}
				lasts[e.id] = last{e.at, bin}
			}
			return r.emit(t.row(from+bin*step, dim, longs(sessions)...)...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// activeUsers: for each step the IDs with a row before which, itself included, they
// were there in enough periods of the window.
func activeUsers(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	look, err := r.span(2, "a window")
	if err != nil {
		return err
	}
	period, err := r.span(3, "a period")
	if err != nil {
		return err
	}
	least, err := r.need(4, "a number of periods")
	if err != nil {
		return err
	}
	step, err := r.span(5, "a step")
	if err != nil {
		return err
	}
	t, err := r.read(ctx, minus(from, look), to, false, false)
	if err != nil {
		return err
	}
	for dim, events := range t.byDim() {
		recent := map[int32][]int64{} // when each ID came in a new period
		active := map[int32]bool{}
		bin := int64(math.MinInt64)
		flush := func() error {
			if len(active) == 0 {
				return nil
			}
			err := r.emit(t.row(from+bin*step, dim, longs(len(active))...)...)
			clear(active)
			return err
		}
		for _, e := range events {
			if err := r.tick(ctx); err != nil {
				return err
			}
			at := recent[e.id]
			if n := len(at); n == 0 || floorDiv(minus(at[n-1], from), period) != floorDiv(minus(e.at, from), period) {
				at = append(at, e.at)
			} else {
				at[n-1] = e.at // the last time in the period is in windows for longest
			}
			for len(at) > 0 && e.at-at[0] >= look {
				at = at[1:]
			}
			recent[e.id] = at
			if e.at < from {
				continue
			}
			if b := minus(e.at, from) / step; b != bin {
				if err := flush(); err != nil {
					return err
				}
				bin = b
			}
			if int64(len(at)) >= least.Int64() {
				active[e.id] = true
			}
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}

// extent is the range of a plugin whose start and end may be left out.
func (r *wholeRun) extent() (from, to int64, given bool) {
	a, b := r.param(0), r.param(1)
	if a.IsNull() || b.IsNull() {
		return math.MinInt64, math.MaxInt64, false
	}
	return a.Int64(), b.Int64(), true
}

// activityEngagement: for each inner window its IDs, those of the outer window that
// ends with it, and their ratio.
func activityEngagement(ctx context.Context, r *wholeRun) error {
	from, to, given := r.extent()
	inner, err := r.span(2, "an inner window")
	if err != nil {
		return err
	}
	outer, err := r.span(3, "an outer window")
	if err != nil {
		return err
	}
	t, err := r.read(ctx, from, to, false, false)
	if err != nil {
		return err
	}
	origin := int64(0)
	if given {
		origin = from
	}
	for dim, events := range t.byDim() {
		wide := &counter{n: map[int32]int{}}
		lo, hi := 0, 0
		err := r.runs(ctx, events, func(at int64) int64 { return floorDiv(minus(at, origin), inner) }, func(bin int64, run []event) error {
			start := origin + bin*inner
			narrow := map[int32]bool{}
			for _, e := range run {
				narrow[e.id] = true
				wide.add(e.id)
			}
			for hi += len(run); lo < hi && minus(plus(start, inner), events[lo].at) > outer; lo++ {
				wide.drop(events[lo].id)
			}
			ratio := float64(len(narrow)) / float64(len(wide.n))
			return r.emit(t.row(start, dim, append(longs(len(narrow), len(wide.n)), table.RealValue(ratio))...)...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// windows cuts the timeline: by distance from an origin, or by the calendar.
type windows struct {
	origin, size int64
	calendar     string
}

func (r *wholeRun) windows(i int, origin int64) (windows, error) {
	v, err := r.need(i, "a window")
	if err != nil {
		return windows{}, err
	}
	if v.Type() == table.String {
		return windows{calendar: v.Str()}, nil
	}
	size, err := r.span(i, "a window")
	return windows{origin: origin, size: size}, err
}

// start of the window that holds a point.
func (w windows) start(at int64) int64 {
	if w.calendar == "" {
		return w.origin + floorDiv(minus(at, w.origin), w.size)*w.size
	}
	d := table.TimeOf(at)
	y, m, day := d.Date()
	switch w.calendar {
	case "week":
		day -= int(d.Weekday())
	case "month":
		day = 1
	default:
		m, day = time.January, 1
	}
	n, _ := table.TicksOf(time.Date(y, m, day, 0, 0, 0, 0, time.UTC))
	return n
}

// before is the start of the window before the one that starts at a point.
func (w windows) before(start int64) int64 {
	if w.calendar == "" {
		return minus(start, w.size)
	}
	return w.start(start - 1)
}

// activityMetrics: for each window its IDs, those that were not in the window before,
// and of that window's IDs the share that came back and the share that did not.
func activityMetrics(ctx context.Context, r *wholeRun) error {
	from, to, given := r.extent()
	origin := int64(0)
	if given {
		origin = from
	}
	w, err := r.windows(2, origin)
	if err != nil {
		return err
	}
	t, err := r.read(ctx, from, to, false, false)
	if err != nil {
		return err
	}
	for dim, events := range t.byDim() {
		var before map[int32]bool
		beforeAt := int64(math.MinInt64)
		err := r.runs(ctx, events, w.start, func(start int64, run []event) error {
			now := map[int32]bool{}
			for _, e := range run {
				now[e.id] = true
			}
			if beforeAt != w.before(start) {
				before = nil
			}
			fresh, back := 0, 0
			for id := range now {
				if before[id] {
					back++
				} else {
					fresh++
				}
			}
			retained := float64(back) / float64(len(before))
			churned := float64(len(before)-back) / float64(len(before))
			before, beforeAt = now, start
			return r.emit(t.row(start, dim, append(longs(len(now), fresh), table.RealValue(retained), table.RealValue(churned))...)...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// newActivityMetrics follows each cohort, the IDs that are new in a window, through
// the windows from there on.
func newActivityMetrics(ctx context.Context, r *wholeRun) error {
	from, to, err := r.bounds()
	if err != nil {
		return err
	}
	w, err := r.windows(2, from)
	if err != nil {
		return err
	}
	old, err := r.earlier(ctx)
	if err != nil {
		return err
	}
	t, err := r.read(ctx, from, to, false, false)
	if err != nil {
		return err
	}
	known := map[int32]bool{}
	for k := range old {
		if id, ok := t.ids.at[k]; ok {
			known[id] = true
		}
	}
	only := r.param(3)
	for dim, events := range t.byDim() {
		var starts []int64
		var ids []map[int32]bool
		first := map[int32]int{} // the window in which an ID is new
		for _, e := range events {
			if err := r.tick(ctx); err != nil {
				return err
			}
			start := w.start(e.at)
			if n := len(starts); n == 0 || starts[n-1] != start {
				starts, ids = append(starts, start), append(ids, map[int32]bool{})
			}
			n := len(starts) - 1
			ids[n][e.id] = true
			if _, ok := first[e.id]; !ok && !known[e.id] {
				first[e.id] = n
			}
		}
		for i := range starts {
			if !only.IsNull() && w.start(only.Int64()) != starts[i] {
				continue
			}
			cohort := 0
			for id := range ids[i] {
				if f, ok := first[id]; ok && f == i {
					cohort++
				}
			}
			for k := i; k < len(starts); k++ {
				fresh, back := 0, 0
				for id := range ids[k] {
					if err := r.tick(ctx); err != nil {
						return err
					}
					f, ok := first[id]
					if ok && f == i {
						back++
					}
					if ok && (f > i || k == i && f == i) {
						fresh++
					}
				}
				row := append([]table.Value{t.point(starts[i]), t.point(starts[k])}, t.dims.vals[dim]...)
				row = append(row, longs(fresh, back, cohort-back)...)
				row = append(row, table.RealValue(float64(back)/float64(cohort)), table.RealValue(float64(cohort-back)/float64(cohort)))
				if err := r.emit(row...); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// earlier are the keys of the IDs that are not new.
func (r *wholeRun) earlier(ctx context.Context) (map[string]bool, error) {
	if r.right == nil {
		return nil, nil
	}
	out := map[string]bool{}
	in := r.right.open(r.e)
	defer in.Close()
	var buf []byte
	for {
		b, err := in.Next(ctx)
		if err != nil || b == nil {
			return out, err
		}
		if err := r.x.alive(ctx); err != nil {
			return nil, err
		}
		v := r.keys[0].vector(b)
		var grown int64
		for i := range b.Rows {
			buf = appendKey(buf[:0], &v, i)
			if !out[string(buf)] {
				out[string(buf)] = true
				grown += int64(len(buf)) + mapEntryBytes
			}
		}
		if err := r.add(grown); err != nil {
			return nil, err
		}
	}
}
