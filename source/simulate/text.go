package simulate

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Times are ticks of 100 ns since 1970-01-01 UTC: the resolution of the log.
const (
	microsecond = 10
	millisecond = 1000 * microsecond
	second      = 1000 * millisecond
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * hour
)

func ticksOf(t time.Time) int64 { return t.Unix()*second + int64(t.Nanosecond()/100) }

func timeOf(ticks int64) time.Time {
	s := floorDiv(ticks, second)
	return time.Unix(s, (ticks-s*second)*100).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil is the date of a day number (0 is 1970-01-01); Hinnant's algorithm.
func civil(days int64) (year, month, dayOfMonth int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	month = int(mp) + 3
	if month > 12 {
		month -= 12
	}
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, int(doy-(153*mp+2)/5) + 1
}

// dayNumber is the inverse of civil.
func dayNumber(year, month, dayOfMonth int) int64 {
	return time.Date(year, time.Month(month), dayOfMonth, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// weekday of a day number; 0 is Sunday.
func weekday(days int64) int { return int(((days+4)%7 + 7) % 7) }

func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func appendDate(b []byte, days int64) []byte {
	y, m, d := civil(days)
	b = append2(b, y/100)
	b = append2(b, y%100)
	b = append(b, '-')
	b = append2(b, m)
	b = append(b, '-')
	return append2(b, d)
}

// appendSeconds appends 2006-01-02T15:04:05 and returns the rest of the second.
func appendSeconds(b []byte, t int64) ([]byte, int) {
	d := floorDiv(t, day)
	t -= d * day
	b = append(appendDate(b, d), 'T')
	b = append2(b, int(t/hour))
	b = append(b, ':')
	b = append2(b, int(t/minute%60))
	b = append(b, ':')
	b = append2(b, int(t/second%60))
	return b, int(t % second)
}

func append7(b []byte, f int) []byte {
	for p := 1000000; p > 0; p /= 10 {
		b = append(b, byte('0'+f/p%10))
	}
	return b
}

// appendZ appends the form of an envelope's time: seven digits, always, and Z.
func appendZ(b []byte, t int64) []byte {
	b, f := appendSeconds(b, t)
	b = append7(append(b, '.'), f)
	return append(b, 'Z')
}

// appendShort appends a time whose fraction has no trailing zeros, then suffix.
func appendShort(b []byte, t int64, suffix string) []byte {
	b, f := appendSeconds(b, t)
	if f > 0 {
		b = append7(append(b, '.'), f)
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return append(b, suffix...)
}

// appendOffset appends the form of createdDateTime: …+00:00.
func appendOffset(b []byte, t int64) []byte { return appendShort(b, t, "+00:00") }

// appendRiskStamp appends the form of date-times in risk records: milliseconds, and
// an hour without its leading zero.
func appendRiskStamp(b []byte, t int64) []byte {
	d := floorDiv(t, day)
	t -= d * day
	b = append(appendDate(b, d), 'T')
	b = strconv.AppendInt(b, t/hour, 10)
	b = append(b, ':')
	b = append2(b, int(t/minute%60))
	b = append(b, ':')
	b = append2(b, int(t/second%60))
	b = append(b, '.')
	ms := int(t / millisecond % 1000)
	b = append(b, byte('0'+ms/100))
	b = append2(b, ms%100)
	return append(b, 'Z')
}

// appendUS appends the form of an envelope's time in risk records: 4/14/2025 11:35:37 AM.
func appendUS(b []byte, t int64) []byte {
	d := floorDiv(t, day)
	t -= d * day
	y, m, dd := civil(d)
	b = strconv.AppendInt(b, int64(m), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(dd), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(y), 10)
	h := int(t / hour)
	half := " AM"
	if h >= 12 {
		half = " PM"
	}
	if h %= 12; h == 0 {
		h = 12
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(h), 10)
	b = append(b, ':')
	b = append2(b, int(t/minute%60))
	b = append(b, ':')
	b = append2(b, int(t/second%60))
	return append(b, half...)
}

const hexDigits = "0123456789abcdef"

func appendGUID(b []byte, g guid) []byte {
	for i, x := range g {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hexDigits[x>>4], hexDigits[x&15])
	}
	return b
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// appendToken appends the unique token identifier of a request: base64url,
// unpadded, of the GUID's bytes as Windows lays them out in memory.
func appendToken(b []byte, g guid) []byte {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	for i := 0; i < 15; i += 3 {
		v := uint(g[i])<<16 | uint(g[i+1])<<8 | uint(g[i+2])
		b = append(b, base64URL[v>>18], base64URL[v>>12&63], base64URL[v>>6&63], base64URL[v&63])
	}
	return append(b, base64URL[g[15]>>2], base64URL[g[15]<<4&63])
}

// appendHex appends 16 digits of a seed.
func appendHex(b []byte, x uint64) []byte {
	for s := 60; s >= 0; s -= 4 {
		b = append(b, hexDigits[x>>s&15])
	}
	return b
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendCoordinate appends a latitude or longitude as Entra prints them: a
// single-precision number, widened, with up to 17 digits and at least one
// behind the point.
func appendCoordinate(b []byte, f float32) []byte {
	from := len(b)
	b = strconv.AppendFloat(b, float64(f), 'g', 17, 64)
	for _, c := range b[from:] {
		if c == '.' {
			return b
		}
	}
	return append(b, '.', '0')
}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// appendEscaped appends s as the inside of a JSON string. What is no UTF-8
// becomes U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(b, s[from:]...)
}

// quote is s as a JSON string, for the values that are themselves JSON text
// (modifiedProperties in audit records).
func quote(s string) string { return string(appendQuoted(nil, s)) }

// appendShortest appends the fewest digits that are the coordinate.
func appendShortest(b []byte, f float32) []byte {
	return strconv.AppendFloat(b, float64(f), 'f', -1, 32)
}
