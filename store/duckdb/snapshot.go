package duckdb

import (
	"context"
	"maps"
	"slices"
	"sync"

	"sextant/store"
	"sextant/table"
)

// snapshot is one state, held.
type snapshot struct {
	store *Store
	state *state

	mu      sync.Mutex
	views   []uint64
	closed  bool
	readers map[*reader]bool
	left    bool // closed, and the last reader has ended
}

var (
	_ store.CallingSnapshot = (*snapshot)(nil)
	_ store.Excluder        = (*snapshot)(nil)
	_ store.Dater           = (*snapshot)(nil)
	_ store.Odder           = (*snapshot)(nil)
	_ store.Finder          = (*snapshot)(nil)
)

func (s *snapshot) Dialect() string { return "duckdb" }

func (s *snapshot) Def(name string) (table.Def, bool) {
	d := s.state.defs[name]
	if d == nil {
		return table.Def{}, false
	}
	return d.Def, true
}

func (s *snapshot) Tables() []string { return slices.Sorted(maps.Keys(s.state.defs)) }

func (s *snapshot) Stats(name string) store.Stats {
	sp := emptySpan
	var out store.Stats
	for _, b := range s.state.head[name] {
		out.Rows += int64(b.count())
		sp.join(b.span)
	}
	for _, seg := range s.state.segs[name] {
		out.Rows += seg.rows - int64(len(seg.dead))
		out.Bytes += seg.bytes()
		out.Segments++
		sp.join(seg.span)
	}
	out.Min, out.Max, out.Undated = sp.Min, sp.Max, sp.Undated
	return out
}

// Odd implements store.Odder by the indexes of values, which know it of each block. Of a
// segment of an older definition it is not known: paths that it lacks are read from the text.
func (s *snapshot) Odd(name string) (odd, known bool) {
	def := s.state.defs[name]
	if def == nil {
		return false, true
	}
	known = true
	for _, seg := range s.state.segs[name] {
		x := seg.file.index.Load()
		if x == nil || x.segments[seg.name] == nil || seg.def != def {
			known = false
			continue
		}
		blocks := x.segments[seg.name].blocks
		for i := range blocks {
			if blocks[i].odd {
				return true, true
			}
		}
	}
	at := def.hidden(table.HiddenOdd)
	for _, b := range s.state.head[name] {
		col := b.rows.Cols[at].N
		b.each(func(r int32) { odd = odd || col[r] != 0 })
	}
	return odd, odd || known
}

// Scan reads through the same relation that SQL does.
func (s *snapshot) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	rel, err := s.Relation(scan)
	if err != nil {
		return nil, err
	}
	def := s.state.defs[scan.Table]
	schema := make(table.Schema, len(scan.Columns))
	for i, name := range scan.Columns {
		schema[i] = def.phys[def.phys.Index(name)]
	}
	return s.Query(ctx, rel, nil, schema, store.Limits{})
}

func (s *snapshot) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.leave(nil)
	}
	return nil
}

// abort ends the snapshot and its readers, whatever they do.
func (s *snapshot) abort() {
	s.Close()
	s.mu.Lock()
	readers := slices.Collect(maps.Keys(s.readers))
	s.mu.Unlock()
	for _, r := range readers {
		r.abort()
	}
}

// enter is called for each reader; leave when it ends, and with nil for the
// snapshot itself.
func (s *snapshot) enter(r *reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	r.holdsAnother = len(s.readers) > 0
	s.readers[r] = true
	return nil
}

func (s *snapshot) leave(r *reader) {
	s.mu.Lock()
	delete(s.readers, r)
	last := s.closed && len(s.readers) == 0 && !s.left
	if last {
		s.left = true
	}
	s.mu.Unlock()
	if !last {
		return
	}
	for _, id := range s.views {
		s.store.views.remove(id)
	}
	s.state.set.release(s.store.drop)
	s.store.mu.Lock()
	delete(s.store.snapshots, s)
	s.store.mu.Unlock()
}
