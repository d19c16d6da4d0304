package commitlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/fault"
)

// DropReason says why events were removed; the numbers are in the leaves.
type DropReason uint8

const (
	DropAge DropReason = iota + 1
	DropBytes
)

func (r DropReason) String() string {
	switch r {
	case DropAge:
		return "older than is kept"
	case DropBytes:
		return "more bytes than are kept"
	}
	return "unknown reason"
}

// Drop is a row of events that retention removed.
type Drop struct {
	Topic     string
	Partition int32
	From, To  int64
	Bytes     int64
	Reason    DropReason
}

// Report says what Maintain did.
type Report struct {
	Journals        int   // that were sealed and removed
	Sealed, Merged  int   // segments made from journals, from smaller segments
	Before, After   int64 // bytes of the batches that were written anew
	Dropped         []Drop
	DamagedSegments []error // of segments that could not be merged; they stay as they are
}

// Maintain does what makes the log small, and is to be called now and then, from
// one goroutine: it seals closed journals into compressed segments, merges small
// segments, and removes what retention no longer wants. Readers and producers go
// on meanwhile. What it was doing when it fails or the process dies is undone.
func (d *Disk) Maintain(ctx context.Context) (Report, error) { return d.maintain(ctx, false) }

// Seal is Maintain that first closes the current journal, whatever its age.
func (d *Disk) Seal(ctx context.Context) (Report, error) { return d.maintain(ctx, true) }

func (d *Disk) maintain(ctx context.Context, force bool) (rep Report, err error) {
	d.maint.Lock()
	defer d.maint.Unlock()
	zenc, err := newDictless()
	if err != nil {
		return rep, err
	}
	if err := d.seal(ctx, zenc, force, &rep); err != nil {
		return rep, err
	}
	if err := d.mergeAll(ctx, zenc, &rep); err != nil {
		return rep, err
	}
	return rep, d.retain(ctx, &rep)
}

// inWriter runs f between two groups, when everything that has offsets is durable.
func (d *Disk) inWriter(ctx context.Context, f func()) error {
	return d.queue.do(ctx, &request{call: f})
}

// change is a partition's new list of segments.
type change struct {
	part     *partition
	segments []*segment // all of them
	made     []*segment
	gone     []*segment
	hotUpTo  int64 // hot batches up to this offset are sealed now; -1: none
	start    int64
}

// seal moves the batches of all closed journals into segments.
func (d *Disk) seal(ctx context.Context, zenc *zstd.Encoder, force bool, rep *Report) error {
	var closed int64 // number of the last closed journal
	err := d.inWriter(ctx, func() {
		if c := d.cur; c != nil && c.size > frameLen && (force || d.opt.Now().UnixMilli()-c.created >= d.opt.JournalAge.Milliseconds()) {
			d.abandon()
		}
		closed = d.nextJournal - 1
		if d.cur != nil {
			closed = d.cur.number - 1
		}
	})
	if err != nil {
		return err
	}
	d.mu.RLock()
	parts := d.partitions()
	work := make([][]entry, len(parts))
	for i, p := range parts {
		n := 0
		for n < len(p.hot) && p.hot[n].journal.number <= closed {
			n++
		}
		work[i] = append([]entry(nil), p.hot[:n]...)
	}
	journals := 0
	for journals < len(d.journals) && d.journals[journals].number <= closed {
		journals++
	}
	d.mu.RUnlock()
	if journals == 0 {
		return nil
	}
	var changes []change
	var notes []note
	for i, p := range parts {
		if len(work[i]) == 0 {
			continue
		}
		w := d.newSegmentWriter(p, zenc)
		err := d.sealPartition(ctx, w, work[i], &notes)
		if err == nil {
			err = w.finish()
		}
		if err != nil {
			return errors.Join(sealError(p, err), w.discard(), d.discard(changes))
		}
		rep.Before += w.before
		rep.After += w.after
		rep.Sealed += len(w.made)
		changes = append(changes, change{part: p, segments: append(append([]*segment(nil), p.segments...), w.made...), made: w.made,
			hotUpTo: work[i][len(work[i])-1].last, start: p.start})
	}
	if len(notes) > 0 {
		if err := d.queue.do(ctx, &request{notes: notes}); err != nil {
			return errors.Join(err, d.discard(changes))
		}
	}
	if err := d.commitChanges(ctx, changes, closed+1); err != nil {
		return err
	}
	rep.Journals = journals
	return nil
}

