package bind

import (
	"slices"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

var joinKinds = map[string]plan.JoinKind{
	"": plan.InnerUnique, "innerunique": plan.InnerUnique, "inner": plan.Inner, "leftouter": plan.LeftOuter, "rightouter": plan.RightOuter,
	"fullouter": plan.FullOuter, "leftanti": plan.LeftAnti, "anti": plan.LeftAnti, "leftantisemi": plan.LeftAnti, "rightanti": plan.RightAnti,
	"rightantisemi": plan.RightAnti, "leftsemi": plan.LeftSemi, "rightsemi": plan.RightSemi,
}

func (b *binder) join(o *syntax.Join, r *rel, e env) *rel {
	word := o.Params.Word("kind")
	kind, ok := joinKinds[word]
	if !ok {
		d := b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of join.", word)
		didYouMean(d, fn.Nearest(word, joinKindNames()))
		note(d, "the kinds are innerunique, inner, leftouter, rightouter, fullouter, leftsemi, rightsemi, leftanti and rightanti")
		kind = plan.Inner
	}
	right := b.rel(o.Right, env{sc: e.sc})
	if o.Where != nil {
		b.refuse(o.Where, "join … where; write the condition as on $left.a == $right.b")
		return nowhere()
	}
	if len(o.On) == 0 {
		note(b.errorf(o, "SYN0002", "The join has no conditions."), "write on Column, or on $left.a == $right.b")
		return nowhere()
	}
	j := &plan.Join{Kind: kind}
	b.conditions(j, o.On, r, right, e)
	return b.joined(j, r, right, nil)
}

func joinKindNames() []string {
	var out []string
	for n := range joinKinds {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// lookup is a join that keeps one of two equal keys.
func (b *binder) lookup(o *syntax.Lookup, r *rel, e env) *rel {
	kind := plan.LeftOuter
	switch w := o.Params.Word("kind"); w {
	case "", "leftouter":
	case "inner":
		kind = plan.Inner
	default:
		note(b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of lookup.", w), "the kinds are leftouter and inner")
	}
	right := b.rel(o.Right, env{sc: e.sc})
	j := &plan.Join{Kind: kind}
	if len(o.On) == 0 {
		note(b.errorf(o, "SYN0002", "The lookup has no conditions."), "write on Column, or on $left.a == $right.b")
		return nowhere()
	}
	b.conditions(j, o.On, r, right, e)
	var drop []string
	for _, k := range j.RightKeys {
		if c, ok := underConversion(k).(*plan.Col); ok {
			drop = append(drop, c.Name)
		}
	}
	return b.joined(j, r, right, drop)
}

func underConversion(e plan.Expr) plan.Expr {
	if c, ok := e.(*plan.Call); ok && len(c.Args) == 1 && (c.Fn.Name == "tolong" || c.Fn.Name == "toreal" || c.Fn.Name == "todecimal") {
		return c.Args[0]
	}
	return e
}

// conditions adds the keys that the on clause names.
func (b *binder) conditions(j *plan.Join, on []syntax.Expr, left, right *rel, e env) {
	row := rowOf(left)
	row.right = rowOf(right)
	e.row = row
	for _, x := range on {
		if b.looked(x) {
			b.opts.Look.Right = slices.Clone(right.schema())
		}
		b.joinKey(j, x, e)
	}
}

func (b *binder) joinKey(j *plan.Join, x syntax.Expr, e env) {
	switch y := x.(type) {
	case *syntax.Paren:
		b.joinKey(j, y.X, e)
		return
	case *syntax.Name:
		b.commonKey(j, y, e)
		return
	case *syntax.Binary:
		switch y.Op {
		case "and":
			b.joinKey(j, y.X, e)
			b.joinKey(j, y.Y, e)
			return
		case "==":
			b.keyPair(j, y, e)
			return
		}
	case *syntax.BadExpr:
		return
	}
	note(b.errorf(x, "KS182", "This cannot be a condition of a join."), "write the name of a column that both sides have, or $left.a == $right.b")
}

// commonKey is a column that both sides have.
func (b *binder) commonKey(j *plan.Join, x *syntax.Name, e env) {
	l, ok := e.row.column(x.Name)
	r, ok2 := e.row.right.column(x.Name)
	switch {
	case ok && ok2:
		if l.Type != r.Type && l.Type != table.Unknown && r.Type != table.Unknown && !(l.Type.Numeric() && r.Type.Numeric()) {
			note(b.errorf(x, "KS227", "The column '%s' is of type %s on the left of the join and %s on the right.", x.Name, l.Type, r.Type), "convert one of them with extend before the join")
			return
		}
		b.addKeys(j, x, &plan.Col{Name: l.Name, T: l.Type}, &plan.Col{Name: r.Name, T: r.Type})
	case e.row.open && !ok || e.row.right.open && !ok2:
	default:
		side, have := "right", e.row.right.schema.Names()
		if !ok {
			side, have = "left", e.row.schema.Names()
		}
		b.lacks(x.Name)
		d := b.errorf(x, "KS145", "The column '%s' must exist on both sides of the join; the %s has none of that name.", x.Name, side)
		didYouMean(d, fn.Nearest(x.Name, have))
	}
}

// keyPair is $left.a == $right.b, in either order.
func (b *binder) keyPair(j *plan.Join, x *syntax.Binary, e env) {
	l, lside := b.joinSide(x.X, e)
	r, rside := b.joinSide(x.Y, e)
	if lside == "" || rside == "" {
		return
	}
	if lside == "$right" && rside == "$left" {
		l, r, lside, rside = r, l, rside, lside
	}
	if lside == rside {
		note(b.errorf(x, "KS183", "A condition of a join compares the left with the right."), "write $left.a == $right.b")
		return
	}
	b.addKeys(j, x, l, r)
}

// joinSide tells which side of the join an operand reads.
func (b *binder) joinSide(x syntax.Expr, e env) (plan.Expr, string) {
	for {
		p, ok := x.(*syntax.Paren)
		if !ok {
			break
		}
		x = p.X
	}
	side := ""
	syntax.Walk(x, func(n syntax.Node) bool {
		if n, ok := n.(*syntax.Name); ok && (n.Name == "$left" || n.Name == "$right") {
			if side != "" && side != n.Name {
				side = "both"
			} else {
				side = n.Name
			}
		}
		return true
	})
	switch side {
	case "", "both":
		note(b.errorf(x, "KS183", "An operand of a join's condition must be a column of one side."), "write $left.a == $right.b")
		return bad(), ""
	}
	p, ok := x.(*syntax.Path)
	if ok {
		if n, ok := p.X.(*syntax.Name); !ok || n.Name != side {
			p = nil
		}
	}
	if p == nil {
		note(b.errorf(x, "KS183", "An operand of a join's condition must be a column, not an expression."), "compute it with extend before the join")
		return bad(), ""
	}
	return b.scalar(x, e), side
}

func (b *binder) addKeys(j *plan.Join, at syntax.Node, l, r plan.Expr) {
	lt, rt := l.Type(), r.Type()
	switch {
	case lt == table.Unknown || rt == table.Unknown:
		return
	case lt == table.Dynamic || rt == table.Dynamic:
		note(b.errorf(at, "KS241", "Join keys cannot be of type dynamic."), "use an explicit cast before the join, as in extend k = tostring(…)")
		return
	case lt == rt:
	case lt.Numeric() && rt.Numeric():
		t := max(lt, rt)
		l, r = b.convert(l, t), b.convert(r, t)
	default:
		note(b.errorf(at, "KS242", "Inconsistent data types for join keys: (%s, %s)", lt, rt), "convert one of them with extend before the join")
		return
	}
	j.LeftKeys, j.RightKeys = append(j.LeftKeys, l), append(j.RightKeys, r)
}

// joined gives the result columns: the left's, then the right's without drop.
func (b *binder) joined(j *plan.Join, left, right *rel, drop []string) *rel {
	ls, rs := left.schema(), right.schema()
	// The hidden columns of the rows that the result is of go along: those of the left,
	// where it has any of its columns.
	var hidden table.Schema
	switch j.Kind {
	case plan.RightSemi, plan.RightAnti:
		hidden = right.hidden()
		rs = append(slices.Clip(rs), hidden...)
	default:
		hidden = left.hidden()
		ls = append(slices.Clip(ls), hidden...)
		right = b.shown(right)
	}
	j.Right = right.pipe
	var all table.Schema
	switch j.Kind {
	case plan.RightSemi, plan.RightAnti:
	default:
		for _, c := range ls {
			all = append(all, c)
			j.LeftCols = append(j.LeftCols, c.Name)
		}
	}
	switch j.Kind {
	case plan.LeftSemi, plan.LeftAnti:
	default:
		for _, c := range rs {
			if slices.Contains(drop, c.Name) {
				continue
			}
			all = append(all, c)
			j.RightCols = append(j.RightCols, c.Name)
		}
	}
	j.Out = uniqueNames(all)
	out := &rel{pipe: left.pipe, name: left.name}
	out = out.then(j)
	if len(hidden) > 0 && len(j.RightCols) > 0 && len(j.LeftCols) > 0 { // they come last
		var visible table.Schema
		for _, c := range j.Out {
			if !isHidden(c.Name) {
				visible = append(visible, c)
			}
		}
		out = out.then(&plan.Project{Cols: columns(append(visible, hidden...))})
	}
	switch j.Kind {
	case plan.RightSemi, plan.RightAnti:
		out.open = right.open
	case plan.LeftSemi, plan.LeftAnti:
		out.open = left.open
	default:
		out.open = left.open || right.open
	}
	return out
}

// uniqueNames numbers the second and later columns of a name: x, x1, x2; names
// that were there first keep theirs.
func uniqueNames(s table.Schema) table.Schema {
	first := map[string]int{}
	used := map[string]int{}
	for i, c := range s {
		if _, ok := first[c.Name]; !ok {
			first[c.Name] = i
			used[c.Name] = 0
		}
	}
	p := &projection{used: used}
	out := make(table.Schema, len(s))
	for i, c := range s {
		if first[c.Name] != i {
			c.Name = p.unique(c.Name, c.Name)
		}
		out[i] = c
	}
	return out
}
