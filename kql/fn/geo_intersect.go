package fn

import (
	"github.com/golang/geo/s2"

	"sextant/table"
)

func lineEdges(lines []line) []edge {
	var out []edge
	for _, l := range lines {
		for i := 1; i < len(l); i++ {
			out = append(out, edge{l[i-1], l[i]})
		}
	}
	return out
}

// sharedParts are what two shapes share: points, lines and areas. Shapes hold their
// ends and borders.
type sharedParts struct {
	points []s2.Point
	lines  []line
	area   *region
}

// shape gives GeoJSON: of one kind a Point, LineString, Polygon or their Multi
// types; of several, or none, a GeometryCollection.
func (c sharedParts) shape() any {
	var points []any
	for _, p := range c.points {
		points = append(points, degrees(p))
	}
	all := []any{}
	for _, s := range []any{oneOrMany("Point", points), lineShapes(c.lines)} {
		if s != nil {
			all = append(all, s)
		}
	}
	if c.area != nil {
		if s := c.area.shape(); s != nil {
			all = append(all, s)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	o := &table.Object{}
	o.Set("type", "GeometryCollection")
	o.Set("geometries", all)
	return o
}

func intersectRegions(a, b *region) (sharedParts, bool) {
	o, ok := lay(a.edges(), b.edges(), true)
	if !ok {
		return sharedParts{}, false
	}
	taken, along := o.choose(a, b, true)
	return sharedParts{points: o.meets(taken, along), lines: o.chains(along), area: o.region(taken)}, true
}

func intersectLines(a, b []line) (sharedParts, bool) {
	o, ok := lay(lineEdges(a), lineEdges(b), true)
	if !ok {
		return sharedParts{}, false
	}
	other := map[[2]int]bool{}
	for _, p := range o.pieces[1] {
		other[p.key()] = true
	}
	var shared []piece
	for _, p := range o.pieces[0] {
		if other[p.key()] {
			shared = append(shared, p)
		}
	}
	return sharedParts{points: o.meets(shared), lines: o.chains(shared)}, true
}

func intersectLineRegion(l []line, r *region) (sharedParts, bool) {
	o, ok := lay(lineEdges(l), r.edges(), true)
	if !ok {
		return sharedParts{}, false
	}
	border := map[[2]int]bool{}
	for _, p := range o.pieces[1] {
		border[p.key()] = true
	}
	var inside []piece
	for _, p := range o.pieces[0] {
		if border[p.key()] || r.contains(o.middle(p)) {
			inside = append(inside, p)
		}
	}
	return sharedParts{points: o.meets(inside), lines: o.chains(inside)}, true
}

// uniteLines gives each stretch once; lines that cross are not cut.
func uniteLines(lines []line) ([]line, bool) {
	all := lineEdges(lines)
	o, ok := lay(all, all, false)
	if !ok {
		return nil, false
	}
	return o.chains(o.pieces[0]), true
}

// touching says whether an edge of x meets an edge of y.
func touching(x, y []edge) (met, ok bool) {
	ok = pairs(x, y, func(i, j int) bool {
		e, f := x[i], y[j]
		met = s2.CrossingSign(e.a, e.b, f.a, f.b) != s2.DoNotCross
		for _, p := range []s2.Point{f.a, f.b} {
			met = met || s2.DistanceFromSegment(p, e.a, e.b) <= sameness
		}
		for _, p := range []s2.Point{e.a, e.b} {
			met = met || s2.DistanceFromSegment(p, f.a, f.b) <= sameness
		}
		return !met
	})
	return met, ok
}

func lineMeetsRegions(lines []line, rs []*region) (met, ok bool) {
	es := lineEdges(lines)
	for _, r := range rs {
		for _, l := range lines {
			if r.contains(l[0]) {
				return true, true
			}
		}
		if met, ok := touching(es, r.edges()); met || !ok {
			return met, ok
		}
	}
	return false, true
}

func regionsMeet(x, y []*region) (met, ok bool) {
	for _, p := range x {
		for _, q := range y {
			if p.contains(q.rings[0].pts[0]) || q.contains(p.rings[0].pts[0]) {
				return true, true
			}
			if met, ok := touching(p.edges(), q.edges()); met || !ok {
				return met, ok
			}
		}
	}
	return false, true
}
