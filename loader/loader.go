// Package loader reads a tenant's log and fills its tables, each record once.
//
// The log is the truth; tables and the identity index are readers of it with
// positions of their own, and neither can be told in one transaction with the
// other. So after a crash loading goes on from the lower position, and what was
// judged before is recognised by its place:
//
//  1. A record whose identity is new, or comes in a fuller form, gets a row; the
//     row of the poorer form is superseded.
//  2. A record whose identity is there in as full a form is a duplicate; its
//     place is noted.
//  3. A record that the index has passed before gets a row again only if the
//     index says that the row is this record's, and the tables lack it.
package loader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/record"
	"sextant/store"
	"sextant/table"
)

// Options of a loader. All fields but Logger are needed.
type Options struct {
	Tenant    string // the directory
	Workspace string // the workspace; what the column TenantId shows
	Log       commitlog.Log
	Store     store.Store
	Index     *Index
	Model     *record.Model
	Logger    *slog.Logger
}

// Loader of one tenant.
type Loader struct {
	o Options

	running map[store.TopicPartition]bool // Run's own

	tables sync.RWMutex // a table is not declared anew while rows are given to the store
	model  atomic.Pointer[record.Model]

	mu      sync.Mutex
	loaded  store.Marks
	changed chan struct{} // closed and replaced when loaded grows
	failed  error
	stats   Stats
}

// Stats since the start.
type Stats struct {
	Records    int64 // rows made
	Duplicates int64 // records that were there already
	Superseded int64 // rows replaced by a fuller form
	Unusable   int64 // in the log of a category, and yet no record
	Untyped    int64 // values of another type than their column
}

// The most that one step takes from a partition: bounds memory, and how long a
// reader waits for the first rows of a large import.
const (
	stepRecords = 20_000
	stepBytes   = 64 << 20
)

// New loader. Define, then Run, start it.
func New(o Options) *Loader {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Loader{o: o, running: map[store.TopicPartition]bool{}, loaded: store.Marks{}, changed: make(chan struct{})}
	l.model.Store(o.Model)
	return l
}

// Declare a custom table, new or with more columns than before. define is given
// the columns that the table has, nil for none, and gives its definition; it keeps
// what it must before it returns. Rows that are on their way get the new form.
func (l *Loader) Declare(ctx context.Context, name string, define func(old table.Schema) (table.Def, error)) error {
	l.tables.Lock()
	defer l.tables.Unlock()
	snap, err := l.o.Store.Snapshot(ctx)
	if err != nil {
		return err
	}
	old, _ := snap.Def(name)
	if err := snap.Close(); err != nil {
		return err
	}
	def, err := define(old.Columns)
	if err != nil {
		return err
	}
	m, err := l.Model().With([]table.Def{def})
	if err != nil {
		return err
	}
	if err := l.o.Store.Define(ctx, def); err != nil {
		return err
	}
	l.model.Store(m)
	return nil
}

// Model that is in use.
func (l *Loader) Model() *record.Model { return l.model.Load() }

// Define makes every table of the model exist; before Run.
func (l *Loader) Define(ctx context.Context) error {
	for _, d := range l.Model().Defs() {
		if err := l.o.Store.Define(ctx, d); err != nil {
			return fmt.Errorf("cannot define table %s: %w", d.Name, err)
		}
	}
	return nil
}

// Run loads until ctx ends, which is no error, or the tables cannot be written.
func (l *Loader) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	watch := l.o.Log.Watch()
	defer watch.Close()
	for {
		grown, err := watch.Next(ctx)
		if err != nil {
			wg.Wait()
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				err = cause
			} else if ctx.Err() != nil {
				return nil
			}
			return l.fail(err)
		}
		for _, g := range grown {
			tp := store.TopicPartition{Topic: g.Topic, Partition: g.Partition}
			if l.running[tp] || g.Topic == record.DeadLetterTopic {
				continue
			}
			l.running[tp] = true
			wg.Go(func() {
				if err := l.follow(ctx, tp); err != nil && ctx.Err() == nil {
					stop(fmt.Errorf("cannot load %s/%d: %w", tp.Topic, tp.Partition, err))
				}
			})
		}
	}
}

