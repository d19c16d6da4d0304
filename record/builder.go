package record

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"sextant/table"
)

// Builder turns records into rows. It belongs to one goroutine.
type Builder struct {
	m       *Model
	tables  map[string]*rows
	readers map[*route]*reader
	unknown map[string]*route // by category
	scanned tape
	inner   tape // JSON inside a string
	strings map[string]any
	counts  map[TableColumn]int64

	last []byte // what scanned holds, while the caller cannot have changed it
}

// NewBuilder makes an empty builder.
func (m *Model) NewBuilder() *Builder {
	return &Builder{
		m: m, tables: map[string]*rows{}, readers: map[*route]*reader{}, unknown: map[string]*route{},
		strings: map[string]any{}, counts: map[TableColumn]int64{},
	}
}

// rows of one table while they are built.
type rows struct {
	name     string
	physical table.Schema
	cols     []table.Vector
	n        int
	size     int // rows of the last batch, a guess for the next
}

// reader reads the records of one route.
type reader struct {
	*route
	table    *rows
	slots    []int32 // token + 1 by slot; 0 has none
	envelope keyCache
	props    keyCache
}

// keyCache remembers which key follows which: records of one category have their
// keys in the same order, so nearly every key is found by one comparison.
type keyCache struct {
	known   map[string]int // slot by key in lower case
	at      map[string]int32
	entries []keyEntry // the first stands for the start
}

type keyEntry struct {
	key  string
	slot int32 // -1: no column needs it
	next int32
}

const maxKeys = 4096 // beyond, strange keys are looked up each time

func newKeyCache(known map[string]int) keyCache {
	return keyCache{known: known, at: map[string]int32{}, entries: []keyEntry{{next: 0, slot: -1}}}
}

// slot of a key that follows entry prev. The empty key is never guessed right.
func (c *keyCache) slot(name []byte, prev int32) (slot, entry int32) {
	next := c.entries[prev].next
	if e := &c.entries[next]; e.key == string(name) && next != 0 {
		return e.slot, next
	}
	entry, ok := c.at[string(name)]
	if !ok {
		slot = -1
		if s, ok := c.known[strings.ToLower(string(name))]; ok {
			slot = int32(s)
		}
		if len(c.entries) >= maxKeys {
			return slot, prev
		}
		key := string(name)
		entry = int32(len(c.entries))
		c.entries = append(c.entries, keyEntry{key: key, slot: slot})
		c.at[key] = entry
	}
	c.entries[prev].next = entry
	return c.entries[entry].slot, entry
}

// Identify is Model.Identify for a record that is likely to be added next: Add
// of the very same bytes then need not read them again. The caller must not
// change them in between.
func (b *Builder) Identify(json []byte) (Identified, error) {
	b.last = nil
	if err := b.scanned.scanRecord(json); err != nil {
		return Identified{}, err
	}
	h, r, raw, err := b.m.classify(&b.scanned)
	if err != nil {
		return Identified{}, err
	}
	b.last = json
	return b.m.identify(&b.scanned, &h, r, raw), nil
}

// Add makes a row of a record. id is what Identify said, or nil: then the record
// is identified here. The builder keeps no reference to the bytes. The error is
// fault.Invalid where there is no record; then there is no row. Values that do
// not have their column's type are never an error: see Counts.
func (b *Builder) Add(json []byte, id *Identified, src Source) error {
	t := &b.scanned
	if len(json) == 0 || len(b.last) != len(json) || &b.last[0] != &json[0] {
		if err := t.scanRecord(json); err != nil {
			return err
		}
	}
	b.last = nil
	h, r, raw, err := b.m.classify(t)
	if err != nil {
		return err
	}
	if id == nil {
		got := b.m.identify(t, &h, r, raw)
		id = &got
	}
	if r == nil {
		if r, err = b.unknownRoute(raw); err != nil {
			return err
		}
	}
	rd := b.reader(r)
	rd.fill(t)
	// One copy of the record, which all its texts share.
	w := writer{b: b, t: t, text: string(t.buf), rd: rd, id: id, src: &src, size: len(json)}
	w.row()
	return nil
}

func (b *Builder) unknownRoute(category string) (*route, error) {
	if r := b.unknown[category]; r != nil {
		return r, nil
	}
	def := b.m.DefFor(category)
	if b.m.custom[def.Name] {
		b.unknown[category] = b.m.byTable[def.Name]
		return b.unknown[category], nil
	}
	c := categoryData{Category: Category{Name: category, Table: def.Name, Topic: topicOf(category)}}
	r, err := newRoute(c, &def, b.m.generic)
	if err != nil {
		return nil, err
	}
	b.unknown[category] = r
	return r, nil
}

