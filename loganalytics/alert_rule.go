package loganalytics

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// AlertRuleKind of documents: scheduled query rules, by resource id in lower case.
const AlertRuleKind = "scheduledQueryRule"

// alertRule is what the properties of a scheduled query rule say, with the defaults
// filled in.
//
// Source: the published definition of Microsoft.Insights/scheduledQueryRules,
// 2021-08-01 to 2025-01-01-preview; limits from the documentation of log search
// alerts.
type alertRule struct {
	resource
	Display     string
	Description string
	Severity    int
	Enabled     bool
	Scope       string // the resource whose rows it asks
	Frequency   time.Duration
	Window      time.Duration
	WindowText  string
	Range       time.Duration // of the query: the windows together, unless overridden
	Condition   condition
	Stateful    bool
	ResolveIn   time.Duration // not met for so long, a stateful alert is resolved
	Mute        time.Duration
	Groups      []string // action groups, as they were spelled
	Custom      map[string]string
	Targets     []string // resource types
	SkipCheck   bool     // of the query, when the rule is saved
}

// condition of a rule.
type condition struct {
	Query       string
	Aggregation string
	Measure     string // column; "" counts rows
	ResourceID  string // column; "" the alert is about the scope
	Dimensions  []dimension
	Operator    string
	Threshold   float64
	Periods     int // that are looked at
	Failing     int // of them, so many must fail
}

