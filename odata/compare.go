package odata

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"sextant/fault"
	"sextant/kql/plan"
	"sextant/table"
)

func (c *compiler) literal(l *Literal) value {
	v := value{lit: l}
	switch l.Kind {
	case NullLit:
		v.e = &plan.Const{Value: table.Null(table.Dynamic)}
	case BoolLit:
		v.sort, v.e = boolValue, boolean(l.Text == "true")
	case NumberLit:
		if n, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			v.sort, v.e = intValue, long(n)
			break
		}
		f, err := strconv.ParseFloat(l.Text, 64)
		if err != nil {
			c.fail(l.At, "'%s' is no number that can be compared.", short(l.Text))
		}
		v.sort, v.e = realValue, &plan.Const{Value: table.RealValue(f)}
	case StringLit, GuidLit, EnumLit:
		v.sort, v.e = textValue, text(l.Text)
	case DateTimeLit, DateLit:
		ticks, ok := ParseTime(l.Text)
		if !ok {
			c.fail(l.At, "'%s' is no moment; 2026-01-31T13:45:00Z is one.", short(l.Text))
		}
		v.sort, v.e = timeValue, moment(ticks)
		if l.Kind == DateLit {
			v.sort = dateValue
		}
	case DurationLit:
		ticks, ok := ParseDuration(l.Text)
		if !ok {
			c.fail(l.At, "'%s' is no duration; duration'P1DT12H' is one.", short(l.Text))
		}
		v.sort, v.e = spanValue, &plan.Const{Value: table.TimeSpanValue(ticks)}
	}
	return v
}

func moment(ticks int64) plan.Expr { return &plan.Const{Value: table.DateTimeValue(ticks)} }

// ParseTime reads a moment or a day, in UTC where no offset is given.
func ParseTime(s string) (int64, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	// What is behind the seventh digit of a second says less than a tick.
	if dot := strings.IndexByte(s, '.'); dot >= 0 {
		end := dot + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		s = s[:min(end, dot+8)] + s[end:]
	}
	for _, form := range []string{"2006-01-02T15:04:05.9999999Z07:00", "2006-01-02T15:04:05.9999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(form, s); err == nil {
			return table.TicksOf(t.UTC())
		}
	}
	return 0, false
}

// ParseDuration reads P3DT4H5M6.7S.
func ParseDuration(s string) (int64, bool) {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	rest, ok := strings.CutPrefix(strings.ToUpper(s), "P")
	if !ok || rest == "" {
		return 0, false
	}
	var total float64
	clock := false
	for rest != "" {
		if rest[0] == 'T' {
			if clock {
				return 0, false
			}
			clock, rest = true, rest[1:]
			if rest == "" {
				return 0, false
			}
			continue
		}
		i := strings.IndexAny(rest, "DHMS")
		if i < 1 {
			return 0, false
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || n < 0 || n > 1e9 || strings.ContainsAny(rest[:i], "ENX") {
			return 0, false
		}
		unit := rest[i]
		if (unit == 'D') == clock {
			return 0, false
		}
		total += n * map[byte]float64{'D': 86400, 'H': 3600, 'M': 60, 'S': 1}[unit]
		rest = rest[i+1:]
	}
	if total > 9e11 {
		return 0, false
	}
	ticks := int64(total*1e7 + 0.5)
	if negative {
		ticks = -ticks
	}
	return ticks, true
}

// as reads a literal as what it is compared with.
func (c *compiler) as(v value, sort sortOf, at fault.Span) value {
	if v.lit == nil {
		return v
	}
	switch sort {
	case timeValue, dateValue:
		if v.lit.Kind == StringLit {
			ticks, ok := ParseTime(v.lit.Text)
			if !ok {
				c.fail(v.lit.At, "'%s' is no moment; 2026-01-31T13:45:00Z is one.", short(v.lit.Text))
			}
			return value{e: moment(ticks), sort: timeValue, lit: v.lit}
		}
	case spanValue:
		if v.lit.Kind == StringLit {
			ticks, ok := ParseDuration(v.lit.Text)
			if !ok {
				c.fail(v.lit.At, "'%s' is no duration; duration'P1DT12H' is one.", short(v.lit.Text))
			}
			return value{e: &plan.Const{Value: table.TimeSpanValue(ticks)}, sort: spanValue, lit: v.lit}
		}
	}
	return v
}

// member of an enumeration that a literal names.
func (c *compiler) memberOf(e *Enum, l *Literal) Member {
	m, ok := e.Find(l.Text)
	if !ok {
		if n, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			for _, m := range e.Members {
				if m.Value == n {
					return m
				}
			}
		}
		names := make([]string, len(e.Members))
		for i, m := range e.Members {
			names[i] = m.Name
		}
		c.fail(l.At, "The string '%s' is not a valid enumeration type constant; %s are.", short(l.Text), strings.Join(names, ", "))
	}
	return m
}

