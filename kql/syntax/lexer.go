package syntax

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"sextant/fault"
)

// lexer cuts a text into tokens. It never fails: what is wrong becomes a
// diagnostic, and a token that lets the parser go on.
type lexer struct {
	src   string
	pos   int
	toks  []token
	diags fault.Diagnostics
	open  []int // indexes of the brackets not yet closed

	keep     bool // comments
	comments []comment
}

func isLetter(c byte) bool   { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
func isHex(c byte) bool      { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isBlank(r rune) bool {
	switch r {
	case '\t', ' ', '\r', '\n', '\f', 0xa0, 0x1680, 0x180e, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return r >= 0x2000 && r <= 0x200b
}

func (l *lexer) peek(ahead int) byte {
	if l.pos+ahead < len(l.src) {
		return l.src[l.pos+ahead]
	}
	return 0
}

// maxLexErrors bounds the memory that a text of nothing but errors takes.
const maxLexErrors = 1000

func (l *lexer) bad(start, end int, text string, notes ...string) {
	if len(l.diags) < maxLexErrors {
		l.diags = append(l.diags, fault.Diagnostic{Code: codeText, Span: fault.Span{Start: start, Length: end - start}, Text: text, Notes: notes})
	}
}

func (l *lexer) run() {
	for {
		from := l.pos
		l.skipBlanks()
		glued := l.pos == from
		n := len(l.toks)
		start := l.pos
		if start >= len(l.src) {
			l.toks = append(l.toks, token{kind: tEOF, start: int32(start), end: int32(start)})
			return
		}
		l.next()
		for i := n; i < len(l.toks); i++ {
			t := &l.toks[i]
			t.glued = glued
			if t.kind == tPunct {
				l.pair(i, t.text)
			}
		}
	}
}

// pair matches brackets. A closing bracket that does not fit the last open one
// is matched with an open one not far below, whose inner ones then stay open.
func (l *lexer) pair(i int, text string) {
	var want string
	switch text {
	case "(", "[", "{":
		l.open = append(l.open, i)
		l.toks[i].mate = -1
		return
	case ")":
		want = "("
	case "]":
		want = "["
	case "}":
		want = "{"
	default:
		return
	}
	for k := len(l.open) - 1; k >= 0 && k >= len(l.open)-8; k-- {
		if l.toks[l.open[k]].text == want {
			l.toks[l.open[k]].mate = int32(i)
			l.open = l.open[:k]
			return
		}
	}
}

func (l *lexer) skipBlanks() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f':
			l.pos++
		case c == '/' && l.peek(1) == '/', c == '#' && len(l.toks) == 0: // a comment; a client's directive
			start := l.pos
			if i := strings.IndexAny(l.src[l.pos:], "\n\r"); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
			if l.keep {
				behind := len(l.toks) > 0 && !strings.ContainsAny(l.src[l.toks[len(l.toks)-1].end:start], "\n\r")
				l.comments = append(l.comments, comment{start, strings.TrimRight(l.src[start:l.pos], " \t\f"), behind})
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.src[l.pos:])
			if !isBlank(r) {
				return
			}
			l.pos += n
		default:
			return
		}
	}
}

func (l *lexer) add(t token) {
	if t.text == "" {
		t.text = l.src[t.start:t.end]
	}
	l.toks = append(l.toks, t)
	l.pos = int(t.end)
}

func (l *lexer) next() {
	start := l.pos
	c := l.src[start]
	switch {
	case isLetter(c) || c == '_' || c == '$':
		l.word()
	case isDigit(c):
		l.number()
	case c == '"' || c == '\'':
		l.stringLit()
	case c == '@' && (l.peek(1) == '"' || l.peek(1) == '\''):
		l.stringLit()
	case c == '`' && strings.HasPrefix(l.src[start:], "```"), c == '~' && strings.HasPrefix(l.src[start:], "~~~"):
		l.stringLit()
	case c == '!':
		l.bang()
	default:
		if n := punct(c, l.peek(1)); n > 0 {
			l.add(token{kind: tPunct, start: int32(start), end: int32(start + n)})
			return
		}
		_, n := utf8.DecodeRuneInString(l.src[start:])
		end := start + n
		if c >= utf8.RuneSelf { // one message for a run of foreign text
			for end < len(l.src) && l.src[end] >= utf8.RuneSelf {
				r, n := utf8.DecodeRuneInString(l.src[end:])
				if isBlank(r) {
					break
				}
				end += n
			}
			note := "a name with such characters is written ['…'], a text '…'"
			if strings.ContainsAny(l.src[start:end], "“”‘’„«»") {
				note = "a text stands between straight quotes, '…' or \"…\""
			}
			l.bad(start, end, fmt.Sprintf("%s cannot stand here", show(l.src[start:end])), note)
		} else {
			l.bad(start, end, fmt.Sprintf("%s is no part of the language", show(l.src[start:end])))
		}
		l.add(token{kind: tBad, start: int32(start), end: int32(end)})
	}
}

