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
	"time"

	"sextant/access"
	"sextant/graph"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/source"
	"sextant/source/push"
	"sextant/store"
)

// Options of a server. All are needed but Clock and Version.
type Options struct {
	Node      *node.Node
	Engine    *query.Engine
	Authority *access.Authority
	Logger    *slog.Logger
	Clock     func() time.Time
	Version   string
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
	o       Options
	mux     *http.ServeMux
	la      *loganalytics.Face
	alerts  *loganalytics.Alerts
	graph   *graph.Face
	metrics *metrics
	opening map[string]map[store.TopicPartition]int64 // of each tenant: where its log ended when the server was made
}

// New server.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{o: o, mux: http.NewServeMux(), metrics: newMetrics(o.Node, o.Version)}
	if err := s.noteOpening(); err != nil {
		return nil, err
	}
	s.la = &loganalytics.Face{Workspaces: s, Clock: o.Clock, Logger: o.Logger}
	var err error
	if s.graph, err = s.newGraph(); err != nil {
		return nil, err
	}
	records := push.New(counted{o.Node.Door().NoWait(), s.metrics}, s.fail)

	s.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "healthy\n") })
	s.mux.HandleFunc("GET /-/ready", s.ready)
	s.mux.Handle("GET /metrics", s.adminFromAfar(s.metrics.handler()))
	s.mux.Handle("POST /v1/records", s.admin(records.ServeHTTP))
	s.mux.Handle("POST /v1/records/replay", s.admin(s.replay))
	s.mux.Handle("POST /v1/settle", s.admin(s.settle))
	s.mux.Handle("GET /v1/tenants", s.admin(s.tenants))
	s.mux.Handle("GET /v1/tail", s.admin(s.tail))
	s.mux.Handle("GET /v1/explain", s.admin(s.explain))
	s.mux.Handle("POST /v1/workspaces/{workspace}/query", s.admin(s.query))
	s.mux.Handle("GET /v1/workspaces/{workspace}/query", s.admin(s.query))
	s.doors()
	s.mux.HandleFunc("/", s.nothing)
	return s, nil
}

// Handler with everything around the routes.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(wire http.ResponseWriter, r *http.Request) {
		began := s.o.Clock()
		w := &recorder{ResponseWriter: wire}
		defer func() {
			if x := recover(); x != nil {
				if x == http.ErrAbortHandler {
					panic(x)
				}
				s.o.Logger.Error("a request met a broken invariant", "path", r.URL.Path, "panic", x, "stack", string(debug.Stack()))
				if w.status != 0 {
					panic(http.ErrAbortHandler) // half an answer must not look like a whole one
				}
				s.answerError(w, http.StatusInternalServerError, "InternalServerError", "an internal error; the server's log says more")
			}
			s.metrics.request(r.Pattern, w.status, s.o.Clock().Sub(began))
		}()
		if reason := refusal(r, s.publicHost()); reason != "" {
			s.answerError(w, http.StatusForbidden, "Forbidden", reason)
			return
		}
		if s.serveTokens(w, r) || s.serveGraph(w, r) {
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
	if path := plain(r.URL.Path); strings.HasPrefix(path, "/v1/") {
		r.URL.Path, r.URL.RawPath = path, plain(r.URL.RawPath)
	}
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// admin lets only the administrator's token through.
func (s *Server) admin(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.answerError(w, http.StatusUnauthorized, "AuthorizationRequiredError", "this needs a token: Authorization: Bearer TOKEN; the administrator's is in admin.token of the data folder")
			return
		}
		if !s.o.Authority.Check(strings.TrimSpace(token)) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			s.answerError(w, http.StatusUnauthorized, "InvalidTokenError", "the token is not valid here; the administrator's is in admin.token of the data folder")
			return
		}
		next(w, r)
	})
}

// adminFromAfar lets this machine's own programs through without a token.
func (s *Server) adminFromAfar(next http.Handler) http.Handler {
	guarded := s.admin(next.ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loopback(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// query answers the query API.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	zip(func(w http.ResponseWriter, r *http.Request) { s.la.ServeQuery(w, r, r.PathValue("workspace")) })(w, r)
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
