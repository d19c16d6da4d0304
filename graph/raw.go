package graph

import (
	"context"
	"errors"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/record"
	"sextant/store"
	"sextant/table"
)

// raws reads the records of rows: from the log; what it no longer has, from the
// tables. A record that is in neither any more is nil.
func (l *listing) raws(ctx context.Context, rows []row) ([][]byte, error) {
	places := make([]store.Place, len(rows))
	for i := range rows {
		places[i] = rows[i].place
	}
	out, err := l.tenant.Log.Records(ctx, places)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		l.face.o.Logger.Error("records cannot be read from the log; they are made from the tables", "tenant", l.tenant.ID, "reason", err)
	}
	return out, l.fromTables(ctx, rows, out)
}

// fromTables makes records anew from the rows of tables.
func (l *listing) fromTables(ctx context.Context, rows []row, out [][]byte) error {
	missing := map[int]map[int64]int{} // by table: rows by identity
	for i := range rows {
		if out[i] == nil {
			m := missing[rows[i].table]
			if m == nil {
				m = map[int64]int{}
				missing[rows[i].table] = m
			}
			m[rows[i].id] = i
		}
	}
	for t, want := range missing {
		name := l.tables[t].name
		var visible table.Schema
		a, err := l.run(ctx, func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
			def, ok := snap.Def(name)
			if !ok {
				return nil, errNothing
			}
			visible = def.Columns
			scan := &plan.Scan{Def: def}
			scan.Out = append(append(table.Schema{}, def.Columns...), table.Column{Name: table.HiddenID, Type: table.Long})
			args := []plan.Expr{column(scan.Out, table.HiddenID)}
			for id := range want {
				args = append(args, constant(table.LongValue(id)))
			}
			return &plan.Pipeline{Source: scan, Ops: []plan.Op{&plan.Filter{In: scan.Out, Pred: callOf(cat, "in", table.Bool, args...)}}}, nil
		})
		if errors.Is(err, errNothing) {
			continue
		}
		if err != nil {
			return err
		}
		var bad error
		err = each(ctx, a, func(b *table.Batch) {
			for i := range b.Rows {
				at, ok := want[b.Cols[len(visible)].At(i).Int64()]
				if !ok {
					continue
				}
				made, err := l.face.o.Model.Translate(rowJSON(visible, b, i), record.Hint{Table: name, Tenant: l.tenant.ID})
				if err != nil {
					bad = errors.Join(bad, err)
					continue
				}
				out[at] = made.JSON
			}
		})
		if err := errors.Join(err, bad); err != nil {
			return err
		}
	}
	return nil
}

// rowJSON is a row as an object; what is null is left out.
func rowJSON(s table.Schema, b *table.Batch, i int) []byte {
	dst := []byte{'{'}
	for c := range s {
		v := b.Cols[c].At(i)
		if v.IsNull() || v.Type() == table.String && v.Str() == "" {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = table.AppendQuoted(dst, s[c].Name)
		dst = append(dst, ':')
		switch v.Type() {
		case table.Bool, table.Int, table.Long:
			dst = append(dst, v.Text()...)
		case table.Real:
			dst = append(dst, table.FormatReal(v.Float64(), false)...)
		case table.Dynamic:
			dst = append(dst, v.JSON()...)
		case table.DateTime:
			dst = table.AppendQuoted(dst, stamp(v.Int64()))
		default:
			dst = table.AppendQuoted(dst, v.Text())
		}
	}
	return append(dst, '}')
}
