// Package sqlgen writes the first operators of a plan as SQL.
//
// As many operators as have an exact SQL form are taken, from the source on; the
// rest is for package eval. A form is exact when its rows are those that eval
// would give, nulls, ties and overflow included; where none is known the operator
// stays in Go. Nothing is emitted that is neither written here nor a form of the
// catalogue, and no name or literal of the user's that did not pass the dialect's
// quoting: columns are c0, c1, … at every level, whatever they are called.
//
// A row of SQL has the columns of the plan's schema, in the representations of
// package table, and behind them the keys that its order depends on.
package sqlgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Relation gives SQL that may stand in FROM (…) for a scan, its columns in the
// order of s.Out.
type Relation func(s *plan.Scan) (string, error)

// Query is the SQL half of a pipeline.
type Query struct {
	SQL    string
	Schema table.Schema
	// Functions that the SQL calls, by their numbers.
	Functions []Function
	Ops       int       // operators of the pipeline that run here, the last perhaps in part
	Rest      []plan.Op // what is left to do in Go
	Why       string    // why it stops there; "" when nothing is left

	// Done is what the SQL computes, as a plan.
	Done *plan.Pipeline
}

// Options of the generator.
type Options struct {
	Dialect fn.Dialect
	// Max is the most operators to take; negative is all that have a form.
	Max int
	// Scalar gives the value of a subquery; nil leaves what holds one to Go.
	Scalar func(*plan.ScalarQuery) (table.Value, error)
	// Set gives the values of a subquery behind in, when they are few; nil, or false,
	// leaves what holds one to Go.
	Set func(*plan.InQuery) ([]table.Value, bool, error)
	// Call writes a call of a function in Go, by its number; nil where the engine calls
	// none.
	Call func(n int, result table.Type, args []string) string
	// CallList writes a call whose result is a list of texts; nil as Call is.
	CallList func(n int, args []string) string
	// Catalogue has the functions that comparisons with dynamics imply.
	Catalogue *fn.Catalogue
}

// Prefix writes as long a prefix of p as has a form. The query is nil when not
// even the source has one, and why says why. An error is the relation's.
func Prefix(p *plan.Pipeline, o Options, rel Relation) (q *Query, why string, err error) {
	g := &gen{d: o.Dialect, rel: rel, scalar: o.Scalar, set: o.Set, caller: o.Call, lister: o.CallList, cat: o.Catalogue, shared: map[int]int{}}
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(outside)
			if !ok {
				panic(x)
			}
			q, err = nil, e.err
		}
	}()
	st, why := g.source(p.Source)
	if why != "" {
		return nil, why, nil
	}
	rest := p.Ops
	n := 0
	for len(rest) > 0 && (o.Max < 0 || n < o.Max) {
		if p, ok := rest[0].(*plan.Project); ok && len(rest) == 1 && constants(p) > maxConstants {
			why = "columns that are the same in all rows are added in Go"
			break
		}
		next, left, w := g.op(st, rest[0])
		why = w
		if next == nil {
			break
		}
		if len(next.sql) > maxText {
			why = "the statement would be too long"
			break
		}
		st = next
		n++
		if left != nil { // part of the operator is still to do
			rest = append([]plan.Op{left}, rest[1:]...)
			break
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		why = ""
	} else if why == "" {
		why = "no more operators were asked for"
	}
	if len(st.texts) > 0 {
		st = g.unlist(st)
	}
	done := &plan.Pipeline{Source: p.Source, Ops: p.Ops[:n:n]}
	keep := needed(st.schema, rest)
	schema := make(table.Schema, len(keep))
	cols := make([]plan.Named, len(keep))
	for i, at := range keep {
		c := st.schema[at]
		schema[i], cols[i] = c, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}}
	}
	if len(keep) < len(st.schema) {
		done.Ops = append(done.Ops, &plan.Project{Cols: cols})
	}
	return &Query{SQL: g.with() + st.final(keep), Schema: schema, Functions: g.functions, Ops: n, Rest: rest, Why: why, Done: done}, why, nil
}

// maxConstants columns of an answer come from the engine: it makes room for the rows of
// a whole chunk in each, and a search through a workspace adds thousands.
const maxConstants = 64

// constants is how many columns a projection gives that are constants, where it gives
// nothing else but columns as they are.
func constants(p *plan.Project) int {
	if !plan.Widens(p) {
		return 0
	}
	n := 0
	for _, c := range p.Cols {
		if _, ok := c.Expr.(*plan.Const); ok {
			n++
		}
	}
	return n
}

// maxText is how long a statement may be, in bytes.
const maxText = 300_000

// outside carries an error of Options' functions up to Prefix.
type outside struct{ err error }

// gen writes one statement.
type gen struct {
	d      fn.Dialect
	rel    Relation
	scalar func(*plan.ScalarQuery) (table.Value, error)
	set    func(*plan.InQuery) ([]table.Value, bool, error)
	caller func(n int, result table.Type, args []string) string
	lister func(n int, args []string) string
	cat    *fn.Catalogue
	pure   bool // nothing of Go may be called
	tables int  // aliases given
	vars   int  // names given by let
	ctes   []string
	shared map[int]int // ID of a Shared source to the place of its CTE

	functions []Function

	grown map[string]float64 // how long the texts of columns may be, by name; see growth
	most  float64            // of them all
}

