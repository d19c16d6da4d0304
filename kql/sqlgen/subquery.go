package sqlgen

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// inQuery is membership in the first column of a subquery. Null equals nothing there,
// as with in and a list; nor does NaN.
func (g *gen) inQuery(s *state, e *plan.InQuery) (sql, why string) {
	of := e.Pipe.Schema()
	if len(of) == 0 || outer(e.Pipe) {
		return "", "this subquery behind in runs in Go"
	}
	t := of[0].Type
	x := ""
	switch xt := e.X.Type(); {
	case t == table.Decimal:
		return "", "a set of decimals is made in Go"
	case xt == table.Dynamic && t == table.String:
		j, why := g.dynamic(s, e.X)
		if why != "" {
			return "", why
		}
		x = g.let(j.part(), func(v string) string {
			return fmt.Sprintf("CASE WHEN json_type(%[1]s) = 'VARCHAR' THEN json_extract_string(%[1]s, '$') END", v)
		})
		if x, why = g.keyOf(x, t, e.Fold); why != "" {
			return "", why
		}
	case xt == t, xt == table.Int && t == table.Long, xt == table.Long && t == table.Int, xt == table.Guid && t == table.String:
		if x, why = g.key(s, e.X, e.Fold); why != "" {
			return "", why
		}
		if xt == table.Guid && e.Fold {
			x = "lower(" + x + ")"
		}
	default:
		return "", "membership across types is looked up in Go"
	}
	if e.Fold && t != table.String && t != table.Dynamic {
		return "", "membership without case of what is no text is looked up in Go"
	}
	mark, was := g.mark(), g.pure
	g.pure = false
	sub, why := g.whole(e.Pipe)
	g.pure = was
	if why != "" {
		g.back(mark)
		return g.inSet(s, e, x, why)
	}
	sub = g.unlist(sub)
	sub.order = nil
	cell, why := g.keyOf(col(0), t, e.Fold)
	if why != "" {
		return "", why
	}
	sql = "SELECT " + cell + " FROM (" + sub.sql + ") AS " + g.alias()
	switch t {
	case table.String: // never null
	case table.Real:
		sql += " WHERE NOT isnan(" + col(0) + ")"
	default:
		sql += " WHERE " + col(0) + " IS NOT NULL"
	}
	sql = "coalesce(" + x + " IN (" + sql + "), FALSE)"
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
