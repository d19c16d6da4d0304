package chart

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Line is a text on one line that is safe to print: what steers a terminal, or turns the
// direction of what follows, is blank.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// paper is the text of a chart.
type paper struct {
	Screen
	b strings.Builder
}

// palette of the series, as colours of a terminal that black and white backgrounds
// both show.
var palette = [...]int{36, 33, 35, 32, 34, 31, 96, 93, 95, 92}

// marks of the series where colours do not tell them apart.
const marks = "*+ox#@%&=$"

func (p *paper) painted(color int, text string) string {
	if !p.Color || color == 0 || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", palette[(color-1)%len(palette)], text)
}

// plain is a text that this screen can show.
func (p *paper) plain(s string) string {
	s = Line(s)
	if !p.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, s)
}

// runeWidth is how many characters of the screen a rune takes.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1f300 && r < 0x1fb00:
		return 2
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// cut makes a text plain and no wider than n.
func (p *paper) cut(s string, n int) string {
	if len(s) > 8*n+64 {
		s = s[:8*n+64] // no wider text can come of more; a rune cut in two is replaced
	}
	s = p.plain(s)
	if textWidth(s) <= n {
		return s
	}
	dots := "…"
	if p.ASCII {
		dots = "~"
	}
	at, used := 0, 0
	for i, r := range s {
		w := runeWidth(r)
		if used+w > n-1 {
			break
		}
		used += w
		at = i + utf8.RuneLen(r)
	}
	if n <= 0 {
		return ""
	}
	return s[:at] + dots
}

// pad a plain text to a width: on the left where right is set.
func pad(s string, n int, right bool) string {
	fill := strings.Repeat(" ", max(n-textWidth(s), 0))
	if right {
		return fill + s
	}
	return s + fill
}

// text is a line of it, cut at the edge.
func (p *paper) text(s string) { p.line(p.cut(s, p.Width), 0) }

// wrapped breaks a text between its words.
func (p *paper) wrapped(s string) {
	line := ""
	for _, word := range strings.Fields(p.plain(s)) {
		if line != "" && textWidth(line)+1+textWidth(word) > p.Width {
			p.text(line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	p.text(line)
}

// line of ready characters, indented; blanks at its end are dropped.
func (p *paper) line(s string, indent int) {
	p.b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+s, " "))
	p.b.WriteByte('\n')
}

func (p *paper) centred(s string) {
	s = p.cut(s, p.Width)
	p.line(s, (p.Width-textWidth(s))/2)
}

// legend names the series.
func (p *paper) legend(series []*series, indent int) {
	var line strings.Builder
	used := 0
	for i, s := range series {
		name := p.cut(s.name, min(40, p.Width-indent-4))
		w := textWidth(name) + 2
		if used > 0 && indent+used+3+w > p.Width {
			p.line(line.String(), indent)
			line.Reset()
			used = 0
		}
		if used > 0 {
			line.WriteString("   ")
			used += 3
		}
		line.WriteString(p.painted(i+1, p.swatch(i)) + " " + name)
		used += w
	}
	if used > 0 {
		p.line(line.String(), indent)
	}
}

// swatch is what the bars and points of a series are made of.
func (p *paper) swatch(i int) string {
	if p.Color && !p.ASCII {
		return "█"
	}
	return marks[i%len(marks) : i%len(marks)+1]
}

// canvas is a grid of characters, each of which may hold dots.
type canvas struct {
	w, h   int // in characters
	sx, sy int // dots of a character: 2×4 of braille, or 1×1
	cells  []cell
}

type cell struct {
	dots  uint8
	mark  rune // instead of dots
	color int8 // of the series, from 1
}

// newCanvas has braille dots where the screen shows them, and series can be told apart
// by their colour.
func (p *paper) newCanvas(w, h, series int) *canvas {
	c := &canvas{w: w, h: h, sx: 1, sy: 1, cells: make([]cell, w*h)}
	if !p.ASCII && (p.Color || series == 1) {
		c.sx, c.sy = 2, 4
	}
	return c
}

// brailleBit of the dot in column x and row y of a character.
var brailleBit = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// set the dot at x from the left and y from the bottom; what is outside is not drawn.
func (c *canvas) set(x, y, series int) {
	if x < 0 || y < 0 || x >= c.w*c.sx || y >= c.h*c.sy {
		return
	}
	y = c.h*c.sy - 1 - y
	at := &c.cells[y/c.sy*c.w+x/c.sx]
	at.color = int8(series + 1)
	if c.sx == 1 {
		at.mark = rune(marks[series%len(marks)])
		return
	}
	at.dots |= brailleBit[y%4][x%2]
}

// put a character where the dot is, over what is there.
func (c *canvas) put(x, y int, mark rune, color int8) {
	if x < 0 || y < 0 || x >= c.w*c.sx || y >= c.h*c.sy {
		return
	}
	c.cells[(c.h*c.sy-1-y)/c.sy*c.w+x/c.sx] = cell{mark: mark, color: color}
}

// stroke from one dot to another. Both ends are within the canvas or near it: callers
// clip.
func (c *canvas) stroke(x0, y0, x1, y1, series int) {
	dx, dy := abs(x1-x0), -abs(y1-y0)
	sx, sy := sign(x1-x0), sign(y1-y0)
	for e := dx + dy; ; {
		c.set(x0, y0, series)
		if x0 == x1 && y0 == y1 {
			return
		}
		e2 := 2 * e
		if e2 >= dy {
			e += dy
			x0 += sx
		}
		if e2 <= dx {
			e += dx
			y0 += sy
		}
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// row of the canvas from the top, coloured.
func (c *canvas) row(p *paper, y int) string {
	var b strings.Builder
	run, color := "", int8(0)
	for _, at := range c.cells[y*c.w : (y+1)*c.w] {
		ch := " "
		switch {
		case at.mark != 0:
			ch = string(at.mark)
		case at.dots != 0:
			ch = string(rune(0x2800 + int(at.dots)))
		}
		if at.color != color && ch != " " {
			b.WriteString(p.painted(int(color), run))
			run, color = "", at.color
		}
		run += ch
	}
	b.WriteString(p.painted(int(color), strings.TrimRight(run, " ")))
	return b.String()
}
