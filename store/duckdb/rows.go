package duckdb

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"sextant/store"
	"sextant/table"
)

// The index of rows says of a segment in which rows each value of an identifier is,
// for identifiers whose values come again: a user, an application, an address. Such a
// value is in every block of rows, so that the filters of index.go leave nothing out,
// and in few rows of each; and a row that is read from a file alone costs as much as a
// block of them. So it has the times and the places of all rows besides: a scan that
// asks for no more is answered from it (docs/adr/0034).
//
// It has the form of the other indexes, in a sidecar of its own (.row), which Maintain
// makes for files that will stay for a while. A section has columns of two kinds:
//
//	lists: hash of each value, 8 bytes, ascending | end of its list, 4 bytes | lists
//	       a list: the value's length and text | its rows: the first, then distances
//	cells: a packed column (packed.go)
//
// Lengths, rows and distances are varints; all else is little-endian.

const (
	kindRows = "rows"

	// rowsFrom is from how many rows on a segment has an index of rows: fewer are read as
	// soon as looked up.
	rowsFrom = vectorSize
	// comesAgain is how many rows a value must have on average: a column of values that
	// hardly come again would be written a second time.
	comesAgain = 4
	// maxTopics is how many texts a column of cells may have.
	maxTopics = 1000
)

// columnMeta is one column of a section of rows.
type columnMeta struct {
	Column string   `json:"column"`
	Values int64    `json:"values,omitempty"` // of lists; 0 for cells
	Texts  []string `json:"texts,omitempty"`  // cells of text are numbers of these
	Least  int64    `json:"least,omitempty"`  // of cells; above Most where all are null
	Most   int64    `json:"most,omitempty"`
	Nulls  bool     `json:"nulls,omitempty"`
	At     int64    `json:"at"` // from the end of head
	N      int64    `json:"n"`  // bytes
	Sum    uint32   `json:"sum"`
}

// rowIndexColumn is a column of the index. One that is damaged on disk is not there.
type rowIndexColumn struct {
	columnMeta
	data    []byte
	checked atomic.Int32 // 0 not yet, 1 whole, -1 damaged
}

func (c *rowIndexColumn) whole() bool {
	if c == nil {
		return false
	}
	if c.checked.Load() == 0 {
		ok := int32(1)
		if crc32.Checksum(c.data, castagnoli) != c.Sum {
			ok = -1
		}
		c.checked.Store(ok)
	}
	return c.checked.Load() > 0
}

// list of a value's rows; nil when no row has it.
func (c *rowIndexColumn) list(value string) []byte {
	n := int(c.Values)
	ends, lists := c.data[8*n:12*n], c.data[12*n:]
	key := idKey(value)
	at := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint64(c.data[8*i:]) >= key })
	for ; at < n && binary.LittleEndian.Uint64(c.data[8*at:]) == key; at++ {
		from := uint32(0)
		if at > 0 {
			from = binary.LittleEndian.Uint32(ends[4*(at-1):])
		}
		to := binary.LittleEndian.Uint32(ends[4*at:])
		if from > to || uint64(to) > uint64(len(lists)) {
			return nil
		}
		list := lists[from:to]
		size, used := binary.Uvarint(list)
		if used <= 0 || size > uint64(len(list)-used) {
			return nil
		}
		if list = list[used:]; string(list[:size]) == value {
			return list[size:]
		}
	}
	return nil
}

// eachRow of a list.
func eachRow(list []byte, f func(row int64)) {
	row := int64(0)
	for len(list) > 0 {
		d, n := binary.Uvarint(list)
		if n <= 0 || d > math.MaxUint32 {
			return
		}
		list, row = list[n:], row+int64(d)
		f(row)
	}
}

