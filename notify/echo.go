package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"sextant/fault"
)

// Echo asks who answers at a URL to echo a token, as Microsoft Graph does before it
// sends notifications there: a POST with the token as the parameter validationToken,
// answered 200 with the token alone, as plain text, within ten seconds. It proves
// that who answers there wants to be told.
func (s *Sender) Echo(ctx context.Context, text, token string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fault.New(fault.Invalid, "the URL cannot be used")
	}
	q := u.Query()
	q.Set("validationToken", token)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return fault.New(fault.Invalid, "the URL cannot be used")
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	r.Header.Set("User-Agent", "Sextant/"+s.o.Version)
	resp, err := s.http.Do(r)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err
		}
		return fault.New(fault.Unavailable, "the endpoint could not be reached: %s", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch {
	case err != nil:
		return fault.New(fault.Unavailable, "the endpoint's answer could not be read")
	case resp.StatusCode != http.StatusOK:
		return fault.New(fault.Unavailable, "the endpoint must respond with 200 OK to the validation request; it answered %d", resp.StatusCode)
	case string(bytes.TrimSpace(answer)) != token:
		return fault.New(fault.Unavailable, "the endpoint must echo the validation token as plain text; its answer was another")
	}
	return nil
}
