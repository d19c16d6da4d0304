package commitlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/fault"
)

// A RecordBatch v2, big-endian:
//
//	 0 base offset i64    8 length i32 (of all behind it)   12 leader epoch i32
//	16 magic i8 (2)      17 CRC-32C u32 (of all behind it)
//	21 attributes i16    23 last offset delta i32
//	27 first timestamp i64   35 max timestamp i64
//	43 producer id i64   51 producer epoch i16   53 first sequence i32
//	57 number of records i32   61 records, compressed together
const (
	headLen   = 61
	lengthEnd = 12 // length counts from here
	crcFrom   = 21 // CRC counts from here

	codecMask   = 7
	appendTime  = 1 << 3
	transaction = 1 << 4
	control     = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseHead reads the fixed part of a batch. Records is what is behind it.
func parseHead(b []byte) (h kmsg.RecordBatch, err error) {
	if len(b) < headLen {
		return h, errors.New("shorter than a batch's head")
	}
	if n := int64(int32(binary.BigEndian.Uint32(b[8:]))) + lengthEnd; n != int64(len(b)) {
		return h, errors.New("length field disagrees with the bytes there are")
	}
	if err := h.UnsafeReadFrom(b); err != nil {
		return h, err
	}
	if h.Magic != 2 {
		return h, errors.New("magic is not 2: only record batches of version 2 are kept")
	}
	return h, nil
}

// checkBatch validates a batch that a producer sent.
func checkBatch(b []byte, maxBytes int) (h kmsg.RecordBatch, err error) {
	if len(b) > maxBytes {
		return h, fault.New(fault.Invalid, "%w: %d bytes, at most %d work", ErrTooLarge, len(b), maxBytes)
	}
	if h, err = parseHead(b); err != nil {
		return h, fault.New(fault.Invalid, "%w: %w", ErrBadBatch, err)
	}
	bad := func(why string) (kmsg.RecordBatch, error) {
		return h, fault.New(fault.Invalid, "%w: %s", ErrBadBatch, why)
	}
	switch {
	case crc32.Checksum(b[crcFrom:], castagnoli) != uint32(h.CRC):
		return h, fault.New(fault.Invalid, "%w", ErrChecksum)
	case h.Attributes&codecMask > int16(Zstd):
		return bad("unknown compression")
	case h.Attributes&transaction != 0:
		return bad("transactions are not supported; send without a transactional id")
	case h.Attributes&control != 0:
		return bad("control batches come from brokers only")
	case h.Attributes&appendTime != 0:
		return bad("the time of arrival is the broker's to set")
	case h.Attributes&^codecMask != 0:
		return bad("unknown attributes")
	case h.NumRecords < 1:
		return bad("no records")
	case h.LastOffsetDelta != h.NumRecords-1:
		return bad("last offset delta is not the number of records less one")
	case h.ProducerID >= 0 && (h.ProducerEpoch < 0 || h.FirstSequence < 0):
		return bad("a producer id without epoch or sequence")
	}
	return h, nil
}

// verify checks a batch that the log stored: head and CRC.
func verify(b []byte) (h kmsg.RecordBatch, err error) {
	if h, err = parseHead(b); err != nil {
		return h, err
	}
	if crc32.Checksum(b[crcFrom:], castagnoli) != uint32(h.CRC) {
		return h, errors.New("checksum is wrong")
	}
	return h, nil
}

func codecOf(h *kmsg.RecordBatch) Codec { return Codec(h.Attributes & codecMask) }

// record is one record of a batch, pointing into it.
type record struct {
	attributes  byte
	timeDelta   int64
	offsetDelta int64
	body        []byte // key, value and headers as they lie
	key, value  []byte
	headerN     int64
	headerBytes []byte
	tail        int // bytes behind the value
}

var (
	errRecord = errors.New("record runs over its end")
	errRest   = errors.New("bytes behind a record's headers")
)

// nextRecord cuts the first record off p.
func nextRecord(p []byte, r *record) (rest []byte, err error) {
	n, w := binary.Varint(p)
	if w <= 0 || n < 1 || n > int64(len(p)-w) {
		return nil, errRecord
	}
	b := p[w : w+int(n)]
	rest = p[w+int(n):]
	r.attributes, b = b[0], b[1:]
	if r.timeDelta, w = binary.Varint(b); w <= 0 {
		return nil, errRecord
	}
	b = b[w:]
	if r.offsetDelta, w = binary.Varint(b); w <= 0 {
		return nil, errRecord
	}
	b = b[w:]
	r.body = b
	if r.key, b, err = varBytes(b); err != nil {
		return nil, err
	}
	if r.value, b, err = varBytes(b); err != nil {
		return nil, err
	}
	r.tail = len(b)
	if r.headerN, w = binary.Varint(b); w <= 0 || r.headerN < 0 || r.headerN > int64(len(b)) {
		return nil, errRecord
	}
	r.headerBytes = b[w:]
	if r.headerN == 0 && len(r.headerBytes) > 0 {
		return nil, errRest
	}
	return rest, nil
}

// varBytes reads a length and so many bytes; length -1 is null.
func varBytes(b []byte) (v, rest []byte, err error) {
	n, w := binary.Varint(b)
	if w <= 0 || n < -1 || n > int64(len(b)-w) {
		return nil, nil, errRecord
	}
	b = b[w:]
	if n < 0 {
		return nil, b, nil
	}
	return b[:n:n], b[n:], nil
}

func (r *record) headers() ([]Header, error) {
	if r.headerN == 0 {
		return nil, nil
	}
	hs := make([]Header, 0, min(r.headerN, 64))
	b := r.headerBytes
	for range r.headerN {
		k, rest, err := varBytes(b)
		if err != nil {
			return nil, err
		}
		v, rest, err := varBytes(rest)
		if err != nil {
			return nil, err
		}
		hs = append(hs, Header{Key: string(k), Value: v})
		b = rest
	}
	if len(b) > 0 {
		return nil, errRest
	}
	return hs, nil
}

// eachRecord calls f for the records of an uncompressed record section, and
// checks that they are what the head says.
func eachRecord(h *kmsg.RecordBatch, plain []byte, f func(*record) error) error {
	last := int64(-1)
	var r record // one for all, since f lets it escape
	for i := range h.NumRecords {
		rest, err := nextRecord(plain, &r)
		if err != nil {
			return err
		}
		if r.offsetDelta <= last || r.offsetDelta > int64(h.LastOffsetDelta) {
			return errors.New("records out of order")
		}
		if i == h.NumRecords-1 && r.offsetDelta != int64(h.LastOffsetDelta) {
			return errors.New("fewer offsets than the head says")
		}
		last = r.offsetDelta
		if err := f(&r); err != nil {
			return err
		}
		plain = rest
	}
	if len(plain) > 0 {
		return errors.New("bytes behind the last record")
	}
	return nil
}

// decodeEvents returns the events of a stored batch from an offset on. They
// point into plain.
func decodeEvents(h *kmsg.RecordBatch, plain []byte, from int64) ([]Event, error) {
	events := make([]Event, 0, min(int(h.NumRecords), len(plain)/6+1))
	err := eachRecord(h, plain, func(r *record) error {
		off := h.FirstOffset + r.offsetDelta
		if off < from {
			return nil
		}
		hs, err := r.headers()
		if err != nil {
			return err
		}
		events = append(events, Event{Key: r.key, Value: r.value, Headers: hs, Time: time.UnixMilli(recordTime(h, r)).UTC(), Offset: off})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

func recordTime(h *kmsg.RecordBatch, r *record) int64 { return h.FirstTimestamp + r.timeDelta }

// mergedProducer marks, as Kafka does, a batch that no idempotent producer made.
const mergedProducer = -1

// appendRecord encodes a record whose body is already encoded.
func appendRecord(dst []byte, attributes byte, timeDelta, offsetDelta int64, body []byte) []byte {
	n := 1 + varintLen(timeDelta) + varintLen(offsetDelta) + len(body)
	dst = binary.AppendVarint(dst, int64(n))
	dst = append(dst, attributes)
	dst = binary.AppendVarint(dst, timeDelta)
	dst = binary.AppendVarint(dst, offsetDelta)
	return append(dst, body...)
}

// appendEvent encodes an event as a record, whose body begins at body.
func appendEvent(dst []byte, e *Event, timeDelta, offsetDelta int64) (out []byte, body int) {
	n := 1 + varintLen(timeDelta) + varintLen(offsetDelta) + varBytesLen(e.Key) + varBytesLen(e.Value) + varintLen(int64(len(e.Headers)))
	for i := range e.Headers {
		n += varintLen(int64(len(e.Headers[i].Key))) + len(e.Headers[i].Key) + varBytesLen(e.Headers[i].Value)
	}
	dst = binary.AppendVarint(dst, int64(n))
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, timeDelta)
	dst = binary.AppendVarint(dst, offsetDelta)
	body = len(dst)
	dst = appendVarBytes(dst, e.Key)
	dst = appendVarBytes(dst, e.Value)
	dst = binary.AppendVarint(dst, int64(len(e.Headers)))
	for i := range e.Headers {
		dst = binary.AppendVarint(dst, int64(len(e.Headers[i].Key)))
		dst = append(dst, e.Headers[i].Key...)
		dst = appendVarBytes(dst, e.Headers[i].Value)
	}
	return dst, body
}

func varintLen(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

func varBytesLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func appendVarBytes(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

// finishBatch puts the head before records, which lie compressed in buf from
// headLen on. The producer is set to none.
func finishBatch(buf []byte, base int64, lastDelta int64, count int, codec Codec, firstTime, maxTime int64) []byte {
	h := kmsg.RecordBatch{
		FirstOffset: base, Length: int32(len(buf) - lengthEnd), Magic: 2, Attributes: int16(codec),
		LastOffsetDelta: int32(lastDelta), FirstTimestamp: firstTime, MaxTimestamp: maxTime,
		ProducerID: mergedProducer, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(count),
	}
	h.AppendTo(buf[:0])
	binary.BigEndian.PutUint32(buf[17:], crc32.Checksum(buf[crcFrom:], castagnoli))
	return buf
}

// encodeEvents makes a batch with base offset 0, and the hash of its content.
// The events get the times that were written; zero becomes now.
func encodeEvents(cs *codecs, codec Codec, events []Event, now time.Time) (batch []byte, sum [32]byte, err error) {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	size := 0
	for i := range events {
		if events[i].Time.IsZero() {
			events[i].Time = now
		}
		ms := events[i].Time.UnixMilli()
		events[i].Time = time.UnixMilli(ms).UTC()
		events[i].Offset = int64(i)
		first, last = min(first, ms), max(last, ms)
		size += len(events[i].Key) + len(events[i].Value) + 24
	}
	plain := cs.plain(size)
	content := newContent()
	for i := range events {
		ms := events[i].Time.UnixMilli()
		var body int
		plain, body = appendEvent(plain, &events[i], ms-first, int64(i))
		content.add(int64(i), ms, 0, plain[body:])
	}
	buf := make([]byte, headLen, headLen+len(plain)/4+64)
	buf, err = cs.compress(codec, buf, plain)
	cs.recycle(plain)
	if err != nil {
		return nil, sum, fault.New(fault.Internal, "cannot compress a batch: %w", err)
	}
	return finishBatch(buf, 0, int64(len(events)-1), len(events), codec, first, last), content.sum(), nil
}

// content hashes what a batch says, however it is framed and compressed: for
// each record its offset from the batch's first, its time in milliseconds, its
// attributes, and the length and bytes of key, value and headers as RecordBatch
// v2 writes them.
type content struct {
	h   hash.Hash
	buf []byte
}

func newContent() *content { return &content{h: sha256.New(), buf: make([]byte, 0, 8<<10)} }

func (c *content) add(delta, ms int64, attributes byte, body []byte) {
	if len(c.buf)+25+len(body) > cap(c.buf) {
		c.h.Write(c.buf)
		c.buf = c.buf[:0]
	}
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(delta))
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(ms))
	c.buf = append(c.buf, attributes)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(len(body)))
	if len(c.buf)+len(body) > cap(c.buf) {
		c.h.Write(c.buf)
		c.h.Write(body)
		c.buf = c.buf[:0]
		return
	}
	c.buf = append(c.buf, body...)
}

func (c *content) sum() (s [32]byte) {
	c.h.Write(c.buf)
	c.buf = c.buf[:0]
	c.h.Sum(s[:0])
	return s
}
