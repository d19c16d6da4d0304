package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"sextant/fault"
)

// Change of one document, as a part of a write that happens whole or not at all.
type Change struct {
	Kind, ID string
	Body     any    // nil deletes the document, which need not be there
	Match    string // an If-Match header, as for Put
}

// Write all changes at once. They are on disk when it returns without an error, and
// none of them is when it returns with one. fault.Conflict where a Match does not
// hold. A document may be named once.
func (d *DB) Write(changes ...Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.db.NewBatch()
	next := d.version
	fill := func() error {
		for _, c := range changes {
			key, err := keyOf(c.Kind, c.ID)
			if err == nil {
				err = d.matches(c.Kind, c.ID, c.Match)
			}
			if err != nil {
				return err
			}
			if c.Body == nil {
				if err := b.Delete(key, nil); err != nil {
					return err
				}
				continue
			}
			text, err := json.Marshal(c.Body)
			if err != nil {
				return fault.New(fault.Invalid, "the %s %q has no JSON: %w", c.Kind, c.ID, err)
			}
			next++
			if err := b.Set(key, append(binary.BigEndian.AppendUint64(nil, next), text...), nil); err != nil {
				return err
			}
		}
		if next > d.version {
			return b.Set(versionKey, binary.BigEndian.AppendUint64(nil, next), nil)
		}
		return nil
	}
	if err := fill(); err != nil {
		return errors.Join(err, b.Close())
	}
	err := b.Commit(pebble.Sync)
	if err = errors.Join(err, b.Close()); err != nil {
		return fault.New(fault.Unavailable, "cannot keep %d changes of the state: %w", len(changes), err)
	}
	d.version = next
	return nil
}
