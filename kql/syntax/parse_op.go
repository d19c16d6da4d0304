package syntax

import "fmt"

// operatorWords are all operators' words, for suggestions and the editor.
var operatorWords = []string{
	"as", "assert-schema", "consume", "count", "distinct", "evaluate", "extend", "facet", "filter", "find", "fork",
	"getschema", "graph-mark-components", "graph-match", "graph-shortest-paths", "graph-to-table", "graph-where-edges",
	"graph-where-nodes", "invoke", "join", "limit", "lookup", "macro-expand", "make-graph", "make-series", "mv-apply",
	"mv-expand", "order", "parse", "parse-kv", "parse-where", "partition", "print", "project", "project-away",
	"project-by-names", "project-keep", "project-rename", "project-reorder", "range", "reduce", "render", "sample",
	"sample-distinct", "scan", "search", "serialize", "sort", "summarize", "take", "top", "top-hitters", "top-nested",
	"union", "where",
}

// OperatorWords are the words that may follow a `|`.
func OperatorWords() []string { return append([]string(nil), operatorWords...) }

// startsOperator says whether an operator begins here where a table could, too:
// words that may be names count only when what follows shows an operator.
func (p *parser) startsOperator() bool {
	t := p.cur()
	if t.kind != tWord {
		return false
	}
	switch t.text {
	case "evaluate":
		return p.at(1).kind == tWord && p.nameLen(1, false) > 0 && p.at(2).isP("(") || p.at(1).isW("hint")
	case "facet", "reduce", "sort", "order":
		return p.at(1).isW("by") || p.at(1).isW("kind") || p.at(1).isW("hint")
	case "partition":
		return p.at(1).isW("by") || p.at(1).isW("hint")
	case "range":
		n := p.nameLen(1, false)
		return n > 0 && p.at(1+n).isW("from")
	case "render", "extend", "summarize", "take", "top", "filter", "limit", "distinct", "join", "lookup", "serialize",
		"mvexpand", "mvapply", "fork", "getschema", "consume", "count", "parse", "scan":
		// names as well: an operator only behind a complete pipe and before a word
		n := p.at(1)
		return (n.kind == tWord && n.class <= soft || n.kind == tLong) && p.pos > 0 && !p.toks[p.pos-1].isP("(") && p.behindTable()
	case "as", "find", "invoke", "print", "search", "where", "sample", "sample-distinct", "top-nested", "top-hitters":
		n := p.at(1)
		return !n.isP("=") && !n.isP(".") && !n.isP(")") && !n.isP(",") && n.kind != tEOF && !isComparison(n)
	}
	return t.class == hard && p.isOperatorWord()
}

// behindTable: the token before ends something, so that a word here cannot be an operand.
func (p *parser) behindTable() bool {
	t := p.toks[p.pos-1]
	switch t.kind {
	case tPunct:
		return t.text == ")" || t.text == "]" || t.text == "}"
	case tWord:
		return t.class <= soft
	}
	return t.kind != tEOF && t.kind != tBad
}

func isComparison(t *token) bool {
	if t.kind == tPunct {
		switch t.text {
		case "==", "!=", "<", ">", "<=", ">=", "=~", "!~":
			return true
		}
	}
	return false
}

func (p *parser) isOperatorWord() bool { return known(p.cur().text, operatorWords) }

// operator reads what stands behind a `|`. It always returns one.
func (p *parser) operator() Operator {
	start := p.pos
	if op := p.knownOperator(); op != nil {
		return op
	}
	t := p.cur()
	if t.kind != tWord {
		p.unexpected("an operator, such as where, project or summarize")
		if !p.atEnd() {
			p.skip()
		}
		return &BadOperator{Place: p.since(start)}
	}
	note := "operators are where, extend, project, summarize, join, sort, take and others"
	switch near := nearOperator(t.text); {
	case t.text == "count" || p.isOperatorWord():
		note = fmt.Sprintf("the function %s(…) needs an operator before it, such as summarize %s(…)", t.text, t.text)
	case near != "":
		note = fmt.Sprintf("did you mean %s?", near)
	}
	p.report(codeOperator, t.span(), fmt.Sprintf("there is no operator %s", show(t.text)), note)
	p.next()
	p.skip()
	return &BadOperator{Place: p.since(start), Word: t.text}
}

