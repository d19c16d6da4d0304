package syntax

func (p *printer) op(o Operator) {
	p.s(o.Keyword())
	items := func(xs []Expr) {
		if len(xs) > 0 {
			p.s(" ")
			p.list(xs)
		}
	}
	opt := func(word string, x Expr) {
		if x != nil {
			p.s(" ", word, " ")
			p.node(x)
		}
	}
	opts := func(word string, xs []Expr) {
		if len(xs) > 0 {
			p.s(" ", word, " ")
			p.list(xs)
		}
	}
	arg := func(ps Params, x Expr) {
		p.params(ps)
		p.s(" ")
		p.node(x)
	}
	switch o := o.(type) {
	case *Where:
		arg(o.Params, o.Cond)
	case *Extend:
		items(o.Items)
	case *Project:
		items(o.Items)
	case *ProjectAway:
		items(o.Items)
	case *ProjectKeep:
		items(o.Items)
	case *ProjectRename:
		items(o.Items)
	case *ProjectReorder:
		items(o.Items)
	case *ProjectByNames:
		items(o.Items)
	case *Summarize:
		p.params(o.Params)
		items(o.Items)
		opts("by", o.By)
		if o.Bin != nil {
			p.s(" bin=")
			p.node(o.Bin)
		}
	case *Sort:
		p.params(o.Params)
		opts("by", o.By)
	case *Top:
		arg(o.Params, o.N)
		opt("by", o.By)
	case *Take:
		arg(o.Params, o.N)
	case *Count:
		p.params(o.Params)
		if o.As != nil {
			p.s(" as ")
			p.name(o.As.Name)
		}
	case *Distinct:
		p.params(o.Params)
		items(o.Items)
	case *Join:
		arg(o.Params, o.Right)
		opts("on", o.On)
		opt("where", o.Where)
	case *Lookup:
		arg(o.Params, o.Right)
		opts("on", o.On)
	case *Union:
		p.params(o.Params)
		items(o.Items)
	case *As:
		p.params(o.Params)
		p.s(" ")
		p.name(o.Name.Name)
	case *Consume:
		p.params(o.Params)
	case *GetSchema:
		p.params(o.Params)
	case *Evaluate:
		arg(o.Params, o.Call)
		if o.Schema != nil {
			p.s(" : ")
			p.node(o.Schema)
		}
	case *Facet:
		opts("by", o.By)
		if o.With != nil {
			p.s(" with ")
			p.inParens(o.With)
		}
	case *Find:
		p.find(o)
	case *Fork:
		for _, f := range o.Prongs {
			p.s(" ")
			p.node(f)
		}
	case *Invoke:
		p.s(" ")
		p.node(o.Call)
	case *MakeSeries:
		p.makeSeries(o)
	case *MvExpand:
		p.params(o.Params)
		p.mvItems(o.Items)
		opt("limit", o.Limit)
	case *MvApply:
		p.params(o.Params)
		p.mvItems(o.Items)
		opt("limit", o.Limit)
		opt("id", o.ID)
		p.s(" on ")
		p.inParens(o.On)
	case *ParseOp:
		arg(o.Params, o.X)
		p.s(" with")
		for _, x := range o.With {
			p.s(" ")
			p.node(x)
		}
	case *ParseKV:
		p.s(" ")
		p.node(o.X)
		p.s(" as ")
		p.node(o.As)
		if o.With != nil {
			p.s(" with ")
			p.withParams(o.With)
		}
	case *Partition:
		p.params(o.Params)
		p.s(" by ")
		p.node(o.By)
		opt("in", o.In)
		p.s(" ")
		switch {
		case o.Sub != nil:
			p.inParens(o.Sub)
		case o.Query != nil:
			p.s("{ ")
			p.node(o.Query)
			p.s(" }")
		}
	case *PartitionBy:
		arg(o.Params, o.By)
		opt("id", o.ID)
		p.s(" ")
		p.inParens(o.Pipe)
	case *PrintOp:
		items(o.Items)
	case *Range:
		p.s(" ")
		p.name(o.Name.Name)
		opt("from", o.From)
		opt("to", o.To)
		opt("step", o.Step)
	case *Reduce:
		p.params(o.Params)
		opt("by", o.By)
		for i, x := range o.With {
			if i == 0 {
				p.s(" with ")
			} else {
				p.s(", ")
			}
			p.param(x)
		}
	case *Render:
		p.render(o)
	case *Sample:
		arg(o.Params, o.N)
	case *SampleDistinct:
		arg(o.Params, o.N)
		opt("of", o.Of)
	case *Scan:
		p.scan(o)
	case *Search:
		p.params(o.Params)
		p.scope(o.DataScope)
		p.tablesIn(o.In)
		p.s(" ")
		p.node(o.Cond)
	case *Serialize:
		p.params(o.Params)
		items(o.Items)
	case *TopHitters:
		p.s(" ")
		p.node(o.N)
		opt("of", o.Of)
		opt("by", o.By)
	case *TopNested:
		for i, l := range o.Levels {
			if i > 0 {
				p.s(", top-nested")
			}
			p.node(l)
		}
	case *MacroExpand:
		arg(o.Params, o.Group)
		if o.Scope != nil {
			p.s(" as ")
			p.name(o.Scope.Name)
		}
		p.s(" ")
		p.braces(o.Body, "(", ")")
	case *AssertSchema:
		p.s(" ")
		p.node(o.Schema)
	case *BadOperator:
		p.s(o.Word)
	default:
		p.graphOp(o)
	}
}

