package clients

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// TestSinglePageApplication runs js/page.mjs: MSAL.js in a browser, on a page of another
// origin.
func TestSinglePageApplication(t *testing.T) {
	node, chromium := javascript(t), chromiumPath(t)
	s := start(t)
	free, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	m := clientID.FindStringSubmatch(s.sextant("", "app", "add", "A page", "--spa", "http://localhost:"+port+"/", "--scope", "AuditLog.Read.All"))
	if m == nil {
		t.Fatal("no client id was printed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "page.mjs")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = "js"
	cmd.Env = append(os.Environ(), "SEXTANT_URL="+s.url, "TENANT="+tenant, "APP="+m[1], "PORT="+port, "PERSON="+s.person, "PASSWORD="+s.password, "CHROMIUM="+chromium, "SPKI="+s.spki())
	s.told(cmd, map[string]string{
		"signed in":        `^true \["ann@aldermoor.example",true\]`,
		"graph":            `^true \[200,[1-9]\d*,true,true\]`,
		"renewed":          `^true \[false,"ann@aldermoor.example"\]`,
		"another resource": `^true \[200,[1-9]\d*\]`,
		"signed out":       `^true 0`,
		"asks again":       `^true true`,
	})
}
