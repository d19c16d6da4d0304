package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sextant/fault"
)

var message = Message{
	ID: "m1", Time: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Subject: "Fired: too many\r\nBcc: all@example.org", Text: "Grüße\n.\nend",
	Body: json.RawMessage(`{"a":"é"}`), Severity: Warning,
}

// authority whose server is this machine.
func authority(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	defer web.Close()
	conf := web.TLS.Clone()
	conf.NextProtos = nil
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return conf, roots
}

func send(t *testing.T, d Destination, err error) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return d.Send(ctx, message)
}

func TestWebhook(t *testing.T) {
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("/hook", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("X-Sextant-Message-Id")+" "+string(b))
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/no", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not today", http.StatusTeapot) })
	mux.Handle("/moved", http.RedirectHandler("/hook", http.StatusPermanentRedirect))
	mux.Handle("/lost", http.RedirectHandler("/hook", http.StatusFound))
	mux.Handle("/file", http.RedirectHandler("file:///etc/passwd", http.StatusTemporaryRedirect))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusTemporaryRedirect))
	mux.Handle("/inside", http.RedirectHandler("http://169.254.169.254/latest", http.StatusTemporaryRedirect))
	plain := httptest.NewServer(mux)
	defer plain.Close()
	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	mux.Handle("/up", http.RedirectHandler(secure.URL+"/hook", http.StatusTemporaryRedirect))
	mux.Handle("/down", http.RedirectHandler(plain.URL+"/hook", http.StatusTemporaryRedirect))
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	s := NewSender(Options{Roots: roots, Version: "test"})
	defer s.Close()
	f := func(url, want string) {
		t.Helper()
		d, err := s.Webhook(url)
		err = send(t, d, err)
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the URL's secret: %v", err)
		}
	}
	f(plain.URL+"/hook?secret", "")
	f(secure.URL+"/hook", "")
	f(plain.URL+"/moved", "")
	f(plain.URL+"/up", "")
	if want := "POST application/json; charset=utf-8 m1 " + string(message.Body); len(got) != 4 || got[0] != want || got[2] != want {
		t.Errorf("%q", got)
	}
	f(plain.URL+"/no?secret", "418")
	f(plain.URL+"/lost?secret", "loses the body")
	f(plain.URL+"/file?secret", "from http to file")
	f(plain.URL+"/round?secret", "more than three times")
	f(secure.URL+"/down?secret", "from https to http")
	f(plain.URL+"/inside?secret", "no notification goes to")
	f("http://169.254.169.254/secret", "no notification goes to")
	f("http://[fe80::1]/secret", "could not be reached")
	f("http://0.0.0.0:1/secret", "no notification goes to")
	if len(got) != 4 {
		t.Errorf("%q", got)
	}
	public := NewSender(Options{PublicOnly: true})
	d, err := public.Webhook(plain.URL + "/hook")
	if err = send(t, d, err); err == nil || !strings.Contains(err.Error(), "alerts.public_only") {
		t.Errorf("a private address: %v", err)
	}
	untrusting := NewSender(Options{Roots: x509.NewCertPool()})
	d, err = untrusting.Webhook(secure.URL + "/hook")
	if err = send(t, d, err); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	for _, bad := range []string{"", "hook", "ftp://host/x", "file:///etc/passwd", "http://", "https://user:pw@host/", "http://h/" + strings.Repeat("x", 3000)} {
		if _, err := s.Webhook(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	for ip, want := range map[string]struct{ any, public bool }{
		"127.0.0.1": {true, false}, "10.1.2.3": {true, false}, "192.168.0.1": {true, false}, "fd12::1": {true, false}, "203.0.113.9": {true, true},
		"2001:db8::1": {true, true}, "169.254.169.254": {}, "::ffff:169.254.169.254": {}, "fe80::1%eth0": {}, "224.0.0.1": {}, "0.0.0.0": {}, "::": {},
		"255.255.255.255": {}, "fd00:ec2::254": {}, "100.100.100.200": {},
	} {
		for public, allowed := range map[bool]bool{false: want.any, true: want.public} {
			if err := NewSender(Options{PublicOnly: public}).allowed(netip.MustParseAddr(ip)); (err == nil) != allowed {
				t.Errorf("%s, public only %t: %v", ip, public, err)
			}
		}
	}
}

// The frame is RFC 5424's, its length before it where there are no datagrams.
func TestSyslog(t *testing.T) {
	s := NewSender(Options{})
	pid := strconv.Itoa(os.Getpid())
	host, _ := os.Hostname()
	frame := "<132>1 2026-01-02T03:04:05.678Z " + host + " sextant " + pid + " alert - \xef\xbb\xbf" + string(message.Body)

	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	d, err := s.Syslog("udp://"+udp.LocalAddr().String(), "")
	if err := send(t, d, err); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	if n, _, err := udp.ReadFrom(b); err != nil || string(b[:n]) != frame {
		t.Errorf("%q %v", b[:n], err)
	}

	listen := func(l net.Listener) string {
		t.Helper()
		d, err := s.Syslog(map[bool]string{true: "tcp", false: "tls"}[l.Addr().Network() == "tcp" && s.o.Roots == nil]+"://"+l.Addr().String(), "local0")
		got := make(chan string, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				got <- err.Error()
				return
			}
			defer c.Close()
			b, err := io.ReadAll(c)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(b)
		}()
		if err := send(t, d, err); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if got, want := listen(tcp), strconv.Itoa(len(frame))+" "+frame; got != want {
		t.Errorf("%q", got)
	}

	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	conf, roots := authority(t)
	s = NewSender(Options{Roots: roots})
	if got, want := listen(tls.NewListener(secure, conf)), strconv.Itoa(len(frame))+" "+frame; got != want {
		t.Errorf("%q", got)
	}

	for _, bad := range [][2]string{{"", ""}, {"host:514", ""}, {"http://host", ""}, {"udp://", ""}, {"udp://host/path", ""}, {"udp://host", "loud"}} {
		if err := CheckSyslog(bad[0], bad[1]); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for uri, want := range map[string]string{"udp://h": "h:514", "tcp://h": "h:601", "tls://[2001:db8::1]": "[2001:db8::1]:6514", "tls://h:99/": "h:99"} {
		if d, err := parseSyslog(uri, "auth"); err != nil || d.address != want || d.facility != 4 {
			t.Errorf("%s: %+v %v", uri, d, err)
		}
	}
	if got := printable("a b\x00é"+strings.Repeat("x", 300), 5); got != "abxxx" {
		t.Errorf("%q", got)
	}
	if got := printable("é", 5); got != "-" {
		t.Errorf("%q", got)
	}
}

// smtp takes one mail in the words of RFC 5321 and gives its text.
func smtp(t *testing.T, security string, conf *tls.Config) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if security == TLS {
			c = tls.Server(c, conf)
		}
		in := bufio.NewReader(c)
		say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
		say("220 test ESMTP")
		var envelope []string
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				got <- "broken off after " + strings.Join(envelope, ", ")
				return
			}
			line = strings.TrimSpace(line)
			envelope = append(envelope, line)
			switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
			case "EHLO":
				if _, secure := c.(*tls.Conn); security == StartTLS && !secure {
					say("250-test")
					say("250 STARTTLS")
				} else {
					say("250 test")
				}
			case "STARTTLS":
				say("220 go on")
				c = tls.Server(c, conf)
				in = bufio.NewReader(c)
			case "DATA":
				say("354 go on")
				var b strings.Builder
				for {
					line, err := in.ReadString('\n')
					if err != nil || line == ".\r\n" {
						break
					}
					b.WriteString(line)
				}
				say("250 taken")
				got <- strings.Join(envelope, "\n") + "\n" + b.String()
			case "QUIT":
				say("221 bye")
				return
			default:
				say("250 fine")
			}
		}
	}()
	return l.Addr().String(), got
}

