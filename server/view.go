package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/loganalytics"
	"sextant/node"
	"sextant/record"
)

// view is the server as one principal sees it by one face, for one request. It is
// where access is asked: what a face reaches, it reaches through a view.
type view struct {
	s    *Server
	who  *access.Principal
	face access.Face
	ip   string
}

// inside is the view of the program itself, the same for all that it does.
func newInside(s *Server) *view {
	return &view{s: s, who: &access.Principal{Kind: access.Key, Name: "Sextant", Root: true}, face: access.Native}
}

// directory that a tenant of the node belongs to: itself, or that of the workspace
// that it was made for.
func (s *Server) directory(t *node.Tenant) string {
	id, err := s.resourceOf(t)
	if err != nil || id == "" {
		return t.ID
	}
	owner, _, err := s.owner(subscriptionOf(id))
	if err != nil {
		s.o.Logger.Error("the owner of a workspace cannot be read", "reason", err)
	}
	return owner
}

// owns says whether what belongs to a directory is the principal's to ask about at
// all. To others it is not there.
func (v *view) owns(directory string) bool {
	return v.who.Tenant == "" || strings.EqualFold(v.who.Tenant, directory)
}

// tenants of the node that are there for the principal.
func (v *view) tenants() []*node.Tenant {
	all := v.s.o.Node.Tenants()
	if v.who.Tenant == "" {
		return all
	}
	return slices.DeleteFunc(all, func(t *node.Tenant) bool { return !v.owns(v.s.directory(t)) })
}

// find a tenant as node.Find does, among those that are there for the principal, and
// with the same words. With no id the principal's own directory comes first.
func (v *view) find(id string) (*node.Tenant, error) {
	if id == "" {
		id = v.who.Tenant
	}
	if v.who.Tenant == "" {
		return v.s.o.Node.Find(id)
	}
	for _, t := range v.tenants() {
		if strings.EqualFold(t.ID, id) || strings.EqualFold(t.Workspace, id) {
			return t, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no tenant or workspace %q", id)
}

// may do something to a report of a directory; fault.Denied where not.
func (v *view) may(directory string, report access.Report, action access.Action, permissions ...string) error {
	q := access.Question{Tenant: directory, Licences: v.s.o.Accounts.Licences(directory), Report: report, Action: action, Face: v.face}
	if len(permissions) > 0 {
		q.Permissions = permissions
	}
	if d := v.s.policy.Decide(v.who, q); !d.Allowed {
		return fault.New(fault.Denied, "%s may not do this: %s", v.name(), d.Text)
	}
	return nil
}

func (v *view) name() string {
	if v.who.Name != "" {
		return v.who.Name
	}
	return v.who.ObjectID
}

// sees says which tables of a tenant the principal sees. Where rows are taken in no
// table is read, but all are known by what they look like.
func (v *view) sees(t *node.Tenant) func(table string) bool {
	if v.face == access.Ingest {
		return func(string) bool { return true }
	}
	directory := v.s.directory(t)
	return v.s.policy.Tables(v.who, directory, v.s.o.Accounts.Licences(directory), v.face)
}

// seesAny is false where no table of a tenant is seen: the principal has no business
// there.
func (v *view) seesAny(t *node.Tenant) bool {
	directory := v.s.directory(t)
	for _, r := range v.s.policy.Reports() {
		if v.s.policy.HasTables(r) && v.s.policy.Decide(v.who, access.Question{Tenant: directory, Licences: v.s.o.Accounts.Licences(directory), Report: r, Face: v.face}).Allowed {
			return true
		}
	}
	return false
}

// seesCategory says which categories of a tenant's log the principal sees: those
// whose table it does.
func (v *view) seesCategory(t *node.Tenant) func(category string) bool {
	sees, model := v.sees(t), t.Loader.Model()
	return func(category string) bool { return sees(tableOf(model, category)) }
}

func tableOf(m *record.Model, category string) string { return m.DefFor(category).Name }

// errNoRight is a refusal of a workspace in which nothing is seen.
func (v *view) errNoRight() error {
	return fault.New(fault.Denied, "%s has no role and no permission by which anything in this workspace can be read", v.name())
}

// What a principal manages: each asks, and then it is the server that does it.

// NewTenant implements loganalytics.Management. Whose it is follows from the
// subscription that the workspace lies in, which was asked for before.
func (v *view) NewTenant(ctx context.Context) (string, error) { return v.s.NewTenant(ctx) }

// Table implements loganalytics.Management.
func (v *view) Table(ctx context.Context, tenant, name string) (loganalytics.TableSettings, error) {
	if _, err := v.find(tenant); err != nil {
		return loganalytics.TableSettings{}, err
	}
	return v.s.Table(ctx, tenant, name)
}

// SetTable implements loganalytics.Management.
func (v *view) SetTable(ctx context.Context, tenant string, set loganalytics.TableSettings) (loganalytics.TableSettings, error) {
	t, err := v.find(tenant)
	if err == nil {
		err = v.may(v.s.directory(t), access.Workspace, access.Act)
	}
	if err != nil {
		return set, err
	}
	return v.s.SetTable(ctx, tenant, set)
}

// Append implements loganalytics.Management.
func (v *view) Append(ctx context.Context, tenant, name string, rows []json.RawMessage, ids []string) error {
	t, err := v.find(tenant)
	if err == nil {
		err = v.may(v.s.directory(t), access.Ingestion, access.Act)
	}
	if err != nil {
		return err
	}
	return v.s.Append(ctx, tenant, name, rows, ids)
}

var _ loganalytics.Management = (*view)(nil)
