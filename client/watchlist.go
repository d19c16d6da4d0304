package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// PutWatchlist keeps a list of values with a header under an alias.
func (c *Client) PutWatchlist(ctx context.Context, tenant, alias, key, name, source string, text []byte, out any) error {
	q := url.Values{"tenant": {tenant}, "alias": {alias}, "key": {key}, "name": {name}, "source": {source}}
	resp, err := c.do(ctx, http.MethodPut, "/v1/watchlists?"+q.Encode(), "text/csv", nil, text)
	if err != nil {
		return err
	}
	return errors.Join(json.NewDecoder(resp.Body).Decode(out), resp.Body.Close())
}

// DeleteWatchlist of an alias; fault.NotFound where there is none.
func (c *Client) DeleteWatchlist(ctx context.Context, tenant, alias string) error {
	var out any
	return c.call(ctx, http.MethodDelete, "/v1/watchlists?"+url.Values{"tenant": {tenant}, "alias": {alias}}.Encode(), nil, &out)
}
