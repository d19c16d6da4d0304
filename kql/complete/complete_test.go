package complete_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sextant/kql/complete"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/table"
)

var update = flag.Bool("update", false, "accept what is proposed")

// world has three tables and two saved functions.
type world struct{}

var defs = map[string]table.Def{
	"Sign": {Name: "Sign", Time: "TimeGenerated", Columns: table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "User", Type: table.String},
		{Name: "Code", Type: table.Int}, {Name: "Details", Type: table.Dynamic}, {Name: "Targets", Type: table.Dynamic}, {Name: "Old", Type: table.String}},
		Promoted: []table.Promoted{{Column: "Details", Path: "city", Type: table.String}, {Column: "Details", Path: "geo.lat", Type: table.Real},
			{Column: "Details", Path: "geo.long", Type: table.Real}, {Column: "Targets", Path: "[].id", Type: table.Dynamic}, {Column: "Old", Path: "browser", Type: table.String}}},
	"Audit":    {Name: "Audit", Columns: table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "User", Type: table.String}, {Name: "What", Type: table.String}}},
	"odd name": {Name: "odd name", Columns: table.Schema{{Name: "a b", Type: table.String}, {Name: "where", Type: table.Long}}},
}

func (world) Table(name string) (table.Def, bool) { d, ok := defs[name]; return d, ok }
func (world) Tables() []string                    { return []string{"Audit", "Sign", "odd name"} }
func (world) Functions() []string                 { return []string{"Risky", "Only"} }
func (world) Function(name string) (*syntax.Let, bool) {
	text, ok := map[string]string{"Risky": "let Risky = (days:long = 7) { Sign | where Code > days }", "Only": "let Only = (T:(*), user:string) { T | where User == user }"}[name]
	if !ok {
		return nil, false
	}
	f, _ := syntax.Parse(text)
	return f.Stmts[0].(*syntax.Let), true
}

// Each case of testdata is a query with ▮ for the cursor, and the first candidates behind
// ----: kind, label, what is inserted where that differs, detail. "…" says that there are more.
func TestCandidates(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 3 {
		t.Fatal(err, len(files))
	}
	cat := fn.New()
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for i, part := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				query, want, _ := strings.Cut(part+"\n", "\n----\n")
				query = strings.TrimSuffix(query, "\n")
				var note strings.Builder
				for strings.HasPrefix(query, "# ") {
					line, rest, _ := strings.Cut(query, "\n")
					note.WriteString(line + "\n")
					query = rest
				}
				at := strings.Index(query, "▮")
				if at < 0 {
					t.Fatalf("no cursor in %q", query)
				}
				got := candidates(complete.At(strings.Replace(query, "▮", "", 1), at, world{}, cat), 6)
				if i > 0 {
					out.WriteString("\n")
				}
				fmt.Fprintf(&out, "%s%s\n----\n%s", note.String(), query, got)
				if !*update && strings.TrimSpace(got) != strings.TrimSpace(want) {
					t.Errorf("%s\ngot\n%swant\n%s", query, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func candidates(r complete.Result, most int) string {
	var b strings.Builder
	for i, x := range r.Items {
		if i == most {
			b.WriteString("…\n")
			break
		}
		fmt.Fprintf(&b, "%s %s", x.Kind, x.Label)
		if x.Insert != x.Label {
			fmt.Fprintf(&b, " → %q", x.Insert)
		}
		if x.Detail != "" {
			fmt.Fprintf(&b, " (%s)", x.Detail)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Wherever the cursor is in whatever text, there is an answer that fits the text; what
// is inserted in place of a whole column's name in a query that is right leaves it right.
func FuzzAt(f *testing.F) {
	seeds := 0
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			query, _, _ := strings.Cut(part, "\n----\n")
			if at := strings.Index(query, "▮"); at >= 0 {
				f.Add(strings.Replace(query, "▮", "", 1), at)
				seeds++
			}
		}
	}
	if seeds < 30 {
		f.Fatalf("%d seeds", seeds)
	}
	cat := fn.New()
	f.Fuzz(func(t *testing.T, text string, at int) {
		r := complete.At(text, at, world{}, cat)
		if r.Start < 0 || r.Start > r.End || r.End > len(text) {
			t.Fatalf("[%d, %d) of %d bytes", r.Start, r.End, len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:r.Start]+text[r.End:]) {
			t.Fatalf("[%d, %d) cuts a character of %q", r.Start, r.End, text)
		}
		for _, x := range r.Items {
			if x.Label == "" || x.Insert == "" || x.Kind == "" {
				t.Fatalf("%+v", x)
			}
		}
	})
}

// At every place of the queries of the tests' own, the word that stands there is proposed
// when its beginning is written: nothing that is right is kept from whoever types it.
func TestWordsThatStandThere(t *testing.T) {
	cat := fn.New()
	for _, query := range []string{
		"Sign | where User has 'x' and Code == 1 | summarize n = count(), dcount(User) by bin(TimeGenerated, 1h), Code | sort by n desc | take 5",
		"let limit_ = 5; let f = (T:(User:string), n:long) { T | where strlen(User) > n }; Sign | invoke f(limit_) | project User",
		"Sign | join kind=leftouter (Audit | where What startswith 'a') on User | extend x = tostring(Details.geo.lat) | project-away What",
		"union withsource=From Sign, Audit | mv-expand Targets | extend id = Targets.id | distinct User | render timechart with (title=x, xcolumn=User)",
		"Sign | make-series count() on TimeGenerated from datetime(2026-01-01) to now() step 1d by User | evaluate narrow()",
		"Risky(3) | top 5 by Code desc | mv-apply Targets on (where isnotempty(Details)) | parse User with a '@' b | lookup kind=inner Audit on User",
	} {
		if f, ds := syntax.Parse(query); ds.Err() != nil || f == nil {
			t.Fatal(query, ds)
		}
		for _, tok := range syntax.Tokens(query) {
			start := tok.Span.Start
			if tok.Kind != syntax.WordToken || len(tok.Text) < 2 || declared(query, start, len(tok.Text)) {
				continue
			}
			r := complete.At(query[:start+1], start+1, world{}, cat)
			if !slices.ContainsFunc(r.Items, func(x complete.Candidate) bool {
				return x.Label == tok.Text || strings.HasPrefix(x.Insert, tok.Text) || strings.HasSuffix(strings.TrimSuffix(x.Insert, " "), tok.Text)
			}) {
				t.Errorf("%s▮ does not propose %s, but %s", query[:start+1], tok.Text, candidates(r, 8))
			}
		}
	}
}

// declared words are names that the query invents, types, and what they are for.
func declared(query string, at, n int) bool {
	rest := strings.TrimLeft(query[at+n:], " ")
	before := strings.TrimRight(query[:at], " ")
	word := query[at : at+n]
	return strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") && word != "kind" && word != "withsource" && word != "title" && word != "xcolumn" ||
		strings.HasSuffix(before, "let") || strings.HasSuffix(before, "(T") || strings.HasPrefix(rest, ":") || strings.HasSuffix(before, "title=") ||
		strings.HasSuffix(before, "withsource=") || strings.HasSuffix(before, "with") && word == "a"
}
