package graph

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	duckdbgo "github.com/duckdb/duckdb-go/v2"
	"golang.org/x/sys/unix"

	"sextant/access"
	"sextant/commitlog"
	"sextant/query"
	"sextant/record"
	"sextant/source/simulate"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/table"
)

// The benchmarks run over SEXTANT_BENCH_ROWS sign-ins (20,000 unless said otherwise)
// of a simulated tenant, and beside them SQL written by hand over a plain table of the
// same engine that has the raw record beside typed columns. SEXTANT_BENCH_DIR keeps
// what was filled for the next run.
//
//	SEXTANT_BENCH_ROWS=10000000 SEXTANT_BENCH_DIR=/tmp/bench go test ./graph -run '^$' -bench Graph

const benchClients = 8

type benchWorld struct {
	face   *Face
	tenant Tenant
	hand   *sql.DB
	Picks  map[string][]string
	Rows   int
}

func (w *benchWorld) GraphTenant(*access.Principal, string) (*Tenant, error) {
	t := w.tenant
	return &t, nil
}

type diskLog struct{ *commitlog.Disk }

func (d diskLog) Form(context.Context, store.Place) (record.Form, error) { return record.Export, nil }

func (d diskLog) Records(ctx context.Context, places []store.Place) ([][]byte, error) {
	at := make([]commitlog.Place, len(places))
	for i, p := range places {
		at[i] = commitlog.Place{Offset: p.Offset, Index: p.Index}
	}
	return d.Disk.Records(ctx, benchTopic, 0, at)
}

const benchTopic = "insights-logs-signinlogs"

