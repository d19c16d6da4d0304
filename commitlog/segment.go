package commitlog

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// A segment is a sealed file of one partition: a head with its dictionary; packs, one
// behind the other, and record batches that nobody could decode, as they came; the head
// again, since without its dictionary no pack can be read, and how long it is. Beside
// it lies its index, which can be made anew.
//
// The head, little-endian:
//
//	 0 magic "sxseg002"   8 bytes of the dictionary u32   12 the same compressed u32
//	16 CRC-32C u32 of bytes 0 to 15 and what follows   20 the dictionary, a zstd frame
//
// Without a dictionary both lengths are 0. The segments of format 1 have no head and
// hold nothing but record batches; they are read, and are packed when they are merged.

const (
	segmentMagic = "sxseg002"
	segmentHead  = 20
	segmentFoot  = 4 // u32, behind the second head
)

func segmentHeadOf(dict []byte, zenc *zstd.Encoder) []byte {
	var packed []byte
	if len(dict) > 0 {
		packed = zenc.EncodeAll(dict, nil)
	}
	b := append(make([]byte, 0, segmentHead+len(packed)), segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(dict)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, packed))
	return append(b, packed...)
}

var errSegmentHead = errors.New("its head is damaged, at its beginning and at its end")

// body is where a segment's batches lie, and what unpacks them.
type body struct {
	from, to int64
	unpacker *zstd.Decoder // nil: there are no packs in it
}

// bodyOf reads a segment's head, or that at its end where it is damaged.
func bodyOf(f vfs.File, meta *segmentMeta) (body, error) {
	if !meta.Packed {
		return body{to: meta.Size}, nil
	}
	dict, n, err := readSegmentHead(f, 0, meta.Size)
	if err != nil {
		b := make([]byte, segmentFoot)
		if got, ferr := f.ReadAt(b, meta.Size-segmentFoot); got < len(b) {
			return body{}, errors.Join(err, ferr)
		}
		n = int64(binary.LittleEndian.Uint32(b))
		var again int64
		if dict, again, err = readSegmentHead(f, meta.Size-segmentFoot-n, meta.Size); err != nil || again != n {
			return body{}, errors.Join(errSegmentHead, err)
		}
	}
	if 2*n+segmentFoot > meta.Size {
		return body{}, errSegmentHead
	}
	unpacker, err := newUnpacker(dict)
	return body{n, meta.Size - segmentFoot - n, unpacker}, err
}

// readSegmentHead at a byte gives the dictionary and the bytes that the head takes.
func readSegmentHead(f vfs.File, at, size int64) ([]byte, int64, error) {
	b := make([]byte, segmentHead)
	if at < 0 || at+segmentHead > size {
		return nil, 0, errSegmentHead
	}
	if n, err := f.ReadAt(b, at); n < len(b) {
		return nil, 0, err
	}
	le := binary.LittleEndian
	plain, n := le.Uint32(b[8:]), int64(le.Uint32(b[12:]))
	if string(b[:len(segmentMagic)]) != segmentMagic || plain > dictSize || n > size-at-segmentHead {
		return nil, 0, errSegmentHead
	}
	packed := make([]byte, n)
	if got, err := f.ReadAt(packed, at+segmentHead); got < len(packed) {
		return nil, 0, err
	}
	if crc32.Update(crc32.Checksum(b[:16], castagnoli), castagnoli, packed) != le.Uint32(b[16:]) {
		return nil, 0, errSegmentHead
	}
	if plain == 0 {
		return nil, segmentHead + n, nil
	}
	dec, err := newUnpacker(nil)
	if err != nil {
		return nil, 0, err
	}
	dict, err := dec.DecodeAll(packed, make([]byte, 0, plain))
	if err != nil || len(dict) != int(plain) {
		return nil, 0, errors.Join(errSegmentHead, err)
	}
	return dict, segmentHead + n, nil
}

const segmentDir = "segments"

// segmentMeta is what the manifest says of a segment.
type segmentMeta struct {
	Base int64 `json:"base"`
	Last int64 `json:"last"`
	Gen  int64 `json:"gen"`
	Size int64 `json:"size"`
	From int64 `json:"from"` // arrival of its first and last batch, Unix milliseconds
	To   int64 `json:"to"`
	Time int64 `json:"time"` // greatest time of a record

	Packed bool `json:"packed,omitempty"` // written in format 2 or later
}

