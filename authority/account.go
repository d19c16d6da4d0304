package authority

import (
	"encoding/base32"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"

	"sextant/access"
	"sextant/fault"
)

// freshFor so long after a sign-in may a person change how the next one goes.
const freshFor = 15 * time.Minute

// account is the page on which people see to their password, authenticator and
// passkeys.
func (c *call) account() {
	d, p := c.tenant()
	if p != nil {
		c.failPage(p)
		return
	}
	w, person, ok := c.session(d.ID)
	if !ok || c.now.Sub(w.At) > freshFor {
		f := &flow{For: forAccount, Segment: c.segment, Tenant: d.ID, App: PortalID, AppName: "Sextant account page", Correlation: c.correlation}
		c.showFlow(f, page{})
		return
	}
	if c.r.Method != http.MethodPost {
		c.showAccount(w, person, nil, page{})
		return
	}
	form, p := c.form()
	if p != nil {
		c.failPage(p)
		return
	}
	f, p := c.openFlow(form.Get("flow"))
	if p != nil || f.For != forAccount || f.Who == nil || f.Who.Person != person.ID || f.Tenant != d.ID {
		c.failPage(refuse(50089))
		return
	}
	said, err := c.accountAction(f, w, person, form)
	if fault.KindOf(err) == fault.Internal && err != nil {
		c.failPage(broken(err))
		return
	}
	// What was changed may be what the session stands on.
	if w, person, ok = c.session(d.ID); !ok {
		c.show(http.StatusOK, page{Title: "Done", Text: said})
		return
	}
	if err != nil {
		c.showAccount(w, person, f.Secret, page{Error: err.Error(), Status: http.StatusBadRequest})
		return
	}
	c.showAccount(w, person, nil, page{Text: said})
}

func (c *call) accountAction(f *flow, w who, person access.Person, form url.Values) (said string, err error) {
	by := access.Actor{ObjectID: person.ID, Name: person.UserPrincipalName, IP: c.addr}
	ctx, accounts := c.r.Context(), c.a.o.Accounts
	switch form.Get("action") {
	case "password":
		if form.Get("newpasswd") != form.Get("confirmpasswd") {
			return "", fault.New(fault.Invalid, "the two passwords differ")
		}
		if p := c.setPassword(f.Tenant, person, form.Get("passwd"), form.Get("newpasswd")); p != nil {
			if p.detail != nil {
				return "", p.detail
			}
			return "", fault.New(fault.Denied, "%s", p.forPeople())
		}
		person, err := accounts.Person(f.Tenant, person.ID)
		if err != nil {
			return "", err
		}
		w.Stamp = stamp(person)
		if err := c.remember(w); err != nil {
			return "", err
		}
		c.r.Header.Del("Cookie") // the one that it came with is void, and the new one is on its way
		return "The password was changed. Everywhere else you are signed out.", nil
	case "totp":
		return "The authenticator was added.", accounts.EnrolTOTP(ctx, by, f.Tenant, person.ID, f.Secret, form.Get("otc"))
	case "removetotp":
		return "The authenticator was removed.", accounts.RemoveTOTP(ctx, by, f.Tenant, person.ID)
	case "addpasskey":
		return "The passkey was added.", c.addPasskey(f, person, by, form)
	case "removepasskey":
		id, err := decode(form.Get("id"))
		if err != nil {
			return "", fault.New(fault.Invalid, "there is no such passkey")
		}
		return "The passkey was removed.", accounts.RemovePasskey(ctx, by, f.Tenant, person.ID, id)
	case "endsessions":
		return "You are signed out everywhere.", c.a.EndSessions(f.Tenant, person.ID)
	}
	return "", fault.New(fault.Invalid, "the page sent something that it has not")
}

// accountView is what the account page shows.
type accountView struct {
	UPN, Name string
	Local     bool // has a password here
	TOTP      bool
	Secret    string
	Address   template.URL // otpauth: what an authenticator learns the secret from
	QR        *qrView
	Passkeys  []passkeyView
	New       string // options of a registration
	SignOut   string
}

// qrView is a code as a path of squares, a unit each, in a field of Size by Size.
type qrView struct {
	Size int
	Path string
}

// qrOf a text, with the four units of margin that readers want; nil where it has no
// room in a code.
func qrOf(text string) *qrView {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil
	}
	const margin = 4
	var b strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+margin, y+margin)
			}
		}
	}
	return &qrView{code.Size + 2*margin, b.String()}
}

type passkeyView struct{ ID, Name, Created string }

// showAccount of a person. secret is of the authenticator that is being added, which
// may have learnt it already; nil makes one.
func (c *call) showAccount(w who, person access.Person, secret []byte, p page) {
	f := &flow{For: forAccount, Segment: w.Tenant, Tenant: w.Tenant, App: PortalID, AppName: "Sextant account page", Who: &w, Correlation: c.correlation}
	v := &accountView{UPN: person.UserPrincipalName, Name: person.DisplayName, Local: person.PasswordHash != "", TOTP: len(person.TOTPSecret) > 0}
	v.SignOut = "/" + url.PathEscape(w.Tenant) + "/oauth2/v2.0/logout"
	if !v.TOTP {
		const issuer = "Sextant"
		f.Secret = secret
		address := access.TOTPAddress(person, issuer, secret)
		if secret == nil {
			f.Secret, address = c.a.o.Accounts.NewTOTP(person, issuer)
		}
		v.QR, v.Address = qrOf(address), template.URL(address)
		v.Secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(f.Secret)
	}
	for _, k := range person.Passkeys {
		v.Passkeys = append(v.Passkeys, passkeyView{encode(k.ID), k.Name, k.Created.Format(time.DateOnly)})
	}
	v.New = c.newPasskey(f, person)
	sealed, err := c.sealFlow(f)
	if err != nil {
		c.failPage(broken(err))
		return
	}
	p.Title, p.Flow, p.Account, p.Action = "Your account", sealed, v, "/"+w.Tenant+"/account"
	c.show(max(p.Status, http.StatusOK), p)
}
