package table

import "testing"

func TestSource(t *testing.T) {
	f := func(v Value, want string, wantOK bool) {
		t.Helper()
		v.Dyn() // looking inside does not lose the text
		if got, ok := v.Source(); got != want || ok != wantOK {
			t.Errorf("source of %s is %q, %v", v.JSON(), got, ok)
		}
	}
	f(DynamicText(`{ "a" : 1.50 }`), `{ "a" : 1.50 }`, true)
	f(DynamicValue([]any{int64(1)}), "", false)
	f(DynamicText("null"), "", false)
	f(StringValue("x"), "x", false) // no dynamic
}
