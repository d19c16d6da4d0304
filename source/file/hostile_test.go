package file

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"

	"sextant/record"
)

const tenant = "aaaa0000-0000-4000-8000-000000000001"

// rec is a small export, number n.
func rec(n int) string {
	return fmt.Sprintf(`{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","tenantId":%q,"operationName":"x","properties":{"id":"Directory_%d"}}`, tenant, n)
}

func gz(b string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(b))
	_ = w.Close()
	return out.String()
}

func zst(b string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(b), nil))
}

func zipped(names ...string) string {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(names); i += 2 {
		f, _ := w.Create(names[i])
		_, _ = f.Write([]byte(names[i+1]))
	}
	_ = w.Close()
	return out.String()
}

func tarred(names ...string) string {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(names); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: names[i], Size: int64(len(names[i+1])), Mode: 0o600})
		_, _ = w.Write([]byte(names[i+1]))
	}
	_ = w.Close()
	return out.String()
}

func utf16(e unicode.Endianness, bom unicode.BOMPolicy, s string) string {
	out, _ := unicode.UTF16(e, bom).NewEncoder().String(s)
	return out
}

// Files as they come, good and bad: what the import says of each is in
// testdata/hostile.txt.
func TestHostileFiles(t *testing.T) {
	n := 0
	next := func() string { n++; return rec(n) }
	several := func(k int) []string {
		out := make([]string, k)
		for i := range out {
			out[i] = next()
		}
		return out
	}
	pretty := func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, `,"`, ",\n    \""), `{"`, "{\n    \"")
	}
	files := []struct{ name, content string }{
		{"01-lines", strings.Join(several(3), "\n") + "\n"},
		{"02-lines-crlf", strings.Join(several(3), "\r\n") + "\r\n"},
		{"03-no-last-newline", strings.Join(several(2), "\n")},
		{"04-event", `{"records":[` + strings.Join(several(3), ",") + `]}`},
		{"05-events-on-lines", `{"records":[` + next() + `]}` + "\n" + `{"records":[` + next() + `,` + next() + `]}` + "\n"},
		{"06-array", "[" + strings.Join(several(3), ",") + "]"},
		{"07-array-pretty", "[\n  " + strings.Join([]string{pretty(next()), pretty(next())}, ",\n  ") + "\n]\n"},
		{"08-object-pretty", pretty(next())},
		{"09-concatenated", strings.Join(several(3), "") + strings.Join(several(2), " ")},
		{"10-pretty-concatenated", pretty(next()) + "\n" + pretty(next())},
		{"11-page", `{"@odata.context":"https://graph.microsoft.com/beta/$metadata#auditLogs/directoryAudits","@odata.nextLink":"x","value":[{"id":"Directory_g1","activityDisplayName":"x","activityDateTime":"2026-03-01T08:00:00Z"},{"id":"Directory_g2"}]}`},
		{"12-page-of-users", `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{"id":"u"}]}`},
		{"13-page-without-context", `{"value":[{"id":"d-1","riskEventType":"x","detectedDateTime":"2026-03-01T08:00:00Z","lastUpdatedDateTime":"2026-03-01T08:00:00Z"}]}`},
		{"13-page-with-nothing", `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#auditLogs/signIns","value":[]}`},
		{"14-empty", ""},
		{"15-white", " \n\n"},
		{"16-bom", "\xEF\xBB\xBF" + next()},
		{"17-utf16le-bom", utf16(unicode.LittleEndian, unicode.UseBOM, next())},
		{"18-utf16be-bom", utf16(unicode.BigEndian, unicode.UseBOM, next()+"\n"+next())},
		{"19-utf16le", utf16(unicode.LittleEndian, unicode.IgnoreBOM, next())},
		{"20-utf32", "\xFF\xFE\x00\x00{\x00\x00\x00"},
		{"21-latin1", strings.Replace(next(), `"x"`, "\"caf\xe9\"", 1)},
		{"22-binary", "\x7fELF\x02\x01\x01\x00\x00"},
		{"23-text", "Dear reader,\nthere is nothing here.\n"},
		{"24-truncated-last-line", next() + "\n" + next()[:60]},
		{"25-truncated-middle-line", next() + "\n" + next()[:60] + "\n" + next() + "\n"},
		{"26-truncated-first-line", next()[:60] + "\n" + strings.Join(several(2), "\n")},
		{"27-truncated-between-strings", next() + "\n" + `{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","properties":{` + "\n" + next() + "\n"},
		{"28-truncated-array", "[" + next() + "," + next()[:50]},
		{"29-truncated-event", `{"records":[` + next() + `,` + next()[:50]},
		{"30-truncated-pretty", pretty(next()) + "\n" + pretty(next())[:90]},
		{"31-garbage-line", next() + "\nhello\n" + next() + "\n"},
		{"32-bad-json-on-a-line", next() + "\n" + `{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","x":01}` + "\n" + next()},
		{"33-no-category", `{"time":"2026-03-01T08:00:00Z"}` + "\n" + next()},
		{"34-deep", `{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","properties":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}\n" + next()},
		{"35-long-line", `{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","properties":{"x":"` + strings.Repeat("y", 3<<20) + `"}}` + "\n" + next()},
		{"36-long-in-array", `[` + next() + `,{"category":"AuditLogs","x":"` + strings.Repeat("y", 3<<20) + `"},` + next() + `]`},
		{"37-impossible-date", strings.Replace(next(), "2026-03-01", "2026-02-31", 1)},
		{"38-huge-number", strings.Replace(next(), `"operationName":"x"`, `"durationMs":1`+strings.Repeat("0", 400), 1)},
		{"39-array-of-nonsense", `[1,"two",null,` + next() + `]`},
		{"40-trailing-comma", "[" + next() + ",]"},
		{"41-commas-between", strings.Join(several(2), ",\n")},
		{"42-nulls", "\x00\x00\x00\x00"},
		{"50-gz", gz(next())},
		{"51-zst", zst(next())},
		{"52-gz-in-gz", gz(gz(next()))},
		{"53-zip", zipped("a/PT1H.json", next(), "b/PT1H.json.gz", gz(next()), "__MACOSX/._x", "junk", "notes.txt", "no logs here")},
		{"54-tar-gz", gz(tarred("a.json", next(), "bad.gz", "\x1f\x8bbroken", "b.json", next()))},
		{"55-zip-in-gz", gz(zipped("x.json", next()))},
		{"56-gz-truncated", gz(strings.Join(several(400), "\n"))[:900]},
		{"57-gz-of-nothing", gz("")},
		{"58-nested-too-deep", gz(gz(gz(gz(gz(gz(next()))))))},
		{"59-zip-broken", "PK\x03\x04broken"},
		{"60-portal", "\xEF\xBB\xBFDate (UTC),Request ID,User ID,Username,Sign-in error code\r\n2026-03-01T07:59:00Z,s-1,u-1,ann@example.test,0\r\n2026-03-01T07:59:00Z,s-2,u-1,ann@example.test,50126\r\n"},
		{"61-NonInteractiveSignIns_2026-03-01.csv", "Date (UTC),Request ID,User ID,Username\n2026-03-01T07:59:00Z,s-1,u-1,ann@example.test\n"},
		{"62-semicolons", "$table;TimeGenerated;Id;UserPrincipalName;AppDisplayName\nSigninLogs;2026-03-01T08:00:00Z;s-9;a;b\n"},
		{"63-two-tables", "$table,TimeGenerated,Id,UserPrincipalName,OperationName\nSigninLogs,2026-03-01T08:00:00Z,s-10,a,b\nAuditLogs,2026-03-01T08:00:00Z,Directory_x,,b\nMine_CL,2026-03-01T08:00:00Z,1,,b\n"},
		{"64-unknown-columns", "a,b,c\n1,2,3\n"},
		{"65-open-quote", "$table,TimeGenerated,Id,UserPrincipalName,AppDisplayName\nSigninLogs,2026-03-01T08:00:00Z,s-11,a,b\nSigninLogs,\"" + strings.Repeat("x", 2<<20)},
		{"66-short-rows", "$table,TimeGenerated,Id,UserPrincipalName,AppDisplayName\nSigninLogs,2026-03-01T08:00:00Z,s-12\n\n,,,,\nSigninLogs,2026-03-01T08:00:00Z,s-13,a,b,c,d\n"},
		{"67-usage-report", `{"@odata.type":"#microsoft.graph.userRegistrationFeatureSummary","totalUserCount":1}`},
	}
	dir := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := newIntake(t)
	sum, err := (&Importer{Model: in.m, To: in, Tenant: tenant, Workers: 1}).Import(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sum.Files {
		f.Name = strings.ReplaceAll(f.Name, dir+string(filepath.Separator), "")
		f.Problem = strings.ReplaceAll(f.Problem, dir+string(filepath.Separator), "")
		for _, r := range f.Reasons {
			r.Where = strings.ReplaceAll(r.Where, dir+string(filepath.Separator), "")
		}
	}
	golden(t, "hostile.txt", sum)
	var fromTables int64
	for _, c := range sum.Tables() {
		fromTables += c.Accepted + c.Known
	}
	if records, accepted, known, aside := sum.Totals(); accepted+known != fromTables || records != fromTables+aside {
		t.Errorf("%d records, but %d in tables and %d set aside", records, fromTables, aside)
	}
	for _, d := range in.dead {
		if len(d.JSON) > 1<<20 {
			t.Errorf("%s: %d bytes were kept of what is no record", d.Where, len(d.JSON))
		}
	}
}

// endless gives one record again and again, numbered, n times.
type endless struct {
	n, i int
	rest []byte
	sep  string
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.i == e.n {
			return 0, io.EOF
		}
		e.rest = []byte(rec(1_000_000+e.i) + e.sep)
		e.i++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestOneHugeLineInLittleMemory(t *testing.T) {
	// 100 MB without a line end: a record that never ends, and an event with
	// records without end.
	var used int
	count := &sink{each: func(recs int) { used += recs }}
	m := newIntake(t).m
	huge := io.MultiReader(strings.NewReader(`{"category":"x","y":"`), io.LimitReader(zeros{}, 100<<20), strings.NewReader("\"}\n"+rec(1)))
	sum, err := (&Importer{Model: m, To: count, Tenant: tenant, Stdin: huge}).Import(context.Background(), "-")
	if err != nil {
		t.Fatal(err)
	}
	if f := sum.Files[0]; f.SetAside != 1 || f.Records != 2 || f.Reasons[0].Where != "(standard input):1:1" {
		t.Errorf("%+v", f)
	}
	used = 0
	event := io.MultiReader(strings.NewReader(`{"records":[`), &endless{n: 100_000, sep: ","}, strings.NewReader(rec(0)+`]}`))
	if sum, err = (&Importer{Model: m, To: count, Tenant: tenant, Stdin: event}).Import(context.Background(), "-"); err != nil {
		t.Fatal(err)
	}
	if f := sum.Files[0]; f.Records != 100_001 || f.SetAside != 0 || used != 100_001 {
		t.Errorf("%d records, %d at the appender: %+v", f.Records, used, f.Reasons)
	}
	if count.most > 8<<20 {
		t.Errorf("one batch had %d bytes", count.most)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestImportThatBreaksOff(t *testing.T) {
	in := newIntake(t)
	ctx, cancel := context.WithCancel(context.Background())
	im := &Importer{Model: in.m, To: in, Tenant: tenant, Batch: 10, Workers: 1, Stdin: &endless{n: 1000, sep: "\n"}}
	im.Progress = func(p Progress) {
		if p.Records >= 100 {
			cancel()
		}
	}
	sum, err := im.Import(ctx, "-")
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	records, first, _, _ := sum.Totals()
	if records < 100 || records > 900 {
		t.Fatalf("%d records went in before the end", records)
	}
	im.Progress, im.Stdin = nil, &endless{n: 1000, sep: "\n"}
	sum, err = im.Import(context.Background(), "-")
	if err != nil {
		t.Fatal(err)
	}
	if _, accepted, known, aside := sum.Totals(); accepted+first != 1000 || known != first || aside != 0 {
		t.Errorf("the second run added %d and knew %d; the first had added %d", accepted, known, first)
	}
}

func TestAppenderThatFails(t *testing.T) {
	in := newIntake(t)
	in.fail = errors.New("the disk is full")
	_, err := (&Importer{Model: in.m, To: in, Workers: 1, Stdin: &endless{n: 100_000, sep: "\n"}}).Import(context.Background(), "-")
	if err == nil || !errors.Is(err, in.fail) || !strings.Contains(err.Error(), "(standard input):1:1") {
		t.Errorf("%v", err)
	}
}

func TestProgress(t *testing.T) {
	in := newIntake(t)
	path := filepath.Join(t.TempDir(), "x.json")
	var b bytes.Buffer
	if _, err := io.Copy(&b, &endless{n: 500, sep: "\n"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	var last Progress
	calls := 0
	im := &Importer{Model: in.m, To: in, Batch: 100, Clock: func() time.Time { now = now.Add(time.Second); return now }}
	im.Progress = func(p Progress) {
		if p.Records < last.Records || p.Bytes < last.Bytes || p.Total != int64(b.Len()) || p.File != path {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
		calls++
	}
	if _, err := im.Import(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	if calls != 5 || last.Records != 500 || last.Bytes != int64(b.Len()) || last.Rate != 100 {
		t.Errorf("%d calls, the last %+v", calls, last)
	}
	if _, err := im.Import(context.Background(), path+".not"); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(rec(1) + "\n" + rec(2)))
	f.Add([]byte(`{"records":[` + rec(1) + `]}`))
	f.Add([]byte(`[` + rec(1) + `,{`))
	f.Add([]byte("$table,Id\nSigninLogs,\"x\n"))
	f.Add([]byte(gz(rec(1))))
	f.Add([]byte(`{"@odata.context":"x","value":[{}]}`))
	m := newIntake(f).m
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newIntakeOf(t, m)
		sum, err := (&Importer{Model: m, To: in, Tenant: tenant, Stdin: bytes.NewReader(b), MaxRecord: 4096, Workers: 1}).Import(context.Background(), "-")
		if err != nil {
			t.Fatal(err)
		}
		if len(sum.Files) == 0 {
			t.Fatal("nothing is said of the file")
		}
	})
}

func newIntakeOf(t testing.TB, m *record.Model) *intake {
	return &intake{t: t, m: m, b: m.NewBuilder(), had: map[string]record.Form{}}
}
