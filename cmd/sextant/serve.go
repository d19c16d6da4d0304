package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/node"
	"sextant/server"
)

// ServeCmd runs the server.
type ServeCmd struct {
	HTTP  string `placeholder:"ADDR" help:"Address of the plain HTTP face; 127.0.0.1:8080 by default."`
	HTTPS string `placeholder:"ADDR" help:"Address of the HTTPS face; 127.0.0.1:8443 where that is free, off is none. Its certificate is of the folder's own authority: see 'sextant ca export'."`
}

// Help is shown behind the flags.
func (ServeCmd) Help() string {
	return `Until there is an administrator each start prints a set-up link, which makes the first one. Commands on this
machine use the key in DATA/admin.token, which the first start makes: 'sextant key list' shows it, 'sextant key revoke'
takes it back.

  sextant serve --data /var/lib/sextant
  curl -H "Authorization: Bearer $(cat /var/lib/sextant/admin.token)" --data-binary @records.ndjson http://127.0.0.1:8080/v1/records`
}

// Run it until Ctrl-C.
func (c *ServeCmd) Run(a *app) error {
	if c.HTTP != "" {
		a.conf.HTTP.Addr = c.HTTP
	}
	if c.HTTPS != "" {
		a.conf.HTTP.HTTPS = c.HTTPS
		if err := a.conf.Validate(); err != nil {
			return err
		}
	}
	a.logger = slog.New(slog.NewTextHandler(a.err, nil))
	l, err := a.local(a.dataDir())
	if err != nil {
		return heldBy(err)
	}
	listener, err := a.listen()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return errors.Join(a.serve(l, listener, nil), l.Close())
}

// heldBy says where the server answers that holds a folder.
func heldBy(err error) error {
	var held *node.HeldError
	if errors.As(err, &held) && held.Addr != "" {
		return fault.New(fault.Conflict, "%w, a server that answers at %s", err, held.Addr)
	}
	return err
}

func (a *app) listen() (net.Listener, error) {
	host, _, err := net.SplitHostPort(a.conf.HTTP.Addr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not an address to listen on; 127.0.0.1:8080 is", a.conf.HTTP.Addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		a.logger.Warn("plain HTTP is open to other machines: tokens and records cross the network unprotected", "addr", a.conf.HTTP.Addr)
	}
	listener, err := net.Listen("tcp", a.conf.HTTP.Addr)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot listen; another address can be given with --http, and port 0 takes a free one: %w", err)
	}
	return listener, nil
}

// serve a folder until the context ends. ready is called once it listens.
func (a *app) serve(l *local, listener net.Listener, ready func(addr string)) error {
	accounts, err := a.accounts(l.node, a.conf.HTTP.Token)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if a.conf.HTTP.Token == "" {
		if _, _, err := accounts.LocalKey(a.ctx, a.dataDir()); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	sender, err := a.sender()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer sender.Close()
	tokens, err := a.tokens(l.node, accounts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	addr := "http://" + reachable(listener.Addr().String())
	s, err := server.New(server.Options{
		Node: l.node, Engine: l.engine, Accounts: accounts, Logger: a.logger, Clock: a.clock, Version: version,
		Tokens: tokens, PublicURL: a.conf.HTTP.URL, GraphThrottle: a.conf.Graph.Throttle == "microsoft",
		Alerts: server.AlertOptions{Sender: sender, URL: a.alertsURL(addr)},
		Replay: func(ctx context.Context, tenant string) (any, error) { return replay(ctx, l.node, l.model, tenant) },
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	secure, ca, err := a.listenTLS()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := l.node.Announce(addr); err != nil {
		err = errors.Join(err, listener.Close())
		if secure != nil {
			err = errors.Join(err, secure.Close())
		}
		return err
	}
	fmt.Fprintf(a.err, "sextant %s holds %s and answers at %s\n", version, a.dataDir(), addr)
	if secure != nil {
		fmt.Fprintf(a.err, "with TLS at https://%s, by the authority that `sextant ca export` prints\n", reachable(secure.Addr().String()))
	}
	if err := a.offerSetup(accounts, addr, secure); err != nil {
		err = errors.Join(err, listener.Close())
		if secure != nil {
			err = errors.Join(err, secure.Close())
		}
		return err
	}
	// Requests end when the process is told to, not when their clients please.
	requests, stopRequests := context.WithCancel(context.WithoutCancel(a.ctx))
	defer stopRequests()
	web := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	alerts, stopAlerts := context.WithCancel(a.ctx)
	var background sync.WaitGroup
	background.Go(func() { s.Work(alerts) })
	background.Go(func() {
		accounts.Run(alerts, deliverEvery, func(err error) {
			a.logger.Warn("records of changes in the directory wait, and are tried again", "reason", err)
		})
	})
	defer background.Wait()
	defer stopAlerts()
	failed := make(chan error, 2)
	if secure != nil {
		web.TLSConfig = ca.TLS()
	}
	go func() { failed <- web.Serve(listener) }()
	if secure != nil {
		go func() { failed <- web.ServeTLS(secure, "", "") }()
	}
	if ready != nil {
		ready(addr)
	}
	select {
	case err := <-failed:
		return fault.New(fault.Unavailable, "the server has ended: %w", err)
	case <-a.ctx.Done():
	}
	fmt.Fprintln(a.err, "\nclosing; what was acknowledged is safe")
	grace, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 5*time.Second)
	defer cancel()
	stop := time.AfterFunc(time.Second, stopRequests) // tails would never end by themselves
	defer stop.Stop()
	if err := web.Shutdown(grace); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	// A client that neither sends nor reads must not keep the folder held. What it
	// was not answered is not acknowledged.
	return web.Close()
}

// deliverEvery is how often records are tried again that the log could not take.
const deliverEvery = 30 * time.Second

// reachable is the address by which this machine reaches a listener: one that
// listens everywhere is found at loopback.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// offerSetup prints the link by which the first administrator is made, for as long as
// there is none.
func (a *app) offerSetup(accounts *access.Accounts, addr string, secure net.Listener) error {
	code, err := accounts.NewSetup()
	if code == "" || err != nil {
		return err
	}
	here, err := url.Parse(addr)
	if err != nil {
		return err
	}
	switch ip := net.ParseIP(here.Hostname()); {
	case a.conf.HTTP.URL != "":
		addr = strings.TrimRight(a.conf.HTTP.URL, "/")
	case ip.IsLoopback(): // no browser has to trust a certificate first
		addr = "http://" + net.JoinHostPort("localhost", here.Port())
	case secure != nil:
		_, port, err := net.SplitHostPort(secure.Addr().String())
		if err != nil {
			return err
		}
		addr = "https://" + net.JoinHostPort("localhost", port)
	}
	fmt.Fprintf(a.err, "no administrator can sign in yet; this link makes the first, once, within a day:\n  %s/setup?code=%s\n", addr, code)
	return nil
}
