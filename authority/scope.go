package authority

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"

	"sextant/access"
)

//go:embed data/resources.txt
var resourcesText string

// resource that a token is asked for, and what is wanted of it.
type resource struct {
	Face     access.Face `json:"face"`
	Audience string      `json:"aud"`            // as the client writes it
	Name     string      `json:"name"`           // for people
	Names    []string    `json:"scp,omitempty"`  // scopes, without the resource before them
	All      bool        `json:"all,omitempty"`  // .default
	Asked    []string    `json:"asked"`          // every scope, as it was asked for
	OpenID   bool        `json:"oidc,omitempty"` // an id token is wanted
	Offline  bool        `json:"offline,omitempty"`
}

// Bounds of what is asked for.
const (
	maxScopes = 100
	maxScope  = 8 << 10
)

// defaultSuffix of a scope stands for all that was granted.
const defaultSuffix = ".default"

// resourceOf takes an audience: a resource that there is, this server's own address,
// or a Kusto cluster's.
func resourceOf(audience, base string) (resource, *problem) {
	if audience == "" || len(audience) > 1024 {
		return resource{}, refuse(500011, audience)
	}
	face, ok := access.FaceOf(audience)
	if !ok {
		u, err := url.Parse(audience)
		switch {
		case err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
			return resource{}, refuse(500011, audience)
		case ownAddress(audience, base):
			face = access.Kusto
		case u.Scheme == "https" && (strings.HasSuffix(strings.ToLower(u.Host), ".kusto.windows.net") || strings.HasSuffix(strings.ToLower(u.Host), ".kusto.fabric.microsoft.com")):
			face = access.Kusto
		default:
			return resource{}, refuse(500011, audience)
		}
	}
	r := resource{Face: face, Audience: audience, Name: string(face)}
	for f := range fields(resourcesText, 3) {
		if access.Face(f[0]) == face {
			r.Name = f[1]
		}
	}
	return r, nil
}

// ownAddress says whether an address is the server's, whatever its case and with or
// without a slash behind it.
func ownAddress(audience, base string) bool {
	return access.CanonicalAudience(audience) == access.CanonicalAudience(base)
}

// available scopes of a resource, for a person's token.
func available(face access.Face) []string {
	out := access.Permissions(face)
	for f := range fields(resourcesText, 3) {
		if access.Face(f[0]) == face && f[2] != "" && !slices.Contains(out, f[2]) {
			out = append(out, f[2])
		}
	}
	if face == access.Graph {
		out = append(out, "User.Read")
	}
	return out
}

// oidcScopes ask for claims, and for no resource.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// parseScope takes the scope parameter apart. The resource of a scope is what
// precedes its last slash, so that a doubled one stays; a scope without one is
// Graph's.
func parseScope(text, base string) (resource, *problem) {
	asked := strings.Fields(text)
	if len(text) > maxScope || len(asked) > maxScopes {
		return resource{}, refuse(70011, "there are too many scopes")
	}
	var out resource
	found, oidc := false, resource{}
	for _, s := range asked {
		if slices.Contains(oidcScopes, strings.ToLower(s)) {
			oidc.OpenID = oidc.OpenID || strings.EqualFold(s, "openid")
			oidc.Offline = oidc.Offline || strings.EqualFold(s, "offline_access")
			continue
		}
		audience, name := access.Audiences(access.Graph)[0], s
		if i := strings.LastIndexByte(s, '/'); i >= 0 {
			audience, name = s[:i], s[i+1:]
		}
		if name == "" {
			return resource{}, refuse(70011, s)
		}
		r, p := resourceOf(audience, base)
		if p != nil {
			return resource{}, p
		}
		if found && (r.Face != out.Face || access.CanonicalAudience(r.Audience) != access.CanonicalAudience(out.Audience)) {
			return resource{}, refuse(28000, text)
		}
		if !found {
			out, found = r, true
		}
		if strings.EqualFold(name, defaultSuffix) {
			out.All = true
		} else {
			out.Names = append(out.Names, name)
		}
	}
	if !found {
		var p *problem
		if out, p = resourceOf(access.Audiences(access.Graph)[0], base); p != nil {
			return out, p
		}
		out.Names = []string{"User.Read"}
	}
	out.Asked, out.OpenID, out.Offline = asked, oidc.OpenID, oidc.Offline
	return out, nil
}

// wanted reads what a request wants: scope in the second version, resource in the
// first.
func (c *call) wanted(form url.Values) (resource, *problem) {
	if !c.v1 {
		return parseScope(form.Get("scope"), c.base)
	}
	// The first version has scopes too, of OpenID Connect alone.
	r, p := parseScope("", c.base)
	if at := form.Get("resource"); at != "" {
		r, p = resourceOf(at, c.base)
	}
	r.All, r.Names, r.OpenID, r.Offline = true, nil, true, true
	return r, p
}

// grantScopes a client may have of what is wanted on a person's behalf.
func (r *resource) grantScopes(x client) ([]string, *problem) {
	have := available(r.Face)
	if !x.builtIn {
		may := slices.Concat(x.Scopes, []string{"User.Read"})
		if r.Face != access.Graph {
			// Other resources have one scope, which the registration need not name.
			may = have
		}
		have = slices.DeleteFunc(have, func(s string) bool { return !containsFold(may, s) })
	}
	if r.All {
		return have, nil
	}
	var out []string
	for _, n := range r.Names {
		i := slices.IndexFunc(have, func(h string) bool { return strings.EqualFold(h, n) })
		if i < 0 {
			return nil, refuse(65001, n)
		}
		if !slices.Contains(out, have[i]) {
			out = append(out, have[i])
		}
	}
	return out, nil
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
