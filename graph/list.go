package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/query"
	"sextant/store"
	"sextant/table"
)

// listing is a compiled request for objects of a resource: everything that its pages
// have in common.
type listing struct {
	face   *Face
	api    *api
	res    *resource
	entity *odata.Type // of the objects; a history's has a type of its own
	tenant *Tenant
	who    string // for who asks what
	text   string // the request, likewise
	see    seen
	o      *odata.Options

	tables []tableOf // that can have objects
	keys   []odata.OrderKey
	desc   []bool
	id     string // only objects of this id; "" all
	latest bool   // one object for each id

	// history: the objects are items of a history; expands: they come with theirs.
	history, expands bool

	alerts   map[string][]byte // of incidents that are shown with theirs, by id
	incident map[string]string // of alerts, by the alert's id
}

// newListing of what a request asks for. all asks for every kind of sign-in.
func (f *Face) newListing(c *Call, r *resource, entity *odata.Type, o *odata.Options, id string, all, history bool) (*listing, error) {
	l := &listing{face: f, api: c.api, res: r, entity: entity, tenant: c.Tenant, who: c.by(), text: c.text, see: c.see, o: o, id: id, tables: r.tables, history: history}
	l.latest = r.latest != "" && !history
	l.keys = o.OrderBy
	if len(l.keys) == 0 {
		l.keys = []odata.OrderKey{{Expr: &odata.Path{Names: []string{r.order}, Spans: make([]fault.Span, 1)}, Desc: true}}
	}
	for _, k := range l.keys {
		l.desc = append(l.desc, k.Desc)
	}
	// What is not filtered by its kind is an interactive sign-in.
	if len(r.tables) > 1 && r.tables[0].kind != "" && !all && !mentions(o.Filter, "signInEventTypes") {
		l.tables = r.tables[:1]
	}
	return l, l.check()
}

// mentions says whether an expression reads a property of the entity.
func mentions(e odata.Expr, property string) bool {
	switch e := e.(type) {
	case *odata.Path:
		return strings.EqualFold(e.Names[0], property)
	case *odata.Unary:
		return mentions(e.X, property)
	case *odata.Binary:
		return mentions(e.X, property) || mentions(e.Y, property)
	case *odata.In:
		return mentions(e.X, property) || slices.ContainsFunc(e.List, func(x odata.Expr) bool { return mentions(x, property) })
	case *odata.Call:
		return slices.ContainsFunc(e.Args, func(x odata.Expr) bool { return mentions(x, property) })
	case *odata.Lambda:
		return mentions(e.Of, property) || e.Body != nil && mentions(e.Body, property)
	case *odata.Count:
		return mentions(e.Of, property)
	}
	return false
}

// check the options against the types, also where no table has objects.
func (l *listing) check() error {
	b := l.face.bind(l.api, l.res, l.entity, tableOf{}, &table.Def{}, l.see)
	option := func(name string, err error) error {
		if err == nil {
			return nil
		}
		return &odata.OptionError{Option: "$" + name, Text: l.o.Raw[name], Err: err}
	}
	if l.o.Filter != nil {
		if _, err := b.Filter(l.o.Filter); err != nil {
			return option("filter", err)
		}
	}
	if _, err := b.Order(l.keys); err != nil {
		return option("orderby", err)
	}
	if err := b.Check(l.o.Select); err != nil {
		return option("select", err)
	}
	if err := b.Check(l.o.Expand); err != nil {
		return option("expand", err)
	}
	for _, p := range l.o.Expand {
		if prop, ok := l.entity.Property(p.Names[0]); !ok || !prop.Nav {
			return option("expand", fault.Diagnostics{{Span: p.At, Text: fmt.Sprintf("Property '%s' on type '%s%s' is not a navigation property. Only navigation properties can be expanded.", p.Names[0], odata.Namespace, l.entity.Name)}})
		}
		l.expands = l.expands || l.res.history != nil
	}
	return nil
}

