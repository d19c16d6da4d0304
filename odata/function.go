package odata

import (
	"strings"

	"sextant/kql/plan"
	"sextant/table"
)

// function of OData: what it takes, and how it is compiled.
type function struct {
	args string // a letter an argument: t text, d moment, n number, a any; upper case may be left out
	do   func(c *compiler, e *Call, a []value) value
}

func texts(name string, t table.Type, sort sortOf) func(*compiler, *Call, []value) value {
	return func(c *compiler, _ *Call, a []value) value {
		args := make([]plan.Expr, len(a))
		for i := range a {
			args[i] = a[i].e
		}
		return value{e: c.call(name, t, args...), sort: sort}
	}
}

func part(name string) function {
	return function{"d", func(c *compiler, _ *Call, a []value) value {
		return value{e: c.call("tolong", table.Long, c.call(name, table.Int, a[0].e)), sort: intValue}
	}}
}

func clock(part string) function {
	return function{"d", func(c *compiler, _ *Call, a []value) value {
		return value{e: c.call("tolong", table.Long, c.call("datetime_part", table.Int, text(part), a[0].e)), sort: intValue}
	}}
}

// functions by their names in lower case.
func functions() map[string]function {
	return map[string]function{
		"startswith": {"tt", texts("startswith_cs", table.Bool, boolValue)},
		"endswith":   {"tt", texts("endswith_cs", table.Bool, boolValue)},
		"contains":   {"tt", texts("contains_cs", table.Bool, boolValue)},
		"substringof": {"tt", func(c *compiler, e *Call, a []value) value { // OData 3: the part first
			return texts("contains_cs", table.Bool, boolValue)(c, e, []value{a[1], a[0]})
		}},
		"tolower": {"t", texts("tolower", table.String, textValue)},
		"toupper": {"t", texts("toupper", table.String, textValue)},
		"length":  {"t", texts("strlen", table.Long, intValue)},
		"indexof": {"tt", texts("indexof", table.Long, intValue)},
		"trim": {"t", func(c *compiler, _ *Call, a []value) value {
			return value{e: c.call("trim", table.String, text(`\s+`), a[0].e), sort: textValue}
		}},
		"concat": {"tt", texts("strcat", table.String, textValue)},
		"substring": {"tnN", func(c *compiler, e *Call, a []value) value {
			args := []plan.Expr{}
			for _, v := range a {
				args = append(args, v.e)
			}
			return value{e: c.apply("substring", e.At, args...), sort: textValue}
		}},
		"year":   part("getyear"),
		"month":  part("getmonth"),
		"day":    part("dayofmonth"),
		"hour":   part("hourofday"),
		"minute": clock("minute"),
		"second": clock("second"),
		"date": {"d", func(c *compiler, _ *Call, a []value) value {
			return value{e: c.call("startofday", table.DateTime, a[0].e), sort: dateValue}
		}},
		"now": {"", func(c *compiler, _ *Call, _ []value) value {
			return value{e: c.call("now", table.DateTime), sort: timeValue}
		}},
		"mindatetime": {"", func(*compiler, *Call, []value) value { return value{e: moment(0), sort: timeValue} }},
		"maxdatetime": {"", func(*compiler, *Call, []value) value {
			return value{e: moment(3_155_378_975_999_999_999), sort: timeValue}
		}},
		"round":   {"n", rounded("round")},
		"floor":   {"n", rounded("floor")},
		"ceiling": {"n", rounded("ceiling")},
	}
}

func rounded(name string) func(*compiler, *Call, []value) value {
	return func(c *compiler, e *Call, a []value) value {
		if a[0].sort == intValue {
			return a[0]
		}
		return value{e: c.apply(name, e.At, a[0].e), sort: realValue}
	}
}

// Functions that a $filter may call, for documentation.
func Functions() []string {
	return []string{"startswith", "endswith", "contains", "substringof", "tolower", "toupper", "length", "indexof", "trim", "concat", "substring",
		"year", "month", "day", "hour", "minute", "second", "date", "now", "mindatetime", "maxdatetime", "round", "floor", "ceiling"}
}

func (c *compiler) function(e *Call) value {
	f, ok := functions()[strings.ToLower(e.Name)]
	if !ok {
		c.fail(e.At, "An unknown function with name '%s' was found; %s work.", short(e.Name), strings.Join(Functions(), ", "))
	}
	least := 0
	for _, a := range f.args {
		if a >= 'a' {
			least++
		}
	}
	if len(e.Args) < least || len(e.Args) > len(f.args) {
		c.fail(e.At, "%s takes %d arguments, not %d.", e.Name, len(f.args), len(e.Args))
	}
	args := make([]value, len(e.Args))
	for i, x := range e.Args {
		v := c.value(x)
		want := f.args[i] | 0x20
		if want == 'd' {
			v = c.as(v, timeValue, x.Span())
		}
		fits := false
		switch want {
		case 't':
			fits = v.sort == textValue || v.sort == enumValue || v.sort == nullValue
			if v.sort == nullValue {
				v = value{e: text(""), sort: textValue}
			}
		case 'd':
			fits = v.sort == timeValue || v.sort == dateValue
		case 'n':
			fits = v.sort == intValue || v.sort == realValue
		}
		if !fits {
			c.fail(x.Span(), "No function signature for the function with name '%s' matches the specified arguments: argument %d is %s.", e.Name, i+1, v.edm())
		}
		args[i] = v
	}
	v := f.do(c, e, args)
	v.e = c.fold(e.At, v.e)
	return v
}
