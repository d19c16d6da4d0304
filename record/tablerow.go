package record

import (
	"bytes"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// A shape says where the columns of rows go: rows of one table with the same
// columns have one shape.
//
// A row of a category's table goes back into the fields that its columns come
// from. A row of another service's table is kept as it is: its columns stand in
// properties. Columns that the table does not have are kept beside them.
type shape struct {
	m       *Model
	r       *route // nil for a table that nobody knows
	name    string // of the table
	targets []target
}

// target of one incoming column.
type target struct {
	name   string // of the table's column, or the incoming name
	column int    // in the definition; -1 is a column that it lacks
	origin *origin
}

// suffixes that exports put behind column names. Those in brackets name the zone
// of times; the others the type, where one name has two.
var suffixes = []string{"_dynamic", "_string", "_long", "_datetime", "_s", "_d", "_b", "_g", "_t", "_"}

// indexColumns prepares finding tables and columns by the names of what comes.
func (m *Model) indexColumns() {
	m.columns, m.owners = map[string]map[string]int{}, map[string][]string{}
	for _, name := range m.names {
		def := m.defs[name]
		at := columnsByName(def, m.aliases[name])
		m.columns[name] = at
		for n := range at {
			if n == strings.ToLower(n) {
				m.owners[n] = append(m.owners[n], name)
			}
		}
	}
}

// spellings of a column that an incoming name may stand for, best first.
func spellings(name string, yield func(string) bool) {
	if i := strings.IndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
		name = name[:i] // TimeGenerated [UTC]
	}
	name = strings.TrimSpace(name)
	low := strings.ToLower(name)
	if !yield(name) || low != name && !yield(low) {
		return
	}
	for _, s := range suffixes {
		if base, ok := strings.CutSuffix(low, s); ok && base != "" && !yield(base) {
			return
		}
	}
}

// columnOf finds the table's column for an incoming name; -1 where it has none.
func (m *Model) columnOf(def *table.Def, name string) int {
	at, found := m.columns[def.Name], -1
	spellings(name, func(s string) bool {
		if i, ok := at[s]; ok {
			found = i
		}
		return found < 0
	})
	return found
}

func (m *Model) shape(tableName string, names []string) *shape {
	s := &shape{m: m, name: tableName, targets: make([]target, len(names))}
	if name, ok := m.tableNamed(tableName); ok {
		s.name, s.r = name, m.byTable[name]
	}
	for i, n := range names {
		t := &s.targets[i]
		t.name, t.column = n, -1
		if s.r == nil {
			continue
		}
		c := m.columnOf(s.r.def, n)
		if c < 0 {
			continue
		}
		t.column, t.name = c, s.r.def.Columns[c].Name
		if o := s.r.plan.cols[c].origin; o >= 0 {
			t.origin = &s.r.plan.origins[o]
		}
	}
	return s
}

// value of an incoming cell: JSON text, or plain text; neither is missing.
type value struct {
	json []byte
	text string
}

// asJSON converts a value to what a record has for a column: nil where it is
// missing. splice says that JSON inside a text stands for itself.
func (v value) asJSON(typ table.Type, splice bool) []byte {
	text := v.text
	if v.json != nil {
		switch v.json[0] {
		case '"':
			if text = string(v.json[1 : len(v.json)-1]); strings.IndexByte(text, '\\') >= 0 {
				text = string(unescape(v.json[1 : len(v.json)-1]))
			}
		case 'n':
			return nil
		default:
			return oneLine(v.json)
		}
	}
	if text == "" {
		return nil
	}
	trimmed := strings.TrimSpace(text)
	switch typ {
	case table.Bool:
		switch strings.ToLower(trimmed) {
		case "true":
			return []byte("true")
		case "false":
			return []byte("false")
		}
	case table.Int, table.Long, table.Real:
		if end, _ := scanNumber([]byte(trimmed+" "), 0); end == len(trimmed) {
			return []byte(trimmed)
		}
	case table.DateTime:
		if ticks, ok := ParseTime(trimmed); ok {
			return append(formatTime([]byte{'"'}, ticks), '"')
		}
	case table.Dynamic, table.String:
		if splice && trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') {
			var t tape
			if t.scan([]byte(trimmed)) == nil {
				return oneLine([]byte(trimmed))
			}
		}
	}
	return appendText(nil, text)
}

