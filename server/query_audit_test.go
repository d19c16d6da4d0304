package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sextant/access"
)

const auditSetting = "/subscriptions/" + tenant + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + tenant +
	"/providers/Microsoft.Insights/diagnosticSettings"

// auditQueries of the tenant's workspace, in itself.
func (w *world) auditQueries(headers ...string) (int, string) {
	body := `{"properties":{"workspaceId":"` + strings.SplitN(auditSetting, "/providers/Microsoft.Insights", 2)[0] + `","logs":[{"category":"Audit","enabled":true}]}}`
	status, text, _ := w.call("PUT", auditSetting+"/who-asks?api-version=2021-05-01-preview", []byte(body), headers...)
	return status, text
}

// rows of a query's first result.
func (w *world) rows(key, query string) string {
	w.t.Helper()
	w.settle()
	status, text := w.asks(key, tenant, query)
	var answer struct{ Tables []struct{ Rows [][]any } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 {
		w.t.Fatalf("%s: %d %s", query, status, text)
	}
	return fmt.Sprint(answer.Tables[0].Rows)
}

// Queries are in LAQueryLogs when the workspace's diagnostic setting says so, and only
// then: from every face, whatever became of them, those over LAQueryLogs as well.
func TestQueriesAreAudited(t *testing.T) {
	w := twoDirectories(t)
	app, key := "Authorization: Bearer "+token, w.keyOf(tenant, roles("Reports Reader"))
	working := make(chan struct{})
	ctx, end := context.WithCancel(context.Background())
	go func() { w.s.Work(ctx); close(working) }()

	w.asks(key, tenant, "SigninLogs | count // before")
	if status, text := w.auditQueries(app); status != 200 || !strings.Contains(text, `"Audit"`) {
		t.Fatalf("%d %s", status, text)
	}
	w.asks(key, tenant, "SigninLogs | project Id")
	w.asks(key, tenant, "NoSuchTable")
	w.call("POST", "/v1/rest/query", []byte(`{"db":"`+tenant+`","csl":"AuditLogs | count"}`), key, "x-ms-app: Explorer")
	w.call("POST", "/v1/rest/mgmt", []byte(`{"db":"`+tenant+`","csl":".show tables"}`), key)
	w.call("POST", "/v1/$batch", []byte(`{"requests":[{"id":"1","workspace":"`+tenant+`","body":{"query":"print batched = 1","timespan":"P1D"}}]}`), key)
	w.asks(w.keyOf(tenant, access.APIKey{Scopes: []string{"Records.Write"}}), tenant, "print denied = 1")
	hunter := w.keyOf(tenant, access.APIKey{Scopes: []string{"ThreatHunting.Read.All"}})
	w.call("POST", "/v1.0/security/runHuntingQuery", []byte(`{"Query":"print hunted = 1","Timespan":"P1D"}`), hunter)
	w.call("POST", "/v1.0/security/runHuntingQuery", []byte(`{"Query":"NoSuchQuarry"}`), hunter, "x-ms-app: Hunter")
	w.call("POST", strings.SplitN(auditSetting, "/providers/", 2)[0]+"/providers/Microsoft.AlertsManagement/previewAlertRule?api-version=2021-08-08", []byte(`{"properties":{"timespan":"PT10M","scheduledQueryRuleProperties":{"location":"local","properties":{
		"severity":2,"enabled":true,"scopes":["`+strings.SplitN(auditSetting, "/providers/Microsoft.Insights", 2)[0]+`"],"evaluationFrequency":"PT5M","windowSize":"PT5M",
		"criteria":{"allOf":[{"query":"SigninLogs | take 7","timeAggregation":"Count","operator":"GreaterThan","threshold":0}]}}}}}`), app)
	w.asks(w.keyOf(stranger, access.APIKey{Root: true}), tenant, "print elsewhere = 1")
	end()
	<-working // a clean stop writes what waits
	want := "[[AuditLogs | count 200 1 Explorer false] [NoSuchQuarry 400 0 Hunter false] [NoSuchTable 400 0 of a test false] [SigninLogs | project Id 200 1 of a test false]" +
		" [SigninLogs | take 7 200 3 administrator true] [print batched = 1 200 1 of a test true] [print denied = 1 403 0 of a test false] [print hunted = 1 200 1 of a test true]]"
	if got := w.rows(app, "LAQueryLogs | project QueryText, ResponseCode, ResponseRowCount, RequestClientApp, isnotnull(QueryTimeRangeStart) | sort by QueryText asc"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// After the stop a row is there when the answer is; and the query before is in it.
	if got := w.rows(app, "LAQueryLogs | where QueryText has 'LAQueryLogs' | project AADTenantId, array_length(RequestContext.workspaces), RequestTarget endswith '"+tenant+"', isnotempty(CorrelationId)"); got != "[["+tenant+" 1 true true]]" {
		t.Error(got)
	}
	// Who reads the workspace, or the reports that queries were over, reads no queries.
	for _, role := range []string{"Log Analytics Contributor", "Monitoring Contributor", "Reports Reader", "Security Reader", "Global Reader"} {
		if status, text := w.asks(w.keyOf(tenant, roles(role)), tenant, "LAQueryLogs"); status != 400 || !strings.Contains(text, "Failed to resolve") {
			t.Errorf("%s: %d %s", role, status, text)
		}
	}
	if status, _ := w.asks(w.keyOf(tenant, roles("Security Administrator")), tenant, "LAQueryLogs"); status != 200 {
		t.Error("a Security Administrator does not read the audit of queries")
	}
	if status, _, _ := w.call("DELETE", auditSetting+"/who-asks?api-version=2021-05-01-preview", nil, app); status != 200 {
		t.Error(status)
	}
	if a, b := w.rows(app, "LAQueryLogs | count"), w.rows(app, "LAQueryLogs | count"); a != b {
		t.Errorf("%s rows, and %s, after the setting was deleted", a, b)
	}
}

func TestDiagnosticSettings(t *testing.T) {
	w := twoDirectories(t)
	const version = "?api-version=2021-05-01-preview"
	f := func(key, method, path, body string, status int, part string) {
		t.Helper()
		got, text, _ := w.call(method, path, []byte(body), key)
		if got != status || !strings.Contains(text, part) {
			t.Errorf("%s %s %s: %d %s", method, path, body, got, text)
		}
	}
	here := strings.SplitN(auditSetting, "/providers/Microsoft.Insights", 2)[0]
	there := strings.ReplaceAll(here, tenant, stranger)
	owner := w.keyOf(tenant, roles("Security Administrator"))
	f(owner, "GET", auditSetting+version, "", 200, `"value":[]`)
	f(owner, "GET", auditSetting+"Categories"+version, "", 200, `"Audit"`)
	f(owner, "GET", auditSetting+"/x"+version, "", 404, "ResourceNotFound")
	put := func(key, logs, workspace string, status int, part string) {
		t.Helper()
		f(key, "PUT", auditSetting+"/x"+version, `{"properties":{"workspaceId":"`+workspace+`","logs":[`+logs+`]}}`, status, part)
	}
	put(owner, `{"category":"Other","enabled":true}`, here, 400, "Category 'Other' is not supported")
	put(owner, `{"category":"Audit","enabled":true}`, "", 400, "workspaceId")
	put(owner, `{"category":"Audit","enabled":true}`, there, 404, "ResourceNotFound") // of another directory: not there
	for _, role := range []string{"Log Analytics Contributor", "Security Reader", "Reports Reader"} {
		put(w.keyOf(tenant, roles(role)), `{"category":"Audit","enabled":true}`, here, 403, "AuthorizationFailed")
	}
	put(w.keyOf(stranger, access.APIKey{Root: true}), `{"category":"Audit","enabled":true}`, here, 404, "SubscriptionNotFound")
	put(owner, `{"categoryGroup":"allLogs","enabled":true}`, here, 200, "allLogs")
	f(owner, "GET", auditSetting+version, "", 200, `"name":"x"`)
	f(owner, "DELETE", auditSetting+"/x"+version, "", 200, "")
	f(owner, "DELETE", auditSetting+"/x"+version, "", 204, "")
	f(owner, "PATCH", auditSetting+"/x"+version, "{}", 405, "MethodNotAllowed")
}
