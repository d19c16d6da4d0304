package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/source"
	"sextant/source/push"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type all struct{ n int }

func (a *all) Append(_ context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	a.n += len(recs)
	out := make([]source.Verdict, len(recs))
	for i, r := range recs {
		out[i] = source.Verdict{Category: "C", Table: "T"}
		if r.Reason != "" {
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: r.Reason}
		}
	}
	return out, nil
}

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	web := httptest.NewServer(h)
	c, err := New(web.URL+"/", "tok")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return c
}

func TestNew(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:8080", "127.0.0.1:8080", "https://logs.example/", "localhost"} {
		if c, err := New(good, ""); err != nil || strings.HasSuffix(c.base, "/") {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "http://", "ftp://x", "http://[::1", "a b"} {
		if _, err := New(bad, ""); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What is pushed arrives as it was, a verdict comes back for each, and a server
// that is behind is asked again.
func TestAppend(t *testing.T) {
	to, refusals := &all{}, 2
	h := push.New(to, func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadRequest) })
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok" || r.URL.Path != "/v1/records" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if refusals--; refusals >= 0 {
			w.WriteHeader(429)
			return
		}
		h.ServeHTTP(w, r)
	})
	big := []byte(`{"x":"` + strings.Repeat("x", 9<<20) + `"}`)
	recs := []source.Incoming{{JSON: big}, {JSON: big}, {JSON: []byte("x"), Reason: "why"}, {JSON: big}}
	verdicts, err := c.Append(context.Background(), recs)
	if err != nil || len(verdicts) != 4 || to.n != 4 {
		t.Fatalf("%d arrived, %v, %v", to.n, verdicts, err)
	}
	if verdicts[2] != (source.Verdict{Outcome: source.DeadLettered, Reason: "why"}) || verdicts[3] != (source.Verdict{Category: "C", Table: "T"}) {
		t.Errorf("%+v", verdicts)
	}
	refusals = 1 << 30
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Append(ctx, recs[2:3]); err == nil {
		t.Error("a server that is behind for ever was waited for")
	}
}

func TestErrorsHaveKinds(t *testing.T) {
	status, body := 0, ""
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status); io.WriteString(w, body) })
	f := func(s int, b string, kind fault.Kind, text string) {
		t.Helper()
		status, body = s, b
		_, err := c.Query(context.Background(), "", "print 1", "")
		if fault.KindOf(err) != kind || err == nil || err.Error() != text {
			t.Errorf("%d: %v, %v", s, fault.KindOf(err), err)
		}
	}
	f(400, `{"error":{"code":"x","message":"wrong"}}`, fault.Invalid, "wrong")
	f(401, `{"error":{"message":"who?"}}`, fault.Denied, "who?")
	f(404, `not JSON`, fault.NotFound, "the server answered 404 Not Found")
	f(409, ``, fault.Conflict, "the server answered 409 Conflict")
	f(503, ``, fault.Unavailable, "the server answered 503 Service Unavailable")
	f(504, ``, fault.Limit, "the server answered 504 Gateway Timeout")
	f(500, ``, fault.Internal, "the server answered 500 Internal Server Error")
	status, body = 200, `{"tables":[`
	if _, err := c.Query(context.Background(), "", "print 1", ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a broken answer: %v", err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	d, err := New(gone.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Query(context.Background(), "", "print 1", ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no server: %v", err)
	}
}

func TestSettleAsksAgain(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_ = json.NewEncoder(w).Encode(map[string]bool{"settled": asked == 3})
	})
	if err := c.Settle(context.Background()); err != nil || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestTailEnds(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s\n{\"half", r.URL.RawQuery)
	})
	var lines []string
	err := c.Tail(context.Background(), "t", "C", 3, func(line []byte) error { lines = append(lines, string(line)); return nil })
	if fault.KindOf(err) != fault.Unavailable || len(lines) != 1 || lines[0] != "category=C&last=3&tenant=t" {
		t.Errorf("%q, %v", lines, err)
	}
	stop := fmt.Errorf("enough")
	if err := c.Tail(context.Background(), "", "", 0, func([]byte) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
}
