package query

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/store/duckdb"
)

// benchCategories are those that the benchmarks read.
var benchCategories = []string{"SignInLogs", "AuditLogs", "NonInteractiveUserSignInLogs", "MicrosoftGraphActivityLogs", "UserRiskEvents", "RiskyUsers", "ServicePrincipalSignInLogs"}

// benched is a tenant that benchmarks run over, and the plain tables that were
// written by hand from the same records.
type benched struct {
	store store.Store
	hand  *sql.DB
	pick  replacing
	// Rows of each table, and a value that one row of it holds.
	Rows map[string]int    `json:"rows"`
	Pick map[string]string `json:"pick"`
}

// benchTenant has SEXTANT_BENCH_ROWS records (default 20,000). With
// SEXTANT_BENCH_DIR they are made once and kept there.
func benchTenant(b *testing.B) *benched {
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
		dir = filepath.Join(dir, strconv.Itoa(n))
	}
	x := &benched{}
	note := filepath.Join(dir, "benched.json")
	text, err := os.ReadFile(note)
	there := err == nil
	if there {
		err = json.Unmarshal(text, x)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	if x.store, err = duckdb.Open(ctx, filepath.Join(dir, "tables"), duckdb.Options{FlushAge: -1, QueryMemory: 1 << 30}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.store.Close() })
	if x.hand, err = sql.Open("duckdb", filepath.Join(dir, "hand.db")+"?threads=2"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.hand.Close() })
	t := newTenant(b)
	t.into(b, x.store, nil)
	if !there {
		x.fill(b, t, n)
		if text, err = json.Marshal(x); err == nil {
			err = os.WriteFile(note, text, 0o644)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	x.pick = x.Pick
	return x
}

func (x *benched) fill(b *testing.B, t *tenant, n int) {
	ctx := context.Background()
	for _, s := range []string{
		`CREATE TABLE sign (t TIMESTAMP, upn VARCHAR, app VARCHAR, ip VARCHAR, agent VARCHAR, result VARCHAR, correlation VARCHAR, city VARCHAR, policies VARCHAR[], results VARCHAR[])`,
		`CREATE TABLE audit (t TIMESTAMP, operation VARCHAR, actor VARCHAR)`,
	} {
		if _, err := x.hand.Exec(s); err != nil {
			b.Fatal(err)
		}
	}
	fill := newByHand(b, x.hand)
	t.each(b, n, "tenant", func(l store.Load) {
		fill.add(l)
		if err := x.store.Append(ctx, l); err != nil {
			b.Fatal(err)
		}
	}, benchCategories...)
	x.Pick = fill.done()
	if err := errors.Join(x.store.Flush(ctx), x.store.Maintain(ctx)); err != nil {
		b.Fatal(err)
	}
	x.Rows = t.rows
	if n > 100_000 { // somebody waits for it
		fmt.Fprintf(os.Stderr, "filled: %v\n", t.rows)
	}
}

// challenge are the published queries that ask the most of an engine: what they are
// called in the reference corpus.
var challenge = []string{
	"kq-476ac1985003", "kq-8f36f79957a7", "kq-dcf8d933d7db", "kq-4498b10dded4", "kq-a0da3748b8dd",
	"kq-bd8a5e7c62f0", "kq-33d2eb25e2b2", "kq-4454fe4c6e29", "kq-9a903e59ef56", "kq-8fe339d67256",
}

// BenchmarkChallenge runs them, each whole, as it was published.
//
//	go test ./query -run '^$' -bench Challenge -benchtime 3x
func BenchmarkChallenge(b *testing.B) {
	f, err := os.Open(filepath.Join(shared, "rules-corpus/dev.jsonl"))
	if err != nil {
		b.Skipf("the reference corpus is not beside the repository: %v", err)
	}
	defer f.Close()
	texts := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q struct{ ID, Query string }
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			b.Fatal(err)
		}
		if slices.Contains(challenge, q.ID) {
			texts[q.ID] = q.Query
		}
	}
	if err := lines.Err(); err != nil {
		b.Fatal(err)
	}
	x := benchTenant(b)
	e := New(Options{Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { b.Errorf("fell back: %v\n%s", err, sql) }})
	for _, id := range challenge {
		b.Run(id, func(b *testing.B) {
			var took []time.Duration
			rows := 0
			for b.Loop() {
				begin := time.Now()
				rows = byKQL(b, e, x.store, texts[id])
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRareTerm looks for words that stand in one record, or in none, anywhere
// in all records of all tables.
func BenchmarkRareTerm(b *testing.B) {
	x := benchTenant(b)
	e := New(Options{Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { b.Errorf("fell back: %v\n%s", err, sql) }})
	for _, q := range []struct{ name, kql string }{
		{"one record, everywhere", `search "{correlation}"`},
		{"one record, one table", `SigninLogs | where * has "{correlation}"`},
		{"no record, everywhere", `search "nobodyhasthis"`},
		{"no record, a wide column", `SigninLogs | where ConditionalAccessPolicies has "nobodyhasthis"`},
	} {
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			rows := 0
			for b.Loop() {
				begin := time.Now()
				rows = byKQL(b, e, x.store, x.pick.Replace(q.kql))
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(0, "ns/op")
		})
	}
}
