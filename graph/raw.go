package graph

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/record"
	"sextant/store"
	"sextant/table"
)

// raws reads the records of rows: from the log, each event once; what it no longer
// has, from the tables. A record that is in neither any more is nil.
func (l *listing) raws(ctx context.Context, rows []row) ([][]byte, error) {
	out := make([][]byte, len(rows))
	type event struct {
		at   place
		rows []int
	}
	var events []*event
	by := map[place]*event{}
	for i, r := range rows {
		at := r.place
		at.index = 0
		e := by[at]
		if e == nil {
			e = &event{at: at}
			by[at] = e
			events = append(events, e)
		}
		e.rows = append(e.rows, i)
	}
	var mu sync.Mutex
	var first error
	next := 0
	work := func() {
		for {
			mu.Lock()
			if next == len(events) || first != nil {
				mu.Unlock()
				return
			}
			e := events[next]
			next++
			mu.Unlock()
			err := l.cut(ctx, e.at, e.rows, rows, out)
			if err != nil {
				mu.Lock()
				first = errors.Join(first, err)
				mu.Unlock()
			}
		}
	}
	if n := min(runtime.GOMAXPROCS(0), len(events)/8+1); n > 1 {
		var wg sync.WaitGroup
		for range n {
			wg.Go(work)
		}
		wg.Wait()
	} else {
		work()
	}
	if first != nil {
		return nil, first
	}
	return out, l.fromTables(ctx, rows, out)
}

// cut the records of rows out of one event. That the log no longer has it is no error.
func (l *listing) cut(ctx context.Context, at place, of []int, rows []row, out [][]byte) error {
	value, _, err := l.tenant.Log.Event(ctx, at.topic, at.partition, at.offset)
	if err != nil {
		return ctx.Err()
	}
	left := len(of)
	err = record.SplitEvent(value, func(index int, raw []byte) error {
		for _, i := range of {
			if int(rows[i].place.index) == index {
				out[i] = raw
				if left--; left == 0 {
					return errEnough
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) && fault.KindOf(err) != fault.Invalid {
		return err
	}
	return nil
}

// errEnough ends the splitting of an event.
var errEnough = errors.New("enough")

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
