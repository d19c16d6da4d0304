package record

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestTranslate(t *testing.T) {
	data, err := os.ReadFile("testdata/translate.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := model(t)
	blocks := 0
	for block := range strings.SplitSeq(string(data), "\n\n") {
		if block = strings.TrimSpace(block); strings.HasPrefix(block, "#") {
			continue
		}
		head, want, ok := strings.Cut(block, "\n----\n")
		name, in, ok2 := strings.Cut(head, "\n")
		if !ok || !ok2 {
			t.Fatalf("no object or no line of dashes in %q", block)
		}
		blocks++
		t.Run(name, func(t *testing.T) {
			got, err := translateOne(m, in)
			if text, bad := strings.CutPrefix(want, "error "); bad {
				if err == nil || err.Error() != text {
					t.Fatalf("%v, not %s", err, text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			id, err := m.Identify(got.JSON)
			if err != nil {
				t.Fatalf("%s: %v", got.JSON, err)
			}
			have := got.Form.String() + " " + m.DefFor(id.Category).Name + "\n" + string(got.JSON)
			if have != want {
				t.Errorf("it becomes\n%s\nnot\n%s", have, want)
			}
			if !json.Valid(got.JSON) || bytes.ContainsAny(got.JSON, "\r\n") {
				t.Error("that is no JSON on one line")
			}
		})
	}
	if blocks < 18 {
		t.Errorf("only %d blocks were found", blocks)
	}
}

func translateOne(m *Model, in string) (Translated, error) {
	hint := Hint{Tenant: "t-1"}
	if in[0] == '{' || in[0] == '[' {
		return m.Translate([]byte(in), hint)
	}
	rows, err := csv.NewReader(strings.NewReader(in)).ReadAll()
	if err != nil {
		return Translated{}, err
	}
	s, err := m.CSV(rows[0], "")
	if err != nil {
		return Translated{}, err
	}
	j, err := s.Record(rows[1], hint)
	return Translated{JSON: j, Form: s.Form, What: s.What}, err
}

// One sign-in has one identity, wherever it was read, and whatever time it bears.
func TestSameSignIn(t *testing.T) {
	m := model(t)
	key := func(in string) Key {
		t.Helper()
		got, err := translateOne(m, in)
		if err != nil {
			t.Fatal(err)
		}
		id, err := m.Identify(got.JSON)
		if err != nil {
			t.Fatal(err)
		}
		if id.Category != "SignInLogs" || id.Time == 0 {
			t.Errorf("%s is %+v", got.JSON, id)
		}
		return id.Key
	}
	const id = "5c0f0000-0000-4000-8000-00000000a100"
	export := key(`{"time":"2026-03-01T08:05:00Z","category":"SignInLogs","tenantId":"t","properties":{"id":"` + id + `","createdDateTime":"2026-03-01T07:59:00Z","status":{"errorCode":0}}}`)
	for form, in := range map[string]string{
		"another export":  `{"category":"SignInLogs","tenantId":"t","properties":{"status":{},"id":"` + strings.ToUpper(id) + `"},"time":"2026-03-02T00:00:00Z"}`,
		"Graph beta":      `{"id":"` + id + `","createdDateTime":"2026-03-01T07:59:00Z","appId":"a","userId":"u","ipAddress":"","status":{"errorCode":0},"signInEventTypes":["interactiveUser"]}`,
		"Graph v1.0":      `{"id":"` + id + `","createdDateTime":"2026-03-01T07:59:00Z","appId":"a","userId":"u","ipAddress":"","status":{"errorCode":0},"isInteractive":true}`,
		"row":             `{"Type":"SigninLogs","TimeGenerated":"2026-03-01T08:01:00Z","Id":"` + id + `"}`,
		"row as CSV":      "$table,TimeGenerated [UTC],Id,UserId,AppId,UserAgent\nSigninLogs,\"3/1/2026, 8:00:01 AM\"," + id + ",u,a,x",
		"portal download": "Date (UTC),Request ID,User ID\n2026-03-01T07:59:00Z," + id + ",u",
	} {
		if key(in) != export {
			t.Errorf("%s has another identity than the export", form)
		}
	}
	if other := key(`{"time":"2026-03-01T08:05:00Z","category":"SignInLogs","tenantId":"t","properties":{"id":"` + id[:35] + `1"}}`); other == export {
		t.Error("another sign-in has the same identity")
	}
}

func TestIdentityOfOtherCategories(t *testing.T) {
	m := model(t)
	key := func(rec string) Key {
		t.Helper()
		id, err := m.Identify([]byte(rec))
		if err != nil {
			t.Fatal(err)
		}
		return id.Key
	}
	same := func(a, b string) {
		t.Helper()
		if key(a) != key(b) {
			t.Errorf("%s\n%s\nare not the same", a, b)
		}
	}
	differ := func(a, b string) {
		t.Helper()
		if key(a) == key(b) {
			t.Errorf("%s\n%s\nare the same", a, b)
		}
	}
	// A user's risk at two moments is two records; how a moment is written is nothing.
	same(`{"time":"2026-03-01T08:00:00Z","category":"RiskyUsers","properties":{"id":"u","riskLastUpdatedDateTime":"2026-03-01T3:00:00.123Z"}}`,
		`{"time":"2026-03-09T08:00:00Z","category":"RiskyUsers","properties":{"id":"u","riskLastUpdatedDateTime":"2026-03-01T03:00:00.1234567+00:00"}}`)
	differ(`{"category":"RiskyUsers","properties":{"id":"u","riskLastUpdatedDateTime":"2026-03-01T03:00:00Z"}}`,
		`{"category":"RiskyUsers","properties":{"id":"u","riskLastUpdatedDateTime":"2026-03-01T04:00:00Z"}}`)
	// Categories are apart.
	differ(`{"category":"SignInLogs","properties":{"id":"x"}}`, `{"category":"NonInteractiveUserSignInLogs","properties":{"id":"x"}}`)
	// Without an identity of its own a record is what it contains, time and all.
	same(`{"category":"Odd","time":"2026-03-01T08:00:00Z","properties":{"a":[1,"é"],"b":null}}`,
		"{ \"time\":\"2026-03-01T08:00:00Z\", \"properties\":{\"b\":null,\"a\":[1,\"\\u00e9\"]},\n\"category\":\"Odd\" }")
	differ(`{"category":"Odd","time":"2026-03-01T08:00:00Z"}`, `{"category":"Odd","time":"2026-03-01T08:00:01Z"}`)
	differ(`{"category":"Odd","a":"1"}`, `{"category":"Odd","a":1}`)
	differ(`{"category":"Odd","a":["x","y"]}`, `{"category":"Odd","a":["xy"]}`)
	differ(`{"category":"Odd","a":[["x"],"y"]}`, `{"category":"Odd","a":["x",["y"]]}`)
	differ(`{"category":"SignInLogs","properties":{"a":1}}`, `{"category":"SignInLogs","properties":{"a":2}}`)
	differ(`{"category":"SignInLogs","properties":{"id":""}}`, `{"category":"SignInLogs","properties":{"id":"","b":1}}`)
}

func TestWhatIsNoRecord(t *testing.T) {
	m := model(t)
	f := func(in, want string) {
		t.Helper()
		_, err := m.Identify([]byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, not %s", in, err, want)
		}
		b := m.NewBuilder()
		if err := b.Add([]byte(in), nil, Source{}); err == nil || len(b.Take()) > 0 {
			t.Errorf("%s: the builder says %v", in, err)
		}
	}
	f(`{}`, "at byte 2: the record has no category")
	f(`{"category":""}`, "at byte 12: the category of a record is a text, not \"\"")
	f(`{"category":7}`, "at byte 12: the category of a record is a text, not 7")
	f(`[]`, "at byte 0: a record is a JSON object, not an array")
	f(`null`, "at byte 0: a record is a JSON object, not null")
	f(``, "at byte 0: there is no record: the text is empty")
	f(`{"category":"AuditLogs"`, "at byte 23: the text ends before the record does")
}

// The bytes stay the caller's, and texts that are not UTF-8 become so.
func TestBytesAreTheCallers(t *testing.T) {
	m := model(t)
	rec := []byte(`{"time":"2026-03-01T08:00:00Z","category":"AuditLogs","properties":{"id":"a","result":"su` + "\xff" + `cess","targetResources":[{"id":"` + "\xfe" + `"}]}}`)
	b := m.NewBuilder()
	if err := b.Add(rec, nil, Source{}); err != nil {
		t.Fatal(err)
	}
	clear(rec)
	got := b.Take()[0].Batch
	if s := got.Cols[got.Schema.Index("Result")].At(0).Str(); s != "su�cess" {
		t.Errorf("Result is %q", s)
	}
	if s := got.Cols[got.Schema.Index("TargetResources[].id")].At(0).Text(); s != `["�"]` {
		t.Errorf("the id is %s", s)
	}
}

func FuzzTranslateAndAdd(f *testing.F) {
	for _, file := range []string{"testdata/translate.txt", "testdata/rows.txt"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "{") {
				f.Add([]byte(strings.TrimSpace(line)), "$table,Id,TimeGenerated,UserId", "SigninLogs,a,b,c")
			}
		}
	}
	f.Add([]byte(`{"category":"x"}`), "Date (UTC),Request ID,User ID,Location", `1,2,3,"a, b, c, d"`)
	f.Add([]byte(`{"category":"x"}`), "Date (UTC),Activity,ActorType,Target1ModifiedProperty1Name", `1,2,3,4`)
	m, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, object []byte, header, row string) {
		b := m.NewBuilder()
		check := func(j []byte) {
			id, err := b.Identify(j)
			if err != nil {
				return
			}
			if err := b.Add(j, &id, Source{}); err != nil {
				t.Fatalf("%s is identified, but: %v", j, err)
			}
			for _, r := range b.Take() {
				def := m.DefFor(id.Category)
				checkPromoted(t, &def, r.Batch)
			}
		}
		check(object)
		if got, err := m.Translate(object, Hint{Tenant: "t"}); err == nil {
			if got.Form != Export && (!json.Valid(got.JSON) || bytes.ContainsAny(got.JSON, "\r\n")) {
				t.Fatalf("%s becomes %s", object, got.JSON)
			}
			if got.Form != Export {
				if _, err := m.Identify(got.JSON); err != nil {
					t.Fatalf("%s becomes %s: %v", object, got.JSON, err)
				}
			}
			check(got.JSON)
		}
		if s, err := m.CSV(strings.Split(header, ","), row); err == nil {
			if j, err := s.Record(strings.Split(row, ","), Hint{}); err == nil {
				if !json.Valid(j) || bytes.ContainsAny(j, "\r\n") {
					t.Fatalf("%s / %s becomes %s", header, row, j)
				}
				check(j)
			}
		}
	})
}
