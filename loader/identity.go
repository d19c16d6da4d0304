package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"sextant/fault"
	"sextant/record"
	"sextant/store"
)

// Index knows every record of a tenant by its identity: in which form it came,
// and where its row's record lies in the log. It is not the truth either: it can
// be rebuilt from the log, and keeps marks of its own that say how far it has
// read.
//
// Keys, by first byte:
//
//	k + 16 bytes of identity → entry
//	m + partition (4) + topic → next offset not yet read, 8 bytes big endian
//	t + number (4) → topic; a topic's number stands for it in entries
//	d + topic number (4) + partition (4) + offset (8) + index (4) → nothing: the
//	    record at that place came twice; archive and forwarding pass over it
//	f → format version
//
// Writes are not synced: after a crash the index may stand behind the tables,
// and loading goes on from the lower of the two marks.
type Index struct {
	db *pebble.DB

	seen   *filter
	filled atomic.Bool // seen holds every key
	stop   chan struct{}
	done   chan struct{} // filling has ended

	mu      sync.RWMutex
	marks   store.Marks
	topics  map[string]uint32
	byTopic []string
}

// indexFormat 2 has any number of replaced places in an entry, 1 had one.
const indexFormat = 2

// Entry is what the index knows of an identity.
type Entry struct {
	Form  record.Form
	Place store.Place
	// Replaced are the places of the forms that this one replaced, oldest first. All
	// are kept: after a crash the tables may still have a row of any of them.
	Replaced []store.Place
}

// OpenIndex in a folder of its own. Newer data than this program knows is refused.
func OpenIndex(dir string) (*Index, error) { return openIndex(dir, vfs.Default) }

func openIndex(dir string, fs vfs.FS) (*Index, error) {
	opts := &pebble.Options{
		FS:                          fs,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		CacheSize:                   32 << 20,
		Logger:                      quiet{},
		FormatMajorVersion:          pebble.FormatNewest,
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(12)
		opts.Levels[i].BlockSize = 8 << 10
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the identity index %s: %w", dir, err)
	}
	x := &Index{db: db, marks: store.Marks{}, topics: map[string]uint32{}, seen: newFilter(), stop: make(chan struct{}), done: make(chan struct{})}
	if err := x.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read the identity index %s: %w", dir, err), db.Close())
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte("k"), UpperBound: []byte("l")})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read the identity index %s: %w", dir, err), db.Close())
	}
	go x.fill(it)
	return x, nil
}

// fill the filter with the keys that are there. Until it has, every key is asked
// of the tree; keys that come meanwhile are added by those who set them.
func (x *Index) fill(it *pebble.Iterator) {
	defer close(x.done)
	whole := true
	for it.First(); it.Valid(); it.Next() {
		select {
		case <-x.stop:
			whole = false
		default:
		}
		if !whole {
			break
		}
		x.seen.add(record.Key(it.Key()[1:17]))
	}
	// What cannot be read here is met again, and reported, by whoever asks for it.
	if err := errors.Join(it.Error(), it.Close()); err == nil && whole {
		x.filled.Store(true)
	}
}

// quiet keeps the engine's progress reports off the user's terminal; what fails
// comes back as an error.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic("identity index: " + fmt.Sprintf(format, args...))
}