func sealError(p *partition, err error) error {
	kind := fault.KindOf(err)
	if kind == fault.Internal {
		kind = fault.Unavailable
	}
	return fault.New(kind, "cannot seal %s/%d: %w", p.topic.meta.Name, p.id, err)
}

// partitions lists all. The caller holds mu for reading.
func (d *Disk) partitions() []*partition {
	var all []*partition
	for _, t := range d.byID {
		all = append(all, t.parts...)
	}
	return all
}

// sealPartition writes hot batches, checks each against its leaf, and notes the
// content of those whose leaf speaks of bytes that will be gone.
func (d *Disk) sealPartition(ctx context.Context, w *segmentWriter, hot []entry, notes *[]note) error {
	for i := range hot {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &hot[i]
		loc := location{part: w.part, base: e.base, last: e.last, file: e.journal.file, pos: e.pos, length: int(e.length)}
		raw, h, err := loc.raw(d.cs.limit)
		if err != nil {
			return err
		}
		plain, derr := d.cs.uncompress(codecOf(&h), raw[headLen:])
		var sum [32]byte
		if derr == nil {
			sum, derr = contentOf(&h, plain)
		}
		f, err := loc.frame()
		if err != nil {
			return err
		}
		want := f.hash
		if f.kind == frameForeign {
			if derr == nil {
				*notes = append(*notes, note{kind: frameContent, part: w.part, base: e.base, last: e.last, ref: f.leaf, hash: sum})
			}
			sum = sha256.Sum256(raw[crcFrom:])
		}
		if sum != want {
			return loc.damaged("its content is not what its leaf says")
		}
		if err := w.add(raw, int(e.length), &h, plain, derr, e.time, e.time); err != nil {
			return err
		}
	}
	return nil
}

// contentOf hashes a decoded batch, see content.
func contentOf(h *kmsg.RecordBatch, plain []byte) ([32]byte, error) {
	c := newContent()
	err := eachRecord(h, plain, func(r *record) error {
		if _, err := r.headers(); err != nil {
			return err
		}
		c.add(r.offsetDelta, recordTime(h, r), r.attributes, r.body)
		return nil
	})
	return c.sum(), err
}

// frame reads the frame's head before a hot batch.
func (l *location) frame() (frame, error) {
	b := make([]byte, frameLen)
	n, err := l.file.ReadAt(b, l.pos-frameLen)
	if n < frameLen && err != io.EOF {
		return frame{}, fault.New(fault.Unavailable, "cannot read %s: %w", l.file.name, err)
	}
	f, ok := decodeFrame(b)
	if !ok || f.base != l.base || f.last != l.last {
		return f, l.damaged("the frame before it is not its own")
	}
	return f, nil
}

