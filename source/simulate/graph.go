package simulate

// userPaths are what the applications of a kind ask Graph for in a user's name.
var userPaths = [4][]string{
	browserApp: {"me", "me/messages?$top=25&$select=id,subject,from,receivedDateTime,isRead,hasAttachments,bodyPreview", "me/drive/recent", "me/photos/48x48/$value",
		"users/{u}?$select=displayName,mail,jobTitle,department,officeLocation", "me/calendarView?startDateTime={d}T00:00:00Z&endDateTime={d}T23:59:59Z", "me/memberOf?$top=100", "search/query", "groups/{g}/members?$top=100&$select=id,displayName,userPrincipalName"},
	desktopApp: {"me/joinedTeams", "users/{u}/presence", "communications/getPresencesByUserId", "me/calendarView/delta?startDateTime={d}T00:00:00Z&endDateTime={d}T23:59:59Z", "me/people?$top=50", "directoryObjects/getByIds", "me/onlineMeetings"},
	mobileApp:  {"me", "me/mailFolders/inbox/messages/delta?$select=subject,from,receivedDateTime", "me/events?$top=20", "users/{u}/photo/$value", "me/mobileAppIntentAndStates"},
	toolApp:    {"me", "users?$filter=startsWith(displayName,'a')&$top=100", "groups?$top=100&$select=id,displayName,groupTypes,securityEnabled", "applications?$top=100&$select=id,appId,displayName", "servicePrincipals/{g}", "organization"},
}

// ticksAtEpoch is 1970-01-01 in ticks since year 1.
const ticksAtEpoch = 621355968000000000

