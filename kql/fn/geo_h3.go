package fn

import (
	"math"
	"strconv"
	"strings"

	"github.com/golang/geo/s2"
	"github.com/uber/h3-go/v4"

	"sextant/table"
)

// Figures of H3: resolutions 0 to 15, cells of a polygon, rings of a cell,
// generations of children in one answer.
const (
	maxResolution  = 15
	maxH3Cells     = 61_680
	maxRing        = 142
	maxGenerations = 5
)

// hexagons is the table of functions of H3 cells.
func hexagons() []Scalar {
	array := func(name, doc, sig string, f func(cell h3.Cell, a []table.Value) (any, bool)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig + " -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			if cell, ok := h3Cell(a[0].Str()); ok {
				if out, ok := f(cell, a); ok {
					return dynValue(out)
				}
			}
			return nullDynamic
		}, Doc: doc}
	}
	return []Scalar{
		{Name: "geo_point_to_h3cell", Sigs: sigs("lng:real, lat:real, resolution?:number -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			p, ok := pointOf(a, 0)
			level, whole := wholeOf(a, 2, 6)
			if !ok || !whole || level < 0 || level > maxResolution {
				return str("")
			}
			return str(h3.LatLngToCell(h3.NewLatLng(p.Lat.Degrees(), p.Lng.Degrees()), level).String())
		}, Doc: "The H3 cell of a resolution that holds a point."},
		{Name: "geo_h3cell_level", Sigs: sigs("cell:string -> int"), Eval: func(_ *Context, a []table.Value) table.Value {
			cell, ok := h3Cell(a[0].Str())
			if !ok {
				return table.Null(table.Int)
			}
			return table.IntValue(int64(cell.Resolution()))
		}, Doc: "The resolution of an H3 cell."},
		{Name: "geo_h3cell_parent", Sigs: sigs("cell:string, resolution?:number -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			cell, ok := h3Cell(a[0].Str())
			level, whole := wholeOf(a, 1, cell.Resolution()-1)
			if !ok || !whole || level < 0 || level > cell.Resolution() {
				return str("")
			}
			return str(cell.Parent(level).String())
		}, Doc: "The H3 cell of a coarser resolution around a cell."},
		array("geo_h3cell_children", "The H3 cells of a finer resolution in a cell.", "cell:string, resolution?:number", func(cell h3.Cell, a []table.Value) (any, bool) {
			level, ok := wholeOf(a, 1, cell.Resolution()+1)
			if !ok || level < cell.Resolution() || level > maxResolution || level-cell.Resolution() > maxGenerations {
				return nil, false
			}
			return h3Tokens(cell.Children(level)), true
		}),
		array("geo_h3cell_neighbors", "The H3 cells around a cell.", "cell:string", func(cell h3.Cell, _ []table.Value) (any, bool) {
			return h3Ring(cell, 1)[1], true
		}),
		array("geo_h3cell_rings", "The H3 cells around a cell by their distance: itself, its neighbours and so on.", "cell:string, distance:number", func(cell h3.Cell, a []table.Value) (any, bool) {
			k, ok := wholeOf(a, 1, 0)
			if !ok || k < 0 || k > maxRing {
				return nil, false
			}
			return h3Ring(cell, k), true
		}),
		array("geo_h3cell_to_central_point", "The centre of an H3 cell.", "cell:string", func(cell h3.Cell, _ []table.Value) (any, bool) {
			p := cell.LatLng()
			return geoJSON("Point", []any{p.Lng, p.Lat}), true
		}),
		array("geo_h3cell_to_polygon", "The border of an H3 cell.", "cell:string", func(cell h3.Cell, _ []table.Value) (any, bool) {
			var out []any
			for _, p := range cell.Boundary() {
				out = append(out, []any{p.Lng, p.Lat})
			}
			return geoJSON("Polygon", []any{append(out, out[0])}), true
		}),
		polygonToH3(),
	}
}

func polygonToH3() Scalar {
	var kept latest[[]*region]
	return Scalar{Name: "geo_polygon_to_h3cells", Sigs: sigs("polygon:bag, resolution?:number, radius?:number -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
		rs, ok := kept.read(a[0], readRegions)
		level, whole := wholeOf(a, 1, 6)
		if !ok || !whole || level < 0 || level > maxResolution {
			return nullDynamic
		}
		all, ok := widened(rs, a, 2)
		if !ok {
			return nullDynamic
		}
		cells, ok := h3Cover(all, level)
		if !ok {
			return nullDynamic
		}
		tokens := make([]string, len(cells))
		for i, c := range cells {
			tokens[i] = c.String()
		}
		return dynValue(tokenSet(tokens))
	}, Doc: "The H3 cells whose centres lie in a polygon, widened by a radius in metres."}
}

// h3Cover gives the cells whose centres lie in the polygons of a region, with
// straight edges on the map.
func h3Cover(r *region, level int) ([]h3.Cell, bool) {
	var out []h3.Cell
	seen := map[h3.Cell]bool{}
	for _, d := range r.polygons() {
		var poly h3.GeoPolygon
		lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
		for i, g := range d.([]any) {
			var loop h3.GeoLoop
			list := g.([]any)
			for _, e := range list[:len(list)-1] {
				at := e.([]any)
				lng, lat := at[0].(float64), at[1].(float64)
				loop = append(loop, h3.NewLatLng(lat, lng))
				lo = [2]float64{min(lo[0], lng), min(lo[1], lat)}
				hi = [2]float64{max(hi[0], lng), max(hi[1], lat)}
			}
			if i == 0 {
				poly.GeoLoop = loop
			} else {
				poly.Holes = append(poly.Holes, loop)
			}
		}
		if lo[0] >= hi[0] || lo[1] >= hi[1] {
			continue // a line, which the library has no box for
		}
		// The library takes memory for all cells of the box around the polygon.
		box := s2.RectFromLatLng(s2.LatLngFromDegrees(lo[1], lo[0])).AddPoint(s2.LatLngFromDegrees(hi[1], hi[0]))
		if r.area()*earthRadius*earthRadius > 2*maxH3Cells*h3.HexagonAreaAvgM2(level) || box.Area()*earthRadius*earthRadius > 40*maxH3Cells*h3.HexagonAreaAvgM2(level) {
			return nil, false
		}
		for _, c := range h3.PolygonToCells(poly, level) {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
		if len(out) > maxH3Cells {
			return nil, false
		}
	}
	return out, true
}

// h3Cell reads a token.
func h3Cell(token string) (h3.Cell, bool) {
	n, err := strconv.ParseUint(strings.ToLower(token), 16, 64)
	cell := h3.Cell(n)
	return cell, err == nil && cell.IsValid()
}

func h3Tokens(cells []h3.Cell) []any {
	out := make([]any, 0, len(cells))
	for _, c := range cells {
		if c != 0 {
			out = append(out, c.String())
		}
	}
	return out
}

func h3Ring(cell h3.Cell, k int) []any {
	out := make([]any, 0, k+1)
	for _, ring := range cell.GridDiskDistances(k) {
		out = append(out, h3Tokens(ring))
	}
	return out
}
