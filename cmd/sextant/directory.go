package main

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"sextant/access"
	"sextant/client"
	"sextant/fault"
	"sextant/server"
)

// The directory: tenants, users, groups, applications, roles and keys. Each command asks
// the server that holds the folder, or one in this process.

// accessPath of the directory, with the tenant that the flags choose.
func (a *app) accessPath(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	path := "/v1/access/" + strings.Join(parts, "/")
	if a.conf.Tenant != "" {
		path += "?tenant=" + url.QueryEscape(a.conf.Tenant)
	}
	return path
}

// ask the directory.
func (a *app) ask(method string, in, out any, parts ...string) error {
	return a.managing(func(c *client.Client) error { return c.JSON(a.ctx, method, a.accessPath(parts...), in, out) })
}

// list what the directory answers: a table, or the JSON as it is.
func listed[T any](a *app, output, head string, row func(T) []any, parts ...string) error {
	var all struct{ Value []T }
	if err := a.ask(http.MethodGet, nil, &all, parts...); err != nil {
		return err
	}
	if output == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(all.Value)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, "|", "\t"))
	for _, x := range all.Value {
		cells := row(x)
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, c)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// Output of a list.
type Output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print it: table, or json (an array of objects)."`
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orDash(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// TenantCmd groups the commands about tenants of the directory.
type TenantCmd struct {
	List TenantListCmd `cmd:"" help:"List the tenants that have accounts or settings."`
	Show TenantShowCmd `cmd:"" help:"Show one tenant's name, domains and licences, and whether its queries are audited."`
	Set  TenantSetCmd  `cmd:"" help:"Set a tenant's name, domains or licences, or whether its queries are audited."`
}

// TenantListCmd lists tenants.
type TenantListCmd struct{ Output }

func licences(d access.Directory) string {
	switch {
	case d.Licences == nil:
		return "everything"
	case len(d.Licences) == 0:
		return "none"
	}
	return strings.Join(d.Licences, ", ")
}

// Run it.
func (c *TenantListCmd) Run(a *app) error {
	return listed(a, c.Output.Output, "tenant|name|domains|licences", func(d access.Directory) []any {
		return []any{d.ID, d.DisplayName, orDash(d.Domains), licences(d)}
	}, "tenants")
}

// TenantShowCmd shows one.
type TenantShowCmd struct{}

// Run it.
func (TenantShowCmd) Run(a *app) error {
	return a.managing(func(do *client.Client) error {
		var d access.Directory
		if err := do.JSON(a.ctx, http.MethodGet, a.accessPath("tenant"), nil, &d); err != nil {
			return err
		}
		audit, err := auditedIn(a.ctx, do, d.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "tenant       %s\nname         %s\ndomains      %s\nlicences     %s\nquery audit  %s\n", d.ID, d.DisplayName, orDash(d.Domains), licences(d), audit)
		return err
	})
}

// TenantSetCmd changes one.
type TenantSetCmd struct {
	Name    string   `placeholder:"NAME" help:"Display name."`
	Domain  []string `placeholder:"DOMAIN" help:"Verified domain, by which people find the tenant when they sign in; may be given more than once, and replaces those that there are."`
	Licence []string `placeholder:"NAME" help:"Licence that the tenant has: P1, P2, 'Workload ID Premium', 'Microsoft 365 Apps', Free; may be given more than once. 'everything' is what a tenant has that nobody set otherwise, 'none' none at all."`

	QueryAudit string `enum:",on,off" default:"" placeholder:"on|off" help:"Whether each query of the tenant's workspace is a row of LAQueryLogs: who asked what, and what came of it."`
}

// Help is shown behind the flags.
func (TenantSetCmd) Help() string {
	return `A tenant has every licence until it is set lower; then Sextant answers as Microsoft does, errors and hidden
details included.

  sextant tenant set --tenant ID --domain example.com
  sextant tenant set --tenant ID --licence P1
  sextant tenant set --tenant ID --licence everything

With --query-audit on, who asked what is in the table LAQueryLogs, which Security Administrators read. It is the diagnostic
setting of the workspace with the category Audit, and costs a row for each query.

  sextant tenant set --tenant ID --query-audit on
  sextant query --tenant ID 'LAQueryLogs | summarize count() by AADEmail'`
}

// Run it.
func (c *TenantSetCmd) Run(a *app) error {
	body := map[string]any{}
	if c.Name != "" {
		body["displayName"] = c.Name
	}
	if len(c.Domain) > 0 {
		body["verifiedDomains"] = c.Domain
	}
	switch {
	case len(c.Licence) == 1 && strings.EqualFold(c.Licence[0], "everything"):
		body["licences"] = json.RawMessage("null")
	case len(c.Licence) == 1 && strings.EqualFold(c.Licence[0], "none"):
		body["licences"] = []string{}
	case len(c.Licence) > 0:
		body["licences"] = c.Licence
	}
	if len(body) == 0 && c.QueryAudit == "" {
		return fault.New(fault.Invalid, "nothing to set; give --name, --domain, --licence or --query-audit")
	}
	return a.managing(func(do *client.Client) error {
		var d access.Directory
		method, in := http.MethodPatch, any(body)
		if len(body) == 0 {
			method, in = http.MethodGet, nil
		}
		if err := do.JSON(a.ctx, method, a.accessPath("tenant"), in, &d); err != nil {
			return err
		}
		if c.QueryAudit != "" {
			if err := auditQueries(a.ctx, do, d.ID, c.QueryAudit == "on"); err != nil {
				return err
			}
		}
		audit, err := auditedIn(a.ctx, do, d.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s: name %s, domains %s, licences %s, query audit %s\n", d.ID, d.DisplayName, orDash(d.Domains), licences(d), audit)
		return err
	})
}

// UserCmd groups the commands about people.
type UserCmd struct {
	Add     UserAddCmd     `cmd:"" help:"Add a user. Without --password-stdin a password is made and printed once."`
	List    UserListCmd    `cmd:"" help:"List the users."`
	Passwd  UserPasswdCmd  `cmd:"" help:"Set a user's password, or make one."`
	Enable  UserEnableCmd  `cmd:"" help:"Let a disabled user in again."`
	Disable UserDisableCmd `cmd:"" help:"Let a user in no longer, from now on."`
	Unlock  UserUnlockCmd  `cmd:"" help:"End a lock-out after wrong passwords."`
	Forget  UserForgetCmd  `cmd:"" help:"Forget a user's authenticator and passkeys, which were lost."`
	Delete  UserDeleteCmd  `cmd:"" help:"Delete a user, with roles and memberships."`
}

// UserAddCmd adds one.
type UserAddCmd struct {
	UPN           string   `arg:"" help:"User principal name: ann@example.com."`
	Name          string   `placeholder:"NAME" help:"Display name."`
	Role          []string `placeholder:"ROLE" help:"Role to give, such as 'Reports Reader'; may be given more than once. See 'sextant role list'."`
	PasswordStdin bool     `help:"Read the password from standard input, a line."`
	Issuer        string   `placeholder:"URL" help:"The user signs in at this issuer, and has no password here; with --subject."`
	Subject       string   `placeholder:"ID" help:"The user's id (sub) at the issuer."`
}

// Help is shown behind the flags.
func (UserAddCmd) Help() string {
	return `  sextant user add ann@example.com --name 'Ann Example' --role 'Security Reader'
  pass show ann | sextant user add ann@example.com --password-stdin

A user without a role can sign in and read nothing. Least is best: Reports Reader reads sign-ins and audit logs.`
}

// password from standard input, or a new one that must be changed.
func (a *app) password(stdin bool) (password string, made bool, err error) {
	if !stdin {
		return rand.Text()[:20], true, nil
	}
	a.hintAtInput("the password")
	text, err := io.ReadAll(io.LimitReader(a.in, 4<<10))
	if err != nil {
		return "", false, fmt.Errorf("cannot read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), false, nil
}

// Run it.
func (c *UserAddCmd) Run(a *app) error {
	body := map[string]any{"userPrincipalName": c.UPN, "displayName": c.Name}
	password, made := "", false
	if c.Issuer != "" {
		body["issuer"], body["subject"] = c.Issuer, c.Subject
	} else {
		var err error
		if password, made, err = a.password(c.PasswordStdin); err != nil {
			return err
		}
		body["password"], body["forceChangePasswordNextSignIn"] = password, made
	}
	return a.managing(func(do *client.Client) error {
		var u server.UserInfo
		if err := do.JSON(a.ctx, http.MethodPost, a.accessPath("users"), body, &u); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "user %s, id %s\n", u.UPN, u.ID)
		if made {
			fmt.Fprintf(a.out, "password, to be changed at the first sign-in: %s\n", password)
		}
		for _, role := range c.Role {
			if err := do.JSON(a.ctx, http.MethodPost, a.accessPath("assignments"), map[string]any{"roleDefinitionName": role, "principal": u.ID}, nil); err != nil {
				return fmt.Errorf("the user is there, without the role %s: %w; then `sextant role assign ROLE %s`", role, err, u.UPN)
			}
			fmt.Fprintf(a.out, "has the role %s\n", role)
		}
		return nil
	})
}

// UserListCmd lists them.
type UserListCmd struct{ Output }

// Run it.
func (c *UserListCmd) Run(a *app) error {
	return listed(a, c.Output.Output, "user|name|enabled|signs in with|roles|id", func(u server.UserInfo) []any {
		return []any{u.UPN, u.DisplayName, yesNo(u.Enabled), orDash(u.Methods), orDash(u.Roles), u.ID}
	}, "users")
}

// UserPasswdCmd sets a password.
type UserPasswdCmd struct {
	UPN           string `arg:"" help:"User principal name or object id."`
	PasswordStdin bool   `help:"Read the password from standard input, a line; otherwise one is made and printed once."`
}

// Run it.
func (c *UserPasswdCmd) Run(a *app) error {
	password, made, err := a.password(c.PasswordStdin)
	if err != nil {
		return err
	}
	err = a.ask(http.MethodPost, map[string]any{"password": password, "forceChangePasswordNextSignIn": made}, nil, "users", c.UPN, "password")
	if err == nil && made {
		fmt.Fprintf(a.out, "password, to be changed at the next sign-in: %s\n", password)
	}
	return err
}

// UserEnableCmd enables one.
type UserEnableCmd struct {
	UPN string `arg:"" help:"User principal name or object id."`
}

// Run it.
func (c *UserEnableCmd) Run(a *app) error {
	return a.ask(http.MethodPatch, map[string]any{"accountEnabled": true}, nil, "users", c.UPN)
}

// UserDisableCmd disables one.
type UserDisableCmd struct {
	UPN string `arg:"" help:"User principal name or object id."`
}

// Run it.
func (c *UserDisableCmd) Run(a *app) error {
	return a.ask(http.MethodPatch, map[string]any{"accountEnabled": false}, nil, "users", c.UPN)
}

// UserUnlockCmd unlocks one.
type UserUnlockCmd struct {
	UPN string `arg:"" help:"User principal name or object id."`
}

// Run it.
func (c *UserUnlockCmd) Run(a *app) error {
	return a.ask(http.MethodPost, nil, nil, "users", c.UPN, "unlock")
}

// UserForgetCmd forgets second factors.
type UserForgetCmd struct {
	UPN string `arg:"" help:"User principal name or object id."`
}

// Run it.
func (c *UserForgetCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "users", c.UPN, "methods")
}

// UserDeleteCmd deletes one.
type UserDeleteCmd struct {
	UPN string `arg:"" help:"User principal name or object id."`
}

// Run it.
func (c *UserDeleteCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "users", c.UPN)
}

// GroupCmd groups the commands about groups.
type GroupCmd struct {
	Add    GroupAddCmd    `cmd:"" help:"Add a group."`
	List   GroupListCmd   `cmd:"" help:"List the groups and their members."`
	Join   GroupJoinCmd   `cmd:"" help:"Make a user or an application a member."`
	Leave  GroupLeaveCmd  `cmd:"" help:"Take a member out."`
	Delete GroupDeleteCmd `cmd:"" help:"Delete a group, with its roles."`
}

// GroupAddCmd adds one.
type GroupAddCmd struct {
	Name    string   `arg:"" help:"Display name."`
	Outside []string `placeholder:"NAME" help:"Group at the outside issuer (its name or id in the token) whose people are members; may be given more than once."`
}

// Help is shown behind the flags.
func (GroupAddCmd) Help() string {
	return `Roles that a group has are its members'.

  sextant group add Hunters
  sextant group join Hunters ann@example.com
  sextant role assign 'Security Reader' Hunters`
}

// Run it.
func (c *GroupAddCmd) Run(a *app) error {
	var g access.Group
	err := a.ask(http.MethodPost, map[string]any{"displayName": c.Name, "outside": c.Outside}, &g, "groups")
	if err == nil {
		fmt.Fprintf(a.out, "group %s, id %s\n", g.DisplayName, g.ID)
	}
	return err
}

// GroupListCmd lists them.
type GroupListCmd struct{ Output }

// Run it.
func (c *GroupListCmd) Run(a *app) error {
	return listed(a, c.Output.Output, "group|members|outside|id", func(g access.Group) []any {
		return []any{g.DisplayName, len(g.Members), orDash(g.Outside), g.ID}
	}, "groups")
}

// GroupJoinCmd adds a member.
type GroupJoinCmd struct {
	Group  string `arg:"" help:"Name or id of the group."`
	Member string `arg:"" help:"User principal name, application or object id."`
}

// Run it.
func (c *GroupJoinCmd) Run(a *app) error {
	return a.ask(http.MethodPut, nil, nil, "groups", c.Group, "members", c.Member)
}

// GroupLeaveCmd removes a member.
type GroupLeaveCmd struct {
	Group  string `arg:"" help:"Name or id of the group."`
	Member string `arg:"" help:"User principal name, application or object id."`
}

// Run it.
func (c *GroupLeaveCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "groups", c.Group, "members", c.Member)
}

