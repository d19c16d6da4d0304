package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"sextant/table"
)

// unknownTable heads what is known of a table that nobody described.
const unknownTable = "?"

// Category of diagnostic records.
type Category struct {
	Name    string // canonical spelling
	Table   string // where its rows go
	Topic   string // also the container of the archive
	Licence string // needed to export it; "" for those that no diagnostic setting has
	About   string // "" where nothing is known of it but its table
	Entra   bool   // one of the categories of a tenant's diagnostic settings
}

// Model is what is known of categories and tables, ready for use. It is
// immutable and may be shared between goroutines.
type Model struct {
	defs       map[string]*table.Def
	names      []string // of tables, sorted
	categories []Category
	routes     map[string]*route // by the record's category in lower case
	activity   *route            // an exported activity log
	intune     map[string]*route // Intune's own, by category in lower case
	generic    []origin
	common     []origin        // of every table
	custom     map[string]bool // tables that somebody declared
	aliases    map[string]map[string]string
	portal     *portalData
	byTable    map[string]*route
	columns    map[string]map[string]int // by table, by name in lower case
	owners     map[string][]string       // tables by a column's name in lower case
	tapes      sync.Pool
}

// route is how the records of one category, in one shape, become rows.
type route struct {
	Category
	def   *table.Def
	plan  *plan
	key   []keyField
	times []ref // where the time is, best first
	rows  bool  // the shape of rows of other services: columns in properties
}

