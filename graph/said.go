package graph

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/record"
	"sextant/sentinel"
	"sextant/store"
	"sextant/table"
)

// What is said here of an object that another Graph gave stands over it: in what
// filters see (said), and in the object that is shown (findSaid, over).

// Columns of what is said: of which object, when, and the members.
const (
	saidOf   = "SaidOf"
	saidAt   = "SaidAt"
	saidWhat = "Said"
)

// saidRows are the newest of what is said of each object, or of those of some ids;
// nil where nothing was ever said.
func (l *listing) saidRows(snap store.Snapshot, cat *fn.Catalogue, ids []string) *plan.Pipeline {
	def, ok := snap.Def(l.res.said)
	if !ok || l.res.said == "" {
		return nil
	}
	scan := &plan.Scan{Def: def}
	scan.Out = def.Columns
	p := &plan.Pipeline{Source: scan}
	of := column(scan.Out, "CorrelationId")
	if ids != nil {
		args := []plan.Expr{of}
		for _, id := range ids {
			args = append(args, constant(table.StringValue(id)))
		}
		p.Ops = append(p.Ops, &plan.Filter{In: scan.Out, Pred: callOf(cat, "in", table.Bool, args...)})
	}
	at, what := column(scan.Out, "TimeGenerated"), column(scan.Out, "Properties")
	p.Ops = append(p.Ops, &plan.Summarize{By: []plan.Named{{Name: saidOf, Expr: of}}, Aggs: []plan.Agg{{
		Fn: cat.Aggregate("arg_max"), Args: []plan.Expr{at, what},
		Info: []fn.Arg{{Type: table.DateTime, Name: "TimeGenerated"}, {Type: table.Dynamic, Name: "Properties"}},
		Out:  table.Schema{{Name: saidAt, Type: table.DateTime}, {Name: saidWhat, Type: table.Dynamic}},
	}}})
	return p
}

// said puts it over the rows of objects, whose names and types stay.
func (l *listing) said(snap store.Snapshot, cat *fn.Catalogue, in table.Schema) []plan.Op {
	right := l.saidRows(snap, cat, nil)
	if right == nil {
		return nil
	}
	j := &plan.Join{Kind: plan.LeftOuter, Right: right, LeftKeys: []plan.Expr{column(in, objectID)}, RightKeys: []plan.Expr{column(right.Schema(), saidOf)}}
	for _, c := range in {
		j.LeftCols = append(j.LeftCols, c.Name)
	}
	for _, c := range right.Schema() {
		j.RightCols = append(j.RightCols, c.Name)
	}
	j.Out = append(append(table.Schema{}, in...), right.Schema()...)
	at, what := column(j.Out, saidAt), column(j.Out, saidWhat)
	silent := callOf(cat, "isnull", table.Bool, at)
	out := &plan.Project{}
	for _, c := range in {
		e := column(j.Out, c.Name)
		switch c.Name {
		case "Properties":
			comments := callOf(cat, "array_concat", table.Dynamic, &plan.Member{Of: e, Key: "comments"}, &plan.Member{Of: what, Key: "comments"})
			both := callOf(cat, "bag_pack", table.Dynamic, constant(table.StringValue("comments")), comments)
			e = callOf(cat, "iff", table.Dynamic, silent, e, callOf(cat, "bag_merge", table.Dynamic, both, what, e))
		case objectLast:
			e = callOf(cat, "iff", table.DateTime, callOf(cat, "<", table.Bool, e, at), at, e)
		}
		out.Cols = append(out.Cols, plan.Named{Name: c.Name, Expr: e})
	}
	return []plan.Op{j, out}
}

// findSaid of objects, by their ids.
func (l *listing) findSaid(ctx context.Context, ids []string) (map[string]json.RawMessage, error) {
	if l.res.said == "" || len(ids) == 0 {
		return nil, nil
	}
	a, err := l.run(ctx, func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
		p := l.saidRows(snap, cat, ids)
		if p == nil {
			return nil, errNothing
		}
		return p, nil
	})
	if errors.Is(err, errNothing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	return out, each(ctx, a, func(b *table.Batch) {
		for i := range b.Rows {
			out[b.Cols[0].At(i).Str()] = json.RawMessage(b.Cols[2].At(i).JSON())
		}
	})
}

// over puts what is said over the record of an object.
func over(raw []byte, said json.RawMessage) []byte {
	if said == nil {
		return raw
	}
	out, err := raw, error(nil)
	gjson.ParseBytes(said).ForEach(func(k, v gjson.Result) bool {
		path := "properties." + k.Str
		have := gjson.GetBytes(raw, path)
		switch k.Str {
		case "id", "createdDateTime":
			return true
		case "lastUpdateDateTime":
			theirs, known := record.ParseTime(have.Str)
			if ours, ok := record.ParseTime(v.Str); !ok || known && theirs > ours {
				return true
			}
		case "comments":
			all := have.Array()
			list := []byte{'['}
			for i, c := range append(all, v.Array()...) {
				if i > 0 {
					list = append(list, ',')
				}
				list = append(list, c.Raw...)
			}
			out, err = sjson.SetRawBytes(out, path, append(list, ']'))
			return err == nil
		}
		out, err = sjson.SetRawBytes(out, path, []byte(v.Raw))
		return err == nil
	})
	if err != nil {
		return raw // it is no object of which anything could be said
	}
	return out
}

// given is the alert of an id as another Graph gave it; nil where none did.
func (c *Call) given(ctx context.Context, id string) (*sentinel.Given, error) {
	raw, _, err := c.object(ctx, "security/alerts_v2", id)
	if err != nil || raw == nil {
		return nil, err
	}
	return &sentinel.Given{ID: id, Object: json.RawMessage(gjson.GetBytes(raw, "properties").Raw)}, nil
}

// object of a resource as another Graph gave it last, and the index of its table; nil
// where none did.
func (c *Call) object(ctx context.Context, path, id string) (raw []byte, in int, err error) {
	r := c.api.resource(path)
	l, err := c.face.newListing(c, r, r.entity, &odata.Options{Top: -1}, id, true, false)
	if err != nil {
		return nil, 0, err
	}
	all := l.tables
	l.tables = nil
	for i, t := range all {
		if t.objects() {
			l.tables, in = append(l.tables, t), i
		}
	}
	rows, _, err := l.rows(ctx, nil, 1)
	if err != nil || len(rows) == 0 {
		return nil, 0, err
	}
	raws, err := l.raws(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	return raws[0], in, nil
}
