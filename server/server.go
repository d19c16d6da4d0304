// Package server is the HTTP face's one place: routes, who may in, errors to
// statuses, health and metrics.
package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"sextant/access"
	"sextant/graph"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/source"
	"sextant/source/push"
	"sextant/store"
	"sextant/subscription"
)

// Options of a server. All are needed but Clock and Version.
type Options struct {
	Node     *node.Node
	Engine   *query.Engine
	Accounts *access.Accounts
	Verifier access.Verifier // of tokens that are no keys; nil where there is none
	Logger   *slog.Logger
	Clock    func() time.Time
	Version  string
	// Replay tries what was set aside again; see cmd's import.
	Replay func(ctx context.Context, tenant string) (any, error)
	Alerts AlertOptions
	// Tokens is where people and applications sign in; nil is nowhere.
	Tokens TokenAuthority
	// PublicURL is how clients find the server behind a proxy; "" is by its own address.
	PublicURL string
	// GraphThrottle reproduces the limits of Microsoft Graph.
	GraphThrottle bool
}

// Server routes requests.
type Server struct {
	o      Options
	mux    *http.ServeMux
	la     *loganalytics.Face
	alerts *loganalytics.Alerts
	graph  *graph.Face
	// subscriptions of applications to what comes in
	subscriptions *subscription.Manager
	metrics       *metrics
	policy        *access.Policy
	inside        *view // of the program itself
	audit         *queryAudit
	// verifier of tokens that are no keys; nil where there is none.
	verifier access.Verifier

	claiming sync.Mutex // of subscriptions, one at a time

	opening map[string]map[store.TopicPartition]int64 // of each tenant: where its log ended when the server was made
}

// New server.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{o: o, mux: http.NewServeMux(), metrics: newMetrics(o.Node, o.Version), policy: access.NewPolicy()}
	s.inside, s.audit = newInside(s), newQueryAudit(s)
	s.verifier, _ = o.Tokens.(access.Verifier)
	if err := s.noteOpening(); err != nil {
		return nil, err
	}
	s.la = &loganalytics.Face{Workspaces: s, Clock: o.Clock, Logger: o.Logger}
	sender := s.sender()
	s.alerts = s.newAlerts(sender)
	var err error
	if s.subscriptions, err = s.newSubscriptions(sender); err != nil {
		return nil, err
	}
	if s.graph, err = s.newGraph(); err != nil {
		return nil, err
	}
	records := push.New(nil, s.fail)

	s.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "healthy\n") })
	s.mux.HandleFunc("GET /-/ready", s.ready)
	s.mux.Handle("GET /metrics", s.fromAfar(s.metrics.handler(), func(v *view) error { return v.may("", access.TheNode, access.Read) }))
	s.mux.Handle("POST /v1/records", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		if err := v.may(v.who.Tenant, access.Ingestion, access.Act); err != nil {
			s.fail(w, err)
			return
		}
		records.To(own{counted{o.Node.Door().NoWait(), s.metrics}, v}).ServeHTTP(w, r)
	}))
	s.mux.Handle("POST /v1/records/replay", s.as(nativeWords, s.replay))
	s.mux.Handle("POST /v1/settle", s.as(nativeWords, s.settle))
	s.mux.Handle("GET /v1/tenants", s.as(nativeWords, s.tenants))
	s.mux.Handle("GET /v1/tail", s.as(nativeWords, s.tail))
	s.mux.Handle("GET /v1/explain", s.as(nativeWords, s.explain))
	query := s.as(queryWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		zip(func(w http.ResponseWriter, r *http.Request) { s.laOf(v).ServeQuery(w, r, r.PathValue("workspace")) })(w, r)
	})
	s.mux.Handle("POST /v1/workspaces/{workspace}/query", query)
	s.mux.Handle("GET /v1/workspaces/{workspace}/query", query)
	s.doors()
	s.mux.HandleFunc("/", s.nothing)
	return s, nil
}

// Handler with everything around the routes.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(wire http.ResponseWriter, r *http.Request) {
		began := s.o.Clock()
		w := &loganalytics.Recorder{ResponseWriter: wire}
		defer func() {
			if x := recover(); x != nil {
				if x == http.ErrAbortHandler {
					panic(x)
				}
				s.o.Logger.Error("a request met a broken invariant", "path", r.URL.Path, "panic", x, "stack", string(debug.Stack()))
				if w.Code != 0 {
					panic(http.ErrAbortHandler) // half an answer must not look like a whole one
				}
				s.answerError(w, http.StatusInternalServerError, "InternalServerError", "an internal error; the server's log says more")
			}
			s.metrics.request(r.Pattern, w.Code, s.o.Clock().Sub(began))
		}()
		page := s.isWelcome(r)
		if reason := refusal(r, s.publicHost(), page); reason != "" {
			s.answerError(w, http.StatusForbidden, "Forbidden", reason)
			return
		}
		if page && welcome(w, r) || s.serveTokens(w, r) || s.serveGraph(w, r) {
			return
		}
		plainPath(r)
		foreignPath(r)
		s.mux.ServeHTTP(w, r)
	})
}

// plainPath brings a path of the query API to the form that the routes have:
// segments are case-insensitive, and clients send doubled slashes, which must not
// be redirected because a redirected POST loses its body.
func plainPath(r *http.Request) {
	plain := func(p string) string {
		for strings.Contains(p, "//") {
			p = strings.ReplaceAll(p, "//", "/")
		}
		return strings.ToLower(p)
	}
	// What is behind ingest names a table, whose spelling counts: see foreignPath.
	if path := plain(r.URL.Path); strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, streamingPath) {
		r.URL.Path, r.URL.RawPath = path, plain(r.URL.RawPath)
	}
}

// laOf the query API as a principal sees it.
func (s *Server) laOf(v *view) *loganalytics.Face {
	one := *s.la
	one.Workspaces = v
	return &one
}

// counted counts what comes in.
type counted struct {
	source.Appender
	m *metrics
}

func (c counted) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	verdicts, err := c.Appender.Append(ctx, recs)
	for _, v := range verdicts {
		c.m.records.WithLabelValues(v.Outcome.String()).Inc()
	}
	return verdicts, err
}
