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

func TestCorpus(t *testing.T) {
	for _, c := range []string{
		"rules-corpus/dev.jsonl", "rules-corpus/workbooks-dev.jsonl",
		"kql-conformance/docs-dev.jsonl", "kql-conformance/emulator-dev.jsonl", "kql-conformance/loco-dev.jsonl",
	} {
		t.Run(filepath.Base(c), func(t *testing.T) {
			good, cases := 0, corpus(t, c)
			for _, c := range cases {
				f, ds := Parse(c.Query)
				if ds.Err() == nil {
					good++
					roundTrip(t, c.ID, c.Query, f)
				} else if testing.Verbose() {
					t.Logf("%s\n%s", c.ID, fault.Render(c.Query, ds[:1]))
				}
			}
			t.Logf("%d of %d", good, len(cases))
		})
	}
}
