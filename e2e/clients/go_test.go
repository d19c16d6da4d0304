package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/value"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ingest "github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
)

func (s *server) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: s.http,
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			azlogs.ServiceName:          {Endpoint: s.url, Audience: "https://api.loganalytics.io"},
			ingest.ServiceNameIngestion: {Endpoint: s.url, Audience: "https://monitor.azure.com/"},
			cloud.ResourceManager:       {Endpoint: s.url, Audience: "https://management.azure.com"},
		}},
	}
}

func (s *server) logs() *azlogs.Client {
	s.t.Helper()
	return s.logsAs(s.credential())
}

func (s *server) logsAs(who azcore.TokenCredential) *azlogs.Client {
	s.t.Helper()
	c, err := azlogs.NewClient(who, &azlogs.ClientOptions{ClientOptions: s.options()})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// rows of an answer as JSON text.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLogAnalytics(t *testing.T) {
	s := start(t)
	c := s.logs()
	ctx := context.Background()
	span := azlogs.NewTimeInterval(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC))
	body := func(q string) azlogs.QueryBody { return azlogs.QueryBody{Query: to.Ptr(q), Timespan: to.Ptr(span)} }

	r, err := c.QueryWorkspace(ctx, s.workspace, body("SigninLogs | project Id, TimeGenerated, LocationDetails | sort by Id asc | take 1"), &azlogs.QueryWorkspaceOptions{
		Options: &azlogs.QueryOptions{Statistics: to.Ptr(true), Visualization: to.Ptr(true), Wait: to.Ptr(60)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, r.Tables[0].Rows), `[["s0","2026-01-02T03:00:05.5Z","{\"city\":\"Ulm\"}"]]`; got != want || r.Error != nil {
		t.Errorf("rows %s, want %s; %v", got, want, r.Error)
	}
	if len(r.Statistics) == 0 || len(r.Visualization) == 0 {
		t.Errorf("statistics %s, visualization %s", r.Statistics, r.Visualization)
	}
	res, err := c.QueryResource(ctx, s.resource, body("SigninLogs | count"), nil)
	if err != nil || text(t, res.Tables[0].Rows) != "[[3]]" {
		t.Errorf("by resource: %v %v", res.Tables, err)
	}
	// With a key in the place of a token.
	byKey, err := s.logsAs(static{}).QueryWorkspace(ctx, s.workspace, body("SigninLogs | count"), nil)
	if err != nil || text(t, byKey.Tables[0].Rows) != "[[3]]" {
		t.Errorf("with a key: %v %v", byKey.Tables, err)
	}
	_, err = c.QueryWorkspace(ctx, s.workspace, body("SigninLogs | where Nope == 1"), nil)
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != 400 || refused.ErrorCode != "BadArgumentError" {
		t.Errorf("a mistake: %v", err)
	}
	_, err = c.QueryWorkspace(ctx, s.workspace, azlogs.QueryBody{Query: to.Ptr("print 1"), AdditionalWorkspaces: []string{"nowhere"}}, nil)
	if !errors.As(err, &refused) || refused.StatusCode != 400 {
		t.Errorf("another workspace: %v", err)
	}

	req := azlogs.BatchRequest{}
	for i, q := range []string{"SigninLogs | count", "Nope"} {
		b := body(q)
		req.Requests = append(req.Requests, azlogs.BatchQueryRequest{Body: &b, ID: to.Ptr(fmt.Sprint(i)), WorkspaceID: to.Ptr(s.workspace)})
	}
	batch, err := c.QueryBatch(ctx, req, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range batch.Responses {
		switch *one.ID {
		case "0":
			if *one.Status != 200 || text(t, one.Body.Tables[0].Rows) != "[[3]]" {
				t.Errorf("%+v", one)
			}
		case "1":
			if *one.Status != 400 || one.Body.Error == nil || one.Body.Error.Code != "BadArgumentError" {
				t.Errorf("%+v", one)
			}
		}
	}
}

// The requests of an application, ingested by the official client, beside the
// sign-ins of its users.
func TestApplicationInsightsBesideSignIns(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	c, err := ingest.NewClient(s.url, s.credential(), &ingest.ClientOptions{ClientOptions: s.options()})
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for i, user := range []string{"ann", "bob", "ann"} {
		rows = append(rows, map[string]any{
			"TimeGenerated": time.Date(2026, 1, 2, 3, 10+i, 0, 0, time.UTC), "Name": fmt.Sprintf("GET /%d", i), "UserAuthenticatedId": user + "@example.org",
			"Success": i != 1, "DurationMs": 12.5 * float64(i+1), "OperationId": fmt.Sprintf("op%d", i), "Properties": map[string]any{"tier": "web"},
		})
	}
	if _, err := c.Upload(ctx, s.rule, "Microsoft-AppRequests", []byte(text(t, rows)), nil); err != nil {
		t.Fatal(err)
	}
	_, err = c.Upload(ctx, s.rule, "Custom-Nothing", []byte("[]"), nil)
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != 400 || refused.ErrorCode != "InvalidStream" {
		t.Errorf("a stream that is not the rule's: %v", err)
	}
	s.settle()
	r, err := s.logs().QueryWorkspace(ctx, s.workspace, azlogs.QueryBody{Query: to.Ptr(`
		AppRequests
		| join kind=inner (SigninLogs | project UserPrincipalName, SignedIn = TimeGenerated, City = tostring(LocationDetails.city)) on $left.UserAuthenticatedId == $right.UserPrincipalName
		| summarize Requests = count(), Slowest = max(DurationMs), Failed = countif(not(Success)) by UserPrincipalName, City, Tier = tostring(Properties.tier)
		| sort by UserPrincipalName asc`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, r.Tables[0].Rows), `[["ann@example.org","Ulm","web",2,37.5,0],["bob@example.org","Ulm","web",1,25,1]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestKusto(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	c, err := azkustodata.New(azkustodata.NewConnectionStringBuilder(s.url).WithTokenCredential(s.credential()), azkustodata.WithHttpClient(s.http))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	params := kql.NewParameters().AddInt("n", 2).AddString("who", `a"n'n`)
	ds, err := c.Query(ctx, "default", kql.New("declare query_parameters(n:int, who:string); range x from 1 to n step 1 | extend who, d = dynamic({'a':[1]}), t = datetime(2026-01-02), big = 9223372036854775807"), azkustodata.QueryParameters(params))
	if err != nil {
		t.Fatal(err)
	}
	rows := ds.Tables()[0].Rows()
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	var got struct {
		X   int64          `kusto:"x"`
		Who string         `kusto:"who"`
		D   map[string]any `kusto:"d"`
		T   time.Time      `kusto:"t"`
		Big int64          `kusto:"big"`
	}
	if err := rows[1].ToStruct(&got); err != nil {
		t.Fatal(err)
	}
	if got.X != 2 || got.Who != `a"n'n` || got.Big != 1<<63-1 || text(t, got.D) != `{"a":[1]}` || got.T.Year() != 2026 {
		t.Errorf("%+v", got)
	}
	// Rows as they come.
	stream, err := c.IterativeQuery(ctx, "default", kql.New("range x from 1 to 20000 step 1 | extend s = strcat('row ', x)"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	n := 0
	for tab := range stream.Tables() {
		if tab.Err() != nil {
			t.Fatal(tab.Err())
		}
		if !tab.Table().IsPrimaryResult() {
			continue
		}
		for row := range tab.Table().Rows() {
			if row.Err() != nil {
				t.Fatal(row.Err())
			}
			n++
		}
	}
	if n != 20000 {
		t.Errorf("%d rows were streamed", n)
	}
	tables, err := c.Mgmt(ctx, "default", kql.New(".show tables | where TableName == 'SigninLogs'"))
	if err != nil {
		t.Fatal(err)
	}
	cell, err := tables.Tables()[0].Rows()[0].Value(0)
	if err != nil || cell.(*value.String).String() != "SigninLogs" {
		t.Errorf("%v %v", cell, err)
	}
	if _, err := c.Query(ctx, "default", kql.New("SigninLogs | where Nope == 1")); err == nil {
		t.Error("a mistake was answered")
	}
	if _, err := c.Query(ctx, "nowhere", kql.New("print 1")); err == nil {
		t.Error("a database that is not there was answered")
	}
}

func TestManagement(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	opts := &arm.ClientOptions{ClientOptions: s.options(), DisableRPRegistration: true}
	f, err := armoperationalinsights.NewClientFactory("5ub", s.credential(), opts)
	if err != nil {
		t.Fatal(err)
	}
	poll, err := f.NewWorkspacesClient().BeginCreateOrUpdate(ctx, "logs", "law1", armoperationalinsights.Workspace{
		Location: to.Ptr("here"), Properties: &armoperationalinsights.WorkspaceProperties{RetentionInDays: to.Ptr[int32](90)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := poll.PollUntilDone(ctx, nil)
	if err != nil || *made.Properties.RetentionInDays != 90 {
		t.Fatalf("%+v %v", made, err)
	}
	tablePoll, err := f.NewTablesClient().BeginCreateOrUpdate(ctx, "logs", "law1", "Shop_CL", armoperationalinsights.Table{Properties: &armoperationalinsights.TableProperties{
		RetentionInDays: to.Ptr[int32](7),
		Schema: &armoperationalinsights.Schema{Name: to.Ptr("Shop_CL"), Columns: []*armoperationalinsights.Column{
			{Name: to.Ptr("TimeGenerated"), Type: to.Ptr(armoperationalinsights.ColumnTypeEnumDateTime)}, {Name: to.Ptr("Item"), Type: to.Ptr(armoperationalinsights.ColumnTypeEnumString)},
		}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := tablePoll.PollUntilDone(ctx, nil)
	if err != nil || *tab.Properties.RetentionInDays != 7 {
		t.Fatalf("%+v %v", tab, err)
	}
	saved, err := f.NewSavedSearchesClient().CreateOrUpdate(ctx, "logs", "law1", "everything", armoperationalinsights.SavedSearch{Properties: &armoperationalinsights.SavedSearchProperties{
		Category: to.Ptr("Hunting"), DisplayName: to.Ptr("Everything"), Query: to.Ptr("Shop_CL"), FunctionAlias: to.Ptr("Everything"),
	}}, nil)
	if err != nil || *saved.Properties.FunctionAlias != "Everything" {
		t.Fatalf("%+v %v", saved, err)
	}
	if keys, err := f.NewSharedKeysClient().GetSharedKeys(ctx, "logs", "law1", nil); err != nil || len(*keys.PrimarySharedKey) < 40 {
		t.Errorf("%v", err)
	}
	r, err := s.logs().QueryWorkspace(ctx, *made.Properties.CustomerID, azlogs.QueryBody{Query: to.Ptr("Everything | count")}, nil)
	if err != nil || text(t, r.Tables[0].Rows) != "[[0]]" {
		t.Errorf("%v %v", r.Tables, err)
	}
}
