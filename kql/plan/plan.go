package plan

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/table"
)

// Pipeline is a source and the operators that its rows run through.
type Pipeline struct {
	Source Source
	Ops    []Op
}

// Schema of the pipeline's result.
func (p *Pipeline) Schema() table.Schema {
	if n := len(p.Ops); n > 0 {
		return p.Ops[n-1].Schema()
	}
	return p.Source.Schema()
}

func (p *Pipeline) String() string {
	var b strings.Builder
	b.WriteString(p.Source.String())
	for _, op := range p.Ops {
		b.WriteString(" | " + op.String())
	}
	return b.String()
}

// Source gives the first rows of a pipeline.
type Source interface {
	Schema() table.Schema
	fmt.Stringer
	source()
}

// Op is one operator. Its schema is what it gives, not what it takes.
type Op interface {
	Schema() table.Schema
	fmt.Stringer
	op()
}

// Scan reads a stored table. Out is what later operators see; Physical are the
// columns of the table that are read, which may include hidden and promoted ones.
// Right after binding Out is the table's visible schema.
type Scan struct {
	Def table.Def
	Out table.Schema
	// From, To, Bounds, Equal and Terms are hints that prune what is read (see
	// store.Scan); a rule derives them from the filters behind, which stay.
	From, To int64
	Bounds   []Bound
	Equal    []Equal
	Terms    []Terms
}

// Bound is a hint: Column, of type datetime, lies in [From, To), where To 0 is no bound.
type Bound struct {
	Column   string
	From, To int64
}

// Equal is a hint: Column has one of the values.
type Equal struct {
	Column string
	Values []string
}

// Values are literal rows: datatable, and what folded into rows.
type Values struct {
	Out  table.Schema
	Rows [][]table.Value
}

// Print is one row of expressions that read no column.
type Print struct{ Cols []Named }

// Range is range Name from … to … step …; the expressions read no column.
type Range struct {
	Col            table.Column
	From, To, Step Expr
}

// Union of pipelines. Each input has its own schema; Out is the union's, and
// From tells for each input and each column of Out the input's column ("" gives
// null).
type Union struct {
	Out    table.Schema
	Inputs []*Pipeline
	From   [][]string
	// With names a column that holds each row's source table ("" has none), and
	// Names what it holds for each input. It is a column of Out.
	With  string
	Names []string
}

// Shared is a pipeline that several places of a query read and that runs once:
// materialize(). The same ID is the same rows.
type Shared struct {
	ID   int
	Pipe *Pipeline
}

// Outer is the row group that a subquery (mv-apply, partition) is given.
type Outer struct{ Out table.Schema }

func (s *Scan) Schema() table.Schema   { return s.Out }
func (s *Values) Schema() table.Schema { return s.Out }
func (s *Print) Schema() table.Schema  { return namedSchema(s.Cols) }
func (s *Range) Schema() table.Schema  { return table.Schema{s.Col} }
func (s *Union) Schema() table.Schema  { return s.Out }
func (s *Shared) Schema() table.Schema { return s.Pipe.Schema() }
func (s *Outer) Schema() table.Schema  { return s.Out }

func (*Scan) source()   {}
func (*Values) source() {}
func (*Print) source()  {}
func (*Range) source()  {}
func (*Union) source()  {}
func (*Shared) source() {}
func (*Outer) source()  {}

// Named is an expression and the name of the column that it gives.
type Named struct {
	Name string
	Expr Expr
}

func namedSchema(cols []Named) table.Schema {
	out := make(table.Schema, len(cols))
	for i, c := range cols {
		out[i] = table.Column{Name: c.Name, Type: c.Expr.Type()}
	}
	return out
}

// Filter keeps rows whose predicate is true; false and null drop them.
type Filter struct {
	In   table.Schema
	Pred Expr
}

// Project gives exactly its columns: project, extend, and all their kin.
// Expressions see the input's columns, never each other.
type Project struct {
	Cols []Named
	// Serialized marks row functions inside: rows must come in order.
	Serialized bool
}

// Summarize gives By first, then the aggregates' columns. With no By there is
// exactly one row.
type Summarize struct {
	By   []Named
	Aggs []Agg
}

// Agg is one aggregate and the columns that it gives.
type Agg struct {
	Fn   *fn.Aggregate
	Args []Expr
	Info []fn.Arg
	Out  table.Schema
}

// SortKey: nulls come first when ascending and last when descending unless said
// otherwise; NullsFirst is resolved.
type SortKey struct {
	Expr       Expr
	Desc       bool
	NullsFirst bool
}

// Sort orders all rows. The sort is stable in Go; ties have no order in SQL.
type Sort struct {
	In   table.Schema
	Keys []SortKey
}

