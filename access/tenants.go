package access

import (
	"context"
	"slices"
	"strings"

	"sextant/fault"
)

func (d *Directory) target(changed ...property) target {
	return target{id: d.ID, name: d.DisplayName, kind: "Directory", changed: changed}
}

// Tenant by directory id or verified domain; fault.NotFound where nobody made it
// known. A tenant that has records alone is not in the directory: nobody has an
// account in it.
func (a *Accounts) Tenant(id string) (Directory, error) {
	return find(a, a.tenants, "tenant", "", id, domainName(id))
}

// Tenants of the directory, by id.
func (a *Accounts) Tenants() []Directory {
	out := all(a, a.tenants, "")
	slices.SortFunc(out, func(x, y Directory) int { return strings.Compare(x.ID, y.ID) })
	return out
}

// Licences of a tenant, as Question wants them: nil is everything, which is what a
// tenant has that nobody set otherwise.
func (a *Accounts) Licences(tenant string) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if d := a.tenants.docs[""][strings.ToLower(tenant)]; d != nil {
		return d.Licences // never changed in place
	}
	return nil
}

// KnownLicences are the names that SetTenant takes: those that reports ask for, and
// what stands for none of them.
var knownLicences = []string{"Free", "Microsoft 365 Apps", "P1", "P2", "Workload ID Premium"}

// KnownLicences that a tenant can be given.
func KnownLicences() []string { return slices.Clone(knownLicences) }

func checkDirectory(d *Directory) (err error) {
	if d.ID, err = checkTenant(d.ID); err != nil {
		return err
	}
	if d.DisplayName == "" {
		d.DisplayName = d.ID
	}
	if d.DisplayName, err = checkName(d.DisplayName); err != nil {
		return err
	}
	for i, domain := range d.Domains {
		d.Domains[i] = strings.ToLower(domain)
		if err := checkDomain(d.Domains[i]); err != nil {
			return err
		}
	}
	slices.Sort(d.Domains)
	d.Domains = slices.Compact(d.Domains)
	for i, l := range d.Licences {
		at := slices.IndexFunc(knownLicences, func(k string) bool { return strings.EqualFold(k, l) })
		if at < 0 {
			return fault.New(fault.Invalid, "there is no licence %q; there are %s", short(l), strings.Join(knownLicences, ", "))
		}
		d.Licences[i] = knownLicences[at]
	}
	return nil
}

// SetTenant as f says; it is made when it is not there.
func (a *Accounts) SetTenant(ctx context.Context, by Actor, id string, f func(*Directory) error) (out Directory, err error) {
	err = a.edit(ctx, func(c *change) (err error) {
		if id, err = checkTenant(id); err != nil {
			return err
		}
		old, now := a.tenants.docs[""][id], &Directory{ID: id, DisplayName: id}
		if old != nil {
			now = clone(old)
		}
		if f != nil {
			if err := f(now); err != nil {
				return err
			}
		}
		now.ID = id
		if err := checkDirectory(now); err != nil {
			return err
		}
		out = *clone(now)
		activity, operation := "Set Company Information", "Update"
		var before any = old
		if old == nil {
			activity, operation, before = "Create Company", "Add", nil
		}
		d := differences(before, now)
		if old != nil && len(d) == 0 {
			return nil
		}
		c.events = append(c.events, event{tenant: id, category: directoryManagement, activity: activity, operation: operation, by: by, about: []target{now.target(d...)}})
		return put(c, a.tenants, "", id, now)
	})
	return out, err
}

// ensureTenant makes the tenant known to the directory.
func (c *change) ensureTenant(by Actor, id string) (string, error) {
	id, err := checkTenant(id)
	if err != nil || c.a.tenants.docs[""][id] != nil {
		return id, err
	}
	d := &Directory{ID: id, DisplayName: id}
	c.events = append(c.events, event{tenant: id, category: directoryManagement, activity: "Create Company", operation: "Add", by: by, about: []target{d.target()}})
	return id, put(c, c.a.tenants, "", id, d)
}

// DeleteTenant from the directory, with all accounts. Its records stay.
func (a *Accounts) DeleteTenant(ctx context.Context, by Actor, id string) error {
	id = strings.ToLower(id)
	return a.edit(ctx, func(c *change) error {
		d := a.tenants.docs[""][id]
		if d == nil {
			return fault.New(fault.NotFound, "there is no tenant %q in the directory", short(id))
		}
		for _, p := range a.people.docs[id] {
			drop(c, a.people, id, p.ID)
		}
		for _, g := range a.groups.docs[id] {
			drop(c, a.groups, id, g.ID)
		}
		for _, x := range a.apps.docs[id] {
			drop(c, a.apps, id, x.ID)
		}
		for _, r := range a.roles.docs[id] {
			drop(c, a.roles, id, r.ID)
		}
		for _, x := range a.assignments.docs[id] {
			drop(c, a.assignments, id, x.ID)
		}
		for _, k := range a.keys.docs[""] {
			if k.Tenant == id {
				drop(c, a.keys, "", k.ID)
			}
		}
		drop(c, a.tenants, "", id)
		c.events = append(c.events, event{tenant: id, category: directoryManagement, activity: "Directory deleted", operation: "Delete", by: by, about: []target{d.target()}})
		return nil
	})
}
