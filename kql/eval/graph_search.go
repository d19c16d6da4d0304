package eval

import (
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// matcher is one search for a pattern. It goes depth first: each task binds a
// variable, or walks an edge or a path from a node that is bound, and goes on with the
// next for every way to do so.
type matcher struct {
	s     *graphMatch
	g     *graph
	ctx   context.Context
	hold  *hold
	yield func(*table.Batch, error) bool

	mask      [][]bool // of each variable, which nodes or edges it may be; nil for all
	innerMask [][]bool // of each path, which nodes may be inside it
	tasks     []task
	each      map[string]table.Vector

	id       []int32   // of each variable, the node or edge; -1 while it has none
	path     [][]int32 // of each path, its edges
	inner    [][]int32 // and the nodes inside
	reversed []bool    // it is walked from its end
	usedEdge []bool    // with CyclesUnique
	usedNode []bool    // with CyclesNone

	f       found
	best    map[[2]int32]*shortest // with Shortest
	order   [][2]int32
	err     error
	stopped bool
}

// task is one step of the search: start binds a node; else a walk along edge, from a
// variable to another, against its direction in the pattern when back.
type task struct {
	start    bool
	edge     int
	from, to int
	back     bool
}

// plan orders the work: from the node with the fewest candidates along the pattern.
func (m *matcher) plan() {
	bound := map[int]bool{}
	type hop struct{ edge, from, to int }
	var hops []hop
	var lone []int
	for _, p := range m.s.op.Patterns {
		lone = append(lone, m.s.names[p[0].Var])
		for i := 1; i+1 < len(p); i += 2 {
			hops = append(hops, hop{m.s.names[p[i].Var], m.s.names[p[i-1].Var], m.s.names[p[i+1].Var]})
		}
	}
	size := func(v int) int {
		if m.mask[v] == nil {
			return len(m.g.keys)
		}
		n := 0
		for _, ok := range m.mask[v] {
			if ok {
				n++
			}
		}
		return n
	}
	for len(hops) > 0 {
		at := -1
		for i, h := range hops {
			if bound[h.from] && bound[h.to] {
				at = i
				break
			}
			if at < 0 && (bound[h.from] || bound[h.to]) {
				at = i
			}
		}
		if at < 0 {
			best, least := -1, 0
			for _, h := range hops {
				for _, v := range []int{h.from, h.to} {
					if n := size(v); best < 0 || n < least {
						best, least = v, n
					}
				}
			}
			m.tasks = append(m.tasks, task{start: true, from: best})
			bound[best] = true
			continue
		}
		h := hops[at]
		hops = slices.Delete(hops, at, at+1)
		t := task{edge: h.edge, from: h.from, to: h.to}
		if !bound[h.from] {
			t.from, t.to, t.back = h.to, h.from, true
		}
		bound[h.from], bound[h.to] = true, true
		m.reversed[h.edge] = t.back
		m.tasks = append(m.tasks, t)
	}
	for _, v := range lone {
		if !bound[v] {
			bound[v] = true
			m.tasks = append(m.tasks, task{start: true, from: v})
		}
	}
}

func (m *matcher) run() error {
	n := len(m.s.vars)
	m.id, m.path, m.inner, m.reversed = make([]int32, n), make([][]int32, n), make([][]int32, n), make([]bool, n)
	for v := range m.id {
		m.id[v] = -1
	}
	if err := m.masks(); err != nil {
		return err
	}
	op := m.s.op
	if op.Shortest {
		m.best = map[[2]int32]*shortest{}
		if m.simple() {
			m.best = nil
			m.breadth()
			m.flush()
			return m.err
		}
	}
	switch op.Cycles {
	case plan.CyclesUnique:
		m.usedEdge = make([]bool, m.g.edges.Rows)
	case plan.CyclesNone:
		m.usedNode = make([]bool, len(m.g.keys))
		for _, p := range op.Patterns {
			for i := 0; i < len(p); i += 2 {
				for k := i + 2; k < len(p); k += 2 {
					if p[i].Var == p[k].Var {
						return nil // the pattern itself is a cycle
					}
				}
			}
		}
	}
	m.plan()
	if m.task(0) {
		m.flush()
	}
	if m.err == nil && m.best != nil && !m.stopped {
		m.giveBest()
	}
	return m.err
}

// may tells whether a variable can be a node.
func (m *matcher) may(v int, node int32) bool { return m.mask[v] == nil || m.mask[v][node] }

// tick counts work; false ends the search.
func (m *matcher) tick() bool { return m.fail(m.g.tick(m.ctx)) }

// task does the k-th task and all behind it. False ends the search.
func (m *matcher) task(k int) bool {
	if k == len(m.tasks) {
		return m.emit()
	}
	t := m.tasks[k]
	if t.start {
		for n := range int32(len(m.g.keys)) {
			if !m.tick() {
				return false
			}
			if !m.may(t.from, n) || m.usedNode != nil && m.usedNode[n] {
				continue
			}
			m.bind(t.from, n)
			ok := m.task(k + 1)
			m.unbind(t.from)
			if !ok {
				return false
			}
		}
		return true
	}
	v := &m.s.vars[t.edge]
	if !v.Path {
		return m.walk(t, m.id[t.from], func(e, to int32) bool {
			return m.arrive(t, to, false, func() bool {
				m.id[t.edge] = e
				ok := m.task(k + 1)
				m.id[t.edge] = -1
				return ok
			})
		})
	}
	return m.far(k, t, v, m.id[t.from], 0)
}

func (m *matcher) bind(v int, n int32) {
	m.id[v] = n
	if m.usedNode != nil {
		m.usedNode[n] = true
	}
}

func (m *matcher) unbind(v int) {
	if m.usedNode != nil {
		m.usedNode[m.id[v]] = false
	}
	m.id[v] = -1
}

// walk visits the edges that can be walked from a node.
func (m *matcher) walk(t task, n int32, visit func(e, to int32) bool) bool {
	dir := m.s.vars[t.edge].Dir
	if t.back {
		dir = -dir
	}
	if !m.g.directed {
		dir = 0
	}
	one := func(e, to int32) bool {
		if !m.tick() {
			return false
		}
		if m.mask[t.edge] != nil && !m.mask[t.edge][e] {
			return true
		}
		if m.usedEdge != nil {
			if m.usedEdge[e] {
				return true
			}
			m.usedEdge[e] = true
			defer func() { m.usedEdge[e] = false }()
		}
		return visit(e, to)
	}
	if dir >= 0 {
		for _, e := range m.g.out.of(n) {
			if !one(e, m.g.dst[e]) {
				return false
			}
		}
	}
	if dir <= 0 {
		for _, e := range m.g.in.of(n) {
			if dir == 0 && m.g.src[e] == m.g.dst[e] {
				continue // once is enough
			}
			if !one(e, m.g.src[e]) {
				return false
			}
		}
	}
	return true
}

// arrive binds the node at the end of a walk and goes on; on tells that the walk has
// marked it already.
func (m *matcher) arrive(t task, n int32, on bool, then func() bool) bool {
	if have := m.id[t.to]; have >= 0 {
		if have != n {
			return true
		}
		return then()
	}
	if !m.may(t.to, n) {
		return true
	}
	if on {
		m.id[t.to] = n
		ok := then()
		m.id[t.to] = -1
		return ok
	}
	if m.usedNode != nil && m.usedNode[n] {
		return true
	}
	m.bind(t.to, n)
	ok := then()
	m.unbind(t.to)
	return ok
}

// far walks a path that is length edges long so far and stands at n.
func (m *matcher) far(k int, t task, v *plan.GraphElement, n int32, length int64) bool {
	if length >= v.From {
		ok := m.arrive(t, n, true, func() bool { return m.task(k + 1) })
		if !ok {
			return false
		}
	}
	if length == v.To {
		return true
	}
	if length > 0 {
		if im := m.innerMask[t.edge]; im != nil && !im[n] {
			return true
		}
		m.inner[t.edge] = append(m.inner[t.edge], n)
		defer func() { m.inner[t.edge] = m.inner[t.edge][:len(m.inner[t.edge])-1] }()
	}
	return m.walk(t, n, func(e, to int32) bool {
		mark := false
		if m.usedNode != nil {
			if m.usedNode[to] {
				// The end may be bound already, by another part of the pattern.
				if m.id[t.to] != to || to == m.id[t.from] || length+1 < v.From {
					return true
				}
				m.path[t.edge] = append(m.path[t.edge], e)
				ok := m.task(k + 1)
				m.path[t.edge] = m.path[t.edge][:len(m.path[t.edge])-1]
				return ok
			}
			m.usedNode[to], mark = true, true
		}
		m.path[t.edge] = append(m.path[t.edge], e)
		ok := m.far(k, t, v, to, length+1)
		m.path[t.edge] = m.path[t.edge][:len(m.path[t.edge])-1]
		if mark {
			m.usedNode[to] = false
		}
		return ok
	})
}
