package fn

import (
	"strings"
	"unicode/utf8"
	"unsafe"

	"sextant/table"
)

// textOperators is the table of the operators on text: =~, has, contains,
// startswith, endswith, their kin and negations, and matches regex.
//
// A term is a maximal run of letters and digits. x has y: y occurs in x and no
// letter or digit continues it where y begins or ends with one. The empty text is
// in every text.
func textOperators() []Scalar {
	pair := sigs("a:string, b:string -> bool")
	var out []Scalar
	both := func(name, negated string, fold bool, match textMatch, form func(text, part string, info Arg) (string, bool), doc string) {
		eval := func(not bool) func(*Context, []table.Value) table.Value {
			return func(_ *Context, a []table.Value) table.Value {
				text, part := a[0].Str(), a[1].Str()
				if fold {
					var buf [foldBuffer]byte
					text, part = lowerInto(&buf, text), Lower(part)
				}
				return table.BoolValue(match.holds(text, part) != not)
			}
		}
		sql := func(not bool, form func(text, part string, info Arg) (string, bool)) SQLForm {
			return func(args []string, info []Arg, _ table.Type) (string, bool) {
				if !allOf(info, table.String) {
					return "", false
				}
				text, part, arg := args[0], args[1], info[1]
				if fold {
					text = "lower(" + text + ")"
					if arg.Const == nil {
						part = "lower(" + part + ")"
					} else {
						low := table.StringValue(Lower(arg.Const.Str()))
						arg.Const = &low
						var ok bool
						if part, ok = QuoteString(DuckDB, low.Str()); !ok {
							return "", false
						}
					}
				}
				s, ok := form(text, part, arg)
				if not {
					s = "(NOT " + s + ")"
				}
				return s, ok
			}
		}
		yes := Scalar{Name: name, Sigs: pair, Eval: eval(false), SQL: duck(sql(false, form)), Doc: doc}
		no := Scalar{Name: negated, Sigs: pair, Eval: eval(true), SQL: duck(sql(true, form)), Doc: "The opposite of " + name + "."}
		if match == isTerm || match == isTermStart || match == isTermEnd {
			most := termMost(match != isTermEnd, match != isTermStart)
			yes.Most, no.Most = duck(sql(false, most)), duck(sql(true, most))
		}
		out = append(out, yes, no)
	}
	call := func(name string) func(string, string, Arg) (string, bool) {
		return func(text, part string, _ Arg) (string, bool) { return name + "(" + text + ", " + part + ")", true }
	}
	both("=~", "!~", true, isEqual, func(text, part string, _ Arg) (string, bool) { return "(" + text + " = " + part + ")", true }, "Equal texts, without case.")
	both("has", "!has", true, isTerm, termSQL(true, true), "The second text is in the first as a whole term, without case.")
	both("has_cs", "!has_cs", false, isTerm, termSQL(true, true), "The second text is in the first as a whole term.")
	both("hasprefix", "!hasprefix", true, isTermStart, termSQL(true, false), "A term of the first text begins with the second, without case.")
	both("hasprefix_cs", "!hasprefix_cs", false, isTermStart, termSQL(true, false), "A term of the first text begins with the second.")
	both("hassuffix", "!hassuffix", true, isTermEnd, termSQL(false, true), "A term of the first text ends with the second, without case.")
	both("hassuffix_cs", "!hassuffix_cs", false, isTermEnd, termSQL(false, true), "A term of the first text ends with the second.")
	both("contains", "!contains", true, isInside, call("contains"), "The second text is in the first, without case.")
	both("contains_cs", "!contains_cs", false, isInside, call("contains"), "The second text is in the first.")
	both("startswith", "!startswith", true, isStart, call("starts_with"), "The first text begins with the second, without case.")
	both("startswith_cs", "!startswith_cs", false, isStart, call("starts_with"), "The first text begins with the second.")
	both("endswith", "!endswith", true, isEnd, call("ends_with"), "The first text ends with the second, without case.")
	both("endswith_cs", "!endswith_cs", false, isEnd, call("ends_with"), "The first text ends with the second.")

	list := sigs("text:string, list*:text -> bool")
	return append(out,
		Scalar{Name: "has_any", Sigs: list, Nulls: Own, Eval: hasMany(true), SQL: duck(hasManySQL(true, termSQL(true, true))), Most: duck(hasManySQL(true, termMost(true, true))), Doc: "The text has one of the terms, or of the elements of a dynamic array, without case."},
		Scalar{Name: "has_all", Sigs: list, Nulls: Own, Eval: hasMany(false), SQL: duck(hasManySQL(false, termSQL(true, true))), Most: duck(hasManySQL(false, termMost(true, true))), Doc: "The text has all of the terms, or of the elements of a dynamic array, without case."},
		Scalar{Name: "matches regex", Sigs: pair, Eval: matchesRegex, SQL: duck(regexSQL), Doc: "The text matches an RE2 pattern somewhere; false where the pattern is none."},
	)
}

