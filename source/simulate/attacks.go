package simulate

// The scenarios. Each leaves what a detection of it looks for: the error codes
// of the attempts, the audit activities, the changed session, the risk.
var scenarios = []scenario{
	{ScenarioInfo{"password-spray", "One password is tried on many accounts from a few addresses; it fits two, one of which has no second factor.",
		[]string{"T1110.003", "T1078.004"}}, 3, (*stage).passwordSpray},
	{ScenarioInfo{"impossible-travel", "An account is used from two places that nobody can travel between in the time.",
		[]string{"T1078.004"}}, 11, (*stage).impossibleTravel},
	{ScenarioInfo{"mfa-fatigue", "Somebody who has the password asks for approval until the user gives in, and then registers a method of their own.",
		[]string{"T1621", "T1556.006"}}, 21, (*stage).mfaFatigue},
	{ScenarioInfo{"token-replay", "A sign-in goes through a malicious proxy; its session then goes on elsewhere, without the device.",
		[]string{"T1557", "T1539", "T1550.004"}}, 10, (*stage).tokenReplay},
	{ScenarioInfo{"illicit-consent", "A user consents to a malicious application, which then reads mail with the consent.",
		[]string{"T1528", "T1566.002", "T1114.002"}}, 14, (*stage).illicitConsent},
	{ScenarioInfo{"application-credentials", "An application administrator's account adds a secret to an application, which is then used from outside.",
		[]string{"T1098.001", "T1078.004", "T1114.002"}}, 4, (*stage).applicationCredentials},
	{ScenarioInfo{"dormant-account", "An account that nobody has used for long signs in from an unknown country and lists the directory.",
		[]string{"T1078.004", "T1087.004"}}, 1, (*stage).dormantAccount},
	{ScenarioInfo{"mass-deletion", "An administrator's account deletes users and groups by the dozen.",
		[]string{"T1531", "T1485"}}, 18, (*stage).massDeletion},
	{ScenarioInfo{"night-administrator", "In the night a global administrator's account makes a new account an administrator and switches a policy off.",
		[]string{"T1098.003", "T1136.003", "T1556.009"}}, 2, (*stage).nightAdministrator},
}

func (s *stage) passwordSpray() {
	t := s.t
	who := s.member()
	p := s.victim(who)
	dev := device{model: pythonRequests, seed: s.rnd.next()}
	sources := make([]address, 6)
	for i := range sources {
		sources[i] = s.hostile([]string{"Bucharest", "Hanoi", "Sao Paulo"}[i%3])
	}
	attempt := func(i, out int, how shape, v verdict) *event {
		s.corr, s.sess = s.rnd.next(), s.rnd.next()
		e := s.signIn(i, appAADPowerShell, out, how, v, sources[s.rnd.n(len(sources))], dev)
		s.wait(4, 25)
		return e
	}
	n := min(120, t.guestsFrom*2/3)
	first := s.rnd.n(t.guestsFrom)
	caught := s.member()
	for k := range n {
		i := (first + k) % t.guestsFrom
		if i == who || i == caught {
			continue
		}
		out := badPassword
		switch x := s.rnd.n(100); {
		case t.people[i].dormant:
			out = disabledAccount
		case x < 4:
			out = lockedOut
		}
		e := attempt(i, out, wrongPassword, notApplied)
		if s.rnd.n(100) < 6 {
			x := t.subjectOf(s.rnd.next(), true)
			e.out, e.aux = unknownUser, &stranger{x.upn}
		}
	}
	attempt(caught, needsMFA, interrupted, failed)
	hit := *attempt(who, okPlain, byPassword, notApplied)
	token := *s.refresh(who, appAADPowerShell, resGraph, hit.from, dev)
	s.sess = hit.sess
	for _, path := range []string{"users?$top=999", "groups?$top=999", "directoryRoles", "servicePrincipals?$top=999", "applications?$top=999"} {
		s.wait(1, 4)
		s.call(token, graphCall{user: p, method: "GET", path: path, agent: models[pythonRequests].agent, status: 200})
	}
	s.found(who, &hit, riskFinding{kind: "passwordSpray", level: 3, timing: "offline", mitre: "T1110.003"}, 40, 150)
}

