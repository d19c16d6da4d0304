package clients

import (
	"context"
	"strings"
	"testing"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// each is a record of the collections that no other test reads.
const each = `{"time":"2026-01-02T03:00:54Z","operationName":"Provisioning activity","category":"ProvisioningLogs","tenantId":"` + tenant + `","resultType":"Success","durationMs":3236,"properties":{"id":"p1","activityDateTime":"2026-01-02T03:00:54Z","jobId":"job1","action":"Create","provisioningAction":"create","provisioningStatusInfo":{"Status":"Success"},"provisioningSteps":[{"name":"EntryImport","provisioningStepType":"Import","status":"success","description":"read","details":{"a":1}}],"modifiedProperties":[{"displayName":"appId","oldValue":null,"newValue":"x"}],"servicePrincipal":{"Id":"sp1","Name":"Fabrikam"},"sourceSystem":{"Id":"s1","Name":"Fabrikam","details":{}},"initiatedBy":{"Id":"","Name":"Provisioning Service","initiatorType":"system"},"sourceIdentity":{"identityType":"User","Id":"u1","Name":"Ann","details":{}}}}
{"time":"2026-01-02T05:05:00Z","category":"ServicePrincipalRiskEvents","tenantId":"` + tenant + `","properties":{"id":"d7","riskEventType":"suspiciousSignins","riskState":"atRisk","riskLevel":"medium","riskDetail":"none","activity":"signin","detectedDateTime":"2026-01-02T05:05:00Z","lastUpdatedDateTime":"2026-01-02T05:05:00Z","servicePrincipalId":"p-job","servicePrincipalDisplayName":"Nightly job","appId":"a-job","keyIds":["k1"],"location":{"city":"Ulm","geoCoordinates":{"latitude":48.4,"longitude":10}}}}
{"time":"2026-01-02T05:06:00Z","category":"AuditLogs","operationName":"User registered security info","tenantId":"` + tenant + `","properties":{"id":"m1","activityDateTime":"2026-01-02T05:06:00Z","activityDisplayName":"User registered security info","category":"UserManagement","result":"success","resultReason":"User registered Authenticator App with Code","loggedByService":"Authentication Methods","initiatedBy":{"user":{"id":"u-ann","userPrincipalName":"ann@example.org"}},"targetResources":[{"id":"u-ann","type":"User","userPrincipalName":"ann@example.org","displayName":"Ann"}],"additionalDetails":[]}}`

// TestGraphEachCollection reads what other tests do not, with the SDK's types.
func TestGraphEachCollection(t *testing.T) {
	s := start(t)
	s.call("POST", "/v1/records", strings.Join([]string{risky, each}, "\n"), 200)
	s.settle()
	c, ctx := s.sdk(), context.Background()
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	fails := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(said(err))
		}
	}

	provisioning, err := c.AuditLogs().Provisioning().Get(ctx, nil)
	fails(err)
	for _, p := range provisioning.GetValue() {
		is("provisioning", got(p.GetId())+" "+got(p.GetProvisioningAction()).String()+" "+got(p.GetProvisioningStatusInfo().GetStatus()).String()+" "+got(p.GetServicePrincipal().GetDisplayName())+" "+
			got(p.GetProvisioningSteps()[0].GetProvisioningStepType()).String()+" "+got(p.GetSourceIdentity().GetDisplayName()), "p1 create success Fabrikam import Ann")
	}
	detections, err := c.IdentityProtection().ServicePrincipalRiskDetections().Get(ctx, nil)
	fails(err)
	one := func(d models.ServicePrincipalRiskDetectionable) string {
		return got(d.GetId()) + " " + got(d.GetRiskLevel()).String() + " " + got(d.GetActivity()).String() + " " + strings.Join(d.GetKeyIds(), "+") + " " + got(d.GetLocation().GetCity()) + " " + got(d.GetDetectedDateTime()).UTC().Format("15:04")
	}
	for _, d := range detections.GetValue() {
		is("detections of workloads", one(d), "d7 medium signin k1 Ulm 05:05")
	}
	detection, err := c.IdentityProtection().ServicePrincipalRiskDetections().ByServicePrincipalRiskDetectionId("d7").Get(ctx, nil)
	fails(err)
	is("a detection of a workload", one(detection), "d7 medium signin k1 Ulm 05:05")
	past, err := c.IdentityProtection().RiskyServicePrincipals().ByRiskyServicePrincipalId("p-job").History().Get(ctx, nil)
	fails(err)
	for _, h := range past.GetValue() {
		is("history of a workload", got(h.GetDisplayName())+" "+got(h.GetRiskLevel()).String(), "Nightly job medium")
	}
	registered, err := c.Reports().AuthenticationMethods().UserRegistrationDetails().Get(ctx, nil)
	fails(err)
	for _, r := range registered.GetValue() {
		is("registration", got(r.GetUserPrincipalName())+" "+strings.Join(r.GetMethodsRegistered(), "+"), "ann@example.org softwareOneTimePasscode")
	}
	if n := []int{len(provisioning.GetValue()), len(detections.GetValue()), len(past.GetValue()), len(registered.GetValue())}; n[0] != 1 || n[1] != 1 || n[2] != 1 || n[3] != 1 {
		t.Errorf("of each one, not %v", n)
	}
}
