package external

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/table"
)

// columns of a declaration: a:string, n:long.
func columns(t testing.TB, decl string) table.Schema {
	t.Helper()
	var out table.Schema
	for c := range strings.SplitSeq(decl, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(c), ":")
		k, ok := table.ParseType(typ)
		if !ok {
			t.Fatalf("no type %q", typ)
		}
		out = append(out, table.Column{Name: name, Type: k})
	}
	return out
}

func text(rows [][]table.Value) string {
	var b strings.Builder
	for _, r := range rows {
		for i, v := range r {
			if i > 0 {
				b.WriteString(" | ")
			}
			if v.IsNull() && v.Type() != table.String {
				b.WriteString("null")
			} else {
				fmt.Fprintf(&b, "%s", v.Text())
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What a file of each format gives.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Options{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, content string, r Request, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r.Locations = []string{name}
		rows, err := s.Rows(t.Context(), r)
		got := text(rows)
		if err != nil {
			got = err.Error()
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", name, got, want)
		}
	}
	ab := Request{Columns: columns(t, "a:string, n:long")}
	f("plain.csv", "x,1\ny,2\n", ab, "x | 1\ny | 2")
	f("noend.csv", "x,1\r\ny,2", ab, "x | 1\ny | 2")
	f("bom.csv", "\ufeffx,1\n", ab, "x | 1")
	f("utf16.csv", "\xff\xfex\x00,\x001\x00\n\x00", ab, "x | 1")
	f("quoted.csv", "\"a, \"\"b\"\"\nc\",7\nsay \"hi\",8\n", ab, "a, \"b\"\nc | 7\nsay \"hi\" | 8")
	f("ragged.csv", "x\ny,2,3\nz,many\n", ab, "x | null\ny | 2\nz | null")
	f("latin.csv", "caf\xe9,1\n", ab, "caf\ufffd | 1")
	f("empty.csv", "", ab, "")
	head := ab
	head.SkipFirst = true
	f("head.csv", "name,count\nx,1\n", head, "x | 1")
	f("list.tsv", "x\t1\n", ab, "x | 1")
	f("list.psv", "x|1\n", ab, "x | 1")
	scsv := ab
	scsv.Format = "SCSV"
	f("list.txt", "x;1\n", scsv, "x | 1")
	tsve := ab
	tsve.Format = "tsve"
	f("list.tsve", `a\tb`+"\t1\n", tsve, "a\tb | 1")
	line := Request{Columns: columns(t, "line:string")}
	f("lines.txt", "one, 1\ntwo\r\n\nlast", line, "one, 1\ntwo\n\nlast")
	line.Format = "raw"
	f("whole.txt", "one\ntwo\n", line, "one\ntwo\n")

	all := Request{Columns: columns(t, "t:datetime, s:timespan, b:bool, r:real, d:dynamic, g:guid, m:decimal")}
	f("types.csv", `2026-01-02T03:04:05Z,01:00:00,true,1.5,"{""a"":[1]}",74be27de-1e4e-49d9-b579-fe0b331d3642,0.1`+"\n,,,,,,\n", all,
		`2026-01-02T03:04:05.0000000Z | 01:00:00 | true | 1.5 | {"a":[1]} | 74be27de-1e4e-49d9-b579-fe0b331d3642 | 0.1
null | null | null | null | null | null | null`)

	obj := Request{Columns: columns(t, "a:string, n:long, d:dynamic")}
	f("lines.json", `{"a":"x","n":1,"d":{"k":[1]}}`+"\n"+`{"n":"2","a":3}`, obj, "x | 1 | {\"k\":[1]}\n3 | 2 | null")
	f("array.json", `[{"a":"x"},{"a":null,"d":"text"}]`, obj, "x | null | null\n | null | text")
	obj.Format = "multijson"
	f("pretty.txt", "{\n \"a\": \"x\"\n}\n{\n\"a\":\"y\"}", obj, "x | null | null\ny | null | null")
	obj.Mapping = `[{"Column":"a","Properties":{"Path":"$.in['the deep']"}},{"column":"n","path":"$.n"},{"Column":"gone","Properties":{"Path":"$.x"}}]`
	f("mapped.json", `{"in":{"the deep":"x"},"n":4,"d":5}`, obj, "x | 4 | null")
	obj.Mapping = `[{"Column":"a","Properties":{"Path":"$..a"}}]`
	f("badpath.json", `{}`, obj, "the path \"$..a\" of the ingestion mapping cannot be followed; $.name.name can")
	byPlace := ab
	byPlace.Mapping = `[{"Column":"a","Properties":{"Ordinal":"2"}},{"Column":"n","Properties":{"ConstValue":"9"}}]`
	f("mapped.csv", "x,y,z\n", byPlace, "z | 9")

	obj.Mapping, obj.Format = "", ""
	f("broken.json", `{"a":`, obj, "externaldata cannot read broken.json: it cannot be read as multijson: unexpected EOF")
	avro := ab
	avro.Format = "avro"
	f("x.avro", "Obj", avro, "the format \"avro\" cannot be read; "+formats+" can")

	w3c := Request{Columns: columns(t, "cs-method:string, sc-status:long, c-ip:string"), Format: "w3clogfile"}
	f("iis.log", "#Version: 1.0\r\n#Fields: date c-ip cs-method sc-status cs(Agent)\r\n2026-01-02 10.0.0.1 GET 200 \"a b\"\r\n2026-01-02 - POST -\n#Fields: sc-status\n404\n", w3c,
		"GET | 200 | 10.0.0.1\nPOST | null | \n | 404 |")
	w3c.Mapping = `[{"Column":"c-ip","Properties":{"Field":"c-ip"}},{"Column":"cs-method","Properties":{"ConstValue":"GET"}}]`
	f("mapped.log", "#Fields: sc-status c-ip\n200 10.0.0.1", w3c, "GET | null | 10.0.0.1")
	f("bare.log", "10.0.0.1", w3c, "externaldata cannot read bare.log: it has records before a line #Fields:")

	f("packed.csv.gz", gzipped(t, "x,1\n"), ab, "x | 1")
	f("packed.zip", zipped(t, map[string]string{"in.csv": "x,1\n"}), ab, "x | 1")
	f("cut.csv.gz", gzipped(t, "x,1\n")[:20], ab, "externaldata cannot read cut.csv.gz: it cannot be read as csv: unexpected EOF")
}

func gzipped(t testing.TB, s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zipped(t testing.TB, files map[string]string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, s := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A file has an end, packed or not, and a table has one.
func TestSizes(t *testing.T) {
	dir := t.TempDir()
	bomb := strings.Repeat("0\n", 2<<20)
	for name, content := range map[string]string{"large.csv": bomb, "bomb.csv.gz": gzipped(t, bomb), "bomb.zip": zipped(t, map[string]string{"a.csv": bomb}), "ok.csv": strings.Repeat("0\n", 500<<10)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Options{Folder: dir, MaxBytes: 1 << 20, MaxRows: 520 << 10})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Columns: columns(t, "n:long")}
	for _, name := range []string{"large.csv", "bomb.csv.gz", "bomb.zip"} {
		r.Locations = []string{name}
		if _, err := s.Rows(t.Context(), r); fault.KindOf(err) != fault.Limit || !strings.Contains(err.Error(), "larger than 1 MB") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.Locations = []string{"ok.csv"}
	if rows, err := s.Rows(t.Context(), r); err != nil || len(rows) != 500<<10 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	// All files of a table have one bound.
	s.o.MaxBytes = 4 << 20
	r.Locations = []string{"ok.csv", "ok.csv"}
	if _, err := s.Rows(t.Context(), r); fault.KindOf(err) != fault.Limit || !strings.Contains(err.Error(), "532480 records") {
		t.Errorf("%v", err)
	}
}

// Files of the folder stand for addresses; nothing outside it can be read.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "in")
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.csv", "secret")
	write("in/feeds.example/a b/list.csv", "mirrored")
	write("in/own.csv", "own")
	if err := os.Symlink(filepath.Join(dir, "secret.csv"), filepath.Join(inside, "link.csv")); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Folder: inside})
	if err != nil {
		t.Fatal(err)
	}
	f := func(location, want string) {
		t.Helper()
		rows, err := s.Rows(t.Context(), Request{Columns: columns(t, "a:string"), Locations: []string{location}})
		got := strings.TrimSpace(text(rows))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.Contains(got, "secret\n") || got == "secret" || strings.Contains(got, dir) {
			t.Errorf("%s: %s", location, got)
		}
	}
	f("https://feeds.example/a%20b/list.csv?sig=x;impersonate", "mirrored")
	f("http://feeds.example/a%20b/list.csv", "mirrored")
	f("https://feeds.example/../own.csv", "may not read")
	f("https://feeds.example/other.csv?sig=hush", "put the file at feeds.example/other.csv in externaldata.folder, or list https://feeds.example/ in externaldata.allow")
	f("https://feeds.example/a%20b", "may not read")
	f("own.csv", "own")
	f("/own.csv", "own")
	f("../secret.csv", "externaldata.folder has no such file")
	f("link.csv", "externaldata.folder has no such file")
	f("feeds.example", "is no file")
	f("none.csv", "has no file \"none.csv\"")
	f("file:///etc/passwd", "only https, http and files")
	f("abfss://x@y/z.csv", "only https, http and files")

	if s, err = New(Options{}); err != nil {
		t.Fatal(err)
	}
	f("own.csv", "no folder of files is configured")
	f("https://feeds.example/x.csv", "name a folder of files")
}

// Only what is listed is fetched, whatever stands in the way.
func TestFetch(t *testing.T) {
	var asked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "elsewhere,1\n") }))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch r.URL.Path {
		case "/feeds/list.csv":
			if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
				t.Errorf("headers: %v", r.Header)
			}
			_, _ = io.WriteString(w, "x,1\n")
		case "/feeds/packed.csv":
			_, _ = io.WriteString(w, gzipped(t, "x,1\n"))
		case "/feeds/moved":
			http.Redirect(w, r, "/feeds/list.csv", http.StatusFound)
		case "/feeds/out":
			http.Redirect(w, r, "/private/list.csv?sig=hush", http.StatusFound)
		case "/feeds/away":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		case "/feeds/loop":
			http.Redirect(w, r, "/feeds/loop", http.StatusFound)
		case "/feeds/slow":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Allow: []string{srv.URL + "/feeds/", "http://localhost:" + u.Port() + "/"}, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := func(address, want string) {
		t.Helper()
		rows, err := s.Rows(t.Context(), Request{Columns: columns(t, "a:string, n:long"), Locations: []string{address}})
		got := strings.TrimSpace(text(rows))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s: %s", address, got)
		}
	}
	f(srv.URL+"/feeds/list.csv", "x | 1")
	f(srv.URL+"/feeds/packed.csv?sig=hush", "x | 1")
	f(srv.URL+"/feeds/moved", "x | 1")
	f(srv.URL+"/feeds/none?sig=hush", "404 Not Found")
	f(srv.URL+"/feeds/out", "redirected to "+srv.URL+"/private/list.csv, which externaldata.allow does not list")
	f(srv.URL+"/feeds/away", "which externaldata.allow does not list")
	f(srv.URL+"/feeds/loop", "more than 5 times")
	f(srv.URL+"/feeds/../private/x", "may not read")
	f(srv.URL+"/feeds/%2e%2e/private/x", "may not read")
	f(srv.URL+"/feedsmore/x", "may not read")
	f("https://"+u.Host+"/feeds/list.csv", "may not read")
	f("http://user:hush@"+u.Host+"/feeds/list.csv", "may not read")
	// What closes this test's server for good is the reader going away.
	f(srv.URL+"/feeds/slow", "cannot read")
	for _, p := range asked {
		if strings.Contains(p, "private") {
			t.Errorf("asked for %s", p)
		}
	}
}

