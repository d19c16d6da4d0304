package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// scope is what let statements and parameters declare, innermost first.
type scope struct {
	up    *scope
	names map[string]*entity
}

func inner(up *scope) *scope { return &scope{up: up, names: map[string]*entity{}} }

func (s *scope) find(name string) *entity {
	for ; s != nil; s = s.up {
		if e := s.names[name]; e != nil {
			return e
		}
	}
	return nil
}

// entity is what a name of the query's own stands for: exactly one of expr, rel
// and lambda is set.
type entity struct {
	expr   plan.Expr
	row    *row // whose columns expr reads; nil when it reads none
	rel    *rel
	lambda *syntax.Lambda
	in     *scope // where lambda was declared
	// env is what lambda sees where that is more than what the query sees.
	env Environment
	// pattern of declare pattern; the others are then not set.
	pattern *pattern
	view    bool
	saved   bool // from the environment
}

// rel is a bound tabular expression.
type rel struct {
	pipe *plan.Pipeline
	// open: the schema is not known because of an error; any column resolves to
	// a placeholder.
	open bool
	// name of the table, let or function, for messages and results.
	name string
	// label is what union withsource= and search call the rows' origin: a stored
	// table, a view, or what as names; "" for rows that an operator made.
	label string
	// ordered: rows come in a meaningful order (after sort, top, serialize, range).
	ordered bool
	render  *Render
	// guessed collects what is read of an open rel (row.guessed).
	guessed *[]string
}

// schema is what column names see: hidden columns, which come last, are not in it.
func (r *rel) schema() table.Schema {
	s := r.pipe.Schema()
	for n := len(s); n > 0 && isHidden(s[n-1].Name); n-- {
		s = s[:n-1]
	}
	return s
}

// hidden columns that r carries for ingestion_time().
func (r *rel) hidden() table.Schema { return r.pipe.Schema()[len(r.schema()):] }

func isHidden(name string) bool { return name == table.HiddenArrival }

// then is r followed by one more operator.
func (r *rel) then(op plan.Op) *rel {
	n := len(r.pipe.Ops)
	out := *r
	out.label = ""
	out.pipe = &plan.Pipeline{Source: r.pipe.Source, Ops: append(r.pipe.Ops[:n:n], op)}
	return &out
}

// unordered is r without the promise of an order.
func (r *rel) unordered() *rel {
	out := *r
	out.ordered = false
	return &out
}

func source(s plan.Source) *rel { return &rel{pipe: &plan.Pipeline{Source: s}} }

// nowhere is the placeholder of a tabular expression that could not be bound.
func nowhere() *rel {
	r := source(&plan.Values{})
	r.open = true
	return r
}

// row is what column names mean inside an operator.
type row struct {
	schema table.Schema
	index  map[string]int
	mark   *int // one for each row that is no copy
	open   bool
	// guessed collects names that are read of an open row; nil where nobody asks.
	guessed *[]string
	hidden  table.Schema
	// right is the other side of a join; $left and $right then have a meaning.
	right *row
	// aggs collects aggregates; nil where they are not allowed.
	aggs *aggregates
	// grouped: columns may only be read inside an aggregate.
	grouped bool
	ordered bool
	usesRow bool // a row function was bound: the projection is serialized
	// terms: a bare string literal is a search term (search, find).
	terms *terms
	// steps of a scan: step.column is a column of the step's state.
	steps map[string]bool
	// graph: names are those of a pattern, or of properties of its elements.
	graph *graphRow
	// missing: a name that is a column of another table of the search; it is null here.
	missing map[string]table.Type
}

func rowOf(r *rel) *row {
	out := newRow(r.schema(), r.open, r.ordered)
	out.hidden = r.hidden()
	out.guessed = r.guessed
	return out
}

func newRow(s table.Schema, open, ordered bool) *row {
	index := make(map[string]int, len(s))
	for i, c := range s {
		if _, ok := index[c.Name]; !ok { // names come twice in an editor's view alone
			index[c.Name] = i
		}
	}
	return &row{schema: s, index: index, mark: new(int), open: open, ordered: ordered}
}

// guess notes that a name must be a column of an open row.
func (r *row) guess(name string) {
	if r.guessed != nil && !slices.Contains(*r.guessed, name) {
		*r.guessed = append(*r.guessed, name)
	}
}

func (r *row) column(name string) (table.Column, bool) {
	if r == nil {
		return table.Column{}, false
	}
	i, ok := r.index[name]
	if !ok {
		return table.Column{}, false
	}
	return r.schema[i], true
}

// env is where an expression stands.
type env struct {
	sc  *scope
	row *row // nil where there are no columns
}
