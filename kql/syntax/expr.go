package syntax

import "sextant/fault"

// LiteralKind is what a literal says it is.
type LiteralKind uint8

const (
	BoolLit     LiteralKind = iota // true, false, bool(true)
	IntLit                         // int(5)
	LongLit                        // 5, 0x1f, long(5)
	RealLit                        // 1.5, 1e3, real(nan)
	DecimalLit                     // decimal(1.5)
	StringLit                      // 'a', "a", @'a', ```a```, h'a', and adjacent ones joined
	DateTimeLit                    // datetime(2026-01-31)
	TimeSpanLit                    // 1d, 10ms, time(1.02:03:04)
	GuidLit                        // guid(…)
	DynamicLit                     // dynamic(…)
	NullLit                        // null, only within dynamic(…)
)

// Literal is a constant.
//
// Text is the value as text: for strings decoded (no quotes, escapes undone,
// adjacent literals joined); for the form kind(…) what stands between the
// parentheses, trimmed; for the others the text as written, where options and
// datatable values may have a sign. A null of the kind, as long(null), has Null
// set. Text is not checked against the kind: long(abc) is a literal to the syntax.
//
// A DynamicLit has its value as a tree in JSON, and as Text that tree printed: JSON,
// unless it holds what only KQL has (1d, datetime(…), nested dynamic(…)).
type Literal struct {
	Place
	Kind   LiteralKind
	Text   string
	Null   bool
	Hidden bool // h'…': not to be shown in logs
	Call   bool // written as kind(…), which tells long(5) from 5
	JSON   Expr // of DynamicLit: [*Literal], [*JSONArray], [*JSONObject]
}

// JSONArray is `[a, b]` within dynamic(…).
type JSONArray struct {
	Place
	Items []Expr
}

// JSONObject is `{"k": v}` within dynamic(…).
type JSONObject struct {
	Place
	Pairs []*JSONPair
}

// JSONPair is one `"k": v`.
type JSONPair struct {
	Place
	Key   Ident
	Value Expr
}

// Name refers to a column, a table, a let, a variable; also $left and $right.
type Name struct {
	Place
	Name string
}

// Wildcard is a name with stars in it, `Sign*`, as project-away, union,
// search, find and restrict take. Star alone is [*Star].
type Wildcard struct {
	Place
	Pattern string
	Boxed   bool // written [Sign*], as a scalar context demands
}

// Star is `*`: all columns, as in arg_max(t, *), * has "x".
type Star struct{ Place }

// Path is `X.Sel`. Sel is a [*Name], a [*Wildcard], a [*Star], or a [*Call] (as in
// cluster("c").database("d").F()). Where X is dynamic, it takes a property.
type Path struct {
	Place
	X   Expr
	Sel Expr
}

// Index is `X[I]`: an element of an array (negative counts from the end) or a
// property. `X.[I]` means the same.
type Index struct {
	Place
	X, I   Expr
	Dotted bool
}

// Call is `F(args)`. Arguments may be [*Named], [*Star], [*Pipe], [*Lambda] and
// [*TypeOf]. materialize and toscalar are ordinary calls in the tree, save that
// toscalar and totable take options (`toscalar kind=nooptimization (…)`).
type Call struct {
	Place
	Func   Ident
	Params Params
	Args   []Expr
}

// Paren is `(X)`; X may be a [*Pipe].
type Paren struct {
	Place
	X Expr
}

// Unary is -X or +X.
type Unary struct {
	Place
	Op string
	X  Expr
}

// Binary is X Op Y. Op is the operator as the language spells it, in lower
// case: + - * / % == != <> < <= > >= =~ !~ and or has !has has_cs !has_cs hasprefix
// !hasprefix hasprefix_cs !hasprefix_cs hassuffix … contains … startswith …
// endswith … like notlike like_cs notlike_cs "matches regex" and : (search's column:term).
// `<>` is kept as written; `contains_cs` and the old `containscs` both give contains_cs.
type Binary struct {
	Place
	Op   string
	X, Y Expr
	OpAt fault.Span // where the operator stands
}

// In is `X Op (list)`; Op is in, !in, in~, !in~, has_any or has_all. List holds
// scalar expressions, or one tabular one (a name, a call or a [*Pipe]).
type In struct {
	Place
	Op   string
	X    Expr
	List []Expr
}

