package plan

import (
	"fmt"
	"maps"
	"strings"

	"sextant/table"
)

// Graph tells how rows of edges, which are the input of the operator that holds it,
// and tables of nodes make a graph. A node is known by the value of its key; nodes
// that only edges name are there, too, with nothing but that value.
type Graph struct {
	Source, Target Expr // over the edges' columns, of one type
	Directed       bool
	Tables         []NodeTable
	// Nodes are the properties of a node. Key is the index of the one that holds the
	// value that edges name, for nodes that are in no table; -1 for none.
	Nodes table.Schema
	Key   int
	// Edges are the properties of an edge.
	Edges table.Schema
	// Part, where set, over the edges' columns: the graph has only those rows of its
	// node tables whose own Part has the value of the first edge.
	Part Expr
	// Steps change the graph one after the other.
	Steps []GraphStep
}

// NodeTable is a table of nodes. Cols name, for each of the graph's Nodes, the table's
// column or "".
type NodeTable struct {
	Pipe *Pipeline
	Key  Expr // over Pipe's columns
	Part Expr // where Graph.Part is set
	Cols []string
}

// GraphStep is one change of a graph: exactly one of Mark, Nodes and Edges is set.
type GraphStep struct {
	// Mark names the property of a node (one of Graph.Nodes) that gets the number of
	// its component.
	Mark   string
	Strong bool
	// Nodes and Edges keep what they are true for: they see the properties and, under
	// the names DegreeIn and DegreeOut, a node's degrees.
	Nodes, Edges Expr
}

// Names under which expressions over the properties of nodes see what is computed.
const (
	DegreeIn  = "$in"
	DegreeOut = "$out"
)

// GraphMatch finds where patterns stand in a graph. Each match is a row of Inputs, over
// which Where and Cols are.
type GraphMatch struct {
	Graph    *Graph
	Patterns [][]GraphElement // nodes and edges in turn, from a node to a node
	Cycles   CycleRule
	// Shortest keeps of all matches with the same first and last node the shortest
	// one, or with All those as short.
	Shortest, All bool
	Inputs        []GraphInput
	Where         Expr // nil for none
	Cols          []Named
}

// CycleRule tells which cycles a match may have.
type CycleRule string

const (
	CyclesUnique CycleRule = "unique_edges" // no edge twice
	CyclesNone   CycleRule = "none"         // no node twice
	CyclesAll    CycleRule = "all"
)

// GraphElement is a node or an edge of a pattern. The same Var at two places is the
// same node.
type GraphElement struct {
	Var  string // unnamed ones have a name that cannot be written
	Edge bool
	Dir  int // of an edge: 1 along it, -1 against it, 0 either
	// Path marks an edge that stands for From to To edges.
	Path     bool
	From, To int64
}

// GraphInput is a column of a match.
type GraphInput struct {
	table.Column
	What GraphWhat
	Var  string
	Prop string // of GraphProp
	// Inner takes of a path its nodes but the first and the last, not its edges.
	Inner bool
	// Each is what GraphAll, GraphAny and GraphMap compute for each element of a path.
	// It sees the element's properties and a node's degrees.
	Each Expr
}

// GraphWhat tells what a column of a match holds.
type GraphWhat uint8

const (
	GraphProp GraphWhat = iota // a property; of a path the list of its edges'
	GraphBag                   // all properties as a bag; of a path the list of bags
	GraphIn                    // how many edges come to a node
	GraphOut                   // how many leave it
	GraphAll
	GraphAny
	GraphMap
)

// GraphTable gives the nodes or the edges of a graph as rows: hashes of keys where
// NodeID, or SourceID and TargetID name a column for them, then the properties.
type GraphTable struct {
	Graph                      *Graph
	Edges                      bool
	NodeID, SourceID, TargetID string
}

// MakeGraph stands where a graph is not yet looked at; other operators of graphs take
// it over. It gives no rows: a query that ends with it fails.
type MakeGraph struct{ Graph *Graph }

func (o *MakeGraph) Schema() table.Schema { return nil }
func (*MakeGraph) op()                    {}
func (o *MakeGraph) String() string       { return o.Graph.String() }

// mapInside is g with f applied to its tables of nodes.
func (g *Graph) mapInside(f func(*Pipeline) *Pipeline) *Graph {
	out := *g
	out.Tables = make([]NodeTable, len(g.Tables))
	for i, t := range g.Tables {
		t.Pipe = f(t.Pipe)
		out.Tables[i] = t
	}
	return &out
}

