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
	secret := write(t, "s3cret-s3cret-s3cret\n")
	c, err := Load(file, []string{"SEXTANT_HTTP__ADDR=127.0.0.1:9001", "SEXTANT_HTTP__TOKEN_FILE=" + secret, "HOME=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != "127.0.0.1:9001" || c.HTTP.Token != "s3cret-s3cret-s3cret" || time.Duration(c.Log.Retention) != 90*24*time.Hour || c.Query.Rows != 500_000 {
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
	f("", "SEXTANT_QUERY__MEMRY_MB=1000", "SEXTANT_QUERY__MEMRY_MB names no setting")
	f("", "SEXTANT_HTTP__TOKEN=short", "at least 16")
	f("", "SEXTANT_LOG__RETENTION=NaNd", "not a duration")
	f("", "SEXTANT_LOG__RETENTION=-1h", "not a duration")
	f("", "SEXTANT_LOG__RETENTION=2000000h", "not a duration")
	f("http: {addr: 'localhost'}\n", "", "http.addr")
	f("http: {addr: '127.0.0.1:99999'}\n", "", "http.addr")
	f("[1, 2]\n", "", "")
}

func TestTheEnvironmentOfOthersIsLeftAlone(t *testing.T) {
	// SEXTANT_SERVER and its like belong to the command line, not to the settings.
	if _, err := Load("", []string{"SEXTANT_SERVER=http://x", "SEXTANT_TOKEN=t", "PATH__X=1", "broken"}); err != nil {
		t.Error(err)
	}
}

func TestAFileThatSaysNothingChangesNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "http:\n", "http:\n  # addr: 127.0.0.1:1\n", "query: {rows: ~}\n"} {
		if c, err := Load(write(t, text), nil); err != nil || c != Default() {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}

func TestDurations(t *testing.T) {
	f := func(text string, want time.Duration, back string) {
		t.Helper()
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want || d.String() != back {
			t.Errorf("%q: %v, printed %q, %v", text, time.Duration(d), d.String(), err)
		}
	}
	f("0", 0, "0s")
	f("0d", 0, "0s")
	f("30d", 30*24*time.Hour, "30d")
	f("1.5d", 36*time.Hour, "36h0m0s")
	f(" 90s ", 90*time.Second, "1m30s")
	f("36500d", 36500*24*time.Hour, "36500d")
}

// Whatever a file and the environment hold, settings that load are valid, and
// printing them gives a file that loads to the same.
func FuzzLoad(f *testing.F) {
	f.Add("http:\n  addr: 127.0.0.1:9000\nlog:\n  retention: 90d\n", "SEXTANT_QUERY__ROWS=5")
	f.Add("data: \"a\\x1b\\n\"\n", "SEXTANT_LOG__RETENTION=NaNd")
	f.Add("query: {timeout: 1ns}", "SEXTANT_TENANT=\u2028'\"")
	f.Add("- 1", "")
	path := filepath.Join(f.TempDir(), "c.yaml")
	again := path + "2"
	f.Fuzz(func(t *testing.T, file, env string) {
		if strings.Contains(env, "_FILE=") {
			t.Skip("this test reads no other files")
		}
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, []string{env})
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("loaded, and yet not valid: %v", err)
		}
		c.HTTP.Token = "" // never printed
		if err := os.WriteFile(again, []byte(YAML(&c)), 0o600); err != nil {
			t.Fatal(err)
		}
		back, err := Load(again, nil)
		if err != nil || back != c {
			t.Errorf("printed\n%s\nread %+v, %v", YAML(&c), back, err)
		}
	})
}
