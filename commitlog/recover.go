package commitlog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

const leavesName = "leaves"

// recover rebuilds the state: the manifest, then the journals on top of it.
func (d *Disk) recover(ctx context.Context) error {
	m, err := d.readManifest()
	if err != nil {
		return err
	}
	d.man = *m
	// The manifest that a dying process left may be there for this one and still not
	// durable. Files are removed on its word, so it is made so first.
	if err := d.fs.SyncDir(d.dir); err != nil {
		return writeManifestError(err)
	}
	if err := d.openTree(m); err != nil {
		return err
	}
	for i, mt := range m.Topics {
		if checkName(mt.Name) != nil || int(mt.Partitions) != len(mt.Parts) || checkPartitions(mt.Partitions) != nil {
			return fault.New(fault.Damaged, "the log's manifest is damaged: topic %d", i)
		}
		t := newTopic(uint32(i), mt.topicMeta)
		for k, mp := range mt.Parts {
			p := t.parts[k]
			p.start, p.next, p.durable = mp.Start, mp.Next, mp.Next
			if mp.Producers != nil {
				p.producers = mp.Producers
			}
			for _, sm := range mp.Segments {
				p.segments = append(p.segments, &segment{meta: sm, name: d.segmentName(t.meta.Name, int32(k), sm)})
			}
		}
		d.addTopic(t)
	}
	if err := d.checkSegments(); err != nil {
		return err
	}
	if err := d.replayAll(ctx, m); err != nil {
		return err
	}
	for _, t := range d.byID {
		for _, p := range t.parts {
			p.durable = p.next
		}
	}
	return d.trimTree()
}

// trimTree makes the leaf file what the tree is. It comes last, because until
// everything else was found good the rows that are there may be needed.
func (d *Disk) trimTree() error {
	if err := d.tree.flush(); err != nil && !vfs.IsFull(err) {
		return fault.New(fault.Unavailable, "cannot write the leaf file: %w", err)
	}
	size, err := d.tree.file.Size()
	if rows := int64(d.tree.size()) * rowLen; err == nil && size > rows {
		err = d.tree.file.Truncate(rows)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot cut the leaf file: %w", err)
	}
	return nil
}

// openTree opens the leaf file, as far as the manifest vouches for it.
func (d *Disk) openTree(m *manifest) error {
	name := d.dir + "/" + leavesName
	f, err := d.fs.OpenWrite(name)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = d.fs.Create(name); err == nil {
			err = d.fs.SyncDir(d.dir)
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot open the leaf file: %w", err)
	}
	d.tree = &tree{file: f, written: m.Leaves}
	size, err := f.Size()
	if err != nil {
		return fault.New(fault.Unavailable, "cannot open the leaf file: %w", err)
	}
	if size < int64(m.Leaves)*rowLen {
		return fault.New(fault.Damaged, "the leaf file is damaged: it has %d bytes, %d leaves take %d; restore it from a copy", size, m.Leaves, m.Leaves*rowLen)
	}
	nodes, err := m.nodes()
	if err == nil {
		d.tree.nodes, err = treeHash.NewRange(0, m.Leaves, nodes)
	}
	if err != nil {
		return fault.New(fault.Damaged, "the log's manifest is damaged: %w", err)
	}
	if extra := size - int64(m.Leaves)*rowLen; extra >= rowLen && d.opt.Salvage {
		d.spare = make([]byte, extra/rowLen*rowLen)
		d.spareFrom = m.Leaves
		if n, err := f.ReadAt(d.spare, int64(m.Leaves)*rowLen); n < len(d.spare) {
			return fault.New(fault.Unavailable, "cannot read the leaf file: %w", err)
		}
	}
	return nil
}