// GroupDeleteCmd deletes one.
type GroupDeleteCmd struct {
	Group string `arg:"" help:"Name or id of the group."`
}

// Run it.
func (c *GroupDeleteCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "groups", c.Group)
}

// AppCmd groups the commands about applications.
type AppCmd struct {
	Add    AppAddCmd    `cmd:"" help:"Add an application: a script, a client, another product."`
	List   AppListCmd   `cmd:"" help:"List the applications."`
	Grant  AppGrantCmd  `cmd:"" help:"Set what an application may do as itself, or on behalf of people."`
	Secret AppSecretCmd `cmd:"" help:"Make a secret, and print it once."`
	Cert   AppCertCmd   `cmd:"" help:"Add a certificate with which the application signs in."`
	Forget AppForgetCmd `cmd:"" help:"Take a secret or a certificate away."`
	Delete AppDeleteCmd `cmd:"" help:"Delete an application."`
}

// AppAddCmd adds one.
type AppAddCmd struct {
	Name       string   `arg:"" help:"Display name."`
	Permission []string `placeholder:"NAME" help:"Permission of the application itself, such as AuditLog.Read.All; may be given more than once."`
	Scope      []string `placeholder:"NAME" help:"Permission that it may use on behalf of the people who use it; may be given more than once."`
	Redirect   []string `placeholder:"URL" help:"Address to which people come back after they signed in; may be given more than once."`
	Page       []string `name:"spa" placeholder:"URL" help:"Address of a page that signs people in itself (a single-page application, MSAL.js); its origin may ask this server from a browser; may be given more than once."`
	Public     bool     `help:"It runs where no secret can be kept, and has none: a command line, a page."`
}

