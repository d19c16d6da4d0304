package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sextant/fault"
	"sextant/state"
)

// Options of Accounts.
type Options struct {
	DB *state.DB
	// Clock and Random are the system's when nil.
	Clock  func() time.Time
	Random io.Reader
	// SealKey, 32 bytes, seals what must be read again, such as the secrets of
	// one-time codes; see OpenSealKey.
	SealKey []byte
	// Token is an administrator's key that was configured; "" is none. It is valid
	// beside those that are kept, and the configuration alone takes it away.
	Token string
	// Audit takes the directory audit record of a change, a diagnostic record as
	// Entra exports it, in. An error keeps it for the next Deliver. tenant is ""
	// for what concerns every tenant of the node. nil keeps all of them.
	Audit func(ctx context.Context, tenant string, record []byte) error
	// Hashing of passwords; zero fields are the defaults.
	Hashing Hashing
}

// Accounts are the directory's objects: documents of the state, with a copy of all
// of them in memory, since every request asks for some. All methods may be called
// concurrently. What a method gives is the caller's.
//
// Each change is on disk, with its directory audit record, when the method returns.
// The record is delivered then or, where that fails, by a later change or Deliver:
// it is never lost, and comes twice at worst, with the same id.
type Accounts struct {
	o Options

	writing    sync.Mutex // one change at a time, from what it reads to what it writes
	delivering sync.Mutex
	sequence   uint64 // of the outbox; with writing

	mu          sync.RWMutex // of the shelves, which only commit changes
	tenants     *shelf[Directory]
	people      *shelf[Person]
	groups      *shelf[Group]
	apps        *shelf[App]
	roles       *shelf[CustomRole]
	assignments *shelf[Assignment]
	keys        *shelf[APIKey]

	ofWorkspaces map[string]bool // names of roles of Azure's resources, in lower case

	passwords *hasher
	common    map[string]bool // words that passwords are made of; never changed
	attempts  *attempts
	strangers *strangers
}

// outboxKind holds audit records that were not delivered yet, by their order.
const outboxKind = "access.outbox"

// outgoing is a document of the outbox.
type outgoing struct {
	Tenant string          `json:"tenant"`
	Record json.RawMessage `json:"record"`
}

// OpenAccounts reads all there is.
func OpenAccounts(o Options) (*Accounts, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.Hashing = o.Hashing.withDefaults()
	a := &Accounts{
		o:            o,
		ofWorkspaces: map[string]bool{},
		tenants:      newShelf("access.tenant", directoryNames, nil),
		people:       newShelf("access.person", personNames, nil),
		groups:       newShelf("access.group", nil, groupRefs),
		apps:         newShelf("access.app", appNames, nil),
		roles:        newShelf("access.role", roleNames, nil),
		assignments:  newShelf("access.assignment", assignmentNames, assignmentRefs),
		keys:         newShelf("access.key", keyNames, nil),
		passwords:    newHasher(o.Hashing, o.Random),
		common:       readCommonWords(),
		attempts:     newAttempts(),
		strangers:    newStrangers(),
	}
	for _, b := range BuiltInRoles() {
		if b.Workspace {
			a.ofWorkspaces[strings.ToLower(b.Name)] = true
		}
	}
	for _, load := range []func(*state.DB) error{
		a.tenants.load, a.people.load, a.groups.load, a.apps.load, a.roles.load, a.assignments.load, a.keys.load,
	} {
		if err := load(o.DB); err != nil {
			return nil, err
		}
	}
	left, err := o.DB.List(outboxKind, "")
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		if _, err := fmt.Sscanf(left[len(left)-1].ID, "%016x", &a.sequence); err != nil {
			return nil, fault.New(fault.Damaged, "the outbox of audit records has an entry %q: %w", left[len(left)-1].ID, err)
		}
	}
	return a, nil
}

// change is one on its way: what is written, what that makes of the shelves, and
// what is said of it.
type change struct {
	a      *Accounts
	writes []state.Change
	apply  []func()
	events []event
}

// edit makes one change. f reads, checks and says what to write.
func (a *Accounts) edit(ctx context.Context, f func(c *change) error) error {
	a.writing.Lock()
	c := &change{a: a}
	err := f(c)
	if err == nil {
		err = a.commit(c)
	}
	a.writing.Unlock()
	if err != nil || len(c.events) == 0 {
		return err
	}
	_ = a.Deliver(ctx) // what remains is in the outbox, and whoever runs Deliver hears of it
	return nil
}

func (a *Accounts) commit(c *change) error {
	if len(c.writes) == 0 && len(c.events) == 0 {
		return nil
	}
	for _, e := range c.events {
		text, err := e.record(a.newID(), a.o.Clock().UTC())
		if err != nil {
			return err
		}
		a.sequence++
		c.writes = append(c.writes, state.Change{Kind: outboxKind, ID: fmt.Sprintf("%016x", a.sequence), Body: outgoing{Tenant: e.tenant, Record: text}})
	}
	if err := a.o.DB.Write(c.writes...); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range c.apply {
		f()
	}
	return nil
}

// Deliver the audit records that wait. Those of one tenant keep their order; where
// one cannot be delivered the others of its tenant wait behind it.
func (a *Accounts) Deliver(ctx context.Context) error {
	a.delivering.Lock()
	defer a.delivering.Unlock()
	docs, err := a.o.DB.List(outboxKind, "")
	if err != nil || len(docs) == 0 {
		return err
	}
	if a.o.Audit == nil {
		return fault.New(fault.Unavailable, "%d audit records wait, and nobody takes them", len(docs))
	}
	stuck := map[string]error{}
	for _, d := range docs {
		var out outgoing
		if err := d.Decode(&out); err != nil {
			return err
		}
		if stuck[out.Tenant] != nil {
			continue
		}
		if err := a.o.Audit(ctx, out.Tenant, out.Record); err != nil {
			stuck[out.Tenant] = err
			continue
		}
		if _, err := a.o.DB.Delete(outboxKind, d.ID, ""); err != nil {
			return err
		}
	}
	for tenant, e := range stuck {
		err = errors.Join(err, fmt.Errorf("the audit records of tenant %q wait: %w", tenant, e))
	}
	return err
}

