package eval

import (
	"slices"

	"sextant/table"
)

// shortest are the matches from one node to another that are as short as any so far.
type shortest struct {
	length int
	rows   []*table.Batch // one row each
	bytes  int64
}

// better looks at matches: of those with the same ends it keeps the shortest.
func (m *matcher) better(f *found) error {
	b, kept := m.rows(f)
	width := len(m.s.vars)
	p := m.s.op.Patterns[0]
	first, last := m.s.names[p[0].Var], m.s.names[p[len(p)-1].Var]
	row := 0
	for i := range f.n {
		if kept != nil && !kept[i] {
			continue
		}
		ends := [2]int32{f.ids[i*width+first], f.ids[i*width+last]}
		length := 0
		for v := range width {
			if m.s.vars[v].Path {
				length += len(f.paths[i*width+v])
			}
		}
		have := m.best[ends]
		switch {
		case have == nil:
			have = &shortest{length: length}
			m.best[ends] = have
			m.order = append(m.order, ends)
		case length < have.length:
			if err := m.hold.add(-have.bytes); err != nil {
				return err
			}
			*have = shortest{length: length}
		case length > have.length || !m.s.op.All:
			row++
			continue
		}
		one := pickRows(b, []int32{int32(row)})
		row++
		have.rows = append(have.rows, one)
		n := one.Bytes() + mapEntryBytes
		have.bytes += n
		if err := m.hold.add(n); err != nil {
			return err
		}
	}
	return m.s.x.alive(m.ctx)
}

func (m *matcher) giveBest() {
	for _, ends := range m.order {
		for _, b := range m.best[ends].rows {
			if !m.yield(b, nil) {
				m.stopped = true
				return
			}
		}
	}
}

// simple tells whether the pattern is one path between two nodes of which nothing is
// asked that the search cannot ask on the way: then it can go breadth first.
func (m *matcher) simple() bool {
	p := m.s.op.Patterns[0]
	return len(p) == 3 && m.s.rest == nil && p[1].From <= 1 && p[0].Var != p[2].Var
}

// breadth finds the shortest paths from each first node to all last ones, nearest
// first. A path from a node to itself is none, unless it may have no edge.
func (m *matcher) breadth() {
	p := m.s.op.Patterns[0]
	from, via, to := m.s.names[p[0].Var], m.s.names[p[1].Var], m.s.names[p[2].Var]
	t := task{edge: via, from: from, to: to}
	nodes := len(m.g.keys)
	if err := m.hold.add(int64(nodes) * 32); err != nil {
		m.fail(err)
		return
	}
	level := make([]int32, nodes) // 0 for nodes that have not been reached, else the distance + 1
	type step struct{ edge, node int32 }
	before := make([][]step, nodes) // how a node is reached, at its distance
	targets := nodes
	if m.mask[to] != nil {
		targets = 0
		for _, ok := range m.mask[to] {
			if ok {
				targets++
			}
		}
	}
	for start := range int32(nodes) {
		if !m.tick() {
			return
		}
		if !m.may(from, start) {
			continue
		}
		reached := []int32{start}
		level[start] = 1
		left := targets
		give := func(n int32) bool {
			left--
			m.id[from], m.id[to] = start, n
			var back func(n int32) bool
			back = func(n int32) bool {
				if !m.tick() {
					return false
				}
				if n == start {
					return m.emit()
				}
				for _, s := range before[n] {
					m.path[via] = append(m.path[via], s.edge)
					if s.node != start {
						m.inner[via] = append(m.inner[via], s.node)
					}
					ok := back(s.node)
					m.path[via] = m.path[via][:len(m.path[via])-1]
					if s.node != start {
						m.inner[via] = m.inner[via][:len(m.inner[via])-1]
					}
					if !ok {
						return false
					}
				}
				return true
			}
			m.reversed[via] = true
			return back(n)
		}
		ok := true
		if m.may(to, start) {
			if p[1].From == 0 {
				ok = give(start)
			} else {
				left--
			}
		}
		for d, now := int64(1), []int32{start}; ok && d <= p[1].To && len(now) > 0 && left > 0; d++ {
			var next []int32
			for _, n := range now {
				if im := m.innerMask[via]; n != start && im != nil && !im[n] {
					continue
				}
				ok = m.walk(t, n, func(e, to int32) bool {
					switch {
					case level[to] == 0:
						level[to] = int32(d) + 1
						before[to] = append(before[to], step{e, n})
						next = append(next, to)
						reached = append(reached, to)
					case level[to] == int32(d)+1 && m.s.op.All:
						before[to] = append(before[to], step{e, n})
					}
					return true
				})
				if !ok {
					return
				}
			}
			slices.Sort(next)
			for _, n := range next {
				if m.may(to, n) {
					if ok = give(n); !ok {
						break
					}
				}
			}
			now = next
		}
		for _, n := range reached {
			level[n], before[n] = 0, before[n][:0]
		}
		if !ok {
			return
		}
	}
}
