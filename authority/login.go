package authority

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"sextant/access"
	"sextant/fault"
)

// login takes what a sign-in page sends.
func (c *call) login() {
	form, p := c.form()
	if p != nil {
		c.failPage(p)
		return
	}
	f, p := c.openFlow(form.Get("flow"))
	if p != nil {
		c.failPage(p)
		return
	}
	if f.Tenant != "" {
		c.segment = f.Tenant
	}
	c.note.interactive(f)
	switch action := form.Get("action"); {
	case action == "cancel":
		c.cancel(f)
	case action == "password" && f.Step == stepFirst:
		c.password(f, form)
	case action == "passkey" && (f.Step == stepFirst || f.Step == stepSecond):
		c.passkey(f, form)
	case action == "otp" && f.Step == stepSecond:
		c.otp(f, form)
	case action == "change" && f.Step == stepChange:
		c.changePassword(f, form)
	case (action == "approve" || action == "decline") && f.Step == stepConfirm:
		c.decide(f, action)
	default:
		c.failPage(refuse(9002313, "the page sent something that it has not"))
	}
}

// cancel goes back with an error.
func (c *call) cancel(f *flow) {
	if f.For != forApp {
		c.show(200, page{Title: "Not signed in", Text: "You can close this page."})
		return
	}
	p := refuse(65004)
	p.name = "access_denied"
	c.answer(f, nil, p)
}

// again shows a page once more, with what was wrong.
func (c *call) again(f *flow, p *problem) {
	c.record(p)
	c.log(p)
	c.showFlow(f, page{Error: p.forPeople(), Status: 400})
}

func (c *call) password(f *flow, form url.Values) {
	upn := strings.TrimSpace(form.Get("login"))
	c.note.upn, f.Hint = upn, upn
	if upn == "" || form.Get("passwd") == "" {
		c.showFlow(f, page{Error: "Give the user name and the password.", Status: 400})
		return
	}
	tenant := access.Directory{ID: f.Tenant}
	if f.Tenant == "" {
		var p *problem
		if tenant, p = c.tenantOf(upn); p != nil {
			c.showFlow(f, page{Error: "No directory here has this name's domain. Write the name with its domain, such as ann@example.com.", Status: 400})
			return
		}
	}
	c.note.tenant = tenant.ID
	person, p := c.checkPassword(tenant, upn, form.Get("passwd"))
	if p != nil {
		c.again(f, p)
		return
	}
	c.note.person = &person
	f.Tenant = tenant.ID
	f.Who = &who{Tenant: tenant.ID, Person: person.ID, How: []string{"pwd"}, At: c.now.UTC(), Stamp: stamp(person)}
	if len(person.TOTPSecret) > 0 || len(person.Passkeys) > 0 {
		f.Step = stepSecond
		c.showFlow(f, page{UPN: person.UserPrincipalName})
		return
	}
	c.signedIn(f, person, nil, f.Who.How)
}

// half gives the person whose password was right, as the account is now.
func (c *call) half(f *flow) (access.Person, bool) {
	if f.Who == nil {
		c.failPage(refuse(50089))
		return access.Person{}, false
	}
	person, p := c.a.person(*f.Who)
	if p != nil {
		c.failPage(p)
		return person, false
	}
	c.note.person, c.note.tenant, c.note.factor = &person, f.Who.Tenant, true
	return person, true
}

func (c *call) otp(f *flow, form url.Values) {
	person, ok := c.half(f)
	if !ok {
		return
	}
	tried := "person " + f.Tenant + " " + strings.ToLower(person.UserPrincipalName) + " " + c.addr
	if wait := c.a.refused.wait(tried, c.now); wait > 0 {
		c.again(f, refuse(90055))
		return
	}
	code := strings.Join(strings.Fields(form.Get("otc")), "")
	err := c.a.o.Accounts.CheckTOTP(c.r.Context(), f.Tenant, person.ID, code)
	switch {
	case errors.Is(err, access.ErrWrongCode):
		c.a.refused.count(tried, c.now)
		p := refuse(500121)
		p.text = "The code is wrong, or was used before. Wait for the next one."
		c.again(f, p)
		return
	case err != nil:
		c.again(f, refusalOf(err))
		return
	}
	c.signedIn(f, person, nil, []string{"pwd", "otp", "mfa"})
}

// signedIn somebody, by whatever means: the browser remembers, and the flow goes on.
func (c *call) signedIn(f *flow, person access.Person, groups, how []string) {
	w := who{Tenant: f.Tenant, Person: person.ID, Groups: groups, How: how, At: c.now.UTC(), Stamp: stamp(person)}
	c.note.tenant, c.note.person, c.note.how = w.Tenant, &person, how
	if person.MustChange && slices.Contains(how, "pwd") {
		f.Who, f.Step = &w, stepChange
		c.showFlow(f, page{UPN: person.UserPrincipalName})
		return
	}
	if err := c.remember(w); err != nil {
		c.failPage(broken(err))
		return
	}
	c.finish(f, w, person)
}

