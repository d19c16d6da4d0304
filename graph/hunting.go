package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/odata"
	"sextant/query"
	"sextant/store"
	"sextant/table"
)

const (
	huntRows = 100_000
	huntTime = 3 * time.Minute
)

func hunt(path string, do func(context.Context, *Call) (*Reply, error)) Operation {
	permissions := []string{"ThreatHunting.Read.All"}
	return Operation{Method: http.MethodPost, Path: path, Report: access.Security, Delegated: permissions, Application: permissions, Do: do}
}

// huntTypes are the types of columns as answers name them.
func huntType(t table.Type) string {
	switch t {
	case table.Int:
		return "Int32"
	case table.Long:
		return "Int64"
	case table.Real:
		return "Double"
	case table.Bool:
		return "SByte"
	case table.DateTime:
		return "DateTime"
	case table.Guid:
		return "Guid"
	case table.TimeSpan:
		return "TimeSpan"
	case table.Dynamic:
		return "Object"
	case table.Decimal:
		return "SqlDecimal"
	}
	return "String"
}

// hunt runs a query in KQL over the tables that who asks may read.
func (f *Face) hunt(ctx context.Context, c *Call) (reply *Reply, err error) {
	kql, span, err := huntBody(c.Body)
	if err != nil {
		return nil, err
	}
	req := query.Request{Text: kql, By: c.by(), Now: f.now(), MaxRows: huntRows, Workspace: c.Tenant.Workspace}
	if req.From, req.To, err = timespan(span, req.Now); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, huntTime)
	defer cancel()
	asked := &Hunted{Request: c.Request, At: f.o.Clock(), Text: kql, From: req.From, To: req.To, App: clean(c.Header.Get("x-ms-app"))}
	if f.o.Hunted != nil {
		defer func() {
			asked.Took = f.o.Clock().Sub(asked.At)
			asked.Status = http.StatusOK
			if err != nil {
				asked.Status = f.problemOf(ctx, err).Status
			}
			f.o.Hunted(c.Who, c.Tenant, *asked)
		}()
	}
	sees := f.o.Policy.Tables(c.Who, c.Tenant.ID, c.Tenant.Licences, access.Graph)
	req.View = func(snap store.Snapshot) store.Snapshot { return query.Visible(snap, sees) }
	a, err := f.o.Engine.Run(ctx, c.Tenant.Store, req)
	if err != nil {
		return nil, huntProblem(kql, err)
	}
	out, rows, err := huntAnswer(ctx, c, a)
	asked.Rows = rows
	if err = errors.Join(err, a.Close()); err != nil {
		return nil, huntProblem(kql, err)
	}
	return &Reply{Body: out}, nil
}

// huntBody of a request: names are found whatever their case.
func huntBody(body []byte) (kql, span string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return "", "", badJSON("it should be an object with a Query")
	}
	for name, raw := range members {
		into := map[string]*string{"query": &kql, "timespan": &span}[strings.ToLower(name)]
		if into == nil || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return "", "", BadRequest("%s must be a text.", name)
		}
	}
	if strings.TrimSpace(kql) == "" {
		return "", "", BadRequest("The request has no Query.")
	}
	return kql, span, nil
}

// timespan of ISO 8601: a duration up to now, or two of start, end and duration with
// a slash between them.
func timespan(s string, now int64) (from, to int64, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, 0, nil
	}
	bad := BadRequest("'%s' is no timespan; P7D, 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z, and P1D/2026-01-02T00:00:00Z are.", clean(s))
	left, right, two := strings.Cut(s, "/")
	length, isLength := odata.ParseDuration(left)
	if !two {
		if !isLength || length <= 0 {
			return 0, 0, bad
		}
		return now - length, now, nil
	}
	end, endIsTime := odata.ParseTime(right)
	if isLength && endIsTime {
		return end - length, end, nil
	}
	start, startIsTime := odata.ParseTime(left)
	if !startIsTime {
		return 0, 0, bad
	}
	if endIsTime && end > start {
		return start, end, nil
	}
	if length, ok := odata.ParseDuration(right); ok && length > 0 {
		return start, start + length, nil
	}
	return 0, 0, bad
}

// huntProblem says what is wrong with a query, and where.
func huntProblem(kql string, err error) error {
	var ds fault.Diagnostics
	if errors.As(err, &ds) {
		var texts []string
		for _, d := range ds {
			if d.Severity != fault.Bad {
				continue
			}
			line, column := fault.Position(kql, d.Span.Start)
			text := fmt.Sprintf("%s (line %d, column %d)", d.Text, line, column)
			for _, n := range d.Notes {
				text += "; " + n
			}
			texts = append(texts, text)
		}
		return BadRequest("%s", strings.Join(texts, "\n"))
	}
	return err
}

// huntAnswer writes the primary result, and says how many rows it has.
func huntAnswer(ctx context.Context, c *Call, a *query.Answer) (body []byte, n int64, err error) {
	out := append([]byte(nil), `{"@odata.context":`...)
	out = appendText(out, []byte(c.Context(odataName("security.huntingQueryResults"))))
	out = append(out, `,"schema":[`...)
	if len(a.Tables) == 0 {
		return append(out, `],"results":[]}`...), 0, nil
	}
	rows := a.Tables[0].Rows
	schema := rows.Schema()
	names := make([][]byte, len(schema))
	for i, col := range schema {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"name":`...)
		out = appendText(out, []byte(col.Name))
		out = append(out, `,"type":"`...)
		out = append(out, huntType(col.Type)...)
		out = append(out, `"}`...)
		names[i] = append(appendText(nil, []byte(col.Name)), ':')
	}
	out = append(out, `],"results":[`...)
	first := true
	for {
		b, err := rows.Next(ctx)
		if err != nil {
			return nil, n, err
		}
		if b == nil {
			return append(out, "]}"...), n, nil
		}
		n += int64(b.Rows)
		for i := range b.Rows {
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(out, '{')
			for j := range schema {
				if j > 0 {
					out = append(out, ',')
				}
				out = append(out, names[j]...)
				out = appendValue(out, b.Cols[j].At(i))
			}
			out = append(out, '}')
		}
	}
}

// appendValue of a column as JSON.
func appendValue(dst []byte, v table.Value) []byte {
	if v.IsNull() {
		return append(dst, nullText...)
	}
	switch v.Type() {
	case table.Bool:
		if v.Bool() {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case table.Int, table.Long:
		return append(dst, v.Text()...)
	case table.Real:
		if n := v.Float64(); math.IsNaN(n) || math.IsInf(n, 0) {
			return appendText(dst, []byte(v.Text()))
		}
		return append(dst, table.FormatReal(v.Float64(), false)...)
	case table.Dynamic:
		return append(dst, v.JSON()...)
	case table.DateTime:
		return appendText(dst, []byte(stamp(v.Int64())))
	}
	return appendText(dst, []byte(v.Text()))
}
