package authority

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"sextant/access"
)

const verifier = "a-verifier-of-forty-three-characters-or-more"

func challenge() string {
	h := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// authorizeAt is the address of a sign-in for the public application, with changes.
func (h *house) authorizeAt(change ...string) string {
	q := url.Values{
		"client_id": {h.public.AppID}, "response_type": {"code"}, "redirect_uri": {"http://localhost:51234"}, "state": {"st&1"}, "nonce": {"n1"},
		"scope": {"https://graph.microsoft.com/AuditLog.Read.All openid profile offline_access"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	segment := home
	for i := 0; i+1 < len(change); i += 2 {
		switch {
		case change[i] == "segment":
			segment = change[i+1]
		case change[i+1] == "":
			q.Del(change[i])
		default:
			q.Set(change[i], change[i+1])
		}
	}
	return "/" + segment + "/oauth2/v2.0/authorize?" + q.Encode()
}

// redeem a code as the public application.
func (h *house) redeem(code string, change ...string) (int, map[string]any) {
	v := url.Values{"grant_type": {"authorization_code"}, "client_id": {h.public.AppID}, "code": {code}, "redirect_uri": {"http://localhost:51234"}, "code_verifier": {verifier}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return h.post("/"+home+"/oauth2/v2.0/token", v)
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	out := map[string]any{}
	if err != nil || json.Unmarshal(text, &out) != nil {
		t.Fatalf("%q is no token: %v", token, err)
	}
	return out
}

func TestSignIn(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get(h.authorizeAt()).wants(200, "to A tool")
	csp := b.resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' http://localhost:51234;") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy of the page: %s", csp)
	}
	b.send("password", "login", "ann@aldermoor.example", "passwd", "wrong").wants(400, "The user name or the password is wrong")
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW)
	back := b.back("http://localhost:51234")
	if back.Get("state") != "st&1" || back.Get("code") == "" {
		t.Fatalf("came back with %v", back)
	}
	if heard := h.heard(); heard != "SignInLogs ann@aldermoor.example 50126; SignInLogs ann@aldermoor.example 0" {
		t.Errorf("recorded: %s", heard)
	}
	for _, k := range b.Jar.Cookies(mustParse(h.srv.URL)) {
		if !strings.HasPrefix(k.Name, "__Host-") {
			t.Errorf("the cookie %s is not kept to the host", k.Name)
		}
	}
	// The address, the verifier and the application must be those of the beginning.
	for want, change := range map[int][]string{
		500112: {"redirect_uri", "http://localhost:51235"}, 501481: {"code_verifier", verifier + "x"}, 70000: {"client_id", CommandLineID},
	} {
		if status, out := h.redeem(back.Get("code"), change...); status != 400 || fmt.Sprint(out["error_codes"]) != fmt.Sprint([]any{float64(want)}) {
			t.Errorf("%v: %d %v", change, status, out["error_description"])
		}
	}
	status, out := h.redeem(back.Get("code"))
	if status != 200 {
		t.Fatalf("%d %v", status, out)
	}
	id, at := claimsOf(t, out["id_token"].(string)), claimsOf(t, out["access_token"].(string))
	if id["nonce"] != "n1" || id["aud"] != h.public.AppID || id["oid"] != h.ann.ID || id["preferred_username"] != "ann@aldermoor.example" || id["iss"] != h.srv.URL+"/"+home+"/v2.0" {
		t.Errorf("the id token: %v", id)
	}
	if at["aud"] != "https://graph.microsoft.com" || at["scp"] != "AuditLog.Read.All" || at["tid"] != home || at["azp"] != h.public.AppID || at["ver"] != "2.0" || at["sub"] == id["sub"] {
		t.Errorf("the access token: %v", at)
	}
	p, err := h.auth.Verify(context.Background(), out["access_token"].(string), access.Audiences(access.Graph))
	if err != nil || p.Name != "ann@aldermoor.example" || !p.Is("Security Reader") || !p.May("AuditLog.Read.All") || p.Kind != access.User {
		t.Fatalf("%+v %v", p, err)
	}
	// A code is good once; the second time takes away what came of it.
	if _, out := h.redeem(back.Get("code")); fmt.Sprint(out["error_codes"]) != "[54005]" {
		t.Errorf("a second time: %v", out)
	}
	_, out = h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {h.public.AppID}, "refresh_token": {out["refresh_token"].(string)}})
	if fmt.Sprint(out["error_codes"]) != "[50173]" {
		t.Errorf("the refresh token of a code that was used twice: %v", out)
	}
	// From now on the browser is known, to any application, and gets another cookie
	// now and then.
	first := b.cookie("session")
	h.pass(11 * time.Minute)
	if q := b.get(h.authorizeAt("prompt", "none", "segment", "common", "response_mode", "fragment")).back("http://localhost:51234"); q.Get("code") == "" {
		t.Errorf("a second application: %v", q)
	}
	if second := b.cookie("session"); second == first || second == "" {
		t.Error("the session's cookie is the same for ever")
	}
	b.get(h.authorizeAt("prompt", "login")).wants(200, "Password")
	b.get(h.authorizeAt("login_hint", "bob@aldermoor.example")).wants(200, `value="bob@aldermoor.example"`)
	b.get(h.authorizeAt("max_age", "60")).wants(200, "Password")
	if q := b.get(h.authorizeAt("segment", other, "client_id", CommandLineID, "prompt", "none")).back("http://localhost:51234"); q.Get("error") != "login_required" {
		t.Errorf("another tenant: %v", q)
	}
	b.get("/"+home+"/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.example/").wants(200, "Signed out")
	if q := b.get(h.authorizeAt("prompt", "none")).back("http://localhost:51234"); q.Get("error") != "login_required" || q.Get("state") != "st&1" {
		t.Errorf("after signing out: %v", q)
	}
	if q := b.get(h.authorizeAt()).send("cancel").back("http://localhost:51234"); q.Get("error") != "access_denied" {
		t.Errorf("cancelled: %v", q)
	}
}

