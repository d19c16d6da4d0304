package access

import (
	"fmt"
	"slices"
	"strings"
)

// Action on a report.
type Action int

// Actions.
const (
	Read Action = iota
	Act         // change: confirm a risk, edit a rule, add a user
)

// Question of a face: may this principal do this to this report of this tenant?
type Question struct {
	Tenant   string
	Licences []string // of the tenant; nil is everything
	Report   Report
	Action   Action
	Face     Face
	// Permissions of which an application, or the application that a person uses,
	// needs one for what is asked: Graph's table for the path. nil takes what
	// permissions.txt says of the report.
	Permissions []string
}

// Reason of a refusal.
type Reason string

// Reasons.
const (
	OtherTenant   Reason = "tenant"     // the token is of another directory
	NoPermission  Reason = "permission" // neither granted to the application nor in the scopes
	NoRole        Reason = "role"
	NoLicence     Reason = "licence"
	NothingSaysSo Reason = "unmapped" // the report is not in the table
)

// Decision of Decide.
type Decision struct {
	Allowed bool
	// Limited: the tenant's licence shows the records but hides their details, as
	// Microsoft does for Identity Protection.
	Limited bool
	Reason  Reason // of a refusal
	Text    string // what is missing, and what would work
}

// Decide is the one place where it is decided who may do what. What no table names
// is denied.
func (p *Policy) Decide(who *Principal, q Question) Decision {
	if who == nil || who.Tenant != "" && !strings.EqualFold(who.Tenant, q.Tenant) {
		return Decision{Reason: OtherTenant, Text: "the token is of another tenant"}
	}
	rule, ok := p.rules[q.Report]
	if !ok {
		return Decision{Reason: NothingSaysSo, Text: "nobody was given this"}
	}
	if d := p.entitled(who, q, rule); !d.Allowed {
		return d
	}
	need := rule.licence
	if q.Face == Graph {
		need = rule.licenceGraph
	}
	if q.Licences != nil && len(need) > 0 && !licensed(q.Licences, need) {
		if rule.limited {
			return Decision{Allowed: true, Limited: true}
		}
		return Decision{Reason: NoLicence, Text: fmt.Sprintf("the tenant has none of the licences %s, which %s needs; sextant tenant set --licence gives one", strings.Join(need, ", "), q.Report)}
	}
	return Decision{Allowed: true}
}

// licensed: P2 has all of P1.
func licensed(have, need []string) bool {
	return slices.ContainsFunc(have, func(h string) bool {
		return slices.Contains(need, h) || h == "P2" && slices.Contains(need, "P1")
	})
}

// entitled by roles and permissions, whatever the licence.
func (p *Policy) entitled(who *Principal, q Question, rule rule) Decision {
	if who.Root {
		return Decision{Allowed: true}
	}
	granted := p.granted(who, q)
	held := holds(who, q, rule)
	switch {
	case who.Kind == User && !granted:
		return Decision{Reason: NoPermission, Text: "the application has no scope for this" + oneOf(q.Permissions)}
	case who.Kind == User && !held:
		return Decision{Reason: NoRole, Text: "this needs one of the roles " + strings.Join(rolesFor(q, rule), ", ")}
	case who.Kind == Application && q.Face == Graph && !granted:
		return Decision{Reason: NoPermission, Text: "this needs a permission" + oneOf(q.Permissions)}
	case who.Kind != User && !granted && !held:
		return Decision{Reason: NoPermission, Text: "this needs a permission" + oneOf(q.Permissions) + ", or one of the roles " + strings.Join(rolesFor(q, rule), ", ")}
	}
	return Decision{Allowed: true}
}

func oneOf(permissions []string) string {
	if len(permissions) == 0 {
		return ""
	}
	return " of " + strings.Join(permissions, ", ")
}

// granted a permission. On other faces than Graph roles alone count, for people and
// for applications that were given some: that is how Azure's resources have it. A
// permission that an application was granted is good on every face.
func (p *Policy) granted(who *Principal, q Question) bool {
	if who.Kind == User && q.Face != Graph {
		return true // its audience was checked when the token came in
	}
	if q.Permissions != nil {
		return who.May(q.Permissions...)
	}
	for _, name := range who.Permissions {
		g := p.grants[name]
		reports := g.read
		if q.Action == Act {
			reports = g.act
		}
		if slices.Contains(reports, q.Report) {
			return true
		}
	}
	return false
}

// holds a role that the report asks for. Applications on Graph need permissions:
// Graph looks at no role of theirs.
func holds(who *Principal, q Question, rule rule) bool {
	if who.Kind == Application && q.Face == Graph {
		return false
	}
	if who.Is(rolesFor(q, rule)...) {
		return true
	}
	custom := rule.readCustom
	if q.Action == Act {
		custom = rule.actCustom
	}
	return slices.ContainsFunc(custom, func(c string) bool { return slices.Contains(who.CustomRolePermissions, c) })
}

// rolesFor a question. Records of custom security attributes are kept even from the
// Global Administrator, as Microsoft keeps them; and a tenant's administrator is not
// the node's.
func rolesFor(q Question, rule rule) []string {
	names := rule.read
	if q.Action == Act {
		names = rule.act
	}
	if q.Report == AttributeAudit || q.Report == TheNode {
		return names
	}
	return append([]string{GlobalAdministrator}, names...)
}

// Tables says which tables a principal sees on a face. Those whose details the licence
// hides are none of them: rows in a workspace come by an export, which needs the licence.
func (p *Policy) Tables(who *Principal, tenant string, licences []string, face Face) func(table string) bool {
	known := map[Report]bool{}
	for r := range p.rules {
		d := p.Decide(who, Question{Tenant: tenant, Licences: licences, Report: r, Face: face})
		known[r] = d.Allowed && !d.Limited
	}
	return func(table string) bool {
		r, ok := p.OfTable(table)
		return ok && known[r] || !ok && who != nil && who.Root && (who.Tenant == "" || strings.EqualFold(who.Tenant, tenant))
	}
}
