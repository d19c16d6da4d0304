package clients

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chromiumPath is where the browser is.
func chromiumPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("skipped 1 case: there is no Chromium; the package chromium brings it, or CHROMIUM names it")
	return ""
}

// spki is the hash of the server's key, by which the browser is told to trust it.
func (s *server) spki() string {
	s.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), s.http.Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestBrowser runs js/browser.mjs over an empty folder and reads what it says. SHOTS
// names a folder for pictures of the pages.
func TestBrowser(t *testing.T) {
	node, chromium := javascript(t), chromiumPath(t)
	s := serve(t, filepath.Join(t.TempDir(), "data"))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "browser.mjs")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it closes the browser
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = "js"
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.ca, "SSL_CERT_FILE="+s.ca, "SEXTANT_URL="+s.url, "SETUP="+s.setup, "TENANT="+tenant,
		"BIN="+bin, "CHROMIUM="+chromium, "SPKI="+s.spki(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	const reads = `"ann@aldermoor.example","AuditLog.Read.All"`
	s.told(cmd, map[string]string{
		"set-up":             `^true \["tenant","The two passwords differ.","Ready"\]`,
		"set-up again":       `^true "This set-up link is not valid: it was used, `,
		"command line":       `^true \["login","The user name or the password is wrong.",0,"signed in as ann@aldermoor.example, tenant ` + tenant + `",true\]`,
		"an application":     `^true \[` + reads + `,\["pwd"\]\]`,
		"authenticator":      `^true \["The code is wrong, or was used before.","otc","The code is wrong, or was used before. Wait for the next one.",` + reads + `,\["pwd","otp","mfa"\]\]`,
		"passkey":            `^true \[\[` + reads + `,\["fido","mfa"\]\],"No passkey was used: `,
		"device":             `^true \["otc","The code is not one that a device shows now. .*","signed in as ann@aldermoor.example, `,
		"first password":     `^true \["passwd","The password is too easy to guess: .*","bo@aldermoor.example","AuditLog.Read.All",\["pwd"\]\]`,
		"lock-out":           `^true \["After many wrong passwords the account is locked for a while. .*","bo@aldermoor.example",`,
		"cancel":             `^true \["access_denied","s"\]`,
		"signed out":         `^true "Signed out"`,
		"a page that is old": `^true "AADSTS50089: The sign-in page is too old`,
		"a wrong address":    `^true "AADSTS50011: `,
		"complaints":         `^true \[\]`,
		"pages":              `^true 22`,
	})
}
