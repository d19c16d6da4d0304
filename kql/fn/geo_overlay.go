package fn

import (
	"cmp"
	"math"
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"
)

// An overlay lays two sets of edges over one another: every edge is cut where the
// other set crosses or touches it, points closer than sameness become one node,
// and the pieces are then taken or left by where they lie. Rings and chains are
// put together from the pieces that were taken.

// maxCrossings bounds the points that one overlay makes.
const maxCrossings = 500_000

// sameness in radians: about half a micrometre on the ground, far above the error
// of an intersection (2e-15) and far below a step of any cell or coordinate.
const sameness = 1e-13

type edge struct{ a, b s2.Point }

// box around an edge in space, a little wide.
type box3 struct{ lo, hi r3.Vector }

func boxAround(e edge) box3 {
	half := e.a.Sub(e.b.Vector).Norm() / 2
	pad := 1 - math.Sqrt(math.Max(0, 1-half*half)) + 2*sameness // the arc leaves its chord by that much
	d := r3.Vector{X: pad, Y: pad, Z: pad}
	lo := r3.Vector{X: min(e.a.X, e.b.X), Y: min(e.a.Y, e.b.Y), Z: min(e.a.Z, e.b.Z)}
	hi := r3.Vector{X: max(e.a.X, e.b.X), Y: max(e.a.Y, e.b.Y), Z: max(e.a.Z, e.b.Z)}
	return box3{lo.Sub(d), hi.Add(d)}
}

// maxMeetings bounds the pairs of edges that one overlay looks at, about a second
// of work. Borders of real places have a few for each edge.
const maxMeetings = 10_000_000

// pairs calls f with the indices of each edge of x and each edge of y that are
// near enough to meet, until f gives false. It gives false where there are more
// than maxMeetings.
func pairs(x, y []edge, f func(i, j int) bool) bool {
	met := 0
	type entry struct {
		box  box3
		i    int
		side int
	}
	all := make([]entry, 0, len(x)+len(y))
	for side, es := range [][]edge{x, y} {
		for i, e := range es {
			all = append(all, entry{boxAround(e), i, side})
		}
	}
	slices.SortFunc(all, func(p, q entry) int { return cmp.Compare(p.box.lo.X, q.box.lo.X) })
	var open [2][]entry
	for _, e := range all {
		others := open[1-e.side]
		kept := others[:0]
		for _, o := range others {
			if o.box.hi.X < e.box.lo.X {
				continue
			}
			kept = append(kept, o)
			if o.box.lo.Y > e.box.hi.Y || e.box.lo.Y > o.box.hi.Y || o.box.lo.Z > e.box.hi.Z || e.box.lo.Z > o.box.hi.Z {
				continue
			}
			i, j := e.i, o.i
			if e.side == 1 {
				i, j = j, i
			}
			if met++; met > maxMeetings {
				return false
			}
			if !f(i, j) {
				return true
			}
		}
		open[1-e.side] = kept
		open[e.side] = append(open[e.side], e)
	}
	return true
}

// nodes numbers points; those closer than sameness get one number.
type nodes struct {
	pts []s2.Point
	at  map[[3]int64][]int
}

func (n *nodes) of(p s2.Point) int {
	const step = 4 * sameness
	x, y, z := p.X/step, p.Y/step, p.Z/step
	// A point near a face of its grid cell is looked for in the next one too.
	near := func(v float64) []int64 {
		f := math.Floor(v)
		switch {
		case v-f < 0.3:
			return []int64{int64(f), int64(f) - 1}
		case v-f > 0.7:
			return []int64{int64(f), int64(f) + 1}
		}
		return []int64{int64(f)}
	}
	for _, i := range near(x) {
		for _, j := range near(y) {
			for _, k := range near(z) {
				for _, id := range n.at[[3]int64{i, j, k}] {
					if n.pts[id].Sub(p.Vector).Norm() <= sameness {
						return id
					}
				}
			}
		}
	}
	if n.at == nil {
		n.at = map[[3]int64][]int{}
	}
	key := [3]int64{int64(math.Floor(x)), int64(math.Floor(y)), int64(math.Floor(z))}
	n.pts = append(n.pts, p)
	n.at[key] = append(n.at[key], len(n.pts)-1)
	return len(n.pts) - 1
}

// piece of an edge between two nodes; id is the place of its edge among all.
type piece struct{ from, to, id int }

func (p piece) key() [2]int { return [2]int{min(p.from, p.to), max(p.from, p.to)} }

