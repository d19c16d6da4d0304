package sentinel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/node/nodetest"
	"sextant/sentinel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "5c1d0f7a-33a1-4a0e-9a39-6d7e0c2b9f02"

type world struct {
	*nodetest.World
	desk *sentinel.Desk
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: nodetest.New(t, tenant, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))}
	w.desk = &sentinel.Desk{Clock: w.Clock}
	w.PutJSON(fmt.Sprintf(`{"time":"2026-03-01T09:00:00Z","category":"SecurityIncident","tenantId":%q,"properties":{"TimeGenerated":"2026-03-01T09:00:00Z","IncidentName":"i-1","IncidentNumber":7,"Title":"Spray against the board","Severity":"Medium","Status":"New","Owner":{"objectId":null,"email":null,"assignedTo":null,"userPrincipalName":null},"LastModifiedTime":"2026-03-01T09:00:00Z","CreatedTime":"2026-03-01T09:00:00Z","Labels":[],"Comments":[],"AlertIds":["a-1"],"AdditionalData":{"alertsCount":1,"commentsCount":0}}}`, tenant),
		fmt.Sprintf(`{"time":"2026-03-01T08:59:00Z","category":"SecurityAlert","tenantId":%q,"properties":{"TimeGenerated":"2026-03-01T08:59:00Z","SystemAlertId":"a-1","AlertName":"Password spray","AlertSeverity":"Medium","Status":"New","ProcessingEndTime":"2026-03-01T08:59:00Z","ExtendedProperties":"{\"Query\":\"SigninLogs\"}"}}`, tenant))
	return w
}

func text(s string) *string { return &s }

const latest = `SecurityIncident | summarize arg_max(LastModifiedTime, *) by IncidentName | `

var analyst = sentinel.Author{ObjectID: "o-1", Name: "Ana Lyst", UserPrincipalName: "ana@aldermoor.example"}

func TestAnIncidentFromNewToClosedAndBack(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	tags := []string{"board", "spray"}
	for _, c := range []struct {
		name   string
		change sentinel.IncidentChange
		kql    string
		want   string
	}{
		{"taken", sentinel.IncidentChange{Status: text("active"), Owner: &sentinel.Owner{UserPrincipalName: "ana@aldermoor.example"}, Tags: &tags},
			"project Status, tostring(Owner.userPrincipalName), tostring(Labels[1].labelName), ModifiedBy, FirstModifiedTime", "Active ana@aldermoor.example spray ana@aldermoor.example 2026-03-02T12:00:00.0000000Z"},
		{"closed", sentinel.IncidentChange{Status: text("Closed"), Classification: text("FalsePositive"), Reason: text("InaccurateData"), ReasonComment: text("a test")},
			"project Status, Classification, ClassificationReason, ClassificationComment, isnotnull(ClosedTime)", "Closed FalsePositive InaccurateData a test true"},
		{"opened again", sentinel.IncidentChange{Status: text("Active"), Severity: text("high")},
			"project Status, Severity, isempty(Classification), isempty(ClassificationReason)", "Active High true true"},
	} {
		if _, err := w.desk.ChangeIncident(ctx, w, analyst, "i-1", c.change); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		w.Want(c.name, latest+c.kql, c.want)
	}
	w.Want("a row for each change", `SecurityIncident | count`, "4")
	if _, err := w.desk.ChangeIncident(ctx, w, analyst, "i-1", sentinel.IncidentChange{Severity: text("High")}); err != nil {
		t.Fatal(err)
	}
	w.Want("what changes nothing is no change", `SecurityIncident | count`, "4")
}

func TestComments(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for range 3 { // within one millisecond
		if _, err := w.desk.CommentIncident(ctx, w, analyst, "i-1", "looked at <b>it</b>"); err != nil {
			t.Fatal(err)
		}
	}
	w.Want("of the incident", latest+`project array_length(Comments), tostring(Comments[0].author.name), toint(AdditionalData.commentsCount)`, "3 Ana Lyst 3")
	if _, err := w.desk.CommentAlert(ctx, w, analyst, "a-1", "known address"); err != nil {
		t.Fatal(err)
	}
	w.Want("of the alert", `SecurityAlert | summarize arg_max(ProcessingEndTime, *) by SystemAlertId | extend p = parse_json(ExtendedProperties) | project tostring(p.Comments[0].comment), tostring(p.Query)`, "known address SigninLogs")
}

func TestAlerts(t *testing.T) {
	w := newWorld(t)
	if _, err := w.desk.ChangeAlert(context.Background(), w, analyst, "a-1", sentinel.AlertChange{Status: text("resolved"), Classification: text("truePositive"), Determination: text("phishing"), AssignedTo: text("ana@aldermoor.example")}); err != nil {
		t.Fatal(err)
	}
	w.Want("resolved", `SecurityAlert | summarize arg_max(ProcessingEndTime, *) by SystemAlertId | extend p = parse_json(ExtendedProperties) | project Status, tostring(p.Classification), tostring(p.Determination), tostring(p.AssignedTo)`, "Resolved truePositive phishing ana@aldermoor.example")
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	change := func(id string, c sentinel.IncidentChange) error {
		_, err := w.desk.ChangeIncident(ctx, w, analyst, id, c)
		return err
	}
	comment := func(s string) error {
		_, err := w.desk.CommentIncident(ctx, w, analyst, "i-1", s)
		return err
	}
	alert := func(c sentinel.AlertChange) error {
		_, err := w.desk.ChangeAlert(ctx, w, analyst, "a-1", c)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
	}{
		{"an incident that is not there", change("i-2", sentinel.IncidentChange{}), fault.NotFound},
		{"a severity that is none", change("i-1", sentinel.IncidentChange{Severity: text("dire")}), fault.Invalid},
		{"closing without a classification", change("i-1", sentinel.IncidentChange{Status: text("Closed")}), fault.Invalid},
		{"a reason of another classification", change("i-1", sentinel.IncidentChange{Classification: text("TruePositive"), Reason: text("InaccurateData")}), fault.Invalid},
		{"an empty comment", comment(""), fault.Invalid},
		{"a comment too long", comment(strings.Repeat("é", sentinel.MaxCommentRunes+1)), fault.Limit},
		{"a status that is none", alert(sentinel.AlertChange{Status: text("asleep")}), fault.Invalid},
	} {
		if c.err == nil || fault.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
	w.Want("nothing was written", `SecurityIncident | count`, "1")
}
