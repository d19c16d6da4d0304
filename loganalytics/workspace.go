package loganalytics

import (
	"context"
	"strings"

	"sextant/query"
	"sextant/store"
)

// Info is what a workspace is called.
type Info struct {
	ID         string // GUID; customerId of its resource
	Name       string // of the resource; also the Kusto database
	ResourceID string // /subscriptions/…/workspaces/NAME, as it was spelled
	Tenant     string // whose folder in the node holds it
	Location   string
}

// Known says whether a text names the workspace: its GUID, its name, its resource
// id, or its tenant.
func (i Info) Known(id string) bool {
	for _, own := range []string{i.ID, i.Name, i.ResourceID, i.Tenant} {
		if own != "" && strings.EqualFold(strings.Trim(own, "/"), strings.Trim(id, "/")) {
			return true
		}
	}
	return false
}

// Place is a workspace that can be looked at, not only asked.
type Place interface {
	Runner
	Info() Info
	// Snapshot of its tables; it must be closed.
	Snapshot(ctx context.Context) (store.Snapshot, error)
	// Saved functions, in the order of their names.
	Saved(ctx context.Context) ([]query.Function, error)
}

// Places are all workspaces.
type Places interface {
	Workspaces
	// List those that there are, by name.
	List(ctx context.Context) ([]Place, error)
	// Together is one that has the rows of several.
	Together(of []Runner) Runner
}
