package commitlog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// A script of what producers send and what they are told. "reopen" restarts the
// log between, "seal" moves what there is into a segment and restarts on the
// manifest alone: nothing of the state may be lost by either.
func TestIdempotentProducers(t *testing.T) {
	max := int32(math.MaxInt32)
	f := func(name, script string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			m := vfs.NewMem()
			d := openMem(t, m, Options{})
			for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
				what, want, _ := strings.Cut(strings.TrimSpace(line), " -> ")
				var got string
				switch what {
				case "reopen", "seal":
					if what == "seal" {
						mustSeal(t, d)
					}
					closeLog(t, d)
					d = openMem(t, m, Options{})
					continue
				}
				var id int64
				var epoch int16
				var seq int32
				var n int
				what = strings.ReplaceAll(what, "MAX", fmt.Sprint(max))
				if _, err := fmt.Sscanf(what, "producer %d epoch %d sequence %d events %d", &id, &epoch, &seq, &n); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				b := producerBatch{codec: None, id: id, epoch: epoch, sequence: seq, events: make([]Event, n)}.bytes(t)
				ack, err := d.AppendBatch(bg, "t", 0, b)
				switch {
				case errors.Is(err, ErrOutOfOrder):
					got = "out of order"
				case errors.Is(err, ErrFenced):
					got = "fenced"
				case errors.Is(err, ErrUnknownProducer):
					got = "unknown"
				case err != nil:
					t.Fatal(err)
				default:
					got = fmt.Sprintf("%d..%d", ack.Base, ack.Last)
				}
				if err != nil && fault.KindOf(err) != fault.Conflict {
					t.Errorf("%s: %v is %v", line, err, fault.KindOf(err))
				}
				if got != want {
					t.Errorf("%s: got %s", line, got)
				}
			}
			closeLog(t, d)
		})
	}
	f("in order, repeated", `
		producer 1 epoch 0 sequence 0 events 3 -> 0..2
		producer 1 epoch 0 sequence 0 events 3 -> 0..2
		producer 1 epoch 0 sequence 3 events 2 -> 3..4
		producer 1 epoch 0 sequence 0 events 3 -> 0..2
		reopen
		producer 1 epoch 0 sequence 3 events 2 -> 3..4
		seal
		producer 1 epoch 0 sequence 0 events 3 -> 0..2
		producer 1 epoch 0 sequence 5 events 1 -> 5..5`)
	f("gaps and overlaps", `
		producer 1 epoch 0 sequence 0 events 3 -> 0..2
		producer 1 epoch 0 sequence 4 events 1 -> out of order
		producer 1 epoch 0 sequence 2 events 2 -> out of order
		producer 1 epoch 0 sequence 0 events 2 -> out of order
		producer 2 epoch 0 sequence 1 events 1 -> unknown
		reopen
		producer 1 epoch 0 sequence 4 events 1 -> out of order
		producer 1 epoch 0 sequence 3 events 1 -> 3..3`)
	f("the window is five batches", `
		producer 1 epoch 0 sequence 0 events 1 -> 0..0
		producer 1 epoch 0 sequence 1 events 1 -> 1..1
		producer 1 epoch 0 sequence 2 events 1 -> 2..2
		producer 1 epoch 0 sequence 3 events 1 -> 3..3
		producer 1 epoch 0 sequence 4 events 1 -> 4..4
		producer 1 epoch 0 sequence 0 events 1 -> 0..0
		producer 1 epoch 0 sequence 5 events 1 -> 5..5
		producer 1 epoch 0 sequence 0 events 1 -> out of order
		seal
		producer 1 epoch 0 sequence 1 events 1 -> 1..1
		reopen
		producer 1 epoch 0 sequence 0 events 1 -> out of order`)
	f("epochs", `
		producer 1 epoch 0 sequence 0 events 1 -> 0..0
		producer 1 epoch 1 sequence 1 events 1 -> out of order
		producer 1 epoch 1 sequence 0 events 1 -> 1..1
		producer 1 epoch 0 sequence 1 events 1 -> fenced
		seal
		producer 1 epoch 0 sequence 1 events 1 -> fenced
		producer 1 epoch 1 sequence 0 events 1 -> 1..1`)
	f("producers are apart", `
		producer 1 epoch 0 sequence 0 events 1 -> 0..0
		producer 2 epoch 0 sequence 0 events 1 -> 1..1
		producer 1 epoch 0 sequence 1 events 1 -> 2..2
		producer 2 epoch 0 sequence 0 events 1 -> 1..1`)
}

