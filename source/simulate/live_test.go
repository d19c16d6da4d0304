package simulate

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"sextant/fault"
)

// leapClock is at once whenever it is waited for.
type leapClock struct {
	now    time.Time
	cancel context.CancelFunc
	until  time.Time
}

func (c *leapClock) Now() time.Time { return c.now }

func (c *leapClock) Wait(ctx context.Context, t time.Time) error {
	if t.After(c.now) {
		c.now = t
	}
	if c.now.After(c.until) {
		c.cancel()
	}
	return ctx.Err()
}

func feed(t *testing.T, tenant *Tenant, from time.Time, span time.Duration, rate float64, emit func(category string, at, now time.Time, line []byte)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clock := &leapClock{now: from, cancel: cancel, until: from.Add(span)}
	err := tenant.Live(ctx, clock, rate, func(category string, at time.Time, line []byte) error {
		emit(category, at, clock.now, line)
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// A feed at the tenant's own pace is the history going on.
func TestLiveContinuesHistory(t *testing.T) {
	from, span := on(2025, 6, 3).Add(14*time.Hour+7*time.Minute), 9*time.Hour
	c := Config{Seed: 12, Users: 60}
	var live []string
	feed(t, testTenant(t, c), from, span, 0, func(_ string, at, now time.Time, line []byte) {
		if at.After(now) {
			t.Fatalf("a record of %s at %s", at, now)
		}
		live = append(live, string(line))
	})
	c.Start, c.End = from, from.Add(span)
	i := 0
	for r := range records(t, testTenant(t, c)) {
		if i >= len(live) || live[i] != string(r.line) {
			t.Fatalf("record %d of %d differs from the history", i, len(live))
		}
		i++
	}
	if i < 100 || len(live) > i+1 {
		t.Errorf("%d records live, %d in the history", len(live), i)
	}
}

func TestLiveRate(t *testing.T) {
	from, span := on(2025, 6, 2), 7*24*time.Hour
	n, busiest, quietest := 0, 0, math.MaxInt
	var hour time.Time
	inHour := 0
	feed(t, testTenant(t, Config{Seed: 13, Users: 200}), from, span, 0.2, func(_ string, at, _ time.Time, _ []byte) {
		if h := at.Truncate(time.Hour); !h.Equal(hour) {
			if !hour.IsZero() {
				busiest, quietest = max(busiest, inHour), min(quietest, inHour)
			}
			hour, inHour = h, 0
		}
		inHour++
		n++
	})
	if rate := float64(n) / span.Seconds(); rate < 0.17 || rate > 0.23 {
		t.Errorf("%.3f records a second, not about 0.2", rate)
	}
	if busiest < 2*quietest {
		t.Errorf("between %d and %d records an hour: no habits", quietest, busiest)
	}
}

func TestLiveRefused(t *testing.T) {
	tenant := testTenant(t, Config{Users: 10})
	err := tenant.Live(t.Context(), SystemClock{}, 1e6, nil)
	if fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if err := tenant.History(nil); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (SystemClock{}).Wait(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	broken := errors.New("queue full")
	clock := &leapClock{now: on(2025, 6, 2), cancel: func() {}, until: on(2026, 1, 1)}
	if err := tenant.Live(t.Context(), clock, 0, func(string, time.Time, []byte) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
