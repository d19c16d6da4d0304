package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sextant/access"
	"sextant/record"
)

const stranger = "99999999-8888-4777-8666-555555555555" // another directory

// keyOf makes a key of a tenant and gives the header that brings it.
func (w *world) keyOf(tenant string, k access.APIKey) string {
	w.t.Helper()
	k.Name, k.Tenant = "of a test", tenant
	secret, _, err := w.accounts.CreateKey(context.Background(), access.Operator(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	return "Authorization: Bearer " + secret
}

func roles(names ...string) access.APIKey  { return access.APIKey{Roles: names} }
func scopes(names ...string) access.APIKey { return access.APIKey{Scopes: names} }

// twoDirectories with a sign-in, a risky user and a row of a custom kind each.
func twoDirectories(t *testing.T) *world {
	w := newWorld(t)
	records := []string{
		signIn("secret-1"),
		`{"time":"2026-01-02T03:04:05Z","category":"RiskyUsers","tenantId":"` + tenant + `","properties":{"id":"risky-1","userPrincipalName":"secret-upn@aldermoor.example","riskLastUpdatedDateTime":"2026-01-02T03:04:05Z"}}`,
		`{"time":"2026-01-02T03:04:05Z","category":"AuditLogs","operationName":"Add user","tenantId":"` + tenant + `","properties":{"id":"audit-1","loggedByService":"Core Directory"}}`,
		`{"time":"2026-01-02T03:04:05Z","category":"Heartbeat","tenantId":"` + tenant + `","properties":{"Computer":"open-1"}}`,
		strings.ReplaceAll(signIn("theirs-1"), tenant, stranger),
	}
	w.push(strings.Join(records, "\n"))
	w.settle()
	return w
}

// asks a query and gives the answer's text, or the error's.
func (w *world) asks(key, workspace, query string) (int, string) {
	w.t.Helper()
	b, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		w.t.Fatal(err)
	}
	status, text, _ := w.call("POST", "/v1/workspaces/"+workspace+"/query", b, key)
	return status, text
}

// Who reads the workspace and not the sign-ins meets a workspace in which there are
// none, whatever the words.
func TestWhatOneMayNotReadIsNotThere(t *testing.T) {
	w := twoDirectories(t)
	key := w.keyOf(tenant, roles("Log Analytics Reader"))
	for _, text := range []string{
		"Heartbeat | count", "search 'secret-1'", "search in (*) 'secret-upn'", "union * | where TimeGenerated > datetime(2000-01-01) | take 100",
		"union withsource=T * | distinct T", "find where TimeGenerated > datetime(2000-01-01)", "union isfuzzy=true SigninLogs, Heartbeat",
	} {
		status, got := w.asks(key, tenant, text)
		if status != 200 || strings.Contains(got, "secret-") || strings.Contains(got, "SigninLogs") || strings.Contains(got, "RiskyUsers") {
			t.Errorf("%s: %d %s", text, status, got)
		}
	}
	// The word in the error is the only thing that differs from a table that never was.
	for _, text := range []string{
		"SigninLogs", "SigninLogs | count", "Heartbeat | join kind=inner SigninLogs on Computer", "union SigninLogs, Heartbeat", "search in (SigninLogs) 'x'",
		"table('SigninLogs')", "let f = () { SigninLogs }; f", "Heartbeat | where Computer in (SigninLogs)", "SigninLog | count", "workspace('" + tenant + "').SigninLogs",
		"SigninLogs | where Id == 'secret-1'", "print toscalar(SigninLogs | count)",
	} {
		s1, hidden := w.asks(key, tenant, text)
		s2, never := w.asks(key, tenant, strings.ReplaceAll(text, "SigninLogs", "QwertyLogs"))
		hidden, never = passing.ReplaceAllString(hidden, "*"), passing.ReplaceAllString(never, "*")
		if s1 != 400 || s1 != s2 || strings.ReplaceAll(hidden, "SigninLogs", "QwertyLogs") != never || strings.Contains(hidden, "SigninLogs") && !strings.Contains(text, "SigninLogs") {
			t.Errorf("%s: %d %s\n%d %s", text, s1, hidden, s2, never)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/workspaces/" + tenant + "/metadata", ""},
		{"POST", "/v1/rest/mgmt", `{"csl":".show tables"}`}, {"POST", "/v1/rest/mgmt", `{"csl":".show tables details"}`},
		{"POST", "/v1/rest/mgmt", `{"csl":".show schema"}`}, {"POST", "/v1/rest/mgmt", `{"csl":".show database schema as json"}`},
		{"POST", "/v1/rest/mgmt", `{"csl":".show databases schema as json"}`},
		{"GET", "/subscriptions/" + tenant + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + tenant + "/tables?api-version=2022-10-01", ""},
	} {
		status, got, _ := w.call(c.method, c.path, []byte(c.body), key)
		if status != 200 || strings.Contains(got, "SigninLogs") || strings.Contains(got, "AADRiskyUsers") || !strings.Contains(got, "Heartbeat") {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, got[:min(len(got), 800)])
		}
	}
	for _, c := range []struct {
		path, csl string
	}{{"/v1/rest/query", "SigninLogs | count"}, {"/v2/rest/query", "SigninLogs | count"}, {"/v1/rest/mgmt", ".show table SigninLogs"}, {"/v1/rest/mgmt", ".show table SigninLogs cslschema"}, {"/v1/rest/mgmt", ".show tables | where TableName == 'SigninLogs'"}} {
		ask := func(csl string) string {
			status, got, _ := w.call("POST", c.path, []byte(`{"csl":`+quoted(csl)+`}`), key)
			got = regexp.MustCompile(`[0-9a-f-]{36}|"timestamp":"[^"]*"|"Timestamp":"[^"]*"|"CPU"[^}]*`).ReplaceAllString(got, "*")
			return fmt.Sprint(status, got)
		}
		if hidden, never := ask(c.csl), ask(strings.ReplaceAll(c.csl, "SigninLogs", "QwertyLogs")); strings.ReplaceAll(hidden, "SigninLogs", "QwertyLogs") != never {
			t.Errorf("%s %s:\n%s\n%s", c.path, c.csl, hidden, never)
		}
	}
	// How it would run, and the log itself.
	if status, got, _ := w.call("GET", "/v1/explain?query="+url.QueryEscape("SigninLogs | count"), nil, key); status != 400 || !strings.Contains(got, "Failed to resolve") {
		t.Errorf("explain: %d %s", status, got)
	}
	if sees := (&view{s: w.s, who: &access.Principal{Kind: access.Key, Tenant: tenant, Roles: []string{"Log Analytics Reader"}}, face: access.Native}).seesCategory(w.node.Tenants()[0]); sees("signinlogs") || sees("riskyusers") || !sees("heartbeat") {
		t.Error("a tail shows what may not be read, or not what may")
	}
}

func TestRolesOpenTheirTables(t *testing.T) {
	w := twoDirectories(t)
	for _, c := range []struct {
		key  access.APIKey
		sees string
	}{
		{roles("Reports Reader"), "AuditLogs SigninLogs"},
		{roles("Security Reader"), "AADRiskyUsers AuditLogs SigninLogs"},
		{roles("Log Analytics Reader"), "Heartbeat"},
		{roles("Global Administrator"), "AADRiskyUsers AuditLogs Heartbeat SigninLogs"},
		{scopes("AuditLog.Read.All"), "AuditLogs SigninLogs"},
		{scopes("IdentityRiskyUser.Read.All"), "AADRiskyUsers"},
		{scopes("Data.Read"), "AADRiskyUsers AuditLogs Heartbeat SigninLogs"},
		{access.APIKey{Root: true}, "AADRiskyUsers AuditLogs Heartbeat SigninLogs"},
	} {
		key := w.keyOf(tenant, c.key)
		var sees []string
		for _, table := range strings.Fields("AADRiskyUsers AuditLogs Heartbeat SigninLogs") {
			status, got := w.asks(key, tenant, table+" | count")
			switch {
			case status == 200:
				sees = append(sees, table)
			case status != 400 || !strings.Contains(got, "Failed to resolve"):
				t.Errorf("%v: %d %s", c.key, status, got)
			}
		}
		if got := strings.Join(sees, " "); got != c.sees {
			t.Errorf("%v %v sees %s, want %s", c.key.Roles, c.key.Scopes, got, c.sees)
		}
	}
	// Nothing at all is a refusal, in the service's words.
	w.expect("POST", "/v1/workspaces/"+tenant+"/query", `{"query":"print 1"}`, 403, "InsufficientAccessError", w.keyOf(tenant, scopes("Records.Write")))
	w.expect("POST", "/v1/rest/query", `{"csl":"print 1"}`, 403, "Forbidden", w.keyOf(tenant, scopes("Metrics.Read")))
}

// Another directory's workspace is as one that is nowhere.
func TestOtherDirectoriesAreNotThere(t *testing.T) {
	w := twoDirectories(t)
	theirs := w.node.Tenants()[1]
	if theirs.ID != stranger {
		t.Fatal(theirs.ID)
	}
	const nowhere = "12345678-8888-4777-8666-555555555555"
	key := w.keyOf(tenant, access.APIKey{Root: true})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/workspaces/%s/query", `{"query":"print 1"}`}, {"GET", "/v1/workspaces/%s/metadata", ""},
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1","workspaces":["%s"]}`},
		{"POST", "/v1/$batch", `{"requests":[{"id":"1","workspace":"%s","path":"/query","body":{"query":"print 1"}}]}`},
		{"POST", "/v1/rest/query", `{"db":"%s","csl":"print 1"}`}, {"POST", "/v1/rest/mgmt", `{"db":"%s","csl":".show database schema"}`},
		{"GET", "/v1/tail?tenant=%s", ""}, {"GET", "/v1/explain?tenant=%s&query=print+1", ""}, {"GET", "/v1/watchlists?tenant=%s", ""},
		{"GET", "/subscriptions/%s/providers/Microsoft.OperationalInsights/workspaces?api-version=2022-10-01", ""},
		{"PUT", "/subscriptions/%s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/mine?api-version=2022-10-01", "{}"},
		{"GET", "/v1/access/users?tenant=%s", ""}, {"POST", "/v1/access/keys", `{"displayName":"x","tenant":"%s","administrator":true}`},
		{"POST", "/v1/records/replay?tenant=%s", ""},
	} {
		for _, id := range []string{theirs.ID, theirs.Workspace} {
			ask := func(id string) string {
				path, body := c.path, c.body
				if strings.Contains(path, "%s") {
					path = fmt.Sprintf(path, id)
				}
				if strings.Contains(body, "%s") {
					body = fmt.Sprintf(body, id)
				}
				status, got, _ := w.call(c.method, path, []byte(body), key)
				got = regexp.MustCompile(`"(activityId|subActivityId|parentActivityId|clientRequestId|timestamp)":"[^"]*"`).ReplaceAllString(got, "*")
				return fmt.Sprint(status, " ", passing.ReplaceAllString(strings.ReplaceAll(got, id, "ID"), "*"))
			}
			if c.method == "PUT" && id == theirs.Workspace {
				continue // a subscription of that name is anybody's
			}
			if strings.HasPrefix(c.path, "/subscriptions/") {
				if got := ask(id); id == theirs.ID && !strings.HasPrefix(got, "404 ") {
					t.Errorf("%s %s: %s", c.method, c.path, got)
				}
				continue
			}
			if forbidden, unknown := ask(id), ask(nowhere); forbidden != unknown || strings.HasPrefix(forbidden, "200 ") && !strings.Contains(forbidden, `"status":404`) {
				t.Errorf("%s %s:\n%s\n%s", c.method, c.path, forbidden, unknown)
			}
		}
	}
	for _, path := range []string{"/v1/tenants", "/v1/access/tenants", "/v1/access/keys"} {
		if _, got, _ := w.call("GET", path, nil, key); strings.Contains(got, stranger) || strings.Contains(got, theirs.Workspace) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if _, got, _ := w.call("POST", "/v1/rest/mgmt", []byte(`{"csl":".show databases"}`), key); strings.Contains(got, stranger) || !strings.Contains(got, tenant) {
		t.Errorf(".show databases: %s", got)
	}
	// Errors that list what there is list one's own.
	if status, got := w.asks(key, "default", "SigninLogs | project Id"); status != 200 || !strings.Contains(got, "secret-1") || strings.Contains(got, "theirs") {
		t.Errorf("default: %d %s", status, got)
	}
	// Nor can records be brought to others.
	body := signIn("mine-2") + "\n" + strings.ReplaceAll(signIn("planted"), tenant, stranger)
	w.expect("POST", "/v1/records", body, 403, "brings records of its own alone", key)
	w.expect("POST", "/v1/records?tenant="+stranger, strings.Replace(signIn("x"), `"tenantId":"`+tenant+`",`, "", 1), 403, "of its own alone", key)
	w.expect("POST", "/v1/records", strings.Replace(signIn("mine-3"), `"tenantId":"`+tenant+`",`, "", 1), 200, `"accepted":1`, key)
	w.settle()
	if _, got := w.asks("Accept: */*", stranger, "SigninLogs | project Id"); strings.Contains(got, "planted") {
		t.Error("a record was planted in another directory")
	}
	// Keys of the node see both; metrics from afar and the node's keys are theirs alone.
	w.expect("POST", "/v1/access/keys", `{"displayName":"x","tenant":"*","administrator":true}`, 403, "may not do this", key)
	w.expect("GET", "/v1/tenants", "", 200, stranger)
}

func TestWhatPrincipalsManage(t *testing.T) {
	w := twoDirectories(t)
	const sub = "/subscriptions/5ub-of-theirs/resourceGroups/g/providers/"
	const law, v = sub + "Microsoft.OperationalInsights/workspaces/hunting1", "?api-version=2022-10-01"
	reader, contributor := w.keyOf(tenant, roles("Log Analytics Reader")), w.keyOf(tenant, roles("Log Analytics Contributor"))
	other := w.keyOf(stranger, access.APIKey{Root: true})
	w.expect("PUT", law+v, `{"location":"x"}`, 403, "AuthorizationFailed", reader)
	w.expect("PUT", law+v, `{"location":"x"}`, 403, "AuthorizationFailed", w.keyOf(tenant, roles("Security Reader")))
	w.expect("PUT", law+v, `{"location":"x"}`, 201, "hunting1", contributor)
	w.expect("GET", law+v, "", 200, "hunting1", reader)
	w.expect("POST", law+"/sharedKeys"+v, "", 403, "AuthorizationFailed", reader)
	w.expect("POST", law+"/sharedKeys"+v, "", 200, "primarySharedKey", contributor)
	// The subscription is the first one's from now on, and all that lies in it.
	w.expect("GET", law+v, "", 404, "SubscriptionNotFound", other)
	w.expect("PUT", law+"x"+v, `{"location":"x"}`, 404, "SubscriptionNotFound", other)
	if _, got := w.asks(other, "hunting1", "print 1"); !strings.Contains(got, "WorkspaceNotFound") {
		t.Error(got)
	}
	if status, got := w.asks(reader, "hunting1", "Heartbeat | count"); status != 200 {
		t.Error(status, got)
	}
	// Rows come in by the roles that bring them.
	dcr := sub + "Microsoft.Insights/dataCollectionRules/r1?api-version=2022-06-01"
	rule := `{"location":"x","properties":{"streamDeclarations":{"Custom-Mine_CL":{"columns":[{"name":"TimeGenerated","type":"datetime"},{"name":"A","type":"string"}]}},
		"destinations":{"logAnalytics":[{"workspaceResourceId":"` + law + `","name":"d"}]},"dataFlows":[{"streams":["Custom-Mine_CL"],"destinations":["d"],"transformKql":"source","outputStream":"Custom-Mine_CL"}]}}`
	w.expect("PUT", dcr, rule, 403, "AuthorizationFailed", reader)
	text := w.expect("PUT", dcr, rule, 201, `"immutableId":"dcr-`, contributor)
	id := regexp.MustCompile(`dcr-[0-9a-f]+`).FindString(text)
	in := "/dataCollectionRules/" + id + "/streams/Custom-Mine_CL?api-version=2023-01-01"
	w.expect("POST", in, `[{"A":"x"}]`, 403, "OperationFailed", reader)
	w.expect("POST", in, `[{"A":"x"}]`, 204, "", w.keyOf(tenant, roles("Monitoring Metrics Publisher")))
	w.expect("POST", in, `[{"A":"x"}]`, 404, "no data collection rule", other)
	w.expect("POST", "/v1/records", signIn("n"), 403, "may not do this", reader)
	w.expect("POST", "/v1/records", signIn("n"), 200, `"accepted":1`, w.keyOf(tenant, scopes("Records.Write")))
	w.expect("GET", "/v1/watchlists", "", 200, "value", reader)
	w.expect("PUT", "/v1/watchlists?alias=vips&key=a", "a\n1\n", 403, "may not", reader)
	w.expect("PUT", "/v1/watchlists?alias=vips&key=a", "a\n1\n", 200, `"alias":"vips"`, contributor)
	w.expect("GET", "/v1/alertrules", "", 200, `"value":\[\]`, contributor)
	w.expect("GET", "/v1/alertrules", "", 403, "may not", w.keyOf(tenant, roles("Reports Reader")))
}

// A person who changes the directory needs the role that does, and an application the
// permission for that part.
func TestWhoChangesTheDirectory(t *testing.T) {
	w := twoDirectories(t)
	for _, c := range []struct {
		key                             access.APIKey
		list, add, assign, passwd, key2 int
	}{
		{roles("Global Administrator"), 200, 200, 200, 204, 200},
		{roles("Global Reader"), 200, 403, 403, 403, 403},
		{roles("Security Administrator"), 403, 403, 403, 403, 403},
		{scopes("User.ReadWrite.All"), 403, 200, 403, 403, 403},
		{scopes("Directory.Read.All"), 200, 403, 403, 403, 403},
		{scopes("Application.ReadWrite.All"), 403, 403, 403, 403, 403},
		{scopes("RoleManagement.ReadWrite.Directory"), 200, 200, 200, 204, 200},
	} {
		key := w.keyOf(tenant, c.key)
		upn := fmt.Sprintf("u%d@aldermoor.example", len(w.accounts.People(tenant)))
		name := fmt.Sprint(c.key.Roles, c.key.Scopes)
		f := func(what string, want int, method, path, body string) {
			t.Helper()
			if status, got, _ := w.call(method, "/v1/access/"+path, []byte(body), key); status != want {
				t.Errorf("%s: %s: %d %s, want %d", name, what, status, got, want)
			}
		}
		if _, err := w.accounts.AddPerson(context.Background(), access.Operator(), tenant, access.Person{UserPrincipalName: "v" + upn, AccountEnabled: true}); err != nil {
			t.Fatal(err)
		}
		f("list", c.list, "GET", "users", "")
		f("add", c.add, "POST", "users", `{"userPrincipalName":"`+upn+`"}`)
		f("assign", c.assign, "POST", "assignments", `{"roleDefinitionName":"Reports Reader","principal":"v`+upn+`"}`)
		f("password", c.passwd, "POST", "users/v"+upn+"/password", `{"password":"a sentence that is long"}`)
		f("key", c.key2, "POST", "keys", `{"displayName":"k","scopes":["AuditLog.Read.All"]}`)
	}
}

// fakeTokens takes tokens of three parts: what, audience, nobody.
type fakeTokens struct{ http.Handler }

func (fakeTokens) Handles(*http.Request) bool { return false }

func (fakeTokens) Verify(_ context.Context, token string, audiences []string) (*access.Principal, error) {
	part := strings.Split(token, ".")
	ok := false
	for _, a := range audiences {
		ok = ok || access.CanonicalAudience(a) == access.CanonicalAudience("https://"+strings.ReplaceAll(part[1], "-", "."))
	}
	switch {
	case part[0] == "old":
		return nil, access.ErrTokenExpired
	case part[0] == "bad":
		return nil, access.ErrToken
	case part[0] == "off":
		return nil, access.ErrDisabled
	case !ok:
		return nil, access.ErrTokenAudience
	}
	return &access.Principal{Kind: access.User, Tenant: tenant, Name: "ann@aldermoor.example", Roles: []string{"Global Administrator"}}, nil
}

// Each face has its own words for a token that it does not take.
func TestTokensOfEachFace(t *testing.T) {
	w := twoDirectories(t)
	w.s.verifier = fakeTokens{}
	const own = "/subscriptions/" + tenant + "/providers/Microsoft.OperationalInsights/workspaces?api-version=2022-10-01"
	for _, c := range []struct{ method, path, body, token, want string }{
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1"}`, "good.api-loganalytics-io.x", "200 "},
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1"}`, "good.graph-microsoft-com.x", "403 InsufficientAccessError"},
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1"}`, "old.api-loganalytics-io.x", "401 InvalidTokenError"},
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1"}`, "bad.api-loganalytics-io.x", "401 InvalidTokenError"},
		{"POST", "/v1/workspaces/" + tenant + "/query", `{"query":"print 1"}`, "off.api-loganalytics-io.x", "401 InvalidTokenError"},
		{"GET", own, "", "good.management-azure-com.x", "200 "},
		{"GET", own, "", "good.management-core-windows-net.x", "200 "},
		{"GET", own, "", "good.api-loganalytics-io.x", "401 InvalidAuthenticationTokenAudience"},
		{"GET", own, "", "old.management-azure-com.x", "401 ExpiredAuthenticationToken"},
		{"GET", own, "", "bad.management-azure-com.x", "401 InvalidAuthenticationToken"},
		{"POST", "/v2/rest/query", `{"csl":"print 1"}`, "good.kusto-kusto-windows-net.x", "200 "},
		{"POST", "/v2/rest/query", `{"csl":"print 1"}`, "good.api-loganalytics-io.x", "401 Unauthorized"},
		{"POST", "/dataCollectionRules/dcr-1/streams/Custom-A_CL?api-version=2023-01-01", "[]", "good.management-azure-com.x", "401 InvalidToken"},
		{"POST", "/dataCollectionRules/dcr-1/streams/Custom-A_CL?api-version=2023-01-01", "[]", "good.monitor-azure-com.x", "404 "},
		{"GET", "/v1/tenants", "", "good.graph-microsoft-com.x", "403 InsufficientAccessError"},
	} {
		status, text, h := w.call(c.method, c.path, []byte(c.body), "Authorization: Bearer "+c.token)
		wantStatus, code, _ := strings.Cut(c.want, " ")
		if fmt.Sprint(status) != wantStatus || !strings.Contains(text, code) || status == 401 && !strings.Contains(h.Get("WWW-Authenticate"), `authorization_uri="http://`) {
			t.Errorf("%s %s with %s: %d %s %v, want %s", c.method, c.path, c.token, status, text[:min(len(text), 300)], h["Www-Authenticate"], c.want)
		}
	}
}

func TestKeysEnd(t *testing.T) {
	w := twoDirectories(t)
	text := w.expect("POST", "/v1/access/keys", `{"displayName":"k","tenant":"`+tenant+`","scopes":["AuditLog.Read.All"],"days":1}`, 200, `"secretText":"sxt_`)
	var made NewKey
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Hash != nil {
		t.Fatalf("%v %+v", err, made)
	}
	key := "Authorization: Bearer " + made.Secret
	if status, got := w.asks(key, tenant, "SigninLogs | count"); status != 200 {
		t.Fatal(status, got)
	}
	if _, got, _ := w.call("GET", "/v1/access/keys", nil); strings.Contains(got, made.Secret) || strings.Contains(got, `"hash"`) && !strings.Contains(got, `"hash":null`) {
		t.Errorf("the list tells secrets: %s", got)
	}
	w.expect("DELETE", "/v1/access/keys/"+made.ID, "", 404, "there is no key", w.keyOf(stranger, access.APIKey{Root: true}))
	w.expect("DELETE", "/v1/access/keys/"+made.ID, "", 200, "revokedDateTime")
	if status, got := w.asks(key, tenant, "SigninLogs | count"); status != 401 || !strings.Contains(got, "revoked") {
		t.Error(status, got)
	}
	w.expect("POST", "/v1/access/keys", `{"displayName":"k","surprise":1}`, 400, "surprise")
}

func TestSetupLink(t *testing.T) {
	w := newWorld(t)
	first, err := w.accounts.NewSetup()
	if err != nil {
		t.Fatal(err)
	}
	code, err := w.accounts.NewSetup() // a later start
	if err != nil || code == "" {
		t.Fatal(err)
	}
	form := func(code, again string) string {
		return url.Values{"code": {code}, "tenant": {tenant}, "upn": {"ann@aldermoor.example"}, "name": {`<b>"Ann"</b>`}, "password": {"a sentence that is long"}, "again": {again}}.Encode()
	}
	const kind = "Content-Type: application/x-www-form-urlencoded"
	const none = "Authorization: "
	w.expect("GET", "/setup?code=nonsense", "", 403, "not valid", none)
	w.expect("GET", "/setup?code="+first, "", 403, "not valid", none)
	_, page, h := w.call("GET", "/setup?code="+code, nil, none)
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(page, "<form") || strings.Contains(page, "<script") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self'") || h.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("%s %v", page, h)
	}
	w.expect("POST", "/setup", form(code, "another sentence that is long"), 400, "The two passwords differ\\..*&lt;b&gt;", none, kind)
	w.expect("POST", "/setup", form(code, "a sentence that is long"), 403, "not answered", none, kind, "Origin: https://evil.example")
	w.expect("POST", "/setup", form(code, "a sentence that is long"), 200, "ann@aldermoor.example</b> is Global Administrator", none, kind)
	w.expect("POST", "/setup", form(code, "a sentence that is long"), 403, "not valid", none, kind)
	if again, err := w.accounts.NewSetup(); again != "" || err != nil {
		t.Error("there is an administrator, and a link all the same")
	}
	p, err := w.accounts.CheckPassword(context.Background(), tenant, "ANN@aldermoor.example", "a sentence that is long")
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.accounts.ForPerson(tenant, p.ID, "", nil)
	if err != nil || !who.Is(access.GlobalAdministrator) {
		t.Errorf("%+v %v", who, err)
	}
	w.settle()
	if _, got := w.asks("Accept: */*", tenant, "AuditLogs | summarize make_set(OperationName)"); !strings.Contains(got, "Add member to role") || !strings.Contains(got, "Add user") {
		t.Error(got)
	}
}

