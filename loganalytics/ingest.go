package loganalytics

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"sextant/fault"
)

// maxPost is how much the rows of an ingestion request may be. What stands between them
// does not count: Microsoft's Python client fills a request with rows, and only then
// puts them into a list. postBody is the largest body, compressed and not.
const (
	maxPost  = 1 << 20
	postBody = 2 * maxPost
)

func tooLarge() error {
	return refuse(413, "ContentLengthLimitExceeded", "The request is larger than 1 MB; send the rows in parts.")
}

// apiVersions of the ingestion API.
var ingestVersions = []string{"2023-01-01", "2021-11-01-preview"}

// ServeIngest answers POST /dataCollectionRules/{immutableId}/streams/{stream}.
func (m *ARM) ServeIngest(w http.ResponseWriter, r *http.Request, immutable, stream string) {
	w.Header().Set("x-ms-request-id", uuid.NewString())
	echo(w, r)
	err := m.ingest(w, r, immutable, stream)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	e := describeIngest(err)
	if e.status >= 500 {
		m.Logger.Error("rows could not be taken in", "reason", err, "stream", stream)
	}
	if e.status == http.StatusTooManyRequests {
		comeAgain(w)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("x-ms-error-code", e.code)
	w.WriteHeader(e.status)
	_, _ = w.Write(append(appendJSON(nil, map[string]any{"error": map[string]any{"code": e.code, "message": e.text}}), '\n')) // a client that went away is no fault of ours
}

func describeIngest(err error) *armError {
	var e *armError
	if errors.As(err, &e) {
		return e
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.Limit:
		return &armError{400, "InvalidRecord", err.Error()}
	case fault.NotFound:
		return &armError{404, "NotFound", err.Error()}
	case fault.Denied:
		return &armError{403, "OperationFailed", err.Error()}
	case fault.Unavailable:
		return &armError{429, "RateLimitExceeded", err.Error()}
	}
	return &armError{500, "InternalServerError", "An internal error; the server's log says more."}
}

func (m *ARM) ingest(w http.ResponseWriter, r *http.Request, immutable, stream string) error {
	if v := r.URL.Query().Get("api-version"); !slices.Contains(ingestVersions, v) {
		return refuse(400, "InvalidApiVersion", "The api-version is '"+v+"'; "+strings.Join(ingestVersions, " and ")+" work.")
	}
	_, rule, err := m.ruleOf(immutable)
	if err != nil {
		return err
	}
	body, err := readPost(w, r)
	if err != nil {
		return err
	}
	rows, err := rowsOf(body)
	if err != nil {
		return err
	}
	known := false
	for _, f := range rule.Flows {
		if !slices.ContainsFunc(f.Streams, func(s string) bool { return strings.EqualFold(s, stream) }) {
			continue
		}
		stream = f.Streams[slices.IndexFunc(f.Streams, func(s string) bool { return strings.EqualFold(s, stream) })]
		known = true
		if err := m.flow(r, &rule, f, stream, body, rows); err != nil {
			return err
		}
	}
	if !known {
		return refuse(400, "InvalidStream", "The stream "+stream+" is not one of the data collection rule's.")
	}
	return nil
}

// flow takes the rows of a request through one flow of a rule.
func (m *ARM) flow(r *http.Request, rule *ruleProps, f flow, stream string, body []byte, rows []json.RawMessage) error {
	target, err := targetOf(stream, f)
	if err != nil {
		return err
	}
	places, err := m.destinations(rule, f)
	if err != nil {
		return err
	}
	for _, place := range places {
		out := rows
		if _, declared := rule.Declarations[stream]; declared || strings.TrimSpace(f.Transform) != "" {
			source, err := m.sourceOf(&armCall{r: r, ctx: r.Context()}, rule, stream, place)
			if err != nil {
				return err
			}
			batch, err := source.run(r.Context(), f.Transform, rows)
			if err != nil {
				return err
			}
			out = objectsOf(batch)
		}
		// Two flows into one table are two rows.
		ids := itemIDs(r.Header.Get("x-ms-client-request-id"), append([]byte(f.Transform+"\x00"), body...), len(out))
		if err := m.Places.Append(r.Context(), place.Info().Tenant, target, out, ids); err != nil {
			return err
		}
	}
	return nil
}

// readPost gives the body of a request, uncompressed, within its limits.
func readPost(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, postBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge()
	case err != nil:
		return nil, refuse(400, "InvalidContent", "The request's body could not be read: "+err.Error())
	}
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(z, postBody+1))
		}
		switch {
		case err != nil:
			return nil, refuse(400, "InvalidContent", "The request's body is not the gzip that it says to be: "+err.Error())
		case len(body) > postBody:
			return nil, tooLarge()
		}
		return body, nil
	default:
		return nil, refuse(400, "InvalidContent", "The Content-Encoding "+enc+" is not known; gzip is.")
	}
}

// rowsOf a body: an array of objects.
func rowsOf(body []byte) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil || rows == nil {
		reason := "it is null"
		if err != nil {
			reason = jsonReason(err)
		}
		return nil, refuse(400, "InvalidPayload", "The request's body is not a JSON array of objects: "+reason+".")
	}
	size := 0
	for _, r := range rows {
		size += len(r)
	}
	if size > maxPost {
		return nil, tooLarge()
	}
	for i, r := range rows {
		if r = bytes.TrimSpace(r); len(r) == 0 || r[0] != '{' {
			return nil, refuse(400, "InvalidRecord", "Element "+string(appendJSON(nil, i))+" of the array is no object.")
		}
	}
	return rows, nil
}
