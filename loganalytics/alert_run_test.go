package loganalytics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/fault"
	"sextant/notify"
	"sextant/query"
	"sextant/state"
)

// lab runs rules over one table, with a clock that is set and a webhook that keeps
// what it is told.
type lab struct {
	t    *testing.T
	o    *only
	dir  string
	db   *state.DB
	a    *Alerts
	arm  *ARM
	now  time.Time
	hook *httptest.Server

	mu      sync.Mutex
	told    []string // condition and dimensions of each message, as they came
	records []string // of the log
}

const (
	labRules  = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/scheduledQueryRules/"
	labGroup  = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/actionGroups/soc"
	labAlerts = "/subscriptions/s/providers/Microsoft.AlertsManagement/alerts"
)

// at a time of the first of January.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, o: newOnly(t), dir: t.TempDir(), now: at("08:00:00")}
	l.o.fill(t, "Sign(TimeGenerated:datetime, User:string)", []string{
		"2026-01-01T08:01:00Z  ann", "2026-01-01T08:02:00Z  bob", "2026-01-01T08:06:00Z  ann",
	})
	l.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Data struct {
				Essentials struct{ AlertRule, MonitorCondition string }
				Context    struct {
					Condition struct {
						AllOf []struct{ Dimensions []dimensionValue }
					}
				} `json:"alertContext"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Data.Context.Condition.AllOf) != 1 {
			http.Error(w, "what is this?", http.StatusBadRequest)
			return
		}
		text := m.Data.Essentials.AlertRule + " " + m.Data.Essentials.MonitorCondition
		for _, d := range m.Data.Context.Condition.AllOf[0].Dimensions {
			text += " " + d.Name + "=" + d.Value
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, text)
	}))
	t.Cleanup(l.hook.Close)
	l.open()
	t.Cleanup(func() { _ = l.db.Close() })
	l.put(labGroup, `{"location":"Global","properties":{"groupShortName":"soc","enabled":true,"webhookReceivers":[{"name":"hook","serviceUri":"`+l.hook.URL+`"}]}}`, 201)
	return l
}

// open the state as a new process would.
func (l *lab) open() {
	l.t.Helper()
	var err error
	if l.db, err = state.Open(l.dir); err != nil {
		l.t.Fatal(err)
	}
	sender := notify.NewSender(notify.Options{})
	l.t.Cleanup(sender.Close)
	l.a = (&Alerts{
		Places: l.o, State: l.db, Clock: func() time.Time { return l.now }, Logger: slog.New(slog.DiscardHandler), Sender: sender, URL: "http://here",
		Settle: func(context.Context, string) error { return nil },
		Append: func(_ context.Context, _ string, records []json.RawMessage) error {
			for _, r := range records {
				l.records = append(l.records, string(r))
			}
			return nil
		},
	}).Start()
	l.arm = &ARM{Places: nobody{l.o}, State: l.db, Clock: l.a.Clock, Logger: l.a.Logger, Alerts: l.a}
}

func (l *lab) restart() {
	l.t.Helper()
	if err := l.db.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.open()
}

// nobody manages tables in these tests.
type nobody struct{ *only }

func (nobody) NewTenant(context.Context) (string, error) { return "", fault.New(fault.Internal, "no") }
func (nobody) Table(context.Context, string, string) (TableSettings, error) {
	return TableSettings{}, nil
}
func (nobody) SetTable(_ context.Context, _ string, s TableSettings) (TableSettings, error) {
	return s, nil
}
func (nobody) Append(context.Context, string, string, []json.RawMessage, []string) error { return nil }

func (l *lab) call(method, path, body string) (int, string) {
	l.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	r := httptest.NewRequest(method, path+sep+"api-version=2023-12-01", strings.NewReader(body))
	w := httptest.NewRecorder()
	l.arm.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return w.Code, string(b)
}

func (l *lab) put(path, body string, want int) string {
	l.t.Helper()
	status, text := l.call("PUT", path, body)
	if status != want {
		l.t.Fatalf("PUT %s: %d %s", path, status, text)
	}
	return text
}

func (l *lab) rule(name, props string) {
	l.t.Helper()
	l.put(labRules+name, `{"location":"here","properties":`+string(ruleText(l.t, props))+`}`, 201)
}

// step to a time, and say what the webhook was told.
func (l *lab) step(clock, want string) {
	l.t.Helper()
	l.now = at(clock)
	if _, err := l.a.Step(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.told) // two rules may be evaluated at once
	if got := strings.Join(l.told, ", "); got != want {
		l.t.Errorf("at %s the webhook was told %q, not %q", clock, got, want)
	}
	l.told = nil
}

// health of a rule.
func (l *lab) health(name string) (state, text string, evaluation map[string]any) {
	l.t.Helper()
	_, body := l.call("GET", labRules+name+"/providers/Microsoft.ResourceHealth/availabilityStatuses/current", "")
	var h struct {
		Properties struct {
			State      string `json:"availabilityState"`
			Summary    string
			Evaluation map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		l.t.Fatal(err)
	}
	return h.Properties.State, h.Properties.Summary, h.Properties.Evaluation
}

func (l *lab) alerts(t *testing.T, filter string) []map[string]any {
	t.Helper()
	_, body := l.call("GET", labAlerts+"?timeRange=30d"+filter, "")
	var list struct{ Value []map[string]any }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	return list.Value
}

const perUser = `{"query":"Sign","timeAggregation":"Count","operator":"GreaterThan","threshold":0,"dimensions":[{"name":"User","operator":"Include","values":["*"]}],"actions":{"actionGroups":["` + labGroup + `"]}`

// What was missed while nothing ran is made up for, in order, and each alert is told
// once.
func TestMissedEvaluationsAreMadeUpFor(t *testing.T) {
	l := newLab(t)
	l.rule("r", perUser+`}`)
	l.step("08:00:00", "")
	l.restart()
	l.step("08:31:00", "r Fired User=ann, r Fired User=bob, r Resolved User=ann, r Resolved User=bob")
	l.restart()
	l.step("08:31:00", "")
	if _, _, e := l.health("r"); e["last"] != "2026-01-01T08:30:00Z" || e["next"] != "2026-01-01T08:35:00Z" || e["missed"] != 0.0 {
		t.Errorf("%v", e)
	}
	if n := len(l.alerts(t, "&monitorCondition=Resolved")); n != 2 {
		t.Errorf("%d alerts", n)
	}
	if n := len(l.records); n != 4 {
		t.Errorf("%d records in the log: %s", n, l.records)
	}
	// After days only the newest hundred are made up for; the others are counted.
	l.restart()
	l.now = l.now.Add(48 * time.Hour)
	if _, err := l.a.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, e := l.health("r"); e["missed"] != 476.0 {
		t.Errorf("%v", e)
	}
}

// The end of the process between the evaluation and the telling loses nothing; an
// evaluation that is done again makes no second alert.
func TestAlertsSurviveTheProcess(t *testing.T) {
	l := newLab(t)
	l.rule("r", perUser+`}`)
	l.step("08:00:00", "")
	l.now = at("08:05:00")
	if _, err := l.a.runner.Step(t.Context()); err != nil { // and not the outbox
		t.Fatal(err)
	}
	l.restart()
	l.step("08:05:01", "r Fired User=ann, r Fired User=bob")
	again, err := l.a.evaluate(t.Context(), strings.ToLower(labRules+"r"), at("08:05:00"), 0, 0)
	if again || err != nil {
		t.Errorf("%t %v", again, err)
	}
	l.step("08:05:02", "")
	if n := len(l.alerts(t, "")); n != 2 {
		t.Errorf("%d alerts", n)
	}
}

// A rule that fails notes why, and does not stop another.
func TestARuleThatFails(t *testing.T) {
	l := newLab(t)
	l.rule("good", perUser+`}`)
	l.rule("bad", `{"query":"Sign | where toint(User) > 0 | extend x = 1","timeAggregation":"Total","metricMeasureColumn":"gone","operator":"GreaterThan","threshold":0,"skipQueryValidation":true}`)
	l.step("08:05:00", "good Fired User=ann, good Fired User=bob")
	state, text, e := l.health("bad")
	if state != "Unavailable" || !strings.Contains(text, "gone") || e["failures"] != 1.0 || e["last"] != "2026-01-01T08:05:00Z" {
		t.Errorf("%s %q %v", state, text, e)
	}
	if state, _, _ := l.health("good"); state != "Available" {
		t.Error(state)
	}
	if n, err := CountAlerts(l.db); err != nil || n != (AlertCounts{Working: 1, Failing: 1, Open: 2}) {
		t.Errorf("%+v %v", n, err)
	}
	// What may be gone in a while is tried again, then noted.
	l.o.fail = fault.New(fault.Unavailable, "the engine is busy")
	l.step("08:10:00", "")
	if _, _, e := l.health("good"); e["last"] != "2026-01-01T08:05:00Z" {
		t.Errorf("given up at once: %v", e)
	}
	l.o.fail = nil
	l.step("08:10:11", "")
	if state, _, e := l.health("good"); state != "Available" || e["last"] != "2026-01-01T08:10:00Z" {
		t.Errorf("%s %v", state, e)
	}
	l.o.fail = fault.New(fault.Unavailable, "the engine is busy")
	for _, clock := range []string{"08:15:00", "08:15:11", "08:15:32", "08:16:13"} {
		l.step(clock, "")
	}
	if state, text, _ := l.health("good"); state != "Unavailable" || text != "the engine is busy" {
		t.Errorf("%s %s", state, text)
	}
}

// A rule that this program cannot read is shown as such, and the others run.
func TestARuleThatCannotBeRead(t *testing.T) {
	l := newLab(t)
	l.rule("good", perUser+`}`)
	if _, err := l.db.Put(AlertRuleKind, strings.ToLower(labRules+"odd"), resource{ID: labRules + "odd", Kind: "Later", Props: json.RawMessage(`{}`)}, ""); err != nil {
		t.Fatal(err)
	}
	l.step("08:05:00", "good Fired User=ann, good Fired User=bob")
	rules, err := l.a.Rules()
	if err != nil || len(rules) != 2 || rules[0].Open != 2 || !strings.Contains(rules[1].Failed, "cannot be read") {
		t.Errorf("%+v %v", rules, err)
	}
}

// Tables that are behind the log hold an evaluation up; they do not falsify it.
func TestEvaluationsWaitForTheTables(t *testing.T) {
	l := newLab(t)
	p := &settling{only: l.o}
	l.a.Places = p
	behind := true
	l.a.Settle = func(context.Context, string) error {
		if behind {
			return context.DeadlineExceeded
		}
		return nil
	}
	l.rule("r", perUser+`}`)
	l.step("08:05:00", "")
	behind = false
	l.step("08:05:11", "r Fired User=ann, r Fired User=bob")
}

// settling is a workspace that is a place.
type settling struct{ *only }

func (s *settling) Workspace(string) (Runner, error) { return settledPlace{Place: nil, o: s.only}, nil }

type settledPlace struct {
	Place
	o *only
}

func (p settledPlace) Info() Info { return Info{Tenant: "t"} }
func (p settledPlace) Query(ctx context.Context, req query.Request) (*query.Answer, error) {
	return p.o.Query(ctx, req)
}

// A broken invariant in the engine ends one evaluation, not the process.
func TestPanicsEndOneEvaluation(t *testing.T) {
	l := newLab(t)
	l.rule("r", perUser+`}`)
	l.a.Places = &panicking{l.o}
	for _, clock := range []string{"08:05:00", "08:05:11", "08:05:32", "08:06:13"} {
		l.step(clock, "")
	}
	if state, text, _ := l.health("r"); state != "Unavailable" || text != "an internal error" {
		t.Errorf("%s %s", state, text)
	}
	l.a.Places = l.o
	l.step("08:10:00", "r Fired User=ann")
}

type panicking struct{ *only }

func (p *panicking) Workspace(string) (Runner, error) { return p, nil }
func (p *panicking) Query(context.Context, query.Request) (*query.Answer, error) {
	panic("a broken invariant")
}

func TestRulesThatChange(t *testing.T) {
	l := newLab(t)
	l.rule("r", perUser+`}`)
	l.step("08:05:00", "r Fired User=ann, r Fired User=bob")
	// What the alerts do not stand on may change.
	if status, text := l.call("PATCH", labRules+"r", `{"tags":{"a":"b"},"properties":{"severity":1}}`); status != 200 || !strings.Contains(text, `"severity":1`) || !strings.Contains(text, `"windowSize":"PT5M"`) {
		t.Errorf("%d %s", status, text)
	}
	l.step("08:06:00", "")
	if n := len(l.alerts(t, "&monitorCondition=Fired")); n != 2 {
		t.Errorf("%d open alerts", n)
	}
	// Another condition is another rule: its alerts are over, and nobody is told.
	if status, text := l.call("PATCH", labRules+"r", `{"properties":{"windowSize":"PT10M"}}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	l.step("08:07:00", "r Fired User=ann, r Fired User=bob")
	if n := len(l.alerts(t, "&monitorCondition=Resolved")); n != 2 {
		t.Errorf("%d alerts are over", n)
	}
	if status, _ := l.call("PATCH", labRules+"r", `{"properties":{"enabled":false}}`); status != 200 {
		t.Error(status)
	}
	l.step("08:30:00", "")
	if n := len(l.alerts(t, "&monitorCondition=Fired")); n != 0 {
		t.Errorf("%d open alerts of a rule that is off", n)
	}
	if state, _, _ := l.health("r"); state != "Unknown" {
		t.Error(state)
	}
	if status, _ := l.call("DELETE", labRules+"r", ""); status != 200 {
		t.Error(status)
	}
	if status, _ := l.call("PATCH", labRules+"r", "{}"); status != 404 {
		t.Error(status)
	}
	// Alerts outlive their rule, for a month.
	if n := len(l.alerts(t, "")); n != 4 {
		t.Errorf("%d alerts", n)
	}
	l.now = l.now.Add(31 * 24 * time.Hour)
	if _, err := l.a.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	docs, err := l.db.List(AlertKind, "")
	if err != nil || len(docs) != 0 {
		t.Errorf("%d alerts after a month, %v", len(docs), err)
	}
}