// knownOperator reads an operator, nil where none begins.
func (p *parser) knownOperator() Operator {
	t := p.cur()
	if t.kind != tWord || t.class == plain {
		return nil
	}
	start := p.pos
	switch t.text {
	case "where", "filter":
		p.next()
		o := &Where{Params: p.params()}
		o.Cond = p.need(p.named())
		o.Place = p.since(start)
		return o
	case "extend":
		p.next()
		o := &Extend{Items: p.exprs(true, p.named)}
		o.Place = p.since(start)
		return o
	case "project":
		p.next()
		o := &Project{Items: p.exprs(false, p.named)}
		o.Place = p.since(start)
		return o
	case "project-away":
		p.next()
		o := &ProjectAway{Items: p.exprs(false, p.column)}
		o.Place = p.since(start)
		return o
	case "project-keep":
		p.next()
		o := &ProjectKeep{Items: p.exprs(false, p.column)}
		o.Place = p.since(start)
		return o
	case "project-rename":
		p.next()
		o := &ProjectRename{Items: p.exprs(false, p.named)}
		o.Place = p.since(start)
		return o
	case "project-reorder":
		p.next()
		o := &ProjectReorder{Items: p.exprs(false, p.reordered)}
		o.Place = p.since(start)
		return o
	case "project-by-names":
		p.next()
		o := &ProjectByNames{Items: p.exprs(false, p.expr)}
		o.Place = p.since(start)
		return o
	case "summarize":
		return p.summarize()
	case "sort", "order":
		return p.sort()
	case "top":
		return p.top()
	case "take", "limit":
		p.next()
		o := &Take{Params: p.params()}
		o.N = p.need(p.named())
		o.Place = p.since(start)
		return o
	case "count":
		if p.at(1).isP("(") {
			return nil
		}
		p.next()
		o := &Count{Params: p.params()}
		if p.acceptW("as") {
			id := p.needName()
			o.As = &id
		}
		o.Place = p.since(start)
		return o
	case "distinct":
		p.next()
		o := &Distinct{Params: p.params()}
		o.Items = p.exprs(true, func() Expr {
			if t := p.cur(); t.isP("*") {
				p.next()
				return &Star{Place{t.span()}}
			}
			return p.named()
		})
		o.Place = p.since(start)
		return o
	case "join":
		return p.join()
	case "lookup":
		return p.lookup()
	case "union":
		p.next()
		o := &Union{Params: p.params("best_effort")}
		o.Items = p.exprs(true, p.unionItem)
		o.Place = p.since(start)
		return o
	case "as":
		p.next()
		o := &As{Params: p.params()}
		o.Name = p.needName()
		o.Place = p.since(start)
		return o
	case "consume":
		p.next()
		o := &Consume{Params: p.params()}
		o.Place = p.since(start)
		return o
	case "evaluate":
		return p.evaluate()
	case "facet":
		return p.facet()
	case "find":
		return p.find()
	case "fork":
		return p.fork()
	case "getschema":
		p.next()
		o := &GetSchema{Params: p.params()}
		o.Place = p.since(start)
		return o
	case "invoke":
		return p.invoke()
	case "make-series":
		return p.makeSeries()
	case "mv-expand", "mvexpand":
		return p.mvExpand()
	case "mv-apply", "mvapply":
		return p.mvApply()
	case "parse", "parse-where":
		return p.parseOp()
	case "parse-kv":
		return p.parseKV()
	case "partition":
		return p.partition()
	case "__partitionby":
		return p.partitionBy()
	case "print":
		p.next()
		o := &PrintOp{Items: p.exprs(true, p.named)}
		o.Place = p.since(start)
		return o
	case "range":
		if p.at(1).isP("(") {
			return nil
		}
		return p.rangeOp()
	case "reduce":
		return p.reduce()
	case "render":
		return p.render()
	case "sample":
		p.next()
		o := &Sample{Params: p.params()}
		o.N = p.need(p.named())
		o.Place = p.since(start)
		return o
	case "sample-distinct":
		p.next()
		o := &SampleDistinct{Params: p.params()}
		o.N = p.need(p.named())
		p.expectW("of", " and a column")
		o.Of = p.need(p.named())
		o.Place = p.since(start)
		return o
	case "scan":
		return p.scan()
	case "search":
		return p.search()
	case "serialize":
		p.next()
		o := &Serialize{Params: p.params()}
		o.Items = p.exprs(false, p.named)
		o.Place = p.since(start)
		return o
	case "top-hitters":
		return p.topHitters()
	case "top-nested":
		return p.topNested()
	case "macro-expand":
		return p.macroExpand()
	case "assert-schema":
		p.next()
		o := &AssertSchema{Schema: p.schema()}
		o.Place = p.since(start)
		return o
	case "__executeAndCache":
		p.next()
		return &ExecuteAndCache{p.since(start)}
	}
	return p.graphOperator()
}

func (p *parser) reordered() Expr {
	start := p.pos
	x := p.column()
	if x != nil && p.cur().isAny("asc", "desc", "granny-asc", "granny-desc") {
		d := p.next().text
		return &Ordered{Place: p.since(start), X: x, Dir: d}
	}
	return x
}
