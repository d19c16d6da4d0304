package eval

import (
	"context"
	"slices"

	"sextant/kql/plan"
	"sextant/table"
)

// mv-apply and partition run a subquery over each group of rows. Groups are small and
// many, so that opening a pipeline for each costs more than its rows. Most subqueries
// therefore run over many groups at once: their rows come one group behind the other
// with the number of their group in a column more, by which sorts sort and groups group
// first, and at whose borders functions over rows begin anew.

// groupColumn numbers the groups. No query can name it.
const groupColumn = "\x00group"

func withGroup(s table.Schema) table.Schema {
	return append(s[:len(s):len(s)], table.Column{Name: groupColumn, Type: table.Long})
}

func groupCol() plan.Expr { return &plan.Col{Name: groupColumn, T: table.Long} }

// perGroup is a subquery compiled to run over groups of rows.
type perGroup struct {
	x    *compiler
	who  string
	pipe *pipe
	// many: over any number of groups at once, whose rows have groupColumn behind their
	// own columns; else over one.
	many bool
	// schema of what it gives. cols are the pipe's columns of it, and group the one
	// that numbers the groups, where many.
	schema table.Schema
	cols   []int
	group  int
}

// perGroup compiles p for any number of groups at once, or else for one.
func (x *compiler) perGroup(p *plan.Pipeline, who string) (*perGroup, error) {
	many, err := x.together(p)
	if err != nil {
		return nil, err
	}
	if many == nil {
		return x.oneGroup(p, who)
	}
	s := &perGroup{x: x, who: who, pipe: many, many: true, schema: p.Schema(), group: many.schema.Index(groupColumn)}
	s.cols, err = columnsOf(many.schema, s.schema.Names())
	return s, err
}

// oneGroup compiles p for one group at a time.
func (x *compiler) oneGroup(p *plan.Pipeline, who string) (*perGroup, error) {
	one, err := x.pipeline(p)
	return &perGroup{x: x, who: who, pipe: one, schema: p.Schema()}, err
}

// together compiles p to run over many groups at once; nil where it cannot.
func (x *compiler) together(p *plan.Pipeline) (*pipe, error) {
	src, ok := p.Source.(*plan.Outer)
	if !ok || !unique(src.Out) || !unique(p.Schema()) {
		return nil, nil
	}
	in := withGroup(src.Out)
	out := &pipe{source: &outerRows{x, in}, schema: in}
	for _, op := range p.Ops {
		ok, err := x.overGroups(out, op)
		if err != nil {
			return nil, err
		}
		if !ok || out.outer || len(out.prelude) > 0 { // it looks at its group as a whole
			return nil, nil
		}
	}
	return out, nil
}

func unique(s table.Schema) bool {
	for i, c := range s {
		if s.Index(c.Name) != i {
			return false
		}
	}
	return true
}

// overGroups compiles one operator onto the end of p, whose rows are of many groups;
// false where there is no such form.
func (x *compiler) overGroups(p *pipe, op plan.Op) (bool, error) {
	group := plan.Named{Name: groupColumn, Expr: groupCol()}
	mixed := p.mixed
	var err error
	switch o := op.(type) {
	case *plan.Filter:
		err = x.filter(p, &plan.Filter{In: p.schema, Pred: o.Pred})
		mixed = p.mixed
	case *plan.Project:
		err = x.project(p, &plan.Project{Cols: append(slices.Clone(o.Cols), group), Serialized: o.Serialized})
		mixed = p.mixed
	case *plan.Summarize:
		err = x.summarize(p, &plan.Summarize{By: append([]plan.Named{group}, o.By...), Aggs: o.Aggs})
		if err == nil && len(o.By) == 0 {
			p.stages[len(p.stages)-1].(*summarize).each = true
		}
		mixed = len(o.By) > 0 // what waited in files comes last
	case *plan.Sort:
		err = x.sort(p, &plan.Sort{In: p.schema, Keys: inGroups(o.Keys)})
		mixed = false
	case *plan.Top:
		err = x.sort(p, &plan.Sort{In: p.schema, Keys: inGroups(o.Keys)})
		p.add(&takeEach{x, o.N, p.schema.Index(groupColumn)}, p.schema)
		mixed = false
	case *plan.Take:
		if err = x.ordered(p); err == nil {
			p.add(&takeEach{x, o.N, p.schema.Index(groupColumn)}, p.schema)
		}
		mixed = false
	case *plan.Distinct:
		err = x.op(p, &plan.Distinct{In: p.schema})
		mixed = true
	case *plan.MvExpand:
		m := *o
		m.Out = withGroup(o.Out)
		err = x.mvExpand(p, &m)
	case *plan.MvApply:
		m := *o
		m.Keep = append(slices.Clone(o.Keep), groupColumn)
		m.Out = slices.Insert(slices.Clone(o.Out), len(o.Keep), table.Column{Name: groupColumn, Type: table.Long})
		err = x.mvApply(p, &m)
	case *plan.Parse:
		m := *o
		m.Out = withGroup(o.Out)
		err = x.parse(p, &m)
	case *plan.ParseKV:
		m := *o
		m.Out = withGroup(o.Out)
		err = x.parseKV(p, &m)
	case *plan.MakeSeries:
		if o.NonEmpty && len(o.By) == 0 { // there is a series of a group without rows
			return false, nil
		}
		m := *o
		m.By = append([]plan.Named{group}, o.By...)
		err = x.makeSeries(p, &m)
	case *plan.ScanSteps:
		if err = x.ordered(p); err != nil {
			return false, err
		}
		m := *o
		m.In = p.schema
		if len(o.OrderBy) > 0 {
			m.OrderBy = inGroups(o.OrderBy)
		}
		if len(o.PartitionBy) > 0 {
			m.PartitionBy = append([]plan.Expr{groupCol()}, o.PartitionBy...)
		}
		err = x.scanSteps(p, &m)
		mixed = false
	case *plan.Join:
		switch o.Kind {
		case plan.Inner, plan.InnerUnique, plan.LeftOuter, plan.LeftSemi, plan.LeftAnti:
		default: // rows of the right that nothing of a group matches
			return false, nil
		}
		m := *o
		m.LeftCols = append(slices.Clone(o.LeftCols), groupColumn)
		m.Out = slices.Insert(slices.Clone(o.Out), len(o.LeftCols), table.Column{Name: groupColumn, Type: table.Long})
		err = x.join(p, &m)
		mixed = true
	case *plan.Serialize:
	default:
		return false, nil
	}
	p.mixed = mixed
	return true, err
}

