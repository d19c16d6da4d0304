package sentinel

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"

	"sextant/fault"
)

// Raise an alert, or say anew how it stands: columns of a row of SecurityAlert with a
// SystemAlertId. Of an alert that is there already what people said of it stays, and a
// status other than New is theirs where the row says New.
func (d *Desk) Raise(ctx context.Context, t Tenant, columns json.RawMessage) error {
	p := gjson.ParseBytes(columns)
	id := p.Get("SystemAlertId").Str
	if !p.IsObject() || id == "" {
		return fault.New(fault.Invalid, "an alert is an object with a SystemAlertId")
	}
	defer t.Exclusive()()
	if err := t.Settle(ctx); err != nil {
		return err
	}
	raw, last, err := newest(ctx, t, alerts, id)
	missing := err != nil && fault.KindOf(err) == fault.NotFound
	if err != nil && !missing {
		return err
	}
	r := &row{text: raw}
	if missing {
		r.text, err = json.Marshal(map[string]any{
			"time": p.Get("TimeGenerated").Str, "category": alerts.table, "operationName": "Security alert", "tenantId": t.ID(), "properties": columns,
		})
		if err != nil {
			return fault.New(fault.Internal, "an alert has no JSON: %w", err)
		}
		return d.append(ctx, t, alerts.what, r.text)
	}
	status := p.Get("Status").Str
	if status == "" || status == "New" || status == r.get("Status").Str {
		return nil // it was raised before
	}
	at := d.Clock().UTC().Truncate(time.Millisecond)
	if !at.After(last) {
		at = last.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	r.setRoot("time", at.Format(stamp))
	r.set("Status", status)
	for _, column := range alerts.stamps {
		r.set(column, at.Format(stamp))
	}
	if end := p.Get("EndTime").Str; end != "" {
		r.set("EndTime", end)
	}
	more, said := r.object("ExtendedProperties"), map[string]any{}
	if text := p.Get("ExtendedProperties").Str; text != "" && json.Unmarshal([]byte(text), &said) != nil {
		return fault.New(fault.Invalid, "ExtendedProperties of an alert is the text of an object")
	}
	for key, value := range said {
		more[key] = value
	}
	if err := setText(r, "ExtendedProperties", more); err != nil {
		return err
	}
	if r.err != nil {
		return fault.New(fault.Internal, "cannot write the alert: %w", r.err)
	}
	return d.append(ctx, t, alerts.what, r.text)
}
