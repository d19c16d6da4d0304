package loganalytics

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"sextant/fault"
)

type apiError struct {
	Message string    `json:"message"`
	Code    string    `json:"code"`
	Line    int       `json:"line,omitempty"`
	Pos     int       `json:"pos,omitempty"`
	Token   string    `json:"token,omitempty"`
	Details []any     `json:"details,omitempty"`
	Inner   *apiError `json:"innererror,omitempty"`

	Correlation string `json:"correlationId,omitempty"`
}

// Fail answers an error in the API's shape. text is the query, for positions.
func (f *Face) Fail(w http.ResponseWriter, r *http.Request, err error, text string) {
	status, body := describe(err, text)
	// What the client called its request is what its user will search the logs for; else
	// what the audit calls it.
	body.Correlation = cmp.Or(r.Header.Get("x-ms-client-request-id"), r.Header.Get("x-ms-correlation-request-id"))
	if a, ok := w.(*asking); ok {
		body.Correlation = cmp.Or(body.Correlation, a.Correlation)
	}
	body.Correlation = cmp.Or(body.Correlation, uuid.NewString())
	if status >= 500 && status != http.StatusGatewayTimeout {
		f.Logger.Error("a query failed", "reason", err, "request", body.Correlation)
	}
	echo(w, r)
	if status == http.StatusTooManyRequests {
		comeAgain(w)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("x-ms-error-code", body.Code)
	w.WriteHeader(status)
	_, _ = w.Write(append(append([]byte(`{"error":`), appendJSON(nil, body)...), "}\n"...)) // a client that went away is no fault of ours
}

// echo what the client called its request.
func echo(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get("x-ms-client-request-id"); id != "" && len(id) <= 200 {
		w.Header().Set("x-ms-client-request-id", id)
	}
}

// comeAgain in a second, in each of the ways that clients look for it.
func comeAgain(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("retry-after-ms", "1000")
	w.Header().Set("x-ms-retry-after-ms", "1000")
}

const tooLong = "The query ran longer than it may. Ask for less, or allow more time with Prefer: wait=600."

func describe(err error, text string) (int, apiError) {
	var ds fault.Diagnostics
	var span *timespanError
	switch {
	case errors.As(err, &ds):
		return http.StatusBadRequest, badQuery(ds, text)
	case errors.As(err, &span):
		return http.StatusBadRequest, apiError{Code: "BadArgumentError", Message: err.Error(), Inner: &apiError{Code: "InvalidTimeSpan", Message: err.Error()}}
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, apiError{Code: "GatewayTimeout", Message: tooLong}
	case errors.Is(err, ErrThrottled):
		return http.StatusTooManyRequests, apiError{Code: "ThrottledError", Message: err.Error()}
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return http.StatusBadRequest, apiError{Code: "BadArgumentError", Message: err.Error()}
	case fault.NotFound:
		return http.StatusNotFound, apiError{Code: "WorkspaceNotFoundError", Message: err.Error()}
	case fault.Denied:
		return http.StatusForbidden, apiError{Code: "InsufficientAccessError", Message: err.Error()}
	case fault.Limit:
		return http.StatusBadRequest, apiError{Code: "BadArgumentError", Message: "The query needs more than it may use.",
			Inner: &apiError{Code: "QueryLimitsExceeded", Message: err.Error()}}
	case fault.Unavailable:
		return http.StatusServiceUnavailable, apiError{Code: "ServiceUnavailable", Message: err.Error()}
	}
	return http.StatusInternalServerError, apiError{Code: "InternalServerError", Message: "An internal error; the server's log says more."}
}

func badQuery(ds fault.Diagnostics, text string) apiError {
	out := apiError{Code: "BadArgumentError", Message: "The request had some invalid properties"}
	for _, d := range ds {
		if d.Severity != fault.Bad {
			continue
		}
		line, column := fault.Position(text, d.Span.Start)
		message := d.Text
		for _, n := range d.Notes {
			message += "; " + n
		}
		inner := &apiError{Code: d.Code, Message: message, Line: line, Pos: column}
		if end := d.Span.End(); d.Span.Start >= 0 && end <= len(text) && d.Span.Length < 100 {
			inner.Token = text[d.Span.Start:end]
		}
		if out.Inner == nil {
			out.Inner = &apiError{Code: "SemanticError", Message: "A semantic error occurred.", Inner: inner}
			if strings.HasPrefix(d.Code, "SYN") {
				out.Inner.Code, out.Inner.Message = "SyntaxError", "A syntax error occurred."
			}
			continue
		}
		out.Details = append(out.Details, inner)
	}
	return out
}
