package simulate

// verdict is what Conditional Access made of a sign-in.
type verdict uint8

const (
	notApplied   verdict = iota // no enabled policy asked for anything
	satisfied                   // a second factor was asked for and given
	failed                      // asked for and not given
	blocked                     // blocked
	verdictCount int     = iota
)

// policySet holds what records say of the tenant's policies, for each verdict
// and for administrators: only these combinations occur.
type policySet struct {
	defined []policyDefinition
	ids     []guid
	names   []string
	admin   [verdictCount]string
	member  [verdictCount]string
	guest   [verdictCount]string
}

type policyDefinition struct {
	name           string
	grant, session string
}

var policyDefinitions = []policyDefinition{
	{"Multifactor authentication for everyone", `"Mfa"`, ""},
	{"Administrators: multifactor and a sign-in every four hours", `"Mfa"`, `"SignInFrequency"`},
	{"Block legacy authentication", `"Block"`, ""},
	{"Compliant device for finance applications", `"RequireCompliantDevice"`, ""},
}

func (t *Tenant) makePolicies() {
	// The organisation of the exported records has two policies; theirs is the
	// size that benchmarks want.
	t.policies.defined = policyDefinitions
	if t.cfg.Mix == "samples" {
		t.policies.defined = policyDefinitions[:2]
	}
	for i, d := range t.policies.defined {
		t.policies.ids = append(t.policies.ids, guidOf(seedOf(t.seed, 'P', uint64(i))))
		t.policies.names = append(t.policies.names, d.name)
	}
	for v := range verdictCount {
		everyone := [...]string{notApplied: "notApplied", satisfied: "success", failed: "failure", blocked: "notApplied"}[v]
		legacy := "notApplied"
		if verdict(v) == blocked {
			legacy = "failure"
		}
		t.policies.member[v] = t.policyList(everyone, "notApplied", legacy, "reportOnlyNotApplied")
		t.policies.admin[v] = t.policyList(everyone, everyone, legacy, "reportOnlyFailure")
		t.policies.guest[v] = t.policyList(everyone, "notApplied", legacy, "reportOnlyNotApplied")
	}
}

// policyList is appliedConditionalAccessPolicies with one result a policy.
func (t *Tenant) policyList(results ...string) string {
	b := []byte{'['}
	for i, d := range t.policies.defined {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = appendGUID(b, t.policies.ids[i])
		b = append(b, `","displayName":`...)
		b = appendQuoted(b, d.name)
		b = append(b, `,"enforcedGrantControls":[`...)
		b = append(b, d.grant...)
		b = append(b, `],"enforcedSessionControls":[`...)
		b = append(b, d.session...)
		b = append(b, `],"result":"`...)
		b = append(b, results[i]...)
		// Bits of conditions: 1 application, 2 users, 4 device platform, 8 place,
		// 16 client. Without a verdict one of them did not match.
		met, unmet := "3", "0"
		if results[i] == "notApplied" || results[i] == "reportOnlyNotApplied" {
			met, unmet = "1", [...]string{"8", "2", "16", "1"}[i]
			if unmet == "1" {
				met = "2"
			}
		}
		b = append(b, `","conditionsSatisfied":`...)
		b = append(b, met...)
		b = append(b, `,"conditionsNotSatisfied":`...)
		b = append(b, unmet...)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func (t *Tenant) policiesFor(p *person, v verdict) string {
	switch {
	case p.guest:
		return t.policies.guest[v]
	case p.role >= 0:
		return t.policies.admin[v]
	}
	return t.policies.member[v]
}

var verdictNames = [verdictCount]string{notApplied: "notApplied", satisfied: "success", failed: "failure", blocked: "failure"}
