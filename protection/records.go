package protection

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// object is JSON whose members keep their order.
type object struct {
	b   bytes.Buffer
	err error
}

func (o *object) add(name string, value any) {
	if o.b.Len() > 0 {
		o.b.WriteByte(',')
	}
	for i, v := range []any{name, value} {
		text, err := json.Marshal(v)
		if err != nil && o.err == nil {
			o.err = err
		}
		if i == 1 {
			o.b.WriteByte(':')
		}
		o.b.Write(text)
	}
}

func (o *object) json() (json.RawMessage, error) {
	if o.err != nil {
		return nil, fault.New(fault.Internal, "a record has no JSON: %w", o.err)
	}
	return json.RawMessage("{" + o.b.String() + "}"), nil
}

// envelope of a record of a risk category. Its correlation id is the object's own,
// as in Azure's export.
func (c *change) envelope(category, what, id, identity string, at time.Time, properties object) ([]byte, error) {
	props, err := properties.json()
	if err != nil {
		return nil, err
	}
	o := object{}
	o.add("time", at.Format(stamp))
	o.add("resourceId", "/tenants/"+c.t.ID()+"/providers/microsoft.aadiam")
	o.add("operationName", what)
	o.add("operationVersion", "1.0")
	o.add("category", category)
	o.add("tenantId", c.t.ID())
	o.add("resultSignature", "None")
	o.add("durationMs", 0)
	o.add("correlationId", id)
	o.add("identity", strings.ToLower(identity))
	o.add("Level", "Information")
	o.add("properties", props)
	return o.json()
}

// audit writes the directory audit record of the action.
func (c *change) audit(who Actor, activity string, about []target) error {
	correlation := uuid.NewString()
	at := c.now.Format("2006-01-02T15:04:05.0000000Z")
	by := object{}
	if who.App {
		app := object{}
		app.add("appId", record.TextOrNull(who.AppID))
		app.add("displayName", record.TextOrNull(who.Name))
		app.add("servicePrincipalId", record.TextOrNull(who.ObjectID))
		app.add("servicePrincipalName", nil)
		text, err := app.json()
		if err != nil {
			return err
		}
		by.add("app", text)
	} else {
		user := object{}
		user.add("id", record.TextOrNull(who.ObjectID))
		user.add("displayName", nil)
		user.add("userPrincipalName", record.TextOrNull(who.Name))
		user.add("ipAddress", record.TextOrNull(who.IP))
		user.add("roles", []string{})
		text, err := user.json()
		if err != nil {
			return err
		}
		by.add("user", text)
	}
	initiated, err := by.json()
	if err != nil {
		return err
	}
	targets := make([]json.RawMessage, 0, len(about))
	for _, t := range about {
		o := object{}
		o.add("id", t.id)
		o.add("displayName", record.TextOrNull(t.name))
		o.add("type", t.kind)
		if t.upn != "" {
			o.add("userPrincipalName", t.upn)
		}
		o.add("modifiedProperties", []any{})
		text, err := o.json()
		if err != nil {
			return err
		}
		targets = append(targets, text)
	}
	p := object{}
	p.add("id", "IPC_"+uuid.NewString())
	p.add("category", "Other")
	p.add("correlationId", correlation)
	p.add("result", "success")
	p.add("resultReason", "")
	p.add("activityDisplayName", activity)
	p.add("activityDateTime", at)
	p.add("loggedByService", "Identity Protection")
	p.add("operationType", "Update")
	p.add("userAgent", nil)
	p.add("initiatedBy", initiated)
	p.add("targetResources", targets)
	p.add("additionalDetails", []any{})
	props, err := p.json()
	if err != nil {
		return err
	}
	o := object{}
	o.add("time", at)
	o.add("resourceId", "/tenants/"+c.t.ID()+"/providers/Microsoft.aadiam")
	o.add("operationName", activity)
	o.add("operationVersion", "1.0")
	o.add("category", "AuditLogs")
	o.add("tenantId", c.t.ID())
	o.add("resultSignature", "None")
	o.add("durationMs", 0)
	o.add("callerIpAddress", record.TextOrNull(who.IP))
	o.add("correlationId", correlation)
	o.add("identity", record.TextOrNull(who.Name))
	o.add("Level", 4)
	o.add("properties", props)
	text, err := o.json()
	if err != nil {
		return err
	}
	c.out = append(c.out, source.Incoming{JSON: text, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}
