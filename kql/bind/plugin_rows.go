package bind

import (
	"slices"
	"strconv"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// narrow turns each row on its side.
func (b *binder) narrow(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	if r.open {
		p.good = false
	}
	return p.plugin(&plan.Plugin{Cols: columns(r.schema()), Out: fixed("Row:long Column:string Value:string")})
}

// preview gives some rows. Kusto's second table, the number of all rows, is not given.
func (b *binder) preview(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	x := p.next("a number of rows")
	if x == nil {
		return p.wrong()
	}
	n, ok := b.whole(x, env{sc: e.sc})
	p.end()
	if !ok || !p.good {
		return p.wrong()
	}
	return r.then(&plan.Take{In: r.pipe.Schema(), N: n})
}

// rowsNear gives the rows around those for which a condition is true.
func (b *binder) rowsNear(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	x := p.next("a condition")
	if x == nil {
		return p.wrong()
	}
	cond := b.condition(x, e)
	if isBad(cond) {
		p.good = false
	}
	params := []plan.Expr{p.constant("a number of rows", table.Long), nil}
	if len(p.args) > 0 {
		params[1] = p.constant("a number of rows", table.Long)
	}
	if r.open {
		return r
	}
	s := r.schema()
	out := p.plugin(&plan.Plugin{Cols: []plan.Named{{Name: "$near", Expr: cond}}, Params: params, Keep: s.Names(), Out: s})
	out.ordered = r.ordered
	return out
}

// rollingPercentile is a percentile over a window of bins.
func (b *binder) rollingPercentile(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	val := p.column("the column of values")
	if val == nil {
		return p.wrong()
	}
	switch {
	case val.T.Numeric() || val.T == table.DateTime || val.T == table.TimeSpan:
	default:
		p.fail(c, "KS138", "A percentile is of numbers, datetimes or timespans, not of values of type %s.", val.T)
		return p.wrong()
	}
	pct := p.next("the percentile")
	if pct == nil {
		return p.wrong()
	}
	pv, ok := p.value(pct, table.Unknown)
	if !ok {
		return p.wrong()
	}
	if !pv.Type().Numeric() || pv.IsNull() || pv.Number() < 0 || pv.Number() > 100 {
		p.fail(pct, "KS140", "A percentile is a number from 0 to 100.")
		return p.wrong()
	}
	at := p.timeline("the column of the timeline")
	if at == nil {
		return p.wrong()
	}
	bin := p.constant("the size of a bin", span(at.T))
	bx := p.next("the number of bins in a window")
	if bx == nil {
		return p.wrong()
	}
	bins, ok := b.whole(bx, env{sc: e.sc})
	if !ok || bins < 1 {
		p.fail(bx, "KS134", "A window has one bin at least.")
		return p.wrong()
	}
	name := "rolling_" + strconv.FormatInt(bins, 10) + "_percentile_" + val.Name + "_" + pv.Text()
	dims := p.dimensions()
	o := &plan.Plugin{Params: []plan.Expr{&plan.Const{Value: table.RealValue(pv.Number())}, bin, &plan.Const{Value: table.LongValue(bins)}}}
	if p.good {
		o.Cols = namedOf(append([]*plan.Col{val, at}, dims...)...)
	}
	o.Out = uniqueNames(append(append(schemaOf(at), schemaOf(dims...)...), table.Column{Name: name, Type: val.T}))
	return p.plugin(o)
}

// sequenceDetect finds rows that fulfil conditions one after the other.
func (b *binder) sequenceDetect(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	at := p.timeline("the column of the timeline")
	if at == nil {
		return p.wrong()
	}
	o := &plan.Plugin{Params: p.along(at.T, "--", "the longest time between steps", "the longest time of all")}
	o.Cols = namedOf(at)
	var dims, made table.Schema
	for len(p.args) > 0 {
		x, name := p.args[0], ""
		p.args = p.args[1:]
		if n, ok := x.(*syntax.Named); ok && len(n.Names) == 1 {
			x, name = n.X, n.Names[0].Name
		}
		v := b.scalar(x, e)
		if isBad(v) {
			p.good = false
			continue
		}
		col, isCol := v.(*plan.Col)
		switch {
		case v.Type() == table.Bool && len(dims) == 0 && (name != "" || !isCol || len(made) == 0):
			o.Cols = append(o.Cols, plan.Named{Name: "$step" + strconv.Itoa(len(made)), Expr: v})
			made = append(made, table.Column{Name: name + "_" + at.Name, Type: at.T})
		case isCol && name == "" && col.T != table.Dynamic:
			dims = append(dims, table.Column{Name: col.Name, Type: col.T})
			o.Cols = append(o.Cols, plan.Named{Name: col.Name, Expr: col})
		default:
			p.fail(x, "KS109", "A condition, or behind the conditions a column, is expected here.")
		}
	}
	if len(made) == 0 {
		p.fail(c, "KS119", "The plugin 'sequence_detect' expects a condition for each step.")
	}
	o.Out = uniqueNames(slices.Concat(dims, made, table.Schema{{Name: "Duration", Type: table.TimeSpan}}))
	o.Params = append(o.Params, &plan.Const{Value: table.LongValue(int64(len(made)))})
	return p.plugin(o)
}

// maxIntersect bounds the sketches of dcount_intersect: the work doubles with each.
const maxIntersect = 10

// dcountIntersect counts what sketches have in common, by inclusion and exclusion.
func (b *binder) dcountIntersect(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	var sketches []plan.Expr
	for len(p.args) > 0 {
		x := p.next("a sketch")
		v := b.scalar(x, e)
		if isBad(v) {
			p.good = false
		} else if v.Type() != table.Dynamic {
			p.fail(x, "KS234", "A sketch that hll() made is expected here, not a value of type %s.", v.Type())
		}
		sketches = append(sketches, v)
	}
	if len(sketches) < 2 {
		p.fail(c, "KS119", "The plugin 'dcount_intersect' expects 2 sketches or more.")
	}
	if len(sketches) > maxIntersect {
		p.fail(c, "SXT001", "dcount_intersect of more than %d sketches is not possible.", maxIntersect)
	}
	merge, count := b.cat.Scalar("hll_merge"), b.cat.Scalar("dcount_hll")
	if merge == nil || count == nil {
		b.cannotRun(c, "not supported yet: the plugin dcount_intersect")
		p.good = false
	}
	pr := b.projection()
	pr.addRow(e.row, true)
	for n := 1; n <= len(sketches); n++ {
		x := plan.Expr(&plan.Const{Value: table.Null(table.Long)})
		if p.good {
			x = b.intersection(c, sketches[:n])
		}
		pr.add(projected{"s" + strconv.Itoa(n-1), x, ""}, false, false)
	}
	if !p.good {
		out := r.opened(pr.named())
		out.open = true
		return out
	}
	return b.project(r, pr.named(), e.row)
}

func (b *binder) intersection(at syntax.Node, of []plan.Expr) plan.Expr {
	var sum plan.Expr
	for set := 1; set < 1<<len(of); set++ {
		var in []arg
		for i, x := range of {
			if set>>i&1 == 1 {
				in = append(in, arg{expr: x, at: at})
			}
		}
		one := in[0].expr
		if len(in) > 1 {
			one = b.resolve(at, b.cat.Scalar("hll_merge"), in)
		}
		n := b.resolve(at, b.cat.Scalar("dcount_hll"), []arg{{expr: one, at: at}})
		switch {
		case sum == nil:
			sum = n
		case len(in)%2 == 1:
			sum = b.operator(at, "+", arg{expr: sum, at: at}, arg{expr: n, at: at})
		default:
			sum = b.operator(at, "-", arg{expr: sum, at: at}, arg{expr: n, at: at})
		}
	}
	return sum
}

// schemaMerge merges what getschema gave for several tables.
func (b *binder) schemaMerge(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	want := fixed("ColumnName:string ColumnOrdinal:long DataType:string ColumnType:string")
	keep := &plan.Const{Value: table.BoolValue(true)}
	o := &plan.Plugin{Params: []plan.Expr{keep}, Out: want}
	if len(p.args) > 0 {
		o.Params[0] = p.constant("whether order matters", table.Bool)
	}
	for _, w := range want {
		col, ok := e.row.column(w.Name)
		if !ok || col.Type != w.Type {
			if !r.open {
				note(b.errorf(c, "SXT001", "The plugin 'schema_merge' expects the rows of getschema."), "write union (A | getschema), (B | getschema) | evaluate schema_merge()")
			}
			p.good = false
			break
		}
		o.Cols = append(o.Cols, plan.Named{Name: w.Name, Expr: &plan.Col{Name: w.Name, T: w.Type}})
	}
	return p.plugin(o)
}
