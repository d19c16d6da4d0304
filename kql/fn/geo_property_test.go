package fn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/golang/geo/s2"
	"github.com/uber/h3-go/v4"

	"sextant/table"
)

// call evaluates a row of places, whose arguments have the right types.
func call(t testing.TB, rows map[string]Scalar, name string, args ...any) table.Value {
	t.Helper()
	a := make([]table.Value, len(args))
	for i, x := range args {
		switch x := x.(type) {
		case float64:
			a[i] = table.RealValue(x)
		case int:
			a[i] = table.LongValue(int64(x))
		case bool:
			a[i] = table.BoolValue(x)
		case string:
			a[i] = table.StringValue(x)
		case table.Value:
			a[i] = x
		default:
			a[i] = table.DynamicValue(x)
		}
	}
	row, ok := rows[name]
	if !ok {
		t.Fatalf("no function %s", name)
	}
	return row.Eval(nil, a)
}

func rowsByName() map[string]Scalar {
	out := map[string]Scalar{}
	for _, s := range places() {
		out[s.Name] = s
	}
	return out
}

// star is a polygon with n corners around a place, which does not cross itself. On
// a grid, corners are whole sixteenths of a degree, so that borders of several meet
// and run along each other.
func star(r *rand.Rand, lng, lat, size float64, n int, grid bool) *table.Object {
	for {
		turn := r.Float64()
		var ring []any
		for i := range n {
			sin, cos := math.Sincos(2 * math.Pi * (float64(i) + turn) / float64(n))
			d := size * (0.4 + 0.6*r.Float64())
			p := []float64{lng + d*cos, lat + d*sin}
			if grid {
				p[0], p[1] = math.Round(p[0]*16)/16, math.Round(p[1]*16)/16
			}
			ring = append(ring, []any{p[0], p[1]})
		}
		o := geoJSON("Polygon", []any{append(ring, ring[0])})
		if _, ok := readRegions(o); ok {
			return o
		}
	}
}

func mustRegion(t *testing.T, o *table.Object) *region {
	t.Helper()
	rs, ok := readRegions(o)
	if !ok {
		t.Fatalf("%s is no region", table.DynamicValue(o).JSON())
	}
	r, ok := unite(rs)
	if !ok {
		t.Fatal("too much work")
	}
	return r
}

// Union and intersection hold what they should, point by point and by area,
// whether borders cross anywhere or run along each other.
func TestOverlayOfStars(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		grid := i%2 == 1
		size := []float64{0.5, 5, 0.001}[i%3]
		if grid {
			size = 0.5
		}
		lng, lat := r.Float64()*340-170, r.Float64()*160-80
		if grid {
			lng, lat = math.Round(lng), math.Round(lat)
		}
		x := star(r, lng, lat, size, 3+r.IntN(9), grid)
		y := star(r, lng+size*(r.Float64()-0.5), lat+size*(r.Float64()-0.5), size, 3+r.IntN(9), grid)
		a, b := mustRegion(t, x), mustRegion(t, y)
		both, ok1 := intersectRegions(a, b)
		either, ok2 := union(a, b)
		if !ok1 || !ok2 {
			t.Fatal("too much work")
		}
		name := fmt.Sprintf("case %d: %s and %s", i, table.DynamicValue(x).JSON(), table.DynamicValue(y).JSON())
		if got, want := either.area()+both.area.area(), a.area()+b.area(); math.Abs(got-want) > 1e-9*want+5e-17 {
			t.Fatalf("%s: areas %g, want %g", name, got, want)
		}
		for range 40 {
			p := onSphere(s2.LatLngFromDegrees(lat+size*2*(r.Float64()-0.5), lng+size*2*(r.Float64()-0.5)))
			if inA, inB := a.contains(p), b.contains(p); either.contains(p) != (inA || inB) || both.area.contains(p) != (inA && inB) {
				t.Fatalf("%s: at %v: in the union %v, in the intersection %v", name, s2.LatLngFromPoint(p), either.contains(p), both.area.contains(p))
			}
		}
		// What came out is a shape that can be read again, with the same area.
		if o, ok := either.shape().(*table.Object); ok {
			again := mustRegion(t, o)
			if got, want := again.area(), either.area(); math.Abs(got-want) > 1e-7*want+5e-17 {
				t.Fatalf("%s: read again has %g, want %g", name, got, want)
			}
		}
	}
}

