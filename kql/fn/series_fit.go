package fn

import (
	"math"

	"sextant/table"
)

// fits is the table of functions that fit lines and polynomials, or tell the
// statistics of a series: those that give several columns.
func fits() []Scalar {
	var out []Scalar
	many := func(name, doc, sig string, cols table.Schema, f func(a []table.Value) []table.Value) {
		all := func(_ *Context, a []table.Value) []table.Value {
			vals := f(a)
			if vals == nil {
				vals = make([]table.Value, len(cols))
				for i, c := range cols {
					vals[i] = table.Null(c.Type)
				}
			}
			return vals
		}
		s := sigs(sig + " -> " + cols[0].Type.String())
		row := Scalar{Name: name, Sigs: s, Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value { return all(c, a)[0] }, Doc: doc,
			Several: func(args []Arg) table.Schema {
				named := make(table.Schema, len(cols))
				for i, c := range cols {
					named[i] = table.Column{Name: name + "_" + args[0].Name + "_" + c.Name, Type: c.Type}
				}
				return named
			},
			All: &Scalar{Name: name + "*", Sigs: sigs(sig + " -> dynamic"), Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value {
				list := make([]any, len(cols))
				for i, v := range all(c, a) {
					list[i] = dynOf(v)
				}
				return table.DynamicValue(list)
			}, Doc: "All columns of " + name + "."}}
		out = append(out, row)
	}
	bagOf := func(name, doc, sig string, cols table.Schema, f func(a []table.Value) []table.Value) {
		out = append(out, Scalar{Name: name, Sigs: sigs(sig + " -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			vals := f(a)
			if vals == nil {
				return nullDynamic
			}
			o := &table.Object{}
			for i, c := range cols {
				o.Set(c.Name, dynOf(vals[i]))
			}
			return table.DynamicValue(o)
		}, Doc: doc})
	}
	r := func(names ...string) (s table.Schema) {
		for _, n := range names {
			s = append(s, table.Column{Name: n, Type: table.Real})
		}
		return s
	}
	line := append(r("rsquare", "slope", "variance", "rvariance", "interception"), table.Column{Name: "line_fit", Type: table.Dynamic})
	fitLine := func(a []table.Value) []table.Value {
		xs, _, ok := numbersOf(a[0])
		if !ok || len(present(xs)) < 2 {
			return nil
		}
		f := lineOf(xs)
		return []table.Value{table.RealValue(f.rsquare), table.RealValue(f.slope), table.RealValue(f.variance), table.RealValue(f.rvariance), table.RealValue(f.intercept), seriesOf(f.at(len(xs)))}
	}
	many("series_fit_line", "The line that fits a series best: rsquare, slope, variance, rvariance, interception, line_fit.", "series:array", line, fitLine)
	bagOf("series_fit_line_dynamic", "series_fit_line as a bag.", "series:array", line, fitLine)

	two := table.Schema{{Name: "rsquare", Type: table.Real}, {Name: "split_idx", Type: table.Long}, {Name: "variance", Type: table.Real}, {Name: "rvariance", Type: table.Real}, {Name: "line_fit", Type: table.Dynamic}}
	two = append(two, r("right_rsquare", "right_slope", "right_interception", "right_variance", "right_rvariance", "left_rsquare", "left_slope", "left_interception", "left_variance", "left_rvariance")...)
	many("series_fit_2lines", "The two lines, and the place where they part, that fit a series best.", "series:array", two, fitTwoLines)
	bagOf("series_fit_2lines_dynamic", "series_fit_2lines as a bag of the fit and of its sides.", "series:array", two, fitTwoLines)

	poly := table.Schema{{Name: "rsquare", Type: table.Real}, {Name: "coefficients", Type: table.Dynamic}, {Name: "variance", Type: table.Real}, {Name: "rvariance", Type: table.Real}, {Name: "poly_fit", Type: table.Dynamic}}
	many("series_fit_poly", "The polynomial that fits a series best: rsquare, coefficients (highest power first), variance, rvariance, poly_fit.", "y:array, x?:array, degree?:long", poly, fitPoly)

	stats := table.Schema{{Name: "min", Type: table.Real}, {Name: "min_idx", Type: table.Long}, {Name: "max", Type: table.Real}, {Name: "max_idx", Type: table.Long}, {Name: "avg", Type: table.Real}, {Name: "stdev", Type: table.Real}, {Name: "variance", Type: table.Real}}
	many("series_stats", "Statistics of a series: min, min_idx, max, max_idx, avg, stdev, variance.", "series:array, ignoreNonfinite?:bool", stats, func(a []table.Value) []table.Value {
		v := statsOf(a)
		if v == nil {
			return nil
		}
		return v[:7]
	})
	bagOf("series_stats_dynamic", "series_stats as a bag, with sum and len.", "series:array, ignoreNonfinite?:bool",
		append(stats[:7:7], table.Column{Name: "sum", Type: table.Real}, table.Column{Name: "len", Type: table.Long}), statsOf)

	dyn := func(names ...string) (s table.Schema) {
		for _, n := range names {
			s = append(s, table.Column{Name: n, Type: table.Dynamic})
		}
		return s
	}
	fft := func(inverse bool) func(a []table.Value) []table.Value {
		return func(a []table.Value) []table.Value {
			re, _, ok := numbersOf(a[0])
			if !ok {
				return nil
			}
			im := make([]float64, len(re))
			if len(a) > 1 {
				if y, _, ok := numbersOf(a[1]); ok && len(y) == len(re) {
					im = y
				}
			}
			re, im = fourier(re, im, inverse)
			return []table.Value{seriesOf(re), seriesOf(im)}
		}
	}
	many("series_fft", "Fourier transform of a series: its real and imaginary part.", "real:array, imaginary?:array", dyn("real", "imag"), fft(false))
	many("series_ifft", "Inverse Fourier transform of a series.", "real:array, imaginary?:array", dyn("real", "imag"), fft(true))

	many("series_periods_detect", "The strongest periods of a series and their scores, from 0 to 1.", "series:array, min:number, max:number, count:long", dyn("periods", "scores"), func(a []table.Value) []table.Value {
		xs, _, ok := numbersOf(a[0])
		if !ok {
			return nil
		}
		n := int(max(0, min(16, a[3].Int64())))
		periods, scores := make([]float64, n), make([]float64, n)
		p, s := periodsOf(filled(xs), a[1].Number(), a[2].Number(), n)
		copy(periods, p)
		copy(scores, s)
		return []table.Value{seriesOf(periods), seriesOf(scores)}
	})
	many("series_periods_validate", "The scores of given periods of a series.", "series:array, period*:number", dyn("periods", "scores"), func(a []table.Value) []table.Value {
		xs, _, ok := numbersOf(a[0])
		if !ok {
			return nil
		}
		acf := correlogram(filled(xs))
		var periods, scores []float64
		for _, v := range a[1:] {
			period, score := v.Number(), 0.0
			if period >= leastPeriod && 2*period <= float64(len(xs)) {
				score = periodScore(acf, period)
			}
			periods, scores = append(periods, period), append(scores, score)
		}
		return []table.Value{seriesOf(periods), seriesOf(scores)}
	})
	const decomposeSig = "series:array, period?:number, trend?:string, testPoints?:long, seasonalityThreshold?:number"
	decomposed := func(a []table.Value, at int) *decomposition {
		xs, _, ok := numbersOf(a[0])
		if !ok {
			return nil
		}
		return decompose(xs, optionsOf(a, at))
	}
	many("series_decompose", "A series as baseline (seasonal and trend) and residual.", decomposeSig, dyn("baseline", "seasonal", "trend", "residual"), func(a []table.Value) []table.Value {
		d := decomposed(a, 1)
		if d == nil {
			return nil
		}
		return []table.Value{seriesOf(d.baseline), seriesOf(d.seasonal), seriesOf(d.trend), seriesOf(d.residual)}
	})
	many("series_decompose_forecast", "A series whose last points are forecast from the others.", "series:array, testPoints:long, period?:number, trend?:string, seasonalityThreshold?:number", dyn("baseline", "seasonal", "trend", "residual"), func(a []table.Value) []table.Value {
		b := []table.Value{a[0], table.LongValue(-1), str("linefit"), a[1]}
		if len(a) > 2 {
			b[1] = a[2]
		}
		if len(a) > 3 {
			b[2] = a[3]
		}
		b = append(b, a[min(4, len(a)):]...)
		d := decomposed(b, 1)
		if d == nil {
			return nil
		}
		return []table.Value{seriesOf(d.baseline), seriesOf(d.seasonal), seriesOf(d.trend), seriesOf(d.residual)}
	})
	many("series_decompose_anomalies", "The points of a series that its decomposition does not explain: flags (-1, 0, 1), scores, baseline.",
		"series:array, threshold?:number, period?:number, trend?:string, testPoints?:long, method?:string, seasonalityThreshold?:number", dyn("ad_flag", "ad_score", "baseline"), anomalies)
	return append(out, Scalar{Name: "series_seasonal", Sigs: sigs("series:array, period?:long, testPoints?:long -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
		xs, _, ok := numbersOf(a[0])
		if !ok {
			return nullDynamic
		}
		period := -1.0
		if len(a) > 1 {
			period = a[1].Number()
		}
		learn := len(xs)
		if len(a) > 2 {
			learn = allBut(learn, a[2].Int64())
		}
		if period < 0 {
			period = mainPeriod(filled(xs[:learn]), 0.6)
		}
		return seriesOf(seasonalOf(xs, learn, int(period)))
	}, Doc: "The seasonal part of a series: the median of each place of its period."})
}

