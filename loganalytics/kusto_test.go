package loganalytics

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSplitCommand(t *testing.T) {
	f := func(text, words, rest string) {
		t.Helper()
		got, behind, err := splitCommand(text)
		if err != nil {
			if words != "error" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if strings.Join(got, "·") != words || behind != rest {
			t.Errorf("%q: %q and %q", text, strings.Join(got, "·"), behind)
		}
	}
	f(".show tables", ".show·tables", "")
	f("  .show\n\ttables ; ", ".show·tables", "")
	f(".show table ['a | b'] cslschema", ".show·table·a | b·cslschema", "")
	f(`.show table ["x"]`, ".show·table·x", "")
	f(".show database 'My DB' schema", ".show·database·My DB·schema", "")
	f(".show tables (A, B)", ".show·tables·(·A·,·B·)", "")
	f(".show tables | where TableName has '|' | count", ".show·tables", "where TableName has '|' | count")
	f("// a note\n.show version // another", ".show·version", "")
	f("", "", "")
	f(".show table ['x", "error", "")
	f(".show tables |  ", "error", "")
}

func TestServerTimeout(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		if got, ok := parseClock(text); got != want || ok != (want >= 0) {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
	f("00:04:00", 4*time.Minute)
	f("00:00:30.5000000", 30500*time.Millisecond)
	f("1.02:00:00", 26*time.Hour)
	for _, bad := range []string{"", "4", "00:00", "x:00:00", "00:60:00", "00:00:61", "-00:00:01", "1.x:00:00", "00:00:NaN", "99999.00:00:00"} {
		if d, ok := parseClock(bad); ok {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

func TestKustoValues(t *testing.T) {
	f := func(v table.Value, want string) {
		t.Helper()
		if got := string(appendKusto(nil, v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	f(table.BoolValue(true), "true")
	f(table.LongValue(-9223372036854775808), "-9223372036854775808")
	f(table.RealValue(1.5), "1.5")
	f(table.RealValue(nan()), `"NaN"`)
	f(table.Null(table.Real), "null")
	f(table.Null(table.String), `""`)
	f(table.StringValue("a\"\n"), `"a\"\n"`)
	f(table.TimeSpanValue(-table.TicksPerDay-1), `"-1.00:00:00.0000001"`)
	f(table.DateTimeValue(0), `"0001-01-01T00:00:00Z"`)
	f(table.DynamicText("{\"a\":\n [1, 2]}"), `{"a":[1,2]}`)
	f(table.DynamicText(`not json`), `"not json"`)
	f(table.DynamicText("null"), "null")
}

func nan() float64 { zero := 0.0; return zero / zero }

func FuzzKustoProperties(f *testing.F) {
	for _, s := range []string{
		``, `null`, `{}`, `"{\"Options\":{}}"`, `{"Options":{"servertimeout":"00:01:00","truncationmaxrecords":5},"Parameters":{"a":"int(1)"}}`,
		`{"Options":{"query_now":"2026-01-01","notruncation":true,"results_error_reporting_placement":"end_of_table"}}`, `[]`, `{"Options":[]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, _, err := parseProperties(json.RawMessage(s))
		if err == nil && (o.timeout < 0 || o.timeout > kustoMaxTimeout || o.take < 0 || o.maxRows < 0 || o.maxBytes < 0) {
			t.Errorf("%q: %+v", s, o)
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{".show tables", ".show table ['x'] | count", "// x\n.show version", `["`, "[", "'", "|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, rest, err := splitCommand(s)
		if err != nil {
			return
		}
		n := len(rest)
		for _, w := range words {
			n += len(w)
		}
		if n > len(s) {
			t.Errorf("%q became longer: %q %q", s, words, rest)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(`[{"id":"1","workspace":"w","body":{}}]`)
	f.Add(`[{"id":1},{"id":"1"}]`)
	f.Add(`[{"id":{"a":1},"headers":{"Prefer":"wait=1"}}]`)
	f.Fuzz(func(t *testing.T, s string) {
		var items []batchItem
		if json.Unmarshal([]byte(s), &items) != nil {
			return
		}
		if checkBatch(items) != nil {
			return
		}
		seen := map[string]bool{}
		for _, i := range items {
			if seen[i.name()] || i.name() == "" {
				t.Errorf("%q: the id %q", s, i.name())
			}
			seen[i.name()] = true
		}
	})
}
