package bind

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/table"
)

func small() *tables {
	e := &tables{defs: map[string]table.Def{}}
	e.add(table.Def{Name: "T", Columns: table.Schema{{Name: "a", Type: table.Long}, {Name: "s", Type: table.String}, {Name: "d", Type: table.Dynamic}}})
	return e
}

// TestLimits binds texts that are made to take long or to nest deep: each ends
// soon, in a plan or in words.
func TestLimits(t *testing.T) {
	chain := func(n int, op string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf("a == %d", i)
		}
		return "T | where " + strings.Join(parts, " "+op+" ")
	}
	double := "let f0 = (x:long) { x + 1 };"
	for i := 1; i < 40; i++ {
		double += fmt.Sprintf("let f%d = (x:long) { f%d(x) + f%d(x) };", i, i-1, i-1)
	}
	nested := "T"
	for range 200 {
		nested = "(" + nested + " | where a in ((" + nested[:min(len(nested), 400)] + ")))"
	}
	for _, c := range []struct {
		name, text string
		fails      bool
	}{
		{"long or", chain(20_000, "or"), false},
		{"long and", chain(20_000, "and"), false},
		{"long sum", "print " + strings.Repeat("1 + ", 500) + "1", false},
		{"endless sum", "print " + strings.Repeat("1 + ", 40_000) + "1", true},
		{"parentheses", "print " + strings.Repeat("(", 400) + "1" + strings.Repeat(")", 400), false},
		{"path", "T | extend x = d" + strings.Repeat(".a", 900), false},
		{"endless path", "T | extend x = d" + strings.Repeat(".a", 40_000), true},
		{"doubling functions", double + "print f39(1)", true},
		{"many operators", "T" + strings.Repeat(" | extend a = a + 1", 5_000), false},
		{"many columns", "T | extend " + strings.Repeat("strlen(s), ", 5_000) + "1", false},
		{"long list", "T | where a in (" + strings.Repeat("1, ", 50_000) + "1)", false},
		{"long datatable", "datatable(a:long)[" + strings.Repeat("1, ", 50_000) + "1]", false},
		{"nested subqueries", nested, true},
		{"lets", strings.Repeat("let x = 1;", 2), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, ds := bindText(c.text, small(), fn.New(), Options{})
			if got := ds.Err() != nil; got != c.fails {
				t.Errorf("fails: %v; %.300v", got, ds)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestSavedRecursion: a saved function that calls itself is an error, not a loop.
func TestSavedRecursion(t *testing.T) {
	env := &scripted{*small(), map[string]*syntax.Let{}}
	for _, text := range []string{"let F = () { G };", "let G = () { F };"} {
		file, ds := syntax.Parse(text)
		if ds.Err() != nil {
			t.Fatal(ds)
		}
		let := file.Stmts[0].(*syntax.Let)
		env.functions[let.Name.Name] = let
	}
	_, ds := bindText("F", env, fn.New(), Options{})
	if ds.Err() == nil || !strings.Contains(ds.Error(), "calls itself") {
		t.Errorf("%v", ds)
	}
}

// TestOneMistakeOneMessage: what follows from an error is not reported.
func TestOneMistakeOneMessage(t *testing.T) {
	for _, text := range []string{
		"Nope | where x == 1 | summarize count() by y | sort by z | join (T) on q | mv-expand w | project v",
		"T | extend b = nope(a) | where b > 5 | extend c = strcat(b, 'x') | summarize max(b), make_set(c) by c | order by max_b",
		"let x = nope(1); T | where a == x | extend y = x + 1 | project y",
		"T | join (Nope | project k) on $left.a == $right.k | project k, a | where k == 1",
		"T | summarize n = nope(a) by s | where n > 1 | project n, s",
	} {
		_, ds := bindText(text, small(), fn.New(), Options{})
		bad := 0
		for _, d := range ds {
			if d.Severity == fault.Bad {
				bad++
			}
		}
		if bad != 1 {
			t.Errorf("%s\n%s", text, fault.Render(text, ds))
		}
	}
}