// field of the record that is being made.
type field struct {
	name string
	json []byte
}

type fields []field

func (f fields) get(name string) []byte {
	for i := range f {
		if f[i].name == name {
			return f[i].json
		}
	}
	return nil
}

// add a field unless it is missing; the first of a name stays.
func (f *fields) add(name string, json []byte) {
	if json != nil && f.get(name) == nil {
		*f = append(*f, field{name, json})
	}
}

func (f fields) text(name string) string {
	j := f.get(name)
	if len(j) < 2 || j[0] != '"' {
		return ""
	}
	return string(unescape(j[1 : len(j)-1]))
}

// envelope fields in the order of exports.
var envelopeOrder = []string{
	"time", "resourceId", "operationName", "operationVersion", "category", "tenantId", "resultType", "resultSignature",
	"resultDescription", "durationMs", "callerIpAddress", "correlationId", "identity", "level", "location",
}

// record makes the diagnostic record of a row.
func (s *shape) record(values []value, hint Hint) ([]byte, error) {
	var env, props, rest fields
	for i := range min(len(values), len(s.targets)) {
		s.place(&s.targets[i], values[i], &env, &props, &rest)
	}
	category := s.name
	if s.r != nil {
		category = s.r.Name
	}
	if len(props) == 0 && len(env) == 0 && len(rest) == 0 {
		return nil, fault.New(fault.Invalid, "the row is empty")
	}
	env.replace("category", appendText(nil, category))
	if s.r == nil || s.r.rows {
		for _, k := range []string{"TimeGenerated", "Timestamp"} {
			env.add("time", props.get(k))
		}
		for _, k := range []string{"AADTenantId", "AadTenantId", "OfficeTenantId", "OrganizationId"} {
			if id, ok := guid(props.text(k)); ok {
				env.add("tenantId", appendText(nil, id))
			}
		}
	}
	if hint.Owner != "" {
		env.replace("tenantId", appendText(nil, hint.Owner))
	}
	tenant := env.text("tenantId")
	if tenant == "" {
		if id := env.text("resourceId"); strings.HasPrefix(strings.ToLower(id), "/tenants/") {
			tenant, _, _ = strings.Cut(id[len("/tenants/"):], "/")
		} else {
			tenant = hint.Tenant
		}
		if tenant != "" {
			env.replace("tenantId", appendText(nil, tenant))
		}
	}
	if s.r != nil && !s.r.rows {
		if id := tenantResource(tenant); id != "" {
			env.add("resourceId", appendText(nil, id))
		}
		env.add("callerIpAddress", props.get("ipAddress"))
	}
	o := out{b: make([]byte, 0, 2048)}
	o.open()
	for _, k := range envelopeOrder {
		j := env.get(k)
		if k == "level" {
			k = "Level"
		}
		o.raw(k, j)
	}
	o.key("properties")
	o.open()
	for _, f := range props {
		o.raw(f.name, f.json)
	}
	if len(rest) > 0 {
		o.key("_row")
		o.open()
		for _, f := range rest {
			o.raw(f.name, f.json)
		}
		o.shut()
	}
	o.shut()
	o.shut()
	return o.b, nil
}

func (f *fields) replace(name string, json []byte) {
	for i := range *f {
		if (*f)[i].name == name {
			(*f)[i].json = json
			return
		}
	}
	*f = append(*f, field{name, json})
}