func mustParse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func (b *browser) cookie(name string) string {
	for _, k := range b.Jar.Cookies(mustParse(b.h.srv.URL)) {
		if k.Name == "__Host-sextant-"+name {
			return k.Value
		}
	}
	return ""
}

// What is wrong with a request before the application's address is known to be its own
// is shown here; nobody is sent anywhere.
func TestAuthorizeSendsNobodyAway(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	shownHere := func(code int, change ...string) {
		t.Helper()
		b.get(h.authorizeAt(change...))
		if b.resp.StatusCode < 400 || b.resp.Header.Get("Location") != "" || !strings.Contains(b.page, fmt.Sprintf("AADSTS%d", code)) {
			t.Errorf("%v: %d %s\n%s", change, b.resp.StatusCode, b.resp.Header.Get("Location"), b.page)
		}
	}
	for _, to := range []string{
		"https://evil.example", "http://localhost.evil.example:51234", "http://localhost:51234/other", "http://localhost@evil.example", "http://localhost:51234#x",
		"https://localhost:51234", "http://127.0.0.1:51234", "myapp://auth/other", "myapp:auth", "javascript:alert(1)", "//evil.example", "https://spa.example/x?y=1&z=2",
		"https://spa.example/x", "http://localhost:51234\\@evil.example", "http://localhost:51234/%0d%0aSet-Cookie:x=1", " http://localhost",
	} {
		shownHere(50011, "redirect_uri", to)
	}
	shownHere(900144, "redirect_uri", "")
	shownHere(900144, "client_id", "")
	shownHere(700016, "client_id", "00000000-0000-0000-0000-000000000001")
	shownHere(700016, "client_id", h.stranger.AppID)
	shownHere(90002, "segment", "nobody.example")
	shownHere(90002, "segment", "consumers")
	shownHere(70007, "response_mode", "web_message")
	b.get(h.authorizeAt()+"&client_id=x").wants(400, "AADSTS900141")

	back := func(name string, change ...string) {
		t.Helper()
		if q := b.get(h.authorizeAt(change...)).back("http://localhost:51234"); q.Get("error") != name || q.Get("state") != "st&1" {
			t.Errorf("%v: %v, want %s", change, q, name)
		}
	}
	back("unsupported_response_type", "response_type", "token")
	back("invalid_request", "response_type", "")
	back("invalid_request", "code_challenge", "")
	back("invalid_request", "code_challenge_method", "plain")
	back("invalid_request", "code_challenge", "short")
	back("invalid_grant", "scope", "https://graph.microsoft.com/SecurityAlert.ReadWrite.All")
	back("invalid_resource", "scope", "https://nowhere.example/.default")
	back("invalid_request", "request_uri", "https://evil.example/request")
	// Registered to the letter is fine, on whatever scheme, and every port of this
	// machine.
	for _, to := range []string{"myapp://auth", "https://spa.example/x?y=1", "http://localhost:1/", "http://localhost"} {
		b.get(h.authorizeAt("redirect_uri", to)).wants(200, "Sign in")
	}
}