type segment struct {
	meta segmentMeta
	name string
}

func (d *Disk) segmentName(topic string, partition int32, m segmentMeta) string {
	return fmt.Sprintf("%s/%s/%s/%d-%020d-%d.seg", d.dir, segmentDir, topic, partition, m.Base, m.Gen)
}

func indexName(segment string) string { return segment[:len(segment)-len("seg")] + "idx" }

// mark is one line of an index: a batch.
type mark struct {
	base, last int64
	pos        int64
	length     int32
	maxTime    int64 // of its records
}

const markLen = 36

// encodeIndex writes marks, then their CRC.
func encodeIndex(marks []mark) []byte {
	b := make([]byte, 0, len(marks)*markLen+4)
	le := binary.LittleEndian
	for _, m := range marks {
		b = le.AppendUint64(b, uint64(m.base))
		b = le.AppendUint64(b, uint64(m.last))
		b = le.AppendUint64(b, uint64(m.pos))
		b = le.AppendUint32(b, uint32(m.length))
		b = le.AppendUint64(b, uint64(m.maxTime))
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeIndex reads an index of a segment; ok is false when it cannot be that segment's.
func decodeIndex(b []byte, meta *segmentMeta, in body) (marks []mark, ok bool) {
	n := (len(b) - 4) / markLen
	if len(b) < 4 || len(b) != n*markLen+4 || n == 0 {
		return nil, false
	}
	le := binary.LittleEndian
	if crc32.Checksum(b[:n*markLen], castagnoli) != le.Uint32(b[n*markLen:]) {
		return nil, false
	}
	marks = make([]mark, n)
	pos := in.from
	for i := range marks {
		r := b[i*markLen:]
		marks[i] = mark{int64(le.Uint64(r)), int64(le.Uint64(r[8:])), int64(le.Uint64(r[16:])), int32(le.Uint32(r[24:])), int64(le.Uint64(r[28:]))}
		if marks[i].pos != pos {
			return nil, false
		}
		pos += int64(marks[i].length)
	}
	return marks, pos == in.to && marks[0].base == meta.Base && marks[n-1].last == meta.Last
}

// scanSegment makes an index from the heads of the batches.
func scanSegment(f vfs.File, meta *segmentMeta, in body) ([]mark, error) {
	var marks []mark
	for pos := in.from; pos < in.to; {
		b := make([]byte, packTable)
		n, err := f.ReadAt(b, pos)
		if n < headLen {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("no batch at byte %d: %w", pos, err)
		}
		be := binary.BigEndian
		length := int64(be.Uint32(b[8:])) + lengthEnd
		if in.unpacker != nil && isPack(b[:n]) {
			length = int64(binary.LittleEndian.Uint32(b[4:]))
			b = b[16:]
		}
		base := int64(be.Uint64(b))
		last := base + int64(int32(be.Uint32(b[23:])))
		if b[16] != 2 || length < headLen || pos+length > in.to || last < base || base < meta.Base || last > meta.Last {
			return nil, fmt.Errorf("no batch at byte %d", pos)
		}
		marks = append(marks, mark{base: base, last: last, pos: pos, length: int32(length), maxTime: int64(be.Uint64(b[35:]))})
		pos += length
	}
	return marks, nil
}

// openSegment is a segment that is in use, with its index.
type openSegment struct {
	file     *sharedFile
	marks    []mark
	unpacker *zstd.Decoder // nil: there are no packs in it
}

// at is the index of the first batch that holds offset or comes after it.
func (o *openSegment) at(offset int64) int {
	return sort.Search(len(o.marks), func(i int) bool { return o.marks[i].last >= offset })
}

// maxOpenSegments bounds the descriptors and indexes kept for segments that
// nobody may need again.
const maxOpenSegments = 256

// openFiles keeps the segments that were used last open.
type openFiles struct {
	fs    vfs.FS
	mu    sync.Mutex
	byKey map[string]*list.Element // of *openEntry
	order *list.List               // last used first
}

type openEntry struct {
	name string
	seg  *openSegment
}

func newOpenFiles(fs vfs.FS) *openFiles {
	return &openFiles{fs: fs, byKey: map[string]*list.Element{}, order: list.New()}
}

// get opens a segment, or finds it open. The caller releases its file.
func (o *openFiles) get(s *segment) (*openSegment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[s.name]; e != nil {
		o.order.MoveToFront(e)
		seg := e.Value.(*openEntry).seg
		seg.file.hold()
		return seg, nil
	}
	f, err := o.fs.Open(s.name)
	if err != nil {
		return nil, err
	}
	in, err := bodyOf(f, &s.meta)
	var marks []mark
	if err == nil {
		marks, err = o.marks(f, s, in)
	}
	if err != nil {
		return nil, errors.Join(fault.New(fault.Damaged, "segment %s is damaged: %w", s.name, err), f.Close())
	}
	seg := &openSegment{file: share(f, s.name), marks: marks, unpacker: in.unpacker}
	o.byKey[s.name] = o.order.PushFront(&openEntry{s.name, seg})
	seg.file.hold()
	for o.order.Len() > maxOpenSegments {
		if err := o.drop(o.order.Back()); err != nil {
			return nil, errors.Join(err, seg.file.release())
		}
	}
	return seg, nil
}

// marks reads the index, or makes one when there is none that fits.
func (o *openFiles) marks(f vfs.File, s *segment, in body) ([]mark, error) {
	b, err := vfs.ReadFile(o.fs, indexName(s.name))
	if err == nil {
		if marks, ok := decodeIndex(b, &s.meta, in); ok {
			return marks, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return scanSegment(f, &s.meta, in)
}

func (o *openFiles) drop(e *list.Element) error {
	x := o.order.Remove(e).(*openEntry)
	delete(o.byKey, x.name)
	return x.seg.file.release()
}

// forget closes a segment that is gone.
func (o *openFiles) forget(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[name]; e != nil {
		return o.drop(e)
	}
	return nil
}

func (o *openFiles) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for o.order.Len() > 0 {
		errs = append(errs, o.drop(o.order.Front()))
	}
	return errors.Join(errs...)
}

// checkSegments sees that the files of the manifest are there, with their
// sizes, and removes those of an unfinished Maintain.
func (d *Disk) checkSegments() error {
	root := d.dir + "/" + segmentDir
	want := map[string]int64{}
	for _, t := range d.byID {
		for _, p := range t.parts {
			last := int64(-1)
			for _, s := range p.segments {
				if s.meta.Base <= last || s.meta.Last < s.meta.Base || s.meta.Size < headLen {
					return fault.New(fault.Damaged, "the log's manifest is damaged: segments of %s/%d", t.meta.Name, p.id)
				}
				last = s.meta.Last
				want[s.name] = s.meta.Size
			}
		}
	}
	topics, err := d.fs.List(root)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot list segments: %w", err)
	}
	for _, t := range topics {
		names, err := d.fs.List(root + "/" + t)
		if err != nil {
			return fault.New(fault.Unavailable, "cannot list segments: %w", err)
		}
		for _, n := range names {
			name := root + "/" + t + "/" + n
			if len(n) < 4 {
				continue
			}
			seg := name
			if n[len(n)-4:] == ".idx" {
				seg = name[:len(name)-3] + "seg"
			}
			if _, ok := want[seg]; ok {
				continue
			}
			if ext := n[len(n)-4:]; ext != ".seg" && ext != ".idx" {
				continue // not ours
			}
			if err := d.fs.Remove(name); err != nil {
				return fault.New(fault.Unavailable, "cannot remove an unfinished segment: %w", err)
			}
		}
	}
	for name, size := range want {
		f, err := d.fs.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Damaged, "segment %s is missing; restore it from a copy", name)
		}
		if err != nil {
			return fault.New(fault.Unavailable, "cannot open a segment: %w", err)
		}
		got, err := f.Size()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fault.New(fault.Unavailable, "cannot open a segment: %w", err)
		}
		if got != size {
			return fault.New(fault.Damaged, "segment %s is damaged: it has %d bytes, %d were written; restore it from a copy", name, got, size)
		}
	}
	return nil
}
