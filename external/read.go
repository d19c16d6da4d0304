package external

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// reading collects the rows of the files of one table.
type reading struct {
	Request
	fields []field // of each column
	rows   [][]table.Value
	max    int
	left   int64 // bytes that may still be read
	limit  int64
}

// field is where a column's cells are.
type field struct {
	place int      // in a record of values; -1 where a mapping does not say
	path  []string // in an object
	fixed *table.Value
}

// separators of the formats of values.
var separators = map[string]rune{"csv": ',', "tsv": '\t', "tsve": '\t', "psv": '|', "scsv": ';', "sohsv": '\x01'}

// formats that are read.
const formats = "csv, tsv, psv, scsv, sohsv, json, multijson, txt, raw, w3clogfile and parquet, packed with gzip or zip or not"

// prepare finds what each column is made of.
func (r *reading) prepare() error {
	r.Format = strings.ToLower(r.Format)
	if r.Format == "singlejson" {
		r.Format = "multijson"
	}
	if f := r.Format; f != "" && separators[f] == 0 && !slices.Contains([]string{"json", "multijson", "txt", "raw", "w3clogfile", "parquet"}, f) {
		return fault.New(fault.Invalid, "the format %q cannot be read; %s can", r.Format, formats)
	}
	for i, c := range r.Columns {
		r.fields = append(r.fields, field{place: i, path: []string{c.Name}})
	}
	if r.Mapping == "" {
		return nil
	}
	// Both spellings that Kusto takes: {"Column":…,"Properties":{"Path":…}} and {"column":…,"path":…}.
	var entries []struct {
		Column, Path, Name string
		Ordinal            *json.RawMessage
		Properties         struct {
			Path       string
			Field      string // of a W3C log file
			Ordinal    *json.RawMessage
			ConstValue *string
		}
	}
	if err := json.Unmarshal([]byte(r.Mapping), &entries); err != nil {
		return fault.New(fault.Invalid, "the ingestion mapping is no list of objects with Column and Properties")
	}
	for i := range r.fields {
		r.fields[i] = field{place: -1}
	}
	for _, e := range entries {
		name := e.Column
		if name == "" {
			name = e.Name
		}
		i := r.Columns.Index(name)
		if i < 0 {
			continue // of a table with more columns
		}
		f := &r.fields[i]
		if p := e.Properties.Path + e.Path; p != "" {
			keys, ok := jsonPath(p)
			if !ok {
				return fault.New(fault.Invalid, "the path %q of the ingestion mapping cannot be followed; $.name.name can", p)
			}
			f.path = keys
		} else if e.Properties.Field != "" {
			f.path = []string{e.Properties.Field}
		}
		for _, n := range []*json.RawMessage{e.Ordinal, e.Properties.Ordinal} {
			if n == nil {
				continue
			}
			at, err := strconv.Atoi(strings.Trim(string(*n), `"`))
			if err != nil || at < 0 {
				return fault.New(fault.Invalid, "%s is no place of a column", *n)
			}
			f.place = at
		}
		if c := e.Properties.ConstValue; c != nil {
			v := r.cell(*c, r.Columns[i].Type)
			f.fixed = &v
		}
	}
	return nil
}

// jsonPath reads $.a.b and $['a'].b.
func jsonPath(p string) ([]string, bool) {
	rest, ok := strings.CutPrefix(p, "$")
	keys := []string{}
	for ok && rest != "" {
		switch {
		case strings.HasPrefix(rest, "['"):
			end := strings.Index(rest, "']")
			if end < 0 {
				return nil, false
			}
			keys, rest = append(keys, rest[2:end]), rest[end+2:]
		case strings.HasPrefix(rest, "."):
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, false
			}
			keys, rest = append(keys, rest[:end]), rest[end:]
		default:
			return nil, false
		}
	}
	return keys, ok
}

// bounded ends with an error when more is read than may be.
type bounded struct {
	in io.Reader
	r  *reading
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.r.left+1 {
		p = p[:b.r.left+1]
	}
	n, err := b.in.Read(p)
	if b.r.left -= int64(n); b.r.left < 0 {
		return 0, b.r.tooLarge()
	}
	return n, err
}

