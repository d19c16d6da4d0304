package access

import (
	"slices"
	"strings"

	"sextant/fault"
)

// ForApp is the principal of an application as itself, with the permissions that
// were granted to it and the roles that it has. fault.NotFound, or ErrDisabled.
func (a *Accounts) ForApp(tenant, appID string) (*Principal, error) {
	tenant = strings.ToLower(tenant)
	a.mu.RLock()
	defer a.mu.RUnlock()
	x := a.apps.named(tenant, "appId:"+strings.ToLower(appID))
	switch {
	case x == nil:
		return nil, fault.New(fault.NotFound, "there is no application %q", short(appID))
	case !x.AccountEnabled:
		return nil, ErrDisabled
	}
	p := &Principal{Kind: Application, Tenant: tenant, ObjectID: x.ID, AppID: x.AppID, Name: x.DisplayName, Permissions: slices.Clone(x.Permissions)}
	a.giveRoles(p, nil)
	return p, nil
}

// ForPerson is the principal of a person who asks through an application, with the
// scopes of the token. Groups that a token of elsewhere gives, besides, are ids of
// ours: see OutsideGroups. fault.NotFound, or ErrDisabled.
func (a *Accounts) ForPerson(tenant, objectID, appID string, scopes []string, groups ...string) (*Principal, error) {
	tenant = strings.ToLower(tenant)
	a.mu.RLock()
	defer a.mu.RUnlock()
	x := a.people.docs[tenant][strings.ToLower(objectID)]
	switch {
	case x == nil:
		return nil, fault.New(fault.NotFound, "there is no user %q", short(objectID))
	case !x.AccountEnabled:
		return nil, ErrDisabled
	}
	p := &Principal{Kind: User, Tenant: tenant, ObjectID: x.ID, AppID: appID, Name: x.UserPrincipalName, Permissions: slices.Clone(scopes)}
	a.giveRoles(p, groups)
	return p, nil
}

// giveRoles that a principal has itself and through groups, those of a token of
// elsewhere among them. Roles of the directory go to a group's direct members alone, and
// roles of workspaces to the members of groups in it as well, as Entra and Azure have
// it. The caller holds mu.
func (a *Accounts) giveRoles(p *Principal, outside []string) {
	direct := append([]string{p.ObjectID}, outside...)
	for _, g := range a.groups.referring(p.Tenant, "member:"+p.ObjectID) {
		direct = append(direct, g.ID)
	}
	all, seen := slices.Clone(direct), map[string]bool{}
	for i := 0; i < len(all); i++ {
		if seen[all[i]] {
			continue // in a circle, or by two ways
		}
		seen[all[i]] = true
		for _, x := range a.assignments.referring(p.Tenant, "principal:"+all[i]) {
			if i < len(direct) || a.ofWorkspaces[strings.ToLower(x.Role)] {
				p.Roles = append(p.Roles, x.Role)
			}
		}
		if i > 0 { // the groups that the principal itself is in are there already
			for _, g := range a.groups.referring(p.Tenant, "member:"+all[i]) {
				all = append(all, g.ID)
			}
		}
	}
	slices.Sort(p.Roles)
	p.Roles = slices.Compact(p.Roles)
	for _, name := range p.Roles {
		if r := a.roles.named(p.Tenant, "role:"+strings.ToLower(name)); r != nil {
			p.CustomRolePermissions = append(p.CustomRolePermissions, r.Permissions...)
		}
	}
	slices.Sort(p.CustomRolePermissions)
	p.CustomRolePermissions = slices.Compact(p.CustomRolePermissions)
}

// RolesOf an object, those of its groups included.
func (a *Accounts) RolesOf(tenant, id string) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	p := &Principal{Tenant: strings.ToLower(tenant), ObjectID: strings.ToLower(id)}
	a.giveRoles(p, nil)
	return p.Roles
}

// NameOf an object: user principal name or display name; "" where there is none.
func (a *Accounts) NameOf(tenant, id string) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	t := a.object(strings.ToLower(tenant), strings.ToLower(id))
	switch {
	case t == nil:
		return ""
	case t.upn != "":
		return t.upn
	}
	return t.name
}
