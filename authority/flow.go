package authority

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
)

// flow is a sign-in that a person is in the middle of. It travels sealed, in a field
// of the pages' forms, and is good in the browser alone whose cookie it is bound to:
// so the server keeps nothing of those who only look at a page, and no other site can
// send a form.
type flow struct {
	Expires time.Time `json:"expires"`
	Bind    string    `json:"bind"`             // hash of the cookie
	Tenant  string    `json:"tenant,omitempty"` // "" until it is known
	Segment string    `json:"segment"`

	// What it is for: an application that is answered with a code, a device, or the
	// account page.
	For     string   `json:"for"`
	App     string   `json:"app"`
	AppName string   `json:"appName"`
	Want    resource `json:"want"`
	Hint    string   `json:"hint,omitempty"`

	Return      string `json:"return,omitempty"`
	Page        bool   `json:"page,omitempty"` // Return is a page's, which redeems its codes itself
	Mode        string `json:"mode,omitempty"`
	State       string `json:"state,omitempty"`
	Nonce       string `json:"nonce,omitempty"`
	Challenge   string `json:"challenge,omitempty"`
	Plain       bool   `json:"plain,omitempty"`
	Correlation string `json:"correlation"`
	Device      string `json:"device,omitempty"` // id of its document

	// What has been shown so far.
	Step     string          `json:"step,omitempty"`
	Who      *who            `json:"who,omitempty"`
	Ceremony json.RawMessage `json:"ceremony,omitempty"` // of a passkey
	Secret   []byte          `json:"secret,omitempty"`   // of an authenticator to be
}

// What flows are for.
const (
	forApp     = "app"
	forDevice  = "device"
	forAccount = "account"
)

// Steps of a flow.
const (
	stepFirst   = ""       // account and password, or a passkey
	stepSecond  = "second" // a code, or a passkey
	stepChange  = "change" // another password
	stepConfirm = "confirm"
	stepCode    = "code" // of a device
)

const flowUse = "sign-in page"

// cookie names. The prefix makes browsers keep them to this host, over TLS alone; over
// plain HTTP, which is for loopback, there is none.
func (c *call) cookieName(name string) string {
	if strings.HasPrefix(c.base, "https://") {
		return "__Host-sextant-" + name
	}
	return "sextant-" + name
}

func (c *call) cookie(name string) string {
	k, err := c.r.Cookie(c.cookieName(name))
	if err != nil || len(k.Value) > 256 {
		return ""
	}
	return k.Value
}

func (c *call) setCookie(name, value string, life time.Duration) {
	http.SetCookie(c.w, &http.Cookie{
		Name: c.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true,
		Secure: strings.HasPrefix(c.base, "https://"), SameSite: http.SameSiteLaxMode,
	})
}

func (c *call) dropCookie(name string) { c.setCookie(name, "", -time.Second) }

// sealFlow for a page, bound to this browser.
func (c *call) sealFlow(f *flow) (string, error) {
	bind := c.cookie("flow")
	if bind == "" {
		bind = c.a.random(32)
		c.setCookie("flow", bind, 24*time.Hour)
		c.r.AddCookie(&http.Cookie{Name: c.cookieName("flow"), Value: bind}) // for what this request does later
	}
	f.Bind = hashed(bind)
	f.Expires = c.now.Add(flowLife).UTC()
	return c.a.seal(flowUse, f)
}

// openFlow that a page sent back.
func (c *call) openFlow(text string) (*flow, *problem) {
	f := new(flow)
	if len(text) > maxToken || c.a.unseal(flowUse, text, f) != nil {
		return nil, refuse(50089)
	}
	bind := c.cookie("flow")
	if bind == "" || f.Bind != hashed(bind) || !c.now.Before(f.Expires) {
		return nil, refuse(50089)
	}
	c.correlation = f.Correlation
	return f, nil
}

// sessionDoc is a browser in which somebody is signed in.
type sessionDoc struct {
	Expires time.Time `json:"expires"`
	Who     who       `json:"who"`
	Rotated time.Time `json:"rotated"`
}

// rotateAfter so long a session gets another cookie; the old one stays for requests
// that are on their way.
const (
	rotateAfter = 10 * time.Minute
	rotateGrace = time.Minute
)

// session of the browser: who is signed in. tenant is "" where any will do.
func (c *call) session(tenant string) (who, access.Person, bool) {
	value := c.cookie("session")
	if value == "" {
		return who{}, access.Person{}, false
	}
	d, etag, err := lookup[sessionDoc](c.a, sessionKind, value)
	if err != nil || !c.now.Before(d.Expires) || tenant != "" && d.Who.Tenant != tenant {
		return who{}, access.Person{}, false
	}
	p, refused := c.a.person(d.Who)
	if refused != nil {
		return who{}, access.Person{}, false
	}
	if c.now.Sub(d.Rotated) > rotateAfter {
		next := d
		next.Rotated = c.now.UTC()
		d.Expires = c.now.Add(rotateGrace).UTC()
		if err := c.a.keep(sessionKind, value, d, etag); err == nil {
			if err := c.startSession(next); err != nil {
				c.a.o.Logger.Warn("a session did not get another cookie", "reason", err)
			}
		}
	}
	return d.Who, p, true
}

