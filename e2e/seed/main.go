// Command seed makes a data folder with a directory in it, for the tests of this
// folder: a person, an application with a secret and, where one is given, a
// certificate.
//
//	seed -data DIR -tenant GUID [-certificate FILE]
//
// It prints {"person", "password", "app", "secret"} as JSON.
package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"

	"sextant/access"
	"sextant/node"
	"sextant/record"
)

func main() {
	data, tenant, certificate := flag.String("data", "", "folder"), flag.String("tenant", "", "directory id"), flag.String("certificate", "", "PEM file of a certificate")
	flag.Parse()
	if err := seed(*data, *tenant, *certificate); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const password = "a sentence that nobody guesses"

func seed(dir, tenant, certificate string) (err error) {
	ctx, by := context.Background(), access.Operator()
	model, err := record.New()
	if err != nil {
		return err
	}
	n, err := node.Open(ctx, node.Options{Dir: dir, Model: model, MemoryMB: 64})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	key, err := access.OpenSealKey(dir)
	if err != nil {
		return err
	}
	accounts, err := access.OpenAccounts(access.Options{DB: n.State(), SealKey: key})
	if err != nil {
		return err
	}
	_, err = accounts.SetTenant(ctx, by, tenant, func(d *access.Directory) error { d.Domains = []string{"aldermoor.example"}; return nil })
	if err != nil {
		return err
	}
	ann, err := accounts.AddPerson(ctx, by, tenant, access.Person{UserPrincipalName: "ann@aldermoor.example", DisplayName: "Ann", AccountEnabled: true})
	if err != nil {
		return err
	}
	if err := accounts.SetPassword(ctx, by, tenant, ann.ID, password, false); err != nil {
		return err
	}
	app, err := accounts.AddApp(ctx, by, tenant, access.App{
		DisplayName: "Client tests", AccountEnabled: true, Permissions: []string{"AuditLog.Read.All", "Data.Read", "ThreatHunting.Read.All"}, Scopes: []string{"AuditLog.Read.All"},
		RedirectURIs: []string{"https://app.example/signed-in"},
	})
	if err != nil {
		return err
	}
	secret, _, err := accounts.AddSecret(ctx, by, tenant, app.AppID, "", 0)
	if err != nil {
		return err
	}
	if certificate != "" {
		text, err := os.ReadFile(certificate)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return fmt.Errorf("%s holds no certificate", certificate)
		}
		if _, err := accounts.AddCertificate(ctx, by, tenant, app.AppID, "", block.Bytes); err != nil {
			return err
		}
	}
	for _, id := range []string{ann.ID, app.ID} {
		if _, err := accounts.Assign(ctx, by, tenant, access.GlobalAdministrator, id); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"person": ann.UserPrincipalName, "password": password, "app": app.AppID, "secret": secret})
}
