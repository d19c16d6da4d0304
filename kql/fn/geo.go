package fn

import (
	"math"
	"strconv"
	"strings"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"sextant/table"
)

// earthRadius in metres: the sphere on which Kusto measures.
const earthRadius = 6_371_010

// geography is the table of functions of places: GeoJSON points, lines and
// polygons on a sphere, geohashes and S2 cells.
func geography() []Scalar {
	measure := func(name, doc, sig string, f func(a []table.Value) (float64, bool)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig + " -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			if x, ok := f(a); ok && !math.IsNaN(x) {
				return table.RealValue(x)
			}
			return table.Null(table.Real)
		}, Doc: doc}
	}
	test := func(name, doc, sig string, f func(a []table.Value) (bool, bool)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig + " -> bool"), Eval: func(_ *Context, a []table.Value) table.Value {
			if x, ok := f(a); ok {
				return table.BoolValue(x)
			}
			return table.Null(table.Bool)
		}, Doc: doc}
	}
	shape := func(name, doc, sig string, f func(a []table.Value) (any, bool)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig + " -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			if x, ok := f(a); ok {
				return dynValue(x)
			}
			return nullDynamic
		}, Doc: doc}
	}
	out := []Scalar{
		measure("geo_distance_2points", "Metres between two points.", "lng1:real, lat1:real, lng2:real, lat2:real", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			q, ok2 := pointOf(a, 2)
			if !ok1 || !ok2 {
				return 0, false
			}
			return metres(p.Distance(q)), true
		}),
		measure("geo_distance_point_to_line", "Metres from a point to the nearest place of a line.", "lng:real, lat:real, line:bag", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			lines, ok2 := linesOf(a[2])
			if !ok1 || !ok2 {
				return 0, false
			}
			return metres(distanceToLines(p, lines)), true
		}),
		measure("geo_distance_point_to_polygon", "Metres from a point to a polygon; 0 inside.", "lng:real, lat:real, polygon:bag", func(a []table.Value) (float64, bool) {
			p, ok1 := pointOf(a, 0)
			polys, ok2 := polygonsOf(a[2])
			if !ok1 || !ok2 {
				return 0, false
			}
			best := s1.InfAngle()
			for _, poly := range polys {
				if poly.contains(p) {
					return 0, true
				}
				best = min(best, distanceToLines(p, poly.rings))
			}
			return metres(best), true
		}),
		measure("geo_line_length", "Length of a line in metres.", "line:bag", func(a []table.Value) (float64, bool) {
			lines, ok := linesOf(a[0])
			return metres(lengthOf(lines)), ok
		}),
		measure("geo_polygon_perimeter", "Length of a polygon's border in metres.", "polygon:bag", func(a []table.Value) (float64, bool) {
			polys, ok := polygonsOf(a[0])
			var all s1.Angle
			for _, p := range polys {
				all += lengthOf(p.rings)
			}
			return metres(all), ok
		}),
		measure("geo_polygon_area", "Area of a polygon in square metres.", "polygon:bag", func(a []table.Value) (float64, bool) {
			polys, ok := polygonsOf(a[0])
			area := 0.0
			for _, p := range polys {
				area += p.area()
			}
			return area * earthRadius * earthRadius, ok
		}),
		measure("geo_azimuth", "Clockwise angle in radians between north at the first point and the way to the second.", "lng1:real, lat1:real, lng2:real, lat2:real", func(a []table.Value) (float64, bool) {
			if _, ok := pointOf(a, 0); !ok {
				return 0, false
			}
			if _, ok := pointOf(a, 2); !ok || a[0].Float64() == a[2].Float64() && a[1].Float64() == a[3].Float64() {
				return 0, false
			}
			return azimuth(a, 0, 2), true
		}),
		measure("geo_angle", "Clockwise angle in radians at the second of three points.", "lng1:real, lat1:real, lng2:real, lat2:real, lng3:real, lat3:real", func(a []table.Value) (float64, bool) {
			for i := 0; i < 6; i += 2 {
				if _, ok := pointOf(a, i); !ok {
					return 0, false
				}
			}
			return math.Mod(azimuth(a, 2, 4)-azimuth(a, 2, 0)+4*math.Pi, 2*math.Pi), true
		}),
		test("geo_point_in_circle", "Whether a point lies within metres of another.", "lng:real, lat:real, centerLng:real, centerLat:real, radius:real", func(a []table.Value) (bool, bool) {
			p, ok1 := pointOf(a, 0)
			q, ok2 := pointOf(a, 2)
			r := a[4].Float64()
			return metres(p.Distance(q)) <= r, ok1 && ok2 && r >= 0
		}),
		test("geo_point_in_polygon", "Whether a point lies in a polygon.", "lng:real, lat:real, polygon:bag", func(a []table.Value) (bool, bool) {
			p, ok1 := pointOf(a, 0)
			polys, ok2 := polygonsOf(a[2])
			if !ok1 || !ok2 {
				return false, false
			}
			for _, poly := range polys {
				if poly.contains(p) {
					return true, true
				}
			}
			return false, true
		}),
		test("geo_intersects_2lines", "Whether two lines meet.", "line1:bag, line2:bag", func(a []table.Value) (bool, bool) {
			x, ok1 := linesOf(a[0])
			y, ok2 := linesOf(a[1])
			return ok1 && ok2 && cross(x, y), ok1 && ok2
		}),
		test("geo_intersects_line_with_polygon", "Whether a line and a polygon meet.", "line:bag, polygon:bag", func(a []table.Value) (bool, bool) {
			x, ok1 := linesOf(a[0])
			polys, ok2 := polygonsOf(a[1])
			if !ok1 || !ok2 {
				return false, false
			}
			for _, p := range polys {
				if p.contains(s2.PointFromLatLng(x[0][0])) || cross(x, p.rings) {
					return true, true
				}
			}
			return false, true
		}),
		test("geo_intersects_2polygons", "Whether two polygons meet.", "polygon1:bag, polygon2:bag", func(a []table.Value) (bool, bool) {
			x, ok1 := polygonsOf(a[0])
			y, ok2 := polygonsOf(a[1])
			if !ok1 || !ok2 {
				return false, false
			}
			for _, p := range x {
				for _, q := range y {
					if p.contains(s2.PointFromLatLng(q.rings[0][0])) || q.contains(s2.PointFromLatLng(p.rings[0][0])) || cross(p.rings, q.rings) {
						return true, true
					}
				}
			}
			return false, true
		}),
		shape("geo_line_centroid", "The point in the middle of a line, by length.", "line:bag", func(a []table.Value) (any, bool) {
			lines, ok := linesOf(a[0])
			if !ok {
				return nil, false
			}
			var sum s2.Point
			for _, l := range lines {
				poly := s2.PolylineFromLatLngs(l)
				sum = s2.Point{Vector: sum.Add(poly.Centroid().Vector)}
			}
			return pointShape(s2.LatLngFromPoint(sum)), true
		}),
		shape("geo_polygon_centroid", "The centre of a polygon, by area.", "polygon:bag", func(a []table.Value) (any, bool) {
			polys, ok := polygonsOf(a[0])
			if !ok {
				return nil, false
			}
			var sum s2.Point
			for _, p := range polys {
				for i, l := range p.loops {
					c := l.Centroid()
					if i > 0 {
						c = s2.Point{Vector: c.Mul(-1)}
					}
					sum = s2.Point{Vector: sum.Add(c.Vector)}
				}
			}
			return pointShape(s2.LatLngFromPoint(sum)), true
		}),
		shape("geo_line_interpolate_point", "The point at a share of a line's length.", "line:bag, fraction:real", func(a []table.Value) (any, bool) {
			lines, ok := linesOf(a[0])
			f := a[1].Float64()
			if !ok || !(f >= 0 && f <= 1) || len(lines) != 1 {
				return nil, false
			}
			p, _ := s2.PolylineFromLatLngs(lines[0]).Interpolate(f)
			return pointShape(s2.LatLngFromPoint(p)), true
		}),
		measure("geo_line_locate_point", "The share of a line's length at its nearest place to a point.", "line:bag, lng:real, lat:real", func(a []table.Value) (float64, bool) {
			lines, ok1 := linesOf(a[0])
			p, ok2 := pointOf(a, 1)
			if !ok1 || !ok2 || len(lines) != 1 {
				return 0, false
			}
			line := s2.PolylineFromLatLngs(lines[0])
			at, next := line.Project(s2.PointFromLatLng(p))
			return line.Uninterpolate(at, next), true
		}),
		shape("geo_from_wkt", "GeoJSON of a shape in well-known text.", "text:string", func(a []table.Value) (any, bool) {
			w := wkt{s: strings.ToUpper(a[0].Str())}
			d, ok := w.geometry()
			return d, ok && strings.TrimSpace(w.s) == ""
		}),
		{Name: "geo_point_to_s2cell", Sigs: sigs("lng:real, lat:real, level?:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			p, ok := pointOf(a, 0)
			level := int64(11)
			if len(a) > 2 {
				level = a[2].Int64()
			}
			if !ok || level < 0 || level > 30 {
				return str("")
			}
			return str(s2.CellIDFromLatLng(p).Parent(int(level)).ToToken())
		}, Doc: "The S2 cell of a level that holds a point."},
		shape("geo_s2cell_to_central_point", "The centre of an S2 cell.", "cell:string", func(a []table.Value) (any, bool) {
			id, ok := cellOf(a[0].Str())
			return pointShape(id.LatLng()), ok
		}),
		shape("geo_s2cell_to_polygon", "The border of an S2 cell.", "cell:string", func(a []table.Value) (any, bool) {
			id, ok := cellOf(a[0].Str())
			if !ok {
				return nil, false
			}
			cell := s2.CellFromCellID(id)
			var ring []s2.LatLng
			for i := range 5 {
				ring = append(ring, s2.LatLngFromPoint(cell.Vertex(i%4)))
			}
			return polygonShape(ring), true
		}),
		shape("geo_s2cell_neighbors", "The S2 cells around a cell.", "cell:string", func(a []table.Value) (any, bool) {
			id, ok := cellOf(a[0].Str())
			if !ok {
				return nil, false
			}
			out := []any{}
			seen := map[s2.CellID]bool{}
			edges := id.EdgeNeighbors()
			for _, n := range append(edges[:], id.AllNeighbors(id.Level())...) {
				if !seen[n] {
					seen[n] = true
					out = append(out, n.ToToken())
				}
			}
			return out, true
		}),
	}
	out = append(out, geohashes()...)
	const why = "shapes made of shapes are not computed here"
	for _, name := range strings.Fields("geo_closest_point_on_line geo_closest_point_on_polygon geo_intersection_2lines geo_intersection_2polygons geo_intersection_line_with_polygon geo_line_buffer geo_line_densify geo_line_simplify " +
		"geo_point_buffer geo_polygon_buffer geo_polygon_densify geo_polygon_simplify geo_simplify_polygons_array geo_union_lines_array geo_union_polygons_array geo_line_to_s2cells geo_polygon_to_s2cells") {
		out = append(out, Scalar{Name: name, Sigs: sigs("shape*:scalar -> dynamic"), Refused: why, Doc: "Not available: " + why + "."})
	}
	const h3 = "H3 cells are not computed here; use S2 cells or geohashes"
	for _, name := range strings.Fields("geo_h3cell_children geo_h3cell_level geo_h3cell_neighbors geo_h3cell_parent geo_h3cell_rings geo_h3cell_to_central_point geo_h3cell_to_polygon geo_point_to_h3cell geo_polygon_to_h3cells") {
		out = append(out, Scalar{Name: name, Sigs: sigs("cell*:scalar -> dynamic"), Refused: h3, Doc: "Not available: " + h3 + "."})
	}
	return out
}

