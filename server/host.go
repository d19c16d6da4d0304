package server

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// refusal is why a request must not be answered, whoever sends it; "" when it may
// be. public is the name by which a proxy on this machine is asked; "" is none; welcome
// says that the page it comes from is known. A page of a hostile site that had its own name point at this machine must
// not reach a server that trusts its machine, nor may a page from elsewhere send
// requests through a browser.
func refusal(r *http.Request, public string, welcome bool) string {
	if loopback(r) && !localHost(r.Host) && (public == "" || !strings.EqualFold(r.Host, public)) {
		return "this address answers to localhost only, not to " + r.Host
	}
	if origin := r.Header.Get("Origin"); origin != "" && !welcome {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !localHost(u.Host) && !strings.EqualFold(u.Host, r.Host) {
			return "requests from pages of " + origin + " are not answered"
		}
	}
	return ""
}

// loopback says that the request came over the machine's own interface.
func loopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(addr.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}

func localHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
