package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"sextant/client"
	"sextant/fault"
	"sextant/loganalytics"
	"sextant/server"
)

// AlertCmd groups the commands about alert rules.
type AlertCmd struct {
	List  AlertListCmd  `cmd:"" help:"List the alert rules and where they stand."`
	Show  AlertShowCmd  `cmd:"" help:"Show one rule, how its evaluations go, and its alerts of the last 30 days."`
	Adopt AlertAdoptCmd `cmd:"" help:"Write a rule again as it is: it reads what you may read from then on."`
	Test  AlertTestCmd  `cmd:"" help:"Run a rule against the data, at an instant or over a while, and print what would have fired."`
}

// alertVersion is the api-version that these commands speak.
const alertVersion = "api-version=2023-12-01"

// managing is a client of whatever holds the data: a server, or one in this process
// over a folder that none holds.
func (a *app) managing(do func(c *client.Client) error) error {
	b, err := a.open(false)
	if err != nil {
		return err
	}
	c, err := a.managed(b)
	if err == nil {
		err = do(c)
	}
	return errors.Join(err, b.Close())
}

func (a *app) managed(b backend) (*client.Client, error) {
	switch b := b.(type) {
	case *remote:
		return b.c, nil
	case *local:
		if err := b.node.CatchUp(a.ctx); err != nil {
			return nil, err
		}
		token := rand.Text() // of this command alone
		accounts, err := a.accounts(b.node, token)
		if err != nil {
			return nil, err
		}
		s, err := server.New(server.Options{Node: b.node, Engine: b.engine, Accounts: accounts, Logger: a.logger, Clock: a.clock, Version: version})
		if err != nil {
			return nil, err
		}
		return client.Inside(s.Handler(), token)
	}
	return nil, fault.New(fault.Internal, "a backend that cannot be managed")
}

// AlertListCmd lists rules.
type AlertListCmd struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print them: table, or json (an array of objects)."`
}

// Help is shown behind the flags.
func (AlertListCmd) Help() string {
	return `Rules are made through the management paths, as Azure's are: PUT
/subscriptions/SUB/resourceGroups/GROUP/providers/Microsoft.Insights/scheduledQueryRules/NAME; docs/alerts.md has one to begin with.

  sextant alert list --data DIR`
}

// Run it.
func (c *AlertListCmd) Run(a *app) error {
	return a.managing(func(cl *client.Client) error {
		rules, err := rulesOf(a, cl)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return a.printJSON(rules)
		}
		if len(rules) == 0 {
			fmt.Fprintln(a.err, "there are no alert rules; `sextant alert list --help` says how to make one")
			return nil
		}
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "rule\tseverity\tevery\topen\tlast evaluation\tstate")
		for _, r := range rules {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\n", r.Name, r.Severity, r.Every, r.Open, cmp.Or(r.Last, "-"), stateOf(r))
		}
		return w.Flush()
	})
}

// stateOf a rule in a word or a sentence.
func stateOf(r loganalytics.RuleStatus) string {
	switch {
	case !r.Enabled:
		return "off"
	case r.Failed != "":
		return "fails: " + unbroken(r.Failed)
	case r.Note != "":
		return unbroken(r.Note)
	case r.Last == "":
		return "not evaluated yet"
	}
	return "fine"
}

func unbroken(s string) string { return strings.Join(strings.Fields(s), " ") }

func rulesOf(a *app, c *client.Client) ([]loganalytics.RuleStatus, error) {
	var out struct{ Value []loganalytics.RuleStatus }
	err := c.JSON(a.ctx, http.MethodGet, "/v1/alertrules", nil, &out)
	return out.Value, err
}

