package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sextant/access"
	"sextant/client"
	"sextant/external"
	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/syntax"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/server"
	"sextant/source"
	"sextant/source/file"
	"sextant/table"
	"sextant/watchlist"
)

// defaultData is the data folder when none is given.
const defaultData = "sextant-data"

// backend is what holds the data: a folder in this process, or a server.
type backend interface {
	// Query asks tenant ("" the only one). What is wrong with the query comes back
	// as fault.Diagnostics.
	Query(ctx context.Context, tenant, text, timespan string) (*result, error)
	Explain(ctx context.Context, tenant, text string) (string, error)
	// Names of the tables and functions that queries may use.
	Names(ctx context.Context, tenant string) (*query.Environment, error)
	lists
	Appender() source.Appender
	Replay(ctx context.Context, tenant string) (*file.Summary, error)
	// Tail gives the last records of each category that are there, and then, where
	// the backend Follows, those that come, until ctx ends.
	Tail(ctx context.Context, tenant, category string, last int, emit func([]byte) error) error
	Follows() bool
	Tenants(ctx context.Context) ([]server.TenantInfo, error)
	// Settle waits until what was appended can be queried.
	Settle(ctx context.Context) error
	Close() error
}

// open the backend that the flags choose. create makes the folder if need be.
func (a *app) open(create bool) (backend, error) {
	dir := a.dataDir()
	// A folder on the command line stands over a server in the environment; with
	// both on the command line the folder is where the token lies.
	if a.cli.Server != "" && (a.cli.Data == "" || a.cli.Server != a.env["SEXTANT_SERVER"]) {
		token := a.token()
		if token == "" && a.cli.Data != "" {
			var err error
			if token, err = access.ReadToken(dir); err != nil {
				return nil, fault.New(fault.Denied, "there is no token for %s in %s; give --token or SEXTANT_TOKEN: %w", a.cli.Server, dir, err)
			}
		}
		return a.remote(a.cli.Server, token)
	}
	if !create {
		if err := a.isFolder(); err != nil {
			return nil, err
		}
	}
	l, err := a.local(dir)
	var held *node.HeldError
	for wait := 0; errors.As(err, &held) && held.Addr == "" && wait < startingWaits; wait++ {
		// A server that is starting says in a moment where it answers.
		select {
		case <-a.ctx.Done():
			return nil, a.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		l, err = a.local(dir)
	}
	if errors.As(err, &held) && held.Addr != "" {
		token := a.token()
		if token == "" {
			if token, err = access.ReadToken(dir); err != nil {
				return nil, fault.New(fault.Denied, "%s is held by the server at %s, and its token cannot be read: %w", dir, held.Addr, err)
			}
		}
		return a.remote(held.Addr, token)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// startingWaits is how often a folder is asked for that somebody holds without
// an address, a tenth of a second each.
const startingWaits = 30

// token for a server: the one given, else the one that a server with the same
// configuration takes.
func (a *app) token() string {
	if a.cli.Token != "" {
		return a.cli.Token
	}
	return a.conf.HTTP.Token
}

// isFolder says in words when the data folder is not one.
func (a *app) isFolder() error {
	dir := a.dataDir()
	if _, err := os.Stat(filepath.Join(dir, "sextant.json")); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "%s is no data folder; give one with --data, or a server with --server. `sextant import --data %s PATH…` makes one, `sextant demo` too", dir, dir)
	}
	return nil
}

func (a *app) dataDir() string {
	if a.conf.Data != "" {
		return a.conf.Data
	}
	return defaultData
}

// local opens a folder in this process.
func (a *app) local(dir string) (*local, error) {
	model, err := record.New()
	if err != nil {
		return nil, err
	}
	engine, err := a.engine()
	if err != nil {
		return nil, err
	}
	n, err := node.Open(a.ctx, node.Options{
		Dir: dir, Model: model, Logger: a.logger, Clock: a.clock, MemoryMB: a.conf.Query.MemoryMB,
		LogRetention: time.Duration(a.conf.Log.Retention), TableRetention: time.Duration(a.conf.Tables.Retention),
	})
	if err != nil {
		return nil, err
	}
	return &local{node: n, model: model, engine: engine, clock: a.clock}, nil
}

func (a *app) engine() (*query.Engine, error) {
	conf := &a.conf.ExternalData
	files, err := external.New(external.Options{
		Allow: strings.Fields(conf.Allow), Folder: conf.Folder, MaxBytes: int64(conf.MaxMB) << 20, Timeout: time.Duration(conf.Timeout),
	})
	if err != nil {
		return nil, err
	}
	return query.New(query.Options{
		Clock: a.clock, Timeout: time.Duration(a.conf.Query.Timeout),
		MaxBytes: int64(a.conf.Query.MemoryMB) << 20, MaxRows: int64(a.conf.Query.Rows),
		External: func(ctx context.Context, x bind.External) ([][]table.Value, error) {
			return files.Rows(ctx, external.Request(x))
		},
	}), nil
}

func (a *app) remote(addr, token string) (backend, error) {
	c, err := client.New(addr, token)
	if err != nil {
		return nil, err
	}
	if token == "" {
		tokens, err := a.signedIn(addr)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		if tokens != nil {
			c.Tokens(tokens)
		}
	}
	return &remote{c}, nil
}

type local struct {
	node   *node.Node
	model  *record.Model
	engine *query.Engine
	clock  func() time.Time
}

func (l *local) Query(ctx context.Context, tenant, text, timespan string) (*result, error) {
	t, err := l.node.Find(tenant)
	if err != nil {
		return nil, err
	}
	if err := t.Loader.CatchUp(ctx); err != nil {
		return nil, err
	}
	req := query.Request{Text: text, Workspace: t.Workspace, Watchlists: watchlist.Lists{DB: l.node.State(), Tenant: t.ID}}
	if req.From, req.To, err = loganalytics.ParseTimespan(timespan, l.clock()); err != nil {
		return nil, err
	}
	answer, err := l.engine.Run(ctx, t.Store, req)
	if err != nil {
		return nil, err
	}
	return localResult(ctx, answer), nil
}

func (l *local) Explain(ctx context.Context, tenant, text string) (string, error) {
	t, err := l.node.Find(tenant)
	if err != nil {
		return "", err
	}
	if err := t.Loader.CatchUp(ctx); err != nil { // what would run depends on what is there
		return "", err
	}
	return l.engine.Explain(ctx, t.Store, query.Request{Text: text, Workspace: t.Workspace, Watchlists: watchlist.Lists{DB: l.node.State(), Tenant: t.ID}})
}

func (l *local) Appender() source.Appender { return l.node.Door() }

func (l *local) Replay(ctx context.Context, tenant string) (*file.Summary, error) {
	return replay(ctx, l.node, l.model, tenant)
}

func (l *local) Tail(ctx context.Context, tenant, category string, last int, emit func([]byte) error) error {
	t, err := l.node.Find(tenant)
	if err != nil {
		return err
	}
	// Nothing can come in while this process holds the folder, so there is nothing
	// to wait for.
	return t.Tail(ctx, node.TailOptions{Category: category, Last: last, Stop: true}, emit)
}

func (l *local) Follows() bool { return false }

func (l *local) Tenants(ctx context.Context) ([]server.TenantInfo, error) {
	if err := l.node.CatchUp(ctx); err != nil {
		return nil, err
	}
	return server.Describe(ctx, l.node.Tenants(), server.All)
}

func (l *local) Settle(ctx context.Context) error { return l.node.CatchUp(ctx) }
func (l *local) Close() error                     { return l.node.Close() }

type remote struct{ c *client.Client }

func (r *remote) Query(ctx context.Context, tenant, text, timespan string) (*result, error) {
	q, err := r.c.Query(ctx, tenant, text, timespan)
	if err != nil {
		return nil, pointed(err, text)
	}
	out, err := remoteResult(q)
	if err == nil && out.chart.Chart == "table" && !renders(text) {
		out.chart.Chart = "" // a server says table where nothing is asked for
	}
	return out, err
}

// renders says whether a query asks for a chart, or for a table.
func renders(text string) bool {
	found := false
	f, _ := syntax.Parse(text)
	syntax.Walk(f, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.Render); ok {
			found = true
		}
		return !found
	})
	return found
}

