package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"sextant/table"
)

// bounds of what is drawn, widened or narrowed by ymin, ymax, xmin and xmax.
func (c *Chart) bound(name string, found float64) float64 {
	if f, err := strconv.ParseFloat(c.ask.prop(name), 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f
	}
	return found
}

// drawCurves draws lines, areas and points over two axes.
func (c *Chart) drawCurves(p *paper, all []*series) {
	if strings.EqualFold(c.ask.prop("ysplit"), "panels") && len(c.shape.ys) > 1 {
		for _, y := range c.shape.ys {
			panel := slices.DeleteFunc(slices.Clone(all), func(s *series) bool { return s.y != y })
			if anyPoint(panel) {
				p.text(c.schema[y].Name)
				c.drawPanel(p, panel, 2)
			}
		}
		return
	}
	c.drawPanel(p, all, 1)
}

// stacked says how values of one place stand: on each other, and as shares of a
// hundred.
func (c *Chart) stacked() (stacked, hundred bool) {
	kind := strings.ToLower(c.ask.prop("kind"))
	hundred = kind == "stacked100"
	return hundred || kind == "stacked" || c.kind == "stackedareachart", hundred
}

// drawPanel draws series over a pair of axes; part is how many panels share the
// screen.
func (c *Chart) drawPanel(p *paper, series []*series, part int) {
	logY, logX := c.ask.prop("yaxis") == "log", c.ask.prop("xaxis") == "log" && c.shape.xKind == numbers
	stacked, hundred := c.stacked()
	stacked = stacked && c.family == areas
	if stacked {
		series = stack(series, hundred)
	}
	x, y := extent{}, extent{}
	for _, s := range series {
		for _, pt := range s.pts {
			if logY && pt.y <= 0 || logX && pt.x <= 0 {
				c.data.lost++
				continue
			}
			x.add(pt.x)
			y.add(pt.y)
		}
	}
	if !x.any {
		p.wrapped("(nothing to draw: a logarithmic axis has no place for what is not above zero)")
		return
	}
	if !logY && (c.family == areas || y.lo > 0 && y.lo <= y.hi/2 || y.lo == y.hi) {
		y.add(0)
	}
	if hundred && stacked {
		y.lo, y.hi = 0, 100
	}
	lo, hi := c.bound("ymin", y.lo), c.bound("ymax", y.hi)
	if logY && lo <= 0 {
		lo = y.lo
	}
	if hi < lo {
		lo, hi = y.lo, y.hi
	}
	ys := newScale(lo, hi, logY)
	xlo, xhi := c.bound("xmin", x.lo), c.bound("xmax", x.hi)
	if logX && xlo <= 0 || xhi < xlo || c.shape.xKind != numbers {
		xlo, xhi = x.lo, x.hi
	}
	xs := newScale(xlo, xhi, logX)

	height := max(min((p.Height-7)/part, 20), 5)
	ticks := c.yTicks(ys, series, height)
	left := 0
	for i := range ticks {
		ticks[i].text = p.cut(ticks[i].text, 20)
		left = max(left, textWidth(ticks[i].text))
	}
	w := p.Width - left - 2
	g := p.newCanvas(w, height, len(series))
	for i := range slices.Backward(series) { // the first is drawn last, over the others
		c.drawSeries(g, xs, ys, series[i], i)
	}
	c.markOdd(p, g, xs, ys, series)

	if title := c.ask.prop("ytitle"); title != "" {
		p.text(title)
	}
	axis, notch, corner, flat, down := "│", "┤", "└", "─", "┬"
	if p.ASCII {
		axis, notch, corner, flat, down = "|", "+", "+", "-", "+"
	}
	for row := range height {
		label, edge := "", axis
		for _, t := range ticks {
			if ys.cell(t.at, height) == height-1-row {
				label, edge = t.text, notch
			}
		}
		p.line(pad(label, left, true)+" "+edge+g.row(p, row), 0)
	}
	base := []string{}
	for range w {
		base = append(base, flat)
	}
	labels, at := "", 0
	for _, t := range c.xTicks(xs, w) {
		place := xs.cell(t.at, w)
		if place < 0 || place >= w {
			continue
		}
		base[place] = down
		text := p.cut(t.text, w)
		start := max(0, min(place-textWidth(text)/2, w-textWidth(text)))
		if start < at && at > 0 {
			continue
		}
		labels += strings.Repeat(" ", start-textWidth(labels)) + text
		at = start + textWidth(text) + 1
	}
	p.line(strings.Repeat(" ", left)+" "+corner+strings.Join(base, ""), 0)
	if labels != "" {
		p.line(labels, left+2)
	}
	c.underAxis(p, x, left+2)
	if len(series) > 1 && c.ask.prop("legend") != "hidden" {
		p.legend(series, left+2)
	}
}

