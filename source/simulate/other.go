package simulate

// Categories of which no exported record was to be had. Their members follow
// from the columns of their tables by the rule that the others obey: a column
// is the member of the same name with a small first letter, in the envelope if
// that has it, else in the properties.

// appendOther appends a record of such a category.
func (t *Tenant) appendOther(b []byte, e *event) []byte {
	r := rng{seedOf(e.key, 'r')}
	p := &t.people[max(e.actor, 0)]
	switch e.cat {
	case catADFS:
		return t.appendFederated(b, e, p, &r)
	case catB2C:
		return t.appendConsumer(b, e, &r)
	case catAADGraph:
		return t.appendLegacy(b, e, &r)
	}
	b = t.appendHead(b, e)
	b = append(b, `, "resultSignature": "None", "durationMs": 0, "correlationId": "`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `", "Level": 4, "properties": {`...)
	f := fields{b: b}
	switch e.cat {
	case catTraffic:
		t.traffic(&f, e, p, &r)
	case catConnection:
		t.connection(&f, e, p, &r)
	case catNetAlert:
		t.networkAlert(&f, e, &r)
	case catGenAI:
		t.prompt(&f, e, p, &r)
	case catRemoteHealth:
		t.remote(&f, e, &r)
	case catEnriched:
		t.enriched(&f, e, p, &r)
	default:
		panic("simulate: no writer for category " + categoryNames[e.cat])
	}
	return append(f.b, "}}"...)
}

// appendFederated appends a sign-in at AD FS.
func (t *Tenant) appendFederated(b []byte, e *event, p *person, r *rng) []byte {
	o := &outcomes[okPlain]
	if r.permille(60) {
		o = &outcomes[badPassword]
	}
	a, d := &t.apps[firstOwnApp+r.n(5)], p.devices[0]
	line, _ := p.workplace(floorDiv(e.created, day))
	b = t.appendHead(b, e)
	b = appendResult(b, o)
	b = append(b, `, "durationMs": 0, "callerIpAddress": "`...)
	b = line.append(b)
	b = append(b, `", "correlationId": "`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `", "identity": `...)
	b = appendQuoted(b, p.name)
	b = append(b, `, "Level": 4, "location": "`...)
	b = append(b, places[line.place].country...)
	b = append(b, `", "properties": {`...)
	f := fields{b: b}
	req := requestOf(e.id)
	f.guid("id", req)
	f.name("createdDateTime")
	f.b = append(appendOffset(append(f.b, '"'), e.created), '"')
	f.text("userDisplayName", p.name)
	f.text("userPrincipalName", p.upn)
	f.guid("userId", p.id)
	f.text("appId", a.id)
	f.text("appDisplayName", a.name)
	f.address("ipAddress", line)
	f.b = append(f.b, ',')
	f.b = appendStatus(f.b, o)
	f.more = false
	f.text("userAgent", models[d.model].agentOn(e.created))
	f.name("deviceDetail")
	f.b = d.appendDetail(f.b, false, floorDiv(e.created, day))
	f.guid("correlationId", guidOf(e.corr))
	f.text("conditionalAccessStatus", "notApplied")
	f.raw("appliedConditionalAccessPolicies", "[]")
	f.guid("originalRequestId", req)
	f.bool("isInteractive", true)
	f.text("tokenIssuerName", "http://sts."+t.cfg.Domain+"/adfs/services/trust")
	f.text("tokenIssuerType", "ADFederationServices")
	f.raw("authenticationProcessingDetails", "[]")
	f.raw("networkLocationDetails", "[]")
	f.int("processingTimeInMilliseconds", 40+r.n(200))
	f.text("resourceDisplayName", a.name)
	f.text("resourceId", a.id)
	f.text("resourceTenantId", t.cfg.TenantID)
	f.raw("authenticationDetails", "[]")
	f.raw("authenticationRequirementPolicies", "[]")
	f.text("authenticationRequirement", "singleFactorAuthentication")
	f.text("alternateSignInName", p.upn)
	f.text("requirement", "Primary authentication")
	f.name("uniqueTokenIdentifier")
	f.b = append(appendToken(append(f.b, '"'), req), '"')
	return append(f.b, "}}"...)
}

// appendConsumer appends a request of a customer to B2C.
func (t *Tenant) appendConsumer(b []byte, e *event, r *rng) []byte {
	status := []string{"200", "200", "200", "302", "400"}[r.n(5)]
	result := "Success"
	if status == "400" {
		result = "Failure"
	}
	b = t.appendHead(b, e)
	b = append(b, `, "resultType": "`...)
	b = append(b, result...)
	b = append(b, `", "resultSignature": "`...)
	b = append(b, status...)
	b = append(b, `", "durationMs": `...)
	b = appendInt(b, int64(20+r.n(400)))
	b = append(b, `, "callerIpAddress": "`...)
	b = address{uint8(r.n(livable)), homeFixed, uint32(r.next())}.append(b)
	b = append(b, `", "correlationId": "`...)
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, `", "Level": 4, "properties": {`...)
	f := fields{b: b}
	f.guid("requestId", guidOf(e.id))
	return append(f.b, "}}"...)
}

