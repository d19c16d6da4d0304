package fn

import (
	"math"
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"sextant/table"
)

// places is the table of all functions of places.
func places() []Scalar { return slices.Concat(shapes(), hexagons(), geography()) }

// shapes is the table of functions of points, lines and polygons. Lengths are in
// metres on a sphere, edges are geodesics; what is no valid shape gives null.
func shapes() []Scalar {
	return slices.Concat(pointRows(), lineRows(), polygonRows(), pairRows(), neighborRows())
}

func measured(name, doc, sig string, f func(a []table.Value) (float64, bool)) Scalar {
	return Scalar{Name: name, Sigs: sigs(sig + " -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
		if x, ok := f(a); ok && finite(x) {
			return table.RealValue(x)
		}
		return table.Null(table.Real)
	}, Doc: doc}
}

func tested(name, doc, sig string, f func(a []table.Value) (bool, bool)) Scalar {
	return Scalar{Name: name, Sigs: sigs(sig + " -> bool"), Eval: func(_ *Context, a []table.Value) table.Value {
		if x, ok := f(a); ok {
			return table.BoolValue(x)
		}
		return table.Null(table.Bool)
	}, Doc: doc}
}

func shaped(name, doc, sig string, f func(a []table.Value) (any, bool)) Scalar {
	return Scalar{Name: name, Sigs: sigs(sig + " -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
		if x, ok := f(a); ok && x != nil {
			return dynValue(x)
		}
		return nullDynamic
	}, Doc: doc}
}

const twoPoints = "lng1:real, lat1:real, lng2:real, lat2:real"

func pointRows() []Scalar {
	return []Scalar{
		measured("geo_distance_2points", "Metres between two points, on a sphere or on the spheroid.", twoPoints+", useSpheroid?:bool|number", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			q, ok2 := pointOf(a, 2)
			if !ok1 || !ok2 {
				return 0, false
			}
			if len(a) > 4 && truth(a[4]) {
				return spheroidDistance(p, q), true
			}
			return metres(p.Distance(q)), true
		}),
		measured("geo_azimuth", "Clockwise angle in radians between north at the first point and the way to the second.", twoPoints, func(a []table.Value) (float64, bool) {
			return azimuth(a, 0, 2), properEdge(a, 0, 2)
		}),
		measured("geo_angle", "Clockwise angle in radians at the second of three points.", twoPoints+", lng3:real, lat3:real", func(a []table.Value) (float64, bool) {
			return math.Mod(azimuth(a, 2, 4)-azimuth(a, 2, 0)+4*math.Pi, 2*math.Pi), properEdge(a, 0, 2) && properEdge(a, 2, 4)
		}),
		shaped("geo_point_buffer", "The polygon around all points within metres of a point.", "lng:real, lat:real, radius:real, tolerance?:real", func(a []table.Value) (any, bool) {
			p, ok := pointOf(a, 0)
			b, fits := newBuffer(a[2].Float64(), toleranceOf(a, 3))
			if !ok || !fits {
				return nil, false
			}
			return b.point(onSphere(p)).shape(), true
		}),
	}
}

// properEdge says whether arguments i and j are points with one shortest way between
// them.
func properEdge(a []table.Value, i, j int) bool {
	p, ok1 := pointOf(a, i)
	q, ok2 := pointOf(a, j)
	if !ok1 || !ok2 {
		return false
	}
	x, y := onSphere(p), onSphere(q)
	return isEdge(x, y) && x.Distance(y).Radians() > 1e-15 && x.Distance(y).Radians() < math.Pi-1e-15
}

