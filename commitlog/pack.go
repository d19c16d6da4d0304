package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sort"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A pack is a sealed batch in which one event, or one record of an event, can be
// read without the rest. Its record section is cut into chunks of some 32 KB, each
// compressed on its own against the segment's dictionary: text of the same segment,
// without which so small a piece would take twice the bytes.
//
// Little-endian:
//
//	 0 magic "sxp1"   4 length u32 of all of it   8 CRC-32C u32 from byte 12 to the table's end
//	12 length of the table u32
//	16 head of the RecordBatch v2 that this is when uncompressed, 61 bytes
//	77 table: for each chunk, as uvarints, bytes packed, bytes plain, how far its
//	   event's offset is from that of the chunk before, part; and the CRC-32C u32 of
//	   the packed bytes
//	   chunks: zstd frames; one that would not be smaller is plain
//
// A chunk with part 0 begins with an event, and holds as many whole events as fit; an
// event that is larger fills several chunks of its own: part is the number of the
// record that a further one begins with (see Options.Split).
const (
	packMagic = "sxp1"
	packTable = 16 + headLen
	chunkSize = 32 << 10
	// packAhead is what is read of a pack at first: the table is hardly ever longer.
	packAhead = 1 << 10
)

// chunk of a pack.
type chunk struct {
	at, packed int64 // in the pack
	plain      int64
	delta      int64 // offset of its first event, from that of the batch
	part       int32
	crc        uint32
}

// begins says whether the chunk begins at a record of an event or before it.
func (c *chunk) begins(delta int64, part int32) bool {
	return c.delta < delta || c.delta == delta && c.part <= part
}

// pack is a pack's head and table.
type pack struct {
	raw    []byte // the head of its batch
	head   kmsg.RecordBatch
	chunks []chunk
	plain  int64
}

var (
	errPackHead  = errors.New("its head is damaged")
	errPackTable = errors.New("its table of chunks is damaged")
	errChunk     = errors.New("a chunk of it is damaged")
)

func isPack(b []byte) bool { return len(b) >= packTable && string(b[:len(packMagic)]) == packMagic }

// packTableEnd is where the chunks of a pack of so many bytes begin.
func packTableEnd(b []byte, length int64) (int64, error) {
	n := int64(packTable) + int64(binary.LittleEndian.Uint32(b[12:]))
	if int64(binary.LittleEndian.Uint32(b[4:])) != length || n > length {
		return 0, errPackHead
	}
	return n, nil
}

// parsePack reads head and table, which is all of b, of a pack of so many bytes whose
// events are at most limit bytes uncompressed.
func parsePack(b []byte, length int64, limit int) (*pack, error) {
	if !isPack(b) {
		return nil, errPackHead
	}
	if end, err := packTableEnd(b, length); err != nil || end != int64(len(b)) {
		return nil, errPackHead
	}
	if crc32.Checksum(b[12:], castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
		return nil, errPackHead
	}
	p := &pack{raw: b[16:packTable]}
	// kmsg reads whole batches only: to it this one has no records.
	alone := bytes.Clone(p.raw)
	binary.BigEndian.PutUint32(alone[8:], headLen-lengthEnd)
	var err error
	if p.head, err = parseHead(alone); err != nil {
		return nil, errPackHead
	}
	p.head.Length = int32(binary.BigEndian.Uint32(p.raw[8:]))
	at := int64(len(b))
	for t, delta := b[packTable:], int64(0); len(t) > 0; {
		var v [4]int64
		for i := range v {
			u, n := binary.Uvarint(t)
			if n <= 0 || u > 1<<31-1 {
				return nil, errPackTable
			}
			v[i], t = int64(u), t[n:]
		}
		if len(t) < 4 {
			return nil, errPackTable
		}
		delta += v[2]
		c := chunk{at: at, packed: v[0], plain: v[1], delta: delta, part: int32(v[3]), crc: binary.LittleEndian.Uint32(t)}
		t = t[4:]
		at += c.packed
		p.plain += c.plain
		first := len(p.chunks) == 0
		if c.packed > c.plain || at > length || p.plain > int64(limit) || delta > int64(p.head.LastOffsetDelta) || first && c.part != 0 ||
			!first && !p.chunks[len(p.chunks)-1].begins(c.delta, c.part-1) || v[2] > 0 && c.part > 0 {
			return nil, errPackTable
		}
		p.chunks = append(p.chunks, c)
	}
	if at != length || len(p.chunks) == 0 || codecOf(&p.head) != None || int64(p.head.Length) != headLen-lengthEnd+p.plain {
		return nil, errPackTable
	}
	return p, nil
}

// unpack appends the chunk to dst.
func (c *chunk) unpack(dec *zstd.Decoder, dst, packed []byte) ([]byte, error) {
	if crc32.Checksum(packed, castagnoli) != c.crc {
		return dst, errChunk
	}
	if c.packed == c.plain {
		return append(dst, packed...), nil
	}
	at := len(dst)
	if int64(cap(dst)-at) < c.plain {
		dst = append(make([]byte, 0, int64(at)+c.plain), dst...)
	}
	out, err := dec.DecodeAll(packed, dst[:at:int64(at)+c.plain])
	if err != nil || int64(len(out)) != int64(at)+c.plain {
		return dst, errors.Join(errChunk, err)
	}
	return out, nil
}

