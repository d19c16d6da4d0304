// Package server is the HTTP face's one place: routes, who may in, errors to
// statuses, health and metrics.
package server

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sextant/access"
	"sextant/fault"
	"sextant/intake"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/source"
	"sextant/source/push"
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
}

// Server routes requests.
type Server struct {
	o       Options
	mux     *http.ServeMux
	la      *loganalytics.Face
	metrics *metrics
}

// New server.
func New(o Options) *Server {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{o: o, mux: http.NewServeMux(), metrics: newMetrics(o.Node, o.Version)}
	s.la = &loganalytics.Face{Workspaces: s, Clock: o.Clock, Logger: o.Logger}
	door := o.Node.Door().NoWait()
	records := &push.Handler{Appender: counted{door, s.metrics}, Fail: s.fail}

	s.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "healthy\n") })
	s.mux.HandleFunc("GET /-/ready", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	s.mux.Handle("POST /v1/records", s.admin(records))
	s.mux.Handle("POST /v1/records/replay", s.admin(http.HandlerFunc(s.replay)))
	s.mux.Handle("GET /v1/tenants", s.admin(http.HandlerFunc(s.tenants)))
	s.mux.Handle("GET /v1/tail", s.admin(http.HandlerFunc(s.tail)))
	s.mux.Handle("GET /v1/explain", s.admin(http.HandlerFunc(s.explain)))
	queryOf := s.admin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.metrics.queries.Inc()
		s.la.ServeQuery(w, r, r.PathValue("workspace"))
	}))
	s.mux.Handle("POST /v1/workspaces/{workspace}/query", queryOf)
	s.mux.Handle("GET /v1/workspaces/{workspace}/query", queryOf)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.answerError(w, http.StatusNotFound, "PathNotFoundError", "there is nothing at "+r.Method+" "+r.URL.Path)
	})
	return s
}

// Handler with everything around the routes.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localHost(r.Host) && loopback(r) {
			// A page of a hostile site that had its name point here must not reach a
			// server that trusts its own machine.
			s.answerError(w, http.StatusForbidden, "Forbidden", "this address answers to localhost only, not to "+r.Host)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || !localHost(u.Host) && !strings.EqualFold(u.Host, r.Host) {
				s.answerError(w, http.StatusForbidden, "Forbidden", "requests from pages of "+origin+" are not answered")
				return
			}
		}
		defer func() {
			if x := recover(); x != nil {
				if x == http.ErrAbortHandler {
					panic(x)
				}
				s.o.Logger.Error("a request met a broken invariant", "path", r.URL.Path, "panic", x)
				s.answerError(w, http.StatusInternalServerError, "InternalServerError", "an internal error")
			}
		}()
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && strings.HasSuffix(r.URL.Path, "/query") {
			z := &zipped{ResponseWriter: w}
			defer z.close()
			w = z
		}
		s.mux.ServeHTTP(w, r)
	})
}

// loopback says that the request came over the machine's own interface.
func loopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(addr.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}

func localHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// admin lets only the administrator's token through.
func (s *Server) admin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.answerError(w, http.StatusUnauthorized, "AuthorizationRequiredError", "this needs a token: Authorization: Bearer TOKEN; the administrator's is in admin.token of the data folder")
			return
		}
		if !s.o.Authority.Check(strings.TrimSpace(token)) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			s.answerError(w, http.StatusUnauthorized, "InvalidTokenError", "the token is not valid here")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fail is where errors become statuses.
func (s *Server) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, intake.ErrBehind) {
		w.Header().Set("Retry-After", "1")
		s.answerError(w, http.StatusTooManyRequests, "ThrottledError", err.Error())
		return
	}
	status, code, text := http.StatusInternalServerError, "InternalServerError", "an internal error; the server's log says more"
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Limit:
		status, code, text = http.StatusBadRequest, "BadArgumentError", err.Error()
	case fault.NotFound:
		status, code, text = http.StatusNotFound, "NotFoundError", err.Error()
	case fault.Conflict:
		status, code, text = http.StatusConflict, "ConflictError", err.Error()
	case fault.Denied:
		status, code, text = http.StatusForbidden, "InsufficientAccessError", err.Error()
	case fault.Unavailable:
		status, code, text = http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()
	}
	if status >= 500 {
		s.o.Logger.Error("a request failed", "reason", err)
	}
	s.answerError(w, status, code, text)
}

func (s *Server) answerError(w http.ResponseWriter, status int, code, text string) {
	s.answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": text}})
}

func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.o.Logger.Error("an answer has no JSON", "reason", err)
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that went away is no fault of ours
}

// Workspace implements loganalytics.Workspaces.
func (s *Server) Workspace(id string) (loganalytics.Runner, error) {
	if id == "default" {
		id = ""
	}
	t, err := s.o.Node.Find(id)
	if err != nil {
		return nil, err
	}
	return runner{s.o.Engine, t}, nil
}

type runner struct {
	engine *query.Engine
	tenant *node.Tenant
}

func (r runner) Query(ctx context.Context, req query.Request) (*query.Answer, error) {
	return r.engine.Run(ctx, r.tenant.Store, req)
}

