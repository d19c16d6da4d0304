package access

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"sextant/fault"
)

//go:embed data/roles.txt
var rolesText string

// BuiltIn is a role that was not made by a tenant.
type BuiltIn struct {
	Name, TemplateID string
	Workspace        bool // of Azure's resources, not of the directory
}

// BuiltInRoles in the order of data/roles.txt.
func BuiltInRoles() []BuiltIn {
	var out []BuiltIn
	for f := range fields(rolesText, 3) {
		out = append(out, BuiltIn{f[0], f[1], f[2] == "workspace"})
	}
	return out
}

// CustomRole by id or display name; fault.NotFound where there is none.
func (a *Accounts) CustomRole(tenant, id string) (CustomRole, error) {
	return find(a, a.roles, "custom role", tenant, id, "role:"+strings.ToLower(id))
}

// CustomRoles of a tenant, by name.
func (a *Accounts) CustomRoles(tenant string) []CustomRole {
	out := all(a, a.roles, tenant)
	slices.SortFunc(out, func(x, y CustomRole) int { return strings.Compare(x.DisplayName, y.DisplayName) })
	return out
}

func (r *CustomRole) target(changed ...property) target {
	return target{id: r.ID, name: r.DisplayName, kind: "Role", changed: changed}
}

// roleNamed gives the name as it is written and the id; false where there is none.
func (a *Accounts) roleNamed(tenant, name string) (BuiltIn, bool) {
	for _, b := range BuiltInRoles() {
		if strings.EqualFold(b.Name, name) || strings.EqualFold(b.TemplateID, name) {
			return b, true
		}
	}
	r := a.roles.named(tenant, "role:"+strings.ToLower(name))
	if r == nil {
		r = a.roles.docs[tenant][strings.ToLower(name)]
	}
	if r == nil {
		return BuiltIn{}, false
	}
	return BuiltIn{Name: r.DisplayName, TemplateID: r.ID}, true
}

func checkRole(r *CustomRole) (err error) {
	if r.DisplayName, err = checkName(r.DisplayName); err != nil {
		return err
	}
	for _, b := range BuiltInRoles() {
		if strings.EqualFold(b.Name, r.DisplayName) {
			return fault.New(fault.Conflict, "%s is a role that comes with the directory; another name works", b.Name)
		}
	}
	if len(r.Permissions) == 0 {
		return fault.New(fault.Invalid, "a custom role has permissions; microsoft.directory/provisioningLogs/allProperties/read is one")
	}
	for _, p := range r.Permissions {
		if len(p) > 256 || !strings.HasPrefix(p, "microsoft.") || strings.Count(p, "/") < 2 || strings.ContainsAny(p, " \t\r\n\x00*") {
			return fault.New(fault.Invalid, "%q is no permission of a role; microsoft.directory/provisioningLogs/allProperties/read is one", short(p))
		}
	}
	return nil
}

// AddCustomRole to a tenant.
func (a *Accounts) AddCustomRole(ctx context.Context, by Actor, tenant string, r CustomRole) (CustomRole, error) {
	err := a.edit(ctx, func(c *change) (err error) {
		if tenant, err = c.ensureTenant(by, tenant); err != nil {
			return err
		}
		if r.ID, err = a.checkID(r.ID); err != nil {
			return err
		}
		if a.roles.docs[tenant][r.ID] != nil {
			return fault.New(fault.Conflict, "there is a custom role %s already", r.ID)
		}
		r.Permissions = slices.Clone(r.Permissions)
		if err := checkRole(&r); err != nil {
			return err
		}
		c.events = append(c.events, event{tenant: tenant, category: roleManagement, activity: "Add role definition", operation: "Add", by: by, about: []target{r.target(differences(nil, &r)...)}})
		return put(c, a.roles, tenant, r.ID, &r)
	})
	return r, err
}

// UpdateCustomRole as f says. Who has the role keeps it under a new name.
func (a *Accounts) UpdateCustomRole(ctx context.Context, by Actor, tenant, id string, f func(*CustomRole) error) (out CustomRole, err error) {
	tenant = strings.ToLower(tenant)
	err = a.edit(ctx, func(c *change) error {
		old := a.roles.docs[tenant][strings.ToLower(id)]
		if old == nil {
			return fault.New(fault.NotFound, "there is no custom role %q", short(id))
		}
		r := clone(old)
		if err := f(r); err != nil {
			return err
		}
		r.ID = old.ID
		if err := checkRole(r); err != nil {
			return err
		}
		out = *clone(r)
		if r.DisplayName != old.DisplayName {
			for _, x := range a.assignments.docs[tenant] {
				if x.Role == old.DisplayName {
					x = clone(x)
					x.Role = r.DisplayName
					if err := put(c, a.assignments, tenant, x.ID, x); err != nil {
						return err
					}
				}
			}
		}
		if d := differences(old, r); len(d) > 0 {
			c.events = append(c.events, event{tenant: tenant, category: roleManagement, activity: "Update role definition", operation: "Update", by: by, about: []target{r.target(d...)}})
		}
		return put(c, a.roles, tenant, r.ID, r)
	})
	return out, err
}