// appendGraph appends a record of MicrosoftGraphActivityLogs.
func (t *Tenant) appendGraph(b []byte, e *event, s *scratch) []byte {
	rnd := rng{seedOf(e.key, 'r')}
	home := &places[e.from.place]
	version, method, status, agent := "v1.0", "GET", 200, ""
	size, duration := rnd.within(200, 2400), 180000+rnd.n(400000)+rnd.n(400000)

	var user *person
	var w *workload
	var roles, scopes, idType, clientAuth string
	client := t.apps[e.app].id
	if f, ok := e.aux.(*graphCall); ok {
		w, user, method, agent, status = f.by, f.user, f.method, f.agent, f.status
		roles, scopes = f.roles, f.scopes
		if f.application != "" {
			client = f.application
		}
		s.path = t.appendPath(s.path[:0], f.path, &rnd, e.created)
	} else if e.sess == 0 {
		w = &t.principals[e.actor]
		s.path = t.appendPath(s.path[:0], w.paths[rnd.n(len(w.paths))], &rnd, e.created)
	} else {
		user = &t.people[e.actor]
		paths := userPaths[t.apps[e.app].client]
		s.path = t.appendPath(s.path[:0], paths[rnd.n(len(paths))], &rnd, e.created)
		if rnd.permille(120) {
			version = "beta"
		}
	}
	idType, clientAuth = "user", "0"
	if user == nil {
		idType, clientAuth = "app", "1"
		if w.seed&3 == 0 {
			clientAuth = "2"
		}
		if roles == "" {
			roles = w.roles
		}
		if agent == "" {
			agent = w.agentText
		}
	} else if scopes == "" {
		scopes = "AuditLog.Read.All Calendars.ReadWrite Contacts.Read Directory.Read.All email Files.ReadWrite.All Group.Read.All Mail.ReadWrite openid People.Read profile User.Read"
	}
	if e.aux == nil {
		switch path := string(s.path); {
		case e.batch:
			s.path, method, size = append(s.path[:0], "$batch"...), "POST", 900+rnd.n(400)
		case path == "search/query", path == "directoryObjects/getByIds", path == "communications/getPresencesByUserId", hasSuffix(path, "/sendMail"):
			method, size = "POST", 0
		}
		switch x := rnd.n(1000); {
		case x < 14:
			status, size = 403, 266
		case x < 26:
			status, size = 404, 251
		case x < 30:
			status, size = 429, 301
		case method == "POST" && hasSuffix(string(s.path), "/sendMail"):
			status = 202
		}
	}

	b = append(b, `{ "time": "`...)
	b = appendZ(b, e.at)
	b = append(b, `", "resourceId": "`...)
	b = append(b, t.frag.upper...)
	b = append(b, `", "operationName": "Microsoft Graph Activity", "operationVersion": "`...)
	b = append(b, version...)
	b = append(b, `", "category": "MicrosoftGraphActivityLogs", "resultSignature": "`...)
	b = appendInt(b, int64(status))
	b = append(b, `", "durationMs": "`...)
	b = appendInt(b, int64(duration))
	b = append(b, `", "callerIpAddress": "`...)
	b = e.from.append(b)
	b = append(b, `", "correlationId": "`...)
	operation, request := guidOf(e.corr), guidOf(e.id)
	b = appendGUID(b, operation)
	b = append(b, `", "level": "Informational", "location": "`...)
	b = append(b, home.region...)
	b = append(b, `", "properties": {"__UDI_RequiredFields_TenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","__UDI_RequiredFields_UniqueId":"`...)
	b = appendGUID(b, request)
	b = append(b, `","__UDI_RequiredFields_EventTime":`...)
	b = appendInt(b, e.created+ticksAtEpoch)
	b = append(b, `,"__UDI_RequiredFields_RegionScope":"`...)
	b = append(b, geo...)
	b = append(b, `","timeGenerated":"`...)
	b = appendZ(b, e.created)
	b = append(b, `","location":"`...)
	b = append(b, home.region...)
	b = append(b, `","requestId":"`...)
	b = appendGUID(b, request)
	b = append(b, `","operationId":"`...)
	b = appendGUID(b, operation)
	b = append(b, `","clientRequestId":"`...)
	b = appendGUID(b, guidOf(seedOf(e.corr, 'q')))
	b = append(b, `","apiVersion":"`...)
	b = append(b, version...)
	b = append(b, `","requestMethod":"`...)
	b = append(b, method...)
	b = append(b, `","responseStatusCode":`...)
	b = appendInt(b, int64(status))
	b = append(b, `,"tenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","durationMs":`...)
	b = appendInt(b, int64(duration))
	b = append(b, `,"responseSizeBytes":`...)
	b = appendInt(b, int64(size))
	b = append(b, `,"signInActivityId":"`...)
	b = appendToken(b, requestOf(e.token))
	b = append(b, `","roles":"`...)
	b = append(b, roles...)
	b = append(b, `","appId":"`...)
	if user == nil {
		b = appendGUID(b, w.appID)
	} else {
		b = append(b, client...)
	}
	b = append(b, `","UserPrincipalObjectID":"`...)
	if user == nil {
		b = appendGUID(b, w.id)
	} else {
		b = appendGUID(b, user.id)
	}
	b = append(b, `","scopes":"`...)
	b = append(b, scopes...)
	b = append(b, `","identityProvider":"https://sts.windows.net/`...)
	if user == nil {
		b = append(b, t.cfg.TenantID...)
	} else {
		b = append(b, t.homeTenant(user)...)
	}
	b = append(b, `/","clientAuthMethod":"`...)
	b = append(b, clientAuth...)
	b = append(b, `","wids":"`...)
	switch {
	case user == nil:
		b = append(b, applicationWid...)
	case user.role >= 0:
		b = append(b, directoryRoles[user.role].template...)
		b = append(b, ' ')
		b = append(b, memberWid...)
	default:
		b = append(b, memberWid...)
	}
	b = append(b, `","C_Idtyp":"`...)
	b = append(b, idType...)
	b = append(b, `","C_Iat":"`...)
	iat := floorDiv(e.issued, second) - 300 // tokens are dated five minutes back
	b = appendInt(b, iat)
	b = append(b, `","ipAddress":"`...)
	b = e.from.append(b)
	b = append(b, `","userAgent":"`...)
	if user != nil && agent == "" {
		m := &models[e.dev.model]
		text := m.agent
		if e.rich && m.rich != "" {
			text = m.rich
		}
		b = m.appendVersioned(b, text, floorDiv(e.created, day))
	} else {
		b = append(b, agent...)
	}
	b = append(b, `","requestUri":"https://graph.microsoft.com/`...)
	b = append(b, version...)
	b = append(b, '/')
	b = append(b, s.path...)
	b = append(b, `","atContentP":"","atContentH":"","C_Sid":"`...)
	if user != nil {
		b = appendGUID(b, sessionOf(e.sess))
	}
	b = append(b, `","C_DeviceId":"`...)
	if user != nil && e.dev.trust != unknownDevice {
		b = appendGUID(b, e.dev.id())
	}
	if user == nil {
		b = append(b, `","servicePrincipalId":"`...)
		b = appendGUID(b, w.id)
	} else {
		b = append(b, `","userId":"`...)
		b = appendGUID(b, user.id)
	}
	b = append(b, `","tokenIssuedAt":"`...)
	b = appendZ(b, iat*second)
	b = append(b, `"}, "tenantId": "`...)
	b = append(b, t.cfg.TenantID...)
	return append(b, `"}`...)
}

// graphCall is a request that a scenario makes.
type graphCall struct {
	by     *workload // nil for a user's
	user   *person
	method string
	path   string
	agent  string
	roles  string
	scopes string
	status int

	application string // of a user's request, if it is none of the tenant's
}

// geo is where the tenant's data is kept.
const geo = "EU"

// appendPath appends a template with a user for {u}, a group for {g} and the
// day for {d}.
func (t *Tenant) appendPath(b []byte, template string, rnd *rng, at int64) []byte {
	for i := 0; i < len(template); i++ {
		if template[i] != '{' || i+2 >= len(template) {
			b = append(b, template[i])
			continue
		}
		switch template[i+1] {
		case 'u':
			b = appendGUID(b, t.people[rnd.n(len(t.people))].id)
		case 'g':
			b = appendGUID(b, t.groups[rnd.n(len(t.groups))].id)
		case 'd':
			b = appendDate(b, floorDiv(at, day))
		}
		i += 2
	}
	return b
}

func hasSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}
