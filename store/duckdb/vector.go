package duckdb

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/cockroachdb/apd/v3"
	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/table"
)

// vectorSize is the number of rows of a DuckDB chunk; Open checks it.
const vectorSize = 2048

// kind is how a physical column lies in DuckDB.
type kind uint8

const (
	kindBool     kind = iota // BOOLEAN
	kindInt                  // INTEGER
	kindLong                 // BIGINT: long, datetime and timespan
	kindReal                 // DOUBLE
	kindString               // VARCHAR, never NULL
	kindGuid                 // VARCHAR
	kindDecimal              // VARCHAR
	kindDynamic              // VARCHAR: exact JSON text
	kindTextList             // VARCHAR[]: a promoted path into the elements of an array
)

func kindOf(c table.Column, list bool) kind {
	switch c.Type {
	case table.Bool:
		return kindBool
	case table.Int:
		return kindInt
	case table.Long, table.DateTime, table.TimeSpan:
		return kindLong
	case table.Real:
		return kindReal
	case table.String:
		return kindString
	case table.Guid:
		return kindGuid
	case table.Decimal:
		return kindDecimal
	}
	if list {
		return kindTextList
	}
	return kindDynamic
}

var kindSQL = [...]string{"BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR[]"}

func (k kind) sql() string { return kindSQL[k] }

func (k kind) logicalType() capi.LogicalType {
	switch k {
	case kindBool:
		return capi.CreateLogicalType(capi.TypeBoolean)
	case kindInt:
		return capi.CreateLogicalType(capi.TypeInteger)
	case kindLong:
		return capi.CreateLogicalType(capi.TypeBigInt)
	case kindReal:
		return capi.CreateLogicalType(capi.TypeDouble)
	case kindTextList:
		child := capi.CreateLogicalType(capi.TypeVarchar)
		defer capi.DestroyLogicalType(&child)
		return capi.CreateListType(child)
	}
	return capi.CreateLogicalType(capi.TypeVarchar)
}

// kinds of a definition's physical columns.
func kindsOf(def *table.Def) []kind {
	phys := def.Physical()
	out := make([]kind, len(phys))
	for i, c := range phys {
		list := false
		if p := i - len(def.Columns); p >= 0 && p < len(def.Promoted) {
			list = def.Promoted[p].InElements()
		}
		out[i] = kindOf(c, list)
	}
	return out
}

// textCell is DuckDB's string_t. Up to 12 bytes lie inside it; a longer string
// has its first four bytes and a pointer.
type textCell struct {
	n      uint32
	prefix [4]byte
	ptr    uint64
}

const inlineText = 12

// filler writes columns of Go batches into DuckDB vectors. It has one buffer,
// so it serves one goroutine.
type filler struct {
	buf  []byte
	flat []string // elements of lists
	null []bool
}

// slice views n values of a vector's memory.
func slice[T any](p unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(p), n) }

// fill writes the cells of col at rows (or, when rows is nil, at [from, from+n))
// into the first n places of vec. It fails where DuckDB's memory is used up.
func (f *filler) fill(vec capi.Vector, k kind, col *table.Vector, from, n int, rows []int32) error {
	if n == 0 {
		return nil
	}
	at := func(i int) int {
		if rows != nil {
			return int(rows[i])
		}
		return from + i
	}
	data := capi.VectorGetData(vec)
	switch k {
	case kindBool:
		dst := slice[uint8](data, n)
		for i := range dst {
			dst[i] = uint8(col.N[at(i)] & 1)
		}
	case kindInt:
		dst := slice[int32](data, n)
		for i := range dst {
			dst[i] = int32(col.N[at(i)])
		}
	case kindLong:
		dst := slice[int64](data, n)
		if rows == nil {
			copy(dst, col.N[from:from+n])
		} else {
			for i := range dst {
				dst[i] = col.N[rows[i]]
			}
		}
	case kindReal:
		dst := slice[float64](data, n)
		for i := range dst {
			dst[i] = col.F[at(i)]
		}
	case kindString:
		return f.text(vec, data, n, func(i int) (string, bool) { return col.S[at(i)], true })
	case kindGuid:
		return f.text(vec, data, n, func(i int) (string, bool) {
			r := at(i)
			return col.S[r], !col.IsNull(r)
		})
	case kindDecimal:
		return f.text(vec, data, n, func(i int) (string, bool) {
			r := at(i)
			d, ok := col.D[r].(*apd.Decimal)
			if !ok || d == nil || col.IsNull(r) {
				return "", false
			}
			return d.String(), true
		})
	case kindDynamic:
		return f.text(vec, data, n, func(i int) (string, bool) { return dynamicText(col, at(i)) })
	case kindTextList:
		return f.list(vec, data, n, func(i int) ([]any, bool) { return listCell(col, at(i)) })
	}
	if col.Valid != nil {
		mask, err := validity(vec, n)
		if err != nil {
			return err
		}
		for i := range n {
			if !col.Valid[at(i)] {
				mask[i>>6] &^= 1 << (i & 63)
			}
		}
	}
	return nil
}