// commitChanges makes changes the truth: the manifest, then memory, then the
// files that nobody needs now. firstJournal is the first one that is still needed; 0: as before.
func (d *Disk) commitChanges(ctx context.Context, changes []change, firstJournal int64) error {
	next := manifest{Format: formatVersion, Journal: max(firstJournal, d.man.Journal), Gen: d.man.Gen}
	err := d.inWriter(ctx, func() { d.snapshot(&next) })
	if err == nil {
		err = d.tree.sync() // at least the leaves that the snapshot counts
	}
	if err != nil {
		return errors.Join(err, d.discard(changes))
	}
	for _, c := range changes {
		mp := &next.Topics[c.part.topic.id].Parts[c.part.id]
		mp.Start, mp.Segments = c.start, nil
		for _, s := range c.segments {
			mp.Segments = append(mp.Segments, s.meta)
		}
	}
	if err := d.writeManifest(&next); err != nil {
		// Whether the new or the old manifest is found after a crash nobody knows: the
		// files of both stay until the log is opened again.
		return err
	}
	d.man = next
	d.mu.Lock()
	var gone []*sharedFile
	for _, c := range changes {
		p := c.part
		p.segments, p.start = c.segments, c.start
		n := p.hotAt(c.hotUpTo + 1)
		p.hot = append([]entry(nil), p.hot[n:]...)
	}
	n := 0
	for ; n < len(d.journals) && d.journals[n].number < next.Journal; n++ {
		gone = append(gone, d.journals[n].file)
	}
	d.journals = append([]*journal(nil), d.journals[n:]...)
	d.mu.Unlock()

	// Files that cannot be removed now are removed when the log is opened again.
	var errs []error
	for _, f := range gone {
		errs = append(errs, d.fs.Remove(f.name), f.release())
	}
	for _, c := range changes {
		for _, s := range c.gone {
			errs = append(errs, d.removeSegment(s))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.Unavailable, "cannot remove files that are done with: %w", err)
	}
	return nil
}

// snapshot is the durable state that journals would otherwise have to tell. It
// runs in the writer.
func (d *Disk) snapshot(m *manifest) {
	size, nodes := d.tree.state()
	m.Leaves = size
	for _, n := range nodes {
		m.Nodes = append(m.Nodes, hex.EncodeToString(n))
	}
	silent := d.opt.Now().Add(-d.opt.ProducerExpiry).UnixMilli()
	for _, t := range d.byID {
		mt := manifestTopic{topicMeta: t.meta}
		for _, p := range t.parts {
			maps.DeleteFunc(p.producers, func(_ int64, x producer) bool { return x.Time < silent })
			mp := manifestPart{Start: p.start, Next: p.next, Producers: maps.Clone(p.producers)}
			for _, s := range p.segments {
				mp.Segments = append(mp.Segments, s.meta)
			}
			mt.Parts = append(mt.Parts, mp)
		}
		m.Topics = append(m.Topics, mt)
	}
}

