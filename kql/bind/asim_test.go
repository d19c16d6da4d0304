package bind

import (
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
)

// asimSchemas are those of the model that have functions here.
var asimSchemas = []string{"AlertEvent", "AuditEvent", "Authentication", "DhcpEvent", "Dns", "FileEvent", "NetworkSession", "ProcessEvent", "RegistryEvent", "UserManagement", "WebSession"}

// Each function of the information model binds under each of its names, with each of its
// parameters, over the published tables, and gives the columns of its own table first.
func TestASIM(t *testing.T) {
	env, cat := documented(t), fn.New()
	columns := func(text string) []string {
		t.Helper()
		q, ds := bindText(text, env, cat, Options{})
		if err := ds.Err(); err != nil {
			t.Errorf("%s: %v", text, err)
			return nil
		}
		return q.Pipelines[0].Schema().Names()
	}
	for _, s := range asimSchemas {
		want := columns("_Im_" + s)
		for _, c := range []string{"TimeGenerated", "EventType", "EventResult", "EventSchema", "Dvc", "User"} {
			if !slices.Contains(want, c) {
				t.Errorf("%s has no column %s", s, c)
			}
		}
		for _, text := range []string{"_ASim_" + s, "im" + s + "()", "ASim" + s, "union isfuzzy=true _Im_" + s, "_Im_" + s + "(starttime=ago(1d), endtime=now())"} {
			if got := columns(text); !slices.Equal(got, want) {
				t.Errorf("%s: %v are not %v", text, got, want)
			}
		}
		let, ok := asim("_Im_" + s)
		if !ok {
			t.Fatalf("no function _Im_%s", s)
		}
		for _, p := range strings.Split(paramsOf(let.Name.Name), ", ") {
			name, rest, _ := strings.Cut(p, ":")
			typ, _, _ := strings.Cut(rest, "=")
			value := map[string]string{"datetime": "now()", "dynamic": "dynamic(['a', '10.'])", "string": "'a'", "int": "int(1)"}[typ]
			if got := columns("_Im_" + s + "(" + name + "=" + value + ")"); !slices.Equal(got, want) {
				t.Errorf("_Im_%s with %s: %v", s, name, got)
			}
		}
	}
	for _, name := range []string{"imDNS", "imProcess", "imWebSessions", "imRegistry"} {
		columns(name)
	}
	for _, name := range []string{"SentinelHealth", "SentinelAudit"} {
		if got, want := columns("_"+name+"() | where Status == 'Success'"), columns(name); !slices.Equal(got, want) {
			t.Errorf("_%s: %v are not %v", name, got, want)
		}
	}
	for _, name := range []string{"_SentinelNothing", "_Sentinel", "_Im_", "im", "imNothing", "_Im_let", "Authentication", "ASim//"} {
		if _, ok := asim(name); ok {
			t.Errorf("%q is taken for a function", name)
		}
	}
}

// paramsOf a function, as its text declares them.
func paramsOf(name string) string {
	_, rest, _ := strings.Cut(asimText, "\nlet "+name+" = (")
	params, _, _ := strings.Cut(rest, ") {")
	return params
}
