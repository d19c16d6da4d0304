package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sextant/fault"
)

// Config says which tenant to make up. The zero value of every field has a
// sensible meaning.
type Config struct {
	// Seed decides everything that is not said here. Equal configurations give
	// equal bytes, on every machine.
	Seed uint64

	// TenantID is the directory's GUID; by default it follows from the seed.
	TenantID string

	// Domain is the verified domain of the members; by default aldermoor.example.
	Domain string

	// Users is the number of members and guests; by default 500.
	Users int

	// Start and End bound the history: a record is in it when its envelope's
	// time t has Start <= t < End. A history of [a, b) followed by one of [b, c)
	// is the history of [a, c), but for the places of scenarios. A tenant that
	// only feeds live needs neither.
	Start, End time.Time

	// Scenarios are the names of attacks to weave in (see [Scenarios]), or
	// "all". Each is run once in every 30 days.
	Scenarios []string

	// Categories are the diagnostic categories to emit, in any case; by default
	// all that the mix has. The others still happen, they are not written: the
	// records of a category are the same whatever stands beside them.
	Categories []string

	// RecordsPerUserDay is the mean number of records a user and calendar day,
	// over all categories, workloads included; by default 20.
	RecordsPerUserDay float64

	// Mix is the share of each category: "tenant" (the default), or "samples",
	// the mix of the exported records that the wire form was taken from. See
	// [MixOf].
	Mix string

	// MaxRecords ends a history early; 0 is no limit.
	MaxRecords int

	// Duplicates is how many of 1,000 sign-ins are exported a second time with
	// a later envelope time, as happens in real exports; 0 means 2, and a
	// negative number none.
	Duplicates int

	// Window is how much of the history is planned at a time; by default an
	// hour. It changes memory and speed, never the bytes.
	Window time.Duration
}

// Mixes of categories, in records of 10,000.
var mixes = map[string][categories]int{
	"tenant": {
		catNonInteractive: 3700, catGraph: 2250, catServicePrincipal: 1250, catManagedIdentity: 900,
		catInteractive: 800, catAudit: 300, catTraffic: 250, catMicrosoftSP: 150, catConnection: 100,
		catEnriched: 100, catProvisioning: 80, catADFS: 40, catB2C: 25, catAADGraph: 20,
		catRemoteHealth: 15, catGenAI: 5, catCSA: 3, catUserRisk: 3, catRiskyUser: 5,
		catNetAlert: 1, catSPRisk: 1, catRiskySP: 1, catAgentRisk: 1, catRiskyAgent: 1,
	},
	// 117 records: audit 22, interactive 5, non-interactive 14, service
	// principal 25, managed identity 24, Graph 25, risky user 1, detection 1. (A
	// detection changes the user's state more than once: the two share their 2.)
	"samples": {
		catAudit: 1880, catInteractive: 427, catNonInteractive: 1197, catServicePrincipal: 2137,
		catManagedIdentity: 2051, catGraph: 2137, catUserRisk: 62, catRiskyUser: 109,
	},
}

// MixOf is the share of each category in a mix, in records of 10,000.
func MixOf(name string) (map[string]int, error) {
	m, ok := mixes[name]
	if !ok {
		return nil, fault.New(fault.Invalid, "there is no mix %q; there are \"tenant\" and \"samples\"", name)
	}
	shares := map[string]int{}
	for c, n := range m {
		if n > 0 {
			shares[categoryNames[c]] = n
		}
	}
	return shares, nil
}

// Limits of a configuration.
const (
	maxUsers   = 1_000_000
	maxDensity = 2000 // records a user and day
	maxWindow  = 12 * time.Hour
)

