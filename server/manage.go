package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"sextant/fault"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/record"
	"sextant/source"
	"sextant/table"
)

// NewTenant implements loganalytics.Management.
func (s *Server) NewTenant(ctx context.Context) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, by its contract
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
	_, err := s.o.Node.Tenant(ctx, id)
	return id, err
}

// Table implements loganalytics.Management.
func (s *Server) Table(_ context.Context, tenant, name string) (loganalytics.TableSettings, error) {
	t, err := s.o.Node.Find(tenant)
	if err != nil {
		return loganalytics.TableSettings{}, err
	}
	set, _, err := s.o.Node.Table(t, name)
	out := loganalytics.TableSettings{Name: set.Name, Description: set.Description, Plan: set.Plan, Retention: int(set.Retention), Total: int(set.Total)}
	for _, c := range set.Columns {
		out.Columns = append(out.Columns, loganalytics.Column(c))
	}
	return out, err
}

// SetTable implements loganalytics.Management.
func (s *Server) SetTable(ctx context.Context, tenant string, set loganalytics.TableSettings) (loganalytics.TableSettings, error) {
	t, err := s.o.Node.Find(tenant)
	if err != nil {
		return set, err
	}
	old, _, err := s.o.Node.Table(t, set.Name)
	if err != nil {
		return set, err
	}
	old.Name, old.Description, old.Plan = set.Name, set.Description, set.Plan
	old.Retention, old.Total, old.Columns = node.Days(set.Retention), node.Days(set.Total), nil
	for _, c := range set.Columns {
		old.Columns = append(old.Columns, node.ColumnOf(c))
	}
	_, err = s.o.Node.SetTable(ctx, t, old)
	return set, err
}

// Append implements loganalytics.Management: rows become records of the category
// that bears the table's name.
func (s *Server) Append(ctx context.Context, tenant, name string, rows []json.RawMessage, ids []string) error {
	t, err := s.o.Node.Find(tenant)
	if err != nil {
		return err
	}
	model := t.Loader.Model()
	def, ok := model.Def(name)
	if !ok {
		return fault.New(fault.Invalid, "there is no table %s", name)
	}
	arrival, _ := table.TicksOf(s.o.Clock())
	recs := make([]source.Incoming, len(rows))
	for i, row := range rows {
		if def.Time != "" {
			row = withTime(row, def.Time, arrival)
		}
		tr, err := model.Translate(row, record.Hint{Table: name, Tenant: t.ID, Owner: t.ID})
		if err != nil {
			return fault.New(fault.Invalid, "row %d: %w", i, err)
		}
		// Rows of Entra's own categories are known by what they are; others are as
		// many as were sent, even where they say the same.
		text := append(tr.JSON[:len(tr.JSON)-1:len(tr.JSON)-1], `,"`+record.ItemField+`":"`+ids[i]+`"}`...)
		recs[i] = source.Incoming{JSON: text, Form: tr.Form, Tenant: t.ID, Where: fmt.Sprintf("ingestion:%s:%d", name, i)}
	}
	verdicts, err := counted{s.o.Node.Door().NoWait(), s.metrics}.Append(ctx, recs)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		if v.Outcome == source.DeadLettered {
			return fault.New(fault.Invalid, "row %d was set aside: %s", i, v.Reason)
		}
	}
	return nil
}

// withTime gives a row without a time that of its arrival.
func withTime(row json.RawMessage, column string, arrival int64) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(row, &fields) != nil {
		return row // Translate says what is wrong with it
	}
	for name, v := range fields {
		if strings.EqualFold(name, column) && string(v) != "null" && string(v) != `""` {
			return row
		}
	}
	comma := ","
	if len(fields) == 0 {
		comma = ""
	}
	at := strings.IndexByte(string(row), '{') + 1
	return json.RawMessage(string(row[:at]) + `"` + column + `":"` + table.FormatDateTime(arrival) + `"` + comma + string(row[at:]))
}

// own takes in what a principal may bring: records of its own directory.
type own struct {
	source.Appender
	v *view
}

func (o own) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	if o.v.who.Tenant == "" {
		return o.Appender.Append(ctx, recs)
	}
	model, mine := o.v.s.o.Node.Model(), map[string]bool{"": true}
	for i := range recs {
		in := &recs[i]
		named := in.Tenant
		if in.Reason == "" {
			if id, err := model.Identify(in.JSON); err == nil && id.Tenant != "" {
				named = id.Tenant
			}
		}
		ok, known := mine[named]
		if !known {
			_, err := o.v.find(named)
			ok = err == nil || strings.EqualFold(named, o.v.who.Tenant)
			mine[named] = ok
		}
		if !ok {
			return nil, fault.New(fault.Denied, "record %d (%s) is of tenant %q; %s brings records of its own alone, and none was taken", i, in.Where, named, o.v.name())
		}
		if in.Tenant == "" {
			in.Tenant = o.v.who.Tenant
		}
	}
	return o.Appender.Append(ctx, recs)
}

// AuditTo is where records of what changed in the directory go: through the door. Those
// of the node itself go to every tenant.
func AuditTo(n *node.Node) func(ctx context.Context, tenant string, record []byte) error {
	take := TakeIn(n, "directory")
	return func(ctx context.Context, tenant string, text []byte) error {
		if tenant != "" {
			return take(ctx, tenant, text)
		}
		all := n.Tenants()
		if len(all) == 0 {
			return fault.New(fault.Unavailable, "there is no tenant yet whose log could take what was changed of the node")
		}
		for _, t := range all {
			own := strings.NewReplacer(`"tenantId":""`, `"tenantId":"`+t.ID+`"`, `"/tenants//providers`, `"/tenants/`+t.ID+`/providers`).Replace(string(text))
			if err := take(ctx, t.ID, []byte(own)); err != nil {
				return err // those that have it know it again
			}
		}
		return nil
	}
}
