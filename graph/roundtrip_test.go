package graph

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sextant/record"
)

// Objects of Microsoft's own answers, taken in and asked for again, come back with
// their values.
func TestObjectsComeBackAsTheyCame(t *testing.T) {
	for _, c := range []struct{ file, path, resource string }{
		{"graph/docs-signIn-v1.0.jsonl", "/v1.0/auditLogs/signIns", "signIns"},
		{"graph/docs-signIn-beta.jsonl", "/beta/auditLogs/signIns", "signIns"},
		{"graph/docs-directoryAudit-v1.0.jsonl", "/v1.0/auditLogs/directoryAudits", "directoryAudits"},
		{"provisioning/docs-provisioning-v1.0.jsonl", "/v1.0/auditLogs/provisioning", "provisioning"},
		{"identity-protection/docs-riskDetection-v1.0.jsonl", "/v1.0/identityProtection/riskDetections", "riskDetections"},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../shared/samples", c.file))
			if err != nil {
				t.Skip("the reference samples are not beside the repository")
			}
			w := newWorld(t, "memory")
			n := 0
			lines := bufio.NewScanner(bytes.NewReader(text))
			lines.Buffer(nil, 8<<20)
			for lines.Scan() {
				var page struct{ Value []json.RawMessage }
				if err := json.Unmarshal(lines.Bytes(), &page); err != nil {
					t.Fatal(err)
				}
				for _, object := range page.Value {
					made, err := w.model.Translate(object, record.Hint{Resource: c.resource, Beta: strings.HasPrefix(c.path, "/beta"), Tenant: testTenant})
					if err != nil {
						t.Fatal(err)
					}
					w.load(made.Form, string(made.JSON))
					var want map[string]any
					if err := json.Unmarshal(object, &want); err != nil {
						t.Fatal(err)
					}
					a := w.ask("GET", c.path+"?$filter="+url.QueryEscape("id eq '"+want["id"].(string)+"'"), "", nil)
					var got struct{ Value []map[string]any }
					if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || len(got.Value) != 1 {
						t.Fatalf("%d %v: %s", a.Code, err, a.Body)
					}
					delete(want, "@odata.type")
					sameValue(t, want["id"].(string), want, got.Value[0])
					n++
				}
			}
			if n == 0 {
				t.Error("the file has no objects")
			}
		})
	}
}

// sameValue: what came has the value that was wanted. Names that the published types
// spell otherwise are found whatever their case; a text may be a member of an
// enumeration, which is spelled as Graph spells it.
func sameValue(t *testing.T, at string, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, v := range w {
			if name == "initiatingType" { // the page writes initiatorType so once
				continue
			}
			found := false
			for k, x := range g {
				if strings.EqualFold(k, name) {
					sameValue(t, at+"/"+name, v, x)
					found = true
				}
			}
			if !found && v != nil {
				t.Errorf("%s/%s is missing", at, name)
			}
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s has %d elements, not %d", at, len(g), len(w))
			return
		}
		for i := range w {
			sameValue(t, at, w[i], g[i])
		}
	case string:
		g, _ := got.(string)
		if g != w && !strings.EqualFold(strings.ReplaceAll(w, " ", ""), g) {
			t.Errorf("%s is %q, not %q", at, g, w)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s is %v, not %v", at, got, want)
		}
	}
}
