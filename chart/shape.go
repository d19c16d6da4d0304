package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sextant/table"
)

// shape is what each column is to the chart.
type shape struct {
	x      int         // the axis; -1: the number of the row
	xKind  axisKind    // of the axis
	ys     []int       // values
	by     []int       // series
	odd    map[int]int // value column → the column that marks its anomalies
	arrays bool        // cells hold arrays, as make-series makes them
	reason string      // why there is nothing to draw
}

type axisKind int

const (
	names axisKind = iota // text, in order of appearance
	numbers
	times
	spans
)

// shapeOf finds the columns by name, or by type: the first row tells arrays from
// other dynamics.
func (c *Chart) shapeOf(row []table.Value) shape {
	s := shape{x: -1, odd: map[int]int{}}
	arrayOf := make([]axisKind, len(row)) // of times or numbers; names elsewhere
	for i, v := range row {
		if v.Type() == table.Dynamic {
			arrayOf[i] = elements(v)
		}
	}
	index := func(list []string) (out []int) {
		for _, name := range list {
			out = append(out, c.schema.Index(name))
		}
		return out
	}
	s.by = index(c.ask.list("series"))
	odd := index(c.ask.list("anomalycolumns"))
	s.ys = index(c.ask.list("ycolumns"))
	taken := func(i int) bool {
		return slices.Contains(s.by, i) || slices.Contains(odd, i) || slices.Contains(s.ys, i)
	}
	if list := index(c.ask.list("xcolumn")); len(list) > 0 {
		s.x = list[0]
	} else {
		s.x = c.axis(arrayOf, taken)
	}
	if s.x >= 0 {
		switch t := c.schema[s.x].Type; {
		case t == table.DateTime:
			s.xKind = times
		case t == table.TimeSpan:
			s.xKind = spans
		case t.Numeric():
			s.xKind = numbers
		case arrayOf[s.x] != names:
			s.xKind, s.arrays = arrayOf[s.x], true
		}
		// Bars and shares stand beside each other, whatever they are of.
		if c.family == bars || c.family == shares {
			s.xKind = names
		}
	} else {
		s.xKind = numbers
	}
	for i, col := range c.schema {
		if i == s.x || taken(i) {
			continue
		}
		switch {
		case len(c.ask.list("ycolumns")) == 0 && (isNumber(col.Type) && !s.arrays || s.arrays && arrayOf[i] == numbers):
			s.ys = append(s.ys, i)
		case len(c.ask.list("series")) == 0 && (col.Type == table.String || col.Type == table.Bool || col.Type == table.Guid):
			s.by = append(s.by, i)
		}
	}
	// The anomalies of the first value stand in the first such column, and so on.
	for i, col := range odd {
		if i < len(s.ys) {
			s.odd[s.ys[i]] = col
		} else if len(s.ys) > 0 {
			s.odd[s.ys[len(s.ys)-1]] = col
		}
	}
	if len(s.ys) == 0 {
		s.reason = "there is no column of numbers beside the axis"
	}
	return s
}

// axis is the column that the chart stands on where none is named.
func (c *Chart) axis(arrayOf []axisKind, taken func(int) bool) int {
	first := func(want func(i int, t table.Type) bool) int {
		return slices.IndexFunc(c.schema, func(col table.Column) bool {
			i := c.schema.Index(col.Name)
			return !taken(i) && want(i, col.Type)
		})
	}
	isTime := func(_ int, t table.Type) bool { return t == table.DateTime }
	timeArray := func(i int, _ table.Type) bool { return arrayOf[i] == times }
	text := func(_ int, t table.Type) bool {
		return t == table.String || t == table.Bool || t == table.Guid || t == table.DateTime
	}
	any := func(_ int, t table.Type) bool { return t != table.Dynamic }
	order := []func(int, table.Type) bool{isTime, timeArray}
	switch c.family {
	case bars, columns, shares:
		order = []func(int, table.Type) bool{text, timeArray}
	case dots:
		order = nil
	}
	for _, want := range order {
		if i := first(want); i >= 0 {
			return i
		}
	}
	// A number is the axis where another number is left to stand on it.
	count, at := 0, -1
	for i, col := range c.schema {
		if !taken(i) && (isNumber(col.Type) || arrayOf[i] == numbers) {
			if count++; at < 0 {
				at = i
			}
		}
	}
	if i := first(isTime); i >= 0 {
		return i
	}
	if count > 1 || len(c.ask.list("ycolumns")) > 0 && count > 0 {
		return at
	}
	if c.family == bars || c.family == columns || c.family == shares {
		return -1
	}
	if i := first(text); i >= 0 && len(c.ask.list("series")) == 0 {
		return i
	}
	if count == 0 {
		return first(any)
	}
	return -1
}

