package commitlog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/fault"
)

// location is where a batch lies. Its file is held until release.
type location struct {
	part       *partition
	base, last int64
	file       *sharedFile
	unpacker   *zstd.Decoder // of a segment with packs
	pos        int64
	length     int
	events     []Event // when they are still in memory
}

// findTries bounds how often a segment that was looked up may be gone before it
// was opened: Maintain replaces a segment at most once while that happens.
const findTries = 10

// locate finds the batch that holds an offset, or the next one where retention or
// sealing left none. At the durable end ok is false and grown tells of more.
func (d *Disk) locate(topic string, partition int32, offset int64) (loc location, ok bool, grown <-chan struct{}, err error) {
	for range findTries {
		d.mu.RLock()
		p, err := d.find(topic, partition)
		if err != nil {
			d.mu.RUnlock()
			return loc, false, nil, err
		}
		if offset < p.start || offset > p.durable {
			err := outOfRange(topic, partition, offset, p.start, p.durable)
			d.mu.RUnlock()
			return loc, false, nil, err
		}
		loc = location{part: p}
		var seg *segment
		if i := p.segmentAt(offset); i < len(p.segments) {
			seg = p.segments[i]
		} else if i := p.hotAt(offset); i < len(p.hot) {
			e := &p.hot[i]
			loc.base, loc.last, loc.pos, loc.length, loc.events = e.base, e.last, e.pos, int(e.length), e.events
			loc.file = e.journal.file.hold()
		}
		grown = p.grown
		d.mu.RUnlock()
		if seg == nil {
			return loc, loc.file != nil, grown, nil
		}
		open, err := d.opened.get(seg)
		if errors.Is(err, fs.ErrNotExist) {
			continue // replaced meanwhile
		}
		if fault.KindOf(err) == fault.Damaged {
			return loc, false, nil, &fault.Error{Kind: fault.Damaged, Err: &DamagedError{File: seg.name, Topic: topic, Partition: partition,
				Base: seg.meta.Base, Last: seg.meta.Last, Why: err.Error()}}
		}
		if err != nil {
			return loc, false, nil, err
		}
		m := open.marks[min(open.at(offset), len(open.marks)-1)]
		loc.base, loc.last, loc.pos, loc.length, loc.file, loc.unpacker = m.base, m.last, m.pos, int(m.length), open.file, open.unpacker
		return loc, true, grown, nil
	}
	return loc, false, nil, fault.New(fault.Damaged, "cannot read %s/%d at %d: its segment is missing; restore it from a copy", topic, partition, offset)
}

// raw reads a located batch and checks it. One that is packed is unpacked, to at most
// limit bytes.
func (l *location) raw(limit int) (b []byte, h kmsg.RecordBatch, err error) {
	if p, err := l.pack(limit); err != nil {
		return nil, h, err
	} else if p != nil {
		b, err = l.chunks(p, 0, len(p.chunks), append(make([]byte, 0, headLen+p.plain), p.raw...))
		if err != nil {
			return nil, h, err
		}
	} else {
		b = make([]byte, l.length)
		if err := l.readAt(b, 0); err != nil {
			return nil, h, err
		}
	}
	why := "it holds another batch"
	if h, err = verify(b); err == nil && h.FirstOffset == l.base && l.base+int64(h.LastOffsetDelta) == l.last {
		return b, h, nil
	} else if err != nil {
		why = err.Error()
	}
	return nil, h, l.damaged(why)
}

// readAt fills b from a byte of the batch on.
func (l *location) readAt(b []byte, at int64) error {
	n, err := l.file.ReadAt(b, l.pos+at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return l.damaged("the file ends within it")
	}
	return fault.New(fault.Unavailable, "cannot read %s: %w", l.file.name, err)
}

