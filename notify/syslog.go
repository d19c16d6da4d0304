package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sextant/fault"
)

// facilities of syslog, by their number.
//
// Source: RFC 5424, section 6.2.1; the names are those of syslog.conf.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

const defaultFacility = "local0"

// syslogPorts by scheme, where a URI names none.
var syslogPorts = map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}

// syslog takes messages in the form of RFC 5424: over udp in datagrams (RFC 5426),
// over tcp and tls with their length before them (RFC 6587, RFC 5425).
type syslog struct {
	s             *Sender
	scheme        string
	host, address string
	facility      int
}

// Syslog server at a URI such as tls://host:6514. fault.Invalid says what is wrong.
func (s *Sender) Syslog(uri, facility string) (Destination, error) {
	d, err := parseSyslog(uri, facility)
	if err != nil {
		return nil, err
	}
	d.s = s
	return d, nil
}

// CheckSyslog says what is wrong with a syslog server's URI or facility.
func CheckSyslog(uri, facility string) error {
	_, err := parseSyslog(uri, facility)
	return err
}

func parseSyslog(uri, facility string) (*syslog, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || syslogPorts[u.Scheme] == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "the serviceUri %q is no syslog server; udp://host:514, tcp://host:601 and tls://host:6514 work", uri)
	}
	if facility == "" {
		facility = defaultFacility
	}
	n := slices.Index(facilities, strings.ToLower(facility))
	if n < 0 {
		return nil, fault.New(fault.Invalid, "the facility %q is not one of syslog's: %s", facility, strings.Join(facilities, ", "))
	}
	port := u.Port()
	if port == "" {
		port = syslogPorts[u.Scheme]
	}
	return &syslog{scheme: u.Scheme, host: u.Hostname(), address: net.JoinHostPort(u.Hostname(), port), facility: n}, nil
}

// frame is a message as it goes out.
func (d *syslog) frame(m Message, host string) []byte {
	b := append([]byte{'<'}, strconv.Itoa(d.facility*8+int(m.Severity))...)
	b = append(b, ">1 "...)
	b = m.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, ' ')
	b = append(b, printable(host, 255)...)
	b = append(b, " sextant "...)
	b = append(b, strconv.Itoa(os.Getpid())...)
	b = append(b, " alert - \xef\xbb\xbf"...)
	b = append(b, m.Body...)
	if d.scheme != "udp" {
		return append(append(strconv.AppendInt(nil, int64(len(b)), 10), ' '), b...)
	}
	return b
}

// printable is what a header field may be: ASCII without blanks, at most so long.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// Send implements Destination.
func (d *syslog) Send(ctx context.Context, m Message) error {
	network := d.scheme
	if network == "tls" {
		network = "tcp"
	}
	conn, err := d.s.dial(ctx, network, d.address)
	if err != nil {
		return fault.New(fault.Unavailable, "the syslog server could not be reached: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return fault.New(fault.Unavailable, "the syslog server: %w", err)
		}
	}
	if d.scheme == "tls" {
		secure := tls.Client(conn, d.s.tls(d.host))
		if err := secure.HandshakeContext(ctx); err != nil {
			return fault.New(fault.Unavailable, "the syslog server: %w", err)
		}
		defer secure.Close()
		conn = secure
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	if _, err := conn.Write(d.frame(m, host)); err != nil {
		return fault.New(fault.Unavailable, "the syslog server: %w", err)
	}
	if d.scheme == "udp" {
		return nil
	}
	// There is no acknowledgement. A server that refuses resets the connection, one
	// that took the message closes it when it has read to the end.
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := c.CloseWrite(); err != nil {
			return fault.New(fault.Unavailable, "the syslog server: %w", err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(closeTime)); err != nil {
		return fault.New(fault.Unavailable, "the syslog server: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	var late net.Error
	if err != nil && !(errors.As(err, &late) && late.Timeout()) {
		return fault.New(fault.Unavailable, "the syslog server broke off: %w", err)
	}
	return nil
}

// closeTime is how long a server may take to close; after that it is taken to listen
// on, as some do.
const closeTime = 2 * time.Second
