package duckdb

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// undatedDay stands for rows without a time, or with one that cannot be meant.
// Such rows lie in segments of their own, so that they spoil no day's range.
const undatedDay = -1

var firstDay, lastDay = day(2000), day(2100)

func day(year int) int64 {
	t, _ := table.TicksOf(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
	return t / table.TicksPerDay
}

// dayOf row r.
func (b *headBatch) dayOf(r int) int64 {
	if b.def.time < 0 || b.rows.Cols[b.def.time].IsNull(r) {
		return undatedDay
	}
	return plausible(b.rows.Cols[b.def.time].N[r] / table.TicksPerDay)
}

func plausible(day int64) int64 {
	if day < firstDay || day >= lastDay {
		return undatedDay
	}
	return day
}

const (
	// A flush writes at most so many files by day; rows of more days go together
	// into one, which a merge splits.
	maxFlushDays = 8
	// mixedDay stands for such a file.
	mixedDay = -2
	// parallelRows are worth a second file, so that both processors write.
	parallelRows = 8192
	writers      = 2
)

func (s *Store) wakeFlusher() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// flusher writes rows out when there are many or when they are old.
func (s *Store) flusher() {
	defer close(s.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	var aged <-chan time.Time
	if s.opts.FlushAge > 0 {
		tick := time.NewTicker(s.opts.FlushAge)
		defer tick.Stop()
		aged = tick.C
	}
	for {
		select {
		case <-s.quit:
			return
		case <-aged:
		case <-s.wake:
		}
		if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
			s.opts.OnError(err)
		}
	}
}

// Flush implements store.Store.
func (s *Store) Flush(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	err := s.flush(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		s.flushErr = err
	}
	close(s.drained)
	s.drained = make(chan struct{})
	return err
}

// flush writes everything up to the last load; s.work is held.
func (s *Store) flush(ctx context.Context) error {
	s.mu.Lock()
	st, closed := s.state, s.closed
	s.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var dead []place
	for _, d := range st.dead {
		if d.load <= st.load {
			dead = append(dead, packPlace(d.Place))
		}
	}
	groups := group(st.head)
	if len(groups) == 0 && len(dead) == 0 && maps.Equal(st.marks, s.durable) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forget(st)
		return nil
	}
	if len(groups) == 0 && len(dead) > 0 {
		groups = append(groups, nil) // a file without rows keeps them
	}
	man := *s.man
	marks := packMarks(st.marks)
	metas := make([]fileMeta, len(groups))
	for i := range metas {
		metas[i] = fileMeta{ID: s.newFileID(), Files: len(groups), Flushed: man.Flushed, Merged: man.Merged, Marks: marks}
		metas[i].Group = metas[0].ID
	}
	if len(metas) > 0 {
		man.Flushed = metas[0].ID
	}
	if len(metas) > 0 {
		metas[0].Dead = dead
	}
	if err := s.writeFiles(ctx, metas, groups); err != nil {
		s.abandon(metas)
		return err
	}
	return s.commit(&man, metas, nil, nil, func(next *state) {
		next.head = headAfter(next.head, st.load)
		next.bytes = 0
		for _, list := range next.head {
			for _, b := range list {
				next.bytes += b.bytes
			}
		}
		next.dead = deadAfter(next.dead, st.load)
	}, st, marks)
}

func (s *Store) forget(st *state) {
	next := s.state.clone()
	next.head = headAfter(next.head, st.load)
	next.bytes = 0
	for _, list := range next.head {
		for _, b := range list {
			next.bytes += b.bytes
		}
	}
	s.state = next
}

func headAfter(head map[string][]*headBatch, load uint64) map[string][]*headBatch {
	out := map[string][]*headBatch{}
	for name, list := range head {
		for _, b := range list {
			if b.load > load {
				out[name] = append(out[name], b)
			}
		}
	}
	return out
}

func deadAfter(dead []deadPlace, load uint64) []deadPlace {
	var out []deadPlace
	for _, d := range dead {
		if d.load > load {
			out = append(out, d)
		}
	}
	return out
}

