package lint

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/syntax"
	"sextant/table"
)

var update = flag.Bool("update", false, "write what is found into testdata")

// env has the tables that a script declares: "Name(Column:type, …)".
type env map[string]table.Def

func (e env) Table(name string) (table.Def, bool) { d, ok := e[name]; return d, ok }
func (e env) Function(string) (*syntax.Let, bool) { return nil, false }
func (e env) Tables() []string {
	var out []string
	for n := range e {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func tables(lines ...string) env {
	e := env{}
	for _, l := range lines {
		name, cols, _ := strings.Cut(strings.TrimSuffix(l, ")"), "(")
		d := table.Def{Name: name}
		for _, c := range strings.Split(cols, ", ") {
			n, typ, _ := strings.Cut(c, ":")
			t, _ := table.ParseType(typ)
			d.Columns = append(d.Columns, table.Column{Name: n, Type: t})
			if n == "TimeGenerated" {
				d.Time = n
			}
		}
		e[name] = d
	}
	return e
}

func sample() env {
	return tables("SigninLogs(TimeGenerated:datetime, UserPrincipalName:string, ResultType:string, LocationDetails:dynamic, DeviceText:string)",
		"AuditLogs(TimeGenerated:datetime, OperationName:string, InitiatedBy:dynamic)", "People(Name:string, Team:string)")
}

// TestScript runs testdata/lint.txt: queries, each with what is found behind ----.
func TestScript(t *testing.T) {
	text, err := os.ReadFile("testdata/lint.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := New(sample())
	var out strings.Builder
	seen := map[string]bool{}
	ran := 0
	for i, part := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		comment := ""
		for strings.HasPrefix(part, "#") {
			line, rest, _ := strings.Cut(part, "\n")
			comment, part = comment+line+"\n", rest
		}
		query, want, _ := strings.Cut(part+"\n", "----\n")
		have := ""
		for _, f := range l.Lint(query) {
			line, col := fault.Position(query, f.Span.Start)
			have += fmt.Sprintf("%d:%d: %s: %s (%s)\n", line, col, f.Level, f.Message(), f.Rule)
			seen[f.Rule] = true
		}
		if strings.TrimSpace(query) != "" {
			ran++
			out.WriteString(comment + query + "----\n" + have)
			if have != want && !*update {
				t.Errorf("%s\nhave:\n%s\nwant:\n%s", query, have, want)
			}
		} else {
			out.WriteString(comment)
		}
	}
	if ran == 0 {
		t.Fatal("nothing to run")
	}
	for _, r := range Rules() {
		if !seen[r.ID] {
			t.Errorf("no query shows the rule %s", r.ID)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/lint.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSARIF(t *testing.T) {
	text := "// 😀 é\nSigninLogs | where \"😀\" == \"é\" and UserPrincipalName == 'a'"
	var b bytes.Buffer
	if err := SARIF(&b, "1.0", []File{{Name: "a/b.kql", Text: text, Findings: New(sample()).Lint(text)}}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version string
		Runs    []struct {
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	run := doc.Runs[0]
	if doc.Version != "2.1.0" || len(run.Results) != 2 {
		t.Fatalf("version %s, %d results:\n%s", doc.Version, len(run.Results), b.String())
	}
	for _, r := range run.Results {
		if got := run.Tool.Driver.Rules[r.RuleIndex].ID; got != r.RuleID {
			t.Errorf("rule %d is %s, not %s", r.RuleIndex, got, r.RuleID)
		}
	}
	at := run.Results[1].Locations[0].PhysicalLocation
	// the emoji is two units, é one
	if g := at.Region; at.ArtifactLocation.URI != "a/b.kql" || g.StartLine != 2 || g.StartColumn != 36 || g.EndColumn != 60 {
		t.Errorf("place %+v", at)
	}
}

func FuzzLint(f *testing.F) {
	text, err := os.ReadFile("testdata/lint.txt")
	if err != nil {
		f.Fatal(err)
	}
	n := 0
	for _, part := range strings.Split(string(text), "\n\n") {
		query, _, _ := strings.Cut(part+"\n", "----\n")
		f.Add(query)
		n++
	}
	if n < 10 {
		f.Fatalf("%d seeds", n)
	}
	l := New(sample())
	f.Fuzz(func(t *testing.T, text string) {
		for _, x := range l.Lint(text) {
			if x.Span.Start < 0 || x.Span.Start+x.Span.Length > len(text) {
				t.Errorf("%q: %+v", text, x)
			}
		}
	})
}
