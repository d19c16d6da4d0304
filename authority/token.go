package authority

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
)

// Grant types beside those with one word.
const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	bearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// token endpoint, both versions.
func (c *call) token() {
	c.note.kind = serviceSignIn
	p := c.answerToken()
	c.record(p)
	if p != nil {
		c.fail(p)
	}
}

func (c *call) answerToken() *problem {
	form, p := c.form()
	if p != nil {
		return p
	}
	if p := need(form, "grant_type"); p != nil {
		return p
	}
	kind := form.Get("grant_type")
	if want, p := c.wanted(form); p == nil {
		c.note.want = want // what is refused before it matters has it in its record too
	}
	grants := map[string]func(*call, *grant, url.Values) *problem{
		"client_credentials": (*call).grantClient, "authorization_code": (*call).grantCode, "refresh_token": (*call).grantRefresh,
		deviceGrant: (*call).grantDevice, "device_code": (*call).grantDevice, "password": (*call).grantPassword, bearerGrant: (*call).grantBehalf,
	}
	serve := grants[kind]
	if serve == nil || kind == "password" && !c.a.o.PasswordGrant {
		return refuse(70003, kind)
	}
	g := &grant{}
	switch {
	case c.segment == consumers || c.segment == consumersID:
		return refuse(90002, c.segment)
	case !open(c.segment):
		if g.tenant, p = c.tenant(); p != nil {
			return p
		}
	case kind == "client_credentials":
		return refuse(50059)
	case kind == "password":
		if g.tenant, p = c.tenantOf(form.Get("username")); p != nil {
			return p
		}
	default:
		// The grant says which tenant it is of.
		if g.tenant, p = c.tenantOfGrant(kind, form); p != nil {
			return p
		}
	}
	c.note.tenant = g.tenant.ID
	if g.client, g.proof, p = c.authenticate(g.tenant, form); p != nil {
		return p
	}
	if kind != "authorization_code" && kind != "refresh_token" { // these know how they were given
		if p := c.checkOrigin(g.client, false); p != nil {
			return p
		}
	}
	return serve(c, g, form)
}

// tenantOf a user name: the one whose domain it ends with, or the only one.
func (c *call) tenantOf(upn string) (access.Directory, *problem) {
	if _, domain, ok := strings.Cut(upn, "@"); ok {
		if d, err := c.a.o.Accounts.Tenant(domain); err == nil && slices.Contains(d.Domains, strings.ToLower(domain)) {
			return d, nil
		}
	}
	if all := c.a.o.Accounts.Tenants(); len(all) == 1 {
		return all[0], nil
	}
	return access.Directory{}, refuse(50059)
}

// tenantOfGrant that a client redeems without naming its tenant.
func (c *call) tenantOfGrant(kind string, form url.Values) (access.Directory, *problem) {
	var id string
	var err error
	switch kind {
	case "authorization_code":
		var d codeDoc
		d, _, err = lookup[codeDoc](c.a, codeKind, form.Get("code"))
		id = d.Who.Tenant
	case "refresh_token":
		var d refreshDoc
		d, _, err = lookup[refreshDoc](c.a, refreshKind, form.Get("refresh_token"))
		id = d.Who.Tenant
	case bearerGrant:
	default:
		var d deviceDoc
		d, _, err = lookup[deviceDoc](c.a, deviceKind, deviceCodeIn(form))
		id = d.Who.Tenant
	}
	if err != nil || id == "" {
		id = c.a.tenantOfApp(form.Get("client_id"))
	}
	if id != "" {
		return c.a.tenant(id)
	}
	if all := c.a.o.Accounts.Tenants(); len(all) == 1 {
		return all[0], nil
	}
	if err == nil && kind != "authorization_code" && kind != "refresh_token" {
		return access.Directory{}, refuse(70016) // nobody has signed in yet
	}
	return access.Directory{}, refuse(50059)
}

// grantClient gives an application a token as itself.
func (c *call) grantClient(g *grant, form url.Values) *problem {
	if g.proof.kind == "" {
		return refuse(7000218)
	}
	name := "scope"
	if c.v1 {
		name = "resource"
	}
	if p := need(form, name); p != nil {
		return p
	}
	var p *problem
	if g.want, p = c.wanted(form); p != nil {
		return p
	}
	c.note.want = g.want
	if !g.want.All || len(g.want.Names) > 0 {
		return refuse(1002012, form.Get("scope"))
	}
	return c.give(g)
}

