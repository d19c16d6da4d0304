package syntax

import (
	"strconv"
	"strings"
)

// Print writes a node in canonical form on one line. For a tree without errors,
// parsing the output gives the same tree: literals keep their kind and value,
// names are quoted only where they must be, comments and layout are gone.
func Print(n Node) string {
	p := printer{}
	p.node(n)
	return p.b.String()
}

// Format writes a query the way people lay it out: each operator on a line of
// its own, blocks indented. Comments are not in the tree, so they are lost.
func Format(n Node) string {
	p := printer{lines: true}
	p.node(n)
	return p.b.String()
}

type printer struct {
	b      strings.Builder
	lines  bool // as Format does
	indent int

	src      string    // of comments
	comments []comment // that are still to be written, in order
}

// comment of a text.
type comment struct {
	start  int
	text   string // with its //
	behind bool   // something stands before it on its line
}

// nlTo starts the line of what stood at a place: the comments before it come first.
func (p *printer) nlTo(at int, tight bool) {
	p.flush(at, tight)
	p.nl(tight)
}

// flush writes the comments before a place; a new line must follow.
func (p *printer) flush(at int, tight bool) {
	for first := true; len(p.comments) > 0 && p.comments[0].start < at; first = false {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if first && c.behind {
			p.s(" ")
		} else {
			p.nl(tight)
		}
		p.s(c.text)
	}
}

func (p *printer) s(parts ...string) {
	for _, x := range parts {
		p.b.WriteString(x)
	}
}

// nl starts a new line in Format; in Print it is a blank or, with tight, nothing.
func (p *printer) nl(tight bool) {
	switch {
	case p.lines:
		p.s("\n", strings.Repeat("    ", p.indent))
	case !tight:
		p.s(" ")
	}
}

// name writes an identifier, in ['…'] where it would not be read as a name.
func (p *printer) name(name string) {
	if plainName(name) {
		p.s(name)
	} else {
		p.s("[", quoted(name), "]")
	}
}

func plainName(name string) bool {
	if name == "" || classOf(name) > soft {
		return false
	}
	switch name {
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return false
	}
	if c := name[0]; !isLetter(c) && c != '_' && c != '$' {
		return false // digits first: 1d would be a timespan
	}
	for i := 1; i < len(name); i++ {
		if !isNameByte(name[i]) {
			return false
		}
	}
	return true
}

