package simulate

// scratch is what writing a record needs beside the buffer, kept between records.
type scratch struct {
	current event
	audit   auditRecord
	path    []byte
}

// append appends the event's record.
func (t *Tenant) append(b []byte, e *event, s *scratch) []byte {
	switch e.cat {
	case catInteractive, catNonInteractive:
		return t.appendUserSignIn(b, e)
	case catServicePrincipal:
		return t.appendPrincipalSignIn(b, e)
	case catManagedIdentity:
		return t.appendIdentitySignIn(b, e)
	case catMicrosoftSP:
		return t.appendMicrosoftSignIn(b, e)
	case catGraph:
		return t.appendGraph(b, e, s)
	case catAudit, catCSA:
		return t.appendAudit(b, e, s)
	case catRiskyUser, catUserRisk, catRiskySP, catSPRisk, catRiskyAgent, catAgentRisk:
		return t.appendRisk(b, e)
	case catProvisioning:
		return t.appendProvisioning(b, e)
	}
	return t.appendOther(b, e)
}

// appendResult appends resultType to resultDescription of an envelope.
func appendResult(b []byte, o *outcome) []byte {
	b = append(b, `, "resultType": "`...)
	b = appendInt(b, int64(o.code))
	if o.code == 0 {
		b = append(b, `", "resultSignature": "SUCCESS"`...)
	} else {
		b = append(b, `", "resultSignature": "FAILURE"`...)
	}
	if o.reason != "" {
		b = append(b, `, "resultDescription": `...)
		b = appendQuoted(b, o.reason)
	}
	return b
}

func appendStatus(b []byte, o *outcome) []byte {
	b = append(b, `"status":{"errorCode":`...)
	b = appendInt(b, int64(o.code))
	if o.reason != "" {
		b = append(b, `,"failureReason":`...)
		b = appendQuoted(b, o.reason)
	}
	if o.details != "" {
		b = append(b, `,"additionalDetails":`...)
		b = appendQuoted(b, o.details)
	}
	return append(b, "},"...)
}

var riskLevels = [...]string{"none", "low", "medium", "high"}

