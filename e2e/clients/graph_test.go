package clients

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	auth "github.com/microsoft/kiota-authentication-azure-go"
	kiota "github.com/microsoft/kiota-http-go"
	msgraph "github.com/microsoftgraph/msgraph-sdk-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/auditlogs"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
	"github.com/microsoftgraph/msgraph-sdk-go/security"
)

// sdk is Microsoft's client, signed in with the token authority as the application.
func (s *server) sdk() *msgraph.GraphServiceClient { return s.sdkAs(s.credential()) }

func (s *server) sdkAs(who azcore.TokenCredential) *msgraph.GraphServiceClient {
	s.t.Helper()
	hosts := []string{strings.TrimPrefix(s.url, "https://"), "localhost"}
	provider, err := auth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(who, []string{"https://graph.microsoft.com/.default"}, hosts)
	if err != nil {
		s.t.Fatal(err)
	}
	// The middleware is the library's own; only the transport knows the certificate.
	options := msgraph.GetDefaultClientOptions()
	transport := kiota.NewCustomTransportWithParentTransport(s.http.Transport, core.GetDefaultMiddlewaresWithOptions(&options)...)
	adapter, err := msgraph.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(provider, nil, nil, &http.Client{Transport: transport})
	if err != nil {
		s.t.Fatal(err)
	}
	adapter.SetBaseUrl(s.url + "/v1.0")
	return msgraph.NewGraphServiceClient(adapter)
}

func ptr[T any](v T) *T { return &v }

