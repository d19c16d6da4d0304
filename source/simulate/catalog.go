package simulate

// Facts that are the same in every tenant: Microsoft's applications, resources
// and roles by their public identifiers.

const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a" // owner of first-party applications

// application is a client or a resource.
type application struct {
	name, id string
	owner    string // tenant; empty for the tenant's own
	client   clientKind
	resource int    // index in resources that it asks for first
	scopes   string // what a non-interactive token for it carries
	weight   int    // how often people sign in to it; 0 for never interactively
}

type clientKind uint8

const (
	browserApp clientKind = iota
	desktopApp
	mobileApp
	toolApp // command lines and developers' tools
)

// Resources, by name for the code that needs a certain one.
const (
	resGraph = iota
	resExchange
	resSharePoint
	resARM
	resDirectory
	resTeams
	resPresence
	resDevices
	resKeyVault
	resManagement
	resStorage
	resSQL
	resLogs
	resMonitor
	resMAM
	resPortal
	resPolicy
	resPIM
)

// resources that tokens are issued for.
var resources = []struct{ name, id string }{
	resGraph:      {"Microsoft Graph", "00000003-0000-0000-c000-000000000000"},
	resExchange:   {"Office 365 Exchange Online", "00000002-0000-0ff1-ce00-000000000000"},
	resSharePoint: {"Office 365 SharePoint Online", "00000003-0000-0ff1-ce00-000000000000"},
	resARM:        {"Azure Resource Manager", "797f4846-ba00-4fd7-ba43-dac1f8f63013"},
	resDirectory:  {"Windows Azure Active Directory", "00000002-0000-0000-c000-000000000000"},
	resTeams:      {"Microsoft Teams Services", "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe"},
	resPresence:   {"Skype Presence Service", "1e70cd27-4707-4589-8ec5-9bd20c472a46"},
	resDevices:    {"Device Registration Service", "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9"},
	resKeyVault:   {"Azure Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"},
	resManagement: {"Office 365 Management APIs", "c5393580-f805-4401-95e8-94b7a6ef2fc2"},
	resStorage:    {"Azure Storage", "e406a681-f3d4-42a8-90b6-c2b029497af1"},
	resSQL:        {"Azure SQL Database", "022907d3-0f1b-48f7-badc-1ba6abab6d66"},
	resLogs:       {"Log Analytics API", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"},
	resMonitor:    {"Azure Monitor Control Service", "e933bd07-d2ee-4f1d-933c-3752b819567b"},
	resMAM:        {"Microsoft Mobile Application Management", "0a5f63c0-b750-4f38-a71c-4fc0d58b89e2"},
	resPortal:     {"Azure Portal", "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"},
	resPolicy:     {"Microsoft Policy Insights Provider Data Plane", "8cae6e77-e04e-42ce-b5cb-50d82bce26b1"},
	resPIM:        {"MS-PIM", "01fc33a7-78ba-4d2f-a4b7-768e336e890e"},
}

// Applications that the code needs by name.
const (
	appPortal = iota
	appOutlookWeb
	appTeamsWeb
	appOfficeHome
	appTeams
	appOffice
	appOneDrive
	appOutlookMobile
	appShell
	appSharePointWeb
	appMyApps
	appMySignIns
	appPowerBI
	appEdge
	appCLI
	appPowerShell
	appGraphExplorer
	appBroker
	appVSCode
	appAADPowerShell
	appCompanyPortal
	appWindows
	firstOwnApp // the tenant's own applications follow
)

var applications = []application{
	appPortal:        {"Azure Portal", "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", microsoftTenant, browserApp, resARM, "user_impersonation", 10},
	appOutlookWeb:    {"One Outlook Web", "9199bf20-a13f-4107-85dc-02114787ef48", microsoftTenant, browserApp, resExchange, "Mail.ReadWrite Calendars.ReadWrite Contacts.ReadWrite MailboxSettings.ReadWrite", 22},
	appTeamsWeb:      {"Microsoft Teams Web Client", "5e3ce6c0-2b1f-4285-8d4b-75ee78787346", microsoftTenant, browserApp, resTeams, "Chat.ReadWrite Channel.ReadBasic.All Presence.Read.All User.ReadBasic.All", 14},
	appOfficeHome:    {"OfficeHome", "4765445b-32c6-49b0-83e6-1d93765276ca", microsoftTenant, browserApp, resGraph, "Files.Read.All People.Read Sites.Read.All User.Read", 18},
	appTeams:         {"Microsoft Teams", "1fec8e78-bce4-4aaf-ab1b-5451cc387264", microsoftTenant, desktopApp, resTeams, "Chat.ReadWrite Calendars.ReadWrite Files.ReadWrite.All Presence.ReadWrite User.Read.All", 14},
	appOffice:        {"Microsoft Office", "d3590ed6-52b3-4102-aeff-aad2292ab01c", microsoftTenant, desktopApp, resExchange, "EWS.AccessAsUser.All Files.ReadWrite.All Mail.ReadWrite Notes.Create Sites.ReadWrite.All User.Read.All", 12},
	appOneDrive:      {"OneDrive SyncEngine", "ab9b8c07-8f02-4f72-87fa-80105867a763", microsoftTenant, desktopApp, resSharePoint, "AllSites.FullControl MyFiles.Write User.ReadWrite", 2},
	appOutlookMobile: {"Outlook Mobile", "27922004-5251-4030-b22d-91ecd9a37ea4", microsoftTenant, mobileApp, resExchange, "EAS.AccessAsUser.All EWS.AccessAsUser.All Mail.ReadWrite Calendars.ReadWrite", 10},
	appShell:         {"Office365 Shell WCSS-Client", "89bee1f7-5e6e-4d8a-9f3d-ecd601259da7", microsoftTenant, browserApp, resGraph, "User.Read Organization.Read.All", 0},
	appSharePointWeb: {"SharePoint Online Web Client Extensibility", "08e18876-6177-487e-b8b5-cf950c1e598c", microsoftTenant, browserApp, resSharePoint, "AllSites.Read MyFiles.Read Sites.Search.All", 8},
	appMyApps:        {"My Apps", "2793995e-0a7d-40d7-bd35-6968ba142197", microsoftTenant, browserApp, resGraph, "Application.Read.All User.Read", 3},
	appMySignIns:     {"My Signins", "19db86c3-b2b9-44cc-b339-36da233a3be2", microsoftTenant, browserApp, resGraph, "AuditLog.Read.All User.Read", 1},
	appPowerBI:       {"Power BI Service", "00000009-0000-0000-c000-000000000000", microsoftTenant, browserApp, resGraph, "Dataset.Read.All Report.Read.All Workspace.Read.All", 5},
	appEdge:          {"Microsoft Edge", "ecd6b820-32c2-49b6-98a6-444530e5a77a", microsoftTenant, desktopApp, resGraph, "User.Read Favorites.Sync", 2},
	appCLI:           {"Microsoft Azure CLI", "04b07795-8ddb-461a-bbee-02f9e1bf7b46", microsoftTenant, toolApp, resARM, "user_impersonation", 2},
	appPowerShell:    {"Microsoft Azure PowerShell", "1950a258-227b-4e31-a9cf-717495945fc2", microsoftTenant, toolApp, resARM, "user_impersonation", 1},
	appGraphExplorer: {"Graph Explorer", "de8bc8b5-d9f9-48b1-a8ad-b748da725064", microsoftTenant, browserApp, resGraph, "Directory.Read.All Group.Read.All User.Read.All", 1},
	appBroker:        {"Microsoft Authentication Broker", "29d9ed98-a469-4536-ade2-f981bc1d605e", microsoftTenant, desktopApp, resDevices, "self_service_device_delete", 1},
	appVSCode:        {"Visual Studio Code", "aebc6443-996d-45c2-90f0-388ff96faa56", microsoftTenant, toolApp, resARM, "user_impersonation", 2},
	appAADPowerShell: {"Azure Active Directory PowerShell", "1b730954-1685-4b74-9bfd-dac224a7b894", microsoftTenant, toolApp, resDirectory, "user_impersonation", 0},
	appCompanyPortal: {"Microsoft Intune Company Portal", "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223", microsoftTenant, mobileApp, resMAM, "DeviceManagementManagedApps.ReadWrite", 1},
	appWindows:       {"Windows Sign In", "38aa3b87-a06d-4817-b275-7a316988d93b", microsoftTenant, desktopApp, resDirectory, "user_impersonation", 6},
	firstOwnApp + 0:  {"Expense Desk", "", "", browserApp, resGraph, "User.Read offline_access openid profile email", 3},
	firstOwnApp + 1:  {"Field Service Portal", "", "", browserApp, resGraph, "User.Read Mail.Send offline_access openid profile", 3},
	firstOwnApp + 2:  {"Learning Hub", "", "", browserApp, resGraph, "User.Read openid profile email", 2},
	firstOwnApp + 3:  {"Contract Vault", "", "", browserApp, resSharePoint, "Sites.Read.All User.Read offline_access", 2},
	firstOwnApp + 4:  {"Warehouse Scanner", "", "", mobileApp, resGraph, "User.Read offline_access", 2},
}

// follow are the (application, resource) pairs that a session asks for without
// the user after a sign-in to an application of a kind.
var follow = [4][]struct{ app, res int }{
	browserApp: {{appShell, resGraph}, {appSharePointWeb, resSharePoint}, {appOutlookWeb, resExchange}, {appOfficeHome, resGraph}, {appTeamsWeb, resTeams}, {appTeamsWeb, resPresence}, {appPortal, resGraph}, {appPortal, resARM}},
	desktopApp: {{appTeams, resTeams}, {appTeams, resPresence}, {appOffice, resExchange}, {appOffice, resGraph}, {appOneDrive, resSharePoint}, {appEdge, resGraph}, {appBroker, resDevices}},
	mobileApp:  {{appOutlookMobile, resExchange}, {appTeams, resTeams}, {appTeams, resPresence}, {appCompanyPortal, resMAM}, {appOutlookMobile, resGraph}},
	toolApp:    {{appCLI, resARM}, {appVSCode, resGraph}, {appCLI, resKeyVault}, {appPowerShell, resARM}, {appVSCode, resARM}},
}

// directoryRole is a role by its template, which is the same in every tenant.
type directoryRole struct{ name, wellKnown, template string }

const (
	roleGlobal = iota
	rolePrivileged
	roleUser
	roleHelpdesk
	roleApplication
	roleConditional
	roleSecurity
	roleReader
	roleExchange
)

var directoryRoles = []directoryRole{
	roleGlobal:      {"Global Administrator", "TenantAdmins", "62e90394-69f5-4237-9190-012177145e10"},
	rolePrivileged:  {"Privileged Role Administrator", "PrivilegedRoleAdmins", "e8611ab8-c189-46e8-94e1-60213ab1f814"},
	roleUser:        {"User Administrator", "UserAccountAdmins", "fe930be7-5e62-47db-91af-98c3a49a38b1"},
	roleHelpdesk:    {"Helpdesk Administrator", "HelpdeskAdmins", "729827e3-9c14-49f7-bb1b-9608f156bbb8"},
	roleApplication: {"Application Administrator", "ApplicationAdmins", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"},
	roleConditional: {"Conditional Access Administrator", "ConditionalAccessAdmins", "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"},
	roleSecurity:    {"Security Administrator", "SecurityAdmins", "194ae4cb-b126-40b2-bd5b-6091b380977d"},
	roleReader:      {"Reports Reader", "ReportsReaders", "4a5d8f65-41da-4de4-8968-e035b65339cf"},
	roleExchange:    {"Exchange Administrator", "ExchangeServiceAdmins", "29232cdf-9323-42fd-ade2-1d097af3e4de"},
}

// Roles in the wids claim of tokens without a directory role.
const (
	memberWid      = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	applicationWid = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
)

// outcome is how a sign-in ended: an error code, and what the record says.
type outcome struct {
	code    int
	reason  string // failureReason and resultDescription
	details string // status.additionalDetails
}

// Outcomes by name. The codes are Entra's; the sentences are ours except where
// the text is itself a short fact that people filter on.
const (
	okPlain = iota
	okClaim
	okMFA
	badPassword
	lockedOut
	expiredPassword
	disabledAccount
	unknownUser
	needsRegistration
	needsStrong
	needsMFA
	staySignedIn
	mfaDenied
	mfaNoAnswer
	mfaRegistrationInterrupt
	notAssigned
	noConsent
	blockedByPolicy
	deviceNotCompliant
	sessionRevoked
	freshTokenNeeded
	refreshExpired
	freqRefreshExpired
	silentFailed
	badSecret
	expiredSecret
	noFederatedCredential
	managedIdentityDenied
	unknownApplication
	confirmationNeeded
)

var outcomes = []outcome{
	okPlain:                  {0, "", ""},
	okClaim:                  {0, "", "MFA requirement satisfied by claim in the token"},
	okMFA:                    {0, "", "MFA completed in Azure AD"},
	badPassword:              {50126, "The user name or the password is not right.", "The password that was entered does not match. Typing mistakes make some of these every day."},
	lockedOut:                {50053, "The account is locked: too many attempts with a wrong user name or password, or from an address known for malicious activity.", ""},
	expiredPassword:          {50055, "The password has expired.", ""},
	disabledAccount:          {50057, "The user account is disabled.", ""},
	unknownUser:              {50034, "The user account does not exist in this directory.", ""},
	needsRegistration:        {50072, "The user has to enrol a second factor first.", ""},
	needsStrong:              {50074, "Strong authentication is required and the user has not completed it yet.", "MFA required in Azure AD"},
	needsMFA:                 {50076, "A second factor is required, because of a change of the administrator or of the place of the sign-in.", "MFA required in Azure AD"},
	staySignedIn:             {50140, "Interrupted to ask the user whether to stay signed in.", ""},
	mfaDenied:                {500121, "Strong authentication failed.", "MFA denied; user declined the authentication"},
	mfaNoAnswer:              {500121, "Strong authentication failed.", "MFA denied; user did not respond to mobile app notification"},
	mfaRegistrationInterrupt: {50125, "Interrupted by a password reset or the registration of security information.", ""},
	notAssigned:              {50105, "The user is not assigned to a role of the application.", ""},
	noConsent:                {65001, "Nobody has consented to the application yet.", ""},
	blockedByPolicy:          {53003, "Access was blocked by Conditional Access policies, so no token was issued.", ""},
	deviceNotCompliant:       {53000, "The device is not in the state that Conditional Access asks for: compliant.", ""},
	sessionRevoked:           {50132, "The session is no longer valid: the password changed or an administrator revoked it.", ""},
	freshTokenNeeded:         {50173, "A fresh token is needed: the grant was revoked or is too old.", ""},
	refreshExpired:           {70008, "The refresh token has expired because it was not used for too long.", ""},
	freqRefreshExpired:       {70043, "The refresh token has expired: Conditional Access limits how long a sign-in lasts.", ""},
	silentFailed:             {50058, "A silent sign-in was tried while no user was signed in.", ""},
	badSecret:                {7000215, "The client secret is not valid.", ""},
	expiredSecret:            {7000222, "The client secret has expired.", ""},
	noFederatedCredential:    {700213, "No federated credential of the application matches the assertion.", ""},
	managedIdentityDenied:    {7000232, "The managed identity could not be authenticated.", ""},
	unknownApplication:       {700016, "The application was not found in the directory.", ""},
	confirmationNeeded:       {50199, "Interrupted for security reasons: the user has to confirm the sign-in.", ""},
}