func TestMail(t *testing.T) {
	addr, got := smtp(t, NoTLS, nil)
	s := NewSender(Options{Mail: Mail{Server: addr, From: "Sextant <alerts@example.org>", Security: NoTLS}})
	d, err := s.Mailbox("Ann <ann@example.org>")
	if err := send(t, d, err); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{
		`(?m)^MAIL FROM:<alerts@example.org>`, `(?m)^RCPT TO:<ann@example.org>`, `(?m)^Subject: Fired: too many Bcc: all@example.org\r$`,
		`(?m)^Message-ID: <m1@sextant>`, `(?m)^Date: Fri, 02 Jan 2026 03:04:05 \+0000`, `(?m)^Auto-Submitted: auto-generated`, `Gr=C3=BC=C3=9Fe`, `filename="alert.json"`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the mail has no %s:\n%s", want, text)
		}
	}
	if regexp.MustCompile(`(?m)^(Bcc|RCPT TO:<all)`).MatchString(text) {
		t.Errorf("a subject became a header:\n%s", text)
	}
	conf, roots := authority(t)
	for _, security := range []string{TLS, StartTLS} {
		addr, got := smtp(t, security, conf)
		s := NewSender(Options{Roots: roots, Mail: Mail{Server: addr, From: "alerts@example.org", Security: security}})
		d, err := s.Mailbox("ann@example.org")
		if err := send(t, d, err); err != nil {
			t.Errorf("%s: %v", security, err)
		} else if text := <-got; !strings.Contains(text, "RCPT TO:<ann@example.org>") {
			t.Errorf("%s: %s", security, text)
		}
		addr, got = smtp(t, security, conf)
		s = NewSender(Options{Roots: x509.NewCertPool(), Mail: Mail{Server: addr, From: "alerts@example.org", Security: security}})
		d, err = s.Mailbox("ann@example.org")
		if err := send(t, d, err); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s, a server that is not trusted: %v", security, err)
		}
		if text := <-got; strings.Contains(text, "RCPT") {
			t.Errorf("%s: it was sent to a server that is not trusted: %s", security, text)
		}
	}
	// A server that offers no STARTTLS gets nothing where that is asked for.
	addr, got = smtp(t, NoTLS, nil)
	s = NewSender(Options{Mail: Mail{Server: addr, From: "alerts@example.org", Security: StartTLS}})
	d, err = s.Mailbox("ann@example.org")
	if err := send(t, d, err); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("%v", err)
	}
	if text := <-got; strings.Contains(text, "DATA") || strings.Contains(text, "MAIL FROM") {
		t.Errorf("it was sent: %s", text)
	}
	if _, err := NewSender(Options{}).Mailbox("ann@example.org"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a server: %v", err)
	}
	if _, err := s.Mailbox("ann\r\nBcc: x@example.org"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	for _, c := range []struct {
		m    Mail
		want string
	}{
		{Mail{}, ""}, {Mail{Server: "h:25", From: "a@b.c", Security: "starttls"}, ""}, {Mail{Server: "h", From: "a@b.c", Security: "tls"}, "mail.server"},
		{Mail{Server: "h:25", From: "nobody", Security: "tls"}, "mail.from"}, {Mail{Server: "h:25", From: "a@b.c", Security: "some"}, "mail.security"},
		{Mail{Server: "h:25", From: "a@b.c", Security: "none", User: "u"}, "unprotected"},
	} {
		if err := c.m.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.m, err)
		}
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hang.Close()
	s := NewSender(Options{})
	defer s.Close()
	d, err := s.Webhook(hang.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Send(ctx, message); err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("%v", err)
	}
}

// FuzzReceivers: what is taken as an address can be made a destination, and what is
// not is refused in words.
func FuzzReceivers(f *testing.F) {
	for _, seed := range []string{"https://host/x?y", "udp://h", "tls://[::1]:6514", "Ann <ann@example.org>", "http://a b", "tcp://h:99999", "\x00", "ann@example.org\r\nBcc: x"} {
		f.Add(seed)
	}
	s := NewSender(Options{Mail: Mail{Server: "h:25", From: "a@b.c", Security: NoTLS}})
	f.Fuzz(func(t *testing.T, text string) {
		for name, made := range map[string]func(string) (Destination, error){
			"webhook": s.Webhook, "mail": s.Mailbox, "syslog": func(u string) (Destination, error) { return s.Syslog(u, "") },
		} {
			d, err := made(text)
			if (d == nil) != (err != nil) || err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s %q: %v %v", name, text, d, err)
			}
			if m, ok := d.(*mailbox); ok {
				if _, err := m.compose(message); err != nil {
					t.Errorf("%q was taken as an address and cannot be written to: %v", text, err)
				}
			}
			if y, ok := d.(*syslog); ok && strings.HasSuffix(y.address, ":") {
				t.Errorf("%q has no port", text)
			}
		}
	})
}
