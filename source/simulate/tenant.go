package simulate

import (
	"fmt"
	"strings"
	"time"
)

// Tenant is a simulated Entra tenant: who is in it and what they do. It is
// immutable after New; several histories and feeds may run at once.
type Tenant struct {
	cfg           Config
	seed          uint64
	initialDomain string // name.onmicrosoft.com
	wanted        [categories]bool
	partners      []partner
	people        []person
	guestsFrom    int
	apps          []app
	resourceSP    []guid // the tenant's service principal of each resource
	principals    []workload
	identities    []workload
	microsoft     []workload
	agents        []workload
	groups        []named
	policies      policySet
	shapes        rates
	streams       []stream
	attacks       []*incident
	frag          fragments
}

// named is a directory object that records only name.
type named struct {
	id   guid
	name string
}

// app is an application as the tenant knows it.
type app struct {
	*application
	id    string // the public one, or the tenant's own
	owner string
	scope string // the record's text of the scopes of its tokens, as JSON
}

// workload is a service principal, a managed identity or an agent.
type workload struct {
	seed      uint64
	name      string
	appID     guid
	id        guid // of the service principal
	owner     string
	resource  int
	line      address
	secret    guid // key id of its credential
	agentText string
	roles     string
	paths     []string // what it asks Graph for
	failing   int      // outcome that it ends with now and then
	failRate  int      // of 1,000
}

// New makes the tenant up, or says what would work.
func New(c Config) (*Tenant, error) {
	cfg, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Tenant{cfg: cfg, seed: seedOf(cfg.Seed, 'T', uint64(len(cfg.TenantID)))}
	for i := 0; i < len(cfg.TenantID); i++ {
		t.seed = mix(t.seed ^ uint64(cfg.TenantID[i]))
	}
	if t.wanted, err = cfg.wanted(); err != nil {
		return nil, err
	}
	chosen, err := cfg.attacks()
	if err != nil {
		return nil, err
	}
	t.makeDirectory()
	t.makePeople(cfg.Users)
	t.makeWorkloads()
	t.makeFragments()
	t.makePolicies()
	t.calibrate(cfg.RecordsPerUserDay)
	t.attacks = t.plotAttacks(chosen)
	return t, nil
}

// TenantID is the directory's GUID.
func (t *Tenant) TenantID() string { return t.cfg.TenantID }

// Config is the configuration with every default filled in.
func (t *Tenant) Config() Config { return t.cfg }

func (t *Tenant) makeDirectory() {
	r := rng{seedOf(t.seed, 'D')}
	name := t.cfg.Domain
	for i := 0; i < len(name); i++ {
		if name[i] == '.' {
			name = name[:i]
			break
		}
	}
	t.initialDomain = name + ".onmicrosoft.com"
	for _, d := range []string{"brackwater.example", "tidegate.example", "ostrow.example", "halvorsen.example", "mirepoix.example"} {
		t.partners = append(t.partners, partner{d, guidOf(r.next()).String()})
	}
	for i := range applications {
		a := app{application: &applications[i], id: applications[i].id, owner: applications[i].owner}
		if a.id == "" {
			a.id, a.owner = guidOf(r.next()).String(), t.cfg.TenantID
		}
		a.scope = scopeList(a.scopes)
		t.apps = append(t.apps, a)
	}
	for i := range resources {
		t.resourceSP = append(t.resourceSP, guidOf(seedOf(t.seed, 'R', uint64(i))))
	}
	for _, d := range departments {
		t.groups = append(t.groups, named{guidOf(r.next()), "All " + d}, named{guidOf(r.next()), d + " project site members"})
	}
	for _, g := range []string{"sg-vpn-users", "sg-license-e3", "sg-license-e5", "sg-mfa-exempt", "sg-app-expense-desk", "sg-app-contract-vault", "sg-breakglass", "sg-pilot-ring-1", "sg-pilot-ring-2", "Town hall planning"} {
		t.groups = append(t.groups, named{guidOf(r.next()), g})
	}
}

