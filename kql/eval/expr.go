package eval

import (
	"context"
	"strings"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// node is a compiled expression. Nodes keep buffers between rows, so one node is
// used by one goroutine.
type node struct {
	t table.Type
	// at computes the value for row i of b.
	at func(b *table.Batch, i int) table.Value
	// vec computes all rows, where that is cheaper than one by one; or nil.
	vec func(b *table.Batch) table.Vector
	// dyn is the parsed form of a dynamic, where it is kept between uses; or nil.
	dyn func(b *table.Batch, i int) any
	// value of a constant.
	value *table.Value
	ctx   context.Context
	size  sizes
}

// vector computes the node for all rows of b. Once the query's context has ended it
// stops early: what it gives is then worthless, and root does not let it out.
func (n *node) vector(b *table.Batch) table.Vector {
	if n.value != nil {
		return repeat(*n.value, n.t, b.Rows)
	}
	if n.vec != nil {
		return n.vec(b)
	}
	v := table.NewVector(n.t, b.Rows)
	n.size.bytes = 0
	for i := range b.Rows {
		if i&63 == 63 && n.ctx.Err() != nil {
			for range b.Rows - i {
				v.Append(table.Null(n.t))
			}
			break
		}
		x := n.at(b, i)
		n.size.count(x)
		v.Append(x)
	}
	return v
}

// parsed is the dynamic's parsed form for row i.
func (n *node) parsed(b *table.Batch, i int) any {
	if n.dyn != nil {
		return n.dyn(b, i)
	}
	return n.at(b, i).Dyn()
}

// constant makes a node of a value.
func (s *scope) constant(v table.Value) *node {
	n := &node{t: v.Type(), value: &v, ctx: s.c.Ctx}
	n.at = func(*table.Batch, int) table.Value { return v }
	if v.Type() == table.Dynamic {
		d := v.Dyn()
		n.dyn = func(*table.Batch, int) any { return d }
	}
	return n
}

// named compiles columns, with what they have in common computed once a batch.
func (s *scope) named(cols []plan.Named) ([]*node, error) {
	es := make([]plan.Expr, len(cols))
	for i, c := range cols {
		es[i] = c.Expr
	}
	return s.exprs(es)
}

// exprs compiles several expressions that are computed for the same batches.
func (s *scope) exprs(es []plan.Expr) ([]*node, error) {
	s.counts = map[string]int{}
	for _, e := range es {
		plan.Walk(e, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Call); ok && shareable(c) {
				s.counts[c.String()]++
			}
			return true
		})
	}
	out := make([]*node, len(es))
	for i, e := range es {
		n, err := s.expr(e)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// shareable calls may be computed once where they are written twice: those that
// give the same for the same row, and cost more than looking it up.
func shareable(c *plan.Call) bool {
	if c.Fn.Eval == nil || c.Fn.Volatile {
		return false
	}
	for _, a := range c.Args {
		volatile := false
		plan.Walk(a, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Call); ok && (c.Fn.Volatile || c.Fn.Row != fn.NotRow) {
				volatile = true
			}
			return true
		})
		if volatile {
			return false
		}
	}
	name := c.Fn.Name
	return name[0] >= 'a' && name[0] <= 'z' && len(name) > 3
}

func (s *scope) expr(e plan.Expr) (*node, error) {
	n, err := s.compile(e)
	if err != nil {
		return nil, err
	}
	n.ctx, n.size.most = s.c.Ctx, mostOf(s.c.Budget)
	return n, nil
}

func (s *scope) compile(e plan.Expr) (*node, error) {
	switch e := e.(type) {
	case *plan.Const:
		return s.constant(e.Value), nil
	case *plan.Col:
		return s.column(e)
	case *plan.Call:
		return s.call(e)
	case *plan.Member:
		of, err := s.expr(e.Of)
		if err != nil {
			return nil, err
		}
		return s.fold(s.member(of, e.Key), of), nil
	case *plan.Index:
		of, err := s.expr(e.Of)
		if err != nil {
			return nil, err
		}
		i, err := s.expr(e.I)
		if err != nil {
			return nil, err
		}
		return s.fold(s.element(of, i), of, i), nil
	case *plan.ScalarQuery:
		return s.scalarQuery(e)
	case *plan.InQuery:
		return s.inQuery(e)
	}
	return nil, errUnknown("expression", e)
}

