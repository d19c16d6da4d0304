package commitlog

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"sextant/fault"
)

// window is how many batches of a producer are remembered: a client may have
// five in flight, so any of the last five may come again.
const window = 5

// producer is what a partition knows of one idempotent producer.
type producer struct {
	Epoch int16
	Time  int64 // of the last batch, Unix milliseconds
	Spans []span
}

// span is one batch: its sequence numbers and its offsets.
type span struct {
	First, Last int32
	Base        int64
}

// check looks at a batch's sequence. dup is the batch that it repeats, if any.
// known is false for a producer that this partition has not seen.
func (p producer) check(known bool, h *kmsg.RecordBatch) (dup *span, err error) {
	first, last := h.FirstSequence, addSequence(h.FirstSequence, h.LastOffsetDelta)
	if !known {
		if first != 0 {
			return nil, fault.New(fault.Conflict, "%w %d starts at sequence %d", ErrUnknownProducer, h.ProducerID, first)
		}
		return nil, nil
	}
	switch {
	case h.ProducerEpoch < p.Epoch:
		return nil, fault.New(fault.Conflict, "%w: producer %d is at epoch %d, the batch is of %d", ErrFenced, h.ProducerID, p.Epoch, h.ProducerEpoch)
	case h.ProducerEpoch > p.Epoch:
		if first != 0 {
			return nil, fault.New(fault.Conflict, "%w: producer %d starts epoch %d at %d, not at 0", ErrOutOfOrder, h.ProducerID, h.ProducerEpoch, first)
		}
		return nil, nil
	}
	for i := range p.Spans {
		if p.Spans[i].First == first && p.Spans[i].Last == last {
			return &p.Spans[i], nil
		}
	}
	if n := len(p.Spans); n > 0 {
		if want := addSequence(p.Spans[n-1].Last, 1); first != want {
			return nil, fault.New(fault.Conflict, "%w: producer %d sent %d, %d is next", ErrOutOfOrder, h.ProducerID, first, want)
		}
	}
	return nil, nil
}

// with is the producer after a batch. The receiver is not changed.
func (p producer) with(h *kmsg.RecordBatch, base, now int64) producer {
	spans := make([]span, 0, window)
	if h.ProducerEpoch == p.Epoch {
		spans = append(spans, p.Spans[max(len(p.Spans)-window+1, 0):]...)
	}
	spans = append(spans, span{First: h.FirstSequence, Last: addSequence(h.FirstSequence, h.LastOffsetDelta), Base: base})
	return producer{Epoch: h.ProducerEpoch, Time: now, Spans: spans}
}

// addSequence counts on as Kafka does: behind 2³¹-1 comes 0.
func addSequence(s, n int32) int32 {
	sum := int64(s) + int64(n)
	if sum > math.MaxInt32 {
		sum -= math.MaxInt32 + 1
	}
	return int32(sum)
}
