package loganalytics

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sextant/fault"
	"sextant/state"
)

// extension says where in a path the resources of a provider begin that stand on
// other resources: …/providers/NAME/. -1 where they do not.
func (c *armCall) extension(provider string) int {
	for i := len(c.parts) - 2; i >= 0; i-- {
		if c.part(i) == "providers" && c.part(i+1) == provider {
			return i
		}
	}
	return -1
}

// alertsManagement answers below SCOPE/providers/Microsoft.AlertsManagement.
func (m *ARM) alertsManagement(c *armCall, at int) (int, any, error) {
	scope := "/" + strings.ToLower(strings.Join(c.parts[:at], "/"))
	kind, id, verb := c.part(at+2), c.part(at+3), c.part(at+4)
	get, post := c.r.Method == http.MethodGet, c.r.Method == http.MethodPost
	switch n := len(c.parts) - at - 2; {
	case kind == "alerts" && n == 1 && get:
		return m.listAlerts(c, scope)
	case kind == "alerts" && n == 2 && get:
		al, err := m.Alerts.within(scope, id)
		if err != nil {
			return 0, nil, err
		}
		return 200, al.json(true), nil
	case kind == "alerts" && n == 3 && verb == "history" && get:
		al, err := m.Alerts.within(scope, id)
		if err != nil {
			return 0, nil, err
		}
		return 200, al.history(), nil
	case kind == "alerts" && n == 3 && verb == "changestate" && post:
		return m.changeState(c, scope, id)
	case kind == "alertssummary" && n == 1 && get:
		return m.summary(c, scope)
	case kind == "previewalertrule" && n == 1 && post:
		return m.previewRule(c)
	}
	return 0, nil, m.nothing(c)
}

// within a scope, the alert of an id.
func (a *Alerts) within(scope, id string) (*Alert, error) {
	al, err := a.alert(subscriptionOf(scope) + "/" + id)
	if fault.KindOf(err) == fault.NotFound || err == nil && !al.in(scope) {
		return nil, refuse(404, "ResourceNotFound", "The alert '"+id+"' was not found.")
	}
	return al, err
}

// in says whether the alert belongs to a scope: its subscription, or the resource,
// or the group of resources, that it or its rule is about.
func (al *Alert) in(scope string) bool {
	for _, id := range []string{al.Rule, al.Target} {
		if strings.HasPrefix(strings.ToLower(id)+"/", scope+"/") {
			return true
		}
	}
	return false
}

// json of an alert; context is what the list leaves out.
func (al *Alert) json(context bool) map[string]any {
	e := map[string]any{
		"severity": al.severity(), "signalType": "Log", "alertState": al.State, "monitorCondition": al.Condition, "monitorService": monitorService,
		"targetResource": al.Target, "targetResourceName": nameOf(al.Target), "targetResourceGroup": groupOf(al.Target), "targetResourceType": typeOf(al.Target),
		"sourceCreatedId": al.ID, "alertRule": al.Rule, "startDateTime": isoTime(al.Fired), "lastModifiedDateTime": isoTime(al.Modified), "lastModifiedUserName": al.ModifiedBy,
		"actionStatus": map[string]any{"isSuppressed": al.Suppressed}, "description": al.Description,
	}
	if !al.Resolved.IsZero() {
		e["monitorConditionResolvedDateTime"] = isoTime(al.Resolved)
	}
	props := map[string]any{"essentials": e, "customProperties": al.Custom}
	if context {
		props["context"], props["egressConfig"] = al.Context, map[string]any{}
	}
	return map[string]any{"id": al.armID(), "name": al.RuleName, "type": "Microsoft.AlertsManagement/alerts", "properties": props}
}

// history of an alert, the newest first.
func (al *Alert) history() map[string]any {
	events := slices.Clone(al.History)
	slices.Reverse(events)
	return map[string]any{
		"id": al.armID(), "name": al.RuleName, "type": "Microsoft.AlertsManagement/alerts",
		"properties": map[string]any{"alertId": al.ID, "modifications": events},
	}
}

