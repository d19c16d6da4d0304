package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	msgraph "github.com/microsoftgraph/msgraph-sdk-go"
	"github.com/microsoftgraph/msgraph-sdk-go/auditlogs"
	"github.com/microsoftgraph/msgraph-sdk-go/identityprotection"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
	sec "github.com/microsoftgraph/msgraph-sdk-go/models/security"
)

// risky are the sign-ins r1 and r2 of a user, a detection of each, and what followed
// for the user; and a service principal at risk.
const risky = `{"time":"2026-01-02T05:00:00Z","category":"SignInLogs","tenantId":"` + tenant + `","resultType":"0","properties":{"id":"r1","createdDateTime":"2026-01-02T05:00:00Z","userId":"u-dee","userPrincipalName":"dee@example.org","riskState":"atRisk","riskDetail":"none","riskLevelAggregated":"high","riskLevelDuringSignIn":"high"}}
{"time":"2026-01-02T05:01:00Z","category":"SignInLogs","tenantId":"` + tenant + `","resultType":"0","properties":{"id":"r2","createdDateTime":"2026-01-02T05:01:00Z","userId":"u-dee","userPrincipalName":"dee@example.org","riskState":"atRisk","riskDetail":"none","riskLevelAggregated":"low","riskLevelDuringSignIn":"low"}}
{"time":"2026-01-02T05:02:00Z","category":"UserRiskEvents","tenantId":"` + tenant + `","properties":{"id":"d1","requestId":"r1","riskEventType":"unlikelyTravel","riskState":"atRisk","riskLevel":"high","riskDetail":"none","activity":"signin","detectedDateTime":"2026-01-02T05:02:00Z","lastUpdatedDateTime":"2026-01-02T05:02:00Z","userId":"u-dee","userPrincipalName":"dee@example.org"}}
{"time":"2026-01-02T05:02:00Z","category":"UserRiskEvents","tenantId":"` + tenant + `","properties":{"id":"d2","requestId":"r2","riskEventType":"unfamiliarFeatures","riskState":"atRisk","riskLevel":"low","riskDetail":"none","activity":"signin","detectedDateTime":"2026-01-02T05:02:00Z","lastUpdatedDateTime":"2026-01-02T05:02:00Z","userId":"u-dee","userPrincipalName":"dee@example.org"}}
{"time":"2026-01-02T05:03:00Z","category":"RiskyUsers","tenantId":"` + tenant + `","properties":{"id":"u-dee","userPrincipalName":"dee@example.org","riskLastUpdatedDateTime":"2026-01-02T05:03:00Z","riskState":"atRisk","riskDetail":"none","riskLevel":"high","isDeleted":false,"isProcessing":false}}
{"time":"2026-01-02T05:03:00Z","category":"RiskyServicePrincipals","tenantId":"` + tenant + `","properties":{"id":"p-job","displayName":"Nightly job","appId":"a-job","riskLastUpdatedDateTime":"2026-01-02T05:03:00Z","riskState":"atRisk","riskDetail":"none","riskLevel":"medium"}}`

// user at risk as the SDK has it.
func (s *server) user(c *msgraph.GraphServiceClient, id string) string {
	s.t.Helper()
	u, err := c.IdentityProtection().RiskyUsers().ByRiskyUserId(id).Get(context.Background(), nil)
	if err != nil {
		s.t.Fatal(said(err))
	}
	return fmt.Sprintf("%v %v %v", got(u.GetRiskState()), got(u.GetRiskLevel()), got(u.GetRiskDetail()))
}

