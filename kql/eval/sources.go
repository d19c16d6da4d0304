package eval

import (
	"context"
	"fmt"
	"math"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

func (x *compiler) source(p *pipe, s plan.Source) (source, error) {
	switch s := s.(type) {
	case *plan.Scan:
		if x.src == nil {
			return nil, fault.New(fault.Invalid, "cannot read table %s: this expression may not read tables", s.Def.Name)
		}
		return &scan{x, s}, nil
	case *plan.Values:
		return x.values(s)
	case *plan.Print:
		sc := &scope{compiler: x, pipe: p}
		cols, err := sc.named(s.Cols)
		if err != nil {
			return nil, err
		}
		return &printed{s.Schema(), cols}, nil
	case *plan.Range:
		return x.ranged(p, s)
	case *plan.Union:
		return x.union(p, s)
	case *plan.Shared:
		return x.share(p, s)
	case *plan.Outer:
		p.outer = true
		return &outerRows{x, s.Out}, nil
	}
	return nil, errUnknown("source", s)
}

// scan reads a stored table.
type scan struct {
	x *compiler
	s *plan.Scan
}

func (s *scan) open(*env) Reader { return &scanReader{x: s.x, s: s.s} }

type scanReader struct {
	x      *compiler
	s      *plan.Scan
	in     Reader
	cut    batches
	closed bool
}

func (r *scanReader) Schema() table.Schema { return r.s.Out }

func (r *scanReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.closed {
		return nil, nil
	}
	if r.in == nil {
		in, err := r.x.src.Scan(ctx, r.s)
		if err != nil {
			return nil, err
		}
		r.in = in
		r.cut.size = r.x.o.batchRows()
	}
	for {
		if b, _ := r.cut.Next(ctx); b != nil {
			return b, nil
		}
		if err := r.x.alive(ctx); err != nil {
			return nil, err
		}
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		if len(b.Cols) != len(r.s.Out) {
			return nil, fault.New(fault.Internal, "eval: a scan of %s gave %d columns instead of %d", r.s.Def.Name, len(b.Cols), len(r.s.Out))
		}
		r.cut.list, r.cut.off = append(r.cut.list[:0], &table.Batch{Schema: r.s.Out, Cols: b.Cols, Rows: b.Rows}), 0
	}
}

func (r *scanReader) Close() error {
	r.closed = true
	if r.in == nil {
		return nil
	}
	return r.in.Close()
}

// literal rows.
type literal struct {
	x     *compiler
	batch *table.Batch
}

func (x *compiler) values(s *plan.Values) (source, error) {
	b := table.NewBatch(s.Out, len(s.Rows))
	for i, row := range s.Rows {
		if len(row) != len(s.Out) {
			return nil, fault.New(fault.Internal, "eval: row %d of literal rows has %d values for %d columns", i, len(row), len(s.Out))
		}
		cells := make([]table.Value, len(row))
		for c := range row {
			cells[c] = fit(row[c], s.Out[c].Type)
		}
		b.AppendRow(cells)
	}
	return &literal{x, b}, nil
}

func (s *literal) open(*env) Reader {
	return &batches{schema: s.batch.Schema, list: []*table.Batch{s.batch}, size: s.x.o.batchRows()}
}

// printed is one row of expressions.
type printed struct {
	schema table.Schema
	cols   []*node
}

func (s *printed) open(*env) Reader { return &printReader{s: s} }

type printReader struct {
	s    *printed
	done bool
}

func (r *printReader) Schema() table.Schema { return r.s.schema }
func (r *printReader) Close() error         { r.done = true; return nil }
func (r *printReader) Next(context.Context) (*table.Batch, error) {
	if r.done {
		return nil, nil
	}
	r.done = true
	one := &table.Batch{Rows: 1}
	out := &table.Batch{Schema: r.s.schema, Cols: make([]table.Vector, len(r.s.cols)), Rows: 1}
	for i, n := range r.s.cols {
		out.Cols[i] = n.vector(one)
	}
	return out, nil
}

// ranged is range x from … to … step ….
type ranged struct {
	x              *compiler
	col            table.Column
	from, to, step *node
}

func (x *compiler) ranged(p *pipe, s *plan.Range) (source, error) {
	sc := &scope{compiler: x, pipe: p}
	r := &ranged{x: x, col: s.Col}
	for _, e := range []struct {
		to   **node
		expr plan.Expr
	}{{&r.from, s.From}, {&r.to, s.To}, {&r.step, s.Step}} {
		n, err := sc.expr(e.expr)
		if err != nil {
			return nil, err
		}
		*e.to = n
	}
	return r, nil
}

func (s *ranged) open(*env) Reader { return &rangeReader{s: s} }

type rangeReader struct {
	s          *ranged
	begun      bool
	done       bool
	n          int64   // rows given
	at, to, by int64   // integers and ticks
	fat, fto   float64 // reals
	fby        float64
}

func (r *rangeReader) Schema() table.Schema { return table.Schema{r.s.col} }
func (r *rangeReader) Close() error         { r.done = true; return nil }

func (r *rangeReader) begin() error {
	one := &table.Batch{Rows: 1}
	from, to, step := r.s.from.at(one, 0), r.s.to.at(one, 0), r.s.step.at(one, 0)
	if from.IsNull() || to.IsNull() || step.IsNull() {
		r.done = true
		return nil
	}
	switch r.s.col.Type {
	case table.Real:
		r.fat, r.fto, r.fby = from.Number(), to.Number(), step.Number()
		if r.fby == 0 || math.IsNaN(r.fat) || math.IsNaN(r.fto) || math.IsNaN(r.fby) || math.IsInf(r.fat, 0) {
			r.done = true
		}
	case table.Int, table.Long, table.DateTime, table.TimeSpan:
		r.at, r.to, r.by = whole(from), whole(to), whole(step)
		if r.by == 0 {
			r.done = true
		}
	default:
		return fault.New(fault.Invalid, "range cannot count in values of type %s; numbers, datetimes and timespans work", r.s.col.Type)
	}
	return nil
}

func whole(v table.Value) int64 {
	if v.Type() == table.Real || v.Type() == table.Decimal {
		return int64(v.Number())
	}
	return v.Int64()
}

func (r *rangeReader) Next(ctx context.Context) (*table.Batch, error) {
	if !r.begun {
		if err := r.begin(); err != nil {
			return nil, err
		}
		r.begun = true
	}
	if r.done {
		return nil, nil
	}
	if err := r.s.x.alive(ctx); err != nil {
		return nil, err
	}
	size := r.s.x.o.batchRows()
	v := table.NewVector(r.s.col.Type, size)
	if r.s.col.Type == table.Real {
		for len(v.F) < size {
			f := r.fat + float64(r.n)*r.fby
			if r.fby > 0 && f > r.fto || r.fby < 0 && f < r.fto {
				r.done = true
				break
			}
			if r.n > 0 && f == r.fat+float64(r.n-1)*r.fby {
				return nil, fault.New(fault.Limit, "range %s does not move: the step is too small beside the values", r.s.col.Name)
			}
			v.F = append(v.F, f)
			r.n++
		}
	} else {
		for len(v.N) < size {
			if r.by > 0 && r.at > r.to || r.by < 0 && r.at < r.to {
				r.done = true
				break
			}
			v.N = append(v.N, r.at)
			next := r.at + r.by
			if (next > r.at) != (r.by > 0) { // past the end of 64 bits
				r.done = true
				break
			}
			r.at = next
		}
	}
	if v.Len() == 0 {
		return nil, nil
	}
	return &table.Batch{Schema: r.Schema(), Cols: []table.Vector{v}, Rows: v.Len()}, nil
}

// union reads its inputs one after the other.
type union struct {
	x      *compiler
	schema table.Schema
	inputs []*pipe
	cols   [][]int // for each input and output column, the input's column or -1
	with   int     // the column that names the source, or -1
	names  []string
}

func (x *compiler) union(p *pipe, s *plan.Union) (source, error) {
	u := &union{x: x, schema: s.Out, with: -1, names: s.Names}
	if s.With != "" {
		u.with = s.Out.Index(s.With)
	}
	for i, in := range s.Inputs {
		sub, err := x.sub(p, in)
		if err != nil {
			return nil, err
		}
		cols := make([]int, len(s.Out))
		for c := range s.Out {
			cols[c] = -1
			if name := s.From[i][c]; name != "" {
				cols[c] = sub.schema.Index(name)
				if cols[c] < 0 {
					return nil, fault.New(fault.Internal, "eval: input %d of a union has no column %q", i, name)
				}
			}
		}
		u.inputs = append(u.inputs, sub)
		u.cols = append(u.cols, cols)
	}
	return u, nil
}

func (s *union) open(e *env) Reader { return &unionReader{u: s, e: e} }

type unionReader struct {
	u  *union
	e  *env
	i  int
	in Reader
}

func (r *unionReader) Schema() table.Schema { return r.u.schema }

func (r *unionReader) Next(ctx context.Context) (*table.Batch, error) {
	for r.i < len(r.u.inputs) {
		if r.in == nil {
			r.in = r.u.inputs[r.i].open(r.e)
		}
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			r.in.Close()
			r.in = nil
			r.i++
			continue
		}
		out := &table.Batch{Schema: r.u.schema, Cols: make([]table.Vector, len(r.u.schema)), Rows: b.Rows}
		for c, from := range r.u.cols[r.i] {
			switch {
			case c == r.u.with:
				out.Cols[c] = repeat(table.StringValue(r.u.names[r.i]), table.String, b.Rows)
			case from < 0:
				out.Cols[c] = nulls(r.u.schema[c].Type, b.Rows)
			case b.Cols[from].Type != r.u.schema[c].Type:
				v := table.NewVector(r.u.schema[c].Type, b.Rows)
				for i := range b.Rows {
					v.Append(fit(b.Cols[from].At(i), v.Type))
				}
				out.Cols[c] = v
			default:
				out.Cols[c] = b.Cols[from]
			}
		}
		return out, nil
	}
	return nil, nil
}

