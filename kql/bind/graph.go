package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// A graph is a rel whose pipeline ends with plan.MakeGraph: the rows before it are
// the edges. Operators of graphs take it off and put their own in its place.

// graphOf takes a graph apart: the edges' rows, and the graph; nil, and an error,
// where r is no graph.
func (b *binder) graphOf(at syntax.Node, r *rel) (*rel, *plan.Graph) {
	n := len(r.pipe.Ops)
	if n > 0 {
		if m, ok := r.pipe.Ops[n-1].(*plan.MakeGraph); ok {
			return &rel{pipe: &plan.Pipeline{Source: r.pipe.Source, Ops: r.pipe.Ops[: n-1 : n-1]}}, m.Graph
		}
	}
	if !r.open {
		note(b.errorf(at, "KS246", "A graph is expected here, not rows."), "put make-graph before")
	}
	return nil, nil
}

func graphRel(edges *rel, g *plan.Graph) *rel {
	return (&rel{pipe: edges.pipe}).then(&plan.MakeGraph{Graph: g})
}

// graphColumn binds the name of a column that names nodes.
func (b *binder) graphColumn(x syntax.Expr, e env) plan.Expr {
	v := b.scalar(x, e)
	switch {
	case v.Type() == table.Dynamic:
		note(b.errorf(x, "KS240", "The columns that name nodes cannot be of type dynamic."), "use an explicit cast, as in extend k = tostring(…)")
		return bad()
	case !isBad(v):
		if _, ok := v.(*plan.Col); !ok {
			b.errorf(x, "KS109", "Column name expected.")
			return bad()
		}
	}
	return v
}

func (b *binder) makeGraph(o *syntax.MakeGraph, r *rel, e env) *rel {
	r = b.shown(r)
	e.row = rowOf(r)
	g := &plan.Graph{Directed: o.Directed, Key: -1, Edges: r.schema()}
	g.Source, g.Target = b.graphColumn(o.Source, e), b.graphColumn(o.Target, e)
	ok := !r.open && !isBad(g.Source) && !isBad(g.Target)
	var part *plan.Col
	if o.PartBy != nil {
		v := b.graphColumn(o.PartBy, e)
		part, _ = v.(*plan.Col)
		if part == nil {
			ok = false
		} else {
			g.Part = part
		}
	}
	rels := make([]*rel, len(o.Nodes))
	for i, n := range o.Nodes {
		rels[i] = b.shown(b.rel(n.Table, env{sc: e.sc}))
		ne := env{sc: e.sc, row: rowOf(rels[i])}
		t := plan.NodeTable{Pipe: rels[i].pipe, Key: b.graphColumn(n.Key, ne)}
		if isBad(t.Key) || rels[i].open {
			ok = false
		}
		if part != nil {
			c, has := ne.row.column(part.Name)
			switch {
			case !has && !rels[i].open:
				b.errorf(n, "KS109", "The nodes have no column '%s', by which the graph is partitioned.", part.Name)
				ok = false
			case has:
				t.Part = &plan.Col{Name: c.Name, T: c.Type}
				if c.Type != part.T {
					b.errorf(n, "KS227", "The column '%s' must have the same type in nodes and edges.", part.Name)
					ok = false
				}
			}
		}
		g.Tables = append(g.Tables, t)
		for _, c := range rels[i].schema() {
			k := g.Nodes.Index(c.Name)
			switch {
			case k < 0:
				g.Nodes = append(g.Nodes, c)
			case g.Nodes[k].Type != c.Type:
				g.Nodes[k].Type = table.Dynamic
			}
		}
	}
	if !ok {
		return nowhere()
	}
	b.sameKeys(g)
	for i := range g.Tables {
		s := rels[i].schema()
		for _, c := range g.Nodes {
			name := ""
			if s.Index(c.Name) >= 0 {
				name = c.Name
			}
			g.Tables[i].Cols = append(g.Tables[i].Cols, name)
		}
	}
	switch {
	case len(o.Nodes) > 0:
		if n, ok := o.Nodes[0].Key.(*syntax.Name); ok {
			g.Key = g.Nodes.Index(n.Name)
		}
	case o.NodeID != nil:
		g.Nodes, g.Key = table.Schema{{Name: o.NodeID.Name, Type: g.Source.Type()}}, 0
	}
	if part == nil {
		return graphRel(r, g)
	}
	outer := source(&plan.Outer{Out: r.schema()})
	sub := b.partOf(o.PartPipe, graphRel(outer, g), e)
	if sub.open {
		return nowhere()
	}
	return (&rel{pipe: r.pipe}).then(&plan.Partition{By: part, Sub: b.shown(sub).pipe})
}

func (b *binder) partOf(x *syntax.Pipe, g *rel, e env) *rel {
	old := b.op
	b.op = ""
	defer func() { b.op = old }()
	if x == nil {
		return nowhere()
	}
	return b.pipe(x, env{sc: e.sc}, g)
}

