package syntax

// Where is `where Cond` (or filter).
type Where struct {
	Place
	Params Params
	Cond   Expr
}

// Extend is `extend a = x, y, (b, c) = f()`. Items are [*Named] or plain expressions.
type Extend struct {
	Place
	Items []Expr
}

// Project is `project a, b = x`.
type Project struct {
	Place
	Items []Expr
}

// ProjectAway is `project-away a, b*`; Items are [*Name], [*Wildcard] or [*Star].
type ProjectAway struct {
	Place
	Items []Expr
}

// ProjectKeep is `project-keep a, b*`.
type ProjectKeep struct {
	Place
	Items []Expr
}

// ProjectRename is `project-rename new = old`. Items are [*Named].
type ProjectRename struct {
	Place
	Items []Expr
}

// ProjectReorder is `project-reorder a, b* asc, c* granny-desc`. Items are names and
// wildcards, in an [*Ordered] where an order is given.
type ProjectReorder struct {
	Place
	Items []Expr
}

// ProjectByNames is `project-by-names "a", dynamic(["b"]), f()`.
type ProjectByNames struct {
	Place
	Items []Expr
}

// Summarize is `summarize a = f(x), … by k, bin(t, 1h)`. By is empty without `by`.
type Summarize struct {
	Place
	Params Params
	Items  []Expr
	By     []Expr
	Bin    Expr // the old form `by t bin=1h`; nil
}

// Sort is `sort by a, b desc nulls last` (or order). By holds plain expressions and
// [*Ordered].
type Sort struct {
	Place
	Params Params
	By     []Expr
}

// Top is `top N by X desc`. By is a plain expression or an [*Ordered].
type Top struct {
	Place
	Params Params
	N      Expr
	By     Expr
}

// Take is `take N` (or limit).
type Take struct {
	Place
	Params Params
	N      Expr
}

// Count is `count`, or `count as Name`.
type Count struct {
	Place
	Params Params
	As     *Ident
}

// Distinct is `distinct a, b`, `distinct *`.
type Distinct struct {
	Place
	Params Params
	Items  []Expr
}

// Join is `join kind=inner (Right) on a, $left.x == $right.y`. Right is a name, a
// call, a path or a [*Paren] of a pipe. On holds the conditions as written; Where
// is set for `join (R) where cond`.
type Join struct {
	Place
	Params Params
	Right  Expr
	On     []Expr
	Where  Expr
}

// Lookup is `lookup kind=leftouter (Right) on a`.
type Lookup struct {
	Place
	Params Params
	Right  Expr
	On     []Expr
}

// Union is `union withsource=T isfuzzy=true A, B*, (C | take 1)`.
type Union struct {
	Place
	Params Params
	Items  []Expr
}

// As is `as Name`.
type As struct {
	Place
	Params Params
	Name   Ident
}

// Consume is `consume`.
type Consume struct {
	Place
	Params Params
}

// Evaluate is `evaluate plugin(args) : (a:string, …)`. Schema is nil for none.
type Evaluate struct {
	Place
	Params Params
	Call   Expr // a [*Call]
	Schema *Schema
}

// Facet is `facet by a, b with (where … | take 5)`. With is a [*Pipe] without
// source, nil for none.
type Facet struct {
	Place
	By   []Expr
	With *Pipe
}

// Find is `find withsource=T in (A, B*) where cond project a, b:string, pack(*)`.
// Where may be a bare term, as in `find "x"`.
type Find struct {
	Place
	Params      Params
	DataScope   *Ident // of `datascope=all`; nil
	In          []Expr
	Where       Expr
	Project     []Expr // [*Name], [*FindColumn], [*Star], [*Call] pack(*); nil for none
	ProjectAway []Expr
	Smart       bool // project-smart
}

// FindColumn is `name:type` in find's project.
type FindColumn struct {
	Place
	Name Expr
	Type *TypeName
}

// Fork is `fork name = (pipe) (pipe)`.
type Fork struct {
	Place
	Prongs []*ForkProng
}

// ForkProng is one branch of fork. Name is nil when it has none.
type ForkProng struct {
	Place
	Name *Ident
	Sub  Expr // most often a [*Pipe] without source
}

// GetSchema is `getschema`.
type GetSchema struct {
	Place
	Params Params
}

// Invoke is `invoke f(args)`.
type Invoke struct {
	Place
	Call Expr
}

// MakeSeries is `make-series n = count() default=0 on t from a to b step s by k`.
// InRange holds the arguments of the older form `in range(a, b, s)`.
type MakeSeries struct {
	Place
	Params   Params
	Items    []*SeriesItem
	On       Expr
	From, To Expr // nil when left out
	Step     Expr
	InRange  []Expr
	By       []Expr
}

// SeriesItem is one aggregate of make-series, with its default.
type SeriesItem struct {
	Place
	X       Expr
	Default Expr
}