// appendUserSignIn appends a record of SignInLogs or NonInteractiveUserSignInLogs.
func (t *Tenant) appendUserSignIn(b []byte, e *event) []byte {
	p, a, res, o := &t.people[e.actor], &t.apps[e.app], &resources[e.res], &outcomes[e.out]
	if f, ok := e.aux.(*app); ok {
		a = f
	}
	m := &models[e.dev.model]
	rnd := rng{seedOf(e.key, 'r')}
	days := floorDiv(e.created, day)
	interactive := e.cat == catInteractive
	req, corr := requestOf(e.id), guidOf(e.corr)
	// A failed sign-in names nobody whom the directory does not know.
	name, upn, known := p.name, p.upn, true
	if f, ok := e.aux.(*stranger); ok {
		name, upn, known = f.upn, f.upn, false
	}

	b = t.appendHead(b, e)
	b = appendResult(b, o)
	b = append(b, `, "durationMs": 0, "callerIpAddress": "`...)
	b = e.from.append(b)
	b = append(b, `", "correlationId": "`...)
	b = appendGUID(b, corr)
	b = append(b, `", "identity": "`...)
	b = append(b, name...)
	b = append(b, `", "Level": 4, "location": "`...)
	b = append(b, places[e.from.place].country...)
	b = append(b, `", "properties": {"id":"`...)
	b = appendGUID(b, req)
	b = append(b, `","createdDateTime":"`...)
	b = appendOffset(b, e.created)
	b = append(b, `","userDisplayName":"`...)
	b = append(b, name...)
	b = append(b, `","userPrincipalName":"`...)
	b = append(b, upn...)
	b = append(b, `","userId":"`...)
	if known {
		b = appendGUID(b, p.id)
	} else {
		b = append(b, "00000000-0000-0000-0000-000000000000"...)
	}
	b = append(b, `","appId":"`...)
	b = append(b, a.id...)
	b = append(b, `","appDisplayName":"`...)
	b = append(b, a.name...)
	b = append(b, `","ipAddress":"`...)
	b = e.from.append(b)
	b = append(b, `",`...)
	b = appendStatus(b, o)
	if e.rich {
		b = append(b, `"clientAppUsed":"Mobile Apps and Desktop clients"`...)
	} else {
		b = append(b, `"clientAppUsed":"Browser"`...)
	}
	agent := m.agent
	if e.rich && !interactive {
		agent = m.rich
	}
	if agent != "" {
		b = append(b, `,"userAgent":"`...)
		b = m.appendVersioned(b, agent, days)
		b = append(b, '"')
	}
	b = append(b, `,"deviceDetail":`...)
	b = e.dev.appendDetail(b, e.rich && !interactive, days)
	b = append(b, `,"location":`...)
	b = append(b, t.frag.locations[e.from.place]...)
	if e.shape == byPasswordApp || e.shape == deniedApp {
		b = append(b, `,"mfaDetail":{"authMethod":"Mobile app notification"}`...)
	}
	b = append(b, `,"correlationId":"`...)
	b = appendGUID(b, corr)
	b = append(b, `","conditionalAccessStatus":"`...)
	b = append(b, verdictNames[e.verdict]...)
	b = append(b, `","appliedConditionalAccessPolicies":`...)
	b = append(b, t.policiesFor(p, e.verdict)...)
	b = append(b, `,"authenticationContextClassReferences":[],"originalRequestId":"`...)
	b = appendGUID(b, req)
	if interactive {
		b = append(b, `","isInteractive":true,`...)
	} else {
		b = append(b, `","isInteractive":false,`...)
	}
	b = append(b, `"tokenIssuerName":"","tokenIssuerType":"AzureAD","authenticationProcessingDetails":[`...)
	if e.rich && m.library != "" {
		b = append(b, `{"key":"Azure AD App Authentication Library","value":"`...)
		b = append(b, m.library...)
		b = append(b, `"},`...)
	} else if e.rich && !interactive {
		b = append(b, `{"key":"Is Client Capable","value":"True"},`...)
	}
	b = append(b, `{"key":"Legacy TLS (TLS 1.0, 1.1, 3DES)","value":"False"},`...)
	if !interactive {
		b = append(b, `{"key":"Oauth Scope Info","value":"`...)
		b = append(b, a.scope...)
		b = append(b, `"},`...)
	}
	if e.rich && e.res == resExchange {
		b = append(b, `{"key":"Is CAE Token","value":"True"}],`...)
	} else {
		b = append(b, `{"key":"Is CAE Token","value":"False"}],`...)
	}
	if e.from.net == officeLine {
		b = append(b, `"networkLocationDetails":[{"networkType":"trustedNamedLocation","networkNames":["`...)
		b = append(b, places[e.from.place].city...)
		b = append(b, ` office"]}],`...)
	} else {
		b = append(b, `"networkLocationDetails":[],`...)
	}
	b = append(b, `"clientCredentialType":"none","processingTimeInMilliseconds":`...)
	b = appendInt(b, int64(38+rnd.n(60)+rnd.n(60)))
	level := riskLevels[e.risk]
	b = append(b, `,"riskDetail":"none","riskLevelAggregated":"`...)
	b = append(b, level...)
	b = append(b, `","riskLevelDuringSignIn":"`...)
	b = append(b, level...)
	b = append(b, `","riskState":"`...)
	if e.risk > 0 {
		b = append(b, `atRisk","riskEventTypes":["unfamiliarFeatures"],"riskEventTypes_v2":["unfamiliarFeatures"],`...)
	} else {
		b = append(b, `none","riskEventTypes":[],"riskEventTypes_v2":[],`...)
	}
	b = append(b, `"resourceDisplayName":"`...)
	b = append(b, res.name...)
	b = append(b, `","resourceId":"`...)
	b = append(b, res.id...)
	b = append(b, `","resourceTenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","homeTenantId":"`...)
	b = append(b, t.homeTenant(p)...)
	b = append(b, `","tenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","authenticationDetails":`...)
	b = appendSteps(b, e, o)
	b = appendRequirement(b, e)
	if e.shape == byPassword || e.shape == wrongPassword || e.shape == byPasswordApp {
		b = append(b, `"alternateSignInName":"`...)
		b = append(b, upn...)
		b = append(b, `","signInIdentifier":"`...)
		b = append(b, upn...)
		b = append(b, `",`...)
	}
	if p.guest {
		b = append(b, `"servicePrincipalId":"","userType":"Guest","flaggedForReview":false,"isTenantRestricted":false,"autonomousSystemNumber":`...)
	} else {
		b = append(b, `"servicePrincipalId":"","userType":"Member","flaggedForReview":false,"isTenantRestricted":false,"autonomousSystemNumber":`...)
	}
	b = appendInt(b, int64(e.from.system()))
	if p.guest {
		b = append(b, `,"crossTenantAccessType":"b2bCollaboration"`...)
	} else {
		b = append(b, `,"crossTenantAccessType":"none"`...)
	}
	b = append(b, `,"privateLinkDetails":{},"ssoExtensionVersion":"","uniqueTokenIdentifier":"`...)
	b = appendToken(b, req)
	b = append(b, `","authenticationStrengths":[],"incomingTokenType":"`...)
	switch {
	case !interactive && e.dev.trust == joined && e.rich:
		b = append(b, "primaryRefreshToken"...)
	case !interactive:
		b = append(b, "refreshToken"...)
	default:
		b = append(b, "none"...)
	}
	protocol := "none"
	if _, ok := e.aux.(deviceCode); ok {
		protocol = "deviceCode"
	}
	b = append(b, `","authenticationProtocol":"`...)
	b = append(b, protocol...)
	b = append(b, `","appServicePrincipalId":null,"resourceServicePrincipalId":"`...)
	b = appendGUID(b, t.resourceSP[e.res])
	b = append(b, `","rngcStatus":0,"signInTokenProtectionStatus":"none","tokenProtectionStatusDetails":{"signInSessionStatus":"`...)
	if e.dev.trust == joined && e.rich {
		b = append(b, `bound","signInSessionStatusCode":1008}`...)
	} else {
		b = append(b, `unbound","signInSessionStatusCode":1002}`...)
	}
	b = append(b, `,"originalTransferMethod":"none","isThroughGlobalSecureAccess":false,"conditionalAccessAudiences":[{"applicationId":"`...)
	b = append(b, res.id...)
	if e.res == resGraph && !interactive {
		for _, r := range [...]int{resExchange, resSharePoint, resDirectory} {
			b = append(b, `","audienceReasons":"none"},{"applicationId":"`...)
			b = append(b, resources[r].id...)
		}
	}
	b = append(b, `","audienceReasons":"none"}],"sessionId":"`...)
	b = appendGUID(b, sessionOf(e.sess))
	b = append(b, `","appOwnerTenantId":"`...)
	b = append(b, a.owner...)
	b = append(b, `","resourceOwnerTenantId":"`+microsoftTenant+`"}}`...)
	return b
}

