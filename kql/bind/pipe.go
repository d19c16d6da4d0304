package bind

import (
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// pipe binds a source and its operators. left is what comes in where the pipe
// has no source of its own; nil at the start of a query.
func (b *binder) pipe(x *syntax.Pipe, e env, left *rel) *rel {
	e = env{sc: inner(e.sc)} // as names what later operators may read
	r := left
	if x.Source != nil {
		r = b.rel(x.Source, e)
	}
	looked := b.looked(x)
	for _, op := range x.Ops {
		if b.stop {
			return nowhere()
		}
		if looked {
			b.look(op.At(), r, e)
		}
		if b.editor && r != nil && r.open {
			r = b.guess(op, r, e)
		}
		r = b.operate(op, r, e)
	}
	if r == nil {
		return nowhere()
	}
	return r
}

// guess gives an open r, for an editor, the columns that an operator reads of it.
// They become known by binding the operator for nothing.
func (b *binder) guess(op syntax.Operator, r *rel, e env) *rel {
	if b.guesses > maxGuesses {
		return r
	}
	b.guesses++
	var names []string
	saved := len(b.diags)
	in := *r
	in.guessed = &names
	b.operate(op, &in, e)
	b.diags = b.diags[:saved]
	if len(names) == 0 {
		return r
	}
	p := b.projection()
	for _, c := range r.schema() {
		p.add(projected{c.Name, &plan.Col{Name: c.Name, T: c.Type}, c.Name}, false, false)
	}
	for _, n := range names {
		p.add(projected{n, bad(), ""}, false, false)
	}
	return r.opened(p.named())
}

// maxGuesses bounds the work on operators inside operators, which doubles with
// each level.
const maxGuesses = 1000

// operate binds one operator over r, which is nil for the first of a query.
func (b *binder) operate(op syntax.Operator, r *rel, e env) *rel {
	if !b.enter(op) {
		return nowhere()
	}
	defer b.leave()
	defer b.within(op.Keyword())()
	switch o := op.(type) { // what may come first
	case *syntax.PrintOp:
		return b.print(o, e)
	case *syntax.Range:
		return b.rangeOp(o, e)
	case *syntax.Union:
		return b.union(o, r, e)
	case *syntax.Search:
		return b.search(o, r, e)
	case *syntax.Find:
		return b.find(o, r, e)
	case *syntax.Evaluate:
		return b.evaluateOp(o, r, e)
	case *syntax.BadOperator:
		return nowhere()
	}
	if r == nil {
		b.errorf(op, "KS174", "The operator cannot be the first operator in a query.")
		return nowhere()
	}
	e.row = rowOf(r)
	switch o := op.(type) {
	case *syntax.Where:
		cond := b.condition(o.Cond, e)
		if isBad(cond) || r.open {
			return r
		}
		return r.then(&plan.Filter{In: r.pipe.Schema(), Pred: cond})
	case *syntax.Extend:
		return b.extend(o, r, e)
	case *syntax.Project:
		return b.projectOp(o.Items, r, e)
	case *syntax.ProjectAway:
		return b.projectAway(o, r, e)
	case *syntax.ProjectKeep:
		return b.projectKeep(o, r, e)
	case *syntax.ProjectRename:
		return b.projectRename(o, r, e)
	case *syntax.ProjectReorder:
		return b.projectReorder(o, r, e)
	case *syntax.ProjectByNames:
		return b.projectByNames(o, r, e)
	case *syntax.Summarize:
		return b.summarize(o, r, e)
	case *syntax.Distinct:
		return b.distinct(o, r, e)
	case *syntax.Sort:
		return b.sort(o, r, e)
	case *syntax.Top:
		return b.top(o, r, e)
	case *syntax.Take:
		n, ok := b.whole(o.N, e)
		if !ok {
			return r
		}
		return r.then(&plan.Take{In: r.pipe.Schema(), N: n})
	case *syntax.Sample:
		n, ok := b.whole(o.N, e)
		if !ok {
			return r
		}
		return r.unordered().then(&plan.Sample{In: r.pipe.Schema(), N: n})
	case *syntax.SampleDistinct:
		return b.sampleDistinct(o, r, e)
	case *syntax.Count:
		return b.count(o, r)
	case *syntax.Join:
		return b.join(o, r, e)
	case *syntax.Lookup:
		return b.lookup(o, r, e)
	case *syntax.MvExpand:
		return b.mvExpand(o, r, e)
	case *syntax.MvApply:
		return b.mvApply(o, r, e)
	case *syntax.ParseOp:
		return b.parse(o, r, e)
	case *syntax.ParseKV:
		return b.parseKV(o, r, e)
	case *syntax.Serialize:
		return b.serialize(o, r, e)
	case *syntax.As:
		return b.as(o, r, e)
	case *syntax.Invoke:
		return b.invoke(o, r, e)
	case *syntax.GetSchema:
		return getSchema(r)
	case *syntax.Render:
		return b.render(o, r)
	case *syntax.Consume:
		return r.then(&plan.Take{In: r.pipe.Schema()})
	case *syntax.MakeSeries:
		return b.makeSeries(o, r, e)
	case *syntax.TopNested:
		return b.topNested(o, r, e)
	case *syntax.TopHitters:
		return b.topHitters(o, r, e)
	case *syntax.Partition:
		return b.partition(o, r, e)
	case *syntax.Scan:
		return b.scanSteps(o, r, e)
	case *syntax.Reduce:
		return b.reduce(o, r, e)
	case *syntax.AssertSchema:
		return b.assertSchema(o, r)
	case *syntax.MakeGraph:
		return b.makeGraph(o, r, e)
	case *syntax.GraphMatch:
		return b.graphMatch(o, &graphPatterns{o.Patterns, o.Where, o.Project}, o.Params, r, e)
	case *syntax.GraphShortestPaths:
		return b.graphMatch(o, &graphPatterns{o.Patterns, o.Where, o.Project}, o.Params, r, e)
	case *syntax.GraphMarkComponents:
		return b.graphMark(o, r)
	case *syntax.GraphWhereNodes:
		return b.graphWhere(o, o.Cond, true, r, e)
	case *syntax.GraphWhereEdges:
		return b.graphWhere(o, o.Cond, false, r, e)
	case *syntax.GraphToTable:
		return b.graphToTable(o, r, e)
	case *syntax.Fork, *syntax.Facet:
		note(b.errorf(op, "SXT001", "%s is only possible at the end of a query.", op.Keyword()), "its results are tables of their own")
		return nowhere()
	}
	b.refuse(op, "the operator "+op.Keyword())
	return nowhere()
}

// constant is an expression as a constant of a wanted type; Unknown takes any.
func (b *binder) constant(x syntax.Expr, e env, want table.Type) (table.Value, bool) {
	v := b.scalar(x, env{sc: e.sc})
	if isBad(v) {
		return table.Value{}, false
	}
	if want != table.Unknown && v.Type() != want {
		if !(v.Type().Numeric() && want.Numeric()) {
			b.errorf(x, "KS107", "A value of type %s is expected here, not %s.", want, v.Type())
			return table.Value{}, false
		}
		v = b.convert(v, want)
	}
	c, ok := v.(*plan.Const)
	if !ok {
		b.errorf(x, "KS129", "The expression must be a constant.")
		return table.Value{}, false
	}
	return c.Value, true
}

// whole is the number of rows of take, top and their kin.
func (b *binder) whole(x syntax.Expr, e env) (int64, bool) {
	v, ok := b.constant(x, e, table.Long)
	switch {
	case !ok:
		return 0, false
	case v.IsNull() || v.Int64() < 0:
		b.errorf(x, "KS134", "A whole number, zero or more, is expected here.")
		return 0, false
	}
	return v.Int64(), true
}

func (b *binder) keys(items []syntax.Expr, e env) []plan.SortKey {
	var out []plan.SortKey
	for _, x := range items {
		k := plan.SortKey{Desc: true}
		y := x
		if o, ok := x.(*syntax.Ordered); ok {
			k.Desc = o.Dir != "asc"
			y = o.X
			k.NullsFirst = o.Nulls == "first" || o.Nulls == "" && !k.Desc
		}
		k.Expr = b.scalar(y, e)
		switch {
		case isBad(k.Expr):
			continue
		case k.Expr.Type() == table.Dynamic:
			fails := b.errorf
			if b.op == "top" {
				fails = b.runFails // the language service looks at sort alone
			}
			note(fails(y, "SEM0020", "Rows cannot be ordered by a value of type dynamic."), "use an explicit cast, as tostring(…)")
			continue
		}
		out = append(out, k)
	}
	return out
}

func (b *binder) sort(o *syntax.Sort, r *rel, e env) *rel {
	ks := b.keys(o.By, e)
	if len(ks) == 0 {
		out := *r
		out.ordered = true
		return &out
	}
	out := r.then(&plan.Sort{In: r.pipe.Schema(), Keys: ks})
	out.ordered = true
	return out
}

func (b *binder) top(o *syntax.Top, r *rel, e env) *rel {
	n, ok := b.whole(o.N, e)
	ks := b.keys([]syntax.Expr{o.By}, e)
	if !ok || len(ks) == 0 {
		return r
	}
	out := r.then(&plan.Top{In: r.pipe.Schema(), N: n, Keys: ks})
	out.ordered = true
	return out
}

func (b *binder) count(o *syntax.Count, r *rel) *rel {
	name := "Count"
	if o.As != nil {
		name = o.As.Name
	}
	f := b.cat.Aggregate("count")
	if f == nil {
		b.refuse(o, "count")
		return nowhere()
	}
	return (&rel{pipe: r.pipe, open: r.open}).then(&plan.Summarize{Aggs: []plan.Agg{{Fn: f, Out: table.Schema{{Name: name, Type: table.Long}}}}}).closed()
}

// closed is r with a schema that is known again.
func (r *rel) closed() *rel {
	out := *r
	out.open = false
	return &out
}

func (b *binder) sampleDistinct(o *syntax.SampleDistinct, r *rel, e env) *rel {
	n, ok := b.whole(o.N, e)
	p := b.projection()
	p.item(o.Of, e, styleProject, "")
	if !ok || len(p.cols) != 1 || isBad(p.cols[0].expr) {
		return nowhere()
	}
	out := (&rel{pipe: r.pipe, name: r.name}).then(&plan.SampleDistinct{Of: p.named()[0], N: n})
	return out
}

func (b *binder) serialize(o *syntax.Serialize, r *rel, e env) *rel {
	e.row.ordered = true
	out := r.then(&plan.Serialize{In: r.pipe.Schema()})
	out.ordered = true
	if len(o.Items) == 0 {
		return out
	}
	p := b.projection()
	p.addRow(e.row, true)
	for _, x := range o.Items {
		p.item(x, e, styleExtend, "")
	}
	return b.project(out, p.named(), e.row)
}

func (b *binder) as(o *syntax.As, r *rel, e env) *rel {
	out := *r
	if _, inside := r.pipe.Source.(*plan.Outer); !inside && !r.open && strings.EqualFold(o.Params.Word("hint.materialized"), "true") {
		out = *b.shared(r)
	}
	out.name, out.label = o.Name.Name, o.Name.Name
	e.sc.names[o.Name.Name] = &entity{rel: &out}
	return &out
}

// shared is r computed once, however often it is read.
func (b *binder) shared(r *rel) *rel {
	out := source(&plan.Shared{ID: b.nextID(), Pipe: b.shown(r).pipe})
	out.name, out.ordered = r.name, r.ordered
	return out
}

// invoke calls a function with the rows as its first argument.
func (b *binder) invoke(o *syntax.Invoke, r *rel, e env) *rel {
	c, ok := o.Call.(*syntax.Call)
	if !ok {
		b.errorf(o.Call, "KS128", "The call of a function is expected here.")
		return nowhere()
	}
	name := c.Func.Name
	f := e.sc.find(name)
	if f == nil {
		if let, ok := b.function(name); ok {
			f = b.saved(let)
		}
	}
	if f == nil || f.lambda == nil {
		b.unknownFunction(c, name, e)
		return nowhere()
	}
	args, names := []*entity{{rel: r}}, []string{""}
	for _, a := range c.Args {
		n := ""
		if nm, ok := a.(*syntax.Named); ok && len(nm.Names) == 1 {
			n, a = nm.Names[0].Name, nm.X
		}
		names = append(names, n)
		args = append(args, b.argument(a, env{sc: e.sc}))
	}
	v := b.apply(c, name, f, args, names, c)
	if v.rel == nil {
		b.errorf(c, "KS111", "'%s' must give a table.", name)
		return nowhere()
	}
	return v.rel
}

// netTypes are the .NET names that getschema tells.
var netTypes = map[table.Type]string{table.Bool: "System.SByte", table.Int: "System.Int32", table.Long: "System.Int64", table.Real: "System.Double",
	table.Decimal: "System.Data.SqlTypes.SqlDecimal", table.String: "System.String", table.DateTime: "System.DateTime",
	table.TimeSpan: "System.TimeSpan", table.Guid: "System.Guid", table.Dynamic: "System.Object"}

// getSchema is known at once: no row is read for it.
func getSchema(r *rel) *rel {
	v := &plan.Values{Out: table.Schema{{Name: "ColumnName", Type: table.String}, {Name: "ColumnOrdinal", Type: table.Long},
		{Name: "DataType", Type: table.String}, {Name: "ColumnType", Type: table.String}}}
	for i, c := range r.schema() {
		v.Rows = append(v.Rows, []table.Value{table.StringValue(c.Name), table.LongValue(int64(i)),
			table.StringValue(netTypes[c.Type]), table.StringValue(c.Type.String())})
	}
	out := source(v)
	out.ordered = true
	return out
}

func (b *binder) render(o *syntax.Render, r *rel) *rel {
	out := *r
	out.render = &Render{Chart: o.Chart.Name, Props: map[string]string{}}
	for _, ps := range [][]*syntax.RenderProp{o.Old, o.With} {
		for _, p := range ps {
			s := ""
			for i, v := range p.Values {
				if i > 0 {
					s += ","
				}
				switch v := v.(type) {
				case *syntax.Name:
					s += v.Name
				case *syntax.Literal:
					s += v.Text
				}
			}
			out.render.Props[p.Name.Name] = s
		}
	}
	return &out
}

func (b *binder) rangeOp(o *syntax.Range, e env) *rel {
	e.row = nil
	from, to, step := b.scalar(o.From, e), b.scalar(o.To, e), b.scalar(o.Step, e)
	if isBad(from) || isBad(to) || isBad(step) {
		return nowhere()
	}
	t := from.Type()
	switch {
	case t.Numeric() && to.Type().Numeric() && step.Type().Numeric():
		t = max(t, to.Type(), step.Type())
		if t == table.Int {
			t = table.Long
			if from.Type() == table.Int && to.Type() == table.Int && step.Type() == table.Int {
				t = table.Int
			}
		}
		from, to, step = b.convert(from, t), b.convert(to, t), b.convert(step, t)
	case t == table.DateTime && to.Type() == t && step.Type() == table.TimeSpan:
	case t == table.TimeSpan && to.Type() == t && step.Type() == t:
	default:
		note(b.errorf(o, "KS178", "A range cannot go from %s to %s in steps of %s.", from.Type(), to.Type(), step.Type()),
			"use numbers, or datetimes with a step of type timespan")
		return nowhere()
	}
	if c, ok := step.(*plan.Const); ok && !c.Value.IsNull() && c.Value.Number() == 0 {
		b.errorf(o.Step, "KS140", "The step of a range must not be 0.")
		return nowhere()
	}
	r := source(&plan.Range{Col: table.Column{Name: o.Name.Name, Type: t}, From: from, To: to, Step: step})
	r.ordered = true
	return r
}

func (b *binder) assertSchema(o *syntax.AssertSchema, r *rel) *rel {
	want, ok := b.declared(o.Schema)
	if !ok || r.open {
		return r
	}
	have := r.schema()
	same := len(have) == len(want)
	for i := range want {
		same = same && have[i] == want[i]
	}
	if !same {
		b.errorf(o, "KS249", "The schema is %s, and %s is asserted.", have, want)
	}
	return r
}
