package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"sextant/table"
)

// group is what stands at one place: a value of each series, NaN for none.
type group struct {
	name string
	x    float64
	vals []float64
}

// groups of the points by their place; values of one place and series add up.
func (c *Chart) groups(all []*series) []group {
	at := map[float64]int{}
	var out []group
	for k, s := range all {
		for _, pt := range s.pts {
			i, ok := at[pt.x]
			if !ok {
				i = len(out)
				at[pt.x] = i
				g := group{name: c.placeName(pt.x), x: pt.x, vals: make([]float64, len(all))}
				for j := range g.vals {
					g.vals[j] = math.NaN()
				}
				out = append(out, g)
			}
			v := &out[i].vals[k]
			if math.IsNaN(*v) {
				*v = 0
			}
			*v += pt.y
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(a.x, b.x) })
	return out
}

// placeName is the label of a place.
func (c *Chart) placeName(x float64) string {
	switch {
	case c.shape.x < 0:
		return fmt.Sprint(int(x))
	case c.shape.xKind == names:
		return c.data.places[int(x)]
	case c.shape.xKind == times:
		return timeText(table.TimeOf(c.data.ticks(x)))
	case c.shape.xKind == spans:
		return spanText(x)
	}
	return number(x)
}

// valueText is the number beside a bar.
func (c *Chart) valueText(s *series, v float64) string {
	if c.schema[s.y].Type == table.TimeSpan {
		return spanText(v)
	}
	return number(v)
}

// share turns the values of a group into hundredths of their sum.
func hundredths(groups []group) {
	for _, g := range groups {
		sum := 0.0
		for _, v := range g.vals {
			if !math.IsNaN(v) {
				sum += math.Abs(v)
			}
		}
		for i := range g.vals {
			if sum > 0 {
				g.vals[i] = g.vals[i] / sum * 100
			}
		}
	}
}

// drawBars draws a line for each value, or for each place where they are stacked.
func (c *Chart) drawBars(p *paper, all []*series) {
	stacked, hundred := c.stacked()
	groups := c.groups(all)
	each := len(all)
	if stacked {
		each = 1
	}
	if most := max(1, maxBars/each); len(groups) > most {
		c.data.notef("%d more places are not drawn; top or sort shows which", len(groups)-most)
		groups = groups[:most]
	}
	if hundred {
		hundredths(groups)
	}
	label, room := 0, 0
	span := extent{}
	span.add(0)
	text := func(k int, v float64) string {
		if hundred {
			return fmt.Sprintf("%.0f%%", v)
		}
		return p.plain(c.valueText(all[k], v))
	}
	for _, g := range groups {
		label = max(label, textWidth(p.plain(p.cut(g.name, p.Width*2/5))))
		up, down := 0.0, 0.0
		for k, v := range g.vals {
			if math.IsNaN(v) {
				continue
			}
			if stacked {
				up, down = up+math.Max(v, 0), down+math.Min(v, 0)
				continue
			}
			span.add(v)
			room = max(room, textWidth(text(k, v)))
		}
		if stacked {
			span.add(up)
			span.add(down)
			room = max(room, textWidth(text(0, up+down)))
		}
	}
	lo, hi := math.Min(0, c.bound("ymin", span.lo)), c.bound("ymax", span.hi)
	sc := newScale(lo, math.Max(hi, lo), false)
	logged := c.ask.prop("yaxis") == "log" && !stacked && span.lo >= 0 && span.hi > 0
	if logged {
		sc = newScale(math.Min(1, span.hi/10), span.hi, true)
	}
	label = max(min(label, p.Width-room-3-4), 1)
	width := max(p.Width-label-room-3, 4)
	edge := "│"
	if p.ASCII {
		edge = "|"
	}
	if title := c.ask.prop("ytitle"); title != "" {
		p.text(title)
	}
	for _, g := range groups {
		name := pad(p.cut(g.name, label), label, true)
		if stacked {
			p.line(name+" "+edge+c.stackedBar(p, g, sc, width)+" "+text(0, sumOf(g.vals)), 0)
			continue
		}
		first := true
		for k, v := range g.vals {
			if math.IsNaN(v) {
				continue
			}
			if !first {
				name = strings.Repeat(" ", label)
			}
			first = false
			p.line(name+" "+edge+p.bar(sc, v, width, k, len(all))+" "+text(k, v), 0)
		}
	}
	if len(all) > 1 && c.ask.prop("legend") != "hidden" {
		p.legend(all, label+2)
	}
}

