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
func (c *change) audit(who Actor, activity string) error {
	a := record.DirectoryAudit{
		ID: "IPC_" + uuid.NewString(), Correlation: uuid.NewString(), Tenant: c.t.ID(), At: c.now, Activity: activity, Category: "Other",
		Service: "Identity Protection", Operation: "Update", By: who, Targets: c.about,
	}
	text, err := a.JSON()
	if err != nil {
		return err
	}
	c.out = append(c.out, source.Incoming{JSON: text, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}
