package commitlog

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Place of a record within a partition: its event, and which of the event's it is.
type Place struct {
	Offset int64
	Index  int32
}

// wanted is a place that is asked for, and where its record goes.
type wanted struct {
	Place
	out *[]byte
}

func (w *wanted) compare(x *wanted) int {
	switch {
	case w.Offset != x.Offset && w.Offset < x.Offset || w.Offset == x.Offset && w.Index < x.Index:
		return -1
	case w.Place == x.Place:
		return 0
	}
	return 1
}

// Records implements Log.
func (d *Disk) Records(ctx context.Context, topic string, partition int32, places []Place) ([][]byte, error) {
	out := make([][]byte, len(places))
	want := make([]wanted, len(places))
	for i, p := range places {
		want[i] = wanted{p, &out[i]}
	}
	slices.SortFunc(want, func(a, b wanted) int { return a.compare(&b) })
	// Batches that lie apart are read at once: a disk has answers to many questions in the
	// time of one.
	var damage []error // of each batch
	var mu sync.Mutex
	var reads sync.WaitGroup
	room := make(chan struct{}, readsAtOnce)
	var failed error
	for len(want) > 0 {
		if failed = ctx.Err(); failed != nil {
			break
		}
		loc, ok, _, err := d.locate(topic, partition, want[0].Offset)
		if errors.Is(err, ErrOffsetOutOfRange) {
			want = want[1:]
			continue
		}
		if failed = err; err != nil || !ok { // !ok: the durable end
			break
		}
		n := 0 // of the batch, or before it
		for n < len(want) && want[n].Offset <= loc.last {
			n++
		}
		of, at := want[:n], len(damage)
		mu.Lock()
		damage = append(damage, nil)
		mu.Unlock()
		want = want[n:]
		read := func() error { return errors.Join(d.pick(&loc, of), loc.file.release()) }
		if len(want) == 0 && at == 0 {
			damage[0] = read()
			break
		}
		room <- struct{}{}
		reads.Go(func() {
			err := read()
			mu.Lock()
			damage[at] = err
			mu.Unlock()
			<-room
		})
	}
	reads.Wait()
	// One that is damaged is no reason to withhold the others.
	return out, errors.Join(failed, errors.Join(damage...))
}

// readsAtOnce is how many batches one call reads at a time.
const readsAtOnce = 8

// pick the records of a located batch; want is in order, and may hold places before it.
func (d *Disk) pick(loc *location, want []wanted) error {
	for len(want) > 0 && want[0].Offset < loc.base {
		want = want[1:]
	}
	if len(want) == 0 {
		return nil
	}
	p, err := loc.pack(d.cs.limit)
	if err != nil {
		return err
	}
	if p == nil {
		events, err := d.decoded(loc)
		if err != nil {
			return err
		}
		for i := range events {
			want = d.pickEvent(events[i].Value, events[i].Offset, 0, want)
		}
		return nil
	}
	if d.opt.Split == nil { // a chunk may begin within what is one record here
		for _, w := range want {
			e, ok, err := d.eventAt(loc, w.Offset)
			if err != nil {
				return err
			}
			if ok && w.Index == 0 {
				*w.out = e.Value
			}
		}
		return nil
	}
	for len(want) > 0 {
		i := p.holds(want[0].Offset-loc.base, want[0].Index)
		n := 1
		for n < len(want) && p.holds(want[n].Offset-loc.base, want[n].Index) == i {
			n++
		}
		// Where the chunk begins within an event, an array opens before it.
		plain, err := loc.chunks(p, i, i+1, []byte{'['})
		if err != nil {
			return err
		}
		if c := &p.chunks[i]; c.part > 0 {
			d.pickEvent(plain, loc.base+c.delta, c.part, want[:n])
		} else if err := d.pickEvents(plain[1:], loc.base, want[:n]); err != nil {
			return loc.damaged(err.Error())
		}
		want = want[n:]
	}
	return nil
}

// pickEvents picks out of a chunk of events, the last of which may go on in another.
func (d *Disk) pickEvents(plain []byte, base int64, want []wanted) error {
	var r record
	for len(plain) > 0 && len(want) > 0 {
		rest, err := nextRecord(plain, &r)
		delta, value := r.offsetDelta, r.value
		if err != nil {
			if delta, value, err = truncatedValue(plain); err != nil {
				return err
			}
			rest = nil
		}
		want = d.pickEvent(value, base+delta, 0, want)
		plain = rest
	}
	return nil
}

var errPicked = errors.New("all that is wanted was found")

// pickEvent picks out of the value of an event, from a record of it on, and gives the
// places that come behind it.
func (d *Disk) pickEvent(value []byte, offset int64, first int32, want []wanted) []wanted {
	for len(want) > 0 && want[0].Offset < offset {
		want = want[1:]
	}
	n := 0
	for n < len(want) && want[n].Offset == offset {
		n++
	}
	if n == 0 {
		return want
	}
	mine, rest := want[:n], want[n:]
	give := func(index, from, to int) error {
		for len(mine) > 0 && mine[0].Index < first+int32(index) {
			mine = mine[1:]
		}
		for len(mine) > 0 && mine[0].Index == first+int32(index) {
			*mine[0].out = value[from:to:to]
			mine = mine[1:]
		}
		if len(mine) == 0 {
			return errPicked
		}
		return nil
	}
	if d.opt.Split == nil {
		_ = give(0, 0, len(value))
		return rest
	}
	// That the value breaks off is how a chunk ends; what was found before is whole.
	_ = d.opt.Split(value, give)
	return rest
}
