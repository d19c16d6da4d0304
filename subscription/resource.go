package subscription

import (
	"net/url"
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

// Target of a subscription: a resource, or a part of it.
type Target struct {
	*Resource
	ID     string // the one object of this id; "" all
	Filter string // the objects for which this $filter holds; "" all
}

// String is the target as a subscription names it.
func (t Target) String() string {
	switch {
	case t.ID != "":
		return t.Path + "/" + t.ID
	case t.Filter != "":
		return t.Path + "?$filter=" + t.Filter
	}
	return t.Path
}

// Target that a subscription names: a collection, one object of it, or a collection
// with a $filter. fault.Invalid says which collections there are.
func (m *Manager) Target(text string) (Target, error) {
	path, query, _ := strings.Cut(strings.TrimSpace(text), "?")
	path = strings.Trim(path, "/")
	var known []string
	for i := range m.Resources {
		t := Target{Resource: &m.Resources[i]}
		rest, ok := cutFold(path, t.Path)
		if !ok {
			known = append(known, t.Path)
			continue
		}
		if t.ID = strings.Trim(rest, "/"); strings.HasPrefix(rest, "('") {
			t.ID = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(rest, "('"), "')"), "''", "'")
		}
		if strings.Contains(t.ID, "/") {
			return t, fault.New(fault.Invalid, "Resource not found for the segment '%s'.", t.ID[strings.IndexByte(t.ID, '/')+1:])
		}
		var err error
		t.Filter, err = filterIn(query)
		if err == nil && t.ID != "" && t.Filter != "" {
			err = fault.New(fault.Invalid, "a subscription to one object takes no $filter")
		}
		return t, err
	}
	slices.Sort(known)
	return Target{}, fault.New(fault.Invalid, "nobody can subscribe to %q; there are %s", path, strings.Join(known, ", "))
}

// cutFold cuts a path behind a collection, whatever its case.
func cutFold(path, collection string) (rest string, ok bool) {
	if len(path) < len(collection) || !strings.EqualFold(path[:len(collection)], collection) {
		return "", false
	}
	rest = path[len(collection):]
	return rest, rest == "" || rest[0] == '/' || strings.HasPrefix(rest, "('") && strings.HasSuffix(rest, "')")
}

// filterIn the query of a resource, which may have nothing else.
func filterIn(query string) (string, error) {
	filter := ""
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		// What stands in JSON need not be encoded, and mostly is not; what is, is decoded.
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		if !strings.EqualFold(strings.TrimPrefix(name, "$"), "filter") {
			return "", fault.New(fault.Invalid, "the resource of a subscription takes $filter, and not %s", name)
		}
		if filter != "" {
			return "", fault.New(fault.Invalid, "the resource of a subscription takes one $filter")
		}
		if v, err := url.PathUnescape(value); err == nil {
			value = v
		}
		filter = strings.TrimSpace(value)
	}
	return filter, nil
}
