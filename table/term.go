package table

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A term is a maximal run of letters and digits: what the operator has looks for,
// and what an index of words is made of.

// IsTermRune says whether a rune is part of a term.
func IsTermRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// Lower folds the case of a text, rune by rune. Every comparison without case
// uses it, and DuckDB's lower() agrees with it on every rune. It neither makes a
// rune part of a term nor takes it out of one.
func Lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return strings.Map(unicode.ToLower, s)
		}
	}
	return s
}

// Terms of a text, in order.
func Terms(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !IsTermRune(r) })
}

// IndexTerms are what an index of terms knows of a text that occurs in a larger
// one: its terms without case, each once, and each run of four numbers with dots
// between them, as addresses have it, as one more. The larger text need not have
// the first or the last of them as a whole where the text is not known to begin
// (start) or end (end) with a whole term: these are left out.
func IndexTerms(text string, start, end bool) []string {
	text = Lower(text)
	var out []string
	var dotted []int // where the numbers begin that stand before, with dots between
	last := -1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !IsTermRune(r) {
			i += n
			continue
		}
		from, number := i, true
		for i < len(text) {
			if r, n = utf8.DecodeRuneInString(text[i:]); !IsTermRune(r) {
				break
			}
			number = number && r >= '0' && r <= '9'
			i += n
		}
		if from == 0 && !start || i == len(text) && !end {
			last = -1
			continue
		}
		out = append(out, text[from:i])
		if last < 0 || from != last+1 || text[last] != '.' {
			dotted = dotted[:0]
		}
		if last = -1; number {
			dotted, last = append(dotted, from), i
			if n := len(dotted); n >= 4 {
				out = append(out, text[dotted[n-4]:i])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// NumberTerm says whether a term (lower case) may be a part of the text of a
// number, in some way to write it. Four numbers with dots are not.
func NumberTerm(term string) bool {
	switch term {
	case "nan", "inf", "infinity":
		return true
	}
	for i := range len(term) {
		if c := term[i]; (c < '0' || c > '9') && c != 'e' {
			return false
		}
	}
	return true
}
