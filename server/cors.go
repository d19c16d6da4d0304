package server

import (
	"net/http"
	"strings"

	"sextant/access"
)

// isWelcome says whether a request comes from a page of another origin that may ask here.
// Pages of applications
// that were registered as such (single-page applications) may read the authority's
// documents, redeem their codes and ask the faces that take bearer tokens; none of these
// looks at cookies.
func (s *Server) isWelcome(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && forPages(r.URL.Path) && access.OriginOf(origin) == origin && s.o.Accounts.IsPage(origin)
}

// welcome a page: it may read its answer. done says that the request was a preflight,
// and is answered.
func welcome(w http.ResponseWriter, r *http.Request) (done bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Add("Vary", "Origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, Location, ETag, Preference-Applied, request-id, client-request-id, x-ms-request-id, x-ms-error-code, x-ms-client-request-id")
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) <= 1024 {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// forPages says whether a path is one that pages of other origins may ask: nothing that
// shows a form or reads a cookie.
func forPages(path string) bool {
	path = strings.ToLower(path)
	for _, prefix := range []string{"/v1.0/", "/beta/", "/v1/workspaces/", "/v1/subscriptions/", "/v1/$batch", "/v1/rest/", "/v2/rest/", "/subscriptions/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"/oauth2/v2.0/token", "/oauth2/token", "/.well-known/openid-configuration", "/discovery/v2.0/keys", "/discovery/keys", "/discovery/instance"} {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}
