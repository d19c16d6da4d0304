package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
)

// The directory's own paths, /v1/access/…: what this program's command line uses.
// Members are named as Microsoft Graph names them. Secrets go out once, when they are
// made.

// Permissions by which an application may change the directory, as Graph has them.
// What would let it become somebody else needs the last.
var (
	readDirectory = []string{"Directory.Read.All", "RoleManagement.ReadWrite.Directory"}
	changeUsers   = []string{"User.ReadWrite.All", "RoleManagement.ReadWrite.Directory"}
	changeApps    = []string{"Application.ReadWrite.All", "RoleManagement.ReadWrite.Directory"}
	changeRights  = []string{"RoleManagement.ReadWrite.Directory"}
)

// dirCall is a request about one directory.
type dirCall struct {
	*view
	r      *http.Request
	tenant string
	by     access.Actor
	a      *access.Accounts
}

// read the body of a request, whose members must be known.
func (c *dirCall) read(into any) error {
	d := json.NewDecoder(io.LimitReader(c.r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the request's body is not the JSON object that it should be: %w", err)
	}
	return nil
}

func (c *dirCall) part(name string) string { return c.r.PathValue(name) }

// theDirectory that a request is about: the one it names, the principal's own, or the
// only one there is.
func (v *view) theDirectory(named string) (string, error) {
	if t, err := v.find(named); err == nil {
		return v.s.directory(t), nil
	} else if named == "" && v.who.Tenant == "" {
		if all := v.s.o.Accounts.Tenants(); len(all) == 1 {
			return all[0].ID, nil
		}
		return "", err
	}
	id := strings.ToLower(named)
	if named == "" {
		id = v.who.Tenant
	}
	if d, err := v.s.o.Accounts.Tenant(id); err == nil {
		id = d.ID
	}
	if !v.owns(id) {
		return "", fault.New(fault.NotFound, "there is no tenant or workspace %q", named)
	}
	return id, nil
}

// object that roles and memberships go to, by object id, user principal name, client
// id or display name.
func (c *dirCall) object(name string) (string, error) {
	if p, err := c.a.PersonByName(c.tenant, name); err == nil {
		return p.ID, nil
	}
	if x, err := c.a.App(c.tenant, name); err == nil {
		return x.ID, nil
	}
	if g, err := c.a.Group(c.tenant, name); err == nil {
		return g.ID, nil
	}
	var found []string
	for _, g := range c.a.Groups(c.tenant) {
		if strings.EqualFold(g.DisplayName, name) {
			found = append(found, g.ID)
		}
	}
	for _, x := range c.a.Apps(c.tenant) {
		if strings.EqualFold(x.DisplayName, name) {
			found = append(found, x.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fault.New(fault.NotFound, "there is no user, group or application %q", name)
	}
	return "", fault.New(fault.Invalid, "%q names %d objects; give one's id: %s", name, len(found), strings.Join(found, ", "))
}

func (c *dirCall) group(name string) (access.Group, error) {
	id, err := c.object(name)
	if err != nil {
		return access.Group{}, err
	}
	return c.a.Group(c.tenant, id)
}

func (c *dirCall) app(name string) (access.App, error) {
	id, err := c.object(name)
	if err != nil {
		return access.App{}, err
	}
	return c.a.App(c.tenant, id)
}

// UserInfo is a person without secrets.
type UserInfo struct {
	ID          string     `json:"id"`
	UPN         string     `json:"userPrincipalName"`
	DisplayName string     `json:"displayName"`
	Enabled     bool       `json:"accountEnabled"`
	Created     time.Time  `json:"createdDateTime"`
	Methods     []string   `json:"authenticationMethods"`
	LockedUntil *time.Time `json:"lockedUntil,omitempty"`
	Issuer      string     `json:"issuer,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	Roles       []string   `json:"roles"` // groups' included
}

func (c *dirCall) user(p access.Person) UserInfo {
	u := UserInfo{
		ID: p.ID, UPN: p.UserPrincipalName, DisplayName: p.DisplayName, Enabled: p.AccountEnabled, Created: p.Created,
		Methods: []string{}, LockedUntil: p.LockedUntil, Issuer: p.Issuer, Subject: p.Subject, Roles: []string{},
	}
	for _, m := range []struct {
		name string
		has  bool
	}{{"password", p.PasswordHash != ""}, {"authenticator", len(p.TOTPSecret) > 0}, {"passkey", len(p.Passkeys) > 0}, {"outside", p.Issuer != ""}} {
		if m.has {
			u.Methods = append(u.Methods, m.name)
		}
	}
	u.Roles = append(u.Roles, c.a.RolesOf(c.tenant, p.ID)...)
	return u
}

// AppInfo is an application without secrets.
type AppInfo struct {
	access.App
	Roles []string `json:"roles"`
}

func (c *dirCall) appInfo(x access.App) AppInfo {
	for _, list := range [][]access.Credential{x.Secrets, x.Certificates} {
		for i := range list {
			list[i].Hash = nil
		}
	}
	return AppInfo{x, append([]string{}, c.a.RolesOf(c.tenant, x.ID)...)}
}

// KeyInfo is a key without its hash.
func keyInfo(k access.APIKey) access.APIKey {
	k.Hash = nil
	return k
}

type value struct {
	Value any `json:"value"`
}

// serveDirectory adds the paths.
func (s *Server) serveDirectory() {
	route := func(pattern string, action access.Action, permissions []string, f func(c *dirCall) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		s.mux.Handle(method+" /v1/access/"+path, s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
			tenant, err := v.theDirectory(r.URL.Query().Get("tenant"))
			if err == nil {
				err = v.may(tenant, access.Objects, action, permissions...)
			}
			var out any
			if err == nil {
				out, err = f(&dirCall{view: v, r: r, tenant: tenant, by: access.ActorOf(v.who, v.ip), a: s.o.Accounts})
			}
			if err != nil {
				s.fail(w, err)
				return
			}
			if out == nil {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Cache-Control", "no-store")
			s.answer(w, http.StatusOK, out)
		}))
	}
	routeUsers(route)
	routeGroups(route)
	routeApps(route)
	routeRoles(route)
	s.routeKeys()
	s.routeTenants(route)
}

type router = func(pattern string, action access.Action, permissions []string, f func(c *dirCall) (any, error))

func routeUsers(route router) {
	route("GET users", access.Read, readDirectory, func(c *dirCall) (any, error) {
		out := []UserInfo{}
		for _, p := range c.a.People(c.tenant) {
			out = append(out, c.user(p))
		}
		return value{out}, nil
	})
	route("GET users/{id}", access.Read, readDirectory, func(c *dirCall) (any, error) {
		p, err := c.a.PersonByName(c.tenant, c.part("id"))
		return c.user(p), err
	})
	route("POST users", access.Act, changeUsers, func(c *dirCall) (any, error) {
		var body struct {
			UPN         string `json:"userPrincipalName"`
			DisplayName string `json:"displayName"`
			Issuer      string `json:"issuer"`
			Subject     string `json:"subject"`
			Password    string `json:"password"`
			MustChange  bool   `json:"forceChangePasswordNextSignIn"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		if body.Password != "" {
			if err := c.a.CheckNewPassword(c.tenant, access.Person{UserPrincipalName: body.UPN, DisplayName: body.DisplayName}, body.Password); err != nil {
				return nil, err // before there is an account without one
			}
		}
		p, err := c.a.AddPerson(c.r.Context(), c.by, c.tenant, access.Person{UserPrincipalName: body.UPN, DisplayName: body.DisplayName, AccountEnabled: true, Issuer: body.Issuer, Subject: body.Subject})
		if err == nil && body.Password != "" {
			err = c.a.SetPassword(c.r.Context(), c.by, c.tenant, p.ID, body.Password, body.MustChange)
		}
		if err == nil {
			p, err = c.a.Person(c.tenant, p.ID)
		}
		return c.user(p), err
	})
	route("PATCH users/{id}", access.Act, changeUsers, func(c *dirCall) (any, error) {
		var body struct {
			DisplayName *string `json:"displayName"`
			Enabled     *bool   `json:"accountEnabled"`
		}
		err := c.read(&body)
		p, e := c.a.PersonByName(c.tenant, c.part("id"))
		if err = errors.Join(err, e); err != nil {
			return nil, err
		}
		p, err = c.a.UpdatePerson(c.r.Context(), c.by, c.tenant, p.ID, func(p *access.Person) error {
			if body.DisplayName != nil {
				p.DisplayName = *body.DisplayName
			}
			if body.Enabled != nil {
				p.AccountEnabled = *body.Enabled
			}
			return nil
		})
		return c.user(p), err
	})
	one := func(pattern string, permissions []string, f func(c *dirCall, p access.Person) error) {
		route(pattern, access.Act, permissions, func(c *dirCall) (any, error) {
			p, err := c.a.PersonByName(c.tenant, c.part("id"))
			if err == nil {
				err = f(c, p)
			}
			return nil, err
		})
	}
	one("DELETE users/{id}", changeRights, func(c *dirCall, p access.Person) error {
		return c.a.DeletePerson(c.r.Context(), c.by, c.tenant, p.ID)
	})
	one("POST users/{id}/password", changeRights, func(c *dirCall, p access.Person) error {
		var body struct {
			Password   string `json:"password"`
			MustChange bool   `json:"forceChangePasswordNextSignIn"`
		}
		if err := c.read(&body); err != nil {
			return err
		}
		return c.a.SetPassword(c.r.Context(), c.by, c.tenant, p.ID, body.Password, body.MustChange)
	})
	one("POST users/{id}/unlock", changeUsers, func(c *dirCall, p access.Person) error {
		return c.a.Unlock(c.r.Context(), c.by, c.tenant, p.ID)
	})
	one("DELETE users/{id}/methods", changeRights, func(c *dirCall, p access.Person) error {
		var err error
		if len(p.TOTPSecret) > 0 {
			err = c.a.RemoveTOTP(c.r.Context(), c.by, c.tenant, p.ID)
		}
		for _, k := range p.Passkeys {
			err = errors.Join(err, c.a.RemovePasskey(c.r.Context(), c.by, c.tenant, p.ID, k.ID))
		}
		return err
	})
}

func routeGroups(route router) {
	route("GET groups", access.Read, readDirectory, func(c *dirCall) (any, error) { return value{c.a.Groups(c.tenant)}, nil })
	route("POST groups", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			DisplayName string   `json:"displayName"`
			Outside     []string `json:"outside"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		return c.a.AddGroup(c.r.Context(), c.by, c.tenant, access.Group{DisplayName: body.DisplayName, Outside: body.Outside})
	})
	route("DELETE groups/{id}", access.Act, changeRights, func(c *dirCall) (any, error) {
		g, err := c.group(c.part("id"))
		if err != nil {
			return nil, err
		}
		return nil, c.a.DeleteGroup(c.r.Context(), c.by, c.tenant, g.ID)
	})
	members := func(c *dirCall, change func(g *access.Group, id string)) (any, error) {
		g, err := c.group(c.part("id"))
		if err != nil {
			return nil, err
		}
		id, err := c.object(c.part("member"))
		if err != nil {
			return nil, err
		}
		return c.a.UpdateGroup(c.r.Context(), c.by, c.tenant, g.ID, func(g *access.Group) error {
			change(g, id)
			return nil
		})
	}
	route("PUT groups/{id}/members/{member}", access.Act, changeRights, func(c *dirCall) (any, error) {
		return members(c, func(g *access.Group, id string) { g.Members = append(g.Members, id) })
	})
	route("DELETE groups/{id}/members/{member}", access.Act, changeRights, func(c *dirCall) (any, error) {
		return members(c, func(g *access.Group, id string) {
			g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
		})
	})
}

func routeApps(route router) {
	route("GET apps", access.Read, readDirectory, func(c *dirCall) (any, error) {
		out := []AppInfo{}
		for _, x := range c.a.Apps(c.tenant) {
			out = append(out, c.appInfo(x))
		}
		return value{out}, nil
	})
	route("POST apps", access.Act, changeApps, func(c *dirCall) (any, error) {
		var body struct {
			DisplayName  string   `json:"displayName"`
			Public       bool     `json:"isFallbackPublicClient"`
			RedirectURIs []string `json:"redirectUris"`
			Pages        []string `json:"spaRedirectUris"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		x, err := c.a.AddApp(c.r.Context(), c.by, c.tenant, access.App{DisplayName: body.DisplayName, AccountEnabled: true, Public: body.Public, RedirectURIs: body.RedirectURIs, SPARedirectURIs: body.Pages})
		return c.appInfo(x), err
	})
	update := func(pattern string, permissions []string, f func(c *dirCall, x *access.App) error) {
		route(pattern, access.Act, permissions, func(c *dirCall) (any, error) {
			x, err := c.app(c.part("id"))
			if err != nil {
				return nil, err
			}
			x, err = c.a.UpdateApp(c.r.Context(), c.by, c.tenant, x.AppID, func(x *access.App) error { return f(c, x) })
			return c.appInfo(x), err
		})
	}
	update("PATCH apps/{id}", changeApps, func(c *dirCall, x *access.App) error {
		var body struct {
			DisplayName *string `json:"displayName"`
			Enabled     *bool   `json:"accountEnabled"`
		}
		if err := c.read(&body); err != nil {
			return err
		}
		if body.DisplayName != nil {
			x.DisplayName = *body.DisplayName
		}
		if body.Enabled != nil {
			x.AccountEnabled = *body.Enabled
		}
		return nil
	})
	update("PUT apps/{id}/permissions", changeRights, func(c *dirCall, x *access.App) error {
		var body struct {
			Permissions *[]string `json:"appRoles"`
			Scopes      *[]string `json:"oauth2PermissionGrants"`
		}
		if err := c.read(&body); err != nil {
			return err
		}
		if body.Permissions != nil {
			x.Permissions = *body.Permissions
		}
		if body.Scopes != nil {
			x.Scopes = *body.Scopes
		}
		return nil
	})
	route("DELETE apps/{id}", access.Act, changeRights, func(c *dirCall) (any, error) {
		x, err := c.app(c.part("id"))
		if err != nil {
			return nil, err
		}
		return nil, c.a.DeleteApp(c.r.Context(), c.by, c.tenant, x.AppID)
	})
	route("POST apps/{id}/secrets", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			Name string `json:"displayName"`
			Days int    `json:"days"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		x, err := c.app(c.part("id"))
		if err != nil {
			return nil, err
		}
		secret, made, err := c.a.AddSecret(c.r.Context(), c.by, c.tenant, x.AppID, body.Name, time.Duration(body.Days)*24*time.Hour)
		return map[string]any{"appId": x.AppID, "keyId": made.KeyID, "displayName": made.Name, "endDateTime": made.End, "secretText": secret}, err
	})
	route("POST apps/{id}/certificates", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			Name        string `json:"displayName"`
			Certificate []byte `json:"key"` // DER
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		x, err := c.app(c.part("id"))
		if err != nil {
			return nil, err
		}
		return c.a.AddCertificate(c.r.Context(), c.by, c.tenant, x.AppID, body.Name, body.Certificate)
	})
	route("DELETE apps/{id}/credentials/{key}", access.Act, changeRights, func(c *dirCall) (any, error) {
		x, err := c.app(c.part("id"))
		if err != nil {
			return nil, err
		}
		return nil, c.a.RemoveCredential(c.r.Context(), c.by, c.tenant, x.AppID, c.part("key"))
	})
}

// RoleInfo is a role that can be assigned.
type RoleInfo struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	BuiltIn     bool     `json:"isBuiltIn"`
	Permissions []string `json:"allowedResourceActions,omitempty"`
}

// AssignmentInfo is an assignment and whose it is.
type AssignmentInfo struct {
	access.Assignment
	Name string `json:"principalName"`
}

func routeRoles(route router) {
	route("GET roles", access.Read, readDirectory, func(c *dirCall) (any, error) {
		out := []RoleInfo{}
		for _, b := range access.BuiltInRoles() {
			out = append(out, RoleInfo{ID: b.TemplateID, DisplayName: b.Name, BuiltIn: true})
		}
		for _, r := range c.a.CustomRoles(c.tenant) {
			out = append(out, RoleInfo{ID: r.ID, DisplayName: r.DisplayName, Permissions: r.Permissions})
		}
		return value{out}, nil
	})
	route("POST roles", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			DisplayName string   `json:"displayName"`
			Permissions []string `json:"allowedResourceActions"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		return c.a.AddCustomRole(c.r.Context(), c.by, c.tenant, access.CustomRole{DisplayName: body.DisplayName, Permissions: body.Permissions})
	})
	route("DELETE roles/{id}", access.Act, changeRights, func(c *dirCall) (any, error) {
		r, err := c.a.CustomRole(c.tenant, c.part("id"))
		if err != nil {
			return nil, err
		}
		return nil, c.a.DeleteCustomRole(c.r.Context(), c.by, c.tenant, r.ID)
	})
	route("GET assignments", access.Read, readDirectory, func(c *dirCall) (any, error) {
		out := []AssignmentInfo{}
		for _, x := range c.a.Assignments(c.tenant, "") {
			out = append(out, AssignmentInfo{x, c.a.NameOf(c.tenant, x.Principal)})
		}
		return value{out}, nil
	})
	route("POST assignments", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			Role      string `json:"roleDefinitionName"`
			Principal string `json:"principal"`
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		id, err := c.object(body.Principal)
		if err != nil {
			return nil, err
		}
		return c.a.Assign(c.r.Context(), c.by, c.tenant, body.Role, id)
	})
	route("DELETE assignments", access.Act, changeRights, func(c *dirCall) (any, error) {
		q := c.r.URL.Query()
		id, err := c.object(q.Get("principal"))
		if err != nil {
			return nil, err
		}
		return nil, c.a.Unassign(c.r.Context(), c.by, c.tenant, q.Get("role"), id)
	})
}
