package loganalytics

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/query"
	"sextant/state"
	"sextant/table"
)

// Management is what the management API and ingestion act on.
type Management interface {
	Places
	// NewTenant makes room for a workspace and gives its tenant.
	NewTenant(ctx context.Context) (string, error)
	// Table settings of a tenant's table; the zero settings with its name where none
	// were made.
	Table(ctx context.Context, tenant, name string) (TableSettings, error)
	// SetTable keeps settings; with columns it declares a custom table or widens it.
	SetTable(ctx context.Context, tenant string, t TableSettings) (TableSettings, error)
	// Append takes rows of a table in; they are durable when it returns. ids tell
	// rows apart that say the same; one that came before is not taken again.
	Append(ctx context.Context, tenant, name string, rows []json.RawMessage, ids []string) error
}

// TableSettings is what was set of a table. The name * stands for all tables of a
// workspace, and has retention alone.
type TableSettings struct {
	Name        string
	Columns     []Column // declared ones of a custom table
	Description string
	Plan        string
	Retention   int // days; 0: the workspace's
	Total       int
}

// Column of a custom table.
type Column struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// ARM answers the management API, as far as workspaces, their tables and searches,
// and data collection go.
//
// Source: paths and statuses as Microsoft's Go client has them; the rest from its
// documentation.
type ARM struct {
	Places Management
	State  *state.DB
	Clock  func() time.Time
	Logger *slog.Logger
	Alerts *Alerts
	// Mine says whether a resource is there for who asks; nil is every one.
	Mine func(id string) bool
	// Writer is who asks, for Alerts.As: it is kept with the rules that are written.
	Writer json.RawMessage
	// Who asks, in words for histories; nil is the administrator.
	Who func(*http.Request) string
}

// armError is a refusal.
type armError struct {
	status     int
	code, text string
}

func (e *armError) Error() string { return e.text }

func refuse(status int, code, text string) error { return &armError{status, code, text} }

func describeARM(err error) *armError {
	var e *armError
	if errors.As(err, &e) {
		return e
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Limit:
		return &armError{400, "InvalidParameter", err.Error()}
	case fault.NotFound:
		return &armError{404, "ResourceNotFound", err.Error()}
	case fault.Conflict:
		return &armError{409, "Conflict", err.Error()}
	case fault.Denied:
		return &armError{403, "AuthorizationFailed", err.Error()}
	case fault.Unavailable:
		return &armError{429, "TooManyRequests", err.Error()}
	}
	return &armError{500, "InternalServerError", "An internal error; the server's log says more."}
}

// call of one resource.
type armCall struct {
	r       *http.Request
	ctx     context.Context
	path    string   // as it was spelled
	parts   []string // its segments
	version string
}

// part of the path, in lower case; "" behind its end.
func (c *armCall) part(i int) string {
	if i >= len(c.parts) {
		return ""
	}
	return strings.ToLower(c.parts[i])
}

var apiVersion = regexp.MustCompile(`^\d{4}-\d\d-\d\d(-preview|-alpha|-beta)?$`)

// ServeHTTP answers below /subscriptions/.
func (m *ARM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-request-id", uuid.NewString())
	w.Header().Set("x-ms-correlation-request-id", cmp.Or(r.Header.Get("x-ms-correlation-request-id"), w.Header().Get("x-ms-request-id")))
	w.Header().Set("x-ms-ratelimit-remaining-subscription-reads", "11999")
	echo(w, r)
	c := &armCall{r: r, ctx: r.Context(), path: strings.TrimSuffix(r.URL.Path, "/"), version: r.URL.Query().Get("api-version")}
	c.parts = strings.Split(strings.Trim(c.path, "/"), "/")
	status, body, err := m.route(c)
	if err != nil {
		e := describeARM(err)
		if e.status >= 500 {
			m.Logger.Error("a management request failed", "reason", err, "path", c.path)
		}
		if e.status == 429 {
			comeAgain(w)
		}
		w.Header().Set("x-ms-failure-cause", "gateway")
		w.Header().Set("x-ms-error-code", e.code)
		status, body = e.status, map[string]any{"error": map[string]any{"code": e.code, "message": e.text}}
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(appendJSON(nil, body), '\n')) // a client that went away is no fault of ours
}