// validity is the vector's mask with all of n rows valid.
func validity(vec capi.Vector, n int) ([]uint64, error) {
	if err := writableValidity(vec); err != nil {
		return nil, err
	}
	mask := slice[uint64](capi.VectorGetValidity(vec), (n+63)/64)
	for i := range mask {
		mask[i] = ^uint64(0)
	}
	return mask, nil
}

// dynamicText is the JSON text of cell r; false when it is null.
func dynamicText(col *table.Vector, r int) (string, bool) {
	if col.IsNull(r) {
		return "", false
	}
	if col.S != nil {
		if s := col.S[r]; s != "" {
			return s, s != "null"
		}
	}
	v := col.At(r)
	if v.IsNull() {
		return "", false
	}
	return v.JSON(), true
}

func listCell(col *table.Vector, r int) ([]any, bool) {
	if col.IsNull(r) {
		return nil, false
	}
	if col.D != nil {
		if l, ok := col.D[r].([]any); ok {
			return l, true
		}
	}
	l, ok := col.At(r).Dyn().([]any)
	return l, ok
}

// text writes n strings. All long ones of the vector go into one buffer that
// DuckDB copies in one call; the cells then point into its copy. A call for
// each cell would cost more than everything else.
//
// DuckDB's functions may misbehave on text that is not UTF-8: it is mended. That
// is so rare that it is looked for in the buffer as a whole, and done again
// string by string.
func (f *filler) text(vec capi.Vector, data unsafe.Pointer, n int, cell func(i int) (string, bool)) error {
	done, err := f.pack(vec, data, n, cell)
	if err != nil || done {
		return err
	}
	_, err = f.pack(vec, data, n, func(i int) (string, bool) {
		s, ok := cell(i)
		return strings.ToValidUTF8(s, "\ufffd"), ok
	})
	return err
}

// pack is text; false when a string is not UTF-8.
func (f *filler) pack(vec capi.Vector, data unsafe.Pointer, n int, cell func(i int) (string, bool)) (done bool, err error) {
	const notASCII = 0x8080808080808080
	dst := slice[textCell](data, n)
	f.buf = f.buf[:0]
	var mask []uint64
	for i := range dst {
		s, ok := cell(i)
		d := &dst[i]
		*d = textCell{n: uint32(len(s))}
		if !ok {
			if mask == nil {
				if mask, err = validity(vec, n); err != nil {
					return false, err
				}
			}
			mask[i>>6] &^= 1 << (i & 63)
			d.n = 0
			continue
		}
		if len(s) <= inlineText {
			copy(slice[byte](unsafe.Pointer(&d.prefix), inlineText), s)
			if (d.ptr|uint64(*(*uint32)(unsafe.Pointer(&d.prefix))))&notASCII != 0 && !utf8.ValidString(s) {
				return false, nil
			}
			continue
		}
		if !utf8.RuneStart(s[0]) {
			return false, nil
		}
		copy(d.prefix[:], s)
		d.ptr = uint64(len(f.buf))
		f.buf = append(f.buf, s...)
	}
	if len(f.buf) == 0 {
		return true, nil
	}
	// Every string starts with the start of a character, so if the whole is well
	// formed, each is.
	if !utf8.Valid(f.buf) {
		return false, nil
	}
	// The pack is lent to cell 0, so that the vector's heap takes it. It is longer
	// than what would be kept inside the cell.
	first := dst[0]
	if err := assign(vec, 0, f.buf); err != nil {
		return false, err
	}
	base := dst[0].ptr
	dst[0] = first
	for i := range dst {
		if dst[i].n > inlineText {
			dst[i].ptr += base
		}
	}
	return true, nil
}

