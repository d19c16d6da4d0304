package duckdb

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sextant/store"
	"sextant/table"
)

// fresh is the rows of b at later times and places and with identifiers of their
// own; the rest is shared. It makes millions of rows affordable.
func (g *signIns) fresh(b *table.Batch, topic string, first int64) *table.Batch {
	out := *b
	out.Cols = append([]table.Vector(nil), b.Cols...)
	phys := b.Schema
	long := func(name string, f func(i int) int64) {
		v := table.Vector{Type: phys[phys.Index(name)].Type, N: make([]int64, b.Rows)}
		for i := range v.N {
			v.N[i] = f(i)
		}
		out.Cols[phys.Index(name)] = v
	}
	text := func(f func() string, names ...string) {
		v := table.Vector{Type: table.String, S: make([]string, b.Rows)}
		for i := range v.S {
			v.S[i] = f()
		}
		for _, n := range names {
			out.Cols[phys.Index(n)] = v
		}
	}
	long("TimeGenerated", func(i int) int64 { g.n++; return g.from + g.n*g.step + int64(i%7) })
	long("CreatedDateTime", func(i int) int64 { return out.Cols[0].N[i] - int64(i%300)*table.TicksPerSecond })
	long(table.HiddenOffset, func(i int) int64 { return first + int64(i) })
	long(table.HiddenID, func(i int) int64 { return int64(g.r.Uint64()) })
	text(g.guid, "Id", "OriginalRequestId")
	text(g.guid, "CorrelationId")
	text(func() string { return strings.ReplaceAll(g.guid(), "-", "")[:22] }, "UniqueTokenIdentifier")
	return &out
}

// fill a store with n sign-ins in time order, in loads of size rows.
func (g *signIns) fill(t testing.TB, s *Store, base []*table.Batch, n, size int) {
	t.Helper()
	ctx := context.Background()
	tp := store.TopicPartition{Topic: "t"}
	for at := 0; at < n; at += size {
		b := g.fresh(base[at/size%len(base)], "t", int64(at))
		noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "SigninLogs", Rows: b}}, Marks: store.Marks{tp: int64(at + size)}}))
	}
	noErr(t, s.Flush(ctx))
}

func baseBatches(g *signIns, n, size int) (out []*table.Batch) {
	for range n {
		out = append(out, g.batch(size, "t", 0))
	}
	return out
}

var benchStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// BenchmarkAppendFlush loads sign-ins until they are durable. The disk takes what
// the last metric says.
func BenchmarkAppendFlush(b *testing.B) {
	const size, rows = 2000, 60_000
	g := newSignIns(1, benchStart, 50_000)
	base := baseBatches(g, 10, size)
	var user, sys int64
	for b.Loop() {
		dir := b.TempDir()
		s := open(b, dir, Options{FlushAge: -1, FlushBytes: benchFlush()})
		u0, s0 := cpu()
		noErr(b, s.Define(context.Background(), g.def))
		g.fill(b, s, base, rows, size)
		u1, s1 := cpu()
		user, sys = user+u1-u0, sys+s1-s0
		b.StopTimer()
		b.ReportMetric(float64(dirBytes(b, dir))/rows, "B/row")
		s.Close()
		b.StartTimer()
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(user)/rows/float64(b.N), "user-µs/row")
	b.ReportMetric(float64(sys)/rows/float64(b.N), "sys-µs/row")
	b.ReportMetric(0, "ns/op")
}

// cpu time of the process in µs.
func cpu() (user, sys int64) {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() / 1000, u.Stime.Nano() / 1000
}

func dirBytes(t testing.TB, dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	noErr(t, err)
	for _, e := range entries {
		st, err := e.Info()
		noErr(t, err)
		n += st.Size()
	}
	return n
}

// benchStore has sign-ins, flushed and merged; BENCH_ROWS says how many.
func benchStore(b *testing.B, merged bool) (*Store, *signIns, int) {
	b.Helper()
	rows := 300_000
	if v := os.Getenv("BENCH_ROWS"); v != "" {
		rows, _ = strconv.Atoi(v)
	}
	const size = 5000
	g := newSignIns(1, benchStart, rows/30)
	base := baseBatches(g, 6, size)
	s := open(b, b.TempDir(), Options{FlushAge: -1, FlushBytes: benchFlush()})
	noErr(b, s.Define(context.Background(), g.def))
	start := time.Now()
	g.fill(b, s, base, rows, size)
	loaded := time.Since(start)
	if merged {
		noErr(b, s.Maintain(context.Background()))
	}
	s.mu.Lock()
	b.Logf("%d rows loaded in %v, merged in %v: %d segments, %d bytes a row", rows, loaded, time.Since(start)-loaded, len(s.state.segs["SigninLogs"]), dirBytes(b, s.dir)/int64(rows))
	s.mu.Unlock()
	runtime.GC()
	return s, g, rows
}

