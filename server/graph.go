package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/graph"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/state"
	"sextant/store"
)

// graphKeyKind of the document with the key that seals the tokens of pages.
const graphKeyKind, graphKeyID = "graph", "page-key"

// graphOptions of a Graph face over a node. Operations and Licences may be missing.
type graphOptions struct {
	Node       *node.Node
	Engine     *query.Engine
	Policy     *access.Policy
	Clock      func() time.Time
	Logger     *slog.Logger
	Throttle   bool
	Licences   func(tenant string) []string
	Operations []graph.Operation
	Hunted     func(who *access.Principal, t *graph.Tenant, h graph.Hunted)
}

// graphFace over the tenants of a node.
func graphFace(o graphOptions) (*graph.Face, error) {
	key, err := graphKey(o.Node.State())
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Options{
		Tenants: graphTenants{o}, Engine: o.Engine, Policy: o.Policy, Model: o.Node.Model(),
		Clock: o.Clock, Logger: o.Logger, Key: key, Throttle: o.Throttle, Operations: o.Operations, Hunted: o.Hunted,
	})
}

// newGraph face of the server.
func (s *Server) newGraph() (*graph.Face, error) {
	return graphFace(graphOptions{
		Node: s.o.Node, Engine: s.o.Engine, Policy: s.policy, Licences: s.o.Accounts.Licences, Clock: s.o.Clock, Logger: s.o.Logger, Throttle: s.o.GraphThrottle,
		Operations: append(s.actions().Operations(), (&graph.Subscriptions{Manager: s.subscriptions}).Operations()...),
		Hunted:     s.hunted,
	})
}

// hunted is for the audit of queries, as those of other faces are.
func (s *Server) hunted(who *access.Principal, t *graph.Tenant, h graph.Hunted) {
	of, err := s.o.Node.Find(t.ID)
	if err != nil {
		s.o.Logger.Error("a hunting query is missing from "+queryLogs, "tenant", t.ID, "reason", err)
		return
	}
	v := &view{s: s, who: who, face: access.Graph}
	v.Asked(place{v: v, t: of}, loganalytics.Asked{
		At: h.At, Took: h.Took, Correlation: h.Request, Text: h.Text, From: h.From, To: h.To, App: h.App, Target: t.Workspace, Status: h.Status, Rows: h.Rows,
	})
}

// graphKey of the folder, made the first time: pages go on after a restart.
func graphKey(db *state.DB) ([]byte, error) {
	var key struct {
		Key []byte `json:"key"`
	}
	doc, err := db.Get(graphKeyKind, graphKeyID)
	if err == nil {
		err = doc.Decode(&key)
		return key.Key, err
	}
	if fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	key.Key = make([]byte, 32)
	if _, err := rand.Read(key.Key); err != nil {
		return nil, err
	}
	_, err = db.Put(graphKeyKind, graphKeyID, key, "")
	return key.Key, err
}

// serveGraph answers what is Graph's; false for any other path. Names in the paths of
// Graph match whatever their case, so they are not for the mux.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request) bool {
	version, _, ok := graph.VersionOf(r.URL.EscapedPath())
	if !ok {
		return false
	}
	r.Pattern = "/" + version + "/"
	who, err := s.graphPrincipal(r)
	s.graph.ServeHTTP(w, r, who, err)
	return true
}

// graphTenants are the node's.
type graphTenants struct{ o graphOptions }

func (g graphTenants) GraphTenant(who *access.Principal, named string) (*graph.Tenant, error) {
	id := who.Tenant
	if id == "" {
		id = named
	}
	t, err := g.o.Node.Find(id)
	if err != nil {
		return nil, err
	}
	out := &graph.Tenant{ID: t.ID, Workspace: t.Workspace, Store: t.Store, Log: graphLog{t}}
	if g.o.Licences != nil {
		out.Licences = g.o.Licences(t.ID)
	}
	return out, nil
}

// graphPrincipal of a request; nil where it brings no token that is good here, and why.
func (s *Server) graphPrincipal(r *http.Request) (*access.Principal, error) {
	who, err := s.principal(r, words{face: access.Graph})
	if errors.Is(err, errNoToken) {
		return nil, nil
	}
	return who, err
}

// graphLog reads records of a tenant's log.
type graphLog struct{ t *node.Tenant }

func (l graphLog) Records(ctx context.Context, places []store.Place) ([][]byte, error) {
	return l.t.Raws(ctx, places)
}

func (l graphLog) Form(ctx context.Context, place store.Place) (record.Form, error) {
	e, err := l.t.Log.Event(ctx, place.Topic, place.Partition, place.Offset)
	if err != nil {
		return record.Export, err
	}
	return record.ParseForm(e.Header(record.FormHeader))
}
