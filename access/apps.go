package access

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"sextant/fault"
)

// Refusals of an application's credentials.
var (
	// ErrWrongSecret: none of the application's.
	ErrWrongSecret = fault.New(fault.Denied, "the secret is not one of the application's")
	// ErrExpired: one of the application's, outside of its time.
	ErrExpired = fault.New(fault.Denied, "the credential is not valid now")
	// ErrDisabled: the account, whoever's it is, is disabled.
	ErrDisabled = fault.New(fault.Denied, "the account is disabled")
)

// target as an application, and as its service principal.
func (x *App) target(changed ...property) target {
	return target{id: x.ID, name: x.DisplayName, kind: "Application", changed: changed}
}

func (x *App) principal(changed ...property) target {
	return target{id: x.ID, name: x.DisplayName, kind: "ServicePrincipal", changed: changed}
}

// App by its client id, or the object id of its service principal; fault.NotFound
// where there is none.
func (a *Accounts) App(tenant, appID string) (App, error) {
	return find(a, a.apps, "application", tenant, appID, "appId:"+strings.ToLower(appID))
}

// Apps of a tenant, by name.
func (a *Accounts) Apps(tenant string) []App {
	out := all(a, a.apps, tenant)
	slices.SortFunc(out, func(x, y App) int { return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID) })
	return out
}

func checkApp(x *App) (err error) {
	if x.DisplayName, err = checkName(x.DisplayName); err != nil {
		return err
	}
	for _, r := range slices.Concat(x.RedirectURIs, x.SPARedirectURIs) {
		u, err := url.Parse(r)
		if err != nil || u.Scheme == "" || u.Fragment != "" || len(r) > 2048 || strings.Contains(r, "*") {
			return fault.New(fault.Invalid, "%q is no address to come back to; https://host/path is", short(r))
		}
		if u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
			return fault.New(fault.Invalid, "%q would send tokens over the network unprotected; https works, and http to localhost", short(r))
		}
		if slices.Contains([]string{"javascript", "data", "vbscript", "file"}, strings.ToLower(u.Scheme)) {
			return fault.New(fault.Invalid, "%q is no address to come back to", short(r))
		}
	}
	for _, list := range []*[]string{&x.Permissions, &x.Scopes} {
		for _, name := range *list {
			if !permissionForm(name) {
				return fault.New(fault.Invalid, "%q is no permission; AuditLog.Read.All is", short(name))
			}
		}
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	for _, r := range x.SPARedirectURIs {
		if OriginOf(r) == "" {
			return fault.New(fault.Invalid, "%q is no page; https://host/path is, and http to localhost", short(r))
		}
	}
	if (x.FederatedIssuer == "") != (x.FederatedSubject == "") {
		return fault.New(fault.Invalid, "a federated credential has an issuer and a subject")
	}
	return nil
}

// OriginOf a page's address, as browsers write it in the header Origin; "" of one that
// is no page.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	default:
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// HasPages says whether an application is a page of an origin.
func (x *App) HasPages(origin string) bool {
	return origin != "" && slices.ContainsFunc(x.SPARedirectURIs, func(r string) bool { return OriginOf(r) == origin })
}

// IsPage says whether an application of any tenant that may sign in has a page of an
// origin.
func (a *Accounts) IsPage(origin string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, docs := range a.apps.docs {
		for _, x := range docs {
			if x.AccountEnabled && x.HasPages(origin) {
				return true
			}
		}
	}
	return false
}

// permissionForm: letters, digits, dots, dashes and underscores.
func permissionForm(name string) bool {
	return name != "" && len(name) <= 256 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	})
}

// AddApp with its service principal to a tenant. Empty ids are given ones.
func (a *Accounts) AddApp(ctx context.Context, by Actor, tenant string, x App) (App, error) {
	err := a.edit(ctx, func(c *change) (err error) {
		if tenant, err = c.ensureTenant(by, tenant); err != nil {
			return err
		}
		if x.ID, err = a.checkID(x.ID); err != nil {
			return err
		}
		if x.AppID, err = a.checkID(x.AppID); err != nil {
			return err
		}
		if a.apps.docs[tenant][x.ID] != nil {
			return fault.New(fault.Conflict, "there is an application %s already", x.ID)
		}
		x = *clone(&x)
		if err := checkApp(&x); err != nil {
			return err
		}
		x.Created, x.Secrets, x.Certificates = a.o.Clock().UTC(), nil, nil
		bare := x
		bare.Permissions, bare.Scopes = nil, nil
		c.events = append(c.events,
			event{tenant: tenant, category: applicationManagement, activity: "Add application", operation: "Add", by: by, about: []target{x.target(differences(nil, &bare)...)}},
			event{tenant: tenant, category: applicationManagement, activity: "Add service principal", operation: "Add", by: by, about: []target{x.principal(property{name: "AppPrincipalId", new: quoted([]string{x.AppID})})}})
		c.grants(by, tenant, &App{}, &x)
		return put(c, a.apps, tenant, x.ID, &x)
	})
	return x, err
}

