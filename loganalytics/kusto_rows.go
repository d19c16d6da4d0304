package loganalytics

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// kustoOut writes one answer. What fails after the first byte is reported inside
// the answer; the rows before it stand.
type kustoOut struct {
	w      http.ResponseWriter
	ctx    context.Context
	k      *Kusto
	a      *kustoAsk
	answer *query.Answer
	first  *table.Batch
	buf    []byte
	gone   bool  // the client
	failed error // what ended the rows
	rows   int64 // of all results
	bytes  int64

	maxBytes int64 // 0 is any number
}

// flush what is written to the client.
func (o *kustoOut) flush() {
	o.bytes += int64(len(o.buf))
	if len(o.buf) > 0 && !o.gone {
		if _, err := o.w.Write(o.buf); err != nil {
			o.gone = true
		}
	}
	o.buf = o.buf[:0]
}

func (o *kustoOut) text(s string) { o.buf = append(o.buf, s...) }

// next batch of a result, within the limits of the request; nil at its end or when
// the rows failed.
func (o *kustoOut) next(t *query.Table) *table.Batch {
	if o.failed != nil || o.gone {
		return nil
	}
	b := o.first
	if o.first = nil; b == nil {
		if b, o.failed = t.Rows.Next(o.ctx); o.failed != nil || b == nil {
			return nil
		}
	}
	return b
}

// batches gives every batch of a result to f.
func (o *kustoOut) batches(t *query.Table, f func(b *table.Batch)) (rows int64) {
	for b := o.next(t); b != nil; b = o.next(t) {
		f(b)
		rows += int64(b.Rows)
		if max := o.maxBytes; max > 0 && o.bytes+int64(len(o.buf)) > max {
			o.failed = fault.New(fault.Limit, "Query result set has exceeded the internal data size limit of %d bytes (E_QUERY_RESULT_SET_TOO_LARGE); summarize, take fewer rows, or set the option notruncation", max)
		}
	}
	o.rows += rows
	return rows
}

// values of a batch as rows, each in brackets, with commas between them; some says
// that there are rows before.
func (o *kustoOut) values(b *table.Batch, some bool) {
	for row := range b.Rows {
		if some || row > 0 {
			o.text(",")
		}
		o.text("[")
		for c := range b.Cols {
			if c > 0 {
				o.text(",")
			}
			o.buf = appendKusto(o.buf, b.Cols[c].At(row))
		}
		o.text("]")
	}
}

// appendKusto writes a value as Kusto does: dynamic as JSON, on one line.
func appendKusto(b []byte, v table.Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	switch v.Type() {
	case table.Dynamic:
		text := v.JSON()
		if !json.Valid([]byte(text)) { // a dynamic may be a text that was never JSON
			return table.AppendQuoted(b, text)
		}
		if strings.ContainsAny(text, "\r\n") {
			text = table.Compact(text)
		}
		return append(b, text...)
	case table.DateTime:
		return table.AppendQuoted(b, trimTime(table.FormatDateTime(v.Int64())))
	case table.Real:
		f := v.Float64()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return table.AppendQuoted(b, table.FormatReal(f, false))
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	return AppendCell(b, v)
}

// kinds of columns in version 1.
var dataTypes = map[table.Type]string{
	table.Bool: "SByte", table.Int: "Int32", table.Long: "Int64", table.Real: "Double", table.Decimal: "SqlDecimal", table.String: "String",
	table.DateTime: "DateTime", table.TimeSpan: "TimeSpan", table.Guid: "Guid", table.Dynamic: "Object",
}

// clrTypes are the names of Kusto's types in schemas.
var clrTypes = map[table.Type]string{
	table.Bool: "System.SByte", table.Int: "System.Int32", table.Long: "System.Int64", table.Real: "System.Double", table.Decimal: "System.Data.SqlTypes.SqlDecimal",
	table.String: "System.String", table.DateTime: "System.DateTime", table.TimeSpan: "System.TimeSpan", table.Guid: "System.Guid", table.Dynamic: "System.Object",
}

// columns of a table, in the words of version 1 or 2.
func (o *kustoOut) columns(s table.Schema, version int) {
	o.text(`[`)
	for i, c := range s {
		if i > 0 {
			o.text(",")
		}
		o.text(`{"ColumnName":`)
		o.buf = table.AppendQuoted(o.buf, c.Name)
		if version == 1 {
			o.text(`,"DataType":"` + dataTypes[c.Type] + `"`)
		}
		o.text(`,"ColumnType":"` + c.Type.String() + `"}`)
	}
	o.text(`]`)
}

// visualization of an answer, as the text of its JSON.
func visualization(r *query.Render) string {
	out := map[string]any{
		"Visualization": nil, "Title": nil, "XColumn": nil, "Series": nil, "YColumns": nil, "AnomalyColumns": nil, "XTitle": nil, "YTitle": nil, "XAxis": nil, "YAxis": nil,
		"Legend": nil, "YSplit": nil, "Accumulate": false, "IsQuerySorted": false, "Kind": nil, "Ymin": "NaN", "Ymax": "NaN", "Xmin": nil, "Xmax": nil,
	}
	if r != nil {
		out["Visualization"] = r.Chart
		for name := range out {
			for k, v := range r.Props {
				if strings.EqualFold(k, name) && name != "Visualization" {
					out[name] = v
				}
			}
		}
	}
	return string(appendJSON(nil, out))
}

// resources that the answer took, as the text of its JSON.
func (o *kustoOut) resources() string {
	return string(appendJSON(nil, map[string]any{
		"ExecutionTime":      o.k.Clock().Sub(o.a.began).Seconds(),
		"dataset_statistics": []any{map[string]any{"table_row_count": o.rows, "table_size": o.bytes}},
	}))
}

// oneAPI is an error inside an answer.
func (o *kustoOut) oneAPI() []byte {
	e := o.k.describe(o.a, o.failed)
	if fault.KindOf(o.failed) == fault.Internal {
		o.k.Logger.Error("an answer ended early", "reason", o.failed, "request", o.a.client)
	}
	if e.status < 500 {
		e.code, e.permanent = "LimitsExceeded", false
	}
	return appendJSON(nil, map[string]any{"error": e.body(o.k, o.a)})
}