// Every table that comes with the program, and every category, belongs to a report: what
// the map forgets nobody could read.
func TestEveryTableIsInTheMap(t *testing.T) {
	model, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	p := access.NewPolicy()
	for _, d := range model.Defs() {
		if _, ok := p.OfTable(d.Name); !ok {
			t.Errorf("access/data/tables.txt has no %s", d.Name)
		}
	}
	for _, c := range model.Categories() {
		if _, ok := p.OfTable(tableOf(model, c.Name)); !ok {
			t.Errorf("the category %s belongs to no report", c.Name)
		}
	}
	// Those that the directory's own roles keep are named, and not left to the workspace.
	for table, want := range map[string]access.Report{
		"AuditLogs": access.Audit, "SigninLogs": access.SignIns, "AADNonInteractiveUserSignInLogs": access.SignIns, "AADServicePrincipalSignInLogs": access.SignIns,
		"AADManagedIdentitySignInLogs": access.SignIns, "ADFSSignInLogs": access.SignIns, "AADProvisioningLogs": access.Provisioning, "AADRiskyUsers": access.Protection,
		"AADUserRiskEvents": access.Protection, "AADRiskyServicePrincipals": access.WorkloadProtection, "AADServicePrincipalRiskEvents": access.WorkloadProtection,
		"AADCustomSecurityAttributeAuditLogs": access.AttributeAudit, "SecurityAlert": access.Security, "SecurityIncident": access.Security, "AnyCategory_CL": access.Workspace,
	} {
		if got, ok := p.OfTable(table); !ok || got != want {
			t.Errorf("%s is of %q, want %q", table, got, want)
		}
	}
}