func (m *ARM) changeState(c *armCall, scope, id string) (int, any, error) {
	next, err := named("newState", c.r.URL.Query().Get("newState"), alertStates)
	if err != nil {
		return 0, nil, err
	}
	// Clients send {"comments": …}, {"comment": …}, or no body at all.
	var body struct{ Comments, Comment string }
	if c.r.ContentLength != 0 {
		if err := c.read(&body); err != nil {
			return 0, nil, err
		}
	}
	a := m.Alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	al, err := a.within(scope, id)
	if err != nil {
		return 0, nil, err
	}
	if next != al.State {
		al.change(a.Clock(), m.who(c), modification{
			Event: "StateChange", Old: al.State, New: next, Comments: cmp.Or(body.Comments, body.Comment), Description: "State changed from '" + al.State + "' to '" + next + "'",
		})
		al.State = next
		changes := append(a.securityNote(al, a.Clock()), state.Change{Kind: AlertKind, ID: al.document(), Body: al})
		if err := a.State.Write(changes...); err != nil {
			return 0, nil, err
		}
		nudge(a.mail)
	}
	return 200, al.json(true), nil
}

// who asks, in words for a history.
func (m *ARM) who(c *armCall) string {
	if m.Who == nil {
		return "administrator"
	}
	return m.Who(c.r)
}

// alertFilter is what the parameters of a list or a summary ask for.
type alertFilter struct {
	match    map[string]func(*Alert) string // parameter → value of an alert
	q        url.Values
	from, to time.Time
}

