package fn

import (
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"
)

// region is a part of the sphere between rings. A point lies in it when an odd
// number of the loops hold it; each loop goes around its smaller side.
type region struct {
	rings []ring
	loops []*s2.Loop
}

// ring is a border with the region on its left; its last point is not repeated.
type ring struct {
	pts  []s2.Point
	hole bool
}

// add a loop, which is normal, as a shell or a hole.
func (r *region) add(l *s2.Loop, hole bool) {
	pts := slices.Clone(l.Vertices())
	if hole {
		slices.Reverse(pts)
	}
	r.rings = append(r.rings, ring{pts, hole})
	r.loops = append(r.loops, l)
}

func (r *region) contains(p s2.Point) bool {
	in := false
	for _, l := range r.loops {
		if l.ContainsPoint(p) {
			in = !in
		}
	}
	return in
}

func (r *region) edges() []edge {
	var out []edge
	for _, g := range r.rings {
		for i, p := range g.pts {
			out = append(out, edge{p, g.pts[(i+1)%len(g.pts)]})
		}
	}
	return out
}

func (r *region) vertexCount() int {
	n := 0
	for _, g := range r.rings {
		n += len(g.pts)
	}
	return n
}

// crossesItself says whether edges cross or are there twice, in either direction, or
// whether that is too much to find out.
func (r *region) crossesItself() bool {
	es := r.edges()
	bad := false
	done := pairs(es, es, func(i, j int) bool {
		if i >= j {
			return true
		}
		e, f := es[i], es[j]
		bad = e == f || e.a == f.b && e.b == f.a || s2.CrossingSign(e.a, e.b, f.a, f.b) == s2.Cross
		return !bad
	})
	return bad || !done
}

// area in steradians.
func (r *region) area() float64 {
	sum := 0.0
	for i, l := range r.loops {
		if r.rings[i].hole {
			sum -= l.Area()
		} else {
			sum += l.Area()
		}
	}
	return sum
}

// centroid is the mean of the region's points, times its area; not on the sphere.
func (r *region) centroid() r3.Vector {
	var sum r3.Vector
	for i, l := range r.loops {
		if c := l.Centroid(); r.rings[i].hole {
			sum = sum.Sub(c.Vector)
		} else {
			sum = sum.Add(c.Vector)
		}
	}
	return sum
}

// perimeter in radians.
func (r *region) perimeter() float64 {
	sum := 0.0
	for _, e := range r.edges() {
		sum += e.a.Distance(e.b).Radians()
	}
	return sum
}

// polygons gives the coordinates of each polygon: its shell, then its holes, which
// go to the smallest shell around them.
func (r *region) polygons() []any {
	var out []any
	at := map[int]int{} // shell → its place in out
	for i, g := range r.rings {
		if !g.hole {
			at[i] = len(out)
			out = append(out, []any{chain(g.pts, true)})
		}
	}
	for i, g := range r.rings {
		if !g.hole {
			continue
		}
		best, bestArea := -1, 0.0
		p := middle(g.pts[0], g.pts[1])
		for j := range r.rings {
			if _, shell := at[j]; shell && r.loops[j].ContainsPoint(p) && i != j {
				if a := r.loops[j].Area(); best < 0 || a < bestArea {
					best, bestArea = j, a
				}
			}
		}
		if best >= 0 {
			out[at[best]] = append(out[at[best]].([]any), chain(g.pts, true))
		}
	}
	return out
}

// shape is the GeoJSON of the region; nil when it is empty.
func (r *region) shape() any { return oneOrMany("Polygon", r.polygons()) }

// s2Polygon of the region.
func (r *region) s2Polygon() *s2.Polygon {
	loops := make([]*s2.Loop, len(r.loops))
	for i, l := range r.loops {
		loops[i] = s2.LoopFromPoints(slices.Clone(l.Vertices()))
	}
	return s2.PolygonFromLoops(loops)
}

// unite joins regions: the two with the fewest vertices first, so that large ones
// are walked seldom.
func unite(rs []*region) (*region, bool) {
	type item struct {
		r *region
		n int
	}
	var queue []item // by n; among equals, as they came
	push := func(it item) {
		i, _ := slices.BinarySearchFunc(queue, it.n+1, func(q item, n int) int { return q.n - n })
		queue = slices.Insert(queue, i, it)
	}
	for _, r := range rs {
		push(item{r, r.vertexCount()})
	}
	if len(queue) == 0 {
		return &region{}, true
	}
	for len(queue) > 1 {
		a, b := queue[0], queue[1]
		queue = queue[2:]
		both, ok := union(a.r, b.r)
		if !ok {
			return nil, false
		}
		push(item{both, a.n + b.n})
	}
	return queue[0].r, true
}
