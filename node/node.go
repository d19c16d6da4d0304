// Package node is a data folder in use: its tenants, each with a log, tables, an
// identity index and the loader between them.
//
//	DIR/sextant.json               format of the folder
//	DIR/held                       who uses it now: process and address
//	DIR/admin.token                the administrator's token
//	DIR/tenants/<id>/tenant.json   the tenant and its workspace
//	DIR/tenants/<id>/log           commit log
//	DIR/tenants/<id>/tables        tables
//	DIR/tenants/<id>/identity      index of identities
//	DIR/state                      configuration and cases
//	DIR/unplaced/log               dead letters that name no tenant
//
// Tenants share nothing but the process.
package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/intake"
	"sextant/loader"
	"sextant/record"
	"sextant/state"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/table"
)

const (
	closeWithout = 2000 // rows that a close leaves to the next start to load
	closeAtOnce  = 8    // tenants: closing is mostly waiting for the disk
)

// Format of the folder that this program writes.
const Format = 1

// Options of a node.
type Options struct {
	Dir      string
	Model    *record.Model
	Logger   *slog.Logger
	Clock    func() time.Time
	MemoryMB int // of the query engine of one tenant
	// LogRetention and TableRetention are zero for ever.
	LogRetention, TableRetention time.Duration
	MaintainEvery                time.Duration // 0: every 30 s
}

// Node is an open data folder. All methods may be called concurrently.
type Node struct {
	o     Options
	held  *os.File
	state *state.DB
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu       sync.Mutex
	tenants  map[string]*Tenant
	unplaced *intake.Lane
	homeless commitlog.Log // what unplaced appends to
	closers  []func() error
	closed   bool
}

// Tenant is one directory's share of a node.
type Tenant struct {
	ID        string
	Workspace string
	Log       commitlog.Log
	Store     store.Store
	Index     *loader.Index
	Loader    *loader.Loader

	log         *commitlog.Disk
	lane        *intake.Lane
	maintaining sync.Mutex // one at a time
	declaring   sync.Mutex // one table at a time
	acting      sync.Mutex // one change that depends on what is there
}

// Exclusive waits for its turn: changes that depend on what is there are made one at
// a time.
func (t *Tenant) Exclusive() (done func()) {
	t.acting.Lock()
	return t.acting.Unlock
}

// HeldError says that another process uses the folder.
type HeldError struct {
	Dir  string
	PID  int
	Addr string // of its HTTP face; "" when it has none
}

func (e *HeldError) Error() string {
	s := fmt.Sprintf("%s is in use by process %d", e.Dir, e.PID)
	if e.Addr == "" {
		s += "; wait for it to end"
	}
	return s
}

type holder struct {
	PID  int    `json:"pid"`
	Addr string `json:"addr,omitempty"`
}