// appendSteps appends the array authenticationDetails.
func appendSteps(b []byte, e *event, o *outcome) []byte {
	step := func(offset int64, method, detail string, ok bool, result, requirement string, status int) {
		if b[len(b)-1] == '}' {
			b = append(b, ',')
		}
		b = append(b, `{"authenticationStepDateTime":"`...)
		b = appendOffset(b, e.created+offset)
		b = append(b, `","authenticationMethod":"`...)
		b = append(b, method...)
		if detail != "" {
			b = append(b, `","authenticationMethodDetail":"`...)
			b = append(b, detail...)
		}
		if ok {
			b = append(b, `","succeeded":true`...)
		} else {
			b = append(b, `","succeeded":false`...)
		}
		b = append(b, `,"authenticationStepResultDetail":`...)
		b = appendQuoted(b, result)
		b = append(b, `,"authenticationStepRequirement":"`...)
		b = append(b, requirement...)
		b = append(b, `","StatusSequence":`...)
		b = appendInt(b, int64(status))
		b = append(b, `,"RequestSequence":`...)
		if method == "Previously satisfied" {
			b = append(b, '0')
		} else {
			b = append(b, '1')
		}
		b = append(b, '}')
	}
	const primary, other = "Primary authentication", "Multifactor authentication"
	b = append(b, '[')
	switch e.shape {
	case byToken, refusedOutside:
		step(0, "Previously satisfied", "", true, "First factor requirement satisfied by claim in the token", primary, 0)
	case byTokenMFA:
		step(0, "Previously satisfied", "", true, "First factor requirement satisfied by claim in the token", primary, 0)
		step(0, "Previously satisfied", "", true, "MFA requirement satisfied by claim in the token", other, 0)
	case byPassword, interrupted:
		step(0, "Password", "Password in the cloud", true, "Correct password", primary, 0)
	case wrongPassword:
		step(0, "Password", "Password in the cloud", false, o.reason, primary, 0)
	case byPasswordApp:
		step(0, "Password", "Password in the cloud", true, "Correct password", primary, 0)
		step(7*millisecond+e.created%second, "Mobile app notification", "", true, "MFA completed in Azure AD", other, int(e.created/second))
	case deniedApp:
		step(0, "Password", "Password in the cloud", true, "Correct password", primary, 0)
		step(9*millisecond+e.created%second, "Mobile app notification", "", false, o.details, other, int(e.created/second))
	case byHello:
		step(0, "Windows Hello for Business", "", true, "MFA completed in Azure AD", primary, 0)
	case byPasskey:
		step(0, "Passkey (device-bound)", "", true, "MFA completed in Azure AD", primary, 0)
	}
	return append(b, ']')
}

// appendRequirement appends what was required, from authenticationRequirementPolicies
// to authenticationRequirement.
func appendRequirement(b []byte, e *event) []byte {
	switch {
	case e.verdict == satisfied || e.verdict == failed:
		return append(b, `,"authenticationRequirementPolicies":[{"requirementProvider":"multiConditionalAccess","detail":"Conditional Access"}],"sessionLifetimePolicies":[],"authenticationRequirement":"multiFactorAuthentication",`...)
	case e.out == freqRefreshExpired:
		return append(b, `,"authenticationRequirementPolicies":[],"sessionLifetimePolicies":[{"expirationRequirement":"signInFrequencyPeriodicReauthentication","detail":"Sign-in frequency (periodic re-authentication)"}],"authenticationRequirement":"singleFactorAuthentication",`...)
	}
	return append(b, `,"authenticationRequirementPolicies":[],"sessionLifetimePolicies":[],"authenticationRequirement":"singleFactorAuthentication",`...)
}

// stranger is a name that was tried and that the directory does not have.
type stranger struct{ upn string }

// deviceCode marks a sign-in by the device code flow.
type deviceCode struct{}