// A buffer holds what is nearer than the radius, and nothing beyond radius and
// tolerance.
func TestBuffersHoldTheirRadius(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rows := rowsByName()
	for i := range 40 {
		lng, lat := r.Float64()*340-170, r.Float64()*160-80
		radius := math.Pow(10, 1+4*r.Float64())
		tolerance := radius / (2 + 50*r.Float64())
		degree := radius / 111_000
		polygon := star(r, lng, lat, 2*degree, 5, false)
		line := geoJSON("LineString", []any{[]any{lng, lat}, []any{lng + degree, lat + 2*degree}, []any{lng + 3*degree, lat}})
		for name, c := range map[string]struct {
			buffer table.Value
			far    func(x, y float64) table.Value
		}{
			"point": {call(t, rows, "geo_point_buffer", lng, lat, radius, tolerance), func(x, y float64) table.Value {
				return call(t, rows, "geo_distance_2points", x, y, lng, lat)
			}},
			"line": {call(t, rows, "geo_line_buffer", line, radius, tolerance), func(x, y float64) table.Value {
				return call(t, rows, "geo_distance_point_to_line", x, y, line)
			}},
			"polygon": {call(t, rows, "geo_polygon_buffer", polygon, radius, tolerance), func(x, y float64) table.Value {
				return call(t, rows, "geo_distance_point_to_polygon", x, y, polygon)
			}},
		} {
			if c.buffer.IsNull() {
				t.Fatalf("case %d: no buffer of a %s", i, name)
			}
			for range 60 {
				x, y := lng+8*degree*(r.Float64()-0.5), lat+8*degree*(r.Float64()-0.5)
				d, in := c.far(x, y).Float64(), call(t, rows, "geo_point_in_polygon", x, y, c.buffer).Bool()
				if d < radius*(1-1e-9) && !in || d > (radius+tolerance)*(1+1e-9) && in {
					t.Fatalf("case %d: %s of radius %g, tolerance %g at %g, %g: in it %v, distance %g", i, name, radius, tolerance, x, y, in, d)
				}
			}
		}
	}
}

// Cells of every kind hold the point that they were made from, and their
// neighbours are each other's.
func TestCellsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	rows := rowsByName()
	kinds := []struct {
		to, centre, polygon, near string
		least, most               int
	}{
		{"geo_point_to_geohash", "geo_geohash_to_central_point", "geo_geohash_to_polygon", "geo_geohash_neighbors", 2, 12},
		{"geo_point_to_s2cell", "geo_s2cell_to_central_point", "geo_s2cell_to_polygon", "geo_s2cell_neighbors", 2, 30},
		{"geo_point_to_h3cell", "geo_h3cell_to_central_point", "geo_h3cell_to_polygon", "geo_h3cell_neighbors", 0, 15},
	}
	for range 300 {
		lng, lat := r.Float64()*360-180, r.Float64()*170-85
		for _, k := range kinds {
			level := k.least + r.IntN(k.most-k.least+1)
			cell := call(t, rows, k.to, lng, lat, level)
			o := call(t, rows, k.centre, cell).Dyn().(*table.Object)
			at, _ := o.Get("coordinates")
			x, _ := coordinate(at.([]any)[0])
			y, _ := coordinate(at.([]any)[1])
			if again := call(t, rows, k.to, x, y, level); again.Str() != cell.Str() {
				t.Fatalf("%s at %g, %g, level %d: %s has its centre in %s", k.to, lng, lat, level, cell.Str(), again.Str())
			}
			near, _ := dynList(call(t, rows, k.near, cell))
			if len(near) < 5 || len(near) > 8 {
				t.Fatalf("%s has %d neighbours", cell.Str(), len(near))
			}
			for _, n := range near {
				back, _ := dynList(call(t, rows, k.near, n.(string)))
				if !hasToken(back, cell.Str()) {
					t.Fatalf("%s is a neighbour of %s, but not the other way", n, cell.Str())
				}
			}
		}
	}
}

