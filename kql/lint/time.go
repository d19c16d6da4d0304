package lint

import (
	"fmt"

	"sextant/kql/syntax"
)

// statements looks whether tables are read within a time. Uses of a let come behind it,
// so the statements are looked at from the last to the first: a let is filtered where
// all that use it filter. covered tells whether the block's result is filtered.
func (p *pass) statements(ss []syntax.Stmt, covered bool) {
	outer, names := p.uses, p.lets
	p.uses, p.lets = map[string][]bool{}, map[string]bool{}
	for n := range names {
		p.lets[n] = true
	}
	for _, s := range ss {
		if let, ok := s.(*syntax.Let); ok {
			p.lets[let.Name.Name] = true
		}
	}
	for i := len(ss) - 1; i >= 0; i-- {
		switch s := ss[i].(type) {
		case *syntax.QueryStmt:
			p.rel(s.Value, covered, ruleTime)
		case *syntax.Let:
			uses := p.uses[s.Name.Name]
			all := true // one that nobody uses is not read
			for _, u := range uses {
				all = all && u
			}
			if f, ok := s.Value.(*syntax.Lambda); ok {
				if f.Body != nil {
					p.statements(f.Body.Stmts, all)
				}
				continue
			}
			p.rel(s.Value, all, ruleTime)
		}
	}
	for n, u := range p.uses {
		if outer != nil && names[n] {
			outer[n] = append(outer[n], u...)
		}
	}
	p.uses, p.lets = outer, names
}

// rel looks at a tabular expression; others lead to the tables inside them.
func (p *pass) rel(x syntax.Expr, covered bool, rule string) {
	switch x := x.(type) {
	case nil:
	case *syntax.Paren:
		p.rel(x.X, covered, rule)
	case *syntax.Name:
		p.table(x, x.Name, covered, rule)
	case *syntax.Path:
		if n, ok := x.Sel.(*syntax.Name); ok {
			if _, ok := x.X.(*syntax.Call); ok {
				p.table(n, n.Name, covered, rule)
				return
			}
		}
		p.inside(x)
	case *syntax.Call:
		switch x.Func.Name {
		case "materialize", "view", "toscalar", "totable":
			for _, a := range x.Args {
				p.rel(a, covered, rule)
			}
			return
		case "table":
			if len(x.Args) > 0 {
				if l, ok := x.Args[0].(*syntax.Literal); ok {
					p.table(x, l.Text, covered, rule)
					return
				}
			}
		}
		if p.lets[x.Func.Name] {
			p.uses[x.Func.Name] = append(p.uses[x.Func.Name], covered || p.mentionsTime(x))
		}
		for _, a := range x.Args {
			p.rel(a, covered, rule)
		}
	case *syntax.Pipe:
		p.pipe(x, covered, rule)
	default:
		p.inside(x)
	}
}

func (p *pass) table(at syntax.Node, name string, covered bool, rule string) {
	if p.lets[name] {
		p.uses[name] = append(p.uses[name], covered)
		return
	}
	def, ok := p.l.env.Table(name)
	if !ok || def.Time == "" || covered {
		return
	}
	text := fmt.Sprintf("%s is read without a filter on %s", name, def.Time)
	if rule == ruleWindow {
		text = fmt.Sprintf("%s on the right of a join is read without a filter on %s", name, def.Time)
	}
	p.find(rule, at, text, fmt.Sprintf("add | where %s > ago(1d), or the span that is meant", def.Time))
}

// inside looks for tables in an expression that is none.
func (p *pass) inside(x syntax.Node) {
	syntax.Walk(x, func(n syntax.Node) bool {
		switch y := n.(type) {
		case *syntax.Pipe:
			p.pipe(y, false, ruleTime)
			return false
		case *syntax.Call:
			if n != x && y.Func.Name == "toscalar" {
				p.rel(y, false, ruleTime)
				return false
			}
		case *syntax.In:
			if len(y.List) == 1 {
				p.rel(y.List[0], false, ruleTime)
			}
		case *syntax.Name:
			if p.lets[y.Name] {
				p.uses[y.Name] = append(p.uses[y.Name], true) // a scalar, as a rule
			}
		}
		return true
	})
}

// pipe looks at a source and what stands behind it.
func (p *pass) pipe(x *syntax.Pipe, covered bool, rule string) {
	p.rel(x.Source, covered || p.filters(x.Ops), rule)
	for i, op := range x.Ops {
		rest := covered || p.filters(x.Ops[i+1:])
		switch o := op.(type) {
		case *syntax.Join:
			p.rel(o.Right, p.onTime(o), ruleWindow)
		case *syntax.Lookup:
			p.rel(o.Right, false, ruleWindow)
		case *syntax.Union:
			for _, m := range o.Items {
				p.rel(m, rest, rule)
			}
		default:
			p.inside(op)
		}
	}
}

// onTime tells whether a join's condition is about time, as with bin(TimeGenerated, 1h).
func (p *pass) onTime(o *syntax.Join) bool {
	for _, x := range o.On {
		if p.mentionsTime(x) {
			return true
		}
	}
	return false
}

// filters tells whether rows are cut to a time, or to a few, before they are counted.
func (p *pass) filters(ops []syntax.Operator) bool {
	for _, op := range ops {
		switch o := op.(type) {
		case *syntax.Where:
			if p.mentionsTime(o.Cond) {
				return true
			}
		case *syntax.Take, *syntax.Sample, *syntax.GetSchema, *syntax.Consume:
			return true
		case *syntax.MakeSeries:
			return o.From != nil && p.mentionsTime(o.On)
		case *syntax.Summarize, *syntax.Count, *syntax.Distinct, *syntax.Top, *syntax.TopNested, *syntax.TopHitters, *syntax.SampleDistinct, *syntax.Reduce:
			return false
		}
	}
	return false
}

func (p *pass) mentionsTime(x syntax.Node) bool {
	found := false
	syntax.Walk(x, func(n syntax.Node) bool {
		switch y := n.(type) {
		case *syntax.Name:
			found = found || p.l.times[y.Name]
		case *syntax.Call:
			found = found || y.Func.Name == "ingestion_time"
		case *syntax.Pipe:
			return false
		}
		return !found
	})
	return found
}
