package fn

import (
	"math"
	"sync/atomic"

	"github.com/golang/geo/s2"

	"sextant/table"
)

// mostVertices of one shape bound the work that one cell can ask for.
const mostVertices = 100_000

// GeoJSON is read strictly: numbers for coordinates, longitude in [-180, 180],
// latitude in [-90, 90], neighbours that differ and are not antipodal. What is
// not so is no shape, and the function gives null.

// latest remembers what was read from the last bag: a query asks the same
// literal for each row, and bags do not change once they are made.
type latest[T any] struct {
	last atomic.Pointer[remembered[T]]
}

type remembered[T any] struct {
	bag *table.Object
	got T
	ok  bool
}

func (l *latest[T]) read(v table.Value, read func(o *table.Object) (T, bool)) (T, bool) {
	o, ok := v.Dyn().(*table.Object)
	if !ok {
		var none T
		return none, false
	}
	if r := l.last.Load(); r != nil && r.bag == o {
		return r.got, r.ok
	}
	got, ok := read(o)
	l.last.Store(&remembered[T]{o, got, ok})
	return got, ok
}

// parts gives the coordinates of each part of a shape: of the one part of a type
// (LineString, Polygon), or of all those of its Multi type.
func parts(o *table.Object, typ string) ([]any, bool) {
	name, _ := o.Get("type")
	c, _ := o.Get("coordinates")
	switch name {
	case typ:
		return []any{c}, true
	case "Multi" + typ:
		list, ok := c.([]any)
		return list, ok && len(list) > 0
	}
	return nil, false
}

// vertices reads an array of at least that many [longitude, latitude].
func vertices(d any, least int) ([]s2.LatLng, bool) {
	list, ok := d.([]any)
	if !ok || len(list) < least || len(list) > mostVertices {
		return nil, false
	}
	out := make([]s2.LatLng, len(list))
	for i, e := range list {
		if out[i], ok = vertex(e); !ok {
			return nil, false
		}
	}
	return out, true
}

func vertex(d any) (s2.LatLng, bool) {
	pos, ok := d.([]any)
	if !ok || len(pos) < 2 {
		return s2.LatLng{}, false
	}
	lng, ok1 := coordinate(pos[0])
	lat, ok2 := coordinate(pos[1])
	if !ok1 || !ok2 {
		return s2.LatLng{}, false
	}
	return latLng(lng, lat)
}

func coordinate(d any) (float64, bool) {
	switch x := d.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case table.Value:
		if x.Type().Numeric() && !x.IsNull() {
			return toReal(x).Float64(), true
		}
	}
	return 0, false
}

// line is a chain of at least two points.
type line []s2.Point

// readLines reads a LineString or MultiLineString.
func readLines(o *table.Object) ([]line, bool) {
	list, ok := parts(o, "LineString")
	if !ok {
		return nil, false
	}
	out := make([]line, len(list))
	left := mostVertices
	for i, p := range list {
		at, ok := vertices(p, 2)
		if !ok {
			return nil, false
		}
		if left -= len(at); left < 0 {
			return nil, false
		}
		l := make(line, len(at))
		for j, q := range at {
			l[j] = onSphere(q)
			if j > 0 && !isEdge(l[j-1], l[j]) {
				return nil, false
			}
		}
		out[i] = l
	}
	return out, true
}

// isEdge says whether two points have one shortest way between them.
func isEdge(a, b s2.Point) bool {
	return a != b && a.Add(b.Vector).Norm() > sameness
}

// readRegions reads a Polygon or MultiPolygon: one region for each polygon.
func readRegions(o *table.Object) ([]*region, bool) {
	list, ok := parts(o, "Polygon")
	if !ok {
		return nil, false
	}
	out := make([]*region, len(list))
	left := mostVertices
	for i, p := range list {
		rings, ok := p.([]any)
		if !ok || len(rings) == 0 {
			return nil, false
		}
		var r region
		for j, d := range rings {
			loop, ok := readRing(d)
			if ok {
				left -= loop.NumVertices()
			}
			if !ok || left < 0 {
				return nil, false
			}
			if j > 0 && !r.loops[0].ContainsPoint(middle(loop.Vertex(0), loop.Vertex(1))) {
				return nil, false // a hole outside of its shell
			}
			r.add(loop, j > 0)
		}
		if r.crossesItself() {
			return nil, false
		}
		out[i] = &r
	}
	return out, true
}

// readRing reads a closed ring; its loop goes around the smaller side.
func readRing(d any) (*s2.Loop, bool) {
	at, ok := vertices(d, 4)
	if !ok || at[0] != at[len(at)-1] {
		return nil, false
	}
	pts := make([]s2.Point, len(at)-1)
	seen := make(map[s2.Point]bool, len(pts))
	for i := range pts {
		pts[i] = onSphere(at[i])
		if seen[pts[i]] || i > 0 && !isEdge(pts[i-1], pts[i]) {
			return nil, false
		}
		seen[pts[i]] = true
	}
	if !isEdge(pts[len(pts)-1], pts[0]) {
		return nil, false
	}
	loop := s2.LoopFromPoints(pts)
	loop.Normalize()
	return loop, true
}

// degrees gives [longitude, latitude] of a point; no zero is negative.
func degrees(p s2.Point) []any {
	at := s2.LatLngFromPoint(p)
	return []any{at.Lng.Degrees() + 0, at.Lat.Degrees() + 0}
}

// lineShapes gives the GeoJSON of lines: LineString, MultiLineString, or null for
// none.
func lineShapes(lines []line) any {
	list := make([]any, len(lines))
	for i, l := range lines {
		list[i] = chain(l, false)
	}
	return oneOrMany("LineString", list)
}

func chain(pts []s2.Point, closed bool) []any {
	out := make([]any, 0, len(pts)+1)
	for _, p := range pts {
		out = append(out, degrees(p))
	}
	if closed {
		out = append(out, degrees(pts[0]))
	}
	return out
}

// oneOrMany gives a shape of a type, or of its Multi type; nil of no parts.
func oneOrMany(typ string, coordinates []any) any {
	switch len(coordinates) {
	case 0:
		return nil
	case 1:
		return geoJSON(typ, coordinates[0])
	}
	return geoJSON("Multi"+typ, coordinates)
}

// middle of the edge between two points.
func middle(a, b s2.Point) s2.Point {
	return s2.Point{Vector: a.Add(b.Vector).Normalize()}
}

// radians of a length on the ground, in metres.
func radians(metres float64) float64 { return metres / earthRadius }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// onSphere gives the point of a place. What is less than an atom's width away from
// an axis is on it: exact arithmetic over 1e-300 takes seconds.
func onSphere(at s2.LatLng) s2.Point {
	p := s2.PointFromLatLng(at)
	for _, x := range []*float64{&p.X, &p.Y, &p.Z} {
		if math.Abs(*x) < 1e-18 {
			*x = 0
		}
	}
	return p
}
