// Package schedule runs jobs at instants that follow from their settings alone, not
// from when somebody looked: every instant of a job's grid is accounted for, once,
// in order, across restarts.
//
// What a job does and where it stands is kept by a [Book]; a [Runner] asks the book
// what there is, and runs what is due by its clock. It never sleeps by itself:
// [Runner.Step] does what is due and says when to come again, [Loop] waits.
package schedule

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// Grid of instants: Start, Start+Every, and so on.
type Grid struct {
	Start time.Time
	Every time.Duration // above zero
}

// At or after t: the grid's first instant there.
func (g Grid) At(t time.Time) time.Time {
	if !t.After(g.Start) {
		return g.Start
	}
	n := (t.Sub(g.Start) + g.Every - 1) / g.Every
	return g.Start.Add(n * g.Every)
}

// After t: the grid's first instant that is later.
func (g Grid) After(t time.Time) time.Time {
	if t.Before(g.Start) {
		return g.Start
	}
	n := t.Sub(g.Start)/g.Every + 1
	return g.Start.Add(n * g.Every)
}

// Count of the grid's instants from one to another, both included.
func (g Grid) Count(from, to time.Time) int {
	from = g.At(from)
	if to.Before(from) {
		return 0
	}
	return int(to.Sub(from)/g.Every) + 1
}

// Job is something that is done at each instant of a grid.
type Job struct {
	ID    string
	Grid  Grid
	Delay time.Duration // the run for an instant begins so much later
	Done  time.Time     // the last instant that is accounted for; zero: none is
}

// next instant that is due, or will be. Of more than most that were missed the oldest
// are given up: skipped says how many.
func (j Job) next(now time.Time, most int) (at time.Time, skipped int) {
	at = j.Grid.Start
	if !j.Done.IsZero() {
		at = j.Grid.After(j.Done)
	}
	if due := j.Grid.Count(at, now.Add(-j.Delay)); due > most {
		skipped = due - most
		at = at.Add(time.Duration(skipped) * j.Grid.Every)
	}
	return at, skipped
}

// Book keeps jobs and does them.
type Book interface {
	// Jobs that are to be run. The order decides who is first where many are due.
	Jobs(ctx context.Context) ([]Job, error)
	// Run a job at an instant of its grid. skipped instants before it are never run.
	// attempt counts from 0. The book notes what came of it, durably, before it
	// returns; true asks for the same instant again, in a while. It is called for one
	// instant of a job at a time, and for several jobs at once.
	Run(ctx context.Context, job Job, at time.Time, skipped, attempt int) (again bool)
}

// Bounds of a runner where its options are zero.
const (
	defaultParallel = 2
	defaultCatchUp  = 100
	firstRetry      = 10 * time.Second
	lastRetry       = 5 * time.Minute
	idle            = time.Minute // a book is looked into at least as often
)

// Runner runs the jobs of a book. Clock is needed; the fields are not changed once
// it is in use.
type Runner struct {
	Book     Book
	Clock    func() time.Time
	Logger   *slog.Logger
	Parallel int // jobs at once; 0: 2
	CatchUp  int // instants of a job that are made up for, the newest; 0: 100

	mu      sync.Mutex
	retries map[string]retry
}

// retry of an instant that did not succeed.
type retry struct {
	at       time.Time // the instant
	attempts int       // so far
	next     time.Time // not before
}

// Step does what is due and says when something will be. What became due while it
// ran is done too.
func (r *Runner) Step(ctx context.Context) (next time.Time, err error) {
	for {
		next, due, err := r.round(ctx)
		if err != nil || !due || ctx.Err() != nil {
			return next, err
		}
	}
}

// round runs each job that is due at one instant, so that one with many to make up
// for does not hold up the others.
func (r *Runner) round(ctx context.Context) (next time.Time, due bool, err error) {
	now := r.Clock()
	next = now.Add(idle)
	jobs, err := r.Book.Jobs(ctx)
	if err != nil {
		return next, false, err
	}
	r.forget(jobs)
	slots := make(chan struct{}, cmp.Or(r.Parallel, defaultParallel))
	var wg sync.WaitGroup
	for _, j := range jobs {
		at, skipped, when, attempt := r.plan(j, now)
		if when.After(now) {
			if when.Before(next) {
				next = when
			}
			continue
		}
		if ctx.Err() != nil {
			break
		}
		due = true
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r.run(ctx, j, at, skipped, attempt)
		})
	}
	wg.Wait()
	return next, due, nil
}

// plan of a job: which instant comes next, and when it may run.
func (r *Runner) plan(j Job, now time.Time) (at time.Time, skipped int, when time.Time, attempt int) {
	at, skipped = j.next(now, cmp.Or(r.CatchUp, defaultCatchUp))
	when = at.Add(j.Delay)
	r.mu.Lock()
	defer r.mu.Unlock()
	if again, ok := r.retries[j.ID]; ok && again.at.Equal(at) {
		attempt = again.attempts
		if again.next.After(when) {
			when = again.next
		}
	}
	return at, skipped, when, attempt
}

func (r *Runner) run(ctx context.Context, j Job, at time.Time, skipped, attempt int) {
	again := r.Book.Run(ctx, j, at, skipped, attempt)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.retries == nil {
		r.retries = map[string]retry{}
	}
	wait := min(firstRetry<<min(attempt, 10), lastRetry)
	if !again {
		// Without this a book that could not note what it did would be asked at once,
		// for ever. Where it did note it, the next instant is another.
		attempt, wait = -1, lastRetry
	}
	r.retries[j.ID] = retry{at, attempt + 1, r.Clock().Add(wait)}
}

// forget retries of jobs that are gone.
func (r *Runner) forget(jobs []Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.retries) == 0 {
		return
	}
	there := map[string]bool{}
	for _, j := range jobs {
		there[j.ID] = true
	}
	for id := range r.retries {
		if !there[id] {
			delete(r.retries, id)
		}
	}
}

// Loop steps until ctx ends. wake makes it look at once: a job was made or changed.
func (r *Runner) Loop(ctx context.Context, wake <-chan struct{}) {
	Loop(ctx, r.Clock, wake, func(ctx context.Context) time.Time {
		next, err := r.Step(ctx)
		if err != nil && ctx.Err() == nil {
			r.Logger.Error("the schedule cannot be read and is tried again", "reason", err)
		}
		return next
	})
}

// Loop calls step at once, then whenever the time has come that it gave, or wake
// is sent to, until ctx ends.
func Loop(ctx context.Context, clock func() time.Time, wake <-chan struct{}, step func(context.Context) time.Time) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-wake:
		}
		next := step(ctx)
		timer.Reset(max(next.Sub(clock()), 50*time.Millisecond))
	}
}