// remember whoever signed in, in place of whoever was.
func (c *call) remember(w who) error {
	if old := c.cookie("session"); old != "" {
		if _, err := c.a.o.DB.Delete(sessionKind, hashed(old), ""); err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return c.startSession(sessionDoc{Expires: c.now.Add(sessionLife).UTC(), Who: w, Rotated: c.now.UTC()})
}

// changePassword that must be, in the middle of a sign-in.
func (c *call) changePassword(f *flow, form url.Values) {
	person, ok := c.half(f)
	if !ok {
		return
	}
	c.note.factor = false
	if form.Get("newpasswd") != form.Get("confirmpasswd") {
		c.showFlow(f, page{Error: "The two passwords differ.", Status: 400})
		return
	}
	if p := c.setPassword(f.Tenant, person, form.Get("passwd"), form.Get("newpasswd")); p != nil {
		c.again(f, p)
		return
	}
	person, err := c.a.o.Accounts.Person(f.Tenant, person.ID)
	if err != nil {
		c.failPage(broken(err))
		return
	}
	c.signedIn(f, person, f.Who.Groups, f.Who.How)
}

// setPassword of a person who knows the one before it.
func (c *call) setPassword(tenant string, person access.Person, old, next string) *problem {
	if _, p := c.checkPassword(access.Directory{ID: tenant}, person.UserPrincipalName, old); p != nil {
		return p
	}
	p := refuse(50055)
	if old == next {
		p.text = "The new password is the old one."
		return p
	}
	by := access.Actor{ObjectID: person.ID, Name: person.UserPrincipalName, IP: c.addr}
	err := c.a.o.Accounts.SetPassword(c.r.Context(), by, tenant, person.ID, next, false)
	switch {
	case fault.KindOf(err) == fault.Invalid:
		p.text = err.Error()
		return p
	case err != nil:
		return broken(err)
	}
	return nil
}

// decide what a person says of a device.
func (c *call) decide(f *flow, action string) {
	person, ok := c.half(f)
	if !ok {
		return
	}
	c.note.factor, c.note.how = false, f.Who.How
	doc, err := c.a.o.DB.Get(deviceKind, f.Device)
	var d deviceDoc
	if err == nil {
		err = doc.Decode(&d)
	}
	if err != nil || d.State != "pending" || !c.now.Before(d.Expires) || d.Tenant != "" && d.Tenant != f.Who.Tenant {
		c.failPage(refuse(70020))
		return
	}
	d.State, d.Who = "approved", *f.Who
	if action == "decline" {
		d.State, d.Who = "declined", who{Tenant: f.Who.Tenant}
	}
	_, err = c.a.o.DB.Put(deviceKind, f.Device, d, doc.ETag())
	switch {
	case fault.KindOf(err) == fault.Conflict:
		c.failPage(refuse(70020))
		return
	case err != nil:
		c.failPage(broken(err))
		return
	}
	if action == "decline" {
		c.record(refuse(65004))
		c.show(200, page{Title: "Not signed in", Text: "The device was told that you declined. You can close this page."})
		return
	}
	c.record(nil)
	c.show(200, page{Title: "You have signed in", Text: "You have signed in to " + f.AppName + " on your device as " + person.UserPrincipalName + ". You can close this page."})
}

// deviceLogin is the page on which a device's code is typed.
func (c *call) deviceLogin() {
	if c.r.Method == "GET" {
		f := &flow{For: forDevice, Segment: common, Step: stepCode, Correlation: c.correlation}
		c.showFlow(f, page{Code: shown(plainUserCode(c.r.URL.Query().Get("user_code")))})
		return
	}
	form, p := c.form()
	if p != nil {
		c.failPage(p)
		return
	}
	f, p := c.openFlow(form.Get("flow"))
	if p != nil || f.For != forDevice || f.Step != stepCode {
		c.failPage(refuse(50089))
		return
	}
	tried := "user code " + c.addr
	if wait := c.a.refused.wait(tried, c.now); wait > 0 {
		c.showFlow(f, page{Error: refuse(90055).text, Status: 429})
		return
	}
	u, _, err := lookup[userCodeDoc](c.a, userCodeKind, plainUserCode(form.Get("otc")))
	var d deviceDoc
	if err == nil {
		doc, e := c.a.o.DB.Get(deviceKind, u.Device)
		if err = e; err == nil {
			err = doc.Decode(&d)
		}
	}
	if err != nil || d.State != "pending" || !c.now.Before(d.Expires) {
		c.a.refused.count(tried, c.now)
		c.showFlow(f, page{Error: "The code is not one that a device shows now. Look at it again, or let the device make another.", Status: 400})
		return
	}
	f.Device, f.Tenant, f.App, f.AppName, f.Want, f.Step = u.Device, d.Tenant, d.App, d.AppName, d.Want, stepFirst
	if w, person, ok := c.session(f.Tenant); ok {
		c.finish(f, w, person)
		return
	}
	c.showFlow(f, page{})
}
