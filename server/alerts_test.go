package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/notify"
	"sextant/query"
)

const (
	sqr  = group + "Microsoft.Insights/scheduledQueryRules/"
	grp  = group + "Microsoft.Insights/actionGroups/"
	mgmt = "/subscriptions/5ub/providers/Microsoft.AlertsManagement/alerts"
	v23  = "?api-version=2023-12-01"
)

// hook is a webhook that keeps what it is told.
type hook struct {
	web *httptest.Server

	mu     sync.Mutex
	bodies []commonAlert
	fail   bool
}

// commonAlert is the common alert schema, as far as receivers read it.
type commonAlert struct {
	SchemaID string
	Data     struct {
		Essentials struct {
			AlertID, AlertRule, Severity, SignalType, MonitorCondition, MonitoringService, FiredDateTime, ResolvedDateTime, Description, OriginAlertID string
			AlertTargetIDs, ConfigurationItems                                                                                                         []string
		}
		AlertContext struct {
			Properties    map[string]string
			ConditionType string
			Condition     struct {
				WindowSize, WindowStartTime, WindowEndTime string
				AllOf                                      []struct {
					SearchQuery, Operator, Threshold, TimeAggregation string
					LinkToFilteredSearchResultsAPI                    string
					MetricValue                                       *float64
					Dimensions                                        []struct{ Name, Value string }
					FailingPeriods                                    struct{ NumberOfEvaluationPeriods, MinFailingPeriodsToAlert int }
				}
			}
		}
		CustomProperties map[string]string
	}
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		var a commonAlert
		if e := json.Unmarshal(b, &a); err != nil || e != nil || h.fail {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		h.bodies = append(h.bodies, a)
	}))
	t.Cleanup(h.web.Close)
	return h
}

// took gives what came since the last call.
func (h *hook) took() []commonAlert {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.bodies
	h.bodies = nil
	return out
}

func (h *hook) down(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = yes
}

// alerting is a world whose clock can be set.
type alerting struct {
	*world
	now time.Time
}

func newAlerting(t *testing.T, now time.Time) *alerting {
	a := &alerting{newWorld(t), now}
	a.restart()
	return a
}

