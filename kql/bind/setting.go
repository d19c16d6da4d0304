package bind

import (
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// set takes an option of the request. Those that change what a query means are kept;
// the others, which tune Kusto's engine, have no meaning here.
func (b *binder) set(s *syntax.Set, sc *scope) {
	switch s.Name.Name {
	case "query_bin_auto_size", "query_bin_auto_at", bestEffort:
	default:
		return
	}
	if s.Value == nil && s.Name.Name == bestEffort { // named alone it is true
		b.setTo(bestEffort, table.BoolValue(true))
		return
	}
	if s.Value == nil {
		b.errorf(s, "KS129", "'%s' expects a constant.", s.Name.Name)
		return
	}
	v := b.scalar(s.Value, env{sc: sc})
	c, ok := v.(*plan.Const)
	switch {
	case isBad(v):
	case !ok:
		b.errorf(s.Value, "KS129", "'%s' expects a constant.", s.Name.Name)
	default:
		b.setTo(s.Name.Name, c.Value)
	}
}

// bestEffort has unions leave out the tables that do not exist, as isfuzzy=true of each
// does.
const bestEffort = "best_effort"

func (b *binder) setTo(setting string, v table.Value) {
	if b.settings == nil {
		b.settings = map[string]table.Value{}
	}
	b.settings[setting] = v
}

// binAuto is bin with the size, and from the start, that the query has set.
func (b *binder) binAuto(x *syntax.Call, e env) plan.Expr {
	if len(x.Args) != 1 {
		b.errorf(x, "KS119", "The function 'bin_auto' expects 1 argument, not %d.", len(x.Args))
		return bad()
	}
	v := b.scalar(x.Args[0], e)
	size, ok := b.settings["query_bin_auto_size"]
	if !ok {
		note(b.errorf(x, "SXT006", "bin_auto() has no size to go by."), "write set query_bin_auto_size=1h; before the query, or bin(value, size)")
		return bad()
	}
	args := []arg{{expr: v, at: x.Args[0]}, {expr: &plan.Const{Value: size}, at: x}}
	name := "bin"
	if at, ok := b.settings["query_bin_auto_at"]; ok {
		name = "bin_at"
		args = append(args, arg{expr: &plan.Const{Value: at}, at: x})
	}
	return b.resolve(x, b.cat.Scalar(name), args)
}