// fitted is a line a + slope·i, and how well it fits.
type fitted struct{ rsquare, slope, variance, rvariance, intercept float64 }

func (f fitted) at(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = f.intercept + f.slope*float64(i)
	}
	return out
}

// lineOf fits a line over the places of the numbers that are not missing.
func lineOf(xs []float64) fitted {
	var n, sx, sy float64
	for i, y := range xs {
		if !math.IsNaN(y) {
			n++
			sx += float64(i)
			sy += y
		}
	}
	mx, my := sx/n, sy/n
	var xx, xy, yy float64
	for i, y := range xs {
		if !math.IsNaN(y) {
			dx, dy := float64(i)-mx, y-my
			xx += dx * dx
			xy += dx * dy
			yy += dy * dy
		}
	}
	f := fitted{}
	if xx > 0 {
		f.slope = xy / xx
	}
	f.intercept = my - f.slope*mx
	var rr float64
	for i, y := range xs {
		if !math.IsNaN(y) {
			d := y - f.intercept - f.slope*float64(i)
			rr += d * d
		}
	}
	if n > 1 {
		f.variance, f.rvariance = yy/(n-1), rr/(n-1)
	}
	f.rsquare = 1
	if yy > 0 {
		f.rsquare = 1 - rr/yy
	}
	return f
}

