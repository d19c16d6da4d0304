package simulate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sextant/fault"
)

// run is one passage through a tenant's time: it plans a window, unfolds what
// begins in it into events, and gives out those whose time has come.
type run struct {
	t      *Tenant
	shapes *rates
	source []stream
	plots  []*incident
	from   int64 // events before this are not wanted
	queue  queue
	bursts []burst
	buf    []byte
	// completed counts the sessions that got a token; the trial reads it.
	completed int
	days      calendar
	scene     scratch
}

// horizon is how long after its beginning a burst can still yield a record:
// a session with its late export, and the risk found in it afterwards.
const horizon = 20 * hour

// History emits the records of the configured span in the order of their
// envelope times. The line is one diagnostic record without a line end; it is
// valid only during the call. An error of emit ends the history.
func (t *Tenant) History(emit func(category string, at time.Time, line []byte) error) error {
	if t.cfg.live() {
		return fault.New(fault.Invalid, "tenant %s has no history; configure a start and an end", t.cfg.TenantID)
	}
	r := &run{t: t, shapes: &t.shapes, source: t.streams, plots: t.attacks, from: ticksOf(t.cfg.Start)}
	end, left := ticksOf(t.cfg.End), t.cfg.MaxRecords
	window := int64(t.cfg.Window / 100)
	for w := r.from - horizon; w < end; w += window {
		r.plan(w, min(w+window, end))
		for {
			e := &r.scene.current
			if !r.queue.pop(e, min(w+window, end)) {
				break
			}
			r.buf = t.append(r.buf[:0], e, &r.scene)
			if err := emit(categoryNames[e.cat], timeOf(e.at), r.buf); err != nil {
				return err
			}
			if left--; left == 0 {
				return nil
			}
		}
	}
	return nil
}

// Clock is the time that a live feed lives in.
type Clock interface {
	Now() time.Time
	// Wait returns when it is t, or earlier with the context's error.
	Wait(ctx context.Context, t time.Time) error
}

// SystemClock is the machine's.
type SystemClock struct{}

// Now is the time.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait sleeps.
func (SystemClock) Wait(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Live emits records from the clock's now on, each when its time has come,
// until the context ends; it returns the context's error or emit's. rate is the
// mean number of records a second over a week; people's days still rise and
// fall. 0 keeps the density of the configuration: then the feed is the history
// going on. Scenarios belong to histories and do not occur.
func (t *Tenant) Live(ctx context.Context, clock Clock, rate float64, emit func(category string, at time.Time, line []byte) error) error {
	r := &run{t: t, shapes: &t.shapes, source: t.streams}
	if rate != 0 {
		density := rate * 86400 / float64(t.cfg.Users)
		if !(density >= 0.01 && density <= maxDensity) {
			return fault.New(fault.Invalid, "cannot feed %g records a second of %d users; give %.3g to %.3g, or simulate more users", rate, t.cfg.Users,
				0.01*float64(t.cfg.Users)/86400, maxDensity*float64(t.cfg.Users)/86400)
		}
		shapes, source := t.ratesFor(density)
		r.shapes, r.source = &shapes, source
	}
	now := ticksOf(clock.Now())
	r.from = now
	for w := now - horizon; ; {
		// What began before is caught up with in large steps; then the windows
		// are short, so that the feed is even.
		window := int64(5 * minute)
		if w+hour <= now {
			window = hour
		}
		r.plan(w, w+window)
		w += window
		for {
			e := &r.scene.current
			if !r.queue.pop(e, w) {
				break
			}
			if err := clock.Wait(ctx, timeOf(e.at)); err != nil {
				return err
			}
			r.buf = t.append(r.buf[:0], e, &r.scene)
			if err := emit(categoryNames[e.cat], timeOf(e.at), r.buf); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if w > now {
			if err := clock.Wait(ctx, timeOf(w)); err != nil {
				return err
			}
		}
	}
}

// plan puts what begins in [from, to) into the queue.
func (r *run) plan(from, to int64) {
	if to <= from {
		return
	}
	r.bursts = r.bursts[:0]
	r.planPeople(from, to)
	r.planStreams(from, to)
	slices.SortFunc(r.bursts, func(a, b burst) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.seed, b.seed)) })
	for i := range r.bursts {
		r.unfold(&r.bursts[i])
	}
	for _, p := range r.plots {
		// An incident is put in whole by the window in which it begins.
		if p.events[0].at < from || p.events[0].at >= to {
			continue
		}
		for i := range p.events {
			if e := &p.events[i]; r.t.wanted[e.cat] {
				r.queue.push(e)
			}
		}
	}
}

// push queues an event that is wanted, and now and then its duplicate.
func (r *run) push(e *event) {
	if !r.t.wanted[e.cat] {
		return
	}
	if e.at >= r.from {
		r.queue.push(e)
	}
	if r.t.cfg.Duplicates == 0 || !exportedTwice[e.cat] {
		return
	}
	d := rng{seedOf(e.key, '2')}
	if !d.permille(r.t.cfg.Duplicates) {
		return
	}
	twice := *e
	twice.at += 5*second + d.span(4*minute)
	twice.again = true
	if twice.at >= r.from {
		r.queue.push(&twice)
	}
}

// exportedTwice are the categories whose real exports repeat records.
var exportedTwice = [categories]bool{catInteractive: true, catNonInteractive: true, catServicePrincipal: true, catManagedIdentity: true}
