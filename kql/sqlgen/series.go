package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// makeSeries aggregates the bins of an axis in the engine. What remains is one value for
// each bin that has rows: of those, a group at a time, Go makes the arrays.
func (g *gen) makeSeries(s *state, op *plan.MakeSeries) (*state, string) {
	if g.lister == nil || g.d != fn.DuckDB {
		return nil, "make-series runs in Go"
	}
	inBins, why := g.bins(s, op)
	if why != "" {
		return nil, why
	}
	var by, keys []string
	for i, b := range op.By {
		if !grouped(b.Expr.Type()) {
			return nil, "groups by a dynamic value are made in Go"
		}
		e, why := g.expr(s, b.Expr)
		if why != "" {
			return nil, why
		}
		by = append(by, fmt.Sprintf("%s AS b%d", e, i))
		keys = append(keys, fmt.Sprintf("b%d", i))
	}
	// One row for each bin: its least place on the axis and its aggregates.
	args := table.Schema{{Name: "a0", Type: op.Axis.Expr.Type()}}
	lists := []string{"list(x0)"}
	inner := append(slices.Clone(by), inBins.bin+" AS k0", "min("+inBins.axis+") AS x0")
	series := *op
	series.By, series.Axis = nil, plan.Named{Name: op.Axis.Name, Expr: &plan.Col{Name: "a0", T: args[0].Type}}
	series.From, series.To, series.Step = inBins.from, inBins.to, inBins.step
	series.Aggs = nil
	for i, a := range op.Aggs {
		if len(a.Out) != 1 {
			return nil, "make-series of an aggregate of several columns runs in Go"
		}
		cols, why := g.aggregate(s, &a.Agg)
		if why != "" {
			return nil, why
		}
		inner = append(inner, fmt.Sprintf("%s AS v%d", cols[0], i))
		name := fmt.Sprintf("a%d", i+1)
		t := a.Out[0].Type
		if _, ok := fn.SQLType(g.d, t); !ok {
			return nil, "a series of values of type " + t.String() + " is made in Go"
		}
		args = append(args, table.Column{Name: name, Type: t})
		lists = append(lists, fmt.Sprintf("list(v%d)", i))
		a.Agg = plan.Agg{Fn: only(), Args: []plan.Expr{&plan.Col{Name: name, T: t}}, Info: []fn.Arg{{Type: t}}, Out: a.Out}
		if a.Default != nil {
			if a.Default, why = g.constant(a.Default); why != "" {
				return nil, why
			}
		}
		series.Aggs = append(series.Aggs, a)
	}
	p := &plan.Pipeline{Source: &plan.Outer{Out: args}, Ops: []plan.Op{&series}}
	call := g.function(Function{Args: args, Rows: p, Group: true}, lists)
	groups := make([]string, len(by)+1)
	for i := range groups {
		groups[i] = fmt.Sprint(i + 1)
	}
	sql := "SELECT " + strings.Join(inner, ", ") + " FROM (" + s.sql + ") AS " + g.alias() + " WHERE " + inBins.where + " GROUP BY " + strings.Join(groups, ", ")
	list := strings.Join(append(slices.Clone(keys), call+" AS l0"), ", ")
	sql = "SELECT " + list + " FROM (" + sql + ") AS " + g.alias()
	if len(keys) > 0 {
		sql += " GROUP BY " + strings.Join(keys, ", ")
	}
	next := &state{schema: op.Schema()}
	exprs := slices.Clone(keys)
	for i := range len(op.Aggs) + 1 {
		exprs = append(exprs, fmt.Sprintf("l0[%d]", i+1))
	}
	next.sql = g.selects(&state{sql: sql}, exprs, " WHERE len(l0) > 0")
	return next, ""
}

// seriesBins is how the axis of make-series is cut.
type seriesBins struct {
	axis, bin, where string
	from, to, step   plan.Expr
}

