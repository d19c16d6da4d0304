package query

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/table"
)

// person is somebody who signed in.
type person struct{ upn, id, name, ip string }

// residents of a tenant and what else its made-up rows are about.
type residents struct {
	list   []person
	known  map[string]bool
	alerts []alerted // risk detections
	// unfamiliar is when the last sign-in with unfamiliar features was detected, in
	// ticks.
	unfamiliar int64
}

type alerted struct {
	id, kind string
	who      person
	at       int64
}

// see takes note of who is in the rows.
func (p *residents) see(l store.Load) {
	if p.known == nil {
		p.known = map[string]bool{}
	}
	for _, t := range l.Tables {
		if t.Table != "SigninLogs" && t.Table != "AADUserRiskEvents" {
			continue
		}
		at := func(name string, i int) string { return t.Rows.Cols[t.Rows.Schema.Index(name)].At(i).Str() }
		when := &t.Rows.Cols[t.Rows.Schema.Index("TimeGenerated")]
		for i := range t.Rows.Rows {
			who := person{at("UserPrincipalName", i), at("UserId", i), at("UserDisplayName", i), ""}
			if t.Table == "AADUserRiskEvents" {
				kind := at("RiskEventType", i)
				if kind == "unfamiliarFeatures" {
					p.unfamiliar = max(p.unfamiliar, when.N[i])
				}
				p.alerts = append(p.alerts, alerted{at("Id", i), kind, who, when.N[i]})
				continue
			}
			if who.ip = at("IPAddress", i); !p.known[who.id] && who.upn != "" {
				p.known[who.id] = true
				p.list = append(p.list, who)
			}
		}
	}
}

// cells of a row by the names of their columns; a text in a dynamic column is its JSON.
type cells map[string]any

// othersRows of one table in a load; larger tables come in several.
const othersRows = 20_000

// others are rows of the tables that published queries read beside those of the
// directory and that no simulator fills: Azure's activity log, Office's, alerts, and
// what is known of people. Their shapes are the services' own.
func (p *residents) others(defs func(name string) table.Def, n int, give func(store.Load)) map[string]int {
	rnd := rand.New(rand.NewPCG(5, 9))
	counts := map[string]int{}
	offset := int64(1) << 40
	fill := func(name string, n int, row func(i int) cells) {
		def := defs(name)
		for from := 0; from < n; from += othersRows {
			rows := table.NewBatch(def.Columns, othersRows)
			for i := from; i < min(n, from+othersRows); i++ {
				rows.AppendRow(rowOf(&def, row(i)))
			}
			give(store.Load{Tables: []store.TableRows{{Table: name, Rows: physical(&def, rows, &offset)}}})
		}
		counts[name] += n
	}
	who := func() person { return p.list[rnd.IntN(len(p.list))] }
	within := func(days int) int64 { return kqltest.Now - rnd.Int64N(int64(days)*table.TicksPerDay) }
	fill("AzureActivity", n/20, func(i int) cells { return azure(rnd, i, who(), within(33)) })
	fill("OfficeActivity", n/10, func(int) cells { return office(rnd, who(), within(14)) })
	fill("SecurityAlert", len(p.alerts)+n/500, func(i int) cells {
		if i < len(p.alerts) {
			return alert(p.alerts[i])
		}
		return alert(alerted{guid(rnd), "malware", who(), within(14)})
	})
	fill("IdentityInfo", 2*len(p.list), func(i int) cells { return identity(rnd, p.list[i%len(p.list)], within(14)) })
	fill("AuditLogs", n/1000, func(int) cells { return activation(rnd, who(), who(), within(14)) })
	return counts
}

// rowOf a table with the visible columns alone.
func rowOf(def *table.Def, in cells) []table.Value {
	row := make([]table.Value, len(def.Columns))
	used := 0
	for c, col := range def.Columns {
		row[c] = table.Null(col.Type)
		v, ok := in[col.Name]
		if !ok && col.Name == "Type" {
			v = def.Name
		} else if ok {
			used++
		}
		switch v := v.(type) {
		case string:
			row[c] = table.StringValue(v)
			if col.Type == table.Dynamic {
				row[c] = table.DynamicText(v)
			}
		case int64:
			row[c] = table.DateTimeValue(v)
		case bool:
			row[c] = table.BoolValue(v)
		}
	}
	if used != len(in) {
		panic(fmt.Sprintf("table %s lacks one of the columns of %v", def.Name, in))
	}
	return row
}