// findRule by its name or its resource id.
func findRule(a *app, c *client.Client, name string) (loganalytics.RuleStatus, error) {
	rules, err := rulesOf(a, c)
	if err != nil {
		return loganalytics.RuleStatus{}, err
	}
	var found []loganalytics.RuleStatus
	var names []string
	for _, r := range rules {
		names = append(names, r.Name)
		if strings.EqualFold(r.Name, name) || strings.EqualFold(r.ID, name) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if len(names) == 0 {
			return loganalytics.RuleStatus{}, fault.New(fault.NotFound, "there is no alert rule %q, nor any other; a file with one can be given too", name)
		}
		return loganalytics.RuleStatus{}, fault.New(fault.NotFound, "there is no alert rule %q; there are %s", name, strings.Join(names, ", "))
	}
	var ids []string
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	return loganalytics.RuleStatus{}, fault.New(fault.Invalid, "%d rules are called %q; give one of %s", len(found), name, strings.Join(ids, ", "))
}

// printJSON of a value, for programs.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// AlertShowCmd shows a rule.
type AlertShowCmd struct {
	Rule   string `arg:"" help:"Name or resource id of the rule."`
	Output string `short:"o" enum:"text,json" default:"text" help:"How to print it: text, or json (an object with rule, health and alerts)."`
}

// Run it.
func (c *AlertShowCmd) Run(a *app) error {
	return a.managing(func(cl *client.Client) error {
		r, err := findRule(a, cl, c.Rule)
		if err != nil {
			return err
		}
		var all struct {
			Rule   json.RawMessage `json:"rule"`
			Health json.RawMessage `json:"health"`
			Alerts json.RawMessage `json:"alerts"`
		}
		sub, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(r.ID), "/subscriptions/"), "/")
		var list struct{ Value json.RawMessage }
		err = errors.Join(
			cl.JSON(a.ctx, http.MethodGet, pathOf(r.ID)+"?"+alertVersion, nil, &all.Rule),
			cl.JSON(a.ctx, http.MethodGet, pathOf(r.ID)+"/providers/Microsoft.ResourceHealth/availabilityStatuses/current?"+alertVersion, nil, &all.Health),
			cl.JSON(a.ctx, http.MethodGet, "/subscriptions/"+url.PathEscape(sub)+"/providers/Microsoft.AlertsManagement/alerts?"+alertVersion+"&timeRange=30d&pageCount=250&includeContext=true&alertRule="+url.QueryEscape(r.ID), nil, &list),
		)
		if err != nil {
			return err
		}
		all.Alerts = list.Value
		if c.Output == "json" {
			return a.printJSON(all)
		}
		return a.showRule(r, all.Rule, all.Health, all.Alerts)
	})
}

// pathOf a resource id, escaped.
func pathOf(id string) string { return (&url.URL{Path: id}).EscapedPath() }

// ruleText is what show prints of a rule.
type ruleText struct {
	ID         string
	Properties struct {
		Description string
		Frequency   string `json:"evaluationFrequency"`
		Window      string `json:"windowSize"`
		Criteria    struct {
			AllOf []struct {
				Query, Operator string
				Threshold       float64
				Aggregation     string `json:"timeAggregation"`
				Measure         string `json:"metricMeasureColumn"`
				Dimensions      []struct{ Name string }
			}
		}
		Actions struct{ ActionGroups []string }
	}
}

// alertText is what show prints of an alert.
type alertText struct {
	ID         string
	Properties struct {
		Essentials struct{ StartDateTime, MonitorCondition, AlertState, MonitorConditionResolvedDateTime string }
		Context    struct {
			Condition struct {
				AllOf []struct {
					MetricValue *float64
					Dimensions  []dimensionText
				}
			}
		}
	}
}

type dimensionText struct{ Name, Value string }

func dimensionsOf(ds []dimensionText) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Name+"="+unbroken(d.Value))
	}
	return cmp.Or(strings.Join(out, " "), "-")
}