func hasToken(list []any, token string) bool {
	for _, x := range list {
		if x == token {
			return true
		}
	}
	return false
}

// A covering holds the cell of each point of its shape, and its cells meet it.
func TestCoverings(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	rows := rowsByName()
	for i := range 40 {
		lng, lat := r.Float64()*340-170, r.Float64()*160-80
		o := star(r, lng, lat, 0.3, 6, false)
		level := 8 + r.IntN(5)
		cells, ok := dynList(call(t, rows, "geo_polygon_to_s2cells", o, level))
		if !ok {
			t.Fatalf("case %d: no covering", i)
		}
		h3cells, _ := dynList(call(t, rows, "geo_polygon_to_h3cells", o, 6))
		region := mustRegion(t, o)
		for range 50 {
			x, y := lng+0.6*(r.Float64()-0.5), lat+0.6*(r.Float64()-0.5)
			if !region.contains(onMap([2]float64{x, y})) {
				continue
			}
			if c := call(t, rows, "geo_point_to_s2cell", x, y, level).Str(); !hasToken(cells, c) {
				t.Fatalf("case %d: the covering of %s lacks %s, the cell of %g, %g", i, table.DynamicValue(o).JSON(), c, x, y)
			}
		}
		for _, c := range h3cells {
			p := h3.Cell(h3.IndexFromString(c.(string))).LatLng()
			if d := call(t, rows, "geo_distance_point_to_polygon", p.Lng, p.Lat, o).Float64(); d > 50 { // edges are straight on the map there
				t.Fatalf("case %d: the centre of %s is %g m away", i, c, d)
			}
		}
	}
}

// Simplified borders stay within the tolerance, and densified ones lie on the lines
// of the map.
func TestSimplifyAndDensify(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	rows := rowsByName()
	for i := range 60 {
		lng, lat := r.Float64()*340-170, r.Float64()*140-70
		var list []any
		for j := range 60 {
			list = append(list, []any{lng + float64(j)*0.001, lat + 0.0003*r.Float64()})
		}
		line := geoJSON("LineString", list)
		const tolerance = 40.0
		thin := call(t, rows, "geo_line_simplify", line, tolerance)
		if thin.IsNull() {
			t.Fatalf("case %d: nothing left", i)
		}
		for _, p := range list {
			at := p.([]any)
			if d := call(t, rows, "geo_distance_point_to_line", at[0].(float64), at[1].(float64), thin).Float64(); d > 2*tolerance {
				t.Fatalf("case %d: %v is %g m away from what is left", i, p, d)
			}
		}
		o := star(r, lng, lat, 3, 5, false)
		dense := call(t, rows, "geo_polygon_densify", o, 1.0)
		if dense.IsNull() {
			t.Fatalf("case %d: not densified", i)
		}
		c, _ := dense.Dyn().(*table.Object).Get("coordinates")
		was, _ := o.Get("coordinates")
		for _, p := range c.([]any)[0].([]any) {
			if d := mapDistance(p.([]any), was.([]any)[0].([]any)); d > 1e-9 {
				t.Fatalf("case %d: %v is %g degrees off", i, p, d)
			}
		}
		// Thinning with shared borders keeps them shared: no gap, no overlap.
		left := geoJSON("Polygon", []any{append(ringOf(list), []any{lng + 0.03, lat - 0.5}, list[0])})
		right := geoJSON("Polygon", []any{append(ringOf(list), []any{lng + 0.03, lat + 0.5}, list[0])})
		both := call(t, rows, "geo_simplify_polygons_array", []any{left, right}, tolerance)
		rs, ok := readRegions(both.Dyn().(*table.Object))
		if !ok || len(rs) != 2 {
			t.Fatalf("case %d: %s", i, both.JSON())
		}
		if all, _ := union(rs[0], rs[1]); len(all.rings) != 1 || math.Abs(all.area()-rs[0].area()-rs[1].area()) > 1e-12 {
			t.Fatalf("case %d: the borders came apart: %s", i, both.JSON())
		}
	}
}