func newBenchWorld(b *testing.B) *benchWorld {
	b.Helper()
	n := 20_000
	if s := os.Getenv("SEXTANT_BENCH_ROWS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv("SEXTANT_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	} else {
		dir = filepath.Join(dir, "graph-"+strconv.Itoa(n))
	}
	ctx := context.Background()
	w := &benchWorld{}
	note := filepath.Join(dir, "filled.json")
	text, err := os.ReadFile(note)
	there := err == nil
	if there {
		err = json.Unmarshal(text, w)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	st, err := duckdb.Open(ctx, filepath.Join(dir, "tables"), duckdb.Options{QueryMemory: 1 << 30, FlushAge: -1})
	if err != nil {
		b.Fatal(err)
	}
	log, err := commitlog.Open(ctx, filepath.Join(dir, "log"), commitlog.Options{Split: record.Bounds})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(st.Close(), log.Close(), w.hand.Close()); err != nil {
			b.Error(err)
		}
	})
	if w.hand, err = sql.Open("duckdb", filepath.Join(dir, "hand.db")+"?threads=2"); err != nil {
		b.Fatal(err)
	}
	m, err := record.New()
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range m.Defs() {
		if err := st.Define(ctx, d); err != nil {
			b.Fatal(err)
		}
	}
	w.tenant = Tenant{ID: testTenant, Store: st, Log: diskLog{log}}
	w.face, err = New(Options{Tenants: w, Policy: access.NewPolicy(), Model: m, Key: bytes.Repeat([]byte("k"), 32),
		Engine: query.New(query.Options{Fallback: func(sql string, err error) { b.Errorf("fell back: %v\n%s", err, sql) }})})
	if err != nil {
		b.Fatal(err)
	}
	if there {
		if err := st.Maintain(ctx); err != nil { // a newer program may know more to do
			b.Fatal(err)
		}
		return w
	}
	w.fill(b, m, log, st, n)
	if text, err = json.Marshal(w); err == nil {
		err = os.WriteFile(note, text, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// fill log, tables and the table by hand with the same records.
func (w *benchWorld) fill(b *testing.B, m *record.Model, log *commitlog.Disk, st store.Store, n int) {
	b.Helper()
	ctx := context.Background()
	if _, err := w.hand.Exec(`CREATE TABLE sign (created TIMESTAMP, id VARCHAR, upn VARCHAR, app VARCHAR, ip VARCHAR, correlation VARCHAR, raw VARCHAR)`); err != nil {
		b.Fatal(err)
	}
	conn, err := w.hand.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var sign *duckdbgo.Appender
	if err := conn.Raw(func(c any) (err error) {
		sign, err = duckdbgo.NewAppenderFromConn(c.(driver.Conn), "", "sign")
		return err
	}); err != nil {
		b.Fatal(err)
	}
	end := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	const days = 30
	users := max(10, n/200)
	s, err := simulate.New(simulate.Config{Seed: 11, Users: users, Start: end.Add(-days * 24 * time.Hour), End: end, Categories: []string{"SignInLogs"}, MaxRecords: n,
		RecordsPerUserDay: max(1, 30*float64(n)/float64(users*days))})
	if err != nil {
		b.Fatal(err)
	}
	w.Picks = map[string][]string{}
	build := m.NewBuilder()
	var lines []string
	send := func() {
		if len(lines) == 0 {
			return
		}
		ack, err := log.Append(ctx, benchTopic, []commitlog.Event{{Value: []byte(`{"records":[` + strings.Join(lines, ",") + `]}`)}})
		if err != nil {
			b.Fatal(err)
		}
		for i, line := range lines {
			src := record.Source{Topic: benchTopic, Offset: ack.Base, Index: int32(i), Arrival: ticksOf(end), TenantID: testTenant, WorkspaceID: "w"}
			if err := build.Add([]byte(line), nil, src); err != nil {
				b.Fatal(err)
			}
		}
		w.Rows += len(lines)
		lines = lines[:0]
		if build.Rows() < 20_000 && w.Rows < n {
			return
		}
		w.append(b, build, st, sign)
	}
	err = s.History(func(_ string, _ time.Time, line []byte) error {
		lines = append(lines, string(line))
		if len(lines) == 60 {
			send()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	send()
	w.append(b, build, st, sign)
	if err := errors.Join(sign.Close(), conn.Close(), st.Flush(ctx), st.Maintain(ctx)); err != nil {
		b.Fatal(err)
	}
	if _, err := w.hand.Exec("CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	if _, err := log.Seal(ctx); err != nil {
		b.Fatal(err)
	}
	if n > 100_000 {
		fmt.Fprintf(os.Stderr, "filled: %d sign-ins\n", w.Rows)
	}
}

func (w *benchWorld) append(b *testing.B, build *record.Builder, st store.Store, sign *duckdbgo.Appender) {
	var load store.Load
	for _, r := range build.Take() {
		load.Tables = append(load.Tables, store.TableRows{Table: r.Table, Rows: r.Batch})
		at := func(name string, i int) string { return r.Batch.Cols[r.Batch.Schema.Index(name)].At(i).Text() }
		for i := range r.Batch.Rows {
			when := table.TimeOf(r.Batch.Cols[r.Batch.Schema.Index("CreatedDateTime")].At(i).Int64())
			vals := map[string]string{"user": at("UserPrincipalName", i), "app": at("AppId", i), "address": at("IPAddress", i), "correlation": at("CorrelationId", i), "request": at("Id", i)}
			raw := at("DeviceDetail", i) + at("LocationDetails", i) + at("Status", i) + at("ConditionalAccessPolicies", i) + at("AuthenticationDetails", i) + at("UserAgent", i)
			if err := sign.AppendRow(when, vals["request"], vals["user"], vals["app"], vals["address"], vals["correlation"], raw); err != nil {
				b.Fatal(err)
			}
			if i%97 == 0 {
				for k, v := range vals {
					if len(w.Picks[k]) < 2000 {
						w.Picks[k] = append(w.Picks[k], v)
					}
				}
			}
		}
	}
	if err := st.Append(context.Background(), load); err != nil {
		b.Fatal(err)
	}
}

func (w *benchWorld) get(b testing.TB, path string) []byte {
	r := httptest.NewRequest("GET", "https://logs.example.org"+path, nil)
	out := httptest.NewRecorder()
	w.face.ServeHTTP(out, r, &access.Principal{Kind: access.Key, Root: true}, nil)
	if out.Code != http.StatusOK {
		b.Errorf("%s: %d %s", path, out.Code, out.Body)
	}
	return out.Body.Bytes()
}

// BenchmarkGraphFilter asks for the newest hundred sign-ins with one value, eight
// clients at a time.
func BenchmarkGraphFilter(b *testing.B) {
	w := newBenchWorld(b)
	filters := []struct{ name, property, column string }{
		{"user", "userPrincipalName", "upn"}, {"app", "appId", "app"}, {"address", "ipAddress", "ip"}, {"correlation", "correlationId", "correlation"}, {"request", "id", "id"},
	}
	pick := func(r *rand.Rand, name string) string { return w.Picks[name][r.IntN(len(w.Picks[name]))] }
	for _, c := range filters {
		b.Run(c.name, func(b *testing.B) {
			ask := func(r *rand.Rand) {
				w.get(b, "/v1.0/auditLogs/signIns?$filter="+url.QueryEscape(c.property+" eq '"+pick(r, c.name)+"'"))
			}
			// The first requests of a process read indexes from the disk, and check them.
			began := time.Now()
			for range 2 * benchClients {
				ask(rand.New(rand.NewPCG(99, 1)))
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "first-16-ms")
			before := processorTime(b)
			took := together(b, ask)
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(len(took)), "cpu-ms")
			report(b, took, "graph")
		})
	}
	// By hand behind all of them, for its scans take the log out of the page cache.
	for _, c := range filters {
		b.Run(c.name+"-by-hand", func(b *testing.B) {
			report(b, together(b, func(r *rand.Rand) {
				rows, err := w.hand.Query("SELECT created, id, raw FROM sign WHERE "+c.column+" = ? ORDER BY created DESC, id LIMIT 100", pick(r, c.name))
				if err != nil {
					b.Error(err)
					return
				}
				drain(b, rows)
			}), "hand")
		})
	}
}

// processorTime that this process has had: on a machine that others use too it says more
// than how long a request took.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func drain(b testing.TB, rows *sql.Rows) (n int, last time.Time, id string) {
	defer rows.Close()
	var raw string
	for rows.Next() {
		if err := rows.Scan(&last, &id, &raw); err != nil {
			b.Error(err)
		}
		n++
	}
	if err := rows.Err(); err != nil {
		b.Error(err)
	}
	return n, last, id
}

// together runs b.N requests, eight at a time, and gives how long each took.
func together(b *testing.B, f func(*rand.Rand)) []time.Duration {
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	left := b.N
	for c := range benchClients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 1))
			for {
				mu.Lock()
				if left == 0 {
					mu.Unlock()
					return
				}
				left--
				mu.Unlock()
				begin := time.Now()
				f(r)
				d := time.Since(begin)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return took
}

func report(b *testing.B, took []time.Duration, name string) {
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(int(q*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), name+"-p50-ms")
	b.ReportMetric(at(0.99), name+"-p99-ms")
}

// BenchmarkGraphRead reads all sign-ins, a thousand a page, from the newest on.
func BenchmarkGraphRead(b *testing.B) {
	w := newBenchWorld(b)
	for b.Loop() {
		begin := time.Now()
		rows := 0
		for path := "/v1.0/auditLogs/signIns?$top=1000"; path != ""; {
			body := w.get(b, path)
			rows += bytes.Count(body, []byte(`"createdDateTime":`))
			path = ""
			if m := links.FindSubmatch(body[:min(len(body), 2000)]); m != nil {
				path = string(m[1])
			}
		}
		if rows != w.Rows {
			b.Fatalf("%d objects of %d sign-ins", rows, w.Rows)
		}
		b.ReportMetric(float64(rows)/time.Since(begin).Seconds(), "graph-rows/s")
		// By hand each page is a search of its own; some of them tell enough.
		begin = time.Now()
		rows = 0
		last, id := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), ""
		for {
			r, err := w.hand.Query("SELECT created, id, raw FROM sign WHERE created < ? OR created = ? AND id > ? ORDER BY created DESC, id LIMIT 1000", last, last, id)
			if err != nil {
				b.Fatal(err)
			}
			var n int
			n, last, id = drain(b, r)
			if rows += n; n < 1000 || rows >= 200_000 {
				break
			}
		}
		b.ReportMetric(float64(rows)/time.Since(begin).Seconds(), "hand-rows/s")
	}
}
