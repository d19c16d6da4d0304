package simulate

import "strings"

// riskFinding is what Identity Protection found; it goes with the events of the
// risk categories.
type riskFinding struct {
	kind     string // riskEventType
	level    uint8
	state    string
	detail   string
	timing   string // realtime, offline
	activity string // signin, user
	request  uint64 // seed of the sign-in, 0 for none
	corr     uint64
	when     int64 // activity
	found    int64
	from     address
	agent    string
	mitre    string
	reasons  string // JSON strings, with commas
	subject  *workload
}

// ordinaryFindings are the detections of a tenant's everyday, with their
// weights of 100.
var ordinaryFindings = []struct {
	weight                       int
	kind, timing, mitre, reasons string
	level                        uint8
}{
	{46, "unfamiliarFeatures", "realtime", "T1078", `"UnfamiliarASN","UnfamiliarIP","UnfamiliarLocation"`, 1},
	{18, "unlikelyTravel", "offline", "T1078", `"NotSet"`, 2},
	{14, "anonymizedIPAddress", "realtime", "T1090.003", `"NotSet"`, 2},
	{12, "anomalousToken", "offline", "T1078,T1539", `"NotSet"`, 2},
	{7, "newCountry", "offline", "T1078", `"NotSet"`, 1},
	{3, "leakedCredentials", "offline", "T1589.001", `"NotSet"`, 3},
}

// risky is a session of somebody's who is travelling or uses a proxy, and what
// Identity Protection makes of it: a detection, the user at risk, and later the
// risk remediated or dismissed.
func (r *run) risky(b *burst, out func(*event)) {
	t := r.t
	rnd := rng{b.seed}
	b.actor = int32(rnd.n(t.guestsFrom))
	p := &t.people[b.actor]
	if p.dormant {
		b.actor = (b.actor + 1) % int32(t.guestsFrom)
		p = &t.people[b.actor]
	}
	kind := &ordinaryFindings[0]
	for w, i := rnd.n(100), 0; i < len(ordinaryFindings); i++ {
		if w -= ordinaryFindings[i].weight; w < 0 {
			kind = &ordinaryFindings[i]
			break
		}
	}
	from := address{uint8(rnd.n(livable)), homeFixed, uint32(rnd.next())}
	f := &riskFinding{kind: kind.kind, level: kind.level, state: "atRisk", detail: "none", timing: kind.timing, activity: "signin",
		from: from, mitre: kind.mitre, reasons: kind.reasons, agent: models[p.devices[0].model].agentOn(b.start)}
	if kind.kind == "leakedCredentials" {
		f.activity = "user"
	} else {
		e := signIn(catInteractive, rnd.next(), b.start, b.actor)
		e.app, e.res, e.shape, e.out, e.verdict = appOfficeHome, resGraph, byPasswordApp, okMFA, satisfied
		e.from, e.dev = from, p.devices[2]
		f.agent = models[e.dev.model].agentOn(b.start)
		if kind.timing == "realtime" {
			e.risk = kind.level
		}
		f.request, f.corr = e.id, e.corr
		out(&e)
	}
	f.when, f.found = b.start, b.start+4*minute+rnd.span(5*minute)
	if kind.timing == "offline" {
		f.found = b.start + hour + rnd.span(7*hour)
	}
	t.detection(&rnd, f, b.actor, out)
	// What became of it.
	end := *f
	end.found = f.found + 20*minute + rnd.span(6*hour)
	end.level = 0
	switch x := rnd.n(100); {
	case x < 45:
		end.state, end.detail = "remediated", "userPassedMFADrivenByRiskBasedPolicy"
	case x < 62:
		end.state, end.detail = "remediated", "userPerformedSecuredPasswordChange"
	case x < 75:
		end.state, end.detail = "dismissed", "adminDismissedAllRiskForUser"
	default:
		return // still open
	}
	e := event{cat: catRiskyUser, key: rnd.next(), created: end.found, at: end.found, actor: b.actor, aux: &end}
	e.id = e.key
	out(&e)
}