// pack reads head and table of a batch; nil when it is not packed.
func (l *location) pack(limit int) (*pack, error) {
	if l.unpacker == nil || l.length < packTable {
		return nil, nil
	}
	b := make([]byte, min(l.length, packAhead))
	if err := l.readAt(b, 0); err != nil {
		return nil, err
	}
	if !isPack(b) {
		return nil, nil
	}
	end, err := packTableEnd(b, int64(l.length))
	if err != nil {
		return nil, l.damaged(err.Error())
	}
	if n := int64(len(b)); n < end {
		b = append(b, make([]byte, end-n)...)
		if err := l.readAt(b[n:], n); err != nil {
			return nil, err
		}
	}
	p, err := parsePack(b[:end], int64(l.length), limit)
	if err != nil {
		return nil, l.damaged(err.Error())
	}
	if p.head.FirstOffset != l.base || l.base+int64(p.head.LastOffsetDelta) != l.last {
		return nil, l.damaged("it holds another batch")
	}
	return p, nil
}

// chunks appends what chunks i to j-1 of the batch hold to dst.
func (l *location) chunks(p *pack, i, j int, dst []byte) ([]byte, error) {
	from := p.chunks[i].at
	packed := make([]byte, p.chunks[j-1].at+p.chunks[j-1].packed-from)
	if err := l.readAt(packed, from); err != nil {
		return dst, err
	}
	n := int64(0)
	for k := i; k < j; k++ {
		n += p.chunks[k].plain
	}
	dst = slices.Grow(dst, int(n))
	for k := i; k < j; k++ {
		c := &p.chunks[k]
		var err error
		if dst, err = c.unpack(l.unpacker, dst, packed[c.at-from:][:c.packed]); err != nil {
			return dst, l.damaged(err.Error())
		}
	}
	return dst, nil
}

func (l *location) damaged(why string) error {
	return &fault.Error{Kind: fault.Damaged, Err: &DamagedError{File: l.file.name, At: l.pos, Topic: l.part.topic.meta.Name, Partition: l.part.id,
		Base: l.base, Last: l.last, Why: why}}
}

// read reads and decodes a located batch, from an offset on. bad says that its
// producer filled it with nonsense.
func (d *Disk) read(l *location, from int64) (events []Event, bad, err error) {
	if l.events != nil {
		return l.events[max(from-l.base, 0):], nil, nil // ours: no gaps
	}
	b, h, err := l.raw(d.cs.limit)
	if err != nil {
		return nil, nil, err
	}
	events, bad = d.decode(b, &h, from)
	return events, bad, nil
}

func (d *Disk) decode(b []byte, h *kmsg.RecordBatch, from int64) ([]Event, error) {
	plain, err := d.cs.uncompress(codecOf(h), b[headLen:])
	if err == nil {
		var events []Event
		if events, err = decodeEvents(h, plain, from); err == nil {
			return events, nil
		}
	}
	return nil, fault.New(fault.Invalid, "cannot decode the batch at offset %d (%s): %w", h.FirstOffset, codecOf(h), err)
}

// Event implements Log.
func (d *Disk) Event(ctx context.Context, topic string, partition int32, offset int64) (Event, error) {
	if err := ctx.Err(); err != nil {
		return Event{}, err
	}
	loc, ok, _, err := d.locate(topic, partition, offset)
	if err != nil {
		return Event{}, err
	}
	if !ok {
		d.mu.RLock()
		defer d.mu.RUnlock()
		return Event{}, outOfRange(topic, partition, offset, loc.part.start, loc.part.durable)
	}
	e, ok, err := d.eventAt(&loc, offset)
	if rerr := loc.file.release(); err == nil {
		err = rerr
	}
	if err != nil {
		return Event{}, err
	}
	if !ok {
		return Event{}, fault.New(fault.NotFound, "there is no event at offset %d of %s/%d", offset, topic, partition)
	}
	return e, nil
}

