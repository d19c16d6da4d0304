package sextant_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the table of docs/architecture.md: which package may import
// which. A package that is missing from the table fails.
func TestImports(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	may := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| (`[^|]+) \\|[^|]*\\| ([^|]*) \\|$")
	name := regexp.MustCompile("`([^`]+)`")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		var group []string
		for _, n := range name.FindAllStringSubmatch(m[1], -1) {
			group = append(group, n[1])
		}
		for _, pkg := range group {
			// Packages of one row may use each other, and their tests' helpers.
			may[pkg] = append(strings.Fields(m[2]), group...)
		}
	}
	if len(may) < 10 {
		t.Fatalf("the table of docs/architecture.md was not found; %d rows", len(may))
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], "sextant/")
		if pkg == "sextant" {
			continue
		}
		allowed, ok := may[pkg]
		if !ok {
			t.Errorf("package %s is not in the table of docs/architecture.md", pkg)
			continue
		}
		if slices.Contains(allowed, "–") && pkg == "cmd/sextant" {
			continue // wiring may see everything
		}
		for _, imp := range words[1:] {
			imp, ours := strings.CutPrefix(imp, "sextant/")
			if !ours {
				continue
			}
			if !slices.ContainsFunc(allowed, func(a string) bool {
				if dir, all := strings.CutSuffix(a, "/*"); all {
					return strings.HasPrefix(imp, dir+"/")
				}
				return a == imp
			}) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", pkg, imp)
			}
		}
	}
}
