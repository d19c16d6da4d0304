package commitlog

import (
	"errors"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/commitlog/vfs"
)

// segmentWriter writes batches of one partition into new segments, small ones
// merged and compressed anew.
type segmentWriter struct {
	d    *Disk
	zenc *zstd.Encoder
	part *partition
	made []*segment

	// The segment that is being written.
	file  vfs.File
	cur   *segment
	buf   []byte
	marks []mark

	// The batch that is being gathered: records of one or more batches, uncompressed.
	plain         []byte
	base, last    int64
	first, max    int64 // times of records
	count         int
	from, to      int64  // arrival
	single        []byte // the one batch in it as it was; nil when there are more
	singleMax     int64
	before, after int64
}

func (d *Disk) newSegmentWriter(p *partition, zenc *zstd.Encoder) *segmentWriter {
	return &segmentWriter{d: d, part: p, zenc: zenc}
}

// add takes a batch with its uncompressed records. One that cannot be decoded
// (bad) is kept as it is.
func (w *segmentWriter) add(raw []byte, h *kmsg.RecordBatch, plain []byte, bad error, from, to int64) error {
	if bad != nil {
		return w.copy(raw, h, from, to)
	}
	last := h.FirstOffset + int64(h.LastOffsetDelta)
	if w.count > 0 && (len(w.plain)+len(plain) > w.d.opt.SealedBatch || last-w.base > math.MaxInt32 || w.count+int(h.NumRecords) > math.MaxInt32 ||
		to-w.from > w.d.opt.SegmentSpan.Milliseconds()) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.before += int64(len(raw))
	if w.count == 0 {
		w.base, w.first, w.max, w.from = h.FirstOffset, h.FirstTimestamp, math.MinInt64, from
		w.single, w.singleMax = raw, h.MaxTimestamp
	} else {
		w.single = nil
	}
	err := eachRecord(h, plain, func(r *record) error {
		ms := recordTime(h, r)
		w.max = max(w.max, ms)
		w.plain = appendRecord(w.plain, r.attributes, ms-w.first, h.FirstOffset+r.offsetDelta-w.base, r.body)
		return nil
	})
	w.count += int(h.NumRecords)
	w.last, w.to = last, to
	return err
}

// flush writes the gathered batch.
func (w *segmentWriter) flush() error {
	if w.count == 0 {
		return nil
	}
	b := w.zenc.EncodeAll(w.plain, make([]byte, headLen, headLen+len(w.plain)/6))
	b = finishBatch(b, w.base, w.last-w.base, w.count, Zstd, w.first, w.max)
	maxTime := w.max
	if w.single != nil && len(w.single) <= len(b) {
		b, maxTime = w.single, w.singleMax
	}
	w.count, w.plain, w.single = 0, w.plain[:0], nil
	return w.put(b, mark{base: w.base, last: w.last, length: int32(len(b)), maxTime: maxTime}, w.from, w.to)
}

// copy takes a batch as it is.
func (w *segmentWriter) copy(raw []byte, h *kmsg.RecordBatch, from, to int64) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.before += int64(len(raw))
	return w.put(raw, mark{base: h.FirstOffset, last: h.FirstOffset + int64(h.LastOffsetDelta), length: int32(len(raw)), maxTime: h.MaxTimestamp}, from, to)
}

// full reports whether a batch of a segment is large enough to stay as it is.
func (w *segmentWriter) full(h *kmsg.RecordBatch, raw []byte) bool {
	if codecOf(h) != Zstd || h.ProducerID != mergedProducer {
		return false
	}
	var f zstd.Header
	return f.Decode(raw[headLen:]) == nil && f.HasFCS && f.FrameContentSize >= uint64(w.d.opt.SealedBatch/2)
}

// put appends a batch to the segment, which it begins or ends where need be.
func (w *segmentWriter) put(b []byte, m mark, from, to int64) error {
	if w.cur != nil && (w.cur.meta.Size+int64(len(b)) > w.d.opt.SegmentBytes || to-w.cur.meta.From > w.d.opt.SegmentSpan.Milliseconds()) {
		if err := w.end(); err != nil {
			return err
		}
	}
	if w.cur == nil {
		if err := w.begin(m.base, from); err != nil {
			return err
		}
	}
	s := &w.cur.meta
	m.pos = s.Size
	w.marks = append(w.marks, m)
	w.buf = append(w.buf, b...)
	s.Size += int64(len(b))
	s.Last, s.To = m.last, max(s.To, to)
	s.Time = max(s.Time, m.maxTime)
	w.after += int64(len(b))
	if len(w.buf) >= 1<<20 {
		return w.write()
	}
	return nil
}

func (w *segmentWriter) begin(base, from int64) error {
	dir := w.d.dir + "/" + segmentDir + "/" + w.part.topic.meta.Name
	if err := w.d.fs.MkdirAll(dir); err != nil {
		return err
	}
	w.d.man.Gen++
	meta := segmentMeta{Base: base, Last: base, Gen: w.d.man.Gen, From: from, To: from, Time: math.MinInt64}
	s := &segment{meta: meta, name: w.d.segmentName(w.part.topic.meta.Name, w.part.id, meta)}
	f, err := w.d.fs.Create(s.name)
	if err != nil {
		return err
	}
	w.file, w.cur, w.marks = f, s, nil
	return nil
}

func (w *segmentWriter) write() error {
	if len(w.buf) == 0 {
		return nil
	}
	at := w.cur.meta.Size - int64(len(w.buf))
	err := w.file.WriteAt([][]byte{w.buf}, at)
	w.buf = w.buf[:0]
	return err
}

// end makes the segment durable. Its index need not be: it carries a checksum
// and can be made anew.
func (w *segmentWriter) end() error {
	err := w.write()
	if err == nil {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	w.file = nil
	if err != nil {
		return err
	}
	f, err := w.d.fs.Create(indexName(w.cur.name))
	if err != nil {
		return err
	}
	err = errors.Join(f.WriteAt([][]byte{encodeIndex(w.marks)}, 0), f.Close())
	w.made = append(w.made, w.cur)
	w.cur = nil
	return err
}

// finish writes what is left and makes the names durable.
func (w *segmentWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.cur != nil {
		if err := w.end(); err != nil {
			return err
		}
	}
	if len(w.made) == 0 {
		return nil
	}
	return w.d.fs.SyncDir(w.d.dir + "/" + segmentDir + "/" + w.part.topic.meta.Name)
}

// discard removes what was made.
func (w *segmentWriter) discard() error {
	var errs []error
	if w.file != nil {
		errs = append(errs, w.file.Close())
		w.file = nil
	}
	if w.cur != nil {
		w.made = append(w.made, w.cur)
		w.cur = nil
	}
	for _, s := range w.made {
		errs = append(errs, w.d.removeSegment(s))
	}
	w.made = nil
	return errors.Join(errs...)
}
