package loganalytics

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// canned answers with batches, and then an error.
type canned struct {
	schema  table.Schema
	batches []int // rows of each
	err     error
	closed  *bool
}

func (c *canned) Schema() table.Schema { return c.schema }
func (c *canned) Close() error         { *c.closed = true; return nil }

func (c *canned) Next(context.Context) (*table.Batch, error) {
	if len(c.batches) == 0 {
		return nil, c.err
	}
	b := table.NewBatch(c.schema, c.batches[0])
	for i := range c.batches[0] {
		b.AppendRow([]table.Value{table.LongValue(int64(i))})
	}
	c.batches = c.batches[1:]
	return b, nil
}

type one struct{ *canned }

func (o one) Workspace(id string) (Runner, error) {
	if id != "w" {
		return nil, fault.New(fault.NotFound, "there is no workspace %q", id)
	}
	return o, nil
}

func (o one) Query(context.Context, query.Request) (*query.Answer, error) {
	return &query.Answer{Tables: []query.Table{{Name: "T", Rows: o.canned}}}, nil
}

func ask(t *testing.T, c *canned) *httptest.ResponseRecorder {
	t.Helper()
	c.schema, c.closed = table.Schema{{Name: "x", Type: table.Long}}, new(bool)
	f := &Face{Workspaces: one{c}, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}
	rec := httptest.NewRecorder()
	f.ServeQuery(rec, httptest.NewRequest("POST", "/", strings.NewReader(`{"query":"T"}`)), "w")
	return rec
}

// What fails before the first row is an error; what fails after it is an answer
// with an error in it, whose rows stand.
func TestPartialAnswers(t *testing.T) {
	f := func(batches []int, err error, status, rows int, code, message string) {
		t.Helper()
		rec := ask(t, &canned{batches: batches, err: err})
		var body struct {
			Tables []struct{ Rows [][]any }
			Error  *struct {
				Code, Message string
				Details       []struct{ Message string }
			}
		}
		if e := json.Unmarshal(rec.Body.Bytes(), &body); e != nil {
			t.Fatalf("%v: %s", e, rec.Body)
		}
		got, text := 0, ""
		if len(body.Tables) > 0 {
			got = len(body.Tables[0].Rows)
		}
		if body.Error != nil {
			text = body.Error.Message
			for _, d := range body.Error.Details {
				text += " " + d.Message
			}
		}
		if rec.Code != status || got != rows || (body.Error == nil) != (code == "") || body.Error != nil && body.Error.Code != code || !strings.Contains(text, message) {
			t.Errorf("%d rows, %d %s", got, rec.Code, rec.Body.String()[:min(rec.Body.Len(), 300)])
		}
	}
	f(nil, nil, 200, 0, "", "")
	f([]int{3, 2}, nil, 200, 5, "", "")
	f([]int{20_000, 20_000}, nil, 200, 40_000, "", "")
	f(nil, fault.New(fault.Limit, "too much"), 400, 0, "BadArgumentError", "more than it may")
	f([]int{3}, fault.New(fault.Limit, "too much"), 200, 3, "PartialError", "too much")
	f([]int{3}, errors.New("secret"), 200, 3, "PartialError", "an internal error")
	f(nil, errors.New("secret"), 500, 0, "InternalServerError", "server's log")
	f([]int{3}, context.DeadlineExceeded, 200, 3, "PartialError", "longer than it may")
	f(nil, context.DeadlineExceeded, 504, 0, "GatewayTimeout", "longer than it may")
	f(nil, fault.New(fault.Unavailable, "closing"), 503, 0, "ServiceUnavailable", "closing")
	f(nil, fault.New(fault.Denied, "not yours"), 403, 0, "InsufficientAccessError", "not yours")
}

func TestPrefer(t *testing.T) {
	f := func(header string, want prefer) {
		t.Helper()
		if got := parsePrefer(header); got != want {
			t.Errorf("%q: %+v", header, got)
		}
	}
	f("", prefer{wait: 180})
	f("wait=10", prefer{wait: 10})
	f(" Include-Statistics=TRUE , wait = 20,include-render=true,ai.response-thinning=false", prefer{wait: 20, statistics: true, render: true})
	f("wait=99999", prefer{wait: 600})
	f("wait=-1,wait=x,include-render=false,,=", prefer{wait: 180})
}