func (s *scope) column(e *plan.Col) (*node, error) {
	i := s.schema.Index(e.Name)
	if i < 0 {
		return nil, fault.New(fault.Internal, "eval: no column %q in %s", e.Name, s.schema)
	}
	if n, ok := s.cols[i]; ok {
		return n, nil
	}
	t := s.schema[i].Type
	n := &node{t: t}
	n.at = func(b *table.Batch, row int) table.Value { return b.Cols[i].At(row) }
	n.vec = func(b *table.Batch) table.Vector { return b.Cols[i] }
	if t == table.Dynamic {
		n.dyn = parsedOnce(func(b *table.Batch, row int) any { return b.Cols[i].At(row).Dyn() })
	}
	if s.cols == nil {
		s.cols = map[int]*node{}
	}
	s.cols[i] = n
	return n, nil
}

// parsedOnce keeps the parsed forms of a batch's dynamics, so that x.a and x.b parse
// one text once.
func parsedOnce(parse func(b *table.Batch, i int) any) func(b *table.Batch, i int) any {
	var of *table.Batch
	var vals []any
	var have []bool
	return func(b *table.Batch, i int) any {
		if of != b {
			of = b
			vals = append(vals[:0], make([]any, b.Rows)...)
			have = append(have[:0], make([]bool, b.Rows)...)
		}
		if !have[i] {
			vals[i], have[i] = parse(b, i), true
		}
		return vals[i]
	}
}

// fold computes a node whose inputs are all constant.
func (s *scope) fold(n *node, inputs ...*node) *node {
	for _, in := range inputs {
		if in.value == nil {
			return n
		}
	}
	n.ctx = s.c.Ctx
	return s.constant(n.at(&table.Batch{Rows: 1}, 0))
}

func (s *scope) member(of *node, key string) *node {
	n := &node{t: table.Dynamic}
	n.dyn = func(b *table.Batch, i int) any { return member(of.parsed(b, i), key) }
	n.at = func(b *table.Batch, i int) table.Value { return table.FromDyn(n.dyn(b, i)) }
	return n
}

func (s *scope) element(of, at *node) *node {
	n := &node{t: table.Dynamic}
	n.dyn = func(b *table.Batch, i int) any { return element(of.parsed(b, i), at.at(b, i)) }
	n.at = func(b *table.Batch, i int) table.Value { return table.FromDyn(n.dyn(b, i)) }
	return n
}

// member of a bag; nil where there is none.
func member(d any, key string) any {
	if o, ok := d.(*table.Object); ok {
		v, _ := o.Get(key)
		return v
	}
	return nil
}

// element of an array, from its end where the place is negative, or of a bag.
func element(d any, at table.Value) any {
	if at.IsNull() {
		return nil
	}
	place := int64(0)
	switch at.Type() {
	case table.String:
		return member(d, at.Str())
	case table.Int, table.Long:
		place = at.Int64()
	case table.Dynamic:
		switch k := at.Dyn().(type) {
		case string:
			return member(d, k)
		case int64:
			place = k
		default:
			return nil
		}
	default:
		return nil
	}
	list, ok := d.([]any)
	if !ok {
		return nil
	}
	if place < 0 {
		place += int64(len(list))
	}
	if place < 0 || place >= int64(len(list)) {
		return nil
	}
	return list[place]
}

