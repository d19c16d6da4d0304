package graph

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sextant/access"
	"sextant/fault"
)

// Operation is one thing that can be asked: a method on a path.
type Operation struct {
	Method string
	// Path below the version, with {name} for what varies: "auditLogs/signIns/{id}".
	// Names match whatever their case. A last segment f(p={p},…) is a function; its
	// arguments are values of the call, by name.
	Path    string
	Version string // "v1.0" or "beta"; "" is both

	Report access.Report // that is read or acted on; "" asks for no right
	Action access.Action
	// Delegated and Application are the permissions of which a person's application,
	// or an application itself, needs one, the least first.
	Delegated, Application []string

	Do func(ctx context.Context, c *Call) (*Reply, error)
}

// Call is one request for an operation.
type Call struct {
	Method  string
	Version string
	Path    []string // segments below the version, as they were sent
	Query   string   // still encoded
	Header  http.Header
	Body    []byte // decompressed
	Values  map[string]string
	Who     *access.Principal
	Tenant  *Tenant // nil for operations that ask for no right
	Remote  string  // address of the client
	Base    string  // https://host/v1.0/, as the client sees it
	Batched bool    // a part of a $batch
	Request string  // its id, as the header request-id says

	face *Face
	api  *api
	see  seen
	text string
}

// Reply to a call.
type Reply struct {
	Status int // 0: 200
	Body   []byte
	Type   string // of the body; "" is JSON
	Header map[string]string
}

// by names who asks, for who asked what.
func (c *Call) by() string {
	if c.Who == nil {
		return ""
	}
	return c.Who.Name
}

// Context is the @odata.context of an answer.
func (c *Call) Context(of string) string { return c.Base + "$metadata#" + of }

const (
	contentType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	maxBody     = 4 << 20
)

// metadata that the client asks for, by $format or Accept: none, minimal, full.
func (c *Call) metadata() string {
	asked := c.Header.Get("Accept")
	for part := range strings.SplitSeq(c.Query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if n, err := url.QueryUnescape(name); err == nil && strings.EqualFold(strings.TrimPrefix(n, "$"), "format") {
			if v, err := url.QueryUnescape(value); err == nil {
				asked = v
			}
		}
	}
	for part := range strings.FieldsFuncSeq(asked, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		if name, value, _ := strings.Cut(strings.ToLower(part), "="); name == "odata.metadata" && (value == "none" || value == "full") {
			return value
		}
	}
	return "minimal"
}

// toldAs a level of metadata: with none, there is no context.
func (r *Reply) toldAs(level string) {
	if r.Type != "" || level == "minimal" || len(r.Body) == 0 {
		return
	}
	r.Type = strings.Replace(contentType, "minimal", level, 1)
	rest, ok := bytes.CutPrefix(r.Body, []byte(`{"@odata.context":"`))
	if level == "full" || !ok {
		return
	}
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			r.Body = append([]byte{'{'}, bytes.TrimPrefix(rest[i+1:], []byte{','})...)
			return
		}
	}
}

// VersionOf a path: whether the face answers it, and what is behind the version.
func VersionOf(path string) (version, rest string, ok bool) {
	path = strings.TrimLeft(path, "/")
	for _, v := range versions {
		if len(path) >= len(v) && strings.EqualFold(path[:len(v)], v) && (len(path) == len(v) || path[len(v)] == '/') {
			return v, strings.Trim(path[len(v):], "/"), true
		}
	}
	return "", "", false
}

// ServeHTTP answers a request of who; nil is nobody, who gets 401. why says what is
// wrong with the token that the request brings: one of access's refusals.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request, who *access.Principal, why error) {
	id := uuid.NewString()
	client := r.Header.Get("client-request-id")
	h := w.Header()
	h.Set("request-id", id)
	if client != "" {
		h.Set("client-request-id", clean(client))
	} else {
		client = id
		h.Set("client-request-id", id)
	}
	h.Set("OData-Version", "4.0")
	h.Set("Cache-Control", "no-cache")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Vary", "Accept-Encoding")
	reply, err := f.answer(w, r, who, why, id)
	if err != nil {
		p := f.problemOf(r.Context(), err)
		if p.Status == 499 {
			return
		}
		reply = &Reply{Status: p.Status, Header: p.Header, Body: p.body(f.o.Clock().UTC().Format("2006-01-02T15:04:05"), id, client)}
		if p.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", f.challenge(r))
		}
	}
	f.write(w, r, reply)
}

