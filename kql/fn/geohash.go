package fn

import (
	"strings"

	"github.com/golang/geo/s2"

	"sextant/table"
)

const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// geohashes is the table of functions of geohashes of 1 to 18 characters.
func geohashes() []Scalar {
	shape := func(name, doc string, f func(b box) any) Scalar {
		return Scalar{Name: name, Sigs: sigs("geohash:string -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			b, ok := boxOf(a[0].Str())
			if !ok {
				return nullDynamic
			}
			return dynValue(f(b))
		}, Doc: doc}
	}
	return []Scalar{
		{Name: "geo_point_to_geohash", Sigs: sigs("lng:real, lat:real, accuracy?:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			n := int64(5)
			if len(a) > 2 {
				n = a[2].Int64()
			}
			if _, ok := pointOf(a, 0); !ok || n < 1 || n > 18 {
				return str("")
			}
			return str(geohash(a[0].Float64(), a[1].Float64(), int(n)))
		}, Doc: "The geohash of a point, of a number of characters."},
		shape("geo_geohash_to_central_point", "The centre of a geohash.", func(b box) any {
			return geoJSON("Point", []any{(b.west + b.east) / 2, (b.south + b.north) / 2})
		}),
		shape("geo_geohash_to_polygon", "The border of a geohash.", func(b box) any {
			return polygonShape([]s2.LatLng{s2.LatLngFromDegrees(b.south, b.west), s2.LatLngFromDegrees(b.south, b.east), s2.LatLngFromDegrees(b.north, b.east), s2.LatLngFromDegrees(b.north, b.west), s2.LatLngFromDegrees(b.south, b.west)})
		}),
	}
}

type box struct{ west, east, south, north float64 }

// halve keeps the half of one side that a bit names.
func (b *box) halve(isLng bool, high bool) {
	lo, hi := &b.south, &b.north
	if isLng {
		lo, hi = &b.west, &b.east
	}
	if mid := (*lo + *hi) / 2; high {
		*lo = mid
	} else {
		*hi = mid
	}
}

func geohash(lng, lat float64, n int) string {
	b := box{-180, 180, -90, 90}
	var out strings.Builder
	isLng := true
	for range n {
		d := 0
		for range 5 {
			x, mid := lat, (b.south+b.north)/2
			if isLng {
				x, mid = lng, (b.west+b.east)/2
			}
			d = d<<1 | btoi(x >= mid)
			b.halve(isLng, x >= mid)
			isLng = !isLng
		}
		out.WriteByte(geohashDigits[d])
	}
	return out.String()
}

func boxOf(hash string) (box, bool) {
	b := box{-180, 180, -90, 90}
	hash = strings.ToLower(hash)
	if len(hash) < 1 || len(hash) > 18 {
		return b, false
	}
	isLng := true
	for i := range len(hash) {
		d := strings.IndexByte(geohashDigits, hash[i])
		if d < 0 {
			return b, false
		}
		for bit := 4; bit >= 0; bit-- {
			b.halve(isLng, d>>bit&1 == 1)
			isLng = !isLng
		}
	}
	return b, true
}