// readRows of a section whose bytes are in body.
func (si *segmentIndex) readRows(s indexSection, body []byte) error {
	si.rows, si.lists, si.cells = s.Rows, map[string]*rowIndexColumn{}, map[string]*rowIndexColumn{}
	for _, m := range s.Rowed {
		if m.At < 0 || m.N < 0 || m.At > int64(len(body)) || m.N > int64(len(body))-m.At || m.Values < 0 || m.Values > m.N/12 {
			return fmt.Errorf("its column %s is cut off", m.Column)
		}
		c := &rowIndexColumn{columnMeta: m, data: body[m.At : m.At+m.N : m.At+m.N]}
		if m.Values > 0 {
			si.lists[m.Column] = c
		} else {
			si.cells[m.Column] = c
		}
	}
	return nil
}

// rowIndex of the segment; nil while there is none.
func (s *segment) rowIndex() *segmentIndex {
	if x := s.file.rows.Load(); x != nil {
		return x.segments[s.name]
	}
	return nil
}

// listsOf the rows that have one of the values, a list for each value; false when the
// index does not know.
func (si *segmentIndex) listsOf(eq store.Equal) ([][]byte, bool) {
	c := si.lists[eq.Column]
	// An empty text stands for a missing value too, and has no list.
	if slices.Contains(eq.Values, "") || !c.whole() {
		return nil, false
	}
	var out [][]byte
	for i, v := range eq.Values {
		if !slices.Contains(eq.Values[:i], v) {
			out = append(out, c.list(v))
		}
	}
	return out, true
}

// reader of the cells of a column; nil when the index does not have them.
func (si *segmentIndex) reader(column string) *cells {
	if c := si.cells[column]; c.whole() {
		return newCells(c.data, si.rows)
	}
	return nil
}

// cellTests are bounds of cells, of which all must hold.
type cellTests []*cellTest

type cellTest struct {
	store.Bound
	cells *cells

	block     int64 // that all and none speak of
	all, none bool
}

// within the times that a scan wants. none is true when no row of the segment is; what all
// rows are within is not tested.
func (s *segment) within(si *segmentIndex, scan store.Scan) (tests cellTests, none bool) {
	bounds := scan.Bounds
	if scan.From > 0 || scan.To > 0 {
		bounds = append([]store.Bound{{Column: s.def.Time, From: scan.From, To: scan.To}}, bounds...)
	}
	for _, b := range bounds {
		c := si.cells[b.Column]
		if c == nil {
			continue
		}
		if c.Most < b.From || b.To > 0 && c.Least >= b.To || c.Least > c.Most {
			return nil, true
		}
		if c.Nulls || c.Least < b.From || b.To > 0 && c.Most >= b.To {
			if r := si.reader(b.Column); r != nil {
				tests = append(tests, &cellTest{Bound: b, cells: r, block: -1})
			}
		}
	}
	return tests, false
}

func (l cellTests) has(row int64) bool {
	for _, t := range l {
		if block := row / packedRows; block != t.block {
			least, most, known := t.cells.within(row)
			t.block = block
			t.none = known && (most < t.From || t.To > 0 && least >= t.To)
			t.all = known && least >= t.From && (t.To == 0 || most < t.To)
		}
		if t.none {
			return false
		}
		if t.all {
			continue
		}
		if v, ok := t.cells.at(row); !ok || v < t.From || t.To > 0 && v >= t.To {
			return false
		}
	}
	return true
}

// exactRows are those that have all of a scan's values and times, as far as the index
// knows; ok is false when it knows of no value. They are exact as to the columns of values
// that known gives.
func (s *segment) exactRows(scan store.Scan) (rows []int64, known []store.Equal, ok bool) {
	si := s.rowIndex()
	if si == nil {
		return nil, nil, false
	}
	tests, none := s.within(si, scan)
	if none {
		return nil, nil, true
	}
	for _, eq := range scan.Equal {
		lists, is := si.listsOf(eq)
		if !is {
			continue
		}
		var have []int64
		for _, list := range lists {
			eachRow(list, func(row int64) {
				if tests.has(row) {
					have = append(have, row)
				}
			})
		}
		if len(lists) > 1 {
			slices.Sort(have)
			have = slices.Compact(have) // a list has elements with several of the values
		}
		if known == nil {
			rows = have
		} else {
			rows = common(rows, have)
		}
		known = append(known, eq)
	}
	return rows, known, known != nil
}

