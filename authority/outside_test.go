package authority

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sextant/access"
	"sextant/fault"
)

// issuerElsewhere is an OpenID provider of its own: whoever is sent there is whom
// claims say.
type issuerElsewhere struct {
	t      *testing.T
	srv    *httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any
	nonce  string
	asked  url.Values // at the token endpoint
	down   bool
}

func newIssuer(t *testing.T) *issuerElsewhere {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := &issuerElsewhere{t: t, key: key}
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		if o.down {
			http.Error(w, "down", 500)
			return
		}
		say(w, map[string]any{
			"issuer": o.srv.URL, "authorization_endpoint": o.srv.URL + "/authorize", "token_endpoint": o.srv.URL + "/token", "jwks_uri": o.srv.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		say(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		o.asked = r.PostForm
		id, secret, _ := r.BasicAuth()
		o.asked.Set("client", id+":"+secret)
		say(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": o.token("aud", "sextant", "nonce", o.nonce)})
	})
	o.srv = httptest.NewTLSServer(mux)
	t.Cleanup(o.srv.Close)
	return o
}

// token about whoever claims are, with changes.
func (o *issuerElsewhere) token(change ...any) string {
	o.t.Helper()
	claims := map[string]any{"iss": o.srv.URL, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for k, v := range o.claims {
		claims[k] = v
	}
	for i := 0; i+1 < len(change); i += 2 {
		claims[change[i].(string)] = change[i+1]
	}
	return sign(o.t, jose.RS256, o.key, map[string]any{"kid": "k1"}, claims)
}

// signIn walks a browser to the issuer and back.
func (o *issuerElsewhere) signIn(h *house, b *browser) *browser {
	h.t.Helper()
	b.get(h.authorizeAt()).wants(200, "Sign in with Elsewhere")
	at := strings.ReplaceAll(b.page[strings.Index(b.page, `href="/`+home+`/login/outside`)+6:], "&amp;", "&")
	b.get(at[:strings.IndexByte(at, '"')])
	q := b.back(o.srv.URL + "/authorize")
	o.nonce = q.Get("nonce")
	if q.Get("code_challenge") == "" || q.Get("redirect_uri") != h.srv.URL+outsidePath {
		h.t.Fatalf("sent with %v", q)
	}
	return b.get(outsidePath + "?" + url.Values{"code": {"c1"}, "state": {q.Get("state")}}.Encode())
}

func (o *issuerElsewhere) house(change func(*Provider)) *house {
	return newHouse(o.t, func(opts *Options) {
		p := Provider{Name: "Elsewhere", Issuer: o.srv.URL, ClientID: "sextant", ClientSecret: "s3", Tenant: home, Create: true, Audiences: []string{"api://sextant-there"}}
		if change != nil {
			change(&p)
		}
		opts.Outside, opts.HTTP = []Provider{p}, o.srv.Client()
	})
}

func TestSignInElsewhere(t *testing.T) {
	o := newIssuer(t)
	o.claims = map[string]any{"sub": "s-1", "preferred_username": "cem@aldermoor.example", "name": "Cem", "groups": []string{"hunters", "others"}}
	h := o.house(nil)
	ctx, by := context.Background(), access.Operator()
	g, err := h.accounts.AddGroup(ctx, by, home, access.Group{DisplayName: "Hunters", Outside: []string{"hunters"}})
	h.ok(err)
	_, err = h.accounts.Assign(ctx, by, home, "Security Administrator", g.ID)
	h.ok(err)
	b := h.browser()
	q := o.signIn(h, b).back("http://localhost:51234")
	if o.asked.Get("client") != "sextant:s3" || o.asked.Get("code_verifier") == "" {
		t.Errorf("the code was redeemed with %v", o.asked)
	}
	_, out := h.redeem(q.Get("code"))
	p, err := h.auth.Verify(ctx, out["access_token"].(string), access.Audiences(access.Graph))
	if err != nil || p.Name != "cem@aldermoor.example" || !p.Is("Security Administrator") {
		t.Fatalf("%+v %v", p, err)
	}
	if heard := h.heard(); heard != "SignInLogs cem@aldermoor.example 0" {
		t.Errorf("recorded: %s", heard)
	}
	// The second time it is the same account.
	o.claims["preferred_username"] = "another@aldermoor.example"
	q = o.signIn(h, h.browser()).back("http://localhost:51234")
	_, out = h.redeem(q.Get("code"))
	if at := claimsOf(t, out["access_token"].(string)); at["oid"] != p.ObjectID {
		t.Errorf("a second account was made: %v", at)
	}
	// Where it comes back to is bound to the browser, and to one sign-in.
	b.get(outsidePath+"?code=c1&state=x").wants(400, "did not begin here")
	b.get(h.authorizeAt("prompt", "login"))
	at := strings.ReplaceAll(b.page[strings.Index(b.page, `href="/`+home+`/login/outside`)+6:], "&amp;", "&")
	state := b.get(at[:strings.IndexByte(at, '"')]).back(o.srv.URL).Get("state")
	h.browser().get(outsidePath+"?code=c1&state="+url.QueryEscape(state)).wants(400, "AADSTS50089")
	b.get(outsidePath+"?code=c1&state="+url.QueryEscape(state)).wants(400, "Please try again") // the nonce is another's
	b.get(outsidePath+"?error=access_denied&state="+url.QueryEscape(state)).wants(200, "refused the sign-in")
	// Somebody else's name is not taken over.
	o.claims = map[string]any{"sub": "s-2", "preferred_username": "ann@aldermoor.example"}
	o.signIn(h, h.browser()).wants(400, "There is an account ann@aldermoor.example already")
	o.claims = map[string]any{"sub": "s-3", "name": "nobody"}
	o.signIn(h, h.browser()).wants(400, "no account can be made")
}

func TestAccountsElsewhereAreMadeByAdministrators(t *testing.T) {
	o := newIssuer(t)
	o.claims = map[string]any{"sub": "s-1", "preferred_username": "cem@aldermoor.example"}
	h := o.house(func(p *Provider) { p.Create = false })
	o.signIn(h, h.browser()).wants(400, "Nobody here signs in as")
	_, err := h.accounts.UpdatePerson(context.Background(), access.Operator(), home, h.ann.ID, func(p *access.Person) error { p.Issuer, p.Subject = o.srv.URL, "s-1"; return nil })
	h.ok(err)
	o.signIn(h, h.browser()).back("http://localhost:51234")
}

func TestTokensFromElsewhere(t *testing.T) {
	o := newIssuer(t)
	o.claims = map[string]any{"sub": "s-1", "upn": "cem@aldermoor.example", "aud": "api://sextant-there", "scp": "AuditLog.Read.All", "groups": "hunters", "azp": "a-tool"}
	h := o.house(nil)
	ctx, graph := context.Background(), access.Audiences(access.Graph)
	p, err := h.auth.Verify(ctx, o.token(), graph)
	if err != nil || p.Name != "cem@aldermoor.example" || !p.May("AuditLog.Read.All") || p.AppID != "a-tool" || p.Tenant != home {
		t.Fatalf("%+v %v", p, err)
	}
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	h.ok(err)
	for name, x := range map[string]struct {
		token string
		want  error
	}{
		"foreign key":    {sign(t, jose.RS256, foreign, map[string]any{"kid": "k1"}, map[string]any{"iss": o.srv.URL, "sub": "s-1", "aud": "api://sextant-there", "exp": time.Now().Add(time.Hour).Unix()}), ErrSignature},
		"other audience": {o.token("aud", "api://other"), access.ErrTokenAudience},
		"for the client": {o.token("aud", "sextant"), access.ErrTokenAudience},
		"expired":        {o.token("exp", time.Now().Add(-time.Hour).Unix()), access.ErrTokenExpired},
		"other issuer":   {o.token("iss", "https://evil.example"), access.ErrToken},
		"HS256":          {sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), map[string]any{"kid": "k1"}, map[string]any{"iss": o.srv.URL, "sub": "s-1", "aud": "api://sextant-there"}), access.ErrToken},
	} {
		if p, err := h.auth.Verify(ctx, x.token, graph); p != nil || !errors.Is(err, x.want) {
			t.Errorf("%s: %+v %v, want %v", name, p, err, x.want)
		}
	}
	_, err = h.accounts.UpdatePerson(ctx, access.Operator(), home, p.ObjectID, func(p *access.Person) error { p.AccountEnabled = false; return nil })
	h.ok(err)
	if _, err := h.auth.Verify(ctx, o.token(), graph); !errors.Is(err, access.ErrDisabled) {
		t.Errorf("a disabled account: %v", err)
	}
}

// An issuer that is down is a failure of the moment, and read again later.
func TestIssuerIsDown(t *testing.T) {
	o := newIssuer(t)
	o.claims = map[string]any{"sub": "s-1", "upn": "cem@aldermoor.example", "aud": "api://sextant-there"}
	h := o.house(nil)
	o.down = true
	if _, err := h.auth.Verify(context.Background(), o.token(), access.Audiences(access.Graph)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	o.down = false
	if _, err := h.auth.Verify(context.Background(), o.token(), access.Audiences(access.Graph)); err != nil {
		t.Error(err)
	}
}

// Workload identity federation: an application shows a token of an issuer that it
// registered, and has no secret.
func TestFederation(t *testing.T) {
	o := newIssuer(t)
	h := o.house(nil)
	_, err := h.accounts.UpdateApp(context.Background(), access.Operator(), home, h.app.AppID, func(x *access.App) error {
		x.FederatedIssuer, x.FederatedSubject = o.srv.URL, "repo:acme/export:ref:main"
		return nil
	})
	h.ok(err)
	ask := func(assertion string) map[string]any {
		_, out := h.post("/"+home+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {h.app.AppID}, "scope": {"https://graph.microsoft.com/.default"},
			"client_assertion_type": {assertionType}, "client_assertion": {assertion},
		})
		return out
	}
	o.claims = map[string]any{"sub": "repo:acme/export:ref:main", "aud": "api://AzureADTokenExchange"}
	if out := ask(o.token()); out["access_token"] == nil {
		t.Fatal(out)
	}
	for name, token := range map[string]string{
		"other subject": o.token("sub", "repo:evil/export:ref:main"), "other audience": o.token("aud", "api://other"), "expired": o.token("exp", time.Now().Add(-time.Hour).Unix()),
	} {
		if out := ask(token); fmt.Sprint(out["error_codes"]) != "[700213]" {
			t.Errorf("%s: %v", name, out)
		}
	}
}

// Settings that cannot work are refused at the start, in words.
func TestProvidersThatCannotWork(t *testing.T) {
	h := newHouse(t)
	for want, p := range map[string]Provider{
		"is no issuer":      {Issuer: "http://login.example", Tenant: home, ClientID: "x"},
		"needs a tenant":    {Issuer: "https://login.example", ClientID: "x"},
		"needs a client id": {Issuer: "https://login.example", Tenant: home},
	} {
		o := h.opts
		o.Outside = []Provider{p}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, at := range []string{"logs.example", "https://logs.example/path", "ftp://logs.example", "https://u@logs.example"} {
		o := h.opts
		o.PublicURL = at
		if _, err := New(o); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", at, err)
		}
	}
}
