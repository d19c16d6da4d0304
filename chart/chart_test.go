package chart

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"sextant/table"
)

var update = flag.Bool("update", false, "accept what is drawn")

// Each file of testdata holds charts: an ask, a screen, rows, and the picture.
//
//	chart columnchart kind=stacked; title=Sign-ins
//	screen 60x20 ascii color
//	Day:datetime, Result:string, n:long
//	2026-01-01T00:00:00Z | ok | 5
//	----
//	…
//
// Cells are separated by " | "; null is a null, a text in double quotes has Go's escapes. A
// picture ends with an empty line that another chart follows.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatal(err, len(files))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			blocks := splitCharts(string(text))
			if len(blocks) == 0 {
				t.Fatal("no charts")
			}
			for _, b := range blocks {
				got := picture(t, b.head)
				fmt.Fprintf(&out, "%s----\n%s\n", b.head, got)
				if !*update && got != b.want {
					t.Errorf("%s\ngot\n%s\nwant\n%s", b.head, got, b.want)
				}
			}
			if *update {
				if err := os.WriteFile(path, []byte(strings.TrimSuffix(out.String(), "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

type block struct{ head, want string }

func splitCharts(text string) (out []block) {
	var b *block
	drawn := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# ") && (b == nil || drawn) || strings.HasPrefix(line, "chart") && (b == nil || drawn) {
			out = append(out, block{})
			b, drawn = &out[len(out)-1], false
		}
		switch {
		case !drawn && (line == "----\n" || line == "\n"):
			drawn = true
		case drawn:
			b.want += line
		default:
			b.head += line
		}
	}
	for i := range out[:max(len(out)-1, 0)] {
		out[i].want = strings.TrimSuffix(out[i].want, "\n")
	}
	return out
}

// picture of a chart, its escape sequences made visible.
func picture(t *testing.T, head string) string {
	t.Helper()
	ask, screen := Ask{Props: map[string]string{}}, Screen{Width: 60, Height: 20}
	var schema table.Schema
	var rows [][]table.Value
	for line := range strings.Lines(head) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "chart"):
			kind, props, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "chart")), " ")
			ask.Chart = kind
			for p := range strings.SplitSeq(props, ";") {
				if name, value, ok := strings.Cut(p, "="); ok {
					ask.Props[strings.TrimSpace(name)] = strings.TrimSpace(value)
				}
			}
		case strings.HasPrefix(line, "screen "):
			for _, w := range strings.Fields(line)[1:] {
				switch w {
				case "ascii":
					screen.ASCII = true
				case "color":
					screen.Color = true
				default:
					if _, err := fmt.Sscanf(w, "%dx%d", &screen.Width, &screen.Height); err != nil {
						t.Fatal(line, err)
					}
				}
			}
		case schema == nil:
			for col := range strings.SplitSeq(line, ",") {
				name, kind, _ := strings.Cut(strings.TrimSpace(col), ":")
				typ, ok := table.ParseType(kind)
				if !ok {
					t.Fatalf("%s: no type %s", line, kind)
				}
				schema = append(schema, table.Column{Name: name, Type: typ})
			}
		default:
			var row []table.Value
			for i, s := range strings.Split(line, " | ") {
				row = append(row, cellOf(t, strings.TrimSpace(s), schema[i].Type))
			}
			rows = append(rows, row)
		}
	}
	c, reason, ok := New(schema, ask)
	if !ok {
		return "no chart: " + reason + "\n"
	}
	for _, r := range rows {
		c.Add(r)
	}
	var b strings.Builder
	if err := c.Draw(&b, screen); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\x1b", "␛")
}

func cellOf(t *testing.T, s string, typ table.Type) table.Value {
	t.Helper()
	if s == "null" {
		return table.Null(typ)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(s, err)
		}
	}
	switch typ {
	case table.Long, table.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		must(err)
		return table.LongValue(n)
	case table.Real:
		f, err := strconv.ParseFloat(s, 64)
		must(err)
		return table.RealValue(f)
	case table.Bool:
		return table.BoolValue(s == "true")
	case table.DateTime:
		at, err := time.Parse(time.RFC3339Nano, s)
		must(err)
		n, _ := table.TicksOf(at)
		return table.DateTimeValue(n)
	case table.TimeSpan:
		d, err := time.ParseDuration(s)
		must(err)
		return table.TimeSpanValue(int64(d) / 100)
	case table.Dynamic:
		return table.DynamicText(s)
	}
	if strings.HasPrefix(s, `"`) {
		var err error
		s, err = strconv.Unquote(s)
		must(err)
	}
	return table.StringValue(s)
}

var escapes = regexp.MustCompile("\x1b\\[[0-9]+m")

