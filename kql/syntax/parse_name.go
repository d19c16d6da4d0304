package syntax

import (
	"fmt"
	"strings"
)

// nameLen is the number of tokens of the name at the given distance, 0 for none.
// declared lets in the words that are names only where one is declared.
func (p *parser) nameLen(ahead int, declared bool) int {
	switch t := p.at(ahead); {
	case t.kind == tWord:
		if t.class <= soft || declared && t.class == extended {
			return 1
		}
	case t.isP("["):
		n := 1
		for p.at(ahead+n).kind == tString {
			n++
		}
		if n > 1 && p.at(ahead+n).isP("]") {
			return n + 1
		}
	case t.isP("{"):
		return p.placeholderLen(ahead)
	}
	return 0
}

// placeholderLen: {name}, {name[0]}, without blanks, as workbooks write a parameter.
func (p *parser) placeholderLen(ahead int) int {
	n := ahead + 1
	glued := func(ok bool) bool { n++; return ok && p.at(n-1).glued }
	if !glued(p.at(n).kind == tWord) {
		return 0
	}
	if p.at(n).isP("[") && p.at(n).glued {
		n++
		if p.at(n).isP("-") {
			n++
		}
		if !glued(p.at(n).kind == tLong) || !glued(p.at(n).isP("]")) {
			return 0
		}
	}
	if !glued(p.at(n).isP("}")) {
		return 0
	}
	return n - ahead
}

// name reads a name: a word, ['text'], {placeholder}.
func (p *parser) name(declared bool) (Ident, bool) {
	n := p.nameLen(0, declared)
	if n == 0 {
		return Ident{}, false
	}
	start := p.pos
	var text string
	switch {
	case p.cur().kind == tWord:
		text = p.cur().text
	case p.isP("["):
		for _, t := range p.toks[start+1 : start+n-1] {
			text += t.val
		}
	default:
		text = p.src[p.toks[start].start:p.toks[start+n-1].end]
		p.report(codePlaceholder, p.since(start).Span, fmt.Sprintf("%s is a placeholder that was not filled in", show(text)),
			"put the parameter's value in its place; a name with braces is written ['"+text+"']")
	}
	p.pos += n
	return Ident{Place: p.since(start), Name: text}, true
}

// needName reads a name where the language demands one.
func (p *parser) needName() Ident {
	if id, ok := p.name(false); ok {
		return id
	}
	start := p.pos
	if t := p.cur(); t.kind == tWord && !p.at(1).isP("(") {
		p.report(codeKeyword, t.span(), fmt.Sprintf("%s is a keyword", show(t.text)), fmt.Sprintf("as a name it is written ['%s']", t.text))
		p.next()
		return Ident{Place: p.since(start), Name: t.text}
	}
	p.unexpected("a name")
	return Ident{Place: p.since(start)}
}

// anyWord reads a word whatever its class.
func (p *parser) anyWord(what string) Ident {
	start := p.pos
	if p.cur().kind == tWord {
		t := p.next()
		return Ident{Place: p.since(start), Name: t.text}
	}
	p.unexpected(what)
	return Ident{Place: p.since(start)}
}

// wildcardLen: *, Sign*, *Logs, a*b*, without blanks in it.
func (p *parser) wildcardLen() int {
	n := 0
	switch t := p.cur(); {
	case t.isP("*"):
		n = 1
	case t.kind == tWord && t.class <= extended && p.at(1).isP("*") && p.at(1).glued:
		n = 2
	default:
		return 0
	}
	for {
		t := p.at(n)
		if t.glued && (t.isP("*") || t.kind == tLong || t.kind == tWord && t.class <= extended) {
			n++
			continue
		}
		return n
	}
}

// wildcard reads a pattern with stars, nil where none stands.
func (p *parser) wildcard() Expr {
	n := p.wildcardLen()
	if n == 0 {
		return nil
	}
	start := p.pos
	p.pos += n
	pl := p.since(start)
	if n == 1 {
		return &Star{pl}
	}
	return &Wildcard{Place: pl, Pattern: p.src[pl.Span.Start:pl.Span.End()]}
}

// column reads what project-away and its kin take: a name or a pattern.
func (p *parser) column() Expr {
	if x := p.wildcard(); x != nil {
		return x
	}
	if x := p.bracketWildcard(); x != nil {
		return x
	}
	return p.nameRef()
}

