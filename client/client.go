// Package client talks to a running Sextant server. It is what the command line
// uses, and what a Go program may.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"sextant/fault"
	"sextant/source"
	"sextant/source/push"
)

// Client of one server. The zero value is not ready; use New.
type Client struct {
	base  string
	token func(ctx context.Context, resource string) (string, error)
	http  *http.Client
	zip   *zstd.Encoder
}

// New client of a server such as http://127.0.0.1:8080.
func New(base, token string) (*Client, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "%q is not a server's address; http://127.0.0.1:8080 is", base)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "a server's address begins with http:// or https://, not with %s://", u.Scheme)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Client{strings.TrimRight(base, "/"), func(context.Context, string) (string, error) { return token, nil }, &http.Client{Transport: transport}, z}, nil
}

// Tokens gives each request the token that f gives for its resource, in place of the
// one that the client was made with.
func (c *Client) Tokens(f func(ctx context.Context, resource string) (string, error)) { c.token = f }

// resourceOf a path: what a token for it is made out to.
func resourceOf(path string) string {
	for _, r := range []struct{ prefix, resource string }{
		{"/v1.0/", "https://graph.microsoft.com"}, {"/beta/", "https://graph.microsoft.com"},
		{"/v1/workspaces/", "https://api.loganalytics.io"}, {"/subscriptions/", "https://management.azure.com"},
	} {
		if strings.HasPrefix(path, r.prefix) {
			return r.resource
		}
	}
	return Native
}

// Close lets go of the connections. Calls that are on their way end by themselves.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.zip.Close()
}

// Error of a server. Its kind, for fault.KindOf, follows from the status.
type Error struct {
	Status int
	Code   string
	Text   string
	Body   json.RawMessage
}

func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Text
}

func (c *Client) do(ctx context.Context, method, path string, contentType string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	token, err := c.token(ctx, resourceOf(path))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot reach the server: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what came is enough to say what failed
	out := &Error{Status: resp.StatusCode, Body: text}
	var envelope struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(text, &envelope) == nil {
		out.Code, out.Text = envelope.Error.Code, envelope.Error.Message
	}
	return nil, &fault.Error{Kind: kindOf(resp.StatusCode), Err: out}
}

func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Denied
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway:
		return fault.Unavailable
	case http.StatusGatewayTimeout:
		return fault.Limit
	}
	if status >= 400 && status < 500 {
		return fault.Invalid
	}
	return fault.Internal
}

// Append implements source.Appender: the records are pushed. When the server is
// behind it waits and tries again for as long as ctx lasts.
func (c *Client) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	var out []source.Verdict
	for len(recs) > 0 {
		var body []byte
		n := 0
		for n < len(recs) && (n == 0 || len(body) < push.MaxBody/4) {
			var err error
			if body, err = push.AppendFrame(body, recs[n]); err != nil {
				return nil, err
			}
			n++
		}
		verdicts, err := c.push(ctx, c.zip.EncodeAll(body, nil))
		if err != nil {
			return nil, err
		}
		if len(verdicts) != n {
			return nil, fault.New(fault.Internal, "the server gave %d verdicts for %d records", len(verdicts), n)
		}
		out = append(out, verdicts...)
		recs = recs[n:]
	}
	return out, nil
}

func (c *Client) push(ctx context.Context, body []byte) ([]source.Verdict, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		resp, err := c.do(ctx, http.MethodPost, "/v1/records", push.FrameType, http.Header{"Content-Encoding": {"zstd"}}, body)
		var refused *Error
		if errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(wait):
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		var res push.Result
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&res), resp.Body.Close())
		if err != nil {
			return nil, fault.New(fault.Unavailable, "the server's answer broke off: %w", err)
		}
		out := make([]source.Verdict, len(res.Verdicts))
		for i, v := range res.Verdicts {
			out[i] = source.Verdict{Category: v.Category, Table: v.Table, Reason: v.Reason}
			for _, o := range []source.Outcome{source.Accepted, source.Known, source.DeadLettered} {
				if v.Outcome == o.String() {
					out[i].Outcome = o
				}
			}
		}
		return out, nil
	}
}

// Query answer as it came.
type Query struct {
	Tables []struct {
		Name    string
		Columns []struct{ Name, Type string }
		Rows    [][]json.RawMessage
	}
	Render map[string]any // visualization, title, xColumn, …: what render asks for
	Error  *struct {
		Code, Message string
		Details       []struct{ Message string }
	}
}

// Query a workspace (its id, its tenant, or "" for the only one there is).
func (c *Client) Query(ctx context.Context, workspace, text, timespan string) (*Query, error) {
	if workspace == "" {
		workspace = "default"
	}
	body, err := json.Marshal(map[string]string{"query": text, "timespan": timespan})
	if err != nil {
		return nil, err
	}
	resp, err := c.do(ctx, http.MethodPost, "/v1/workspaces/"+url.PathEscape(workspace)+"/query", "application/json",
		http.Header{"Prefer": {"wait=600,include-render=true"}}, body)
	if err != nil {
		return nil, err
	}
	var q Query
	if err := errors.Join(json.NewDecoder(resp.Body).Decode(&q), resp.Body.Close()); err != nil {
		return nil, fault.New(fault.Unavailable, "the server's answer broke off: %w", err)
	}
	return &q, nil
}

// Metadata of a workspace: what queries over it may name.
type Metadata struct {
	Tables []struct {
		Name           string
		TimespanColumn string
		Columns        []struct{ Name, Type string }
	}
	Functions []struct{ Name, Parameters, Body string }
}

// Metadata of a workspace (its id, its tenant, or "" for the only one there is).
func (c *Client) Metadata(ctx context.Context, workspace string) (*Metadata, error) {
	if workspace == "" {
		workspace = "default"
	}
	var m Metadata
	if err := c.Get(ctx, "/v1/workspaces/"+url.PathEscape(workspace)+"/metadata", &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// Settle waits until what the server had acknowledged when it was called can be
// queried.
func (c *Client) Settle(ctx context.Context) error {
	for {
		// The server answers after a while either way, so this does not spin.
		var answer struct{ Settled bool }
		if err := c.Post(ctx, "/v1/settle", &answer); err != nil || answer.Settled {
			return err
		}
	}
}

// Get a path and decode its JSON into out; text answers go into a *string.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// GetWith is Get with headers.
func (c *Client) GetWith(ctx context.Context, path string, header http.Header, out any) error {
	return c.call(ctx, http.MethodGet, path, header, out)
}

// Post nothing to a path and decode the answer.
func (c *Client) Post(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodPost, path, nil, out)
}

func (c *Client) call(ctx context.Context, method, path string, header http.Header, out any) error {
	resp, err := c.do(ctx, method, path, "", header, nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fault.New(fault.Unavailable, "the server's answer broke off: %w", err)
	}
	if s, ok := out.(*string); ok {
		*s = string(text)
		return nil
	}
	return json.Unmarshal(text, out)
}

// Tail follows the records of a tenant, a line each, until ctx ends.
func (c *Client) Tail(ctx context.Context, tenant, category string, last int, emit func(line []byte) error) error {
	q := url.Values{"tenant": {tenant}, "category": {category}, "last": {fmt.Sprint(last)}}
	resp, err := c.do(ctx, http.MethodGet, "/v1/tail?"+q.Encode(), "", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fault.New(fault.Unavailable, "the server has gone: %w", err)
		}
		if err := emit(bytes.TrimRight(line, "\n")); err != nil {
			return err
		}
	}
}
