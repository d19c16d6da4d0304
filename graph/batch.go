package graph

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxBatch is how many requests one batch may have.
const maxBatch = 20

// batchPart is one request of a batch, or its answer.
type batchPart struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// writes says whether the request is of a method that has a body.
func (p *batchPart) writes() bool {
	return slices.Contains([]string{http.MethodPost, http.MethodPatch, http.MethodPut}, strings.ToUpper(p.Method))
}

// empty says that it has no body.
func (p *batchPart) empty() bool {
	b := bytes.TrimSpace(p.Body)
	return len(b) == 0 || bytes.Equal(b, nullText)
}

// typed says that its headers tell what the body is.
func (p *batchPart) typed() bool {
	for name := range p.Headers {
		if strings.EqualFold(name, "Content-Type") {
			return true
		}
	}
	return false
}

type batchAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch answers several requests in one. Those that others wait for come first; where
// one that is waited for fails, those that wait fail with 424.
func (f *Face) batch(ctx context.Context, c *Call) (*Reply, error) {
	if c.Batched {
		return nil, BadRequest("A batch may not hold another.")
	}
	var in struct {
		Requests []batchPart `json:"requests"`
	}
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return nil, BadRequest("Invalid batch payload format.")
	}
	if len(in.Requests) == 0 {
		return nil, BadRequest("Invalid batch payload format: it has no requests.")
	}
	if len(in.Requests) > maxBatch {
		return nil, BadRequest("Number of batch request steps exceeds the maximum value of %d.", maxBatch)
	}
	at := map[string]int{}
	for i, p := range in.Requests {
		if p.ID == "" || p.Method == "" || p.URL == "" {
			return nil, BadRequest("Invalid batch payload format: every request needs an id, a method and a url.")
		}
		key := strings.ToLower(p.ID) // ids are the same in either case
		if _, twice := at[key]; twice {
			return nil, BadRequest("Request Id %s is not unique in the batch.", clean(p.ID))
		}
		at[key] = i
		if p.writes() && (p.empty() || !p.typed()) {
			return nil, BadRequest("Write request id : %s does not contain Content-Type header or body.", clean(p.ID))
		}
	}
	for _, p := range in.Requests {
		for _, d := range p.DependsOn {
			if _, ok := at[strings.ToLower(d)]; !ok {
				return nil, BadRequest("Request %s depends on %s, which the batch does not have.", clean(p.ID), clean(d))
			}
		}
	}
	answers := make([]*batchAnswer, len(in.Requests))
	// One that waits for nothing unanswered is answered next; where there is none,
	// they wait for each other.
	for done := 0; done < len(answers); {
		before := done
		for i := range in.Requests {
			p := &in.Requests[i]
			if answers[i] != nil {
				continue
			}
			ready, failed := true, false
			for _, d := range p.DependsOn {
				a := answers[at[strings.ToLower(d)]]
				ready = ready && a != nil
				failed = failed || a != nil && a.Status >= 400
			}
			switch {
			case failed:
				answers[i] = f.batchProblem(c, p, &Problem{Status: http.StatusFailedDependency, Code: "FailedDependency", Message: "A request that this one depends on has failed."})
			case ready:
				answers[i] = f.batchOne(ctx, c, p)
			default:
				continue
			}
			done++
		}
		if done == before {
			return nil, BadRequest("The requests of the batch depend on each other in a circle.")
		}
	}
	body, err := json.Marshal(map[string]any{"responses": answers})
	return &Reply{Body: body}, err
}

func (f *Face) batchProblem(c *Call, p *batchPart, problem *Problem) *batchAnswer {
	id := uuid.NewString()
	a := &batchAnswer{ID: p.ID, Status: problem.Status, Headers: map[string]string{"Cache-Control": "no-cache", "Content-Type": "application/json", "request-id": id}}
	for k, v := range problem.Header {
		a.Headers[k] = v
	}
	client := c.Header.Get("client-request-id")
	if client == "" {
		client = id
	}
	a.Body = problem.body(f.o.Clock().UTC().Format("2006-01-02T15:04:05"), id, clean(client))
	return a
}

func (f *Face) batchOne(ctx context.Context, c *Call, p *batchPart) *batchAnswer {
	path, query := p.URL, ""
	// Clients send absolute URLs of Microsoft's host too: host and version do not count.
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		path = u.EscapedPath()
		if u.RawQuery != "" {
			path += "?" + u.RawQuery
		}
	}
	path, query, _ = strings.Cut(path, "?")
	if _, rest, ok := VersionOf(path); ok {
		path = rest
	}
	part := &Call{Method: strings.ToUpper(p.Method), Version: c.Version, Query: query, Header: http.Header{}, Who: c.Who, Remote: c.Remote, Base: c.Base, Batched: true, Request: uuid.NewString()}
	for k, v := range p.Headers {
		part.Header.Set(k, v)
	}
	if part.Header.Get(TenantHeader) == "" {
		part.Header.Set(TenantHeader, c.Header.Get(TenantHeader))
	}
	if body := bytes.TrimSpace(p.Body); !p.empty() {
		part.Body = body
		var text string
		if json.Unmarshal(body, &text) == nil {
			// A body that is no JSON travels as base64; some clients send JSON so too.
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				part.Body = bytes.TrimSpace(raw)
			} else {
				part.Body = []byte(text)
			}
		}
	}
	reply, err := f.do(ctx, part, path)
	if err != nil {
		return f.batchProblem(c, p, f.problemOf(ctx, err))
	}
	a := &batchAnswer{ID: p.ID, Status: reply.Status, Headers: map[string]string{"Cache-Control": "no-cache"}}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	for k, v := range reply.Header {
		a.Headers[k] = v
	}
	if len(reply.Body) > 0 {
		kind := reply.Type
		if kind == "" {
			kind = "application/json"
		}
		a.Headers["Content-Type"] = kind
		if strings.HasPrefix(kind, "application/json") {
			a.Body = reply.Body
		} else {
			a.Body, _ = json.Marshal(base64.StdEncoding.EncodeToString(reply.Body)) // a string has JSON
		}
	}
	return a
}
