package eval

import (
	"context"
	"iter"
	"slices"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// graphMatch finds patterns. Conditions that read one element by itself are asked
// for all nodes and edges before the search, so that it never goes where they are
// false; what is left of the condition is asked for each match.
type graphMatch struct {
	*grapher
	op     *plan.GraphMatch
	schema table.Schema
	names  map[string]int // variables
	vars   []plan.GraphElement
	inputs []matchInput
	alone  []aloneCond
	rest   *node // of the condition; nil
	cols   []*node
}

type matchInput struct {
	plan.GraphInput
	v    int   // variable
	col  int   // of GraphProp
	each *node // over the elements
}

// aloneCond is a condition on one element: over the inputs, or of every element of a
// path (each).
type aloneCond struct {
	v     int
	cond  *node
	each  *node
	inner bool
}

func (x *compiler) graphMatch(p *pipe, op *plan.GraphMatch) error {
	g, err := x.grapher(p, op.Graph)
	if err != nil {
		return err
	}
	s := &graphMatch{grapher: g, op: op, schema: op.Schema(), names: map[string]int{}}
	for _, pat := range op.Patterns {
		for _, el := range pat {
			if _, ok := s.names[el.Var]; !ok {
				s.names[el.Var] = len(s.vars)
				s.vars = append(s.vars, el)
			}
		}
	}
	schema := op.MatchSchema()
	for _, in := range op.Inputs {
		m := matchInput{GraphInput: in, v: s.names[in.Var], col: -1}
		of := op.Graph.Nodes
		if s.vars[m.v].Edge && !in.Inner {
			of = op.Graph.Edges
		} else {
			of = withDegrees(of)
		}
		if in.What == plan.GraphProp {
			m.col = of.Index(in.Prop)
		}
		if in.Each != nil {
			if m.each, err = (&scope{compiler: x, pipe: p, schema: of}).expr(in.Each); err != nil {
				return err
			}
		}
		s.inputs = append(s.inputs, m)
	}
	sc := &scope{compiler: x, pipe: p, schema: schema}
	var rest []plan.Expr
	if op.Where != nil {
		for _, c := range plan.Conjuncts(op.Where) {
			ok, err := s.byItself(sc, c)
			if err != nil {
				return err
			}
			if !ok {
				rest = append(rest, c)
			}
		}
	}
	for _, c := range rest {
		n, err := sc.expr(c)
		if err != nil {
			return err
		}
		s.rest = both(s.rest, n)
	}
	if s.cols, err = sc.named(op.Cols); err != nil {
		return err
	}
	p.add(s, s.schema)
	return nil
}

// both is true where two conditions are.
func both(a, b *node) *node {
	if a == nil {
		return b
	}
	n := &node{t: table.Bool, ctx: b.ctx}
	n.at = func(t *table.Batch, i int) table.Value {
		return table.BoolValue(a.at(t, i).Bool() && b.at(t, i).Bool())
	}
	return n
}

// byItself takes a condition on one element out of the whole.
func (s *graphMatch) byItself(sc *scope, c plan.Expr) (bool, error) {
	if col, ok := c.(*plan.Col); ok {
		in := s.inputs[sc.schema.Index(col.Name)]
		if in.What == plan.GraphAll {
			s.alone = append(s.alone, aloneCond{v: in.v, each: in.each, inner: in.Inner})
			return true, nil
		}
	}
	names := plan.Columns(c)
	v := -1
	for _, name := range names {
		in := s.inputs[sc.schema.Index(name)]
		if s.vars[in.v].Path || v >= 0 && v != in.v {
			return false, nil
		}
		v = in.v
	}
	volatile := false
	plan.Walk(c, func(e plan.Expr) bool {
		if call, ok := e.(*plan.Call); ok && call.Fn.Volatile {
			volatile = true
		}
		return true
	})
	if v < 0 || volatile {
		return false, nil
	}
	n, err := sc.expr(c)
	if err != nil {
		return false, err
	}
	s.alone = append(s.alone, aloneCond{v: v, cond: n})
	return true, nil
}

func (s *graphMatch) open(e *env, in Reader) Reader {
	who := "graph-match"
	if s.op.Shortest {
		who = "graph-shortest-paths"
	}
	return &matchReader{base: base{in: in, schema: s.schema}, s: s, e: e, hold: s.x.hold(who)}
}

type matchReader struct {
	base
	s    *graphMatch
	e    *env
	hold hold
	next func() (*table.Batch, error, bool)
	stop func()
	done bool
}

func (r *matchReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.done {
		return nil, nil
	}
	if r.next == nil {
		r.next, r.stop = iter.Pull2(r.matches(ctx))
	}
	b, err, ok := r.next()
	if !ok {
		r.done = true
	}
	return b, err
}

func (r *matchReader) Close() error {
	r.done = true
	if r.stop != nil {
		r.stop()
	}
	r.hold.release()
	return r.in.Close()
}

// matches gives batches of rows as the search goes on.
func (r *matchReader) matches(ctx context.Context) iter.Seq2[*table.Batch, error] {
	return func(yield func(*table.Batch, error) bool) {
		g, err := r.s.read(ctx, r.in, r.e, &r.hold)
		if err != nil {
			yield(nil, err)
			return
		}
		m := &matcher{s: r.s, g: g, ctx: ctx, hold: &r.hold, yield: yield}
		if err := m.run(); err != nil && !m.stopped {
			yield(nil, err)
		}
	}
}

// found are matches that wait to become rows: for each a number for each variable,
// and the edges and inner nodes of paths.
type found struct {
	n     int
	ids   []int32 // of node or edge, by variable; -1 for a path
	paths [][]int32
	inner [][]int32
	size  int // of paths together
}

// vector is a column of the matches.
func (m *matcher) vector(in matchInput, f *found) table.Vector {
	width := len(m.s.vars)
	v := &m.s.vars[in.v]
	if !v.Path {
		idx := make([]int32, f.n)
		for i := range idx {
			idx[i] = f.ids[i*width+in.v]
		}
		return m.single(in, v.Edge, idx)
	}
	of := func(i int) []int32 {
		if in.Inner {
			return f.inner[i*width+in.v]
		}
		return f.paths[i*width+in.v]
	}
	out := table.NewVector(in.Type, f.n)
	props := m.g.edges
	if in.Inner {
		props = m.g.nodes
	}
	var each table.Vector
	if in.each != nil {
		each = m.eachOf(in)
	}
	for i := range f.n {
		switch in.What {
		case plan.GraphAll, plan.GraphAny:
			want := in.What == plan.GraphAny
			is := !want
			for _, k := range of(i) {
				if (!each.IsNull(int(k)) && each.N[k] != 0) == want {
					is = want
					break
				}
			}
			out.Append(table.BoolValue(is))
		default:
			list := make([]any, 0, len(of(i)))
			for _, k := range of(i) {
				switch in.What {
				case plan.GraphMap:
					list = append(list, fn.ToDynamic(each.At(int(k))).Dyn())
				case plan.GraphProp:
					list = append(list, fn.ToDynamic(props.Cols[in.col].At(int(k))).Dyn())
				default:
					list = append(list, m.bag(props, !in.Inner, int(k)))
				}
			}
			out.Append(table.DynamicValue(list))
		}
	}
	return out
}

// eachOf computes an expression for all edges or nodes, once.
func (m *matcher) eachOf(in matchInput) table.Vector {
	if v, ok := m.each[in.Name]; ok {
		return v
	}
	b := m.g.edges
	if in.Inner {
		b = m.g.nodes
	}
	v := in.each.vector(b)
	if m.each == nil {
		m.each = map[string]table.Vector{}
	}
	m.each[in.Name] = v
	return v
}

func (m *matcher) bag(b *table.Batch, edges bool, i int) *table.Object {
	o := &table.Object{}
	n := len(b.Schema)
	if !edges {
		n = len(m.s.g.Nodes)
	}
	for c := range n {
		o.Set(b.Schema[c].Name, fn.ToDynamic(b.Cols[c].At(i)).Dyn())
	}
	return o
}

// single is a column of nodes or of single edges.
func (m *matcher) single(in matchInput, edge bool, idx []int32) table.Vector {
	b := m.g.nodes
	if edge {
		b = m.g.edges
	}
	switch in.What {
	case plan.GraphProp:
		return pick(&b.Cols[in.col], idx)
	case plan.GraphIn, plan.GraphOut:
		c := len(m.s.g.Nodes)
		if in.What == plan.GraphOut {
			c++
		}
		return pick(&b.Cols[c], idx)
	}
	v := table.NewVector(table.Dynamic, len(idx))
	for _, i := range idx {
		v.Append(table.DynamicValue(m.bag(b, edge, int(i))))
	}
	return v
}

// masks asks the conditions on elements for all of them.
func (m *matcher) masks() error {
	s := m.s
	m.mask = make([][]bool, len(s.vars))
	m.innerMask = make([][]bool, len(s.vars))
	and := func(have *[]bool, more []bool) {
		if *have == nil {
			*have = more
			return
		}
		for i := range more {
			(*have)[i] = (*have)[i] && more[i]
		}
	}
	for _, a := range s.alone {
		if err := s.x.alive(m.ctx); err != nil {
			return err
		}
		v := &s.vars[a.v]
		if a.each != nil {
			b, to := m.g.edges, &m.mask[a.v]
			if a.inner {
				b, to = m.g.nodes, &m.innerMask[a.v]
			}
			and(to, truths(a.each, b))
			continue
		}
		n := len(m.g.keys)
		if v.Edge {
			n = m.g.edges.Rows
		}
		all := make([]int32, n)
		for i := range all {
			all[i] = int32(i)
		}
		b := &table.Batch{Schema: s.op.MatchSchema(), Cols: make([]table.Vector, len(s.inputs)), Rows: n}
		for i, in := range s.inputs {
			if in.v == a.v {
				b.Cols[i] = m.single(in, v.Edge, all)
			}
		}
		and(&m.mask[a.v], truths(a.cond, b))
	}
	return nil
}

// rows makes rows of what has been found. kept tells which matches fulfil the rest of
// the condition.
func (m *matcher) rows(f *found) (b *table.Batch, kept []bool) {
	in := &table.Batch{Schema: m.s.op.MatchSchema(), Rows: f.n}
	for _, x := range m.s.inputs {
		in.Cols = append(in.Cols, m.vector(x, f))
	}
	if m.s.rest != nil {
		kept = truths(m.s.rest, in)
		var idx []int32
		for i, ok := range kept {
			if ok {
				idx = append(idx, int32(i))
			}
		}
		in = pickRows(in, idx)
	}
	out := &table.Batch{Schema: m.s.schema, Rows: in.Rows}
	for _, n := range m.s.cols {
		out.Cols = append(out.Cols, n.vector(in))
	}
	return out, kept
}

// flush gives the rows of what has been found. False ends the search.
func (m *matcher) flush() bool {
	if m.f.n == 0 {
		return true
	}
	f := m.f
	m.f = found{}
	if m.best != nil {
		return m.fail(m.better(&f))
	}
	if err := m.s.x.alive(m.ctx); err != nil {
		return m.fail(err)
	}
	b, _ := m.rows(&f)
	if b.Rows > 0 && !m.yield(b, nil) {
		m.stopped = true
		return false
	}
	return true
}

func (m *matcher) fail(err error) bool {
	if err != nil {
		m.err = err
	}
	return m.err == nil
}

// emit adds the match that the search stands at.
func (m *matcher) emit() bool {
	f := &m.f
	for v := range m.s.vars {
		f.ids = append(f.ids, m.id[v])
		var path, inner []int32
		if m.s.vars[v].Path {
			path, inner = slices.Clone(m.path[v]), slices.Clone(m.inner[v])
			if m.reversed[v] {
				slices.Reverse(path)
				slices.Reverse(inner)
			}
			f.size += len(path) + len(inner)
		}
		f.paths, f.inner = append(f.paths, path), append(f.inner, inner)
	}
	f.n++
	if f.n >= m.s.x.o.batchRows() || f.size > 1<<18 {
		return m.flush()
	}
	return true
}