// textMatch is how one text can be in another. A function value for each would
// make every text escape to the heap.
type textMatch uint8

const (
	isEqual textMatch = iota
	isTerm
	isTermStart
	isTermEnd
	isInside
	isStart
	isEnd
)

func (m textMatch) holds(text, part string) bool {
	switch m {
	case isEqual:
		return text == part
	case isTerm:
		return hasTerm(text, part)
	case isTermStart:
		return termAt(text, part, true, false)
	case isTermEnd:
		return termAt(text, part, false, true)
	case isInside:
		return strings.Contains(text, part)
	case isStart:
		return strings.HasPrefix(text, part)
	}
	return strings.HasSuffix(text, part)
}

// Lower folds the case of a text. Every comparison without case uses it.
func Lower(s string) string { return table.Lower(s) }

const foldBuffer = 512

// lowerInto is Lower without a new text where ASCII fits the buffer: what it
// gives is good for as long as the buffer is not written again.
func lowerInto(buf *[foldBuffer]byte, s string) string {
	if len(s) > foldBuffer || s == "" {
		return Lower(s)
	}
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return Lower(s)
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return unsafe.String(&buf[0], len(s))
}

func isTermRune(r rune) bool { return table.IsTermRune(r) }

func hasTerm(text, part string) bool { return termAt(text, part, true, true) }

// HasTerm is the has operator (fold false: has_cs).
func HasTerm(text, part string, fold bool) bool {
	if fold {
		text, part = Lower(text), Lower(part)
	}
	return hasTerm(text, part)
}

// Terms of a text: the maximal runs of letters and digits.
func Terms(text string) []string { return table.Terms(text) }

// termAt says whether part occurs where it is not continued by a letter or digit
// before (start) and after (end).
func termAt(text, part string, start, end bool) bool {
	if part == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(part)
	last, _ := utf8.DecodeLastRuneInString(part)
	start = start && isTermRune(first)
	end = end && isTermRune(last)
	for from := 0; ; {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, n := utf8.DecodeRuneInString(text[i+len(part):])
		if (!start || i == 0 || !isTermRune(before)) && (!end || n == 0 || !isTermRune(after)) {
			return true
		}
		_, step := utf8.DecodeRuneInString(text[i:])
		from = i + step
	}
}

// eachText calls f with the texts of a list, dynamic arrays opened, until f says
// stop.
func eachText(list []table.Value, f func(string) bool) {
	for _, v := range list {
		if v.Type() == table.Dynamic {
			if elems, ok := v.Dyn().([]any); ok {
				for _, e := range elems {
					if !f(dynText(table.DynamicValue(e))) {
						return
					}
				}
				continue
			}
			if v.IsNull() {
				continue
			}
		}
		if !f(ToText(v)) {
			return
		}
	}
}

func hasMany(one bool) func(*Context, []table.Value) table.Value {
	return func(_ *Context, a []table.Value) table.Value {
		var buf [foldBuffer]byte
		text := lowerInto(&buf, ToText(a[0]))
		found := !one
		eachText(a[1:], func(part string) bool {
			found = hasTerm(text, Lower(part))
			return found != one
		})
		return table.BoolValue(found)
	}
}

