package eval

import (
	"context"
	"fmt"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Functions over rows (prev, next, row_number, …) are stages of their own: each
// adds a column to the rows that pass, and the expression that called it reads the
// column. So they see every row, even inside an iff that does not need them, and
// inside each other.

// liftRows takes the calls of row functions out of es: it adds a stage to p for
// each, innermost first, and gives the expressions with columns in their place.
func (x *compiler) liftRows(p *pipe, es []plan.Expr) ([]plan.Expr, error) {
	var fail error
	made := map[string]string{}
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = plan.Rewrite(e, func(e plan.Expr) plan.Expr {
			c, ok := e.(*plan.Call)
			if !ok || c.Fn.Row == fn.NotRow || fail != nil {
				return e
			}
			name, ok := made[c.String()]
			if !ok {
				name = fmt.Sprintf("$row%d", len(p.stages))
				if fail = x.rowStage(p, c, name); fail != nil {
					return e
				}
				made[c.String()] = name
			}
			return &plan.Col{Name: name, T: c.T}
		})
	}
	return out, fail
}

func (x *compiler) rowStage(p *pipe, c *plan.Call, name string) error {
	if err := x.ordered(p); err != nil {
		return err
	}
	args, err := x.scope(p).exprs(c.Args)
	if err != nil {
		return err
	}
	s := &rowStage{x: x, t: c.T, args: args, group: p.schema.Index(groupColumn)}
	s.schema = append(append(table.Schema{}, p.schema...), table.Column{Name: name, Type: c.T})
	switch c.Fn.Row {
	case fn.RowPrev, fn.RowNext:
		offset := int64(1)
		if len(args) > 1 {
			if args[1].value == nil {
				return fault.New(fault.Invalid, "%s needs a constant as its second argument: how many rows away", c.Fn.Name)
			}
			offset = args[1].value.Int64()
		}
		if offset < 0 || offset > 1_000_000 {
			return fault.New(fault.Invalid, "%s cannot look %d rows away; 0 to 1000000 works", c.Fn.Name, offset)
		}
		s.offset = int(offset)
		s.ahead = c.Fn.Row == fn.RowNext
	case fn.RowNumber:
		s.state = rowNumber
	case fn.RowCumSum:
		s.state = cumSum(c.T)
	case fn.RowRankMin:
		s.state = rank(false)
	case fn.RowRankDense:
		s.state = rank(true)
	case fn.RowWindowSession:
		s.state = windowSession
	default:
		return fault.New(fault.Internal, "eval: row function %s is not known", c.Fn.Name)
	}
	p.add(s, s.schema)
	return nil
}

// rowStage adds the column of one row function.
type rowStage struct {
	x      *compiler
	schema table.Schema
	t      table.Type
	args   []*node
	state  func() rowState // of all but prev and next
	offset int
	ahead  bool
	group  int // the column that numbers groups, at whose ends the rows end; or -1
}

// rowState computes the function for one row after the other.
type rowState func(args []table.Value) table.Value

func (s *rowStage) open(_ *env, in Reader) Reader {
	b := base{in: in, schema: s.schema}
	if s.state != nil {
		return &rowReader{base: b, s: s, state: s.state(), group: -1}
	}
	if s.ahead {
		return &nextReader{base: b, s: s, hold: s.x.hold("next")}
	}
	return &prevReader{base: b, s: s, group: -1}
}

// groups are the numbers of the rows' groups, or nil.
func (s *rowStage) groups(b *table.Batch) []int64 {
	if s.group < 0 {
		return nil
	}
	return b.Cols[s.group].N
}

func (s *rowStage) vectors(b *table.Batch) []table.Vector {
	out := make([]table.Vector, len(s.args))
	for i, n := range s.args {
		out[i] = n.vector(b)
	}
	return out
}

// with adds the column to the batch.
func (s *rowStage) with(b *table.Batch, v table.Vector) *table.Batch {
	return &table.Batch{Schema: s.schema, Cols: append(b.Cols[:len(b.Cols):len(b.Cols)], v), Rows: b.Rows}
}

type rowReader struct {
	base
	s     *rowStage
	state rowState
	group int64 // of the last row
}

func (r *rowReader) Next(ctx context.Context) (*table.Batch, error) {
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	vecs := r.s.vectors(b)
	args := make([]table.Value, len(vecs))
	out := table.NewVector(r.s.t, b.Rows)
	groups := r.s.groups(b)
	for i := range b.Rows {
		if groups != nil && groups[i] != r.group {
			r.state, r.group = r.s.state(), groups[i]
		}
		for k := range vecs {
			args[k] = vecs[k].At(i)
		}
		out.Append(fit(r.state(args), r.s.t))
	}
	return r.s.with(b, out), r.s.x.alive(ctx)
}

// window is the vectors of neighbouring batches, rows numbered through them.
type window struct {
	vecs  []table.Vector
	first int // number of the first row of vecs
	end   int // behind the last
	at    int // of vecs, where the last row was found
	base  int // number of that vector's first row
}

func (w *window) push(v table.Vector) {
	w.vecs = append(w.vecs, v)
	w.end += v.Len()
}

// drop vectors whose rows all come before row n.
func (w *window) drop(n int) {
	for len(w.vecs) > 0 && w.first+w.vecs[0].Len() <= n {
		w.first += w.vecs[0].Len()
		w.vecs[0] = table.Vector{}
		w.vecs = w.vecs[1:]
	}
	w.at, w.base = 0, w.first
}

// get row n, if it is in the window; n never falls between two drops.
func (w *window) get(n int) (table.Value, bool) {
	if n < w.first || n >= w.end {
		return table.Value{}, false
	}
	for n >= w.base+w.vecs[w.at].Len() {
		w.base += w.vecs[w.at].Len()
		w.at++
	}
	return w.vecs[w.at].At(n - w.base), true
}

