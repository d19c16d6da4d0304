package syntax

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sextant/fault"
)

var update = flag.Bool("update", false, "write what the parser says into testdata")

// A script is blocks with a blank line between:
//
//	print            the canonical form; parsing it again gives the same tree
//	format           the same on many lines
//	tree             every node: kind, span start:end, what it holds
//	error            every diagnostic, line:column-column code: text; notes
//	<query>
//	----
//	<expected>
//
// # starts a comment between blocks.
type block struct{ comment, kind, query, want string }

func readScript(t *testing.T, path string) []block {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	var b block
	state := 0 // before a block, in the query, in what is expected
	flush := func() {
		if state == 2 {
			b.want = strings.TrimRight(b.want, "\n")
			out = append(out, b)
			b, state = block{}, 0
		}
	}
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case state == 0 && (line == "" || strings.HasPrefix(line, "#")):
			b.comment += line + "\n"
		case state == 0:
			switch line {
			case "print", "format", "tree", "error":
				b.kind, state = line, 1
			default:
				t.Fatalf("%s:%d: no such kind of block: %s", path, i+1, line)
			}
		case state == 1 && line == "----":
			b.query = strings.TrimSuffix(b.query, "\n")
			state = 2
		case state == 1:
			b.query += line + "\n"
		case line == "":
			flush()
			b.comment += "\n"
		default:
			b.want += line + "\n"
		}
	}
	flush()
	if state != 0 {
		t.Fatalf("%s: the last block has no ----", path)
	}
	return out
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			blocks := readScript(t, path)
			for i := range blocks {
				b := &blocks[i]
				got := answer(t, b)
				if got != b.want && !*update {
					t.Errorf("%s\n%s\n---- got\n%s\n---- want\n%s", b.kind, b.query, got, b.want)
				}
				b.want = got
			}
			if *update {
				writeScript(t, path, blocks)
			}
		})
	}
}

func writeScript(t *testing.T, path string, blocks []block) {
	t.Helper()
	var s strings.Builder
	for _, b := range blocks {
		fmt.Fprintf(&s, "%s%s\n%s\n----\n%s\n", b.comment, b.kind, b.query, b.want)
	}
	if err := os.WriteFile(path, []byte(s.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, b *block) string {
	t.Helper()
	f, ds := Parse(b.query)
	checkSpans(t, b.query, f)
	if b.kind == "error" {
		var lines []string
		for _, d := range ds {
			l1, c1 := fault.Position(b.query, d.Span.Start)
			l2, c2 := fault.Position(b.query, d.Span.End())
			end := fmt.Sprintf("%d", c2)
			if l2 != l1 {
				end = fmt.Sprintf("%d:%d", l2, c2)
			}
			lines = append(lines, fmt.Sprintf("%d:%d-%s %s: %s", l1, c1, end, d.Code, strings.Join(append([]string{d.Text}, d.Notes...), "; ")))
		}
		return strings.Join(lines, "\n")
	}
	if err := ds.Err(); err != nil {
		t.Errorf("%s\n%s", b.query, fault.Render(b.query, ds))
	}
	roundTrip(t, "script", b.query, f)
	switch b.kind {
	case "format":
		return Format(f)
	case "tree":
		var s strings.Builder
		dump(&s, f, 0)
		return strings.TrimSuffix(s.String(), "\n")
	}
	return Print(f)
}

// dump writes a node and those below it, one a line.
func dump(s *strings.Builder, n Node, depth int) {
	v := reflect.ValueOf(n).Elem()
	at := n.At()
	fmt.Fprintf(s, "%s%s %d:%d", strings.Repeat("  ", depth), v.Type().Name(), at.Start, at.End())
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch x := f.Interface().(type) {
		case string:
			if x != "" {
				fmt.Fprintf(s, " %s=%s", name, x)
			}
		case bool:
			if x {
				fmt.Fprintf(s, " %s", name)
			}
		case LiteralKind:
			fmt.Fprintf(s, " %s", x)
		case Ident:
			fmt.Fprintf(s, " %s=%s@%d", name, x.Name, x.Span.Start)
		case *Ident:
			if x != nil {
				fmt.Fprintf(s, " %s=%s@%d", name, x.Name, x.Span.Start)
			}
		case []Ident:
			for _, id := range x {
				fmt.Fprintf(s, " %s=%s@%d", name, id.Name, id.Span.Start)
			}
		}
	}
	s.WriteString("\n")
	top := true
	Walk(n, func(c Node) bool {
		if top {
			top = false
			return true
		}
		dump(s, c, depth+1)
		return false
	})
}

// checkSpans: every span lies in the text, and within that of the node above.
func checkSpans(t *testing.T, text string, n Node) {
	t.Helper()
	var up []fault.Span
	var walk func(Node)
	walk = func(n Node) {
		at := n.At()
		if at.Start < 0 || at.Length < 0 || at.End() > len(text) {
			t.Errorf("%s: span of %T is %v, of a text of %d bytes", text, n, at, len(text))
			return
		}
		if len(up) > 0 {
			if o := up[len(up)-1]; at.Length > 0 && (at.Start < o.Start || at.End() > o.End()) {
				t.Errorf("%s: span %v of %T lies outside of %v above it", text, at, n, o)
			}
		}
		up = append(up, at)
		top := true
		Walk(n, func(c Node) bool {
			if top {
				top = false
				return true
			}
			walk(c)
			return false
		})
		up = up[:len(up)-1]
	}
	walk(n)
}

// scriptQueries are all queries of the scripts, as seeds and samples.
func scriptQueries(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob("testdata/*.txt")
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range strings.Split(string(data), "\n\n") {
			if q, _, ok := strings.Cut(b, "\n----\n"); ok {
				if _, q, ok = strings.Cut(q, "\n"); ok {
					out = append(out, q)
				}
			}
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d queries in the scripts", len(out))
	}
	return out
}
