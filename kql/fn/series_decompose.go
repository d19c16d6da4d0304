package fn

import (
	"math"
	"slices"

	"sextant/table"
)

// filled is a series with the missing numbers on the line between neighbours.
func filled(xs []float64) []float64 {
	out := slices.Clone(xs)
	missing := make([]bool, len(xs))
	for i, x := range xs {
		missing[i] = math.IsNaN(x) || math.IsInf(x, 0)
	}
	fillLinear(out, missing, nil)
	for i := range out {
		out[i] = zeroNaN(out[i])
	}
	return out
}

// correlogram is the autocorrelation of a series at lags up to two thirds of it,
// scaled half-way between the biased and the unbiased estimate.
func correlogram(xs []float64) []float64 {
	n := len(xs)
	if n < 4 {
		return nil
	}
	maxLag := min(5000, 50_000_000/n) // a bound of the work
	m := meanOf(xs)
	d := 0.0
	for _, x := range xs {
		d += (x - m) * (x - m)
	}
	out := make([]float64, min(n*2/3, maxLag)+2)
	if d < 1e-12*max(1, m*m)*float64(n) {
		return out // constant
	}
	for k := range out {
		s := 0.0
		for i := 0; i+k < n; i++ {
			s += (xs[i] - m) * (xs[i+k] - m)
		}
		if k < n {
			out[k] = s / d * math.Sqrt(float64(n)/float64(n-k))
		}
	}
	return out
}

// leastPeriod and leastScore are what a period must have to be one: as documented
// it spans four points at least and half of the series at most; the score below
// which there is none is not published.
const leastPeriod, leastScore = 4, 0.5

// periodScore is the height of the correlogram's hill at a period; 0 where there
// is no hill.
func periodScore(acf []float64, period float64) float64 {
	k := int(math.Round(period))
	if k < 1 || k+1 >= len(acf) {
		return 0
	}
	if s := acf[k]; s > acf[k-1] && s >= acf[k+1] && s > 0.1 {
		return min(s, 1)
	}
	return 0
}

// periodsOf gives up to n periods between two bounds by score. Each one found is
// taken out before the next is looked for.
func periodsOf(xs []float64, least, most float64, n int) (periods, scores []float64) {
	for range n {
		acf := correlogram(xs)
		best, score := 0, 0.0
		for k := max(leastPeriod, int(math.Ceil(least))); 2*k < len(xs) && k < len(acf) && float64(k) <= most; k++ {
			// A multiple of a period scores about as high: the least wins.
			if s := periodScore(acf, float64(k)); s > score*1.02 {
				best, score = k, s
			}
		}
		if score < leastScore {
			return periods, scores
		}
		periods, scores = append(periods, float64(best)), append(scores, score)
		season := seasonalOf(xs, len(xs), best)
		xs = slices.Clone(xs)
		for i := range xs {
			xs[i] -= season[i]
		}
	}
	return periods, scores
}

// mainPeriod is the strongest period whose score reaches a threshold, else 0.
func mainPeriod(xs []float64, threshold float64) float64 {
	f := lineOf(xs)
	flat := slices.Clone(xs)
	for i, t := range f.at(len(xs)) {
		flat[i] -= t
	}
	p, s := periodsOf(flat, 2, float64(len(xs)), 1)
	if len(p) > 0 && s[0] >= threshold {
		return p[0]
	}
	return 0
}

// seasonalOf is the median of each place of a period, over the first learn
// numbers; zeros without a period.
func seasonalOf(xs []float64, learn, period int) []float64 {
	out := make([]float64, len(xs))
	if period < 2 || period > learn {
		return out
	}
	season := make([]float64, period)
	for p := range season {
		var at []float64
		for i := p; i < learn; i += period {
			if !math.IsNaN(xs[i]) {
				at = append(at, xs[i])
			}
		}
		season[p] = quantile(at, 50)
	}
	for i := range out {
		out[i] = season[i%period]
	}
	return out
}

// allBut is n less the last k, which may be any number.
func allBut(n int, k int64) int {
	return n - int(min(max(k, 0), int64(n)))
}

// quantile with linear interpolation; 0 of none. It sorts its argument. Below 0 and
// above 100 percent are the ends.
func quantile(xs []float64, percent float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	at := percent / 100 * float64(len(xs)-1)
	switch {
	case !(at > 0):
		return xs[0]
	case at >= float64(len(xs)-1):
		return xs[len(xs)-1]
	}
	i := int(at)
	return xs[i] + (at-float64(i))*(xs[i+1]-xs[i])
}

