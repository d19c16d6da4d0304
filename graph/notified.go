package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sextant/access"
	"sextant/fault"
	"sextant/kql/fn"
	"sextant/odata"
	"sextant/record"
	"sextant/subscription"
	"sextant/table"
)

// Subscribable are the resources that can be subscribed to: the collections of
// records, of both versions.
func Subscribable(m *record.Model) ([]subscription.Resource, error) {
	a, err := newAPI(versions[1], m)
	if err != nil {
		return nil, err
	}
	var out []subscription.Resource
	for _, r := range a.resources {
		if len(r.tables) == 0 {
			continue
		}
		s := subscription.Resource{Path: r.String(), Type: "#" + odata.Namespace + r.entity.Name, ID: dotted(r.fields("id"))}
		for _, t := range r.tables {
			s.Categories = append(s.Categories, t.categories(m)...)
		}
		if r.said != "" {
			s.Categories = append(s.Categories, strings.TrimSuffix(r.said, "_CL"))
		}
		switch {
		case r.latest == "":
		case r.latest == r.order:
			s.States = true
		default:
			s.First, s.Last = dotted(r.fields(r.order)), dotted(r.fields(r.latest))
		}
		out = append(out, s)
	}
	return out, nil
}

func dotted(fields [][]string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = strings.Join(f, ".")
	}
	return out
}

// categories whose records are rows of the table.
func (t tableOf) categories(m *record.Model) (out []string) {
	for _, c := range m.Categories() {
		if c.Table == t.name {
			out = append(out, c.Name)
		}
	}
	if t.objects() {
		return []string{strings.TrimSuffix(t.name, "_CL")}
	}
	if len(out) == 0 {
		if c, ok := m.Category(t.name); ok {
			out = append(out, c.Name)
		}
	}
	return out
}

// asReader is a call of who may read a resource, for what is sent without being asked.
func (f *Face) asReader(who *access.Principal, version string) *Call {
	i := max(slices.Index(versions[:], version), 0)
	return &Call{Method: http.MethodGet, Version: versions[i], Who: who, Header: http.Header{}, Batched: true, face: f, api: f.api[i]}
}

// Readable says whether a principal may read a resource of a tenant in a version:
// what a subscription that was made earlier still needs.
func (f *Face) Readable(who *access.Principal, version, path string) bool {
	return f.asReader(who, version).mayRead(path) == nil
}

// Notice says of which resource objects are sent without being asked, and to whom.
type Notice struct {
	Version, Tenant, Path string
	Filter                string // what it does not hold for is left out
	Members               bool   // members of enumerations that came later are sent as they are
}

// Notified are records of a resource as the objects that a principal sees of them:
// what notifications with resource data carry. nil stands for what the filter leaves
// out.
func (f *Face) Notified(ctx context.Context, who *access.Principal, n Notice, raws [][]byte) ([]json.RawMessage, error) {
	c := f.asReader(who, n.Version)
	c.Header.Set(TenantHeader, n.Tenant)
	if err := c.mayRead(n.Path); err != nil {
		return nil, err
	}
	r := c.api.resource(n.Path)
	if r == nil {
		return nil, fault.New(fault.NotFound, "there is no resource %q", n.Path)
	}
	keep, err := f.sieve(c.api, r, n.Filter)
	if err != nil {
		return nil, err
	}
	l, err := f.newListing(c, r, r.entity, &odata.Options{Top: -1}, "", true, false)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(raws))
	for i, raw := range raws {
		known, err := f.o.Model.Identify(raw)
		if err != nil {
			return nil, err
		}
		name := f.o.Model.DefFor(known.Category).Name
		if r.said != "" && name == r.said { // of an object that lies elsewhere
			object, in, err := c.object(ctx, n.Path, gjson.GetBytes(raw, "properties.id").Str)
			if err != nil {
				return nil, err
			}
			if object != nil {
				raws[i], rows[i].table = object, in
				continue
			}
		}
		rows[i].table = max(slices.IndexFunc(l.tables, func(t tableOf) bool { return t.name == name }), 0)
	}
	if err := l.prepare(ctx, c, raws); err != nil {
		return nil, err
	}
	m := newMaker(r, r.entity, l.see, nil)
	out := make([]json.RawMessage, len(raws))
	for i, raw := range raws {
		// Filters see members as they are, whatever is sent.
		m.members = true
		object, err := l.object(ctx, c, nil, m, rows[i], raw)
		if err != nil {
			return nil, err
		}
		if ok, err := keep(ctx, object); !ok || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		if m.members = n.Members; !n.Members {
			if object, err = l.object(ctx, c, nil, m, rows[i], raw); err != nil {
				return nil, err
			}
		}
		out[i] = object
	}
	return out, nil
}

// sieve of a $filter over objects of a resource as they are shown; "" keeps all.
func (f *Face) sieve(a *api, r *resource, filter string) (keep func(ctx context.Context, object []byte) (bool, error), err error) {
	if filter == "" {
		return func(context.Context, []byte) (bool, error) { return true, nil }, nil
	}
	wrong := func(err error) error { return &odata.OptionError{Option: "$filter", Text: filter, Err: err} }
	e, err := odata.ParseFilter(filter)
	if err != nil {
		return nil, wrong(err)
	}
	p, err := f.overObjects(a, r.entity).Filter(e)
	if err != nil {
		return nil, wrong(err)
	}
	return func(ctx context.Context, object []byte) (bool, error) {
		doc, err := table.ParseJSON(string(object))
		if err != nil {
			return false, err
		}
		return odata.Evaluate(fn.NewContext(ctx, f.now(), 0, nil), p.Pred, cellOf(table.DynamicValue(doc))).Bool(), nil
	}, nil
}