// scopeList is the value of "Oauth Scope Info": a JSON array as text.
func scopeList(scopes string) string {
	b := []byte(`[\"`)
	for i := 0; i < len(scopes); i++ {
		if scopes[i] == ' ' {
			b = append(b, `\",\"`...)
		} else {
			b = append(b, scopes[i])
		}
	}
	return string(append(b, `\"]`...))
}

var principalKinds = []struct {
	name, agent, roles string
	resource           int
	paths              []string
	own                bool
}{
	{"Backup Orchestrator", "Backup-Orchestrator/4.2", "Files.Read.All Mail.Read Sites.Read.All User.Read.All Group.Read.All Directory.Read.All Calendars.Read Contacts.Read TeamSettings.Read.All", resGraph,
		[]string{"users/{u}/drive/root/delta", "users/{u}/messages/delta?$select=id,subject,receivedDateTime,hasAttachments,internetMessageId,parentFolderId", "groups/{g}/sites/root", "users?$top=999&$select=id,userPrincipalName,accountEnabled,displayName,mail,usageLocation,assignedLicenses"}, true},
	{"Audit Collector", "audit-collector/2.9 Go-http-client/2.0", "AuditLog.Read.All Directory.Read.All IdentityRiskEvent.Read.All IdentityRiskyUser.Read.All SecurityEvents.Read.All Reports.Read.All Policy.Read.All", resGraph,
		[]string{"auditLogs/signIns?$top=500&$filter=createdDateTime%20ge%20{d}T00:00:00Z%20and%20createdDateTime%20lt%20{d}T23:59:59Z", "auditLogs/directoryAudits?$top=500&$orderby=activityDateTime%20desc", "identityProtection/riskDetections?$top=200&$orderby=detectedDateTime%20desc"}, false},
	{"Audit Collector (Office)", "", "", resManagement, nil, false},
	{"People Sync", "PeopleSync/1.14 (.NET 8.0)", "User.ReadWrite.All Group.ReadWrite.All Directory.Read.All OrgContact.Read.All Application.Read.All", resGraph,
		[]string{"users/{u}", "users/delta?$select=id,displayName,mail,department,jobTitle,manager,officeLocation,employeeId", "users/{u}/manager", "directoryObjects/getByIds"}, true},
	{"Meeting Room Displays", "roomdisplay/3.1", "Calendars.Read Place.Read.All OnlineMeetings.Read.All User.Read.All Presence.Read.All", resGraph,
		[]string{"users/{u}/calendarView?startDateTime={d}T00:00:00Z&endDateTime={d}T23:59:59Z&$select=subject,organizer,start,end", "places/microsoft.graph.room?$top=100"}, true},
	{"Device Inventory", "Azure-WebSite/103.0.7.301", "Device.Read.All DeviceManagementManagedDevices.Read.All DeviceManagementConfiguration.Read.All BitlockerKey.ReadBasic.All", resGraph,
		[]string{"deviceManagement/managedDevices?$top=100&$select=id,deviceName,complianceState,lastSyncDateTime,operatingSystem,osVersion", "devices?$top=999"}, true},
	{"Infrastructure Pipeline", "", "", resARM, nil, true},
	{"Secrets Rotation", "", "", resKeyVault, nil, true},
	{"Cost Reporter", "", "", resARM, nil, true},
	{"Warehouse Loader", "", "", resStorage, nil, true},
	{"Ticket Bridge", "ticket-bridge/7.0 python-httpx/0.27", "User.Read.All Group.Read.All Mail.Send TeamsActivity.Send ChannelMessage.Read.All ChatMessage.Read.All", resGraph,
		[]string{"users/{u}/sendMail", "$batch", "groups/{g}/members?$top=100", "users/{u}"}, false},
	{"Log Forwarder", "", "", resLogs, nil, false},
	{"Signature Manager", "", "", resExchange, nil, false},
	{"Identity Governance Connector", "igc/5.6", "RoleManagement.Read.Directory EntitlementManagement.Read.All AccessReview.Read.All Directory.Read.All GroupMember.Read.All PrivilegedAccess.Read.AzureADGroup", resGraph,
		[]string{"roleManagement/directory/roleAssignments?$expand=principal", "identityGovernance/accessReviews/definitions", "groups/{g}/transitiveMembers?$count=true", "servicePrincipals?$top=999"}, false},
}

