package simulate

// auditRecord is what an audit record says, before it is text. It is used again
// for the next record.
type auditRecord struct {
	activity, category, service, kind string
	result, reason                    string
	user                              *person   // who did it,
	app                               *workload // or which service
	from                              address
	whole                             bool // the service notes whole seconds
	noID                              bool // and does not know the user's id
	prefix                            string
	targets                           []auditTarget
	details                           []pair
}

// names is true of services that write who acted by display name.
func (a *auditRecord) names() bool {
	switch a.service {
	case "Authentication Methods", "PIM", "Device Registration Service":
		return true
	}
	return a.user == nil
}

type auditTarget struct {
	id         guid
	anonymous  bool // the record has null for the id
	name       string
	kind, upn  string // empty where the record has none
	properties []property
}

// property is a changed one; values are JSON text, and an empty text is null.
type property struct{ name, old, new string }

type pair struct{ key, value string }

func (a *auditRecord) start(service, category, kind, activity string) {
	*a = auditRecord{activity: activity, category: category, service: service, kind: kind, result: "success",
		prefix: auditPrefix(service), targets: a.targets[:0], details: a.details[:0]}
}

// auditPrefix begins the ids of a service's records.
func auditPrefix(service string) string {
	switch service {
	case "Core Directory":
		return "Directory"
	case "Self-service Password Management":
		return "SSPR"
	case "Conditional Access":
		return "IPCGraph"
	}
	return service
}

// target adds an object that the activity changed; its properties follow.
func (a *auditRecord) target(kind string, id guid, name, upn string) {
	var properties []property
	if n := len(a.targets); n < cap(a.targets) {
		properties = a.targets[:n+1][n].properties[:0]
	}
	a.targets = append(a.targets, auditTarget{id: id, name: name, kind: kind, upn: upn, properties: properties})
}

// nothing adds a target without an identity, as services write that act on none.
func (a *auditRecord) nothing() {
	a.target("", guid{}, "", "")
	a.targets[len(a.targets)-1].anonymous = true
}

func (a *auditRecord) set(name, before, after string) {
	t := &a.targets[len(a.targets)-1]
	t.properties = append(t.properties, property{name, before, after})
}

func (a *auditRecord) detail(key, value string) { a.details = append(a.details, pair{key, value}) }

// byService adds what records of a Microsoft service's act carry about it.
func (a *auditRecord) byService(w *workload, names string) {
	a.app = w
	a.from = w.line
	a.set("ActorId.ServicePrincipalNames", "", quote(names))
	a.set("SPN", "", quote(names))
}