// sameKeys makes all that names nodes have one type.
func (b *binder) sameKeys(g *plan.Graph) {
	t := g.Source.Type()
	one := func(x plan.Expr) {
		switch have := x.Type(); {
		case have == t:
		case have.Numeric() && t.Numeric():
			t = max(t, have)
		default:
			t = table.String
		}
	}
	one(g.Target)
	for _, n := range g.Tables {
		one(n.Key)
	}
	g.Source, g.Target = b.convert(g.Source, t), b.convert(g.Target, t)
	for i := range g.Tables {
		g.Tables[i].Key = b.convert(g.Tables[i].Key, t)
	}
}

// changed is g with one more step.
func changed(g *plan.Graph, s plan.GraphStep) *plan.Graph {
	out := *g
	out.Steps = append(g.Steps[:len(g.Steps):len(g.Steps)], s)
	return &out
}

func (b *binder) graphMark(o *syntax.GraphMarkComponents, r *rel) *rel {
	edges, g := b.graphOf(o, r)
	if g == nil {
		return nowhere()
	}
	s := plan.GraphStep{Mark: "ComponentId"}
	if w := o.Params.Word("with_component_id"); w != "" {
		s.Mark = w
	}
	switch w := o.Params.Word("kind"); w {
	case "", "weak":
	case "strong":
		s.Strong = true
	default:
		note(b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of component.", w), "the kinds are weak and strong")
	}
	if g.Nodes.Index(s.Mark) >= 0 {
		note(b.errorf(o, "KS171", "The nodes already have a property '%s'.", s.Mark), "name it otherwise, with_component_id = …")
		return nowhere()
	}
	g = changed(g, s)
	g.Nodes = append(g.Nodes[:len(g.Nodes):len(g.Nodes)], table.Column{Name: s.Mark, Type: table.Long})
	for i := range g.Tables {
		if i == 0 {
			g.Tables = slices.Clone(g.Tables)
		}
		g.Tables[i].Cols = append(slices.Clone(g.Tables[i].Cols), "")
	}
	return graphRel(edges, g)
}

func (b *binder) graphWhere(o syntax.Operator, cond syntax.Expr, nodes bool, r *rel, e env) *rel {
	edges, g := b.graphOf(o, r)
	if g == nil {
		return nowhere()
	}
	e.row = elementRow(g, nodes)
	v := b.condition(cond, e)
	if isBad(v) {
		return r
	}
	s := plan.GraphStep{Edges: v}
	if nodes {
		s = plan.GraphStep{Nodes: v}
	}
	return graphRel(edges, changed(g, s))
}

// graphToTable gives one table of a graph.
func (b *binder) graphToTable(o *syntax.GraphToTable, r *rel, e env) *rel {
	out := b.graphTables(o, r, e)
	if len(out) > 1 {
		note(b.errorf(o, "SXT001", "graph-to-table with several tables is only possible at the end of a query."), "its results are tables of their own")
		return nowhere()
	}
	if len(out) == 0 {
		return nowhere()
	}
	return out[0]
}

// graphTables gives the tables that graph-to-table names. Names that it gives them
// mean them in the statements behind.
func (b *binder) graphTables(o *syntax.GraphToTable, r *rel, e env) []*rel {
	edges, g := b.graphOf(o, r)
	var out []*rel
	if g != nil && len(o.Outputs) > 1 {
		edges = source(&plan.Shared{ID: b.nextID(), Pipe: edges.pipe})
	}
	for _, x := range o.Outputs {
		t := nowhere()
		if g != nil {
			op := &plan.GraphTable{Graph: g, Edges: x.What == "edges", NodeID: x.Params.Word("with_node_id"),
				SourceID: x.Params.Word("with_source_id"), TargetID: x.Params.Word("with_target_id")}
			if op.Edges && op.NodeID != "" || !op.Edges && (op.SourceID != "" || op.TargetID != "") {
				note(b.errorf(x, "KS140", "These IDs are not those of %s.", x.What), "nodes have with_node_id, edges have with_source_id and with_target_id")
				op.NodeID, op.SourceID, op.TargetID = "", "", ""
			}
			t = (&rel{pipe: edges.pipe}).then(op)
			if s := op.Schema(); len(uniqueNames(s)) > 0 && !slices.Equal(uniqueNames(s).Names(), s.Names()) {
				b.errorf(x, "KS171", "The name of an ID is also that of a property.")
				t = nowhere()
			}
		}
		if x.As != nil {
			t.name = x.As.Name
			sc := e.sc
			for sc.up != nil {
				sc = sc.up
			}
			sc.names[x.As.Name] = &entity{rel: t}
		}
		out = append(out, t)
	}
	return out
}
