package bind

import (
	"slices"
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// pluginArgs reads the arguments of a plugin one after the other. After the first
// that is wrong, good is false and everything reads as a placeholder.
type pluginArgs struct {
	b     *binder
	call  *syntax.Call
	r     *rel
	e     env
	args  []syntax.Expr            // by place
	named map[string]syntax.Expr   // name = value, for parameters that may be named
	at    map[string]*syntax.Named // where they were written
	good  bool
}

// pluginArgs sorts the arguments of a call; names that are not those of parameters
// stay with their value at their place.
func (b *binder) pluginArgs(c *syntax.Call, r *rel, e env, names ...string) *pluginArgs {
	p := &pluginArgs{b: b, call: c, r: r, e: e, named: map[string]syntax.Expr{}, at: map[string]*syntax.Named{}, good: true}
	for _, a := range c.Args {
		if n, ok := a.(*syntax.Named); ok && len(n.Names) == 1 && slices.Contains(names, n.Names[0].Name) {
			p.named[n.Names[0].Name] = n.X
			p.at[n.Names[0].Name] = n
			continue
		}
		p.args = append(p.args, a)
	}
	return p
}

func (p *pluginArgs) fail(at syntax.Node, code, format string, args ...any) {
	p.good = false
	p.b.errorf(at, code, format, args...)
}

// next is the next argument by place; nil, and an error, where there is none.
func (p *pluginArgs) next(what string) syntax.Expr {
	if len(p.args) == 0 {
		if p.good {
			p.fail(p.call, "KS119", "The plugin '%s' expects %s as its next argument.", p.call.Func.Name, what)
		}
		return nil
	}
	x := p.args[0]
	p.args = p.args[1:]
	return x
}

// end refuses arguments that are left.
func (p *pluginArgs) end() {
	if len(p.args) > 0 && p.good {
		p.fail(p.args[0], "KS119", "The plugin '%s' expects no argument here.", p.call.Func.Name)
	}
}

// column is an argument that must be a column of the rows.
func (p *pluginArgs) column(what string) *plan.Col {
	x := p.next(what)
	if x == nil {
		return nil
	}
	return p.asColumn(x, p.e)
}

func (p *pluginArgs) asColumn(x syntax.Expr, e env) *plan.Col {
	v := p.b.scalar(x, e)
	c, ok := v.(*plan.Col)
	if !ok {
		p.good = false
		if !isBad(v) {
			p.b.errorf(x, "KS109", "Column name expected.")
		}
		return nil
	}
	return c
}

// plain is a column that is no dynamic: an ID or a dimension.
func (p *pluginArgs) plain(what string) *plan.Col {
	if len(p.args) == 0 {
		p.next(what)
		return nil
	}
	x := p.args[0]
	c := p.column(what)
	if c != nil && c.T == table.Dynamic {
		p.fail(x, "KS126", "A column of type dynamic cannot stand here; make it a text with extend before.")
		return nil
	}
	return c
}

// timeline is the column along which things happen.
func (p *pluginArgs) timeline(what string) *plan.Col {
	if len(p.args) == 0 {
		p.next(what)
		return nil
	}
	x := p.args[0]
	c := p.column(what)
	if c == nil {
		return nil
	}
	switch c.T {
	case table.DateTime, table.TimeSpan, table.Int, table.Long:
		return c
	}
	note(p.b.errorf(x, "KS138", "The timeline must be a datetime, a timespan or a whole number, not %s.", c.T), "convert it with extend before")
	p.good = false
	return nil
}

// dimensions are the columns that are left.
func (p *pluginArgs) dimensions() []*plan.Col {
	var out []*plan.Col
	for len(p.args) > 0 {
		c := p.plain("a column")
		if c == nil {
			return nil
		}
		out = append(out, c)
	}
	return out
}

// constant is an argument that reads no column, converted to the type. Unknown takes
// any.
func (p *pluginArgs) constant(what string, t table.Type) plan.Expr {
	x := p.next(what)
	if x == nil {
		return nil
	}
	return p.asConstant(x, t)
}

func (p *pluginArgs) asConstant(x syntax.Expr, t table.Type) plan.Expr {
	v := p.b.scalar(x, env{sc: p.e.sc})
	have := v.Type()
	switch {
	case have == table.Unknown:
		p.good = false
	case have == t || t == table.Unknown:
	case have.Numeric() && t.Numeric():
		v = p.b.convert(v, t)
	default:
		p.fail(x, "KS107", "A value of type %s is expected here, not %s.", t, have)
	}
	return v
}

// value is a constant that is known now; a default where it is not given.
func (p *pluginArgs) value(x syntax.Expr, t table.Type) (table.Value, bool) {
	v := p.asConstant(x, t)
	c, ok := v.(*plan.Const)
	if !ok {
		p.fail(x, "KS129", "The expression must be a constant.")
		return table.Value{}, false
	}
	return c.Value, p.good
}

// flag is a boolean parameter, by name or at its place.
func (p *pluginArgs) flag(name string) bool {
	x := p.named[name]
	if x == nil && len(p.args) > 0 {
		x = p.next(name)
	}
	if x == nil {
		return false
	}
	v, ok := p.value(x, table.Bool)
	return ok && v.Bool()
}

// span is the type of a distance along a timeline.
func span(t table.Type) table.Type {
	if t == table.DateTime {
		return table.TimeSpan
	}
	return t
}

// fixed is a schema written as "a:long b:real".
func fixed(cols string) table.Schema {
	var out table.Schema
	for _, c := range strings.Fields(cols) {
		name, typ, _ := strings.Cut(c, ":")
		t, ok := table.ParseType(typ)
		if !ok {
			panic("bind: no type in " + c)
		}
		out = append(out, table.Column{Name: name, Type: t})
	}
	return out
}

func schemaOf(cols ...*plan.Col) table.Schema {
	var out table.Schema
	for _, c := range cols {
		out = append(out, table.Column{Name: c.Name, Type: c.T})
	}
	return out
}

func namedOf(cols ...*plan.Col) []plan.Named {
	var out []plan.Named
	for _, c := range cols {
		out = append(out, plan.Named{Name: c.Name, Expr: c})
	}
	return out
}

// plugin is r followed by the plugin, or, where something is wrong, rows of which
// only the columns are known.
func (p *pluginArgs) plugin(o *plan.Plugin) *rel {
	p.end()
	o.Name = p.call.Func.Name
	if !p.good {
		out := source(&plan.Values{Out: o.Out})
		out.open = true
		return out
	}
	return (&rel{pipe: p.r.pipe}).then(o)
}

// wrong is what a plugin with bad arguments gives: columns that nobody knows.
func (p *pluginArgs) wrong() *rel { return nowhere() }
