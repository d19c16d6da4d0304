package sextant_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every link of a page to a file of the repository leads somewhere, and no two
// decisions have one number.
func TestPages(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	numbers := map[string]string{}
	links := 0
	check := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", path, m[1])
			}
		}
		if dir, name := filepath.Split(path); strings.HasSuffix(dir, "adr/") {
			number, _, _ := strings.Cut(name, "-")
			if other := numbers[number]; other != "" {
				t.Errorf("%s and %s have one number", name, other)
			}
			numbers[number] = name
			if !strings.Contains(string(text), "\n## Decision\n") || !strings.Contains(string(text), "Status: ") {
				t.Errorf("%s: a decision has a status, a context and a decision", path)
			}
		}
	}
	check("README.md")
	check("CHANGELOG.md")
	err := filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			check(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 3 || len(numbers) < 4 {
		t.Errorf("only %d links and %d decisions were found", links, len(numbers))
	}
}
