package sextant_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every skip gives one of the reasons that continuous integration knows: that the
// reference folder is absent, worded so that .ci/report tells, that what only developers
// have is, or that the short run leaves out what takes time.
func TestSkipsGiveKnownReasons(t *testing.T) {
	absent := regexp.MustCompile(`\breference\b|\.\./shared\b|\bat hand\b|beside the repository|there is no Node\.js|package-lock\.json cannot be had|there is no Chromium|there is no Python|requirements\.txt cannot be had|there is no Java|pom\.xml cannot be had`) // as in .ci/report
	other := regexp.MustCompile(`it is started by|reads no other files|there is no oracle`)
	skip := regexp.MustCompile(`\.Skip(f|Now)?\((.*)`)
	text := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || path == "skips_test.go" {
			return err
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(code), "\n")
		for i, line := range lines {
			m := skip.FindStringSubmatch(line)
			if m == nil || strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			found++
			short := strings.Contains(strings.Join(lines[max(i-2, 0):i+1], "\n"), "testing.Short()")
			if why := text.FindString(m[2]); !short && !absent.MatchString(why) && !other.MatchString(why) {
				t.Errorf("%s:%d: %s is neither the short run nor an absence that .ci/report knows", path, i+1, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("only %d skips were found", found)
	}
}