// grants that came and went, a record each.
func (c *change) grants(by Actor, tenant string, old, now *App) {
	say := func(list, other []string, activity, operation string, about func(string) target) {
		for _, name := range list {
			if !slices.Contains(other, name) {
				c.events = append(c.events, event{tenant: tenant, category: applicationManagement, activity: activity, operation: operation, by: by, about: []target{about(name), now.principal()}})
			}
		}
	}
	resource := func(changed ...property) target {
		return target{name: "Sextant", kind: "ServicePrincipal", changed: changed}
	}
	spn := property{name: "ServicePrincipal.AppId", new: quoted(now.AppID)}
	say(now.Permissions, old.Permissions, "Add app role assignment to service principal", "Assign", func(n string) target {
		return resource(property{name: "AppRole.Value", new: quoted(n)}, property{name: "ServicePrincipal.ObjectID", new: quoted(now.ID)}, property{name: "ServicePrincipal.DisplayName", new: quoted(now.DisplayName)}, spn)
	})
	say(old.Permissions, now.Permissions, "Remove app role assignment from service principal", "Unassign", func(n string) target {
		return resource(property{name: "AppRole.Value", old: quoted(n)}, property{name: "ServicePrincipal.ObjectID", new: quoted(now.ID)}, property{name: "ServicePrincipal.DisplayName", new: quoted(now.DisplayName)}, spn)
	})
	say(now.Scopes, old.Scopes, "Add delegated permission grant", "Assign", func(n string) target {
		return resource(property{name: "DelegatedPermissionGrant.Scope", new: quoted(n)}, property{name: "ServicePrincipal.ObjectID", new: quoted(now.ID)}, spn)
	})
	say(old.Scopes, now.Scopes, "Remove delegated permission grant", "Unassign", func(n string) target {
		return resource(property{name: "DelegatedPermissionGrant.Scope", old: quoted(n)}, property{name: "ServicePrincipal.ObjectID", new: quoted(now.ID)}, spn)
	})
}

// UpdateApp as f says. What f makes of ids and credentials is not taken.
func (a *Accounts) UpdateApp(ctx context.Context, by Actor, tenant, appID string, f func(*App) error) (out App, err error) {
	err = a.editApp(ctx, tenant, appID, func(c *change, tenant string, x *App) error {
		old := clone(x)
		if err := f(x); err != nil {
			return err
		}
		x.ID, x.AppID, x.Created, x.Secrets, x.Certificates = old.ID, old.AppID, old.Created, old.Secrets, old.Certificates
		if err := checkApp(x); err != nil {
			return err
		}
		out = *clone(x)
		bare, was := *x, *old
		bare.Permissions, bare.Scopes, was.Permissions, was.Scopes = nil, nil, nil, nil
		if d := differences(&was, &bare); len(d) > 0 {
			c.events = append(c.events, event{tenant: tenant, category: applicationManagement, activity: "Update application", operation: "Update", by: by, about: []target{x.target(d...)}})
		}
		c.grants(by, tenant, old, x)
		return nil
	})
	return out, err
}

func (a *Accounts) editApp(ctx context.Context, tenant, appID string, f func(c *change, tenant string, x *App) error) error {
	tenant, appID = strings.ToLower(tenant), strings.ToLower(appID)
	return a.edit(ctx, func(c *change) error {
		old := a.apps.docs[tenant][appID]
		if old == nil {
			old = a.apps.named(tenant, "appId:"+appID)
		}
		if old == nil {
			return fault.New(fault.NotFound, "there is no application %q", short(appID))
		}
		x := clone(old)
		if err := f(c, tenant, x); err != nil {
			return err
		}
		return put(c, a.apps, tenant, x.ID, x)
	})
}

// DeleteApp with memberships and role assignments.
func (a *Accounts) DeleteApp(ctx context.Context, by Actor, tenant, appID string) error {
	tenant = strings.ToLower(tenant)
	x, err := a.App(tenant, appID)
	if err != nil {
		return err
	}
	return a.edit(ctx, func(c *change) error {
		if a.apps.docs[tenant][x.ID] == nil {
			return fault.New(fault.NotFound, "there is no application %q", short(appID))
		}
		if err := c.leaveAll(tenant, x.ID); err != nil {
			return err
		}
		drop(c, a.apps, tenant, x.ID)
		c.events = append(c.events,
			event{tenant: tenant, category: applicationManagement, activity: "Delete application", operation: "Delete", by: by, about: []target{x.target()}},
			event{tenant: tenant, category: applicationManagement, activity: "Remove service principal", operation: "Delete", by: by, about: []target{x.principal()}})
		return nil
	})
}

// certificatesAndSecrets is the activity as records bear it, the dash and the space at
// its end included.
const certificatesAndSecrets = "Update application – Certificates and secrets management "

