package access

import (
	"os"
	"slices"
	"strings"
	"testing"
)

var allFaces = []Face{Graph, LogAnalytics, Kusto, ARM, Ingest, Hub, Storage, Portal, Native}

// licencesOf the columns of the matrix.
var licencesOf = map[string][]string{
	"none": {}, "Free": {"Free"}, "Microsoft 365 Apps": {"Microsoft 365 Apps"}, "P1": {"P1"}, "P2": {"P2"}, "Workload ID Premium": {"Workload ID Premium"}, "everything": nil,
}

var columns = []string{"none", "Free", "Microsoft 365 Apps", "P1", "P2", "Workload ID Premium", "everything"}

// The whole matrix: role × report × licence × face × action.
func TestMatrix(t *testing.T) {
	text, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	var roles, reports []string
	want := map[string][]string{} // report/role → cells
	report := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "", line[0] == '#', strings.HasPrefix(line, "columns:"):
		case strings.HasPrefix(line, "roles:"):
			roles = append(roles, list(line[len("roles:"):])...)
		case line[0] != ' ':
			report = line
			reports = append(reports, report)
		default:
			role, cells, ok := strings.Cut(line, "|")
			f := strings.Fields(cells)
			if role = strings.TrimSpace(role); !ok || len(f) != len(columns) || !slices.Contains(roles, role) {
				t.Fatalf("a line is not what it should be: %s", line)
			}
			want[report+"/"+role] = f
		}
	}
	p := NewPolicy()
	for _, r := range p.Reports() {
		if !slices.Contains(reports, string(r)) {
			t.Errorf("the matrix has no report %q", r)
		}
	}
	for _, r := range append(p.Roles(), "nobody") {
		if !slices.Contains(roles, r) {
			t.Errorf("the matrix has no role %q", r)
		}
	}
	for _, b := range BuiltInRoles() {
		if !slices.Contains(roles, b.Name) {
			t.Errorf("the matrix has no role %q", b.Name)
		}
	}
	n := 0
	for _, report := range reports {
		for _, role := range roles {
			who := &Principal{Kind: User, Tenant: home, Permissions: []string{"Some.Scope"}}
			switch role {
			case "nobody":
			case "a custom role that reads provisioning":
				who.CustomRolePermissions = []string{"microsoft.directory/provisioningLogs/allProperties/read"}
			default:
				who.Roles = []string{role}
			}
			for i, licence := range columns {
				cell := "-/-"
				if c, ok := want[report+"/"+role]; ok {
					cell = c[i]
				}
				others, graph, _ := strings.Cut(cell, "/")
				for _, face := range allFaces {
					expect := others
					if face == Graph {
						expect = graph
					}
					for _, action := range []Action{Read, Act} {
						n++
						got := p.Decide(who, Question{Tenant: home, Licences: licencesOf[licence], Report: Report(report), Action: action, Face: face, Permissions: []string{"Some.Scope"}})
						allowed := action == Read && expect != "-" || action == Act && strings.Contains("wk", expect)
						limited := allowed && strings.Contains("lk", expect)
						if got.Allowed != allowed || got.Limited != limited {
							t.Errorf("%s, %s, licence %s, by %s, action %d: %+v, want %s", role, report, licence, face, action, got, expect)
						}
						if !got.Allowed && (got.Text == "" || got.Reason == "") {
							t.Errorf("%s, %s: a refusal without a word", role, report)
						}
						// Of another tenant it is nothing, whatever the role.
						if p.Decide(who, Question{Tenant: "elsewhere", Licences: licencesOf[licence], Report: Report(report), Action: action, Face: face, Permissions: []string{"Some.Scope"}}).Allowed {
							t.Errorf("%s may do to %s of another tenant", role, report)
						}
						// Through Graph a person needs the application's scope besides.
						if face == Graph && p.Decide(who, Question{Tenant: home, Report: Report(report), Action: action, Face: face, Permissions: []string{"Other.Scope"}}).Allowed {
							t.Errorf("%s needs no scope for %s", role, report)
						}
						// An application's roles count by every face but Graph.
						app := *who
						app.Kind, app.Permissions = Application, nil
						if d := p.Decide(&app, Question{Tenant: home, Licences: licencesOf[licence], Report: Report(report), Action: action, Face: face}); d.Allowed != (allowed && face != Graph) {
							t.Errorf("an application that is %s, %s by %s: %+v", role, report, face, d)
						}
					}
				}
			}
		}
	}
	if n < 18*13*7*9*2 {
		t.Errorf("only %d cells", n)
	}
}

// permission × report × face × action, for applications and keys.
func TestPermissions(t *testing.T) {
	text, err := os.ReadFile("testdata/permissions.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPolicy()
	seen := map[string]bool{}
	for f := range fields(string(text), 2) {
		name := f[0]
		seen[name] = true
		reads, acts := map[string]bool{}, map[string]bool{}
		for _, part := range list(f[1]) {
			for strings.HasSuffix(part, " r") || strings.HasSuffix(part, " w") {
				report := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(part, " w"), " r"), " w"), " r")
				if strings.HasSuffix(part, " r") {
					reads[report] = true
				} else {
					acts[report] = true
				}
				part = part[:len(part)-2]
			}
		}
		for _, report := range p.Reports() {
			for _, face := range allFaces {
				for _, kind := range []Kind{Application, Key} {
					who := &Principal{Kind: kind, Tenant: home, Permissions: []string{name}}
					q := Question{Tenant: home, Report: report, Face: face}
					if got := p.Decide(who, q); got.Allowed != reads[string(report)] {
						t.Errorf("%s reads %s by %s: %+v", name, report, face, got)
					}
					q.Action = Act
					if got := p.Decide(who, q); got.Allowed != acts[string(report)] {
						t.Errorf("%s acts on %s by %s: %+v", name, report, face, got)
					}
				}
			}
		}
	}
	for _, name := range p.Permissions() {
		if !seen[name] {
			t.Errorf("testdata/permissions.txt has no %s", name)
		}
	}
	// What nobody published opens nothing.
	who := &Principal{Kind: Application, Tenant: home, Permissions: []string{"Everything.ReadWrite.All", "auditlog.read.all", "*", ""}}
	for _, report := range append(p.Reports(), "no such report", "") {
		if p.Decide(who, Question{Tenant: home, Report: report, Face: LogAnalytics}).Allowed {
			t.Errorf("a permission that is none opens %s", report)
		}
	}
}
