package authority

import (
	_ "embed"
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strings"

	"sextant/access"
	"sextant/fault"
)

//go:embed data/clients.txt
var clientsText string

// Applications that every tenant has.
const (
	CommandLineID = "7b1c1f0e-5e27-4a55-9d0a-53d1c1d0a001"
	PortalID      = "7b1c1f0e-5e27-4a55-9d0a-53d1c1d0a002"
)

// client is an application that asks.
type client struct {
	access.App
	builtIn bool
}

func builtInClients() map[string]client {
	out := map[string]client{}
	for f := range fields(clientsText, 3) {
		x := client{access.App{AppID: f[0], DisplayName: f[1], AccountEnabled: true, Public: true}, true}
		for at := range strings.SplitSeq(f[2], ",") {
			x.RedirectURIs = append(x.RedirectURIs, strings.TrimSpace(at))
		}
		out[f[0]] = x
	}
	return out
}

// client by its id. One of the tenant's own stands over one that every tenant has.
func (a *Authority) client(tenant, id string) (client, *problem) {
	id = strings.ToLower(id)
	x, err := a.o.Accounts.App(tenant, id)
	switch {
	case err == nil && x.AppID != id: // it was found by the id of its service principal
	case err == nil && !x.AccountEnabled:
		return client{App: x}, refuse(7000112, id)
	case err == nil:
		return client{App: x}, nil
	case fault.KindOf(err) != fault.NotFound:
		return client{}, broken(err)
	}
	if known, ok := a.clients[id]; ok {
		return known, nil
	}
	return client{}, refuse(700016, id)
}

// tenantOfApp finds the tenant whose own an application is; "" for one that every
// tenant has, or nobody.
func (a *Authority) tenantOfApp(id string) string {
	for _, d := range a.o.Accounts.Tenants() {
		if x, err := a.o.Accounts.App(d.ID, id); err == nil && strings.EqualFold(x.AppID, id) {
			return d.ID
		}
	}
	return ""
}

// proof of an application that it is the one it says.
type proof struct {
	kind string // "", secret, certificate, federated
	key  string // id of the credential
}

// acr is the claim appidacr: how the application was told from others.
func (p proof) acr() string {
	switch p.kind {
	case "secret":
		return "1"
	case "certificate", "federated":
		return "2"
	}
	return "0"
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate the application that a form names. A public one has no credential, and
// may not have one.
func (c *call) authenticate(tenant access.Directory, form url.Values) (client, proof, *problem) {
	id, secret, basic := basicCredentials(c.r.Header.Get("Authorization"))
	if basic {
		if given := form.Get("client_id"); given != "" && !strings.EqualFold(given, id) {
			return client{}, proof{}, refuse(9002313, "client_id and the header Authorization name two applications")
		}
		form.Set("client_id", id)
		form.Set("client_secret", secret)
	}
	if p := need(form, "client_id"); p != nil {
		return client{}, proof{}, p
	}
	x, p := c.a.client(tenant.ID, form.Get("client_id"))
	c.note.app(x, form.Get("client_id"))
	if p != nil {
		return x, proof{}, p
	}
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	if secret == "" && assertion == "" {
		if !x.Public && !(c.r.Header.Get("Origin") != "" && x.HasPages(c.r.Header.Get("Origin"))) { // a page keeps no secret
			return x, proof{}, refuse(7000218)
		}
		return x, proof{}, nil
	}
	if x.builtIn || x.Public && len(x.Secrets) == 0 && len(x.Certificates) == 0 && x.FederatedIssuer == "" {
		return x, proof{}, refuse(700025)
	}
	tried := strings.ToLower("client " + tenant.ID + " " + x.AppID + " " + c.addr)
	if wait := c.a.refused.wait(tried, c.now); wait > 0 {
		p := refuse(90055)
		p.retry = wait
		return x, proof{}, p
	}
	var how proof
	if assertion != "" {
		if form.Get("client_assertion_type") != assertionType {
			return x, how, refuse(900144, "client_assertion_type")
		}
		how, p = c.checkAssertion(tenant, x, assertion)
	} else {
		how, p = c.checkSecret(x, secret)
	}
	c.note.proof = how
	if p != nil {
		c.a.refused.count(tried, c.now)
	}
	return x, how, p
}

func (c *call) checkSecret(x client, secret string) (proof, *problem) {
	k, err := access.CheckSecret(x.App, secret, c.now)
	switch {
	case err == nil:
		return proof{"secret", k.KeyID}, nil
	case err == access.ErrExpired: //nolint:errorlint // as it is documented
		return proof{kind: "secret"}, refuse(7000222, x.AppID)
	}
	return proof{kind: "secret"}, refuse(7000215, x.AppID)
}

// basicCredentials of RFC 6749, section 2.3.1: both are encoded as forms are.
func basicCredentials(header string) (id, secret string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(text), ":")
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	return id, secret, ok && err1 == nil && err2 == nil
}

// mayReturn says whether an application is answered at an address: one of its own to
// the letter, or on this machine for a public one, whatever the port (RFC 8252).
func (x *client) mayReturn(to, base string) bool {
	if len(to) > 2048 || strings.ContainsAny(to, "\\\r\n\t #") {
		return false
	}
	at, err := url.Parse(to)
	if err != nil || at.Scheme == "" || at.User != nil || at.Opaque != "" && at.Host == "" && strings.HasPrefix(at.Scheme, "http") {
		return false
	}
	if x.isPage(to) {
		return true
	}
	for _, known := range x.RedirectURIs {
		if strings.HasPrefix(known, "/") {
			known = base + known
		}
		if to == known {
			return true
		}
		k, err := url.Parse(known)
		if err != nil || !x.Public || !isLoopback(k) || !isLoopback(at) {
			continue
		}
		if at.Hostname() == k.Hostname() && strings.TrimSuffix(at.Path, "/") == strings.TrimSuffix(k.Path, "/") && at.RawQuery == k.RawQuery {
			return true
		}
	}
	return false
}

// isPage says whether an address is that of a page which redeems its codes itself.
func (x *client) isPage(to string) bool { return slices.Contains(x.SPARedirectURIs, to) }

// checkOrigin of a grant: what a page was given is redeemed by pages of the
// application, and nothing else by any page. page says how it was given.
//
// Source: the codes and texts of Entra.
func (c *call) checkOrigin(x client, page bool) *problem {
	origin := c.r.Header.Get("Origin")
	switch {
	case origin == "" && page:
		return refuse(9002327)
	case origin != "" && origin != c.base && (!page || !x.HasPages(origin)):
		return refuse(9002326, origin)
	}
	return nil
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
