package duckdb

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// TestOpenRefuses says what is wrong with a folder that cannot be used.
func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	f := func(what string, kind fault.Kind, text string, change func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		s, err := Open(ctx, dir, Options{})
		noErr(t, err)
		noErr(t, s.Define(ctx, crashDef))
		noErr(t, s.Append(ctx, crashLoad(0)))
		noErr(t, s.Flush(ctx))
		noErr(t, s.Close())
		change(dir)
		s, err = Open(ctx, dir, Options{})
		if err == nil {
			s.Close()
		}
		if kind == fault.Internal && err == nil {
			return
		}
		if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	edit := func(name, from, to string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			noErr(t, err)
			noErr(t, os.WriteFile(path, bytes.Replace(data, []byte(from), []byte(to), 1), 0o600))
		}
	}
	f("as it is", fault.Internal, "", func(string) {})
	f("a newer list", fault.Unavailable, "newer program", edit(manifestName, `"format":1`, `"format":2`))
	f("a list without a version", fault.Damaged, "no format version", edit(manifestName, `"format":1`, `"format":0`))
	f("a damaged list", fault.Damaged, "move it away", edit(manifestName, `"format"`, `format"`))
	f("a segment is missing", fault.Damaged, "000000000001.seg", func(dir string) { noErr(t, os.Remove(segmentPath(dir, 1))) })
	f("a segment is cut", fault.Damaged, "bytes instead of", func(dir string) { noErr(t, os.Truncate(segmentPath(dir, 1), 4096)) })
	f("garbage of a write", fault.Internal, "", func(dir string) {
		for _, name := range []string{"000000000077.seg", "000000000077.seg.wal", "000000000077.idx", "MANIFEST.new", "000000000001.seg.wal"} {
			noErr(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
		}
	})
	f("newer segments, list lost", fault.Unavailable, "newer program", func(dir string) {
		noErr(t, os.Remove(filepath.Join(dir, manifestName)))
		w, err := openWriter(64<<20, 1)
		noErr(t, err)
		defer w.close()
		noErr(t, w.exec("ATTACH "+literal(segmentPath(dir, 1))+" AS x; UPDATE x.meta SET format = 2; DETACH x"))
	})
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if _, err := Open(ctx, dir, Options{}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opening twice: %v", err)
	}
	noErr(t, s.Close())
}

// TestLocked: SQL on a query's instance reaches nothing outside of the store, and
// changes nothing in it.
func TestLocked(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.csv")
	noErr(t, os.WriteFile(outside, []byte("a\n1\n"), 0o600))
	s := open(t, dir, Options{})
	noErr(t, s.Define(ctx, crashDef))
	noErr(t, s.Append(ctx, crashLoad(0)))
	noErr(t, s.Flush(ctx))
	snap, err := s.Snapshot(ctx)
	noErr(t, err)
	defer snap.Close()
	before := dirBytes(t, dir)
	for _, sql := range []string{
		"SELECT * FROM read_csv('" + outside + "')",
		"SELECT * FROM '" + outside + "'",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM glob('/etc/*')",
		"SELECT * FROM read_text('" + dir + "/../*')",
		"SELECT content FROM read_blob('https://example.com/')",
		"COPY (SELECT 1) TO '" + dir + "/x.csv'",
		"COPY (SELECT 1) TO '" + dir + "/000000000001.seg'",
		"EXPORT DATABASE '" + dir + "'",
		"ATTACH '" + dir + "/y.db'",
		"ATTACH '" + segmentPath(dir, 1) + "' AS y",
		"INSTALL httpfs", "LOAD httpfs",
		"SET lock_configuration = false", "SET enable_external_access = true", "SET memory_limit = '10GB'", "PRAGMA enable_profiling", "RESET memory_limit",
		"CREATE TABLE x AS SELECT 1", "DELETE FROM sx1.t0", "INSERT INTO sx1.t0 SELECT * FROM sx1.t0", "UPDATE sx1.t0 SET c1 = ''",
		"CHECKPOINT", "CALL checkpoint()", "EXPLAIN ANALYZE SELECT 1", "PREPARE p AS SELECT 1", "BEGIN",
		"SELECT * FROM sextant_head(424242)", "SELECT * FROM sextant_head(NULL)", "SELECT * FROM sextant_head(-1)",
	} {
		r, err := snap.(store.SQLSnapshot).Query(ctx, sql, nil, table.Schema{{Name: "x", Type: table.String}}, store.Limits{})
		if err == nil {
			_, err = r.Next(ctx)
			r.Close()
		}
		if err == nil {
			t.Errorf("%s: it ran", sql)
		}
	}
	if after := dirBytes(t, dir); after != before {
		t.Errorf("the folder had %d bytes and has %d", before, after)
	}
	if got := query(t, s, store.Scan{Table: "C"}, "SELECT count(*) FROM %s AS r", count); got[0][0] != "10" {
		t.Errorf("%v rows are left", got)
	}
}

// TestMendsText: what is not UTF-8 does not reach DuckDB.
func TestMendsText(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{})
	def := table.Def{Name: "T", Columns: table.Schema{{Name: "S", Type: table.String}}}
	noErr(t, s.Define(ctx, def))
	b := table.NewBatch(def.Physical(), 0)
	for i, text := range []string{"ok", "\xff", "caf\xc3", "\xa9 long enough to lie outside", "a long text that is cut in a letter \xc3", "\xa9 and goes on in the next one", "é fine and long enough too"} {
		b.AppendRow([]table.Value{table.StringValue(text), table.LongValue(0), table.StringValue("t"), table.IntValue(0), table.LongValue(int64(i)), table.IntValue(0), table.DateTimeValue(1), table.IntValue(1), table.BoolValue(false)})
	}
	noErr(t, s.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "T", Rows: b}}, Marks: store.Marks{{Topic: "t"}: 9}}))
	want := "[ok] [\ufffd] [caf\ufffd] [\ufffd long enough to lie outside] [a long text that is cut in a letter \ufffd] [\ufffd and goes on in the next one] [é fine and long enough too]"
	for range 2 {
		var got []string
		for _, r := range query(t, s, store.Scan{Table: "T", Columns: []string{"S", table.HiddenOffset}}, "SELECT upper(lower(s)) = '', s FROM %s AS r(s, o) ORDER BY o", table.Schema{{Name: "x", Type: table.Bool}, {Name: "s", Type: table.String}}) {
			got = append(got, "["+r[1]+"]")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q", got)
		}
		noErr(t, s.Flush(ctx))
	}
}
