package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"sextant/table"
)

// print a result in a format: table, json, csv or ndjson.
func printResult(w io.Writer, r *result, format string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var err error
	switch format {
	case "json":
		err = printJSON(out, r, true)
	case "ndjson":
		err = printJSON(out, r, false)
	case "csv":
		err = printCSV(out, r)
	default:
		err = printTable(out, r)
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

func printTable(out *bufio.Writer, r *result) error {
	var rows [][]string
	total := 0
	flush := func() error {
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
	plural := "s"
	if total == 1 {
		plural = ""
	}
	_, err = fmt.Fprintf(out, "(%d row%s)\n", total, plural)
	return err
}

// oneCell is a value on one line, cut to what a person can read.
func oneCell(v table.Value) string {
	s := v.Text()
	if v.Type() == table.DateTime && !v.IsNull() {
		s = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(s, "Z"), "0"), ".") + "Z"
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' ' // what a log holds must not steer the terminal
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxCell {
		s = string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}
