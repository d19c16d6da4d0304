package server

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"

	"sextant/access"
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
		Tenant: s.judged,
	}
}

// judged tenant, by its id.
func (s *Server) judged(id string) (protection.Tenant, error) {
	t, err := s.o.Node.Find(id)
	if err != nil {
		return nil, err
	}
	return judged{t, counted{s.o.Node.Door().NoWait(), s.metrics}}, nil
}

// newSubscriptions to what comes in. They do nothing until Work does.
func (s *Server) newSubscriptions(sender *notify.Sender) (*subscription.Manager, error) {
	m := &subscription.Manager{
		State: s.o.Node.State(), Sender: sender, Clock: s.o.Clock, Logger: s.o.Logger,
		Tenant: func(id string) (subscription.Tenant, error) { return s.o.Node.Find(id) },
		May:    s.mayStillRead,
		Data: func(ctx context.Context, sub subscription.Subscription, of subscription.Target, raws [][]byte) ([]json.RawMessage, error) {
			who, err := s.subscriber(sub)
			if err != nil {
				return nil, err
			}
			return s.graph.Notified(ctx, who, graph.Notice{Version: sub.Version, Tenant: sub.Tenant, Path: of.Path, Filter: of.Filter, Members: sub.Members}, raws)
		},
	}
	if tokens, ok := s.o.Tokens.(notificationTokens); ok {
		m.Token = func(sub subscription.Subscription) (string, error) {
			return tokens.NotificationToken(sub.Origin, sub.Tenant, cmp.Or(sub.ApplicationID, sub.CreatorID, sub.ID))
		}
	}
	var err error
	if m.Resources, err = graph.Subscribable(s.o.Node.Model()); err != nil {
		return nil, err
	}
	return m.Start(), nil
}

// notificationTokens are what a token authority may give besides.
type notificationTokens interface {
	NotificationToken(base, tenant, application string) (string, error)
}

// mayStillRead says whether who subscribed may still read the resource.
func (s *Server) mayStillRead(sub subscription.Subscription) bool {
	who, err := s.subscriber(sub)
	if err != nil {
		return false
	}
	of, err := s.subscriptions.Target(sub.Resource)
	return err == nil && s.graph.Readable(who, sub.Version, of.Path)
}

// subscriber is who subscribed, with the rights of today. fault.NotFound, or another
// error, where there is nobody of that name any more.
func (s *Server) subscriber(sub subscription.Subscription) (*access.Principal, error) {
	root := &access.Principal{Kind: access.Key, Root: true, Tenant: sub.Tenant}
	if sub.ApplicationID == "" {
		return root, nil // the administrator's key made it
	}
	app, err := s.o.Accounts.ForApp(sub.Tenant, sub.ApplicationID)
	if err == nil && app.ObjectID == sub.CreatorID {
		return app, nil
	}
	if err == nil { // it asked on behalf of a person
		of, err := s.o.Accounts.App(sub.Tenant, sub.ApplicationID)
		if err != nil {
			return nil, err
		}
		return s.o.Accounts.ForPerson(sub.Tenant, sub.CreatorID, sub.ApplicationID, of.Scopes)
	}
	k, err := s.o.Accounts.APIKey(sub.CreatorID)
	switch {
	case err != nil:
		return nil, err
	case k.Revoked != nil:
		return nil, access.ErrRevokedKey
	case !k.Expires.IsZero() && !s.o.Clock().Before(k.Expires):
		return nil, access.ErrExpiredKey
	}
	return &access.Principal{Kind: access.Key, Tenant: k.Tenant, ObjectID: k.ID, Name: k.Name, Root: k.Root, Permissions: k.Scopes, Roles: k.Roles}, nil
}

// Work evaluates alert rules, delivers what they and subscriptions have to say, and
// writes the audit of queries, until ctx ends.
func (s *Server) Work(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.alerts.Run(ctx) })
	wg.Go(func() { s.subscriptions.Run(ctx) })
	wg.Go(func() { s.audit.run(ctx) })
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
