package record

import (
	"maps"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// With is the model with tables that somebody declared besides. Their rows come in
// as those of other services do: the category is the table's name, the columns
// stand in properties. A published table stays as it is; one that was declared
// before is replaced. The error is fault.Invalid.
func (m *Model) With(defs []table.Def) (*Model, error) {
	out := &Model{
		defs: maps.Clone(m.defs), names: slices.Clone(m.names), categories: m.categories, routes: maps.Clone(m.routes),
		activity: m.activity, intune: m.intune, generic: m.generic, common: m.common, aliases: m.aliases, portal: m.portal,
		byTable: maps.Clone(m.byTable), columns: maps.Clone(m.columns), owners: m.owners, custom: maps.Clone(m.custom),
	}
	if out.custom == nil {
		out.custom = map[string]bool{}
	}
	out.tapes.New = func() any { return new(tape) }
	for _, d := range defs {
		low := strings.ToLower(d.Name)
		switch {
		case d.Name != customName(d.Name) || d.Name == "":
			return nil, fault.New(fault.Invalid, "%q cannot name a custom table: letters, digits and underscores can, a letter first, _CL last", d.Name)
		case !out.custom[d.Name] && (m.defs[d.Name] != nil || m.routes[low] != nil):
			continue
		}
		def := d
		out.defs[d.Name] = &def
		r, err := out.rowRoute(categoryData{Category: Category{Name: d.Name, Table: d.Name, Topic: topicOf(d.Name)}}, m.common)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the table %s: %w", d.Name, err)
		}
		out.routes[low], out.byTable[d.Name] = r, r
		out.columns[d.Name] = columnsByName(&def, nil)
		if !out.custom[d.Name] {
			out.names = append(out.names, d.Name)
		}
		out.custom[d.Name] = true
	}
	slices.Sort(out.names)
	return out, nil
}

// Custom says whether a table was declared by somebody, rather than published.
func (m *Model) Custom(name string) bool { return m.custom[name] }

// Declared is the definition of a custom table with the columns that somebody
// declares: those that every table has stand before and behind them. old, if any,
// are the columns that the table has already; they stay. The error is
// fault.Invalid or, for a column of another type than before, fault.Conflict.
func Declared(name string, columns, old table.Schema) (table.Def, error) {
	def := table.Def{Name: name, Time: "TimeGenerated"}
	add := func(c table.Column) error {
		if at := slices.IndexFunc(def.Columns, func(x table.Column) bool { return strings.EqualFold(x.Name, c.Name) }); at >= 0 {
			if def.Columns[at] != c {
				return fault.New(fault.Conflict, "the column %s of %s is a %s; it cannot be a %s", def.Columns[at].Name, name, def.Columns[at].Type, c.Type)
			}
			return nil
		}
		def.Columns = append(def.Columns, c)
		return nil
	}
	all := append(slices.Clone(old), table.Schema{{Name: "TenantId", Type: table.String}, {Name: "TimeGenerated", Type: table.DateTime}}...)
	all = append(append(all, columns...), table.Schema{
		{Name: "SourceSystem", Type: table.String}, {Name: "Type", Type: table.String}, {Name: "_IsBillable", Type: table.String}, {Name: "_BilledSize", Type: table.Real},
		{Name: "_ResourceId", Type: table.String}, {Name: "_SubscriptionId", Type: table.String},
	}...)
	for _, c := range all {
		if !plainColumn(c.Name) {
			return def, fault.New(fault.Invalid, "%q cannot name a column: letters, digits and underscores can, at most 100, no digit first", c.Name)
		}
		if c.Type == table.Unknown {
			return def, fault.New(fault.Invalid, "the column %s has no type", c.Name)
		}
		if err := add(c); err != nil {
			return def, err
		}
	}
	return def, nil
}

func plainColumn(name string) bool {
	if name == "" || len(name) > 100 {
		return false
	}
	for i := range len(name) {
		c := name[i] | 0x20
		if c >= 'a' && c <= 'z' || name[i] == '_' || i > 0 && name[i] >= '0' && name[i] <= '9' {
			continue
		}
		return false
	}
	return true
}

// columnsByName finds a table's columns by what comes: exact names, names in
// lower case, other names of them.
func columnsByName(def *table.Def, aliases map[string]string) map[string]int {
	at := make(map[string]int, len(def.Columns))
	for i, c := range def.Columns {
		low := strings.ToLower(c.Name)
		if _, ok := at[low]; !ok {
			at[low] = i
		}
		at[c.Name] = i // where two differ in case alone, each has its own
	}
	for other, column := range aliases {
		if _, ok := at[other]; !ok {
			at[other] = def.Columns.Index(column)
		}
	}
	if _, ok := at["timestamp"]; !ok && def.Time != "" {
		at["timestamp"] = def.Columns.Index(def.Time)
	}
	return at
}