// outlierScores is Tukey's fence test: how many times the distance between two
// percentiles a number lies beyond them. learn is how many numbers count for the
// percentiles.
func outlierScores(xs []float64, learn int, low, high float64) []float64 {
	known := present(xs[:learn])
	lo, hi := quantile(known, low), quantile(known, high)
	width := hi - lo
	out := make([]float64, len(xs))
	for i, x := range xs {
		switch {
		case math.IsNaN(x):
			out[i] = x
		case width <= 0 && x != lo && x > hi:
			out[i] = (x - hi) / math.SmallestNonzeroFloat64
			out[i] = min(out[i], 1e6)
		case width <= 0 && x < lo:
			out[i] = -1e6
		case x > hi:
			out[i] = (x - hi) / width
		case x < lo:
			out[i] = (x - lo) / width
		}
	}
	return out
}

type decomposeOptions struct {
	period, threshold float64
	trend             string
	test              int
}

// optionsOf reads period, trend, test points and seasonality threshold from
// argument at on.
func optionsOf(a []table.Value, at int) decomposeOptions {
	o := decomposeOptions{period: -1, threshold: 0.6, trend: "avg"}
	if len(a) > at && !a[at].IsNull() {
		o.period = a[at].Number()
	}
	if len(a) > at+1 && a[at+1].Str() != "" {
		o.trend = a[at+1].Str()
	}
	if len(a) > at+2 && !a[at+2].IsNull() {
		o.test = int(min(max(0, a[at+2].Int64()), math.MaxInt32))
	}
	if len(a) > at+3 && !a[at+3].IsNull() {
		o.threshold = a[at+3].Number()
	}
	return o
}

type decomposition struct{ baseline, seasonal, trend, residual []float64 }

// decompose learns a trend and a season from all but the last test points.
func decompose(xs []float64, o decomposeOptions) *decomposition {
	n := len(xs)
	learn := max(0, n-o.test)
	d := &decomposition{seasonal: make([]float64, n), trend: make([]float64, n), baseline: make([]float64, n), residual: make([]float64, n)}
	known := filled(xs[:learn])
	if learn > 0 {
		switch o.trend {
		case "linefit":
			d.trend = lineOf(xs[:learn]).at(n)
			if len(present(xs[:learn])) == 0 {
				d.trend = make([]float64, n)
			}
		case "none":
		default:
			if p := present(xs[:learn]); len(p) > 0 {
				m := meanOf(p)
				for i := range d.trend {
					d.trend[i] = m
				}
			}
		}
	}
	period := o.period
	if period < 0 {
		period = mainPeriod(known, o.threshold)
	}
	flat := slices.Clone(xs)
	for i := range flat {
		flat[i] -= d.trend[i]
	}
	if p := int(math.Round(period)); p >= 2 {
		d.seasonal = seasonalOf(flat, learn, p)
	}
	for i := range xs {
		d.baseline[i] = d.trend[i] + d.seasonal[i]
		d.residual[i] = xs[i] - d.baseline[i]
	}
	return d
}

// anomalies flags the points whose residual's score reaches the threshold (1.5
// when not given).
func anomalies(a []table.Value) []table.Value {
	xs, _, ok := numbersOf(a[0])
	if !ok {
		return nil
	}
	threshold := 1.5
	if len(a) > 1 && !a[1].IsNull() {
		threshold = a[1].Number()
	}
	o := optionsOf(a[:min(len(a), 5)], 2)
	low, high := 10.0, 90.0
	if len(a) > 5 && a[5].Str() == "tukey" {
		low, high = 25, 75
	}
	if len(a) > 6 && !a[6].IsNull() {
		o.threshold = a[6].Number()
	}
	d := decompose(xs, o)
	scores := outlierScores(d.residual, max(0, len(xs)-o.test), low, high)
	flags := make([]float64, len(xs))
	for i, s := range scores {
		switch {
		case s >= threshold:
			flags[i] = 1
		case s <= -threshold:
			flags[i] = -1
		}
	}
	return []table.Value{wholeSeries(flags), seriesOf(scores), seriesOf(d.baseline)}
}
