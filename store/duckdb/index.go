package duckdb

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"sync/atomic"

	"github.com/FastFilter/xorfilter"
	"github.com/zeebo/xxh3"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// The index of a file says for each block of rows which identifiers it may hold:
// a filter over hashes of the values of the columns that the definition names,
// and of the rows' places. A look-up then reads the few blocks that may have the
// value. The filters of a file lie in a sidecar, mapped into memory, so that
// they cost address space and no heap.
//
// Filters of terms (terms.go) are a section of another kind, in a sidecar of their
// own, which is made later. A reader skips sections that it does not know.
//
//	magic "sxindex1" | length of head, uint32 | CRC-32C of head, uint32 | head, JSON | fingerprints

const (
	indexMagic   = "sxindex1"
	indexPrelude = len(indexMagic) + 8

	// blockRows is how many rows one filter speaks for.
	blockRows = 16 * vectorSize
)

type indexHead struct {
	Sections []indexSection `json:"sections"`
}

// indexSection is the filters of one kind for one segment.
type indexSection struct {
	Segment string        `json:"segment"` // table in the file
	Kind    string        `json:"kind"`
	Columns []string      `json:"columns,omitempty"` // whose values are covered
	Blocks  []indexFilter `json:"blocks,omitempty"`
	Rows    int64         `json:"rows,omitempty"`  // of kindRows
	Rowed   []columnMeta  `json:"rowed,omitempty"` // of kindRows
}

const kindIDs = "ids"

// indexFilter is the filter of one block, a binary fuse filter of 8 bits.
type indexFilter struct {
	Rows   int64  `json:"rows"`
	Odd    bool   `json:"odd,omitempty"` // a promoted value of another type is not covered
	At     int64  `json:"at"`            // of the fingerprints, from the end of head
	N      int64  `json:"n"`
	Sum    uint32 `json:"sum"` // CRC-32C of the fingerprints
	Seed   uint64 `json:"seed,string"`
	Length uint32 `json:"length"`
	Mask   uint32 `json:"mask"`
	Count  uint32 `json:"count"`
	Total  uint32 `json:"total"`
}

// index is an open sidecar.
type index struct {
	segments map[string]*segmentIndex
	unmap    func() error
}

type segmentIndex struct {
	columns map[string]bool
	blocks  []blockFilter

	// Of kindRows (rows.go).
	rows  int64
	lists map[string]*rowIndexColumn
	cells map[string]*rowIndexColumn
}

type blockFilter struct {
	rows    int64
	odd     bool
	filter  xorfilter.BinaryFuse[uint8]
	sum     uint32
	checked atomic.Int32 // 0 not yet, 1 whole, -1 damaged
}

// has is true when the block may hold the key. A filter that is damaged on disk
// excludes nothing.
func (b *blockFilter) has(key uint64) bool {
	if len(b.filter.Fingerprints) == 0 {
		return false
	}
	if b.checked.Load() == 0 {
		ok := int32(1)
		if crc32.Checksum(b.filter.Fingerprints, castagnoli) != b.sum {
			ok = -1
		}
		b.checked.Store(ok)
	}
	return b.checked.Load() < 0 || b.filter.Contains(key)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func idKey(value string) uint64 { return xxh3.HashString(value) }

func placeKey(p store.Place) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint32(b[0:], uint32(p.Partition))
	binary.LittleEndian.PutUint32(b[4:], uint32(p.Index))
	binary.LittleEndian.PutUint64(b[8:], uint64(p.Offset))
	return xxh3.HashSeed(b[:], xxh3.HashString(p.Topic))
}

// indexBuilder collects the keys of the segments of one file, in row order.
type indexBuilder struct {
	head  indexHead
	body  []byte
	cur   *indexSection
	keys  []uint64
	block indexFilter
	fuse  xorfilter.BinaryFuseBuilder
	err   error
}

func (x *indexBuilder) begin(segment string, def *tableDef) {
	x.head.Sections = append(x.head.Sections, indexSection{Segment: segment, Kind: kindIDs, Columns: def.indexed()})
	x.cur = &x.head.Sections[len(x.head.Sections)-1]
}

// indexed columns of a definition: identifiers are text, or lists of it.
func (d *tableDef) indexed() []string {
	var out []string
	for _, name := range d.IDs {
		switch d.kinds[d.phys.Index(name)] {
		case kindString, kindGuid, kindTextList:
			out = append(out, name)
		}
	}
	return out
}

