package graph

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/store"
	"sextant/table"
)

// Who asks for the newest asks for few rows of many, and tables are cut by time. So a
// list in the order of time, newest first, looks at the newest part of the tables
// first, and at more as long as its rows do not fill the page. Tables are cut by
// TimeGenerated, objects are ordered by a time of their own, such as createdDateTime:
// nearly the same, but not quite. Therefore, once a page is full, the rest of the
// tables is asked for rows whose own time is not before that of the page's last one:
// hardly ever is there one, and finding none is quick.

const (
	// windowRows is how many rows of the tables the first look is at, about.
	windowRows = 400_000
	// windowGrows is by how much the next look is larger.
	windowGrows = 8
	// windowWorth: tables of fewer rows are read as a whole.
	windowWorth = 1_000_000
)

// span of times, in ticks, of a table's time column.
type span struct {
	from int64 // inclusive
	// rest is set to look at what is not in the span: rows before it, and those that
	// have no time.
	rest bool
	// least is the value of the first sort key that rows of the rest must have.
	least int64
}

// look at a span of the tables, or at all of them (nil).
type look struct {
	after *cursor
	n     int64
	in    *span
}

// windowed tells whether the order is that of a time, newest first, and gives where to
// begin: how far back the first look goes.
func (l *listing) windowed(ctx context.Context, after *cursor, n int) (from, oldest, step int64, ok bool, err error) {
	if l.latest || !l.desc[0] {
		return 0, 0, 0, false, nil
	}
	p, is := l.keys[0].Expr.(*odata.Path)
	if !is || len(p.Names) != 1 {
		return 0, 0, 0, false, nil
	}
	if prop, is := l.entity.Property(p.Names[0]); !is || prop.Type.Name != "DateTimeOffset" {
		return 0, 0, 0, false, nil
	}
	snap, err := l.tenant.Store.Snapshot(ctx)
	if err != nil {
		return 0, 0, 0, false, err
	}
	var rows int64
	newest := int64(-1)
	for _, t := range l.tables {
		s := snap.Stats(t.name)
		if s.Rows == 0 || s.Max < s.Min {
			continue
		}
		if newest < 0 || s.Min < oldest {
			oldest = s.Min
		}
		rows, newest = rows+s.Rows, max(newest, s.Max)
	}
	if err := snap.Close(); err != nil {
		return 0, 0, 0, false, err
	}
	if rows < l.face.windowWorth {
		return 0, 0, 0, false, nil
	}
	want := max(l.face.windowRows, 4*int64(n))
	step = max(int64(float64(newest-oldest)*float64(want)/float64(rows)), 1)
	start := newest
	if after != nil {
		v, known := after.Keys[0].value()
		if !known || v.IsNull() || v.Type() != table.DateTime {
			return 0, 0, 0, false, nil
		}
		start = min(start, v.Int64())
	}
	// What the filter says of the time says where to begin, and that it is not worth
	// while where it leaves little: the engine skips what lies outside of it.
	least, most := bounds(l.o.Filter, p.Names[0])
	start = min(start, most)
	oldest = max(oldest, least)
	if since, known, err := l.since(ctx, start, 2*int64(n)); err != nil {
		return 0, 0, 0, false, err
	} else if known {
		return since, oldest, max(start-since, step), since > oldest, nil
	}
	return start - step, oldest, step, true, nil
}

// since when about n rows up to a time have the values that the filter wants; false where
// the store does not know.
func (l *listing) since(ctx context.Context, start, n int64) (since int64, known bool, err error) {
	snap, err := l.tenant.Store.Snapshot(ctx)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	dater, ok := snap.(store.Dater)
	if !ok {
		return 0, false, nil
	}
	since = math.MinInt64
	for _, t := range l.tables {
		def, ok := snap.Def(t.name)
		if !ok || snap.Stats(t.name).Rows == 0 {
			continue
		}
		if l.o.Filter == nil {
			return 0, false, nil
		}
		filter, err := l.face.bind(l.api, l.res, l.entity, t, &def, l.see).Filter(l.o.Filter)
		if err != nil {
			return 0, false, err
		}
		scan := store.Scan{Table: t.name, To: start + 1}
		for _, e := range append(hinted(filter, &def), plan.Equals(def, filter.Pred)...) {
			scan.Equal = append(scan.Equal, store.Equal(e))
		}
		s, ok := dater.Since(scan, n)
		if !ok {
			return 0, false, nil
		}
		since = max(since, s)
	}
	return since, true, nil
}