// got is the value behind a pointer, or the zero value.
func got[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (s *server) signIns(c *msgraph.GraphServiceClient, q auditlogs.SignInsRequestBuilderGetQueryParameters) models.SignInCollectionResponseable {
	s.t.Helper()
	page, err := c.AuditLogs().SignIns().Get(context.Background(), &auditlogs.SignInsRequestBuilderGetRequestConfiguration{QueryParameters: &q})
	if err != nil {
		s.t.Fatal(said(err))
	}
	return page
}

// said is an error of the SDK with what the server said.
func said(err error) error {
	var e *odataerrors.ODataError
	if errors.As(err, &e) && e.GetErrorEscaped() != nil {
		return fmt.Errorf("%d %s: %s", e.ResponseStatusCode, got(e.GetErrorEscaped().GetCode()), got(e.GetErrorEscaped().GetMessage()))
	}
	return err
}

func TestGraph(t *testing.T) {
	s := start(t)
	s.call("POST", "/v1/records", groupChange, 200)
	s.settle()
	c := s.sdk()
	ctx := context.Background()

	page := s.signIns(c, auditlogs.SignInsRequestBuilderGetQueryParameters{Top: ptr(int32(5)), Count: ptr(true)})
	var users []string
	for _, x := range page.GetValue() {
		users = append(users, got(x.GetUserPrincipalName())+" "+got(x.GetLocation().GetCity()))
	}
	if list := strings.Join(users, ", "); list != "cem@example.org Ulm, bob@example.org Ulm, ann@example.org Ulm" || got(page.GetOdataCount()) != 3 {
		t.Errorf("sign-ins: %s of %d", list, got(page.GetOdataCount()))
	}
	page = s.signIns(c, auditlogs.SignInsRequestBuilderGetQueryParameters{Filter: ptr("userPrincipalName eq 'bob@example.org' and createdDateTime ge 2026-01-01T00:00:00Z"), Select: []string{"id", "status"}})
	if len(page.GetValue()) != 1 || got(page.GetValue()[0].GetId()) != "s1" || page.GetValue()[0].GetUserPrincipalName() != nil {
		t.Errorf("filtered: %v", page.GetValue())
	}

	// Who changed the group, and when.
	audits, err := c.AuditLogs().DirectoryAudits().Get(ctx, &auditlogs.DirectoryAuditsRequestBuilderGetRequestConfiguration{QueryParameters: &auditlogs.DirectoryAuditsRequestBuilderGetQueryParameters{
		Filter: ptr("targetResources/any(t: t/id eq 'g1')"), Orderby: []string{"activityDateTime desc"},
	}})
	if err != nil {
		t.Fatal(said(err))
	}
	if len(audits.GetValue()) != 1 {
		t.Fatalf("%d audits", len(audits.GetValue()))
	}
	a := audits.GetValue()[0]
	if by := got(a.GetInitiatedBy().GetUser().GetUserPrincipalName()); by != "ann@example.org" || !got(a.GetActivityDateTime()).Equal(time.Date(2026, 1, 2, 4, 0, 0, 500e6, time.UTC)) ||
		got(a.GetResult()) != models.SUCCESS_OPERATIONRESULT || got(a.GetTargetResources()[1].GetDisplayName()) != "Admins" {
		t.Errorf("%s at %v", by, got(a.GetActivityDateTime()))
	}

	// Hunting.
	body := security.NewMicrosoftGraphSecurityRunHuntingQueryRunHuntingQueryPostRequestBody()
	body.SetQuery(ptr("SigninLogs | summarize n = count() by City = tostring(LocationDetails.city)"))
	found, err := c.Security().MicrosoftGraphSecurityRunHuntingQuery().Post(ctx, body, nil)
	if err != nil {
		t.Fatal(said(err))
	}
	if len(found.GetResults()) != 1 || got(found.GetSchema()[1].GetTypeEscaped()) != "Int64" {
		t.Errorf("hunting: %v", found.GetResults())
	}

	// A batch.
	batch := core.NewBatchRequest(c.GetAdapter())
	list, err := c.AuditLogs().SignIns().ToGetRequestInformation(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	one, err := batch.AddBatchRequestStep(*list)
	if err != nil {
		t.Fatal(err)
	}
	nope, err := c.AuditLogs().SignIns().BySignInId("nope").ToGetRequestInformation(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := batch.AddBatchRequestStep(*nope)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := batch.Send(ctx, c.GetAdapter())
	if err != nil {
		t.Fatal(said(err))
	}
	part, err := core.GetBatchResponseById[models.SignInCollectionResponseable](answers, *one.GetId(), models.CreateSignInCollectionResponseFromDiscriminatorValue)
	if err != nil || len(part.GetValue()) != 3 {
		t.Errorf("batch: %v %v", part, said(err))
	}
	if r := answers.GetResponseById(*two.GetId()); got(r.GetStatus()) != 404 {
		t.Errorf("batch: %v", got(r.GetStatus()))
	}

	// Typed errors.
	_, err = c.AuditLogs().SignIns().Get(ctx, &auditlogs.SignInsRequestBuilderGetRequestConfiguration{QueryParameters: &auditlogs.SignInsRequestBuilderGetQueryParameters{Filter: ptr("nope eq 1")}})
	refused(t, "a property that is not there", err, 400, "BadRequest")
	_, err = c.AuditLogs().SignIns().BySignInId("nope").Get(ctx, nil)
	refused(t, "a sign-in that is not there", err, 404, "Request_ResourceNotFound")
	body.SetQuery(ptr("SigninLogs | where Nope"))
	_, err = c.Security().MicrosoftGraphSecurityRunHuntingQuery().Post(ctx, body, nil)
	refused(t, "a mistake in KQL", err, 400, "BadRequest")
}

// An application's sign-ins of the last thirty days, to the end of 100,000 of them
// (SEXTANT_CLIENT_ROWS), page by page while more arrive: each comes once, in both
// languages.
func TestGraphPages(t *testing.T) {
	s := start(t)
	n := 100_000
	if text := os.Getenv("SEXTANT_CLIENT_ROWS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1000 {
			t.Fatalf("SEXTANT_CLIENT_ROWS=%s is no number of rows, of 1000 and more", text)
		}
	}
	now := time.Now().UTC()
	sent := 0
	send := func(count int) {
		t.Helper()
		for count > 0 {
			var lines strings.Builder
			part := min(count, 20_000)
			for range part {
				at := now.Add(-time.Duration(sent%40_000) * time.Minute).Format(time.RFC3339Nano)
				fmt.Fprintf(&lines, `{"time":%q,"category":"SignInLogs","tenantId":%q,"resultType":"0","properties":{"id":"p%06d","createdDateTime":%[1]q,"appId":"shop","userPrincipalName":"ann@example.org","status":{"errorCode":0}}}`+"\n", at, tenant, sent)
				sent++
			}
			count -= part
			s.call("POST", "/v1/records", lines.String(), 200)
		}
	}
	send(n)
	s.settle()
	filter := "appId eq 'shop' and createdDateTime ge " + now.Add(-30*24*time.Hour).Format(time.RFC3339)
	whole := func(t *testing.T, ids []string, all int) {
		t.Helper()
		slices.Sort(ids)
		if len(ids) != all || len(slices.Compact(ids)) != all || ids[all-1] != fmt.Sprintf("p%06d", all-1) {
			t.Errorf("%d sign-ins came, of %d", len(ids), all)
		}
	}

	t.Run("Go", func(t *testing.T) {
		began := time.Now()
		c := s.sdk()
		first := s.signIns(c, auditlogs.SignInsRequestBuilderGetQueryParameters{Filter: &filter, Top: ptr(int32(999)), Select: []string{"id", "createdDateTime", "userPrincipalName", "status"}})
		pages, err := core.NewPageIterator[models.SignInable](first, c.GetAdapter(), models.CreateSignInCollectionResponseFromDiscriminatorValue)
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]string, 0, n)
		err = pages.Iterate(context.Background(), func(x models.SignInable) bool {
			if len(ids)%(n/20) == 0 {
				send(50)
			}
			ids = append(ids, got(x.GetId()))
			return true
		})
		if err != nil {
			t.Fatal(said(err))
		}
		t.Logf("%d rows in Go: %.1f s", len(ids), time.Since(began).Seconds())
		whole(t, ids, n)
	})
	t.Run("JavaScript", func(t *testing.T) {
		node := javascript(t)
		s.settle()
		n, began := sent, time.Now()
		cmd := exec.Command(node, "pages.mjs")
		cmd.Dir = "js"
		cmd.Env = append(s.nodeEnv(), "FILTER="+filter)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if len(ids)%(n/20) == 0 {
				send(50)
			}
			ids = append(ids, lines.Text())
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, &errs)
		}
		t.Logf("%d rows in JavaScript: %.1f s", len(ids), time.Since(began).Seconds())
		whole(t, ids, n)
	})
}
