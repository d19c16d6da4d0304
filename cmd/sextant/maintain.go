package main

import (
	"errors"
	"fmt"
	"time"
)

// MaintainCmd does now what a server does in the background.
type MaintainCmd struct{}

// Help is shown behind the flags.
func (MaintainCmd) Help() string {
	return `Seals and recompresses the log, merges the tables' files, and removes what retention no longer keeps. A server does
this by itself; after a large import into a folder without one, this makes the folder small.`
}

// Run it.
func (MaintainCmd) Run(a *app) error {
	if err := a.isFolder(); err != nil {
		return err
	}
	l, err := a.local(a.dataDir())
	if err != nil {
		return heldBy(err) // its server does this by itself
	}
	began := time.Now()
	err = l.Settle(a.ctx)
	if err == nil {
		err = l.node.Maintain(a.ctx)
	}
	if err == nil {
		infos, e := l.Tenants(a.ctx)
		err = e
		for _, x := range infos {
			fmt.Fprintf(a.out, "%s: log %s, tables %s\n", x.Tenant, byteText(x.LogBytes), byteText(x.TableBytes))
		}
		fmt.Fprintf(a.err, "done in %v\n", time.Since(began).Round(time.Millisecond))
	}
	return errors.Join(err, l.Close())
}
