package server

import (
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/loganalytics"
	"sextant/node"
)

// Subscriptions belong to directories. That of a directory's own id is its own; any
// other becomes the directory's of the first who makes something in it, and all that
// lies in it is that directory's.

// subscriptionKind of documents: who owns a subscription, by its id in lower case.
const subscriptionKind = "subscription"

type ownership struct {
	Directory string `json:"directory"` // "": of the node, which keys of the node alone see
}

// subscriptionOf a resource id; "" where it has none.
func subscriptionOf(id string) string {
	f := strings.Split(strings.Trim(strings.ToLower(id), "/"), "/")
	if len(f) < 2 || f[0] != "subscriptions" {
		return ""
	}
	return f[1]
}

// owner of a subscription: a directory, or "" for the node; false for one that
// nobody has used.
func (s *Server) owner(id string) (directory string, known bool, err error) {
	doc, err := s.o.Node.State().Get(subscriptionKind, id)
	if err == nil {
		var x ownership
		err = doc.Decode(&x)
		return x.Directory, true, err
	}
	if fault.KindOf(err) != fault.NotFound {
		return "", false, err
	}
	for _, t := range s.o.Node.Tenants() {
		if strings.EqualFold(t.ID, id) {
			return t.ID, true, nil
		}
	}
	if _, err := s.o.Accounts.Tenant(id); err == nil {
		return id, true, nil
	}
	return s.onlyDirectory(), false, nil
}

// onlyDirectory there is; "" where there are several or none.
func (s *Server) onlyDirectory() string {
	only := ""
	for _, t := range s.o.Node.Tenants() {
		if id, err := s.resourceOf(t); err != nil || id != "" {
			continue
		}
		if only != "" {
			return ""
		}
		only = t.ID
	}
	return only
}

// resourceOf a workspace that was made by the management API; "" for a directory's
// own.
func (s *Server) resourceOf(t *node.Tenant) (string, error) {
	docs, err := s.o.Node.State().List(loganalytics.WorkspaceKind, "")
	if err != nil {
		return "", err
	}
	for _, d := range docs {
		var w loganalytics.WorkspaceDocument
		if err := d.Decode(&w); err != nil {
			return "", err
		}
		if w.Tenant == t.ID && !strings.EqualFold(w.ResourceID, defaultResource(t)) {
			return w.ResourceID, nil
		}
	}
	return "", nil
}

// ownsResource says whether a resource lies in a subscription that is the principal's
// to ask about.
func (v *view) ownsResource(id string) bool {
	owner, _, err := v.s.owner(subscriptionOf(id))
	return err == nil && v.owns(owner)
}

// subscription of a request to the management API: the principal must own it and may
// do in it what is asked. The first who makes something in one owns it.
func (v *view) subscription(id string, report access.Report, action access.Action) error {
	v.s.claiming.Lock()
	defer v.s.claiming.Unlock()
	owner, known, err := v.s.owner(id)
	if err != nil {
		return err
	}
	if !known && v.who.Tenant != "" && owner == "" {
		owner = v.who.Tenant
	}
	if !v.owns(owner) {
		return fault.New(fault.NotFound, "The subscription '%s' could not be found.", id)
	}
	if err := v.may(owner, report, action); err != nil || known || action == access.Read {
		return err
	}
	_, err = v.s.o.Node.State().Put(subscriptionKind, id, ownership{owner}, "")
	return err
}