// quoted writes a text literal; the escapes it uses are JSON's as well.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			b.WriteString(`\u00`)
			b.WriteByte("0123456789abcdef"[c>>4])
			b.WriteByte("0123456789abcdef"[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (p *printer) list(xs []Expr) {
	for i, x := range xs {
		if i > 0 {
			p.s(", ")
		}
		p.node(x)
	}
}

func (p *printer) params(ps Params) {
	for _, x := range ps {
		p.s(" ")
		p.param(x)
	}
}

func (p *printer) param(x *Param) {
	p.word(x.Name.Name)
	p.s("=")
	p.value(x.Value)
}

// word writes an option's name: any word, dots included.
func (p *printer) word(w string) {
	for _, part := range strings.Split(w, ".") {
		if !anyWord(part) {
			p.name(w)
			return
		}
	}
	p.s(w)
}

func anyWord(w string) bool {
	l := lexer{src: w}
	l.run()
	return len(l.toks) == 2 && l.toks[0].kind == tWord && l.toks[0].text == w
}

// value writes an option's value, which may be a keyword bare.
func (p *printer) value(x Expr) {
	if n, ok := x.(*Name); ok {
		if anyWord(n.Name) {
			p.s(n.Name)
		} else {
			p.name(n.Name)
		}
		return
	}
	p.node(x)
}

func (p *printer) withParams(ps Params) {
	p.s("(")
	for i, x := range ps {
		if i > 0 {
			p.s(", ")
		}
		p.param(x)
	}
	p.s(")")
}

func (p *printer) columns(cs []*ColumnDecl) {
	for i, c := range cs {
		if i > 0 {
			p.s(", ")
		}
		p.node(c)
	}
}

func (p *printer) funcParams(ps []*FuncParam) {
	p.s("(")
	for i, x := range ps {
		if i > 0 {
			p.s(", ")
		}
		p.node(x)
	}
	p.s(")")
}

func (p *printer) statements(ss []Stmt) {
	for i, s := range ss {
		if i > 0 {
			p.s(";")
			p.nlTo(s.At().Start, false)
		}
		p.node(s)
	}
}

func (p *printer) braces(b *Block, open, end string) {
	p.s(open)
	if len(b.Stmts) > 0 {
		p.indent++
		p.nlTo(b.Stmts[0].At().Start, false)
		p.statements(b.Stmts)
		p.flush(b.At().Start+b.At().Length, false)
		p.indent--
		p.nl(false)
	}
	p.s(end)
}

func (p *printer) pipe(x *Pipe) {
	if x.Source != nil {
		p.node(x.Source)
	}
	for i, o := range x.Ops {
		if i > 0 || x.Source != nil {
			p.nlTo(o.At().Start, false)
			p.s("| ")
		}
		p.op(o)
	}
}

// inParens writes ( x ), on lines of its own when it is a pipe.
func (p *printer) inParens(x Node) {
	if _, ok := x.(*Pipe); ok && p.lines {
		p.s("(")
		p.indent++
		p.nlTo(x.At().Start, true)
		p.node(x)
		p.flush(p.closing(x.At()), true)
		p.indent--
		p.nl(true)
		p.s(")")
		return
	}
	p.s("(")
	p.node(x)
	p.s(")")
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case nil:
	case *File:
		p.statements(n.Stmts)
	case Stmt:
		p.stmt(n)
	case Operator:
		p.op(n)
	case Expr:
		p.expr(n)
	case *TypeName:
		p.s(n.Name)
	case *FuncParam:
		p.name(n.Name.Name)
		p.s(":")
		if n.Schema != nil {
			p.node(n.Schema)
		} else if n.Type != nil {
			p.node(n.Type)
		}
		if n.Default != nil {
			p.s("=")
			p.node(n.Default)
		}
	case *Schema:
		p.s("(")
		if n.Star {
			p.s("*")
			if len(n.Columns) > 0 {
				p.s(", ")
			}
		}
		p.columns(n.Columns)
		p.s(")")
	case *Block:
		p.braces(n, "{", "}")
	case *Param:
		p.param(n)
	case *PatternCase:
		p.s("(")
		p.list(n.Args)
		p.s(")")
		if n.Path != nil {
			p.s(".[")
			p.node(n.Path)
			p.s("]")
		}
		p.s(" = ")
		p.node(n.Body)
		p.s(";")
	case *PartitionColumn:
		p.name(n.Name.Name)
		p.s(":")
		p.node(n.Type)
		if n.X != nil {
			p.s(" = ")
			p.node(n.X)
		}
	case *JSONPair:
		p.s(quoted(n.Key.Name), ":")
		p.node(n.Value)
	default:
		p.part(n)
	}
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Let:
		p.s("let ")
		p.name(s.Name.Name)
		p.s(" = ")
		p.node(s.Value)
	case *Set:
		p.s("set ")
		p.name(s.Name.Name)
		if s.Value != nil {
			p.s(" = ")
			p.node(s.Value)
		}
	case *DeclareParams:
		p.s("declare query_parameters")
		p.funcParams(s.Params)
	case *DeclarePattern:
		p.s("declare pattern ")
		p.name(s.Name.Name)
		if !s.Defined {
			return
		}
		p.s(" = (")
		p.columns(s.Params)
		p.s(")")
		if s.Path != nil {
			p.s("[")
			p.node(s.Path)
			p.s("]")
		}
		p.s(" {")
		p.indent++
		for _, c := range s.Cases {
			p.nl(false)
			p.node(c)
		}
		p.indent--
		p.nl(false)
		p.s("}")
	case *Restrict:
		p.s("restrict access to (")
		p.list(s.Items)
		p.s(")")
		if s.With != nil {
			p.s(" with ")
			p.withParams(s.With)
		}
	case *Alias:
		p.s("alias database ")
		p.name(s.Name.Name)
		p.s(" = ")
		p.node(s.Value)
	case *QueryStmt:
		p.node(s.Value)
	}
}

