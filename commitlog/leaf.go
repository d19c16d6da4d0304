package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// LeafKind says what a leaf states. The numbers are part of the hash.
type LeafKind uint8

const (
	// LeafForeign: offsets Base to Last came as one batch whose bytes from the
	// attributes on (byte 21) have the SHA-256 Hash.
	LeafForeign LeafKind = LeafKind(frameForeign)
	// LeafOwn: offsets Base to Last were appended with the content Hash.
	LeafOwn LeafKind = LeafKind(frameOwn)
	// LeafContent: the batch of leaf Ref has the content Hash. Noted before its
	// bytes are compressed anew, so that what remains can be proven.
	LeafContent LeafKind = LeafKind(frameContent)
	// LeafDrop: everything up to Last was removed; Ref is the reason.
	LeafDrop LeafKind = LeafKind(frameDrop)
)

// Leaf is one entry of the Merkle tree (RFC 6962) over everything that happened
// to the log.
type Leaf struct {
	Kind       LeafKind
	Topic      string
	Partition  int32
	Base, Last int64
	Time       int64 // Unix milliseconds of arrival
	Ref        uint64
	Hash       [32]byte
}

// Data is what the leaf's hash is over.
func (l *Leaf) Data() []byte {
	b := make([]byte, 0, 96+len(l.Topic))
	b = append(b, "sextant-leaf/1\n"...)
	b = append(b, byte(l.Kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Topic)))
	b = append(b, l.Topic...)
	b = binary.BigEndian.AppendUint32(b, uint32(l.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Base))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Last))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time))
	b = binary.BigEndian.AppendUint64(b, l.Ref)
	return append(b, l.Hash[:]...)
}

// TreeHash is the leaf's hash in the tree.
func (l *Leaf) TreeHash() []byte { return rfc6962.DefaultHasher.HashLeaf(l.Data()) }

// A row of the leaf file, little-endian:
//
//	0 CRC-32C u32 of what follows   4 kind u8   8 topic u32   12 partition i32
//	16 base i64   24 last i64   32 time i64   40 ref u64   48 hash [32]
const rowLen = 80

func appendRow(dst []byte, l *Leaf, topic uint32) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, rowLen)...)
	b, le := dst[at:], binary.LittleEndian
	b[4] = byte(l.Kind)
	le.PutUint32(b[8:], topic)
	le.PutUint32(b[12:], uint32(l.Partition))
	le.PutUint64(b[16:], uint64(l.Base))
	le.PutUint64(b[24:], uint64(l.Last))
	le.PutUint64(b[32:], uint64(l.Time))
	le.PutUint64(b[40:], l.Ref)
	copy(b[48:], l.Hash[:])
	le.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return dst
}

func decodeRow(b []byte) (l Leaf, topic uint32, ok bool) {
	le := binary.LittleEndian
	if le.Uint32(b) != crc32.Checksum(b[4:rowLen], castagnoli) {
		return l, 0, false
	}
	l = Leaf{Kind: LeafKind(b[4]), Partition: int32(le.Uint32(b[12:])), Base: int64(le.Uint64(b[16:])), Last: int64(le.Uint64(b[24:])),
		Time: int64(le.Uint64(b[32:])), Ref: le.Uint64(b[40:])}
	copy(l.Hash[:], b[48:])
	return l, le.Uint32(b[8:]), true
}

var treeHash = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// tree is the Merkle tree with its file. The journal is the truth for leaves
// that the manifest does not vouch for yet, so rows are written without Sync,
// and rows that could not be written wait in memory.
type tree struct {
	mu      sync.RWMutex
	file    vfs.File
	names   []string // topic names by number
	nodes   *compact.Range
	pending []byte // rows not written yet
	written uint64 // rows in the file
	broken  error  // a Sync failed: the file proves nothing until it is made anew
}

func (t *tree) size() uint64 { return t.nodes.End() }

// add appends a leaf. The caller flushes.
func (t *tree) add(l *Leaf, topic uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.nodes.Append(l.TreeHash(), nil); err != nil {
		panic("commitlog: leaf out of order: " + err.Error()) // cannot be: a range of one is appended at its end
	}
	t.pending = appendRow(t.pending, l, topic)
}

// flush writes the rows that wait. An error loses nothing.
func (t *tree) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 || t.broken != nil {
		return t.broken
	}
	if err := t.file.WriteAt([][]byte{t.pending}, int64(t.written)*rowLen); err != nil {
		return err
	}
	t.written += uint64(len(t.pending) / rowLen)
	t.pending = t.pending[:0]
	return nil
}

// sync makes all leaves so far durable.
func (t *tree) sync() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.file.Sync(); err != nil {
		t.mu.Lock()
		t.broken = fault.New(fault.Unavailable, "cannot make the leaves durable; check the disk, then restart: %w", err)
		t.mu.Unlock()
		return t.broken
	}
	return nil
}

// hashes returns the size and what is needed to go on from there.
func (t *tree) state() (size uint64, nodes [][]byte) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, h := range t.nodes.Hashes() {
		nodes = append(nodes, append([]byte(nil), h...))
	}
	return t.nodes.End(), nodes
}

func (t *tree) root() (size uint64, root [32]byte) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	size = t.nodes.End()
	if size == 0 {
		copy(root[:], rfc6962.DefaultHasher.EmptyRoot())
		return 0, root
	}
	h, err := t.nodes.GetRootHash(nil)
	if err != nil {
		panic("commitlog: tree without a root: " + err.Error()) // cannot be: the range begins at 0
	}
	copy(root[:], h)
	return size, root
}

// leaves reads up to n leaves from an index on.
func (t *tree) leaves(from uint64, n int) ([]Leaf, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	end := t.nodes.End()
	if from > end || n < 0 {
		return nil, fault.New(fault.NotFound, "cannot read leaf %d: the tree has %d", from, end)
	}
	n = int(min(uint64(n), end-from))
	b := make([]byte, n*rowLen)
	inFile := 0
	if from < t.written {
		inFile = int(min(uint64(n), t.written-from))
		if _, err := t.file.ReadAt(b[:inFile*rowLen], int64(from)*rowLen); err != nil && err != io.EOF {
			return nil, fmt.Errorf("cannot read leaves: %w", err)
		}
	}
	if inFile < n {
		copy(b[inFile*rowLen:], t.pending[(from+uint64(inFile)-t.written)*rowLen:])
	}
	out := make([]Leaf, n)
	for i := range out {
		l, topic, ok := decodeRow(b[i*rowLen:])
		if !ok || int(topic) >= len(t.names) {
			return nil, fault.New(fault.Damaged, "cannot read leaf %d: its row in the leaf file is damaged", from+uint64(i))
		}
		l.Topic = t.names[topic]
		out[i] = l
	}
	return out, nil
}

func (t *tree) name(topic uint32, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for int(topic) >= len(t.names) {
		t.names = append(t.names, "")
	}
	t.names[topic] = name
}