// detection yields a user's detection and the state that it leads to.
func (t *Tenant) detection(rnd *rng, f *riskFinding, actor int32, out func(*event)) {
	e := event{cat: catUserRisk, key: rnd.next(), created: f.found, at: f.found, actor: actor, aux: f}
	e.id = e.key
	out(&e)
	e.cat, e.key = catRiskyUser, rnd.next()
	e.at += 2*second + rnd.span(5*minute)
	e.created, e.id = e.at, e.key
	out(&e)
}

// appendRiskHead appends a risk record's envelope, whose time is in American
// form and whose correlation id is the object's own.
func (t *Tenant) appendRiskHead(b []byte, e *event, id, identity, region string) []byte {
	b = append(b, `{ "time": "`...)
	b = appendUS(b, e.at)
	b = append(b, t.frag.head[e.cat]...)
	b = append(b, `, "resultSignature": "None", "durationMs": 0, "correlationId": "`...)
	b = append(b, id...)
	b = append(b, `", "identity": "`...)
	for i := 0; i < len(identity); i++ {
		c := identity[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	b = append(b, `", "Level": "Information", "location": "`...)
	b = append(b, region...)
	return append(b, `", "properties": {`...)
}

// detectionID is 64 hexadecimal digits.
func detectionID(seed uint64) string {
	b := make([]byte, 0, 64)
	for i := range uint64(4) {
		b = appendHex(b, seedOf(seed, 'x', i))
	}
	return string(b)
}

// appendRisk appends a record of a risk category.
func (t *Tenant) appendRisk(b []byte, e *event) []byte {
	f, _ := e.aux.(*riskFinding)
	switch e.cat {
	case catRiskyUser:
		return t.appendRiskyUser(b, e, f)
	case catUserRisk:
		return t.appendUserRisk(b, e, f)
	case catRiskySP, catSPRisk:
		return t.appendPrincipalRisk(b, e, f)
	}
	return t.appendAgentRisk(b, e)
}

// region is the short name of the region that looks after the tenant.
const riskRegion = "weu"

func (t *Tenant) appendRiskyUser(b []byte, e *event, f *riskFinding) []byte {
	p := &t.people[e.actor]
	id := p.id.String()
	b = t.appendRiskHead(b, e, id, p.name, riskRegion)
	b = append(b, `"id":"`...)
	b = append(b, id...)
	b = append(b, `","userDisplayName":"`...)
	b = append(b, p.name...)
	b = append(b, `","userPrincipalName":"`...)
	b = append(b, p.upn...)
	b = append(b, `","riskLastUpdatedDateTime":"`...)
	b = appendRiskStamp(b, e.at)
	b = append(b, `","riskState":"`...)
	b = append(b, f.state...)
	b = append(b, `","riskDetail":"`...)
	b = append(b, f.detail...)
	b = append(b, `","riskLevel":"`...)
	b = append(b, riskLevels[f.level]...)
	return append(b, `","isDeleted":false,"isProcessing":false}}`...)
}

// appendUserRisk appends a record of UserRiskEvents.
func (t *Tenant) appendUserRisk(b []byte, e *event, f *riskFinding) []byte {
	p := &t.people[e.actor]
	id := detectionID(e.id)
	b = t.appendRiskHead(b, e, id, p.name, riskRegion)
	b = append(b, `"id":"`...)
	b = append(b, id...)
	b = append(b, `","requestId":"`...)
	if f.request != 0 {
		b = appendGUID(b, requestOf(f.request))
	}
	b = append(b, `","correlationId":"`...)
	if f.request != 0 {
		b = appendGUID(b, guidOf(f.corr))
	}
	b = append(b, `","riskType":"generic","riskEventType":"`...)
	b = append(b, f.kind...)
	b = append(b, `","riskState":"`...)
	b = append(b, f.state...)
	b = append(b, `","riskLevel":"`...)
	b = append(b, riskLevels[f.level]...)
	b = append(b, `","riskDetail":"`...)
	b = append(b, f.detail...)
	b = append(b, `","source":"IdentityProtection","detectionTimingType":"`...)
	b = append(b, f.timing...)
	b = append(b, `","activity":"`...)
	b = append(b, f.activity...)
	b = append(b, `","ipAddress":"`...)
	b = f.from.append(b)
	b = append(b, `","location":`...)
	b = appendRiskLocation(b, &places[f.from.place])
	b = append(b, `,"activityDateTime":"`...)
	b = appendRiskStamp(b, f.when)
	b = append(b, `","detectedDateTime":"`...)
	b = appendRiskStamp(b, f.found)
	b = append(b, `","lastUpdatedDateTime":"`...)
	b = appendRiskStamp(b, f.found)
	b = append(b, `","userId":"`...)
	b = appendGUID(b, p.id)
	b = append(b, `","userDisplayName":"`...)
	b = append(b, p.name...)
	b = append(b, `","userPrincipalName":"`...)
	b = append(b, p.upn...)
	b = append(b, `","additionalInfo":"`...)
	b = appendEscaped(b, `[{"Key":"riskReasons","Value":[`+f.reasons+`]},{"Key":"userAgent","Value":`+quote(f.agent)+`},{"Key":"alertUrl","Value":""},{"Key":"mitreTechniques","Value":`+quote(f.mitre)+`}]`)
	b = append(b, `","tokenIssuerType":"AzureAD","resourceTenantId":null,"homeTenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","userType":"member","crossTenantAccessType":"none","mitreTechniqueId":"`...)
	first, _, _ := strings.Cut(f.mitre, ",")
	b = append(b, first...)
	return append(b, `"}}`...)
}

// appendRiskLocation appends a place as risk records have it: with an altitude,
// and coordinates of five digits.
func appendRiskLocation(b []byte, p *place) []byte {
	b = append(b, `{"city":"`...)
	b = append(b, p.city...)
	b = append(b, `","state":"`...)
	b = append(b, p.state...)
	b = append(b, `","countryOrRegion":"`...)
	b = append(b, p.country...)
	b = append(b, `","geoCoordinates":{"altitude":0.0,"latitude":`...)
	b = appendShortest(b, p.latitude)
	b = append(b, `,"longitude":`...)
	b = appendShortest(b, p.longitude)
	return append(b, "}}"...)
}

// appendPrincipalRisk appends a record of RiskyServicePrincipals or
// ServicePrincipalRiskEvents: by mapping, no exported record was to be had.
func (t *Tenant) appendPrincipalRisk(b []byte, e *event, f *riskFinding) []byte {
	w := &t.principals[e.id%uint64(len(t.principals))]
	if f == nil {
		f = &riskFinding{kind: []string{"suspiciousSignins", "anomalousServicePrincipalActivity", "suspiciousAPITraffic"}[e.id%3], level: uint8(1 + e.id>>8%3), state: "atRisk", detail: "none",
			timing: "offline", activity: "servicePrincipal", from: w.line, when: e.created - hour, found: e.created, mitre: "T1078.004"}
	} else {
		w = f.subject
	}
	if e.cat == catRiskySP {
		id := w.id.String()
		b = t.appendRiskHead(b, e, id, w.name, riskRegion)
		b = append(b, `"id":"`...)
		b = append(b, id...)
		b = append(b, `","appId":"`...)
		b = appendGUID(b, w.appID)
		b = append(b, `","displayName":"`...)
		b = append(b, w.name...)
		b = append(b, `","accountEnabled":true,"servicePrincipalType":"Application","riskLastUpdatedDateTime":"`...)
		b = appendRiskStamp(b, e.at)
		b = append(b, `","riskState":"`...)
		b = append(b, f.state...)
		b = append(b, `","riskDetail":"`...)
		b = append(b, f.detail...)
		b = append(b, `","riskLevel":"`...)
		b = append(b, riskLevels[f.level]...)
		return append(b, `","isProcessing":false}}`...)
	}
	id := detectionID(e.id)
	b = t.appendRiskHead(b, e, id, w.name, riskRegion)
	b = append(b, `"id":"`...)
	b = append(b, id...)
	b = append(b, `","requestId":null,"correlationId":null,"riskEventType":"`...)
	b = append(b, f.kind...)
	b = append(b, `","riskState":"`...)
	b = append(b, f.state...)
	b = append(b, `","riskLevel":"`...)
	b = append(b, riskLevels[f.level]...)
	b = append(b, `","riskDetail":"`...)
	b = append(b, f.detail...)
	b = append(b, `","source":"IdentityProtection","detectionTimingType":"`...)
	b = append(b, f.timing...)
	b = append(b, `","activity":"servicePrincipal","tokenIssuerType":"AzureAD","ipAddress":"`...)
	b = f.from.append(b)
	b = append(b, `","location":`...)
	b = appendRiskLocation(b, &places[f.from.place])
	b = append(b, `,"activityDateTime":"`...)
	b = appendRiskStamp(b, f.when)
	b = append(b, `","detectedDateTime":"`...)
	b = appendRiskStamp(b, f.found)
	b = append(b, `","lastUpdatedDateTime":"`...)
	b = appendRiskStamp(b, f.found)
	b = append(b, `","servicePrincipalId":"`...)
	b = appendGUID(b, w.id)
	b = append(b, `","servicePrincipalDisplayName":"`...)
	b = append(b, w.name...)
	b = append(b, `","appId":"`...)
	b = appendGUID(b, w.appID)
	b = append(b, `","keyIds":["`...)
	b = appendGUID(b, w.secret)
	b = append(b, `"],"additionalInfo":"`...)
	b = appendEscaped(b, `[{"Key":"alertUrl","Value":""},{"Key":"mitreTechniques","Value":`+quote(f.mitre)+`}]`)
	return append(b, `"}}`...)
}

// appendAgentRisk appends a record of RiskyAgents or AgentRiskEvents: by mapping,
// no exported record was to be had.
func (t *Tenant) appendAgentRisk(b []byte, e *event) []byte {
	w := &t.agents[e.id%uint64(len(t.agents))]
	kind := []string{"unfamiliarResourceAccess", "signInSpike", "failedAccessAttempt", "riskyUserSignIn"}[e.id>>4%4]
	level := riskLevels[1+e.id>>8%2]
	if e.cat == catRiskyAgent {
		id := w.id.String()
		b = t.appendRiskHead(b, e, id, w.name, riskRegion)
		b = append(b, `"id":"`...)
		b = append(b, id...)
		b = append(b, `","agentDisplayName":"`...)
		b = append(b, w.name...)
		b = append(b, `","identityType":"agentIdentity","riskLastModifiedDateTime":"`...)
		b = appendRiskStamp(b, e.at)
		b = append(b, `","riskState":"atRisk","riskDetail":"none","riskLevel":"`...)
		b = append(b, level...)
		return append(b, `","isDeleted":false,"isEnabled":true,"isProcessing":false}}`...)
	}
	id := detectionID(e.id)
	b = t.appendRiskHead(b, e, id, w.name, riskRegion)
	b = append(b, `"id":"`...)
	b = append(b, id...)
	b = append(b, `","agentId":"`...)
	b = appendGUID(b, w.id)
	b = append(b, `","agentDisplayName":"`...)
	b = append(b, w.name...)
	b = append(b, `","identityType":"agentIdentity","riskEventType":"`...)
	b = append(b, kind...)
	b = append(b, `","riskState":"atRisk","riskLevel":"`...)
	b = append(b, level...)
	b = append(b, `","riskDetail":"none","riskEvidence":"[]","detectionTimingType":"offline","activityDateTime":"`...)
	b = appendRiskStamp(b, e.created-hour)
	b = append(b, `","detectedDateTime":"`...)
	b = appendRiskStamp(b, e.created)
	b = append(b, `","lastModifiedDateTime":"`...)
	b = appendRiskStamp(b, e.created)
	return append(b, `","additionalInfo":"[]"}}`...)
}
