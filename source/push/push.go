// Package push is the way in for programs: POST /v1/records on a running server.
//
// The body is JSON lines (one record a line), an event {"records":[…]}, or frames
// (see frame.go); gzip or zstd compressed when Content-Encoding says so. The
// answer is 200 when everything new is on disk, with a verdict for each record in
// order; 429 with Retry-After when the server is behind: nothing was taken then,
// and the same body may be sent again.
package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// MaxBody is the largest body, uncompressed.
const MaxBody = 64 << 20

// Handler takes records in. Fail answers an error; it is the server's, so that
// all its faces answer alike.
type Handler struct {
	Appender source.Appender
	Fail     func(w http.ResponseWriter, err error)
}

// Result is the body of an answer.
type Result struct {
	Accepted int       `json:"accepted"`
	Known    int       `json:"known"`
	SetAside int       `json:"setAside"`
	Verdicts []Verdict `json:"verdicts"`
}

// Verdict of one record.
type Verdict struct {
	Outcome  string `json:"outcome"` // accepted, known, set aside
	Category string `json:"category,omitempty"`
	Table    string `json:"table,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := read(w, r)
	if err != nil {
		h.Fail(w, err)
		return
	}
	recs, err := split(body, r.Header.Get("Content-Type"), r.URL.Query().Get("tenant"))
	if err != nil {
		h.Fail(w, err)
		return
	}
	verdicts, err := h.Appender.Append(r.Context(), recs)
	if err != nil {
		h.Fail(w, err)
		return
	}
	res := Result{Verdicts: make([]Verdict, len(verdicts))}
	for i, v := range verdicts {
		res.Verdicts[i] = Verdict{v.Outcome.String(), v.Category, v.Table, v.Reason}
		switch v.Outcome {
		case source.Accepted:
			res.Accepted++
		case source.Known:
			res.Known++
		case source.DeadLettered:
			res.SetAside++
		}
	}
	text, err := json.Marshal(res)
	if err != nil {
		h.Fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(text, '\n')) // the records are safe; a client that went away will ask again
}

// read the body, uncompressed.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, MaxBody)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the body is not gzip, as Content-Encoding says: %w", err)
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBody))
		if err != nil {
			return nil, fault.New(fault.Invalid, "the body is not zstd, as Content-Encoding says: %w", err)
		}
		defer z.Close()
		in = z
	default:
		return nil, fault.New(fault.Invalid, "Content-Encoding %q is not known; gzip, zstd and none are", enc)
	}
	body, err := io.ReadAll(io.LimitReader(in, MaxBody+1))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || len(body) > MaxBody {
		return nil, fault.New(fault.Invalid, "the body is larger than %d MB; send it in parts", MaxBody>>20)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the body could not be read: %w", err)
	}
	return body, nil
}

// split a body into records. What is no JSON stays, with the reason, so that the
// good part of a body is kept.
func split(body []byte, contentType, tenant string) ([]source.Incoming, error) {
	if kind, _, _ := mime.ParseMediaType(contentType); kind == FrameType {
		return parseFrames(body)
	}
	var recs []source.Incoming
	add := func(raw []byte, where, reason string) {
		recs = append(recs, source.Incoming{JSON: raw, Form: record.Export, Tenant: tenant, Where: where, Reason: reason})
	}
	event := func(value []byte, where string) {
		err := record.SplitEvent(value, func(i int, raw []byte) error {
			add(raw, fmt.Sprintf("%s record %d", where, i+1), "")
			return nil
		})
		if err != nil {
			add(value, where, err.Error())
		}
	}
	// One JSON text over several lines is an event; else each line is one.
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && json.Valid(trimmed) {
		event(trimmed, "body")
		return recs, nil
	}
	n := 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			event(line, fmt.Sprintf("line %d", n))
		}
	}
	if len(recs) == 0 {
		return nil, fault.New(fault.Invalid, `the body holds no record; send JSON lines, or {"records":[…]}`)
	}
	return recs, nil
}
