package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/apd/v3"

	"sextant/chart"
	"sextant/client"
	"sextant/fault"
	"sextant/kql/fn"
	"sextant/query"
	"sextant/store"
	"sextant/table"
)

// result of a query, wherever it ran: the primary table, read once.
type result struct {
	schema table.Schema
	next   func() (*table.Batch, error) // nil, nil at the end
	chart  chart.Ask                    // what render asked for
	notes  fault.Diagnostics            // warnings, where the query ran here
	close  func() error
}

func localResult(ctx context.Context, a *query.Answer) *result {
	r := &result{close: a.Close, next: func() (*table.Batch, error) { return nil, nil }}
	for _, d := range a.Notes {
		if d.Severity == fault.Warning {
			r.notes = append(r.notes, d)
		}
	}
	if a.Render != nil {
		r.chart = chart.Ask{Chart: a.Render.Chart, Props: a.Render.Props}
	}
	if len(a.Tables) > 0 {
		var rows store.Reader = a.Tables[0].Rows
		r.schema = rows.Schema()
		r.next = func() (*table.Batch, error) { return rows.Next(ctx) }
	}
	return r
}

// askOf the properties that a server names; those that are not set are null.
func askOf(render map[string]any) chart.Ask {
	a := chart.Ask{Props: map[string]string{}}
	for name, v := range render {
		text, ok := v.(string)
		switch {
		case !ok || text == "":
		case name == "visualization":
			a.Chart = text
		default:
			a.Props[name] = text
		}
	}
	return a
}

func remoteResult(q *client.Query) (*result, error) {
	r := &result{close: func() error { return nil }, next: func() (*table.Batch, error) { return nil, nil }}
	r.chart = askOf(q.Render)
	if len(q.Tables) == 0 {
		return r, nil
	}
	t := q.Tables[0]
	for _, c := range t.Columns {
		typ, ok := table.ParseType(c.Type)
		if !ok {
			return nil, fault.New(fault.Unavailable, "the server names a type %q that this program does not know", c.Type)
		}
		r.schema = append(r.schema, table.Column{Name: c.Name, Type: typ})
	}
	at := 0
	r.next = func() (*table.Batch, error) {
		if at == len(t.Rows) {
			if q.Error != nil {
				text := q.Error.Message
				for _, d := range q.Error.Details {
					text = d.Message
				}
				return nil, fault.New(fault.Limit, "the answer is incomplete: %s", text)
			}
			return nil, nil
		}
		b := table.NewBatch(r.schema, table.BatchRows)
		row := make([]table.Value, len(r.schema))
		for ; at < len(t.Rows) && b.Rows < table.BatchRows; at++ {
			for i := range row {
				v, err := parseCell(t.Rows[at][i], r.schema[i].Type)
				if err != nil {
					return nil, fmt.Errorf("row %d, column %s: %w", at+1, r.schema[i].Name, err)
				}
				row[i] = v
			}
			b.AppendRow(row)
		}
		return b, nil
	}
	return r, nil
}

// parseCell reads what loganalytics.AppendCell writes.
func parseCell(raw json.RawMessage, t table.Type) (table.Value, error) {
	if string(raw) == "null" {
		return table.Null(t), nil
	}
	var text string
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return table.Value{}, err
		}
	} else {
		text = string(raw)
	}
	bad := func() (table.Value, error) {
		return table.Value{}, fault.New(fault.Unavailable, "%q is no %s", text, t)
	}
	switch t {
	case table.Bool:
		return table.BoolValue(text == "true"), nil
	case table.Int, table.Long:
		n, err := json.Number(text).Int64()
		if err != nil {
			return bad()
		}
		if t == table.Int {
			return table.IntValue(n), nil
		}
		return table.LongValue(n), nil
	case table.Real:
		switch text {
		case "NaN":
			return table.RealValue(math.NaN()), nil
		case "Infinity":
			return table.RealValue(math.Inf(1)), nil
		case "-Infinity":
			return table.RealValue(math.Inf(-1)), nil
		}
		f, err := json.Number(text).Float64()
		if err != nil {
			return bad()
		}
		return table.RealValue(f), nil
	case table.Decimal:
		d, _, err := apd.NewFromString(text)
		if err != nil {
			return bad()
		}
		return table.DecimalValue(d), nil
	case table.DateTime:
		n, ok := fn.ParseDateTime(text)
		if !ok {
			return bad()
		}
		return table.DateTimeValue(n), nil
	case table.TimeSpan:
		n, ok := fn.ParseTimeSpan(text)
		if !ok {
			return bad()
		}
		return table.TimeSpanValue(n), nil
	case table.Guid:
		return table.GuidValue(text), nil
	case table.Dynamic:
		return table.DynamicText(text), nil
	}
	return table.StringValue(text), nil
}

// each calls f with each row, and closes the result.
func (r *result) each(f func(row []table.Value)) error {
	return r.rows(func(row []table.Value) error {
		f(row)
		return nil
	})
}

// rows calls f with each row, and closes the result.
func (r *result) rows(f func(row []table.Value) error) error {
	var row []table.Value
	for {
		b, err := r.next()
		if err != nil {
			return errors.Join(err, r.close())
		}
		if b == nil {
			return r.close()
		}
		for i := range b.Rows {
			row = b.Row(i, row)
			if err := f(row); err != nil {
				return errors.Join(err, r.close())
			}
		}
	}
}