// place puts one cell where it belongs.
func (s *shape) place(t *target, v value, env, props, rest *fields) {
	if t.column < 0 {
		if t.name == "$table" || t.name == "" {
			return
		}
		if j := v.asJSON(table.String, false); s.r != nil && !s.r.rows {
			rest.add(t.name, j)
		} else {
			props.add(t.name, j)
		}
		return
	}
	typ := s.r.def.Columns[t.column].Type
	switch t.name {
	case "Type", "_IsBillable", "_BilledSize": // we know better
		return
	}
	if s.r.rows {
		props.add(t.name, v.asJSON(typ, typ == table.Dynamic))
		return
	}
	o := t.origin
	if o == nil || len(o.refs) == 0 {
		// A constant, or what the surroundings say.
		j := v.asJSON(typ, typ == table.Dynamic)
		if o != nil && (o.isConstant && string(j) == `"`+o.constant+`"` || o.special == "@resourceid" || o.special == "@subscription") {
			return
		}
		rest.add(t.name, j)
		return
	}
	j := v.asJSON(typ, typ == table.Dynamic || o.json)
	switch r := o.refs[0]; {
	case len(r) == 1:
		env.add(strings.Replace(r[0], "Level", "level", 1), j)
	case len(r) == 2 && r[0] == "properties":
		props.add(r[1], j)
	default:
		rest.add(t.name, j)
	}
}

// fromRow makes a record of a JSON object that is a row.
func (m *Model) fromRow(t *tape, tableName string, hint Hint) (Translated, error) {
	var names []string
	var values []value
	m.rowFields(t, 0, "", &names, &values)
	s := m.shape(tableName, names)
	json, err := s.record(values, hint)
	if err != nil {
		return Translated{}, err
	}
	return Translated{JSON: json, Form: Row, What: s.name + " row"}, nil
}

// rowFields lists the members of a row. An incident as the management interface
// gives it has its columns in properties.
func (m *Model) rowFields(t *tape, i int, prefix string, names *[]string, values *[]value) {
	for k := i + 1; k < int(t.toks[i].next); k = int(t.toks[k+1].next) {
		name := prefix + string(t.content(k))
		if prefix == "" && name == "properties" && t.toks[k+1].kind == kindObject {
			m.rowFields(t, k+1, "properties.", names, values)
			continue
		}
		*names = append(*names, name)
		*values = append(*values, value{json: bytes.Clone(t.text(k + 1))})
	}
}

// namedTable is the table that a row names.
func (m *Model) namedTable(t *tape) (string, bool) {
	for _, k := range []string{"$table", "Type"} {
		i := t.find(0, k)
		if i < 0 || string(t.content(i-1)) != k {
			continue
		}
		name := string(t.str(i))
		if name == "" {
			continue
		}
		if def, ok := m.tableNamed(name); ok {
			return def, true
		}
		if k == "$table" || strings.HasSuffix(name, "_CL") {
			return name, true
		}
	}
	return "", false
}

// tableNamed finds a table whatever the case of its name.
func (m *Model) tableNamed(name string) (string, bool) {
	if m.defs[name] != nil && name != unknownTable {
		return name, true
	}
	for _, n := range m.names {
		if strings.EqualFold(n, name) {
			return n, true
		}
	}
	return "", false
}

// likelyTable is the table that has most of the columns of a row: of those that
// are not empty, or else of all.
func (m *Model) likelyTable(t *tape) (string, bool) {
	var filled, all []string
	for k := 1; k < int(t.toks[0].next); k = int(t.toks[k+1].next) {
		v := &t.toks[k+1]
		name := string(t.content(k))
		all = append(all, name)
		if v.kind != kindNull && (v.kind != kindString || v.end-v.start > 2) {
			filled = append(filled, name)
		}
	}
	if name, ok := m.LikelyTable(filled); ok {
		return name, true
	}
	return m.LikelyTable(all)
}