func lineRows() []Scalar {
	var kept latest[[]line]
	over := func(i int, f func(l []line, a []table.Value) (any, bool)) func(a []table.Value) (any, bool) {
		return func(a []table.Value) (any, bool) {
			l, ok := kept.read(a[i], readLines)
			if !ok {
				return nil, false
			}
			return f(l, a)
		}
	}
	return []Scalar{
		measured("geo_line_length", "Length of a line in metres; what several lines share counts once.", "line:bag", func(a []table.Value) (float64, bool) {
			l, ok := kept.read(a[0], readLines)
			if !ok {
				return 0, false
			}
			l, ok = apart(l)
			return metres(lengthOfLines(l)), ok
		}),
		shaped("geo_line_centroid", "The mean of a line's points.", "line:bag", over(0, func(l []line, _ []table.Value) (any, bool) {
			var sum r3.Vector
			l, ok := apart(l)
			for _, m := range l {
				sum = sum.Add((*s2.Polyline)(&m).Centroid().Vector)
			}
			if !ok {
				return nil, false
			}
			return pointAt(sum)
		})),
		measured("geo_distance_point_to_line", "Metres from a point to the nearest place of a line.", "lng:real, lat:real, line:bag", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			l, ok2 := kept.read(a[2], readLines)
			if !ok1 || !ok2 {
				return 0, false
			}
			_, d := closest(onSphere(p), lineEdges(l))
			return metres(d), true
		}),
		shaped("geo_closest_point_on_line", "The place of a line that is nearest to a point.", "lng:real, lat:real, line:bag", over(2, func(l []line, a []table.Value) (any, bool) {
			p, ok := pointOf(a, 0)
			if !ok {
				return nil, false
			}
			q, _ := closest(onSphere(p), lineEdges(l))
			return geoJSON("Point", degrees(q)), true
		})),
		shaped("geo_line_interpolate_point", "The point at a share of a line's length.", "line:bag, fraction:real", over(0, func(l []line, a []table.Value) (any, bool) {
			f := a[1].Float64()
			if len(l) != 1 || !(f >= 0 && f <= 1) {
				return nil, false
			}
			p, _ := (*s2.Polyline)(&l[0]).Interpolate(f)
			return geoJSON("Point", degrees(p)), true
		})),
		measured("geo_line_locate_point", "The share of a line's length at its nearest place to a point.", "line:bag, lng:real, lat:real, useSpheroid?:bool|number", func(a []table.Value) (float64, bool) {
			l, ok1 := kept.read(a[0], readLines)
			p, ok2 := pointOf(a, 1)
			if !ok1 || !ok2 || len(l) != 1 {
				return 0, false
			}
			return locate(l[0], onSphere(p), len(a) > 3 && truth(a[3])), true
		}),
		shaped("geo_line_densify", "A line with points between, so that its edges may be geodesics.", "line:bag, tolerance?:number, preserveCrossing?:bool|number", densified("LineString", 0)),
		shaped("geo_line_simplify", "A line without the points that it can spare.", "line:bag, tolerance?:number", over(0, func(l []line, a []table.Value) (any, bool) {
			t, ok := sparing(a)
			if !ok {
				return nil, false
			}
			out, ok := simplifyLines(l, radians(t))
			return lineShapes(out), ok
		})),
		shaped("geo_line_buffer", "The polygon around all points within metres of a line.", "line:bag, radius:real, tolerance?:real", over(0, func(l []line, a []table.Value) (any, bool) {
			b, ok := newBuffer(a[1].Float64(), toleranceOf(a, 2))
			if !ok {
				return nil, false
			}
			r, ok := b.lines(l)
			if !ok {
				return nil, false
			}
			return r.shape(), true
		})),
		shaped("geo_line_to_s2cells", "The S2 cells of a level that touch a line, widened by a radius in metres.", "line:bag, level?:number, radius?:number", over(0, func(l []line, a []table.Value) (any, bool) {
			level, radius, ok := coverArgs(a)
			if !ok {
				return nil, false
			}
			if radius > 0 {
				b, ok := newBuffer(radius, max(radius/100, 0.001))
				if !ok {
					return nil, false
				}
				r, ok := b.lines(l)
				if !ok {
					return nil, false
				}
				return covering(r.s2Polygon(), level)
			}
			return covering(polylines(l), level)
		})),
		shaped("geo_union_lines_array", "Lines of an array as one.", "lines:array", func(a []table.Value) (any, bool) {
			var all []line
			ok := eachShape(a[0], func(o *table.Object) bool {
				l, ok := readLines(o)
				all = append(all, l...)
				return ok
			})
			if !ok {
				return nil, false
			}
			all, ok = uniteLines(all)
			return lineShapes(all), ok
		}),
	}
}

