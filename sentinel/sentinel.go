// Package sentinel holds incidents and alerts: what is said of them, and by whom.
//
// The tables SecurityIncident and SecurityAlert have a row for each change, and each
// row is the whole thing after it. So a change is a record that enters by the one
// door, and nothing is kept beside the log. What the tables have no column for (the
// classification of an alert) stands in the alert's ExtendedProperties, where KQL
// finds it.
//
// Source: the exported rows of real workspaces; Microsoft's pages on managing
// incidents and on the Graph security API.
package sentinel

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
	"sextant/store"
)

// Tenant whose incidents they are.
type Tenant interface {
	ID() string
	Raw(ctx context.Context, place store.Place) ([]byte, error)
	Snapshot(ctx context.Context) (store.Snapshot, error)
	Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error)
	// Exclusive waits for its turn: changes that depend on what is there are made one
	// at a time.
	Exclusive() (done func())
	// Settle waits until what was appended can be read.
	Settle(ctx context.Context) error
}

// Author of a change: a person, or, with App, an application or a key.
type Author struct {
	ObjectID, Name, Email, UserPrincipalName string

	App       bool
	AppID, IP string
}

// actor of the audit record.
func (a Author) actor() record.AuditActor {
	return record.AuditActor{ObjectID: a.ObjectID, Name: cmp.Or(a.UserPrincipalName, a.Name), App: a.App, AppID: a.AppID, IP: a.IP}
}

// modifiedBy as the column of that name has it.
func (a Author) modifiedBy() string {
	if a.UserPrincipalName != "" {
		return a.UserPrincipalName
	}
	return "External application - " + a.Name
}

// Limits of an incident, as Microsoft has them.
const (
	MaxComments     = 100
	MaxCommentRunes = 30_000
	maxRow          = 64 << 10 // bytes; above it the oldest comments are left out of the row
)

// Desk takes changes.
type Desk struct {
	Clock func() time.Time
}

// kind of thing that has a row for each change.
type kind struct {
	what, table string
	id, at      string   // columns: what it is known by, and the moment of the change
	stamps      []string // properties that say the moment
	activities  [2]string
}

var (
	incidents = kind{"incident", "SecurityIncident", "IncidentName", "LastModifiedTime", []string{"TimeGenerated", "LastModifiedTime"}, [2]string{"Update incident", "Add comment to incident"}}
	alerts    = kind{"alert", "SecurityAlert", "SystemAlertId", "ProcessingEndTime", []string{"TimeGenerated", "ProcessingEndTime"}, alertActivities}
)

var alertActivities = [2]string{"Update alert", "Add comment to alert"}

// newest row of a thing, as the log has it.
func newest(ctx context.Context, t Tenant, k kind, id string) (raw []byte, at time.Time, err error) {
	snap, err := t.Snapshot(ctx)
	if err != nil {
		return nil, at, err
	}
	defer snap.Close()
	rows, err := store.LatestOf(ctx, snap, k.table, k.id, id, k.id, k.at)
	if err != nil {
		return nil, at, err
	}
	if len(rows) == 0 {
		return nil, at, fault.New(fault.NotFound, "there is no %s %q", k.what, id)
	}
	raw, err = t.Raw(ctx, rows[0].Place)
	return raw, rows[0].At, err
}

// change of a thing: who makes it, and which of the kind's activities it is.
type change struct {
	kind
	who      Author
	id       string
	activity int
	// first is the record where the log has none yet; nil refuses that.
	first []byte
	name  string       // of the thing, where its row has none
	over  gjson.Result // the object that the record stands over
}

// change reads the newest row of a thing, and appends what f makes of it, with the
// audit record of the change.
func (d *Desk) change(ctx context.Context, t Tenant, c change, f func(row *row, now time.Time) error) (json.RawMessage, error) {
	defer t.Exclusive()()
	if err := t.Settle(ctx); err != nil {
		return nil, err
	}
	raw, last, err := newest(ctx, t, c.kind, c.id)
	if fault.KindOf(err) == fault.NotFound && err != nil && c.first != nil {
		raw, err = c.first, nil
	}
	if err != nil {
		return nil, err
	}
	now := d.Clock().UTC().Truncate(time.Millisecond)
	if !now.After(last) {
		now = last.Truncate(time.Millisecond).Add(time.Millisecond) // a change is known by its moment
	}
	r := &row{text: raw}
	if err := f(r, now); err != nil {
		return nil, err
	}
	if string(r.text) == string(raw) {
		return r.properties(), nil
	}
	audit, err := c.audit(t, raw, r.text, now)
	if err != nil {
		return nil, err
	}
	at := now.Format(stamp)
	r.setRoot("time", at)
	for _, property := range c.stamps {
		r.set(property, at)
	}
	if r.err != nil {
		return nil, fault.New(fault.Internal, "cannot write the %s: %w", c.what, r.err)
	}
	return r.properties(), d.append(ctx, t, c.what, r.text, audit)
}

// append records, and wait until they can be read.
func (d *Desk) append(ctx context.Context, t Tenant, what string, records ...[]byte) error {
	var recs []source.Incoming
	for _, r := range records {
		recs = append(recs, source.Incoming{JSON: r, Tenant: t.ID(), Where: what})
	}
	verdicts, err := t.Append(ctx, recs)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Outcome == source.DeadLettered {
			return fault.New(fault.Internal, "a record of the %s was set aside: %s", what, v.Reason)
		}
	}
	return t.Settle(ctx)
}

const stamp = "2006-01-02T15:04:05.0000000Z"

// row is a record whose properties are the columns of a row.
type row struct {
	text []byte
	err  error
}

func (r *row) properties() json.RawMessage {
	return json.RawMessage(gjson.GetBytes(r.text, "properties").Raw)
}

// get a column.
func (r *row) get(name string) gjson.Result { return gjson.GetBytes(r.text, "properties."+name) }

func (r *row) set(name string, value any) { r.setRoot("properties."+name, value) }

func (r *row) setRoot(path string, value any) {
	if r.err == nil {
		r.text, r.err = sjson.SetBytes(r.text, path, value)
	}
}

// object is a column that holds an object, which may come as text.
func (r *row) object(name string) map[string]any {
	out := map[string]any{}
	v := r.get(name)
	text := v.Raw
	if v.Type == gjson.String {
		text = v.Str
	}
	if json.Unmarshal([]byte(text), &out) != nil || out == nil {
		return map[string]any{}
	}
	return out
}

// list is a column that holds a list, which may come as text.
func (r *row) list(name string) []any {
	out := []any{}
	v := r.get(name)
	text := v.Raw
	if v.Type == gjson.String {
		text = v.Str
	}
	if json.Unmarshal([]byte(text), &out) != nil || out == nil {
		return []any{}
	}
	return out
}

func known(what, value string, of ...string) (string, error) {
	i := slices.IndexFunc(of, func(k string) bool { return strings.EqualFold(k, value) })
	if i < 0 {
		return "", fault.New(fault.Invalid, "%q is no %s; there are %s", value, what, strings.Join(of, ", "))
	}
	return of[i], nil
}
