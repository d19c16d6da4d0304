package syntax

import (
	"fmt"
	"strings"
)

// literal reads a constant, with a sign where one is glued to a number; nil where
// none stands. A {placeholder} counts as one.
func (p *parser) literal() Expr {
	t := p.cur()
	pl := Place{t.span()}
	switch t.kind {
	case tString:
		return p.stringLiteral()
	case tLong:
		p.next()
		return &Literal{Place: pl, Kind: LongLit, Text: t.text}
	case tReal:
		p.next()
		return &Literal{Place: pl, Kind: RealLit, Text: t.text}
	case tSpan:
		p.next()
		return &Literal{Place: pl, Kind: TimeSpanLit, Text: t.text}
	case tBool:
		p.next()
		return &Literal{Place: pl, Kind: BoolLit, Text: strings.ToLower(t.text)}
	case tTyped:
		p.next()
		text := strings.Join(strings.Fields(t.val), " ")
		null := strings.EqualFold(text, "null")
		if null {
			text = "null"
		}
		return &Literal{Place: pl, Kind: t.lit, Text: text, Null: null, Call: true}
	case tGuid:
		p.report(codeText, t.span(), "a GUID cannot stand bare", fmt.Sprintf("it is written guid(%s), or as a text '%s'", t.text, t.text))
		p.next()
		return &Literal{Place: pl, Kind: GuidLit, Text: t.text, Call: true}
	case tWord:
		switch t.text {
		case "dynamic":
			if p.at(1).isP("(") {
				return p.dynamic()
			}
		case "typeof":
			if p.at(1).isP("(") {
				return p.typeOf()
			}
		}
	case tPunct:
		switch t.text {
		case "-", "+":
			n := p.at(1)
			kind, ok := map[kind]LiteralKind{tLong: LongLit, tReal: RealLit, tSpan: TimeSpanLit}[n.kind]
			if ok && n.glued {
				start := p.pos
				p.pos += 2
				return &Literal{Place: p.since(start), Kind: kind, Text: t.text + n.text}
			}
		case "{":
			if p.placeholderLen(0) > 0 {
				return p.nameRef()
			}
		}
	}
	return nil
}

// stringLiteral joins adjacent texts.
func (p *parser) stringLiteral() Expr {
	start := p.pos
	first := p.next()
	x := &Literal{Kind: StringLit, Text: first.val, Hidden: first.hide}
	if p.cur().kind == tString {
		var b strings.Builder
		b.WriteString(x.Text)
		for p.cur().kind == tString {
			t := p.next()
			b.WriteString(t.val)
			x.Hidden = x.Hidden || t.hide
		}
		x.Text = b.String()
	}
	x.Place = p.since(start)
	return x
}

func (p *parser) dynamic() Expr {
	start := p.pos
	p.next()
	open := p.pos
	p.next()
	x := &Literal{Kind: DynamicLit, Call: true, JSON: p.jsonValue()}
	if x.JSON == nil {
		p.unexpected("a JSON value", "dynamic(…) holds a constant; to build a value use pack(…), pack_array(…) or parse_json(…)")
		x.JSON = p.badExpr()
	}
	p.closing(open)
	if n, ok := x.JSON.(*Literal); ok && n.Kind == NullLit {
		x.Null = true
	}
	x.Text = Print(x.JSON)
	x.Place = p.since(start)
	return x
}

// jsonValue reads JSON as dynamic(…) takes it: also texts in single quotes,
// datetime(…), 1d, guid(…), nested dynamic(…). nil where none begins.
func (p *parser) jsonValue() Expr {
	t := p.cur()
	start := p.pos
	switch t.kind {
	case tLong, tReal, tSpan, tBool, tTyped, tGuid, tString:
		return p.literal()
	case tWord:
		switch t.text {
		case "null":
			p.next()
			return &Literal{Place: Place{t.span()}, Kind: NullLit, Text: "null", Null: true}
		case "dynamic":
			if p.at(1).isP("(") && p.enter() {
				defer p.leave()
				return p.dynamic()
			}
		}
	case tPunct:
		switch t.text {
		case "-":
			n := p.at(1)
			if n.kind == tLong || n.kind == tReal {
				p.pos += 2
				kind := LongLit
				if n.kind == tReal {
					kind = RealLit
				}
				return &Literal{Place: p.since(start), Kind: kind, Text: "-" + n.text}
			}
		case "[":
			if !p.enter() {
				return nil
			}
			defer p.leave()
			p.next()
			a := &JSONArray{Items: list(p, "a JSON value", false, false, func() (Expr, bool) {
				x := p.jsonValue()
				return x, x != nil
			})}
			p.closing(start)
			a.Place = p.since(start)
			return a
		case "{":
			if p.placeholderLen(0) > 0 {
				return p.nameRef()
			}
			if !p.enter() {
				return nil
			}
			defer p.leave()
			p.next()
			o := &JSONObject{Pairs: list(p, "a property, \"name\": value", false, false, p.jsonPair)}
			p.closing(start)
			o.Place = p.since(start)
			return o
		}
	}
	return nil
}

func (p *parser) jsonPair() (*JSONPair, bool) {
	start := p.pos
	t := p.cur()
	if t.kind != tString {
		if t.kind == tWord && p.at(1).isP(":") {
			p.report(codeUnexpected, t.span(), fmt.Sprintf("expected a text as the property's name, found %s", show(t.text)),
				fmt.Sprintf(`it is written "%s": …`, t.text))
		}
		return nil, false
	}
	p.next()
	x := &JSONPair{Key: Ident{Place: Place{t.span()}, Name: t.val}}
	p.expectP(":", " and the value")
	if x.Value = p.jsonValue(); x.Value == nil {
		p.unexpected("a JSON value")
		x.Value = p.badExpr()
	}
	x.Place = p.since(start)
	return x, true
}

// typeOf reads typeof(long), typeof(a:string, …), typeof(*).
func (p *parser) typeOf() Expr {
	start := p.pos
	p.next()
	x := &TypeOf{}
	if p.at(1).kind == tWord && p.at(2).isP(")") {
		open := p.pos
		p.next()
		x.Type = p.typeName(true)
		p.closing(open)
	} else {
		x.Schema = p.schema()
	}
	x.Place = p.since(start)
	return x
}