func (m *ARM) alertFilter(c *armCall) (*alertFilter, error) {
	f := &alertFilter{q: c.r.URL.Query(), match: map[string]func(*Alert) string{
		"targetResource":      func(a *Alert) string { return a.Target },
		"targetResourceType":  func(a *Alert) string { return typeOf(a.Target) },
		"targetResourceGroup": func(a *Alert) string { return groupOf(a.Target) },
		"monitorService":      func(*Alert) string { return "Log Analytics" },
		"monitorCondition":    func(a *Alert) string { return a.Condition },
		"severity":            (*Alert).severity,
		"alertState":          func(a *Alert) string { return a.State },
		"alertRule":           func(a *Alert) string { return a.Rule },
	}}
	f.to = m.Clock()
	span, custom := f.q.Get("timeRange"), f.q.Get("customTimeRange")
	lasts := map[string]time.Duration{"": 24 * time.Hour, "1h": time.Hour, "1d": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": alertLife}
	last, ok := lasts[span]
	if !ok {
		return nil, badRule("timeRange is %q; 1h, 1d, 7d and 30d work", span)
	}
	f.from = f.to.Add(-last)
	if custom == "" {
		return f, nil
	}
	from, to, ok := strings.Cut(custom, "/")
	begin, ok1 := parseInstant(from)
	end, ok2 := parseInstant(to)
	if span != "" || !ok || !ok1 || !ok2 {
		return nil, badRule("customTimeRange is %q; START/END works, and not beside timeRange", custom)
	}
	f.from, f.to = timeOf(begin), timeOf(end)
	return f, nil
}

func (f *alertFilter) takes(al *Alert) bool {
	if al.Modified.Before(f.from) || al.Fired.After(f.to) {
		return false
	}
	for name, of := range f.match {
		want := f.q.Get(name)
		if want == "" || strings.EqualFold(want, of(al)) {
			continue
		}
		switch {
		case name == "alertRule" && strings.EqualFold(want, al.RuleName), name == "alertRule" && strings.EqualFold(want, nameOf(al.Rule)):
		case name == "monitorService" && strings.EqualFold(want, monitorService):
		default:
			return false
		}
	}
	return true
}

// alerts of a scope that a filter takes.
func (a *Alerts) alerts(scope string, f *alertFilter) ([]*Alert, error) {
	docs, err := a.State.List(AlertKind, subscriptionOf(scope)+"/")
	if err != nil {
		return nil, err
	}
	var out []*Alert
	for _, d := range docs {
		al := &Alert{}
		if err := d.Decode(al); err != nil {
			return nil, err
		}
		if al.in(scope) && f.takes(al) {
			out = append(out, al)
		}
	}
	return out, nil
}

// alertOrders are the fields that a list can be sorted by.
var alertOrders = map[string]func(x, y *Alert) int{
	"name":                 func(x, y *Alert) int { return strings.Compare(x.RuleName, y.RuleName) },
	"severity":             func(x, y *Alert) int { return x.Severity - y.Severity },
	"alertState":           func(x, y *Alert) int { return strings.Compare(x.State, y.State) },
	"monitorCondition":     func(x, y *Alert) int { return strings.Compare(x.Condition, y.Condition) },
	"targetResource":       func(x, y *Alert) int { return strings.Compare(x.Target, y.Target) },
	"targetResourceName":   func(x, y *Alert) int { return strings.Compare(nameOf(x.Target), nameOf(y.Target)) },
	"targetResourceGroup":  func(x, y *Alert) int { return strings.Compare(groupOf(x.Target), groupOf(y.Target)) },
	"targetResourceType":   func(x, y *Alert) int { return strings.Compare(typeOf(x.Target), typeOf(y.Target)) },
	"startDateTime":        func(x, y *Alert) int { return x.Fired.Compare(y.Fired) },
	"lastModifiedDateTime": func(x, y *Alert) int { return x.Modified.Compare(y.Modified) },
}

// Pages of a list of alerts.
const (
	defaultAlerts = 25
	maxAlerts     = 250
)

func (m *ARM) listAlerts(c *armCall, scope string) (int, any, error) {
	f, err := m.alertFilter(c)
	if err != nil {
		return 0, nil, err
	}
	by := cmp.Or(f.q.Get("sortBy"), "lastModifiedDateTime")
	order := alertOrders[by]
	if order == nil {
		return 0, nil, badRule("sortBy is %q; %s work", by, strings.Join(sortedKeys(alertOrders), ", "))
	}
	down := strings.HasSuffix(by, "DateTime")
	switch dir := f.q.Get("sortOrder"); dir {
	case "":
	case "asc", "desc":
		down = dir == "desc"
	default:
		return 0, nil, badRule("sortOrder is %q; asc and desc work", dir)
	}
	page, skip := defaultAlerts, 0
	if text := f.q.Get("pageCount"); text != "" {
		if page, err = strconv.Atoi(text); err != nil || page < 1 || page > maxAlerts {
			return 0, nil, badRule("pageCount is %q; 1 to %d work", text, maxAlerts)
		}
	}
	if text := f.q.Get("$skipToken"); text != "" {
		if skip, err = strconv.Atoi(text); err != nil || skip < 0 {
			return 0, nil, badRule("$skipToken is %q, which is none of ours", text)
		}
	}
	all, err := m.Alerts.alerts(scope, f)
	if err != nil {
		return 0, nil, err
	}
	slices.SortFunc(all, func(x, y *Alert) int {
		n := order(x, y)
		if down {
			n = -n
		}
		return cmp.Or(n, strings.Compare(x.ID, y.ID))
	})
	context, _ := strconv.ParseBool(f.q.Get("includeContext"))
	value := []any{}
	for _, al := range all[min(skip, len(all)):min(skip+page, len(all))] {
		value = append(value, al.json(context))
	}
	out := map[string]any{"value": value}
	if skip+page < len(all) {
		f.q.Set("$skipToken", strconv.Itoa(skip+page))
		out["nextLink"] = origin(c.r) + (&url.URL{Path: c.path}).EscapedPath() + "?" + f.q.Encode()
	}
	return 200, out, nil
}

// summary counts alerts by one or several of their fields.
func (m *ARM) summary(c *armCall, scope string) (int, any, error) {
	f, err := m.alertFilter(c)
	if err != nil {
		return 0, nil, err
	}
	fields := map[string]func(*Alert) string{
		"severity": (*Alert).severity, "alertstate": f.match["alertState"], "monitorcondition": f.match["monitorCondition"], "monitorservice": func(*Alert) string { return monitorService },
		"signaltype": func(*Alert) string { return "Log" }, "alertrule": f.match["alertRule"],
	}
	by := strings.Split(f.q.Get("groupby"), ",")
	for _, name := range by {
		if fields[strings.ToLower(strings.TrimSpace(name))] == nil {
			return 0, nil, badRule("groupby is %q; severity, alertState, monitorCondition, monitorService, signalType and alertRule work, with commas between several", f.q.Get("groupby"))
		}
	}
	all, err := m.Alerts.alerts(scope, f)
	if err != nil {
		return 0, nil, err
	}
	var group func(of []*Alert, by []string) []any
	group = func(of []*Alert, by []string) []any {
		field := fields[strings.ToLower(strings.TrimSpace(by[0]))]
		parts := map[string][]*Alert{}
		for _, al := range of {
			parts[field(al)] = append(parts[field(al)], al)
		}
		out := []any{}
		for _, name := range sortedKeys(parts) {
			one := map[string]any{"name": name, "count": len(parts[name])}
			if len(by) > 1 {
				one["groupedby"], one["values"] = strings.TrimSpace(by[1]), group(parts[name], by[1:])
			}
			out = append(out, one)
		}
		return out
	}
	return 200, map[string]any{
		"id": c.path + "/current", "name": "current", "type": "Microsoft.AlertsManagement/alertsSummary",
		"properties": map[string]any{"groupedby": strings.TrimSpace(by[0]), "smartGroupsCount": 0, "total": len(all), "values": group(all, by)},
	}, nil
}

// health of a rule, as the resource health of log search alert rules tells it.
func (m *ARM) health(c *armCall, at int) (int, any, error) {
	id := "/" + strings.Join(c.parts[:at], "/")
	if c.part(at+2) != "availabilitystatuses" || c.part(at+3) != "current" || c.r.Method != http.MethodGet {
		return 0, nil, m.nothing(c)
	}
	doc, err := m.State.Get(AlertRuleKind, strings.ToLower(id))
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = refuse(404, "ResourceNotFound", "The Resource '"+id+"' was not found.")
		}
		return 0, nil, err
	}
	r, err := ruleOf(doc)
	if err != nil {
		return 0, nil, err
	}
	st, err := m.Alerts.stateOf(id)
	if err != nil {
		return 0, nil, err
	}
	state, title, text := "Available", "Available", "The rule is evaluated."
	switch {
	case !r.Enabled:
		state, title, text = "Unknown", "Disabled", "The rule is switched off."
	case st.Failed != "":
		state, title, text = "Unavailable", "Failing", st.Failed
	case st.Done.IsZero():
		state, title, text = "Unknown", "Unknown", "The rule was not evaluated yet."
	case st.Note != "":
		state, title, text = "Degraded", "Degraded", st.Note
	}
	props := map[string]any{"availabilityState": state, "title": title, "summary": text, "reasonType": "", "reportedTime": isoTime(m.Clock()), "evaluation": st.json(r)}
	if !st.Since.IsZero() {
		props["occuredTime"] = isoTime(st.Since) // as Azure spells it
	}
	return 200, map[string]any{"id": c.path, "name": "current", "type": "Microsoft.ResourceHealth/AvailabilityStatuses", "properties": props}, nil
}

