package simulate

// act is one audit activity of ordinary administration.
type act uint8

const (
	addUser act = iota
	updateUser
	changeLicense
	addToGroup
	removeFromGroup
	disableAccount
	deleteUser
	resetProgress
	resetSelf
	updatePasswordProfile
	updateTokenTime
	startedRegistration
	registeredInfo
	registrationCall
	methodByService
	addGroup
	addGroupOwner
	updateGroup
	addApplication
	addPrincipal
	addAppOwner
	changeSecret
	addGrant
	consent
	grantToUser
	inviteGuest
	redeemInvite
	addDevice
	addDeviceOwner
	registerDevice
	pimRequested
	pimCompleted
	addToRole
	removeFromRole
	editPolicy
	resetByAdmin
	syncUser
	profileByExchange
	assignAttribute
)

// errand is something that somebody gets done: activities a few seconds apart.
type errand struct {
	weight int
	who    actorKind
	acts   []act
	gap    int  // seconds between, at most
	one    bool // one correlation id for all
}

type actorKind uint8

const (
	administrator actorKind = iota
	themselves
	serviceActor
)

var errands = []errand{
	{260, serviceActor, []act{syncUser}, 0, false},
	{140, serviceActor, []act{profileByExchange}, 0, false},
	{110, administrator, []act{addToGroup}, 0, false},
	{60, administrator, []act{removeFromGroup}, 0, false},
	{70, administrator, []act{changeLicense, updateUser}, 2, true},
	{50, serviceActor, []act{updateGroup}, 0, false},
	{22, administrator, []act{addUser, updateUser, changeLicense, addToGroup, addToGroup}, 120, false},
	{12, administrator, []act{disableAccount, updateTokenTime, removeFromGroup, removeFromGroup, deleteUser}, 240, false},
	{26, themselves, []act{resetProgress, resetProgress, resetSelf, updatePasswordProfile, updateTokenTime}, 20, true},
	{26, themselves, []act{startedRegistration, registrationCall, registeredInfo, methodByService, methodByService}, 25, false},
	{24, administrator, []act{resetByAdmin, updateTokenTime}, 1, true},
	{20, themselves, []act{registerDevice, addDevice, addDeviceOwner}, 2, true},
	{12, administrator, []act{addGroup, addGroupOwner, addToGroup}, 40, false},
	{9, administrator, []act{inviteGuest, redeemInvite}, 5000, false},
	{14, themselves, []act{addGrant, consent, grantToUser}, 1, true},
	{4, administrator, []act{addApplication, addPrincipal, addAppOwner}, 3, true},
	{5, administrator, []act{changeSecret}, 0, false},
	{16, administrator, []act{pimRequested, pimCompleted, addToRole}, 3, true},
	{10, administrator, []act{removeFromRole}, 0, false},
	{2, administrator, []act{editPolicy}, 0, false},
}

// auditYield is the mean number of records an errand yields.
func (t *Tenant) auditYield() float64 {
	records, weight := 0, 0
	for _, x := range errands {
		records += x.weight * len(x.acts)
		weight += x.weight
	}
	return float64(records) / float64(weight)
}

// administer is an errand.
func (r *run) administer(b *burst, out func(*event)) {
	rnd := rng{b.seed}
	total := 0
	for i := range errands {
		total += errands[i].weight
	}
	i := 0
	for w := rnd.n(total) - errands[0].weight; w >= 0; w -= errands[i].weight {
		i++
	}
	x := &errands[i]
	t := r.t
	e := event{cat: catAudit, created: b.start, sess: rnd.next(), corr: rnd.next()}
	switch x.who {
	case administrator:
		e.actor = int32(rnd.n(t.admins()))
	case themselves:
		e.actor = int32(rnd.n(t.guestsFrom))
	case serviceActor:
		e.actor = -1
	}
	for i, a := range x.acts {
		if i > 0 {
			e.created += 80*millisecond + rnd.span(int64(x.gap)*second)
			if !x.one {
				e.corr = rnd.next()
			}
		}
		e.key = rnd.next()
		e.app = uint8(a)
		e.at = e.created
		out(&e)
	}
}