func (c *call) startSession(d sessionDoc) error {
	value := c.a.random(32)
	if err := c.a.keep(sessionKind, value, d, ""); err != nil {
		return err
	}
	c.setCookie("session", value, d.Expires.Sub(c.now))
	return nil
}

// authorize begins a sign-in for an application. Until the application and its address
// are known to be right, a mistake is shown here; from then on it goes there.
func (c *call) authorize() {
	q, p := c.authorizeParams()
	if p != nil {
		c.failPage(p)
		return
	}
	f := &flow{
		For: forApp, Segment: c.segment, State: q.Get("state"), Nonce: q.Get("nonce"), Hint: q.Get("login_hint"),
		Return: q.Get("redirect_uri"), Mode: q.Get("response_mode"), Correlation: c.correlation,
	}
	if f.Mode == "" {
		f.Mode = "query"
	}
	switch {
	case c.segment == consumers, c.segment == consumersID:
		p = refuse(90002, c.segment)
	case !open(c.segment):
		d, wrong := c.tenant()
		f.Tenant, p = d.ID, wrong
	}
	if p != nil {
		c.failPage(p)
		return
	}
	x, p := c.authorizeClient(f, q)
	if p != nil {
		c.failPage(p)
		return
	}
	if p := c.authorizeWants(f, x, q); p != nil {
		c.answer(f, nil, p)
		return
	}
	prompt := strings.Fields(q.Get("prompt"))
	w, person, ok := c.session(f.Tenant)
	if ok && f.Hint != "" && !strings.EqualFold(f.Hint, person.UserPrincipalName) {
		ok = false // the application means somebody else
	}
	if ok && q.Get("max_age") != "" {
		age, err := time.ParseDuration(q.Get("max_age") + "s")
		ok = err == nil && c.now.Sub(w.At) <= age
	}
	switch {
	case slices.Contains(prompt, "none") && !ok:
		c.answer(f, nil, refuse(50058))
	case ok && !slices.Contains(prompt, "login") && !slices.Contains(prompt, "select_account"):
		c.finish(f, w, person)
	default:
		c.showFlow(f, page{})
	}
}

func (c *call) authorizeParams() (url.Values, *problem) {
	if c.r.Method == http.MethodPost {
		return c.form()
	}
	if c.r.Method != http.MethodGet {
		return nil, refuse(9002313, "authorize takes GET and POST")
	}
	if len(c.r.URL.RawQuery) > maxForm {
		return nil, refuse(9002313, "the address is too long")
	}
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refuse(9002313, "the address cannot be read")
	}
	return single(q)
}

// authorizeClient finds the application, and says whether its address is its own.
func (c *call) authorizeClient(f *flow, q url.Values) (client, *problem) {
	if p := need(q, "client_id", "redirect_uri"); p != nil {
		return client{}, p
	}
	if f.Tenant == "" {
		f.Tenant = c.a.tenantOfApp(q.Get("client_id"))
	}
	x, p := c.a.client(f.Tenant, q.Get("client_id"))
	if p != nil {
		return x, p
	}
	f.App, f.AppName, f.Page = x.AppID, x.DisplayName, x.isPage(f.Return)
	if !x.mayReturn(f.Return, c.base) {
		return x, refuse(50011, f.Return)
	}
	if !slices.Contains([]string{"query", "fragment", "form_post"}, f.Mode) {
		return x, refuse(70007, f.Mode)
	}
	return x, nil
}

// Lengths of what is given back as it came.
const (
	maxState = 8 << 10
	maxNonce = 1 << 10
)

func (c *call) authorizeWants(f *flow, x client, q url.Values) (p *problem) {
	switch {
	case len(f.State) > maxState || len(f.Nonce) > maxNonce || len(f.Hint) > 1024:
		return refuse(9002313, "state, nonce or login_hint is too long")
	case q.Get("response_type") == "":
		return refuse(900144, "response_type")
	case q.Get("response_type") != "code":
		return refuse(700054, q.Get("response_type"))
	case q.Get("request") != "" || q.Get("request_uri") != "":
		return refuse(9002313, "request objects are not taken")
	}
	f.Challenge = q.Get("code_challenge")
	switch method := q.Get("code_challenge_method"); {
	case f.Challenge == "" && (x.Public || f.Page):
		return refuse(9002325, "send code_challenge with code_challenge_method=S256")
	case f.Challenge == "":
	case method == "S256" && len(f.Challenge) == 43:
	case (method == "plain" || method == "") && !x.Public && !f.Page && verifierForm.MatchString(f.Challenge):
		f.Plain = true
	default:
		return refuse(9002325, "code_challenge_method is S256, and code_challenge has 43 characters")
	}
	if f.Want, p = c.wanted(q); p != nil {
		return p
	}
	_, p = f.Want.grantScopes(x)
	return p
}

