package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"sextant/fault"
)

// answerTime is how long a webhook may take to answer, as Azure's action groups have
// it.
const answerTime = 10 * time.Second

func newHTTP(s *Sender) *http.Client {
	return &http.Client{
		Timeout: answerTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: s.dial, TLSClientConfig: s.tls(""), TLSHandshakeTimeout: connectTime,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: redirect,
	}
}

// redirect lets a POST be sent elsewhere where it stays one, and no less protected.
func redirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > 3:
		return fault.New(fault.Unavailable, "the webhook redirects more than three times")
	case r.URL.Scheme != first.URL.Scheme && !(first.URL.Scheme == "http" && r.URL.Scheme == "https"):
		return fault.New(fault.Unavailable, "the webhook redirects from %s to %s, which is not followed", first.URL.Scheme, r.URL.Scheme)
	case r.Method != first.Method:
		return fault.New(fault.Unavailable, "the webhook redirects with a status that loses the body; 307 and 308 keep it")
	}
	return nil
}

// webhook takes the body of a message by POST.
type webhook struct {
	s   *Sender
	url string
}

// maxURL of a webhook, in bytes.
const maxURL = 2048

// Webhook at a URL. fault.Invalid says what is wrong with it.
func (s *Sender) Webhook(text string) (Destination, error) {
	if err := CheckWebhook(text); err != nil {
		return nil, err
	}
	return &webhook{s, text}, nil
}

// CheckWebhook says what is wrong with a URL of one. The text may hold a secret and
// is not repeated.
func CheckWebhook(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return fault.New(fault.Invalid, "the serviceUri is no URL; https://host/path works")
	case u.Scheme != "http" && u.Scheme != "https":
		return fault.New(fault.Invalid, "the serviceUri begins with %s:; http: and https: work", u.Scheme)
	case u.User != nil:
		return fault.New(fault.Invalid, "the serviceUri has a user before its host, which is not sent; put the secret into the path or the query")
	case len(text) > maxURL:
		return fault.New(fault.Invalid, "the serviceUri has %d bytes; %d work", len(text), maxURL)
	}
	return nil
}

// Send implements Destination.
func (w *webhook) Send(ctx context.Context, m Message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(m.Body))
	if err != nil {
		return fault.New(fault.Invalid, "the webhook's URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Sextant/"+w.s.o.Version)
	r.Header.Set("X-Sextant-Message-Id", m.ID) // the same when it comes again
	resp, err := w.s.http.Do(r)
	if err != nil {
		// The URL in the error is as secret as the URL.
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err
		}
		return fault.New(fault.Unavailable, "the webhook could not be reached: %s", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fault.New(fault.Unavailable, "the webhook answered %s", resp.Status)
	}
	return nil
}
