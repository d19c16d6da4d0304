package commitlog

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkIntake is durable intake of batches that clients compressed: 8
// producers, each with its own topic, each waiting for its acknowledgement.
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
					topic := fmt.Sprintf("topic-%d", p)
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
					topic := fmt.Sprintf("topic-%d", p)
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