// appendLegacy appends a request to Azure AD Graph, from a program that nobody
// moved to Microsoft Graph.
func (t *Tenant) appendLegacy(b []byte, e *event, r *rng) []byte {
	w := &t.principals[int(e.key%uint64(min(3, len(t.principals))))]
	status := 200
	if r.permille(80) {
		status = 403
	}
	duration := 40 + r.n(600)
	b = append(b, `{ "time": "`...)
	b = appendZ(b, e.at)
	b = append(b, `", "resourceId": "`...)
	b = append(b, t.frag.upper...)
	b = append(b, `", "operationName": "Azure AD Graph Activity", "operationVersion": "1.6", "category": "`...)
	b = append(b, categoryNames[e.cat]...)
	b = append(b, `", "resultSignature": "`...)
	b = appendInt(b, int64(status))
	b = append(b, `", "durationMs": "`...)
	b = appendInt(b, int64(duration))
	b = append(b, `", "callerIpAddress": "`...)
	b = w.line.append(b)
	b = append(b, `", "correlationId": "`...)
	b = appendGUID(b, guidOf(e.id))
	b = append(b, `", "level": "Informational", "location": "`...)
	b = append(b, places[w.line.place].region...)
	b = append(b, `", "properties": {`...)
	f := fields{b: b}
	f.time("timeRequested", e.created)
	f.text("location", places[w.line.place].region)
	f.guid("requestId", guidOf(e.id))
	f.text("apiVersion", "1.6")
	f.text("requestMethod", "GET")
	f.int("responseStatusCode", status)
	f.text("tenantId", t.cfg.TenantID)
	f.int("durationMs", duration)
	f.int("responseSizeBytes", 200+r.n(9000))
	f.name("signInActivityId")
	f.b = append(appendToken(append(f.b, '"'), requestOf(seedOf(w.seed, uint64(floorDiv(e.created, hour))))), '"')
	f.text("roles", "Directory.Read.All")
	f.time("tokenIssuedAt", floorDiv(e.created, hour)*hour)
	f.text("actorType", "Application")
	f.guid("appId", w.appID)
	f.text("userId", "")
	f.guid("servicePrincipalId", w.id)
	f.text("scopes", "")
	f.text("identityProvider", "https://sts.windows.net/"+t.cfg.TenantID+"/")
	f.text("clientAuthMethod", "1")
	f.text("wids", applicationWid)
	f.address("callerIpAddress", w.line)
	f.text("userAgent", "Microsoft ADO.NET Data Services")
	f.text("requestUri", "https://graph.windows.net/"+t.cfg.TenantID+"/"+[]string{"users", "groups", "servicePrincipals", "tenantDetails"}[r.n(4)]+"?api-version=1.6")
	f.text("sessionId", "")
	f.text("deviceId", "")
	return append(f.b, `}, "tenantId": "`+t.cfg.TenantID+`"}`...)
}

var destinations = []struct {
	name, web, app, appCategory string
	score                       int
}{
	{"outlook.office365.com", "Email", "Microsoft Exchange Online", "Webmail", 10},
	{"aldermoor.sharepoint.example", "CollaborationSites", "Microsoft SharePoint Online", "Cloud storage", 10},
	{"login.microsoftonline.com", "BusinessAndEconomy", "Microsoft 365", "IT services", 10},
	{"docs.quarrel.example", "TechnologyAndInternet", "Quarrel Docs", "Collaboration", 7},
	{"video.lanternstream.example", "StreamingMediaAndDownloads", "Lantern Stream", "Content sharing", 5},
	{"assistant.wrenmind.example", "GenerativeAI", "Wrenmind", "Generative AI", 6},
	{"files.tidepool.example", "PersonalStorage", "Tidepool", "Cloud storage", 4},
	{"bets.highstake.example", "Gambling", "", "", 2},
}

