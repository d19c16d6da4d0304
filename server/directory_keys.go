package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
)

func (s *Server) routeTenants(route router) {
	s.mux.Handle("GET /v1/access/tenants", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		out := []access.Directory{}
		for _, d := range s.o.Accounts.Tenants() {
			if v.owns(d.ID) && v.may(d.ID, access.Objects, access.Read, readDirectory...) == nil {
				out = append(out, d)
			}
		}
		s.answer(w, http.StatusOK, value{out})
	}))
	route("GET tenant", access.Read, readDirectory, func(c *dirCall) (any, error) {
		d, err := c.a.Tenant(c.tenant)
		if fault.KindOf(err) == fault.NotFound { // it has records, and nobody changed anything
			d, err = access.Directory{ID: c.tenant, DisplayName: c.tenant}, nil
		}
		return d, err
	})
	route("PATCH tenant", access.Act, changeRights, func(c *dirCall) (any, error) {
		var body struct {
			DisplayName *string         `json:"displayName"`
			Domains     *[]string       `json:"verifiedDomains"`
			Licences    json.RawMessage `json:"licences"` // null is everything
		}
		if err := c.read(&body); err != nil {
			return nil, err
		}
		return c.a.SetTenant(c.r.Context(), c.by, c.tenant, func(d *access.Directory) error {
			if body.DisplayName != nil {
				d.DisplayName = *body.DisplayName
			}
			if body.Domains != nil {
				d.Domains = *body.Domains
			}
			if len(body.Licences) > 0 {
				d.Licences = nil
				if err := json.Unmarshal(body.Licences, &d.Licences); err != nil {
					return fault.New(fault.Invalid, "licences are a list of names, or null for everything: %w", err)
				}
			}
			return nil
		})
	})
}

// keysOf whom a principal manages: a directory's, or with "" the node's.
func (v *view) keysOf(tenant string, action access.Action) error {
	if tenant == "" {
		return v.may("", access.TheNode, action)
	}
	if !v.owns(tenant) {
		return fault.New(fault.NotFound, "there is no tenant or workspace %q", tenant)
	}
	permissions := changeRights
	if action == access.Read {
		permissions = readDirectory
	}
	return v.may(tenant, access.Objects, action, permissions...)
}

// routeKeys adds the paths of API keys. Those of the node belong to no directory.
func (s *Server) routeKeys() {
	s.mux.Handle("GET /v1/access/keys", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		if err := v.keysOf(v.who.Tenant, access.Read); err != nil {
			s.fail(w, err)
			return
		}
		out := []access.APIKey{}
		for _, k := range s.o.Accounts.APIKeys(v.who.Tenant) {
			out = append(out, keyInfo(k))
		}
		s.answer(w, http.StatusOK, value{out})
	}))
	s.mux.Handle("POST /v1/access/keys", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		out, err := v.createKey(r)
		if err != nil {
			s.fail(w, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		s.answer(w, http.StatusOK, out)
	}))
	s.mux.Handle("DELETE /v1/access/keys/{id}", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		k, err := s.o.Accounts.APIKey(r.PathValue("id"))
		if err == nil && !v.owns(k.Tenant) {
			err = fault.New(fault.NotFound, "there is no key %q", r.PathValue("id"))
		}
		if err == nil {
			err = v.keysOf(k.Tenant, access.Act)
		}
		if err == nil {
			k, err = s.o.Accounts.RevokeKey(r.Context(), access.ActorOf(v.who, v.ip), k.ID)
		}
		if err == nil && k.Local {
			err = access.DropToken(s.o.Node.Dir(), k)
		}
		if err != nil {
			s.fail(w, err)
			return
		}
		s.answer(w, http.StatusOK, keyInfo(k))
	}))
}

// NewKey is a key that was made, with what only its maker learns.
type NewKey struct {
	access.APIKey
	Secret string `json:"secretText"`
}

func (v *view) createKey(r *http.Request) (*NewKey, error) {
	var body struct {
		Name   string   `json:"displayName"`
		Tenant string   `json:"tenant"` // "" is the principal's own, "*" every tenant of the node
		Scopes []string `json:"scopes"`
		Roles  []string `json:"roles"`
		Days   int      `json:"days"` // 0: it does not expire
		Root   bool     `json:"administrator"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return nil, fault.New(fault.Invalid, "the request's body is not the JSON object that it should be: %w", err)
	}
	tenant := ""
	if body.Tenant != "*" {
		var err error
		if tenant, err = v.theDirectory(body.Tenant); err != nil {
			return nil, err
		}
	}
	if err := v.keysOf(tenant, access.Act); err != nil {
		return nil, err
	}
	for _, scope := range body.Scopes {
		if !v.s.policy.HasPermission(scope) {
			return nil, fault.New(fault.Invalid, "there is no permission %q; there are %s", scope, strings.Join(v.s.policy.Permissions(), ", "))
		}
	}
	k := access.APIKey{Name: body.Name, Tenant: tenant, Scopes: body.Scopes, Roles: body.Roles, Root: body.Root}
	if body.Days < 0 || body.Days > 3660 {
		return nil, fault.New(fault.Invalid, "a key is good for 1 to 3660 days, or with 0 until it is revoked; not for %d", body.Days)
	}
	if body.Days > 0 {
		k.Expires = v.s.o.Clock().UTC().Add(time.Duration(body.Days) * 24 * time.Hour)
	}
	secret, made, err := v.s.o.Accounts.CreateKey(r.Context(), access.ActorOf(v.who, v.ip), k)
	if err != nil {
		return nil, err
	}
	return &NewKey{keyInfo(made), secret}, nil
}
