package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/graph"
	"sextant/node"
	"sextant/record"
)

// graphKeyKind of the document with the key that seals the tokens of pages.
const graphKeyKind, graphKeyID = "graph", "page-key"

// newGraph face over the node's tenants.
func (s *Server) newGraph() (*graph.Face, error) {
	key, err := s.graphKey()
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Options{
		Tenants: graphTenants{s}, Engine: s.o.Engine, Policy: access.NewPolicy(), Model: s.o.Node.Model(),
		Clock: s.o.Clock, Logger: s.o.Logger, Key: key, Throttle: s.o.GraphThrottle,
	})
}

// graphKey of the folder, made the first time: pages go on after a restart.
func (s *Server) graphKey() ([]byte, error) {
	var key struct {
		Key []byte `json:"key"`
	}
	doc, err := s.o.Node.State().Get(graphKeyKind, graphKeyID)
	if err == nil {
		return key.Key, doc.Decode(&key)
	}
	if fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	key.Key = make([]byte, 32)
	if _, err := rand.Read(key.Key); err != nil {
		return nil, err
	}
	_, err = s.o.Node.State().Put(graphKeyKind, graphKeyID, key, "")
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
	s.graph.ServeHTTP(w, r, s.graphPrincipal(r))
	return true
}

// graphTenants are the node's.
type graphTenants struct{ s *Server }

func (g graphTenants) GraphTenant(who *access.Principal, named string) (*graph.Tenant, error) {
	id := who.Tenant
	if id == "" {
		id = named
	}
	t, err := g.s.o.Node.Find(id)
	if err != nil {
		return nil, err
	}
	return &graph.Tenant{ID: t.ID, Store: t.Store, Log: graphLog{t}}, nil
}

// graphPrincipal of a request; nil where it brings no token that is good here.
func (s *Server) graphPrincipal(r *http.Request) *access.Principal {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !s.o.Authority.Check(strings.TrimSpace(token)) {
		return nil
	}
	return &access.Principal{Kind: access.Key, Root: true, Name: "administrator"}
}

// graphLog reads events of a tenant's log.
type graphLog struct{ t *node.Tenant }

func (l graphLog) Event(ctx context.Context, topic string, partition int32, offset int64) ([]byte, record.Form, error) {
	e, err := l.t.Log.Event(ctx, topic, partition, offset)
	if err != nil {
		return nil, record.Export, err
	}
	for _, h := range e.Headers {
		if h.Key == record.FormHeader {
			form, err := record.ParseForm(string(h.Value))
			return e.Value, form, err
		}
	}
	return e.Value, record.Export, nil
}
