package fn

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"sextant/table"
)

// Planar edges become chains of geodesics by halving them until the chain is near
// enough. The error is looked at near the thirds of an edge, since at the middle it
// vanishes where an edge crosses the equator, and scaled to its greatest value
// (both figures as in s2.EdgeTessellator).
const (
	densifyAt    = 0.31215691082248312
	densifyScale = 0.83829992569888509
	maxDensified = 10_485_760
)

// densify adds points between neighbours. Edges over the antimeridian go the long
// way around, as a straight line on a map does, unless keepCrossing.
func densify(at [][2]float64, tolerance float64, keepCrossing bool) ([][2]float64, bool) {
	limit := radians(tolerance) * densifyScale
	out := [][2]float64{at[0]}
	for i := 1; i < len(at); i++ {
		// Longitudes may leave their range here, and are brought back at the end.
		p, q := at[i-1], at[i]
		if keepCrossing && math.Abs(q[0]-p[0]) > 180 {
			q[0] -= math.Copysign(360, q[0]-p[0])
		}
		if out = halve(out, p, q, limit, 0); len(out) > maxDensified {
			return nil, false
		}
	}
	for i, p := range out {
		if p[0] > 180 {
			out[i][0] -= 360
		} else if p[0] < -180 {
			out[i][0] += 360
		}
	}
	return out, true
}

func onMap(p [2]float64) s2.Point { return onSphere(s2.LatLngFromDegrees(p[1], p[0])) }

func onWay(p, q [2]float64, t float64) [2]float64 {
	return [2]float64{p[0] + t*(q[0]-p[0]), p[1] + t*(q[1]-p[1])}
}

func halve(out [][2]float64, p, q [2]float64, limit float64, depth int) [][2]float64 {
	a, b := onMap(p), onMap(q)
	near := a.Dot(b.Vector) > -1e-14
	for _, t := range []float64{densifyAt, 1 - densifyAt} {
		near = near && s2.Interpolate(t, a, b).Distance(onMap(onWay(p, q, t))) <= s1.Angle(limit)
	}
	if near || depth > 30 || len(out) > maxDensified {
		return append(out, q)
	}
	m := onWay(p, q, 0.5)
	return halve(halve(out, p, m, limit, depth+1), m, q, limit, depth+1)
}

// densified computes the function for LineString or Polygon: nest is how deep the
// positions of one part lie.
func densified(typ string, nest int) func(a []table.Value) (any, bool) {
	return func(a []table.Value) (any, bool) {
		tolerance, keep := 10.0, false
		if len(a) > 1 {
			tolerance = real64(a[1])
		}
		if len(a) > 2 {
			keep = truth(a[2])
		}
		o, ok := a[0].Dyn().(*table.Object)
		if !ok || !(tolerance >= 0.1 && tolerance <= 10_000) {
			return nil, false
		}
		list, ok := parts(o, typ)
		if !ok {
			return nil, false
		}
		if typ == "Polygon" {
			if _, ok := readRegions(o); !ok {
				return nil, false
			}
		} else if _, ok := readLines(o); !ok {
			return nil, false
		}
		out := make([]any, len(list))
		for i, p := range list {
			if out[i], ok = densifyPart(p, nest, tolerance, keep); !ok {
				return nil, false
			}
		}
		return oneOrMany(typ, out), true
	}
}

func densifyPart(d any, nest int, tolerance float64, keep bool) (any, bool) {
	if nest > 0 {
		list, _ := d.([]any)
		out := make([]any, len(list))
		for i, e := range list {
			var ok bool
			if out[i], ok = densifyPart(e, nest-1, tolerance, keep); !ok {
				return nil, false
			}
		}
		return out, true
	}
	list, _ := d.([]any) // of valid positions, as the caller knows
	at := make([][2]float64, len(list))
	for i, e := range list {
		pos := e.([]any)
		at[i][0], _ = coordinate(pos[0])
		at[i][1], _ = coordinate(pos[1])
	}
	pts, ok := densify(at, tolerance, keep)
	if !ok {
		return nil, false
	}
	out := make([]any, len(pts))
	for i, p := range pts {
		out[i] = []any{mapNumber(p[0]), mapNumber(p[1])}
	}
	return out, true
}

// mapNumber of a coordinate: whole ones print without a point.
func mapNumber(x float64) any {
	if x == math.Trunc(x) {
		return int64(x)
	}
	return x
}
