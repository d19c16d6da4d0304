package simulate

// appendWorkloadStart appends the envelope of a workload's sign-in and its
// properties up to the correlation id.
func (t *Tenant) appendWorkloadStart(b []byte, e *event, w *workload) []byte {
	o := &outcomes[e.out]
	b = t.appendHead(b, e)
	b = append(b, `, "resultType": "`...)
	b = appendInt(b, int64(o.code))
	if o.code == 0 {
		b = append(b, `", "resultSignature": "SUCCESS`...)
	} else {
		b = append(b, `", "resultSignature": "FAILURE`...)
	}
	b = append(b, `", "durationMs": 0`...)
	if e.cat != catManagedIdentity {
		b = append(b, `, "callerIpAddress": "`...)
		b = e.from.append(b)
		b = append(b, '"')
	}
	b = append(b, `, "correlationId": "`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `", "Level": 4`...)
	located := e.cat != catManagedIdentity && e.from.located()
	if located {
		b = append(b, `, "location": "`...)
		b = append(b, places[e.from.place].country...)
		b = append(b, '"')
	}
	b = append(b, `, "properties": {"id":"`...)
	b = appendGUID(b, requestOf(e.id))
	b = append(b, `","createdDateTime":"`...)
	b = appendOffset(b, e.created)
	b = append(b, `","userId":null,"appId":"`...)
	b = appendGUID(b, w.appID)
	b = append(b, `","ipAddress":"`...)
	if e.cat != catManagedIdentity {
		b = e.from.append(b)
	}
	b = append(b, `","status":{"errorCode":`...)
	b = appendInt(b, int64(o.code))
	b = append(b, `},"location":`...)
	if located {
		b = append(b, t.frag.locations[e.from.place]...)
	} else {
		b = append(b, nowhere...)
	}
	b = append(b, `,"correlationId":"`...)
	b = appendGUID(b, guidOf(e.corr))
	return append(b, '"')
}

const workloadRisk = `"processingTimeInMilliseconds":0,"riskDetail":"none","riskLevelAggregated":"low","riskLevelDuringSignIn":"low","riskState":"none","resourceDisplayName":"`

// appendPrincipalSignIn appends a record of ServicePrincipalSignInLogs.
func (t *Tenant) appendPrincipalSignIn(b []byte, e *event) []byte {
	w, res := &t.principals[e.actor], &resources[e.res]
	if f, ok := e.aux.(*workload); ok {
		w = f
	}
	b = t.appendWorkloadStart(b, e, w)
	b = append(b, `,"isInteractive":false,"tokenIssuerType":"AzureAD","authenticationProcessingDetails":[{"key":"Azure AD App Authentication Library","value":""}],"clientCredentialType":"none",`+workloadRisk...)
	b = append(b, res.name...)
	b = append(b, `","resourceId":"`...)
	b = append(b, res.id...)
	b = append(b, `","servicePrincipalName":"`...)
	b = append(b, w.name...)
	b = append(b, `","servicePrincipalId":"`...)
	b = appendGUID(b, w.id)
	b = append(b, `","flaggedForReview":false,"isTenantRestricted":false,"crossTenantAccessType":"none","uniqueTokenIdentifier":"`...)
	b = appendToken(b, requestOf(e.id))
	return append(b, `","incomingTokenType":"none","authenticationProtocol":"none","appServicePrincipalId":null,"resourceServicePrincipalId":"","signInTokenProtectionStatus":"none","originalTransferMethod":"none","isThroughGlobalSecureAccess":false}}`...)
}

// appendIdentitySignIn appends a record of ManagedIdentitySignInLogs.
func (t *Tenant) appendIdentitySignIn(b []byte, e *event) []byte {
	w, res := &t.identities[e.actor], &resources[e.res]
	b = t.appendWorkloadStart(b, e, w)
	b = append(b, `,"conditionalAccessStatus":"notApplied","appliedConditionalAccessPolicies":[],"isInteractive":false,"tokenIssuerType":"AzureAD","authenticationProcessingDetails":[],"clientCredentialType":"none",`+workloadRisk...)
	b = append(b, res.name...)
	b = append(b, `","resourceId":"`...)
	b = append(b, res.id...)
	b = append(b, `","servicePrincipalName":"`...)
	b = append(b, w.name...)
	b = append(b, `","servicePrincipalId":"`...)
	b = appendGUID(b, w.id)
	b = append(b, `","federatedCredentialId":"","flaggedForReview":false,"isTenantRestricted":false,"crossTenantAccessType":"none","uniqueTokenIdentifier":"`...)
	b = appendToken(b, requestOf(e.id))
	b = append(b, `","incomingTokenType":"none","authenticationProtocol":"none","appServicePrincipalId":null,"resourceServicePrincipalId":"`...)
	b = appendGUID(b, t.resourceSP[e.res])
	b = append(b, `","signInTokenProtectionStatus":"none","originalTransferMethod":"none","isThroughGlobalSecureAccess":false,"conditionalAccessAudiences":[`...)
	if e.res == resARM && e.key&7 < 3 {
		b = append(b, `{"applicationId":"`...)
		b = append(b, res.id...)
		b = append(b, `","audienceReasons":"none"}`...)
	}
	return append(b, "]}}"...)
}

// appendMicrosoftSignIn appends a record of MicrosoftServicePrincipalSignInLogs:
// by mapping, no exported record was to be had.
func (t *Tenant) appendMicrosoftSignIn(b []byte, e *event) []byte {
	w, res := &t.microsoft[e.actor], &resources[e.res]
	b = t.appendHead(b, e)
	b = append(b, `, "resultType": "0", "resultSignature": "SUCCESS", "durationMs": 0, "correlationId": "`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `", "Level": 4, "properties": {"id":"`...)
	b = appendGUID(b, requestOf(e.id))
	b = append(b, `","createdDateTime":"`...)
	b = appendOffset(b, e.created)
	b = append(b, `","appId":"`...)
	b = appendGUID(b, w.appID)
	b = append(b, `","appOwnerTenantId":"`+microsoftTenant+`","correlationId":"`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `","resourceDisplayName":"`...)
	b = append(b, res.name...)
	b = append(b, `","resourceId":"`...)
	b = append(b, res.id...)
	b = append(b, `","resourceOwnerTenantId":"`+microsoftTenant+`","resourceServicePrincipalId":"`...)
	b = appendGUID(b, t.resourceSP[e.res])
	b = append(b, `","servicePrincipalCredentialKeyId":"`...)
	b = appendGUID(b, w.secret)
	b = append(b, `","servicePrincipalCredentialThumbprint":"`...)
	for i := range uint64(2) {
		b = appendHex(b, seedOf(w.seed, 'h', i))
	}
	b = append(b, `","servicePrincipalId":"`...)
	b = appendGUID(b, w.id)
	b = append(b, `","servicePrincipalName":"`...)
	b = append(b, w.name...)
	b = append(b, `","uniqueTokenIdentifier":"`...)
	b = appendToken(b, requestOf(e.id))
	return append(b, `"}}`...)
}
