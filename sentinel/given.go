package sentinel

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"

	"sextant/fault"
)

// Alerts that another Graph gave lie in the log as its objects, and stay as they are:
// whatever is said of them here is a record of its own. The newest of an alert stands
// over the object, member by member, also over one that came in later; comments come
// behind the object's own.

// GivenChanges is the category of what is said here of such alerts. A record's
// correlationId is the alert's id, and its properties are the members that stand over
// the object's.
const GivenChanges = "GraphSecurityAlertChanges"

var givenChanges = kind{"alert", GivenChanges + "_CL", "CorrelationId", "TimeGenerated", []string{"lastUpdateDateTime"}, alertActivities}

// Given is an alert that another Graph gave.
type Given struct {
	ID     string
	Object json.RawMessage // as it came
}

// ChangeGiven alert.
func (d *Desk) ChangeGiven(ctx context.Context, t Tenant, who Author, g Given, c AlertChange) error {
	if err := c.valid(); err != nil {
		return err
	}
	of, err := g.change(t, who, updated)
	if err != nil {
		return err
	}
	_, err = d.change(ctx, t, of, func(r *row, now time.Time) error {
		for _, m := range []struct {
			name  string
			value *string
		}{{"status", c.Status}, {"classification", c.Classification}, {"determination", c.Determination}, {"assignedTo", c.AssignedTo}} {
			if m.value == nil || g.says(r, m.name).Str == *m.value {
				continue
			}
			r.set(m.name, *m.value)
			if m.name == "status" && *m.value == "resolved" {
				r.set("resolvedDateTime", now.Format(stamp))
			}
		}
		if c.CustomDetails != nil {
			r.set("customDetails", c.CustomDetails)
		}
		return r.err
	})
	return err
}

// CommentGiven adds a comment to such an alert.
func (d *Desk) CommentGiven(ctx context.Context, t Tenant, who Author, g Given, text string) error {
	if err := commentable(text); err != nil {
		return err
	}
	of, err := g.change(t, who, commented)
	if err != nil {
		return err
	}
	_, err = d.change(ctx, t, of, func(r *row, now time.Time) error {
		comments := r.list("comments")
		if len(comments) >= MaxComments {
			return fault.New(fault.Limit, "an alert takes %d comments", MaxComments)
		}
		r.set("comments", append(comments, comment(who, text, now)))
		return r.err
	})
	return err
}

// says what a member is: what was said here last, or the object's own.
func (g Given) says(r *row, member string) gjson.Result {
	if v := r.get(member); v.Exists() {
		return v
	}
	return gjson.GetBytes(g.Object, member)
}

// change of the alert.
func (g Given) change(t Tenant, who Author, activity int) (change, error) {
	object := gjson.ParseBytes(g.Object)
	first, err := json.Marshal(map[string]any{
		"category": GivenChanges, "operationName": "Security alert", "operationVersion": "1.0", "tenantId": t.ID(), "correlationId": g.ID,
		"properties": map[string]any{"id": g.ID, "createdDateTime": object.Get("createdDateTime").Str},
	})
	if err != nil {
		return change{}, fault.New(fault.Internal, "a change of an alert has no JSON: %w", err)
	}
	return change{kind: givenChanges, who: who, id: g.ID, activity: activity, first: first, name: object.Get("title").Str, over: object}, nil
}
