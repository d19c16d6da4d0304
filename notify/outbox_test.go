package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/fault"
	"sextant/state"
)

// owner whose destinations are names; what it hears is noted.
type owner struct {
	mu   sync.Mutex
	fail map[string]error // by receiver
	gone map[string]bool
	told []string
}

func (o *owner) Destination(_ context.Context, n Note) (Destination, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone[n.To.Receiver] {
		return nil, fault.New(fault.NotFound, "%s is gone", n.To.Receiver)
	}
	return named{o, n.To.Receiver}, nil
}

func (o *owner) Settled(_ context.Context, n Note, reason error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if reason != nil {
		o.told = append(o.told, fmt.Sprintf("%s gave up %s: %v", n.To.Receiver, n.Message.ID, reason))
	}
	return nil
}

func (o *owner) took() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := strings.Join(o.told, ", ")
	o.told = nil
	return out
}

type named struct {
	o    *owner
	name string
}

func (d named) Send(_ context.Context, m Message) error {
	d.o.mu.Lock()
	defer d.o.mu.Unlock()
	if err := d.o.fail[d.name]; err != nil {
		return err
	}
	d.o.told = append(d.o.told, d.name+" got "+m.ID)
	return nil
}

func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	db, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	begin := now
	clock := func() time.Time { return now }
	who := &owner{fail: map[string]error{}, gone: map[string]bool{}}
	box := &Outbox{State: db, Kind: "note", Owner: who, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	put := func(receiver, id string) {
		t.Helper()
		n := Note{To: Target{"g", "webhook", receiver}, Message: Message{ID: id, Body: json.RawMessage("{}")}}
		if err := box.State.Write(box.Put(n, now)); err != nil {
			t.Fatal(err)
		}
	}
	step := func(want string, next time.Duration) {
		t.Helper()
		at, err := box.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := who.took(); got != want || at.Sub(begin) != next {
			t.Errorf("after %s: %q, next after %s (%s)", now.Sub(begin), got, at.Sub(begin), next)
		}
	}
	step("", time.Minute)
	put("ann", "1")
	put("ann", "1") // the same note
	now = now.Add(time.Second)
	put("ann", "2")
	step("ann got 1, ann got 2", time.Minute+time.Second)

	// What cannot be delivered waits, longer each time, and those behind it for the
	// same target; another target does not.
	who.fail["bob"] = fault.New(fault.Unavailable, "nobody is there")
	put("bob", "1")
	now = now.Add(time.Second)
	put("bob", "2")
	step("", 7*time.Second) // tried at 2 s, again at 7
	put("ann", "3")
	step("ann got 3", 7*time.Second)
	now = begin.Add(7 * time.Second)
	step("", 17*time.Second)
	now = begin.Add(17 * time.Second)
	step("", 37*time.Second)

	// A restart loses nothing.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = state.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	box = &Outbox{State: db, Kind: "note", Owner: who, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	step("", 37*time.Second)
	who.fail["bob"] = nil
	now = begin.Add(40 * time.Second)
	step("bob got 1, bob got 2", 100*time.Second)

	// A target that is gone, and one that does not answer for a day, are given up.
	who.gone["carl"] = true
	put("carl", "1")
	step("carl gave up 1: carl is gone", 100*time.Second)
	who.fail["dora"] = fault.New(fault.Unavailable, "down")
	put("dora", "1")
	step("", 45*time.Second)
	now = now.Add(25 * time.Hour)
	step("dora gave up 1: down", now.Sub(begin)+time.Minute)
	if n, err := box.Waiting(); n != 0 || err != nil {
		t.Errorf("%d notes wait, %v", n, err)
	}
}
