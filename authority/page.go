package authority

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sextant/fault"
)

//go:embed pages
var pagesFS embed.FS

// page is what a sign-in page shows.
type page struct {
	Status int // 0 is 200
	Title  string
	Text   string
	Error  string
	Trace  string

	Action  string // where its form goes
	Flow    string
	Step    string
	AppName string
	UPN     string
	Hint    string
	Code    string
	Address string // of a device
	Passkey string // options of a ceremony
	HasCode bool   // a code can be given
	Outside []outsideView
	Account *accountView

	Back   string // where a form that goes back by itself goes
	Fields url.Values
}

type outsideView struct{ Name, URL string }

// templates are parsed once; they are never changed.
var templates = template.Must(template.ParseFS(pagesFS, "pages/*.html"))

// show a page. Scripts and styles are the server's own files alone, and forms go to
// the server, and to where the application is answered.
func (c *call) show(status int, p page, formsTo ...string) {
	p.Trace, p.Error = c.trace, fault.Sentence(p.Error)
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "page.html", p); err != nil {
		c.a.o.Logger.Error("a page cannot be shown", "trace", c.trace, "reason", err)
		http.Error(c.w, "an internal error; the server's log says more", http.StatusInternalServerError)
		return
	}
	forms := "'self'"
	for _, to := range formsTo {
		if u, err := url.Parse(to); err == nil && u.Host != "" {
			forms += " " + u.Scheme + "://" + u.Host
		} else if err == nil && u.Scheme != "" {
			forms += " " + u.Scheme + ":"
		}
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action "+forms+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self)")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b.Bytes()) // a browser that went away is no fault of ours
}

// failPage shows what went wrong to a person.
func (c *call) failPage(p *problem) {
	c.log(p)
	c.show(max(p.status, http.StatusBadRequest), page{Title: "Sign-in did not work", Error: p.Error()})
}

// showFlow shows the page that a flow is at.
func (c *call) showFlow(f *flow, p page) {
	p.Title = map[string]string{stepFirst: "Sign in", stepSecond: "Confirm that it is you", stepChange: "Choose another password", stepConfirm: "Sign in on another device?", stepCode: "Enter the code"}[f.Step]
	p.Step, p.AppName, p.Hint = f.Step, f.AppName, f.Hint
	p.Passkey = c.offerPasskey(f)
	if f.Step == stepSecond {
		if person, wrong := c.a.person(*f.Who); wrong == nil {
			p.HasCode, p.UPN = len(person.TOTPSecret) > 0, person.UserPrincipalName
		}
	}
	if f.Step == stepConfirm {
		p.Address = c.deviceAddress(f)
	}
	sealed, err := c.sealFlow(f)
	if err != nil {
		c.failPage(broken(err))
		return
	}
	p.Flow, p.Action = sealed, "/"+url.PathEscape(f.Segment)+"/login"
	if f.Step == stepCode {
		p.Action = devicePath
	}
	if f.Step == stepFirst {
		for _, o := range c.a.outside {
			if o.ClientID == "" || f.Tenant != "" && f.Tenant != o.Tenant {
				continue
			}
			p.Outside = append(p.Outside, outsideView{o.Name, "/" + url.PathEscape(f.Segment) + "/login/outside?" + url.Values{"issuer": {o.Issuer}, "flow": {sealed}}.Encode()})
		}
	}
	c.show(max(p.Status, http.StatusOK), p, f.Return)
}

func (c *call) deviceAddress(f *flow) string {
	var d deviceDoc
	if doc, err := c.a.o.DB.Get(deviceKind, f.Device); err != nil || doc.Decode(&d) != nil {
		return ""
	}
	return d.Address
}

// postBack answers an application by a form that the browser sends to it.
func (c *call) postBack(to string, fields url.Values) {
	c.show(http.StatusOK, page{Title: "Going back to the application", Back: to, Fields: fields}, to)
}

// native is the address that applications without one of their own are answered at.
func (c *call) native() {
	if c.get() {
		c.show(http.StatusOK, page{Title: "You can close this page", Text: "The application goes on."})
	}
}

// explain says what an error of the token endpoint means.
func (c *call) explain() {
	if !c.get() {
		return
	}
	code := c.r.URL.Query().Get("code")
	for f := range fields(errorsText, 5) {
		if f[0] == code {
			c.show(http.StatusOK, page{Title: "AADSTS" + code, Text: strings.ReplaceAll(f[4], "{}", "…") + " (" + f[2] + ", status " + f[1] + ")"})
			return
		}
	}
	c.show(http.StatusNotFound, page{Title: "No such error", Text: "This server gives no error " + strconv.Quote(shown(code)) + "."})
}

// asset serves the pages' style and script.
func (c *call) asset() {
	if !c.get() {
		return
	}
	name := strings.TrimPrefix(strings.ToLower(c.r.URL.Path), assetPath)
	kind := map[string]string{"style.css": "text/css; charset=utf-8", "signin.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}[name]
	text, err := pagesFS.ReadFile("pages/" + name)
	if kind == "" || err != nil {
		http.NotFound(c.w, c.r)
		return
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Cache-Control", "public, max-age=3600")
	c.w.Header().Del("Pragma")
	_, _ = c.w.Write(text)
}