// admins is the number of people, from the first, that hold a role.
func (t *Tenant) admins() int {
	n := 0
	for n < len(t.people) && t.people[n].role >= 0 {
		n++
	}
	return max(n, 1)
}

// subject is somebody whom an errand is about: mostly one of the people, or
// somebody new.
type subject struct {
	id        guid
	name, upn string
}

func (t *Tenant) subjectOf(seed uint64, fresh bool) subject {
	r := rng{seed}
	if !fresh {
		p := &t.people[r.n(t.guestsFrom)]
		return subject{p.id, p.name, p.upn}
	}
	first, last := firstNames[r.n(len(firstNames))], lastNames[r.n(len(lastNames))]
	b := append([]byte(nil), first...)
	b = append(append(b, '.'), last...)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	b = appendInt(b, int64(2+r.n(800)))
	return subject{guidOf(r.next()), first + " " + last, string(append(append(b, '@'), t.cfg.Domain...))}
}

const core = "Core Directory"

// fillAudit draws what an ordinary audit event says.
func (t *Tenant) fillAudit(a *auditRecord, e *event) {
	if e.cat == catCSA {
		t.fillAttribute(a, e)
		return
	}
	rnd := rng{seedOf(e.key, 'r')}
	what := act(e.app)
	fresh := what == addUser || what == inviteGuest || what == redeemInvite
	s := t.subjectOf(e.sess, fresh)
	var who *person
	if e.actor >= 0 {
		who = &t.people[e.actor]
	}
	group := t.groups[int(seedOf(e.key, 'g')%uint64(len(t.groups)))]
	principal := &t.principals[int(e.sess%uint64(len(t.principals)))]
	self := func() { s = subject{who.id, who.name, who.upn} }

	switch what {
	case addUser:
		a.start(core, "UserManagement", "Add", "Add user")
		a.target("User", s.id, "", s.upn)
		a.set("AccountEnabled", "[]", "[true]")
		a.set("DisplayName", "[]", "["+quote(s.name)+"]")
		a.set("UserPrincipalName", "[]", "["+quote(s.upn)+"]")
		a.set("UserType", "[]", `["Member"]`)
		a.set("Included Updated Properties", "", `"AccountEnabled, DisplayName, UserPrincipalName, UserType"`)
	case updateUser, syncUser, profileByExchange:
		a.start(core, "UserManagement", "Update", "Update user")
		a.target("User", s.id, "", s.upn)
		field := []string{"Department", "JobTitle", "PhysicalDeliveryOfficeName", "TelephoneNumber", "Manager", "ProxyAddresses"}[rnd.n(6)]
		from, to := departments[rnd.n(len(departments))], departments[rnd.n(len(departments))]
		a.set(field, "["+quote(from)+"]", "["+quote(to)+"]")
		a.set("Included Updated Properties", "", quote(field))
		a.set("TargetId.UserType", "", `"Member"`)
		switch what {
		case syncUser:
			a.byService(&t.microsoft[svcSync], microsoftServices[svcSync].appID)
		case profileByExchange:
			a.byService(&t.microsoft[svcExchange], microsoftServices[svcExchange].appID)
		}
		a.detail("UserType", "Member")
	case changeLicense:
		a.start(core, "UserManagement", "Update", "Change user license")
		a.target("User", s.id, "", s.upn)
		sku := []string{"ENTERPRISEPACK", "ENTERPRISEPREMIUM", "EMS", "POWER_BI_PRO", "VISIOCLIENT"}[rnd.n(5)]
		a.set("AssignedLicense", "[]", `["[SkuName=`+sku+`, AccountId=`+t.cfg.TenantID+`, SkuId=`+guidOf(mix(uint64(len(sku)))).String()+`, DisabledPlans=[]]"]`)
		a.set("Included Updated Properties", "", `"AssignedLicense"`)
		a.set("TargetId.UserType", "", `"Member"`)
		a.detail("UserType", "Member")
	case addToGroup, removeFromGroup:
		activity, kind := "Add member to group", "Assign"
		if what == removeFromGroup {
			activity, kind = "Remove member from group", "Unassign"
		}
		a.start(core, "GroupManagement", kind, activity)
		a.target("User", s.id, "", s.upn)
		values := [4]string{"", quote(group.id.String()), "", quote(group.name)}
		if what == removeFromGroup {
			values[0], values[1], values[2], values[3] = values[1], "", values[3], ""
		}
		a.set("Group.ObjectID", values[0], values[1])
		a.set("Group.DisplayName", values[2], values[3])
		a.set("Group.WellKnownObjectName", "", "")
		a.target("Group", group.id, "", "")
	case disableAccount:
		a.start(core, "UserManagement", "Update", "Disable account")
		a.target("User", s.id, "", s.upn)
		a.set("AccountEnabled", "[true]", "[false]")
		a.set("Included Updated Properties", "", `"AccountEnabled"`)
		a.set("TargetId.UserType", "", `"Member"`)
		a.detail("UserType", "Member")
	case deleteUser:
		t.fillDelete(a, s)
	case resetProgress, resetSelf:
		self()
		activity, reason := "Self-service password reset flow activity progress", "User started the mobile app notification verification option"
		if what == resetSelf {
			activity, reason = "Reset password (self-service)", "Successfully completed reset."
		}
		a.start("Self-service Password Management", "UserManagement", "Update", activity)
		a.reason, a.user = reason, who // the service does not note the address
		a.target("User", s.id, s.name, s.upn)
		a.detail("OnPremisesAgent", "None")
		return
	case updatePasswordProfile, updateTokenTime:
		if t.people[e.actor].role < 0 || what == updatePasswordProfile {
			self()
		}
		a.start(core, "UserManagement", "Update", map[act]string{updatePasswordProfile: "Update PasswordProfile", updateTokenTime: "Update StsRefreshTokenValidFrom Timestamp"}[what])
		a.target("User", s.id, "", s.upn)
		if what == updatePasswordProfile {
			a.set("ForceChangePassword", `"True"`, `"False"`)
		} else {
			a.set("StsRefreshTokensValidFrom", `["`+string(appendShort(nil, e.created-e.created%second-30*day, "Z"))+`"]`, `["`+string(appendShort(nil, e.created-e.created%second, "Z"))+`"]`)
			a.set("Included Updated Properties", "", `"StsRefreshTokensValidFrom"`)
		}
		if who.role < 0 {
			a.byService(&t.microsoft[svcPasswordReset], "https://passwordreset.microsoftonline.com/;"+microsoftServices[svcPasswordReset].appID+";SelfServicePasswordReset")
			return
		}
	case startedRegistration, registeredInfo:
		self()
		method := []pair{{"PhoneAppNotification", "Authenticator App with Notification"}, {"Email", "Email"}, {"MobilePhoneAndSMS", "Mobile Phone and SMS"}}[e.sess%3]
		activity, reason := "User started security info registration", "User started the registration for "+method.value
		if what == registeredInfo {
			activity, reason = "User registered security info", "User registered "+method.value
		}
		a.start("Authentication Methods", "UserManagement", "Add", activity)
		a.reason, a.whole = reason, true
		a.target("User", s.id, s.name, s.upn)
		a.detail("TransactionId", guidOf(e.sess).String())
		a.detail("AuthenticationMethodType", method.key)
		a.detail("AuthenticationMethod", method.value)
	case registrationCall:
		a.start("Authentication Methods", "ApplicationManagement", "ServiceApi", "POST UserAuthMethod.SecurityInfoRegistrationCallback")
		a.reason, a.noID = "NoContent", true
		a.nothing()
		a.nothing()
		last := &a.targets[1]
		last.name, last.kind = "Multifactor Authentication", "Policy"
	case methodByService:
		self()
		a.start(core, "UserManagement", "Update", "Update user")
		a.target("User", s.id, "", s.upn)
		a.set("StrongAuthenticationMethod", "[]", `[{"MethodType":6,"Default":true},{"MethodType":7,"Default":false}]`)
		a.set("Included Updated Properties", "", `"StrongAuthenticationMethod"`)
		a.set("TargetId.UserType", "", `"Member"`)
		svc := []int{svcMFA, svcCredential}[e.key&1]
		a.byService(&t.microsoft[svc], microsoftServices[svc].appID)
		a.detail("UserType", "Member")
		return
	case addGroup, addGroupOwner, updateGroup:
		t.fillGroup(a, e, what, s)
	case addApplication, addPrincipal, addAppOwner, changeSecret:
		t.fillApplication(a, e, what, principal, s)
	case addGrant, consent, grantToUser:
		t.fillConsent(a, e, what, who, subject{principal.id, principal.name, ""}, "User.Read openid profile offline_access", false)
	case inviteGuest, redeemInvite:
		t.fillInvite(a, e, what, s, who)
	case addDevice, addDeviceOwner, registerDevice:
		t.fillDevice(a, what, who)
	case pimRequested, pimCompleted, addToRole, removeFromRole:
		t.fillRole(a, e, what, who)
	case editPolicy:
		i := int(e.key % uint64(len(t.policies.ids)))
		a.start("Conditional Access", "Policy", "Update", "Update conditional access policy")
		a.target("Policy", t.policies.ids[i], t.policies.names[i], "")
		a.set("ConditionalAccessPolicy", t.policyText(i, "enabledForReportingButNotEnforced"), t.policyText(i, "enabled"))
		a.detail("Category", "Conditional Access")
	case resetByAdmin:
		a.start(core, "UserManagement", "Update", "Reset user password")
		a.target("User", s.id, "", s.upn)
		a.set("TargetId.UserType", "", `"Member"`)
		a.detail("UserType", "Member")
	}
	if a.app == nil && who != nil {
		a.user = who
		a.from = who.line
		if !who.guest && e.key&3 != 0 {
			a.from = address{who.office, officeLine, uint32(who.seed)}
		}
		if what <= deleteUser || what == resetByAdmin {
			a.detail("User-Agent", models[windowsChrome].agentOn(e.created))
		}
	}
}

