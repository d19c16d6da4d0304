package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/table"
)

// Queries that nobody wrote: operators one behind the other, over columns of hostile
// values. However many of the operators run as SQL, the answer is that of Go alone.

// composer writes a query, and knows the columns at hand.
type composer struct {
	t     *rapid.T
	cols  table.Schema
	fresh *int
	depth int // of queries within queries
	calls map[table.Type][]called
}

// called is one signature of a function of the catalogue.
type called struct {
	name string
	sig  *fn.Sig
}

// callsOf a catalogue, by the type of what they give: those that give the same each
// time, and no more than they are given. A series may hold what is no number, which a
// dynamic of a table cannot (ADR 0033).
func callsOf(cat *fn.Catalogue) map[table.Type][]called {
	out := map[table.Type][]called{}
	for _, s := range cat.Scalars() {
		if s.Volatile || s.Row != fn.NotRow || s.Refused != "" || s.Name[0] < 'a' || s.Name[0] > 'z' || strings.HasPrefix(s.Name, "series_") || slices.Contains([]string{"and", "or", "not", "range", "repeat", "strrep", "gettype"}, s.Name) {
			continue
		}
		for i := range s.Sigs {
			if sig := &s.Sigs[i]; sig.ResultOf == nil {
				out[sig.Result] = append(out[sig.Result], called{s.Name, sig})
			}
		}
	}
	return out
}

// call of any function that gives the type; "" where there is none.
func (c *composer) call(t table.Type, deep int) string {
	if len(c.calls[t]) == 0 {
		return ""
	}
	f := rapid.SampledFrom(c.calls[t]).Draw(c.t, "function")
	n := len(f.sig.Params)
	for n > 0 && f.sig.Params[n-1].Optional && c.n(1) == 0 {
		n--
	}
	if f.sig.Variadic && n == len(f.sig.Params) {
		n += c.n(1)
	}
	args := make([]string, n)
	for i := range args {
		p := f.sig.Params[min(i, len(f.sig.Params)-1)]
		typ := c.typ()
		if len(p.Accepts) > 0 {
			typ = rapid.SampledFrom(p.Accepts).Draw(c.t, "accepts")
		}
		switch {
		case typ == table.Decimal:
			args[i] = c.literal(table.Long)
		case p.Const:
			args[i] = c.literal(typ)
		default:
			args[i] = c.scalar(typ, deep)
		}
	}
	return f.name + "(" + strings.Join(args, ", ") + ")"
}

func (c *composer) n(most int) int          { return rapid.IntRange(0, most).Draw(c.t, "n") }
func (c *composer) one(of ...string) string { return rapid.SampledFrom(of).Draw(c.t, "one") }
func (c *composer) name() string            { *c.fresh++; return fmt.Sprintf("x%d", *c.fresh) }
func (c *composer) typ() table.Type         { return rapid.SampledFrom(callTypes).Draw(c.t, "type") }

func (c *composer) column(t table.Type) string {
	var names []string
	for _, col := range c.cols {
		if col.Type == t {
			names = append(names, col.Name)
		}
	}
	if len(names) == 0 {
		return literalOf(rapid.SampledFrom(hostileCells(t)).Draw(c.t, "cell"))
	}
	return c.one(names...)
}

func (c *composer) literal(t table.Type) string {
	return literalOf(rapid.SampledFrom(hostileCells(t)).Draw(c.t, "cell"))
}

