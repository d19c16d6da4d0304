package eval

import (
	"context"
	"math"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// compiler turns the pipelines of one query into stages. It owns what the whole
// query shares: materialized rows, values of subqueries, temporary files.
type compiler struct {
	c       *fn.Context
	src     Scanner
	o       Options
	shared  map[int]*shared
	scalars map[int]table.Value
	sets    map[int]*keySet
	made    []*keySet               // all of them, for their charges
	tempDir string                  // made when the first file is
	files   map[*spillFile]struct{} // those that are open
}

func newCompiler(c *fn.Context, src Scanner, o Options) *compiler {
	return &compiler{c: c, src: src, o: o, shared: map[int]*shared{}, scalars: map[int]table.Value{}, sets: map[int]*keySet{}}
}

// hold starts an account of an operator.
func (x *compiler) hold(who string) hold { return hold{budget: x.c.Budget, who: who} }

// env is what one opening of a pipeline sees: the group of rows that an Outer
// source reads, and what is materialized of it.
type env struct {
	outer  []*table.Batch
	groups int // that outer's rows are of, where they are of many
	shared map[int]*shared
}

// source opens to the first reader of a chain.
type source interface{ open(e *env) Reader }

// stage opens to a reader over the one before it.
type stage interface {
	open(e *env, in Reader) Reader
}

// pipe is a compiled pipeline. It can be opened many times, once at a time.
type pipe struct {
	source  source
	stages  []stage
	schema  table.Schema
	outer   bool                                      // reads its env's rows
	mixed   bool                                      // of many groups, which may not come one behind the other
	prelude []func(ctx context.Context, e *env) error // values of subqueries over env's rows
}

func (p *pipe) open(e *env) Reader {
	r := p.source.open(e)
	for _, s := range p.stages {
		r = s.open(e, r)
	}
	if len(p.prelude) > 0 {
		r = &preluded{Reader: r, p: p, e: e}
	}
	return r
}

// preluded computes a pipeline's subqueries before its first row.
type preluded struct {
	Reader
	p    *pipe
	e    *env
	done bool
}

func (r *preluded) Next(ctx context.Context) (*table.Batch, error) {
	if !r.done {
		for _, f := range r.p.prelude {
			if err := f(ctx, r.e); err != nil {
				return nil, err
			}
		}
		r.done = true
	}
	return r.Reader.Next(ctx)
}

// scope is where an operator's expressions are compiled: over one schema, in one
// pipeline. Columns are shared between the expressions of a scope.
type scope struct {
	*compiler
	pipe   *pipe
	schema table.Schema
	cols   map[int]*node
	common map[string]*node
	counts map[string]int
}

func (x *compiler) pipeline(p *plan.Pipeline) (*pipe, error) {
	pre, err := x.prefix(p)
	if err != nil {
		return nil, err
	}
	if pre != nil {
		return x.stages(pre, pre.Schema, pre.Rest)
	}
	out := &pipe{}
	src, err := x.source(out, p.Source)
	if err != nil {
		return nil, err
	}
	return x.stagesInto(out, src, p.Source.Schema(), p.Ops)
}

func (x *compiler) stages(src source, schema table.Schema, ops []plan.Op) (*pipe, error) {
	return x.stagesInto(&pipe{}, src, schema, ops)
}

func (x *compiler) stagesInto(out *pipe, src source, schema table.Schema, ops []plan.Op) (*pipe, error) {
	out.source = src
	out.schema = schema
	for _, op := range ops {
		if err := x.op(out, op); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sub compiles a pipeline inside another; if it reads the outer rows, so does the
// other.
func (x *compiler) sub(in *pipe, p *plan.Pipeline) (*pipe, error) {
	out, err := x.pipeline(p)
	if err != nil {
		return nil, err
	}
	if out.outer {
		in.outer = true
	}
	return out, nil
}

func (p *pipe) add(s stage, schema table.Schema) {
	p.stages = append(p.stages, s)
	p.schema = schema
}

func (x *compiler) scope(p *pipe) *scope { return &scope{compiler: x, pipe: p, schema: p.schema} }

// op compiles one operator onto the end of p.
func (x *compiler) op(p *pipe, op plan.Op) error {
	switch op := op.(type) {
	case *plan.Filter:
		return x.filter(p, op)
	case *plan.Project:
		return x.project(p, op)
	case *plan.Summarize:
		return x.summarize(p, op)
	case *plan.Sort:
		return x.sort(p, op)
	case *plan.Top:
		return x.top(p, op)
	case *plan.Take:
		p.add(&take{x, op.N}, p.schema)
	case *plan.Distinct:
		p.add(&distinct{x}, p.schema)
	case *plan.Join:
		return x.join(p, op)
	case *plan.MvExpand:
		return x.mvExpand(p, op)
	case *plan.MvApply:
		return x.mvApply(p, op)
	case *plan.Parse:
		return x.parse(p, op)
	case *plan.ParseKV:
		return x.parseKV(p, op)
	case *plan.MakeSeries:
		return x.makeSeries(p, op)
	case *plan.Partition:
		return x.partition(p, op)
	case *plan.ScanSteps:
		return x.scanSteps(p, op)
	case *plan.TopNested:
		return x.topNested(p, op)
	case *plan.Sample:
		p.add(&sample{x, op.N}, p.schema)
	case *plan.SampleDistinct:
		return x.sampleDistinct(p, op)
	case *plan.Reduce:
		return x.reduce(p, op)
	case *plan.Plugin:
		return x.plugin(p, op)
	case *plan.GraphMatch:
		return x.graphMatch(p, op)
	case *plan.GraphTable:
		return x.graphTable(p, op)
	case *plan.MakeGraph:
		return fault.New(fault.Invalid, "a graph is no table of rows; put graph-match or graph-to-table behind it")
	case *plan.Serialize:
		// Rows are always in order here.
	default:
		return errUnknown("operator", op)
	}
	return nil
}

// drain reads everything, charging h for it.
func (x *compiler) drain(ctx context.Context, r Reader, h *hold) ([]*table.Batch, error) {
	var out []*table.Batch
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return out, nil
		}
		if err := x.alive(ctx); err != nil {
			return nil, err
		}
		if b.Rows == 0 {
			continue
		}
		if err := h.add(b.Bytes()); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
}

// scalarOf runs a subquery for its first cell.
func (x *compiler) scalarOf(ctx context.Context, p *pipe, e *env, t table.Type) (table.Value, error) {
	r := p.open(e)
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return table.Value{}, err
		}
		if err := x.alive(ctx); err != nil {
			return table.Value{}, err
		}
		if b == nil {
			return table.Null(t), nil
		}
		if b.Rows > 0 {
			if len(b.Cols) == 0 {
				return table.Null(t), nil
			}
			return fit(b.Cols[0].At(0), t), nil
		}
	}
}

