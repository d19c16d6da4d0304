package bind

import (
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/table"
)

// TestDocumentedTables reads the whole list, and names each table in a query.
func TestDocumentedTables(t *testing.T) {
	env, cat := &tables{defs: map[string]table.Def{}}, fn.New()
	n, last := 0, ""
	for line := range strings.Lines(documentedText) {
		name := strings.TrimSuffix(line, "\n")
		if line[0] == ' ' || line[0] == '#' || name == "" {
			continue
		}
		n++
		if name <= last {
			t.Errorf("%s stands behind %s", name, last)
		}
		last = name
		want, ok := documentedTable(name)
		if !ok || len(want) == 0 {
			t.Errorf("%s has no columns", name)
			continue
		}
		for _, text := range []string{name, "let T = " + name + "; T", "table('" + name + "')", "union isfuzzy=true " + name} {
			q, ds := bindText(text, env, cat, Options{})
			if err := ds.Err(); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if have := q.Pipelines[0].Schema(); !slices.Equal(have, want) {
				t.Errorf("%s: %v is not %v", text, have, want)
			}
		}
	}
	if n == 0 {
		t.Error("the list is empty")
	}
	for _, name := range []string{"", "Nowhere", "TenantId", "  TenantId", "#"} {
		if _, ok := documentedTable(name); ok {
			t.Errorf("%q is taken for a table", name)
		}
	}
}

// TestPublishedTables sees that each table which is published has its columns, in
// order, whether rows come into it or not.
func TestPublishedTables(t *testing.T) {
	env := documented(t)
	for _, name := range env.names {
		if have, ok := documentedTable(name); ok && !slices.Equal(have, env.defs[name].Columns) {
			t.Errorf("%s: %v is not as published: %v", name, have, env.defs[name].Columns)
		}
	}
}
