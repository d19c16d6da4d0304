package sentinel_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/sentinel"
	"sextant/source"
	"sextant/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "5c1d0f7a-33a1-4a0e-9a39-6d7e0c2b9f02"

type world struct {
	*node.Tenant
	t    *testing.T
	node *node.Node
	desk *sentinel.Desk
	now  time.Time
}

func (w *world) ID() string { return tenant }
func (w *world) Snapshot(ctx context.Context) (store.Snapshot, error) {
	return w.Store.Snapshot(ctx)
}
func (w *world) Settle(ctx context.Context) error { return w.Loader.CatchUp(ctx) }
func (w *world) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	return w.node.Door().Append(ctx, recs)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	model, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	w.node, err = node.Open(context.Background(), node.Options{Dir: t.TempDir(), Model: model, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Clock: clock, MemoryMB: 256})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.node.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.Tenant, err = w.node.Tenant(context.Background(), tenant); err != nil {
		t.Fatal(err)
	}
	w.desk = &sentinel.Desk{Clock: clock}
	w.put(fmt.Sprintf(`{"time":"2026-03-01T09:00:00Z","category":"SecurityIncident","tenantId":%q,"properties":{"TimeGenerated":"2026-03-01T09:00:00Z","IncidentName":"i-1","IncidentNumber":7,"Title":"Spray against the board","Severity":"Medium","Status":"New","Owner":{"objectId":null,"email":null,"assignedTo":null,"userPrincipalName":null},"LastModifiedTime":"2026-03-01T09:00:00Z","CreatedTime":"2026-03-01T09:00:00Z","Labels":[],"Comments":[],"AlertIds":["a-1"],"AdditionalData":{"alertsCount":1,"commentsCount":0}}}`, tenant),
		fmt.Sprintf(`{"time":"2026-03-01T08:59:00Z","category":"SecurityAlert","tenantId":%q,"properties":{"TimeGenerated":"2026-03-01T08:59:00Z","SystemAlertId":"a-1","AlertName":"Password spray","AlertSeverity":"Medium","Status":"New","ProcessingEndTime":"2026-03-01T08:59:00Z","ExtendedProperties":"{\"Query\":\"SigninLogs\"}"}}`, tenant))
	return w
}

func (w *world) put(records ...string) {
	w.t.Helper()
	var recs []source.Incoming
	for _, r := range records {
		recs = append(recs, source.Incoming{JSON: []byte(r), Tenant: tenant})
	}
	verdicts, err := w.Append(context.Background(), recs)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range verdicts {
		if v.Outcome != source.Accepted {
			w.t.Fatalf("%+v", v)
		}
	}
}

func (w *world) want(what, kql, want string) {
	w.t.Helper()
	a, err := query.New(query.Options{}).Run(context.Background(), w.Store, query.Request{Text: kql})
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Close()
	b, err := query.All(context.Background(), a.Tables[0].Rows)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i := range b.Rows {
		var cells []string
		for _, v := range b.Row(i, nil) {
			cells = append(cells, v.Text())
		}
		out = append(out, strings.Join(cells, " "))
	}
	if got := strings.Join(out, "\n"); got != want {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
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
		w.want(c.name, latest+c.kql, c.want)
	}
	w.want("a row for each change", `SecurityIncident | count`, "4")
	if _, err := w.desk.ChangeIncident(ctx, w, analyst, "i-1", sentinel.IncidentChange{Severity: text("High")}); err != nil {
		t.Fatal(err)
	}
	w.want("what changes nothing is no change", `SecurityIncident | count`, "4")
}

func TestComments(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for range 3 { // within one millisecond
		if _, err := w.desk.CommentIncident(ctx, w, analyst, "i-1", "looked at <b>it</b>"); err != nil {
			t.Fatal(err)
		}
	}
	w.want("of the incident", latest+`project array_length(Comments), tostring(Comments[0].author.name), toint(AdditionalData.commentsCount)`, "3 Ana Lyst 3")
	if _, err := w.desk.CommentAlert(ctx, w, analyst, "a-1", "known address"); err != nil {
		t.Fatal(err)
	}
	w.want("of the alert", `SecurityAlert | summarize arg_max(ProcessingEndTime, *) by SystemAlertId | extend p = parse_json(ExtendedProperties) | project tostring(p.Comments[0].comment), tostring(p.Query)`, "known address SigninLogs")
}

func TestAlerts(t *testing.T) {
	w := newWorld(t)
	if _, err := w.desk.ChangeAlert(context.Background(), w, analyst, "a-1", sentinel.AlertChange{Status: text("resolved"), Classification: text("truePositive"), Determination: text("phishing"), AssignedTo: text("ana@aldermoor.example")}); err != nil {
		t.Fatal(err)
	}
	w.want("resolved", `SecurityAlert | summarize arg_max(ProcessingEndTime, *) by SystemAlertId | extend p = parse_json(ExtendedProperties) | project Status, tostring(p.Classification), tostring(p.Determination), tostring(p.AssignedTo)`, "Resolved truePositive phishing ana@aldermoor.example")
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
	w.want("nothing was written", `SecurityIncident | count`, "1")
}
