package commitlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

var bg = context.Background()

func TestAppendAndReadBack(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.UTC)
	in := []Event{
		{Key: []byte("k"), Value: []byte("v"), Headers: []Header{{"h", []byte("1")}, {"h", nil}, {"", []byte{}}}, Time: at},
		{Key: nil, Value: nil},
		{Key: []byte{}, Value: []byte{}, Time: at.Add(-time.Hour)},
	}
	ack, err := d.Append(bg, "t", in)
	if err != nil || ack != (Ack{0, 0, 2}) {
		t.Fatalf("Append = %+v, %v", ack, err)
	}
	check := func(when string) {
		t.Helper()
		want := []time.Time{at.Truncate(time.Millisecond), newClock().t, at.Add(-time.Hour).Truncate(time.Millisecond)}
		for i, w := range in {
			e, err := d.Event(bg, "t", 0, int64(i))
			if err != nil {
				t.Fatalf("%s: Event %d: %v", when, i, err)
			}
			if (e.Key == nil) != (w.Key == nil) || string(e.Key) != string(w.Key) || (e.Value == nil) != (w.Value == nil) || string(e.Value) != string(w.Value) ||
				!e.Time.Equal(want[i]) || e.Offset != int64(i) || len(e.Headers) != len(w.Headers) {
				t.Errorf("%s: event %d = %+v, appended %+v", when, i, e, w)
			}
			for k, h := range e.Headers {
				if h.Key != w.Headers[k].Key || string(h.Value) != string(w.Headers[k].Value) || (h.Value == nil) != (w.Headers[k].Value == nil) {
					t.Errorf("%s: header %d = %+v, appended %+v", when, k, h, w.Headers[k])
				}
			}
		}
	}
	check("from memory")
	closeLog(t, d)
	d = openMem(t, m, Options{})
	check("after reopening")
	if ack := mustAppend(t, d, "t", "x"); ack.Base != 3 {
		t.Errorf("the next offset after reopening is %d, not 3", ack.Base)
	}
	closeLog(t, d)
}