func (r *reading) tooLarge() error {
	return fault.New(fault.Limit, "it is larger than %d MB", r.limit>>20)
}

// file reads one. Its name, or its first bytes, tell how it is packed.
func (r *reading) file(ctx context.Context, in io.Reader, name string) error {
	buf := bufio.NewReaderSize(in, 64<<10)
	head, _ := buf.Peek(4) // shorter files have fewer; an error comes again
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		packed, err := gzip.NewReader(buf)
		if err != nil {
			return fault.New(fault.Invalid, "it is no gzip file: %v", err)
		}
		return r.records(ctx, packed, strings.TrimSuffix(name, ".gz"))
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		all, err := io.ReadAll(io.LimitReader(buf, r.limit+1))
		if err != nil {
			return err
		}
		if int64(len(all)) > r.limit {
			return r.tooLarge()
		}
		z, err := zip.NewReader(bytes.NewReader(all), int64(len(all)))
		if err != nil {
			return fault.New(fault.Invalid, "it is no zip file: %v", err)
		}
		for _, f := range z.File {
			if f.FileInfo().IsDir() {
				continue
			}
			in, err := f.Open()
			if err != nil {
				return fault.New(fault.Invalid, "the zip file cannot be unpacked: %v", err)
			}
			if err := errors.Join(r.records(ctx, in, f.Name), in.Close()); err != nil {
				return err
			}
		}
		return nil
	}
	return r.records(ctx, buf, name)
}

// formatOf a file by its name.
func formatOf(name string) string {
	switch ext := strings.TrimPrefix(strings.ToLower(path.Ext(name)), "."); {
	case separators[ext] != 0, ext == "txt", ext == "raw", ext == "parquet":
		return ext
	case ext == "json", ext == "jsonl", ext == "ndjson", ext == "multijson":
		return "multijson"
	case ext == "log":
		return "txt"
	}
	return "csv"
}

func (r *reading) records(ctx context.Context, in io.Reader, name string) error {
	format := r.Format
	if format == "" {
		format = formatOf(name)
	}
	if format == "parquet" {
		return r.parquet(ctx, &bounded{in, r})
	}
	// A mark of order of bytes tells UTF-16; UTF-8's own is dropped.
	text := transform.NewReader(&bounded{in, r}, unicode.BOMOverride(transform.Nop))
	err := r.read(text, format)
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		err = fault.New(fault.Invalid, "it cannot be read as %s: %w", format, err)
	}
	return err
}

func (r *reading) read(in io.Reader, format string) error {
	switch format {
	case "txt":
		return r.lines(in)
	case "raw":
		all, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return r.values([]string{valid(string(all))})
	case "json", "multijson":
		return r.objects(in)
	case "w3clogfile":
		return r.extended(in)
	}
	c := csv.NewReader(in)
	c.Comma, c.LazyQuotes, c.FieldsPerRecord, c.ReuseRecord = separators[format], true, -1, true
	for n := 0; ; n++ {
		rec, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 && r.SkipFirst {
			continue
		}
		if format == "tsve" {
			for i := range rec {
				rec[i] = unescape.Replace(rec[i])
			}
		}
		if err := r.values(rec); err != nil {
			return err
		}
	}
}

// unescape what tsve writes with a backslash.
var unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")

