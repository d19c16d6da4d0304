package node

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"

	"sextant/fault"
	"sextant/record"
	"sextant/store"
)

// TailOptions choose what to follow.
type TailOptions struct {
	Category string // "" is all
	// Sees says which categories may be seen, by their names in lower case; nil is all.
	Sees func(category string) bool
	Last int  // so many records of each topic from before now
	Stop bool // end behind them, rather than wait for more
}

// Tail gives records as they come into the tenant's log, one line each, until
// ctx ends or emit fails. Records of one topic come in order.
func (t *Tenant) Tail(ctx context.Context, o TailOptions, emit func(line []byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var followers sync.WaitGroup
	defer followers.Wait()
	defer cancel(nil)
	wanted := func(topic string) bool {
		category, ok := strings.CutPrefix(topic, "insights-logs-")
		return ok && (o.Category == "" || strings.EqualFold(category, o.Category)) && (o.Sees == nil || o.Sees(category))
	}
	topics, err := t.Log.Topics(ctx)
	if err != nil {
		return err
	}
	type span struct{ begin, end int64 }
	before := map[store.TopicPartition]span{} // partitions that were there when we began
	for _, topic := range topics {
		for i, p := range topic.Partitions {
			// An event holds one record or more: going back Last events is enough.
			before[store.TopicPartition{Topic: topic.Name, Partition: int32(i)}] = span{max(p.Next-int64(o.Last), p.Start), p.Next}
		}
	}
	if o.Stop {
		for _, topic := range topics {
			for i := range topic.Partitions {
				tp := store.TopicPartition{Topic: topic.Name, Partition: int32(i)}
				if s := before[tp]; wanted(tp.Topic) && s.begin < s.end {
					if err := t.tailOne(ctx, tp, s.begin, s.end, o, emit); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	lines := make(chan []byte)
	send := func(line []byte) error {
		select {
		case lines <- line:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	watch := t.Log.Watch()
	defer watch.Close()
	followers.Go(func() {
		following := map[store.TopicPartition]bool{}
		for {
			grown, err := watch.Next(ctx)
			if err != nil {
				cancel(err)
				return
			}
			for _, g := range grown {
				tp := store.TopicPartition{Topic: g.Topic, Partition: g.Partition}
				if following[tp] || !wanted(tp.Topic) {
					continue
				}
				following[tp] = true
				followers.Go(func() {
					s := before[tp]
					if err := t.tailOne(ctx, tp, s.begin, s.end, o, send); err != nil {
						cancel(err)
					}
				})
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line := <-lines:
			if err := emit(line); err != nil {
				return err
			}
		}
	}
}

// tailOne follows a partition from begin on. Of what lies before end only the
// last records are given.
func (t *Tenant) tailOne(ctx context.Context, tp store.TopicPartition, begin, end int64, o TailOptions, send func([]byte) error) error {
	reader, err := t.Log.Reader(tp.Topic, tp.Partition, begin)
	if err != nil {
		return err
	}
	defer reader.Close()
	var old [][]byte
	for {
		if reader.Offset() >= end {
			for _, line := range old[max(len(old)-o.Last, 0):] {
				if err := send(line); err != nil {
					return err
				}
			}
			old = nil
			if o.Stop {
				return nil
			}
		}
		b, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range b.Events {
			err := record.SplitEvent(e.Value, func(_ int, raw []byte) error {
				if e.Offset < end {
					old = append(old, oneLine(raw))
					return nil
				}
				return send(oneLine(raw))
			})
			if err != nil && fault.KindOf(err) != fault.Invalid {
				return err
			}
		}
	}
}

// oneLine is a record's own bytes, without line ends between its tokens.
func oneLine(raw []byte) []byte {
	if !bytes.ContainsAny(raw, "\r\n") {
		return bytes.Clone(raw)
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), nil), []byte("\n"), []byte(" "))
	}
	return b.Bytes()
}
