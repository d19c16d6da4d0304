package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"sextant/fault"
)

// Inside is a client of a server in this process that listens nowhere.
func Inside(h http.Handler, token string) (*Client, error) {
	c, err := New("http://localhost", token)
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: inside{h}}
	return c, nil
}

// inside carries requests to a handler.
type inside struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RequestURI, r.RemoteAddr, r.Host = r.URL.RequestURI(), "127.0.0.1:0", r.URL.Host
	w := &answer{header: http.Header{}, status: http.StatusOK}
	t.h.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Body: io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer of a handler, whole.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header         { return w.header }
func (w *answer) WriteHeader(status int)      { w.status = status }
func (w *answer) Write(b []byte) (int, error) { return w.body.Write(b) }

// JSON sends a value, or nothing where it is nil, and decodes the answer into out,
// which may be nil.
func (c *Client) JSON(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	kind := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fault.New(fault.Invalid, "the request has no JSON: %w", err)
		}
		kind = "application/json"
	}
	resp, err := c.do(ctx, method, path, kind, nil, body)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fault.New(fault.Unavailable, "the server's answer broke off: %w", err)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fault.New(fault.Unavailable, "the server's answer is not what was expected: %w", err)
	}
	return nil
}