func (p *printer) literal(n *Literal) {
	switch n.Kind {
	case StringLit:
		if n.Hidden {
			p.s("h")
		}
		p.s(quoted(n.Text))
	case DynamicLit:
		p.s("dynamic(")
		p.node(n.JSON)
		p.s(")")
	default:
		if n.Call {
			p.s(literalWords[n.Kind], "(", n.Text, ")")
		} else {
			p.s(n.Text)
		}
	}
}

var literalWords = [...]string{BoolLit: "bool", IntLit: "int", LongLit: "long", RealLit: "real", DecimalLit: "decimal",
	StringLit: "string", DateTimeLit: "datetime", TimeSpanLit: "timespan", GuidLit: "guid", DynamicLit: "dynamic", NullLit: "null"}

func (k LiteralKind) String() string {
	if int(k) < len(literalWords) {
		return literalWords[k]
	}
	return "literal(" + strconv.Itoa(int(k)) + ")"
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Literal:
		p.literal(x)
	case *JSONArray:
		p.s("[")
		for i, y := range x.Items {
			if i > 0 {
				p.s(",")
			}
			p.node(y)
		}
		p.s("]")
	case *JSONObject:
		p.s("{")
		for i, y := range x.Pairs {
			if i > 0 {
				p.s(",")
			}
			p.node(y)
		}
		p.s("}")
	case *Name:
		p.name(x.Name)
	case *Wildcard:
		if x.Boxed {
			p.s("[", x.Pattern, "]")
		} else {
			p.s(x.Pattern)
		}
	case *Star:
		p.s("*")
	case *Path:
		p.node(x.X)
		p.dot(x.X)
		p.node(x.Sel)
	case *Index:
		p.node(x.X)
		if x.Dotted {
			p.dot(x.X)
		}
		p.s("[")
		p.node(x.I)
		p.s("]")
	case *Call:
		p.call(x)
	case *Paren:
		p.inParens(x.X)
	case *Unary:
		p.s(x.Op)
		p.node(x.X)
	case *Binary:
		p.node(x.X)
		if x.Op == ":" {
			p.s(":")
		} else {
			op := x.Op
			switch op { // the old names have no new one
			case "like_cs":
				op = "likecs"
			case "notlike_cs":
				op = "notlikecs"
			}
			p.s(" ", op, " ")
		}
		p.node(x.Y)
	case *In:
		p.node(x.X)
		p.s(" ", x.Op, " ")
		if len(x.List) == 1 {
			p.inParens(x.List[0])
			return
		}
		p.s("(")
		p.list(x.List)
		p.s(")")
	case *Between:
		p.node(x.X)
		if x.Not {
			p.s(" !between (")
		} else {
			p.s(" between (")
		}
		p.node(x.Lo)
		p.s(" .. ")
		p.node(x.Hi)
		p.s(")")
	case *Named:
		if x.Tuple {
			p.s("(")
		}
		for i, id := range x.Names {
			if i > 0 {
				p.s(", ")
			}
			p.name(id.Name)
		}
		if x.Tuple {
			p.s(")")
		}
		p.s(" = ")
		p.node(x.X)
	case *TypeOf:
		p.s("typeof")
		if x.Schema != nil {
			p.node(x.Schema)
			return
		}
		p.s("(")
		p.node(x.Type)
		p.s(")")
	case *Ordered:
		p.node(x.X)
		if x.Dir != "" {
			p.s(" ", x.Dir)
		}
		if x.Nulls != "" {
			p.s(" nulls ", x.Nulls)
		}
	case *Pipe:
		p.pipe(x)
	case *DataTable:
		p.s("datatable")
		p.params(x.Params)
		if len(x.Params) > 0 {
			p.s(" ")
		}
		p.node(x.Schema)
		p.s("[")
		p.rows(x)
		p.s("]")
	case *ExternalData:
		p.s("externaldata")
		p.params(x.Params)
		if len(x.Params) > 0 {
			p.s(" ")
		}
		p.node(x.Schema)
		p.s("[")
		p.list(x.URIs)
		p.s("]")
		if x.With != nil {
			p.s(" with ")
			p.withParams(x.With)
		}
	case *EntityGroup:
		p.s("entity_group [")
		p.list(x.Items)
		p.s("]")
	case *Lambda:
		if x.View {
			p.s("view ")
		}
		p.funcParams(x.Params)
		p.s(" ")
		p.node(x.Body)
	case *DataScope:
		p.node(x.X)
		p.s(" datascope=", x.Scope.Name)
	case *InlineTable:
		p.inlineTable(x)
	case *ContextualTable:
		p.s("__contextual_datatable ")
		p.node(x.ID)
		p.s(" ")
		p.node(x.Schema)
	case *ViewCombine:
		p.s("materialized-view-combine ")
		p.inParens(x.View)
		p.s(" base ")
		p.inParens(x.Base)
		p.s(" delta ")
		p.inParens(x.Delta)
		p.s(" aggregations ")
		p.inParens(x.Aggregations)
	case *FindColumn:
		p.node(x.Name)
		p.s(":")
		p.node(x.Type)
	case *ColumnDecl:
		p.name(x.Name.Name)
		if x.Type != nil {
			p.s(":")
			p.node(x.Type)
		}
	}
}

