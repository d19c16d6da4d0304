package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"sextant/access"
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

// whose subscriptions a call is about: the tenant, and the application, "" for the
// administrator's key, which sees all.
func (c *Call) whose() (tenant, app string, err error) {
	t, err := c.face.o.Tenants.GraphTenant(c.Who, c.Header.Get(TenantHeader))
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
	optional := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return map[string]any{
		"id": s.ID, "resource": s.Resource, "changeType": s.ChangeType, "notificationUrl": s.NotificationURL,
		"lifecycleNotificationUrl": optional(s.LifecycleNotificationURL), "clientState": optional(s.ClientState),
		"expirationDateTime": s.Expires.UTC().Format("2006-01-02T15:04:05.9999999Z"), "applicationId": optional(s.ApplicationID), "creatorId": optional(s.CreatorID),
		"latestSupportedTlsVersion": optional(s.LatestTLS), "includeResourceData": nil, "encryptionCertificate": nil, "encryptionCertificateId": nil,
		"notificationQueryOptions": nil, "notificationUrlAppId": nil,
	}
}

func (s *Subscriptions) create(ctx context.Context, c *Call) (*Reply, error) {
	var in struct {
		Resource, ChangeType, NotificationURL, LifecycleNotificationURL, ClientState, LatestSupportedTLSVersion string
		ExpirationDateTime                                                                                      time.Time
		IncludeResourceData                                                                                     *bool
	}
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return nil, BadRequest("The request body is not a subscription: %s", err)
	}
	if in.IncludeResourceData != nil && *in.IncludeResourceData {
		return nil, BadRequest("Notifications with resource data are not sent; the resource can be read by the id that they name.")
	}
	path, err := subscription.Resource(in.Resource)
	if err != nil {
		return nil, err
	}
	if err := c.mayRead(path); err != nil {
		return nil, err
	}
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	sub, err := s.Manager.Create(ctx, subscription.Subscription{
		Resource: path, ChangeType: in.ChangeType, NotificationURL: in.NotificationURL, LifecycleNotificationURL: in.LifecycleNotificationURL,
		ClientState: in.ClientState, LatestTLS: in.LatestSupportedTLSVersion, Expires: in.ExpirationDateTime,
		ApplicationID: app, CreatorID: c.Who.ObjectID, Tenant: tenant,
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
	var in struct {
		ExpirationDateTime time.Time
		NotificationURL    string
	}
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return nil, BadRequest("The request body is not a subscription: %s", err)
	}
	tenant, app, err := c.whose()
	if err != nil {
		return nil, err
	}
	sub, err := s.Manager.Get(tenant, app, c.Values["id"])
	if err != nil {
		return nil, err
	}
	if err := c.mayRead(sub.Resource); err != nil {
		return nil, err
	}
	if sub, err = s.Manager.Renew(ctx, tenant, app, sub.ID, in.ExpirationDateTime, strings.TrimSpace(in.NotificationURL)); err != nil {
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
		err = c.mayRead(sub.Resource)
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

// Readable says whether a principal may read a resource of a tenant: what a
// subscription that was made earlier still needs.
func (f *Face) Readable(who *access.Principal, path string) bool {
	c := &Call{Version: versions[0], Who: who, Header: http.Header{}, Batched: true}
	c.face, c.api = f, f.api[0]
	return c.mayRead(path) == nil
}