// keySet is the first column of a subquery, for membership.
type keySet struct {
	keys map[string]struct{}
	typ  table.Type
	hold hold
}

func (x *compiler) setOf(ctx context.Context, p *pipe, e *env, fold bool) (*keySet, error) {
	if len(p.schema) == 0 {
		return nil, fault.New(fault.Invalid, "the subquery behind in has no column to look in")
	}
	s := &keySet{keys: map[string]struct{}{}, typ: p.schema[0].Type, hold: x.hold("in")}
	r := p.open(e)
	defer r.Close()
	var buf []byte
	for {
		b, err := r.Next(ctx)
		if err == nil {
			err = x.alive(ctx)
		}
		if err != nil {
			s.hold.release()
			return nil, err
		}
		if b == nil {
			return s, nil
		}
		var grown int64
		for i := range b.Rows {
			v := b.Cols[0].At(i)
			if v.IsNull() || v.Type() == table.Real && math.IsNaN(v.Float64()) {
				continue // equals nothing, as with in and a list
			}
			buf = appendCell(buf[:0], v, fold)
			if _, ok := s.keys[string(buf)]; !ok {
				s.keys[string(buf)] = struct{}{}
				grown += int64(len(buf)) + mapEntryBytes
			}
		}
		if err := s.hold.add(grown); err != nil {
			s.hold.release()
			return nil, err
		}
	}
}

// mapEntryBytes is about what an entry of a map keyed by string costs beside the
// key's text.
const mapEntryBytes = 48