func (m *ARM) route(c *armCall) (int, any, error) {
	switch {
	case c.version == "":
		return 0, nil, refuse(400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	case !apiVersion.MatchString(c.version):
		return 0, nil, refuse(400, "InvalidApiVersionParameter", "The api-version '"+c.version+"' is invalid; 2022-10-01 is one that works.")
	case len(c.parts) == 5 && c.part(2) == "providers" && c.part(4) == "register" && c.r.Method == http.MethodPost:
		return 200, map[string]any{"id": "/" + strings.Join(c.parts[:4], "/"), "namespace": c.parts[3], "registrationState": "Registered"}, nil
	case len(c.parts) == 4 && c.part(2) == "resourcegroups" && (c.r.Method == http.MethodGet || c.r.Method == http.MethodPut):
		// A group is a part of a name here, and there as soon as somebody says it.
		return 200, map[string]any{"id": c.path, "name": c.parts[3], "type": "Microsoft.Resources/resourceGroups", "location": "local", "properties": map[string]any{"provisioningState": "Succeeded"}}, nil
	}
	if i := c.extension("microsoft.alertsmanagement"); i >= 0 {
		return m.alertsManagement(c, i)
	}
	if i := c.extension("microsoft.resourcehealth"); i >= 0 {
		return m.health(c, i)
	}
	if i := c.extension("microsoft.insights"); i > 4 { // of a workspace; others are of groups
		return m.diagnostics(c, i)
	}
	at := 2 // of "providers"
	if c.part(2) == "resourcegroups" {
		at = 4
	}
	if c.part(at) != "providers" {
		return 0, nil, m.nothing(c)
	}
	group := at == 4
	switch kind, name := c.part(at+1)+"/"+c.part(at+2), c.part(at+3); kind {
	case "microsoft.operationalinsights/workspaces":
		switch {
		case name == "" && c.r.Method == http.MethodGet:
			return m.listWorkspaces(c)
		case name != "" && group && len(c.parts) == at+4:
			return m.workspace(c)
		case name != "" && group:
			place, err := m.placeOf("/" + strings.Join(c.parts[:at+4], "/"))
			if err != nil {
				return 0, nil, err
			}
			return m.below(c, place, c.part(at+4), c.parts[at+5:])
		}
	case "microsoft.insights/datacollectionrules", "microsoft.insights/datacollectionendpoints", "microsoft.insights/scheduledqueryrules", "microsoft.insights/actiongroups":
		var collect *collection
		switch c.part(at + 2) {
		case "datacollectionrules":
			collect = m.rules()
		case "datacollectionendpoints":
			collect = m.endpoints()
		case "scheduledqueryrules":
			collect = m.alertRules()
		default:
			collect = m.actionGroups()
		}
		switch {
		case name == "" && c.r.Method == http.MethodGet:
			return collect.list(c)
		case name != "" && group && len(c.parts) == at+4:
			return collect.one(c)
		}
	}
	return 0, nil, m.nothing(c)
}

func (m *ARM) nothing(c *armCall) error {
	return refuse(404, "InvalidResourceType", "There is nothing at "+c.r.Method+" "+c.path+": workspaces with their tables, savedSearches and sharedKeys, dataCollectionRules, dataCollectionEndpoints, scheduledQueryRules, actionGroups, alerts and a workspace's diagnosticSettings are.")
}

// read the body of a request.
func (c *armCall) read(into any) error {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 4<<20))
	if err != nil {
		return fault.New(fault.Invalid, "the request's body could not be read: %w", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: "+err.Error())
	}
	return nil
}

// placeOf a workspace's resource id.
func (m *ARM) placeOf(id string) (Place, error) {
	run, err := m.Places.Workspace(id)
	if err == nil {
		if p, ok := run.(Place); ok && p.Info().Known(id) {
			return p, nil
		}
	}
	if err == nil || fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Invalid {
		return nil, refuse(404, "ResourceNotFound", "The Resource '"+id+"' was not found.")
	}
	return nil, err
}

