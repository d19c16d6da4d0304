package subscription

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/notify"
)

// Create a subscription: the fields that a client sets are checked, the URL is asked
// to echo a token, and it is told of what comes in from now on.
func (m *Manager) Create(ctx context.Context, s Subscription) (Subscription, error) {
	var err error
	if s.Resource, err = Resource(s.Resource); err != nil {
		return s, err
	}
	if s.ChangeType, err = changeTypes(s.ChangeType); err != nil {
		return s, err
	}
	if err := m.life(s.Expires); err != nil {
		return s, err
	}
	if len(s.ClientState) > MaxClientState {
		return s, fault.New(fault.Invalid, "clientState has %d characters at most", MaxClientState)
	}
	for _, url := range []string{s.NotificationURL, s.LifecycleNotificationURL} {
		if url == "" && url != s.NotificationURL {
			continue
		}
		if err := notify.CheckWebhook(url); err != nil {
			return s, err
		}
		if err := m.Sender.Echo(ctx, url, uuid.NewString()); err != nil {
			return s, fault.New(fault.Invalid, "Subscription validation request failed: %w", err)
		}
	}
	t, err := m.Tenant(s.Tenant)
	if err != nil {
		return s, err
	}
	s.ID, s.Marks = uuid.NewString(), map[string]int64{}
	for _, r := range resources() {
		if r.path != s.Resource {
			continue
		}
		for _, category := range r.categories {
			loaded, err := t.Loaded(ctx, t.Topic(category))
			if err != nil {
				return s, err
			}
			for p, end := range loaded {
				s.Marks[markOf(t.Topic(category), p)] = end
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.State.Put(Kind, s.ID, s, ""); err != nil {
		return s, err
	}
	m.nudge()
	return s, nil
}

func (m *Manager) nudge() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake
	}
}

func changeTypes(text string) (string, error) {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		switch part {
		case "created", "updated":
			out = append(out, part)
		case "deleted":
			return "", fault.New(fault.Invalid, "nothing of an activity log is deleted; changeType may be created and updated")
		default:
			return "", fault.New(fault.Invalid, "%q is no changeType; created and updated are", part)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ","), nil
}

func (m *Manager) life(expires time.Time) error {
	now := m.Clock()
	switch {
	case !expires.After(now):
		return fault.New(fault.Invalid, "expirationDateTime must lie in the future")
	case expires.Sub(now) > MaxLife:
		return fault.New(fault.Invalid, "Subscription expiration can only be %d minutes in the future.", int(MaxLife/time.Minute))
	}
	return nil
}

// Get a subscription of an application; "" is every application of the tenant.
func (m *Manager) Get(tenant, app, id string) (Subscription, error) {
	var s Subscription
	d, err := m.State.Get(Kind, id)
	if err == nil {
		err = d.Decode(&s)
	}
	if err == nil && (s.Tenant != tenant || app != "" && s.ApplicationID != app || !s.Expires.After(m.Clock())) {
		err = fault.New(fault.NotFound, "there is no subscription %q", id)
	}
	return s, err
}

// List the subscriptions of an application.
func (m *Manager) List(tenant, app string) ([]Subscription, error) {
	docs, err := m.State.List(Kind, "")
	if err != nil {
		return nil, err
	}
	out := []Subscription{}
	for _, d := range docs {
		var s Subscription
		if err := d.Decode(&s); err != nil {
			return nil, err
		}
		if s.Tenant == tenant && (app == "" || s.ApplicationID == app) && s.Expires.After(m.Clock()) {
			out = append(out, s)
		}
	}
	return out, nil
}

// Renew a subscription, and have it told elsewhere where url is not "".
func (m *Manager) Renew(ctx context.Context, tenant, app, id string, expires time.Time, url string) (Subscription, error) {
	if !expires.IsZero() {
		if err := m.life(expires); err != nil {
			return Subscription{}, err
		}
	}
	if url != "" {
		if err := notify.CheckWebhook(url); err != nil {
			return Subscription{}, err
		}
		if err := m.Sender.Echo(ctx, url, uuid.NewString()); err != nil {
			return Subscription{}, fault.New(fault.Invalid, "Subscription validation request failed: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.Get(tenant, app, id)
	if err != nil {
		return s, err
	}
	if !expires.IsZero() {
		s.Expires = expires
	}
	if url != "" {
		s.NotificationURL = url
	}
	_, err = m.State.Put(Kind, id, s, "*")
	return s, err
}

// Delete a subscription. What was on its way to it is not delivered any more.
func (m *Manager) Delete(tenant, app, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.Get(tenant, app, id); err != nil {
		return err
	}
	_, err := m.State.Delete(Kind, id, "")
	return err
}
