package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Ticks of 100 ns.
const (
	TicksPerMicrosecond = 10
	TicksPerMillisecond = 10_000
	TicksPerSecond      = 10_000_000
	TicksPerMinute      = 60 * TicksPerSecond
	TicksPerHour        = 60 * TicksPerMinute
	TicksPerDay         = 24 * TicksPerHour

	// MaxDateTime is 9999-12-31T23:59:59.9999999Z.
	MaxDateTime = 3_652_059*TicksPerDay - 1

	unixEpochTicks = 719_162 * TicksPerDay
)

// TicksOf a time; false outside year 1 to 9999.
func TicksOf(t time.Time) (int64, bool) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return 0, false
	}
	return t.Unix()*TicksPerSecond + int64(t.Nanosecond())/100 + unixEpochTicks, true
}

// TimeOf ticks, in UTC.
func TimeOf(ticks int64) time.Time {
	u := ticks - unixEpochTicks
	s, f := u/TicksPerSecond, u%TicksPerSecond
	if f < 0 {
		s, f = s-1, f+TicksPerSecond
	}
	return time.Unix(s, f*100).UTC()
}

// FormatDateTime prints ticks as Kusto does: 2026-01-02T03:04:05.0000000Z.
func FormatDateTime(ticks int64) string {
	t := TimeOf(ticks)
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%07dZ", t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/100)
}

// FormatTimeSpan prints ticks as Kusto does: [-][d.]hh:mm:ss[.fffffff].
func FormatTimeSpan(ticks int64) string {
	var b strings.Builder
	u := uint64(ticks)
	if ticks < 0 {
		b.WriteByte('-')
		u = -u
	}
	if d := u / TicksPerDay; d > 0 {
		fmt.Fprintf(&b, "%d.", d)
	}
	u %= TicksPerDay
	fmt.Fprintf(&b, "%02d:%02d:%02d", u/TicksPerHour, u/TicksPerMinute%60, u/TicksPerSecond%60)
	if f := u % TicksPerSecond; f > 0 {
		fmt.Fprintf(&b, ".%07d", f)
	}
	return b.String()
}

// FormatReal prints a real. With point set, whole numbers keep a decimal point
// (5.0), as inside a dynamic; without, they do not (5).
func FormatReal(f float64, point bool) string {
	switch {
	case math.IsNaN(f):
		if point {
			return `"NaN"`
		}
		return "NaN"
	case math.IsInf(f, 1):
		if point {
			return `"Infinity"`
		}
		return "Infinity"
	case math.IsInf(f, -1):
		if point {
			return `"-Infinity"`
		}
		return "-Infinity"
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-5 || abs >= 1e15) {
		s := strconv.FormatFloat(f, 'E', -1, 64)
		if i := strings.IndexByte(s, 'E'); i >= 0 && point && !strings.Contains(s[:i], ".") {
			s = s[:i] + ".0" + s[i:]
		}
		return s
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if point && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Text is the value as people read it; "" for a null. (Kusto's tostring() of bools
// and reals differs: fn.ToText.)
func (v Value) Text() string {
	if !v.ok {
		return ""
	}
	switch v.typ {
	case Bool:
		if v.n != 0 {
			return "true"
		}
		return "false"
	case Int, Long:
		return strconv.FormatInt(v.n, 10)
	case Real:
		return FormatReal(v.Float64(), false)
	case Decimal:
		return v.Dec().Text('f')
	case String, Guid:
		return v.s
	case DateTime:
		return FormatDateTime(v.n)
	case TimeSpan:
		return FormatTimeSpan(v.n)
	case Dynamic:
		switch d := v.Dyn().(type) {
		case string:
			return d
		case Value:
			return d.Text()
		case bool:
			return strconv.FormatBool(d)
		case float64:
			return FormatReal(d, false)
		}
		return v.JSON()
	}
	return ""
}

func (v Value) String() string {
	if !v.ok {
		return v.typ.String() + "(null)"
	}
	return v.Text()
}