func (x *Index) load() error {
	v, closer, err := x.db.Get([]byte("f"))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		if err := x.db.Set([]byte("f"), []byte{indexFormat}, pebble.Sync); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		format := v[0]
		if err := closer.Close(); err != nil {
			return err
		}
		if format > indexFormat {
			return fault.New(fault.Conflict, "format %d is newer than this program knows (%d); use a newer sextant", format, indexFormat)
		}
		if format < indexFormat {
			if err := x.db.Set([]byte("f"), []byte{indexFormat}, pebble.Sync); err != nil {
				return err
			}
		}
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte("m"), UpperBound: []byte("u")})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		k := it.Key()
		switch k[0] {
		case 'm':
			tp := store.TopicPartition{Partition: int32(binary.BigEndian.Uint32(k[1:])), Topic: string(k[5:])}
			x.marks[tp] = int64(binary.BigEndian.Uint64(it.Value()))
		case 't':
			n := binary.BigEndian.Uint32(k[1:])
			for uint32(len(x.byTopic)) <= n {
				x.byTopic = append(x.byTopic, "")
			}
			x.byTopic[n] = string(it.Value())
			x.topics[x.byTopic[n]] = n
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// Close the index. What was written is kept.
func (x *Index) Close() error {
	close(x.stop)
	<-x.done
	return errors.Join(x.db.Flush(), x.db.Close())
}

// Marks are how far the index has read, for each partition.
func (x *Index) Marks() store.Marks {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return maps.Clone(x.marks)
}

// Known says for each key whether a record of that form, or a fuller one, is there.
func (x *Index) Known(keys []record.Key, forms []record.Form) ([]bool, error) {
	out := make([]bool, len(keys))
	for i := range keys {
		e, ok, err := x.Get(keys[i])
		if err != nil {
			return nil, err
		}
		out[i] = ok && !forms[i].Fuller(e.Form)
	}
	return out, nil
}

// Get the entry of an identity.
func (x *Index) Get(key record.Key) (Entry, bool, error) {
	if x.filled.Load() && !x.seen.mayHave(key) {
		return Entry{}, false, nil
	}
	var k [17]byte
	k[0] = 'k'
	copy(k[1:], key[:])
	v, closer, err := x.db.Get(k[:])
	if errors.Is(err, pebble.ErrNotFound) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fault.New(fault.Internal, "cannot read the identity index: %w", err)
	}
	e, ok := x.decode(v)
	if err := closer.Close(); err != nil {
		return Entry{}, false, err
	}
	if !ok {
		return Entry{}, false, fault.New(fault.Damaged, "the identity index holds an entry that is none; delete the folder and it is rebuilt from the log")
	}
	return e, true, nil
}

func (x *Index) decode(v []byte) (Entry, bool) {
	if len(v) == 0 {
		return Entry{}, false
	}
	e := Entry{Form: record.Form(v[0])}
	v = v[1:]
	var ok bool
	if e.Place, v, ok = x.decodePlace(v); !ok {
		return Entry{}, false
	}
	for len(v) > 0 {
		var p store.Place
		if p, v, ok = x.decodePlace(v); !ok {
			return Entry{}, false
		}
		e.Replaced = append(e.Replaced, p)
	}
	return e, true
}