func (b *Builder) reader(r *route) *reader {
	if rd := b.readers[r]; rd != nil {
		return rd
	}
	t := b.tables[r.def.Name]
	if t == nil {
		t = &rows{name: r.def.Name, physical: r.plan.physical, cols: make([]table.Vector, len(r.plan.physical))}
		for i, c := range t.physical {
			t.cols[i].Type = c.Type
		}
		b.tables[t.name] = t
	}
	rd := &reader{route: r, table: t, slots: make([]int32, r.plan.slots), envelope: newKeyCache(r.plan.envelope), props: newKeyCache(r.plan.props)}
	b.readers[r] = rd
	return rd
}

// fill notes for each slot where its field stands.
func (rd *reader) fill(t *tape) {
	clear(rd.slots)
	props := -1
	if i := rd.object(t, 0, &rd.envelope, true); i >= 0 {
		props = i
	}
	if props >= 0 && t.toks[props].kind == kindObject {
		rd.object(t, props, &rd.props, false)
	}
}

// object notes the members of one object; at the root it gives the place of
// properties.
func (rd *reader) object(t *tape, i int, keys *keyCache, root bool) int {
	props := -1
	end := int(t.toks[i].next)
	prev := int32(0)
	for k := i + 1; k < end; k = int(t.toks[k+1].next) {
		tok := &t.toks[k]
		name := t.buf[tok.start+1 : tok.end-1]
		if tok.flags&flagEscape != 0 {
			name = unescape(name)
		}
		slot, entry := keys.slot(name, prev)
		prev = entry
		if slot >= 0 {
			rd.slots[slot] = int32(k + 2)
		}
		if root && len(name) == len("properties") && equalFold(name, "properties") {
			props = k + 1
		}
	}
	return props
}

// Take hands over the rows so far, one batch a table in name order, and starts
// anew.
func (b *Builder) Take() []Rows {
	var out []Rows
	for _, t := range b.tables {
		if t.n == 0 {
			continue
		}
		out = append(out, Rows{Table: t.name, Batch: &table.Batch{Schema: t.physical, Cols: t.cols, Rows: t.n}})
		fresh := make([]table.Vector, len(t.cols))
		size := min(max(t.n, 16), 1<<14)
		for i := range fresh {
			fresh[i] = emptyLike(&t.cols[i], size)
		}
		t.cols, t.size, t.n = fresh, t.n, 0
	}
	slices.SortFunc(out, func(a, b Rows) int { return cmp.Compare(a.Table, b.Table) })
	return out
}

// emptyLike has room for n cells of the kind that v had.
func emptyLike(v *table.Vector, n int) table.Vector {
	out := table.Vector{Type: v.Type}
	if v.Valid != nil {
		out.Valid = make([]bool, 0, n)
	}
	if v.N != nil {
		out.N = make([]int64, 0, n)
	}
	if v.F != nil {
		out.F = make([]float64, 0, n)
	}
	if v.S != nil {
		out.S = make([]string, 0, n)
	}
	if v.D != nil {
		out.D = make([]any, 0, n)
	}
	return out
}

// Rows is how many rows Take would give.
func (b *Builder) Rows() int {
	n := 0
	for _, t := range b.tables {
		n += t.n
	}
	return n
}

// TableColumn names a column of a table.
type TableColumn struct{ Table, Column string }

// Counts of values, since the builder was made, that did not have their column's
// type. Such a cell is null, or the JSON text of what came in a string column;
// the raw record keeps everything.
func (b *Builder) Counts() map[TableColumn]int64 { return b.counts }

// maxStrings bounds the memory for repeated texts of lists.
const maxStrings = 1 << 14

// boxed is a text as a cell of a list; the same for the same text, since lists
// repeat the same few (policies, kinds, keys).
func (b *Builder) boxed(s string) any {
	if v, ok := b.strings[s]; ok {
		return v
	}
	if len(b.strings) >= maxStrings {
		clear(b.strings)
	}
	s = strings.Clone(s) // not the whole record
	var v any = s
	b.strings[s] = v
	return v
}

func hiddenID(k Key) int64 { return int64(binary.BigEndian.Uint64(k[:8])) }
