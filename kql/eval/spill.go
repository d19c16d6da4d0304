package eval

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/apd/v3"

	"sextant/fault"
	"sextant/table"
)

// Operators that outgrow their share of memory put rows in temporary files. A file
// holds batches of one schema. What is hashed goes to one of spillParts files by its
// key, so that equal keys meet again in one file, which is then worked on alone; if
// that is too much again, it is cut once more by other bits of the hash.

const (
	spillParts  = 16
	spillBits   = 4
	spillLevels = 6 // rows of one key alone cannot be cut: then memory is the limit
	// keyColumn is the canonical key of a row that was written with it.
	keyColumn = "$key"
)

// temp makes a temporary file of the query. All are removed when the query closes,
// most when their rows have been read.
func (x *compiler) temp(schema table.Schema) (*spillFile, error) {
	if x.tempDir == "" {
		dir, err := os.MkdirTemp(x.o.TempDir, "query-")
		if err != nil {
			return nil, errTemp(err)
		}
		x.tempDir = dir
	}
	f, err := os.CreateTemp(x.tempDir, "rows-")
	if err != nil {
		return nil, errTemp(err)
	}
	s := &spillFile{x: x, schema: schema, f: f, w: bufio.NewWriterSize(f, 1<<16)}
	if x.files == nil {
		x.files = map[*spillFile]struct{}{}
	}
	x.files[s] = struct{}{}
	return s, nil
}

func errTemp(err error) error {
	return fault.New(fault.Unavailable, "cannot keep a query's rows in temporary files: %w", err)
}

// spillFile is written first, then read once.
type spillFile struct {
	x      *compiler
	schema table.Schema
	f      *os.File
	w      *bufio.Writer
	r      *bufio.Reader
	rows   int64
	buf    []byte
}

func (s *spillFile) write(b *table.Batch) error {
	if b.Rows == 0 {
		return nil
	}
	s.buf = encodeBatch(s.buf[:0], b)
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(s.buf)))
	if _, err := s.w.Write(n[:]); err != nil {
		return errTemp(err)
	}
	if _, err := s.w.Write(s.buf); err != nil {
		return errTemp(err)
	}
	s.rows += int64(b.Rows)
	return nil
}

// rewind ends writing.
func (s *spillFile) rewind() error {
	if err := s.w.Flush(); err != nil {
		return errTemp(err)
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return errTemp(err)
	}
	s.w, s.r = nil, bufio.NewReaderSize(s.f, 1<<16)
	return nil
}

func (s *spillFile) Schema() table.Schema { return s.schema }

func (s *spillFile) Next(context.Context) (*table.Batch, error) {
	if s.f == nil {
		return nil, nil
	}
	if s.r == nil {
		if err := s.rewind(); err != nil {
			return nil, err
		}
	}
	var n [8]byte
	if _, err := io.ReadFull(s.r, n[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, s.Close()
		}
		return nil, errTemp(err)
	}
	size := binary.LittleEndian.Uint64(n[:])
	s.buf = append(s.buf[:0], make([]byte, size)...)
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return nil, errTemp(err)
	}
	b, err := decodeBatch(s.buf, s.schema)
	if err != nil {
		return nil, errTemp(err)
	}
	return b, nil
}

func (s *spillFile) Close() error {
	if s.f == nil {
		return nil
	}
	name := s.f.Name()
	s.f.Close()
	s.f, s.w, s.r, s.buf = nil, nil, nil, nil
	delete(s.x.files, s)
	os.Remove(name)
	return nil
}

// spill spreads rows over files by their keys.
type spill struct {
	x      *compiler
	schema table.Schema
	level  int
	files  [spillParts]*spillFile
	wait   [spillParts]*table.Batch
	bytes  [spillParts]int64
}

func (x *compiler) spill(schema table.Schema, level int) *spill {
	return &spill{x: x, schema: schema, level: level}
}

