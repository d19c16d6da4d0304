package duckdb

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"sextant/store"
	"sextant/table"
)

// The index of terms says for each block of rows which words its rows may have in
// any visible column, so that a rare word anywhere in a record is looked for in
// few blocks. It has the form of the index of values (index.go), in a sidecar of
// its own (.trm): Maintain makes it once nothing is left to be merged, so that
// loading pays nothing, and a file without one is read whole.
//
// What a row's terms are says store.Terms; indexed columns are read as follows.
// Text, of strings and documents: its terms, and if it has a backslash, also those
// of the text with its JSON escapes resolved, as the strings inside it have them,
// and with the escapes that remain when JSON is made anew. Integers and whole reals: their digits. Other numbers are not covered: a
// block with one is odd, and does not exclude what may be part of a number.

const (
	kindTerms = "terms"

	// termRows is how many rows one filter of terms speaks for. A smaller block has
	// fewer rows to read by mistake and more keys for the same rows.
	termRows = 2 * vectorSize

	// termsFrom is from how many rows on a segment has an index of terms.
	termsFrom = 512
)

// wantsTerms is true for files that are worth an index of terms.
func wantsTerms(f *segmentFile) bool {
	return slices.ContainsFunc(f.meta.Segments, func(m segmentMeta) bool { return m.Rows >= termsFrom })
}

func (s *Store) indexTerms(ctx context.Context, f *segmentFile, st *state) error {
	return s.makeIndex(ctx, f, st, termsPath(s.dir, f.id), kindTerms, &f.terms, (*indexBuilder).terms)
}

// searched are the columns whose text has terms.
func (d *tableDef) searched() (cols []int) {
	for i, c := range d.Columns {
		switch c.Type {
		case table.String, table.Guid, table.Dynamic, table.Int, table.Long, table.Real:
			cols = append(cols, i)
		}
	}
	return cols
}

// terms adds the rows of a segment that lies in an attached file.
func (x *indexBuilder) terms(ctx context.Context, w *writer, from, segment string, def *tableDef) error {
	cols := def.searched()
	x.head.Sections = append(x.head.Sections, indexSection{Segment: segment, Kind: kindTerms})
	x.cur = &x.head.Sections[len(x.head.Sections)-1]
	for _, c := range cols {
		x.cur.Columns = append(x.cur.Columns, def.phys[c].Name)
	}
	var t termSet
	end := func() {
		x.block.Odd = t.odd
		x.addFilter(t.keys.list)
		t.reset()
	}
	err := w.inOrder(ctx, from, def, cols, func(b *table.Batch) error {
		for at := 0; at < b.Rows; {
			n := min(b.Rows-at, termRows-int(x.block.Rows))
			for c := range b.Cols {
				t.column(&b.Cols[c], at, at+n)
			}
			x.block.Rows += int64(n)
			if at += n; x.block.Rows == termRows {
				end()
			}
		}
		return nil
	})
	if x.block.Rows > 0 {
		end()
	}
	x.cur = nil
	return err
}

// lookupTerms gives the rows that may have the terms; all is true when the index
// excludes nothing.
func (s *segment) lookupTerms(terms []store.Terms) (ranges []rowRange, all bool) {
	x := s.file.terms.Load()
	if len(terms) == 0 || x == nil || x.segments[s.name] == nil {
		return nil, true
	}
	type key struct {
		hash   uint64
		number bool
	}
	sets := make([][][]key, len(terms))
	for i, t := range terms {
		for _, set := range t.Any {
			keys := make([]key, len(set))
			for k, term := range set {
				keys[k] = key{termKey(term), table.NumberTerm(term)}
			}
			sets[i] = append(sets[i], keys)
		}
	}
	all = true
	at := int64(0)
	blocks := x.segments[s.name].blocks
	for i := range blocks {
		b := &blocks[i]
		hit := true
		for _, any := range sets {
			hit = hit && slices.ContainsFunc(any, func(keys []key) bool {
				for _, k := range keys {
					if (!k.number || !b.odd) && !b.has(k.hash) {
						return false
					}
				}
				return true
			})
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

// Terms are hashed while they are found, byte by byte (FNV-1a); the filters mix
// the hashes well.
const (
	termOffset = 14695981039346656037
	termPrime  = 1099511628211
)

// termKey of a term in lower case.
func termKey(term string) uint64 {
	h := uint64(termOffset)
	for i := range len(term) {
		h = (h ^ uint64(term[i])) * termPrime
	}
	return h
}

// termBytes gives an ASCII byte of a term its lower case, and 0 to others. 1 is
// for the bytes of other runes.
var termBytes = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = 1
		case table.IsTermRune(rune(c)):
			t[c] = byte(unicode.ToLower(rune(c)))
		}
	}
	return t
}()

// termSet is the terms of a block of rows.
type termSet struct {
	keys keySet
	seen keySet // hashes of the texts that were read: most come again and again
	odd  bool   // it has a number that is not covered
	buf  []byte
}

