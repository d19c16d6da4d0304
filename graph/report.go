package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"sextant/access"
	"sextant/query"
	"sextant/table"
)

// Reports are computed from the logs, each time that they are asked for. What the
// logs cannot tell, such as which methods a policy allows, is not made up: where
// Graph says whether something is enabled, these reports say whether it was
// registered.

func (f *Face) reportOperations() []Operation {
	usage := Operation{Method: http.MethodGet, Report: access.Usage}
	add := func(version, path string, delegated, application []string, do func(context.Context, *Call) (*Reply, error)) Operation {
		op := usage
		op.Version, op.Path, op.Delegated, op.Application, op.Do = version, path, delegated, application, do
		return op
	}
	audit, reports := []string{"AuditLog.Read.All"}, []string{"Reports.Read.All"}
	const beta = "beta"
	return []Operation{
		add("", "reports/authenticationMethods/userRegistrationDetails", audit, audit, f.registrations),
		add("", "reports/authenticationMethods/userRegistrationDetails/$count", audit, audit, f.registrations),
		add("", "reports/authenticationMethods/userRegistrationDetails/{id}", audit, audit, f.registrations),
		// Microsoft lists these for people only.
		add("", "reports/authenticationMethods/usersRegisteredByFeature(includedUserTypes={types},includedUserRoles={roles})", audit, nil, f.byFeature),
		add("", "reports/authenticationMethods/usersRegisteredByMethod(includedUserTypes={types},includedUserRoles={roles})", audit, nil, f.byMethod),
		add("", "reports/authenticationMethods/usersRegisteredByFeature()", audit, nil, f.byFeature),
		add("", "reports/authenticationMethods/usersRegisteredByMethod()", audit, nil, f.byMethod),
		add(beta, "reports/getCredentialUserRegistrationCount()", reports, reports, f.credentialCount),
		add(beta, "reports/credentialUserRegistrationDetails", reports, reports, f.credentialDetails),
		add(beta, "reports/credentialUserRegistrationDetails/{id}", reports, reports, f.credentialDetails),
		add(beta, "reports/getAzureADApplicationSignInSummary(period={period})", reports, reports, f.applicationSummary),
		add(beta, "reports/applicationSignInDetailedSummary", reports, nil, f.applicationDetails),
		add(beta, "reports/applicationSignInDetailedSummary/{id}", reports, nil, f.applicationDetails),
	}
}

// ask a question in KQL and read its rows.
func (f *Face) ask(ctx context.Context, c *Call, kql string, row func(cell func(name string) table.Value)) (err error) {
	a, err := f.o.Engine.Run(ctx, c.Tenant.Store, query.Request{Text: kql, By: c.by(), Now: f.now(), MaxRows: maxRows})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	for {
		b, err := a.Tables[0].Rows.Next(ctx)
		if err != nil || b == nil {
			return err
		}
		for i := range b.Rows {
			row(func(name string) table.Value { return b.Cols[b.Schema.Index(name)].At(i) })
		}
	}
}

// periodDays of D1, D7 and D30.
func periodDays(period string) (string, error) {
	switch strings.ToUpper(period) {
	case "D1":
		return "1d", nil
	case "D7":
		return "7d", nil
	case "D30":
		return "30d", nil
	}
	return "", BadRequest("Invalid value for the parameter 'period': '%s'; D1, D7 and D30 work.", clean(period))
}

// applicationSummary counts the interactive sign-ins of each application: whole days
// that end with yesterday, and today so far. Every code but 0 is a failure; a sign-in
// of several records counts once for each of their ids.
func (f *Face) applicationSummary(ctx context.Context, c *Call) (*Reply, error) {
	days, err := periodDays(c.Values["period"])
	if err != nil {
		return nil, err
	}
	all := computed{path: "reports/getAzureADApplicationSignInSummary", entity: c.api.model.Type("applicationSignInSummary"), order: "appDisplayName", page: 100, most: 1000}
	err = f.ask(ctx, c, `SigninLogs
		| where TimeGenerated >= startofday(now()) - `+days+` and CreatedDateTime >= startofday(now()) - `+days+`
		| summarize arg_max(CreatedDateTime, AppDisplayName), good = countif(ResultType == "0"), bad = countif(ResultType != "0") by AppId
		| where isnotempty(AppId)`, func(cell func(string) table.Value) {
		good, bad := cell("good").Int64(), cell("bad").Int64()
		percent := 0.0
		if good+bad > 0 {
			percent = float64(good*1000/(good+bad)) / 10
		}
		all.objects = append(all.objects, object{"id": cell("AppId").Str(), "appDisplayName": cell("AppDisplayName").Str(), "successfulSignInCount": good, "failedSignInCount": bad, "successPercentage": percent})
	})
	if err != nil {
		return nil, err
	}
	return f.serve(ctx, c, all)
}

