package fn

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode"
)

// Pattern turns a regular expression as Kusto reads it into one that RE2 and Go
// read alike: Kusto's \d, \s and \w (and their negations) are about all of
// Unicode, RE2's about ASCII.
func Pattern(kusto string) string {
	if strings.IndexByte(kusto, '\\') < 0 {
		return kusto
	}
	var b strings.Builder
	class, quoted := false, false
	for i := 0; i < len(kusto); i++ {
		c := kusto[i]
		switch {
		case quoted:
			b.WriteByte(c)
			if c == '\\' && i+1 < len(kusto) && kusto[i+1] == 'E' {
				b.WriteByte('E')
				i++
				quoted = false
			}
		case c == '\\' && i+1 < len(kusto):
			i++
			switch d := kusto[i]; d {
			case 'd', 's', 'w', 'D', 'S', 'W':
				in := perlClasses[d|0x20]
				negated := d < 'a'
				switch {
				case !class && negated:
					b.WriteString("[^" + in + "]")
				case !class:
					b.WriteString("[" + in + "]")
				case negated:
					b.WriteString(complements()[d|0x20])
				default:
					b.WriteString(in)
				}
			default:
				quoted = d == 'Q'
				b.WriteByte('\\')
				b.WriteByte(d)
			}
		case c == '[' && !class:
			class = true
			b.WriteByte(c)
			// a ] right behind [ or [^ is an ordinary character
			if strings.HasPrefix(kusto[i+1:], "^") {
				b.WriteByte('^')
				i++
			}
			if strings.HasPrefix(kusto[i+1:], "]") {
				b.WriteString("]")
				i++
			}
		case c == '[' && strings.HasPrefix(kusto[i:], "[:"): // [:alpha:] within a class
			end := strings.Index(kusto[i:], ":]")
			if end < 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteString(kusto[i : i+end+2])
			i += end + 1
		case c == ']' && class:
			class = false
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// perlClasses by the letter of their escape, for use within brackets.
var perlClasses = map[byte]string{
	'd': `\p{Nd}`,
	's': `\t\n\v\f\r\x{85}\p{Z}`,
	'w': `\p{L}\p{M}\p{N}\p{Pc}\x{200c}\x{200d}`,
}

// complements are the ranges outside each class, for use within brackets.
var complements = sync.OnceValue(func() map[byte]string {
	tables := map[byte][]*unicode.RangeTable{
		'd': {unicode.Nd},
		's': {unicode.Z, {R16: []unicode.Range16{{Lo: 9, Hi: 13, Stride: 1}, {Lo: 0x85, Hi: 0x85, Stride: 1}}}},
		'w': {unicode.L, unicode.M, unicode.N, unicode.Pc, {R16: []unicode.Range16{{Lo: 0x200c, Hi: 0x200d, Stride: 1}}}},
	}
	out := map[byte]string{}
	for k, ts := range tables {
		var b strings.Builder
		from := rune(-1)
		for r := rune(0); r <= unicode.MaxRune+1; r++ {
			in := r > unicode.MaxRune || unicode.In(r, ts...)
			switch {
			case !in && from < 0:
				from = r
			case in && from >= 0:
				fmt.Fprintf(&b, `\x{%x}-\x{%x}`, from, r-1)
				from = -1
			}
		}
		out[k] = b.String()
	}
	return out
})

// SQLPattern writes a pattern of Kusto's as a literal for DuckDB's RE2. ok is
// false where the pattern is none, or where Go's regexp and RE2 might read it
// differently: \C, case folding beyond ASCII, a long repetition.
func SQLPattern(kusto string) (string, bool) {
	pattern := Pattern(kusto)
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || !portable(re) || strings.Contains(kusto, `\p`) || strings.Contains(kusto, `\P`) || strings.Contains(kusto, `\C`) || len(pattern) > 4000 {
		return "", false
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return "", false
	}
	return QuoteString(DuckDB, pattern)
}

// portable walks a pattern for what only one of the two engines does alike.
func portable(re *syntax.Regexp) bool {
	if re.Flags&syntax.FoldCase != 0 && re.Op == syntax.OpLiteral {
		for _, r := range re.Rune {
			if r >= 0x80 {
				return false
			}
		}
	}
	if re.Op == syntax.OpRepeat && (re.Max > 100 || re.Min > 100) {
		return false // RE2 bounds the whole program's memory
	}
	for _, sub := range re.Sub {
		if !portable(sub) {
			return false
		}
	}
	return true
}