// A sign-in event is marked as safe, another as compromised; the user is dismissed,
// then confirmed as compromised; and everything that is read afterwards shows it.
func TestGraphRisk(t *testing.T) {
	s := start(t)
	s.call("POST", "/v1/records", risky, 200)
	s.settle()
	c := s.sdk()
	ctx := context.Background()
	signIn := func(id string) string {
		t.Helper()
		x, err := c.AuditLogs().SignIns().BySignInId(id).Get(ctx, nil)
		if err != nil {
			t.Fatal(said(err))
		}
		return fmt.Sprintf("%v %v", got(x.GetRiskState()), got(x.GetRiskDetail()))
	}
	is := func(what, have, want string) {
		t.Helper()
		if have != want {
			t.Errorf("%s: %s, want %s", what, have, want)
		}
	}
	is("the user at first", s.user(c, "u-dee"), "atRisk high none")

	safe := auditlogs.NewSignInsConfirmSafePostRequestBody()
	safe.SetRequestIds([]string{"r1"})
	if err := c.AuditLogs().SignIns().ConfirmSafe().Post(ctx, safe, nil); err != nil {
		t.Fatal(said(err))
	}
	is("the safe sign-in", signIn("r1"), "confirmedSafe adminConfirmedSigninSafe")
	is("the other", signIn("r2"), "atRisk none")
	is("the user, whose other sign-in is left", s.user(c, "u-dee"), "atRisk low none")

	bad := auditlogs.NewSignInsConfirmCompromisedPostRequestBody()
	bad.SetRequestIds([]string{"r2"})
	if err := c.AuditLogs().SignIns().ConfirmCompromised().Post(ctx, bad, nil); err != nil {
		t.Fatal(said(err))
	}
	is("the compromised sign-in", signIn("r2"), "confirmedCompromised adminConfirmedSigninCompromised")
	is("its user", s.user(c, "u-dee"), "atRisk high adminConfirmedSigninCompromised")
	filtered := s.signIns(c, auditlogs.SignInsRequestBuilderGetQueryParameters{Filter: ptr("riskState eq 'confirmedCompromised'")})
	if len(filtered.GetValue()) != 1 || got(filtered.GetValue()[0].GetId()) != "r2" {
		t.Errorf("sign-ins that are compromised: %d", len(filtered.GetValue()))
	}

	dismiss := identityprotection.NewRiskyUsersDismissPostRequestBody()
	dismiss.SetUserIds([]string{"u-dee"})
	if err := c.IdentityProtection().RiskyUsers().Dismiss().Post(ctx, dismiss, nil); err != nil {
		t.Fatal(said(err))
	}
	is("the user dismissed", s.user(c, "u-dee"), "dismissed none adminDismissedAllRiskForUser")
	detections, err := c.IdentityProtection().RiskDetections().Get(ctx, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	for _, d := range detections.GetValue() {
		if state := got(d.GetRiskState()); got(d.GetUserId()) == "u-dee" && (state == models.ATRISK_RISKSTATE || state == models.CONFIRMEDCOMPROMISED_RISKSTATE) {
			t.Errorf("the detection %s is still %v", got(d.GetId()), state)
		}
	}
	compromised := identityprotection.NewRiskyUsersConfirmCompromisedPostRequestBody()
	compromised.SetUserIds([]string{"u-dee"})
	if err := c.IdentityProtection().RiskyUsers().ConfirmCompromised().Post(ctx, compromised, nil); err != nil {
		t.Fatal(said(err))
	}
	is("the user compromised", s.user(c, "u-dee"), "confirmedCompromised high adminConfirmedUserCompromised")
	past, err := c.IdentityProtection().RiskyUsers().ByRiskyUserId("u-dee").History().Get(ctx, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	var states []string
	for _, h := range past.GetValue() {
		states = append(states, fmt.Sprint(got(h.GetRiskState()), " ", got(h.GetRiskLevel())))
	}
	is("the user's history", strings.Join(states, ", "), "confirmedCompromised high, dismissed none, atRisk high, atRisk low, atRisk high")

	job := identityprotection.NewRiskyServicePrincipalsDismissPostRequestBody()
	job.SetServicePrincipalIds([]string{"p-job"})
	if err := c.IdentityProtection().RiskyServicePrincipals().Dismiss().Post(ctx, job, nil); err != nil {
		t.Fatal(said(err))
	}
	// The member is one that came to the enumeration later.
	later := abstractions.NewRequestHeaders()
	later.Add("Prefer", "include-unknown-enum-members")
	p, err := c.IdentityProtection().RiskyServicePrincipals().ByRiskyServicePrincipalId("p-job").Get(ctx, &identityprotection.RiskyServicePrincipalsRiskyServicePrincipalItemRequestBuilderGetRequestConfiguration{Headers: later})
	if err != nil {
		t.Fatal(said(err))
	}
	is("the service principal", fmt.Sprint(got(p.GetRiskState()), " ", got(p.GetRiskDetail())), "dismissed adminDismissedAllRiskForServicePrincipal")

	// Each action is an audit record, by the application that took it.
	audits, err := c.AuditLogs().DirectoryAudits().Get(ctx, &auditlogs.DirectoryAuditsRequestBuilderGetRequestConfiguration{QueryParameters: &auditlogs.DirectoryAuditsRequestBuilderGetQueryParameters{
		Filter: ptr("loggedByService eq 'Identity Protection'"), Orderby: []string{"activityDateTime asc"},
	}})
	if err != nil {
		t.Fatal(said(err))
	}
	var acts []string
	for _, a := range audits.GetValue() {
		acts = append(acts, got(a.GetActivityDisplayName()))
		is("who acted", got(a.GetInitiatedBy().GetApp().GetAppId()), s.app)
	}
	is("audits", strings.Join(acts, ", "), "ConfirmSafe, ConfirmCompromised, DismissUser, ConfirmAccountCompromised, DismissServicePrincipal")
	bad.SetRequestIds([]string{"r2", "nope"})
	refused(t, "a sign-in that is not there", c.AuditLogs().SignIns().ConfirmCompromised().Post(ctx, bad, nil), 404, "ResourceNotFound")
}

const cases = `{"time":"2026-01-02T06:00:00Z","category":"SecurityIncident","tenantId":"` + tenant + `","properties":{"TimeGenerated":"2026-01-02T06:00:00Z","IncidentName":"i1","IncidentNumber":1,"Title":"Password spray","Severity":"Medium","Status":"New","Owner":{"objectId":null},"LastModifiedTime":"2026-01-02T06:00:00Z","CreatedTime":"2026-01-02T06:00:00Z","Labels":[],"Comments":[],"AlertIds":["a1"],"AdditionalData":{"alertsCount":1}}}
{"time":"2026-01-02T05:59:00Z","category":"SecurityAlert","tenantId":"` + tenant + `","properties":{"TimeGenerated":"2026-01-02T05:59:00Z","SystemAlertId":"a1","AlertName":"Password spray","AlertSeverity":"Medium","Status":"New","ProviderName":"IPC","ProcessingEndTime":"2026-01-02T05:59:00Z","Entities":"[{\"Type\":\"account\",\"Name\":\"dee\",\"UPNSuffix\":\"example.org\"}]"}}`

// Incidents and alerts are listed, taken over, commented on and closed.
func TestGraphIncidents(t *testing.T) {
	s := start(t)
	s.call("POST", "/v1/records", cases, 200)
	s.settle()
	c := s.sdk()
	ctx := context.Background()
	list, err := c.Security().Incidents().Get(ctx, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if len(list.GetValue()) != 1 || got(list.GetValue()[0].GetStatus()) != sec.ACTIVE_INCIDENTSTATUS || got(list.GetValue()[0].GetSeverity()) != sec.MEDIUM_ALERTSEVERITY {
		t.Fatalf("incidents: %v", list.GetValue())
	}
	change := sec.NewIncident()
	change.SetAssignedTo(ptr("ann@aldermoor.example"))
	change.SetStatus(ptr(sec.INPROGRESS_INCIDENTSTATUS))
	changed, err := c.Security().Incidents().ByIncidentId("i1").Patch(ctx, change, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if got(changed.GetAssignedTo()) != "ann@aldermoor.example" || got(changed.GetStatus()) != sec.INPROGRESS_INCIDENTSTATUS || got(changed.GetDisplayName()) != "Password spray" {
		t.Errorf("%v %v", got(changed.GetAssignedTo()), got(changed.GetStatus()))
	}
	change = sec.NewIncident()
	change.SetStatus(ptr(sec.RESOLVED_INCIDENTSTATUS))
	change.SetClassification(ptr(sec.TRUEPOSITIVE_ALERTCLASSIFICATION))
	change.SetDetermination(ptr(sec.COMPROMISEDACCOUNT_ALERTDETERMINATION))
	change.SetCustomTags([]string{"board"})
	if _, err := c.Security().Incidents().ByIncidentId("i1").Patch(ctx, change, nil); err != nil {
		t.Fatal(said(err))
	}
	one, err := c.Security().Incidents().ByIncidentId("i1").Get(ctx, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if got(one.GetStatus()) != sec.RESOLVED_INCIDENTSTATUS || got(one.GetClassification()) != sec.TRUEPOSITIVE_ALERTCLASSIFICATION ||
		got(one.GetDetermination()) != sec.COMPROMISEDACCOUNT_ALERTDETERMINATION || !slices.Equal(one.GetCustomTags(), []string{"board"}) || got(one.GetAssignedTo()) != "ann@aldermoor.example" {
		t.Errorf("closed: %v %v %v %v", got(one.GetStatus()), got(one.GetClassification()), got(one.GetDetermination()), one.GetCustomTags())
	}

	alerts, err := c.Security().Alerts_v2().Get(ctx, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if len(alerts.GetValue()) != 1 || got(alerts.GetValue()[0].GetIncidentId()) != "i1" {
		t.Fatalf("alerts: %v", alerts.GetValue())
	}
	if e, ok := alerts.GetValue()[0].GetEvidence()[0].(sec.UserEvidenceable); !ok || got(e.GetUserAccount().GetUserPrincipalName()) != "dee@example.org" {
		t.Errorf("evidence: %v", alerts.GetValue()[0].GetEvidence())
	}
	comment := sec.NewAlertComment()
	comment.SetComment(ptr("blocked at the proxy"))
	comments, err := c.Security().Alerts_v2().ByAlertId("a1").Comments().Post(ctx, []sec.AlertCommentable{comment}, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if len(comments) != 1 || got(comments[0].GetComment()) != "blocked at the proxy" || got(comments[0].GetCreatedByDisplayName()) != "Client tests" {
		t.Errorf("comments: %v", comments)
	}
	alert := sec.NewAlert()
	alert.SetStatus(ptr(sec.RESOLVED_ALERTSTATUS))
	alert.SetClassification(ptr(sec.TRUEPOSITIVE_ALERTCLASSIFICATION))
	now, err := c.Security().Alerts_v2().ByAlertId("a1").Patch(ctx, alert, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if got(now.GetStatus()) != sec.RESOLVED_ALERTSTATUS || got(now.GetResolvedDateTime()).IsZero() || len(now.GetComments()) != 1 {
		t.Errorf("the alert: %v %v %v", got(now.GetStatus()), now.GetResolvedDateTime(), now.GetComments())
	}
}

// An application subscribes, is asked for an echo, told of what comes in, renews, and
// ends it.
func TestGraphSubscriptions(t *testing.T) {
	s := start(t)
	c := s.sdk()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	type notice struct{ SubscriptionID, ClientState, ChangeType, Resource, TenantID string }
	told, echoes := make(chan notice, 100), make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" {
			echoes <- token
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, token)
			return
		}
		var body struct{ Value []notice }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
		for _, n := range body.Value {
			told <- n
		}
	}))
	defer hook.Close()
	want := models.NewSubscription()
	want.SetChangeType(ptr("created,updated"))
	want.SetResource(ptr("auditLogs/signIns"))
	want.SetNotificationUrl(ptr(hook.URL))
	want.SetClientState(ptr("between us"))
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	want.SetExpirationDateTime(&until)
	made, err := c.Subscriptions().Post(ctx, want, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if len(echoes) != 1 || got(made.GetId()) == "" || got(made.GetApplicationId()) != s.app || !got(made.GetExpirationDateTime()).Equal(until) {
		t.Errorf("made: %v, after %d echoes", got(made.GetId()), len(echoes))
	}
	// Of risk it may be told as well; of what it may not read, and where nobody echoes, not.
	want.SetResource(ptr("auditLogs/provisioning/x/steps"))
	_, err = c.Subscriptions().Post(ctx, want, nil)
	refused(t, "no such resource", err, 400, "BadRequest")
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer mute.Close()
	want.SetResource(ptr("auditLogs/signIns"))
	want.SetNotificationUrl(ptr(mute.URL))
	_, err = c.Subscriptions().Post(ctx, want, nil)
	refused(t, "nobody echoes", err, 400, "BadRequest")

	s.call("POST", "/v1/records", risky, 200)
	next := func() notice {
		t.Helper()
		select {
		case n := <-told:
			return n
		case <-ctx.Done():
			t.Fatal("nobody was told")
			return notice{}
		}
	}
	var resources []string
	for range 2 {
		n := next()
		resources = append(resources, n.Resource)
		if n.SubscriptionID != got(made.GetId()) || n.ClientState != "between us" || n.ChangeType != "created" || n.TenantID != tenant {
			t.Errorf("%+v", n)
		}
	}
	slices.Sort(resources)
	if !slices.Equal(resources, []string{"auditLogs/signIns/r1", "auditLogs/signIns/r2"}) {
		t.Errorf("told of %v", resources)
	}
	// What is marked as safe changes, and it is told of that too.
	safe := auditlogs.NewSignInsConfirmSafePostRequestBody()
	safe.SetRequestIds([]string{"r1"})
	if err := c.AuditLogs().SignIns().ConfirmSafe().Post(ctx, safe, nil); err != nil {
		t.Fatal(said(err))
	}
	if n := next(); n.ChangeType != "updated" || n.Resource != "auditLogs/signIns/r1" {
		t.Errorf("%+v", n)
	}

	later := until.Add(time.Hour)
	renewal := models.NewSubscription()
	renewal.SetExpirationDateTime(&later)
	renewed, err := c.Subscriptions().BySubscriptionId(*made.GetId()).Patch(ctx, renewal, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if !got(renewed.GetExpirationDateTime()).Equal(later) || got(renewed.GetResource()) != "auditLogs/signIns" {
		t.Errorf("renewed until %v", renewed.GetExpirationDateTime())
	}
	if err := c.Subscriptions().BySubscriptionId(*made.GetId()).Delete(ctx, nil); err != nil {
		t.Fatal(said(err))
	}
	left, err := c.Subscriptions().Get(ctx, nil)
	if err != nil || len(left.GetValue()) != 0 {
		t.Errorf("left: %v %v", left, said(err))
	}
	_, err = c.Subscriptions().BySubscriptionId(*made.GetId()).Get(ctx, nil)
	refused(t, "what was ended", err, 404, "ResourceNotFound")
}

// refused checks a typed error of the SDK.
func refused(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var e *odataerrors.ODataError
	if !errors.As(err, &e) || e.ResponseStatusCode != status || got(e.GetErrorEscaped().GetCode()) != code || got(e.GetErrorEscaped().GetInnerError().GetRequestId()) == "" {
		t.Errorf("%s: %v", what, said(err))
	}
}

// Who lacks a permission or a role, and a tenant that lacks a licence, get Microsoft's
// status and code, as the SDK's own error.
func TestGraphRefusals(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	few := *s
	few.app, few.secret = s.application("Few rights", "--permission", "Directory.Read.All", "--permission", "IdentityRiskyUser.Read.All")
	c := few.sdk()
	_, err := c.AuditLogs().SignIns().Get(ctx, nil)
	refused(t, "a missing permission", err, 403, "Authorization_RequestDenied")
	dismiss := identityprotection.NewRiskyUsersDismissPostRequestBody()
	dismiss.SetUserIds([]string{"u-dee"})
	refused(t, "a permission to read alone", c.IdentityProtection().RiskyUsers().Dismiss().Post(ctx, dismiss, nil), 403, "Authorization_RequestDenied")
	if _, err := c.AuditLogs().DirectoryAudits().Get(ctx, nil); err != nil {
		t.Error(said(err))
	}

	// A person needs a role besides the application's scope.
	s.sextant(s.password, "user", "add", "eve@aldermoor.example", "--password-stdin")
	s.sextant("", "app", "grant", s.app, "--scope", "AuditLog.Read.All")
	person := *s
	person.person = "eve@aldermoor.example"
	_, err = s.sdkAs(person.device()).AuditLogs().SignIns().Get(ctx, nil)
	refused(t, "a missing role", err, 403, "Authorization_RequestDenied")
	s.sextant("", "role", "assign", "Reports Reader", "eve@aldermoor.example")
	list, err := s.sdkAs(person.device()).AuditLogs().SignIns().Get(ctx, nil)
	if err != nil || len(list.GetValue()) < 3 { // those of eve herself are among them
		t.Errorf("with the role: %v", said(err))
	}

	// Without P1 sign-ins cannot be read through Graph; in KQL they can.
	s.sextant("", "tenant", "set", "--licence", "Free")
	_, err = s.sdk().AuditLogs().SignIns().Get(ctx, nil)
	refused(t, "a missing licence", err, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
	if _, err := s.sdk().AuditLogs().DirectoryAudits().Get(ctx, nil); err != nil {
		t.Errorf("audit logs are in every edition: %v", said(err))
	}
	s.sextant("", "tenant", "set", "--licence", "P1")
	if _, err := s.sdk().AuditLogs().SignIns().Get(ctx, nil); err != nil {
		t.Errorf("with P1: %v", said(err))
	}
}
