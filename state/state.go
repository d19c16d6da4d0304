// Package state keeps configuration and cases that change: workspaces, tables,
// rules, saved searches, alerts. Each is a document, JSON text of a kind and an id.
// It is small beside the log and the tables, and unlike them it cannot be rebuilt.
//
//	key    kind 0x00 id
//	value  version (8 bytes, big endian) body
//
// A version is never given twice, so an old ETag never fits a document that was
// deleted and made anew. What a call has answered is on disk.
package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"sextant/fault"
)

// Format of what this program writes.
const Format = 1

// Document is one thing that is kept.
type Document struct {
	Kind, ID string
	Version  uint64
	Body     json.RawMessage
}

// ETag of the document as it is now.
func (d Document) ETag() string { return `"` + strconv.FormatUint(d.Version, 16) + `"` }

// Decode the body.
func (d Document) Decode(into any) error {
	if err := json.Unmarshal(d.Body, into); err != nil {
		return fault.New(fault.Damaged, "the %s %q is not what was written: %w", d.Kind, d.ID, err)
	}
	return nil
}

// DB is an open store of documents. All methods may be called concurrently.
type DB struct {
	db *pebble.DB

	mu      sync.Mutex // of writers
	version uint64
}

var (
	versionKey = []byte("\x00version")
	formatKey  = []byte("\x00format")
)

// Open the folder, making it when it is not there.
func Open(dir string) (*DB, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}, MemTableSize: 1 << 20, Cache: nil})
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the state in %s: %w", dir, err)
	}
	d := &DB{db: db}
	format, err := d.number(formatKey)
	switch {
	case err != nil:
	case format > Format:
		err = fault.New(fault.Conflict, "the state in %s has format %d, newer than this program knows (%d); use a newer sextant", dir, format, Format)
	case format == 0:
		err = db.Set(formatKey, binary.BigEndian.AppendUint64(nil, Format), pebble.Sync)
	}
	if err == nil {
		d.version, err = d.number(versionKey)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// quiet: what goes wrong comes back as an error.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic("state: " + format) // pebble calls it where it cannot go on
}

func (d *DB) number(key []byte) (uint64, error) {
	v, err := d.get(key)
	if v == nil || err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fault.New(fault.Damaged, "the state has a number of %d bytes", len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// get a copy of a value; nil where there is none.
func (d *DB) get(key []byte) ([]byte, error) {
	v, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the state: %w", err)
	}
	out := append([]byte{}, v...)
	return out, closer.Close()
}

func keyOf(kind, id string) ([]byte, error) {
	if kind == "" || id == "" || strings.ContainsRune(kind, 0) || strings.ContainsRune(id, 0) || len(kind)+len(id) > 8<<10 {
		return nil, fault.New(fault.Invalid, "%q cannot name a %s", id, kind)
	}
	return append(append([]byte(kind), 0), id...), nil
}

func documentOf(kind, id string, v []byte) (Document, error) {
	if len(v) < 8 {
		return Document{}, fault.New(fault.Damaged, "the %s %q is not what was written", kind, id)
	}
	return Document{Kind: kind, ID: id, Version: binary.BigEndian.Uint64(v), Body: v[8:]}, nil
}

// Get a document; fault.NotFound where there is none.
func (d *DB) Get(kind, id string) (Document, error) {
	key, err := keyOf(kind, id)
	if err != nil {
		return Document{}, err
	}
	v, err := d.get(key)
	if err != nil {
		return Document{}, err
	}
	if v == nil {
		return Document{}, fault.New(fault.NotFound, "there is no %s %q", kind, id)
	}
	return documentOf(kind, id, v)
}

// Put a document, new or in place of the old. match is an If-Match header: ""
// takes whatever is there, "*" wants that something is, anything else the ETag
// that must still be the document's. fault.Conflict where it is not.
func (d *DB) Put(kind, id string, body any, match string) (Document, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Document{}, fault.New(fault.Invalid, "the %s %q has no JSON: %w", kind, id, err)
	}
	key, err := keyOf(kind, id)
	if err != nil {
		return Document{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.matches(kind, id, match); err != nil {
		return Document{}, err
	}
	next := d.version + 1
	b := d.db.NewBatch()
	version := binary.BigEndian.AppendUint64(nil, next)
	err = errors.Join(b.Set(key, append(version[:8:8], text...), nil), b.Set(versionKey, version, nil))
	if err == nil {
		err = b.Commit(pebble.Sync)
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return Document{}, fault.New(fault.Unavailable, "cannot keep the %s %q: %w", kind, id, err)
	}
	d.version = next
	return Document{Kind: kind, ID: id, Version: next, Body: text}, nil
}

// matches holds an If-Match header against what is there. The caller holds mu.
func (d *DB) matches(kind, id, match string) error {
	if match == "" {
		return nil
	}
	old, err := d.Get(kind, id)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return fault.New(fault.Conflict, "there is no %s %q that could match %s", kind, id, match)
	case err != nil:
		return err
	case match != "*" && strings.Trim(strings.TrimPrefix(match, "W/"), `"`) != strings.Trim(old.ETag(), `"`):
		return fault.New(fault.Conflict, "the %s %q has changed: its etag is %s, not %s", kind, id, old.ETag(), match)
	}
	return nil
}

// Delete a document; false where there was none. match is as for Put.
func (d *DB) Delete(kind, id, match string) (bool, error) {
	key, err := keyOf(kind, id)
	if err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old, err := d.get(key)
	if old == nil || err != nil {
		return false, err
	}
	if err := d.matches(kind, id, match); err != nil {
		return false, err
	}
	if err := d.db.Delete(key, pebble.Sync); err != nil {
		return false, fault.New(fault.Unavailable, "cannot delete the %s %q: %w", kind, id, err)
	}
	return true, nil
}

// List the documents of a kind whose ids begin with prefix, in the order of ids.
func (d *DB) List(kind, prefix string) ([]Document, error) {
	from := append(append([]byte(kind), 0), prefix...)
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(from)})
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the state: %w", err)
	}
	var out []Document
	for ok := it.First(); ok; ok = it.Next() {
		doc, e := documentOf(kind, string(it.Key()[len(kind)+1:]), bytes.Clone(it.Value()))
		if e != nil {
			return nil, errors.Join(e, it.Close())
		}
		out = append(out, doc)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the state: %w", err)
	}
	return out, nil
}

// after is the first key behind all that begin with prefix; nil is none.
func after(prefix []byte) []byte {
	out := bytes.Clone(prefix)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i] < 0xff {
			out[i]++
			return out[:i+1]
		}
	}
	return nil
}

// Close the store.
func (d *DB) Close() error { return d.db.Close() }
