package sentinel

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"sextant/fault"
	"sextant/record"
)

// IncidentChange is what may be changed of an incident; nil leaves it as it is.
// Values are those of the table.
type IncidentChange struct {
	Title          *string
	Description    *string
	Severity       *string // High, Medium, Low, Informational
	Status         *string // New, Active, Closed
	Classification *string // TruePositive, BenignPositive, FalsePositive, Undetermined
	Reason         *string // ClassificationReason
	ReasonComment  *string // ClassificationComment
	Owner          *Owner  // all of it empty takes the owner away
	// Determination is Graph's closer word for the classification; it stands in
	// AdditionalData.
	Determination *string
	// ClassificationIfNone is the classification where there is none yet.
	ClassificationIfNone *string
	Tags                 *[]string
}

// Owner of an incident.
type Owner struct{ ObjectID, Email, AssignedTo, UserPrincipalName string }

// reasons that go with a classification.
var reasons = map[string][]string{
	"TruePositive":   {"SuspiciousActivity"},
	"BenignPositive": {"SuspiciousButExpected"},
	"FalsePositive":  {"IncorrectAlertLogic", "InaccurateData"},
	"Undetermined":   {},
}

// ChangeIncident by its IncidentName, and get its columns as they are after it.
// fault.NotFound where there is none; fault.Invalid for a value that is none, and
// for closing without a classification.
func (d *Desk) ChangeIncident(ctx context.Context, t Tenant, who Author, id string, c IncidentChange) (json.RawMessage, error) {
	return d.change(ctx, t, change{kind: incidents, who: who, id: id}, func(r *row, now time.Time) error {
		before := string(r.text)
		if err := c.apply(r, now); err != nil {
			return err
		}
		if string(r.text) != before {
			touched(r, who, now)
		}
		return nil
	})
}

// touched notes a change by a person or a program.
func touched(r *row, who Author, now time.Time) {
	r.set("ModifiedBy", who.modifiedBy())
	if r.get("FirstModifiedTime").Str == "" {
		r.set("FirstModifiedTime", now.Format(stamp))
	}
}

func (c *IncidentChange) apply(r *row, now time.Time) error {
	put := func(column string, value *string) {
		if value != nil && r.get(column).Str != *value {
			r.set(column, *value)
		}
	}
	var err error
	canon := func(what string, value **string, of ...string) {
		if *value == nil || err != nil {
			return
		}
		var s string
		if s, err = known(what, **value, of...); err == nil {
			*value = &s
		}
	}
	canon("severity", &c.Severity, "High", "Medium", "Low", "Informational")
	canon("status", &c.Status, "New", "Active", "Closed")
	canon("classification", &c.Classification, "TruePositive", "BenignPositive", "FalsePositive", "Undetermined")
	if err != nil {
		return err
	}
	class := r.get("Classification").Str
	if class == "" && c.Classification == nil {
		c.Classification = c.ClassificationIfNone
	}
	if c.Classification != nil {
		class = *c.Classification
	}
	if c.Reason != nil && *c.Reason != "" {
		if _, err := known("reason for the classification "+class, *c.Reason, reasons[class]...); err != nil {
			return err
		}
	}
	was := r.get("Status").Str
	if c.Status != nil && *c.Status == "Closed" && class == "" {
		return fault.New(fault.Invalid, "to close an incident takes a classification: TruePositive, BenignPositive, FalsePositive or Undetermined")
	}
	put("Title", c.Title)
	put("Description", c.Description)
	put("Severity", c.Severity)
	put("Status", c.Status)
	put("Classification", c.Classification)
	put("ClassificationReason", c.Reason)
	put("ClassificationComment", c.ReasonComment)
	switch {
	case c.Status == nil || *c.Status == was:
	case *c.Status == "Closed":
		r.set("ClosedTime", now.Format(stamp))
	case was == "Closed": // opened again: what it was closed as no longer holds
		for _, column := range []string{"Classification", "ClassificationReason", "ClassificationComment"} {
			r.set(column, "")
		}
	}
	if c.Determination != nil {
		word, err := known("determination", *c.Determination, determinations...)
		if err != nil {
			return err
		}
		if additional := r.object("AdditionalData"); additional["determination"] != word {
			additional["determination"] = word
			r.set("AdditionalData", additional)
		}
	}
	if c.Owner != nil {
		r.set("Owner", map[string]any{
			"objectId": record.TextOrNull(c.Owner.ObjectID), "email": record.TextOrNull(c.Owner.Email),
			"assignedTo": record.TextOrNull(c.Owner.AssignedTo), "userPrincipalName": record.TextOrNull(c.Owner.UserPrincipalName),
		})
	}
	if c.Tags != nil {
		labels := []map[string]string{}
		for _, tag := range *c.Tags {
			labels = append(labels, map[string]string{"labelName": tag, "labelType": "User"})
		}
		r.set("Labels", labels)
	}
	return nil
}

// CommentIncident adds a comment.
func (d *Desk) CommentIncident(ctx context.Context, t Tenant, who Author, id, text string) (json.RawMessage, error) {
	if err := commentable(text); err != nil {
		return nil, err
	}
	return d.change(ctx, t, change{kind: incidents, who: who, id: id, activity: commented}, func(r *row, now time.Time) error {
		comments := r.list("Comments")
		if len(comments) >= MaxComments {
			return fault.New(fault.Limit, "an incident takes %d comments", MaxComments)
		}
		comments = append(comments, map[string]any{
			"message": text, "createdTimeUtc": now.Format(stamp), "lastModifiedTimeUtc": now.Format(stamp),
			"author": map[string]any{"objectId": record.TextOrNull(who.ObjectID), "email": record.TextOrNull(who.Email), "name": record.TextOrNull(who.Name), "userPrincipalName": record.TextOrNull(who.UserPrincipalName)},
		})
		additional := r.object("AdditionalData")
		additional["commentsCount"] = len(comments)
		r.set("Comments", comments)
		r.set("AdditionalData", additional)
		touched(r, who, now)
		for len(r.text) > maxRow && len(comments) > 1 {
			comments = comments[1:]
			r.set("Comments", comments)
		}
		return nil
	})
}

func commentable(text string) error {
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return fault.New(fault.Invalid, "a comment has a text")
	case n > MaxCommentRunes:
		return fault.New(fault.Limit, "a comment has %d characters at most, not %d", MaxCommentRunes, n)
	}
	return nil
}
