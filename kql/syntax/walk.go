package syntax

// Walk calls visit for n and, where that returns true, for all nodes below it,
// in the order in which they are written (nearly: what an operator may have in
// several orders comes in that of its fields). Names that are declared, [Ident],
// are part of their node and not visited.
func Walk(n Node, visit func(Node) bool) {
	if n != nil {
		(&walker{visit}).node(n)
	}
}

type walker struct{ visit func(Node) bool }

func (w *walker) expr(x Expr) {
	if x != nil {
		w.node(x)
	}
}

// pointer is a node type: one tells a nil pointer from a node.
type pointer[T any] interface {
	*T
	Node
}

func one[T any, P pointer[T]](w *walker, n P) {
	if n != nil {
		w.node(n)
	}
}

func each[N Node](w *walker, ns []N) {
	for _, n := range ns {
		w.node(n)
	}
}

func (w *walker) node(n Node) {
	if !w.visit(n) {
		return
	}
	switch n := n.(type) {
	case *File:
		each(w, n.Stmts)
	case *Let:
		w.expr(n.Value)
	case *Set:
		w.expr(n.Value)
	case *DeclareParams:
		each(w, n.Params)
	case *DeclarePattern:
		each(w, n.Params)
		one(w, n.Path)
		each(w, n.Cases)
	case *PatternCase:
		each(w, n.Args)
		w.expr(n.Path)
		one(w, n.Body)
	case *Restrict:
		each(w, n.Items)
		each(w, n.With)
	case *Alias:
		w.expr(n.Value)
	case *QueryStmt:
		w.expr(n.Value)
	case *ColumnDecl:
		one(w, n.Type)
	case *FuncParam:
		one(w, n.Type)
		one(w, n.Schema)
		w.expr(n.Default)
	case *Schema:
		each(w, n.Columns)
	case *Block:
		each(w, n.Stmts)
	case *Lambda:
		each(w, n.Params)
		one(w, n.Body)
	case *Param:
		w.expr(n.Value)
	case *Literal:
		w.expr(n.JSON)
	case *JSONArray:
		each(w, n.Items)
	case *JSONObject:
		each(w, n.Pairs)
	case *JSONPair:
		w.expr(n.Value)
	case *Path:
		w.expr(n.X)
		w.expr(n.Sel)
	case *Index:
		w.expr(n.X)
		w.expr(n.I)
	case *Call:
		each(w, n.Params)
		each(w, n.Args)
	case *Paren:
		w.expr(n.X)
	case *Unary:
		w.expr(n.X)
	case *Binary:
		w.expr(n.X)
		w.expr(n.Y)
	case *In:
		w.expr(n.X)
		each(w, n.List)
	case *Between:
		w.expr(n.X)
		w.expr(n.Lo)
		w.expr(n.Hi)
	case *Named:
		w.expr(n.X)
	case *TypeOf:
		one(w, n.Type)
		one(w, n.Schema)
	case *Ordered:
		w.expr(n.X)
	case *Pipe:
		w.expr(n.Source)
		each(w, n.Ops)
	case *DataTable:
		each(w, n.Params)
		one(w, n.Schema)
		each(w, n.Values)
	case *ExternalData:
		each(w, n.Params)
		one(w, n.Schema)
		each(w, n.URIs)
		each(w, n.With)
	case *DataScope:
		w.expr(n.X)
	case *ContextualTable:
		w.expr(n.ID)
		one(w, n.Schema)
	case *ViewCombine:
		w.expr(n.View)
		w.expr(n.Base)
		w.expr(n.Delta)
		one(w, n.Aggregations)
	case *InlineTable:
		one(w, n.Schema)
		each(w, n.PartitionBy)
		each(w, n.PathFormat)
		each(w, n.URIs)
		each(w, n.With)
	case *PartitionColumn:
		one(w, n.Type)
		w.expr(n.X)
	case *EntityGroup:
		each(w, n.Items)
	case *Where:
		each(w, n.Params)
		w.expr(n.Cond)
	case *Extend:
		each(w, n.Items)
	case *Project:
		each(w, n.Items)
	case *ProjectAway:
		each(w, n.Items)
	case *ProjectKeep:
		each(w, n.Items)
	case *ProjectRename:
		each(w, n.Items)
	case *ProjectReorder:
		each(w, n.Items)
	case *ProjectByNames:
		each(w, n.Items)
	case *Summarize:
		each(w, n.Params)
		each(w, n.Items)
		each(w, n.By)
		w.expr(n.Bin)
	case *Sort:
		each(w, n.Params)
		each(w, n.By)
	case *Top:
		each(w, n.Params)
		w.expr(n.N)
		w.expr(n.By)
	case *Take:
		each(w, n.Params)
		w.expr(n.N)
	case *Count:
		each(w, n.Params)
	case *Distinct:
		each(w, n.Params)
		each(w, n.Items)
	case *Join:
		each(w, n.Params)
		w.expr(n.Right)
		each(w, n.On)
		w.expr(n.Where)
	case *Lookup:
		each(w, n.Params)
		w.expr(n.Right)
		each(w, n.On)
	case *Union:
		each(w, n.Params)
		each(w, n.Items)
	case *As:
		each(w, n.Params)
	case *Consume:
		each(w, n.Params)
	case *Evaluate:
		each(w, n.Params)
		w.expr(n.Call)
		one(w, n.Schema)
	case *Facet:
		each(w, n.By)
		one(w, n.With)
	case *Find:
		each(w, n.Params)
		each(w, n.In)
		w.expr(n.Where)
		each(w, n.Project)
		each(w, n.ProjectAway)
	case *FindColumn:
		w.expr(n.Name)
		one(w, n.Type)
	case *Fork:
		each(w, n.Prongs)
	case *ForkProng:
		w.expr(n.Sub)
	case *GetSchema:
		each(w, n.Params)
	case *Invoke:
		w.expr(n.Call)
	case *MakeSeries:
		each(w, n.Params)
		each(w, n.Items)
		w.expr(n.On)
		w.expr(n.From)
		w.expr(n.To)
		w.expr(n.Step)
		each(w, n.InRange)
		each(w, n.By)
	case *SeriesItem:
		w.expr(n.X)
		w.expr(n.Default)
	case *MvExpand:
		each(w, n.Params)
		each(w, n.Items)
		w.expr(n.Limit)
	case *MvItem:
		w.expr(n.X)
		one(w, n.To)
	case *MvApply:
		each(w, n.Params)
		each(w, n.Items)
		w.expr(n.Limit)
		w.expr(n.ID)
		one(w, n.On)
	case *ParseOp:
		each(w, n.Params)
		w.expr(n.X)
		each(w, n.With)
	case *ParseKV:
		w.expr(n.X)
		one(w, n.As)
		each(w, n.With)
	case *Partition:
		each(w, n.Params)
		w.expr(n.By)
		w.expr(n.In)
		w.expr(n.Sub)
		w.expr(n.Query)
	case *PartitionBy:
		each(w, n.Params)
		w.expr(n.By)
		w.expr(n.ID)
		one(w, n.Pipe)
	case *PrintOp:
		each(w, n.Items)
	case *Range:
		w.expr(n.From)
		w.expr(n.To)
		w.expr(n.Step)
	case *Reduce:
		each(w, n.Params)
		w.expr(n.By)
		each(w, n.With)
	case *Render:
		each(w, n.Old)
		each(w, n.With)
	case *RenderProp:
		each(w, n.Values)
	case *Sample:
		each(w, n.Params)
		w.expr(n.N)
	case *SampleDistinct:
		each(w, n.Params)
		w.expr(n.N)
		w.expr(n.Of)
	case *Scan:
		each(w, n.Params)
		each(w, n.OrderBy)
		each(w, n.PartitionBy)
		each(w, n.Declare)
		each(w, n.Steps)
	case *ScanStep:
		w.expr(n.Cond)
		each(w, n.Assign)
	case *Search:
		each(w, n.Params)
		each(w, n.In)
		w.expr(n.Cond)
	case *Serialize:
		each(w, n.Params)
		each(w, n.Items)
	case *TopHitters:
		w.expr(n.N)
		w.expr(n.Of)
		w.expr(n.By)
	case *TopNested:
		each(w, n.Levels)
	case *TopNestedLevel:
		w.expr(n.N)
		w.expr(n.Of)
		w.expr(n.Others)
		w.expr(n.By)
	case *MacroExpand:
		each(w, n.Params)
		w.expr(n.Group)
		one(w, n.Body)
	case *AssertSchema:
		one(w, n.Schema)
	case *MakeGraph:
		each(w, n.Params)
		w.expr(n.Source)
		w.expr(n.Target)
		each(w, n.Nodes)
		w.expr(n.PartBy)
		one(w, n.PartPipe)
	case *GraphNodes:
		w.expr(n.Table)
		w.expr(n.Key)
	case *GraphMatch:
		each(w, n.Params)
		each(w, n.Patterns)
		w.expr(n.Where)
		each(w, n.Project)
	case *GraphShortestPaths:
		each(w, n.Params)
		each(w, n.Patterns)
		w.expr(n.Where)
		each(w, n.Project)
	case *GraphPattern:
		each(w, n.Steps)
	case *GraphEdge:
		w.expr(n.From)
		w.expr(n.To)
	case *GraphToTable:
		each(w, n.Outputs)
	case *GraphOutput:
		each(w, n.Params)
	case *GraphMarkComponents:
		each(w, n.Params)
	case *GraphWhereNodes:
		w.expr(n.Cond)
	case *GraphWhereEdges:
		w.expr(n.Cond)
	}
}
