package kqltest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"sextant/kql/fn"
	"sextant/table"
)

// cells splits a line where two spaces or a tab stand outside of quotes and
// brackets.
func cells(line string) []string {
	var out []string
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		start, depth, quoted := i, 0, false
		nested := strings.IndexByte(`"{[`, line[i]) >= 0
		for ; i < len(line); i++ {
			c := line[i]
			if quoted {
				if c == '\\' {
					i++
				} else if c == '"' {
					quoted = false
				}
				continue
			}
			if nested {
				switch c {
				case '"':
					quoted = true
				case '{', '[':
					depth++
				case '}', ']':
					depth--
				}
			}
			if depth <= 0 && (c == '\t' || c == ' ' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t')) {
				break
			}
		}
		out = append(out, line[start:min(i, len(line))])
	}
	return out
}

func unquote(s string) (string, error) {
	var out string
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		return "", fmt.Errorf("%s is no text in quotes", s)
	}
	return out, nil
}

// ParseRow reads the cells of a line.
func ParseRow(line string, schema table.Schema) ([]table.Value, error) {
	parts := cells(line)
	if len(parts) != len(schema) {
		return nil, fmt.Errorf("%d cells for %d columns: %q", len(parts), len(schema), parts)
	}
	out := make([]table.Value, len(parts))
	for i, p := range parts {
		v, err := ParseCell(p, schema[i].Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", schema[i].Name, err)
		}
		out[i] = v
	}
	return out, nil
}

// ParseCell reads one cell.
func ParseCell(text string, t table.Type) (table.Value, error) {
	if t == table.String {
		if strings.HasPrefix(text, `"`) {
			s, err := unquote(text)
			return table.StringValue(s), err
		}
		return table.StringValue(text), nil
	}
	if text == "null" {
		return table.Null(t), nil
	}
	if t == table.Dynamic {
		if _, err := table.ParseJSON(text); err != nil {
			return table.Value{}, fmt.Errorf("%s is no JSON", text)
		}
		return table.DynamicText(text), nil
	}
	v := fn.Convert(table.StringValue(text), t)
	if v.IsNull() {
		return v, fmt.Errorf("%q is no %s", text, t)
	}
	return v, nil
}

// FormatCell prints a value so that ParseCell reads it back.
func FormatCell(v table.Value) string {
	switch {
	case v.Type() == table.String:
		s := v.Str()
		if s == "" || strings.Contains(s, "  ") || s != strings.TrimSpace(s) || strings.IndexByte(`"{[#`, s[0]) >= 0 || s == bar || strings.ContainsAny(s, "\t\n\r") || !utf8.ValidString(s) || hasControl(s) {
			return string(table.AppendQuoted(nil, s))
		}
		return s
	case v.IsNull():
		return "null"
	case v.Type() == table.Dynamic:
		return table.Compact(v.JSON())
	case v.Type() == table.Real:
		return table.FormatReal(v.Float64(), false)
	case v.Type() == table.DateTime:
		return shortTime(v.Text())
	}
	return v.Text()
}

func hasControl(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return true
		}
	}
	return false
}

// shortTime drops a fraction that is zero.
func shortTime(s string) string { return strings.Replace(s, ".0000000Z", "Z", 1) }

// table prints an answer: a line of columns, then rows, aligned.
func render(schema table.Schema, rows [][]table.Value) []string {
	grid := make([][]string, 0, len(rows)+1)
	head := make([]string, len(schema))
	for i, c := range schema {
		name := c.Name
		if name == "" || strings.ContainsAny(name, " \":,()") {
			name = string(table.AppendQuoted(nil, name))
		}
		head[i] = name + ":" + c.Type.String()
	}
	grid = append(grid, head)
	for _, r := range rows {
		line := make([]string, len(r))
		for i, v := range r {
			line[i] = FormatCell(v)
		}
		grid = append(grid, line)
	}
	const widest = 40 // a column with longer cells is not padded to them
	width := make([]int, len(schema))
	for _, line := range grid {
		for i, c := range line {
			if n := utf8.RuneCountInString(c); n <= widest {
				width[i] = max(width[i], n)
			}
		}
	}
	out := make([]string, len(grid))
	for k, line := range grid {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", max(width[i]-utf8.RuneCountInString(c), 0)+2))
			}
		}
		out[k] = b.String()
	}
	return out
}

// equalRows compares rows cell by cell; in any order unless ordered.
func equalRows(a, b [][]table.Value, ordered bool) bool {
	if len(a) != len(b) {
		return false
	}
	same := true
	for i := range a {
		if !equalRow(a[i], b[i]) {
			same = false
			break
		}
	}
	if same || ordered {
		return same
	}
	left := append([][]table.Value{}, b...)
next:
	for _, x := range a {
		for k, y := range left {
			if equalRow(x, y) {
				left[k] = left[len(left)-1]
				left = left[:len(left)-1]
				continue next
			}
		}
		return false
	}
	return true
}

func equalRow(a, b []table.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Equal tells whether two cells are the same value: of one type, both null or
// neither, reals to nine digits, dynamics by their parts.
func Equal(a, b table.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	if a.Type() == table.Dynamic {
		return equalDyn(a.Dyn(), b.Dyn())
	}
	if a.IsNull() || b.IsNull() {
		return a.IsNull() == b.IsNull()
	}
	switch a.Type() {
	case table.Real:
		return equalReal(a.Float64(), b.Float64())
	case table.Decimal:
		return a.Dec().Cmp(b.Dec()) == 0
	}
	return a.Text() == b.Text()
}

func equalReal(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
}

// equalDyn compares parsed dynamics. Numbers are equal by value; what JSON has no
// type for is equal to its text.
func equalDyn(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && equalReal(x, y)
	}
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalDyn(x[i], y[i]) {
				return false
			}
		}
		return true
	case *table.Object:
		y, ok := b.(*table.Object)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			v, ok := y.Get(x.Key(i))
			if !ok || !equalDyn(x.Val(i), v) {
				return false
			}
		}
		return true
	}
	return plain(a) == plain(b)
}

func number(d any) (float64, bool) {
	switch x := d.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case table.Value:
		if x.Type().Numeric() && !x.IsNull() {
			return x.Number(), true
		}
	}
	return 0, false
}

func plain(d any) string {
	switch x := d.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(x)
	case table.Value:
		if x.IsNull() {
			return "null"
		}
		return strconv.Quote(x.Text())
	}
	return string(table.AppendJSON(nil, d))
}
