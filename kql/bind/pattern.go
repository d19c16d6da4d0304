package bind

import (
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// pattern is what declare pattern makes: bodies, picked by constant arguments.
type pattern struct {
	decl *syntax.DeclarePattern
	in   *scope
}

// declarePattern declares P; P("a").["b"] is then the body whose case has these values.
// A pattern without cases stands for what another service would fill in: it is refused
// where it is used.
func (b *binder) declarePattern(s *syntax.DeclarePattern, sc *scope) {
	name := s.Name.Name
	if _, twice := sc.names[name]; twice {
		b.errorf(&s.Name, "KS201", "A variable with the name '%s' has already been declared.", name)
		return
	}
	for _, c := range s.Cases {
		if len(c.Args) != len(s.Params) {
			b.errorf(c, "KS119", "The pattern '%s' has %d parameters, and this case gives %d values.", name, len(s.Params), len(c.Args))
		}
		if (c.Path == nil) != (s.Path == nil) {
			b.errorf(c, "KS119", "Either the pattern '%s' and all its cases have a path, or none has.", name)
		}
	}
	sc.names[name] = &entity{pattern: &pattern{s, sc}}
}

// patternCall is P(…) or P(…).[path] as a table; ok is false where x names no pattern.
func (b *binder) patternCall(x syntax.Expr, e env) (r *rel, ok bool) {
	call, path := patternParts(x)
	if call == nil {
		return nil, false
	}
	ent := e.sc.find(call.Func.Name)
	if ent == nil || ent.pattern == nil {
		return nil, false
	}
	d := ent.pattern.decl
	if !d.Defined {
		b.errorf(x, "KS204", "The pattern '%s' is declared without cases.", d.Name.Name)
		return nowhere(), true
	}
	var want []table.Value
	args := call.Args
	if path != nil {
		args = append(args[:len(args):len(args)], path)
	}
	for _, a := range args {
		v := b.scalar(a, env{sc: e.sc})
		c, isConst := v.(*plan.Const)
		if !isConst {
			if !isBad(v) {
				b.errorf(a, "KS129", "The arguments of a pattern must be constants.")
			}
			return nowhere(), true
		}
		want = append(want, c.Value)
	}
next:
	for _, c := range d.Cases {
		values := c.Args
		if c.Path != nil {
			values = append(values[:len(values):len(values)], c.Path)
		}
		if len(values) != len(want) {
			continue
		}
		for i, v := range values {
			k, isConst := b.scalar(v, env{sc: ent.pattern.in}).(*plan.Const)
			if !isConst || k.Value.Text() != want[i].Text() {
				continue next
			}
		}
		body := &syntax.Lambda{Place: c.Place, Body: c.Body}
		return b.entityRel(x, &entity{lambda: body, in: ent.pattern.in}, d.Name.Name, nil, e), true
	}
	b.errorf(x, "KS204", "The pattern '%s' has no case for these values.", d.Name.Name)
	return nowhere(), true
}

// patternParts takes P(…), P(…).name, P(…).["name"] and P(…)["name"] apart.
func patternParts(x syntax.Expr) (call *syntax.Call, path syntax.Expr) {
	switch y := x.(type) {
	case *syntax.Call:
		return y, nil
	case *syntax.Index:
		c, _ := y.X.(*syntax.Call)
		return c, y.I
	case *syntax.Path:
		c, _ := y.X.(*syntax.Call)
		if n, ok := y.Sel.(*syntax.Name); ok {
			return c, &syntax.Literal{Place: n.Place, Kind: syntax.StringLit, Text: n.Name}
		}
	}
	return nil, nil
}
