package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"sextant/client"
	"sextant/fault"
)

// workspaceOf a tenant: the resource id of its own workspace.
func workspaceOf(tenant string) string {
	return "/subscriptions/" + tenant + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + tenant
}

// auditSetting is the name of the diagnostic setting that the command makes.
const auditSetting = "query-audit"

func settingPath(tenant, name string) string {
	return workspaceOf(tenant) + "/providers/Microsoft.Insights/diagnosticSettings" + strings.TrimSuffix("/"+url.PathEscape(name), "/") + "?api-version=2021-05-01-preview"
}

// setting is a diagnostic setting of a workspace, whose one category is the audit of
// queries.
type setting struct {
	Name       string `json:"name,omitempty"`
	Properties struct {
		Workspace string       `json:"workspaceId"`
		Logs      []settingLog `json:"logs"`
	} `json:"properties"`
}

type settingLog struct {
	Category string `json:"category,omitempty"`
	Enabled  bool   `json:"enabled"`
}

// audits of a tenant's workspace: the settings that are on, by name and destination. A
// tenant without a workspace has none.
func audits(ctx context.Context, do *client.Client, tenant string) ([]setting, error) {
	var all struct{ Value []setting }
	err := do.JSON(ctx, http.MethodGet, settingPath(tenant, ""), nil, &all)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	var on []setting
	for _, s := range all.Value {
		for _, l := range s.Properties.Logs {
			if l.Enabled {
				on = append(on, s)
				break
			}
		}
	}
	return on, err
}

// auditedIn says where the audit of a tenant's queries goes; off where it is off.
func auditedIn(ctx context.Context, do *client.Client, tenant string) (string, error) {
	on, err := audits(ctx, do, tenant)
	if fault.KindOf(err) == fault.Denied {
		return "not yours to see", nil
	}
	if err != nil || len(on) == 0 {
		return "off", err
	}
	var to []string
	for _, s := range on {
		if strings.EqualFold(s.Properties.Workspace, workspaceOf(tenant)) {
			return "on", nil
		}
		to = append(to, s.Properties.Workspace)
	}
	return "on, in " + strings.Join(to, " and "), nil
}

// auditQueries of a tenant's workspace in itself, or no longer anywhere.
func auditQueries(ctx context.Context, do *client.Client, tenant string, on bool) error {
	if on {
		var s setting
		s.Properties.Workspace, s.Properties.Logs = workspaceOf(tenant), []settingLog{{"Audit", true}}
		err := do.JSON(ctx, http.MethodPut, settingPath(tenant, auditSetting), s, nil)
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, "tenant %s has no workspace yet, whose queries could be audited; it is there with the first record", tenant)
		}
		return err
	}
	old, err := audits(ctx, do, tenant)
	for _, s := range old {
		if err == nil {
			err = do.JSON(ctx, http.MethodDelete, settingPath(tenant, s.Name), nil, nil)
		}
	}
	return err
}
