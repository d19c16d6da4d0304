package loganalytics

import (
	"context"
	"sync"

	"sextant/fault"
)

// Gate lets so many queries run at a time and so many wait; more are told to come
// again. Its nil lets all pass.
type Gate struct {
	slots   chan struct{}
	waiting int

	mu sync.Mutex
	n  int // that wait
}

// NewGate for running queries at once, and waiting behind them.
func NewGate(running, waiting int) *Gate {
	return &Gate{slots: make(chan struct{}, running), waiting: waiting}
}

// ErrThrottled is what one query too many is told.
var ErrThrottled = fault.New(fault.Unavailable, "too many queries run at this moment; send the same again in a second")

// enter waits for a place; leave gives it back.
func (g *Gate) enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	g.mu.Lock()
	full := g.n >= g.waiting
	if !full {
		g.n++
	}
	g.mu.Unlock()
	if full {
		return nil, ErrThrottled
	}
	defer func() {
		g.mu.Lock()
		g.n--
		g.mu.Unlock()
	}()
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
