package syntax

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sextant/fault"
)

type corpusCase struct {
	ID          string `json:"id"`
	Query       string `json:"query"`
	ExpectError bool   `json:"expect_error"`
}

// corpus reads the JSON lines of a reference file outside the repository.
func corpus(t *testing.T, file string) []corpusCase {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../shared", file))
	if err != nil {
		t.Skipf("the reference corpus is not here: %v", err)
	}
	defer f.Close()
	var out []corpusCase
	s := bufio.NewScanner(f)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		var c corpusCase
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if s.Err() != nil || len(out) == 0 {
		t.Fatalf("%s: %d cases, %v", file, len(out), s.Err())
	}
	return out
}

// roundTrip fails unless the tree printed, on one line and on many, reads back as itself.
func roundTrip(t *testing.T, id, query string, f *File) {
	t.Helper()
	for _, text := range []string{Print(f), Format(f)} {
		g, ds := Parse(text)
		if err := ds.Err(); err != nil {
			t.Errorf("%s: printed query does not parse:\n%s\n%s", id, query, fault.Render(text, ds))
			return
		}
		if d := diff(f, g); d != "" {
			t.Errorf("%s: printed query is another tree: %s\n%s\n%s", id, d, query, text)
			return
		}
	}
}

// TestCorpus reads every query of the reference sets. Of these files Microsoft's
// parser reads all but 32 of the emulator's, which the recorded engine refused as
// well: so the numbers in floor.json are exact, and a query too many is a mistake.
func TestCorpus(t *testing.T) {
	var floor map[string]struct{ Queries, Parse int }
	data, err := os.ReadFile("testdata/floor.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &floor); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"rules-corpus/dev.jsonl", "rules-corpus/workbooks-dev.jsonl",
		"kql-conformance/docs-dev.jsonl", "kql-conformance/emulator-dev.jsonl", "kql-conformance/loco-dev.jsonl",
	} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			good, cases := 0, corpus(t, file)
			for _, c := range cases {
				f, ds := Parse(c.Query)
				checkSpans(t, c.Query, f)
				if ds.Err() == nil {
					good++
					roundTrip(t, c.ID, c.Query, f)
				} else if !c.ExpectError {
					t.Logf("%s\n%s", c.ID, fault.Render(c.Query, ds[:1]))
				}
			}
			want := floor[filepath.Base(file)]
			if good != want.Parse || len(cases) != want.Queries {
				t.Errorf("%d of %d queries parse; floor.json has %d of %d", good, len(cases), want.Parse, want.Queries)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	f, err := os.Open("../../../shared/rules-corpus/dev.jsonl")
	if err != nil {
		b.Skipf("the reference corpus is not here: %v", err)
	}
	defer f.Close()
	var longest, all string
	d := json.NewDecoder(f)
	for d.More() {
		var c corpusCase
		if err := d.Decode(&c); err != nil {
			b.Fatal(err)
		}
		if len(c.Query) > len(longest) {
			longest = c.Query
		}
		if len(all) < 1<<20 {
			all += c.Query + "\n;\n"
		}
	}
	for _, x := range []struct{ name, text string }{{"longest", longest}, {"1MB", all}} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(x.text)))
			b.ReportAllocs()
			for b.Loop() {
				Parse(x.text)
			}
		})
	}
}