// appendAudit appends a record of AuditLogs, or of
// CustomSecurityAttributeAuditLogs, which has the same form.
func (t *Tenant) appendAudit(b []byte, e *event, s *scratch) []byte {
	a := &s.audit
	if f, ok := e.aux.(*auditRecord); ok {
		a = f
	} else {
		t.fillAudit(a, e)
	}
	at := e.at
	if a.whole {
		at -= at % second
	}
	identity := ""
	switch {
	case a.user != nil && a.names():
		identity = a.user.name
	case a.app != nil:
		identity = a.app.name
	}
	b = append(b, `{ "time": "`...)
	if a.whole {
		b = appendShort(b, at, "Z")
	} else {
		b = appendZ(b, at)
	}
	b = append(b, `", "resourceId": "/tenants/`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `/providers/Microsoft.aadiam", "operationName": `...)
	b = appendQuoted(b, a.activity)
	b = append(b, `, "operationVersion": "1.0", "category": "`...)
	b = append(b, categoryNames[e.cat]...)
	b = append(b, `", "tenantId": "`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `", "resultSignature": "None"`...)
	if a.reason != "" {
		b = append(b, `, "resultDescription": `...)
		b = appendQuoted(b, a.reason)
	}
	b = append(b, `, "durationMs": 0`...)
	if a.from.net != noNetwork {
		b = append(b, `, "callerIpAddress": "`...)
		b = a.from.append(b)
		b = append(b, '"')
	}
	b = append(b, `, "correlationId": "`...)
	corr := guidOf(e.corr)
	b = appendGUID(b, corr)
	b = append(b, '"')
	if identity != "" {
		b = append(b, `, "identity": `...)
		b = appendQuoted(b, identity)
	}
	b = append(b, `, "Level": 4, "properties": {"tenantId":"`...)
	b = append(b, t.cfg.TenantID...)
	b = append(b, `","resultType":"","resultDescription":`...)
	b = appendQuoted(b, a.reason)
	b = append(b, `,"operationName":`...)
	b = appendQuoted(b, a.activity)
	b = append(b, `,"identity":`...)
	b = appendQuoted(b, identity)
	b = append(b, `,"tenantGeo":"`...)
	b = append(b, geo...)
	b = append(b, `","id":"`...)
	b = t.appendAuditID(b, e, a)
	b = append(b, `","category":"`...)
	b = append(b, a.category...)
	b = append(b, `","correlationId":"`...)
	b = appendGUID(b, corr)
	b = append(b, `","result":"`...)
	b = append(b, a.result...)
	b = append(b, `","resultReason":`...)
	b = appendQuoted(b, a.reason)
	b = append(b, `,"activityDisplayName":`...)
	b = appendQuoted(b, a.activity)
	b = append(b, `,"activityDateTime":"`...)
	b = appendOffset(b, at)
	b = append(b, `","loggedByService":"`...)
	b = append(b, a.service...)
	b = append(b, `","operationType":"`...)
	b = append(b, a.kind...)
	b = append(b, `","userAgent":null,"initiatedBy":{`...)
	switch {
	case a.user != nil:
		b = append(b, `"user":{"id":`...)
		if a.noID {
			b = append(b, "null"...)
		} else {
			b = append(b, '"')
			b = appendGUID(b, a.user.id)
			b = append(b, '"')
		}
		b = append(b, `,"displayName":`...)
		b = appendNullable(b, identity)
		b = append(b, `,"userPrincipalName":"`...)
		b = append(b, a.user.upn...)
		b = append(b, `","ipAddress":"`...)
		b = a.from.append(b)
		b = append(b, `","roles":[]}`...)
	case a.app != nil:
		b = append(b, `"app":{"appId":null,"displayName":`...)
		b = appendQuoted(b, a.app.name)
		b = append(b, `,"servicePrincipalId":"`...)
		b = appendGUID(b, a.app.id)
		b = append(b, `","servicePrincipalName":null}`...)
	}
	b = append(b, `},"targetResources":[`...)
	for i := range a.targets {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.targets[i].append(b)
	}
	b = append(b, `],"additionalDetails":[`...)
	for i, d := range a.details {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		b = appendQuoted(b, d.key)
		b = append(b, `,"value":`...)
		b = appendQuoted(b, d.value)
		b = append(b, '}')
	}
	return append(b, "]}}"...)
}

// appendAuditID appends {service}_{correlation}_{5 characters}_{number}.
func (t *Tenant) appendAuditID(b []byte, e *event, a *auditRecord) []byte {
	b = append(b, a.prefix...)
	b = append(b, '_')
	b = appendGUID(b, guidOf(e.corr))
	b = append(b, '_')
	x := seedOf(e.key, 'i')
	for range 5 {
		b = append(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[x%36])
		x /= 36
	}
	b = append(b, '_')
	return appendInt(b, int64(5_000_000+x%95_000_000))
}

func (x *auditTarget) append(b []byte) []byte {
	if x.anonymous {
		b = append(b, `{"id":null,"displayName":`...)
	} else {
		b = append(b, `{"id":"`...)
		b = appendGUID(b, x.id)
		b = append(b, `","displayName":`...)
	}
	b = appendNullable(b, x.name)
	if x.kind != "" {
		b = append(b, `,"type":"`...)
		b = append(b, x.kind...)
		b = append(b, '"')
	}
	if x.upn != "" {
		b = append(b, `,"userPrincipalName":`...)
		b = appendQuoted(b, x.upn)
	}
	b = append(b, `,"modifiedProperties":[`...)
	for i, p := range x.properties {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"displayName":`...)
		b = appendQuoted(b, p.name)
		b = append(b, `,"oldValue":`...)
		b = appendNullable(b, p.old)
		b = append(b, `,"newValue":`...)
		b = appendNullable(b, p.new)
		b = append(b, '}')
	}
	return append(b, `],"administrativeUnits":[]}`...)
}

func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, s)
}
