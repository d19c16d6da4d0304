package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sextant/access"
)

// A rule reads what its writer may read, whether its query is checked or not, and a
// preview what who asks may read.
func TestRulesReadAsTheirWriters(t *testing.T) {
	w := newAlerting(t, time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	w.accounts = w.s.o.Accounts
	w.push(signInAt("1", "02:58:00", "50126") + "\n" + strings.ReplaceAll(signInAt("2", "02:58:00", "50053"), tenant, stranger))
	w.settle()
	own := "/subscriptions/" + tenant + "/resourceGroups/g/providers/Microsoft.Insights/scheduledQueryRules/"
	here := "/subscriptions/" + tenant + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + tenant
	rule := func(scope, more string) string {
		return fmt.Sprintf(`{"location":"local","properties":{"severity":2,"enabled":true,"evaluationFrequency":"PT5M","windowSize":"PT10M","scopes":[%q],"criteria":{"allOf":[`+
			`{"query":"SigninLogs | where ResultType != 0","timeAggregation":"Count","operator":"GreaterThan","threshold":0,"dimensions":[{"name":"ResultType","operator":"Include","values":["*"]}]}]}%s}}`, scope, more)
	}
	monitor, both := w.keyOf(tenant, roles("Monitoring Contributor")), w.keyOf(tenant, roles("Monitoring Contributor", "Reports Reader"))
	const skip = `,"skipQueryValidation":true`

	w.expect("PUT", own+"checked"+v23, rule(here, ""), 400, "Failed to resolve", monitor)
	w.expect("PUT", own+"hidden"+v23, strings.Replace(rule(here, skip), `"properties"`, `"writer":{"Kind":"ApiKey","Root":true},"properties"`, 1), 201, `"kind":"LogAlert"`, monitor)
	w.expect("PUT", own+"elsewhere"+v23, rule(strings.ReplaceAll(here, tenant, stranger), skip), 400, "there is no tenant or workspace", monitor)
	w.expect("PUT", own+"open"+v23, rule(here, ""), 201, `"kind":"LogAlert"`, both)
	for _, c := range []struct {
		key  string
		want int
	}{{monitor, 400}, {both, 200}} {
		preview := fmt.Sprintf(`{"properties":{"timespan":"PT10M","scheduledQueryRuleProperties":%s}}`, rule(here, ""))
		status, text, _ := w.call("POST", here+"/providers/Microsoft.AlertsManagement/previewAlertRule"+v23, []byte(preview), c.key)
		if status != c.want || strings.Contains(text, "50126") != (c.want == 200) {
			t.Errorf("preview: %d %s", status, text)
		}
	}
	w.step("03:00:00")
	w.expect("GET", "/subscriptions/"+tenant+"/providers/Microsoft.AlertsManagement/alerts"+v23, "", 200, `"name":"open"`, both)
	_, alerts, _ := w.call("GET", "/subscriptions/"+tenant+"/providers/Microsoft.AlertsManagement/alerts"+v23, nil, both)
	if strings.Contains(alerts, `"name":"hidden"`) {
		t.Errorf("a rule read what its writer may not: %s", alerts)
	}
	// Each directory's administrators see its own rules, and no others.
	if _, text, _ := w.call("GET", "/v1/alertrules", nil, monitor); !strings.Contains(text, "/hidden") || !strings.Contains(text, "Failed to resolve") {
		t.Error(text)
	}
	w.expect("GET", "/v1/alertrules", "", 200, `"value":\[\]`, w.keyOf(stranger, access.APIKey{Root: true}))
	w.expect("DELETE", own+"open"+v23, "", 403, "AuthorizationFailed", w.keyOf(tenant, roles("Monitoring Reader")))
	// Whoever changes an alert's state is named in its history.
	id := strings.SplitN(strings.SplitN(alerts, "Microsoft.AlertsManagement/alerts/", 2)[1], `"`, 2)[0]
	path := "/subscriptions/" + tenant + "/providers/Microsoft.AlertsManagement/alerts/" + id
	w.expect("POST", path+"/changestate"+v23+"&newState=Acknowledged", "", 200, `"lastModifiedUserName":"of a test"`, both)
	w.expect("GET", path+"/history"+v23, "", 200, `"modifiedBy":"of a test"`, both)
}
