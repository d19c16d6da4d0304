package server

import (
	"net/http"
	"strings"

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
	kusto := &loganalytics.Kusto{Places: s, Clock: s.o.Clock, Logger: s.o.Logger, Gate: gate, Version: s.o.Version, Login: strings.TrimRight(s.o.PublicURL, "/")}

	s.serveWatchlists()
	s.mux.Handle("POST /v1/$batch", s.admin(zip(s.la.ServeBatch)))
	metadata := s.admin(zip(func(w http.ResponseWriter, r *http.Request) { s.la.ServeMetadata(w, r, r.PathValue("workspace")) }))
	s.mux.Handle("GET /v1/workspaces/{workspace}/metadata", metadata)
	s.mux.Handle("POST /v1/workspaces/{workspace}/metadata", metadata)
	for _, root := range []string{"subscriptions", "tenants", "providers"} {
		resource := s.admin(zip(func(w http.ResponseWriter, r *http.Request) {
			id, ok := strings.CutSuffix(r.PathValue("resource"), "/query")
			if !ok {
				s.answerError(w, http.StatusNotFound, "PathNotFoundError", "there is nothing at "+r.Method+" "+r.URL.Path+"; /v1/{resource id}/query is")
				return
			}
			s.la.ServeQuery(w, r, "/"+root+"/"+id)
		}))
		s.mux.Handle("GET /v1/"+root+"/{resource...}", resource)
		s.mux.Handle("POST /v1/"+root+"/{resource...}", resource)
	}

	s.mux.HandleFunc("GET /v1/rest/ping", func(w http.ResponseWriter, r *http.Request) { s.answer(w, http.StatusOK, "Pong!") })
	s.mux.HandleFunc("GET /v1/rest/auth/metadata", kusto.ServeAuth)
	s.mux.Handle("POST /v1/rest/query", s.admin(zip(func(w http.ResponseWriter, r *http.Request) { kusto.ServeQuery(w, r, 1) })))
	s.mux.Handle("POST /v2/rest/query", s.admin(zip(func(w http.ResponseWriter, r *http.Request) { kusto.ServeQuery(w, r, 2) })))
	s.mux.Handle("POST /v1/rest/mgmt", s.admin(zip(kusto.ServeMgmt)))

	s.alerts = s.newAlerts()
	arm := &loganalytics.ARM{Places: s, State: s.o.Node.State(), Clock: s.o.Clock, Logger: s.o.Logger, Alerts: s.alerts}
	s.mux.Handle("/subscriptions/", s.guard("AuthenticationFailed", "InvalidAuthenticationToken", zip(arm.ServeHTTP)))
	s.mux.Handle("POST /dataCollectionRules/{rule}/streams/{stream}", s.guard("AuthenticationFailed", "InvalidToken", func(w http.ResponseWriter, r *http.Request) {
		arm.ServeIngest(w, r, r.PathValue("rule"), r.PathValue("stream"))
	}))
}

// guard is admin for faces that have other words for a missing and a wrong token.
func (s *Server) guard(missing, wrong string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		token = strings.TrimSpace(token)
		code, challenge, text := "", "", ""
		switch {
		case !strings.EqualFold(scheme, "Bearer") || token == "":
			code, challenge, text = missing, "Bearer", "Authentication failed. The 'Authorization' header is missing; Authorization: Bearer TOKEN works."
		case !s.o.Authority.Check(token):
			code, challenge, text = wrong, `Bearer error="invalid_token"`, "The access token is invalid."
		default:
			next(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("x-ms-error-code", code)
		s.answerError(w, http.StatusUnauthorized, code, text)
	})
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

// foreignPath brings the other paths that are case-insensitive to the form that the
// routes have. Behind the first segments the spelling is the caller's.
func foreignPath(r *http.Request) {
	for _, known := range []string{"/v2/rest/query", "/subscriptions/", "/dataCollectionRules/"} {
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