// replayAll reads the journals in order. Ones that the manifest is done with
// are removed.
func (d *Disk) replayAll(ctx context.Context, m *manifest) error {
	dir := d.dir + "/" + journalDir
	names, err := d.fs.List(dir)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot list the journals: %w", err)
	}
	var numbers []int64
	for _, n := range names {
		number, ok := parseJournalName(n)
		switch {
		case !ok:
		case number < m.Journal:
			if err := d.fs.Remove(dir + "/" + n); err != nil {
				return fault.New(fault.Unavailable, "cannot remove a journal that is done with: %w", err)
			}
		default:
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	d.nextJournal, d.prevLength = m.Journal, -1
	for i, number := range numbers {
		if err := ctx.Err(); err != nil {
			return err
		}
		if number != d.nextJournal {
			return fault.New(fault.Damaged, "journal %s/%s is missing; restore it from a copy", dir, journalName(d.nextJournal))
		}
		end := int64(-1)
		if i+1 < len(numbers) {
			next := dir + "/" + journalName(numbers[i+1])
			head, whole, err := d.readHead(next)
			if err != nil {
				return err
			}
			switch {
			case whole:
				end = head.last
			case i+2 == len(numbers):
				// The last journal was being made when the machine stopped: nothing is in it.
				if torn, err := d.nothingIn(next); err != nil {
					return err
				} else if !torn {
					return fault.New(fault.Damaged, "journal %s is damaged at byte 0: its head is gone, but frames follow", next)
				}
				if err := d.fs.Remove(next); err != nil {
					return fault.New(fault.Unavailable, "cannot remove an unfinished journal: %w", err)
				}
				numbers = numbers[:i+1]
			default:
				return fault.New(fault.Damaged, "journal %s is damaged at byte 0: its head is gone", next)
			}
		}
		if err := d.replay(dir+"/"+journalName(number), number, end); err != nil {
			return err
		}
		if i+1 >= len(numbers) {
			break
		}
	}
	return nil
}

func (d *Disk) readHead(name string) (head frame, whole bool, err error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return head, false, fault.New(fault.Unavailable, "cannot open a journal: %w", err)
	}
	defer f.Close()
	b := make([]byte, frameLen)
	if n, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return head, false, fault.New(fault.Unavailable, "cannot read a journal: %w", err)
	} else if n < frameLen {
		return head, false, nil
	}
	head, _, ok := cutFrame(b)
	return head, ok && head.kind == frameHead, nil
}

// nothingIn reports whether a journal without a head holds no frame either.
func (d *Disk) nothingIn(name string) (bool, error) {
	b, err := vfs.ReadFile(d.fs, name)
	if err != nil {
		return false, fault.New(fault.Unavailable, "cannot read a journal: %w", err)
	}
	return nextCommitted(b, 0) < 0, nil
}

// nextCommitted is the place of the first frame behind at that was written when
// byte at was already durable, or -1.
func nextCommitted(b []byte, at int64) int64 {
	for q := (at + 8) &^ 7; q+frameLen <= int64(len(b)); q += 8 {
		if f, ok := decodeFrame(b[q:]); ok && int64(f.committed) > at {
			return q
		}
	}
	return -1
}

// replay reads one journal. end is where it ends, by the head of the next one;
// -1 for the last, which ends where frames stop being whole.
func (d *Disk) replay(name string, number, end int64) error {
	f, err := d.fs.OpenWrite(name)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot open a journal: %w", err)
	}
	j := &journal{number: number, file: share(f, name)}
	d.journals = append(d.journals, j)
	size, err := f.Size()
	if err != nil {
		return fault.New(fault.Unavailable, "cannot read a journal: %w", err)
	}
	damaged := func(at int64, why string) error {
		hint := ", or open with salvage to go on without what is lost"
		if d.opt.Salvage {
			hint = ""
		}
		return fault.New(fault.Damaged, "journal %s is damaged at byte %d: %s; restore it from a copy%s", name, at, why, hint)
	}
	if end >= 0 && size < end && !d.opt.Salvage {
		return damaged(size, fmt.Sprintf("it ends here, %d bytes were durable", end))
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); int64(n) < size {
		return fault.New(fault.Unavailable, "cannot read a journal: %w", err)
	}
	if end >= 0 && end < size {
		b = b[:end]
	}
	at := int64(0)
	for at < int64(len(b)) {
		fr, payload, ok := cutFrame(b[at:])
		if ok {
			if err := d.apply(j, &fr, payload, at, number); err != nil {
				return damaged(at, err.Error())
			}
			at += fr.size()
			continue
		}
		why := "no whole frame"
		if end < 0 {
			q := nextCommitted(b, at)
			if q < 0 {
				break // a torn write, never acknowledged
			}
			why = fmt.Sprintf("no whole frame, though the one at byte %d says that there was", q)
		}
		if !d.opt.Salvage {
			return damaged(at, why)
		}
		behind, err := d.salvage(name, b, at)
		if err != nil {
			return damaged(at, why+": "+err.Error())
		}
		at = behind
	}
	j.size = at
	if end < 0 {
		// What is found here may never have been made durable; it is shown to readers
		// only after it is.
		if at < size {
			if err := f.Truncate(at); err != nil {
				return fault.New(fault.Unavailable, "cannot cut a torn write off %s: %w", name, err)
			}
		}
		if err := f.Sync(); err != nil {
			return fault.New(fault.Unavailable, "cannot make %s durable; check the disk: %w", name, err)
		}
	}
	d.nextJournal, d.prevLength = number+1, at
	if at < frameLen { // the head itself is torn
		d.prevLength = 0
	}
	return nil
}

