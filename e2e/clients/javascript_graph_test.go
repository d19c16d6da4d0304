package clients

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// groupChange is a directory audit record: ann added bob to a group.
const groupChange = `{"time":"2026-01-02T04:00:00.5Z","category":"AuditLogs","operationName":"Add member to group","tenantId":"` + tenant + `","correlationId":"c1","properties":{"id":"a1","category":"GroupManagement","result":"success",
"activityDisplayName":"Add member to group","activityDateTime":"2026-01-02T04:00:00.5+00:00","loggedByService":"Core Directory","initiatedBy":{"user":{"id":"u-ann","userPrincipalName":"ann@example.org"}},
"targetResources":[{"id":"u-bob","type":"User","userPrincipalName":"bob@example.org","modifiedProperties":[]},{"id":"g1","type":"Group","displayName":"Admins","modifiedProperties":[]}],"additionalDetails":[{"key":"k","value":"v"}]}}`

// TestJavaScriptGraph runs js/graph.mjs and reads what it says.
func TestJavaScriptGraph(t *testing.T) {
	node := javascript(t)
	s := start(t)
	s.call("POST", "/v1/records", strings.Join([]string{groupChange, risky, cases}, "\n"), 200)
	s.settle()
	cmd := exec.Command(node, "graph.mjs")
	cmd.Dir = "js"
	cmd.Env = s.nodeEnv()
	want := map[string]string{
		"list": `true "r2 r1 s2 s1 s0"`, "filter": `true "s1"`, "beta": `true ["interactiveUser"]`, "item": `true "Ulm"`, "pages": `true [5,5]`,
		"group": `true [["2026-01-02T04:00:00.5Z","Add member to group","ann@example.org"]]`, "hunt": `true [{"Count":5}]`, "batch": `true ["r2 r1 s2 s1 s0",404]`,
		"metadata v1.0": `true [[],true,["auditLogs","identityProtection","reports","security","subscriptions"]]`,
		"metadata beta": `true [[],true,["auditLogs","identityProtection","reports","security","subscriptions"]]`, "without metadata": `true "no context"`,
		"mistake": `false {"status":400,"code":"BadRequest","message":"Invalid filter clause: Could not find a property named 'nope' on type 'microsoft.graph.signIn'. (position 0 of $filter)","requestId":true}`,
		"nothing": `false {"status":404,"code":"Request_ResourceNotFound"`, "unknown": `false {"status":400,"code":"BadRequest","message":"Resource not found for the segment 'frobs'."`,
		"compromised": `true ["confirmedCompromised","adminConfirmedSigninCompromised","atRisk","high"]`,
		"user safe":   `true ["confirmedSafe","adminConfirmedAccountSafe","confirmedSafe","none"]`,
		"history":     `true ["confirmedSafe","atRisk","atRisk"]`,
		"incidents":   `true [["Password spray","active",1]]`, "incident": `true ["resolved","ann@aldermoor.example","falsePositive"]`, "comment": `true ["a scanner of ours"]`,
		"act in a batch": `true [204,"dismissed"]`, "nobody": `false {"status":404,"code":"ResourceNotFound"`,
	}
	for name, begins := range want {
		want[name] = "^" + regexp.QuoteMeta(begins)
	}
	s.told(cmd, want)
}
