// Package odata reads the query options of OData ($filter, $select, $orderby and
// their kin) and compiles them to plans, as KQL is compiled: over the columns of a
// table, with the functions of package fn.
//
// A [Model] says which types there are. A [Binding] says where the properties of an
// entity lie in the rows of a table; [Binding.Filter] and [Binding.Order] give
// expressions over these rows, which package query runs like any other: identifiers
// find the id index, paths of JSON find the columns beside it.
//
// What is compared how:
//
//   - Text is compared as it is, upper and lower case apart: so does the service
//     whose records these are (a userPrincipalName of a sign-in is found in lower
//     case alone). GUIDs and members of enumerations are the same in either case.
//   - A text that is missing and an empty one are the same: eq null and eq ” both
//     find them. Stored strings know no null.
//   - null eq null holds, null ne x holds, and an order with null holds never; not
//     of what does not hold, holds.
//
// Source: OData 4.01, part 2 (URL conventions) and the differences of Microsoft
// Graph, as its clients use it.
package odata

import (
	"sextant/fault"
)

// Limits of one option: what is beyond them is refused.
const (
	MaxLength = 16 << 10 // bytes of an option
	MaxDepth  = 64       // nesting of an expression
	MaxNodes  = 2000     // of an expression
)

// Expr is an expression as it was written.
type Expr interface {
	Span() fault.Span
	expr()
}

// LiteralKind says how a literal was written.
type LiteralKind uint8

// Kinds of literals.
const (
	NullLit LiteralKind = iota
	BoolLit
	NumberLit
	StringLit
	DateLit // a day
	DateTimeLit
	DurationLit
	GuidLit
	EnumLit // microsoft.graph.riskLevel'high': Type and Text
)

// Literal is a constant. Text is its value: a string without quotes.
type Literal struct {
	At   fault.Span
	Kind LiteralKind
	Text string
	Type string // of an enumeration
}

// Path is a property, or one below a property or a variable of a lambda.
type Path struct {
	At    fault.Span
	Names []string
	Spans []fault.Span // of each name
}

// Unary is not X or -X.
type Unary struct {
	At fault.Span
	Op string // "not", "-"
	X  Expr
}

// Binary is X op Y; the operators are OData's words.
type Binary struct {
	At   fault.Span // of the operator
	Op   string
	X, Y Expr
}

// In is X in (…).
type In struct {
	At   fault.Span
	X    Expr
	List []Expr
}

// Call of a function.
type Call struct {
	At   fault.Span
	Name string
	Args []Expr
}

// Lambda is Of/any(Var: Body) or Of/all(Var: Body). any() without a body has no
// Var and a nil Body.
type Lambda struct {
	At   fault.Span
	Of   *Path
	All  bool
	Var  string
	Body Expr
}

// Count is Of/$count: how many elements a collection has.
type Count struct {
	At fault.Span
	Of *Path
}

func (e *Literal) Span() fault.Span { return e.At }
func (e *Path) Span() fault.Span    { return e.At }
func (e *Unary) Span() fault.Span   { return e.At.To(e.X.Span()) }
func (e *Binary) Span() fault.Span  { return e.X.Span().To(e.Y.Span()) }
func (e *In) Span() fault.Span      { return e.X.Span().To(e.At) }
func (e *Call) Span() fault.Span    { return e.At }
func (e *Lambda) Span() fault.Span  { return e.At }
func (e *Count) Span() fault.Span   { return e.At }

func (*Literal) expr() {}
func (*Path) expr()    {}
func (*Unary) expr()   {}
func (*Binary) expr()  {}
func (*In) expr()      {}
func (*Call) expr()    {}
func (*Lambda) expr()  {}
func (*Count) expr()   {}