func metres(a s1.Angle) float64 { return a.Radians() * earthRadius }

// pointOf reads longitude and latitude from arguments i and i+1.
func pointOf(a []table.Value, i int) (s2.LatLng, bool) {
	return latLng(a[i].Float64(), a[i+1].Float64())
}

func latLng(lng, lat float64) (s2.LatLng, bool) {
	return s2.LatLngFromDegrees(lat, lng), lng >= -180 && lng <= 180 && lat >= -90 && lat <= 90
}

func azimuth(a []table.Value, from, to int) float64 {
	p, _ := pointOf(a, from)
	q, _ := pointOf(a, to)
	d := q.Lng.Radians() - p.Lng.Radians()
	y := math.Sin(d) * math.Cos(q.Lat.Radians())
	x := math.Cos(p.Lat.Radians())*math.Sin(q.Lat.Radians()) - math.Sin(p.Lat.Radians())*math.Cos(q.Lat.Radians())*math.Cos(d)
	return math.Mod(math.Atan2(y, x)+2*math.Pi, 2*math.Pi)
}

// maxVertices bounds the work that one cell can ask for.
const maxVertices = 20_000

// positions reads an array of [lng, lat]; neighbours must differ.
func positions(d any, least int) ([]s2.LatLng, bool) {
	list, ok := d.([]any)
	if !ok || len(list) < least || len(list) > maxVertices {
		return nil, false
	}
	out := make([]s2.LatLng, len(list))
	for i, e := range list {
		pair, ok := e.([]any)
		if !ok || len(pair) < 2 {
			return nil, false
		}
		x, y := toReal(table.DynamicValue(pair[0])), toReal(table.DynamicValue(pair[1]))
		if x.IsNull() || y.IsNull() {
			return nil, false
		}
		if out[i], ok = latLng(x.Float64(), y.Float64()); !ok || i > 0 && out[i] == out[i-1] {
			return nil, false
		}
	}
	return out, true
}

