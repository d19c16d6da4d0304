package loganalytics

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"sextant/notify"
	"sextant/state"
	"sextant/table"
)

// securityReceiver takes alerts into the table SecurityAlert.
const securityReceiver = "security"

// measuredContext is what an alert's context says of its condition.
type measuredContext struct {
	Condition struct {
		AllOf []struct {
			Query       string   `json:"searchQuery"`
			Operator    string   `json:"operator"`
			Threshold   string   `json:"threshold"`
			Aggregation string   `json:"timeAggregation"`
			Value       *float64 `json:"metricValue"`
			Link        string   `json:"linkToFilteredSearchResultsAPI"`
		} `json:"allOf"`
		From string `json:"windowStartTime"`
		To   string `json:"windowEndTime"`
	} `json:"condition"`
}

// securityNote takes an alert as it is now to the table SecurityAlert, where Graph and
// queries find it.
func (a *Alerts) securityNote(al *Alert, at time.Time) []state.Change {
	if a.Raise == nil {
		return nil
	}
	status := "New"
	switch {
	case al.Condition == resolved || al.State == "Closed":
		status = "Resolved"
	case al.State == "Acknowledged":
		status = "InProgress"
	}
	return []state.Change{a.outbox.Put(notify.Note{
		About: al.document(), To: notify.Target{Group: al.Tenant, Kind: securityReceiver, Receiver: securityReceiver},
		Message: notify.Message{ID: al.ID + "-" + strings.ToLower(status), Time: at, Severity: notify.Info, Subject: al.RuleName, Body: al.securityAlert(status)},
	}, at)}
}

// securityAlert is the row of SecurityAlert.
//
// Source: the columns of that table and, for the keys and forms of
// ExtendedProperties, rows of scheduled alerts.
func (al *Alert) securityAlert(status string) json.RawMessage {
	more := map[string]string{
		"Alert Rule": al.Rule, "Alert Id": al.armID(), "Severity": al.severity(), "Target Resource": al.Target,
	}
	row := map[string]any{
		"TimeGenerated": isoTime(al.Fired), "ProcessingEndTime": isoTime(al.Fired), "SystemAlertId": al.ID, "VendorOriginalId": al.ID,
		"DisplayName": al.RuleName, "AlertName": al.RuleName, "Description": al.Description, "Status": status,
		"AlertSeverity": []string{"High", "High", "Medium", "Low", "Informational"}[al.Severity], "AlertType": al.Rule,
		"ProviderName": monitorService, "VendorName": "Sextant", "ProductName": "Azure Monitor", "ProductComponentName": "Log search alerts",
		"IsIncident": false, "Tactics": "Unknown", "Entities": string(appendJSON(nil, al.entities())), "SourceSystem": "Detection",
		"WorkspaceSubscriptionId": subscriptionOf(al.Target), "WorkspaceResourceGroup": groupOf(al.Target), "ResourceId": al.Target,
	}
	var ctx measuredContext
	if json.Unmarshal(al.Context, &ctx) == nil && len(ctx.Condition.AllOf) == 1 {
		c := ctx.Condition.AllOf[0]
		row["StartTime"], row["EndTime"], row["AlertLink"] = ctx.Condition.From, ctx.Condition.To, c.Link
		more["Query"], more["Trigger Operator"], more["Trigger Threshold"], more["Time Aggregation"] = c.Query, c.Operator, c.Threshold, c.Aggregation
		more["Query Start Time UTC"], more["Query End Time UTC"] = ctx.Condition.From, ctx.Condition.To
		if c.Value != nil {
			more["Metric Value"] = table.FormatReal(*c.Value, false)
		}
	}
	details := map[string][]string{}
	for _, d := range al.Dimensions {
		details[d.Name] = append(details[d.Name], d.Value)
	}
	for name, value := range al.Custom {
		details[name] = append(details[name], value)
	}
	if len(details) > 0 {
		more["Custom Details"] = string(appendJSON(nil, details))
	}
	switch {
	case !al.Resolved.IsZero():
		more["ResolvedTime"] = isoTime(al.Resolved)
	case status == "Resolved":
		more["ResolvedTime"] = isoTime(al.Modified)
	}
	row["ExtendedProperties"] = string(appendJSON(nil, more))
	return appendJSON(nil, row)
}

// entities that the alert's dimensions name: accounts and addresses.
func (al *Alert) entities() []map[string]string {
	out := []map[string]string{}
	for _, d := range al.Dimensions {
		e := map[string]string{}
		switch strings.ToLower(d.Name) {
		case "userprincipalname", "account", "identity", "user":
			name, suffix, ok := strings.Cut(d.Value, "@")
			if !ok {
				continue
			}
			e["Name"], e["UPNSuffix"], e["Type"] = name, suffix, "account"
		case "userid", "aaduserid":
			e["AadUserId"], e["Type"] = d.Value, "account"
		case "ipaddress", "calleripaddress", "clientip", "clientipaddress":
			e["Address"], e["Type"] = d.Value, "ip"
		default:
			continue
		}
		if d.Value != "" {
			out = append(out, e)
		}
	}
	return out
}

// securityDestination takes them there.
type securityDestination struct {
	a      *Alerts
	tenant string
}

func (d securityDestination) Send(ctx context.Context, m notify.Message) error {
	return d.a.Raise(ctx, d.tenant, m.Body)
}
