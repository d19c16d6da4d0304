package fn

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sextant/table"
)

// ParseTimeSpan reads a timespan as literals and totimespan() take it, in ticks:
//
//	[-][d.]hh:mm[:ss[.fffffff]]
//	a number with a unit: 1.5h, 10 seconds, 100ms, 1tick
//	a whole number: days
func ParseTimeSpan(text string) (int64, bool) {
	s := strings.TrimSpace(text)
	if s == "" {
		return 0, false
	}
	if strings.IndexByte(s, ':') >= 0 {
		return parseClock(s)
	}
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i++
	}
	start := i
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	num, unit := s[:i], strings.TrimSpace(s[i:])
	if i == start {
		return 0, false
	}
	if unit == "" {
		n, err := strconv.ParseInt(num, 10, 64)
		if err != nil {
			return 0, false
		}
		return mulTicks(n, table.TicksPerDay)
	}
	per, ok := TimeUnit(unit)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(num, 10, 64); err == nil && per >= 1 {
		return mulTicks(n, int64(per))
	}
	f, ok := parseReal(num)
	if !ok {
		return 0, false
	}
	return ticksOfFloat(math.Round(f * per))
}

// TimeUnit is how many ticks a unit of a timespan literal has: d, h, m, s, ms,
// tick and their long names. Lower case only, as in Kusto.
func TimeUnit(unit string) (float64, bool) {
	switch unit {
	case "d", "day", "days":
		return table.TicksPerDay, true
	case "h", "hr", "hrs", "hour", "hours":
		return table.TicksPerHour, true
	case "m", "min", "minute", "minutes":
		return table.TicksPerMinute, true
	case "s", "sec", "second", "seconds":
		return table.TicksPerSecond, true
	case "ms", "milli", "millis", "millisecond", "milliseconds":
		return table.TicksPerMillisecond, true
	case "micro", "micros", "microsecond", "microseconds":
		return table.TicksPerMicrosecond, true
	case "nano", "nanos", "nanosecond", "nanoseconds":
		return 0.01, true
	case "tick", "ticks":
		return 1, true
	}
	return 0, false
}

func mulTicks(n, per int64) (int64, bool) {
	p := n * per
	if n != 0 && p/n != per || n == math.MinInt64 {
		return 0, false
	}
	return p, true
}

// ticksOfFloat refuses what a timespan cannot hold.
func ticksOfFloat(f float64) (int64, bool) {
	if !(f >= -math.MaxInt64 && f < math.MaxInt64) {
		return 0, false
	}
	return int64(f), true
}

// parseClock reads [-][d.]hh:mm[:ss[.fffffff]].
func parseClock(s string) (int64, bool) {
	neg := false
	if s[0] == '-' || s[0] == '+' {
		neg = s[0] == '-'
		s = s[1:]
	}
	var days int64
	if dot, colon := strings.IndexByte(s, '.'), strings.IndexByte(s, ':'); dot >= 0 && dot < colon {
		d, ok := digits(s[:dot], 1, 8)
		if !ok {
			return 0, false
		}
		days, s = d, s[dot+1:]
	}
	parts := strings.Split(s, ":")
	if len(parts) == 4 && days == 0 { // d:hh:mm:ss
		d, ok := digits(parts[0], 1, 8)
		if !ok {
			return 0, false
		}
		days, parts = d, parts[1:]
	}
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	h, ok := digits(parts[0], 1, 2)
	if !ok || h > 23 {
		return 0, false
	}
	m, ok := digits(parts[1], 1, 2)
	if !ok || m > 59 {
		return 0, false
	}
	var sec, frac int64
	if len(parts) == 3 {
		whole, f, hasFrac := strings.Cut(parts[2], ".")
		if sec, ok = digits(whole, 1, 2); !ok || sec > 59 {
			return 0, false
		}
		if hasFrac {
			if frac, ok = fraction(f); !ok {
				return 0, false
			}
		}
	}
	d, ok := mulTicks(days, table.TicksPerDay)
	if !ok {
		return 0, false
	}
	rest := h*table.TicksPerHour + m*table.TicksPerMinute + sec*table.TicksPerSecond + frac
	t := d + rest
	if t < d {
		if neg && d+(rest-1) >= d { // the smallest timespan has no positive twin
			return math.MinInt64, true
		}
		return 0, false
	}
	if neg {
		t = -t
	}
	return t, true
}

