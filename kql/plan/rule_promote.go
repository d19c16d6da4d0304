package plan

import (
	"fmt"
	"slices"

	"sextant/table"
)

// promote reads paths of JSON columns from the typed columns beside them.
//
// The rows of a scan fall into two parts. Where table.HiddenOdd is false, an
// expression over a path is the same expression over the promoted column; where
// it is true, it is computed from the text, as written. So the scan becomes a
// union of two, each with its own meaning of the new columns $p1, $p2, …, and
// what follows is the same for both. An engine that knows its segments reads
// nothing for the second part when there is nothing odd.
func promote(r *Rewriting, p *Pipeline) *Pipeline {
	s, ok := p.Source.(*Scan)
	if !ok || len(s.Def.Promoted) == 0 || oddness(p) == oddAlways {
		return p
	}
	m := &promoting{r: r, scan: s, at: map[string]int{}, live: map[string]bool{}}
	for _, c := range s.Out {
		m.live[c.Name] = true
	}
	out := &Pipeline{Source: s}
	var rest []Op
	for i, op := range p.Ops {
		next, more := m.op(op)
		out.Ops = append(out.Ops, next)
		if !more {
			rest = p.Ops[i+1:]
			break
		}
	}
	if len(m.made) == 0 {
		return p
	}
	return m.build(out, rest, p)
}

// promoting collects the expressions of one scan that promoted columns can stand for.
type promoting struct {
	r    *Rewriting
	scan *Scan
	made []promotedExpr
	at   map[string]int  // by the text of the expression
	live map[string]bool // columns of the scan that still have their name and value
}

// promotedExpr is a new column: as written, and over promoted columns.
type promotedExpr struct {
	name       string
	text, fast Expr
}

// op rewrites an operator; false where the columns of the scan do not live on.
func (m *promoting) op(op Op) (Op, bool) {
	switch o := op.(type) {
	case *Filter:
		return &Filter{o.In, m.predicate(o.Pred)}, true
	case *Sort, *Top, *Take, *Serialize, *Sample:
		return mapExprs(op, m.rewrite), true
	case *Project:
		next := &Project{mapNamed(o.Cols, m.rewrite), o.Serialized}
		same := map[string]bool{}
		for _, c := range o.Cols {
			if x, ok := c.Expr.(*Col); ok && x.Name == c.Name {
				same[c.Name] = true
			}
		}
		for n := range m.live {
			m.live[n] = m.live[n] && same[n]
		}
		return next, true
	case *Summarize, *Join, *MakeSeries, *TopNested, *SampleDistinct, *Reduce, *MvExpand, *Parse:
		return mapExprs(op, m.rewrite), false
	}
	return op, false
}

// rewrite replaces what has the same value in any place.
func (m *promoting) rewrite(e Expr) Expr {
	if fast := m.value(e); fast != nil {
		return m.column(e, fast)
	}
	if c, ok := e.(*Call); ok {
		args, changed := make([]Expr, len(c.Args)), false
		for i, a := range c.Args {
			args[i] = m.rewrite(a)
			changed = changed || args[i] != a
		}
		if changed {
			n := *c
			n.Args = args
			return &n
		}
	}
	return e
}

// predicate replaces also what may be false where the text gives null: a filter
// drops both. That holds below and and or, not below not.
func (m *promoting) predicate(e Expr) Expr {
	if c, ok := e.(*Call); ok {
		if c.Fn.Name == "and" || c.Fn.Name == "or" {
			n := *c
			n.Args = mapAll(c.Args, m.predicate)
			return &n
		}
		if fast := m.test(c); fast != nil {
			return m.column(e, fast)
		}
	}
	return m.rewrite(e)
}

// column is the new column for an expression, one for all its places.
func (m *promoting) column(text, fast Expr) Expr {
	key := text.String()
	i, ok := m.at[key]
	if !ok {
		i = len(m.made)
		m.at[key] = i
		m.made = append(m.made, promotedExpr{fmt.Sprintf("$p%d", i+1), text, fast})
	}
	return &Col{m.made[i].name, text.Type()}
}

