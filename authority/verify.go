package authority

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"sextant/access"
)

// What is wrong with a token's form.
var (
	errTooLong        = errors.New("it is longer than 16 KB")
	errManySignatures = errors.New("it has not one signature")
	errForeignKey     = errors.New("it brings a key along, or asks for more than this program knows")
)

// ErrTenant: the token is of a tenant that is not here.
var ErrTenant = fmt.Errorf("%w: it is of a tenant that is not here", access.ErrToken)

// ErrSignature: nobody that is trusted signed the token.
var ErrSignature = fmt.Errorf("%w: nobody that is trusted here signed it", access.ErrToken)

// parse an access token of this authority: signature, issuer, times. Its audience is
// the caller's to check.
func (a *Authority) parse(text string) (tokenClaims, error) {
	var out tokenClaims
	t, h, err := parseToken(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return out, ErrSignature
	}
	k := a.keys.find(h.KeyID)
	if k == nil {
		return out, ErrSignature
	}
	if err := t.Claims(k.private.Public(), &out); err != nil {
		return out, ErrSignature
	}
	now := a.o.Clock()
	switch {
	case out.Expiry == nil || out.IssuedAt == nil || out.NotBefore == nil:
		return out, fmt.Errorf("%w: it has no times", access.ErrToken)
	case !now.Before(out.Expiry.Time().Add(leeway)):
		return out, access.ErrTokenExpired
	case now.Add(leeway).Before(out.NotBefore.Time()):
		return out, fmt.Errorf("%w: it is not valid yet", access.ErrToken)
	case out.Tenant == "" || out.ObjectID == "" || out.Version != "1.0" && out.Version != "2.0":
		// An id token has no application that asks, and is nobody's right.
		return out, fmt.Errorf("%w: it is no access token", access.ErrToken)
	case out.AppID == "" && out.Azp == "":
		return out, fmt.Errorf("%w: it is no access token", access.ErrToken)
	}
	u, err := url.Parse(out.Issuer)
	if err != nil || u.Host == "" || out.Issuer != issuer(u.Scheme+"://"+u.Host, out.Tenant, out.Version == "1.0") {
		return out, fmt.Errorf("%w: its issuer is not this authority", access.ErrToken)
	}
	if a.o.PublicURL != "" && u.Scheme+"://"+u.Host != a.o.PublicURL {
		return out, fmt.Errorf("%w: its issuer is not %s", access.ErrToken, a.o.PublicURL)
	}
	return out, nil
}

// Verify implements access.Verifier. What the principal may do is what it may now; a
// disabled account, and one whose password was changed or whose sessions were ended
// since, is refused.
func (a *Authority) Verify(ctx context.Context, token string, audiences []string) (*access.Principal, error) {
	if o, ok := a.issuedOutside(token); ok {
		return o.principal(ctx, token)
	}
	t, err := a.parse(token)
	if err != nil {
		return nil, err
	}
	if !t.madeOutTo(audiences) {
		return nil, fmt.Errorf("%w: it is for %s", access.ErrTokenAudience, shown(strings.Join(t.Audience, " ")))
	}
	if _, err := a.o.Accounts.Tenant(t.Tenant); err != nil {
		return nil, ErrTenant
	}
	app := t.AppID + t.Azp
	x, p := a.client(t.Tenant, app)
	switch {
	case p != nil && p.code == 7000112:
		return nil, access.ErrDisabled
	case p != nil && p.detail != nil:
		return nil, p.detail
	case p != nil:
		return nil, fmt.Errorf("%w: its application is not here any more", access.ErrToken)
	}
	if t.IDType == "app" {
		if x.builtIn || x.ID != t.ObjectID {
			return nil, fmt.Errorf("%w: its application is not here any more", access.ErrToken)
		}
		return a.o.Accounts.ForApp(t.Tenant, app)
	}
	w := who{Tenant: t.Tenant, Person: t.ObjectID, At: t.IssuedAt.Time(), Stamp: t.Stamp}
	if _, p := a.person(w); p != nil {
		if p.code == 50057 {
			return nil, access.ErrDisabled
		}
		return nil, fmt.Errorf("%w: %s", access.ErrToken, p.text)
	}
	return a.o.Accounts.ForPerson(t.Tenant, t.ObjectID, app, strings.Fields(t.Scope), t.Groups...)
}

// madeOutTo one of the audiences. A token for this server's own address, or for a
// Kusto cluster, is one for Kusto, whose clients ask so.
func (t *tokenClaims) madeOutTo(audiences []string) bool {
	u, err := url.Parse(t.Issuer)
	if err != nil {
		return false
	}
	for _, aud := range t.Audience {
		r, p := resourceOf(aud, u.Scheme+"://"+u.Host)
		if p != nil {
			continue
		}
		if slices.ContainsFunc(audiences, func(want string) bool {
			face, ok := access.FaceOf(want)
			return ok && face == r.Face
		}) {
			return true
		}
	}
	return false
}
