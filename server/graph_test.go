package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Graph's paths are told apart before the routes, whatever their case; a page's link
// goes on at another server over the same folder.
func TestGraph(t *testing.T) {
	w := newWorld(t)
	w.push(signIn("s1") + "\n" + signIn("s2") + "\n" + signIn("s3"))
	w.settle()
	status, text, h := w.call("GET", "/V1.0/auditlogs/SIGNINS?$top=2&$select=id", nil)
	var page struct {
		Next  string `json:"@odata.nextLink"`
		Value []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil || status != http.StatusOK || len(page.Value) != 2 || h.Get("request-id") == "" {
		t.Fatalf("%d %v: %s", status, err, text)
	}
	again, err := New(w.s.o)
	if err != nil {
		t.Fatal(err)
	}
	next, err := url.Parse(page.Next)
	if err != nil || next.Host != strings.TrimPrefix(w.web.URL, "http://") {
		t.Fatalf("%v: %s", err, page.Next)
	}
	r := httptest.NewRequest("GET", next.RequestURI(), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	out := httptest.NewRecorder()
	again.Handler().ServeHTTP(out, r)
	seen := page.Value
	page.Value, page.Next = nil, ""
	if err := json.Unmarshal(out.Body.Bytes(), &page); err != nil || len(page.Value) != 1 || page.Next != "" || page.Value[0] == seen[0] || page.Value[0] == seen[1] {
		t.Errorf("%d %v: %s", out.Code, err, out.Body)
	}
	for _, bearer := range []string{"", "Bearer ", "Bearer wrong"} {
		r := httptest.NewRequest("GET", "/beta/auditLogs/signIns", nil)
		r.Header.Set("Authorization", bearer)
		out := httptest.NewRecorder()
		w.s.Handler().ServeHTTP(out, r)
		if out.Code != http.StatusUnauthorized || !strings.Contains(out.Body.String(), `"code":"InvalidAuthenticationToken"`) || !strings.HasPrefix(out.Header().Get("WWW-Authenticate"), `Bearer realm=""`) {
			t.Errorf("%q: %d %v %s", bearer, out.Code, out.Header(), out.Body)
		}
	}
}
