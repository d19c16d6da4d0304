package graph

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sextant/record"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBodiesAndAnswersAreCompressed(t *testing.T) {
	w := newWorld(t, "memory")
	w.load(record.Export, signInLine("s1", "ann@example.org", w.now, 0))
	ask := func(body []byte, encoding, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "https://logs.example.org/v1.0/security/runHuntingQuery", bytes.NewReader(body))
		r.Header.Set("Content-Encoding", encoding)
		r.Header.Set("Accept-Encoding", accept)
		out := httptest.NewRecorder()
		w.face.ServeHTTP(out, r, w.who, nil)
		return out
	}
	const query = `{"query":"SigninLogs | project Id, Long = strrep('x', 2000)"}`
	plain := ask([]byte(query), "", "")
	if plain.Code != 200 || plain.Header().Get("Content-Encoding") != "" || !strings.Contains(plain.Body.String(), `"Id":"s1"`) {
		t.Fatalf("%d %v %s", plain.Code, plain.Header(), plain.Body)
	}
	both := ask(zipped(t, query), "gzip", "br;q=1.0, gzip;q=0.5")
	z, err := gzip.NewReader(both.Body)
	if err != nil || both.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v %v", err, both.Header())
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.Body.String() {
		t.Errorf("%v: %d bytes, not %d", err, len(text), plain.Body.Len())
	}
	if a := ask(zipped(t, query), "gzip", "gzip;q=0"); a.Header().Get("Content-Encoding") != "" {
		t.Error("gzip was not wanted")
	}
	if a := ask([]byte(query), "gzip", ""); a.Code != 400 {
		t.Errorf("what is no gzip: %d", a.Code)
	}
	if a := ask([]byte(query), "br", ""); a.Code != http.StatusUnsupportedMediaType {
		t.Errorf("another encoding: %d", a.Code)
	}
	// What unpacks to more than a body may have is refused, however small it comes.
	if a := ask(zipped(t, `{"query":"`+strings.Repeat(" ", maxBody)+`"}`), "gzip", ""); a.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a bomb: %d", a.Code)
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, "memory")
	a := w.ask("GET", "/v1.0/auditLogs/signIns", "", http.Header{"Client-Request-Id": {"my\x01-id"}})
	h := a.Header()
	if h.Get("client-request-id") != "my-id" || len(h.Get("request-id")) != 36 || h.Get("OData-Version") != "4.0" || h.Get("Content-Type") != contentType {
		t.Errorf("%v", h)
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1:8080/v1.0/auditLogs/signIns", nil)
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-Host", "logs.example.com")
	out := httptest.NewRecorder()
	w.face.ServeHTTP(out, r, w.who, nil)
	if !strings.Contains(out.Body.String(), `"https://logs.example.com/v1.0/$metadata#auditLogs/signIns"`) {
		t.Errorf("%s", out.Body)
	}
}