// credentials that an application has before and after, as records tell them.
func (c *change) credentials(by Actor, tenant string, old, now *App) {
	c.events = append(c.events, event{
		tenant: tenant, category: applicationManagement, activity: certificatesAndSecrets, operation: "Update", by: by,
		about: []target{now.target(
			property{name: "KeyDescription", old: keyDescriptions(old), new: keyDescriptions(now)},
			property{name: "Included Updated Properties", new: quoted("KeyDescription")},
		)},
	})
}

func keyDescriptions(x *App) string {
	out := []string{}
	for i, list := range [][]Credential{x.Certificates, x.Secrets} {
		for _, k := range list {
			kind := [...]string{"AsymmetricX509Cert", "Password"}[i]
			out = append(out, fmt.Sprintf("[KeyIdentifier=%s,KeyType=%s,KeyUsage=Verify,DisplayName=%s]", k.KeyID, kind, k.Name))
		}
	}
	return quoted(out)
}

// Lifetimes of secrets.
const (
	DefaultSecretLife = 180 * 24 * time.Hour
	maxSecretLife     = 731 * 24 * time.Hour
)

// maxCredentials of an application.
const maxCredentials = 64

// AddSecret makes a secret of 256 random bits, which is given here once and kept as a
// hash only. A life of 0 is DefaultSecretLife; two years are the longest.
func (a *Accounts) AddSecret(ctx context.Context, by Actor, tenant, appID, name string, life time.Duration) (secret string, made Credential, err error) {
	if life == 0 {
		life = DefaultSecretLife
	}
	if life < 0 || life > maxSecretLife {
		return "", made, fault.New(fault.Invalid, "a secret lives two years at most, not %s", life)
	}
	secret = base64.RawURLEncoding.EncodeToString(a.random(32))
	err = a.editApp(ctx, tenant, appID, func(c *change, tenant string, x *App) error {
		old := clone(x)
		now := a.o.Clock().UTC()
		made = Credential{KeyID: a.newID(), Name: "secret", Hint: secret[:3], Start: now, End: now.Add(life), Hash: sum(secret)}
		if name != "" {
			if made.Name, err = checkName(name); err != nil {
				return err
			}
		}
		if len(x.Secrets)+len(x.Certificates) >= maxCredentials {
			return fault.New(fault.Limit, "an application has %d credentials at most; remove one first", maxCredentials)
		}
		x.Secrets = append(x.Secrets, made)
		c.credentials(by, tenant, old, x)
		return nil
	})
	if err != nil {
		return "", Credential{}, err
	}
	return secret, made, nil
}

// AddCertificate, in DER form, with which the application signs its assertions.
func (a *Accounts) AddCertificate(ctx context.Context, by Actor, tenant, appID, name string, der []byte) (made Credential, err error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return made, fault.New(fault.Invalid, "this is no certificate: %w", err)
	}
	if name == "" {
		name = cert.Subject.String()
	}
	err = a.editApp(ctx, tenant, appID, func(c *change, tenant string, x *App) error {
		old := clone(x)
		made = Credential{KeyID: a.newID(), Name: "certificate", Start: cert.NotBefore.UTC(), End: cert.NotAfter.UTC(), Certificate: der}
		if name != "" {
			if made.Name, err = checkName(name); err != nil {
				return err
			}
		}
		if len(x.Secrets)+len(x.Certificates) >= maxCredentials {
			return fault.New(fault.Limit, "an application has %d credentials at most; remove one first", maxCredentials)
		}
		x.Certificates = append(x.Certificates, made)
		c.credentials(by, tenant, old, x)
		return nil
	})
	return made, err
}

// RemoveCredential, a secret or a certificate, by its key id.
func (a *Accounts) RemoveCredential(ctx context.Context, by Actor, tenant, appID, keyID string) error {
	return a.editApp(ctx, tenant, appID, func(c *change, tenant string, x *App) error {
		old := clone(x)
		is := func(k Credential) bool { return strings.EqualFold(k.KeyID, keyID) }
		x.Secrets, x.Certificates = slices.DeleteFunc(x.Secrets, is), slices.DeleteFunc(x.Certificates, is)
		if len(x.Secrets)+len(x.Certificates) == len(old.Secrets)+len(old.Certificates) {
			return fault.New(fault.NotFound, "the application has no credential %q", short(keyID))
		}
		c.credentials(by, tenant, old, x)
		return nil
	})
}

// CheckSecret of an application: ErrWrongSecret, or ErrExpired.
func CheckSecret(x App, secret string, now time.Time) (Credential, error) {
	hash, err := sum(secret), ErrWrongSecret
	var found Credential
	for _, k := range x.Secrets {
		if subtle.ConstantTimeCompare(hash, k.Hash) != 1 {
			continue
		}
		if found, err = k, nil; now.Before(k.Start) || !now.Before(k.End) {
			err = ErrExpired
		}
	}
	if err != nil {
		return Credential{}, err
	}
	return found, nil
}
