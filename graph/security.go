package graph

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"sextant/odata"
	"sextant/record"
)

// Incidents and alerts are rows of SecurityIncident and SecurityAlert, whose columns
// are not Graph's properties. Before an object is made, its record is said in Graph's
// words; what filters see is in data/resources.txt.

// inGraphsWords is a record with properties as Graph calls them.
func (l *listing) inGraphsWords(raw []byte) []byte {
	if raw == nil {
		return nil
	}
	if gjson.GetBytes(raw, "category").Str == graphAlerts {
		if gjson.GetBytes(raw, "properties.tenantId").Str != "" {
			return raw // it is in them already
		}
		text, err := sjson.SetBytes(raw, "properties.tenantId", l.tenant.ID)
		if err != nil {
			return raw
		}
		return text
	}
	p := gjson.GetBytes(raw, "properties")
	var out map[string]any
	switch l.res.entity.Name {
	case "security.incident":
		out = incidentOf(p)
	case "security.alert":
		out = alertOf(p)
		if id := l.incident[p.Get("SystemAlertId").Str]; id != "" {
			out["incidentId"] = id
		}
	default:
		return raw
	}
	out["tenantId"] = l.tenant.ID
	for property, words := range l.res.values {
		for _, w := range words {
			for name, v := range out {
				if strings.ToLower(name) == property && v == w[0] {
					out[name] = w[1]
				}
			}
		}
	}
	text, err := json.Marshal(map[string]any{"properties": out})
	if err != nil {
		return raw
	}
	return text
}

// graphAlerts is the category of alerts that another Graph gave.
const graphAlerts = "GraphSecurityAlerts"

// parsed JSON of a column, which may come as text.
func parsed(v gjson.Result) gjson.Result {
	if v.Type == gjson.String {
		if !gjson.Valid(v.Str) {
			return gjson.Result{}
		}
		return gjson.Parse(v.Str)
	}
	return v
}

func incidentOf(p gjson.Result) map[string]any {
	owner, more := parsed(p.Get("Owner")), parsed(p.Get("AdditionalData"))
	comments := []any{}
	for _, c := range parsed(p.Get("Comments")).Array() {
		by := c.Get("author")
		comments = append(comments, map[string]any{
			"comment": c.Get("message").Str, "createdByDisplayName": firstText(by.Get("name"), by.Get("userPrincipalName"), by.Get("email")), "createdDateTime": c.Get("createdTimeUtc").Str,
		})
	}
	tags, system := []string{}, []string{}
	for _, l := range parsed(p.Get("Labels")).Array() {
		if l.Get("labelType").Str == "AutoAssigned" {
			system = append(system, l.Get("labelName").Str)
		} else {
			tags = append(tags, l.Get("labelName").Str)
		}
	}
	class := p.Get("Classification").Str
	if class == "" {
		class = "unknown"
	}
	determination := more.Get("determination").Str
	if determination == "" {
		determination = "unknown"
	}
	alerts := []string{}
	for _, a := range parsed(p.Get("AlertIds")).Array() {
		alerts = append(alerts, a.Str)
	}
	return map[string]any{
		"id": p.Get("IncidentName").Str, "displayName": p.Get("Title").Str, "description": p.Get("Description").Str,
		"severity": p.Get("Severity").Str, "status": p.Get("Status").Str, "classification": class, "determination": determination,
		"assignedTo":      firstText(owner.Get("assignedTo"), owner.Get("userPrincipalName"), owner.Get("email")),
		"createdDateTime": p.Get("CreatedTime").Str, "lastUpdateDateTime": p.Get("LastModifiedTime").Str, "lastModifiedBy": p.Get("ModifiedBy").Str,
		"incidentWebUrl": p.Get("IncidentUrl").Str, "resolvingComment": p.Get("ClassificationComment").Str,
		"comments": comments, "customTags": tags, "systemTags": system, alertIDs: alerts,
	}
}

// alertIDs of an incident's record in Graph's words; no property of Graph's.
const alertIDs = "$alertIds"

func firstText(of ...gjson.Result) any {
	for _, v := range of {
		if v.Str != "" {
			return v.Str
		}
	}
	return nil
}