func matchesRegex(c *Context, a []table.Value) table.Value {
	re := c.Regexp(a[1].Str())
	return table.BoolValue(re != nil && re.MatchString(a[0].Str()))
}

// termSQL looks for the text first, since a regular expression alone is slower, and
// then at its borders. Only a constant has a form. A border in ASCII decides nearly
// always: RE2 is some ten times slower with the letters of all scripts.
func termSQL(start, end bool) func(text, part string, info Arg) (string, bool) {
	return borderSQL(start, end, func(text string, pattern func(border string) string) (string, bool) {
		lit, ok := QuoteString(DuckDB, pattern(`[^\p{L}\p{N}]`))
		return "ELSE regexp_matches(" + text + ", " + lit + ")", ok
	})
}

// termMost is null for a text in which a character beyond ASCII may be the border. It
// saves a statement the letters of all scripts: to
// compile such a pattern takes milliseconds, in each thread.
func termMost(start, end bool) func(text, part string, info Arg) (string, bool) {
	return borderSQL(start, end, func(text string, pattern func(border string) string) (string, bool) {
		lit, ok := QuoteString(DuckDB, pattern(`[^0-9A-Za-z]`))
		return "WHEN NOT regexp_matches(" + text + ", " + lit + ") THEN FALSE", ok
	})
}

// borderSQL decides by borders in ASCII. rest is for texts that have the part and no
// such borders; pattern gives it the expression for borders of another kind, any of the
// ends of the text included.
func borderSQL(start, end bool, rest func(text string, pattern func(border string) string) (string, bool)) func(text, part string, info Arg) (string, bool) {
	return func(text, part string, info Arg) (string, bool) {
		if info.Const == nil {
			return "", false
		}
		p := info.Const.Str()
		if p == "" {
			return "TRUE", true
		}
		first, _ := utf8.DecodeRuneInString(p)
		last, _ := utf8.DecodeLastRuneInString(p)
		bordered := false
		pattern := func(border string) string {
			out := RegexQuote(p)
			if start && isTermRune(first) {
				out, bordered = "(?:^|"+border+")"+out, true
			}
			if end && isTermRune(last) {
				out, bordered = out+"(?:$|"+border+")", true
			}
			return out
		}
		quick, ok := QuoteString(DuckDB, pattern(`[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]`))
		contains := "contains(" + text + ", " + part + ")"
		if !bordered {
			return contains, true
		}
		other, fine := rest(text, pattern)
		return "CASE WHEN NOT " + contains + " THEN FALSE WHEN regexp_matches(" + text + ", " + quick + ") THEN TRUE " + other + " END", ok && fine
	}
}

// RegexQuote escapes a text for use inside a regular expression (RE2 in any
// engine).
func RegexQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hasManySQL(one bool, term func(text, part string, info Arg) (string, bool)) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if info[0].Type != table.String {
			return "", false
		}
		var values []table.Value
		for _, a := range info[1:] {
			if a.Const == nil {
				return "", false
			}
			values = append(values, *a.Const)
		}
		var parts []string
		ok := true
		eachText(values, func(part string) bool {
			low := Lower(part)
			lit, quoted := QuoteString(DuckDB, low)
			v := table.StringValue(low)
			s, form := term("lower("+args[0]+")", lit, Arg{Type: table.String, Const: &v})
			ok = quoted && form
			parts = append(parts, s)
			return ok
		})
		switch {
		case !ok:
			return "", false
		case len(parts) == 0 && one:
			return "FALSE", true
		case len(parts) == 0:
			return "TRUE", true
		case one:
			return "(" + strings.Join(parts, " OR ") + ")", true
		}
		return "(" + strings.Join(parts, " AND ") + ")", true
	}
}

// regexSQL has a form for a constant pattern that means the same to Go's RE2 and
// to the original.
func regexSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if !allOf(info, table.String) || info[1].Const == nil {
		return "", false
	}
	p, ok := SQLPattern(info[1].Const.Str())
	if !ok {
		return "", false
	}
	return "regexp_matches(" + args[0] + ", " + p + ")", true
}
