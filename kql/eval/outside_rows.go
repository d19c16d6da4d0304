package eval

import (
	"math"
	"strconv"
	"sync"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// RowsCaller compiles operators that are called with rows of their own choice, to a
// function that any number of goroutines may call. The source of p is Outer with the
// columns of schema, and behind them one of type long, which numbers the rows of a
// batch from 0 and which p gives as its last. For each row of a batch the function
// gives the list of the cells of all rows that p made of it, row by row, that number
// left out: texts of what Cell gives, or nil for null.
func RowsCaller(c *fn.Context, p *plan.Pipeline, schema table.Schema) (func(b *table.Batch) (table.Vector, error), error) {
	outer := p.Source.Schema()
	width := len(p.Schema()) - 1
	if width < 0 || p.Schema()[width].Type != table.Long || len(outer) != len(schema)+1 {
		return nil, fault.New(fault.Internal, "eval: operators that are called give no number of their row")
	}
	first, err := newRowsRun(c, p, (*compiler).oneGroup)
	if err != nil {
		return nil, err
	}
	pool := sync.Pool{New: func() any {
		r, _ := newRowsRun(c, p, (*compiler).oneGroup) // it compiled before
		return r
	}}
	pool.Put(first)
	return func(b *table.Batch) (table.Vector, error) {
		out := table.NewVector(table.Dynamic, b.Rows)
		lists := make([][]any, b.Rows)
		numbers := table.NewVector(table.Long, b.Rows)
		for i := range b.Rows {
			numbers.Append(table.LongValue(int64(i)))
		}
		in := &table.Batch{Schema: outer, Cols: append(b.Cols[:len(b.Cols):len(b.Cols)], numbers), Rows: b.Rows}
		run := pool.Get().(*rowsRun)
		err := run.each(in, func(got *table.Batch) {
			for i := range got.Rows {
				n := got.Cols[width].N[i]
				for k := range width {
					lists[n] = append(lists[n], Cell(got.Cols[k].At(i)))
				}
			}
		})
		if err != nil {
			return out, err // run is in an unknown state
		}
		pool.Put(run)
		for _, l := range lists {
			out.Append(table.DynamicValue(l))
		}
		return out, nil
	}, nil
}

// rowsRun is a pipeline over given rows, compiled.
type rowsRun struct {
	x *compiler
	s *perGroup
}

func newRowsRun(c *fn.Context, p *plan.Pipeline, compile func(x *compiler, p *plan.Pipeline, who string) (*perGroup, error)) (*rowsRun, error) {
	r := &rowsRun{x: newCompiler(c, nil, Options{})}
	err := r.x.guard(func() (err error) { r.s, err = compile(r.x, p, callBytes); return err })
	if err != nil {
		r.x.close()
		return nil, err
	}
	return r, nil
}

// each gives the batches that come of in. What is given is charged for until all is.
func (r *rowsRun) each(in *table.Batch, give func(b *table.Batch)) error {
	return r.x.guard(func() error {
		run, err := r.s.run(1, in)
		defer run.close()
		for err == nil {
			var b *table.Batch
			if b, _, err = run.next(r.x.c.Ctx); b == nil {
				break
			}
			if err = run.hold.add(2 * b.Bytes()); err == nil {
				give(b)
			}
		}
		if err == nil {
			err = r.x.alive(r.x.c.Ctx)
		}
		return err
	})
}

// Cell is a value as an engine is given it among texts: a string or nil.
func Cell(v table.Value) any {
	if v.IsNull() && v.Type() != table.String {
		return nil
	}
	switch v.Type() {
	case table.String, table.Guid:
		return v.Str()
	case table.Bool:
		return strconv.FormatBool(v.Bool())
	case table.Real:
		switch f := v.Float64(); {
		case math.IsNaN(f):
			return "nan"
		case math.IsInf(f, 1):
			return "inf"
		case math.IsInf(f, -1):
			return "-inf"
		default:
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	case table.Dynamic:
		return v.JSON()
	}
	return strconv.FormatInt(v.Int64(), 10)
}

// RowsGroup runs operators over the rows of one group.
type RowsGroup struct {
	run  *rowsRun
	put  func(*rowsRun)
	rows []*table.Batch
	hold hold
	want int
}

// RowsGrouper gives a function that starts a group of rows, of which p, whose source is
// Outer with the columns of schema, makes others: its result is the list of their cells,
// as RowsCaller gives it. Any number of goroutines may start groups.
func RowsGrouper(c *fn.Context, p *plan.Pipeline, schema table.Schema) (func() *RowsGroup, error) {
	first, err := newRowsRun(c, p, (*compiler).oneGroup)
	if err != nil {
		return nil, err
	}
	pool := sync.Pool{New: func() any {
		r, _ := newRowsRun(c, p, (*compiler).oneGroup) // it compiled before
		return r
	}}
	pool.Put(first)
	return func() *RowsGroup {
		run := pool.Get().(*rowsRun)
		return &RowsGroup{run: run, put: func(r *rowsRun) { pool.Put(r) }, hold: run.x.hold(callBytes), want: len(p.Schema())}
	}, nil
}

// Add rows.
func (g *RowsGroup) Add(b *table.Batch) error {
	g.rows = append(g.rows, b)
	return g.hold.add(b.Bytes())
}

// Result of the rows so far.
func (g *RowsGroup) Result() (v table.Value, err error) {
	var list []any
	err = g.run.x.guard(func() error {
		run, err := g.run.s.run(1, g.rows...)
		defer run.close()
		for err == nil {
			var b *table.Batch
			if b, _, err = run.next(g.run.x.c.Ctx); b == nil {
				break
			}
			if err = run.hold.add(2 * b.Bytes()); err != nil {
				break
			}
			for i := range b.Rows {
				for k := range g.want {
					list = append(list, Cell(b.Cols[k].At(i)))
				}
			}
		}
		if err == nil {
			err = g.run.x.alive(g.run.x.c.Ctx)
		}
		return err
	})
	if err == nil {
		g.put(g.run)
	}
	return table.DynamicValue(list), err
}

// RowsGroups is what RowsGrouper starts, for several groups at once: each has rows in
// the batch, one group behind the other, of[i] is that of row i, from 0 to n-1. Nil: p
// looks at one group at a time.
func RowsGroups(c *fn.Context, p *plan.Pipeline) (func(b *table.Batch, of []int64, n int) (table.Vector, error), error) {
	first, err := newRowsRun(c, p, (*compiler).perGroup)
	if err != nil || !first.s.many {
		return nil, err
	}
	pool := sync.Pool{New: func() any {
		r, _ := newRowsRun(c, p, (*compiler).perGroup) // it compiled before
		return r
	}}
	pool.Put(first)
	return func(b *table.Batch, of []int64, n int) (table.Vector, error) {
		out := table.NewVector(table.Dynamic, n)
		lists := make([][]any, n)
		r := pool.Get().(*rowsRun)
		err := r.x.guard(func() error {
			run, err := r.s.run(n, numbered(b, of))
			defer run.close()
			for err == nil {
				var got *table.Batch
				var groups []int64
				if got, groups, err = run.next(r.x.c.Ctx); got == nil {
					break
				}
				if err = run.hold.add(2 * got.Bytes()); err != nil {
					break
				}
				for i := range got.Rows {
					for k := range got.Cols {
						lists[groups[i]] = append(lists[groups[i]], Cell(got.Cols[k].At(i)))
					}
				}
			}
			if err == nil {
				err = r.x.alive(r.x.c.Ctx)
			}
			return err
		})
		if err != nil {
			return out, err // r is in an unknown state
		}
		pool.Put(r)
		for _, l := range lists {
			out.Append(table.DynamicValue(l))
		}
		return out, nil
	}, nil
}

// Close gives back what the group holds.
func (g *RowsGroup) Close() { g.hold.release() }