func (a *app) showRule(r loganalytics.RuleStatus, rule, health, alerts json.RawMessage) error {
	var rt ruleText
	var ht struct {
		Properties struct {
			Summary    string
			Evaluation struct {
				Last, Next       string
				Missed, Failures int
			}
		}
	}
	var at []alertText
	if err := errors.Join(json.Unmarshal(rule, &rt), json.Unmarshal(health, &ht), json.Unmarshal(alerts, &at)); err != nil {
		return fault.New(fault.Unavailable, "the answer is not what was expected: %w", err)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	p := rt.Properties
	line("rule", rt.ID)
	line("", p.Description)
	line("state", stateOf(r))
	line("every", p.Frequency+" over "+p.Window)
	for _, c := range p.Criteria.AllOf {
		measure := c.Aggregation
		if c.Measure != "" {
			measure += " of " + c.Measure
		}
		line("condition", fmt.Sprintf("%s %s %g", measure, c.Operator, c.Threshold))
		for _, d := range c.Dimensions {
			line("split by", d.Name)
		}
	}
	for _, g := range p.Actions.ActionGroups {
		line("tells", g)
	}
	e := ht.Properties.Evaluation
	line("last", e.Last)
	line("next", e.Next)
	if e.Missed > 0 {
		line("missed", fmt.Sprintf("%d evaluations, while no server ran", e.Missed))
	}
	if e.Failures > 0 {
		line("failures", fmt.Sprintf("%d in a row", e.Failures))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, c := range p.Criteria.AllOf {
		fmt.Fprintf(a.out, "\n%s\n", c.Query)
	}
	if len(at) == 0 {
		fmt.Fprintln(a.out, "\nno alerts in the last 30 days")
		return nil
	}
	fmt.Fprintln(a.out)
	w = tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fired\tcondition\tstate\tvalue\tdimensions\talert")
	for _, x := range at {
		value, dims := "-", "-"
		for _, c := range x.Properties.Context.Condition.AllOf {
			if dims = dimensionsOf(c.Dimensions); c.MetricValue != nil {
				value = fmt.Sprintf("%g", *c.MetricValue)
			}
		}
		e := x.Properties.Essentials
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.StartDateTime, e.MonitorCondition, e.AlertState, value, dims, x.ID[strings.LastIndexByte(x.ID, '/')+1:])
	}
	return w.Flush()
}

// AlertTestCmd tries a rule out.
type AlertTestCmd struct {
	Rule     string `arg:"" help:"Name or resource id of a rule, or a file with one as JSON."`
	At       string `placeholder:"TIME" help:"The instant of one evaluation: 2026-01-02T03:05:00Z, 2026-01-02 03:05, 2026-01-02. Now by default."`
	Timespan string `placeholder:"P1D" help:"Evaluate at each of the rule's instants over a while instead: P1D, 2026-01-01/2026-01-08."`
	All      bool   `help:"Print evaluations that come to nothing too."`
	Output   string `short:"o" enum:"text,json" default:"text" help:"How to print it: text, or json, as Azure's previewAlertRule answers."`
}

// Help is shown behind the flags.
func (AlertTestCmd) Help() string {
	return `The rule is evaluated on the rows that are there now, as it would have been then: inside its query now() is the
instant of the evaluation. Nothing is kept, and nobody is told. A file needs no scopes where there is one tenant.

  sextant alert test --data DIR TooManyFailures --at 2026-01-02T03:05:00Z
  sextant alert test --data DIR rule.json --timespan P7D

with rule.json such as

  {"properties": {"severity": 2, "enabled": true, "evaluationFrequency": "PT5M", "windowSize": "PT15M",
    "criteria": {"allOf": [{"query": "SigninLogs | where ResultType == 50126", "timeAggregation": "Count",
      "operator": "GreaterThan", "threshold": 10,
      "dimensions": [{"name": "UserPrincipalName", "operator": "Include", "values": ["*"]}]}]}}}`
}

// previewText is the answer of previewAlertRule.
type previewText struct {
	Results []struct {
		Dimensions  []dimensionText `json:"dimensionCombination"`
		Evaluations []struct {
			At      string `json:"evaluationTime"`
			State   string `json:"alertState"`
			Periods []struct {
				Value *float64 `json:"metricValue"`
			} `json:"evaluatedPeriods"`
		}
	} `json:"rulePreviewResults"`
}

// Run it.
func (c *AlertTestCmd) Run(a *app) error {
	span := c.Timespan
	switch {
	case span != "" && c.At != "":
		return fault.New(fault.Invalid, "--at is one evaluation, and --timespan many: give one of them")
	case span == "":
		at := cmp.Or(strings.Replace(strings.TrimSpace(c.At), " ", "T", 1), a.clock().UTC().Format(time.RFC3339))
		if _, _, err := loganalytics.ParseTimespan(at+"/"+at, a.clock()); err != nil {
			return fault.New(fault.Invalid, "--at %s is no time; 2026-01-02T03:05:00Z is", c.At)
		}
		span = at + "/" + at
	}
	return a.managing(func(cl *client.Client) error {
		rule, err := c.rule(a, cl)
		if err != nil {
			return err
		}
		scope := "/subscriptions/test"
		body := map[string]any{"location": "local", "properties": map[string]any{"timespan": span, "scheduledQueryRuleProperties": rule}}
		var raw json.RawMessage
		if err := cl.JSON(a.ctx, http.MethodPost, scope+"/providers/Microsoft.AlertsManagement/previewAlertRule?"+alertVersion, body, &raw); err != nil {
			return err
		}
		if c.Output == "json" {
			return a.printJSON(raw)
		}
		return c.print(a, raw)
	})
}

// rule that is asked for, as JSON.
func (c *AlertTestCmd) rule(a *app, cl *client.Client) (any, error) {
	text, err := os.ReadFile(c.Rule)
	if err != nil {
		if strings.HasSuffix(c.Rule, ".json") {
			return nil, fault.New(fault.Invalid, "cannot read the rule: %w", err)
		}
		r, err := findRule(a, cl, c.Rule)
		if err != nil {
			return nil, err
		}
		var rule map[string]any
		err = cl.JSON(a.ctx, http.MethodGet, pathOf(r.ID)+"?"+alertVersion, nil, &rule)
		return rule, err
	}
	var rule map[string]any
	if err := json.Unmarshal(text, &rule); err != nil {
		return nil, fault.New(fault.Invalid, "%s is no JSON object: %w", c.Rule, err)
	}
	props, _ := rule["properties"].(map[string]any)
	if props == nil {
		return nil, fault.New(fault.Invalid, "%s has no properties; `sextant alert test --help` shows a rule", c.Rule)
	}
	if props["scopes"] == nil {
		id, err := onlyWorkspace(a, cl)
		if err != nil {
			return nil, err
		}
		props["scopes"] = []string{id}
	}
	return rule, nil
}

// onlyWorkspace is the one that --tenant names, or the only one there is.
func onlyWorkspace(a *app, cl *client.Client) (string, error) {
	var tenants struct{ Value []server.TenantInfo }
	if err := cl.JSON(a.ctx, http.MethodGet, "/v1/tenants", nil, &tenants); err != nil {
		return "", err
	}
	var found []string
	for _, t := range tenants.Value {
		if a.conf.Tenant == "" || strings.EqualFold(t.Tenant, a.conf.Tenant) || strings.EqualFold(t.Workspace, a.conf.Tenant) {
			found = append(found, t.Tenant)
		}
	}
	if len(found) != 1 {
		return "", fault.New(fault.Invalid, "the rule has no scopes, and %d tenants could be meant; choose one with --tenant, or give the rule a scope", len(found))
	}
	return "/" + found[0], nil // any name of a workspace is as good as its resource id
}

func (c *AlertTestCmd) print(a *app, raw json.RawMessage) error {
	var p previewText
	if err := json.Unmarshal(raw, &p); err != nil {
		return fault.New(fault.Unavailable, "the answer is not what was expected: %w", err)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "evaluation\tstate\tvalues\tdimensions")
	fired, evaluations := 0, 0
	for _, r := range p.Results {
		for _, e := range r.Evaluations {
			evaluations++
			if e.State == "Fired" {
				fired++
			}
			// One instant is shown whole; of many what nothing came of is left out.
			if e.State == "NoAlert" && !c.All && c.Timespan != "" {
				continue
			}
			var values []string
			for _, v := range e.Periods {
				if v.Value == nil {
					values = append(values, "-")
				} else {
					values = append(values, fmt.Sprintf("%g", *v.Value))
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.At, e.State, cmp.Or(strings.Join(values, " "), "-"), dimensionsOf(r.Dimensions))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "%d alerts would have fired; %d evaluations of %d combinations of dimensions\n", fired, evaluations, len(p.Results))
	return nil
}
