package access

import "testing"

func TestWhoReads(t *testing.T) {
	p := NewPolicy()
	const tenant = "11111111-1111-1111-1111-111111111111"
	person := func(roles ...string) *Principal {
		return &Principal{Kind: User, Tenant: tenant, Roles: roles, Permissions: []string{"AuditLog.Read.All", "IdentityRiskEvent.Read.All"}}
	}
	for _, c := range []struct {
		name string
		who  *Principal
		q    Question
		want Decision
	}{
		{"nobody", nil, Question{Report: Audit}, Decision{Reason: OtherTenant}},
		{"a reader of reports", person("Reports Reader"), Question{Report: SignIns, Face: Graph}, Decision{Allowed: true}},
		{"the same without a licence", person("Reports Reader"), Question{Report: SignIns, Face: Graph, Licences: []string{}}, Decision{Reason: NoLicence}},
		{"and through KQL", person("Reports Reader"), Question{Report: SignIns, Face: LogAnalytics, Licences: []string{}}, Decision{Allowed: true}},
		{"does not see risk", person("Reports Reader"), Question{Report: Protection, Face: Graph}, Decision{Reason: NoRole}},
		{"risk without P2 is hidden in part", person("Security Reader"), Question{Report: Protection, Face: Graph, Licences: []string{"P1"}}, Decision{Allowed: true, Limited: true}},
		{"P2 has P1", person("Security Reader"), Question{Report: Provisioning, Face: Graph, Licences: []string{"P2"}}, Decision{Allowed: true}},
		{"a Global Reader has no usage", person("Global Reader"), Question{Report: Usage, Face: Portal}, Decision{Reason: NoRole}},
		{"an application with a permission", &Principal{Kind: Application, Tenant: tenant, Permissions: []string{"AuditLog.Read.All"}}, Question{Report: SignIns, Face: LogAnalytics}, Decision{Allowed: true}},
		{"an application with a role has no Graph", &Principal{Kind: Application, Tenant: tenant, Roles: []string{"Reports Reader"}}, Question{Report: SignIns, Face: Graph}, Decision{Reason: NoPermission}},
		{"the administrator's key", &Principal{Kind: Key, Root: true}, Question{Report: Workspace, Action: Act, Face: ARM}, Decision{Allowed: true}},
		{"of another tenant", &Principal{Kind: Key, Root: true, Tenant: "x"}, Question{Report: Workspace}, Decision{Reason: OtherTenant}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Tenant = tenant
			got := p.Decide(c.who, c.q)
			if got.Allowed != c.want.Allowed || got.Limited != c.want.Limited || got.Reason != c.want.Reason {
				t.Errorf("%+v", got)
			}
			if !got.Allowed && got.Text == "" {
				t.Error("a refusal without a word")
			}
		})
	}
}

func TestTablesOfReports(t *testing.T) {
	p := NewPolicy()
	for name, want := range map[string]Report{"signinlogs": SignIns, "AuditLogs": Audit, "Mine_CL": Workspace, "Heartbeat": Workspace} {
		if got, ok := p.OfTable(name); !ok || got != want {
			t.Errorf("%s is of %q", name, got)
		}
	}
	if r, ok := p.OfTable("Unheard"); ok {
		t.Errorf("a table that nobody knows is of %q", r)
	}
	sees := p.Tables(&Principal{Kind: User, Tenant: "t", Roles: []string{"Log Analytics Reader"}}, "t", nil, LogAnalytics)
	if sees("SigninLogs") || !sees("Heartbeat") || sees("Unheard") {
		t.Error("a reader of the workspace sees what it should not, or does not see what it should")
	}
	reader := &Principal{Kind: User, Tenant: "t", Roles: []string{"Security Reader"}}
	for licence, want := range map[string]bool{"Free": false, "P1": false, "P2": true} {
		if got := p.Tables(reader, "t", []string{licence}, LogAnalytics)("AADUserRiskEvents"); got != want {
			t.Errorf("with %s the details of risks are read: %t", licence, got)
		}
	}
}