// products of alerts: by the provider's name, the service and the way of detection.
var products = map[string][2]string{
	"IPC":    {"azureAdIdentityProtection", "azureAdIdentityProtection"},
	"MDATP":  {"microsoftDefenderForEndpoint", "microsoftDefenderForEndpoint"},
	"AATP":   {"microsoftDefenderForIdentity", "microsoftDefenderForIdentity"},
	"MCAS":   {"microsoftDefenderForCloudApps", "cloudAppSecurity"},
	"OATP":   {"microsoftDefenderForOffice365", "microsoftDefenderForOffice365"},
	"MTP":    {"microsoft365Defender", "microsoft365Defender"},
	"ASI":    {"microsoftSentinel", "scheduledAlerts"},
	"ASC":    {"microsoftDefenderForCloud", "microsoftDefenderForCloud"},
	"MSTIC":  {"microsoftThreatIntelligence", "microsoftThreatIntelligence"},
	"ASI ML": {"microsoftSentinel", "builtInMl"},
	// Alert rules of ours: of Graph's words the nearest.
	"Log Alerts V2": {"microsoftSentinel", "scheduledAlerts"},
}

func alertOf(p gjson.Result) map[string]any {
	more := parsed(p.Get("ExtendedProperties"))
	services, ok := products[p.Get("ProviderName").Str]
	switch product := p.Get("ProductName").Str; {
	case ok:
	case strings.Contains(product, "Sentinel"):
		services = products["ASI"]
	case strings.Contains(product, "Identity Protection"):
		services = products["IPC"]
	default:
		services = [2]string{"unknown", "unknown"}
	}
	comments := []any{}
	for _, c := range more.Get("Comments").Array() {
		comments = append(comments, c.Value())
	}
	techniques := []string{}
	for _, name := range []string{"Techniques", "SubTechniques"} {
		for _, t := range parsed(p.Get(name)).Array() {
			techniques = append(techniques, t.Str)
		}
	}
	slices.Sort(techniques)
	out := map[string]any{
		"id": p.Get("SystemAlertId").Str, "title": firstText(p.Get("AlertName"), p.Get("DisplayName")), "description": p.Get("Description").Str,
		"severity": p.Get("AlertSeverity").Str, "status": p.Get("Status").Str, "category": p.Get("AlertType").Str,
		"classification": cmp.Or(more.Get("Classification").Str, "unknown"), "determination": cmp.Or(more.Get("Determination").Str, "unknown"),
		"assignedTo":      firstText(more.Get("AssignedTo")),
		"createdDateTime": p.Get("TimeGenerated").Str, "lastUpdateDateTime": p.Get("ProcessingEndTime").Str, "resolvedDateTime": firstText(more.Get("ResolvedTime")),
		"firstActivityDateTime": p.Get("StartTime").Str, "lastActivityDateTime": p.Get("EndTime").Str,
		"serviceSource": services[0], "detectionSource": services[1], "productName": p.Get("ProductName").Str,
		"providerAlertId": p.Get("VendorOriginalId").Str, "alertWebUrl": p.Get("AlertLink").Str,
		"mitreTechniques": slices.Compact(techniques), "comments": comments, "systemTags": []string{}, "evidence": evidenceOf(p),
	}
	if steps := parsed(p.Get("RemediationSteps")).Array(); len(steps) > 0 && p.Get("RemediationSteps").Str != "" {
		var lines []string
		for _, s := range steps {
			lines = append(lines, s.Str)
		}
		out["recommendedActions"] = strings.Join(lines, "\n")
	}
	if details := parsed(more.Get("Custom Details")); details.IsObject() {
		out["customDetails"] = details.Value()
	}
	extra := map[string]any{}
	more.ForEach(func(k, v gjson.Result) bool {
		if !slices.Contains([]string{"Comments", "Classification", "Determination", "AssignedTo", "Custom Details", "ResolvedTime"}, k.Str) {
			extra[k.Str] = v.Value()
		}
		return true
	})
	if len(extra) > 0 {
		out["additionalData"] = extra
	}
	return out
}

