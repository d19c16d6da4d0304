package odata

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sextant/fault"
)

// ParseFilter reads a $filter. What is wrong with it comes back as
// fault.Diagnostics, with the place.
func ParseFilter(text string) (Expr, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	e := p.expression(0)
	if p.bad == nil && p.tok.kind != endToken {
		p.unexpected("the end")
	}
	if p.bad != nil {
		return nil, p.bad
	}
	return e, nil
}

// parser of one option. The first error ends it.
type parser struct {
	lex   lexer
	tok   token
	ahead *token
	nodes int
	depth int
	bad   error
}

func newParser(text string) (*parser, error) {
	if len(text) > MaxLength {
		return nil, problem(fault.Span{Start: MaxLength, Length: len(text) - MaxLength}, "The option has %d bytes; %d are the most.", len(text), MaxLength)
	}
	if !utf8.ValidString(text) {
		return nil, problem(fault.Span{}, "The option is not UTF-8 text.")
	}
	p := &parser{lex: lexer{text: text}}
	p.advance()
	return p, nil
}

func problem(at fault.Span, format string, args ...any) error {
	return fault.Diagnostics{{Code: "BadRequest", Span: at, Text: fmt.Sprintf(format, args...)}}
}

func (p *parser) fail(at fault.Span, format string, args ...any) {
	if p.bad == nil {
		p.bad = problem(at, format, args...)
	}
	p.tok = token{kind: endToken, at: at}
	p.lex.at = len(p.lex.text)
	p.ahead = nil
}

