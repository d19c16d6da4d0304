// Package protection is Identity Protection: what an administrator says of a risk,
// and what follows from it.
//
// Nothing is changed where it lies. A sign-in is said anew with another risk under
// the same identity (record.Amended); a detection and the state of a user are
// records that are known by the moment of their last update, so that each change is
// one more of them, and the history is their sequence. Whatever an action writes
// enters by the one door, the directory audit record of the action among it.
//
// Source: Microsoft's pages on risk feedback and remediation, the enumerations of
// Graph, and records as Azure exports them.
package protection

import (
	"context"
	"slices"
	"time"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
	"sextant/store"
)

// Tenant is where risk is judged: the records of one directory.
type Tenant interface {
	ID() string
	// Find the record that a category knows by an id, as it stands in the log now;
	// fault.NotFound where there is none.
	Find(ctx context.Context, category, id string) (raw []byte, form record.Form, err error)
	// Raw record at a place of the log.
	Raw(ctx context.Context, place store.Place) ([]byte, error)
	Snapshot(ctx context.Context) (store.Snapshot, error)
	Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error)
	// Exclusive waits for its turn: changes that depend on what is there are made one
	// at a time.
	Exclusive() (done func())
	// Settle waits until what was appended can be read.
	Settle(ctx context.Context) error
}

// Action on a risk.
type Action string

// Actions. The names are the last segments of Graph's paths.
const (
	ConfirmSafe        Action = "confirmSafe"
	ConfirmCompromised Action = "confirmCompromised"
	Dismiss            Action = "dismiss"
)

// Actor is who acts.
type Actor = record.AuditActor

// MaxIDs of one action.
const MaxIDs = 500

// Desk takes actions.
type Desk struct {
	Clock func() time.Time
}

// OnSignIns acts on the risk of sign-ins, by their ids (Graph's requestIds). All
// must be there: with fault.NotFound nothing was done. An action that was taken
// before changes nothing more.
func (d *Desk) OnSignIns(ctx context.Context, t Tenant, who Actor, a Action, ids []string) error {
	if _, ok := onSignIn[a]; !ok {
		return fault.New(fault.Invalid, "there is no action %q on sign-ins", a)
	}
	return d.act(ctx, t, ids, func(c *change) error {
		for _, id := range ids {
			if err := c.signIn(id, a); err != nil {
				return err
			}
		}
		return c.audit(who, onSignIn[a].activity)
	})
}

// OnSubjects acts on the risk of users, service principals or agents. All must be
// there: with fault.NotFound nothing was done.
func (d *Desk) OnSubjects(ctx context.Context, t Tenant, who Actor, s Subject, a Action, ids []string) error {
	if _, ok := s.outcomes[a]; !ok {
		return fault.New(fault.Invalid, "there is no action %q on a %s", a, s.Name)
	}
	return d.act(ctx, t, ids, func(c *change) error {
		for _, id := range ids {
			if err := c.subject(s, id, a, who); err != nil {
				return err
			}
		}
		return c.audit(who, s.outcomes[a].activity)
	})
}

func (d *Desk) act(ctx context.Context, t Tenant, ids []string, f func(*change) error) error {
	switch {
	case len(ids) == 0:
		return fault.New(fault.Invalid, "no id was given to act on")
	case len(ids) > MaxIDs:
		return fault.New(fault.Limit, "an action takes %d ids at most, not %d", MaxIDs, len(ids))
	case slices.Contains(ids, ""):
		return fault.New(fault.Invalid, "one of the ids is empty")
	}
	defer t.Exclusive()()
	if err := t.Settle(ctx); err != nil {
		return err
	}
	snap, err := t.Snapshot(ctx)
	if err != nil {
		return err
	}
	c := &change{ctx: ctx, t: t, snap: snap, now: d.Clock().UTC().Truncate(time.Millisecond), subjects: map[string]*standing{}, signIns: map[string]bool{}}
	if err := f(c); err != nil {
		_ = snap.Close()
		return err
	}
	if err := snap.Close(); err != nil {
		return err
	}
	verdicts, err := t.Append(ctx, c.out)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Outcome == source.DeadLettered {
			return fault.New(fault.Internal, "a record of the action was set aside: %s", v.Reason)
		}
	}
	return t.Settle(ctx)
}
