package bind_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

type fuzzEnv map[string]table.Def

func (e fuzzEnv) Table(name string) (table.Def, bool)      { d, ok := e[name]; return d, ok }
func (e fuzzEnv) Tables() []string                         { return []string{"A", "B", "S", "Sign"} }
func (e fuzzEnv) Function(name string) (*syntax.Let, bool) { return nil, false }

// FuzzBind takes a text from its letters to a rewritten plan. Nothing may panic; a
// diagnostic lies within the text; the rules keep the schema; no placeholder of an
// error is left in a plan.
func FuzzBind(f *testing.F) {
	seeds := 0
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			head, _, ok := strings.Cut(part, "\n----")
			if word, q, cut := strings.Cut(head, "\n"); ok && cut && !strings.HasPrefix(word, "#") {
				f.Add(q)
				seeds++
			}
		}
	}
	if seeds < 50 {
		f.Fatalf("only %d seeds", seeds)
	}
	cols := table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "User", Type: table.String}, {Name: "Code", Type: table.Int},
		{Name: "Status", Type: table.Dynamic}, {Name: "Count", Type: table.Long}, {Name: "k", Type: table.Long}, {Name: "v", Type: table.String},
		{Name: "d", Type: table.Dynamic}, {Name: "t", Type: table.String}, {Name: "id", Type: table.Long}, {Name: "g", Type: table.Guid},
		{Name: "r", Type: table.Real}, {Name: "m", Type: table.Decimal}, {Name: "b", Type: table.Bool}, {Name: "ts", Type: table.TimeSpan}}
	env := fuzzEnv{}
	for _, n := range env.Tables() {
		env[n] = table.Def{Name: n, Columns: cols, Time: "TimeGenerated", IDs: []string{"User"},
			Promoted: []table.Promoted{{Column: "Status", Path: "errorCode", Type: table.Long}, {Column: "d", Path: "k", Type: table.String}}}
	}
	cat := fn.New()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2_000 {
			return
		}
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 5*time.Second {
				t.Fatalf("took %v", d)
			}
		}()
		file, ds := syntax.Parse(text)
		q, more := bind.Bind(file, env, cat, bind.Options{MaxNodes: 5_000, Check: len(text)%2 == 0})
		for _, d := range append(ds, more...) {
			if d.Span.Start < 0 || d.Span.End() > len(text) || d.Text == "" {
				t.Fatalf("a diagnostic outside the text: %+v", d)
			}
		}
		_ = fault.Render(text, more)
		if q == nil || ds.Err() != nil {
			return
		}
		for _, p := range q.Pipelines {
			before := p.Schema().String()
			if len(text)%2 == 1 && strings.Contains(before, ":unknown") {
				t.Fatalf("a placeholder in the plan: %s", before)
			}
			after := plan.Optimize(&plan.Rewriting{Cat: cat, Now: 638_000_000_000_000_000}, p)
			if s := after.Schema().String(); s != before {
				t.Fatalf("the schema was %s and is %s", before, s)
			}
			_ = after.String()
		}
	})
}
