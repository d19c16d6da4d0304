package fn

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"sextant/table"
)

// A transform and its inverse give the series back, whatever its length.
func TestFourierInverts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		re := rapid.SliceOfN(rapid.Float64Range(-100, 100), 1, 300).Draw(t, "series")
		fr, fi := fourier(re, make([]float64, len(re)), false)
		br, bi := fourier(fr, fi, true)
		for i := range re {
			if math.Abs(br[i]-re[i]) > 1e-6 || math.Abs(bi[i]) > 1e-6 {
				t.Fatalf("element %d of %d: %g came back as %g%+gi", i, len(re), re[i], br[i], bi[i])
			}
		}
	})
}

// A daily rhythm with one spike: the period is found, the spike is the only
// anomaly.
func TestAnomalyInRhythm(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	list := make([]any, 24*14)
	for i := range list {
		list[i] = 10 + 5*math.Sin(2*math.Pi*float64(i)/24) + rnd.Float64()
	}
	list[200] = 60.0
	series := table.DynamicValue(list)
	xs, _, _ := numbersOf(series)
	if p := mainPeriod(filled(xs), 0.6); p != 24 {
		t.Errorf("period %g", p)
	}
	flags, _, _ := numbersOf(anomalies([]table.Value{series, table.RealValue(5)})[0])
	for i, f := range flags {
		if (f != 0) != (i == 200) {
			t.Errorf("flag %g at %d", f, i)
		}
	}
}

// The place where two lines part is where the slope changes.
func TestTwoLines(t *testing.T) {
	list := make([]any, 40)
	for i := range list {
		list[i] = float64(i)
		if i >= 25 {
			list[i] = 25 - 3*float64(i-25)
		}
	}
	v := fitTwoLines([]table.Value{table.DynamicValue(list)})
	if at := v[1].Int64(); at != 25 && at != 26 {
		t.Errorf("split at %d", at)
	}
	if r := v[0].Float64(); r < 0.999999 {
		t.Errorf("rsquare %g", r)
	}
}

// A digest and a summary of few values are exact, and merging is as good as
// reading all.
func TestSketches(t *testing.T) {
	h, d := &hllState{}, &digestState{}
	parts := []*hllState{{}, {}}
	for i := range int64(50_000) {
		v := []table.Value{table.LongValue(i)}
		h.Add(v)
		d.Add(v)
		parts[i%2].Add(v)
	}
	if n := h.count(); math.Abs(float64(n)-50_000) > 1500 {
		t.Errorf("hll counts %d", n)
	}
	m := &hllState{merge: true}
	for _, p := range parts {
		m.Add(p.Results())
	}
	if m.count() != h.count() {
		t.Errorf("merged %d, together %d", m.count(), h.count())
	}
	for _, p := range []float64{1, 50, 99} {
		if x := d.percentile(p).Float64(); math.Abs(x-p*500) > 100 {
			t.Errorf("percentile %g is %g", p, x)
		}
	}
}
