package syntax

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFormatText lays out the queries of testdata/format: name.kql gives name.want.
func TestFormatText(t *testing.T) {
	files, _ := filepath.Glob("testdata/format/*.kql")
	if len(files) == 0 {
		t.Fatal("no queries in testdata/format")
	}
	for _, f := range files {
		in, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		have, ds := FormatText(string(in))
		if ds.Err() != nil {
			t.Errorf("%s: %v", f, ds.Err())
			continue
		}
		name := strings.TrimSuffix(f, ".kql") + ".want"
		if *update {
			if err := os.WriteFile(name, []byte(have), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if have != string(want) {
			t.Errorf("%s: have\n%s", f, have)
		}
		if twice, _ := FormatText(have); twice != have {
			t.Errorf("%s: laid out once more it is\n%s", f, twice)
		}
	}
}

// TestFormatRules lays out real queries: none is lost, no comment is lost, and once is
// enough.
func TestFormatRules(t *testing.T) {
	file, err := os.Open("../../../shared/rules-corpus/dev.jsonl")
	if err != nil {
		t.Skipf("no corpus at hand: %v", err)
	}
	defer file.Close()
	sc := bufio.NewScanner(file)
	sc.Buffer(nil, 16<<20)
	n := 0
	for sc.Scan() {
		var q struct{ ID, Query string }
		if err := json.Unmarshal(sc.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		if _, ds := Parse(q.Query); ds.Err() != nil {
			continue
		}
		out, ds := FormatText(q.Query)
		if ds.Err() != nil {
			t.Errorf("%s: %v", q.ID, ds.Err())
			continue
		}
		n++
		a, b := lexer{src: q.Query, keep: true}, lexer{src: out, keep: true}
		a.run()
		b.run()
		if len(a.comments) != len(b.comments) {
			t.Errorf("%s: %d comments, and %d before", q.ID, len(b.comments), len(a.comments))
		}
		if twice, _ := FormatText(out); twice != out {
			t.Errorf("%s: laid out once it is\n%s\nand twice\n%s", q.ID, out, twice)
		}
	}
	t.Logf("%d queries", n)
}

func FuzzFormatText(f *testing.F) {
	f.Add("// a\nT // b\n| where x == 1 // c\n| join (U // d\n| take 1 // e\n) on x // f\n")
	f.Add("let f = (x:long) { // a\n let y = x; // b\n y // c\n}; // d\nprint f(1) // e")
	f.Fuzz(func(t *testing.T, text string) {
		out, ds := FormatText(text)
		if ds.Err() != nil {
			return
		}
		if _, ds := Parse(out); ds.Err() != nil {
			t.Errorf("%q\n%q\n%v", text, out, ds.Err())
		}
	})
}
