package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// graph asks Graph with the administrator's key.
func (w *world) graph(method, path, body string, status int) string {
	w.t.Helper()
	got, text, _ := w.call(method, strings.NewReplacer(" ", "%20", "'", "%27").Replace(path), []byte(body), "Content-Type: application/json")
	if got != status {
		w.t.Fatalf("%s %s: %d %s", method, path, got, text)
	}
	return text
}

func TestASignInIsConfirmedAsCompromised(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("s-1") + "\n" + signIn("s-2"))
	w.settle()
	w.graph("POST", "/v1.0/auditLogs/signIns/confirmCompromised", `{"RequestIds":["s-1"]}`, http.StatusNoContent)
	item := w.graph("GET", "/v1.0/auditLogs/signIns/s-1?$select=riskState,riskDetail,riskLevelAggregated", "", http.StatusOK)
	for _, want := range []string{`"riskState":"confirmedCompromised"`, `"riskDetail":"adminConfirmedSigninCompromised"`, `"riskLevelAggregated":"high"`} {
		if !strings.Contains(item, want) {
			t.Errorf("%s is not in %s", want, item)
		}
	}
	audits := w.graph("GET", "/v1.0/auditLogs/directoryAudits?$filter=activityDisplayName eq 'ConfirmCompromised'", "", http.StatusOK)
	if !strings.Contains(audits, `"loggedByService":"Identity Protection"`) {
		t.Errorf("no audit: %s", audits)
	}
	w.graph("POST", "/v1.0/auditLogs/signIns/confirmSafe", `{"requestIds":["nobody"]}`, http.StatusNotFound)
	w.graph("POST", "/v1.0/auditLogs/signIns/confirmSafe", `{"ids":["s-1"]}`, http.StatusBadRequest)
	w.graph("GET", "/v1.0/auditLogs/signIns/confirmSafe/x", "", http.StatusBadRequest)
}