// newUnpacker makes the decoder for the packs of a segment.
func newUnpacker(dict []byte) (*zstd.Decoder, error) {
	opts := []zstd.DOption{zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true)}
	if len(dict) > 0 {
		opts = append(opts, zstd.WithDecoderDictRaw(0, dict))
	}
	return zstd.NewReader(nil, opts...)
}

// cut is where a chunk begins.
type cut struct {
	at    int
	delta int64
	part  int32
}

// cutSection chooses chunks of a record section that was checked before.
func cutSection(h *kmsg.RecordBatch, plain []byte, split func([]byte, func(index, from, to int) error) error) []cut {
	cuts := make([]cut, 0, len(plain)/chunkSize+2)
	alone := true // what comes next begins a chunk
	var r record
	for rest, n := plain, h.NumRecords; n > 0; n-- {
		at := len(plain) - len(rest)
		var err error
		if rest, err = nextRecord(rest, &r); err != nil {
			panic("commitlog: sealing records that were not checked: " + err.Error())
		}
		end := len(plain) - len(rest)
		if alone || end-cuts[len(cuts)-1].at > chunkSize {
			cuts = append(cuts, cut{at, r.offsetDelta, 0})
		}
		if alone = end-at > chunkSize; !alone || split == nil {
			continue
		}
		value := end - r.tail - len(r.value)
		// What breaks off or is no JSON stays in one chunk from there on.
		_ = split(r.value, func(index, from, to int) error {
			if index > 0 && value+to-cuts[len(cuts)-1].at > chunkSize {
				cuts = append(cuts, cut{value + from, r.offsetDelta, int32(index)})
			}
			return nil
		})
	}
	return cuts
}

// appendPack makes a pack of a batch that lies uncompressed in plain behind headLen
// bytes for its head. compress appends the compressed form of a chunk.
func appendPack(dst, batch []byte, h *kmsg.RecordBatch, split func([]byte, func(index, from, to int) error) error, compress func(dst, src []byte) ([]byte, error)) ([]byte, error) {
	plain := batch[headLen:]
	le := binary.LittleEndian
	start := len(dst)
	var table, body []byte
	cuts := cutSection(h, plain, split)
	last := int64(0)
	for i, c := range cuts {
		end := len(plain)
		if i+1 < len(cuts) {
			end = cuts[i+1].at
		}
		piece := plain[c.at:end]
		from := len(body)
		var err error
		if body, err = compress(body, piece); err != nil {
			return dst, err
		}
		if len(body)-from >= len(piece) {
			body = append(body[:from], piece...)
		}
		for _, v := range []int64{int64(len(body) - from), int64(len(piece)), c.delta - last, int64(c.part)} {
			table = binary.AppendUvarint(table, uint64(v))
		}
		last = c.delta
		table = le.AppendUint32(table, crc32.Checksum(body[from:], castagnoli))
	}
	dst = append(dst, packMagic...)
	dst = le.AppendUint32(dst, uint32(packTable+len(table)+len(body)))
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint32(dst, uint32(len(table)))
	dst = append(dst, batch[:headLen]...)
	dst = append(dst, table...)
	le.PutUint32(dst[start+8:], crc32.Checksum(dst[start+12:], castagnoli))
	return append(dst, body...), nil
}

// holds is the index of the chunk that holds a record of the event at an offset.
func (p *pack) holds(delta int64, part int32) int {
	return sort.Search(len(p.chunks), func(i int) bool { return !p.chunks[i].begins(delta, part) }) - 1
}

// eventAt cuts the event at an offset from the batch's first out of chunks i to j-1.
func (p *pack) eventAt(delta int64) (i, j int) {
	for i = p.holds(delta, 0); i > 0 && p.chunks[i].part != 0; {
		i--
	}
	for j = i + 1; j < len(p.chunks) && p.chunks[j].part != 0; {
		j++
	}
	return i, j
}

// eventIn finds the event in what eventAt chose; ok is false where there is none.
func (p *pack) eventIn(plain []byte, delta int64) (e Event, ok bool, err error) {
	var r record
	for len(plain) > 0 {
		if plain, err = nextRecord(plain, &r); err != nil {
			return e, false, err
		}
		if r.offsetDelta < delta {
			continue
		}
		if r.offsetDelta > delta {
			break
		}
		hs, err := r.headers()
		return Event{Key: r.key, Value: r.value, Headers: hs, Time: time.UnixMilli(recordTime(&p.head, &r)).UTC(), Offset: p.head.FirstOffset + delta}, true, err
	}
	return e, false, nil
}

// truncatedValue is what a chunk has of the value of an event that goes on in the next.
func truncatedValue(p []byte) (delta int64, value []byte, err error) {
	skip := func() (v int64) {
		n := 0
		if v, n = binary.Varint(p); n <= 0 {
			err = errRecord
			return 0
		}
		p = p[n:]
		return v
	}
	skip() // length
	if err != nil || len(p) == 0 {
		return 0, nil, errRecord
	}
	p = p[1:] // attributes
	skip()    // time
	delta = skip()
	if n := skip(); n > 0 && err == nil {
		if n > int64(len(p)) {
			return 0, nil, errRecord
		}
		p = p[n:]
	}
	if n := skip(); err == nil && n < 0 {
		return delta, nil, nil
	}
	return delta, p, err
}
