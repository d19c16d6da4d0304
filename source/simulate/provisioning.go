package simulate

// targets of the provisioning service.
var provisionedApps = []string{"Workday to directory user provisioning", "Ticket desk", "Design suite", "Chat archive"}

// appendProvisioning appends a record of ProvisioningLogs. Its form is that of
// published descriptions: names in the way of the export (Id and Name, and
// numbers for what Graph has words for).
func (t *Tenant) appendProvisioning(b []byte, e *event) []byte {
	r := rng{seedOf(e.key, 'r')}
	target := provisionedApps[r.n(len(provisionedApps))]
	appSeed := seedOf(t.seed, 'V', uint64(len(target)))
	p := &t.people[r.n(t.guestsFrom)]
	action := []string{"create", "update", "update", "update", "other", "disable"}[r.n(6)]
	result, status, statusText := "Success", 0, "success"
	switch x := r.n(100); {
	case x < 6:
		result, status, statusText = "Failure", 1, "failure"
	case x < 22:
		result, status, statusText = "Skipped", 2, "skipped"
	}
	duration := 150 + r.n(1800) + r.n(1800)
	id, change := guidOf(e.id), guidOf(r.next())
	cycle := guidOf(seedOf(appSeed, uint64(floorDiv(e.created, 40*minute))))

	b = t.appendHead(b, e)
	b = append(b, `, "resultType": "`...)
	b = append(b, result...)
	b = append(b, `", "resultSignature": "None", "durationMs": `...)
	b = appendInt(b, int64(duration))
	b = append(b, `, "correlationId": "`...)
	b = appendGUID(b, change)
	b = append(b, `", "identity": "`...)
	b = appendGUID(b, id)
	b = append(b, `", "Level": 4, "properties": {`...)
	f := fields{b: b}
	f.guid("id", id)
	f.time("activityDateTime", e.created)
	f.text("tenantId", t.cfg.TenantID)
	f.text("jobId", "job."+t.cfg.TenantID[:8]+"."+guidOf(seedOf(appSeed, 'j')).String())
	f.guid("cycleId", cycle)
	f.guid("changeId", change)
	f.text("action", action)
	f.text("provisioningAction", action)
	f.int("durationInMilliseconds", duration)
	f.open("servicePrincipal")
	f.guid("Id", guidOf(seedOf(appSeed, 's')))
	f.text("Name", target)
	f.shut()
	f.open("sourceSystem")
	f.raw("details", "{}")
	f.guid("Id", guidOf(seedOf(appSeed, 'q')))
	f.text("Name", "Microsoft Entra ID")
	f.shut()
	f.open("targetSystem")
	f.open("details")
	f.guid("ApplicationId", guidOf(seedOf(appSeed, 'a')))
	f.guid("ServicePrincipalId", guidOf(seedOf(appSeed, 's')))
	f.text("ServicePrincipalDisplayName", target)
	f.shut()
	f.guid("Id", guidOf(seedOf(appSeed, 't')))
	f.text("Name", target)
	f.shut()
	f.open("initiatedBy")
	f.text("Type", "system")
	f.text("Id", "")
	f.text("Name", "Azure AD Provisioning Service")
	f.shut()
	f.open("sourceIdentity")
	f.text("identityType", "User")
	f.open("details")
	f.guid("id", p.id)
	f.text("odatatype", "User")
	f.text("DisplayName", p.name)
	f.text("UserPrincipalName", p.upn)
	f.shut()
	f.guid("Id", p.id)
	f.text("Name", p.name)
	f.shut()
	f.open("targetIdentity")
	f.text("identityType", "User")
	f.raw("details", "{}")
	f.text("Id", string(appendInt(nil, int64(p.seed%900000+100000))))
	f.text("Name", p.upn)
	f.shut()
	f.open("provisioningStatusInfo")
	f.text("Status", statusText)
	switch result {
	case "Failure":
		f.raw("errorInformation", `{"errorCode":"EntryConflict","reason":"The target already has an entry with this name.","additionalDetails":null,"errorCategory":"NonServiceFailure","recommendedAction":"Match the entry or change the name, and run the change again."}`)
	default:
		f.raw("errorInformation", "null")
	}
	f.shut()
	f.open("statusInfo")
	f.int("Status", status)
	f.shut()
	f.name("provisioningSteps")
	f.b = append(f.b, '[')
	for i, s := range []struct{ name, text string }{
		{"EntryImport", "Received a change of the user from the source"},
		{"EntrySynchronizationScoping", "The user is in scope and assigned"},
		{"EntryExport", "The user was written to the target"},
	} {
		if i == 2 && result == "Skipped" {
			break
		}
		if i > 0 {
			f.b = append(f.b, ',')
		}
		f.b, f.more = append(f.b, '{'), false
		f.text("name", s.name)
		f.int("provisioningStepType", i)
		f.int("status", map[bool]int{true: status, false: 0}[i == 2])
		f.text("description", s.text)
		f.raw("details", "{}")
		f.shut()
	}
	f.b, f.more = append(f.b, ']'), true
	f.raw("modifiedProperties", `[{"displayName":"department","oldValue":null,"newValue":`+quote(departments[r.n(len(departments))])+`},{"displayName":"active","oldValue":null,"newValue":"True"}]`)
	return append(f.b, "}}"...)
}
