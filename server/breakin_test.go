package server

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sextant/access"
)

// What differs between two answers to the same question: ids of requests, and times.
var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z?|"(CPU|executionTime|Duration|took)":?[^,}]*`)

// What one may not know of is answered as what never was, by every door: see
// testdata/breakins.txt.
func TestBreakIns(t *testing.T) {
	w := twoDirectories(t)
	const nobody, nowhere = "77777777-6666-4777-8666-555555555555", "12121212-3434-4565-8787-909090909090"
	theirWorkspace := ""
	for _, n := range w.node.Tenants() {
		if n.ID == stranger {
			theirWorkspace = n.Workspace
		}
	}
	here := "/subscriptions/" + tenant + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + tenant
	// What the other directory has, so that there is something to find.
	theirs := w.keyOf(stranger, access.APIKey{Root: true})
	of := strings.NewReplacer(tenant, stranger)
	w.expect("PUT", "/subscriptions/"+stranger+"/resourceGroups/g/providers/Microsoft.Insights/actionGroups/theirs?api-version=2023-01-01",
		`{"location":"Global","properties":{"groupShortName":"theirs","enabled":true,"webhookReceivers":[{"name":"secret-hook","serviceUri":"https://hook.example/secret"}]}}`, 201, "theirs", theirs)
	rule := w.expect("PUT", "/subscriptions/"+stranger+"/resourceGroups/g/providers/Microsoft.Insights/dataCollectionRules/r?api-version=2022-06-01",
		`{"location":"x","properties":{"streamDeclarations":{"Custom-Theirs_CL":{"columns":[{"name":"TimeGenerated","type":"datetime"},{"name":"A","type":"string"}]}},"destinations":{"logAnalytics":[{"workspaceResourceId":"`+of.Replace(here)+`","name":"d"}]},"dataFlows":[{"streams":["Custom-Theirs_CL"],"destinations":["d"],"transformKql":"source","outputStream":"Custom-Theirs_CL"}]}}`,
		201, `"immutableId":"dcr-`, theirs)
	fill := strings.NewReplacer("WORKSPACE", here, "RULES", "/subscriptions/"+tenant+"/resourceGroups/g/providers/Microsoft.Insights", "HOME", tenant, "THEIRS", regexp.MustCompile(`dcr-[0-9a-f]+`).FindString(rule))
	workspace, administrator := w.keyOf(tenant, roles("Log Analytics Contributor", "Monitoring Contributor")), w.keyOf(tenant, roles(access.GlobalAdministrator))

	text, err := os.ReadFile("testdata/breakins.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(f) < 3 || f[0] == "#" || strings.HasPrefix(f[0], "#") {
			continue
		}
		n++
		if len(f) == 3 {
			f = append(f, "")
		}
		ask := func(x, key string) (int, string) {
			put := func(s string) string { return word.ReplaceAllString(fill.Replace(s), x) }
			status, got, _ := w.call(f[1], put(f[2]), []byte(put(f[3])), key, "Content-Type: application/json")
			for _, secret := range map[bool][]string{true: {"secret-"}, false: {"theirs-1", "secret-hook"}}[f[0] == "table"] {
				if strings.Contains(got, secret) && !strings.Contains(put(f[2]+f[3]), secret) {
					t.Errorf("%s: it tells %s: %d %s", line, secret, status, got)
				}
			}
			return status, passing.ReplaceAllString(strings.ReplaceAll(strings.ReplaceAll(got, strings.ToLower(x), "X"), x, "X"), "*")
		}
		x1, x2, key := "", "", administrator
		switch f[0] {
		case "table":
			x1, x2, key = "SigninLogs", "QwertyLogs", workspace
		case "tenant":
			x1, x2 = stranger, nobody
		case "place":
			x1, x2 = theirWorkspace, nowhere
		case "closed":
			if status, got := ask(stranger, key); status != 404 && status != 403 {
				t.Errorf("%s%d %s", line, status, got)
			}
			continue
		default:
			t.Fatal(line)
		}
		s1, hidden := ask(x1, key)
		s2, never := ask(x2, key)
		if s1 != s2 || hidden != never {
			t.Errorf("%s hidden %d %s\n never %d %s", line, s1, cut(hidden), s2, cut(never))
		}
	}
	if n < 80 {
		t.Errorf("only %d ways in", n)
	}
}

var word = regexp.MustCompile(`\bX\b`)

func cut(s string) string { return fmt.Sprintf("%.600s", s) }

// How much there is of what one may not see is not told.
func TestSizesOfWhatIsHidden(t *testing.T) {
	w := twoDirectories(t)
	size := func(key string) (n int) {
		t.Helper()
		_, text, _ := w.call("GET", "/v1/tenants", nil, key)
		m := regexp.MustCompile(`"tenant":"` + tenant + `"[^}]*"logBytes":(\d+)`).FindStringSubmatch(text)
		if m == nil {
			t.Fatal(text)
		}
		n, _ = strconv.Atoi(m[1])
		return n
	}
	reader, all := w.keyOf(tenant, roles("Log Analytics Reader")), w.keyOf(tenant, access.APIKey{Root: true})
	before, whole := size(reader), size(all)
	w.push(signIn("secret-more"))
	w.settle()
	if after := size(reader); after != before || before == 0 {
		t.Errorf("the log of who does not read sign-ins grew from %d to %d bytes by one", before, after)
	}
	if size(all) <= whole {
		t.Error("the administrator's log did not grow")
	}
}
