package commitlog

import (
	"time"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// Codec is how the records of a batch are compressed, by Kafka's numbers.
type Codec int8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Codec) String() string {
	if c < None || c > Zstd {
		return "unknown"
	}
	return [...]string{"none", "gzip", "snappy", "lz4", "zstd"}[c]
}

// Retention says how long a topic's events are kept. Whole sealed segments are
// removed, oldest first, so a little more is kept than was asked for. Age counts
// from the arrival of the segment's last event in this log, not from the time
// that an event bears: an old archive may be imported today and kept.
type Retention struct {
	Age   time.Duration // 0: for ever
	Bytes int64         // on the disk, of one partition; 0: without limit
}

// Options of a Disk; the zero value of each field is a good choice.
type Options struct {
	FS  vfs.FS           // the machine's
	Now func() time.Time // time.Now

	Partitions func(topic string) int32     // of a topic made on demand; 1
	Retention  func(topic string) Retention // for ever
	Codec      Codec                        // of batches that Append makes; Snappy, or NoCompression
	// NoCompression makes Append leave batches uncompressed.
	NoCompression bool

	// Split says where the records in an event's value lie, by their number: so they can
	// be read one at a time, see Log.Records. It tells of each before it looks at what
	// follows, since a value may end behind any of them; and of a value that is '[' and
	// an event's rest from a record on it numbers that record 0. nil: a value is one
	// record.
	Split func(value []byte, emit func(index, from, to int) error) error

	MaxBatchBytes  int // of one batch, as it comes; 16 MiB
	MaxRecordBytes int // of one batch, uncompressed; 256 MiB. More is taken but not decoded

	JournalBytes int64         // a journal file is closed when it has so many; 64 MiB
	JournalAge   time.Duration // Maintain closes it at this age; 1 h
	SegmentBytes int64         // a sealed segment has at most about so many; 64 MiB
	SegmentSpan  time.Duration // and holds what arrived within this; 24 h
	SealedBatch  int           // sealing merges batches up to so many bytes uncompressed; 1 MiB
	TailBytes    int64         // of decoded events kept for readers that follow closely; 32 MiB, negative: none

	// Salvage opens a log whose journals are damaged, without the events that are
	// lost; Lost lists them. It may be needed until Seal has removed the journal.
	Salvage bool

	ProducerExpiry time.Duration // an idempotent producer is forgotten after such a silence; 7 days
}

func (o Options) withDefaults() (Options, error) {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Partitions == nil {
		o.Partitions = func(string) int32 { return 1 }
	}
	if o.Retention == nil {
		o.Retention = func(string) Retention { return Retention{} }
	}
	if o.Codec == None && !o.NoCompression {
		o.Codec = Snappy
	}
	if o.Codec < None || o.Codec > Zstd {
		return o, fault.New(fault.Invalid, "unknown compression %d; 0 to 4 work", o.Codec)
	}
	def(&o.MaxBatchBytes, 16<<20)
	def(&o.MaxRecordBytes, 256<<20)
	def(&o.JournalBytes, 64<<20)
	def(&o.JournalAge, time.Hour)
	def(&o.SegmentBytes, 64<<20)
	def(&o.SegmentSpan, 24*time.Hour)
	def(&o.SealedBatch, 1<<20)
	def(&o.TailBytes, 32<<20)
	def(&o.ProducerExpiry, 7*24*time.Hour)
	o.TailBytes = max(o.TailBytes, 0)
	for _, x := range []struct {
		name string
		n    int64
	}{{"MaxBatchBytes", int64(o.MaxBatchBytes)}, {"MaxRecordBytes", int64(o.MaxRecordBytes)}, {"JournalBytes", o.JournalBytes},
		{"SegmentBytes", o.SegmentBytes}, {"SealedBatch", int64(o.SealedBatch)}} {
		if x.n < 0 {
			return o, fault.New(fault.Invalid, "%s is negative; leave it 0 for the default", x.name)
		}
	}
	return o, nil
}

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