func (s *stage) impossibleTravel() {
	who := s.member()
	p := s.victim(who)
	s.signIn(who, appOutlookWeb, okPlain, byToken, notApplied, p.line, p.devices[0])
	s.wait(25*60, 55*60)
	s.corr, s.sess = s.rnd.next(), s.rnd.next()
	far := address{placeNamed("Lagos"), homeFixed, uint32(s.rnd.next())}
	if places[p.home].country == "NG" {
		far.place = placeNamed("Sao Paulo")
	}
	dev := device{model: foreignWindows, seed: s.rnd.next()}
	e := *s.signIn(who, appOutlookWeb, okPlain, byPassword, notApplied, far, dev)
	for range 4 {
		s.wait(2, 400)
		s.refresh(who, appOutlookWeb, resExchange, far, dev)
	}
	s.found(who, &e, riskFinding{kind: "unlikelyTravel", level: 2, timing: "offline", mitre: "T1078"}, 60, 180)
	s.found(who, &e, riskFinding{kind: "mcasImpossibleTravel", level: 2, timing: "offline", mitre: "T1078"}, 60, 240)
}

func (s *stage) mfaFatigue() {
	who := s.member()
	p := s.victim(who)
	from, dev := s.hostile("Istanbul"), device{model: foreignWindows, seed: s.rnd.next()}
	s.signIn(who, appOfficeHome, needsStrong, interrupted, failed, from, dev)
	for range 14 + s.rnd.n(10) {
		s.wait(10, 110)
		denied := mfaNoAnswer
		if s.rnd.permille(450) {
			denied = mfaDenied
		}
		s.corr = s.rnd.next()
		s.signIn(who, appOfficeHome, denied, deniedApp, failed, from, dev)
	}
	s.wait(20, 90)
	e := *s.signIn(who, appOfficeHome, okMFA, byPasswordApp, satisfied, from, dev)
	e.risk = 2
	s.incident.events[len(s.incident.events)-1].risk = 2
	s.found(who, &e, riskFinding{kind: "unfamiliarFeatures", level: 2, timing: "realtime", mitre: "T1078", reasons: `"UnfamiliarASN","UnfamiliarBrowser","UnfamiliarDevice","UnfamiliarIP","UnfamiliarLocation"`}, 4, 9)
	s.wait(60, 200)
	s.signIn(who, appMySignIns, okClaim, byTokenMFA, satisfied, from, dev)
	s.wait(30, 90)
	for _, activity := range []string{"User started security info registration", "User registered security info"} {
		s.audit(who, from, func(a *auditRecord, _ *event) {
			a.start("Authentication Methods", "UserManagement", "Add", activity)
			a.reason, a.whole = "User registered Authenticator App with Notification and Code", true
			a.target("User", p.id, p.name, p.upn)
			a.detail("AuthenticationMethodType", "PhoneAppNotification")
			a.detail("AuthenticationMethod", "Authenticator App with Notification and Code")
		})
		s.wait(30, 80)
	}
	s.found(who, nil, riskFinding{kind: "userReportedSuspiciousActivity", level: 3, timing: "offline", mitre: "T1621"}, 20, 200)
}

func (s *stage) tokenReplay() {
	who := s.member()
	p := s.victim(who)
	proxy := s.hostile("Ashburn")
	e := *s.signIn(who, appOfficeHome, needsStrong, interrupted, failed, proxy, device{model: foreignWindows, seed: s.rnd.next()})
	s.wait(15, 40)
	e = *s.signIn(who, appOfficeHome, okMFA, byPasswordApp, satisfied, proxy, e.dev)
	s.wait(200, 1500)
	thief := address{placeNamed("Bucharest"), hostileSix, uint32(s.rnd.next())}
	client := device{model: axiosClient, seed: s.rnd.next()}
	for range 9 {
		s.refresh(who, appOfficeHome, []int{resGraph, resExchange, resSharePoint}[s.rnd.n(3)], thief, client)
		s.wait(5, 400)
	}
	token := *s.refresh(who, appOfficeHome, resGraph, thief, client)
	for _, path := range []string{"me", "me/messages?$search=\\\"invoice\\\"&$top=50", "me/mailFolders/inbox/messageRules", "me/drive/root/children", "me/contacts?$top=100"} {
		s.wait(1, 20)
		s.call(token, graphCall{user: p, method: "GET", path: path, agent: models[axiosClient].agent, status: 200})
	}
	s.found(who, &token, riskFinding{kind: "anomalousToken", level: 2, timing: "offline", mitre: "T1539"}, 20, 90)
	s.found(who, &e, riskFinding{kind: "attackerinTheMiddle", level: 3, timing: "offline", mitre: "T1557"}, 30, 300)
}

