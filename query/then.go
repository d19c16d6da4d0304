package query

import (
	"sextant/fault"
	"sextant/kql/syntax"
)

// Then is the query with operators behind it, such as "| count": what an alert rule
// makes of a query that somebody else wrote. A final render is left out. What is
// wrong with the query comes back as fault.Diagnostics; fault.Invalid where it has
// not exactly one result.
func Then(text, operators string) (string, error) {
	file, ds := syntax.Parse(text)
	if err := ds.Err(); err != nil {
		return "", err
	}
	results := 0
	for _, s := range file.Stmts {
		if _, ok := s.(*syntax.QueryStmt); ok {
			results++
		}
	}
	var last *syntax.QueryStmt
	if n := len(file.Stmts); n > 0 {
		last, _ = file.Stmts[n-1].(*syntax.QueryStmt)
	}
	if results != 1 || last == nil {
		return "", fault.New(fault.Invalid, "the query has %d results; one works, behind its let statements", results)
	}
	if p, ok := last.Value.(*syntax.Pipe); ok && len(p.Ops) > 0 {
		switch p.Ops[len(p.Ops)-1].(type) {
		case *syntax.Render:
			p.Ops = p.Ops[:len(p.Ops)-1]
		case *syntax.Fork, *syntax.Facet:
			return "", fault.New(fault.Invalid, "the query has several results; one works, without fork and facet")
		}
	}
	return syntax.Print(file) + "\n" + operators, nil
}
