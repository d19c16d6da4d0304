package plan

// widen moves a projection that adds nothing but constants behind what picks and
// orders rows: a search through a workspace adds thousands of nulls, and rows that
// are dropped need none. Two such projections become one.
func widen(_ *Rewriting, p *Pipeline) *Pipeline {
	var ops []Op
	for _, op := range p.Ops {
		last, ok := Op(nil), false
		var adds *Project
		if len(ops) > 0 {
			last = ops[len(ops)-1]
			adds, ok = last.(*Project)
		}
		if !ok || !Widens(adds) {
			ops = append(ops, op)
			continue
		}
		constant := map[string]Expr{}
		in := schemaBefore(&Pipeline{p.Source, ops}, len(ops)-1)
		for _, c := range adds.Cols {
			if k, ok := c.Expr.(*Const); ok {
				constant[c.Name] = k
			}
		}
		switch o := op.(type) {
		case *Project:
			if Widens(o) {
				out := &Project{Cols: mapNamed(o.Cols, func(e Expr) Expr { return substitute(e, constant) })}
				ops[len(ops)-1] = out
				continue
			}
		case *Filter, *Sort, *Take, *Top:
			free := true
			for _, e := range Expressions(op) {
				free = free && reads(e, func(n string) bool { return constant[n] == nil })
			}
			if free {
				ops = append(ops[:len(ops)-1], over(op, in), adds)
				continue
			}
		}
		ops = append(ops, op)
	}
	return &Pipeline{p.Source, ops}
}

// Widens says that a projection gives columns of its input under their names, and
// constants.
func Widens(p *Project) bool {
	some := false
	for _, c := range p.Cols {
		switch e := c.Expr.(type) {
		case *Const:
			some = true
		case *Col:
			if e.Name != c.Name {
				return false
			}
		default:
			return false
		}
	}
	return some && !p.Serialized
}
