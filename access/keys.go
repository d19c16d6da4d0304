package access

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sextant/fault"
)

// keyPrefix of API keys, so that a scanner of leaked secrets knows them.
const keyPrefix = "sxt_"

func (k *APIKey) target(changed ...property) target {
	return target{id: k.ID, name: k.Name, kind: "Other", changed: changed}
}

// APIKey by id; fault.NotFound where there is none.
func (a *Accounts) APIKey(id string) (APIKey, error) {
	return find(a, a.keys, "key", "", id)
}

// APIKeys of a tenant, or with "" all, oldest first.
func (a *Accounts) APIKeys(tenant string) []APIKey {
	out := all(a, a.keys, "")
	if tenant != "" {
		out = slices.DeleteFunc(out, func(k APIKey) bool { return !strings.EqualFold(k.Tenant, tenant) })
	}
	slices.SortFunc(out, func(x, y APIKey) int {
		if c := x.Created.Compare(y.Created); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out
}

// CreateKey from name, tenant, scopes, roles and expiry. The key is given here once,
// and only its hash is kept.
func (a *Accounts) CreateKey(ctx context.Context, by Actor, k APIKey) (secret string, made APIKey, err error) {
	secret = keyPrefix + base64.RawURLEncoding.EncodeToString(a.random(32))
	err = a.edit(ctx, func(c *change) error {
		made, err = c.addKey(by, secret, k)
		return err
	})
	if err != nil {
		return "", APIKey{}, err
	}
	return secret, made, nil
}

func (c *change) addKey(by Actor, secret string, k APIKey) (_ APIKey, err error) {
	now := c.a.o.Clock().UTC()
	if k.Name, err = checkName(k.Name); err != nil {
		return k, err
	}
	if k.Tenant != "" {
		if k.Tenant, err = c.ensureTenant(by, k.Tenant); err != nil {
			return k, err
		}
	}
	k.Scopes, k.Roles = slices.Clone(k.Scopes), slices.Clone(k.Roles)
	switch {
	case !k.Expires.IsZero() && !k.Expires.After(now):
		return k, fault.New(fault.Invalid, "the key would have expired %s ago", now.Sub(k.Expires).Round(time.Second))
	case k.Root && len(k.Scopes)+len(k.Roles) > 0:
		return k, fault.New(fault.Invalid, "an administrator's key needs neither scopes nor roles")
	case !k.Root && len(k.Scopes)+len(k.Roles) == 0:
		return k, fault.New(fault.Invalid, "a key has scopes or roles, such as AuditLog.Read.All or Security Reader")
	}
	for _, s := range k.Scopes {
		if !permissionForm(s) {
			return k, fault.New(fault.Invalid, "%q is no permission; AuditLog.Read.All is", short(s))
		}
	}
	for i, r := range k.Roles {
		b, ok := c.a.roleNamed(k.Tenant, r)
		if !ok {
			return k, fault.New(fault.NotFound, "there is no role %q", short(r))
		}
		k.Roles[i] = b.Name
	}
	k.ID, k.Hash, k.Hint, k.Created, k.Revoked = c.a.newID(), sum(secret), secret[:min(len(secret), len(keyPrefix)+3)], now, nil
	k.Expires = k.Expires.UTC()
	c.events = append(c.events, event{tenant: k.Tenant, service: ourOwn, category: keyManagement, activity: "Add API key", operation: "Add", by: by, about: []target{k.target(differences(nil, &k)...)}})
	return k, put(c, c.a.keys, "", k.ID, &k)
}

// RevokeKey by id, at once and for ever. A key that was revoked stays listed.
func (a *Accounts) RevokeKey(ctx context.Context, by Actor, id string) (out APIKey, err error) {
	err = a.edit(ctx, func(c *change) error {
		old := a.keys.docs[""][strings.ToLower(id)]
		if old == nil {
			return fault.New(fault.NotFound, "there is no key %q", short(id))
		}
		if out = *clone(old); old.Revoked != nil {
			return nil
		}
		now := a.o.Clock().UTC()
		out.Revoked = &now
		c.events = append(c.events, event{tenant: old.Tenant, service: ourOwn, category: keyManagement, activity: "Revoke API key", operation: "Delete", by: by, about: []target{out.target(differences(old, &out)...)}})
		return put(c, a.keys, "", old.ID, &out)
	})
	return out, err
}

// Refusals of keys.
var (
	ErrNoKey      = fault.New(fault.Denied, "the token is not valid here: it is no key that was made here")
	ErrRevokedKey = fault.New(fault.Denied, "the key was revoked")
	ErrExpiredKey = fault.New(fault.Denied, "the key has expired")
)

// ForKey is the principal of an API key: ErrNoKey, ErrRevokedKey or ErrExpiredKey
// otherwise.
func (a *Accounts) ForKey(secret string) (*Principal, error) {
	hash := sum(secret)
	if a.o.Token != "" && string(hash) == string(sum(a.o.Token)) { // of hashes: how long it takes tells nothing
		return &Principal{Kind: Key, Name: "administrator", Root: true}, nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	k := a.keys.named("", hashName(hash))
	switch {
	case k == nil:
		return nil, ErrNoKey
	case k.Revoked != nil:
		return nil, ErrRevokedKey
	case !k.Expires.IsZero() && !a.o.Clock().Before(k.Expires):
		return nil, ErrExpiredKey
	}
	p := &Principal{Kind: Key, Tenant: k.Tenant, ObjectID: k.ID, Name: k.Name, Root: k.Root, Permissions: slices.Clone(k.Scopes), Roles: slices.Clone(k.Roles)}
	for _, name := range k.Roles {
		if r := a.roles.named(k.Tenant, "role:"+strings.ToLower(name)); r != nil {
			p.CustomRolePermissions = append(p.CustomRolePermissions, r.Permissions...)
		}
	}
	return p, nil
}

// TokenFile in the data folder holds the key of the local command line: an
// administrator's, revocable as any other.
const TokenFile = "admin.token"

// LocalKey sees to the key file of a data folder. A file that is there is the key
// that lies in it, known from now on if it was not before. Where there is none one is
// made, once: after that key was revoked no file comes back by itself. made is true
// when the file was written.
func (a *Accounts) LocalKey(ctx context.Context, dir string) (secret string, made bool, err error) {
	path := filepath.Join(dir, TokenFile)
	secret, err = ReadToken(dir)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return "", false, err
	}
	if fresh {
		a.mu.RLock()
		revoked := false
		for _, k := range a.keys.docs[""] {
			revoked = revoked || k.Local && k.Revoked != nil
		}
		a.mu.RUnlock()
		if revoked {
			return "", false, nil
		}
		secret = keyPrefix + base64.RawURLEncoding.EncodeToString(a.random(32))
	}
	err = a.edit(ctx, func(c *change) error {
		if a.keys.named("", hashName(sum(secret))) != nil {
			return nil
		}
		// The folder's own key is part of setting it up, and no change that anybody
		// made: it has no audit record.
		_, err := c.addKey(operator, secret, APIKey{Name: "local administrator", Root: true, Local: true})
		c.events = nil
		return err
	})
	if err != nil || !fresh {
		return secret, false, err
	}
	if err := WriteToken(dir, secret); err != nil {
		return "", false, err
	}
	if _, err := os.Stat(path); err != nil {
		return "", false, err
	}
	return secret, true, nil
}

// WriteToken into a data folder, mode 0600, in place of what is there.
func WriteToken(dir, secret string) error {
	path := filepath.Join(dir, TokenFile)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.WriteString(secret + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot keep the administrator's key: %w", err)
	}
	return nil
}

// ReadToken of a data folder.
func ReadToken(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, TokenFile))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fault.New(fault.Conflict, "%s is empty; delete it, and the next start makes another key", filepath.Join(dir, TokenFile))
	}
	return token, nil
}

// DropToken takes the key file out of a data folder, when the key in it is the one
// that was revoked.
func DropToken(dir string, k APIKey) error {
	token, err := ReadToken(dir)
	if err != nil || string(sum(token)) != string(k.Hash) {
		return nil
	}
	if err := os.Remove(filepath.Join(dir, TokenFile)); err != nil {
		return fault.New(fault.Unavailable, "cannot remove the file of a key that was revoked: %w", err)
	}
	return nil
}