// Help is shown behind the flags.
func (AppAddCmd) Help() string {
	return `  sextant app add 'Nightly export' --permission AuditLog.Read.All
  sextant app secret 'Nightly export'

Sign in with tenant, client id and secret, as Microsoft's libraries do; the authority is this server's address.`
}

// Run it.
func (c *AppAddCmd) Run(a *app) error {
	return a.managing(func(do *client.Client) error {
		var x server.AppInfo
		if err := do.JSON(a.ctx, http.MethodPost, a.accessPath("apps"), map[string]any{"displayName": c.Name, "isFallbackPublicClient": c.Public, "redirectUris": c.Redirect, "spaRedirectUris": c.Page}, &x); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "application %s, client id %s\n", x.DisplayName, x.AppID)
		if len(c.Permission)+len(c.Scope) == 0 {
			return nil
		}
		return do.JSON(a.ctx, http.MethodPut, a.accessPath("apps", x.AppID, "permissions"), map[string]any{"appRoles": c.Permission, "oauth2PermissionGrants": c.Scope}, nil)
	})
}

// AppListCmd lists them.
type AppListCmd struct{ Output }

// Run it.
func (c *AppListCmd) Run(a *app) error {
	return listed(a, c.Output.Output, "application|client id|enabled|permissions|scopes|roles|credentials", func(x server.AppInfo) []any {
		var creds []string
		for _, list := range [][]access.Credential{x.Secrets, x.Certificates} {
			for _, k := range list {
				creds = append(creds, fmt.Sprintf("%s until %s (%s)", k.Name, k.End.Format("2006-01-02"), k.KeyID))
			}
		}
		return []any{x.DisplayName, x.AppID, yesNo(x.AccountEnabled), orDash(x.Permissions), orDash(x.Scopes), orDash(x.Roles), orDash(creds)}
	}, "apps")
}