// sums are running sums of a series, from which any stretch's line follows.
type sums struct{ n, x, y, xx, xy, yy []float64 }

func sumsOf(xs []float64) sums {
	var s sums
	for _, f := range []*[]float64{&s.n, &s.x, &s.y, &s.xx, &s.xy, &s.yy} {
		*f = make([]float64, len(xs)+1)
	}
	for i, y := range xs {
		one, x := 1.0, float64(i)
		if math.IsNaN(y) {
			one, x, y = 0, 0, 0
		}
		s.n[i+1], s.x[i+1], s.y[i+1] = s.n[i]+one, s.x[i]+x, s.y[i]+y
		s.xx[i+1], s.xy[i+1], s.yy[i+1] = s.xx[i]+x*x, s.xy[i]+x*y, s.yy[i]+y*y
	}
	return s
}

// residual is the sum of squares that the best line over [from, to) leaves.
func (s sums) residual(from, to int) float64 {
	n := s.n[to] - s.n[from]
	if n < 2 {
		return 0
	}
	x, y := s.x[to]-s.x[from], s.y[to]-s.y[from]
	xx := s.xx[to] - s.xx[from] - x*x/n
	xy := s.xy[to] - s.xy[from] - x*y/n
	yy := s.yy[to] - s.yy[from] - y*y/n
	if xx <= 0 {
		return max(0, yy)
	}
	return max(0, yy-xy*xy/xx)
}

