package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sextant/fault"
)

func TestCertificateAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	if _, err := RootPEM(dir); fault.KindOf(err) != fault.NotFound {
		t.Errorf("before the first start: %v", err)
	}
	ca, err := OpenCA(dir, clock, "logs.example", "192.0.2.7", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", st.Mode(), err)
	}
	// What a client that trusts the exported certificate makes of the server's.
	trusts := func(ca *CA, name string) *x509.Certificate {
		t.Helper()
		text, err := RootPEM(dir)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			t.Fatalf("what is exported is no certificate: %s", text)
		}
		cert, err := ca.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: now}); err != nil {
			t.Errorf("%s on %s: %v", name, now, err)
		}
		return cert.Leaf
	}
	host, _ := os.Hostname()
	for _, name := range []string{"localhost", "127.0.0.1", "::1", host, "logs.example", "192.0.2.7"} {
		trusts(ca, name)
	}
	first := trusts(ca, "localhost")
	now = now.Add(50 * 24 * time.Hour)
	if trusts(ca, "localhost") != first {
		t.Error("a certificate in its best years was replaced")
	}
	now = now.Add(20 * 24 * time.Hour) // 20 days before its end
	second := trusts(ca, "localhost")
	if second == first {
		t.Error("a certificate that soon ends was kept")
	}
	again, err := OpenCA(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Root.Equal(ca.Root) {
		t.Error("a second start made another authority")
	}
	trusts(again, "localhost")

	now = now.Add(rootLife)
	if _, err := OpenCA(dir, clock); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an authority past its end: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(dir, clock); fault.KindOf(err) != fault.Damaged {
		t.Errorf("a key that is none: %v", err)
	}
}

// A listener that runs for years has a certificate that is valid at every handshake,
// without a start in between, and the key of the authority is nobody else's to read.
func TestCertificatesAreRenewedWhileTheServerRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	if _, err := OpenCA(dir, clock); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, keyFile), 0o644); err != nil { // as a restore left it
		t.Fatal(err)
	}
	ca, err := OpenCA(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key after a restore: %v %v", st.Mode(), err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	srv.TLS = ca.TLS()
	srv.StartTLS()
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AddCert(ca.Root)
	serials := map[string]bool{}
	for range 40 { // 800 days
		conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "localhost", Time: clock})
		if err != nil {
			t.Fatalf("on %s: %v", clock().Format(time.DateOnly), err)
		}
		leaf := conn.ConnectionState().PeerCertificates[0]
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if left := leaf.NotAfter.Sub(clock()); left < leafEarly-20*24*time.Hour {
			t.Errorf("on %s it ends in %s", clock().Format(time.DateOnly), left)
		}
		serials[leaf.SerialNumber.String()] = true
		mu.Lock()
		now = now.Add(20 * 24 * time.Hour)
		mu.Unlock()
	}
	if len(serials) < 10 {
		t.Errorf("%d certificates in 800 days", len(serials))
	}
}
