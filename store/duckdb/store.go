// Package duckdb keeps the tables of a tenant in DuckDB files. DESIGN.md beside
// this file says how it works and what has bitten us.
package duckdb

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// Options of a store. The zero value is good for a server.
type Options struct {
	// FlushBytes of rows in memory start a flush (default 96 MB). With twice as
	// many in memory Append waits.
	FlushBytes int64
	// FlushAge writes rows out after that time even when they are few (default
	// five minutes; negative: never). It bounds what a restart must load again.
	FlushAge time.Duration
	// QueryMemory bounds each running query (default 256 MB) and Queries how many
	// run at a time (default twice the processors, at least four).
	QueryMemory int64
	Queries     int
	// WriterMemory bounds each of the two instances that write files (default 256 MB).
	WriterMemory int64
	// OnError hears of background work that failed; it is tried again. The next
	// Append that must wait for it fails with the same error.
	OnError func(error)

	// reach is called at the steps of a write; a test may die there.
	reach func(step string)
}

func (o *Options) ensureDefaults() {
	def := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&o.FlushBytes, 96<<20)
	def(&o.QueryMemory, 256<<20)
	def(&o.WriterMemory, 256<<20)
	if o.FlushAge == 0 {
		o.FlushAge = 5 * time.Minute
	}
	if o.Queries <= 0 {
		o.Queries = defaultParallel()
	}
	if o.reach == nil {
		o.reach = func(string) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
}

// Store is a store.Store whose snapshots answer SQL.
type Store struct {
	dir   string
	opts  Options
	lock  *os.File
	pool  *queryPool
	views headViews

	quit chan struct{}
	done chan struct{} // the flusher has stopped
	wake chan struct{} // tells it that there is enough to flush

	background sync.WaitGroup

	merging sync.Mutex // one merge at a time, held before work
	work    sync.Mutex // one change of the list of segments at a time

	mu        sync.Mutex
	closed    bool
	state     *state
	durable   store.Marks
	man       *manifest // as on disk; changed under work
	nextFile  int64
	versions  map[string][]*tableDef
	flushErr  error
	drained   chan struct{} // closed when a flush has ended
	snapshots map[*snapshot]bool
}

// state is what a snapshot sees. It never changes; each step makes a new one.
type state struct {
	load  uint64 // number of the last load in it
	defs  map[string]*tableDef
	head  map[string][]*headBatch // in the order of loads
	segs  map[string][]*segment
	set   *fileSet
	marks store.Marks
	bytes int64 // of head
	// dead are places that loads superseded outside of the head, for the
	// next commit to keep.
	dead []deadPlace
}

type deadPlace struct {
	store.Place
	load uint64
}

// Open the store in a folder, which is made when it is not there. Files of a
// commit that did not end are removed.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	opts.ensureDefaults()
	if v := capi.VectorSize(); v != vectorSize {
		return nil, fault.New(fault.Internal, "this DuckDB has chunks of %d rows instead of %d", v, vectorSize)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the folder of the tables: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts, lock: lock, quit: make(chan struct{}), done: make(chan struct{}),
		wake: make(chan struct{}, 1), drained: make(chan struct{}), snapshots: map[*snapshot]bool{}}
	if err := s.load(ctx); err != nil {
		lock.Close()
		return nil, err
	}
	s.pool = newQueryPool(dir, &s.views, opts.QueryMemory, opts.Queries)
	go s.flusher()
	return s, nil
}

// load what the manifest lists.
func (s *Store) load(ctx context.Context) error {
	man, err := loadManifest(s.dir)
	if err != nil {
		return err
	}
	if man == nil {
		if man, err = rebuildManifest(ctx, s.dir); err != nil {
			return err
		}
	}
	s.man = man
	s.nextFile = man.NextFile
	s.durable = unpackMarks(man.Marks)
	s.versions = map[string][]*tableDef{}
	st := &state{defs: map[string]*tableDef{}, head: map[string][]*headBatch{}, segs: map[string][]*segment{}, marks: maps.Clone(s.durable)}
	for _, t := range man.Tables {
		for _, v := range t.Versions {
			d := newTableDef(v.Def, v.Version)
			s.versions[d.Name] = append(s.versions[d.Name], d)
			st.defs[d.Name] = d
		}
	}
	files := map[int64]*segmentFile{}
	for _, m := range man.Files {
		f, err := openSegmentFile(s.dir, m)
		if err != nil {
			return err
		}
		files[f.id] = f
		for _, sm := range m.Segments {
			def := s.version(sm.Table, sm.Version)
			if def == nil {
				return fault.New(fault.Damaged, "the list of segments in %s names version %d of table %q and does not have it", s.dir, sm.Version, sm.Table)
			}
			st.segs[sm.Table] = append(st.segs[sm.Table], newSegment(f, def, sm))
		}
	}
	st.set = newFileSet(files)
	s.state = st
	return removeGarbage(s.dir, files)
}