func (m *model) agentOn(at int64) string {
	return string(m.appendVersioned(nil, m.agent, floorDiv(at, day)))
}

func (t *Tenant) fillDelete(a *auditRecord, s subject) {
	a.start(core, "UserManagement", "Delete", "Delete user")
	// The directory renames what it deletes: its id before the name.
	renamed := make([]byte, 0, 80)
	for _, c := range appendGUID(nil, s.id) {
		if c != '-' {
			renamed = append(renamed, c)
		}
	}
	a.target("User", s.id, "", string(append(renamed, s.upn...)))
	a.set("Is Hard Deleted", "", `"False"`)
	a.set("Action Client Name", "", `"DirectorySync"`)
	a.set("TargetId.UserType", "", `"Member"`)
	a.detail("UserType", "Member")
}

func (t *Tenant) fillGroup(a *auditRecord, e *event, what act, s subject) {
	id, name := guidOf(seedOf(e.sess, 'G')), "Project "+stages[e.sess%uint64(len(stages))]
	switch what {
	case addGroup:
		a.start(core, "GroupManagement", "Add", "Add group")
		a.target("Group", id, name, "")
		a.set("DisplayName", "[]", "["+quote(name)+"]")
		a.set("GroupType", "[]", `["Unified"]`)
		a.set("MailEnabled", "[]", "[true]")
		a.set("SecurityEnabled", "[]", "[false]")
		a.set("Included Updated Properties", "", `"DisplayName, GroupType, MailEnabled, SecurityEnabled"`)
	case addGroupOwner:
		a.start(core, "GroupManagement", "Assign", "Add owner to group")
		a.target("User", s.id, "", s.upn)
		a.set("Group.ObjectID", "", quote(id.String()))
		a.set("Group.DisplayName", "", quote(name))
		a.target("Group", id, "", "")
	case updateGroup:
		a.start(core, "GroupManagement", "Update", "Update group")
		a.target("Group", id, name, "")
		a.set("TeamsResourceUsed", "[]", `["Chat"]`)
		a.set("Included Updated Properties", "", `"TeamsResourceUsed"`)
		svc := []int{svcTeams, svcSharePoint, svcExchange}[e.key%3]
		a.byService(&t.microsoft[svc], microsoftServices[svc].appID)
	}
}