// elements tells what the array in a dynamic is of.
func elements(v table.Value) axisKind {
	if v.IsNull() {
		return names
	}
	list, ok := v.Dyn().([]any)
	if !ok {
		return names
	}
	for _, e := range list {
		if _, ok := numberOf(e); ok {
			return numbers
		}
		if _, ok := ticksOf(e); ok {
			return times
		}
		if e != nil {
			return names
		}
	}
	return names
}

func numberOf(e any) (float64, bool) {
	switch e := e.(type) {
	case int64:
		return float64(e), true
	case float64:
		return e, true
	case bool:
		return 0, false
	case table.Value:
		if isNumber(e.Type()) && !e.IsNull() {
			return scalar(e), true
		}
	}
	return 0, false
}

func ticksOf(e any) (int64, bool) {
	switch e := e.(type) {
	case string:
		t, err := time.Parse(time.RFC3339Nano, e)
		if err != nil {
			return 0, false
		}
		return table.TicksOf(t)
	case table.Value:
		if e.Type() == table.DateTime && !e.IsNull() {
			return e.Int64(), true
		}
	}
	return 0, false
}

// scalar is the number of a value; seconds for a timespan.
func scalar(v table.Value) float64 {
	if v.Type() == table.TimeSpan {
		return float64(v.Int64()) / table.TicksPerSecond
	}
	return v.Number()
}

// data is what was read.
type data struct {
	series []*series
	index  map[string]*series
	places []string // of an axis of names
	place  map[string]int
	base   int64 // ticks that an axis of times is counted from
	based  bool
	card   []string

	rows, points      int
	lost, many, extra int // values that are no numbers; points and series beyond what is held
	undrawn           int // series
	said              []string
}

func (d *data) notef(format string, args ...any) {
	d.said = append(d.said, fmt.Sprintf(format, args...))
}

// notes on what the chart does not show.
func (d *data) notes() []string {
	out := d.said
	for _, n := range []struct {
		n         int
		one, more string
	}{
		{d.lost, "1 value left out: no finite number, or no place on the axis", "%d values left out: no finite numbers, or no place on the axis"},
		{d.many, "1 point left out: too many", "%d points left out: too many"},
		{d.extra, "1 row left out: too many different series", "%d rows left out: too many different series"},
		{d.undrawn, "1 more series is not drawn", "%d more series are not drawn; the largest are"},
	} {
		if n.n == 1 {
			out = append(out, n.one)
		} else if n.n > 1 {
			out = append(out, fmt.Sprintf(n.more, n.n))
		}
	}
	return out
}

// series is a line, or the bars of one colour.
type series struct {
	name string
	y    int // the value column
	pts  []point
	sum  float64
}

type point struct {
	x, y float64 // seconds of a time or timespan; x is an index of an axis of names
	odd  bool
}

func (c *Chart) add(row []table.Value) {
	d, s := &c.data, &c.shape
	if c.family == card {
		if d.card == nil {
			for i, v := range row {
				d.card = append(d.card, cellText(c.schema[i].Type, v))
			}
		}
		return
	}
	if s.reason != "" {
		return
	}
	d.rows++
	var key strings.Builder
	for i, col := range s.by {
		if i > 0 {
			key.WriteString(", ")
		}
		key.WriteString(cellText(c.schema[col].Type, row[col]))
	}
	for _, y := range s.ys {
		name := key.String()
		switch {
		case len(s.by) == 0:
			name = c.schema[y].Name
		case len(s.ys) > 1:
			name += ": " + c.schema[y].Name
		}
		ser := d.named(name, y)
		if ser == nil {
			continue
		}
		odd, marked := s.odd[y]
		if s.arrays {
			c.addArray(ser, row, y, odd, marked)
			continue
		}
		x, ok := c.xOf(row)
		v := row[y]
		if v.IsNull() {
			continue
		}
		n := scalar(v)
		if !ok || !usable(n) {
			d.lost++
			continue
		}
		d.put(ser, point{x, n, marked && !row[odd].IsNull() && scalar(row[odd]) != 0})
	}
}

