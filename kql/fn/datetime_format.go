package fn

import (
	"fmt"
	"strings"

	"sextant/table"
)

// separators may stand in a format of a date or timespan.
const separators = " /-:,._[]"

// formatParts cuts a format into runs of one letter and separators. ok is false
// for other characters.
func formatParts(format string) (parts []string, ok bool) {
	for i := 0; i < len(format); {
		j := i + 1
		if strings.IndexByte(separators, format[i]) < 0 {
			for j < len(format) && format[j] == format[i] {
				j++
			}
		}
		parts = append(parts, format[i:j])
		i = j
	}
	return parts, true
}

// subsecond prints f or F: as many digits of the fraction, F without zeros at
// the end.
func subsecond(ticks int64, part string) (string, bool) {
	if len(part) > 7 {
		return "", false
	}
	s := fmt.Sprintf("%07d", ticks%table.TicksPerSecond)[:len(part)]
	if part[0] == 'F' {
		s = strings.TrimRight(s, "0")
	}
	return s, true
}

func padded(n int64, part string) string { return fmt.Sprintf("%0*d", len(part), n) }

// formatDateTime prints a date; a format that Kusto refuses gives the empty text.
func formatDateTime(ticks int64, format string) string {
	t := table.TimeOf(ticks)
	parts, _ := formatParts(format)
	var b strings.Builder
	for _, p := range parts {
		short := len(p) <= 2
		switch {
		case strings.Contains(separators, p[:1]):
			b.WriteString(p)
		case p[0] == 'y' && short:
			b.WriteString(padded(int64(t.Year()%100), p))
		case p[0] == 'y' && len(p) <= 5:
			b.WriteString(padded(int64(t.Year()), p))
		case p[0] == 'M' && short:
			b.WriteString(padded(int64(t.Month()), p))
		case p[0] == 'd' && short:
			b.WriteString(padded(int64(t.Day()), p))
		case p[0] == 'H' && short:
			b.WriteString(padded(int64(t.Hour()), p))
		case p[0] == 'h' && short:
			b.WriteString(padded(int64((t.Hour()+11)%12+1), p))
		case p[0] == 'm' && short:
			b.WriteString(padded(int64(t.Minute()), p))
		case p[0] == 's' && short:
			b.WriteString(padded(int64(t.Second()), p))
		case p[0] == 't' && short:
			half := "AM"
			if t.Hour() >= 12 {
				half = "PM"
			}
			b.WriteString(half[:len(p)])
		case p[0] == 'f' || p[0] == 'F':
			s, ok := subsecond(ticks, p)
			if !ok {
				return ""
			}
			b.WriteString(s)
		default:
			return ""
		}
	}
	return b.String()
}

// formatTimeSpan prints a timespan; a format that Kusto refuses gives the empty
// text.
func formatTimeSpan(ticks int64, format string) string {
	var b strings.Builder
	u := uint64(ticks)
	if ticks < 0 {
		b.WriteByte('-')
		u = -u
	}
	parts, _ := formatParts(format)
	for _, p := range parts {
		short := len(p) <= 2
		switch {
		case strings.Contains(separators, p[:1]):
			b.WriteString(p)
		case p[0] == 'd' && len(p) <= 8:
			b.WriteString(padded(int64(u/table.TicksPerDay), p))
		case (p[0] == 'h' || p[0] == 'H') && short:
			b.WriteString(padded(int64(u/table.TicksPerHour%24), p))
		case p[0] == 'm' && short:
			b.WriteString(padded(int64(u/table.TicksPerMinute%60), p))
		case p[0] == 's' && short:
			b.WriteString(padded(int64(u/table.TicksPerSecond%60), p))
		case p[0] == 'f' || p[0] == 'F':
			s, ok := subsecond(int64(u%table.TicksPerSecond), p)
			if !ok {
				return ""
			}
			b.WriteString(s)
		default:
			return ""
		}
	}
	return b.String()
}

// zoneNames are names of time zones that people use; any other IANA name works
// too.
func zoneNames() []any {
	names := strings.Fields("Africa/Cairo Africa/Johannesburg Africa/Lagos Africa/Nairobi America/Anchorage America/Argentina/Buenos_Aires America/Bogota America/Chicago " +
		"America/Denver America/Halifax America/Lima America/Los_Angeles America/Mexico_City America/New_York America/Phoenix America/Santiago America/Sao_Paulo America/Toronto " +
		"Asia/Bangkok Asia/Dhaka Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem Asia/Karachi Asia/Kolkata Asia/Manila Asia/Riyadh Asia/Seoul Asia/Shanghai " +
		"Asia/Singapore Asia/Taipei Asia/Tehran Asia/Tokyo Atlantic/Reykjavik Australia/Adelaide Australia/Brisbane Australia/Melbourne Australia/Perth Australia/Sydney " +
		"Europe/Amsterdam Europe/Athens Europe/Berlin Europe/Brussels Europe/Bucharest Europe/Budapest Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv " +
		"Europe/Lisbon Europe/London Europe/Madrid Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Rome Europe/Stockholm Europe/Vienna Europe/Warsaw Europe/Zurich " +
		"Pacific/Auckland Pacific/Fiji Pacific/Honolulu US/Alaska US/Central US/Eastern US/Hawaii US/Mountain US/Pacific UTC")
	out := make([]any, len(names))
	for i, n := range names {
		out[i] = n
	}
	return out
}