func (t *Tenant) fillApplication(a *auditRecord, e *event, what act, w *workload, s subject) {
	name := "Internal tool " + stages[e.sess%uint64(len(stages))]
	id, app := guidOf(seedOf(e.sess, 'A')), guidOf(seedOf(e.sess, 'B'))
	switch what {
	case addApplication:
		a.start(core, "ApplicationManagement", "Add", "Add application")
		a.target("Application", id, name, "")
		a.set("AppAddress", "[]", `[{"AddressType":0,"Address":"https://tools.`+t.cfg.Domain+`/signin","ReplyAddressClientType":1,"ReplyAddressIndex":null,"IsReplyAddressDefault":false}]`)
		a.set("AppId", "[]", "["+quote(app.String())+"]")
		a.set("AvailableToOtherTenants", "[]", "[false]")
		a.set("DisplayName", "[]", "["+quote(name)+"]")
		a.set("Included Updated Properties", "", `"AppAddress, AppId, AvailableToOtherTenants, DisplayName"`)
	case addPrincipal:
		a.start(core, "ApplicationManagement", "Add", "Add service principal")
		a.target("ServicePrincipal", guidOf(seedOf(e.sess, 'C')), name, "")
		a.set("AccountEnabled", "[]", "[true]")
		a.set("AppPrincipalId", "[]", "["+quote(app.String())+"]")
		a.set("DisplayName", "[]", "["+quote(name)+"]")
		a.set("Included Updated Properties", "", `"AccountEnabled, AppPrincipalId, DisplayName"`)
		a.set("TargetId.ServicePrincipalNames", "", quote(app.String()))
		a.detail("AppId", app.String())
	case addAppOwner:
		a.start(core, "ApplicationManagement", "Assign", "Add owner to application")
		a.target("User", s.id, "", s.upn)
		a.set("Application.ObjectID", "", quote(id.String()))
		a.set("Application.DisplayName", "", quote(name))
		a.set("Application.AppId", "", quote(app.String()))
		a.target("Application", id, name, "")
	case changeSecret:
		t.fillSecret(a, w, seedOf(e.key, 'K'), "rotated "+string(appendDate(nil, floorDiv(e.created, day))))
	}
}