func (s *scope) call(e *plan.Call) (*node, error) {
	key := ""
	if s.counts != nil && shareable(e) {
		if k := e.String(); s.counts[k] > 1 {
			key = k
			if n, ok := s.common[key]; ok {
				return n, nil
			}
		}
	}
	f := e.Fn
	args := make([]*node, len(e.Args))
	for i, a := range e.Args {
		n, err := s.expr(a)
		if err != nil {
			return nil, err
		}
		args[i] = n
	}
	var n *node
	switch {
	case f.Refused != "":
		return nil, fault.New(fault.Invalid, "%s is not available: %s", f.Name, f.Refused)
	case f.Row != fn.NotRow:
		return nil, fault.New(fault.Invalid, "%s needs rows in order; put it in extend, serialize, project or where behind a sort or serialize", f.Name)
	case f.Lazy != nil:
		n = s.lazy(e, args)
	case f.Eval != nil:
		n = s.eager(e, args)
	default:
		return nil, fault.New(fault.Internal, "eval: function %s has no evaluator", f.Name)
	}
	if !f.Volatile {
		n = s.fold(n, args...)
	}
	if key != "" && n.value == nil {
		n = s.once(n)
		if s.common == nil {
			s.common = map[string]*node{}
		}
		s.common[key] = n
	}
	return n, nil
}

// once keeps a node's cells of a batch: each is computed at most once.
func (s *scope) once(n *node) *node {
	var of *table.Batch
	var vals []table.Value
	var have []bool
	at := func(b *table.Batch, i int) table.Value {
		if of != b {
			of = b
			vals = append(vals[:0], make([]table.Value, b.Rows)...)
			have = append(have[:0], make([]bool, b.Rows)...)
		}
		if !have[i] {
			vals[i], have[i] = n.at(b, i), true
		}
		return vals[i]
	}
	out := &node{t: n.t, at: at}
	if n.t == table.Dynamic {
		// The parsed form is kept in the value.
		out.dyn = func(b *table.Batch, i int) any { return at(b, i).Dyn() }
	}
	return out
}

func (s *scope) lazy(e *plan.Call, args []*node) *node {
	c, f, t, most := s.c, e.Fn, e.T, mostOf(s.c.Budget)
	var batch *table.Batch
	var row int
	arg := func(k int) table.Value { return args[k].at(batch, row) }
	n := &node{t: t}
	n.at = func(b *table.Batch, i int) table.Value {
		// A lazy argument may use this same node's buffers only through another
		// node, never through this one: expressions are trees.
		wasBatch, wasRow := batch, row
		batch, row = b, i
		v := f.Lazy(c, len(args), arg)
		batch, row = wasBatch, wasRow
		return small(most, fit(v, t))
	}
	if v := fastLogic(e, args, n); v != nil {
		n.vec = v
	}
	return n
}

func (s *scope) eager(e *plan.Call, args []*node) *node {
	c, f, t, most := s.c, e.Fn, e.T, mostOf(s.c.Budget)
	strict := f.Nulls == fn.Strict
	null := table.Null(t)
	buf := make([]table.Value, len(args))
	n := &node{t: t}
	n.at = func(b *table.Batch, i int) table.Value {
		for k, a := range args {
			v := a.at(b, i)
			if strict && v.IsNull() {
				return null
			}
			buf[k] = v
		}
		return small(most, fit(f.Eval(c, buf), t))
	}
	if in := fastIn(f.Name, args); in != nil {
		n.at = func(b *table.Batch, i int) table.Value { return in(args[0].at(b, i)) }
		return n
	}
	generic := func(b *table.Batch) table.Vector {
		vecs := make([]table.Vector, len(args))
		for k, a := range args {
			if a.value == nil {
				vecs[k] = a.vector(b)
			} else {
				buf[k] = *a.value
			}
		}
		out := table.NewVector(t, b.Rows)
		n.size.bytes = 0
	rows:
		for i := range b.Rows {
			if i&63 == 63 && c.Ctx.Err() != nil {
				for range b.Rows - i {
					out.Append(null)
				}
				break
			}
			for k, a := range args {
				if a.value == nil {
					buf[k] = vecs[k].At(i)
				}
				if strict && buf[k].IsNull() {
					out.Append(null)
					continue rows
				}
			}
			v := fit(f.Eval(c, buf), t)
			n.size.count(v)
			out.Append(v)
		}
		return out
	}
	n.vec = fastOperator(e, args, n, generic)
	return n
}

