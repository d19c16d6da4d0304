package sentinel

import (
	"cmp"
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

// valid says the values in Graph's spelling.
func (c *AlertChange) valid() error {
	for _, m := range []struct {
		value **string
		what  string
		of    []string
	}{
		{&c.Status, "status", []string{"new", "inProgress", "resolved"}}, {&c.Classification, "classification", classifications}, {&c.Determination, "determination", determinations},
	} {
		if *m.value == nil {
			continue
		}
		name, err := known(m.what, **m.value, m.of...)
		if err != nil {
			return err
		}
		*m.value = &name
	}
	return nil
}

// ChangeAlert by its SystemAlertId, and get its columns as they are after it.
// fault.NotFound where the table has none; see ChangeGiven for those that it does not
// have.
func (d *Desk) ChangeAlert(ctx context.Context, t Tenant, who Author, id string, c AlertChange) (json.RawMessage, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	return d.change(ctx, t, change{kind: alerts, who: who, id: id}, func(r *row, now time.Time) error {
		more := r.object("ExtendedProperties")
		changed := false
		put := func(key string, value any) {
			if more[key] != value {
				more[key], changed = value, true
			}
		}
		if c.Status != nil {
			if s := alertStatuses[*c.Status]; r.get("Status").Str != s {
				r.set("Status", s)
				if *c.Status == "resolved" {
					put(alertResolved, now.Format(stamp))
				}
			}
		}
		for key, value := range map[string]*string{alertClassification: c.Classification, alertDetermination: c.Determination, alertAssignedTo: c.AssignedTo} {
			if value != nil {
				put(key, *value)
			}
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
	return d.change(ctx, t, change{kind: alerts, who: who, id: id, activity: commented}, func(r *row, now time.Time) error {
		more := r.object("ExtendedProperties")
		comments, _ := more[alertComments].([]any)
		if len(comments) >= MaxComments {
			return fault.New(fault.Limit, "an alert takes %d comments", MaxComments)
		}
		more[alertComments] = append(comments, comment(who, text, now))
		return setText(r, "ExtendedProperties", more)
	})
}

// comment as Graph has it.
func comment(who Author, text string, now time.Time) map[string]any {
	return map[string]any{"comment": text, "createdByDisplayName": cmp.Or(who.Name, who.UserPrincipalName), "createdDateTime": now.Format(stamp)}
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
