package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Functions over rows are columns of their own before the operator that calls them, as
// in package eval: window functions over an order that leaves no two rows equal.

// lifted is s with a column for each call of a function over rows in es, and es with
// those columns in the place of the calls.
func (g *gen) lifted(s *state, es []plan.Expr) (*state, []plan.Expr, string) {
	why := ""
	made := map[string]string{}
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = plan.Rewrite(e, func(e plan.Expr) plan.Expr {
			c, ok := e.(*plan.Call)
			if !ok || c.Fn.Row == fn.NotRow || why != "" {
				return e
			}
			name, ok := made[c.String()]
			if !ok {
				name = fmt.Sprintf("$window%d", len(s.schema))
				var next *state
				if next, why = g.overRows(s, c, name); why != "" {
					return e
				}
				s, made[c.String()] = next, name
			}
			return &plan.Col{Name: name, T: c.T}
		})
	}
	return s, out, why
}

// overRows adds the column of one function over rows.
func (g *gen) overRows(s *state, c *plan.Call, name string) (*state, string) {
	because := c.Fn.Name + " runs in Go"
	if g.d != fn.DuckDB {
		return nil, because
	}
	if _, ok := fn.SQLType(g.d, c.T); !ok {
		return nil, because
	}
	s = g.serialized(s)
	const window = "ORDER BY o0 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		var why string
		if args[i], why = g.expr(s, a); why != "" {
			return nil, why
		}
	}
	// Rows since the last restart are a part of their own.
	part, restart := "", -1
	switch c.Fn.Row {
	case fn.RowNumber, fn.RowCumSum, fn.RowRankMin, fn.RowRankDense:
		restart = 1
	}
	if restart >= 0 && restart < len(args) {
		s = g.with1(s, "p0", fmt.Sprintf("sum(CASE WHEN %s THEN 1 ELSE 0 END) OVER (%s)", args[restart], window))
		part = "PARTITION BY p0 "
	}
	over := " OVER (" + part + window + ")"
	sql := ""
	switch c.Fn.Row {
	case fn.RowPrev, fn.RowNext:
		offset := int64(1)
		if len(c.Args) > 1 {
			k, why := g.constant(c.Args[1])
			if why != "" {
				return nil, why
			}
			v := k.(*plan.Const).Value
			if v.IsNull() || v.Type() != table.Long && v.Type() != table.Int || v.Int64() < 0 || v.Int64() > 1_000_000 {
				return nil, because
			}
			offset = v.Int64()
		}
		if c.Args[0].Type() != c.T || len(args) > 2 && c.Args[2].Type() != c.T {
			return nil, because
		}
		f := "lag"
		if c.Fn.Row == fn.RowNext {
			f = "lead"
		}
		other, ok := g.nullOf(c.T)
		if !ok {
			return nil, because
		}
		if len(args) > 2 {
			other = args[2]
		}
		sql = fmt.Sprintf("CASE WHEN %[1]s(TRUE, %[3]d) OVER (ORDER BY o0) THEN %[1]s(%[2]s, %[3]d) OVER (ORDER BY o0) ELSE %[4]s END", f, args[0], offset, other)
	case fn.RowNumber:
		start := "1"
		if len(args) > 0 {
			k, why := g.constant(c.Args[0])
			if why != "" {
				return nil, why
			}
			if v := k.(*plan.Const).Value; v.IsNull() || v.Type() != table.Long && v.Type() != table.Int {
				return nil, because
			}
			start = args[0]
		}
		sql = "row_number()" + over + " - 1 + CAST(" + start + " AS BIGINT)"
	case fn.RowCumSum:
		if c.Args[0].Type() != c.T || c.T != table.Int && c.T != table.Long && c.T != table.TimeSpan {
			return nil, because // the sum of reals depends on how they are put together
		}
		typ, _ := fn.SQLType(g.d, c.T)
		sum := "sum(coalesce(" + args[0] + ", 0))" + over
		sql = "coalesce(TRY_CAST(" + sum + " AS " + typ + "), " + inGo + ")"
	case fn.RowRankMin, fn.RowRankDense:
		if c.Args[0].Type() == table.Dynamic || c.Args[0].Type() == table.Decimal {
			return nil, because
		}
		s = g.with1(s, "p1", fmt.Sprintf("(lag(TRUE) OVER (%[1]sORDER BY o0) IS NULL OR lag(%[2]s) OVER (%[1]sORDER BY o0) IS DISTINCT FROM %[2]s)", part, args[0]))
		if c.Fn.Row == fn.RowRankDense {
			sql = "CAST(sum(CASE WHEN p1 THEN 1 ELSE 0 END)" + over + " AS BIGINT)"
			break
		}
		s = g.with1(s, "p2", "row_number()"+over)
		sql = "max(CASE WHEN p1 THEN p2 END)" + over
	default:
		return nil, because
	}
	next := g.with1(s, col(len(s.schema)), sql)
	next.schema = append(slices.Clone(s.schema), table.Column{Name: name, Type: c.T})
	next.extra = nil
	return next, ""
}

// with1 is s with a column beside its own.
func (g *gen) with1(s *state, name, sql string) *state {
	next := *s
	list := strings.Join(append(s.names(), s.extra...), ", ")
	if list != "" {
		list += ", "
	}
	next.sql = "SELECT " + list + sql + " AS " + name + " FROM (" + s.sql + ") AS " + g.alias()
	next.extra = append(slices.Clone(s.extra), name)
	return &next
}

// serialized is s with an order that leaves no two rows equal.
func (g *gen) serialized(s *state) *state {
	if len(s.order) == 1 && s.total {
		return s
	}
	list := ""
	for i := range s.schema {
		list += col(i) + ", "
	}
	return &state{
		sql:    "SELECT " + list + "row_number() OVER (" + strings.TrimPrefix(s.orderBy(), " ") + ") AS o0 FROM (" + s.sql + ") AS " + g.alias(),
		schema: s.schema, order: []orderKey{{}}, lists: s.lists, texts: s.texts, total: true,
	}
}

// readsRows says whether an expression calls functions over rows.
func readsRows(es ...plan.Expr) bool {
	found := false
	for _, e := range es {
		plan.Walk(e, func(e plan.Expr) bool {
			c, ok := e.(*plan.Call)
			found = found || ok && c.Fn.Row != fn.NotRow
			return !found
		})
	}
	return found
}

// narrowed is s with the first n columns of its schema alone.
func (g *gen) narrowed(s *state, n int) *state {
	if n == len(s.schema) {
		return s
	}
	next := *s
	next.schema = s.schema[:n]
	next.sql = g.keep(&next, "")
	return &next
}
