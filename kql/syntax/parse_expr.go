package syntax

import (
	"fmt"

	"sextant/fault"
)

// pipe reads a query or a scalar expression: what stands between ( and ) and as a
// statement. It is nil where none begins.
func (p *parser) pipe() Expr {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	start := p.pos
	var src Expr
	var ops []Operator
	if p.startsOperator() {
		ops = append(ops, p.operator())
	} else if src = p.expr(); src == nil {
		op := p.knownOperator()
		if op == nil {
			return nil
		}
		ops = append(ops, op)
	}
	return p.pipeRest(start, src, ops)
}

// pipeRest reads `| op | op` behind what was read so far.
func (p *parser) pipeRest(start int, src Expr, ops []Operator) Expr {
	for {
		if len(ops) > 0 {
			p.settle(ops[len(ops)-1])
		}
		if !p.acceptP("|") {
			if t := p.cur(); t.kind == tWord && (len(ops) > 0 || src != nil) && p.startsOperator() &&
				!t.isAny("print", "range", "macro-expand") { // those rather begin a statement
				p.report(codeUnexpected, t.span(), fmt.Sprintf("expected ‘|’ before %s", show(t.text)))
			} else {
				break
			}
		}
		if !p.link(len(ops)) {
			break
		}
		ops = append(ops, p.operator())
	}
	if len(ops) == 0 {
		return src
	}
	return &Pipe{Place: p.since(start), Source: src, Ops: ops}
}

// settle sees to it that an operator is followed by something that may follow
// one, and skips what may not.
func (p *parser) settle(op Operator) {
	if p.atEnd() || p.isP(",") || p.cur().kind == tWord && p.startsOperator() {
		return
	}
	var notes []string
	switch t := p.cur(); {
	case t.isAny("AND", "OR", "And", "Or"):
		notes = append(notes, "and, or are written in small letters")
	case t.isP("="):
		notes = append(notes, "== compares; = names a column")
	case t.isP("==") || t.isP("!=") || t.isP("<") || t.isP(">") || t.isP("<=") || t.isP(">="):
		notes = append(notes, "one comparison an expression: join two with and, or put one in parentheses")
	case t.kind == tWord || t.kind == tString || t.kind == tLong || t.kind == tReal:
		notes = append(notes, "is a ‘,’ or a ‘|’ missing before it?")
	}
	after := "‘|’ or the end of the query"
	if k := op.Keyword(); k != "" {
		after += " after " + k
	}
	p.unexpected(after, notes...)
	p.skip()
}

// subPipe reads a pipe that begins with an operator, without source: what stands
// in the parentheses of mv-apply, fork, facet and partition.
func (p *parser) subPipe() *Pipe {
	start := p.pos
	if !p.enter() {
		return &Pipe{Place: p.since(start), Ops: []Operator{&BadOperator{Place: p.since(start)}}}
	}
	defer p.leave()
	x := p.pipeRest(start, nil, []Operator{p.operator()})
	return x.(*Pipe)
}

// expr reads a scalar expression, or a table without a pipe. It is nil where none begins.
func (p *parser) expr() Expr {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	return p.or()
}

func (p *parser) binary(start int, x Expr, op *token, name string, y Expr) Expr {
	return &Binary{Place: p.since(start), Op: name, X: x, Y: p.need(y), OpAt: op.span()}
}

func (p *parser) or() Expr {
	start := p.pos
	x := p.and()
	for n := 0; x != nil && p.isW("or") && p.link(n); n++ {
		op := p.next()
		x = p.binary(start, x, op, "or", p.and())
	}
	return x
}

func (p *parser) and() Expr {
	start := p.pos
	x := p.equality()
	for n := 0; x != nil && p.isW("and") && p.link(n); n++ {
		op := p.next()
		x = p.binary(start, x, op, "and", p.equality())
	}
	return x
}

