package authority

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sextant/access"
)

// b64 of a part of a token.
func b64(v any) string {
	text, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign claims with a key and headers of whoever attacks.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[string]any, claims any) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT")
	for k, v := range header {
		opts = opts.WithHeader(jose.HeaderKey(k), v)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestHostileTokens(t *testing.T) {
	h := newHouse(t)
	ctx, graph := context.Background(), access.Audiences(access.Graph)
	good := h.appToken("https://graph.microsoft.com/.default")
	p, err := h.auth.Verify(ctx, good, graph)
	if err != nil || p.Kind != access.Application || p.AppID != h.app.AppID || !p.May("AuditLog.Read.All") {
		t.Fatalf("%+v %v", p, err)
	}
	claims := claimsOf(t, good)
	if claims["idtyp"] != "app" || claims["oid"] != h.app.ID || claims["sub"] != h.app.ID || claims["azpacr"] != "1" || len(claims["roles"].([]any)) != 1 {
		t.Errorf("%v", claims)
	}
	k, err := h.auth.keys.sign()
	h.ok(err)
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	h.ok(err)
	change := func(changes ...any) map[string]any {
		out := map[string]any{}
		for k, v := range claims {
			out[k] = v
		}
		for i := 0; i+1 < len(changes); i += 2 {
			if out[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
				delete(out, changes[i].(string))
			}
		}
		return out
	}
	ours := func(changes ...any) string {
		return sign(t, jose.RS256, k.private, map[string]any{"kid": k.ID}, change(changes...))
	}
	parts := strings.Split(good, ".")
	public, err := x509.MarshalPKIXPublicKey(k.private.Public())
	h.ok(err)
	hs := func(secret []byte) string {
		text := b64(map[string]any{"alg": "HS256", "typ": "JWT", "kid": k.ID}) + "." + parts[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	now := h.clock().Unix()
	for name, x := range map[string]struct {
		token string
		want  error
	}{
		"none":               {b64(map[string]any{"alg": "none", "kid": k.ID}) + "." + parts[1] + ".", ErrSignature},
		"None":               {b64(map[string]any{"alg": "None", "kid": k.ID}) + "." + parts[1] + "." + parts[2], ErrSignature},
		"HS256, public key":  {hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), ErrSignature},
		"HS256, DER":         {hs(public), ErrSignature},
		"RS512":              {sign(t, jose.RS512, k.private, map[string]any{"kid": k.ID}, claims), ErrSignature},
		"foreign key":        {sign(t, jose.RS256, foreign, map[string]any{"kid": k.ID}, claims), ErrSignature},
		"foreign key id":     {sign(t, jose.RS256, foreign, map[string]any{"kid": "mine"}, claims), ErrSignature},
		"no key id":          {sign(t, jose.RS256, foreign, nil, claims), ErrSignature},
		"key brought along":  {sign(t, jose.RS256, foreign, map[string]any{"kid": k.ID, "jwk": jose.JSONWebKey{Key: foreign.Public()}}, claims), ErrSignature},
		"jku":                {sign(t, jose.RS256, k.private, map[string]any{"kid": k.ID, "jku": "https://evil.example/keys"}, claims), ErrSignature},
		"x5u":                {sign(t, jose.RS256, k.private, map[string]any{"kid": k.ID, "x5u": "https://evil.example/keys"}, claims), ErrSignature},
		"crit":               {sign(t, jose.RS256, k.private, map[string]any{"kid": k.ID, "crit": []string{"exp"}}, claims), ErrSignature},
		"other claims":       {parts[0] + "." + b64(change("oid", h.ann.ID)) + "." + parts[2], ErrSignature},
		"cut":                {good[:len(good)-8], ErrSignature},
		"cut in claims":      {good[:len(good)/2], ErrSignature},
		"two parts":          {parts[0] + "." + parts[1], ErrSignature},
		"JSON form":          {`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`, ErrSignature},
		"a megabyte":         {strings.Repeat("a", 1<<20), ErrSignature},
		"a long claim":       {ours("x", strings.Repeat("a", 1<<20)), ErrSignature},
		"empty":              {"", ErrSignature},
		"not UTF-8":          {"\xff\xfe." + parts[1] + "." + parts[2], ErrSignature},
		"expired":            {ours("exp", now-121), access.ErrTokenExpired},
		"no end":             {ours("exp", nil), access.ErrToken},
		"to come":            {ours("nbf", now+121), access.ErrToken},
		"other audience":     {h.appToken("https://storage.azure.com/.default"), access.ErrTokenAudience},
		"no audience":        {ours("aud", nil), access.ErrTokenAudience},
		"audience in a row":  {ours("aud", []string{"https://storage.azure.com", "https://nowhere.example"}), access.ErrTokenAudience},
		"other tenant":       {ours("tid", other, "iss", h.srv.URL+"/"+other+"/v2.0"), access.ErrToken},
		"no such tenant":     {ours("tid", "11111111-1111-1111-1111-111111111111", "iss", h.srv.URL+"/11111111-1111-1111-1111-111111111111/v2.0"), ErrTenant},
		"other issuer":       {ours("iss", h.srv.URL+"/"+other+"/v2.0"), access.ErrToken},
		"not an issuer":      {ours("iss", "https://evil.example/x/"+home+"/v2.0"), access.ErrToken},
		"issuer of Entra":    {ours("iss", "https://sts.windows.net/"+home+"/"), access.ErrToken},
		"version":            {ours("ver", "3.0"), access.ErrToken},
		"not the app's id":   {ours("oid", h.ann.ID), access.ErrToken},
		"built-in app":       {ours("azp", CommandLineID), access.ErrToken},
		"gone app":           {ours("azp", "11111111-1111-1111-1111-111111111111"), access.ErrToken},
		"gone person":        {ours("idtyp", "user", "scp", "x", "oid", "11111111-1111-1111-1111-111111111111"), access.ErrToken},
		"a person unstamped": {ours("idtyp", "user", "scp", "x", "oid", h.ann.ID), access.ErrToken},
	} {
		p, err := h.auth.Verify(ctx, x.token, graph)
		if p != nil || !errors.Is(err, x.want) {
			t.Errorf("%s: %+v %v, want %v", name, p, err, x.want)
		}
	}
	// Clocks may differ a little; audiences in every spelling.
	if _, err := h.auth.Verify(ctx, ours("exp", now-60, "nbf", now+60), graph); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	for scope, face := range map[string]access.Face{
		"00000003-0000-0000-c000-000000000000/.default": access.Graph, "https://monitor.azure.com//.default": access.Ingest, "https://management.core.windows.net//.default": access.ARM,
		h.srv.URL + "/.default": access.Kusto, "https://help.kusto.windows.net/.default": access.Kusto, "api://sextant/.default": access.Native,
	} {
		if _, err := h.auth.Verify(ctx, h.appToken(scope), access.Audiences(face)); err != nil {
			t.Errorf("%s for %s: %v", scope, face, err)
		}
	}
	// The rights are those of now; a disabled application has none.
	_, err = h.accounts.UpdateApp(ctx, access.Operator(), home, h.app.AppID, func(x *access.App) error { x.Permissions = nil; return nil })
	h.ok(err)
	if p, err := h.auth.Verify(ctx, good, graph); err != nil || p.May("AuditLog.Read.All") {
		t.Errorf("a right that was taken away: %+v %v", p, err)
	}
	_, err = h.accounts.UpdateApp(ctx, access.Operator(), home, h.app.AppID, func(x *access.App) error { x.AccountEnabled = false; return nil })
	h.ok(err)
	if _, err := h.auth.Verify(ctx, good, graph); !errors.Is(err, access.ErrDisabled) {
		t.Errorf("a disabled application: %v", err)
	}
	h.pass(2 * time.Hour)
	if _, err := h.auth.Verify(ctx, good, graph); !errors.Is(err, access.ErrTokenExpired) {
		t.Errorf("after two hours: %v", err)
	}
}

// An id token says who somebody is, and is nobody's right.
func TestIDTokensAreNoAccessTokens(t *testing.T) {
	h := newHouse(t)
	q := h.browser().get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	for _, face := range []access.Face{access.Graph, access.Native, access.Kusto} {
		if _, err := h.auth.Verify(context.Background(), out["id_token"].(string), append(access.Audiences(face), h.public.AppID)); !errors.Is(err, access.ErrToken) {
			t.Errorf("%s: %v", face, err)
		}
	}
}

// Keys: the next one is published before it signs, the last one kept while what it
// signed lives, and all of it outlives the process.
func TestKeyRotation(t *testing.T) {
	h := newHouse(t)
	kids := func() (out []string) {
		t.Helper()
		keys, err := h.auth.keys.published()
		h.ok(err)
		for _, k := range keys {
			out = append(out, k.KeyID)
		}
		return out
	}
	kid := func(token string) string {
		_, header, err := parseToken(token, []jose.SignatureAlgorithm{jose.RS256})
		h.ok(err)
		return header.KeyID
	}
	verify := func(token string) error {
		_, err := h.auth.Verify(context.Background(), token, access.Audiences(access.Graph))
		return err
	}
	const scope = "https://graph.microsoft.com/.default"
	first := kid(h.appToken(scope))
	if got := kids(); len(got) != 1 || got[0] != first {
		t.Fatalf("at first: %v", got)
	}
	h.pass(keyLife - keyAhead)
	two := kids()
	if len(two) != 2 || kid(h.appToken(scope)) != first {
		t.Fatalf("the next key is not published ahead: %v", two)
	}
	h.pass(keyAhead - time.Minute)
	last := h.appToken(scope)
	if kid(last) != first {
		t.Error("a key signs before its time")
	}
	h.pass(time.Minute)
	if kid(h.appToken(scope)) != two[1] || len(kids()) != 2 || verify(last) != nil {
		t.Errorf("at the change: %v %v", kids(), verify(last))
	}
	// Another start, with the same folder.
	h.ok(h.db.Close())
	h.open()
	if kid(h.appToken(scope)) != two[1] || verify(last) != nil {
		t.Error("the keys are others after a start")
	}
	h.pass(keyKept)
	if got := kids(); len(got) != 1 || got[0] != two[1] {
		t.Errorf("the old key stays: %v", got)
	}
	if err := verify(last); !errors.Is(err, ErrSignature) {
		t.Errorf("a token of a key that is gone: %v", err)
	}
	// A server that was off for months has a key at once.
	h.pass(300 * 24 * time.Hour)
	if got := kid(h.appToken2(scope)); got == two[1] {
		t.Error("a key signs after its time")
	}
}

// appToken2 is appToken where the secret has ended: with another.
func (h *house) appToken2(scope string) string {
	h.t.Helper()
	var err error
	h.secret, _, err = h.accounts.AddSecret(context.Background(), access.Operator(), home, h.app.AppID, "", 0)
	h.ok(err)
	return h.appToken(scope)
}

// Nothing that is given out, nor a key, lies in the folder.
func TestNothingLiesOpen(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	q := b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	_, device := h.post("/"+home+"/oauth2/v2.0/devicecode", url.Values{"client_id": {h.public.AppID}})
	k, err := h.auth.keys.sign()
	h.ok(err)
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	h.ok(err)
	secrets := map[string]string{
		"code": q.Get("code"), "refresh token": out["refresh_token"].(string), "device code": device["device_code"].(string), "user code": device["user_code"].(string),
		"session": b.cookie("session"), "secret": h.secret, "password": annPW, "key": string(der[40:120]), "prime": string(k.private.Primes[0].Bytes()),
	}
	var all strings.Builder
	for _, kind := range []string{keyKind, codeKind, refreshKind, familyKind, deviceKind, userCodeKind, sessionKind, usedKind} {
		docs, err := h.db.List(kind, "")
		h.ok(err)
		if len(docs) == 0 && kind != usedKind {
			t.Errorf("there is no %s", kind)
		}
		for _, d := range docs {
			all.WriteString(d.ID + " " + string(d.Body) + "\n")
		}
	}
	h.ok(filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	}))
	for what, secret := range secrets {
		if secret == "" || strings.Contains(all.String(), secret) {
			t.Errorf("the %s lies open", what)
		}
	}
}

