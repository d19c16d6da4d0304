package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"sextant/fault"
	"sextant/server"
	"sextant/watchlist"
)

// WatchlistCmd groups the commands on watchlists.
type WatchlistCmd struct {
	Import WatchlistImportCmd `cmd:"" help:"Keep a list of values under an alias, in place of what was there."`
	List   WatchlistListCmd   `cmd:"" help:"List the watchlists."`
	Delete WatchlistDeleteCmd `cmd:"" help:"Delete a watchlist."`
}

// lists is what a backend does with watchlists.
type lists interface {
	Watchlists(ctx context.Context, tenant string) ([]server.WatchlistInfo, error)
	PutWatchlist(ctx context.Context, tenant string, text []byte, l watchlist.List) (server.WatchlistInfo, error)
	DeleteWatchlist(ctx context.Context, tenant, alias string) error
}

// WatchlistImportCmd keeps a list.
type WatchlistImportCmd struct {
	File      string `arg:"" type:"path" help:"The list: CSV or TSV, whose first line names the columns; - is standard input."`
	Alias     string `required:"" help:"What queries call it: _GetWatchlist('ALIAS')."`
	SearchKey string `required:"" placeholder:"COLUMN" help:"The column that queries find as SearchKey."`
	Name      string `help:"A name for people; by default the alias."`
}

// Help is shown behind the flags.
func (WatchlistImportCmd) Help() string {
	return `Rows that were there already keep their ids and times, and rows that the file no longer has are gone.

  sextant watchlist import vips.csv --data DIR --alias VIPUsers --search-key "User Principal Name"
  sextant query --data DIR "SigninLogs | where UserPrincipalName in ((_GetWatchlist('VIPUsers') | project SearchKey))"`
}

// Run it.
func (c *WatchlistImportCmd) Run(a *app) error {
	text, err := a.fileOrInput(c.File)
	if err != nil {
		return err
	}
	return a.withLists(func(b lists) error {
		info, err := b.PutWatchlist(a.ctx, a.conf.Tenant, text, watchlist.List{Alias: c.Alias, Name: c.Name, Source: filepath.Base(c.File), SearchKey: c.SearchKey})
		if err == nil {
			_, err = fmt.Fprintf(a.out, "%s: %d items\n", info.Alias, info.Items)
		}
		return err
	})
}

// fileOrInput reads a file, or standard input for -.
func (a *app) fileOrInput(path string) ([]byte, error) {
	if filepath.Base(path) == "-" {
		a.hintAtInput("the list")
		text, err := io.ReadAll(a.in)
		if err != nil {
			return nil, fmt.Errorf("cannot read the list: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the list: %w", err)
	}
	return text, nil
}

func (a *app) withLists(f func(b lists) error) error {
	b, err := a.open(false)
	if err != nil {
		return err
	}
	return errors.Join(f(b), b.Close())
}

// WatchlistListCmd lists.
type WatchlistListCmd struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print them: table, or json (an array of objects)."`
}

// Run it.
func (c *WatchlistListCmd) Run(a *app) error {
	return a.withLists(func(b lists) error {
		list, err := b.Watchlists(a.ctx, a.conf.Tenant)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			enc := json.NewEncoder(a.out)
			enc.SetIndent("", "  ")
			return enc.Encode(list)
		}
		fmt.Fprintf(a.out, "%-30s %-30s %8s  %s\n", "alias", "search key", "items", "updated")
		for _, l := range list {
			fmt.Fprintf(a.out, "%-30s %-30s %8d  %s\n", l.Alias, l.SearchKey, l.Items, l.Updated.UTC().Format("2006-01-02T15:04:05Z"))
		}
		return nil
	})
}

// WatchlistDeleteCmd deletes.
type WatchlistDeleteCmd struct {
	Alias string `arg:"" help:"The alias of the list."`
}

// Run it.
func (c *WatchlistDeleteCmd) Run(a *app) error {
	return a.withLists(func(b lists) error { return b.DeleteWatchlist(a.ctx, a.conf.Tenant, c.Alias) })
}

// lists of a tenant of the folder.
func (l *local) lists(tenant string) (watchlist.Lists, error) {
	t, err := l.node.Find(tenant)
	if err != nil {
		return watchlist.Lists{}, err
	}
	return watchlist.Lists{DB: l.node.State(), Tenant: t.ID}, nil
}

func (l *local) Watchlists(_ context.Context, tenant string) ([]server.WatchlistInfo, error) {
	s, err := l.lists(tenant)
	if err != nil {
		return nil, err
	}
	all, err := s.All()
	out := []server.WatchlistInfo{}
	for _, w := range all {
		out = append(out, server.DescribeWatchlist(w))
	}
	return out, err
}

func (l *local) PutWatchlist(_ context.Context, tenant string, text []byte, w watchlist.List) (server.WatchlistInfo, error) {
	s, err := l.lists(tenant)
	if err == nil {
		w, err = watchlist.Parse(text, w, l.clock())
	}
	if err == nil {
		err = s.Put(w)
	}
	return server.DescribeWatchlist(w), err
}

func (l *local) DeleteWatchlist(_ context.Context, tenant, alias string) error {
	s, err := l.lists(tenant)
	if err != nil {
		return err
	}
	gone, err := s.Delete(alias)
	if err == nil && !gone {
		err = fault.New(fault.NotFound, "there is no watchlist %q", alias)
	}
	return err
}

func (r *remote) Watchlists(ctx context.Context, tenant string) ([]server.WatchlistInfo, error) {
	var out struct{ Value []server.WatchlistInfo }
	err := r.c.Get(ctx, "/v1/watchlists?"+url.Values{"tenant": {tenant}}.Encode(), &out)
	return out.Value, err
}

func (r *remote) PutWatchlist(ctx context.Context, tenant string, text []byte, l watchlist.List) (server.WatchlistInfo, error) {
	var out server.WatchlistInfo
	err := r.c.PutWatchlist(ctx, tenant, l.Alias, l.SearchKey, l.Name, l.Source, text, &out)
	return out, err
}

func (r *remote) DeleteWatchlist(ctx context.Context, tenant, alias string) error {
	return r.c.DeleteWatchlist(ctx, tenant, alias)
}
