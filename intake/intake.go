// Package intake is the one door: every record enters the log through it.
//
// It asks what a record is, which tenant's, and whether it is already there;
// makes events of what is new, as Azure's event hub would carry them; and answers
// when they are on disk. What is no record that we can use goes to a dead-letter
// topic, with the reason.
package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// Limits of an event that we make (DESIGN: as Azure's own exporter).
const (
	eventRecords = 1000
	eventBytes   = 256 << 10
)

// batchBytes of events go to the log at a time: its limit of a batch is 16 MiB
// as it lies there.
const batchBytes = 8 << 20

// Headers of a dead letter.
const (
	ReasonHeader = "sextant-reason"
	WhereHeader  = "sextant-where"
	TenantHeader = "sextant-tenant"
)

// Tenants finds the lane of a tenant, making the tenant when it is new.
type Tenants interface {
	// Lane of a directory. fault.Invalid when the id cannot name a tenant.
	Lane(ctx context.Context, tenant string) (*Lane, error)
	// Unplaced is where dead letters lie that name no tenant.
	Unplaced(ctx context.Context) (*Lane, error)
}

// Identities tells what is already loaded.
type Identities interface {
	Known(keys []record.Key, forms []record.Form) ([]bool, error)
}

// Progress tells how far loading has come.
type Progress interface {
	Loaded(topic string, partition int32) int64
	Progress() <-chan struct{}
	Err() error
}

// Door implements source.Appender.
type Door struct {
	model   *record.Model
	tenants Tenants
	clock   func() time.Time
	refuse  bool // when behind, rather than wait
}

// ErrBehind is what a door made by NoWait answers when the tables are too far
// behind the log. Nothing was taken in; the same records may come again later.
var ErrBehind = fault.New(fault.Unavailable, "the tables are behind the log; send the same again in a second")

// NoWait is the same door for callers that can come again later: where Append
// would wait for the tables to catch up it answers ErrBehind.
func (d *Door) NoWait() *Door {
	c := *d
	c.refuse = true
	return &c
}

// New door. A nil clock is the system's.
func New(model *record.Model, tenants Tenants, clock func() time.Time) *Door {
	if clock == nil {
		clock = time.Now
	}
	return &Door{model: model, tenants: tenants, clock: clock}
}

// item is one record on its way through the door.
type item struct {
	at    int // index in the caller's slice
	in    *source.Incoming
	id    record.Identified
	topic string
}

// Append implements source.Appender. It waits while the tables are too far
// behind the log.
func (d *Door) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	verdicts := make([]source.Verdict, len(recs))
	lanes := map[string][]item{}
	var dead []item
	for i := range recs {
		in := &recs[i]
		it := item{at: i, in: in}
		reason := in.Reason
		if reason == "" {
			id, err := d.model.Identify(in.JSON)
			switch {
			case err != nil:
				reason = err.Error()
			case id.Tenant == "" && in.Tenant == "":
				reason = "the record names no tenant; give --tenant"
			}
			it.id = id
		}
		if reason != "" {
			verdicts[i] = source.Verdict{Outcome: source.DeadLettered, Reason: reason}
			dead = append(dead, it)
			continue
		}
		tenant := it.id.Tenant
		if tenant == "" {
			tenant = strings.ToLower(in.Tenant)
		}
		it.topic = d.model.Topic(it.id.Category)
		lanes[tenant] = append(lanes[tenant], it)
	}
	for tenant, items := range lanes {
		lane, err := d.tenants.Lane(ctx, tenant)
		if fault.KindOf(err) == fault.Invalid {
			for _, it := range items {
				verdicts[it.at] = source.Verdict{Outcome: source.DeadLettered, Reason: err.Error()}
			}
			dead = append(dead, items...)
			continue
		}
		if err != nil {
			return nil, err
		}
		admitted := items[:0]
		for _, it := range items {
			if !it.id.Known {
				ok, err := lane.admit(ctx, it.topic)
				if err != nil {
					return nil, err
				}
				if !ok {
					verdicts[it.at] = source.Verdict{Outcome: source.DeadLettered, Reason: fmt.Sprintf(
						"the category %.100q is not known, and the tenant has %d categories already", it.id.Category, MaxTopics)}
					dead = append(dead, it)
					continue
				}
			}
			admitted = append(admitted, it)
			def := d.model.DefFor(it.id.Category)
			verdicts[it.at] = source.Verdict{Category: it.id.Category, Table: def.Name}
		}
		items = admitted
		if err := lane.append(ctx, items, verdicts, d.clock(), d.refuse); err != nil {
			return nil, err
		}
	}
	if err := d.setAside(ctx, dead, verdicts); err != nil {
		return nil, err
	}
	return verdicts, nil
}