func TestAnswersByForm(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get(h.authorizeAt("response_mode", "form_post", "state", `"><script>alert(1)</script>`, "redirect_uri", "https://spa.example/x?y=1"))
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, `action="https://spa.example/x?y=1"`)
	if strings.Contains(b.page, "<script>alert") || !strings.Contains(b.page, `name="code"`) || !strings.Contains(b.page, "data-send") {
		t.Error(b.page)
	}
	if csp := b.resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://spa.example;") {
		t.Error(csp)
	}
}

// A page's form is good in the browser that was shown it, for a while.
func TestFormsAreTheBrowsersOwn(t *testing.T) {
	h := newHouse(t)
	b, evil := h.browser(), h.browser()
	evil.get(h.authorizeAt())
	b.get(h.authorizeAt())
	theirs := evil.page
	mine := b.page
	b.page = theirs
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(400, "AADSTS50089")
	b.page = mine
	h.pass(16 * time.Minute)
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(400, "AADSTS50089")
	b.get(h.authorizeAt())
	b.send("password", "flow", "x", "login", "ann@aldermoor.example", "passwd", annPW).wants(400, "AADSTS50089")
	// A step cannot be left out.
	b.get(h.authorizeAt())
	b.page = strings.ReplaceAll(b.page, `value="password"`, `value="approve"`)
	b.send("approve").wants(400, "AADSTS9002313")
}

// totp is the code of a secret, by RFC 6238 anew.
func totp(secret []byte, at time.Time) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

var secretAt = regexp.MustCompile(`<code>([A-Z2-7]+)</code>`)

func TestAuthenticator(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get("/"+home+"/account").wants(200, "Sign in")
	b.send("password", "login", "bob@aldermoor.example", "passwd", annPW).wants(200, "Your account")
	b.wants(200, `aria-label="QR code of the secret"><path d="M4 4h1v1h-1z`)
	first := secretAt.FindStringSubmatch(b.page)[1]
	b.send("totp", "otc", "000000").wants(400, "The code is wrong")
	if shown := secretAt.FindStringSubmatch(b.page)[1]; shown != first {
		t.Error("a code that was mistyped makes another secret, which no authenticator has")
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secretAt.FindStringSubmatch(b.page)[1])
	h.ok(err)
	b.send("totp", "otc", totp(secret, h.clock())).wants(200, "The authenticator was added")
	h.heard()

	h.pass(time.Minute)
	b = h.browser()
	b.get(h.authorizeAt()).send("password", "login", "bob@aldermoor.example", "passwd", annPW).wants(200, "Confirm that it is you")
	b.send("otp", "otc", "123").wants(400, "The code is wrong")
	code := totp(secret, h.clock())
	q := b.send("otp", "otc", code[:3]+" "+code[3:]).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	if how := fmt.Sprint(claimsOf(t, out["access_token"].(string))["amr"]); how != "[pwd otp mfa]" {
		t.Errorf("amr %s", how)
	}
	if heard := h.heard(); heard != "SignInLogs bob@aldermoor.example 500121; SignInLogs bob@aldermoor.example 0" {
		t.Errorf("recorded: %s", heard)
	}
	// The same code again, in another browser.
	b = h.browser()
	b.get(h.authorizeAt()).send("password", "login", "bob@aldermoor.example", "passwd", annPW)
	b.send("otp", "otc", code).wants(400, "The code is wrong")
}

