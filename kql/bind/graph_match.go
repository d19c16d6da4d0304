package bind

import (
	"fmt"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// graphRow is what names mean where a pattern's elements are read: in the conditions
// and columns of graph-match, or, with element set, for each node or edge of a path.
type graphRow struct {
	g       *plan.Graph
	vars    map[string]plan.GraphElement
	inputs  []plan.GraphInput
	at      map[string]int
	element bool
	nodes   bool // elements are nodes
}

// elementRow sees the properties of nodes or edges as columns.
func elementRow(g *plan.Graph, nodes bool) *row {
	s := g.Edges
	if nodes {
		s = g.Nodes
	}
	out := newRow(s, false, false)
	out.graph = &graphRow{g: g, element: true, nodes: nodes}
	return out
}

// graphPatterns is what graph-match and graph-shortest-paths have in common.
type graphPatterns struct {
	patterns []*syntax.GraphPattern
	where    syntax.Expr
	project  []syntax.Expr
}

var cycleRules = map[string]plan.CycleRule{"": plan.CyclesUnique, "unique_edges": plan.CyclesUnique, "none": plan.CyclesNone, "all": plan.CyclesAll}

// maxPath is how long a path of a pattern may be.
const maxPath = 10_000

func (b *binder) graphMatch(o syntax.Operator, x *graphPatterns, params syntax.Params, r *rel, e env) *rel {
	edges, g := b.graphOf(o, r)
	if g == nil {
		return nowhere()
	}
	m := &plan.GraphMatch{Graph: g, Cycles: plan.CyclesUnique}
	if o.Keyword() == "graph-shortest-paths" {
		m.Shortest, m.Cycles = true, plan.CyclesNone
		switch w := params.Word("output"); w {
		case "", "any":
		case "all":
			m.All = true
		default:
			note(b.errorf(params.Get("output"), "KS140", "'%s' is no output of graph-shortest-paths.", w), "it is any or all")
		}
	} else if w := params.Word("cycles"); true {
		rule, ok := cycleRules[w]
		if !ok {
			note(b.errorf(params.Get("cycles"), "KS140", "'%s' is no rule for cycles.", w), "the rules are unique_edges, none and all")
		}
		m.Cycles = rule
	}
	gr := &graphRow{g: g, vars: map[string]plan.GraphElement{}, at: map[string]int{}}
	ok := b.patterns(m, gr, x.patterns, e)
	if m.Shortest {
		paths := 0
		for _, p := range m.Patterns {
			for _, el := range p {
				if el.Path {
					paths++
				}
			}
		}
		if len(m.Patterns) != 1 || paths == 0 {
			b.errorf(o, "KS252", "A shortest path needs one pattern with an edge of variable length, as in (a)-[e*1..5]->(b).")
			ok = false
		}
	}
	row := newRow(nil, false, false)
	row.graph = gr
	e.row = row
	if x.where != nil {
		if m.Where = b.condition(x.where, e); isBad(m.Where) {
			ok = false
		}
	}
	p := b.projection()
	items := x.project
	if len(items) == 0 { // all that has a name
		for _, pat := range x.patterns {
			for _, s := range pat.Steps {
				if id := stepName(s); id != nil {
					items = append(items, &syntax.Name{Place: id.Place, Name: id.Name})
				}
			}
		}
	}
	given := map[string]bool{}
	for _, it := range items {
		if n, named := it.(*syntax.Named); named && len(n.Names) == 1 && !n.Tuple {
			p.declare(projected{n.Names[0].Name, b.scalar(n.X, e), ""}, &n.Names[0], false)
			continue
		}
		name, named := b.resultName(it, e)
		if len(x.project) == 0 && given[name] {
			continue
		}
		given[name] = true
		v := b.scalar(it, e)
		if !named || name == "" {
			name = p.defaultName(e, false)
		}
		p.add(projected{name, v, ""}, false, false)
	}
	m.Cols = p.named()
	m.Inputs = gr.inputs
	for _, c := range m.Cols {
		if isBad(c.Expr) {
			ok = false
		}
	}
	if !ok {
		return (&rel{pipe: edges.pipe}).opened(m.Cols)
	}
	return (&rel{pipe: edges.pipe}).then(m)
}

func stepName(s syntax.GraphStep) *syntax.Ident {
	switch s := s.(type) {
	case *syntax.GraphNode:
		return s.Name
	case *syntax.GraphEdge:
		return s.Name
	}
	return nil
}

// patterns reads the patterns into m and their names into gr.
func (b *binder) patterns(m *plan.GraphMatch, gr *graphRow, patterns []*syntax.GraphPattern, e env) bool {
	ok := true
	unnamed := 0
	for _, p := range patterns {
		var els []plan.GraphElement
		for i, s := range p.Steps {
			el := plan.GraphElement{}
			if id := stepName(s); id != nil {
				el.Var = id.Name
			} else {
				unnamed++
				el.Var = fmt.Sprintf("$%d", unnamed)
			}
			switch s := s.(type) {
			case *syntax.GraphNode:
				if i%2 == 1 {
					b.errorf(s, "SYN0002", "An edge is expected here.")
					ok = false
				}
			case *syntax.GraphEdge:
				if i%2 == 0 {
					b.errorf(s, "SYN0002", "A node is expected here.")
					ok = false
				}
				el.Edge, el.Dir = true, s.Dir
				if s.From != nil && s.To != nil {
					el.Path = true
					from, ok1 := b.whole(s.From, env{sc: e.sc})
					to, ok2 := b.whole(s.To, env{sc: e.sc})
					el.From, el.To = from, to
					switch {
					case !ok1 || !ok2:
						ok = false
					case to < from || to == 0:
						b.errorf(s, "KS140", "A path of %d to %d edges is not possible.", from, to)
						ok = false
					case to > maxPath:
						b.errorf(s, "SXT001", "A path can have up to %d edges.", maxPath)
						ok = false
					}
				}
			}
			if old, seen := gr.vars[el.Var]; seen && (el.Edge || old.Edge) {
				b.errorf(s, "KS171", "The name '%s' is already that of another element; only nodes may stand at several places.", el.Var)
				ok = false
			}
			gr.vars[el.Var] = el
			els = append(els, el)
		}
		if len(els)%2 == 0 {
			b.errorf(p, "SYN0002", "A pattern begins and ends with a node.")
			ok = false
		}
		m.Patterns = append(m.Patterns, els)
	}
	return ok
}

// input is the column of a match that holds something, made when it is first asked for.
func (g *graphRow) input(in plan.GraphInput) plan.Expr {
	each := ""
	if in.Each != nil {
		each = in.Each.String()
	}
	key := fmt.Sprint(in.What, "|", in.Var, "|", in.Prop, "|", in.Inner, "|", each)
	i, ok := g.at[key]
	if !ok {
		i = len(g.inputs)
		g.at[key] = i
		in.Name = fmt.Sprintf("%s.%s", in.Var, in.Prop)
		switch {
		case in.What == plan.GraphProp && !in.Inner:
		default:
			in.Name = fmt.Sprintf("$%d.%s", i, in.Var)
		}
		g.inputs = append(g.inputs, in)
	}
	return &plan.Col{Name: g.inputs[i].Name, T: g.inputs[i].Type}
}

// graphValue binds what only has a meaning over a graph; nil leaves x to others.
func (b *binder) graphValue(x syntax.Expr, e env) plan.Expr {
	g := e.row.graph
	switch x := x.(type) {
	case *syntax.Name:
		if _, ok := g.vars[x.Name]; ok {
			return g.input(plan.GraphInput{Column: table.Column{Type: table.Dynamic}, What: plan.GraphBag, Var: x.Name})
		}
	case *syntax.Path:
		n, ok := x.X.(*syntax.Name)
		if !ok {
			return nil
		}
		el, ok := g.vars[n.Name]
		if !ok {
			return nil
		}
		sel, ok := x.Sel.(*syntax.Name)
		if !ok {
			return nil
		}
		s := g.g.Nodes
		if el.Edge {
			s = g.g.Edges
		}
		i := s.Index(sel.Name)
		if i < 0 {
			didYouMean(b.errorf(sel, "SEM0100", "Failed to resolve a property named '%s' of '%s'", sel.Name, n.Name), fn.Nearest(sel.Name, s.Names()))
			return bad()
		}
		t := s[i].Type
		if el.Path {
			t = table.Dynamic
		}
		return g.input(plan.GraphInput{Column: table.Column{Type: t}, What: plan.GraphProp, Var: n.Name, Prop: sel.Name})
	case *syntax.Call:
		return b.graphCall(x, e)
	}
	return nil
}

// graphCall binds the functions of graphs.
func (b *binder) graphCall(x *syntax.Call, e env) plan.Expr {
	g := e.row.graph
	if e.sc.find(x.Func.Name) != nil {
		return nil
	}
	count := func(what string) bool {
		if len(x.Args) != 1 {
			b.errorf(x, "KS119", "The function '%s' expects %s.", x.Func.Name, what)
		}
		return len(x.Args) == 1
	}
	switch name := x.Func.Name; name {
	case "labels":
		if len(x.Args) > 1 {
			b.errorf(x, "KS119", "The function 'labels' expects 1 argument at most.")
			return bad()
		}
		if len(x.Args) == 1 {
			if _, ok := g.varOf(x.Args[0]); !ok {
				b.errorf(x.Args[0], "KS109", "The name of a node or an edge is expected here.")
				return bad()
			}
		}
		// Only stored graphs have labels.
		return &plan.Const{Value: table.DynamicValue([]any{})}
	case "node_degree_in", "node_degree_out":
		what, col := plan.GraphIn, plan.DegreeIn
		if name == "node_degree_out" {
			what, col = plan.GraphOut, plan.DegreeOut
		}
		if g.element {
			if !g.nodes || len(x.Args) > 0 {
				b.errorf(x, "KS119", "The function '%s' has no argument here, and is for nodes.", name)
				return bad()
			}
			return &plan.Col{Name: col, T: table.Long}
		}
		if !count("a node") {
			return bad()
		}
		el, ok := g.varOf(x.Args[0])
		if !ok || el.Edge {
			b.errorf(x.Args[0], "KS109", "The name of a node is expected here.")
			return bad()
		}
		return g.input(plan.GraphInput{Column: table.Column{Type: table.Long}, What: what, Var: el.Var})
	case "inner_nodes":
		if g.element || !count("an edge of variable length") {
			return bad()
		}
		el, inner, ok := b.pathOf(x, e)
		if !ok {
			return bad()
		}
		return g.input(plan.GraphInput{Column: table.Column{Type: table.Dynamic}, What: plan.GraphBag, Var: el.Var, Inner: inner})
	case "all", "any", "map":
		if g.element {
			return nil
		}
		if len(x.Args) != 2 {
			b.errorf(x, "KS119", "The function '%s' expects an edge of variable length and an expression.", name)
			return bad()
		}
		el, inner, ok := b.pathOf(x.Args[0], e)
		if !ok {
			return bad()
		}
		in := plan.GraphInput{What: plan.GraphMap, Var: el.Var, Inner: inner}
		in.Type = table.Dynamic
		ee := env{sc: e.sc, row: elementRow(g.g, inner)}
		if name == "map" {
			in.Each = b.scalar(x.Args[1], ee)
		} else {
			in.Each = b.condition(x.Args[1], ee)
			in.Type = table.Bool
			in.What = plan.GraphAll
			if name == "any" {
				in.What = plan.GraphAny
			}
		}
		if isBad(in.Each) {
			return bad()
		}
		return g.input(in)
	}
	return nil
}

func (g *graphRow) varOf(x syntax.Expr) (plan.GraphElement, bool) {
	n, ok := x.(*syntax.Name)
	if !ok {
		return plan.GraphElement{}, false
	}
	el, ok := g.vars[n.Name]
	el.Var = n.Name
	return el, ok
}

// pathOf is e or inner_nodes(e), of an edge of variable length.
func (b *binder) pathOf(x syntax.Expr, e env) (plan.GraphElement, bool, bool) {
	inner := false
	if c, ok := x.(*syntax.Call); ok && c.Func.Name == "inner_nodes" && len(c.Args) == 1 {
		x, inner = c.Args[0], true
	}
	el, ok := e.row.graph.varOf(x)
	if !ok || !el.Path {
		note(b.errorf(x, "KS253", "The name of an edge of variable length is expected here."), "such an edge is written -[e*1..5]->")
		return el, false, false
	}
	return el, inner, true
}
