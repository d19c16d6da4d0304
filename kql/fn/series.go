package fn

import (
	"math"
	"slices"

	"sextant/table"
)

// numbersOf reads a series: NaN stands for a null or what is no number. whole
// tells that all numbers are integers.
func numbersOf(v table.Value) (xs []float64, whole, ok bool) {
	list, ok := dynList(v)
	if !ok {
		return nil, false, false
	}
	xs = make([]float64, len(list))
	whole = true
	for i, e := range list {
		xs[i] = math.NaN()
		s, ok := scalarOf(e)
		switch {
		case ok && s.Type().Numeric():
			xs[i] = s.Number()
			whole = whole && s.Type() != table.Real
		case ok && s.Type() == table.Bool && !s.IsNull():
			xs[i] = float64(s.Int64())
		}
	}
	return xs, whole, true
}

func seriesOf(xs []float64) table.Value {
	out := make([]any, len(xs))
	for i, x := range xs {
		if !math.IsNaN(x) {
			out[i] = x
		}
	}
	return table.DynamicValue(out)
}

// wholeSeries is seriesOf with integers.
func wholeSeries(xs []float64) table.Value {
	out := make([]any, len(xs))
	for i, x := range xs {
		if !math.IsNaN(x) {
			out[i] = truncate(x)
		}
	}
	return table.DynamicValue(out)
}

