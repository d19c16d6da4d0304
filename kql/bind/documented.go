package bind

import (
	_ "embed"
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// documentedText lists the tables that are documented and that nothing fills here.
//
//go:embed documented.txt
var documentedText string

// documentedTable is the schema of a table that is documented and that nothing
// fills here. A list of some hundred tables is looked through when a name is
// nothing else, which is seldom, and so is kept as its text.
func documentedTable(name string) (table.Schema, bool) {
	if name == "" || strings.ContainsAny(name, " \n:#") {
		return nil, false
	}
	_, rest, ok := strings.Cut(documentedText, "\n"+name+"\n")
	if !ok {
		return nil, false
	}
	var out table.Schema
	for line := range strings.Lines(rest) {
		if line[0] != ' ' {
			break
		}
		for _, word := range strings.Fields(line) {
			column, word, typed := strings.Cut(word, ":")
			typ := table.String
			if typed {
				if typ, ok = table.ParseType(word); !ok {
					panic("bind: documented.txt: " + name + "." + column + " has no type " + word)
				}
			}
			out = append(out, table.Column{Name: column, Type: typ})
		}
	}
	return out, true
}

// documented is such a table: it has no rows, as in a workspace that collects
// nothing into it.
func (b *binder) documented(at syntax.Node, name string) (*rel, bool) {
	if r, part := b.env.(*restricted); part && !r.allows(name) {
		return nil, false
	}
	out, ok := documentedTable(name)
	if !ok {
		return nil, false
	}
	b.warnf(at, "SXT008", "The table %s is documented, and nothing fills it here: it is empty.", name)
	for _, u := range b.besides(name, out) {
		out = append(out, u.Column)
	}
	r := source(&plan.Values{Out: out})
	r.name, r.label = name, name
	return r, true
}
