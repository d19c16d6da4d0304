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

// example of an operator: a query in which it comes last. Text is empty for another
// spelling of an operator.
type example struct{ word, text string }

var examples = []example{
	{"as", "T | as X | union X"},
	{"assert-schema", "T | project Code | assert-schema (Code:int)"},
	{"consume", "T | consume"},
	{"count", "T | count"},
	{"distinct", "T | distinct User"},
	{"evaluate", "T | evaluate narrow()"},
	{"extend", "T | extend x = Code + 1"},
	{"facet", "T | facet by User"},
	{"filter", ""},
	{"find", "find in (T, U) where Code == 1"},
	{"fork", "T | fork (count) (take 1)"},
	{"getschema", "T | getschema"},
	{"graph-mark-components", "T | make-graph User --> Team with_node_id=n | graph-mark-components | graph-to-table nodes"},
	{"graph-match", "T | make-graph User --> Team with_node_id=n | graph-match (a)-[e]->(b) project a.n, b.n"},
	{"graph-shortest-paths", "T | make-graph User --> Team with_node_id=n | graph-shortest-paths (a)-[e*1..3]->(b) project a.n, b.n"},
	{"graph-to-table", "T | make-graph User --> Team with_node_id=n | graph-to-table edges"},
	{"graph-where-edges", "T | make-graph User --> Team with_node_id=n | graph-where-edges Code == 1 | graph-to-table edges"},
	{"graph-where-nodes", "T | make-graph User --> Team with_node_id=n | graph-where-nodes n != '' | graph-to-table nodes"},
	{"invoke", "let f = (x:(*)) { x | where Code == 1 }; T | invoke f()"},
	{"join", "T | join kind=inner U on User"},
	{"limit", ""},
	{"lookup", "T | lookup U on User"},
	{"macro-expand", ""},
	{"make-graph", "T | make-graph User --> Team with_node_id=n | graph-to-table nodes"},
	{"make-series", "T | make-series count() on TimeGenerated from datetime(2026-01-01) to datetime(2026-01-02) step 1h"},
	{"mv-apply", "T | mv-apply e = Bag on (where e.x == 1)"},
	{"mv-expand", "T | mv-expand Bag"},
	{"order", ""},
	{"parse", "T | parse User with name '@' domain"},
	{"parse-kv", "T | parse-kv User as (a:string)"},
	{"parse-where", "T | parse-where User with name '@' domain"},
	{"partition", "T | partition by User (top 1 by Code)"},
	{"print", "print x = 1"},
	{"project", "T | project User, x = Code + 1"},
	{"project-away", "T | project-away Bag"},
	{"project-by-names", "T | project-by-names dynamic(['User'])"},
	{"project-keep", "T | project-keep User"},
	{"project-rename", "T | project-rename Name = User"},
	{"project-reorder", "T | project-reorder User"},
	{"range", "range x from 1 to 3 step 1"},
	{"reduce", "T | reduce by User"},
	{"render", "T | render table"},
	{"sample", "T | sample 1"},
	{"sample-distinct", "T | sample-distinct 1 of User"},
	{"scan", "T | sort by TimeGenerated asc | scan with (step s: Code == 1;)"},
	{"search", "search in (T) 'x'"},
	{"serialize", "T | serialize"},
	{"sort", "T | sort by Code"},
	{"summarize", "T | summarize count() by User"},
	{"take", "T | take 1"},
	{"top", "T | top 1 by Code"},
	{"top-hitters", "T | top-hitters 1 of User"},
	{"top-nested", "T | top-nested 1 of User by count()"},
	{"union", "union T, U"},
	{"where", "T | where Code == 1"},
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
	called   = "called"
	inGo     = "Go"
)

// operatorState binds an example and asks for its SQL, with calls of Go or without.
func operatorState(cat *fn.Catalogue, text string) (string, error) {
	file, ds := syntax.Parse(text)
	if err := ds.Err(); err != nil {
		return "", err
	}
	q, ds := bind.Bind(file, world{}, cat, bind.Options{})
	if err := ds.Err(); err != nil {
		return "", err
	}
	calls := sqlgen.Options{Dialect: fn.DuckDB, Max: -1, Catalogue: cat,
		Call:     func(int, table.Type, []string) string { return "call" },
		CallList: func(int, []string) string { return "call" },
	}
	state := inEngine
	for _, p := range q.Pipelines {
		p = plan.Optimize(&plan.Rewriting{Cat: cat}, p)
		s, _, err := sqlgen.Prefix(p, calls, func(s *plan.Scan) (string, error) { return "SELECT", nil })
		if err != nil {
			return "", err
		}
		if s == nil || len(s.Rest) > 0 {
			return inGo, nil
		}
		if slices.ContainsFunc(s.Functions, func(f sqlgen.Function) bool { return !f.Odd }) {
			state = called
		}
	}
	return state, nil
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
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", x.word, state, syntax.OperatorDoc(x.word))
	}
	b.WriteString("\n## Scalar functions\n\n| function | runs in | what it gives |\n|---|---|---|\n")
	type line struct{ name, text string }
	var lines []line
	for _, f := range cat.Scalars() {
		if f.Name == "" || !(f.Name[0] >= 'a' && f.Name[0] <= 'z') || strings.ContainsAny(f.Name, " *~") || f.Doc == "" || special(f.Name) {
			continue
		}
		state, err := scalarState(cat, f)
		if err != nil {
			return "", fmt.Errorf("the example of %s: %w", f.Name, err)
		}
		lines = append(lines, line{f.Name, fmt.Sprintf("| `%s`%s | %s | %s |\n", f.Name, aliases(f.Aliases), state, escape(f.Doc))})
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
		state := called
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

// overRows are examples of the functions over rows in order.
var overRows = map[fn.RowFunc]string{fn.RowNumber: "row_number()", fn.RowPrev: "prev(Code)", fn.RowNext: "next(Code)", fn.RowCumSum: "row_cumsum(Code)",
	fn.RowRankMin: "row_rank_min(Code)", fn.RowRankDense: "row_rank_dense(Code)", fn.RowWindowSession: "row_window_session(TimeGenerated, 1h, 5m)"}

func scalarState(cat *fn.Catalogue, f *fn.Scalar) (string, error) {
	switch {
	case f.Refused != "":
		return "refused: " + f.Refused, nil
	case f.Row != fn.NotRow:
		state, err := operatorState(cat, "T | sort by TimeGenerated asc | extend x = "+overRows[f.Row])
		return state + ", over rows in order", err
	case f.SQL[fn.DuckDB] != nil:
		return inEngine, nil
	case len(f.Sigs) > 0 && f.Sigs[0].ResultOf == nil && f.Sigs[0].Result == table.Decimal:
		return inGo, nil
	}
	return called, nil
}

func aliases(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (`" + strings.Join(names, "`, `") + "`)"
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