func (t *Tenant) traffic(f *fields, e *event, p *person, r *rng) {
	d := &destinations[r.n(len(destinations))]
	line, _ := p.workplace(floorDiv(e.created, day))
	dev := p.devices[0]
	kind := "internet"
	if d.score == 10 {
		kind = "microsoft365"
	}
	action, rule := "allowed", "Default"
	if d.web == "Gambling" {
		action, rule = "blocked", "Block gambling"
	}
	f.guid("transactionId", guidOf(e.id))
	f.guid("connectionId", guidOf(seedOf(e.key, 'c')))
	f.guid("sessionId", guidOf(seedOf(p.seed, 's', uint64(floorDiv(e.created, 8*hour)))))
	f.text("trafficType", kind)
	f.text("deviceCategory", "client")
	f.text("destinationIp", string(appendIPv4(nil, 192<<24|2<<8|uint32(r.n(250)+1))))
	f.int("destinationPort", 443)
	f.text("destinationFqdn", d.name)
	f.address("sourceIp", line)
	f.int("sourcePort", r.within(49152, 65535))
	f.text("deviceOperatingSystem", models[dev.model].system)
	f.text("deviceOperatingSystemVersion", "10.0.26100")
	f.text("agentVersion", "2.18.62")
	f.guid("deviceId", dev.id())
	f.guid("userId", p.id)
	f.text("userPrincipalName", p.upn)
	f.text("transportProtocol", "tcp")
	f.text("networkProtocol", "ipV4")
	f.text("action", action)
	f.guid("policyRuleId", guidOf(seedOf(t.seed, 'y', uint64(len(rule)))))
	f.guid("policyId", guidOf(seedOf(t.seed, 'z')))
	f.int("sentBytes", 300+r.n(20000))
	f.int("receivedBytes", 500+r.n(400000))
	f.text("referrerHeader", "")
	f.text("originHeader", "")
	f.text("xForwardedFor", "")
	f.text("destinationWebCategories", d.web)
	f.guid("filteringProfileId", guidOf(seedOf(t.seed, 'f')))
	f.text("filteringProfileName", "Baseline")
	f.text("policyName", "Web filtering")
	f.text("ruleName", rule)
	f.text("initiatingProcessName", []string{"msedge.exe", "chrome.exe", "outlook.exe", "ms-teams.exe"}[r.n(4)])
	f.text("resourceTenantId", t.cfg.TenantID)
	f.text("threatType", "")
	f.text("destinationUrl", "https://"+d.name+"/")
	f.text("accessType", "quickAccess")
	f.text("processingRegion", places[p.office].region)
	f.text("httpMethod", "GET")
	f.int("responseCode", 200)
	f.text("tlsAction", "bypassed")
	f.text("tlsStatus", "success")
	f.guid("uniqueTokenId", guidOf(seedOf(e.key, 'u')))
	f.text("cloudAppName", d.app)
	f.text("cloudAppCategory", d.appCategory)
	f.int("cloudAppGeneralScore", d.score)
	f.int("cloudAppRiskScore", d.score)
	f.text("httpUserAgent", models[dev.model].agentOn(e.created))
	f.bool("isAgentic", false)
}

func (t *Tenant) connection(f *fields, e *event, p *person, r *rng) {
	line, _ := p.workplace(floorDiv(e.created, day))
	at := &places[line.place]
	dev := p.devices[0]
	d := &destinations[r.n(len(destinations))]
	f.guid("connectionId", guidOf(e.id))
	f.text("trafficType", []string{"internet", "microsoft365", "private"}[r.n(3)])
	f.text("eventType", []string{"connect", "disconnect"}[r.n(2)])
	f.text("deviceCategory", "client")
	f.text("destinationIp", string(appendIPv4(nil, 192<<24|2<<8|uint32(r.n(250)+1))))
	f.int("destinationPort", 443)
	f.text("destinationFqdn", d.name)
	f.address("sourceIp", line)
	f.text("sourcePrivateIp", string(appendIPv4(nil, 10<<24|uint32(r.n(1<<16)))))
	f.int("sourcePort", r.within(49152, 65535))
	f.text("deviceOperatingSystem", models[dev.model].system)
	f.text("deviceOperatingSystemVersion", "10.0.26100")
	f.text("agentVersion", "2.18.62")
	f.guid("deviceId", dev.id())
	f.text("clientDeviceName", string(dev.appendName(nil)))
	f.guid("userId", p.id)
	f.text("userPrincipalName", p.upn)
	f.text("transportProtocol", "tcp")
	f.text("networkProtocol", "ipV4")
	f.text("initiatingProcessName", "msedge.exe")
	f.text("popProcessingRegion", places[p.office].region)
	f.guid("securityProfileId", guidOf(seedOf(t.seed, 'f')))
	f.text("securityProfileName", "Baseline")
	f.bool("isLocal", false)
	f.text("homeTenantId", t.cfg.TenantID)
	f.text("crossTenantAccessType", "none")
	f.text("deviceJoinType", trustNames[dev.trust])
	f.text("sourceIpCountryCode", at.country)
	f.text("sourceIpState", at.state)
	f.text("sourceIpCity", at.city)
	f.raw("sourceIpLatitude", string(appendShortest(nil, at.latitude)))
	f.raw("sourceIpLongitude", string(appendShortest(nil, at.longitude)))
	f.text("sourceIpAutonomousSystemNumber", string(appendInt(nil, int64(line.system()))))
}

