// Package loganalytics is the Log Analytics face: the query API as the Azure
// Monitor client libraries and the portal use it.
//
// Source: the requests and answers of Microsoft's Go, JavaScript and Python
// clients as observed; error codes from its documentation.
package loganalytics

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// Workspaces finds a workspace by its id, its name, or its tenant.
type Workspaces interface {
	// Workspace gives who answers its queries, comparable and the same for the same
	// workspace; fault.NotFound where there is none.
	Workspace(id string) (Runner, error)
}

// Runner answers queries over one workspace.
type Runner interface {
	Query(ctx context.Context, req query.Request) (*query.Answer, error)
}

// Face answers the query API. Workspaces that are also Places can be listed, looked
// at, and asked together.
type Face struct {
	Workspaces Workspaces
	Clock      func() time.Time
	Logger     *slog.Logger
	Gate       *Gate // nil lets any number of queries run
}

// Waits of a query, in seconds: when Prefer does not say, and at most.
const (
	defaultWait = 180
	maxWait     = 600
)

// request body of a query.
type request struct {
	Query      string   `json:"query"`
	Timespan   string   `json:"timespan"`
	Workspaces []string `json:"workspaces"`
}

// prefer header, as far as we act on it.
type prefer struct {
	wait               int
	statistics, render bool
}

func parsePrefer(h string) prefer {
	p := prefer{wait: defaultWait}
	for part := range strings.SplitSeq(h, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "wait":
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				p.wait = min(n, maxWait)
			}
		case "include-statistics":
			p.statistics = strings.EqualFold(value, "true")
		case "include-render":
			p.render = strings.EqualFold(value, "true")
		}
	}
	return p
}

// maxBody of a request, in bytes.
const maxBody = 8 << 20

// ServeQuery answers GET and POST of /v1/workspaces/{id}/query.
func (f *Face) ServeQuery(w http.ResponseWriter, r *http.Request, workspace string) {
	a := newAsking(f.Workspaces, w, r, f.Clock, workspace)
	defer a.done()
	f.serveQuery(a, r, workspace)
}

func (f *Face) serveQuery(w *asking, r *http.Request, workspace string) {
	var req request
	switch r.Method {
	case http.MethodGet:
		req.Query, req.Timespan = r.URL.Query().Get("query"), r.URL.Query().Get("timespan")
	default:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			f.Fail(w, r, fault.New(fault.Invalid, "the request's body could not be read; it may have %d bytes: %w", maxBody, err), "")
			return
		}
		if err := json.Unmarshal(body, &req); err != nil {
			f.Fail(w, r, fault.New(fault.Invalid, "the request's body is not the JSON object that it should be: %s", jsonReason(err)), "")
			return
		}
	}
	run, err := f.Workspaces.Workspace(workspace)
	w.run, w.Text = run, req.Query
	if err != nil {
		f.Fail(w, r, err, "")
		return
	}
	if strings.TrimSpace(req.Query) == "" {
		f.Fail(w, r, fault.New(fault.Invalid, "the request has no query"), "")
		return
	}
	if run, err = f.with(run, req.Workspaces); err != nil {
		f.Fail(w, r, err, "")
		return
	}
	w.run = run
	p := parsePrefer(strings.Join(r.Header.Values("Prefer"), ","))
	now := f.Clock()
	q := query.Request{Text: req.Query}
	if q.From, q.To, err = ParseTimespan(req.Timespan, now); err != nil {
		f.Fail(w, r, err, "")
		return
	}
	w.From, w.To = q.From, q.To
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(p.wait)*time.Second)
	defer cancel()
	leave, err := f.Gate.enter(ctx)
	if err != nil {
		f.Fail(w, r, err, req.Query)
		return
	}
	defer leave()
	answer, err := run.Query(ctx, q)
	if err != nil {
		f.Fail(w, r, err, req.Query)
		return
	}
	defer func() {
		if err := answer.Close(); err != nil {
			f.Logger.Error("an answer could not be closed", "reason", err)
		}
	}()
	f.write(ctx, w, r, answer, p, req.Query, now)
}

// with other workspaces, which a query may name besides that of its path.
func (f *Face) with(run Runner, others []string) (Runner, error) {
	all := []Runner{run}
	for _, id := range others {
		also, err := f.Workspaces.Workspace(id)
		if err != nil {
			// An answer over fewer workspaces than were asked for would look right.
			return nil, fault.New(fault.Invalid, "the query names a workspace that is not there: %w", err)
		}
		if !slices.Contains(all, also) {
			all = append(all, also)
		}
	}
	if len(all) == 1 {
		return run, nil
	}
	places, ok := f.Workspaces.(Places)
	if !ok {
		return nil, fault.New(fault.Invalid, "a query asks one workspace here; %s are others than that of the path", strings.Join(others, ", "))
	}
	return places.Together(all), nil
}

// maxAnswer of one query, in bytes as they go out.
const maxAnswer = 100 << 20

