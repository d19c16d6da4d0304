package clients

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
)

// A rule and an action group made by Microsoft's management client; the server, which
// runs them by its own clock, tells the group's webhook.
func TestAlertRules(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		told <- string(b)
	}))
	defer hook.Close()
	f, err := armmonitor.NewClientFactory("5ub", s.credential(), &arm.ClientOptions{ClientOptions: s.options(), DisableRPRegistration: true})
	if err != nil {
		t.Fatal(err)
	}
	groups, rules := f.NewActionGroupsClient(), f.NewScheduledQueryRulesClient()
	group, err := groups.CreateOrUpdate(ctx, "soc", "duty", armmonitor.ActionGroupResource{Location: to.Ptr("Global"), Properties: &armmonitor.ActionGroup{
		GroupShortName: to.Ptr("duty"), Enabled: to.Ptr(true),
		WebhookReceivers: []*armmonitor.WebhookReceiver{{Name: to.Ptr("hook"), ServiceURI: to.Ptr(hook.URL), UseCommonAlertSchema: to.Ptr(true)}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	resource := func(threshold float64) armmonitor.ScheduledQueryRuleResource {
		return armmonitor.ScheduledQueryRuleResource{Location: to.Ptr("here"), Properties: &armmonitor.ScheduledQueryRuleProperties{
			Severity: to.Ptr(armmonitor.AlertSeverityOne), Enabled: to.Ptr(true), Scopes: []*string{to.Ptr(s.resource)}, EvaluationFrequency: to.Ptr("PT1M"), WindowSize: to.Ptr("PT5M"),
			Criteria: &armmonitor.ScheduledQueryRuleCriteria{AllOf: []*armmonitor.Condition{{
				Query: to.Ptr("SigninLogs"), TimeAggregation: to.Ptr(armmonitor.TimeAggregationCount), Operator: to.Ptr(armmonitor.ConditionOperatorLessThan), Threshold: to.Ptr(threshold),
				FailingPeriods: &armmonitor.ConditionFailingPeriods{NumberOfEvaluationPeriods: to.Ptr[int64](1), MinFailingPeriodsToAlert: to.Ptr[int64](1)},
			}}},
			Actions: &armmonitor.Actions{ActionGroups: []*string{group.ID}, CustomProperties: map[string]*string{"team": to.Ptr("blue")}},
		}}
	}
	made, err := rules.CreateOrUpdate(ctx, "soc", "quiet", resource(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *made.Properties.EvaluationFrequency != "PT1M" || !*made.Properties.AutoMitigate || *made.Kind != armmonitor.KindLogAlert || made.Etag == nil {
		t.Errorf("%+v", made)
	}
	select {
	case body := <-told:
		var m struct {
			SchemaID string
			Data     struct {
				Essentials       struct{ AlertRule, Severity, MonitorCondition string }
				CustomProperties map[string]string
			}
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatal(err)
		}
		if m.SchemaID != "azureMonitorCommonAlertSchema" || m.Data.Essentials.AlertRule != "quiet" || m.Data.Essentials.Severity != "Sev1" || m.Data.Essentials.MonitorCondition != "Fired" || m.Data.CustomProperties["team"] != "blue" {
			t.Errorf("%s", body)
		}
	case <-ctx.Done():
		t.Fatal("nobody was told")
	}
	patched, err := rules.Update(ctx, "soc", "quiet", armmonitor.ScheduledQueryRuleResourcePatch{Properties: &armmonitor.ScheduledQueryRuleProperties{Severity: to.Ptr(armmonitor.AlertSeverityFour)}}, nil)
	if err != nil || *patched.Properties.Severity != armmonitor.AlertSeverityFour || len(patched.Properties.Criteria.AllOf) != 1 {
		t.Errorf("%+v %v", patched, err)
	}
	bad := resource(1)
	bad.Properties.Criteria.AllOf[0].Query = to.Ptr("SigninLogs | where Nope == 1")
	_, err = rules.CreateOrUpdate(ctx, "soc", "bad", bad, nil)
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != 400 || refused.ErrorCode != "BadRequest" || !strings.Contains(err.Error(), "Nope") {
		t.Errorf("a mistake: %v", err)
	}
	names := 0
	for pager := rules.NewListBySubscriptionPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		names += len(page.Value)
	}
	if names != 1 {
		t.Errorf("%d rules", names)
	}
	if _, err := rules.Delete(ctx, "soc", "quiet", nil); err != nil {
		t.Error(err)
	}
	if _, err := groups.Delete(ctx, "soc", "duty", nil); err != nil {
		t.Error(err)
	}
	if _, err := rules.Get(ctx, "soc", "quiet", nil); !errors.As(err, &refused) || refused.StatusCode != 404 {
		t.Errorf("what was deleted: %v", err)
	}
}
