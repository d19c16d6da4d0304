package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sextant/fault"
)

// Actor is who makes a change.
type Actor struct {
	ObjectID string
	Name     string // user principal name, or the application's or key's display name
	App      bool   // an application or a key, not a person
	AppID    string
	IP       string
}

// ActorOf a principal that asks from an address.
func ActorOf(p *Principal, ip string) Actor {
	return Actor{ObjectID: p.ObjectID, Name: p.Name, App: p.Kind != User, AppID: p.AppID, IP: ip}
}

// Operator is who works on the data folder itself.
var operator = Actor{Name: "Sextant", App: true}

// Operator is who works on the data folder itself, without an account.
func Operator() Actor { return operator }

// event is what a directory audit record says. Names of activities, categories and
// services are the published ones, with the dashes and spaces that records bear.
type event struct {
	tenant    string
	service   string // "": Core Directory
	category  string
	activity  string
	operation string // Add, Update, Delete, Assign, Unassign
	by        Actor
	about     []target
	details   []detail
}

// target resource of an event.
type target struct {
	id, name, kind, upn string
	changed             []property
}

// property that was modified. Values are JSON texts; "" is none.
type property struct{ name, old, new string }

type detail struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

const (
	coreDirectory = "Core Directory"
	authMethods   = "Authentication Methods"
	passwordReset = "Self-service Password Management"
	ourOwn        = "Sextant"

	userManagement        = "UserManagement"
	groupManagement       = "GroupManagement"
	roleManagement        = "RoleManagement"
	applicationManagement = "ApplicationManagement"
	directoryManagement   = "DirectoryManagement"
	keyManagement         = "KeyManagement"
)

type wireProperty struct {
	DisplayName string  `json:"displayName"`
	OldValue    *string `json:"oldValue"`
	NewValue    *string `json:"newValue"`
}

type wireTarget struct {
	ID       *string        `json:"id"`
	Name     *string        `json:"displayName"`
	Type     string         `json:"type"`
	UPN      *string        `json:"userPrincipalName,omitempty"`
	Modified []wireProperty `json:"modifiedProperties"`
}

type wireApp struct {
	AppID *string `json:"appId"`
	Name  *string `json:"displayName"`
	ID    *string `json:"servicePrincipalId"`
	SPN   *string `json:"servicePrincipalName"`
}

type wireUser struct {
	ID    *string  `json:"id"`
	Name  *string  `json:"displayName"`
	UPN   *string  `json:"userPrincipalName"`
	IP    *string  `json:"ipAddress"`
	Roles []string `json:"roles"`
}

type wireInitiator struct {
	App  *wireApp  `json:"app,omitempty"`
	User *wireUser `json:"user,omitempty"`
}

type wireProperties struct {
	ID            string        `json:"id"`
	Category      string        `json:"category"`
	CorrelationID string        `json:"correlationId"`
	Result        string        `json:"result"`
	ResultReason  string        `json:"resultReason"`
	Activity      string        `json:"activityDisplayName"`
	At            string        `json:"activityDateTime"`
	Service       string        `json:"loggedByService"`
	Operation     string        `json:"operationType"`
	UserAgent     *string       `json:"userAgent"`
	By            wireInitiator `json:"initiatedBy"`
	Targets       []wireTarget  `json:"targetResources"`
	Details       []detail      `json:"additionalDetails"`
}

