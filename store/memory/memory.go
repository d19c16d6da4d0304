// Package memory is a store that keeps everything in memory, for tests and for
// data that need not outlive the process. It is the simplest thing that fulfils
// the contract.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// Store is a store.Store. New makes one.
type Store struct {
	mu      sync.Mutex
	closed  bool
	state   state
	durable store.Marks
}

// state is shared with snapshots: its maps and slices are replaced, not changed.
type state struct {
	defs  map[string]table.Def
	rows  map[string][]*table.Batch
	marks store.Marks
}

// New is an empty store.
func New() *Store {
	return &Store{state: state{defs: map[string]table.Def{}, rows: map[string][]*table.Batch{}, marks: store.Marks{}}, durable: store.Marks{}}
}

var _ store.Store = (*Store)(nil)

func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// Define implements store.Store.
func (s *Store) Define(ctx context.Context, def table.Def) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if old, ok := s.state.defs[def.Name]; !ok {
		if err := store.Check(def); err != nil {
			return err
		}
	} else if changed, err := store.Widen(old, def); err != nil || !changed {
		return err
	}
	s.state.defs = maps.Clone(s.state.defs)
	s.state.defs[def.Name] = def
	s.each(def.Name, func(b *table.Batch) *table.Batch { return store.Adapt(b, &def) })
	return nil
}

// each replaces the batches of a table; nil drops one.
func (s *Store) each(name string, f func(*table.Batch) *table.Batch) {
	var out []*table.Batch
	for _, b := range s.state.rows[name] {
		if b = f(b); b != nil {
			out = append(out, b)
		}
	}
	s.state.rows = maps.Clone(s.state.rows)
	s.state.rows[name] = out
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, load store.Load) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, t := range load.Tables {
		def, ok := s.state.defs[t.Table]
		if !ok {
			return fault.New(fault.NotFound, "there is no table %q to append to", t.Table)
		}
		if err := store.CheckRows(&def, t.Rows); err != nil {
			return err
		}
	}
	s.state.rows = maps.Clone(s.state.rows)
	for _, t := range load.Tables {
		s.state.rows[t.Table] = append(slices.Clip(s.state.rows[t.Table]), t.Rows)
	}
	if len(load.Superseded) > 0 {
		gone := map[store.Place]bool{}
		for _, p := range load.Superseded {
			gone[p] = true
		}
		for name, def := range s.state.defs {
			place := placeOf(&def)
			s.each(name, func(b *table.Batch) *table.Batch {
				return keep(b, func(r int) bool { return !gone[place(b, r)] })
			})
		}
	}
	s.state.marks = maps.Clone(s.state.marks)
	for tp, o := range load.Marks {
		s.state.marks[tp] = max(o, s.state.marks[tp])
	}
	return nil
}

func placeOf(def *table.Def) func(b *table.Batch, r int) store.Place {
	phys := def.Physical()
	topic, partition := phys.Index(table.HiddenTopic), phys.Index(table.HiddenPartition)
	offset, index := phys.Index(table.HiddenOffset), phys.Index(table.HiddenIndex)
	return func(b *table.Batch, r int) store.Place {
		return store.Place{
			TopicPartition: store.TopicPartition{Topic: b.Cols[topic].S[r], Partition: int32(b.Cols[partition].N[r])},
			Offset:         b.Cols[offset].N[r], Index: int32(b.Cols[index].N[r]),
		}
	}
}

// keep the rows for which ok is true; nil when none are left.
func keep(b *table.Batch, ok func(r int) bool) *table.Batch {
	var rows []int
	for r := range b.Rows {
		if ok(r) {
			rows = append(rows, r)
		}
	}
	switch len(rows) {
	case b.Rows:
		return b
	case 0:
		return nil
	}
	out := table.NewBatch(b.Schema, len(rows))
	var vals []table.Value
	for _, r := range rows {
		vals = b.Row(r, vals)
		out.AppendRow(vals)
	}
	return out
}