func ringOf(list []any) []any { return append([]any(nil), list...) }

// mapDistance in degrees from a position to the nearest straight edge of a ring.
func mapDistance(p []any, ring []any) float64 {
	at := func(d any) (x, y float64) {
		x, _ = coordinate(d.([]any)[0])
		y, _ = coordinate(d.([]any)[1])
		return x, y
	}
	px, py := at(p)
	best := math.Inf(1)
	for i := 1; i < len(ring); i++ {
		ax, ay := at(ring[i-1])
		bx, by := at(ring[i])
		t := ((px-ax)*(bx-ax) + (py-ay)*(by-ay)) / ((bx-ax)*(bx-ax) + (by-ay)*(by-ay))
		t = min(max(t, 0), 1)
		best = min(best, math.Hypot(px-ax-t*(bx-ax), py-ay-t*(by-ay)))
	}
	return best
}

// Distances are the same both ways; the spheroid's differ from the sphere's by less
// than 0.6 %; known lengths on the spheroid are met.
func TestDistances(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	rows := rowsByName()
	for range 2000 {
		a := []float64{r.Float64()*360 - 180, r.Float64()*180 - 90, r.Float64()*360 - 180, r.Float64()*180 - 90}
		for _, spheroid := range []bool{false, true} {
			d := call(t, rows, "geo_distance_2points", a[0], a[1], a[2], a[3], spheroid).Float64()
			back := call(t, rows, "geo_distance_2points", a[2], a[3], a[0], a[1], spheroid).Float64()
			if math.Abs(d-back) > 1e-3 {
				t.Fatalf("%v: %g and back %g", a, d, back)
			}
			if sphere := call(t, rows, "geo_distance_2points", a[0], a[1], a[2], a[3]).Float64(); math.Abs(d-sphere) > 0.006*sphere {
				t.Fatalf("%v: %g on the spheroid, %g on the sphere", a, d, sphere)
			}
		}
	}
	for _, c := range []struct{ lng1, lat1, lng2, lat2, want float64 }{
		{0, 0, 1, 0, 111319.4907932},   // a degree of the equator
		{0, 0, 0, 90, 10001965.729312}, // a quarter of the meridian
		{0, 0, 180, 0, 20003931.458625},
		{0, 0, 179.5, 0.5, 19936288.578965},
	} {
		if got := call(t, rows, "geo_distance_2points", c.lng1, c.lat1, c.lng2, c.lat2, true).Float64(); math.Abs(got-c.want) > 0.5 {
			t.Errorf("%v: %.6f, want %.6f", c, got, c.want)
		}
	}
}

// tokenSet gives each token once, whatever the number, and those of one bucket
// stand together.
func TestTokenSet(t *testing.T) {
	for _, n := range []int{0, 1, 8, 9, 64, 65, 512, 513, 5000} {
		var in []string
		for i := range n {
			in = append(in, fmt.Sprint("cell", i), fmt.Sprint("cell", i/2))
		}
		out := tokenSet(in)
		seen := map[any]bool{}
		for _, x := range out {
			seen[x] = true
		}
		if len(out) != n || len(seen) != n {
			t.Errorf("of %d tokens came %d, %d of them different", n, len(out), len(seen))
		}
	}
}