// Whatever the rows and the properties, a chart is lines no wider than the screen, of
// characters that can be seen, and it is drawn without a panic.
func TestAnyRows(t *testing.T) {
	types := []table.Type{table.Long, table.Real, table.String, table.DateTime, table.TimeSpan, table.Dynamic, table.Bool}
	kinds := []string{"", "timechart", "linechart", "areachart", "stackedareachart", "barchart", "columnchart", "piechart", "scatterchart", "anomalychart", "card", "treemap"}
	rapid.Check(t, func(t *rapid.T) {
		schema := table.Schema{}
		for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
			schema = append(schema, table.Column{Name: fmt.Sprintf("c%d\x1b[2J", i), Type: rapid.SampledFrom(types).Draw(t, "type")})
		}
		props := map[string]string{"title": rapid.String().Draw(t, "title")}
		for _, p := range []struct{ name, values string }{
			{"kind", "stacked stacked100 unstacked map"}, {"yaxis", "log linear"}, {"xaxis", "log"}, {"ysplit", "panels axes"},
			{"legend", "hidden"}, {"accumulate", "true"}, {"ymin", "-5 0 1e300 x NaN"}, {"ymax", "7 -1e300"}, {"xmin", "3"},
		} {
			if rapid.Bool().Draw(t, p.name) {
				props[p.name] = rapid.SampledFrom(strings.Fields(p.values)).Draw(t, p.name)
			}
		}
		if rapid.Bool().Draw(t, "named") {
			props["xcolumn"] = schema[rapid.IntRange(0, len(schema)-1).Draw(t, "x")].Name
		}
		c, _, ok := New(schema, Ask{rapid.SampledFrom(kinds).Draw(t, "kind"), props})
		if !ok {
			return
		}
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			row := make([]table.Value, len(schema))
			for i, col := range schema {
				row[i] = anyValue(t, col.Type)
			}
			c.Add(row)
		}
		s := Screen{Width: rapid.IntRange(0, 130).Draw(t, "width"), Height: rapid.IntRange(0, 50).Draw(t, "height"),
			ASCII: rapid.Bool().Draw(t, "ascii"), Color: rapid.Bool().Draw(t, "color")}
		var b strings.Builder
		if err := c.Draw(&b, s); err != nil {
			t.Fatal(err)
		}
		wide := s.Width
		if wide == 0 {
			wide = 80
		}
		wide = max(wide, minWidth)
		text := b.String()
		if s.Color {
			text = escapes.ReplaceAllString(text, "")
		}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if textWidth(line) > wide {
				t.Fatalf("%d characters wide on a screen of %d: %s", textWidth(line), wide, line)
			}
			for _, r := range line {
				if !unicode.IsPrint(r) && r != '\ufffd' && !(r >= 0x2800 && r < 0x2900) || s.ASCII && r > 126 {
					t.Fatalf("%q holds %q", line, r)
				}
			}
		}
	})
}

func anyValue(t *rapid.T, typ table.Type) table.Value {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return table.Null(typ)
	}
	switch typ {
	case table.Long:
		return table.LongValue(rapid.Int64().Draw(t, "long"))
	case table.Real:
		return table.RealValue(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 5e-324, math.MaxFloat64})).Draw(t, "real"))
	case table.DateTime:
		return table.DateTimeValue(rapid.Int64Range(0, table.MaxDateTime).Draw(t, "time"))
	case table.TimeSpan:
		return table.TimeSpanValue(rapid.Int64().Draw(t, "span"))
	case table.Bool:
		return table.BoolValue(rapid.Bool().Draw(t, "bool"))
	case table.Dynamic:
		return table.DynamicText(rapid.SampledFrom([]string{`[1,2,null,3]`, `["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]`, `{"a":1}`, `[]`, `["x",1]`, `[1e308,"y"]`}).Draw(t, "dynamic"))
	}
	return table.StringValue(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x1b]0;evil\a", "\u202eabc", "日本語日本語日本語日本語日本語日本語日本語", strings.Repeat("w", 10_000)})).Draw(t, "text"))
}

// A million points are drawn in a moment.
func TestMillionPoints(t *testing.T) {
	schema := table.Schema{{Name: "t", Type: table.DateTime}, {Name: "n", Type: table.Real}}
	c, _, _ := New(schema, Ask{Chart: "timechart"})
	row := make([]table.Value, 2)
	base := int64(638_000_000) * table.TicksPerSecond
	for i := range int64(1_000_000) {
		row[0], row[1] = table.DateTimeValue(base+i*table.TicksPerSecond), table.RealValue(math.Sin(float64(i)/1e5))
		c.Add(row)
	}
	var b strings.Builder
	if err := c.Draw(&b, Screen{Width: 100, Height: 30}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n < 10 || n > 30 {
		t.Errorf("%d lines", n)
	}
}
