package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sextant/access"
	"sextant/authority"
)

// signing gives a world a token authority with an application and a person.
func (w *world) signing() (app access.App, secret string) {
	w.t.Helper()
	ok := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	ctx, by := context.Background(), access.Operator()
	accounts, err := access.OpenAccounts(access.Options{
		DB: w.node.State(), Clock: w.s.o.Clock, SealKey: []byte(strings.Repeat("k", 32)), Hashing: access.Hashing{MemoryKB: 8, Passes: 1},
	})
	ok(err)
	w.signers = accounts
	app, err = accounts.AddApp(ctx, by, tenant, access.App{DisplayName: "Nightly export", AccountEnabled: true})
	ok(err)
	secret, _, err = accounts.AddSecret(ctx, by, tenant, app.AppID, "", 0)
	ok(err)
	ann, err := accounts.AddPerson(ctx, by, tenant, access.Person{UserPrincipalName: "ann@aldermoor.example", DisplayName: "Ann", AccountEnabled: true})
	ok(err)
	ok(accounts.SetPassword(ctx, by, tenant, ann.ID, "a sentence that nobody guesses", false))
	w.s.o.Tokens, err = authority.New(authority.Options{
		DB: w.node.State(), Accounts: accounts, Clock: w.s.o.Clock, PasswordGrant: true, SignIn: TakeIn(w.node, "sign-in"),
	})
	ok(err)
	return app, secret
}

func (w *world) form(path string, form url.Values) (int, string) {
	status, text, _ := w.call("POST", path, []byte(form.Encode()), "Content-Type: application/x-www-form-urlencoded", "User-Agent: curl/8")
	return status, text
}

// Every sign-in, taken or refused, is in the log of the tenant, and its tables.
func TestSignInsAreRecords(t *testing.T) {
	w := newWorld(t)
	app, secret := w.signing()
	for _, s := range []string{secret, "wrong"} {
		w.form("/"+tenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {app.AppID}, "client_secret": {s}, "scope": {"https://graph.microsoft.com/.default"}})
	}
	for _, password := range []string{"a sentence that nobody guesses", "wrong"} {
		status, text := w.form("/"+tenant+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"password"}, "client_id": {authority.CommandLineID}, "username": {"Ann@Aldermoor.example"}, "password": {password}, "scope": {"api://sextant/.default"},
		})
		if want := map[string]int{"wrong": 400}[password]; status != max(want, 200) {
			t.Fatalf("%d %s", status, text)
		}
	}
	w.settle()
	ask := func(query, want string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := w.call("POST", "/v1/workspaces/"+tenant+"/query", body, "Content-Type: application/json")
		var answer struct{ Tables []struct{ Rows [][]any } }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Tables) == 0 {
			t.Fatalf("%v: %s", err, text)
		}
		if got := fmt.Sprint(answer.Tables[0].Rows); got != want {
			t.Errorf("%s\n%s\nwant %s", query, got, want)
		}
	}
	ask("AADServicePrincipalSignInLogs | project ResultType, ServicePrincipalName, AppId == '"+app.AppID+"', ResourceDisplayName, IPAddress, ServicePrincipalId == '"+app.ID+"' | sort by ResultType asc",
		"[[0 Nightly export true Microsoft Graph 127.0.0.1 true] [7000215 Nightly export true Microsoft Graph 127.0.0.1 true]]")
	ask("AADNonInteractiveUserSignInLogs | project ResultType, UserPrincipalName, UserDisplayName, AppDisplayName, ResourceDisplayName, UserAgent, tostring(parse_json(Status).errorCode), AADTenantId, AuthenticationRequirement | sort by ResultType asc",
		"[[0 ann@aldermoor.example Ann Sextant command line Sextant curl/8 0 "+tenant+" singleFactorAuthentication] [50126 ann@aldermoor.example Ann Sextant command line Sextant curl/8 50126 "+tenant+" singleFactorAuthentication]]")
}

// The authority's paths begin with any word, and are none of the other faces'.
func TestTokenPathsBesideOthers(t *testing.T) {
	w := newWorld(t)
	w.signing()
	for path, want := range map[string]string{
		"/" + tenant + "/v2.0/.well-known/openid-configuration?": `"issuer"`,
		"/" + tenant + "/discovery/v2.0/keys":                    `"keys"`,
		"/nobody.example/.well-known/openid-configuration":       "AADSTS90002",
		"/devicelogin": "The code that your device shows",
		"/-/healthy":   "healthy",
		"/v1/tenants":  `"value"`,
		"/subscriptions/any/providers/Microsoft.OperationalInsights/workspaces?api-version=2022-10-01": `"value"`,
		"/v1/oauth2":                  "PathNotFoundError",
		"/" + tenant:                  "PathNotFoundError",
		"/" + tenant + "/oauth2/v3.0": "PathNotFoundError",
	} {
		if _, text, _ := w.call("GET", path, nil); !strings.Contains(text, want) {
			t.Errorf("%s: %s\nwant %s", path, text, want)
		}
	}
	for _, path := range []string{"/v1/login", "/beta/account", "/portal/login", "/subscriptions/login"} {
		if r := httptest.NewRequest("GET", path, nil); w.s.o.Tokens.Handles(r) {
			t.Errorf("%s is the authority's", path)
		}
	}
	if _, text, _ := w.call("GET", "/metrics", nil); !strings.Contains(text, "/{tenant}/v2.0/.well-known/openid-configuration") {
		t.Errorf("the metrics know no paths of the authority:\n%s", text)
	}
}

// A proxy on this machine is answered under the name that clients use, and no other
// name is.
func TestPublicHost(t *testing.T) {
	w := newWorld(t)
	w.signing()
	w.s.o.PublicURL = "https://logs.example"
	ask := func(host, origin string) int {
		r := httptest.NewRequest("GET", "/-/healthy", nil)
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, w.web.Listener.Addr()))
		rec := httptest.NewRecorder()
		w.s.Handler().ServeHTTP(rec, r)
		return rec.Code
	}
	if a, b, c := ask("logs.example", ""), ask("logs.example", "https://logs.example"), ask("evil.example", ""); a != 200 || b != 200 || c != 403 {
		t.Errorf("%d %d %d", a, b, c)
	}
	if got := ask("logs.example", "https://evil.example"); got != 403 {
		t.Errorf("a page from elsewhere: %d", got)
	}
}
