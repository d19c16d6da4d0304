package bind

import (
	"slices"
	"strconv"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// makeSeries gives arrays over an axis.
func (b *binder) makeSeries(o *syntax.MakeSeries, r *rel, e env) *rel {
	p := b.projection()
	for _, x := range o.By {
		p.item(x, e, styleProject, "")
	}
	groups := len(p.cols)
	aggs := &aggregates{}
	inner := *e.row
	inner.aggs, inner.grouped = aggs, true
	ie := env{sc: e.sc, row: &inner}
	m := &plan.MakeSeries{}
	ok := !r.open
	for _, it := range o.Items {
		before := len(p.cols)
		p.item(it.X, ie, styleProject, "")
		if len(p.cols) != before+1 {
			ok = false
			continue
		}
		c, isAgg := p.cols[before].expr.(*plan.Col)
		if isBad(p.cols[before].expr) {
			ok = false
			continue
		}
		if !isAgg || len(aggs.list) == 0 || aggs.list[len(aggs.list)-1].Out[0].Name != c.Name {
			note(b.errorf(it.X, "SXT001", "An aggregate by itself is expected here."), "compute with the series after make-series")
			ok = false
			continue
		}
		a := aggs.list[len(aggs.list)-1]
		a.Out = table.Schema{{Name: p.cols[before].name, Type: a.Out[0].Type}}
		s := plan.SeriesAgg{Agg: a}
		if it.Default != nil {
			v, good := b.constant(it.Default, e, table.Unknown)
			ok = ok && good
			t := a.Out[0].Type
			if good {
				if v.Type() != t && !(v.Type().Numeric() && t.Numeric()) && t != table.Dynamic {
					b.errorf(it.Default, "KS107", "The default must be of type %s, as the aggregate is.", t)
					ok = false
				}
				s.Default = &plan.Const{Value: v}
				if !(v.Type() == table.Real && t != table.Real) && t != table.Dynamic {
					s.Default = b.convert(s.Default, t)
				}
			}
		}
		m.Aggs = append(m.Aggs, s)
	}
	m.By = p.named()[:groups]
	if o.On == nil {
		return nowhere()
	}
	before := len(p.cols)
	p.item(o.On, e, styleProject, "")
	if len(p.cols) == before { // the axis is a by column, too
		b.errorf(o.On, "KS171", "The axis of a series cannot be one of the by columns.")
		return nowhere()
	}
	axis := p.cols[before]
	m.Axis = plan.Named{Name: axis.name, Expr: axis.expr}
	t := axis.expr.Type()
	switch {
	case t == table.Unknown:
		ok = false
	case t == table.DateTime || t == table.TimeSpan || t.Numeric():
	default:
		b.errorf(o.On, "KS138", "The axis of a series must be a number, a datetime or a timespan, not %s.", t)
		ok = false
	}
	from, to, step := o.From, o.To, o.Step
	if len(o.InRange) > 0 {
		if len(o.InRange) != 3 {
			b.errorf(o, "KS118", "in range(…) expects 3 arguments.")
			return nowhere()
		}
		from, to, step = o.InRange[0], o.InRange[1], o.InRange[2]
		m.InRange = true
	}
	end := func(x syntax.Expr) plan.Expr {
		if x == nil {
			return nil
		}
		v := b.scalar(x, env{sc: e.sc})
		return b.along(x, v, t, &ok)
	}
	m.From, m.To = end(from), end(to)
	if step == nil {
		b.errorf(o, "SYN0002", "make-series needs a step.")
		return nowhere()
	}
	st := t
	if t == table.DateTime {
		st = table.TimeSpan
	}
	m.Step = b.along(step, b.scalar(step, env{sc: e.sc}), st, &ok)
	m.NonEmpty = o.Params.Word("kind") == "nonempty"
	out := &rel{pipe: r.pipe}
	if !ok {
		cols := slices.Clone(m.By)
		for _, c := range p.cols[groups:] {
			cols = append(cols, plan.Named{Name: c.name, Expr: &plan.Const{Value: table.Null(table.Dynamic)}})
		}
		return out.opened(cols)
	}
	return out.then(m)
}

// along makes a bound of the axis have its type.
func (b *binder) along(at syntax.Node, v plan.Expr, t table.Type, ok *bool) plan.Expr {
	switch have := v.Type(); {
	case have == table.Unknown || t == table.Unknown:
		*ok = false
	case have == t:
	case have.Numeric() && t.Numeric():
		return b.convert(v, t)
	default:
		b.errorf(at, "KS107", "A value of type %s is expected here, not %s.", t, have)
		*ok = false
	}
	return v
}

// topNested keeps the best values of each level.
func (b *binder) topNested(o *syntax.TopNested, r *rel, e env) *rel {
	op := &plan.TopNested{}
	names := &projection{used: map[string]int{}}
	ok := !r.open
	for _, l := range o.Levels {
		lv := plan.NestedLevel{N: -1}
		if l.N != nil {
			n, good := b.whole(l.N, e)
			lv.N, ok = n, ok && good
		}
		of := l.Of
		v := b.scalar(of, e)
		name, _ := b.resultName(of, e)
		if name == "" {
			name = "Column1"
		}
		name = names.unique(name, name)
		lv.Of = plan.Named{Name: name, Expr: v}
		if l.Others != nil {
			c, good := b.constant(l.Others, e, table.Unknown)
			ok = ok && good
			if good && !isBad(v) {
				lv.Others = b.convert(&plan.Const{Value: c}, v.Type())
			}
		}
		by := l.By
		if ord, is := by.(*syntax.Ordered); is {
			lv.Asc = ord.Dir == "asc"
			by = ord.X
		}
		byName := "aggregated_" + name
		if n, is := by.(*syntax.Named); is && len(n.Names) == 1 {
			byName, by = n.Names[0].Name, n.X
		}
		if ord, is := by.(*syntax.Ordered); is {
			lv.Asc = ord.Dir == "asc"
			by = ord.X
		}
		aggs := &aggregates{}
		inner := *e.row
		inner.aggs, inner.grouped = aggs, true
		x := b.scalar(by, env{sc: e.sc, row: &inner})
		c, isCol := x.(*plan.Col)
		switch {
		case isBad(x) || isBad(v):
			ok = false
		case !isCol || len(aggs.list) != 1 || aggs.list[0].Out[0].Name != c.Name:
			b.errorf(by, "SXT001", "An aggregate by itself is expected here.")
			ok = false
		default:
			lv.Agg = aggs.list[0]
			lv.Agg.Out = table.Schema{{Name: names.unique(byName, byName), Type: x.Type()}}
		}
		op.Levels = append(op.Levels, lv)
	}
	if !ok {
		return nowhere()
	}
	out := (&rel{pipe: r.pipe}).then(op)
	out.ordered = true
	return out
}

// topHitters is the most frequent values, or those with the greatest sum.
func (b *binder) topHitters(o *syntax.TopHitters, r *rel, e env) *rel {
	n, ok := b.whole(o.N, e)
	p := b.projection()
	p.item(o.Of, e, styleProject, "")
	if !ok || len(p.cols) != 1 || isBad(p.cols[0].expr) {
		return nowhere()
	}
	fname, prefix := "count", "approximate_count_"
	var args []arg
	if o.By != nil {
		fname, prefix = "sum", "approximate_sum_"
		args = append(args, arg{expr: b.scalar(o.By, e), at: o.By})
	}
	f := b.cat.Aggregate(fname)
	if f == nil {
		b.refuse(o, "top-hitters")
		return nowhere()
	}
	sig, ps, wrong, want := choose(f.Sigs, args)
	if sig == nil {
		b.noFit(o, fname, f.Sigs, args, wrong, want)
		return nowhere()
	}
	if len(args) > 0 && isBad(args[0].expr) {
		return nowhere()
	}
	exprs, info, _ := b.arguments(fname, sig, ps, args)
	t := sig.Result
	if sig.ResultOf != nil {
		t = sig.ResultOf(infos(args))
	}
	name := prefix + p.cols[0].name
	if o.By != nil {
		if n, ok := b.resultName(o.By, e); ok {
			name = prefix + n
		}
	}
	s := &plan.Summarize{By: p.named(), Aggs: []plan.Agg{{Fn: f, Args: exprs, Info: info, Out: table.Schema{{Name: name, Type: t}}}}}
	out := (&rel{pipe: r.pipe, name: r.name}).then(s)
	out = out.then(&plan.Top{In: s.Schema(), N: n, Keys: []plan.SortKey{{Expr: &plan.Col{Name: name, T: t}, Desc: true}}})
	out.ordered = true
	return out
}

// reduce groups texts that look alike.
func (b *binder) reduce(o *syntax.Reduce, r *rel, e env) *rel {
	kind := o.Params.Word("kind")
	if kind != "" && kind != "default" && kind != "source" {
		note(b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of reduce.", kind), "the kind is source, or left out")
		return nowhere()
	}
	v := b.scalar(o.By, e)
	if isBad(v) || r.open {
		out := source(&plan.Values{Out: (&plan.Reduce{}).Schema()})
		out.open = kind == "source"
		return out
	}
	if v.Type() != table.String {
		if v.Type() != table.Dynamic {
			b.errorf(o.By, "KS107", "A value of type string is expected here, not %s.", v.Type())
		}
		v = b.convert(v, table.String)
	}
	op := &plan.Reduce{By: v, Threshold: 0.1}
	for _, p := range append(slices.Clone(o.With), o.Params...) {
		switch p.Name.Name {
		case "threshold":
			l, _ := p.Value.(*syntax.Literal)
			f, err := 0.0, error(nil)
			if l != nil {
				f, err = strconv.ParseFloat(l.Text, 64)
			}
			if l == nil || err != nil || f < 0 || f > 1 {
				b.errorf(p, "KS137", "The threshold is a number between 0 and 1.")
				continue
			}
			op.Threshold = f
		case "characters":
			if l, ok := p.Value.(*syntax.Literal); ok && l.Kind == syntax.StringLit {
				op.Characters = l.Text
			}
		}
	}
	if kind == "source" {
		in := b.shown(r)
		return in.then(&plan.Plugin{Name: plan.ReduceSource, Cols: []plan.Named{{Name: "$text", Expr: op.By}}, Keep: in.schema().Names(), Out: uniqueNames(slices.Concat(in.schema(), op.Schema())),
			Params: []plan.Expr{&plan.Const{Value: table.RealValue(op.Threshold)}, &plan.Const{Value: table.StringValue(op.Characters)}}})
	}
	return (&rel{pipe: r.pipe}).then(op)
}

// scanSteps binds scan: steps that keep state.
func (b *binder) scanSteps(o *syntax.Scan, r *rel, e env) *rel {
	r = b.shown(r)
	in := r.schema()
	op := &plan.ScanSteps{In: in, MatchID: o.Params.Word("with_match_id")}
	op.OrderBy = b.keys(o.OrderBy, e)
	for _, x := range o.PartitionBy {
		op.PartitionBy = append(op.PartitionBy, b.scalar(x, e))
	}
	if !r.ordered && len(o.OrderBy) == 0 && !r.open {
		note(b.errorf(o, "SEM0207", "scan needs rows in a known order."), "put sort by … or serialize before it")
	}
	seen := map[string]bool{}
	for _, d := range o.Declare {
		n := d.Name.Name
		if in.Index(n) >= 0 || seen[n] {
			b.errorf(&d.Name, "KS171", "A column with the name '%s' is already declared.", n)
			continue
		}
		seen[n] = true
		t := table.Unknown
		if d.Type != nil {
			t, _ = b.typeName(d.Type)
		}
		c := plan.Declared{Column: table.Column{Name: n, Type: t}}
		if d.Default != nil {
			v := b.scalar(d.Default, env{sc: e.sc})
			if !isBad(v) && v.Type() != t && !assignable(v.Type(), t) {
				b.errorf(d.Default, "KS107", "The default of '%s' must be of type %s, not %s.", n, t, v.Type())
			}
			c.Default = b.convert(v, t)
		}
		op.Declare = append(op.Declare, c)
	}
	for _, s := range o.Steps {
		st := plan.ScanStep{Name: s.Name.Name, Optional: s.Optional}
		switch s.Output {
		case "last":
			st.Output = plan.OutputLast
		case "none":
			st.Output = plan.OutputNone
		}
		op.Steps = append(op.Steps, st)
	}
	row := newRow(op.ExprSchema(), r.open, false)
	row.steps = map[string]bool{}
	for _, s := range op.Steps {
		row.steps[s.Name] = true
	}
	se := env{sc: e.sc, row: row}
	for i, s := range o.Steps {
		st := &op.Steps[i]
		st.Cond = b.condition(s.Cond, se)
		for _, a := range s.Assign {
			if len(a.Names) != 1 {
				continue
			}
			n := a.Names[0].Name
			v := b.scalar(a.X, se)
			columns := op.ExprSchema()[:len(in)+len(op.Declare)] // the input's may be set, too
			j := columns.Index(n)
			if j < 0 {
				note(b.errorf(&a.Names[0], "SEM0100", "'%s' is no declared column.", n), "declare it: scan declare (%s:%s) with (…)", n, v.Type())
				continue
			}
			t := columns[j].Type
			if !isBad(v) && v.Type() != t && !assignable(v.Type(), t) {
				b.errorf(a.X, "KS107", "A value of type %s is expected for '%s', not %s.", t, n, v.Type())
				continue
			}
			st.Assign = append(st.Assign, plan.Named{Name: n, Expr: b.convert(v, t)})
		}
	}
	out := r.then(op)
	out.open = r.open
	out.ordered = true
	return out
}
