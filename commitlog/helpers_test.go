package commitlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"sextant/commitlog/vfs"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

// clock is a time that a test moves.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.t }

// openMem opens a log on a file system in memory.
func openMem(t testing.TB, m *vfs.Mem, opt Options) *Disk {
	t.Helper()
	d, err := tryOpenMem(m, opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return d
}

func tryOpenMem(m *vfs.Mem, opt Options) (*Disk, error) {
	opt.FS = m
	if opt.Now == nil {
		opt.Now = newClock().now
	}
	return Open(context.Background(), "log", opt)
}

func closeLog(t testing.TB, d *Disk) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func mustAppend(t testing.TB, d Log, topic string, values ...string) Ack {
	t.Helper()
	ack, err := d.Append(context.Background(), topic, eventsOf(values...))
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return ack
}

func eventsOf(values ...string) []Event {
	events := make([]Event, len(values))
	for i, v := range values {
		events[i] = Event{Value: []byte(v)}
	}
	return events
}

// values reads everything in a partition from an offset on, as "offset=value".
func values(t testing.TB, d Log, topic string, partition int32, from int64) []string {
	t.Helper()
	r, err := d.Reader(topic, partition, from)
	if err != nil {
		t.Fatalf("Reader: %v", err)
	}
	defer r.Close()
	var out []string
	for {
		b, ok, err := r.TryNext(context.Background())
		if err != nil {
			t.Fatalf("TryNext: %v", err)
		}
		if !ok {
			return out
		}
		if b.Bad != nil {
			t.Fatalf("bad batch: %v", b.Bad)
		}
		for _, e := range b.Events {
			out = append(out, fmt.Sprintf("%d=%s", e.Offset, e.Value))
		}
	}
}

// producerBatch is a batch as a Kafka client makes it, encoded by franz-go's own
// types so that our reading is checked against another's writing.
type producerBatch struct {
	codec    Codec
	id       int64
	epoch    int16
	sequence int32
	first    time.Time
	events   []Event
}

func (b producerBatch) bytes(t testing.TB) []byte {
	t.Helper()
	first := b.first
	if first.IsZero() {
		first = newClock().t
	}
	var plain []byte
	for i, e := range b.events {
		r := kmsg.Record{OffsetDelta: int32(i), TimestampDelta64: int64(i), Key: e.Key, Value: e.Value}
		for _, h := range e.Headers {
			r.Headers = append(r.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // an empty length takes one byte
		plain = r.AppendTo(plain)
	}
	cs, err := newCodecs(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	records, err := cs.compress(b.codec, nil, plain)
	if err != nil {
		t.Fatal(err)
	}
	kb := kmsg.RecordBatch{
		Length: int32(49 + len(records)), PartitionLeaderEpoch: -1, Magic: 2, Attributes: int16(b.codec), LastOffsetDelta: int32(len(b.events) - 1),
		FirstTimestamp: first.UnixMilli(), MaxTimestamp: first.UnixMilli() + int64(len(b.events)-1),
		ProducerID: b.id, ProducerEpoch: b.epoch, FirstSequence: b.sequence, NumRecords: int32(len(b.events)), Records: records,
	}
	if b.id < 0 {
		kb.ProducerEpoch, kb.FirstSequence = -1, -1
	}
	out := kb.AppendTo(nil)
	fixCRC(out)
	return out
}

func fixCRC(b []byte) { binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli)) }

func foreign(codec Codec, values ...string) producerBatch {
	return producerBatch{codec: codec, id: -1, events: eventsOf(values...)}
}

// kafkaValues decodes raw batches with the Kafka client's own code.
func kafkaValues(t testing.TB, raw []byte, from int64) []string {
	t.Helper()
	fp := kmsg.NewFetchResponseTopicPartition()
	fp.RecordBatches = raw
	fp.HighWatermark = 1 << 60
	p, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, Topic: "t"}, &fp, kgo.DefaultDecompressor(), nil)
	if p.Err != nil {
		t.Fatalf("the Kafka client cannot read it: %v", p.Err)
	}
	var out []string
	for _, r := range p.Records {
		out = append(out, fmt.Sprintf("%d=%s", r.Offset, r.Value))
	}
	return out
}

