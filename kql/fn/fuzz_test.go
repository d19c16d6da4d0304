package fn

import (
	"strings"
	"testing"

	"sextant/table"
)

// Whatever a text is, reading it ends, and what was read prints as something that
// reads as the same.
func FuzzDateTime(f *testing.F) {
	for _, s := range []string{"2014-05-25", "2014-05-25T08:20:05.1234567Z", "Sat, 8 Nov 14 15:05:02 GMT", "08-Nov-14 15:05", "5/25/2014 8:20 PM", "20140525T082005", "2014-05-25 08:20 +02:30", "9999-12-31T23:59:59.9999999Z", "05-25-2014"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ticks, ok := ParseDateTime(s)
		if !ok {
			return
		}
		if ticks < 0 || ticks > table.MaxDateTime {
			t.Fatalf("%q gives %d ticks", s, ticks)
		}
		text := table.FormatDateTime(ticks)
		if again, ok := ParseDateTime(text); !ok || again != ticks {
			t.Fatalf("%q gives %s, which gives %d and not %d", s, text, again, ticks)
		}
	})
}

func FuzzTimeSpan(f *testing.F) {
	for _, s := range []string{"1d", "1.5h", "10 seconds", "-1.02:03:04.5", "13:00", "10675199.02:48:05.4775807", "-10675199.02:48:05.4775808", "5", "1tick", "100nanoseconds"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ticks, ok := ParseTimeSpan(s)
		if !ok {
			return
		}
		text := table.FormatTimeSpan(ticks)
		if again, ok := ParseTimeSpan(text); !ok || again != ticks {
			t.Fatalf("%q gives %s, which gives %d and not %d", s, text, again, ticks)
		}
	})
}

func FuzzReal(f *testing.F) {
	for _, x := range []float64{0.1 + 0.2, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 123456.789, -2.5} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		again, ok := parseReal(RealText(x))
		if !ok || again != x && x == x {
			t.Fatalf("%g prints as %s, which reads as %g", x, RealText(x), again)
		}
	})
}

// Each pattern that SQL takes, and each that only Go does, either compiles or is
// none; and matching with it ends.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{`^\s*(\w+)[\d\S]$`, `[^\W]`, `[[:alpha:]\d]`, `\Q\d\E`, `[]a]`, `(?i)k`, `a{2,5}`, `\p{Greek}`, `[`, `\`} {
		f.Add(s, "some text 42")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 {
			return
		}
		c := NewContext(t.Context(), 0, 0, nil)
		re := c.Regexp(pattern)
		if re != nil {
			re.MatchString(text)
			replaceRegex(c, text, pattern, `<\0>`)
		}
		if _, ok := SQLPattern(pattern); ok && re == nil {
			t.Fatalf("%q has a SQL form and is no pattern", pattern)
		}
	})
}

// The readers of structured text take anything.
func FuzzReaders(f *testing.F) {
	for _, s := range []string{"https://u:p@host:8080/a?x=1#f", "<a x='1'><b>t</b></a>", "a,\"b\"\"c\",d", `echo "a \" b" c\\`, `C:\temp\x.txt:s`, "1.2.3", "10.1.2.3/8", "fe80::1/64", "xn--Ge-mia.edu", "acadmie-franaise-npb1a", "H4sIAAAAAAAA/w==", "$.a[0]['b']"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		parseURL(s)
		parsePath(s)
		parseCSV(s)
		parseXML(s)
		commandLine(s)
		parseVersion(s)
		urlDecode(s)
		unpack64(s, true)
		unpack64(s, false)
		jsonPath(s)
		formatDateTime(0, s)
		formatTimeSpan(-1, s)
		if ip, _, ok := parseIPv4(s); ok {
			if again, _, ok := parseIPv4(text4(ip)); !ok || again != ip {
				t.Fatalf("%q gives %s", s, text4(ip))
			}
		}
		if a, p, _, ok := parseIPv6(s); ok {
			if b, _, _, ok := parseIPv6(text6(a, 128, true)); !ok || b != a {
				t.Fatalf("%q/%d gives %s", s, p, text6(a, 128, true))
			}
		}
		if out, ok := fromPunycode(s); ok && len(out) < 500 && !strings.ContainsRune(out, '\ufffd') {
			fromPunycode(toPunycode(out))
		}
		if v := ParseDynamic(s); !v.IsNull() && len(v.JSON()) == 0 {
			t.Fatalf("%q is a dynamic without text", s)
		}
	})
}
