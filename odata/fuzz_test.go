package odata_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/odata"
	"sextant/query"
	"sextant/table"
)

// parts of the scripts: the model, the rows, and all filters as seeds.
func seeds(t testing.TB) (model string, rows, filters []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n====\n") {
			input, _, _ := strings.Cut(part+"\n", "\n----")
			lines := strings.Split(strings.TrimSpace(input), "\n")
			for len(lines) > 1 && strings.HasPrefix(lines[0], "#") {
				lines = lines[1:]
			}
			switch head, rest, _ := strings.Cut(lines[0], " "); head {
			case "model":
				model = strings.Join(lines[1:], "\n")
			case "rows":
				rows = lines[1:]
			case "filter":
				filters = append(filters, rest)
			}
		}
	}
	if len(filters) < 100 {
		t.Fatalf("only %d filters in the scripts", len(filters))
	}
	return model, rows, filters
}

// FuzzFilter: whatever is written is refused with a place in it, or is printed so that
// it reads the same, and evaluates without a word.
func FuzzFilter(f *testing.F) {
	model, _, filters := seeds(f)
	for _, s := range filters {
		f.Add(s)
	}
	m, err := odata.ReadModel(model, "v1.0", "v1.0", "beta")
	if err != nil {
		f.Fatal(err)
	}
	cat := fn.New()
	s := &script{model: m, entity: m.Types()[0], engine: query.New(query.Options{Catalogue: cat})}
	b := s.binding(true)
	for _, p := range s.entity.Props {
		s.def.Columns = append(s.def.Columns, table.Column{Name: p.Name, Type: columnType(p.Type, p.Name)})
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Whatever is written takes no time to speak of.
		slow := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("%q takes too long", text)) })
		defer slow.Stop()
		refused := func(err error) {
			var ds fault.Diagnostics
			if !errors.As(err, &ds) || len(ds) == 0 || ds[0].Text == "" || ds[0].Span.Start < 0 || ds[0].Span.End() > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
		}
		e, err := odata.ParseFilter(text)
		if err != nil {
			refused(err)
			return
		}
		again, err := odata.ParseFilter(odata.Print(e))
		if err != nil || odata.Print(again) != odata.Print(e) {
			if len(odata.Print(e)) > odata.MaxLength || strings.Count(text, "(") > 20 || strings.Count(text, "-") > 20 || strings.Count(text, "not") > 20 {
				return // brackets that printing adds may be too many
			}
			t.Fatalf("%q is printed as %q: %v", text, odata.Print(e), err)
		}
		c, err := b.Filter(e)
		if err != nil {
			refused(err)
			return
		}
		v := odata.Evaluate(fn.NewContext(context.Background(), 1, 0, nil), c.Pred, func(string) table.Value { return table.Null(table.Dynamic) })
		if v.Type() != table.Bool {
			t.Fatalf("%q gives %s", text, v.Type())
		}
	})
}

// hostile texts that must stay texts on their way through the engine.
func hostile() []string {
	return []string{
		"'; DROP TABLE t0; --", `\'; SELECT 1; --`, "\x00", "\u2028", "${x}", "%s%n", "' OR '1'='1", "$$x$$", `"; select`, "/*", "*/", "\\", "?", "$1", ":x", "{{.}}",
		"json'x'", "E'\\n'", "x'00'", strings.Repeat("'", 50), strings.Repeat("é", 1000), "🙈", "a\nb", "\t", "chr(0)", "read_csv('/etc/passwd')",
	}
}

func TestHostileTextsAreTexts(t *testing.T) {
	model, rows, _ := seeds(t)
	m, err := odata.ReadModel(model, "v1.0", "v1.0", "beta")
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{"duckdb", "memory"} {
		t.Run(engine, func(t *testing.T) {
			s := &script{t: t, model: m, entity: m.Types()[0], rows: rows}
			for _, text := range hostile() {
				s.rows = append(s.rows, string(table.AppendJSON(nil, bag("id", "h"+text, "name", text, "place", bag("city", text), "tags", []any{text}, "tagsText", []any{text}, "items", []any{bag("id", text)}))))
			}
			s.load(engine)
			for _, text := range hostile() {
				q := "'" + strings.ReplaceAll(text, "'", "''") + "'"
				for _, f := range []string{"name eq " + q, "place/city eq " + q, "name in (" + q + ",'-')", "tags/any(t: t eq " + q + ")", "tagsText/any(t: t eq " + q + ")", "items/any(i: i/id eq " + q + ")",
					"startswith(name," + q + ") and length(name) eq length(" + q + ")", "contains(name," + q + ") and endswith(name," + q + ") and name eq " + q} {
					e, err := odata.ParseFilter(f)
					if err != nil {
						t.Fatalf("%s: %v", f, err)
					}
					c, err := s.binding(false).Filter(e)
					if err != nil {
						t.Fatalf("%s: %v", f, err)
					}
					if got := s.inStore(c, nil); len(got) != 1 || got[0] != "h"+text {
						t.Errorf("%q finds %q", f, got)
					}
				}
			}
		})
	}
}

func bag(pairs ...any) *table.Object {
	o := &table.Object{}
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}