// setAside keeps what is no record, under the tenant that it was given for.
func (d *Door) setAside(ctx context.Context, dead []item, verdicts []source.Verdict) error {
	byLane := map[*Lane][]commitlog.Event{}
	hashes := map[*Lane][]xxh3.Uint128{}
	now := d.clock()
	for _, it := range dead {
		lane, err := d.tenants.Unplaced(ctx)
		if tenant := strings.ToLower(it.in.Tenant); tenant != "" && err == nil {
			if own, e := d.tenants.Lane(ctx, tenant); e == nil {
				lane = own
			}
		}
		if err != nil {
			return err
		}
		hash := xxh3.Hash128(it.in.JSON)
		known, err := lane.setAsideBefore(ctx, hash)
		if err != nil {
			return err
		}
		if known || slices.Contains(hashes[lane], hash) {
			continue // an import that is run again sets nothing aside twice
		}
		hashes[lane] = append(hashes[lane], hash)
		byLane[lane] = append(byLane[lane], commitlog.Event{
			Value: bytes.Clone(it.in.JSON), Time: now,
			Headers: []commitlog.Header{
				{Key: ReasonHeader, Value: []byte(verdicts[it.at].Reason)},
				{Key: WhereHeader, Value: []byte(it.in.Where)},
				{Key: TenantHeader, Value: []byte(it.in.Tenant)},
				{Key: record.FormHeader, Value: []byte(it.in.Form.String())},
			},
		})
	}
	for lane, events := range byLane {
		for _, b := range cutBatches(events) {
			if _, err := lane.log.Append(ctx, record.DeadLetterTopic, b); err != nil {
				return fmt.Errorf("cannot keep what was set aside: %w", err)
			}
		}
		lane.mu.Lock()
		for _, h := range hashes[lane] {
			lane.aside[h] = true
		}
		lane.mu.Unlock()
	}
	return nil
}

// setAsideBefore says whether the same bytes lie among the dead letters. These
// are few, so their hashes are read from the log on first use and kept.
func (l *Lane) setAsideBefore(ctx context.Context, hash xxh3.Uint128) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.aside == nil {
		aside := map[xxh3.Uint128]bool{}
		r, err := l.log.Reader(record.DeadLetterTopic, 0, 0)
		for err == nil {
			var b commitlog.Batch
			var more bool
			if b, more, err = r.TryNext(ctx); err != nil || !more {
				err = errors.Join(err, r.Close())
				break
			}
			for _, e := range b.Events {
				aside[xxh3.Hash128(e.Value)] = true
			}
		}
		if err != nil && !errors.Is(err, commitlog.ErrNoTopic) {
			return false, fmt.Errorf("cannot read what was set aside: %w", err)
		}
		l.aside = aside
	}
	return l.aside[hash], nil
}

// Lane is one tenant's way through the door. It remembers what it has appended
// until the loader knows it, so that a record given twice is in the log once.
type Lane struct {
	log      commitlog.Log
	ids      Identities
	progress Progress

	mu      sync.Mutex
	begun   bool
	before  []end // what the log held when it was opened and is not loaded yet
	pending map[record.Key]pending
	flights []*flight             // landed, oldest first, not yet loaded
	aside   map[xxh3.Uint128]bool // the dead letters, once somebody asked
	topics  map[string]bool       // of the log, likewise
}

