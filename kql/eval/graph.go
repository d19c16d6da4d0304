package eval

import (
	"context"
	"math"
	"slices"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// grapher makes graphs of edges that come and of tables of nodes.
type grapher struct {
	x        *compiler
	g        *plan.Graph
	edges    []int // columns of the input that are the edges' properties
	src, dst *node
	part     *node
	tables   []nodeTable
	steps    []graphStep
}

type nodeTable struct {
	pipe *pipe
	key  *node
	part *node
	cols []int // of the pipe, for each property; -1
}

type graphStep struct {
	mark   int // property
	strong bool
	nodes  *node
	edges  *node
}

// withDegrees is what expressions over nodes see.
func withDegrees(nodes table.Schema) table.Schema {
	return append(nodes[:len(nodes):len(nodes)], table.Column{Name: plan.DegreeIn, Type: table.Long}, table.Column{Name: plan.DegreeOut, Type: table.Long})
}

func (x *compiler) grapher(p *pipe, g *plan.Graph) (*grapher, error) {
	s := &grapher{x: x, g: g}
	var err error
	if s.edges, err = columnsOf(p.schema, g.Edges.Names()); err != nil {
		return nil, err
	}
	sc := x.scope(p)
	if s.src, err = sc.expr(g.Source); err != nil {
		return nil, err
	}
	if s.dst, err = sc.expr(g.Target); err != nil {
		return nil, err
	}
	if g.Part != nil {
		if s.part, err = sc.expr(g.Part); err != nil {
			return nil, err
		}
	}
	for _, t := range g.Tables {
		n := nodeTable{}
		if n.pipe, err = x.sub(p, t.Pipe); err != nil {
			return nil, err
		}
		sc := &scope{compiler: x, pipe: n.pipe, schema: n.pipe.schema}
		if n.key, err = sc.expr(t.Key); err != nil {
			return nil, err
		}
		if s.part != nil {
			if n.part, err = sc.expr(t.Part); err != nil {
				return nil, err
			}
		}
		for _, c := range t.Cols {
			i := -1
			if c != "" {
				i = n.pipe.schema.Index(c)
			}
			n.cols = append(n.cols, i)
		}
		s.tables = append(s.tables, n)
	}
	for _, st := range g.Steps {
		out := graphStep{mark: -1, strong: st.Strong}
		switch {
		case st.Nodes != nil:
			out.nodes, err = (&scope{compiler: x, pipe: p, schema: withDegrees(g.Nodes)}).expr(st.Nodes)
		case st.Edges != nil:
			out.edges, err = (&scope{compiler: x, pipe: p, schema: g.Edges}).expr(st.Edges)
		default:
			out.mark = g.Nodes.Index(st.Mark)
		}
		if err != nil {
			return nil, err
		}
		s.steps = append(s.steps, out)
	}
	return s, nil
}

// graph is one that has been made: nodes and edges by number, with their properties
// as batches.
type graph struct {
	x        *compiler
	nodes    *table.Batch // with degrees behind the properties, once they are known
	edges    *table.Batch
	keys     []table.Value // of the nodes
	src, dst []int32       // of the edges
	out, in  links
	directed bool
	steps    int
}

// links are the edges of each node, one node's behind the other's.
type links struct{ start, edge []int32 }

func (l links) of(n int32) []int32 { return l.edge[l.start[n]:l.start[n+1]] }

func makeLinks(nodes int, of []int32) links {
	l := links{make([]int32, nodes+1), make([]int32, len(of))}
	for _, n := range of {
		l.start[n+1]++
	}
	for n := range nodes {
		l.start[n+1] += l.start[n]
	}
	next := slices.Clone(l.start[:nodes])
	for e, n := range of {
		l.edge[next[n]] = int32(e)
		next[n]++
	}
	return l
}

// tick looks at the context now and then.
func (g *graph) tick(ctx context.Context) error {
	if g.steps++; g.steps&4095 == 0 {
		return g.x.alive(ctx)
	}
	return nil
}

// joined puts batches together, of some of their columns.
func joined(schema table.Schema, list []*table.Batch, cols []int) *table.Batch {
	n := 0
	for _, b := range list {
		n += b.Rows
	}
	out := table.NewBatch(schema, n)
	for _, b := range list {
		for k, c := range cols {
			for i := range b.Rows {
				appendFrom(&out.Cols[k], &b.Cols[c], i)
			}
		}
		out.Rows += b.Rows
	}
	return out
}

// tooManyNodes: nodes and edges have numbers of 32 bits.
const maxGraph = math.MaxInt32 - 1

// read makes the graph of the rows of in. h is charged for all that it keeps.
func (s *grapher) read(ctx context.Context, in Reader, e *env, h *hold) (*graph, error) {
	g := &graph{x: s.x, directed: s.g.Directed}
	rows, err := s.x.drain(ctx, in, h)
	if err != nil {
		return nil, err
	}
	ids := newKeyed()
	var partKey []byte
	if s.part != nil && len(rows) > 0 {
		v := s.part.vector(rows[0])
		partKey = appendKey(nil, &v, 0)
	}
	// Nodes first, in the order of their tables.
	var places [][]at // of each table, the row of each node; batch -1 for none
	var from [][]*table.Batch
	for _, t := range s.tables {
		rows, err := s.nodeRows(ctx, t, e, partKey, h)
		if err != nil {
			return nil, err
		}
		from = append(from, rows)
		var place []at
		for bi, b := range rows {
			if err := s.x.alive(ctx); err != nil {
				return nil, err
			}
			keys := []table.Vector{t.key.vector(b)}
			grown := int64(8 * b.Rows)
			for i := range b.Rows {
				n, g := ids.of(keys, i, true)
				grown += g
				for int(n) >= len(place) {
					place = append(place, at{-1, 0})
				}
				if place[n].batch < 0 {
					place[n] = at{int32(bi), int32(i)}
				}
			}
			if err := h.add(grown); err != nil {
				return nil, err
			}
		}
		places = append(places, place)
	}
	known := len(ids.vals)
	for _, b := range rows {
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		var grown int64
		ends := [2][]table.Vector{{s.src.vector(b)}, {s.dst.vector(b)}}
		for i := range b.Rows {
			n, g1 := ids.of(ends[0], i, true)
			m, g2 := ids.of(ends[1], i, true)
			g.src, g.dst = append(g.src, n), append(g.dst, m)
			grown += g1 + g2 + 16
		}
		if len(g.src) > maxGraph {
			return nil, fault.New(fault.Limit, "a graph can have up to %d edges", maxGraph)
		}
		if err := h.add(grown); err != nil {
			return nil, err
		}
	}
	g.edges = joined(s.g.Edges, rows, s.edges)
	for _, v := range ids.vals {
		g.keys = append(g.keys, v[0])
	}
	if err := s.properties(ctx, g, places, from, known); err != nil {
		return nil, err
	}
	if err := h.add(g.edges.Bytes() + g.nodes.Bytes() + 64*int64(len(g.keys))); err != nil {
		return nil, err
	}
	g.link()
	for _, st := range s.steps {
		if err := g.step(ctx, s, st); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// nodeRows reads a table of nodes, of which a part may be wanted.
func (s *grapher) nodeRows(ctx context.Context, t nodeTable, e *env, part []byte, h *hold) ([]*table.Batch, error) {
	in := t.pipe.open(e)
	defer in.Close()
	if t.part == nil {
		return s.x.drain(ctx, in, h)
	}
	var out []*table.Batch
	var buf []byte
	for {
		b, err := in.Next(ctx)
		if err != nil || b == nil {
			return out, err
		}
		if err := s.x.alive(ctx); err != nil {
			return nil, err
		}
		v := t.part.vector(b)
		var idx []int32
		for i := range b.Rows {
			if buf = appendKey(buf[:0], &v, i); string(buf) == string(part) {
				idx = append(idx, int32(i))
			}
		}
		if len(idx) > 0 {
			b = pickRows(b, idx)
			if err := h.add(b.Bytes()); err != nil {
				return nil, err
			}
			out = append(out, b)
		}
	}
}

// properties fills the nodes' columns: of several tables with a node the first that
// has a value.
func (s *grapher) properties(ctx context.Context, g *graph, places [][]at, from [][]*table.Batch, known int) error {
	g.nodes = table.NewBatch(s.g.Nodes, len(g.keys))
	for c, col := range s.g.Nodes {
		v := &g.nodes.Cols[c]
		for n := range g.keys {
			if err := g.tick(ctx); err != nil {
				return err
			}
			val := table.Null(col.Type)
			if n >= known && c == s.g.Key {
				val = fit(fn.Convert(g.keys[n], col.Type), col.Type)
			}
			for t := range places {
				i := s.tables[t].cols[c]
				if n >= len(places[t]) || places[t][n].batch < 0 || i < 0 {
					continue
				}
				p := places[t][n]
				x := fit(from[t][p.batch].Cols[i].At(int(p.row)), col.Type)
				if !x.IsNull() && (col.Type != table.String || x.Str() != "") {
					val = x
					break
				}
			}
			v.Append(val)
		}
	}
	g.nodes.Rows = len(g.keys)
	return nil
}

// link finds the edges of each node, and puts degrees behind the properties.
func (g *graph) link() {
	n := len(g.keys)
	g.out, g.in = makeLinks(n, g.src), makeLinks(n, g.dst)
	degrees := func(l links) table.Vector {
		v := table.NewVector(table.Long, n)
		for i := range n {
			v.N = append(v.N, int64(l.start[i+1]-l.start[i]))
		}
		return v
	}
	props := len(g.nodes.Schema)
	if props >= 2 && g.nodes.Schema[props-1].Name == plan.DegreeOut {
		props -= 2
	}
	schema := g.nodes.Schema[:props]
	g.nodes = &table.Batch{Schema: withDegrees(schema), Cols: append(g.nodes.Cols[:props:props], degrees(g.in), degrees(g.out)), Rows: n}
}

func (g *graph) step(ctx context.Context, s *grapher, st graphStep) error {
	switch {
	case st.nodes != nil:
		return g.keep(ctx, truths(st.nodes, g.nodes), allTrue(g.edges.Rows))
	case st.edges != nil:
		return g.keep(ctx, allTrue(len(g.keys)), truths(st.edges, g.edges))
	}
	of, err := g.components(ctx, st.strong)
	if err != nil {
		return err
	}
	v := table.NewVector(table.Long, len(of))
	for _, c := range of {
		v.N = append(v.N, int64(c))
	}
	cols := slices.Clone(g.nodes.Cols)
	cols[st.mark] = v
	g.nodes = &table.Batch{Schema: g.nodes.Schema, Cols: cols, Rows: g.nodes.Rows}
	return nil
}

// truths tells for which rows a condition is true.
func truths(n *node, b *table.Batch) []bool {
	v := n.vector(b)
	out := make([]bool, b.Rows)
	for i := range out {
		out[i] = !v.IsNull(i) && v.N[i] != 0
	}
	return out
}

func allTrue(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

// keep leaves out nodes, with their edges, and edges.
func (g *graph) keep(ctx context.Context, nodes, edges []bool) error {
	number := make([]int32, len(nodes))
	var idx []int32
	var keys []table.Value
	for n, ok := range nodes {
		number[n] = -1
		if ok {
			number[n] = int32(len(idx))
			idx = append(idx, int32(n))
			keys = append(keys, g.keys[n])
		}
	}
	var kept, src, dst []int32
	for e, ok := range edges {
		if err := g.tick(ctx); err != nil {
			return err
		}
		if ok && nodes[g.src[e]] && nodes[g.dst[e]] {
			kept = append(kept, int32(e))
			src, dst = append(src, number[g.src[e]]), append(dst, number[g.dst[e]])
		}
	}
	g.nodes, g.edges = pickRows(g.nodes, idx), pickRows(g.edges, kept)
	g.keys, g.src, g.dst = keys, src, dst
	g.link()
	return nil
}

// components gives each node the number of its component. Numbers follow the order
// of the components' first nodes.
func (g *graph) components(ctx context.Context, strong bool) ([]int32, error) {
	n := len(g.keys)
	var root []int32
	var err error
	if strong && g.directed {
		root, err = g.strong(ctx)
	} else {
		root, err = g.weak(ctx)
	}
	if err != nil {
		return nil, err
	}
	number := make([]int32, n)
	for i := range number {
		number[i] = -1
	}
	out := make([]int32, n)
	next := int32(0)
	for i := range out {
		if number[root[i]] < 0 {
			number[root[i]] = next
			next++
		}
		out[i] = number[root[i]]
	}
	return out, nil
}

func (g *graph) weak(ctx context.Context) ([]int32, error) {
	root := make([]int32, len(g.keys))
	for i := range root {
		root[i] = int32(i)
	}
	find := func(n int32) int32 {
		for root[n] != n {
			root[n] = root[root[n]]
			n = root[n]
		}
		return n
	}
	for e := range g.src {
		if err := g.tick(ctx); err != nil {
			return nil, err
		}
		a, b := find(g.src[e]), find(g.dst[e])
		if a != b {
			root[max(a, b)] = min(a, b)
		}
	}
	for i := range root {
		root[i] = find(int32(i))
	}
	return root, nil
}

// strong is Tarjan's algorithm, with a stack of its own.
func (g *graph) strong(ctx context.Context) ([]int32, error) {
	n := len(g.keys)
	index, low, root := make([]int32, n), make([]int32, n), make([]int32, n)
	on := make([]bool, n)
	type frame struct{ node, edge int32 }
	var stack []int32
	var calls []frame
	next := int32(1)
	for start := range int32(n) {
		if index[start] != 0 {
			continue
		}
		calls = append(calls[:0], frame{start, 0})
		for len(calls) > 0 {
			if err := g.tick(ctx); err != nil {
				return nil, err
			}
			f := &calls[len(calls)-1]
			v := f.node
			if f.edge == 0 {
				index[v], low[v] = next, next
				next++
				stack = append(stack, v)
				on[v] = true
			}
			links := g.out.of(v)
			if int(f.edge) < len(links) {
				w := g.dst[links[f.edge]]
				f.edge++
				switch {
				case index[w] == 0:
					calls = append(calls, frame{w, 0})
				case on[w]:
					low[v] = min(low[v], index[w])
				}
				continue
			}
			if low[v] == index[v] {
				for {
					w := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					on[w] = false
					root[w] = v
					if w == v {
						break
					}
				}
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				p := calls[len(calls)-1].node
				low[p] = min(low[p], low[v])
			}
		}
	}
	return root, nil
}

// graphTable gives the nodes or edges of a graph as rows.
type graphTable struct {
	*grapher
	op     *plan.GraphTable
	schema table.Schema
}

func (x *compiler) graphTable(p *pipe, op *plan.GraphTable) error {
	g, err := x.grapher(p, op.Graph)
	if err != nil {
		return err
	}
	s := &graphTable{g, op, op.Schema()}
	p.add(s, s.schema)
	return nil
}

func (s *graphTable) open(e *env, in Reader) Reader {
	return &graphTableReader{base: base{in: in, schema: s.schema}, s: s, e: e, hold: s.x.hold("graph-to-table")}
}

type graphTableReader struct {
	base
	s    *graphTable
	e    *env
	hold hold
	out  *batches
}

func (r *graphTableReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		g, err := r.s.read(ctx, r.in, r.e, &r.hold)
		if err != nil {
			return nil, err
		}
		b := &table.Batch{Schema: r.schema, Rows: len(g.keys)}
		hash := func(name string, of func(i int) table.Value) {
			if name == "" {
				return
			}
			v := table.NewVector(table.Long, b.Rows)
			for i := range b.Rows {
				v.N = append(v.N, fn.Hash(of(i)))
			}
			b.Cols = append(b.Cols, v)
		}
		if r.s.op.Edges {
			b.Rows = g.edges.Rows
			hash(r.s.op.SourceID, func(i int) table.Value { return g.keys[g.src[i]] })
			hash(r.s.op.TargetID, func(i int) table.Value { return g.keys[g.dst[i]] })
			b.Cols = append(b.Cols, g.edges.Cols...)
		} else {
			hash(r.s.op.NodeID, func(i int) table.Value { return g.keys[i] })
			b.Cols = append(b.Cols, g.nodes.Cols[:len(r.s.g.Nodes)]...)
		}
		r.out = &batches{schema: r.schema, list: []*table.Batch{b}, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *graphTableReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
