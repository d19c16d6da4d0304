package fn

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/table"
)

// Whatever two texts say, no function of shapes panics or goes on for long, and
// each shape that comes out is well formed.
func FuzzShapes(f *testing.F) {
	for _, s := range [][2]string{
		{`{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[1,2],[2,2],[2,1],[1,1]]]}`, `{"type":"Polygon","coordinates":[[[2,0],[6,0],[6,4],[2,4],[2,0]]]}`},
		{`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[0,1],[0,0]]],[[[0,0],[1,0],[0,1],[0,0]]]]}`, `{"type":"MultiLineString","coordinates":[[[0,0],[1,1]],[[1,0],[0,1]]]}`},
		{`{"type":"LineString","coordinates":[[0,0],[179.999999,0],[-179,0]]}`, `{"type":"LineString","coordinates":[[0,90],[0,-90]]}`},
		{`{"type":"LineString","coordinates":[[0,0],[1e-300,0],[1,0.0000000001]]}`, `{"type":"Polygon","coordinates":[[[5,0],[5,1],[5,2],[5,0]]]}`},
		{`{"type":"Polygon","coordinates":[[[-180,89],[-60,89],[60,89],[-180,89]]]}`, `{"type":"Point","coordinates":[1]}`},
		{`{"type":"Polygon","coordinates":[[["a",null],{},[1,2,3],[1]]]}`, `[]`},
	} {
		f.Add(s[0], s[1], 1000.0, 5.0)
	}
	rows := rowsByName()
	f.Fuzz(func(t *testing.T, x, y string, radius, level float64) {
		if len(x) > 2000 || len(y) > 2000 || !json.Valid([]byte(x)) || !json.Valid([]byte(y)) {
			return
		}
		a, b := toDynamic(x), toDynamic(y)
		if a.IsNull() || b.IsNull() {
			return
		}
		started := time.Now()
		list := table.DynamicValue([]any{a.Dyn(), b.Dyn()})
		for name, args := range map[string][]any{
			"geo_line_length": {a}, "geo_line_centroid": {a}, "geo_line_densify": {a, radius}, "geo_line_simplify": {a, radius},
			"geo_line_buffer": {a, radius, radius / 10}, "geo_line_to_s2cells": {a, level, radius}, "geo_union_lines_array": {list},
			"geo_line_interpolate_point": {a, level}, "geo_line_locate_point": {a, radius, level}, "geo_closest_point_on_line": {radius, level, a},
			"geo_polygon_area": {a}, "geo_polygon_perimeter": {a}, "geo_polygon_centroid": {a}, "geo_polygon_densify": {a, radius, true},
			"geo_polygon_simplify": {a, radius}, "geo_simplify_polygons_array": {list, radius}, "geo_polygon_buffer": {a, radius, radius / 10},
			"geo_polygon_to_s2cells": {a, level, radius}, "geo_polygon_to_h3cells": {a, level}, "geo_union_polygons_array": {list},
			"geo_point_in_polygon": {radius, level, a}, "geo_closest_point_on_polygon": {radius, level, a}, "geo_distance_2points": {radius, level, level, radius, true},
			"geo_intersects_2lines": {a, b}, "geo_intersects_line_with_polygon": {a, b}, "geo_intersects_2polygons": {a, b},
			"geo_intersection_2lines": {a, b}, "geo_intersection_line_with_polygon": {a, b}, "geo_intersection_2polygons": {a, b},
		} {
			v := call(t, rows, name, args...)
			if o, ok := v.Dyn().(*table.Object); ok {
				checkShape(t, name, o)
			}
		}
		if d := time.Since(started); d > 20*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func toDynamic(text string) table.Value { return ParseDynamic(text) }

// checkShape fails where a shape has a type that there is not, or a coordinate that
// is no place.
func checkShape(t *testing.T, name string, o *table.Object) {
	typ, _ := o.Get("type")
	if typ == "GeometryCollection" {
		list, _ := o.Get("geometries")
		for _, g := range list.([]any) {
			checkShape(t, name, g.(*table.Object))
		}
		return
	}
	nest := slices.Index([]string{"Point", "MultiPoint LineString", "MultiLineString Polygon", "MultiPolygon"}, groupOf(typ.(string)))
	c, _ := o.Get("coordinates")
	var down func(d any, nest int)
	down = func(d any, nest int) {
		if nest > 0 {
			for _, e := range d.([]any) {
				down(e, nest-1)
			}
			return
		}
		if _, ok := vertex(d); !ok {
			t.Fatalf("%s gives %s", name, table.DynamicValue(o).JSON())
		}
	}
	if nest < 0 {
		t.Fatalf("%s gives a %v", name, typ)
	}
	down(c, nest)
}

func groupOf(typ string) string {
	for _, g := range []string{"Point", "MultiPoint LineString", "MultiLineString Polygon", "MultiPolygon"} {
		if slices.Contains(strings.Fields(g), typ) {
			return g
		}
	}
	return ""
}

// Whatever a text is, reading it as well-known text ends, and gives nothing or a
// shape.
func FuzzWKT(f *testing.F) {
	for _, s := range []string{"POINT (1 2)", "LINESTRING (1 2, 3 4)", "POLYGON ((0 0, 2 0, 2 2, 0 0))", "MULTIPOINT ((1 2), (3 4))", "GEOMETRYCOLLECTION (POINT (1 2), POLYGON ((0 0, 1 0, 1 1, 0 0)))", "POINT EMPTY", "POINT Z (1 2 3)", "point(1e400 -0)", "MULTIPOLYGON (((0 0"} {
		f.Add(s)
	}
	rows := rowsByName()
	f.Fuzz(func(t *testing.T, s string) {
		v := call(t, rows, "geo_from_wkt", s)
		if v.IsNull() {
			return
		}
		if typ, ok := v.Dyn().(*table.Object).Get("type"); !ok || typ == "" {
			t.Fatalf("%q gives %s", s, v.JSON())
		}
		if !json.Valid([]byte(v.JSON())) {
			t.Fatalf("%q gives %s", s, v.JSON())
		}
	})
}

// Whatever a token is, the functions of cells answer it; what they give for a valid
// cell, they take.
func FuzzCellTokens(f *testing.F) {
	for _, s := range []string{"862a1072fffffff", "8009fffffffffff", "89c259", "sunny", "", "x", "ffffffffffffffff", "bpbpbpbpbpbpbpbpbp"} {
		f.Add(s, int64(3))
	}
	rows := rowsByName()
	f.Fuzz(func(t *testing.T, s string, n int64) {
		for _, name := range []string{"geo_h3cell_level", "geo_h3cell_neighbors", "geo_h3cell_to_central_point", "geo_h3cell_to_polygon", "geo_s2cell_neighbors",
			"geo_s2cell_to_central_point", "geo_s2cell_to_polygon", "geo_geohash_neighbors", "geo_geohash_to_central_point", "geo_geohash_to_polygon"} {
			if o, ok := call(t, rows, name, s).Dyn().(*table.Object); ok {
				checkShape(t, name, o)
			}
		}
		k := int(n % 20)
		call(t, rows, "geo_h3cell_rings", s, k)
		call(t, rows, "geo_h3cell_children", s, k)
		if p := call(t, rows, "geo_h3cell_parent", s, k).Str(); p != "" && call(t, rows, "geo_h3cell_level", p).Int64() != int64(k) {
			t.Fatalf("the parent of %s at %d is %s", s, k, p)
		}
	})
}
