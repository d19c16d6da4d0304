package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "accept what the program prints")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sextant": main})
}

// The scripts of testdata/script are the program as a person at a shell meets it.
// Beside testscript's own commands they have
//
//	code N COMMAND…   runs it and wants that exit code
//	ready DIR         waits until a server holds DIR and is ready; sets $SERVER and $TOKEN
//	lines N FILE      the file (or stdout, stderr) has N lines
//	grown PATTERN N   waits until the files of that name have N bytes
//	post PATH FILE    posts a file to $SERVER with $TOKEN; the answer is stdout
//	put PATH FILE     puts one there
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SEXTANT_SERVER", "")
			env.Setenv("SEXTANT_TOKEN", "")
			env.Setenv("TENANT", "11111111-2222-3333-4444-555555555555")
			env.Setenv("OTHER", "aaaaaaaa-2222-3333-4444-555555555555")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": cmdCode, "ready": cmdReady, "lines": cmdLines, "post": cmdSend(http.MethodPost), "put": cmdSend(http.MethodPut), "grown": cmdGrown, "withkey": cmdWithKey,
		},
	})
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil || len(args) < 2 {
		ts.Fatalf("usage: code N command args…")
	}
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	got := 0
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("it ended with %d, not %d", got, want)
	}
}

func cmdReady(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // another process can only be asked again
		var held struct{ Addr string }
		text, _ := os.ReadFile(filepath.Join(dir, "held"))
		_ = json.Unmarshal(text, &held) // half written, perhaps
		if held.Addr != "" {
			if resp, err := http.Get(held.Addr + "/-/ready"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					ts.Setenv("SERVER", held.Addr)
					break
				}
			}
		}
		if time.Since(began) > 30*time.Second {
			ts.Fatalf("no server is ready over %s: %s", dir, text)
		}
	}
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if !errors.Is(err, fs.ErrNotExist) { // it was revoked
		ts.Check(err)
	}
	ts.Setenv("TOKEN", strings.TrimSpace(string(token)))
}

// cmdWithKey lets the commands that follow use the key in a file.
func cmdWithKey(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("SEXTANT_TOKEN", strings.TrimSpace(ts.ReadFile(args[0])))
}

func cmdGrown(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) { // another process can only be watched
		size := int64(0)
		paths, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		for _, p := range paths {
			if info, err := os.Stat(p); err == nil { // files come and go
				size += info.Size()
			}
		}
		if size >= want {
			return
		}
		if time.Since(began) > 30*time.Second {
			ts.Fatalf("%s has %d bytes after 30 s", args[0], size)
		}
	}
}

func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); (got == want) == neg {
		ts.Fatalf("%s has %d lines", args[1], got)
	}
}

func cmdSend(method string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		f, err := os.Open(ts.MkAbs(args[1]))
		ts.Check(err)
		defer f.Close()
		req, err := http.NewRequest(method, ts.Getenv("SERVER")+args[0], f)
		ts.Check(err)
		req.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
		resp, err := http.DefaultClient.Do(req)
		ts.Check(err)
		defer resp.Body.Close()
		if _, err := ts.Stdout().Write([]byte(resp.Status + "\n")); err != nil {
			ts.Fatalf("%v", err)
		}
		var body strings.Builder
		if err := resp.Write(&body); err != nil {
			ts.Fatalf("%v", err)
		}
		ts.Logf("%s", body.String())
		if (resp.StatusCode < 300) == neg {
			ts.Fatalf("%s", resp.Status)
		}
	}
}