// Between is `X between (Lo .. Hi)`, or !between with Not.
type Between struct {
	Place
	Not       bool
	X, Lo, Hi Expr
}

// Named is `name = X`, or `(a, b) = X` with Tuple.
type Named struct {
	Place
	Names []Ident // one, unless Tuple
	Tuple bool
	X     Expr
}

// TypeOf is `typeof(long)`, `typeof(a:string, b:long)`, `typeof(*)`: Type is set for the
// first form, Schema for the others.
type TypeOf struct {
	Place
	Type   *TypeName
	Schema *Schema
}

// Ordered is an expression with a sort order. Dir is "asc", "desc" or ""
// (unsaid: desc for sort and top); project-reorder also has "granny-asc" and
// "granny-desc". Nulls is "first", "last" or "".
type Ordered struct {
	Place
	X     Expr
	Dir   string
	Nulls string
}

// Pipe is `Source | op | op`. It has at least one operator. Source is nil when
// the pipe begins with an operator of its own: print, range, union, search,
// find, evaluate, macro-expand; and within the sub-pipes of mv-apply, fork, facet,
// partition and scan, where the first operator takes what the outer one gives.
type Pipe struct {
	Place
	Source Expr
	Ops    []Operator
}

// DataTable is `datatable(a:string, …)[v, v, …]`. Values are in row order;
// the binder checks that they fill whole rows.
type DataTable struct {
	Place
	Params Params
	Schema *Schema
	Values []Expr
}

// ExternalData is `externaldata(a:string, …)[uri, …] with (name=value, …)`.
type ExternalData struct {
	Place
	Params Params
	Schema *Schema
	URIs   []Expr
	With   Params
}

// DataScope is `T datascope=hotcache`.
type DataScope struct {
	Place
	X     Expr
	Scope Ident
}

// ContextualTable is `__contextual_datatable id (a:string, …)`, which engines write
// for each other.
type ContextualTable struct {
	Place
	ID     Expr
	Schema *Schema
}

// ViewCombine is `materialized-view-combine (name) base (q) delta (q) aggregations (summarize …)`.
type ViewCombine struct {
	Place
	View, Base, Delta Expr
	Aggregations      *Pipe // one summarize
}

// InlineTable is `inline_external_table (a:string) kind=storage partition by (d:datetime)
// pathformat=(…) dataformat=csv ("uri") with (…)`: files as a table.
type InlineTable struct {
	Place
	Schema      *Schema // may be nil with kind=delta
	Kind        Ident   // storage, delta
	PartitionBy []*PartitionColumn
	PathFormat  []Expr // texts, names, and calls datetime_pattern("…", name)
	Format      *Ident
	URIs        []Expr
	With        Params
}

// PartitionColumn is `name:type = expression` of an [InlineTable].
type PartitionColumn struct {
	Place
	Name Ident
	Type *TypeName
	X    Expr // nil when left out
}

// EntityGroup is `entity_group [database("a"), cluster("b").database("c")]`.
type EntityGroup struct {
	Place
	Items []Expr
}

// BadExpr stands where no expression could be read; a diagnostic says why.
type BadExpr struct{ Place }

func (*Literal) expr()         {}
func (*JSONArray) expr()       {}
func (*JSONObject) expr()      {}
func (*Name) expr()            {}
func (*Wildcard) expr()        {}
func (*Star) expr()            {}
func (*Path) expr()            {}
func (*Index) expr()           {}
func (*Call) expr()            {}
func (*Paren) expr()           {}
func (*Unary) expr()           {}
func (*Binary) expr()          {}
func (*In) expr()              {}
func (*Between) expr()         {}
func (*Named) expr()           {}
func (*TypeOf) expr()          {}
func (*Ordered) expr()         {}
func (*Pipe) expr()            {}
func (*DataTable) expr()       {}
func (*ExternalData) expr()    {}
func (*EntityGroup) expr()     {}
func (*InlineTable) expr()     {}
func (*DataScope) expr()       {}
func (*ContextualTable) expr() {}
func (*ViewCombine) expr()     {}
func (*Lambda) expr()          {}
func (*BadExpr) expr()         {}