func (f *filler) list(vec capi.Vector, data unsafe.Pointer, n int, cell func(i int) ([]any, bool)) (err error) {
	type entry struct{ offset, length uint64 }
	dst := slice[entry](data, n)
	var mask []uint64
	f.flat, f.null = f.flat[:0], f.null[:0]
	for i := range dst {
		l, ok := cell(i)
		dst[i] = entry{uint64(len(f.flat)), uint64(len(l))}
		if !ok {
			if mask == nil {
				if mask, err = validity(vec, n); err != nil {
					return err
				}
			}
			mask[i>>6] &^= 1 << (i & 63)
		}
		for _, e := range l {
			s, ok := e.(string)
			f.flat = append(f.flat, s)
			f.null = append(f.null, !ok)
		}
	}
	size := len(f.flat)
	if err := resizeList(vec, size); err != nil || size == 0 {
		return err
	}
	child := capi.ListVectorGetChild(vec)
	err = f.text(child, capi.VectorGetData(child), size, func(i int) (string, bool) { return f.flat[i], !f.null[i] })
	clear(f.flat) // keeps no batch alive
	return err
}

// readColumn decodes n cells of vec, whose DuckDB type is t, into a column of
// type want. Any integer width serves an integer type.
func readColumn(vec capi.Vector, t capi.Type, want table.Type, n int) (table.Vector, error) {
	return readCells(vec, t, want, 0, n)
}

// readCells is readColumn for the n cells from a place on.
func readCells(vec capi.Vector, t capi.Type, want table.Type, from, n int) (table.Vector, error) {
	out := table.Vector{Type: want}
	data := capi.VectorGetData(vec)
	if from > 0 {
		data = unsafe.Add(data, from*cellSize(t))
	}
	var mask []uint64
	if p := capi.VectorGetValidity(vec); p != nil {
		mask = slice[uint64](p, (from+n+63)/64)
		if allValid(mask, from+n) {
			mask = nil
		}
	}
	valid := func(i int) bool { i += from; return mask == nil || mask[i>>6]>>(i&63)&1 == 1 }
	if mask != nil && want != table.String {
		out.Valid = make([]bool, n)
		for i := range n {
			out.Valid[i] = valid(i)
		}
	}
	wrong := func() error {
		return fmt.Errorf("a result column of DuckDB type %d does not represent %s", t, want)
	}
	switch want {
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		out.N = make([]int64, n)
		switch t {
		case capi.TypeBoolean, capi.TypeUTinyInt:
			widen[uint8](out.N, data)
		case capi.TypeTinyInt:
			widen[int8](out.N, data)
		case capi.TypeSmallInt:
			widen[int16](out.N, data)
		case capi.TypeUSmallInt:
			widen[uint16](out.N, data)
		case capi.TypeInteger:
			widen[int32](out.N, data)
		case capi.TypeUInteger:
			widen[uint32](out.N, data)
		case capi.TypeBigInt:
			copy(out.N, slice[int64](data, n))
		case capi.TypeUBigInt:
			for i, x := range slice[uint64](data, n) {
				if valid(i) && x > math.MaxInt64 {
					return out, fmt.Errorf("a result of %d does not fit a long", x)
				}
				out.N[i] = int64(x)
			}
		case capi.TypeHugeInt:
			for i, x := range slice[[2]uint64](data, n) {
				if valid(i) && int64(x[1]) != int64(x[0])>>63 {
					return out, fmt.Errorf("a result does not fit a long")
				}
				out.N[i] = int64(x[0])
			}
		case capi.TypeSQLNull:
		default:
			return out, wrong()
		}
		if mask != nil {
			for i := range out.N {
				if !valid(i) {
					out.N[i] = 0
				}
			}
		}
	case table.Real:
		out.F = make([]float64, n)
		switch t {
		case capi.TypeDouble:
			copy(out.F, slice[float64](data, n))
		case capi.TypeFloat:
			for i, x := range slice[float32](data, n) {
				out.F[i] = float64(x)
			}
		case capi.TypeBigInt:
			for i, x := range slice[int64](data, n) {
				out.F[i] = float64(x)
			}
		case capi.TypeInteger:
			for i, x := range slice[int32](data, n) {
				out.F[i] = float64(x)
			}
		case capi.TypeHugeInt:
			for i, x := range slice[[2]uint64](data, n) {
				out.F[i] = float64(int64(x[1]))*0x1p64 + float64(x[0])
			}
		case capi.TypeSQLNull:
		default:
			return out, wrong()
		}
		if mask != nil {
			for i := range out.F {
				if !valid(i) {
					out.F[i] = 0
				}
			}
		}
	case table.String, table.Guid, table.Decimal:
		switch t {
		case capi.TypeVarchar:
			out.S = readText(data, n, valid)
		case capi.TypeSQLNull:
			out.S = make([]string, n)
		default:
			return out, wrong()
		}
		if want == table.Decimal {
			out.D = make([]any, n)
			for i, s := range out.S {
				if !valid(i) {
					continue
				}
				d, _, err := apd.NewFromString(s)
				if err != nil {
					return out, fmt.Errorf("a result column holds a text that is no decimal")
				}
				out.D[i] = d
			}
			out.S = nil
		}
	case table.Dynamic:
		switch t {
		case capi.TypeVarchar:
			out.S = readText(data, n, valid)
		case capi.TypeList:
			var err error
			out.D, err = readList(vec, data, n, valid)
			return out, err
		case capi.TypeSQLNull:
			out.S = make([]string, n)
		default:
			return out, wrong()
		}
	default:
		return out, wrong()
	}
	return out, nil
}