// ready once every tenant has loaded what its log held when it was opened, and
// for as long as loading goes on.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
	defer cancel()
	for _, t := range s.o.Node.Tenants() {
		if err := t.Loader.Err(); err != nil {
			s.answerError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "loading of tenant "+t.ID+" has stopped")
			return
		}
	}
	if err := s.o.Node.CatchUp(ctx); err != nil {
		s.answerError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the tables are catching up with the log")
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

// TenantInfo is one entry of GET /v1/tenants.
type TenantInfo struct {
	Tenant     string `json:"tenant"`
	Workspace  string `json:"workspace"`
	Records    int64  `json:"records"`
	LogBytes   int64  `json:"logBytes"`
	TableBytes int64  `json:"tableBytes"`
}

// Describe the tenants of a node.
func Describe(ctx context.Context, n *node.Node) ([]TenantInfo, error) {
	out := []TenantInfo{}
	for _, t := range n.Tenants() {
		info := TenantInfo{Tenant: t.ID, Workspace: t.Workspace}
		topics, err := t.Log.Topics(ctx)
		if err != nil {
			return nil, err
		}
		for _, topic := range topics {
			for _, p := range topic.Partitions {
				info.LogBytes += p.Bytes
			}
		}
		snap, err := t.Store.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range snap.Tables() {
			st := snap.Stats(name)
			info.Records += st.Rows
			info.TableBytes += st.Bytes
		}
		if err := snap.Close(); err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

func (s *Server) tenants(w http.ResponseWriter, r *http.Request) {
	list, err := Describe(r.Context(), s.o.Node)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"value": list})
}

func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	result, err := s.o.Replay(r.Context(), r.URL.Query().Get("tenant"))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, result)
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	t, err := s.o.Node.Find(r.URL.Query().Get("tenant"))
	if err != nil {
		s.fail(w, err)
		return
	}
	text, err := s.o.Engine.Explain(r.Context(), t.Store, query.Request{Text: r.URL.Query().Get("query")})
	if err != nil {
		s.fail(w, err)
		return
	}
	_, _ = io.WriteString(w, text)
}

// tail streams records as they come into the log, one JSON line each.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	t, err := s.o.Node.Find(q.Get("tenant"))
	if err != nil {
		s.fail(w, err)
		return
	}
	last := 0
	if text := q.Get("last"); text != "" {
		if last, err = strconv.Atoi(text); err != nil || last < 0 {
			s.fail(w, fault.New(fault.Invalid, "last=%s is not a number of records", text))
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	flush, _ := w.(http.Flusher)
	if flush != nil {
		flush.Flush()
	}
	err = t.Tail(r.Context(), node.TailOptions{Category: q.Get("category"), Last: last}, func(line []byte) error {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		if flush != nil {
			flush.Flush()
		}
		return nil
	})
	if err != nil && r.Context().Err() == nil {
		s.o.Logger.Warn("a tail ended", "reason", err)
	}
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

// zipped compresses an answer.
type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

var zippers = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

func (z *zipped) WriteHeader(status int) {
	z.Header().Set("Content-Encoding", "gzip")
	z.Header().Add("Vary", "Accept-Encoding")
	z.Header().Del("Content-Length")
	z.ResponseWriter.WriteHeader(status)
	z.z = zippers.Get().(*gzip.Writer)
	z.z.Reset(z.ResponseWriter)
}

func (z *zipped) Write(b []byte) (int, error) {
	if z.z == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.z.Write(b)
}

func (z *zipped) close() {
	if z.z != nil {
		_ = z.z.Close() // the client went away
		zippers.Put(z.z)
	}
}

// metrics of the process.
type metrics struct {
	registry *prometheus.Registry
	records  *prometheus.CounterVec
	queries  prometheus.Counter
}

func newMetrics(n *node.Node, version string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.records = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sextant_records_total", Help: "Records pushed, by what became of them."}, []string{"outcome"})
	m.queries = prometheus.NewCounter(prometheus.CounterOpts{Name: "sextant_queries_total", Help: "Queries asked."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sextant_build_info", Help: "1, labelled with the version."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.records, m.queries, build, loaded{n},
		prometheus.NewGoCollector(), prometheus.NewProcessCollector(prometheus.ProcessCollectorOpts{}))
	return m
}

// loaded reports each tenant's loader when it is asked.
type loaded struct{ n *node.Node }

var (
	loadedDesc = prometheus.NewDesc("sextant_loader_records_total", "Records judged by the loader since the start.", []string{"tenant", "judgement"}, nil)
)

func (l loaded) Describe(ch chan<- *prometheus.Desc) { ch <- loadedDesc }

func (l loaded) Collect(ch chan<- prometheus.Metric) {
	for _, t := range l.n.Tenants() {
		st := t.Loader.Stats()
		for name, v := range map[string]int64{"new": st.Records, "duplicate": st.Duplicates, "superseded": st.Superseded, "unusable": st.Unusable} {
			ch <- prometheus.MustNewConstMetric(loadedDesc, prometheus.CounterValue, float64(v), t.ID, name)
		}
	}
}
