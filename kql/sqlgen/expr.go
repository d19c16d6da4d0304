package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// expr writes an expression over the columns of s: in SQL where it has a form, else as
// a call of Go. why is set where it is neither.
func (g *gen) expr(s *state, e plan.Expr) (sql, why string) {
	if g.pure {
		return g.plain(s, e)
	}
	switch e := e.(type) {
	case *plan.Call:
		if e.Fn.Lazy != nil { // its parts are on their own: most rows need one or two
			if sql, why = g.plain(s, e); why == "" {
				return sql, ""
			}
		}
	case *plan.InQuery:
		return g.plain(s, e)
	}
	m := g.mark()
	if sql = g.mostly(s, e); sql != "" {
		return sql, ""
	}
	g.back(m)
	if sql, why = g.native(s, e); why == "" {
		return sql, ""
	}
	g.back(m)
	return g.inGo(s, e, why)
}

// mostly writes a call that has a form for most rows, with Go for the others; "" for
// any other expression.
func (g *gen) mostly(s *state, e plan.Expr) string {
	c, ok := e.(*plan.Call)
	if !ok || c.Fn.Most[g.d] == nil || g.caller == nil {
		return ""
	}
	g.pure = true
	most, why := g.call(s, c, c.Fn.Most[g.d])
	g.pure = false
	if why != "" {
		return ""
	}
	if !strings.Contains(most, " END") { // it leaves no row
		return most
	}
	rest, why := g.inGo(s, e, why)
	if why != "" {
		return ""
	}
	return "coalesce(" + most + ", " + rest + ")"
}

// native writes an expression that has a form and calls nothing of Go.
func (g *gen) native(s *state, e plan.Expr) (sql, why string) {
	was := g.pure
	g.pure = true
	defer func() { g.pure = was }()
	return g.plain(s, e)
}

func (g *gen) plain(s *state, e plan.Expr) (sql, why string) {
	switch e := e.(type) {
	case *plan.Const:
		return g.literal(e.Value)
	case *plan.Col:
		at := s.schema.Index(e.Name)
		if at < 0 {
			return "", "column " + plan.Ident(e.Name) + " is not at hand"
		}
		if slices.Contains(s.lists, at) || slices.Contains(s.texts, at) { // where its JSON is wanted
			return "CAST(to_json(" + col(at) + ") AS VARCHAR)", ""
		}
		return col(at), ""
	case *plan.Call:
		if sql, why, ok := g.dynamicCall(s, e); ok {
			return sql, why
		}
		return g.call(s, e, e.Fn.SQL[g.d])
	case *plan.Member, *plan.Index:
		j, why := g.dynamic(s, e)
		if why != "" {
			return "", why
		}
		return j.value(), ""
	case *plan.InQuery:
		return g.inQuery(s, e)
	case *plan.ScalarQuery:
		v, ok := g.value(e)
		if !ok {
			return "", "a subquery for a value has no SQL form here"
		}
		return g.literal(v)
	}
	return "", fmt.Sprintf("an expression of type %T has no SQL form", e)
}

// predicate writes a conjunct of a filter, where null and false are one.
func (g *gen) predicate(s *state, e plan.Expr) (sql, why string) {
	if c, ok := e.(*plan.Call); ok && (c.Fn.Name == "and" || c.Fn.Name == "or") && len(c.Args) == 2 {
		// Below them, too, null counts as false.
		a, why := g.predicate(s, c.Args[0])
		if why != "" {
			return "", why
		}
		b, why := g.predicate(s, c.Args[1])
		if why != "" {
			return "", why
		}
		return "(" + a + " " + strings.ToUpper(c.Fn.Name) + " " + b + ")", ""
	}
	if c, ok := e.(*plan.Call); ok && c.Fn.Where[g.d] != nil {
		if sql, why = g.call(s, c, c.Fn.Where[g.d]); why == "" {
			return sql, ""
		}
	}
	return g.expr(s, e)
}

// value of a subquery that stands for one.
func (g *gen) value(e plan.Expr) (table.Value, bool) {
	q, ok := e.(*plan.ScalarQuery)
	if !ok || g.scalar == nil || outer(q.Pipe) {
		return table.Value{}, false
	}
	v, err := g.scalar(q)
	if err != nil {
		panic(outside{err})
	}
	return v, true
}

func (g *gen) literal(v table.Value) (sql, why string) {
	if sql, ok := fn.Literal(g.d, v); ok {
		return sql, ""
	}
	return "", "a literal of type " + v.Type().String() + " has no SQL form"
}

// maxLiteral is how long a list may be that a subquery made, in bytes of its text: the
// engine reads a longer one more slowly than Go looks values up.
const maxLiteral = 32 << 10

func (g *gen) call(s *state, e *plan.Call, form fn.SQLForm) (sql, why string) {
	if form == nil {
		return "", e.Fn.Name + " has no SQL form"
	}
	if growing[e.Fn.Name] && g.growth(e) > maxGrowth {
		return "", e.Fn.Name + " makes texts too long for the engine"
	}
	args := make([]string, len(e.Args))
	info := e.Info
	for i, a := range e.Args {
		if v, ok := g.value(a); ok { // known by now: forms may depend on it
			if g.caller != nil && v.Type() == table.Dynamic && len(v.Text()) > maxLiteral {
				return "", "a list of this length is looked up in Go"
			}
			info = append([]fn.Arg{}, info...)
			info[i].Const = &v
		}
		if args[i], why = g.expr(s, a); why != "" {
			return "", why
		}
	}
	sql, ok := g.form(args, info, func(args []string) (string, bool) { return form(args, info, e.T) })
	if !ok {
		return "", e.Fn.Name + " has no SQL form for these arguments"
	}
	return sql, ""
}
