package fn

import (
	"math"

	"github.com/golang/geo/s2"
)

// The spheroid of WGS-84.
const (
	spheroidA = 6_378_137.0
	spheroidF = 1 / 298.257223563
)

// spheroidDistance in metres, by Vincenty's inverse formula (Survey Review XXIII,
// 1975): exact to a tenth of a millimetre. Nearly antipodal points, where it does not
// converge, are measured over a point between them.
func spheroidDistance(p, q s2.LatLng) float64 { return spheroidBetween(p, q, 0) }

func spheroidBetween(p, q s2.LatLng, depth int) float64 {
	if p == q {
		return 0
	}
	const b = spheroidA * (1 - spheroidF)
	u1 := math.Atan((1 - spheroidF) * math.Tan(p.Lat.Radians()))
	u2 := math.Atan((1 - spheroidF) * math.Tan(q.Lat.Radians()))
	sinU1, cosU1 := math.Sincos(u1)
	sinU2, cosU2 := math.Sincos(u2)
	l := math.Remainder(q.Lng.Radians()-p.Lng.Radians(), 2*math.Pi)
	lambda := l
	for range 100 {
		sinL, cosL := math.Sincos(lambda)
		sinS := math.Hypot(cosU2*sinL, cosU1*sinU2-sinU1*cosU2*cosL)
		if sinS == 0 {
			return 0
		}
		cosS := sinU1*sinU2 + cosU1*cosU2*cosL
		sigma := math.Atan2(sinS, cosS)
		sinA := cosU1 * cosU2 * sinL / sinS
		cos2A := 1 - sinA*sinA
		cosM := 0.0
		if cos2A > 1e-15 { // else along the equator
			cosM = cosS - 2*sinU1*sinU2/cos2A
		}
		c := spheroidF / 16 * cos2A * (4 + spheroidF*(4-3*cos2A))
		last := lambda
		lambda = l + (1-c)*spheroidF*sinA*(sigma+c*sinS*(cosM+c*cosS*(2*cosM*cosM-1)))
		if math.Abs(lambda) > math.Pi {
			break
		}
		if math.Abs(lambda-last) < 1e-12 {
			k := cos2A * (spheroidA*spheroidA - b*b) / (b * b)
			ca := 1 + k/16384*(4096+k*(-768+k*(320-175*k)))
			cb := k / 1024 * (256 + k*(-128+k*(74-47*k)))
			d := cb * sinS * (cosM + cb/4*(cosS*(2*cosM*cosM-1)-cb/6*cosM*(4*sinS*sinS-3)*(4*cosM*cosM-3)))
			return b * ca * (sigma - d)
		}
	}
	if depth > 4 {
		return metres(p.Distance(q))
	}
	// The shortest way between nearly antipodal points goes close to a pole: the
	// best of ways over points of the meridian half-way, by golden section.
	half := p.Lng.Radians() + l/2
	over := func(lat float64) float64 {
		m := s2.LatLngFromDegrees(lat, math.Remainder(half, 2*math.Pi)*180/math.Pi)
		return spheroidBetween(p, m, depth+1) + spheroidBetween(m, q, depth+1)
	}
	best := math.Inf(1)
	for _, side := range [][2]float64{{0, 90}, {-90, 0}} {
		lo, hi := side[0], side[1]
		const golden = 0.6180339887498949
		for range 40 {
			m1, m2 := hi-golden*(hi-lo), lo+golden*(hi-lo)
			if over(m1) < over(m2) {
				hi = m2
			} else {
				lo = m1
			}
		}
		best = min(best, over((lo+hi)/2))
	}
	return best
}
