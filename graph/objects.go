package graph

import (
	"context"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/table"
)

// object is one of a collection that is computed, by property.
type object map[string]any

// computed is a collection of objects that fits in memory.
type computed struct {
	path       string // for @odata.context
	entity     *odata.Type
	objects    []object
	order      string // property that they are in the order of
	page, most int
}

// overObjects binds the properties of an entity to the members of objects in memory;
// cellOf one gives their values.
func (f *Face) overObjects(a *api, entity *odata.Type) *odata.Binding {
	return &odata.Binding{Model: a.model, Entity: entity, Cat: f.o.Engine.Catalogue(), Column: func(property string) (odata.Column, bool) {
		return odata.Column{Expr: &plan.Col{Name: property, T: table.Dynamic}}, true
	}}
}

func cellOf(object table.Value) func(string) table.Value {
	return func(name string) table.Value {
		if x, ok := object.Dyn().(*table.Object); ok {
			if v, ok := x.Get(name); ok && v != nil {
				return table.DynamicValue(v)
			}
		}
		return table.Null(table.Dynamic)
	}
}

// serve a computed collection: the options of OData over objects in memory.
func (f *Face) serve(ctx context.Context, c *Call, all computed) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	b := f.overObjects(c.api, all.entity)
	rows := make([]table.Value, len(all.objects))
	for i, o := range all.objects {
		text, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		doc, err := table.ParseJSON(string(text))
		if err != nil {
			return nil, err
		}
		rows[i] = table.DynamicValue(doc)
	}
	fc := fn.NewContext(ctx, f.now(), 0, nil)
	at := make([]int, 0, len(rows))
	var filter *odata.Filter
	if o.Filter != nil {
		if filter, err = b.Filter(o.Filter); err != nil {
			return nil, &odata.OptionError{Option: "$filter", Text: o.Raw["filter"], Err: err}
		}
	}
	for i := range rows {
		if filter == nil || odata.Evaluate(fc, filter.Pred, cellOf(rows[i])).Bool() {
			at = append(at, i)
		}
	}
	keys := o.OrderBy
	if len(keys) == 0 && all.order != "" {
		if keys, err = odata.ParseOrder(all.order); err != nil {
			return nil, err
		}
	}
	order, err := b.Order(keys)
	if err != nil {
		return nil, &odata.OptionError{Option: "$orderby", Text: o.Raw["orderby"], Err: err}
	}
	sort.SliceStable(at, func(x, y int) bool {
		for _, k := range order {
			n := fn.SortCompare(odata.Evaluate(fc, k.Expr, cellOf(rows[at[x]])), odata.Evaluate(fc, k.Expr, cellOf(rows[at[y]])))
			if k.Desc {
				n = -n
			}
			if n != 0 {
				return n < 0
			}
		}
		return false
	})
	if err := b.Check(o.Select); err != nil {
		return nil, &odata.OptionError{Option: "$select", Text: o.Raw["select"], Err: err}
	}
	size, err := c.pageSize(o.Top, all.page, all.most)
	if err != nil {
		return nil, err
	}
	hash := queryHash(c.Tenant.ID, c.Version, strings.ToLower(strings.Join(c.Path, "/")), o.Raw["filter"], o.Raw["orderby"])
	begin := o.Skip
	if o.SkipToken != "" {
		// What is computed changes with what it is computed from: the pages go on by
		// place.
		after, err := f.unseal(o.SkipToken, hash)
		if err != nil {
			return nil, err
		}
		begin = int(after.ID)
	}
	total := len(at)
	begin = min(max(begin, 0), total)
	end := min(begin+size, total)
	out := append([]byte(nil), `{"@odata.context":`...)
	out = appendText(out, []byte(c.Context(all.path)))
	if o.Count {
		out = append(out, `,"@odata.count":`...)
		out = strconv.AppendInt(out, int64(total), 10)
	}
	if end < total && size > 0 {
		token, err := f.seal(&cursor{Query: hash, Issued: f.o.Clock().Unix(), ID: int64(end)})
		if err != nil {
			return nil, err
		}
		out = append(out, `,"@odata.nextLink":`...)
		out = appendText(out, []byte(c.Base+escaped(c.Path)+"?"+nextQuery(c.Query, token)))
	}
	out = append(out, `,"value":[`...)
	picked := selection(o)
	for n, i := range at[begin:end] {
		if n > 0 {
			out = append(out, ',')
		}
		if out, err = all.objects[i].appendTo(out, all.entity, picked, c.see.full); err != nil {
			return nil, err
		}
	}
	return &Reply{Body: append(out, "]}"...), Header: c.applied()}, nil
}

// selection of $select; nil is everything.
func selection(o *odata.Options) [][]string {
	var out [][]string
	for _, p := range o.Select {
		if p.Names[0] == "*" {
			return nil
		}
		out = append(out, p.Names)
	}
	return out
}

// appendTo writes the object with the properties of its type, in their order.
func (o object) appendTo(dst []byte, t *odata.Type, picked [][]string, full bool) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	if full {
		dst = append(dst, typeMember(t)...)
		first = false
	}
	for i := range t.Props {
		p := &t.Props[i]
		if p.Nav || picked != nil && !slices.ContainsFunc(picked, func(s []string) bool { return strings.EqualFold(s[0], p.Name) }) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, headOf(p, full)...)
		v := o[p.Name]
		if v == nil && p.Type.Collection {
			v = []string{}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return dst, err
		}
		dst = append(dst, text...)
	}
	return append(dst, '}'), nil
}

// serveOne is one object of a computed collection.
func (f *Face) serveOne(c *Call, all computed, id string) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	for _, x := range all.objects {
		if s, _ := x["id"].(string); strings.EqualFold(s, id) {
			out := append([]byte(nil), `{"@odata.context":`...)
			out = appendText(out, []byte(c.Context(all.path+"/$entity")))
			one, err := x.appendTo(nil, all.entity, selection(o), c.see.full)
			if len(one) > 2 {
				out = append(out, ',')
			}
			return &Reply{Body: append(out, one[1:]...)}, err
		}
	}
	return nil, NotFound(id)
}

// countOf a computed collection.
func (f *Face) countOf(ctx context.Context, c *Call, all computed) (*Reply, error) {
	all.page, all.most = len(all.objects)+1, len(all.objects)+1
	r, err := f.serve(ctx, c, all)
	if err != nil {
		return nil, err
	}
	var got struct {
		Value []json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(r.Body, &got); err != nil {
		return nil, err
	}
	return &Reply{Body: strconv.AppendInt(nil, int64(len(got.Value)), 10), Type: "text/plain"}, nil
}
