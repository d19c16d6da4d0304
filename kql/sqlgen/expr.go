package sqlgen

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// expr writes an expression over the columns of s; why is set where it has no form.
func (g *gen) expr(s *state, e plan.Expr) (sql, why string) {
	switch e := e.(type) {
	case *plan.Const:
		return g.literal(e.Value)
	case *plan.Col:
		at := s.schema.Index(e.Name)
		if at < 0 {
			return "", "column " + plan.Ident(e.Name) + " is not at hand"
		}
		return col(at), ""
	case *plan.Call:
		return g.call(s, e, e.Fn.SQL[g.d])
	case *plan.Member:
		return g.member(s, e)
	case *plan.Index:
		return g.index(s, e)
	case *plan.ScalarQuery:
		v, ok := g.value(e)
		if !ok {
			return "", "a subquery for a value has no SQL form here"
		}
		return g.literal(v)
	}
	return "", fmt.Sprintf("%s has no SQL form", e)
}

// predicate writes a conjunct of a filter, where null and false are one.
func (g *gen) predicate(s *state, e plan.Expr) (sql, why string) {
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

func (g *gen) call(s *state, e *plan.Call, form fn.SQLForm) (sql, why string) {
	if form == nil {
		return "", e.Fn.Name + " has no SQL form"
	}
	args := make([]string, len(e.Args))
	info := e.Info
	for i, a := range e.Args {
		if v, ok := g.value(a); ok { // known by now: forms may depend on it
			info = append([]fn.Arg{}, info...)
			info[i].Const = &v
		}
		if args[i], why = g.expr(s, a); why != "" {
			return "", why
		}
	}
	sql, ok := form(args, info, e.T)
	if !ok {
		return "", e.Fn.Name + " has no SQL form for these arguments"
	}
	return sql, ""
}

// member is .key of a dynamic: its JSON text, null for JSON null.
func (g *gen) member(s *state, e *plan.Member) (sql, why string) {
	of, why := g.expr(s, e.Of)
	if why != "" {
		return "", why
	}
	if g.d != fn.DuckDB || e.Key == "" || strings.ContainsAny(e.Key, "\"\\*?[]'\x00") {
		return "", "a member of this name is looked up in Go"
	}
	return jsonPart(of, `$."`+e.Key+`"`), ""
}

func (g *gen) index(s *state, e *plan.Index) (sql, why string) {
	c, ok := e.I.(*plan.Const)
	if !ok || g.d != fn.DuckDB || c.Value.IsNull() {
		return "", "an element at a place that is computed is looked up in Go"
	}
	switch c.Value.Type() {
	case table.String:
		return g.member(s, &plan.Member{Of: e.Of, Key: c.Value.Str()})
	case table.Int, table.Long:
		of, why := g.expr(s, e.Of)
		if why != "" {
			return "", why
		}
		if n := c.Value.Int64(); n >= 0 {
			return jsonPart(of, fmt.Sprintf("$[%d]", n)), ""
		} else {
			return jsonPart(of, fmt.Sprintf("$[#-%d]", -n)), ""
		}
	}
	return "", "an element at a place of this type is looked up in Go"
}

// jsonPart is the text at a path of a JSON text. The path holds no quote.
func jsonPart(of, path string) string {
	return "nullif(CAST(json_extract(" + of + ", '" + path + "') AS VARCHAR), 'null')"
}
