package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"sextant/access"
	"sextant/fault"
	"sextant/intake"
	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/source/push"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The key-value store and the column engine keep these for the process.
		goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"),
		goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
	)
}

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	token  = "the-token-of-these-tests"
)

// world is a server over an empty folder.
type world struct {
	t    *testing.T
	s    *Server
	node *node.Node
	web  *httptest.Server
	log  *diary

	accounts *access.Accounts
	signers  *access.Accounts // those of the token authority; see signing
}

func testAccounts(t *testing.T, n *node.Node, clock func() time.Time) *access.Accounts {
	t.Helper()
	accounts, err := access.OpenAccounts(access.Options{
		DB: n.State(), Clock: clock, Token: token, SealKey: make([]byte, 32), Audit: AuditTo(n), Hashing: access.Hashing{MemoryKB: 8, Passes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

// diary is a log that may be read while it is written.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	model, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC) }
	n, err := node.Open(context.Background(), node.Options{Dir: t.TempDir(), Model: model, Clock: clock, MemoryMB: 256})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: n, log: &diary{}}
	w.accounts = testAccounts(t, n, clock)
	w.s, err = New(Options{
		Node: n, Engine: query.New(query.Options{Clock: clock, MaxRows: 1000, MaxBytes: 32 << 20}), Accounts: w.accounts, Clock: clock, Version: "test",
		Logger: slog.New(slog.NewTextHandler(w.log, nil)),
		Replay: func(_ context.Context, tenant string) (any, error) {
			if tenant == "nobody" {
				return nil, fault.New(fault.NotFound, "there is no tenant nobody")
			}
			return map[string]string{"replayed": tenant}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.web = httptest.NewServer(w.s.Handler())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		w.web.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// call sends a request with the token; headers are "Name: value".
func (w *world) call(method, path string, body []byte, headers ...string) (status int, text string, h http.Header) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.web.URL+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func signIn(id string) string {
	return fmt.Sprintf(`{"time":"2026-01-02T03:04:05.5Z","category":"SignInLogs","tenantId":"%s","resultType":"0","properties":{"id":"%s","location":{"city":"Ulm"}}}`, tenant, id)
}

func (w *world) push(body string, headers ...string) push.Result {
	w.t.Helper()
	status, text, _ := w.call("POST", "/v1/records", []byte(body), headers...)
	var res push.Result
	if err := json.Unmarshal([]byte(text), &res); err != nil || status != 200 {
		w.t.Fatalf("%d %s", status, text)
	}
	return res
}

func (w *world) settle() {
	w.t.Helper()
	if status, text, _ := w.call("POST", "/v1/settle", nil); status != 200 || !strings.Contains(text, `"settled":true`) {
		w.t.Fatalf("%d %s", status, text)
	}
}

func TestOnlyTheTokenOpensTheDoor(t *testing.T) {
	w := newWorld(t)
	f := func(header, method, path string, status int, code, challenge string) {
		t.Helper()
		got, text, h := w.call(method, path, nil, "Authorization: "+header)
		if got != status || !strings.Contains(text, code) || h.Get("WWW-Authenticate") != challenge {
			t.Errorf("%s %s with %q: %d %s %v", method, path, header, got, text, h["Www-Authenticate"])
		}
	}
	for _, r := range []string{
		"POST /v1/records", "POST /v1/records/replay", "POST /v1/settle", "GET /v1/tenants", "GET /v1/tail", "GET /v1/explain",
		"GET /v1/workspaces/default/query", "POST /v1/workspaces/default/query",
	} {
		method, path, _ := strings.Cut(r, " ")
		f("", method, path, 401, "AuthorizationRequiredError", "Bearer")
		f("Bearer", method, path, 401, "AuthorizationRequiredError", "Bearer")
		f("Basic "+token, method, path, 401, "AuthorizationRequiredError", "Bearer")
		f("Bearer "+token+"x", method, path, 401, "InvalidTokenError", `Bearer error="invalid_token"`)
		f("Bearer "+token[1:], method, path, 401, "InvalidTokenError", `Bearer error="invalid_token"`)
	}
	f("bearer  "+token, "GET", "/v1/tenants", 200, "value", "")
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	f := func(status int, headers ...string) {
		t.Helper()
		if got, text, _ := w.call("GET", "/v1/tenants", nil, headers...); got != status {
			t.Errorf("%q: %d %s", headers, got, text)
		}
	}
	f(200)
	f(200, "Host: localhost:8080")
	f(200, "Host: LOCALHOST")
	f(200, "Host: 127.0.0.2")
	f(200, "Host: [::1]:80")
	f(403, "Host: evil.example")
	f(403, "Host: 127.0.0.1.evil.example")
	f(403, "Host: 10.0.0.1")
	f(200, "Origin: http://localhost:3000")
	f(200, "Origin: http://127.0.0.1")
	f(403, "Origin: http://evil.example")
	f(403, "Origin: null")
	f(403, "Origin: http://localhost.evil.example")
	f(403, "Origin: ://")
}

// Behind another address the host may be any, but a page's origin must be it.
func TestFromAfar(t *testing.T) {
	w := newWorld(t)
	f := func(path, origin, auth string, status int) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://logs.example"+path, nil) // no local address: not loopback
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		r.Header.Set("Authorization", auth)
		rec := httptest.NewRecorder()
		w.s.Handler().ServeHTTP(rec, r)
		if rec.Code != status {
			t.Errorf("%s from %q: %d %s", path, origin, rec.Code, rec.Body)
		}
	}
	f("/v1/tenants", "", "Bearer "+token, 200)
	f("/v1/tenants", "https://logs.example", "Bearer "+token, 200)
	f("/v1/tenants", "https://other.example", "Bearer "+token, 403)
	f("/-/healthy", "", "", 200)
	f("/metrics", "", "", 401)
	f("/metrics", "", "Bearer "+token, 200)
}

func TestWhereNothingIs(t *testing.T) {
	w := newWorld(t)
	f := func(method, path string, status int, part, allow string) {
		t.Helper()
		got, text, h := w.call(method, path, nil)
		if got != status || !strings.Contains(text, part) || h.Get("Allow") != allow {
			t.Errorf("%s %s: %d %s %v", method, path, got, text, h)
		}
	}
	f("GET", "/nowhere", 404, "PathNotFoundError", "")
	f("GET", "/", 404, "there is nothing at GET /", "")
	f("GET", "/v1/records", 405, "takes POST", "POST")
	f("PUT", "/v1/workspaces/default/query", 405, "takes GET and POST", "GET, POST")
	f("POST", "/v1/records/replay?tenant=nobody", 404, "there is no tenant nobody", "")
	f("POST", "/v1/records/replay?tenant=x", 200, `"replayed":"x"`, "")
	f("GET", "/v1/tail?tenant=x", 404, "no tenant or workspace", "")
	f("GET", "/v1/explain?query=print+1", 404, "there is no tenant yet", "")
}

func TestPush(t *testing.T) {
	w := newWorld(t)
	res := w.push(signIn("1") + "\n" + signIn("2") + "\n")
	if res.Accepted != 2 || res.Known+res.SetAside != 0 || len(res.Verdicts) != 2 || res.Verdicts[0] != (push.Verdict{Outcome: "accepted", Category: "SignInLogs", Table: "SigninLogs"}) {
		t.Errorf("%+v", res)
	}
	// The same again, as an event; one is new.
	res = w.push(`{"records":[` + signIn("1") + `,` + signIn("3") + `]}`)
	if res.Accepted != 1 || res.Known != 1 || res.Verdicts[0].Outcome != "known" {
		t.Errorf("%+v", res)
	}
	// Broken in the middle: the good part is kept, and each has its verdict.
	res = w.push(signIn("4") + "\n" + signIn("5")[:60] + "\n" + signIn("6") + "\n")
	if res.Accepted != 2 || res.SetAside != 1 || res.Verdicts[1].Outcome != "set aside" || res.Verdicts[1].Reason == "" {
		t.Errorf("%+v", res)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, signIn("7"))
	z.Close()
	if res = w.push(zipped.String(), "Content-Encoding: gzip"); res.Accepted != 1 {
		t.Errorf("%+v", res)
	}
	enc, _ := zstd.NewWriter(nil)
	defer enc.Close()
	if res = w.push(string(enc.EncodeAll([]byte(signIn("8")), nil)), "Content-Encoding: zstd"); res.Accepted != 1 {
		t.Errorf("%+v", res)
	}
	// A record that names no tenant takes the request's.
	homeless := strings.Replace(signIn("9"), `"tenantId":"`+tenant+`",`, "", 1)
	if res = w.push(homeless); res.SetAside != 1 {
		t.Errorf("%+v", res)
	}
	status, text, _ := w.call("POST", "/v1/records?tenant="+tenant, []byte(homeless))
	if status != 200 || !strings.Contains(text, `"accepted":1`) {
		t.Errorf("%d %s", status, text)
	}
	w.settle()
	if _, text, _ := w.call("GET", "/v1/workspaces/default/query?query=SigninLogs+|+summarize+n=dcount(Id)", nil); !strings.Contains(text, `"rows":[[8]]`) {
		t.Errorf("%s", text)
	}
}

func TestAPushThatIsBehindIsToldToComeAgain(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.s.fail(rec, fmt.Errorf("cannot append: %w", intake.ErrBehind))
	if rec.Code != 429 || rec.Header().Get("Retry-After") != "1" || !strings.Contains(rec.Body.String(), "ThrottledError") {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
}

func TestErrorsBecomeStatuses(t *testing.T) {
	w := newWorld(t)
	f := func(err error, status int, part string) {
		t.Helper()
		rec := httptest.NewRecorder()
		w.s.fail(rec, err)
		if rec.Code != status || !strings.Contains(rec.Body.String(), part) {
			t.Errorf("%v: %d %s", err, rec.Code, rec.Body)
		}
	}
	f(fault.New(fault.Invalid, "x"), 400, "x")
	f(fault.New(fault.Limit, "x"), 400, "x")
	f(fault.New(fault.NotFound, "x"), 404, "x")
	f(fault.New(fault.Conflict, "x"), 409, "x")
	f(fault.New(fault.Denied, "x"), 403, "x")
	f(fault.New(fault.Unavailable, "x"), 503, "x")
	f(push.ErrTooLarge, 413, "64 MB")
	f(push.ErrBusy, 429, "again")
	f(fault.New(fault.Damaged, "secret"), 500, "an internal error")
	f(fmt.Errorf("secret"), 500, "an internal error")
	rec := httptest.NewRecorder()
	w.s.fail(rec, fmt.Errorf("secret"))
	if strings.Contains(rec.Body.String(), "secret") || !strings.Contains(w.log.String(), "secret") {
		t.Error("the inside of an error is sent, or not logged")
	}
}

func TestHealthAndMetrics(t *testing.T) {
	w := newWorld(t)
	if status, text, _ := w.call("GET", "/-/healthy", nil, "Authorization: "); status != 200 || text != "healthy\n" {
		t.Errorf("%d %s", status, text)
	}
	if status, text, _ := w.call("GET", "/-/ready", nil, "Authorization: "); status != 200 || text != "ready\n" {
		t.Errorf("%d %s", status, text)
	}
	w.push(signIn("1") + "\nnonsense\n")
	w.push(signIn("1"))
	w.settle()
	w.call("GET", "/nowhere/at/all", nil)
	_, text, _ := w.call("GET", "/metrics", nil, "Authorization: ")
	for _, want := range []string{
		`sextant_records_total{outcome="accepted"} 1`, `sextant_records_total{outcome="known"} 1`, `sextant_records_total{outcome="set aside"} 1`,
		`sextant_http_requests_total{code="200",route="POST /v1/records"} 2`, `sextant_http_requests_total{code="404",route="/"} 1`,
		`sextant_loader_records_total{judgement="new",tenant="` + tenant + `"} 1`, `sextant_loader_lag_events{tenant="` + tenant + `"} 0`,
		`sextant_loader_failed{tenant="` + tenant + `"} 0`, `sextant_build_info{version="test"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if strings.Contains(text, "nowhere") {
		t.Error("a client can make series")
	}
}

func TestPanicsEndOneRequest(t *testing.T) {
	w := newWorld(t)
	w.s.mux.HandleFunc("GET /panic", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("late") {
			_, _ = io.WriteString(rw, `{"half":`)
		}
		panic("a broken invariant")
	})
	if status, text, _ := w.call("GET", "/panic", nil); status != 500 || !strings.Contains(text, "InternalServerError") || strings.Contains(text, "invariant") {
		t.Errorf("%d %s", status, text)
	}
	if resp, err := http.Get(w.web.URL + "/panic?late"); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("half an answer looks like a whole one")
		}
	}
	if !strings.Contains(w.log.String(), "a broken invariant") {
		t.Error("the panic is not logged")
	}
}

func TestTail(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("1") + "\n" + signIn("2") + "\n" + signIn("3") + "\n")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	req, _ := http.NewRequestWithContext(ctx, "GET", w.web.URL+"/v1/tail?last=2&category=signinlogs", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	next := func(want string) {
		t.Helper()
		if !in.Scan() || in.Text() != want {
			t.Fatalf("%q, %v; want %q", in.Text(), in.Err(), want)
		}
	}
	next(signIn("2"))
	next(signIn("3"))
	w.push(signIn("4"))
	next(signIn("4"))
	w.push(strings.Replace(signIn("5"), "SignInLogs", "AuditLogs", 1))
	w.push(signIn("6"))
	next(signIn("6"))
	stop()
	if in.Scan() {
		t.Errorf("more came: %s", in.Text())
	}
	if status, text, _ := w.call("GET", "/v1/tail?last=-1", nil); status != 400 || !strings.Contains(text, "last=-1") {
		t.Errorf("%d %s", status, text)
	}
}

// The paths and answers of the query API, as its clients use them.
func TestQueryAPI(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("1") + "\n" + signIn("2") + "\n")
	w.settle()
	info, err := Describe(context.Background(), w.node.Tenants(), All)
	if err != nil {
		t.Fatal(err)
	}
	workspace := info[0].Workspace
	ask := func(query string) []byte {
		b, _ := json.Marshal(map[string]any{"query": query, "workspaces": nil})
		return b
	}
	f := func(method, path string, body []byte, status int, want string, headers ...string) {
		t.Helper()
		got, text, _ := w.call(method, path, body, headers...)
		if got != status || !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s %s %s: %d %s", method, path, body, got, text)
		}
	}
	q := "/v1/workspaces/" + workspace + "/query"
	one := `^\{"tables":\[\{"name":"PrimaryResult","columns":\[\{"name":"n","type":"long"\}\],"rows":\[\[2\]\]\}\]\}$`
	f("POST", q, ask("SigninLogs | summarize n = count()"), 200, one)
	f("GET", q+"?query=SigninLogs+%7C+summarize+n+%3D+count()", nil, 200, one)
	f("POST", "/v1//workspaces/"+workspace+"//query", ask("SigninLogs | summarize n = count()"), 200, one)
	f("POST", "/V1/Workspaces/"+strings.ToUpper(workspace)+"/QUERY", ask("SigninLogs | summarize n = count()"), 200, one)
	f("POST", "/v1/workspaces/"+tenant+"/query", ask("SigninLogs | summarize n = count()"), 200, one)
	f("POST", "/v1/workspaces/default/query", ask("SigninLogs | summarize n = count()"), 200, one)

	// Each type has its form.
	f("POST", q, ask(`print a = true, b = int(1), c = 2, d = 1.5, e = real(nan), f = decimal(1.10), g = "x", h = datetime(2026-01-02 03:04:05.5), i = 1d, j = dynamic({"k":[1]}), k = guid(11111111-2222-3333-4444-555555555555), l = real(-inf)`), 200,
		regexp.QuoteMeta(`"rows":[[true,1,2,1.5,"NaN","1.10","x","2026-01-02T03:04:05.5Z","1.00:00:00","{\"k\":[1]}","11111111-2222-3333-4444-555555555555","-Infinity"]]`))
	f("POST", q, ask(`print a = bool(null), b = int(null), c = "", d = datetime(null), e = dynamic(null), f = real(null)`), 200, `"rows":\[\[null,null,"",null,null,null\]\]`)

	// The timespan bounds the table, in every form; Python sends seconds with decimals.
	span := func(timespan string) []byte {
		b, _ := json.Marshal(map[string]any{"query": "SigninLogs | summarize n = count()", "timespan": timespan})
		return b
	}
	f("POST", q, span("P1D"), 200, `\[\[2\]\]`) // the clock stands at 2026-01-03
	f("POST", q, span("PT86400.0S"), 200, `\[\[2\]\]`)
	f("POST", q, span("PT1H"), 200, `\[\[0\]\]`)
	f("POST", q, span("2026-01-02/PT3H"), 200, `\[\[0\]\]`)
	f("GET", q+"?timespan=PT1H&query=SigninLogs+%7C+summarize+n%3Dcount()", nil, 200, `\[\[0\]\]`)
	f("POST", q, span("yesterday"), 400, `not a timespan.*BadArgumentError`)

	// What Prefer asks for, in any order; an empty one is no mistake.
	f("POST", q, ask("print 1"), 200, `"statistics":\{"query":\{.*"tableRowCount":1.*"render":\{.*"visualization":"table"`, "Prefer: include-render=true,wait=10,include-statistics=true")
	f("POST", q, ask("print x = 1, y = 2 | render piechart with (title='T')"), 200, `"title":"T".*"visualization":"piechart"`, "Prefer: include-render=true")
	f("POST", q, ask("print 1"), 200, `\]\}$`, "Prefer: ")

	// Mistakes have codes and places.
	f("POST", q, ask("SigninLogs\n| where Nope == 1"), 400, `"code":"BadArgumentError".*"SemanticError".*"code":"SEM0100","line":2,"pos":9,"token":"Nope"`)
	f("POST", q, ask("SigninLogs | where ("), 400, `"SyntaxError".*"code":"SYN`)
	f("POST", q, ask("print 1 +"), 400, `"correlationId":"mine"`, "x-ms-client-request-id: mine")
	f("POST", q, ask(" "), 400, `the request has no query`)
	f("POST", q, []byte(`{"query":`), 400, `BadArgumentError`)
	f("POST", q, []byte(`{"query":1}`), 400, `BadArgumentError`)
	f("POST", q, bytes.Repeat([]byte(" "), 9<<20), 400, `could not be read`)
	f("POST", "/v1/workspaces/99999999-0000-0000-0000-000000000000/query", ask("print 1"), 404, `WorkspaceNotFoundError`)
	f("POST", q, []byte(`{"query":"print 1","workspaces":["elsewhere"]}`), 400, `names a workspace that is not there`)
	f("POST", q, []byte(`{"query":"print x = 1","workspaces":["`+tenant+`"]}`), 200, `\[\[1\]\]`)

	// An answer over its limits is an error; see package loganalytics for one that had begun.
	f("POST", q, ask("range x from 1 to 100000 step 1"), 200, `\[1000\]\]\}\],"error":\{"code":"PartialError".*more than the 1000 rows`)
	// One that runs longer than it may is a gateway's timeout.
	f("POST", q, ask("range a from 1 to 100000000000 step 1 | where a % 3 == 4 | count"), 504, `GatewayTimeout`, "Prefer: wait=1")

	// Compressed where the client takes that.
	status, text, h := w.call("POST", q, ask("range x from 1 to 900 step 1"), "Accept-Encoding: gzip")
	if status != 200 || h.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%d %v", status, h)
	}
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !json.Valid(plain) || len(plain) < len(text) {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	if _, _, h := w.call("POST", q, ask("print 1"), "Accept-Encoding: gzip;q=0"); h.Get("Content-Encoding") != "" {
		t.Error("compressed against the client's will")
	}
}

// Ready means that what was there at the start is loaded, not that nothing is new.
func TestReadyWaitsForTheOpeningLog(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("1"))
	w.settle()
	if err := w.s.noteOpening(); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.call("GET", "/-/ready", nil); status != 200 {
		t.Errorf("%d when all is loaded", status)
	}
	for _, ends := range w.s.opening {
		for tp := range ends {
			ends[tp]++ // as if the log had held one more
		}
	}
	if status, text, _ := w.call("GET", "/-/ready", nil); status != 503 || !strings.Contains(text, "catching up") {
		t.Errorf("%d %s", status, text)
	}
}
