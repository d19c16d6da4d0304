// Package notify tells people and machines what happened: by HTTP, by mail and by
// syslog. What is to be told lies in an outbox of the state until it was delivered, so
// that it survives the end of the process; it is delivered at least once, and for one
// target in the order in which it was put there.
//
// An [Outbox] asks its [Owner] where a note goes at the moment it is sent, so that a
// mended address serves the notes that wait. [Sender] makes the destinations.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sextant/fault"
	"sextant/state"
)

// Message is what is told.
type Message struct {
	ID       string          `json:"id"` // the same where it is sent again
	Time     time.Time       `json:"time"`
	Subject  string          `json:"subject"`        // one line, for people
	Text     string          `json:"text,omitempty"` // for people
	Body     json.RawMessage `json:"body"`           // for machines: one JSON value
	Severity Severity        `json:"severity"`
}

// Severity as syslog counts it: 0 is the worst.
type Severity int

// Severities.
const (
	Critical Severity = 2
	Error    Severity = 3
	Warning  Severity = 4
	Notice   Severity = 5
	Info     Severity = 6
)

// Destination takes messages.
type Destination interface {
	// Send one; it was delivered when it returns nil. It ends when ctx does.
	Send(ctx context.Context, m Message) error
}

// Target is who is told, in the words of the owner.
type Target struct {
	Group    string `json:"group"`    // that the receiver belongs to
	Kind     string `json:"kind"`     // of receiver
	Receiver string `json:"receiver"` // its name
}

// Note is a message on its way to one target.
type Note struct {
	About    string    `json:"about"` // what it is about, for the owner
	To       Target    `json:"to"`
	Message  Message   `json:"message"`
	Created  time.Time `json:"created"`
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next"`            // not before
	Error    string    `json:"error,omitempty"` // of the last attempt

	id   string
	etag string
}

// Owner of an outbox.
type Owner interface {
	// Destination of a note as things are now. fault.NotFound and fault.Invalid say
	// that there is none and will be none: the note is given up.
	Destination(ctx context.Context, n Note) (Destination, error)
	// Settled hears of a note that leaves the outbox: delivered, or given up with the
	// reason. It may hear of one twice.
	Settled(ctx context.Context, n Note, reason error) error
}

// Bounds of the outbox.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 15 * time.Minute
	giveUp     = 24 * time.Hour
	lanes      = 8 // targets at once
	sendTime   = 30 * time.Second
	idle       = time.Minute
)

// Outbox of notes. Its fields are not changed once it is in use.
type Outbox struct {
	State  *state.DB
	Kind   string // of its documents
	Owner  Owner
	Clock  func() time.Time
	Logger *slog.Logger

	mu sync.Mutex // of Step: a note is sent by one
}

// Put is the change of the state that puts a note into the outbox. serial orders
// the notes; the same serial and message for the same target is the same note.
func (o *Outbox) Put(n Note, serial time.Time) state.Change {
	n.Created, n.Next = o.Clock().UTC(), time.Time{}
	id := fmt.Sprintf("%020d/%s/%s/%s/%s", serial.UnixNano(), n.Message.ID, n.To.Kind, n.To.Group, n.To.Receiver)
	return state.Change{Kind: o.Kind, ID: id, Body: n}
}

// Step delivers what is due and says when something will be.
func (o *Outbox) Step(ctx context.Context) (next time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.Clock()
	next = now.Add(idle)
	docs, err := o.State.List(o.Kind, "")
	if err != nil {
		return next, err
	}
	var order []Target
	queues := map[Target][]Note{}
	for _, d := range docs {
		var n Note
		if err := d.Decode(&n); err != nil {
			return next, err
		}
		n.id, n.etag = d.ID, d.ETag()
		if queues[n.To] == nil {
			order = append(order, n.To)
		}
		queues[n.To] = append(queues[n.To], n)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, lanes)
	)
	for _, to := range order {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			again, e := o.drain(ctx, queues[to])
			mu.Lock()
			defer mu.Unlock()
			if e != nil && err == nil {
				err = e
			}
			if !again.IsZero() && again.Before(next) {
				next = again
			}
		})
	}
	wg.Wait()
	return next, err
}

// drain the notes for one target, in order, until one cannot be delivered: that one
// is tried again at the time given, and those behind it wait.
func (o *Outbox) drain(ctx context.Context, notes []Note) (again time.Time, err error) {
	for _, n := range notes {
		if ctx.Err() != nil {
			return time.Time{}, nil
		}
		now := o.Clock()
		if n.Next.After(now) {
			return n.Next, nil
		}
		reason := o.send(ctx, n)
		if reason != nil && ctx.Err() != nil {
			return time.Time{}, nil // the process ends; that says nothing about the target
		}
		kind := fault.KindOf(reason)
		final := reason == nil || kind == fault.NotFound || kind == fault.Invalid || now.Sub(n.Created) > giveUp
		if !final {
			n.Next, n.Error = now.Add(min(firstRetry<<min(n.Attempts, 10), lastRetry)), reason.Error()
			n.Attempts++
			if n.Attempts == 1 {
				o.Logger.Warn("a notification was not delivered and is tried again", "to", n.To.Receiver, "kind", n.To.Kind, "group", n.To.Group, "reason", reason)
			}
			return n.Next, o.State.Write(state.Change{Kind: o.Kind, ID: n.id, Body: n, Match: n.etag})
		}
		if reason != nil {
			o.Logger.Error("a notification is given up", "to", n.To.Receiver, "kind", n.To.Kind, "group", n.To.Group, "attempts", n.Attempts+1, "reason", reason)
		}
		if err := o.Owner.Settled(ctx, n, reason); err != nil {
			return time.Time{}, err
		}
		if err := o.State.Write(state.Change{Kind: o.Kind, ID: n.id}); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

func (o *Outbox) send(ctx context.Context, n Note) error {
	d, err := o.Owner.Destination(ctx, n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return d.Send(ctx, n.Message)
}

// Waiting notes: how many are in the outbox.
func (o *Outbox) Waiting() (int, error) {
	docs, err := o.State.List(o.Kind, "")
	return len(docs), err
}