// AppGrantCmd grants.
type AppGrantCmd struct {
	App        string   `arg:"" help:"Client id or name."`
	Permission []string `placeholder:"NAME" help:"Permission of the application itself; those given replace those that there are."`
	Scope      []string `placeholder:"NAME" help:"Permission on behalf of people; those given replace those that there are."`
	None       bool     `help:"Take all away."`
}

// Run it.
func (c *AppGrantCmd) Run(a *app) error {
	body := map[string]any{}
	if len(c.Permission) > 0 || c.None {
		body["appRoles"] = append([]string{}, c.Permission...)
	}
	if len(c.Scope) > 0 || c.None {
		body["oauth2PermissionGrants"] = append([]string{}, c.Scope...)
	}
	if len(body) == 0 {
		return fault.New(fault.Invalid, "nothing to grant; give --permission or --scope, or --none to take all away")
	}
	return a.ask(http.MethodPut, body, nil, "apps", c.App, "permissions")
}

// AppSecretCmd makes a secret.
type AppSecretCmd struct {
	App  string `arg:"" help:"Client id or name."`
	Name string `placeholder:"NAME" help:"What to call it."`
	Days int    `default:"180" help:"How long it is good for; 731 at most."`
}

// Run it.
func (c *AppSecretCmd) Run(a *app) error {
	var made struct {
		AppID  string    `json:"appId"`
		KeyID  string    `json:"keyId"`
		End    time.Time `json:"endDateTime"`
		Secret string    `json:"secretText"`
	}
	if c.Days < 1 {
		return fault.New(fault.Invalid, "a secret is good for 1 to 731 days, not %d", c.Days)
	}
	err := a.ask(http.MethodPost, map[string]any{"displayName": c.Name, "days": c.Days}, &made, "apps", c.App, "secrets")
	if err == nil {
		fmt.Fprintf(a.err, "a secret of %s, good until %s; its id is %s. It is shown this once:\n", made.AppID, made.End.Format(time.RFC3339), made.KeyID)
		fmt.Fprintln(a.out, made.Secret)
	}
	return err
}

