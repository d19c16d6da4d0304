package fn

import (
	"math"

	"sextant/table"
)

// distributions is the table of functions of probability.
func distributions() []Scalar {
	beta := func(name, doc, first string, f func(x, a, b float64) float64) Scalar {
		return Scalar{Name: name, Sigs: realSig(first + ":number, alpha:number, beta:number -> real"), Eval: func(_ *Context, v []table.Value) table.Value {
			x, a, b := v[0].Float64(), v[1].Float64(), v[2].Float64()
			if !(x >= 0 && x <= 1) || !(a > 0) || !(b > 0) {
				return table.RealValue(math.NaN())
			}
			return table.RealValue(f(x, a, b))
		}, Doc: doc}
	}
	return []Scalar{
		beta("beta_cdf", "Cumulative beta distribution.", "x", betaCDF),
		beta("beta_inv", "Inverse of the cumulative beta distribution.", "probability", func(p, a, b float64) float64 {
			lo, hi := 0.0, 1.0
			for range 200 {
				mid := (lo + hi) / 2
				if betaCDF(mid, a, b) < p {
					lo = mid
				} else {
					hi = mid
				}
			}
			return (lo + hi) / 2
		}),
		beta("beta_pdf", "Density of the beta distribution.", "x", func(x, a, b float64) float64 {
			return math.Exp((a-1)*math.Log(x) + (b-1)*math.Log(1-x) - logBeta(a, b))
		}),
		{Name: "welch_test", Sigs: realSig("mean1:number, variance1:number, count1:number, mean2:number, variance2:number, count2:number -> real"), Eval: func(_ *Context, v []table.Value) table.Value {
			a, b := v[1].Float64()/v[2].Float64(), v[4].Float64()/v[5].Float64()
			t := (v[0].Float64() - v[3].Float64()) / math.Sqrt(a+b)
			df := (a + b) * (a + b) / (a*a/(v[2].Float64()-1) + b*b/(v[5].Float64()-1))
			return table.RealValue(betaCDF(df/(df+t*t), df/2, 0.5))
		}, Doc: "Probability that two samples of such mean, variance and count come from populations of the same mean (Welch's test)."},
	}
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// betaCDF is the regularized incomplete beta function, by its continued fraction
// (Lentz).
func betaCDF(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	front := math.Exp(a*math.Log(x) + b*math.Log1p(-x) - logBeta(a, b))
	if x > (a+1)/(a+b+2) {
		return 1 - front*betaFraction(1-x, b, a)/b
	}
	return front * betaFraction(x, a, b) / a
}

func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	keep := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/keep(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m < 500; m++ {
		for _, num := range [2]float64{m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)), -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))} {
			d = 1 / keep(1+num*d)
			c = keep(1 + num/c)
			h *= d * c
			if num < 0 && math.Abs(d*c-1) < 1e-15 {
				return h
			}
		}
	}
	return h
}