func polygonRows() []Scalar {
	var kept latest[[]*region]
	var whole latest[*region]
	one := func(v table.Value) (*region, bool) {
		return whole.read(v, func(o *table.Object) (*region, bool) {
			rs, ok := readRegions(o)
			if !ok {
				return nil, false
			}
			return unite(rs)
		})
	}
	over := func(f func(r *region, a []table.Value) (any, bool)) func(a []table.Value) (any, bool) {
		return func(a []table.Value) (any, bool) {
			r, ok := one(a[0])
			if !ok {
				return nil, false
			}
			return f(r, a)
		}
	}
	return []Scalar{
		measured("geo_polygon_area", "Area of a polygon in square metres.", "polygon:bag", func(a []table.Value) (float64, bool) {
			r, ok := one(a[0])
			if !ok {
				return 0, false
			}
			return r.area() * earthRadius * earthRadius, true
		}),
		measured("geo_polygon_perimeter", "Length of a polygon's border in metres.", "polygon:bag", func(a []table.Value) (float64, bool) {
			r, ok := one(a[0])
			if !ok {
				return 0, false
			}
			return r.perimeter() * earthRadius, true
		}),
		shaped("geo_polygon_centroid", "The centre of a polygon, by area.", "polygon:bag", over(func(r *region, _ []table.Value) (any, bool) { return pointAt(r.centroid()) })),
		tested("geo_point_in_polygon", "Whether a point lies in a polygon.", "lng:real, lat:real, polygon:bag", func(a []table.Value) (bool, bool) {
			p, ok1 := pointOf(a, 0)
			rs, ok2 := kept.read(a[2], readRegions)
			return ok1 && ok2 && anyHolds(rs, onSphere(p)), ok1 && ok2
		}),
		measured("geo_distance_point_to_polygon", "Metres from a point to a polygon; 0 inside.", "lng:real, lat:real, polygon:bag", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			rs, ok2 := kept.read(a[2], readRegions)
			if !ok1 || !ok2 {
				return 0, false
			}
			_, d := closestInside(onSphere(p), rs)
			return metres(d), true
		}),
		shaped("geo_closest_point_on_polygon", "The place of a polygon that is nearest to a point.", "lng:real, lat:real, polygon:bag", func(a []table.Value) (any, bool) {
			p, ok1 := pointOf(a, 0)
			rs, ok2 := kept.read(a[2], readRegions)
			if !ok1 || !ok2 {
				return nil, false
			}
			q, d := closestInside(onSphere(p), rs)
			if d == 0 {
				return geoJSON("Point", []any{mapNumber(a[0].Float64()), mapNumber(a[1].Float64())}), true
			}
			return geoJSON("Point", degrees(q)), true
		}),
		shaped("geo_polygon_densify", "A polygon with points between, so that its edges may be geodesics.", "polygon:bag, tolerance?:number, preserveCrossing?:bool|number", densified("Polygon", 1)),
		shaped("geo_polygon_simplify", "A polygon without the points that it can spare.", "polygon:bag, tolerance?:number", over(func(r *region, a []table.Value) (any, bool) {
			t, ok := sparing(a)
			if !ok {
				return nil, false
			}
			out, ok := simplifyRegions([]*region{r}, t)
			return shapeOf(out), ok
		})),
		shaped("geo_simplify_polygons_array", "Polygons of an array without the points that they can spare; shared borders stay shared.", "polygons:array, tolerance?:number", func(a []table.Value) (any, bool) {
			var all []*region
			t, ok := sparing(a)
			if !ok || !eachShape(a[0], func(o *table.Object) bool {
				rs, ok := readRegions(o)
				all = append(all, rs...)
				return ok
			}) {
				return nil, false
			}
			out, ok := simplifyRegions(all, t)
			return shapeOf(out), ok
		}),
		shaped("geo_polygon_buffer", "The polygon around all points within metres of a polygon.", "polygon:bag, radius:real, tolerance?:real", func(a []table.Value) (any, bool) {
			rs, ok := kept.read(a[0], readRegions)
			b, fits := newBuffer(a[1].Float64(), toleranceOf(a, 2))
			if !ok || !fits {
				return nil, false
			}
			r, ok := b.regions(rs)
			if !ok {
				return nil, false
			}
			return r.shape(), true
		}),
		shaped("geo_polygon_to_s2cells", "The S2 cells of a level that touch a polygon, widened by a radius in metres.", "polygon:bag, level?:number, radius?:number", func(a []table.Value) (any, bool) {
			rs, ok := kept.read(a[0], readRegions)
			level, _, fits := coverArgs(a)
			if !ok || !fits {
				return nil, false
			}
			r, ok := widened(rs, a, 2)
			if !ok {
				return nil, false
			}
			return covering(r.s2Polygon(), level)
		}),
		shaped("geo_union_polygons_array", "Polygons of an array as one.", "polygons:array", func(a []table.Value) (any, bool) {
			var all []*region
			ok := eachShape(a[0], func(o *table.Object) bool {
				rs, ok := readRegions(o)
				all = append(all, rs...)
				return ok
			})
			if !ok {
				return nil, false
			}
			r, ok := unite(all)
			if !ok {
				return nil, false
			}
			return r.shape(), true
		}),
	}
}

