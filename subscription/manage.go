package subscription

import (
	"cmp"
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
	r, err := m.Target(s.Resource)
	if err == nil && r.Filter != "" && m.Data == nil {
		err = fault.New(fault.Invalid, "a subscription to a part of %s is not supported here; to all of it is", r.Path)
	}
	if err != nil {
		return s, err
	}
	s.Resource, s.Since = r.String(), m.Clock()
	if s.ChangeType, err = changeTypes(s.ChangeType); err != nil {
		return s, err
	}
	if s.Expires, err = m.life(&s, s.Expires); err != nil {
		return s, err
	}
	if err := m.data(&s); err != nil {
		return s, err
	}
	if !slices.Contains(tlsVersions, s.LatestTLS) {
		return s, fault.New(fault.Invalid, "%q is no latestSupportedTlsVersion; %s are", s.LatestTLS, strings.Join(tlsVersions[1:], ", "))
	}
	if all, err := m.List(s.Tenant, ""); err != nil || len(all) >= MaxEach {
		if err == nil {
			err = fault.New(fault.Limit, "a tenant has %d subscriptions at most; deleting one makes room", MaxEach)
		}
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
	for _, category := range r.Categories {
		loaded, err := t.Loaded(ctx, t.Topic(category))
		if err != nil {
			return s, err
		}
		for p, end := range loaded {
			s.Marks[markOf(t.Topic(category), p)] = end
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

// tlsVersions that a client may say that it has; the first is that it says none.
var tlsVersions = []string{"", "v1_0", "v1_1", "v1_2", "v1_3"}

// life that a subscription is to have.
func (m *Manager) life(s *Subscription, expires time.Time) (time.Time, error) {
	now, most := m.Clock(), MaxLife
	if s.IncludeData {
		most = MaxDataLife
	}
	switch {
	case !expires.After(now):
		return expires, fault.New(fault.Invalid, "expirationDateTime must lie in the future")
	case expires.Sub(now) > most:
		return expires, fault.New(fault.Invalid, "Subscription expiration can only be %d minutes in the future.", int(most/time.Minute))
	case expires.Sub(now) < MinLife:
		return now.Add(MinLife), nil
	}
	return expires, nil
}

// data that a subscription asks to be sent.
func (m *Manager) data(s *Subscription) error {
	if !s.IncludeData {
		if s.Certificate != "" || s.CertificateID != "" {
			return fault.New(fault.Invalid, "encryptionCertificate and encryptionCertificateId go with includeResourceData")
		}
		return nil
	}
	if m.Data == nil {
		return fault.New(fault.Invalid, "notifications with resource data are not sent here; the resource can be read by the id that they name")
	}
	if _, err := certificate(s.Certificate); err != nil {
		return err
	}
	if s.CertificateID == "" || len(s.CertificateID) > MaxCertificateID {
		return fault.New(fault.Invalid, "encryptionCertificateId has 1 to %d characters", MaxCertificateID)
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

// Renewal of a subscription: what is to be another; zero stays as it is.
type Renewal struct {
	Expires                    time.Time
	NotificationURL            string
	Certificate, CertificateID string
}

// Renew a subscription.
func (m *Manager) Renew(ctx context.Context, tenant, app, id string, to Renewal) (Subscription, error) {
	if url := to.NotificationURL; url != "" {
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
	if !to.Expires.IsZero() {
		if s.Expires, err = m.life(&s, to.Expires); err != nil {
			return s, err
		}
		s.Since = m.Clock()
	}
	s.NotificationURL = cmp.Or(to.NotificationURL, s.NotificationURL)
	s.Certificate, s.CertificateID = cmp.Or(to.Certificate, s.Certificate), cmp.Or(to.CertificateID, s.CertificateID)
	if err := m.data(&s); err != nil {
		return s, err
	}
	_, err = m.State.Put(Kind, id, s, "*")
	m.nudge()
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
