package bind

import (
	"math"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

var literalTypes = map[syntax.LiteralKind]table.Type{
	syntax.BoolLit: table.Bool, syntax.IntLit: table.Int, syntax.LongLit: table.Long, syntax.RealLit: table.Real, syntax.DecimalLit: table.Decimal,
	syntax.StringLit: table.String, syntax.DateTimeLit: table.DateTime, syntax.TimeSpanLit: table.TimeSpan, syntax.GuidLit: table.Guid,
	syntax.DynamicLit: table.Dynamic, syntax.NullLit: table.Dynamic,
}

func (b *binder) literal(x *syntax.Literal) plan.Expr {
	t := literalTypes[x.Kind]
	if x.Null {
		return &plan.Const{Value: table.Null(t)}
	}
	text := strings.TrimSpace(x.Text)
	if n := len(text); x.Call && n > 1 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		text = text[1 : n-1] // datetime('2026-01-31')
	}
	v, ok := table.Null(t), false
	switch x.Kind {
	case syntax.StringLit:
		v, ok = table.StringValue(x.Text), true
	case syntax.BoolLit:
		switch strings.ToLower(text) {
		case "true", "1":
			v, ok = table.BoolValue(true), true
		case "false", "0":
			v, ok = table.BoolValue(false), true
		}
	case syntax.LongLit, syntax.IntLit:
		v, ok = wholeNumber(text, t)
	case syntax.RealLit:
		v, ok = realNumber(text)
	case syntax.TimeSpanLit:
		var n int64
		n, ok = fn.ParseTimeSpan(text)
		v = table.TimeSpanValue(n)
	case syntax.DateTimeLit:
		var n int64
		n, ok = fn.ParseDateTime(text)
		v = table.DateTimeValue(n)
	case syntax.GuidLit:
		var g string
		g, ok = fn.ParseGuid(text)
		v = table.GuidValue(g)
	case syntax.DynamicLit:
		return b.dynamicLiteral(x)
	case syntax.NullLit:
		ok = true
	default:
		v, ok = b.parsed(t, text)
	}
	switch {
	case ok:
		return &plan.Const{Value: v}
	case x.Call:
		b.runFails(x, "KS004", "'%s' is not a %s.", x.Text, t) // its type is known all the same
	default:
		b.errorf(x, "KS004", "'%s' is not a %s.", x.Text, t)
	}
	return &plan.Const{Value: table.Null(t)}
}

// parsed reads a literal's text as the conversion function of its type does.
func (b *binder) parsed(t table.Type, text string) (table.Value, bool) {
	c, ok := b.convert(&plan.Const{Value: table.StringValue(text)}, t).(*plan.Const)
	if !ok {
		return table.Null(t), false
	}
	return c.Value, !c.Value.IsNull()
}

func wholeNumber(text string, t table.Type) (table.Value, bool) {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		if n, err = strconv.ParseInt(text, 10, 64); err != nil { // 007 is seven
			u, uerr := strconv.ParseUint(text, 0, 64) // 0xffffffffffffffff is -1
			if uerr != nil || !strings.HasPrefix(strings.ToLower(text), "0x") {
				return table.Null(t), false
			}
			n = int64(u)
		}
	} else if len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			return table.Null(t), false
		}
	}
	if t == table.Int {
		if n < math.MinInt32 || n > math.MaxInt32 {
			return table.Null(t), false
		}
		return table.IntValue(n), true
	}
	return table.LongValue(n), true
}

func realNumber(text string) (table.Value, bool) {
	switch strings.ToLower(text) {
	case "nan":
		return table.RealValue(math.NaN()), true
	case "+inf", "inf":
		return table.RealValue(math.Inf(1)), true
	case "-inf":
		return table.RealValue(math.Inf(-1)), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(text, "xXpP_") {
		return table.Null(table.Real), false
	}
	return table.RealValue(f), true
}

// dynamicLiteral is dynamic(…): JSON, and what only KQL has.
func (b *binder) dynamicLiteral(x *syntax.Literal) plan.Expr {
	d, ok := b.json(x.JSON)
	if !ok {
		return &plan.Const{Value: table.Null(table.Dynamic)}
	}
	return &plan.Const{Value: table.DynamicValue(d)}
}

// json is the parsed form of a literal's tree.
func (b *binder) json(x syntax.Expr) (any, bool) {
	switch x := x.(type) {
	case *syntax.JSONArray:
		list, ok := make([]any, 0, len(x.Items)), true
		for _, i := range x.Items {
			v, good := b.json(i)
			list, ok = append(list, v), ok && good
		}
		return list, ok
	case *syntax.JSONObject:
		o, ok := &table.Object{}, true
		for _, p := range x.Pairs {
			v, good := b.json(p.Value)
			o.Set(p.Key.Name, v)
			ok = ok && good
		}
		return o, ok
	case *syntax.Literal:
		c, ok := b.literal(x).(*plan.Const)
		if !ok || c.Value.IsNull() {
			return nil, ok
		}
		switch v := c.Value; v.Type() {
		case table.Bool:
			return v.Bool(), true
		case table.Int, table.Long:
			return v.Int64(), true
		case table.Real:
			return v.Float64(), true
		case table.String:
			return v.Str(), true
		case table.Dynamic:
			return v.Dyn(), true
		default:
			return v, true
		}
	}
	return nil, false
}
