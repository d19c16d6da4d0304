package record

import (
	"strings"

	"sextant/fault"
)

// graphKind says how objects of one Graph resource become records. Properties
// keep the object as it came, so nothing of it is lost; what Graph calls
// otherwise than the export does is called as in the export.
type graphKind struct {
	category  string
	operation string // "" takes activityDisplayName
	time      string // member
	what      string
}

var graphKinds = map[string]graphKind{
	"signIns":                        {"", "Sign-in activity", "createdDateTime", "Graph sign-in"},
	"directoryAudits":                {"AuditLogs", "", "activityDateTime", "Graph directory audit"},
	"customSecurityAttributeAudits":  {"CustomSecurityAttributeAuditLogs", "", "activityDateTime", "Graph custom security attribute audit"},
	"provisioning":                   {"ProvisioningLogs", "Provisioning activity", "activityDateTime", "Graph provisioning event"},
	"riskDetections":                 {"UserRiskEvents", "User Risk Detection", "detectedDateTime", "Graph risk detection"},
	"servicePrincipalRiskDetections": {"ServicePrincipalRiskEvents", "Service Principal Risk Detection", "detectedDateTime", "Graph workload risk detection"},
	"riskyUsers":                     {"RiskyUsers", "Risky user", "riskLastUpdatedDateTime", "Graph risky user"},
	"riskyServicePrincipals":         {"RiskyServicePrincipals", "Risky service principal", "riskLastUpdatedDateTime", "Graph risky service principal"},
	"alerts_v2":                      {"GraphSecurityAlerts", "Security alert", "createdDateTime", "Graph security alert"},
}

// graphNames finds the resource in a context or a type, both in lower case.
var graphNames = []struct{ mark, resource string }{
	{"auditlogs/signins", "signIns"},
	{"auditlogs/directoryaudits", "directoryAudits"},
	{"customsecurityattributeaudits", "customSecurityAttributeAudits"},
	{"auditlogs/provisioning", "provisioning"},
	{"serviceprincipalriskdetections", "servicePrincipalRiskDetections"},
	{"riskdetections", "riskDetections"},
	{"riskyserviceprincipals", "riskyServicePrincipals"},
	{"riskyusers", "riskyUsers"},
	{"security/alerts_v2", "alerts_v2"},
	{"#microsoft.graph.signin", "signIns"},
	{"#microsoft.graph.directoryaudit", "directoryAudits"},
	{"#microsoft.graph.customsecurityattributeaudit", "customSecurityAttributeAudits"},
	{"#microsoft.graph.provisioningobjectsummary", "provisioning"},
	{"#microsoft.graph.serviceprincipalriskdetection", "servicePrincipalRiskDetections"},
	{"#microsoft.graph.riskdetection", "riskDetections"},
	{"#microsoft.graph.riskyserviceprincipal", "riskyServicePrincipals"},
	{"#microsoft.graph.riskyuser", "riskyUsers"},
	{"#microsoft.graph.security.alert", "alerts_v2"},
}

// GraphResource is the resource that an @odata.context or @odata.type names, and
// whether it is of Graph beta. "" where it names none with activity records.
func GraphResource(context string) (resource string, beta bool) {
	low := strings.ToLower(context)
	for _, n := range graphNames {
		if strings.HasPrefix(n.mark, "#") && low == n.mark || !strings.HasPrefix(n.mark, "#") && strings.Contains(low, n.mark) {
			// An expansion or a part of a resource names the resource too.
			return n.resource, strings.Contains(low, "/beta/")
		}
	}
	return "", strings.Contains(low, "/beta/")
}