// json of where a rule stands.
func (st *ruleState) json(r *alertRule) map[string]any {
	out := map[string]any{"failures": st.Failures, "missed": st.Missed, "openAlerts": len(st.openAlerts()), "durationMs": st.TookMS}
	if !st.Done.IsZero() {
		out["last"] = isoTime(st.Done)
		out["next"] = isoTime(st.Done.Add(r.Frequency))
	}
	return out
}

// openAlerts of the rule, by their ids.
func (st *ruleState) openAlerts() []string {
	var out []string
	for _, key := range sortedKeys(st.Open) {
		if id := st.Open[key].Alert; id != "" && st.Open[key].Muted.IsZero() {
			out = append(out, id)
		}
	}
	return out
}

// RuleStatus is a rule as an overview shows it.
type RuleStatus struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Enabled  bool   `json:"enabled"`
	Severity int    `json:"severity"`
	Every    string `json:"evaluationFrequency"`
	Open     int    `json:"openAlerts"`
	Last     string `json:"lastEvaluation,omitempty"`
	Failed   string `json:"failed,omitempty"`
	Note     string `json:"note,omitempty"`
}

// Rules of all subscriptions and where they stand, by id.
func (a *Alerts) Rules() ([]RuleStatus, error) {
	docs, err := a.State.List(AlertRuleKind, "")
	if err != nil {
		return nil, err
	}
	out := []RuleStatus{}
	for _, d := range docs {
		r, err := ruleOf(d)
		if err != nil { // as a program that knew other rules left it
			out = append(out, RuleStatus{ID: d.ID, Name: nameOf(d.ID), Enabled: true, Failed: "the rule cannot be read: " + err.Error()})
			continue
		}
		st, err := a.stateOf(d.ID)
		if err != nil {
			return nil, err
		}
		s := RuleStatus{ID: r.ID, Name: r.name(), Enabled: r.Enabled, Severity: r.Severity, Every: isoDuration(r.Frequency), Open: len(st.openAlerts()), Failed: st.Failed, Note: st.Note}
		if !st.Done.IsZero() {
			s.Last = isoTime(st.Done)
		}
		out = append(out, s)
	}
	return out, nil
}