// bracketWildcard reads [Sign*].
func (p *parser) bracketWildcard() Expr {
	if !p.isP("[") {
		return nil
	}
	start := p.pos
	p.next()
	if p.wildcardLen() == 0 {
		p.pos = start
		return nil
	}
	x := p.wildcard()
	p.closing(start)
	w, ok := x.(*Wildcard)
	if !ok { // [*]
		w = &Wildcard{Pattern: "*"}
	}
	w.Boxed, w.Place = true, p.since(start)
	return w
}

func (p *parser) nameRef() Expr {
	if id, ok := p.name(false); ok {
		return &Name{Place: id.Place, Name: id.Name}
	}
	return nil
}

// entity reads a table where patterns are allowed: name, pattern, call, or a
// path that may end in a pattern, as in database("d").Sign*.
func (p *parser) entity() Expr {
	if x := p.wildcard(); x != nil {
		return x
	}
	if x := p.bracketWildcard(); x != nil {
		return x
	}
	start := p.pos
	var x Expr
	if p.startsCall() {
		x = p.call()
	} else {
		x = p.selector()
	}
	for n := 0; x != nil && p.acceptP(".") && p.link(n); n++ {
		sel := p.wildcard()
		if sel == nil {
			sel = p.pathStep()
		}
		x = &Path{Place: p.since(start), X: x, Sel: sel}
	}
	return x
}

// typeName reads a scalar type. With wide, the names that only typeof and find know count, too.
func (p *parser) typeName(wide bool) *TypeName {
	start := p.pos
	t := p.cur()
	if t.kind != tWord {
		p.unexpected("a type, such as string or long")
		return &TypeName{Place: p.since(start)}
	}
	p.next()
	if !isType(t.text, wide) {
		p.pos-- // the complaint is about this token
		note := "the types are bool, int, long, real, decimal, string, datetime, timespan, guid, dynamic"
		if near := nearest(t.text, typeWords); near != "" {
			note = fmt.Sprintf("did you mean %s?", near)
		}
		p.report(codeType, t.span(), fmt.Sprintf("%s is no type", show(t.text)), note)
		p.pos++
	}
	return &TypeName{Place: p.since(start), Name: t.text}
}

var typeWords = []string{"bool", "boolean", "int", "long", "real", "double", "decimal", "string", "datetime", "date", "timespan", "time", "guid", "dynamic"}

func isType(w string, wide bool) bool {
	switch w {
	case "bool", "boolean", "date", "datetime", "decimal", "double", "dynamic", "guid", "int", "int8", "int64", "long",
		"real", "string", "time", "timespan", "uniqueid":
		return true
	case "float", "int16", "int32", "uint", "uint8", "uint16", "uint32", "uint64", "ulong":
		return wide
	}
	return false
}

// columnDecl reads name:type.
func (p *parser) columnDecl() (*ColumnDecl, bool) {
	start := p.pos
	name, ok := p.name(true)
	if !ok {
		return nil, false
	}
	c := &ColumnDecl{Name: name}
	if p.expectP(":", " and a type") {
		c.Type = p.typeName(false)
	}
	c.Place = p.since(start)
	return c, true
}

// schema reads `(a:string, …)`; a comma may lead and may trail, a star may lead.
func (p *parser) schema() *Schema {
	open := p.pos
	s := &Schema{}
	if !p.expectP("(", " and columns, name:type") {
		s.Place = p.since(open)
		return s
	}
	p.acceptP(",")
	if p.acceptP("*") {
		s.Star = true
		p.acceptP(",")
	}
	s.Columns = list(p, "a column, name:type", false, true, p.columnDecl)
	p.closing(open)
	s.Place = p.since(open)
	return s
}