// Open a folder, making it when it is not there. *HeldError when another process
// has it.
func Open(ctx context.Context, o Options) (*Node, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MaintainEvery == 0 {
		o.MaintainEvery = 30 * time.Second
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the data folder: %w", err)
	}
	held, err := hold(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := checkFormat(o.Dir); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	n := &Node{o: o, held: held, tenants: map[string]*Tenant{}}
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if n.state, err = state.Open(filepath.Join(o.Dir, "state")); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.closers = append(n.closers, n.state.Close)
	ids, err := n.known()
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	for _, id := range ids {
		// Every tenant is opened at the start: what the log holds and the tables
		// lack must be loaded whether or not anybody asks.
		if _, err := n.open(ctx, id); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func hold(dir string) (*os.File, error) {
	path := filepath.Join(dir, "held")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot use the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		var h holder
		text, _ := os.ReadFile(path)
		_ = json.Unmarshal(text, &h) // a holder that has not written yet is a holder all the same
		return nil, &fault.Error{Kind: fault.Conflict, Err: &HeldError{Dir: dir, PID: h.PID, Addr: h.Addr}}
	}
	return f, writeHolder(f, holder{PID: os.Getpid()})
}

func writeHolder(f *os.File, h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	return err
}

// Announce the address of this process's HTTP face to other commands.
func (n *Node) Announce(addr string) error {
	return writeHolder(n.held, holder{PID: os.Getpid(), Addr: addr})
}

func checkFormat(dir string) error {
	path := filepath.Join(dir, "sextant.json")
	var about struct {
		Format int `json:"format"`
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurably(path, fmt.Appendf(nil, "{\"format\":%d}\n", Format))
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot read the data folder: %w", err)
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return fault.New(fault.Damaged, "%s is not what was written: %w", path, err)
	}
	if about.Format > Format {
		return fault.New(fault.Conflict, "the data folder %s has format %d, newer than this program knows (%d); use a newer sextant", dir, about.Format, Format)
	}
	return nil
}

// writeDurably replaces a small file as a whole.
func writeDurably(path string, text []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot write %s: %w", path, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		var d *os.File
		if d, err = os.Open(filepath.Dir(path)); err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot write %s: %w", path, err)
	}
	return nil
}

var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// known tenants of the folder, in order.
func (n *Node) known() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(n.o.Dir, "tenants"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot list the tenants: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && tenantName.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Tenant of a directory id, made when it is new.
func (n *Node) Tenant(ctx context.Context, id string) (*Tenant, error) { return n.open(ctx, id) }

func (n *Node) open(ctx context.Context, id string) (*Tenant, error) {
	id = strings.ToLower(id)
	if !tenantName.MatchString(id) || strings.Contains(id, "..") {
		return nil, fault.New(fault.Invalid, "%q cannot name a tenant; a directory id is a GUID", id)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fault.New(fault.Unavailable, "the data folder is closed")
	}
	if t := n.tenants[id]; t != nil {
		return t, nil
	}
	t, err := n.start(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("cannot open tenant %s: %w", id, err)
	}
	n.tenants[id] = t
	return t, nil
}

// start a tenant's parts, one after the other; what was started is ended again
// when a later part fails.
func (n *Node) start(ctx context.Context, id string) (_ *Tenant, err error) {
	dir := filepath.Join(n.o.Dir, "tenants", id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	t := &Tenant{ID: id}
	if t.Workspace, err = workspaceOf(dir, id); err != nil {
		return nil, err
	}
	var undo []func() error
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				err = errors.Join(err, f())
			}
		}
	}()
	log, err := commitlog.Open(ctx, filepath.Join(dir, "log"), n.logOptions())
	if err != nil {
		return nil, err
	}
	t.Log, t.log = log, log
	undo = append(undo, log.Close)
	st, err := duckdb.Open(ctx, filepath.Join(dir, "tables"), duckdb.Options{
		QueryMemory: int64(n.o.MemoryMB) << 20,
		OnError: func(err error) {
			n.o.Logger.Error("writing tables failed and is tried again", "tenant", id, "reason", err)
		},
	})
	if err != nil {
		return nil, err
	}
	t.Store = st
	undo = append(undo, st.Close)
	if t.Index, err = loader.OpenIndex(filepath.Join(dir, "identity")); err != nil {
		return nil, err
	}
	undo = append(undo, t.Index.Close)
	model, err := n.modelFor(id)
	if err != nil {
		return nil, err
	}
	t.Loader = loader.New(loader.Options{
		Tenant: id, Workspace: t.Workspace, Log: log, Store: st, Index: t.Index, Model: model,
		Logger: n.o.Logger.With("tenant", id),
	})
	t.lane = intake.NewLane(log, t.Index, t.Loader)
	if err := t.Loader.Define(ctx); err != nil {
		return nil, err
	}
	n.wg.Go(func() {
		if err := t.Loader.Run(n.ctx); err != nil {
			n.o.Logger.Error("loading has stopped; what is taken in waits in the log", "tenant", id, "reason", err)
		}
	})
	n.wg.Go(func() { n.maintain(t) })
	n.closers = append(n.closers, func() error {
		// A few rows are read from the log again faster than files are written.
		var err error
		if t.Loader.Stats().Records > closeWithout {
			err = st.Flush(context.Background())
		}
		return errors.Join(err, t.Index.Close(), st.Close(), log.Close())
	})
	return t, nil
}

func (n *Node) logOptions() commitlog.Options {
	return commitlog.Options{
		Now:       n.o.Clock,
		Split:     record.Bounds,
		Retention: func(string) commitlog.Retention { return commitlog.Retention{Age: n.o.LogRetention} },
	}
}

