package node

import (
	"context"
	"strings"
	"time"

	"sextant/fault"
	"sextant/record"
	"sextant/state"
	"sextant/table"
)

// TableKind of documents in the state: what was set of one table of one tenant.
// The id is the tenant's, a slash, and the table's name in lower case.
const TableKind = "table"

// TableSettings is what was set of a table.
type TableSettings struct {
	Name        string     `json:"name"`
	Columns     []ColumnOf `json:"columns,omitempty"` // of a custom table
	All         []ColumnOf `json:"all,omitempty"`     // those that every table has among them, in order
	Description string     `json:"description,omitempty"`
	Plan        string     `json:"plan,omitempty"`
	Retention   Days       `json:"retentionInDays,omitempty"`      // 0: the workspace's
	Total       Days       `json:"totalRetentionInDays,omitempty"` // 0: as Retention
}

// Days of retention.
type Days int

// ColumnOf a custom table.
type ColumnOf struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

func schemaOf(cols []ColumnOf) table.Schema {
	out := make(table.Schema, len(cols))
	for i, c := range cols {
		t, _ := table.ParseType(c.Type)
		out[i] = table.Column{Name: c.Name, Type: t}
	}
	return out
}

func columnsOf(s table.Schema) []ColumnOf {
	out := make([]ColumnOf, len(s))
	for i, c := range s {
		out[i] = ColumnOf{Name: c.Name, Type: c.Type.String()}
	}
	return out
}

func tableID(tenant, name string) string { return tenant + "/" + strings.ToLower(name) }

// tables that were set of a tenant.
func (n *Node) tables(tenant string) ([]TableSettings, error) {
	docs, err := n.state.List(TableKind, tenant+"/")
	if err != nil {
		return nil, err
	}
	out := make([]TableSettings, len(docs))
	for i, d := range docs {
		if err := d.Decode(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// modelFor a tenant: with its custom tables.
func (n *Node) modelFor(tenant string) (*record.Model, error) {
	set, err := n.tables(tenant)
	if err != nil {
		return nil, err
	}
	var defs []table.Def
	for _, s := range set {
		if len(s.All) > 0 {
			defs = append(defs, table.Def{Name: s.Name, Time: "TimeGenerated", Columns: schemaOf(s.All)})
		}
	}
	if len(defs) == 0 {
		return n.o.Model, nil
	}
	return n.o.Model.With(defs)
}

// Table settings of one table; the zero settings with its name where none were made.
func (n *Node) Table(t *Tenant, name string) (TableSettings, state.Document, error) {
	doc, err := n.state.Get(TableKind, tableID(t.ID, name))
	out := TableSettings{Name: name}
	if fault.KindOf(err) == fault.NotFound {
		return out, doc, nil
	}
	if err != nil {
		return out, doc, err
	}
	return out, doc, doc.Decode(&out)
}

// SetTable keeps the settings of a table. With Columns it declares a custom table,
// or gives it more; the columns that it has stay. fault.Conflict where a column
// changes its type.
func (n *Node) SetTable(ctx context.Context, t *Tenant, s TableSettings) (TableSettings, error) {
	t.declaring.Lock()
	defer t.declaring.Unlock()
	id := tableID(t.ID, s.Name)
	if len(s.Columns) == 0 {
		_, err := n.state.Put(TableKind, id, s, "")
		return s, err
	}
	if _, published := n.o.Model.Def(s.Name); published {
		return s, fault.New(fault.Conflict, "%s is a published table; its columns cannot be changed", s.Name)
	}
	for _, c := range s.Columns {
		if _, ok := table.ParseType(c.Type); !ok {
			return s, fault.New(fault.Invalid, "the column %s has the type %q; string, int, long, real, bool, datetime, guid and dynamic work", c.Name, c.Type)
		}
	}
	err := t.Loader.Declare(ctx, s.Name, func(old table.Schema) (table.Def, error) {
		def, err := record.Declared(s.Name, schemaOf(s.Columns), old)
		if err != nil {
			return def, err
		}
		if _, err = n.o.Model.With([]table.Def{def}); err != nil {
			return def, err
		}
		// First what a restart needs, then the table: rows that find it must find
		// it after a crash too.
		s.All = columnsOf(def.Columns)
		_, err = n.state.Put(TableKind, id, s, "")
		return def, err
	})
	return s, err
}

// Tables of a tenant that have settings.
func (n *Node) Tables(t *Tenant) ([]TableSettings, error) { return n.tables(t.ID) }

// State of the folder: configuration and cases.
func (n *Node) State() *state.DB { return n.state }

// retention of each table of a tenant: what was set, in days, else the folder's.
func (n *Node) retention(tenant string) (func(name string) time.Duration, error) {
	set, err := n.tables(tenant)
	if err != nil {
		return nil, err
	}
	days := map[string]Days{}
	for _, s := range set {
		days[s.Name] = max(s.Retention, s.Total)
	}
	return func(name string) time.Duration {
		for _, of := range []string{name, "*"} { // the table's own, the workspace's
			if d := days[of]; d > 0 {
				return time.Duration(d) * 24 * time.Hour
			}
		}
		return n.o.TableRetention
	}, nil
}
