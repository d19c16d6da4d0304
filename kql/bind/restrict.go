package bind

import (
	"maps"

	"sextant/kql/syntax"
	"sextant/table"
)

// restricted is an environment of which a query may see a part: restrict access to (…).
type restricted struct {
	whole    Environment
	patterns []string // names, with * for any text
}

func (r *restricted) allows(name string) bool {
	for _, p := range r.patterns {
		if Like(p, name) {
			return true
		}
	}
	return false
}

func (r *restricted) Table(name string) (table.Def, bool) {
	if !r.allows(name) {
		return table.Def{}, false
	}
	return r.whole.Table(name)
}

func (r *restricted) Tables() []string {
	var out []string
	for _, n := range r.whole.Tables() {
		if r.allows(n) {
			out = append(out, n)
		}
	}
	return out
}

func (r *restricted) Function(name string) (*syntax.Let, bool) {
	if !r.allows(name) {
		return nil, false
	}
	return r.whole.Function(name)
}

// restrict makes of the tables, and of the tables that the query has declared so far, only
// those visible that are listed. Those keep what they were made of: that is how a view
// shows a part of a table that cannot be read otherwise.
func (b *binder) restrict(s *syntax.Restrict, sc *scope) {
	r := &restricted{whole: b.env}
	for _, x := range s.Items {
		if p, ok := x.(*syntax.Path); ok { // database("d").Name: there is one
			x = p.Sel
		}
		switch x := x.(type) {
		case *syntax.Name:
			r.patterns = append(r.patterns, x.Name)
		case *syntax.Wildcard:
			r.patterns = append(r.patterns, x.Pattern)
		case *syntax.Star:
			r.patterns = append(r.patterns, "*")
		case *syntax.BadExpr:
		default:
			note(b.errorf(x, "KS109", "The name of a table is expected here."), "names may have a *")
		}
	}
	visible, before := maps.Clone(sc.names), &scope{up: sc.up, names: sc.names}
	for name, ent := range sc.names {
		switch {
		case ent.lambda != nil && (r.allows(name) || !b.entityTabular(ent)):
			kept := *ent
			if kept.env == nil {
				kept.env, kept.in = b.env, before
			}
			visible[name] = &kept
		case b.entityTabular(ent) && !r.allows(name):
			delete(visible, name)
		}
	}
	sc.names = visible
	b.env = r
}

// saved is a function of the environment, which sees all of it.
func (b *binder) saved(let *syntax.Let) *entity {
	e := savedEntity(let)
	for r, ok := b.env.(*restricted); ok; r, ok = r.whole.(*restricted) {
		e.env = r.whole
	}
	return e
}

// seeing makes the names of an environment those that are bound, and gives back what undoes
// it; nil changes nothing.
func (b *binder) seeing(env Environment) func() {
	old := b.env
	if env != nil {
		b.env = env
	}
	return func() { b.env = old }
}
