package sentinel

import (
	"context"
	"encoding/json"
	"time"

	"sextant/fault"
)

// AlertChange is what may be changed of an alert; nil leaves it as it is. Values are
// Graph's.
type AlertChange struct {
	Status         *string // new, inProgress, resolved
	Classification *string
	Determination  *string
	AssignedTo     *string
	CustomDetails  map[string]any
}

// Keys of ExtendedProperties that hold what an alert's row has no column for.
const (
	alertClassification = "Classification"
	alertDetermination  = "Determination"
	alertAssignedTo     = "AssignedTo"
	alertComments       = "Comments"
	alertCustomDetails  = "Custom Details"
	alertResolved       = "ResolvedTime"
)

var (
	alertStatuses   = map[string]string{"new": "New", "inProgress": "InProgress", "resolved": "Resolved"}
	classifications = []string{"unknown", "falsePositive", "truePositive", "informationalExpectedActivity"}
	determinations  = []string{
		"unknown", "apt", "malware", "securityPersonnel", "securityTesting", "unwantedSoftware", "other", "multiStagedAttack", "compromisedAccount",
		"phishing", "maliciousUserActivity", "notMalicious", "notEnoughDataToValidate", "confirmedActivity", "lineOfBusinessApplication",
	}
)

// ChangeAlert by its SystemAlertId, and get its columns as they are after it.
func (d *Desk) ChangeAlert(ctx context.Context, t Tenant, who Author, id string, c AlertChange) (json.RawMessage, error) {
	return d.change(ctx, t, alerts, id, func(r *row, now time.Time) error {
		more := r.object("ExtendedProperties")
		changed := false
		put := func(key string, value any) {
			if more[key] != value {
				more[key], changed = value, true
			}
		}
		if c.Status != nil {
			name, err := known("status", *c.Status, "new", "inProgress", "resolved")
			if err != nil {
				return err
			}
			if s := alertStatuses[name]; r.get("Status").Str != s {
				r.set("Status", s)
				if name == "resolved" {
					put(alertResolved, now.Format(stamp))
				}
			}
		}
		for _, m := range []struct {
			value *string
			what  string
			key   string
			of    []string
		}{{c.Classification, "classification", alertClassification, classifications}, {c.Determination, "determination", alertDetermination, determinations}} {
			if m.value == nil {
				continue
			}
			name, err := known(m.what, *m.value, m.of...)
			if err != nil {
				return err
			}
			put(m.key, name)
		}
		if c.AssignedTo != nil {
			put(alertAssignedTo, *c.AssignedTo)
		}
		if c.CustomDetails != nil {
			text, err := json.Marshal(c.CustomDetails)
			if err != nil {
				return fault.New(fault.Invalid, "the custom details have no JSON: %w", err)
			}
			put(alertCustomDetails, string(text))
		}
		if changed {
			return setText(r, "ExtendedProperties", more)
		}
		return nil
	})
}

// CommentAlert adds a comment.
func (d *Desk) CommentAlert(ctx context.Context, t Tenant, who Author, id, text string) (json.RawMessage, error) {
	if err := commentable(text); err != nil {
		return nil, err
	}
	return d.change(ctx, t, alerts, id, func(r *row, now time.Time) error {
		more := r.object("ExtendedProperties")
		comments, _ := more[alertComments].([]any)
		if len(comments) >= MaxComments {
			return fault.New(fault.Limit, "an alert takes %d comments", MaxComments)
		}
		name := who.Name
		if name == "" {
			name = who.UserPrincipalName
		}
		more[alertComments] = append(comments, map[string]any{"comment": text, "createdByDisplayName": name, "createdDateTime": now.Format(stamp)})
		return setText(r, "ExtendedProperties", more)
	})
}

// setText writes an object into a column that holds JSON as text.
func setText(r *row, column string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fault.New(fault.Internal, "%s has no JSON: %w", column, err)
	}
	r.set(column, string(text))
	return nil
}
