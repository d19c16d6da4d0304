package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const (
	group = "/subscriptions/5ub/resourceGroups/Logs/providers/"
	ws    = group + "Microsoft.OperationalInsights/workspaces/"
	dcr   = group + "Microsoft.Insights/dataCollectionRules/"
	v22   = "?api-version=2022-10-01"
)

// answered decodes an answer.
func answered[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

type armWorkspace struct {
	ID, Name, Etag string
	Properties     struct {
		CustomerID        string `json:"customerId"`
		ProvisioningState string
		RetentionInDays   int
	}
}

func TestWorkspaces(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	w.settle()
	w.expect("GET", ws+"law1", "", 400, "MissingApiVersionParameter")
	w.expect("GET", ws+"law1?api-version=now", "", 400, "InvalidApiVersionParameter")
	w.expect("GET", ws+"law1"+v22, "", 404, "ResourceNotFound")
	w.expect("PATCH", ws+"law1"+v22, "{}", 404, "ResourceNotFound")
	w.expect("PUT", ws+"l"+v22, "{}", 400, "InvalidResourceName")
	w.expect("PUT", ws+"law1"+v22, "{", 400, "InvalidRequestContent")
	made := answered[armWorkspace](t, w.expect("PUT", ws+"Law1"+v22, `{"location":"here","properties":{"sku":{"name":"PerGB2018"},"retentionInDays":90}}`, 201, `"provisioningState":"Succeeded"`))
	if made.Name != "Law1" || made.Properties.RetentionInDays != 90 || len(made.Properties.CustomerID) != 36 {
		t.Errorf("%+v", made)
	}
	again := answered[armWorkspace](t, w.expect("GET", strings.ToLower(ws+"Law1"+v22), "", 200, "Law1"))
	if again.ID != ws+"Law1" || again.Properties.CustomerID != made.Properties.CustomerID {
		t.Errorf("%+v", again)
	}
	w.expect("PATCH", ws+"law1"+v22, `{"properties":{"retentionInDays":30}}`, 200, `"retentionInDays":30`)
	w.expect("PATCH", ws+"law1"+v22, `{"tags":{"a":"b"}}`, 412, "PreconditionFailed", "If-Match: "+made.Etag)
	w.expect("PUT", ws+"law1"+v22, `{"properties":{"retentionInDays":99999}}`, 400, "1 to 4383")
	w.expect("DELETE", ws+"law1"+v22, "", 405, "MethodNotAllowed")
	w.expect("GET", "/subscriptions/5ub/resourcegroups/logs/providers/microsoft.operationalinsights/workspaces"+v22, "", 200, `^\{"value":\[\{[^\n]*Law1[^\n]*\}\]\}\s$`)
	w.expect("GET", "/Subscriptions/5ub/providers/Microsoft.OperationalInsights/workspaces"+v22, "", 200, `/subscriptions/`+tenant+`/.*Law1|Law1.*/subscriptions/`+tenant)
	w.expect("POST", "/subscriptions/5ub/providers/Microsoft.OperationalInsights/register"+v22, "", 200, "Registered")
	keys := w.expect("POST", ws+"law1/sharedKeys"+v22, "", 200, "primarySharedKey")
	if w.expect("POST", ws+"law1/sharedKeys"+v22, "", 200, "") != keys || w.expect("POST", ws+"law1/regenerateSharedKey"+v22, "", 200, "") == keys {
		t.Error("keys stay until they are made anew")
	}
	// It is a workspace like the other, and shares nothing with it.
	w.expect("POST", "/v1/workspaces/"+made.Properties.CustomerID+"/query", `{"query":"SigninLogs | count"}`, 200, `\[\[0\]\]`)
	w.expect("POST", "/v1"+ws+"LAW1/query", `{"query":"SigninLogs | count","workspaces":["`+tenant+`"]}`, 200, `\[\[1\]\]`)
	w.expect("POST", "/v2/rest/query", kql("Law1", "SigninLogs | count", ""), 200, `"Rows":\[\[0\]\]`)
	w.expect("GET", ws+"law1/wonders"+v22, "", 404, "InvalidResourceType")
	w.expect("GET", ws+"law1"+v22, "", 401, "AuthenticationFailed", "Authorization: ")
}

func TestTablesOfAWorkspace(t *testing.T) {
	w := newWorld(t)
	w.expect("PUT", ws+"law1"+v22, `{"properties":{"retentionInDays":30}}`, 201, "")
	tab := ws + "law1/tables/"
	w.expect("GET", tab+"Shop_CL"+v22, "", 404, "ResourceNotFound")
	w.expect("PUT", tab+"Shop_CL"+v22, `{"properties":{}}`, 400, "schema with columns")
	w.expect("PUT", tab+"Shop_CL"+v22, `{"properties":{"schema":{"name":"Shop_CL","columns":[{"name":"a b","type":"string"}]}}}`, 400, "cannot name a column")
	w.expect("PUT", tab+"Shop_CL"+v22, `{"properties":{"schema":{"name":"Shop_CL","columns":[{"name":"a","type":"money"}]}}}`, 400, "money")
	w.expect("PUT", tab+"Shop_CL"+v22, `{"properties":{"schema":{"name":"Shop_CL","columns":[{"name":"TimeGenerated","type":"dateTime"},{"name":"Item","type":"string"},{"name":"Price","type":"real"}]},"retentionInDays":7,"totalRetentionInDays":100}}`,
		200, `"retentionInDays":7,.*"columns":\[.*"Item".*"tableSubType":"DataCollectionRuleBased".*"totalRetentionInDays":100`)
	w.expect("PUT", tab+"Shop_CL"+v22, `{"properties":{"schema":{"name":"Shop_CL","columns":[{"name":"Item","type":"long"}]}}}`, 409, "Conflict")
	w.expect("PATCH", tab+"Shop_CL"+v22, `{"properties":{"schema":{"name":"Shop_CL","columns":[{"name":"Note","type":"dynamic"}]},"retentionInDays":-1}}`, 200, `"retentionInDays":30,.*"Note"`)
	w.expect("GET", tab+"SigninLogs"+v22, "", 200, `"tableType":"Microsoft"`)
	w.expect("PUT", tab+"SigninLogs"+v22, `{"properties":{"retentionInDays":400}}`, 200, `"retentionInDays":400`)
	w.expect("PUT", tab+"Nope"+v22, `{"properties":{"retentionInDays":400}}`, 404, `ResourceNotFound`)
	w.expect("GET", ws+"law1/tables"+v22, "", 200, `"Shop_CL".*"SigninLogs"`)
	w.expect("POST", "/v1"+ws+"law1/query", `{"query":"Shop_CL | getschema | where ColumnName in ('Item','Price','Note') | summarize make_list(ColumnType)"}`, 200, `string.*real.*dynamic`)
}

func TestSavedSearches(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a") + "\n" + signIn("b"))
	w.settle()
	base := place{v: w.s.inside, t: w.node.Tenants()[0]}.Info().ResourceID + "/savedSearches"
	search := func(name, query, alias, params string) string {
		return `{"properties":{"category":"Hunting","displayName":"` + name + `","query":` + quoted(query) + `,"functionAlias":"` + alias + `","functionParameters":"` + params + `","version":2}}`
	}
	const v = "?api-version=2020-08-01"
	w.expect("PUT", base+"/one"+v, search("one", "SigninLogs | where Id == who", "SignInsOf", "who:string = 'a'"), 200, `"functionAlias":"SignInsOf"`)
	w.expect("PUT", base+"/plain"+v, search("plain", "SigninLogs", "", ""), 200, `"etag":"`)
	w.expect("PUT", base+"/two"+v, search("two", "SigninLogs", "SignInsOf", ""), 409, "already")
	w.expect("PUT", base+"/two"+v, search("two", "SigninLogs | where (", "Two", ""), 400, "does not parse")
	w.expect("PUT", base+"/two"+v, search("two", "SigninLogs } ; print 1 | where (true) {", "Two", ""), 400, "Two")
	w.expect("PUT", base+"/two"+v, search("two", "SigninLogs", "", "a:int"), 400, "functionAlias")
	w.expect("PUT", base+"/two"+v, `{"properties":{}}`, 400, "category")
	w.expect("GET", base+v, "", 200, `"one".*"plain"`)
	w.expect("GET", base+"/ONE"+v, "", 200, `"displayName":"one"`)
	query := "/v1/workspaces/default/query"
	w.expect("POST", query, `{"query":"SignInsOf | project Id"}`, 200, `\[\["a"\]\]`)
	w.expect("POST", query, `{"query":"SignInsOf('b') | project Id"}`, 200, `\[\["b"\]\]`)
	w.expect("GET", "/v1/workspaces/default/metadata", "", 200, `"functions":\[\{"id":"f/SignInsOf"`)
	w.expect("POST", "/v1/rest/mgmt", kql("", ".show functions | project Name, Parameters", ""), 200, `\["SignInsOf","\(who:string = 'a'\)"\]`)
	w.expect("DELETE", base+"/one"+v, "", 200, "^$")
	w.expect("DELETE", base+"/one"+v, "", 404, "ResourceNotFound")
	w.expect("POST", query, `{"query":"SignInsOf"}`, 400, "Failed to resolve")
}

// ruleBody of a rule that sends streams to a workspace.
func ruleBody(workspace, declared, flows string) string {
	return `{"location":"here","kind":"Direct","properties":{"streamDeclarations":{` + declared + `},"destinations":{"logAnalytics":[{"workspaceResourceId":"` + workspace + `","name":"there"}]},"dataFlows":[` + flows + `]}}`
}

const shopStream = `"Custom-Shop":{"columns":[{"name":"When","type":"datetime"},{"name":"Item","type":"string"},{"name":"Count","type":"int"},{"name":"Big","type":"long"},{"name":"Price","type":"real"},{"name":"Ok","type":"boolean"},{"name":"More","type":"dynamic"}]}`

func TestIngestion(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	w.settle()
	info := place{v: w.s.inside, t: w.node.Tenants()[0]}.Info()
	type rule struct {
		Properties struct {
			ImmutableID string `json:"immutableId"`
			Endpoints   struct {
				LogsIngestion string `json:"logsIngestion"`
			}
		}
	}
	const transform = "source | where Count >= 0 | extend TimeGenerated = coalesce(When, now()), Total = Price * Count | project-away When"
	made := answered[rule](t, w.expect("PUT", dcr+"shop"+v22, ruleBody(info.ResourceID, shopStream,
		`{"streams":["Custom-Shop"],"destinations":["there"],"transformKql":`+quoted(transform)+`,"outputStream":"Custom-Shop_CL"},{"streams":["Microsoft-AppRequests"],"destinations":["there"]}`), 201, `"provisioningState":"Succeeded"`))
	id := made.Properties.ImmutableID
	if !strings.HasPrefix(id, "dcr-") || len(id) != 36 || made.Properties.Endpoints.LogsIngestion != w.web.URL {
		t.Fatalf("%+v", made)
	}
	if again := answered[rule](t, w.expect("GET", strings.ToUpper(dcr+"shop")+v22, "", 200, "")); again.Properties.ImmutableID != id {
		t.Errorf("%+v", again)
	}
	stream := "/dataCollectionRules/" + id + "/streams/Custom-Shop"
	const v = "?api-version=2023-01-01"
	rows := `[{"When":"2026-01-02T00:00:00Z","Item":"tea","Count":"2","Big":9007199254740993,"Price":1.5,"Ok":true,"More":{"a":[1]},"Extra":1},
		{"Item":{"nested":true},"Count":1,"Price":2},{"Item":"lost","Count":-1},
		{"Item":"same","Count":1,"Price":1,"When":"2026-01-02T00:00:00Z"},{"Item":"same","Count":1,"Price":1,"When":"2026-01-02T00:00:00Z"}]`
	w.expect("POST", stream+"?api%2Dversion=2023-01-01", rows, 204, "^$", "x-ms-client-request-id: one")
	w.expect("POST", stream+v, rows, 204, "^$", "x-ms-client-request-id: one") // a client that did not hear the answer
	w.settle()
	query := "/v1/workspaces/" + info.ID + "/query"
	w.expect("POST", query, `{"query":"Shop_CL | where Item != 'same' | sort by Count desc | project TimeGenerated, Item, Count, Big, Total, Ok, More.a, Type"}`, 200,
		`\[\["2026-01-02T00:00:00Z","tea",2,9007199254740993,3,true,"\[1\]","Shop_CL"\],\["2026-01-03T00:00:00Z","\{\\"nested\\":true\}",1,null,2,null,null,"Shop_CL"\]\]`)
	w.expect("POST", query, `{"query":"Shop_CL | summarize count() by Item | where Item == 'same' | project count_"}`, 200, `\[\[2\]\]`)

	// Correlation: requests of an application, and the sign-ins of its users.
	requests := `[{"TimeGenerated":"2026-01-02T03:05:00Z","Name":"GET /","UserAuthenticatedId":"a","DurationMs":12.5,"Success":true,"AADTenantId":"aaaaaaaa-2222-3333-4444-555555555555"},{"Name":"GET /b"}]`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(requests)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w.expect("POST", "/datacollectionrules/"+id+"/streams/Microsoft-AppRequests?api-version=2021-11-01-preview", zipped.String(), 204, "^$", "Content-Encoding: gzip")
	w.settle()
	if n := len(w.node.Tenants()); n != 1 {
		t.Errorf("rows made %d tenants", n)
	}
	w.expect("POST", query, `{"query":"AppRequests | join kind=inner (SigninLogs | project Id, City = tostring(LocationDetails.city), SignedIn = TimeGenerated) on $left.UserAuthenticatedId == $right.Id | project Name, City, Ago = TimeGenerated - SignedIn, DurationMs"}`, 200,
		`\[\["GET /","Ulm","00:00:54.5000000",12.5\]\]`)

	// What is wrong with a request.
	f := func(path, body string, status int, code string, headers ...string) {
		t.Helper()
		w.expect("POST", path, body, status, `"code":"`+code+`"`, headers...)
	}
	f(stream, rows, 400, "InvalidApiVersion")
	f(stream+"?api-version=2020-01-01", rows, 400, "InvalidApiVersion")
	f("/dataCollectionRules/dcr-00000000000000000000000000000000/streams/Custom-Shop"+v, rows, 404, "NotFound")
	f("/dataCollectionRules/"+id+"/streams/Custom-Other"+v, rows, 400, "InvalidStream")
	f(stream+v, `{"Item":1}`, 400, "InvalidPayload")
	f(stream+v, `[1]`, 400, "InvalidRecord")
	f(stream+v, `[`, 400, "InvalidPayload")
	f(stream+v, `null`, 400, "InvalidPayload")
	f(stream+v, `x`, 400, "InvalidContent", "Content-Encoding: gzip")
	f(stream+v, `x`, 400, "InvalidContent", "Content-Encoding: br")
	for _, mib := range []int{1, 2} {
		f(stream+v, `["`+strings.Repeat("x", mib<<20)+`"]`, 413, "ContentLengthLimitExceeded")
	}
	// Rows of 1 MiB, as Microsoft's Python client puts them together.
	row := `{"Item": "` + strings.Repeat("x", 114) + `"}`
	w.expect("POST", stream+v, "["+strings.Repeat(row+", ", 1<<20/len(row)-1)+row+"]", 204, "^$")
	f(stream+v, rows, 401, "AuthenticationFailed", "Authorization: ")
	f(stream+v, rows, 401, "InvalidToken", "Authorization: Bearer nonsense")
	w.expect("POST", stream+v, `[]`, 204, "^$")

	// And with a rule.
	g := func(declared, flows, want string) {
		t.Helper()
		w.expect("PUT", dcr+"bad"+v22, ruleBody(info.ResourceID, declared, flows), 400, want)
	}
	flow := func(stream, kql, out string) string {
		return fmt.Sprintf(`{"streams":["%s"],"destinations":["there"],"transformKql":%s,"outputStream":"%s"}`, stream, quoted(kql), out)
	}
	g(shopStream, "", "no dataFlows")
	g(shopStream, flow("Custom-Other", "source", "Custom-Shop_CL"), "not declared")
	g(shopStream, flow("Custom-Shop", "source | where", "Custom-Shop_CL"), "InvalidTransformQuery")
	g(shopStream, flow("Custom-Shop", "source | project Item", "Custom-Shop_CL"), "TimeGenerated")
	g(shopStream, flow("Custom-Shop", "SigninLogs", "Custom-Shop_CL"), "does not read source")
	g(shopStream, flow("Custom-Shop", "source | where Item in (SigninLogs)", "Custom-Shop_CL"), "Failed to resolve")
	g(shopStream, flow("Custom-Shop", "source |\n summarize count()", "Custom-Shop_CL"), "line 2, column 2 of the transform: 'summarize' does not work on each record by itself")
	g(`"Custom-X":{"columns":[{"name":"a b","type":"int"}]}`, flow("Custom-X", "source", "Custom-X_CL"), "begins with a letter")
	g(`"Custom-X":{"columns":[{"name":"a","type":"timespan"}]}`, flow("Custom-X", "source", "Custom-X_CL"), "boolean")
	g(shopStream, flow("Custom-Shop", "source | extend TimeGenerated = now()", "Custom-Shop"), "ends with _CL")
	g(shopStream, flow("Custom-Shop", "source | extend TimeGenerated = now()", "Microsoft-Nope"), "InvalidOutputTable")
	g(`"Custom-X":{"columns":[{"name":"a","type":"money"}]}`, flow("Custom-X", "source", "Custom-X_CL"), "boolean")
	w.expect("PUT", dcr+"bad"+v22, ruleBody(ws+"nowhere", shopStream, flow("Custom-Shop", "source", "Custom-Shop_CL")), 400, "was not found")
	w.expect("GET", "/subscriptions/5ub/providers/Microsoft.Insights/dataCollectionRules"+v22, "", 200, `"name":"shop"`)
	w.expect("DELETE", dcr+"shop"+v22, "", 200, "^$")
	w.expect("DELETE", dcr+"shop"+v22, "", 204, "^$")
	f(stream+v, rows, 404, "NotFound")
	w.expect("PUT", group+"Microsoft.Insights/dataCollectionEndpoints/e"+v22, `{"location":"here","properties":{}}`, 201, `"logsIngestion":\{"endpoint":"`+w.web.URL)
}
