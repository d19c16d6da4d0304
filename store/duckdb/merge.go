package duckdb

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

const (
	// mergeCount flushed segments of one day are merged even while the day runs.
	mergeCount = 8
	// smallCount segments of past days with fewer than smallSegment rows are merged
	// while their month runs.
	smallCount   = 4
	smallSegment = 2 * blockRows
	// A file is hollow when no more than one row in so many is left in it.
	hollowShare = 4
	// maxMergeRows is the largest segment that a merge makes of smaller ones. The
	// engine keeps what it knows of each column of each row group in memory while it
	// reads and writes: five million sign-ins at once did not fit.
	maxMergeRows = 1_000_000
	// A segment takes part in a merge while it has less than so many times the
	// rows of all smaller ones together: a row is written a few times at most.
	mergeRatio = 4
	// Days are merged into a month this long after it ended.
	monthAge = 7 * table.TicksPerDay
	// A segment is written anew without its superseded rows when they are many.
	maxDead      = 2000
	maxDeadShare = 20 // one in
)

// mergePlan takes segments of one table out of the list and puts others in their
// place, cut by month where byMonth is set.
type mergePlan struct {
	def     *tableDef
	inputs  []*segment
	byMonth bool
}

// output of a merge: rows with a time in [from, to); to 0 is all.
type output struct{ from, to int64 }

