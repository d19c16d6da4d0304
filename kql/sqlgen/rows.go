package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Operators that make rows of one row, or change it, without a form in SQL: the engine
// calls Go with what they read of a row and gets a list of the cells of the rows that
// come of it. What they do not read stays in the engine.

// rowNumber is the column by which Go says which row something came of.
const rowNumber = "$row"

// rowwise is an operator over single rows, for Go.
type rowwise struct {
	// Reads are its columns, by the names that it knows them by, as expressions over
	// the input.
	reads []plan.Named
	// op makes the operator over a schema that ends with rowNumber; it must pass that
	// column on as its last.
	op func(in table.Schema) plan.Op
	// gives are the columns before it that are wanted of op.
	gives table.Schema
	// one says that there is one row for each.
	one bool
}

// made is where the cells of a rowwise operator are.
type made struct {
	in    *state   // a row for each of the input's, or for each that was made
	cells []string // of gives, typed
	index string   // of the row among those of one row; "" where there is one for each
}

// rowsInGo calls a rowwise operator.
func (g *gen) rowsInGo(s *state, r rowwise, because string) (m made, why string) {
	if g.lister == nil || g.d != fn.DuckDB {
		return m, because
	}
	mark := g.mark()
	c := &calling{g: g, s: s}
	var cols []plan.Named
	for _, n := range r.reads {
		var e plan.Expr
		if e, why = c.argument(n.Expr); why != "" {
			g.back(mark)
			return m, why
		}
		cols = append(cols, plan.Named{Name: n.Name, Expr: e})
	}
	number := table.Column{Name: rowNumber, Type: table.Long}
	outer := append(slices.Clone(c.args), number)
	cols = append(cols, plan.Named{Name: rowNumber, Expr: &plan.Col{Name: rowNumber, T: table.Long}})
	first := &plan.Project{Cols: cols}
	op := r.op(first.Schema())
	p := &plan.Pipeline{Source: &plan.Outer{Out: outer}, Ops: []plan.Op{first, op}}
	p, ok := g.alone(p)
	if !ok {
		g.back(mark)
		return m, because
	}
	last := &plan.Project{}
	for _, c := range append(slices.Clone(r.gives), number) {
		last.Cols = append(last.Cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	width := len(r.gives)
	if width == 0 { // that there is a row is what it gives
		last.Cols = slices.Insert(last.Cols, 0, plan.Named{Name: "$one", Expr: &plan.Const{Value: table.LongValue(1)}})
		width = 1
	}
	p.Ops = append(p.Ops, last)
	for _, c := range r.gives {
		if _, ok := fn.SQLType(g.d, c.Type); !ok {
			g.back(mark)
			return m, because
		}
	}
	call := g.function(Function{Args: c.args, Rows: p}, c.sql)
	names := ""
	for _, n := range s.names() {
		names += n + ", "
	}
	sql := "SELECT " + names + call + " AS l0 FROM (" + s.sql + ") AS " + g.alias()
	m.in = &state{schema: s.schema, order: s.order, lists: s.lists, texts: s.texts}
	if r.one {
		m.in.sql = sql
		for i, c := range r.gives {
			m.cells = append(m.cells, cell(fmt.Sprintf("l0[%d]", i+1), c.Type))
		}
		return m, ""
	}
	var unnested []string
	for i := range width {
		list := "l0"
		if width > 1 {
			list = fmt.Sprintf("list_slice(l0, %d, len(l0), %d)", i+1, width)
		}
		unnested = append(unnested, fmt.Sprintf("unnest(%s) AS e%d", list, i))
	}
	if len(s.order) > 0 {
		unnested = append(unnested, fmt.Sprintf("unnest(range(len(l0) // %d)) AS i0", width))
		m.index = "i0"
	}
	m.in.sql = "SELECT " + names + strings.Join(unnested, ", ") + " FROM (" + sql + ") AS " + g.alias()
	for i, c := range r.gives {
		m.cells = append(m.cells, cell(fmt.Sprintf("e%d", i), c.Type))
	}
	return m, ""
}

// cell is a cell of a list of texts, typed.
func cell(x string, t table.Type) string {
	switch t {
	case table.String:
		return "coalesce(" + x + ", '')"
	case table.Dynamic, table.Guid:
		return x
	}
	typ, _ := fn.SQLType(fn.DuckDB, t)
	return "CAST(" + x + " AS " + typ + ")"
}

// beside puts what a rowwise operator made in its places of out; the rest are columns
// of the input by the name that from gives, which is theirs where it is nil.
func (g *gen) beside(s *state, m made, gives, out table.Schema, from func(i int) string) (*state, string) {
	next := &state{schema: out, order: s.order}
	exprs := make([]string, len(out))
	for i, c := range out {
		name := c.Name
		if from != nil {
			name = from(i)
		}
		if at := gives.Index(c.Name); at >= 0 && (from == nil || name == "") {
			exprs[i] = m.cells[at]
			continue
		}
		at := s.schema.Index(name)
		if at < 0 {
			return nil, "a column that is passed on is missing"
		}
		exprs[i] = col(at)
		if slices.Contains(s.lists, at) {
			next.lists = append(next.lists, i)
		}
		if slices.Contains(s.texts, at) {
			next.texts = append(next.texts, i)
		}
	}
	next.sql = g.selects(m.in, exprs, "")
	if m.index != "" { // rows made of one row stay in their order
		next.sql = strings.Replace(next.sql, " FROM (", fmt.Sprintf(", %s AS o%d FROM (", m.index, len(s.order)), 1)
		next.order = append(slices.Clone(s.order), orderKey{})
	}
	return next, ""
}

// alone is a pipeline that can run on rows that it is given, with nothing else at hand,
// and gives the same for them each time: p with the values of its subqueries; false
// where there is none.
func (g *gen) alone(p *plan.Pipeline) (*plan.Pipeline, bool) {
	some := false
	bare := plan.RewriteInside(p, func(e plan.Expr) plan.Expr {
		if q, ok := e.(*plan.ScalarQuery); ok && g.scalar != nil && !outer(q.Pipe) {
			some = true
			return &plan.Const{Value: table.Null(q.T)}
		}
		return e
	})
	if !alone(bare) {
		return nil, false
	}
	if !some {
		return p, true
	}
	return plan.RewriteInside(p, func(e plan.Expr) plan.Expr {
		if v, ok := g.value(e); ok {
			return &plan.Const{Value: v}
		}
		return e
	}), true
}

// alone says whether a pipeline can run on rows that it is given as it is.
func alone(p *plan.Pipeline) bool {
	ok := true
	anyPipeline(p, func(p *plan.Pipeline) bool {
		switch p.Source.(type) {
		case *plan.Outer, *plan.Values, *plan.Print, *plan.Range:
		default:
			ok = false
		}
		for _, op := range p.Ops {
			if _, is := op.(*plan.Sample); is {
				ok = false
			}
			for _, e := range exprs(op) {
				plan.Walk(e, func(e plan.Expr) bool {
					switch e := e.(type) {
					case *plan.ScalarQuery, *plan.InQuery:
						ok = false
					case *plan.Call:
						ok = ok && !e.Fn.Volatile
					}
					return ok
				})
			}
		}
		return !ok
	}, everyOp)
	return ok
}

// sampleDistinct keeps any values.
func (g *gen) sampleDistinct(s *state, op *plan.SampleDistinct) (*state, string) {
	one := []plan.Named{op.Of}
	if readsRows(op.Of.Expr) {
		return nil, "functions over rows run in Go"
	}
	s, why := g.project(s, &plan.Project{Cols: one})
	if why != "" {
		return nil, why
	}
	s.order = nil
	if s, why = g.distinct(s, &plan.Distinct{In: s.schema}); why != "" {
		return nil, why
	}
	return g.take(s, op.N), ""
}

// parse captures columns from a text.
func (g *gen) parse(s *state, op *plan.Parse) (*state, string) {
	var caps table.Schema
	for _, p := range op.Pattern {
		if p.Column != nil && op.Out.Index(p.Column.Name) >= 0 && caps.Index(p.Column.Name) < 0 {
			caps = append(caps, op.Out[op.Out.Index(p.Column.Name)])
		}
	}
	r := rowwise{
		reads: []plan.Named{{Name: "$of", Expr: op.Of}},
		gives: caps,
		one:   !op.Where,
		op: func(in table.Schema) plan.Op {
			o := *op
			o.Of = &plan.Col{Name: "$of", T: op.Of.Type()}
			o.Out = append(slices.Clone(caps), in[len(in)-1])
			return &o
		},
	}
	m, why := g.rowsInGo(s, r, "parse runs in Go")
	if why != "" {
		return nil, why
	}
	return g.beside(s, m, caps, op.Out, nil)
}

// parseKV takes the values of keys from a text.
func (g *gen) parseKV(s *state, op *plan.ParseKV) (*state, string) {
	var keys table.Schema
	for _, k := range op.Keys {
		if op.Out.Index(k.Name) >= 0 {
			keys = append(keys, k)
		}
	}
	m, why := g.rowsInGo(s, rowwise{
		reads: []plan.Named{{Name: "$of", Expr: op.Of}},
		gives: keys,
		one:   true,
		op: func(in table.Schema) plan.Op {
			o := *op
			o.Of = &plan.Col{Name: "$of", T: op.Of.Type()}
			o.Out = append(slices.Clone(keys), in[len(in)-1])
			return &o
		},
	}, "parse-kv runs in Go")
	if why != "" {
		return nil, why
	}
	return g.beside(s, m, keys, op.Out, nil)
}

// expandInGo is mv-expand of what has no form in SQL.
func (g *gen) expandInGo(s *state, op *plan.MvExpand, because string) (*state, string) {
	reads, cols := expanded(op)
	var gives table.Schema
	for _, c := range op.Out {
		if c.Name == op.Index || slices.ContainsFunc(op.Cols, func(e plan.Expanded) bool { return e.Name == c.Name }) {
			gives = append(gives, c)
		}
	}
	m, why := g.rowsInGo(s, rowwise{
		reads: reads,
		gives: gives,
		op: func(in table.Schema) plan.Op {
			o := *op
			o.Cols = cols
			o.Out = append(slices.Clone(gives), in[len(in)-1])
			return &o
		},
	}, because)
	if why != "" {
		return nil, why
	}
	return g.beside(s, m, gives, op.Out, nil)
}

// expanded are the expressions that an expansion reads, and its columns over them.
func expanded(op *plan.MvExpand) (reads []plan.Named, cols []plan.Expanded) {
	for i, c := range op.Cols {
		name := fmt.Sprintf("$of%d", i)
		reads = append(reads, plan.Named{Name: name, Expr: c.Expr})
		c.Expr = &plan.Col{Name: name, T: c.Expr.Type()}
		cols = append(cols, c)
	}
	return reads, cols
}

// applyInGo is mv-apply whose subquery has no form in SQL: it runs for each row in Go.
func (g *gen) applyInGo(s *state, op *plan.MvApply, because string) (*state, string) {
	reads, cols := expanded(&op.Expand)
	for _, c := range op.Expand.Out {
		if c.Name == op.Expand.Index || slices.ContainsFunc(op.Expand.Cols, func(e plan.Expanded) bool { return e.Name == c.Name }) {
			continue
		}
		reads = append(reads, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	gives := op.Sub.Schema()
	m, why := g.rowsInGo(s, rowwise{
		reads: reads,
		gives: renamed(gives),
		op: func(in table.Schema) plan.Op {
			o := *op
			o.Expand.Cols = cols
			o.Keep = []string{rowNumber}
			sub := *op.Sub
			// Names of its columns may be those of columns that are kept.
			last := &plan.Project{}
			for i, c := range renamed(gives) {
				last.Cols = append(last.Cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: gives[i].Name, T: c.Type}})
			}
			sub.Ops = append(slices.Clone(sub.Ops), last)
			o.Sub = &sub
			o.Out = append(table.Schema{in[len(in)-1]}, last.Schema()...)
			return &o
		},
	}, because)
	if why != "" {
		return nil, why
	}
	out := op.Out
	next := &state{schema: out}
	named := append(slices.Clone(out[:len(op.Keep)]), renamed(gives)...)
	if next, why = g.beside(s, m, renamed(gives), named, func(i int) string {
		if i < len(op.Keep) {
			return op.Keep[i]
		}
		return ""
	}); why != "" {
		return nil, why
	}
	next.schema = out
	return next, ""
}

// renamed are columns under names that no query can give.
func renamed(s table.Schema) table.Schema {
	out := make(table.Schema, len(s))
	for i, c := range s {
		out[i] = table.Column{Name: fmt.Sprintf("$sub%d", i), Type: c.Type}
	}
	return out
}
