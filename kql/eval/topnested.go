package eval

import (
	"bytes"
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// topNested keeps at each level the values with the highest aggregates, within each
// value that the level before kept.
type topNested struct {
	x      *compiler
	schema table.Schema
	levels []nestedLevel
}

type nestedLevel struct {
	n      int64
	of     *node
	agg    aggregate
	asc    bool
	others *table.Value
	first  int // of the level's columns among those kept: its value, then arguments
}

func (x *compiler) topNested(p *pipe, op *plan.TopNested) error {
	var es []plan.Expr
	for _, l := range op.Levels {
		es = append(append(es, l.Of.Expr), l.Agg.Args...)
	}
	es, err := x.liftRows(p, es)
	if err != nil {
		return err
	}
	nodes, err := x.scope(p).exprs(es)
	if err != nil {
		return err
	}
	s := &topNested{x: x, schema: op.Schema()}
	at := 0
	for _, l := range op.Levels {
		agg, err := newAggregate(l.Agg, nodes[at+1:at+1+len(l.Agg.Args)])
		if err != nil {
			return err
		}
		level := nestedLevel{n: l.N, of: nodes[at], agg: agg, asc: l.Asc, first: at}
		if l.Others != nil {
			n, err := (&scope{compiler: x, pipe: p}).expr(l.Others)
			if err != nil {
				return err
			}
			v := fit(n.at(&table.Batch{Rows: 1}, 0), level.of.t)
			level.others = &v
		}
		s.levels = append(s.levels, level)
		at += 1 + len(l.Agg.Args)
	}
	p.add(s, s.schema)
	return nil
}

func (s *topNested) open(_ *env, in Reader) Reader {
	return &nestedReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("top-nested")}
}

type nestedReader struct {
	base
	s    *topNested
	hold hold
	from []*table.Batch // the levels' columns alone
	out  *table.Batch
	done *batches
}

func (r *nestedReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.done == nil {
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
		r.done = &batches{schema: r.schema, list: []*table.Batch{r.out}, size: r.s.x.o.batchRows()}
	}
	return r.done.Next(ctx)
}

func (r *nestedReader) fill(ctx context.Context) error {
	var all []at
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return err
		}
		kept := &table.Batch{Rows: b.Rows}
		for _, l := range r.s.levels {
			kept.Cols = append(kept.Cols, l.of.vector(b))
			for _, n := range l.agg.args {
				kept.Cols = append(kept.Cols, n.vector(b))
			}
		}
		for i := range b.Rows {
			all = append(all, at{int32(len(r.from)), int32(i)})
		}
		r.from = append(r.from, kept)
		if err := r.hold.add(kept.Bytes() + 16*int64(b.Rows)); err != nil {
			return err
		}
	}
	r.out = table.NewBatch(r.schema, 0)
	return r.level(ctx, 0, all, nil)
}

// nested is one value of a level.
type nested struct {
	value table.Value
	rows  []at
	agg   table.Value
	key   []byte
}

// level gives the rows of one level and those below for a part of all rows.
func (r *nestedReader) level(ctx context.Context, k int, rows []at, before []table.Value) error {
	if k == len(r.s.levels) {
		r.out.AppendRow(before)
		return r.hold.add(48 * int64(len(before)))
	}
	l := &r.s.levels[k]
	var values []*nested
	byKey := map[string]*nested{}
	var buf []byte
	for i, row := range rows {
		if i&1023 == 1023 {
			if err := r.s.x.alive(ctx); err != nil {
				return err
			}
		}
		v := &r.from[row.batch].Cols[l.first]
		buf = appendKey(buf[:0], v, int(row.row))
		g := byKey[string(buf)]
		if g == nil {
			g = &nested{value: v.At(int(row.row))}
			byKey[string(buf)] = g
			values = append(values, g)
		}
		g.rows = append(g.rows, row)
	}
	for _, g := range values {
		g.agg = r.aggregate(l, g.rows)
		one := table.NewVector(l.agg.out[0].Type, 1)
		one.Append(g.agg)
		g.key = appendSortKey(nil, &one, 0, sortOrder{desc: !l.asc})
	}
	slices.SortStableFunc(values, func(a, b *nested) int { return bytes.Compare(a.key, b.key) })
	var rest []at
	for i, g := range values {
		if l.n >= 0 && int64(i) >= l.n {
			rest = append(rest, g.rows...)
			continue
		}
		if err := r.level(ctx, k+1, g.rows, append(before[:len(before):len(before)], g.value, g.agg)); err != nil {
			return err
		}
	}
	if l.others != nil && len(rest) > 0 {
		r.out.AppendRow(r.others(k, rest, before))
	}
	return nil
}

// others is the one row for the values that a level left out: below it, levels that
// name their others do so again, and the rest is null.
func (r *nestedReader) others(k int, rest []at, before []table.Value) []table.Value {
	row := append([]table.Value{}, before...)
	for ; k < len(r.s.levels); k++ {
		l := &r.s.levels[k]
		if l.others == nil {
			row = append(row, table.Null(l.of.t), table.Null(l.agg.out[0].Type))
			continue
		}
		row = append(row, *l.others, r.aggregate(l, rest))
	}
	return row
}

func (r *nestedReader) aggregate(l *nestedLevel, rows []at) table.Value {
	state := l.agg.fn.New(r.s.x.c, l.agg.info)
	args := make([]table.Value, len(l.agg.args))
	for i, row := range rows {
		if i&1023 == 1023 && r.s.x.c.Ctx.Err() != nil {
			break // what calls will see it
		}
		for a := range args {
			args[a] = r.from[row.batch].Cols[l.first+1+a].At(int(row.row))
		}
		state.Add(args)
	}
	return fit(state.Results()[0], l.agg.out[0].Type)
}

func (r *nestedReader) Close() error {
	r.from, r.done = nil, &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
