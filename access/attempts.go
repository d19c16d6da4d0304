package access

import (
	"context"
	"strings"
	"sync"
	"time"
)

// attempts at one name take turns.
type attempts struct {
	mu    sync.Mutex
	lines map[string]*line
}

type line struct {
	turn    chan struct{} // holds one token while nobody is in
	waiting int
}

func newAttempts() *attempts { return &attempts{lines: map[string]*line{}} }

func (a *attempts) enter(ctx context.Context, name string) (done func(), err error) {
	a.mu.Lock()
	l := a.lines[name]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		a.lines[name] = l
	}
	l.waiting++
	a.mu.Unlock()
	leave := func() {
		a.mu.Lock()
		if l.waiting--; l.waiting == 0 {
			delete(a.lines, name)
		}
		a.mu.Unlock()
	}
	select {
	case <-l.turn:
		return func() { l.turn <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// strangers are names that nobody has and somebody tried. They are locked as accounts
// are, so that nobody learns which names there are.
type strangers struct {
	mu    sync.Mutex
	tries map[string]stranger
}

type stranger struct {
	failures int
	until    time.Time
	last     time.Time
}

// maxStrangers that are remembered; then the one that was quiet longest is forgotten.
const maxStrangers = 10_000

func newStrangers() *strangers { return &strangers{tries: map[string]stranger{}} }

func (s *strangers) locked(tenant, upn string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.tries[tenant+"\x00"+strings.ToLower(upn)].until)
}

func (s *strangers) failed(tenant, upn string, now time.Time) {
	if len(upn) > maxUPN {
		return // no account can have it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := tenant + "\x00" + strings.ToLower(upn)
	t := s.tries[key]
	t.failures++
	t.last = now
	if d := lockTime(t.failures); d > 0 {
		t.until = now.Add(d)
	}
	if s.tries[key] = t; len(s.tries) <= maxStrangers {
		return
	}
	oldest := key
	for k, x := range s.tries {
		if x.last.Before(s.tries[oldest].last) {
			oldest = k
		}
	}
	delete(s.tries, oldest)
}
