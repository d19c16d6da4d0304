package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"sextant/fault"
)

// Options of a sender.
type Options struct {
	// PublicOnly refuses loopback and private addresses. Addresses that no notification
	// belongs to, such as those where clouds keep their machines' secrets, are refused
	// always.
	PublicOnly bool
	Roots      *x509.CertPool // certificates that are trusted; nil: the system's
	Mail       Mail           // how mail leaves; the zero value sends none
	Version    string         // of the program, for those who look who came
}

// Sender makes destinations.
type Sender struct {
	o      Options
	dialer *net.Dialer
	http   *http.Client
}

// connectTime is how long a connection may take to come about.
const connectTime = 10 * time.Second

// NewSender with options.
func NewSender(o Options) *Sender {
	s := &Sender{o: o}
	s.dialer = &net.Dialer{Timeout: connectTime, Control: s.control}
	s.http = newHTTP(s)
	return s
}

// Close lets go of idle connections.
func (s *Sender) Close() { s.http.CloseIdleConnections() }

func (s *Sender) tls(host string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.o.Roots, ServerName: host}
}

// dial connects as all destinations do.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return s.dialer.DialContext(ctx, network, address)
}

// control looks at an address after names were resolved and before anything is sent:
// a name that means another address by then gains nothing.
func (s *Sender) control(_, address string, _ syscall.RawConn) error {
	host, err := netip.ParseAddrPort(address)
	if err != nil {
		return fault.New(fault.Invalid, "%s is not an address", address)
	}
	return s.allowed(host.Addr())
}

// metadata services of clouds outside the link-local ranges.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200")}

func (s *Sender) allowed(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	bad := ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	for _, m := range metadata {
		bad = bad || ip == m
	}
	switch {
	case bad:
		return fault.New(fault.Denied, "%s is an address that no notification goes to: link-local, multicast, unspecified, or a cloud's metadata", ip)
	case s.o.PublicOnly && (ip.IsLoopback() || ip.IsPrivate()):
		return fault.New(fault.Denied, "%s is not public, and alerts.public_only is set", ip)
	}
	return nil
}
