package authority

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/access"
	"sextant/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	home  = "8d1a9f3c-0b57-4f0e-9a52-6c1d2e3f4a5b"
	other = "1f0e2d3c-4b5a-4697-8877-665544332211"
	annPW = "a sentence that nobody guesses"
)

// house is an authority with two tenants, behind a TLS server, with a clock.
type house struct {
	t        testing.TB
	dir      string
	db       *state.DB
	accounts *access.Accounts
	auth     *Authority
	srv      *httptest.Server
	opts     Options
	said     *bytes.Buffer // what the log was told

	mu      sync.Mutex
	now     time.Time
	records []map[string]any

	ann, bob access.Person // bob has an authenticator
	app      access.App    // confidential, with Graph permissions
	secret   string
	public   access.App
	stranger access.App // of the other tenant
}

func (h *house) clock() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *house) pass(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.now = h.now.Add(d) }

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func newHouse(t testing.TB, change ...func(*Options)) *house {
	h := &house{t: t, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second), said: new(bytes.Buffer)}
	h.open(change...)
	t.Cleanup(func() {
		h.srv.Close()
		h.ok(h.db.Close())
		if t.Failed() {
			t.Logf("the log:\n%s", h.said)
		}
	})
	ctx, by := context.Background(), access.Operator()
	for id, domain := range map[string]string{home: "aldermoor.example", other: "elsewhere.example"} {
		_, err := h.accounts.SetTenant(ctx, by, id, func(d *access.Directory) error { d.Domains = []string{domain}; return nil })
		h.ok(err)
	}
	var err error
	h.ann, err = h.accounts.AddPerson(ctx, by, home, access.Person{UserPrincipalName: "ann@aldermoor.example", DisplayName: "Ann Alder", AccountEnabled: true})
	h.ok(err)
	h.ok(h.accounts.SetPassword(ctx, by, home, h.ann.ID, annPW, false))
	h.bob, err = h.accounts.AddPerson(ctx, by, home, access.Person{UserPrincipalName: "bob@aldermoor.example", AccountEnabled: true})
	h.ok(err)
	h.ok(h.accounts.SetPassword(ctx, by, home, h.bob.ID, annPW, false))
	_, err = h.accounts.Assign(ctx, by, home, "Security Reader", h.ann.ID)
	h.ok(err)
	h.app, err = h.accounts.AddApp(ctx, by, home, access.App{
		DisplayName: "Nightly export", AccountEnabled: true, Permissions: []string{"AuditLog.Read.All", "Data.Read"},
		Scopes: []string{"AuditLog.Read.All"}, RedirectURIs: []string{"https://app.example/signed-in"},
	})
	h.ok(err)
	h.secret, _, err = h.accounts.AddSecret(ctx, by, home, h.app.AppID, "", 0)
	h.ok(err)
	h.public, err = h.accounts.AddApp(ctx, by, home, access.App{
		DisplayName: "A tool", AccountEnabled: true, Public: true, Scopes: []string{"AuditLog.Read.All", "Directory.Read.All"},
		RedirectURIs: []string{"http://localhost", "myapp://auth", "https://spa.example/x?y=1"},
	})
	h.ok(err)
	h.stranger, err = h.accounts.AddApp(ctx, by, other, access.App{DisplayName: "Theirs", AccountEnabled: true})
	h.ok(err)
	return h
}

func (h *house) open(change ...func(*Options)) {
	h.t.Helper()
	var err error
	h.db, err = state.Open(h.dir + "/state")
	h.ok(err)
	key, err := access.OpenSealKey(h.dir)
	h.ok(err)
	h.accounts, err = access.OpenAccounts(access.Options{DB: h.db, Clock: h.clock, SealKey: key, Hashing: access.Hashing{MemoryKB: 8, Passes: 1}})
	h.ok(err)
	h.opts = Options{DB: h.db, Accounts: h.accounts, Clock: h.clock, Logger: slog.New(slog.NewTextHandler(h.said, nil)), SignIn: h.signIn}
	for _, f := range change {
		f(&h.opts)
	}
	h.auth, err = New(h.opts)
	h.ok(err)
	if h.srv == nil {
		h.srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !h.auth.Handles(r) {
				http.Error(w, "not the authority's", http.StatusTeapot)
				return
			}
			h.auth.ServeHTTP(w, r)
		}))
	}
}

func (h *house) signIn(_ context.Context, tenant string, record []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := map[string]any{}
	if err := json.Unmarshal(record, &r); err != nil || r["tenantId"] != tenant {
		return fmt.Errorf("a record that is none: %s %w", record, err)
	}
	h.records = append(h.records, r)
	return nil
}

