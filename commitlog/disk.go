package commitlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// Disk is a log in a folder. It implements [Log].
type Disk struct {
	dir  string
	fs   vfs.FS
	opt  Options
	lock io.Closer
	cs   *codecs

	queue   queue
	written chan struct{} // closed when the writer has ended
	closed  chan struct{} // closed when Close begins

	// The writer's own.
	cur         *journal // nil: the next group makes one
	nextJournal int64
	prevLength  int64  // where the journal before the next one ends; -1: there is none
	turn        uint64 // for batches without a key

	tree *tree

	// mu guards what readers see. Only the writer and Maintain change it; topics
	// and byID only the writer, which therefore reads them without it.
	mu       sync.RWMutex
	topics   map[string]*topic
	byID     []*topic
	journals []*journal // in order; the last one may be cur
	tail     tail
	watches  map[*watch]struct{}

	spare     []byte // rows of the leaf file that the manifest does not vouch for, for salvage
	spareFrom uint64
	lost      []DamagedError

	opened *openFiles
	recent recent
	maint  sync.Mutex // one Maintain at a time; guards what follows
	man    manifest   // as it is on the disk
}

var _ Log = (*Disk)(nil)

// Open opens the log in dir, making it if need be, and recovers what a crash
// left. When another process has it, the error is ErrHeld and names it.
func Open(ctx context.Context, dir string, opts Options) (*Disk, error) {
	opt, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := &Disk{dir: strings.TrimRight(dir, "/"), fs: opt.FS, opt: opt, written: make(chan struct{}), closed: make(chan struct{}),
		topics: map[string]*topic{}, watches: map[*watch]struct{}{}, tail: tail{limit: opt.TailBytes}, opened: newOpenFiles(opt.FS)}
	d.queue.wake = make(chan struct{}, 1)
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.release())
	}
	d.spare = nil
	go d.write()
	return d, nil
}

func (d *Disk) open(ctx context.Context) (err error) {
	for _, sub := range []string{"", "/" + journalDir, "/" + segmentDir} {
		if err := d.fs.MkdirAll(d.dir + sub); err != nil {
			return fault.New(fault.Unavailable, "cannot make the log's folder: %w", err)
		}
	}
	d.lock, err = d.fs.Lock(d.dir + "/LOCK")
	if held := (*vfs.HeldError)(nil); errors.As(err, &held) {
		return fault.New(fault.Conflict, "cannot open %s: %w: %w", d.dir, ErrHeld, err)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot lock the log: %w", err)
	}
	if d.cs, err = newCodecs(d.opt.MaxRecordBytes); err != nil {
		return err
	}
	return d.recover(ctx)
}