// input of a table: its scan and the filter of the request. nil where no row of the
// table can be meant.
func (l *listing) input(snap store.Snapshot, cat *fn.Catalogue, t tableOf) (*plan.Pipeline, []odata.SortKey, *odata.Binding, error) {
	def, ok := snap.Def(t.name)
	if !ok {
		return nil, nil, nil, nil
	}
	b := l.face.bind(l.api, l.res, l.entity, t, &def, l.see)
	filter := &odata.Filter{Pred: b.And()}
	var err error
	if l.o.Filter != nil {
		if filter, err = b.Filter(l.o.Filter); err != nil {
			return nil, nil, nil, &odata.OptionError{Option: "$filter", Text: l.o.Raw["filter"], Err: err}
		}
	}
	if k, ok := filter.Pred.(*plan.Const); ok && !k.Value.Bool() {
		return nil, nil, nil, nil
	}
	keys, err := b.Order(l.keys)
	if err != nil {
		return nil, nil, nil, &odata.OptionError{Option: "$orderby", Text: l.o.Raw["orderby"], Err: err}
	}
	scan := &plan.Scan{Def: def}
	scan.Out = append(slices.Clone(def.Columns), placeColumns()...)
	// What the index over lists says holds for every row that is wanted, so it holds
	// for what the scan gives; of the latest rows it would choose others.
	if !l.latest {
		scan.Equal = hinted(filter, &def)
	}
	p := &plan.Pipeline{Source: scan}
	if t.objects() {
		p.Ops = append(p.Ops, objectColumns(cat, l.res, scan.Out))
	}
	rows := p.Schema()
	if l.id != "" {
		p.Ops = append(p.Ops, &plan.Filter{In: rows, Pred: callOf(cat, "==", table.Bool, column(rows, l.idColumn(b)), constant(table.StringValue(l.id)))})
	}
	if l.latest {
		p.Ops = append(p.Ops, l.newest(cat, rows, b))
	}
	if t.objects() {
		p.Ops = append(p.Ops, l.said(snap, cat, p.Schema())...)
	}
	in := p.Schema()
	p.Ops = append(p.Ops, &plan.Filter{In: in, Pred: filter.Pred})
	return p, keys, b, nil
}

// hinted are the values that a filter wants of columns that have an index.
func hinted(f *odata.Filter, def *table.Def) (out []plan.Equal) {
	for _, h := range f.Hints {
		if slices.Contains(def.IDs, h.Column) {
			out = append(out, plan.Equal(h))
		}
	}
	return out
}

func constant(v table.Value) plan.Expr { return &plan.Const{Value: v} }

func column(s table.Schema, name string) plan.Expr {
	return &plan.Col{Name: name, T: s[s.Index(name)].Type}
}

// idColumn of the table: of what the entity calls id.
func (l *listing) idColumn(b *odata.Binding) string {
	return l.columnName(b, "id")
}

func (l *listing) columnName(b *odata.Binding, property string) string {
	c, _ := b.Column(property)
	col, ok := c.Expr.(*plan.Col)
	if !ok {
		panic("graph: no column has " + l.entity.Name + "/" + property)
	}
	return col.Name
}

// placeColumns say which record a row is.
func placeColumns() table.Schema {
	var out table.Schema
	for _, name := range []string{table.HiddenID, table.HiddenTopic, table.HiddenPartition, table.HiddenOffset, table.HiddenIndex, table.HiddenArrival} {
		out = append(out, table.Hidden[table.Hidden.Index(name)])
	}
	return out
}

// newest keeps of each id the row of the latest record. Names and types stay.
func (l *listing) newest(cat *fn.Catalogue, in table.Schema, b *odata.Binding) plan.Op {
	id, by := l.idColumn(b), l.columnName(b, l.res.latest)
	agg := plan.Agg{Fn: cat.Aggregate("arg_max"), Args: []plan.Expr{column(in, by)}}
	for _, c := range in {
		if c.Name != id && c.Name != by {
			agg.Args = append(agg.Args, &plan.Col{Name: c.Name, T: c.Type})
		}
	}
	for _, a := range agg.Args {
		c := a.(*plan.Col)
		agg.Info = append(agg.Info, fn.Arg{Type: c.T, Name: c.Name})
		agg.Out = append(agg.Out, table.Column{Name: c.Name, Type: c.T})
	}
	return &plan.Summarize{By: []plan.Named{{Name: id, Expr: column(in, id)}}, Aggs: []plan.Agg{agg}}
}