// Flush implements store.Store: what is in memory is as durable as it gets.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.durable = s.state.marks
	return nil
}

// Marks implements store.Store.
func (s *Store) Marks() (visible, durable store.Marks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.state.marks), maps.Clone(s.durable)
}

// Maintain implements store.Store: there is nothing to do.
func (s *Store) Maintain(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// DropBefore implements store.Store, row by row.
func (s *Store) DropBefore(ctx context.Context, name string, ticks int64) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	def, ok := s.state.defs[name]
	if !ok {
		return fault.New(fault.NotFound, "there is no table %q", name)
	}
	if def.Time == "" {
		return nil
	}
	at := def.Columns.Index(def.Time)
	s.each(name, func(b *table.Batch) *table.Batch {
		col := &b.Cols[at]
		return keep(b, func(r int) bool { return col.IsNull(r) || col.N[r] >= ticks })
	})
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.state.rows = nil
	return nil
}

// Snapshot implements store.Store.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return &snapshot{store: s, state: s.state}, nil
}

type snapshot struct {
	store  *Store
	state  state
	mu     sync.Mutex
	closed bool
}

func (s *snapshot) Def(name string) (table.Def, bool) { d, ok := s.state.defs[name]; return d, ok }
func (s *snapshot) Tables() []string                  { return slices.Sorted(maps.Keys(s.state.defs)) }

func (s *snapshot) Stats(name string) store.Stats {
	def := s.state.defs[name]
	out := store.Stats{Min: table.MaxDateTime, Max: -1}
	at := def.Columns.Index(def.Time)
	for _, b := range s.state.rows[name] {
		out.Rows += int64(b.Rows)
		out.Bytes += b.Bytes()
		for r := range b.Rows {
			if at >= 0 && !b.Cols[at].IsNull(r) {
				out.Min, out.Max = min(out.Min, b.Cols[at].N[r]), max(out.Max, b.Cols[at].N[r])
			} else {
				out.Undated++
			}
		}
	}
	return out
}

func (s *snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// usable is what a snapshot or reader answers after one of its owners closed.
func (s *snapshot) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.store.mu.Lock()
	closed := s.store.closed
	s.store.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if closed || s.closed {
		return store.ErrClosed
	}
	return nil
}

// Scan prunes nothing: rows that From, To and Equal exclude come too.
func (s *snapshot) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	def, ok := s.state.defs[scan.Table]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no table %q", scan.Table)
	}
	phys := def.Physical()
	r := &reader{store: s.store, ctx: ctx, batches: s.state.rows[scan.Table], schema: table.Schema{}}
	for _, name := range scan.Columns {
		c := phys.Index(name)
		if c < 0 {
			return nil, fault.New(fault.NotFound, "table %q has no column %q", scan.Table, name)
		}
		r.cols = append(r.cols, c)
		r.schema = append(r.schema, phys[c])
	}
	return r, nil
}

type reader struct {
	store   *Store
	ctx     context.Context
	schema  table.Schema
	cols    []int
	mu      sync.Mutex
	batches []*table.Batch
	at      int // row of the first batch
}

func (r *reader) Schema() table.Schema { return r.schema }

func (r *reader) Next(ctx context.Context) (*table.Batch, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := context.Cause(r.ctx); err != nil {
		return nil, err
	}
	r.store.mu.Lock()
	closed := r.store.closed
	r.store.mu.Unlock()
	if closed {
		return nil, store.ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.batches) > 0 {
		b := r.batches[0]
		if r.at >= b.Rows {
			r.batches, r.at = r.batches[1:], 0
			continue
		}
		part := b.Slice(r.at, min(r.at+table.BatchRows, b.Rows))
		r.at += part.Rows
		out := &table.Batch{Schema: r.schema, Cols: make([]table.Vector, len(r.cols)), Rows: part.Rows}
		for i, c := range r.cols {
			out.Cols[i] = part.Cols[c]
		}
		return out, nil
	}
	return nil, nil
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = nil
	return nil
}