// scalar of a type, at most deep calls deep.
func (c *composer) scalar(t table.Type, deep int) string {
	if deep == 0 {
		if c.n(3) == 0 {
			return c.literal(t)
		}
		return c.column(t)
	}
	s := func(t table.Type) string { return c.scalar(t, c.n(deep-1)) }
	switch c.n(7) {
	case 0:
		return c.column(t)
	case 6, 7:
		if text := c.call(t, c.n(deep-1)); text != "" {
			return text
		}
	case 1:
		return "iff(" + c.condition(deep-1) + ", " + s(t) + ", " + s(t) + ")"
	case 2:
		if t != table.Dynamic {
			return "coalesce(" + s(t) + ", " + s(t) + ")"
		}
	case 3:
		return "case(" + c.condition(deep-1) + ", " + s(t) + ", " + c.condition(0) + ", " + s(t) + ", " + s(t) + ")"
	}
	switch t {
	case table.Bool:
		return "(" + c.condition(deep-1) + ")"
	case table.Int:
		return "toint(" + s(rapid.SampledFrom([]table.Type{table.Long, table.String, table.Bool, table.Dynamic}).Draw(c.t, "from")) + ")"
	case table.Long:
		switch c.n(6) {
		case 0:
			return "strlen(" + s(table.String) + ")"
		case 1:
			return "(" + s(table.Long) + c.one(" + ", " - ", " * ", " % ", " / ") + s(table.Int) + ")"
		case 2:
			return "tolong(" + s(table.Dynamic) + ")"
		case 3:
			return "array_length(" + s(table.Dynamic) + ")"
		case 4:
			return "datetime_part('" + c.one("Year", "Month", "Day", "Hour", "Second", "DayOfYear") + "', " + s(table.DateTime) + ")"
		case 5:
			return "bin(" + s(table.Long) + ", " + c.one("1", "7", "1000") + ")"
		}
		return "indexof(" + s(table.String) + ", " + s(table.String) + ")"
	case table.Real:
		switch c.n(3) {
		case 0:
			return "todouble(" + s(table.String) + ")"
		case 1:
			return "(" + s(table.Real) + c.one(" + ", " - ", " * ", " / ") + s(table.Long) + ")"
		case 2:
			return "round(" + s(table.Real) + ", " + c.one("0", "1", "2") + ")"
		}
		return "(" + s(table.TimeSpan) + " / " + c.one("1h", "1tick", "1d") + ")"
	case table.String:
		switch c.n(7) {
		case 0:
			return "strcat(" + s(table.String) + ", '|', " + s(c.typ()) + ")"
		case 1:
			return "tostring(" + s(c.typ()) + ")"
		case 2:
			return c.one("tolower", "toupper", "trim_start") + "(" + s(table.String) + ")"
		case 3:
			return "substring(" + s(table.String) + ", " + c.one("0", "1", "3", "-2") + ", " + c.one("1", "2", "100") + ")"
		case 4:
			return "extract(@'" + c.one(`(\w+)`, `^(.)`, `\d+`, `(a)|(b)`) + "', " + c.one("0", "1") + ", " + s(table.String) + ")"
		case 5:
			return "replace_string(" + s(table.String) + ", " + c.one("'a'", "' '", "'long'") + ", " + s(table.String) + ")"
		case 6:
			return "tostring(split(" + s(table.String) + ", " + c.one("','", "' '", "'.'") + ")[" + c.one("0", "1", "-1") + "])"
		}
		return "tostring(" + s(table.Dynamic) + "." + c.one("a", "b", "b.c", "a.b[1]") + ")"
	case table.DateTime:
		switch c.n(3) {
		case 0:
			return "todatetime(" + s(table.String) + ")"
		case 1:
			return "bin(" + s(table.DateTime) + ", " + c.one("1h", "1d", "7d") + ")"
		case 2:
			return c.one("startofday", "startofweek", "startofmonth", "endofyear") + "(" + s(table.DateTime) + ")"
		}
		return "(" + s(table.DateTime) + c.one(" + ", " - ") + c.one("1h", "1d", "1tick") + ")"
	case table.TimeSpan:
		switch c.n(2) {
		case 0:
			return "totimespan(" + s(table.String) + ")"
		case 1:
			return "(" + s(table.DateTime) + " - " + s(table.DateTime) + ")"
		}
		return "bin(" + s(table.TimeSpan) + ", " + c.one("1s", "1h") + ")"
	case table.Guid:
		return "toguid(" + s(table.String) + ")"
	}
	switch c.n(5) {
	case 0:
		return "todynamic(" + s(table.String) + ")"
	case 1:
		return "pack_array(" + s(table.Long) + ", " + s(table.String) + ")"
	case 2:
		return "bag_pack('k', " + s(table.String) + ", 'v', " + s(table.Long) + ")"
	case 3:
		return s(table.Dynamic) + "[" + c.one("0", "-1", "'a'", "'b'") + "]"
	case 4:
		return "split(" + s(table.String) + ", " + c.one("','", "' '") + ")"
	}
	return c.one("array_concat", "set_union", "set_intersect", "bag_merge") + "(" + s(table.Dynamic) + ", " + s(table.Dynamic) + ")"
}

