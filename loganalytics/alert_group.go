package loganalytics

import (
	"encoding/json"
	"strings"

	"sextant/fault"
	"sextant/notify"
)

// ActionGroupKind of documents, by resource id in lower case.
const ActionGroupKind = "actionGroup"

// Kinds of receivers.
const (
	emailReceiver   = "email"
	webhookReceiver = "webhook"
	syslogReceiver  = "syslog"
)

// actionGroup is what the properties of an action group say.
//
// Source: the published definition of Microsoft.Insights/actionGroups, 2019-06-01 to
// 2024-10-01-preview. syslogReceivers are ours.
type actionGroup struct {
	ShortName string `json:"groupShortName"`
	Enabled   *bool  `json:"enabled"`
	Emails    []struct {
		Name    string `json:"name"`
		Address string `json:"emailAddress"`
	} `json:"emailReceivers"`
	Webhooks []struct {
		Name string `json:"name"`
		URI  string `json:"serviceUri"`
		AAD  bool   `json:"useAadAuth"`
	} `json:"webhookReceivers"`
	Syslogs []struct {
		Name     string `json:"name"`
		URI      string `json:"serviceUri"`
		Facility string `json:"facility"`
	} `json:"syslogReceivers"`
}

// receiver of a group.
type receiver struct {
	kind, name    string
	uri, facility string
}

// elsewhere are receivers of Azure's that need Azure. They are refused rather than
// kept and never told.
var elsewhere = []string{
	"smsReceivers", "voiceReceivers", "itsmReceivers", "azureAppPushReceivers", "automationRunbookReceivers", "logicAppReceivers", "azureFunctionReceivers",
	"armRoleReceivers", "eventHubReceivers", "incidentReceivers",
}

// receivers of a group, in the order of its properties.
func (g *actionGroup) receivers() []receiver {
	var out []receiver
	for _, e := range g.Emails {
		out = append(out, receiver{emailReceiver, e.Name, e.Address, ""})
	}
	for _, w := range g.Webhooks {
		out = append(out, receiver{webhookReceiver, w.Name, w.URI, ""})
	}
	for _, s := range g.Syslogs {
		out = append(out, receiver{syslogReceiver, s.Name, s.URI, s.Facility})
	}
	return out
}

func (r receiver) check() error {
	switch r.kind {
	case emailReceiver:
		return notify.CheckMail(r.uri)
	case webhookReceiver:
		return notify.CheckWebhook(r.uri)
	}
	return notify.CheckSyslog(r.uri, r.facility)
}

// actionGroups as resources.
func (m *ARM) actionGroups() *collection {
	return &collection{m: m, kind: ActionGroupKind, typ: "Microsoft.Insights/ActionGroups", check: checkGroup, patch: true, show: showGroup, changed: m.Alerts.Wake}
}

func checkGroup(_ *armCall, r *resource) error {
	var g actionGroup
	if err := json.Unmarshal(r.Props, &g); err != nil {
		return badRule("the action group's properties are not what they should be: %s", jsonReason(err))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(r.Props, &raw); err != nil {
		return badRule("the action group's properties are not what they should be: %s", jsonReason(err))
	}
	switch {
	case g.ShortName == "" || len(g.ShortName) > 12:
		return badRule("groupShortName is %q; 1 to 12 characters work", g.ShortName)
	case g.Enabled == nil:
		return badRule("enabled is missing; true and false work")
	}
	for _, kind := range elsewhere {
		if list := strings.TrimSpace(string(raw[kind])); list != "" && list != "[]" && list != "null" {
			return badRule("%s are not to be had here: emailReceivers, webhookReceivers and syslogReceivers are", kind)
		}
	}
	for _, w := range g.Webhooks {
		if w.AAD {
			return badRule("the webhook %s wants a token of Entra ID (useAadAuth), which nobody here can give it", w.Name)
		}
	}
	seen := map[string]bool{}
	for _, rc := range g.receivers() {
		if rc.name == "" || seen[rc.name] {
			return badRule("a receiver of kind %s has the name %q; each of a group has one of its own", rc.kind, rc.name)
		}
		seen[rc.name] = true
		if err := rc.check(); err != nil {
			return badRule("the receiver %s: %v", rc.name, err)
		}
	}
	return nil
}

// showGroup has an empty list for each kind of receiver, as Azure does.
func showGroup(_ *armCall, _ resource, props map[string]any) {
	for _, kind := range append([]string{"emailReceivers", "webhookReceivers", "syslogReceivers"}, elsewhere...) {
		if props[kind] == nil {
			props[kind] = []any{}
		}
	}
	if emails, ok := props["emailReceivers"].([]any); ok {
		for _, e := range emails {
			if e, ok := e.(map[string]any); ok {
				e["status"] = "Enabled"
			}
		}
	}
}

var errNoGroup = fault.New(fault.NotFound, "there is no such action group")

// group by its resource id.
func (a *Alerts) group(id string) (*actionGroup, error) {
	doc, err := a.State.Get(ActionGroupKind, strings.ToLower(id))
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, errNoGroup
		}
		return nil, err
	}
	var r resource
	if err := doc.Decode(&r); err != nil {
		return nil, err
	}
	var g actionGroup
	if err := json.Unmarshal(r.Props, &g); err != nil {
		return nil, fault.New(fault.Damaged, "the action group %s is not what was written: %w", id, err)
	}
	return &g, nil
}
