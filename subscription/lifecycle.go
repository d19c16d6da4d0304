package subscription

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"sextant/fault"
	"sextant/notify"
	"sextant/state"
)

// Events in the life of a subscription, which its lifecycleNotificationUrl hears of.
const (
	// Removed: who subscribed may not read the resource any more.
	Removed = "subscriptionRemoved"
	// Missed: notifications were given up.
	Missed = "missed"
	// Reauthorize: the subscription ends soon; renewing or reauthorizing answers.
	Reauthorize = "reauthorizationRequired"
)

// warnBefore is how long before its end a subscription is told of it, or a quarter of
// its life where that is shorter.
const warnBefore = 12 * time.Hour

// Kinds of targets in the outbox.
const (
	toWebhook   = "webhook"
	toLifecycle = "lifecycle"
)

// lifecycleEvent is what is told.
type lifecycleEvent struct {
	Subscription string `json:"subscriptionId"`
	Expires      string `json:"subscriptionExpirationDateTime"`
	Event        string `json:"lifecycleEvent"`
	Resource     string `json:"resource,omitempty"`
	ClientState  string `json:"clientState,omitempty"`
	TenantID     string `json:"tenantId"`
}

// event is the change of the state by which a subscription hears of an event; none
// where it gave no URL for that. about tells two of the same kind apart.
func (m *Manager) event(s *Subscription, event, about string) ([]state.Change, error) {
	if s.LifecycleNotificationURL == "" {
		return nil, nil
	}
	body := payload{Value: []any{lifecycleEvent{
		Subscription: s.ID, Expires: s.Expires.UTC().Format(time.RFC3339), Event: event, Resource: s.Resource, ClientState: s.ClientState, TenantID: s.Tenant,
	}}}
	if err := m.sign(s, &body); err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fault.New(fault.Internal, "a notification has no JSON: %w", err)
	}
	now := m.Clock()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", s.ID, event, about))
	// The subscription may be gone when this is sent: the note says where it goes, in
	// its text for people, whom nothing of it reaches.
	return []state.Change{m.outbox.Put(notify.Note{
		About: s.ID, To: notify.Target{Group: s.ID, Kind: toLifecycle, Receiver: s.ID},
		Message: notify.Message{ID: guid(sum[:16]), Time: now, Subject: event, Text: s.LifecycleNotificationURL, Body: text, Severity: notify.Info},
	}, now)}, nil
}

// remove a subscription that may not go on, and say so.
func (m *Manager) remove(s *Subscription, etag string) error {
	changes, err := m.event(s, Removed, "")
	if err != nil {
		return err
	}
	return m.State.Write(append(changes, state.Change{Kind: Kind, ID: s.ID, Match: etag})...)
}

// warn a subscription of its end, once.
func (m *Manager) warn(s *Subscription, etag string) (told bool, err error) {
	before := min(warnBefore, s.Expires.Sub(s.Since)/4)
	if s.LifecycleNotificationURL == "" || s.Warned.Equal(s.Expires) || s.Expires.Sub(m.Clock()) > before {
		return false, nil
	}
	changes, err := m.event(s, Reauthorize, s.Expires.String())
	if err != nil {
		return false, err
	}
	s.Warned = s.Expires
	return true, m.State.Write(append(changes, state.Change{Kind: Kind, ID: s.ID, Body: s, Match: etag})...)
}

// Reauthorized: who subscribed showed that it may still read.
func (m *Manager) Reauthorized(tenant, app, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.Get(tenant, app, id)
	if err != nil {
		return err
	}
	s.Warned = s.Expires
	_, err = m.State.Put(Kind, id, s, "*")
	return err
}

// owner of the outbox.
type owner struct{ m *Manager }

// Destination implements notify.Owner.
func (o owner) Destination(_ context.Context, n notify.Note) (notify.Destination, error) {
	if n.To.Kind == toLifecycle {
		return o.m.Sender.Webhook(n.Message.Text)
	}
	d, err := o.m.State.Get(Kind, n.About)
	if err != nil {
		return nil, err
	}
	var s Subscription
	if err := d.Decode(&s); err != nil {
		return nil, err
	}
	return o.m.Sender.Webhook(s.NotificationURL)
}

// Settled implements notify.Owner: a subscription whose notifications are given up is
// told that it missed some. The records themselves are where they were.
func (o owner) Settled(_ context.Context, n notify.Note, reason error) error {
	if reason == nil || n.To.Kind != toWebhook {
		return nil
	}
	d, err := o.m.State.Get(Kind, n.About)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil
	}
	var s Subscription
	if err == nil {
		err = d.Decode(&s)
	}
	if err != nil {
		return err
	}
	changes, err := o.m.event(&s, Missed, n.Message.ID)
	if err != nil || len(changes) == 0 {
		return err
	}
	return o.m.State.Write(changes...)
}