func (s *scope) scalarQuery(e *plan.ScalarQuery) (*node, error) {
	if v, ok := s.scalars[e.ID]; ok {
		return s.constant(v), nil
	}
	sub, err := s.sub(s.pipe, e.Pipe)
	if err != nil {
		return nil, err
	}
	if !sub.outer {
		v, err := s.scalarOf(s.c.Ctx, sub, &env{}, e.T)
		if err != nil {
			return nil, err
		}
		s.scalars[e.ID] = v
		return s.constant(v), nil
	}
	// It reads the group of rows that its pipeline was opened for: once for each.
	cell := table.Null(e.T)
	s.pipe.prelude = append(s.pipe.prelude, func(ctx context.Context, env *env) error {
		v, err := s.scalarOf(ctx, sub, env, e.T)
		cell = v
		return err
	})
	return &node{t: e.T, at: func(*table.Batch, int) table.Value { return cell }}, nil
}

func (s *scope) inQuery(e *plan.InQuery) (*node, error) {
	of, err := s.expr(e.X)
	if err != nil {
		return nil, err
	}
	set, ok := s.sets[e.ID]
	if !ok {
		sub, err := s.sub(s.pipe, e.Pipe)
		if err != nil {
			return nil, err
		}
		if sub.outer {
			cell := &keySet{hold: s.hold("in")}
			s.made = append(s.made, cell)
			s.pipe.prelude = append(s.pipe.prelude, func(ctx context.Context, env *env) error {
				got, err := s.setOf(ctx, sub, env, e.Fold)
				if err == nil {
					cell.hold.release()
					cell.keys, cell.typ, cell.hold.n = got.keys, got.typ, got.hold.n
				}
				return err
			})
			set = cell
		} else if set, err = s.setOf(s.c.Ctx, sub, &env{}, e.Fold); err != nil {
			return nil, err
		} else {
			s.sets[e.ID] = set
			s.made = append(s.made, set)
		}
	}
	var buf []byte
	n := &node{t: table.Bool}
	n.at = func(b *table.Batch, i int) table.Value {
		buf = appendCell(buf[:0], comparable(of.at(b, i), set.typ), e.Fold)
		_, in := set.keys[string(buf)] // null and NaN are never among them
		return table.BoolValue(in != e.Not)
	}
	return n, nil
}

// comparable brings a value to the type of the column that it is looked for in,
// where the two differ in a way that equality overlooks.
func comparable(v table.Value, t table.Type) table.Value {
	if v.Type() == t || v.IsNull() {
		return v
	}
	switch {
	case t == table.Dynamic:
		return fn.ToDynamic(v)
	case v.Type() == table.Dynamic:
		switch d := v.Dyn().(type) {
		case string:
			if t == table.String {
				return table.StringValue(d)
			}
			if t == table.Guid {
				return table.GuidValue(strings.ToLower(d))
			}
		case int64:
			if t == table.Long || t == table.Int {
				return table.LongValue(d)
			}
			if t == table.Real {
				return table.RealValue(float64(d))
			}
		case float64:
			if t == table.Real {
				return table.RealValue(d)
			}
		case bool:
			if t == table.Bool {
				return table.BoolValue(d)
			}
		case table.Value:
			return comparable(d, t)
		}
		return v
	case t == table.Real && v.Type().Numeric():
		return table.RealValue(v.Number())
	case t == table.String && v.Type() == table.Guid:
		return table.StringValue(v.Str())
	case t == table.Guid && v.Type() == table.String:
		return table.GuidValue(strings.ToLower(v.Str()))
	}
	return v
}