func (g *gen) with() string {
	if len(g.ctes) == 0 {
		return ""
	}
	return "WITH " + strings.Join(g.ctes, ", ") + " "
}

func (g *gen) alias() string {
	g.tables++
	return "t" + strconv.Itoa(g.tables)
}

// state is the SQL so far: a SELECT whose columns are c0…, then o0… for order.
type state struct {
	sql    string
	schema table.Schema
	order  []orderKey // o0, o1, …; none when rows have no order
	lists  []int      // columns, of type dynamic, that are lists of texts so far
	texts  []int      // columns, of type dynamic, that are texts so far, or null
	total  bool       // no two rows are equal in order
	extra  []string   // columns behind, while a function over rows is written
}

type orderKey struct{ desc, nullsFirst bool }

func col(i int) string { return "c" + strconv.Itoa(i) }

// names of a state's columns, order keys behind.
func (s *state) names() []string {
	out := make([]string, 0, len(s.schema)+len(s.order))
	for i := range s.schema {
		out = append(out, col(i))
	}
	return append(out, s.orderNames()...)
}

func (s *state) orderNames() []string {
	out := make([]string, len(s.order))
	for i := range out {
		out[i] = "o" + strconv.Itoa(i)
	}
	return out
}

func (s *state) orderBy() string {
	if len(s.order) == 0 {
		return ""
	}
	keys := make([]string, len(s.order))
	for i, k := range s.order {
		dir, nulls := "ASC", "LAST"
		if k.desc {
			dir = "DESC"
		}
		if k.nullsFirst {
			nulls = "FIRST"
		}
		keys[i] = fmt.Sprintf("o%d %s NULLS %s", i, dir, nulls)
	}
	return " ORDER BY " + strings.Join(keys, ", ")
}

// final is the whole statement: the columns to keep alone, in order.
func (s *state) final(keep []int) string {
	names := make([]string, len(keep))
	for i, at := range keep {
		names[i] = col(at)
	}
	list := strings.Join(names, ", ")
	if list == "" {
		list = "1"
	}
	return "SELECT " + list + " FROM (" + s.sql + ") AS q" + s.orderBy()
}

// selects writes SELECT exprs AS c0… FROM (s) tail, keeping the order keys.
func (g *gen) selects(s *state, exprs []string, tail string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, e := range exprs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e + " AS " + col(i))
	}
	for i, o := range s.orderNames() {
		if i > 0 || len(exprs) > 0 {
			b.WriteString(", ")
		}
		b.WriteString(o)
	}
	if len(exprs) == 0 && len(s.order) == 0 {
		b.WriteString("1 AS z")
	}
	b.WriteString(" FROM (" + s.sql + ") AS " + g.alias() + tail)
	return b.String()
}

// keep is the state with a clause behind it and everything else as it was.
func (g *gen) keep(s *state, tail string) string {
	list := strings.Join(s.names(), ", ")
	if list == "" {
		list = "1 AS z"
	}
	return "SELECT " + list + " FROM (" + s.sql + ") AS " + g.alias() + tail
}

// nullOf is a typed null, the empty text for a string.
func (g *gen) nullOf(t table.Type) (string, bool) { return fn.Literal(g.d, table.Null(t)) }

// storable says whether every column has a representation in SQL.
func (g *gen) storable(s table.Schema) string {
	for _, c := range s {
		if _, ok := fn.SQLType(g.d, c.Type); !ok {
			return fmt.Sprintf("column %s is a %s, which the engine does not hold", plan.Ident(c.Name), c.Type)
		}
	}
	return ""
}

