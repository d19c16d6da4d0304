package table

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestParseJSON(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		d, err := ParseJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := string(AppendJSON(nil, d)); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
	f(` { "b" : [ 1 , -0, 2.50, 1e3, true, false, null ] , "a" : { } } `, `{"b":[1,0,2.5,1000.0,true,false,null],"a":{}}`)
	f(`"\u00e9\ud83d\ude00\n\/\\\"é"`, `"é😀\n/\\\"é"`)
	f(`"\ud83dx\udc00"`, "\"\ufffdx\ufffd\"")
	f("\"a\xffb\"", "\"a\ufffdb\"")
	f(`9223372036854775807`, `9223372036854775807`)
	f(`9223372036854775808`, `9.223372036854776E+18`)
	f(`1e999`, `"1e999"`)
	f(`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`)
	f(`[]`, `[]`)
	bad := func(text string) {
		t.Helper()
		if d, err := ParseJSON(text); err == nil {
			t.Errorf("%s is read as %v", text, d)
		}
	}
	for _, s := range []string{``, ` `, `{`, `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `"a`, `"\x"`, `"\u12"`, `"\u+123"`, "\"\n\"", `tru`, `1 2`, `nan`, `'a'`, strings.Repeat("[", 2000) + strings.Repeat("]", 2000)} {
		bad(s)
	}
}

// What encoding/json reads is read, as the same value; what it refuses is refused.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x\u00e9",null,true]}`, `"\ud83d\ude00"`, `1e400`, `-0.0`, "\"\xff\"", `{"a":1,"a":2}`, `[[[]]]`, `9223372036854775808`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseJSON(text)
		var want any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		wantErr := dec.Decode(&want)
		if wantErr == nil && len(bytes.TrimLeft([]byte(text[dec.InputOffset():]), " \t\r\n")) > 0 {
			wantErr = &json.SyntaxError{}
		}
		if _, deep := err.(tooDeep); deep {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, and encoding/json: %v", text, err, wantErr)
		}
		if err == nil && !sameAsJSON(d, want) {
			t.Fatalf("%q is read as %#v, and by encoding/json as %#v", text, d, want)
		}
	})
}

func sameAsJSON(d, want any) bool {
	switch w := want.(type) {
	case json.Number:
		switch x := d.(type) {
		case int64:
			n, err := w.Int64()
			return err == nil && n == x
		case float64:
			n, err := w.Float64()
			return err == nil && n == x
		case string:
			return x == string(w)
		}
		return false
	case []any:
		x, ok := d.([]any)
		if !ok || len(x) != len(w) {
			return false
		}
		for i := range w {
			if !sameAsJSON(x[i], w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		x, ok := d.(*Object)
		if !ok || x.Len() != len(w) {
			return false
		}
		for k, v := range w {
			e, ok := x.Get(k)
			if !ok || !sameAsJSON(e, v) {
				return false
			}
		}
		return true
	}
	return d == want
}

func BenchmarkParseJSON(b *testing.B) {
	const text = `{"city":"Zürich","state":"ZH","countryOrRegion":"CH","geoCoordinates":{"latitude":47.37,"longitude":8.54},"tags":["a","b",3]}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}
