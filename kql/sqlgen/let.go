package sqlgen

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sextant/kql/fn"
)

// Forms name their arguments several times. An argument that is more than a column is
// computed once and named, or a statement would grow with every level of nesting: SQL
// has no let, but a list of one element and a lambda are one.

var simple = regexp.MustCompile(`^(?:[a-z]\d+|'[^']{0,60}'|[A-Z]+|CAST\([^()]{1,60}\))$`)

// let is body of x, which it may name as often as it likes.
func (g *gen) let(x string, body func(v string) string) string {
	if simple.MatchString(x) {
		return body(x)
	}
	g.vars++
	v := "v" + strconv.Itoa(g.vars)
	out := body(v)
	if strings.Contains(out, "(SELECT ") || strings.Count(out, v) < 2 { // a lambda holds no subquery
		return body("(" + x + ")")
	}
	return fmt.Sprintf("list_transform([%s], lambda %s: %s)[1]", x, v, out)
}

// form writes a call of a form whose arguments are named once each.
func (g *gen) form(args []string, info []fn.Arg, call func(args []string) (string, bool)) (string, bool) {
	names := make([]string, len(args))
	copy(names, args)
	type binding struct{ name, arg string }
	var long []binding
	for i, a := range args {
		if g.d == fn.DuckDB && !simple.MatchString(a) && info[i].Const == nil {
			g.vars++
			names[i] = "v" + strconv.Itoa(g.vars) + "_"
			long = append(long, binding{names[i], a})
		}
	}
	sql, ok := call(names)
	if !ok {
		return "", false
	}
	held := strings.Contains(sql, "(SELECT ")
	for _, b := range long {
		if held || strings.Count(sql, b.name) < 2 {
			sql = strings.ReplaceAll(sql, b.name, b.arg)
			continue
		}
		sql = fmt.Sprintf("list_transform([%s], lambda %s: %s)[1]", b.arg, b.name, sql)
	}
	return sql, true
}
