// Package e2e runs the program as its users do: as a process, from outside.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sextant/access"
	"sextant/client"
	"sextant/source"
)

// bin is the program under test.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sextant-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = filepath.Join(dir, "sextant")
	if out, err := exec.Command("go", "build", "-o", bin, "sextant/cmd/sextant").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	addr   string
	log    *bytes.Buffer
	exited chan struct{}
	client *client.Client
}

var answersAt = regexp.MustCompile(`answers at (http://\S+)`)

// serve starts a server over a folder and waits until it is ready.
func serve(t *testing.T, dir string) *process {
	t.Helper()
	return serveWith(t, dir, "")
}

// serveWith a token that was configured; "" is the folder's own.
func serveWith(t *testing.T, dir, token string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(bin, "serve", "--data", dir, "--http", "127.0.0.1:0"), log: &bytes.Buffer{}, exited: make(chan struct{})}
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		in := bufio.NewReader(errs)
		for {
			line, err := in.ReadString('\n')
			p.log.WriteString(line)
			if m := answersAt.FindStringSubmatch(line); m != nil {
				found <- m[1]
			}
			if err != nil {
				break
			}
		}
		_ = p.cmd.Wait() // killed, as often as not
		close(p.exited)
	}()
	select {
	case p.addr = <-found:
	case <-p.exited:
		t.Fatalf("the server ended:\n%s", p.log)
	case <-time.After(20 * time.Second):
		p.kill()
		t.Fatalf("the server did not say where it answers:\n%s", p.log)
	}
	if token == "" {
		if token, err = access.ReadToken(dir); err != nil {
			t.Fatal(err)
		}
	}
	if p.client, err = client.New(p.addr, token); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for {
		resp, err := http.Get(p.addr + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 20*time.Second {
			p.kill()
			t.Fatalf("the server is not ready after 20 s:\n%s", p.log)
		}
		time.Sleep(20 * time.Millisecond) // a process outside can only be asked again
	}
	t.Logf("ready after %d ms", time.Since(began).Milliseconds())
	return p
}

// kill the process the hard way.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended by itself
	<-p.exited
}

// stop it as a person would.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.kill()
		p.t.Fatalf("the server did not end on an interrupt:\n%s", p.log)
	}
}

// column of a query's answer, as text.
func (p *process) column(query string) []string {
	p.t.Helper()
	q, err := p.client.Query(context.Background(), "", query, "")
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", query, err, p.log)
	}
	if q.Error != nil {
		p.t.Fatalf("%s: %+v", query, q.Error)
	}
	var out []string
	for _, row := range q.Tables[0].Rows {
		var s string
		if json.Unmarshal(row[0], &s) != nil {
			s = string(row[0])
		}
		out = append(out, s)
	}
	return out
}

// sextant runs a command to its end.
func sextant(t *testing.T, in io.Reader, args ...string) (out, errs string, code int) {
	t.Helper()
	cmd := exec.Command(bin, args...)
	var o, e strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &o, &e
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

const tenant = "11111111-2222-3333-4444-555555555555"

// signIn is a small record of its own.
func signIn(id string) source.Incoming {
	return source.Incoming{Where: "test", JSON: fmt.Appendf(nil,
		`{"time":"2026-01-02T03:04:05.0000000Z","category":"SignInLogs","tenantId":"%s","resultType":"0","properties":{"id":"%s","createdDateTime":"2026-01-02T03:04:05Z"}}`, tenant, id)}
}