// AppCertCmd adds a certificate.
type AppCertCmd struct {
	App  string `arg:"" help:"Client id or name."`
	File string `arg:"" type:"existingfile" help:"Certificate, PEM or DER; a private key in the file is not looked at."`
	Name string `placeholder:"NAME" help:"What to call it."`
}

// Run it.
func (c *AppCertCmd) Run(a *app) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fault.New(fault.Invalid, "cannot read the certificate: %w", err)
	}
	der := text
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			der = block.Bytes
			break
		}
	}
	var made access.Credential
	if err := a.ask(http.MethodPost, map[string]any{"displayName": c.Name, "key": der}, &made, "apps", c.App, "certificates"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "certificate %s, good until %s; its id is %s\n", made.Name, made.End.Format(time.RFC3339), made.KeyID)
	return err
}

// AppForgetCmd removes a credential.
type AppForgetCmd struct {
	App string `arg:"" help:"Client id or name."`
	ID  string `arg:"" help:"Id of the secret or certificate; see 'sextant app list'."`
}

// Run it.
func (c *AppForgetCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "apps", c.App, "credentials", c.ID)
}

// AppDeleteCmd deletes one.
type AppDeleteCmd struct {
	App string `arg:"" help:"Client id or name."`
}

// Run it.
func (c *AppDeleteCmd) Run(a *app) error { return a.ask(http.MethodDelete, nil, nil, "apps", c.App) }