func (c *composer) condition(deep int) string {
	s := func(t table.Type) string { return c.scalar(t, c.n(deep)) }
	switch c.n(9) {
	case 0:
		if deep > 0 {
			return "(" + c.condition(deep-1) + c.one(" and ", " or ") + c.condition(deep-1) + ")"
		}
	case 1:
		if deep > 0 {
			return "not(" + c.condition(deep-1) + ")"
		}
	case 2:
		t := c.typ()
		if t == table.Dynamic {
			t = table.String
		}
		return s(t) + c.one(" == ", " != ") + s(t)
	case 3:
		t := rapid.SampledFrom([]table.Type{table.Int, table.Long, table.Real, table.DateTime, table.TimeSpan}).Draw(c.t, "ordered")
		return s(t) + c.one(" < ", " <= ", " > ", " >= ") + s(t)
	case 4:
		return s(table.String) + c.one(" has ", " !has ", " contains ", " !contains ", " startswith ", " endswith ", " has_cs ", " contains_cs ", " =~ ", " !~ ", " hasprefix ", " hassuffix ") + s(table.String)
	case 5:
		return s(table.String) + c.one(" in ", " !in ", " in~ ", " has_any ", " has_all ") + "(" + c.literal(table.String) + ", " + c.literal(table.String) + ")"
	case 6:
		return c.one("isnull", "isnotnull", "isempty", "isnotempty") + "(" + s(c.typ()) + ")"
	case 7:
		t := rapid.SampledFrom([]table.Type{table.Long, table.Real, table.DateTime, table.TimeSpan}).Draw(c.t, "ordered")
		return s(t) + c.one(" between ", " !between ") + "(" + s(t) + " .. " + s(t) + ")"
	case 8:
		return s(table.String) + " matches regex @'" + c.one(`^\w+$`, `a.c`, `(?i)ABC`, `\d{2}`) + "'"
	}
	return c.scalar(table.Bool, 0)
}

func (c *composer) group(t table.Type) string {
	if t == table.Dynamic { // a group is of scalars
		return "tostring(" + c.scalar(t, 1) + ")"
	}
	return c.scalar(t, c.n(1))
}

// settled are types whose values have an order, as the elements of a set have none of
// their own.
func (c *composer) settled() table.Type {
	return rapid.SampledFrom([]table.Type{table.Int, table.Long, table.String, table.DateTime}).Draw(c.t, "settled")
}

func (c *composer) aggregate() (string, table.Type) {
	s := func(t table.Type) string { return c.scalar(t, c.n(1)) }
	switch c.n(11) {
	case 0:
		return "countif(" + c.condition(1) + ")", table.Long
	case 1:
		return "sum(" + s(table.Long) + ")", table.Long
	case 2:
		t := c.settled()
		return c.one("min", "max") + "(" + s(t) + ")", t
	case 3:
		return "dcount(" + c.group(c.typ()) + ")", table.Long
	case 4:
		return "array_sort_asc(make_set(" + s(c.settled()) + "))", table.Dynamic
	case 5:
		return "array_sort_asc(make_list(" + s(c.settled()) + "))", table.Dynamic
	case 6:
		return "avg(" + s(table.Int) + ")", table.Real
	case 7:
		return "percentile(" + s(table.Long) + ", " + c.one("0", "50", "95", "100") + ")", table.Long
	case 8:
		return "sumif(" + s(table.Int) + ", " + c.condition(1) + ")", table.Long
	case 9:
		return "count_distinct(" + c.group(c.typ()) + ")", table.Long
	case 10:
		return "array_sort_asc(make_set_if(" + s(table.String) + ", " + c.condition(1) + "))", table.Dynamic
	}
	return "count()", table.Long
}

