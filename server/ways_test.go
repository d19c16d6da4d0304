package server

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/access"
)

// reportWays is a report of testdata/ways.txt.
type reportWays struct {
	name, table, row, mark string
	record                 string
	ways                   []wayTo
}

// wayTo a report: a request, and what its answer has when it was let through.
type wayTo struct{ face, method, path, body, shows string }

func readWays(t *testing.T) []*reportWays {
	t.Helper()
	text, err := os.ReadFile("testdata/ways.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []*reportWays
	for line := range strings.Lines(strings.NewReplacer("HOME", tenant, "WORKSPACE", strings.SplitN(auditSetting, "/providers/Microsoft.Insights", 2)[0],
		"RULES", "/subscriptions/"+tenant+"/resourceGroups/g/providers/Microsoft.Insights").Replace(string(text))) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#":
		case "report":
			out = append(out, &reportWays{name: rest})
		case "table":
			r := out[len(out)-1]
			r.table, r.row, _ = strings.Cut(rest, " ")
		case "record":
			out[len(out)-1].record = rest
		case "none":
			out[len(out)-1].ways = []wayTo{}
		default:
			f := strings.SplitN(rest, " ", 3)
			w := wayTo{face: word, method: f[0], path: f[1]}
			if len(f) == 3 && strings.HasPrefix(f[2], `"`) {
				w.shows = f[2]
			} else if len(f) == 3 {
				w.body = f[2]
			}
			out[len(out)-1].ways = append(out[len(out)-1].ways, w)
		}
	}
	for _, r := range out {
		if i := strings.Index(r.row+r.record, "mark-"); i >= 0 {
			r.mark = (r.row + r.record)[i : i+6]
		}
		if r.table == "" {
			continue
		}
		say := func(q string) string { b, _ := json.Marshal(q); return string(b) }
		all := r.table + " | where TimeGenerated > datetime(2000-01-01)"
		r.ways = append(r.ways,
			wayTo{"loganalytics", "POST", "/v1/workspaces/" + tenant + "/query", `{"query":` + say(all) + `}`, r.mark},
			wayTo{"loganalytics", "POST", "/v1/workspaces/" + tenant + "/query", `{"query":"union withsource=From * | where TimeGenerated > datetime(2000-01-01) | extend all = pack_all() | where From == '` + r.table + `' | project all"}`, r.mark},
			wayTo{"loganalytics", "POST", "/v1/$batch", `{"requests":[{"id":"1","workspace":"` + tenant + `","body":{"query":` + say(all) + `}}]}`, r.mark},
			wayTo{"loganalytics", "POST", "/v1/subscriptions/" + tenant + "/query", `{"query":` + say(all) + `}`, "-"},
			wayTo{"loganalytics", "GET", "/v1/workspaces/" + tenant + "/metadata", "", `"` + r.table + `"`},
			wayTo{"kusto", "POST", "/v1/rest/query", `{"db":"` + tenant + `","csl":` + say(all) + `}`, r.mark},
			wayTo{"kusto", "POST", "/v2/rest/query", `{"db":"` + tenant + `","csl":` + say(all) + `}`, r.mark},
			wayTo{"kusto", "POST", "/v1/rest/mgmt", `{"db":"` + tenant + `","csl":".show tables"}`, `"` + r.table + `"`},
			wayTo{"native", "GET", "/v1/explain?tenant=" + tenant + "&query=" + r.table, "", r.table},
			wayTo{"graph hunting", "POST", "/v1.0/security/runHuntingQuery", `{"Query":` + say(all) + `,"Timespan":"2020-01-01/2030-01-01"}`, r.mark},
			wayTo{"arm", "GET", "WORKSPACE/tables?api-version=2022-10-01", "", `"` + r.table + `"`},
		)
	}
	return out
}

// matrix of package access: report → role → a cell for each licence.
func readMatrix(t *testing.T) (roles, columns []string, cells map[string]map[string][]string) {
	t.Helper()
	text, err := os.ReadFile("../access/testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	cells = map[string]map[string][]string{}
	report := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		head, rest, _ := strings.Cut(line, ":")
		switch {
		case line == "", line[0] == '#':
		case head == "roles":
			for name := range strings.SplitSeq(strings.TrimSuffix(rest, ","), ",") {
				roles = append(roles, strings.TrimSpace(name))
			}
		case head == "columns":
			columns = strings.FieldsFunc(strings.ReplaceAll(strings.ReplaceAll(rest, "Microsoft 365 Apps", "Microsoft_365_Apps"), "Workload ID Premium", "Workload_ID_Premium"), func(r rune) bool { return r == ' ' })
		case line[0] != ' ':
			report = line
			cells[report] = map[string][]string{}
		default:
			role, list, _ := strings.Cut(line, "|")
			cells[report][strings.TrimSpace(role)] = strings.Fields(list)
		}
	}
	return roles, columns, cells
}

