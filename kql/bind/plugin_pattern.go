package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Plugins that find combinations of values in many rows. An argument '~' asks for
// the default.

// optional reads an argument that may be left out or be '~'.
func (p *pluginArgs) optional(t table.Type) plan.Expr {
	if len(p.args) == 0 {
		return nil
	}
	x := p.next("")
	if p.tilde(x) {
		return nil
	}
	return p.asConstant(x, t)
}

func (p *pluginArgs) tilde(x syntax.Expr) bool {
	l, ok := x.(*syntax.Literal)
	return ok && l.Kind == syntax.StringLit && l.Text == "~"
}

// weight reads the column of weights.
func (p *pluginArgs) weight() *plan.Col {
	if len(p.args) == 0 {
		return nil
	}
	x := p.next("")
	if p.tilde(x) {
		return nil
	}
	c := p.asColumn(x, p.e)
	if c != nil && !c.T.Numeric() {
		p.fail(x, "KS107", "A column of numbers is expected here, not one of type %s.", c.T)
	}
	return c
}

// patterns gives the result: head, then the columns of the rows, of which each
// pattern sets some and the others have the wildcard of their type. Params are the
// number of columns that are read but not shown in patterns, then what the plugin
// adds, then for each column its wildcard or nil.
func (p *pluginArgs) patterns(o *plan.Plugin, head table.Schema, skip ...*plan.Col) *rel {
	s := p.r.schema()
	wild := make([]plan.Expr, len(s))
	for len(p.args) > 0 {
		x := p.next("")
		if p.tilde(x) {
			continue
		}
		v, ok := p.value(x, table.Unknown)
		if !ok {
			break
		}
		for i, c := range s {
			if c.Type == v.Type() || c.Type.Numeric() && v.Type().Numeric() {
				wild[i] = p.b.convert(&plan.Const{Value: v}, c.Type)
			}
		}
	}
	o.Cols = append(o.Cols, columns(s)...)
	o.Params = append(o.Params, wild...)
	o.Out = uniqueNames(slices.Concat(head, s))
	names := map[string]bool{}
	for _, c := range skip {
		if c != nil {
			names[c.Name] = true
		}
	}
	for _, c := range s { // which columns take part
		o.Params = append(o.Params, &plan.Const{Value: table.BoolValue(!names[c.Name])})
	}
	if p.r.open {
		p.good = false
	}
	out := p.plugin(o)
	out.open = p.r.open
	return out
}

// segments is basket and autocluster: a share, a weight, a number.
func (b *binder) segments(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	o := &plan.Plugin{Params: []plan.Expr{p.optional(table.Real)}}
	w := p.weight()
	if w != nil {
		o.Cols = namedOf(w)
	}
	o.Params = append(o.Params, p.optional(table.Long), &plan.Const{Value: table.BoolValue(w != nil)})
	return p.patterns(o, fixed("SegmentId:long Count:long Percent:real"), w)
}

func (b *binder) diffPatterns(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	split := p.column("the column that splits the rows")
	if split == nil {
		return p.wrong()
	}
	o := &plan.Plugin{Cols: []plan.Named{{Name: "$split", Expr: b.convert(split, table.String)}}}
	var sides []plan.Expr
	for range 2 {
		x := p.next("a value of the column that splits the rows")
		if x == nil {
			return p.wrong()
		}
		v := p.asConstant(x, table.Unknown)
		if isBad(v) {
			return p.wrong()
		}
		sides = append(sides, b.convert(v, table.String))
	}
	w := p.weight()
	if w != nil {
		o.Cols = append(o.Cols, namedOf(w)...)
	}
	o.Params = append([]plan.Expr{p.optional(table.Real), p.optional(table.Long), &plan.Const{Value: table.BoolValue(w != nil)}}, sides...)
	return p.patterns(o, fixed("SegmentId:long CountA:long CountB:long PercentA:real PercentB:real PercentDiffAB:real"), w, split)
}
