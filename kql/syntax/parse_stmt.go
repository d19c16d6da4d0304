package syntax

import "fmt"

// statements reads statements up to the end of the text or what done says.
func (p *parser) statements(done func() bool) []Stmt {
	var out []Stmt
	for !done() && p.cur().kind != tEOF {
		if p.isP(";") {
			p.report(codeUnexpected, p.here(), "nothing stands before this ‘;’")
			p.next()
			continue
		}
		s := p.statement()
		if s == nil {
			s = p.strayStatement()
		}
		out = append(out, s)
		if p.acceptP(";") || done() || p.cur().kind == tEOF {
			continue
		}
		if p.startsStatement() || p.cur().isAny("print", "range", "macro-expand") {
			p.report(codeUnexpected, p.here(), fmt.Sprintf("expected ‘;’ before %s", p.found()),
				"each statement ends in a semicolon")
			continue
		}
		p.unexpected("‘|’, ‘;’ or the end of the query", p.afterHint()...)
		for !p.isP(";") && !done() && p.cur().kind != tEOF {
			p.skipOne()
		}
		p.acceptP(";")
	}
	return out
}

// strayStatement takes what begins no statement.
func (p *parser) strayStatement() Stmt {
	start := p.pos
	switch {
	case p.isP("|"):
		p.unexpected("a table before ‘|’")
		x := p.pipeRest(start, &BadExpr{p.since(start)}, nil)
		return &QueryStmt{Place: p.since(start), Value: x}
	case p.isP(")"), p.isP("]"), p.isP("}"):
		p.unexpected("a statement", "nothing was opened that this would close")
	case p.isP(".") && p.at(1).kind == tWord:
		// all of it is no query: one error, not one for each word
		p.report(codeUnexpected, p.here(), fmt.Sprintf("‘.%s’ begins a management command, and only queries run here", p.at(1).text),
			"a query begins with a table, or with print, let, search, union, range")
		for p.cur().kind != tEOF {
			p.skipOne()
		}
		return &BadStmt{p.since(start)}
	case p.startsSQL():
		p.report(codeUnexpected, p.here(), "this is SQL, and only KQL runs here", "write Table | where … | project …")
		for p.cur().kind != tEOF {
			p.skipOne()
		}
		return &BadStmt{p.since(start)}
	default:
		p.unexpected("a statement: a query, let, set or declare")
	}
	p.next()
	return &BadStmt{p.since(start)}
}

// afterHint guesses what was meant by something that follows a whole query.
func (p *parser) afterHint() []string {
	t := p.cur()
	if t.isP("{") {
		return []string{"a function's parameters have types: (x:string) { … }"}
	}
	if t.isP(")") || t.isP("]") || t.isP("}") {
		return []string{"nothing was opened that this would close"}
	}
	if op := nearOperator(t.text); t.kind == tWord && op != "" {
		return []string{fmt.Sprintf("did you mean ‘| %s’?", op)}
	}
	return nil
}

func (p *parser) startsStatement() bool {
	switch t := p.cur(); {
	case t.isW("let"):
		return p.nameLen(1, false) > 0 || p.at(1).kind == tWord && p.at(2).isP("=")
	case t.isW("set"):
		return true
	case t.isW("declare"):
		return p.at(1).isAny("pattern", "query_parameters")
	case t.isW("restrict"):
		return p.at(1).isW("access")
	case t.isW("alias"):
		return p.at(1).isW("database")
	}
	return false
}

// startsSQL tells a query of another language: SELECT and a column behind it, or EXPLAIN.
func (p *parser) startsSQL() bool {
	switch t := p.cur(); {
	case t.isAny("SELECT", "select", "Select"):
		return p.at(1).isP("*") || p.at(1).kind == tWord
	case t.isAny("EXPLAIN", "explain"):
		return p.at(1).isAny("SELECT", "select", "Select")
	}
	return false
}

// statement is nil where none begins.
func (p *parser) statement() Stmt {
	start := p.pos
	if p.startsSQL() {
		return nil
	}
	if p.startsStatement() {
		switch p.cur().text {
		case "let":
			return p.let()
		case "set":
			p.next()
			s := &Set{Name: p.needName()}
			if p.acceptP("=") {
				s.Value = p.need(p.expr())
			}
			s.Place = p.since(start)
			return s
		case "declare":
			if p.at(1).isW("pattern") {
				return p.declarePattern()
			}
			p.pos += 2
			s := &DeclareParams{Params: p.funcParams()}
			s.Place = p.since(start)
			return s
		case "restrict":
			return p.restrict()
		case "alias":
			p.pos += 2
			s := &Alias{Name: p.needName()}
			p.expectP("=", " and the database")
			s.Value = p.need(p.expr())
			s.Place = p.since(start)
			return s
		}
	}
	x := p.pipe()
	if x == nil {
		return nil
	}
	return &QueryStmt{Place: p.since(start), Value: x}
}