func (t *termSet) reset() {
	t.keys.reset()
	t.seen.reset()
	t.odd = false
}

// column adds rows [from, to) of a column.
func (t *termSet) column(v *table.Vector, from, to int) {
	for r := from; r < to; r++ {
		if v.IsNull(r) {
			continue
		}
		switch v.Type {
		case table.Int, table.Long:
			t.integer(v.N[r])
		case table.Real:
			t.real(v.F[r])
		case table.Dynamic:
			s := v.S[r]
			if s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && strings.ContainsAny(s, ".eE") {
				t.odd = true // tostring() writes it anew
			}
			t.cell(s)
		default:
			t.cell(v.S[r])
		}
	}
}

func (t *termSet) integer(n int64) {
	t.buf = strconv.AppendUint(t.buf[:0], uint64(max(n, -n)), 10)
	t.keys.add(termKey(string(t.buf)))
}

// real of which the text is its digits, a point and a nought; others are odd.
func (t *termSet) real(f float64) {
	if f != math.Trunc(f) || math.Abs(f) >= 1<<53 || math.IsNaN(f) {
		t.odd = true
		return
	}
	t.integer(int64(f))
	t.keys.add(termKey("0"))
}

// cell adds the terms of a text and of the strings in it.
func (t *termSet) cell(s string) {
	if s == "" || !t.seen.add(xxh3.HashString(s)) {
		return
	}
	t.text(s)
	if strings.IndexByte(s, '\\') < 0 {
		return
	}
	t.buf = unescape(t.buf[:0], s, false)
	t.text(string(t.buf))
	if strings.Contains(s, `\u`) {
		t.buf = unescape(t.buf[:0], s, true)
		t.text(string(t.buf))
	}
}

// text adds the terms of a text: those of table.IndexTerms.
func (t *termSet) text(s string) {
	var starts [4]int // where the last numbers with dots between them begin
	dotted, last := 0, -1
	for i := 0; i < len(s); {
		if termBytes[s[i]] == 0 {
			i++
			continue
		}
		from, number, h := i, true, uint64(termOffset)
		next := 0
		for i < len(s) {
			c := termBytes[s[i]]
			if c > 1 {
				number = number && c <= '9'
				h = (h ^ uint64(c)) * termPrime
				i++
				continue
			}
			if c == 0 {
				break
			}
			var r rune
			if r, next = utf8.DecodeRuneInString(s[i:]); !table.IsTermRune(r) {
				break
			}
			var low [utf8.UTFMax]byte
			for _, c := range low[:utf8.EncodeRune(low[:], unicode.ToLower(r))] {
				h = (h ^ uint64(c)) * termPrime
			}
			number = false
			i += next
		}
		if i == from { // a rune that is in no term
			i += next
			continue
		}
		t.keys.add(h)
		if !number {
			last = -1
			continue
		}
		if last < 0 || from != last+1 || s[last] != '.' {
			dotted = 0
		}
		starts[dotted&3] = from
		dotted++
		if last = i; dotted >= 4 {
			t.keys.add(termKey(s[starts[dotted&3]:i]))
		}
	}
}

// unescape resolves the JSON escapes in a text, wherever they are. With remade set
// it leaves those that the text has when it is made anew (table.AppendQuoted).
func unescape(dst []byte, s string, remade bool) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'b', 'f', 'n', 'r', 't':
			if remade {
				dst = append(dst, '\\', c)
			} else {
				dst = append(dst, ' ')
			}
		case 'u':
			r, ok := hex4(s[i+1:])
			if !ok {
				dst = append(dst, '\\', 'u')
				continue
			}
			i += 4
			if r < ' ' && remade {
				quoted := table.AppendQuoted(nil, string(r))
				dst = append(dst, quoted[1:len(quoted)-1]...)
				continue
			}
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if strings.HasPrefix(s[i+1:], `\u`) {
					low, ok = hex4(s[i+3:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

// keySet is a set of keys that remembers their order.
type keySet struct {
	list  []uint64
	slots []uint64 // a power of two; 0 is free
	zero  bool
}

// add is true for a key that is new.
func (s *keySet) add(key uint64) bool {
	if key == 0 {
		if s.zero {
			return false
		}
		s.zero = true
		s.list = append(s.list, 0)
		return true
	}
	if 2*(len(s.list)+1) > len(s.slots) {
		s.grow()
	}
	mask := uint64(len(s.slots) - 1)
	for i := (key ^ key>>32) & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case key:
			return false
		case 0:
			s.slots[i] = key
			s.list = append(s.list, key)
			return true
		}
	}
}

func (s *keySet) grow() {
	list := s.list
	*s = keySet{list: make([]uint64, 0, max(2*len(list), 1024)), slots: make([]uint64, max(2*len(s.slots), 4096))}
	for _, k := range list {
		s.add(k)
	}
}

// reset keeps the room.
func (s *keySet) reset() {
	clear(s.slots)
	s.list, s.zero = s.list[:0], false
}
