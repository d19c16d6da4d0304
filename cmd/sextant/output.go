package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"sextant/chart"
	"sextant/table"
)

// printResult in a format: table, list, json, csv or ndjson.
func printResult(w io.Writer, r *result, format string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var err error
	switch format {
	case "list":
		err = printList(out, r)
	case "json":
		err = printJSON(out, r, true)
	case "ndjson":
		err = printJSON(out, r, false)
	case "csv":
		err = printCSV(out, r)
	default:
		err = printTable(out, r, screenWidth(w))
	}
	if e := out.Flush(); err == nil {
		err = e
	}
	return err
}

// appendCell writes a value as JSON: dynamic as the JSON that it is.
func appendCell(b []byte, v table.Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	switch v.Type() {
	case table.Bool:
		return strconv.AppendBool(b, v.Bool())
	case table.Int, table.Long:
		return strconv.AppendInt(b, v.Int64(), 10)
	case table.Real:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
	case table.Dynamic:
		return table.AppendJSON(b, v.Dyn())
	}
	return table.AppendQuoted(b, v.Text())
}

func printJSON(out *bufio.Writer, r *result, array bool) error {
	n := 0
	var buf []byte
	if array {
		buf = append(buf, '[')
	}
	err := r.rows(func(row []table.Value) error {
		if array && n > 0 {
			buf = append(buf, ',')
		}
		if array {
			buf = append(buf, '\n')
		}
		n++
		buf = append(buf, '{')
		for i, v := range row {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = table.AppendQuoted(buf, r.schema[i].Name)
			buf = append(buf, ':')
			buf = appendCell(buf, v)
		}
		buf = append(buf, '}')
		if !array {
			buf = append(buf, '\n')
		}
		_, err := out.Write(buf)
		buf = buf[:0]
		return err
	})
	if err != nil {
		return err
	}
	if array {
		if n > 0 {
			buf = append(buf, '\n')
		}
		buf = append(buf, "]\n"...)
	}
	_, err = out.Write(buf)
	return err
}

func printCSV(out *bufio.Writer, r *result) error {
	w := csv.NewWriter(out)
	if err := w.Write(r.schema.Names()); err != nil {
		return err
	}
	cells := make([]string, len(r.schema))
	err := r.rows(func(row []table.Value) error {
		for i, v := range row {
			cells[i] = v.Text()
			if t := v.Type(); (t == table.String || t == table.Dynamic) && cells[i] != "" && strings.ContainsRune("=+-@\t\r", rune(cells[i][0])) {
				// A spreadsheet would take the text for a formula and run it.
				cells[i] = "'" + cells[i]
			}
		}
		return w.Write(cells)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// Widths of the table format.
const (
	maxCell   = 60
	tableRows = 10_000 // held to find the widths; a longer table is printed in parts
)

// screenWidth of a terminal in characters; 0 where w is none, which bounds nothing.
func screenWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printTable with aligned columns. On a screen that is too narrow for them rows are
// printed as lists: lines that are broken anywhere help nobody.
func printTable(out *bufio.Writer, r *result, screen int) error {
	var rows [][]string
	total := 0
	asList := false
	flush := func() error {
		if asList = asList || screen > 0 && tooWide(r.schema, rows, screen); asList {
			for i, row := range rows {
				writeList(out, r.schema, row, total-len(rows)+i+1, screen)
			}
			rows = rows[:0]
			return out.Flush()
		}
		width := make([]int, len(r.schema))
		for i, c := range r.schema {
			width[i] = utf8.RuneCountInString(c.Name)
			for _, row := range rows {
				width[i] = max(width[i], utf8.RuneCountInString(row[i]))
			}
		}
		line := func(cells []string, right bool) {
			for i, c := range cells {
				pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
				if i > 0 {
					out.WriteString("  ")
				}
				if right && (r.schema[i].Type.Numeric() || r.schema[i].Type == table.TimeSpan) {
					out.WriteString(pad + c)
				} else if i == len(cells)-1 {
					out.WriteString(c)
				} else {
					out.WriteString(c + pad)
				}
			}
			out.WriteByte('\n')
		}
		line(r.schema.Names(), true)
		rule := make([]string, len(width))
		for i, w := range width {
			rule[i] = strings.Repeat("─", w)
		}
		line(rule, false)
		for _, row := range rows {
			line(row, true)
		}
		rows = rows[:0]
		return out.Flush()
	}
	err := r.rows(func(row []table.Value) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = oneCell(v)
		}
		rows = append(rows, cells)
		total++
		if len(rows) == tableRows {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(r.schema) == 0 {
		return nil
	}
	if len(rows) > 0 || total == 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	writeCount(out, total)
	if asList {
		fmt.Fprintln(out, "(each row as a list, without its empty columns; project fewer columns for a table)")
	}
	return nil
}

func tooWide(schema table.Schema, rows [][]string, screen int) bool {
	sum := 0
	for i, c := range schema {
		width := utf8.RuneCountInString(c.Name)
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(row[i]))
		}
		sum += width + 2
	}
	return sum-2 > screen
}

// printList prints each row as lines of a name and a value, empty ones left out.
func printList(out *bufio.Writer, r *result) error {
	n := 0
	cells := make([]string, len(r.schema))
	err := r.rows(func(row []table.Value) error {
		for i, v := range row {
			cells[i] = oneLine(v)
		}
		n++
		writeList(out, r.schema, cells, n, 0)
		return nil
	})
	if err == nil {
		writeCount(out, n)
	}
	return err
}

// writeList writes a row; values are cut at the screen's edge, if there is one.
func writeList(out *bufio.Writer, schema table.Schema, cells []string, n, screen int) {
	width := 0
	for i, c := range schema {
		if cells[i] != "" {
			width = max(width, utf8.RuneCountInString(c.Name))
		}
	}
	fmt.Fprintf(out, "── row %d %s\n", n, strings.Repeat("─", 20))
	for i, c := range schema {
		if cells[i] == "" {
			continue
		}
		text := cells[i]
		if room := screen - width - 2; screen > 0 && room > 10 && utf8.RuneCountInString(text) > room {
			text = string([]rune(text)[:room-1]) + "…"
		}
		fmt.Fprintf(out, "%s%s  %s\n", c.Name, strings.Repeat(" ", width-utf8.RuneCountInString(c.Name)), text)
	}
}

func writeCount(out *bufio.Writer, n int) {
	plural := "s"
	if n == 1 {
		plural = ""
	}
	fmt.Fprintf(out, "(%d row%s)\n", n, plural)
}

// oneCell is a value on one line, cut to what a person can read in a table.
func oneCell(v table.Value) string {
	s := oneLine(v)
	if utf8.RuneCountInString(s) > maxCell {
		s = string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}

// oneLine is a value on one line that is safe to print.
func oneLine(v table.Value) string {
	s := v.Text()
	if v.Type() == table.DateTime && !v.IsNull() {
		s = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(s, "Z"), "0"), ".") + "Z"
	}
	return chart.Line(s) // what a log holds must not steer the terminal
}
