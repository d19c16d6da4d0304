package node

import (
	"context"
	"encoding/json"
	"errors"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/record"
	"sextant/store"
)

// Raw record at a place of the log; fault.NotFound where retention has dropped it.
func (t *Tenant) Raw(ctx context.Context, place store.Place) ([]byte, error) {
	out, err := t.Raws(ctx, []store.Place{place})
	if err != nil {
		return nil, err
	}
	if out[0] == nil {
		return nil, fault.New(fault.NotFound, "the log has no record %d at offset %d of %s/%d (any more)", place.Index, place.Offset, place.Topic, place.Partition)
	}
	return out[0], nil
}

// Raws are the records at places of the log, in the order of the places; nil is one that
// retention has dropped. The error says why some could not be read; the others are there
// all the same.
func (t *Tenant) Raws(ctx context.Context, places []store.Place) ([][]byte, error) {
	out := make([][]byte, len(places))
	at := map[store.TopicPartition][]int{}
	for i, p := range places {
		at[p.TopicPartition] = append(at[p.TopicPartition], i)
	}
	var errs error
	for tp, of := range at {
		in := make([]commitlog.Place, len(of))
		for i, k := range of {
			in[i] = commitlog.Place{Offset: places[k].Offset, Index: places[k].Index}
		}
		got, err := t.Log.Records(ctx, tp.Topic, tp.Partition, in)
		if err != nil && !errors.Is(err, commitlog.ErrNoTopic) {
			errs = errors.Join(errs, err)
		}
		for i, raw := range got {
			out[of[i]] = raw
		}
	}
	return out, errs
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

// Topic of a category.
func (t *Tenant) Topic(category string) string { return t.Loader.Model().Topic(category) }

// Loaded says of each partition of a topic how far its records are in the tables: the
// first offset that is not. A topic that is not there has no partitions.
func (t *Tenant) Loaded(ctx context.Context, topic string) ([]int64, error) {
	topics, err := t.Log.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range topics {
		if info.Name != topic {
			continue
		}
		out := make([]int64, len(info.Partitions))
		for p := range out {
			out[p] = t.Loader.Loaded(topic, int32(p))
		}
		return out, nil
	}
	return nil, nil
}

// Records of a partition from one offset up to another, in order, without those whose
// identity had come before in as full a form. It ends early when emit says so. What
// retention has dropped meanwhile is passed over.
func (t *Tenant) Records(ctx context.Context, tp store.TopicPartition, from, to int64, emit func(place store.Place, form record.Form, raw []byte) (more bool)) error {
	reader, err := t.Log.Reader(tp.Topic, tp.Partition, from)
	if err != nil {
		return err
	}
	defer reader.Close()
	twice, err := t.duplicates(tp, from, to)
	if err != nil {
		return err
	}
	for reader.Offset() < to {
		b, ok, err := reader.TryNext(ctx)
		if err != nil || !ok {
			return err
		}
		for _, e := range b.Events {
			if e.Offset < from || e.Offset >= to {
				continue
			}
			form, err := record.ParseForm(e.Header(record.FormHeader))
			if err != nil {
				form = record.CSV
			}
			more := true
			err = record.SplitEvent(e.Value, func(i int, raw []byte) error {
				place := store.Place{TopicPartition: tp, Offset: e.Offset, Index: int32(i)}
				if more && !twice[place] {
					more = emit(place, form, raw)
				}
				return nil
			})
			if err != nil && fault.KindOf(err) != fault.Invalid {
				return err
			}
			if !more {
				return nil
			}
		}
	}
	return nil
}

// duplicates of a stretch of a partition.
func (t *Tenant) duplicates(tp store.TopicPartition, from, to int64) (map[store.Place]bool, error) {
	const page = 10_000
	out := map[store.Place]bool{}
	for from < to {
		places, err := t.Index.Duplicates(tp, from, page)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			out[p] = true
		}
		if len(places) < page || places[len(places)-1].Offset >= to {
			break
		}
		from = places[len(places)-1].Offset // the rest of that event comes again
		if places[0].Offset == from {
			break // an event holds fewer records than a page
		}
	}
	return out, nil
}