func (s *Store) version(name string, n int) *tableDef {
	for _, d := range s.versions[name] {
		if d.version == n {
			return d
		}
	}
	return nil
}

func openSegmentFile(dir string, m fileMeta) (*segmentFile, error) {
	f := &segmentFile{id: m.ID, path: segmentPath(dir, m.ID), bytes: m.Bytes, meta: m}
	st, err := os.Stat(f.path)
	if err != nil {
		return nil, fault.New(fault.Damaged, "segment %s is listed and cannot be read; put it back, or move %s away to go on without it: %w", f.path, filepath.Join(dir, manifestName), err)
	}
	if st.Size() != m.Bytes {
		return nil, fault.New(fault.Damaged, "segment %s has %d bytes instead of %d", f.path, st.Size(), m.Bytes)
	}
	// Without its index the rows are found by reading more; Maintain makes it anew.
	if x, err := openIndex(indexPath(dir, m.ID), kindIDs); err == nil {
		f.index.Store(x)
	}
	if x, err := openIndex(termsPath(dir, m.ID), kindTerms); err == nil {
		f.terms.Store(x)
	}
	if x, err := openIndex(rowsPath(dir, m.ID), kindRows); err == nil {
		f.rows.Store(x)
	}
	return f, nil
}

// removeGarbage removes what a commit left that did not end.
func removeGarbage(dir string, files map[int64]*segmentFile) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var id int64
		var ext string
		n, _ := fmt.Sscanf(e.Name(), "%012d.%s", &id, &ext)
		if n == 2 && (files[id] == nil || ext != "seg" && ext != "idx" && ext != "trm" && ext != "row") || e.Name() == manifestName+".new" {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fault.New(fault.Unavailable, "cannot remove a file that an interrupted write left: %w", err)
			}
		}
	}
	return nil
}

// clone is a state to be changed before it is seen.
func (st *state) clone() *state {
	out := *st
	out.head = maps.Clone(st.head)
	return &out
}

// Define implements store.Store. The definition is durable when it returns.
func (s *Store) Define(ctx context.Context, def table.Def) error {
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	old := s.state.defs[def.Name]
	version := 1
	if old == nil {
		if err := store.Check(def); err != nil {
			return err
		}
	} else {
		changed, err := store.Widen(old.Def, def)
		if err != nil || !changed {
			return err
		}
		version = old.version + 1
	}
	d := newTableDef(cloneDef(def), version)
	man := *s.man
	man.Tables = slices.Clone(man.Tables)
	i := slices.IndexFunc(man.Tables, func(t manifestTable) bool { return t.Versions[0].Def.Name == def.Name })
	if i < 0 {
		i = len(man.Tables)
		man.Tables = append(man.Tables, manifestTable{})
	}
	man.Tables[i].Versions = append(slices.Clip(man.Tables[i].Versions), defVersion{version, d.Def})
	man.NextFile = s.nextFile
	if err := man.save(s.dir); err != nil {
		return fault.New(fault.Unavailable, "cannot save the definition of table %q: %w", def.Name, err)
	}
	s.man = &man
	s.versions[def.Name] = append(s.versions[def.Name], d)
	st := s.state.clone()
	st.defs = maps.Clone(st.defs)
	st.defs[def.Name] = d
	if list := st.head[def.Name]; len(list) > 0 {
		adapted := make([]*headBatch, len(list))
		for j, b := range list {
			adapted[j] = b.adapted(d)
			st.bytes += adapted[j].bytes - b.bytes
		}
		st.head[def.Name] = adapted
	}
	s.state = st
	return nil
}

