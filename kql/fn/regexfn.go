package fn

import (
	"fmt"
	"regexp"
	"strings"

	"sextant/table"
)

// regexes is the table of functions of regular expressions. They are RE2's; a
// pattern from data that is none matches nothing.
func regexes() []Scalar {
	trim := func(name string, start, end bool, doc string) Scalar {
		return Scalar{Name: name, Sigs: sigs("regex:string, source:string -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			return str(trimmed(c, a[0].Str(), a[1].Str(), start, end))
		}, SQL: duck(trimSQL(start, end)), Doc: doc}
	}
	extractAll := Scalar{Name: "extract_all", Aliases: []string{"extractall"}, Sigs: sigs("regex:string, source:string -> dynamic", "regex:string, groups:array, source:string -> dynamic"),
		Eval: extractAll, Doc: "Array of all matches: of the one group, or an array of the groups for each; null where nothing matches."}
	return []Scalar{
		{Name: "extract", Sigs: []Sig{typedSig("regex:string, group:integer, source:string -> string"), typedSig("regex:string, group:integer, source:string, type:string! -> string")},
			Eval: extract, SQL: duck(extractSQL), Doc: "A group of the first match of a regex (0: the whole); empty, or of another type null, where nothing matches."},
		extractAll,
		{Name: "replace_regex", Sigs: sigs("source:string, regex:string, rewrite:string -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			return str(replaceRegex(c, a[0].Str(), a[1].Str(), a[2].Str()))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return replaceRegexSQL(args[0], info[0], info[1], info[2])
		}), Doc: "All matches of a regex replaced; \\1 stands for a group, \\0 for the match."},
		{Name: "replace", Sigs: sigs("regex:string, rewrite:string, source:string -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			return str(replaceRegex(c, a[2].Str(), a[0].Str(), a[1].Str()))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return replaceRegexSQL(args[2], info[2], info[0], info[1])
		}), Doc: "As replace_regex, in the old order of arguments."},
		{Name: "indexof_regex", Sigs: sigs("source:str, regex:str, start?:integer, length?:integer, occurrence?:integer! -> long"), Eval: indexOfRegex, Doc: "Place of a match of a regex, in code points; -1 where there is none."},
		{Name: "regex_quote", Sigs: sigs("value:str -> string"), Eval: func(_ *Context, a []table.Value) table.Value { return str(RegexQuote(a[0].Str())) }, Doc: "The text with all characters escaped that mean something in a regex."},
		trim("trim", true, true, "The text without a match of the regex at its start and at its end."),
		trim("trim_start", true, false, "The text without a match of the regex at its start."),
		trim("trim_end", false, true, "The text without a match of the regex at its end."),
	}
}

// typedSig is a signature whose last argument may be typeof(…): the constant name
// of the result's type.
func typedSig(text string) Sig {
	s := parseSig(text)
	if n := len(s.Params); s.Params[n-1].Name == "type" {
		s.ResultOf = func(args []Arg) table.Type {
			if c := args[len(args)-1].Const; c != nil {
				if t, ok := table.ParseType(c.Str()); ok {
					return t
				}
			}
			return table.Unknown
		}
	}
	return s
}

func trimmed(c *Context, pattern, s string, start, end bool) string {
	if start {
		if re := c.Regexp("^(?:" + pattern + ")"); re != nil {
			if m := re.FindStringIndex(s); m != nil {
				s = s[m[1]:]
			}
		}
	}
	if end {
		if re := c.Regexp("(?:" + pattern + ")$"); re != nil {
			if m := re.FindStringIndex(s); m != nil {
				s = s[:m[0]]
			}
		}
	}
	return s
}

func trimSQL(start, end bool) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if info[0].Const == nil || !allOf(info, table.String) {
			return "", false
		}
		if _, ok := SQLPattern(info[0].Const.Str()); !ok {
			return "", false
		}
		x := args[1]
		if start {
			p, ok := SQLPattern("^(?:" + info[0].Const.Str() + ")")
			if !ok {
				return "", false
			}
			x = "regexp_replace(" + x + ", " + p + ", '')"
		}
		if end {
			p, ok := SQLPattern("(?:" + info[0].Const.Str() + ")$")
			if !ok {
				return "", false
			}
			x = "regexp_replace(" + x + ", " + p + ", '')"
		}
		return x, true
	}
}

func extract(c *Context, a []table.Value) table.Value {
	re := c.Regexp(a[0].Str())
	group := a[1].Int64()
	text := ""
	if re != nil && group >= 0 && group <= int64(re.NumSubexp()) {
		if m := re.FindStringSubmatchIndex(a[2].Str()); m != nil && m[2*group] >= 0 {
			text = a[2].Str()[m[2*group]:m[2*group+1]]
		}
	}
	if len(a) > 3 {
		return as(text, a[3].Str())
	}
	return str(text)
}

