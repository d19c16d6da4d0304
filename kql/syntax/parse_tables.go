package syntax

// Tables written in place, and operators that bring tables together or apart.

func (p *parser) dataTable() Expr {
	if !p.at(1).isP("(") && p.startsParamAt(1) == 0 {
		return p.misplacedKeyword()
	}
	start := p.pos
	p.next()
	x := &DataTable{Params: p.params()}
	x.Schema = p.schema()
	open := p.pos
	if p.expectP("[", " and the values") {
		p.acceptP(",")
		x.Values = list(p, "a literal", false, true, func() (Expr, bool) {
			v := p.literal()
			return v, v != nil
		})
		if !p.isP("]") {
			p.unexpected("a literal or ‘]’", "datatable takes constants only")
		}
		p.closing(open)
	}
	x.Place = p.since(start)
	return x
}

func (p *parser) startsParamAt(ahead int) int {
	p.pos += ahead
	n := p.startsParam(nil)
	p.pos -= ahead
	return n
}

func (p *parser) externalData() Expr {
	if !p.at(1).isP("(") && p.startsParamAt(1) == 0 {
		return p.misplacedKeyword()
	}
	start := p.pos
	p.next()
	x := &ExternalData{Params: p.params()}
	x.Schema = p.schema()
	open := p.pos
	if p.expectP("[", " and the addresses") {
		x.URIs = list(p, "an address", false, true, func() (Expr, bool) {
			v := p.pipe()
			return v, v != nil
		})
		p.closing(open)
	}
	if p.acceptW("with") {
		x.With = p.properties()
	}
	x.Place = p.since(start)
	return x
}

// inlineTable is nil, with nothing read, where inline_external_table is but a name.
func (p *parser) inlineTable() Expr {
	if !p.at(1).isW("kind") && !(p.at(1).isP("(") && p.nameLen(2, true) > 0 && p.at(2+p.nameLen(2, true)).isP(":")) {
		return nil
	}
	start := p.pos
	p.next()
	x := &InlineTable{}
	if p.isP("(") {
		x.Schema = p.schema()
	}
	p.expectW("kind", "=storage or kind=delta")
	p.expectP("=", " and storage or delta")
	if x.Kind = p.anyWord("storage or delta"); x.Kind.Name != "storage" && x.Kind.Name != "delta" && x.Kind.Name != "" {
		p.pos--
		p.report(codeUnexpected, x.Kind.Span, "expected storage or delta, found "+show(x.Kind.Name))
		p.pos++
	}
	delta := x.Kind.Name == "delta"
	if x.Schema == nil && !delta {
		p.unexpected("columns, (name:type, …), before kind")
	}
	if p.acceptW("partition") {
		p.expectW("by", "")
		open := p.pos
		if p.expectP("(", " and the partition's columns") {
			p.acceptP(",")
			x.PartitionBy = list(p, "a column, name:type", false, true, p.partitionColumn)
			p.closing(open)
		}
	}
	if p.acceptW("pathformat") {
		p.expectP("=", "")
		open := p.pos
		if p.expectP("(", " and the format") {
			for {
				if p.cur().kind == tString {
					x.PathFormat = append(x.PathFormat, p.stringLiteral())
				} else if p.startsCall() {
					x.PathFormat = append(x.PathFormat, p.call())
				} else if n := p.nameRef(); n != nil {
					x.PathFormat = append(x.PathFormat, n)
				} else {
					break
				}
			}
			if len(x.PathFormat) == 0 {
				p.unexpected("texts and columns")
			}
			p.closing(open)
		}
	}
	if p.acceptW("dataformat") {
		p.expectP("=", "")
		id := p.anyWord("a format, such as csv")
		x.Format = &id
	} else if !delta {
		p.unexpected("dataformat=…")
	}
	open := p.pos
	if p.expectP("(", " and the addresses") {
		x.URIs = list(p, "an address", false, true, func() (Expr, bool) {
			v := p.pipe()
			return v, v != nil
		})
		p.closing(open)
	}
	if p.acceptW("with") {
		x.With = p.properties()
	}
	x.Place = p.since(start)
	return x
}

func (p *parser) partitionColumn() (*PartitionColumn, bool) {
	start := p.pos
	name, ok := p.name(true)
	if !ok {
		return nil, false
	}
	c := &PartitionColumn{Name: name, Type: &TypeName{Place: p.since(p.pos)}}
	if p.expectP(":", " and a type") {
		c.Type = p.typeName(false)
	}
	if p.acceptP("=") {
		c.X = p.need(p.expr())
	}
	c.Place = p.since(start)
	return c, true
}

func (p *parser) contextual() Expr {
	start := p.pos
	p.next()
	x := &ContextualTable{ID: p.literal()}
	if x.ID == nil {
		x.ID = p.need(p.expr())
	}
	x.Schema = p.schema()
	x.Place = p.since(start)
	return x
}