// document of a workspace: what was set of it.
func (m *ARM) document(i Info) (WorkspaceDocument, state.Document, error) {
	w := WorkspaceDocument{ResourceID: i.ResourceID, Tenant: i.Tenant, Location: i.Location}
	doc, err := m.State.Get(WorkspaceKind, strings.ToLower(i.ResourceID))
	if fault.KindOf(err) == fault.NotFound {
		return w, doc, nil
	}
	if err == nil {
		err = doc.Decode(&w)
	}
	return w, doc, err
}

func (m *ARM) describe(p Place) (map[string]any, error) {
	i := p.Info()
	w, doc, err := m.document(i)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"id": i.ResourceID, "name": i.Name, "type": "Microsoft.OperationalInsights/workspaces", "location": i.Location, "tags": w.Tags,
		"properties": map[string]any{
			"customerId": i.ID, "provisioningState": "Succeeded", "sku": map[string]any{"name": cmp.Or(w.Sku, "PerGB2018")}, "retentionInDays": w.Retention,
			"publicNetworkAccessForIngestion": "Enabled", "publicNetworkAccessForQuery": "Enabled", "createdDate": w.Created,
			"features": map[string]any{"enableLogAccessUsingOnlyResourcePermissions": true},
		},
	}
	if doc.Version > 0 {
		out["etag"] = doc.ETag()
	}
	return out, nil
}

func (m *ARM) listWorkspaces(c *armCall) (int, any, error) {
	places, err := m.Places.List(c.ctx)
	if err != nil {
		return 0, nil, err
	}
	// A directory's own workspace belongs to no subscription, and so is in each.
	value := []any{}
	for _, p := range places {
		id := strings.ToLower(p.Info().ResourceID)
		scope := strings.ToLower(c.path[:strings.Index(strings.ToLower(c.path), "/providers/")])
		if !strings.HasPrefix(id, scope+"/") && !(strings.Contains(id, "/resourcegroups/sextant/") && c.part(2) == "providers") {
			continue
		}
		w, err := m.describe(p)
		if err != nil {
			return 0, nil, err
		}
		value = append(value, w)
	}
	return 200, map[string]any{"value": value}, nil
}

var workspaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`)

func (m *ARM) workspace(c *armCall) (int, any, error) {
	place, err := m.placeOf(c.path)
	found := err == nil
	switch c.r.Method {
	case http.MethodGet:
		if !found {
			return 0, nil, err
		}
		w, err := m.describe(place)
		return 200, w, err
	case http.MethodPut, http.MethodPatch:
	default:
		return 0, nil, refuse(405, "MethodNotAllowed", "A workspace takes GET, PUT and PATCH, not "+c.r.Method+": its rows are the log's, and go with their retention.")
	}
	if !found && (c.r.Method == http.MethodPatch || describeARM(err).status != 404) {
		return 0, nil, err
	}
	var body struct {
		Location   string
		Tags       map[string]string
		Properties struct {
			Sku       *struct{ Name string }
			Retention *int `json:"retentionInDays"`
		}
	}
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	if d := body.Properties.Retention; d != nil && (*d < 0 || *d > maxRetention) {
		return 0, nil, fault.New(fault.Invalid, "retentionInDays is %d; 1 to %d work, and 0 for ever", *d, maxRetention)
	}
	status := 200
	if !found {
		name := c.parts[len(c.parts)-1]
		if !workspaceName.MatchString(name) {
			return 0, nil, refuse(400, "InvalidResourceName", "'"+name+"' cannot name a workspace: 4 to 63 letters, digits and dashes can, no dash at an end.")
		}
		tenant, err := m.Places.NewTenant(c.ctx)
		if err != nil {
			return 0, nil, err
		}
		doc := WorkspaceDocument{ResourceID: c.path, Tenant: tenant, Location: cmp.Or(body.Location, "local"), Created: m.Clock().UTC().Format(time.RFC3339)}
		if _, err := m.State.Put(WorkspaceKind, strings.ToLower(c.path), doc, ""); err != nil {
			return 0, nil, err
		}
		if place, err = m.placeOf(c.path); err != nil {
			return 0, nil, err
		}
		status = 201
	}
	info := place.Info()
	w, _, err := m.document(info)
	if err != nil {
		return 0, nil, err
	}
	w.Location = cmp.Or(body.Location, w.Location)
	if body.Tags != nil {
		w.Tags = body.Tags
	}
	if s := body.Properties.Sku; s != nil {
		w.Sku = s.Name
	}
	if d := body.Properties.Retention; d != nil {
		w.Retention = *d
		if _, err := m.Places.SetTable(c.ctx, info.Tenant, TableSettings{Name: "*", Retention: *d}); err != nil {
			return 0, nil, err
		}
	}
	if _, err := m.State.Put(WorkspaceKind, strings.ToLower(info.ResourceID), w, matchOf(c.r)); err != nil {
		return 0, nil, etagged(err)
	}
	out, err := m.describe(place)
	return status, out, err
}

// maxRetention is twelve years.
const maxRetention = 4383

func matchOf(r *http.Request) string { return r.Header.Get("If-Match") }

// etagged is the refusal of a write whose If-Match does not fit.
func etagged(err error) error {
	if fault.KindOf(err) == fault.Conflict {
		return refuse(412, "PreconditionFailed", err.Error())
	}
	return err
}

// below a workspace: its keys, tables, and saved searches.
func (m *ARM) below(c *armCall, p Place, kind string, rest []string) (int, any, error) {
	get := c.r.Method == http.MethodGet
	switch {
	case (kind == "sharedkeys" || kind == "listkeys") && len(rest) == 0 && c.r.Method == http.MethodPost:
		return m.keys(p, false)
	case kind == "regeneratesharedkey" && len(rest) == 0 && c.r.Method == http.MethodPost:
		return m.keys(p, true)
	case kind == "savedsearches" && len(rest) == 0 && get:
		return m.listSearches(c, p)
	case kind == "savedsearches" && len(rest) == 1:
		return m.search(c, p, rest[0])
	case kind == "tables" && len(rest) == 0 && get:
		return m.listTables(c, p)
	case kind == "tables" && len(rest) == 1:
		return m.table(c, p, rest[0])
	}
	return 0, nil, m.nothing(c)
}

// keysKind of documents: the shared keys of a workspace, by its tenant.
const keysKind = "workspaceKeys"

func (m *ARM) keys(p Place, anew bool) (int, any, error) {
	type pair struct {
		Primary   string `json:"primarySharedKey"`
		Secondary string `json:"secondarySharedKey"`
	}
	var k pair
	doc, err := m.State.Get(keysKind, p.Info().Tenant)
	switch {
	case err == nil && !anew:
		return 200, &k, doc.Decode(&k)
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return 0, nil, err
	}
	k = pair{newKey(), newKey()}
	_, err = m.State.Put(keysKind, p.Info().Tenant, k, "")
	return 200, k, err
}

func (m *ARM) searchJSON(p Place, s SavedSearch, etag string) map[string]any {
	props := map[string]any{"category": s.Category, "displayName": s.Display, "query": s.Query, "version": s.Version, "tags": s.Tags}
	if s.Alias != "" {
		props["functionAlias"], props["functionParameters"] = s.Alias, s.Params
	}
	return map[string]any{
		"id": p.Info().ResourceID + "/savedSearches/" + s.Name, "name": s.Name, "type": "Microsoft.OperationalInsights/savedSearches", "etag": etag, "properties": props,
	}
}

func (m *ARM) listSearches(_ *armCall, p Place) (int, any, error) {
	docs, err := m.State.List(SearchKind, p.Info().Tenant+"/")
	if err != nil {
		return 0, nil, err
	}
	value := []any{}
	for _, d := range docs {
		var s SavedSearch
		if err := d.Decode(&s); err != nil {
			return 0, nil, err
		}
		value = append(value, m.searchJSON(p, s, d.ETag()))
	}
	return 200, map[string]any{"value": value}, nil
}

func (m *ARM) search(c *armCall, p Place, name string) (int, any, error) {
	id := searchID(p.Info().Tenant, name)
	switch c.r.Method {
	case http.MethodGet:
		doc, err := m.State.Get(SearchKind, id)
		if err != nil {
			return 0, nil, err
		}
		var s SavedSearch
		err = doc.Decode(&s)
		return 200, m.searchJSON(p, s, doc.ETag()), err
	case http.MethodDelete:
		found, err := m.State.Delete(SearchKind, id, matchOf(c.r))
		if err == nil && !found {
			err = refuse(404, "ResourceNotFound", "There is no saved search '"+name+"'.")
		}
		return 200, nil, etagged(err)
	case http.MethodPut:
	default:
		return 0, nil, refuse(405, "MethodNotAllowed", "A saved search takes GET, PUT and DELETE, not "+c.r.Method+".")
	}
	var body struct {
		ETag       string
		Properties struct {
			Category, DisplayName, Query, FunctionAlias, FunctionParameters string
			Version                                                         int
			Tags                                                            []any
		}
	}
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	b := body.Properties
	s := SavedSearch{Name: name, Category: b.Category, Display: b.DisplayName, Query: b.Query, Alias: b.FunctionAlias, Params: b.FunctionParameters, Version: cmp.Or(b.Version, 2), Tags: b.Tags}
	switch {
	case s.Category == "" || s.Display == "" || strings.TrimSpace(s.Query) == "":
		return 0, nil, fault.New(fault.Invalid, "a saved search has a category, a displayName and a query")
	case s.Alias == "" && s.Params != "":
		return 0, nil, fault.New(fault.Invalid, "functionParameters need a functionAlias")
	}
	if s.Alias != "" {
		if err := m.checkFunction(p, s); err != nil {
			return 0, nil, err
		}
	}
	doc, err := m.State.Put(SearchKind, id, s, cmp.Or(matchOf(c.r), strings.TrimPrefix(body.ETag, "*")))
	if err != nil {
		return 0, nil, etagged(err)
	}
	return 200, m.searchJSON(p, s, doc.ETag()), nil
}

func (m *ARM) checkFunction(p Place, s SavedSearch) error {
	if err := (query.Function{Name: s.Alias, Params: s.Params, Body: s.Query}).Check(); err != nil {
		return err
	}
	docs, err := m.State.List(SearchKind, p.Info().Tenant+"/")
	if err != nil {
		return err
	}
	for _, d := range docs {
		var other SavedSearch
		if err := d.Decode(&other); err != nil {
			return err
		}
		if other.Alias == s.Alias && !strings.EqualFold(other.Name, s.Name) {
			return fault.New(fault.Conflict, "the saved search %q has the function alias %s already", other.Name, s.Alias)
		}
	}
	return nil
}

// tableJSON is a table as the management API shows it.
func (m *ARM) tableJSON(p Place, def table.Def, s TableSettings, fallback int) map[string]any {
	standard, own := []any{}, []any{}
	declared := map[string]Column{}
	for _, c := range s.Columns {
		declared[c.Name] = c
	}
	custom := tableTypeOf(def.Name) == "CustomLog"
	for _, c := range def.Columns {
		d, ok := declared[c.Name]
		col := map[string]any{"name": c.Name, "type": armTypes[c.Type], "isDefaultDisplay": false, "isHidden": false}
		if ok {
			col["description"] = d.Description
			own = append(own, col)
		} else {
			standard = append(standard, col)
		}
	}
	schema := map[string]any{"name": def.Name, "standardColumns": standard, "columns": own, "tableType": "Microsoft", "tableSubType": "Any", "solutions": []any{"LogManagement"}}
	if custom {
		schema["tableType"], schema["tableSubType"] = "CustomLog", "DataCollectionRuleBased"
	}
	days := cmp.Or(s.Retention, fallback)
	return map[string]any{
		"id": p.Info().ResourceID + "/tables/" + def.Name, "name": def.Name, "type": "Microsoft.OperationalInsights/workspaces/tables",
		"properties": map[string]any{
			"schema": schema, "plan": cmp.Or(s.Plan, "Analytics"), "retentionInDays": days, "totalRetentionInDays": max(s.Total, days),
			"archiveRetentionInDays": max(s.Total-days, 0), "retentionInDaysAsDefault": s.Retention == 0, "totalRetentionInDaysAsDefault": s.Total == 0, "provisioningState": "Succeeded",
		},
	}
}

var armTypes = map[table.Type]string{
	table.Bool: "boolean", table.Int: "int", table.Long: "long", table.Real: "real", table.Decimal: "real", table.String: "string", table.DateTime: "dateTime",
	table.TimeSpan: "string", table.Guid: "guid", table.Dynamic: "dynamic",
}

func (m *ARM) eachTable(c *armCall, p Place, f func(def table.Def, s TableSettings, fallback int)) error {
	snap, err := p.Snapshot(c.ctx)
	if err != nil {
		return err
	}
	defer func() { _ = snap.Close() }() // read only
	tenant := p.Info().Tenant
	all, err := m.Places.Table(c.ctx, tenant, "*")
	if err != nil {
		return err
	}
	for _, name := range snap.Tables() {
		def, _ := snap.Def(name)
		s, err := m.Places.Table(c.ctx, tenant, name)
		if err != nil {
			return err
		}
		f(def, s, all.Retention)
	}
	return nil
}

func (m *ARM) listTables(c *armCall, p Place) (int, any, error) {
	value := []any{}
	err := m.eachTable(c, p, func(def table.Def, s TableSettings, fallback int) {
		value = append(value, m.tableJSON(p, def, s, fallback))
	})
	return 200, map[string]any{"value": value}, err
}

func (m *ARM) table(c *armCall, p Place, name string) (int, any, error) {
	tenant := p.Info().Tenant
	show := func() (int, any, error) {
		var out any
		err := m.eachTable(c, p, func(def table.Def, s TableSettings, fallback int) {
			if def.Name == name {
				out = m.tableJSON(p, def, s, fallback)
			}
		})
		if err == nil && out == nil {
			err = refuse(404, "ResourceNotFound", "There is no table '"+name+"'.")
		}
		return 200, out, err
	}
	switch c.r.Method {
	case http.MethodGet:
		return show()
	case http.MethodPut, http.MethodPatch:
	default:
		return 0, nil, refuse(405, "MethodNotAllowed", "A table takes GET, PUT and PATCH, not "+c.r.Method+".")
	}
	var body struct {
		Properties struct {
			Schema *struct {
				Name        string
				Description string
				Columns     []Column
			}
			Plan      string
			Retention *int `json:"retentionInDays"`
			Total     *int `json:"totalRetentionInDays"`
		}
	}
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	s, err := m.Places.Table(c.ctx, tenant, name)
	if err != nil {
		return 0, nil, err
	}
	b := body.Properties
	custom := tableTypeOf(name) == "CustomLog"
	if b.Schema != nil && custom {
		if b.Schema.Name != "" && b.Schema.Name != name {
			return 0, nil, fault.New(fault.Invalid, "the schema is named %q, and the table %q", b.Schema.Name, name)
		}
		s.Description = cmp.Or(b.Schema.Description, s.Description)
		for _, col := range b.Schema.Columns {
			col.Type = kqlType(col.Type)
			s.Columns = addColumn(s.Columns, col)
		}
	}
	if !custom || len(s.Columns) == 0 {
		if _, _, err := show(); err != nil {
			if custom {
				err = fault.New(fault.Invalid, "a new custom table has a schema with columns")
			}
			return 0, nil, err
		}
	}
	for _, set := range []struct {
		from *int
		to   *int
		name string
	}{{b.Retention, &s.Retention, "retentionInDays"}, {b.Total, &s.Total, "totalRetentionInDays"}} {
		if set.from == nil {
			continue
		}
		if *set.from < -1 || *set.from > maxRetention {
			return 0, nil, fault.New(fault.Invalid, "%s is %d; 1 to %d work, and -1 for what the workspace has", set.name, *set.from, maxRetention)
		}
		*set.to = max(*set.from, 0)
	}
	s.Plan = cmp.Or(b.Plan, s.Plan)
	if _, err := m.Places.SetTable(c.ctx, tenant, s); err != nil {
		return 0, nil, err
	}
	return show()
}

// addColumn puts a column into a list, in the place of one of that name.
func addColumn(cols []Column, c Column) []Column {
	for i := range cols {
		if strings.EqualFold(cols[i].Name, c.Name) {
			cols[i] = c
			return cols
		}
	}
	return append(cols, c)
}

// kqlType of a type as the management API spells it; what it does not know stays.
func kqlType(name string) string {
	low := strings.ToLower(name)
	if low == "boolean" {
		return "bool"
	}
	return low
}

// newKey is a random one, as long as Azure's.
func newKey() string {
	var b [64]byte
	_, _ = rand.Read(b[:]) // it never fails, by its contract
	return base64.StdEncoding.EncodeToString(b[:])
}