// challenge of an answer 401.
func (f *Face) challenge(r *http.Request) string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`, origin(r))
}

func clean(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

func (f *Face) write(w http.ResponseWriter, r *http.Request, reply *Reply) {
	h := w.Header()
	for k, v := range reply.Header {
		h.Set(k, v)
	}
	status := reply.Status
	if status == 0 {
		status = http.StatusOK
	}
	if len(reply.Body) == 0 {
		w.WriteHeader(status)
		return
	}
	kind := reply.Type
	if kind == "" {
		kind = contentType
	}
	h.Set("Content-Type", kind)
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	if len(reply.Body) > 1000 && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is one that there is
		_, err := z.Write(reply.Body)
		if err = errors.Join(err, z.Close()); err != nil && r.Context().Err() == nil {
			f.o.Logger.Warn("an answer could not be sent", "reason", err)
		}
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(reply.Body) // a client that went away is no fault of ours
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// notSignedIn is the answer to a request without a token that is good here.
func notSignedIn(why error) error {
	text := "Access token is empty."
	switch {
	case why == nil:
	case errors.Is(why, access.ErrTokenAudience):
		text = "Access token validation failure. Invalid audience."
	case errors.Is(why, access.ErrTokenExpired):
		text = "Lifetime validation failed, the token is expired."
	case fault.KindOf(why) == fault.Denied:
		text = "Access token validation failure: " + why.Error() + "."
	default:
		return why
	}
	return &Problem{Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken", Message: text}
}

// origin of the server, as the client sees it.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
		scheme = p
	}
	host := r.Host
	if x := r.Header.Get("X-Forwarded-Host"); x != "" && !strings.ContainsAny(x, "/\\\"<> ,") {
		host = x
	}
	return scheme + "://" + host
}

// answer a request.
func (f *Face) answer(w http.ResponseWriter, r *http.Request, who *access.Principal, why error, id string) (*Reply, error) {
	version, rest, ok := VersionOf(r.URL.EscapedPath())
	if !ok {
		return nil, &Problem{Status: 404, Code: "UnknownError", Message: "there are /v1.0/ and /beta/ here"}
	}
	if who == nil {
		return nil, notSignedIn(why)
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	return f.do(r.Context(), &Call{
		Method: r.Method, Version: version, Query: r.URL.RawQuery, Header: r.Header, Body: body, Who: who,
		Remote: remote(r), Base: origin(r) + "/" + version + "/", Request: id,
	}, rest)
}

func remote(r *http.Request) string {
	host, _, ok := strings.Cut(r.RemoteAddr, "]")
	if ok {
		return strings.TrimPrefix(host, "[")
	}
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i >= 0 {
		return r.RemoteAddr[:i]
	}
	return r.RemoteAddr
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	switch e := strings.ToLower(r.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, BadRequest("The body is not the gzip data that Content-Encoding says it is.")
		}
		in = io.LimitReader(z, maxBody+1)
	default:
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: "The content encoding " + clean(e) + " is not supported; gzip is."}
	}
	b, err := io.ReadAll(in)
	var big *http.MaxBytesError
	if errors.As(err, &big) || len(b) > maxBody {
		return nil, &Problem{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLarge", Message: fmt.Sprintf("The body has more than %d bytes.", maxBody)}
	}
	if err != nil {
		return nil, BadRequest("The body could not be read.")
	}
	return bytes.TrimSpace(b), nil
}

// segments of a path, decoded. A key in brackets, signIns('id'), is a segment of its
// own.
func segments(path string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		s, err := url.PathUnescape(part)
		if err != nil {
			return nil, BadRequest("The path is not percent-encoded as it should be.")
		}
		if name, key, ok := strings.Cut(s, "("); ok && strings.HasSuffix(key, ")") && name != "" {
			key = strings.TrimSuffix(key, ")")
			if quoted := len(key) >= 2 && key[0] == '\'' && key[len(key)-1] == '\''; quoted && !strings.Contains(key, "=") {
				out = append(out, name, strings.ReplaceAll(key[1:len(key)-1], "''", "'"))
				continue
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// do a call: find the operation, ask for the right, run it.
func (f *Face) do(ctx context.Context, c *Call, path string) (*Reply, error) {
	var err error
	if c.Path, err = segments(path); err != nil {
		return nil, err
	}
	c.face, c.api = f, f.api[slices.Index(versions[:], c.Version)]
	op, err := c.api.find(c)
	if err != nil {
		return nil, err
	}
	c.text = c.Method + " /" + c.Version + "/" + strings.Join(c.Path, "/")
	if c.Query != "" {
		c.text += "?" + c.Query
	}
	if op.Report != "" {
		if err := f.allow(c, op); err != nil {
			return nil, err
		}
	}
	reply, err := op.Do(ctx, c)
	if err == nil {
		reply.toldAs(c.metadata())
	}
	return reply, err
}

// find the operation of a call.
func (a *api) find(c *Call) (*Operation, error) {
	method := c.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allowed []string
	deepest := 0
	for i := range a.operations {
		op := &a.operations[i]
		if op.Version != "" && op.Version != a.version {
			continue
		}
		var pattern []string
		if op.Path != "" {
			pattern = strings.Split(op.Path, "/")
		}
		values, n := match(pattern, c.Path)
		deepest = max(deepest, n)
		if values == nil {
			continue
		}
		if op.Method == method {
			c.Values = values
			return op, nil
		}
		allowed = append(allowed, op.Method)
	}
	if len(allowed) > 0 {
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
		if method == http.MethodOptions {
			if allowed[0] == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
			methods := strings.Join(append(allowed, method), ", ")
			return &Operation{Do: func(context.Context, *Call) (*Reply, error) {
				return &Reply{Status: http.StatusNoContent, Header: map[string]string{"Allow": methods}}, nil
			}}, nil
		}
		return nil, &Problem{Status: http.StatusMethodNotAllowed, Code: "Request_BadRequest", Message: fmt.Sprintf("Specified HTTP method is not allowed for the request target; %s works.", strings.Join(allowed, ", ")), Header: map[string]string{"Allow": strings.Join(allowed, ", ")}}
	}
	name := ""
	if deepest < len(c.Path) {
		name = c.Path[deepest]
	} else if len(c.Path) > 0 {
		name = c.Path[len(c.Path)-1]
	}
	return nil, BadRequest("Resource not found for the segment '%s'.", clean(name))
}

// match a path against a pattern. values is nil where it does not match; n is how
// many segments do.
func match(pattern, path []string) (values map[string]string, n int) {
	values = map[string]string{}
	for n < len(path) && n < len(pattern) {
		want, got := pattern[n], path[n]
		switch {
		case strings.HasPrefix(want, "{"):
			if strings.HasPrefix(got, "$") {
				return nil, n
			}
			values[strings.Trim(want, "{}")] = got
		case strings.HasSuffix(want, ")"):
			if !function(want, got, values) {
				return nil, n
			}
		case !strings.EqualFold(want, strings.TrimPrefix(got, "microsoft.graph.")) && !strings.EqualFold(want, got):
			return nil, n
		}
		n++
	}
	if n != len(path) || n != len(pattern) {
		return nil, n
	}
	return values, n
}

// function matches f(a={a},b={b}) with f(b='x',a='y'), and with f where nothing is
// needed.
func function(want, got string, values map[string]string) bool {
	name, params, _ := strings.Cut(strings.TrimSuffix(want, ")"), "(")
	gotName, args, brackets := strings.Cut(got, "(")
	if i := strings.LastIndexByte(gotName, '.'); i >= 0 && strings.HasPrefix(strings.ToLower(gotName), "microsoft.graph.") {
		gotName = gotName[i+1:]
	}
	if !strings.EqualFold(name, gotName) || brackets && !strings.HasSuffix(args, ")") {
		return false
	}
	given := map[string]string{}
	for arg := range strings.SplitSeq(strings.TrimSuffix(args, ")"), ",") {
		k, v, ok := strings.Cut(arg, "=")
		if !ok {
			if strings.TrimSpace(arg) != "" {
				return false
			}
			continue
		}
		v = strings.TrimSpace(v)
		if len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'' {
			v = strings.ReplaceAll(v[1:len(v)-1], "''", "'")
		}
		given[strings.ToLower(strings.TrimSpace(k))] = v
	}
	n := 0
	for p := range strings.SplitSeq(params, ",") {
		k, as, ok := strings.Cut(p, "=")
		if !ok {
			continue
		}
		v, ok := given[strings.ToLower(k)]
		if !ok {
			return false
		}
		values[strings.Trim(as, "{}")] = v
		n++
	}
	return n == len(given)
}

// TenantHeader names the tenant for keys that are good for all of them.
const TenantHeader = "Sextant-Tenant"

// tenant that a call is about.
func (c *Call) tenant() (*Tenant, error) {
	named := c.Header.Get(TenantHeader)
	t, err := c.face.o.Tenants.GraphTenant(c.Who, named)
	if err != nil && c.Who.Tenant == "" && named == "" && fault.KindOf(err) == fault.Invalid {
		return nil, BadRequest("There are several tenants, and this key is good for all of them; the header %s names one.", TenantHeader)
	}
	return t, err
}

// allow asks for the right of a call.
func (f *Face) allow(c *Call, op *Operation) error {
	t, err := c.tenant()
	if err != nil {
		return err
	}
	c.Tenant = t
	permissions := op.Application
	if c.Who.Kind == access.User {
		permissions = op.Delegated
	}
	if permissions == nil {
		permissions = []string{}
	}
	d := f.o.Policy.Decide(c.Who, access.Question{Tenant: t.ID, Licences: t.Licences, Report: op.Report, Action: op.Action, Face: access.Graph, Permissions: permissions})
	if !d.Allowed {
		return refused(d)
	}
	c.see = f.sees(c.Who, t, d)
	_, c.see.members = c.prefers(preferMembers)
	c.see.full = c.metadata() == "full"
	return f.limits(c, op)
}

// refused is the answer to who may not.
func refused(d access.Decision) *Problem {
	switch d.Reason {
	case access.NoLicence:
		return &Problem{Status: 403, Code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant", Message: "Neither tenant is B2C or tenant doesn't have premium license: " + d.Text + "."}
	case access.OtherTenant:
		return &Problem{Status: 401, Code: "InvalidAuthenticationToken", Message: "The token is of another tenant."}
	}
	return &Problem{Status: 403, Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation: " + d.Text + "."}
}

// policyRoles may see the conditional access policies of sign-ins, in the scopes of
// policyPermissions.
func policyRoles() []string {
	return []string{access.GlobalAdministrator, "Global Reader", "Security Administrator", "Security Reader", "Conditional Access Administrator"}
}

func policyPermissions() []string {
	return []string{"Policy.Read.All", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess"}
}

// sees says what is hidden from who asks.
func (f *Face) sees(who *access.Principal, t *Tenant, d access.Decision) seen {
	// Details of risk are hidden by the licence on sign-ins too.
	risk := f.o.Policy.Decide(&access.Principal{Root: true}, access.Question{Tenant: t.ID, Licences: t.Licences, Report: access.Protection, Face: access.Graph})
	s := seen{limited: d.Limited || risk.Limited, tenant: t.ID}
	if !who.Root {
		s.noPolicies = !who.May(policyPermissions()...) || who.Kind == access.User && !who.Is(policyRoles()...)
	}
	return s
}