// evidence: Graph's type for a kind of entity, and what of the entity it has.
var evidence = map[string]struct {
	kind string
	of   func(e gjson.Result) map[string]any
}{
	"account": {"userEvidence", func(e gjson.Result) map[string]any {
		upn := e.Get("UserPrincipalName").Str
		if upn == "" && e.Get("UPNSuffix").Str != "" {
			upn = e.Get("Name").Str + "@" + e.Get("UPNSuffix").Str
		}
		return map[string]any{"userAccount": map[string]any{
			"accountName": firstText(e.Get("Name")), "domainName": firstText(e.Get("NTDomain"), e.Get("UPNSuffix")), "userSid": firstText(e.Get("Sid")),
			"azureAdUserId": firstText(e.Get("AadUserId")), "userPrincipalName": record.TextOrNull(upn), "displayName": firstText(e.Get("DisplayName")),
		}}
	}},
	"ip": {"ipEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"ipAddress": firstText(e.Get("Address")), "countryLetterCode": firstText(e.Get("Location.CountryCode"))}
	}},
	"host": {"deviceEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"deviceDnsName": firstText(e.Get("FQDN"), e.Get("HostName"), e.Get("NetBiosName")), "azureAdDeviceId": firstText(e.Get("AadDeviceId")), "osPlatform": firstText(e.Get("OSFamily"))}
	}},
	"url": {"urlEvidence", func(e gjson.Result) map[string]any { return map[string]any{"url": firstText(e.Get("Url"))} }},
	"file": {"fileEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"fileDetails": map[string]any{"fileName": firstText(e.Get("Name")), "filePath": firstText(e.Get("Directory"))}}
	}},
	"process": {"processEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"processCommandLine": firstText(e.Get("CommandLine"))}
	}},
	"mailbox": {"mailboxEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"primaryAddress": firstText(e.Get("MailboxPrimaryAddress")), "displayName": firstText(e.Get("DisplayName")), "upn": firstText(e.Get("Upn"))}
	}},
	"cloud-application": {"cloudApplicationEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"displayName": firstText(e.Get("Name")), "instanceName": firstText(e.Get("InstanceName"))}
	}},
	"security-group": {"securityGroupEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"displayName": firstText(e.Get("DistinguishedName")), "securityGroupId": firstText(e.Get("ObjectGuid"))}
	}},
	"azure-resource": {"azureResourceEvidence", func(e gjson.Result) map[string]any {
		return map[string]any{"resourceId": firstText(e.Get("ResourceId"))}
	}},
}

// evidenceOf an alert: its entities. Kinds that Graph has no type for are left out.
func evidenceOf(p gjson.Result) []any {
	out := []any{}
	for _, e := range parsed(p.Get("Entities")).Array() {
		kind, ok := evidence[strings.ToLower(e.Get("Type").Str)]
		if !ok {
			continue
		}
		item := map[string]any{
			"@odata.type": "#" + odata.Namespace + "security." + kind.kind, "createdDateTime": record.TextOrNull(p.Get("TimeGenerated").Str),
			"verdict": "unknown", "remediationStatus": "none", "remediationStatusDetails": nil, "roles": []string{}, "detailedRoles": []string{}, "tags": []string{},
		}
		maps.Copy(item, kind.of(e))
		out = append(out, item)
	}
	return out
}

// Bounds of what is looked up for a page of incidents or alerts.
const (
	maxAlertsShown    = 10_000
	maxIncidentsAsked = 5_000
)

// prepare says the records of a page in Graph's words, with what belongs to them in
// another table: alerts of incidents where the request expands them, and the incident
// of each alert.
func (l *listing) prepare(ctx context.Context, c *Call, raws [][]byte) error {
	if l.res.path[0] != "security" || len(raws) == 0 {
		return nil
	}
	if l.res.entity.Name == "security.alert" && l.shows("incidentId") {
		if err := l.findIncidents(ctx, c); err != nil {
			return err
		}
	}
	if err := l.sayOver(ctx, raws); err != nil {
		return err
	}
	var ids []string
	of := map[string]string{} // incidents by the ids of their alerts
	for i := range raws {
		raws[i] = l.inGraphsWords(raws[i])
		incident := gjson.GetBytes(raws[i], "properties.id").Str
		for _, id := range gjson.GetBytes(raws[i], "properties."+gjsonName(alertIDs)).Array() {
			ids = append(ids, id.Str)
			if of[id.Str] == "" {
				of[id.Str] = incident
			}
		}
	}
	if l.res.entity.Name == "security.incident" && slices.ContainsFunc(l.o.Expand, func(p *odata.Path) bool { return strings.EqualFold(p.Names[0], "alerts") }) {
		return l.findAlerts(ctx, c, ids, of)
	}
	return nil
}

