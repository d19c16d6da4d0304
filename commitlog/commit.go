package commitlog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/zeebo/xxh3"

	"sextant/fault"
)

// One goroutine, the writer, appends to the log. It takes whatever has gathered
// while it was busy (a group), gives offsets, writes all frames with one call,
// makes them durable with one, publishes them to readers and only then lets the
// producers go.

// request is one thing for the writer to do. Exactly one of the groups of
// fields is set.
type request struct {
	// A batch.
	kind      frameKind
	topic     string
	partition int32 // -1: any
	key       []byte
	batch     []byte
	head      kmsg.RecordBatch
	hash      [32]byte
	events    []Event

	create int32  // a topic with so many partitions
	notes  []note // leaves without a batch
	call   func() // run between groups, when everything is durable

	done chan struct{}
	ack  Ack
	err  error
}

// note is a leaf that states something about batches written before.
type note struct {
	kind       frameKind
	part       *partition
	base, last int64
	ref        uint64
	hash       [32]byte
}

// groupBytes is what one group takes at most: it bounds the wait of its first
// member, not the memory, which is the producers' own.
const groupBytes = 16 << 20

// queue is where requests wait for the writer.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	closed  bool
	wake    chan struct{} // of capacity 1
}

// do hands a request to the writer and waits for the outcome.
func (q *queue) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.done = make(chan struct{})
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed()
	}
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	if q.takeBack(r) {
		return ctx.Err()
	}
	<-r.done // it is being written, and its memory with it
	return r.err
}

