package authority

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"sextant/access"
)

// Kinds of sign-in, as categories of records.
const (
	personSignIn  = "SignInLogs"
	clientSignIn  = "NonInteractiveUserSignInLogs"
	serviceSignIn = "ServicePrincipalSignInLogs"
)

// attempt is what is known of a sign-in while it happens.
type attempt struct {
	kind   string // "" is not recorded
	tenant string
	person *access.Person
	upn    string // as it was typed, where nobody has it
	client client
	appID  string
	proof  proof
	want   resource
	how    []string
	token  string // its uti
	factor bool   // more than a password was asked for
}

func (n *attempt) app(x client, id string) { n.client, n.appID = x, id }

// interactive takes over what a flow is about.
func (n *attempt) interactive(f *flow) {
	n.kind, n.tenant, n.want = personSignIn, f.Tenant, f.Want
	n.client.AppID, n.client.DisplayName, n.appID = f.App, f.AppName, f.App
}

// record an attempt, which p refused or nobody did.
func (c *call) record(p *problem) {
	n := &c.note
	if c.a.o.SignIn == nil || n.kind == "" || n.tenant == "" || p != nil && (p.detail != nil || p.status >= 500 || n.appID == "") {
		return
	}
	text, err := json.Marshal(c.signInRecord(p))
	if err == nil {
		err = c.a.o.SignIn(c.r.Context(), n.tenant, text)
	}
	if err != nil {
		c.a.o.Logger.Error("a sign-in has no record in the log", "trace", c.trace, "tenant", n.tenant, "reason", err)
	}
}

// signInRecord is the diagnostic record of an attempt, as Entra exports it.
func (c *call) signInRecord(p *problem) map[string]any {
	n := &c.note
	code, reason := 0, ""
	if p != nil {
		code, reason = p.code, p.text
	}
	stamp := c.now.UTC().Format("2006-01-02T15:04:05.0000000Z")
	status := map[string]any{"errorCode": code}
	if reason != "" {
		status["failureReason"] = reason
	}
	appID, appName := n.appID, n.client.DisplayName
	if n.client.AppID != "" {
		appID = n.client.AppID
	}
	props := map[string]any{
		"id": c.trace, "createdDateTime": stamp, "correlationId": c.correlation, "appId": appID, "appDisplayName": appName,
		"ipAddress": c.addr, "status": status, "isInteractive": n.kind == personSignIn, "userAgent": c.r.UserAgent(),
		"resourceDisplayName": n.want.Name, "resourceId": resourceID(n.want.Face), "resourceTenantId": n.tenant, "homeTenantId": n.tenant,
		"conditionalAccessStatus": "notApplied", "appliedConditionalAccessPolicies": []any{}, "authenticationProcessingDetails": []any{},
		"riskDetail": "none", "riskLevelAggregated": "none", "riskLevelDuringSignIn": "none", "riskState": "none", "riskEventTypes": []any{}, "riskEventTypes_v2": []any{},
		"location": map[string]any{}, "crossTenantAccessType": "none", "flaggedForReview": false, "isTenantRestricted": false,
		"tokenIssuerType": "AzureAD", "tokenIssuerName": "", "processingTimeInMilliseconds": 0, "autonomousSystemNumber": 0,
		"uniqueTokenIdentifier": n.token, "originalRequestId": c.trace, "incomingTokenType": "none", "authenticationProtocol": "none",
		"clientCredentialType": "none",
	}
	identity := appName
	if n.kind == serviceSignIn {
		props["servicePrincipalId"], props["servicePrincipalName"], props["servicePrincipalCredentialKeyId"] = n.client.ID, n.client.DisplayName, n.proof.key
		props["clientCredentialType"] = map[string]string{"secret": "clientSecret", "certificate": "clientAssertion", "federated": "federatedIdentityCredential"}[n.proof.kind]
	} else {
		c.personProperties(props)
		identity, _ = props["userDisplayName"].(string)
	}
	result, description := strconv.Itoa(code), reason
	return map[string]any{
		"time": stamp, "resourceId": "/tenants/" + n.tenant + "/providers/Microsoft.aadiam", "operationName": "Sign-in activity", "operationVersion": "1.0",
		"category": n.kind, "tenantId": n.tenant, "resultType": result, "resultSignature": "None", "resultDescription": description,
		"durationMs": 0, "callerIpAddress": c.addr, "correlationId": c.correlation, "identity": identity, "Level": 4, "location": "", "properties": props,
	}
}

func (c *call) personProperties(props map[string]any) {
	n := &c.note
	name, upn, id := n.upn, n.upn, ""
	if n.person != nil {
		name, upn, id = n.person.DisplayName, n.person.UserPrincipalName, n.person.ID
	}
	many := n.factor || slices.ContainsFunc(n.how, func(h string) bool { return h == "otp" || h == "fido" })
	requirement := "singleFactorAuthentication"
	if many {
		requirement = "multiFactorAuthentication"
	}
	var steps []any
	for _, h := range n.how {
		method := map[string]string{"pwd": "Password", "otp": "OATH verification code", "fido": "Passkey", "fed": "Federated"}[h]
		if method != "" {
			steps = append(steps, map[string]any{
				"authenticationStepDateTime": props["createdDateTime"], "authenticationMethod": method, "succeeded": true,
				"authenticationStepResultDetail": "",
			})
		}
	}
	if steps == nil {
		steps = []any{}
	}
	props["userId"], props["userPrincipalName"], props["userDisplayName"], props["userType"] = id, strings.ToLower(upn), name, "Member"
	props["signInIdentifier"], props["alternateSignInName"] = n.upn, n.upn
	props["authenticationRequirement"], props["authenticationDetails"] = requirement, steps
	props["clientAppUsed"] = "Mobile Apps and Desktop clients"
	if n.kind == personSignIn {
		props["clientAppUsed"] = "Browser"
	}
	props["deviceDetail"] = map[string]any{"deviceId": "", "operatingSystem": "", "browser": ""}
}

// resourceID of a resource: the id by which Entra knows it.
func resourceID(face access.Face) string {
	for _, name := range access.Audiences(face) {
		if guid.MatchString(name) {
			return name
		}
	}
	return string(face)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
