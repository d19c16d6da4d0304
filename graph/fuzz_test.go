package graph

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/record"
)

// FuzzRequest: whatever is asked for, the answer is none of an internal error.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	seeds := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if method != "GET" || !strings.HasPrefix(rest, "/") {
				continue
			}
			path, query, _ := strings.Cut(rest, "?")
			f.Add(path, query, "")
			seeds++
		}
	}
	if seeds < 100 {
		f.Fatalf("only %d requests in the scripts", seeds)
	}
	f.Add("/v1.0/$batch", "", `{"requests":[{"id":"1","method":"GET","url":"/auditLogs/signIns"}]}`)
	f.Add("/v1.0/security/runHuntingQuery", "", `{"Query":"SigninLogs","Timespan":"P1D"}`)
	w := newWorld(f, "memory")
	w.load(record.Export, signInLine("s1", "ann@example.org", w.now, 0))
	f.Fuzz(func(t *testing.T, path, query, body string) {
		if _, err := url.ParseRequestURI(path); err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		r := httptest.NewRequest(method, "https://logs.example.org/v1.0/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery = path, query
		out := httptest.NewRecorder()
		w.face.ServeHTTP(out, r, w.who, nil)
		if out.Code >= 500 {
			t.Fatalf("%s %s?%s: %d %s", method, path, query, out.Code, out.Body)
		}
	})
}
