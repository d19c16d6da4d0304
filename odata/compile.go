package odata

import (
	"fmt"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// sort of a value while it is compiled.
type sortOf uint8

const (
	nullValue sortOf = iota
	boolValue
	intValue
	realValue
	textValue
	enumValue
	timeValue // a DateTimeOffset
	dateValue // midnight of a day
	spanValue
	complexValue
	listValue
)

// value is a compiled expression.
type value struct {
	e    plan.Expr
	sort sortOf
	enum *Enum
	of   *Type // of a complex value
	// Of a list: its elements.
	elem   Ref
	fixed  bool
	values []string
	column Column // that holds the list; zero inside lambdas
	// lit is the literal that the value is, nil for any other.
	lit *Literal
	// key gives the names of members, see Column.
	key func(string) string
	// json: it is read from JSON, where a member of an enumeration may be its number.
	json bool
}

// variable of a lambda.
type variable struct {
	name string
	elem Ref
	// e is the element, a dynamic; or the text of an element of a fixed list.
	e   plan.Expr
	key func(string) string
}

// compiler of one option. A failure panics with failure and is caught at the top.
type compiler struct {
	*Binding
	vars  []variable
	depth int // of lambdas, for the names of elements
	// strict is set inside not: null must not count as true there.
	strict bool
	props  []string
}

type failure struct{ err error }

func (c *compiler) fail(at fault.Span, format string, args ...any) {
	panic(failure{problem(at, format, args...)})
}

func caught(err *error) {
	switch x := recover().(type) {
	case nil:
	case failure:
		*err = x.err
	default:
		panic(x)
	}
}

// Filter compiles a $filter.
func (b *Binding) Filter(e Expr) (f *Filter, err error) {
	defer caught(&err)
	c := &compiler{Binding: b}
	f = &Filter{}
	var preds []plan.Expr
	for _, x := range conjuncts(e) {
		preds = append(preds, c.pred(x))
		f.Hints = append(f.Hints, c.hints(x)...)
	}
	f.Pred = b.And(preds...)
	f.Properties = c.props
	return f, nil
}

func conjuncts(e Expr) []Expr {
	if b, ok := e.(*Binary); ok && b.Op == "and" {
		return append(conjuncts(b.X), conjuncts(b.Y)...)
	}
	return []Expr{e}
}

// Order compiles the keys of a $orderby.
func (b *Binding) Order(keys []OrderKey) (out []SortKey, err error) {
	defer caught(&err)
	c := &compiler{Binding: b}
	for _, k := range keys {
		v := c.value(k.Expr)
		switch v.sort {
		case complexValue, listValue, nullValue:
			c.fail(k.Expr.Span(), "%s cannot be ordered by; a property with one value can.", Print(k.Expr))
		}
		out = append(out, SortKey{v.e, k.Desc})
	}
	return out, nil
}

// Check that the paths of a $select or $expand are properties of the entity.
func (b *Binding) Check(paths []*Path) (err error) {
	defer caught(&err)
	c := &compiler{Binding: b}
	for _, p := range paths {
		t := b.Entity
		for i, n := range p.Names {
			if n == "*" || strings.HasPrefix(n, "@") {
				break
			}
			prop, ok := c.property(t, n, p.Spans[i])
			if !ok {
				break
			}
			t = prop.Type.Of
		}
	}
	return nil
}

// property of a type, or the error that Graph gives.
func (c *compiler) property(t *Type, name string, at fault.Span) (*Property, bool) {
	if t == nil {
		c.fail(at, "There is nothing below a simple value to be called '%s'.", short(name))
	}
	p, ok := t.Property(name)
	if !ok && !t.Open {
		c.fail(at, "Could not find a property named '%s' on type '%s%s'.", short(name), Namespace, t.Name)
	}
	return p, ok
}

// pred compiles what must be true or false. The expression may be null for false,
// but not inside not.
func (c *compiler) pred(e Expr) plan.Expr {
	switch e := e.(type) {
	case *Unary:
		if e.Op == "not" {
			was := c.strict
			c.strict = true
			p := c.pred(e.X)
			c.strict = was
			return c.Not(p)
		}
	case *Binary:
		switch e.Op {
		case "and":
			return c.And(c.pred(e.X), c.pred(e.Y))
		case "or":
			return c.Or(c.pred(e.X), c.pred(e.Y))
		case "eq", "ne", "gt", "ge", "lt", "le", "has":
			return c.compare(e, c.value(e.X), c.value(e.Y))
		}
	case *In:
		return c.in(e)
	case *Lambda:
		return c.lambda(e)
	}
	v := c.value(e)
	if v.sort == nullValue {
		return boolean(false)
	}
	if v.sort != boolValue {
		c.fail(e.Span(), "A condition is expected here; %s is %s.", short(Print(e)), v.edm())
	}
	return c.sure(v.e)
}

// sure is a predicate that must not be null where null would count.
func (c *compiler) sure(e plan.Expr) plan.Expr {
	if _, ok := e.(*plan.Const); ok || !c.strict {
		return e
	}
	return c.call("coalesce", table.Bool, e, boolean(false))
}

var edmNames = [...]string{"null", "Edm.Boolean", "Edm.Int32", "Edm.Double", "Edm.String", "", "Edm.DateTimeOffset", "Edm.Date", "Edm.Duration"}

func (v *value) edm() string {
	switch v.sort {
	case enumValue:
		return Namespace + v.enum.Name
	case complexValue:
		return Namespace + v.of.Name
	case listValue:
		r := v.elem
		r.Collection = true
		return r.Edm()
	}
	return edmNames[v.sort]
}

// value compiles an expression with a value.
func (c *compiler) value(e Expr) value {
	switch e := e.(type) {
	case *Literal:
		return c.literal(e)
	case *Path:
		return c.path(e)
	case *Count:
		v := c.path(e.Of)
		switch {
		case v.sort != listValue:
			c.fail(e.At, "%s is not a collection, and has no $count.", Print(e.Of))
		case v.fixed:
			return value{e: long(int64(len(v.values))), sort: intValue}
		}
		n := c.call("array_length", table.Long, v.e)
		return value{e: c.call("coalesce", table.Long, n, long(0)), sort: intValue}
	case *Call:
		return c.function(e)
	case *Unary:
		if e.Op == "-" {
			v := c.value(e.X)
			switch v.sort {
			case intValue, realValue:
				return c.arithmetic("-", e.Span(), value{e: long(0), sort: intValue}, v)
			}
			c.fail(e.Span(), "Only a number can be negated, not %s.", v.edm())
		}
		return value{e: c.pred(e), sort: boolValue}
	case *Binary:
		switch e.Op {
		case "add", "sub", "mul", "div", "divby", "mod":
			op := map[string]string{"add": "+", "sub": "-", "mul": "*", "div": "/", "divby": "/", "mod": "%"}[e.Op]
			x, y := c.value(e.X), c.value(e.Y)
			if e.Op == "divby" && x.sort == intValue {
				x = value{e: c.call("toreal", table.Real, x.e), sort: realValue}
			}
			return c.arithmetic(op, e.Span(), x, y)
		}
		return value{e: c.pred(e), sort: boolValue}
	case *In, *Lambda:
		return value{e: c.pred(e), sort: boolValue}
	}
	c.fail(e.Span(), "A value is expected here.")
	return value{}
}

// apply a function of the catalogue, converting arguments as it asks.
func (c *compiler) apply(name string, at fault.Span, args ...plan.Expr) plan.Expr {
	f := c.Cat.Scalar(name)
	info := make([]fn.Arg, len(args))
	for i, a := range args {
		info[i] = infoOf(a)
	}
	_, to, result, err := fn.Resolve(name, f.Sigs, info)
	if err != nil {
		c.fail(at, "These values do not go together here.")
	}
	for i, a := range args {
		args[i] = c.convert(a, to[i])
	}
	return c.call(name, result, args...)
}

var converters = map[table.Type]string{table.Long: "tolong", table.Int: "toint", table.Real: "toreal", table.String: "tostring", table.DateTime: "todatetime", table.TimeSpan: "totimespan", table.Bool: "tobool"}

func (c *compiler) convert(e plan.Expr, to table.Type) plan.Expr {
	if e.Type() == to || converters[to] == "" {
		return e
	}
	if k, ok := e.(*plan.Const); ok {
		return &plan.Const{Value: fn.Convert(k.Value, to)}
	}
	return c.call(converters[to], to, e)
}

func (c *compiler) arithmetic(op string, at fault.Span, x, y value) value {
	span := func(v value) bool { return v.sort == spanValue }
	time := func(v value) bool { return v.sort == timeValue || v.sort == dateValue }
	number := func(v value) bool { return v.sort == intValue || v.sort == realValue }
	if x.sort == nullValue || y.sort == nullValue {
		return value{e: &plan.Const{Value: table.Null(table.Long)}, sort: intValue}
	}
	// A text stands for the duration or the moment that it says.
	if span(x) || time(x) {
		if y.lit != nil && (y.lit.Kind == StringLit || y.lit.Kind == DateLit) {
			y = c.as(y, timeValue, at)
		}
	}
	sort := intValue
	switch {
	case number(x) && number(y):
		if x.sort == realValue || y.sort == realValue {
			sort = realValue
		}
	case time(x) && span(y) && (op == "+" || op == "-"), span(x) && time(y) && op == "+":
		sort = timeValue
	case time(x) && time(y) && op == "-", span(x) && span(y) && (op == "+" || op == "-"):
		sort = spanValue
	case span(x) && number(y) && (op == "*" || op == "/"):
		sort = spanValue
	default:
		c.fail(at, "A binary operator with incompatible types was detected. Found operand types '%s' and '%s'.", x.edm(), y.edm())
	}
	return value{e: c.apply(op, at, x.e, y.e), sort: sort}
}

// path of a property, or below a variable.
func (c *compiler) path(p *Path) value {
	for _, v := range slices.Backward(c.vars) {
		if v.name == p.Names[0] {
			return c.below(value{e: v.e, key: v.key}, v.elem, p, 1)
		}
	}
	prop, ok := c.property(c.Entity, p.Names[0], p.Spans[0])
	if !ok {
		c.fail(p.At, "'%s' cannot be asked for.", p.Names[0])
	}
	if prop.Nav {
		c.fail(p.At, "'%s' is a relationship; it cannot be filtered or ordered by.", p.Names[0])
	}
	if !slices.Contains(c.props, prop.Name) {
		c.props = append(c.props, prop.Name)
	}
	col, ok := c.Column(prop.Name)
	v := value{column: col, key: col.Key}
	switch {
	case !ok:
		v.e = &plan.Const{Value: table.Null(table.Dynamic)}
	case col.Fixed:
		v.fixed, v.values = true, col.Values
	case col.Expr == nil:
		v.e = &plan.Const{Value: table.Null(table.Dynamic)}
	default:
		v.e = col.Expr
	}
	return c.below(v, prop.Type, p, 1)
}

// below follows the names of a path from at on. v.e is the value so far.
func (c *compiler) below(v value, t Ref, p *Path, at int) value {
	for ; at < len(p.Names); at++ {
		if t.Collection {
			c.fail(p.Spans[at], "'%s' is a collection: ask with any(x: x/%s …).", p.Names[at-1], p.Names[at])
		}
		prop, ok := c.property(t.Of, p.Names[at], p.Spans[at])
		if !ok {
			c.fail(p.Spans[at], "'%s' has no declared properties to filter by.", t.Name)
		}
		key := prop.Name
		if v.key != nil {
			key = v.key(key)
		}
		e := v.column.Members[prop.Name]
		if e == nil {
			e = c.member(v.e, key)
		}
		v = value{e: e, column: v.column}
		v.column.In, v.column.Members = "", nil // of the first level alone
		t = prop.Type
	}
	if t.Collection {
		v.sort, v.elem = listValue, t
		v.elem.Collection = false
		return v
	}
	return c.typed(v, t)
}

func (c *compiler) member(e plan.Expr, key string) plan.Expr {
	if k, ok := e.(*plan.Const); ok {
		if k.Value.IsNull() {
			return &plan.Const{Value: table.Null(table.Dynamic)}
		}
		if o, ok := k.Value.Dyn().(*table.Object); ok {
			x, _ := o.Get(key)
			return &plan.Const{Value: table.FromDyn(x)}
		}
	}
	return &plan.Member{Of: e, Key: key}
}

// typed is a value of JSON, or of a column, as the type of its property.
func (c *compiler) typed(v value, t Ref) value {
	if t.Kind == Complex {
		v.sort, v.of = complexValue, t.Of
		return v
	}
	to, sort := table.String, textValue
	switch {
	case t.Kind == EnumKind:
		sort, v.enum = enumValue, t.Enum
	case t.Name == "Boolean":
		to, sort = table.Bool, boolValue
	case t.Name == "Int32" || t.Name == "Int64":
		to, sort = table.Long, intValue
		if v.e.Type() == table.Int {
			to = table.Int
		}
	case t.Name == "Double":
		to, sort = table.Real, realValue
	case t.Name == "DateTimeOffset":
		to, sort = table.DateTime, timeValue
	case t.Name == "Date":
		to, sort = table.DateTime, dateValue
	case t.Name == "Duration":
		to, sort = table.TimeSpan, spanValue
	}
	v.sort, v.json = sort, v.e.Type() == table.Dynamic
	v.e = c.convert(v.e, to)
	return v
}

// lambda compiles any and all.
func (c *compiler) lambda(l *Lambda) plan.Expr {
	list := c.path(l.Of)
	if list.sort != listValue {
		c.fail(l.Of.At, "%s is %s; any and all want a collection.", Print(l.Of), list.edm())
	}
	if c.depth++; c.depth > maxLambdas {
		c.fail(l.At, "any and all are nested more than %d deep.", maxLambdas)
	}
	defer func() { c.depth-- }()
	if l.Body == nil {
		if list.fixed {
			return boolean(len(list.values) > 0)
		}
		n := c.call("coalesce", table.Long, c.call("array_length", table.Long, list.e), long(0))
		return c.call(">", table.Bool, n, long(0))
	}
	body := func(e plan.Expr) plan.Expr {
		if list.column.Elem != nil {
			e = list.column.Elem(e)
		}
		c.vars = append(c.vars, variable{l.Var, list.elem, e, list.key})
		p := c.pred(l.Body)
		c.vars = c.vars[:len(c.vars)-1]
		return p
	}
	if list.fixed {
		preds := make([]plan.Expr, len(list.values))
		for i, s := range list.values {
			preds[i] = body(text(s))
		}
		if l.All {
			return c.And(preds...)
		}
		return c.Or(preds...)
	}
	name := fmt.Sprintf("$e%d", c.depth)
	p := body(&plan.Col{Name: name, T: table.Dynamic})
	every := c.each(l.All, list.e, name, p)
	if l.All {
		return every
	}
	return c.And(c.mention(list.e, required(l, list.elem)), every)
}

const maxLambdas = 4

// mention is a test of a list's text that holds wherever an element has one of the
// values: it is cheap, and words have an index. True where no such test is known.
func (c *compiler) mention(list plan.Expr, need []string) plan.Expr {
	if len(need) == 0 || len(need) > maxMentions || slices.ContainsFunc(need, func(s string) bool { return !plain(s) }) {
		return boolean(true)
	}
	switch x := list.(type) {
	case *plan.Col:
		list = c.call("tostring", table.String, x)
	case *plan.Call: // parse_json of a text
		col, ok := x.Args[0].(*plan.Col)
		if !ok || col.T != table.String {
			return boolean(true)
		}
		list = col
	default:
		return boolean(true)
	}
	var preds []plan.Expr
	for _, s := range need {
		preds = append(preds, c.call("contains_cs", table.Bool, list, text(s)))
	}
	return c.Or(preds...)
}

const maxMentions = 8

// plain text stands in JSON as it is, however it was written.
func plain(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b < ' ' || b > '~', b == '"', b == '\\', b == '/', b == '<', b == '>', b == '&', b == '\'', b == '+':
			return false
		}
	}
	return s != ""
}