func (p *parser) equality() Expr {
	start := p.pos
	if p.isP("*") && p.at(1).isP("==") {
		p.next()
		star := &Star{p.since(start)}
		op := p.next()
		return p.binary(start, star, op, "==", p.relational())
	}
	x := p.relational()
	if x == nil {
		return nil
	}
	t := p.cur()
	if t.kind == tPunct {
		switch t.text {
		case "==", "!=", "<>":
			p.next()
			return p.binary(start, x, t, t.text, p.relational())
		}
		return x
	}
	if t.kind != tWord || t.class == plain {
		return x
	}
	switch t.text {
	case "in":
		if p.at(1).isW("range") { // of make-series
			return x
		}
		fallthrough
	case "!in", "in~", "!in~", "has_any", "has_all":
		p.next()
		in := &In{X: x, Op: t.text}
		open := p.pos
		if p.expectP("(", " and the values") {
			in.List = p.exprs(true, p.pipe)
			p.closing(open)
		} else if y := p.additive(); y != nil { // x in T
			in.List = []Expr{y}
		}
		in.Place = p.since(start)
		return in
	case "between", "!between":
		p.next()
		b := &Between{X: x, Not: t.text == "!between"}
		open := p.pos
		if p.expectP("(", " and the bounds (low .. high)") {
			b.Lo = p.need(p.expr())
			p.expectP("..", " between the bounds")
			b.Hi = p.need(p.expr())
			p.closing(open)
		} else {
			b.Lo, b.Hi = p.badExpr(), p.badExpr()
		}
		b.Place = p.since(start)
		return b
	}
	return x
}

func (p *parser) relational() Expr {
	start := p.pos
	x := p.additive()
	if t := p.cur(); x != nil && t.kind == tPunct {
		switch t.text {
		case "<", "<=", ">", ">=":
			p.next()
			return p.binary(start, x, t, t.text, p.additive())
		}
	}
	return x
}

func (p *parser) additive() Expr {
	start := p.pos
	x := p.multiplicative()
	for n := 0; x != nil && (p.isP("+") || p.isP("-")) && p.link(n); n++ {
		op := p.next()
		x = p.binary(start, x, op, op.text, p.multiplicative())
	}
	return x
}

func (p *parser) multiplicative() Expr {
	start := p.pos
	x := p.stringOp()
	for n := 0; x != nil && (p.isP("*") || p.isP("/") || p.isP("%")) && p.link(n); n++ {
		op := p.next()
		x = p.binary(start, x, op, op.text, p.stringOp())
	}
	return x
}

// stringOperator is the canonical name of the string operator at a token, and how
// many tokens it takes.
func (p *parser) stringOperator(ahead int) (string, int) {
	t := p.at(ahead)
	if t.kind == tPunct {
		switch t.text {
		case "=~", "!~", ":":
			return t.text, 1
		}
		return "", 0
	}
	if t.kind != tWord || t.class == plain {
		return "", 0
	}
	switch t.text {
	case "has", "!has", "has_cs", "!has_cs", "hasprefix", "!hasprefix", "hasprefix_cs", "!hasprefix_cs",
		"hassuffix", "!hassuffix", "hassuffix_cs", "!hassuffix_cs", "contains", "!contains", "contains_cs", "!contains_cs",
		"startswith", "!startswith", "startswith_cs", "!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs",
		"like", "notlike":
		return t.text, 1
	case "containscs":
		return "contains_cs", 1
	case "notcontains":
		return "!contains", 1
	case "notcontainscs":
		return "!contains_cs", 1
	case "likecs":
		return "like_cs", 1
	case "notlikecs":
		return "notlike_cs", 1
	case "matches":
		if p.at(ahead + 1).isW("regex") {
			return "matches regex", 2
		}
	}
	return "", 0
}

func (p *parser) stringOp() Expr {
	start := p.pos
	if p.isP("*") {
		if op, n := p.stringOperator(1); n > 0 {
			p.next()
			star := &Star{p.since(start)}
			t := p.cur()
			p.pos += n
			return p.binary(start, star, t, op, p.unary())
		}
		return nil
	}
	x := p.unary()
	if x == nil {
		return nil
	}
	if op, n := p.stringOperator(0); n > 0 {
		t := p.cur()
		p.pos += n
		return p.binary(start, x, t, op, p.unary())
	}
	return x
}

func (p *parser) unary() Expr {
	if !p.isP("-") && !p.isP("+") {
		return p.path()
	}
	start := p.pos
	op := p.next()
	x := p.need(p.path())
	return &Unary{Place: p.since(start), Op: op.text, X: x}
}

// path reads a primary with what hangs on it: .name, .f(x), [i].
func (p *parser) path() Expr {
	start := p.pos
	x := p.primary()
	for n := 0; x != nil && p.link(n); n++ {
		switch {
		case p.isP(".") && p.at(1).isP("[") && p.nameLen(1, false) == 0:
			p.next()
			x = p.element(start, x)
			x.(*Index).Dotted = true
		case p.isP("."):
			p.next()
			sel := p.pathStep()
			x = &Path{Place: p.since(start), X: x, Sel: sel}
		case p.isP("["):
			x = p.element(start, x)
		default:
			return x
		}
	}
	return x
}

