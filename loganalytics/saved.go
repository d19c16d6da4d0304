package loganalytics

import (
	"strings"

	"sextant/query"
	"sextant/state"
)

// Kinds of documents in the state.
const (
	WorkspaceKind = "workspace"   // id: the resource id in lower case
	SearchKind    = "savedSearch" // id: tenant/name in lower case
)

// WorkspaceDocument is a workspace that was made, or whose settings were changed.
type WorkspaceDocument struct {
	ResourceID string            `json:"resourceId"` // as it was spelled
	Tenant     string            `json:"tenant"`     // the node's
	Location   string            `json:"location"`
	Sku        string            `json:"sku,omitempty"`
	Retention  int               `json:"retentionInDays,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Created    string            `json:"created,omitempty"`
}

// SavedSearch is a query that was saved; with an alias it is a function too.
type SavedSearch struct {
	Name     string `json:"name"`
	Category string `json:"category"`
	Display  string `json:"displayName"`
	Query    string `json:"query"`
	Alias    string `json:"functionAlias,omitempty"`
	Params   string `json:"functionParameters,omitempty"`
	Version  int    `json:"version,omitempty"`
	Tags     []any  `json:"tags,omitempty"`
}

func searchID(tenant, name string) string { return tenant + "/" + strings.ToLower(name) }

// SavedFunctions of a workspace, in the order of their names.
func SavedFunctions(db *state.DB, tenant string) ([]query.Function, error) {
	docs, err := db.List(SearchKind, tenant+"/")
	if err != nil {
		return nil, err
	}
	var out []query.Function
	for _, d := range docs {
		var s SavedSearch
		if err := d.Decode(&s); err != nil {
			return nil, err
		}
		if s.Alias != "" {
			out = append(out, query.Function{Name: s.Alias, Params: s.Params, Body: s.Query})
		}
	}
	return out, nil
}
