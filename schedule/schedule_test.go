package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)

func minutes(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

func TestGrid(t *testing.T) {
	g := Grid{Start: start, Every: 5 * time.Minute}
	for _, c := range []struct{ t, at, after time.Time }{
		{minutes(-3), start, start},
		{start, start, minutes(5)},
		{start.Add(time.Nanosecond), minutes(5), minutes(5)},
		{minutes(5), minutes(5), minutes(10)},
		{minutes(12), minutes(15), minutes(15)},
	} {
		if got := g.At(c.t); !got.Equal(c.at) {
			t.Errorf("at or after %s: %s", c.t, got)
		}
		if got := g.After(c.t); !got.Equal(c.after) {
			t.Errorf("after %s: %s", c.t, got)
		}
	}
	if n := g.Count(minutes(1), minutes(15)); n != 3 {
		t.Errorf("%d instants", n)
	}
	if n := g.Count(minutes(6), minutes(9)); n != 0 {
		t.Errorf("%d instants", n)
	}
}

// book of jobs that notes its runs.
type book struct {
	mu    sync.Mutex
	jobs  []Job
	runs  []string
	fails map[string]int // runs of a job that ask for another
	deaf  bool           // notes nothing
	err   error
}

func (b *book) Jobs(context.Context) ([]Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.jobs), b.err
}

func (b *book) Run(_ context.Context, j Job, at time.Time, skipped, attempt int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := fmt.Sprintf("%s@%d", j.ID, int(at.Sub(start).Minutes()))
	if skipped > 0 {
		text += fmt.Sprintf(" skipped %d", skipped)
	}
	if attempt > 0 {
		text += fmt.Sprintf(" attempt %d", attempt)
	}
	b.runs = append(b.runs, text)
	if b.fails[j.ID] > 0 {
		b.fails[j.ID]--
		return true
	}
	for i := range b.jobs {
		if b.jobs[i].ID == j.ID && !b.deaf {
			b.jobs[i].Done = at
		}
	}
	return false
}

// took gives the runs since the last call.
func (b *book) took() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := strings.Join(b.runs, ", ")
	b.runs = nil
	return out
}

func TestRunner(t *testing.T) {
	b := &book{fails: map[string]int{}, jobs: []Job{
		{ID: "five", Grid: Grid{start, 5 * time.Minute}},
		{ID: "late", Grid: Grid{minutes(1), 10 * time.Minute}, Delay: 5 * time.Minute},
	}}
	now := minutes(-1)
	r := &Runner{Book: b, Clock: func() time.Time { return now }, Parallel: 1, CatchUp: 3}
	step := func(at time.Time, want string, next time.Time) {
		t.Helper()
		now = at
		got, err := r.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if runs := b.took(); runs != want || !got.Equal(next) {
			t.Errorf("at %s: %q, next %s (%s)", at.Sub(start), runs, got.Sub(start), next.Sub(start))
		}
	}
	step(minutes(-1), "", start)
	step(start, "five@0", minutes(1)) // looked into every minute
	step(minutes(4), "", minutes(5))
	step(minutes(6), "five@5, late@1", minutes(7))
	step(minutes(6), "", minutes(7))
	// What was missed is made up for, oldest first, taking turns, the newest three.
	step(minutes(31), "five@20 skipped 2, late@11, five@25, late@21, five@30", minutes(32))

	// Another runner, after a restart, goes on where the book stands.
	r = &Runner{Book: b, Clock: r.Clock, Parallel: 1}
	step(minutes(36), "five@35, late@31", minutes(37))

	// What did not succeed is tried again, at growing intervals, and does not hold up
	// the other.
	b.fails["five"] = 3
	step(minutes(40), "five@40", minutes(40).Add(10*time.Second))
	step(minutes(40).Add(9*time.Second), "", minutes(40).Add(10*time.Second))
	step(minutes(40).Add(10*time.Second), "five@40 attempt 1", minutes(40).Add(30*time.Second))
	step(minutes(40).Add(31*time.Second), "five@40 attempt 2", minutes(40).Add(71*time.Second))
	step(minutes(46), "five@40 attempt 3, late@41, five@45", minutes(47))
	// A grid that changes has instants of its own.
	b.jobs[0].Grid.Every = time.Hour
	step(minutes(50), "", minutes(51))
	step(minutes(60), "five@60, late@51", minutes(61))
}

// A book that cannot note what it did is not asked again and again.
func TestDeafBook(t *testing.T) {
	b := &book{deaf: true, jobs: []Job{{ID: "a", Grid: Grid{start, time.Minute}}}}
	now := start
	r := &Runner{Book: b, Clock: func() time.Time { return now }}
	for range 3 {
		if _, err := r.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.took(); got != "a@0" {
		t.Error(got)
	}
}

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := &book{err: errors.New("the disk is gone")}
		var log strings.Builder
		r := &Runner{Book: b, Clock: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, stop := context.WithCancel(context.Background())
		wake := make(chan struct{})
		ended := make(chan struct{})
		go func() { r.Loop(ctx, wake); close(ended) }()
		synctest.Wait()
		if !strings.Contains(log.String(), "the disk is gone") {
			t.Error("an error is lost: " + log.String())
		}
		b.mu.Lock()
		b.err, b.jobs = nil, []Job{{ID: "a", Grid: Grid{began, 20 * time.Second}}}
		b.mu.Unlock()
		wake <- struct{}{}
		synctest.Wait()
		time.Sleep(41 * time.Second)
		synctest.Wait()
		if n := len(b.runs); n != 3 {
			t.Errorf("%d runs in 41 seconds: %v", n, b.runs)
		}
		stop()
		<-ended
	})
}