// withDefaults is c complete, or the reason why it cannot be.
func (c Config) withDefaults() (Config, error) {
	bad := func(format string, args ...any) (Config, error) {
		return Config{}, fault.New(fault.Invalid, "cannot simulate a tenant: "+format, args...)
	}
	if c.TenantID == "" {
		c.TenantID = guidOf(seedOf(c.Seed, 't')).String()
	}
	c.TenantID = strings.ToLower(c.TenantID)
	if !isGUID(c.TenantID) {
		return bad("the tenant id %q is no GUID; one looks like %s", c.TenantID, guidOf(c.Seed))
	}
	if c.Domain == "" {
		c.Domain = "aldermoor.example"
	}
	c.Domain = strings.ToLower(c.Domain)
	if len(c.Domain) > 200 || strings.Trim(c.Domain, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || !strings.Contains(c.Domain, ".") {
		return bad("%q is no domain; aldermoor.example is one", c.Domain)
	}
	if c.Users == 0 {
		c.Users = 500
	}
	if c.Users < 10 || c.Users > maxUsers {
		return bad("%d users; give 10 to %d", c.Users, maxUsers)
	}
	if c.live() {
		if len(c.Scenarios) > 0 {
			return bad("scenarios need a history; give a start and an end")
		}
	} else {
		if !c.Start.Before(c.End) {
			return bad("it would start at %s and end at %s; the start must come first", c.Start.UTC().Format(time.RFC3339), c.End.UTC().Format(time.RFC3339))
		}
		if c.Start.Year() < 1971 || c.End.Year() > 2200 {
			return bad("it would reach from %d to %d; years from 1971 to 2200 work", c.Start.Year(), c.End.Year())
		}
	}
	if c.RecordsPerUserDay == 0 {
		c.RecordsPerUserDay = 20
	}
	if !(c.RecordsPerUserDay >= 0.5 && c.RecordsPerUserDay <= maxDensity) {
		return bad("%g records a user and day; give 0.5 to %d", c.RecordsPerUserDay, maxDensity)
	}
	if c.Mix == "" {
		c.Mix = "tenant"
	}
	if _, err := MixOf(c.Mix); err != nil {
		return Config{}, err
	}
	if c.MaxRecords < 0 {
		return bad("at most %d records; give a positive number, or 0 for no limit", c.MaxRecords)
	}
	switch {
	case c.Duplicates == 0:
		c.Duplicates = 2
	case c.Duplicates < 0:
		c.Duplicates = 0
	case c.Duplicates > 1000:
		return bad("%d duplicates of 1,000 sign-ins; give 0 to 1000", c.Duplicates)
	}
	if c.Window == 0 {
		c.Window = time.Hour
	}
	if c.Window < time.Second || c.Window > maxWindow {
		return bad("a window of %s; give a second to %s", c.Window, maxWindow)
	}
	return c, nil
}

// live is true when the configuration has no history.
func (c Config) live() bool { return c.Start.IsZero() && c.End.IsZero() }

// wanted are the categories to emit.
func (c Config) wanted() (w [categories]bool, err error) {
	if len(c.Categories) == 0 {
		for i := range w {
			w[i] = true
		}
		return w, nil
	}
	for _, name := range c.Categories {
		i := slices.IndexFunc(categoryNames[:], func(s string) bool { return strings.EqualFold(s, name) })
		if i < 0 {
			return w, fault.New(fault.Invalid, "cannot simulate category %q; there are %s", name, strings.Join(categoryNames[:], ", "))
		}
		w[i] = true
	}
	return w, nil
}

// attacks are the scenarios to weave in, in the order of the table.
func (c Config) attacks() ([]scenario, error) {
	var chosen []scenario
	for _, name := range c.Scenarios {
		if name != "all" && !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.Name == name }) {
			names := []string{"all"}
			for _, s := range scenarios {
				names = append(names, s.Name)
			}
			return nil, fault.New(fault.Invalid, "there is no scenario %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	for _, s := range scenarios {
		if slices.Contains(c.Scenarios, s.Name) || slices.Contains(c.Scenarios, "all") {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) > 0 && c.End.Sub(c.Start) < minScenarioSpan {
		return nil, fault.New(fault.Invalid, "cannot weave scenarios into %s of history; give at least %s", c.End.Sub(c.Start), minScenarioSpan)
	}
	return chosen, nil
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// The categories, in the order of the product's list.
const (
	catAudit = iota
	catInteractive
	catNonInteractive
	catServicePrincipal
	catManagedIdentity
	catProvisioning
	catADFS
	catRiskyUser
	catUserRisk
	catTraffic
	catRiskySP
	catSPRisk
	catEnriched
	catGraph
	catRemoteHealth
	catCSA
	catB2C
	catMicrosoftSP
	catNetAlert
	catConnection
	catGenAI
	catAADGraph
	catRiskyAgent
	catAgentRisk
	categories
)

var categoryNames = [categories]string{
	catAudit: "AuditLogs", catInteractive: "SignInLogs", catNonInteractive: "NonInteractiveUserSignInLogs",
	catServicePrincipal: "ServicePrincipalSignInLogs", catManagedIdentity: "ManagedIdentitySignInLogs",
	catProvisioning: "ProvisioningLogs", catADFS: "ADFSSignInLogs", catRiskyUser: "RiskyUsers",
	catUserRisk: "UserRiskEvents", catTraffic: "NetworkAccessTrafficLogs", catRiskySP: "RiskyServicePrincipals",
	catSPRisk: "ServicePrincipalRiskEvents", catEnriched: "EnrichedOffice365AuditLogs", catGraph: "MicrosoftGraphActivityLogs",
	catRemoteHealth: "RemoteNetworkHealthLogs", catCSA: "CustomSecurityAttributeAuditLogs", catB2C: "B2CRequestLogs",
	catMicrosoftSP: "MicrosoftServicePrincipalSignInLogs", catNetAlert: "NetworkAccessAlerts",
	catConnection: "NetworkAccessConnectionEvents", catGenAI: "NetworkAccessGenerativeAIInsights",
	catAADGraph: "AzureADGraphActivityLogs", catRiskyAgent: "RiskyAgents", catAgentRisk: "AgentRiskEvents",
}

// Categories are the diagnostic categories that a tenant can emit.
func Categories() []string { return slices.Clone(categoryNames[:]) }

func (c Config) String() string {
	return fmt.Sprintf("%d users of %s, seed %d, mix %s, %g records a user and day", c.Users, c.Domain, c.Seed, c.Mix, c.RecordsPerUserDay)
}
