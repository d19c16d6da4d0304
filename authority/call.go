package authority

import (
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
)

// call is one request.
type call struct {
	a       *Authority
	w       http.ResponseWriter
	r       *http.Request
	now     time.Time
	base    string // of every address that is given out: https://host:port
	segment string // what stands for the tenant in the path
	v1      bool
	addr    string // who asks

	trace, correlation string
	note               attempt
}

// route is one path below /{tenant}.
type route struct {
	path  string
	v1    bool
	serve func(*call)
}

var routes = []route{
	{"v2.0/.well-known/openid-configuration", false, (*call).discovery},
	{".well-known/openid-configuration", true, (*call).discovery},
	{"discovery/instance", false, (*call).instance},
	{"discovery/v2.0/keys", false, (*call).jwks},
	{"discovery/keys", true, (*call).jwks},
	{"oauth2/v2.0/token", false, (*call).token},
	{"oauth2/token", true, (*call).token},
	{"oauth2/v2.0/devicecode", false, (*call).deviceCode},
	{"oauth2/devicecode", true, (*call).deviceCode},
	{"oauth2/v2.0/authorize", false, (*call).authorize},
	{"oauth2/authorize", true, (*call).authorize},
	{"oauth2/v2.0/logout", false, (*call).logout},
	{"oauth2/logout", true, (*call).logout},
	{"oauth2/nativeclient", false, (*call).native},
	{"oauth2/deviceauth", false, (*call).deviceLogin},
	{"login", false, (*call).login},
	{"login/outside", false, (*call).outsideStart},
	{"account", false, (*call).account},
}

// Paths that stand for no tenant.
const (
	devicePath  = "/devicelogin"
	errorPath   = "/error"
	assetPath   = "/-/signin/"
	outsidePath = "/-/signin/outside"
)

// reserved words are other faces': no tenant is called so.
var reserved = []string{"-", "v1", "v2", "v1.0", "beta", "subscriptions", "datacollectionrules", "portal", "metrics"}

// found is where a path leads.
type found struct {
	serve   func(*call)
	segment string // what stands for the tenant in it
	v1      bool
	pattern string // of all such paths, for metrics
}

// routeOf a path; no serve where it is not the authority's. Paths are
// case-insensitive, since clients write them in lower case.
func routeOf(path string) found {
	path = strings.ToLower(path)
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	path = strings.TrimRight(path, "/")
	switch path {
	case devicePath:
		return found{(*call).deviceLogin, common, false, path}
	case errorPath:
		return found{(*call).explain, "", false, path}
	case outsidePath:
		return found{(*call).outsideBack, "", false, path}
	}
	if strings.HasPrefix(path, assetPath) {
		return found{(*call).asset, "", false, assetPath}
	}
	segment, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || segment == "" || slices.Contains(reserved, segment) {
		return found{}
	}
	if i := slices.IndexFunc(routes, func(r route) bool { return r.path == rest }); i >= 0 {
		return found{routes[i].serve, segment, routes[i].v1, "/{tenant}/" + rest}
	}
	return found{}
}

// Handles says whether a request is for the authority. Nothing else has its paths.
func (a *Authority) Handles(r *http.Request) bool {
	return routeOf(r.URL.Path).serve != nil
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// ServeHTTP answers what Handles says yes to.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{a: a, w: w, r: r, now: a.o.Clock(), base: a.base(r), trace: a.newID()}
	c.addr = a.address(r)
	c.correlation = r.Header.Get("client-request-id")
	if c.correlation == "" {
		c.correlation = r.URL.Query().Get("client-request-id")
	}
	if !guid.MatchString(c.correlation) {
		c.correlation = a.newID()
	}
	h := w.Header()
	h.Set("x-ms-request-id", c.trace)
	h.Set("client-request-id", c.correlation)
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	at := routeOf(r.URL.Path)
	if at.serve == nil {
		http.NotFound(w, r)
		return
	}
	c.segment, c.v1, r.Pattern = at.segment, at.v1, at.pattern
	if strings.HasPrefix(a.o.PublicURL, "https://") {
		// Not on a name such as localhost, which other programs have too.
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	at.serve(c)
}

// address of who asks. Under a public address a proxy on this machine says it, in the
// last word of X-Forwarded-For; what stands before that is whatever the client sent.
func (a *Authority) address(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	if list := r.Header.Values("X-Forwarded-For"); a.o.PublicURL != "" && len(list) > 0 && net.ParseIP(peer).IsLoopback() {
		last := list[len(list)-1]
		if ip := net.ParseIP(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); ip != nil {
			return ip.String()
		}
	}
	return peer
}

// base is where a request finds this server.
func (a *Authority) base(r *http.Request) string {
	if a.o.PublicURL != "" {
		return a.o.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + strings.ToLower(r.Host)
}

func (c *call) json(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		c.a.o.Logger.Error("an answer has no JSON", "reason", err)
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text) // a client that went away is no fault of ours
}

// Words that stand for a tenant that is not known yet.
const (
	common        = "common"
	organizations = "organizations"
	consumers     = "consumers"
	// consumersID is the tenant of personal accounts, of which there are none here.
	consumersID = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

func open(segment string) bool { return segment == common || segment == organizations }

// tenant that the path names.
func (c *call) tenant() (access.Directory, *problem) {
	if open(c.segment) {
		return access.Directory{}, refuse(50059)
	}
	return c.a.tenant(c.segment)
}

func (a *Authority) tenant(name string) (access.Directory, *problem) {
	d, err := a.o.Accounts.Tenant(name)
	if fault.KindOf(err) == fault.NotFound {
		return d, refuse(90002, name)
	}
	if err != nil {
		return d, broken(err)
	}
	return d, nil
}

// maxForm of a request: a certificate chain and some claims have room.
const maxForm = 64 << 10

// form of a POST. A parameter that stands twice is refused: two readers might take
// different ones.
func (c *call) form() (url.Values, *problem) {
	if c.r.Method != http.MethodPost {
		return nil, refuse(900561, c.r.Method)
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(9002313, "the body is application/x-www-form-urlencoded")
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return nil, refuse(9002313, "the body cannot be read as a form of 64 KB at most")
	}
	return single(c.r.PostForm)
}

func single(v url.Values) (url.Values, *problem) {
	for name, list := range v {
		if len(list) > 1 {
			return nil, refuse(900141, name)
		}
		for _, text := range list {
			if strings.ContainsRune(text, 0) {
				return nil, refuse(9002313, "a parameter has a zero byte")
			}
		}
	}
	return v, nil
}

func need(form url.Values, names ...string) *problem {
	for _, n := range names {
		if form.Get(n) == "" {
			return refuse(900144, n)
		}
	}
	return nil
}
