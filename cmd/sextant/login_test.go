package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sextant/access"
	"sextant/authority"
	"sextant/state"
)

// A person signs in from the command line, in a browser that this test is, and asks
// the server with what came of it.
func TestLogin(t *testing.T) {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	db, err := state.Open(dir + "/state")
	ok(err)
	defer db.Close()
	key, err := access.OpenSealKey(dir)
	ok(err)
	accounts, err := access.OpenAccounts(access.Options{DB: db, SealKey: key, Hashing: access.Hashing{MemoryKB: 8, Passes: 1}})
	ok(err)
	const tenant, password = "8d1a9f3c-0b57-4f0e-9a52-6c1d2e3f4a5b", "a sentence that nobody guesses"
	ctx := context.Background()
	ann, err := accounts.AddPerson(ctx, access.Operator(), tenant, access.Person{UserPrincipalName: "ann@aldermoor.example", AccountEnabled: true})
	ok(err)
	ok(accounts.SetPassword(ctx, access.Operator(), tenant, ann.ID, password, false))
	auth, err := authority.New(authority.Options{DB: db, Accounts: accounts})
	ok(err)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if auth.Handles(r) {
			auth.ServeHTTP(w, r)
			return
		}
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		p, err := auth.Verify(r.Context(), token, access.Audiences(access.Native))
		if err != nil {
			http.Error(w, fmt.Sprintf(`{"error":{"code":"InvalidTokenError","message":%q}}`, err), http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{map[string]any{"tenant": p.Name}}})
	}))
	defer srv.Close()
	ca := filepath.Join(dir, "ca.pem")
	ok(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	env := append(os.Environ(), "SSL_CERT_FILE="+ca, "XDG_CONFIG_HOME="+dir+"/config", "HOME="+dir, "SEXTANT_SERVER="+srv.URL, "SEXTANT_TOKEN=")
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Args[0] = "sextant" // by which testscript.Main knows what to run
		cmd.Env, cmd.Dir = env, dir
		return cmd
	}
	jar, err := cookiejar.New(nil)
	ok(err)
	browser := &http.Client{Transport: srv.Client().Transport, Jar: jar}
	open := func(at string) string {
		t.Helper()
		resp, err := browser.Get(at)
		ok(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		ok(err)
		return string(text)
	}
	form := regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?name="flow" value="([^"]*)"`)
	send := func(page string, fields ...string) string {
		t.Helper()
		m := form.FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no form:\n%s", page)
		}
		v := url.Values{"flow": {m[2]}}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		resp, err := browser.PostForm(srv.URL+m[1], v)
		ok(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		ok(err)
		return string(text)
	}
	// signIn runs the command, and does in the browser what it asks for.
	signIn := func(pattern string, walk func(found []string), args ...string) string {
		t.Helper()
		cmd := command(args...)
		var out bytes.Buffer
		cmd.Stdout = &out
		errs, err := cmd.StderrPipe()
		ok(err)
		ok(cmd.Start())
		said, shown := "", regexp.MustCompile(pattern)
		buf := make([]byte, 4096)
		for {
			n, err := errs.Read(buf)
			said += string(buf[:n])
			if m := shown.FindStringSubmatch(said); m != nil {
				walk(m)
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", cmd.Wait(), said)
			}
		}
		rest, err := io.ReadAll(errs)
		ok(err)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s%s", err, said, rest)
		}
		return out.String()
	}
	run := func(want string, args ...string) {
		t.Helper()
		if out, err := command(args...).CombinedOutput(); !strings.Contains(string(out), want) {
			t.Errorf("sextant %s: %v\n%s\nwant %s", strings.Join(args, " "), err, out, want)
		}
	}

	run("nobody is signed in", "logout")
	said := signIn(`\n  (https://\S+)\n`, func(m []string) {
		page := send(open(m[1]), "action", "password", "login", "ann@aldermoor.example", "passwd", password)
		if !strings.Contains(page, "You can close this page") {
			t.Errorf("the browser was shown %s", page)
		}
	}, "login")
	if want := "signed in at " + srv.URL + " as ann@aldermoor.example, tenant " + tenant + "\n"; said != want {
		t.Errorf("%q, want %q", said, want)
	}
	st, err := os.Stat(dir + "/config/sextant/tokens.json")
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	run("ann@aldermoor.example", "tenants")
	// When it has ended, another one is fetched with what was kept.
	before, err := os.ReadFile(dir + "/config/sextant/tokens.json")
	ok(err)
	var kept map[string]map[string]any
	ok(json.Unmarshal(before, &kept))
	kept[srv.URL]["tokens"].(map[string]any)["api://sextant"].(map[string]any)["expires"] = "2020-01-01T00:00:00Z"
	text, err := json.Marshal(kept)
	ok(err)
	ok(os.WriteFile(dir+"/config/sextant/tokens.json", text, 0o600))
	run("ann@aldermoor.example", "tenants")
	after, err := os.ReadFile(dir + "/config/sextant/tokens.json")
	if err != nil || bytes.Equal(after, before) || bytes.Equal(after, text) {
		t.Errorf("the token was not renewed: %v", err)
	}
	// A token in the environment stands over it.
	env = append(env, "SEXTANT_TOKEN=wrong")
	run("the access token is invalid", "tenants")
	env = env[:len(env)-1]
	// The browser is still signed in: a code is enough.
	signIn(`page\n\n  (\S+)\n\nin any browser, and enter the code (\w+)`, func(m []string) {
		page := send(open(m[1]), "otc", m[2])
		if page = send(page, "action", "approve"); !strings.Contains(page, "You have signed in") {
			t.Errorf("the browser was shown %s", page)
		}
	}, "login", "--device")
	run("ann@aldermoor.example", "tenants")
	// Ended elsewhere.
	ok(auth.EndSessions(tenant, ann.ID))
	run("the access token is invalid", "tenants")
	run("signed out", "logout")
	run("nobody is signed in", "logout")
}
