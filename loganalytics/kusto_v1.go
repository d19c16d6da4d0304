package loganalytics

import (
	"strconv"

	"sextant/table"
)

var statusSchema = table.Schema{
	{Name: "Timestamp", Type: table.DateTime}, {Name: "Severity", Type: table.Int}, {Name: "SeverityName", Type: table.String}, {Name: "StatusCode", Type: table.Int},
	{Name: "StatusDescription", Type: table.String}, {Name: "Count", Type: table.Int}, {Name: "RequestId", Type: table.Guid}, {Name: "ActivityId", Type: table.Guid},
	{Name: "SubActivityId", Type: table.Guid}, {Name: "ClientActivityId", Type: table.String},
}

var contentsSchema = table.Schema{
	{Name: "Ordinal", Type: table.Long}, {Name: "Kind", Type: table.String}, {Name: "Name", Type: table.String}, {Name: "Id", Type: table.String}, {Name: "PrettyName", Type: table.String},
}

// noGUID is Kusto's id of what has none.
const noGUID = "00000000-0000-0000-0000-000000000000"

// open a table of version 1, up to its rows.
func (o *kustoOut) open(name string, s table.Schema) {
	o.text(`{"TableName":`)
	o.buf = table.AppendQuoted(o.buf, name)
	o.text(`,"Columns":`)
	o.columns(s, 1)
	o.text(`,"Rows":[`)
}

// tables of version 1: the results, their properties, how it went, and last what
// the tables are.
func (o *kustoOut) tables() {
	o.text(`{"Tables":[`)
	for i := range o.answer.Tables {
		t := &o.answer.Tables[i]
		o.open("Table_"+strconv.Itoa(i), t.Rows.Schema())
		some := false
		o.batches(t, func(b *table.Batch) {
			o.values(b, some)
			some = some || b.Rows > 0
			o.flush()
		})
		o.text(`]},`)
	}
	n := len(o.answer.Tables)
	o.open("Table_"+strconv.Itoa(n), table.Schema{{Name: "Value", Type: table.String}})
	for i := range o.answer.Tables {
		if i > 0 {
			o.text(",")
		}
		render := o.answer.Render
		if i > 0 {
			render = nil
		}
		o.text("[")
		o.buf = table.AppendQuoted(o.buf, visualization(render))
		o.text("]")
	}
	o.text(`]},`)
	o.open("Table_"+strconv.Itoa(n+1), statusSchema)
	status := func(severity int, name, description string) {
		o.text(`["` + o.k.Clock().UTC().Format("2006-01-02T15:04:05.0000000Z") + `",` + strconv.Itoa(severity) + `,"` + name + `",0,`)
		o.buf = table.AppendQuoted(o.buf, description)
		o.text(`,1`)
		for range 3 {
			o.text(`,"` + o.a.activity + `"`)
		}
		o.text(`,`)
		o.buf = table.AppendQuoted(o.buf, o.a.client)
		o.text(`]`)
	}
	if o.failed == nil {
		status(4, "Info", "Query completed successfully")
	} else {
		status(4, "Info", "Query completed with errors")
	}
	o.text(",")
	status(6, "Stats", o.resources())
	o.text(`]},`)
	o.open("Table_"+strconv.Itoa(n+2), contentsSchema)
	for i := range n + 2 {
		kind, name := "QueryResult", "PrimaryResult"
		switch {
		case i < n:
			name = o.answer.Tables[i].Name
		case i == n:
			kind, name = "QueryProperties", "@ExtendedProperties"
		default:
			kind, name = "QueryStatus", "QueryStatus"
		}
		if i > 0 {
			o.text(",")
		}
		o.text(`[` + strconv.Itoa(i) + `,"` + kind + `",`)
		o.buf = table.AppendQuoted(o.buf, name)
		o.text(`,"` + noGUID + `",""]`)
	}
	o.text(`]}]`)
	if o.failed != nil {
		o.text(`,"Exceptions":[`)
		o.buf = table.AppendQuoted(o.buf, publicText(o.failed))
		o.text(`]`)
	}
	o.text("}\n")
}
