package node

import (
	"bytes"
	"context"
	"encoding/json"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/record"
	"sextant/store"
)

// Raw record at a place of the log; fault.NotFound where retention has dropped it.
func (t *Tenant) Raw(ctx context.Context, place store.Place) ([]byte, error) {
	e, err := t.Log.Event(ctx, place.Topic, place.Partition, place.Offset)
	if err != nil {
		return nil, err
	}
	return recordOf(e, place.Index)
}

// recordOf an event, by its index.
func recordOf(e commitlog.Event, index int32) ([]byte, error) {
	var out []byte
	err := record.SplitEvent(e.Value, func(i int, raw []byte) error {
		if i == int(index) {
			out = bytes.Clone(raw)
		}
		return nil
	})
	if out != nil {
		return out, nil // what comes behind it in the event is no matter
	}
	if err != nil {
		return nil, err
	}
	return nil, fault.New(fault.NotFound, "the event at offset %d has no record %d", e.Offset, index)
}

// Find the record that a category knows by an id, as the newest word on it stands
// in the log; fault.NotFound where there is none.
func (t *Tenant) Find(ctx context.Context, category, id string) ([]byte, record.Form, error) {
	probe, err := json.Marshal(map[string]any{"category": category, "tenantId": t.ID, "properties": map[string]any{"id": id}})
	if err != nil {
		return nil, record.Export, fault.New(fault.Invalid, "%q is no id: %w", id, err)
	}
	known, err := t.Loader.Model().Identify(probe)
	if err != nil {
		return nil, record.Export, err
	}
	e, ok, err := t.Index.Get(known.Key)
	if err != nil {
		return nil, record.Export, err
	}
	if !ok {
		return nil, record.Export, fault.New(fault.NotFound, "there is no record %q in %s", id, category)
	}
	raw, err := t.Raw(ctx, e.Place)
	return raw, e.Form, err
}