// A rule without state fires each time; muted, its alerts are made and nobody is told.
func TestMute(t *testing.T) {
	l := newLab(t)
	l.rule("r", `{"query":"Sign","timeAggregation":"Count","operator":"GreaterThanOrEqual","threshold":0,"autoMitigate":false,"muteActionsDuration":"PT10M","actions":{"actionGroups":["`+labGroup+`"]}}`)
	l.step("08:00:00", "r Fired")
	l.step("08:05:00", "")
	l.step("08:10:00", "r Fired")
	all := l.alerts(t, "&sortBy=startDateTime&sortOrder=asc")
	var suppressed []any
	for _, al := range all {
		suppressed = append(suppressed, al["properties"].(map[string]any)["essentials"].(map[string]any)["actionStatus"].(map[string]any)["isSuppressed"])
	}
	if fmt.Sprint(suppressed) != "[false true false]" {
		t.Errorf("%v", suppressed)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	l := newLab(t)
	l.rule("r", `{"query":"range n from 1 to 305 step 1","timeAggregation":"Count","operator":"GreaterThan","threshold":0,"dimensions":[{"name":"n","operator":"Include","values":["*"]}]}`)
	l.step("08:00:00", "")
	state, text, e := l.health("r")
	if state != "Degraded" || !strings.Contains(text, "305") || e["openAlerts"] != 300.0 {
		t.Errorf("%s %s %v", state, text, e)
	}
	l.rule("s", `{"query":"range n from 1 to 6001 step 1","timeAggregation":"Count","operator":"GreaterThan","threshold":0,"dimensions":[{"name":"n","operator":"Include","values":["*"]}]}`)
	l.step("08:01:00", "")
	if state, text, _ := l.health("s"); state != "Unavailable" || !strings.Contains(text, "more than 6000 combinations") {
		t.Errorf("%s %s", state, text)
	}
	// Pages of a list follow one another.
	seen := 0
	path := labAlerts + "?pageCount=250&timeRange=1d"
	for path != "" {
		_, body := l.call("GET", path, "")
		var page struct {
			Value    []any
			NextLink string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		seen += len(page.Value)
		path = strings.TrimPrefix(page.NextLink, "http://example.com")
	}
	if seen != 300 {
		t.Errorf("%d alerts on all pages", seen)
	}
}

func TestGroupsThatCannotBeTold(t *testing.T) {
	l := newLab(t)
	l.rule("r", perUser+`}`)
	if status, text := l.call("PATCH", labGroup, `{"properties":{"enabled":false}}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	l.step("08:05:00", "")
	if status, _ := l.call("DELETE", labGroup, ""); status != 200 {
		t.Error(status)
	}
	l.now = at("08:10:00")
	l.step("08:10:00", "")
	id := l.alerts(t, "")[0]["id"].(string)
	if _, text := l.call("GET", id+"/history", ""); !strings.Contains(text, "The action group is switched off.") {
		t.Error(text)
	}
	l.step("08:25:00", "")
	if _, text := l.call("GET", id+"/history", ""); !strings.Contains(text, "The action group is not there.") {
		t.Error(text)
	}
}

// What is wrong with a rule or a group is said when it is made, with Azure's code.
func TestRefusals(t *testing.T) {
	l := newLab(t)
	const good = `"query":"Sign","timeAggregation":"Count","operator":"GreaterThan","threshold":1`
	f := func(props, want string) {
		t.Helper()
		kind := ""
		if k, rest, ok := strings.Cut(props, "|"); ok && !strings.HasPrefix(props, "{") {
			kind, props = `"kind":"`+k+`",`, rest
		}
		status, text := l.call("PUT", labRules+"x", `{`+kind+`"location":"here","properties":`+string(ruleText(t, props))+`}`)
		if status != 400 || !strings.Contains(text, `"code":"BadRequest"`) || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", props, status, text)
		}
	}
	f(`LogToMetric|{`+good+`}`, `LogAlert works`)
	f(`{`+good+`,"enabled":null}`, `enabled is missing`)
	f(`{`+good+`,"severity":5}`, `severity is missing or none`)
	f(`{`+good+`,"severity":1.5}`, `0 (critical) to 4 (verbose) work`)
	f(`{`+good+`,"scopes":[]}`, `scopes has 0 entries`)
	f(`{`+good+`,"scopes":["/subscriptions/elsewhere"]}`, `there is no workspace`)
	f(`{`+good+`,"scopes":["/elsewhere"]}`, `which is no resource id`)
	f(`{"query":"Sign","timeAggregation":"Count","operator":"GreaterThan","threshold":"x"}`, `criteria.allOf.threshold is a string where a number belongs`)
	f(`{`+good+`,"criteria":{"allOf":[]}}`, `0 conditions; one works`)
	f(`{`+good+`,"evaluationFrequency":"PT7M"}`, `PT1M, PT5M, PT10M`)
	f(`{`+good+`,"evaluationFrequency":"soon"}`, `evaluationFrequency is \"soon\"`)
	f(`{`+good+`,"evaluationFrequency":"PT1H"}`, `would never be seen`)
	f(`{`+good+`,"windowSize":"P3D"}`, `P1D, P2D work`)
	f(`{`+good+`,"windowSize":"P1D","failingPeriods":{"numberOfEvaluationPeriods":3}}`, `two days work`)
	f(`{`+good+`,"overrideQueryTimeRange":"PT7M"}`, `overrideQueryTimeRange is \"PT7M\"`)
	f(`{`+good+`,"windowSize":"PT1H","overrideQueryTimeRange":"PT5M"}`, `shorter than windowSize`)
	f(`{`+good+`,"failingPeriods":{"numberOfEvaluationPeriods":7}}`, `1 to 6 work`)
	f(`{`+good+`,"failingPeriods":{"numberOfEvaluationPeriods":2,"minFailingPeriodsToAlert":3}}`, `1 to numberOfEvaluationPeriods (2) work`)
	f(`{`+good+`,"muteActionsDuration":"PT10M"}`, `autoMitigate is false`)
	f(`{`+good+`,"autoMitigate":false,"muteActionsDuration":"PT1S"}`, `muteActionsDuration is \"PT1S\"`)
	f(`{`+good+`,"autoMitigate":false,"resolveConfiguration":{"autoResolved":true}}`, `autoMitigate is false and`)
	f(`{`+good+`,"resolveConfiguration":{"timeToResolve":"PT1M"}}`, `evaluationFrequency to P2D work`)
	f(`{`+good+`,"actions":{"actionGroups":["/nowhere"]}}`, `there is no such action group`)
	f(`{`+good+`,"criterionType":"DynamicThresholdCriterion"}`, `StaticThresholdCriterion works`)
	f(`{`+good+`,"dimensions":[{"name":"","operator":"Include","values":["*"]}]}`, `has no name`)
	f(`{`+good+`,"dimensions":[{"name":"User","operator":"Like","values":["*"]}]}`, `Include, Exclude work`)
	f(`{`+good+`,"dimensions":[{"name":"User","operator":"Exclude","values":["*"]}]}`, `excludes all values`)
	f(`{`+good+`,"dimensions":[{"name":"User","operator":"Include","values":[]}]}`, `[\"*\"] is all of them`)
	f(`{`+good+`,"dimensions":[{"name":"User","operator":"Include","values":["*"]},{"name":"User","operator":"Include","values":["a"]}]}`, `is there twice`)
	f(`{"query":" ","timeAggregation":"Count","operator":"GreaterThan","threshold":1}`, `no query`)
	f(`{"query":"Sign","timeAggregation":"Count","operator":"GreaterThan"}`, `no threshold`)
	f(`{"query":"Sign","timeAggregation":"Sum","operator":"GreaterThan","threshold":1}`, `Count, Average, Minimum, Maximum, Total work`)
	f(`{"query":"Sign","timeAggregation":"Total","operator":"GreaterThan","threshold":1}`, `needs a metricMeasureColumn`)
	f(`{"query":"Sign","timeAggregation":"Count","operator":"Above","threshold":1}`, `operator is \"Above\"`)

	g := func(props, want string) {
		t.Helper()
		status, text := l.call("PUT", labGroup+"x", `{"location":"Global","properties":`+props+`}`)
		if status != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", props, status, text)
		}
	}
	g(`{"enabled":true}`, `1 to 12 characters work`)
	g(`{"groupShortName":"g"}`, `enabled is missing`)
	g(`{"groupShortName":"g","enabled":true,"smsReceivers":[{"name":"a","countryCode":"1","phoneNumber":"2"}]}`, `smsReceivers are not to be had here`)
	g(`{"groupShortName":"g","enabled":true,"webhookReceivers":[{"name":"a","serviceUri":"ftp://x/?secret"}]}`, `http: and https: work`)
	g(`{"groupShortName":"g","enabled":true,"webhookReceivers":[{"name":"a","serviceUri":"http://x/","useAadAuth":true}]}`, `useAadAuth`)
	g(`{"groupShortName":"g","enabled":true,"emailReceivers":[{"name":"a","emailAddress":"nobody"}]}`, `is no mail address`)
	g(`{"groupShortName":"g","enabled":true,"emailReceivers":[{"name":"a","emailAddress":"a@b.c"}],"syslogReceivers":[{"name":"a","serviceUri":"udp://h"}]}`, `has one of its own`)
	g(`{"groupShortName":"g","enabled":true,"syslogReceivers":[{"name":"a","serviceUri":"h:514"}]}`, `tls://host:6514 work`)

	for _, c := range [][3]string{
		{"GET", labAlerts + "?timeRange=2d", "1h, 1d, 7d and 30d work"}, {"GET", labAlerts + "?customTimeRange=x", "START/END works"}, {"GET", labAlerts + "?sortBy=age", "sortBy is"},
		{"GET", labAlerts + "?sortOrder=up", "asc and desc work"}, {"GET", labAlerts + "?pageCount=0", "1 to 250 work"}, {"GET", labAlerts + "Summary?groupby=age", "groupby is"},
	} {
		if status, text := l.call(c[0], c[1], ""); status != 400 || !strings.Contains(text, c[2]) {
			t.Errorf("%s: %d %s", c[1], status, text)
		}
	}
}

// FuzzAlertRule: whatever is sent as a rule is taken or refused in words, and what is
// taken makes a query.
func FuzzAlertRule(f *testing.F) {
	f.Add(`{"severity":3,"enabled":true,"scopes":["/subscriptions/t"],"evaluationFrequency":"PT5M","windowSize":"PT5M","criteria":{"allOf":[{"query":"T","timeAggregation":"Count","operator":"GreaterThan","threshold":1,"dimensions":[{"name":"a","operator":"Include","values":["*","\""]}],"failingPeriods":{"numberOfEvaluationPeriods":2}}]}}`)
	f.Add(`{"severity":0,"enabled":false,"scopes":["/subscriptions/t"],"evaluationFrequency":"P1D","windowSize":"P1D","autoMitigate":false,"muteActionsDuration":"PT5M","criteria":{"allOf":[{"query":"let a = 1; T | render x","timeAggregation":"total","metricMeasureColumn":"b'","operator":"equals","threshold":1e300}]}}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, props string) {
		r, err := parseAlertRule(resource{ID: "/subscriptions/s/x/r", Props: json.RawMessage(props)})
		if err != nil {
			return
		}
		if r.Range < r.Window || r.Frequency <= 0 || r.Condition.Failing > r.Condition.Periods {
			t.Errorf("%+v", r)
		}
		text, err := r.text(at("08:00:00"))
		if err == nil && !strings.Contains(text, "| summarize "+measureColumn) {
			t.Errorf("%s", text)
		}
		_ = r.fingerprint()
	})
}