// bench runs SQL over a relation of the store in as many goroutines.
func benchQuery(b *testing.B, s *Store, clients int, scan func(i int) store.Scan, sql string, schema table.Schema, args func(i int) []any) {
	run := func(i int) error {
		ctx := context.Background()
		snap, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		defer snap.Close()
		q := snap.(store.SQLSnapshot)
		rel, err := q.Relation(scan(i))
		if err != nil {
			return err
		}
		var a []any
		if args != nil {
			a = args(i)
		}
		r, err := q.Query(ctx, fmt.Sprintf(sql, "("+rel+")"), a, schema, store.Limits{})
		if err != nil {
			return err
		}
		defer r.Close()
		for {
			batch, err := r.Next(ctx)
			if batch == nil || err != nil {
				return err
			}
		}
	}
	var warm sync.WaitGroup
	for i := range 2 * clients {
		warm.Go(func() { run(i) })
	}
	warm.Wait()
	i := 0
	for b.Loop() {
		var wg sync.WaitGroup
		for range clients {
			n := i
			i++
			wg.Go(func() {
				if err := run(n); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

var count = table.Schema{{Name: "n", Type: table.Long}}

// BenchmarkLookup finds one correlation id; BenchmarkFilter compares a nested path
// with a plain column.
func BenchmarkLookup(b *testing.B) {
	for _, merged := range []bool{false, true} {
		s, _, rows := benchStore(b, merged)
		ids := query(b, s, store.Scan{Table: "SigninLogs", Columns: []string{"CorrelationId"}}, fmt.Sprintf("SELECT i FROM (SELECT i, row_number() OVER () AS n FROM %%s AS r(i)) WHERE mod(n, %d) = 7", rows/100), table.Schema{{Name: "i", Type: table.String}})
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("merged=%v/clients=%d", merged, clients), func(b *testing.B) {
				id := func(i int) string { return ids[i%len(ids)][0] }
				benchQuery(b, s, clients, func(i int) store.Scan {
					return store.Scan{Table: "SigninLogs", Columns: []string{"TimeGenerated", "UserPrincipalName", "CorrelationId", "LocationDetails"}, Equal: []store.Equal{{Column: "CorrelationId", Values: []string{id(i)}}}}
				}, "SELECT a, b, d FROM %s AS r(a, b, c, d) WHERE c = $1", table.Schema{{Name: "a", Type: table.DateTime}, {Name: "b", Type: table.String}, {Name: "d", Type: table.Dynamic}}, func(i int) []any { return []any{id(i)} })
			})
		}
		s.Close()
	}
}

func BenchmarkQuery(b *testing.B) {
	s, _, _ := benchStore(b, true)
	f := func(name, cols, sql string, schema table.Schema) {
		b.Run(name, func(b *testing.B) {
			benchQuery(b, s, 1, func(int) store.Scan { return store.Scan{Table: "SigninLogs", Columns: strings.Fields(cols)} }, sql, schema, nil)
		})
	}
	f("filter plain", "AppDisplayName", "SELECT count(*) FROM %s AS r(a) WHERE a = 'Application 3'", count)
	f("filter nested", "LocationDetails.city", "SELECT count(*) FROM %s AS r(a) WHERE a = 'Oslo'", count)
	f("filter nested long", "Status.errorCode", "SELECT count(*) FROM %s AS r(a) WHERE a = 50126", count)
	f("expand list", "ConditionalAccessPolicies[].result", "SELECT count(*) FROM (SELECT unnest(a) AS x FROM %s AS r(a)) WHERE x = 'failure'", count)
	f("count by hour", "TimeGenerated", "SELECT count(*) FROM (SELECT a // 36000000000 AS h, count(*) FROM %s AS r(a) GROUP BY h)", count)
}

// BenchmarkScan reads rows into batches.
func BenchmarkScan(b *testing.B) {
	s, g, rows := benchStore(b, true)
	phys := g.def.Physical()
	for _, c := range []struct {
		name string
		cols []string
	}{{"4 columns", []string{"TimeGenerated", "UserPrincipalName", "ResultType", "DurationMs"}}, {"all", phys.Names()}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				snap, err := s.Snapshot(context.Background())
				noErr(b, err)
				r, err := snap.Scan(context.Background(), store.Scan{Table: "SigninLogs", Columns: c.cols})
				noErr(b, err)
				n := 0
				for {
					batch, err := r.Next(context.Background())
					noErr(b, err)
					if batch == nil {
						break
					}
					n += batch.Rows
				}
				if n != rows {
					b.Fatal(n)
				}
				snap.Close()
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// benchFlush is the size of a flush, BENCH_FLUSH in MB.
func benchFlush() int64 {
	n, _ := strconv.ParseInt(os.Getenv("BENCH_FLUSH"), 10, 64)
	return n << 20
}