// common columns say nothing about which table it is.
func commonColumn(low string) bool {
	switch low {
	case "tenantid", "timegenerated", "timestamp", "sourcesystem", "type", "_isbillable", "_billedsize", "_resourceid", "_subscriptionid", "category", "id", "description", "status", "title", "name":
		return true
	}
	return false
}

// LikelyTable finds the table that has most of the named columns: at least three
// that are not in every table, and at least half of all.
func (m *Model) LikelyTable(names []string) (string, bool) {
	type score struct{ hits, telling int }
	scores := map[string]*score{}
	for _, n := range names {
		seen := map[string]bool{}
		spellings(n, func(s string) bool {
			s = strings.ToLower(s)
			for _, owner := range m.owners[s] {
				if seen[owner] {
					continue
				}
				seen[owner] = true
				sc := scores[owner]
				if sc == nil {
					sc = &score{}
					scores[owner] = sc
				}
				sc.hits++
				if !commonColumn(s) {
					sc.telling++
				}
			}
			return true
		})
	}
	best, bestHits, bestSize := "", 0, 0
	for _, name := range m.names {
		sc := scores[name]
		if sc == nil || sc.telling < 3 || sc.hits*2 < len(names) {
			continue
		}
		// Of equal ones the smaller table, and those that we know better first.
		size := len(m.defs[name].Columns)
		if r := m.byTable[name]; r.rows && r.About == "" {
			size += 1000
		}
		if sc.hits > bestHits || sc.hits == bestHits && size < bestSize {
			best, bestHits, bestSize = name, sc.hits, size
		}
	}
	return best, best != ""
}

// CSVShape makes records of the lines of one CSV file. It may be shared.
type CSVShape struct {
	What   string // for people: "SigninLogs rows", "portal download of audit logs"
	Form   Form
	rows   *shape
	portal *portalShape
	table  int // the column that names each row's table, or -1
	names  []string
	m      *Model
}

// CSV finds out what the lines below a header are: rows of a table, or a download
// of the admin center. The file's name decides only what the header leaves open.
// The error is fault.Invalid.
func (m *Model) CSV(header []string, fileName string) (*CSVShape, error) {
	names := make([]string, len(header))
	for i, h := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(h, "\uFEFF"))
	}
	if p := m.portalShape(names, fileName); p != nil {
		return &CSVShape{What: p.what, Form: CSV, portal: p, m: m, table: -1}, nil
	}
	c := &CSVShape{Form: Row, names: names, m: m, table: -1}
	for i, n := range names {
		if n == "$table" || n == "Type" && c.table < 0 {
			c.table = i
		}
	}
	if name, ok := m.LikelyTable(names); ok {
		c.rows, c.What = m.shape(name, names), name+" rows"
		return c, nil
	}
	if c.table >= 0 {
		c.What = "rows of the tables that they name"
		return c, nil
	}
	shown := names[:min(len(names), 6)]
	return nil, fault.New(fault.Invalid, "the columns %s … are neither those of a known table nor of a download of the admin center", strings.Join(shown, ", "))
}

// Record of one line. Missing cells at its end are empty.
func (c *CSVShape) Record(cells []string, hint Hint) ([]byte, error) {
	if c.portal != nil {
		return c.portal.record(cells, hint)
	}
	values := make([]value, min(len(cells), len(c.names)))
	for i := range values {
		values[i].text = cells[i]
	}
	s := c.rows
	if c.table >= 0 && c.table < len(cells) && cells[c.table] != "" && (s == nil || !strings.EqualFold(s.name, cells[c.table])) {
		if name, ok := c.m.tableNamed(cells[c.table]); ok {
			s = c.m.shape(name, c.names)
		} else if c.names[c.table] == "$table" {
			s = c.m.shape(cells[c.table], c.names)
		}
	}
	if s == nil {
		return nil, fault.New(fault.Invalid, "the row names no table")
	}
	return s.record(values, hint)
}
