package record

import (
	"strings"
	"time"
)

const (
	ticksSecond = 10_000_000
	ticksDay    = 86_400 * ticksSecond
	unixTicks   = 621_355_968_000_000_000 // ticks of 1970-01-01
	maxTicks    = 3_155_378_976_000_000_000
)

// ParseTime reads the forms of time that records come with, to ticks of 100 ns
// since the year 1, in UTC. Text without a zone is UTC. It knows
//
//	2025-04-11T08:16:11.0511381Z    any number of fractional digits, an offset, no zone
//	2025-01-15 09:30:45.123         the same with a space; hours may have one digit
//	4/14/2025 11:35:37 AM           with or without a comma, a fraction, AM and PM
//	/Date(1744356977000)/           milliseconds
//	1744356977                      seconds, milliseconds, microseconds or nanoseconds, by size
//
// ok is false for anything else, and for moments that cannot be.
func ParseTime(s string) (ticks int64, ok bool) {
	if len(s) >= 19 && s[4] == '-' && s[7] == '-' && (s[10] == 'T' || s[10] == ' ') && s[13] == ':' && s[16] == ':' {
		y := int(s[0]-'0')*1000 + int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
		if digits(s[:4]) && digits(s[5:7]) && digits(s[8:10]) && digits(s[11:13]) && digits(s[14:16]) && digits(s[17:19]) {
			return finish(y, two(s[5:]), two(s[8:]), two(s[11:]), two(s[14:]), two(s[17:]), s[19:])
		}
		return 0, false
	}
	return parseOddTime(strings.TrimSpace(s))
}

func two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func digits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return len(s) > 0
}

// finish reads the fraction and the zone, and puts the moment together.
func finish(y, mo, d, h, mi, sec int, rest string) (int64, bool) {
	days, ok := dayNumber(y, mo, d)
	if !ok || h > 23 || mi > 59 || sec > 59 {
		return 0, false
	}
	t := days*ticksDay + int64(h*3600+mi*60+sec)*ticksSecond
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') && rest[1]-'0' <= 9 {
		rest = rest[1:]
		unit, n := int64(ticksSecond), 0
		for n < len(rest) && rest[n]-'0' <= 9 {
			unit /= 10 // digits behind the seventh say less than a tick
			t += int64(rest[n]-'0') * unit
			n++
		}
		rest = rest[n:]
	}
	if rest == "" || rest == "Z" {
		return t, true
	}
	rest = strings.TrimLeft(rest, " ")
	switch strings.ToUpper(rest) {
	case "", "Z", "UTC", "GMT":
		return t, true
	}
	neg := false
	switch rest[0] {
	case '+':
	case '-':
		neg = true
	default:
		return 0, false
	}
	hh, mm, _ := strings.Cut(rest[1:], ":")
	if mm == "" && len(hh) == 4 {
		hh, mm = hh[:2], hh[2:]
	}
	if !digits(hh) || len(hh) > 2 || mm != "" && (!digits(mm) || len(mm) != 2) {
		return 0, false
	}
	off := int64(0)
	for i := range len(hh) {
		off = off*10 + int64(hh[i]-'0')
	}
	off *= 60
	if mm != "" {
		off += int64(two(mm))
	}
	if off > 14*60 {
		return 0, false
	}
	off *= 60 * ticksSecond
	if neg {
		off = -off
	}
	t -= off
	return t, t >= 0 && t < maxTicks
}

// dayNumber counts days since 0001-01-01; false for days that are in no calendar.
func dayNumber(y, m, d int) (int64, bool) {
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 {
		return 0, false
	}
	last := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
	leap := y%4 == 0 && (y%100 != 0 || y%400 == 0)
	if m == 2 && leap {
		last = 29
	}
	if d > last {
		return 0, false
	}
	before := [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}[m-1]
	if m > 2 && leap {
		before++
	}
	p := y - 1
	return int64(p*365 + p/4 - p/100 + p/400 + before + d - 1), true
}

