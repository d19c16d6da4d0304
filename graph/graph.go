// Package graph is Microsoft Graph's share in activity logs: directory audits,
// sign-ins, provisioning, Identity Protection, reports and hunting, in v1.0 and
// beta, for the clients that Microsoft makes.
//
// What there is stands in data: the types in data/schema.txt, the collections and
// where their records are in data/resources.txt, the operations in [Face.operations].
// An object is made from the record as it came into the log; where the log no longer
// has it, from the row of its table.
//
// Source: the requests and answers of Microsoft's Go and JavaScript clients as
// observed; the published types and permissions; codes from its documentation.
package graph

import (
	"context"
	"log/slog"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/query"
	"sextant/record"
	"sextant/store"
)

// Tenant whose records are asked for.
type Tenant struct {
	ID        string
	Workspace string   // its id
	Licences  []string // nil is everything
	Store     store.Store
	Log       Log
}

// Log gives records back as they came.
type Log interface {
	// Records at places, in the order of the places; nil is one that the log does not
	// have any more. The error says why some of them could not be read: the others are
	// there all the same.
	Records(ctx context.Context, places []store.Place) ([][]byte, error)
	// Form that the record at a place had before it came (see record.FormHeader). Any
	// error says that the log no longer has it.
	Form(ctx context.Context, place store.Place) (record.Form, error)
}

// Tenants that can be asked for.
type Tenants interface {
	// Graph tenant of who asks; named is what the request says for those who may ask
	// for every tenant, "" where it says nothing.
	GraphTenant(who *access.Principal, named string) (*Tenant, error)
}

// Options of a face. Clock, Logger, Hunted and Operations may be missing.
type Options struct {
	Tenants Tenants
	Engine  *query.Engine
	Policy  *access.Policy
	Model   *record.Model
	Clock   func() time.Time
	Logger  *slog.Logger
	// Key seals the tokens of pages; 32 bytes that are the same after a restart.
	Key []byte
	// Throttle reproduces Microsoft's limits.
	Throttle bool
	// Hunted hears of each hunting query of a tenant, when it was answered or refused; nil
	// is nobody.
	Hunted func(who *access.Principal, t *Tenant, h Hunted)
	// Operations that other packages add.
	Operations []Operation
}

// Hunted is a hunting query: what an audit of queries says of it.
type Hunted struct {
	Request  string // its id
	At       time.Time
	Took     time.Duration
	Text     string
	From, To int64  // of the timespan, in ticks, To exclusive; both 0: none
	App      string // what the client calls itself
	Status   int    // of the answer
	Rows     int64
}

// Face answers requests to /v1.0/ and /beta/.
type Face struct {
	o        Options
	api      [2]*api // v1.0, beta
	ahead    *ahead
	throttle *throttle

	windowRows, windowWorth int64 // the constants of these names, but in tests
}

// versions of Graph.
var versions = [2]string{"v1.0", "beta"}

// New face. The error is fault.Invalid: something is missing from the options.
func New(o Options) (*Face, error) {
	if o.Tenants == nil || o.Engine == nil || o.Policy == nil || o.Model == nil {
		return nil, fault.New(fault.Invalid, "a Graph face needs tenants, an engine, a policy and a model")
	}
	if len(o.Key) < 16 {
		return nil, fault.New(fault.Invalid, "a Graph face needs a key of 16 bytes or more for its pages")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Face{o: o, ahead: newAhead(), throttle: newThrottle(o.Clock), windowRows: windowRows, windowWorth: windowWorth}
	for i, v := range versions {
		a, err := newAPI(v, o.Model)
		if err != nil {
			return nil, err
		}
		a.operations = append(f.operations(a), o.Operations...)
		f.api[i] = a
	}
	return f, nil
}
