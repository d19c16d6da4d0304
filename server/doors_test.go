package server

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// expect calls a path and wants a status and an expression in the answer.
func (w *world) expect(method, path, body string, status int, want string, headers ...string) string {
	w.t.Helper()
	got, text, _ := w.call(method, path, []byte(body), headers...)
	if got != status || !regexp.MustCompile(`(?s)`+want).MatchString(text) {
		w.t.Errorf("%s %s %s: %d %s\nwant %d %s", method, path, body[:min(len(body), 200)], got, text[:min(len(text), 1500)], status, want)
	}
	return text
}

// unzip an answer where it is compressed.
func unzip(t *testing.T, text string, h http.Header) string {
	t.Helper()
	if h.Get("Content-Encoding") != "gzip" {
		t.Errorf("the answer is not compressed: %v", h)
		return text
	}
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

func TestBatch(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a") + "\n" + signIn("b"))
	w.settle()
	item := func(id, workspace, query string) string {
		return `{"id":` + id + `,"workspace":"` + workspace + `","method":"POST","path":"/query","headers":{"prefer":"include-statistics=true"},"body":{"query":` + quoted(query) + `,"workspaces":null}}`
	}
	body := `{"requests":[` + strings.Join([]string{
		item(`"0"`, tenant, "SigninLogs | count"), item(`"query-1"`, tenant, "Nope"), item(`7`, "nowhere", "print 1"), item(`"4ba3a1a2-0000-4000-8000-000000000000"`, tenant, "range x from 1 to 3 step 1"),
	}, ",") + `]}`
	for _, path := range []string{"/v1/$batch", "/v1/%24batch", "/V1/$BATCH"} {
		status, text, h := w.call("POST", path, []byte(body), "Accept-Encoding: gzip, deflate")
		text = unzip(t, text, h)
		var got struct {
			Responses []struct {
				ID     string
				Status int
				Body   struct {
					Tables     []struct{ Rows [][]any }
					Statistics map[string]any
					Error      *struct{ Code string }
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 || len(got.Responses) != 4 {
			t.Fatalf("%s: %d %v %s", path, status, err, text)
		}
		for i, r := range got.Responses {
			if want := []string{"0", "query-1", "7", "4ba3a1a2-0000-4000-8000-000000000000"}[i]; r.ID != want {
				t.Errorf("answer %d is to %q, want %q", i, r.ID, want)
			}
			switch r.ID {
			case "0":
				if r.Status != 200 || r.Body.Tables[0].Rows[0][0] != 2.0 || r.Body.Statistics == nil {
					t.Errorf("%+v", r)
				}
			case "query-1":
				if r.Status != 400 || r.Body.Error.Code != "BadArgumentError" {
					t.Errorf("%+v", r)
				}
			case "7":
				if r.Status != 404 || r.Body.Error.Code != "WorkspaceNotFoundError" {
					t.Errorf("%+v", r)
				}
			case "4ba3a1a2-0000-4000-8000-000000000000":
				if r.Status != 200 || len(r.Body.Tables[0].Rows) != 3 {
					t.Errorf("%+v", r)
				}
			default:
				t.Errorf("an answer to %q, which nobody asked", r.ID)
			}
		}
	}
	w.expect("POST", "/v1/$batch", `{"requests":[]}`, 400, "no requests")
	w.expect("POST", "/v1/$batch", `{"requests":[{"workspace":"x"}]}`, 400, "no id")
	w.expect("POST", "/v1/$batch", `{"requests":[`+item(`"1"`, tenant, "print 1")+`,`+item(`1`, tenant, "print 1")+`]}`, 400, "two requests")
	w.expect("POST", "/v1/$batch", `{"requests":[`+strings.TrimSuffix(strings.Repeat(item(`"1"`, "w", "x")+",", 101), ",")+`]}`, 400, "at most 100")
	w.expect("POST", "/v1/$batch", `[`, 400, "BadArgumentError")
	w.expect("POST", "/v1/$batch", `{"requests":[{"id":"1","workspace":"`+tenant+`","path":"/metadata","body":{}}]}`, 200, `"status":400.*asks for /query`)
	w.expect("POST", "/v1/$batch", `{"requests":[{"id":"1","body":{}}]}`, 200, `"status":400.*names no workspace`)
}

func TestMetadata(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	w.settle()
	for _, method := range []string{"GET", "POST"} {
		text := w.expect(method, "/v1/workspaces/"+tenant+"/metadata", "", 200, `"id":"t/SigninLogs","name":"SigninLogs","timespanColumn":"TimeGenerated".*"name":"LocationDetails","type":"dynamic"`)
		var m struct {
			Tables []struct {
				Name    string
				HasData bool
			}
			Workspaces []struct {
				ID     string
				Tables []string
			}
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		for _, tab := range m.Tables {
			if tab.HasData != (tab.Name == "SigninLogs") {
				t.Errorf("%+v", tab)
			}
		}
		if len(m.Workspaces) != 1 || len(m.Workspaces[0].Tables) != len(m.Tables) {
			t.Errorf("%+v", m.Workspaces)
		}
	}
	w.expect("GET", "/v1/workspaces/nowhere/metadata", "", 404, "WorkspaceNotFoundError")
}

func TestQueriesByResource(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a") + "\n" +
		`{"time":"2026-01-02T03:04:05Z","category":"AppServiceHTTPLogs","tenantId":"` + tenant + `","resourceId":"/SUBSCRIPTIONS/S1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.WEB/SITES/A","properties":{"_ResourceId":"/subscriptions/s1/resourcegroups/g/providers/microsoft.web/sites/a","CsMethod":"GET"}}`)
	w.settle()
	const body = `{"query":"AppServiceHTTPLogs | count"}`
	w.expect("POST", "/v1/subscriptions/s1/resourceGroups/G/providers/Microsoft.Web/sites/A/query", body, 200, `\[\[1\]\]`)
	w.expect("POST", "/v1//subscriptions/S1/resourceGroups/G/query", body, 200, `\[\[1\]\]`)
	w.expect("POST", "/v1/subscriptions/s2/query", body, 200, `\[\[0\]\]`)
	w.expect("GET", "/v1/Subscriptions/s1/query?query=AppServiceHTTPLogs", "", 200, `"GET"`)
	// A workspace is itself, whole.
	id := place{v: w.s.inside, t: w.node.Tenants()[0]}.Info().ResourceID
	w.expect("POST", "/v1/"+id+"/query", `{"query":"SigninLogs | count"}`, 200, `\[\[1\]\]`)
	w.expect("POST", "/v1"+strings.ToUpper(id)+"/QUERY", `{"query":"SigninLogs | count"}`, 200, `\[\[1\]\]`)
	w.expect("POST", "/v1/subscriptions/s1/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/nowhere/query", body, 404, `WorkspaceNotFound`)
	w.expect("POST", "/v1/subscriptions/s1/other", body, 404, `PathNotFoundError`)
	w.expect("GET", "/v1/subscriptions/s1/resourceGroups/G/metadata", "", 200, `"id":"t/AppServiceHTTPLogs"`)
	w.expect("GET", "/v1/subscriptions/s1/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/nowhere/metadata", "", 404, `WorkspaceNotFound`)
	// Each refusal can be looked for: it has an id, the client's or one of its own.
	w.expect("POST", "/v1/subscriptions/s1/query", `{"query":"Nope"}`, 400, `"correlationId":"[0-9a-f-]{36}"`)
	w.expect("POST", "/v1/subscriptions/s1/query", `{"query":"print 1","timespan":"soon"}`, 400, `"code":"BadArgumentError".*"innererror":\{.*"code":"InvalidTimeSpan"`)
}

func TestSeveralWorkspaces(t *testing.T) {
	w := newWorld(t)
	const other = "aaaaaaaa-2222-3333-4444-555555555555"
	w.push(signIn("a") + "\n" + signIn("b") + "\n" + strings.ReplaceAll(signIn("c"), tenant, other))
	w.settle()
	ask := func(query string, others ...string) string {
		b, err := json.Marshal(map[string]any{"query": query, "workspaces": others})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	path := "/v1/workspaces/" + tenant + "/query"
	ids := []string{}
	for _, tn := range w.node.Tenants() {
		ids = append(ids, tn.Workspace)
	}
	w.expect("POST", path, ask("SigninLogs | count"), 200, `\[\[2\]\]`)
	w.expect("POST", path, ask("SigninLogs | count", tenant), 200, `\[\[2\]\]`)
	w.expect("POST", path, ask("SigninLogs | count", other), 200, `\[\[3\]\]`)
	w.expect("POST", path, ask("SigninLogs | summarize dcount(TenantId), n = count()", ids...), 200, `\[\[2,3\]\]`)
	w.expect("POST", path, ask("SigninLogs | project Id, City = tostring(LocationDetails.city) | sort by Id asc", other), 200, `"a".*"b".*"c"`)
	w.expect("POST", path, ask("SigninLogs", other, "nowhere"), 400, `BadArgumentError`)
	w.expect("POST", path, ask("workspace('"+other+"').SigninLogs | count"), 400, `Failed to resolve workspace`)
	w.expect("POST", path, ask("workspace('"+tenant+"').SigninLogs | count"), 200, `\[\[2\]\]`)
}

func kql(db, csl, properties string) string {
	return `{"db":` + quoted(db) + `,"csl":` + quoted(csl) + properties + `}`
}

func TestKustoFrames(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a") + "\n" + signIn("b"))
	w.settle()
	const q = "/v2/rest/query"
	id := "x-ms-client-request-id: KGC.execute;1"
	// Without options: whole tables.
	w.expect("POST", q, kql(tenant, "SigninLogs | project Id | sort by Id asc", ""), 200,
		`^\[\{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":false,"ErrorReportingPlacement":"InData"\},`+
			`\{"FrameType":"DataTable","TableId":0,"TableKind":"QueryProperties","TableName":"@ExtendedProperties",.*`+
			`\{"FrameType":"DataTable","TableId":1,"TableKind":"PrimaryResult","TableName":"PrimaryResult","Columns":\[\{"ColumnName":"Id","ColumnType":"string"\}\],"Rows":\[\["a"\],\["b"\]\]\},`+
			`\{"FrameType":"DataTable","TableId":2,"TableKind":"QueryCompletionInformation",.*"KGC.execute;1".*\{"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false\}\]`, id)
	// What the Go client sends: one frame a line.
	strict := `,"properties":{"Options":{"results_v2_newlines_between_frames":true,"results_v2_fragment_primary_tables":true,"results_error_reporting_placement":"end_of_table","servertimeout":"00:04:00.0000000"},"Parameters":{"n":"int(2)"}}`
	text := w.expect("POST", q, kql("default", "declare query_parameters(n:int); range x from 1 to n step 1 | extend d = dynamic({\"a\":[1,\n2]})", strict), 200, `"RowCount":2`, id)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	want := []string{
		`[{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":true,"ErrorReportingPlacement":"EndOfTable"}`,
		`,{"FrameType":"DataTable","TableId":0,"TableKind":"QueryProperties"`,
		`,{"FrameType":"TableHeader","TableId":1,"TableKind":"PrimaryResult","TableName":"PrimaryResult","Columns":[{"ColumnName":"x","ColumnType":"long"},{"ColumnName":"d","ColumnType":"dynamic"}]}`,
		`,{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":1,"Rows":[[1,{"a":[1,2]}],[2,{"a":[1,2]}]]}`,
		`,{"FrameType":"TableCompletion","TableId":1,"RowCount":2}`,
		`,{"FrameType":"DataTable","TableId":2,"TableKind":"QueryCompletionInformation"`,
		`,{"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false}`,
		`]`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), text)
	}
	for i, l := range lines {
		if !strings.HasPrefix(l, want[i]) {
			t.Errorf("line %d: %s\nwant %s", i, l, want[i])
		}
		if frame := strings.TrimLeft(l, "[,"); i < len(lines)-1 && !json.Valid([]byte(frame)) {
			t.Errorf("line %d is no JSON: %s", i, frame)
		}
	}
	// Progressive, where it is asked for.
	w.expect("POST", q, kql("", "print x = 1", `,"properties":"{\"Options\":{\"results_progressive_enabled\":true}}"`), 200, `"IsProgressive":true.*"TableProgress":100.0\},\{"FrameType":"TableCompletion"`)
	// An answer that ends early says so where it was told to.
	tooMany := "range x from 1 to 100000 step 1"
	limit := func(placement string) string {
		return `,"properties":{"Options":{"results_error_reporting_placement":"` + placement + `","truncationmaxsize":20000}}`
	}
	many := "range x from 1 to 1000 step 1 | extend s = strcat('a long text that fills the answer ', x)"
	w.expect("POST", q, kql("", many, limit("in_data")), 200, `\],\{"OneApiErrors":\[\{"error":\{.*"code":"LimitsExceeded".*"HasErrors":true`)
	w.expect("POST", q, kql("", many, limit("end_of_table")), 200, `\],"OneApiErrors":\[\{"error".*"TableKind":"QueryCompletionInformation".*"HasErrors":true`)
	w.expect("POST", q, kql("", many, limit("end_of_dataset")), 200, `"HasErrors":true,"Cancelled":false,"OneApiErrors":\[`)
	w.expect("POST", q, kql("", tooMany, ""), 200, `\[1000\],\{"OneApiErrors":.*more than the 1000 rows.*LimitsExceeded`)
	w.expect("POST", q, kql("", tooMany, `,"properties":{"Options":{"notruncation":true}}`), 200, `\[100000\]\]\}.*"HasErrors":false`)
	w.expect("POST", q, kql("", "set notruncation; "+tooMany, ""), 200, `\[100000\]\]\}.*"HasErrors":false`)
	w.expect("POST", q, kql("", tooMany, `,"properties":{"Options":{"truncationmaxrecords":2000}}`), 200, `\[2000\],\{"OneApiErrors"`)
	w.expect("POST", q, kql("", "range x from 1 to 900 step 1", `,"properties":{"Options":{"query_take_max_records":3}}`), 200, `"Rows":\[\[1\],\[2\],\[3\]\]\}`)
	w.expect("POST", q, kql("", "print now()", `,"properties":{"Options":{"query_now":"2020-02-03T00:00:00Z"}}`), 200, `\[\["2020-02-03T00:00:00Z"\]\]`)
	w.expect("POST", q, kql("", "SigninLogs | count", `,"properties":{"Options":{"query_datetimescope_to":"2025-01-01","norequesttimeout":true,"unknown":{"x":1}}}`), 200, `"Rows":\[\[0\]\]`)
}

func TestKustoMistakes(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	const q = "/v2/rest/query"
	w.expect("POST", q, kql("", "SigninLogs | where Nope == 1", ""), 400, `"@errorCode":"SEM0100"`, "x-ms-client-request-id: me")
	text := w.expect("POST", q, kql("", "SigninLogs |", ""), 400, `"Kusto.Data.Exceptions.SyntaxException"`, "x-ms-client-request-id: me")
	var body struct {
		Error struct {
			Code, Message string
			Permanent     *bool             `json:"@permanent"`
			Context       map[string]any    `json:"@context"`
			Inner         map[string]any    `json:"innererror"`
			Text          string            `json:"@message"`
			Details       []json.RawMessage `json:"details"`
		}
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	if e := body.Error; e.Permanent == nil || !*e.Permanent || e.Context["clientRequestId"] != "me" || e.Inner["code"] == "" || !strings.HasPrefix(e.Text, "Syntax error: SYN") {
		t.Errorf("%+v", e)
	}
	w.expect("POST", q, kql("nowhere", "print 1", ""), 400, `'nowhere' of kind 'Database' was not found`)
	w.expect("POST", q, `{"db":"x"}`, 400, `no csl`)
	w.expect("POST", q, `x`, 400, `General_BadRequest`)
	w.expect("POST", q, kql("", ".show tables", ""), 400, `/v1/rest/mgmt`)
	w.expect("POST", q, kql("", "print 1", `,"properties":{"Options":{"servertimeout":"soon"}}`), 400, `no timespan`)
	w.expect("POST", q, kql("", "print 1", `,"properties":[1]`), 400, `properties`)
	w.expect("POST", q, kql("", "print 1", `,"properties":{"Options":{"query_language":"sql"}}`), 400, `KQL`)
	w.expect("POST", q, kql("", "declare query_parameters(n:int); print n", ""), 400, `neither a value nor a default`)
	w.expect("POST", "/v1/rest/mgmt", kql("", "print 1", ""), 400, `begins with a dot`)
	w.expect("POST", "/v1/rest/mgmt", kql("", ".drop table SigninLogs", ""), 400, `only .show commands`)
	w.expect("POST", "/v1/rest/mgmt", kql("", ".show wonders", ""), 400, `known are .show version`)
	w.expect("POST", "/v1/rest/mgmt", kql("", ".show table Nope cslschema", ""), 400, `'Nope' of kind 'Table' was not found`)
	w.expect("POST", "/v1/rest/mgmt", kql("", ".show tables | where", ""), 400, `SYN`)
}

func TestKustoVersion1(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	w.settle()
	text := w.expect("POST", "/v1/rest/query", kql(tenant, "SigninLogs | project Id, Bad = 1 == 2, LocationDetails.city | render table", ""), 200,
		`^\{"Tables":\[\{"TableName":"Table_0","Columns":\[\{"ColumnName":"Id","DataType":"String","ColumnType":"string"\},\{"ColumnName":"Bad","DataType":"SByte","ColumnType":"bool"\}`)
	var v1 struct {
		Tables []struct{ Rows [][]any }
	}
	if err := json.Unmarshal([]byte(text), &v1); err != nil || len(v1.Tables) != 4 {
		t.Fatalf("%v %s", err, text)
	}
	kinds := ""
	for _, r := range v1.Tables[3].Rows {
		kinds += r[1].(string) + " "
	}
	if kinds != "QueryResult QueryProperties QueryStatus " {
		t.Errorf("the table of contents says %s", kinds)
	}
	const m = "/v1/rest/mgmt"
	f := func(csl, want string) { t.Helper(); w.expect("POST", m, kql(tenant, csl, ""), 200, want) }
	f(".show version", `"BuildVersion".*"test"`)
	f(".show databases", tenant)
	f(".show databases | project DatabaseName, PrettyName", `"Rows":\[\["`+tenant+`","`+tenant+`"\]\]`)
	f(".show tables", `"SigninLogs"`)
	f(".show tables details | where TableName == 'SigninLogs' | project TotalRowCount", `\[\[1\]\]`)
	f(".show tables (SigninLogs, ['AuditLogs'])", `"Rows":\[\["AuditLogs",[^\]]*\],\["SigninLogs",[^\]]*\]\]`)
	f(".show tables (SigninLogs, AuditLogs) details | summarize sum(TotalRowCount), count()", `\[\[1,2\]\]`)
	f(".show table ['SigninLogs'] cslschema", `"TenantId:string,`)
	f(".show table SigninLogs schema as json", `CslType`)
	f(".show table SigninLogs", `System.DateTime`)
	f(".show database schema | where TableName == 'SigninLogs' and ColumnName == 'TimeGenerated' | project ColumnType", `\[\["System.DateTime"\]\]`)
	f(".show database ["+`"`+tenant+`"`+"] schema", `SigninLogs`)
	f(".show functions", `"Rows":\[\]`)
	f(".show cluster", `ProcessorCount`)
	f(".show current principal details", `administrator`)
	f(".show principal access", `Viewer`)
	f("// what was asked\n.show queries | where State == 'Completed' | summarize n = count() | where n > 0", `\[\[\d+\]\]`)
	f(".show capacity", `"Queries",64`)
	text = w.expect("POST", m, kql(tenant, ".show databases schema as json", ""), 200, `ClusterSchema`)
	if err := json.Unmarshal([]byte(text), &v1); err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Databases map[string]struct {
			Name   string
			Tables map[string]struct {
				OrderedColumns []struct{ Name, Type, CslType string }
			}
		}
	}
	if err := json.Unmarshal([]byte(v1.Tables[0].Rows[0][0].(string)), &schema); err != nil {
		t.Fatal(err)
	}
	if cols := schema.Databases[tenant].Tables["SigninLogs"].OrderedColumns; len(cols) < 50 || cols[0].CslType != "string" {
		t.Errorf("%+v", schema.Databases[tenant].Tables["SigninLogs"])
	}
	w.expect("GET", "/v1/rest/auth/metadata", "", 200, `"KustoServiceResourceId":"https://kusto.kusto.windows.net"`, "Authorization: ")
	w.expect("GET", "/v1/rest/ping", "", 200, `Pong`, "Authorization: ")
	w.expect("POST", "/V2/Rest/Query", kql(tenant, "print 1", ""), 200, `PrimaryResult`)
}

// Rows streamed to a table of Kusto are there at once, and once.
func TestKustoStreaming(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("a"))
	w.settle()
	id := place{v: w.s.inside, t: w.node.Tenants()[0]}.Info().ResourceID
	w.expect("PUT", id+"/tables/Till_CL?api-version=2022-10-01", `{"properties":{"schema":{"name":"Till_CL","columns":[
		{"name":"TimeGenerated","type":"datetime"},{"name":"Item","type":"string"},{"name":"Price","type":"real"},{"name":"More","type":"dynamic"}]}}}`, 200, "Till_CL")
	const till = "/v1/rest/ingest/" + tenant + "/Till_CL"
	count := func(where, want string) {
		t.Helper()
		w.settle()
		w.expect("POST", "/v2/rest/query", kql(tenant, "Till_CL | where "+where+" | project Item, Price, More | sort by Item asc", ""), 200, `"TableName":"PrimaryResult".*"Rows":`+regexp.QuoteMeta(want))
	}
	w.expect("POST", till+"?streamFormat=JSON", `{"Item":"a","Price":1.5,"More":{"k":[1]},"Other":1}`+"\n"+`{"Item":"b"}`, 200, `"TableName":"Table_0".*"Till_CL",2`, "x-ms-client-request-id: KGC.executeStreaming;1")
	count("Item in ('a', 'b')", `[["a",1.5,{"k":[1]}],["b",null,null]]`)
	// The same again is known again.
	w.expect("POST", till+"?streamFormat=JSON", `{"Item":"a","Price":1.5,"More":{"k":[1]},"Other":1}`+"\n"+`{"Item":"b"}`, 200, `2`, "x-ms-client-request-id: KGC.executeStreaming;1")
	count("Item in ('a', 'b')", `[["a",1.5,{"k":[1]}],["b",null,null]]`)

	// Values stand in the order of the table's columns.
	text := w.expect("POST", "/v1/rest/mgmt", kql(tenant, ".show table Till_CL cslschema | project Schema", ""), 200, "Item:string")
	var v1 struct{ Tables []struct{ Rows [][]string } }
	if err := json.Unmarshal([]byte(text), &v1); err != nil {
		t.Fatal(err)
	}
	cells := map[string]string{"TimeGenerated": "2026-01-02T03:04:05Z", "Item": `"c, d"`, "Price": "2.5", "More": `"{""k"":2}"`}
	var line []string
	for _, col := range strings.Split(v1.Tables[0].Rows[0][0], ",") {
		name, _, _ := strings.Cut(col, ":")
		line = append(line, cells[name])
	}
	csv := strings.Join(line, ",") + "\n"
	w.expect("POST", till, "names,of,columns\n"+csv, 200, `"Till_CL",2`)
	count("Item == 'c, d' and TimeGenerated == datetime(2026-01-02 03:04:05)", `[["c, d",2.5,{"k":2}]]`)
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, "names\n"+strings.ReplaceAll(csv, "c, d", "e")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w.expect("POST", till+"?streamFormat=csv&ignoreFirstRecord=true", packed.String(), 200, `"Till_CL",1`, "Content-Encoding: gzip")
	count("Item == 'e'", `[["e",2.5,{"k":2}]]`)

	f := func(path, body string, status int, want string, headers ...string) {
		t.Helper()
		w.expect("POST", path, body, status, want, headers...)
	}
	f(till+"?streamFormat=orc", "ORC", 400, `orc.*cannot be read`)
	f(till+"?streamFormat=json", `{"Item":`, 400, `General_BadRequest`)
	f(till+"?streamFormat=json&mappingName=m", `{}`, 400, `'m' of kind 'MappingPersistent' was not found`)
	f(till+"?sourceKind=uri", `https://x`, 400, `from the request itself`)
	f("/v1/rest/ingest/"+tenant+"/Nope", "x", 400, `'Nope' of kind 'Table' was not found`)
	f("/v1/rest/ingest/nowhere/Till_CL", "x", 400, `'nowhere' of kind 'Database' was not found`)
	f(till, strings.Repeat("x", 11<<20), 400, `LimitsExceeded`)
	f(till, "x", 401, `Unauthorized`, "Authorization: ")
	reader := w.keyOf(tenant, scopes("AuditLog.Read.All"))
	f(till, "x", 400, `was not found`, reader) // what it may not see is not there
	f("/v1/rest/ingest/"+tenant+"/AuditLogs?streamFormat=json", `{"Id":"x"}`, 403, `Forbidden`, reader)
}