func cloneDef(d table.Def) table.Def {
	d.Columns, d.Promoted = slices.Clone(d.Columns), slices.Clone(d.Promoted)
	d.IDs, d.Text = slices.Clone(d.IDs), slices.Clone(d.Text)
	return d
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, load store.Load) error {
	if err := s.room(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defs := s.state.defs
	s.mu.Unlock()
	batches := make([]*headBatch, 0, len(load.Tables))
	for _, t := range load.Tables {
		def := defs[t.Table]
		if def == nil {
			return fault.New(fault.NotFound, "there is no table %q to append to", t.Table)
		}
		if err := store.CheckRows(&def.Def, t.Rows); err != nil {
			return err
		}
		if t.Rows.Rows > 0 {
			batches = append(batches, newHeadBatch(def, 0, t.Rows))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	st := s.state.clone()
	st.load++
	for _, b := range batches {
		if def := st.defs[b.def.Name]; def != b.def {
			b = b.adapted(def)
		}
		b.load = st.load
		st.head[b.def.Name] = append(st.head[b.def.Name], b)
		st.bytes += b.bytes
	}
	if len(load.Superseded) > 0 {
		st.supersede(load.Superseded)
	}
	if len(load.Marks) > 0 {
		st.marks = maps.Clone(st.marks)
		for tp, o := range load.Marks {
			st.marks[tp] = max(o, st.marks[tp])
		}
	}
	s.state = st
	if st.bytes >= s.opts.FlushBytes {
		s.wakeFlusher()
	}
	return nil
}

// room waits until rows in memory are few enough.
func (s *Store) room(ctx context.Context) error {
	for {
		s.mu.Lock()
		closed, full, err, drained := s.closed, s.state.bytes >= 2*s.opts.FlushBytes, s.flushErr, s.drained
		s.mu.Unlock()
		switch {
		case closed:
			return store.ErrClosed
		case !full:
			return ctx.Err()
		case err != nil:
			s.wakeFlusher()
			return fault.New(fault.Unavailable, "rows in memory cannot be written out: %w", err)
		}
		s.wakeFlusher()
		select {
		case <-drained:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.quit:
			return store.ErrClosed
		}
	}
}

// supersede hides rows. Those in memory are found at once; a place that may lie
// in a segment is noted there.
func (st *state) supersede(places []store.Place) {
	gone := map[*headBatch]map[int32]bool{}
	segs := map[*segment][]store.Place{}
next:
	for _, p := range places {
		for _, list := range st.head {
			for _, b := range list {
				if r, ok := b.find(p); ok {
					if gone[b] == nil {
						gone[b] = map[int32]bool{}
					}
					gone[b][r] = true
					continue next
				}
			}
		}
		hit := false
		for _, list := range st.segs {
			for _, seg := range list {
				if seg.mayHave(p) && !slices.Contains(seg.dead, p) {
					segs[seg] = append(segs[seg], p)
					hit = true
				}
			}
		}
		if hit {
			st.dead = append(slices.Clip(st.dead), deadPlace{p, st.load})
		}
	}
	if len(gone) > 0 {
		for name, list := range st.head {
			changed := slices.Clone(list)
			for i, b := range list {
				if g := gone[b]; g != nil {
					changed[i] = b.without(g)
				}
			}
			st.head[name] = changed
		}
	}
	if len(segs) > 0 {
		st.segs = mapSegments(st.segs, func(seg *segment) *segment {
			if more := segs[seg]; more != nil {
				out := *seg
				out.dead = append(slices.Clip(seg.dead), more...)
				return &out
			}
			return seg
		})
	}
}

// mapSegments is the lists with f of each segment; nil drops it.
func mapSegments(segs map[string][]*segment, f func(*segment) *segment) map[string][]*segment {
	out := make(map[string][]*segment, len(segs))
	for name, list := range segs {
		l := make([]*segment, 0, len(list))
		for _, seg := range list {
			if x := f(seg); x != nil {
				l = append(l, x)
			}
		}
		out[name] = l
	}
	return out
}

// Marks implements store.Store.
func (s *Store) Marks() (visible, durable store.Marks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.state.marks), maps.Clone(s.durable)
}

// Snapshot implements store.Store. The snapshot is a store.SQLSnapshot.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	s.state.set.retain()
	snap := &snapshot{store: s, state: s.state, readers: map[*reader]bool{}}
	s.snapshots[snap] = true
	return snap, nil
}

// Close implements store.Store. Open readers end with store.ErrClosed. It does
// not flush: what was not flushed is read from the log again.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := slices.Collect(maps.Keys(s.snapshots))
	s.mu.Unlock()
	close(s.quit)
	for _, snap := range open {
		snap.abort()
	}
	<-s.done
	s.work.Lock()
	defer s.work.Unlock()
	s.background.Wait()
	s.pool.close()
	s.state.set.release(s.drop)
	return s.lock.Close()
}

// drop a file that nobody can see any more.
func (s *Store) drop(f *segmentFile) {
	s.pool.detachGone()
	f.remove()
}