// Maintain every tenant now, closing what the log still writes to first.
func (n *Node) Maintain(ctx context.Context) error {
	for _, t := range n.Tenants() {
		if err := t.Store.Flush(ctx); err != nil {
			return err
		}
		t.maintaining.Lock()
		_, err := t.log.Seal(ctx)
		t.maintaining.Unlock()
		if err != nil {
			return err
		}
		if err := n.maintainOnce(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// maintain a tenant in the background: seal and drop log segments, merge tables.
func (n *Node) maintain(t *Tenant) {
	tick := time.NewTicker(n.o.MaintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			if err := n.maintainOnce(n.ctx, t); err != nil && n.ctx.Err() == nil {
				n.o.Logger.Error("maintenance failed and is tried again", "tenant", t.ID, "reason", err)
			}
		}
	}
}

func (n *Node) maintainOnce(ctx context.Context, t *Tenant) error {
	t.maintaining.Lock()
	defer t.maintaining.Unlock()
	report, err := t.log.Maintain(ctx)
	for _, d := range report.Dropped {
		n.o.Logger.Info("retention removed events", "tenant", t.ID, "what", fmt.Sprintf("%+v", d))
	}
	for _, d := range report.DamagedSegments {
		n.o.Logger.Error("a log segment is damaged", "tenant", t.ID, "reason", d)
	}
	err = errors.Join(err, t.Store.Maintain(ctx))
	keep, e := n.retention(t.ID)
	if e != nil {
		return errors.Join(err, e)
	}
	snap, e := t.Store.Snapshot(ctx)
	if e != nil {
		return errors.Join(err, e)
	}
	for _, name := range snap.Tables() {
		age := keep(name)
		if age <= 0 {
			continue
		}
		before, ok := table.TicksOf(n.o.Clock().Add(-age))
		if s := snap.Stats(name); ok && s.Rows > 0 && s.Min < before {
			err = errors.Join(err, t.Store.DropBefore(ctx, name, before))
		}
	}
	err = errors.Join(err, snap.Close())
	return err
}

// workspaceOf a tenant: a GUID that is the same wherever the tenant is set up
// anew, so that saved queries keep working.
func workspaceOf(dir, id string) (string, error) {
	path := filepath.Join(dir, "tenant.json")
	var about struct {
		Tenant    string `json:"tenant"`
		Workspace string `json:"workspace"`
	}
	text, err := os.ReadFile(path)
	if err == nil {
		if err = json.Unmarshal(text, &about); err == nil && about.Workspace != "" {
			return about.Workspace, nil
		}
		return "", fault.New(fault.Damaged, "%s is not what was written: %v", path, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	h := sha256.Sum256([]byte("sextant workspace of " + id))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // a GUID of version 8: made by a rule of our own
	about.Tenant, about.Workspace = id, fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
	if text, err = json.Marshal(about); err != nil {
		return "", err
	}
	return about.Workspace, writeDurably(path, append(text, '\n'))
}

// Tenants in order of their id.
func (n *Node) Tenants() []*Tenant {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*Tenant, 0, len(n.tenants))
	for _, t := range n.tenants {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *Tenant) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Find the tenant of a directory id or a workspace id; with neither, the only
// one there is.
func (n *Node) Find(id string) (*Tenant, error) {
	all := n.Tenants()
	if id == "" {
		switch len(all) {
		case 1:
			return all[0], nil
		case 0:
			return nil, fault.New(fault.NotFound, "there is no tenant yet; import something first, name one with --tenant (any new GUID, to try things out), or try `sextant demo`")
		}
		var names []string
		for _, t := range all {
			names = append(names, t.ID)
		}
		return nil, fault.New(fault.Invalid, "there are %d tenants; choose one with --tenant: %s", len(all), strings.Join(names, ", "))
	}
	for _, t := range all {
		if strings.EqualFold(t.ID, id) || strings.EqualFold(t.Workspace, id) {
			return t, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no tenant or workspace %q", id)
}

// Lane implements intake.Tenants.
func (n *Node) Lane(ctx context.Context, tenant string) (*intake.Lane, error) {
	t, err := n.open(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return t.lane, nil
}

// Unplaced implements intake.Tenants.
func (n *Node) Unplaced(ctx context.Context) (*intake.Lane, error) {
	_, err := n.UnplacedLog(ctx)
	return n.unplaced, err
}

// UnplacedLog holds the dead letters that name no tenant.
func (n *Node) UnplacedLog(ctx context.Context) (commitlog.Log, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fault.New(fault.Unavailable, "the data folder is closed")
	}
	if n.unplaced == nil {
		log, err := commitlog.Open(ctx, filepath.Join(n.o.Dir, "unplaced", "log"), n.logOptions())
		if err != nil {
			return nil, err
		}
		n.closers = append(n.closers, log.Close)
		n.homeless = log
		n.unplaced = intake.NewLane(log, nil, nil)
	}
	return n.homeless, nil
}

// Dir of the node's data.
func (n *Node) Dir() string { return n.o.Dir }

// Model of records: what is the same for every tenant.
func (n *Node) Model() *record.Model { return n.o.Model }

// Door is the way in for records.
func (n *Node) Door() *intake.Door { return intake.New(n.o.Model, n, n.o.Clock) }

// CatchUp waits until all that the logs hold is in the tables.
func (n *Node) CatchUp(ctx context.Context) error {
	for _, t := range n.Tenants() {
		if err := t.Loader.CatchUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close the folder. What is in the tables is made durable, unless it is so little
// that the next start reads it from the log in no time.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	n.stop()
	n.wg.Wait()
	errs := make([]error, len(n.closers))
	var wg sync.WaitGroup
	slots := make(chan struct{}, closeAtOnce)
	for i, f := range n.closers {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = f()
			<-slots
		})
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), n.held.Close())
}