func TestPasswordMustChange(t *testing.T) {
	h := newHouse(t)
	h.ok(h.accounts.SetPassword(context.Background(), access.Operator(), home, h.ann.ID, annPW, true))
	b := h.browser()
	b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, "Choose another password")
	b.send("change", "passwd", annPW, "newpasswd", "another fine sentence", "confirmpasswd", "and another").wants(400, "differ")
	b.send("change", "passwd", annPW, "newpasswd", annPW, "confirmpasswd", annPW).wants(400, "is the old one")
	b.send("change", "passwd", annPW, "newpasswd", "short", "confirmpasswd", "short").wants(400, "12 to 256 characters")
	b.send("change", "passwd", annPW, "newpasswd", "another fine sentence", "confirmpasswd", "another fine sentence")
	if q := b.back("http://localhost:51234"); q.Get("code") == "" {
		t.Fatal(q)
	}
}

func TestLockOut(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get(h.authorizeAt())
	for range 10 {
		b.send("password", "login", "ann@aldermoor.example", "passwd", "wrong").wants(400, "The user name or the password is wrong")
	}
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(400, "After many wrong passwords the account is locked")
	if heard := h.heard(); !strings.HasSuffix(heard, "50126; SignInLogs ann@aldermoor.example 50053") {
		t.Errorf("recorded: %s", heard)
	}
	// A name that nobody has looks the same.
	for range 10 {
		b.send("password", "login", "nobody@aldermoor.example", "passwd", "wrong").wants(400, "The user name or the password is wrong")
	}
	b.send("password", "login", "nobody@aldermoor.example", "passwd", "wrong").wants(400, "After many wrong passwords the account is locked")
	h.pass(2 * time.Minute)
	b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
}

func TestDisabledAccounts(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	q := b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	token, refresh := out["access_token"].(string), out["refresh_token"].(string)
	ctx, by := context.Background(), access.Operator()
	_, err := h.accounts.UpdatePerson(ctx, by, home, h.ann.ID, func(p *access.Person) error { p.AccountEnabled = false; return nil })
	h.ok(err)
	if _, err := h.auth.Verify(ctx, token, access.Audiences(access.Graph)); err != access.ErrDisabled {
		t.Errorf("a token of a disabled account: %v", err)
	}
	_, out = h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {h.public.AppID}, "refresh_token": {refresh}})
	if fmt.Sprint(out["error_codes"]) != "[50057]" {
		t.Errorf("its refresh token: %v", out)
	}
	if q := b.get(h.authorizeAt("prompt", "none")).back("http://localhost:51234"); q.Get("error") != "login_required" {
		t.Errorf("its session: %v", q)
	}
	b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(400, "disabled")
	_, err = h.accounts.UpdatePerson(ctx, by, home, h.ann.ID, func(p *access.Person) error { p.AccountEnabled = true; return nil })
	h.ok(err)
	if _, err := h.auth.Verify(ctx, token, access.Audiences(access.Graph)); err != nil {
		t.Errorf("enabled again: %v", err)
	}
	// Sessions that were ended, and a password that was changed, void what was given.
	h.ok(h.auth.EndSessions(home, h.ann.ID))
	if _, err := h.auth.Verify(ctx, token, access.Audiences(access.Graph)); err == nil {
		t.Error("a token outlives the end of all sessions")
	}
	h.pass(2 * time.Second)
	q = b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).back("http://localhost:51234")
	_, out = h.redeem(q.Get("code"))
	token = out["access_token"].(string)
	h.ok(h.accounts.SetPassword(ctx, by, home, h.ann.ID, "another fine sentence", false))
	if _, err := h.auth.Verify(ctx, token, access.Audiences(access.Graph)); err == nil {
		t.Error("a token outlives the password")
	}
}

