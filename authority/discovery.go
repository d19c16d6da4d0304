package authority

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// get says whether the request is one that reads.
func (c *call) get() bool {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return true
	}
	c.w.Header().Set("Allow", http.MethodGet)
	http.Error(c.w, "this is read with GET", http.StatusMethodNotAllowed)
	return false
}

// named is how the tenant stands in addresses, and its id in issuers.
func (c *call) named() (segment, id string, p *problem) {
	switch {
	case open(c.segment):
		return c.segment, "{tenantid}", nil
	case c.segment == consumers, c.segment == consumersID:
		return consumers, consumersID, nil
	}
	d, p := c.a.tenant(c.segment)
	return d.ID, d.ID, p
}

// issuer of a tenant's tokens.
func issuer(base, tenant string, v1 bool) string {
	if v1 {
		return base + "/" + tenant + "/"
	}
	return base + "/" + tenant + "/v2.0"
}

// discovery document of OpenID Connect.
func (c *call) discovery() {
	if !c.get() {
		return
	}
	segment, id, p := c.named()
	if p != nil {
		p.name = "invalid_tenant"
		c.fail(p)
		return
	}
	at, keys := c.base+"/"+segment+"/oauth2/v2.0/", c.base+"/"+segment+"/discovery/v2.0/keys"
	if c.v1 {
		at, keys = c.base+"/"+segment+"/oauth2/", c.base+"/"+segment+"/discovery/keys"
	}
	host := strings.TrimPrefix(strings.TrimPrefix(c.base, "https://"), "http://")
	grants := []string{"authorization_code", "refresh_token", "client_credentials", deviceGrant, bearerGrant}
	if c.a.o.PasswordGrant {
		grants = append(grants, "password")
	}
	c.json(http.StatusOK, map[string]any{
		"issuer": issuer(c.base, id, c.v1), "authorization_endpoint": at + "authorize", "token_endpoint": at + "token",
		"device_authorization_endpoint": at + "devicecode", "end_session_endpoint": at + "logout", "jwks_uri": keys,
		"token_endpoint_auth_methods_supported":            []string{"client_secret_post", "client_secret_basic", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256"},
		"response_modes_supported":                         []string{"query", "fragment", "form_post"},
		"response_types_supported":                         []string{"code"}, "grant_types_supported": grants,
		"code_challenge_methods_supported": []string{"S256"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "name", "preferred_username", "tid", "oid", "ver"},
		"request_uri_parameter_supported":       false, "http_logout_supported": true, "frontchannel_logout_supported": false,
		"tenant_region_scope": nil, "cloud_instance_name": host, "cloud_graph_host_name": host, "msgraph_host": host,
	})
}

// instance discovery: this host speaks for itself.
func (c *call) instance() {
	if !c.get() {
		return
	}
	host := strings.TrimPrefix(strings.TrimPrefix(c.base, "https://"), "http://")
	segment := common
	if at := c.r.URL.Query().Get("authorization_endpoint"); at != "" {
		u, err := url.Parse(at)
		if err != nil || !strings.EqualFold(u.Host, host) {
			c.fail(refuse(50049, host))
			return
		}
		segment, _, _ = strings.Cut(strings.TrimPrefix(strings.ToLower(u.Path), "/"), "/")
	}
	c.json(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": c.base + "/" + url.PathEscape(segment) + "/v2.0/.well-known/openid-configuration", "api-version": "1.1",
		"metadata": []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	})
}

// jwks is the keys that tokens are signed with.
func (c *call) jwks() {
	if !c.get() {
		return
	}
	if _, _, p := c.named(); p != nil {
		p.name = "invalid_tenant"
		c.fail(p)
		return
	}
	keys, err := c.a.keys.published()
	if err != nil {
		c.fail(broken(err))
		return
	}
	c.w.Header().Set("Cache-Control", "public, max-age=3600")
	c.w.Header().Del("Pragma")
	c.json(http.StatusOK, jose.JSONWebKeySet{Keys: keys})
}
