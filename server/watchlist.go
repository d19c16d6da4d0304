package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/node"
	"sextant/watchlist"
)

// watchlists of a tenant.
func (s *Server) watchlists(t *node.Tenant) watchlist.Lists {
	return watchlist.Lists{DB: s.o.Node.State(), Tenant: t.ID}
}

// WatchlistInfo is a watchlist without its items.
type WatchlistInfo struct {
	Alias     string    `json:"alias"`
	Name      string    `json:"name"`
	Source    string    `json:"source"`
	SearchKey string    `json:"searchKey"`
	Columns   []string  `json:"columns"`
	Items     int       `json:"items"`
	Updated   time.Time `json:"updated"`
}

// DescribeWatchlist without its items.
func DescribeWatchlist(l watchlist.List) WatchlistInfo {
	return WatchlistInfo{l.Alias, l.Name, l.Source, l.SearchKey, l.Columns, len(l.Items), l.Updated}
}

// watchlistTable is the table that has the items, by which reading them is allowed.
const watchlistTable = "Watchlist"

// maxWatchlist is the most that one upload holds.
const maxWatchlist = 33 << 20

// serveWatchlists is for this program's own command line. Aliases are parameters: they
// may have blanks, and have a case.
func (s *Server) serveWatchlists() {
	route := func(method string, f func(r *http.Request, lists watchlist.Lists) (any, error)) {
		s.mux.Handle(method+" /v1/watchlists", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
			t, err := v.find(r.URL.Query().Get("tenant"))
			if err == nil {
				action := access.Act
				if method == http.MethodGet {
					action = access.Read
				}
				err = v.may(s.directory(t), access.Workspace, action)
			}
			var out any
			if err == nil {
				out, err = f(r, s.watchlists(t))
			}
			if err != nil {
				s.fail(w, err)
				return
			}
			s.answer(w, http.StatusOK, out)
		}))
	}
	route(http.MethodGet, func(_ *http.Request, lists watchlist.Lists) (any, error) {
		all, err := lists.All()
		out := []WatchlistInfo{}
		for _, l := range all {
			out = append(out, DescribeWatchlist(l))
		}
		return map[string]any{"value": out}, err
	})
	route(http.MethodPut, func(r *http.Request, lists watchlist.Lists) (any, error) {
		text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxWatchlist))
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, fault.New(fault.Invalid, "the list is larger than %d MB", maxWatchlist>>20)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "the list broke off: %w", err)
		}
		q := r.URL.Query()
		l, err := watchlist.Parse(text, watchlist.List{Alias: q.Get("alias"), Name: q.Get("name"), Source: q.Get("source"), SearchKey: q.Get("key")}, s.o.Clock())
		if err == nil {
			err = lists.Put(l)
		}
		return DescribeWatchlist(l), err
	})
	route(http.MethodDelete, func(r *http.Request, lists watchlist.Lists) (any, error) {
		alias := r.URL.Query().Get("alias")
		gone, err := lists.Delete(alias)
		if err == nil && !gone {
			err = fault.New(fault.NotFound, "there is no watchlist %q", alias)
		}
		return map[string]any{}, err
	})
}
