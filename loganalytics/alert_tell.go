package loganalytics

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sextant/fault"
	"sextant/notify"
	"sextant/query"
	"sextant/state"
	"sextant/table"
)

// logReceiver is the log itself, which hears of every alert.
const logReceiver = "log"

// context of an alert: what the condition was, and what was measured.
//
// Source: the common alert schema of log search alerts (Log Alerts V2).
func (r *alertRule) context(s step, at time.Time, base string) json.RawMessage {
	c := r.Condition
	dims := s.inst.Dimensions
	if dims == nil {
		dims = []dimensionValue{}
	}
	all, filtered := r.links(dims, at, base)
	var measured any
	if s.series != nil {
		if v := s.series.last(); v != nil {
			measured = *v
		}
	}
	var targets any
	if len(r.Targets) > 0 {
		targets = "['" + strings.Join(r.Targets, "','") + "']"
	}
	var measure any
	if c.Measure != "" {
		measure = c.Measure
	}
	return appendJSON(nil, map[string]any{
		"properties": r.customOf(), "conditionType": "LogQueryCriteria",
		"condition": map[string]any{
			"windowSize": r.WindowText,
			"allOf": []any{map[string]any{
				"searchQuery": c.Query, "metricMeasureColumn": measure, "targetResourceTypes": targets, "operator": c.Operator, "threshold": table.FormatReal(c.Threshold, false),
				"timeAggregation": c.Aggregation, "dimensions": dims, "metricValue": measured,
				"failingPeriods":        map[string]int{"numberOfEvaluationPeriods": c.Periods, "minFailingPeriodsToAlert": c.Failing},
				"linkToSearchResultsUI": all, "linkToFilteredSearchResultsUI": filtered, "linkToSearchResultsAPI": all, "linkToFilteredSearchResultsAPI": filtered,
			}},
			"windowStartTime": isoTime(at.Add(-r.Range)), "windowEndTime": isoTime(at),
		},
	})
}

// links by which the rows behind an alert can be asked for: all, and those of its
// combination of dimensions.
func (r *alertRule) links(dims []dimensionValue, at time.Time, base string) (all, filtered string) {
	span := isoTime(at.Add(-r.Range)) + "/" + isoTime(at)
	link := func(text string) string {
		return base + "/v1" + (&url.URL{Path: r.Scope}).EscapedPath() + "/query?" + url.Values{"query": {text}, "timespan": {span}}.Encode()
	}
	all = link(r.Condition.Query)
	var where []string
	for _, d := range dims {
		where = append(where, fmt.Sprintf("tostring(%s) == %s", column(d.Name), kqlText(d.Value)))
	}
	if len(where) == 0 {
		return all, all
	}
	text, err := query.Then(r.Condition.Query, "| where "+strings.Join(where, " and "))
	if err != nil {
		return all, all // it was run a moment ago; a link is not worth an alert
	}
	return all, link(text)
}

// isoTime as the common schema writes it.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// payload of an alert in the common schema.
func (al *Alert) payload() json.RawMessage {
	essentials := map[string]any{
		"alertId": al.armID(), "alertRule": al.RuleName, "alertRuleID": al.Rule, "severity": al.severity(), "signalType": "Log", "monitorCondition": al.Condition,
		"monitoringService": monitorService, "targetResourceType": strings.ToLower(typeOf(al.Target)), "alertTargetIDs": []string{strings.ToLower(al.Target)},
		"configurationItems": []string{nameOf(al.Target)}, "originAlertId": al.ID, "firedDateTime": isoTime(al.Fired), "description": al.Description,
		"essentialsVersion": "1.0", "alertContextVersion": "1.0",
	}
	if !al.Resolved.IsZero() {
		essentials["resolvedDateTime"] = isoTime(al.Resolved)
	}
	return appendJSON(nil, map[string]any{"schemaId": "azureMonitorCommonAlertSchema", "data": map[string]any{
		"essentials": essentials, "alertContext": al.Context, "customProperties": al.Custom,
	}})
}

// message of an alert as it is now.
func (al *Alert) message(at time.Time) notify.Message {
	level := []notify.Severity{notify.Critical, notify.Error, notify.Warning, notify.Notice, notify.Info}[al.Severity]
	if al.Condition == resolved {
		level = max(level, notify.Notice)
	}
	return notify.Message{
		ID: al.ID + "-" + strings.ToLower(al.Condition), Time: at, Severity: level, Text: al.text(), Body: al.payload(),
		Subject: fmt.Sprintf("%s: %s %s on %s", al.Condition, al.severity(), al.RuleName, nameOf(al.Target)),
	}
}

// text of an alert for people.
func (al *Alert) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s)\n\n", al.RuleName, al.Condition, al.severity())
	if al.Description != "" {
		b.WriteString(al.Description + "\n\n")
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, value)
		}
	}
	var ctx measuredContext
	line("fired", isoTime(al.Fired))
	if !al.Resolved.IsZero() {
		line("resolved", isoTime(al.Resolved))
	}
	line("on", al.Target)
	for _, d := range al.Dimensions {
		line(d.Name, d.Value)
	}
	if json.Unmarshal(al.Context, &ctx) == nil && len(ctx.Condition.AllOf) == 1 {
		c := ctx.Condition.AllOf[0]
		value := "nothing to measure"
		if c.Value != nil {
			value = table.FormatReal(*c.Value, false)
		}
		line("measured", fmt.Sprintf("%s: %s; the condition is %s %s", c.Aggregation, value, c.Operator, c.Threshold))
		line("window", ctx.Condition.From+" to "+ctx.Condition.To)
		line("rows", c.Link)
		fmt.Fprintf(&b, "\n%s\n", c.Query)
	}
	line("\nalert", al.armID())
	line("rule", al.Rule)
	return b.String()
}

