package fn

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sextant/table"
)

func str(s string) table.Value { return table.StringValue(s) }

// textBytes is what the texts of all arguments take, as far as that is known without
// making them.
func textBytes(a []table.Value) int64 {
	n := int64(0)
	for _, v := range a {
		if v.Type() == table.String {
			n += int64(len(v.Str()))
		}
	}
	return n
}

// stringsTable is the table of functions that take text apart and put it together.
func stringsTable() []Scalar {
	unary := func(f func(string) table.Value) func(*Context, []table.Value) table.Value {
		return func(_ *Context, a []table.Value) table.Value { return f(a[0].Str()) }
	}
	return []Scalar{
		{Name: "strcat", Sigs: sigs("arg*:str -> string"), Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value {
			var b strings.Builder
			c.room(textBytes(a))
			for _, v := range a {
				b.WriteString(ToText(v))
			}
			return str(b.String())
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return "(" + strings.Join(args, " || ") + ")", allOf(info, table.String)
		}), Doc: "The texts of all arguments, one after the other."},
		{Name: "strcat_delim", Sigs: sigs("delimiter:str, arg*:str -> string"), Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value {
			c.room(textBytes(a))
			parts := make([]string, len(a)-1)
			for i, v := range a[1:] {
				parts[i] = ToText(v)
			}
			return str(strings.Join(parts, ToText(a[0])))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return "concat_ws(" + strings.Join(args, ", ") + ")", allOf(info, table.String)
		}), Doc: "The texts of the arguments with a delimiter between them."},
		{Name: "tolower", Sigs: sigs("value:str -> string"), Eval: unary(func(s string) table.Value { return str(Lower(s)) }), SQL: duck(strict("lower(%s)", table.String)), Doc: "The text in lower case."},
		{Name: "toupper", Sigs: sigs("value:str -> string"), Eval: unary(func(s string) table.Value { return str(strings.Map(unicode.ToUpper, s)) }), SQL: duck(upperSQL), Doc: "The text in upper case."},
		{Name: "strlen", Sigs: sigs("value:text -> long"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			return table.LongValue(int64(utf8.RuneCountInString(ToText(a[0]))))
		}, SQL: duck(strict("length(%s)", table.String)), Doc: "Number of Unicode code points."},
		{Name: "string_size", Sigs: sigs("value:text -> long"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			return table.LongValue(int64(len(ToText(a[0]))))
		}, SQL: duck(strict("strlen(%s)", table.String)), Doc: "Number of bytes of the text in UTF-8."},
		{Name: "substring", Sigs: sigs("source:str, start:integer, length?:integer -> string"), Eval: substring, SQL: duck(substringSQL), Doc: "Part of the text from a code point (negative: from the end), of a length."},
		{Name: "indexof", Sigs: sigs("source:str, lookup:str, start?:integer, length?:integer, occurrence?:integer! -> long"), Eval: indexOf, SQL: duck(indexOfSQL), Doc: "Place of the occurrence of a text, in code points; -1 where there is none, null for the empty text."},
		{Name: "reverse", Sigs: sigs("value:str -> string"), Eval: unary(func(s string) table.Value {
			r := []rune(s)
			slices.Reverse(r)
			return str(string(r))
		}), Doc: "The text's code points in reverse order."},
		{Name: "replace_string", Sigs: sigs("text:string, lookup:string, rewrite:string -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			if a[1].Str() == "" {
				return a[0]
			}
			if more := len(a[2].Str()) - len(a[1].Str()); more > 0 {
				c.room(int64(len(a[0].Str())) / int64(len(a[1].Str())) * int64(len(a[2].Str())))
			}
			return str(strings.ReplaceAll(a[0].Str(), a[1].Str(), a[2].Str()))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			if info[1].Const == nil || info[1].Const.Str() == "" || !allOf(info, table.String) {
				return "", false
			}
			return "replace(" + strings.Join(args, ", ") + ")", true
		}), Doc: "All occurrences of a text replaced by another."},
		{Name: "replace_strings", Sigs: sigs("text:string, lookups:array, rewrites:array -> string"), Eval: replaceStrings, Doc: "All occurrences of several texts replaced, one pair after the other."},
		{Name: "split", Sigs: sigs("source:str, delimiter:string, index?:integer -> dynamic"), Eval: split, SQL: duck(splitSQL), Doc: "Array of the parts between delimiters, or of the one part at an index."},
		{Name: "strcat_array", Aliases: []string{"array_strcat"}, Sigs: sigs("array:array, delimiter:str -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			list, ok := a[0].Dyn().([]any)
			if !ok {
				return str("")
			}
			parts := make([]string, len(list))
			size := int64(len(list)) * int64(len(a[1].Str()))
			for i, e := range list {
				parts[i] = dynText(table.DynamicValue(e))
				size += int64(len(parts[i]))
			}
			c.room(size)
			return str(strings.Join(parts, a[1].Str()))
		}, Doc: "The texts of an array's elements with a delimiter between them."},
		{Name: "strrep", Sigs: sigs("value:str, multiplier:integer, delimiter?:str -> string"), Eval: func(c *Context, a []table.Value) table.Value {
			n := max(0, min(a[1].Int64(), 1024))
			delim := ""
			if len(a) > 2 {
				delim = a[2].Str()
			}
			c.room(n * int64(len(a[0].Str())+len(delim)))
			parts := make([]string, n)
			for i := range parts {
				parts[i] = a[0].Str()
			}
			return str(strings.Join(parts, delim))
		}, Doc: "The text repeated, at most 1024 times, with a delimiter between."},
		{Name: "strcmp", Sigs: sigs("a:str, b:str -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.LongValue(int64(strings.Compare(a[0].Str(), a[1].Str())))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return fmt.Sprintf("CAST(CASE WHEN %[1]s < %[2]s THEN -1 WHEN %[1]s > %[2]s THEN 1 ELSE 0 END AS BIGINT)", args[0], args[1]), allOf(info, table.String)
		}), Doc: "-1, 0 or 1 as the first text sorts before, with or after the second."},
		{Name: "countof", Sigs: sigs("source:string, search:string, kind?:string! -> long"), Eval: countOf, Doc: "Number of occurrences of a text (they may overlap), or of matches of a regex (they may not)."},
		{Name: "translate", Sigs: sigs("searchList:string, replacementList:string, source:string -> string"), Eval: translate, Doc: "The source with each code point of the search list replaced by the one at its place in the replacement list."},
		{Name: "isascii", Sigs: sigs("value:str -> bool"), Eval: unary(func(s string) table.Value {
			return table.BoolValue(strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0)
		}), Doc: "Whether the text is all ASCII."},
		{Name: "isutf8", Sigs: sigs("value:str -> bool"), Eval: unary(func(s string) table.Value { return table.BoolValue(utf8.ValidString(s)) }), Doc: "Whether the text is valid UTF-8."},
		{Name: "unicode_codepoints_from_string", Aliases: []string{"to_utf8"}, Sigs: sigs("value:str -> dynamic"), Eval: unary(func(s string) table.Value {
			list := []any{}
			for _, r := range s {
				list = append(list, int64(r))
			}
			return table.DynamicValue(list)
		}), Doc: "Array of the text's code points."},
		{Name: "unicode_codepoints_to_string", Aliases: []string{"make_string"}, Sigs: sigs("value*:integer|dynamic -> string"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			var b strings.Builder
			for _, v := range a {
				list, ok := dynOf(v).([]any)
				if !ok {
					list = []any{dynOf(v)}
				}
				for _, e := range list {
					if n := toLong(table.DynamicValue(e)); !n.IsNull() && n.Int64() >= 0 && n.Int64() <= unicode.MaxRune {
						b.WriteRune(rune(n.Int64()))
					}
				}
			}
			return str(b.String())
		}, Doc: "The text of code points."},
		{Name: "has_any_index", Sigs: sigs("source:string, values:array -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			text := Lower(a[0].Str())
			list, _ := a[1].Dyn().([]any)
			for i, e := range list {
				if hasTerm(text, Lower(dynText(table.DynamicValue(e)))) {
					return table.LongValue(int64(i))
				}
			}
			return table.LongValue(-1)
		}, Doc: "Index of the first element of an array that the text has as a term; -1 where there is none."},
	}
}

func upperSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	// DuckDB's upper() gives ß a capital letter that Kusto does not.
	return fmt.Sprintf("CASE WHEN contains(%[1]s, 'ß') THEN array_to_string(list_transform(string_split(%[1]s, 'ß'), lambda part: upper(part)), 'ß') ELSE upper(%[1]s) END", args[0]), allOf(info, table.String)
}

// runeOffset is the byte offset of the n-th code point, len(s) beyond the end.
func runeOffset(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func substring(_ *Context, a []table.Value) table.Value {
	s, start := a[0].Str(), a[1].Int64()
	if start < 0 {
		if start += int64(utf8.RuneCountInString(s)); start < 0 {
			return str("")
		}
	}
	s = s[runeOffset(s, start):]
	if len(a) > 2 {
		n := a[2].Int64()
		if n <= 0 {
			return str("")
		}
		s = s[:runeOffset(s, n)]
	}
	return str(s)
}

func substringSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if info[0].Type != table.String || info[1].Const == nil || info[1].Const.IsNull() || info[1].Const.Int64() < 0 || info[1].Const.Int64() > 1<<30 {
		return "", false
	}
	if len(args) == 2 {
		return fmt.Sprintf("substring(%s, %d)", args[0], info[1].Const.Int64()+1), true
	}
	if n := info[2].Const; n != nil && !n.IsNull() && n.Int64() >= 0 && n.Int64() <= 1<<30 {
		return fmt.Sprintf("substring(%s, %d, %d)", args[0], info[1].Const.Int64()+1, n.Int64()), true
	}
	return "", false
}

