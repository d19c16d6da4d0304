package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sextant/fault"
)

func split(value string) ([]string, error) {
	var out []string
	err := SplitEvent([]byte(value), func(i int, r []byte) error {
		if i != len(out) {
			return errors.New("the index is not that of the record")
		}
		out = append(out, string(r))
		return nil
	})
	return out, err
}

func TestSplitEvent(t *testing.T) {
	f := func(value, want, wantErr string) {
		t.Helper()
		got, err := split(value)
		if have := strings.Join(got, "|"); have != want {
			t.Errorf("%s gives %s, not %s", value, have, want)
		}
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || err.Error() != wantErr || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v, not %q", value, err, wantErr)
		}
	}
	f(`{"records":[{"a":1},{"b":"]}"}]}`, `{"a":1}|{"b":"]}"}`, "")
	f(" { \"records\" : [ { \"a\" : 1 } , 2 ] , \"x\" : {\"y\":[1]} }\n", `{ "a" : 1 }|2`, "")
	f(`{"x":{"records":[1]},"records":[{"a":1}]}`, `{"a":1}`, "")
	f(`[{"a":1},{"a":"\"\\"}]`, `{"a":1}|{"a":"\"\\"}`, "")
	f(`{"a":1}`, `{"a":1}`, "")
	f(`{"records":"none","a":1}`, `{"records":"none","a":1}`, "")
	f(`{"records":[]}`, ``, "")
	f(`[]`, ``, "")
	f(`17`, `17`, "")
	f(`{"a":`, `{"a":`, "")
	f(``, ``, "at byte 0: the event is empty")
	f(`{"records":[{"a":1},{"b":`, `{"a":1}`, "at byte 25: the event breaks off inside record 1")
	f(`{"records":[{"a":1}`, `{"a":1}`, "at byte 19: the event breaks off behind record 0")
	f(`{"records":[{"a":1} {"b":2}]}`, `{"a":1}`, "at byte 20: a comma or the end of the records should stand here, not '{'")
	f(`{"records":[,]}`, ``, "at byte 12: record 0 of the event should stand here, not ','")
	f(`{"records":[1]}x`, `1`, "at byte 15: nothing should stand behind the end of the event, not 'x'")
	f(`{"records":[1]`, `1`, "at byte 14: the event should end behind its records, not the end of the text")

	stop := errors.New("enough")
	n := 0
	err := SplitEvent([]byte(`[1,2,3]`), func(int, []byte) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("an error of emit: %v after %d", err, n)
	}
}

func FuzzSplitEvent(f *testing.F) {
	for _, s := range []string{`{"records":[{"a":1},{"b":"]}"}]}`, `[{"a":1}]`, `{"a":1}`, `{"x":1,"records":[1,2]}`, `{"records":[{"a":`, `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var recs [][]byte
		err := SplitEvent(value, func(_ int, r []byte) error { recs = append(recs, r); return nil })
		if !json.Valid(value) {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		for _, r := range recs {
			if !json.Valid(r) {
				t.Fatalf("%q gives %q", value, r)
			}
		}
		var back [][]byte
		if err := SplitEvent(BuildEvent(nil, recs), func(_ int, r []byte) error { back = append(back, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytes.Join(recs, []byte{0}), bytes.Join(back, []byte{0})) {
			t.Fatalf("%q comes back as %q", recs, back)
		}
	})
}
