package sqlgen

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// inQuery is membership in the first column of a subquery. Nulls are equal there: a
// null is in a set that has one.
func (g *gen) inQuery(s *state, e *plan.InQuery) (sql, why string) {
	x, why := g.expr(s, e.X)
	if why != "" {
		return "", why
	}
	of := e.Pipe.Schema()
	if len(of) == 0 || outer(e.Pipe) {
		return "", "this subquery behind in runs in Go"
	}
	t := of[0].Type
	switch {
	case t == table.Dynamic || t == table.Real || t == table.Decimal:
		return "", "a set of values of type " + t.String() + " is made in Go"
	case e.X.Type() == table.Dynamic && t == table.String:
		j, why := g.dynamic(s, e.X)
		if why != "" {
			return "", why
		}
		x = g.let(j.part(), func(v string) string {
			return fmt.Sprintf("CASE WHEN json_type(%[1]s) = 'VARCHAR' THEN json_extract_string(%[1]s, '$') END", v)
		})
	case e.X.Type() == t, e.X.Type() == table.Int && t == table.Long, e.X.Type() == table.Long && t == table.Int:
	case e.X.Type() == table.Guid && t == table.String:
	default:
		return "", "membership across types is looked up in Go"
	}
	cell := col(0)
	if e.Fold {
		if t != table.String {
			return "", "membership without case of what is no text is looked up in Go"
		}
		x, cell = "lower("+x+")", "lower("+cell+")"
	}
	mark, was := g.mark(), g.pure
	g.pure = false
	sub, why := g.whole(e.Pipe)
	g.pure = was
	if why != "" {
		g.back(mark)
		return g.inSet(s, e, x, why)
	}
	sub.order = nil
	from := " FROM (" + sub.sql + ") AS " + g.alias()
	if t == table.String {
		sql = fmt.Sprintf("coalesce(%s IN (SELECT %s%s), FALSE)", x, cell, from)
	} else {
		sql = fmt.Sprintf("(coalesce(%[1]s IN (SELECT %[2]s%[3]s WHERE %[2]s IS NOT NULL), FALSE) OR %[1]s IS NULL AND EXISTS (SELECT 1%[3]s WHERE %[2]s IS NULL))", x, cell, from)
	}
	if e.Not {
		sql = "(NOT " + sql + ")"
	}
	return sql, ""
}

// inSet writes the values out, where somebody has them.
func (g *gen) inSet(s *state, e *plan.InQuery, x, because string) (sql, why string) {
	if g.set == nil || e.Pipe.Schema()[0].Type != table.String {
		return "", "the subquery behind in runs in Go: " + because
	}
	vals, ok, err := g.set(e)
	if err != nil {
		panic(outside{err})
	}
	if !ok {
		return "", "the subquery behind in has many values: " + because
	}
	var list []string
	for _, v := range vals {
		text := v.Str()
		if e.Fold {
			text = fn.Lower(text)
		}
		lit, ok := fn.QuoteString(g.d, text)
		if !ok {
			return "", "a value of the subquery behind in has no SQL form"
		}
		list = append(list, lit)
	}
	sql = "FALSE"
	if len(list) > 0 {
		sql = "coalesce(" + x + " IN (" + strings.Join(list, ", ") + "), FALSE)"
	}
	if e.Not {
		sql = "(NOT " + sql + ")"
	}
	return sql, ""
}

// mark and back undo what a pipeline without a form has left behind.
type mark struct{ tables, ctes, functions int }

func (g *gen) mark() mark { return mark{g.tables, len(g.ctes), len(g.functions)} }

// tried undoes what f has left behind where it gives nothing.
func (g *gen) tried(f func() (*state, string)) (*state, string) {
	m := g.mark()
	next, why := f()
	if next == nil || why != "" {
		g.back(m)
		return nil, why
	}
	return next, ""
}

func (g *gen) back(m mark) {
	g.tables, g.ctes, g.functions = m.tables, g.ctes[:m.ctes], g.functions[:m.functions]
	for id, at := range g.shared {
		if at >= m.ctes {
			delete(g.shared, id)
		}
	}
}
