package authority

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sextant/access"
)

// who is the person that a grant is about: what a sign-in found out, and what is kept
// of it in codes, refresh tokens and sessions.
type who struct {
	Tenant string `json:"tenant"`
	Person string `json:"person"`
	// Groups of ours that the token of an outside issuer made the person a member of.
	Groups []string  `json:"groups,omitempty"`
	How    []string  `json:"amr"` // pwd, otp, fido, mfa, fed
	At     time.Time `json:"authTime"`
	// Stamp changes when the password does: what was given before is void.
	Stamp string `json:"stamp"`
}

// stamp of a person's credentials.
func stamp(p access.Person) string {
	h := sha256.Sum256([]byte(p.PasswordHash + "\x00" + p.Issuer + "\x00" + p.Subject))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

// person of a grant, as the account is now.
func (a *Authority) person(w who) (access.Person, *problem) {
	p, err := a.o.Accounts.Person(w.Tenant, w.Person)
	switch {
	case err != nil, stamp(p) != w.Stamp, a.voided(w.Tenant, w.Person, w.At):
		return p, refuse(50173)
	case !p.AccountEnabled:
		return p, refuse(50057)
	}
	return p, nil
}

// grant is what tokens are made of.
type grant struct {
	tenant access.Directory
	client client
	proof  proof
	want   resource
	scopes []string       // of a person's token
	person *access.Person // nil for an application as itself
	who    who
	nonce  string
	family string // of refresh tokens; "" begins one, where one is wanted
}

// tokenClaims of an access token, in Entra's names.
type tokenClaims struct {
	jwt.Claims
	Tenant   string   `json:"tid"`
	ObjectID string   `json:"oid"`
	AppID    string   `json:"appid,omitempty"`    // first version
	AppAcr   string   `json:"appidacr,omitempty"` // first version
	Azp      string   `json:"azp,omitempty"`      // second version
	AzpAcr   string   `json:"azpacr,omitempty"`   // second version
	AppName  string   `json:"app_displayname,omitempty"`
	IDType   string   `json:"idtyp,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Scope    string   `json:"scp,omitempty"`
	Name     string   `json:"name,omitempty"`
	UPN      string   `json:"upn,omitempty"`                // first version
	Username string   `json:"preferred_username,omitempty"` // second version
	How      []string `json:"amr,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Stamp    string   `json:"xms_stamp,omitempty"`
	Address  string   `json:"ipaddr,omitempty"`
	Version  string   `json:"ver"`
	ID       string   `json:"uti"`
}

// subject is pairwise: the same person is another to each application.
func subject(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func (a *Authority) signed(claims any) (string, error) {
	k, err := a.keys.sign()
	if err != nil {
		return "", err
	}
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t", k.ID)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}, opts)
	if err != nil {
		return "", err
	}
	return jwt.Signed(s).Claims(claims).Serialize()
}

// times of a token that is made now.
func (c *call) times(aud string, tenant string) jwt.Claims {
	return jwt.Claims{
		Issuer: issuer(c.base, tenant, c.v1), Audience: jwt.Audience{aud},
		IssuedAt: jwt.NewNumericDate(c.now), NotBefore: jwt.NewNumericDate(c.now), Expiry: jwt.NewNumericDate(c.now.Add(tokenLife)),
	}
}

func (c *call) accessToken(g *grant) (string, error) {
	t := tokenClaims{
		Claims: c.times(g.want.Audience, g.tenant.ID), Tenant: g.tenant.ID, AppName: g.client.DisplayName,
		Version: "2.0", ID: c.a.random(16), Address: c.addr,
	}
	if c.v1 {
		t.Version, t.AppID, t.AppAcr = "1.0", g.client.AppID, g.proof.acr()
	} else {
		t.Azp, t.AzpAcr = g.client.AppID, g.proof.acr()
	}
	c.note.token = t.ID
	if g.person == nil {
		t.ObjectID, t.Subject, t.IDType = g.client.ID, g.client.ID, "app"
		known := access.Permissions(g.want.Face)
		for _, r := range g.client.Permissions {
			if slices.Contains(known, r) {
				t.Roles = append(t.Roles, r)
			}
		}
		return c.a.signed(t)
	}
	t.ObjectID, t.Subject, t.IDType = g.person.ID, subject(g.person.ID, g.want.Audience), "user"
	t.Scope, t.Name, t.How, t.Groups, t.Stamp = strings.Join(g.scopes, " "), g.person.DisplayName, g.who.How, g.who.Groups, g.who.Stamp
	if c.v1 {
		t.UPN = g.person.UserPrincipalName
	} else {
		t.Username = g.person.UserPrincipalName
	}
	return c.a.signed(t)
}

// idClaims of an id token.
type idClaims struct {
	jwt.Claims
	Tenant   string           `json:"tid"`
	ObjectID string           `json:"oid"`
	Name     string           `json:"name"`
	Username string           `json:"preferred_username,omitempty"`
	UPN      string           `json:"upn,omitempty"`
	Nonce    string           `json:"nonce,omitempty"`
	How      []string         `json:"amr,omitempty"`
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	Version  string           `json:"ver"`
	ID       string           `json:"uti"`
}

func (c *call) idToken(g *grant) (string, error) {
	t := idClaims{
		Claims: c.times(g.client.AppID, g.tenant.ID), Tenant: g.tenant.ID, ObjectID: g.person.ID, Name: g.person.DisplayName,
		Nonce: g.nonce, How: g.who.How, AuthTime: jwt.NewNumericDate(g.who.At), Version: "2.0", ID: c.a.random(16),
		Username: g.person.UserPrincipalName,
	}
	if c.v1 {
		t.Version, t.UPN, t.Username = "1.0", g.person.UserPrincipalName, ""
	}
	t.Subject = subject(g.person.ID, g.client.AppID)
	return c.a.signed(t)
}

// give a client its tokens.
func (c *call) give(g *grant) *problem {
	token, err := c.accessToken(g)
	if err != nil {
		return broken(err)
	}
	life := int(tokenLife/time.Second) - 1
	out := map[string]any{"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}
	if c.v1 {
		text := strconv.Itoa(life)
		out["expires_in"], out["ext_expires_in"], out["resource"] = text, text, g.want.Audience
		out["expires_on"], out["not_before"] = strconv.FormatInt(c.now.Add(tokenLife).Unix(), 10), strconv.FormatInt(c.now.Unix(), 10)
	}
	if g.person != nil {
		out["scope"] = strings.Join(g.granted(c.v1), " ")
		info, err := json.Marshal(map[string]string{"uid": g.person.ID, "utid": g.tenant.ID})
		if err != nil {
			return broken(err)
		}
		out["client_info"] = base64.RawURLEncoding.EncodeToString(info)
		if g.want.OpenID {
			if out["id_token"], err = c.idToken(g); err != nil {
				return broken(err)
			}
		}
		if g.want.Offline {
			var p *problem
			if out["refresh_token"], p = c.refreshToken(g); p != nil {
				return p
			}
		}
	}
	c.json(http.StatusOK, out)
	return nil
}

// granted scopes as the answer names them: with the resource before them, and all
// that was asked for among them, which clients look for to the letter.
func (g *grant) granted(v1 bool) []string {
	if v1 {
		return g.scopes
	}
	out := slices.Clone(g.want.Asked)
	for _, s := range g.scopes {
		full := g.want.Audience + "/" + s
		if !containsFold(out, full) && !containsFold(out, s) {
			out = append(out, full)
		}
	}
	return out
}