func (x *Index) decodePlace(v []byte) (store.Place, []byte, bool) {
	var n [4]uint64
	for i := range n {
		u, w := binary.Uvarint(v)
		if w <= 0 {
			return store.Place{}, nil, false
		}
		n[i], v = u, v[w:]
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if n[0] >= uint64(len(x.byTopic)) {
		return store.Place{}, nil, false
	}
	return store.Place{
		TopicPartition: store.TopicPartition{Topic: x.byTopic[n[0]], Partition: int32(n[1])},
		Offset:         int64(n[2]), Index: int32(n[3]),
	}, v, true
}

// Update collects what one step of loading learns, and is committed as a whole.
// It belongs to one goroutine, and no two may judge the same topic at once.
type Update struct {
	x     *Index
	batch *pebble.Batch
	fresh map[record.Key]Entry // in order of keys they cost the tree least
	marks store.Marks
}

// Update begins a step.
func (x *Index) Update() *Update {
	return &Update{x: x, batch: x.db.NewBatch(), fresh: map[record.Key]Entry{}, marks: store.Marks{}}
}

// Judgement of a record.
type Judgement uint8

const (
	Fresh     Judgement = iota // first of its identity, or fuller than what was there
	Duplicate                  // its identity is already there in as full a form
)

// Judge a record at a place. read says that the index has passed this place
// before (a replay). For Fresh, superseded are the places of the poorer forms that
// the record replaces, if any.
func (u *Update) Judge(key record.Key, form record.Form, place store.Place, read bool) (j Judgement, superseded []store.Place, err error) {
	e, ok := u.fresh[key]
	if !ok {
		if e, ok, err = u.x.Get(key); err != nil {
			return
		}
	}
	switch {
	case ok && e.Place == place:
		return Fresh, e.Replaced, nil
	case ok && (read || !form.Fuller(e.Form)):
		if !read {
			err = u.duplicate(place)
		}
		return Duplicate, nil, err
	case ok:
		next := Entry{Form: form, Place: place, Replaced: append(slices.Clone(e.Replaced), e.Place)}
		u.set(key, next)
		return Fresh, next.Replaced, nil
	}
	u.set(key, Entry{Form: form, Place: place})
	return Fresh, nil, nil
}

func (u *Update) set(key record.Key, e Entry) {
	u.fresh[key] = e
	u.x.seen.add(key)
}

// write the entries in the order of their keys: the tree takes neighbours for
// much less than strangers.
func (u *Update) write() error {
	keys := slices.SortedFunc(maps.Keys(u.fresh), func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
	var k [17]byte
	var v []byte
	k[0] = 'k'
	for _, key := range keys {
		e := u.fresh[key]
		copy(k[1:], key[:])
		v = append(v[:0], byte(e.Form))
		var err error
		if v, err = u.appendPlace(v, e.Place); err != nil {
			return err
		}
		for _, p := range e.Replaced {
			if v, err = u.appendPlace(v, p); err != nil {
				return err
			}
		}
		if err := u.batch.Set(k[:], v, nil); err != nil {
			return err
		}
	}
	return nil
}

func (u *Update) appendPlace(v []byte, p store.Place) ([]byte, error) {
	n, err := u.x.topic(p.Topic)
	if err != nil {
		return nil, err
	}
	v = binary.AppendUvarint(v, uint64(n))
	v = binary.AppendUvarint(v, uint64(uint32(p.Partition)))
	v = binary.AppendUvarint(v, uint64(p.Offset))
	return binary.AppendUvarint(v, uint64(uint32(p.Index))), nil
}

// topic number, given on first use and durable before anything refers to it.
func (x *Index) topic(name string) (uint32, error) {
	x.mu.RLock()
	n, ok := x.topics[name]
	x.mu.RUnlock()
	if ok {
		return n, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if n, ok := x.topics[name]; ok {
		return n, nil
	}
	n = uint32(len(x.byTopic))
	if err := x.db.Set(binary.BigEndian.AppendUint32([]byte{'t'}, n), []byte(name), pebble.Sync); err != nil {
		return 0, err
	}
	x.topics[name] = n
	x.byTopic = append(x.byTopic, name)
	return n, nil
}

func (u *Update) duplicate(p store.Place) error {
	k, err := u.x.duplicateKey(p)
	if err != nil {
		return err
	}
	return u.batch.Set(k, nil, nil)
}

func (x *Index) duplicateKey(p store.Place) ([]byte, error) {
	n, err := x.topic(p.Topic)
	if err != nil {
		return nil, err
	}
	k := binary.BigEndian.AppendUint32([]byte{'d'}, n)
	k = binary.BigEndian.AppendUint32(k, uint32(p.Partition))
	k = binary.BigEndian.AppendUint64(k, uint64(p.Offset))
	return binary.BigEndian.AppendUint32(k, uint32(p.Index)), nil
}

// Duplicates of a partition from an offset on, in order: the places whose
// records had come before. At most limit.
func (x *Index) Duplicates(tp store.TopicPartition, from int64, limit int) ([]store.Place, error) {
	lower, err := x.duplicateKey(store.Place{TopicPartition: tp, Offset: from})
	if err != nil {
		return nil, err
	}
	prefix := lower[:9]
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: lower})
	if err != nil {
		return nil, err
	}
	var out []store.Place
	for it.First(); it.Valid() && len(out) < limit && bytes.HasPrefix(it.Key(), prefix); it.Next() {
		k := it.Key()
		out = append(out, store.Place{TopicPartition: tp, Offset: int64(binary.BigEndian.Uint64(k[9:])), Index: int32(binary.BigEndian.Uint32(k[17:]))})
	}
	return out, errors.Join(it.Error(), it.Close())
}

// Mark that the partition was read up to next.
func (u *Update) Mark(tp store.TopicPartition, next int64) { u.marks[tp] = next }

// Commit the step. The update must not be used again.
func (u *Update) Commit() error {
	if err := u.write(); err != nil {
		return err
	}
	for _, tp := range slices.Collect(maps.Keys(u.marks)) {
		k := binary.BigEndian.AppendUint32([]byte{'m'}, uint32(tp.Partition))
		k = append(k, tp.Topic...)
		u.x.mu.RLock()
		behind := u.marks[tp] <= u.x.marks[tp]
		u.x.mu.RUnlock()
		if behind {
			delete(u.marks, tp)
			continue
		}
		if err := u.batch.Set(k, binary.BigEndian.AppendUint64(nil, uint64(u.marks[tp])), nil); err != nil {
			return err
		}
	}
	if err := u.batch.Commit(pebble.NoSync); err != nil {
		return fault.New(fault.Internal, "cannot write the identity index: %w", err)
	}
	u.x.mu.Lock()
	maps.Copy(u.x.marks, u.marks)
	u.x.mu.Unlock()
	return u.batch.Close()
}

// Discard the step.
func (u *Update) Discard() error { return u.batch.Close() }
