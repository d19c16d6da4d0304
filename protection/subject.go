package protection

import "strings"

// outcome is what an action makes of a risk.
type outcome struct {
	state, detail string
	level         string // of the subject or the sign-in
	activity      string // of the directory audit record
	// closes the open detections; raises a detection of its own.
	closes bool
	raises string // riskEventType
}

// Subject is a kind of principal that can be at risk.
type Subject struct {
	Name            string // as in Graph's paths: riskyUsers
	Category, Table string // of its states
	updated         string // member that says when a state was written
	what            string // operationName of its records
	Type            string // of the audit record's target

	EventCategory, EventTable string // of its detections
	eventUpdated              string
	eventWhat                 string
	eventColumn, eventMember  string // where a detection names the subject
	eventName                 string // member of a detection that has the subject's name
	name                      string // member of a state that has it
	activity                  string // of a detection that an administrator's word is; "" has none

	outcomes map[Action]outcome
}

// Users, as AADRiskyUsers and AADUserRiskEvents have them.
var Users = Subject{
	Name: "riskyUsers", Category: "RiskyUsers", Table: "AADRiskyUsers", updated: "riskLastUpdatedDateTime", what: "Risky user", Type: "User",
	EventCategory: "UserRiskEvents", EventTable: "AADUserRiskEvents", eventUpdated: "lastUpdatedDateTime", eventWhat: "User Risk Detection",
	eventColumn: "UserId", eventMember: "userId", eventName: "userDisplayName", name: "userDisplayName", activity: "user",
	outcomes: map[Action]outcome{
		ConfirmSafe:        {"confirmedSafe", "adminConfirmedAccountSafe", "none", "ConfirmAccountSafe", true, ""},
		ConfirmCompromised: {"confirmedCompromised", "adminConfirmedUserCompromised", "high", "ConfirmAccountCompromised", false, "adminConfirmedUserCompromised"},
		Dismiss:            {"dismissed", "adminDismissedAllRiskForUser", "none", "DismissUser", true, ""},
	},
}

// ServicePrincipals, as AADRiskyServicePrincipals and AADServicePrincipalRiskEvents
// have them.
var ServicePrincipals = Subject{
	Name: "riskyServicePrincipals", Category: "RiskyServicePrincipals", Table: "AADRiskyServicePrincipals", updated: "riskLastUpdatedDateTime", what: "Risky service principal", Type: "ServicePrincipal",
	EventCategory: "ServicePrincipalRiskEvents", EventTable: "AADServicePrincipalRiskEvents", eventUpdated: "lastUpdatedDateTime", eventWhat: "Service Principal Risk Detection",
	eventColumn: "ServicePrincipalId", eventMember: "servicePrincipalId", eventName: "servicePrincipalDisplayName", name: "displayName", activity: "servicePrincipal",
	outcomes: map[Action]outcome{
		ConfirmCompromised: {"confirmedCompromised", "adminConfirmedServicePrincipalCompromised", "high", "confirmServicePrincipalCompromised", false, "adminConfirmedServicePrincipalCompromised"},
		Dismiss:            {"dismissed", "adminDismissedAllRiskForServicePrincipal", "none", "DismissServicePrincipal", true, ""},
	},
}

// Agents, as AADRiskyAgents and AADAgentRiskEvents have them.
var Agents = Subject{
	Name: "riskyAgents", Category: "RiskyAgents", Table: "AADRiskyAgents", updated: "riskLastModifiedDateTime", what: "Risky agent", Type: "Agent",
	EventCategory: "AgentRiskEvents", EventTable: "AADAgentRiskEvents", eventUpdated: "lastModifiedDateTime", eventWhat: "Agent Risk Detection",
	eventColumn: "AgentId", eventMember: "agentId", eventName: "agentDisplayName", name: "agentDisplayName",
	outcomes: map[Action]outcome{
		ConfirmSafe:        {"confirmedSafe", "adminConfirmedAgentSafe", "none", "ConfirmAgentSafe", true, ""},
		ConfirmCompromised: {"confirmedCompromised", "adminConfirmedAgentCompromised", "high", "ConfirmAgentCompromised", false, "adminConfirmedAgentCompromised"},
		Dismiss:            {"dismissed", "adminDismissedRiskForAgent", "none", "DismissAgent", true, ""},
	},
}

// column of a table that a member of its records fills.
func column(member string) string { return strings.ToUpper(member[:1]) + member[1:] }

// onSignIn are the actions on a sign-in. What becomes of the user follows from the
// detections that stay open.
var onSignIn = map[Action]outcome{
	ConfirmSafe:        {"confirmedSafe", "adminConfirmedSigninSafe", "none", "ConfirmSafe", true, ""},
	ConfirmCompromised: {"confirmedCompromised", "adminConfirmedSigninCompromised", "high", "ConfirmCompromised", false, "adminConfirmedUserCompromised"},
	Dismiss:            {"dismissed", "adminDismissedRiskForSignIn", "none", "DismissRisk", true, ""},
}

// signInCategories, in the order in which an id is looked for. Service principals
// and managed identities sign in too, but their sign-ins carry no risk.
var signInCategories = []string{"SignInLogs", "NonInteractiveUserSignInLogs"}

// levels from the least to the highest.
var levels = map[string]int{"": 0, "none": 0, "hidden": 0, "low": 1, "medium": 2, "high": 3}

// open says whether a detection still counts.
func open(state string) bool { return state == "atRisk" || state == "confirmedCompromised" }

// judged is the risk of a subject that follows from its detections, after an action
// on one of its sign-ins: the highest level of those that are open. One that an
// administrator confirmed as compromised stays so until it is dismissed or
// confirmed safe itself. Microsoft publishes no formula.
func judged(was risk, detections []risk, by outcome) risk {
	if was.state == "confirmedCompromised" {
		return was
	}
	now := risk{state: by.state, detail: by.detail, level: "none"}
	for _, d := range detections {
		if open(d.state) && levels[d.level] > levels[now.level] {
			now.state, now.level = "atRisk", d.level
		}
	}
	if now.state == "atRisk" && by.closes {
		now.detail = "none" // what is left open was decided by nobody
	}
	return now
}

// risk of a sign-in, a detection, or a subject.
type risk struct{ state, detail, level string }