// startsParam says whether an option begins here and how many tokens its name has.
func (p *parser) startsParam(more []string) int {
	t := p.cur()
	if t.kind != tWord {
		return 0
	}
	if t.text == "hint" && p.at(1).isP(".") && p.at(2).kind == tWord {
		if p.at(3).isP("=") {
			return 3
		}
		return 0
	}
	if !p.at(1).isP("=") {
		return 0
	}
	switch t.text {
	case "__crossCluster", "__crossDB", "__id", "__isFuzzy", "__noWithSource", "__packedColumn", "__sourceColumnIndex",
		"bagexpansion", "bin_legacy", "cycles", "decodeblocks", "expandoutput", "force_remote", "isfuzzy", "kind",
		"with_itemindex", "with_match_id", "with_source", "with_step_name", "withsource":
		return 1
	}
	for _, m := range more {
		if t.text == m {
			return 1
		}
	}
	return 0
}

var hintWords = []string{"hint.concurrency", "hint.distribution", "hint.materialized", "hint.num_partitions",
	"hint.pass_filters", "hint.pass_filters_column", "hint.progressive_top", "hint.remote", "hint.shufflekey",
	"hint.spread", "hint.strategy"}

func known(w string, words []string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

// params reads the options of an operator; more are names that only it knows.
func (p *parser) params(more ...string) Params {
	var out Params
	for n := p.startsParam(more); n > 0; n = p.startsParam(more) {
		start := p.pos
		var name strings.Builder
		for range n {
			name.WriteString(p.next().text)
		}
		x := &Param{Name: Ident{Place: p.since(start), Name: name.String()}}
		if n == 3 && !known(x.Name.Name, hintWords) {
			p.report(codeUnexpected, x.Name.Span, fmt.Sprintf("there is no %s", show(x.Name.Name)),
				"the hints are "+strings.Join(hintWords, ", "))
		}
		p.next() // =
		x.Value = p.paramValue(x.Name.Name)
		x.Place = p.since(start)
		out = append(out, x)
	}
	return out
}

// oneParam reads one option, nil where none begins.
func (p *parser) oneParam(more ...string) *Param {
	if p.startsParam(more) == 0 {
		return nil
	}
	start := p.pos
	x := &Param{Name: p.anyWord("")}
	p.next()
	x.Value = p.paramValue(x.Name.Name)
	x.Place = p.since(start)
	return x
}

// propertyName: the next word is one of these; another word is complained about.
func (p *parser) propertyName(names []string) bool {
	t := p.cur()
	if t.isAny(names...) {
		return true
	}
	if t.kind == tWord && p.at(1).isP("=") {
		note := "the properties are " + strings.Join(names, ", ")
		if near := nearest(t.text, names); near != "" {
			note = fmt.Sprintf("did you mean %s?", near)
		}
		p.report(codeUnexpected, t.span(), fmt.Sprintf("there is no property %s", show(t.text)), note)
	}
	return false
}

// knownProperty reads name=value of a given set.
func (p *parser) knownProperty(names ...string) (*Param, bool) {
	if !p.propertyName(names) {
		return nil, false
	}
	start := p.pos
	x := &Param{Name: p.anyWord(""), Value: &BadExpr{}}
	if p.expectP("=", " and a value") {
		x.Value = p.paramValue(x.Name.Name)
	}
	x.Place = p.since(start)
	return x, true
}

// paramValue reads the value of the option of that name: a literal, a word, a name.
func (p *parser) paramValue(of string) Expr {
	if x := p.literal(); x != nil {
		return x
	}
	if x := p.nameRef(); x != nil {
		return x
	}
	if t := p.cur(); of == "kind" && t.isAny("simple", "relaxed", "nooptimization") {
		p.next()
		return &Name{Place: Place{t.span()}, Name: t.text}
	}
	p.unexpected("a value for " + of)
	return p.badExpr()
}

// properties reads `(name = value, …)`.
func (p *parser) properties() Params {
	open := p.pos
	if !p.expectP("(", " and properties, name=value") {
		return nil
	}
	p.acceptP(",")
	out := Params(list(p, "a property, name=value", false, false, p.property))
	p.closing(open)
	return out
}

func (p *parser) property() (*Param, bool) {
	start := p.pos
	name, ok := p.name(true)
	if !ok {
		return nil, false
	}
	x := &Param{Name: name}
	if p.expectP("=", " and a value") {
		if id, ok := p.name(true); ok {
			x.Value = &Name{Place: id.Place, Name: id.Name}
		} else {
			x.Value = p.paramValue(name.Name)
		}
	} else {
		x.Value = p.badExpr()
	}
	x.Place = p.since(start)
	return x, true
}