// bins of an axis of whole numbers or ticks, as package eval cuts it.
func (g *gen) bins(s *state, op *plan.MakeSeries) (b seriesBins, why string) {
	t := op.Axis.Expr.Type()
	stepType := t
	switch t {
	case table.Int, table.Long, table.TimeSpan:
	case table.DateTime:
		stepType = table.TimeSpan
	default:
		return b, "make-series over an axis of type " + t.String() + " runs in Go"
	}
	fits := func(v table.Value, t table.Type) bool {
		return (v.Type() == t || t == table.Int && v.Type() == table.Long || t == table.Long && v.Type() == table.Int)
	}
	unbound := false // a bound is null: there are no rows
	get := func(e plan.Expr, t table.Type) (plan.Expr, int64, string) {
		if e == nil {
			return nil, 0, ""
		}
		c, why := g.constant(e)
		if why != "" {
			return nil, 0, why
		}
		v := c.(*plan.Const).Value
		if !fits(v, t) {
			return nil, 0, "make-series with a bound of another type than its axis runs in Go"
		}
		unbound = unbound || v.IsNull()
		return c, v.Int64(), ""
	}
	var lo, hi, size int64
	if b.from, lo, why = get(op.From, t); why != "" {
		return b, why
	}
	if b.to, hi, why = get(op.To, t); why != "" {
		return b, why
	}
	if b.step, size, why = get(op.Step, stepType); why != "" {
		return b, why
	}
	if size <= 0 || b.step == nil {
		return b, "make-series with such a step runs in Go"
	}
	if b.axis, why = g.expr(s, op.Axis.Expr); why != "" {
		return b, why
	}
	wide := "CAST(" + b.axis + " AS HUGEINT)" // differences of long numbers are longer
	if b.from != nil && !op.InRange {
		wide = fmt.Sprintf("(%s - %d::HUGEINT)", wide, lo)
	}
	b.bin = g.let(wide, func(v string) string {
		return fmt.Sprintf("%[1]s - ((%[1]s %% %[2]d) + %[2]d) %% %[2]d", v, size)
	})
	b.where = b.axis + " IS NOT NULL"
	if unbound {
		b.where = "FALSE"
		return b, ""
	}
	if b.from != nil {
		b.where += fmt.Sprintf(" AND %s >= %d", b.axis, lo)
	}
	if b.to != nil {
		b.where += fmt.Sprintf(" AND %s %s %d", b.axis, map[bool]string{true: "<=", false: "<"}[op.InRange], hi)
	}
	return b, ""
}

// constant is e as a constant, where it is one by now.
func (g *gen) constant(e plan.Expr) (plan.Expr, string) {
	if c, ok := e.(*plan.Const); ok {
		return c, ""
	}
	if v, ok := g.value(e); ok {
		return &plan.Const{Value: v}, ""
	}
	return nil, "a value that is not known before the query runs is computed in Go"
}

// only is the aggregate of one value: that.
func only() *fn.Aggregate {
	return &fn.Aggregate{Name: "only", New: func(*fn.Context, []fn.Arg) fn.State { return &onlyState{} }}
}

type onlyState struct{ v table.Value }

func (s *onlyState) Add(args []table.Value) { s.v = args[0] }
func (s *onlyState) Results() []table.Value { return []table.Value{s.v} }
func (s *onlyState) Bytes() int64           { return s.v.Bytes() }

// partition runs a subquery over each group of rows in Go.
func (g *gen) partition(s *state, op *plan.Partition) (*state, string) {
	const because = "partition runs in Go"
	outer, ok := op.Sub.Source.(*plan.Outer)
	if !ok || g.lister == nil || g.d != fn.DuckDB || !grouped(op.By.Type()) || len(outer.Out) > maxArgs || len(outer.Out) == 0 {
		return nil, because
	}
	sub, ok := g.alone(op.Sub)
	if !ok {
		return nil, because
	}
	if why := g.storable(op.Sub.Schema()); why != "" {
		return nil, why
	}
	if len(s.order) > 0 { // all lists of a group are in one order
		s = g.serialized(s)
	}
	key, why := g.expr(s, op.By)
	if why != "" {
		return nil, why
	}
	lists := make([]string, len(outer.Out))
	for i, c := range outer.Out {
		e, why := g.plain(s, &plan.Col{Name: c.Name, T: c.Type})
		if why != "" {
			return nil, why
		}
		lists[i] = "list(" + e + s.orderBy() + ")"
	}
	gives := op.Sub.Schema()
	if len(gives) == 0 {
		return nil, because
	}
	call := g.function(Function{Args: outer.Out, Rows: sub, Group: true}, lists)
	sql := "SELECT " + call + " AS l0 FROM (" + s.sql + ") AS " + g.alias() + " GROUP BY " + key
	return g.unnested(sql, gives), ""
}

// unnested are the rows whose cells are in a list l0 of sql.
func (g *gen) unnested(sql string, gives table.Schema) *state {
	var unnested, exprs []string
	for i, c := range gives {
		list := "l0"
		if len(gives) > 1 {
			list = fmt.Sprintf("list_slice(l0, %d, len(l0), %d)", i+1, len(gives))
		}
		unnested = append(unnested, fmt.Sprintf("unnest(%s) AS e%d", list, i))
		exprs = append(exprs, cell(fmt.Sprintf("e%d", i), c.Type))
	}
	sql = "SELECT " + strings.Join(unnested, ", ") + " FROM (" + sql + ") AS " + g.alias()
	return &state{sql: g.selects(&state{sql: sql}, exprs, ""), schema: gives}
}
