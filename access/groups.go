package access

import (
	"context"
	"slices"
	"strings"

	"sextant/fault"
)

func (g *Group) target(changed ...property) target {
	return target{id: g.ID, name: g.DisplayName, kind: "Group", changed: changed}
}

// Group by object id; fault.NotFound where there is none.
func (a *Accounts) Group(tenant, id string) (Group, error) {
	return find(a, a.groups, "group", tenant, id)
}

// Groups of a tenant, by name.
func (a *Accounts) Groups(tenant string) []Group {
	out := all(a, a.groups, tenant)
	slices.SortFunc(out, func(x, y Group) int { return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID) })
	return out
}

// OutsideGroups are the ids of the groups whose Outside has one of the names that an
// outside token gives.
func (a *Accounts) OutsideGroups(tenant string, names []string) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []string
	for _, n := range names {
		for _, g := range a.groups.referring(strings.ToLower(tenant), "outside:"+n) {
			out = append(out, g.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *change) checkGroup(tenant string, g *Group) (err error) {
	g.DisplayName, err = checkName(g.DisplayName)
	for i, m := range g.Members {
		g.Members[i] = strings.ToLower(m)
		if err == nil && c.object(tenant, g.Members[i]) == nil {
			err = fault.New(fault.NotFound, "there is no user, group or application %q to be a member", short(m))
		}
		if err == nil && g.Members[i] == g.ID {
			err = fault.New(fault.Invalid, "a group cannot be a member of itself")
		}
	}
	slices.Sort(g.Members)
	g.Members = slices.Compact(g.Members)
	for _, o := range g.Outside {
		if err == nil && (o == "" || len(o) > 1024) {
			err = fault.New(fault.Invalid, "%q is no name of a group elsewhere", short(o))
		}
	}
	return err
}

// object of a tenant that roles and memberships can be given to; nil where there is
// none.
func (c *change) object(tenant, id string) *target {
	return c.a.object(tenant, id)
}

func (a *Accounts) object(tenant, id string) *target {
	if p := a.people.docs[tenant][id]; p != nil {
		t := p.target()
		return &t
	}
	if g := a.groups.docs[tenant][id]; g != nil {
		t := g.target()
		return &t
	}
	if app := a.apps.docs[tenant][id]; app != nil {
		t := app.principal()
		return &t
	}
	return nil
}

// AddGroup to a tenant.
func (a *Accounts) AddGroup(ctx context.Context, by Actor, tenant string, g Group) (Group, error) {
	err := a.edit(ctx, func(c *change) (err error) {
		if tenant, err = c.ensureTenant(by, tenant); err != nil {
			return err
		}
		if g.ID, err = a.checkID(g.ID); err != nil {
			return err
		}
		if a.groups.docs[tenant][g.ID] != nil {
			return fault.New(fault.Conflict, "there is a group %s already", g.ID)
		}
		g.Members = slices.Clone(g.Members)
		if err := c.checkGroup(tenant, &g); err != nil {
			return err
		}
		g.Created = a.o.Clock().UTC()
		c.events = append(c.events, event{tenant: tenant, category: groupManagement, activity: "Add group", operation: "Add", by: by, about: []target{g.target(differences(nil, &g)...)}})
		return put(c, a.groups, tenant, g.ID, &g)
	})
	return g, err
}

// UpdateGroup as f says. Members that come and go have records of their own.
func (a *Accounts) UpdateGroup(ctx context.Context, by Actor, tenant, id string, f func(*Group) error) (out Group, err error) {
	tenant, id = strings.ToLower(tenant), strings.ToLower(id)
	err = a.edit(ctx, func(c *change) error {
		old := a.groups.docs[tenant][id]
		if old == nil {
			return fault.New(fault.NotFound, "there is no group %q", short(id))
		}
		g := clone(old)
		if err := f(g); err != nil {
			return err
		}
		g.ID, g.Created = old.ID, old.Created
		if err := c.checkGroup(tenant, g); err != nil {
			return err
		}
		out = *clone(g)
		bare, was := *g, *old
		bare.Members, was.Members = nil, nil
		if d := differences(&was, &bare); len(d) > 0 {
			c.events = append(c.events, event{tenant: tenant, category: groupManagement, activity: "Update group", operation: "Update", by: by, about: []target{g.target(d...)}})
		}
		for _, m := range g.Members {
			if !slices.Contains(old.Members, m) {
				c.member(by, tenant, g, m, "Add member to group", "Assign", func(v string) property { return property{new: v} })
			}
		}
		for _, m := range old.Members {
			if !slices.Contains(g.Members, m) {
				c.member(by, tenant, g, m, "Remove member from group", "Unassign", func(v string) property { return property{old: v} })
			}
		}
		return put(c, a.groups, tenant, id, g)
	})
	return out, err
}

func (c *change) member(by Actor, tenant string, g *Group, id, activity, operation string, side func(string) property) {
	t := c.object(tenant, id)
	if t == nil {
		t = &target{id: id, kind: "User"}
	}
	for _, p := range [][2]string{{"Group.ObjectID", g.ID}, {"Group.DisplayName", g.DisplayName}} {
		m := side(quoted(p[1]))
		m.name = p[0]
		t.changed = append(t.changed, m)
	}
	c.events = append(c.events, event{tenant: tenant, category: groupManagement, activity: activity, operation: operation, by: by, about: []target{*t, g.target()}})
}

// DeleteGroup with its role assignments.
func (a *Accounts) DeleteGroup(ctx context.Context, by Actor, tenant, id string) error {
	tenant, id = strings.ToLower(tenant), strings.ToLower(id)
	return a.edit(ctx, func(c *change) error {
		g := a.groups.docs[tenant][id]
		if g == nil {
			return fault.New(fault.NotFound, "there is no group %q", short(id))
		}
		if err := c.leaveAll(tenant, id); err != nil {
			return err
		}
		drop(c, a.groups, tenant, id)
		c.events = append(c.events, event{tenant: tenant, category: groupManagement, activity: "Delete group", operation: "Delete", by: by, about: []target{g.target()}})
		return nil
	})
}