// fillSecret is a new credential of an application.
func (t *Tenant) fillSecret(a *auditRecord, w *workload, key uint64, name string) {
	// The activity's name ends in a space, and its dash is an en dash.
	a.start(core, "ApplicationManagement", "Update", "Update application – Certificates and secrets management ")
	a.target("Application", guidOf(seedOf(w.seed, 'o')), w.name, "")
	one := "[KeyIdentifier=" + w.secret.String() + ",KeyType=Password,KeyUsage=Verify,DisplayName=initial]"
	two := "[KeyIdentifier=" + guidOf(key).String() + ",KeyType=Password,KeyUsage=Verify,DisplayName=" + name + "]"
	a.set("KeyDescription", "["+quote(one)+"]", "["+quote(one)+","+quote(two)+"]")
	a.set("Included Updated Properties", "", `"KeyDescription"`)
}

// fillConsent is a grant of delegated permissions by a user or administrator.
func (t *Tenant) fillConsent(a *auditRecord, e *event, what act, who *person, app subject, scopes string, forAll bool) {
	kind, principal := "Principal", who.id.String()
	if forAll {
		kind, principal = "AllPrincipals", ""
	}
	switch what {
	case addGrant:
		a.start(core, "ApplicationManagement", "Assign", "Add delegated permission grant")
		a.target("ServicePrincipal", t.resourceSP[resGraph], "Microsoft Graph", "")
		a.set("DelegatedPermissionGrant.Scope", "", quote(" "+scopes))
		a.set("DelegatedPermissionGrant.ConsentType", "", quote(kind))
		a.set("ServicePrincipal.ObjectID", "", quote(app.id.String()))
		a.set("ServicePrincipal.DisplayName", "", quote(app.name))
		a.set("TargetId.ServicePrincipalNames", "", quote("00000003-0000-0000-c000-000000000000;https://graph.microsoft.com"))
		a.target("ServicePrincipal", app.id, app.name, "")
	case consent:
		a.start(core, "ApplicationManagement", "Assign", "Consent to application")
		a.target("ServicePrincipal", app.id, app.name, "")
		admin := "False"
		if forAll {
			admin = "True"
		}
		a.set("ConsentContext.IsAdminConsent", "", quote(admin))
		a.set("ConsentContext.IsAppOnly", "", `"False"`)
		a.set("ConsentContext.OnBehalfOfAll", "", quote(admin))
		a.set("ConsentContext.Tags", "", `"WindowsAzureActiveDirectoryIntegratedApp"`)
		a.set("ConsentAction.Permissions", "", quote("[] => [[Id: "+guidOf(e.sess).String()+", ClientId: "+app.id.String()+", PrincipalId: "+principal+
			", ResourceId: "+t.resourceSP[resGraph].String()+", ConsentType: "+kind+", Scope:  "+scopes+", CreatedDateTime: , LastModifiedDateTime ]]; "))
		a.set("TargetId.ServicePrincipalNames", "", quote(app.id.String()))
	case grantToUser:
		a.start(core, "UserManagement", "Assign", "Add app role assignment grant to user")
		a.target("ServicePrincipal", app.id, app.name, "")
		a.set("AppRole.Id", "", `"00000000-0000-0000-0000-000000000000"`)
		a.set("AppRole.Value", "", `""`)
		a.set("User.ObjectID", "", quote(who.id.String()))
		a.set("User.UPN", "", quote(who.upn))
		a.target("User", who.id, "", who.upn)
	}
	a.detail("User-Agent", models[windowsEdge].agentOn(e.created))
}

