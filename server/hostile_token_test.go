package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sextant/access"
	"sextant/authority"
)

// Each face × each token that should not open it: testdata/hostile_tokens.txt has what
// is answered.
func TestHostileTokensOnEveryFace(t *testing.T) {
	w := twoDirectories(t)
	app, secret := w.signing()
	w.s.verifier = w.s.o.Tokens.(access.Verifier)
	ctx, by := context.Background(), access.Operator()
	accounts := w.signers
	other, err := accounts.AddApp(ctx, by, stranger, access.App{DisplayName: "Theirs", AccountEnabled: true, Permissions: []string{"AuditLog.Read.All", "Data.Read"}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := accounts.AddSecret(ctx, by, stranger, other.AppID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	granted, err := accounts.AddApp(ctx, by, tenant, access.App{DisplayName: "Granted", AccountEnabled: true, Permissions: []string{"AuditLog.Read.All", "Data.Read"}})
	if err != nil {
		t.Fatal(err)
	}
	grantedSecret, _, err := accounts.AddSecret(ctx, by, tenant, granted.AppID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	licensed := func(names []string) {
		t.Helper()
		// The server's own accounts, which have read what there is before these.
		if _, err := w.s.o.Accounts.SetTenant(ctx, by, tenant, func(d *access.Directory) error { d.Licences = names; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	tokenFor := func(tenant, id, secret, audience string) string {
		status, text := w.form("/"+tenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {audience + "/.default"}})
		var got struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", audience, status, text)
		}
		return got.Token
	}
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const query = `{"query":"SigninLogs | count","db":"` + tenant + `","csl":"SigninLogs | count"}`
	faces := map[string]struct{ audience, method, path, body string }{
		"graph":        {"https://graph.microsoft.com", "GET", "/v1.0/auditLogs/signIns", ""},
		"loganalytics": {"https://api.loganalytics.io", "POST", "/v1/workspaces/" + tenant + "/query", query},
		"kusto":        {"https://kusto.kusto.windows.net", "POST", "/v2/rest/query", query},
		"arm":          {"https://management.azure.com", "GET", "/subscriptions/" + tenant + "/providers/Microsoft.OperationalInsights/workspaces?api-version=2022-10-01", ""},
		"ingestion":    {"https://monitor.azure.com", "POST", "/dataCollectionRules/dcr-00000000000000000000000000000000/streams/Custom-X?api-version=2023-01-01", "[]"},
		"native":       {"api://sextant", "GET", "/v1/tenants", ""},
	}
	text, err := os.ReadFile("testdata/hostile_tokens.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 5 || line[0] == '#' {
			continue
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		face, ok := faces[f[0]]
		if !ok {
			t.Fatal(line)
		}
		n++
		token, verifier := tokenFor(tenant, app.AppID, secret, face.audience), w.s.verifier
		parts := strings.Split(token, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		switch f[1] {
		case "nothing granted":
		case "missing licence":
			licensed([]string{})
			token = tokenFor(tenant, granted.AppID, grantedSecret, face.audience)
			face.body = strings.ReplaceAll(face.body, "SigninLogs", "AADProvisioningLogs")
		case "wrong audience":
			audience := "https://graph.microsoft.com"
			if f[0] == "graph" {
				audience = "https://api.loganalytics.io"
			}
			token = tokenFor(tenant, app.AppID, secret, audience)
		case "expired":
			later, err := authority.New(authority.Options{DB: w.node.State(), Accounts: accounts, Clock: func() time.Time { return w.s.o.Clock().Add(2 * time.Hour) }, SignIn: TakeIn(w.node, "sign-in")})
			if err != nil {
				t.Fatal(err)
			}
			w.s.verifier = later
		case "unsigned":
			token = parts[0] + "." + parts[1] + "."
		case "alg none":
			token = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
		case "foreign key":
			head, err := base64.RawURLEncoding.DecodeString(parts[0])
			if err != nil {
				t.Fatal(err)
			}
			var h struct{ Kid string }
			if err := json.Unmarshal(head, &h); err != nil {
				t.Fatal(err)
			}
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: foreign, KeyID: h.Kid}}, (&jose.SignerOptions{}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			made, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			if token, err = made.CompactSerialize(); err != nil {
				t.Fatal(err)
			}
		case "changed":
			changed := strings.ReplaceAll(string(payload), tenant, stranger)
			token = parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + parts[2]
		case "other tenant":
			token = tokenFor(stranger, other.AppID, theirs, face.audience)
		default:
			t.Fatal(line)
		}
		status, answer, h := w.call(face.method, face.path, []byte(face.body), "Authorization: Bearer "+token)
		w.s.verifier = verifier
		if f[1] == "missing licence" {
			licensed(nil)
		}
		challenge := "-"
		if c := h.Get("WWW-Authenticate"); c != "" {
			challenge, _, _ = strings.Cut(c, " ")
			if strings.Contains(c, "invalid_token") {
				challenge += " invalid_token"
			}
		}
		if got := strings.Join([]string{f[0], f[1], jsonText(status), codeOf(answer), challenge}, " | "); got != strings.Join(f, " | ") {
			t.Errorf("%s\nwant %s\n%s", got, strings.Join(f, " | "), answer[:min(300, len(answer))])
		}
		if strings.Contains(answer, "secret-") || strings.Contains(answer, "go-jose") {
			t.Errorf("%s, %s: it tells what there is: %s", f[0], f[1], answer)
		}
	}
	if n < 6*8 {
		t.Errorf("only %d cells", n)
	}
}

func jsonText(v any) string { b, _ := json.Marshal(v); return string(b) }

// codeOf an error's answer; - where it has none.
func codeOf(answer string) string {
	var e struct{ Error struct{ Code string } }
	if json.Unmarshal([]byte(answer), &e) != nil || e.Error.Code == "" {
		return "-"
	}
	return e.Error.Code
}
