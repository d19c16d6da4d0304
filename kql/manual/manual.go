// Package manual prints docs/kql.md: every operator, function, aggregate and plugin of
// the language with its state here. The states are not written down anywhere: they are
// what the catalogues say, and what becomes of an example of each operator.
package manual

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/sqlgen"
	"sextant/kql/syntax"
	"sextant/table"
)

//go:generate go test . -run TestPage -update

//go:embed head.md
var head string

//go:embed differences.md
var differences string

// example of an operator: what it does, and a query in which it comes last. Text is
// empty for another spelling of an operator.
type example struct{ word, doc, text string }

var examples = []example{
	{"as", "Gives the rows a name that later parts of the query can use.", "T | as X | union X"},
	{"assert-schema", "Fails unless the rows have the columns that are listed.", "T | project Code | assert-schema (Code:int)"},
	{"consume", "Runs the query and gives no rows.", "T | consume"},
	{"count", "Counts the rows.", "T | count"},
	{"distinct", "Keeps one of equal rows.", "T | distinct User"},
	{"evaluate", "Runs a plugin; see below.", "T | evaluate narrow()"},
	{"extend", "Adds columns.", "T | extend x = Code + 1"},
	{"facet", "Gives a table for each of some columns.", "T | facet by User"},
	{"filter", "Another word for where.", ""},
	{"find", "Looks for rows in many tables; columns that differ are packed.", "find in (T, U) where Code == 1"},
	{"fork", "Gives the results of several pipes over the same rows.", "T | fork (count) (take 1)"},
	{"getschema", "Gives the columns and their types.", "T | getschema"},
	{"graph-mark-components", "Marks the connected parts of a graph.", "T | make-graph User --> Team with_node_id=n | graph-mark-components | graph-to-table nodes"},
	{"graph-match", "Finds patterns in a graph.", "T | make-graph User --> Team with_node_id=n | graph-match (a)-[e]->(b) project a.n, b.n"},
	{"graph-shortest-paths", "Finds the shortest paths between nodes of a graph.", "T | make-graph User --> Team with_node_id=n | graph-shortest-paths (a)-[e*1..3]->(b) project a.n, b.n"},
	{"graph-to-table", "Gives the nodes or edges of a graph as rows.", "T | make-graph User --> Team with_node_id=n | graph-to-table edges"},
	{"graph-where-edges", "Keeps the edges of a graph for which a condition holds.", "T | make-graph User --> Team with_node_id=n | graph-where-edges Code == 1 | graph-to-table edges"},
	{"graph-where-nodes", "Keeps the nodes of a graph for which a condition holds.", "T | make-graph User --> Team with_node_id=n | graph-where-nodes n != '' | graph-to-table nodes"},
	{"invoke", "Calls a function with the rows as its first argument.", "let f = (x:(*)) { x | where Code == 1 }; T | invoke f()"},
	{"join", "Joins rows of two tables by keys; every kind.", "T | join kind=inner U on User"},
	{"limit", "Another word for take.", ""},
	{"lookup", "Joins to the rows what another table knows of their keys.", "T | lookup U on User"},
	{"macro-expand", "Runs a pipe for each member of a group of databases.", ""},
	{"make-graph", "Makes a graph of edges and nodes.", "T | make-graph User --> Team with_node_id=n | graph-to-table nodes"},
	{"make-series", "Makes arrays of values at even steps.", "T | make-series count() on TimeGenerated from datetime(2026-01-01) to datetime(2026-01-02) step 1h"},
	{"mv-apply", "Runs a pipe over the elements of each row's array.", "T | mv-apply e = Bag on (where e.x == 1)"},
	{"mv-expand", "Makes a row of each element of an array or property of a bag.", "T | mv-expand Bag"},
	{"order", "Another word for sort.", ""},
	{"parse", "Takes columns from a text by a pattern.", "T | parse User with name '@' domain"},
	{"parse-kv", "Takes columns from a text of keys and values.", "T | parse-kv User as (a:string)"},
	{"parse-where", "parse, and drops what does not match.", "T | parse-where User with name '@' domain"},
	{"partition", "Runs a pipe over the rows of each value of a column.", "T | partition by User (top 1 by Code)"},
	{"print", "Gives a row of values.", "print x = 1"},
	{"project", "Gives exactly the columns that are listed.", "T | project User, x = Code + 1"},
	{"project-away", "Drops columns.", "T | project-away Bag"},
	{"project-by-names", "Gives the columns whose names a constant lists.", "T | project-by-names dynamic(['User'])"},
	{"project-keep", "Keeps columns, in their order.", "T | project-keep User"},
	{"project-rename", "Renames columns.", "T | project-rename Name = User"},
	{"project-reorder", "Puts columns in front.", "T | project-reorder User"},
	{"range", "Gives numbers or times at even steps.", "range x from 1 to 3 step 1"},
	{"reduce", "Groups texts that look alike; the groups need not be those of Kusto, whose way is not published.", "T | reduce by User"},
	{"render", "Says how to draw the result.", "T | render table"},
	{"sample", "Gives some rows at random.", "T | sample 1"},
	{"sample-distinct", "Gives some distinct values.", "T | sample-distinct 1 of User"},
	{"scan", "Follows rows through the steps of a sequence.", "T | sort by TimeGenerated asc | scan with (step s: Code == 1;)"},
	{"search", "Looks for terms in all columns.", "search in (T) 'x'"},
	{"serialize", "Keeps the order of the rows, for functions that look around.", "T | serialize"},
	{"sort", "Orders the rows.", "T | sort by Code"},
	{"summarize", "Groups rows and aggregates them.", "T | summarize count() by User"},
	{"take", "Gives some of the rows.", "T | take 1"},
	{"top", "Gives the first rows of an order.", "T | top 1 by Code"},
	{"top-hitters", "Gives the most frequent values, exactly.", "T | top-hitters 1 of User"},
	{"top-nested", "Gives the top values of each top value.", "T | top-nested 1 of User by count()"},
	{"union", "Gives the rows of several tables.", "union T, U"},
	{"where", "Keeps the rows for which a condition holds.", "T | where Code == 1"},
}

