package authority

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"sextant/fault"
)

// deviceInterval between two polls.
const deviceInterval = 5 * time.Second

// deviceDoc is a sign-in on a device that has no browser.
type deviceDoc struct {
	Expires time.Time `json:"expires"`
	App     string    `json:"app"`
	AppName string    `json:"appName"`
	Tenant  string    `json:"tenant,omitempty"` // "" where the device did not say
	Address string    `json:"address"`          // of the device
	Want    resource  `json:"want"`
	V1      bool      `json:"v1,omitempty"`
	State   string    `json:"state"` // pending, approved, declined, redeemed
	Who     who       `json:"who"`
}

// userCodeDoc leads from the code that a person types to the device's.
type userCodeDoc struct {
	Expires time.Time `json:"expires"`
	Device  string    `json:"device"` // id of its document: the hash of the device code
}

// userCodeLetters have no vowels, so that no words come of them, and no two that look
// alike. Eight of them are 34 bits, which live a quarter of an hour.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

func (a *Authority) userCode() string {
	var b strings.Builder
	for b.Len() < userCodeLength {
		for _, x := range a.randomBytes(16) {
			if n := int(x); n < 240 && b.Len() < userCodeLength { // 240 is 12 times 20
				b.WriteByte(userCodeLetters[n%len(userCodeLetters)])
			}
		}
	}
	return b.String()
}

// plainUserCode is a typed one without what people put in.
func plainUserCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(s)))
}

// deviceCode begins a sign-in.
func (c *call) deviceCode() {
	if p := c.beginDevice(); p != nil {
		c.fail(p)
	}
}

func (c *call) beginDevice() *problem {
	form, p := c.form()
	if p != nil {
		return p
	}
	if p := need(form, "client_id"); p != nil {
		return p
	}
	if !c.a.asked.count("device "+c.addr, c.now) {
		p := refuse(90055)
		p.retry = time.Minute
		return p
	}
	tenant := c.a.tenantOfApp(form.Get("client_id"))
	if !open(c.segment) {
		d, p := c.tenant()
		if p != nil {
			return p
		}
		tenant = d.ID
	}
	x, p := c.a.client(tenant, form.Get("client_id"))
	if p != nil {
		return p
	}
	if !x.Public {
		return refuse(7000218)
	}
	d := deviceDoc{Expires: c.now.Add(deviceLife).UTC(), App: x.AppID, AppName: x.DisplayName, Tenant: tenant, Address: c.addr, V1: c.v1, State: "pending"}
	if d.Want, p = c.wanted(form); p != nil {
		return p
	}
	if _, p := d.Want.grantScopes(x); p != nil {
		return p
	}
	code, typed := c.a.random(32), c.a.userCode()
	if err := c.a.keep(deviceKind, code, d, ""); err != nil {
		return broken(err)
	}
	if err := c.a.keep(userCodeKind, typed, userCodeDoc{d.Expires, hashed(code)}, ""); err != nil {
		return broken(err)
	}
	out := map[string]any{
		"user_code": typed, "device_code": code, "verification_uri": c.base + devicePath,
		"expires_in": int(deviceLife / time.Second), "interval": int(deviceInterval / time.Second),
		"message": "To sign in, use a web browser to open the page " + c.base + devicePath + " and enter the code " + typed + " to authenticate.",
	}
	if c.v1 {
		out["verification_url"] = out["verification_uri"]
	}
	c.json(http.StatusOK, out)
	return nil
}

// deviceCodeIn a form: older clients call it code.
func deviceCodeIn(form url.Values) string {
	if code := form.Get("device_code"); code != "" {
		return code
	}
	return form.Get("code")
}

func (c *call) grantDevice(g *grant, form url.Values) *problem {
	c.note.kind = "" // the page recorded it
	code := deviceCodeIn(form)
	if code == "" {
		return refuse(900144, "device_code")
	}
	d, etag, err := lookup[deviceDoc](c.a, deviceKind, code)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return refuse(70018)
	case err != nil:
		return broken(err)
	case d.App != g.client.AppID:
		return refuse(70000)
	case !c.now.Before(d.Expires):
		return refuse(70020)
	case d.State == "declined":
		return refuse(65004)
	case d.State == "redeemed":
		return refuse(70018)
	case d.State == "pending":
		if !c.a.polls.count(hashed(code), c.now) {
			p := refuse(70016)
			p.name, p.text = "slow_down", "OAuth 2.0 device flow error. Polling is too frequent; wait five seconds more."
			return p
		}
		return refuse(70016)
	case d.Who.Tenant != g.tenant.ID:
		return refuse(700005)
	}
	d.State = "redeemed"
	if err := c.a.keep(deviceKind, code, d, etag); err != nil {
		if fault.KindOf(err) == fault.Conflict {
			return refuse(70018)
		}
		return broken(err)
	}
	person, p := c.a.person(d.Who)
	if p != nil {
		return p
	}
	g.person, g.who, g.want = &person, d.Who, d.Want
	if g.scopes, p = g.want.grantScopes(g.client); p != nil {
		return p
	}
	return c.give(g)
}
