// Package external reads the files that queries name with externaldata: over HTTP from
// places that the configuration lists, and from a local folder whose files stand for
// addresses, so that a service without the network can have them.
//
// Nothing is read unless it is allowed. A query is written by whoever may ask; the
// addresses in it are theirs, not the administrator's. So an address must lie below an entry of
// Options.Allow, each step of a redirect too; what a name resolves to must be a public
// address, or one that the list has in so many digits; there is no proxy, no
// credentials, and an end to size and time.
package external

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"sextant/fault"
	"sextant/table"
)

// Options of a source. The zero Options allow nothing.
type Options struct {
	// Allow lists what may be fetched: https://host/path (all below the path), host/path
	// or host (over https), http://host/path; and addresses or networks, 10.0.0.0/8, that names may
	// resolve to although they are not public.
	Allow []string
	// Folder holds files that stand for addresses: HOST/PATH for https://HOST/PATH. They
	// go before the network. A location that is no address is a file in it.
	Folder string
	// MaxBytes of the files of one table, unpacked; 0: 64 MiB.
	MaxBytes int64
	// MaxRows of one table; 0: 1,000,000.
	MaxRows int
	// Timeout of one file; 0: 30 seconds.
	Timeout time.Duration
	// Transport, when set, is given what connects before it is used.
	Transport func(*http.Transport)
}

// Source reads external files. It may be used by any number of goroutines.
type Source struct {
	o        Options
	places   []*url.URL
	networks []netip.Prefix
	client   *http.Client
}

// Request for a table.
type Request struct {
	Columns   table.Schema
	Locations []string
	// Format as Kusto names it: csv, tsv, json, …; "" goes by the location's ending.
	Format string
	// SkipFirst leaves out the first record of each file.
	SkipFirst bool
	// Mapping is Kusto's ingestion mapping, JSON; "" maps by name or order.
	Mapping string
}

// maxRedirects of one file.
const maxRedirects = 5

// New source. What is no entry of Allow is fault.Invalid.
func New(o Options) (*Source, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 1_000_000
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	s := &Source{o: o}
	for _, entry := range o.Allow {
		if p, ok := network(entry); ok {
			s.networks = append(s.networks, p)
			continue
		}
		u, err := parsePlace(entry)
		if err != nil {
			return nil, err
		}
		s.places = append(s.places, u)
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			s.networks = append(s.networks, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: s.control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: o.Timeout,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}
	if o.Transport != nil {
		o.Transport(transport)
	}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fault.New(fault.Denied, "it is redirected more than %d times", maxRedirects)
		}
		r.Header.Del("Referer") // an address can hold a secret
		if !s.allowed(r.URL) {
			return fault.New(fault.Denied, "it is redirected to %s, which externaldata.allow does not list", shown(r.URL))
		}
		return nil
	}}
	return s, nil
}

// network is an entry of addresses.
func network(entry string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(entry); err == nil {
		return p.Masked(), true
	}
	if ip, err := netip.ParseAddr(entry); err == nil {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), true
	}
	return netip.Prefix{}, false
}

// parsePlace is an entry that addresses lie below.
func parsePlace(entry string) (*url.URL, error) {
	text := entry
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, "*?") {
		return nil, fault.New(fault.Invalid, "externaldata.allow has %q; https://host/path, host and 10.0.0.0/8 are entries", entry)
	}
	return u, nil
}

// allowed says whether an address lies below an entry.
func (s *Source) allowed(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	for _, segment := range strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == ".." || segment == "." {
			return false // a server may take it for a step up
		}
	}
	for _, p := range s.places {
		if p.Scheme != u.Scheme || !strings.EqualFold(p.Hostname(), u.Hostname()) || port(p) != port(u) {
			continue
		}
		below := strings.TrimSuffix(p.Path, "/")
		if below == "" || u.Path == below || strings.HasPrefix(u.Path, below+"/") {
			return true
		}
	}
	return false
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// control is asked before each connection, with the address that the name resolved to.
func (s *Source) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fault.New(fault.Denied, "%q is no address", address)
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, n := range s.networks {
		if n.Contains(ip) {
			return nil
		}
	}
	if !public(ip) {
		return fault.New(fault.Denied, "%s is not a public address; externaldata.allow can list it", ip)
	}
	return nil
}

// notPublic are networks that are no part of the internet, besides those that package
// netip tells. Source: IANA's registries of special-purpose addresses.
var notPublic = func() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", "::/96"} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, n := range notPublic {
		if n.Contains(ip) {
			return false
		}
	}
	return true
}