var identityKinds = []struct {
	name     string
	resource int
}{
	{"azurepolicy-%s-aks", resPolicy}, {"omsagent-%s-aks", resMonitor}, {"id-%s-web", resKeyVault}, {"vm-%s-app", resARM},
	{"func-%s-ingest", resStorage}, {"sql-%s-primary", resSQL}, {"ama-%s-agent", resMonitor}, {"logic-%s-approvals", resARM}, {"id-%s-backup", resARM},
}

var stages = []string{"harbor", "meadow", "quarry", "summit", "lagoon", "cedar", "ember", "fjord", "grove", "ridge"}

// Microsoft's own services, which act in every tenant.
var microsoftServices = []struct{ name, appID string }{
	{"Azure Credential Configuration Endpoint Service", "ea890292-c8c8-4433-b5ea-b09d0668e1a6"},
	{"Microsoft password reset service", "93625bc8-bfe2-437a-97e0-3d0060024faa"},
	{"Azure MFA StrongAuthenticationService", "b5a60e17-278b-4c92-a4e2-b9262e66bb28"},
	{"Microsoft Approval Management", "65d91a3d-ab74-42e6-8a2f-0add61688c74"},
	{"Device Registration Service", "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9"},
	{"Office 365 Exchange Online", "00000002-0000-0ff1-ce00-000000000000"},
	{"Office 365 SharePoint Online", "00000003-0000-0ff1-ce00-000000000000"},
	{"Microsoft Teams Services", "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe"},
	{"Microsoft.Azure.SyncFabric", "00000014-0000-0000-c000-000000000000"},
	{"Azure AD Identity Governance - Directory Management", "ec245c98-4a90-40c2-955a-88b727d97151"},
}

// Indexes of microsoftServices that audit records name.
const (
	svcCredential = iota
	svcPasswordReset
	svcMFA
	svcApproval
	svcDevices
	svcExchange
	svcSharePoint
	svcTeams
	svcSync
	svcGovernance
)

// makeWorkloads makes up what runs in the tenant without people: one service
// principal for about 25 people, one managed identity for about 15.
func (t *Tenant) makeWorkloads() {
	n := min(max(t.cfg.Users/25, len(principalKinds)), 2000)
	for i := range n {
		k := principalKinds[i%len(principalKinds)]
		w := t.newWorkload('s', i)
		r := rng{seedOf(w.seed, 1)}
		w.name = k.name
		if i >= len(principalKinds) {
			w.name = fmt.Sprintf("%s (%s %d)", k.name, stages[r.n(len(stages))], i/len(principalKinds))
		}
		w.resource, w.agentText, w.roles, w.paths = k.resource, k.agent, k.roles, k.paths
		if !k.own {
			w.owner = t.partners[r.n(len(t.partners))].tenant
		}
		w.line = address{uint8([]int{0, 1, 3, 30, 5, 14}[r.n(6)]), cloudLine, uint32(r.next())}
		if r.permille(240) {
			w.line.net = privateLine
		}
		switch r.n(12) {
		case 0:
			w.failing, w.failRate = expiredSecret, 400
		case 1, 2:
			w.failing, w.failRate = badSecret, 25
		case 3:
			w.failing, w.failRate = noFederatedCredential, 10
		}
		t.principals = append(t.principals, w)
	}
	for i := range min(max(t.cfg.Users/15, 12), 4000) {
		k := identityKinds[i%len(identityKinds)]
		w := t.newWorkload('m', i)
		w.name = fmt.Sprintf(k.name, stages[i/len(identityKinds)%len(stages)])
		if i >= len(identityKinds)*len(stages) {
			w.name += fmt.Sprintf("-%d", i/len(identityKinds)/len(stages))
		}
		w.resource = k.resource
		w.line = address{uint8([]int{0, 1, 3, 5}[w.seed%4]), privateLine, uint32(w.seed)}
		w.failing, w.failRate = managedIdentityDenied, 3
		t.identities = append(t.identities, w)
	}
	for i, s := range microsoftServices {
		w := t.newWorkload('x', i)
		w.name, w.owner = s.name, microsoftTenant
		w.appID = parseGUID(s.appID)
		w.resource = []int{resGraph, resDirectory}[i%2]
		w.line = address{uint8(i % 8), cloudLine, uint32(w.seed)}
		t.microsoft = append(t.microsoft, w)
	}
	for i, name := range []string{"Travel desk agent", "Contract review agent", "Tier 1 support agent", "Forecast agent"} {
		w := t.newWorkload('a', i)
		w.name = name
		t.agents = append(t.agents, w)
	}
}

