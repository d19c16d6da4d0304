package access

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
)

// Report is a body of records that the right to read is given for: the rows of the
// article's table, and what else there is to read. The names are those of
// data/reports.txt.
type Report string

// Reports.
const (
	Audit              Report = "audit"
	SignIns            Report = "sign-ins"
	Provisioning       Report = "provisioning"
	Usage              Report = "usage"
	Protection         Report = "protection"
	WorkloadProtection Report = "workload protection"
	AttributeAudit     Report = "attribute audit"
	DiagnosticSettings Report = "diagnostic settings"
	Security           Report = "security" // alerts and incidents
	Workspace          Report = "workspace"
	QueryAudit         Report = "query audit" // who asked what: texts that name tables and people
	AlertRules         Report = "alert rules" // with their action groups and alerts
	Ingestion          Report = "ingestion"
	Objects            Report = "directory" // people, groups, applications, roles
	TheNode            Report = "node"      // metrics, and what concerns every tenant
)

// Face is a way in.
type Face string

// Faces.
const (
	Graph        Face = "graph"
	LogAnalytics Face = "loganalytics" // the query API
	Kusto        Face = "kusto"
	ARM          Face = "arm"
	Ingest       Face = "ingestion"
	Hub          Face = "hub"
	Storage      Face = "storage"
	Portal       Face = "portal"
	Native       Face = "native" // our own paths, which keys use
)

//go:embed data/reports.txt
var reportsText string

//go:embed data/tables.txt
var tablesText string

//go:embed data/permissions.txt
var permissionsText string

// rule of a report: a line of reports.txt.
type rule struct {
	read, act             []string
	licence, licenceGraph []string
	limited               bool
	readCustom, actCustom []string // permissions of custom roles
}

// grant of a permission: a line of permissions.txt.
type grant struct {
	audience  string
	read, act []Report
}

// Policy is the data that decisions are made by. It is never changed.
type Policy struct {
	rules  map[Report]rule
	tables map[string]Report // lower case
	grants map[string]grant
}

// GlobalAdministrator reads and does everything but what names its own roles alone.
const GlobalAdministrator = "Global Administrator"

// NewPolicy from the tables that come with the program. It panics when one of them
// is not what it should be, which a test would have shown.
func NewPolicy() *Policy {
	p := &Policy{rules: map[Report]rule{}, tables: map[string]Report{}, grants: map[string]grant{}}
	for f := range fields(reportsText, 6) {
		r := rule{licence: list(f[3]), licenceGraph: list(f[4]), limited: f[5] == "limited"}
		r.read, r.readCustom = roles(f[1])
		r.act, r.actCustom = roles(f[2])
		p.rules[Report(f[0])] = r
	}
	of := Report("")
	for line := range strings.Lines(tablesText) {
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
		case line[0] != ' ':
			of = p.known(strings.TrimSpace(line))
		default:
			for name := range strings.FieldsSeq(line) {
				p.tables[strings.ToLower(name)] = of
			}
		}
	}
	for f := range fields(permissionsText, 4) {
		g := grant{audience: f[1]}
		for _, name := range list(f[2]) {
			g.read = append(g.read, p.known(name))
		}
		for _, name := range list(f[3]) {
			g.act = append(g.act, p.known(name))
		}
		p.grants[f[0]] = g
	}
	return p
}

func (p *Policy) known(name string) Report {
	if _, ok := p.rules[Report(name)]; !ok {
		panic("access: no report is called " + name)
	}
	return Report(name)
}

// fields of the lines of a table of n columns.
func fields(text string, n int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			f := strings.Split(line, "|")
			if len(f) != n {
				panic("access: a line has not the fields that it should: " + line)
			}
			for i := range f {
				f[i] = strings.TrimSpace(f[i])
			}
			if !yield(f) {
				return
			}
		}
	}
}

func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// roles and, in brackets, permissions of custom roles.
func roles(text string) (names, custom []string) {
	for _, name := range list(text) {
		if inner, ok := strings.CutPrefix(name, "("); ok {
			custom = append(custom, strings.TrimSuffix(inner, ")"))
		} else {
			names = append(names, name)
		}
	}
	return names, custom
}

// OfTable is the report that a table's rows are of; false for a table that is not
// in the map, which nobody but the administrator may read.
func (p *Policy) OfTable(name string) (Report, bool) {
	name = strings.ToLower(name)
	if r, ok := p.tables[name]; ok {
		return r, true
	}
	if strings.HasSuffix(name, "_cl") {
		r, ok := p.tables["*_cl"]
		return r, ok
	}
	return "", false
}

// HasTables says whether a report has tables.
func (p *Policy) HasTables(r Report) bool {
	for _, of := range p.tables {
		if of == r {
			return true
		}
	}
	return false
}

// HasPermission says whether a permission is one that opens something here.
func (p *Policy) HasPermission(name string) bool { _, ok := p.grants[name]; return ok }

// Permissions that open something here, in the order of their names.
func (p *Policy) Permissions() []string { return slices.Sorted(maps.Keys(p.grants)) }

// Reports that there are, in the order of their names.
func (p *Policy) Reports() []Report {
	out := make([]Report, 0, len(p.rules))
	for r := range p.rules {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// Roles that the policy knows, Global Administrator included, in the order of their
// names.
func (p *Policy) Roles() []string {
	out := []string{GlobalAdministrator}
	for _, r := range p.rules {
		out = append(append(out, r.read...), r.act...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
