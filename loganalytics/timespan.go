package loganalytics

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sextant/fault"
	"sextant/table"
)

// timespanError is a timespan that is none.
type timespanError struct{ error }

func (e *timespanError) Unwrap() error { return e.error }

// ParseTimespan reads the timespan of a query: a duration (P1D, PT2H) that ends
// now, start/end, start/duration or duration/end. It gives ticks, from inclusive
// and to exclusive; both 0 for the empty text, which bounds nothing.
func ParseTimespan(text string, now time.Time) (from, to int64, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, 0, nil
	}
	bad := func() (int64, int64, error) {
		return 0, 0, wrong("%q is not a timespan; P1D, PT2H, 2026-01-01/2026-01-08 and 2026-01-01T00:00:00Z/PT6H are", text)
	}
	end, ok := table.TicksOf(now)
	if !ok {
		return bad()
	}
	first, second, two := strings.Cut(text, "/")
	if !two {
		d, ok := ParseDuration(first)
		if !ok {
			return bad()
		}
		return clampTicks(end - d), end + 1, nil
	}
	d1, isD1 := ParseDuration(first)
	d2, isD2 := ParseDuration(second)
	t1, isT1 := parseInstant(first)
	t2, isT2 := parseInstant(second)
	switch {
	case isT1 && isT2:
		from, to = t1, t2
	case isT1 && isD2:
		from, to = t1, t1+d2
	case isD1 && isT2:
		from, to = t2-d1, t2
	default:
		return bad()
	}
	if to < from {
		return 0, 0, wrong("the timespan %q ends before it begins", text)
	}
	return clampTicks(from), max(clampTicks(to), 1), nil
}

func wrong(format string, text string) error {
	return &timespanError{fault.New(fault.Invalid, format, text)}
}

func clampTicks(n int64) int64 { return min(max(n, 0), table.MaxDateTime) }

func parseInstant(s string) (int64, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return table.TicksOf(t)
		}
	}
	return 0, false
}

// ParseDuration reads an ISO 8601 duration into ticks. A year is 365 days and a
// month 30; the last part may have a fraction (PT86400.0S).
func ParseDuration(s string) (int64, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || rest == "T" {
		return 0, false
	}
	total := 0.0
	inTime := false
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "T"); ok {
			if inTime {
				return 0, false
			}
			inTime, rest = true, after
			continue
		}
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		if i == 0 || i == len(rest) {
			return 0, false
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil {
			return 0, false
		}
		var unit float64
		switch {
		case !inTime && rest[i] == 'Y':
			unit = 365 * table.TicksPerDay
		case !inTime && rest[i] == 'M':
			unit = 30 * table.TicksPerDay
		case !inTime && rest[i] == 'W':
			unit = 7 * table.TicksPerDay
		case !inTime && rest[i] == 'D':
			unit = table.TicksPerDay
		case inTime && rest[i] == 'H':
			unit = table.TicksPerHour
		case inTime && rest[i] == 'M':
			unit = table.TicksPerMinute
		case inTime && rest[i] == 'S':
			unit = table.TicksPerSecond
		default:
			return 0, false
		}
		total += n * unit
		rest = rest[i+1:]
	}
	if math.IsNaN(total) || total > table.MaxDateTime {
		return 0, false
	}
	return int64(math.Round(total)), true
}
