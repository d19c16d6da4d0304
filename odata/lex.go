package odata

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"sextant/fault"
)

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // an identifier, with dots between its parts
	stringToken           // text is the value
	numberToken
	guidToken
	dateToken
	dateTimeToken
	durationToken
	signToken // ( ) , / : - $ = ;
	badToken
)

type token struct {
	kind tokenKind
	text string
	at   fault.Span
	// quoted is what stood before the quotes of a string: duration, or the type of an
	// enumeration.
	quoted string
}

var (
	guidForm     = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	dateTimeForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?(Z|z|[+-]\d{2}:\d{2})?`)
	dateForm     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)
	numberForm   = regexp.MustCompile(`^\d+(\.\d+)?([eE][+-]?\d+)?`)
	wordForm     = regexp.MustCompile(`^[\pL_@][\pL\pN_]*(\.[\pL_@][\pL\pN_]*)*`)
)

// lexer cuts one option into tokens.
type lexer struct {
	text string
	at   int
}

func isWordByte(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func (l *lexer) next() token {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	rest := l.text[start:]
	give := func(kind tokenKind, n int) token {
		l.at = start + n
		return token{kind: kind, text: rest[:n], at: fault.Span{Start: start, Length: n}}
	}
	if rest == "" {
		return give(endToken, 0)
	}
	// Only what is not part of a longer word counts as a GUID, a date or a number.
	whole := func(form *regexp.Regexp) int {
		n := len(form.FindString(rest))
		if n == len(rest) || n > 0 && !isWordByte(rest[n]) && rest[n] != '-' {
			return n
		}
		return 0
	}
	c := rest[0]
	switch {
	case c == '\'':
		return l.quoted(start, start, "")
	case strings.IndexByte("(),/:-$=;*", c) >= 0:
		return give(signToken, 1)
	}
	if n := whole(guidForm); n > 0 {
		return give(guidToken, n)
	}
	if c >= '0' && c <= '9' {
		if n := whole(dateTimeForm); n > 0 {
			return give(dateTimeToken, n)
		}
		if n := whole(dateForm); n > 0 {
			return give(dateToken, n)
		}
		if n := whole(numberForm); n > 0 {
			return give(numberToken, n)
		}
		// A suffix says the type: 5L, 1.5d, 2m.
		if n := len(numberForm.FindString(rest)); n > 0 && n < len(rest) && strings.IndexByte("lLdDmMfF", rest[n]) >= 0 && (n+1 == len(rest) || !isWordByte(rest[n+1])) {
			t := give(numberToken, n)
			l.at++
			return t
		}
		n := 0
		for n < len(rest) && (isWordByte(rest[n]) || rest[n] == '-' || rest[n] == ':') {
			n++
		}
		return give(badToken, n)
	}
	if n := len(wordForm.FindString(rest)); n > 0 {
		if n < len(rest) && rest[n] == '\'' {
			return l.quoted(start, start+n, rest[:n])
		}
		return give(wordToken, n)
	}
	_, n := utf8.DecodeRuneInString(rest)
	return give(badToken, n)
}

// quoted reads a string that opens at open; a quote inside is written twice.
func (l *lexer) quoted(start, open int, before string) token {
	var b strings.Builder
	for i := open + 1; i < len(l.text); i++ {
		if l.text[i] != '\'' {
			b.WriteByte(l.text[i])
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		l.at = i + 1
		t := token{kind: stringToken, text: b.String(), at: fault.Span{Start: start, Length: l.at - start}, quoted: before}
		switch strings.ToLower(before) {
		case "duration":
			t.kind = durationToken
		case "datetime", "datetimeoffset": // as OData 3 wrote them
			t.kind = dateTimeToken
		case "guid":
			t.kind = guidToken
		}
		return t
	}
	l.at = len(l.text)
	return token{kind: badToken, text: l.text[start:], at: fault.Span{Start: start, Length: len(l.text) - start}}
}
