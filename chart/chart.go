// Package chart draws the rows of an answer in a terminal, as KQL's render
// operator asks for them.
//
// A Chart takes rows one by one (Add) and draws once (Draw). What the columns are
// to the chart, its axis, its values, its series, follows the rules of render: named by
// xcolumn, ycolumns and series, else found by their types. The chart never
// writes a character that a log brought along without a look at it (Line): text
// of records must not steer the terminal.
package chart

import (
	"fmt"
	"io"
	"strings"

	"sextant/table"
)

// Ask is what a query wants to see: the operands of render. The zero Ask leaves
// the choice to the columns.
type Ask struct {
	Chart string            // timechart, barchart, …; "" chooses
	Props map[string]string // title, xcolumn, ycolumns, …: lists have commas
}

// prop is the value of a property, whatever the case of its name.
func (a Ask) prop(name string) string {
	for k, v := range a.Props {
		if strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// list is the value of a property that names columns.
func (a Ask) list(name string) []string {
	var out []string
	for s := range strings.SplitSeq(a.prop(name), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Screen is where a chart is drawn.
type Screen struct {
	Width  int  // in characters; 0 is 80
	Height int  // in lines, of which a chart takes a part; 0 is 24
	ASCII  bool // the locale shows nothing else
	Color  bool
}

// Limits of what is drawn. Beyond them a note says how much is left out.
const (
	maxSeries = 10        // drawn; the largest
	maxBars   = 60        // lines of a chart of bars
	maxShares = 15        // parts of a pie, the rest being one
	maxPoints = 4_000_000 // held
	maxNames  = 10_000    // different series held
	minWidth  = 40        // on a narrower screen lines break
)

// family is how a kind of chart is drawn.
type family int

const (
	none family = iota
	lines
	areas
	dots
	bars
	columns
	shares
	card
)

// families of the charts that a terminal can draw. What is missing is shown as a
// table: pictures of graphs, maps and pivots need more than characters.
var families = map[string]family{
	"timechart": lines, "linechart": lines, "anomalychart": lines,
	"areachart": areas, "stackedareachart": areas,
	"scatterchart": dots,
	"barchart":     bars, "columnchart": columns,
	"piechart": shares, "treemap": shares,
	"card": card,
}

// Chart of an answer that is still being read.
type Chart struct {
	ask    Ask
	schema table.Schema
	kind   string // of families
	family family
	shape  shape
	shaped bool
	data   data
}

// New is a chart of rows of a schema. ok is false, with the reason in words, where a
// terminal cannot draw what is asked, or where the columns have nothing to draw:
// then the rows are to be shown as a table. The reason is empty where a table was asked for.
func New(schema table.Schema, ask Ask) (c *Chart, reason string, ok bool) {
	c = &Chart{ask: ask, schema: schema, kind: strings.ToLower(ask.Chart)}
	if c.kind == "table" {
		return nil, "", false
	}
	if c.kind == "" {
		if c.kind = choose(schema); c.kind == "" {
			return nil, "there is no column of numbers beside one of time or text", false
		}
	}
	if c.family = families[c.kind]; c.family == none {
		return nil, "a terminal cannot draw " + Line(ask.Chart), false
	}
	for _, name := range []string{"xcolumn", "ycolumns", "series", "anomalycolumns"} {
		for _, col := range ask.list(name) {
			if schema.Index(col) < 0 {
				return nil, fmt.Sprintf("%s names a column %s that the result does not have", name, Line(col)), false
			}
		}
	}
	if c.family != card && !drawable(schema) {
		return nil, "there is no column of numbers", false
	}
	if ask.prop("kind") == "map" {
		c.data.notef("a map is drawn as points")
	}
	if s := strings.ToLower(ask.prop("ysplit")); s == "axes" {
		c.data.notef("all values share one axis; ysplit=panels gives each its own")
	}
	return c, "", true
}

// choose a kind of chart for columns that nobody asked one for.
func choose(schema table.Schema) string {
	var times, texts, numbers int
	for _, col := range schema {
		switch {
		case col.Type == table.DateTime:
			times++
		case isNumber(col.Type):
			numbers++
		case col.Type == table.String, col.Type == table.Bool, col.Type == table.Guid:
			texts++
		}
	}
	switch {
	case numbers > 0 && times > 0:
		return "timechart"
	case numbers > 0 && texts > 0:
		return "barchart"
	case numbers == 1:
		return "card"
	case numbers > 1:
		return "linechart"
	case hasDynamic(schema):
		return "timechart" // make-series without a key: arrays of times and numbers
	}
	return ""
}

func isNumber(t table.Type) bool { return t.Numeric() || t == table.TimeSpan }

func hasDynamic(schema table.Schema) bool {
	n := 0
	for _, col := range schema {
		if col.Type == table.Dynamic {
			n++
		}
	}
	return n > 1
}

func drawable(schema table.Schema) bool {
	for _, col := range schema {
		if isNumber(col.Type) || col.Type == table.Dynamic {
			return true
		}
	}
	return false
}

// Add a row. The chart keeps no reference to it.
func (c *Chart) Add(row []table.Value) {
	if !c.shaped {
		c.shape, c.shaped = c.shapeOf(row), true
	}
	c.add(row)
}

// Draw the chart, its title, axes and legend, and notes on what was left out.
func (c *Chart) Draw(w io.Writer, s Screen) error {
	if s.Width <= 0 {
		s.Width = 80
	}
	if s.Height <= 0 {
		s.Height = 24
	}
	s.Width = max(s.Width, minWidth)
	p := &paper{Screen: s}
	if title := c.ask.prop("title"); title != "" {
		p.centred(title)
	}
	switch {
	case !c.shaped:
		p.text("(no rows)")
	case c.family == card:
		c.drawCard(p)
	case c.shape.reason != "":
		p.wrapped("(nothing to draw: " + c.shape.reason + ")")
	default:
		series := c.data.chosen(c.ask.prop("accumulate") == "true")
		if !anyPoint(series) {
			p.wrapped("(nothing to draw: no row has both a place on the axis and a number)")
			break
		}
		switch c.family {
		case lines, areas, dots:
			c.drawCurves(p, series)
		case columns:
			c.drawColumns(p, series)
		case shares:
			c.drawShares(p, series)
		default:
			c.drawBars(p, series)
		}
	}
	for _, n := range c.data.notes() {
		p.wrapped("(" + n + ")")
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func anyPoint(series []*series) bool {
	for _, s := range series {
		if len(s.pts) > 0 {
			return true
		}
	}
	return false
}

// drawCard prints each value of the first row, its name under it.
func (c *Chart) drawCard(p *paper) {
	for i, text := range c.data.card {
		p.line(p.painted(1, p.cut(text, p.Width-2)), 2)
		p.text("  " + c.schema[i].Name)
	}
}