func (d *Disk) removeSegment(s *segment) error {
	return errors.Join(ignoreMissing(d.fs.Remove(s.name)), d.opened.forget(s.name), ignoreMissing(d.fs.Remove(indexName(s.name))))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// discard removes segments that were made for nothing.
func (d *Disk) discard(changes []change) error {
	var errs []error
	for _, c := range changes {
		for _, s := range c.made {
			errs = append(errs, d.removeSegment(s))
		}
	}
	return errors.Join(errs...)
}

// mergeFanIn is how many neighbouring segments are merged at least: fewer, and
// the same bytes would be written over and over.
const mergeFanIn = 4

// mergeAll merges small segments.
func (d *Disk) mergeAll(ctx context.Context, zenc *zstd.Encoder, rep *Report) error {
	d.mu.RLock()
	parts := d.partitions()
	d.mu.RUnlock()
	var changes []change
	for _, p := range parts {
		from, to := mergeRun(p.segments, d.opt)
		if to == from {
			continue
		}
		w := d.newSegmentWriter(p, zenc)
		err := d.mergeSegments(ctx, w, p.segments[from:to])
		if err == nil {
			err = w.finish()
		}
		if err != nil {
			err = errors.Join(sealError(p, err), w.discard())
			if fault.KindOf(err) == fault.Damaged {
				rep.DamagedSegments = append(rep.DamagedSegments, err)
				continue
			}
			return errors.Join(err, d.discard(changes))
		}
		segments := append([]*segment(nil), p.segments[:from]...)
		segments = append(segments, w.made...)
		segments = append(segments, p.segments[to:]...)
		changes = append(changes, change{part: p, segments: segments, made: w.made, gone: p.segments[from:to], hotUpTo: -1, start: p.start})
		rep.Merged += len(w.made)
		rep.Before += w.before
		rep.After += w.after
	}
	if len(changes) == 0 {
		return nil
	}
	return d.commitChanges(ctx, changes, 0)
}

// mergeRun finds the first row of neighbours that are worth merging: enough of
// them, together no more than one segment, none as large as the others together.
func mergeRun(segments []*segment, opt Options) (from, to int) {
	for from = 0; from+mergeFanIn <= len(segments); from++ {
		total, largest := int64(0), int64(0)
		for to = from; to < len(segments); to++ {
			m := &segments[to].meta
			if total+m.Size > opt.SegmentBytes || m.To-segments[from].meta.From > opt.SegmentSpan.Milliseconds() {
				break
			}
			total += m.Size
			largest = max(largest, m.Size)
		}
		if to-from >= mergeFanIn && largest <= total-largest {
			return from, to
		}
	}
	return 0, 0
}

func (d *Disk) mergeSegments(ctx context.Context, w *segmentWriter, segments []*segment) error {
	for _, s := range segments {
		open, err := d.opened.get(s)
		if err != nil {
			return err
		}
		for i, m := range open.marks {
			if err = ctx.Err(); err != nil {
				break
			}
			loc := location{part: w.part, base: m.base, last: m.last, file: open.file, unpacker: open.unpacker, pos: m.pos, length: int(m.length)}
			var raw []byte
			var h kmsg.RecordBatch
			if raw, h, err = loc.raw(d.cs.limit); err != nil {
				break
			}
			// The arrival of single batches is in their leaves; here only the segment's counts.
			at := s.meta.From
			if i > 0 {
				at = s.meta.To
			}
			plain, derr := d.cs.uncompress(codecOf(&h), raw[headLen:])
			if derr == nil {
				_, derr = contentOf(&h, plain)
			}
			err = w.add(raw, int(m.length), &h, plain, derr, at, s.meta.To)
			if err != nil {
				break
			}
		}
		if rerr := open.file.release(); err == nil {
			err = rerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retain removes the segments that the topics' retention no longer wants, oldest
// first. What is removed is noted in the tree before.
func (d *Disk) retain(ctx context.Context, rep *Report) error {
	d.mu.RLock()
	parts := d.partitions()
	bytes := make([]int64, len(parts))
	for i, p := range parts {
		bytes[i] = p.bytes()
	}
	d.mu.RUnlock()
	now := d.opt.Now().UnixMilli()
	var changes []change
	var notes []note
	var drops []Drop
	for i, p := range parts {
		keep := d.opt.Retention(p.topic.meta.Name)
		n, total := 0, bytes[i]
		for ; n < len(p.segments); n++ {
			s := p.segments[n]
			var why DropReason
			switch {
			case s.meta.Last < p.start: // noted before, but the process died
			case keep.Age > 0 && now-s.meta.To > keep.Age.Milliseconds():
				why = DropAge
			case keep.Bytes > 0 && total > keep.Bytes:
				why = DropBytes
			}
			if why == 0 && s.meta.Last >= p.start {
				break
			}
			total -= s.meta.Size
			if why == 0 {
				continue
			}
			from := max(s.meta.Base, p.start)
			notes = append(notes, note{kind: frameDrop, part: p, base: from, last: s.meta.Last, ref: uint64(why)})
			drops = append(drops, Drop{p.topic.meta.Name, p.id, from, s.meta.Last, s.meta.Size, why})
		}
		if n > 0 {
			changes = append(changes, change{part: p, segments: append([]*segment(nil), p.segments[n:]...), gone: p.segments[:n], hotUpTo: -1,
				start: max(p.start, p.segments[n-1].meta.Last+1)})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if len(notes) > 0 {
		if err := d.queue.do(ctx, &request{notes: notes}); err != nil {
			return err
		}
	}
	if err := d.commitChanges(ctx, changes, 0); err != nil {
		return err
	}
	rep.Dropped = append(rep.Dropped, drops...)
	return nil
}