// graphResource tells by what an object says of itself, or by its members.
func graphResource(t *tape) (string, bool) {
	for _, k := range []string{"@odata.type", "@odata.context"} {
		if s := t.str(t.find(0, k)); len(s) > 0 {
			if r, _ := GraphResource(string(s)); r != "" {
				return r, true
			}
			return "", false
		}
	}
	all := func(keys ...string) bool {
		for _, k := range keys {
			if !t.spells(k) {
				return false
			}
		}
		return true
	}
	switch {
	case all("createdDateTime", "status", "appId") && (t.spells("ipAddress") || t.spells("resourceId") || t.spells("userId")):
		return "signIns", true
	case all("activityDisplayName", "activityDateTime") && (t.spells("initiatedBy") || t.spells("targetResources")):
		return "directoryAudits", true
	case all("activityDateTime", "changeId") && (t.spells("provisioningAction") || t.spells("provisioningSteps") || t.spells("action")):
		return "provisioning", true
	case all("riskEventType", "detectedDateTime"):
		if t.spells("servicePrincipalId") {
			return "servicePrincipalRiskDetections", true
		}
		return "riskDetections", true
	case all("riskLastUpdatedDateTime", "riskState"):
		if t.spells("servicePrincipalType") || t.spells("appId") {
			return "riskyServicePrincipals", true
		}
		return "riskyUsers", true
	case all("serviceSource", "severity", "createdDateTime", "title"):
		return "alerts_v2", true
	}
	return "", false
}

// signInCategory of a Graph sign-in.
func signInCategory(t *tape, wish string) string {
	if i := t.find(0, "signInEventTypes"); i >= 0 && t.toks[i].kind == kindArray {
		for k := i + 1; k < int(t.toks[i].next); k = int(t.toks[k].next) {
			switch strings.ToLower(string(t.str(k))) {
			case "interactiveuser":
				return "SignInLogs"
			case "noninteractiveuser":
				return "NonInteractiveUserSignInLogs"
			case "serviceprincipal":
				return "ServicePrincipalSignInLogs"
			case "managedidentity":
				return "ManagedIdentitySignInLogs"
			}
		}
	}
	if len(t.str(t.find(0, "userId"))) == 0 && len(t.str(t.find(0, "servicePrincipalId"))) > 0 {
		if i := t.find(0, "managedServiceIdentity"); i >= 0 && t.toks[i].kind == kindObject {
			kind := string(t.str(t.find(i, "msiType")))
			if kind != "" && kind != "none" {
				return "ManagedIdentitySignInLogs"
			}
		}
		if wish == "ManagedIdentitySignInLogs" {
			return wish
		}
		return "ServicePrincipalSignInLogs"
	}
	if i := t.find(0, "isInteractive"); i >= 0 && t.toks[i].kind == kindFalse {
		return "NonInteractiveUserSignInLogs"
	} else if i >= 0 && t.toks[i].kind == kindTrue {
		return "SignInLogs"
	}
	if wish != "" {
		return wish
	}
	return "SignInLogs"
}

