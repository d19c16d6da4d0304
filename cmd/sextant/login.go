package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sextant/client"
	"sextant/fault"
	"sextant/node"
)

// LoginCmd signs a person in at a server.
type LoginCmd struct {
	Device bool `help:"Sign in with a browser on another machine: a page and a code are shown."`
}

// Help is shown behind the flags.
func (LoginCmd) Help() string {
	return `  sextant login --server https://logs.example.com:8443
  sextant query --server https://logs.example.com:8443 'SigninLogs | count'

What comes of it is kept in the folder of your settings (tokens.json, readable by you alone), and used for that server by every
command that is given neither a token nor a data folder. SEXTANT_SERVER saves typing the address. A server whose certificate is
of its own authority must be trusted: SSL_CERT_FILE=sextant-ca.pem, with what 'sextant ca export' prints there.`
}

// LogoutCmd forgets it.
type LogoutCmd struct{}

// signInServer is the server that a sign-in is at: the one that is given, or the one that
// holds the data folder.
func (a *app) signInServer() (string, error) {
	addr := a.cli.Server
	if addr == "" {
		l, err := a.local(a.dataDir())
		var held *node.HeldError
		switch {
		case errors.As(err, &held) && held.Addr != "":
			addr = held.Addr
		case err == nil:
			err = l.Close()
			return "", errors.Join(fault.New(fault.Invalid, "no server holds %s; give one with --server or SEXTANT_SERVER", a.dataDir()), err)
		default:
			return "", fault.New(fault.Invalid, "give the server with --server or SEXTANT_SERVER")
		}
	}
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	return strings.TrimRight(addr, "/"), nil
}

func (a *app) logins() (*client.Logins, error) {
	path, err := client.LoginsPath()
	if err != nil {
		return nil, err
	}
	return &client.Logins{Path: path, HTTP: &http.Client{Timeout: 30 * time.Second}, Clock: a.clock}, nil
}

// Run it.
func (c *LoginCmd) Run(a *app) error {
	addr, err := a.signInServer()
	if err != nil {
		return err
	}
	kept, err := a.logins()
	if err != nil {
		return err
	}
	l := &client.Login{Server: addr, Tenant: a.conf.Tenant, HTTP: kept.HTTP, Say: func(text string) { fmt.Fprintln(a.err, text) }}
	signIn := l.Browser
	if c.Device {
		signIn = l.Device
	}
	s, err := signIn(a.ctx)
	if err != nil {
		return err
	}
	if err := kept.Keep(s); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "signed in at %s as %s, tenant %s\n", addr, s.User, s.Tenant)
	return err
}

// Run it.
func (LogoutCmd) Run(a *app) error {
	addr, err := a.signInServer()
	if err != nil {
		return err
	}
	kept, err := a.logins()
	if err != nil {
		return err
	}
	was, err := kept.Forget(addr)
	if err != nil {
		return err
	}
	if !was {
		return fault.New(fault.NotFound, "nobody is signed in at %s", addr)
	}
	_, err = fmt.Fprintf(a.out, "signed out of %s on this machine\n", addr)
	return err
}

// signedIn is a client's source of tokens for a server at which somebody is signed in;
// nil where nobody is.
func (a *app) signedIn(addr string) (func(ctx context.Context, resource string) (string, error), error) {
	kept, err := a.logins()
	if err != nil {
		return nil, nil // without a folder for settings nobody can be
	}
	if has, err := kept.Has(addr); err != nil || !has {
		return nil, err
	}
	return func(ctx context.Context, resource string) (string, error) { return kept.Token(ctx, addr, resource) }, nil
}
