package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The commands in the documentation are run as a reader would copy them: all sh
// blocks of a page in one shell, in an empty folder, with ~/exports and
// records.ndjson at hand. A block behind a comment "not run: why" is passed over.
// A server that a block starts is waited for, and listens on a free port instead of 8080.
func TestDocumentedCommands(t *testing.T) {
	for _, page := range []string{"README.md", "docs/operations.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", page))
			if err != nil {
				t.Fatal(err)
			}
			script, blocks := commandsOf(string(text))
			if blocks < 2 {
				t.Fatalf("only %d blocks of commands were found", blocks)
			}
			runPage(t, script)
		})
	}
}

var block = regexp.MustCompile("(?s)(<!-- not run: [^>]*-->\n)?```sh\n(.*?)```")

func commandsOf(page string) (script string, blocks int) {
	var b strings.Builder
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		if m[1] == "" {
			b.WriteString(m[2])
			blocks++
		}
	}
	return b.String(), blocks
}

var serving = regexp.MustCompile(`(?m)^\S*sextant serve .*&.*$`)

func runPage(t *testing.T, script string) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	script = strings.ReplaceAll(script, "127.0.0.1:8080", addr)
	script = strings.ReplaceAll(script, "make build\n", "")
	script = serving.ReplaceAllString(script, "$0\nuntil curl -sf http://"+addr+"/-/ready >/dev/null; do sleep 0.05; done")
	dir := t.TempDir()
	if err := os.Symlink(filepath.Dir(bin), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"simulate", "--users", "20", "--days", "2", "--scenarios", "none", "--format", "archive", "--out", filepath.Join(dir, "exports")},
		{"simulate", "--users", "20", "--days", "1", "--scenarios", "none", "--max", "50", "--out", filepath.Join(dir, "records.ndjson")},
	} {
		if out, errs, code := sextant(t, nil, args...); code != 0 {
			t.Fatalf("%v ended with %d\n%s%s", args, code, out, errs)
		}
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", "set -m\ntrap 'kill -INT $(jobs -p) 2>/dev/null || true; wait' EXIT\n"+script)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "HOME="+dir, "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"), "SEXTANT_HTTP__ADDR="+addr, "SEXTANT_SERVER=", "SEXTANT_TOKEN=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s\nof\n%s", err, out.Bytes(), script)
	}
	for _, bad := range []string{`{"error"`, "command not found"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%s in the output\n%s", bad, fmt.Sprint(out.String()))
		}
	}
	t.Logf("%s", out.Bytes())
}
