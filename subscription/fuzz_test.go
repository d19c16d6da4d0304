package subscription_test

import (
	"strings"
	"testing"

	"sextant/fault"
	"sextant/subscription"
)

// What names a target is refused with a reason, or gives one that is named again by
// its own text.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"auditLogs/signIns", "/auditlogs/SIGNINS/", "auditLogs/signIns/a", "auditLogs/signIns('it''s')", "security/incidents?$filter=status eq 'new'", "security/incidents/?%24filter=a%20eq%20'%25'",
		"auditLogs/signIns?$filter=a&$top=1", "auditLogs/signIns/a?$filter=b", "auditLogs/signIns(", "x", "?", "",
	} {
		f.Add(s)
	}
	m := &subscription.Manager{Resources: []subscription.Resource{{Path: "auditLogs/signIns"}, {Path: "security/incidents"}}}
	f.Fuzz(func(t *testing.T, text string) {
		of, err := m.Target(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || err.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if of.ID != "" && of.Filter != "" {
			t.Fatalf("%q is one object and a filter", text)
		}
		if strings.ContainsAny(of.ID+of.Filter, "?&%'()/") {
			return // these would have to be encoded to be read again
		}
		again, err := m.Target(of.String())
		if err != nil || again.Path != of.Path || again.ID != of.ID || again.Filter != of.Filter {
			t.Fatalf("%q is %q, which is %q %q, %v", text, of, again.ID, again.Filter, err)
		}
	})
}
