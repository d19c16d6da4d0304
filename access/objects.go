package access

import "time"

// The directory's objects. Names of members are Microsoft Graph's. Each is a
// document of the state; secrets are kept as hashes only.

// Directory is a tenant as the directory knows it.
type Directory struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	Domains     []string `json:"verifiedDomains"`
	// Licences: editions that the tenant has, such as "P1", "P2", "Microsoft 365 Apps",
	// "Workload ID Premium". nil is everything.
	Licences []string `json:"licences"`
}

// Person is a user with an account here.
type Person struct {
	ID                string    `json:"id"`
	UserPrincipalName string    `json:"userPrincipalName"`
	DisplayName       string    `json:"displayName"`
	AccountEnabled    bool      `json:"accountEnabled"`
	Created           time.Time `json:"createdDateTime"`

	PasswordHash string     `json:"passwordHash,omitempty"` // argon2id, in PHC form; "" signs in elsewhere
	MustChange   bool       `json:"forceChangePasswordNextSignIn,omitempty"`
	TOTPSecret   []byte     `json:"totpSecret,omitempty"` // sealed with the node's key
	TOTPLast     int64      `json:"totpLast,omitempty"`   // step that was used last: none is taken twice
	Passkeys     []Passkey  `json:"passkeys,omitempty"`
	Failures     int        `json:"failures,omitempty"` // in a row
	LockedUntil  *time.Time `json:"lockedUntil,omitempty"`

	// Issuer and Subject of the outside account that the person signs in with.
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// Passkey of a person: a WebAuthn credential.
type Passkey struct {
	ID        []byte    `json:"id"`
	Name      string    `json:"displayName"`
	Created   time.Time `json:"createdDateTime"`
	PublicKey []byte    `json:"publicKey"` // COSE
	SignCount uint32    `json:"signCount"`
	Flags     byte      `json:"flags"`
}

// Group of people.
type Group struct {
	ID          string    `json:"id"`
	DisplayName string    `json:"displayName"`
	Members     []string  `json:"members"` // object ids of people and applications
	Created     time.Time `json:"createdDateTime"`
	// Outside are names or ids of groups in outside tokens whose bearers are members.
	Outside []string `json:"outside,omitempty"`
}

// App is an application and its service principal in the tenant.
type App struct {
	ID                 string       `json:"id"`    // object id of the service principal
	AppID              string       `json:"appId"` // client id
	DisplayName        string       `json:"displayName"`
	AccountEnabled     bool         `json:"accountEnabled"`
	Created            time.Time    `json:"createdDateTime"`
	Public             bool         `json:"isFallbackPublicClient"` // needs no credential: command lines, portals
	RedirectURIs       []string     `json:"redirectUris,omitempty"`
	SPARedirectURIs    []string     `json:"spaRedirectUris,omitempty"` // of pages that redeem codes themselves
	Secrets            []Credential `json:"passwordCredentials,omitempty"`
	Certificates       []Credential `json:"keyCredentials,omitempty"`
	Permissions        []string     `json:"appRoles,omitempty"`               // granted to the application itself
	Scopes             []string     `json:"oauth2PermissionGrants,omitempty"` // that it may ask for on behalf of people
	FederatedIssuer    string       `json:"federatedIssuer,omitempty"`        // workload identity federation
	FederatedSubject   string       `json:"federatedSubject,omitempty"`
	FederatedAudiences []string     `json:"federatedAudiences,omitempty"`
}

// Credential of an application.
type Credential struct {
	KeyID string    `json:"keyId"`
	Name  string    `json:"displayName"`
	Hint  string    `json:"hint,omitempty"` // first characters of a secret
	Start time.Time `json:"startDateTime"`
	End   time.Time `json:"endDateTime"`
	// Hash of a secret (SHA-256: secrets are random, 256 bits), or the certificate
	// in DER form.
	Hash        []byte `json:"hash,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
}

// CustomRole that the tenant made itself.
type CustomRole struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	Permissions []string `json:"allowedResourceActions"`
}

// Assignment of a role, built in or custom, to a person, a group or an application.
type Assignment struct {
	ID        string    `json:"id"`
	Role      string    `json:"roleDefinitionName"` // display name
	Principal string    `json:"principalId"`
	Created   time.Time `json:"createdDateTime"`
}

// APIKey for scripts. The key itself is shown once, and only its hash is kept.
type APIKey struct {
	ID      string    `json:"id"`
	Name    string    `json:"displayName"`
	Tenant  string    `json:"tenant,omitempty"` // "": every tenant of the node
	Hint    string    `json:"hint"`
	Hash    []byte    `json:"hash"`
	Created time.Time `json:"createdDateTime"`
	Expires time.Time `json:"expirationDateTime"` // zero: never
	Root    bool      `json:"administrator,omitempty"`
	// Local: the key that lies in the data folder, for the command line there.
	Local   bool       `json:"local,omitempty"`
	Revoked *time.Time `json:"revokedDateTime,omitempty"`
	// Scopes are permissions as of applications; Roles as of people.
	Scopes []string `json:"scopes,omitempty"`
	Roles  []string `json:"roles,omitempty"`
}