// world has two tables for the examples.
type world struct{}

func (world) Table(name string) (table.Def, bool) {
	if name != "T" && name != "U" {
		return table.Def{}, false
	}
	return table.Def{Name: name, Time: "TimeGenerated", Columns: table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "User", Type: table.String},
		{Name: "Team", Type: table.String}, {Name: "Code", Type: table.Int}, {Name: "Bag", Type: table.Dynamic}}}, true
}
func (world) Tables() []string                         { return []string{"T", "U"} }
func (world) Function(name string) (*syntax.Let, bool) { return nil, false }

// State of an operator's example: what becomes of it.
const (
	inEngine = "engine"
	inGo     = "Go"
)

// operatorState binds an example and asks for its SQL.
func operatorState(cat *fn.Catalogue, text string) (string, error) {
	file, ds := syntax.Parse(text)
	if err := ds.Err(); err != nil {
		return "", err
	}
	q, ds := bind.Bind(file, world{}, cat, bind.Options{})
	if err := ds.Err(); err != nil {
		return "", err
	}
	for _, p := range q.Pipelines {
		p = plan.Optimize(&plan.Rewriting{Cat: cat}, p)
		s, _, err := sqlgen.Prefix(p, sqlgen.Options{Dialect: fn.DuckDB, Max: -1, Catalogue: cat}, func(s *plan.Scan) (string, error) { return "SELECT", nil })
		if err != nil {
			return "", err
		}
		if s == nil || len(s.Rest) > 0 {
			return inGo, nil
		}
	}
	return inEngine, nil
}

// Page is docs/kql.md.
func Page() (string, error) {
	cat := fn.New()
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n## Operators\n\n| operator | runs in | what it does |\n|---|---|---|\n")
	for _, x := range examples {
		state := "–"
		switch {
		case x.word == "macro-expand":
			state = "refused: there is one database, and nothing to expand over"
		case x.text == "":
			state = "as that"
		default:
			s, err := operatorState(cat, x.text)
			if err != nil {
				return "", fmt.Errorf("the example of %s: %w", x.word, err)
			}
			state = s
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", x.word, state, x.doc)
	}
	b.WriteString("\n## Scalar functions\n\n| function | runs in | what it gives |\n|---|---|---|\n")
	type line struct{ name, text string }
	var lines []line
	for _, f := range cat.Scalars() {
		if f.Name == "" || !(f.Name[0] >= 'a' && f.Name[0] <= 'z') || strings.ContainsAny(f.Name, " *~") || f.Doc == "" || special(f.Name) {
			continue
		}
		lines = append(lines, line{f.Name, fmt.Sprintf("| `%s`%s | %s | %s |\n", f.Name, aliases(f.Aliases), scalarState(f), escape(f.Doc))})
	}
	for _, s := range bind.SpecialFunctions() {
		lines = append(lines, line{s.Name, fmt.Sprintf("| `%s` | %s | %s |\n", s.Name, "the query itself", escape(s.Doc))})
	}
	write := func() {
		slices.SortFunc(lines, func(a, c line) int { return strings.Compare(a.name, c.name) })
		for _, l := range lines {
			b.WriteString(l.text)
		}
		lines = nil
	}
	write()
	b.WriteString("\n## Aggregates\n\n| aggregate | runs in | what it gives |\n|---|---|---|\n")
	for _, a := range cat.Aggregates() {
		state := inGo
		switch {
		case a.Refused != "":
			state = "refused: " + a.Refused
		case a.SQL[fn.DuckDB] != nil:
			state = inEngine
		}
		lines = append(lines, line{a.Name, fmt.Sprintf("| `%s`%s | %s | %s |\n", a.Name, aliases(a.Aliases), state, escape(a.Doc))})
	}
	write()
	b.WriteString("\n## Plugins of evaluate\n\n| plugin | runs in | what it gives |\n|---|---|---|\n")
	for _, p := range bind.Plugins() {
		state, doc := inGo, p.Doc
		if p.Refused != "" {
			state, doc = "refused: "+p.Refused, ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, state, escape(doc))
	}
	b.WriteString("\n" + differences)
	return b.String(), nil
}

func special(name string) bool {
	return slices.ContainsFunc(bind.SpecialFunctions(), func(s bind.SpecialFunction) bool { return s.Name == name })
}

func scalarState(f *fn.Scalar) string {
	switch {
	case f.Refused != "":
		return "refused: " + f.Refused
	case f.Row != fn.NotRow:
		return "Go, over rows in order"
	case f.SQL[fn.DuckDB] != nil:
		return inEngine
	}
	return inGo
}

func aliases(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (`" + strings.Join(names, "`, `") + "`)"
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