// series is the table of functions that work on each number of an array.
func series() []Scalar {
	each := func(name, doc string, keepWhole bool, f func(float64) float64) Scalar {
		return Scalar{Name: name, Sigs: sigs("series:array -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			xs, whole, ok := numbersOf(a[0])
			if !ok {
				return nullDynamic
			}
			for i, x := range xs {
				xs[i] = f(x)
			}
			if keepWhole && whole {
				return wholeSeries(xs)
			}
			return seriesOf(xs)
		}, Doc: doc}
	}
	pairSigs := sigs("series1:array, series2:array -> dynamic", "series1:array, number:number -> dynamic", "number:number, series2:array -> dynamic")
	pair := func(name, doc string, keepWhole bool, f func(a, b float64) float64) Scalar {
		return Scalar{Name: name, Sigs: pairSigs, Eval: func(_ *Context, a []table.Value) table.Value {
			x, y, whole, ok := pairOf(a)
			if !ok {
				return nullDynamic
			}
			out := make([]float64, len(x))
			for i := range out {
				out[i] = f(x[i], y[i])
			}
			if keepWhole && whole {
				return wholeSeries(out)
			}
			return seriesOf(out)
		}, Doc: doc}
	}
	test := func(name, doc string, f func(a, b float64) bool) Scalar {
		return Scalar{Name: name, Sigs: pairSigs, Eval: func(_ *Context, a []table.Value) table.Value {
			x, y, _, ok := pairOf(a)
			if !ok {
				return nullDynamic
			}
			out := make([]any, len(x))
			for i := range out {
				if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
					out[i] = f(x[i], y[i])
				}
			}
			return table.DynamicValue(out)
		}, Doc: doc}
	}
	total := func(name, doc string, f func(xs []float64) float64) Scalar {
		return Scalar{Name: name, Sigs: sigs("series:array -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			xs, _, ok := numbersOf(a[0])
			if !ok {
				return table.Null(table.Real)
			}
			return table.RealValue(f(present(xs)))
		}, Doc: doc}
	}
	two := func(name, doc string, f func(x, y []float64) float64) Scalar {
		return Scalar{Name: name, Sigs: sigs("series1:array, series2:array -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			x, y, _, ok := pairOf(a)
			if !ok || len(x) == 0 {
				return table.Null(table.Real)
			}
			return table.RealValue(f(x, y))
		}, Doc: doc}
	}
	scaled := func(f Scalar) Scalar { // one of the two may be a number
		f.Sigs = sigs("series1:array, series2:array -> real", "series1:array, series2:number -> real", "series1:number, series2:array -> real")
		return f
	}
	fill := func(name, doc, sig string, f func(xs []float64, missing []bool, a []table.Value)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			xs, whole, ok := numbersOf(a[0])
			if !ok {
				return nullDynamic
			}
			missing := make([]bool, len(xs))
			at := 1
			if name == "series_fill_const" {
				at = 2
			}
			for i, x := range xs {
				missing[i] = math.IsNaN(x)
				if len(a) > at && !a[at].IsNull() {
					missing[i] = missing[i] && math.IsNaN(a[at].Number()) || x == a[at].Number()
				}
			}
			linear := name == "series_fill_linear"
			if linear && !slices.Contains(missing, false) {
				whole = false // the constant fills it, a real
			}
			f(xs, missing, a)
			for _, x := range xs {
				whole = whole && (len(a) < 2 || x == math.Trunc(x) || linear)
			}
			if whole {
				return wholeSeries(xs)
			}
			return seriesOf(xs)
		}, Doc: doc}
	}
	return []Scalar{
		each("series_abs", "Each number without its sign.", true, math.Abs),
		each("series_acos", "Arc cosine of each number.", false, math.Acos),
		each("series_asin", "Arc sine of each number.", false, math.Asin),
		each("series_atan", "Arc tangent of each number.", false, math.Atan),
		each("series_ceiling", "Each number rounded up.", false, math.Ceil),
		each("series_floor", "Each number rounded down.", false, math.Floor),
		each("series_cos", "Cosine of each number.", false, math.Cos),
		each("series_sin", "Sine of each number.", false, math.Sin),
		each("series_tan", "Tangent of each number.", false, math.Tan),
		each("series_exp", "e to the power of each number.", false, math.Exp),
		each("series_log", "Natural logarithm of each number.", false, math.Log),
		each("series_sign", "-1, 0 or 1 by each number's sign.", true, func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x
		}),
		pair("series_add", "Sums of the numbers of two series, or of a series and a number.", true, func(a, b float64) float64 { return a + b }),
		pair("series_subtract", "Differences of the numbers of two series.", true, func(a, b float64) float64 { return a - b }),
		pair("series_multiply", "Products of the numbers of two series.", true, func(a, b float64) float64 { return a * b }),
		pair("series_divide", "Quotients of the numbers of two series.", false, func(a, b float64) float64 { return a / b }),
		pair("series_pow", "Powers of the numbers of two series.", false, math.Pow),
		test("series_equals", "For each pair of numbers whether they are equal.", func(a, b float64) bool { return a == b }),
		test("series_not_equals", "For each pair of numbers whether they differ.", func(a, b float64) bool { return a != b }),
		test("series_greater", "For each pair of numbers whether the first is greater.", func(a, b float64) bool { return a > b }),
		test("series_greater_equals", "For each pair of numbers whether the first is not less.", func(a, b float64) bool { return a >= b }),
		test("series_less", "For each pair of numbers whether the first is less.", func(a, b float64) bool { return a < b }),
		test("series_less_equals", "For each pair of numbers whether the first is not greater.", func(a, b float64) bool { return a <= b }),
		total("series_sum", "Sum of the numbers.", sumOf),
		total("series_product", "Product of the numbers.", func(xs []float64) float64 {
			p := 1.0
			for _, x := range xs {
				p *= x
			}
			return p
		}),
		total("series_magnitude", "Euclidean length of the series.", func(xs []float64) float64 { return math.Sqrt(dot(xs, xs)) }),
		scaled(two("series_dot_product", "Sum of the products of the numbers of two series, or of a series and a number.", dot)),
		two("series_pearson_correlation", "Pearson's correlation of two series.", pearson),
		{Name: "series_cosine_similarity", Sigs: sigs("series1:array, series2:array, magnitude1?:real, magnitude2?:real -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			x, y, _, ok := pairOf(a[:2])
			if !ok {
				return table.Null(table.Real)
			}
			mx, my := math.Sqrt(dot(x, x)), math.Sqrt(dot(y, y))
			if len(a) > 2 {
				mx = a[2].Float64()
			}
			if len(a) > 3 {
				my = a[3].Float64()
			}
			return table.RealValue(dot(x, y) / (mx * my))
		}, Doc: "Cosine of the angle between two series."},
		fill("series_fill_const", "The series with a constant where numbers are missing.", "series:array, constant?:number, missing?:number -> dynamic", func(xs []float64, missing []bool, a []table.Value) {
			c := 0.0
			if len(a) > 1 {
				c = a[1].Number()
			}
			for i := range xs {
				if missing[i] {
					xs[i] = c
				}
			}
		}),
		fill("series_fill_forward", "The series with the number before where some are missing.", "series:array, missing?:number -> dynamic", func(xs []float64, missing []bool, _ []table.Value) {
			for i := 1; i < len(xs); i++ {
				if missing[i] && !missing[i-1] {
					xs[i], missing[i] = xs[i-1], false
				}
			}
		}),
		fill("series_fill_backward", "The series with the number behind where some are missing.", "series:array, missing?:number -> dynamic", func(xs []float64, missing []bool, _ []table.Value) {
			for i := len(xs) - 2; i >= 0; i-- {
				if missing[i] && !missing[i+1] {
					xs[i], missing[i] = xs[i+1], false
				}
			}
		}),
		fill("series_fill_linear", "The series with numbers on the line between neighbours where some are missing.", "series:array, missing?:number, edges?:bool, constant?:number -> dynamic", fillLinear),
		{Name: "series_fir", Sigs: sigs("series:array, filter:array, normalize?:bool, center?:bool -> dynamic"), Eval: fir, Doc: "The series under a finite impulse response filter."},
		{Name: "series_iir", Sigs: sigs("series:array, numerators:array, denominators:array -> dynamic"), Eval: iir, Doc: "The series under an infinite impulse response filter."},
		{Name: "series_outliers", Sigs: sigs("series:array, kind?:string, ignore?:number, minPercentile?:number, maxPercentile?:number, testPoints?:long -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			xs, _, ok := numbersOf(a[0])
			if !ok {
				return nullDynamic
			}
			low, high := 10.0, 90.0
			if len(a) > 1 && a[1].Str() == "tukey" {
				low, high = 25, 75
			}
			if len(a) > 4 {
				low, high = a[3].Number(), a[4].Number()
			}
			learn := len(xs)
			if len(a) > 5 {
				learn = allBut(learn, a[5].Int64())
			}
			return seriesOf(outlierScores(xs, learn, low, high))
		}, Doc: "A score for each number: how far it lies beyond Tukey's fences; beyond 1.5 it is an outlier."},
	}
}

