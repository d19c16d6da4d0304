package sentinel_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/sentinel"
)

const audits = `AuditLogs | sort by TimeGenerated asc | project OperationName, LoggedByService, tostring(InitiatedBy.user.userPrincipalName), tostring(TargetResources[0].displayName), tostring(TargetResources[0].modifiedProperties)`

// given is an alert of another Graph, as the log has it.
var given = sentinel.Given{ID: "da1", Object: json.RawMessage(`{"id":"da1","title":"A hidden file ran","status":"new","assignedTo":null,"createdDateTime":"2026-03-01T08:45:27.7Z"}`)}

func TestWhatIsSaidOfAnotherGraphsAlertIsARecordOfItsOwn(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	change := func(c sentinel.AlertChange) {
		t.Helper()
		if err := w.desk.ChangeGiven(ctx, w, analyst, given, c); err != nil {
			t.Fatal(err)
		}
	}
	change(sentinel.AlertChange{Status: text("new")})
	w.Want("saying what it is already", `union isfuzzy=true (GraphSecurityAlertChanges_CL), (AuditLogs) | count`, "0")
	change(sentinel.AlertChange{Status: text("RESOLVED"), AssignedTo: text("ana@aldermoor.example")})
	w.Now = w.Now.Add(time.Second)
	change(sentinel.AlertChange{Determination: text("malware")})
	for _, s := range []string{"one", "two"} {
		if err := w.desk.CommentGiven(ctx, w, analyst, given, s); err != nil {
			t.Fatal(err)
		}
	}
	w.Want("what stands over it", `GraphSecurityAlertChanges_CL | summarize arg_max(TimeGenerated, *) by CorrelationId | project CorrelationId, tostring(Properties.status), tostring(Properties.assignedTo), tostring(Properties.determination), array_length(Properties.comments), tostring(Properties.resolvedDateTime), tostring(Properties.createdDateTime)`,
		"da1 resolved ana@aldermoor.example malware 2 2026-03-02T12:00:00.0000000Z 2026-03-01T08:45:27.7Z")
	w.Want("the audit", audits, strings.Join([]string{
		`Update alert Sextant ana@aldermoor.example A hidden file ran [{"displayName":"status","oldValue":"\"new\"","newValue":"\"resolved\""},{"displayName":"resolvedDateTime","oldValue":null,"newValue":"\"2026-03-02T12:00:00.0000000Z\""},{"displayName":"assignedTo","oldValue":"null","newValue":"\"ana@aldermoor.example\""}]`,
		`Update alert Sextant ana@aldermoor.example A hidden file ran [{"displayName":"determination","oldValue":null,"newValue":"\"malware\""}]`,
		`Add comment to alert Sextant ana@aldermoor.example A hidden file ran [{"displayName":"comments","oldValue":null,"newValue":"{\"comment\":\"one\",\"createdByDisplayName\":\"Ana Lyst\",\"createdDateTime\":\"2026-03-02T12:00:01.0010000Z\"}"}]`,
		`Add comment to alert Sextant ana@aldermoor.example A hidden file ran [{"displayName":"comments","oldValue":null,"newValue":"{\"comment\":\"two\",\"createdByDisplayName\":\"Ana Lyst\",\"createdDateTime\":\"2026-03-02T12:00:01.0020000Z\"}"}]`,
	}, "\n"))
	if err := w.desk.ChangeGiven(ctx, w, analyst, given, sentinel.AlertChange{Status: text("asleep")}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if err := w.desk.CommentGiven(ctx, w, analyst, given, ""); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestChangesOfTheTablesHaveAnAuditRecord(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if _, err := w.desk.ChangeAlert(ctx, w, analyst, "a-1", sentinel.AlertChange{Status: text("inProgress"), AssignedTo: text("ana")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.ChangeIncident(ctx, w, analyst, "i-1", sentinel.IncidentChange{Severity: text("High")}); err != nil {
		t.Fatal(err)
	}
	w.Want("the audit", audits+" | order by OperationName asc", strings.Join([]string{
		`Update alert Sextant ana@aldermoor.example Password spray [{"displayName":"Status","oldValue":"\"New\"","newValue":"\"InProgress\""},{"displayName":"AssignedTo","oldValue":null,"newValue":"\"ana\""}]`,
		`Update incident Sextant ana@aldermoor.example Spray against the board [{"displayName":"Severity","oldValue":"\"Medium\"","newValue":"\"High\""},{"displayName":"ModifiedBy","oldValue":null,"newValue":"\"ana@aldermoor.example\""},{"displayName":"FirstModifiedTime","oldValue":null,"newValue":"\"2026-03-02T12:00:00.0000000Z\""}]`,
	}, "\n"))
}

func TestRaising(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	latest := `SecurityAlert | summarize arg_max(ProcessingEndTime, *), n = count() by SystemAlertId | where SystemAlertId == "r-1" | extend p = parse_json(ExtendedProperties) | project Status, AlertName, n, tostring(p.Classification), tostring(p.Query), tostring(p.ResolvedTime)`
	raise := func(status, more string) {
		t.Helper()
		if err := w.desk.Raise(ctx, w, json.RawMessage(`{"TimeGenerated":"2026-03-02T11:59:00Z","ProcessingEndTime":"2026-03-02T11:59:00Z","SystemAlertId":"r-1","AlertName":"Too many","Status":"`+status+`","ExtendedProperties":"`+more+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // it may be said twice
		raise("New", `{\"Query\":\"SigninLogs\"}`)
	}
	w.Want("raised", latest, "New Too many 1  SigninLogs ")
	if _, err := w.desk.ChangeAlert(ctx, w, analyst, "r-1", sentinel.AlertChange{Status: text("inProgress"), Classification: text("truePositive")}); err != nil {
		t.Fatal(err)
	}
	raise("New", `{\"Query\":\"SigninLogs\"}`)
	w.Want("raised again, which says nothing", latest, "InProgress Too many 2 truePositive SigninLogs ")
	for range 2 {
		raise("Resolved", `{\"ResolvedTime\":\"2026-03-02T12:30:00Z\"}`)
	}
	w.Want("resolved, and what was said stays", latest, "Resolved Too many 3 truePositive SigninLogs 2026-03-02T12:30:00Z")
	for _, bad := range []string{`{}`, `[]`, `{"Status":"New"}`} {
		if err := w.desk.Raise(ctx, w, json.RawMessage(bad)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