// required gives texts of which every element that the lambda lets through has one;
// nil where that is not known.
func required(l *Lambda, elem Ref) []string {
	path, values := equals(l.Var, l.Body)
	if !isText(elem, path) {
		return nil
	}
	return values
}

// isText: what is at a path below an element is a text, compared as it stands.
// Members of enumerations are the same in either case.
func isText(elem Ref, path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			break
		}
		if elem.Kind != Complex {
			return false
		}
		p, ok := elem.Of.Property(name)
		if !ok || p.Type.Collection {
			return false
		}
		elem = p.Type
	}
	return elem.Kind == Primitive && elem.Name == "String"
}

// equals finds in a condition the texts that a path below the variable must have one
// of.
func equals(v string, e Expr) (path string, values []string) {
	below := func(e Expr) (string, bool) {
		p, ok := e.(*Path)
		if !ok || p.Names[0] != v {
			return "", false
		}
		return strings.Join(p.Names[1:], "."), true
	}
	texts := func(list ...Expr) []string {
		var out []string
		for _, e := range list {
			l, ok := e.(*Literal)
			if !ok || l.Kind != StringLit && l.Kind != GuidLit || l.Text == "" {
				return nil
			}
			out = append(out, spellings(l.Text)...)
		}
		return out
	}
	switch e := e.(type) {
	case *Binary:
		switch e.Op {
		case "eq":
			if p, ok := below(e.X); ok {
				return p, texts(e.Y)
			}
			if p, ok := below(e.Y); ok {
				return p, texts(e.X)
			}
		case "and":
			if p, v := equals(v, e.X); v != nil {
				return p, v
			}
			return equals(v, e.Y)
		case "or":
			p, a := equals(v, e.X)
			q, b := equals(v, e.Y)
			if p == q && a != nil && b != nil {
				return p, append(a, b...)
			}
		}
	case *In:
		if p, ok := below(e.X); ok {
			return p, texts(e.List...)
		}
	}
	return "", nil
}

// hints of a conjunct for the index over lists.
func (c *compiler) hints(e Expr) []Hint {
	l, ok := e.(*Lambda)
	if !ok || l.All || l.Body == nil || len(l.Of.Names) != 1 {
		return nil
	}
	list := c.path(l.Of)
	path, values := equals(l.Var, l.Body)
	if list.column.In == "" || values == nil || path == "" || !isText(list.elem, path) {
		return nil
	}
	if list.key != nil {
		path = list.key(path)
	}
	return []Hint{{Column: list.column.In + "[]." + path, Values: values}}
}

// spellings of a text that count as equal to it: a GUID is the same in either case.
func spellings(s string) []string {
	if len(s) == 36 && guidForm.MatchString(s) {
		out := []string{s}
		for _, other := range []string{strings.ToLower(s), strings.ToUpper(s)} {
			if !slices.Contains(out, other) {
				out = append(out, other)
			}
		}
		return out
	}
	return []string{s}
}