// Every codec, ours and a client's, read by us and by the Kafka client.
func TestCodecs(t *testing.T) {
	for _, c := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		t.Run(c.String(), func(t *testing.T) {
			d := openMem(t, vfs.NewMem(), Options{Codec: c, NoCompression: c == None, TailBytes: -1})
			defer closeLog(t, d)
			mustAppend(t, d, "t", "ours", "zwei")
			if _, err := d.AppendBatch(bg, "t", 0, foreign(c, "theirs", "", "trois").bytes(t)); err != nil {
				t.Fatal(err)
			}
			want := []string{"0=ours", "1=zwei", "2=theirs", "3=", "4=trois"}
			if got := values(t, d, "t", 0, 0); !slices.Equal(got, want) {
				t.Errorf("Reader: %q", got)
			}
			for _, maxBytes := range []int{0, 1 << 20} {
				if got := kafkaValues(t, fetchAll(t, d, "t", 0, 0, maxBytes), 0); !slices.Equal(got, want) {
					t.Errorf("Fetch of %d, by the Kafka client: %q", maxBytes, got)
				}
			}
			if got := kafkaValues(t, fetchAll(t, d, "t", 0, 3, 1<<20), 3); !slices.Equal(got, want[3:]) {
				t.Errorf("Fetch from within a batch: %q", got)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	d := openMem(t, vfs.NewMem(), Options{MaxBatchBytes: 1000, MaxRecordBytes: 4000})
	defer closeLog(t, d)
	good := func() []byte { return foreign(None, "a", "b").bytes(t) }
	edit := func(f func(b []byte)) []byte { b := good(); f(b); fixCRC(b); return b }
	f := func(name string, batch []byte, want error) {
		t.Helper()
		if _, err := d.AppendBatch(bg, "t", 0, batch); !errors.Is(err, want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v (%v), want %v", name, err, fault.KindOf(err), want)
		}
	}
	f("nothing", nil, ErrBadBatch)
	f("head cut", good()[:60], ErrBadBatch)
	f("body cut", good()[:70], ErrBadBatch)
	f("two batches", append(good(), good()...), ErrBadBatch)
	f("old magic", edit(func(b []byte) { b[16] = 1 }), ErrBadBatch)
	f("negative length", edit(func(b []byte) { b[8] = 0xff }), ErrBadBatch)
	f("wrong checksum", func() []byte { b := good(); b[20] ^= 1; return b }(), ErrChecksum)
	f("flipped value", func() []byte { b := good(); b[len(b)-2] ^= 1; return b }(), ErrChecksum)
	f("codec 5", edit(func(b []byte) { b[22] = 5 }), ErrBadBatch)
	f("transaction", edit(func(b []byte) { b[22] = 16 }), ErrBadBatch)
	f("control", edit(func(b []byte) { b[22] = 32 }), ErrBadBatch)
	f("no records", edit(func(b []byte) { b[60], b[26] = 0, 0xff }), ErrBadBatch)
	f("wrong delta", edit(func(b []byte) { b[26] = 7 }), ErrBadBatch)
	f("too large", foreign(None, string(make([]byte, 1000))).bytes(t), ErrTooLarge)

	g := func(name string, err, want error, kind fault.Kind) {
		t.Helper()
		if !errors.Is(err, want) || fault.KindOf(err) != kind {
			t.Errorf("%s: %v (%v), want %v", name, err, fault.KindOf(err), want)
		}
	}
	_, err := d.Append(bg, "no/name", eventsOf("x"))
	g("bad name", err, ErrTopicName, fault.Invalid)
	_, err = d.Append(bg, "..", eventsOf("x"))
	g("dots", err, ErrTopicName, fault.Invalid)
	_, err = d.Append(bg, "t", eventsOf(string(make([]byte, 3000))))
	g("too large for us", err, ErrTooLarge, fault.Invalid)
	_, err = d.AppendBatch(bg, "t", 5, good())
	g("no partition", err, ErrNoTopic, fault.NotFound)
	_, err = d.AppendBatch(bg, "t", -1, good())
	g("partition below 0", err, ErrNoTopic, fault.NotFound)
	_, err = d.Reader("nothing", 0, 0)
	g("no topic", err, ErrNoTopic, fault.NotFound)
	if topics, err := d.Topics(bg); err != nil || len(topics) != 0 {
		t.Errorf("refused batches left topics: %v, %v", topics, err)
	}
	mustAppend(t, d, "t", "a")
	_, err = d.Reader("t", 0, 2)
	g("behind the end", err, ErrOffsetOutOfRange, fault.NotFound)
	_, err = d.Fetch(bg, "t", 0, -1, 1)
	g("before the start", err, ErrOffsetOutOfRange, fault.NotFound)
	_, err = d.Event(bg, "t", 0, 1)
	g("event at the end", err, ErrOffsetOutOfRange, fault.NotFound)
	g("topic twice", d.CreateTopic(bg, "t", 1), ErrTopicExists, fault.Conflict)
}

// A batch that is whole but whose records are nonsense is stored, as Kafka
// brokers do, and readers get past it.
func TestNonsenseInside(t *testing.T) {
	d := openMem(t, vfs.NewMem(), Options{})
	defer closeLog(t, d)
	mustAppend(t, d, "t", "before")
	b := foreign(None, "nonsense").bytes(t)
	b[22] = byte(Zstd)
	fixCRC(b)
	if _, err := d.AppendBatch(bg, "t", 0, b); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, d, "t", "after")
	r, err := d.Reader("t", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Next(bg)
	if err != nil || fault.KindOf(x.Bad) != fault.Invalid || x.Base != 1 || x.Last != 1 || x.Events != nil {
		t.Errorf("nonsense = %+v, %v", x, err)
	}
	if x, err = r.Next(bg); err != nil || string(x.Events[0].Value) != "after" {
		t.Errorf("behind it = %+v, %v", x, err)
	}
	if _, err := d.Event(bg, "t", 0, 1); fault.KindOf(err) != fault.Invalid {
		t.Errorf("Event in it: %v", err)
	}
}

func TestPartitions(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{Partitions: func(string) int32 { return 3 }})
	parts := map[int32]int{}
	for range 6 {
		parts[mustAppend(t, d, "turns", "x").Partition]++
	}
	if len(parts) != 3 || parts[0] != 2 {
		t.Errorf("without a key batches went to %v", parts)
	}
	first := int32(-1)
	for range 4 {
		ack, err := d.Append(bg, "keyed", []Event{{Key: []byte("ann"), Value: []byte("x")}})
		if err != nil || first >= 0 && ack.Partition != first {
			t.Errorf("one key went to %d and %d, %v", first, ack.Partition, err)
		}
		first = ack.Partition
	}
	if err := d.CreateTopic(bg, "wide", 7); err != nil {
		t.Fatal(err)
	}
	closeLog(t, d)
	d = openMem(t, m, Options{})
	defer closeLog(t, d)
	topics, err := d.Topics(bg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range topics {
		got = append(got, fmt.Sprint(x.Name, len(x.Partitions), x.Created.Equal(newClock().t)))
	}
	if want := []string{"keyed3 true", "turns3 true", "wide7 true"}; !slices.Equal(got, want) {
		t.Errorf("topics after reopening: %v", got)
	}
}

func TestReadersFollow(t *testing.T) {
	d := openMem(t, vfs.NewMem(), Options{})
	w := d.Watch()
	defer w.Close()
	mustAppend(t, d, "t", "a")
	news, err := w.Next(bg)
	if err != nil || len(news) != 1 || news[0] != (Growth{"t", 0, 1}) {
		t.Fatalf("Watch = %v, %v", news, err)
	}
	r, err := d.Reader("t", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := r.TryNext(bg); ok || err != nil {
		t.Errorf("TryNext at the end = %v, %v", ok, err)
	}
	type result struct {
		b   Batch
		err error
	}
	got := make(chan result)
	go func() { b, err := r.Next(bg); got <- result{b, err} }()
	mustAppend(t, d, "t", "b", "c")
	if x := <-got; x.err != nil || x.b.Base != 1 || x.b.Last != 2 || string(x.b.Events[1].Value) != "c" {
		t.Errorf("Next = %+v", x)
	}
	if r.Offset() != 3 || r.Durable() != 3 {
		t.Errorf("at %d of %d", r.Offset(), r.Durable())
	}
	if news, err = w.Next(bg); err != nil || len(news) != 1 || news[0].Next != 3 {
		t.Errorf("Watch = %v, %v", news, err)
	}
	ctx, cancel := context.WithCancel(bg)
	go func() { b, err := r.Next(ctx); got <- result{b, err} }()
	cancel()
	if x := <-got; !errors.Is(x.err, context.Canceled) {
		t.Errorf("cancelled Next: %v", x.err)
	}
	go func() { b, err := r.Next(bg); got <- result{b, err} }()
	ended := make(chan error)
	go func() { _, err := w.Next(bg); ended <- err }()
	closeLog(t, d)
	if x := <-got; !errors.Is(x.err, ErrClosed) || fault.KindOf(x.err) != fault.Unavailable {
		t.Errorf("Next at Close: %v", x.err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("Watch at Close: %v", err)
	}
	if _, err := d.Append(bg, "t", eventsOf("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if err := d.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func TestHeld(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(bg, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(bg, dir, Options{})
	if held := (*vfs.HeldError)(nil); !errors.Is(err, ErrHeld) || !errors.As(err, &held) || held.PID == 0 || fault.KindOf(err) != fault.Conflict {
		t.Errorf("second Open: %v", err)
	}
	closeLog(t, d)
	if d, err = Open(bg, dir, Options{}); err != nil {
		t.Fatalf("Open after Close: %v", err)
	}
	closeLog(t, d)
}