// overlay of two sets of edges.
type overlay struct {
	nodes  nodes
	pieces [2][]piece
}

// lay two sets over one another. cutCrossings is false where edges that merely
// cross stay whole. It gives false where that is too much work.
func lay(x, y []edge, cutCrossings bool) (*overlay, bool) {
	o := &overlay{}
	sets := [2][]edge{x, y}
	var ends [2][][2]int
	var cuts [2]map[int][]int
	for s, es := range sets {
		ends[s] = make([][2]int, len(es))
		cuts[s] = map[int][]int{}
		for i, e := range es {
			ends[s][i] = [2]int{o.nodes.of(e.a), o.nodes.of(e.b)}
		}
	}
	touch := func(s, i, node int) {
		if e := sets[s][i]; node != ends[s][i][0] && node != ends[s][i][1] &&
			s2.DistanceFromSegment(o.nodes.pts[node], e.a, e.b).Radians() <= sameness {
			cuts[s][i] = append(cuts[s][i], node)
		}
	}
	crossings := 0
	done := pairs(x, y, func(i, j int) bool {
		e, f := x[i], y[j]
		for k := range 2 {
			touch(0, i, ends[1][j][k])
			touch(1, j, ends[0][i][k])
		}
		if cutCrossings && s2.CrossingSign(e.a, e.b, f.a, f.b) == s2.Cross {
			n := o.nodes.of(s2.Intersection(e.a, e.b, f.a, f.b))
			cuts[0][i] = append(cuts[0][i], n)
			cuts[1][j] = append(cuts[1][j], n)
			crossings++
		}
		return crossings < maxCrossings
	})
	if !done || crossings >= maxCrossings {
		return nil, false
	}
	id := 0
	for s, es := range sets {
		for i := range es {
			way := cuts[s][i]
			from := o.nodes.pts[ends[s][i][0]]
			slices.SortFunc(way, func(p, q int) int {
				return cmp.Compare(o.nodes.pts[p].Sub(from.Vector).Norm2(), o.nodes.pts[q].Sub(from.Vector).Norm2())
			})
			at := ends[s][i][0]
			for _, n := range append(way, ends[s][i][1]) {
				if n != at {
					o.pieces[s] = append(o.pieces[s], piece{at, n, id})
					at = n
				}
			}
			id++
		}
	}
	return o, true
}

func (o *overlay) middle(p piece) s2.Point { return middle(o.nodes.pts[p.from], o.nodes.pts[p.to]) }

// borders gives the pieces of a set of rings once each: what runs both ways is no
// border any more.
func (o *overlay) borders(set int) []piece {
	net := map[[2]int]int{}
	for _, p := range o.pieces[set] {
		if p.from < p.to {
			net[p.key()]++
		} else {
			net[p.key()]--
		}
	}
	var out []piece
	for _, p := range o.pieces[set] {
		if n := net[p.key()]; n > 0 == (p.from < p.to) && n != 0 {
			out = append(out, p)
			net[p.key()] = 0
		}
	}
	return out
}

// union of two regions; false where that is too much work, as in all that follows.
func union(a, b *region) (*region, bool) {
	o, ok := lay(a.edges(), b.edges(), true)
	if !ok {
		return nil, false
	}
	taken, _ := o.choose(a, b, false)
	return o.region(taken), true
}

// choose takes the pieces that bound the union, or the intersection; along gives
// those where the borders run against each other.
func (o *overlay) choose(a, b *region, both bool) (taken, along []piece) {
	borders := [2][]piece{o.borders(0), o.borders(1)}
	var by [2]map[[2]int]piece
	for s := range borders {
		by[s] = map[[2]int]piece{}
		for _, p := range borders[s] {
			by[s][p.key()] = p
		}
	}
	other := [2]*region{b, a}
	for s, list := range borders {
		for _, p := range list {
			if q, shared := by[1-s][p.key()]; shared {
				switch {
				case s == 1: // seen from the other side
				case q.from == p.from:
					taken = append(taken, p)
				default:
					along = append(along, p)
				}
				continue
			}
			if other[s].contains(o.middle(p)) == both {
				taken = append(taken, p)
			}
		}
	}
	return taken, along
}

// region between the pieces, which have it on their left.
func (o *overlay) region(taken []piece) *region {
	out := &region{}
	for _, path := range o.rings(taken) {
		pts := make([]s2.Point, len(path))
		for i, p := range path {
			pts[i] = o.nodes.pts[p.from]
		}
		loop := s2.LoopFromPoints(pts)
		if loop.IsNormalized() {
			out.rings = append(out.rings, ring{pts, false})
			out.loops = append(out.loops, loop)
			continue
		}
		inner := s2.LoopFromPoints(slices.Clone(pts))
		inner.Invert()
		out.rings = append(out.rings, ring{pts, true})
		out.loops = append(out.loops, inner)
	}
	return out
}