// applicationDetails counts the interactive sign-ins of the last thirty days by
// application, day and error.
func (f *Face) applicationDetails(ctx context.Context, c *Call) (*Reply, error) {
	all := computed{path: "reports/applicationSignInDetailedSummary", entity: c.api.model.Type("applicationSignInDetailedSummary"), order: "aggregatedEventDateTime desc,appDisplayName,id", page: 100, most: 1000}
	err := f.ask(ctx, c, `SigninLogs
		| where TimeGenerated >= startofday(now()) - 30d and CreatedDateTime >= startofday(now()) - 30d
		| extend Reason = tostring(parse_json(Status).failureReason), More = tostring(parse_json(Status).additionalDetails)
		| summarize arg_max(CreatedDateTime, AppDisplayName, Reason, More), n = count() by AppId, Day = startofday(CreatedDateTime), Code = toint(ResultType)
		| where isnotempty(AppId)`, func(cell func(string) table.Value) {
		day := stamp(cell("Day").Int64())
		code := cell("Code").Text()
		all.objects = append(all.objects, object{
			"id": cell("AppId").Str() + "_" + day[:10] + "_" + code, "appId": cell("AppId").Str(), "appDisplayName": cell("AppDisplayName").Str(), "aggregatedEventDateTime": day,
			"signInCount": cell("n").Int64(),
			"status":      map[string]any{"additionalDetails": nullable(cell("More").Str()), "errorCode": cell("Code").Int64(), "failureReason": nullable(cell("Reason").Str())},
		})
	})
	if err != nil {
		return nil, err
	}
	if id := c.Values["id"]; id != "" {
		return f.serveOne(c, all, id)
	}
	return f.serve(ctx, c, all)
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// registrations of each person.
func (f *Face) registrations(ctx context.Context, c *Call) (*Reply, error) {
	people, err := f.registered(ctx, c)
	if err != nil {
		return nil, err
	}
	all := computed{path: "reports/authenticationMethods/userRegistrationDetails", entity: c.api.model.Type("userRegistrationDetails"), order: "userPrincipalName", page: 100, most: 1000}
	for _, p := range people {
		all.objects = append(all.objects, object{
			"id": p.id, "userPrincipalName": p.upn, "userDisplayName": p.name, "userType": p.kind, "isAdmin": p.admin,
			"isMfaRegistered": p.can("mfa"), "isMfaCapable": p.can("mfa"), "isPasswordlessCapable": p.can("passwordless"),
			"isSsprRegistered": p.can("sspr"), "isSsprEnabled": p.can("sspr"), "isSsprCapable": p.can("sspr"),
			"methodsRegistered": p.names(func(m method) string { return m.registered }), "systemPreferredAuthenticationMethods": []string{},
			"isSystemPreferredAuthenticationMethodEnabled": nil, "userPreferredMethodForSecondaryAuthentication": "none", "defaultMfaMethod": "none",
			"lastUpdatedDateTime": stamp(p.updated),
		})
	}
	if id := c.Values["id"]; id != "" {
		return f.serveOne(c, all, id)
	}
	if len(c.Path) > 0 && strings.EqualFold(c.Path[len(c.Path)-1], "$count") {
		return f.countOf(ctx, c, all)
	}
	return f.serve(ctx, c, all)
}

// included says whether a person is of the types and roles that a function names.
func included(c *Call, p *person) (bool, error) {
	types, roles := strings.ToLower(c.Values["types"]), strings.ToLower(c.Values["roles"])
	is := false
	switch types {
	case "all", "":
		is = true
	case "member", "guest":
		is = p.kind == types
	default:
		return false, BadRequest("Invalid value for the parameter 'includedUserTypes': all, member and guest work.")
	}
	switch roles {
	case "all", "":
	case "admin":
		is = is && p.admin
	case "privilegedadmin":
		is = is && p.privileged
	case "user":
		is = is && !p.admin
	default:
		return false, BadRequest("Invalid value for the parameter 'includedUserRoles': all, privilegedAdmin, admin and user work.")
	}
	return is, nil
}

// those of the people that a function counts.
func (f *Face) those(ctx context.Context, c *Call) ([]*person, error) {
	people, err := f.registered(ctx, c)
	if err != nil {
		return nil, err
	}
	if _, err := included(c, &person{}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(people, func(p *person) bool { is, _ := included(c, p); return !is }), nil
}

func (f *Face) summary(c *Call, of, counts string, people []*person, list []object) (*Reply, error) {
	types, roles := "all", "all"
	if v := c.Values["types"]; v != "" {
		types = strings.ToLower(v)
	}
	if v := c.Values["roles"]; v != "" {
		roles = v
	}
	return Object(c, odataName(of), object{"totalUserCount": len(people), "userTypes": types, "userRoles": roles, counts: list})
}

func odataName(t string) string { return "microsoft.graph." + t }

func (f *Face) byFeature(ctx context.Context, c *Call) (*Reply, error) {
	people, err := f.those(ctx, c)
	if err != nil {
		return nil, err
	}
	var list []object
	for _, x := range []struct{ feature, needs string }{{"ssprRegistered", "sspr"}, {"ssprEnabled", "sspr"}, {"ssprCapable", "sspr"}, {"passwordlessCapable", "passwordless"}, {"mfaCapable", "mfa"}} {
		n := 0
		for _, p := range people {
			if p.can(x.needs) {
				n++
			}
		}
		list = append(list, object{"feature": x.feature, "userCount": n})
	}
	return f.summary(c, "userRegistrationFeatureSummary", "userRegistrationFeatureCounts", people, list)
}

func (f *Face) byMethod(ctx context.Context, c *Call) (*Reply, error) {
	people, err := f.those(ctx, c)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, p := range people {
		for _, m := range p.names(func(m method) string { return m.registered }) {
			counts[m]++
		}
	}
	list := []object{}
	for _, name := range methodNames() {
		list = append(list, object{"authenticationMethod": name, "userCount": counts[name]})
	}
	return f.summary(c, "userRegistrationMethodSummary", "userRegistrationMethodCounts", people, list)
}

func (f *Face) credentialCount(ctx context.Context, c *Call) (*Reply, error) {
	people, err := f.registered(ctx, c)
	if err != nil {
		return nil, err
	}
	count := func(needs string) (n int) {
		for _, p := range people {
			if p.can(needs) {
				n++
			}
		}
		return n
	}
	var list []object
	for _, x := range []struct{ status, needs string }{{"registered", "sspr"}, {"enabled", "sspr"}, {"capable", "sspr"}, {"mfaRegistered", "mfa"}} {
		list = append(list, object{"registrationStatus": x.status, "registrationCount": count(x.needs)})
	}
	return f.serve(ctx, c, computed{path: "Collection(" + odataName("credentialUserRegistrationCount") + ")", entity: c.api.model.Type("credentialUserRegistrationCount"), page: 100, most: 1000,
		objects: []object{{"id": "current", "totalUserCount": len(people), "userRegistrationCounts": list}}})
}

func (f *Face) credentialDetails(ctx context.Context, c *Call) (*Reply, error) {
	people, err := f.registered(ctx, c)
	if err != nil {
		return nil, err
	}
	all := computed{path: "reports/credentialUserRegistrationDetails", entity: c.api.model.Type("credentialUserRegistrationDetails"), order: "userPrincipalName", page: 100, most: 1000}
	for _, p := range people {
		all.objects = append(all.objects, object{"id": p.id, "userPrincipalName": p.upn, "userDisplayName": p.name, "isRegistered": p.can("sspr"), "isEnabled": p.can("sspr"), "isCapable": p.can("sspr"),
			"isMfaRegistered": p.can("mfa"), "authMethods": p.names(func(m method) string { return m.credential })})
	}
	if id := c.Values["id"]; id != "" {
		return f.serveOne(c, all, id)
	}
	return f.serve(ctx, c, all)
}