// lines are records of one text.
func (r *reading) lines(in io.Reader) error {
	buf := bufio.NewReaderSize(in, 64<<10)
	for n := 0; ; n++ {
		line, err := buf.ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if line == "" && err == io.EOF {
			return nil
		}
		if n > 0 || !r.SkipFirst {
			if e := r.values([]string{valid(strings.TrimRight(line, "\r\n"))}); e != nil {
				return e
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// objects one after the other, or in arrays.
func (r *reading) objects(in io.Reader) error {
	d := json.NewDecoder(in)
	first := true
	for {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		list := []json.RawMessage{raw}
		if raw = bytes.TrimSpace(raw); raw[0] == '[' {
			if err := json.Unmarshal(raw, &list); err != nil {
				return err
			}
		}
		for _, o := range list {
			if first && r.SkipFirst {
				first = false
				continue
			}
			first = false
			if err := r.object(o); err != nil {
				return err
			}
		}
	}
}

func (r *reading) object(raw json.RawMessage) error {
	d, err := table.ParseJSON(string(raw))
	if err != nil {
		return err
	}
	row := make([]table.Value, len(r.Columns))
	for i, c := range r.Columns {
		f := r.fields[i]
		if f.fixed != nil {
			row[i] = *f.fixed
			continue
		}
		var at any
		if f.path != nil {
			at = follow(d, f.path)
		}
		v := table.FromDyn(at)
		if c.Type != table.Dynamic {
			v = fn.Convert(v, c.Type)
			if c.Type == table.String && at != nil {
				if s, ok := at.(string); ok {
					v = table.StringValue(s)
				}
			}
		}
		row[i] = v
	}
	return r.add(row)
}

// follow the names of a path into objects; nil where one is missing.
func follow(d any, path []string) any {
	for _, key := range path {
		o, ok := d.(*table.Object)
		if !ok {
			return nil
		}
		d, _ = o.Get(key)
	}
	return d
}

// extended is W3C's extended log file: directives behind #, of which Fields names the
// fields of the records; a field is a word or stands between quotation marks, - is none. Columns
// are found by their names.
func (r *reading) extended(in io.Reader) error {
	buf := bufio.NewReaderSize(in, 64<<10)
	var names []string
	for end := false; !end; {
		line, err := buf.ReadString('\n')
		if end = err == io.EOF; err != nil && !end {
			return err
		}
		line = valid(strings.TrimSpace(line))
		if list, ok := strings.CutPrefix(line, "#Fields:"); ok {
			names = strings.Fields(list)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if names == nil {
			return fault.New(fault.Invalid, "it has records before a line #Fields:")
		}
		o := map[string]string{}
		for i := 0; line != "" && i < len(names); i++ {
			var word string
			if line[0] == '"' {
				word, line, _ = strings.Cut(line[1:], `"`)
			} else if word, line, _ = strings.Cut(line, " "); word == "-" {
				word = ""
			}
			o[names[i]], line = word, strings.TrimLeft(line, " \t")
		}
		row := make([]table.Value, len(r.Columns))
		for i, c := range r.Columns {
			row[i] = table.Null(c.Type)
			if f := r.fields[i]; f.fixed != nil {
				row[i] = *f.fixed
			} else if len(f.path) == 1 {
				row[i] = r.cell(o[f.path[0]], c.Type)
			}
		}
		if err := r.add(row); err != nil {
			return err
		}
	}
	return nil
}

// values of a record in order.
func (r *reading) values(rec []string) error {
	row := make([]table.Value, len(r.Columns))
	for i, c := range r.Columns {
		switch f := r.fields[i]; {
		case f.fixed != nil:
			row[i] = *f.fixed
		case f.place >= 0 && f.place < len(rec):
			row[i] = r.cell(rec[f.place], c.Type)
		default:
			row[i] = table.Null(c.Type)
		}
	}
	return r.add(row)
}

func (r *reading) add(row []table.Value) error {
	if len(r.rows) == r.max {
		return fault.New(fault.Limit, "it has more than %d records", r.max)
	}
	r.rows = append(r.rows, row)
	return nil
}

// cell of a text; what is none of its type is null.
func (r *reading) cell(text string, t table.Type) table.Value {
	text = valid(strings.Clone(text)) // the record's memory is used again
	switch {
	case t == table.String:
		return table.StringValue(text)
	case strings.TrimSpace(text) == "":
		return table.Null(t)
	case t == table.Dynamic:
		return table.DynamicText(text)
	}
	return fn.Convert(table.StringValue(text), t)
}

// valid is a text whose bytes are UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
