package external

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"sextant/fault"
)

// parquetFile is what the rows of a SELECT give.
func parquetFile(t testing.TB, query string) string {
	t.Helper()
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	name := filepath.Join(t.TempDir(), "x.parquet")
	if _, err := db.ExecContext(t.Context(), "COPY ("+query+") TO "+quoted(name)+" (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// parquetRows of a file that holds content, read as the request says.
func parquetRows(t testing.TB, o Options, content string, r Request) (string, error) {
	t.Helper()
	o.Folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Folder, "x"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Format, r.Locations = "parquet", []string{"x"}
	rows, err := s.Rows(t.Context(), r)
	return strings.TrimSpace(text(rows)), err
}

// Columns of a Parquet file are found by name, whatever their order, and become the type
// that the query declares.
func TestParquet(t *testing.T) {
	f := func(query, decl, mapping, want string) {
		t.Helper()
		got, err := parquetRows(t, Options{}, parquetFile(t, query), Request{Columns: columns(t, decl), Mapping: mapping})
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s as %s\ngot\n%s\nwant\n%s", query, decl, got, want)
		}
	}
	f("SELECT 7 n, 'x' a UNION ALL SELECT NULL, NULL ORDER BY 1", "a:string, n:long, none:int", "", "x | 7 | null\n | null | null")
	f("SELECT 'x' A", "a:string", "", "")
	f("SELECT 'it''s' \"a\"\"b 'c\"", "q:string", `[{"Column":"q","Properties":{"Path":"$['a\"b 'c']"}}]`, "it's")
	f("SELECT true b, 1.5::FLOAT r, 12345678901234567890.123::DECIMAL(38,3) m, '74be27de-1e4e-49d9-b579-fe0b331d3642'::UUID g", "b:bool, r:real, m:decimal, g:guid", "",
		"true | 1.5 | 12345678901234567890.123 | 74be27de-1e4e-49d9-b579-fe0b331d3642")
	f("SELECT TIMESTAMP '2026-01-02 03:04:05.678901' a, TIMESTAMPTZ '2026-01-02 03:04:05+01' b, DATE '2026-01-02' c, TIME '01:02:03' d", "a:datetime, b:datetime, c:datetime, d:timespan", "",
		"2026-01-02T03:04:05.6789010Z | 2026-01-02T02:04:05.0000000Z | 2026-01-02T00:00:00.0000000Z | 01:02:03")
	f("SELECT TIMESTAMP_NS '2026-01-02 03:04:05.123456789' a, DATE '290000-01-01' b, DATE '0001-01-01' c", "a:datetime, b:datetime, c:datetime", "", "2026-01-02T03:04:05.1234567Z | null | 0001-01-01T00:00:00.0000000Z")
	f("SELECT {'k': [1, 2], 's': {'t': 'x'}} d, [1, NULL] l, MAP {'a': 1} m", "d:dynamic, l:dynamic, m:dynamic", "", `{"k":[1,2],"s":{"t":"x"}} | [1,null] | {"a":1}`)
	f("SELECT {'k': [1, 2], 's': {'t': 'x'}} d", "t:string, k:dynamic, n:long", `[{"column":"t","path":"$.d.s.t"},{"column":"k","path":"$.d.k"},{"column":"n","path":"$.d.k.none"}]`, "x | [1,2] | null")
	f("SELECT '\\xAA\\x41'::BLOB a, '{\"x\":1}' d, 18446744073709551615::UBIGINT n", "a:string, d:dynamic, n:long", "", "\ufffdA | {\"x\":1} | null")
	f("SELECT 5 n, 'many' s", "n:string, s:long", "", "5 | null")
}

// What a file is packed in is unpacked first; a location's ending tells the format.
func TestParquetPacked(t *testing.T) {
	dir := t.TempDir()
	content := parquetFile(t, "SELECT 1 n")
	for name, what := range map[string]string{"a.parquet": content, "a.parquet.gz": gzipped(t, content), "a.zip": zipped(t, map[string]string{"in.parquet": content})} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(what), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Folder: dir})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Rows(t.Context(), Request{Columns: columns(t, "n:long"), Locations: []string{name}})
		if got := strings.TrimSpace(text(rows)); err != nil || got != "1" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A file that is broken, or unpacks to more than may be, is an error of its kind, and
// nothing of it stays.
func TestParquetHostile(t *testing.T) {
	before, _ := filepath.Glob(filepath.Join(os.TempDir(), "sextant-*.parquet"))
	cols := Request{Columns: columns(t, "s:string")}
	whole := parquetFile(t, "SELECT repeat('x', 1000) s FROM range(20000)") // 20 MB in some kB
	f := func(content string, o Options, kind fault.Kind, want string) {
		t.Helper()
		_, err := parquetRows(t, o, content, cols)
		if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), os.TempDir()) {
			t.Errorf("%v", err)
		}
	}
	f("PAR1", Options{}, fault.Invalid, "no Parquet file")
	f("", Options{}, fault.Invalid, "no Parquet file")
	f(whole[:len(whole)/2], Options{}, fault.Invalid, "no Parquet file")
	f("PAR1\xff\xff\xff\x7fPAR1", Options{}, fault.Invalid, "no Parquet file")
	f(whole, Options{MaxBytes: 1 << 20}, fault.Limit, "larger than 1 MB")
	f(whole, Options{MaxRows: 10}, fault.Limit, "more than 10 records")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &reading{Request: Request{Columns: cols.Columns, Format: "parquet"}, max: 1000, left: 1 << 20, limit: 1 << 20}
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := r.file(ctx, strings.NewReader(whole), "x"); err == nil {
		t.Error("a file is read for a query that has ended")
	}
	if after, _ := filepath.Glob(filepath.Join(os.TempDir(), "sextant-*.parquet")); len(after) > len(before) {
		t.Errorf("copies stay: %v", after)
	}
}

// The engine that reads a file reads no other, and writes none.
func TestParquetLocked(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own.parquet"), filepath.Join(dir, "other.parquet")
	for _, name := range []string{own, other} {
		if err := os.WriteFile(name, []byte(parquetFile(t, "SELECT 1 n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := sql.OpenDB(&locked{file: own, memory: 64 << 20})
	defer db.Close()
	f := func(query string, good bool) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); (err == nil) != good {
			t.Errorf("%s: %v", query, err)
		}
	}
	f("SELECT * FROM read_parquet("+quoted(own)+")", true)
	f("SELECT * FROM read_parquet("+quoted(other)+")", false)
	f("SELECT * FROM read_csv('/etc/passwd')", false)
	f("COPY (SELECT 1) TO "+quoted(filepath.Join(dir, "new.csv")), false)
	f("SET memory_limit = '1GB'", false)
	f("ATTACH 'x.db'", false)
}