func (p *parser) unexpected(want string) {
	switch {
	case p.tok.kind == endToken:
		p.fail(p.tok.at, "Syntax error: it ends where %s is expected.", want)
	case p.tok.kind == badToken && strings.HasPrefix(strings.TrimLeft(p.tok.text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._"), "'"):
		p.fail(p.tok.at, "There is an unterminated string literal.")
	default:
		p.fail(p.tok.at, "Syntax error: %s is expected, not '%s'.", want, short(p.tok.text))
	}
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func (p *parser) advance() {
	if p.bad != nil {
		return
	}
	if p.ahead != nil {
		p.tok, p.ahead = *p.ahead, nil
		return
	}
	p.tok = p.lex.next()
}

func (p *parser) peek() token {
	if p.ahead == nil {
		t := p.lex.next()
		p.ahead = &t
	}
	return *p.ahead
}

func (p *parser) sign(s string) bool { return p.tok.kind == signToken && p.tok.text == s }

func (p *parser) word(s string) bool {
	return p.tok.kind == wordToken && strings.EqualFold(p.tok.text, s)
}

func (p *parser) expect(s string) fault.Span {
	at := p.tok.at
	if !p.sign(s) {
		p.unexpected("'" + s + "'")
		return at
	}
	p.advance()
	return at
}

func (p *parser) node() {
	if p.nodes++; p.nodes > MaxNodes {
		p.fail(p.tok.at, "The expression has more than %d parts.", MaxNodes)
	}
}

// precedence of binary operators, weakest first.
var precedence = map[string]int{
	"or": 1, "and": 2,
	"eq": 3, "ne": 3,
	"gt": 4, "ge": 4, "lt": 4, "le": 4, "has": 4, "in": 4,
	"add": 5, "sub": 5,
	"mul": 6, "div": 6, "divby": 6, "mod": 6,
}

// expression of operators that bind more tightly than above.
func (p *parser) expression(above int) Expr {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.tok.at, "The expression is nested more than %d deep.", MaxDepth)
	}
	defer func() { p.depth-- }()
	x := p.unary()
	for p.bad == nil && p.tok.kind == wordToken {
		op := strings.ToLower(p.tok.text)
		level := precedence[op]
		if level == 0 || level <= above {
			break
		}
		at := p.tok.at
		p.advance()
		p.node()
		if op == "in" {
			x = p.in(at, x)
			continue
		}
		x = &Binary{At: at, Op: op, X: x, Y: p.expression(level)}
	}
	return x
}

func (p *parser) in(at fault.Span, x Expr) Expr {
	e := &In{At: at, X: x}
	open := p.expect("(")
	for p.bad == nil {
		e.List = append(e.List, p.expression(0))
		if !p.sign(",") {
			break
		}
		p.advance()
	}
	e.At = open.To(p.expect(")"))
	return e
}

func (p *parser) unary() Expr {
	p.node()
	at := p.tok.at
	switch {
	case p.word("not"):
		p.advance()
		if p.depth++; p.depth > MaxDepth {
			p.fail(p.tok.at, "The expression is nested more than %d deep.", MaxDepth)
		}
		defer func() { p.depth-- }()
		// not binds more tightly than and, and than comparisons where no brackets
		// say otherwise: not endswith(a,'b'), not (a eq 'b').
		return &Unary{At: at, Op: "not", X: p.unary()}
	case p.sign("-"):
		p.advance()
		if p.tok.kind == numberToken && p.tok.at.Start == at.End() {
			t := p.tok
			p.advance()
			return &Literal{At: at.To(t.at), Kind: NumberLit, Text: "-" + t.text}
		}
		if p.depth++; p.depth > MaxDepth {
			p.fail(p.tok.at, "The expression is nested more than %d deep.", MaxDepth)
		}
		defer func() { p.depth-- }()
		return &Unary{At: at, Op: "-", X: p.unary()}
	case p.sign("("):
		p.advance()
		e := p.expression(0)
		p.expect(")")
		return e
	}
	return p.primary()
}

var literalOf = map[tokenKind]LiteralKind{
	stringToken: StringLit, numberToken: NumberLit, guidToken: GuidLit, dateToken: DateLit, dateTimeToken: DateTimeLit, durationToken: DurationLit,
}

func (p *parser) primary() Expr {
	t := p.tok
	if kind, ok := literalOf[t.kind]; ok {
		p.advance()
		l := &Literal{At: t.at, Kind: kind, Text: t.text}
		if t.kind == stringToken && t.quoted != "" {
			l.Kind, l.Type = EnumLit, t.quoted
		}
		return l
	}
	if t.kind != wordToken {
		p.unexpected("an expression")
		return &Literal{At: t.at}
	}
	p.advance()
	switch strings.ToLower(t.text) {
	case "null":
		return &Literal{At: t.at, Kind: NullLit, Text: "null"}
	case "true", "false":
		return &Literal{At: t.at, Kind: BoolLit, Text: strings.ToLower(t.text)}
	}
	if p.sign("(") {
		return p.call(t)
	}
	return p.path(t)
}

func (p *parser) call(name token) Expr {
	c := &Call{At: name.at, Name: name.text}
	p.advance()
	for p.bad == nil && !p.sign(")") {
		c.Args = append(c.Args, p.expression(0))
		if !p.sign(",") {
			break
		}
		p.advance()
	}
	c.At = name.at.To(p.expect(")"))
	return c
}

// path of names, which may end in a lambda or in $count.
func (p *parser) path(first token) Expr {
	e := &Path{At: first.at, Names: []string{first.text}, Spans: []fault.Span{first.at}}
	for p.bad == nil && p.sign("/") {
		p.advance()
		t := p.tok
		if p.sign("$") {
			p.advance()
			if !p.word("count") {
				p.unexpected("count")
				return e
			}
			at := e.At.To(p.tok.at)
			p.advance()
			return &Count{At: at, Of: e}
		}
		if t.kind != wordToken {
			p.unexpected("the name of a property")
			return e
		}
		p.advance()
		if word := strings.ToLower(t.text); (word == "any" || word == "all") && p.sign("(") {
			return p.lambda(e, word == "all")
		}
		e.Names = append(e.Names, t.text)
		e.Spans = append(e.Spans, t.at)
		e.At = e.At.To(t.at)
		p.node()
	}
	return e
}

func (p *parser) lambda(of *Path, all bool) Expr {
	l := &Lambda{At: of.At, Of: of, All: all}
	p.advance()
	if p.sign(")") && !all {
		l.At = of.At.To(p.tok.at)
		p.advance()
		return l
	}
	if p.tok.kind != wordToken || p.peek().kind != signToken || p.peek().text != ":" {
		p.unexpected("a variable and a colon, as in any(x: x eq 'y'),")
		return l
	}
	l.Var = p.tok.text
	p.advance()
	p.advance()
	l.Body = p.expression(0)
	l.At = of.At.To(p.expect(")"))
	return l
}
