// Package subscription sends Microsoft Graph's change notifications: who subscribed
// to a resource is told of each record of it that came in.
//
// A [Manager] reads the log behind the loader, so that what a notification names can
// be read by the time it arrives. Where a subscription has read to is kept in the
// same write that puts its notifications into the outbox: none is lost with the
// process, and each is delivered at least once.
//
// Source: Microsoft's documentation of change notifications: the handshake, the body
// and its limits, notifications with resource data, and events of the life cycle.
package subscription

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sextant/fault"
	"sextant/notify"
	"sextant/record"
	"sextant/schedule"
	"sextant/state"
	"sextant/store"
)

// Kinds of documents in the state.
const (
	Kind       = "graph-subscription"
	outboxKind = "graph-notification"
)

// Subscription as Graph shows it, and what it needs to go on.
type Subscription struct {
	ID                       string    `json:"id"`
	Resource                 string    `json:"resource"`
	ChangeType               string    `json:"changeType"`
	NotificationURL          string    `json:"notificationUrl"`
	LifecycleNotificationURL string    `json:"lifecycleNotificationUrl,omitempty"`
	ClientState              string    `json:"clientState,omitempty"`
	Expires                  time.Time `json:"expirationDateTime"`
	ApplicationID            string    `json:"applicationId"`
	CreatorID                string    `json:"creatorId"`
	LatestTLS                string    `json:"latestSupportedTlsVersion,omitempty"`
	// Members of enumerations that came later are sent as they are.
	Members  bool   `json:"includeUnknownEnumMembers,omitempty"`
	URLAppID string `json:"notificationUrlAppId,omitempty"`

	// IncludeData sends what changed with the notification, encrypted.
	IncludeData   bool   `json:"includeResourceData,omitempty"`
	Certificate   string `json:"encryptionCertificate,omitempty"` // base64
	CertificateID string `json:"encryptionCertificateId,omitempty"`

	Tenant  string           `json:"tenant"`
	Version string           `json:"version,omitempty"` // of Graph that it was made in
	Origin  string           `json:"origin,omitempty"`  // of the server, as the client saw it
	Since   time.Time        `json:"since"`
	Warned  time.Time        `json:"warned"` // of which end it was told
	Marks   map[string]int64 `json:"marks"`  // by topic and partition: the next offset
}

// Tenant whose records are told of.
type Tenant interface {
	// Topic of a category.
	Topic(category string) string
	// Loaded says of each partition of a topic how far its records can be queried: the
	// first offset that cannot.
	Loaded(ctx context.Context, topic string) ([]int64, error)
	// Records of a partition from one offset up to another, in order, without those
	// that had come before. It ends early when emit says so.
	Records(ctx context.Context, tp store.TopicPartition, from, to int64, emit func(place store.Place, form record.Form, raw []byte) (more bool)) error
}

// Limits.
const (
	MinLife        = 45 * time.Minute // what asks for less gets it
	MaxLife        = 43_200 * time.Minute
	MaxDataLife    = 1_440 * time.Minute // with resource data
	MaxClientState = 255
	MaxEach        = 1_000 // subscriptions of a tenant
	maxEach        = 100   // notifications of one delivery
	maxStep        = 2_000
	every          = time.Second
	idle           = time.Minute
)

// Manager of the subscriptions of a node. The fields are set before Start.
type Manager struct {
	State  *state.DB
	Sender *notify.Sender
	Clock  func() time.Time
	Logger *slog.Logger
	// Tenant by its id.
	Tenant func(id string) (Tenant, error)
	// Resources that can be subscribed to.
	Resources []Resource
	// May says whether who subscribed may still read the resource; nil lets all.
	May func(s Subscription) bool
	// Data is what who subscribed sees of records of the target's resource, as JSON
	// objects; nil stands for what the target's filter leaves out. Without it there are
	// no subscriptions with resource data or a filter.
	Data func(ctx context.Context, s Subscription, of Target, raws [][]byte) ([]json.RawMessage, error)
	// Token proves to who is told who tells: a signed token for the application. With
	// nil, notifications with resource data have none.
	Token func(s Subscription) (string, error)

	outbox *notify.Outbox
	wake   chan struct{}
	mu     sync.Mutex // of steps and of changes
}

