package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sextant/access"
)

// certificate for a key, valid around now.
func (h *house) certificate(key any, public any) []byte {
	h.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "export"}, NotBefore: h.clock().Add(-time.Hour), NotAfter: h.clock().Add(90 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	h.ok(err)
	return der
}

func TestCertificates(t *testing.T) {
	h := newHouse(t)
	ctx, by := context.Background(), access.Operator()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	h.ok(err)
	cert := h.certificate(key, key.Public())
	_, err = h.accounts.AddCertificate(ctx, by, home, h.app.AppID, "", cert)
	h.ok(err)
	s1, s2 := sha1.Sum(cert), sha256.Sum256(cert)
	n := 0
	claims := func(change ...any) map[string]any {
		n++
		out := map[string]any{
			"aud": h.srv.URL + "/" + home + "/oauth2/v2.0/token", "iss": h.app.AppID, "sub": h.app.AppID, "jti": fmt.Sprint("j", n),
			"nbf": h.clock().Unix(), "exp": h.clock().Add(10 * time.Minute).Unix(),
		}
		for i := 0; i+1 < len(change); i += 2 {
			if out[change[i].(string)] = change[i+1]; change[i+1] == nil {
				delete(out, change[i].(string))
			}
		}
		return out
	}
	send := func(assertion string) (int, map[string]any) {
		h.pass(time.Minute) // no limit on what is refused
		h.auth.refused.clear("client " + home + " " + h.app.AppID + " 127.0.0.1")
		return h.post("/"+home+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {h.app.AppID}, "scope": {"https://graph.microsoft.com/.default"},
			"client_assertion_type": {assertionType}, "client_assertion": {assertion},
		})
	}
	good := func(name, assertion string) {
		t.Helper()
		if status, out := send(assertion); status != 200 {
			t.Errorf("%s: %d %v", name, status, out["error_description"])
		} else if acr := claimsOf(t, out["access_token"].(string))["azpacr"]; acr != "2" {
			t.Errorf("%s: azpacr %v", name, acr)
		}
	}
	bad := func(name string, code int, assertion string) {
		t.Helper()
		if status, out := send(assertion); status != 401 || out["error"] != "invalid_client" || fmt.Sprint(out["error_codes"]) != fmt.Sprint([]any{float64(code)}) {
			t.Errorf("%s: %d %v, want %d", name, status, out["error_description"], code)
		}
	}
	std := base64.StdEncoding.EncodeToString
	s256 := map[string]any{"x5t#S256": std(s2[:])} // as MSAL writes it
	good("PS256", sign(t, jose.PS256, key, s256, claims()))
	good("RS256, x5t", sign(t, jose.RS256, key, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(s1[:])}, claims()))
	good("kid in hex", sign(t, jose.RS256, key, map[string]any{"kid": fmt.Sprintf("%X", s1)}, claims()))
	good("kid in lower case", sign(t, jose.RS256, key, map[string]any{"kid": hex.EncodeToString(s1[:])}, claims()))
	good("no name", sign(t, jose.RS256, key, nil, claims()))
	good("chain sent along", sign(t, jose.PS256, key, map[string]any{"x5t#S256": std(s2[:]), "x5c": []string{std(cert)}}, claims()))
	good("the issuer as audience", sign(t, jose.PS256, key, s256, claims("aud", h.srv.URL+"/"+home+"/v2.0")))
	good("the domain in the audience", sign(t, jose.PS256, key, s256, claims("aud", h.srv.URL+"/aldermoor.example/oauth2/v2.0/token")))

	again := sign(t, jose.PS256, key, s256, claims())
	good("once", again)
	bad("twice", 700027, again)
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	h.ok(err)
	bad("foreign key", 700027, sign(t, jose.PS256, foreign, s256, claims()))
	bad("foreign key and certificate", 700027, sign(t, jose.PS256, foreign, map[string]any{"x5c": []string{std(h.certificate(foreign, foreign.Public()))}}, claims()))
	bad("foreign key brought along", 700027, sign(t, jose.PS256, foreign, map[string]any{"jwk": jose.JSONWebKey{Key: foreign.Public()}, "x5t#S256": std(s2[:])}, claims()))
	bad("HS256 with the certificate", 700027, sign(t, jose.HS256, cert, s256, claims()))
	bad("RS512", 700027, sign(t, jose.RS512, key, s256, claims()))
	bad("none", 700027, b64(map[string]any{"alg": "none"})+"."+b64(claims())+".")
	bad("expired", 700024, sign(t, jose.PS256, key, s256, claims("exp", h.clock().Add(-5*time.Minute).Unix())))
	bad("no end", 700024, sign(t, jose.PS256, key, s256, claims("exp", nil)))
	bad("a week long", 700024, sign(t, jose.PS256, key, s256, claims("exp", h.clock().Add(7*24*time.Hour).Unix())))
	bad("to come", 700024, sign(t, jose.PS256, key, s256, claims("nbf", h.clock().Add(10*time.Minute).Unix())))
	bad("no jti", 700027, sign(t, jose.PS256, key, s256, claims("jti", nil)))
	bad("another application", 700027, sign(t, jose.PS256, key, s256, claims("iss", h.public.AppID)))
	for _, aud := range []string{"https://login.microsoftonline.com/" + home + "/v2.0", h.srv.URL + "/" + other + "/oauth2/v2.0/token", h.srv.URL, h.srv.URL + "/" + home + "/oauth2/v2.0/token?x", "https://evil.example/" + home + "/v2.0", ""} {
		bad("audience "+aud, 700023, sign(t, jose.PS256, key, s256, claims("aud", aud)))
	}
	bad("nonsense", 700027, "a.b.c")
	if heard := h.heard(); heard == "" {
		t.Error("nothing was recorded")
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.ok(err)
	_, err = h.accounts.AddCertificate(ctx, by, home, h.app.AppID, "", h.certificate(ec, ec.Public()))
	h.ok(err)
	bad("a curve", 700027, sign(t, jose.ES256, ec, nil, claims()))
	h.pass(91 * 24 * time.Hour)
	bad("a certificate that ended", 700027, sign(t, jose.PS256, key, s256, claims()))
}

