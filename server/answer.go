package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"sextant/fault"
	"sextant/intake"
	"sextant/source/push"
)

// fail is where errors become statuses.
func (s *Server) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, intake.ErrBehind), errors.Is(err, push.ErrBusy):
		w.Header().Set("Retry-After", "1")
		s.answerError(w, http.StatusTooManyRequests, "ThrottledError", err.Error())
		return
	case errors.Is(err, push.ErrTooLarge):
		s.answerError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeError", err.Error())
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

// nothing is at this path, or not for this method.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.answerError(w, http.StatusMethodNotAllowed, "MethodNotAllowedError", r.URL.Path+" takes "+strings.Join(allowed, " and ")+", not "+r.Method)
		return
	}
	s.answerError(w, http.StatusNotFound, "PathNotFoundError", "there is nothing at "+r.Method+" "+r.URL.Path)
}