// cellSize is how many bytes a cell of a vector takes.
func cellSize(t capi.Type) int {
	switch t {
	case capi.TypeBoolean, capi.TypeTinyInt, capi.TypeUTinyInt:
		return 1
	case capi.TypeSmallInt, capi.TypeUSmallInt:
		return 2
	case capi.TypeInteger, capi.TypeUInteger, capi.TypeFloat, capi.TypeSQLNull:
		return 4
	case capi.TypeBigInt, capi.TypeUBigInt, capi.TypeDouble:
		return 8
	}
	return 16 // hugeint, text, list
}

func allValid(mask []uint64, n int) bool {
	for i, m := range mask {
		if rest := n - i*64; rest < 64 {
			return bits.TrailingZeros64(^m) >= rest
		}
		if m != ^uint64(0) {
			return false
		}
	}
	return true
}

func widen[T int8 | uint8 | int16 | uint16 | int32 | uint32](dst []int64, data unsafe.Pointer) {
	for i, x := range slice[T](data, len(dst)) {
		dst[i] = int64(x)
	}
}

// readText copies n strings into one allocation.
func readText(data unsafe.Pointer, n int, valid func(int) bool) []string {
	cells := slice[textCell](data, n)
	size := 0
	for i := range cells {
		if valid(i) {
			size += int(cells[i].n)
		}
	}
	buf := make([]byte, 0, size)
	out := make([]string, n)
	for i := range cells {
		if !valid(i) || cells[i].n == 0 {
			continue
		}
		from := len(buf)
		buf = append(buf, cells[i].bytes()...)
		out[i] = unsafe.String(&buf[from], len(buf)-from)
	}
	return out
}

func (c *textCell) bytes() []byte {
	if c.n <= inlineText {
		return slice[byte](unsafe.Pointer(&c.prefix), int(c.n))
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&c.ptr)), int(c.n))
}

func readList(vec capi.Vector, data unsafe.Pointer, n int, valid func(int) bool) ([]any, error) {
	size := int(capi.ListVectorGetSize(vec))
	child := capi.ListVectorGetChild(vec)
	lt := capi.VectorGetColumnType(child)
	t := capi.GetTypeId(lt)
	capi.DestroyLogicalType(&lt)
	if t != capi.TypeVarchar && t != capi.TypeSQLNull {
		return nil, fmt.Errorf("a result list of DuckDB type %d does not represent a dynamic", t)
	}
	var mask []uint64
	if p := capi.VectorGetValidity(child); p != nil {
		mask = slice[uint64](p, (size+63)/64)
	}
	ok := func(i int) bool { return t == capi.TypeVarchar && (mask == nil || mask[i>>6]>>(i&63)&1 == 1) }
	texts := readText(capi.VectorGetData(child), size, ok)
	out := make([]any, n)
	for i, e := range slice[[2]uint64](data, n) {
		if !valid(i) {
			continue
		}
		l := make([]any, e[1])
		for j := range l {
			if at := int(e[0]) + j; ok(at) {
				l[j] = texts[at]
			}
		}
		out[i] = l
	}
	return out, nil
}