func TestExpiredGrantsAreSwept(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.post("/"+home+"/oauth2/v2.0/devicecode", url.Values{"client_id": {h.public.AppID}})
	}
	h.pass(time.Hour)
	h.post("/"+home+"/oauth2/v2.0/devicecode", url.Values{"client_id": {h.public.AppID}})
	if docs, err := h.db.List(deviceKind, ""); err != nil || len(docs) != 1 {
		t.Errorf("%d device codes are kept, %v", len(docs), err)
	}
}

// Behind a proxy every address is the public one, and tokens that name another host
// are not taken.
func TestPublicURL(t *testing.T) {
	h := newHouse(t)
	before := h.appToken("https://graph.microsoft.com/.default")
	o := h.opts
	o.PublicURL = "https://Logs.example/"
	var err error
	h.auth, err = New(o)
	h.ok(err)
	after := h.appToken("https://graph.microsoft.com/.default")
	if iss := claimsOf(t, after)["iss"]; iss != "https://logs.example/"+home+"/v2.0" {
		t.Errorf("issuer %v", iss)
	}
	ctx, graph := context.Background(), access.Audiences(access.Graph)
	if _, err := h.auth.Verify(ctx, after, graph); err != nil {
		t.Error(err)
	}
	if _, err := h.auth.Verify(ctx, before, graph); !errors.Is(err, access.ErrToken) {
		t.Errorf("a token of another host: %v", err)
	}
}