func pairRows() []Scalar {
	var lines1, lines2 latest[[]line]
	var regions1, regions2 latest[[]*region]
	const twoLines, twoPolygons, lineAndPolygon = "line1:bag, line2:bag", "polygon1:bag, polygon2:bag", "line:bag, polygon:bag"
	ll := func(a []table.Value) (x, y []line, ok bool) {
		x, ok1 := lines1.read(a[0], readLines)
		y, ok2 := lines2.read(a[1], readLines)
		return x, y, ok1 && ok2
	}
	lp := func(a []table.Value) (x []line, y []*region, ok bool) {
		x, ok1 := lines1.read(a[0], readLines)
		y, ok2 := regions2.read(a[1], readRegions)
		return x, y, ok1 && ok2
	}
	pp := func(a []table.Value) (x, y []*region, ok bool) {
		x, ok1 := regions1.read(a[0], readRegions)
		y, ok2 := regions2.read(a[1], readRegions)
		return x, y, ok1 && ok2
	}
	return []Scalar{
		tested("geo_intersects_2lines", "Whether two lines meet.", twoLines, func(a []table.Value) (bool, bool) {
			x, y, ok := ll(a)
			if !ok {
				return false, false
			}
			return touching(lineEdges(x), lineEdges(y))
		}),
		tested("geo_intersects_line_with_polygon", "Whether a line and a polygon meet.", lineAndPolygon, func(a []table.Value) (bool, bool) {
			x, y, ok := lp(a)
			if !ok {
				return false, false
			}
			return lineMeetsRegions(x, y)
		}),
		tested("geo_intersects_2polygons", "Whether two polygons meet.", twoPolygons, func(a []table.Value) (bool, bool) {
			x, y, ok := pp(a)
			if !ok {
				return false, false
			}
			return regionsMeet(x, y)
		}),
		shaped("geo_intersection_2lines", "What two lines share.", twoLines, func(a []table.Value) (any, bool) {
			x, y, ok := ll(a)
			if !ok {
				return nil, false
			}
			out, ok := intersectLines(x, y)
			return out.shape(), ok
		}),
		shaped("geo_intersection_line_with_polygon", "What a line and a polygon share.", lineAndPolygon, func(a []table.Value) (any, bool) {
			x, y, ok := lp(a)
			if !ok {
				return nil, false
			}
			r, ok := unite(y)
			if !ok {
				return nil, false
			}
			out, ok := intersectLineRegion(x, r)
			return out.shape(), ok
		}),
		shaped("geo_intersection_2polygons", "What two polygons share.", twoPolygons, func(a []table.Value) (any, bool) {
			x, y, ok := pp(a)
			if !ok {
				return nil, false
			}
			r, ok1 := unite(x)
			q, ok2 := unite(y)
			if !ok1 || !ok2 {
				return nil, false
			}
			out, ok := intersectRegions(r, q)
			return out.shape(), ok
		}),
	}
}

// real64 of a number of any type.
func real64(v table.Value) float64 { return toReal(v).Float64() }

// truth of a bool, or of a number that is not 0.
func truth(v table.Value) bool {
	if v.Type() == table.Bool {
		return v.Bool()
	}
	return real64(v) != 0
}

// wholeOf reads argument i, or a default, as a whole number.
func wholeOf(a []table.Value, i, without int) (int, bool) {
	if i >= len(a) {
		return without, true
	}
	x := real64(a[i])
	return int(x), math.Abs(x) < 1e6
}