func (p *printer) rows(x *DataTable) {
	width := len(x.Schema.Columns)
	p.indent++
	for i, v := range x.Values {
		switch {
		case p.lines && width > 0 && i%width == 0:
			if i > 0 {
				p.s(",")
			}
			p.nlTo(v.At().Start, true)
		case i > 0:
			p.s(", ")
		}
		p.node(v)
	}
	p.indent--
	if len(x.Values) > 0 {
		p.nl(true)
	}
}

// dot writes the dot behind x, apart from a number that would swallow it.
func (p *printer) dot(x Expr) {
	if n, ok := x.(*Literal); ok && !n.Call && (n.Kind == LongLit || n.Kind == RealLit) {
		p.s(" ")
	}
	p.s(".")
}

func (p *printer) inlineTable(x *InlineTable) {
	p.s("inline_external_table ")
	if x.Schema != nil {
		p.node(x.Schema)
		p.s(" ")
	}
	p.s("kind=", x.Kind.Name)
	for i, c := range x.PartitionBy {
		if i == 0 {
			p.s(" partition by (")
		} else {
			p.s(", ")
		}
		p.node(c)
	}
	if len(x.PartitionBy) > 0 {
		p.s(")")
	}
	for i, e := range x.PathFormat {
		if i == 0 {
			p.s(" pathformat=(")
		} else {
			p.s(" ")
		}
		p.node(e)
	}
	if len(x.PathFormat) > 0 {
		p.s(")")
	}
	if x.Format != nil {
		p.s(" dataformat=", x.Format.Name)
	}
	p.s(" (")
	p.list(x.URIs)
	p.s(")")
	if x.With != nil {
		p.s(" with ")
		p.withParams(x.With)
	}
}

func (p *printer) call(x *Call) {
	switch x.Func.Name {
	case "toscalar", "totable", "materialize": // keywords that are read as calls
		p.s(x.Func.Name)
	default:
		p.name(x.Func.Name)
	}
	if len(x.Params) > 0 {
		p.params(x.Params)
		p.s(" ")
	}
	if len(x.Args) == 1 {
		p.inParens(x.Args[0])
		return
	}
	p.s("(")
	p.list(x.Args)
	p.s(")")
}