// eventAt reads one event of a located batch; ok is false where it has none there.
func (d *Disk) eventAt(loc *location, offset int64) (e Event, ok bool, err error) {
	if offset < loc.base {
		return e, false, nil
	}
	p, err := loc.pack(d.cs.limit)
	if err != nil {
		return e, false, err
	}
	if p != nil {
		i, j := p.eventAt(offset - loc.base)
		plain, err := loc.chunks(p, i, j, nil)
		if err != nil {
			return e, false, err
		}
		if e, ok, err = p.eventIn(plain, offset-loc.base); err != nil {
			err = loc.damaged(err.Error())
		}
		return e, ok, err
	}
	events, err := d.decoded(loc)
	if err != nil {
		return e, false, err
	}
	i := sort.Search(len(events), func(i int) bool { return events[i].Offset >= offset })
	if i == len(events) || events[i].Offset != offset {
		return e, false, nil
	}
	return events[i], true, nil
}

// decoded is a located batch's events. Batches that were decoded last are kept for
// it, since who asks for one event asks for its neighbours.
func (d *Disk) decoded(loc *location) ([]Event, error) {
	events, hit := d.recent.get(loc.file, loc.pos)
	if hit {
		return events, nil
	}
	events, bad, err := d.read(loc, loc.base)
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	if loc.events == nil {
		d.recent.put(loc.file, loc.pos, events)
	}
	return events, nil
}

// recent keeps a few decoded batches.
type recent struct {
	mu   sync.Mutex
	ring [16]recentBatch
	next int
}

type recentBatch struct {
	file   *sharedFile // not held: it only says which
	pos    int64
	events []Event
}

// recentMax is the most events that a batch may have to be kept.
const recentMax = 4096

func (r *recent) get(file *sharedFile, pos int64) ([]Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		if x := &r.ring[i]; x.file == file && x.pos == pos && x.events != nil {
			return x.events, true
		}
	}
	return nil, false
}

func (r *recent) put(file *sharedFile, pos int64, events []Event) {
	if len(events) > recentMax {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next] = recentBatch{file, pos, events}
	r.next = (r.next + 1) % len(r.ring)
}

// OffsetAt is the first offset whose event bears a time at or after t (in whole
// milliseconds), as Kafka's ListOffsets has it; ok is false when there is none.
func (d *Disk) OffsetAt(ctx context.Context, topic string, partition int32, t time.Time) (offset int64, ok bool, err error) {
	ms := t.UnixMilli()
	d.mu.RLock()
	p, err := d.find(topic, partition)
	if err != nil {
		d.mu.RUnlock()
		return 0, false, err
	}
	from := p.start
	d.mu.RUnlock()
	for {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		at, ok, err := d.batchSince(p, from, ms)
		if err != nil || !ok {
			return 0, false, err
		}
		loc, ok, _, err := d.locate(topic, partition, at)
		if err != nil || !ok {
			return 0, false, err
		}
		events, bad, err := d.read(&loc, max(from, loc.base))
		if rerr := loc.file.release(); err == nil {
			err = rerr
		}
		if err != nil {
			return 0, false, err
		}
		if bad == nil {
			for i := range events {
				if events[i].Time.UnixMilli() >= ms {
					return events[i].Offset, true, nil
				}
			}
		}
		from = loc.last + 1 // the batch's head promised too much
	}
}

// batchSince is the first offset, at from or after it, whose batch has a record
// of time ms or later by its head.
func (d *Disk) batchSince(p *partition, from, ms int64) (int64, bool, error) {
	d.mu.RLock()
	segments := p.segments[min(p.segmentAt(from), len(p.segments)):]
	d.mu.RUnlock()
	for _, s := range segments {
		if s.meta.Time < ms {
			continue
		}
		open, err := d.opened.get(s)
		if errors.Is(err, fs.ErrNotExist) {
			continue // retention took it
		}
		if err != nil {
			return 0, false, err
		}
		if err := open.file.release(); err != nil {
			return 0, false, err
		}
		for _, m := range open.marks[open.at(from):] {
			if m.maxTime >= ms {
				return max(m.base, from), true, nil
			}
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for i := p.hotAt(from); i < len(p.hot); i++ {
		if p.hot[i].maxTime >= ms {
			return max(p.hot[i].base, from), true, nil
		}
	}
	return 0, false, nil
}