// within is another query over the table, a few operators of it.
func (c *composer) within() (string, *composer) {
	in := &composer{t: c.t, cols: hostileColumns, fresh: c.fresh, depth: c.depth + 1, calls: c.calls}
	text := "H"
	for range c.n(2) {
		text += in.operator()
	}
	return text, in
}

// all columns as keys of an order without ties.
func (c *composer) order() string {
	var keys []string
	for _, col := range rapid.Permutation(c.cols).Draw(c.t, "keys") {
		key := col.Name
		if col.Type == table.Dynamic {
			key = "tostring(" + key + ")"
		}
		keys = append(keys, key+c.one(" asc", " desc", " asc nulls last", " desc nulls first"))
	}
	return strings.Join(keys, ", ")
}

func (c *composer) operator() string {
	if len(c.cols) == 0 || len(c.cols) > 60 {
		return ""
	}
	switch c.n(24) {
	case 0, 1, 2:
		return "\n| where " + c.condition(2)
	case 3, 4:
		t, name := c.typ(), c.name()
		text := c.scalar(t, 2)
		c.cols = append(c.cols[:len(c.cols):len(c.cols)], table.Column{Name: name, Type: t})
		return "\n| extend " + name + " = " + text
	case 5:
		var out table.Schema
		var parts []string
		for range 1 + c.n(3) {
			t, name := c.typ(), c.name()
			parts = append(parts, name+" = "+c.scalar(t, 2))
			out = append(out, table.Column{Name: name, Type: t})
		}
		c.cols = out
		return "\n| project " + strings.Join(parts, ", ")
	case 6, 7:
		var out table.Schema
		var aggs, keys []string
		for range c.n(2) {
			t, name := c.typ(), c.name()
			keys = append(keys, name+" = "+c.group(t))
			if t == table.Dynamic {
				t = table.String
			}
			out = append(out, table.Column{Name: name, Type: t})
		}
		for range 1 + c.n(2) {
			text, t := c.aggregate()
			name := c.name()
			aggs = append(aggs, name+" = "+text)
			out = append(out, table.Column{Name: name, Type: t})
		}
		c.cols = out
		text := "\n| summarize " + strings.Join(aggs, ", ")
		if len(keys) > 0 {
			text += " by " + strings.Join(keys, ", ")
		}
		return text
	case 8:
		t := c.typ()
		if t == table.Dynamic {
			t = table.String
		}
		name := c.name()
		text := "\n| extend " + name + " = " + c.scalar(t, 1) + " | distinct " + name
		c.cols = table.Schema{{Name: name, Type: t}}
		return text
	case 9:
		return "\n| sort by " + c.order() + " | take " + c.one("0", "1", "5", "20")
	case 10:
		if c.depth > 1 || len(c.cols) > 30 {
			return ""
		}
		t := rapid.SampledFrom([]table.Type{table.Bool, table.Int, table.Long, table.String, table.DateTime, table.Guid}).Draw(c.t, "key")
		right, in := c.within()
		key, other := c.name(), c.name()
		kind := c.one("inner", "leftouter", "rightouter", "fullouter", "leftanti", "rightanti", "leftsemi", "rightsemi")
		text := "\n| extend " + key + " = " + c.scalar(t, 1)
		right += " | extend " + key + " = " + in.scalar(t, 1) + " | project " + key + ", " + other + " = " + in.scalar(table.String, 1)
		c.cols = append(c.cols[:len(c.cols):len(c.cols)], table.Column{Name: key, Type: t})
		side := table.Schema{{Name: key, Type: t}, {Name: other, Type: table.String}}
		switch kind {
		case "rightanti", "rightsemi":
			c.cols = side
		case "leftanti", "leftsemi":
		default:
			c.cols = append(c.cols, table.Column{Name: key + "1", Type: t}, side[1])
		}
		return text + " | join kind=" + kind + " (" + right + ") on " + key
	case 11:
		if c.depth > 1 {
			return ""
		}
		other, in := c.within()
		c.cols = append(c.cols[:len(c.cols):len(c.cols)], missing(c.cols, in.cols)...)
		return "\n| union (" + other + ")"
	case 12:
		name := c.name()
		text := "\n| extend " + name + " = " + c.scalar(table.Dynamic, 1) + " | mv-expand " + name
		typ := table.Dynamic
		if c.n(1) == 0 {
			typ = rapid.SampledFrom([]table.Type{table.String, table.Long}).Draw(c.t, "to")
			text += " to typeof(" + typ.String() + ")"
		}
		c.cols = append(c.cols[:len(c.cols):len(c.cols)], table.Column{Name: name, Type: typ})
		return text
	case 13:
		name := c.name()
		text, t := c.overRows()
		text = "\n| sort by " + c.order() + " | extend " + name + " = " + text
		c.add(name, t)
		return text
	case 14:
		if c.depth > 1 {
			return ""
		}
		sub, in := c.within()
		t := rapid.SampledFrom([]table.Type{table.Long, table.String, table.DateTime}).Draw(c.t, "type")
		if c.n(1) == 0 {
			return "\n| where " + c.scalar(t, 1) + c.one(" in (", " !in (") + sub + " | project " + in.scalar(t, 1) + ")"
		}
		return "\n| where " + c.scalar(table.Long, 1) + " <= toscalar(" + sub + " | summarize " + c.one("min", "max") + "(" + in.scalar(table.Long, 1) + "))"
	case 15:
		return c.parse()
	case 16:
		return c.apply()
	case 17:
		if c.depth > 1 {
			return ""
		}
		return c.lookup()
	case 18:
		return c.latest()
	case 19:
		return c.series()
	case 20:
		at := c.n(len(c.cols) - 1)
		if len(c.cols) == 1 {
			return ""
		}
		name := c.cols[at].Name
		c.cols = slices.Delete(slices.Clone(c.cols), at, at+1)
		return "\n| project-away " + name
	case 21:
		at, name := c.n(len(c.cols)-1), c.name()
		old := c.cols[at].Name
		c.cols = slices.Clone(c.cols)
		c.cols[at].Name = name
		return "\n| project-rename " + name + " = " + old
	case 22:
		return "\n| top " + c.one("1", "3", "10") + " by " + c.order()
	case 23:
		t := rapid.SampledFrom([]table.Type{table.Bool, table.Int, table.String}).Draw(c.t, "key")
		key := c.column(t)
		if c.cols.Index(key) < 0 || c.depth > 1 {
			return ""
		}
		in := &composer{t: c.t, cols: c.cols, fresh: c.fresh, depth: c.depth + 2, calls: c.calls}
		text := ""
		for text == "" {
			text = in.operator()
		}
		c.cols = in.cols
		return "\n| partition by " + key + " (" + strings.TrimPrefix(text, "\n| ") + ")"
	}
	c.cols = table.Schema{{Name: "Count", Type: table.Long}}
	return "\n| count"
}