func (r *unionReader) Close() error {
	r.i = len(r.u.inputs)
	if r.in == nil {
		return nil
	}
	in := r.in
	r.in = nil
	return in.Close()
}

// shared is a pipeline whose rows several places read.
type shared struct {
	x    *compiler
	id   int
	pipe *pipe
	rows []*table.Batch
	hold hold
	done bool
	busy bool
}

func (x *compiler) share(p *pipe, s *plan.Shared) (source, error) {
	if sh, ok := x.shared[s.ID]; ok {
		if sh.pipe == nil {
			return nil, fault.New(fault.Internal, "eval: shared rows %d are made of themselves", s.ID)
		}
		p.outer = p.outer || sh.pipe.outer
		return sh, nil
	}
	sh := &shared{x: x, id: s.ID, hold: x.hold("materialize")}
	x.shared[s.ID] = sh
	sub, err := x.sub(p, s.Pipe)
	if err != nil {
		delete(x.shared, s.ID)
		return nil, err
	}
	sh.pipe = sub
	return sh, nil
}

func (s *shared) open(e *env) Reader {
	if s.pipe.outer { // of one group of rows only
		if e.shared == nil {
			e.shared = map[int]*shared{}
		}
		own, ok := e.shared[s.id]
		if !ok {
			own = &shared{x: s.x, id: s.id, pipe: s.pipe, hold: s.x.hold("materialize")}
			e.shared[s.id] = own
		}
		return &sharedReader{s: own, e: e}
	}
	return &sharedReader{s: s, e: e}
}