func (q *queue) takeBack(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, x := range q.waiting {
		if x == r {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// take moves the next group into dst.
func (q *queue) take(dst []*request) (group []*request, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) && size < groupBytes {
		if q.waiting[n].call != nil {
			if n == 0 {
				n = 1
			}
			break
		}
		size += len(q.waiting[n].batch)
		n++
	}
	group = append(dst, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return group, q.closed
}

// write is the writer.
func (d *Disk) write() {
	defer close(d.written)
	g := &group{d: d}
	for {
		reqs, closed := d.queue.take(g.reqs[:0])
		if len(reqs) == 0 {
			if closed {
				d.finish(g)
				return
			}
			<-d.queue.wake
			continue
		}
		if reqs[0].call != nil {
			reqs[0].call()
		} else {
			g.reset(reqs)
			g.commit()
		}
		for i, r := range reqs {
			close(r.done)
			reqs[i] = nil
		}
	}
}

// group is one commit in the making.
type group struct {
	d      *Disk
	reqs   []*request
	now    int64
	leaf   uint64
	iov    [][]byte
	size   int64
	arena  []byte
	placed []placed
	leaves []Leaf
	ids    []uint32 // topic of each leaf
	topics []*topic // made in this group
	before map[*partition]state
}

// placed is a batch with its place in the journal.
type placed struct {
	part *partition
	e    entry
}

// state is a partition as it was before the group, to go back to.
type state struct {
	next      int64
	producers map[int64]*producer // nil: was not known
}

func (g *group) reset(reqs []*request) {
	clear(g.iov)
	clear(g.placed)
	*g = group{d: g.d, reqs: reqs, now: g.d.opt.Now().UnixMilli(), iov: g.iov[:0], arena: g.arena[:0],
		placed: g.placed[:0], leaves: g.leaves[:0], ids: g.ids[:0], before: map[*partition]state{}}
}

// mem lends n zero bytes until the next reset.
func (g *group) mem(n int) []byte {
	if len(g.arena)+n > cap(g.arena) {
		g.arena = make([]byte, 0, max(64<<10, n)) // what was lent keeps the old one alive
	}
	at := len(g.arena)
	g.arena = g.arena[:at+n]
	b := g.arena[at : at+n : at+n]
	clear(b)
	return b
}

func (g *group) commit() {
	d := g.d
	if d.cur != nil && d.cur.size >= d.opt.JournalBytes {
		d.abandon()
	}
	if d.cur == nil {
		if err := d.roll(); err != nil {
			g.fail(writeError(err))
			return
		}
	}
	g.leaf = d.tree.size()
	for _, r := range g.reqs {
		switch {
		case r.create > 0:
			r.err = g.create(r)
		case r.notes != nil:
			for i := range r.notes {
				g.note(&r.notes[i])
			}
		default:
			r.err = g.batch(r)
		}
	}
	if len(g.iov) == 0 {
		return
	}
	if err := d.cur.file.WriteAt(g.iov, d.cur.size); err != nil {
		g.undo()
		// What was written of it is cut off; where that is refused, or the disk has other
		// troubles than room, the rest of this file is left alone.
		if terr := d.cur.file.Truncate(d.cur.size); terr != nil || !isFull(err) {
			d.abandon()
		}
		g.fail(writeError(err))
		return
	}
	if err := d.cur.file.Sync(); err != nil {
		g.undo()
		d.abandon()
		g.breakPartitions(err)
		return
	}
	d.cur.size += g.size
	g.publish()
}

// fail gives an error to all that have none of their own.
func (g *group) fail(err error) {
	for _, r := range g.reqs {
		if r.err == nil {
			r.err, r.ack = err, Ack{}
		}
	}
}

// breakPartitions is what follows a failed Sync: nobody can know which bytes
// are on the disk, so what had bytes there takes no more.
func (g *group) breakPartitions(err error) {
	d := g.d
	d.mu.Lock()
	for p := range g.before {
		if int(p.topic.id) < len(d.byID) { // a topic made in this group is as if it had never been
			p.failed = syncError(p.topic.meta.Name, p.id, err)
		}
	}
	d.mu.Unlock()
	for _, r := range g.reqs {
		if r.err == nil {
			r.err, r.ack = syncError(r.topic, max(r.partition, 0), err), Ack{}
		}
	}
}

// undo takes back offsets and sequences.
func (g *group) undo() {
	for p, s := range g.before {
		p.next = s.next
		for id, old := range s.producers {
			if old == nil {
				delete(p.producers, id)
			} else {
				p.producers[id] = *old
			}
		}
	}
}

// frame lays a frame out: its head, then payload, then zeros.
func (g *group) frame(f frame, first []byte, rest []byte) (at int64) {
	f.committed = uint64(g.d.cur.size)
	f.leaf = g.leaf
	f.time = g.now
	at = g.d.cur.size + g.size + frameLen
	f.encode(first)
	g.iov = append(g.iov, first)
	if len(rest) > 0 {
		g.iov = append(g.iov, rest)
	}
	if pad := int(f.size()) - frameLen - int(f.length); pad > 0 {
		g.iov = append(g.iov, g.mem(pad))
	}
	g.size += f.size()
	return at
}

func (g *group) topic(name string) *topic {
	if t := g.d.topics[name]; t != nil {
		return t
	}
	for _, t := range g.topics {
		if t.meta.Name == name {
			return t
		}
	}
	return nil
}

func (g *group) create(r *request) error {
	if g.topic(r.topic) != nil {
		return fault.New(fault.Conflict, "%w: %s", ErrTopicExists, r.topic)
	}
	_, err := g.newTopic(r.topic, r.create)
	return err
}

func (g *group) newTopic(name string, partitions int32) (*topic, error) {
	if err := checkPartitions(partitions); err != nil {
		return nil, err
	}
	t := newTopic(uint32(len(g.d.byID)+len(g.topics)), topicMeta{Name: name, Partitions: partitions, Created: g.d.opt.Now().UTC()})
	payload, err := json.Marshal(t.meta)
	if err != nil {
		return nil, err
	}
	g.frame(frame{kind: frameTopic, length: uint32(len(payload)), topic: t.id, payloadCRC: crc32.Checksum(payload, castagnoli)}, g.mem(frameLen), payload)
	g.topics = append(g.topics, t)
	return t, nil
}

// batch gives a batch its offsets, or finds that it has them already.
func (g *group) batch(r *request) error {
	t := g.topic(r.topic)
	if t == nil {
		n := g.d.opt.Partitions(r.topic)
		if r.partition >= n {
			return noTopic(r.topic, r.partition)
		}
		var err error
		if t, err = g.newTopic(r.topic, n); err != nil {
			return err
		}
	}
	id := r.partition
	if id < 0 {
		id = g.pick(t, r.key)
	}
	if id >= int32(len(t.parts)) {
		return noTopic(r.topic, id)
	}
	p := t.parts[id]
	if p.failed != nil { // the writer alone sets it
		return p.failed
	}
	if r.head.ProducerID >= 0 {
		old, known := p.producers[r.head.ProducerID]
		dup, err := old.check(known, &r.head)
		if err != nil {
			return err
		}
		if dup != nil {
			r.ack = Ack{Partition: id, Base: dup.Base, Last: dup.Base + int64(r.head.LastOffsetDelta)}
			return nil // with the group, because what it repeats may be in this one
		}
		s := g.touch(p)
		if _, ok := s.producers[r.head.ProducerID]; !ok {
			if known {
				s.producers[r.head.ProducerID] = &old
			} else {
				s.producers[r.head.ProducerID] = nil
			}
		}
		p.producers[r.head.ProducerID] = old.with(&r.head, p.next, g.now)
	} else {
		g.touch(p)
	}
	base := p.next
	last := base + int64(r.head.LastOffsetDelta)
	p.next = last + 1
	r.ack = Ack{Partition: id, Base: base, Last: last}

	first := g.mem(frameLen + crcFrom)
	patch := first[frameLen:]
	copy(patch, r.batch[:crcFrom])
	binary.BigEndian.PutUint64(patch, uint64(base))
	binary.BigEndian.PutUint32(patch[lengthEnd:], 0) // leader epoch: there is one leader, for ever
	f := frame{kind: r.kind, length: uint32(len(r.batch)), topic: t.id, partition: id, base: base, last: last, hash: r.hash}
	at := g.frame(f, first, r.batch[crcFrom:])
	g.addLeaf(Leaf{Kind: LeafKind(r.kind), Topic: t.meta.Name, Partition: id, Base: base, Last: last, Time: g.now, Hash: r.hash}, t.id)
	for i := range r.events {
		r.events[i].Offset += base
	}
	g.placed = append(g.placed, placed{p, entry{base: base, last: last, time: g.now, maxTime: r.head.MaxTimestamp, journal: g.d.cur, pos: at,
		length: int32(len(r.batch)), events: r.events}})
	return nil
}

func (g *group) addLeaf(l Leaf, topic uint32) {
	g.leaves = append(g.leaves, l)
	g.ids = append(g.ids, topic)
	g.leaf++
}

func (g *group) note(n *note) {
	payload := g.mem(8)
	binary.LittleEndian.PutUint64(payload, n.ref)
	t := n.part.topic
	g.frame(frame{kind: n.kind, length: 8, topic: t.id, partition: n.part.id, base: n.base, last: n.last, hash: n.hash,
		payloadCRC: crc32.Checksum(payload, castagnoli)}, g.mem(frameLen), payload)
	g.addLeaf(Leaf{Kind: LeafKind(n.kind), Topic: t.meta.Name, Partition: n.part.id, Base: n.base, Last: n.last, Time: g.now, Ref: n.ref, Hash: n.hash}, t.id)
}

// touch remembers a partition as it was before the group.
func (g *group) touch(p *partition) state {
	s, ok := g.before[p]
	if !ok {
		s = state{next: p.next, producers: map[int64]*producer{}}
		g.before[p] = s
	}
	return s
}

// pick chooses a partition for a batch that names none.
func (g *group) pick(t *topic, key []byte) int32 {
	n := uint64(len(t.parts))
	if n == 1 {
		return 0
	}
	if key != nil {
		return int32(xxh3.Hash(key) % n)
	}
	g.d.turn++
	return int32(g.d.turn % n)
}

// publish shows readers what is durable now.
func (g *group) publish() {
	d := g.d
	for i := range g.leaves {
		d.tree.add(&g.leaves[i], g.ids[i])
	}
	d.mu.Lock()
	for _, t := range g.topics {
		d.addTopic(t)
	}
	for i := range g.placed {
		p, e := g.placed[i].part, &g.placed[i].e
		if e.events != nil && !d.tail.keep(p, e) {
			e.events = nil
		}
		p.hot = append(p.hot, *e)
		d.cur.bytes += int64(e.length)
		if p.durable = e.last + 1; i+1 == len(g.placed) || g.placed[i+1].part != p {
			close(p.grown)
			p.grown = make(chan struct{})
			d.notify(p)
		}
	}
	d.tail.trim()
	d.mu.Unlock()
	// The file of leaves may lag: the journal has them. A full disk is told to producers
	// by the journal, and a failed Sync to Maintain.
	_ = d.tree.flush()
}

// finish marks a clean end, so that damage in the last group can be told from a
// torn write.
func (d *Disk) finish(g *group) {
	if d.cur == nil || d.cur.size == frameLen {
		return
	}
	g.reset(nil)
	g.leaf = d.tree.size()
	g.frame(frame{kind: frameClose, payloadCRC: crc32.Checksum(nil, castagnoli)}, g.mem(frameLen), nil)
	if err := d.cur.file.WriteAt(g.iov, d.cur.size); err != nil {
		return // everything acknowledged is durable; only the mark is missing
	}
	if err := d.cur.file.Sync(); err == nil {
		d.cur.size += g.size
	}
}
