package server

import (
	"context"
	"net/http"
	"testing"

	"sextant/access"
)

// Pages of registered single-page applications may ask from a browser what takes bearer
// tokens; no other page may, and none what shows a form.
func TestPagesOfOtherOrigins(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("1"))
	w.settle()
	const origin = "https://page.example"
	if _, err := w.accounts.AddApp(context.Background(), access.Operator(), tenant, access.App{DisplayName: "A page", AccountEnabled: true, SPARedirectURIs: []string{origin + "/signed-in"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, origin string
		status               int
		welcome              bool
	}{
		{"OPTIONS", "/v1.0/auditLogs/signIns", origin, 204, true},
		{"OPTIONS", "/v1/workspaces/" + tenant + "/query", origin, 204, true},
		{"OPTIONS", "/v2/rest/query", origin, 204, true},
		{"OPTIONS", "/" + tenant + "/oauth2/v2.0/token", origin, 204, true},
		{"GET", "/v1.0/auditLogs/signIns", origin, 200, true},
		{"GET", "/v1/workspaces/" + tenant + "/query?query=print%201", origin, 200, true},
		{"OPTIONS", "/v1.0/auditLogs/signIns", "https://evil.example", 403, false},
		{"GET", "/v1.0/auditLogs/signIns", "https://evil.example", 403, false},
		{"GET", "/v1.0/auditLogs/signIns", "http://page.example", 403, false},
		{"GET", "/v1.0/auditLogs/signIns", "https://page.example:8443", 403, false},
		{"GET", "/v1.0/auditLogs/signIns", "https://page.example.evil.example", 403, false},
		{"GET", "/v1.0/auditLogs/signIns", "null", 403, false},
		{"OPTIONS", "/v1/access/users", origin, 403, false},
		{"GET", "/v1/access/users", origin, 403, false},
		{"POST", "/setup", origin, 403, false},
		{"GET", "/" + tenant + "/account", origin, 403, false},
		{"POST", "/" + tenant + "/login", origin, 403, false},
	} {
		status, text, h := w.call(c.method, c.path, nil, "Origin: "+c.origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type")
		allowed := h.Get("Access-Control-Allow-Origin")
		if status != c.status || (allowed == c.origin) != c.welcome || !c.welcome && allowed != "" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s from %s: %d %v %.200s", c.method, c.path, c.origin, status, h, text)
		}
		if c.method == http.MethodOptions && c.welcome && h.Get("Access-Control-Allow-Headers") != "authorization, content-type" {
			t.Errorf("%s: %v", c.path, h)
		}
	}
	// On this machine's own address another name is answered to no page either.
	if status, _, _ := w.call("OPTIONS", "/v1.0/auditLogs/signIns", nil, "Origin: "+origin, "Host: rebound.example", "Access-Control-Request-Method: GET"); status != 403 {
		t.Errorf("a name that was pointed at this machine: %d", status)
	}
}