// row is called for each row, then key for each of its keys.
func (x *indexBuilder) row(odd bool) {
	if x.block.Rows == blockRows {
		x.endBlock()
	}
	x.block.Rows++
	x.block.Odd = x.block.Odd || odd
}

func (x *indexBuilder) key(k uint64) { x.keys = append(x.keys, k) }

func (x *indexBuilder) value(v string) {
	if v != "" {
		x.key(idKey(v))
	}
}

func (x *indexBuilder) endBlock() {
	slices.Sort(x.keys)
	x.addFilter(slices.Compact(x.keys))
	x.keys = x.keys[:0]
}

// addFilter ends the block with a filter over distinct keys.
func (x *indexBuilder) addFilter(keys []uint64) {
	b := x.block
	if len(keys) > 0 {
		f, err := xorfilter.BuildBinaryFuse[uint8](&x.fuse, keys)
		if err != nil {
			x.err = cmp.Or(x.err, error(fault.New(fault.Internal, "cannot build the index of a segment: %w", err)))
		} else {
			b.At, b.N = int64(len(x.body)), int64(len(f.Fingerprints))
			b.Seed, b.Length, b.Mask, b.Count, b.Total = f.Seed, f.SegmentLength, f.SegmentLengthMask, f.SegmentCount, f.SegmentCountLength
			b.Sum = crc32.Checksum(f.Fingerprints, castagnoli)
			x.body = append(x.body, f.Fingerprints...)
		}
	}
	x.cur.Blocks = append(x.cur.Blocks, b)
	x.block = indexFilter{}
}

func (x *indexBuilder) end() {
	if x.block.Rows > 0 {
		x.endBlock()
	}
	x.cur = nil
}

// parts adds the rows of a segment that is written from memory.
func (x *indexBuilder) parts(segment string, t *newTable) {
	x.begin(segment, t.def)
	cols := make([]int, len(x.cur.Columns))
	for i, name := range x.cur.Columns {
		cols[i] = t.def.phys.Index(name)
	}
	odd := t.def.hidden(table.HiddenOdd)
	for _, p := range t.parts {
		b := p.batch
		p.each(func(r int) {
			x.row(b.rows.Cols[odd].N[r] != 0)
			x.key(placeKey(b.place(r)))
			for _, c := range cols {
				if t.def.kinds[c] == kindTextList {
					list, _ := listCell(&b.rows.Cols[c], r)
					for _, e := range list {
						s, _ := e.(string)
						x.value(s)
					}
					continue
				}
				if !b.rows.Cols[c].IsNull(r) {
					x.value(b.rows.Cols[c].S[r])
				}
			}
		})
	}
	x.end()
}

// save the sidecar, synced; its size.
func (x *indexBuilder) save(path string) (int64, error) {
	if x.err != nil {
		return 0, x.err
	}
	head, err := json.Marshal(x.head)
	if err != nil {
		return 0, err
	}
	out := make([]byte, 0, indexPrelude+len(head)+len(x.body))
	out = append(out, indexMagic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(head)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(head, castagnoli))
	out = append(out, head...)
	out = append(out, x.body...)
	return int64(len(out)), writeSynced(path, out)
}

