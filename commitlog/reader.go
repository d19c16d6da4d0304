package commitlog

import (
	"context"
)

// reader implements Reader on a Disk.
type reader struct {
	d         *Disk
	topic     string
	partition int32
	part      *partition
	next      int64
	closed    bool
}

// Reader implements Log.
func (d *Disk) Reader(topic string, partition int32, from int64) (Reader, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p, err := d.find(topic, partition)
	if err != nil {
		return nil, err
	}
	if from < p.start || from > p.durable {
		return nil, outOfRange(topic, partition, from, p.start, p.durable)
	}
	return &reader{d: d, topic: topic, partition: partition, part: p, next: from}, nil
}

func (r *reader) Next(ctx context.Context) (Batch, error) {
	for {
		b, ok, grown, err := r.try(ctx)
		if err != nil || ok {
			return b, err
		}
		select {
		case <-grown:
		case <-r.d.closed:
			return Batch{}, errClosed()
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

func (r *reader) TryNext(ctx context.Context) (Batch, bool, error) {
	b, ok, _, err := r.try(ctx)
	return b, ok, err
}

func (r *reader) try(ctx context.Context) (b Batch, ok bool, grown <-chan struct{}, err error) {
	if err := ctx.Err(); err != nil {
		return b, false, nil, err
	}
	if r.closed {
		return b, false, nil, errClosed()
	}
	loc, ok, grown, err := r.d.locate(r.topic, r.partition, r.next)
	if err != nil || !ok {
		return b, false, grown, err
	}
	b = Batch{Base: max(loc.base, r.next), Last: loc.last, Bytes: loc.length}
	b.Events, b.Bad, err = r.d.read(&loc, r.next)
	if rerr := loc.file.release(); err == nil {
		err = rerr
	}
	if err != nil {
		return Batch{}, false, nil, err
	}
	r.next = loc.last + 1
	return b, true, nil, nil
}

func (r *reader) Offset() int64 { return r.next }

func (r *reader) Durable() int64 {
	r.d.mu.RLock()
	defer r.d.mu.RUnlock()
	return r.part.durable
}

func (r *reader) Close() error {
	r.closed = true
	return nil
}