// digits reads between least and most decimal digits, all of s.
func digits(s string, least, most int) (int64, bool) {
	if len(s) < least || len(s) > most {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// fraction reads the digits after the point of a second, in ticks; digits beyond
// the seventh are dropped.
func fraction(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if i < 7 {
			n = n*10 + int64(s[i]-'0')
		}
	}
	for i := len(s); i < 7; i++ {
		n *= 10
	}
	return n, true
}

// ParseDateTime reads a datetime as literals and todatetime() take it, in ticks
// (UTC where no zone is given):
//
//	2014, 2014-05, 2014-05-25, 2014-05-25[T ]08:20[:05[.1234567]][Z|GMT|±hh[:mm]]
//	20140525 and 20140525T082005
//	[Sat, ]8 Nov 14 15:05[:02] [GMT] and [Saturday, ]08-Nov-14 15:05[:02] [GMT]
//	5/25/2014 or 05-25-2014 [08:20[:05] [AM|PM]]
//	2014, 5, 25
func ParseDateTime(text string) (int64, bool) {
	s := strings.TrimSpace(text)
	if len(s) < 4 || len(s) > 64 {
		return 0, false
	}
	if t, ok := parseISO(s); ok {
		return t, true
	}
	if day, clock, _ := strings.Cut(s, " "); len(day) == 10 && day[2] == '-' && day[5] == '-' { // 05-25-2014
		return parseUS(strings.ReplaceAll(day, "-", "/") + " " + clock)
	}
	if strings.IndexByte(s, '/') > 0 {
		return parseUS(s)
	}
	if y, rest, ok := strings.Cut(s, ","); ok && len(y) == 4 {
		if mo, d, ok := strings.Cut(rest, ","); ok {
			return parseISO(y + "-" + strings.TrimSpace(mo) + "-" + strings.TrimSpace(d))
		}
	}
	return parseRFC(s)
}

// date makes ticks of a civil time; false where there is no such day or hour.
func date(y, mo, d, h, mi, s, frac int64) (int64, bool) {
	if y < 1 || y > 9999 || mo < 1 || mo > 12 || d < 1 || d > int64(daysIn(int(y), int(mo))) || h > 23 || mi > 59 || s > 59 {
		return 0, false
	}
	return civil(int(y), int(mo), int(d)) + h*table.TicksPerHour + mi*table.TicksPerMinute + s*table.TicksPerSecond + frac, true
}

// civil is the ticks of midnight of a valid day.
func civil(y, mo, d int) int64 {
	t, _ := table.TicksOf(time.Date(y, time.Month(mo), d, 0, 0, 0, 0, time.UTC))
	return t
}

func daysIn(y, mo int) int {
	switch mo {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func parseISO(s string) (int64, bool) {
	day, rest := s, ""
	if i := strings.IndexAny(s, "Tt "); i >= 0 {
		day, rest = s[:i], strings.TrimSpace(s[i+1:])
		if rest == "" {
			return 0, false
		}
	}
	var y, mo, d int64 = 0, 1, 1
	var ok bool
	parts := strings.Split(day, "-")
	if len(parts) == 1 && len(day) == 8 {
		parts = []string{day[:4], day[4:6], day[6:]}
	}
	if len(parts) > 3 {
		return 0, false
	}
	if y, ok = digits(parts[0], 4, 4); !ok {
		return 0, false
	}
	if len(parts) > 1 {
		if mo, ok = digits(parts[1], 1, 2); !ok {
			return 0, false
		}
	}
	if len(parts) > 2 {
		if d, ok = digits(parts[2], 1, 2); !ok {
			return 0, false
		}
	}
	if rest != "" && len(parts) < 3 {
		return 0, false
	}
	return withTime(y, mo, d, rest)
}

// withTime adds the text of a time of day (may be empty) to a date.
func withTime(y, mo, d int64, clock string) (int64, bool) {
	clock, offset, ok := cutZone(clock)
	if !ok {
		return 0, false
	}
	h, mi, sec, frac, ok := timeOfDay(clock)
	if !ok {
		return 0, false
	}
	t, ok := date(y, mo, d, h, mi, sec, frac)
	if !ok {
		return 0, false
	}
	t -= offset
	return t, t >= 0 && t <= table.MaxDateTime
}

// cutZone takes Z, GMT, UTC or ±hh[:mm] off the end of a time of day.
func cutZone(s string) (rest string, offset int64, ok bool) {
	for _, z := range []string{"Z", "z", "GMT", "UTC"} {
		if r, found := strings.CutSuffix(s, z); found {
			return strings.TrimSpace(r), 0, true
		}
	}
	i := strings.LastIndexAny(s, "+-")
	if i < 0 {
		return s, 0, true
	}
	z := s[i+1:]
	hh, mm, colon := strings.Cut(z, ":")
	if !colon {
		mm = "00"
		if len(z) == 4 {
			hh, mm = z[:2], z[2:]
		}
	}
	h, ok1 := digits(hh, 1, 2)
	m, ok2 := digits(mm, 2, 2)
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return "", 0, false
	}
	offset = h*table.TicksPerHour + m*table.TicksPerMinute
	if s[i] == '-' {
		offset = -offset
	}
	return strings.TrimSpace(s[:i]), offset, true
}

// timeOfDay reads "", hh, hh:mm, hh:mm:ss[.f], hhmm, hhmmss, with AM or PM.
func timeOfDay(s string) (h, m, sec, frac int64, ok bool) {
	if s == "" {
		return 0, 0, 0, 0, true
	}
	half := int64(-1)
	if up := strings.ToUpper(s); strings.HasSuffix(up, "AM") || strings.HasSuffix(up, "PM") {
		half = 0
		if up[len(up)-2] == 'P' {
			half = 12
		}
		s = strings.TrimSpace(s[:len(s)-2])
	}
	parts := strings.Split(s, ":")
	if len(parts) == 1 && (len(s) == 4 || len(s) == 6) {
		parts = []string{s[:2], s[2:4]}
		if len(s) == 6 {
			parts = append(parts, s[4:])
		}
	}
	if len(parts) > 3 || len(parts) == 1 && half < 0 {
		return 0, 0, 0, 0, false
	}
	if h, ok = digits(parts[0], 1, 2); !ok {
		return 0, 0, 0, 0, false
	}
	if len(parts) > 1 {
		if m, ok = digits(parts[1], 1, 2); !ok {
			return 0, 0, 0, 0, false
		}
	}
	if len(parts) > 2 {
		whole, f, has := strings.Cut(strings.Replace(parts[2], ",", ".", 1), ".")
		if sec, ok = digits(whole, 1, 2); !ok {
			return 0, 0, 0, 0, false
		}
		if has {
			if frac, ok = fraction(f); !ok {
				return 0, 0, 0, 0, false
			}
		}
	}
	if half >= 0 {
		if h < 1 || h > 12 {
			return 0, 0, 0, 0, false
		}
		h = h%12 + half
	}
	return h, m, sec, frac, true
}

func parseUS(s string) (int64, bool) {
	day, clock, _ := strings.Cut(s, " ")
	parts := strings.Split(day, "/")
	if len(parts) != 3 {
		return 0, false
	}
	if len(parts[0]) == 4 { // 2014/05/25
		parts[0], parts[1], parts[2] = parts[1], parts[2], parts[0]
	}
	mo, ok1 := digits(parts[0], 1, 2)
	d, ok2 := digits(parts[1], 1, 2)
	y, ok3 := digits(parts[2], 4, 4)
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	return withTime(y, mo, d, strings.TrimSpace(clock))
}

var monthNames = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

func parseRFC(s string) (int64, bool) {
	if i := strings.IndexByte(s, ','); i >= 0 {
		if i < 3 || !isWeekday(s[:i]) {
			return 0, false
		}
		s = strings.TrimSpace(s[i+1:])
	}
	fields := strings.Fields(strings.Replace(strings.Replace(s, "-", " ", 1), "-", " ", 1))
	if len(fields) < 3 {
		return 0, false
	}
	d, ok := digits(fields[0], 1, 2)
	if !ok || len(fields[1]) != 3 {
		return 0, false
	}
	var mo int64
	for i, m := range monthNames {
		if strings.EqualFold(fields[1], m) {
			mo = int64(i + 1)
		}
	}
	y, ok := digits(fields[2], 2, 4)
	if !ok || mo == 0 || len(fields[2]) == 3 {
		return 0, false
	}
	if len(fields[2]) == 2 {
		if y += 1900; y < 1950 {
			y += 100
		}
	}
	return withTime(y, mo, d, strings.Join(fields[3:], " "))
}

func isWeekday(s string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if n := d.String(); strings.EqualFold(s, n) || strings.EqualFold(s, n[:3]) {
			return true
		}
	}
	return false
}

// ParseGuid reads a guid with or without dashes, braces or parentheses, and gives
// it in lower case with dashes.
func ParseGuid(text string) (string, bool) {
	s := strings.TrimSpace(text)
	if n := len(s); n > 2 && (s[0] == '{' && s[n-1] == '}' || s[0] == '(' && s[n-1] == ')') {
		s = s[1 : n-1]
	}
	if len(s) == 32 {
		s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	}
	if len(s) != 36 {
		return "", false
	}
	for i := range 36 {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return "", false
			}
			continue
		}
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return "", false
		}
	}
	return strings.ToLower(s), true
}
