package syntax

import "sextant/fault"

// Node is any part of the tree. Every node carries the span of the text that it
// was made from, without surrounding blanks and comments.
type Node interface {
	// At is the span of the node in the text given to [Parse].
	At() fault.Span
}

// Place is embedded by every node and makes it one.
type Place struct{ Span fault.Span }

// At implements [Node].
func (p Place) At() fault.Span { return p.Span }

// File is a whole query text: statements in order, usually some lets and one
// query. A text may hold several queries (a batch), each a [QueryStmt].
type File struct {
	Place
	Stmts []Stmt
}

// Stmt is a statement: [*Let], [*Set], [*DeclareParams], [*DeclarePattern],
// [*Restrict], [*Alias], [*QueryStmt] or [*BadStmt].
type Stmt interface {
	Node
	stmt()
}

// Expr is anything that can stand as an operand or an argument, tabular ones
// included: a query used as an argument is an Expr as well.
type Expr interface {
	Node
	expr()
}

// Operator is one step of a pipe; one node type for each (operators.go,
// operators_graph.go).
type Operator interface {
	Node
	// Keyword is the operator's canonical word: "where", "mv-expand", …
	Keyword() string
	operator()
}

// Ident is a name that is declared, or that selects something, at a place.
// Name is without quotes: ['a b'] and ["a b"] and `a b` all give "a b".
type Ident struct {
	Place
	Name string
}

// ---- statements

// Let is `let Name = Value`. Value is a scalar expression, a tabular one (a
// name, a call, a [*Pipe] …) or a [*Lambda].
type Let struct {
	Place
	Name  Ident
	Value Expr
}

// Set is `set name = value`; Value is nil for `set name`. It is a literal or a
// [*Name].
type Set struct {
	Place
	Name  Ident
	Value Expr
}

// DeclareParams is `declare query_parameters(a:long = 5, …)`.
type DeclareParams struct {
	Place
	Params []*FuncParam
}

// DeclarePattern is `declare pattern P = (a:string)[b:string] { ("x").["y"] = { … }; }`
// or, without a definition, `declare pattern P`.
type DeclarePattern struct {
	Place
	Name    Ident
	Defined bool // false: only the name
	Params  []*ColumnDecl
	Path    *ColumnDecl // nil when the pattern has no path
	Cases   []*PatternCase
}

// PatternCase is one `("v1", "v2").["path"] = { statements }` of a pattern.
type PatternCase struct {
	Place
	Args []Expr // literals
	Path Expr   // literal; nil when there is none
	Body *Block
}

// Restrict is `restrict access to (a, b*, database("d").*)`.
type Restrict struct {
	Place
	Items []Expr
	With  Params
}

// Alias is `alias database X = cluster("c").database("d")`.
type Alias struct {
	Place
	Name  Ident
	Value Expr
}

// QueryStmt is a statement that yields a result (a scalar one is possible, as
// in a function body that ends in `x + 1`). Value is a [*Pipe] exactly when
// there is an operator; otherwise a name, call, parenthesis and so on.
type QueryStmt struct {
	Place
	Value Expr
}

// BadStmt stands where no statement could be read; a diagnostic says why.
type BadStmt struct{ Place }

func (*Let) stmt()            {}
func (*Set) stmt()            {}
func (*DeclareParams) stmt()  {}
func (*DeclarePattern) stmt() {}
func (*Restrict) stmt()       {}
func (*Alias) stmt()          {}
func (*QueryStmt) stmt()      {}
func (*BadStmt) stmt()        {}

// ---- declarations

// TypeName is a scalar type as written ("long", "int64", …); table.ParseType
// knows the names.
type TypeName struct {
	Place
	Name string
}

// ColumnDecl is `name:type`. Type is nil where the grammar lets it be left out.
type ColumnDecl struct {
	Place
	Name Ident
	Type *TypeName
}

// FuncParam is a parameter of a function: scalar `x:long = 5` (Type set) or
// tabular `T:(a:string, b:long)` and `T:(*)` (Schema set).
type FuncParam struct {
	Place
	Name    Ident
	Type    *TypeName
	Schema  *Schema
	Default Expr // literal; nil for none
}

// Schema is a parenthesised list of columns: `(a:string, b:long)`, `(*)`,
// `(*, a:long)`.
type Schema struct {
	Place
	Star    bool // a `*` stands first: what the input has, too
	Columns []*ColumnDecl
}

// Block is `{ statements }`.
type Block struct {
	Place
	Stmts []Stmt
}

// Lambda is a function: `(x:long, T:(*)) { … }`, `view () { … }`.
type Lambda struct {
	Place
	View   bool
	Params []*FuncParam
	Body   *Block
}

// Param is an option of an operator: `kind=inner`, `hint.strategy=shuffle`,
// `withsource=T`, `with_itemindex=i`. Value is a [*Literal] or a [*Name], which
// stands for a word as well as for a column.
type Param struct {
	Place
	Name  Ident // dotted for hints: "hint.strategy"
	Value Expr
}

// Params are the options of an operator, in the order written.
type Params []*Param

// Get is the last option of that name, nil if there is none. Names are matched exactly.
func (ps Params) Get(name string) *Param {
	for i := len(ps) - 1; i >= 0; i-- {
		if ps[i].Name.Name == name {
			return ps[i]
		}
	}
	return nil
}

// Word is the value of an option as a word: the name or the literal's text. It
// is "" where the option is absent.
func (ps Params) Word(name string) string {
	p := ps.Get(name)
	if p == nil {
		return ""
	}
	switch v := p.Value.(type) {
	case *Name:
		return v.Name
	case *Literal:
		return v.Text
	}
	return ""
}
