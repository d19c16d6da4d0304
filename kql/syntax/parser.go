package syntax

import (
	"fmt"
	"strings"

	"sextant/fault"
)

// Codes of the diagnostics. They are stable; the text is not.
const (
	codeText        = "SYN0001" // a literal or a character that cannot be read
	codeUnexpected  = "SYN0002" // something else was expected here
	codeOperator    = "SYN0003" // no such operator
	codeUnclosed    = "SYN0004" // an opening without its closing
	codeLimit       = "SYN0005" // too long, too deep, too many errors
	codeKeyword     = "SYN0006" // a keyword as a name needs quotes
	codePlaceholder = "SYN0007" // {name}: a parameter that nobody filled in
	codeType        = "SYN0008" // no such type
)

// Options are limits. The zero value of each means its default.
type Options struct {
	MaxLength int // bytes of text; 2 MiB
	MaxDepth  int // queries and blocks in parentheses within each other; 500 (calls may nest twice as deep)
	MaxErrors int // diagnostics; 100
	MaxChain  int // operands of one chain a + b + …, names of one path, and the like; 50,000
}

func (o Options) withDefaults() Options {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	def(&o.MaxLength, 2<<20)
	def(&o.MaxDepth, 500)
	def(&o.MaxErrors, 100)
	def(&o.MaxChain, 50_000)
	return o
}

// Parse reads a query text with the default limits. It returns the tree of what
// could be read, never nil, and all that is wrong; where it could not read, the
// tree has BadStmt, BadExpr and BadOperator. It does not panic, and takes time
// linear in the text.
func Parse(text string) (*File, fault.Diagnostics) { return ParseWith(text, Options{}) }

// ParseWith is [Parse] with limits.
func ParseWith(text string, o Options) (*File, fault.Diagnostics) {
	o = o.withDefaults()
	if len(text) > o.MaxLength {
		return &File{Place: Place{fault.Span{Length: len(text)}}}, fault.Diagnostics{{Code: codeLimit, Span: fault.Span{Start: o.MaxLength},
			Text:  fmt.Sprintf("the query is %d bytes long; at most %d are read", len(text), o.MaxLength),
			Notes: []string{"put long lists of values into a table or a watchlist"}}}
	}
	l := lexer{src: text}
	l.run()
	p := parser{Options: o, src: text, toks: l.toks, diags: l.diags, errAt: -1}
	f := &File{Stmts: p.statements(func() bool { return false })}
	f.Span = fault.Span{Length: len(text)}
	if len(p.diags) > o.MaxErrors {
		p.diags = p.diags[:o.MaxErrors]
	}
	sortDiagnostics(p.diags)
	return f, p.diags
}

func sortDiagnostics(ds fault.Diagnostics) { // few, and nearly in order
	for i := range ds {
		for j := i; j > 0 && ds[j].Span.Start < ds[j-1].Span.Start; j-- {
			ds[j], ds[j-1] = ds[j-1], ds[j]
		}
	}
}

type parser struct {
	Options
	src   string
	toks  []token // ends in tEOF
	pos   int
	diags fault.Diagnostics
	errAt int // index of the token at which the last error was reported
	depth int
	over  bool // a limit was hit: nothing more is read
}

// ---- looking

// cur is the token to read next; once reading was given up, the end of the text.
func (p *parser) cur() *token {
	if p.over {
		return &p.toks[len(p.toks)-1]
	}
	return &p.toks[p.pos]
}

func (p *parser) at(ahead int) *token {
	if p.over {
		return p.cur()
	}
	return &p.toks[min(p.pos+ahead, len(p.toks)-1)]
}

func (t *token) isP(op string) bool { return t.kind == tPunct && t.text == op }
func (t *token) isW(w string) bool  { return t.kind == tWord && t.text == w }
func (t *token) isAny(w ...string) bool {
	if t.kind == tWord {
		for _, x := range w {
			if t.text == x {
				return true
			}
		}
	}
	return false
}

func (p *parser) isP(op string) bool { return p.cur().isP(op) }
func (p *parser) isW(w string) bool  { return p.cur().isW(w) }

// atEnd: nothing of this pipe or list can follow.
func (p *parser) atEnd() bool {
	t := p.cur()
	if t.kind == tPunct {
		switch t.text {
		case ")", "]", "}", "|", ";":
			return true
		}
	}
	return t.kind == tEOF
}

// ---- moving

func (p *parser) next() *token {
	t := p.cur()
	if p.pos < len(p.toks)-1 { // when reading was given up, too: what complained has taken its token
		p.pos++
	}
	return t
}

