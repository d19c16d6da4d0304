package record

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"sextant/fault"
)

// MaxDepth is how deep a record may be nested.
const MaxDepth = 1000

// maxRecord keeps offsets within 31 bits.
const maxRecord = 1 << 31

type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindObject
	kindArray
)

// token is one value, or one key, of a scanned text. Tokens stand in the order
// of the text: behind an object come its keys and values by turns, behind an
// array its elements.
type token struct {
	start, end uint32 // exact text: [start, end), quotes and brackets included
	next       uint32 // the first token behind this one and all inside it
	kind       kind
	flags      uint8
}

const (
	flagEscape uint8 = 1 << iota // a string with backslashes
	flagWide                     // a string with bytes above 0x7F
	flagReal                     // a number with a fraction or an exponent
)

// tape is the scanned form of one JSON text: every value with its exact place.
// It is made in one pass that also checks the text. A tape can be used again.
type tape struct {
	buf   []byte
	toks  []token
	stack []uint32
	bad   bool // some string is not UTF-8
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString finds the closing quote of the string that opens at b[i]. It gives
// the offset behind the quote, or a negative offset -1-at of the bad byte.
func scanString(b []byte, i int) (end int, flags uint8) {
	i++
	n := len(b)
	for {
		// Eight bytes at a time, as long as nothing in them needs a look.
		for i+8 <= n {
			x := binary.LittleEndian.Uint64(b[i:])
			q := x ^ (lows * '"')
			s := x ^ (lows * '\\')
			m := ((q-lows)&^q | (s-lows)&^s | (x-lows*0x20)&^x | x) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		for ; ; i++ {
			if i >= n {
				return -1 - n, 0
			}
			c := b[i]
			if c == '"' {
				return i + 1, flags
			}
			if c == '\\' {
				flags |= flagEscape
				i++
				if i >= n {
					return -1 - n, 0
				}
				switch b[i] {
				case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				case 'u':
					if i+4 >= n {
						return -1 - n, 0
					}
					for k := 1; k <= 4; k++ {
						if hexDigit(b[i+k]) > 15 {
							return -1 - (i + k), 0
						}
					}
					i += 4
				default:
					return -1 - i, 0
				}
				i++
				break
			}
			if c < 0x20 {
				return -1 - i, 0
			}
			if c >= utf8.RuneSelf {
				flags |= flagWide
				for i < n && b[i] >= utf8.RuneSelf {
					i++
				}
				break
			}
		}
	}
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// scan reads one JSON text that fills b but for white space.
func (t *tape) scan(b []byte) error {
	end, err := t.scanPrefix(b)
	if err != nil {
		return err
	}
	for ; end < len(b); end++ {
		if !isSpace(b[end]) {
			return syntaxError(b, end, "nothing should stand behind the end of the record")
		}
	}
	return nil
}

// scanPrefix reads the JSON text at the start of b and gives the offset behind it.
func (t *tape) scanPrefix(b []byte) (int, error) {
	t.buf, t.toks, t.stack, t.bad = b, t.toks[:0], t.stack[:0], false
	n := len(b)
	if n >= maxRecord {
		return 0, fault.New(fault.Invalid, "a record of %d bytes is too large; the limit is %d", n, maxRecord-1)
	}
	toks := t.toks
	var (
		i, end   int
		flags    uint8
		c        byte
		inObject bool
		top      uint32
	)

value:
	for i < n && isSpace(b[i]) {
		i++
	}
	if i >= n {
		return 0, t.cut(b, toks)
	}
	c = b[i]
	switch c {
	case '"':
		end, flags = scanString(b, i)
		if end < 0 {
			return 0, t.stringError(b, -1-end)
		}
		if flags&flagWide != 0 && !utf8.Valid(b[i+1:end-1]) {
			t.bad = true
		}
		toks = append(toks, token{uint32(i), uint32(end), uint32(len(toks) + 1), kindString, flags})
		i = end
	case '{', '[':
		if len(t.stack) >= MaxDepth {
			return 0, syntaxError(b, i, "the record is nested deeper than 1000 levels")
		}
		t.stack = append(t.stack, uint32(len(toks)))
		inObject = c == '{'
		k := kindArray
		if inObject {
			k = kindObject
		}
		toks = append(toks, token{start: uint32(i), kind: k})
		i++
		for i < n && isSpace(b[i]) {
			i++
		}
		if i >= n {
			return 0, t.cut(b, toks)
		}
		if inObject {
			if b[i] == '}' {
				goto shut
			}
			goto key
		}
		if b[i] == ']' {
			goto shut
		}
		goto value
	case 't':
		if i+4 > n || string(b[i:i+4]) != "true" {
			return 0, literalError(b, i, "true")
		}
		toks = append(toks, token{uint32(i), uint32(i + 4), uint32(len(toks) + 1), kindTrue, 0})
		i += 4
	case 'f':
		if i+5 > n || string(b[i:i+5]) != "false" {
			return 0, literalError(b, i, "false")
		}
		toks = append(toks, token{uint32(i), uint32(i + 5), uint32(len(toks) + 1), kindFalse, 0})
		i += 5
	case 'n':
		if i+4 > n || string(b[i:i+4]) != "null" {
			return 0, literalError(b, i, "null")
		}
		toks = append(toks, token{uint32(i), uint32(i + 4), uint32(len(toks) + 1), kindNull, 0})
		i += 4
	default:
		end, flags = scanNumber(b, i)
		if end < 0 {
			return 0, syntaxError(b, -1-end, "a value should stand here")
		}
		toks = append(toks, token{uint32(i), uint32(end), uint32(len(toks) + 1), kindNumber, flags})
		i = end
	}

after:
	if len(t.stack) == 0 {
		t.toks = toks
		return i, nil
	}
	for i < n && isSpace(b[i]) {
		i++
	}
	if i >= n {
		return 0, t.cut(b, toks)
	}
	if b[i] == ',' {
		i++
		if inObject {
			goto key
		}
		goto value
	}
	if inObject && b[i] != '}' {
		return 0, syntaxError(b, i, "a comma or the end of the object should stand here")
	}
	if !inObject && b[i] != ']' {
		return 0, syntaxError(b, i, "a comma or the end of the array should stand here")
	}

shut:
	i++
	top = t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	toks[top].end, toks[top].next = uint32(i), uint32(len(toks))
	if len(t.stack) > 0 {
		inObject = toks[t.stack[len(t.stack)-1]].kind == kindObject
	}
	goto after

key:
	for i < n && isSpace(b[i]) {
		i++
	}
	if i >= n {
		return 0, t.cut(b, toks)
	}
	if b[i] != '"' {
		return 0, syntaxError(b, i, "a key in double quotes should stand here")
	}
	end, flags = scanString(b, i)
	if end < 0 {
		return 0, t.stringError(b, -1-end)
	}
	if flags&flagWide != 0 && !utf8.Valid(b[i+1:end-1]) {
		t.bad = true
	}
	toks = append(toks, token{uint32(i), uint32(end), uint32(len(toks) + 1), kindString, flags})
	i = end
	for i < n && isSpace(b[i]) {
		i++
	}
	if i >= n {
		return 0, t.cut(b, toks)
	}
	if b[i] != ':' {
		return 0, syntaxError(b, i, "a colon should stand here")
	}
	i++
	goto value
}

// scanNumber gives the offset behind the number at b[i], or -1-at of a bad byte.
func scanNumber(b []byte, i int) (end int, flags uint8) {
	n := len(b)
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= n:
		return -1 - n, 0
	case b[i] == '0':
		i++
	case b[i] >= '1' && b[i] <= '9':
		for i < n && b[i]-'0' <= 9 {
			i++
		}
	default:
		return -1 - i, 0
	}
	if i < n && b[i] == '.' {
		flags = flagReal
		i++
		if i >= n || b[i]-'0' > 9 {
			return -1 - i, 0
		}
		for i < n && b[i]-'0' <= 9 {
			i++
		}
	}
	if i < n && (b[i] == 'e' || b[i] == 'E') {
		flags = flagReal
		i++
		if i < n && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i >= n || b[i]-'0' > 9 {
			return -1 - i, 0
		}
		for i < n && b[i]-'0' <= 9 {
			i++
		}
	}
	return i, flags
}

// ErrCut is in the chain of the error for a text that ends too early: more bytes
// might make it whole.
var ErrCut = fault.New(fault.Invalid, "the text ends before the record does")

// SyntaxError says where a text stops being JSON. It is fault.Invalid.
type SyntaxError struct {
	Offset int // in bytes from the start of the text
	Text   string
	cut    bool
}

func (e *SyntaxError) Error() string { return e.Text }

// Unwrap makes errors.Is(err, ErrCut) true for a text that ends too early.
func (e *SyntaxError) Unwrap() error {
	if e.cut {
		return ErrCut
	}
	return nil
}

func syntaxError(b []byte, at int, text string) error {
	return invalid(&SyntaxError{Offset: at, Text: text + found(b, at)}, at)
}

func invalid(e *SyntaxError, at int) error {
	return fault.New(fault.Invalid, "at byte %d: %w", at, e)
}

func (t *tape) cut(b []byte, toks []token) error {
	text := "the text ends before the record does"
	if len(toks) == 0 {
		text = "there is no record: the text is empty"
	}
	return invalid(&SyntaxError{Offset: len(b), Text: text, cut: true}, len(b))
}

func (t *tape) stringError(b []byte, at int) error {
	if at >= len(b) {
		return invalid(&SyntaxError{Offset: at, Text: "the text ends inside a string", cut: true}, at)
	}
	if b[at] < 0x20 {
		return syntaxError(b, at, "a control character in a string must be escaped")
	}
	return syntaxError(b, at, "an escape in a string is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX")
}

func literalError(b []byte, at int, want string) error {
	if rest := b[at:]; len(rest) < len(want) && want[:len(rest)] == string(rest) {
		return invalid(&SyntaxError{Offset: len(b), Text: "the text ends before the record does", cut: true}, len(b))
	}
	return syntaxError(b, at, "a value should stand here")
}

// found shows what stands at a place, for a message.
func found(b []byte, at int) string {
	if at >= len(b) {
		return ", not the end of the text"
	}
	r, size := utf8.DecodeRune(b[at:])
	if r == utf8.RuneError && size <= 1 {
		return ", not the byte 0x" + string("0123456789abcdef"[b[at]>>4]) + string("0123456789abcdef"[b[at]&15])
	}
	if r < 0x20 || r == 0x7F {
		return ", not the control character 0x" + string("0123456789abcdef"[b[at]>>4]) + string("0123456789abcdef"[b[at]&15])
	}
	return ", not '" + string(r) + "'"
}

// text of a token, exactly as it stands.
func (t *tape) text(i int) []byte { k := &t.toks[i]; return t.buf[k.start:k.end] }

// content of a string without its quotes; escapes are resolved, which allocates.
func (t *tape) content(i int) []byte {
	k := &t.toks[i]
	s := t.buf[k.start+1 : k.end-1]
	if k.flags&flagEscape != 0 {
		return unescape(s)
	}
	return s
}

// unescape resolves the escapes of a checked string. Half a surrogate pair
// becomes U+FFFD, as everywhere in Go.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		switch s[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(s[i+1:])
			i += 4
			if r >= 0xD800 && r < 0xDC00 && i+6 < len(s) && s[i+1] == '\\' && s[i+2] == 'u' {
				if low := hex4(s[i+3:]); low >= 0xDC00 && low < 0xE000 {
					r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
					i += 6
				}
			}
			out = utf8.AppendRune(out, r) // a surrogate alone becomes U+FFFD
		default:
			out = append(out, s[i])
		}
	}
	return out
}