func (t *Tenant) fillInvite(a *auditRecord, e *event, what act, s subject, who *person) {
	mail := "guest" + string(appendInt(nil, int64(e.sess%90000+10000))) + "@" + t.partners[e.sess%uint64(len(t.partners))].domain
	activity, kind := "Invite external user", "Add"
	if what == redeemInvite {
		activity, kind = "Redeem external user invite", "Update"
	}
	a.start("Invited Users", "UserManagement", kind, activity)
	a.target("User", s.id, s.name, mail)
	a.detail("oid", who.id.String())
	a.detail("tid", t.cfg.TenantID)
	a.detail("InvitationId", guidOf(e.sess).String())
	a.detail("invitedUserEmailAddress", mail)
}

func (t *Tenant) fillDevice(a *auditRecord, what act, who *person) {
	d := who.devices[0]
	name := string(d.appendName(nil))
	switch what {
	case addDevice:
		a.start(core, "Device", "Add", "Add device")
		a.target("Device", d.id(), name, "")
		a.set("AccountEnabled", "[]", "[true]")
		a.set("DeviceOSType", "[]", "["+quote(models[d.model].system)+"]")
		a.set("DeviceTrustType", "[]", `["AzureAd"]`)
		a.set("DisplayName", "[]", "["+quote(name)+"]")
		a.set("Included Updated Properties", "", `"AccountEnabled, DeviceOSType, DeviceTrustType, DisplayName"`)
	case addDeviceOwner:
		a.start(core, "Device", "Assign", "Add registered owner to device")
		a.target("User", who.id, "", who.upn)
		a.set("Device.ObjectID", "", quote(d.id().String()))
		a.set("Device.DisplayName", "", quote(name))
		a.target("Device", d.id(), "", "")
	case registerDevice:
		a.start("Device Registration Service", "Device", "Add", "Register device")
		a.target("Device", d.id(), name, "")
		a.detail("Device OS", models[d.model].system)
		a.detail("Device Trust Type", "AzureAd")
		a.detail("MethodExecutionResult.", "MethodExecutionResult.Succeeded")
		return
	}
	a.byService(&t.microsoft[svcDevices], microsoftServices[svcDevices].appID+"/"+t.cfg.TenantID)
}