type wireRecord struct {
	Time             string         `json:"time"`
	ResourceID       string         `json:"resourceId"`
	OperationName    string         `json:"operationName"`
	OperationVersion string         `json:"operationVersion"`
	Category         string         `json:"category"`
	TenantID         string         `json:"tenantId"`
	ResultSignature  string         `json:"resultSignature"`
	DurationMs       int            `json:"durationMs"`
	CallerIP         *string        `json:"callerIpAddress"`
	CorrelationID    string         `json:"correlationId"`
	Identity         *string        `json:"identity"`
	Level            int            `json:"Level"`
	Properties       wireProperties `json:"properties"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// record of the event. With the tenant "" whoever takes it in fills one in.
func (e *event) record(id string, at time.Time) (json.RawMessage, error) {
	service := e.service
	if service == "" {
		service = coreDirectory
	}
	stamp := at.Format("2006-01-02T15:04:05.0000000Z")
	p := wireProperties{
		ID: "Directory_" + id, Category: e.category, CorrelationID: id, Result: "success", Activity: e.activity, At: stamp,
		Service: service, Operation: e.operation, Targets: []wireTarget{}, Details: []detail{},
	}
	if e.by.App {
		p.By.App = &wireApp{AppID: orNull(e.by.AppID), Name: orNull(e.by.Name), ID: orNull(e.by.ObjectID)}
	} else {
		p.By.User = &wireUser{ID: orNull(e.by.ObjectID), UPN: orNull(e.by.Name), IP: orNull(e.by.IP), Roles: []string{}}
	}
	for _, t := range e.about {
		w := wireTarget{ID: orNull(t.id), Name: orNull(t.name), Type: t.kind, UPN: orNull(t.upn), Modified: []wireProperty{}}
		for _, m := range t.changed {
			w.Modified = append(w.Modified, wireProperty{m.name, orNull(m.old), orNull(m.new)})
		}
		p.Targets = append(p.Targets, w)
	}
	p.Details = append(p.Details, e.details...)
	text, err := json.Marshal(wireRecord{
		Time: stamp, ResourceID: "/tenants/" + e.tenant + "/providers/Microsoft.aadiam", OperationName: e.activity, OperationVersion: "1.0",
		Category: "AuditLogs", TenantID: e.tenant, ResultSignature: "None", CallerIP: orNull(e.by.IP), CorrelationID: id,
		Identity: orNull(e.by.Name), Level: 4, Properties: p,
	})
	if err != nil {
		return nil, fault.New(fault.Internal, "an audit record has no JSON: %w", err)
	}
	return text, nil
}

// quoted is a value as records have it: JSON inside a text.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// hiddenMembers of documents never appear in a record.
var hiddenMembers = []string{"passwordHash", "totpSecret", "totpLast", "passkeys", "passwordCredentials", "keyCredentials", "failures", "lockedUntil", "hash", "id", "createdDateTime"}

// differences of two documents of a kind as modified properties, in the order of the
// members; nil stands for none. The names are Entra's: AccountEnabled.
func differences(old, now any) []property {
	before, after := members(old), members(now)
	var out []property
	var names []any
	for _, m := range memberNames(old, now) {
		x, y := before[m], after[m]
		if reflect.DeepEqual(x, y) || slices.Contains(hiddenMembers, m) {
			continue
		}
		name := strings.ToUpper(m[:1]) + m[1:]
		p := property{name: name}
		if x != nil {
			p.old = quoted([]any{x})
		} else {
			p.old = "[]"
		}
		if y != nil {
			p.new = quoted([]any{y})
		} else {
			p.new = "[]"
		}
		out = append(out, p)
		names = append(names, name)
	}
	if len(out) > 0 {
		included := make([]string, len(names))
		for i, n := range names {
			included[i] = fmt.Sprint(n)
		}
		out = append(out, property{name: "Included Updated Properties", new: quoted(strings.Join(included, ", "))})
	}
	return out
}

func members(doc any) map[string]any {
	out := map[string]any{}
	if doc == nil {
		return out
	}
	text, err := json.Marshal(doc)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic("access: a document is not its JSON: " + err.Error())
	}
	for k, v := range out {
		list, ok := v.([]any)
		if k == "licences" && ok {
			continue // no licence at all, and not what everybody has to whom nothing was set
		}
		if v == nil || v == "" || ok && len(list) == 0 {
			delete(out, k)
		}
	}
	return out
}

// memberNames in the order of the struct's fields.
func memberNames(docs ...any) []string {
	for _, d := range docs {
		if d == nil {
			continue
		}
		t := reflect.TypeOf(d)
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		var out []string
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			out = append(out, name)
		}
		return out
	}
	return nil
}
