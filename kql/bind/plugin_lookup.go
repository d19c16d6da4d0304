package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// lookedUp gives the columns of the rows, then those of the looked-up table but drop.
func (p *pluginArgs) lookedUp(o *plan.Plugin, right *rel, drop []string) *rel {
	s := p.r.schema()
	o.Keep = s.Names()
	all := slices.Clone(s)
	for _, c := range right.schema() {
		if !slices.Contains(drop, c.Name) {
			all = append(all, c)
			o.RightCols = append(o.RightCols, c.Name)
		}
	}
	o.Right = p.b.shown(right).pipe
	o.Out = uniqueNames(all)
	open := p.r.open || right.open
	if open {
		p.good = false
	}
	out := p.plugin(o)
	out.name, out.open = p.r.name, open || !p.good
	return out
}

// table is the first argument, the table in which is looked up.
func (p *pluginArgs) table() (*rel, env) {
	x := p.next("the table to look in")
	if x == nil {
		return nil, env{}
	}
	if n, ok := x.(*syntax.Named); ok {
		x = n.X
	}
	right := p.b.rel(x, env{sc: p.e.sc})
	return right, env{sc: p.e.sc, row: rowOf(right)}
}

// ipLookup finds the networks in which an address lies.
func (b *binder) ipLookup(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e, "return_unmatched")
	right, re := p.table()
	if right == nil {
		return p.wrong()
	}
	address := func(e env, what string) *plan.Col {
		x := p.next(what)
		if x == nil {
			return nil
		}
		col := p.asColumn(x, e)
		if col != nil && col.T != table.String {
			note(b.errorf(x, "KS107", "A column of type string is expected here, not %s.", col.T), "make it a text with extend before")
			p.good = false
		}
		return col
	}
	ip := address(e, "the column of addresses")
	network := address(re, "the column of networks")
	o := &plan.Plugin{}
	var drop []string
	for len(p.args) > 0 && c.Func.Name == "ipv4_lookup" {
		n, ok := p.args[0].(*syntax.Name)
		if !ok {
			break
		}
		p.args = p.args[1:]
		l, ok1 := e.row.column(n.Name)
		k, ok2 := re.row.column(n.Name)
		switch {
		case !ok1 && !r.open || !ok2 && !right.open:
			p.fail(n, "KS109", "The column '%s' must be on both sides.", n.Name)
		case ok1 && ok2 && l.Type != k.Type:
			p.fail(n, "KS227", "The common column '%s' must have the same type on both sides.", n.Name)
		case ok1 && ok2:
			o.Cols = append(o.Cols, plan.Named{Name: n.Name, Expr: &plan.Col{Name: n.Name, T: l.Type}})
			o.RightKeys = append(o.RightKeys, &plan.Col{Name: n.Name, T: k.Type})
			drop = append(drop, n.Name)
		}
	}
	all := p.flag("return_unmatched")
	o.Params = []plan.Expr{&plan.Const{Value: table.BoolValue(all)}}
	if ip != nil && network != nil {
		o.Cols = append(namedOf(ip), o.Cols...)
		o.RightKeys = append([]plan.Expr{network}, o.RightKeys...)
	}
	return p.lookedUp(o, right, drop)
}

// geoLookup finds the polygons, or lines, at which a point lies.
func (b *binder) geoLookup(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e, "radius", "return_unmatched", "lookup_area_radius", "return_lookup_key")
	right, re := p.table()
	if right == nil {
		return p.wrong()
	}
	x := p.next("the column of shapes")
	if x == nil {
		return p.wrong()
	}
	shape := p.asColumn(x, re)
	if shape != nil && shape.T != table.Dynamic {
		p.fail(x, "KS109", "A column of type dynamic with GeoJSON is expected here, not %s.", shape.T)
	}
	o := &plan.Plugin{}
	for _, what := range []string{"the column of longitudes", "the column of latitudes"} {
		x := p.next(what)
		if x == nil {
			return p.wrong()
		}
		v := b.scalar(x, e)
		switch {
		case isBad(v):
			p.good = false
		case !v.Type().Numeric():
			p.fail(x, "KS107", "A number is expected here, not a value of type %s.", v.Type())
		default:
			v = b.convert(v, table.Real)
		}
		o.Cols = append(o.Cols, plan.Named{Name: "$coordinate", Expr: v})
	}
	metres := func(name string, must bool) plan.Expr {
		x := p.named[name]
		if x == nil && len(p.args) > 0 {
			if l, ok := p.args[0].(*syntax.Literal); !ok || l.Kind != syntax.BoolLit {
				x = p.next(name)
			}
		}
		if x == nil {
			if must {
				p.fail(c, "KS119", "The plugin '%s' expects a radius in metres.", c.Func.Name)
			}
			return nil
		}
		return p.asConstant(x, table.Real)
	}
	o.Params = []plan.Expr{metres("radius", c.Func.Name == "geo_line_lookup"), nil}
	all := p.flag("return_unmatched")
	o.Params[1] = &plan.Const{Value: table.BoolValue(all)}
	metres("lookup_area_radius", false) // how to go about it, which is ours to know
	var drop []string
	if key := p.flag("return_lookup_key"); !key && shape != nil {
		drop = append(drop, shape.Name)
	}
	if shape != nil {
		o.RightKeys = []plan.Expr{shape}
	}
	return p.lookedUp(o, right, drop)
}