// Start makes the manager ready. Nothing runs until Run does.
func (m *Manager) Start() *Manager {
	m.wake = make(chan struct{}, 1)
	m.outbox = &notify.Outbox{State: m.State, Kind: outboxKind, Owner: owner{m}, Clock: m.Clock, Logger: m.Logger}
	return m
}

// Run until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	schedule.Loop(ctx, m.Clock, m.wake, func(ctx context.Context) time.Time {
		next, err := m.Step(ctx)
		if err != nil && ctx.Err() == nil {
			m.Logger.Error("change notifications wait and are tried again", "reason", err)
		}
		return next
	})
}

// Step tells of what came in, and says when to come again: Run without the waiting.
func (m *Manager) Step(ctx context.Context) (next time.Time, err error) {
	more, some, err := m.collect(ctx)
	if err != nil {
		return m.Clock().Add(every), err
	}
	next, err = m.outbox.Step(ctx)
	switch at := m.Clock().Add(every); {
	case more:
		return m.Clock(), err
	case some && at.Before(next):
		next = at
	}
	return next, err
}

// collect what came in since the last time. more says that there is more of it.
func (m *Manager) collect(ctx context.Context) (more, some bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	docs, err := m.State.List(Kind, "")
	if err != nil {
		return false, false, err
	}
	for _, d := range docs {
		var s Subscription
		if err := d.Decode(&s); err != nil {
			return more, some, err
		}
		if !s.Expires.After(m.Clock()) {
			if _, err := m.State.Delete(Kind, d.ID, ""); err != nil {
				return more, some, err
			}
			continue
		}
		if m.May != nil && !m.May(s) {
			if err := m.remove(&s, d.ETag()); err != nil && fault.KindOf(err) != fault.Conflict {
				return more, some, err
			}
			continue
		}
		some = true
		if told, err := m.warn(&s, d.ETag()); told || err != nil {
			if err != nil && fault.KindOf(err) != fault.Conflict {
				return more, some, err
			}
			more = true // its document has another tag by now
			continue
		}
		again, err := m.one(ctx, s, d.ETag())
		if fault.KindOf(err) == fault.Conflict {
			again, err = true, nil // changed meanwhile
		}
		if err != nil {
			return more, some, err
		}
		more = more || again
	}
	return more, some, nil
}

// notification as Graph sends it.
type notification struct {
	ID           string         `json:"id"`
	Subscription string         `json:"subscriptionId"`
	Expires      string         `json:"subscriptionExpirationDateTime"`
	ChangeType   string         `json:"changeType"`
	Resource     string         `json:"resource"`
	ResourceData map[string]any `json:"resourceData"`
	ClientState  string         `json:"clientState,omitempty"`
	TenantID     string         `json:"tenantId"`
	Encrypted    *encrypted     `json:"encryptedContent,omitempty"`

	raw []byte
}

// payload of one delivery.
type payload struct {
	Value  []any    `json:"value"`
	Tokens []string `json:"validationTokens,omitempty"`
}

// sign a payload where the subscription has resource data.
func (m *Manager) sign(s *Subscription, p *payload) error {
	if !s.IncludeData || m.Token == nil {
		return nil
	}
	token, err := m.Token(*s)
	if err == nil {
		p.Tokens = []string{token}
	}
	return err
}