// part writes what is a piece of an operator.
func (p *printer) part(n Node) {
	switch n := n.(type) {
	case *ForkProng:
		if n.Name != nil {
			p.name(n.Name.Name)
			p.s("=")
		}
		p.inParens(n.Sub)
	case *SeriesItem:
		p.node(n.X)
		if n.Default != nil {
			p.s(" default=")
			p.node(n.Default)
		}
	case *MvItem:
		p.node(n.X)
		if n.To != nil {
			p.s(" to ")
			p.node(n.To)
		}
	case *RenderProp:
		p.renderProp(n)
	case *ScanStep:
		p.scanStep(n)
	case *TopNestedLevel:
		if n.N != nil {
			p.s(" ")
			p.node(n.N)
		}
		p.s(" of ")
		p.node(n.Of)
		if n.Others != nil {
			p.s(" with others=")
			p.node(n.Others)
		}
		p.s(" by ")
		p.node(n.By)
	default:
		p.graphPart(n)
	}
}

func (p *printer) scope(id *Ident) {
	if id != nil {
		p.s(" datascope=", id.Name)
	}
}

func (p *printer) tablesIn(xs []Expr) {
	if len(xs) > 0 {
		p.s(" in (")
		for i, x := range xs {
			if i > 0 {
				p.s(", ")
			}
			if q, ok := x.(*Pipe); ok { // never on lines of its own
				p.node(q.Source)
				for _, o := range q.Ops {
					p.s(" | ")
					p.op(o)
				}
				continue
			}
			p.node(x)
		}
		p.s(")")
	}
}

func (p *printer) find(o *Find) {
	p.scope(o.DataScope)
	p.params(o.Params)
	p.tablesIn(o.In)
	p.s(" where ")
	p.node(o.Where)
	if o.Smart {
		p.s(" project-smart")
	}
	if len(o.Project) > 0 {
		p.s(" project ")
		p.list(o.Project)
	}
	if len(o.ProjectAway) > 0 {
		p.s(" __projectAway ")
		p.list(o.ProjectAway)
	}
}

func (p *printer) mvItems(ms []*MvItem) {
	for i, m := range ms {
		if i > 0 {
			p.s(",")
		}
		p.s(" ")
		p.node(m)
	}
}

func (p *printer) makeSeries(o *MakeSeries) {
	p.params(o.Params)
	for i, s := range o.Items {
		if i > 0 {
			p.s(",")
		}
		p.s(" ")
		p.node(s)
	}
	p.s(" on ")
	p.node(o.On)
	if o.InRange != nil {
		p.s(" in range(")
		p.list(o.InRange)
		p.s(")")
	}
	for _, c := range []struct {
		word string
		x    Expr
	}{{"from", o.From}, {"to", o.To}, {"step", o.Step}} {
		if c.x != nil {
			p.s(" ", c.word, " ")
			p.node(c.x)
		}
	}
	if len(o.By) > 0 {
		p.s(" by ")
		p.list(o.By)
	}
}

func (p *printer) render(o *Render) {
	p.s(" ")
	p.word(o.Chart.Name)
	for _, r := range o.Old {
		p.s(" ")
		switch r.Name.Name {
		case "with", "by":
			p.s(r.Name.Name, " ")
			p.list(r.Values)
		default:
			p.renderProp(r)
		}
	}
	if o.With != nil {
		p.s(" with (")
		for i, r := range o.With {
			if i > 0 {
				p.s(", ")
			}
			p.renderProp(r)
		}
		p.s(")")
	}
}