// bounds of a time that a filter lets through, as far as its conjuncts say.
func bounds(e odata.Expr, property string) (least, most int64) {
	least, most = math.MinInt64, math.MaxInt64
	b, ok := e.(*odata.Binary)
	if !ok {
		return least, most
	}
	if b.Op == "and" {
		l1, m1 := bounds(b.X, property)
		l2, m2 := bounds(b.Y, property)
		return max(l1, l2), min(m1, m2)
	}
	p, isPath := b.X.(*odata.Path)
	v, isLiteral := b.Y.(*odata.Literal)
	if !isPath || !isLiteral || len(p.Names) != 1 || !strings.EqualFold(p.Names[0], property) {
		return least, most
	}
	at, ok := odata.ParseTime(v.Text)
	if !ok {
		return least, most
	}
	switch b.Op {
	case "ge", "gt":
		return at, most
	case "le", "lt":
		return least, at
	case "eq":
		return at, at
	}
	return least, most
}

// rows behind a cursor: at most n, and whether there are no more.
func (l *listing) rows(ctx context.Context, after *cursor, n int) ([]row, bool, error) {
	from, oldest, step, ok, err := l.windowed(ctx, after, n)
	if err != nil {
		return nil, false, err
	}
	for ok && from > oldest {
		rows, err := l.look(ctx, look{after: after, n: int64(n), in: &span{from: from}})
		if err != nil {
			return nil, false, err
		}
		if len(rows) < n {
			step *= windowGrows
			from -= step
			continue
		}
		last := rows[n-1].keys[0]
		if last.IsNull() {
			break
		}
		rest, err := l.look(ctx, look{after: after, n: int64(n), in: &span{from: from, rest: true, least: last.Int64()}})
		if err != nil {
			return nil, false, err
		}
		if len(rest) > 0 {
			rows = append(rows, rest...)
			slices.SortStableFunc(rows, l.compare)
			rows = rows[:n]
		}
		return rows, false, nil
	}
	rows, err := l.look(ctx, look{after: after, n: int64(n)})
	return rows, len(rows) < n, err
}

// compare two rows in the order of the list, as the plan does.
func (l *listing) compare(a, b row) int {
	for i, desc := range l.desc {
		c := fn.SortCompare(a.keys[i], b.keys[i])
		if desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	c := 1
	if a.id < b.id {
		c = -1
	} else if a.id == b.id {
		return 0
	}
	if l.desc[len(l.desc)-1] {
		c = -c
	}
	return c
}

// within adds the filters of a span to the input of a table. It gives two inputs
// where rows without a time are among those that are meant, and there may be any
// (undated).
func (s *span) within(cat *fn.Catalogue, p *plan.Pipeline, def *table.Def, undated bool, key plan.Expr) []*plan.Pipeline {
	if s == nil || def.Time == "" {
		if s != nil && s.rest {
			return nil
		}
		return []*plan.Pipeline{p}
	}
	in := p.Schema()
	time := column(in, def.Time)
	filtered := func(preds ...plan.Expr) *plan.Pipeline {
		out := &plan.Pipeline{Source: p.Source, Ops: slices.Clone(p.Ops)}
		for _, pred := range preds {
			out.Ops = append(out.Ops, &plan.Filter{In: in, Pred: pred})
		}
		return out
	}
	from := constant(table.DateTimeValue(s.from))
	if !s.rest {
		return []*plan.Pipeline{filtered(callOf(cat, ">=", table.Bool, time, from))}
	}
	least := callOf(cat, ">=", table.Bool, key, constant(table.DateTimeValue(s.least)))
	parts := []*plan.Pipeline{filtered(callOf(cat, "<", table.Bool, time, from), least)}
	if undated {
		parts = append(parts, filtered(callOf(cat, "isnull", table.Bool, time), least))
	}
	return parts
}
