package authority

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sextant/access"
)

// FuzzToken sends whatever to the token endpoint: it answers, never with a failure of
// ours, and never with a token, since no seed has a credential.
func FuzzToken(f *testing.F) {
	for _, s := range []string{
		"grant_type=client_credentials&client_id=x&client_secret=y&scope=https://graph.microsoft.com/.default",
		"grant_type=refresh_token&refresh_token=1.x&client_id=" + CommandLineID, "grant_type=authorization_code&code=1.x&client_id=" + CommandLineID + "&redirect_uri=http://localhost",
		"grant_type=" + url.QueryEscape(deviceGrant) + "&device_code=x&client_id=" + CommandLineID,
		"grant_type=client_credentials&client_id=x&client_assertion_type=" + url.QueryEscape(assertionType) + "&client_assertion=a.b.c&scope=x", "%zz", "a=1&a=2", "grant_type=password&username=a&password=b",
	} {
		f.Add("/"+home+"/oauth2/v2.0/token", s)
		f.Add("/common/oauth2/token", s)
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, path, body string) {
		r := request("POST", path, body)
		if r == nil || !h.auth.Handles(r) {
			return // another face has it
		}
		w := httptest.NewRecorder()
		h.auth.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(w.Body.String(), `"access_token"`) {
			t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
		}
	})
}

func request(method, path, body string) *http.Request {
	u, err := url.Parse("https://localhost" + path)
	if err != nil {
		return nil
	}
	r := &http.Request{Method: method, URL: u, Host: "localhost:8443", Header: http.Header{}, RemoteAddr: "127.0.0.1:1", Body: http.NoBody}
	if body != "" {
		r = httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL, r.Host, r.RemoteAddr = u, "localhost:8443", "127.0.0.1:1"
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// FuzzAuthorize sends whatever to authorize: nobody is sent to an address that is not
// the application's, and what was sent is never code of the page.
func FuzzAuthorize(f *testing.F) {
	for _, s := range []string{
		"client_id=" + CommandLineID + "&response_type=code&redirect_uri=http://localhost:1&code_challenge=" + challenge() + "&code_challenge_method=S256&scope=openid&state=x",
		"client_id=" + CommandLineID + "&response_type=code&redirect_uri=http://localhost:1@evil.example&prompt=none", "client_id=" + CommandLineID + "&redirect_uri=http://127.0.0.1:5/&response_type=token&response_mode=form_post&state=\"><script>",
		"client_id=" + PortalID + "&redirect_uri=https://localhost:8443/portal/signed-in&response_type=code&response_mode=fragment", "login_hint=%22%3E%3Cscript%3E",
	} {
		f.Add(home, s)
		f.Add("common", s)
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, segment, query string) {
		r := request("GET", "/x/oauth2/v2.0/authorize", "")
		r.URL.Path, r.URL.RawQuery = "/"+segment+"/oauth2/v2.0/authorize", query
		if !h.auth.Handles(r) {
			return // another face has it
		}
		w := httptest.NewRecorder()
		h.auth.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
		if to := w.Header().Get("Location"); to != "" {
			u, err := url.Parse(to)
			ok := err == nil && u.User == nil && (isLoopback(u) || u.Host == "localhost:8443" && u.Path == "/portal/signed-in" || u.Host == "microsoft" && u.Path == "/kustoclient" || u.Host == "localhost:8443" && u.Path == "/common/oauth2/nativeclient")
			if !ok {
				t.Errorf("%q sends to %s", query, to)
			}
		}
	})
}

// FuzzLogin sends whatever a page might: nobody is signed in by it.
func FuzzLogin(f *testing.F) {
	h := newHouse(f)
	for _, s := range []string{"action=password&login=ann@aldermoor.example&passwd=x", "action=passkey&credential={}", "action=otp&otc=1", "action=approve", "action=cancel", "action=change&passwd=a&newpasswd=b", "flow=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		// A page of the browser's own, at any step.
		for _, step := range []string{stepFirst, stepSecond, stepChange, stepConfirm} {
			r := request("POST", "/"+home+"/login", body)
			r.AddCookie(&http.Cookie{Name: "__Host-sextant-flow", Value: "c"})
			fl := &flow{For: forApp, Segment: home, Tenant: home, App: CommandLineID, Return: "http://localhost:1", Mode: "query", Step: step, Bind: hashed("c"), Expires: h.clock().Add(flowLife)}
			if step != stepFirst {
				fl.Who = &who{Tenant: home, Person: h.ann.ID, Stamp: "another"}
			}
			sealed, err := h.auth.seal(flowUse, fl)
			if err != nil {
				t.Fatal(err)
			}
			if r.ParseForm() != nil {
				return
			}
			r.PostForm.Set("flow", sealed)
			w := httptest.NewRecorder()
			h.auth.ServeHTTP(w, r)
			if w.Code >= 500 || strings.Contains(w.Header().Get("Location"), "code=") || strings.Contains(strings.Join(w.Header().Values("Set-Cookie"), " "), "session=") {
				t.Errorf("%s %q: %d %v", step, body, w.Code, w.Header())
			}
		}
	})
}

// FuzzVerify reads whatever as a token: it is never one.
func FuzzVerify(f *testing.F) {
	for _, s := range []string{"", "a.b.c", b64(map[string]any{"alg": "none"}) + "." + b64(map[string]any{"oid": "x"}) + ".", strings.Repeat(".", 100), "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"} {
		f.Add(s)
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := h.auth.Verify(context.Background(), token, access.Audiences(access.Graph)); err == nil || p != nil {
			t.Errorf("%q is %+v", token, p)
		}
	})
}

// FuzzAssertion reads whatever as the assertion of an application that has a
// certificate.
func FuzzAssertion(f *testing.F) {
	for _, s := range []string{"a.b.c", b64(map[string]any{"alg": "PS256", "x5t#S256": "x"}) + "." + b64(map[string]any{"iss": "x", "aud": []string{"x"}}) + ".AAAA", b64(map[string]any{"alg": "RS256", "x5c": []string{"AAAA"}}) + ".e30.AAAA"} {
		f.Add(s)
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, assertion string) {
		c := &call{a: h.auth, r: request("POST", "/"+home+"/oauth2/v2.0/token", ""), now: h.clock(), base: "https://localhost:8443", segment: home}
		if _, p := c.checkAssertion(access.Directory{ID: home}, client{App: h.app}, assertion); p == nil {
			t.Errorf("%q was taken", assertion)
		}
	})
}

// What the tables say.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for e := range fields(errorsText, 5) {
		p := refuse(atoi(t, e[0]))
		if p.status < 400 || p.status > 503 || p.name == "" || p.text == "" || seen[e[0]] {
			t.Errorf("%v", e)
		}
		seen[e[0]] = true
	}
	for r := range fields(resourcesText, 3) {
		if len(access.Audiences(access.Face(r[0]))) == 0 {
			t.Errorf("nobody takes tokens for %s", r[0])
		}
	}
	for id, x := range builtInClients() {
		if !guid.MatchString(id) || len(x.RedirectURIs) == 0 {
			t.Errorf("%+v", x)
		}
	}
}

func atoi(t *testing.T, s string) (n int) {
	for _, r := range s {
		if r < '0' || r > '9' {
			t.Fatalf("%q is no number", s)
		}
		n = n*10 + int(r-'0')
	}
	return n
}
