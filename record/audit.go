package record

import (
	"encoding/json"
	"time"

	"sextant/fault"
)

// DirectoryAudit is a record of the category AuditLogs about something that was done
// here. Correlation "" is ID.
type DirectoryAudit struct {
	ID          string // of the record, and of it alone
	Tenant      string
	At          time.Time
	Activity    string // activityDisplayName
	Category    string
	Service     string // loggedByService
	Operation   string // operationType: Add, Update, Delete, …
	Correlation string
	By          AuditActor
	Targets     []AuditTarget
}

// AuditActor is who did it.
type AuditActor struct {
	ObjectID string
	Name     string // user principal name, or the application's or key's display name
	App      bool   // an application or a key, not a person
	AppID    string
	IP       string
}

// AuditTarget is what it was done to.
type AuditTarget struct {
	ID, Name, UPN string
	Type          string
	Changed       []AuditChange
}

// AuditChange is a property that was modified. Values are JSON texts; "" is none.
type AuditChange struct{ Name, Old, New string }

// JSON of the record, as Azure exports it.
func (a *DirectoryAudit) JSON() (json.RawMessage, error) {
	type change struct {
		Name any `json:"displayName"`
		Old  any `json:"oldValue"`
		New  any `json:"newValue"`
	}
	type target struct {
		ID      any      `json:"id"`
		Name    any      `json:"displayName"`
		Type    string   `json:"type"`
		UPN     string   `json:"userPrincipalName,omitempty"`
		Changed []change `json:"modifiedProperties"`
	}
	type app struct {
		AppID any `json:"appId"`
		Name  any `json:"displayName"`
		ID    any `json:"servicePrincipalId"`
		SPN   any `json:"servicePrincipalName"`
	}
	type user struct {
		ID    any      `json:"id"`
		Name  any      `json:"displayName"`
		UPN   any      `json:"userPrincipalName"`
		IP    any      `json:"ipAddress"`
		Roles []string `json:"roles"`
	}
	type initiator struct {
		App  *app  `json:"app,omitempty"`
		User *user `json:"user,omitempty"`
	}
	type properties struct {
		ID          string     `json:"id"`
		Category    string     `json:"category"`
		Correlation string     `json:"correlationId"`
		Result      string     `json:"result"`
		Reason      string     `json:"resultReason"`
		Activity    string     `json:"activityDisplayName"`
		At          string     `json:"activityDateTime"`
		Service     string     `json:"loggedByService"`
		Operation   string     `json:"operationType"`
		UserAgent   any        `json:"userAgent"`
		By          initiator  `json:"initiatedBy"`
		Targets     []target   `json:"targetResources"`
		Details     []struct{} `json:"additionalDetails"`
	}
	at := a.At.UTC().Format("2006-01-02T15:04:05.0000000Z")
	if a.Correlation == "" {
		a.Correlation = a.ID
	}
	p := properties{
		ID: a.ID, Category: a.Category, Correlation: a.Correlation, Result: "success", Activity: a.Activity, At: at, Service: a.Service, Operation: a.Operation,
		Targets: []target{}, Details: []struct{}{},
	}
	if a.By.App {
		p.By.App = &app{TextOrNull(a.By.AppID), TextOrNull(a.By.Name), TextOrNull(a.By.ObjectID), nil}
	} else {
		p.By.User = &user{TextOrNull(a.By.ObjectID), nil, TextOrNull(a.By.Name), TextOrNull(a.By.IP), []string{}}
	}
	for _, t := range a.Targets {
		w := target{TextOrNull(t.ID), TextOrNull(t.Name), t.Type, t.UPN, []change{}}
		for _, c := range t.Changed {
			w.Changed = append(w.Changed, change{c.Name, TextOrNull(c.Old), TextOrNull(c.New)})
		}
		p.Targets = append(p.Targets, w)
	}
	text, err := json.Marshal(struct {
		Time        string     `json:"time"`
		ResourceID  string     `json:"resourceId"`
		Name        string     `json:"operationName"`
		Version     string     `json:"operationVersion"`
		Category    string     `json:"category"`
		Tenant      string     `json:"tenantId"`
		Signature   string     `json:"resultSignature"`
		Duration    int        `json:"durationMs"`
		IP          any        `json:"callerIpAddress"`
		Correlation string     `json:"correlationId"`
		Identity    any        `json:"identity"`
		Level       int        `json:"Level"`
		Properties  properties `json:"properties"`
	}{
		at, "/tenants/" + a.Tenant + "/providers/Microsoft.aadiam", a.Activity, "1.0", "AuditLogs", a.Tenant, "None", 0,
		TextOrNull(a.By.IP), a.Correlation, TextOrNull(a.By.Name), 4, p,
	})
	if err != nil {
		return nil, fault.New(fault.Internal, "an audit record has no JSON: %w", err)
	}
	return text, nil
}