// finish a sign-in: what it was for gets its answer.
func (c *call) finish(f *flow, w who, person access.Person) {
	c.note.interactive(f)
	c.note.tenant, c.note.person, c.note.how = w.Tenant, &person, w.How
	f.Tenant, f.Who = w.Tenant, &w
	switch f.For {
	case forDevice:
		f.Step = stepConfirm
		c.showFlow(f, page{UPN: person.UserPrincipalName})
	case forAccount:
		c.record(nil)
		http.Redirect(c.w, c.r, c.base+"/"+w.Tenant+"/account", http.StatusSeeOther)
	default:
		c.answer(f, &w, nil)
	}
}

// answer an application at its address: with a code for whom, or with what went wrong.
func (c *call) answer(f *flow, w *who, p *problem) {
	out := url.Values{}
	if f.State != "" {
		out.Set("state", f.State)
	}
	if p == nil {
		code := "1." + c.a.random(32)
		d := codeDoc{
			Expires: c.now.Add(codeLife).UTC(), App: f.App, Return: f.Return, Challenge: f.Challenge, Plain: f.Plain,
			Nonce: f.Nonce, Want: f.Want, Who: *w, Family: c.a.random(16), Page: f.Page,
		}
		// The application is the tenant's own, which is known only now.
		if _, wrong := c.a.client(w.Tenant, f.App); wrong != nil {
			p = wrong
		} else if err := c.a.keep(codeKind, code, d, ""); err != nil {
			p = broken(err)
		} else {
			out.Set("code", code)
			out.Set("session_state", subject(w.Tenant, w.Person, f.App))
		}
		c.record(p)
	}
	if p != nil {
		c.log(p)
		body := c.errorBody(p)
		for _, name := range []string{"error", "error_description", "error_uri"} {
			out.Set(name, body[name].(string))
		}
	}
	if f.Mode == "form_post" {
		c.postBack(f.Return, out)
		return
	}
	u, err := url.Parse(f.Return)
	if err != nil { // it was checked
		c.failPage(broken(err))
		return
	}
	if f.Mode == "fragment" {
		u.Fragment, u.RawFragment = "", ""
		http.Redirect(c.w, c.r, u.String()+"#"+out.Encode(), http.StatusFound)
		return
	}
	q := u.Query()
	for name, v := range out {
		q[name] = v
	}
	u.RawQuery = q.Encode()
	http.Redirect(c.w, c.r, u.String(), http.StatusFound)
}

// mayLogOutTo an address: one of the application that is named or, as MSAL names none,
// of one of the tenant's, to the letter.
func (c *call) mayLogOutTo(to, id string) bool {
	tenants := c.a.o.Accounts.Tenants()
	if d, p := c.tenant(); p == nil {
		tenants = []access.Directory{d}
	}
	for _, d := range tenants {
		if id != "" {
			if x, p := c.a.client(d.ID, id); p == nil && x.mayReturn(to, c.base) {
				return true
			}
			continue
		}
		for _, x := range c.a.o.Accounts.Apps(d.ID) {
			if one := (client{App: x}); x.AccountEnabled && (slices.Contains(x.RedirectURIs, to) || one.isPage(to)) && one.mayReturn(to, c.base) {
				return true
			}
		}
	}
	return false
}

// logout ends the browser's session. It goes back to an application's own address
// alone.
func (c *call) logout() {
	if value := c.cookie("session"); value != "" {
		if _, err := c.a.o.DB.Delete(sessionKind, hashed(value), ""); err != nil && fault.KindOf(err) != fault.NotFound {
			c.failPage(broken(err))
			return
		}
	}
	c.dropCookie("session")
	q := c.r.URL.Query()
	if to := q.Get("post_logout_redirect_uri"); to != "" {
		if c.mayLogOutTo(to, q.Get("client_id")) {
			if state := q.Get("state"); state != "" && len(state) <= maxState {
				u, err := url.Parse(to)
				if err == nil {
					v := u.Query()
					v.Set("state", state)
					u.RawQuery = v.Encode()
					to = u.String()
				}
			}
			http.Redirect(c.w, c.r, to, http.StatusSeeOther)
			return
		}
	}
	c.show(http.StatusOK, page{Title: "Signed out", Text: "You are signed out of Sextant in this browser. Applications that you signed in to keep what they were given until it expires."})
}
