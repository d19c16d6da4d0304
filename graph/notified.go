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
	"sextant/odata"
	"sextant/record"
	"sextant/subscription"
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

// Notified are records of a resource as the objects that a principal sees of them:
// what notifications with resource data carry.
func (f *Face) Notified(ctx context.Context, who *access.Principal, version, tenant, path string, raws [][]byte) ([]json.RawMessage, error) {
	c := f.asReader(who, version)
	c.Header.Set(TenantHeader, tenant)
	if err := c.mayRead(path); err != nil {
		return nil, err
	}
	r := c.api.resource(path)
	if r == nil {
		return nil, fault.New(fault.NotFound, "there is no resource %q", path)
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
			object, in, err := c.object(ctx, path, gjson.GetBytes(raw, "properties.id").Str)
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
		if out[i], err = l.object(ctx, c, nil, m, rows[i], raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}
