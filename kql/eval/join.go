package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/plan"
	"sextant/table"
)

// join builds a hash of the right side and streams the left past it. A right side
// that outgrows memory is cut into files by the hash of its keys, the left side with
// it, and the files are joined pair by pair. A pair of rows
// joins when their keys are equal as hash keys are: two nulls join.
type join struct {
	x         *compiler
	kind      plan.JoinKind
	schema    table.Schema
	right     *pipe
	leftKeys  []*node
	rightKeys []*node
	leftCols  []int
	rightCols []int
	group     int // of the left's columns, the one that numbers groups, or -1
}

func (x *compiler) join(p *pipe, op *plan.Join) error {
	right, err := x.sub(p, op.Right)
	if err != nil {
		return err
	}
	left, err := x.liftRows(p, op.LeftKeys)
	if err != nil {
		return err
	}
	j := &join{x: x, kind: op.Kind, schema: op.Out, right: right, group: p.schema.Index(groupColumn)}
	if j.leftKeys, err = x.scope(p).exprs(left); err != nil {
		return err
	}
	if j.rightKeys, err = (&scope{compiler: x, pipe: right, schema: right.schema}).exprs(op.RightKeys); err != nil {
		return err
	}
	for i := range j.leftKeys {
		if l, r := j.leftKeys[i].t, j.rightKeys[i].t; l != r && (l.Numeric() != r.Numeric() || l == table.Real != (r == table.Real) || l == table.Decimal != (r == table.Decimal)) {
			return fault.New(fault.Invalid, "cannot join a key of type %s with one of type %s; convert one of them", l, r)
		}
	}
	if j.leftCols, err = columnsOf(p.schema, op.LeftCols); err != nil {
		return err
	}
	if j.rightCols, err = columnsOf(right.schema, op.RightCols); err != nil {
		return err
	}
	if len(j.leftCols)+len(j.rightCols) != len(op.Out) {
		return fault.New(fault.Internal, "eval: a join has %d and %d columns for %d", len(j.leftCols), len(j.rightCols), len(op.Out))
	}
	p.add(j, op.Out)
	return nil
}

func columnsOf(s table.Schema, names []string) ([]int, error) {
	out := make([]int, len(names))
	for i, n := range names {
		if out[i] = s.Index(n); out[i] < 0 {
			return nil, fault.New(fault.Internal, "eval: no column %q in %s", n, s)
		}
	}
	return out, nil
}

func (s *join) open(e *env, in Reader) Reader {
	return &joinReader{base: base{in: in, schema: s.schema}, s: s, e: e, hold: s.x.hold("join")}
}

type joinReader struct {
	base
	s    *join
	e    *env
	hold hold

	begun bool
	work  []joinWork // that waits
	now   joinWork
	built *joinTable
	seen  map[string]struct{} // left keys of innerunique
	buf   []byte

	left  *table.Batch // the batch that is being joined
	keys  []table.Vector
	row   int   // of left
	match int32 // of the row's matches, the next; noMore behind the last
	found bool  // the row's matches have been looked up
	ended bool  // the left side is read
	outer int   // of the right's rows, the next to look at for what never matched
	done  bool
}

// joinWork is two sides to join: the whole, or what the hash of the key has put in
// one file of each side. Rows in files come with their keys.
type joinWork struct {
	left, right Reader
	level       int
	files       bool
}

func (w *joinWork) close() {
	for _, r := range []Reader{w.left, w.right} {
		if r != nil {
			r.Close()
		}
	}
}

const noMore = int32(-1)

// joinTable is the right side: rows, and for each key the rows with it in order.
type joinTable struct {
	rows    []*table.Batch
	flat    []at             // row number to place
	head    map[string]int32 // key to its first row
	last    map[string]int32 // only while it is built
	next    []int32
	matched []bool // of kinds that give rows of the right alone
}

func (s *join) needsMatched() bool {
	switch s.kind {
	case plan.RightOuter, plan.FullOuter, plan.RightSemi, plan.RightAnti:
		return true
	}
	return false
}

