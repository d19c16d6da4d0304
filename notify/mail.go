package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"sextant/fault"
)

// Ways to protect a connection to a mail server.
const (
	StartTLS = "starttls" // required, or nothing is sent
	TLS      = "tls"      // from the first byte
	NoTLS    = "none"     // for a relay on this machine
)

// Mail is how mail leaves.
type Mail struct {
	Server   string // host:port; "" sends no mail
	From     string // address, with or without a name
	User     string // "" signs in nowhere
	Password string
	Security string // StartTLS, TLS or NoTLS
}

// Check says what is wrong with settings.
func (m Mail) Check() error {
	if m.Server == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(m.Server)
	if _, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || host == "" {
		return fault.New(fault.Invalid, "mail.server is %q; a host and a port such as smtp.example:587 work", m.Server)
	}
	if err := CheckMail(m.From); err != nil {
		return fault.New(fault.Invalid, "mail.from: %w", err)
	}
	switch m.Security {
	case StartTLS, TLS:
	case NoTLS:
		if m.User != "" {
			return fault.New(fault.Invalid, "mail.security is none, and mail.user would send its password unprotected; starttls and tls work")
		}
	default:
		return fault.New(fault.Invalid, "mail.security is %q; starttls, tls and none work", m.Security)
	}
	return nil
}

// CheckMail says what is wrong with a mail address.
func CheckMail(address string) error {
	if strings.ContainsAny(address, "\r\n") {
		return fault.New(fault.Invalid, "%q is no mail address", address)
	}
	if _, err := netmail.ParseAddress(address); err != nil {
		return fault.New(fault.Invalid, "%q is no mail address; ann@example.org is", address)
	}
	return nil
}

type mailbox struct {
	s  *Sender
	to string
}

// Mailbox of a person. fault.Invalid where the address is none, or no mail leaves
// here.
func (s *Sender) Mailbox(to string) (Destination, error) {
	if err := CheckMail(to); err != nil {
		return nil, err
	}
	if s.o.Mail.Server == "" {
		return nil, fault.New(fault.Unavailable, "no mail leaves here: mail.server is not set")
	}
	return &mailbox{s, to}, nil
}

// Send implements Destination.
func (d *mailbox) Send(ctx context.Context, m Message) error {
	c := d.s.o.Mail
	msg, err := d.compose(m)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return fault.New(fault.Invalid, "mail.server: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return fault.New(fault.Invalid, "mail.server: %w", err)
	}
	// The library leaves a connection open that came to nothing; and it leaves TLS from
	// the first byte to whoever dials.
	var conn net.Conn
	dial := func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		if conn, err = d.s.dial(ctx, network, address); err != nil || c.Security != TLS {
			return conn, err
		}
		secure := tls.Client(conn, d.s.tls(host))
		return secure, secure.HandshakeContext(ctx)
	}
	defer func() {
		if conn != nil {
			_ = conn.Close() // what was to be said was said
		}
	}()
	options := []mail.Option{mail.WithTimeout(sendTime), mail.WithTLSConfig(d.s.tls(host)), mail.WithDialContextFunc(dial), mail.WithPort(n)}
	switch c.Security {
	case TLS:
		options = append(options, mail.WithSSL())
	case NoTLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(c.Password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return fault.New(fault.Invalid, "mail cannot be sent with these settings: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fault.New(fault.Unavailable, "the mail server did not take the message: %w", err)
	}
	return nil
}

func (d *mailbox) compose(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(d.s.o.Mail.From); err != nil {
		return nil, fault.New(fault.Invalid, "mail.from: %w", err)
	}
	if err := msg.To(d.to); err != nil {
		return nil, fault.New(fault.Invalid, "%q is no mail address: %w", d.to, err)
	}
	msg.Subject(strings.Join(strings.Fields(m.Subject), " "))
	msg.SetDateWithValue(m.Time)
	// The same where it is sent again, so that a mail program shows it once.
	msg.SetMessageIDWithValue(m.ID + "@sextant")
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetUserAgent("Sextant/" + d.s.o.Version)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if len(m.Body) > 0 {
		if err := msg.AttachReader("alert.json", bytes.NewReader(m.Body), mail.WithFileContentType("application/json")); err != nil {
			return nil, fault.New(fault.Internal, "the attachment: %w", err)
		}
	}
	return msg, nil
}