// rings joins pieces to rings that visit no node twice, each beginning after its
// newest edge, in the order of their first edges.
func (o *overlay) rings(taken []piece) [][]piece {
	out := map[int][]int{}
	for i, p := range taken {
		out[p.from] = append(out[p.from], i)
	}
	used := make([]bool, len(taken))
	var rings [][]piece
	for start := range taken {
		if used[start] {
			continue
		}
		var path []piece
		at := map[int]int{} // node → where the path left it
		for next := start; next >= 0; {
			used[next] = true
			p := taken[next]
			at[p.from] = len(path)
			path = append(path, p)
			if i, closed := at[p.to]; closed {
				if loop := slices.Clone(path[i:]); len(loop) > 2 {
					rings = append(rings, begin(loop))
				}
				for _, q := range path[i:] {
					delete(at, q.from)
				}
				path = path[:i]
			}
			next = o.turn(taken, used, out[p.to], p)
			if len(path) == 0 {
				break // what else leaves here is a ring of its own
			}
		}
	}
	slices.SortStableFunc(rings, func(x, y []piece) int { return cmp.Compare(x[0].id, y[0].id) })
	return rings
}

// turn gives the unused piece that is next clockwise from the way back: the border
// of the same inside. -1 where there is none.
func (o *overlay) turn(taken []piece, used []bool, leaving []int, came piece) int {
	best, bestAngle := -1, -1.0
	v := o.nodes.pts[came.to]
	for _, i := range leaving {
		if used[i] {
			continue
		}
		if a := turnAngle(v, o.nodes.pts[came.from], o.nodes.pts[taken[i].to]); a > bestAngle {
			best, bestAngle = i, a
		}
	}
	return best
}

// turnAngle at v from the way to p, counterclockwise, to the way to q: [0, 2π).
func turnAngle(v, p, q s2.Point) float64 {
	n1, n2 := v.PointCross(p), v.PointCross(q)
	a := math.Atan2(n1.Cross(n2.Vector).Dot(v.Vector), n1.Dot(n2.Vector))
	if a < 0 {
		a += 2 * math.Pi
	}
	return a
}

// begin turns a ring so that its edge with the highest id is last; of several
// pieces of it together, the last.
func begin(loop []piece) []piece {
	pos, gap := 0, false
	for i := 1; i < len(loop); i++ {
		switch d := loop[i].id - loop[pos].id; {
		case d < 0:
			gap = true
		case d > 0 || !gap:
			pos, gap = i, false
		}
	}
	return append(slices.Clone(loop[pos+1:]), loop[:pos+1]...)
}

// chains joins pieces to lines, which end where they fork.
func (o *overlay) chains(taken []piece) []line {
	var once []piece
	seen := map[[2]int]bool{}
	in, out := map[int]int{}, map[int][]int{}
	for _, p := range taken {
		if !seen[p.key()] {
			seen[p.key()] = true
			in[p.to]++
			out[p.from] = append(out[p.from], len(once))
			once = append(once, p)
		}
	}
	through := func(node int) bool { return in[node] == 1 && len(out[node]) == 1 }
	used := make([]bool, len(once))
	var lines []line
	walk := func(start int) {
		l := line{o.nodes.pts[once[start].from]}
		for i := start; !used[i]; {
			used[i] = true
			to := once[i].to
			l = append(l, o.nodes.pts[to])
			if !through(to) {
				break
			}
			i = out[to][0]
		}
		lines = append(lines, l)
	}
	for i, p := range once {
		if !through(p.from) {
			walk(i)
		}
	}
	for i := range once { // what is left goes around
		if !used[i] {
			walk(i)
		}
	}
	return lines
}

// meets gives the nodes that both sets have, without those of the given pieces.
func (o *overlay) meets(without ...[]piece) []s2.Point {
	has := map[int]int{}
	for s := range o.pieces {
		for _, p := range o.pieces[s] {
			has[p.from] |= 1 << s
			has[p.to] |= 1 << s
		}
	}
	for _, list := range without {
		for _, p := range list {
			has[p.from], has[p.to] = 0, 0
		}
	}
	var out []s2.Point
	for i, p := range o.nodes.pts {
		if has[i] == 3 {
			out = append(out, p)
		}
	}
	return out
}
