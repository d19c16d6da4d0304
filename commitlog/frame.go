package commitlog

import (
	"encoding/binary"
	"hash/crc32"
)

// A journal is a row of frames: a head of 104 bytes (little-endian), a payload,
// and zeros up to a multiple of 8.
//
//	 0 magic u32     4 CRC-32C u32 of what follows in the head
//	 8 kind u8       9 zero        12 payload length u32
//	16 topic u32    20 partition i32
//	24 base i64     32 last i64     40 arrival i64, Unix milliseconds
//	48 leaf u64: the tree's size when the frame was written, so the index of its own leaf
//	56 committed u64: so many bytes of this file were durable when the frame was written
//	64 hash [32]    96 CRC-32C u32 of the payload; batches have their own, 0    100 zero
//
// committed is what tells a torn tail from damage: bytes before it were durable
// once, so they cannot be missing for any honest reason.
const (
	frameLen   = 104
	frameMagic = 0x314a7853 // "SxJ1"
)

type frameKind uint8

const (
	frameHead    frameKind = iota + 1 // first in a file; base: its number, last: the length at which the file before it ends, or -1
	frameTopic                        // payload: JSON of a topicMeta
	frameForeign                      // a batch that a client made; hash: SHA-256 of it from byte 21 on
	frameOwn                          // a batch that Append made; hash: of its content
	frameContent                      // base..last of a foreign batch has this content; payload: u64, that batch's leaf
	frameDrop                         // everything up to last was removed; payload: u8 dropReason
	frameClose                        // the log was closed in good order
)

// leafy frames have a leaf in the Merkle tree.
func (k frameKind) leafy() bool { return k >= frameForeign && k <= frameDrop }

func (k frameKind) batch() bool { return k == frameForeign || k == frameOwn }

type frame struct {
	kind       frameKind
	length     uint32
	topic      uint32
	partition  int32
	base, last int64
	time       int64
	leaf       uint64
	committed  uint64
	hash       [32]byte
	payloadCRC uint32
}

// size is that of the whole frame.
func (f *frame) size() int64 { return frameLen + (int64(f.length)+7)&^7 }

func (f *frame) encode(b []byte) {
	clear(b[:frameLen])
	le := binary.LittleEndian
	le.PutUint32(b, frameMagic)
	b[8] = byte(f.kind)
	le.PutUint32(b[12:], f.length)
	le.PutUint32(b[16:], f.topic)
	le.PutUint32(b[20:], uint32(f.partition))
	le.PutUint64(b[24:], uint64(f.base))
	le.PutUint64(b[32:], uint64(f.last))
	le.PutUint64(b[40:], uint64(f.time))
	le.PutUint64(b[48:], f.leaf)
	le.PutUint64(b[56:], f.committed)
	copy(b[64:], f.hash[:])
	le.PutUint32(b[96:], f.payloadCRC)
	le.PutUint32(b[4:], crc32.Checksum(b[8:frameLen], castagnoli))
}

// decodeFrame reads a head; ok is false when there is none in these bytes.
func decodeFrame(b []byte) (f frame, ok bool) {
	le := binary.LittleEndian
	if len(b) < frameLen || le.Uint32(b) != frameMagic || le.Uint32(b[4:]) != crc32.Checksum(b[8:frameLen], castagnoli) {
		return f, false
	}
	f = frame{
		kind: frameKind(b[8]), length: le.Uint32(b[12:]), topic: le.Uint32(b[16:]), partition: int32(le.Uint32(b[20:])),
		base: int64(le.Uint64(b[24:])), last: int64(le.Uint64(b[32:])), time: int64(le.Uint64(b[40:])),
		leaf: le.Uint64(b[48:]), committed: le.Uint64(b[56:]), payloadCRC: le.Uint32(b[96:]),
	}
	copy(f.hash[:], b[64:96])
	return f, f.kind >= frameHead && f.kind <= frameClose
}

// cutFrame reads the frame at the start of b, with its payload. ok is false
// when it is not there whole.
func cutFrame(b []byte) (f frame, payload []byte, ok bool) {
	if f, ok = decodeFrame(b); !ok || f.size() > int64(len(b)) {
		return f, nil, false
	}
	payload = b[frameLen : frameLen+int(f.length)]
	if !f.kind.batch() {
		return f, payload, crc32.Checksum(payload, castagnoli) == f.payloadCRC
	}
	h, err := verify(payload)
	return f, payload, err == nil && h.FirstOffset == f.base && f.base+int64(h.LastOffsetDelta) == f.last
}