// element reads [i] behind x, which began at token start.
func (p *parser) element(start int, x Expr) Expr {
	open := p.pos
	p.next()
	i := p.need(p.expr())
	p.closing(open)
	return &Index{Place: p.since(start), X: x, I: i}
}

// pathStep reads what follows a dot.
func (p *parser) pathStep() Expr {
	if p.startsCall() {
		return p.call()
	}
	if x := p.selector(); x != nil {
		return x
	}
	start := p.pos
	if t := p.cur(); t.kind == tWord {
		p.keywordAsName(t)
		p.next()
		return &Name{Place: p.since(start), Name: t.text}
	}
	p.unexpected("a name after the dot")
	return p.badExpr()
}

func (p *parser) keywordAsName(t *token) {
	p.report(codeKeyword, t.span(), fmt.Sprintf("%s is a keyword", show(t.text)), fmt.Sprintf("as a name it is written ['%s']", t.text))
}

// selector reads a name in an expression, nil where none stands.
func (p *parser) selector() Expr {
	if t := p.cur(); t.kind == tWord && t.class == special {
		p.next()
		return &Name{Place: Place{t.span()}, Name: t.text}
	}
	return p.nameRef()
}

func (p *parser) startsCall() bool {
	n := p.nameLen(0, false)
	return n > 0 && p.at(n).isP("(")
}

func (p *parser) primary() Expr {
	start, t := p.pos, p.cur()
	switch t.kind {
	case tLong, tReal, tSpan, tString, tBool, tTyped, tGuid:
		return p.literal()
	case tPunct:
		switch t.text {
		case "(":
			p.next()
			x := p.need(p.pipe())
			p.closing(start)
			return &Paren{Place: p.since(start), X: x}
		case "[":
			if p.startsCall() {
				return p.call()
			}
			if x := p.nameRef(); x != nil {
				return p.scoped(start, x)
			}
			return p.bareList()
		case "{":
			return p.nameRef()
		}
		return nil
	case tWord:
		switch t.text {
		case "dynamic":
			return p.literal()
		case "datatable":
			return p.dataTable()
		case "externaldata", "external_data":
			return p.externalData()
		case "__contextual_datatable":
			return p.contextual()
		case "materialized-view-combine":
			return p.viewCombine()
		case "inline_external_table":
			if x := p.inlineTable(); x != nil {
				return x
			}
		case "toscalar", "totable":
			return p.queryCall()
		case "materialize":
			if p.at(1).isP("(") {
				p.report(codeUnexpected, t.span(), "materialize(…) cannot stand within an expression",
					"name it: let x = materialize(…);")
				return p.queryCall()
			}
		case "typeof":
			if p.at(1).isP("(") {
				return p.typeOf()
			}
		}
		if p.startsCall() {
			return p.call()
		}
		if x := p.selector(); x != nil {
			return p.scoped(start, x)
		}
		return p.misplacedKeyword()
	}
	return nil
}

// scoped reads what may stand behind a table's name: datascope=hotcache.
func (p *parser) scoped(start int, x Expr) Expr {
	if p.isW("datascope") && p.at(1).isP("=") {
		p.pos += 2
		v := p.scopeWord()
		return &DataScope{Place: p.since(start), X: x, Scope: v}
	}
	return x
}

// misplacedKeyword: a keyword where an expression should be. It is taken for a
// name when what follows only makes sense after one.
func (p *parser) misplacedKeyword() Expr {
	t, n := p.cur(), p.at(1)
	as := func() Expr {
		p.keywordAsName(t)
		p.next()
		return &Name{Place: Place{t.span()}, Name: t.text}
	}
	switch n.kind {
	case tPunct:
		switch n.text {
		case "==", "!=", "=~", "!~", "<", "<=", ">", ">=", "*", "/", "%", ")", "]", "}", ".", ",", ":", "|":
			return as()
		case "(":
			if isType(t.text, true) {
				note := fmt.Sprintf("to convert a value use to%s(…)", t.text)
				if t.text == "string" {
					note = "to convert a value use tostring(…); a text is written '…'"
				} else if _, ok := typedLiteral(t.text); ok {
					note = fmt.Sprintf("a literal is written %s(…) without a blank before the parenthesis", t.text)
				}
				p.report(codeUnexpected, t.span(), fmt.Sprintf("%s is a type, not a function", show(t.text)), note)
				p.next()
				open := p.pos
				x := &Call{Func: Ident{Place: Place{t.span()}, Name: t.text}}
				p.next()
				x.Args = p.exprs(false, p.argument)
				p.closing(open)
				x.Place = Place{t.span().To(p.since(open).Span)}
				return x
			}
		}
	case tWord:
		if n.class == hard || n.isAny("in", "has", "contains") {
			if op, _ := p.stringOperator(1); op != "" || n.isAny("and", "or", "in", "in~", "!in", "!in~", "has_any", "has_all", "between", "!between") {
				return as()
			}
		}
	}
	return nil
}