func TestAnAlertOfAnotherGraphIsWorkedOn(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("s-1"))
	w.settle()
	version := func(status, at string) string {
		return strings.ReplaceAll(`{"time":"`+at+`","category":"GraphSecurityAlerts","tenantId":"TENANT","properties":{"@odata.type":"#microsoft.graph.security.alert","id":"da1","title":"A hidden file ran","status":"`+status+`","severity":"high","createdDateTime":"2026-01-31T08:45:27Z","lastUpdateDateTime":"`+at+`","comments":[{"comment":"theirs","createdByDisplayName":"Ann","createdDateTime":"2026-01-31T09:00:00Z"}]}}`, "TENANT", tenant)
	}
	w.push(version("new", "2026-01-31T09:00:00Z"))
	w.settle()
	has := func(text string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not in %s", want, text)
			}
		}
	}
	// Who subscribed to a part hears of it by what is said here and what the object says.
	hook := newSubscriber(t)
	w.graph("POST", "/v1.0/subscriptions", `{"changeType":"updated","resource":"security/alerts_v2?$filter=status eq 'inProgress' and title eq 'A hidden file ran'","notificationUrl":"`+hook.URL+`","expirationDateTime":"`+w.s.o.Clock().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`, http.StatusCreated)
	has(w.graph("PATCH", "/v1.0/security/alerts_v2/da1", `{"status":"inProgress","assignedTo":"ana@aldermoor.example"}`, http.StatusOK), `"status":"inProgress"`, `"assignedTo":"ana@aldermoor.example"`, `"title":"A hidden file ran"`)
	has(w.graph("POST", "/v1.0/security/alerts_v2/da1/comments", `{"comment":"ours"}`, http.StatusOK), `"comment":"theirs"`, `"comment":"ours"`)
	if _, err := w.s.subscriptions.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := hook.heard(); got != "updated security/alerts_v2/da1, updated security/alerts_v2/da1" { // the change and the comment
		t.Errorf("told of %s", got)
	}
	w.push(version("resolved", "2026-01-31T10:00:00Z"))
	w.settle()
	has(w.graph("GET", "/v1.0/security/alerts_v2?$filter=status eq 'inProgress'", "", http.StatusOK), `"id":"da1"`, `"comment":"ours"`)
	has(w.graph("GET", "/v1.0/auditLogs/directoryAudits?$filter=loggedByService eq 'Sextant'", "", http.StatusOK), `"activityDisplayName":"Update alert"`, `"activityDisplayName":"Add comment to alert"`, `"displayName":"status","newValue":"\"inProgress\"","oldValue":"\"new\""`)
	w.expect("POST", "/v1/workspaces/default/query", `{"query":"GraphSecurityAlerts_CL | sort by TimeGenerated asc, tostring(Properties.status) asc | project tostring(Properties.status)"}`, 200, `\[\["new"\],\["resolved"\]\]`)
	w.graph("PATCH", "/v1.0/security/alerts_v2/da2", `{"status":"inProgress"}`, http.StatusNotFound)
}

func TestIncidentsAndAlerts(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("s-1"))
	w.settle()
	w.push(strings.ReplaceAll(`{"time":"2026-03-01T09:00:00Z","category":"SecurityIncident","tenantId":"TENANT","properties":{"TimeGenerated":"2026-03-01T09:00:00Z","IncidentName":"i-1","IncidentNumber":7,"Title":"Spray","Severity":"Medium","Status":"New","Owner":{"objectId":null},"LastModifiedTime":"2026-03-01T09:00:00Z","CreatedTime":"2026-03-01T09:00:00Z","Labels":[],"Comments":[],"AlertIds":["a-1"],"AdditionalData":{"alertsCount":1}}}
{"time":"2026-03-01T08:59:00Z","category":"SecurityAlert","tenantId":"TENANT","properties":{"TimeGenerated":"2026-03-01T08:59:00Z","SystemAlertId":"a-1","AlertName":"Password spray","AlertSeverity":"Medium","Status":"New","ProviderName":"IPC","ProcessingEndTime":"2026-03-01T08:59:00Z","Entities":"[{\"Type\":\"account\",\"Name\":\"wren\",\"UPNSuffix\":\"aldermoor.example\"}]"}}`, "TENANT", tenant))
	w.settle()
	list := w.graph("GET", "/v1.0/security/incidents?$filter=status eq 'active'&$expand=alerts", "", http.StatusOK)
	for _, want := range []string{`"displayName":"Spray"`, `"severity":"medium"`, `"status":"active"`, `"alerts":[{"id":"a-1"`, `"serviceSource":"azureAdIdentityProtection"`, `"#microsoft.graph.security.userEvidence"`, `"userPrincipalName":"wren@aldermoor.example"`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in %s", want, list)
		}
	}
	changed := w.graph("PATCH", "/v1.0/security/incidents/i-1", `{"status":"resolved","classification":"truePositive","determination":"phishing","assignedTo":"ana@aldermoor.example","customTags":["board"]}`, http.StatusOK)
	for _, want := range []string{`"status":"resolved"`, `"classification":"truePositive"`, `"determination":"phishing"`, `"assignedTo":"ana@aldermoor.example"`, `"customTags":["board"]`} {
		if !strings.Contains(changed, want) {
			t.Errorf("%s is not in %s", want, changed)
		}
	}
	if none := w.graph("GET", "/v1.0/security/incidents?$filter=status eq 'active'", "", http.StatusOK); !strings.Contains(none, `"value":[]`) {
		t.Errorf("still active: %s", none)
	}
	comments := w.graph("POST", "/v1.0/security/alerts_v2/a-1/comments", `{"@odata.type":"microsoft.graph.security.alertComment","comment":"seen"}`, http.StatusOK)
	if !strings.Contains(comments, `"comment":"seen"`) {
		t.Errorf("no comment: %s", comments)
	}
	listed := w.graph("POST", "/v1.0/security/alerts_v2/a-1/comments", `[{"comment":"as the SDKs send it"}]`, http.StatusOK)
	if !strings.HasPrefix(listed, `[{`) || !strings.Contains(listed, `"comment":"as the SDKs send it"`) {
		t.Errorf("a list is answered with %s", listed)
	}
	for _, none := range []string{`[]`, `[{}]`, `{}`, `[1]`, `"x"`} {
		w.graph("POST", "/v1.0/security/alerts_v2/a-1/comments", none, http.StatusBadRequest)
	}
	alert := w.graph("PATCH", "/v1.0/security/alerts_v2/a-1", `{"status":"inProgress"}`, http.StatusOK)
	if !strings.Contains(alert, `"status":"inProgress"`) || !strings.Contains(alert, `"incidentId":"i-1"`) {
		t.Errorf("%s", alert)
	}
	for body, says := range map[string]string{
		`{"status":"asleep"}`: "is not valid", `{"colour":"red"}`: "The property 'colour' does not exist on type 'microsoft.graph.security.incident'", `{"status":`: "Unable to read JSON request payload",
		`[]`: "Unable to read JSON request payload", `{"status":7}`: "is not a text",
	} {
		if got := w.graph("PATCH", "/v1.0/security/incidents/i-1", body, http.StatusBadRequest); !strings.Contains(got, says) {
			t.Errorf("%s: %s", body, got)
		}
	}
	// What cannot be changed is passed over, and annotations are.
	w.graph("PATCH", "/v1.0/security/incidents/i-1", `{"@odata.type":"#microsoft.graph.security.incident","createdDateTime":"2020-01-01T00:00:00Z","customTags@odata.type":"#Collection(String)"}`, http.StatusOK)
	w.graph("PATCH", "/v1.0/security/incidents/i-2", `{"status":"active"}`, http.StatusNotFound)
}

// subscriber is told of changes.
type subscriber struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
}

func newSubscriber(t *testing.T) *subscriber {
	h := &subscriber{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" {
			_, _ = io.WriteString(rw, token)
			return
		}
		var body struct {
			Value []struct{ ChangeType, Resource string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, n := range body.Value {
			h.told = append(h.told, n.ChangeType+" "+n.Resource)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *subscriber) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.told)
	return strings.Join(h.told, ", ")
}

func TestAnApplicationIsToldOfWhatComesIn(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("before"))
	w.settle()
	hook := newSubscriber(t)
	until := w.s.o.Clock().Add(time.Hour).UTC().Format(time.RFC3339)
	made := w.graph("POST", "/v1.0/subscriptions", `{"changeType":"created","resource":"auditLogs/signIns","notificationUrl":"`+hook.URL+`","clientState":"x","expirationDateTime":"`+until+`"}`, http.StatusCreated)
	var sub struct{ ID string }
	if err := json.Unmarshal([]byte(made), &sub); err != nil || sub.ID == "" {
		t.Fatalf("%s, %v", made, err)
	}
	part := w.graph("POST", "/beta/subscriptions", `{"changeType":"created","resource":"/auditLogs/signIns/?$filter=id eq 'after' and signInEventTypes/any(t: t eq 'interactiveUser')","notificationUrl":"`+hook.URL+`","expirationDateTime":"`+until+`"}`, http.StatusCreated)
	if want := `"resource":"auditLogs/signIns?$filter=id eq 'after' and `; !strings.Contains(part, want) {
		t.Errorf("%s is not in %s", want, part)
	}
	for resource, says := range map[string]string{
		"auditLogs/signIns?$filter=nope eq 1": "Invalid filter clause", "auditLogs/signIns?$filter=id eq": "Invalid filter clause", "auditLogs/signIns?$top=1": "takes $filter, and not $top",
	} {
		if got := w.graph("POST", "/v1.0/subscriptions", `{"changeType":"created","resource":"`+resource+`","notificationUrl":"`+hook.URL+`","expirationDateTime":"`+until+`"}`, http.StatusBadRequest); !strings.Contains(got, says) {
			t.Errorf("%s: %s", resource, got)
		}
	}
	w.push(signIn("after"))
	w.push(signIn("other"))
	w.settle()
	if _, err := w.s.subscriptions.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := hook.heard(); got != "created auditLogs/signIns/after, created auditLogs/signIns/after, created auditLogs/signIns/other" {
		t.Errorf("told of %s", got)
	}
	w.graph("DELETE", "/v1.0/subscriptions/"+sub.ID, "", http.StatusNoContent)
	w.graph("GET", "/v1.0/subscriptions/"+sub.ID, "", http.StatusNotFound)
}