// record of an alert as a subscription's activity log has it: category Alert.
func (al *Alert) record(at time.Time) json.RawMessage {
	verb, status := "Activated", "Activated"
	if al.Condition == resolved {
		verb, status = "Resolved", "Resolved"
	}
	sum := sha256.Sum256([]byte(al.ID + "/" + verb))
	id := hex.EncodeToString(sum[:16])
	return appendJSON(nil, map[string]any{
		"time": isoTime(at), "resourceId": al.Rule, "operationName": "Microsoft.Insights/ScheduledQueryRules/" + verb + "/Action", "category": "Alert",
		"resultType": status, "level": []string{"Critical", "Error", "Warning", "Informational", "Informational"}[al.Severity], "correlationId": al.ID, "tenantId": al.Tenant,
		"properties": map[string]any{
			"eventDataId": id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:], "caller": "Microsoft.Insights/scheduledQueryRules",
			"ruleUri": al.Rule, "ruleName": al.RuleName, "ruleDescription": al.Description, "alertId": al.armID(), "severity": al.severity(), "monitorCondition": al.Condition,
			"targetResource": al.Target, "dimensions": al.Dimensions, "alertContext": al.Context,
		},
	})
}

// notes of an alert that fired or was resolved, for the log and for each receiver of
// the rule's action groups, as changes of the state. What came of the groups goes
// into the alert's history.
func (a *Alerts) notes(r *alertRule, al *Alert, muted bool, at time.Time) ([]state.Change, error) {
	m := al.message(at)
	m.Body = al.record(at)
	changes := []state.Change{a.outbox.Put(notify.Note{About: al.document(), To: notify.Target{Group: al.Tenant, Kind: logReceiver, Receiver: logReceiver}, Message: m}, at)}
	changes = append(changes, a.securityNote(al, at)...)
	m.Body = al.payload()
	for _, id := range r.Groups {
		g, err := a.group(id)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			al.note(at, "ActionsFailed", "The action group is not there.", id)
			continue
		case err != nil:
			return nil, err
		case muted:
			al.Suppressed = true
			al.note(at, "ActionsSuppressed", "The rule's actions are muted.", id)
			continue
		case g.Enabled == nil || !*g.Enabled:
			al.note(at, "ActionsSuppressed", "The action group is switched off.", id)
			continue
		}
		al.note(at, "ActionsTriggered", "The action group was told.", id)
		for _, rc := range g.receivers() {
			n := notify.Note{About: al.document(), To: notify.Target{Group: strings.ToLower(id), Kind: rc.kind, Receiver: rc.name}, Message: m}
			changes = append(changes, a.outbox.Put(n, at))
		}
	}
	return changes, nil
}

// teller is the outbox's view of Alerts.
type teller struct{ *Alerts }

// Destination implements notify.Owner.
func (a teller) Destination(_ context.Context, n notify.Note) (notify.Destination, error) {
	if n.To.Kind == logReceiver {
		return logDestination{a.Alerts, n.To.Group}, nil
	}
	if n.To.Kind == securityReceiver {
		return securityDestination{a.Alerts, n.To.Group}, nil
	}
	g, err := a.group(n.To.Group)
	if err != nil {
		return nil, err
	}
	for _, r := range g.receivers() {
		if r.kind != n.To.Kind || r.name != n.To.Receiver {
			continue
		}
		switch r.kind {
		case emailReceiver:
			return a.Sender.Mailbox(r.uri)
		case webhookReceiver:
			return a.Sender.Webhook(r.uri)
		case syslogReceiver:
			return a.Sender.Syslog(r.uri, r.facility)
		}
	}
	return nil, fault.New(fault.NotFound, "the action group has no receiver %s of kind %s any more", n.To.Receiver, n.To.Kind)
}

// logDestination takes records into the log of a tenant. One that came before is
// known there.
type logDestination struct {
	a      *Alerts
	tenant string
}

func (d logDestination) Send(ctx context.Context, m notify.Message) error {
	return d.a.Append(ctx, d.tenant, []json.RawMessage{m.Body})
}

// Settled implements notify.Owner: the alert's history says what became of a note.
func (a teller) Settled(_ context.Context, n notify.Note, reason error) error {
	if n.To.Kind == logReceiver || n.To.Kind == securityReceiver {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	al, err := a.alert(n.About)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	event, text := "NotificationDelivered", fmt.Sprintf("%s %s was told.", n.To.Kind, n.To.Receiver)
	if reason != nil {
		event, text = "NotificationFailed", fmt.Sprintf("%s %s was not told: %v", n.To.Kind, n.To.Receiver, reason)
	}
	al.note(a.Clock(), event, text, cmp.Or(n.To.Group, n.To.Kind))
	_, err = a.State.Put(AlertKind, n.About, al, "")
	return err
}