func fitTwoLines(a []table.Value) []table.Value {
	xs, _, ok := numbersOf(a[0])
	if !ok || len(xs) < 4 {
		return nil
	}
	total, s := lineOf(xs), sumsOf(xs)
	best, at := math.Inf(1), 2
	for k := 2; k <= len(xs)-2; k++ {
		if e := s.residual(0, k) + s.residual(k, len(xs)); e < best {
			best, at = e, k
		}
	}
	left, right := lineOf(xs[:at]), lineOf(xs[at:])
	n := float64(len(xs) - 1)
	rsquare := 1.0
	if total.variance > 0 {
		rsquare = 1 - best/(total.variance*n)
	}
	vals := []table.Value{table.RealValue(rsquare), table.LongValue(int64(at)), table.RealValue(total.variance), table.RealValue(best / n), seriesOf(append(left.at(at), right.at(len(xs)-at)...))}
	for _, f := range []fitted{right, left} {
		for _, x := range []float64{f.rsquare, f.slope, f.intercept, f.variance, f.rvariance} {
			vals = append(vals, table.RealValue(x))
		}
	}
	return vals
}

// fitPoly solves the normal equations by Gauss; degrees are 1 to 7.
func fitPoly(a []table.Value) []table.Value {
	ys, _, ok := numbersOf(a[0])
	if !ok {
		return nil
	}
	xs := make([]float64, len(ys))
	for i := range xs {
		xs[i] = float64(i)
	}
	if len(a) > 1 {
		if list, ok := dynList(a[1]); ok && len(list) == len(ys) {
			for i, e := range list {
				s, _ := scalarOf(e)
				xs[i] = s.Number() // datetimes by their ticks
			}
		}
	}
	degree := 5
	if len(a) > 2 {
		degree = int(a[2].Int64())
	}
	if degree < 1 || degree > 7 || len(present(ys)) <= degree {
		return nil
	}
	// Centred and scaled, since powers of ticks would not fit a real.
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range xs {
		lo, hi = min(lo, x), max(hi, x)
	}
	scale := max(hi-lo, 1e-300)
	m := degree + 1
	sys := make([][]float64, m)
	for i := range sys {
		sys[i] = make([]float64, m+1)
	}
	for k, y := range ys {
		if math.IsNaN(y) {
			continue
		}
		u := (xs[k] - lo) / scale
		for i := range m {
			for j := range m {
				sys[i][j] += math.Pow(u, float64(i+j))
			}
			sys[i][m] += y * math.Pow(u, float64(i))
		}
	}
	c, ok := solve(sys)
	if !ok {
		return nil
	}
	fit := make([]float64, len(ys))
	my := meanOf(present(ys))
	var yy, rr, n float64
	for k, y := range ys {
		u := (xs[k] - lo) / scale
		for i := m - 1; i >= 0; i-- {
			fit[k] = fit[k]*u + c[i]
		}
		if !math.IsNaN(y) {
			n++
			yy += (y - my) * (y - my)
			rr += (y - fit[k]) * (y - fit[k])
		}
	}
	// Coefficients of x itself: expand c[i]·((x-lo)/scale)^i.
	coef := make([]float64, m)
	for i := range m {
		f := c[i] / math.Pow(scale, float64(i))
		for j := 0; j <= i; j++ {
			coef[j] += f * binomial(i, j) * math.Pow(-lo, float64(i-j))
		}
	}
	high := make([]float64, m)
	for i := range coef {
		high[m-1-i] = coef[i]
	}
	rsquare := 1.0
	if yy > 0 {
		rsquare = 1 - rr/yy
	}
	return []table.Value{table.RealValue(rsquare), seriesOf(high), table.RealValue(yy / (n - 1)), table.RealValue(rr / (n - 1)), seriesOf(fit)}
}

func binomial(n, k int) float64 {
	b := 1.0
	for i := range k {
		b = b * float64(n-i) / float64(i+1)
	}
	return b
}

// solve a linear system given as rows with the right side last.
func solve(m [][]float64) ([]float64, bool) {
	n := len(m)
	for i := range n {
		p := i
		for r := i + 1; r < n; r++ {
			if math.Abs(m[r][i]) > math.Abs(m[p][i]) {
				p = r
			}
		}
		if math.Abs(m[p][i]) < 1e-14 {
			return nil, false
		}
		m[i], m[p] = m[p], m[i]
		for r := i + 1; r < n; r++ {
			f := m[r][i] / m[i][i]
			for c := i; c <= n; c++ {
				m[r][c] -= f * m[i][c]
			}
		}
	}
	out := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = m[i][n]
		for c := i + 1; c < n; c++ {
			out[i] -= m[i][c] * out[c]
		}
		out[i] /= m[i][i]
	}
	return out, true
}