// search finds the nth of what find finds in the code points from start on, each
// time looking at length of them (negative: all). find gives where its text holds
// one and where to go on looking, in bytes, or -1.
func search(a []table.Value, find func(s string) (at, next int)) table.Value {
	s := a[0].Str()
	from, length, nth := int64(0), int64(-1), int64(1)
	if len(a) > 2 {
		if from = a[2].Int64(); from < 0 {
			from = max(0, from+int64(utf8.RuneCountInString(s)))
		}
	}
	if len(a) > 3 {
		length = a[3].Int64()
	}
	if len(a) > 4 {
		nth = a[4].Int64()
	}
	for start := runeOffset(s, from); nth > 0 && start <= len(s); nth-- {
		part := s[start:]
		if length >= 0 {
			part = part[:runeOffset(part, length)]
		}
		at, next := find(part)
		if at < 0 {
			break
		}
		if nth == 1 {
			return table.LongValue(int64(utf8.RuneCountInString(s[:start+at])))
		}
		start += next
	}
	return table.LongValue(-1)
}

// pastRune is the offset behind the code point at an offset.
func pastRune(s string, at int) int {
	_, n := utf8.DecodeRuneInString(s[at:])
	return at + max(n, 1)
}

func indexOf(_ *Context, a []table.Value) table.Value {
	lookup := a[1].Str()
	if lookup == "" {
		return table.Null(table.Long)
	}
	return search(a, func(s string) (int, int) {
		i := strings.Index(s, lookup)
		if i < 0 {
			return -1, 0
		}
		return i, pastRune(s, i)
	})
}

func indexOfSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if len(args) != 2 || !allOf(info, table.String) || info[1].Const == nil || info[1].Const.Str() == "" {
		return "", false
	}
	return "(instr(" + args[0] + ", " + args[1] + ") - 1)", true
}

// replaceStrings replaces pair after pair; what one has replaced no other touches.
func replaceStrings(c *Context, a []table.Value) table.Value {
	from, _ := dynList(a[1])
	to, _ := dynList(a[2])
	if len(from) != len(to) {
		return str("")
	}
	type piece struct {
		text string
		done bool
	}
	pieces, size := []piece{{a[0].Str(), false}}, int64(len(a[0].Str()))
	for i := range from {
		f, t := dynText(table.DynamicValue(from[i])), dynText(table.DynamicValue(to[i]))
		if f == "" {
			continue
		}
		var next []piece
		for _, p := range pieces {
			if p.done {
				next = append(next, p)
				continue
			}
			for k, part := range strings.Split(p.text, f) {
				if k > 0 {
					next = append(next, piece{t, true})
					size += int64(len(t))
					c.room(size)
				}
				next = append(next, piece{part, false})
			}
		}
		pieces = next
	}
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	return str(b.String())
}

func split(_ *Context, a []table.Value) table.Value {
	var parts []string
	if d := a[1].Str(); d == "" {
		parts = []string{a[0].Str()}
	} else {
		parts = strings.Split(a[0].Str(), d)
	}
	if len(a) > 2 {
		i := a[2].Int64()
		if i < 0 || i >= int64(len(parts)) {
			return table.Null(table.Dynamic)
		}
		return table.DynamicValue([]any{parts[i]})
	}
	list := make([]any, len(parts))
	for i, p := range parts {
		list[i] = p
	}
	return table.DynamicValue(list)
}

func splitSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if info[0].Type != table.String || info[1].Const == nil || info[1].Const.Str() == "" {
		return "", false
	}
	list := "string_split(" + args[0] + ", " + args[1] + ")"
	if len(args) == 2 {
		return "CAST(to_json(" + list + ") AS VARCHAR)", true
	}
	i := info[2].Const
	if i == nil || i.IsNull() || i.Int64() < 0 || i.Int64() > 1<<30 {
		return "", false
	}
	return fmt.Sprintf("CASE WHEN len(%[1]s) > %[2]d THEN CAST(to_json(list_slice(%[1]s, %[3]d, %[3]d)) AS VARCHAR) END", list, i.Int64(), i.Int64()+1), true
}

func countOf(c *Context, a []table.Value) table.Value {
	s, search := a[0].Str(), a[1].Str()
	if len(a) > 2 && a[2].Str() == "regex" {
		re := c.Regexp(search)
		if re == nil {
			return table.Null(table.Long)
		}
		return table.LongValue(int64(len(re.FindAllStringIndex(s, -1))))
	}
	n := int64(0)
	if search == "" {
		return table.LongValue(0)
	}
	for {
		i := strings.Index(s, search)
		if i < 0 {
			return table.LongValue(n)
		}
		n++
		_, step := utf8.DecodeRuneInString(s[i:])
		s = s[i+step:]
	}
}

func translate(_ *Context, a []table.Value) table.Value {
	from, to := []rune(a[0].Str()), []rune(a[1].Str())
	swap := map[rune]rune{}
	for i, r := range from {
		if _, has := swap[r]; has {
			continue
		}
		switch {
		case i < len(to):
			swap[r] = to[i]
		case len(to) > 0:
			swap[r] = to[len(to)-1]
		default:
			swap[r] = -1 // dropped
		}
	}
	return str(strings.Map(func(r rune) rune {
		if t, ok := swap[r]; ok {
			return t
		}
		return r
	}, a[2].Str()))
}
