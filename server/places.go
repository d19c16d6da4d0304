package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/query"
	"sextant/store"
)

// Workspaces. Each tenant of the node is one: the directory's own, which is there
// from the first record on, and those that were made through the management API,
// which are tenants of the node with an id of their own and share nothing with it.

// place is one of them, as a principal sees it. It is comparable among those of one
// view.
type place struct {
	v     *view
	t     *node.Tenant
	scope string // a resource whose rows alone are shown; "" shows all
}

// defaultResource of a tenant's own workspace.
func defaultResource(t *node.Tenant) string {
	return "/subscriptions/" + t.ID + "/resourceGroups/sextant/providers/Microsoft.OperationalInsights/workspaces/" + t.ID
}

func (p place) Info() loganalytics.Info {
	info := loganalytics.Info{ID: p.t.Workspace, Name: p.t.ID, ResourceID: defaultResource(p.t), Tenant: p.t.ID, Location: "local"}
	docs, err := p.v.s.o.Node.State().List(loganalytics.WorkspaceKind, "")
	if err != nil {
		p.v.s.o.Logger.Error("the workspaces cannot be read", "reason", err)
		return info
	}
	for _, d := range docs {
		var w loganalytics.WorkspaceDocument
		if err := d.Decode(&w); err != nil {
			p.v.s.o.Logger.Error("a workspace cannot be read", "reason", err)
			continue
		}
		if w.Tenant == p.t.ID {
			info.ResourceID, info.Name = w.ResourceID, w.ResourceID[strings.LastIndexByte(w.ResourceID, '/')+1:]
			info.Location = w.Location
		}
	}
	return info
}

func (p place) Snapshot(ctx context.Context) (store.Snapshot, error) {
	snap, err := p.t.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return p.view(snap), nil
}

// view is what of the tables is to be seen here.
func (p place) view(snap store.Snapshot) store.Snapshot {
	snap = query.Visible(snap, p.v.sees(p.t))
	if p.scope == "" {
		return snap
	}
	return query.Within(snap, p.scope)
}

// lends the request what the principal may use besides tables.
func (p place) lends(req query.Request) query.Request {
	req.Workspace = p.t.Workspace
	if p.v.sees(p.t)(watchlistTable) {
		req.Watchlists = p.v.s.watchlists(p.t)
	}
	return req
}

func (p place) Saved(context.Context) ([]query.Function, error) {
	return loganalytics.SavedFunctions(p.v.s.o.Node.State(), p.t.ID)
}

func (p place) Query(ctx context.Context, req query.Request) (*query.Answer, error) {
	saved, err := p.Saved(ctx)
	if err != nil {
		return nil, err
	}
	req.Functions = loganalytics.Functions(saved)
	req = p.lends(req)
	req.By = p.v.name()
	if len(p.v.tenants()) > 1 {
		i := p.Info() // with one workspace every name is as good as its own
		req.Workspaces = []string{i.Name, i.ID, i.ResourceID, i.Tenant}
	}
	req.View = p.view
	return p.v.s.o.Engine.Run(ctx, p.t.Store, req)
}

// together are several places, asked as one.
type together struct{ of []place }

func (t *together) Query(ctx context.Context, req query.Request) (*query.Answer, error) {
	var snaps []store.Snapshot
	var saved []query.Function
	var lists []query.Watchlists
	for _, p := range t.of {
		s, err := p.Snapshot(ctx)
		if err != nil {
			return nil, errors.Join(err, query.Union(snaps...).Close())
		}
		snaps = append(snaps, query.InWorkspace(s, p.t.Workspace))
		if l := p.lends(req).Watchlists; l != nil {
			lists = append(lists, l)
		}
		fs, err := p.Saved(ctx)
		if err != nil {
			return nil, errors.Join(err, query.Union(snaps...).Close())
		}
		for _, f := range fs {
			if !slices.ContainsFunc(saved, func(x query.Function) bool { return x.Name == f.Name }) {
				saved = append(saved, f)
			}
		}
	}
	req.Functions = loganalytics.Functions(saved)
	req.Watchlists = query.TogetherWatchlists(lists...)
	req.Workspace = t.of[0].t.Workspace // where there is but one
	// A name inside the query would mean one of them; only all of them can be asked.
	req.Workspaces = []string{"those that the request names, asked together"}
	req.By = t.of[0].v.name()
	return t.of[0].v.s.o.Engine.RunOn(ctx, query.Union(snaps...), req)
}