func (p *printer) renderProp(r *RenderProp) {
	p.word(r.Name.Name)
	p.s("=")
	for i, v := range r.Values {
		if i > 0 {
			p.s(", ")
		}
		p.value(v)
	}
}

func (p *printer) scan(o *Scan) {
	p.params(o.Params)
	if len(o.OrderBy) > 0 {
		p.s(" order by ")
		p.list(o.OrderBy)
	}
	if len(o.PartitionBy) > 0 {
		p.s(" partition by ")
		p.list(o.PartitionBy)
	}
	if o.Declare != nil {
		p.s(" declare ")
		p.funcParams(o.Declare)
	}
	p.s(" with (")
	p.indent++
	for i, s := range o.Steps {
		p.nl(i == 0)
		p.scanStep(s)
	}
	p.indent--
	p.nl(true)
	p.s(")")
}

func (p *printer) scanStep(s *ScanStep) {
	p.s("step ")
	p.name(s.Name.Name)
	if s.Optional {
		p.s(" optional")
	}
	if s.Output != "" {
		p.s(" output=", s.Output)
	}
	p.s(": ")
	p.node(s.Cond)
	for i, a := range s.Assign {
		if i == 0 {
			p.s(" => ")
		} else {
			p.s(", ")
		}
		p.node(a)
	}
	p.s(";")
}

func (p *printer) graphOp(o Operator) {
	switch o := o.(type) {
	case *MakeGraph:
		p.params(o.Params)
		p.s(" ")
		p.node(o.Source)
		if o.Directed {
			p.s(" --> ")
		} else {
			p.s(" -- ")
		}
		p.node(o.Target)
		for i, n := range o.Nodes {
			if i == 0 {
				p.s(" with ")
			} else {
				p.s(", ")
			}
			p.graphPart(n)
		}
		if o.NodeID != nil {
			p.s(" with_node_id=")
			p.name(o.NodeID.Name)
		}
		if o.PartBy != nil {
			p.s(" partitioned-by ")
			p.node(o.PartBy)
			p.s(" ")
			p.inParens(o.PartPipe)
		}
	case *GraphMatch:
		p.graphMatch(o.Params, o.Patterns, o.Where, o.Project)
	case *GraphShortestPaths:
		p.graphMatch(o.Params, o.Patterns, o.Where, o.Project)
	case *GraphToTable:
		for i, g := range o.Outputs {
			if i > 0 {
				p.s(",")
			}
			p.s(" ")
			p.graphPart(g)
		}
	case *GraphMarkComponents:
		p.params(o.Params)
	case *GraphWhereNodes:
		p.s(" ")
		p.node(o.Cond)
	case *GraphWhereEdges:
		p.s(" ")
		p.node(o.Cond)
	}
}

func (p *printer) graphMatch(ps Params, patterns []*GraphPattern, where Expr, project []Expr) {
	p.params(ps)
	for i, g := range patterns {
		if i > 0 {
			p.s(",")
		}
		p.s(" ")
		p.graphPart(g)
	}
	if where != nil {
		p.s(" where ")
		p.node(where)
	}
	if len(project) > 0 {
		p.s(" project ")
		p.list(project)
	}
}

func (p *printer) graphPart(n Node) {
	switch n := n.(type) {
	case *GraphNodes:
		p.node(n.Table)
		p.s(" on ")
		p.node(n.Key)
	case *GraphPattern:
		for _, s := range n.Steps {
			p.graphPart(s)
		}
	case *GraphNode:
		p.s("(")
		if n.Name != nil {
			p.name(n.Name.Name)
		}
		p.s(")")
	case *GraphEdge:
		if !n.Boxed {
			p.s(map[int]string{1: "-->", 0: "--", -1: "<--"}[n.Dir])
			return
		}
		if n.Dir < 0 {
			p.s("<")
		}
		p.s("-[")
		if n.Name != nil {
			p.name(n.Name.Name)
		}
		if n.From != nil {
			p.s("*")
			p.node(n.From)
			p.s(" .. ")
			p.node(n.To)
		}
		p.s("]-")
		if n.Dir > 0 {
			p.s(">")
		}
	case *GraphOutput:
		p.s(n.What)
		if n.As != nil {
			p.s(" as ")
			p.name(n.As.Name)
		}
		p.params(n.Params)
	}
}
