package manual

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/kql/syntax"
)

const page = "../../docs/kql.md"

// TestPage sees that docs/kql.md is what the catalogues say.
func TestPage(t *testing.T) {
	want, err := Page()
	if err != nil {
		t.Fatal(err)
	}
	if flag.Lookup("update").Value.String() == "true" { // kqltest's flag
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("docs/kql.md is not current: go generate ./kql/manual")
	}
}

// TestOperators sees that each operator has its row.
func TestOperators(t *testing.T) {
	var have []string
	for _, x := range examples {
		have = append(have, x.word)
	}
	if want := syntax.OperatorWords(); !slices.Equal(have, want) {
		t.Errorf("rows\n%v\noperators\n%v", have, want)
	}
}

// TestDocs sees that everything has a line that says what it does.
func TestDocs(t *testing.T) {
	cat := fn.New()
	for _, f := range cat.Scalars() {
		if f.Doc == "" {
			t.Errorf("the function %s has no documentation", f.Name)
		}
	}
	for _, a := range cat.Aggregates() {
		if a.Doc == "" {
			t.Errorf("the aggregate %s has no documentation", a.Name)
		}
	}
}

// TestExplained sees that each example of Microsoft's documentation whose answer
// differs is explained, and that nothing is explained that is none.
func TestExplained(t *testing.T) {
	const file = "../../../shared/kql-conformance/docs-dev.jsonl"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no known answers at hand: %v", err)
	}
	cases, err := kqltest.ReadCases(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, c := range cases {
		all[c.ID] = true
	}
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z0-9/-]+#[0-9]+)`").FindAllStringSubmatch(differences, -1) {
		explained[m[1]] = true
		if !all[m[1]] {
			t.Errorf("%s is explained, and is no example that is at hand", m[1])
		}
	}
	score, err := kqltest.ScoreFile(file, kqltest.Eval{Catalogue: fn.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(score)
	for _, w := range score.Wrong {
		if id, _, _ := strings.Cut(w, ":"); !explained[id] {
			t.Errorf("no explanation for %s", w)
		}
	}
}
