package server

import (
	"net/http"
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/loganalytics"
)

// Queries that run at a time, and that wait behind them.
const (
	queriesAtOnce  = 64
	queriesWaiting = 500
)

// doors are the routes of Microsoft's own interfaces beside the query itself.
func (s *Server) doors() {
	gate := loganalytics.NewGate(queriesAtOnce, queriesWaiting)
	s.la.Gate = gate
	kusto := loganalytics.NewKusto(loganalytics.Kusto{Clock: s.o.Clock, Logger: s.o.Logger, Gate: gate, Version: s.o.Version, Login: strings.TrimRight(s.o.PublicURL, "/")})

	s.serveWatchlists()
	s.serveDirectory()
	s.serveSetup()
	asked := func(serve func(f *loganalytics.Face, w http.ResponseWriter, r *http.Request)) http.Handler {
		return s.as(queryWords, func(w http.ResponseWriter, r *http.Request, v *view) {
			zip(func(w http.ResponseWriter, r *http.Request) { serve(s.laOf(v), w, r) })(w, r)
		})
	}
	s.mux.Handle("POST /v1/$batch", asked((*loganalytics.Face).ServeBatch))
	metadata := asked(func(f *loganalytics.Face, w http.ResponseWriter, r *http.Request) {
		f.ServeMetadata(w, r, r.PathValue("workspace"))
	})
	s.mux.Handle("GET /v1/workspaces/{workspace}/metadata", metadata)
	s.mux.Handle("POST /v1/workspaces/{workspace}/metadata", metadata)
	for _, root := range []string{"subscriptions", "tenants", "providers"} {
		resource := asked(func(f *loganalytics.Face, w http.ResponseWriter, r *http.Request) {
			path := "/" + root + "/" + r.PathValue("resource")
			if id, ok := strings.CutSuffix(path, "/query"); ok {
				f.ServeQuery(w, r, id)
				return
			}
			if id, ok := strings.CutSuffix(path, "/metadata"); ok {
				f.ServeMetadata(w, r, id)
				return
			}
			s.answerError(w, http.StatusNotFound, "PathNotFoundError", "there is nothing at "+r.Method+" "+r.URL.Path+"; /v1/{resource id}/query and /v1/{resource id}/metadata are")
		})
		s.mux.Handle("GET /v1/"+root+"/{resource...}", resource)
		s.mux.Handle("POST /v1/"+root+"/{resource...}", resource)
	}

	s.mux.HandleFunc("GET /v1/rest/ping", func(w http.ResponseWriter, r *http.Request) { s.answer(w, http.StatusOK, "Pong!") })
	s.mux.HandleFunc("GET /v1/rest/auth/metadata", kusto.ServeAuth)
	cluster := func(serve func(k *loganalytics.Kusto, w http.ResponseWriter, r *http.Request)) http.Handler {
		return s.as(kustoWords, func(w http.ResponseWriter, r *http.Request, v *view) {
			k := kusto.For(v, loganalytics.KustoPrincipal{Name: v.name(), ID: v.who.ObjectID, All: v.who.Root && v.who.Tenant == ""})
			zip(func(w http.ResponseWriter, r *http.Request) { serve(k, w, r) })(w, r)
		})
	}
	s.mux.Handle("POST /v1/rest/query", cluster(func(k *loganalytics.Kusto, w http.ResponseWriter, r *http.Request) { k.ServeQuery(w, r, 1) }))
	s.mux.Handle("POST /v2/rest/query", cluster(func(k *loganalytics.Kusto, w http.ResponseWriter, r *http.Request) { k.ServeQuery(w, r, 2) }))
	s.mux.Handle("POST /v1/rest/mgmt", cluster((*loganalytics.Kusto).ServeMgmt))
	s.mux.Handle("POST "+streamingPath+"{database}/{table}", cluster(func(k *loganalytics.Kusto, w http.ResponseWriter, r *http.Request) {
		k.ServeStream(w, r, r.PathValue("database"), r.PathValue("table"))
	}))

	arm := &loganalytics.ARM{Places: s, State: s.o.Node.State(), Clock: s.o.Clock, Logger: s.o.Logger, Alerts: s.alerts}
	s.mux.Handle("/subscriptions/", s.as(armWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		report, action := asksOfARM(r)
		if err := v.subscription(subscriptionOf(r.URL.Path), report, action); err != nil {
			s.failARM(w, r, err)
			return
		}
		one := *arm
		one.Places, one.Mine, one.Who, one.Writer = v, v.ownsResource, func(*http.Request) string { return v.name() }, writerOf(v.who)
		zip(one.ServeHTTP)(w, r)
	}))
	s.mux.Handle("POST /dataCollectionRules/{rule}/streams/{stream}", s.as(ingestWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		one := *arm
		one.Places, one.Mine = v, v.ownsResource
		one.ServeIngest(w, r, r.PathValue("rule"), r.PathValue("stream"))
	}))
}

// asksOfARM is what a request to the management API asks to do, and to what.
func asksOfARM(r *http.Request) (access.Report, access.Action) {
	action := access.Act
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		action = access.Read
	}
	path := strings.ToLower(r.URL.Path)
	switch {
	case strings.Contains(path, "/providers/microsoft.securityinsights/"):
		return access.Security, action
	case strings.Contains(path, "/diagnosticsettings"):
		return access.DiagnosticSettings, action
	case strings.Contains(path, "/providers/microsoft.alertsmanagement/"), strings.Contains(path, "/microsoft.insights/scheduledqueryrules"), strings.Contains(path, "/microsoft.insights/actiongroups"):
		return access.AlertRules, action
	}
	return access.Workspace, action
}

// failARM answers a refusal of the management API.
func (s *Server) failARM(w http.ResponseWriter, r *http.Request, err error) {
	switch fault.KindOf(err) {
	case fault.NotFound:
		sayARM(s, w, r, http.StatusNotFound, "SubscriptionNotFound", err.Error())
	case fault.Denied:
		sayARM(s, w, r, http.StatusForbidden, "AuthorizationFailed", err.Error())
	default:
		s.fail(w, err)
	}
}

// zip compresses an answer where the client takes that.
func zip(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !takesGzip(r.Header.Get("Accept-Encoding")) {
			next(w, r)
			return
		}
		z := &zipped{ResponseWriter: w}
		next(z, r)
		z.close() // not when it panicked: half an answer must not look like a whole one
	}
}

// streamingPath is where rows are streamed to a table of Kusto.
const streamingPath = "/v1/rest/ingest/"

// foreignPath brings the other paths that are case-insensitive to the form that the
// routes have. Behind the first segments the spelling is the caller's.
func foreignPath(r *http.Request) {
	for _, known := range []string{"/v2/rest/query", streamingPath, "/subscriptions/", "/dataCollectionRules/"} {
		path := r.URL.Path
		for strings.HasPrefix(path, "//") {
			path = path[1:]
		}
		if len(path) >= len(known) && strings.EqualFold(path[:len(known)], known) {
			r.URL.Path, r.URL.RawPath = known+path[len(known):], ""
			return
		}
	}
}
