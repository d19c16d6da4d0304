// Package push is the way in for programs: POST /v1/records on a running server.
//
// The body is JSON lines (one record a line), an event {"records":[…]}, an array,
// or frames (see frame.go); gzip or zstd compressed when Content-Encoding says so. The
// answer is 200 when everything new is on disk, with a verdict for each record in
// order; 429 with Retry-After when the server is behind: nothing was taken then,
// and the same body may be sent again.
package push

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"

	"sextant/fault"
	"sextant/source"
)

// MaxBody is the largest body, uncompressed, in bytes.
const MaxBody = 64 << 20

// maxHeld is how much all bodies together may hold, in bytes; the next is told
// to come again. Memory is taken in steps as a body grows.
const (
	maxHeld  = 256 << 20
	heldStep = 1 << 20
)

// readTime is how long a client may take to send one body.
const readTime = 5 * time.Minute

// ErrBusy is the reason of a refusal that passes: too many bodies at a time.
// Nothing was taken in.
var ErrBusy = fault.New(fault.Unavailable, "too much is being pushed at this moment; send the same again in a second")

// ErrTooLarge is the reason of a refusal of a body over MaxBody.
var ErrTooLarge = fault.New(fault.Invalid, "the body is larger than %d MB uncompressed; send it in parts", MaxBody>>20)

// Handler takes records in. Make it with New.
type Handler struct {
	appender source.Appender
	fail     func(w http.ResponseWriter, err error)
	held     *semaphore.Weighted
}

// New handler. fail answers an error; it is the server's, so that all its faces
// answer alike.
func New(to source.Appender, fail func(w http.ResponseWriter, err error)) *Handler {
	return &Handler{to, fail, semaphore.NewWeighted(maxHeld)}
}

// To is the handler for another appender; both share what bodies may hold together.
func (h *Handler) To(to source.Appender) *Handler { return &Handler{to, h.fail, h.held} }

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
	held := int64(0)
	defer func() { h.held.Release(held) }()
	body, err := h.read(w, r, &held)
	if err != nil {
		h.fail(w, err)
		return
	}
	recs, err := split(body, r.Header.Get("Content-Type"), r.URL.Query().Get("tenant"))
	if err != nil {
		h.fail(w, err)
		return
	}
	verdicts, err := h.appender.Append(r.Context(), recs)
	if err != nil {
		h.fail(w, err)
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
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(text, '\n')) // the records are safe; a client that went away will ask again
}

// read the body, uncompressed. What it takes of the memory for all is added to
// held, which the caller gives back.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, held *int64) ([]byte, error) {
	wire := http.NewResponseController(w)
	if err := wire.SetReadDeadline(time.Now().Add(readTime)); err == nil {
		defer func() { _ = wire.SetReadDeadline(time.Time{}) }() // as it was
	}
	var in io.Reader = http.MaxBytesReader(w, r.Body, MaxBody)
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the body is not gzip, as Content-Encoding says: %w", err)
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBody), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fault.New(fault.Invalid, "the body is not zstd, as Content-Encoding says: %w", err)
		}
		defer z.Close()
		in = z
	default:
		return nil, fault.New(fault.Invalid, "Content-Encoding %q is not known; gzip, zstd and none are", enc)
	}
	var body bytes.Buffer
	in = io.LimitReader(in, MaxBody+1)
	for {
		if !h.held.TryAcquire(heldStep) {
			return nil, ErrBusy
		}
		*held += heldStep
		n, err := io.CopyN(&body, in, heldStep)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge) || body.Len() > MaxBody || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded):
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF) && n < heldStep:
			return body.Bytes(), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fault.New(fault.Invalid, "the body did not come within %v; send it in parts", readTime)
		case err != nil:
			return nil, fault.New(fault.Invalid, "the body broke off, or is not %s: %w", cmp.Or(r.Header.Get("Content-Encoding"), "whole"), err)
		}
	}
}
