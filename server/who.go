package server

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"sextant/access"
	"sextant/fault"
)

// refused is why a request was not let in.
type refused int

const (
	noToken       refused = iota // it brings none
	badToken                     // one that nobody made, or that was taken back
	oldToken                     // one whose time has passed
	otherAudience                // one for another resource
)

// words are how a face says that a request is not let in.
type words struct {
	face access.Face
	// codes for each reason, and the statuses that are not 401.
	codes    [4]string
	statuses [4]int
	// resource for the challenge, "" names none.
	resource string
	// says the answer; nil is the shape of most faces.
	says func(s *Server, w http.ResponseWriter, r *http.Request, status int, code, text string)
}

// Words of the faces, as their services have them.
var (
	nativeWords = words{face: access.Native, codes: [4]string{"AuthorizationRequiredError", "InvalidTokenError", "InvalidTokenError", "InsufficientAccessError"}, statuses: [4]int{3: http.StatusForbidden}}
	queryWords  = words{face: access.LogAnalytics, codes: [4]string{"AuthorizationRequiredError", "InvalidTokenError", "InvalidTokenError", "InsufficientAccessError"}, statuses: [4]int{3: http.StatusForbidden}, resource: "https://api.loganalytics.io"}
	kustoWords  = words{face: access.Kusto, codes: [4]string{"Unauthorized", "Unauthorized", "Unauthorized", "Unauthorized"}, says: sayKusto}
	armWords    = words{face: access.ARM, codes: [4]string{"AuthenticationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken", "InvalidAuthenticationTokenAudience"}, says: sayARM}
	ingestWords = words{face: access.Ingest, codes: [4]string{"AuthenticationFailed", "InvalidToken", "InvalidToken", "InvalidToken"}, says: sayARM}
)

func sayARM(s *Server, w http.ResponseWriter, _ *http.Request, status int, code, text string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("x-ms-failure-cause", "gateway")
	s.answerError(w, status, code, text)
}

func sayKusto(s *Server, w http.ResponseWriter, r *http.Request, status int, code, text string) {
	if id := r.Header.Get("x-ms-client-request-id"); len(id) <= 200 {
		w.Header().Set("x-ms-client-request-id", id)
	}
	s.answer(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": text, "@type": "Kusto.Data.Exceptions.KustoUnauthorizedException", "@message": text, "@permanent": true,
	}})
}

// audiences of tokens that a face takes: its own, this program's own, and for Kusto
// the cluster as the client calls it.
func (f words) audiences(r *http.Request) []string {
	out := append(access.Audiences(f.face), access.Audiences(access.Native)...)
	if f.face == access.Kusto {
		out = append(out, origin(r))
	}
	return out
}

// origin of this server, as the client reached it.
func origin(r *http.Request) string {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	return scheme + "://" + r.Host
}

// as lets those through who can be told, with what they see.
func (s *Server) as(f words, next func(w http.ResponseWriter, r *http.Request, v *view)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.principal(r, f)
		if err != nil {
			s.turnAway(w, r, f, err)
			return
		}
		next(w, r, &view{s: s, who: who, face: f.face, ip: clientIP(r)})
	})
}

// errNoToken: a request that brings none.
var errNoToken = fault.New(fault.Denied, "this needs a token: Authorization: Bearer TOKEN, an access token or a key; the key of the data folder is in its admin.token")

// principal of a request.
func (s *Server) principal(r *http.Request, f words) (*access.Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, errNoToken
	}
	who, err := s.o.Accounts.ForKey(token)
	if !errors.Is(err, access.ErrNoKey) || strings.Count(token, ".") != 2 || s.verifier == nil { // an access token has three parts
		return who, err
	}
	return s.verifier.Verify(r.Context(), token, f.audiences(r))
}

// turnAway a request in the words of its face.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, f words, err error) {
	reason, text := badToken, err.Error()
	switch {
	case errors.Is(err, errNoToken):
		reason = noToken
	case errors.Is(err, access.ErrTokenExpired), errors.Is(err, access.ErrExpiredKey):
		reason = oldToken
	case errors.Is(err, access.ErrTokenAudience):
		reason = otherAudience
	case fault.KindOf(err) != fault.Denied && fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Invalid:
		s.fail(w, err)
		return
	}
	status := f.statuses[reason]
	if status == 0 {
		status = http.StatusUnauthorized
	}
	challenge := "Bearer"
	var parts []string
	if s.verifier != nil {
		parts = append(parts, `authorization_uri="`+origin(r)+`/common/oauth2/authorize"`)
		if f.resource != "" {
			parts = append(parts, `resource_id="`+f.resource+`"`)
		}
	}
	if reason != noToken {
		parts = append(parts, `error="invalid_token"`)
	}
	if len(parts) > 0 {
		challenge += " " + strings.Join(parts, ", ")
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if f.says != nil {
		f.says(s, w, r, status, f.codes[reason], text)
		return
	}
	s.answerError(w, status, f.codes[reason], text)
}

// fromAfar lets this machine's own programs through without a token.
func (s *Server) fromAfar(next http.Handler, may func(v *view) error) http.Handler {
	guarded := s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		if err := may(v); err != nil {
			s.fail(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loopback(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// clientIP of a request, as far as the connection tells.
func clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
