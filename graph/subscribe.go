package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"sextant/record"
	"sextant/subscription"
)

// Subscriptions are the operations by which applications have themselves told of what
// comes in. Whoever may read a resource may subscribe to it.
type Subscriptions struct{ Manager *subscription.Manager }

// Operations on subscriptions.
func (s *Subscriptions) Operations() []Operation {
	return []Operation{
		{Method: http.MethodPost, Path: "subscriptions", Do: s.create},
		{Method: http.MethodGet, Path: "subscriptions", Do: s.list},
		{Method: http.MethodGet, Path: "subscriptions/{id}", Do: s.get},
		{Method: http.MethodPatch, Path: "subscriptions/{id}", Do: s.renew},
		{Method: http.MethodDelete, Path: "subscriptions/{id}", Do: s.end},
		{Method: http.MethodPost, Path: "subscriptions/{id}/reauthorize", Do: s.reauthorize},
	}
}

// mayRead a resource: an error says why not. It sets the call's tenant.
func (c *Call) mayRead(path string) error {
	part := Call{Method: http.MethodGet}
	var err error
	if part.Path, err = segments(path); err != nil {
		return err
	}
	op, err := c.api.find(&part)
	if err != nil {
		return err
	}
	return c.face.allow(c, op)
}

// mayRead what a subscription is to.
func (s *Subscriptions) mayRead(c *Call, sub subscription.Subscription) error {
	of, err := s.Manager.Target(sub.Resource)
	if err != nil {
		return err
	}
	return c.mayRead(of.Path)
}

// whose subscriptions a call is about: the tenant, and the application, "" for the
// administrator's key, which sees all.
func (c *Call) whose() (tenant, app string, err error) {
	t, err := c.tenant()
	if err != nil {
		return "", "", err
	}
	if c.Who.Root {
		return t.ID, "", nil
	}
	if app = c.Who.AppID; app == "" {
		app = c.Who.ObjectID
	}
	return t.ID, app, nil
}

// shown is a subscription as Graph shows it.
func shown(s subscription.Subscription) map[string]any {
	var data any
	if s.IncludeData {
		data = true
	}
	return map[string]any{
		"id": s.ID, "resource": s.Resource, "changeType": s.ChangeType, "notificationUrl": s.NotificationURL,
		"lifecycleNotificationUrl": record.TextOrNull(s.LifecycleNotificationURL), "clientState": record.TextOrNull(s.ClientState),
		"expirationDateTime": s.Expires.UTC().Format("2006-01-02T15:04:05.9999999Z"), "applicationId": record.TextOrNull(s.ApplicationID), "creatorId": record.TextOrNull(s.CreatorID),
		"latestSupportedTlsVersion": record.TextOrNull(s.LatestTLS), "includeResourceData": data, "encryptionCertificate": record.TextOrNull(s.Certificate),
		"encryptionCertificateId": record.TextOrNull(s.CertificateID), "notificationQueryOptions": nil, "notificationUrlAppId": record.TextOrNull(s.URLAppID),
	}
}

// subscriptionBody is what a client says of a subscription.
type subscriptionBody struct {
	Resource, ChangeType, NotificationURL, LifecycleNotificationURL, ClientState, LatestSupportedTLSVersion string
	EncryptionCertificate, EncryptionCertificateID, NotificationURLAppID, NotificationQueryOptions          string
	ExpirationDateTime                                                                                      time.Time
	IncludeResourceData                                                                                     bool
}

func readSubscription(c *Call) (in subscriptionBody, err error) {
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return in, badJSON("it should be a subscription: " + err.Error())
	}
	if in.NotificationQueryOptions != "" {
		return in, BadRequest("notificationQueryOptions are of printers alone; a $filter in the resource works.")
	}
	return in, nil
}

func (s *Subscriptions) create(ctx context.Context, c *Call) (*Reply, error) {
	in, err := readSubscription(c)
	if err != nil {
		return nil, err
	}
	r, err := s.Manager.Target(in.Resource)
	if err != nil {
		return nil, err
	}
	if err := c.mayRead(r.Path); err != nil {
		return nil, err
	}
	if _, err := c.face.sieve(c.api, c.api.resource(r.Path), r.Filter); err != nil {
		return nil, err
	}
	_, members := c.prefers(preferMembers)
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	if in.NotificationURLAppID != "" && in.NotificationURLAppID != app {
		return nil, BadRequest("notificationUrlAppId may be the id of the application that subscribes; tokens are made out to no other.")
	}
	sub, err := s.Manager.Create(ctx, subscription.Subscription{
		Resource: r.String(), Members: members, ChangeType: in.ChangeType, NotificationURL: in.NotificationURL, LifecycleNotificationURL: in.LifecycleNotificationURL,
		ClientState: in.ClientState, LatestTLS: in.LatestSupportedTLSVersion, Expires: in.ExpirationDateTime, URLAppID: in.NotificationURLAppID,
		IncludeData: in.IncludeResourceData, Certificate: in.EncryptionCertificate, CertificateID: in.EncryptionCertificateID,
		ApplicationID: app, CreatorID: c.Who.ObjectID, Tenant: tenant, Version: c.Version, Origin: strings.TrimSuffix(c.Base, "/"+c.Version+"/"),
	})
	if err != nil {
		return nil, err
	}
	reply, err := Object(c, "subscriptions/$entity", shown(sub))
	if err != nil {
		return nil, err
	}
	reply.Status = http.StatusCreated
	return reply, nil
}

func (s *Subscriptions) list(_ context.Context, c *Call) (*Reply, error) {
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	subs, err := s.Manager.List(tenant, app)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, sub := range subs {
		out = append(out, shown(sub))
	}
	return Object(c, "subscriptions", map[string]any{"value": out})
}

func (s *Subscriptions) get(_ context.Context, c *Call) (*Reply, error) {
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	sub, err := s.Manager.Get(tenant, app, c.Values["id"])
	if err != nil {
		return nil, err
	}
	return Object(c, "subscriptions/$entity", shown(sub))
}

func (s *Subscriptions) renew(ctx context.Context, c *Call) (*Reply, error) {
	in, err := readSubscription(c)
	if err != nil {
		return nil, err
	}
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	sub, err := s.Manager.Get(tenant, app, c.Values["id"])
	if err != nil {
		return nil, err
	}
	if err := s.mayRead(c, sub); err != nil {
		return nil, err
	}
	if sub, err = s.Manager.Renew(ctx, tenant, app, sub.ID, subscription.Renewal{
		Expires: in.ExpirationDateTime, NotificationURL: strings.TrimSpace(in.NotificationURL), Certificate: in.EncryptionCertificate, CertificateID: in.EncryptionCertificateID,
	}); err != nil {
		return nil, err
	}
	return Object(c, "subscriptions/$entity", shown(sub))
}

// reauthorize answers a client that was asked to show that it may still read.
func (s *Subscriptions) reauthorize(_ context.Context, c *Call) (*Reply, error) {
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	sub, err := s.Manager.Get(tenant, app, c.Values["id"])
	if err == nil {
		err = s.mayRead(c, sub)
	}
	if err == nil {
		err = s.Manager.Reauthorized(tenant, app, sub.ID)
	}
	return done(err)
}

func (s *Subscriptions) end(_ context.Context, c *Call) (*Reply, error) {
	tenant, app, err := c.whose()
	if err == nil {
		err = s.Manager.Delete(tenant, app, c.Values["id"])
	}
	return done(err)
}