// add row i of b, whose columns are the first of the schema; a column behind them is
// for the key.
func (s *spill) add(b *table.Batch, i int, key []byte) error {
	p := xxhash.Sum64(key) >> (spillBits * s.level) & (spillParts - 1)
	w := s.wait[p]
	if w == nil {
		w = table.NewBatch(s.schema, 64)
		s.wait[p] = w
	}
	n := int64(len(key))
	for c := range b.Cols {
		appendFrom(&w.Cols[c], &b.Cols[c], i)
		if v := &b.Cols[c]; v.S != nil {
			n += int64(len(v.S[i]))
		}
		n += 24
	}
	if len(b.Cols) < len(s.schema) {
		w.Cols[len(b.Cols)].Append(table.StringValue(string(key)))
	}
	w.Rows++
	if s.bytes[p] += n; s.bytes[p] < 1<<17 {
		return nil
	}
	return s.flush(int(p))
}

func (s *spill) flush(p int) error {
	if s.wait[p] == nil {
		return nil
	}
	if s.files[p] == nil {
		f, err := s.x.temp(s.schema)
		if err != nil {
			return err
		}
		s.files[p] = f
	}
	err := s.files[p].write(s.wait[p])
	s.wait[p], s.bytes[p] = nil, 0
	return err
}

// finish gives the files; nil where no row has such a key.
func (s *spill) finish() ([spillParts]*spillFile, error) {
	for p := range s.files {
		if err := s.flush(p); err != nil {
			return s.files, err
		}
		if s.files[p] != nil {
			if err := s.files[p].rewind(); err != nil {
				return s.files, err
			}
		}
	}
	return s.files, nil
}

// withKey is a schema with a column for the key.
func withKey(s table.Schema) table.Schema {
	return append(s[:len(s):len(s)], table.Column{Name: keyColumn, Type: table.String})
}

// full tells whether an operator should go on in files.
func (x *compiler) full(h *hold, level int) bool {
	at := x.o.spillAt(x.c.Budget)
	return at > 0 && h.n > at && level < spillLevels
}

// Batches in bytes: rows, then for each column whether it has nulls, which, and the
// cells.

func encodeBatch(b []byte, rows *table.Batch) []byte {
	b = binary.AppendUvarint(b, uint64(rows.Rows))
	for c := range rows.Cols {
		v := &rows.Cols[c]
		if v.Valid == nil {
			b = append(b, 0)
		} else {
			b = append(b, 1)
			for _, ok := range v.Valid {
				b = append(b, byte(bit(ok)))
			}
		}
		for i := range rows.Rows {
			switch v.Type {
			case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
				b = binary.AppendVarint(b, v.N[i])
			case table.Real:
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.F[i]))
			case table.String, table.Guid:
				b = appendText(b, v.S[i])
			default:
				b = encodeValue(b, v.At(i))
			}
		}
	}
	return b
}

// Tags of what stands inside a dynamic.
const (
	tagNull = iota
	tagFalse
	tagTrue
	tagLong
	tagReal
	tagText
	tagList
	tagBag
	tagJSON // a dynamic that keeps its exact text
	tagValue
)

func encodeValue(b []byte, v table.Value) []byte {
	if v.IsNull() {
		return append(b, tagNull)
	}
	if v.Type() == table.Dynamic {
		if text, ok := v.Source(); ok {
			return appendText(append(b, tagJSON), text)
		}
		return encodeDyn(b, v.Dyn())
	}
	return encodeDyn(b, v)
}

func encodeDyn(b []byte, d any) []byte {
	switch x := d.(type) {
	case bool:
		if x {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	case int64:
		return binary.AppendVarint(append(b, tagLong), x)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, tagReal), math.Float64bits(x))
	case string:
		return appendText(append(b, tagText), x)
	case []any:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(x)))
		for _, e := range x {
			b = encodeDyn(b, e)
		}
		return b
	case *table.Object:
		b = binary.AppendUvarint(append(b, tagBag), uint64(x.Len()))
		for i := range x.Len() {
			b = encodeDyn(appendText(b, x.Key(i)), x.Val(i))
		}
		return b
	case table.Value:
		if x.Type() == table.Dynamic {
			return encodeValue(b, x)
		}
		if x.IsNull() {
			return append(b, tagNull)
		}
		b = append(b, tagValue, byte(x.Type()))
		switch x.Type() {
		case table.Real:
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(x.Float64()))
		case table.Decimal:
			return appendText(b, x.Dec().String())
		case table.String, table.Guid:
			return appendText(b, x.Str())
		}
		return binary.AppendVarint(b, x.Int64())
	}
	return append(b, tagNull)
}