// RoleCmd groups the commands about roles.
type RoleCmd struct {
	List   RoleListCmd   `cmd:"" help:"List who has which role, or with --all the roles that there are."`
	Assign RoleAssignCmd `cmd:"" help:"Give a role to a user, a group or an application."`
	Remove RoleRemoveCmd `cmd:"" help:"Take a role away."`
	Create RoleCreateCmd `cmd:"" help:"Create a custom role."`
	Delete RoleDeleteCmd `cmd:"" help:"Delete a custom role."`
}

// RoleListCmd lists.
type RoleListCmd struct {
	Output
	All bool `help:"The roles, rather than who has them."`
}

// Run it.
func (c *RoleListCmd) Run(a *app) error {
	if c.All {
		return listed(a, c.Output.Output, "role|kind|permissions|id", func(r server.RoleInfo) []any {
			kind := "custom"
			if r.BuiltIn {
				kind = "built in"
			}
			return []any{r.DisplayName, kind, orDash(r.Permissions), r.ID}
		}, "roles")
	}
	return listed(a, c.Output.Output, "role|who|object id", func(x server.AssignmentInfo) []any {
		return []any{x.Role, x.Name, x.Principal}
	}, "assignments")
}

// RoleAssignCmd gives a role.
type RoleAssignCmd struct {
	Role string `arg:"" help:"Name of the role."`
	Who  string `arg:"" help:"User principal name, name of a group or an application, or an id."`
}

// Help is shown behind the flags.
func (RoleAssignCmd) Help() string {
	return `Which role reads what is in docs/operations.md. Least is best:

  sextant role assign 'Reports Reader' ann@example.com`
}

// Run it.
func (c *RoleAssignCmd) Run(a *app) error {
	return a.ask(http.MethodPost, map[string]any{"roleDefinitionName": c.Role, "principal": c.Who}, nil, "assignments")
}

// RoleRemoveCmd takes a role.
type RoleRemoveCmd struct {
	Role string `arg:"" help:"Name of the role."`
	Who  string `arg:"" help:"User principal name, name of a group or an application, or an id."`
}

// Run it.
func (c *RoleRemoveCmd) Run(a *app) error {
	return a.managing(func(do *client.Client) error {
		path := a.accessPath("assignments")
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		q := url.Values{"role": {c.Role}, "principal": {c.Who}}
		return do.JSON(a.ctx, http.MethodDelete, path+sep+q.Encode(), nil, nil)
	})
}

// RoleCreateCmd creates one.
type RoleCreateCmd struct {
	Name       string   `arg:"" help:"Display name."`
	Permission []string `required:"" placeholder:"NAME" help:"Permission of the role, such as microsoft.directory/provisioningLogs/allProperties/read; may be given more than once."`
}

// Run it.
func (c *RoleCreateCmd) Run(a *app) error {
	var r access.CustomRole
	err := a.ask(http.MethodPost, map[string]any{"displayName": c.Name, "allowedResourceActions": c.Permission}, &r, "roles")
	if err == nil {
		fmt.Fprintf(a.out, "role %s, id %s\n", r.DisplayName, r.ID)
	}
	return err
}

// RoleDeleteCmd deletes one.
type RoleDeleteCmd struct {
	Name string `arg:"" help:"Name or id of the custom role."`
}

// Run it.
func (c *RoleDeleteCmd) Run(a *app) error {
	return a.ask(http.MethodDelete, nil, nil, "roles", c.Name)
}

// KeyCmd groups the commands about API keys.
type KeyCmd struct {
	Create KeyCreateCmd `cmd:"" help:"Create a key for a script, and print it once."`
	List   KeyListCmd   `cmd:"" help:"List the keys."`
	Revoke KeyRevokeCmd `cmd:"" help:"Revoke a key, at once and for ever."`
}