// pending is a record between its reservation and its loading.
type pending struct {
	form   record.Form
	flight *flight
}

// flight is one call's records on their way to the log.
type flight struct {
	keys []record.Key
	ends []end
	done chan struct{} // closed when the records are durable, or err says why not
	err  error
}

// end is where a flight's events of one partition end in the log.
type end struct {
	topic     string
	partition int32
	last      int64
}

// MaxPending is how many records may be in the log and not yet in the tables
// before the door closes for a while.
const MaxPending = 400_000

// MaxTopics is how many topics a tenant may have for a category that is not known
// to get one more: it makes a table too, and input must not make these without end.
const MaxTopics = 1000

// admit says whether records may go to the topic of a category that is not known.
func (l *Lane) admit(ctx context.Context, topic string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		topics, err := l.log.Topics(ctx)
		if err != nil {
			return false, err
		}
		l.topics = map[string]bool{}
		for _, t := range topics {
			l.topics[t.Name] = true
		}
	}
	if !l.topics[topic] && len(l.topics) >= MaxTopics {
		return false, nil
	}
	l.topics[topic] = true
	return true, nil
}

// NewLane of a tenant.
func NewLane(log commitlog.Log, ids Identities, progress Progress) *Lane {
	return &Lane{log: log, ids: ids, progress: progress, pending: map[record.Key]pending{}}
}

// Behind says that the tables are too far behind the log to take more now: there
// is too much on its way, or what the log held when it was opened is not loaded
// yet, so that nobody can say of a record whether it is there.
func (l *Lane) Behind() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prune()
	for len(l.before) > 0 {
		if e := l.before[0]; l.progress.Loaded(e.topic, e.partition) <= e.last {
			return true
		}
		l.before = l.before[1:]
	}
	return len(l.pending) >= MaxPending
}

// opened notes once what the log holds before anything went through this lane.
func (l *Lane) opened(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun {
		return nil
	}
	topics, err := l.log.Topics(ctx)
	if err != nil {
		return err
	}
	for _, t := range topics {
		for i, p := range t.Partitions {
			if t.Name != record.DeadLetterTopic && p.Next > 0 {
				l.before = append(l.before, end{t.Name, int32(i), p.Next - 1})
			}
		}
	}
	l.begun = true
	return nil
}

// prune forgets what the loader knows by now. The caller holds mu.
func (l *Lane) prune() {
	n := 0
	for _, f := range l.flights {
		loaded := true
		for _, e := range f.ends {
			if l.progress.Loaded(e.topic, e.partition) <= e.last {
				loaded = false
			}
		}
		if !loaded {
			break
		}
		l.forget(f)
		n++
	}
	l.flights = append(l.flights[:0], l.flights[n:]...)
}

func (l *Lane) forget(f *flight) {
	for _, k := range f.keys {
		if l.pending[k].flight == f {
			delete(l.pending, k)
		}
	}
}

// room waits until the tables have caught up enough.
func (l *Lane) room(ctx context.Context) error {
	for {
		progress := l.progress.Progress()
		if err := l.progress.Err(); err != nil {
			return fault.New(fault.Unavailable, "nothing can be taken in: %w", err)
		}
		if !l.Behind() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-progress:
		}
	}
}

func (l *Lane) append(ctx context.Context, items []item, verdicts []source.Verdict, now time.Time, refuse bool) error {
	if err := l.opened(ctx); err != nil {
		return err
	}
	for len(items) > 0 {
		if refuse && l.Behind() {
			return ErrBehind
		}
		if err := l.room(ctx); err != nil {
			return err
		}
		again, err := l.pass(ctx, items, verdicts, now)
		if err != nil {
			return err
		}
		items = again
	}
	return nil
}