// dimension splits by a column, and filters.
type dimension struct {
	Name     string   `json:"name"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

// all values, rather than a list.
func (d dimension) all() bool {
	return d.Operator == "Include" && slices.Contains(d.Values, "*")
}

// alertRuleProps are the properties as they come.
type alertRuleProps struct {
	DisplayName string   `json:"displayName"`
	Description string   `json:"description"`
	Severity    *float64 `json:"severity"`
	Enabled     *bool    `json:"enabled"`
	Scopes      []string `json:"scopes"`
	Frequency   string   `json:"evaluationFrequency"`
	Window      string   `json:"windowSize"`
	Override    string   `json:"overrideQueryTimeRange"`
	Targets     []string `json:"targetResourceTypes"`
	Criteria    struct {
		AllOf []struct {
			Type        string      `json:"criterionType"`
			Query       string      `json:"query"`
			Aggregation string      `json:"timeAggregation"`
			Measure     string      `json:"metricMeasureColumn"`
			ResourceID  string      `json:"resourceIdColumn"`
			Dimensions  []dimension `json:"dimensions"`
			Operator    string      `json:"operator"`
			Threshold   *float64    `json:"threshold"`
			Failing     *struct {
				Periods *int `json:"numberOfEvaluationPeriods"`
				Min     *int `json:"minFailingPeriodsToAlert"`
			} `json:"failingPeriods"`
		} `json:"allOf"`
	} `json:"criteria"`
	AutoMitigate *bool  `json:"autoMitigate"`
	Mute         string `json:"muteActionsDuration"`
	Actions      struct {
		Groups []string          `json:"actionGroups"`
		Custom map[string]string `json:"customProperties"`
	} `json:"actions"`
	SkipCheck bool `json:"skipQueryValidation"`
	Resolve   *struct {
		Auto *bool  `json:"autoResolved"`
		In   string `json:"timeToResolve"`
	} `json:"resolveConfiguration"`
}

// Limits of a rule.
const (
	maxDimensions = 6
	maxPeriods    = 6
	maxRuleQuery  = 64 << 10 // bytes
	maxGroups     = 5
)

var (
	frequencies = minutes(1, 5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440)
	windows     = minutes(1, 5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440, 2880)
	ranges      = minutes(5, 10, 15, 20, 30, 45, 60, 120, 180, 240, 300, 360, 1440, 2880)
	mutes       = minutes(5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440, 2880)

	aggregations = []string{"Count", "Average", "Minimum", "Maximum", "Total"}
	operators    = []string{"Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"}
)

// scopePath is what a resource id begins with.
var scopePath = regexp.MustCompile(`^(?i:/subscriptions/)[^/]`)

const longestRange = 48 * time.Hour

func minutes(ns ...int) []time.Duration {
	out := make([]time.Duration, len(ns))
	for i, n := range ns {
		out[i] = time.Duration(n) * time.Minute
	}
	return out
}

// isoDuration as rules write them: PT5M, PT1H, P1D.
func isoDuration(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("P%dD", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("PT%dH", d/time.Hour)
	}
	return fmt.Sprintf("PT%dM", d/time.Minute)
}

// badRule is the refusal of a rule.
func badRule(format string, args ...any) error {
	return refuse(400, "BadRequest", fault.New(fault.Invalid, format, args...).Error())
}

// oneOf the durations that work.
func oneOfDurations(name, text string, of []time.Duration) (time.Duration, error) {
	ticks, ok := ParseDuration(text)
	d := time.Duration(ticks) * 100
	if ok && ticks < int64(1<<62)/100 && slices.Contains(of, d) {
		return d, nil
	}
	var work []string
	for _, w := range of {
		work = append(work, isoDuration(w))
	}
	return 0, badRule("%s is %q; %s work", name, text, strings.Join(work, ", "))
}

// named finds a word among those that are known, however it is written.
func named(name, text string, of []string) (string, error) {
	for _, w := range of {
		if strings.EqualFold(w, text) {
			return w, nil
		}
	}
	return "", badRule("%s is %q; %s work", name, text, strings.Join(of, ", "))
}

// parseAlertRule reads a rule and says what is wrong with it, as far as that can be
// said without asking the workspace.
func parseAlertRule(r resource) (*alertRule, error) {
	var p alertRuleProps
	if err := json.Unmarshal(r.Props, &p); err != nil {
		return nil, badRule("the rule's properties are not what they should be: %s", jsonReason(err))
	}
	switch strings.ToLower(r.Kind) {
	case "", "logalert":
	default:
		return nil, badRule("kind is %q; LogAlert works: there are no metrics here, and no rules for single rows", r.Kind)
	}
	a := &alertRule{resource: r, Display: p.DisplayName, Description: p.Description, WindowText: p.Window, Groups: p.Actions.Groups, Custom: p.Actions.Custom, Targets: p.Targets, SkipCheck: p.SkipCheck}
	if a.Display == "" {
		a.Display = r.name()
	}
	switch {
	case p.Enabled == nil:
		return nil, badRule("enabled is missing; true and false work")
	case p.Severity == nil || *p.Severity != float64(int(*p.Severity)) || *p.Severity < 0 || *p.Severity > 4:
		return nil, badRule("severity is missing or none; 0 (critical) to 4 (verbose) work")
	case len(p.Scopes) != 1 || !strings.HasPrefix(p.Scopes[0], "/"):
		return nil, badRule("scopes has %d entries; one works, the resource id of a workspace or of a resource whose rows a workspace holds", len(p.Scopes))
	case len(p.Criteria.AllOf) != 1:
		return nil, badRule("criteria.allOf has %d conditions; one works", len(p.Criteria.AllOf))
	case len(a.Groups) > maxGroups:
		return nil, badRule("actions.actionGroups has %d entries; %d work", len(a.Groups), maxGroups)
	}
	a.Enabled, a.Severity, a.Scope = *p.Enabled, int(*p.Severity), p.Scopes[0]
	var err error
	if a.Frequency, err = oneOfDurations("evaluationFrequency", p.Frequency, frequencies); err != nil {
		return nil, err
	}
	if a.Window, err = oneOfDurations("windowSize", p.Window, windows); err != nil {
		return nil, err
	}
	if err := a.parseCondition(&p); err != nil {
		return nil, err
	}
	return a, a.parseTimes(&p)
}

func (a *alertRule) parseCondition(p *alertRuleProps) (err error) {
	in, c := p.Criteria.AllOf[0], &a.Condition
	if in.Type != "" && !strings.EqualFold(in.Type, "StaticThresholdCriterion") {
		return badRule("criterionType is %q; StaticThresholdCriterion works", in.Type)
	}
	switch c.Query = in.Query; {
	case strings.TrimSpace(in.Query) == "":
		return badRule("the condition has no query")
	case len(in.Query) > maxRuleQuery:
		return badRule("the query has %d bytes; %d work", len(in.Query), maxRuleQuery)
	case in.Threshold == nil:
		return badRule("the condition has no threshold")
	}
	c.Threshold, c.Measure, c.ResourceID = *in.Threshold, in.Measure, in.ResourceID
	if c.Aggregation, err = named("timeAggregation", in.Aggregation, aggregations); err != nil {
		return err
	}
	if c.Operator, err = named("operator", in.Operator, operators); err != nil {
		return err
	}
	if c.Aggregation != "Count" && c.Measure == "" {
		return badRule("timeAggregation %s needs a metricMeasureColumn; Count without one counts the rows", c.Aggregation)
	}
	if len(in.Dimensions) > maxDimensions {
		return badRule("the condition has %d dimensions; %d work", len(in.Dimensions), maxDimensions)
	}
	seen := map[string]bool{}
	for _, d := range in.Dimensions {
		if d.Operator, err = named("the operator of dimension "+d.Name, d.Operator, []string{"Include", "Exclude"}); err != nil {
			return err
		}
		switch {
		case d.Name == "":
			return badRule("a dimension has no name, which is that of a column")
		case seen[d.Name]:
			return badRule("the dimension %s is there twice", d.Name)
		case len(d.Values) == 0:
			return badRule("the dimension %s has no values; [\"*\"] is all of them", d.Name)
		case d.Operator == "Exclude" && slices.Contains(d.Values, "*"):
			return badRule("the dimension %s excludes all values", d.Name)
		}
		seen[d.Name] = true
		c.Dimensions = append(c.Dimensions, d)
	}
	c.Periods, c.Failing = 1, 1
	if f := in.Failing; f != nil {
		if f.Periods != nil {
			c.Periods = *f.Periods
		}
		if f.Min != nil {
			c.Failing = *f.Min
		}
	}
	switch {
	case c.Periods < 1 || c.Periods > maxPeriods:
		return badRule("numberOfEvaluationPeriods is %d; 1 to %d work", c.Periods, maxPeriods)
	case c.Failing < 1 || c.Failing > c.Periods:
		return badRule("minFailingPeriodsToAlert is %d; 1 to numberOfEvaluationPeriods (%d) work", c.Failing, c.Periods)
	}
	return nil
}

func (a *alertRule) parseTimes(p *alertRuleProps) (err error) {
	a.Range = a.Window * time.Duration(a.Condition.Periods)
	if a.Range > longestRange {
		return badRule("windowSize times numberOfEvaluationPeriods is %s; two days work", a.Range)
	}
	if p.Override != "" {
		least := a.Range
		if a.Range, err = oneOfDurations("overrideQueryTimeRange", p.Override, ranges); err != nil {
			return err
		}
		if a.Range < least {
			return badRule("overrideQueryTimeRange is %s, shorter than windowSize times numberOfEvaluationPeriods", p.Override)
		}
	}
	if a.Frequency > a.Range {
		return badRule("evaluationFrequency is %s, and the query looks back %s: what lies between would never be seen", p.Frequency, isoDuration(a.Range))
	}
	a.Stateful = p.AutoMitigate == nil || *p.AutoMitigate
	a.ResolveIn = resolveIn(a.Frequency)
	if r := p.Resolve; r != nil {
		if r.Auto != nil {
			if p.AutoMitigate != nil && *p.AutoMitigate != *r.Auto {
				return badRule("autoMitigate is %t and resolveConfiguration.autoResolved %t", *p.AutoMitigate, *r.Auto)
			}
			a.Stateful = *r.Auto
		}
		if r.In != "" {
			ticks, ok := ParseDuration(r.In)
			if a.ResolveIn = time.Duration(ticks) * 100; !ok || a.ResolveIn < a.Frequency || ticks > 2*table.TicksPerDay {
				return badRule("resolveConfiguration.timeToResolve is %q; evaluationFrequency to P2D work", r.In)
			}
		}
	}
	if p.Mute != "" {
		if a.Stateful {
			return badRule("muteActionsDuration is for rules whose autoMitigate is false: an alert that is resolved by itself acts once")
		}
		a.Mute, err = oneOfDurations("muteActionsDuration", p.Mute, mutes)
	}
	return err
}

// resolveIn says how long a condition has not been met when its alert is resolved.
//
// Source: documentation of stateful log search alerts.
func resolveIn(every time.Duration) time.Duration {
	switch {
	case every < 5*time.Minute:
		return 10 * time.Minute
	case every <= 15*time.Minute:
		return 3 * every
	case every < 11*time.Hour:
		return 2 * every
	}
	return every
}

// fingerprint of what the alerts of a rule stand on: where it changes they are over.
func (a *alertRule) fingerprint() string {
	text, err := json.Marshal([]any{a.Scope, a.Frequency, a.Window, a.Range, a.Condition, a.Stateful})
	if err != nil {
		panic("loganalytics: " + err.Error()) // texts and numbers, none of them NaN: they came as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// alertRules are the scheduled query rules as resources.
func (m *ARM) alertRules() *collection {
	return &collection{m: m, kind: AlertRuleKind, typ: "microsoft.insights/scheduledqueryrules", check: m.checkAlertRule, patch: true, signed: true, show: showAlertRule, changed: m.Alerts.Wake}
}

// checkAlertRule says what is wrong with a rule, and fills in the defaults that
// Azure's answers show.
func (m *ARM) checkAlertRule(c *armCall, r *resource) error {
	a, err := parseAlertRule(*r)
	if err != nil {
		return err
	}
	for _, id := range a.Groups {
		_, err := m.Alerts.group(id)
		if err == nil && m.Mine != nil && !m.Mine(id) {
			err = errNoGroup // another's is as one that is not there
		}
		if err != nil {
			return badRule("the action group %s: %v", id, err)
		}
	}
	if !scopePath.MatchString(a.Scope) {
		return badRule("scopes has %q, which is no resource id: /subscriptions/… of a workspace, or of a resource whose rows a workspace holds, works", a.Scope)
	}
	place, err := m.Places.Workspace(a.Scope)
	if err != nil {
		return badRule("the scope %s: %v", a.Scope, err)
	}
	if !a.SkipCheck {
		if err := a.checkQuery(c.ctx, place, m.Clock()); err != nil {
			return err
		}
	}
	props := map[string]any{}
	if err := json.Unmarshal(r.Props, &props); err != nil {
		return err
	}
	fill := map[string]any{"displayName": a.Display, "autoMitigate": a.Stateful, "createdWithApiVersion": c.version, "skipQueryValidation": a.SkipCheck, "checkWorkspaceAlertsStorageConfigured": false}
	for name, v := range fill {
		if _, ok := props[name]; !ok {
			props[name] = v
		}
	}
	r.Props = appendJSON(nil, props)
	if r.Kind == "" {
		r.Kind = "LogAlert"
	}
	return nil
}

func showAlertRule(_ *armCall, _ resource, props map[string]any) {
	props["isLegacyLogAnalyticsRule"], props["isWorkspaceAlertsStorageConfigured"] = false, false
}

// alertQuery parts that the rule adds have names that no column has.
const (
	measureColumn  = "_measure"
	periodColumn   = "_period"
	resourceColumn = "_resource"
)

func dimensionColumn(i int) string { return fmt.Sprintf("_dimension%d", i) }

// column as KQL names it, whatever it is called.
func column(name string) string { return "[" + kqlText(name) + "]" }

// kqlText is a literal of KQL.
func kqlText(s string) string { return string(table.AppendQuoted(nil, s)) }

// text of the query that gives one number for each period and combination of
// dimensions, for an evaluation at an instant.
func (a *alertRule) text(at time.Time) (string, error) {
	c := a.Condition
	var b strings.Builder
	ticks, ok := table.TicksOf(at)
	if !ok {
		return "", fault.New(fault.Invalid, "%s is not a time that can be asked about", at)
	}
	by := []string{}
	if c.Periods > 1 {
		from, _ := table.TicksOf(at.Add(-a.Window * time.Duration(c.Periods)))
		fmt.Fprintf(&b, "| where TimeGenerated >= datetime(%s) and TimeGenerated < datetime(%s)\n", table.FormatDateTime(from), table.FormatDateTime(ticks))
		by = append(by, fmt.Sprintf("%s = bin_at(TimeGenerated, %dm, datetime(%s))", periodColumn, int(a.Window.Minutes()), table.FormatDateTime(ticks)))
	}
	for i, d := range c.Dimensions {
		b.WriteString(d.filter())
		by = append(by, fmt.Sprintf("%s = tostring(%s)", dimensionColumn(i), column(d.Name)))
	}
	if c.ResourceID != "" {
		by = append(by, fmt.Sprintf("%s = tostring(%s)", resourceColumn, column(c.ResourceID)))
	}
	fmt.Fprintf(&b, "| summarize %s = %s", measureColumn, c.aggregate())
	if len(by) > 0 {
		b.WriteString(" by " + strings.Join(by, ", "))
	}
	return query.Then(c.Query, b.String())
}

// filter of a dimension as an operator; "" for all values.
func (d dimension) filter() string {
	if d.all() {
		return ""
	}
	var values []string
	for _, v := range d.Values {
		values = append(values, kqlText(v))
	}
	in := "in"
	if d.Operator == "Exclude" {
		in = "!in"
	}
	return fmt.Sprintf("| where tostring(%s) %s (%s)\n", column(d.Name), in, strings.Join(values, ", "))
}

func (c condition) aggregate() string {
	m := column(c.Measure)
	switch c.Aggregation {
	case "Average":
		return "avg(" + m + ")"
	case "Minimum":
		return "min(" + m + ")"
	case "Maximum":
		return "max(" + m + ")"
	case "Total":
		return "sum(" + m + ")"
	}
	if c.Measure == "" {
		return "count()"
	}
	return "countif(isnotnull(" + m + "))"
}

// met says whether a number is beyond the threshold.
func (c condition) met(v float64) bool {
	switch c.Operator {
	case "Equals":
		return v == c.Threshold
	case "GreaterThan":
		return v > c.Threshold
	case "GreaterThanOrEqual":
		return v >= c.Threshold
	case "LessThan":
		return v < c.Threshold
	}
	return v <= c.Threshold
}

// customOf a rule, never nil.
func (a *alertRule) customOf() map[string]string {
	if a.Custom == nil {
		return map[string]string{}
	}
	return maps.Clone(a.Custom)
}
