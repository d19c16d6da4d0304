package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// expansion binds the arrays of mv-expand and mv-apply. The names that it gives
// are those of the columns which hold the elements.
func (b *binder) expansion(items []*syntax.MvItem, params syntax.Params, limit syntax.Expr, r *rel, e env) (op *plan.MvExpand, names []string, ok bool) {
	p := b.projection()
	p.addRow(e.row, true)
	op = &plan.MvExpand{}
	ok = !r.open
	switch w := params.Word("bagexpansion") + params.Word("kind"); w {
	case "", "bag":
	case "array":
		op.Array = true
	default:
		b.errorf(params[0], "KS140", "'%s' is no way to expand bags: it is bag or array.", w)
		ok = false
	}
	type expanded struct {
		expr plan.Expr
		to   table.Type
	}
	at := map[string]expanded{}
	for _, it := range items {
		x := it.X
		var v plan.Expr
		name := ""
		if n, named := x.(*syntax.Named); named && len(n.Names) == 1 {
			v = b.scalar(n.X, e)
			name = n.Names[0].Name
			p.declare(projected{name, v, ""}, &n.Names[0], true)
		} else {
			v = b.scalar(x, e)
			if id, isCol := resultColumn(x, v); isCol {
				name = id
				p.declare(projected{name, v, ""}, x, true)
			} else {
				name, _ = b.resultName(x, e)
				if name == "" {
					name = p.defaultName(e, true)
				}
				p.add(projected{name, v, ""}, true, false)
			}
		}
		if isBad(v) {
			ok = false
		} else if v.Type() != table.Dynamic {
			d := b.errorf(x, "KS107", "An array or a bag (type dynamic) is expected here, not a value of type %s.", v.Type())
			if v.Type() == table.String {
				note(d, "if it holds JSON, write todynamic(…); for parts of a text use split(…)")
			}
			ok = false
		}
		to := table.Dynamic
		if it.To != nil && it.To.Type != nil {
			t, good := b.typeName(it.To.Type)
			to, ok = t, ok && good
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		at[name] = expanded{v, to}
	}
	for _, c := range p.cols {
		x, is := at[c.name]
		if !is {
			op.Out = append(op.Out, table.Column{Name: c.name, Type: c.expr.Type()})
			continue
		}
		op.Out = append(op.Out, table.Column{Name: c.name, Type: x.to})
		op.Cols = append(op.Cols, plan.Expanded{Expr: x.expr, Name: c.name, To: x.to})
	}
	index := params.Word("with_itemindex")
	if index == "" {
		index = params.Word("with_item_index")
	}
	if index != "" {
		index = p.unique(index, index)
		op.Index = index
		op.Out = append(op.Out, table.Column{Name: index, Type: table.Long})
	}
	if limit != nil {
		n, good := b.whole(limit, e)
		op.Limit, ok = n, ok && good
	}
	return op, names, ok
}

func (b *binder) mvExpand(o *syntax.MvExpand, r *rel, e env) *rel {
	op, _, ok := b.expansion(o.Items, o.Params, o.Limit, r, e)
	op.Out = append(op.Out, r.hidden()...)
	out := r.then(op)
	out.open = r.open
	if !ok {
		out.open = out.open || unknownColumns(op.Out)
	}
	return out
}

func unknownColumns(s table.Schema) bool {
	return slices.ContainsFunc(s, func(c table.Column) bool { return c.Type == table.Unknown })
}

// mvApply runs a subquery over the elements of each row.
func (b *binder) mvApply(o *syntax.MvApply, r *rel, e env) *rel {
	if o.ID != nil {
		b.refuse(o.ID, "mv-apply … id")
	}
	r = b.shown(r)
	op, names, ok := b.expansion(o.Items, o.Params, o.Limit, r, e)
	in := source(&plan.Outer{Out: op.Out})
	in.open, in.ordered = r.open || !ok && unknownColumns(op.Out), true
	if o.On == nil {
		return nowhere()
	}
	old := b.op
	b.op = ""
	sub := b.pipe(o.On, e, in)
	b.op = old
	gives := sub.schema()
	m := &plan.MvApply{Expand: *op, Sub: b.shown(sub).pipe}
	// The subquery's columns stand in the place of the input's of the same name.
	var want table.Schema
	var keep table.Schema
	for _, c := range r.schema() {
		if i := gives.Index(c.Name); i >= 0 {
			want = append(want, gives[i])
		} else if !slices.Contains(names, c.Name) {
			want = append(want, c)
			keep = append(keep, c)
			m.Keep = append(m.Keep, c.Name)
		}
	}
	// an expanded column that the subquery gives stands where the others of its do
	want = slices.DeleteFunc(want, func(c table.Column) bool { return slices.Contains(names, c.Name) })
	for _, c := range gives {
		if want.Index(c.Name) < 0 {
			want = append(want, c)
		}
	}
	m.Out = append(keep[:len(keep):len(keep)], gives...)
	out := (&rel{pipe: r.pipe, name: r.name}).then(m)
	out.open = r.open || sub.open
	if !slices.Equal(m.Out, want) {
		out = out.then(&plan.Project{Cols: columns(want)})
	}
	return out
}

// partition runs a subquery over each group of rows.
func (b *binder) partition(o *syntax.Partition, r *rel, e env) *rel {
	if o.In != nil {
		b.refuse(o.In, "partition … in")
		return nowhere()
	}
	if o.Query != nil {
		b.refuse(o.Query, "partition by … { query }; write it as partition by … ( subquery )")
		return nowhere()
	}
	by := b.scalar(o.By, e)
	if _, ok := by.(*plan.Col); !ok && !isBad(by) {
		note(b.errorf(o.By, "KS109", "Column name expected."), "compute it with extend before partition")
	}
	if by.Type() == table.Dynamic {
		note(b.errorf(o.By, "SEM0020", "Rows cannot be partitioned by a value of type dynamic."), "use an explicit cast, as in extend k = tostring(…)")
	}
	r = b.shown(r)
	sub := b.subquery(o.Sub, r, e)
	if sub.open || isBad(by) || r.open {
		return nowhere()
	}
	return (&rel{pipe: r.pipe, name: r.name}).then(&plan.Partition{By: by, Sub: b.shown(sub).pipe})
}

// subquery binds a pipe over the rows of its operator.
func (b *binder) subquery(x syntax.Expr, r *rel, e env) *rel {
	in := source(&plan.Outer{Out: r.schema()})
	in.open, in.ordered = r.open, r.ordered
	old := b.op
	b.op = ""
	defer func() { b.op = old }()
	for {
		switch y := x.(type) {
		case *syntax.Paren:
			x = y.X
			continue
		case *syntax.Pipe:
			return b.pipe(y, e, in)
		}
		break
	}
	return b.rel(x, env{sc: e.sc})
}
