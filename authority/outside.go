package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"sextant/access"
	"sextant/fault"
)

// Provider is an issuer elsewhere (Entra ID, Keycloak, …) at which people sign in.
type Provider struct {
	Name         string // for people
	Issuer       string
	ClientID     string
	ClientSecret string
	Scopes       []string // besides openid, profile, email
	Tenant       string   // of ours, that its people belong to
	// GroupClaim has the names or ids of groups, which access.Group.Outside maps;
	// "" is groups.
	GroupClaim string
	// NameClaim has the user principal name of accounts that are made; "" is upn,
	// preferred_username or email, whichever comes first.
	NameClaim string
	// Create makes an account at the first sign-in. Without it an administrator makes
	// it, with issuer and subject.
	Create bool
	// Audiences of its access tokens that are taken as bearer tokens; none are where
	// there is none.
	Audiences []string
	// Permissions that its access tokens give, besides those in scp and scope that are
	// permissions here: roles decide what they are good for.
	Permissions []string
}

// outsideTime is how long an issuer elsewhere may take.
const outsideTime = 15 * time.Second

// outsideAlgorithms that tokens of elsewhere are signed with. Shared secrets and none
// are not among them.
var outsideAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

func outsideAlgorithmNames() []string {
	var out []string
	for _, a := range outsideAlgorithms {
		out = append(out, string(a))
	}
	return out
}

// outsider is a provider, or an issuer that an application federates with. What it
// says of itself is read when it is first needed.
type outsider struct {
	Provider
	a        *Authority
	mu       sync.Mutex
	provider *oidc.Provider
}

func openOutside(o Options) ([]*outsider, error) {
	var out []*outsider
	for _, p := range o.Outside {
		if err := checkIssuer(p.Issuer); err != nil {
			return nil, err
		}
		if p.Tenant == "" {
			return nil, fault.New(fault.Invalid, "the issuer %s needs a tenant that its people belong to", p.Issuer)
		}
		if p.ClientID == "" && len(p.Audiences) == 0 {
			return nil, fault.New(fault.Invalid, "the issuer %s needs a client id, for people to sign in with, or audiences, for its tokens to be taken", p.Issuer)
		}
		if p.Name == "" {
			p.Name = strings.TrimPrefix(p.Issuer, "https://")
		}
		if p.GroupClaim == "" {
			p.GroupClaim = "groups"
		}
		p.Tenant = strings.ToLower(p.Tenant)
		out = append(out, &outsider{Provider: p})
	}
	return out, nil
}

// checkIssuer: what an issuer says of itself must not be said by somebody on the way.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !isLoopback(u) {
		return fault.New(fault.Invalid, "%q is no issuer; https://login.example.com/realms/main is", issuer)
	}
	return nil
}

// discovered is the provider, read once and again after a failure.
func (o *outsider) discovered(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	// The provider keeps the context's client for reading keys, and must outlive the
	// request.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.a.o.HTTP), o.Issuer)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the issuer %s cannot be read: %w", o.Issuer, err)
	}
	o.provider = p
	return p, nil
}

// verify a token of the provider: signature, issuer, times. audience is "" where the
// caller checks it.
func (o *outsider) verify(ctx context.Context, text, audience string) (*oidc.IDToken, error) {
	p, err := o.discovered(ctx)
	if err != nil {
		return nil, err
	}
	return p.Verifier(&oidc.Config{
		ClientID: audience, SkipClientIDCheck: audience == "", SupportedSigningAlgs: outsideAlgorithmNames(), Now: o.a.o.Clock,
	}).Verify(oidc.ClientContext(ctx, o.a.o.HTTP), text)
}

// verifyOf an issuer that an application federates with.
func (a *Authority) verifyOf(ctx context.Context, issuer, text string) (*oidc.IDToken, error) {
	if err := checkIssuer(issuer); err != nil {
		return nil, err
	}
	a.mu.Lock()
	o := a.federated[issuer]
	if o == nil {
		o = &outsider{Provider: Provider{Issuer: issuer}, a: a}
		a.federated[issuer] = o
	}
	a.mu.Unlock()
	return o.verify(ctx, text, "")
}

