package fn

import (
	"slices"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// thin keeps those points of a chain that it needs to stay within the tolerance,
// without any two neighbours closer than that; nil where nothing is left. The ends
// stay.
func thin(l line, tolerance float64) line {
	if tolerance <= 0 {
		return l
	}
	whole := s2.Polyline(l)
	var out line
	last := l[len(l)-1]
	for _, i := range whole.SubsampleVertices(s1.Angle(tolerance)) {
		if len(out) == 0 || out[len(out)-1].Distance(l[i]).Radians() >= tolerance {
			out = append(out, l[i])
		}
	}
	if out[len(out)-1] != last {
		if len(out) == 1 {
			return nil
		}
		out[len(out)-1] = last
	}
	for n := len(out); n > 2 && out[n-2].Distance(last).Radians() < tolerance; n-- {
		out = append(out[:n-2], last)
	}
	if len(out) < 2 || len(out) == 2 && out[0].Distance(out[1]).Radians() < tolerance {
		return nil
	}
	return out
}

func simplifyLines(lines []line, tolerance float64) ([]line, bool) {
	lines, ok := apart(lines)
	if !ok {
		return nil, false
	}
	var out []line
	for _, l := range lines {
		if s := thin(l, tolerance); s != nil {
			out = append(out, s)
		}
	}
	return out, true
}

// simplifyRegions thins borders. A stretch that several regions share is thinned
// once, so they still fit. Where a border would come to cross itself, all is done
// again with half the tolerance. Regions may vanish.
func simplifyRegions(rs []*region, tolerance float64) ([]*region, bool) {
	for range 40 {
		t, ok := newThinning(rs, tolerance)
		if !ok {
			return nil, false
		}
		if out, ok := t.all(rs); ok {
			return out, true
		}
		tolerance /= 2
	}
	return rs, true
}

type thinning struct {
	nodes     nodes
	rings     [][]int // the nodes of each ring of all regions
	junction  map[int]bool
	tolerance float64
	done      map[[3]int][]int // thinned stretches: by first, second and last node
}

func newThinning(rs []*region, tolerance float64) (*thinning, bool) {
	var all []edge
	var owner []int // edge → ring
	n := 0
	for _, r := range rs {
		for _, g := range r.rings {
			for i, p := range g.pts {
				all = append(all, edge{p, g.pts[(i+1)%len(g.pts)]})
				owner = append(owner, n)
			}
			n++
		}
	}
	o, ok := lay(all, all, false)
	if !ok {
		return nil, false
	}
	t := &thinning{nodes: o.nodes, rings: make([][]int, n), junction: map[int]bool{}, tolerance: radians(tolerance), done: map[[3]int][]int{}}
	around := map[int]map[int]bool{}
	meet := func(p, q int) {
		if around[p] == nil {
			around[p] = map[int]bool{}
		}
		around[p][q] = true
	}
	for _, p := range o.pieces[0] {
		t.rings[owner[p.id]] = append(t.rings[owner[p.id]], p.from)
		meet(p.from, p.to)
		meet(p.to, p.from)
	}
	for node, with := range around {
		t.junction[node] = len(with) != 2
	}
	return t, true
}

// stretch thins a way between two nodes, in the direction that all its owners agree
// on.
func (t *thinning) stretch(way []int) []int {
	turned := way[0] > way[len(way)-1] || way[0] == way[len(way)-1] && way[1] > way[len(way)-2]
	if turned {
		way = slices.Clone(way)
		slices.Reverse(way)
	}
	key := [3]int{way[0], way[1], way[len(way)-1]}
	out, ok := t.done[key]
	if !ok {
		out = t.thinned(way)
		t.done[key] = out
	}
	if turned {
		out = slices.Clone(out)
		slices.Reverse(out)
	}
	return out
}

func (t *thinning) thinned(way []int) []int {
	at := map[s2.Point]int{}
	l := make(line, len(way))
	for i, n := range way {
		l[i] = t.nodes.pts[n]
		at[l[i]] = n
	}
	kept := thin(l, t.tolerance)
	if kept == nil { // junctions stay, however near
		return []int{way[0], way[len(way)-1]}
	}
	out := make([]int, len(kept))
	for i, p := range kept {
		out[i] = at[p]
	}
	return out
}

// ring thins one border; nil where it vanishes.
func (t *thinning) ring(nodes []int) []int {
	start := slices.IndexFunc(nodes, func(n int) bool { return t.junction[n] })
	var out []int
	add := func(way []int) { s := t.stretch(way); out = append(out, s[:len(s)-1]...) }
	if start < 0 { // alone: from its first node to the one furthest away, and back
		start = slices.Index(nodes, slices.Min(nodes))
		way := append(append(slices.Clone(nodes[start:]), nodes[:start]...), nodes[start])
		from, far, most := t.nodes.pts[way[0]], 0, s1.Angle(0)
		for i, n := range way {
			if d := from.Distance(t.nodes.pts[n]); d > most {
				far, most = i, d
			}
		}
		if most.Radians() < t.tolerance || far == 0 {
			return nil
		}
		add(way[:far+1])
		add(way[far:])
	} else {
		way := append(append(slices.Clone(nodes[start:]), nodes[:start]...), nodes[start])
		from := 0
		for i := 1; i < len(way); i++ {
			if t.junction[way[i]] {
				add(way[from : i+1])
				from = i
			}
		}
	}
	if len(out) < 3 {
		return nil
	}
	return out
}

// all regions, thinned; false where one of them came out invalid.
func (t *thinning) all(rs []*region) ([]*region, bool) {
	var out []*region
	n := 0
	for _, r := range rs {
		var s region
		lost := false // a shell, and what it holds
		for _, g := range r.rings {
			nodes := t.ring(t.rings[n])
			n++
			if !g.hole {
				lost = nodes == nil
			}
			if nodes == nil || lost {
				continue
			}
			pts := make([]s2.Point, len(nodes))
			for i, id := range nodes {
				pts[i] = t.nodes.pts[id]
			}
			if g.hole {
				slices.Reverse(pts)
			}
			loop := s2.LoopFromPoints(pts)
			if !loop.IsNormalized() {
				return nil, false
			}
			s.add(loop, g.hole)
		}
		if len(s.rings) == 0 {
			continue
		}
		if s.crossesItself() {
			return nil, false
		}
		out = append(out, &s)
	}
	return out, true
}
