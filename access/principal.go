package access

import "slices"

// Kind of a principal.
type Kind string

// Kinds.
const (
	User        Kind = "User"             // a person, through an application
	Application Kind = "ServicePrincipal" // an application as itself
	Key         Kind = "ApiKey"           // a key that was made for a script
)

// Principal is who asks, as a token or a key says. It is never changed once made,
// and the same pointer serves one request.
type Principal struct {
	Kind   Kind
	Tenant string // directory; "" is every tenant of the node, which only keys of the node have
	// ObjectID of the user, of the service principal, or of the key.
	ObjectID string
	// AppID is the client: for an application its own, for a person the one that
	// asks on the person's behalf.
	AppID string
	Name  string // user principal name, display name of the application or key: for records

	// Roles are directory and workspace roles, by display name; those that come of
	// groups are among them.
	Roles []string
	// CustomRolePermissions are what custom roles give, such as
	// "microsoft.directory/provisioningLogs/allProperties/read".
	CustomRolePermissions []string
	// Permissions: of an application those that were granted to it (claim roles), of
	// a person the scopes of the token (claim scp), of a key its scopes.
	Permissions []string

	// Root may do everything in its tenant, or in every tenant: the administrator's
	// key.
	Root bool
}

// Is says whether the principal has one of the roles.
func (p *Principal) Is(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.Roles, r) })
}

// May says whether the principal has one of the permissions.
func (p *Principal) May(permissions ...string) bool {
	return slices.ContainsFunc(permissions, func(r string) bool { return slices.Contains(p.Permissions, r) })
}