// cell of the matrix for a face: r, w, l, k or -.
func cellOf(cells map[string]map[string][]string, report, role string, column int, face string) string {
	all := cells[report][role]
	if all == nil {
		return "-"
	}
	others, graph, _ := strings.Cut(all[column], "/")
	if face == "graph" {
		return graph
	}
	return others
}

// Every report by every way to it, as roles and licences have it: the data comes, or
// nothing of it does.
func TestWaysToReports(t *testing.T) {
	w := newWorld(t)
	ways, by := readWays(t), access.Operator()
	roles, columns, cells := readMatrix(t)
	var records []string
	for _, r := range access.NewPolicy().Reports() {
		if !slices.ContainsFunc(ways, func(x *reportWays) bool { return x.name == string(r) && x.ways != nil }) {
			t.Errorf("testdata/ways.txt has no way to %s", r)
		}
	}
	for _, r := range ways {
		if r.record != "" {
			records = append(records, r.record)
		}
	}
	w.push(strings.Join(records, "\n"))
	for _, r := range ways {
		if r.row != "" {
			if err := w.s.Append(context.Background(), tenant, r.table, []json.RawMessage{json.RawMessage(r.row)}, []string{"1"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.settle()
	if _, err := w.accounts.AddCustomRole(context.Background(), by, tenant, access.CustomRole{DisplayName: "a custom role that reads provisioning", Permissions: []string{"microsoft.directory/provisioningLogs/allProperties/read"}}); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"nobody": w.keyOf(tenant, scopes("Records.Write"))}
	for _, role := range roles {
		if keys[role] == "" {
			keys[role] = w.keyOf(tenant, access.APIKey{Roles: []string{role}})
		}
	}
	everything := len(columns) - 1
	asked := 0
	ask := func(r *reportWays, role string, column int) {
		t.Helper()
		for _, way := range r.ways {
			way.path = strings.Replace(way.path, "WORKSPACE", strings.SplitN(auditSetting, "/providers/Microsoft.Insights", 2)[0], 1)
			sees := cellOf(cells, r.name, role, column, way.face) != "-"
			tables := way.face != "graph" && r.table != "" && way.shows != `"value"` && way.shows != `"customerId"`
			if tables { // rows whose details the licence hides are not exported
				sees = strings.Contains("rw", cellOf(cells, r.name, role, column, "kusto"))
			}
			switch {
			case way.face == "graph hunting": // it is an operation of security, and reads as Graph does
				sees = cellOf(cells, "security", role, column, "graph") != "-" && strings.Contains("rw", cellOf(cells, r.name, role, column, "graph"))
			case way.face == "arm" && tables: // a list of the workspace's management
				sees = sees && cellOf(cells, "workspace", role, column, "arm") != "-"
			}
			shows := way.shows
			if shows == "" {
				shows = r.mark
			}
			asked++
			status, got, _ := w.call(way.method, way.path, []byte(way.body), keys[role], "Content-Type: application/json")
			switch has := strings.Contains(got, shows); {
			case shows == "-": // by resource: it has no rows, and the table is there or not
				if (status == 200) != sees {
					t.Errorf("%s, %s, licence %s, by %s %s: %d %.300s, want seen %t", r.name, role, columns[column], way.face, way.path, status, got, sees)
				}
			case sees && (status != 200 || !has):
				t.Errorf("%s, %s, licence %s, by %s %s %s: %d %.300s, want %s", r.name, role, columns[column], way.face, way.path, way.body, status, got, shows)
			case !sees && has && !strings.Contains(way.path+way.body, shows), !sees && r.mark != "" && strings.Contains(got, r.mark) && !strings.Contains(way.path+way.body, r.mark):
				t.Errorf("%s, %s, licence %s, by %s %s %s tells: %d %.300s", r.name, role, columns[column], way.face, way.path, way.body, status, got)
			case !sees && status == 200 && way.shows == `"value"`:
				t.Errorf("%s, %s, licence %s, by %s %s is answered: %.300s", r.name, role, columns[column], way.face, way.path, got)
			}
		}
	}
	for i, r := range ways {
		may := ""
		denied := 0
		for j := range roles {
			role := roles[(i+j)%len(roles)]
			if cellOf(cells, r.name, role, everything, "kusto") != "-" || cellOf(cells, r.name, role, everything, "graph") != "-" {
				ask(r, role, everything)
				if may == "" || role != access.GlobalAdministrator {
					may = role
				}
			} else if denied++; denied <= 3 {
				ask(r, role, everything)
			}
		}
		if may == "" {
			continue
		}
		for c, name := range columns {
			if _, err := w.accounts.SetTenant(context.Background(), by, tenant, func(d *access.Directory) error {
				d.Licences = []string{strings.ReplaceAll(name, "_", " ")}
				switch name {
				case "everything":
					d.Licences = nil
				case "none":
					d.Licences = []string{}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			ask(r, may, c)
		}
	}
	if asked < 800 {
		t.Errorf("only %d requests", asked)
	}
}