// group sorts rows into files by day.
func group(head map[string][]*headBatch) [][]newTable {
	type key struct {
		day  int64
		name string
	}
	parts := map[key][]part{}
	days := map[int64]int{}
	for name, list := range head {
		for _, b := range list {
			if b.count() == 0 {
				continue
			}
			byDay := map[int64][]int32{}
			if first, last := b.span.Min/table.TicksPerDay, b.span.Max/table.TicksPerDay; b.def.time >= 0 && b.span.Undated == 0 && first == last {
				byDay[plausible(first)] = b.alive
				days[plausible(first)] += b.count()
			} else {
				part{batch: b}.each(func(r int) {
					d := b.dayOf(r)
					byDay[d] = append(byDay[d], int32(r))
					days[d]++
				})
			}
			for d, rows := range byDay {
				parts[key{d, name}] = append(parts[key{d, name}], part{b, rows})
			}
		}
	}
	if len(days) > maxFlushDays {
		mixed := map[key][]part{}
		for k, l := range parts {
			if k.day != undatedDay {
				k.day = mixedDay
			}
			mixed[k] = append(mixed[k], l...)
		}
		parts = mixed
	}
	files := map[int64][]newTable{}
	for _, k := range slices.SortedFunc(maps.Keys(parts), func(a, b key) int {
		if a.day != b.day {
			return int(a.day - b.day)
		}
		if a.name < b.name {
			return -1
		}
		return 1
	}) {
		slices.SortStableFunc(parts[k], func(a, b part) int { return int(a.batch.load) - int(b.batch.load) })
		files[k.day] = append(files[k.day], newTable{def: parts[k][0].batch.def, parts: parts[k]})
	}
	var out [][]newTable
	for _, d := range slices.Sorted(maps.Keys(files)) {
		out = append(out, files[d])
	}
	// One large file: two halves are written at once.
	if len(out) == 1 && len(out[0]) > 0 {
		big := 0
		for i := range out[0] {
			if out[0][i].rows() > out[0][big].rows() {
				big = i
			}
		}
		t := out[0][big]
		if t.rows() >= parallelRows {
			a, b := t.halves()
			out[0][big] = a
			out = append(out, []newTable{b})
		}
	}
	return out
}

// halves splits the rows of a segment in two.
func (t *newTable) halves() (a, b newTable) {
	a.def, b.def = t.def, t.def
	half, n := t.rows()/2, 0
	for _, p := range t.parts {
		c := p.count()
		switch {
		case n+c <= half:
			a.parts = append(a.parts, p)
		case n >= half:
			b.parts = append(b.parts, p)
		default:
			var rows []int32
			p.each(func(r int) { rows = append(rows, int32(r)) })
			a.parts = append(a.parts, part{p.batch, rows[:half-n]})
			b.parts = append(b.parts, part{p.batch, rows[half-n:]})
		}
		n += c
	}
	return a, b
}

