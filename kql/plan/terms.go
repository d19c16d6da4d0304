package plan

import (
	"slices"
	"strings"

	"sextant/table"
)

// Terms is a hint: a row that is wanted has all terms of one of the sets, in the
// sense of store.Terms.
type Terms struct{ Any [][]string }

const (
	// maxTermSets of one predicate, and maxTerms predicates, are worth looking up.
	maxTermSets = 100
	maxTerms    = 16
	// A term of fewer bytes is in every block of rows.
	minTerm = 3
)

// termHint tells a scan which words the rows must have that a filter lets through.
func termHint(s *Scan, e Expr) {
	sets, ok := termSource{s}.needs(e)
	if !ok || len(s.Terms) == maxTerms {
		return
	}
	t := Terms{Any: sets}
	for _, have := range s.Terms {
		if slices.EqualFunc(have.Any, t.Any, slices.Equal) {
			return
		}
	}
	s.Terms = append(s.Terms[:len(s.Terms):len(s.Terms)], t)
}

// textEnds says of an operator on texts whether its right side begins and ends
// with whole terms of the left one.
var textEnds = map[string]struct{ start, end bool }{
	"==": {true, true}, "=~": {true, true}, "has": {true, true}, "has_cs": {true, true},
	"in": {true, true}, "in~": {true, true}, "has_any": {true, true}, "has_all": {true, true},
	"hasprefix": {true, false}, "hasprefix_cs": {true, false}, "startswith": {true, false}, "startswith_cs": {true, false},
	"hassuffix": {false, true}, "hassuffix_cs": {false, true}, "endswith": {false, true}, "endswith_cs": {false, true},
	"contains": {false, false}, "contains_cs": {false, false},
}

// termSource is the scan whose columns a predicate reads.
type termSource struct{ s *Scan }

// needs are the sets of terms of which a row has one where e is true, none where
// it never is. False where nothing is known.
func (t termSource) needs(e Expr) (sets [][]string, ok bool) {
	if k, is := e.(*Const); is {
		return nil, k.Value.Type() == table.Bool && (k.Value.IsNull() || !k.Value.Bool())
	}
	c, is := e.(*Call)
	if !is || len(c.Args) < 2 {
		return nil, false
	}
	switch c.Fn.Name {
	case "or":
		for _, a := range c.Args {
			more, known := t.needs(a)
			if !known {
				return nil, false
			}
			for _, set := range more {
				if sets = addSet(sets, set); len(sets) > maxTermSets {
					return nil, false
				}
			}
		}
		return sets, true
	case "and":
		for _, a := range c.Args {
			more, known := t.needs(a)
			switch {
			case !known:
			case !ok:
				sets, ok = more, true
			case len(sets) == 1 && len(more) == 1:
				sets = [][]string{mergeTerms(sets[0], more[0])}
			case len(more) < len(sets):
				sets = more
			}
		}
		return sets, ok
	}
	ends, is := textEnds[c.Fn.Name]
	if !is {
		return nil, false
	}
	x, list := c.Args[0], c.Args[1:]
	if k, is := x.(*Const); is && (c.Fn.Name == "==" || c.Fn.Name == "=~") {
		x, list = c.Args[1], []Expr{k}
	}
	text, ok := t.text(x)
	if !ok {
		return nil, false
	}
	parts, ok := constTexts(list)
	if !ok {
		return nil, false
	}
	if c.Fn.Name == "has_all" {
		var all []string
		for _, p := range parts {
			set, possible := text.wanted(table.IndexTerms(p, true, true))
			if !possible {
				return nil, true
			}
			all = mergeTerms(all, set)
		}
		return [][]string{all}, len(all) > 0
	}
	for _, p := range parts {
		set, possible := text.wanted(table.IndexTerms(p, ends.start, ends.end))
		switch {
		case !possible:
			continue
		case len(set) == 0:
			return nil, false
		}
		if sets = addSet(sets, set); len(sets) > maxTermSets {
			return nil, false
		}
	}
	return sets, true
}

func addSet(sets [][]string, set []string) [][]string {
	if slices.ContainsFunc(sets, func(have []string) bool { return slices.Equal(have, set) }) {
		return sets
	}
	return append(sets, set)
}