// Together implements loganalytics.Places.
func (v *view) Together(of []loganalytics.Runner) loganalytics.Runner {
	t := &together{}
	for _, r := range of {
		t.of = append(t.of, r.(place)) // all that Workspace gives are places
	}
	return t
}

// List implements loganalytics.Places.
func (v *view) List(context.Context) ([]loganalytics.Place, error) {
	var out []loganalytics.Place
	for _, t := range v.tenants() {
		if v.enters(t) == nil {
			out = append(out, place{v: v, t: t})
		}
	}
	slices.SortFunc(out, func(a, b loganalytics.Place) int { return strings.Compare(a.Info().Name, b.Info().Name) })
	return out, nil
}

// enters is an error where the principal has no business in a workspace of its
// directory.
func (v *view) enters(t *node.Tenant) error {
	switch v.face {
	case access.ARM, access.Ingest: // asked for what is done there
		return nil
	}
	if v.seesAny(t) {
		return nil
	}
	return v.errNoRight()
}

// Workspace implements loganalytics.Workspaces: by GUID, name, tenant or resource
// id. Another resource is the part of the workspace that holds its rows. One that the
// principal may not know of is not found, as one that is not there.
func (v *view) Workspace(id string) (loganalytics.Runner, error) {
	p, err := v.workspace(id)
	if err != nil {
		return nil, err
	}
	return p, v.enters(p.t)
}

func (v *view) workspace(id string) (place, error) {
	if id == "default" {
		id = ""
	}
	if id == "" {
		t, err := v.find("")
		return place{v: v, t: t}, err
	}
	all := v.tenants()
	for _, t := range all {
		if strings.EqualFold(t.ID, id) || strings.EqualFold(t.Workspace, id) {
			return place{v: v, t: t}, nil
		}
	}
	for _, t := range all {
		if p := (place{v: v, t: t}); p.Info().Known(id) {
			return p, nil
		}
	}
	if strings.HasPrefix(id, "/") && !strings.Contains(strings.ToLower(id), "/microsoft.operationalinsights/workspaces/") {
		var holds []*node.Tenant
		for _, t := range all {
			if strings.HasPrefix(strings.ToLower(id)+"/", "/subscriptions/"+t.ID+"/") || strings.HasPrefix(strings.ToLower(id)+"/", "/tenants/"+t.ID+"/") {
				holds = append(holds, t)
			}
		}
		switch {
		case len(holds) == 1:
			return place{v: v, t: holds[0], scope: id}, nil
		case len(all) == 1:
			return place{v: v, t: all[0], scope: id}, nil
		case len(all) > 1:
			return place{}, fault.New(fault.Invalid, "which of %d workspaces holds the rows of %s is not known; ask the workspace and filter on _ResourceId", len(all), id)
		}
	}
	return place{}, fault.New(fault.NotFound, "there is no tenant or workspace %q", id)
}

// The server itself is the management of its own work, such as alert rules.

// Workspace implements loganalytics.Places.
func (s *Server) Workspace(id string) (loganalytics.Runner, error) { return s.inside.Workspace(id) }

// List implements loganalytics.Places.
func (s *Server) List(ctx context.Context) ([]loganalytics.Place, error) { return s.inside.List(ctx) }

// Together implements loganalytics.Places.
func (s *Server) Together(of []loganalytics.Runner) loganalytics.Runner {
	return s.inside.Together(of)
}
