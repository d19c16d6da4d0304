package loganalytics

import (
	"context"
	"net/http"
	"strings"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

type metaColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type metaTable struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Timespan string       `json:"timespanColumn,omitempty"`
	Columns  []metaColumn `json:"columns"`
	Labels   []string     `json:"labels"`
	Type     string       `json:"tableType"` // Microsoft, CustomLog
	HasData  bool         `json:"hasData"`
}

type metaFunction struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Parameters  string         `json:"parameters,omitempty"`
	DisplayName string         `json:"displayName"`
	Body        string         `json:"body"`
	Tables      map[string]any `json:"tables"`
}

type metaWorkspace struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	ResourceID string   `json:"resourceId"`
	Region     string   `json:"region"`
	Tables     []string `json:"tables"`
	Functions  []string `json:"functions"`
}

// metadata is the schema of a workspace, for editors and clients.
type metadata struct {
	TableGroups   []any           `json:"tableGroups"`
	Tables        []metaTable     `json:"tables"`
	Functions     []metaFunction  `json:"functions"`
	Workspaces    []metaWorkspace `json:"workspaces"`
	ResourceTypes []any           `json:"resourceTypes"`
	Categories    []any           `json:"categories"`
	Solutions     []any           `json:"solutions"`
	Queries       []any           `json:"queries"`
}

// ServeMetadata answers GET and POST of /v1/workspaces/{id}/metadata.
func (f *Face) ServeMetadata(w http.ResponseWriter, r *http.Request, workspace string) {
	run, err := f.Workspaces.Workspace(workspace)
	if err != nil {
		f.Fail(w, r, err, "")
		return
	}
	place, ok := run.(Place)
	if !ok {
		f.Fail(w, r, fault.New(fault.Invalid, "%s has no schema of its own; ask for that of its workspace", workspace), "")
		return
	}
	m, err := metadataOf(r.Context(), place)
	if err != nil {
		f.Fail(w, r, err, "")
		return
	}
	echo(w, r)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(appendJSON(nil, m)) // a client that went away is no fault of ours
}

func metadataOf(ctx context.Context, place Place) (*metadata, error) {
	info := place.Info()
	ws := metaWorkspace{ID: info.ID, Name: info.Name, ResourceID: info.ResourceID, Region: info.Location, Tables: []string{}, Functions: []string{}}
	m := &metadata{
		TableGroups: []any{}, Tables: []metaTable{}, Functions: []metaFunction{}, ResourceTypes: []any{}, Categories: []any{}, Solutions: []any{}, Queries: []any{},
	}
	snap, err := place.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range snap.Tables() {
		def, _ := snap.Def(name)
		t := metaTable{ID: "t/" + name, Name: name, Timespan: def.Time, Labels: []string{}, Type: tableTypeOf(name), HasData: snap.Stats(name).Rows > 0}
		for _, c := range def.Columns {
			t.Columns = append(t.Columns, metaColumn{c.Name, c.Type.String()})
		}
		m.Tables = append(m.Tables, t)
		ws.Tables = append(ws.Tables, t.ID)
	}
	if err := snap.Close(); err != nil {
		return nil, err
	}
	saved, err := place.Saved(ctx)
	if err != nil {
		return nil, err
	}
	for _, fn := range saved {
		m.Functions = append(m.Functions, metaFunction{ID: "f/" + fn.Name, Name: fn.Name, Parameters: fn.Params, DisplayName: fn.Name, Body: fn.Body, Tables: map[string]any{}})
		ws.Functions = append(ws.Functions, "f/"+fn.Name)
	}
	m.Workspaces = []metaWorkspace{ws}
	return m, nil
}

func tableTypeOf(name string) string {
	if strings.HasSuffix(name, "_CL") {
		return "CustomLog"
	}
	return "Microsoft"
}

// declared prints a schema as KQL declares one, without the parentheses.
func declared(s table.Schema) string {
	return strings.TrimSuffix(strings.TrimPrefix(s.String(), "("), ")")
}

// functionsOf a list, by name.
type functionsOf map[string]query.Function

// Function implements query.Functions.
func (f functionsOf) Function(name string) (query.Function, bool) { fn, ok := f[name]; return fn, ok }

// Functions of a list, to be called by their names.
func Functions(of []query.Function) query.Functions {
	if len(of) == 0 {
		return nil
	}
	out := functionsOf{}
	for _, f := range of {
		out[f.Name] = f
	}
	return out
}