func (m *Model) fromGraph(t *tape, hint Hint) (Translated, error) {
	k, ok := graphKinds[hint.Resource]
	if !ok {
		return Translated{}, fault.New(fault.Invalid, "objects of the Graph resource %s are no activity records", hint.Resource)
	}
	get := func(path ...string) string {
		i := t.walk(0, path)
		if i < 0 {
			return ""
		}
		switch t.toks[i].kind {
		case kindString:
			return string(t.content(i))
		case kindNumber:
			return string(t.text(i))
		}
		return ""
	}
	first := func(texts ...string) string {
		for _, s := range texts {
			if s != "" {
				return s
			}
		}
		return ""
	}
	form := GraphV1
	if hint.Beta || t.has("signInEventTypes") {
		form = GraphBeta
	}
	if _, beta := GraphResource(get("@odata.context")); beta {
		form = GraphBeta
	}
	tenant := first(get("tenantId"), hint.Tenant)
	category := k.category
	if hint.Resource == "signIns" {
		category = signInCategory(t, hint.Category)
	}
	o := out{b: make([]byte, 0, len(t.buf)+600)}
	o.open()
	o.text("time", get(k.time))
	o.text("resourceId", tenantResource(tenant))
	o.text("operationName", first(k.operation, get("activityDisplayName")))
	o.text("operationVersion", "1.0")
	o.text("category", category)
	o.text("tenantId", tenant)
	props := oneLine(t.text(0))
	switch hint.Resource {
	case "signIns":
		code := get("status", "errorCode")
		o.text("resultType", code)
		switch code {
		case "":
		case "0":
			o.text("resultSignature", "SUCCESS")
		default:
			o.text("resultSignature", "FAILURE")
			o.text("resultDescription", get("status", "failureReason"))
		}
		o.raw("durationMs", []byte("0"))
		o.text("callerIpAddress", get("ipAddress"))
		o.text("correlationId", get("correlationId"))
		o.text("identity", first(get("userDisplayName"), get("servicePrincipalName")))
		o.raw("Level", []byte("4"))
		o.text("location", get("location", "countryOrRegion"))
	case "directoryAudits", "customSecurityAttributeAudits":
		o.text("resultSignature", "None")
		o.text("resultDescription", get("resultReason"))
		o.raw("durationMs", []byte("0"))
		o.text("callerIpAddress", first(get("initiatedBy", "user", "ipAddress"), get("initiatedBy", "app", "ipAddress")))
		o.text("correlationId", get("correlationId"))
		o.text("identity", first(get("initiatedBy", "user", "displayName"), get("initiatedBy", "app", "displayName"), get("initiatedBy", "user", "userPrincipalName")))
		o.raw("Level", []byte("4"))
	case "provisioning":
		status := first(get("provisioningStatusInfo", "status"), get("statusInfo", "status"))
		if status != "" {
			status = strings.ToUpper(status[:1]) + status[1:]
		}
		o.text("resultType", status)
		o.text("resultSignature", "None")
		o.text("resultDescription", get("provisioningStatusInfo", "errorInformation", "reason"))
		if ms := get("durationInMilliseconds"); ms != "" {
			o.raw("durationMs", []byte(ms))
		}
		o.text("correlationId", get("changeId"))
		o.text("identity", get("id"))
		o.raw("Level", []byte("4"))
		props = provisioningProperties(t)
	case "alerts_v2":
		o.text("correlationId", get("incidentId"))
		o.text("Level", get("severity"))
	default: // risk
		o.text("resultSignature", "None")
		o.raw("durationMs", []byte("0"))
		o.text("correlationId", get("id"))
		o.text("identity", strings.ToLower(first(get("userDisplayName"), get("servicePrincipalDisplayName"), get("displayName"))))
		o.text("Level", "Information")
		o.text("location", strings.ToLower(get("location", "countryOrRegion")))
	}
	o.raw("properties", props)
	o.shut()
	return Translated{JSON: o.b, Form: form, What: k.what}, nil
}

// provisioningProperties renames what Graph and the export call differently:
// id and displayName of systems and identities are Id and Name there, and the
// status has a capital letter.
func provisioningProperties(t *tape) []byte {
	var o out
	o.open()
	for k := 1; k < int(t.toks[0].next); k = int(t.toks[k+1].next) {
		name, val := string(t.content(k)), k+1
		names := map[string]string{"id": "Id", "displayName": "Name"}
		switch name {
		case "servicePrincipal", "sourceSystem", "targetSystem", "initiatedBy", "sourceIdentity", "targetIdentity":
		case "provisioningStatusInfo", "statusInfo":
			names = map[string]string{"status": "Status"}
		default:
			names = nil
		}
		if names == nil || t.toks[val].kind != kindObject {
			o.raw(name, oneLine(t.text(val)))
			continue
		}
		var in out
		in.open()
		for j := val + 1; j < int(t.toks[val].next); j = int(t.toks[j+1].next) {
			key := string(t.content(j))
			if n := names[key]; n != "" {
				key = n
			}
			in.raw(key, oneLine(t.text(j+1)))
		}
		in.shut()
		o.raw(name, in.b)
	}
	o.shut()
	return o.b
}