// sayOver puts what is said here over the records that are objects of another Graph.
func (l *listing) sayOver(ctx context.Context, raws [][]byte) error {
	of := make([]string, len(raws)) // the object's id
	var ids []string
	for i, raw := range raws {
		if gjson.GetBytes(raw, "category").Str == graphAlerts {
			of[i] = gjson.GetBytes(raw, "properties.id").Str
			ids = append(ids, of[i])
		}
	}
	said, err := l.findSaid(ctx, ids)
	for i, id := range of {
		raws[i] = over(raws[i], said[id])
	}
	return err
}

func gjsonName(name string) string { return strings.ReplaceAll(name, "$", `\$`) }

// shows a property: it is selected, or all are.
func (l *listing) shows(property string) bool {
	names := l.selected()
	return names == nil || slices.ContainsFunc(names, func(n []string) bool { return strings.EqualFold(n[0], property) })
}

// other listing, of another resource with the same right.
func (l *listing) other(c *Call, path string, query string) (*listing, error) {
	o, err := odata.Parse(map[string]string{"filter": query})
	if err != nil || query == "" {
		o, err = odata.Parse(nil)
	}
	if err != nil {
		return nil, err
	}
	r := l.api.resource(path)
	return l.face.newListing(c, r, r.entity, o, "", false, false)
}

func (l *listing) findIncidents(ctx context.Context, c *Call) error {
	other, err := l.other(c, "security/incidents", "")
	if err != nil {
		return err
	}
	rows, _, err := other.rows(ctx, nil, maxIncidentsAsked)
	if err != nil {
		return err
	}
	raws, err := other.raws(ctx, rows)
	if err != nil {
		return err
	}
	l.incident = map[string]string{}
	for _, raw := range raws {
		p := gjson.GetBytes(raw, "properties")
		for _, id := range parsed(p.Get("AlertIds")).Array() {
			if l.incident[id.Str] == "" { // an alert may be in several: the newest counts
				l.incident[id.Str] = p.Get("IncidentName").Str
			}
		}
	}
	return nil
}

func (l *listing) findAlerts(ctx context.Context, c *Call, ids []string, of map[string]string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil
	}
	l.alerts = map[string][]byte{}
	for part := range slices.Chunk(ids[:min(len(ids), maxAlertsShown)], 200) {
		var quoted []string
		for _, id := range part {
			quoted = append(quoted, "'"+strings.ReplaceAll(id, "'", "''")+"'")
		}
		other, err := l.other(c, "security/alerts_v2", "id in ("+strings.Join(quoted, ",")+")")
		if err != nil {
			return err
		}
		other.incident = of
		rows, _, err := other.rows(ctx, nil, len(part))
		if err != nil {
			return err
		}
		raws, err := other.raws(ctx, rows)
		if err == nil {
			err = other.sayOver(ctx, raws)
		}
		if err != nil {
			return err
		}
		m := newMaker(other.res, other.entity, l.see, nil)
		for i, raw := range raws {
			if raw == nil {
				continue
			}
			words := other.inGraphsWords(raw)
			b, err := other.object(ctx, c, nil, m, rows[i], words)
			if err != nil {
				return err
			}
			l.alerts[gjson.GetBytes(words, "properties.id").Str] = b
		}
	}
	return nil
}

// withAlerts appends the alerts of an incident where they are asked for.
func (l *listing) withAlerts(b []byte, raw []byte) []byte {
	if l.alerts == nil {
		return b
	}
	b = append(b, `,"alerts":[`...)
	first := true
	for _, id := range gjson.GetBytes(raw, "properties."+gjsonName(alertIDs)).Array() {
		a := l.alerts[id.Str]
		if a == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, a...)
	}
	return append(b, ']')
}

// comments of an incident or an alert.
func (f *Face) comments(ctx context.Context, c *Call, r *resource) (*Reply, error) {
	reply, err := f.item(ctx, c, r)
	if err != nil {
		return nil, err
	}
	list := gjson.GetBytes(reply.Body, "comments").Raw
	if list == "" {
		list = "[]"
	}
	var out bytes.Buffer
	head, err := json.Marshal(c.Context(r.String() + "('" + c.Values["id"] + "')/comments"))
	if err != nil {
		return nil, err
	}
	out.WriteString(`{"@odata.context":`)
	out.Write(head)
	out.WriteString(`,"value":`)
	out.WriteString(list)
	out.WriteString("}")
	return &Reply{Body: out.Bytes()}, nil
}