// heard gives the sign-ins since the last call: category user-or-app code.
func (h *house) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, r := range h.records {
		p := r["properties"].(map[string]any)
		name, _ := p["userPrincipalName"].(string)
		if name == "" {
			name, _ = p["servicePrincipalName"].(string)
		}
		out = append(out, fmt.Sprintf("%s %s %v", r["category"], name, r["resultType"]))
	}
	h.records = nil
	return strings.Join(out, "; ")
}

// browser keeps cookies and follows no redirect out of the server.
type browser struct {
	h *house
	*http.Client
	page string // the last one
	at   *url.URL
	resp *http.Response
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	h.ok(err)
	b := &browser{h: h, Client: &http.Client{Transport: h.srv.Client().Transport, Jar: jar}}
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), h.srv.URL) || !h.auth.Handles(r) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

func (b *browser) do(r *http.Request) *browser {
	b.h.t.Helper()
	resp, err := b.Client.Do(r)
	b.h.ok(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	b.h.ok(err)
	b.page, b.at, b.resp = string(text), resp.Request.URL, resp
	return b
}

func (b *browser) get(at string) *browser {
	b.h.t.Helper()
	if strings.HasPrefix(at, "/") {
		at = b.h.srv.URL + at
	}
	r, err := http.NewRequest("GET", at, nil)
	b.h.ok(err)
	return b.do(r)
}

var (
	formAt  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)"[^>]*>(.*?)</form>`)
	fieldAt = regexp.MustCompile(`<(?:input|button)[^>]* name="([^"]*)"(?: value="([^"]*)")?`)
)

// send the form of the page that has the action, with fields filled in.
func (b *browser) send(action string, fields ...string) *browser {
	b.h.t.Helper()
	for _, m := range formAt.FindAllStringSubmatch(b.page, -1) {
		v := url.Values{}
		found := action == ""
		for _, f := range fieldAt.FindAllStringSubmatch(m[2], -1) {
			if f[1] == "action" {
				found = found || f[2] == action
				continue
			}
			v.Set(f[1], strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`).Replace(f[2]))
		}
		if !found {
			continue
		}
		if action != "" {
			v.Set("action", action)
		}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		r, err := http.NewRequest("POST", b.h.srv.URL+strings.ReplaceAll(m[1], "&amp;", "&"), strings.NewReader(v.Encode()))
		b.h.ok(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.do(r)
	}
	b.h.t.Fatalf("the page has no form for %q:\n%s", action, b.page)
	return nil
}

// wants the page to say something.
func (b *browser) wants(status int, text string) *browser {
	b.h.t.Helper()
	if b.resp.StatusCode != status || !strings.Contains(b.page, text) {
		b.h.t.Fatalf("%s: %d, want %d with %q:\n%s", b.at, b.resp.StatusCode, status, text, b.page)
	}
	return b
}

// back gives the parameters with which the browser was sent back to an application.
func (b *browser) back(to string) url.Values {
	b.h.t.Helper()
	at := b.resp.Header.Get("Location")
	if !strings.HasPrefix(at, to) {
		b.h.t.Fatalf("%s: %d to %q, want %s:\n%s", b.at, b.resp.StatusCode, at, to, b.page)
	}
	u, err := url.Parse(at)
	b.h.ok(err)
	q := u.Query()
	if u.Fragment != "" {
		q, err = url.ParseQuery(u.Fragment)
		b.h.ok(err)
	}
	return q
}

// post a form, and give the answer as JSON.
func (h *house) post(path string, form url.Values, header ...string) (int, map[string]any) {
	h.t.Helper()
	r, err := http.NewRequest("POST", h.srv.URL+path, strings.NewReader(form.Encode()))
	h.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.json(r)
}

func (h *house) json(r *http.Request) (int, map[string]any) {
	h.t.Helper()
	resp, err := h.srv.Client().Do(r)
	h.ok(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.ok(err)
	out := map[string]any{}
	if err := json.Unmarshal(text, &out); err != nil {
		h.t.Fatalf("%s: %d %s", r.URL, resp.StatusCode, text)
	}
	out["(headers)"] = resp.Header
	return resp.StatusCode, out
}

// token of the nightly export for a resource.
func (h *house) appToken(scope string) string {
	h.t.Helper()
	status, out := h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {h.app.AppID}, "client_secret": {h.secret}, "scope": {scope}})
	if status != 200 {
		h.t.Fatalf("%d %v", status, out)
	}
	return out["access_token"].(string)
}
