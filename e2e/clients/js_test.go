package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// javascript is the program that runs it, with the packages of the lock file there.
func javascript(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped 1 case: there is no Node.js")
	}
	lock, err := os.ReadFile("js/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	const mark = "js/node_modules/.installed" // the lock file that they are of
	if is, err := os.ReadFile(mark); err == nil && bytes.Equal(is, lock) {
		return node
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	install.Dir = "js"
	install.WaitDelay = time.Second
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("skipped 1 case: the packages of js/package-lock.json cannot be had: %v\n%s", err, out)
	}
	if err := os.WriteFile(mark, lock, 0o600); err != nil {
		t.Fatal(err)
	}
	return node
}

// nodeEnv is the environment of a script: where the server is, and how to sign in.
func (s *server) nodeEnv() []string {
	return append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.ca, "SEXTANT_URL="+s.url, "TENANT="+tenant, "APP="+s.app, "SECRET="+s.secret)
}

// told runs a script that prints a JSON line for each case, and compares what it says
// of each, "true" or "false" and what it got, with the expressions that are wanted.
func (s *server) told(cmd *exec.Cmd, want map[string]string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%v\n%s\n%s", err, &out, &errs)
	}
	cases := 0
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Case string
			OK   bool
			Got  json.RawMessage
		}
		s.decode(lines.Bytes(), &line)
		cases++
		got := fmt.Sprintf("%t %s", line.OK, line.Got)
		if pattern, ok := want[line.Case]; !ok || !regexp.MustCompile(pattern).MatchString(got) {
			s.t.Errorf("%s: %s\nwant %s", line.Case, got, pattern)
		}
	}
	if cases != len(want) {
		s.t.Errorf("%d cases ran, of %d\n%s", cases, len(want), &errs)
	}
}

// TestJavaScript runs js/clients.mjs and reads what it says.
func TestJavaScript(t *testing.T) {
	node := javascript(t)
	s := start(t)
	cmd := exec.Command(node, "clients.mjs")
	cmd.Dir = "js"
	cmd.Env = append(s.nodeEnv(), "SEXTANT_TOKEN="+token, "WORKSPACE="+s.workspace, "RESOURCE="+s.resource, "RULE="+s.rule)
	want := map[string]string{
		"query":                  `^true \{"status":"Success","columns":\["Id:string","TimeGenerated:datetime","City:dynamic"\],"rows":\[\["s0","2026-01-02T03:00:05.500Z",\{"city":"Ulm"\}\],.*"statistics":true,"visualization":"table"\}`,
		"resource":               `^true \[\[3\]\]`,
		"batch":                  `^true \["Success:1","(Partial)?Failure:BadArgumentError","Success:3"\]`,
		"key":                    `^true \[\[3\]\]`,
		"mistake":                `^false .*(BadArgumentError|invalid properties)`,
		"ingest":                 `^true 3000`,
		"ingest elsewhere":       `^false `,
		"kusto query":            `^true \{"columns":\["x:long","d:dynamic","t:datetime","s:timespan"\],"rows":\[\{"x":1,"d":\{"a":\[1\]\},"t":"2026-01-02T00:00:00.000Z","s":3600000\},\{"x":2.*"errors":0\}`,
		"kusto version 1":        `^true .*3`,
		"kusto command":          `^true \["SigninLogs"\]`,
		"kusto mistake":          `^false .*`,
		"kusto stream":           `^true 500`,
		"kusto stream elsewhere": `^false .*`,
	}
	for _, name := range []string{"query", "resource", "batch", "mistake"} { // of both packages
		want["old "+name], want["new "+name] = want[name], want[name]
		delete(want, name)
	}
	s.told(cmd, want)
	s.settle()
	var answer struct{ Tables []struct{ Rows [][]any } }
	s.decode(s.call("POST", "/v1/workspaces/"+s.workspace+"/query", `{"query":"Shop_CL | where Item == 'js' | summarize count(), sum(Twice), dcount(Count, 4)"}`, 200), &answer)
	if got := text(t, answer.Tables[0].Rows); got != "[[3000,8997000,3000]]" {
		t.Errorf("ingested: %s", got)
	}
	s.streamed("js")
}

// streamed says whether the 500 rows that a client of Kusto streams are there.
func (s *server) streamed(by string) {
	s.t.Helper()
	var answer struct{ Tables []struct{ Rows [][]any } }
	s.decode(s.call("POST", "/v1/workspaces/"+s.workspace+"/query", `{"query":"Shop_CL | where Item == 'streamed by `+by+`' | summarize count(), sum(Count)"}`, 200), &answer)
	if got := text(s.t, answer.Tables[0].Rows); got != "[[500,124750]]" {
		s.t.Errorf("streamed: %s", got)
	}
}
