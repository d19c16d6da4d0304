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
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"sextant/fault"
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

// Author of a change.
type Author struct{ ObjectID, Name, Email, UserPrincipalName string }

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
type kind struct{ what, table, id, at string }

var (
	incidents = kind{"incident", "SecurityIncident", "IncidentName", "LastModifiedTime"}
	alerts    = kind{"alert", "SecurityAlert", "SystemAlertId", "ProcessingEndTime"}
)

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

// change reads the newest row of a thing, and appends what f makes of it.
func (d *Desk) change(ctx context.Context, t Tenant, k kind, id string, f func(row *row, now time.Time) error) (json.RawMessage, error) {
	defer t.Exclusive()()
	if err := t.Settle(ctx); err != nil {
		return nil, err
	}
	raw, last, err := newest(ctx, t, k, id)
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
	at := now.Format(stamp)
	r.setRoot("time", at)
	for _, column := range []string{"TimeGenerated", k.at} {
		r.set(column, at)
	}
	if r.err != nil {
		return nil, fault.New(fault.Internal, "cannot write the %s: %w", k.what, r.err)
	}
	verdicts, err := t.Append(ctx, []source.Incoming{{JSON: r.text, Tenant: t.ID(), Where: k.what}})
	if err != nil {
		return nil, err
	}
	if verdicts[0].Outcome == source.DeadLettered {
		return nil, fault.New(fault.Internal, "the %s was set aside: %s", k.what, verdicts[0].Reason)
	}
	return r.properties(), t.Settle(ctx)
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