// openIndex maps a sidecar. An error means that there is no index to use; the
// rows are found without it.
func openIndex(path, kind string) (*index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() < int64(indexPrelude) || st.Size() > math.MaxInt32*64 {
		return nil, fmt.Errorf("index %s has %d bytes", path, st.Size())
	}
	data, unmap, err := mapFile(f, int(st.Size()))
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(data, kind)
	if err != nil {
		unmap()
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	x.unmap = unmap
	return x, nil
}

// parseIndex takes the sections of one kind.
func parseIndex(data []byte, kind string) (*index, error) {
	if len(data) < indexPrelude || string(data[:len(indexMagic)]) != indexMagic {
		return nil, fmt.Errorf("not an index")
	}
	n := binary.LittleEndian.Uint32(data[len(indexMagic):])
	sum := binary.LittleEndian.Uint32(data[len(indexMagic)+4:])
	if uint64(n) > uint64(len(data)-indexPrelude) {
		return nil, fmt.Errorf("its head is cut off")
	}
	text, body := data[indexPrelude:indexPrelude+int(n)], data[indexPrelude+int(n):]
	if crc32.Checksum(text, castagnoli) != sum {
		return nil, fmt.Errorf("its head is damaged")
	}
	var head indexHead
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	x := &index{segments: map[string]*segmentIndex{}}
	for _, s := range head.Sections {
		if s.Kind != kind {
			continue
		}
		si := &segmentIndex{columns: map[string]bool{}, blocks: make([]blockFilter, len(s.Blocks))}
		if err := si.readRows(s, body); err != nil {
			return nil, err
		}
		for _, c := range s.Columns {
			si.columns[c] = true
		}
		for i, b := range s.Blocks {
			if b.At < 0 || b.N < 0 || b.At > int64(len(body)) || b.N > int64(len(body))-b.At || b.Rows < 0 || b.Rows > blockRows {
				return nil, fmt.Errorf("block %d is cut off", i)
			}
			// Contains looks at three places that these keep inside.
			if b.N > 0 && (b.Length == 0 || b.Length&(b.Length-1) != 0 || b.Mask != b.Length-1 || b.Total%b.Length != 0 || uint64(b.Total)+2*uint64(b.Length) > uint64(b.N)) {
				return nil, fmt.Errorf("block %d is damaged", i)
			}
			f := &si.blocks[i]
			f.rows, f.odd, f.sum = b.Rows, b.Odd, b.Sum
			f.filter = xorfilter.BinaryFuse[uint8]{Seed: b.Seed, SegmentLength: b.Length, SegmentLengthMask: b.Mask, SegmentCount: b.Count, SegmentCountLength: b.Total, Fingerprints: body[b.At : b.At+b.N]}
		}
		x.segments[s.Segment] = si
	}
	return x, nil
}

func (x *index) close() {
	if x.unmap != nil {
		x.unmap()
	}
}

// rowRange is rows [from, to) of a segment.
type rowRange struct{ from, to int64 }

// lookup gives the rows that may have all of the values; all is true when the
// index excludes nothing.
func (s *segment) lookup(equal []store.Equal) (ranges []rowRange, all bool) {
	x := s.file.index.Load()
	if x == nil || x.segments[s.name] == nil {
		return nil, true
	}
	si := x.segments[s.name]
	type test struct {
		keys     []uint64
		promoted bool
	}
	var tests []test
	for _, eq := range equal {
		if !si.columns[eq.Column] {
			continue
		}
		t := test{promoted: s.def.Columns.Index(eq.Column) < 0}
		for _, v := range eq.Values {
			if v == "" { // stands for a missing value too, and is not covered
				t.keys = nil
				break
			}
			t.keys = append(t.keys, idKey(v))
		}
		if t.keys != nil || len(eq.Values) == 0 {
			tests = append(tests, t)
		}
	}
	if tests == nil {
		return nil, true
	}
	all = true
	at := int64(0)
	for i := range si.blocks {
		b := &si.blocks[i]
		hit := true
		for _, t := range tests {
			if t.promoted && b.odd {
				continue
			}
			if !slices.ContainsFunc(t.keys, b.has) {
				hit = false
				break
			}
		}
		if hit {
			ranges = addRange(ranges, at, b.rows)
		} else {
			all = false
		}
		at += b.rows
	}
	return ranges, all
}

func addRange(ranges []rowRange, at, n int64) []rowRange {
	if k := len(ranges) - 1; k >= 0 && ranges[k].to == at {
		ranges[k].to += n
		return ranges
	}
	return append(ranges, rowRange{at, at + n})
}

// rowsFor are the rows that a scan may want; all is true when no index excludes
// any.
func (s *segment) rowsFor(scan store.Scan) (ranges []rowRange, all bool) {
	a, allA := s.lookup(scan.Equal)
	if !allA && len(a) == 0 {
		return nil, false
	}
	b, allB := s.lookupTerms(scan.Terms)
	switch {
	case allA:
		return b, allB
	case allB:
		return a, false
	}
	return overlap(a, b), false
}

// overlap of two lists of ranges in order.
func overlap(a, b []rowRange) (out []rowRange) {
	for len(a) > 0 && len(b) > 0 {
		if from, to := max(a[0].from, b[0].from), min(a[0].to, b[0].to); from < to {
			out = addRange(out, from, to-from)
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// mayHave is true when the segment may hold the row of a place.
func (s *segment) mayHave(p store.Place) bool {
	if !s.ranges.has(p) {
		return false
	}
	x := s.file.index.Load()
	if x == nil || x.segments[s.name] == nil {
		return true
	}
	k := placeKey(p)
	for i := range x.segments[s.name].blocks {
		if x.segments[s.name].blocks[i].has(k) {
			return true
		}
	}
	return false
}
