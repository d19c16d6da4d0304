// Package query answers KQL over a tenant's tables: it binds, plans, splits and
// runs, within limits.
//
// As long a prefix of the plan as the engine can do runs as SQL in the store; the
// rest runs in package eval. Where the cut falls changes nothing but the speed.
package query

import (
	"context"
	"time"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/store"
	"sextant/table"
)

// Options of an engine.
type Options struct {
	Catalogue *fn.Catalogue    // nil: fn.New()
	Clock     func() time.Time // nil: time.Now
	Timeout   time.Duration    // of one query; 0: 10 minutes
	MaxBytes  int64            // held by one query in Go; 0: 512 MB
	MaxRows   int64            // of one answer; 0: 500,000
	TempDir   string           // where operators spill; "": the system's

	// EngineBytes bounds the memory of the store's engine for one statement; 0 is
	// the store's own bound.
	EngineBytes int64
	// Fallback is told of SQL that the engine could not run and that ran in Go
	// instead: each is a mistake of this program. It may be nil.
	Fallback func(sql string, err error)

	// Asked hears of every query; it may be nil. It is called on the goroutine that
	// closes the answer.
	Asked func(Asked)

	// External gives the rows of externaldata; nil refuses it. Its errors are shown to
	// who asks.
	External func(ctx context.Context, x bind.External) ([][]table.Value, error)

	literalsInSQL bool // of tests: even what reads no table runs as SQL
}

// Request is one query.
type Request struct {
	Text string
	// By names who asks, for Options.Asked.
	By string
	// From and To bound the time column of every table, in ticks, From inclusive
	// and To exclusive; both 0 is no bound.
	From, To int64
	// Split bounds how many operators of each pipeline run as SQL; nil is as many as
	// can, and a negative number is none, not even the scan. Answers do not depend
	// on it.
	Split *int
	// MaxRows overrides the engine's, when it is less.
	MaxRows int64
	// Lifts lets MaxRows, and `set notruncation` in the text, also lift the engine's
	// bound; a negative MaxRows is no bound. For those who send rows out as they come.
	Lifts bool
	// Take is how many rows each table has at most, without an error; 0 is all.
	Take int64
	// Now is what now() means, in ticks; 0 is the clock's.
	Now int64
	// Params are values for declare query_parameters, as literals of KQL; that of a
	// string may also be the bare text.
	Params map[string]string
	// Functions are saved functions that the query may call; nil for none.
	Functions Functions
	// Watchlists of the workspace; nil for none.
	Watchlists bind.Watchlists
	// Workspaces are the names that workspace(…) may give; nil accepts any.
	Workspaces []string
	// View is what of a store's tables may be seen (see Visible and Within), for Run;
	// nil: all.
	View func(store.Snapshot) store.Snapshot
	// Workspace is the id of the one that is asked; of several that are asked as one
	// the snapshot tells (InWorkspace).
	Workspace string
}

// Functions finds saved functions by name. It may be used by any number of
// goroutines.
type Functions interface {
	Function(name string) (Function, bool)
}

// Function that was saved under a name.
type Function struct {
	Name   string
	Params string // as declared: "from:datetime, n:long = 5"; "" for none
	Body   string
}

// Answer to a query. It must be closed.
type Answer struct {
	Tables []Table // one for each tabular statement; the first is the primary one
	Render *Render // what a final render operator asks for; nil
	Notes  fault.Diagnostics
	Settings

	close func() error
}

// Table of an answer. Rows are read once, in order, one table after the other.
type Table struct {
	Name string // PrimaryResult, Table_1, …
	Rows store.Reader
}

// Render is how the answer wants to be drawn.
type Render struct {
	Chart string            // table, timechart, barchart, piechart, …
	Props map[string]string // as written: title, xcolumn, ycolumns, series, kind, …
}

// Close frees what the answer holds. Safe at any time, more than once.
func (a *Answer) Close() error {
	if a.close == nil {
		return nil
	}
	c := a.close
	a.close = nil
	return c()
}

// All reads a table's rows into one batch.
func All(ctx context.Context, r store.Reader) (*table.Batch, error) {
	out := table.NewBatch(r.Schema(), 64)
	var row []table.Value
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return out, nil
		}
		for i := range b.Rows {
			row = b.Row(i, row)
			out.AppendRow(row)
		}
	}
}