// Whose address is recorded, and limited.
func TestAddress(t *testing.T) {
	h := newHouse(t)
	ask := func(peer string, forwarded ...string) string {
		r := request("GET", "/", "")
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = forwarded
		return h.auth.address(r)
	}
	if got := ask("127.0.0.1:1", "192.0.2.1"); got != "127.0.0.1" {
		t.Errorf("without a public address: %s", got)
	}
	o := h.opts
	o.PublicURL = "https://logs.example"
	var err error
	h.auth, err = New(o)
	h.ok(err)
	for want, got := range map[string]string{
		"192.0.2.1":    ask("127.0.0.1:1", "203.0.113.9, 192.0.2.1"),
		"2001:db8::1":  ask("[::1]:1", "203.0.113.9", "2001:DB8::1"),
		"198.51.100.7": ask("198.51.100.7:1", "192.0.2.1"), // not of this machine
		"127.0.0.1":    ask("127.0.0.1:1", "nonsense"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := newHouse(b)
	token, graph, ctx := h.appToken("https://graph.microsoft.com/.default"), access.Audiences(access.Graph), context.Background()
	for b.Loop() {
		if _, err := h.auth.Verify(ctx, token, graph); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	h := newHouse(b)
	h.appToken("https://graph.microsoft.com/.default")
	for b.Loop() {
		h.appToken("https://graph.microsoft.com/.default")
	}
}

// At one moment many redeem the same code, assertion and device code: one gets tokens.
func TestRaces(t *testing.T) {
	h := newHouse(t)
	q := h.browser().get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	code, first := q.Get("code"), make(chan int, 16)
	for range cap(first) {
		go func() {
			v := url.Values{"grant_type": {"authorization_code"}, "client_id": {h.public.AppID}, "code": {code}, "redirect_uri": {"http://localhost:51234"}, "code_verifier": {verifier}}
			resp, err := h.srv.Client().PostForm(h.srv.URL+"/"+home+"/oauth2/v2.0/token", v)
			if err != nil {
				first <- 0
				return
			}
			resp.Body.Close()
			first <- resp.StatusCode
		}()
	}
	won := 0
	for range cap(first) {
		switch <-first {
		case 200:
			won++
		case 400:
		default:
			t.Error("an answer that is neither")
		}
	}
	if won != 1 {
		t.Errorf("%d got tokens for one code", won)
	}
	used := make(chan bool, 16)
	for range cap(used) {
		go func() {
			ok, err := h.auth.once("x", h.clock().Add(time.Hour))
			used <- ok && err == nil
		}()
	}
	won = 0
	for range cap(used) {
		if <-used {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d used one assertion", won)
	}
}