// cursor reads what encodeBatch wrote. The files are ours: damage is an error, and
// nothing is taken on trust but the memory for one batch.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return make([]byte, min(n, 8))
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uvarint() uint64 {
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[size:]
	return n
}

func (c *cursor) varint() int64 {
	n, size := binary.Varint(c.b)
	if size <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[size:]
	return n
}

func (c *cursor) text() string {
	n := c.uvarint()
	if c.bad || n > uint64(len(c.b)) {
		c.bad = true
		return ""
	}
	return string(c.take(n))
}

func (c *cursor) float() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(c.take(8)))
}

var errDamaged = errors.New("a temporary file is damaged")

func decodeBatch(b []byte, schema table.Schema) (*table.Batch, error) {
	c := &cursor{b: b}
	rows := c.uvarint()
	if rows > uint64(len(b)) && len(schema) > 0 {
		return nil, errDamaged
	}
	out := &table.Batch{Schema: schema, Cols: make([]table.Vector, len(schema)), Rows: int(rows)}
	for i, col := range schema {
		v := table.NewVector(col.Type, int(rows))
		var valid []bool
		if c.take(1)[0] == 1 {
			valid = make([]bool, rows)
			for k, x := range c.take(rows) {
				if k < len(valid) {
					valid[k] = x == 1
				}
			}
		}
		for range rows {
			switch col.Type {
			case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
				v.N = append(v.N, c.varint())
			case table.Real:
				v.F = append(v.F, c.float())
			case table.String, table.Guid:
				v.S = append(v.S, c.text())
			default:
				x, err := c.value(col.Type)
				if err != nil {
					return nil, err
				}
				v.Append(x)
			}
			if c.bad {
				return nil, errDamaged
			}
		}
		if col.Type != table.Dynamic && col.Type != table.Decimal {
			v.Valid = valid
		}
		out.Cols[i] = v
	}
	return out, nil
}

func (c *cursor) value(t table.Type) (table.Value, error) {
	if len(c.b) > 0 && c.b[0] == tagJSON {
		c.take(1)
		return table.DynamicText(c.text()), nil
	}
	d, err := c.dyn(0)
	if err != nil {
		return table.Value{}, err
	}
	if d == nil {
		return table.Null(t), nil
	}
	if v, ok := d.(table.Value); ok && v.Type() == t {
		return v, nil
	}
	return table.DynamicValue(d), nil
}

func (c *cursor) dyn(depth int) (any, error) {
	if c.bad || depth > 2*table.MaxJSONDepth {
		return nil, errDamaged
	}
	switch tag := c.take(1)[0]; tag {
	case tagNull:
		return nil, nil
	case tagFalse, tagTrue:
		return tag == tagTrue, nil
	case tagLong:
		return c.varint(), nil
	case tagReal:
		return c.float(), nil
	case tagText:
		return c.text(), nil
	case tagJSON:
		return table.DynamicText(c.text()).Dyn(), nil
	case tagList:
		n := c.uvarint()
		if n > uint64(len(c.b)) {
			return nil, errDamaged
		}
		list := make([]any, 0, n)
		for range n {
			e, err := c.dyn(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	case tagBag:
		n := c.uvarint()
		o := &table.Object{}
		for range n {
			key := c.text()
			e, err := c.dyn(depth + 1)
			if err != nil {
				return nil, err
			}
			o.Set(strings.Clone(key), e)
		}
		return o, nil
	case tagValue:
		switch t := table.Type(c.take(1)[0]); t {
		case table.Bool:
			return table.BoolValue(c.varint() != 0), nil
		case table.Int:
			return table.IntValue(c.varint()), nil
		case table.Long:
			return table.LongValue(c.varint()), nil
		case table.DateTime:
			return table.DateTimeValue(c.varint()), nil
		case table.TimeSpan:
			return table.TimeSpanValue(c.varint()), nil
		case table.Real:
			return table.RealValue(c.float()), nil
		case table.String:
			return table.StringValue(c.text()), nil
		case table.Guid:
			return table.GuidValue(c.text()), nil
		case table.Decimal:
			d, _, err := apd.NewFromString(c.text())
			if err != nil {
				return nil, errDamaged
			}
			return table.DecimalValue(d), nil
		}
	}
	return nil, errDamaged
}