func mergeTerms(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// constTexts are the texts of constants, arrays opened.
func constTexts(list []Expr) ([]string, bool) {
	var out []string
	for _, e := range list {
		k, ok := e.(*Const)
		if !ok {
			return nil, false
		}
		switch {
		case k.Value.Type() == table.String:
			out = append(out, k.Value.Str())
		case k.Value.Type() == table.Dynamic && !k.Value.IsNull():
			elems, ok := k.Value.Dyn().([]any)
			if !ok || len(elems) > maxTermSets {
				return nil, false
			}
			for _, d := range elems {
				t, ok := d.(string)
				if !ok {
					return nil, false
				}
				out = append(out, t)
			}
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}

// searchedText is the text of an expression: which terms it can have, and which
// of them its row has where it has them.
type searchedText struct {
	of   table.Type
	part bool // of JSON: numbers may be written anew
}

// text that an expression gives; false where its terms are not those of a column.
func (t termSource) text(e Expr) (searchedText, bool) {
	switch e := e.(type) {
	case *Col:
		return searchedText{of: e.T}, e.T == table.String && t.stored(e)
	case *Call:
		if len(e.Args) != 1 {
			return searchedText{}, false
		}
		switch e.Fn.Name {
		case "tolower":
			return t.text(e.Args[0])
		case "tostring":
			if c, ok := e.Args[0].(*Col); ok {
				return searchedText{of: c.T}, t.visible(c)
			}
			return searchedText{table.Dynamic, true}, t.json(e.Args[0])
		}
	}
	return searchedText{}, false
}

// json tells whether an expression is a part of a column's JSON.
func (t termSource) json(e Expr) bool {
	switch e := e.(type) {
	case *Member:
		return t.json(e.Of)
	case *Index:
		_, ok := e.I.(*Const)
		return ok && t.json(e.Of)
	case *Col:
		return e.T == table.Dynamic && t.visible(e)
	case *Call:
		if len(e.Args) == 1 && (e.Fn.Name == "parse_json" || e.Fn.Name == "todynamic") {
			c, ok := e.Args[0].(*Col)
			return ok && c.T == table.String && t.visible(c)
		}
	}
	return false
}

func (t termSource) visible(c *Col) bool {
	i := t.s.Def.Columns.Index(c.Name)
	return i >= 0 && t.s.Def.Columns[i].Type == c.T
}

// stored is true for visible columns and for texts promoted from them.
func (t termSource) stored(c *Col) bool {
	return t.visible(c) || slices.ContainsFunc(t.s.Def.Promoted, func(p table.Promoted) bool { return p.Name() == c.Name && p.Type == table.String })
}

// wanted are those of a text's terms that are worth asking for; false where a
// value of the type never has them all.
func (x searchedText) wanted(terms []string) (out []string, possible bool) {
	for _, w := range terms {
		number := table.NumberTerm(w)
		covered := true
		switch x.of {
		case table.String, table.Guid:
		case table.Dynamic:
			covered = !x.part || !number
		case table.Int, table.Long, table.Real:
			if !number {
				return nil, false
			}
		case table.Decimal:
			if covered = false; !number {
				return nil, false
			}
		case table.Bool:
			if covered = false; w != "true" && w != "false" {
				return nil, false
			}
		case table.DateTime: // 2026-01-02T03:04:05.1234567Z
			covered = false
			if digits := madeOf(w, "0123456789"); digits && len(w) > 4 || !digits && (len(w) > 8 || !madeOf(w, "0123456789tz")) {
				return nil, false
			}
		case table.TimeSpan: // 12345678.03:04:05.1234567
			covered = false
			if len(w) > 8 || !madeOf(w, "0123456789") {
				return nil, false
			}
		default:
			covered = false
		}
		if covered && len(w) >= minTerm {
			out = append(out, w)
		}
	}
	return out, true
}

func madeOf(s, chars string) bool {
	for i := range len(s) {
		if strings.IndexByte(chars, s[i]) < 0 {
			return false
		}
	}
	return true
}
