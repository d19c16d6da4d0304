package loganalytics

import (
	"testing"
	"time"

	"sextant/table"
)

func TestTimespan(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f := func(text, from, to string) {
		t.Helper()
		a, b, err := ParseTimespan(text, now)
		if err != nil {
			if from != "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if from == "" {
			t.Errorf("%q was accepted", text)
			return
		}
		if g, h := table.FormatDateTime(a), table.FormatDateTime(b); g != from || h != to {
			t.Errorf("%q: %s to %s, want %s to %s", text, g, h, from, to)
		}
	}
	f("P1D", "2026-03-03T05:06:07.0000000Z", "2026-03-04T05:06:07.0000001Z")
	f("PT2H", "2026-03-04T03:06:07.0000000Z", "2026-03-04T05:06:07.0000001Z")
	f("PT86400.0S", "2026-03-03T05:06:07.0000000Z", "2026-03-04T05:06:07.0000001Z")
	f("p1dt12h", "2026-03-02T17:06:07.0000000Z", "2026-03-04T05:06:07.0000001Z")
	f("2026-01-01/2026-01-08", "2026-01-01T00:00:00.0000000Z", "2026-01-08T00:00:00.0000000Z")
	f("2026-01-01T00:00:00Z/PT6H", "2026-01-01T00:00:00.0000000Z", "2026-01-01T06:00:00.0000000Z")
	f("PT6H/2026-01-01T06:00:00.5Z", "2026-01-01T00:00:00.5000000Z", "2026-01-01T06:00:00.5000000Z")
	f("P9000Y", "0001-01-01T00:00:00.0000000Z", "2026-03-04T05:06:07.0000001Z")
	for _, bad := range []string{"1d", "P", "PT", "P1", "PT1D", "2026-01-08/2026-01-01", "x/y", "P1D/P1D", "P99999999999Y", "-P1D", "P1.2.3D", "2026-01-01"} {
		f(bad, "", "")
	}
}

func FuzzTimespan(f *testing.F) {
	for _, s := range []string{"P1D", "PT86400.0S", "2026-01-01/PT6H", "PT6H/2026-01-01", ""} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		from, to, err := ParseTimespan(s, now)
		if err == nil && (from < 0 || to < from || to > table.MaxDateTime+1) {
			t.Errorf("%q: %d to %d", s, from, to)
		}
	})
}
