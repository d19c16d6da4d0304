package fn

import (
	"math"
	"net/netip"

	"github.com/cespare/xxhash/v2"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"sextant/table"
)

// Hash is what hash(v) gives.
func Hash(v table.Value) int64 { return int64(xxhash.Sum64(hashBytes(v))) }

// Network reads an address with or without a prefix as the language's functions do,
// for those who look up many: the address and the prefix in the 128 bits of IPv6.
// With v6 false, only IPv4 is one.
func Network(text string, v6 bool) (addr netip.Addr, bits int, ok bool) {
	if !v6 {
		if _, _, is := parseIPv4(text); !is {
			return addr, 0, false
		}
	}
	addr, bits, _, ok = parseIPv6(text)
	return addr, bits, ok
}

// Masked is an address of which only the first bits are left.
func Masked(a netip.Addr, bits int) [16]byte { return masked6(a, bits) }

// Shape is a polygon or a line of GeoJSON, for those who compare many points with it.
type Shape struct {
	polygons []polygon
	lines    [][]s2.LatLng
	bound    s2.Rect
}

// PolygonShape reads a Polygon or MultiPolygon; false where it is none.
func PolygonShape(v table.Value) (*Shape, bool) {
	ps, ok := polygonsOf(v)
	if !ok {
		return nil, false
	}
	s := &Shape{polygons: ps, bound: s2.EmptyRect()}
	for _, p := range ps {
		s.lines = append(s.lines, p.rings...)
		s.bound = s.bound.Union(p.loops[0].RectBound())
	}
	return s, true
}

// LineShape reads a LineString or MultiLineString; false where it is none.
func LineShape(v table.Value) (*Shape, bool) {
	ls, ok := linesOf(v)
	if !ok {
		return nil, false
	}
	s := &Shape{lines: ls, bound: s2.EmptyRect()}
	for _, l := range ls {
		b := s2.NewRectBounder()
		for _, p := range l {
			b.AddPoint(s2.PointFromLatLng(p))
		}
		s.bound = s.bound.Union(b.RectBound())
	}
	return s, true
}

// Near tells whether a point, in degrees, lies within a shape or at most metres away
// from it. A point that is none is near nothing.
func (s *Shape) Near(lng, lat, metres float64) bool {
	p, ok := latLng(lng, lat)
	if !ok || math.IsNaN(metres) {
		return false
	}
	a := s1.Angle(max(0, metres) / earthRadius)
	if !s.bound.IsEmpty() && !s.bound.CapBound().AddCap(s2.CapFromCenterAngle(s.bound.CapBound().Center(), s.bound.CapBound().Radius()+a)).ContainsPoint(s2.PointFromLatLng(p)) {
		return false
	}
	for _, q := range s.polygons {
		if q.contains(p) {
			return true
		}
	}
	return metres > 0 && distanceToLines(p, s.lines) <= a
}