// pass takes in what is new of the items. It returns those that another call had
// on its way and failed to land: they must be tried again.
func (l *Lane) pass(ctx context.Context, items []item, verdicts []source.Verdict, now time.Time) (again []item, err error) {
	f := &flight{done: make(chan struct{})}
	var mine []item
	type waiting struct {
		item
		on *flight
	}
	var others []waiting
	l.mu.Lock()
	for _, it := range items {
		if p, ok := l.pending[it.id.Key]; ok && !it.in.Form.Fuller(p.form) {
			verdicts[it.at].Outcome = source.Known
			if p.flight != f {
				others = append(others, waiting{it, p.flight})
			}
			continue
		}
		l.pending[it.id.Key] = pending{it.in.Form, f}
		f.keys = append(f.keys, it.id.Key)
		mine = append(mine, it)
	}
	l.mu.Unlock()

	if f.err = l.land(ctx, f, mine, verdicts, now); f.err != nil {
		l.mu.Lock()
		l.forget(f)
		l.mu.Unlock()
	} else {
		l.mu.Lock()
		l.flights = append(l.flights, f)
		l.mu.Unlock()
	}
	close(f.done)
	if f.err != nil {
		return nil, f.err
	}
	for _, w := range others {
		select {
		case <-w.on.done:
			if w.on.err != nil {
				again = append(again, w.item)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return again, nil
}

// land asks which of the reserved records are loaded already, and makes the
// others durable.
func (l *Lane) land(ctx context.Context, f *flight, mine []item, verdicts []source.Verdict, now time.Time) error {
	if len(mine) == 0 {
		return nil
	}
	keys, forms := make([]record.Key, len(mine)), make([]record.Form, len(mine))
	for i, it := range mine {
		keys[i], forms[i] = it.id.Key, it.in.Form
	}
	known, err := l.ids.Known(keys, forms)
	if err != nil {
		return err
	}
	type kind struct {
		topic string
		form  record.Form
	}
	groups := map[kind][][]byte{}
	for i, it := range mine {
		if known[i] {
			verdicts[it.at].Outcome = source.Known
			continue
		}
		verdicts[it.at].Outcome = source.Accepted
		k := kind{it.topic, it.in.Form}
		groups[k] = append(groups[k], it.in.JSON)
	}
	type landed struct {
		topic string
		ack   commitlog.Ack
		err   error
	}
	results := make(chan landed)
	appends := 0
	for k, recs := range groups {
		events := makeEvents(recs, k.form, now)
		batches := cutBatches(events)
		appends += len(batches)
		for _, b := range batches {
			go func() {
				ack, err := l.log.Append(ctx, k.topic, b)
				results <- landed{k.topic, ack, err}
			}()
		}
	}
	for range appends {
		r := <-results
		if r.err != nil {
			if err == nil {
				err = fmt.Errorf("cannot append to %s: %w", r.topic, r.err)
			}
			continue
		}
		f.ends = append(f.ends, end{r.topic, r.ack.Partition, r.ack.Last})
	}
	return err
}

// cutBatches makes groups of events that one append to the log takes, however
// badly they compress.
func cutBatches(events []commitlog.Event) [][]commitlog.Event {
	var out [][]commitlog.Event
	from, size := 0, 0
	for i := range events {
		n := len(events[i].Value)
		if i > from && size+n > batchBytes {
			out = append(out, events[from:i])
			from, size = i, 0
		}
		size += n
	}
	return append(out, events[from:])
}

// makeEvents cuts records of one topic and form into events.
func makeEvents(recs [][]byte, form record.Form, now time.Time) []commitlog.Event {
	var headers []commitlog.Header
	if form != record.Export {
		headers = []commitlog.Header{{Key: record.FormHeader, Value: []byte(form.String())}}
	}
	var events []commitlog.Event
	from, size := 0, 0
	cut := func(to int) {
		if to > from {
			events = append(events, commitlog.Event{Value: record.BuildEvent(make([]byte, 0, size+16+to-from), recs[from:to]), Headers: headers, Time: now})
		}
		from, size = to, 0
	}
	for i, r := range recs {
		if i-from >= eventRecords || size+len(r) > eventBytes {
			cut(i)
		}
		size += len(r)
	}
	cut(len(recs))
	return events
}