// DeleteCustomRole, and take it from who has it.
func (a *Accounts) DeleteCustomRole(ctx context.Context, by Actor, tenant, id string) error {
	tenant = strings.ToLower(tenant)
	return a.edit(ctx, func(c *change) error {
		r := a.roles.docs[tenant][strings.ToLower(id)]
		if r == nil {
			return fault.New(fault.NotFound, "there is no custom role %q", short(id))
		}
		for _, x := range a.assignments.docs[tenant] {
			if x.Role == r.DisplayName {
				c.unassign(by, tenant, x)
			}
		}
		drop(c, a.roles, tenant, r.ID)
		c.events = append(c.events, event{tenant: tenant, category: roleManagement, activity: "Delete role definition", operation: "Delete", by: by, about: []target{r.target()}})
		return nil
	})
}

// Assignments of a tenant, by role and principal; of one principal, directly, where
// one is given.
func (a *Accounts) Assignments(tenant, principal string) []Assignment {
	out := all(a, a.assignments, tenant)
	if principal != "" {
		out = slices.DeleteFunc(out, func(x Assignment) bool { return !strings.EqualFold(x.Principal, principal) })
	}
	slices.SortFunc(out, func(x, y Assignment) int {
		return strings.Compare(x.Role+"\x00"+x.Principal, y.Role+"\x00"+y.Principal)
	})
	return out
}

// Assign a role, by name or template id, to a person, a group or an application by
// object id. One that is there already is given as it is.
func (a *Accounts) Assign(ctx context.Context, by Actor, tenant, role, principal string) (out Assignment, err error) {
	err = a.edit(ctx, func(c *change) (err error) {
		tenant, principal = strings.ToLower(tenant), strings.ToLower(principal)
		out, err = c.assign(by, tenant, role, principal, c.object(tenant, principal))
		return err
	})
	return out, err
}

func (c *change) assign(by Actor, tenant, role, principal string, about *target) (Assignment, error) {
	a := c.a
	r, ok := a.roleNamed(tenant, role)
	switch {
	case !ok:
		var names []string
		for _, b := range BuiltInRoles() {
			names = append(names, b.Name)
		}
		return Assignment{}, fault.New(fault.NotFound, "there is no role %q; there are %s, and custom roles", short(role), strings.Join(names, ", "))
	case about == nil:
		return Assignment{}, fault.New(fault.NotFound, "there is no user, group or application %q", short(principal))
	}
	if old := a.assignments.named(tenant, assignmentName(r.Name, principal)); old != nil {
		return *clone(old), nil
	}
	x := Assignment{ID: a.newID(), Role: r.Name, Principal: principal, Created: a.o.Clock().UTC()}
	about.changed = append(about.changed, property{name: "Role.ObjectID", new: quoted(r.TemplateID)}, property{name: "Role.DisplayName", new: quoted(r.Name)}, property{name: "Role.TemplateId", new: quoted(r.TemplateID)})
	c.events = append(c.events, event{tenant: tenant, category: roleManagement, activity: "Add member to role", operation: "Assign", by: by, about: []target{*about, {id: r.TemplateID, name: r.Name, kind: "Role"}}})
	return x, put(c, a.assignments, tenant, x.ID, &x)
}

// Unassign a role.
func (a *Accounts) Unassign(ctx context.Context, by Actor, tenant, role, principal string) error {
	tenant, principal = strings.ToLower(tenant), strings.ToLower(principal)
	return a.edit(ctx, func(c *change) error {
		name := role
		if r, ok := a.roleNamed(tenant, role); ok {
			name = r.Name
		}
		x := a.assignments.named(tenant, assignmentName(name, principal))
		if x == nil {
			return fault.New(fault.NotFound, "%s does not have the role %q", short(principal), short(role))
		}
		c.unassign(by, tenant, x)
		return nil
	})
}

func (c *change) unassign(by Actor, tenant string, x *Assignment) {
	about := c.object(tenant, x.Principal)
	if about == nil {
		about = &target{id: x.Principal, kind: "User"}
	}
	r, _ := c.a.roleNamed(tenant, x.Role)
	about.changed = append(about.changed, property{name: "Role.ObjectID", old: quoted(r.TemplateID)}, property{name: "Role.DisplayName", old: quoted(x.Role)}, property{name: "Role.TemplateId", old: quoted(r.TemplateID)})
	c.events = append(c.events, event{tenant: tenant, category: roleManagement, activity: "Remove member from role", operation: "Unassign", by: by, about: []target{*about, {id: r.TemplateID, name: x.Role, kind: "Role"}}})
	drop(c, c.a.assignments, tenant, x.ID)
}
