package chart

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sextant/table"
)

// scale maps values to places: linear, or by the logarithm.
type scale struct {
	min, max float64 // min < max
	log      bool
}

func newScale(lo, hi float64, log bool) scale {
	if log {
		lo, hi = math.Log10(lo), math.Log10(hi)
	}
	if !(lo < hi) { // one value, or what is no number
		d := math.Max(math.Abs(lo)*0.05, 0.5)
		if log {
			d = 0.5
		}
		lo, hi = lo-d, lo+d
	}
	return scale{lo, hi, log}
}

// at is the place of a value, 0 to 1 within the scale.
func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(v)
	}
	// Halves, so that a span from the least float to the greatest is one too.
	f := (v/2 - s.min/2) / (s.max/2 - s.min/2)
	if math.IsNaN(f) {
		return -1
	}
	return f
}

// cell of n that a value falls in; far outside stays just outside.
func (s scale) cell(v float64, n int) int {
	f := s.at(v) * float64(n-1)
	return int(math.Round(math.Max(math.Min(f, float64(3*n)), float64(-2*n))))
}

type tick struct {
	at   float64
	text string
}

// ticks of an axis of numbers, about n of them.
func (s scale) ticks(n int) []tick {
	var out []tick
	if s.log {
		step := math.Max(1, math.Ceil((s.max-s.min)/float64(max(n, 1))))
		for e := math.Ceil(s.min); e <= s.max && len(out) < 100; e += step {
			out = append(out, tick{math.Pow(10, e), number(math.Pow(10, e))})
		}
		if len(out) > 1 {
			return out
		}
		lo, hi := math.Pow(10, s.min), math.Pow(10, s.max)
		return []tick{{lo, number(lo)}, {hi, number(hi)}}
	}
	step := niceStep((s.max/2-s.min/2)*2, n)
	first := math.Ceil(s.min / step)
	for i := 0.0; i < 100; i++ {
		v := (first + i) * step
		if !(v <= s.max+step*1e-9) {
			break
		}
		if math.Abs(v) < step*1e-9 {
			v = 0
		}
		out = append(out, tick{v, stepped(v, step)})
	}
	return out
}

// niceStep is 1, 2 or 5 times a power of ten, so that a span has about n steps.
func niceStep(span float64, n int) float64 {
	if math.IsInf(span, 0) {
		span = math.MaxFloat64
	}
	raw := span / float64(max(n, 1))
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	if p == 0 || math.IsNaN(p) {
		return math.SmallestNonzeroFloat64
	}
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*p {
			return m * p
		}
	}
	return 10 * p
}

// units of numbers, so that a label is short.
var units = []struct {
	of   float64
	name string
}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}

// stepped is the label of a tick: as many decimals as the step needs.
func stepped(v, step float64) string {
	abs := math.Abs(v)
	if abs >= 1e15 || abs > 0 && abs < 1e-4 || step < 1e-4 && abs > 0 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	unit := ""
	if abs >= 10_000 {
		for _, u := range units {
			if abs >= u.of {
				v, step, unit = v/u.of, step/u.of, u.name
				break
			}
		}
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if unit != "" && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if len(s) > 12 {
		s = strconv.FormatFloat(v, 'g', 6, 64)
	}
	return s + unit
}

// number is a value beside a bar.
func number(v float64) string {
	if abs := math.Abs(v); v == math.Trunc(v) && abs < 1e15 {
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	} else if abs >= 1e15 || abs < 1e-4 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	} else if abs >= 1000 {
		return grouped(strconv.FormatFloat(v, 'f', 1, 64))
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// grouped has a comma after each thousand.
func grouped(s string) string {
	sign, whole := "", s
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	whole, rest, dot := strings.Cut(whole, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		rest = "." + rest
	}
	return sign + whole + rest
}

// durations that an axis of time is divided by, up to a week; beyond that months and
// years.
var durations = []time.Duration{
	time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond,
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour,
}

// timeTicks divide an axis of seconds since base, so that at most n labels are needed
// and none is wider than the room between two.
func (s scale) timeTicks(base int64, n int) []tick {
	at := func(sec float64) time.Time {
		ticks := float64(base) + sec*table.TicksPerSecond
		return table.TimeOf(int64(math.Max(0, math.Min(ticks, table.MaxDateTime))))
	}
	from, to := at(s.min), at(s.max)
	since := func(t time.Time) float64 {
		ticks, _ := table.TicksOf(t)
		return float64(ticks-base) / table.TicksPerSecond
	}
	span := s.max - s.min
	var out []tick
	for _, d := range durations {
		if span/d.Seconds() > float64(n) {
			continue
		}
		layout := "15:04:05.000000"
		switch {
		case d >= 24*time.Hour:
			layout = "Jan 02"
		case d >= time.Minute:
			layout = "15:04"
		case d >= time.Second:
			layout = "15:04:05"
		case d >= time.Millisecond:
			layout = "15:04:05.000"
		}
		t := from.Truncate(d)
		if t.Before(from) {
			t = t.Add(d)
		}
		for ; !t.After(to) && len(out) < 200; t = t.Add(d) {
			text := t.Format(layout)
			if d < 24*time.Hour && d >= time.Minute && t.Equal(t.Truncate(24*time.Hour)) {
				text = t.Format("Jan 02")
			}
			out = append(out, tick{since(t), text})
		}
		return out
	}
	for _, months := range []int{1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000} {
		if span/(float64(months)*30.4*86400) > float64(n) {
			continue
		}
		all := from.Year()*12 + int(from.Month()) - 1
		for m := all - all%months; len(out) < 200; m += months {
			t := time.Date(m/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC)
			if t.After(to) {
				break
			}
			if t.Before(from) {
				continue
			}
			text := t.Format("2006-01")
			if months >= 12 {
				text = t.Format("2006")
			}
			out = append(out, tick{since(t), text})
		}
		break
	}
	return out
}

// spanTicks divide an axis of timespans.
func (s scale) spanTicks(n int) []tick {
	span := s.max - s.min
	for _, d := range durations {
		step := d.Seconds()
		if span/step > float64(n) {
			continue
		}
		var out []tick
		for v := math.Ceil(s.min/step) * step; v <= s.max+step*1e-9 && len(out) < 200; v += step {
			out = append(out, tick{v, spanText(v)})
		}
		return out
	}
	out := scale{s.min / 86400, s.max / 86400, false}.ticks(n)
	for i := range out {
		out[i] = tick{out[i].at * 86400, out[i].text + "d"}
	}
	return out
}

// spanText is a timespan of seconds in its largest units: 1d, 2h30m, 1.5s, 20ms.
func spanText(sec float64) string {
	sign := ""
	if sec < 0 {
		sign, sec = "-", -sec
	}
	switch {
	case sec == 0:
		return "0"
	case sec < 1e-3:
		return sign + strconv.FormatFloat(sec*1e6, 'g', 4, 64) + "us"
	case sec < 1:
		return sign + strconv.FormatFloat(sec*1e3, 'g', 4, 64) + "ms"
	case sec < 60:
		return sign + strconv.FormatFloat(sec, 'g', 4, 64) + "s"
	case sec >= 1e6*86400:
		return sign + strconv.FormatFloat(sec/86400, 'g', 4, 64) + "d"
	}
	n := int64(math.Round(sec))
	out := ""
	for _, u := range []struct {
		of   int64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}} {
		if q := n / u.of; q > 0 && (out == "" || strings.Count(out, "")-1 < 4) {
			out += strconv.FormatInt(q, 10) + u.name
		}
		n %= u.of
	}
	return sign + out
}