// apply takes one frame into the state. An error means that the frame does not
// fit what came before it.
func (d *Disk) apply(j *journal, f *frame, payload []byte, at, number int64) error {
	known := f.leaf < d.man.Leaves // the manifest has its effects already
	if f.kind == frameHead {
		if at != 0 || f.base != number {
			return errors.New("a head out of place")
		}
		if d.opt.Salvage {
			if err := d.restoreLeaves("", at, f.leaf); err != nil {
				return err
			}
		}
		// The manifest may be younger than this journal, and then knows of more leaves.
		if f.leaf != d.tree.size() && f.leaf > d.man.Leaves {
			return fmt.Errorf("leaf %d is next, the head says %d", d.tree.size(), f.leaf)
		}
		j.created = f.time
		return nil
	}
	if at == 0 {
		return errors.New("no head")
	}
	switch f.kind {
	case frameTopic:
		var meta topicMeta
		if err := json.Unmarshal(payload, &meta); err != nil {
			return err
		}
		if checkName(meta.Name) != nil || checkPartitions(meta.Partitions) != nil {
			return errors.New("a topic that cannot be")
		}
		if int(f.topic) < len(d.byID) {
			if d.byID[f.topic].meta.Name != meta.Name {
				return fmt.Errorf("topic %d is %s and %s", f.topic, d.byID[f.topic].meta.Name, meta.Name)
			}
			return nil
		}
		if int(f.topic) > len(d.byID) || d.topics[meta.Name] != nil {
			return errors.New("topics out of order")
		}
		d.addTopic(newTopic(f.topic, meta))
		return nil
	case frameClose:
		return nil
	}
	if int(f.topic) >= len(d.byID) || f.partition < 0 || int(f.partition) >= len(d.byID[f.topic].parts) {
		return fmt.Errorf("unknown topic %d, partition %d", f.topic, f.partition)
	}
	if !known && f.leaf != d.tree.size() {
		return fmt.Errorf("leaf %d is next, the frame says %d", d.tree.size(), f.leaf)
	}
	p := d.byID[f.topic].parts[f.partition]
	leaf := Leaf{Kind: LeafKind(f.kind), Topic: p.topic.meta.Name, Partition: p.id, Base: f.base, Last: f.last, Time: f.time, Hash: f.hash}
	switch f.kind {
	case frameForeign, frameOwn:
		h, err := parseHead(payload)
		if err != nil {
			return err
		}
		if err := d.applyBatch(j, p, f, &h, at, known); err != nil {
			return err
		}
	case frameContent, frameDrop:
		if len(payload) != 8 {
			return errors.New("a note of a wrong length")
		}
		leaf.Ref = binary.LittleEndian.Uint64(payload)
		if f.kind == frameDrop && f.last+1 > p.start {
			p.start = f.last + 1
		}
	}
	if !known {
		d.tree.add(&leaf, f.topic)
	}
	return nil
}

func (d *Disk) applyBatch(j *journal, p *partition, f *frame, h *kmsg.RecordBatch, at int64, known bool) error {
	if !known {
		if f.base != p.next {
			return fmt.Errorf("offset %d of %s/%d is next, the frame says %d", p.next, p.topic.meta.Name, p.id, f.base)
		}
		p.next = f.last + 1
		if h.ProducerID >= 0 {
			p.producers[h.ProducerID] = p.producers[h.ProducerID].with(h, f.base, f.time)
		}
	}
	if n := len(p.segments); n > 0 && f.base <= p.segments[n-1].meta.Last {
		return nil // sealed; a journal is removed only after all of it is
	}
	if n := len(p.hot); n > 0 && f.base <= p.hot[n-1].last {
		return errors.New("offsets out of order")
	}
	p.hot = append(p.hot, entry{base: f.base, last: f.last, time: f.time, maxTime: h.MaxTimestamp, journal: j, pos: at + frameLen, length: int32(f.length)})
	j.bytes += int64(f.length)
	return nil
}