// underAxis names the axis, and which times it is of.
func (c *Chart) underAxis(p *paper, x extent, indent int) {
	name := c.ask.prop("xtitle")
	if name == "" && c.shape.x >= 0 {
		name = c.schema[c.shape.x].Name
	}
	if c.shape.xKind == times {
		to := " – "
		if p.ASCII {
			to = " to "
		}
		from, last := timeText(table.TimeOf(c.data.ticks(x.lo))), timeText(table.TimeOf(c.data.ticks(x.hi)))
		if day := from[:min(len(from), len("2006-01-02"))]; from != last {
			from += to + strings.TrimPrefix(last, day+" ")
		}
		from += " UTC"
		if name != "" && textWidth(p.plain(name))+2+textWidth(from) <= p.Width-indent {
			from = name + ", " + from
		}
		name = from
	}
	if name != "" {
		name = p.cut(name, p.Width-indent)
		p.line(name, indent+max(0, (p.Width-indent-textWidth(name))/2))
	}
}

// ticks of a place on an axis of times.
func (d *data) ticks(sec float64) int64 {
	return d.base + int64(math.Round(sec*table.TicksPerSecond))
}

type extent struct {
	lo, hi float64
	any    bool
}

func (e *extent) add(v float64) {
	if !e.any {
		e.lo, e.hi, e.any = v, v, true
	}
	e.lo, e.hi = math.Min(e.lo, v), math.Max(e.hi, v)
}

// stack puts each series on those before it: at each place of any of them.
func stack(in []*series, hundred bool) []*series {
	var xs []float64
	for _, s := range in {
		for _, pt := range s.pts {
			xs = append(xs, pt.x)
		}
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	total := make([]float64, len(xs))
	var out []*series
	for _, s := range in {
		t := &series{name: s.name, y: s.y, pts: make([]point, len(xs))}
		k := 0
		for i, x := range xs {
			for ; k < len(s.pts) && s.pts[k].x == x; k++ {
				total[i] += s.pts[k].y
				t.pts[i].odd = t.pts[i].odd || s.pts[k].odd
			}
			t.pts[i].x, t.pts[i].y = x, total[i]
		}
		out = append(out, t)
	}
	if hundred {
		for _, s := range out {
			for i := range s.pts {
				if total[i] != 0 {
					s.pts[i].y *= 100 / total[i]
				}
			}
		}
	}
	return out
}

// drawSeries draws the i-th of them.
func (c *Chart) drawSeries(g *canvas, xs, ys scale, s *series, i int) {
	w, h := g.w*g.sx, g.h*g.sy
	floor := 0
	if !ys.log {
		floor = max(0, min(ys.cell(0, h), h-1))
	}
	lastX, lastY, have := 0, 0, false
	for _, pt := range s.pts {
		if xs.log && pt.x <= 0 || ys.log && pt.y <= 0 {
			continue
		}
		x, y := xs.cell(pt.x, w), ys.cell(pt.y, h)
		switch c.family {
		case dots:
			g.set(x, y, i)
		case areas:
			c.fill(g, lastX, lastY, x, y, floor, i, have)
		default:
			if have {
				g.stroke(lastX, lastY, x, y, i)
			} else {
				g.set(x, y, i)
			}
		}
		lastX, lastY, have = x, y, true
	}
}

// fill the columns from one point to the next, down to the floor. In a stack the series below
// are drawn over it.
func (c *Chart) fill(g *canvas, x0, y0, x1, y1, floor, series int, have bool) {
	if !have {
		x0, y0 = x1, y1
	}
	for x := max(x0, 0); x <= min(x1, g.w*g.sx-1); x++ {
		y := y1
		if x1 > x0 {
			y = y0 + (y1-y0)*(x-x0)/(x1-x0)
		}
		y = max(0, min(y, g.h*g.sy-1))
		for k := min(y, floor); k <= max(y, floor); k++ {
			g.set(x, k, series)
		}
	}
}

// markOdd puts a mark on each anomaly.
func (c *Chart) markOdd(p *paper, g *canvas, xs, ys scale, series []*series) {
	mark := '●'
	if p.ASCII {
		mark = '!'
	}
	for _, s := range series {
		for _, pt := range s.pts {
			if pt.odd && !(ys.log && pt.y <= 0) && !(xs.log && pt.x <= 0) {
				g.put(xs.cell(pt.x, g.w*g.sx), ys.cell(pt.y, g.h*g.sy), mark, 6)
			}
		}
	}
}

// yTicks are as many as the height has room for.
func (c *Chart) yTicks(ys scale, series []*series, height int) []tick {
	n := max(2, height/4)
	for _, s := range series {
		if c.schema[s.y].Type != table.TimeSpan {
			return ys.ticks(n)
		}
	}
	if ys.log {
		return ys.ticks(n)
	}
	return ys.spanTicks(n)
}

// xTicks are as many as the width has room for.
func (c *Chart) xTicks(xs scale, w int) []tick {
	switch c.shape.xKind {
	case times:
		return xs.timeTicks(c.data.base, max(2, w/10))
	case spans:
		return xs.spanTicks(max(2, w/10))
	case names:
		var out []tick
		for i, name := range c.data.places {
			out = append(out, tick{float64(i), name})
			if len(out) == w {
				break
			}
		}
		return out
	}
	return xs.ticks(max(2, w/12))
}