// shifted is row n of the window, if it is one that row i of the batch can see, or
// the default of row i.
func (s *rowStage) shifted(vecs []table.Vector, i int, w *window, n int, seen bool) table.Value {
	if seen {
		if v, ok := w.get(n); ok {
			return fit(v, s.t)
		}
	}
	if len(vecs) > 2 {
		return fit(vecs[2].At(i), s.t)
	}
	return table.Null(s.t)
}

// prevReader remembers the batches that the last offset rows are in.
type prevReader struct {
	base
	s     *rowStage
	past  window
	group int64 // of the last row
	begin int   // number of the group's first row
}

func (r *prevReader) Next(ctx context.Context) (*table.Batch, error) {
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	vecs := r.s.vectors(b)
	first := r.past.end
	r.past.push(vecs[0])
	r.past.drop(first - r.s.offset)
	out := table.NewVector(r.s.t, b.Rows)
	groups := r.s.groups(b)
	for i := range b.Rows {
		if groups != nil && groups[i] != r.group {
			r.group, r.begin = groups[i], first+i
		}
		n := first + i - r.s.offset
		out.Append(r.s.shifted(vecs, i, &r.past, n, n >= r.begin))
	}
	return r.s.with(b, out), r.s.x.alive(ctx)
}

// nextReader holds batches back until it has seen offset rows behind them.
type nextReader struct {
	base
	s     *rowStage
	hold  hold
	wait  []*table.Batch
	vecs  [][]table.Vector
	given int // rows of batches that wait no more
	ahead window
	of    window // the groups of ahead's rows, where there are any
	end   bool
}

func (r *nextReader) Next(ctx context.Context) (*table.Batch, error) {
	for !r.end && (len(r.wait) == 0 || r.ahead.end < r.given+r.wait[0].Rows+r.s.offset) {
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			r.end = true
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		if err := r.hold.add(b.Bytes()); err != nil {
			return nil, err
		}
		vecs := r.s.vectors(b)
		r.ahead.push(vecs[0])
		if r.s.group >= 0 {
			r.of.push(b.Cols[r.s.group])
		}
		r.wait, r.vecs = append(r.wait, b), append(r.vecs, vecs)
	}
	if len(r.wait) == 0 {
		return nil, nil
	}
	b, vecs := r.wait[0], r.vecs[0]
	out := table.NewVector(r.s.t, b.Rows)
	r.ahead.drop(r.given + r.s.offset)
	r.of.drop(r.given + r.s.offset)
	groups := r.s.groups(b)
	for i := range b.Rows {
		n, seen := r.given+i+r.s.offset, true
		if groups != nil {
			g, ok := r.of.get(n)
			seen = ok && g.Int64() == groups[i]
		}
		out.Append(r.s.shifted(vecs, i, &r.ahead, n, seen))
	}
	r.given += b.Rows
	r.wait[0], r.vecs[0] = nil, nil
	r.wait, r.vecs = r.wait[1:], r.vecs[1:]
	return r.s.with(b, out), r.hold.add(-b.Bytes())
}

func (r *nextReader) Close() error {
	r.wait, r.vecs, r.ahead, r.of, r.end = nil, nil, window{}, window{}, true
	r.hold.release()
	return r.in.Close()
}

func truth(args []table.Value, i int) bool { return i < len(args) && args[i].Bool() }

// rowNumber is row_number([start [, restart]]).
func rowNumber() rowState {
	n, begun := int64(0), false
	return func(args []table.Value) table.Value {
		start := int64(1)
		if len(args) > 0 && !args[0].IsNull() {
			start = args[0].Int64()
		}
		if !begun || truth(args, 1) {
			n, begun = start, true
		} else {
			n++
		}
		return table.LongValue(n)
	}
}

// cumSum is row_cumsum(term [, restart]); a null adds nothing.
func cumSum(t table.Type) func() rowState {
	return func() rowState {
		var n int64
		var f float64
		var d decimalSum
		return func(args []table.Value) table.Value {
			if truth(args, 1) {
				n, f, d = 0, 0, decimalSum{}
			}
			v := args[0]
			switch t {
			case table.Real:
				if !v.IsNull() {
					f += v.Number()
				}
				return table.RealValue(f)
			case table.Decimal:
				if !v.IsNull() {
					d.add(v)
				}
				return d.value()
			case table.TimeSpan:
				n += v.Int64()
				return table.TimeSpanValue(n)
			case table.Int:
				n += v.Int64()
				return table.IntValue(n)
			}
			n += v.Int64()
			return table.LongValue(n)
		}
	}
}

// rank is row_rank_min and row_rank_dense (term [, restart]): neighbours that are
// equal have one rank.
func rank(dense bool) func() rowState {
	return func() rowState {
		var last, key []byte
		var row, rank int64
		return func(args []table.Value) table.Value {
			if truth(args, 1) {
				row, rank, last = 0, 0, nil
			}
			row++
			key = appendCell(key[:0], args[0], false)
			if last == nil || string(key) != string(last) {
				if dense {
					rank++
				} else {
					rank = row
				}
				last = append(last[:0], key...)
			}
			return table.LongValue(rank)
		}
	}
}

// windowSession is row_window_session(at, from first, between [, restart]): the
// moment at which the row's session began.
func windowSession() rowState {
	var first, last int64
	open := false
	return func(args []table.Value) table.Value {
		if args[0].IsNull() {
			open = false
			return table.Null(table.DateTime)
		}
		now := args[0].Int64()
		if !open || truth(args, 3) || now-first > args[1].Int64() || now-last > args[2].Int64() {
			first, open = now, true
		}
		last = now
		return table.DateTimeValue(first)
	}
}