// path finds the promoted column behind a chain of property names. The result
// reads it: the column itself, or an element of it.
func (m *promoting) path(e Expr) (Expr, table.Type) {
	path := ""
	var element Expr
	for {
		switch x := e.(type) {
		case *Member:
			path = join(x.Key, path)
			e = x.Of
			continue
		case *Index:
			k, ok := x.I.(*Const)
			switch {
			case !ok:
				return nil, 0
			case k.Value.Type() == table.String:
				path = join(k.Value.Str(), path)
			case k.Value.Type() == table.Long && element == nil && path != "":
				element = k
				path = "[]." + path
			default:
				return nil, 0
			}
			e = x.Of
			if element != nil && path[:3] != "[]." {
				return nil, 0 // an element of a property
			}
			continue
		case *Call:
			if n := x.Fn.Name; (n == "parse_json" || n == "todynamic") && len(x.Args) == 1 && x.Args[0].Type() == table.String {
				e = x.Args[0]
				if _, ok := e.(*Col); ok {
					continue
				}
			}
			return nil, 0
		case *Col:
			if !m.live[x.Name] || path == "" {
				return nil, 0
			}
			for _, p := range m.scan.Def.Promoted {
				if p.Column == x.Name && p.Path == path {
					c := &Col{p.Name(), p.Type}
					if element != nil {
						return &Index{c, element}, table.String
					}
					return c, p.Type
				}
			}
		}
		return nil, 0
	}
}

func join(key, path string) string {
	if path == "" {
		return key
	}
	return key + "." + path
}

// value is a form of e over promoted columns that has the same value, null or not.
func (m *promoting) value(e Expr) Expr {
	c, ok := e.(*Call)
	if !ok || len(c.Args) != 1 {
		return nil
	}
	switch c.Fn.Name {
	case "tostring", "toint", "tolong", "todouble", "toreal", "tobool", "isempty", "isnotempty":
	default:
		return nil
	}
	p, t := m.path(c.Args[0])
	if p == nil {
		return nil
	}
	again := func() Expr { return m.r.call(c.Fn.Name, c.T, p) }
	switch c.Fn.Name {
	case "tostring":
		switch {
		case p.Type() == table.String:
			return p
		case t == table.String, t == table.Long: // the element of a list; a whole number
			return again()
		}
	case "toint", "tolong":
		if t == table.Long {
			if c.T == table.Long {
				return p
			}
			return again()
		}
	case "todouble", "toreal":
		switch {
		case t == table.Real:
			return p
		case t == table.Long:
			return again()
		}
	case "tobool":
		if t == table.Bool {
			return p
		}
	case "isempty", "isnotempty":
		if t == table.String {
			return again()
		}
	}
	return nil
}

// tests that give true for the same rows, whether a missing text is null or "".
var tests = map[string]bool{"==": true, "=~": true, "has": true, "has_cs": true, "contains": true, "contains_cs": true, "startswith": true,
	"startswith_cs": true, "endswith": true, "endswith_cs": true, "hasprefix": true, "hasprefix_cs": true, "hassuffix": true, "hassuffix_cs": true,
	"in": true, "in~": true, "has_any": true}

// test is a form of a comparison with constants that is true for the same rows.
func (m *promoting) test(c *Call) Expr {
	if !tests[c.Fn.Name] || len(c.Args) < 2 {
		return nil
	}
	p, t := m.path(c.Args[0])
	if p == nil || p.Type() == table.Dynamic {
		return nil
	}
	args := []Expr{p}
	for _, a := range c.Args[1:] {
		k, ok := a.(*Const)
		if !ok || !comparesWith(k.Value, t, c.Fn.Name) {
			return nil
		}
		args = append(args, a)
	}
	return m.r.call(c.Fn.Name, table.Bool, args...)
}

