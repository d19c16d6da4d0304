package commitlog

import (
	"errors"
	"fmt"
)

// A journal that is damaged in its middle keeps the log from opening, because
// events that were acknowledged are lost. Options.Salvage opens it without them:
// their offsets stay empty, and their leaves stay in the tree, taken from the
// frames' heads or, where these are gone too, from the leaf file.

// salvage steps over the damage at byte at of a journal. It returns where to go on.
func (d *Disk) salvage(name string, b []byte, at int64) (behind int64, err error) {
	if f, ok := decodeFrame(b[at:]); ok && f.kind.batch() && at+f.size() <= int64(len(b)) {
		// The head is whole, so only this batch is lost.
		if f.leaf < d.tree.size() {
			d.lose(name, at, Leaf{Kind: LeafKind(f.kind), Partition: f.partition, Base: f.base, Last: f.last}, f.topic)
			return at + f.size(), nil
		}
		if int(f.topic) >= len(d.byID) || f.partition < 0 || int(f.partition) >= len(d.byID[f.topic].parts) || f.leaf != d.tree.size() {
			return 0, errors.New("its head does not fit the frames before it")
		}
		l := Leaf{Kind: LeafKind(f.kind), Topic: d.byID[f.topic].meta.Name, Partition: f.partition, Base: f.base, Last: f.last, Time: f.time, Hash: f.hash}
		d.tree.add(&l, f.topic)
		d.lose(name, at, l, f.topic)
		return at + f.size(), nil
	}
	for q := (at + 8) &^ 7; q+frameLen <= int64(len(b)); q += 8 {
		f, _, ok := cutFrame(b[q:])
		if !ok {
			continue
		}
		if f.kind == frameTopic || f.kind == frameClose || f.kind.leafy() {
			return q, d.restoreLeaves(name, at, f.leaf)
		}
	}
	return int64(len(b)), nil // the next journal's head says what is missing
}

// restoreLeaves adds the leaves up to a number from the rows that the leaf file had.
func (d *Disk) restoreLeaves(name string, at int64, upTo uint64) error {
	for n := d.tree.size(); n < upTo; n++ {
		i := int64(n-d.spareFrom) * rowLen
		if n < d.spareFrom || i+rowLen > int64(len(d.spare)) {
			return fmt.Errorf("the leaf file does not have leaf %d either", n)
		}
		l, topic, ok := decodeRow(d.spare[i:])
		if !ok || int(topic) >= len(d.byID) || l.Partition < 0 || int(l.Partition) >= len(d.byID[topic].parts) {
			return fmt.Errorf("the leaf file is damaged too, at leaf %d", n)
		}
		l.Topic = d.byID[topic].meta.Name
		d.tree.add(&l, topic)
		if l.Kind == LeafDrop {
			p := d.byID[topic].parts[l.Partition]
			p.start = max(p.start, l.Last+1)
		}
		d.lose(name, at, l, topic)
	}
	return nil
}

// lose notes a batch as lost; its offsets are not given again.
func (d *Disk) lose(name string, at int64, l Leaf, topic uint32) {
	if !frameKind(l.Kind).batch() {
		return
	}
	p := d.byID[topic].parts[l.Partition]
	p.next = max(p.next, l.Last+1)
	d.lost = append(d.lost, DamagedError{File: name, At: at, Topic: p.topic.meta.Name, Partition: p.id, Base: l.Base, Last: l.Last, Why: "it was not found whole when the log was salvaged"})
}

// Lost lists what Options.Salvage had to leave out when the log was opened.
func (d *Disk) Lost() []DamagedError { return append([]DamagedError(nil), d.lost...) }
