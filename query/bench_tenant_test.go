package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/table"
)

// benchCategories are those that the benchmarks read.
var benchCategories = []string{"SignInLogs", "AuditLogs", "NonInteractiveUserSignInLogs", "ADFSSignInLogs", "MicrosoftGraphActivityLogs", "UserRiskEvents", "RiskyUsers", "ServicePrincipalSignInLogs"}

// benched is a tenant that benchmarks run over, and the plain tables that were
// written by hand from the same records.
type benched struct {
	store store.Store
	hand  *sql.DB
	pick  replacing
	// Rows of each table, a value that one row of it holds, and when the last sign-in
	// with unfamiliar features was detected, in ticks.
	Rows       map[string]int    `json:"rows"`
	Pick       map[string]string `json:"pick"`
	Unfamiliar int64             `json:"unfamiliar"`
}

// benchTenant has about SEXTANT_BENCH_ROWS records (default 20,000) of the 14 days
// before kqltest.Now, and the rows of others. With SEXTANT_BENCH_DIR they are made once
// and kept there.
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
	var who residents
	add := func(l store.Load) {
		fill.add(l)
		if err := x.store.Append(ctx, l); err != nil {
			b.Fatal(err)
		}
	}
	t.each(b, n, "tenant", func(l store.Load) { who.see(l); add(l) }, benchCategories...)
	defs := func(name string) table.Def {
		for _, d := range t.model.Defs() {
			if d.Name == name {
				return d
			}
		}
		panic("no table " + name)
	}
	for name, rows := range who.others(defs, n, add) {
		t.rows[name] += rows
	}
	x.Pick, x.Unfamiliar = fill.done(), who.unfamiliar
	if err := errors.Join(x.store.Flush(ctx), x.store.Maintain(ctx)); err != nil {
		b.Fatal(err)
	}
	x.Rows = t.rows
	if n > 100_000 { // somebody waits for it
		fmt.Fprintf(os.Stderr, "filled: %v\n", t.rows)
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
			t := &timed{}
			rows := 0
			for b.Loop() {
				t.run(func() { rows = byKQL(b, e, x.store, Request{Text: x.pick.Replace(q.kql)}) })
			}
			t.report(b, "")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(0, "ns/op")
		})
	}
}
