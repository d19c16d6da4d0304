package client

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"sextant/fault"
)

// commandLine is the application that every tenant has for this program.
const commandLine = "7b1c1f0e-5e27-4a55-9d0a-53d1c1d0a001"

// Native is the resource of a server's own interface.
const Native = "api://sextant"

// earlyBy so much before its end a token is not used any more.
const earlyBy = 5 * time.Minute

// Login signs a person in at a server.
type Login struct {
	Server string
	Tenant string // "" lets the server find it by the person's name
	HTTP   *http.Client
	// Say shows the person what to do.
	Say func(text string)
}

// SignIn is a person's, as it is kept between commands. What is in it gives the
// person's rights to whoever has it.
type SignIn struct {
	Server  string           `json:"server"`
	Tenant  string           `json:"tenant"`
	User    string           `json:"user"`
	Refresh string           `json:"refreshToken"`
	Tokens  map[string]Token `json:"tokens"` // by resource
}

// Token for a resource.
type Token struct {
	Access  string    `json:"accessToken"`
	Expires time.Time `json:"expires"`
}

// config of the server's token authority, as it says of itself.
func (l *Login) config(ctx context.Context, scopes ...string) (*oauth2.Config, error) {
	tenant := l.Tenant
	if tenant == "" {
		tenant = "organizations"
	}
	base := strings.TrimRight(l.Server, "/")
	here, err := url.Parse(base)
	if err != nil || here.Host == "" {
		return nil, fault.New(fault.Invalid, "%q is not a server's address; https://localhost:8443 is", l.Server)
	}
	if ip := net.ParseIP(here.Hostname()); here.Scheme != "https" && here.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, fault.New(fault.Invalid, "%s is not this machine, and not https: a sign-in would cross the network unprotected", l.Server)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/"+url.PathEscape(tenant)+"/v2.0/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not a server's address; https://localhost:8443 is", l.Server)
	}
	resp, err := l.HTTP.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot reach the server: %w", err)
	}
	defer resp.Body.Close()
	var doc struct {
		Authorize   string `json:"authorization_endpoint"`
		Token       string `json:"token_endpoint"`
		Device      string `json:"device_authorization_endpoint"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&doc); err != nil {
		return nil, fault.New(fault.Unavailable, "%s has no sign-in: it answered %s", l.Server, resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Denied, "%s", doc.Description)
	}
	for _, at := range []string{doc.Authorize, doc.Token, doc.Device} {
		u, e := url.Parse(at)
		// What is sent there is worth a sign-in.
		if e != nil || u.Scheme != here.Scheme && u.Scheme != "https" {
			return nil, fault.New(fault.Denied, "%s sends sign-ins to %q, which is not safe", l.Server, at)
		}
	}
	return &oauth2.Config{
		ClientID: commandLine, Scopes: append(scopes, "openid", "profile", "offline_access"),
		Endpoint: oauth2.Endpoint{AuthURL: doc.Authorize, TokenURL: doc.Token, DeviceAuthURL: doc.Device, AuthStyle: oauth2.AuthStyleInParams},
	}, nil
}

// Browser signs in with a browser on this machine, which comes back to a port of it.
func (l *Login) Browser(ctx context.Context) (*SignIn, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, l.HTTP)
	conf, err := l.config(ctx, Native+"/.default")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the browser has nowhere to come back to; --device needs no browser here: %w", err)
	}
	conf.RedirectURL = "http://" + listener.Addr().String()
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	type answer struct {
		code string
		err  error
	}
	came := make(chan answer, 1)
	web := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "this is not the sign-in that was begun", http.StatusBadRequest)
			return
		}
		a := answer{code: q.Get("code")}
		if q.Get("error") != "" {
			a.err = fault.New(fault.Denied, "the sign-in was refused: %s", q.Get("error_description"))
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Referrer-Policy", "no-referrer")
		_, _ = io.WriteString(w, "You can close this page; the command line goes on.\n")
		select {
		case came <- a:
		default: // it came before
		}
	})}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	l.Say("Open this page in a browser to sign in:\n\n  " + conf.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)) + "\n")
	var a answer
	select {
	case a = <-came:
	case <-ctx.Done():
		a.err = ctx.Err()
	case err := <-served:
		a.err = fault.New(fault.Unavailable, "the browser has nowhere to come back to: %w", err)
	}
	if a.err == nil {
		// The browser gets its answer before the listener goes.
		grace, cancel := context.WithTimeout(ctx, time.Second)
		_ = web.Shutdown(grace)
		cancel()
	}
	_ = web.Close() // nothing of it is needed any more
	if a.err != nil {
		return nil, a.err
	}
	t, err := conf.Exchange(ctx, a.code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, refused(err)
	}
	return l.signedIn(t)
}

// Device signs in with a browser elsewhere.
func (l *Login) Device(ctx context.Context) (*SignIn, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, l.HTTP)
	conf, err := l.config(ctx, Native+"/.default")
	if err != nil {
		return nil, err
	}
	d, err := conf.DeviceAuth(ctx)
	if err != nil {
		return nil, refused(err)
	}
	l.Say("To sign in, open the page\n\n  " + d.VerificationURI + "\n\nin any browser, and enter the code " + d.UserCode + "\n")
	t, err := conf.DeviceAccessToken(ctx, d)
	if err != nil {
		return nil, refused(err)
	}
	return l.signedIn(t)
}

// refused tells what a token endpoint said.
func refused(err error) error {
	var r *oauth2.RetrieveError
	if errors.As(err, &r) {
		text := r.ErrorDescription
		if i := strings.Index(text, " Trace ID:"); i > 0 {
			text = text[:i]
		}
		return fault.New(fault.Denied, "the server refused: %s", text)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.Unavailable, "cannot reach the server: %w", err)
}

func (l *Login) signedIn(t *oauth2.Token) (*SignIn, error) {
	s := &SignIn{Server: l.Server, Refresh: t.RefreshToken, Tokens: map[string]Token{Native: {t.AccessToken, t.Expiry}}}
	id, _ := t.Extra("id_token").(string)
	var claims struct {
		Tenant string `json:"tid"`
		User   string `json:"preferred_username"`
	}
	// It came from the server itself, over its own connection: nobody else can have
	// signed it.
	parts := strings.Split(id, ".")
	if len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &claims) // what is missing is refused below
		}
	}
	if claims.Tenant == "" || s.Refresh == "" {
		return nil, fault.New(fault.Unavailable, "the server's answer has no tenant, or nothing to keep")
	}
	s.Tenant, s.User = claims.Tenant, claims.User
	return s, nil
}

// Token for a resource such as Native: the one that is kept, or a new one; changed says
// that the sign-in must be kept anew. fault.Denied where one must sign in again.
func (s *SignIn) Token(ctx context.Context, h *http.Client, resource string, now time.Time) (token string, changed bool, err error) {
	if t, ok := s.Tokens[resource]; ok && now.Before(t.Expires.Add(-earlyBy)) {
		return t.Access, false, nil
	}
	l := &Login{Server: s.Server, Tenant: s.Tenant, HTTP: h}
	conf, err := l.config(ctx)
	if err != nil {
		return "", false, err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {commandLine}, "refresh_token": {s.Refresh}, "scope": {resource + "/.default offline_access"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, conf.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := h.Do(req)
	if err != nil {
		return "", false, fault.New(fault.Unavailable, "cannot reach the server: %w", err)
	}
	defer resp.Body.Close()
	var out struct {
		Access      string `json:"access_token"`
		Refresh     string `json:"refresh_token"`
		Life        int    `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&out); err != nil {
		return "", false, fault.New(fault.Unavailable, "the server answered %s to a refresh token", resp.Status)
	}
	if out.Access == "" {
		return "", false, fault.New(fault.Denied, "the sign-in at %s is over; `sextant login` makes another: %w", s.Server, fmt.Errorf("%s", out.Error))
	}
	if s.Tokens == nil {
		s.Tokens = map[string]Token{}
	}
	s.Tokens[resource] = Token{out.Access, now.Add(time.Duration(out.Life) * time.Second)}
	if out.Refresh != "" {
		s.Refresh = out.Refresh
	}
	return out.Access, true, nil
}