func statsOf(a []table.Value) []table.Value {
	xs, _, ok := numbersOf(a[0])
	if !ok {
		return nil
	}
	ignore := len(a) > 1 && a[1].Bool()
	lo, hi := -1, -1
	var used []float64
	for i, x := range xs {
		if ignore && (math.IsNaN(x) || math.IsInf(x, 0)) {
			continue
		}
		used = append(used, x)
		if lo < 0 || x < xs[lo] {
			lo = i
		}
		if hi < 0 || x > xs[hi] {
			hi = i
		}
	}
	if len(used) == 0 {
		return nil
	}
	avg, v := meanOf(used), 0.0
	for _, x := range used {
		v += (x - avg) * (x - avg)
	}
	if len(used) > 1 {
		v /= float64(len(used) - 1)
	}
	return []table.Value{table.RealValue(xs[lo]), table.LongValue(int64(lo)), table.RealValue(xs[hi]), table.LongValue(int64(hi)), table.RealValue(avg), table.RealValue(math.Sqrt(v)), table.RealValue(v),
		table.RealValue(sumOf(used)), table.LongValue(int64(len(used)))}
}

// fourier transforms a series of complex numbers; missing ones count as 0.
func fourier(re, im []float64, inverse bool) ([]float64, []float64) {
	n := len(re)
	or, oi := make([]float64, n), make([]float64, n)
	if n == 0 {
		return or, oi
	}
	sign := -1.0
	if inverse {
		sign = 1
	}
	x := make([]complex128, n)
	for i := range x {
		x[i] = complex(zeroNaN(re[i]), zeroNaN(im[i]))
	}
	for i, c := range transform(x, sign) {
		if inverse {
			c /= complex(float64(n), 0)
		}
		or[i], oi[i] = real(c), imag(c)
	}
	return or, oi
}

func zeroNaN(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// transform is the plain sum for short odd lengths, Bluestein's for long ones, and
// halves for even ones.
func transform(x []complex128, sign float64) []complex128 {
	n := len(x)
	if n == 1 {
		return x
	}
	if n%2 == 1 && n > 64 {
		return bluestein(x, sign)
	}
	out := make([]complex128, n)
	turn := func(k int) complex128 {
		s, c := math.Sincos(sign * 2 * math.Pi * float64(k) / float64(n))
		return complex(c, s)
	}
	if n%2 == 1 {
		for k := range n {
			for j := range n {
				out[k] += x[j] * turn(k*j%n)
			}
		}
		return out
	}
	even, odd := make([]complex128, n/2), make([]complex128, n/2)
	for i := range even {
		even[i], odd[i] = x[2*i], x[2*i+1]
	}
	even, odd = transform(even, sign), transform(odd, sign)
	for k := range even {
		t := turn(k) * odd[k]
		out[k], out[k+n/2] = even[k]+t, even[k]-t
	}
	return out
}

// bluestein turns a transform of any length into a convolution, done with
// transforms of a power of two.
func bluestein(x []complex128, sign float64) []complex128 {
	n := len(x)
	m := 1
	for m < 2*n {
		m *= 2
	}
	chirp := make([]complex128, n)
	for k := range chirp {
		s, c := math.Sincos(sign * math.Pi * float64(int64(k)*int64(k)%int64(2*n)) / float64(n))
		chirp[k] = complex(c, s)
	}
	a, b := make([]complex128, m), make([]complex128, m)
	for k, c := range chirp {
		a[k] = x[k] * c
		b[k] = complex(real(c), -imag(c))
		if k > 0 {
			b[m-k] = b[k]
		}
	}
	a, b = transform(a, -1), transform(b, -1)
	for k := range a {
		a[k] *= b[k]
	}
	a = transform(a, 1)
	out := make([]complex128, n)
	for k := range out {
		out[k] = a[k] / complex(float64(m), 0) * chirp[k]
	}
	return out
}