// MvExpand is `mv-expand bagexpansion=array with_itemindex=i a to typeof(long), b limit 5`.
type MvExpand struct {
	Place
	Params Params
	Items  []*MvItem
	Limit  Expr
}

// MvItem is one array to expand. X may be a [*Named]. To is nil when left out.
type MvItem struct {
	Place
	X  Expr
	To *TypeOf
}

// MvApply is `mv-apply x = a to typeof(long) limit 5 on (pipe)`.
type MvApply struct {
	Place
	Params Params
	Items  []*MvItem
	Limit  Expr
	ID     Expr // `id guid`, internal; nil
	On     *Pipe
}

// ParseOp is `parse kind=relaxed flags=U X with * "a" b:long "c" *`; Where makes it
// parse-where.
type ParseOp struct {
	Place
	Where  bool
	Params Params
	X      Expr
	With   []Expr // [*Literal] texts, [*Star], [*ColumnDecl] with or without type
}

// ParseKV is `parse-kv X as (a:string, b:long) with (pair_delimiter=',', …)`.
type ParseKV struct {
	Place
	X    Expr
	As   *Schema
	With Params
}

// Partition is `partition hint.strategy=native by key (pipe)` or `… by key {query}`.
type Partition struct {
	Place
	Params Params
	By     Expr
	In     Expr // `in f(x)`; nil
	Sub    Expr // the form ( … ): most often a [*Pipe] without source; nil
	Query  Expr // the form { … }: a whole query; nil
}

// PartitionBy is `__partitionby key id literal (pipe)`, internal.
type PartitionBy struct {
	Place
	Params Params
	By     Expr
	ID     Expr
	Pipe   *Pipe
}

// PrintOp is `print a = 1, 2`.
type PrintOp struct {
	Place
	Items []Expr
}

// Range is `range Name from A to B step S`.
type Range struct {
	Place
	Name           Ident
	From, To, Step Expr
}

// Reduce is `reduce by X with (threshold=0.1, characters="-")`.
type Reduce struct {
	Place
	Params Params
	By     Expr
	With   Params
}

// Render is `render timechart with (title="x", series=a, b)`. Chart is as written.
type Render struct {
	Place
	Chart Ident
	Old   []*RenderProp // properties without with (…): `kind=`, `title=`, `accumulate=`, `with "x"`, `by a, b`
	With  []*RenderProp
}

// RenderProp is `name = value` or `name = a, b`.
type RenderProp struct {
	Place
	Name   Ident
	Values []Expr // one, unless the property takes columns
}

// Sample is `sample N`.
type Sample struct {
	Place
	Params Params
	N      Expr
}

// SampleDistinct is `sample-distinct N of X`.
type SampleDistinct struct {
	Place
	Params Params
	N, Of  Expr
}

// Scan is `scan with_match_id=m order by a partition by b declare (x:long = 0) with (step s: cond => x = 1; …)`.
type Scan struct {
	Place
	Params      Params
	OrderBy     []Expr
	PartitionBy []Expr
	Declare     []*FuncParam
	Steps       []*ScanStep
}

// ScanStep is `step name optional output=last: cond => x = 1, y = 2;`.
type ScanStep struct {
	Place
	Name     Ident
	Optional bool
	Output   string // "all", "last", "none" or "" unsaid
	Cond     Expr
	Assign   []*Named
}

// Search is `search kind=case_sensitive in (A, B*) "term" and col:"x"`.
type Search struct {
	Place
	Params    Params
	DataScope *Ident
	In        []Expr
	Cond      Expr
}

// Serialize is `serialize n = row_number()`; Items may be empty.
type Serialize struct {
	Place
	Params Params
	Items  []Expr
}

// TopHitters is `top-hitters N of X by w`. By is nil when left out.
type TopHitters struct {
	Place
	N, Of, By Expr
}

// TopNested is `top-nested 3 of A by count(), top-nested 2 of B with others = "x" by sum(v)`.
type TopNested struct {
	Place
	Levels []*TopNestedLevel
}

// TopNestedLevel is one level. N is nil for all values.
type TopNestedLevel struct {
	Place
	N, Of  Expr
	Others Expr // `with others = literal`; nil
	By     Expr
}

// MacroExpand is `macro-expand isfuzzy=true [group] as X ( statements )`.
type MacroExpand struct {
	Place
	Params Params
	Group  Expr // a [*Name] or an [*EntityGroup]
	Scope  *Ident
	Body   *Block // in parentheses, not braces
}

// AssertSchema is `assert-schema (a:string, …)`.
type AssertSchema struct {
	Place
	Schema *Schema
}

// ExecuteAndCache is `__executeAndCache`, internal.
type ExecuteAndCache struct{ Place }