func (l *Loader) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return err
}

// follow one partition for as long as ctx lasts.
func (l *Loader) follow(ctx context.Context, tp store.TopicPartition) error {
	_, durable := l.o.Store.Marks()
	inStore, inIndex := durable[tp], l.o.Index.Marks()[tp]
	from := min(inStore, inIndex)
	s := &step{l: l, tp: tp, inStore: inStore, inIndex: inIndex,
		unknown: map[string]bool{}, defined: map[string]bool{}}
	for {
		err := l.read(ctx, s, from)
		// What the log no longer has, by retention or by damage, is passed over:
		// loading goes on behind it, and the notice says what is missing.
		var gone *commitlog.OffsetError
		var damaged *commitlog.DamagedError
		switch {
		case errors.As(err, &gone) && gone.Start > from:
			l.o.Logger.Warn("the log no longer holds what was to be loaded", "topic", tp.Topic, "from", from, "to", gone.Start-1)
			from = gone.Start
		case errors.As(err, &damaged) && damaged.Last >= from:
			l.o.Logger.Error("a damaged batch is passed over", "topic", tp.Topic, "from", damaged.Base, "to", damaged.Last, "reason", err)
			from = damaged.Last + 1
		default:
			return err
		}
	}
}

// read loads from an offset on until something is in the way.
func (l *Loader) read(ctx context.Context, s *step, from int64) error {
	reader, err := l.o.Log.Reader(s.tp.Topic, s.tp.Partition, from)
	if err != nil {
		return err
	}
	defer reader.Close()
	l.advance(s.tp, from)
	for {
		batch, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		s.begin()
		for {
			if err := s.add(&batch); err != nil {
				return errors.Join(err, s.update.Discard())
			}
			if s.records >= stepRecords || s.bytes >= stepBytes {
				break
			}
			var more bool
			if batch, more, err = reader.TryNext(ctx); err != nil || !more {
				break // what was read is kept before an error is looked at
			}
		}
		if err := s.commit(ctx); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
}

// step is a stretch of one partition on its way into the tables.
type step struct {
	l                *Loader
	tp               store.TopicPartition
	inStore, inIndex int64 // where the tables and the index stood when we began
	model            *record.Model
	build            *record.Builder
	update           *Update

	superseded []store.Place
	unknown    map[string]bool // categories whose table must be defined first
	defined    map[string]bool
	records    int
	bytes      int64
	next       int64
	stats      Stats
}

func (s *step) begin() {
	if m := s.l.Model(); m != s.model {
		s.model, s.build = m, m.NewBuilder() // between two steps a builder holds no rows
	}
	s.update = s.l.o.Index.Update()
	s.superseded, s.records, s.bytes, s.stats = nil, 0, 0, Stats{}
}

func (s *step) add(b *commitlog.Batch) error {
	for i := range b.Events {
		e := &b.Events[i]
		form, err := record.ParseForm(e.Header(record.FormHeader))
		if err != nil {
			form = record.CSV // of a newer program: any form that we know is fuller
		}
		arrival, _ := table.TicksOf(e.Time)
		src := record.Source{
			Topic: s.tp.Topic, Partition: s.tp.Partition, Offset: e.Offset, Arrival: arrival,
			Form: form, TenantID: s.l.o.Tenant, WorkspaceID: s.l.o.Workspace,
		}
		err = record.SplitEvent(e.Value, func(index int, raw []byte) error {
			src.Index = int32(index)
			return s.one(raw, src)
		})
		if fault.KindOf(err) == fault.Invalid {
			s.unusable(src, err)
		} else if err != nil {
			return err
		}
		s.bytes += int64(len(e.Value))
	}
	if b.Bad != nil {
		s.unusable(record.Source{Topic: s.tp.Topic, Offset: b.Base}, b.Bad)
	}
	s.next = b.Last + 1
	return nil
}

func (s *step) one(raw []byte, src record.Source) error {
	s.records++
	id, err := s.build.Identify(raw)
	if err != nil {
		s.unusable(src, err)
		return nil
	}
	place := store.Place{TopicPartition: s.tp, Offset: src.Offset, Index: src.Index}
	verdict, old, err := s.update.Judge(id.Key, src.Form, place, src.Offset < s.inIndex)
	if err != nil {
		return err
	}
	if verdict == Duplicate {
		s.stats.Duplicates++
		return nil
	}
	if src.Offset < s.inStore {
		return nil
	}
	if len(old) > 0 {
		s.superseded = append(s.superseded, old...)
		s.stats.Superseded++
	}
	if err := s.build.Add(raw, &id, src); err != nil {
		s.unusable(src, err)
		return nil
	}
	if !id.Known && !s.defined[id.Category] {
		s.unknown[id.Category] = true
	}
	s.stats.Records++
	return nil
}

// unusable records stay in the log, and are seen in the count and the notice.
func (s *step) unusable(src record.Source, err error) {
	s.stats.Unusable++
	s.l.o.Logger.Warn("a record in the log cannot be loaded", "topic", src.Topic, "offset", src.Offset, "index", src.Index, "reason", err)
}

func (s *step) commit(ctx context.Context) error {
	l := s.l
	load := store.Load{Superseded: s.superseded, Marks: store.Marks{s.tp: s.next}}
	l.tables.RLock()
	defer l.tables.RUnlock()
	now := l.Model()
	for category := range s.unknown {
		def := now.DefFor(category)
		if err := l.o.Store.Define(ctx, def); err != nil {
			return errors.Join(fmt.Errorf("cannot define table %s: %w", def.Name, err), s.update.Discard())
		}
		l.o.Logger.Warn("a category that is not known: its records have a table of their own", "category", category, "table", def.Name)
		s.defined[category] = true
		delete(s.unknown, category)
	}
	for _, r := range s.build.Take() {
		rows := r.Batch
		if def, ok := now.Def(r.Table); ok && now != s.model {
			rows = store.Adapt(rows, &def)
		}
		load.Tables = append(load.Tables, store.TableRows{Table: r.Table, Rows: rows})
	}
	if s.next > s.inStore {
		if err := l.o.Store.Append(ctx, load); err != nil {
			return errors.Join(err, s.update.Discard())
		}
	}
	s.update.Mark(s.tp, s.next)
	if err := s.update.Commit(); err != nil {
		return err
	}
	l.mu.Lock()
	l.stats.Records += s.stats.Records
	l.stats.Duplicates += s.stats.Duplicates
	l.stats.Superseded += s.stats.Superseded
	l.stats.Unusable += s.stats.Unusable
	l.mu.Unlock()
	l.advance(s.tp, s.next)
	return nil
}

func (l *Loader) advance(tp store.TopicPartition, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next > l.loaded[tp] {
		l.loaded[tp] = next
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// Loaded is the first offset of a partition that is not yet in the tables.
func (l *Loader) Loaded(topic string, partition int32) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loaded[store.TopicPartition{Topic: topic, Partition: partition}]
}

// Progress is closed when Loaded has grown, or loading has failed; take it
// before looking.
func (l *Loader) Progress() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Stats so far.
func (l *Loader) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Err is why loading stopped; nil while it goes on.
func (l *Loader) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// CatchUp waits until everything that is in the log now is in the tables.
func (l *Loader) CatchUp(ctx context.Context) error {
	topics, err := l.o.Log.Topics(ctx)
	if err != nil {
		return err
	}
	for {
		progress := l.Progress()
		behind := false
		for _, t := range topics {
			for i, p := range t.Partitions {
				if t.Name != record.DeadLetterTopic && l.Loaded(t.Name, int32(i)) < p.Next {
					behind = true
				}
			}
		}
		if !behind {
			return nil
		}
		if err := l.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-progress:
		case <-time.After(time.Second): // a loader that was never started must not hang its caller for ever
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
}