// pointed is an error of a server with the places in the query that it is about.
func pointed(err error, text string) error {
	var refused *client.Error
	if errors.As(err, &refused) {
		if ds := diagnosticsOf(refused, text); ds != nil {
			return ds
		}
	}
	return err
}

// diagnosticsOf the answer of a server that found mistakes in a query.
func diagnosticsOf(e *client.Error, text string) fault.Diagnostics {
	type inner struct {
		Code, Message, Token string
		Line, Pos            int
		Inner                *inner `json:"innererror"`
		Details              []inner
	}
	var body struct{ Error inner }
	if json.Unmarshal(e.Body, &body) != nil || body.Error.Inner == nil || body.Error.Inner.Inner == nil {
		return nil
	}
	var ds fault.Diagnostics
	for _, x := range append([]inner{*body.Error.Inner.Inner}, body.Error.Details...) {
		at := offsetOf(text, x.Line, x.Pos)
		ds = append(ds, fault.Diagnostic{Code: x.Code, Text: x.Message, Span: fault.Span{Start: at, Length: max(len(x.Token), 1)}})
	}
	return ds
}

// offsetOf a 1-based line and column in characters.
func offsetOf(text string, line, column int) int {
	for at, r := range text {
		if line <= 1 && column <= 1 {
			return at
		}
		switch {
		case r == '\n':
			line--
		case line <= 1:
			column--
		}
	}
	return len(text)
}

func (r *remote) Explain(ctx context.Context, tenant, text string) (string, error) {
	var out string
	err := r.c.Get(ctx, "/v1/explain?"+url.Values{"tenant": {tenant}, "query": {text}}.Encode(), &out)
	return out, pointed(err, text)
}

func (r *remote) Appender() source.Appender { return r.c }

func (r *remote) Replay(ctx context.Context, tenant string) (*file.Summary, error) {
	var out file.Summary
	err := r.c.Post(ctx, "/v1/records/replay?"+url.Values{"tenant": {tenant}}.Encode(), &out)
	return &out, err
}

func (r *remote) Tail(ctx context.Context, tenant, category string, last int, emit func([]byte) error) error {
	return r.c.Tail(ctx, tenant, category, last, emit)
}

func (r *remote) Follows() bool { return true }

func (r *remote) Tenants(ctx context.Context) ([]server.TenantInfo, error) {
	var out struct{ Value []server.TenantInfo }
	err := r.c.Get(ctx, "/v1/tenants", &out)
	return out.Value, err
}

func (r *remote) Settle(ctx context.Context) error { return r.c.Settle(ctx) }
func (r *remote) Close() error                     { return r.c.Close() }
