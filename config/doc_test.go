package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of settings into docs/operations.md")

// The table of settings in docs/operations.md is made from this package.
func TestThePageHasTheSettings(t *testing.T) {
	const path, begin, end = "../docs/operations.md", "make update` -->\n", "<!-- end of settings -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the settings")
	}
	if want := Markdown(); table != want {
		if !*update {
			t.Fatalf("the page is behind the program (make update); it should say\n%s", want)
		}
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
