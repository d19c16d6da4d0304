package simulate

import (
	"testing"
	"time"
)

// BenchmarkHistory makes records one after another; records/s is of one core.
func BenchmarkHistory(b *testing.B) {
	for _, mix := range []string{"tenant", "samples"} {
		b.Run(mix, func(b *testing.B) {
			c := Config{Seed: 1, Users: 2000, Start: on(2025, 4, 1), End: on(2035, 4, 1), Mix: mix, MaxRecords: b.N}
			tenant := testTenant(b, c)
			b.ReportAllocs()
			b.ResetTimer()
			n, bytes := 0, 0
			err := tenant.History(func(_ string, _ time.Time, line []byte) error {
				n++
				bytes += len(line)
				return nil
			})
			if err != nil || n != b.N {
				b.Fatal(n, err)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(bytes)/float64(n), "bytes/record")
			b.SetBytes(int64(bytes / n))
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		testTenant(b, Config{Users: 500, Start: on(2025, 4, 1), End: on(2025, 5, 1), Scenarios: []string{"all"}})
	}
}