// withData leaves out of notifications what the filter does, and encrypts what the
// others are about, where that is to be sent.
func (m *Manager) withData(ctx context.Context, s *Subscription, of Target, found []notification) ([]notification, error) {
	if !s.IncludeData && of.Filter == "" || len(found) == 0 {
		return found, nil
	}
	raws := make([][]byte, len(found))
	for i := range found {
		raws[i] = found[i].raw
	}
	objects, err := m.Data(ctx, *s, of, raws)
	if err != nil {
		return nil, err
	}
	var c *x509.Certificate
	if s.IncludeData {
		if c, err = certificate(s.Certificate); err != nil {
			return nil, err
		}
	}
	kept := found[:0]
	for i := range found {
		if objects[i] == nil {
			continue
		}
		if c != nil {
			if found[i].Encrypted, err = encrypt(c, s.CertificateID, objects[i], rand.Reader); err != nil {
				return nil, err
			}
		}
		kept = append(kept, found[i])
	}
	return kept, nil
}

func (m *Manager) one(ctx context.Context, s Subscription, etag string) (more bool, err error) {
	t, err := m.Tenant(s.Tenant)
	if err != nil {
		return false, err
	}
	r, err := m.Target(s.Resource)
	if err != nil {
		return false, err
	}
	wanted := strings.Split(s.ChangeType, ",")
	var found []notification
	seen, moved := 0, false
	for _, category := range r.Categories {
		topic := t.Topic(category)
		loaded, err := t.Loaded(ctx, topic)
		if err != nil {
			return false, err
		}
		for p, end := range loaded {
			mark := markOf(topic, p)
			from := s.Marks[mark]
			if from >= end {
				continue
			}
			next := end
			err := t.Records(ctx, store.TopicPartition{Topic: topic, Partition: int32(p)}, from, end, func(place store.Place, form record.Form, raw []byte) bool {
				if seen >= maxStep && place.Offset > from {
					next, more = place.Offset, true
					return false
				}
				from = place.Offset
				seen++
				change := r.change(form, raw)
				if !slices.Contains(wanted, change) {
					return true
				}
				id := textOf(raw, r.Resource.ID)
				if r.ID != "" && id != r.ID {
					return true
				}
				sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%d", s.ID, topic, p, place.Offset, place.Index))
				if s.IncludeData || r.Filter != "" {
					raw = slices.Clone(raw) // the reader's own
				} else {
					raw = nil
				}
				found = append(found, notification{
					ID: guid(sum[:16]), Subscription: s.ID, Expires: s.Expires.UTC().Format(time.RFC3339), ChangeType: change,
					Resource: r.Path + "/" + id, ClientState: s.ClientState, TenantID: s.Tenant,
					ResourceData: map[string]any{"@odata.type": r.Type, "@odata.id": r.Path + "/" + id, "id": id},
					raw:          raw,
				})
				return true
			})
			if err != nil {
				return false, err
			}
			s.Marks[mark], moved = next, true
		}
	}
	if !moved {
		return false, nil
	}
	changes := []state.Change{{Kind: Kind, ID: s.ID, Body: s, Match: etag}}
	now := m.Clock()
	for i, part := 0, []notification(nil); len(found) > 0; i++ {
		part, found = found[:min(maxEach, len(found))], found[min(maxEach, len(found)):]
		if part, err = m.withData(ctx, &s, r, part); err != nil {
			return false, err
		}
		if len(part) == 0 {
			continue
		}
		all := payload{}
		for _, n := range part {
			all.Value = append(all.Value, n)
		}
		if err := m.sign(&s, &all); err != nil {
			return false, err
		}
		body, err := json.Marshal(all)
		if err != nil {
			return false, fault.New(fault.Internal, "a notification has no JSON: %w", err)
		}
		changes = append(changes, m.outbox.Put(notify.Note{
			About: s.ID, To: notify.Target{Group: s.ID, Kind: toWebhook, Receiver: s.ID},
			Message: notify.Message{ID: part[0].ID, Time: now, Subject: s.Resource, Body: body, Severity: notify.Info},
		}, now.Add(time.Duration(i))))
	}
	return more, m.State.Write(changes...)
}

func markOf(topic string, partition int) string { return fmt.Sprintf("%s/%d", topic, partition) }

func guid(b []byte) string {
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}