// Rows of a table. What is not allowed is fault.Denied, what cannot be read
// fault.Unavailable or fault.Invalid, what is too large fault.Limit.
func (s *Source) Rows(ctx context.Context, r Request) ([][]table.Value, error) {
	if len(r.Locations) == 0 {
		return nil, fault.New(fault.Invalid, "externaldata names no file")
	}
	reader := &reading{Request: r, max: s.o.MaxRows, left: s.o.MaxBytes, limit: s.o.MaxBytes}
	if err := reader.prepare(); err != nil {
		return nil, err
	}
	for _, location := range r.Locations {
		// Kusto takes credentials behind a semicolon.
		location, _, _ = strings.Cut(location, ";")
		if err := s.read(ctx, reader, strings.TrimSpace(location)); err != nil {
			return nil, err
		}
	}
	return reader.rows, nil
}

func (s *Source) read(ctx context.Context, reader *reading, location string) error {
	u, err := url.Parse(location)
	if err != nil || u.Scheme == "" {
		if s.o.Folder == "" {
			return fault.New(fault.Denied, "externaldata cannot read %q: it is no address, and no folder of files is configured (externaldata.folder)", hidden(location))
		}
		return s.readFile(ctx, reader, location, location)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return fault.New(fault.Denied, "externaldata cannot read %s: only https, http and files in externaldata.folder can be", shown(u))
	}
	if s.o.Folder != "" {
		err := s.readFile(ctx, reader, path.Join(u.Hostname(), path.Clean("/"+u.Path)), location)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !s.allowed(u) {
		return s.refusal(u)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fault.New(fault.Invalid, "externaldata cannot read %s", shown(u))
	}
	req.Header.Set("User-Agent", "sextant")
	resp, err := s.client.Do(req)
	if err != nil {
		return fault.New(kindOf(err), "externaldata cannot read %s: %w", shown(u), plain(err))
	}
	defer resp.Body.Close() // what follows is read, or does not matter
	if resp.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "externaldata cannot read %s: the server answers %s", shown(u), resp.Status)
	}
	if err := reader.file(ctx, resp.Body, u.Path); err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Unavailable, "externaldata cannot read %s: it took longer than %s", shown(u), s.o.Timeout)
		}
		return fmt.Errorf("externaldata cannot read %s: %w", shown(u), err)
	}
	return nil
}

// refusal says how an address can be allowed.
func (s *Source) refusal(u *url.URL) error {
	how := ""
	if s.o.Folder != "" {
		how = fmt.Sprintf("put the file at %s in externaldata.folder, or ", path.Join(u.Hostname(), u.Path))
	} else {
		how = "name a folder of files that stand for addresses in externaldata.folder, or "
	}
	return fault.New(fault.Denied, "externaldata may not read %s: this service fetches only what its configuration lists; %slist %s://%s%s in externaldata.allow",
		shown(u), how, u.Scheme, u.Host, path.Dir("/"+strings.TrimPrefix(u.Path, "/")))
}

// readFile of the folder. Nothing outside it can be reached, by .. or by links.
func (s *Source) readFile(ctx context.Context, reader *reading, name, location string) error {
	root, err := os.OpenRoot(s.o.Folder)
	if err != nil {
		return fault.New(fault.Unavailable, "externaldata.folder cannot be opened: %w", err)
	}
	defer root.Close()
	f, err := root.Open(path.Clean(strings.TrimPrefix(name, "/")))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && location == name {
			return fault.New(fault.Denied, "externaldata.folder has no file %q", hidden(location))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return fault.New(fault.Denied, "externaldata.folder has no such file: %w", errors.Unwrap(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		if location != name {
			return fs.ErrNotExist
		}
		return fault.New(fault.Denied, "%q in externaldata.folder is no file", hidden(location))
	}
	if err := reader.file(ctx, f, name); err != nil {
		return fmt.Errorf("externaldata cannot read %s: %w", hidden(location), err)
	}
	return nil
}

// shown is an address without what may be secret in it.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func hidden(location string) string {
	location, _, _ = strings.Cut(location, "?")
	return location
}

// plain error, without the address that package net/http puts before it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return err
}

func kindOf(err error) fault.Kind {
	var f *fault.Error
	if errors.As(err, &f) {
		return fault.KindOf(f)
	}
	return fault.Unavailable
}

// Parse reads what came in another way than by a location: packed with gzip or zip or
// not, maxBytes unpacked at most. An error says what is wrong with it.
func Parse(in io.Reader, r Request, maxBytes int64) ([][]table.Value, error) {
	if r.Format == "" {
		r.Format = "csv"
	}
	reader := &reading{Request: r, max: 1_000_000, left: maxBytes, limit: maxBytes}
	if err := reader.prepare(); err != nil {
		return nil, err
	}
	if err := reader.file(context.Background(), in, ""); err != nil {
		return nil, err
	}
	return reader.rows, nil
}