// keysOnly: of the right only the keys matter.
func (s *join) keysOnly() bool { return s.kind == plan.LeftSemi || s.kind == plan.LeftAnti }

// sideKeys computes the key columns of a side's batch; of one from a file, the key
// itself is the last column.
func sideKeys(dst []table.Vector, b *table.Batch, nodes []*node, files bool) []table.Vector {
	dst = dst[:0]
	if files {
		return append(dst, b.Cols[len(b.Cols)-1])
	}
	for _, n := range nodes {
		dst = append(dst, n.vector(b))
	}
	return dst
}

// keyAt adds the key of row i.
func keyAt(buf []byte, keys []table.Vector, i int, files bool) []byte {
	if files {
		return append(buf, keys[0].S[i]...)
	}
	for k := range keys {
		buf = appendKey(buf, &keys[k], i)
	}
	return buf
}

// build the table of the right side. If it outgrows memory, both sides are cut
// into files and become more work: then there is no table.
func (r *joinReader) build(ctx context.Context) (*joinTable, error) {
	s, in := r.s, r.now.right
	t := &joinTable{head: map[string]int32{}, last: map[string]int32{}}
	keysOnly := s.keysOnly()
	var rest *spill
	var vecs []table.Vector
	for {
		b, err := in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		vecs = sideKeys(vecs, b, s.rightKeys, r.now.files)
		if keysOnly {
			b = &table.Batch{Rows: b.Rows} // the keys are all that is kept
		} else if r.now.files {
			b = narrow(b, s.right.schema)
		}
		var grown int64
		if rest == nil && !keysOnly {
			grown = b.Bytes() + 12*int64(b.Rows)
			t.rows = append(t.rows, b)
		}
		for i := range b.Rows {
			r.buf = keyAt(r.buf[:0], vecs, i, r.now.files)
			if rest != nil {
				if err := rest.add(b, i, r.buf); err != nil {
					return nil, err
				}
				continue
			}
			if keysOnly {
				if _, ok := t.head[string(r.buf)]; !ok {
					t.head[string(r.buf)] = noMore
					grown += int64(len(r.buf)) + mapEntryBytes
				}
				continue
			}
			id := int32(len(t.flat))
			t.flat = append(t.flat, at{int32(len(t.rows) - 1), int32(i)})
			t.next = append(t.next, noMore)
			if last, ok := t.last[string(r.buf)]; ok {
				t.next[last] = id
				t.last[string(r.buf)] = id
			} else {
				key := string(r.buf)
				t.head[key], t.last[key] = id, id
				grown += int64(len(r.buf)) + 2*mapEntryBytes
			}
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
		if rest == nil && s.x.full(&r.hold, r.now.level) {
			if rest, err = r.toFiles(ctx, t); err != nil {
				return nil, err
			}
			t = nil
			r.hold.release()
		}
	}
	if rest != nil {
		return nil, r.cutLeft(ctx, rest)
	}
	t.last = nil
	if s.needsMatched() {
		t.matched = make([]bool, len(t.flat))
	}
	return t, r.hold.add(int64(len(t.matched)))
}

// toFiles writes a table's rows to files by their keys.
func (r *joinReader) toFiles(ctx context.Context, t *joinTable) (*spill, error) {
	schema := withKey(r.s.right.schema)
	if r.s.keysOnly() {
		schema = withKey(nil)
	}
	out := r.s.x.spill(schema, r.now.level)
	none := &table.Batch{Rows: 1}
	n := 0
	for key, id := range t.head {
		if n++; n&1023 == 0 {
			if err := r.s.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		if id == noMore {
			if err := out.add(none, 0, []byte(key)); err != nil {
				return nil, err
			}
		}
		for ; id != noMore; id = t.next[id] {
			if err := out.add(t.rows[t.flat[id].batch], int(t.flat[id].row), []byte(key)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// cutLeft puts the left side in files beside those of the right.
func (r *joinReader) cutLeft(ctx context.Context, right *spill) error {
	rights, err := right.finish()
	if err != nil {
		return err
	}
	schema := r.leftSchema()
	left := r.s.x.spill(withKey(schema), r.now.level)
	var vecs []table.Vector
	for {
		b, err := r.now.left.Next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return err
		}
		vecs = sideKeys(vecs, b, r.s.leftKeys, r.now.files)
		b = narrow(b, schema)
		for i := range b.Rows {
			r.buf = keyAt(r.buf[:0], vecs, i, r.now.files)
			if err := left.add(b, i, r.buf); err != nil {
				return err
			}
		}
	}
	lefts, err := left.finish()
	for p := range lefts {
		w := joinWork{level: r.now.level + 1, files: true, left: &batches{schema: withKey(schema)}, right: &batches{schema: right.schema}}
		if lefts[p] != nil {
			w.left = lefts[p]
		}
		if rights[p] != nil {
			w.right = rights[p]
		}
		if lefts[p] != nil || rights[p] != nil {
			r.work = append(r.work, w)
		}
	}
	return err
}

func (r *joinReader) leftSchema() table.Schema { return r.in.Schema() }

func (r *joinReader) Next(ctx context.Context) (*table.Batch, error) {
	if !r.begun {
		r.begun = true
		r.work = append(r.work, joinWork{left: r.in, right: r.s.right.open(r.e)})
	}
	for !r.done {
		if r.built == nil {
			if len(r.work) == 0 {
				r.done = true
				break
			}
			r.now = r.work[len(r.work)-1]
			r.work = r.work[:len(r.work)-1]
			t, err := r.build(ctx)
			r.now.right.Close()
			if err != nil {
				return nil, err
			}
			if t == nil { // it has become more work
				r.now.close()
				continue
			}
			r.built, r.left, r.ended, r.outer = t, nil, false, 0
			clear(r.seen)
		}
		var b *table.Batch
		var err error
		switch r.s.kind {
		case plan.LeftSemi, plan.LeftAnti:
			b, err = r.half(ctx)
		case plan.RightSemi, plan.RightAnti:
			b, err = r.rightHalf(ctx)
		default:
			b, err = r.pairs(ctx)
		}
		if b != nil || err != nil {
			return b, err
		}
		r.now.close()
		r.built = nil
		r.hold.release()
	}
	return nil, nil
}

// pull the next batch of the left side; false at its end.
func (r *joinReader) pull(ctx context.Context) (bool, error) {
	b, err := r.now.left.Next(ctx)
	if err != nil {
		return false, err
	}
	if err := r.s.x.alive(ctx); err != nil {
		return false, err
	}
	r.left, r.row, r.found = b, 0, false
	if b == nil {
		r.ended = true
		return false, nil
	}
	r.keys = sideKeys(r.keys, b, r.s.leftKeys, r.now.files)
	return true, nil
}

// find the first match of row i of the left batch. It leaves the key in buf.
func (r *joinReader) find(i int) (int32, bool) {
	r.buf = keyAt(r.buf[:0], r.keys, i, r.now.files)
	id, ok := r.built.head[string(r.buf)]
	return id, ok
}

// half is leftsemi and leftanti.
func (r *joinReader) half(ctx context.Context) (*table.Batch, error) {
	for {
		ok, err := r.pull(ctx)
		if err != nil || !ok {
			return nil, err
		}
		var keep []int32
		for i := range r.left.Rows {
			if _, ok := r.find(i); ok == (r.s.kind == plan.LeftSemi) {
				keep = append(keep, int32(i))
			}
		}
		if len(keep) > 0 {
			return r.emit(keep, nil), nil
		}
	}
}

// rightHalf is rightsemi and rightanti.
func (r *joinReader) rightHalf(ctx context.Context) (*table.Batch, error) {
	for !r.ended {
		ok, err := r.pull(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		for i := range r.left.Rows {
			id, ok := r.find(i)
			if !ok || r.built.matched[id] {
				continue // all rows of a key are marked together
			}
			for ; id != noMore; id = r.built.next[id] {
				r.built.matched[id] = true
			}
		}
	}
	return r.alone(ctx, r.s.kind == plan.RightSemi)
}

// alone gives the right's rows whose mark is as wanted, without a left side.
func (r *joinReader) alone(ctx context.Context, marked bool) (*table.Batch, error) {
	size := r.s.x.o.batchRows()
	var out []at
	for ; r.outer < len(r.built.flat) && len(out) < size; r.outer++ {
		if r.built.matched[r.outer] == marked {
			out = append(out, r.built.flat[r.outer])
		}
	}
	if len(out) == 0 {
		return nil, r.s.x.alive(ctx)
	}
	left := make([]int32, len(out))
	for i := range left {
		left[i] = -1
	}
	return r.emit(left, out), r.s.x.alive(ctx)
}

// pairs is every kind that puts both sides in a row.
func (r *joinReader) pairs(ctx context.Context) (*table.Batch, error) {
	size := r.s.x.o.batchRows()
	leftOuter := r.s.kind == plan.LeftOuter || r.s.kind == plan.FullOuter
	for !r.ended {
		if r.left == nil {
			ok, err := r.pull(ctx)
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
		}
		var left []int32
		var right []at
		for len(left) < size && r.row < r.left.Rows {
			if !r.found {
				if r.row&1023 == 1023 {
					if err := r.s.x.alive(ctx); err != nil {
						return nil, err
					}
				}
				var ok bool
				r.match, ok = r.find(r.row)
				if ok && r.s.kind == plan.InnerUnique {
					if r.s.group >= 0 {
						r.buf = appendKey(r.buf, &r.left.Cols[r.s.group], r.row)
					}
					first, err := r.firstOfKey()
					if err != nil {
						return nil, err
					}
					ok = first
				}
				if !ok {
					r.match = noMore
					if leftOuter {
						left = append(left, int32(r.row))
						right = append(right, at{-1, -1})
					}
				}
				r.found = true
			}
			for r.match != noMore && len(left) < size {
				left = append(left, int32(r.row))
				right = append(right, r.built.flat[r.match])
				if r.built.matched != nil {
					r.built.matched[r.match] = true
				}
				r.match = r.built.next[r.match]
			}
			if r.match == noMore {
				r.row++
				r.found = false
			}
		}
		var out *table.Batch
		if len(left) > 0 {
			out = r.emit(left, right)
		}
		if r.row >= r.left.Rows {
			r.left = nil
		}
		if out != nil {
			return out, r.s.x.alive(ctx)
		}
	}
	if r.s.kind == plan.RightOuter || r.s.kind == plan.FullOuter {
		return r.alone(ctx, false)
	}
	return nil, nil
}

// firstOfKey tells whether innerunique has not seen the key in buf yet.
func (r *joinReader) firstOfKey() (bool, error) {
	if r.seen == nil {
		r.seen = map[string]struct{}{}
	}
	if _, ok := r.seen[string(r.buf)]; ok {
		return false, nil
	}
	r.seen[string(r.buf)] = struct{}{}
	return true, r.hold.add(int64(len(r.buf)) + mapEntryBytes)
}

// emit puts rows of the left batch (-1: nulls) beside rows of the right.
func (r *joinReader) emit(left []int32, right []at) *table.Batch {
	out := &table.Batch{Schema: r.schema, Cols: make([]table.Vector, len(r.schema)), Rows: len(left)}
	n := len(r.s.leftCols)
	for c, from := range r.s.leftCols {
		if r.left == nil {
			out.Cols[c] = nulls(r.schema[c].Type, len(left))
		} else {
			out.Cols[c] = pick(&r.left.Cols[from], left)
		}
	}
	if len(r.s.rightCols) > 0 {
		g := gather(r.schema[n:], r.built.rows, r.s.rightCols, right)
		copy(out.Cols[n:], g.Cols)
	}
	return out
}

func (r *joinReader) Close() error {
	r.done, r.begun, r.built, r.seen, r.left = true, true, nil, nil, nil
	r.now.close()
	for _, w := range r.work {
		w.close()
	}
	r.work = nil
	r.hold.release()
	return r.in.Close()
}