// toleranceOf a buffer in metres.
func toleranceOf(a []table.Value, i int) float64 {
	if i < len(a) {
		return real64(a[i])
	}
	return 10
}

// sparing is the tolerance of simplification in metres.
func sparing(a []table.Value) (float64, bool) {
	t := toleranceOf(a, 1)
	return t, t >= 0 && t <= 7_800_000
}

// coverArgs reads the level and radius of a covering.
func coverArgs(a []table.Value) (level int, radius float64, ok bool) {
	level, ok = wholeOf(a, 1, 11)
	if len(a) > 2 {
		radius = real64(a[2])
	}
	return level, radius, ok && level >= 0 && level <= s2.MaxLevel && radius >= 0
}

// widened joins polygons and adds what lies within the radius of argument i.
func widened(rs []*region, a []table.Value, i int) (*region, bool) {
	if i >= len(a) || real64(a[i]) == 0 {
		return unite(rs)
	}
	radius := real64(a[i])
	b, ok := newBuffer(radius, max(radius/100, 0.001))
	if !ok {
		return nil, false
	}
	return b.regions(rs)
}

// eachShape calls f with each bag of an array until it gives false; false too where
// an element is no bag, or there is none.
func eachShape(v table.Value, f func(o *table.Object) bool) bool {
	list, ok := dynList(v)
	if !ok || len(list) == 0 {
		return false
	}
	for _, e := range list {
		if o, ok := table.DynamicValue(e).Dyn().(*table.Object); !ok || !f(o) {
			return false
		}
	}
	return true
}

// shapeOf regions that stay apart.
func shapeOf(rs []*region) any {
	var all []any
	for _, r := range rs {
		all = append(all, r.polygons()...)
	}
	return oneOrMany("Polygon", all)
}

// pointAt gives the place below a vector; none for the middle of the earth.
func pointAt(v r3.Vector) (any, bool) {
	if v.Norm2() == 0 {
		return nil, false
	}
	return geoJSON("Point", degrees(s2.Point{Vector: v.Normalize()})), true
}

// apart gives lines each stretch of which is there once.
func apart(l []line) ([]line, bool) {
	if len(l) > 1 {
		return uniteLines(l)
	}
	return l, true
}

func lengthOfLines(l []line) s1.Angle {
	var sum s1.Angle
	for _, e := range lineEdges(l) {
		sum += e.a.Distance(e.b)
	}
	return sum
}

// closest place on edges to a point, and its distance.
func closest(p s2.Point, es []edge) (s2.Point, s1.Angle) {
	var at s2.Point
	best := s1.InfAngle()
	for _, e := range es {
		if d := s2.DistanceFromSegment(p, e.a, e.b); d < best {
			best, at = d, s2.Project(p, e.a, e.b)
		}
	}
	return at, best
}

// closestInside polygons: the point itself, at distance 0, where one holds it.
func closestInside(p s2.Point, rs []*region) (s2.Point, s1.Angle) {
	if anyHolds(rs, p) {
		return p, 0
	}
	var at s2.Point
	best := s1.InfAngle()
	for _, r := range rs {
		if q, d := closest(p, r.edges()); d < best {
			at, best = q, d
		}
	}
	return at, best
}

func anyHolds(rs []*region, p s2.Point) bool {
	for _, r := range rs {
		if r.contains(p) {
			return true
		}
	}
	return false
}

// locate gives the share of a line's length at its nearest place to p, with lengths
// on the sphere or the spheroid.
func locate(l line, p s2.Point, spheroid bool) float64 {
	length := func(a, b s2.Point) float64 {
		if spheroid {
			return spheroidDistance(s2.LatLngFromPoint(a), s2.LatLngFromPoint(b))
		}
		return a.Distance(b).Radians()
	}
	best, before, all := s1.InfAngle(), 0.0, 0.0
	for _, e := range lineEdges([]line{l}) {
		if d := s2.DistanceFromSegment(p, e.a, e.b); d < best {
			best, before = d, all+length(e.a, s2.Project(p, e.a, e.b))
		}
		all += length(e.a, e.b)
	}
	return min(before/all, 1)
}