func sumOf(vals []float64) float64 {
	sum := 0.0
	for _, v := range vals {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}

// eighths of a character, from the left and from below.
var (
	eighthsLeft = []rune(" ▏▎▍▌▋▊▉█")
	eighthsUp   = []rune(" ▁▂▃▄▅▆▇█")
)

// bar from zero to v. Where some values are below zero, zero is not at the left
// edge.
func (p *paper) bar(sc scale, v float64, width, series, of int) string {
	zero := 0.0
	if !sc.log {
		zero = math.Max(0, math.Min(sc.at(0), 1))
	}
	end := 0.0
	if !sc.log || v > 0 {
		end = math.Max(0, math.Min(sc.at(v), 1))
	}
	from, to := math.Min(zero, end)*float64(width), math.Max(zero, end)*float64(width)
	if p.ASCII || of > 1 && !p.Color || from > 0 {
		// Whole characters.
		start, n := int(math.Round(from)), int(math.Round(to))-int(math.Round(from))
		if n == 0 && v != 0 {
			start, n = min(start, width-1), 1 // a little is not nothing
		}
		ch := "█"
		if p.ASCII || of > 1 && !p.Color {
			ch = p.swatch(series)
		}
		return strings.Repeat(" ", start) + p.painted(series+1, strings.Repeat(ch, n))
	}
	eighths := int(math.Round(to * 8))
	if eighths == 0 && v != 0 {
		eighths = 1
	}
	s := strings.Repeat("█", eighths/8)
	if eighths%8 > 0 {
		s += string(eighthsLeft[eighths%8])
	}
	return p.painted(series+1, s)
}

// stackedBar is the values of a place, one after the other; those below zero go left.
func (c *Chart) stackedBar(p *paper, g group, sc scale, width int) string {
	cells := make([]int, width) // series from 1
	up, down := 0.0, 0.0
	for k, v := range g.vals {
		if math.IsNaN(v) {
			continue
		}
		at := &up
		if v < 0 {
			at = &down
		}
		from, to := sc.at(*at), sc.at(*at+v)
		*at += v
		a, b := int(math.Round(math.Min(from, to)*float64(width))), int(math.Round(math.Max(from, to)*float64(width)))
		for i := max(a, 0); i < min(b, width); i++ {
			cells[i] = k + 1
		}
	}
	for len(cells) > 0 && cells[len(cells)-1] == 0 {
		cells = cells[:len(cells)-1]
	}
	var b strings.Builder
	for i := 0; i < len(cells); {
		n := i
		for n < len(cells) && cells[n] == cells[i] {
			n++
		}
		if cells[i] == 0 {
			b.WriteString(strings.Repeat(" ", n-i))
		} else {
			b.WriteString(p.painted(cells[i], strings.Repeat(p.swatch(cells[i]-1), n-i)))
		}
		i = n
	}
	return b.String()
}

// drawColumns draws upright bars where there is room for them. What is too many becomes an
// area when the axis has an order, and bars that lie otherwise.
func (c *Chart) drawColumns(p *paper, all []*series) {
	stacked, hundred := c.stacked()
	groups := c.groups(all)
	each := len(all)
	if stacked {
		each = 1
	}
	gap := 1
	if each > 1 {
		gap = 2
	}
	span := extent{}
	span.add(0)
	if hundred {
		hundredths(groups)
	}
	for _, g := range groups {
		up, down := 0.0, 0.0
		for _, v := range g.vals {
			switch {
			case math.IsNaN(v):
			case stacked:
				up, down = up+math.Max(v, 0), down+math.Min(v, 0)
			default:
				span.add(v)
			}
		}
		span.add(up)
		span.add(down)
	}
	lo, hi := math.Min(0, c.bound("ymin", span.lo)), c.bound("ymax", span.hi)
	ys := newScale(lo, math.Max(hi, lo), false)
	height := max(min(p.Height-7, 20), 5)
	ticks := c.yTicks(ys, all, height)
	left := 0
	for i := range ticks {
		ticks[i].text = p.cut(ticks[i].text, 20)
		left = max(left, textWidth(ticks[i].text))
	}
	w := p.Width - left - 2
	thick := min(8, (w/len(groups)-gap)/each)
	if thick < 1 && w >= len(groups) && each == 1 {
		thick, gap = 1, 0
	}
	if thick < 1 || span.lo < 0 && c.shape.xKind == names {
		if c.shape.xKind == names || c.shape.xKind == numbers && c.shape.x < 0 {
			if thick < 1 {
				c.data.notef("more columns than the screen has room for: they lie")
			}
			c.drawBars(p, all)
			return
		}
		if thick < 1 {
			c.data.notef("more columns than the screen has room for: drawn as areas")
		}
		c.family = areas
		c.drawPanel(p, all, 1)
		c.family = columns
		return
	}
	place := func(i int) int { return i * (thick*each + gap) }
	floor := max(0, min(ys.cell(0, height*8+1), height*8))
	rows := make([][]cell, height)
	for i := range rows {
		rows[i] = make([]cell, w)
	}
	for i, g := range groups {
		c.upright(p, rows, ys, g, place(i), thick, floor, stacked)
	}
	axis, notch, corner, flat := "│", "┤", "└", "─"
	if p.ASCII {
		axis, notch, corner, flat = "|", "+", "+", "-"
	}
	if title := c.ask.prop("ytitle"); title != "" {
		p.text(title)
	}
	g := &canvas{w: w, h: height, sx: 1, sy: 1}
	for _, r := range rows {
		g.cells = append(g.cells, r...)
	}
	for row := range height {
		label, edge := "", axis
		for _, t := range ticks {
			// A tick stands at the upper edge of its character, as the bars end.
			if int(math.Ceil(ys.at(t.at)*float64(height)-0.5)) == height-row && ys.at(t.at) > 0 {
				label, edge = t.text, notch
			}
		}
		p.line(pad(label, left, true)+" "+edge+g.row(p, row), 0)
	}
	p.line(strings.Repeat(" ", left)+" "+corner+strings.Repeat(flat, w), 0)
	c.columnLabels(p, groups, place, thick*each+gap, w, left+2)
	x := extent{}
	for _, g := range groups {
		x.add(g.x)
	}
	c.underAxis(p, x, left+2)
	if len(all) > 1 && c.ask.prop("legend") != "hidden" {
		p.legend(all, left+2)
	}
}

// upright draws the columns of a group.
func (c *Chart) upright(p *paper, rows [][]cell, ys scale, g group, at, thick, floor int, stacked bool) {
	height := len(rows)
	solid := func(k int) rune {
		r := []rune(p.swatch(k))[0]
		if len(g.vals) == 1 && !p.ASCII {
			r = '█'
		}
		return r
	}
	draw := func(x, from, to, k int) { // in eighths
		for row := range height {
			lo := row * 8
			part := max(0, min(to, lo+8)-max(from, lo))
			if part == 0 {
				continue
			}
			ch := solid(k)
			if ch == '█' && part < 8 {
				if from > lo { // its lower end: rounded to a whole character
					if part < 4 {
						continue
					}
				} else {
					ch = eighthsUp[part]
				}
			} else if ch != '█' && part < 4 && to-from >= 4 {
				continue
			}
			for i := range thick {
				if x+i < len(rows[0]) {
					rows[height-1-row][x+i] = cell{mark: ch, color: int8(k + 1)}
				}
			}
		}
	}
	up := 0.0
	for k, v := range g.vals {
		if math.IsNaN(v) {
			continue
		}
		if stacked {
			a, b := ys.cell(up, height*8+1), ys.cell(up+math.Max(v, 0), height*8+1)
			up += math.Max(v, 0)
			draw(at, max(a, 0), min(b, height*8), k)
			continue
		}
		end := max(0, min(ys.cell(v, height*8+1), height*8))
		if end == floor && v > 0 {
			end++ // a little is not nothing
		}
		draw(at+k*thick, min(floor, end), max(floor, end), k)
	}
}

// columnLabels stand under their columns, as many as fit.
func (c *Chart) columnLabels(p *paper, groups []group, place func(int) int, step, w, indent int) {
	widest := 0
	short := c.shortNames(groups)
	for i := range short {
		short[i] = p.plain(short[i])
		widest = max(widest, textWidth(short[i]))
	}
	room := step
	every := 1
	if c.shape.xKind != names {
		// An order tells what is between two labels.
		for every*step < widest+1 && every < len(groups) {
			every++
		}
		room = every * step
	}
	labels := ""
	for i := 0; i < len(groups); i += every {
		at := place(i)
		if at < textWidth(labels) || at >= w {
			continue
		}
		labels += strings.Repeat(" ", at-textWidth(labels)) + p.cut(short[i], min(max(room-1, 1), w-at))
	}
	p.line(labels, indent)
}

// shortNames leaves out of times what they have in common.
func (c *Chart) shortNames(groups []group) []string {
	out := make([]string, len(groups))
	days := map[string]bool{}
	clock := false
	for i, g := range groups {
		out[i] = g.name
		if c.shape.xKind == times {
			t := table.TimeOf(c.data.ticks(g.x))
			days[t.Format("2006-01-02")] = true
			clock = clock || len(g.name) > len("2006-01-02")
		}
	}
	if c.shape.xKind != times {
		return out
	}
	for i, g := range groups {
		t := table.TimeOf(c.data.ticks(g.x))
		switch {
		case !clock:
			out[i] = t.Format("Jan 02")
		case len(days) == 1:
			out[i] = t.Format("15:04")
		default:
			out[i] = t.Format("Jan 02 15:04")
		}
	}
	return out
}

// drawShares draws the parts of a whole, the largest first.
func (c *Chart) drawShares(p *paper, all []*series) {
	type part struct {
		name string
		v    float64
	}
	var parts []part
	sum, below := 0.0, 0
	for _, g := range c.groups(all) {
		for k, v := range g.vals {
			if math.IsNaN(v) || v == 0 {
				continue
			}
			if v < 0 {
				below++
				continue
			}
			name := g.name
			if len(all) > 1 {
				name += ", " + all[k].name
			}
			parts = append(parts, part{name, v})
			sum += v
		}
	}
	if below > 0 {
		c.data.notef("%d below zero left out: a whole has no such parts", below)
	}
	if sum == 0 {
		p.text("(nothing to draw: no value is above zero)")
		return
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.v, a.v) })
	if len(parts) > maxShares {
		rest := part{name: fmt.Sprintf("(%d others)", len(parts)-maxShares+1)}
		for _, x := range parts[maxShares-1:] {
			rest.v += x.v
		}
		parts = append(parts[:maxShares-1], rest)
	}
	label, room := 0, 0
	for _, x := range parts {
		label = max(label, textWidth(p.cut(x.name, p.Width*2/5)))
		room = max(room, textWidth(p.plain(c.valueText(all[0], x.v))))
	}
	label = max(min(label, p.Width-room-12-4), 1)
	most := slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.v, b.v) })
	sc := newScale(0, most.v, false)
	for i, x := range parts {
		bar := p.bar(sc, x.v, max(p.Width-label-room-12, 4), i, 1)
		p.line(fmt.Sprintf("%s %s  %5.1f%%  %s", pad(p.cut(x.name, label), label, true), pad(p.plain(c.valueText(all[0], x.v)), room, true), x.v/sum*100, bar), 0)
	}
}