// common elements of two ascending lists.
func common(a, b []int64) []int64 {
	out := a[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// covered makes the rows of a scan out of the index: a batch with the columns asked for,
// by physical number, and no others. nil when the index does not have them all.
func (s *segment) covered(def *tableDef, asked []int, rows []int64, known []store.Equal) *headBatch {
	si := s.rowIndex()
	from := make([]*cells, len(asked))
	topics := make([][]string, len(asked))
	texts := make([]func(row int64) string, len(asked))
	for i, a := range asked {
		name := def.phys[a].Name
		if from[i] = si.reader(name); from[i] != nil {
			topics[i] = si.cells[name].Texts
			continue
		}
		at := slices.IndexFunc(known, func(eq store.Equal) bool { return eq.Column == name })
		if at < 0 || def.kinds[a] == kindTextList {
			return nil
		}
		texts[i] = si.valueOf(known[at], rows)
	}
	rows = s.living(si, rows)
	if rows == nil {
		return nil
	}
	b := &table.Batch{Schema: def.phys, Cols: make([]table.Vector, len(def.phys)), Rows: len(rows)}
	for i, a := range asked {
		v := table.NewVector(def.phys[a].Type, len(rows))
		for _, row := range rows {
			if from[i] == nil {
				v.S = append(v.S, texts[i](row))
				continue
			}
			n, ok := from[i].at(row)
			switch {
			case v.Type == table.String && ok && n >= 0 && n < int64(len(topics[i])):
				v.S = append(v.S, topics[i][n])
			case v.Type == table.String:
				v.S = append(v.S, "")
			default:
				v.N = append(v.N, n)
				if !ok && v.Valid == nil {
					v.Valid = slices.Repeat([]bool{true}, len(v.N)-1)
				}
				if v.Valid != nil {
					v.Valid = append(v.Valid, ok)
				}
			}
		}
		b.Cols[a] = v
	}
	return &headBatch{def: def, rows: b}
}

// valueOf rows that have one of the values; it is asked of them in order.
func (si *segmentIndex) valueOf(eq store.Equal, rows []int64) func(row int64) string {
	if len(eq.Values) == 1 {
		return func(int64) string { return eq.Values[0] }
	}
	of := make(map[int64]string, len(rows))
	for _, v := range eq.Values {
		rest := rows
		eachRow(si.lists[eq.Column].list(v), func(row int64) {
			for len(rest) > 0 && rest[0] < row {
				rest = rest[1:]
			}
			if len(rest) > 0 && rest[0] == row {
				of[row] = v
			}
		})
	}
	return func(row int64) string { return of[row] }
}

// living rows: without those that were superseded. nil when that cannot be told.
func (s *segment) living(si *segmentIndex, rows []int64) []int64 {
	if len(s.dead) == 0 {
		return rows
	}
	dead := make(map[store.Place]bool, len(s.dead))
	for _, p := range s.dead {
		dead[p] = true
	}
	topic, partition, offset, index := si.reader(table.HiddenTopic), si.reader(table.HiddenPartition), si.reader(table.HiddenOffset), si.reader(table.HiddenIndex)
	if topic == nil || partition == nil || offset == nil || index == nil {
		return nil
	}
	topics := si.cells[table.HiddenTopic].Texts
	out := make([]int64, 0, len(rows))
	for _, row := range rows {
		number := func(c *cells) int64 { n, _ := c.at(row); return n }
		t := number(topic)
		if t < 0 || t >= int64(len(topics)) {
			return nil
		}
		p := store.Place{TopicPartition: store.TopicPartition{Topic: topics[t], Partition: int32(number(partition))}, Offset: number(offset), Index: int32(number(index))}
		if !dead[p] {
			out = append(out, row)
		}
	}
	return out
}

// wantsRows is true for files that are worth an index of rows.
func wantsRows(f *segmentFile) bool {
	return slices.ContainsFunc(f.meta.Segments, func(m segmentMeta) bool { return m.Rows >= rowsFrom })
}

func (s *Store) indexRows(ctx context.Context, f *segmentFile, st *state) error {
	return s.makeIndex(ctx, f, st, rowsPath(s.dir, f.id), kindRows, &f.rows, (*indexBuilder).rowed)
}

// rowed adds the rows of a segment that lies in an attached file.
func (x *indexBuilder) rowed(ctx context.Context, w *writer, from, segment string, def *tableDef) error {
	sec := indexSection{Segment: segment, Kind: kindRows}
	for _, name := range def.indexed() {
		l, rows, err := listsIn(ctx, w, from, def, name)
		if err != nil {
			return err
		}
		if sec.Rows = rows; l != nil {
			x.addColumn(&sec, columnMeta{Column: name, Values: int64(len(l.keys))}, l.packed())
		}
	}
	if len(sec.Rowed) > 0 {
		if err := x.addCells(ctx, w, from, def, &sec); err != nil {
			return err
		}
	}
	x.head.Sections = append(x.head.Sections, sec)
	return nil
}

func (x *indexBuilder) addColumn(sec *indexSection, m columnMeta, data []byte) {
	m.At, m.N, m.Sum = int64(len(x.body)), int64(len(data)), crc32.Checksum(data, castagnoli)
	sec.Rowed = append(sec.Rowed, m)
	x.body = append(x.body, data...)
}

// addCells of the columns that say when and where a row is, and what is hidden of it.
func (x *indexBuilder) addCells(ctx context.Context, w *writer, from string, def *tableDef, sec *indexSection) error {
	var cols []int
	for i, c := range def.phys {
		if hidden := i >= len(def.phys)-len(table.Hidden); hidden || i < len(def.Columns) && c.Type == table.DateTime {
			cols = append(cols, i)
		}
	}
	packers := make([]packer, len(cols))
	for i := range packers {
		packers[i] = newPacker()
	}
	numbers := make([]map[string]int64, len(cols))
	err := w.inOrder(ctx, from, def, cols, func(b *table.Batch) error {
		for i := range cols {
			v := &b.Cols[i]
			for r := range b.Rows {
				if v.Type != table.String {
					packers[i].add(v.N[r], v.IsNull(r))
					continue
				}
				n, is := numbers[i][v.S[r]]
				if !is {
					if numbers[i] == nil {
						numbers[i] = map[string]int64{}
					}
					n = int64(len(numbers[i]))
					numbers[i][v.S[r]] = n
				}
				packers[i].add(n, false)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range cols {
		if len(numbers[i]) > maxTopics {
			continue
		}
		m := columnMeta{Column: def.phys[c].Name, Least: packers[i].least, Most: packers[i].most, Nulls: packers[i].anyNull}
		if numbers[i] != nil {
			m.Texts = make([]string, len(numbers[i]))
			for s, n := range numbers[i] {
				m.Texts[n] = s
			}
		}
		x.addColumn(sec, m, packers[i].packed())
	}
	return nil
}

// valueLists are the lists of a column that is being indexed.
type valueLists struct {
	keys  []uint64
	ends  []uint32
	lists []byte
}

func (l *valueLists) packed() []byte {
	data := make([]byte, 0, 12*len(l.keys)+len(l.lists))
	for _, k := range l.keys {
		data = binary.LittleEndian.AppendUint64(data, k)
	}
	for _, e := range l.ends {
		data = binary.LittleEndian.AppendUint32(data, e)
	}
	return append(data, l.lists...)
}

// listsIn a column of a segment; nil where they are not worth their room. rows is how
// many the segment has.
func listsIn(ctx context.Context, w *writer, from string, def *tableDef, name string) (l *valueLists, rows int64, err error) {
	c := def.phys.Index(name)
	promoted := def.Columns.Index(name) < 0
	numbers := map[string]uint32{} // of values, as they come
	var values []string
	type cell struct{ value, row uint32 }
	var cells []cell
	odd := false
	add := func(v string) {
		if v == "" {
			return
		}
		n, is := numbers[v]
		if !is {
			n = uint32(len(values))
			v = string(append([]byte(nil), v...)) // not the text of its batch
			numbers[v], values = n, append(values, v)
		}
		cells = append(cells, cell{n, uint32(rows)})
	}
	err = w.inOrder(ctx, from, def, []int{c, def.hidden(table.HiddenOdd)}, func(b *table.Batch) error {
		if rows >= comesAgain*blockRows && len(values)*comesAgain > len(cells) {
			rows += int64(b.Rows) // it is clear by now
			return nil
		}
		for r := range b.Rows {
			odd = odd || promoted && b.Cols[1].N[r] != 0
			if def.kinds[c] == kindTextList {
				list, _ := listCell(&b.Cols[0], r)
				for _, e := range list {
					s, _ := e.(string)
					add(s)
				}
			} else if !b.Cols[0].IsNull(r) {
				add(b.Cols[0].S[r])
			}
			rows++
		}
		return nil
	})
	// Odd rows may have a value that is not covered: the filters of blocks know them.
	if err != nil || odd || len(values) == 0 || len(values)*comesAgain > len(cells) || rows > math.MaxUint32 {
		return nil, rows, err
	}
	starts := make([]int, len(values)+1)
	for _, x := range cells {
		starts[x.value+1]++
	}
	for i := range values {
		starts[i+1] += starts[i]
	}
	byValue := make([]uint32, len(cells))
	next := slices.Clone(starts)
	for _, x := range cells {
		byValue[next[x.value]] = x.row
		next[x.value]++
	}
	order := make([]uint32, len(values))
	keys := make([]uint64, len(values))
	for i, v := range values {
		order[i], keys[i] = uint32(i), idKey(v)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(keys[a], keys[b]) })
	l = &valueLists{}
	for _, n := range order {
		l.lists = binary.AppendUvarint(l.lists, uint64(len(values[n])))
		l.lists = append(l.lists, values[n]...)
		last := uint32(0)
		for i, row := range byValue[starts[n]:starts[n+1]] {
			if i > 0 && row == last {
				continue // a list that has the value twice
			}
			l.lists = binary.AppendUvarint(l.lists, uint64(row-last))
			last = row
		}
		if len(l.lists) > math.MaxUint32 {
			return nil, rows, nil
		}
		l.keys, l.ends = append(l.keys, keys[n]), append(l.ends, uint32(len(l.lists)))
	}
	return l, rows, nil
}

// Since implements store.Dater, newest segments first.
func (s *snapshot) Since(scan store.Scan, n int64) (since int64, ok bool) {
	segs := slices.DeleteFunc(slices.Clone(s.state.segs[scan.Table]), func(seg *segment) bool { return seg.span.outside(scan.From, scan.To) })
	slices.SortFunc(segs, func(a, b *segment) int { return cmp.Compare(b.span.Max, a.span.Max) })
	var times latest // the n latest
	n = max(n, 1)
	for _, seg := range segs {
		if int64(len(times)) == n && seg.span.Max < times[0] {
			break
		}
		rows, _, known := seg.exactRows(scan)
		if !known {
			continue
		}
		ok = true
		at := seg.rowIndex().reader(seg.def.Time)
		if at == nil {
			continue
		}
		for _, row := range rows {
			t, dated := at.at(row)
			switch {
			case !dated:
			case int64(len(times)) < n:
				heap.Push(&times, t)
			case t > times[0]:
				times[0] = t
				heap.Fix(&times, 0)
			}
		}
	}
	if int64(len(times)) < n {
		return math.MinInt64, ok
	}
	return times[0], true
}

// latest times, as a heap: the earliest of them first.
type latest []int64

func (l latest) Len() int           { return len(l) }
func (l latest) Less(i, j int) bool { return l[i] < l[j] }
func (l latest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *latest) Push(x any)        { *l = append(*l, x.(int64)) }
func (l *latest) Pop() any {
	x := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return x
}