// Run delivers what waits, now and from time to time, until ctx ends. failed is told
// of what goes on failing.
func (a *Accounts) Run(ctx context.Context, every time.Duration, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := a.Deliver(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Pending is how many audit records wait.
func (a *Accounts) Pending() (int, error) {
	docs, err := a.o.DB.List(outboxKind, "")
	return len(docs), err
}

// newID is a GUID of version 4.
func (a *Accounts) newID() string {
	b := a.random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// random bytes. Without them nothing here is safe, so it panics when there are none.
func (a *Accounts) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		panic("access: there is no randomness: " + err.Error())
	}
	return b
}

func sum(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// shelf holds the documents of one kind, by tenant and id, and by other names.
type shelf[T any] struct {
	kind string
	docs map[string]map[string]*T // tenant → id
	// names that one document of a tenant has alone; refs that any number share.
	names func(*T) []string
	refs  func(*T) []string

	byName map[string]string              // tenant 0 name → id
	byRef  map[string]map[string]struct{} // tenant 0 ref → ids
}

func newShelf[T any](kind string, names, refs func(*T) []string) *shelf[T] {
	return &shelf[T]{kind: kind, docs: map[string]map[string]*T{}, names: names, refs: refs, byName: map[string]string{}, byRef: map[string]map[string]struct{}{}}
}

func (s *shelf[T]) load(db *state.DB) error {
	docs, err := db.List(s.kind, "")
	if err != nil {
		return err
	}
	for _, d := range docs {
		tenant, id, _ := strings.Cut(d.ID, "/")
		doc := new(T)
		if err := d.Decode(doc); err != nil {
			return err
		}
		s.set(tenant, id, doc)
	}
	return nil
}

// set a document, or take it away with nil. The caller holds mu.
func (s *shelf[T]) set(tenant, id string, doc *T) {
	if old := s.docs[tenant][id]; old != nil {
		s.index(tenant, id, old, false)
		delete(s.docs[tenant], id)
	}
	if doc == nil {
		return
	}
	if s.docs[tenant] == nil {
		s.docs[tenant] = map[string]*T{}
	}
	s.docs[tenant][id] = doc
	s.index(tenant, id, doc, true)
}

func (s *shelf[T]) index(tenant, id string, doc *T, there bool) {
	if s.names != nil {
		for _, n := range s.names(doc) {
			if there {
				s.byName[tenant+"\x00"+n] = id
			} else {
				delete(s.byName, tenant+"\x00"+n)
			}
		}
	}
	if s.refs != nil {
		for _, r := range s.refs(doc) {
			k := tenant + "\x00" + r
			if !there {
				if delete(s.byRef[k], id); len(s.byRef[k]) == 0 {
					delete(s.byRef, k)
				}
				continue
			}
			if s.byRef[k] == nil {
				s.byRef[k] = map[string]struct{}{}
			}
			s.byRef[k][id] = struct{}{}
		}
	}
}

func (s *shelf[T]) named(tenant, name string) *T { return s.docs[tenant][s.byName[tenant+"\x00"+name]] }

func (s *shelf[T]) referring(tenant, ref string) []*T {
	var out []*T
	for id := range s.byRef[tenant+"\x00"+ref] {
		out = append(out, s.docs[tenant][id])
	}
	return out
}

// put a document into a change. fault.Conflict when another has one of its names.
func put[T any](c *change, s *shelf[T], tenant, id string, doc *T) error {
	if s.names != nil {
		for _, n := range s.names(doc) {
			if other, ok := s.byName[tenant+"\x00"+n]; ok && other != id {
				what, _, _ := strings.Cut(n, ":")
				return fault.New(fault.Conflict, "another object has the same %s: %s", what, other)
			}
		}
	}
	doc = clone(doc)
	c.writes = append(c.writes, state.Change{Kind: s.kind, ID: tenant + "/" + id, Body: doc})
	c.apply = append(c.apply, func() { s.set(tenant, id, doc) })
	return nil
}

func drop[T any](c *change, s *shelf[T], tenant, id string) {
	c.writes = append(c.writes, state.Change{Kind: s.kind, ID: tenant + "/" + id})
	c.apply = append(c.apply, func() { s.set(tenant, id, nil) })
}

// clone by way of JSON: documents are what their JSON is.
func clone[T any](doc *T) *T {
	text, err := json.Marshal(doc)
	out := new(T)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		panic("access: a document is not its JSON: " + err.Error())
	}
	return out
}

// find a document by id or other name, with mu held for reading.
func find[T any](a *Accounts, s *shelf[T], what, tenant, id string, names ...string) (T, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	tenant = strings.ToLower(tenant)
	doc := s.docs[tenant][strings.ToLower(id)]
	for _, n := range names {
		if doc == nil {
			doc = s.named(tenant, n)
		}
	}
	if doc == nil {
		var none T
		return none, fault.New(fault.NotFound, "there is no %s %q", what, id)
	}
	return *clone(doc), nil
}

// all documents of a tenant in the order that less gives.
func all[T any](a *Accounts, s *shelf[T], tenant string) []T {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := []T{}
	for _, doc := range s.docs[strings.ToLower(tenant)] {
		out = append(out, *clone(doc))
	}
	return out
}
