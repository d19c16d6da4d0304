package clients

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// python is the program that runs it, with the packages of the requirements there: in
// a folder of the cache, once for each list of them.
func python(t *testing.T) string {
	t.Helper()
	system, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("skipped 1 case: there is no Python")
	}
	wanted, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "sextant", "python")
	program, mark := filepath.Join(dir, "bin", "python"), filepath.Join(dir, "installed.txt")
	if is, err := os.ReadFile(mark); err == nil && bytes.Equal(is, wanted) && exec.Command(program, "--version").Run() == nil {
		return program
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{system, "-m", "venv", "--clear", dir},
		{program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "python/requirements.txt"},
	} {
		install := exec.CommandContext(ctx, args[0], args[1:]...)
		install.WaitDelay = time.Second
		if out, err := install.CombinedOutput(); err != nil {
			t.Skipf("skipped 1 case: the packages of python/requirements.txt cannot be had: %v\n%s", err, out)
		}
	}
	if err := os.WriteFile(mark, wanted, 0o600); err != nil {
		t.Fatal(err)
	}
	return program
}

// TestPython runs python/clients.py and reads what it says.
func TestPython(t *testing.T) {
	program := python(t)
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "clients.py")
	cmd.Dir = "python"
	cmd.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+s.ca, "SSL_CERT_FILE="+s.ca, "PYTHONDONTWRITEBYTECODE=1", "SEXTANT_URL="+s.url, "TENANT="+tenant, "APP="+s.app, "SECRET="+s.secret,
		"KEY_FILE="+s.keyFile, "WORKSPACE="+s.workspace, "RESOURCE="+s.resource, "RULE="+s.rule)
	s.told(cmd, map[string]string{
		"query":                  `^true \["Success",\["Id","TimeGenerated","LocationDetails"\],\[\["s0","2026-01-02 03:00:05.500000\+00:00","\{\\"city\\":\\"Ulm\\"\}"\]\]\]`,
		"batch":                  `^true \[3,"BadArgumentError"\]`,
		"certificate, resource":  `^true 3`,
		"mistake":                `^false "HttpResponseError 400 \(BadArgumentError\) .*SEM0100`,
		"wrong secret":           `^false .*AADSTS7000215`,
		"ingest":                 `^true 3000`,
		"ingest elsewhere":       `^false "HttpResponseError 400 \(InvalidStream\)`,
		"kusto query":            `^true \[\["x:long","d:dynamic","t:datetime","s:timespan"\],\[\[1,\{"a":\[1\]\},"2026-01-02 00:00:00\+00:00","1:00:00"\],\[2,`,
		"kusto command":          `^true \["SigninLogs"\]`,
		"kusto mistake":          `^false "KustoApiError .*SEM0100`,
		"kusto stream":           `^true 500`,
		"kusto stream elsewhere": `^false "KustoApiError .*'Nope_CL' of kind 'Table' was not found`,
		"graph list":             `^true \[\["s1","Ulm","2026-01-02 03:01:05.500000\+00:00"\]\]`,
		"graph pages":            `^true \["s2","s1","s0"\]`,
		"graph confirm safe":     `^true \["confirmedSafe","adminConfirmedSigninSafe"\]`,
		"graph mistake":          `^false \[400,"BadRequest"\]`,
		"graph nothing":          `^false \[404,"Request_ResourceNotFound"\]`,
	})
	s.settle()
	var answer struct{ Tables []struct{ Rows [][]any } }
	s.decode(s.call("POST", "/v1/workspaces/"+s.workspace+"/query", `{"query":"Shop_CL | where Item == 'py' | summarize count(), sum(Twice), dcount(Count, 4)"}`, 200), &answer)
	if got := text(t, answer.Tables[0].Rows); got != "[[3000,8997000,3000]]" {
		t.Errorf("ingested: %s", got)
	}
	s.streamed("py")
}
