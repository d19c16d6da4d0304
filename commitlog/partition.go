package commitlog

import (
	"sort"
	"time"

	"sextant/fault"
)

// topic and partition are reached through Disk.topics and never removed.
type topic struct {
	meta  topicMeta
	id    uint32
	parts []*partition
}

// topicMeta is what is written about a topic.
type topicMeta struct {
	Name       string    `json:"name"`
	Partitions int32     `json:"partitions"`
	Created    time.Time `json:"created"`
}

type partition struct {
	topic *topic
	id    int32

	// The writer's own.
	next      int64
	producers map[int64]producer

	// Under Disk.mu. Every offset from start to durable-1 that was given to an
	// event is in a segment or in hot; segments come first, both are in order.
	start, durable int64
	segments       []*segment
	hot            []entry
	failed         error
	grown          chan struct{} // closed, and replaced, when durable grows
}

// entry is one batch in a journal.
type entry struct {
	base, last int64
	time       int64 // of arrival
	maxTime    int64 // of its records
	journal    *journal
	pos        int64 // of the batch; its frame's head is frameLen before
	length     int32
	events     []Event // as they came, for readers that follow closely; nil: read the file
}

func newTopic(id uint32, meta topicMeta) *topic {
	t := &topic{meta: meta, id: id}
	for i := range meta.Partitions {
		t.parts = append(t.parts, &partition{topic: t, id: i, producers: map[int64]producer{}, grown: make(chan struct{})})
	}
	return t
}

// hotAt is the index of the first hot batch that holds offset or comes after it.
func (p *partition) hotAt(offset int64) int {
	return sort.Search(len(p.hot), func(i int) bool { return p.hot[i].last >= offset })
}

// segmentAt is the same for segments.
func (p *partition) segmentAt(offset int64) int {
	return sort.Search(len(p.segments), func(i int) bool { return p.segments[i].meta.Last >= offset })
}

func (p *partition) bytes() (n int64) {
	for _, s := range p.segments {
		n += s.meta.Size
	}
	for i := range p.hot {
		n += int64(p.hot[i].length)
	}
	return n
}

// maxTopicName is Kafka's.
const maxTopicName = 249

// maxPartitions of one topic. Event Hubs stops at 2,000 for its dearest tier.
const maxPartitions = 2000

// checkName holds a topic to Kafka's rule, which also makes it a safe file name.
func checkName(name string) error {
	bad := name == "" || name == "." || name == ".." || len(name) > maxTopicName
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			bad = true
		}
	}
	if bad {
		return fault.New(fault.Invalid, "%w: %.300q; 1 to %d letters, digits, '.', '_' and '-' work", ErrTopicName, name, maxTopicName)
	}
	return nil
}

func checkPartitions(n int32) error {
	if n < 1 || n > maxPartitions {
		return fault.New(fault.Invalid, "a topic cannot have %d partitions; 1 to %d work", n, maxPartitions)
	}
	return nil
}