// number reads at most four leading digits.
func number(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 4 && s[i]-'0' <= 9 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

func parseOddTime(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	if strings.HasPrefix(s, "/Date(") && strings.HasSuffix(s, ")/") {
		s = s[len("/Date(") : len(s)-2]
		if i := strings.LastIndexAny(s, "+-"); i > 0 {
			s = s[:i] // the offset only says how to show it
		}
		n, ok := parseInt(s)
		if !ok || n > maxTicks/10_000 || n < -unixTicks/10_000 {
			return 0, false
		}
		t := unixTicks + n*10_000
		return t, t >= 0 && t < maxTicks
	}
	if n, ok := parseInt(s); ok {
		return epochTicks(n)
	}
	var y, mo, d int
	a, rest, ok := number(s)
	if !ok || rest == "" {
		return 0, false
	}
	sep := rest[0]
	if sep != '/' && sep != '-' {
		return 0, false
	}
	b, rest, ok := number(rest[1:])
	if !ok || rest == "" || rest[0] != sep {
		return 0, false
	}
	c, rest, ok := number(rest[1:])
	if !ok {
		return 0, false
	}
	switch {
	case sep == '-' && a > 31:
		y, mo, d = a, b, c
	case sep == '/' && a > 31:
		y, mo, d = a, b, c
	case sep == '/':
		mo, d, y = a, b, c // as en-US writes it
	default:
		return 0, false
	}
	if rest == "" {
		return finish(y, mo, d, 0, 0, 0, "")
	}
	if rest[0] != ' ' && rest[0] != ',' && rest[0] != 'T' {
		return 0, false
	}
	h, rest, ok := number(strings.TrimLeft(rest[1:], " "))
	if !ok || rest == "" || rest[0] != ':' {
		return 0, false
	}
	mi, rest, ok := number(rest[1:])
	if !ok {
		return 0, false
	}
	sec := 0
	if rest != "" && rest[0] == ':' {
		if sec, rest, ok = number(rest[1:]); !ok {
			return 0, false
		}
	}
	for i := 0; i+2 <= len(rest); i++ {
		half := rest[i] | 0x20
		if half != 'a' && half != 'p' || rest[i+1]|0x20 != 'm' {
			continue
		}
		if h < 1 || h > 12 {
			return 0, false
		}
		h %= 12
		if half == 'p' {
			h += 12
		}
		rest = strings.TrimRight(rest[:i], " \u202f") + strings.TrimLeft(rest[i+2:], " ")
		break
	}
	return finish(y, mo, d, h, mi, sec, rest)
}

// epochTicks tells the unit of a count since 1970 by its size: what would be
// after the year 2286 in seconds is milliseconds, and so on.
func epochTicks(n int64) (int64, bool) {
	switch {
	case n < 0:
		return 0, false
	case n < 100_000_000: // before 1973 in seconds: rather no time at all
		return 0, false
	case n < 10_000_000_000:
		return unixTicks + n*ticksSecond, true
	case n < 10_000_000_000_000:
		return unixTicks + n*10_000, true
	case n < 10_000_000_000_000_000:
		return unixTicks + n*10, true
	}
	return unixTicks + n/100, true
}

func parseInt(s string) (int64, bool) {
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if s == "" || len(s) > 19 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	if neg {
		if n > 1<<63 {
			return 0, false
		}
		return -int64(n), true
	}
	if n > 1<<63-1 {
		return 0, false
	}
	return int64(n), true
}

// formatTime writes ticks as records carry them: seven fractional digits and Z.
func formatTime(dst []byte, ticks int64) []byte {
	t := time.Unix((ticks-unixTicks)/ticksSecond, (ticks-unixTicks)%ticksSecond*100).UTC()
	return t.AppendFormat(dst, "2006-01-02T15:04:05.0000000Z")
}