func (p *parser) let() Stmt {
	start := p.pos
	p.next()
	s := &Let{Name: p.needName()}
	p.expectP("=", " and a value")
	switch {
	case p.isW("entity_group") && p.at(1).isP("("):
		s.Value = p.call()
	case p.isW("entity_group"):
		s.Value = p.entityGroup()
	case p.isW("materialize") && p.at(1).isP("("):
		s.Value = p.queryCall()
	case p.startsLambda():
		s.Value = p.lambda()
	default:
		s.Value = p.need(p.pipe())
	}
	s.Place = p.since(start)
	return s
}

// startsLambda: `view (`…, `()`, `(*`, `(name:`.
func (p *parser) startsLambda() bool {
	i := 0
	if p.isW("view") && p.at(1).isP("(") {
		i = 1
	}
	if !p.at(i).isP("(") {
		return false
	}
	if p.at(i+1).isP(")") || p.at(i+1).isP("*") {
		return true
	}
	n := p.nameLen(i+1, true)
	return n > 0 && p.at(i+1+n).isP(":")
}

func (p *parser) lambda() Expr {
	start := p.pos
	x := &Lambda{View: p.acceptW("view")}
	x.Params = p.funcParams()
	if p.isP("{") {
		x.Body = p.block()
	} else {
		p.unexpected("‘{’ and the function's body")
		x.Body = &Block{Place: p.since(p.pos)}
	}
	x.Place = p.since(start)
	return x
}

// block reads `{ statements }`.
func (p *parser) block() *Block {
	open := p.pos
	p.next()
	b := &Block{}
	if p.enter() {
		b.Stmts = p.statements(func() bool { return p.isP("}") })
		p.leave()
	}
	p.closing(open)
	b.Place = p.since(open)
	return b
}

func (p *parser) funcParams() []*FuncParam {
	open := p.pos
	if !p.expectP("(", " and the parameters") {
		return nil
	}
	out := list(p, "a parameter, name:type", false, false, p.funcParam)
	p.closing(open)
	return out
}

func (p *parser) funcParam() (*FuncParam, bool) {
	start := p.pos
	name, ok := p.name(true)
	if !ok {
		return nil, false
	}
	f := &FuncParam{Name: name}
	p.expectP(":", " and a type")
	if p.isP("(") {
		f.Schema = p.schema()
	} else {
		f.Type = p.typeName(false)
	}
	if p.acceptP("=") {
		if f.Default = p.literal(); f.Default == nil {
			if w, ok := p.name(false); ok {
				f.Default = &Name{Place: w.Place, Name: w.Name}
			} else {
				p.unexpected("a literal as the default")
			}
		}
	}
	f.Place = p.since(start)
	return f, true
}

func (p *parser) declarePattern() Stmt {
	start := p.pos
	p.pos += 2
	s := &DeclarePattern{Name: p.needName()}
	if p.acceptP("=") {
		s.Defined = true
		open := p.pos
		if p.expectP("(", " and the parameters") {
			s.Params = list(p, "a parameter, name:type", false, false, p.columnDecl)
			p.closing(open)
		}
		if open := p.pos; p.acceptP("[") {
			if c, ok := p.columnDecl(); ok {
				s.Path = c
			} else {
				p.unexpected("name:type")
			}
			p.closing(open)
		}
		open = p.pos
		if p.expectP("{", " and the cases") {
			for p.isP("(") {
				s.Cases = append(s.Cases, p.patternCase())
			}
			if len(s.Cases) == 0 {
				p.unexpected("a case, (\"value\") = { … };")
			}
			p.closing(open)
		}
	}
	s.Place = p.since(start)
	return s
}

func (p *parser) patternCase() *PatternCase {
	start := p.pos
	p.next()
	c := &PatternCase{Args: p.exprs(true, p.expr)}
	p.closing(start)
	if p.isP(".") && p.at(1).isP("[") {
		p.next()
		open := p.pos
		p.next()
		if c.Path = p.literal(); c.Path == nil {
			p.unexpected("a literal")
		}
		p.closing(open)
	}
	p.expectP("=", " and the case's body")
	if p.isP("{") {
		c.Body = p.block()
	} else {
		p.unexpected("‘{’ and the case's body")
		c.Body = &Block{Place: p.since(p.pos)}
	}
	p.expectP(";", " after the case")
	c.Place = p.since(start)
	return c
}

func (p *parser) restrict() Stmt {
	start := p.pos
	p.pos += 2
	s := &Restrict{}
	p.expectW("to", "")
	open := p.pos
	if p.expectP("(", " and the tables") {
		s.Items = p.exprs(true, p.entity)
		p.closing(open)
	}
	if p.acceptW("with") {
		s.With = p.properties()
	}
	s.Place = p.since(start)
	return s
}

func (p *parser) entityGroup() Expr {
	start := p.pos
	p.next()
	g := &EntityGroup{}
	open := p.pos
	if p.expectP("[", " and the databases") {
		g.Items = p.exprs(true, p.expr)
		p.closing(open)
	}
	g.Place = p.since(start)
	return g
}
