// Package clients runs Microsoft's own client libraries, unmodified, against a
// started sextant over TLS. It is a module of its own, so that they are no
// dependencies of the program.
package clients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// bin is the program under test: SEXTANT_BIN, or built from this checkout.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if bin = os.Getenv("SEXTANT_BIN"); bin != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "sextant-clients")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = filepath.Join(dir, "sextant")
		build := exec.Command("go", "build", "-o", bin, "./cmd/sextant")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	token  = "the-token-of-these-clients"
)

// static is a credential with a key of the server's instead of an authority's token.
type static struct{}

func (static) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// server is a running one with a tenant, a custom table and a rule.
type server struct {
	t                         *testing.T
	url, plain, ca            string // plain is without TLS
	setup                     string // link that makes the first administrator
	http                      *http.Client
	workspace, resource, rule string

	// An application of the tenant, which has the rights that its work needs and no
	// more, and a person, who is Global Administrator.
	app, secret, keyFile string // keyFile has its certificate and key, PEM
	person, password     string
}

// What the application may do: as itself in Graph, for people, and in workspaces.
var (
	appPermissions = []string{
		"AuditLog.Read.All", "IdentityRiskEvent.ReadWrite.All", "IdentityRiskyUser.ReadWrite.All", "IdentityRiskyServicePrincipal.ReadWrite.All",
		"SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All", "ThreatHunting.Read.All",
	}
	appScopes = []string{"AuditLog.Read.All"}
	appRoles  = []string{"Log Analytics Contributor", "Security Reader"}
)

// comeBack is where people come back to after they signed in to the application.
const comeBack = "https://app.example/signed-in"

var answersAt = regexp.MustCompile(`answers at (http://\S+)|with TLS at (https://\S+),|(http\S+/setup\?\S+)`)

// start a server over an empty folder, and give it a directory and three sign-ins.
func start(t *testing.T) *server {
	t.Helper()
	s := serve(t, filepath.Join(t.TempDir(), "data"), "SEXTANT_HTTP__TOKEN="+token)
	s.populate()
	return s
}

// serve a folder.
func serve(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	s := &server{t: t}
	cmd := exec.Command(bin, "serve", "--data", dir, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), env...)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(io.TeeReader(errs, &log))
		for lines.Scan() {
			switch m := answersAt.FindStringSubmatch(lines.Text()); {
			case m == nil:
			case m[1] != "":
				s.plain = m[1]
			case m[2] != "":
				s.url = strings.Replace(m[2], "127.0.0.1", "localhost", 1)
			default:
				s.setup = m[3]
				close(found)
			}
		}
		_ = cmd.Wait() // killed, as often as not
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", &log)
		}
	})
	select {
	case <-found:
	case <-ended:
		t.Fatalf("the server ended:\n%s", &log)
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not say where it answers")
	}
	text, err := exec.Command(bin, "ca", "export", "--data", dir).Output()
	if err != nil {
		t.Fatalf("sextant ca export: %v", err)
	}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("what `sextant ca export` prints is no certificate:\n%s", text)
	}
	s.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	t.Cleanup(s.http.CloseIdleConnections)

	return s
}

// populate the server with a directory, three sign-ins, a table and a rule that feeds it.
func (s *server) populate() {
	s.t.Helper()
	s.directory()
	var records []string
	for i, user := range []string{"ann", "bob", "cem"} {
		records = append(records, fmt.Sprintf(`{"time":"2026-01-02T03:0%d:05.5Z","category":"SignInLogs","tenantId":"%s","resultType":"0","properties":{"id":"s%d","createdDateTime":"2026-01-02T03:0%[3]d:05.5Z","userPrincipalName":"%s@example.org","location":{"city":"Ulm"}}}`, i, tenant, i, user))
	}
	s.call("POST", "/v1/records", strings.Join(records, "\n"), 200)
	s.settle()
	var list struct {
		Value []struct {
			ID         string
			Properties struct{ CustomerID string }
		}
	}
	s.decode(s.call("GET", "/subscriptions/any/providers/Microsoft.OperationalInsights/workspaces?api-version=2022-10-01", "", 200), &list)
	if len(list.Value) != 1 {
		s.t.Fatalf("%+v", list)
	}
	s.workspace, s.resource = list.Value[0].Properties.CustomerID, list.Value[0].ID
	const group = "/subscriptions/5ub/resourceGroups/logs/providers/Microsoft.Insights/dataCollectionRules/"
	var rule struct{ Properties struct{ ImmutableID string } }
	s.decode(s.call("PUT", group+"shop?api-version=2022-06-01", `{"location":"here","kind":"Direct","properties":{
		"streamDeclarations":{"Custom-Shop":{"columns":[{"name":"Item","type":"string"},{"name":"Count","type":"int"},{"name":"More","type":"dynamic"}]}},
		"destinations":{"logAnalytics":[{"workspaceResourceId":"`+s.resource+`","name":"there"}]},
		"dataFlows":[{"streams":["Custom-Shop"],"destinations":["there"],"transformKql":"source | extend TimeGenerated = now(), Twice = Count * 2","outputStream":"Custom-Shop_CL"},
			{"streams":["Microsoft-AppRequests"],"destinations":["there"]}]}}`, 201), &rule)
	s.rule = rule.Properties.ImmutableID
}

// directory of the tenant, made as an administrator makes it.
func (s *server) directory() {
	s.t.Helper()
	s.keyFile = s.certificate()
	s.person, s.password = "ann@aldermoor.example", "a sentence that nobody guesses"
	s.sextant("", "tenant", "set", "--domain", "aldermoor.example")
	s.sextant(s.password, "user", "add", s.person, "--name", "Ann", "--role", "Global Administrator", "--password-stdin")
	s.app, s.secret = s.application("Client tests", append(flags("--permission", appPermissions), flags("--scope", appScopes)...)...)
	s.sextant("", "app", "cert", s.app, s.keyFile)
	for _, role := range appRoles {
		s.sextant("", "role", "assign", role, s.app)
	}
}

var clientID = regexp.MustCompile(`client id (\S+)`)

// application that is added, with a secret.
func (s *server) application(name string, args ...string) (id, secret string) {
	s.t.Helper()
	m := clientID.FindStringSubmatch(s.sextant("", append([]string{"app", "add", name, "--redirect", comeBack}, args...)...))
	if m == nil {
		s.t.Fatal("no client id was printed")
	}
	return m[1], strings.TrimSpace(s.sextant("", "app", "secret", m[1]))
}

// flags of one name.
func flags(name string, values []string) (out []string) {
	for _, v := range values {
		out = append(out, name, v)
	}
	return out
}

// sextant runs a command at the server, for the tenant, and gives what it prints.
func (s *server) sextant(in string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(bin, append(args, "--server", s.plain, "--tenant", tenant)...)
	cmd.Env = append(os.Environ(), "SEXTANT_TOKEN="+token)
	cmd.Stdin = strings.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("sextant %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return string(out)
}

// certificate with its key in a file.
func (s *server) certificate() string {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "app.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *server) call(method, path, body string, want int) []byte {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		s.t.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, text)
	}
	return text
}

func (s *server) decode(text []byte, into any) {
	s.t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
}

// settle waits until what was sent can be queried.
func (s *server) settle() {
	s.t.Helper()
	if text := s.call("POST", "/v1/settle", "", 200); !strings.Contains(string(text), "true") {
		s.t.Fatalf("the tables do not catch up: %s", text)
	}
}