func (s *stage) illicitConsent() {
	t := s.t
	who := s.member()
	p := s.victim(who)
	const scopes = "Mail.Read Mail.Send MailboxSettings.ReadWrite Files.Read.All Contacts.Read User.Read offline_access"
	bad := &app{application: &application{name: "Invoice Viewer Pro", client: browserApp, resource: resGraph}, id: guidOf(s.rnd.next()).String(), owner: t.partners[0].tenant, scope: scopeList(scopes)}
	principal := subject{guidOf(s.rnd.next()), bad.name, ""}
	dev := p.devices[0]

	e := s.signIn(who, appOfficeHome, noConsent, refusedOutside, notApplied, p.line, dev)
	e.aux, e.rich = bad, false
	s.wait(15, 50)
	s.audit(who, p.line, func(a *auditRecord, _ *event) {
		a.start(core, "ApplicationManagement", "Add", "Add service principal")
		a.target("ServicePrincipal", principal.id, bad.name, "")
		a.set("AccountEnabled", "[]", "[true]")
		a.set("AppAddress", "[]", `[{"AddressType":0,"Address":"https://invoice-viewer.example/oauth","ReplyAddressClientType":1,"ReplyAddressIndex":null,"IsReplyAddressDefault":false}]`)
		a.set("AppPrincipalId", "[]", "["+quote(bad.id)+"]")
		a.set("DisplayName", "[]", "["+quote(bad.name)+"]")
		a.set("Included Updated Properties", "", `"AccountEnabled, AppAddress, AppPrincipalId, DisplayName"`)
		a.set("TargetId.ServicePrincipalNames", "", quote(bad.id))
		a.detail("AppId", bad.id)
	})
	for _, what := range []act{addGrant, consent, grantToUser} {
		s.now += 90*millisecond + s.rnd.span(300*millisecond)
		s.audit(who, p.line, func(a *auditRecord, e *event) { t.fillConsent(a, e, what, p, principal, scopes, false) })
	}
	s.wait(2, 5)
	e = s.signIn(who, appOfficeHome, okPlain, byToken, notApplied, p.line, dev)
	e.aux, e.rich = bad, false
	s.wait(600, 3000)
	from, client := s.hostile("Hanoi"), device{model: pythonRequests, seed: s.rnd.next()}
	for range 3 {
		e = s.refresh(who, appOfficeHome, resGraph, from, client)
		e.aux, e.rich = bad, false
		token := *e
		for range 6 {
			s.wait(1, 30)
			s.call(token, graphCall{user: p, application: bad.id, method: "GET", path: "me/messages?$top=100&$skip=" + string(appendInt(nil, int64(s.rnd.n(20)*100))), agent: models[pythonRequests].agent, scopes: scopes, status: 200})
		}
		s.wait(1800, 4000)
	}
	s.found(who, nil, riskFinding{kind: "suspiciousAPITraffic", level: 2, timing: "offline", mitre: "T1528"}, 30, 200)
}

