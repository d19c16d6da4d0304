package subscription

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sextant/fault"
	"sextant/record"
)

// Resource that can be subscribed to. Fields of a record are paths from its root,
// best first.
type Resource struct {
	Path       string // in Graph's spelling: auditLogs/signIns
	Type       string // of its objects: #microsoft.graph.signIn
	Categories []string
	ID         []string // fields that may have the object's id
	// Changes: a record is the first of its object where the fields First and Last say
	// the same. Where Last is empty, the form of the record tells.
	First, Last []string
	// States are records of what was there before: every one is an update.
	States bool
}

// text of the first of several fields that has one.
func textOf(raw []byte, fields []string) string {
	for _, f := range fields {
		if s := gjson.GetBytes(raw, f).String(); s != "" {
			return s
		}
	}
	return ""
}

// change that a record is.
func (r *Resource) change(form record.Form, raw []byte) string {
	switch {
	case r.States:
		return "updated"
	case len(r.Last) > 0:
		if textOf(raw, r.First) != textOf(raw, r.Last) {
			return "updated"
		}
	case form.Amendments() > 0:
		return "updated"
	}
	return "created"
}

// Resource by its path; fault.Invalid names those that there are.
func (m *Manager) Resource(path string) (*Resource, error) {
	path = strings.Trim(path, "/")
	if before, _, filtered := strings.Cut(path, "?"); filtered {
		return nil, fault.New(fault.Invalid, "a subscription to a part of %s is not supported; to all of it is", before)
	}
	var known []string
	for i := range m.Resources {
		if strings.EqualFold(m.Resources[i].Path, path) {
			return &m.Resources[i], nil
		}
		known = append(known, m.Resources[i].Path)
	}
	slices.Sort(known)
	return nil, fault.New(fault.Invalid, "nobody can subscribe to %q; there are %s", path, strings.Join(known, ", "))
}