// issuedOutside finds the provider of a bearer token, by the issuer that it claims;
// the signature is checked afterwards.
func (a *Authority) issuedOutside(text string) (*outsider, bool) {
	if len(a.outside) == 0 {
		return nil, false
	}
	t, _, err := parseToken(text, outsideAlgorithms)
	if err != nil {
		return nil, false
	}
	var claims jwt.Claims
	if err := t.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return nil, false
	}
	i := slices.IndexFunc(a.outside, func(o *outsider) bool { return len(o.Audiences) > 0 && o.Issuer == claims.Issuer })
	if i < 0 {
		return nil, false
	}
	return a.outside[i], true
}

// principal of a bearer token of the provider.
func (o *outsider) principal(ctx context.Context, text string) (*access.Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	t, err := o.verify(ctx, text, "")
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return nil, access.ErrTokenExpired
	case fault.KindOf(err) == fault.Unavailable:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	case !slices.ContainsFunc(t.Audience, func(s string) bool { return slices.Contains(o.Audiences, s) }):
		return nil, fmt.Errorf("%w: it is for %s", access.ErrTokenAudience, shown(strings.Join(t.Audience, " ")))
	}
	claims := map[string]any{}
	if err := t.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: %w", access.ErrToken, err)
	}
	p, err := o.account(ctx, t, claims)
	if err != nil {
		return nil, err
	}
	scopes := slices.Clone(o.Permissions)
	for _, name := range []string{"scp", "scope"} {
		if s, ok := claims[name].(string); ok {
			scopes = append(scopes, strings.Fields(s)...)
		}
	}
	app, _ := claims["azp"].(string)
	if id, ok := claims["appid"].(string); ok && app == "" {
		app = id
	}
	return o.a.o.Accounts.ForPerson(o.Tenant, p.ID, app, scopes, o.groups(claims)...)
}

// groups of ours that a token makes its bearer a member of.
func (o *outsider) groups(claims map[string]any) []string {
	var names []string
	switch v := claims[o.GroupClaim].(type) {
	case string:
		names = []string{v}
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				names = append(names, s)
			}
		}
	}
	return o.a.o.Accounts.OutsideGroups(o.Tenant, names)
}

// account of whoever a token of the provider is about. It is found by issuer and
// subject alone: an address or a name can be another's next year.
func (o *outsider) account(ctx context.Context, t *oidc.IDToken, claims map[string]any) (access.Person, error) {
	p, err := o.a.o.Accounts.PersonBySubject(o.Tenant, t.Issuer, t.Subject)
	if err == nil && !p.AccountEnabled {
		return p, access.ErrDisabled
	}
	if fault.KindOf(err) != fault.NotFound {
		return p, err
	}
	if !o.Create {
		return p, fault.New(fault.Denied, "nobody here signs in as %q of %s; an administrator can make the account", shown(t.Subject), t.Issuer)
	}
	names := []string{"upn", "preferred_username", "email"}
	if o.NameClaim != "" {
		names = []string{o.NameClaim}
	}
	p = access.Person{AccountEnabled: true, Issuer: t.Issuer, Subject: t.Subject}
	for _, n := range names {
		if s, ok := claims[n].(string); ok && strings.Contains(s, "@") {
			p.UserPrincipalName = s
			break
		}
	}
	if p.UserPrincipalName == "" {
		return p, fault.New(fault.Denied, "the token of %s has no name such as ann@example.com in %s, so no account can be made", t.Issuer, strings.Join(names, ", "))
	}
	p.DisplayName, _ = claims["name"].(string)
	by := access.Actor{Name: o.Name, App: true}
	made, err := o.a.o.Accounts.AddPerson(ctx, by, o.Tenant, p)
	if fault.KindOf(err) == fault.Conflict {
		// Two at once: the other one made it. Else the name is somebody's.
		if p, err := o.a.o.Accounts.PersonBySubject(o.Tenant, t.Issuer, t.Subject); err == nil {
			return p, nil
		}
		return p, fault.New(fault.Denied, "there is an account %s already, which does not sign in at %s; an administrator can join the two", p.UserPrincipalName, t.Issuer)
	}
	return made, err
}

func (o *outsider) oauth(ctx context.Context, base string) (*oauth2.Config, error) {
	p, err := o.discovered(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: base + outsidePath,
		Scopes: slices.Concat([]string{oidc.ScopeOpenID, "profile", "email"}, o.Scopes),
	}, nil
}

