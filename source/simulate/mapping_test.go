package simulate

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Categories without exported records follow their tables: a member of the
// properties is a column's name with a small first letter, or stands in
// testdata/unmapped.txt with its reason.
func TestNamesFollowTables(t *testing.T) {
	const schemas = "../../../shared/schemas/"
	text, err := os.ReadFile(schemas + "diagnostic/categories.json")
	if err != nil {
		t.Skip("no tables at ../shared/schemas: the names cannot be compared")
	}
	var list struct {
		Categories []struct{ Category, Table string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	columns := map[string]map[string]bool{}
	for _, c := range list.Categories {
		text, err := os.ReadFile(schemas + "log-analytics/" + c.Table + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var table struct{ Columns []struct{ Name string } }
		if err := json.Unmarshal(text, &table); err != nil {
			t.Fatal(err)
		}
		columns[c.Category] = map[string]bool{}
		for _, x := range table.Columns {
			columns[c.Category][strings.ToLower(x.Name)] = true
		}
		if len(columns[c.Category]) == 0 {
			t.Fatalf("no columns in %s", c.Table)
		}
	}
	if len(list.Categories) != len(Categories()) {
		t.Errorf("%d categories, of %d that there are", len(Categories()), len(list.Categories))
	}

	known := map[string]bool{}
	file, err := os.Open("testdata/unmapped.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		if what, reason, ok := strings.Cut(s.Text(), " -- "); ok && len(reason) > 10 && !strings.HasPrefix(what, "#") {
			known[what] = false
		}
	}

	compared := exportedCategories
	tenant := testTenant(t, Config{Seed: 3, Users: 100, Start: on(2026, 3, 2), End: on(2026, 3, 9), RecordsPerUserDay: 60})
	covered := map[string]map[string]bool{}
	for r := range records(t, tenant) {
		if compared[r.category] {
			continue
		}
		var x struct{ Properties map[string]any }
		if err := json.Unmarshal(r.line, &x); err != nil {
			t.Fatal(err)
		}
		if covered[r.category] == nil {
			covered[r.category] = map[string]bool{}
		}
		for k := range x.Properties {
			covered[r.category][k] = true
		}
	}
	for c, members := range covered {
		if columns[c] == nil {
			t.Errorf("there is no category %s", c)
		}
		for k := range members {
			if columns[c][strings.ToLower(k)] {
				continue
			}
			if _, ok := known[c+" "+k]; !ok {
				t.Errorf("%s: no column for %s, and it is not in testdata/unmapped.txt", c, k)
			}
			known[c+" "+k] = true
		}
	}
	for k, used := range known {
		if !used {
			t.Errorf("testdata/unmapped.txt lists what does not occur: %s", k)
		}
	}
}

// exportedCategories are those whose form is compared with exported records.
var exportedCategories = map[string]bool{
	"AuditLogs": true, "SignInLogs": true, "NonInteractiveUserSignInLogs": true, "ServicePrincipalSignInLogs": true, "ManagedIdentitySignInLogs": true,
	"MicrosoftGraphActivityLogs": true, "RiskyUsers": true, "UserRiskEvents": true,
}