func (s *shared) close() {
	s.rows, s.done = nil, false
	s.hold.release()
}

type sharedReader struct {
	s      *shared
	e      *env
	out    *batches
	closed bool
}

func (r *sharedReader) Schema() table.Schema { return r.s.pipe.schema }

func (r *sharedReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.closed {
		return nil, nil
	}
	if r.out == nil {
		if err := r.s.fill(ctx, r.e); err != nil {
			return nil, err
		}
		r.out = &batches{schema: r.s.pipe.schema, list: r.s.rows, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

func (r *sharedReader) Close() error { r.closed = true; r.out = nil; return nil }

func (s *shared) fill(ctx context.Context, e *env) error {
	if s.done {
		return nil
	}
	if s.busy {
		return fault.New(fault.Internal, "eval: shared rows %d are read while they are made", s.id)
	}
	s.busy = true
	defer func() { s.busy = false }()
	in := s.pipe.open(e)
	defer in.Close()
	rows, err := s.x.drain(ctx, in, &s.hold)
	if err != nil {
		s.hold.release()
		return err
	}
	s.rows, s.done = rows, true
	return nil
}

// outerRows are the rows of the group that the pipeline was opened for.
type outerRows struct {
	x      *compiler
	schema table.Schema
}

func (s *outerRows) open(e *env) Reader {
	return &batches{schema: s.schema, list: e.outer, size: s.x.o.batchRows()}
}

// fit makes a value that of the column it goes to. Between the integer types and
// to dynamic it converts; everything else the binder has converted already.
func fit(v table.Value, t table.Type) table.Value {
	if v.Type() == t {
		return v
	}
	if v.IsNull() {
		return table.Null(t)
	}
	switch {
	case t == table.Long && v.Type() == table.Int:
		return table.LongValue(v.Int64())
	case t == table.Int && v.Type() == table.Long:
		return table.IntValue(v.Int64())
	case t == table.Real && (v.Type() == table.Int || v.Type() == table.Long || v.Type() == table.Decimal):
		return table.RealValue(v.Number())
	case t == table.Dynamic:
		return fn.ToDynamic(v)
	}
	panic(fmt.Sprintf("eval: a value of type %s where one of type %s belongs", v.Type(), t))
}
