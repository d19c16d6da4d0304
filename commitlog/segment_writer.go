package commitlog

import (
	"encoding/binary"
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
	seal  *sealer
	head  []byte
	buf   []byte
	marks []mark

	// What waits for a segment: it begins with a dictionary of what it will hold.
	waiting      []sealed
	waitingBytes int

	// The batch that is being gathered: records of one or more batches, uncompressed,
	// behind room for a head.
	plain         []byte
	base, last    int64
	first, max    int64 // times of records
	count         int
	from, to      int64  // arrival
	single        []byte // the one batch in it as it was; nil when there are more
	singleMax     int64
	before, after int64
}

// sealed is a batch on its way into a segment.
type sealed struct {
	batch    []byte // uncompressed; nil where it stays as it came
	as       []byte // as it came; nil where it was made of several
	mark     mark
	asMax    int64 // greatest time of a record, as it came
	from, to int64 // arrival
}

func (s *sealed) plainLen() int { return max(len(s.batch)-headLen, 0) }

func (d *Disk) newSegmentWriter(p *partition, zenc *zstd.Encoder) *segmentWriter {
	return &segmentWriter{d: d, part: p, zenc: zenc}
}

// add takes a batch, of so many bytes on the disk, with its uncompressed records. One
// that cannot be decoded (bad) is kept as it is.
func (w *segmentWriter) add(raw []byte, stored int, h *kmsg.RecordBatch, plain []byte, bad error, from, to int64) error {
	if bad != nil {
		return w.copy(raw, stored, h, from, to)
	}
	last := h.FirstOffset + int64(h.LastOffsetDelta)
	if w.count > 0 && (len(w.plain)-headLen+len(plain) > w.d.opt.SealedBatch || last-w.base > math.MaxInt32 || w.count+int(h.NumRecords) > math.MaxInt32 ||
		to-w.from > w.d.opt.SegmentSpan.Milliseconds()) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.before += int64(stored)
	if w.count == 0 {
		w.base, w.first, w.max, w.from = h.FirstOffset, h.FirstTimestamp, math.MinInt64, from
		w.single, w.singleMax = raw, h.MaxTimestamp
		w.plain = make([]byte, headLen, headLen+max(len(plain)+len(plain)/64, w.d.opt.SealedBatch))
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

// flush hands the gathered batch on.
func (w *segmentWriter) flush() error {
	if w.count == 0 {
		return nil
	}
	s := sealed{batch: finishBatch(w.plain, w.base, w.last-w.base, w.count, None, w.first, w.max), as: w.single, asMax: w.singleMax,
		mark: mark{base: w.base, last: w.last, maxTime: w.max}, from: w.from, to: w.to}
	w.count, w.plain, w.single = 0, nil, nil
	return w.put(s)
}

// copy takes a batch as it is.
func (w *segmentWriter) copy(raw []byte, stored int, h *kmsg.RecordBatch, from, to int64) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.before += int64(stored)
	return w.put(sealed{as: raw, asMax: h.MaxTimestamp, mark: mark{base: h.FirstOffset, last: h.FirstOffset + int64(h.LastOffsetDelta)}, from: from, to: to})
}

// put hands a batch to the segment, or lets it wait for one.
func (w *segmentWriter) put(s sealed) error {
	w.waiting = append(w.waiting, s)
	w.waitingBytes += s.plainLen() + len(s.as)
	if w.cur == nil && w.waitingBytes < dictFrom {
		return nil
	}
	return w.drain()
}

// drain writes what waits, into segments that it begins and ends where need be.
func (w *segmentWriter) drain() error {
	for len(w.waiting) > 0 {
		s := &w.waiting[0]
		if w.cur == nil {
			if err := w.begin(s.mark.base, s.from); err != nil {
				return err
			}
		}
		b, m := s.as, s.mark
		m.maxTime = s.asMax
		if s.batch != nil {
			h, err := parseHead(s.batch)
			if err != nil {
				return err
			}
			p, err := appendPack(nil, s.batch, &h, w.d.opt.Split, w.seal.compress)
			if err != nil {
				return err
			}
			if s.as == nil || len(p) < len(s.as) {
				b, m.maxTime = p, s.mark.maxTime
			}
		}
		meta := &w.cur.meta
		if len(w.marks) > 0 && (meta.Size+int64(len(b)) > w.d.opt.SegmentBytes || s.to-meta.From > w.d.opt.SegmentSpan.Milliseconds()) {
			if err := w.end(); err != nil {
				return err
			}
			continue // in a segment of its own dictionary
		}
		m.pos, m.length = meta.Size, int32(len(b))
		w.marks = append(w.marks, m)
		w.buf = append(w.buf, b...)
		meta.Size += int64(len(b))
		meta.Last, meta.To = m.last, max(meta.To, s.to)
		meta.Time = max(meta.Time, m.maxTime)
		w.after += int64(len(b))
		w.waitingBytes -= s.plainLen() + len(s.as)
		w.waiting[0] = sealed{}
		w.waiting = w.waiting[1:]
		if len(w.buf) >= 1<<20 {
			if err := w.write(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *segmentWriter) begin(base, from int64) error {
	dir := w.d.dir + "/" + segmentDir + "/" + w.part.topic.meta.Name
	if err := w.d.fs.MkdirAll(dir); err != nil {
		return err
	}
	w.d.man.Gen++
	meta := segmentMeta{Base: base, Last: base, Gen: w.d.man.Gen, From: from, To: from, Time: math.MinInt64, Packed: true}
	s := &segment{meta: meta, name: w.d.segmentName(w.part.topic.meta.Name, w.part.id, meta)}
	f, err := w.d.fs.Create(s.name)
	if err != nil {
		return err
	}
	w.file, w.cur, w.marks = f, s, nil
	if w.seal, err = newSealer(w.zenc, w.waiting); err != nil {
		return err
	}
	w.head = segmentHeadOf(w.seal.dict, w.zenc)
	w.buf = append(w.buf[:0], w.head...)
	s.meta.Size = int64(len(w.buf))
	w.after += s.meta.Size
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
	w.buf = append(w.buf, w.head...)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(w.head)))
	w.cur.meta.Size += int64(len(w.head) + segmentFoot)
	w.after += int64(len(w.head) + segmentFoot)
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
	w.cur, w.seal = nil, nil
	return err
}

// finish writes what is left and makes the names durable.
func (w *segmentWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.drain(); err != nil {
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
