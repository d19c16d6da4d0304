package server

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"sextant/access"
	"sextant/fault"
)

//go:embed setup.html
var setupText string

// setupPage is what setup.html shows.
type setupPage struct {
	Error, Done             string // Done is who was made
	Code, Tenant, UPN, Name string
	Ask                     bool // the link is good, and asks
	Known                   bool // the tenant follows from what is there
}

// serveSetup adds the page of the set-up link, which makes the first administrator. The
// code in the link is all that lets one in, so that no other site can send the form.
func (s *Server) serveSetup() {
	page := template.Must(template.New("setup").Parse(setupText))
	show := func(w http.ResponseWriter, status int, p setupPage) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		// The code is in the address, and goes to nobody else; without any referrer a
		// browser would say that the form comes from nowhere, which is refused.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		if err := page.Execute(w, p); err != nil {
			s.o.Logger.Debug("a page was not written whole", "reason", err) // a client that went away
		}
	}
	refuse := func(w http.ResponseWriter, err error, p setupPage) {
		status := http.StatusBadRequest
		switch fault.KindOf(err) {
		case fault.Denied:
			status, p.Ask = http.StatusForbidden, false
		case fault.Conflict:
			status = http.StatusConflict
		case fault.Invalid, fault.NotFound:
		default:
			s.o.Logger.Error("setting up failed", "reason", err)
			status, err = http.StatusInternalServerError, errors.New("an internal error; the server's log says more")
		}
		p.Error = fault.Sentence(err.Error())
		show(w, status, p)
	}
	s.mux.HandleFunc("GET /setup", func(w http.ResponseWriter, r *http.Request) {
		p := setupPage{Code: r.URL.Query().Get("code"), Tenant: s.onlyDirectory(), Ask: true}
		p.Known = p.Tenant != ""
		if err := s.o.Accounts.CheckSetup(p.Code); err != nil {
			refuse(w, err, p)
			return
		}
		show(w, http.StatusOK, p)
	})
	s.mux.HandleFunc("POST /setup", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		if err := r.ParseForm(); err != nil {
			refuse(w, fault.New(fault.Invalid, "the form could not be read: %w", err), setupPage{})
			return
		}
		f := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
		p := setupPage{Code: f("code"), Tenant: f("tenant"), UPN: f("upn"), Name: f("name"), Ask: true, Known: s.onlyDirectory() != ""}
		if err := s.o.Accounts.CheckSetup(p.Code); err != nil {
			refuse(w, err, p)
			return
		}
		password := r.PostForm.Get("password")
		if password != r.PostForm.Get("again") {
			refuse(w, fault.New(fault.Invalid, "the two passwords differ"), p)
			return
		}
		if p.Tenant == "" {
			p.Tenant = s.onlyDirectory()
		}
		who, err := s.o.Accounts.Setup(r.Context(), p.Code, p.Tenant, access.Person{UserPrincipalName: p.UPN, DisplayName: p.Name}, password)
		if err != nil {
			refuse(w, err, p)
			return
		}
		s.o.Logger.Info("the first administrator was made", "user", who.UserPrincipalName, "tenant", p.Tenant)
		show(w, http.StatusOK, setupPage{Done: who.UserPrincipalName, Tenant: p.Tenant})
	})
}