// grantPassword takes a person's password from an application, where that is enabled.
func (c *call) grantPassword(g *grant, form url.Values) *problem {
	c.note.kind = clientSignIn
	if p := need(form, "username", "password"); p != nil {
		return p
	}
	var p *problem
	if g.want, p = c.wanted(form); p != nil {
		return p
	}
	c.note.want, c.note.upn = g.want, form.Get("username")
	person, p := c.checkPassword(g.tenant, form.Get("username"), form.Get("password"))
	if p != nil {
		return p
	}
	c.note.person = &person
	switch {
	case len(person.TOTPSecret) > 0 || len(person.Passkeys) > 0:
		return refuse(50076)
	case person.MustChange:
		return refuse(50055)
	}
	g.person, g.who = &person, who{Tenant: g.tenant.ID, Person: person.ID, How: []string{"pwd"}, At: c.now.UTC(), Stamp: stamp(person)}
	if g.scopes, p = g.want.grantScopes(g.client); p != nil {
		return p
	}
	return c.give(g)
}

// checkPassword of a person, with a limit on what one address may get wrong for one
// account, beside the lock-out of the account itself.
func (c *call) checkPassword(tenant access.Directory, upn, password string) (access.Person, *problem) {
	tried := strings.ToLower("person " + tenant.ID + " " + upn + " " + c.addr)
	if len(tried) > 400 {
		return access.Person{}, refuse(50126) // nobody's
	}
	if wait := c.a.refused.wait(tried, c.now); wait > 0 {
		p := refuse(90055)
		p.retry = wait
		return access.Person{}, p
	}
	person, err := c.a.o.Accounts.CheckPassword(c.r.Context(), tenant.ID, upn, password)
	if err == nil {
		c.a.refused.clear(tried)
		return person, nil
	}
	if known, err := c.a.o.Accounts.PersonByName(tenant.ID, upn); err == nil {
		c.note.person = &known
	}
	c.a.refused.count(tried, c.now)
	return person, refusalOf(err)
}

// refusalOf an account's refusal.
func refusalOf(err error) *problem {
	switch {
	case errors.Is(err, access.ErrWrongPassword):
		return refuse(50126)
	case errors.Is(err, access.ErrLocked):
		return refuse(50053)
	case errors.Is(err, access.ErrDisabled):
		return refuse(50057)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(90033)
	}
	return broken(err)
}

// grantBehalf gives an application that was sent a person's token one for another
// resource, on the person's behalf.
func (c *call) grantBehalf(g *grant, form url.Values) *problem {
	c.note.kind = clientSignIn
	if g.proof.kind == "" {
		return refuse(7000218)
	}
	if form.Get("requested_token_use") != "on_behalf_of" {
		return refuse(900144, "requested_token_use")
	}
	if p := need(form, "assertion"); p != nil {
		return p
	}
	var p *problem
	if g.want, p = c.wanted(form); p != nil {
		return p
	}
	c.note.want = g.want
	// A token that is made out to the application, or to this server, which is
	// whose person it is.
	t, err := c.a.parse(form.Get("assertion"))
	switch {
	case errors.Is(err, access.ErrTokenExpired):
		return refuse(500133)
	case err != nil:
		return refuse(50013, "it is no token of this authority")
	case t.Tenant != g.tenant.ID || t.Scope == "":
		return refuse(50013, "it is not a person's token of this tenant")
	case !slices.ContainsFunc(t.Audience, func(aud string) bool {
		return aud == g.client.AppID || access.CanonicalAudience(aud) == "api://"+g.client.AppID
	}):
		return refuse(50013, "its audience is another application")
	}
	g.who = who{Tenant: t.Tenant, Person: t.ObjectID, Groups: t.Groups, How: t.How, At: t.IssuedAt.Time(), Stamp: t.Stamp}
	person, p := c.a.person(g.who)
	c.note.person = &person
	if p != nil {
		return p
	}
	g.person = &person
	if g.scopes, p = g.want.grantScopes(g.client); p != nil {
		return p
	}
	return c.give(g)
}