// New makes the model from the embedded data.
func New() (*Model, error) {
	defs, err := readTables(tablesText)
	if err != nil {
		return nil, err
	}
	// The table of unknown categories has the columns that its mapping has.
	defs[unknownTable] = &table.Def{Name: unknownTable, Time: "TimeGenerated", Columns: table.Schema{
		{Name: "TenantId", Type: table.String}, {Name: "TimeGenerated", Type: table.DateTime}, {Name: "ResourceId", Type: table.String},
		{Name: "OperationName", Type: table.String}, {Name: "OperationVersion", Type: table.String}, {Name: "Category", Type: table.String},
		{Name: "AADTenantId", Type: table.String}, {Name: "ResultType", Type: table.String}, {Name: "ResultSignature", Type: table.String},
		{Name: "ResultDescription", Type: table.String}, {Name: "DurationMs", Type: table.Long}, {Name: "CallerIpAddress", Type: table.String},
		{Name: "CorrelationId", Type: table.String}, {Name: "Identity", Type: table.String}, {Name: "Level", Type: table.String},
		{Name: "Location", Type: table.String}, {Name: "Properties", Type: table.Dynamic}, {Name: "SourceSystem", Type: table.String},
		{Name: "Type", Type: table.String}, {Name: "_IsBillable", Type: table.String}, {Name: "_BilledSize", Type: table.Real},
		{Name: "_ResourceId", Type: table.String}, {Name: "_SubscriptionId", Type: table.String},
	}}
	if err := readPromoted(promotedText, defs); err != nil {
		return nil, err
	}
	mapping, err := readMapping(mappingText, defs)
	if err != nil {
		return nil, err
	}
	cats, err := readCategories(categoriesText, defs)
	if err != nil {
		return nil, err
	}
	aliases, err := readAliases(aliasesText, defs)
	if err != nil {
		return nil, err
	}
	portal, err := readPortal(portalText)
	if err != nil {
		return nil, err
	}
	m := &Model{defs: defs, portal: portal, routes: map[string]*route{}, byTable: map[string]*route{}, intune: map[string]*route{}, generic: mapping[unknownTable], common: mapping["*"], aliases: aliases}
	m.generic = append(m.generic, mapping["*"]...)
	m.names = slices.Sorted(maps.Keys(defs))
	m.names = slices.DeleteFunc(m.names, func(n string) bool { return n == unknownTable })
	m.tapes.New = func() any { return new(tape) }

	for _, c := range cats {
		var r *route
		if c.Entra {
			r, err = newRoute(c, defs[c.Table], append(mapping[c.Table], mapping["*"]...))
			m.categories = append(m.categories, c.Category)
		} else {
			r, err = m.rowRoute(c, mapping["*"])
		}
		if err != nil {
			return nil, err
		}
		m.routes[strings.ToLower(c.Name)] = r
		m.byTable[c.Table] = r
	}
	// Every other table takes rows under its own name; that of a category is
	// another name for it.
	for _, name := range m.names {
		low := strings.ToLower(name)
		if r := m.byTable[name]; r != nil && m.routes[low] == nil {
			m.routes[low] = r
		}
		if m.byTable[name] == nil {
			c := categoryData{Category: Category{Name: name, Table: name, Topic: topicOf(name)}}
			r, err := m.rowRoute(c, mapping["*"])
			if err != nil {
				return nil, err
			}
			m.routes[low], m.byTable[name] = r, r
		}
	}
	m.indexColumns()
	// What is exported under names that say too little.
	diagnostic := func(name string) (*route, error) {
		r := m.routes[strings.ToLower(name)]
		return newRoute(categoryData{Category: r.Category, key: r.key}, r.def, append(mapping[name], mapping["*"]...))
	}
	if m.activity, err = diagnostic("AzureActivity"); err != nil {
		return nil, err
	}
	for category, name := range map[string]string{"auditlogs": "IntuneAuditLogs", "operationallogs": "IntuneOperationalLogs"} {
		if m.intune[category], err = diagnostic(name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func newRoute(c categoryData, def *table.Def, origins []origin) (*route, error) {
	p, err := compile(def, origins)
	if err != nil {
		return nil, fmt.Errorf("category %s: %w", c.Name, err)
	}
	r := &route{Category: c.Category, def: def, plan: p, key: c.key}
	for _, o := range origins {
		if o.column == def.Time {
			r.times = append(r.times, o.refs...)
		}
	}
	if !slices.ContainsFunc(r.times, func(x ref) bool { return x.String() == "time" }) {
		r.times = append(r.times, ref{"time"})
	}
	if c.other != nil {
		r.times = append(r.times, c.other)
	}
	return r, nil
}

// rowRoute maps by name: column X is properties.X.
func (m *Model) rowRoute(c categoryData, common []origin) (*route, error) {
	def := m.defs[c.Table]
	var origins []origin
	for _, col := range def.Columns {
		o := origin{column: col.Name, refs: []ref{{"properties", col.Name}}, any: true, json: true}
		i := slices.IndexFunc(common, func(x origin) bool { return x.column == col.Name })
		if i >= 0 {
			o.special, o.constant, o.isConstant = common[i].special, common[i].constant, common[i].isConstant
			o.refs = append(o.refs, common[i].refs...)
		}
		switch col.Name {
		case "TenantId", "_IsBillable": // what the row says, unless we know better
		case "Type", "_BilledSize":
			o.refs = nil
		case "TimeGenerated":
			o.refs = append(o.refs, ref{"time"}, ref{"properties", "Timestamp"})
		case "Timestamp":
			o.refs = append(o.refs, ref{"time"})
		}
		origins = append(origins, o)
	}
	r, err := newRoute(c, def, origins)
	if r != nil {
		r.rows = true
	}
	return r, err
}

// topicOf a category: what a topic and a container may be called.
func topicOf(category string) string {
	b := []byte("insights-logs-" + category)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c | 0x20
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-':
		default:
			b[i] = '-'
		}
	}
	return string(b[:min(len(b), 120)])
}

// Topic of a category: insights-logs- and its name in lower case. Characters
// that a topic cannot have become dashes.
func (m *Model) Topic(category string) string {
	if c, ok := m.Category(category); ok {
		return c.Topic
	}
	return topicOf(category)
}

// Categories of a tenant's diagnostic settings, in the order of the article.
func (m *Model) Categories() []Category { return slices.Clone(m.categories) }

// Category of a name, in any case: one of Categories, or of a table that takes
// rows of other services under its own name.
func (m *Model) Category(name string) (Category, bool) {
	if r := m.routes[name]; r != nil {
		return r.Category, true
	}
	if r := m.routes[strings.ToLower(name)]; r != nil {
		return r.Category, true
	}
	return Category{}, false
}

// Defs of all tables, in name order.
func (m *Model) Defs() []table.Def {
	out := make([]table.Def, 0, len(m.names))
	for _, n := range m.names {
		out = append(out, *m.defs[n])
	}
	return out
}

// Def of the table with that exact name.
func (m *Model) Def(name string) (table.Def, bool) {
	if d := m.defs[name]; d != nil && name != unknownTable {
		return *d, true
	}
	return table.Def{}, false
}

// DefFor is the table of a category. One that is not known gets a table of its
// own, <Category>_CL, with a column for each field of the envelope.
func (m *Model) DefFor(category string) table.Def {
	if c, ok := m.Category(category); ok {
		return *m.defs[c.Table]
	}
	name := customName(category)
	if m.custom[name] {
		return *m.defs[name]
	}
	d := *m.defs[unknownTable]
	d.Name = name
	return d
}

// customName is the name of the table of an unknown category: a name that KQL
// needs not quote.
func customName(category string) string {
	b := make([]byte, 0, len(category)+3)
	for i := 0; i < len(category) && len(b) < 100; i++ {
		c := category[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9':
			if len(b) == 0 && (c >= '0' && c <= '9' || c == '_') {
				b = append(b, 'T')
			}
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '_':
			b = append(b, '_')
		}
	}
	if len(b) == 0 {
		b = append(b, "Unnamed"...)
	}
	if strings.HasSuffix(string(b), "_CL") {
		return string(b)
	}
	return strings.TrimRight(string(b), "_") + "_CL"
}

// Origins tells where each column of a table's records comes from, for people:
// column, source, and whether a record was ever seen that proves it. It is
// false for tables that are mapped by name.
func (m *Model) Origins(tableName string) ([]Origin, bool) {
	r := m.byTable[tableName]
	for _, other := range []*route{m.activity, m.intune["auditlogs"], m.intune["operationallogs"]} {
		if other.def.Name == tableName {
			r = other
		}
	}
	if r == nil || r.rows {
		return nil, false
	}
	out := make([]Origin, 0, len(r.plan.origins))
	for _, o := range r.plan.origins {
		x := Origin{Column: o.column, Verified: !o.unverified}
		switch {
		case o.isConstant:
			x.Source = `"` + o.constant + `"`
		case o.special != "":
			x.Source = o.special
		default:
			for i, f := range o.refs {
				if i > 0 {
					x.Source += " | "
				}
				x.Source += f.String()
			}
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Origin) int {
		return cmp.Compare(r.def.Columns.Index(a.Column), r.def.Columns.Index(b.Column))
	})
	return out, true
}

// Origin of a column.
type Origin struct {
	Column   string
	Source   string // paths in the record, a "constant", or @what the surroundings say
	Verified bool   // false: by the naming rule only
}
