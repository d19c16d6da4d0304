package eval

import (
	"cmp"
	"context"
	"math"
	mathbits "math/bits"
	"slices"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// Plugins that find patterns: combinations of values, one or more of a row's columns
// each. Rows that are alike are one with a weight. An item is a value of a column; it
// has the set of the rows that have it, as bits. What Microsoft's plugins choose of all
// patterns is not published in detail: those found here need not be the same.

// bitset of rows.
type bitset []uint64

func (s bitset) set(i int)      { s[i/64] |= 1 << (i % 64) }
func (s bitset) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s bitset) within(t bitset) bool {
	for i, w := range s {
		if w&^t[i] != 0 {
			return false
		}
	}
	return true
}
func (s bitset) and(t bitset) bitset {
	out := make(bitset, len(s))
	for i, w := range s {
		out[i] = w & t[i]
	}
	return out
}

// item is a value of a column.
type item struct {
	col  int
	val  table.Value
	rows bitset
}

// mine is what the rows hold.
type mine struct {
	r     *wholeRun
	cols  int
	first int // of the plugin's columns, the first that takes part
	rows  []weighed
	total [2]float64
	vals  [][]table.Value // of each column, by number
	items []item
	count int // patterns looked at
}

// load reads the rows. first are the plugin's own columns before those that take
// part; use tells which do; side gives a row's side and weight.
func (r *wholeRun) load(ctx context.Context, first int, use []bool, side func(cols []table.Vector, i int) (int, float64)) (*mine, error) {
	m := &mine{r: r, cols: len(use), first: first, vals: make([][]table.Value, len(use))}
	keys := make([]*keyed, len(use))
	for c := range keys {
		keys[c] = newKeyed()
	}
	at := map[string]int{}
	var buf []byte
	err := r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		var grown int64
		code := make([]int32, len(use))
		for i := range b.Rows {
			s, w := side(cols, i)
			if s < 0 || w <= 0 {
				continue
			}
			buf = buf[:0]
			for c := range use {
				code[c] = -1
				if use[c] {
					k, g := keys[c].of(cols[first+c:first+c+1], i, true)
					code[c] = k
					grown += g
				}
				buf = append(buf, byte(code[c]), byte(code[c]>>8), byte(code[c]>>16), byte(code[c]>>24))
			}
			n, ok := at[string(buf)]
			if !ok {
				n = len(m.rows)
				at[string(buf)] = n
				m.rows = append(m.rows, weighed{codes: slices.Clone(code)})
				grown += int64(len(buf))*2 + mapEntryBytes + 40
			}
			m.rows[n].weight[s] += w
			m.total[s] += w
		}
		return r.add(grown)
	})
	for c := range keys {
		for _, v := range keys[c].vals {
			m.vals[c] = append(m.vals[c], v[0])
		}
		m.inOrder(c)
	}
	slices.SortFunc(m.rows, func(a, b weighed) int { return slices.Compare(a.codes, b.codes) })
	return m, err
}

// inOrder numbers the values of a column in their order, so that what is found does
// not depend on the order in which rows come.
func (m *mine) inOrder(c int) {
	texts := make([]string, len(m.vals[c]))
	order := make([]int32, len(texts))
	for i, v := range m.vals[c] {
		texts[i], order[i] = fn.ToText(v), int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(texts[a], texts[b]) })
	number := make([]int32, len(order))
	vals := make([]table.Value, len(order))
	for n, i := range order {
		number[i], vals[n] = int32(n), m.vals[c][i]
	}
	m.vals[c] = vals
	for _, row := range m.rows {
		if k := row.codes[c]; k >= 0 {
			row.codes[c] = number[k]
		}
	}
}

// weighed is a row: the numbers of its values, -1 in columns that take no part, and
// its weight on both sides of diffpatterns.
type weighed struct {
	codes  []int32
	weight [2]float64
}