// roleOf is the object of a role in this tenant.
func (t *Tenant) roleOf(i int) guid { return guidOf(seedOf(t.seed, 'r', uint64(i))) }

func (t *Tenant) fillRole(a *auditRecord, e *event, what act, who *person) {
	i := int(max(who.role, 0))
	role, id := &directoryRoles[i], t.roleOf(i)
	switch what {
	case pimRequested, pimCompleted:
		activity := "Add member to role requested (PIM activation)"
		if what == pimCompleted {
			activity = "Add member to role completed (PIM activation)"
		}
		a.start("PIM", "RoleManagement", "ActivateRole", activity)
		a.reason = "Planned work, change " + string(appendInt(nil, int64(e.sess%90000+10000)))
		a.target("Role", id, role.name, "")
		a.nothing()
		a.target("User", who.id, who.name, who.upn)
		a.detail("RoleDefinitionOriginId", role.template)
		a.detail("RoleDefinitionOriginType", "BuiltInRole")
		a.detail("TemplateId", role.template)
	case addToRole, removeFromRole:
		t.fillMembership(a, what, subject{who.id, who.name, who.upn}, i)
		a.app, a.from = &t.microsoft[svcGovernance], t.microsoft[svcGovernance].line
	}
}

// fillMembership puts somebody into a role or takes them out.
func (t *Tenant) fillMembership(a *auditRecord, what act, s subject, i int) {
	role, id := &directoryRoles[i], t.roleOf(i)
	if what == addToRole {
		a.start(core, "RoleManagement", "Assign", "Add member to role")
		a.target("User", s.id, "", s.upn)
		a.set("Role.ObjectID", "", quote(id.String()))
		a.set("Role.DisplayName", "", quote(role.name))
		a.set("Role.TemplateId", "", quote(role.template))
		a.set("Role.WellKnownObjectName", "", quote(role.wellKnown))
	} else {
		a.start(core, "RoleManagement", "Unassign", "Remove member from role")
		a.target("User", s.id, "", s.upn)
		a.set("Role.ObjectID", quote(id.String()), "")
		a.set("Role.DisplayName", quote(role.name), "")
		a.set("Role.TemplateId", quote(role.template), "")
		a.set("Role.WellKnownObjectName", quote(role.wellKnown), "")
	}
	a.target("Role", id, "", "")
}

// policyText is a policy as audit records hold it: an object as text.
func (t *Tenant) policyText(i int, state string) string {
	return `{"id":"` + t.policies.ids[i].String() + `","displayName":` + quote(t.policies.names[i]) + `,"state":"` + state +
		`","conditions":{"applications":{"includeApplications":["All"]},"users":{"includeUsers":["All"],"excludeGroups":["` + t.groups[len(t.groups)-4].id.String() +
		`"]},"clientAppTypes":["all"]},"grantControls":{"operator":"OR","builtInControls":["mfa"]}}`
}

// fillAttribute is a change of a custom security attribute.
func (t *Tenant) fillAttribute(a *auditRecord, e *event) {
	who := &t.people[e.key%uint64(t.admins())]
	s := t.subjectOf(e.key, false)
	a.start(core, "AttributeManagement", "Update", "Update attribute values assigned to a user")
	a.target("User", s.id, "", s.upn)
	a.set("CustomSecurityAttribute.Engagement_Clearance", "[]", `["`+[]string{"Restricted", "Internal", "Open"}[e.key%3]+`"]`)
	a.set("Included Updated Properties", "", `"CustomSecurityAttribute"`)
	a.detail("UserType", "Member")
	a.user, a.from = who, address{who.office, officeLine, uint32(who.seed)}
}