func (c *composer) add(name string, t table.Type) {
	c.cols = append(c.cols[:len(c.cols):len(c.cols)], table.Column{Name: name, Type: t})
}

func (c *composer) parse() string {
	text, a, b := c.scalar(table.String, 1), c.name(), c.name()
	t := rapid.SampledFrom([]table.Type{table.String, table.Long, table.DateTime}).Draw(c.t, "type")
	c.add(a, table.String)
	c.add(b, t)
	between := c.one("'.'", "','", "' '", "':'", "'a'")
	kind := c.one("", "kind=simple ", "kind=relaxed ")
	return "\n| " + c.one("parse ", "parse-where ") + kind + text + " with * " + a + ":string " + between + " " + b + ":" + t.String() + c.one("", " *")
}

// overRows is a call of a function over rows.
func (c *composer) overRows() (string, table.Type) {
	t := rapid.SampledFrom([]table.Type{table.Long, table.String}).Draw(c.t, "type")
	switch c.n(6) {
	case 0:
		return "row_number()", table.Long
	case 1:
		return "row_number(7, " + c.condition(0) + ")", table.Long
	case 2:
		return "row_cumsum(" + c.column(table.Int) + ", " + c.condition(0) + ")", table.Int
	case 3:
		return c.one("row_rank_dense", "row_rank_min") + "(" + c.column(t) + ")", table.Long
	case 4:
		return c.one("prev", "next") + "(" + c.column(t) + ", " + c.one("0", "1", "2") + ", " + c.literal(t) + ")", t
	}
	return c.one("prev", "next") + "(" + c.column(t) + ")", t
}

