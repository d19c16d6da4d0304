package access

import (
	"context"
	"slices"
	"strings"

	"sextant/fault"
)

func (p *Person) target(changed ...property) target {
	return target{id: p.ID, name: p.DisplayName, kind: "User", upn: p.UserPrincipalName, changed: changed}
}

// Person by object id; fault.NotFound where there is none.
func (a *Accounts) Person(tenant, id string) (Person, error) {
	return find(a, a.people, "user", tenant, id)
}

// PersonByName by user principal name, whatever its case, or object id.
func (a *Accounts) PersonByName(tenant, upn string) (Person, error) {
	return find(a, a.people, "user", tenant, upn, upnName(upn))
}

// PersonBySubject of an outside issuer.
func (a *Accounts) PersonBySubject(tenant, issuer, subject string) (Person, error) {
	if issuer == "" || subject == "" {
		return Person{}, fault.New(fault.NotFound, "a token without issuer and subject is nobody's")
	}
	return find(a, a.people, "user", tenant, "", subjectName(issuer, subject))
}

// People of a tenant, by user principal name.
func (a *Accounts) People(tenant string) []Person {
	out := all(a, a.people, tenant)
	slices.SortFunc(out, func(x, y Person) int {
		return strings.Compare(strings.ToLower(x.UserPrincipalName), strings.ToLower(y.UserPrincipalName))
	})
	return out
}

func checkPerson(p *Person) (err error) {
	if err := checkUPN(p.UserPrincipalName); err != nil {
		return err
	}
	if p.DisplayName == "" {
		p.DisplayName, _, _ = strings.Cut(p.UserPrincipalName, "@")
	}
	if (p.Issuer == "") != (p.Subject == "") || len(p.Issuer) > 2048 || len(p.Subject) > 512 {
		return fault.New(fault.Invalid, "an outside account has an issuer and a subject")
	}
	p.DisplayName, err = checkName(p.DisplayName)
	return err
}

// AddPerson to a tenant, which is added to the directory when it is not there. An
// empty ID is given one. Credentials are set by SetPassword and the like.
func (a *Accounts) AddPerson(ctx context.Context, by Actor, tenant string, p Person) (Person, error) {
	err := a.edit(ctx, func(c *change) (err error) {
		p, err = c.addPerson(by, tenant, p)
		return err
	})
	return p, err
}

func (c *change) addPerson(by Actor, tenant string, p Person) (Person, error) {
	tenant, err := c.ensureTenant(by, tenant)
	if err != nil {
		return p, err
	}
	if p.ID, err = c.a.checkID(p.ID); err != nil {
		return p, err
	}
	if c.a.people.docs[tenant][p.ID] != nil {
		return p, fault.New(fault.Conflict, "there is a user %s already", p.ID)
	}
	if err := checkPerson(&p); err != nil {
		return p, err
	}
	p.Created = c.a.o.Clock().UTC()
	p.PasswordHash, p.TOTPSecret, p.TOTPLast, p.Passkeys, p.Failures, p.LockedUntil = "", nil, 0, nil, 0, nil
	c.events = append(c.events, event{tenant: tenant, category: userManagement, activity: "Add user", operation: "Add", by: by, about: []target{p.target(differences(nil, &p)...)}})
	return p, put(c, c.a.people, tenant, p.ID, &p)
}

// UpdatePerson as f says. What f makes of the id, of credentials and of lock-out is
// not taken.
func (a *Accounts) UpdatePerson(ctx context.Context, by Actor, tenant, id string, f func(*Person) error) (out Person, err error) {
	err = a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		old := *clone(p)
		if err := f(p); err != nil {
			return err
		}
		p.ID, p.Created = old.ID, old.Created
		p.PasswordHash, p.TOTPSecret, p.TOTPLast, p.Passkeys, p.Failures, p.LockedUntil = old.PasswordHash, old.TOTPSecret, old.TOTPLast, old.Passkeys, old.Failures, old.LockedUntil
		if err := checkPerson(p); err != nil {
			return err
		}
		out = *p
		changed := differences(&old, p)
		if len(changed) == 0 {
			return nil
		}
		activity := "Update user"
		if old.AccountEnabled != p.AccountEnabled {
			activity = "Disable account"
			if p.AccountEnabled {
				activity = "Enable account"
			}
		}
		c.events = append(c.events, event{tenant: tenant, category: userManagement, activity: activity, operation: "Update", by: by, about: []target{p.target(changed...)}})
		return nil
	})
	return out, err
}

// editPerson changes whatever of a person f changes, without a word of its own.
func (a *Accounts) editPerson(ctx context.Context, tenant, id string, f func(c *change, tenant string, p *Person) error) error {
	tenant, id = strings.ToLower(tenant), strings.ToLower(id)
	return a.edit(ctx, func(c *change) error {
		old := a.people.docs[tenant][id]
		if old == nil {
			return fault.New(fault.NotFound, "there is no user %q", short(id))
		}
		p := clone(old)
		if err := f(c, tenant, p); err != nil {
			return err
		}
		return put(c, a.people, tenant, id, p)
	})
}

// DeletePerson with memberships and role assignments.
func (a *Accounts) DeletePerson(ctx context.Context, by Actor, tenant, id string) error {
	tenant, id = strings.ToLower(tenant), strings.ToLower(id)
	return a.edit(ctx, func(c *change) error {
		p := a.people.docs[tenant][id]
		if p == nil {
			return fault.New(fault.NotFound, "there is no user %q", short(id))
		}
		if err := c.leaveAll(tenant, id); err != nil {
			return err
		}
		drop(c, a.people, tenant, id)
		c.events = append(c.events, event{tenant: tenant, category: userManagement, activity: "Delete user", operation: "Delete", by: by, about: []target{p.target()}})
		return nil
	})
}

// leaveAll groups and roles that an object has.
func (c *change) leaveAll(tenant, id string) error {
	for _, g := range c.a.groups.referring(tenant, "member:"+id) {
		g = clone(g)
		g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
		if err := put(c, c.a.groups, tenant, g.ID, g); err != nil {
			return err
		}
	}
	for _, x := range c.a.assignments.referring(tenant, "principal:"+id) {
		drop(c, c.a.assignments, tenant, x.ID)
	}
	return nil
}