// BadOperator stands where an operator could not be read. Word is what stood
// there.
type BadOperator struct {
	Place
	Word string
}

func (*Where) Keyword() string           { return "where" }
func (*Extend) Keyword() string          { return "extend" }
func (*Project) Keyword() string         { return "project" }
func (*ProjectAway) Keyword() string     { return "project-away" }
func (*ProjectKeep) Keyword() string     { return "project-keep" }
func (*ProjectRename) Keyword() string   { return "project-rename" }
func (*ProjectReorder) Keyword() string  { return "project-reorder" }
func (*ProjectByNames) Keyword() string  { return "project-by-names" }
func (*Summarize) Keyword() string       { return "summarize" }
func (*Sort) Keyword() string            { return "sort" }
func (*Top) Keyword() string             { return "top" }
func (*Take) Keyword() string            { return "take" }
func (*Count) Keyword() string           { return "count" }
func (*Distinct) Keyword() string        { return "distinct" }
func (*Join) Keyword() string            { return "join" }
func (*Lookup) Keyword() string          { return "lookup" }
func (*Union) Keyword() string           { return "union" }
func (*As) Keyword() string              { return "as" }
func (*Consume) Keyword() string         { return "consume" }
func (*Evaluate) Keyword() string        { return "evaluate" }
func (*Facet) Keyword() string           { return "facet" }
func (*Find) Keyword() string            { return "find" }
func (*Fork) Keyword() string            { return "fork" }
func (*GetSchema) Keyword() string       { return "getschema" }
func (*Invoke) Keyword() string          { return "invoke" }
func (*MakeSeries) Keyword() string      { return "make-series" }
func (*MvExpand) Keyword() string        { return "mv-expand" }
func (*MvApply) Keyword() string         { return "mv-apply" }
func (*ParseKV) Keyword() string         { return "parse-kv" }
func (*Partition) Keyword() string       { return "partition" }
func (*PartitionBy) Keyword() string     { return "__partitionby" }
func (*PrintOp) Keyword() string         { return "print" }
func (*Range) Keyword() string           { return "range" }
func (*Reduce) Keyword() string          { return "reduce" }
func (*Render) Keyword() string          { return "render" }
func (*Sample) Keyword() string          { return "sample" }
func (*SampleDistinct) Keyword() string  { return "sample-distinct" }
func (*Scan) Keyword() string            { return "scan" }
func (*Search) Keyword() string          { return "search" }
func (*Serialize) Keyword() string       { return "serialize" }
func (*TopHitters) Keyword() string      { return "top-hitters" }
func (*TopNested) Keyword() string       { return "top-nested" }
func (*MacroExpand) Keyword() string     { return "macro-expand" }
func (*AssertSchema) Keyword() string    { return "assert-schema" }
func (*ExecuteAndCache) Keyword() string { return "__executeAndCache" }
func (*BadOperator) Keyword() string     { return "" }

func (p *ParseOp) Keyword() string {
	if p.Where {
		return "parse-where"
	}
	return "parse"
}

func (*Where) operator()           {}
func (*Extend) operator()          {}
func (*Project) operator()         {}
func (*ProjectAway) operator()     {}
func (*ProjectKeep) operator()     {}
func (*ProjectRename) operator()   {}
func (*ProjectReorder) operator()  {}
func (*ProjectByNames) operator()  {}
func (*Summarize) operator()       {}
func (*Sort) operator()            {}
func (*Top) operator()             {}
func (*Take) operator()            {}
func (*Count) operator()           {}
func (*Distinct) operator()        {}
func (*Join) operator()            {}
func (*Lookup) operator()          {}
func (*Union) operator()           {}
func (*As) operator()              {}
func (*Consume) operator()         {}
func (*Evaluate) operator()        {}
func (*Facet) operator()           {}
func (*Find) operator()            {}
func (*Fork) operator()            {}
func (*GetSchema) operator()       {}
func (*Invoke) operator()          {}
func (*MakeSeries) operator()      {}
func (*MvExpand) operator()        {}
func (*MvApply) operator()         {}
func (*ParseOp) operator()         {}
func (*ParseKV) operator()         {}
func (*Partition) operator()       {}
func (*PartitionBy) operator()     {}
func (*PrintOp) operator()         {}
func (*Range) operator()           {}
func (*Reduce) operator()          {}
func (*Render) operator()          {}
func (*Sample) operator()          {}
func (*SampleDistinct) operator()  {}
func (*Scan) operator()            {}
func (*Search) operator()          {}
func (*Serialize) operator()       {}
func (*TopHitters) operator()      {}
func (*TopNested) operator()       {}
func (*MacroExpand) operator()     {}
func (*AssertSchema) operator()    {}
func (*ExecuteAndCache) operator() {}
func (*BadOperator) operator()     {}

func (*FindColumn) expr() {}
func (*ColumnDecl) expr() {}
