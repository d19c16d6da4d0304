// Package commitlog keeps a tenant's events: topics of partitions of numbered
// events, durable before they are acknowledged, readable as Kafka's own bytes.
//
// A [Log] is what the rest of the program knows; [Disk] is the one that lives
// in a folder. Events enter by [Log.Append] (which makes a batch of them) or
// [Log.AppendBatch] (a RecordBatch v2 that a Kafka client made). They come out
// by [Log.Reader], which decodes and follows; by [Log.Fetch], which hands out
// batches for a Kafka client; and by [Log.Event] and [Log.Records], one at a time. [Log.Watch] tells
// who follows many topics which of them grew.
//
// How it is kept, and what holds at any moment, is in DESIGN.md.
package commitlog

import (
	"context"
	"time"
)

// Header is a name and value that travels with an event.
type Header struct {
	Key   string
	Value []byte
}

// Event is one Kafka record. Value is a body {"records":[…]}; the log does not
// look inside. A nil Key or Value is Kafka's null, an empty one is not.
type Event struct {
	Key, Value []byte
	Headers    []Header
	Time       time.Time // kept in milliseconds; zero on Append: now
	Offset     int64     // set by the log; Append ignores it
}

// Header of the event, the first of that key; "" where it has none.
func (e *Event) Header(key string) string {
	for i := range e.Headers {
		if e.Headers[i].Key == key {
			return string(e.Headers[i].Value)
		}
	}
	return ""
}

// Ack says where a batch went: offsets Base to Last, both included.
type Ack struct {
	Partition  int32
	Base, Last int64
}

// TopicInfo describes a topic as of now.
type TopicInfo struct {
	Name       string
	Created    time.Time
	Partitions []PartitionInfo // in order of their number, which is the index
}

// PartitionInfo describes a partition as of now. Events Start to Next-1 can be
// read; they are all durable. Bytes is what they take on the disk.
type PartitionInfo struct {
	Start, Next int64
	Bytes       int64
	Failed      error // why the partition takes no more events; nil when it does
}

// Batch is what a Reader hands out. Its memory is shared with other readers:
// look, do not touch.
type Batch struct {
	Base, Last int64 // of the events in it that were asked for
	Events     []Event
	Bytes      int   // as it lies on the disk, compressed
	Bad        error // the batch is whole, but its producer filled it with what is no Kafka record; Events is then empty
}

// Growth is one partition that has news: Next is its durable end.
type Growth struct {
	Topic     string
	Partition int32
	Next      int64
}

// Log is a tenant's log. All methods may be called by any number of goroutines.
//
// Errors carry a [fault.Kind]; beside that they can be told apart by errors.Is
// with the Err… values of this package.
type Log interface {
	// Append makes one batch of the events and returns when it is durable. The
	// topic is created if need be. Of a topic with several partitions, the first
	// event's key picks one; without a key they take turns. The log keeps the
	// events' memory for readers that follow closely: do not change it.
	//
	// A ctx that ends while the batch waits takes it back; once it is being
	// written Append waits for the outcome.
	Append(ctx context.Context, topic string, events []Event) (Ack, error)

	// AppendBatch appends one RecordBatch v2, compressed or not, as a Kafka
	// client sends it, and returns when it is durable. The bytes are kept as they
	// are, but for base offset and leader epoch; batch itself is not changed, and
	// is the caller's again on return. What is in its records is not looked at.
	//
	// A batch of an idempotent producer that was already taken gives the Ack that
	// it got. One that does not follow on its predecessor is ErrOutOfOrder.
	AppendBatch(ctx context.Context, topic string, partition int32, batch []byte) (Ack, error)

	// CreateTopic makes a topic with so many partitions (0: the default), or says
	// ErrTopicExists.
	CreateTopic(ctx context.Context, name string, partitions int32) error

	// Topics lists the topics by name.
	Topics(ctx context.Context) ([]TopicInfo, error)

	// Fetch returns the whole batches from the one that holds offset on, as they
	// lie: at least one, and no more than maxBytes after the first. At the durable
	// end it returns none; outside, ErrOffsetOutOfRange. Close what it returns.
	Fetch(ctx context.Context, topic string, partition int32, offset int64, maxBytes int) (*Fetched, error)

	// Reader reads from an offset on and follows.
	Reader(topic string, partition int32, from int64) (Reader, error)

	// Event reads one event back by its place.
	Event(ctx context.Context, topic string, partition int32, offset int64) (Event, error)

	// Records reads single records back by their places in a partition, in the order of
	// the places; nil is one that the log does not have (any more). An error of kind
	// fault.Damaged or fault.Invalid is about some of them: the others are there all the
	// same.
	Records(ctx context.Context, topic string, partition int32, places []Place) ([][]byte, error)

	// Watch tells which partitions grow, from everything there is on.
	Watch() Watch

	Close() error
}

// Reader reads one partition in order. It is for one goroutine.
type Reader interface {
	// Next returns the next batch, and waits for it when there is none. When
	// retention has removed it the error is ErrOffsetOutOfRange, when it is damaged
	// on the disk a *DamagedError; both say where one can go on.
	Next(ctx context.Context) (Batch, error)
	// TryNext is Next without the wait: ok is false at the durable end.
	TryNext(ctx context.Context) (b Batch, ok bool, err error)
	// Offset is that of the next event.
	Offset() int64
	// Durable is the partition's durable end: the reader is behind by Durable()-Offset().
	Durable() int64
	Close() error
}

// Watch is one watcher's view. It is for one goroutine.
type Watch interface {
	// Next returns the partitions that are new or grew since the last call, in no
	// particular order, and waits until there is one. The first call returns all
	// that there are.
	Next(ctx context.Context) ([]Growth, error)
	Close()
}
