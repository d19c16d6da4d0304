package commitlog

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkIntake is durable intake of batches that clients compressed: 8
// producers, each with its own topic and, as Kafka clients do, five batches in
// flight.
func BenchmarkIntake(b *testing.B) {
	const producers = 40
	for _, size := range []int{1000, 100} {
		b.Run(fmt.Sprintf("prebuilt-zstd-%d", size), func(b *testing.B) {
			events := signIns(size)
			plain := 0
			for _, e := range events {
				plain += len(e.Value)
			}
			batch := producerBatch{codec: Zstd, id: -1, events: events}.bytes(b)
			d, err := Open(bg, b.TempDir(), Options{JournalBytes: 256 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer closeLog(b, d)
			b.SetBytes(int64(plain))
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() {
					topic := fmt.Sprintf("topic-%d", p%8)
					for next.Add(1) <= int64(b.N) {
						if _, err := d.AppendBatch(bg, topic, 0, batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(len(batch)), "B/batch")
		})
	}
}

// BenchmarkAppend is durable intake of events that we make batches of.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []Codec{Snappy, Zstd} {
		b.Run(c.String(), func(b *testing.B) {
			events := signIns(250) // about the 256 KB that an event hub takes
			d, err := Open(bg, b.TempDir(), Options{Codec: c})
			if err != nil {
				b.Fatal(err)
			}
			defer closeLog(b, d)
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for p := range 4 {
				wg.Go(func() {
					topic := fmt.Sprintf("topic-%d", p%8)
					for next.Add(1) <= int64(b.N) {
						if _, err := d.Append(bg, topic, events); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// filled is a log of n events in batches of 250, as our ways in make them.
func filled(b *testing.B, n int, opt Options) *Disk {
	b.Helper()
	d, err := Open(bg, b.TempDir(), opt)
	if err != nil {
		b.Fatal(err)
	}
	events := signIns(2500)
	for i := 0; i < n; i += 250 {
		at := i % len(events)
		if _, err := d.Append(bg, "t", events[at:at+250]); err != nil {
			b.Fatal(err)
		}
	}
	return d
}

// BenchmarkReader reads everything once for each b.N: from memory right behind
// the producer, from the journal, and from sealed segments.
func BenchmarkReader(b *testing.B) {
	const n = 20_000
	f := func(name string, tail int64, seal bool) {
		b.Run(name, func(b *testing.B) {
			d := filled(b, n, Options{TailBytes: tail})
			defer closeLog(b, d)
			if seal {
				mustSeal(b, d)
			}
			b.ResetTimer()
			for range b.N {
				r, err := d.Reader("t", 0, 0)
				if err != nil {
					b.Fatal(err)
				}
				for r.Offset() < n {
					if _, err := r.Next(bg); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
		})
	}
	f("memory", 1<<30, false)
	f("journal", -1, false)
	f("sealed", -1, true)
}

// BenchmarkFetch hands out everything as it lies, 1 MB at a time.
func BenchmarkFetch(b *testing.B) {
	const n = 20_000
	for _, name := range []string{"journal", "sealed"} {
		b.Run(name, func(b *testing.B) {
			d := filled(b, n, Options{})
			defer closeLog(b, d)
			if name == "sealed" {
				mustSeal(b, d)
			}
			buf := make([]byte, 0, 4<<20)
			b.ResetTimer()
			for range b.N {
				for at := int64(0); at < n; {
					f, err := d.Fetch(bg, "t", 0, at, 1<<20)
					if err == nil {
						_, err = f.AppendTo(buf)
					}
					if err != nil {
						b.Fatal(err)
					}
					at = f.Next
					if err := f.Close(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkEvent reads single events back, far apart, from sealed segments.
func BenchmarkEvent(b *testing.B) {
	const n = 50_000
	d := filled(b, n, Options{})
	defer closeLog(b, d)
	mustSeal(b, d)
	b.ResetTimer()
	for i := range b.N {
		if _, err := d.Event(bg, "t", 0, int64(i)*7919%n); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen recovers a log whose journals hold 100,000 events.
func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	d := filled(b, n, Options{})
	closeLog(b, d)
	b.ResetTimer()
	for range b.N {
		d, err := Open(bg, d.dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		closeLog(b, d)
	}
}

// BenchmarkSeal compresses events anew; B/event is what stays.
func BenchmarkSeal(b *testing.B) {
	const n = 20_000
	var rep Report
	for range b.N {
		b.StopTimer()
		d := filled(b, n, Options{})
		b.StartTimer()
		rep = mustSeal(b, d)
		b.StopTimer()
		closeLog(b, d)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(rep.Before)/n, "B/event-hot")
	b.ReportMetric(float64(rep.After)/n, "B/event-sealed")
}
