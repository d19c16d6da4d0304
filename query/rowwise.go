package query

import (
	"fmt"
	"strings"

	"sextant/fault"
	"sextant/kql/syntax"
)

// rowwise are the operators that make of each row at most one, by itself.
var rowwise = []string{
	"where", "extend", "project", "project-away", "project-keep", "project-rename", "project-reorder", "parse", "parse-where", "parse-kv",
}

// Rowwise says whether a text makes of each row of a source at most one row, by itself,
// as the transforms of data collection rules must: what comes in is looked at in parts
// that nobody chooses, so that a count or a join would mean nothing.
func Rowwise(text, source string) fault.Diagnostics {
	file, ds := syntax.Parse(text)
	if ds.Err() != nil {
		return ds
	}
	allowed := map[string]bool{}
	for _, name := range rowwise {
		allowed[name] = true
	}
	var bad fault.Diagnostics
	refuse := func(n syntax.Node, format string, args ...any) {
		bad = append(bad, fault.Diagnostic{Code: "SXT010", Span: n.At(), Text: fmt.Sprintf(format, args...)})
	}
	read := 0
	from := func(x syntax.Expr) {
		if n, ok := x.(*syntax.Name); ok && n.Name == source {
			if read++; read == 2 {
				refuse(n, "%s is read twice; a transform works on each of its records by itself", source)
			}
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case syntax.Operator:
			if !allowed[n.Keyword()] {
				refuse(n, "'%s' does not work on each record by itself; a transform may use %s", n.Keyword(), strings.Join(rowwise, ", "))
				return false
			}
		case *syntax.Pipe:
			from(n.Source)
		case *syntax.Let:
			from(n.Value)
		case *syntax.QueryStmt:
			from(n.Value)
		}
		return true
	})
	if read == 0 && bad == nil {
		refuse(file, "the transform does not read %s, and so would lose every record", source)
	}
	return bad
}