func guid(rnd *rand.Rand) string {
	a, b := rnd.Uint64(), rnd.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

func pickOf[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

// azure is one event of Azure's activity log: the start of an operation, or its end.
func azure(rnd *rand.Rand, i int, who person, at int64) cells {
	sub := fmt.Sprintf("00000000-0000-4000-8000-%012d", rnd.IntN(12))
	group := fmt.Sprint("rg-", rnd.IntN(200))
	op := pickOf(rnd, "MICROSOFT.COMPUTE/VIRTUALMACHINES/START/ACTION", "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE",
		"MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WRITE", "MICROSOFT.KEYVAULT/VAULTS/WRITE", "MICROSOFT.WEB/SITES/RESTART/ACTION", "MICROSOFT.COMPUTE/DISKS/DELETE")
	switch rnd.IntN(100) {
	case 0:
		op = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
	case 1, 2:
		op = "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE"
	case 3:
		op = "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/DELETE"
	}
	provider, _, _ := strings.Cut(op, "/")
	resource := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/%s/r%d", sub, group, strings.TrimSuffix(op[:strings.LastIndex(op, "/")], "/"), rnd.IntN(5000))
	status := "Start"
	properties := fmt.Sprintf(`{"eventCategory":"Administrative","entity":%q,"message":%q,"hierarchy":"%s"}`, resource, op, sub)
	if i%2 == 1 {
		status = "Success"
	}
	if strings.Contains(op, "ROLEASSIGNMENTS") {
		body := fmt.Sprintf(`{"Id":"%s","Properties":{"PrincipalId":"%s","PrincipalType":"User","RoleDefinitionId":"/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s","Scope":"/subscriptions/%[3]s"}}`,
			guid(rnd), who.id, sub, pickOf(rnd, azureRoles...).id)
		properties = fmt.Sprintf(`{"eventCategory":"Administrative","entity":%q,"message":%q,"hierarchy":"%s","requestbody":%q}`, resource, op, sub, body)
	}
	return cells{
		"TimeGenerated": at, "EventSubmissionTimestamp": at, "OperationName": strings.ToLower(op), "OperationNameValue": op, "Level": "Informational",
		"ActivityStatus": status, "ActivityStatusValue": status, "ResourceGroup": group, "SubscriptionId": sub, "CorrelationId": guid(rnd), "OperationId": guid(rnd),
		"EventDataId": guid(rnd), "Caller": who.upn, "CallerIpAddress": who.ip, "Category": "Administrative", "CategoryValue": "Administrative",
		"HTTPRequest":   fmt.Sprintf(`{"clientRequestId":"%s","clientIpAddress":"%s","method":"POST"}`, guid(rnd), who.ip),
		"Authorization": fmt.Sprintf(`{"action":%q,"scope":%q,"evidence":{"role":"Contributor","principalType":"User"}}`, op, resource),
		"Properties":    properties, "Properties_d": properties,
		"Claims_d":         fmt.Sprintf(`{"aud":"https://management.core.windows.net/","appid":"%s","http://schemas.microsoft.com/identity/claims/scope":"user_impersonation","name":%q,"ipaddr":"%s"}`, pickOf(rnd, azureApps...).id, who.name, who.ip),
		"ResourceProvider": provider, "ResourceProviderValue": provider, "Resource": fmt.Sprint("r", rnd.IntN(5000)), "ResourceId": resource, "_ResourceId": strings.ToLower(resource),
		"SourceSystem": "Azure", "Hierarchy": sub,
	}
}

// named is something with an id.
type named struct{ id, name string }

var (
	azureRoles = []named{{"8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"}, {"b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"}, {"acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"}}
	azureApps  = []named{{"04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Microsoft Azure CLI"}, {"1950a258-227b-4e31-a9cf-717495945fc2", "Microsoft Azure PowerShell"}, {"c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Azure Portal"}}
)

// office is one event of the unified audit log.
func office(rnd *rand.Rand, who person, at int64) cells {
	out := cells{"TimeGenerated": at, "UserId": who.upn, "UserKey": who.id, "ClientIP": who.ip, "UserType": "Regular", "OfficeId": guid(rnd), "SourceSystem": "OfficeActivityManager",
		"OrganizationId": "44bfe0d9-12e1-4cc0-8a7c-9daa77ab4ecb", "ResultStatus": "Succeeded"}
	set := func(more cells) cells {
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	switch rnd.IntN(20) {
	case 0:
		return set(cells{"Operation": "UserLoginFailed", "RecordType": "AzureActiveDirectoryStsLogon", "OfficeWorkload": "AzureActiveDirectory", "ResultStatus": "Failed"})
	case 1, 2, 3, 4, 5, 6:
		return set(cells{"Operation": "MailItemsAccessed", "RecordType": "ExchangeItemAggregated", "OfficeWorkload": "Exchange", "MailboxOwnerUPN": who.upn,
			"Folders": fmt.Sprintf(`[{"Path":"\\Inbox","FolderItems":[{"InternetMessageId":"<%s@mail.example>"}]}]`, guid(rnd)), "ClientInfoString": "Client=REST;Client=RESTSystem;;"})
	case 7:
		return set(cells{"Operation": "New-InboxRule", "RecordType": "ExchangeAdmin", "OfficeWorkload": "Exchange",
			"Parameters": fmt.Sprintf(`[{"Name":"Name","Value":"rule %d"},{"Name":"MoveToFolder","Value":"Archive"}]`, rnd.IntN(100))})
	}
	file := fmt.Sprintf("plan %d.docx", rnd.IntN(20_000))
	return set(cells{"Operation": pickOf(rnd, "FileAccessed", "FileModified", "FileDownloaded", "FilePreviewed"), "RecordType": "SharePointFileOperation", "OfficeWorkload": "OneDrive",
		"Site_Url": "https://aldermoor.example/personal/" + who.id, "SourceFileName": file, "SourceFileExtension": "docx", "SourceRelativeUrl": "Documents/plans",
		"OfficeObjectId": "https://aldermoor.example/personal/" + who.id + "/Documents/plans/" + file, "UserAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/144.0.0.0"})
}

// alert is what Identity Protection makes of a detection, or another product of
// something else.
func alert(a alerted) cells {
	out := cells{"TimeGenerated": a.at, "StartTime": a.at, "EndTime": a.at, "ProcessingEndTime": a.at + table.TicksPerMinute, "SystemAlertId": "sa-" + a.id, "VendorOriginalId": a.id,
		"VendorName": "Microsoft", "AlertSeverity": "Medium", "Status": "New", "CompromisedEntity": a.who.upn, "Tactics": "InitialAccess", "Techniques": `["T1078"]`,
		"Entities":           fmt.Sprintf(`[{"$id":"2","Name":%q,"AadUserId":"%s","Type":"account"}]`, a.who.upn, a.who.id),
		"ExtendedProperties": fmt.Sprintf(`{"User Account":%q,"State":"Open"}`, a.who.upn), "AlertLink": "https://portal.example/alerts/" + a.id}
	if a.kind == "malware" {
		out["ProviderName"], out["ProductName"], out["AlertType"], out["AlertName"] = "MDATP", "Microsoft Defender Advanced Threat Protection", "WindowsDefenderAv", "Malware was found"
		return out
	}
	out["ProviderName"], out["ProductName"], out["AlertName"] = "IPC", "Azure Active Directory Identity Protection", "Unfamiliar sign-in properties"
	out["AlertType"] = map[string]string{"unfamiliarFeatures": "UnfamiliarLocation", "anonymizedIPAddress": "AnonymousLogin"}[a.kind]
	return out
}

// identity is what is known of a person at a time. One in forty has a role.
func identity(rnd *rand.Rand, who person, at int64) cells {
	name, domain, _ := strings.Cut(who.upn, "@")
	given, family, _ := strings.Cut(who.name, " ")
	out := cells{"TimeGenerated": at, "AccountUPN": who.upn, "AccountObjectId": who.id, "AccountName": name, "AccountDomain": domain, "AccountDisplayName": who.name,
		"GivenName": given, "Surname": family, "MailAddress": who.upn, "IsAccountEnabled": true, "UserType": "Member", "AssignedRoles": `[]`, "ChangeSource": "FullSync",
		"GroupMembership": pickOf(rnd, `["All staff"]`, `["All staff","Sales"]`, `["All staff","Engineering","VPN"]`), "Department": pickOf(rnd, "Sales", "Finance", "Engineering")}
	if who.id[0] == '0' && who.id[1] < '7' {
		out["AssignedRoles"] = pickOf(rnd, `["Global Administrator"]`, `["User Administrator","Helpdesk Administrator"]`, `["Security Reader","Exchange Administrator"]`)
	}
	return out
}

// activation is an audit record of a role of an Azure resource that somebody was given
// for a while.
func activation(rnd *rand.Rand, actor, target person, at int64) cells {
	role := pickOf(rnd, azureRoles...)
	sub := fmt.Sprintf("00000000-0000-4000-8000-%012d", rnd.IntN(12))
	return cells{
		"TimeGenerated": at, "ActivityDateTime": at, "Category": "ResourceManagement", "LoggedByService": "PIM", "AADOperationType": pickOf(rnd, "ActivateRole", "CreateRole", "DeactivateRole"),
		"OperationName": pickOf(rnd, "Add member to role requested (PIM activation)", "Add member to role completed (PIM activation)", "Add eligible member to role in PIM completed (permanent)",
			"Remove member from role (PIM activation expired)"),
		"Result": "success", "CorrelationId": guid(rnd), "Id": "PIM_" + guid(rnd), "Identity": actor.name,
		"InitiatedBy": fmt.Sprintf(`{"user":{"id":"%s","displayName":%q,"userPrincipalName":%q,"ipAddress":"%s","roles":[]}}`, actor.id, actor.name, actor.upn, actor.ip),
		"AdditionalDetails": fmt.Sprintf(`[{"key":"RoleDefinitionOriginId","value":"/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"},{"key":"TemplateId","value":"%[2]s"},{"key":"ipaddr","value":"%s"}]`,
			sub, role.id, actor.ip),
		"TargetResources": fmt.Sprintf(`[{"id":"%s","displayName":%q,"type":"Role"},{"id":"%s","displayName":null,"type":"Request"},{"id":"%s","displayName":%q,"type":"User","userPrincipalName":%q},{"id":"%s","displayName":"Production","type":"subscription"},{"id":null,"displayName":"Azure RBAC","type":"Provider"}]`,
			guid(rnd), role.name, guid(rnd), target.id, target.name, target.upn, sub),
	}
}