// write an answer as it comes. What fails after the first byte becomes the
// answer's error member: the rows before it stand.
func (f *Face) write(ctx context.Context, w *asking, r *http.Request, a *query.Answer, p prefer, text string, began time.Time) {
	// The first batch decides between an error status and an answer.
	var first *table.Batch
	if len(a.Tables) > 0 {
		var err error
		if first, err = a.Tables[0].Rows.Next(ctx); err != nil {
			f.Fail(w, r, err, text)
			return
		}
	}
	echo(w, r)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	var failed error
	rows, bytes := int64(0), int64(0)
	defer func() { w.Rows = rows }()
	buf := append(make([]byte, 0, 64<<10), `{"tables":[`...)
	for i, t := range a.Tables {
		if i > 0 {
			buf = append(buf, ',')
		}
		name := t.Name
		if i == 0 {
			name = "PrimaryResult" // whatever the query calls it: clients look for this
		}
		buf = appendHead(buf, name, t.Rows.Schema())
		n := 0
		for failed == nil {
			b := first
			if first = nil; b == nil {
				var err error
				if b, err = t.Rows.Next(ctx); err != nil {
					failed = err
					break
				}
			}
			if b == nil {
				break
			}
			for row := range b.Rows {
				if failed != nil {
					break
				}
				if n > 0 {
					buf = append(buf, ',')
				}
				n++
				buf = append(buf, '[')
				for c := range b.Cols {
					if c > 0 {
						buf = append(buf, ',')
					}
					buf = AppendCell(buf, b.Cols[c].At(row))
				}
				buf = append(buf, ']')
				if len(buf) > 48<<10 {
					if bytes += int64(len(buf)); bytes > maxAnswer {
						failed = errTooLarge
					}
					if _, err := out.Write(buf); err != nil {
						return // the client is gone
					}
					buf = buf[:0]
				}
			}
			rows += int64(b.Rows)
		}
		buf = append(buf, `]}`...)
	}
	bytes += int64(len(buf))
	buf = append(buf, ']')
	if p.statistics {
		buf = append(buf, `,"statistics":`...)
		buf = appendJSON(buf, map[string]any{"query": map[string]any{
			"executionTime":     f.Clock().Sub(began).Seconds(),
			"datasetStatistics": []any{map[string]any{"tableRowCount": rows, "tableSize": bytes}},
		}})
	}
	if p.render {
		buf = append(buf, `,"render":`...)
		buf = appendJSON(buf, renderOf(a.Render))
	}
	if failed != nil {
		f.Logger.Info("an answer ended early", "reason", failed)
		buf = append(buf, `,"error":`...)
		buf = appendJSON(buf, map[string]any{
			"code": "PartialError", "message": "There were some errors when processing your query.",
			"details": []any{detailOf(failed)},
		})
	}
	buf = append(buf, '}')
	_, _ = out.Write(buf) // a client that went away is no fault of ours
}

func appendHead(buf []byte, name string, schema table.Schema) []byte {
	buf = append(buf, `{"name":`...)
	buf = table.AppendQuoted(buf, name)
	buf = append(buf, `,"columns":[`...)
	for i, c := range schema {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, `{"name":`...)
		buf = table.AppendQuoted(buf, c.Name)
		buf = append(buf, `,"type":"`...)
		buf = append(buf, c.Type.String()...)
		buf = append(buf, `"}`...)
	}
	return append(buf, `],"rows":[`...)
}

func appendJSON(buf []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("loganalytics: " + err.Error()) // maps and texts of our own
	}
	return append(buf, b...)
}

// AppendCell writes a value the way the query API does: dynamic and decimal as
// text, the null of a string as "".
func AppendCell(b []byte, v table.Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	switch v.Type() {
	case table.Bool:
		return strconv.AppendBool(b, v.Bool())
	case table.Int, table.Long:
		return strconv.AppendInt(b, v.Int64(), 10)
	case table.Real:
		f := v.Float64()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return table.AppendQuoted(b, table.FormatReal(f, false))
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case table.DateTime:
		return table.AppendQuoted(b, trimTime(table.FormatDateTime(v.Int64())))
	case table.Dynamic:
		return table.AppendQuoted(b, v.JSON())
	}
	return table.AppendQuoted(b, v.Text())
}

// trimTime drops trailing zeros of the fraction, as the service does.
func trimTime(s string) string {
	s = strings.TrimRight(strings.TrimSuffix(s, "Z"), "0")
	return strings.TrimSuffix(s, ".") + "Z"
}

func renderOf(r *query.Render) map[string]any {
	out := map[string]any{
		"visualization": "table", "title": nil, "accumulate": false, "isQuerySorted": false, "kind": nil, "legend": nil, "series": nil,
		"yMin": "NaN", "yMax": "NaN", "xAxis": nil, "xColumn": nil, "xTitle": nil, "yAxis": nil, "yColumns": nil, "ySplit": nil, "yTitle": nil, "anomalyColumns": nil,
	}
	if r == nil {
		return out
	}
	out["visualization"] = r.Chart
	for name := range out {
		for k, v := range r.Props {
			if strings.EqualFold(k, name) && k != "visualization" {
				out[name] = v
			}
		}
	}
	return out
}

// errTooLarge ends an answer that nobody could hold.
var errTooLarge = fault.New(fault.Limit, "the answer is larger than %d MB; summarize, take fewer rows or project fewer columns", maxAnswer>>20)

// detailOf what ended an answer: where it was found, and why.
func detailOf(err error) apiError {
	_, body := describe(err, "")
	inner := &apiError{Code: body.Code, Message: publicText(err)}
	if body.Inner != nil {
		inner.Code = body.Inner.Code
	}
	out := apiError{Code: "EngineError", Message: inner.Message, Inner: inner}
	if errors.Is(err, errTooLarge) {
		out.Code = "ResponsePayloadTooLarge"
	}
	return out
}

// publicText of an error: what the user did, never what went on inside.
func publicText(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return tooLong
	}
	if fault.KindOf(err) == fault.Internal {
		return "an internal error"
	}
	return err.Error()
}
