package plan

import (
	"slices"
	"strings"

	"sextant/table"
)

// together looks for one text in many texts at once: `a has x or b has x or …`
// becomes has over all of them joined by a character that x does not have and that
// ends terms. Hundreds of patterns take an engine longer to prepare than the rows
// take to be read. It runs after hints, which know columns.
func together(r *Rewriting, p *Pipeline) *Pipeline {
	out := &Pipeline{Source: p.Source}
	changed := false
	for _, op := range p.Ops {
		if f, ok := op.(*Filter); ok {
			if pred := r.together(f.Pred); pred != f.Pred {
				op, changed = &Filter{f.In, pred}, true
			}
		}
		out.Ops = append(out.Ops, op)
	}
	if !changed {
		return p
	}
	return out
}

const (
	// minTogether columns are worth joining.
	minTogether = 4
	textBorder  = "\n"
)

func (r *Rewriting) together(e Expr) Expr {
	c, ok := e.(*Call)
	if !ok || len(c.Args) != 2 {
		return e
	}
	if c.Fn.Name == "and" {
		a, b := r.together(c.Args[0]), r.together(c.Args[1])
		if a == c.Args[0] && b == c.Args[1] {
			return e
		}
		return r.call("and", table.Bool, a, b)
	}
	if c.Fn.Name != "or" {
		return e
	}
	var order []lookFor
	var rest []Expr
	found := map[lookFor][]Expr{} // where each text is looked for
	for _, d := range disjuncts(e) {
		s, of := searchOf(d)
		if of == nil {
			rest = append(rest, r.together(d))
			continue
		}
		if found[s] == nil {
			order = append(order, s)
		}
		found[s] = append(found[s], of)
	}
	if !slices.ContainsFunc(order, func(s lookFor) bool { return len(found[s]) >= minTogether }) {
		return e
	}
	var all []Expr
	for _, s := range order {
		if len(found[s]) < minTogether {
			for _, of := range found[s] {
				all = append(all, r.call(s.op, table.Bool, of, &Const{Value: table.StringValue(s.text)}))
			}
			continue
		}
		args := []Expr{&Const{Value: table.StringValue(textBorder)}}
		args = append(args, found[s]...)
		all = append(all, r.call(s.op, table.Bool, r.call("strcat_delim", table.String, args...), &Const{Value: table.StringValue(s.text)}))
	}
	all = append(all, rest...)
	return r.any(all)
}

// any is the disjunction of predicates, balanced.
func (r *Rewriting) any(preds []Expr) Expr {
	if len(preds) == 1 {
		return preds[0]
	}
	h := len(preds) / 2
	return r.call("or", table.Bool, r.any(preds[:h]), r.any(preds[h:]))
}

// lookFor is an operator and the text on its right side.
type lookFor struct{ op, text string }

// searchOf is what a predicate looks for, and in which text; nil where it is
// another predicate.
func searchOf(e Expr) (lookFor, Expr) {
	c, ok := e.(*Call)
	if !ok || len(c.Args) != 2 || c.Args[0].Type() != table.String || !movable(c.Args[0]) {
		return lookFor{}, nil
	}
	switch c.Fn.Name {
	case "has", "has_cs", "contains", "contains_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs":
	default:
		return lookFor{}, nil
	}
	k, ok := c.Args[1].(*Const)
	if !ok || k.Value.Type() != table.String || strings.Contains(k.Value.Str(), textBorder) {
		return lookFor{}, nil
	}
	return lookFor{c.Fn.Name, k.Value.Str()}, c.Args[0]
}

// disjuncts splits a predicate at its ors.
func disjuncts(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Fn.Name == "or" {
		var out []Expr
		for _, a := range c.Args {
			out = append(out, disjuncts(a)...)
		}
		return out
	}
	return []Expr{e}
}