func hex4(s []byte) rune {
	return rune(hexDigit(s[0]))<<12 | rune(hexDigit(s[1]))<<8 | rune(hexDigit(s[2]))<<4 | rune(hexDigit(s[3]))
}

// find a key of the object at token i; exact first, then whatever the case. The
// last of several equal keys counts. -1 where there is none.
func (t *tape) find(i int, key string) int {
	if t.toks[i].kind != kindObject {
		return -1
	}
	exact, folded := -1, -1
	for k := i + 1; k < int(t.toks[i].next); k = int(t.toks[k+1].next) {
		name := t.content(k)
		if len(name) != len(key) {
			continue
		}
		if string(name) == key {
			exact = k + 1
		} else if equalFold(name, key) {
			folded = k + 1
		}
	}
	if exact >= 0 {
		return exact
	}
	return folded
}

// equalFold compares ASCII letters whatever their case.
func equalFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if x, y := a[i], b[i]; x != y {
			x, y = x|0x20, y|0x20
			if x != y || x < 'a' || x > 'z' {
				return false
			}
		}
	}
	return true
}

// walk follows keys from token i; -1 where one is missing.
func (t *tape) walk(i int, keys []string) int {
	for _, k := range keys {
		if i = t.find(i, k); i < 0 {
			return -1
		}
	}
	return i
}
