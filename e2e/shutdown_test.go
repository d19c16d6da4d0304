package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sextant/access"
	"sextant/source"
)

// A server that is told to end does so although a client neither finishes its
// request nor reads an endless answer; the folder is free again at once.
func TestAServerEndsInSpiteOfItsClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := serve(t, dir)
	if _, err := p.client.Append(t.Context(), []source.Incoming{signIn("1")}); err != nil {
		t.Fatal(err)
	}
	token, err := access.ReadToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(p.addr, "http://")
	half, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	fmt.Fprintf(half, "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{\"time\":", token)
	req, err := http.NewRequest("GET", p.addr+"/v1/tail?last=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	tail, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()

	began := time.Now()
	p.stop()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if text, _ := io.ReadAll(tail.Body); !strings.Contains(string(text), `"id":"1"`) {
		t.Errorf("the tail had %q", text)
	}
	if strings.Contains(p.log.String(), "level=ERROR") {
		t.Errorf("it ended with errors:\n%s", p.log)
	}
	again := serve(t, dir)
	if got := again.column("SigninLogs | count"); len(got) != 1 || got[0] != "1" {
		t.Errorf("%v", got)
	}
	again.stop()
}

// Two servers in a row over one folder keep its token; a token that is given
// stands instead, for the commands on this machine too.
func TestAConfiguredToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	t.Setenv("SEXTANT_HTTP__TOKEN", "a-token-of-our-own-choice")
	p := serveWith(t, dir, "a-token-of-our-own-choice")
	if out, errs, code := sextant(t, nil, "tenants", "--data", dir); code != 0 {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, err := access.ReadToken(dir); err == nil {
		t.Error("a token was made that nobody needs")
	}
	p.stop()
}
