package main

import (
	"net/http"
	"strings"
	"time"

	"sextant/access"
	"sextant/authority"
	"sextant/fault"
	"sextant/node"
	"sextant/server"
)

// tokens is the token authority of a node, over its accounts.
func (a *app) tokens(n *node.Node, accounts *access.Accounts) (*authority.Authority, error) {
	conf := &a.conf.SignIn
	o := authority.Options{
		DB: n.State(), Accounts: accounts, Clock: a.clock, Logger: a.logger, PublicURL: a.conf.HTTP.URL, PasswordGrant: conf.Passwords,
		SignIn: server.TakeIn(n, "sign-in"),
	}
	if conf.Issuer != "" {
		o.Outside = []authority.Provider{{
			Name: conf.Name, Issuer: conf.Issuer, ClientID: conf.ClientID, ClientSecret: conf.ClientSecret, Scopes: strings.Fields(conf.Scopes),
			Tenant: conf.Tenant, GroupClaim: conf.GroupClaim, NameClaim: conf.NameClaim, Create: conf.Create,
			Audiences: strings.Fields(conf.Audiences), Permissions: strings.Fields(conf.Permissions),
		}}
		o.HTTP = &http.Client{Timeout: 15 * time.Second}
	} else if conf.ClientID+conf.Tenant+conf.Audiences != "" {
		return nil, fault.New(fault.Invalid, "the settings signin say nothing without signin.issuer")
	}
	return authority.New(o)
}

// accounts of a node. What changes them is recorded in the tenants' logs. The token is
// an administrator's, besides the keys that there are; "" is none.
func (a *app) accounts(n *node.Node, token string) (*access.Accounts, error) {
	key, err := access.OpenSealKey(a.dataDir())
	if err != nil {
		return nil, err
	}
	return access.OpenAccounts(access.Options{DB: n.State(), Clock: a.clock, SealKey: key, Token: token, Audit: server.AuditTo(n)})
}