// applyMany is mv-apply of a whole query: operators that look at the elements of a row
// together.
func (c *composer) applyMany() string {
	name, e, i := c.name(), c.name(), c.name()
	t := rapid.SampledFrom([]table.Type{table.String, table.Long, table.Dynamic}).Draw(c.t, "type")
	text := "\n| extend " + name + " = " + c.scalar(table.Dynamic, 1) + " | mv-apply with_itemindex=" + i + " " + e + " = " + name + " to typeof(" + t.String() + ") on ("
	c.add(name, table.Dynamic)
	cols := table.Schema{{Name: e, Type: t}, {Name: i, Type: table.Long}}
	for range c.n(2) {
		if col := c.cols[c.n(len(c.cols)-1)]; cols.Index(col.Name) < 0 {
			cols = append(cols, col)
		}
	}
	in := &composer{t: c.t, cols: cols, fresh: c.fresh, depth: c.depth + 2, calls: c.calls}
	body := ""
	for range 1 + c.n(3) {
		body += in.operator()
	}
	var out []string
	for _, col := range in.cols {
		got := c.name()
		out = append(out, got+" = "+col.Name)
		c.add(got, col.Type)
	}
	return text + strings.TrimPrefix(body+"\n| project "+strings.Join(out, ", "), "\n| ") + ")"
}

func (c *composer) apply() string {
	if c.n(1) == 0 && c.depth < 6 {
		return c.applyMany()
	}
	name, got := c.name(), c.name()
	t := rapid.SampledFrom([]table.Type{table.String, table.Long}).Draw(c.t, "type")
	text := "\n| extend " + name + " = " + c.scalar(table.Dynamic, 1) + " | mv-apply e = " + name + " to typeof(" + t.String() + ") on ("
	in := &composer{t: c.t, cols: table.Schema{{Name: "e", Type: t}}, fresh: c.fresh, depth: 9, calls: c.calls}
	switch c.n(2) {
	case 0:
		text += "where " + in.condition(1) + ")"
		c.add(name, table.Dynamic)
		c.add("e", t)
	case 1:
		text += "summarize " + got + " = countif(" + in.condition(1) + "))"
		c.add(name, table.Dynamic)
		c.add(got, table.Long)
	default:
		text += "extend " + got + " = " + in.scalar(table.String, 1) + " | where " + in.condition(0) + " | project " + got + ")"
		c.add(name, table.Dynamic)
		c.add(got, table.String)
	}
	return text
}

func (c *composer) lookup() string {
	t := rapid.SampledFrom([]table.Type{table.Bool, table.Int, table.Long, table.String, table.Guid}).Draw(c.t, "key")
	right, in := c.within()
	key, other := c.name(), c.name()
	text := "\n| extend " + key + " = " + c.scalar(t, 1) + " | lookup kind=" + c.one("leftouter", "inner") + " (" + right +
		" | summarize " + other + " = count() by " + key + " = " + in.scalar(t, 1) + ") on " + key
	c.add(key, t)
	c.add(other, table.Long)
	return text
}