func (t *Tenant) newWorkload(kind uint64, i int) workload {
	seed := seedOf(t.seed, 'W', kind, uint64(i))
	r := rng{seed}
	return workload{seed: seed, appID: guidOf(r.next()), id: guidOf(r.next()), secret: guidOf(r.next()), owner: t.cfg.TenantID}
}

// parseGUID reads the text of a GUID that is known to be one.
func parseGUID(s string) (g guid) {
	digits := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '-':
			continue
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= '0'
		}
		g[digits/2] = g[digits/2]<<4 | c
		digits++
	}
	return g
}

// fragments are texts that many records share.
type fragments struct {
	head      [categories]string // from the time's end to the category-specific part
	upper     string             // the resource id of Graph activity
	locations []string
}

func (t *Tenant) makeFragments() {
	t.frag.upper = strings.ToUpper("/tenants/" + t.cfg.TenantID + "/providers/Microsoft.aadiam")
	for i := range places {
		t.frag.locations = append(t.frag.locations, locationOf(&places[i]))
	}
	for c, operation := range map[int]string{
		catInteractive: "Sign-in activity", catNonInteractive: "Sign-in activity", catServicePrincipal: "Sign-in activity",
		catManagedIdentity: "Sign-in activity", catADFS: "Sign-in activity", catMicrosoftSP: "Sign-in activity",
		catRiskyUser: "Risky user", catUserRisk: "User Risk Detection", catRiskySP: "Risky service principal",
		catSPRisk: "Service principal Risk Detection", catRiskyAgent: "Risky agent", catAgentRisk: "Agent Risk Detection",
		catProvisioning: "Provisioning activity", catB2C: "B2C request", catTraffic: "Network access traffic",
		catConnection: "Network access connection", catNetAlert: "Network access alert", catGenAI: "Generative AI insight",
		catRemoteHealth: "Remote network health", catEnriched: "Enriched Office 365 audit",
	} {
		t.frag.head[c] = t.headOf(c, operation)
	}
}

// headOf is an envelope from behind its time to the tenant's id, that included.
func (t *Tenant) headOf(c int, operation string) string {
	provider := "Microsoft.aadiam"
	switch c {
	case catRiskyUser, catUserRisk, catRiskySP, catSPRisk, catRiskyAgent, catAgentRisk:
		provider = "microsoft.aadiam"
	}
	return `", "resourceId": "/tenants/` + t.cfg.TenantID + `/providers/` + provider + `", "operationName": ` + quote(operation) +
		`, "operationVersion": "1.0", "category": "` + categoryNames[c] + `", "tenantId": "` + t.cfg.TenantID + `"`
}

// appendHead starts a record whose time has seven digits.
func (t *Tenant) appendHead(b []byte, e *event) []byte {
	b = append(b, `{ "time": "`...)
	b = appendZ(b, e.at)
	return append(b, t.frag.head[e.cat]...)
}

// Span is the history's start and end.
func (t *Tenant) Span() (start, end time.Time) { return t.cfg.Start, t.cfg.End }
