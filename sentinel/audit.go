package sentinel

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"sextant/record"
)

// Activities of a kind.
const (
	updated = iota
	commented
)

// audit is the directory audit record of a change from one record to another.
func (c *change) audit(t Tenant, before, after []byte, at time.Time) ([]byte, error) {
	p := gjson.GetBytes(after, "properties")
	a := record.DirectoryAudit{
		ID: "Sextant_" + uuid.NewString(), Tenant: t.ID(), At: at, Activity: c.activities[c.activity], Category: "Other", Service: "Sextant", Operation: "Update",
		By: c.who.actor(), Targets: []record.AuditTarget{{
			ID: c.id, Name: cmp.Or(p.Get("Title").Str, p.Get("DisplayName").Str, p.Get("AlertName").Str, c.name), Type: "Other",
			Changed: differences(c.over, gjson.GetBytes(before, "properties"), p),
		}},
	}
	return a.JSON()
}

// differences of two objects as modified properties, in the order of the later one.
// Of an object inside a text its members are told apart, and of a list that grew what
// came to it. What the earlier one lacks is as in the object that both stand over.
func differences(over, before, after gjson.Result) []record.AuditChange {
	var out []record.AuditChange
	after.ForEach(func(k, now gjson.Result) bool {
		was := before.Get(gjson.Escape(k.Str))
		if v := over.Get(gjson.Escape(k.Str)); !was.Exists() && !v.IsArray() {
			was = v
		}
		if was.Raw == now.Raw {
			return true
		}
		if m := objectIn(now); m.Exists() {
			out = append(out, differences(gjson.Result{}, objectIn(was), m)...)
			return true
		}
		if now.IsArray() {
			old := was.Array()
			if list := now.Array(); len(list) == len(old)+1 && slices.EqualFunc(list[:len(old)], old, func(x, y gjson.Result) bool { return x.Raw == y.Raw }) {
				was, now = gjson.Result{}, list[len(old)]
			}
		}
		out = append(out, record.AuditChange{Name: k.Str, Old: was.Raw, New: now.Raw})
		return true
	})
	return out
}

// objectIn a text; nothing where the value is another.
func objectIn(v gjson.Result) gjson.Result {
	if v.Type == gjson.String && len(v.Str) > 0 && v.Str[0] == '{' && gjson.Valid(v.Str) {
		return gjson.Parse(v.Str)
	}
	return gjson.Result{}
}