// as converts a text to the type of a name.
func as(text, typ string) table.Value {
	t, ok := table.ParseType(typ)
	if !ok {
		return str(text)
	}
	if t == table.Dynamic {
		return ParseDynamic(text)
	}
	return Convert(str(text), t)
}

func extractSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if len(args) != 3 || info[0].Const == nil || info[1].Const == nil || info[1].Const.IsNull() || info[2].Type != table.String {
		return "", false
	}
	p, ok := SQLPattern(info[0].Const.Str())
	if !ok {
		return "", false
	}
	re := regexp.MustCompile(Pattern(info[0].Const.Str()))
	g := info[1].Const.Int64()
	if g < 0 || g > int64(re.NumSubexp()) || g > 9 {
		return "", false
	}
	return fmt.Sprintf("regexp_extract(%s, %s, %d)", args[2], p, g), true
}

func extractAll(c *Context, a []table.Value) table.Value {
	null := table.Null(table.Dynamic)
	re := c.Regexp(a[0].Str())
	if re == nil {
		return null
	}
	source := a[len(a)-1].Str()
	var groups []int
	if len(a) > 2 {
		list, ok := a[1].Dyn().([]any)
		if !ok {
			return null
		}
		for _, e := range list {
			g := -1
			switch x := e.(type) {
			case int64:
				g = int(x)
			case string:
				g = re.SubexpIndex(x)
			}
			if g < 0 || g > re.NumSubexp() {
				return null
			}
			groups = append(groups, g)
		}
	} else {
		for g := 1; g <= re.NumSubexp(); g++ {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return null
	}
	var out []any
	for _, m := range re.FindAllStringSubmatchIndex(source, -1) {
		at := func(g int) any {
			if m[2*g] < 0 {
				return ""
			}
			return source[m[2*g]:m[2*g+1]]
		}
		if len(groups) == 1 {
			out = append(out, at(groups[0]))
			continue
		}
		row := make([]any, len(groups))
		for i, g := range groups {
			row[i] = at(g)
		}
		out = append(out, row)
	}
	if out == nil {
		return null
	}
	return table.DynamicValue(out)
}

// goRewrite turns a rewrite of RE2 (\1) into one of Go (${1}). ok is false for a
// rewrite that RE2 refuses.
func goRewrite(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '$':
			b.WriteString("$$")
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(s):
			return "", false
		default:
			i++
			switch d := s[i]; {
			case d >= '0' && d <= '9':
				b.WriteString("${" + string(d) + "}")
			case d == '\\':
				b.WriteByte('\\')
			default:
				return "", false
			}
		}
	}
	return b.String(), true
}

func replaceRegex(c *Context, source, pattern, rewrite string) string {
	re := c.Regexp(pattern)
	to, ok := goRewrite(rewrite)
	if re == nil || !ok {
		return source
	}
	if int64(len(source)+1)*int64(len(to)+1) < 16<<20 {
		return re.ReplaceAllString(source, to)
	}
	var out []byte // counted as it grows
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(source, -1) {
		out = re.ExpandString(append(out, source[last:m[0]]...), to, source, m)
		last = m[1]
		c.room(int64(len(out)))
	}
	return string(append(out, source[last:]...))
}

func replaceRegexSQL(source string, sourceInfo, pattern, rewrite Arg) (string, bool) {
	if pattern.Const == nil || rewrite.Const == nil || sourceInfo.Type != table.String {
		return "", false
	}
	p, ok := SQLPattern(pattern.Const.Str())
	re := regexp.MustCompile(`\\[0-9]`)
	compiled, err := regexp.Compile(Pattern(pattern.Const.Str()))
	if !ok || err != nil || compiled.MatchString("") {
		return "", false // the two treat an empty match next to another one differently
	}
	if _, ok := goRewrite(rewrite.Const.Str()); !ok {
		return "", false
	}
	for _, g := range re.FindAllString(rewrite.Const.Str(), -1) {
		if int(g[1]-'0') > compiled.NumSubexp() {
			return "", false
		}
	}
	to, ok := QuoteString(DuckDB, rewrite.Const.Str())
	return "regexp_replace(" + source + ", " + p + ", " + to + ", 'g')", ok
}

func indexOfRegex(c *Context, a []table.Value) table.Value {
	re := c.Regexp(a[1].Str())
	if re == nil {
		return table.Null(table.Long)
	}
	return search(a, func(s string) (int, int) {
		m := re.FindStringIndex(s)
		switch {
		case m == nil:
			return -1, 0
		case m[1] == m[0]:
			return m[0], pastRune(s, m[0])
		}
		return m[0], m[1] // matches do not overlap
	})
}