func (t *Tenant) networkAlert(f *fields, e *event, r *rng) {
	kind := []struct{ id, title, text, severity string }{
		{"unhealthyRemoteNetworks", "Unhealthy remote networks", "A remote network lost its tunnels for longer than ten minutes.", "medium"},
		{"webContentBlocked", "Web content blocked", "One user met more blocked pages in an hour than in the month before.", "low"},
		{"crossTenantAccess", "Access to a foreign tenant", "A device was used with the tokens of an unusual tenant.", "medium"},
	}[r.n(3)]
	f.guid("id", guidOf(e.id))
	f.time("creationDateTime", e.created)
	f.time("firstActivityDateTime", e.created-hour)
	f.time("lastActivityDateTime", e.created-5*minute)
	f.text("vendorName", "Microsoft")
	f.text("productName", "Global Secure Access")
	f.text("componentName", "Alerts")
	f.text("alertType", kind.id)
	f.text("displayName", kind.title)
	f.text("description", kind.text)
	f.text("severity", kind.severity)
	f.text("techniques", "")
	f.text("subTechniques", "")
	f.text("detectionTechnology", "rule")
	f.guid("policyId", guidOf(seedOf(t.seed, 'z')))
	f.bool("isPreview", false)
	f.raw("extendedProperties", "{}")
	f.raw("relatedResources", "[]")
}

func (t *Tenant) prompt(f *fields, e *event, p *person, r *rng) {
	f.text("activity", "Prompt")
	f.guid("transactionId", guidOf(e.id))
	f.guid("sessionId", guidOf(seedOf(p.seed, 'a', uint64(floorDiv(e.created, hour)))))
	f.text("content", []string{"Summarise the attached minutes", "Rewrite this mail more politely", "Explain this stack trace", "Draft a project plan"}[r.n(4)])
	f.text("userPrincipalName", p.upn)
	f.text("destinationUrl", "https://assistant.wrenmind.example/api/chat")
	f.text("subActivity", "")
	f.guid("eventId", guidOf(seedOf(e.id, 'e')))
	f.text("eventType", "prompt")
	f.text("mcpServerName", "")
	f.text("mcpClientName", "")
}

func (t *Tenant) remote(f *fields, e *event, r *rng) {
	office := r.n(8)
	status, text := "remoteNetworkAlive", "The tunnel carries traffic"
	if r.permille(20) {
		status, text = "tunnelDisconnected", "The tunnel is down"
	}
	f.guid("id", guidOf(e.id))
	f.time("createdDateTime", e.created)
	f.guid("remoteNetworkId", guidOf(seedOf(t.seed, 'n', uint64(office))))
	f.address("sourceIp", address{uint8(office), officeLine, 1})
	f.text("destinationIp", string(appendIPv4(nil, 192<<24|2<<8|uint32(office+1))))
	f.text("description", text)
	f.int("bgpRoutesAdvertisedCount", 4+r.n(20))
	f.int("sentBytes", r.n(1<<30))
	f.int("receivedBytes", r.n(1<<30))
	f.text("status", status)
}

func (t *Tenant) enriched(f *fields, e *event, p *person, r *rng) {
	line, _ := p.workplace(floorDiv(e.created, day))
	dev := p.devices[0]
	what := []struct {
		operation, workload, object string
		kind                        int
	}{
		{"FileAccessed", "SharePoint", "/sites/projects/Shared Documents/plan.xlsx", 6},
		{"FileDownloaded", "OneDrive", "/personal/Documents/notes.docx", 6},
		{"MailItemsAccessed", "Exchange", "Inbox", 50},
		{"MessageSent", "MicrosoftTeams", "", 25},
	}[r.n(4)]
	f.guid("id", guidOf(e.id))
	f.int("recordType", what.kind)
	f.text("operation", what.operation)
	f.text("organizationId", t.cfg.TenantID)
	f.text("userType", "Regular")
	f.text("actorUserType", "Member")
	f.guid("userKey", p.id)
	f.text("workload", what.workload)
	f.text("resultStatus", "Succeeded")
	f.text("objectId", what.object)
	f.text("userId", p.upn)
	f.address("clientIp", line)
	f.guid("uniqueTokenId", guidOf(seedOf(e.key, 'u')))
	f.guid("deviceId", dev.id())
	f.text("deviceOperatingSystem", models[dev.model].system)
	f.text("deviceOperatingSystemVersion", "10.0.26100")
	f.address("sourceIp", line)
	f.raw("additionalProperties", "{}")
}
