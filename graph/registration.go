package graph

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"sextant/access"
	"sextant/table"
)

//go:embed data/methods.txt
var methodsText string

// method of authentication: a line of methods.txt.
type method struct {
	says       string // in a log
	registered string // in methodsRegistered
	credential string // in registrationAuthMethod
	good       []string
}

func methods() []method {
	var out []method
	for line := range strings.Lines(methodsText) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "|")
		out = append(out, method{strings.TrimSpace(f[0]), strings.TrimSpace(f[1]), strings.TrimSpace(f[2]), strings.Fields(f[3])})
	}
	return out
}

// methodNames of methodsRegistered, each once.
func methodNames() []string {
	var out []string
	for _, m := range methods() {
		if !slices.Contains(out, m.registered) {
			out = append(out, m.registered)
		}
	}
	return out
}

// methodOf what a log says; the longest that it begins with.
func methodOf(all []method, says string) (method, bool) {
	best, found := method{}, false
	for _, m := range all {
		if len(says) >= len(m.says) && strings.EqualFold(says[:len(m.says)], m.says) && len(m.says) > len(best.says) {
			best, found = m, true
		}
	}
	return best, found
}

// person as the logs know it.
type person struct {
	id, upn, name, kind string
	admin, privileged   bool
	methods             []method
	updated             int64
}

// can do what some method is good for.
func (p *person) can(needs string) bool {
	return slices.ContainsFunc(p.methods, func(m method) bool { return slices.Contains(m.good, needs) })
}

func (p *person) names(of func(method) string) []string {
	out := []string{}
	for _, m := range p.methods {
		if n := of(m); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func (p *person) add(m method, at int64) {
	p.updated = max(p.updated, at)
	if !slices.ContainsFunc(p.methods, func(have method) bool { return have.registered == m.registered }) {
		p.methods = append(p.methods, m)
	}
}

func (p *person) remove(m method, at int64) {
	p.updated = max(p.updated, at)
	p.methods = slices.DeleteFunc(p.methods, func(have method) bool { return have.registered == m.registered })
}

// privilegedRoles are those that includedUserRoles='privilegedAdmin' means.
func privilegedRoles() []string {
	return []string{access.GlobalAdministrator, "Security Administrator", "Conditional Access Administrator", "Exchange Administrator", "SharePoint Administrator",
		"Helpdesk Administrator", "Billing Administrator", "User Administrator", "Authentication Administrator"}
}

// registered are the people that signed in within thirty days or changed their
// methods, with what the logs tell of their methods: a method is registered since
// the audit log says so, or since it was used with success, until the audit log says
// that it was deleted. An administrator is who was added to a role and not removed.
func (f *Face) registered(ctx context.Context, c *Call) ([]*person, error) {
	known := methods()
	by := map[string]*person{}
	get := func(id string) *person {
		p := by[id]
		if p == nil {
			p = &person{id: id, kind: "member"}
			by[id] = p
		}
		return p
	}
	err := f.ask(ctx, c, `SigninLogs | where TimeGenerated >= now() - 30d and isnotempty(UserId)
		| summarize arg_max(CreatedDateTime, UserPrincipalName, UserDisplayName, UserType) by UserId`, func(cell func(string) table.Value) {
		p := get(cell("UserId").Str())
		p.upn, p.name, p.updated = cell("UserPrincipalName").Str(), cell("UserDisplayName").Str(), cell("CreatedDateTime").Int64()
		if strings.EqualFold(cell("UserType").Str(), "guest") {
			p.kind = "guest"
		}
	})
	if err != nil {
		return nil, err
	}
	type fact struct {
		id, says string
		at       int64
		deleted  bool
	}
	var facts []fact
	err = f.ask(ctx, c, `SigninLogs | where TimeGenerated >= now() - 30d and isnotempty(UserId) and AuthenticationDetails has "true"
		| mv-expand d = parse_json(AuthenticationDetails) | where d.succeeded == true
		| summarize First = min(CreatedDateTime) by UserId, Method = tostring(d.authenticationMethod)`, func(cell func(string) table.Value) {
		facts = append(facts, fact{id: cell("UserId").Str(), says: cell("Method").Str(), at: cell("First").Int64()})
	})
	if err != nil {
		return nil, err
	}
	err = f.ask(ctx, c, `AuditLogs | where OperationName in ("User registered security info", "User updated security info", "Admin registered security info", "Admin updated security info",
			"User deleted security info", "Admin deleted security info", "User registered all required security info") and Result == "success"
		| project OperationName, ResultReason, AdditionalDetails, At = ActivityDateTime, UserId = tostring(TargetResources[0].id),
			Upn = tostring(TargetResources[0].userPrincipalName), Name = tostring(TargetResources[0].displayName)`, func(cell func(string) table.Value) {
		id := cell("UserId").Str()
		if id == "" {
			return
		}
		p := get(id)
		if p.upn == "" {
			p.upn, p.name = cell("Upn").Str(), cell("Name").Str()
		}
		says := detail(cell("AdditionalDetails"), "AuthenticationMethod")
		if says == "" {
			// "User registered Mobile Phone and SMS"
			words := strings.Fields(cell("ResultReason").Str())
			says = strings.Join(words[min(2, len(words)):], " ")
		}
		facts = append(facts, fact{id, says, cell("At").Int64(), strings.Contains(cell("OperationName").Str(), "deleted")})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(facts, func(a, b fact) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	for _, x := range facts {
		m, ok := methodOf(known, x.says)
		if !ok {
			continue
		}
		if x.deleted {
			get(x.id).remove(m, x.at)
		} else {
			get(x.id).add(m, x.at)
		}
	}
	roles := map[string]map[string]bool{} // by person
	err = f.ask(ctx, c, `AuditLogs | where Category == "RoleManagement" and Result == "success" and OperationName in ("Add member to role", "Remove member from role")
		| extend UserId = tostring(TargetResources[0].id), Kind = tostring(TargetResources[0].type)
		| mv-expand p = TargetResources[0].modifiedProperties | where p.displayName == "Role.DisplayName"
		| extend Role = trim('"', iff(OperationName startswith "Add", tostring(p.newValue), tostring(p.oldValue)))
		| project At = ActivityDateTime, OperationName, UserId, Role | sort by At asc`, func(cell func(string) table.Value) {
		id, role := cell("UserId").Str(), cell("Role").Str()
		if roles[id] == nil {
			roles[id] = map[string]bool{}
		}
		roles[id][role] = strings.HasPrefix(cell("OperationName").Str(), "Add")
	})
	if err != nil {
		return nil, err
	}
	out := make([]*person, 0, len(by))
	for _, p := range by {
		for role, held := range roles[p.id] {
			p.admin = p.admin || held
			p.privileged = p.privileged || held && slices.Contains(privilegedRoles(), role)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *person) int { return strings.Compare(a.id, b.id) })
	return out, nil
}

// detail of an audit record, by its key; "" where it has none.
func detail(list table.Value, key string) string {
	items, _ := list.Dyn().([]any)
	for _, item := range items {
		if o, ok := item.(*table.Object); ok {
			if k, _ := o.Get("key"); k == key {
				v, _ := o.Get("value")
				s, _ := v.(string)
				return s
			}
		}
	}
	return ""
}