// bareList: [1, 2] is no expression here, but people coming from JSON write it.
// Microsoft's parser takes [x] with one element and binds it to nothing.
func (p *parser) bareList() Expr {
	start := p.pos
	if x := p.bracketWildcard(); x != nil {
		return x
	}
	p.report(codeUnexpected, p.here(), "expected an expression, found ‘[’", "a list is written dynamic([1, 2]); a name with blanks ['a b']")
	if m := p.cur().mate; m > 0 {
		p.pos = int(m) + 1
	} else {
		p.next()
	}
	return &BadExpr{p.since(start)}
}

func (p *parser) call() Expr {
	start := p.pos
	id, _ := p.name(false)
	c := &Call{Func: id}
	open := p.pos
	p.next()
	c.Args = p.exprs(false, p.argument)
	if p.isP("|") {
		p.report(codeUnexpected, p.here(), "expected ‘)’ or ‘,’, found ‘|’",
			fmt.Sprintf("a query as an argument stands in parentheses of its own: %s((T | …))", id.Name))
	}
	p.closing(open)
	c.Place = p.since(start)
	return c
}

func (p *parser) argument() Expr {
	if p.isP("*") && (p.at(1).isP(")") || p.at(1).isP(",")) {
		t := p.next()
		return &Star{Place{t.span()}}
	}
	return p.named()
}

// queryCall reads toscalar(query), totable(query), materialize(query).
func (p *parser) queryCall() Expr {
	if !p.at(1).isP("(") && !p.at(1).isW("kind") {
		return p.misplacedKeyword()
	}
	start := p.pos
	t := p.next()
	c := &Call{Func: Ident{Place: Place{t.span()}, Name: t.text}}
	c.Params = p.params()
	open := p.pos
	if p.expectP("(", " and a query") {
		c.Args = []Expr{p.need(p.pipe())}
		p.closing(open)
	}
	c.Place = p.since(start)
	return c
}

// named reads `x`, `a = x` or `(a, b) = x`.
func (p *parser) named() Expr {
	start := p.pos
	t := p.cur()
	if n := p.nameLen(0, true); n > 0 && p.at(n).isP("=") {
		id, _ := p.name(true)
		p.next()
		return p.namedValue(start, []Ident{id}, false)
	}
	if t.kind == tWord { // ['kind'] = x, ['a-b'] = x without the quotes
		n := 1
		for p.at(n).glued && (p.at(n).isP("-") || p.at(n).kind == tWord || p.at(n).kind == tLong) {
			n++
		}
		if p.at(n).isP("=") {
			text := p.src[t.start:p.at(n-1).end]
			p.report(codeKeyword, fault.Span{Start: int(t.start), Length: len(text)}, fmt.Sprintf("%s cannot be a name as it stands", show(text)),
				fmt.Sprintf("it is written ['%s']", text))
			p.pos += n
			id := Ident{Place: p.since(start), Name: text}
			p.next()
			return p.namedValue(start, []Ident{id}, false)
		}
	}
	if t.isP("(") && t.mate > 0 && p.toks[min(int(t.mate)+1, len(p.toks)-1)].isP("=") {
		p.next()
		ids := list(p, "a name", true, false, func() (Ident, bool) { return p.name(true) })
		p.closing(start)
		if p.acceptP("=") {
			return p.namedValue(start, ids, true)
		}
		return &BadExpr{p.since(start)}
	}
	return p.expr()
}

func (p *parser) namedValue(start int, ids []Ident, tuple bool) Expr {
	x := p.need(p.expr())
	return &Named{Place: p.since(start), Names: ids, Tuple: tuple, X: x}
}

// ordered reads an expression with asc, desc, nulls first.
func (p *parser) ordered() Expr {
	start := p.pos
	x := p.named()
	if x == nil || !p.cur().isAny("asc", "desc", "granny-asc", "granny-desc", "nulls") {
		return x
	}
	o := &Ordered{X: x}
	if !p.isW("nulls") {
		o.Dir = p.next().text
	}
	if p.acceptW("nulls") {
		if p.cur().isAny("first", "last") {
			o.Nulls = p.next().text
		} else {
			p.unexpected("first or last after nulls")
		}
	}
	o.Place = p.since(start)
	return o
}
