package plan

import (
	"context"
	"slices"

	"sextant/kql/fn"
	"sextant/table"
)

// hints tells a scan which times, ids and words the filters behind it let through,
// so that segments can be left out. The filters stay.
func hints(r *Rewriting, p *Pipeline) *Pipeline {
	s, ok := p.Source.(*Scan)
	if !ok {
		return p
	}
	out := *s
	for _, op := range p.Ops {
		f, ok := op.(*Filter)
		if !ok {
			break
		}
		for _, c := range Conjuncts(f.Pred) {
			r.timeHint(&out, c)
			equalHint(&out, c)
			termHint(&out, c)
		}
	}
	if out.From == s.From && out.To == s.To && slices.Equal(out.Bounds, s.Bounds) && len(out.Equal) == len(s.Equal) && len(out.Terms) == len(s.Terms) {
		return p
	}
	return &Pipeline{&out, p.Ops}
}

// ticks of an expression that is a constant once the time is known.
func (r *Rewriting) ticks(e Expr) (int64, bool) {
	if !movable(e) || len(Columns(e)) > 0 {
		return 0, false
	}
	c := fn.NewContext(context.Background(), r.Now, 0, nil)
	e = Rewrite(e, func(e Expr) Expr { return r.foldOne(c, e) })
	k, ok := e.(*Const)
	if !ok || k.Value.IsNull() || k.Value.Type() != table.DateTime {
		return 0, false
	}
	return k.Value.Int64(), true
}

// timeHint of a comparison of a datetime column with a time.
func (r *Rewriting) timeHint(s *Scan, e Expr) {
	c, ok := e.(*Call)
	if !ok {
		return
	}
	isTime := func(e Expr) bool {
		x, ok := e.(*Col)
		return ok && x.T == table.DateTime && s.Def.Columns.Index(x.Name) >= 0
	}
	op := c.Fn.Name
	if op == "between" && len(c.Args) == 3 && isTime(c.Args[0]) {
		name := c.Args[0].(*Col).Name
		if t, ok := r.ticks(c.Args[1]); ok {
			s.from(name, t)
		}
		if t, ok := r.ticks(c.Args[2]); ok {
			s.to(name, t+1)
		}
		return
	}
	if len(c.Args) != 2 {
		return
	}
	x, y := c.Args[0], c.Args[1]
	if isTime(y) {
		x, y = y, x
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}[op]
	}
	if !isTime(x) {
		return
	}
	t, ok := r.ticks(y)
	if !ok {
		return
	}
	name := x.(*Col).Name
	switch op {
	case ">":
		s.from(name, t+1)
	case ">=":
		s.from(name, t)
	case "<":
		s.to(name, t)
	case "<=":
		s.to(name, t+1)
	case "==":
		s.from(name, t)
		s.to(name, t+1)
	}
}

// from says that a time is t or later, to that it is before t.
func (s *Scan) from(column string, t int64) {
	if column == s.Def.Time {
		s.From = max(s.From, t)
		return
	}
	b := s.bound(column)
	b.From = max(b.From, t)
}

func (s *Scan) to(column string, t int64) {
	to := &s.To
	if column != s.Def.Time {
		to = &s.bound(column).To
	}
	if t > 0 && (*to == 0 || t < *to) {
		*to = t
	}
}

// bound of a column, which may be changed: the scan's list is not another's.
func (s *Scan) bound(column string) *Bound {
	s.Bounds = slices.Clone(s.Bounds)
	for i := range s.Bounds {
		if s.Bounds[i].Column == column {
			return &s.Bounds[i]
		}
	}
	s.Bounds = append(s.Bounds, Bound{Column: column})
	return &s.Bounds[len(s.Bounds)-1]
}

// Equals are the values that a filter wants of columns of a table that have an index.
func Equals(def table.Def, pred Expr) []Equal {
	s := Scan{Def: def}
	for _, c := range Conjuncts(pred) {
		equalHint(&s, c)
	}
	return s.Equal
}

// maxEqual is how many values of an id are worth looking up.
const maxEqual = 100

func equalHint(s *Scan, e Expr) {
	c, ok := e.(*Call)
	if !ok || len(c.Args) < 2 || len(c.Args) > maxEqual {
		return
	}
	if c.Fn.Name != "==" && c.Fn.Name != "in" {
		return
	}
	x, vals := c.Args[0], c.Args[1:]
	if k, ok := x.(*Const); ok && c.Fn.Name == "==" {
		x, vals = c.Args[1], []Expr{k}
	}
	col, ok := x.(*Col)
	if !ok || col.T != table.String || !slices.Contains(s.Def.IDs, col.Name) {
		return
	}
	eq := Equal{Column: col.Name}
	for _, v := range vals {
		k, ok := v.(*Const)
		if !ok {
			return
		}
		switch k.Value.Type() {
		case table.String:
			eq.Values = append(eq.Values, k.Value.Str())
		case table.Dynamic: // in (dynamic([…])): its texts; another element equals no text
			list, ok := k.Value.Dyn().([]any)
			if !ok || len(list) > maxEqual {
				return
			}
			for _, d := range list {
				if t, ok := d.(string); ok {
					eq.Values = append(eq.Values, t)
				} else {
					return
				}
			}
		default:
			return
		}
	}
	for _, have := range s.Equal {
		if have.Column == eq.Column && slices.Equal(have.Values, eq.Values) {
			return
		}
	}
	s.Equal = append(s.Equal[:len(s.Equal):len(s.Equal)], eq)
}