// addArray adds the points of a row whose cells are arrays.
func (c *Chart) addArray(ser *series, row []table.Value, y, odd int, marked bool) {
	d := &c.data
	list := func(i int) []any {
		out, _ := row[i].Dyn().([]any)
		return out
	}
	xs, ys := list(c.shape.x), list(y)
	var marks []any
	if marked {
		marks = list(odd)
	}
	for i := range min(len(xs), len(ys)) {
		if ys[i] == nil {
			continue
		}
		n, ok := numberOf(ys[i])
		var x float64
		var okX bool
		if c.shape.xKind == times {
			var t int64
			if t, okX = ticksOf(xs[i]); okX {
				x = d.since(t)
			}
		} else if c.shape.xKind == names {
			x, okX = d.at(fmt.Sprint(xs[i])), xs[i] != nil
		} else {
			x, okX = numberOf(xs[i])
		}
		if !ok || !okX || !usable(n) || !usable(x) {
			d.lost++
			continue
		}
		p := point{x: x, y: n}
		if i < len(marks) {
			m, _ := numberOf(marks[i])
			p.odd = m != 0
		}
		d.put(ser, p)
	}
}

// xOf a row is its place on the axis.
func (c *Chart) xOf(row []table.Value) (float64, bool) {
	d := &c.data
	if c.shape.x < 0 {
		return float64(d.rows), true
	}
	v := row[c.shape.x]
	switch c.shape.xKind {
	case names:
		return d.at(cellText(c.schema[c.shape.x].Type, v)), true
	case times:
		return d.since(v.Int64()), !v.IsNull()
	}
	n := scalar(v)
	return n, !v.IsNull() && usable(n)
}

// usable numbers are finite, and so small that the sum of all that a chart holds is
// finite too.
func usable(f float64) bool { return math.Abs(f) <= 1e300 }

// since is a time in seconds from the first one: a float64 holds no ticks of our
// days.
func (d *data) since(ticks int64) float64 {
	if !d.based {
		d.base, d.based = ticks, true
	}
	return float64(ticks-d.base) / table.TicksPerSecond
}

// at is the place of a name on the axis.
func (d *data) at(name string) float64 {
	i, ok := d.place[name]
	if !ok {
		if d.place == nil {
			d.place = map[string]int{}
		}
		i = len(d.places)
		d.place[name] = i
		d.places = append(d.places, name)
	}
	return float64(i)
}

func (d *data) named(name string, y int) *series {
	s, ok := d.index[name]
	if !ok {
		if len(d.series) == maxNames {
			d.extra++
			return nil
		}
		if d.index == nil {
			d.index = map[string]*series{}
		}
		s = &series{name: name, y: y}
		d.index[name] = s
		d.series = append(d.series, s)
	}
	return s
}

func (d *data) put(s *series, p point) {
	if d.points == maxPoints {
		d.many++
		return
	}
	d.points++
	s.sum += math.Abs(p.y)
	s.pts = append(s.pts, p)
}

// chosen are the series that are drawn, in their order: the largest.
func (d *data) chosen(accumulate bool) []*series {
	out := slices.Clone(d.series)
	if len(out) > maxSeries {
		slices.SortStableFunc(out, func(a, b *series) int { return cmp.Compare(b.sum, a.sum) })
		keep := map[*series]bool{}
		for _, s := range out[:maxSeries] {
			keep[s] = true
		}
		d.undrawn = len(out) - maxSeries
		out = slices.DeleteFunc(slices.Clone(d.series), func(s *series) bool { return !keep[s] })
	}
	for _, s := range out {
		slices.SortStableFunc(s.pts, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		if accumulate {
			sum := 0.0
			for i := range s.pts {
				sum += s.pts[i].y
				s.pts[i].y = sum
			}
		}
	}
	return out
}

// cellText is a value as a label.
func cellText(t table.Type, v table.Value) string {
	if v.IsNull() || t == table.String && v.Str() == "" {
		return "(empty)"
	}
	if t == table.DateTime {
		return timeText(table.TimeOf(v.Int64()))
	}
	if t == table.Real {
		return number(v.Float64())
	}
	return v.Text()
}

// timeText is a time without the parts that are zero.
func timeText(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05.9999999")
}