// restart the server over the same folder, as a new process would find it.
func (a *alerting) restart() {
	a.t.Helper()
	clock := func() time.Time { return a.now }
	sender := notify.NewSender(notify.Options{Version: "test"})
	s, err := New(Options{
		Node: a.node, Engine: query.New(query.Options{Clock: clock, MaxRows: 10_000, MaxBytes: 32 << 20}), Accounts: testAccounts(a.t, a.node, clock), Clock: clock, Version: "test",
		Logger: slog.New(slog.NewTextHandler(a.log, nil)), Alerts: AlertOptions{Sender: sender, URL: "https://sextant.example"},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	a.web.Close()
	a.s, a.web = s, httptest.NewServer(s.Handler())
	a.t.Cleanup(sender.Close)
}

// step runs what is due at a time of 2 January 2026.
func (a *alerting) step(clock string) {
	a.t.Helper()
	at, err := time.Parse("15:04:05", clock)
	if err != nil {
		a.t.Fatal(err)
	}
	a.now = time.Date(2026, 1, 2, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
	if _, err := a.s.alerts.Step(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

func (a *alerting) group(name, url string) {
	a.t.Helper()
	a.expect("PUT", grp+name+v23, fmt.Sprintf(`{"location":"Global","properties":{"groupShortName":%q,"enabled":true,"webhookReceivers":[{"name":"hook","serviceUri":%q,"useCommonAlertSchema":true}]}}`, name, url), 201, `"smsReceivers":\[\]`)
}

// rule over the tenant's own workspace; more is what the properties have besides.
func (a *alerting) rule(condition, more string) string {
	return fmt.Sprintf(`{"location":"local","properties":{"severity":2,"enabled":true,"evaluationFrequency":"PT5M","windowSize":"PT10M","scopes":[%q],"criteria":{"allOf":[%s]}%s}}`,
		defaultResource(a.node.Tenants()[0]), condition, more)
}

func signInAt(id, clock, result string) string {
	return fmt.Sprintf(`{"time":"2026-01-02T%sZ","category":"SignInLogs","tenantId":"%s","resultType":"%s","properties":{"id":"%s"}}`, clock, tenant, result, id)
}

// From a rule made by a management client to what its webhook is told, and back to
// normal; with a restart and a receiver that is down in between.
func TestAlertFiresAndResolves(t *testing.T) {
	w := newAlerting(t, time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	w.push(signInAt("1", "02:00:00", "0"))
	w.settle()
	h := newHook(t)
	w.group("soc", h.web.URL)
	const failures = `{"query":"SigninLogs | where ResultType != 0","timeAggregation":"Count","operator":"GreaterThan","threshold":1,"dimensions":[{"name":"ResultType","operator":"Include","values":["*"]}],"failingPeriods":{"numberOfEvaluationPeriods":1,"minFailingPeriodsToAlert":1}}`
	made := w.expect("PUT", sqr+"Failures"+v23, w.rule(failures, `,"description":"Too many","actions":{"actionGroups":["`+grp+`SOC"],"customProperties":{"team":"blue"}}`), 201, `"kind":"LogAlert".*"autoMitigate":true`)
	if !strings.Contains(made, `"id":"`+sqr+`Failures"`) {
		t.Error(made)
	}
	w.step("03:00:00")
	if got := h.took(); len(got) != 0 {
		t.Fatalf("it fired over nothing: %+v", got)
	}
	w.expect("GET", sqr+"failures/providers/Microsoft.ResourceHealth/availabilityStatuses/current?api-version=2023-07-01-preview", "", 200, `"last":"2026-01-02T03:00:00Z".*"availabilityState":"Available"|"availabilityState":"Available".*"last":"2026-01-02T03:00:00Z"`)

	w.push(signInAt("2", "03:03:00", "50126") + "\n" + signInAt("3", "03:04:00", "50126") + "\n" + signInAt("4", "03:04:00", "50053"))
	w.step("03:04:59")
	w.step("03:05:00")
	got := h.took()
	if len(got) != 1 {
		t.Fatalf("%d notifications: %+v\n%s", len(got), got, w.log.String())
	}
	e, c := got[0].Data.Essentials, got[0].Data.AlertContext
	if got[0].SchemaID != "azureMonitorCommonAlertSchema" || e.AlertRule != "Failures" || e.Severity != "Sev2" || e.SignalType != "Log" || e.MonitorCondition != "Fired" ||
		e.MonitoringService != "Log Alerts V2" || e.FiredDateTime != "2026-01-02T03:05:00Z" || e.Description != "Too many" || len(e.AlertTargetIDs) != 1 ||
		e.AlertTargetIDs[0] != strings.ToLower(defaultResource(w.node.Tenants()[0])) || !strings.HasPrefix(e.AlertID, mgmt+"/") {
		t.Errorf("%+v", e)
	}
	one := c.Condition.AllOf[0]
	if c.ConditionType != "LogQueryCriteria" || c.Properties["team"] != "blue" || c.Condition.WindowSize != "PT10M" || c.Condition.WindowStartTime != "2026-01-02T02:55:00Z" ||
		c.Condition.WindowEndTime != "2026-01-02T03:05:00Z" || one.Operator != "GreaterThan" || one.Threshold != "1" || one.MetricValue == nil || *one.MetricValue != 2 ||
		len(one.Dimensions) != 1 || one.Dimensions[0].Value != "50126" || got[0].Data.CustomProperties["team"] != "blue" {
		t.Errorf("%+v", c)
	}
	// The link gives the rows behind the alert.
	link, ok := strings.CutPrefix(one.LinkToFilteredSearchResultsAPI, "https://sextant.example")
	if !ok {
		t.Fatal(one.LinkToFilteredSearchResultsAPI)
	}
	w.expect("GET", link, "", 200, `"rows":\[\[.*\],\[.*\]\]\}\]`)

	id := strings.TrimPrefix(e.AlertID, mgmt+"/")
	w.expect("GET", mgmt+v23, "", 200, `"monitorCondition":"Fired".*"severity":"Sev2"`)
	w.expect("GET", mgmt+v23+"&monitorCondition=Resolved", "", 200, `"value":\[\]`)
	w.expect("GET", "/subscriptions/5ub/resourceGroups/other/providers/Microsoft.AlertsManagement/alerts"+v23, "", 200, `"value":\[\]`)
	w.expect("GET", "/subscriptions/else/providers/Microsoft.AlertsManagement/alerts/"+id+v23, "", 404, `ResourceNotFound`)
	w.expect("POST", mgmt+"/"+id+"/changestate"+v23+"&newState=Acknowledged", `{"comments":"on it"}`, 200, `"alertState":"Acknowledged"`)
	w.expect("POST", mgmt+"/"+id+"/changestate"+v23+"&newState=Gone", ``, 400, `New, Acknowledged, Closed work`)
	w.expect("GET", mgmt+"/"+id+"/history"+v23, "", 200, `"StateChange".*"comments":"on it".*"NotificationDelivered".*"ActionsTriggered".*"AlertCreated"`)
	w.expect("GET", strings.TrimSuffix(mgmt, "s")+"sSummary"+v23+"&groupby=severity,alertState", "", 200, `"count":1,"groupedby":"alertState","name":"Sev2","values":\[\{"count":1,"name":"Acknowledged"\}\]`)
	w.settle()
	w.expect("POST", "/v1/workspaces/default/query", `{"query":"AzureActivity | where CategoryValue == 'Alert' | project OperationNameValue, ActivityStatusValue, Level, tostring(Properties_d.ruleName)"}`, 200,
		`\[\["Microsoft.Insights/ScheduledQueryRules/Activated/Action","Activated","Warning","Failures"\]\]`)

	// While it goes on nobody is told again. The window of 03:15 holds nothing any more;
	// after three such evaluations the alert is resolved, and the receiver is down.
	w.step("03:10:00")
	w.restart()
	w.step("03:15:00")
	w.step("03:20:00")
	if got := h.took(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	// It is an alert of Graph too, which people work on there; what they say stays.
	w.expect("GET", "/v1.0/security/alerts_v2/"+id, "", 200, `"classification":"unknown".*"detectionSource":"scheduledAlerts".*"productName":"Azure Monitor".*"status":"inProgress".*"title":"Failures"`, "Prefer: include-unknown-enum-members")
	w.expect("GET", "/v1.0/security/alerts_v2?$filter=serviceSource%20eq%20'microsoftSentinel'%20and%20status%20eq%20'inProgress'", "", 200,
		`"severity":"medium".*"title":"Failures"`)
	w.expect("PATCH", "/v1.0/security/alerts_v2/"+id, `{"classification":"truePositive","determination":"compromisedAccount"}`, 200, `"classification":"truePositive"`)
	h.down(true)
	w.step("03:25:00")
	w.expect("GET", mgmt+"/"+id+v23, "", 200, `"alertState":"Acknowledged".*"monitorCondition":"Resolved".*"monitorConditionResolvedDateTime":"2026-01-02T03:25:00Z"`)
	w.restart()
	w.step("03:25:02")
	h.down(false)
	w.step("03:25:06")
	got = h.took()
	if len(got) != 1 || got[0].Data.Essentials.MonitorCondition != "Resolved" || got[0].Data.Essentials.OriginAlertID != id || got[0].Data.Essentials.ResolvedDateTime != "2026-01-02T03:25:00Z" {
		t.Fatalf("%+v", got)
	}
	w.settle()
	w.expect("POST", "/v1/workspaces/default/query", `{"query":"AzureActivity | where CategoryValue == 'Alert' | summarize count() by ActivityStatusValue | order by ActivityStatusValue asc"}`, 200, `\[\["Activated",1\],\["Resolved",1\]\]`)
	w.expect("GET", "/v1.0/security/alerts_v2/"+id, "", 200, `"classification":"truePositive".*"resolvedDateTime":"2026-01-02T03:25:00Z".*"status":"resolved"`)
	w.expect("GET", "/metrics", "", 200, `(?s)sextant_alert_notifications_waiting 0\n.*sextant_alert_rules\{state="failing"\} 0\n.*sextant_alert_rules\{state="working"\} 1\n.*sextant_alerts_open 0\n`)
	w.expect("DELETE", sqr+"failures"+v23, "", 200, "^$")
	w.expect("DELETE", sqr+"failures"+v23, "", 204, "^$")
}
