// Package subscription sends Microsoft Graph's change notifications: who subscribed
// to a resource is told of each record of it that came in.
//
// A [Manager] reads the log behind the loader, so that what a notification names can
// be read by the time it arrives. Where a subscription has read to is kept in the
// same write that puts its notifications into the outbox: none is lost with the
// process, and each is delivered at least once.
//
// Source: Microsoft's documentation of change notifications: the handshake, the body
// and its limits.
package subscription

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

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

	Tenant string           `json:"tenant"`
	Marks  map[string]int64 `json:"marks"` // by topic and partition: the next offset
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

// resource that can be subscribed to.
type resource struct {
	path, kind string
	categories []string
	id         string // where a record has the object's
	// change that a record is: from two members that are equal where it is the first of
	// its object; "" has only the form of the record to go by.
	first, last string
}

// resources in Graph's spelling.
func resources() []resource {
	return []resource{
		{"auditLogs/directoryAudits", "#Microsoft.Graph.directoryAudit", []string{"AuditLogs"}, "properties.id", "", ""},
		{"auditLogs/signIns", "#Microsoft.Graph.signIn", []string{"SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"}, "properties.id", "", ""},
		{"auditLogs/provisioning", "#Microsoft.Graph.provisioningObjectSummary", []string{"ProvisioningLogs"}, "properties.id", "", ""},
		{"identityProtection/riskDetections", "#Microsoft.Graph.riskDetection", []string{"UserRiskEvents"}, "properties.id", "properties.detectedDateTime", "properties.lastUpdatedDateTime"},
		{"identityProtection/servicePrincipalRiskDetections", "#Microsoft.Graph.servicePrincipalRiskDetection", []string{"ServicePrincipalRiskEvents"}, "properties.id", "properties.detectedDateTime", "properties.lastUpdatedDateTime"},
		{"identityProtection/riskyUsers", "#Microsoft.Graph.riskyUser", []string{"RiskyUsers"}, "properties.id", "", "updated"},
		{"identityProtection/riskyServicePrincipals", "#Microsoft.Graph.riskyServicePrincipal", []string{"RiskyServicePrincipals"}, "properties.id", "", "updated"},
		{"security/alerts_v2", "#Microsoft.Graph.Security.alert", []string{"SecurityAlert"}, "properties.SystemAlertId", "properties.TimeGenerated", "properties.ProcessingEndTime"},
		{"security/incidents", "#Microsoft.Graph.Security.incident", []string{"SecurityIncident"}, "properties.IncidentName", "properties.CreatedTime", "properties.LastModifiedTime"},
	}
}

// change that a record is.
func (r *resource) change(form record.Form, raw []byte) string {
	switch {
	case r.last == "updated":
		return "updated"
	case r.last != "":
		if gjson.GetBytes(raw, r.first).Str != gjson.GetBytes(raw, r.last).Str {
			return "updated"
		}
	case form.Amendments() > 0:
		return "updated"
	}
	return "created"
}

// Resource in Graph's spelling; fault.Invalid names those that there are.
func Resource(path string) (string, error) {
	path = strings.Trim(path, "/")
	if before, _, filtered := strings.Cut(path, "?"); filtered {
		return "", fault.New(fault.Invalid, "a subscription to a part of %s is not supported; to all of it is", before)
	}
	var known []string
	for _, r := range resources() {
		if strings.EqualFold(r.path, path) {
			return r.path, nil
		}
		known = append(known, r.path)
	}
	return "", fault.New(fault.Invalid, "nobody can subscribe to %q; there are %s", path, strings.Join(known, ", "))
}

// Limits.
const (
	MaxLife        = 43_200 * time.Minute
	MaxClientState = 255
	maxEach        = 100 // notifications of one delivery
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
	// May says whether who subscribed may still read the resource; nil lets all.
	May func(s Subscription) bool

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
		if !s.Expires.After(m.Clock()) || m.May != nil && !m.May(s) {
			if _, err := m.State.Delete(Kind, d.ID, ""); err != nil {
				return more, some, err
			}
			continue
		}
		some = true
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
}

func (m *Manager) one(ctx context.Context, s Subscription, etag string) (more bool, err error) {
	t, err := m.Tenant(s.Tenant)
	if err != nil {
		return false, err
	}
	all := resources()
	r := &all[slices.IndexFunc(all, func(r resource) bool { return r.path == s.Resource })]
	wanted := strings.Split(s.ChangeType, ",")
	var found []notification
	seen, moved := 0, false
	for _, category := range r.categories {
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
				id := gjson.GetBytes(raw, r.id).String()
				sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%d", s.ID, topic, p, place.Offset, place.Index))
				found = append(found, notification{
					ID: guid(sum[:16]), Subscription: s.ID, Expires: s.Expires.UTC().Format(time.RFC3339), ChangeType: change,
					Resource: s.Resource + "/" + id, ClientState: s.ClientState, TenantID: s.Tenant,
					ResourceData: map[string]any{"@odata.type": r.kind, "@odata.id": s.Resource + "/" + id, "id": id},
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
		body, err := json.Marshal(map[string]any{"value": part})
		if err != nil {
			return false, fault.New(fault.Internal, "a notification has no JSON: %w", err)
		}
		changes = append(changes, m.outbox.Put(notify.Note{
			About: s.ID, To: notify.Target{Group: s.ID, Kind: "webhook", Receiver: s.ID},
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

// owner of the outbox.
type owner struct{ m *Manager }

// Destination implements notify.Owner.
func (o owner) Destination(_ context.Context, n notify.Note) (notify.Destination, error) {
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

// Settled implements notify.Owner. What could not be delivered is logged by the
// outbox; the records themselves are where they were.
func (o owner) Settled(context.Context, notify.Note, error) error { return nil }