// refreshDoc is what is kept of a refresh token.
type refreshDoc struct {
	Expires time.Time  `json:"expires"`
	Family  string     `json:"family"`
	App     string     `json:"app"`
	Who     who        `json:"who"`
	Want    resource   `json:"want"`
	Used    *time.Time `json:"used,omitempty"`
}

// familyDoc is all refresh tokens that come of one sign-in.
type familyDoc struct {
	Expires time.Time  `json:"expires"`
	Page    bool       `json:"page,omitempty"` // of a page: it ends, whatever is done with it
	Revoked *time.Time `json:"revoked,omitempty"`
}

// reuseGrace is how long a refresh token that was used is taken once more: several
// threads of a client redeem one at the same moment, and answers get lost.
const reuseGrace = 30 * time.Second

// refreshToken for a grant: a child of the one that it came of, or the first of a
// family.
func (c *call) refreshToken(g *grant) (string, *problem) {
	if g.family == "" {
		g.family = c.a.random(16)
		if err := c.a.keep(familyKind, g.family, familyDoc{Expires: c.now.Add(familyLife).UTC()}, ""); err != nil {
			return "", broken(err)
		}
	}
	token := "1." + c.a.random(32)
	d := refreshDoc{Expires: c.now.Add(refreshLife).UTC(), Family: g.family, App: g.client.AppID, Who: g.who, Want: g.want}
	if err := c.a.keep(refreshKind, token, d, ""); err != nil {
		return "", broken(err)
	}
	return token, nil
}

// revoke a family: none of its tokens is taken any more.
func (a *Authority) revoke(family string) error {
	d, _, err := lookup[familyDoc](a, familyKind, family)
	if fault.KindOf(err) == fault.NotFound || err == nil && d.Revoked != nil {
		return nil
	}
	if err != nil {
		return err
	}
	now := a.o.Clock().UTC()
	d.Revoked = &now
	return a.keep(familyKind, family, d, "")
}

func (c *call) grantRefresh(g *grant, form url.Values) *problem {
	c.note.kind = clientSignIn
	if p := need(form, "refresh_token"); p != nil {
		return p
	}
	token := form.Get("refresh_token")
	d, etag, err := lookup[refreshDoc](c.a, refreshKind, token)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return refuse(70008)
	case err != nil:
		return broken(err)
	case d.Who.Tenant != g.tenant.ID:
		return refuse(700005)
	case d.App != g.client.AppID:
		return refuse(70000)
	}
	if known, err := c.a.o.Accounts.Person(d.Who.Tenant, d.Who.Person); err == nil {
		c.note.person = &known
	}
	c.note.want = d.Want
	family, _, err := lookup[familyDoc](c.a, familyKind, d.Family)
	switch {
	case fault.KindOf(err) == fault.NotFound, err == nil && family.Revoked != nil:
		return refuse(50173)
	case err != nil:
		return broken(err)
	case family.Page && !c.now.Before(family.Expires):
		return refuse(700084)
	case !c.now.Before(d.Expires), !c.now.Before(family.Expires):
		return refuse(700082)
	case d.Used != nil && c.now.Sub(*d.Used) > reuseGrace:
		// Two have the token, and one of them stole it.
		if err := c.a.revoke(d.Family); err != nil {
			return broken(err)
		}
		c.a.o.Logger.Warn("a refresh token was used twice: all that came of its sign-in are revoked", "application", d.App, "user", d.Who.Person, "address", c.addr)
		return refuse(50173)
	}
	if p := c.checkOrigin(g.client, family.Page); p != nil {
		return p
	}
	g.want = d.Want
	if form.Get("scope") != "" && !c.v1 || c.v1 && form.Get("resource") != "" {
		var p *problem
		if g.want, p = c.wanted(form); p != nil {
			return p
		}
	}
	g.want.Offline = true
	c.note.want = g.want
	person, p := c.a.person(d.Who)
	if p != nil {
		return p
	}
	g.person, g.who, g.family = &person, d.Who, d.Family
	if g.scopes, p = g.want.grantScopes(g.client); p != nil {
		return p
	}
	if d.Used == nil {
		now := c.now.UTC()
		d.Used = &now
		// Whoever comes second in a race is within the grace.
		if err := c.a.keep(refreshKind, token, d, etag); err != nil && fault.KindOf(err) != fault.Conflict {
			return broken(err)
		}
	}
	return c.give(g)
}