// coordinates of a GeoJSON shape: those of each part, for a single and a Multi
// type of the name.
func coordinates(v table.Value, typ string) ([]any, bool) {
	o, ok := v.Dyn().(*table.Object)
	if !ok {
		return nil, false
	}
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

func linesOf(v table.Value) ([][]s2.LatLng, bool) {
	parts, ok := coordinates(v, "LineString")
	if !ok {
		return nil, false
	}
	var out [][]s2.LatLng
	for _, p := range parts {
		line, ok := positions(p, 2)
		if !ok {
			return nil, false
		}
		out = append(out, line)
	}
	return out, true
}

// polygon is a shell and its holes: as closed rings, and as loops of S2 that go
// around the smaller side.
type polygon struct {
	rings [][]s2.LatLng
	loops []*s2.Loop
}

func polygonsOf(v table.Value) ([]polygon, bool) {
	parts, ok := coordinates(v, "Polygon")
	if !ok {
		return nil, false
	}
	var out []polygon
	for _, part := range parts {
		rings, ok := part.([]any)
		if !ok || len(rings) == 0 {
			return nil, false
		}
		var p polygon
		for _, r := range rings {
			ring, ok := positions(r, 4)
			if !ok || ring[0] != ring[len(ring)-1] {
				return nil, false
			}
			var pts []s2.Point
			for _, q := range ring[:len(ring)-1] {
				pts = append(pts, s2.PointFromLatLng(q))
			}
			loop := s2.LoopFromPoints(pts)
			if loop.Validate() != nil {
				return nil, false
			}
			loop.Normalize()
			p.rings, p.loops = append(p.rings, ring), append(p.loops, loop)
		}
		out = append(out, p)
	}
	return out, true
}

func (p polygon) contains(q any) bool {
	var pt s2.Point
	switch q := q.(type) {
	case s2.Point:
		pt = q
	case s2.LatLng:
		pt = s2.PointFromLatLng(q)
	}
	for i, l := range p.loops {
		if l.ContainsPoint(pt) != (i == 0) {
			return false
		}
	}
	return true
}

func (p polygon) area() float64 {
	a := p.loops[0].Area()
	for _, hole := range p.loops[1:] {
		a -= hole.Area()
	}
	return a
}

func distanceToLines(p s2.LatLng, lines [][]s2.LatLng) s1.Angle {
	best := s1.InfAngle()
	pt := s2.PointFromLatLng(p)
	for _, l := range lines {
		for i := 1; i < len(l); i++ {
			best = min(best, s2.DistanceFromSegment(pt, s2.PointFromLatLng(l[i-1]), s2.PointFromLatLng(l[i])))
		}
	}
	return best
}

func lengthOf(lines [][]s2.LatLng) s1.Angle {
	var all s1.Angle
	for _, l := range lines {
		for i := 1; i < len(l); i++ {
			all += l[i-1].Distance(l[i])
		}
	}
	return all
}

// cross says whether an edge of one meets an edge of the other.
func cross(x, y [][]s2.LatLng) bool {
	for _, l := range x {
		for i := 1; i < len(l); i++ {
			a, b := s2.PointFromLatLng(l[i-1]), s2.PointFromLatLng(l[i])
			c := s2.NewEdgeCrosser(a, b)
			for _, m := range y {
				for j := 1; j < len(m); j++ {
					p, q := s2.PointFromLatLng(m[j-1]), s2.PointFromLatLng(m[j])
					if c.CrossingSign(p, q) != s2.DoNotCross {
						return true
					}
				}
			}
		}
	}
	return false
}

func cellOf(token string) (s2.CellID, bool) {
	id := s2.CellIDFromToken(token)
	return id, id.IsValid() && id.ToToken() == strings.ToLower(token)
}

func pair(p s2.LatLng) []any { return []any{p.Lng.Degrees(), p.Lat.Degrees()} }

func pointShape(p s2.LatLng) any { return geoJSON("Point", pair(p)) }

func polygonShape(ring []s2.LatLng) any {
	list := make([]any, len(ring))
	for i, p := range ring {
		list[i] = pair(p)
	}
	return geoJSON("Polygon", []any{list})
}

func geoJSON(typ string, coordinates any) *table.Object {
	o := &table.Object{}
	o.Set("type", typ)
	o.Set("coordinates", coordinates)
	return o
}

// wkt reads well-known text, upper case.
type wkt struct {
	s     string
	depth int
}

func (w *wkt) skip(c byte) bool {
	w.s = strings.TrimLeft(w.s, " \t\r\n")
	if w.s == "" || w.s[0] != c {
		return false
	}
	w.s = w.s[1:]
	return true
}

func (w *wkt) geometry() (any, bool) {
	w.s = strings.TrimLeft(w.s, " \t\r\n")
	i := strings.IndexByte(w.s, '(')
	if w.depth++; i < 0 || w.depth > 20 {
		return nil, false
	}
	word := strings.TrimSpace(w.s[:i])
	w.s = w.s[i:]
	for _, k := range []struct {
		wkt, name string
		nest      int
	}{{"POINT", "Point", 0}, {"LINESTRING", "LineString", 1}, {"POLYGON", "Polygon", 2}, {"MULTIPOINT", "MultiPoint", 1}, {"MULTILINESTRING", "MultiLineString", 2}, {"MULTIPOLYGON", "MultiPolygon", 3}} {
		if word == k.wkt {
			c, ok := w.list(k.nest)
			if k.nest == 0 && ok {
				return geoJSON(k.name, c[0]), true
			}
			return geoJSON(k.name, c), ok
		}
	}
	if word != "GEOMETRYCOLLECTION" || !w.skip('(') {
		return nil, false
	}
	var all []any
	for {
		g, ok := w.geometry()
		if !ok {
			return nil, false
		}
		all = append(all, g)
		if !w.skip(',') {
			break
		}
	}
	o := &table.Object{}
	o.Set("type", "GeometryCollection")
	o.Set("geometries", all)
	return o, w.skip(')')
}

// list reads (…): positions at nest 0 and 1, else lists of lists.
func (w *wkt) list(nest int) ([]any, bool) {
	if !w.skip('(') {
		return nil, false
	}
	var out []any
	for {
		if nest > 1 {
			l, ok := w.list(nest - 1)
			if !ok {
				return nil, false
			}
			out = append(out, l)
		} else {
			wrapped := nest == 1 && w.skip('(') // MULTIPOINT ((1 2), (3 4))
			p, ok := w.position()
			if !ok || wrapped && !w.skip(')') {
				return nil, false
			}
			out = append(out, p)
		}
		if !w.skip(',') {
			break
		}
	}
	return out, w.skip(')')
}

func (w *wkt) position() (any, bool) {
	w.s = strings.TrimLeft(w.s, " \t\r\n")
	end := strings.IndexAny(w.s, ",()")
	if end < 0 {
		return nil, false
	}
	var out []any
	for _, f := range strings.Fields(w.s[:end]) {
		if n, err := strconv.ParseInt(f, 10, 64); err == nil {
			out = append(out, n)
			continue
		}
		x, ok := parseReal(f)
		if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, false
		}
		out = append(out, x)
	}
	w.s = w.s[end:]
	return out, len(out) >= 2
}
