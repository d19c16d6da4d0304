package access

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"sextant/fault"
	"sextant/state"
)

const setupKind = "access.setup"

// setup is the code that lets the first administrator be made.
type setup struct {
	Hash    []byte    `json:"hash"`
	Expires time.Time `json:"expires"`
}

// setupLife of a code.
const setupLife = 24 * time.Hour

// Administered says whether somebody can sign in as an administrator.
func (a *Accounts) Administered() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, docs := range a.assignments.docs {
		for _, x := range docs {
			if x.Role == GlobalAdministrator {
				return true
			}
		}
	}
	return false
}

// NewSetup makes the one-time code of a set-up link, in place of the one before it;
// "" once there is an administrator.
func (a *Accounts) NewSetup() (code string, err error) {
	if a.Administered() {
		return "", nil
	}
	code = base64.RawURLEncoding.EncodeToString(a.random(24))
	_, err = a.o.DB.Put(setupKind, "link", setup{Hash: sum(code), Expires: a.o.Clock().UTC().Add(setupLife)}, "")
	return code, err
}

// ErrNoSetup: the code is not the last one that was made, or it was used or has
// expired.
var ErrNoSetup = fault.New(fault.Denied, "this set-up link is not valid: it was used, has expired, or a later start made another; start the server again to get one")

// CheckSetup says whether a code would be taken now.
func (a *Accounts) CheckSetup(code string) error {
	doc, err := a.o.DB.Get(setupKind, "link")
	if fault.KindOf(err) == fault.NotFound {
		return ErrNoSetup
	}
	var s setup
	if err == nil {
		err = doc.Decode(&s)
	}
	switch {
	case err != nil:
		return err
	case string(sum(code)) != string(s.Hash), !a.o.Clock().Before(s.Expires):
		return ErrNoSetup
	}
	return nil
}

// Setup makes the first administrator, and uses the code up: all of it or nothing.
func (a *Accounts) Setup(ctx context.Context, code, tenant string, p Person, password string) (Person, error) {
	if err := a.CheckSetup(code); err != nil {
		return p, err
	}
	if err := checkUPN(p.UserPrincipalName); err != nil {
		return p, err
	}
	if err := a.CheckNewPassword(tenant, p, password); err != nil {
		return p, err
	}
	hash, err := a.passwords.make(ctx, password)
	if err != nil {
		return p, err
	}
	err = a.edit(ctx, func(c *change) error {
		if err := a.CheckSetup(code); err != nil { // another may have been quicker
			return err
		}
		tenant, err := checkTenant(tenant)
		if err != nil {
			return err
		}
		p.AccountEnabled = true
		if p, err = c.addPerson(operator, tenant, p); err != nil {
			return err
		}
		p.PasswordHash = hash
		c.writes = slices.DeleteFunc(c.writes, func(w state.Change) bool { return w.Kind == a.people.kind })
		if err := put(c, a.people, tenant, p.ID, &p); err != nil {
			return err
		}
		about := p.target()
		if _, err := c.assign(operator, tenant, GlobalAdministrator, p.ID, &about); err != nil {
			return err
		}
		c.writes = append(c.writes, state.Change{Kind: setupKind, ID: "link"})
		return nil
	})
	return p, err
}
