package authority

import (
	"sync"
	"time"
)

// limiter counts what happens under a name within a window of time.
type limiter struct {
	most   int
	window time.Duration

	mu    sync.Mutex
	names map[string]window
}

type window struct {
	began time.Time
	n     int
}

// maxNames that are counted at a time; then those whose window is over are forgotten,
// and where none is, all are.
const maxNames = 50_000

func newLimiter(most int, w time.Duration) *limiter {
	return &limiter{most: most, window: w, names: map[string]window{}}
}

// wait is how long a name must, and 0 when it need not.
func (l *limiter) wait(name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.names[name]
	if !ok || w.n < l.most || now.Before(w.began) {
		return 0
	}
	return max(0, w.began.Add(l.window).Sub(now))
}

// count one. It is false when that was one too many.
func (l *limiter) count(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.names[name]
	if !ok || !now.Before(w.began.Add(l.window)) || now.Before(w.began) {
		if len(l.names) >= maxNames {
			l.forget(now)
		}
		w = window{began: now}
	}
	w.n++
	l.names[name] = w
	return w.n <= l.most
}

func (l *limiter) forget(now time.Time) {
	for name, w := range l.names {
		if !now.Before(w.began.Add(l.window)) {
			delete(l.names, name)
		}
	}
	if len(l.names) >= maxNames {
		clear(l.names)
	}
}

// clear a name, whose attempt was a good one.
func (l *limiter) clear(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, name)
}