// away is what a sign-in elsewhere comes back with, sealed in its state.
type away struct {
	Flow     string `json:"flow"` // sealed
	Issuer   string `json:"issuer"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// outsideStart sends a person to a provider.
func (c *call) outsideStart() {
	if !c.get() {
		return
	}
	q := c.r.URL.Query()
	f, p := c.openFlow(q.Get("flow"))
	if p != nil {
		c.failPage(p)
		return
	}
	i := slices.IndexFunc(c.a.outside, func(o *outsider) bool { return o.ClientID != "" && o.Issuer == q.Get("issuer") })
	if i < 0 || f.Tenant != "" && f.Tenant != c.a.outside[i].Tenant {
		c.failPage(refuse(9002313, "there is no such way to sign in"))
		return
	}
	o := c.a.outside[i]
	ctx, cancel := context.WithTimeout(c.r.Context(), outsideTime)
	defer cancel()
	conf, err := o.oauth(ctx, c.base)
	if err != nil {
		c.failPage(broken(err))
		return
	}
	w := away{Flow: q.Get("flow"), Issuer: o.Issuer, Nonce: c.a.random(16), Verifier: oauth2.GenerateVerifier()}
	state, err := c.a.seal(awayUse, w)
	if err != nil {
		c.failPage(broken(err))
		return
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(w.Nonce), oauth2.S256ChallengeOption(w.Verifier)}
	if f.Hint != "" {
		opts = append(opts, oauth2.SetAuthURLParam("login_hint", f.Hint))
	}
	http.Redirect(c.w, c.r, conf.AuthCodeURL(state, opts...), http.StatusFound)
}

const awayUse = "sign-in elsewhere"

// outsideBack takes a person back from a provider.
func (c *call) outsideBack() {
	if !c.get() {
		return
	}
	q := c.r.URL.Query()
	var w away
	if err := c.a.unseal(awayUse, q.Get("state"), &w); err != nil {
		c.failPage(refuse(9002313, "this sign-in did not begin here"))
		return
	}
	f, p := c.openFlow(w.Flow)
	if p != nil {
		c.failPage(p)
		return
	}
	c.segment = common
	i := slices.IndexFunc(c.a.outside, func(o *outsider) bool { return o.Issuer == w.Issuer })
	if i < 0 {
		c.failPage(refuse(9002313, "there is no such way to sign in"))
		return
	}
	o := c.a.outside[i]
	c.note.interactive(f)
	c.note.tenant = o.Tenant
	if text := q.Get("error"); text != "" {
		c.showFlow(f, page{Error: o.Name + " refused the sign-in: " + shown(text+" "+q.Get("error_description"))})
		return
	}
	person, groups, err := o.exchange(c.r.Context(), c.base, q.Get("code"), w)
	if err != nil {
		p := refusalOf(err)
		c.log(p)
		if fault.KindOf(err) == fault.Denied {
			p = refuse(50126)
			p.text = err.Error()
		}
		c.record(p)
		c.showFlow(f, page{Error: p.text, Status: http.StatusBadRequest})
		return
	}
	first, err := c.a.once("elsewhere "+w.Nonce, c.now.Add(flowLife).UTC())
	if err != nil || !first {
		c.failPage(refuse(9002313, "this sign-in was used before"))
		return
	}
	f.Tenant = o.Tenant
	c.signedIn(f, person, groups, []string{"fed"})
}

// exchange a code for whom it is about.
func (o *outsider) exchange(ctx context.Context, base, code string, w away) (access.Person, []string, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, o.a.o.HTTP), outsideTime)
	defer cancel()
	conf, err := o.oauth(ctx, base)
	if err != nil {
		return access.Person{}, nil, err
	}
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(w.Verifier))
	if err != nil {
		return access.Person{}, nil, fault.New(fault.Unavailable, "%s did not take its code back: %w", o.Issuer, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := o.verify(ctx, raw, o.ClientID)
	if err != nil {
		return access.Person{}, nil, fault.New(fault.Unavailable, "the id token of %s is not valid: %w", o.Issuer, err)
	}
	if id.Nonce != w.Nonce {
		return access.Person{}, nil, fault.New(fault.Unavailable, "the id token of %s is of another sign-in", o.Issuer)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return access.Person{}, nil, err
	}
	p, err := o.account(ctx, id, claims)
	return p, o.groups(claims), err
}

// seal what goes out and comes back, for one use.
func (a *Authority) seal(use string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sealed, err := a.o.Accounts.Seal(use, text)
	return encode(sealed), err
}

func (a *Authority) unseal(use, text string, into any) error {
	sealed, err := decode(text)
	if err != nil {
		return err
	}
	plain, err := a.o.Accounts.Unseal(use, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}
