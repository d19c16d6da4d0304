package sextant_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDependencies holds docs/dependencies.md: every module that our code imports
// is in it, in the version of go.mod, and no other is.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z][^\s]*\.[^\s]*/[^\s]+) (v[^\s]+)`).FindAllStringSubmatch(string(mod), -1) {
		versions[m[1]] = m[2]
	}
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}{{"\n"}}{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`, "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	used := map[string]bool{}
	for pkg := range strings.FieldsSeq(string(out)) {
		best := ""
		for m := range versions {
			if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(best) {
				best = m
			}
		}
		if best != "" {
			used[best] = true
		}
	}
	for m := range strings.FieldsSeq(strings.Join(regexp.MustCompile(`(?m)^tool (\S+)`).FindStringSubmatch(string(mod))[1:], " ")) {
		for v := range versions {
			if strings.HasPrefix(m, v+"/") {
				used[v] = true
			}
		}
	}
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^ ]+) \\| [^|]{10,} \\| [^|]{10,} \\|$").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = m[2]
	}
	for m := range used {
		if listed[m] != versions[m] {
			t.Errorf("%s %s is imported; docs/dependencies.md has %q", m, versions[m], listed[m])
		}
	}
	for m := range listed {
		if !used[m] {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", m)
		}
	}
	if len(used) < 10 {
		t.Errorf("only %d modules are used", len(used))
	}
}