// comparesWith tells whether a constant can be compared with a promoted column as
// it can with the value at the path.
func comparesWith(v table.Value, t table.Type, op string) bool {
	switch t {
	case table.String:
		if v.Type() == table.Dynamic {
			list, ok := v.Dyn().([]any)
			return ok && (op == "in" || op == "in~" || op == "has_any") && !slices.ContainsFunc(list, func(d any) bool { s, ok := d.(string); return !ok || s == "" })
		}
		return v.Type() == table.String && v.Str() != ""
	case table.Long:
		return op == "==" && (v.Type() == table.Long || v.Type() == table.Int) && !v.IsNull()
	case table.Bool:
		return op == "==" && v.Type() == table.Bool && !v.IsNull()
	}
	return false
}

// build puts the two parts under the rewritten operators.
func (m *promoting) build(head *Pipeline, rest []Op, was *Pipeline) *Pipeline {
	s := m.scan
	text := columnsOf(s.Out)
	fast := columnsOf(s.Out)
	out := slices.Clone(s.Out)
	physical := slices.Clone(s.Out)
	for _, x := range m.made {
		text = append(text, Named{x.name, x.text})
		fast = append(fast, Named{x.name, x.fast})
		out = append(out, table.Column{Name: x.name, Type: x.text.Type()})
		Walk(x.fast, func(e Expr) bool {
			if c, ok := e.(*Col); ok && physical.Index(c.Name) < 0 {
				physical = append(physical, table.Column{Name: c.Name, Type: c.T})
			}
			return true
		})
	}
	part := func(cols table.Schema, odd bool, project []Named) *Pipeline {
		scan := *s
		scan.Out = append(slices.Clone(cols), table.Column{Name: table.HiddenOdd, Type: table.Bool})
		var pred Expr = &Col{table.HiddenOdd, table.Bool}
		if !odd {
			pred = m.r.call("not", table.Bool, pred)
		}
		return &Pipeline{&scan, []Op{&Filter{scan.Out, pred}, &Project{Cols: project}}}
	}
	p := &Pipeline{}
	if m.r.Odd != nil && !m.r.Odd(s.Def) || oddness(was) == oddNever {
		scan := *s
		scan.Out = physical
		p.Source = &scan
		p.Ops = []Op{&Project{Cols: fast}}
	} else {
		u := &Union{Out: out, Inputs: []*Pipeline{part(physical, false, fast), part(s.Out, true, text)}}
		u.From = [][]string{out.Names(), out.Names()}
		p.Source = u
	}
	// the new columns run through what follows, and end where its columns do
	for i, op := range head.Ops {
		in := p.Schema()
		switch x := op.(type) {
		case *Project:
			next := &Project{slices.Clone(x.Cols), x.Serialized}
			if i < len(head.Ops)-1 {
				for _, c := range m.made {
					next.Cols = append(next.Cols, Named{c.name, &Col{c.name, c.text.Type()}})
				}
			}
			op = next
		default:
			if opaque(op) {
				p.Ops = append(p.Ops, &Project{Cols: columnsOf(schemaBefore(was, i))})
			} else {
				op = over(op, in)
			}
		}
		p.Ops = append(p.Ops, op)
	}
	if want := schemaBefore(was, len(head.Ops)); !slices.Equal(p.Schema(), want) {
		p.Ops = append(p.Ops, &Project{Cols: columnsOf(want)})
	}
	p.Ops = append(p.Ops, rest...)
	return p
}

// opaque operators were not rewritten, and want the input that they were made for.
func opaque(op Op) bool {
	switch op.(type) {
	case *Filter, *Sort, *Top, *Take, *Serialize, *Sample, *Project,
		*Summarize, *Join, *MakeSeries, *TopNested, *SampleDistinct, *Reduce, *MvExpand, *Parse:
		return false
	}
	return true
}

func columnsOf(s table.Schema) []Named {
	out := make([]Named, len(s))
	for i, c := range s {
		out[i] = Named{c.Name, &Col{c.Name, c.Type}}
	}
	return out
}
