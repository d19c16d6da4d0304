package record

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sextant/fault"
)

func TestScanSaysWhereItStops(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var tp tape
		err := tp.scan([]byte(text))
		if want == "" {
			if err != nil {
				t.Errorf("%.60q: %v", text, err)
			}
			return
		}
		if err == nil {
			t.Errorf("%.60q is taken", text)
			return
		}
		if fault.KindOf(err) != fault.Invalid || err.Error() != want {
			t.Errorf("%.60q: %v, not %s", text, err, want)
		}
	}
	f(`{"a":[1,-2.5e3,true,false,null,"\u00e9\n",{}],"b":{}}`, "")
	f(" {} \r\n", "")
	f(`"`+strings.Repeat("x", 100)+`é"`, "")
	f(strings.Repeat("[", 1000)+strings.Repeat("]", 1000), "")
	f(strings.Repeat("[", 1001), "at byte 1000: the record is nested deeper than 1000 levels, not '['")
	f(``, "at byte 0: there is no record: the text is empty")
	f(`{"a":1`, "at byte 6: the text ends before the record does")
	f(`{"a":"x`, "at byte 7: the text ends inside a string")
	f(`{"a":tr`, "at byte 7: the text ends before the record does")
	f(`{"a":1}x`, "at byte 7: nothing should stand behind the end of the record, not 'x'")
	f(`{"a":01}`, "at byte 6: a comma or the end of the object should stand here, not '1'")
	f(`{"a":+1}`, "at byte 5: a value should stand here, not '+'")
	f(`{"a":.5}`, "at byte 5: a value should stand here, not '.'")
	f(`{"a":1.}`, "at byte 7: a value should stand here, not '}'")
	f(`{"a" 1}`, "at byte 5: a colon should stand here, not '1'")
	f(`{a:1}`, "at byte 1: a key in double quotes should stand here, not 'a'")
	f(`{"a":1,}`, "at byte 7: a key in double quotes should stand here, not '}'")
	f(`[1,]`, "at byte 3: a value should stand here, not ']'")
	f(`[1 2]`, "at byte 3: a comma or the end of the array should stand here, not '2'")
	f(`{"a":"\x"}`, `at byte 7: an escape in a string is one of \" \\ \/ \b \f \n \r \t \uXXXX, not 'x'`)
	f(`{"a":"\u12G4"}`, `at byte 10: an escape in a string is one of \" \\ \/ \b \f \n \r \t \uXXXX, not 'G'`)
	f("{\"a\":\"\n\"}", "at byte 6: a control character in a string must be escaped, not the control character 0x0a")
	f("\xff{}", "at byte 0: a value should stand here, not the byte 0xff")
}

func TestCutTextsAreTold(t *testing.T) {
	whole := `{"a":[1,"é\u00e9",true],"b":null}`
	for n := range len(whole) {
		var tp tape
		if err := tp.scan([]byte(whole[:n])); !errors.Is(err, ErrCut) {
			t.Errorf("%q: %v", whole[:n], err)
		}
	}
	var s *SyntaxError
	if err := new(tape).scan([]byte(`{"a":}`)); errors.Is(err, ErrCut) || !errors.As(err, &s) || s.Offset != 5 {
		t.Errorf("%v", err)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e3,true,false,null,"\u00e9\n",{}],"b":{}}`, `"\ud83d\ude00\ud800"`, `[[[[]]]]`, ` 1 `, `{"a":1,"a":2}`, `-0.0e-1`, "\"\xff\"", `tru`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tp tape
		err := tp.scan(b)
		if deep := strings.Count(string(b), "[")+strings.Count(string(b), "{") > MaxDepth; deep {
			return
		}
		if want := json.Valid(b); (err == nil) != want {
			t.Fatalf("%q: %v, but the library says %v", b, err, want)
		}
		if err != nil {
			return
		}
		// Every token's text is JSON itself, and the tokens fit into each other.
		for i := range tp.toks {
			k := &tp.toks[i]
			if !json.Valid(tp.text(i)) || int(k.next) <= i || int(k.next) > len(tp.toks) || k.end > uint32(len(b)) {
				t.Fatalf("%q: token %d is %v", b, i, *k)
			}
			if k.kind == kindString && !tp.bad {
				var want string
				if err := json.Unmarshal(tp.text(i), &want); err != nil || want != string(tp.content(i)) {
					t.Fatalf("%q is %q, not %q", tp.text(i), tp.content(i), want)
				}
			}
		}
	})
}
