package protection_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/node/nodetest"
	"sextant/protection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "0f3c6a1e-9d5b-4c55-8a58-2d1b8f0c7a11"

// world is a tenant, and a desk in it.
type world struct {
	*nodetest.World
	desk *protection.Desk
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: nodetest.New(t, tenant, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))}
	w.desk = &protection.Desk{Clock: w.Clock}
	return w
}

func signIn(id, user string) string {
	return fmt.Sprintf(`{"time":"2026-03-01T08:00:00Z","category":"SignInLogs","operationName":"Sign-in activity","tenantId":%q,"properties":{"id":%q,"createdDateTime":"2026-03-01T08:00:00Z","userId":%q,"userDisplayName":"Wren Abara","userPrincipalName":"wren@aldermoor.example","appDisplayName":"Office","riskState":"atRisk","riskDetail":"none","riskLevelAggregated":"medium","riskLevelDuringSignIn":"medium","correlationId":"c-1","ipAddress":"203.0.113.9","odd":{"kept":[1,2.50]}}}`, tenant, id, user)
}

func detection(id, user, request, level string) string {
	return fmt.Sprintf(`{"time":"2026-03-01T08:05:00Z","category":"UserRiskEvents","operationName":"User Risk Detection","tenantId":%q,"properties":{"id":%q,"requestId":%q,"riskType":"generic","riskEventType":"unlikelyTravel","riskState":"atRisk","riskLevel":%q,"riskDetail":"none","activity":"signin","detectedDateTime":"2026-03-01T08:05:00Z","lastUpdatedDateTime":"2026-03-01T08:05:00Z","userId":%q,"userDisplayName":"Wren Abara","userPrincipalName":"wren@aldermoor.example"}}`, tenant, id, request, level, user)
}

func riskyUser(user, level string) string {
	return fmt.Sprintf(`{"time":"2026-03-01T08:06:00Z","category":"RiskyUsers","operationName":"Risky user","tenantId":%q,"properties":{"id":%q,"userDisplayName":"Wren Abara","userPrincipalName":"wren@aldermoor.example","riskLastUpdatedDateTime":"2026-03-01T08:06:00Z","riskState":"atRisk","riskDetail":"none","riskLevel":%q,"isDeleted":false,"isProcessing":false}}`, tenant, user, level)
}

const (
	signIns    = `SigninLogs | sort by Id asc | project Id, RiskState, RiskDetail, RiskLevelAggregated, RiskLevelDuringSignIn`
	detections = `AADUserRiskEvents | summarize arg_max(LastUpdatedDateTime, *) by Id | sort by RequestId asc, RiskEventType asc | project RequestId, RiskEventType, RiskState, RiskLevel, RiskDetail`
	user       = `AADRiskyUsers | summarize arg_max(RiskLastUpdatedDateTime, *) by Id | project Id, RiskState, RiskLevel, RiskDetail`
	audit      = `AuditLogs | sort by TimeGenerated asc | project OperationName, LoggedByService, tostring(InitiatedBy.user.userPrincipalName), array_length(TargetResources)`
)

var analyst = protection.Actor{ObjectID: "a-1", Name: "analyst@aldermoor.example", IP: "192.0.2.7"}

func twoSignIns(t *testing.T) *world {
	w := newWorld(t)
	w.PutJSON(signIn("s-1", "u-1"), signIn("s-2", "u-1"), detection("d-1", "u-1", "s-1", "high"), detection("d-2", "u-1", "s-2", "low"), riskyUser("u-1", "high"))
	return w
}

func TestASafeSignInTakesItsEffectOnTheUserBack(t *testing.T) {
	w := twoSignIns(t)
	if err := w.desk.OnSignIns(context.Background(), w, analyst, protection.ConfirmSafe, []string{"s-1"}); err != nil {
		t.Fatal(err)
	}
	w.Want("the sign-in", signIns, "s-1 confirmedSafe adminConfirmedSigninSafe none medium\ns-2 atRisk none medium medium")
	w.Want("the detections", detections, "s-1 unlikelyTravel confirmedSafe high adminConfirmedSigninSafe\ns-2 unlikelyTravel atRisk low none")
	w.Want("the user", user, "u-1 atRisk low none")
	w.Want("the audit", audit, "ConfirmSafe Identity Protection analyst@aldermoor.example 1")
	raw, form, err := w.Find(context.Background(), "SignInLogs", "s-1")
	if err != nil || form.Amendments() != 1 || !strings.Contains(string(raw), `"odd":{"kept":[1,2.50]}`) {
		t.Errorf("%s, %v\n%s", form, err, raw)
	}
	w.Now = w.Now.Add(time.Hour)
	if err := w.desk.OnSignIns(context.Background(), w, analyst, protection.Dismiss, []string{"s-2"}); err != nil {
		t.Fatal(err)
	}
	w.Want("the user, when nothing is open", user, "u-1 dismissed none adminDismissedRiskForSignIn")
}

