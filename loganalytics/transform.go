package loganalytics

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// transform is KQL over posted rows. What is posted is one column of JSON; the
// declared columns are cut from it by the language itself, so that a text becomes a
// number here exactly as tolong() makes it one.
type transform struct {
	columns []Column
	clock   func() time.Time
}

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// conversions of a field of a posted object into a column.
var conversions = map[table.Type]string{
	table.Bool: "tobool", table.Int: "toint", table.Long: "tolong", table.Real: "toreal", table.Decimal: "todecimal", table.String: "tostring",
	table.DateTime: "todatetime", table.TimeSpan: "totimespan", table.Guid: "toguid",
}

// sourceTable is what a transform calls the rows that came.
const sourceTable = "source"

const postedTable, postedColumn = "PostedRows", "posted"

// text of the whole query.
func (t *transform) text(kql string) (string, error) {
	if len(t.columns) == 0 {
		return "", fault.New(fault.Invalid, "the stream has no columns")
	}
	var b strings.Builder
	b.WriteString("let " + sourceTable + " = " + postedTable + " | project ")
	for i, c := range t.columns {
		typ, ok := table.ParseType(kqlType(c.Type))
		if !ok || !columnName.MatchString(c.Name) {
			return "", fault.New(fault.Invalid, "%s:%s is no column", c.Name, c.Type)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		field := postedColumn + `["` + c.Name + `"]`
		if f := conversions[typ]; f != "" {
			field = f + "(" + field + ")"
		}
		fmt.Fprintf(&b, "['%s'] = %s", c.Name, field)
	}
	if kql = strings.TrimSpace(kql); kql == "" {
		kql = sourceTable
	}
	return b.String() + ";\n" + kql, nil
}

// run over posted objects.
func (t *transform) run(ctx context.Context, kql string, objects []json.RawMessage) (*table.Batch, error) {
	text, err := t.text(kql)
	if err != nil {
		return nil, err
	}
	schema := table.Schema{{Name: postedColumn, Type: table.Dynamic}}
	rows := table.NewBatch(schema, len(objects))
	for _, o := range objects {
		rows.AppendRow([]table.Value{table.DynamicText(string(o))})
	}
	engine := query.New(query.Options{Clock: t.clock, MaxBytes: 64 << 20, MaxRows: 1 << 20, Timeout: 20 * time.Second})
	answer, err := engine.RunOn(ctx, query.Rows(table.Def{Name: postedTable, Columns: schema}, rows), query.Request{Text: text})
	if err != nil {
		return nil, fault.New(fault.Invalid, "the transform does not run: %s", diagnosticsText(err))
	}
	if len(answer.Tables) != 1 {
		return nil, fault.New(fault.Invalid, "the transform gives %d tables; it should give one", len(answer.Tables))
	}
	out, err := query.All(ctx, answer.Tables[0].Rows)
	if e := answer.Close(); err == nil {
		err = e
	}
	return out, err
}

// check a transform without rows; what comes out of it.
func (t *transform) check(kql string) (table.Schema, error) {
	if strings.TrimSpace(kql) != "" {
		if wrong := query.Rowwise(kql, sourceTable); wrong != nil {
			line, column := fault.Position(kql, wrong[0].Span.Start)
			return nil, fault.New(fault.Invalid, "line %d, column %d of the transform: %s", line, column, wrong[0].Text)
		}
	}
	out, err := t.run(context.Background(), kql, nil)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(kql) != "" {
		if at := out.Schema.Index("TimeGenerated"); at < 0 || out.Schema[at].Type != table.DateTime {
			return nil, fault.New(fault.Invalid, "the transform must give a column TimeGenerated of type datetime; it gives %s", out.Schema)
		}
	}
	return out.Schema, nil
}

// objectsOf rows: each as a JSON object without its nulls.
func objectsOf(b *table.Batch) []json.RawMessage {
	out := make([]json.RawMessage, b.Rows)
	for row := range b.Rows {
		o := []byte{'{'}
		for c, col := range b.Schema {
			v := b.Cols[c].At(row)
			if v.IsNull() {
				continue
			}
			if len(o) > 1 {
				o = append(o, ',')
			}
			o = append(table.AppendQuoted(o, col.Name), ':')
			o = appendKusto(o, v)
		}
		out[row] = append(o, '}')
	}
	return out
}
