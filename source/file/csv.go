package file

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"sextant/fault"
	"sextant/record"
)

// table reads a CSV text: a header and rows. Rows may be shorter or longer than
// the header, and quotes may be sloppy, as exports are.
type table struct {
	csv   *csv.Reader
	fence *fence
	shape *record.CSVShape
	base  int // lines before the header
}

// fence fails a read that would take one row over the limit, so that a quote
// without an end cannot fill the memory.
type fence struct {
	r    io.Reader
	left int
	max  int
}

var errLong = errors.New("row too long")

func (f *fence) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, errLong
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// newTable reads the header. The error is fault.Invalid and without a name.
func newTable(m *record.Model, br *bufio.Reader, name string, max int) (*table, error) {
	t := &table{fence: &fence{r: br, left: max + 1, max: max + 1}}
	for { // empty lines before the header
		b, err := br.Peek(1)
		if err != nil || b[0] != '\n' && b[0] != '\r' {
			break
		}
		if b[0] == '\n' {
			t.base++
		}
		if _, err := br.Discard(1); err != nil {
			return nil, fault.New(fault.Invalid, "cannot be read: %w", err)
		}
	}
	comma := ','
	if head, _ := br.Peek(4096); len(head) > 0 {
		line, _, _ := bytes.Cut(head, []byte{'\n'})
		if bytes.HasPrefix(line, []byte("sep=")) { // for spreadsheets
			comma = rune(line[4])
			if _, err := br.Discard(len(line) + 1); err != nil {
				return nil, fault.New(fault.Invalid, "the file ends behind its first line")
			}
			t.base++
		} else {
			for _, c := range []byte{';', '\t'} {
				if bytes.Count(line, []byte{c}) > bytes.Count(line, []byte{byte(comma)}) {
					comma = rune(c)
				}
			}
		}
	}
	t.csv = csv.NewReader(t.fence)
	t.csv.Comma, t.csv.LazyQuotes, t.csv.FieldsPerRecord = comma, true, -1
	header, err := t.csv.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the header cannot be read: %s", t.explain(err))
	}
	if len(header) < 2 {
		first := header[0]
		if len(first) > 40 {
			first = first[:40] + "…"
		}
		return nil, fault.New(fault.Invalid, "this is neither JSON nor CSV; it begins %q", first)
	}
	if t.shape, err = m.CSV(header, name); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *table) explain(err error) string {
	var p *csv.ParseError
	switch {
	case errors.Is(err, errLong):
		return fmt.Sprintf("the row is longer than %d bytes; perhaps a quote has no end", t.fence.max-1)
	case errors.As(err, &p):
		return p.Err.Error()
	}
	return err.Error()
}

// next row that is not empty, its line, and what is wrong where it cannot be
// used. io.EOF at the end. fatal says that nothing can be read behind it.
func (t *table) next() (cells []string, line int64, why string, fatal bool, err error) {
	t.fence.left = t.fence.max
	cells, err = t.csv.Read()
	if err == io.EOF {
		return nil, 0, "", false, io.EOF
	}
	row := 0
	if len(cells) > 0 {
		row, _ = t.csv.FieldPos(0)
	}
	var p *csv.ParseError
	if errors.As(err, &p) {
		row = p.StartLine
	}
	line = int64(row + t.base)
	if err != nil {
		_, isParse := err.(*csv.ParseError)
		return cells, line, t.explain(err), !isParse, nil
	}
	if len(cells) == 1 && strings.TrimSpace(cells[0]) == "" {
		return t.next()
	}
	return cells, line, "", false, nil
}