// punct is the length of the punctuation that c begins, 0 for none.
func punct(c, d byte) int {
	switch c {
	case '(', ')', '[', ']', '{', '}', '|', '+', '-', '*', '/', '%', ':', ';', ',', '@', '?':
		return 1
	case '.':
		if d == '.' {
			return 2
		}
		return 1
	case '<':
		if d == '=' || d == '>' {
			return 2
		}
		return 1
	case '>':
		if d == '=' {
			return 2
		}
		return 1
	case '=':
		if d == '=' || d == '~' || d == '>' {
			return 2
		}
		return 1
	}
	return 0
}

func (l *lexer) bang() {
	start := l.pos
	if c := l.peek(1); c == '=' || c == '~' {
		l.add(token{kind: tPunct, start: int32(start), end: int32(start + 2)})
		return
	}
	end := start + 1
	for end < len(l.src) && isNameByte(l.src[end]) {
		end++
	}
	if end < len(l.src) && l.src[end] == '~' && l.src[start:end] == "!in" {
		end++
	}
	if w := l.src[start:end]; len(w) > 1 && classOf(w) == hard {
		l.add(token{kind: tWord, class: hard, start: int32(start), end: int32(end)})
		return
	}
	l.bad(start, start+1, "! stands alone", "not(x) negates; != !has !in !contains … are operators of one word")
	l.add(token{kind: tBad, start: int32(start), end: int32(start + 1)})
}

func (l *lexer) word() {
	start := l.pos
	if n := rawGuid(l.src[start:]); n > 0 {
		l.add(token{kind: tGuid, start: int32(start), end: int32(start + n)})
		return
	}
	end := start + 1
	for end < len(l.src) && isNameByte(l.src[end]) {
		end++
	}
	w := l.src[start:end]
	rest := l.src[end:]
	switch {
	case len(rest) > 0 && rest[0] == '-':
		if d := dashed(w, rest); d != "" {
			w, end = d, start+len(d)
		}
	case len(rest) > 0 && rest[0] == '~' && w == "in":
		w, end = "in~", end+1
	case len(rest) > 0 && rest[0] == '(':
		if kind, ok := typedLiteral(w); ok {
			l.typed(kind, end)
			return
		}
	case (w == "h" || w == "H") && len(rest) > 0 && startsString(rest):
		l.stringLit()
		return
	}
	switch w {
	case "true", "True", "TRUE", "false", "False", "FALSE":
		l.add(token{kind: tBool, start: int32(start), end: int32(end)})
		return
	}
	l.add(token{kind: tWord, class: classOf(w), start: int32(start), end: int32(end), text: w})
}

func startsString(s string) bool {
	if s[0] == '@' {
		s = s[1:]
		return s != "" && (s[0] == '"' || s[0] == '\'')
	}
	return s[0] == '"' || s[0] == '\'' || strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~")
}

// typed reads kind(text): everything up to the next closing parenthesis on the
// same line, which is the language's rule and not ours.
func (l *lexer) typed(kind LiteralKind, open int) {
	start := l.pos
	n := strings.IndexAny(l.src[open:], ")\r\n")
	if n < 0 {
		n = len(l.src) - open
	}
	val, end := strings.TrimSpace(l.src[open+1:open+n]), open+n
	if end < len(l.src) && l.src[end] == ')' {
		end++
	} else {
		l.bad(start, open+1, fmt.Sprintf("the literal %s…) is not closed on its line", l.src[start:open+1]),
			"a literal holds a constant; to convert a value use to"+l.src[start:open]+"(…)")
	}
	l.add(token{kind: tTyped, lit: kind, start: int32(start), end: int32(end), val: val})
}

