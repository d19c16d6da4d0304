package bind

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/table"
)

var update = flag.Bool("update", false, "accept what the scripts give now")

// scripted is the environment that a script declares.
type scripted struct {
	tables
	functions map[string]*syntax.Let
}

func (e *scripted) Function(name string) (*syntax.Let, bool) {
	l, ok := e.functions[name]
	return l, ok
}

// TestScripts runs testdata/*.txt. A script is a list of sections, each a word, a
// text, ----, and what comes of it:
//
//	table      declares a table, as name(column:type, …); " time=" names its time column
//	function   declares a saved function, as let f = …
//	options    from=, to=, now=, workspace=, together and check for the queries behind it
//	schema     a query; its columns, one line a result
//	plan       a query; its plan
//	error      a query; its diagnostics as line:column: text; notes
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts in testdata")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := &scripted{tables{defs: map[string]table.Def{}}, map[string]*syntax.Let{}}
	cat := fn.New()
	var opts Options
	var out strings.Builder
	ran := 0
	for _, part := range sections(string(text)) {
		if part.word == "" {
			out.WriteString(part.raw)
			continue
		}
		have := part.want
		switch part.word {
		case "table":
			env.declare(t, part.body)
			fmt.Fprintf(&out, "table %s\n----\n%s\n", part.body, have)
			continue
		case "function":
			f, ds := syntax.Parse(part.body)
			if ds.Err() != nil {
				t.Fatalf("%s: %v", file, ds)
			}
			let := f.Stmts[0].(*syntax.Let)
			env.functions[let.Name.Name] = let
		case "options":
			opts = options(t, part.body)
		default:
			have = outcome(part.word, part.body, env, cat, opts)
			ran++
			if have != part.want && !*update {
				t.Errorf("%s: %s\n%s\nhave:\n%s\nwant:\n%s", file, part.word, part.body, have, part.want)
			}
		}
		fmt.Fprintf(&out, "%s\n%s\n----\n%s\n", part.word, part.body, have)
	}
	if ran == 0 {
		t.Errorf("%s: nothing to run", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func outcome(word, text string, env Environment, cat *fn.Catalogue, opts Options) string {
	q, ds := bindText(text, env, cat, opts)
	if word == "error" {
		return diagnostics(text, ds)
	}
	if ds.Err() != nil {
		return "error: " + diagnostics(text, ds)
	}
	var lines []string
	for i, p := range q.Pipelines {
		if word == "schema" {
			s := p.Schema().String()
			lines = append(lines, s[1:len(s)-1])
			continue
		}
		l := p.String()
		l = strings.ReplaceAll(l, " | ", "\n| ")
		if r := q.Renders[i]; r != nil {
			l += fmt.Sprintf("\nrender %s %v", r.Chart, r.Props)
		}
		lines = append(lines, l)
	}
	return strings.Join(lines, "\n") + "\n"
}

func diagnostics(text string, ds fault.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		line, col := fault.Position(text, d.Span.Start)
		fmt.Fprintf(&b, "%d:%d: ", line, col)
		if d.Severity != fault.Bad {
			b.WriteString(d.Severity.String() + ": ")
		}
		b.WriteString(d.Text)
		for _, n := range d.Notes {
			b.WriteString("; " + n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (e *scripted) declare(t *testing.T, text string) {
	t.Helper()
	name, rest, ok := strings.Cut(text, "(")
	cols, tail, ok2 := strings.Cut(rest, ")")
	if !ok || !ok2 {
		t.Fatalf("no table: %s", text)
	}
	d := table.Def{Name: strings.TrimSpace(name)}
	for _, c := range strings.Split(cols, ",") {
		n, typ, _ := strings.Cut(strings.TrimSpace(c), ":")
		ct, ok := table.ParseType(typ)
		if !ok {
			t.Fatalf("no type: %s", c)
		}
		d.Columns = append(d.Columns, table.Column{Name: n, Type: ct})
	}
	if _, time, ok := strings.Cut(tail, "time="); ok {
		d.Time = strings.TrimSpace(time)
	}
	e.add(d)
}

func options(t *testing.T, text string) Options {
	t.Helper()
	var o Options
	for _, f := range strings.Fields(text) {
		if f == "check" {
			o.Check = true
			continue
		}
		if f == "together" {
			o.Together = true
			continue
		}
		k, v, _ := strings.Cut(f, "=")
		if k == "workspace" {
			o.Workspace = v
			continue
		}
		n, ok := fn.ParseDateTime(v)
		if !ok {
			t.Fatalf("no datetime: %s", f)
		}
		switch k {
		case "from":
			o.From = n
		case "to":
			o.To = n
		case "now":
			o.Now = n
		default:
			t.Fatalf("no option: %s", f)
		}
	}
	return o
}

// section of a script; word is empty for comments and blank lines.
type section struct{ word, body, want, raw string }

func sections(text string) []section {
	var out []section
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); {
		l := strings.TrimRight(lines[i], "\n")
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "table", "function", "options", "schema", "plan", "error":
		default:
			out = append(out, section{raw: lines[i]})
			i++
			continue
		}
		s := section{word: word}
		var body []string
		if rest != "" {
			body = append(body, rest)
		}
		for i++; i < len(lines) && strings.TrimRight(lines[i], "\n") != "----"; i++ {
			body = append(body, strings.TrimRight(lines[i], "\n"))
		}
		s.body = strings.Join(body, "\n")
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
			s.want += strings.TrimRight(lines[i], "\n") + "\n"
		}
		i++ // the blank line
		out = append(out, s)
	}
	return out
}