// On behalf of: an application that was sent a person's token gets one for Graph.
func TestOnBehalfOf(t *testing.T) {
	h := newHouse(t)
	q := h.browser().get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	graph := out["access_token"].(string)
	k, err := h.auth.keys.sign()
	h.ok(err)
	claims := claimsOf(t, graph)
	claims["aud"] = "api://" + h.app.AppID
	mine := sign(t, jose.RS256, k.private, map[string]any{"kid": k.ID}, claims)
	ask := func(assertion string) (int, map[string]any) {
		return h.post("/"+home+"/oauth2/v2.0/token", url.Values{
			"grant_type": {bearerGrant}, "client_id": {h.app.AppID}, "client_secret": {h.secret}, "requested_token_use": {"on_behalf_of"},
			"assertion": {assertion}, "scope": {"https://graph.microsoft.com/AuditLog.Read.All offline_access"},
		})
	}
	status, out := ask(mine)
	if status != 200 {
		t.Fatalf("%d %v", status, out)
	}
	p, err := h.auth.Verify(context.Background(), out["access_token"].(string), access.Audiences(access.Graph))
	if err != nil || p.ObjectID != h.ann.ID || p.AppID != h.app.AppID || !p.May("AuditLog.Read.All") {
		t.Errorf("%+v %v", p, err)
	}
	for name, assertion := range map[string]string{"made out to another": graph, "an application's": h.appToken("https://graph.microsoft.com/.default"), "nonsense": "a.b.c"} {
		if _, out := ask(assertion); fmt.Sprint(out["error_codes"]) != "[50013]" {
			t.Errorf("%s: %v", name, out)
		}
	}
	h.pass(2 * time.Hour)
	if _, out := ask(mine); fmt.Sprint(out["error_codes"]) != "[500133]" {
		t.Errorf("expired: %v", out)
	}
}