// latest is arg_max by what is unique in the table, where it is still at hand.
func (c *composer) latest() string {
	if c.cols.Index("id") < 0 || !c.alone() {
		return ""
	}
	t, key, got := c.settled(), c.name(), c.name()
	what := c.column(t)
	if c.cols.Index(what) < 0 {
		return ""
	}
	text := "\n| summarize " + c.one("arg_max", "arg_min") + "(id, " + got + " = " + what + ") by " + key + " = " + c.group(t)
	c.cols = table.Schema{{Name: key, Type: t}, {Name: "id", Type: table.Long}, {Name: got, Type: t}}
	return text
}

// alone says whether each id stands in one row.
func (c *composer) alone() bool { return c.depth == 0 && *c.fresh == 0 }

func (c *composer) series() string {
	got, axis := c.name(), c.name()
	text, _ := c.aggregate()
	if strings.HasPrefix(text, "array") || strings.Contains(text, "percentile") || strings.HasPrefix(text, "m") {
		text = "count()"
	}
	by := c.column(table.Bool)
	if c.cols.Index(by) < 0 {
		return ""
	}
	on, from, step := "id", "0 to 40", c.one("5", "7")
	if c.cols.Index(on) < 0 || c.n(1) == 0 {
		on, from, step = c.column(table.DateTime), "datetime(1969-01-01) to datetime(2025-01-01)", c.one("365d", "1000d")
		if c.cols.Index(on) < 0 {
			return ""
		}
	}
	c.cols = table.Schema{{Name: got, Type: table.Dynamic}, {Name: axis, Type: table.Dynamic}, {Name: by, Type: table.Bool}}
	return "\n| make-series " + got + " = " + text + " on " + axis + " = " + on + " from " + from + " step " + step + " by " + by
}

// missing of a schema are the columns of more that it does not have.
func missing(s, more table.Schema) (out table.Schema) {
	for _, col := range more {
		if s.Index(col.Name) < 0 {
			out = append(out, col)
		}
	}
	return out
}

var hostileColumns = hostileTable(rand.New(rand.NewPCG(5, 6)), 1).Schema

// composed is a property of queries; ran counts those that could be asked.
func composed(t testing.TB, ran, refused *int) func(*rapid.T) {
	cat := fn.New()
	calls := callsOf(cat)
	stores := &stores{t: t, cat: cat, make: openDuckDB, half: true}
	st, err := stores.of(context.Background(), map[string]*table.Batch{"H": hostileTable(rand.New(rand.NewPCG(3, 4)), 40)})
	if err != nil {
		t.Fatal(err)
	}
	return func(rt *rapid.T) {
		c := &composer{t: rt, cols: hostileColumns, fresh: new(int), calls: calls}
		text := "H"
		for range rapid.IntRange(1, 5).Draw(rt, "operators") {
			text += c.operator()
		}
		e := New(Options{Catalogue: cat, Clock: clockAt(kqltest.Now), MaxBytes: 64 << 20, Fallback: func(sql string, err error) {
			rt.Fatalf("%s\nthe engine could not run its SQL: %v\n%s", text, err, sql)
		}})
		_, _, err := agree(e, st, text, false)
		var ds fault.Diagnostics
		if errors.As(err, &ds) {
			*refused++
			return
		}
		*ran++
		if err != nil && fault.KindOf(err) != fault.Limit {
			rt.Fatalf("%s\n%v", text, err)
		}
	}
}

func TestComposed(t *testing.T) {
	var ran, refused int
	rapid.Check(t, composed(t, &ran, &refused))
	t.Logf("%d queries ran, %d were refused", ran, refused)
	if ran+refused >= 100 && ran < refused {
		t.Errorf("%d queries ran and %d were refused: what is written here is not KQL", ran, refused)
	}
}

func FuzzComposed(f *testing.F) {
	var ran, refused int
	f.Fuzz(rapid.MakeFuzz(composed(f, &ran, &refused)))
}