// source writes a source; why is set where it has no form.
func (g *gen) source(s plan.Source) (st *state, why string) {
	if why := g.storable(s.Schema()); why != "" {
		return nil, why
	}
	switch s := s.(type) {
	case *plan.Scan:
		rel, err := g.rel(s)
		if err != nil {
			panic(outside{err})
		}
		names := make([]string, len(s.Out))
		for i := range names {
			names[i] = col(i)
		}
		a := g.alias()
		if len(names) == 0 {
			return &state{sql: "SELECT 1 AS z FROM (" + rel + ") AS " + a, schema: s.Out}, ""
		}
		list := strings.Join(names, ", ")
		st := &state{sql: "SELECT " + list + " FROM (" + rel + ") AS " + a + "(" + list + ")", schema: s.Out}
		for _, p := range s.Def.Promoted {
			if at := s.Out.Index(p.Name()); at >= 0 && p.InElements() {
				st.lists = append(st.lists, at)
			}
		}
		return st, ""
	case *plan.Print:
		st := &state{schema: s.Schema()}
		exprs, why := g.named(&state{}, s.Cols)
		if why != "" {
			return nil, why
		}
		for i := range exprs {
			exprs[i] += " AS " + col(i)
		}
		st.sql = "SELECT " + strings.Join(exprs, ", ")
		return st, ""
	case *plan.Values:
		return g.values(s)
	case *plan.Range:
		return g.ranged(s)
	case *plan.Union:
		return g.union(s)
	case *plan.Shared:
		return g.sharedCTE(s)
	}
	return nil, fmt.Sprintf("%s has no SQL form", firstWord(s.String()))
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// maxValues is how many literal rows go into a statement.
const maxValues = 500

func (g *gen) values(s *plan.Values) (*state, string) {
	if len(s.Rows) > maxValues || len(s.Out) == 0 {
		return nil, "a table of literals of this size is read in Go"
	}
	var b strings.Builder
	if len(s.Rows) == 0 {
		b.WriteString("SELECT ")
		for i, c := range s.Out {
			if i > 0 {
				b.WriteString(", ")
			}
			null, _ := g.nullOf(c.Type)
			b.WriteString(null + " AS " + col(i))
		}
		b.WriteString(" WHERE FALSE")
		return &state{sql: b.String(), schema: s.Out}, ""
	}
	// The row number keeps the order in which the rows were written.
	b.WriteString("SELECT * FROM (VALUES ")
	for r, row := range s.Rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for _, v := range row {
			lit, ok := fn.Literal(g.d, v)
			if !ok {
				return nil, "a literal of the table has no SQL form"
			}
			if typ, _ := fn.SQLType(g.d, v.Type()); v.Type() == table.String || v.Type() == table.Guid || v.Type() == table.Dynamic {
				lit = "CAST(" + lit + " AS " + typ + ")"
			}
			b.WriteString(lit + ", ")
		}
		b.WriteString(strconv.Itoa(r) + ")")
	}
	names := make([]string, len(s.Out))
	for i := range names {
		names[i] = col(i)
	}
	b.WriteString(") AS " + g.alias() + "(" + strings.Join(append(names, "o0"), ", ") + ")")
	return &state{sql: b.String(), schema: s.Out, order: []orderKey{{}}}, ""
}

// whole writes a pipeline that must have a form to its end.
func (g *gen) whole(p *plan.Pipeline) (*state, string) {
	st, why := g.source(p.Source)
	if why != "" {
		return nil, why
	}
	for _, op := range p.Ops {
		next, left, why := g.op(st, op)
		if next == nil || left != nil {
			return nil, why
		}
		st = next
	}
	return st, ""
}

func (g *gen) union(s *plan.Union) (*state, string) {
	var parts []string
	for i, in := range s.Inputs {
		st, why := g.whole(in)
		if why != "" {
			return nil, "an input of the union runs in Go: " + why
		}
		st = g.unlist(st)
		exprs := make([]string, len(s.Out))
		for c, out := range s.Out {
			switch from := s.From[i][c]; {
			case s.With != "" && out.Name == s.With:
				lit, ok := fn.QuoteString(g.d, s.Names[i])
				if !ok {
					return nil, "the name of a source has no SQL form"
				}
				exprs[c] = lit
			case from == "":
				exprs[c], _ = g.nullOf(out.Type)
			default:
				at := st.schema.Index(from)
				if at < 0 || st.schema[at].Type != out.Type {
					return nil, "a column of the union changes its type"
				}
				exprs[c] = col(at)
			}
		}
		st.order = nil
		parts = append(parts, "("+g.selects(st, exprs, "")+")")
	}
	return &state{sql: strings.Join(parts, " UNION ALL "), schema: s.Out}, ""
}

func (g *gen) sharedCTE(s *plan.Shared) (*state, string) {
	schema := s.Schema()
	name := "s" + strconv.Itoa(s.ID)
	if !settled(s.Pipe) {
		return nil, "what is shared may come out otherwise each time, and is kept in Go"
	}
	if _, ok := g.shared[s.ID]; !ok {
		st, why := g.whole(s.Pipe)
		if why != "" {
			return nil, "what is shared runs in Go: " + why
		}
		st.order = nil
		g.shared[s.ID] = len(g.ctes)
		g.ctes = append(g.ctes, name+" AS MATERIALIZED ("+g.keep(g.unlist(st), "")+")")
	}
	st := &state{schema: schema}
	list := strings.Join(st.names(), ", ")
	if list == "" {
		list = "1 AS z"
	}
	st.sql = "SELECT " + list + " FROM " + name
	return st, ""
}

// unlist turns columns that are lists of texts into JSON, for what knows no lists.
func (g *gen) unlist(s *state) *state {
	if len(s.lists) == 0 && len(s.texts) == 0 {
		return s
	}
	exprs := make([]string, len(s.schema))
	for i := range exprs {
		exprs[i] = col(i)
	}
	for _, at := range slices.Concat(s.lists, s.texts) {
		exprs[at] = "CAST(to_json(" + col(at) + ") AS VARCHAR)"
	}
	return &state{sql: g.selects(s, exprs, ""), schema: s.schema, order: s.order}
}