// Maintain implements store.Store. Loading and reading go on meanwhile.
func (s *Store) Maintain(ctx context.Context) error {
	s.merging.Lock()
	defer s.merging.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		st, closed := s.state, s.closed
		if !closed {
			st.set.retain()
		}
		s.mu.Unlock()
		if closed {
			return store.ErrClosed
		}
		plan := planMerge(st)
		var err error
		if plan != nil {
			err = s.merge(ctx, st, plan)
		}
		st.set.release(s.drop)
		if plan == nil {
			return s.sweep(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// planMerge finds something to merge; nil when there is nothing.
func planMerge(st *state) *mergePlan {
	names := make([]string, 0, len(st.segs))
	for name := range st.segs {
		names = append(names, name)
	}
	slices.Sort(names)
	pending := map[store.Place]bool{}
	for _, d := range st.dead {
		pending[d.Place] = true
	}
	for _, name := range names {
		if p := planTable(st.segs[name], pending); p != nil {
			p.def = st.defs[name]
			slices.SortStableFunc(p.inputs, func(a, b *segment) int { return cmp.Compare(a.span.Min, b.span.Min) })
			return p
		}
	}
	// What is left in files that were mostly merged moves out of them.
	live := map[*segmentFile]int64{}
	for _, list := range st.segs {
		for _, seg := range list {
			live[seg.file] += seg.rows
		}
	}
	for _, name := range names {
		groups := map[int64][]*segment{}
		for _, seg := range st.segs[name] {
			if live[seg.file]*hollowShare > seg.file.meta.Rows {
				continue
			}
			first, _ := seg.days()
			if first != undatedDay {
				first = monthOf(first)
			}
			groups[first] = append(groups[first], seg)
		}
		for _, in := range groups {
			return &mergePlan{def: st.defs[name], inputs: in}
		}
	}
	return nil
}

func planTable(segs []*segment, pending map[store.Place]bool) *mergePlan {
	var mixed, undated []*segment
	days, months := map[int64][]*segment{}, map[int64][]*segment{}
	newest := int64(0)
	for _, seg := range segs {
		n := int64(0)
		for _, p := range seg.dead {
			if !pending[p] {
				n++
			}
		}
		if n >= maxDead || n > 0 && n*maxDeadShare >= seg.rows {
			return &mergePlan{inputs: []*segment{seg}}
		}
		first, last := seg.days()
		switch {
		case first == undatedDay || last == undatedDay:
			undated = append(undated, seg)
			continue
		case first == last:
			days[first] = append(days[first], seg)
		case seg.level == 0:
			mixed = append(mixed, seg)
			continue
		}
		newest = max(newest, seg.span.Max)
		if m := monthOf(first); m == monthOf(last) {
			months[m] = append(months[m], seg)
		}
	}
	if len(mixed) > 0 {
		return &mergePlan{inputs: mixed[:within(mixed, maxMergeRows)], byMonth: true}
	}
	if in := tail(undated, mergeCount); in != nil {
		return &mergePlan{inputs: in}
	}
	for day, list := range days {
		atLeast := mergeCount
		if newest >= (day+2)*table.TicksPerDay {
			atLeast = 2
		}
		if in := tail(list, atLeast); in != nil {
			return &mergePlan{inputs: in}
		}
	}
	for month, list := range months {
		// Few rows need no file for each day: DuckDB reads them in one step anyway.
		var small []*segment
		for _, seg := range list {
			if _, last := seg.days(); seg.rows < smallSegment && newest >= (last+1)*table.TicksPerDay {
				small = append(small, seg)
			}
		}
		if in := tail(small, smallCount); in != nil {
			return &mergePlan{inputs: in}
		}
		if newest >= monthStart(month+1)+monthAge {
			if in := tail(list, 2); in != nil {
				return &mergePlan{inputs: in}
			}
		}
	}
	return nil
}

// within is how many of the first segments have no more than so many rows together; at
// least one.
func within(segs []*segment, most int64) int {
	rows := int64(0)
	for i, seg := range segs {
		if rows += seg.rows; rows > most && i > 0 {
			return i
		}
	}
	return len(segs)
}

// tail is the smaller segments that are worth merging: up to the largest that has
// not more than mergeRatio times the rows of all smaller ones. nil when they are
// fewer than atLeast.
func tail(segs []*segment, atLeast int) []*segment {
	segs = slices.Clone(segs)
	slices.SortStableFunc(segs, func(a, b *segment) int { return cmp.Compare(a.rows, b.rows) })
	best, rows := 0, int64(0)
	for i, seg := range segs {
		if rows+seg.rows > maxMergeRows {
			break
		}
		if seg.rows <= mergeRatio*rows {
			best = i + 1
		}
		rows += seg.rows
	}
	if best < atLeast {
		return nil
	}
	return segs[:best]
}

// days that the segment lies between; undatedDay for both where a row has none.
func (s *segment) days() (first, last int64) {
	if s.span.Undated > 0 || s.span.Min > s.span.Max {
		return undatedDay, undatedDay
	}
	return plausible(s.span.Min / table.TicksPerDay), plausible(s.span.Max / table.TicksPerDay)
}

// monthOf a day, counted from year 0.
func monthOf(day int64) int64 {
	t := table.TimeOf(day * table.TicksPerDay)
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

func monthStart(month int64) int64 {
	t, _ := table.TicksOf(time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC))
	return t
}

// merge writes the plan's rows into new files and commits them in the place of
// the inputs. st is held by the caller.
func (s *Store) merge(ctx context.Context, st *state, plan *mergePlan) error {
	outs := []output{{}}
	var rows, bytes int64
	for _, seg := range plan.inputs {
		rows += seg.rows
		bytes += seg.bytes()
	}
	if plan.byMonth {
		outs = nil
		lo, hi := int64(1)<<62, int64(0)
		for _, seg := range plan.inputs {
			first, last := seg.days()
			lo, hi = min(lo, monthOf(first)), max(hi, monthOf(last))
		}
		for m := lo; m <= hi; m++ {
			outs = append(outs, output{monthStart(m), monthStart(m + 1)})
		}
	}
	// Rows whose superseding load is not durable stay: a crash brings them back.
	pending, applied := map[store.Place]bool{}, map[store.Place]bool{}
	for _, d := range st.dead {
		pending[d.Place] = true
	}
	for i, seg := range plan.inputs {
		out := *seg
		out.dead = slices.DeleteFunc(slices.Clone(seg.dead), func(p store.Place) bool { return pending[p] })
		for _, p := range out.dead {
			applied[p] = true
		}
		plan.inputs[i] = &out
	}
	replaces := make([]segmentRef, len(plan.inputs))
	in := map[segmentRef]bool{}
	files := map[int64]*segmentFile{}
	for i, seg := range plan.inputs {
		replaces[i] = segmentRef{seg.file.id, plan.def.Name}
		in[replaces[i]] = true
		files[seg.file.id] = seg.file
	}
	w, err := openWriter(2*s.opts.WriterMemory, 1) // flushes go on beside it with their own
	if err != nil {
		return err
	}
	defer w.close()
	for _, f := range files {
		if err := w.exec(fmt.Sprintf("ATTACH %s AS %s (TYPE duckdb, READ_ONLY)", literal(f.path), f.alias())); err != nil {
			return err
		}
	}
	// Files say how many belong together, so it must be known which months have rows.
	outs, err = s.withRows(ctx, w, plan, outs)
	if err != nil {
		return err
	}
	s.mu.Lock()
	man, marks := *s.man, packMarks(s.durable)
	s.mu.Unlock()
	dead := outstanding(st)
	metas := make([]fileMeta, len(outs))
	for i, o := range outs {
		metas[i] = fileMeta{ID: s.newFileID(), Files: len(outs), Flushed: man.Flushed, Merged: man.Merged, Marks: marks, Replaces: replaces, Dead: dead}
		metas[i].Group = metas[0].ID
		err := s.mergeInto(ctx, w, &metas[i], plan, o.from, o.to, rows, bytes)
		if err == nil {
			err = metas[i].measure(s.dir)
		}
		s.opts.reach("merged file")
		if err != nil {
			s.abandon(metas[:i+1])
			return fmt.Errorf("cannot merge %d segments of table %q: %w", len(plan.inputs), plan.def.Name, err)
		}
	}
	if err := syncDir(s.dir); err != nil {
		s.abandon(metas)
		return err
	}
	s.work.Lock()
	defer s.work.Unlock()
	man = *s.man
	if len(metas) > 0 {
		man.Merged = metas[0].ID
	}
	return s.commit(&man, metas, func(seg *segment) bool {
		return in[segmentRef{seg.file.id, seg.def.Name}]
	}, applied, nil, st, nil)
}

// outstanding are the superseded rows that are still in segments, as far as
// their loads are durable.
func outstanding(st *state) []place {
	skip := map[store.Place]bool{}
	for _, d := range st.dead {
		skip[d.Place] = true
	}
	var out []place
	for _, list := range st.segs {
		for _, seg := range list {
			for _, p := range seg.dead {
				if !skip[p] {
					skip[p] = true
					out = append(out, packPlace(p))
				}
			}
		}
	}
	return out
}

// newFileID is a number that no file had.
func (s *Store) newFileID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.nextFile
	s.nextFile++
	return id
}

// rowsOf the plan's inputs that an output takes, as SQL; cell says what is
// selected of each segment.
func (p *mergePlan) rowsOf(o output, cell func(seg *segment) string) string {
	var b strings.Builder
	for i, seg := range p.inputs {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&b, "SELECT %s FROM %s.%s", cell(seg), seg.file.alias(), seg.name)
		var where []string
		if len(seg.dead) > 0 {
			where = append(where, seg.notDead())
		}
		if o.to != 0 {
			where = append(where, fmt.Sprintf("%[1]s >= %[2]d AND %[1]s < %[3]d", physName(seg.def.time), o.from, o.to))
		}
		if len(where) > 0 {
			b.WriteString(" WHERE " + strings.Join(where, " AND "))
		}
	}
	return b.String()
}

// withRows are the outputs that get any.
func (s *Store) withRows(ctx context.Context, w *writer, plan *mergePlan, outs []output) ([]output, error) {
	var some []output
	for _, o := range outs {
		sql := "SELECT count(*) FROM (" + plan.rowsOf(o, func(*segment) string { return "1" }) + ")"
		err := w.each(ctx, sql, table.Schema{{Name: "n", Type: table.Long}}, func(b *table.Batch) error {
			if b.Cols[0].N[0] > 0 {
				some = append(some, o)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return some, nil
}

// mergeInto writes one file.
func (s *Store) mergeInto(ctx context.Context, w *writer, meta *fileMeta, plan *mergePlan, from, to, rows, bytes int64) (err error) {
	path := segmentPath(s.dir, meta.ID)
	var idx indexBuilder
	const inflated = 16 // uncompressed bytes for one on disk, about
	if err := w.exec(attachOut(path, rows, inflated*bytes/max(rows, 1))); err != nil {
		return err
	}
	defer func() {
		if e := w.exec("DETACH out"); err == nil {
			err = e
		}
	}()
	def := plan.def
	if err := w.exec("BEGIN; " + createTable(def, "t0")); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.exec("ROLLBACK") // after some errors there is nothing to roll back
		}
	}()
	all := make([]int, len(def.phys))
	for i := range all {
		all[i] = i
	}
	sql := plan.rowsOf(output{from, to}, func(seg *segment) string {
		cells := make([]string, len(all))
		for c := range all {
			if seg.def == def {
				cells[c] = physName(c)
			} else {
				cells[c] = seg.cell(def, c, all)
			}
		}
		return strings.Join(cells, ", ")
	})
	stop := w.watch(ctx)
	err = w.insert("t0", sql)
	stop()
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	m, err := s.describe(ctx, w, def)
	if err != nil {
		return err
	}
	m.Level = 1
	meta.Segments, meta.Rows = []segmentMeta{m}, m.Rows
	if err := idx.stored(ctx, w, "out."+m.Name, m.Name, def); err != nil {
		return err
	}
	if meta.Index, err = idx.save(indexPath(s.dir, meta.ID)); err != nil {
		return err
	}
	if err := writeMeta(w, meta); err != nil {
		return err
	}
	return w.exec("COMMIT; CHECKPOINT out")
}

// describe the rows of out.t0.
func (s *Store) describe(ctx context.Context, w *writer, def *tableDef) (segmentMeta, error) {
	m := segmentMeta{Table: def.Name, Name: "t0", Version: def.version, Def: &def.Def}
	timeCol := "CAST(NULL AS BIGINT)"
	if def.time >= 0 {
		timeCol = physName(def.time)
	}
	sp := emptySpan
	long := func(names ...string) (out table.Schema) {
		for _, n := range names {
			out = append(out, table.Column{Name: n, Type: table.Long})
		}
		return out
	}
	err := w.each(ctx, fmt.Sprintf("SELECT count(*), count(%s), min(%[1]s), max(%[1]s) FROM out.t0", timeCol), long("n", "dated", "min", "max"), func(b *table.Batch) error {
		m.Rows = b.Cols[0].N[0]
		sp.Undated = m.Rows - b.Cols[1].N[0]
		if b.Cols[1].N[0] > 0 {
			sp.Min, sp.Max = b.Cols[2].N[0], b.Cols[3].N[0]
		}
		return nil
	})
	if err != nil {
		return m, err
	}
	m.Min, m.Max, m.Undated = sp.Min, sp.Max, sp.Undated
	topic, partition, offset := physName(def.hidden(table.HiddenTopic)), physName(def.hidden(table.HiddenPartition)), physName(def.hidden(table.HiddenOffset))
	err = w.each(ctx, fmt.Sprintf("SELECT %s, %s, min(%[3]s), max(%[3]s) FROM out.t0 GROUP BY ALL ORDER BY ALL", topic, partition, offset),
		append(table.Schema{{Name: "t", Type: table.String}}, long("p", "min", "max")...), func(b *table.Batch) error {
			for i := range b.Rows {
				m.Places = append(m.Places, placesMeta{b.Cols[0].S[i], int32(b.Cols[1].N[i]), b.Cols[2].N[i], b.Cols[3].N[i]})
			}
			return nil
		})
	return m, err
}

// stored adds the rows of a segment that lies in an attached file.
func (x *indexBuilder) stored(ctx context.Context, w *writer, from, segment string, def *tableDef) error {
	x.begin(segment, def)
	cols := []int{def.hidden(table.HiddenOdd), def.hidden(table.HiddenTopic), def.hidden(table.HiddenPartition), def.hidden(table.HiddenOffset), def.hidden(table.HiddenIndex)}
	fixed := len(cols)
	for _, name := range x.cur.Columns {
		cols = append(cols, def.phys.Index(name))
	}
	err := w.inOrder(ctx, from, def, cols, func(b *table.Batch) error {
		for r := range b.Rows {
			x.row(b.Cols[0].N[r] != 0)
			x.key(placeKey(store.Place{
				TopicPartition: store.TopicPartition{Topic: b.Cols[1].S[r], Partition: int32(b.Cols[2].N[r])},
				Offset:         b.Cols[3].N[r], Index: int32(b.Cols[4].N[r]),
			}))
			for i := fixed; i < len(cols); i++ {
				if def.kinds[cols[i]] != kindTextList {
					x.value(b.Cols[i].S[r])
					continue
				}
				list, _ := listCell(&b.Cols[i], r)
				for _, e := range list {
					s, _ := e.(string)
					x.value(s)
				}
			}
		}
		return nil
	})
	x.end()
	return err
}

// sweep does what is left when nothing is to be merged: it makes indexes of values
// that are missing or damaged, and indexes of terms and of rows for files that will stay
// for a while.
func (s *Store) sweep(ctx context.Context) error {
	s.mu.Lock()
	st := s.state
	st.set.retain()
	s.mu.Unlock()
	defer st.set.release(s.drop)
	for _, f := range st.set.files {
		if f.index.Load() == nil && f.meta.Index > 0 {
			if err := s.reindex(ctx, f, st); err != nil {
				return err
			}
		}
		if f.terms.Load() == nil && wantsTerms(f) {
			if err := s.indexTerms(ctx, f, st); err != nil {
				return err
			}
		}
		if f.rows.Load() == nil && wantsRows(f) {
			if err := s.indexRows(ctx, f, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// reindex makes the sidecar of a file.
func (s *Store) reindex(ctx context.Context, f *segmentFile, st *state) error {
	return s.makeIndex(ctx, f, st, indexPath(s.dir, f.id), kindIDs, &f.index, (*indexBuilder).stored)
}

// makeIndex makes a sidecar of a file; collect adds a segment that lies in an
// attached file.
func (s *Store) makeIndex(ctx context.Context, f *segmentFile, st *state, path, kind string, to *atomic.Pointer[index],
	collect func(x *indexBuilder, ctx context.Context, w *writer, from, segment string, def *tableDef) error) error {
	w, err := openWriter(s.opts.WriterMemory, 1)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.exec(fmt.Sprintf("ATTACH %s AS %s (TYPE duckdb, READ_ONLY)", literal(f.path), f.alias())); err != nil {
		return err
	}
	var idx indexBuilder
	for _, list := range st.segs {
		for _, seg := range list {
			if seg.file == f {
				if err := collect(&idx, ctx, w, f.alias()+"."+seg.name, seg.name, seg.def); err != nil {
					return err
				}
			}
		}
	}
	if _, err := idx.save(path + ".new"); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	x, err := openIndex(path, kind)
	if err != nil {
		return err
	}
	to.Store(x)
	return nil
}

// DropBefore implements store.Store, by whole segments.
func (s *Store) DropBefore(ctx context.Context, name string, ticks int64) error {
	s.merging.Lock()
	defer s.merging.Unlock()
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	st, closed := s.state, s.closed
	s.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	if st.defs[name] == nil {
		return fault.New(fault.NotFound, "there is no table %q", name)
	}
	old := func(seg *segment) bool {
		return seg.def.Name == name && seg.span.Undated == 0 && seg.span.Min <= seg.span.Max && seg.span.Max < ticks
	}
	if !slices.ContainsFunc(st.segs[name], old) {
		return nil
	}
	man := *s.man
	return s.commit(&man, nil, old, nil, nil, st, nil)
}

var _ store.Store = (*Store)(nil)
