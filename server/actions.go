package server

import (
	"context"
	"sync"

	"sextant/graph"
	"sextant/node"
	"sextant/notify"
	"sextant/protection"
	"sextant/sentinel"
	"sextant/source"
	"sextant/store"
	"sextant/subscription"
)

// actions of Graph that change something.
func (s *Server) actions() *graph.Actions {
	return &graph.Actions{
		Risk: &protection.Desk{Clock: s.o.Clock}, Cases: &sentinel.Desk{Clock: s.o.Clock},
		Tenant: func(id string) (protection.Tenant, error) {
			t, err := s.o.Node.Find(id)
			if err != nil {
				return nil, err
			}
			return judged{t, counted{s.o.Node.Door().NoWait(), s.metrics}}, nil
		},
	}
}

// newSubscriptions to what comes in. They do nothing until Work does.
func (s *Server) newSubscriptions(sender *notify.Sender) *subscription.Manager {
	m := &subscription.Manager{
		State: s.o.Node.State(), Sender: sender, Clock: s.o.Clock, Logger: s.o.Logger,
		Tenant: func(id string) (subscription.Tenant, error) { return s.o.Node.Find(id) },
		May:    s.mayStillRead,
	}
	return m.Start()
}

// mayStillRead says whether who subscribed may still read the resource.
func (s *Server) mayStillRead(sub subscription.Subscription) bool {
	if sub.ApplicationID == "" {
		return true // the administrator's key made it
	}
	app, err := s.o.Accounts.ForApp(sub.Tenant, sub.ApplicationID)
	if err == nil && app.ObjectID == sub.CreatorID {
		return s.graph.Readable(app, sub.Resource)
	}
	if err == nil { // it asked on behalf of a person
		of, err := s.o.Accounts.App(sub.Tenant, sub.ApplicationID)
		if err != nil {
			return false
		}
		who, err := s.o.Accounts.ForPerson(sub.Tenant, sub.CreatorID, sub.ApplicationID, of.Scopes)
		return err == nil && s.graph.Readable(who, sub.Resource)
	}
	_, err = s.o.Accounts.APIKey(sub.CreatorID)
	return err == nil
}

// Work evaluates alert rules and delivers what they and subscriptions have to say
// until ctx ends.
func (s *Server) Work(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.alerts.Run(ctx) })
	wg.Go(func() { s.subscriptions.Run(ctx) })
	wg.Wait()
}

// judged is a tenant in which risks are judged and incidents are worked on.
type judged struct {
	*node.Tenant
	door source.Appender
}

var _ protection.Tenant = judged{}

func (j judged) ID() string { return j.Tenant.ID }

func (j judged) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	return j.door.Append(ctx, recs)
}

func (j judged) Snapshot(ctx context.Context) (store.Snapshot, error) { return j.Store.Snapshot(ctx) }

func (j judged) Settle(ctx context.Context) error { return j.Loader.CatchUp(ctx) }
