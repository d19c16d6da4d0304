package syntax

// MakeGraph is `make-graph Source --> Target with Nodes on id, More on key partitioned-by p (pipe)`.
type MakeGraph struct {
	Place
	Params   Params
	Source   Expr
	Directed bool // -->, not --
	Target   Expr
	Nodes    []*GraphNodes
	NodeID   *Ident // with_node_id=name; nil
	PartBy   Expr   // partitioned-by; nil
	PartPipe *Pipe
}

// GraphNodes is one table of nodes with its key.
type GraphNodes struct {
	Place
	Table Expr
	Key   Expr
}

// GraphMatch is `graph-match cycles=none (a)-[e]->(b), … where cond project …`.
type GraphMatch struct {
	Place
	Params   Params
	Patterns []*GraphPattern
	Where    Expr
	Project  []Expr
}

// GraphShortestPaths is `graph-shortest-paths output=all (a)-[e*1..5]->(b) where … project …`.
type GraphShortestPaths struct {
	Place
	Params   Params
	Patterns []*GraphPattern
	Where    Expr
	Project  []Expr
}

// GraphPattern is a path: nodes and edges in turn, beginning with a node.
type GraphPattern struct {
	Place
	Steps []GraphStep
}

// GraphStep is a [*GraphNode] or a [*GraphEdge].
type GraphStep interface {
	Node
	step()
}

// GraphNode is `(name)`; Name is nil for `()`.
type GraphNode struct {
	Place
	Name *Ident
}

// GraphEdge is -->, <--, --, -[name]->, <-[name]-, -[name]-, and with a range
// -[name*1..5]->. From and To are nil without one.
type GraphEdge struct {
	Place
	Name     *Ident
	Dir      int // 1 to the right, -1 to the left, 0 either
	Boxed    bool
	From, To Expr
}

func (*GraphNode) step() {}
func (*GraphEdge) step() {}

// GraphToTable is `graph-to-table nodes as N with_node_id=x, edges as E`.
type GraphToTable struct {
	Place
	Outputs []*GraphOutput
}

// GraphOutput is one table that graph-to-table gives.
type GraphOutput struct {
	Place
	What   string // "nodes" or "edges"
	As     *Ident
	Params Params
}

// GraphMarkComponents is `graph-mark-components kind=weak with_component_id=c`.
type GraphMarkComponents struct {
	Place
	Params Params
}

// GraphWhereNodes is `graph-where-nodes cond`.
type GraphWhereNodes struct {
	Place
	Cond Expr
}

// GraphWhereEdges is `graph-where-edges cond`.
type GraphWhereEdges struct {
	Place
	Cond Expr
}

func (*MakeGraph) Keyword() string           { return "make-graph" }
func (*GraphMatch) Keyword() string          { return "graph-match" }
func (*GraphShortestPaths) Keyword() string  { return "graph-shortest-paths" }
func (*GraphToTable) Keyword() string        { return "graph-to-table" }
func (*GraphMarkComponents) Keyword() string { return "graph-mark-components" }
func (*GraphWhereNodes) Keyword() string     { return "graph-where-nodes" }
func (*GraphWhereEdges) Keyword() string     { return "graph-where-edges" }

func (*MakeGraph) operator()           {}
func (*GraphMatch) operator()          {}
func (*GraphShortestPaths) operator()  {}
func (*GraphToTable) operator()        {}
func (*GraphMarkComponents) operator() {}
func (*GraphWhereNodes) operator()     {}
func (*GraphWhereEdges) operator()     {}