func (l *lexer) number() {
	start := l.pos
	s := l.src[start:]
	k, n := tWord, 0
	if g := rawGuid(s); g > 0 {
		k, n = tGuid, g
	} else if r := realLen(s); r > 0 {
		k, n = tReal, r
	} else if r := spanLen(s); r > 0 {
		k, n = tSpan, r
	} else if r := longLen(s); r > 0 {
		k, n = tLong, r
	} else {
		for n < len(s) && isNameByte(s[n]) {
			n++
		}
	}
	t := token{kind: k, start: int32(start), end: int32(start + n)}
	if k == tWord {
		t.class = classOf(s[:n])
	}
	l.add(t)
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func ends(s string, n int) bool { return n >= len(s) || !isNameByte(s[n]) }

func longLen(s string) int {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && isHex(s[2]) {
		n := 3
		for n < len(s) && isHex(s[n]) {
			n++
		}
		if ends(s, n) {
			return n
		}
		return 0
	}
	if n := digits(s); n > 0 && ends(s, n) {
		return n
	}
	return 0
}

func realLen(s string) int {
	n := digits(s)
	exp := func() bool {
		if n < len(s) && s[n]|0x20 == 'e' {
			m := n + 1
			if m < len(s) && (s[m] == '+' || s[m] == '-') {
				m++
			}
			if d := digits(s[m:]); d > 0 {
				n = m + d
				return true
			}
		}
		return false
	}
	if n < len(s) && s[n] == '.' && !(n+1 < len(s) && s[n+1] == '.' && !(n+2 < len(s) && s[n+2] == '.')) {
		n++
		n += digits(s[n:])
		exp()
	} else if !exp() {
		return 0
	}
	if ends(s, n) {
		return n
	}
	return 0
}

func spanLen(s string) int {
	n := digits(s)
	if n < len(s) && s[n] == '.' {
		if d := digits(s[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	m := n
	for m < len(s) && isNameByte(s[m]) {
		m++
	}
	if m > n && spanSuffix(s[n:m]) {
		return m
	}
	return 0
}

func rawGuid(s string) int {
	if len(s) < 36 || s[8] != '-' {
		return 0
	}
	for i := range 36 {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return 0
			}
		default:
			if !isHex(s[i]) {
				return 0
			}
		}
	}
	return 36
}

// stringLit reads a string literal of any form and decodes it.
func (l *lexer) stringLit() {
	start := l.pos
	i := start
	t := token{kind: tString, start: int32(start)}
	if c := l.src[i]; c == 'h' || c == 'H' {
		t.hide = true
		i++
	}
	if s := l.src[i:]; strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~") {
		i += 3
		if n := strings.Index(l.src[i:], s[:3]); n >= 0 {
			t.val = l.src[i : i+n]
			i += n + 3
		} else {
			t.val = l.src[i:]
			l.unclosedString(start, i, s[:3])
			i = len(l.src)
		}
		t.end = int32(i)
		l.add(t)
		return
	}
	verbatim := l.src[i] == '@'
	if verbatim {
		i++
	}
	quote := l.src[i]
	i++
	body := i
	var b []byte // set once the text differs from what is written
	edited := false
	flush := func(upTo int) {
		b = append(b, l.src[body:upTo]...)
		edited = true
	}
	for {
		if i >= len(l.src) || l.src[i] == '\n' || l.src[i] == '\r' {
			l.unclosedString(start, body, string(quote))
			break
		}
		c := l.src[i]
		if c == quote {
			if verbatim && i+1 < len(l.src) && l.src[i+1] == quote {
				flush(i + 1)
				i += 2
				body = i
				continue
			}
			break
		}
		if c == '\\' && !verbatim {
			flush(i)
			var n int
			b, n = l.escape(b, i)
			i += n
			body = i
			continue
		}
		i++
	}
	if edited {
		t.val = string(append(b, l.src[body:i]...))
	} else {
		t.val = l.src[body:i]
	}
	if i < len(l.src) && l.src[i] == quote {
		i++
	}
	t.end = int32(i)
	l.add(t)
}

func (l *lexer) unclosedString(start, body int, quote string) {
	l.bad(start, body, fmt.Sprintf("the text that begins here has no closing %s", quote),
		"a text ends on its line; one of several lines stands between ``` and ```")
}

// escape appends what the escape sequence at i means and returns its length.
func (l *lexer) escape(b []byte, i int) ([]byte, int) {
	s := l.src[i+1:]
	if s == "" {
		return append(b, '\\'), 1
	}
	if k := strings.IndexByte(`\'"abfnrtv`, s[0]); k >= 0 {
		return append(b, "\\'\"\a\b\f\n\r\t\v"[k]), 2
	}
	hex := func(n int) (rune, bool) {
		if len(s) < 1+n {
			return 0, false
		}
		var r rune
		for _, c := range []byte(s[1 : 1+n]) {
			switch {
			case isDigit(c):
				r = r<<4 | rune(c-'0')
			case isHex(c):
				r = r<<4 | rune(c|0x20-'a'+10)
			default:
				return 0, false
			}
		}
		return r, true
	}
	switch s[0] {
	case 'u':
		if r, ok := hex(4); ok {
			if utf16.IsSurrogate(r) && len(s) >= 11 && s[5] == '\\' && s[6] == 'u' {
				keep := s
				s = s[6:]
				low, ok := hex(4)
				s = keep
				if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
					return utf8.AppendRune(b, full), 12
				}
			}
			return utf8.AppendRune(b, r), 6
		}
	case 'U':
		if r, ok := hex(8); ok {
			return utf8.AppendRune(b, r), 10
		}
	case 'x':
		if r, ok := hex(2); ok {
			return utf8.AppendRune(b, r), 4
		}
	default:
		n, r := 0, rune(0)
		for n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '7' && !(n == 2 && s[0] > '3') {
			r = r<<3 | rune(s[n]-'0')
			n++
		}
		if n > 0 {
			return utf8.AppendRune(b, r), 1 + n
		}
	}
	_, n := utf8.DecodeRuneInString(s)
	if s[0] == '\n' || s[0] == '\r' { // the end of the line is the greater mistake
		return append(b, '\\'), 1
	}
	l.bad(i, i+1+n, fmt.Sprintf("%s is no escape sequence", show(l.src[i:i+1+n])),
		`a backslash is written \\, or the text @'…' in which it is an ordinary character`)
	return append(b, l.src[i:i+1+n]...), 1 + n
}

// show quotes a piece of the user's text for a message, shortened.
func show(s string) string {
	if len(s) > 40 {
		cut := 40
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if strings.ContainsAny(s, "\n\r\t") || !utf8.ValidString(s) {
		return fmt.Sprintf("%q", s)
	}
	return "‘" + s + "’"
}
