package fn

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// SQLPattern writes a pattern as a literal for DuckDB's RE2. ok is false where
// the pattern is none, or where Go's regexp and RE2 might read it differently: a
// class by Unicode property, \C, case folding beyond ASCII, a repetition that the
// two limit differently.
func SQLPattern(pattern string) (string, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || !portable(re) || strings.Contains(pattern, `\p`) || strings.Contains(pattern, `\P`) || strings.Contains(pattern, `\C`) {
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