func TestDeviceCode(t *testing.T) {
	h := newHouse(t)
	begin := func() (device, typed string) {
		_, out := h.post("/organizations/oauth2/v2.0/devicecode", url.Values{"client_id": {CommandLineID}, "scope": {"api://sextant/.default offline_access openid profile"}})
		return out["device_code"].(string), out["user_code"].(string)
	}
	poll := func(device string) map[string]any {
		h.pass(5 * time.Second)
		_, out := h.post("/organizations/oauth2/v2.0/token", url.Values{"grant_type": {deviceGrant}, "client_id": {CommandLineID}, "device_code": {device}})
		return out
	}
	device, typed := begin()
	b := h.browser()
	b.get("/devicelogin").send("", "otc", "BBBBBBBB").wants(400, "The code is not one")
	b.send("", "otc", strings.ToLower(typed[:4]+"-"+typed[4:])).wants(200, "to Sextant command line")
	b.send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, "Sign in on another device?")
	if out := poll(device); out["error"] != "authorization_pending" {
		t.Fatal(out)
	}
	b.send("approve").wants(200, "You have signed in")
	out := poll(device)
	token, _ := out["access_token"].(string)
	if token == "" || out["refresh_token"] == nil || out["id_token"] == nil {
		t.Fatal(out)
	}
	if p, err := h.auth.Verify(context.Background(), token, access.Audiences(access.Native)); err != nil || p.ObjectID != h.ann.ID {
		t.Errorf("%+v %v", p, err)
	}
	if out := poll(device); out["error"] != "bad_verification_code" {
		t.Errorf("twice: %v", out)
	}
	if heard := h.heard(); heard != "SignInLogs ann@aldermoor.example 0" {
		t.Errorf("recorded: %s", heard)
	}
	// Declined, by somebody who is signed in already.
	device, typed = begin()
	b.get("/devicelogin?user_code="+typed).send("").wants(200, "Sign in on another device?")
	b.send("decline").wants(200, "declined")
	if out := poll(device); out["error"] != "authorization_declined" {
		t.Error(out)
	}
	// Who guesses codes must wait.
	b.get("/devicelogin")
	for range 19 {
		b.send("", "otc", "CCCCCCCC").wants(400, "not one")
	}
	_, typed = begin()
	b.send("", "otc", typed).wants(429, "too many")
}

var optionsAt = regexp.MustCompile(`data-options="([^"]*)"`)