// A name that resolves to an address that is not public is refused, unless the address is
// listed too.
func TestPrivateAddresses(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x\n") }))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://localhost:" + u.Port() + "/list.csv"
	for _, c := range []struct {
		allow []string
		want  string
	}{
		{[]string{"http://localhost:" + u.Port()}, "not a public address; externaldata.allow can list it"},
		{[]string{"http://localhost:" + u.Port(), "127.0.0.0/8", "::1"}, ""},
	} {
		s, err := New(Options{Allow: c.allow})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Rows(context.Background(), Request{Columns: columns(t, "a:string"), Locations: []string{address}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Denied) {
			t.Errorf("%v: %v", c.allow, err)
		}
	}
	for ip, want := range map[string]bool{"8.8.8.8": true, "2600::1": true, "10.0.0.1": false, "127.0.0.1": false, "169.254.169.254": false, "100.64.0.1": false, "::1": false,
		"fe80::1": false, "fd00::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "192.168.1.1": false, "172.16.0.1": false} {
		if public(netip.MustParseAddr(ip)) != want {
			t.Errorf("%s public: %v", ip, !want)
		}
	}
}

// What is no entry is said at once.
func TestEntries(t *testing.T) {
	for entry, ok := range map[string]bool{"https://a.example/x": true, "a.example": true, "a.example/x/y": true, "http://a.example:8080": true, "10.0.0.0/8": true, "::1": true,
		"": false, "https://": false, "ftp://a.example": false, "*.example": false, "https://u:p@a.example": false, "https://a.example/?q": false} {
		if _, err := New(Options{Allow: []string{entry}}); (err == nil) != ok {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

// No file, whatever is in it, is more than an error.
func FuzzFile(f *testing.F) {
	for _, format := range []string{"csv", "tsve", "json", "txt", "raw", "w3clogfile"} {
		for _, s := range []string{"a,1\n", "{\"a\":1}", "\x1f\x8b\x08", "PK\x03\x04", "\"", "\xff\xfea", gzipped(f, "a,b")} {
			f.Add(s, format)
		}
	}
	cols := columns(f, "a:string, n:long, d:dynamic, t:datetime")
	f.Fuzz(func(t *testing.T, content, format string) {
		r := &reading{Request: Request{Columns: cols, Format: format}, max: 1000, left: 1 << 20, limit: 1 << 20}
		if r.prepare() != nil || r.Format == "parquet" { // the engine's own tests
			return
		}
		_ = r.file(t.Context(), strings.NewReader(content), "x")
		for _, row := range r.rows {
			if len(row) != len(cols) {
				t.Fatalf("%d cells", len(row))
			}
			for i, v := range row {
				if v.Type() != cols[i].Type {
					t.Fatalf("column %s holds a %s", cols[i].Name, v.Type())
				}
			}
		}
	})
}
