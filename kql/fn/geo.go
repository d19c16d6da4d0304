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

// geography is the table of functions of geohashes, S2 cells, circles and well-known
// text.
func geography() []Scalar {
	out := []Scalar{
		tested("geo_point_in_circle", "Whether a point lies within metres of another.", "lng:real, lat:real, centerLng:real, centerLat:real, radius:real", func(a []table.Value) (bool, bool) {
			p, ok1 := pointOf(a, 0)
			q, ok2 := pointOf(a, 2)
			r := a[4].Float64()
			return metres(p.Distance(q)) <= r, ok1 && ok2 && r >= 0
		}),
		shaped("geo_from_wkt", "GeoJSON of a shape in well-known text.", "text:string", func(a []table.Value) (any, bool) {
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
		shaped("geo_s2cell_to_central_point", "The centre of an S2 cell.", "cell:string", func(a []table.Value) (any, bool) {
			id, ok := cellOf(a[0].Str())
			return pointShape(id.LatLng()), ok
		}),
		shaped("geo_s2cell_to_polygon", "The border of an S2 cell.", "cell:string", func(a []table.Value) (any, bool) {
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
	}
	out = append(out, geohashes()...)
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
