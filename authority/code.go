package authority

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"regexp"
	"time"

	"sextant/fault"
)

// codeDoc is what is kept of an authorization code. It stays when it was redeemed, so
// that a second use is seen.
type codeDoc struct {
	Expires   time.Time `json:"expires"`
	App       string    `json:"app"`
	Return    string    `json:"redirectUri"`
	Challenge string    `json:"challenge,omitempty"`
	Plain     bool      `json:"plain,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	Want      resource  `json:"want"`
	Who       who       `json:"who"`
	Family    string    `json:"family"`
	Page      bool      `json:"page,omitempty"` // it goes to a page
	Redeemed  bool      `json:"redeemed,omitempty"`
}

var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

func (d *codeDoc) proves(verifier string) bool {
	if !verifierForm.MatchString(verifier) {
		return false
	}
	got := verifier
	if !d.Plain {
		h := sha256.Sum256([]byte(verifier))
		got = base64.RawURLEncoding.EncodeToString(h[:])
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(d.Challenge)) == 1
}

func (c *call) grantCode(g *grant, form url.Values) *problem {
	c.note.kind = "" // the page that gave the code recorded the sign-in
	if p := need(form, "code", "redirect_uri"); p != nil {
		return p
	}
	code := form.Get("code")
	d, etag, err := lookup[codeDoc](c.a, codeKind, code)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return refuse(70008)
	case err != nil:
		return broken(err)
	case d.Redeemed:
		if err := c.a.revoke(d.Family); err != nil {
			return broken(err)
		}
		return refuse(54005)
	case !c.now.Before(d.Expires):
		return refuse(70008)
	case d.Who.Tenant != g.tenant.ID:
		return refuse(700005)
	case d.App != g.client.AppID:
		return refuse(70000)
	case d.Return != form.Get("redirect_uri"):
		return refuse(500112, form.Get("redirect_uri"))
	case d.Challenge != "" && !d.proves(form.Get("code_verifier")),
		d.Challenge == "" && form.Get("code_verifier") != "":
		return refuse(501481)
	}
	if p := c.checkOrigin(g.client, d.Page); p != nil {
		return p
	}
	// One redeems it: the state tells two at once apart.
	d.Redeemed = true
	if err := c.a.keep(codeKind, code, d, etag); err != nil {
		if fault.KindOf(err) == fault.Conflict {
			return refuse(54005)
		}
		return broken(err)
	}
	person, p := c.a.person(d.Who)
	if p != nil {
		return p
	}
	g.person, g.who, g.nonce, g.want = &person, d.Who, d.Nonce, d.Want
	if form.Get("scope") != "" && !c.v1 || c.v1 && form.Get("resource") != "" {
		// A code is good for another resource than it was asked with; what OpenID
		// Connect was asked for stays.
		want, p := c.wanted(form)
		if p != nil {
			return p
		}
		want.OpenID, want.Offline = want.OpenID || d.Want.OpenID, want.Offline || d.Want.Offline
		g.want = want
	}
	if g.scopes, p = g.want.grantScopes(g.client); p != nil {
		return p
	}
	if g.want.Offline {
		g.family = d.Family
		life := familyLife
		if d.Page {
			life = pageLife
		}
		if err := c.a.keep(familyKind, g.family, familyDoc{Expires: c.now.Add(life).UTC(), Page: d.Page}, ""); err != nil {
			return broken(err)
		}
	}
	return c.give(g)
}
