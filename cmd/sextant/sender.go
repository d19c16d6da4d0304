package main

import (
	"crypto/x509"
	"net/url"
	"os"
	"strings"

	"sextant/fault"
	"sextant/notify"
)

// sender of what alerts say, as the settings have it; what is wrong with them.
func (a *app) sender() (*notify.Sender, error) {
	m := a.conf.Mail
	o := notify.Options{
		PublicOnly: a.conf.Alerts.PublicOnly, Version: version,
		Mail: notify.Mail{Server: m.Server, From: m.From, User: m.User, Password: m.Password, Security: m.Security},
	}
	if err := o.Mail.Check(); err != nil {
		return nil, err
	}
	if text := a.conf.Alerts.URL; text != "" {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
			return nil, fault.New(fault.Invalid, "alerts.url is %q; https://sextant.example:8443 works", text)
		}
	}
	if path := a.conf.Alerts.Roots; path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fault.New(fault.Invalid, "alerts.roots: %w", err)
		}
		if o.Roots, err = x509.SystemCertPool(); err != nil {
			o.Roots = x509.NewCertPool() // a system without any
		}
		if !o.Roots.AppendCertsFromPEM(text) {
			return nil, fault.New(fault.Invalid, "alerts.roots: %s holds no certificate in PEM form", path)
		}
	}
	return notify.NewSender(o), nil
}

// alertsURL is where links in what is sent lead.
func (a *app) alertsURL(addr string) string {
	if a.conf.Alerts.URL != "" {
		addr = a.conf.Alerts.URL
	}
	return strings.TrimRight(addr, "/")
}
