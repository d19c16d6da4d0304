package syntax

// glue reads punctuation that is one word to the language though several tokens
// to the lexer, such as -->.
func (p *parser) glue(ops ...string) bool {
	for i, op := range ops {
		if t := p.at(i); !t.isP(op) || i > 0 && !t.glued {
			return false
		}
	}
	p.pos += len(ops)
	return true
}

func (p *parser) graphOperator() Operator {
	start := p.pos
	switch p.cur().text {
	case "make-graph":
		return p.makeGraph()
	case "graph-match":
		p.next()
		o := &GraphMatch{Params: p.params("cycles")}
		o.Patterns, o.Where, o.Project = p.graphMatch()
		o.Place = p.since(start)
		return o
	case "graph-shortest-paths":
		p.next()
		o := &GraphShortestPaths{Params: p.params("output")}
		o.Patterns, o.Where, o.Project = p.graphMatch()
		o.Place = p.since(start)
		return o
	case "graph-to-table":
		p.next()
		o := &GraphToTable{Outputs: list(p, "nodes or edges", true, false, p.graphOutput)}
		o.Place = p.since(start)
		return o
	case "graph-mark-components":
		p.next()
		o := &GraphMarkComponents{Params: p.params("with_component_id")}
		o.Place = p.since(start)
		return o
	case "graph-where-nodes":
		p.next()
		o := &GraphWhereNodes{Cond: p.need(p.expr())}
		o.Place = p.since(start)
		return o
	case "graph-where-edges":
		p.next()
		o := &GraphWhereEdges{Cond: p.need(p.expr())}
		o.Place = p.since(start)
		return o
	}
	return nil
}

func (p *parser) makeGraph() Operator {
	start := p.pos
	p.next()
	o := &MakeGraph{Params: p.params()}
	o.Source = p.need(p.nameRef())
	if o.Directed = p.glue("-", "-", ">"); !o.Directed && !p.glue("-", "-") {
		p.unexpected("--> and the target's column")
	}
	o.Target = p.need(p.nameRef())
	switch {
	case p.isW("with_node_id"):
		p.next()
		p.expectP("=", " and a name")
		id := p.needName()
		o.NodeID = &id
	case p.acceptW("with"):
		o.Nodes = list(p, "a table of nodes, Table on key", true, false, func() (*GraphNodes, bool) {
			start := p.pos
			n := &GraphNodes{Table: p.unary()}
			if n.Table == nil {
				return nil, false
			}
			p.expectW("on", " and the key's column")
			n.Key = p.need(p.nameRef())
			n.Place = p.since(start)
			return n, true
		})
	}
	if p.acceptW("partitioned-by") {
		o.PartBy = p.need(p.simplePath())
		o.PartPipe = p.pipeInParens()
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) graphMatch() (ps []*GraphPattern, where Expr, project []Expr) {
	ps = list(p, "a pattern, (a)-[e]->(b)", true, false, p.graphPattern)
	if p.acceptW("where") {
		where = p.need(p.expr())
	}
	if p.acceptW("project") {
		project = p.exprs(true, p.named)
	}
	return ps, where, project
}

func (p *parser) graphPattern() (*GraphPattern, bool) {
	start := p.pos
	g := &GraphPattern{}
	for n := 0; p.link(n); n++ {
		s := p.graphStep()
		if s == nil {
			break
		}
		g.Steps = append(g.Steps, s)
	}
	g.Place = p.since(start)
	return g, len(g.Steps) > 0
}

func (p *parser) graphStep() GraphStep {
	start := p.pos
	if p.acceptP("(") {
		n := &GraphNode{}
		if id, ok := p.name(false); ok {
			n.Name = &id
		}
		p.closing(start)
		n.Place = p.since(start)
		return n
	}
	e := &GraphEdge{}
	switch {
	case p.glue("-", "-", ">"):
		e.Dir = 1
	case p.glue("<", "-", "-"):
		e.Dir = -1
	case p.glue("-", "-"):
	case p.glue("-", "["):
		p.graphBox(e, 0)
	case p.glue("<", "-", "["):
		p.graphBox(e, -1)
	default:
		return nil
	}
	e.Place = p.since(start)
	return e
}

// graphBox reads what follows -[ or <-[.
func (p *parser) graphBox(e *GraphEdge, dir int) {
	open := p.pos - 1
	e.Boxed, e.Dir = true, dir
	if id, ok := p.name(false); ok {
		e.Name = &id
	}
	if p.acceptP("*") {
		e.From = p.need(p.unary())
		p.expectP("..", " between the least and the greatest length")
		e.To = p.need(p.unary())
	}
	p.closing(open)
	if p.isP("-") && p.at(1).isP(">") && p.at(1).glued {
		p.pos += 2
		if dir < 0 {
			p.pos--
			p.report(codeUnexpected, p.here(), "an edge points one way: <-[e]- or -[e]->")
			p.pos++
		}
		e.Dir = 1
		return
	}
	p.expectP("-", " or -> after the edge")
}

func (p *parser) graphOutput() (*GraphOutput, bool) {
	start := p.pos
	if !p.cur().isAny("nodes", "edges") {
		return nil, false
	}
	g := &GraphOutput{What: p.next().text}
	if p.acceptW("as") {
		id := p.needName()
		g.As = &id
	}
	g.Params = p.params("with_node_id", "with_source_id", "with_target_id")
	g.Place = p.since(start)
	return g, true
}
