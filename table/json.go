package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseJSON reads one JSON text into the parsed form of a dynamic. Integers that
// fit are int64, other numbers float64, and a number beyond those keeps its text.
// Key order is kept. Strings share the text's memory. What encoding/json refuses is
// refused; bytes that are no UTF-8 become U+FFFD, as there.
func ParseJSON(text string) (any, error) {
	p := jsonParser{s: text}
	p.blanks()
	val, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.blanks()
	if p.i < len(p.s) {
		return nil, p.unexpected()
	}
	return val, nil
}

type tooDeep struct{}

func (tooDeep) Error() string { return "JSON nests deeper than 1000 levels" }

type jsonParser struct {
	s string
	i int
}

func (p *jsonParser) blanks() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *jsonParser) unexpected() error {
	if p.i >= len(p.s) {
		return fmt.Errorf("JSON ends too early")
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return fmt.Errorf("JSON has %q where it cannot be, at byte %d", r, p.i)
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > MaxJSONDepth {
		return nil, tooDeep{}
	}
	if p.i >= len(p.s) {
		return nil, p.unexpected()
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.object(depth)
	case '[':
		return p.list(depth)
	case '"':
		return p.str()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return p.number()
		}
	}
	return nil, p.unexpected()
}

func (p *jsonParser) word(w string) error {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return p.unexpected()
	}
	p.i += len(w)
	return nil
}

func (p *jsonParser) object(depth int) (any, error) {
	o := &Object{}
	p.i++
	p.blanks()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return o, nil
	}
	o.keys, o.vals = make([]string, 0, 4), make([]any, 0, 4)
	for {
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return nil, p.unexpected()
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		p.blanks()
		if p.i >= len(p.s) || p.s[p.i] != ':' {
			return nil, p.unexpected()
		}
		p.i++
		p.blanks()
		val, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Set(key, val)
		more, err := p.next('}')
		if err != nil {
			return nil, err
		}
		if !more {
			return o, nil
		}
	}
}

func (p *jsonParser) list(depth int) (any, error) {
	list := []any{}
	p.i++
	p.blanks()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return list, nil
	}
	for {
		val, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, val)
		more, err := p.next(']')
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
	}
}

// next reads a comma (true) or the closing bracket.
func (p *jsonParser) next(end byte) (bool, error) {
	p.blanks()
	if p.i < len(p.s) {
		switch p.s[p.i] {
		case ',':
			p.i++
			p.blanks()
			return true, nil
		case end:
			p.i++
			return false, nil
		}
	}
	return false, p.unexpected()
}

func (p *jsonParser) number() (any, error) {
	start := p.i
	whole := true
	if p.s[p.i] == '-' {
		p.i++
	}
	first := p.i
	if p.digits() == 0 || p.s[first] == '0' && p.i-first > 1 {
		p.i = min(p.i, first+1)
		return nil, p.unexpected()
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		whole = false
		p.i++
		if p.digits() == 0 {
			return nil, p.unexpected()
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		whole = false
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			return nil, p.unexpected()
		}
	}
	text := p.s[start:p.i]
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && math.IsInf(f, 0) {
		return text, nil // beyond a real: the text is kept
	}
	return f, nil
}

func (p *jsonParser) digits() int {
	from := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - from
}

// str reads a string; without escapes it is a part of the text.
func (p *jsonParser) str() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			out := p.s[start:p.i]
			p.i++
			return out, nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.unexpected()
		case c < utf8.RuneSelf:
			p.i++
		default:
			r, n := utf8.DecodeRuneInString(p.s[p.i:])
			if r == utf8.RuneError && n == 1 {
				return p.escaped(start)
			}
			p.i += n
		}
	}
	return "", p.unexpected()
}

// escaped reads on from where a string needs memory of its own.
func (p *jsonParser) escaped(start int) (string, error) {
	b := make([]byte, 0, p.i-start+32)
	b = append(b, p.s[start:p.i]...)
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(b), nil
		case c == '\\':
			p.i++
			if p.i >= len(p.s) {
				return "", p.unexpected()
			}
			switch e := p.s[p.i]; e {
			case '"', '\\', '/':
				b = append(b, e)
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case 'n':
				b = append(b, '\n')
			case 'r':
				b = append(b, '\r')
			case 't':
				b = append(b, '\t')
			case 'u':
				r, ok := p.hex(p.i + 1)
				if !ok {
					return "", p.unexpected()
				}
				p.i += 4
				if utf16.IsSurrogate(r) {
					r2, ok := rune(0), false
					if strings.HasPrefix(p.s[p.i+1:], `\u`) {
						r2, ok = p.hex(p.i + 3)
					}
					if pair := utf16.DecodeRune(r, r2); ok && pair != utf8.RuneError {
						r = pair
						p.i += 6
					} else {
						r = utf8.RuneError
					}
				}
				b = utf8.AppendRune(b, r)
			default:
				return "", p.unexpected()
			}
			p.i++
		case c < 0x20:
			return "", p.unexpected()
		case c < utf8.RuneSelf:
			b = append(b, c)
			p.i++
		default:
			r, n := utf8.DecodeRuneInString(p.s[p.i:])
			b = utf8.AppendRune(b, r)
			p.i += n
		}
	}
	return "", p.unexpected()
}

func (p *jsonParser) hex(at int) (rune, bool) {
	if at+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[at:at+4], 16, 32)
	if err != nil || p.s[at] == '+' || p.s[at] == '-' || strings.IndexByte(p.s[at:at+4], '_') >= 0 {
		return 0, false
	}
	return rune(n), true
}
