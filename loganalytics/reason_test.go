package loganalytics

import (
	"encoding/json"
	"testing"
)

// What is wrong with a JSON text is said without a word of Go.
func TestJSONReason(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var p alertRuleProps
		err := json.Unmarshal([]byte(text), &p)
		if err == nil || jsonReason(err) != want {
			t.Errorf("%s: %v is told as %q; want %q", text, err, jsonReason(err), want)
		}
	}
	f(`{"criteria":{"allOf":[{"threshold":"x"}]}}`, "criteria.allOf.threshold is a string where a number belongs")
	f(`{"criteria":{"allOf":[{"failingPeriods":{"numberOfEvaluationPeriods":1.5}}]}}`, "criteria.allOf.failingPeriods.numberOfEvaluationPeriods is a number where a whole number belongs")
	f(`{"enabled":"yes"}`, "enabled is a string where true or false belongs")
	f(`{"scopes":{}}`, "scopes is an object where a list belongs")
	f(`{"displayName":7}`, "displayName is a number where a string belongs")
	f(`{"actions":{"customProperties":[]}}`, "actions.customProperties is a list where an object belongs")
	f(`[]`, "it is a list where an object belongs")
	f(`{"a":`, "unexpected end of JSON input, at byte 5")
}