func TestSequencesWrap(t *testing.T) {
	if got := addSequence(math.MaxInt32-1, 3); got != 1 {
		t.Errorf("behind the last sequence comes %d", got)
	}
	p := producer{Spans: []span{{First: math.MaxInt32 - 1, Last: math.MaxInt32}}}
	h, err := parseHead(producerBatch{id: 1, sequence: 0, events: make([]Event, 1)}.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	if dup, err := p.check(true, &h); dup != nil || err != nil {
		t.Errorf("a sequence that wraps: %v, %v", dup, err)
	}
}

func TestProducersExpire(t *testing.T) {
	m, clk := vfs.NewMem(), newClock()
	opt := Options{Now: clk.now, ProducerExpiry: time.Hour}
	d := openMem(t, m, opt)
	b := producerBatch{id: 1, sequence: 0, events: make([]Event, 1)}.bytes(t)
	if _, err := d.AppendBatch(bg, "t", 0, b); err != nil {
		t.Fatal(err)
	}
	clk.t = clk.t.Add(2 * time.Hour)
	mustSeal(t, d)
	if ack, err := d.AppendBatch(bg, "t", 0, b); err != nil || ack.Base != 1 {
		t.Errorf("a forgotten producer starts anew: %+v, %v", ack, err)
	}
	closeLog(t, d)
}

// Many producers, sealing, readers and watchers at once: each reader sees every
// event once and in order, whatever moves below it.
func TestEverybodyAtOnce(t *testing.T) {
	d, err := Open(bg, t.TempDir(), Options{JournalBytes: 8 << 10, SegmentBytes: 32 << 10, SealedBatch: 2 << 10, TailBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	const topics, batches = 3, 60
	var producers, readers sync.WaitGroup
	for i := range topics {
		topic := fmt.Sprint("t", i)
		if err := d.CreateTopic(bg, topic, 1); err != nil {
			t.Fatal(err)
		}
		for p := range 2 {
			producers.Go(func() {
				for n := range batches {
					var err error
					if p == 0 {
						_, err = d.Append(bg, topic, eventsOf("a", fmt.Sprint(n)))
					} else {
						_, err = d.AppendBatch(bg, topic, 0, foreign(Codec(n%5), "b", fmt.Sprint(n)).bytes(t))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			readers.Go(func() {
				r, err := d.Reader(topic, 0, 0)
				if err != nil {
					t.Error(err)
					return
				}
				for r.Offset() < 2*2*batches {
					at := r.Offset()
					b, err := r.Next(bg)
					if err != nil || b.Bad != nil || b.Base != at || int(b.Last-b.Base) != len(b.Events)-1 {
						t.Errorf("%s at %d: %d..%d with %d events, %v, %v", topic, at, b.Base, b.Last, len(b.Events), b.Bad, err)
						return
					}
					if at%7 == 0 {
						if e, err := d.Event(bg, topic, 0, at); err != nil || e.Offset != at || !slices.Equal(e.Value, b.Events[0].Value) {
							t.Errorf("%s: Event %d = %+v, %v", topic, at, e, err)
						}
					}
				}
			})
		}
	}
	stop := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := d.Seal(bg); errors.Is(err, ErrClosed) {
				return
			} else if err != nil {
				t.Error(err)
				return
			}
		}
	})
	keeper.Go(func() {
		w := d.Watch()
		defer w.Close()
		ends := map[string]int64{}
		for {
			news, err := w.Next(bg)
			if errors.Is(err, ErrClosed) {
				return
			}
			for _, n := range news {
				if n.Next < ends[n.Topic] {
					t.Errorf("%s shrank from %d to %d", n.Topic, ends[n.Topic], n.Next)
				}
				ends[n.Topic] = n.Next
			}
		}
	})
	producers.Wait()
	readers.Wait()
	close(stop)
	closeLog(t, d)
	keeper.Wait()
}