func (p *parser) viewCombine() Expr {
	start := p.pos
	p.next()
	x := &ViewCombine{}
	part := func(word string) Expr {
		if word != "" {
			p.expectW(word, " (…)")
		}
		open := p.pos
		if !p.expectP("(", "") {
			return p.badExpr()
		}
		y := p.need(p.pipe())
		p.closing(open)
		return y
	}
	x.View, x.Base, x.Delta = part(""), part("base"), part("delta")
	p.expectW("aggregations", " (summarize …)")
	x.Aggregations = p.pipeInParens()
	x.Place = p.since(start)
	return x
}

func (p *parser) joinOn() []Expr {
	if p.acceptW("on") {
		return p.exprs(true, p.expr)
	}
	return nil
}

func (p *parser) join() Operator {
	start := p.pos
	p.next()
	o := &Join{Params: p.params()}
	o.Right = p.need(p.expr())
	if o.On = p.joinOn(); o.On == nil && p.acceptW("where") {
		o.Where = p.need(p.expr())
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) lookup() Operator {
	start := p.pos
	p.next()
	o := &Lookup{Params: p.params()}
	o.Right = p.need(p.expr())
	if o.On = p.joinOn(); o.On == nil {
		p.unexpected("‘on’ and the columns to look up by")
	}
	o.Place = p.since(start)
	return o
}

// unionItem: (query), a name or path, a pattern.
func (p *parser) unionItem() Expr {
	if p.isP("(") {
		return p.primary()
	}
	if p.cur().isAny("datatable", "externaldata", "external_data", "toscalar", "totable") {
		return p.expr()
	}
	return p.entity()
}

func (p *parser) evaluate() Operator {
	start := p.pos
	p.next()
	o := &Evaluate{Params: p.params()}
	if p.startsCall() {
		o.Call = p.call()
	} else {
		at := p.pos
		p.unexpected("a plugin and its arguments, name(…)")
		if p.cur().kind == tWord {
			p.next()
		}
		o.Call = &BadExpr{p.since(at)}
	}
	if p.acceptP(":") {
		o.Schema = p.schema()
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) invoke() Operator {
	start := p.pos
	p.next()
	o := &Invoke{}
	if at := p.pos; p.startsCall() {
		o.Call = p.call()
		for n := 0; p.isP(".") && p.link(n); n++ {
			p.next()
			if !p.startsCall() {
				p.unexpected("a function call")
				break
			}
			sel := p.call()
			o.Call = &Path{Place: p.since(at), X: o.Call, Sel: sel}
		}
	} else {
		p.unexpected("a function and its arguments, name(…)")
		o.Call = &BadExpr{p.since(at)}
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) simplePath() Expr {
	start := p.pos
	x := p.selector()
	for n := 0; x != nil && p.link(n); n++ {
		switch {
		case p.acceptP("."):
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

func (p *parser) facet() Operator {
	start := p.pos
	p.next()
	o := &Facet{}
	p.expectW("by", " and the columns")
	o.By = p.exprs(true, func() Expr {
		if p.isW("with") {
			return nil
		}
		return p.simplePath()
	})
	if p.acceptW("with") {
		if open := p.pos; p.acceptP("(") {
			o.With = p.subPipe()
			p.closing(open)
		} else {
			at := p.pos
			op := p.operator()
			o.With = &Pipe{Place: p.since(at), Ops: []Operator{op}}
		}
	}
	o.Place = p.since(start)
	return o
}

// sub reads what stands in the parentheses of fork and partition: a pipe that
// begins with an operator, or else a query.
func (p *parser) sub() Expr {
	if t := p.cur(); t.kind == tWord && (p.isOperatorWord() || t.text == "mvexpand" || t.text == "mvapply") &&
		!p.at(1).isP("(") && !p.at(1).isP("|") && !p.at(1).isP(".") || t.isAny("union", "where", "extend", "project", "summarize") {
		return p.subPipe()
	}
	if t := p.cur(); t.isW("count") && (p.at(1).isP("|") || p.at(1).isP(")")) || t.isAny("getschema", "consume", "serialize") {
		return p.subPipe()
	}
	return p.need(p.pipe())
}

func (p *parser) fork() Operator {
	start := p.pos
	p.next()
	o := &Fork{}
	for {
		at := p.pos
		f := &ForkProng{}
		n := p.nameLen(0, false)
		if n > 0 && p.at(n).isP("=") {
			id := p.needName()
			f.Name = &id
			p.next()
		} else if !p.isP("(") {
			break
		}
		open := p.pos
		if !p.expectP("(", " and a pipe") {
			break
		}
		f.Sub = p.sub()
		p.closing(open)
		f.Place = p.since(at)
		o.Prongs = append(o.Prongs, f)
		if !p.link(len(o.Prongs)) {
			break
		}
	}
	if len(o.Prongs) == 0 {
		p.unexpected("‘(’ and a pipe")
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) partition() Operator {
	start := p.pos
	p.next()
	o := &Partition{Params: p.params()}
	p.expectW("by", " and the key")
	o.By = p.need(p.simplePath())
	if p.acceptW("in") {
		if p.startsCall() {
			o.In = p.call()
		} else if o.In = p.literal(); o.In == nil {
			p.unexpected("a function call or dynamic(…)")
			o.In = p.badExpr()
		}
	}
	switch open := p.pos; {
	case p.acceptP("("):
		o.Sub = p.sub()
		p.closing(open)
	case p.acceptP("{"):
		o.Query = p.need(p.pipe())
		p.closing(open)
	default:
		p.unexpected("‘(’ and a pipe, or ‘{’ and a query")
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) partitionBy() Operator {
	start := p.pos
	p.next()
	o := &PartitionBy{Params: p.params()}
	o.By = p.need(p.simplePath())
	if p.acceptW("id") {
		if o.ID = p.literal(); o.ID == nil {
			p.unexpected("a literal")
		}
	}
	o.Pipe = p.pipeInParens()
	o.Place = p.since(start)
	return o
}

func (p *parser) pipeInParens() *Pipe {
	open := p.pos
	if p.expectP("(", " and a pipe") {
		x := p.subPipe()
		p.closing(open)
		return x
	}
	return &Pipe{Place: p.since(p.pos), Ops: []Operator{&BadOperator{Place: p.since(p.pos)}}}
}

func (p *parser) dataScope() *Ident {
	if p.isW("datascope") && p.at(1).isP("=") {
		p.pos += 2
		id := p.scopeWord()
		return &id
	}
	return nil
}

// scopeWord reads the value of datascope.
func (p *parser) scopeWord() Ident {
	if t := p.cur(); t.isAny("all", "hotcache") {
		p.next()
		return Ident{Place: Place{t.span()}, Name: t.text}
	}
	p.unexpected("all or hotcache")
	return Ident{Place: p.since(p.pos)}
}

func (p *parser) tablesIn() []Expr {
	if !p.isW("in") || !p.at(1).isP("(") {
		return nil
	}
	p.next()
	open := p.pos
	p.next()
	out := p.exprs(true, func() Expr {
		start := p.pos
		x := p.entity()
		if x != nil && p.isP("|") && p.at(1).isW("as") {
			p.next()
			op := p.knownOperator()
			return &Pipe{Place: p.since(start), Source: x, Ops: []Operator{op}}
		}
		return x
	})
	p.closing(open)
	return out
}

func (p *parser) find() Operator {
	start := p.pos
	p.next()
	o := &Find{DataScope: p.dataScope()}
	o.Params = p.params()
	o.In = p.tablesIn()
	if len(o.Params) > 0 || len(o.In) > 0 {
		p.expectW("where", " and a condition")
	} else {
		p.acceptW("where")
	}
	o.Where = p.need(p.expr())
	if p.acceptW("project-smart") {
		o.Smart = true
	} else if p.acceptW("project") {
		o.Project = p.exprs(true, p.findColumn)
	}
	if p.acceptW("__projectAway") {
		o.ProjectAway = p.exprs(true, p.findColumn)
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) findColumn() Expr {
	start := p.pos
	if p.isW("pack") && p.at(1).isP("(") {
		return p.call()
	}
	if p.acceptP("*") {
		return &Star{p.since(start)}
	}
	x := p.nameRef()
	if x != nil && p.acceptP(":") {
		t := p.typeName(true)
		return &FindColumn{Place: p.since(start), Name: x, Type: t}
	}
	return x
}

func (p *parser) search() Operator {
	start := p.pos
	p.next()
	o := &Search{Params: p.params()}
	o.DataScope = p.dataScope()
	o.In = p.tablesIn()
	if p.isP("*") && (p.at(1).isW("and") || p.at(1).isP("|") || p.at(1).isP(")") || p.at(1).isP(";") || p.at(1).kind == tEOF) {
		at := p.pos
		p.next()
		o.Cond = &Star{p.since(at)}
		if t := p.cur(); t.isW("and") {
			p.next()
			o.Cond = p.binary(at, o.Cond, t, "and", p.expr())
		}
	} else {
		o.Cond = p.need(p.expr())
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) macroExpand() Operator {
	start := p.pos
	p.next()
	o := &MacroExpand{Params: p.params("best_effort")}
	if p.isW("entity_group") {
		if p.at(1).isP("(") {
			o.Group = p.call()
		} else {
			o.Group = p.entityGroup()
		}
	} else {
		o.Group = p.need(p.entity())
	}
	if p.acceptW("as") {
		id := p.needName()
		o.Scope = &id
	}
	open := p.pos
	o.Body = &Block{}
	if p.expectP("(", " and a query") {
		if p.enter() {
			o.Body.Stmts = p.statements(func() bool { return p.isP(")") })
			p.leave()
		}
		p.closing(open)
	}
	o.Body.Place = p.since(open)
	o.Place = p.since(start)
	return o
}
