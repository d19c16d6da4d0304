package table

import "testing"

func TestPromotedOf(t *testing.T) {
	f := func(path string, typ Type, text, want string, wantOdd bool) {
		t.Helper()
		root, err := ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		cell, odd := Promoted{Column: "c", Path: path, Type: typ}.Of(root)
		got := cell.Text()
		if cell.IsNull() {
			got = "null"
		}
		if got != want || odd != wantOdd {
			t.Errorf("%s:%s of %s = %s, odd %v; want %s, odd %v", path, typ, text, got, odd, want, wantOdd)
		}
	}
	f("a.b", String, `{"a":{"b":"x"}}`, "x", false)
	f("a.b", String, `{"a":{"b":null}}`, "", false)
	f("a.b", String, `{"a":[{"b":"x"}]}`, "", false)
	f("a.b", String, `{"a":{"b":5}}`, "", true)
	f("a.b", String, `{"a":{"b":{}}}`, "", true)
	f("a", String, `"a"`, "", false)
	f("a", String, `{"a":"x","a":"y"}`, "y", false)
	f("a", Long, `{"a":-9223372036854775808}`, "-9223372036854775808", false)
	f("a", Long, `{"a":9223372036854775808}`, "null", true)
	f("a", Long, `{"a":5.0}`, "null", true)
	f("a", Long, `{"a":"5"}`, "null", true)
	f("a", Long, `{}`, "null", false)
	f("a", Real, `{"a":5}`, "5", false)
	f("a", Real, `{"a":9007199254740993}`, "null", true)
	f("a", Real, `{"a":9223372036854775807}`, "null", true)
	f("a", Real, `{"a":1e999}`, "null", true)
	f("a", Bool, `{"a":true}`, "true", false)
	f("a", Bool, `{"a":"true"}`, "null", true)
	f("[].id", Dynamic, `[{"id":"x"},{},{"id":null},7,{"id":""}]`, `["x",null,null,null,""]`, false)
	f("[].id", Dynamic, `[{"id":"x"},{"id":5}]`, `["x",null]`, true)
	f("[].a.b", Dynamic, `[{"a":{"b":"x"}}]`, `["x"]`, false)
	f("[].id", Dynamic, `[]`, `[]`, false)
	f("[].id", Dynamic, `{"id":"x"}`, "null", true)
	f("[].id", Dynamic, `null`, "null", false)
}