func TestACompromisedSignInRaisesTheUser(t *testing.T) {
	w := newWorld(t)
	w.PutJSON(signIn("s-9", "u-9"))
	for range 2 { // the second time changes nothing
		if err := w.desk.OnSignIns(context.Background(), w, analyst, protection.ConfirmCompromised, []string{"s-9"}); err != nil {
			t.Fatal(err)
		}
	}
	w.Want("the sign-in", signIns, "s-9 confirmedCompromised adminConfirmedSigninCompromised high medium")
	w.Want("a detection", detections, "s-9 adminConfirmedUserCompromised confirmedCompromised high adminConfirmedSigninCompromised")
	w.Want("the user", user, "u-9 atRisk high adminConfirmedSigninCompromised")
	w.Want("history", `AADRiskyUsers | count`, "1")
}

func TestUsers(t *testing.T) {
	for _, c := range []struct {
		action                             protection.Action
		user, detections, signIns, account string
	}{
		{protection.Dismiss, "u-1 dismissed none adminDismissedAllRiskForUser",
			"s-1 unlikelyTravel dismissed high adminDismissedAllRiskForUser\ns-2 unlikelyTravel dismissed low adminDismissedAllRiskForUser",
			"s-1 dismissed adminDismissedAllRiskForUser none medium\ns-2 dismissed adminDismissedAllRiskForUser none medium", "DismissUser"},
		{protection.ConfirmSafe, "u-1 confirmedSafe none adminConfirmedAccountSafe",
			"s-1 unlikelyTravel confirmedSafe high adminConfirmedAccountSafe\ns-2 unlikelyTravel confirmedSafe low adminConfirmedAccountSafe",
			"s-1 confirmedSafe adminConfirmedAccountSafe none medium\ns-2 confirmedSafe adminConfirmedAccountSafe none medium", "ConfirmAccountSafe"},
		{protection.ConfirmCompromised, "u-1 confirmedCompromised high adminConfirmedUserCompromised",
			" adminConfirmedUserCompromised confirmedCompromised high adminConfirmedUserCompromised\ns-1 unlikelyTravel atRisk high none\ns-2 unlikelyTravel atRisk low none",
			"s-1 atRisk none medium medium\ns-2 atRisk none medium medium", "ConfirmAccountCompromised"},
	} {
		t.Run(string(c.action), func(t *testing.T) {
			w := twoSignIns(t)
			if err := w.desk.OnSubjects(context.Background(), w, analyst, protection.Users, c.action, []string{"u-1"}); err != nil {
				t.Fatal(err)
			}
			w.Want("the user", user, c.user)
			w.Want("the detections", detections, c.detections)
			w.Want("the sign-ins", signIns, c.signIns)
			w.Want("the audit", audit, c.account+" Identity Protection analyst@aldermoor.example 1")
		})
	}
}

func TestServicePrincipals(t *testing.T) {
	w := newWorld(t)
	w.PutJSON(fmt.Sprintf(`{"time":"2026-03-01T08:05:00Z","category":"ServicePrincipalRiskEvents","operationName":"Service Principal Risk Detection","tenantId":%q,"properties":{"id":"d-7","riskEventType":"suspiciousSignins","riskState":"atRisk","riskLevel":"medium","riskDetail":"none","detectedDateTime":"2026-03-01T08:05:00Z","lastUpdatedDateTime":"2026-03-01T08:05:00Z","servicePrincipalId":"p-1","servicePrincipalDisplayName":"Nightly export","appId":"app-1"}}`, tenant))
	if err := w.desk.OnSubjects(context.Background(), w, analyst, protection.ServicePrincipals, protection.ConfirmCompromised, []string{"p-1"}); err != nil {
		t.Fatal(err)
	}
	state := `AADRiskyServicePrincipals | summarize arg_max(RiskLastUpdatedDateTime, *) by Id | project Id, DisplayName, AppId, RiskState, RiskLevel, RiskDetail`
	w.Want("confirmed", state, "p-1 Nightly export app-1 confirmedCompromised high adminConfirmedServicePrincipalCompromised")
	// In the same millisecond: each is a state of its own.
	if err := w.desk.OnSubjects(context.Background(), w, analyst, protection.ServicePrincipals, protection.Dismiss, []string{"p-1"}); err != nil {
		t.Fatal(err)
	}
	w.Want("dismissed", state, "p-1 Nightly export app-1 dismissed none adminDismissedAllRiskForServicePrincipal")
	w.Want("and the history", `AADRiskyServicePrincipals | count`, "2")
	w.Want("its detections", `AADServicePrincipalRiskEvents | summarize arg_max(LastUpdatedDateTime, *) by Id | summarize count() by RiskState`, "dismissed 2")
}

