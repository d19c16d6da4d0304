// Package nodetest is a data folder with one tenant, for the tests of packages that
// act on a tenant's records.
package nodetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/source"
	"sextant/store"
)

// World is a folder with one tenant. Its methods are those that packages ask of a
// tenant; its clock stands still until Now is set.
type World struct {
	*node.Tenant
	Node *node.Node
	Now  time.Time

	t       testing.TB
	dir, id string
}

// New world of a tenant; it is closed with the test.
func New(t testing.TB, tenant string, now time.Time) *World {
	t.Helper()
	w := &World{Now: now, t: t, dir: filepath.Join(t.TempDir(), "data"), id: tenant}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *World) open() {
	w.t.Helper()
	model, err := record.New()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Node, err = node.Open(context.Background(), node.Options{Dir: w.dir, Model: model, Logger: slog.New(slog.DiscardHandler), Clock: w.Clock, MemoryMB: 256})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.Tenant, err = w.Node.Tenant(context.Background(), w.id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *World) close() {
	w.t.Helper()
	if err := w.Node.Close(); err != nil {
		w.t.Error(err)
	}
}

// Reopen the folder, as a new process does.
func (w *World) Reopen() {
	w.t.Helper()
	w.close()
	w.open()
}

// Clock of the world.
func (w *World) Clock() time.Time { return w.Now }

// ID of the tenant.
func (w *World) ID() string { return w.id }

// Snapshot of its tables.
func (w *World) Snapshot(ctx context.Context) (store.Snapshot, error) { return w.Store.Snapshot(ctx) }

// Settle waits until what was appended can be read.
func (w *World) Settle(ctx context.Context) error { return w.Loader.CatchUp(ctx) }

// Append by the door.
func (w *World) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	return w.Node.Door().Append(ctx, recs)
}

// Put records of the tenant; each must be accepted, or known already.
func (w *World) Put(records ...source.Incoming) {
	w.t.Helper()
	for i := range records {
		records[i].Tenant = w.id
	}
	verdicts, err := w.Append(context.Background(), records)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range verdicts {
		if v.Outcome == source.DeadLettered {
			w.t.Fatalf("%+v", v)
		}
	}
	if err := w.Settle(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// PutJSON puts records that came as they are exported.
func (w *World) PutJSON(records ...string) {
	w.t.Helper()
	var recs []source.Incoming
	for _, r := range records {
		recs = append(recs, source.Incoming{JSON: []byte(r)})
	}
	w.Put(recs...)
}

// Says what a query says: one line a row, cells apart by a space.
func (w *World) Says(kql string) string {
	w.t.Helper()
	a, err := query.New(query.Options{Clock: w.Clock}).Run(context.Background(), w.Store, query.Request{Text: kql})
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := query.All(context.Background(), a.Tables[0].Rows)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i := range b.Rows {
		var cells []string
		for _, v := range b.Row(i, nil) {
			cells = append(cells, v.Text())
		}
		out = append(out, strings.Join(cells, " "))
	}
	return strings.Join(out, "\n")
}

// Want a query to say something.
func (w *World) Want(what, kql, want string) {
	w.t.Helper()
	if got := w.Says(kql); got != want {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}