// Passkeys, with an authenticator made of software: registered on the account page,
// then in place of a password, then beside one.
func TestPasskeys(t *testing.T) {
	h := newHouse(t)
	// Passkeys are bound to names, and the test's server has an address.
	h.srv.URL = strings.Replace(h.srv.URL, "127.0.0.1", "localhost", 1)
	h.srv.Client().Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com"
	rp := virtualwebauthn.RelyingParty{ID: "localhost", Name: "Sextant", Origin: h.srv.URL}
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	device := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(h.ann.ID)})
	options := func(b *browser) string {
		t.Helper()
		m := optionsAt.FindStringSubmatch(b.page)
		if m == nil {
			t.Fatalf("no passkey is offered:\n%s", b.page)
		}
		return html.UnescapeString(m[1])
	}

	b := h.browser()
	b.get("/"+home+"/account").send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, "Add a passkey")
	ask, err := virtualwebauthn.ParseAttestationOptions(options(b))
	h.ok(err)
	b.send("addpasskey", "name", "this laptop", "credential", virtualwebauthn.CreateAttestationResponse(rp, device, key, *ask)).wants(200, "The passkey was added")
	b.wants(200, "this laptop, added")
	device.AddCredential(key)
	h.heard()

	answer := func(b *browser, key virtualwebauthn.Credential) string {
		ask, err := virtualwebauthn.ParseAssertionOptions(options(b))
		h.ok(err)
		return virtualwebauthn.CreateAssertionResponse(rp, device, key, *ask)
	}
	b = h.browser()
	b.get(h.authorizeAt("segment", "common"))
	first, page := answer(b, key), b.page
	q := b.send("passkey", "credential", first).back("http://localhost:51234")
	_, out := h.redeem(q.Get("code"))
	if at := claimsOf(t, out["access_token"].(string)); fmt.Sprint(at["amr"]) != "[fido mfa]" || at["oid"] != h.ann.ID {
		t.Errorf("%v", at)
	}
	b.page = page
	b.send("passkey", "credential", first).wants(400, "was not taken") // the same answer again
	// Whoever has a passkey is asked for it, or for a code, behind the password.
	b = h.browser()
	b.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, "Confirm that it is you")
	b.send("passkey", "credential", answer(b, virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2))).wants(400, "was not taken")
	b.send("passkey", "credential", "{}").wants(400, "was not taken")
	key.Counter++
	b.send("passkey", "credential", answer(b, key)).back("http://localhost:51234")
	if heard := h.heard(); !strings.HasSuffix(heard, "SignInLogs ann@aldermoor.example 500121; SignInLogs ann@aldermoor.example 500121; SignInLogs ann@aldermoor.example 0") {
		t.Errorf("recorded: %s", heard)
	}
	b.get("/"+home+"/account").send("removepasskey").wants(200, "The passkey was removed")
}

func TestPasswordOnTheAccountPage(t *testing.T) {
	h := newHouse(t)
	b, elsewhere := h.browser(), h.browser()
	elsewhere.get(h.authorizeAt()).send("password", "login", "ann@aldermoor.example", "passwd", annPW)
	b.get("/aldermoor.example/account").send("password", "login", "ann@aldermoor.example", "passwd", annPW).wants(200, "Your account")
	b.send("password", "passwd", "wrong", "newpasswd", "another fine sentence", "confirmpasswd", "another fine sentence").wants(400, "The user name or the password is wrong")
	b.send("password", "passwd", annPW, "newpasswd", "another fine sentence", "confirmpasswd", "another fine sentence").wants(200, "The password was changed")
	b.get("/"+home+"/account").wants(200, "Your account")
	if q := elsewhere.get(h.authorizeAt("prompt", "none")).back("http://localhost:51234"); q.Get("error") != "login_required" {
		t.Errorf("another browser is still signed in: %v", q)
	}
	// What changes the next sign-in asks for one that is fresh.
	h.pass(20 * time.Minute)
	b.get("/"+home+"/account").wants(200, "Password")
}

// Device codes and wrong secrets from one address are too many at some time, and are
// taken again later.
func TestTooMany(t *testing.T) {
	h := newHouse(t)
	ask := func() (int, map[string]any) {
		return h.post("/"+home+"/oauth2/v2.0/devicecode", url.Values{"client_id": {h.public.AppID}})
	}
	for range 60 {
		if status, out := ask(); status != 200 {
			t.Fatal(out)
		}
	}
	status, out := ask()
	if after := out["(headers)"].(http.Header).Get("Retry-After"); status != 429 || fmt.Sprint(out["error_codes"]) != "[90055]" || after != "60" {
		t.Errorf("%d %v, Retry-After %q", status, out, after)
	}
	h.pass(time.Minute)
	if status, out := ask(); status != 200 {
		t.Error(out)
	}
	secret := func(s string) (int, map[string]any) {
		return h.post("/"+home+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {h.app.AppID}, "client_secret": {s}, "scope": {"https://graph.microsoft.com/.default"}})
	}
	for range 20 {
		secret("wrong")
	}
	if status, out := secret(h.secret); status != 429 || out["(headers)"].(http.Header).Get("Retry-After") == "" {
		t.Errorf("after 20 wrong secrets: %d %v", status, out)
	}
	h.pass(5 * time.Minute)
	if status, out := secret(h.secret); status != 200 {
		t.Error(out)
	}
}