func fetchAll(t testing.TB, d Log, topic string, partition int32, from int64, maxBytes int) []byte {
	t.Helper()
	var raw []byte
	for {
		f, err := d.Fetch(context.Background(), topic, partition, from, maxBytes)
		if err != nil {
			t.Fatalf("Fetch at %d: %v", from, err)
		}
		if f.Bytes == 0 {
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			return raw
		}
		if raw, err = f.AppendTo(raw); err != nil {
			t.Fatal(err)
		}
		from = f.Next
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// signIn makes a diagnostic record of the size and shape of a sign-in, about
// 1 KB; what varies from one to the next varies here.
func signIn(rng *rand.Rand, i int) []byte {
	hex := func(n int) string {
		const digits = "0123456789abcdef"
		b := make([]byte, n)
		for i := range b {
			b[i] = digits[rng.IntN(16)]
		}
		return string(b)
	}
	guid := func() string { return hex(8) + "-" + hex(4) + "-" + hex(4) + "-" + hex(4) + "-" + hex(12) }
	const tenant = "11111111-2222-4333-8444-555555555555"
	user := rng.IntN(500)
	cities := []string{"Oslo", "Lagos", "Lima", "Pune", "Turin", "Quito", "Leeds", "Osaka"}
	apps := []string{"Payroll", "Azure Portal", "Office 365 Exchange Online", "Wiki", "Build Server"}
	at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 731 * time.Millisecond).Format("2006-01-02T15:04:05.0000000Z")
	return []byte(fmt.Sprintf(`{"records":[{"time":"%s","resourceId":"/tenants/%s/providers/Microsoft.aadiam","operationName":"Sign-in activity","operationVersion":"1.0","category":"SignInLogs","tenantId":"%s","resultType":"%d","durationMs":0,"callerIpAddress":"%d.%d.%d.%d","correlationId":"%s","Level":4,"location":"NO","properties":{"id":"%s","createdDateTime":"%s","userDisplayName":"Person %d","userPrincipalName":"person%d@example.org","userId":"00000000-0000-4000-8000-%012d","appDisplayName":"%s","clientAppUsed":"Browser","conditionalAccessStatus":"success","isInteractive":true,"deviceDetail":{"deviceId":"","operatingSystem":"Windows10","browser":"Edge 1%02d.0"},"location":{"city":"%s","state":"","countryOrRegion":"NO","geoCoordinates":{"latitude":%.4f,"longitude":%.4f}},"status":{"errorCode":0,"additionalDetails":"MFA requirement satisfied by claim in the token"},"uniqueTokenIdentifier":"%s","riskState":"none"}}]}`,
		at, tenant, tenant, []int{0, 0, 0, 50126}[rng.IntN(4)], rng.IntN(223)+1, rng.IntN(256), rng.IntN(256), rng.IntN(256), guid(), guid(), at, user, user, user,
		apps[rng.IntN(len(apps))], rng.IntN(40), cities[rng.IntN(len(cities))], 59+rng.Float64(), 10+rng.Float64(), strings.ToUpper(hex(22))))
}

func signIns(n int) []Event {
	rng := rand.New(rand.NewPCG(1, 2))
	events := make([]Event, n)
	for i := range events {
		events[i].Value = signIn(rng, i)
	}
	return events
}

// putProducer makes a batch an idempotent producer's.
func putProducer(b []byte, id int64, epoch int16, sequence int32) {
	binary.BigEndian.PutUint64(b[43:], uint64(id))
	binary.BigEndian.PutUint16(b[51:], uint16(epoch))
	binary.BigEndian.PutUint32(b[53:], uint32(sequence))
	fixCRC(b)
}
