package bind

import (
	_ "embed"
	"slices"
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// unpublishedText lists columns that tables have besides those of their published list.
//
//go:embed unpublished.txt
var unpublishedText string

// unpublished is a column that a table has and does not show.
//
// A real workspace's tables have more columns than the reference says: the standard
// columns of every table, and those that were renamed. A query that names one, where
// the name means nothing else, is bound once more over tables that have it, behind
// their published columns; every other query sees the published ones alone.
type unpublished struct {
	table.Column
	of   string // the column that the value is of; where the table lacks it there is no value
	expr string // KQL that gives the value; "" is that column as it is
}

// standard columns of every table of a workspace.
// Source: "Standard columns in Azure Monitor Logs".
var standard = []unpublished{
	{Column: table.Column{Name: "TenantId", Type: table.String}, of: workspaceID},
	{Column: table.Column{Name: "TimeGenerated", Type: table.DateTime}, of: "Timestamp"},
	{Column: table.Column{Name: "_TimeReceived", Type: table.DateTime}, of: table.HiddenArrival},
	{Column: table.Column{Name: "Type", Type: table.String}, of: tableName},
	{Column: table.Column{Name: "_ItemId", Type: table.String}, of: table.HiddenID, expr: "tostring(toguid(hash_md5(tostring(['" + table.HiddenID + "']))))"},
	{Column: table.Column{Name: "_ResourceId", Type: table.String}, of: "ResourceId", expr: "tolower(ResourceId)"},
	{Column: table.Column{Name: "_SubscriptionId", Type: table.String}, of: "ResourceId", expr: "extract('^/subscriptions/([^/]+)', 1, tolower(ResourceId))"},
	{Column: table.Column{Name: "_IsBillable", Type: table.String}},
	{Column: table.Column{Name: "_BilledSize", Type: table.Real}},
	{Column: table.Column{Name: "SourceSystem", Type: table.String}},
}

// Besides columns a value may be what the query knows itself.
const (
	workspaceID = table.HiddenWorkspace
	tableName   = "$table"
)

// unpublishedColumn is the column of that name that a table has and does not show.
func unpublishedColumn(t string, shown table.Schema, name string) (unpublished, bool) {
	if shown.Index(name) >= 0 {
		return unpublished{}, false
	}
	for line, rest := "", unpublishedText; rest != ""; {
		line, rest, _ = strings.Cut(rest, "\n")
		if line == "" || line[0] == '#' || line[0] == ' ' || !slices.Contains(strings.Fields(line), t) {
			continue
		}
		for rest != "" && rest[0] == ' ' {
			line, rest, _ = strings.Cut(rest, "\n")
			for _, word := range strings.Fields(line) {
				column, from, _ := strings.Cut(word, "=")
				column, typed, ok := strings.Cut(column, ":")
				if column != name {
					continue
				}
				typ := table.String
				if ok {
					typ, _ = table.ParseType(typed)
				}
				return unpublished{Column: table.Column{Name: name, Type: typ}, of: from}, true
			}
		}
	}
	for _, u := range standard {
		if u.Name == name {
			return u, true
		}
	}
	return diagnosticsColumn(t, name)
}

// diagnosticsColumn is one of AzureDiagnostics, which has a column for each property
// that any resource ever sent, its type behind an underscore. Those that are published
// are what rows are made of here; the others have no value.
// Source: "AzureDiagnostics" in the Azure Monitor Logs reference.
func diagnosticsColumn(t, name string) (unpublished, bool) {
	if t != azureDiagnostics || len(name) < 3 || name[len(name)-2] != '_' {
		return unpublished{}, false
	}
	typ, ok := map[byte]table.Type{'s': table.String, 'd': table.Real, 'b': table.Bool, 't': table.DateTime, 'g': table.Guid}[name[len(name)-1]]
	return unpublished{Column: table.Column{Name: name, Type: typ}}, ok
}

const azureDiagnostics = "AzureDiagnostics"

// textsOfGuids is r, the rows of a stored table, with texts in the columns of guids of
// AzureDiagnostics, whose names end with _g.
//
// The reference publishes some of them as guid and some as string; the service stores
// all as text, and a query that takes one in place of another (iif(isempty(a_g), b_g, a_g))
// works there. So a query that cannot be bound with the types as published is bound once
// more with these.
// Source: "Azure Monitor HTTP Data Collector API", record type and properties: the
// suffix _g is a GUID, stored as a string.
func (b *binder) textsOfGuids(r *rel, t string) *rel {
	if t != azureDiagnostics {
		return r
	}
	b.guids = true
	if !b.guidTexts {
		return r
	}
	cols := columns(r.schema())
	for i, c := range cols {
		if c.Expr.Type() == table.Guid && strings.HasSuffix(c.Name, "_g") {
			cols[i].Expr = b.convert(c.Expr, table.String)
		}
	}
	out := r.then(&plan.Project{Cols: cols})
	out.label = r.label
	return out
}

// besides are the columns of a table that are not published and that the query reads.
func (b *binder) besides(t string, shown table.Schema) []unpublished {
	if b.scanned == nil {
		b.scanned = map[string]table.Schema{}
	}
	b.scanned[t] = shown
	var out []unpublished
	for _, name := range b.extra {
		if u, ok := unpublishedColumn(t, shown, name); ok {
			out = append(out, u)
		}
	}
	return out
}

// read adds to what is read of a table the hidden columns that values are of.
func (b *binder) read(out table.Schema, more []unpublished) table.Schema {
	n := len(out)
	for _, c := range []table.Column{{Name: table.HiddenWorkspace, Type: table.String}, {Name: table.HiddenID, Type: table.Long}, {Name: table.HiddenArrival, Type: table.DateTime}} {
		of := func(u unpublished) bool { return u.of == c.Name }
		switch {
		case c.Name == table.HiddenArrival && b.arrival:
		case !slices.ContainsFunc(more, of) || c.Name == workspaceID && !b.opts.Together:
			continue
		}
		out = append(out[:n:n], c)
		n++
	}
	return out
}

// wanted are names that mean nothing, and that tables of the query have as columns which
// are not published.
func (b *binder) wanted() []string {
	var out []string
	lacking := b.optional
	if b.diags.Err() != nil {
		lacking = append(slices.Clip(lacking), b.lacking...)
	}
	for _, name := range lacking {
		if slices.Contains(b.extra, name) || slices.Contains(out, name) {
			continue
		}
		for t, shown := range b.scanned {
			if _, ok := unpublishedColumn(t, shown, name); ok {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// computed is r, the rows of a stored table, with columns that are not published. in
// are the columns that are read of the table, hidden ones too.
func (b *binder) computed(r *rel, t string, shown, in table.Schema, more []unpublished) *rel {
	if len(more) == 0 {
		return r
	}
	row := newRow(in, false, false)
	sc := inner(nil)
	sc.names[tableName] = &entity{expr: &plan.Const{Value: table.StringValue(t)}}
	if !b.opts.Together {
		sc.names[workspaceID] = &entity{expr: &plan.Const{Value: table.StringValue(b.opts.Workspace)}}
	}
	cols := columns(shown)
	for _, u := range more {
		cols = append(cols, plan.Named{Name: u.Name, Expr: b.besideValue(u, env{sc: sc, row: row})})
	}
	if b.arrival {
		cols = append(cols, plan.Named{Name: table.HiddenArrival, Expr: &plan.Col{Name: table.HiddenArrival, T: table.DateTime}})
	}
	out := r.then(&plan.Project{Cols: cols})
	out.label = r.label
	return out
}

// besideValue is the value of a column, in the scope of computed.
func (b *binder) besideValue(u unpublished, e env) plan.Expr {
	none := &plan.Const{Value: table.Null(u.Type)}
	if u.Type == table.String {
		none.Value = table.StringValue("")
	}
	if ent := e.sc.find(u.of); ent != nil {
		return ent.expr
	}
	c, ok := e.row.column(u.of)
	if !ok {
		return none
	}
	var v plan.Expr = &plan.Col{Name: c.Name, T: c.Type}
	if u.expr != "" {
		if c.Type == table.Dynamic {
			return none
		}
		file, ds := syntax.Parse("print " + u.expr)
		if ds.Err() != nil {
			panic("bind: the column " + u.Name + " cannot be parsed: " + ds.Error())
		}
		v = b.scalar(file.Stmts[0].(*syntax.QueryStmt).Value.(*syntax.Pipe).Ops[0].(*syntax.PrintOp).Items[0], e)
	}
	if v.Type() != u.Type {
		return none // the table has a column of that name and another type
	}
	return v
}
