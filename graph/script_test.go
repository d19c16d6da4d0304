package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/query"
	"sextant/record"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/store/memory"
)

var update = flag.Bool("update", false, "accept the answers of testdata/*.txt as they are")

const testTenant = "11111111-2222-3333-4444-555555555555"

// world is a tenant of tests: a store, a log, and a face over them.
type world struct {
	t      testing.TB
	face   *Face
	st     store.Store
	events map[store.Place]event
	model  *record.Model
	next   int64
	now    time.Time
	who    *access.Principal
	why    error // of nobody
	tenant Tenant
}

type event struct {
	value []byte
	form  record.Form
}

func newWorld(t testing.TB, engine string) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, events: map[store.Place]event{}, now: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC), who: &access.Principal{Kind: access.Key, Root: true, Name: "root"}}
	var err error
	if w.model, err = record.New(); err != nil {
		t.Fatal(err)
	}
	switch engine {
	case "memory":
		w.st = memory.New()
	default:
		if w.st, err = duckdb.Open(ctx, t.TempDir(), duckdb.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := w.st.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, d := range w.model.Defs() {
		if err := w.st.Define(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	w.tenant = Tenant{ID: testTenant, Store: w.st, Log: w}
	w.open(false)
	return w
}

// open a face anew: as after a restart.
func (w *world) open(throttle bool) {
	w.t.Helper()
	var err error
	w.face, err = New(Options{
		Tenants: w, Policy: access.NewPolicy(), Model: w.model, Clock: func() time.Time { return w.now }, Key: bytes.Repeat([]byte("k"), 32), Throttle: throttle,
		Engine: query.New(query.Options{Clock: func() time.Time { return w.now }, Fallback: func(sql string, err error) { w.t.Errorf("fell back to Go: %v\n%s", err, sql) }}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) GraphTenant(*access.Principal, string) (*Tenant, error) {
	t := w.tenant
	return &t, nil
}

func (w *world) Form(_ context.Context, place store.Place) (record.Form, error) {
	place.Index = 0
	e, ok := w.events[place]
	if !ok {
		return 0, fault.New(fault.NotFound, "there is no event at %d", place.Offset)
	}
	return e.form, nil
}

func (w *world) Records(_ context.Context, places []store.Place) ([][]byte, error) {
	out := make([][]byte, len(places))
	for i, p := range places {
		event := p
		event.Index = 0
		if e, ok := w.events[event]; ok {
			if err := record.SplitEvent(e.value, func(index int, raw []byte) error {
				if index == int(p.Index) {
					out[i] = raw
				}
				return nil
			}); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// load records, several to an event.
func (w *world) load(form record.Form, lines ...string) {
	w.t.Helper()
	const topic = "insights-logs-test"
	for len(lines) > 0 {
		n := min(len(lines), 3)
		b := w.model.NewBuilder()
		arrival := ticksOf(w.now)
		at := store.Place{TopicPartition: store.TopicPartition{Topic: topic}, Offset: w.next}
		for i, line := range lines[:n] {
			src := record.Source{Topic: topic, Offset: w.next, Index: int32(i), Arrival: arrival, Form: form, TenantID: testTenant, WorkspaceID: "w"}
			if err := b.Add([]byte(line), nil, src); err != nil {
				w.t.Fatalf("%v: %s", err, line)
			}
		}
		w.events[at] = event{[]byte(`{"records":[` + strings.Join(lines[:n], ",") + `]}`), form}
		w.next++
		var load store.Load
		for _, r := range b.Take() {
			if _, known := w.model.Def(r.Table); !known { // the loader makes the table of a category that is new
				if err := w.st.Define(context.Background(), w.model.DefFor(strings.TrimSuffix(r.Table, "_CL"))); err != nil {
					w.t.Fatal(err)
				}
			}
			load.Tables = append(load.Tables, store.TableRows{Table: r.Table, Rows: r.Batch})
		}
		load.Marks = store.Marks{{Topic: topic}: w.next}
		if err := w.st.Append(context.Background(), load); err != nil {
			w.t.Fatal(err)
		}
		lines = lines[n:]
	}
}

// ask for a path.
func (w *world) ask(method, path, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://logs.example.org"+strings.ReplaceAll(path, " ", "%20"), strings.NewReader(body))
	for k, v := range header {
		r.Header[k] = v
	}
	out := httptest.NewRecorder()
	w.face.ServeHTTP(out, r, w.who, w.why)
	return out
}

var (
	guids  = regexp.MustCompile(`"(request-id|client-request-id)":"[^"]*"`)
	tokens = regexp.MustCompile(`skiptoken=[A-Za-z0-9_-]+`)
	links  = regexp.MustCompile(`"@odata.nextLink":"https://logs.example.org([^"]+)"`)
)

// script runs the cases of a file. A case is a head line, an input, a line ----, and
// the answer; cases stand apart by lines ====. Heads:
//
//	records [form]          the input's lines are records that came in
//	licences a, b           the tenant's; "none" is no licence
//	as root                 the administrator's key asks from here on
//	as user ROLE, ROLE; PERMISSION PERMISSION
//	as application PERMISSION PERMISSION
//	forget                  the log has nothing any more
//	later 2h                time passes
//	restart                 the face is made anew
//	METHOD PATH             a request; lines Name: value behind it are headers, and
//	                        what is behind a blank line is its body. {next} is the
//	                        nextLink of the answer before
func script(t *testing.T, file, engine string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, engine)
	next := ""
	var out []string
	for n, part := range strings.Split(string(text), "\n====\n") {
		input, want, _ := strings.Cut(strings.TrimRight(part, "\n")+"\n", "\n----\n")
		lines := strings.Split(strings.TrimSpace(input), "\n")
		for len(lines) > 1 && strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		head, rest, _ := strings.Cut(lines[0], " ")
		got := ""
		switch head {
		case "records":
			form, err := record.ParseForm(rest)
			if err != nil {
				t.Fatal(err)
			}
			w.load(form, lines[1:]...)
		case "licences":
			w.tenant.Licences = nil
			if rest != "" {
				w.tenant.Licences = []string{}
			}
			if rest != "" && rest != "none" {
				w.tenant.Licences = strings.Split(rest, ", ")
			}
		case "as":
			w.who, w.why = principal(rest), nil
			switch rest {
			case "nobody, with an old token":
				w.who, w.why = nil, access.ErrTokenExpired
			case "nobody, with a token for another resource":
				w.who, w.why = nil, access.ErrTokenAudience
			case "nobody, with a token of nobody's":
				w.who, w.why = nil, access.ErrToken
			}
		case "forget":
			clear(w.events)
		case "later":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(d)
		case "restart":
			w.open(rest == "throttled")
		default:
			header := http.Header{}
			body := ""
			for i, line := range lines[1:] {
				if line == "" {
					body = strings.Join(lines[i+2:], "\n")
					break
				}
				k, v, _ := strings.Cut(line, ": ")
				header.Add(k, v)
			}
			answer := w.ask(head, strings.ReplaceAll(rest, "{next}", next), body, header)
			got = show(answer)
			if m := links.FindStringSubmatch(answer.Body.String()); m != nil {
				next = m[1]
			}
		}
		out = append(out, strings.TrimRight(input, "\n")+"\n----\n"+got)
		if strings.TrimSpace(got) != strings.TrimSpace(want) && !*update {
			t.Errorf("%s, case %d: %s\ngot:\n%s\nwant:\n%s", file, n+1, lines[0], got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n====\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func principal(text string) *access.Principal {
	kind, rest, _ := strings.Cut(text, " ")
	p := &access.Principal{Tenant: testTenant, ObjectID: "00000000-0000-0000-0000-0000000000aa", AppID: "00000000-0000-0000-0000-0000000000bb", Name: "somebody"}
	switch kind {
	case "root":
		p.Kind, p.Root = access.Key, true
	case "application":
		p.Kind, p.Permissions = access.Application, strings.Fields(rest)
	case "nobody":
		return nil
	default:
		roles, permissions, _ := strings.Cut(rest, "; ")
		p.Kind, p.Permissions = access.User, strings.Fields(permissions)
		for role := range strings.SplitSeq(roles, ", ") {
			if role != "" {
				p.Roles = append(p.Roles, role)
			}
		}
	}
	return p
}

// show an answer: its status, the headers that say something, its body.
func show(r *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.Code)
	for _, h := range []string{"Allow", "Retry-After", "WWW-Authenticate", "Preference-Applied", "x-ms-throttle-scope"} {
		if v := r.Header().Get(h); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", h, v)
		}
	}
	if k := r.Header().Get("Content-Type"); k != "" && k != contentType {
		fmt.Fprintf(&b, "Content-Type: %s\n", k)
	}
	body := tokens.ReplaceAll(guids.ReplaceAll(r.Body.Bytes(), []byte(`"$1":"…"`)), []byte("skiptoken=…"))
	var pretty bytes.Buffer
	if len(body) > 0 && body[0] == '{' && json.Indent(&pretty, body, "", " ") == nil {
		body = pretty.Bytes()
	}
	b.Write(body)
	return b.String()
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	engines := []string{"duckdb", "memory"}
	if *update {
		engines = engines[:1]
	}
	for _, engine := range engines {
		for _, file := range files {
			t.Run(engine+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { script(t, file, engine) })
		}
	}
}

func TestVersions(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		v, rest, ok := VersionOf(path)
		if got := fmt.Sprintf("%s|%s|%t", v, rest, ok); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	f("/v1.0/auditLogs/signIns", "v1.0|auditLogs/signIns|true")
	f("/V1.0/auditLogs/", "v1.0|auditLogs|true")
	f("/BETA", "beta||true")
	f("/v1.01/x", "||false")
	f("/v1/workspaces", "||false")
	f("//beta/x", "beta|x|true")
	if !slices.Contains(versions[:], "beta") {
		t.Error("beta is missing")
	}
}

// supersede the record at a place: it came again in a fuller form.
func (w *world) supersede(t *testing.T, offset int64, index int32) {
	t.Helper()
	p := store.Place{TopicPartition: store.TopicPartition{Topic: "insights-logs-test"}, Offset: offset, Index: index}
	if err := w.st.Append(context.Background(), store.Load{Superseded: []store.Place{p}}); err != nil {
		t.Fatal(err)
	}
}
