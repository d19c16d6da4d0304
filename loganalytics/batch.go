package loganalytics

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"sextant/fault"
	"sextant/table"
)

// Limits of a batch: how many questions it may have, and how many of them are
// worked on at a time.
const (
	maxBatch    = 100
	batchAtOnce = 4
)

type batchItem struct {
	ID        json.RawMessage   `json:"id"`
	Workspace string            `json:"workspace"`
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
}

// name of the item: ids are echoed as texts, whatever they came as.
func (i batchItem) name() string {
	var s string
	if json.Unmarshal(i.ID, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(i.ID))
}

// ServeBatch answers POST /v1/$batch: many queries, each answered as if it had come
// alone. The answers come in the order of the requests: one of Microsoft's clients
// pays no heed to their ids.
func (f *Face) ServeBatch(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		f.Fail(w, r, fault.New(fault.Invalid, "the request's body could not be read; it may have %d bytes: %w", maxBody, err), "")
		return
	}
	var req struct {
		Requests []batchItem `json:"requests"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		f.Fail(w, r, fault.New(fault.Invalid, "the request's body is not the JSON object that it should be: %s", jsonReason(err)), "")
		return
	}
	if err := checkBatch(req.Requests); err != nil {
		f.Fail(w, r, err, "")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := &batchOut{w: w}
	_, _ = io.WriteString(w, `{"responses":[`) // a client that went away is no fault of ours
	var wg sync.WaitGroup
	slots := make(chan struct{}, batchAtOnce)
	before := make(chan struct{}) // closed when the answer before has ended
	close(before)
	for _, item := range req.Requests {
		slots <- struct{}{}
		part := &batchPart{out: out, id: item.name(), header: http.Header{}, before: before, done: make(chan struct{})}
		before = part.done
		wg.Go(func() {
			defer func() { <-slots }()
			defer part.close()
			f.serveItem(part, r, item)
		})
	}
	wg.Wait()
	if p := out.broken; p != nil {
		panic(p) // an answer that cannot be trusted must not look whole
	}
	_, _ = io.WriteString(w, "]}\n")
}

func checkBatch(items []batchItem) error {
	switch {
	case len(items) == 0:
		return fault.New(fault.Invalid, "the batch has no requests")
	case len(items) > maxBatch:
		return fault.New(fault.Invalid, "the batch has %d requests; at most %d are answered", len(items), maxBatch)
	}
	seen := map[string]bool{}
	for i, item := range items {
		id := item.name()
		if id == "" || id == "null" {
			return fault.New(fault.Invalid, "request %d of the batch has no id", i)
		}
		if seen[id] {
			return fault.New(fault.Invalid, "two requests of the batch have the id %q", id)
		}
		seen[id] = true
	}
	return nil
}

// serveItem answers one request of a batch as if it had come alone.
func (f *Face) serveItem(w *batchPart, r *http.Request, item batchItem) {
	one := r.Clone(r.Context())
	one.Header = http.Header{}
	for _, name := range []string{"Authorization", "X-Ms-App", "X-Ms-Client-Request-Id"} {
		if v := r.Header.Values(name); len(v) > 0 {
			one.Header[name] = v
		}
	}
	for name, value := range item.Headers {
		one.Header.Set(name, value)
	}
	one.Method = http.MethodPost
	if strings.EqualFold(item.Method, http.MethodGet) {
		one.Method = http.MethodGet
	}
	at, err := url.Parse(item.Path)
	if err != nil || item.Path != "" && !strings.EqualFold(strings.Trim(at.Path, "/"), "query") {
		f.Fail(w, one, fault.New(fault.Invalid, "a request of a batch asks for /query, not for %q", item.Path), "")
		return
	}
	one.URL = &url.URL{Path: "/query", RawQuery: at.RawQuery}
	one.Body, one.ContentLength = io.NopCloser(bytes.NewReader(item.Body)), int64(len(item.Body))
	if item.Workspace == "" {
		f.Fail(w, one, fault.New(fault.Invalid, "the request %q of the batch names no workspace", w.id), "")
		return
	}
	f.ServeQuery(w, one, item.Workspace)
}

// batchOut is the answer that the parts of a batch share; it is that part's whose
// turn it is.
type batchOut struct {
	w      http.ResponseWriter
	some   bool
	broken any // what a part panicked with
}

// batchPart is the answer of one request. Its first byte waits until the part before
// has ended; then it has the answer to itself until it ends.
type batchPart struct {
	out    *batchOut
	id     string
	header http.Header
	before <-chan struct{}
	done   chan struct{}
	begun  bool
}

func (p *batchPart) Header() http.Header { return p.header }

func (p *batchPart) WriteHeader(status int) {
	if p.begun {
		return
	}
	p.begun = true
	<-p.before
	b := []byte{}
	if p.out.some {
		b = append(b, ',')
	}
	p.out.some = true
	b = append(b, `{"id":`...)
	b = table.AppendQuoted(b, p.id)
	headers := map[string]string{}
	for name := range p.header {
		headers[name] = p.header.Get(name)
	}
	b = append(b, `,"status":`...)
	b = appendJSON(b, status)
	b = append(b, `,"headers":`...)
	b = appendJSON(b, headers)
	_, _ = p.out.w.Write(append(b, `,"body":`...)) // a client that went away is no fault of ours
}

func (p *batchPart) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.out.w.Write(b)
}

// close the part; deferred around its work.
func (p *batchPart) close() {
	x := recover()
	if !p.begun {
		<-p.before
	} else if x == nil {
		_, _ = io.WriteString(p.out.w, "}")
	}
	if x != nil && p.out.broken == nil {
		p.out.broken = x
	}
	close(p.done)
}
