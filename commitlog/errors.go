package commitlog

import (
	"errors"
	"fmt"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// What callers tell apart. Each is in the chain of an error with the fault.Kind
// that is named here.
var (
	ErrHeld             = errors.New("the log is in use by another process")                     // Conflict
	ErrClosed           = errors.New("the log is closed")                                        // Unavailable
	ErrNoTopic          = errors.New("no such topic or partition")                               // NotFound
	ErrTopicExists      = errors.New("the topic exists already")                                 // Conflict
	ErrTopicName        = errors.New("not a topic name")                                         // Invalid
	ErrBadBatch         = errors.New("not a valid record batch")                                 // Invalid
	ErrChecksum         = errors.New("record batch with a wrong checksum")                       // Invalid
	ErrTooLarge         = errors.New("record batch too large")                                   // Invalid
	ErrOutOfOrder       = errors.New("sequence number out of order")                             // Conflict
	ErrUnknownProducer  = errors.New("unknown producer")                                         // Conflict
	ErrFenced           = errors.New("producer epoch is old")                                    // Conflict
	ErrFull             = errors.New("no room on the disk")                                      // Unavailable
	ErrPartitionFailed  = errors.New("the partition takes no more events until the log reopens") // Unavailable
	ErrOffsetOutOfRange = errors.New("offset out of range")                                      // NotFound
)

// OffsetError is ErrOffsetOutOfRange with the range that there is.
type OffsetError struct {
	Topic      string
	Partition  int32
	Offset     int64
	Start, End int64 // events Start to End-1 exist; End may be read from too, and waits
}

func (e *OffsetError) Error() string {
	return fmt.Sprintf("cannot read offset %d of %s/%d: the log holds %d to %d", e.Offset, e.Topic, e.Partition, e.Start, e.End-1)
}

func (e *OffsetError) Is(target error) bool { return target == ErrOffsetOutOfRange }

func outOfRange(topic string, partition int32, offset, start, end int64) error {
	return &fault.Error{Kind: fault.NotFound, Err: &OffsetError{topic, partition, offset, start, end}}
}

// DamagedError says that a batch is not what was written. Events Base to Last
// cannot be had; a reader from Last+1 on goes on behind them.
type DamagedError struct {
	File       string
	At         int64
	Topic      string
	Partition  int32
	Base, Last int64
	Why        string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("cannot read offsets %d to %d of %s/%d: %s at byte %d is damaged: %s", e.Base, e.Last, e.Topic, e.Partition, e.File, e.At, e.Why)
}

func noTopic(topic string, partition int32) error {
	return fault.New(fault.NotFound, "%w: %s/%d", ErrNoTopic, topic, partition)
}

func errClosed() error { return fault.New(fault.Unavailable, "%w", ErrClosed) }

// writeError is what an append answers when the disk refused a write that could
// be taken back.
func writeError(err error) error {
	if vfs.IsFull(err) {
		return fault.New(fault.Unavailable, "cannot append: %w; free some, or shorten retention, then try again: %w", ErrFull, err)
	}
	return fault.New(fault.Unavailable, "cannot append: %w", err)
}

// syncError is the sticky failure of a partition.
func syncError(topic string, partition int32, err error) error {
	return fault.New(fault.Unavailable, "cannot make %s/%d durable: %w; check the disk, then restart: %w", topic, partition, ErrPartitionFailed, err)
}
