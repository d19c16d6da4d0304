package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"sextant/client"
)

// AlertAdoptCmd writes a rule again as it is.
type AlertAdoptCmd struct {
	Rule string `arg:"" help:"Name or resource id of the rule."`
}

// Help is shown behind the flags.
func (AlertAdoptCmd) Help() string {
	return `A rule reads what its last writer may read. One that was written before writers were kept, or by somebody who has left,
fails until it is written again: this writes it as it is, and it reads what you may read from then on. Read its query
first.

  sextant alert show 'Many failures'
  sextant alert adopt 'Many failures'`
}

// Run it.
func (c *AlertAdoptCmd) Run(a *app) error {
	return a.managing(func(do *client.Client) error {
		r, err := findRule(a, do, c.Rule)
		if err != nil {
			return err
		}
		var rule map[string]json.RawMessage
		if err := do.JSON(a.ctx, http.MethodGet, r.ID+"?"+alertVersion, nil, &rule); err != nil {
			return err
		}
		if err := do.JSON(a.ctx, http.MethodPut, r.ID+"?"+alertVersion, rule, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s reads what you may read\n", r.Name)
		return err
	})
}