// inGroups are the keys of a sort that leaves each group's rows together.
func inGroups(keys []plan.SortKey) []plan.SortKey {
	return append([]plan.SortKey{{Expr: groupCol()}}, keys...)
}

// ordered puts the groups one behind the other again, each in its order.
func (x *compiler) ordered(p *pipe) error {
	if !p.mixed {
		return nil
	}
	p.mixed = false
	return x.sort(p, &plan.Sort{In: p.schema, Keys: inGroups(nil)})
}

// takeEach gives the first n rows of each group.
type takeEach struct {
	x     *compiler
	n     int64
	group int
}

func (s *takeEach) open(_ *env, in Reader) Reader {
	return &takeEachReader{base: base{in: in, schema: in.Schema()}, s: s, now: -1}
}

type takeEachReader struct {
	base
	s    *takeEach
	now  int64 // the group, of which n have passed
	seen int64
}

func (r *takeEachReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		var keep []int32
		for i, g := range b.Cols[r.s.group].N {
			if g != r.now {
				r.now, r.seen = g, 0
			}
			if r.seen < r.s.n {
				keep = append(keep, int32(i))
			}
			r.seen++
		}
		switch {
		case len(keep) == b.Rows:
			return b, nil
		case len(keep) > 0:
			return pickRows(b, keep), nil
		}
	}
}

// maxGroupsBytes is about how much of several groups is copied for one run.
const maxGroupsBytes = 4 << 20

// rowBytes is about how much a copy of row i of b takes.
func rowBytes(b *table.Batch, i int) int64 {
	var n int64
	for c := range b.Cols {
		n += 16
		if v := &b.Cols[c]; v.S != nil && v.S[i] != "" {
			n += int64(len(v.S[i]))
		} else if v.D != nil {
			n += table.DynBytes(v.D[i])
		}
	}
	return n
}

// numbered is b with the numbers of the rows' groups.
func numbered(b *table.Batch, groups []int64) *table.Batch {
	return &table.Batch{Schema: withGroup(b.Schema), Cols: append(b.Cols[:len(b.Cols):len(b.Cols)], table.Vector{Type: table.Long, N: groups}), Rows: b.Rows}
}

// groupRun is a subquery open over the rows of some groups.
type groupRun struct {
	s      *perGroup
	e      *env
	r      Reader
	hold   hold
	groups int
	got    *batches // what came of several groups, ordered by them
}

// run opens the subquery over rows; if they are of many groups, these are numbered from
// 0 in a column behind those that the subquery knows, each has a row, and their rows
// come in that order. A run is to be closed even where there is an error.
func (s *perGroup) run(groups int, rows ...*table.Batch) (*groupRun, error) {
	g := &groupRun{s: s, e: &env{outer: rows, groups: groups}, hold: s.x.hold(s.who), groups: groups}
	var n int64
	for _, b := range rows {
		n += b.Bytes()
	}
	g.r = s.pipe.open(g.e)
	return g, g.hold.add(n)
}

// next rows that come of the groups, and the numbers of theirs; nil: all are of group 0.
func (g *groupRun) next(ctx context.Context) (*table.Batch, []int64, error) {
	if !g.s.many {
		b, err := g.r.Next(ctx)
		return b, nil, err
	}
	if g.groups > 1 && g.got == nil {
		got, err := g.all(ctx)
		if err != nil {
			return nil, nil, err
		}
		g.got = &batches{schema: g.s.pipe.schema, list: got, size: g.s.x.o.batchRows()}
		g.r.Close()
		g.r = g.got
	}
	b, err := g.r.Next(ctx)
	if err != nil || b == nil {
		return nil, nil, err
	}
	out := &table.Batch{Schema: g.s.schema, Cols: make([]table.Vector, len(g.s.cols)), Rows: b.Rows}
	for i, c := range g.s.cols {
		out.Cols[i] = b.Cols[c]
	}
	return out, b.Cols[g.s.group].N, nil
}

// all rows, the groups in their order.
func (g *groupRun) all(ctx context.Context) ([]*table.Batch, error) {
	got, err := g.s.x.drain(ctx, g.r, &g.hold)
	if err != nil {
		return nil, err
	}
	last, mixed := int64(0), false
	var rows []at
	for b := range got {
		for i, n := range got[b].Cols[g.s.group].N {
			mixed = mixed || n < last
			last = n
			rows = append(rows, at{int32(b), int32(i)})
		}
	}
	if !mixed {
		return got, nil
	}
	of := func(a at) int64 { return got[a.batch].Cols[g.s.group].N[a.row] }
	slices.SortStableFunc(rows, func(a, b at) int { return int(of(a) - of(b)) })
	schema := g.s.pipe.schema
	return []*table.Batch{gather(schema, got, identity(len(schema)), rows)}, nil
}

func (g *groupRun) close() {
	g.r.Close()
	for _, s := range g.e.shared {
		s.close()
	}
	g.hold.release()
}
