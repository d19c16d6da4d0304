package loganalytics

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/state"
)

// DiagnosticKind of documents: diagnostic settings of workspaces, by the resource id
// of the workspace, /diagnosticSettings/ and the name, in lower case.
const DiagnosticKind = "diagnosticSetting"

// diagnosticProps are the properties of a setting, as far as there is something to
// set: where the audit of a workspace's queries goes.
//
// Source: the published definition of Microsoft.Insights/diagnosticSettings,
// 2021-05-01-preview.
type diagnosticProps struct {
	Workspace string          `json:"workspaceId"`
	Logs      []diagnosticLog `json:"logs"`

	Storage string `json:"storageAccountId,omitempty"`
	Hub     string `json:"eventHubAuthorizationRuleId,omitempty"`
	Partner string `json:"marketplacePartnerId,omitempty"`
}

type diagnosticLog struct {
	Category string `json:"category,omitempty"`
	Group    string `json:"categoryGroup,omitempty"`
	Enabled  bool   `json:"enabled"`
}

// audits says whether an entry names the audit of queries.
func (l diagnosticLog) audits() bool {
	if l.Category != "" {
		return strings.EqualFold(l.Category, "Audit")
	}
	return strings.EqualFold(l.Group, "audit") || strings.EqualFold(l.Group, "allLogs")
}

// maxDiagnostic is how many settings one workspace has: Azure's limit.
const maxDiagnostic = 5

func diagnosticPrefix(workspace string) string {
	return strings.ToLower(strings.TrimRight(workspace, "/")) + "/diagnosticsettings/"
}

// QueryAudits of a workspace, by its resource id: the resource ids of the workspaces
// that the audit of its queries goes to, each once. None is what a workspace has until
// somebody sets it, as in Azure.
func QueryAudits(db *state.DB, workspace string) ([]string, error) {
	docs, err := db.List(DiagnosticKind, diagnosticPrefix(workspace))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range docs {
		var r resource
		if err := d.Decode(&r); err != nil {
			return nil, err
		}
		var p diagnosticProps
		if err := json.Unmarshal(r.Props, &p); err != nil {
			return nil, fault.New(fault.Damaged, "%s is not what was written: %w", r.ID, err)
		}
		to := strings.ToLower(p.Workspace)
		if slices.ContainsFunc(p.Logs, func(l diagnosticLog) bool { return l.Enabled && l.audits() }) && !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	return out, nil
}

// diagnostics answers below WORKSPACE/providers/Microsoft.Insights.
func (m *ARM) diagnostics(c *armCall, at int) (int, any, error) {
	scope := "/" + strings.Join(c.parts[:at], "/")
	place, err := m.placeOf(scope)
	if err != nil {
		return 0, nil, err
	}
	get := c.r.Method == http.MethodGet
	switch kind, n := c.part(at+2), len(c.parts)-at-2; {
	case kind == "diagnosticsettingscategories" && n == 1 && get:
		return 200, map[string]any{"value": []any{map[string]any{
			"id": scope + "/providers/Microsoft.Insights/diagnosticSettingsCategories/Audit", "name": "Audit", "type": "Microsoft.Insights/diagnosticSettingsCategories",
			"properties": map[string]any{"categoryType": "Logs", "categoryGroups": []string{"allLogs", "audit"}},
		}}}, nil
	case kind == "diagnosticsettings" && n == 1 && get:
		docs, err := m.State.List(DiagnosticKind, diagnosticPrefix(place.Info().ResourceID))
		if err != nil {
			return 0, nil, err
		}
		value := []any{}
		for _, d := range docs {
			one, err := diagnosticJSON(d)
			if err != nil {
				return 0, nil, err
			}
			value = append(value, one)
		}
		return 200, map[string]any{"value": value}, nil
	case kind == "diagnosticsettings" && n == 2:
		return m.diagnostic(c, place, c.parts[at+3])
	}
	return 0, nil, m.nothing(c)
}

func diagnosticJSON(d state.Document) (map[string]any, error) {
	var r resource
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	return map[string]any{"id": r.ID, "name": r.name(), "type": "Microsoft.Insights/diagnosticSettings", "properties": r.Props}, nil
}

// diagnostic is one setting.
func (m *ARM) diagnostic(c *armCall, p Place, name string) (int, any, error) {
	id := diagnosticPrefix(p.Info().ResourceID) + strings.ToLower(name)
	old, err := m.State.Get(DiagnosticKind, id)
	found := err == nil
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return 0, nil, err
	}
	switch c.r.Method {
	case http.MethodGet:
		if !found {
			return 0, nil, refuse(404, "ResourceNotFound", "The Resource '"+c.path+"' was not found.")
		}
		out, err := diagnosticJSON(old)
		return 200, out, err
	case http.MethodDelete:
		if !found {
			return 204, nil, nil
		}
		_, err := m.State.Delete(DiagnosticKind, id, matchOf(c.r))
		return 200, nil, etagged(err)
	case http.MethodPut:
	default:
		return 0, nil, refuse(405, "MethodNotAllowed", "A diagnostic setting takes GET, PUT and DELETE, not "+c.r.Method+".")
	}
	var body struct{ Properties diagnosticProps }
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	if err := m.checkDiagnostic(&body.Properties); err != nil {
		return 0, nil, err
	}
	if !found {
		docs, err := m.State.List(DiagnosticKind, diagnosticPrefix(p.Info().ResourceID))
		if err != nil {
			return 0, nil, err
		}
		if len(docs) >= maxDiagnostic {
			return 0, nil, refuse(409, "Conflict", "The workspace has five diagnostic settings, which is as many as one can have; delete one first.")
		}
	}
	doc, err := m.State.Put(DiagnosticKind, id, resource{ID: c.path, Props: appendJSON(nil, body.Properties)}, matchOf(c.r))
	if err != nil {
		return 0, nil, etagged(err)
	}
	out, err := diagnosticJSON(doc)
	return 200, out, err
}

func (m *ARM) checkDiagnostic(p *diagnosticProps) error {
	if p.Storage != "" || p.Hub != "" || p.Partner != "" || p.Workspace == "" {
		return refuse(400, "BadRequest", "The audit of queries goes to a workspace: properties.workspaceId is its resource id, and there is no other destination here.")
	}
	if _, err := m.placeOf(p.Workspace); err != nil {
		return err
	}
	for _, l := range p.Logs {
		if !l.audits() {
			name := l.Category
			if name == "" {
				name = l.Group
			}
			return refuse(400, "BadRequest", "Category '"+name+"' is not supported; Audit, and the groups audit and allLogs, are.")
		}
	}
	return nil
}