// mapExprs is g with f applied to its expressions over the edges' rows.
func (g *Graph) mapExprs(f func(Expr) Expr) *Graph {
	out := *g
	out.Source, out.Target = f(g.Source), f(g.Target)
	if g.Part != nil {
		out.Part = f(g.Part)
	}
	return &out
}

// reads are the properties of edges that the operator looks at.
func (o *GraphMatch) reads() map[string]bool {
	edges := map[string]bool{} // by variable
	for _, p := range o.Patterns {
		for _, e := range p {
			edges[e.Var] = e.Edge
		}
	}
	out := map[string]bool{}
	for _, s := range o.Graph.Steps {
		if s.Edges != nil {
			read(out, s.Edges)
		}
	}
	for _, in := range o.Inputs {
		switch {
		case !edges[in.Var] || in.Inner:
		case in.Each != nil:
			read(out, in.Each)
		case in.What == GraphProp:
			out[in.Prop] = true
		default:
			maps.Copy(out, everything(o.Graph.Edges))
		}
	}
	return out
}

// MatchSchema is what Where and Cols see.
func (o *GraphMatch) MatchSchema() table.Schema {
	out := make(table.Schema, len(o.Inputs))
	for i, in := range o.Inputs {
		out[i] = in.Column
	}
	return out
}

func (o *GraphMatch) Schema() table.Schema { return namedSchema(o.Cols) }
func (o *GraphTable) Schema() table.Schema {
	var out table.Schema
	long := func(name string) {
		if name != "" {
			out = append(out, table.Column{Name: name, Type: table.Long})
		}
	}
	if o.Edges {
		long(o.SourceID)
		long(o.TargetID)
		return append(out, o.Graph.Edges...)
	}
	long(o.NodeID)
	return append(out, o.Graph.Nodes...)
}

func (*GraphMatch) op() {}
func (*GraphTable) op() {}

func (g *Graph) String() string {
	var b strings.Builder
	arrow := "-->"
	if !g.Directed {
		arrow = "--"
	}
	fmt.Fprintf(&b, "make-graph %s %s %s", g.Source, arrow, g.Target)
	for i, t := range g.Tables {
		word := ", "
		if i == 0 {
			word = " with "
		}
		fmt.Fprintf(&b, "%s(%s) on %s", word, t.Pipe, t.Key)
	}
	if g.Part != nil {
		b.WriteString(" partitioned-by " + g.Part.String())
	}
	for _, s := range g.Steps {
		switch {
		case s.Mark != "":
			kind := "weak"
			if s.Strong {
				kind = "strong"
			}
			fmt.Fprintf(&b, " | graph-mark-components kind=%s with_component_id=%s", kind, Ident(s.Mark))
		case s.Nodes != nil:
			b.WriteString(" | graph-where-nodes " + s.Nodes.String())
		default:
			b.WriteString(" | graph-where-edges " + s.Edges.String())
		}
	}
	return b.String()
}

func (o *GraphMatch) String() string {
	var b strings.Builder
	b.WriteString(o.Graph.String())
	switch {
	case o.All:
		b.WriteString(" | graph-shortest-paths output=all ")
	case o.Shortest:
		b.WriteString(" | graph-shortest-paths ")
	default:
		fmt.Fprintf(&b, " | graph-match cycles=%s ", o.Cycles)
	}
	for i, p := range o.Patterns {
		if i > 0 {
			b.WriteString(", ")
		}
		for _, e := range p {
			if !e.Edge {
				b.WriteString("(" + e.Var + ")")
				continue
			}
			if e.Dir < 0 {
				b.WriteByte('<')
			}
			b.WriteString("-[" + e.Var)
			if e.Path {
				fmt.Fprintf(&b, "*%d..%d", e.From, e.To)
			}
			b.WriteString("]-")
			if e.Dir > 0 {
				b.WriteByte('>')
			}
		}
	}
	for _, in := range o.Inputs {
		if in.Each != nil {
			inner := ""
			if in.Inner {
				inner = " inner_nodes"
			}
			fmt.Fprintf(&b, " {%s: %s%s of %s each %s}", in.Name, [...]string{"", "", "", "", "all", "any", "map"}[in.What], inner, in.Var, in.Each)
		}
	}
	if o.Where != nil {
		b.WriteString(" where " + o.Where.String())
	}
	return b.String() + " project " + nameds(o.Cols)
}

func (o *GraphTable) String() string {
	what := "nodes"
	if o.Edges {
		what = "edges"
	}
	s := o.Graph.String() + " | graph-to-table " + what
	for _, id := range [][2]string{{"node", o.NodeID}, {"source", o.SourceID}, {"target", o.TargetID}} {
		if id[1] != "" {
			s += " with_" + id[0] + "_id=" + Ident(id[1])
		}
	}
	return s
}