func TestAgents(t *testing.T) {
	for _, c := range []struct {
		action              protection.Action
		agent, events, done string
	}{
		{protection.ConfirmSafe, "g-1 Helper confirmedSafe none adminConfirmedAgentSafe", "unfamiliarResourceAccess confirmedSafe medium adminConfirmedAgentSafe", "ConfirmAgentSafe"},
		{protection.ConfirmCompromised, "g-1 Helper confirmedCompromised high adminConfirmedAgentCompromised",
			"adminConfirmedAgentCompromised confirmedCompromised high adminConfirmedAgentCompromised\nunfamiliarResourceAccess atRisk medium none", "ConfirmAgentCompromised"},
		{protection.Dismiss, "g-1 Helper dismissed none adminDismissedRiskForAgent", "unfamiliarResourceAccess dismissed medium adminDismissedRiskForAgent", "DismissAgent"},
	} {
		t.Run(string(c.action), func(t *testing.T) {
			w := newWorld(t)
			w.PutJSON(fmt.Sprintf(`{"time":"2026-03-01T08:05:00Z","category":"AgentRiskEvents","operationName":"Agent Risk Detection","tenantId":%q,"properties":{"id":"d-8","agentId":"g-1","agentDisplayName":"Helper","identityType":"agentIdentity","riskEventType":"unfamiliarResourceAccess","riskState":"atRisk","riskLevel":"medium","riskDetail":"none","detectedDateTime":"2026-03-01T08:05:00Z","lastModifiedDateTime":"2026-03-01T08:05:00Z"}}`, tenant))
			if err := w.desk.OnSubjects(context.Background(), w, analyst, protection.Agents, c.action, []string{"g-1"}); err != nil {
				t.Fatal(err)
			}
			w.Want("the agent", `AADRiskyAgents | summarize arg_max(RiskLastModifiedDateTime, *) by Id | project Id, AgentDisplayName, RiskState, RiskLevel, RiskDetail`, c.agent)
			w.Want("its kind", `AADRiskyAgents | distinct IdentityType`, "agentIdentity")
			w.Want("its detections", `AADAgentRiskEvents | summarize arg_max(LastModifiedDateTime, *) by Id | sort by RiskEventType asc | project RiskEventType, RiskState, RiskLevel, RiskDetail`, c.events)
			w.Want("the audit", audit, c.done+" Identity Protection analyst@aldermoor.example 1")
		})
	}
}

func TestNothingHalf(t *testing.T) {
	w := twoSignIns(t)
	ctx := context.Background()
	many := make([]string, protection.MaxIDs+1)
	for i := range many {
		many[i] = fmt.Sprint("x", i)
	}
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
	}{
		{"an unknown sign-in among known ones", w.desk.OnSignIns(ctx, w, analyst, protection.ConfirmSafe, []string{"s-1", "nobody"}), fault.NotFound},
		{"an unknown user", w.desk.OnSubjects(ctx, w, analyst, protection.Users, protection.Dismiss, []string{"nobody"}), fault.NotFound},
		{"a user whom nobody has seen", w.desk.OnSubjects(ctx, w, analyst, protection.Users, protection.ConfirmCompromised, []string{"nobody"}), fault.NotFound},
		{"no id", w.desk.OnSignIns(ctx, w, analyst, protection.Dismiss, nil), fault.Invalid},
		{"an empty id", w.desk.OnSignIns(ctx, w, analyst, protection.Dismiss, []string{""}), fault.Invalid},
		{"too many", w.desk.OnSignIns(ctx, w, analyst, protection.Dismiss, many), fault.Limit},
		{"an action that is none", w.desk.OnSubjects(ctx, w, analyst, protection.ServicePrincipals, protection.ConfirmSafe, []string{"p"}), fault.Invalid},
	} {
		if c.err == nil || fault.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
	w.Want("nothing was done", signIns, "s-1 atRisk none medium medium\ns-2 atRisk none medium medium")
	w.Want("nor noted", `AuditLogs | count`, "0")
}

// Whatever order the ids come in, the user ends up the same.
func TestOrderDoesNotMatter(t *testing.T) {
	var ends []string
	for _, ids := range [][]string{{"s-1", "s-2"}, {"s-2", "s-1"}} {
		w := twoSignIns(t)
		if err := w.desk.OnSignIns(context.Background(), w, analyst, protection.ConfirmSafe, ids); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, w.Says(user)+w.Says(detections))
	}
	if ends = slices.Compact(ends); len(ends) != 1 {
		t.Errorf("%q", ends)
	}
}
