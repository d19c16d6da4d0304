package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sextant/fault"
	"sextant/odata"
)

// Problem is an error as Graph answers it.
type Problem struct {
	Status  int
	Code    string
	Message string
	Header  map[string]string
}

func (p *Problem) Error() string { return p.Message }

// NotFound is the answer for an object that is not there.
func NotFound(id string) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: "Request_ResourceNotFound", Message: fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)}
}

// BadRequest is the answer for a request that cannot be understood.
func BadRequest(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: "BadRequest", Message: fmt.Sprintf(format, args...)}
}

// badJSON is the answer for a body that is no JSON; want says what it should be.
func badJSON(want string) *Problem {
	return BadRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format: %s.", want)
}

// problemOf an error: what went wrong inside is not told.
func (f *Face) problemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var o *odata.OptionError
	if errors.As(err, &o) {
		return optionProblem(o)
	}
	var ds fault.Diagnostics
	if errors.As(err, &ds) {
		return BadRequest("%s", ds.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Problem{Status: http.StatusGatewayTimeout, Code: "RequestTimeout", Message: "The request took longer than a request may; ask for less at a time."}
	}
	if ctx.Err() != nil {
		return &Problem{Status: 499, Code: "ClientClosedRequest", Message: "the client has gone"}
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return BadRequest("%s", err)
	case fault.NotFound:
		return &Problem{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: err.Error()}
	case fault.Conflict:
		return &Problem{Status: http.StatusConflict, Code: "Conflict", Message: err.Error()}
	case fault.Denied:
		return &Problem{Status: http.StatusForbidden, Code: "Authorization_RequestDenied", Message: err.Error()}
	case fault.Unavailable:
		return &Problem{Status: http.StatusServiceUnavailable, Code: "serviceNotAvailable", Message: err.Error(), Header: map[string]string{"Retry-After": "1"}}
	case fault.Limit:
		return BadRequest("%s", err)
	}
	f.o.Logger.Error("a Graph request failed", "reason", err)
	return &Problem{Status: http.StatusInternalServerError, Code: "generalException", Message: "An internal error has occurred; the server's log says more."}
}

// optionProblem names the option and the place in it.
func optionProblem(o *odata.OptionError) *Problem {
	text := o.Err.Error()
	var ds fault.Diagnostics
	at := ""
	if errors.As(o.Err, &ds) && len(ds) > 0 {
		text = ds[0].Text
		at = fmt.Sprintf(" (position %d of %s)", ds[0].Span.Start, o.Option)
	}
	lead := map[string]string{"$filter": "Invalid filter clause: ", "$orderby": "Invalid order by clause: ", "$select": "Parsing OData Select and Expand failed: ", "$expand": "Parsing OData Select and Expand failed: "}[o.Option]
	if lead == "" {
		lead = fmt.Sprintf("Invalid value for query option '%s': ", o.Option)
	}
	return BadRequest("%s%s%s", lead, text, at)
}

// body of the problem.
func (p *Problem) body(date, request, client string) []byte {
	type inner struct {
		Date    string `json:"date"`
		Request string `json:"request-id"`
		Client  string `json:"client-request-id"`
	}
	text, err := json.Marshal(map[string]any{"error": struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   inner  `json:"innerError"`
	}{p.Code, strings.ToValidUTF8(p.Message, "\uFFFD"), inner{date, request, client}}})
	if err != nil {
		return []byte(`{"error":{"code":"generalException","message":"An internal error has occurred."}}`)
	}
	return text
}