// rowsPlan gives rows behind a cursor, in order: sort keys, identity, place, arrival,
// table.
func (l *listing) rowsPlan(at look) func(store.Snapshot, *fn.Catalogue) (*plan.Pipeline, error) {
	return func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
		var inputs []*plan.Pipeline
		for i, t := range l.tables {
			p, keys, b, err := l.input(snap, cat, t)
			if err != nil {
				return nil, err
			}
			if p == nil {
				continue
			}
			in := p.Schema()
			if at.after != nil {
				pred, err := behind(b, keys, in, at.after)
				if err != nil {
					return nil, err
				}
				p.Ops = append(p.Ops, &plan.Filter{In: in, Pred: pred})
				if at.in != nil {
					// Rows without a time come last, where a span that fills the page has
					// nothing to do with them; without them the engine skips what is newer.
					v, _ := at.after.Keys[0].value()
					p.Ops = append(p.Ops, &plan.Filter{In: in, Pred: callOf(cat, "<=", table.Bool, keys[0].Expr, constant(v))})
				}
			}
			project := &plan.Project{}
			for k, key := range keys {
				project.Cols = append(project.Cols, plan.Named{Name: "k" + strconv.Itoa(k), Expr: key.Expr})
			}
			for _, c := range placeColumns() {
				project.Cols = append(project.Cols, plan.Named{Name: plainName(c.Name), Expr: &plan.Col{Name: c.Name, T: c.Type}})
			}
			project.Cols = append(project.Cols, plan.Named{Name: "table", Expr: constant(table.LongValue(int64(i)))})
			def, _ := snap.Def(t.name)
			for _, part := range at.in.within(cat, p, &def, snap.Stats(t.name).Undated > 0, keys[0].Expr) {
				part.Ops = append(part.Ops, project)
				inputs = append(inputs, part)
			}
		}
		p := &plan.Pipeline{}
		switch len(inputs) {
		case 0:
			return nil, errNothing
		case 1:
			p = inputs[0]
		default:
			out := inputs[0].Schema()
			u := &plan.Union{Out: out, Inputs: inputs}
			for _, in := range inputs {
				if !slices.Equal(in.Schema(), out) {
					return nil, fault.New(fault.Internal, "tables of %s give keys of different types", l.res)
				}
				u.From = append(u.From, out.Names())
			}
			p.Source = u
		}
		out := p.Schema()
		top := &plan.Top{In: out, N: at.n}
		for k, desc := range l.desc {
			top.Keys = append(top.Keys, plan.SortKey{Expr: column(out, "k"+strconv.Itoa(k)), Desc: desc, NullsFirst: !desc})
		}
		last := l.desc[len(l.desc)-1]
		top.Keys = append(top.Keys, plan.SortKey{Expr: column(out, plainName(table.HiddenID)), Desc: last, NullsFirst: !last})
		p.Ops = append(p.Ops, top)
		return p, nil
	}
}

func plainName(hidden string) string { return strings.TrimPrefix(hidden, "$") }

// errNothing: no table can have what is asked for.
var errNothing = errors.New("nothing can be meant")

// behind is true for rows that come after the cursor's.
func behind(b *odata.Binding, keys []odata.SortKey, in table.Schema, after *cursor) (plan.Expr, error) {
	if len(after.Keys) != len(keys) {
		return nil, fault.New(fault.Internal, "a page token has %d keys where %d are sorted by", len(after.Keys), len(keys))
	}
	cat := b.Cat
	id := column(in, table.HiddenID)
	last := keys[len(keys)-1].Desc
	op := map[bool]string{false: ">", true: "<"}
	rest := callOf(cat, op[last], table.Bool, id, constant(table.LongValue(after.ID)))
	for i := len(keys) - 1; i >= 0; i-- {
		k := keys[i]
		v, ok := after.Keys[i].value()
		if !ok || v.Type() != k.Expr.Type() {
			return nil, fault.New(fault.Internal, "a page token has a key of another type than is sorted by")
		}
		rest = behindKey(b, k, v, rest)
	}
	return rest, nil
}

