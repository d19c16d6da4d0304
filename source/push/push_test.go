package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

var update = flag.Bool("update", false, "accept what the program makes of the bodies")

// taker takes everything that has no reason.
type taker struct {
	got  []source.Incoming
	err  error
	hold chan struct{}
}

func (t *taker) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	if t.hold != nil {
		<-t.hold
	}
	if t.err != nil {
		return nil, t.err
	}
	out := make([]source.Verdict, len(recs))
	for i, r := range recs {
		t.got = append(t.got, source.Incoming{JSON: bytes.Clone(r.JSON), Form: r.Form, Tenant: r.Tenant, Where: r.Where, Reason: r.Reason})
		if r.Reason != "" {
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: r.Reason}
		}
	}
	return out, nil
}

func fail(w http.ResponseWriter, err error) {
	status := 400
	switch {
	case errors.Is(err, ErrBusy):
		status = 429
	case errors.Is(err, ErrTooLarge):
		status = 413
	case fault.KindOf(err) != fault.Invalid:
		status = 500
	}
	http.Error(w, err.Error(), status)
}

func send(h *Handler, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/records?tenant=t", body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// testdata/split.txt holds bodies and the records that they are split into: a
// body, a line of dashes, then a line for each record: where, and its text or, after
// "set aside:", why.
func TestSplit(t *testing.T) {
	text, err := os.ReadFile("testdata/split.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var accepted []string
	for block := range strings.SplitSeq(string(text), "\n====\n") {
		name, rest, _ := strings.Cut(block, "\n")
		body, want, ok := strings.Cut(rest, "\n----\n")
		if !ok {
			t.Fatalf("no line of dashes in %q", block)
		}
		n++
		t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
			recs, err := split([]byte(body), "application/json", "t")
			var b strings.Builder
			if err != nil {
				fmt.Fprintf(&b, "error: %v\n", err)
			}
			for _, r := range recs {
				fmt.Fprintf(&b, "%s: ", r.Where)
				if r.Reason != "" {
					fmt.Fprintf(&b, "set aside: %s: ", r.Reason)
				}
				fmt.Fprintf(&b, "%q\n", r.JSON)
			}
			accepted = append(accepted, name+"\n"+body+"\n----\n"+strings.TrimSpace(b.String()))
			if got := strings.TrimSpace(b.String()); got != strings.TrimSpace(want) && !*update {
				t.Errorf("it is split into\n%s\nnot\n%s", got, want)
			}
		})
	}
	if *update {
		if err := os.WriteFile("testdata/split.txt", []byte(strings.Join(accepted, "\n====\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n < 10 {
		t.Errorf("only %d bodies were found", n)
	}
}

func TestWhatIsTooLongIsKeptInPart(t *testing.T) {
	long := `{"x":"` + strings.Repeat("x", MaxRecord) + `"}`
	recs, err := split([]byte("{}\n"+long+"\n{}\n"+`{"records":[`+"\n"+strings.Repeat("y", 5<<20)), "", "")
	if err != nil || len(recs) != 4 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	if r := recs[1]; r.Reason == "" || len(r.JSON) != MaxRecord {
		t.Errorf("%d bytes are kept: %s", len(r.JSON), r.Reason)
	}
	if r := recs[3]; r.Reason == "" || len(r.JSON) > maxAside {
		t.Errorf("%d bytes are kept: %s", len(r.JSON), r.Reason)
	}
}

func TestBodies(t *testing.T) {
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.Bytes()
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	bomb := bytes.Repeat([]byte("{}\n"), MaxBody/3+1)
	f := func(name string, body []byte, encoding string, status int, part string) {
		t.Helper()
		to := &taker{}
		rec := send(New(to, fail), bytes.NewReader(body), "Content-Encoding", encoding)
		if rec.Code != status || !strings.Contains(rec.Body.String(), part) {
			t.Errorf("%s: %d %.300s", name, rec.Code, rec.Body)
		}
		if status != 200 && len(to.got) > 0 {
			t.Errorf("%s: refused, and yet %d records were taken", name, len(to.got))
		}
	}
	f("plain", []byte("{}\n{}"), "", 200, `"accepted":2`)
	f("identity", []byte("{}"), "identity", 200, `"accepted":1`)
	f("gzip", zip([]byte("{}")), "gzip", 200, `"accepted":1`)
	f("GZIP", zip([]byte("{}")), " GZIP", 200, `"accepted":1`)
	f("gzip of two members", append(zip([]byte("{}\n")), zip([]byte("{}"))...), "gzip", 200, `"accepted":2`)
	f("zstd", enc.EncodeAll([]byte("{}"), nil), "zstd", 200, `"accepted":1`)
	f("nothing", nil, "", 400, "the body holds no record")
	f("white space", []byte(" \r\n\n"), "", 400, "the body holds no record")
	f("not gzip", []byte("{}"), "gzip", 400, "not gzip")
	f("not zstd", []byte("{}"), "zstd", 400, "zstd")
	f("gzip that breaks off", zip(bytes.Repeat([]byte("{}\n"), 1000))[:40], "gzip", 400, "broke off")
	f("another encoding", []byte("{}"), "br", 400, `"br" is not known`)
	if testing.Short() {
		return // the large ones take their time under the race detector, and share no state
	}
	f("plain, too large", bomb, "", 413, "larger than 64 MB")
	f("gzip, too large", zip(bomb), "gzip", 413, "larger than 64 MB")
	f("zstd, too large", enc.EncodeAll(bomb, nil), "zstd", 413, "larger than 64 MB")
	window, err := zstd.NewWriter(nil, zstd.WithWindowSize(512<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer window.Close()
	f("zstd, of a huge window", window.EncodeAll(bytes.Repeat([]byte("{}\n"), 200<<20/3), nil), "zstd", 413, "larger than 64 MB")
}

func TestWhatTheAppenderSaysIsAnswered(t *testing.T) {
	h := New(&taker{err: errors.New("the disk is full")}, fail)
	if rec := send(h, strings.NewReader("{}")); rec.Code != 500 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// All bodies together hold a bounded amount; who comes when it is used up is told
// to come again, and may once others are done.
func TestBodiesShareTheMemory(t *testing.T) {
	to := &taker{hold: make(chan struct{})}
	h := New(to, fail)
	if !h.held.TryAcquire(maxHeld - heldStep) {
		t.Fatal("the memory is not free at the start")
	}
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- send(h, strings.NewReader("{}")) }()
	to.hold <- struct{}{} // it has read its body and is being taken in
	if rec := <-done; rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	h.held.TryAcquire(heldStep)
	if rec := send(h, strings.NewReader("{}")); rec.Code != 429 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	h.held.Release(heldStep)
	go func() { done <- send(h, strings.NewReader("{}")) }()
	to.hold <- struct{}{}
	if rec := <-done; rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestFrames(t *testing.T) {
	in := []source.Incoming{
		{JSON: []byte("{\n}"), Form: record.Export, Where: "a:1:1"},
		{JSON: []byte{}, Form: record.CSV, Tenant: "t", Where: "b", Reason: "why"},
		{JSON: []byte("\x00\xff\n"), Form: record.CSV},
	}
	var body []byte
	for _, r := range in {
		var err error
		if body, err = AppendFrame(body, r); err != nil {
			t.Fatal(err)
		}
	}
	out, err := split(body, FrameType+"; v=1", "ignored")
	if err != nil || fmt.Sprint(out) != fmt.Sprint(in) {
		t.Errorf("%v, %v", out, err)
	}
	for _, bad := range []string{"", "{}", "{\"bytes\":1}\n", "{\"bytes\":-1}\n\n", "{\"bytes\":9223372036854775807}\n\n", "{\"bytes\":1}\nab\n", "x\n", "{\"form\":\"no such\",\"bytes\":0}\n\n"} {
		if recs, err := parseFrames([]byte(bad)); fault.KindOf(err) != fault.Invalid || len(recs) > 0 {
			t.Errorf("%q: %v %v", bad, recs, err)
		}
	}
}

// Splitting loses nothing that is a record, whatever stands beside it, and ends.
func FuzzSplit(f *testing.F) {
	text, err := os.ReadFile("testdata/split.txt")
	if err != nil {
		f.Fatal(err)
	}
	for block := range strings.SplitSeq(string(text), "\n====\n") {
		body, _, _ := strings.Cut(block, "\n----\n")
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		recs, err := split(body, "", "")
		if (err == nil) == (len(recs) == 0) {
			t.Errorf("%d records, %v", len(recs), err)
		}
		for _, r := range recs {
			if !bytes.Contains(body, r.JSON) || r.Where == "" {
				t.Errorf("%q at %q is no part of the body", r.JSON, r.Where)
			}
		}
		// A record on a line of its own, behind whatever is whole, is found.
		good := []byte(`{"time":"2026-01-02T03:04:05Z","category":"SignInLogs"}`)
		if whole := bytes.TrimSpace(body); json.Valid(whole) || len(whole) == 0 {
			recs, err := split(append(append(bytes.Clone(whole), '\n'), good...), "", "")
			if err != nil || !bytes.Equal(recs[len(recs)-1].JSON, good) || recs[len(recs)-1].Reason != "" {
				t.Errorf("behind %q: %d records, %v", body, len(recs), err)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	b, err := AppendFrame(nil, source.Incoming{JSON: []byte(`{"a":1}`), Form: record.CSV, Tenant: "t", Where: "w", Reason: "r"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, b...))
	f.Add([]byte("{\"bytes\":5}\n12\n45\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		recs, err := parseFrames(body)
		if err != nil {
			return
		}
		var again []byte
		for _, r := range recs {
			if again, err = AppendFrame(again, r); err != nil {
				t.Fatal(err)
			}
		}
		back, err := parseFrames(again)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(recs) {
			t.Errorf("%v, not %v, %v", back, recs, err)
		}
	})
}
