package authority

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sextant/access"
)

// A single-page application redeems its codes and refresh tokens from its own pages,
// for a day and no longer; nobody else does, and no other application from a page.
func TestSinglePageApplication(t *testing.T) {
	h := newHouse(t)
	page, err := h.accounts.AddApp(context.Background(), access.Operator(), home, access.App{
		DisplayName: "A page", AccountEnabled: true, Scopes: []string{"AuditLog.Read.All"},
		SPARedirectURIs: []string{"https://page.example/signed-in"}, RedirectURIs: []string{"https://page.example/server"},
	})
	h.ok(err)
	wants := func(what string, code int, status int, out map[string]any) {
		t.Helper()
		if code == 0 && status != 200 || code != 0 && fmt.Sprint(out["error_codes"]) != fmt.Sprint([]any{float64(code)}) {
			t.Errorf("%s: %d %v, want %d", what, status, out["error_description"], code)
		}
	}
	b := h.browser()
	b.get(h.authorizeAt("client_id", page.AppID, "redirect_uri", "https://page.example/signed-in", "code_challenge", "", "code_challenge_method", ""))
	if got := b.back("https://page.example/signed-in"); got.Get("error") != "invalid_request" {
		t.Errorf("a page needs no proof key: %v", got)
	}
	b.get(h.authorizeAt("client_id", page.AppID, "redirect_uri", "https://page.example/signed-in")).wants(200, "to A page")
	code := b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("https://page.example/signed-in").Get("code")
	redeem := func(origin string) (int, map[string]any) {
		form := url.Values{"grant_type": {"authorization_code"}, "client_id": {page.AppID}, "code": {code}, "redirect_uri": {"https://page.example/signed-in"}, "code_verifier": {verifier}}
		if origin == "" {
			return h.post("/"+home+"/oauth2/v2.0/token", form)
		}
		return h.post("/"+home+"/oauth2/v2.0/token", form, "Origin", origin)
	}
	status, out := redeem("https://evil.example")
	wants("another page", 7000218, status, out)
	status, out = redeem("")
	wants("no page", 7000218, status, out)
	status, out = redeem("https://page.example")
	wants("the page", 0, status, out)
	refresh := func(token, origin string) (int, map[string]any) {
		return h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {page.AppID}, "refresh_token": {token}}, "Origin", origin)
	}
	h.pass(23 * time.Hour)
	status, out = refresh(fmt.Sprint(out["refresh_token"]), "https://page.example")
	wants("silently", 0, status, out)
	token := fmt.Sprint(out["refresh_token"])
	status, out = refresh(token, "https://evil.example")
	wants("another page, later", 7000218, status, out)
	h.pass(2 * time.Hour)
	status, out = refresh(token, "https://page.example")
	wants("after a day", 700084, status, out)

	// What was not given to a page is not redeemed by one, nor the other way round.
	b.get(h.authorizeAt("prompt", "login")).wants(200, "to A tool")
	code = b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234").Get("code")
	status, out = h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {h.public.AppID}, "code": {code}, "redirect_uri": {"http://localhost:51234"}, "code_verifier": {verifier}}, "Origin", "http://localhost:51234")
	wants("a tool's code by a page", 9002326, status, out)
	status, out = h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {h.app.AppID}, "client_secret": {h.secret}, "scope": {"https://graph.microsoft.com/.default"}}, "Origin", "https://page.example")
	wants("a secret in a page", 9002326, status, out)

	// Signing out goes back to an address of the tenant's applications alone.
	for to, want := range map[string]int{"https://page.example/signed-in": http.StatusSeeOther, "https://page.example/else": http.StatusOK, "https://evil.example/": http.StatusOK} {
		b.get("/" + home + "/oauth2/v2.0/logout?post_logout_redirect_uri=" + url.QueryEscape(to))
		if b.resp.StatusCode != want {
			t.Errorf("signing out to %s: %d", to, b.resp.StatusCode)
		}
	}
}
