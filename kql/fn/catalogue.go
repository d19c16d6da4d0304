// Package fn is the catalogue of what KQL can compute: one row for each scalar
// function, operator and aggregate, with its signatures, its rule for nulls, its
// evaluator in Go, its SQL form for each dialect (or none), and a line of
// documentation. The binder resolves calls in it, the evaluator runs it, the SQL
// generator emits nothing that is not in it, and docs/kql.md is printed from it.
//
// To add a scalar function: write its evaluator in the file of its family, add
// one row to that file's table, add a script under testdata. A SQL form can come
// later: the row then gains one entry, and the tests that cut queries check it
// against the evaluator.
package fn

import (
	"strings"

	"sextant/table"
)

// Dialect of an engine's SQL.
type Dialect uint8

const (
	DuckDB Dialect = iota
	ClickHouse
	dialects
)

// Nulls says what a scalar function does with null arguments.
type Nulls uint8

const (
	// Strict: any null argument gives the null of the result type (for a string
	// result the empty string) without calling Eval.
	Strict Nulls = iota
	// Own: Eval sees the nulls.
	Own
)

// Arg is what the binder knows of an argument.
type Arg struct {
	Type  table.Type
	Const *table.Value // set when the argument is a constant
	Name  string       // of a column or of a named argument; "" otherwise
	Star  bool         // the argument was written *
}

// Param is one parameter of a signature. Accepts lists the types taken as they
// are; an argument of another type is converted implicitly where Kusto does
// (int to long, long to real, dynamic to what is wanted, any to string where the
// signature says so), else the signature does not fit.
type Param struct {
	Name     string
	Accepts  []table.Type // empty: any
	Const    bool         // must be a constant
	Optional bool
}

// Sig is one overload. The first of a function's that fits is taken.
type Sig struct {
	Params   []Param
	Variadic bool // the last parameter may repeat (one or more; zero or more when Optional)
	Result   table.Type
	// ResultOf overrides Result where the type depends on the arguments.
	ResultOf func(args []Arg) table.Type
	// Convert gives the type that each argument is converted to before Eval; nil
	// where the arguments are taken as they are. The binder inserts the call.
	Convert func(args []Arg) []table.Type
}

// Scalar is one row of the catalogue: a function, or an operator under its
// symbol ("+", "==", "has_cs", "in~").
type Scalar struct {
	Name    string
	Aliases []string // old names; lower case
	Sigs    []Sig
	Nulls   Nulls
	// Eval computes one cell. Values have the types that Convert asked for.
	Eval func(c *Context, args []table.Value) table.Value
	// Lazy functions (iff, case, coalesce, and, or) get their arguments on
	// demand; Eval is then nil.
	Lazy func(c *Context, n int, arg func(i int) table.Value) table.Value
	// Several, when set, says that the function gives several columns in extend and
	// project (series_fit_line, array_sort_asc of two arrays): their default names
	// and types. Eval then gives the first; the row named All gives a dynamic array
	// of them all, in that order.
	Several func(args []Arg) table.Schema
	All     *Scalar
	// Row functions see the rows around them; Eval and Lazy are nil.
	Row RowFunc
	// Volatile functions (rand, new_guid) must not be folded or moved.
	Volatile bool
	// SQL is the form for each dialect; a nil entry means none.
	SQL [dialects]SQLForm
	// Where is a shorter form, or none, for a conjunct of a filter: it may be null
	// where Eval gives false, since a filter drops both.
	Where [dialects]SQLForm
	// Most is a form, or none, that is cheaper than SQL and null for the few rows that
	// are left to Eval; the function itself is never null.
	Most [dialects]SQLForm
	Doc  string
	// Refused, when set, says why this function cannot exist here.
	Refused string
}

// SQLForm writes a call in SQL. args are SQL expressions, already of the
// representation of their types (package table); info tells what the binder
// knows of them. ok is false where these arguments have no SQL form: the call
// then runs in Go.
//
// A form must agree with Eval on every input, nulls included; a string result is
// never NULL.
type SQLForm func(args []string, info []Arg, result table.Type) (sql string, ok bool)

// RowFunc names the functions over serialized rows; package eval knows them.
type RowFunc uint8

const (
	NotRow RowFunc = iota
	RowNumber
	RowPrev
	RowNext
	RowCumSum
	RowRankMin
	RowRankDense
	RowWindowSession
)

// Aggregate is one row of the catalogue of aggregates.
type Aggregate struct {
	Name    string
	Aliases []string
	Sigs    []Sig
	// ResultName is the default name of the result column for the first
	// argument's column name ("" when it has none): "count_", "sum_x".
	ResultName func(arg string) string
	// New state for one group.
	New func(c *Context, args []Arg) State
	// Several, when set, says that the aggregate gives several columns
	// (arg_max, arg_min, take_any with *, percentiles): their default names and
	// types for the arguments. Star arguments are expanded by the binder first.
	Several func(args []Arg) table.Schema
	// SQL forms give one expression for each result column.
	SQL     [dialects]func(args []string, info []Arg, result table.Schema) (sql []string, ok bool)
	Doc     string
	Refused string
}

// State of an aggregate over one group.
type State interface {
	// Add one row's arguments.
	Add(args []table.Value)
	// Results, one for each result column. For an empty input too.
	Results() []table.Value
	// Bytes that the state holds, about, for the query's budget.
	Bytes() int64
}

// Catalogue resolves names. Names are case-sensitive, as in Kusto.
type Catalogue struct {
	scalars    map[string]*Scalar
	aggregates map[string]*Aggregate
	scalarRows []*Scalar
	aggRows    []*Aggregate
}

// New makes the catalogue from every family's table.
func New() *Catalogue {
	c := &Catalogue{scalars: map[string]*Scalar{}, aggregates: map[string]*Aggregate{}}
	for _, rows := range scalarFamilies() {
		for i := range rows {
			s := &rows[i]
			c.scalarRows = append(c.scalarRows, s)
			if s.All != nil {
				c.scalars[s.All.Name] = s.All
			}
			for _, n := range append([]string{s.Name}, s.Aliases...) {
				if _, twice := c.scalars[n]; twice {
					panic("fn: two scalar functions are named " + n)
				}
				c.scalars[n] = s
			}
		}
	}
	for _, rows := range aggregateFamilies() {
		for i := range rows {
			a := &rows[i]
			c.aggRows = append(c.aggRows, a)
			for _, n := range append([]string{a.Name}, a.Aliases...) {
				if _, twice := c.aggregates[n]; twice {
					panic("fn: two aggregates are named " + n)
				}
				c.aggregates[n] = a
			}
		}
	}
	return c
}

// Scalar by name; nil where there is none.
func (c *Catalogue) Scalar(name string) *Scalar { return c.scalars[name] }

// Aggregate by name; nil where there is none.
func (c *Catalogue) Aggregate(name string) *Aggregate { return c.aggregates[name] }

// Scalars and Aggregates in catalogue order; not to be changed.
func (c *Catalogue) Scalars() []*Scalar       { return c.scalarRows }
func (c *Catalogue) Aggregates() []*Aggregate { return c.aggRows }

// Near gives up to three names like the one that was not found.
func (c *Catalogue) Near(name string, aggregates bool) []string {
	var names []string
	if aggregates {
		for n := range c.aggregates {
			names = append(names, n)
		}
	} else {
		for n := range c.scalars {
			names = append(names, n)
		}
	}
	return Nearest(strings.ToLower(name), names)
}