func (p *parser) acceptP(op string) bool {
	if p.isP(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) acceptW(w string) bool {
	if p.isW(w) {
		p.pos++
		return true
	}
	return false
}

// since is the place from the token with index i to the last one read.
func (p *parser) since(i int) Place {
	start := int(p.toks[i].start)
	if p.pos <= i {
		return Place{fault.Span{Start: start}}
	}
	return Place{fault.Span{Start: start, Length: int(p.toks[p.pos-1].end) - start}}
}

// here is the place of the current token; at the end of the text, where the
// last token ends.
func (p *parser) here() fault.Span {
	t := p.cur()
	if t.kind == tEOF && p.pos > 0 {
		return fault.Span{Start: int(p.toks[p.pos-1].end)}
	}
	return t.span()
}

// skip moves to the end of the pipe's operator: the next | ; or closing bracket
// of this level.
func (p *parser) skip() {
	for !p.atEnd() {
		p.skipOne()
	}
}

// skipOne moves over a token, or a bracket with all in it.
func (p *parser) skipOne() {
	t := p.cur()
	if t.kind == tPunct && t.mate > 0 {
		p.pos = int(t.mate) + 1
		return
	}
	p.next()
}

// ---- complaining

// report adds a diagnostic, unless one was given at this very token.
func (p *parser) report(code string, span fault.Span, text string, notes ...string) {
	if p.over || p.errAt == p.pos {
		return
	}
	p.errAt = p.pos
	if p.cur().kind == tBad { // the lexer has said it
		return
	}
	p.diags = append(p.diags, fault.Diagnostic{Code: code, Span: span, Text: text, Notes: notes})
	if len(p.diags) >= p.MaxErrors {
		p.stop()
	}
}

// stop gives up reading. The position stays, for callers that are about to move on.
func (p *parser) stop() { p.over = true }

// unexpected says what should have stood at the current token.
func (p *parser) unexpected(expected string, notes ...string) {
	text := fmt.Sprintf("expected %s, found %s", expected, p.found())
	if t := p.cur(); t.kind == tWord && t.class >= extended && strings.Contains(expected, "expression") {
		notes = append(notes, fmt.Sprintf("a column of that name is written ['%s']", t.text))
	} else if t.isP("{") && strings.Contains(expected, "expression") {
		notes = append(notes, "a placeholder {…} of a workbook must be filled in before the query is sent")
	}
	p.report(codeUnexpected, p.here(), text, notes...)
}

func (p *parser) found() string {
	t := p.cur()
	switch t.kind {
	case tEOF:
		return "the end of the query"
	case tWord:
		if t.class >= extended {
			return "the keyword " + show(t.text)
		}
	case tString:
		return "the text " + show(t.text)
	}
	return show(t.text)
}

// expectP reads op or complains that what (such as "a list of columns") lacks it.
func (p *parser) expectP(op, what string) bool {
	if p.acceptP(op) {
		return true
	}
	p.unexpected(show(op) + what)
	return false
}

func (p *parser) expectW(w, what string) bool {
	if p.acceptW(w) {
		return true
	}
	p.unexpected(show(w) + what)
	return false
}

// closing reads the bracket that closes the one with token index open. When
// something else stands here it complains and goes on behind the right one.
func (p *parser) closing(open int) {
	want := map[string]string{"(": ")", "[": "]", "{": "}"}[p.toks[open].text]
	if p.acceptP(want) {
		return
	}
	mate := int(p.toks[open].mate)
	if mate < 0 {
		p.report(codeUnclosed, p.toks[open].span(), fmt.Sprintf("%s is never closed", show(p.toks[open].text)),
			fmt.Sprintf("expected %s before %s", show(want), p.found()))
		return
	}
	p.unexpected(show(want))
	if !p.over && mate >= p.pos {
		p.pos = mate + 1
	}
}

// enter counts a level of nesting; it is false at the limit, with an error.
func (p *parser) enter() bool {
	if p.over {
		return false
	}
	if p.depth >= 2*p.MaxDepth { // a parenthesis counts as a query and as an expression
		p.errAt = -1
		p.report(codeLimit, p.here(), fmt.Sprintf("the query nests deeper than %d levels here", p.MaxDepth),
			"name the inner parts with let")
		p.stop()
		return false
	}
	p.depth++
	return true
}

func (p *parser) leave() { p.depth-- }

// link counts the n-th link of a chain of equals, as in a + b + c; it is false at
// the limit.
func (p *parser) link(n int) bool {
	if n < p.MaxChain {
		return !p.over
	}
	p.errAt = -1
	p.report(codeLimit, p.here(), fmt.Sprintf("an expression has more than %d operands here", p.MaxChain),
		"a long list of values is best compared with in (…)")
	p.stop()
	return false
}

// list reads one or more items with commas between them. what names an item.
// With trailing, a comma may end the list. The list may be empty unless required.
func list[T any](p *parser, what string, required, trailing bool, one func() (T, bool)) []T {
	var out []T
	for {
		x, ok := one()
		if !ok {
			if (required && len(out) == 0) || (len(out) > 0 && !trailing) || p.isP(",") {
				p.unexpected(what)
			}
			return out
		}
		out = append(out, x)
		if !p.acceptP(",") {
			return out
		}
	}
}

// exprs is a list of expressions.
func (p *parser) exprs(required bool, one func() Expr) []Expr {
	return list(p, "an expression", required, false, func() (Expr, bool) {
		x := one()
		return x, x != nil
	})
}

// need turns a missing expression into an error and a node.
func (p *parser) need(x Expr) Expr {
	if x == nil {
		p.unexpected("an expression")
		return p.badExpr()
	}
	return x
}

// badExpr stands where an expression is missing: an empty place.
func (p *parser) badExpr() Expr { return &BadExpr{Place{fault.Span{Start: p.here().Start}}} }
