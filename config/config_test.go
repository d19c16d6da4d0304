package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvironmentStandsOverFileOverDefaults(t *testing.T) {
	file := write(t, "http:\n  addr: 127.0.0.1:9000\nlog:\n  retention: 90d\n")
	secret := write(t, "s3cret\n")
	c, err := Load(file, []string{"SEXTANT_HTTP__ADDR=127.0.0.1:9001", "SEXTANT_HTTP__TOKEN_FILE=" + secret, "HOME=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != "127.0.0.1:9001" || c.HTTP.Token != "s3cret" || time.Duration(c.Log.Retention) != 90*24*time.Hour || c.Query.Rows != 500_000 {
		t.Errorf("got %+v", c)
	}
	if text := YAML(&c); strings.Contains(text, "s3cret") {
		t.Error("a secret is printed:\n" + text)
	}
}

func TestWhatIsPrintedCanBeRead(t *testing.T) {
	c := Default()
	c.Data = `C:\odd "path"`
	back, err := Load(write(t, YAML(&c)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if back != c {
		t.Errorf("wrote %+v, read %+v", c, back)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	f := func(file, env, want string) {
		t.Helper()
		var environ []string
		if env != "" {
			environ = []string{env}
		}
		_, err := Load(write(t, file), environ)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %q: got %v, want %q in it", file, env, err, want)
		}
	}
	f("htpp:\n  addr: x\n", "", "htpp")
	f("query:\n  rows: many\n", "", "rows")
	f("query:\n  timeout: soon\n", "", "soon")
	f("query: {memory_mb: 1}\n", "", "query.memory_mb")
	f("", "SEXTANT_QUERY__ROWS=x", "SEXTANT_QUERY__ROWS")
	f("", "SEXTANT_HTTP__TOKEN_FILE=/nowhere/at/all", "SEXTANT_HTTP__TOKEN_FILE")
}
