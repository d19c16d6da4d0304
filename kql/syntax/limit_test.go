package syntax

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sextant/fault"
)

// A text of any nesting or length ends soon, with a positioned error at most.
func TestHostile(t *testing.T) {
	const n = 60_000
	rep := strings.Repeat
	for name, text := range map[string]string{
		"parentheses":    "print " + rep("(", n),
		"both":           "print " + rep("(", n) + "1" + rep(")", n),
		"calls":          "print " + rep("f(", n),
		"elements":       "print " + rep("a[", n),
		"braces":         "let f = " + rep("() {", n),
		"lets":           rep("let f = () { ", n),
		"dynamic array":  "print dynamic(" + rep("[", n),
		"dynamic object": "print dynamic(" + rep(`{"a":`, n/4),
		"dynamic":        "print " + rep("dynamic(", n/4),
		"joins":          rep("T | join (", n/4),
		"unions":         rep("union (", n/4),
		"in":             "T | where " + rep("a in (", n/4),
		"between":        "T | where " + rep("a between (", n/4),
		"toscalar":       "print " + rep("toscalar(", n/4),
		"materialize":    "let x = " + rep("materialize(", n/4),
		"facet":          "T" + rep(" | facet by a with (facet by b with (", n/8),
		"bare facet":     "T | " + rep("facet by a with ", n/8),
		"fork":           "T | " + rep("fork (", n/4),
		"mv-apply":       "T | " + rep("mv-apply a on (", n/8),
		"partition":      "T | " + rep("partition by a (", n/8),
		"partition {":    "T | " + rep("partition by a {", n/8),
		"macro-expand":   rep("macro-expand g as X (", n/8),
		"externaldata":   rep("externaldata(a:string)[", n/8),
		"graph":          "T | " + rep("make-graph a --> b partitioned-by p (", n/8),
		"edges":          "T | make-graph a --> b | graph-match (a)" + rep("-->(a)", n/4),
		"combine":        rep("materialized-view-combine (", n/8),
		"find":           rep("find ", n/4),
		"minus":          "print " + rep("-", n),
		"not":            "print " + rep("!", n),
		"sum":            "print 1" + rep("+1", n),
		"and":            "T | where a" + rep(" and a", n),
		"or and":         "T | where a" + rep(" or b and c", n/4),
		"path":           "print a" + rep(".a", n),
		"elements flat":  "print a" + rep("[0]", n),
		"pipe":           "T" + rep(" | take 1", n/4),
		"statements":     rep("let a = 1;", n/8),
		"list":           "T | where a in (1" + rep(",1", n) + ")",
		"commas":         "print " + rep(",", n),
		"semicolons":     rep(";", n),
		"pipes":          rep("|", n),
		"closers":        rep(")", n),
		"mixed":          rep("([{", n/4),
		"crossed":        rep("([)]", n/4),
		"names":          rep("a ", n),
		"keywords":       rep("where ", n/4),
		"quotes":         rep("'", n+1),
		"texts":          "print " + rep("'a' ", n/4),
		"names of texts": "print [" + rep("'a' ", n/4),
		"escapes":        `print "` + rep(`\q`, n) + `"`,
		"one text":       "print '" + rep("x", n) + "'",
		"backticks":      rep("```", n/2),
		"foreign":        rep("é ", n/2),
		"zeros":          rep("\x00", n),
		"bytes":          rep("\xff\xfe", n/2),
		"stars":          rep("*", n),
		"wildcards":      "T | project-away " + rep("a*", n/2),
		"dashes":         "T | extend a" + rep("-b", n) + " = 1",
		"digits":         "print " + rep("1", n),
		"long word":      "T | " + rep("w", n),
		"comment":        rep("//", n),
		"braced":         "print " + rep("{a}", n/4),
	} {
		start := time.Now()
		f, ds := Parse(text)
		took := time.Since(start)
		t.Logf("%-16s %8d bytes %6d ms", name, len(text), took.Milliseconds())
		if took > 5*time.Second {
			t.Errorf("%s: %v for %d bytes", name, took, len(text))
		}
		if f == nil || len(ds) > 100 {
			t.Errorf("%s: tree %v, %d diagnostics", name, f, len(ds))
		}
		Walk(f, func(Node) bool { return true })
		if ds.Err() == nil {
			roundTrip(t, name, "", f)
		}
	}
}

func TestLimits(t *testing.T) {
	f := func(text string, o Options, want string) {
		t.Helper()
		_, ds := ParseWith(text, o)
		if len(ds) == 0 || ds[len(ds)-1].Code != codeLimit || !strings.Contains(ds[len(ds)-1].Text, want) {
			t.Errorf("%.60s: %v, want %q", text, ds, want)
		}
	}
	f("print 1234", Options{MaxLength: 9}, "10 bytes long; at most 9")
	f("print ((((1))))", Options{MaxDepth: 3}, "deeper than 3 levels")
	f("print 1+1+1+1", Options{MaxChain: 2}, "more than 2 operands")
	f(strings.Repeat("(", 1_000_000), Options{}, "deeper than 500 levels")
	if _, ds := ParseWith("print "+strings.Repeat("(", 490)+"1"+strings.Repeat(")", 490), Options{}); ds.Err() != nil {
		t.Error(ds)
	}
	if _, ds := ParseWith("T | a | b | c", Options{MaxErrors: 2}); len(ds) != 2 {
		t.Errorf("%d diagnostics, want 2: %v", len(ds), ds)
	}
}

// Walk must visit every node that a tree holds; the nodes are found by reflection.
func TestWalkVisitsAll(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, q := range scriptQueries(t) {
		f, _ := Parse(q)
		visited := map[Node]bool{}
		Walk(f, func(n Node) bool { visited[n] = true; return true })
		var find func(v reflect.Value)
		find = func(v reflect.Value) {
			switch v.Kind() {
			case reflect.Interface, reflect.Pointer:
				if v.IsNil() {
					return
				}
				if n, ok := v.Interface().(Node); ok && v.Kind() == reflect.Pointer {
					if _, ident := n.(*Ident); !ident {
						seen[v.Type().Elem()] = true
						if !visited[n] {
							t.Errorf("%s: %T is not visited", q, n)
						}
					}
				}
				find(v.Elem())
			case reflect.Slice:
				for i := range v.Len() {
					find(v.Index(i))
				}
			case reflect.Struct:
				if v.Type() != reflect.TypeFor[fault.Span]() {
					for i := range v.NumField() {
						find(v.Field(i))
					}
				}
			}
		}
		find(reflect.ValueOf(f))
	}
	if len(seen) < 100 {
		t.Errorf("the scripts show only %d kinds of node", len(seen))
	}
}

func FuzzParse(f *testing.F) {
	for _, q := range scriptQueries(f) {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		if len(q) > 20_000 {
			return
		}
		tree, ds := Parse(q)
		if tree == nil {
			t.Fatal("no tree")
		}
		checkSpans(t, q, tree)
		for _, d := range ds {
			if d.Span.Start < 0 || d.Span.Length < 0 || d.Span.End() > len(q) {
				t.Fatalf("a diagnostic lies outside of the text: %+v", d)
			}
		}
		if ds.Err() == nil {
			roundTrip(t, "fuzz", q, tree)
		} else {
			Print(tree) // must not panic
			Format(tree)
		}
	})
}