// frequent makes the items of which the weights are enough.
func (m *mine) frequent(ctx context.Context, enough func(w [2]float64) bool) error {
	for c := range m.cols {
		sums := make([][2]float64, len(m.vals[c]))
		for _, row := range m.rows {
			if k := row.codes[c]; k >= 0 {
				sums[k][0] += row.weight[0]
				sums[k][1] += row.weight[1]
			}
		}
		at := make([]int, len(sums))
		for k, w := range sums {
			at[k] = -1
			if enough(w) && !m.empty(m.vals[c][k]) {
				at[k] = len(m.items)
				m.items = append(m.items, item{c, m.vals[c][k], make(bitset, (len(m.rows)+63)/64)})
				if err := m.r.add(int64(len(m.rows)/8) + 96); err != nil {
					return err
				}
			}
		}
		for n, row := range m.rows {
			if k := row.codes[c]; k >= 0 && at[k] >= 0 {
				m.items[at[k]].rows.set(n)
			}
		}
		if err := m.r.x.alive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// empty values say nothing: a pattern with one looks like a pattern without.
func (m *mine) empty(v table.Value) bool {
	return v.IsNull() || v.Type() == table.String && v.Str() == ""
}

func (m *mine) weigh(rows bitset) (w [2]float64) {
	for i, word := range rows {
		for word != 0 {
			n := i*64 + mathbits.TrailingZeros64(word)
			word &= word - 1
			w[0] += m.rows[n].weight[0]
			w[1] += m.rows[n].weight[1]
		}
	}
	return w
}

// pattern is a set of items, in order, with the rows that have all of them.
type pattern struct {
	items []int
	rows  bitset
	w     [2]float64
}

// maxPatterns is how many combinations are looked at before the plugin gives up.
const maxPatterns = 100_000

// closed visits every pattern of which the weights are enough and to which no item
// can be added without losing a row, each once. A pattern is reached by the choice of
// at most most items. (Uno, Kiyomi, Arimura, LCM ver. 2, 2004.)
func (m *mine) closed(ctx context.Context, most int, enough func(w [2]float64) bool, visit func(p pattern) error) error {
	all := make(bitset, (len(m.rows)+63)/64)
	for i := range m.rows {
		all.set(i)
	}
	var grow func(p pattern, core, depth int) error
	grow = func(p pattern, core, depth int) error {
		have := map[int]bool{}
		for _, i := range p.items {
			have[i] = true
		}
		for e := core + 1; e < len(m.items); e++ {
			if have[e] {
				continue
			}
			if m.count++; m.count&255 == 0 {
				if err := m.r.x.alive(ctx); err != nil {
					return err
				}
			}
			if m.count > maxPatterns*10 {
				return m.tooMany()
			}
			rows := p.rows.and(m.items[e].rows)
			w := m.weigh(rows)
			if !enough(w) {
				continue
			}
			q := pattern{rows: rows, w: w}
			ok := true
			for i := range m.items {
				if have[i] || rows.within(m.items[i].rows) {
					if i < e && !have[i] {
						ok = false // reached from there
						break
					}
					q.items = append(q.items, i)
				}
			}
			if !ok {
				continue
			}
			if err := visit(q); err != nil {
				return err
			}
			if depth+1 < most {
				if err := grow(q, e, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	root := pattern{rows: all, w: m.weigh(all)}
	for i := range m.items {
		if all.within(m.items[i].rows) {
			root.items = append(root.items, i)
		}
	}
	if len(root.items) > 0 && enough(root.w) {
		if err := visit(root); err != nil {
			return err
		}
	}
	return grow(root, -1, 0)
}

func (m *mine) tooMany() error {
	return fault.New(fault.Limit, "%s finds more than %d combinations of values; project fewer columns, or ask for a larger share", m.r.name, maxPatterns)
}

// defaults of numbers that are not given.
func (r *wholeRun) number(i int, def float64) float64 {
	if v := r.param(i); !v.IsNull() {
		return v.Number()
	}
	return def
}

// using tells which columns take part; the parameters end with a wildcard and a flag
// for each.
func (r *wholeRun) using(before int) (wild []table.Value, use []bool) {
	n := (len(r.params) - before) / 2
	for i := range n {
		wild = append(wild, r.param(before+i))
		use = append(use, r.param(before+n+i).Bool())
	}
	return wild, use
}

// shown are the cells of a pattern: its values, and wildcards.
func (m *mine) shown(head []table.Value, items []int, wild []table.Value) []table.Value {
	types := m.r.schema[len(m.r.schema)-m.cols:]
	row := slices.Clone(head)
	for c := range m.cols {
		v := wild[c]
		if v.Type() == table.Unknown {
			v = table.Null(types[c].Type)
		}
		row = append(row, v)
	}
	for _, i := range items {
		row[len(head)+m.items[i].col] = m.items[i].val
	}
	return row
}

// weighing gives a row's weight: that of the column, or 1.
func (r *wholeRun) weighing(col int, given bool) func(cols []table.Vector, i int) float64 {
	if !given {
		return func([]table.Vector, int) float64 { return 1 }
	}
	return func(cols []table.Vector, i int) float64 {
		v := cols[col].At(i)
		if v.IsNull() || math.IsNaN(v.Number()) {
			return 0
		}
		return v.Number()
	}
}

// basket gives all patterns that a share of the rows has; of those that the same rows
// have the longest.
func basket(ctx context.Context, r *wholeRun) error {
	share := r.number(0, 0.05)
	if share <= 0 || share > 1 {
		return fault.New(fault.Invalid, "basket needs a share of the rows above 0 and up to 1, not %g", share)
	}
	most := int(r.number(1, 5))
	m, wild, err := r.segments(ctx)
	if err != nil {
		return err
	}
	enough := func(w [2]float64) bool { return w[0] >= share*m.total[0] }
	if err := m.frequent(ctx, enough); err != nil {
		return err
	}
	var out []pattern
	err = m.closed(ctx, most, enough, func(p pattern) error {
		p.rows = nil
		if len(p.items) > most {
			p.items = p.items[:most]
		}
		out = append(out, p)
		if len(out) > maxPatterns {
			return m.tooMany()
		}
		return r.add(int64(len(p.items))*8 + 64)
	})
	if err != nil {
		return err
	}
	return m.emitSegments(out, wild)
}

func (r *wholeRun) segments(ctx context.Context) (*mine, []table.Value, error) {
	weighted := r.param(2).Bool()
	wild, use := r.using(3)
	first := 0
	if weighted {
		first = 1
	}
	weigh := r.weighing(0, weighted)
	m, err := r.load(ctx, first, use, func(cols []table.Vector, i int) (int, float64) { return 0, weigh(cols, i) })
	return m, wild, err
}

// emitSegments gives patterns of one side: those that say most of most rows first.
func (m *mine) emitSegments(out []pattern, wild []table.Value) error {
	slices.SortStableFunc(out, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(b.w[0]*float64(len(b.items)), a.w[0]*float64(len(a.items))), slices.Compare(a.items, b.items))
	})
	for n, p := range out {
		head := []table.Value{table.LongValue(int64(n)), table.LongValue(int64(p.w[0])), table.RealValue(100 * p.w[0] / m.total[0])}
		if err := m.r.emit(m.shown(head, p.items, wild)...); err != nil {
			return err
		}
	}
	return nil
}

// autocluster gives a few patterns that together describe many rows. It begins with
// rows that stand for many and leaves out of each the values whose absence makes the
// pattern better: a pattern is good that has many rows and many values, in the
// proportion that the size weight tells.
func autocluster(ctx context.Context, r *wholeRun) error {
	size := r.number(0, 0.5)
	if size < 0 || size > 1 {
		return fault.New(fault.Invalid, "autocluster needs a size weight from 0 to 1, not %g", size)
	}
	seeds := int(r.number(1, 25))
	m, wild, err := r.segments(ctx)
	if err != nil {
		return err
	}
	if err := m.frequent(ctx, func(w [2]float64) bool { return w[0] >= 0.01*m.total[0] }); err != nil {
		return err
	}
	score := func(w float64, n int) float64 {
		return math.Pow(w/m.total[0], size) * math.Pow(float64(n)/float64(max(1, m.cols)), 1-size)
	}
	order := make([]int, len(m.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.rows[b].weight[0], m.rows[a].weight[0]) })
	var found []pattern
	seen := map[string]bool{}
	for _, row := range order[:min(len(order), max(0, seeds))] {
		if err := r.x.alive(ctx); err != nil {
			return err
		}
		var items []int
		for i := range m.items {
			if m.items[i].rows.has(row) {
				items = append(items, i)
			}
		}
		p, err := m.loosen(ctx, items, score)
		if err != nil {
			return err
		}
		key := string(m.key(p.items))
		if len(p.items) > 0 && !seen[key] {
			seen[key] = true
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(score(b.w[0], len(b.items)), score(a.w[0], len(a.items))), slices.Compare(a.items, b.items))
	})
	covered := make(bitset, (len(m.rows)+63)/64)
	var out []pattern
	for _, p := range found {
		fresh := make(bitset, len(covered))
		for i := range fresh {
			fresh[i] = p.rows[i] &^ covered[i]
		}
		if m.weigh(fresh)[0] < p.w[0]/2 {
			continue // most of it is described already
		}
		for i := range covered {
			covered[i] |= p.rows[i]
		}
		out = append(out, p)
	}
	return m.emitSegments(out, wild)
}

func (m *mine) key(items []int) []byte {
	var b []byte
	for _, i := range items {
		b = append(b, byte(i), byte(i>>8), byte(i>>16))
	}
	return b
}

// loosen leaves items out while that makes the score better, the best one first.
func (m *mine) loosen(ctx context.Context, items []int, score func(w float64, n int) float64) (pattern, error) {
	rowsOf := func(items []int, without int) bitset {
		var rows bitset
		for k, i := range items {
			switch {
			case k == without:
			case rows == nil:
				rows = slices.Clone(m.items[i].rows)
			default:
				for w := range rows {
					rows[w] &= m.items[i].rows[w]
				}
			}
		}
		return rows
	}
	p := pattern{items: items, rows: rowsOf(items, -1)}
	if len(items) == 0 {
		return p, nil
	}
	p.w = m.weigh(p.rows)
	for len(p.items) > 1 {
		if err := m.r.x.alive(ctx); err != nil {
			return p, err
		}
		best, at, bestRows, bestW := score(p.w[0], len(p.items)), -1, bitset(nil), [2]float64{}
		for k := range p.items {
			rows := rowsOf(p.items, k)
			w := m.weigh(rows)
			if s := score(w[0], len(p.items)-1); s > best {
				best, at, bestRows, bestW = s, k, rows, w
			}
		}
		if at < 0 {
			break
		}
		p = pattern{items: slices.Delete(slices.Clone(p.items), at, at+1), rows: bestRows, w: bestW}
	}
	return p, nil
}

// diffPatterns gives the patterns whose shares of two sets of rows differ most; of
// two of which one has all values of the other only the better one.
func diffPatterns(ctx context.Context, r *wholeRun) error {
	share := r.number(0, 0.05)
	if share <= 0 || share > 1 {
		return fault.New(fault.Invalid, "diffpatterns needs a threshold above 0 and up to 1, not %g", share)
	}
	most := int(r.number(1, math.MaxInt32))
	weighted := r.param(2).Bool()
	a, b := r.param(3).Str(), r.param(4).Str()
	wild, use := r.using(5)
	first := 1
	if weighted {
		first = 2
	}
	weigh := r.weighing(1, weighted)
	m, err := r.load(ctx, first, use, func(cols []table.Vector, i int) (int, float64) {
		switch cols[0].S[i] {
		case a:
			return 0, weigh(cols, i)
		case b:
			return 1, weigh(cols, i)
		}
		return -1, 0
	})
	if err != nil {
		return err
	}
	if m.total[0] == 0 || m.total[1] == 0 {
		return nil // nothing to compare
	}
	enough := func(w [2]float64) bool { return w[0] >= share*m.total[0] || w[1] >= share*m.total[1] }
	if err := m.frequent(ctx, enough); err != nil {
		return err
	}
	diff := func(w [2]float64) float64 { return math.Abs(w[0]/m.total[0] - w[1]/m.total[1]) }
	var found []pattern
	err = m.closed(ctx, most, enough, func(p pattern) error {
		if diff(p.w) < share {
			return nil
		}
		p.rows = nil
		if len(p.items) > most {
			p.items = p.items[:most]
		}
		found = append(found, p)
		if len(found) > maxPatterns {
			return m.tooMany()
		}
		return r.add(int64(len(p.items))*8 + 64)
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(found, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(diff(b.w), diff(a.w)), slices.Compare(a.items, b.items))
	})
	var out []pattern
next:
	for _, p := range found {
		if err := r.tick(ctx); err != nil {
			return err
		}
		for _, q := range out {
			if contains(p.items, q.items) || contains(q.items, p.items) {
				continue next
			}
		}
		out = append(out, p)
	}
	for n, p := range out {
		head := []table.Value{table.LongValue(int64(n)), table.LongValue(int64(p.w[0])), table.LongValue(int64(p.w[1])),
			table.RealValue(100 * p.w[0] / m.total[0]), table.RealValue(100 * p.w[1] / m.total[1]), table.RealValue(100 * diff(p.w))}
		if err := r.emit(m.shown(head, p.items, wild)...); err != nil {
			return err
		}
	}
	return nil
}

// contains tells whether all of b are in a; both are in order.
func contains(a, b []int) bool {
	i := 0
	for _, x := range b {
		for i < len(a) && a[i] < x {
			i++
		}
		if i == len(a) || a[i] != x {
			return false
		}
	}
	return true
}