// writeFiles writes files side by side and fills in their sizes.
func (s *Store) writeFiles(ctx context.Context, metas []fileMeta, groups [][]newTable) error {
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	g.Go(func() error {
		defer close(next)
		for i := range groups {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range min(writers, len(groups)) {
		g.Go(func() error {
			w, err := openWriter(s.opts.WriterMemory, 1)
			if err != nil {
				return err
			}
			defer w.close()
			for i := range next {
				if err := writeFile(ctx, w, s.dir, &metas[i], groups[i], s.opts.reach); err != nil {
					return fmt.Errorf("cannot write segment %d: %w", metas[i].ID, err)
				}
				if err := metas[i].measure(s.dir); err != nil {
					return err
				}
				s.opts.reach("flushed file")
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// abandon files of a commit that failed.
func (s *Store) abandon(metas []fileMeta) {
	for _, m := range metas {
		for _, path := range []string{segmentPath(s.dir, m.ID), segmentPath(s.dir, m.ID) + ".wal", indexPath(s.dir, m.ID)} {
			os.Remove(path)
		}
	}
}

// commit makes new files part of the store and takes away the segments for
// which removed is true, in one step on disk and in memory. change brings the
// rest of the new state about. from is the state that the files were made from:
// rows that were superseded since, or that are dead in the removed segments and
// not in applied, are noted as dead in the new ones. s.work is held.
func (s *Store) commit(man *manifest, metas []fileMeta, removed func(*segment) bool, applied map[store.Place]bool, change func(*state), from *state, marks []mark) error {
	added := map[int64]*segmentFile{}
	for _, m := range metas {
		f, err := openSegmentFile(s.dir, m.listed())
		if err != nil {
			s.abandon(metas)
			return err
		}
		added[f.id] = f
	}

	// Loads go on while the list is saved, so the new state is made twice: once
	// to say what to save, and once from what is then there.
	build := func(cur *state) *state {
		next := cur.clone()
		late := superseded(from, cur)
		carried := outstandingIn(cur, removed, applied)
		next.segs = mapSegments(next.segs, func(seg *segment) *segment {
			if removed != nil && removed(seg) {
				return nil
			}
			return seg
		})
		for _, m := range metas {
			f := added[m.ID]
			for _, sm := range f.meta.Segments {
				seg := newSegment(f, s.version(sm.Table, sm.Version), sm)
				for _, p := range late {
					if seg.mayHave(p.Place) {
						seg.dead = append(seg.dead, p.Place)
					}
				}
				for _, p := range carried {
					if seg.mayHave(p) {
						seg.dead = append(seg.dead, p)
					}
				}
				next.segs[sm.Table] = append(next.segs[sm.Table], seg)
			}
		}
		if change != nil {
			change(next)
		}
		next.dead = append(slices.Clip(next.dead), late...)
		return next
	}
	s.mu.Lock()
	cur := s.state
	s.mu.Unlock()
	next := build(cur)
	files := s.filesOf(next, cur, added)
	man.Files = manifestFiles(next, files)
	s.mu.Lock()
	man.NextFile = s.nextFile
	s.mu.Unlock()
	if marks != nil {
		man.Marks = marks
	}
	s.opts.reach("commit")
	if err := man.save(s.dir); err != nil {
		s.abandon(metas)
		return fault.New(fault.Unavailable, "cannot save the list of segments: %w", err)
	}
	s.opts.reach("committed")

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != cur {
		next = build(s.state)
	}
	next.set = newFileSet(files)
	s.man = man
	if marks != nil {
		s.durable = unpackMarks(marks)
	}
	old := s.state.set
	for _, set := range []map[int64]*segmentFile{old.files, added} {
		for id, f := range set {
			if files[id] == nil {
				f.gone.Store(true)
			}
		}
	}
	for id, f := range added {
		if files[id] == nil {
			f.remove()
		}
	}
	s.state = next
	s.background.Add(1)
	go func() { // not under the lock: the last reference deletes files
		defer s.background.Done()
		old.release(s.drop)
	}()
	return nil
}

// filesOf a new state: those of its segments, and, while any superseded row is
// left, those without segments, which say which are.
func (s *Store) filesOf(next, cur *state, added map[int64]*segmentFile) map[int64]*segmentFile {
	files := map[int64]*segmentFile{}
	dead := false
	for _, list := range next.segs {
		for _, seg := range list {
			files[seg.file.id] = seg.file
			dead = dead || len(seg.dead) > 0
		}
	}
	if !dead {
		return files
	}
	for _, set := range []map[int64]*segmentFile{added, cur.set.files} {
		for id, f := range set {
			if len(f.meta.Segments) == 0 {
				files[id] = f
			}
		}
	}
	return files
}

// superseded are the rows that were there in one state and are dead in a later
// one's head: the files were made with them.
func superseded(from, to *state) []deadPlace {
	var out []deadPlace
	for name, list := range from.head {
		now := map[*headPlaces]*headBatch{}
		for _, b := range to.head[name] {
			now[b.headPlaces] = b
		}
		for _, b := range list {
			n := now[b.headPlaces]
			if n == nil || n.count() == b.count() {
				continue
			}
			alive := map[int32]bool{}
			part{batch: n}.each(func(r int) { alive[int32(r)] = true })
			part{batch: b}.each(func(r int) {
				if !alive[int32(r)] {
					out = append(out, deadPlace{b.place(r), to.load})
				}
			})
		}
	}
	return out
}

// outstandingIn are the dead rows of segments that are taken away, without those
// that are applied.
func outstandingIn(st *state, removed func(*segment) bool, applied map[store.Place]bool) []store.Place {
	var out []store.Place
	for _, list := range st.segs {
		for _, seg := range list {
			if len(seg.dead) > 0 && removed != nil && removed(seg) {
				for _, p := range seg.dead {
					if !applied[p] {
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

// manifestFiles lists the files of a state. Places that are not yet to be kept,
// because the loads that superseded them are not, are left out.
func manifestFiles(st *state, files map[int64]*segmentFile) []fileMeta {
	skip := map[store.Place]bool{}
	for _, d := range st.dead {
		skip[d.Place] = true
	}
	byFile := map[int64][]segmentMeta{}
	for _, name := range slices.Sorted(maps.Keys(st.segs)) {
		for _, seg := range st.segs[name] {
			m := seg.meta()
			m.Dead = slices.DeleteFunc(m.Dead, func(p place) bool { return skip[p.unpack()] })
			byFile[seg.file.id] = append(byFile[seg.file.id], m)
		}
	}
	var out []fileMeta
	for _, id := range slices.Sorted(maps.Keys(files)) {
		m := files[id].meta
		m.Segments = byFile[id]
		out = append(out, m)
	}
	return out
}
