package loganalytics

import (
	"strconv"

	"sextant/table"
)

// Frames of version 2. A client of Microsoft reads them strictly: the order of the
// keys, and, where newlines are asked for, one frame a line.

var propertiesSchema = table.Schema{{Name: "TableId", Type: table.Int}, {Name: "Key", Type: table.String}, {Name: "Value", Type: table.Dynamic}}

var completionSchema = table.Schema{
	{Name: "Timestamp", Type: table.DateTime}, {Name: "ClientRequestId", Type: table.String}, {Name: "ActivityId", Type: table.Guid},
	{Name: "SubActivityId", Type: table.Guid}, {Name: "ParentActivityId", Type: table.Guid}, {Name: "Level", Type: table.Int}, {Name: "LevelName", Type: table.String},
	{Name: "StatusCode", Type: table.Int}, {Name: "StatusCodeName", Type: table.String}, {Name: "EventType", Type: table.Int}, {Name: "EventTypeName", Type: table.String},
	{Name: "Payload", Type: table.String},
}

var placements = map[string]string{"in_data": "InData", "end_of_table": "EndOfTable", "end_of_dataset": "EndOfDataset"}

func (o *kustoOut) frames() {
	opts := o.a.opts
	placement := opts.placement
	if placement == "" {
		placement = "in_data"
	}
	fragments := opts.fragments || opts.progressive
	o.text(`[{"FrameType":"DataSetHeader","IsProgressive":` + strconv.FormatBool(opts.progressive) + `,"Version":"v2.0","IsFragmented":` + strconv.FormatBool(fragments) +
		`,"ErrorReportingPlacement":"` + placements[placement] + `"}`)
	o.frame()
	o.head("DataTable", 0, "QueryProperties", "@ExtendedProperties", propertiesSchema)
	o.text(`,"Rows":[`)
	for i := range o.answer.Tables {
		if i > 0 {
			o.text(",")
		}
		render := o.answer.Render
		if i > 0 {
			render = nil
		}
		// The value is a text of JSON inside the JSON of a dynamic.
		o.text(`[` + strconv.Itoa(i+1) + `,"Visualization",`)
		o.buf = table.AppendQuoted(o.buf, visualization(render))
		o.text(`]`)
	}
	o.text(`]}`)
	for i := range o.answer.Tables {
		o.frame()
		if fragments {
			o.fragmented(i, placement)
		} else {
			o.whole(i, placement)
		}
	}
	o.frame()
	o.completion(len(o.answer.Tables) + 1)
	o.frame()
	o.text(`{"FrameType":"DataSetCompletion","HasErrors":` + strconv.FormatBool(o.failed != nil) + `,"Cancelled":false`)
	if o.failed != nil && placement == "end_of_dataset" {
		o.text(`,"OneApiErrors":[`)
		o.buf = append(o.buf, o.oneAPI()...)
		o.text(`]`)
	}
	o.text("}")
	if opts.newlines {
		o.text("\n")
	}
	o.text("]\n")
}

// frame begins the next one.
func (o *kustoOut) frame() {
	if o.a.opts.newlines {
		o.text("\n")
	}
	o.text(",")
}

// head of a frame that begins a table, up to its columns.
func (o *kustoOut) head(frame string, id int, kind, name string, s table.Schema) {
	o.text(`{"FrameType":"` + frame + `","TableId":` + strconv.Itoa(id) + `,"TableKind":"` + kind + `","TableName":`)
	o.buf = table.AppendQuoted(o.buf, name)
	o.text(`,"Columns":`)
	o.columns(s, 2)
}

// whole result in one frame.
func (o *kustoOut) whole(i int, placement string) {
	t := &o.answer.Tables[i]
	o.head("DataTable", i+1, "PrimaryResult", t.Name, t.Rows.Schema())
	o.text(`,"Rows":[`)
	before, some := o.failed, false
	o.batches(t, func(b *table.Batch) {
		o.values(b, some)
		some = some || b.Rows > 0
		o.flush()
	})
	if o.failed != nil && before == nil && placement == "in_data" {
		if some {
			o.text(",")
		}
		o.text(`{"OneApiErrors":[`)
		o.buf = append(o.buf, o.oneAPI()...)
		o.text(`]}`)
	}
	o.text(`]`)
	if o.failed != nil && before == nil && placement == "end_of_table" {
		o.text(`,"OneApiErrors":[`)
		o.buf = append(o.buf, o.oneAPI()...)
		o.text(`]`)
	}
	o.text(`}`)
}

// fragmented result: its head, its rows as they come, its end.
func (o *kustoOut) fragmented(i int, placement string) {
	t := &o.answer.Tables[i]
	id := strconv.Itoa(i + 1)
	o.head("TableHeader", i+1, "PrimaryResult", t.Name, t.Rows.Schema())
	o.text(`}`)
	before := o.failed
	rows := o.batches(t, func(b *table.Batch) {
		if b.Rows == 0 {
			return
		}
		o.frame()
		o.text(`{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":` + id + `,"Rows":[`)
		o.values(b, false)
		o.text(`]}`)
		o.flush()
	})
	if o.failed != nil && before == nil && placement == "in_data" {
		o.frame()
		o.text(`{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":` + id + `,"Rows":[{"OneApiErrors":[`)
		o.buf = append(o.buf, o.oneAPI()...)
		o.text(`]}]}`)
	}
	if o.a.opts.progressive {
		o.frame()
		o.text(`{"FrameType":"TableProgress","TableId":` + id + `,"TableProgress":100.0}`)
	}
	o.frame()
	o.text(`{"FrameType":"TableCompletion","TableId":` + id + `,"RowCount":` + strconv.FormatInt(rows, 10))
	if o.failed != nil && before == nil && placement == "end_of_table" {
		o.text(`,"OneApiErrors":[`)
		o.buf = append(o.buf, o.oneAPI()...)
		o.text(`]`)
	}
	o.text(`}`)
}

// completion says how it went. What failed is in the frame of its placement; a row
// of level 2 would make clients throw the rows away.
func (o *kustoOut) completion(id int) {
	o.head("DataTable", id, "QueryCompletionInformation", "QueryCompletionInformation", completionSchema)
	o.text(`,"Rows":[`)
	row := func(level int, levelName string, event int, eventName, payload string) {
		o.text(`["` + o.k.Clock().UTC().Format("2006-01-02T15:04:05.0000000Z") + `",`)
		o.buf = table.AppendQuoted(o.buf, o.a.client)
		for range 3 {
			o.text(`,"` + o.a.activity + `"`)
		}
		o.text(`,` + strconv.Itoa(level) + `,"` + levelName + `",0,"S_OK (0)",` + strconv.Itoa(event) + `,"` + eventName + `",`)
		o.buf = table.AppendQuoted(o.buf, payload)
		o.text(`]`)
	}
	if o.failed == nil {
		row(4, "Info", 4, "QueryInfo", `{"Count":1,"Text":"Query completed successfully"}`)
	} else {
		row(4, "Info", 4, "QueryInfo", `{"Count":1,"Text":"Query completed with errors"}`)
	}
	o.text(`,`)
	row(6, "Stats", 0, "QueryResourceConsumption", o.resources())
	o.text(`]}`)
}
