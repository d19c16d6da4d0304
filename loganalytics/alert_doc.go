package loganalytics

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sextant/fault"
)

// Monitor conditions of an alert.
const (
	fired    = "Fired"
	resolved = "Resolved"
)

// alertStates that people give an alert.
var alertStates = []string{"New", "Acknowledged", "Closed"}

// monitorService of log search alerts, as the common schema and the list of alerts
// name it.
const monitorService = "Log Alerts V2"

// Alert is one time that a rule's condition was met, for one combination of
// dimensions.
type Alert struct {
	ID          string            `json:"id"`   // GUID
	Rule        string            `json:"rule"` // resource id, as it was spelled
	RuleName    string            `json:"ruleName"`
	Description string            `json:"description,omitempty"`
	Severity    int               `json:"severity"`
	Target      string            `json:"target"` // resource id
	Tenant      string            `json:"tenant"`
	Dimensions  []dimensionValue  `json:"dimensions,omitempty"`
	Custom      map[string]string `json:"customProperties"`
	Context     json.RawMessage   `json:"context"` // of the common schema
	Stateful    bool              `json:"stateful"`
	Condition   string            `json:"monitorCondition"`
	State       string            `json:"alertState"`
	Suppressed  bool              `json:"suppressed,omitempty"`
	Fired       time.Time         `json:"fired"`
	Resolved    time.Time         `json:"resolved,omitzero"`
	Modified    time.Time         `json:"modified"`
	ModifiedBy  string            `json:"modifiedBy"`
	History     []modification    `json:"history"` // the newest last
}

// modification of an alert.
//
// Source: the history of Microsoft.AlertsManagement/alerts.
type modification struct {
	Event       string    `json:"modificationEvent"`
	Old         string    `json:"oldValue"`
	New         string    `json:"newValue"`
	At          time.Time `json:"modifiedAt"`
	By          string    `json:"modifiedBy"`
	Comments    string    `json:"comments"`
	Description string    `json:"description"`
}

// bySystem is who changes an alert without anybody.
const bySystem = "System"

// maxModifications of an alert; of more the second and those behind it are dropped, so that
// the first says where it came from.
const maxModifications = 200

// subscriptionOf a resource id, in lower case; "-" of one without.
func subscriptionOf(id string) string {
	parts := strings.Split(strings.ToLower(strings.TrimPrefix(id, "/")), "/")
	if len(parts) > 1 && parts[0] == "subscriptions" {
		return parts[1]
	}
	return "-"
}

// alertDocument is the id of an alert's document.
func alertDocument(rule, alert string) string { return subscriptionOf(rule) + "/" + alert }

func (al *Alert) document() string { return alertDocument(al.Rule, al.ID) }

// armID of an alert.
func (al *Alert) armID() string {
	return "/subscriptions/" + subscriptionOf(al.Rule) + "/providers/Microsoft.AlertsManagement/alerts/" + al.ID
}

func (al *Alert) severity() string { return fmt.Sprintf("Sev%d", al.Severity) }

// nameOf a resource: the last segment of its id.
func nameOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// typeOf a resource: Microsoft.OperationalInsights/workspaces.
func typeOf(id string) string {
	_, rest, ok := cutFold(id, "/providers/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 2 {
		return ""
	}
	out := parts[0]
	for i := 1; i < len(parts); i += 2 {
		out += "/" + parts[i]
	}
	return out
}

// groupOf a resource: its resource group.
func groupOf(id string) string {
	_, rest, _ := cutFold(id, "/resourcegroups/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// cutFold is strings.Cut at the last separator, whatever its case.
func cutFold(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(strings.ToLower(s), sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// fired is the alert of a step.
func (r *alertRule) fired(s step, tenant string, at time.Time, base string) *Alert {
	al := &Alert{
		ID: s.inst.Alert, Rule: r.ID, RuleName: r.Display, Description: r.Description, Severity: r.Severity, Target: r.Scope, Tenant: tenant,
		Dimensions: s.inst.Dimensions, Custom: r.customOf(), Context: r.context(s, at, base), Stateful: r.Stateful, Condition: fired, State: alertStates[0], Fired: at.UTC(),
	}
	if strings.HasPrefix(s.inst.Resource, "/") {
		al.Target = s.inst.Resource
	}
	al.change(at, bySystem, modification{Event: "AlertCreated", Description: "New alert is created"})
	return al
}

// resolve the alert; comment says why where the condition does not.
func (al *Alert) resolve(at time.Time, comment string) {
	al.change(at, bySystem, modification{Event: "MonitorConditionChange", Old: al.Condition, New: resolved, Comments: comment, Description: "Monitor condition changed from 'Fired' to 'Resolved'"})
	al.Condition, al.Resolved = resolved, at.UTC()
}

// note in the history what was done about the alert.
func (al *Alert) note(at time.Time, event, text, about string) {
	al.change(at, bySystem, modification{Event: event, New: about, Description: text})
}

func (al *Alert) change(at time.Time, by string, m modification) {
	m.At, m.By = at.UTC(), by
	al.Modified, al.ModifiedBy = m.At, by
	if len(al.History) >= maxModifications {
		al.History = append(al.History[:1], al.History[2:]...)
	}
	al.History = append(al.History, m)
}

// alert of a document.
func (a *Alerts) alert(document string) (*Alert, error) {
	doc, err := a.State.Get(AlertKind, document)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, fault.New(fault.NotFound, "there is no alert %s", nameOf(document))
		}
		return nil, err
	}
	al := &Alert{}
	return al, doc.Decode(al)
}