// behindKey: the key is behind the value, or equal and the rest is behind.
func behindKey(b *odata.Binding, k odata.SortKey, v table.Value, rest plan.Expr) plan.Expr {
	cat := b.Cat
	isNull := callOf(cat, "isnull", table.Bool, k.Expr)
	switch {
	case v.IsNull() && k.Desc: // nulls are last
		return b.And(isNull, rest)
	case v.IsNull():
		return b.Or(b.And(isNull, rest), b.Not(isNull))
	}
	op := ">"
	if k.Desc {
		op = "<"
	}
	var further plan.Expr
	switch k.Expr.Type() {
	case table.String:
		further = callOf(cat, op, table.Bool, callOf(cat, "strcmp", table.Long, k.Expr, constant(v)), constant(table.LongValue(0)))
	case table.Bool:
		further = callOf(cat, op, table.Bool, callOf(cat, "tolong", table.Long, k.Expr), constant(table.LongValue(boolNumber(v))))
	default:
		further = callOf(cat, op, table.Bool, k.Expr, constant(v))
	}
	pred := b.Or(further, b.And(callOf(cat, "==", table.Bool, k.Expr, constant(v)), rest))
	if k.Desc && k.Expr.Type() != table.String {
		pred = b.Or(pred, isNull)
	}
	return pred
}

func boolNumber(v table.Value) int64 {
	if v.Bool() {
		return 1
	}
	return 0
}

// look for rows, in the order of the list.
func (l *listing) look(ctx context.Context, at look) ([]row, error) {
	a, err := l.run(ctx, l.rowsPlan(at))
	if errors.Is(err, errNothing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]row, 0, min(at.n, 1024))
	err = each(ctx, a, func(b *table.Batch) {
		k := len(l.desc)
		keys := make([]table.Value, b.Rows*k)
		for i := range b.Rows {
			r := row{keys: keys[i*k : (i+1)*k : (i+1)*k]}
			for j := range k {
				r.keys[j] = b.Cols[j].At(i)
			}
			r.id = b.Cols[k].At(i).Int64()
			r.place = store.Place{TopicPartition: store.TopicPartition{Topic: b.Cols[k+1].At(i).Str(), Partition: int32(b.Cols[k+2].At(i).Int64())}, Offset: b.Cols[k+3].At(i).Int64(), Index: int32(b.Cols[k+4].At(i).Int64())}
			r.arrival = b.Cols[k+5].At(i).Int64()
			r.table = int(b.Cols[k+6].At(i).Int64())
			out = append(out, r)
		}
	})
	return out, err
}

func (l *listing) run(ctx context.Context, p func(store.Snapshot, *fn.Catalogue) (*plan.Pipeline, error)) (*query.Answer, error) {
	return l.face.o.Engine.RunPlan(ctx, l.tenant.Store, query.Planned{Text: l.text, By: l.who, Plan: p, MaxRows: maxRows})
}

// maxRows that one query gives.
const maxRows = 1 << 20

// each batch of an answer, which is closed.
func each(ctx context.Context, a *query.Answer, f func(*table.Batch)) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	for {
		b, err := a.Tables[0].Rows.Next(ctx)
		if err != nil || b == nil {
			return err
		}
		f(b)
	}
}

// count of all objects.
func (l *listing) count(ctx context.Context) (int64, error) {
	var total int64
	for _, t := range l.tables {
		a, err := l.run(ctx, func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
			p, _, _, err := l.input(snap, cat, t)
			if err != nil {
				return nil, err
			}
			if p == nil {
				return nil, errNothing
			}
			p.Ops = append(p.Ops, &plan.Summarize{Aggs: []plan.Agg{{Fn: cat.Aggregate("count"), Out: table.Schema{{Name: "count_", Type: table.Long}}}}})
			return p, nil
		})
		if errors.Is(err, errNothing) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if err := each(ctx, a, func(b *table.Batch) {
			for i := range b.Rows {
				total += b.Cols[0].At(i).Int64()
			}
		}); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// selected properties, and what of them; nil is all.
func (l *listing) selected() [][]string { return selection(l.o) }

// context of the answer: @odata.context behind $metadata#.
func (l *listing) contextOf(path string) string {
	if l.o.Select == nil {
		return path
	}
	var names []string
	for _, p := range l.o.Select {
		names = append(names, strings.Join(p.Names, "/"))
	}
	return fmt.Sprintf("%s(%s)", path, strings.Join(names, ","))
}
