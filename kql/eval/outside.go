package eval

import (
	"sync"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// What an engine calls while it runs its own half of a query: from threads of its own,
// several at once.

// callBytes names what a call charges for.
const callBytes = "a function that the engine calls"

// Caller compiles an expression over the columns of schema, as Expr does, to a
// function that any number of goroutines may call.
func Caller(c *fn.Context, e plan.Expr, schema table.Schema) (func(b *table.Batch) (table.Vector, error), error) {
	x := newCompiler(c, nil, Options{})
	first, err := Expr(c, e, schema)
	if err != nil {
		return nil, err
	}
	pool := sync.Pool{New: func() any {
		f, _ := Expr(c, e, schema) // it compiled before
		return f
	}}
	pool.Put(first)
	return func(b *table.Batch) (out table.Vector, err error) {
		h := x.hold(callBytes)
		defer h.release()
		if err := h.add(b.Bytes()); err != nil {
			return out, err
		}
		f := pool.Get().(Func)
		// A cell may be a megabyte: what comes out is counted as it grows.
		out = table.NewVector(e.Type(), b.Rows)
		for from, n := 0, firstCells; from < b.Rows; {
			to := min(from+n, b.Rows)
			var part table.Vector
			err = x.guard(func() error {
				part = f(b.Slice(from, to))
				return x.alive(x.c.Ctx)
			})
			if err != nil {
				return out, err // f is in an unknown state
			}
			bytes := (&table.Batch{Cols: []table.Vector{part}}).Bytes()
			if err := h.add(bytes); err != nil {
				return out, err
			}
			for i := range part.Len() {
				if part.Type == table.Dynamic {
					out.Append(asJSON(part.At(i)))
					continue
				}
				appendFrom(&out, &part, i)
			}
			if bytes < 1<<20 {
				n = 2 * (to - from)
			}
			from = to
		}
		pool.Put(f)
		return out, nil
	}, nil
}

// asJSON is a dynamic whose text is JSON: one that came with a text that is none is a
// string.
func asJSON(v table.Value) table.Value {
	text, ok := v.Source()
	if !ok {
		return v
	}
	if s, is := v.Dyn().(string); is && (text[0] != '"' || s == text) {
		return table.DynamicValue(s)
	}
	return v
}

// firstCells is how many cells of a result are computed before their size is known.
const firstCells = 4

// Group aggregates the rows of one group.
type Group struct {
	c     *fn.Context
	state fn.State
	args  []plan.Expr // columns of the batches, or constants
	out   int
	t     table.Type
	hold  hold
}

// Grouper gives a function that starts a group of an aggregate, whose arguments are
// columns of schema, or constants; out is which of its results is wanted. Any number of
// goroutines may start groups.
func Grouper(c *fn.Context, a *plan.Agg, out int, schema table.Schema) (func() *Group, error) {
	for _, e := range a.Args {
		switch e := e.(type) {
		case *plan.Const:
			continue
		case *plan.Col:
			if schema.Index(e.Name) >= 0 {
				continue
			}
		}
		return nil, fault.New(fault.Internal, "eval: %s is no argument of a group", e)
	}
	x := newCompiler(c, nil, Options{})
	return func() *Group {
		return &Group{c: c, state: a.Fn.New(c, a.Info), args: a.Args, out: out, t: a.Out[out].Type, hold: x.hold(a.Fn.Name)}
	}, nil
}

// Add rows.
func (g *Group) Add(b *table.Batch) error {
	x := &compiler{c: g.c}
	if err := x.alive(x.c.Ctx); err != nil {
		return err
	}
	return x.guard(func() error {
		args := make([]table.Value, len(g.args))
		at := make([]int, len(g.args))
		for i, e := range g.args {
			switch e := e.(type) {
			case *plan.Const:
				args[i], at[i] = e.Value, -1
			case *plan.Col:
				at[i] = b.Schema.Index(e.Name)
			}
		}
		for r := range b.Rows {
			for i, c := range at {
				if c >= 0 {
					args[i] = b.Cols[c].At(r)
				}
			}
			g.state.Add(args)
		}
		return g.hold.add(g.state.Bytes() - g.hold.n)
	})
}

// Result of the rows so far.
func (g *Group) Result() (v table.Value, err error) {
	err = (&compiler{c: g.c}).guard(func() error {
		v = fit(g.state.Results()[g.out], g.t)
		return nil
	})
	return v, err
}

// Close gives back what the group holds.
func (g *Group) Close() { g.hold.release() }