// AlertCounts are figures for whoever watches the server.
type AlertCounts struct {
	Working, Failing int // rules that are on
	Open             int // alerts
	Waiting          int // notifications
}

// CountAlerts by what the state says.
func CountAlerts(db *state.DB) (n AlertCounts, err error) {
	states, err := db.List(alertStateKind, "")
	if err != nil {
		return n, err
	}
	for _, d := range states {
		var st ruleState
		if err := d.Decode(&st); err != nil {
			return n, err
		}
		if st.Failed != "" {
			n.Failing++
		} else {
			n.Working++
		}
		n.Open += len(st.openAlerts())
	}
	notes, err := db.List(alertOutboxKind, "")
	n.Waiting = len(notes)
	return n, err
}

// previewRule answers what a rule would have done over a while, by the rows that are
// there now.
//
// Source: the published definition of Microsoft.AlertsManagement/previewAlertRule.
func (m *ARM) previewRule(c *armCall) (int, any, error) {
	var body struct {
		Properties struct {
			Timespan string          `json:"timespan"`
			Rule     json.RawMessage `json:"scheduledQueryRuleProperties"`
		} `json:"properties"`
	}
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	var r resource
	if err := json.Unmarshal(body.Properties.Rule, &r); err != nil {
		return 0, nil, badRule("scheduledQueryRuleProperties is no rule: %v", err)
	}
	r.ID = cmp.Or(r.ID, "/previewed/rule")
	rule, err := parseAlertRule(r)
	if err != nil {
		return 0, nil, err
	}
	out, err := m.Alerts.preview(c.ctx, m.Places, rule, body.Properties.Timespan, nameOfApp(c.r))
	if err != nil {
		return 0, nil, err
	}
	return 200, map[string]any{"rulePreviewResults": out}, nil
}