// Take keeps any N rows; after a sort, the first N.
type Take struct {
	In table.Schema
	N  int64
}

// Top is Sort then Take.
type Top struct {
	In   table.Schema
	N    int64
	Keys []SortKey
}

// Distinct rows of the input's columns.
type Distinct struct{ In table.Schema }

// JoinKind as KQL names them.
type JoinKind string

const (
	InnerUnique JoinKind = "innerunique"
	Inner       JoinKind = "inner"
	LeftOuter   JoinKind = "leftouter"
	RightOuter  JoinKind = "rightouter"
	FullOuter   JoinKind = "fullouter"
	LeftAnti    JoinKind = "leftanti"
	RightAnti   JoinKind = "rightanti"
	LeftSemi    JoinKind = "leftsemi"
	RightSemi   JoinKind = "rightsemi"
)

// Join with the pipeline on the right by equality of key pairs. Out has the
// left's columns then the right's (renamed where names collide), or one side's
// for semi and anti joins. LeftCols and RightCols name the source column of each
// output column: the first len(LeftCols) of Out are from the left.
// Keys are equal as groups are: nulls match nulls, NaN matches NaN (Kusto's engine
// does so, against its documentation; in SQL: IS NOT DISTINCT FROM). Innerunique
// keeps the first row of each key on the left.
type Join struct {
	Kind      JoinKind
	Right     *Pipeline
	LeftKeys  []Expr // over the left's columns
	RightKeys []Expr // over the right's columns
	LeftCols  []string
	RightCols []string
	Out       table.Schema
}

// MvExpand gives a row for each element of the arrays (in step, the shorter
// padded with null) or for each property of bags. Columns that are expanded take
// the place and name given; the others repeat.
type MvExpand struct {
	Out  table.Schema
	Cols []Expanded
	// Index names a column for the element's index, "" for none; it comes last.
	Index string
	Limit int64 // elements of one row; 0 is no limit
	Array bool  // bags expand to [key, value] arrays instead of one-property bags
}

// Expanded is one expanded column: the value, the name of the column of Out that
// it fills, and the type that each element is converted to.
type Expanded struct {
	Expr Expr
	Name string
	To   table.Type
}

// MvApply expands each row and runs the subquery over its elements; Sub's source
// is Outer with the input's columns and the expanded ones. The result is the
// input's columns that are not expanded, followed by what Sub gives (names that
// collide are Sub's).
type MvApply struct {
	Out    table.Schema
	Expand MvExpand
	Sub    *Pipeline
	// Keep are the input's columns that stand before Sub's in Out.
	Keep []string
}

// ParseKind of parse.
type ParseKind string

const (
	ParseSimple  ParseKind = "simple"
	ParseRegex   ParseKind = "regex"
	ParseRelaxed ParseKind = "relaxed"
)

// Parse takes columns from a text by a pattern. Out is the input's columns with
// the captured ones added or replaced. Where drops rows that do not match.
type Parse struct {
	Out     table.Schema
	Of      Expr
	Kind    ParseKind
	Flags   string // of regex: U, m, s, i
	Pattern []ParsePart
	Where   bool
}

// ParsePart is a literal to match, or (Column set) a column to capture; a Star
// part skips any text.
type ParsePart struct {
	Literal string
	Star    bool
	Column  *table.Column
}

// Serialize marks the order of rows as meaningful.
type Serialize struct{ In table.Schema }

func (o *Filter) Schema() table.Schema  { return o.In }
func (o *Project) Schema() table.Schema { return namedSchema(o.Cols) }
func (o *Summarize) Schema() table.Schema {
	out := namedSchema(o.By)
	for _, a := range o.Aggs {
		out = append(out, a.Out...)
	}
	return out
}
func (o *Sort) Schema() table.Schema      { return o.In }
func (o *Take) Schema() table.Schema      { return o.In }
func (o *Top) Schema() table.Schema       { return o.In }
func (o *Distinct) Schema() table.Schema  { return o.In }
func (o *Join) Schema() table.Schema      { return o.Out }
func (o *MvExpand) Schema() table.Schema  { return o.Out }
func (o *MvApply) Schema() table.Schema   { return o.Out }
func (o *Parse) Schema() table.Schema     { return o.Out }
func (o *Serialize) Schema() table.Schema { return o.In }

func (*Filter) op()    {}
func (*Project) op()   {}
func (*Summarize) op() {}
func (*Sort) op()      {}
func (*Take) op()      {}
func (*Top) op()       {}
func (*Distinct) op()  {}
func (*Join) op()      {}
func (*MvExpand) op()  {}
func (*MvApply) op()   {}
func (*Parse) op()     {}
func (*Serialize) op() {}