func (s *stage) applicationCredentials() {
	t := s.t
	who := s.holder(roleApplication)
	p := s.victim(who)
	from, dev := s.hostile("Sao Paulo"), device{model: foreignWindows, seed: s.rnd.next()}
	e := *s.signIn(who, appPortal, okClaim, byTokenMFA, satisfied, from, dev)
	s.wait(100, 500)
	i := s.rnd.n(len(t.principals))
	w := t.principals[i]
	key := s.rnd.next()
	s.audit(who, from, func(a *auditRecord, _ *event) { t.fillSecret(a, &w, key, "sync") })
	s.now += 200 * millisecond
	s.audit(who, from, func(a *auditRecord, _ *event) {
		a.start(core, "ApplicationManagement", "Update", "Add service principal credentials")
		a.target("ServicePrincipal", w.id, w.name, "")
		a.set("KeyDescription", "[]", "["+quote("[KeyIdentifier="+guidOf(key).String()+",KeyType=Password,KeyUsage=Verify,DisplayName=sync]")+"]")
		a.set("Included Updated Properties", "", `"KeyDescription"`)
		a.set("TargetId.ServicePrincipalNames", "", quote(w.appID.String()))
		a.detail("User-Agent", models[foreignWindows].agent)
		a.detail("AppId", w.appID.String())
	})
	for _, role := range []string{"Mail.Read", "Directory.ReadWrite.All"} {
		s.wait(20, 80)
		s.audit(who, from, func(a *auditRecord, e *event) {
			a.start(core, "ApplicationManagement", "Assign", "Add app role assignment to service principal")
			a.target("ServicePrincipal", t.resourceSP[resGraph], "Microsoft Graph", "")
			a.set("AppRole.Id", "", quote(guidOf(e.sess).String()))
			a.set("AppRole.Value", "", quote(role))
			a.set("AppRole.DisplayName", "", quote(role))
			a.set("ServicePrincipal.ObjectID", "", quote(w.id.String()))
			a.set("ServicePrincipal.DisplayName", "", quote(w.name))
			a.set("ServicePrincipal.AppId", "", quote(w.appID.String()))
			a.set("TargetId.ServicePrincipalNames", "", quote("00000003-0000-0000-c000-000000000000;https://graph.microsoft.com"))
			a.target("ServicePrincipal", w.id, w.name, "")
			a.detail("AppId", "00000003-0000-0000-c000-000000000000")
		})
	}
	s.wait(900, 2400)
	w.line = s.hostile("Istanbul")
	for range 4 {
		x := signIn(catServicePrincipal, s.rnd.next(), s.now, int32(i))
		x.at = x.created + minute
		x.from, x.res, x.aux = w.line, resGraph, &w
		token := *s.add(x)
		for range 10 {
			s.wait(1, 9)
			s.call(token, graphCall{by: &w, method: "GET", path: "users/{u}/messages?$top=100", agent: "python-requests/2.31.0", roles: "Directory.ReadWrite.All Mail.Read", status: 200})
		}
		s.wait(900, 3000)
	}
	s.found(who, &e, riskFinding{kind: "unfamiliarFeatures", level: 2, timing: "offline", mitre: "T1078", reasons: `"UnfamiliarASN","UnfamiliarIP","UnfamiliarLocation"`}, 5, 20)
	finding := &riskFinding{kind: "suspiciousSignins", level: 3, state: "atRisk", detail: "none", timing: "offline", from: w.line, when: s.now, found: s.now + 40*minute, mitre: "T1078.004", subject: &w}
	x := event{cat: catSPRisk, key: s.rnd.next(), created: finding.found, at: finding.found, aux: finding}
	x.id = x.key
	s.add(x)
	x.cat, x.key, x.at = catRiskySP, s.rnd.next(), x.at+30*second
	x.created = x.at
	s.add(x)
	s.incident.user = p.upn
}

func (s *stage) dormantAccount() {
	who := -1
	for i := range s.t.people {
		if s.t.people[i].dormant {
			who = i
		}
		if who >= 0 && s.rnd.permille(300) {
			break
		}
	}
	if who < 0 { // a tenant too small to have forgotten anybody
		who = s.t.guestsFrom - 1
	}
	p := s.victim(who)
	from, dev := s.hostile("Hanoi"), device{model: foreignWindows, seed: s.rnd.next()}
	for range 2 {
		s.signIn(who, appOfficeHome, badPassword, wrongPassword, notApplied, from, dev)
		s.wait(20, 200)
	}
	e := s.signIn(who, appOfficeHome, okPlain, byPassword, notApplied, from, dev)
	e.risk = 2
	hit := *e
	s.wait(60, 200)
	s.audit(who, from, func(a *auditRecord, _ *event) {
		a.start("Authentication Methods", "UserManagement", "Add", "User registered security info")
		a.reason, a.whole = "User registered Mobile Phone and SMS", true
		a.target("User", p.id, p.name, p.upn)
		a.detail("AuthenticationMethodType", "MobilePhoneAndSMS")
		a.detail("AuthenticationMethod", "Mobile Phone and SMS")
	})
	s.wait(100, 400)
	s.signIn(who, appGraphExplorer, okPlain, byToken, notApplied, from, dev)
	token := *s.refresh(who, appGraphExplorer, resGraph, from, dev)
	for _, path := range []string{"me", "me/memberOf", "users?$top=999", "groups?$top=999&$expand=members", "directoryRoles?$expand=members", "applications?$top=999", "servicePrincipals?$top=999", "policies/conditionalAccessPolicies", "devices?$top=999", "domains"} {
		s.wait(1, 6)
		status := 200
		if path[0] == 'p' {
			status = 403
		}
		s.call(token, graphCall{user: p, method: "GET", path: path, agent: models[foreignWindows].agent, status: status})
	}
	s.found(who, &hit, riskFinding{kind: "unfamiliarFeatures", level: 2, timing: "realtime", mitre: "T1078", reasons: `"UnfamiliarASN","UnfamiliarDevice","UnfamiliarIP","UnfamiliarLocation"`}, 4, 9)
	s.found(who, &hit, riskFinding{kind: "newCountry", level: 1, timing: "offline", mitre: "T1078"}, 60, 240)
}

