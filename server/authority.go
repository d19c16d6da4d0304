package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"sextant/fault"
	"sextant/node"
	"sextant/source"
)

// TokenAuthority answers the paths on which people and applications sign in; see
// package authority.
type TokenAuthority interface {
	http.Handler
	// Handles says whether a request is the authority's. No other face has its paths.
	Handles(*http.Request) bool
}

// serveTokens answers what is the token authority's. It is asked before the routes:
// its paths begin with a tenant, which can be any word.
func (s *Server) serveTokens(w http.ResponseWriter, r *http.Request) bool {
	if s.o.Tokens == nil || !s.o.Tokens.Handles(r) {
		return false
	}
	s.o.Tokens.ServeHTTP(w, r)
	return true
}

// publicHost is the name by which clients find the server behind a proxy; "" is none.
func (s *Server) publicHost() string {
	u, err := url.Parse(s.o.PublicURL)
	if err != nil {
		return ""
	}
	return u.Host
}

// recordTime is how long the record of a sign-in may take into the log: on a machine that
// has no time to give, opening a tenant for the first takes seconds.
const recordTime = 30 * time.Second

// TakeIn gives a function that takes records of the program's own (sign-ins, changes
// of the directory) in by the door.
func TakeIn(n *node.Node, where string) func(ctx context.Context, tenant string, record []byte) error {
	return func(ctx context.Context, tenant string, record []byte) error {
		// What was done is done, though whoever did it may have hung up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		defer cancel()
		if _, err := n.Tenant(ctx, tenant); err != nil {
			return err
		}
		verdicts, err := n.Door().Append(ctx, []source.Incoming{{JSON: record, Tenant: tenant, Where: where}})
		if err != nil {
			return err
		}
		for _, v := range verdicts {
			if v.Outcome == source.DeadLettered {
				return fault.New(fault.Internal, "a record of the program's own was set aside: %s", v.Reason)
			}
		}
		return nil
	}
}