// pairOf reads two series, or a series and a number, cut to the shorter.
func pairOf(a []table.Value) (x, y []float64, whole, ok bool) {
	read := func(v table.Value) (xs []float64, whole, scalar, ok bool) {
		if v.Type() == table.Dynamic {
			if xs, whole, ok = numbersOf(v); ok {
				return xs, whole, false, true
			}
			s, single := scalarOf(v.Dyn())
			if !single || s.IsNull() || !s.Type().Numeric() {
				return nil, false, false, false
			}
			v = s
		}
		return []float64{v.Number()}, v.Type() != table.Real, true, true
	}
	x, wx, sx, ok1 := read(a[0])
	y, wy, sy, ok2 := read(a[1])
	if !ok1 || !ok2 || sx && sy {
		return nil, nil, false, false
	}
	spread := func(v float64, n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	switch {
	case sx:
		x = spread(x[0], len(y))
	case sy:
		y = spread(y[0], len(x))
	}
	n := min(len(x), len(y))
	return x[:n], y[:n], wx && wy, true
}

// present are the numbers of a series that are not missing.
func present(xs []float64) []float64 {
	out := make([]float64, 0, len(xs))
	for _, x := range xs {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	return out
}

func sumOf(xs []float64) float64 {
	s := 0.0
	for _, x := range xs {
		s += x
	}
	return s
}

func meanOf(xs []float64) float64 { return sumOf(xs) / float64(len(xs)) }

func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

func pearson(x, y []float64) float64 {
	mx, my := meanOf(x), meanOf(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

func fillLinear(xs []float64, missing []bool, a []table.Value) {
	edges := len(a) < 3 || a[2].IsNull() || a[2].Bool()
	first := 0
	for first < len(xs) && missing[first] {
		first++
	}
	if first == len(xs) {
		constant := 0.0
		if len(a) > 3 {
			constant = math.NaN()
			if !a[3].IsNull() {
				constant = a[3].Number()
			}
		}
		for i := range xs {
			xs[i] = constant
		}
		return
	}
	last := first
	for i := first + 1; i < len(xs); i++ {
		if missing[i] {
			continue
		}
		for k := last + 1; k < i; k++ {
			xs[k] = xs[last] + (xs[i]-xs[last])*float64(k-last)/float64(i-last)
		}
		last = i
	}
	for i := range xs {
		switch {
		case i < first && edges:
			xs[i] = xs[first]
		case i > last && edges:
			xs[i] = xs[last]
		}
	}
}

// fir filters; the filter is divided by its sum unless told not to, or when its
// numbers have different signs.
func fir(c *Context, a []table.Value) table.Value {
	xs, whole, ok1 := numbersOf(a[0])
	filter, wf, ok2 := numbersOf(a[1])
	if !ok1 || !ok2 || len(filter) == 0 {
		return nullDynamic
	}
	normalize := true
	for _, f := range filter {
		normalize = normalize && f >= 0
	}
	if len(a) > 2 {
		normalize = a[2].Bool()
	}
	shift := 0
	if len(a) > 3 && a[3].Bool() {
		shift = len(filter) / 2
	}
	scale := 1.0
	if normalize {
		scale = 1 / sumOf(filter)
		wf = false
	}
	out := make([]float64, len(xs))
	for i := range out {
		if i&1023 == 1023 && c.ended() {
			return nullDynamic
		}
		for k, f := range filter {
			if j := i - k + shift; j >= 0 && j < len(xs) && !math.IsNaN(xs[j]) {
				out[i] += f * scale * xs[j]
			}
		}
	}
	if whole && wf {
		return wholeSeries(out)
	}
	return seriesOf(out)
}

func iir(c *Context, a []table.Value) table.Value {
	xs, _, ok1 := numbersOf(a[0])
	b, _, ok2 := numbersOf(a[1])
	d, _, ok3 := numbersOf(a[2])
	if !ok1 || !ok2 || !ok3 || len(b) == 0 || len(d) == 0 || d[0] == 0 {
		return nullDynamic
	}
	out := make([]float64, len(xs))
	for i := range out {
		if i&1023 == 1023 && c.ended() {
			return nullDynamic
		}
		for k, f := range b {
			if i >= k {
				out[i] += f * xs[i-k]
			}
		}
		for k := 1; k < len(d) && k <= i; k++ {
			out[i] -= d[k] * out[i-k]
		}
		out[i] /= d[0]
	}
	return seriesOf(out)
}
