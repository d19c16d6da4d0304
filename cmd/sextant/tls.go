package main

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"syscall"

	"sextant/fault"
	"sextant/server"
)

// defaultHTTPS is taken where it is free and nothing else was said.
const defaultHTTPS = "127.0.0.1:8443"

// caDir holds the certificate authority of a data folder.
func (a *app) caDir() string { return filepath.Join(a.dataDir(), "ca") }

// listenTLS for the HTTPS face; both are nil when there is none.
func (a *app) listenTLS() (net.Listener, *server.CA, error) {
	addr := a.conf.HTTP.HTTPS
	switch addr {
	case "off":
		return nil, nil, nil
	case "":
		addr = defaultHTTPS
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "%q is not an address to listen on; %s is", addr, defaultHTTPS)
	}
	names := []string{host}
	if u, err := url.Parse(a.conf.HTTP.URL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	ca, err := server.OpenCA(a.caDir(), a.clock, names...)
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		if a.conf.HTTP.HTTPS == "" && errors.Is(err, syscall.EADDRINUSE) {
			a.logger.Warn("there is no HTTPS face: another program has its address; choose one with --https, and port 0 takes a free one", "addr", addr)
			return nil, nil, nil
		}
		return nil, nil, fault.New(fault.Unavailable, "cannot listen; another address can be given with --https, and port 0 takes a free one: %w", err)
	}
	return listener, ca, nil
}

// CACmd groups the commands about certificates.
type CACmd struct {
	Export CAExportCmd `cmd:"" help:"Print the certificate of the folder's authority, which clients of the HTTPS face must trust."`
}

// CAExportCmd prints the authority's certificate.
type CAExportCmd struct{}

// Help is shown behind the flags.
func (CAExportCmd) Help() string {
	return `  sextant ca export --data /var/lib/sextant > sextant-ca.pem
  curl --cacert sextant-ca.pem https://localhost:8443/-/healthy

Programs are told to trust it each in its own way: SSL_CERT_FILE (Go, OpenSSL), NODE_EXTRA_CA_CERTS (Node.js),
REQUESTS_CA_BUNDLE (Python).`
}

// Run it.
func (CAExportCmd) Run(a *app) error {
	if err := a.isFolder(); err != nil {
		return err
	}
	text, err := server.RootPEM(a.caDir())
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}