// KeyCreateCmd creates one.
type KeyCreateCmd struct {
	Name  string   `arg:"" help:"What to call it: for which script, where."`
	Scope []string `placeholder:"NAME" help:"Permission, such as AuditLog.Read.All (reads), Records.Write (brings records in) or Metrics.Read; may be given more than once."`
	Role  []string `placeholder:"ROLE" help:"Role, as of a user; may be given more than once."`
	Days  int      `default:"90" help:"How long it is good for; 0 is until it is revoked."`
	Admin bool     `help:"It may do everything in the tenant."`
	Node  bool     `help:"It is good for every tenant of the server."`
}

// Help is shown behind the flags.
func (KeyCreateCmd) Help() string {
	return `The key alone goes to standard output, so that it can be kept at once.

  sextant key create 'log shipper on web-1' --scope Records.Write > shipper.key
  sextant key create 'weekly report' --scope AuditLog.Read.All --days 365
  sextant key create prometheus --scope Metrics.Read --node
  SEXTANT_TOKEN=$(cat report.key) sextant query --server https://logs.example:8443 'SigninLogs | count'`
}

// Run it.
func (c *KeyCreateCmd) Run(a *app) error {
	body := map[string]any{"displayName": c.Name, "tenant": a.conf.Tenant, "scopes": c.Scope, "roles": c.Role, "days": c.Days, "administrator": c.Admin}
	if c.Node {
		body["tenant"] = "*"
	}
	var made server.NewKey
	if err := a.ask(http.MethodPost, body, &made, "keys"); err != nil {
		return err
	}
	until := "until it is revoked"
	if !made.Expires.IsZero() {
		until = "until " + made.Expires.Format(time.RFC3339)
	}
	of := "every tenant"
	if made.Tenant != "" {
		of = "tenant " + made.Tenant
	}
	fmt.Fprintf(a.err, "a key for %s, good %s; its id is %s. It is shown this once:\n", of, until, made.ID)
	_, err := fmt.Fprintln(a.out, made.Secret)
	return err
}

// KeyListCmd lists them.
type KeyListCmd struct{ Output }

// Run it.
func (c *KeyListCmd) Run(a *app) error {
	now := a.clock()
	return listed(a, c.Output.Output, "key|tenant|may|state|begins with|id", func(k access.APIKey) []any {
		tenant, may, state := k.Tenant, orDash(append(k.Scopes, k.Roles...)), "good"
		if tenant == "" {
			tenant = "every"
		}
		if k.Root {
			may = "everything"
		}
		switch {
		case k.Revoked != nil:
			state = "revoked"
		case !k.Expires.IsZero() && now.After(k.Expires):
			state = "expired"
		case !k.Expires.IsZero():
			state = "until " + k.Expires.Format("2006-01-02")
		}
		return []any{k.Name, tenant, may, state, k.Hint + "…", k.ID}
	}, "keys")
}

// KeyRevokeCmd revokes one.
type KeyRevokeCmd struct {
	ID string `arg:"" help:"Id of the key, or its name when no other key has it; see 'sextant key list'."`
}

// Help is shown behind the flags.
func (KeyRevokeCmd) Help() string {
	return `The key in DATA/admin.token, 'local administrator', can be revoked as any other: the file goes with it, and does not
come back by itself. Commands on a folder that a server holds need a key or a sign-in of their own then; write one into
the file to have it back:

  sextant key revoke 'local administrator'
  SEXTANT_TOKEN=… sextant key create 'this machine' --admin --node --days 0 > DATA/admin.token`
}

// Run it.
func (c *KeyRevokeCmd) Run(a *app) error {
	return a.managing(func(do *client.Client) error {
		var all struct{ Value []access.APIKey }
		if err := do.JSON(a.ctx, http.MethodGet, a.accessPath("keys"), nil, &all); err != nil {
			return err
		}
		id := ""
		for _, k := range all.Value {
			if strings.EqualFold(k.ID, c.ID) || k.Name == c.ID && k.Revoked == nil {
				if id != "" {
					return fault.New(fault.Invalid, "several keys are called %q; give the id of one", c.ID)
				}
				id = k.ID
			}
		}
		if id == "" {
			return fault.New(fault.NotFound, "there is no key %q", c.ID)
		}
		var k access.APIKey
		err := do.JSON(a.ctx, http.MethodDelete, a.accessPath("keys", id), nil, &k)
		if err == nil {
			fmt.Fprintf(a.out, "%s is revoked\n", k.Name)
		}
		return err
	})
}
