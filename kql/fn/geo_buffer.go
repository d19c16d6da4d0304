package fn

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// buffer makes the polygons around shapes. A circle is a polygon around it whose
// corners are no further out than the tolerance; the corners lie at fixed azimuths,
// so that the circles of neighbours fit onto one another.
type buffer struct {
	radius    float64 // radians
	corner    float64 // distance of a corner from the centre
	corners   int
	tolerance float64
}

const maxCorners = 4096

// newBuffer of a radius and tolerance in metres; ok is false where they are none.
// Radii from a quarter of the way around have no polygon.
func newBuffer(radius, tolerance float64) (buffer, bool) {
	r := radians(radius)
	if !(radius > 0) || !(tolerance > 0) || r >= math.Pi/2-0.01 || tolerance < radius*1e-6*0.999999 {
		return buffer{}, false
	}
	b := buffer{radius: r, tolerance: radians(min(tolerance, radius*0.999))}
	// tan(radius) = tan(corner) cos(π/n)
	widest := min(r+b.tolerance, math.Pi/2-0.001)
	n := math.Pi / math.Acos(math.Tan(r)/math.Tan(widest))
	b.corners = int(math.Ceil(max(8, n)))
	if b.corners > maxCorners {
		return buffer{}, false
	}
	b.corner = math.Atan(math.Tan(r) / math.Cos(math.Pi/float64(b.corners)))
	return b, true
}

// around a point, counterclockwise.
func (b buffer) around(p s2.Point) []s2.Point {
	x := p.Ortho()
	y := s2.Point{Vector: p.Cross(x)}
	if math.Abs(p.Z) < 1-1e-12 { // count from north
		north := s2.PointFromCoords(0, 0, 1)
		y = s2.Point{Vector: north.Cross(p.Vector).Normalize()} // east
		x = p.Cross(y.Vector).Normalize()
		y = s2.Point{Vector: p.Cross(x)}
	}
	out := make([]s2.Point, b.corners)
	sinR, cosR := math.Sincos(b.corner)
	for i := range out {
		sinT, cosT := math.Sincos(2 * math.Pi * float64(i) / float64(b.corners))
		v := p.Mul(cosR).Add(x.Mul(sinR * cosT)).Add(y.Mul(sinR * sinT))
		out[i] = s2.Point{Vector: v.Normalize()}
	}
	return out
}

func (b buffer) point(p s2.Point) *region {
	r := &region{}
	r.add(s2.LoopFromPoints(b.around(p)), false)
	return r
}

// edge gives the hull of the circles around both ends. Between them its sides bend
// away from the edge, so a long edge is done in steps.
func (b buffer) edge(e edge) []*region {
	whole := e.a.Distance(e.b).Radians()
	// tan(far) = tan(radius) / cos(step/2)
	step := 2 * math.Acos(math.Tan(b.radius)/math.Tan(min(b.radius+b.tolerance, math.Pi/2-0.001)))
	n := int(math.Ceil(whole / min(step, 0.5)))
	var out []*region
	from := e.a
	for i := 1; i <= n; i++ {
		to := e.b
		if i < n {
			to = s2.InterpolateAtDistance(s1.Angle(whole*float64(i)/float64(n)), e.a, e.b)
		}
		hull := s2.NewConvexHullQuery()
		for _, p := range append(b.around(from), b.around(to)...) {
			hull.AddPoint(p)
		}
		r := &region{}
		loop := hull.ConvexHull()
		loop.Normalize()
		r.add(loop, false)
		out = append(out, r)
		from = to
	}
	return out
}

// maxBufferCorners bounds the work of one buffer.
const maxBufferCorners = 400_000

func (b buffer) edges(es []edge) ([]*region, bool) {
	if len(es)*b.corners > maxBufferCorners {
		return nil, false
	}
	var out []*region
	for _, e := range es {
		out = append(out, b.edge(e)...)
		if len(out)*b.corners > maxBufferCorners {
			return nil, false
		}
	}
	return out, true
}

func (b buffer) lines(lines []line) (*region, bool) {
	rs, ok := b.edges(lineEdges(lines))
	if !ok {
		return nil, false
	}
	return uniteInOrder(rs)
}

func (b buffer) regions(rs []*region) (*region, bool) {
	all := []*region{}
	for _, r := range rs {
		border, ok := b.edges(r.edges())
		if !ok {
			return nil, false
		}
		around, ok := uniteInOrder(border)
		if !ok {
			return nil, false
		}
		all = append(all, r, around)
	}
	return unite(all)
}

// uniteInOrder joins neighbours first, then pairs of pairs: along a chain the
// results stay small.
func uniteInOrder(rs []*region) (*region, bool) {
	switch len(rs) {
	case 0:
		return &region{}, true
	case 1:
		return rs[0], true
	}
	m := len(rs) / 2
	a, ok1 := uniteInOrder(rs[:m])
	b, ok2 := uniteInOrder(rs[m:])
	if !ok1 || !ok2 {
		return nil, false
	}
	return union(a, b)
}