// release lets go of everything that Open took.
func (d *Disk) release() error {
	var errs []error
	for _, j := range d.journals {
		errs = append(errs, j.file.release())
	}
	errs = append(errs, d.opened.close())
	if d.tree != nil && d.tree.file != nil {
		errs = append(errs, d.tree.file.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// Close waits for what is being written, ends readers and watches with
// ErrClosed and gives the folder back. What comes later is refused.
func (d *Disk) Close() error {
	d.queue.mu.Lock()
	if d.queue.closed {
		d.queue.mu.Unlock()
		return errClosed()
	}
	d.queue.closed = true
	d.queue.mu.Unlock()
	close(d.closed)
	select {
	case d.queue.wake <- struct{}{}:
	default:
	}
	<-d.written
	d.maint.Lock() // a Maintain under way ends first
	defer d.maint.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.release()
}

func (d *Disk) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// Append implements Log.
func (d *Disk) Append(ctx context.Context, topic string, events []Event) (Ack, error) {
	if err := checkName(topic); err != nil {
		return Ack{}, err
	}
	if len(events) == 0 {
		return Ack{}, fault.New(fault.Invalid, "cannot append to %s: no events", topic)
	}
	size := 0
	for i := range events {
		size += len(events[i].Key) + len(events[i].Value)
	}
	if size > d.opt.MaxRecordBytes/2 {
		return Ack{}, fault.New(fault.Invalid, "cannot append to %s: %w: %d bytes, at most %d work", topic, ErrTooLarge, size, d.opt.MaxRecordBytes/2)
	}
	own := slices.Clone(events)
	batch, sum, err := encodeEvents(d.cs, d.opt.Codec, own, d.opt.Now())
	if err != nil {
		return Ack{}, err
	}
	if len(batch) > d.opt.MaxBatchBytes {
		return Ack{}, fault.New(fault.Invalid, "cannot append to %s: %w: %d bytes compressed, at most %d work", topic, ErrTooLarge, len(batch), d.opt.MaxBatchBytes)
	}
	head, err := parseHead(batch)
	if err != nil {
		return Ack{}, err
	}
	if d.opt.TailBytes == 0 {
		own = nil
	}
	r := &request{kind: frameOwn, topic: topic, partition: -1, key: events[0].Key, batch: batch, head: head, hash: sum, events: own}
	err = d.queue.do(ctx, r)
	return r.ack, err
}

// AppendBatch implements Log.
func (d *Disk) AppendBatch(ctx context.Context, topic string, partition int32, batch []byte) (Ack, error) {
	if err := checkName(topic); err != nil {
		return Ack{}, err
	}
	if partition < 0 {
		return Ack{}, noTopic(topic, partition)
	}
	head, err := checkBatch(batch, d.opt.MaxBatchBytes)
	if err != nil {
		return Ack{}, err
	}
	r := &request{kind: frameForeign, topic: topic, partition: partition, batch: batch, head: head, hash: sha256.Sum256(batch[crcFrom:])}
	err = d.queue.do(ctx, r)
	return r.ack, err
}

// CreateTopic implements Log.
func (d *Disk) CreateTopic(ctx context.Context, name string, partitions int32) error {
	if err := checkName(name); err != nil {
		return err
	}
	if partitions == 0 {
		partitions = d.opt.Partitions(name)
	}
	if err := checkPartitions(partitions); err != nil {
		return err
	}
	return d.queue.do(ctx, &request{topic: name, create: partitions})
}

// Topics implements Log.
func (d *Disk) Topics(ctx context.Context) ([]TopicInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.isClosed() {
		return nil, errClosed()
	}
	infos := make([]TopicInfo, 0, len(d.byID))
	for _, t := range d.byID {
		info := TopicInfo{Name: t.meta.Name, Created: t.meta.Created, Partitions: make([]PartitionInfo, len(t.parts))}
		for i, p := range t.parts {
			info.Partitions[i] = PartitionInfo{Start: p.start, Next: p.durable, Bytes: p.bytes(), Failed: p.failed}
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// addTopic makes a topic known. The caller holds mu, or is alone.
func (d *Disk) addTopic(t *topic) {
	d.topics[t.meta.Name] = t
	d.byID = append(d.byID, t)
	d.tree.name(t.id, t.meta.Name)
	for _, p := range t.parts {
		d.notify(p)
	}
}

// find is a partition by its name. The caller holds mu for reading.
func (d *Disk) find(topic string, partition int32) (*partition, error) {
	if d.isClosed() {
		return nil, errClosed()
	}
	t := d.topics[topic]
	if t == nil || partition < 0 || partition >= int32(len(t.parts)) {
		return nil, noTopic(topic, partition)
	}
	return t.parts[partition], nil
}

// Tree is the size and root (RFC 6962) of the Merkle tree over everything that
// is durable.
func (d *Disk) Tree() (size uint64, root [32]byte) { return d.tree.root() }

// Leaves returns up to n leaves of the tree from an index on.
func (d *Disk) Leaves(from uint64, n int) ([]Leaf, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.isClosed() {
		return nil, errClosed()
	}
	return d.tree.leaves(from, n)
}

func isFull(err error) bool { return vfs.IsFull(err) }