func (s *stage) massDeletion() {
	t := s.t
	who := s.holder(roleUser)
	s.victim(who)
	from, dev := s.hostile("Johannesburg"), device{model: foreignWindows, seed: s.rnd.next()}
	s.signIn(who, appPortal, needsStrong, interrupted, failed, from, dev)
	s.wait(10, 30)
	e := *s.signIn(who, appPortal, okMFA, byPasswordApp, satisfied, from, dev)
	s.wait(100, 400)
	for range min(60, t.guestsFrom/3) {
		s.audit(who, from, func(a *auditRecord, e *event) { t.fillDelete(a, t.subjectOf(e.sess, true)) })
		s.wait(1, 14)
	}
	for range 12 {
		s.audit(who, from, func(a *auditRecord, e *event) {
			g := t.groups[e.sess%uint64(len(t.groups))]
			a.start(core, "GroupManagement", "Delete", "Delete group")
			a.target("Group", g.id, g.name, "")
			a.set("Is Hard Deleted", "", `"False"`)
		})
		s.wait(2, 20)
	}
	s.found(who, &e, riskFinding{kind: "unfamiliarFeatures", level: 2, timing: "realtime", mitre: "T1078", reasons: `"UnfamiliarASN","UnfamiliarIP","UnfamiliarLocation"`}, 4, 9)
	s.found(who, nil, riskFinding{kind: "anomalousUserActivity", level: 3, timing: "offline", mitre: "T1098"}, 40, 200)
}

func (s *stage) nightAdministrator() {
	t := s.t
	who := s.holder(roleGlobal)
	p := s.victim(who)
	from := address{placeNamed("Lagos"), hostileLine, uint32(s.rnd.next())}
	dev := device{model: foreignWindows, seed: s.rnd.next()}
	e := *s.signIn(who, appPortal, okClaim, byTokenMFA, satisfied, from, dev)
	s.wait(100, 300)
	made := t.subjectOf(s.rnd.next(), true)
	s.audit(who, from, func(a *auditRecord, e *event) {
		a.start(core, "UserManagement", "Add", "Add user")
		a.target("User", made.id, "", made.upn)
		a.set("AccountEnabled", "[]", "[true]")
		a.set("DisplayName", "[]", "["+quote(made.name)+"]")
		a.set("UserPrincipalName", "[]", "["+quote(made.upn)+"]")
		a.set("UserType", "[]", `["Member"]`)
		a.set("Included Updated Properties", "", `"AccountEnabled, DisplayName, UserPrincipalName, UserType"`)
	})
	s.wait(30, 120)
	for _, role := range []int{roleGlobal, rolePrivileged} {
		s.audit(who, from, func(a *auditRecord, _ *event) {
			t.fillMembership(a, addToRole, made, role)
			a.detail("User-Agent", models[foreignWindows].agent)
		})
		s.wait(20, 60)
	}
	s.audit(who, from, func(a *auditRecord, _ *event) {
		a.start("Conditional Access", "Policy", "Update", "Update conditional access policy")
		a.target("Policy", t.policies.ids[0], t.policies.names[0], "")
		a.set("ConditionalAccessPolicy", t.policyText(0, "enabled"), t.policyText(0, "disabled"))
		a.detail("Category", "Conditional Access")
	})
	s.wait(60, 300)
	token := *s.refresh(who, appPortal, resGraph, from, dev)
	s.call(token, graphCall{user: p, method: "GET", path: "roleManagement/directory/roleAssignments?$expand=principal", agent: models[foreignWindows].agent, status: 200})
	s.found(who, &e, riskFinding{kind: "unlikelyTravel", level: 2, timing: "offline", mitre: "T1078"}, 40, 200)
	s.found(who, nil, riskFinding{kind: "anomalousUserActivity", level: 3, timing: "offline", mitre: "T1098"}, 60, 300)
}
