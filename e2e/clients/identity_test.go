package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

// identity points a credential at the server.
func (s *server) identity() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s.http, Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.url}}
}

// credential of the application, by its secret.
func (s *server) credential() azcore.TokenCredential {
	s.t.Helper()
	c, err := azidentity.NewClientSecretCredential(tenant, s.app, s.secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: s.identity(), DisableInstanceDiscovery: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// claims of the token that a credential gets.
func (s *server) claims(c azcore.TokenCredential, scope string) map[string]any {
	s.t.Helper()
	t, err := c.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
	if err != nil {
		s.t.Fatalf("%s: %v", scope, err)
	}
	return s.claimsOf(t.Token)
}

func (s *server) claimsOf(token string) map[string]any {
	s.t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		s.t.Fatalf("%q is no token", token)
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]any{}
	s.decode(body, &out)
	return out
}

func TestClientSecretCredential(t *testing.T) {
	s := start(t)
	c := s.credential()
	for scope, aud := range map[string]string{
		"https://graph.microsoft.com/.default": "https://graph.microsoft.com", "https://monitor.azure.com//.default": "https://monitor.azure.com/",
		"https://management.core.windows.net//.default": "https://management.core.windows.net/", s.url + "/.default": s.url,
	} {
		got := s.claims(c, scope)
		if got["aud"] != aud || got["iss"] != s.url+"/"+tenant+"/v2.0" || got["tid"] != tenant || got["azp"] != s.app || got["idtyp"] != "app" {
			t.Errorf("%s: %v", scope, got)
		}
	}
	wrong, err := azidentity.NewClientSecretCredential("aldermoor.example", s.app, "wrong", &azidentity.ClientSecretCredentialOptions{ClientOptions: s.identity(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse.StatusCode != 401 || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("a wrong secret: %v", err)
	}
	nowhere, err := azidentity.NewClientSecretCredential("nowhere.example", s.app, s.secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: s.identity(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nowhere.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}); err == nil || !strings.Contains(err.Error(), "AADSTS90002") {
		t.Errorf("an unknown tenant: %v", err)
	}
}

func TestClientCertificateCredential(t *testing.T) {
	s := start(t)
	pem, err := os.ReadFile(s.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	certs, key, err := azidentity.ParseCertificates(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, chain := range []bool{false, true} {
		c, err := azidentity.NewClientCertificateCredential(tenant, s.app, certs, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: s.identity(), DisableInstanceDiscovery: true, SendCertificateChain: chain})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.claims(c, "https://api.loganalytics.io/.default"); got["azpacr"] != "2" {
			t.Errorf("%v", got)
		}
	}
}

// browser walks the sign-in pages as a person does.
type browser struct {
	*server
	*http.Client
	page, left string // left is where it was sent out of the server
}

func (s *server) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{server: s}
	b.Client = &http.Client{Transport: s.http.Transport, Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), s.url+"/") {
			b.left = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

var formAt = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?name="flow" value="([^"]*)"`)

func (b *browser) read(resp *http.Response, err error) {
	if err != nil {
		b.t.Error(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Error(err)
	}
	b.page = string(text)
}

func (b *browser) open(at string) *browser { b.read(b.Get(at)); return b }

func (b *browser) send(fields ...string) *browser {
	m := formAt.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Errorf("the page has no form:\n%s", b.page)
		return b
	}
	v := url.Values{"flow": {m[2]}}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	b.read(b.PostForm(b.url+m[1], v))
	return b
}

func (b *browser) signIn() *browser {
	return b.send("action", "password", "login", b.person, "passwd", b.password)
}

// device is a credential of the person, who enters its codes in a browser. asked are
// how many.
func (s *server) device(asked ...*int) azcore.TokenCredential {
	s.t.Helper()
	c, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: s.identity(), DisableInstanceDiscovery: true, TenantID: tenant,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			for _, n := range asked {
				*n++
			}
			b := s.browser().open(m.VerificationURL).send("otc", m.UserCode).signIn().send("action", "approve")
			if !strings.Contains(b.page, "You have signed in") {
				return fmt.Errorf("the browser was shown %s", b.page)
			}
			return nil
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestDeviceCodeCredential(t *testing.T) {
	s := start(t)
	asked := 0
	c := s.device(&asked)
	if got := s.claims(c, "https://graph.microsoft.com/AuditLog.Read.All"); got["preferred_username"] != s.person || got["scp"] != "AuditLog.Read.All" {
		t.Errorf("%v", got)
	}
	// Another resource comes of the refresh token.
	if got := s.claims(c, "https://api.loganalytics.io/.default"); got["aud"] != "https://api.loganalytics.io" || asked != 1 {
		t.Errorf("%v, asked %d times", got, asked)
	}
	// And it opens what the person may see.
	r, err := s.logsAs(c).QueryWorkspace(context.Background(), s.workspace, azlogs.QueryBody{Query: to.Ptr("SigninLogs | count"), Timespan: to.Ptr(azlogs.TimeInterval("2026-01-01/P10D"))}, nil)
	if err != nil || text(t, r.Tables[0].Rows) != "[[3]]" {
		t.Errorf("%v %v", r.Tables, err)
	}
}

// The authorization code flow of MSAL, public with PKCE of our own, and confidential.
func TestAuthorizationCode(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	const cli, back = "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "http://localhost:51234"
	scopes := []string{"https://graph.microsoft.com/AuditLog.Read.All"}
	client, err := public.New(cli, public.WithAuthority(s.url+"/"+tenant), public.WithHTTPClient(s.http), public.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	at, err := client.AuthCodeURL(ctx, cli, back, scopes)
	if err != nil {
		t.Fatal(err)
	}
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636, appendix B
	b := s.browser().open(at + "&code_challenge=" + challenge + "&code_challenge_method=S256&state=s1").signIn()
	left, err := url.Parse(b.left)
	if err != nil || left.Query().Get("code") == "" || left.Query().Get("state") != "s1" {
		t.Fatalf("the browser was sent to %q and shown\n%s", b.left, b.page)
	}
	got, err := client.AcquireTokenByAuthCode(ctx, left.Query().Get("code"), back, scopes, public.WithChallenge(verifier))
	if err != nil || got.Account.PreferredUsername != s.person || got.IDToken.TenantID != tenant || s.claimsOf(got.AccessToken)["scp"] != "AuditLog.Read.All" {
		t.Fatalf("%+v %v", got, err)
	}
	// Silently, for another resource.
	again, err := client.AcquireTokenSilent(ctx, []string{"https://api.loganalytics.io/.default"}, public.WithSilentAccount(got.Account))
	if err != nil || s.claimsOf(again.AccessToken)["aud"] != "https://api.loganalytics.io" {
		t.Errorf("%v", err)
	}

	cred, err := confidential.NewCredFromSecret(s.secret)
	if err != nil {
		t.Fatal(err)
	}
	web, err := confidential.New(s.url+"/"+tenant, s.app, cred, confidential.WithHTTPClient(s.http), confidential.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	if at, err = web.AuthCodeURL(ctx, s.app, comeBack, scopes); err != nil {
		t.Fatal(err)
	}
	b.left = ""
	b.open(at) // the browser is signed in already
	if left, err = url.Parse(b.left); err != nil {
		t.Fatal(err)
	}
	theirs, err := web.AcquireTokenByAuthCode(ctx, left.Query().Get("code"), comeBack, scopes)
	if err != nil || theirs.Account.PreferredUsername != s.person || s.claimsOf(theirs.AccessToken)["azpacr"] != "1" {
		t.Errorf("%+v %v; the browser was shown\n%s", theirs, err, b.page)
	}
}

// TestJavaScriptIdentity runs js/identity.mjs and reads what it says.
func TestJavaScriptIdentity(t *testing.T) {
	node := javascript(t)
	s := start(t)
	cmd := exec.Command(node, "identity.mjs")
	cmd.Dir = "js"
	cmd.Env = append(s.nodeEnv(), "KEY_FILE="+s.keyFile)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"secret":                   `^true \{"aud":"https://monitor.azure.com","tid":"` + tenant + `"`,
		"secret graph":             `^true \{"aud":"https://graph.microsoft.com","tid":"` + tenant + `","roles":\["AuditLog.Read.All",.*"ThreatHunting.Read.All"\]\}`,
		"wrong secret":             `^false .*AADSTS7000215`,
		"wrong tenant":             `^false `,
		"certificate":              `^true \{"aud":"https://management.azure.com"`,
		"device":                   `^true \{"aud":"https://graph.microsoft.com",.*AuditLog.Read.All.*"preferred_username":"ann@aldermoor.example"\}`,
		"device, another resource": `^true \{"aud":"https://api.loganalytics.io",.*"scp":"Data.Read"`,
	}
	cases := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Case string
			OK   bool
			Got  json.RawMessage
		}
		s.decode(lines.Bytes(), &line)
		if line.Case == "prompt" {
			var p struct{ Code, At string }
			s.decode(line.Got, &p)
			s.browser().open(p.At).send("otc", p.Code).signIn().send("action", "approve")
			continue
		}
		cases++
		got := map[bool]string{true: "true ", false: "false "}[line.OK] + string(line.Got)
		if pattern, ok := want[line.Case]; !ok || !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s: %s\nwant %s", line.Case, got, pattern)
		}
	}
	if err := cmd.Wait(); err != nil || cases != len(want) {
		t.Errorf("%d cases ran: %v\n%s", cases, err, &errs)
	}
}