var flipped = map[string]string{"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}

var symbols = map[string]string{"gt": ">", "ge": ">=", "lt": "<", "le": "<="}

// compare two values.
func (c *compiler) compare(e *Binary, x, y value) plan.Expr {
	op := e.Op
	if x.lit != nil && y.lit == nil && op != "has" { // the property first
		x, y, op = y, x, flipped[op]
	}
	if op == "has" {
		return c.has(e, x, y)
	}
	if op == "ne" {
		was := c.strict
		c.strict = true
		p := c.Not(c.equal(e, x, y))
		c.strict = was
		return p
	}
	if op == "eq" {
		return c.equal(e, x, y)
	}
	if x.sort == nullValue || y.sort == nullValue {
		return boolean(false)
	}
	x, y = c.fit(e, x, y)
	var p plan.Expr
	switch {
	case x.sort == textValue && y.sort == textValue:
		// Nothing is before or behind a text that is missing.
		p = c.And(c.call("isnotempty", table.Bool, x.e), c.call("isnotempty", table.Bool, y.e), c.call(symbols[op], table.Bool, c.call("strcmp", table.Long, x.e, y.e), long(0)))
	case x.sort == enumValue || y.sort == enumValue || x.sort == boolValue:
		c.fail(e.Span(), "%s has no order; eq, ne and in work.", x.edm())
	default:
		p = c.sure(c.call(symbols[op], table.Bool, x.e, y.e))
	}
	return c.fold(e.Span(), p)
}

// fit brings two values to one type, or fails.
func (c *compiler) fit(e *Binary, x, y value) (value, value) {
	y = c.as(y, x.sort, e.At)
	x = c.as(x, y.sort, e.At)
	number := func(v value) bool { return v.sort == intValue || v.sort == realValue }
	time := func(v value) bool { return v.sort == timeValue || v.sort == dateValue }
	switch {
	case x.sort == y.sort && x.sort != complexValue && x.sort != listValue:
	case number(x) && number(y), time(x) && time(y):
	case x.sort == enumValue && y.sort == textValue, x.sort == textValue && y.sort == enumValue:
	case x.sort == textValue && y.lit != nil && y.lit.Kind == DateLit, x.sort == textValue && y.lit != nil && y.lit.Kind == DateTimeLit:
		y = value{e: text(y.lit.Text), sort: textValue, lit: y.lit} // a text that happens to look like a date
	default:
		c.fail(e.Span(), "A binary operator with incompatible types was detected. Found operand types '%s' and '%s' for operator kind '%s'.", x.edm(), y.edm(), kindOf[e.Op])
	}
	return x, y
}

var kindOf = map[string]string{"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual", "lt": "LessThan", "le": "LessThanOrEqual", "has": "Has"}

// equal is x eq y; never null where c is strict.
func (c *compiler) equal(e *Binary, x, y value) plan.Expr {
	switch {
	case x.sort == nullValue && y.sort == nullValue:
		return boolean(true)
	case y.sort == nullValue:
		return c.missing(e, x)
	case x.sort == nullValue:
		return c.missing(e, y)
	}
	x, y = c.fit(e, x, y)
	if x.sort == enumValue || y.sort == enumValue {
		return c.equalEnum(e, x, y)
	}
	var p plan.Expr
	if k, ok := y.e.(*plan.Const); ok && x.sort == textValue {
		p = c.oneOf(x.e, spellings(k.Value.Str()))
	} else {
		p = c.call("==", table.Bool, x.e, y.e)
		if y.lit == nil && x.sort != textValue { // two that may both be missing
			p = c.Or(c.sure(p), c.And(c.call("isnull", table.Bool, x.e), c.call("isnull", table.Bool, y.e)))
		}
	}
	return c.fold(e.Span(), p)
}

// oneOf compares a text with constants.
func (c *compiler) oneOf(x plan.Expr, values []string) plan.Expr {
	if len(values) == 1 {
		return c.call("==", table.Bool, x, text(values[0]))
	}
	args := []plan.Expr{x}
	for _, s := range values {
		args = append(args, text(s))
	}
	return c.call("in", table.Bool, args...)
}

func (c *compiler) equalEnum(e Expr, x, y value) plan.Expr {
	if y.sort == enumValue && x.sort == textValue {
		x, y = y, x
	}
	if y.lit != nil {
		m := c.memberOf(x.enum, y.lit)
		if x.json {
			return c.fold(e.Span(), c.call("in~", table.Bool, x.e, text(m.Name), text(strconv.FormatInt(m.Value, 10))))
		}
		y.e = text(m.Name)
	}
	p := c.call("=~", table.Bool, x.e, y.e)
	return c.fold(e.Span(), p)
}

// missing is x eq null.
func (c *compiler) missing(e Expr, x value) plan.Expr {
	var p plan.Expr
	switch x.sort {
	case listValue:
		c.fail(e.Span(), "A collection is never null; /any() tells whether it has elements, and not …/any() whether it has none.")
	case textValue, enumValue:
		p = c.call("isempty", table.Bool, x.e)
	default:
		p = c.call("isnull", table.Bool, x.e)
	}
	return c.fold(e.Span(), p)
}

// has tells whether an enumeration of flags has one.
func (c *compiler) has(e *Binary, x, y value) plan.Expr {
	if x.sort != enumValue || y.lit == nil || y.sort != textValue {
		c.fail(e.Span(), "has wants an enumeration and one of its members.")
	}
	return c.call("has", table.Bool, x.e, text(c.memberOf(x.enum, y.lit).Name))
}

// in is x in (…).
func (c *compiler) in(e *In) plan.Expr {
	x := c.value(e.X)
	if len(e.List) > maxList {
		c.fail(e.At, "The list has %d values; %d are the most.", len(e.List), maxList)
	}
	var texts, members []string
	var rest []plan.Expr
	for _, item := range e.List {
		v := c.value(item)
		switch {
		case x.sort == textValue && v.lit != nil && v.sort == textValue:
			for _, s := range spellings(v.lit.Text) {
				if !slices.Contains(texts, s) {
					texts = append(texts, s)
				}
			}
		case x.sort == enumValue && v.lit != nil && v.sort == textValue:
			m := c.memberOf(x.enum, v.lit)
			members = append(members, m.Name)
			if x.json {
				members = append(members, strconv.FormatInt(m.Value, 10))
			}
		default:
			rest = append(rest, c.equal(&Binary{At: item.Span(), Op: "eq", X: e.X, Y: item}, x, v))
		}
	}
	if len(texts) > 0 {
		rest = append(rest, c.oneOf(x.e, texts))
	}
	if len(members) > 0 {
		args := []plan.Expr{x.e}
		for _, m := range members {
			args = append(args, text(m))
		}
		rest = append(rest, c.call("in~", table.Bool, args...))
	}
	return c.fold(e.Span(), c.Or(rest...))
}

// maxList is how many values one in may have.
const maxList = 1000
