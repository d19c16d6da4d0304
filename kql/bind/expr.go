package bind

import (
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// scalar binds an expression that must be a scalar value.
func (b *binder) scalar(x syntax.Expr, e env) plan.Expr {
	if !b.enter(x) {
		return bad()
	}
	defer b.leave()
	if e.row != nil && e.row.graph != nil {
		if v := b.graphValue(x, e); v != nil {
			return v
		}
	}
	switch x := x.(type) {
	case *syntax.Literal:
		if t := e.terms(); t != nil && x.Kind == syntax.StringLit {
			return b.term(x, e)
		}
		return b.literal(x)
	case *syntax.Name:
		return b.name(x, e)
	case *syntax.Paren:
		return b.scalar(x.X, e)
	case *syntax.Call:
		return b.call(x, e)
	case *syntax.Path:
		return b.path(x, e)
	case *syntax.Index:
		return b.index(x, e)
	case *syntax.Unary:
		return b.unary(x, e)
	case *syntax.Binary:
		return b.binary(x, e)
	case *syntax.In:
		return b.in(x, e)
	case *syntax.Between:
		return b.between(x, e)
	case *syntax.Named:
		note(b.errorf(x, "SYN0002", "A name is given to a value here, where only the value can stand."), "write == to compare")
		return bad()
	case *syntax.Ordered:
		return b.scalar(x.X, e)
	case *syntax.TypeOf:
		return b.typeOf(x)
	case *syntax.Star:
		b.errorf(x, "KS191", "The * is not allowed here.")
	case *syntax.Wildcard:
		b.errorf(x, "KS268", "Names with wildcards are not allowed here.")
	case *syntax.Pipe, *syntax.DataTable, *syntax.ExternalData, *syntax.InlineTable:
		b.rel(x, e)
		note(b.errorf(x, "KS108", "A scalar value is expected here, not a table."), "wrap it as toscalar(…) to take its first cell")
	case *syntax.Lambda:
		b.errorf(x, "KS108", "A scalar value is expected here, not a function.")
	case *syntax.BadExpr, nil:
	default:
		b.errorf(x, "KS108", "A scalar value is expected here.")
	}
	return bad()
}

func (e env) terms() *terms {
	if e.row == nil {
		return nil
	}
	return e.row.terms
}

// plain is e without the meaning that search gives to bare texts.
func (e env) plain() env {
	if e.row != nil && e.row.terms != nil {
		r := *e.row
		r.terms = nil
		e.row = &r
	}
	return e
}

// isTabular tells whether an expression names a table, before it is bound.
func (b *binder) isTabular(x syntax.Expr, e env) bool {
	if c, _ := patternParts(x); c != nil {
		if ent := e.sc.find(c.Func.Name); ent != nil && ent.pattern != nil {
			return true
		}
	}
	switch x := x.(type) {
	case *syntax.Paren:
		return b.isTabular(x.X, e)
	case *syntax.Pipe, *syntax.DataTable, *syntax.ExternalData, *syntax.InlineTable:
		return true
	case *syntax.Name:
		if _, ok := e.row.column(x.Name); ok {
			return false
		}
		if ent := e.sc.find(x.Name); ent != nil {
			return b.entityTabular(ent)
		}
		if _, ok := b.env.Table(x.Name); ok {
			return true
		}
		if let, ok := b.function(x.Name); ok {
			return b.savedTabular(let)
		}
		_, ok := documentedTable(x.Name)
		return ok
	case *syntax.Call:
		if ent := e.sc.find(x.Func.Name); ent != nil {
			return b.entityTabular(ent)
		}
		switch x.Func.Name {
		case "table", "materialize", "view", "_GetWatchlist", "external_table", "materialized_view", "totable", "database", "cluster", "workspace", "app":
			return true
		}
		if b.cat.Scalar(x.Func.Name) == nil {
			if let, ok := b.function(x.Func.Name); ok {
				return b.savedTabular(let)
			}
		}
	case *syntax.Path:
		for p, ok := x.X.(*syntax.Path); ok; p, ok = x.X.(*syntax.Path) {
			x = p
		}
		if c, ok := x.X.(*syntax.Call); ok {
			switch c.Func.Name {
			case "database", "cluster", "workspace", "app", "resource":
				return true
			}
		}
	}
	return false
}

func (b *binder) entityTabular(ent *entity) bool {
	if ent.lambda != nil {
		defer b.seeing(ent.env)()
		return b.bodyTabular(ent.lambda, ent.in)
	}
	return ent.rel != nil
}

func (b *binder) savedTabular(let *syntax.Let) bool {
	switch v := let.Value.(type) {
	case *syntax.Lambda:
		return b.bodyTabular(v, nil)
	default:
		return b.isTabular(v, env{})
	}
}

// bodyTabular looks at the last statement of a function without binding it.
func (b *binder) bodyTabular(l *syntax.Lambda, in *scope) bool {
	if l.Body == nil || b.depth >= b.opts.MaxDepth {
		return false
	}
	b.depth++
	defer b.leave()
	sc := inner(in)
	for _, p := range l.Params {
		if p.Schema != nil {
			sc.names[p.Name.Name] = &entity{rel: nowhere()}
		} else {
			sc.names[p.Name.Name] = &entity{expr: bad()}
		}
	}
	for _, s := range l.Body.Stmts {
		switch s := s.(type) {
		case *syntax.Let:
			if v, ok := s.Value.(*syntax.Lambda); ok {
				sc.names[s.Name.Name] = &entity{lambda: v, in: sc}
			} else if b.isTabular(s.Value, env{sc: sc}) {
				sc.names[s.Name.Name] = &entity{rel: nowhere()}
			} else {
				sc.names[s.Name.Name] = &entity{expr: bad()}
			}
		case *syntax.QueryStmt:
			return b.isTabular(s.Value, env{sc: sc})
		}
	}
	return false
}

// name resolves a bare name to a scalar.
func (b *binder) name(x *syntax.Name, e env) plan.Expr {
	if e.row != nil {
		if c, ok := e.row.column(x.Name); ok {
			return b.col(x, c, e.row)
		}
		if r := e.row.right; r != nil {
			if c, ok := r.column(x.Name); ok {
				return &plan.Col{Name: c.Name, T: c.Type}
			}
		}
	}
	if ent := e.sc.find(x.Name); ent != nil {
		return b.entityValue(x, ent, x.Name, e)
	}
	if e.row != nil {
		if t, ok := e.row.missing[x.Name]; ok {
			return &plan.Const{Value: table.Null(t)}
		}
		if e.row.open {
			e.row.guess(x.Name)
			return bad()
		}
	}
	if _, ok := b.env.Table(x.Name); ok {
		note(b.errorf(x, "KS108", "A scalar value is expected here, and '%s' is a table.", x.Name), "wrap it as toscalar(…) to take its first cell")
		return bad()
	}
	if let, ok := b.function(x.Name); ok {
		return b.savedScalar(x, let, nil, e)
	}
	b.unresolved(x, x.Name, e)
	return bad()
}

// unresolved reports a name that is neither a column nor anything else.
func (b *binder) unresolved(at syntax.Node, name string, e env) {
	b.lacks(name)
	what := "column or scalar expression"
	if e.row == nil {
		what = "scalar expression"
	} else if b.op == "where" {
		what = "table or column expression"
	}
	d := b.errorf(at, "SEM0100", "Failed to resolve %s named '%s'", what, name)
	switch {
	case b.cat.Scalar(name) != nil:
		note(d, "%s is a function: write %s(…)", name, name)
	case b.cat.Aggregate(name) != nil:
		note(d, "%s is an aggregate: write %s(…)", name, name)
	default:
		didYouMean(d, nearest(name, e))
	}
}

func nearest(name string, e env) []string {
	var names []string
	if e.row != nil {
		names = append(names, e.row.schema.Names()...)
		if e.row.right != nil {
			names = append(names, e.row.right.schema.Names()...)
		}
	}
	for s := e.sc; s != nil; s = s.up {
		for n := range s.names {
			names = append(names, n)
		}
	}
	return fn.Nearest(name, names)
}

func (b *binder) col(at syntax.Node, c table.Column, r *row) plan.Expr {
	if r.grouped {
		note(b.errorf(at, "KS123", "The column '%s' is used outside an aggregate.", c.Name),
			"name it in the by clause, or take one of its values with take_any(%s)", plan.Ident(c.Name))
		return bad()
	}
	if c.Type == table.Unknown {
		return bad()
	}
	return &plan.Col{Name: c.Name, T: c.Type}
}

// entityValue is what a let or a parameter stands for, as a scalar.
func (b *binder) entityValue(at syntax.Node, ent *entity, name string, e env) plan.Expr {
	switch {
	case ent.pattern != nil:
		b.errorf(at, "KS117", "The pattern '%s' requires an argument list, and gives a table.", name)
		return bad()
	case ent.lambda != nil:
		if len(ent.lambda.Params) > 0 && !allDefault(ent.lambda) {
			b.errorf(at, "KS117", "The function '%s' requires an argument list.", name)
			return bad()
		}
		v := b.expand(at, name, ent, nil, e)
		return b.valueOf(at, v, name)
	case ent.rel != nil:
		if !ent.rel.open {
			note(b.errorf(at, "KS108", "A scalar value is expected here, and '%s' is a table.", name), "wrap it as toscalar(…) to take its first cell")
		}
		return bad()
	}
	if ent.row != nil && (e.row == nil || !sameRow(ent.row, e.row)) {
		note(b.errorf(at, "SXT002", "The parameter '%s' depends on the row of the caller, and cannot be used in a table expression.", name),
			"pass a constant, or use join or lookup in place of the function")
		return bad()
	}
	if ent.row != nil && e.row.grouped && len(plan.Columns(ent.expr)) > 0 {
		b.errorf(at, "KS123", "'%s' reads columns outside an aggregate.", name)
		return bad()
	}
	return ent.expr
}

// sameRow tells whether two rows are of the same operator's input: copies of a row
// share its mark.
func sameRow(a, c *row) bool { return a.mark == c.mark }

func allDefault(l *syntax.Lambda) bool {
	for _, p := range l.Params {
		if p.Default == nil {
			return false
		}
	}
	return true
}

// valueOf is the scalar that an expanded function gives.
func (b *binder) valueOf(at syntax.Node, v *entity, name string) plan.Expr {
	switch {
	case v.expr != nil:
		return v.expr
	case v.rel != nil && !v.rel.open:
		note(b.errorf(at, "KS108", "A scalar value is expected here, and '%s' gives a table.", name), "wrap it as toscalar(…) to take its first cell")
	}
	return bad()
}

// path is X.Name.Name…: properties of a dynamic, a side of a join, or a column of a
// scan's step. It is bound in one go: a path has no levels.
func (b *binder) path(x *syntax.Path, e env) plan.Expr {
	var steps []*syntax.Path // the last first
	for cur := x; cur != nil; {
		steps = append(steps, cur)
		cur, _ = cur.X.(*syntax.Path)
	}
	if len(steps) > b.opts.MaxDepth {
		b.errorf(x, "KS245", "The path is longer than %d names.", b.opts.MaxDepth)
		return bad()
	}
	first := steps[len(steps)-1]
	name := ""
	if n, ok := first.X.(*syntax.Name); ok {
		name = n.Name
	}
	var v plan.Expr
	switch {
	case name == "$left" || name == "$right":
		v = b.side(first, name, e)
		steps = steps[:len(steps)-1]
	case e.row != nil && e.row.steps[name]:
		v = b.state(first, name, e)
		steps = steps[:len(steps)-1]
	case b.isTabular(x, e):
		note(b.errorf(x, "KS108", "A scalar value is expected here, not a table."), "wrap it as toscalar(…) to take its first cell")
		return bad()
	default:
		v = b.scalar(first.X, e.plain())
	}
	for i := len(steps) - 1; i >= 0 && !isBad(v); i-- {
		v = b.member(steps[i], v)
	}
	return v
}

// state is step.column in a scan: what the step last held.
func (b *binder) state(x *syntax.Path, step string, e env) plan.Expr {
	sel, ok := x.Sel.(*syntax.Name)
	if !ok {
		b.errorf(x.Sel, "KS109", "Column name expected.")
		return bad()
	}
	if c, ok := e.row.column(plan.StateColumn(step, sel.Name)); ok {
		return &plan.Col{Name: c.Name, T: c.Type}
	}
	didYouMean(b.errorf(sel, "SEM0100", "The step '%s' has no column '%s'", step, sel.Name), nearest(sel.Name, e))
	return bad()
}

// member is one name of a path.
func (b *binder) member(x *syntax.Path, of plan.Expr) plan.Expr {
	var key string
	switch s := x.Sel.(type) {
	case *syntax.Name:
		key = s.Name
	case *syntax.Literal:
		key = s.Text
	default:
		b.errorf(x.Sel, "KS105", "The name of a property is expected after the dot.")
		return bad()
	}
	if of.Type() == table.Dynamic {
		return b.foldPath(&plan.Member{Of: of, Key: key})
	}
	d := b.errorf(x, "SEM0100", "The value before '.%s' is of type %s, which has no properties.", key, of.Type())
	if of.Type() == table.String {
		note(d, "if it holds JSON, write parse_json(…).%s", key)
	}
	return bad()
}

// side is $left.col or $right.col.
func (b *binder) side(x *syntax.Path, name string, e env) plan.Expr {
	r := e.row
	if r == nil || r.right == nil {
		b.errorf(x, "KS142", "%s has a meaning only in the conditions of a join or lookup.", name)
		return bad()
	}
	if name == "$right" {
		r = r.right
	}
	sel, ok := x.Sel.(*syntax.Name)
	if !ok {
		b.errorf(x.Sel, "KS109", "Column name expected.")
		return bad()
	}
	c, ok := r.column(sel.Name)
	switch {
	case ok && c.Type != table.Unknown:
		return &plan.Col{Name: c.Name, T: c.Type}
	case !ok && !r.open:
		b.lacks(sel.Name)
		didYouMean(b.errorf(sel, "SEM0100", "Failed to resolve column named '%s' on the %s side", sel.Name, name[1:]), fn.Nearest(sel.Name, r.schema.Names()))
	}
	return bad()
}

// index is X[I] of a dynamic.
func (b *binder) index(x *syntax.Index, e env) plan.Expr {
	of, i := b.scalar(x.X, e.plain()), b.scalar(x.I, e.plain())
	if isBad(of) || isBad(i) {
		return bad()
	}
	if of.Type() != table.Dynamic {
		d := b.errorf(x, "KS147", "The element access operator [] is not allowed on a value of type %s.", of.Type())
		switch of.Type() {
		case table.String:
			note(d, "if it holds JSON, write parse_json(…)[…]; for a part of the text use substring(…)")
		}
		return bad()
	}
	switch t := i.Type(); t {
	case table.Long, table.String, table.Dynamic:
	case table.Int:
		i = b.convert(i, table.Long)
	default:
		b.errorf(x.I, "KS107", "An index is a number or the name of a property, not a value of type %s.", t)
		return bad()
	}
	return b.foldPath(&plan.Index{Of: of, I: i})
}

// foldPath looks inside a constant.
func (b *binder) foldPath(e plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.Member:
		if c, ok := e.Of.(*plan.Const); ok {
			if o, ok := c.Value.Dyn().(*table.Object); ok {
				v, _ := o.Get(e.Key)
				return &plan.Const{Value: table.FromDyn(v)}
			}
			return &plan.Const{Value: table.Null(table.Dynamic)}
		}
	case *plan.Index:
		c, ok := e.Of.(*plan.Const)
		i, ok2 := e.I.(*plan.Const)
		if !ok || !ok2 {
			return e
		}
		switch d := c.Value.Dyn().(type) {
		case []any:
			n := i.Value.Int64()
			if i.Value.Type() != table.Long || i.Value.IsNull() {
				break
			}
			if n < 0 {
				n += int64(len(d))
			}
			if n >= 0 && n < int64(len(d)) {
				return &plan.Const{Value: table.FromDyn(d[n])}
			}
		case *table.Object:
			if i.Value.Type() == table.String {
				v, _ := d.Get(i.Value.Str())
				return &plan.Const{Value: table.FromDyn(v)}
			}
		}
		return &plan.Const{Value: table.Null(table.Dynamic)}
	}
	return e
}

func (b *binder) unary(x *syntax.Unary, e env) plan.Expr {
	v := b.scalar(x.X, e.plain())
	if isBad(v) {
		return v
	}
	t := v.Type()
	switch {
	case t.Numeric() || t == table.TimeSpan || t == table.Dynamic:
	default:
		b.errorf(x, "KS106", "The operator '%s' is not defined for the operand type %s.", x.Op, t)
		return bad()
	}
	if x.Op == "+" {
		if t == table.Int {
			return b.convert(v, table.Long) // as - does
		}
		return v
	}
	if c, ok := v.(*plan.Const); ok && !c.Value.IsNull() {
		switch t {
		case table.Int:
			return &plan.Const{Value: table.LongValue(-c.Value.Int64())}
		case table.Long:
			return &plan.Const{Value: table.LongValue(-c.Value.Int64())}
		case table.TimeSpan:
			return &plan.Const{Value: table.TimeSpanValue(-c.Value.Int64())}
		case table.Real:
			return &plan.Const{Value: table.RealValue(-c.Value.Float64())}
		}
	}
	if f := b.cat.Scalar("unary-"); f != nil {
		return b.resolve(x, f, []arg{{expr: v, at: x.X}})
	}
	// the product with -1 has the right type for every operand, nulls included
	return b.operator(x, "*", arg{expr: &plan.Const{Value: table.LongValue(-1)}, at: x}, arg{expr: v, at: x.X})
}

// opNames maps spellings of an operator to its row in the catalogue.
var opNames = map[string]string{"<>": "!=", ":": "has", "notcontains": "!contains", "notcontainscs": "!contains_cs", "containscs": "contains_cs"}

func (b *binder) binary(x *syntax.Binary, e env) plan.Expr {
	if x.Op == "and" || x.Op == "or" {
		return b.chain(x, e)
	}
	if e.terms() != nil {
		if v, ok := b.termBinary(x, e); ok {
			return v
		}
	}
	e = e.plain()
	if _, ok := x.X.(*syntax.Star); ok && e.row != nil {
		return b.anyColumn(x, x.Op, arg{expr: b.scalar(x.Y, e), at: x.Y}, e)
	}
	l, r := b.scalar(x.X, e), b.scalar(x.Y, e)
	return b.operator(x, x.Op, arg{expr: l, at: x.X}, arg{expr: r, at: x.Y})
}

func (b *binder) operator(at syntax.Node, op string, l, r arg) plan.Expr {
	if n, ok := opNames[op]; ok {
		op = n
	}
	f := b.cat.Scalar(op)
	if f == nil {
		b.refuse(at, "the operator "+op)
		return bad()
	}
	bags := l.expr.Type() == table.Dynamic && r.expr.Type() == table.Dynamic
	switch op {
	case "==", "!=", "<", "<=", ">", ">=":
		if bags {
			note(b.runFails(at, "SEM0064", "Cannot compare values of types dynamic and dynamic"), "use an explicit cast on one of them, as tostring(…)")
			return &plan.Const{Value: table.Null(table.Bool)}
		}
		if op != "==" && op != "!=" { // a dynamic is compared as what the other side is
			l.expr, r.expr = b.asOther(l.expr, r.expr), b.asOther(r.expr, l.expr)
		}
	case "+", "-", "*", "/", "%":
		if bags {
			note(b.runFails(at, "KS106", "The operator '%s' is not defined for the operand types dynamic, dynamic.", op), "use an explicit cast on one of them, as tolong(…)")
			return &plan.Const{Value: table.Null(table.Dynamic)}
		}
	}
	return b.resolve(at, f, []arg{l, r})
}

// asOther reads a dynamic as a value that can be ordered against another.
func (b *binder) asOther(v, other plan.Expr) plan.Expr {
	if v.Type() != table.Dynamic {
		return v
	}
	switch t := other.Type(); t {
	case table.Int, table.Long, table.Real, table.Bool:
		return b.convert(v, table.Real) // whole numbers up to 2^53 exactly
	case table.Decimal, table.DateTime, table.TimeSpan:
		return b.convert(v, t)
	}
	return v
}

// chain binds a and b and c … without going one level deeper for each, since
// generated filters have thousands of operands; a long one becomes a balanced
// tree, which means the same.
func (b *binder) chain(x *syntax.Binary, e env) plan.Expr {
	var operands []syntax.Expr
	for cur := syntax.Expr(x); ; {
		y, ok := cur.(*syntax.Binary)
		if !ok || y.Op != x.Op {
			operands = append(operands, cur)
			break
		}
		operands = append(operands, y.Y)
		cur = y.X
	}
	n := len(operands)
	args := make([]arg, n)
	for i, o := range operands {
		args[n-1-i] = arg{expr: b.operand(o, e), at: o}
	}
	f := b.cat.Scalar(x.Op)
	if f == nil {
		b.refuse(x, "the operator "+x.Op)
		return bad()
	}
	for n > 64 {
		var half []arg
		for i := 0; i < len(args); i += 2 {
			if i+1 == len(args) {
				half = append(half, args[i])
			} else {
				half = append(half, arg{expr: b.resolve(x, f, args[i:i+2]), at: args[i].at})
			}
		}
		args, n = half, len(half)
	}
	out := args[0]
	for _, a := range args[1:] {
		out = arg{expr: b.resolve(x, f, []arg{out, a}), at: out.at}
	}
	return out.expr
}

// condition binds what must be true or false.
func (b *binder) condition(x syntax.Expr, e env) plan.Expr {
	n, ok := x.(*syntax.Named)
	if !ok {
		return b.truth(x, b.scalar(x, e))
	}
	v := b.scalar(n.X, e)
	if v.Type() == table.Bool { // where x = y == z: Kusto takes it, and so do queries in the field
		b.warnf(x, "SYN0002", "The name that is given to the condition has no effect.")
		return v
	}
	if !isBad(v) {
		note(b.errorf(x, "KS141", "A condition is expected here, and this gives a name to a value of type %s.", v.Type()), "write == to compare")
	}
	return bad()
}

func (b *binder) truth(at syntax.Node, v plan.Expr) plan.Expr {
	switch t := v.Type(); t {
	case table.Bool, table.Unknown:
		return v
	default:
		d := b.errorf(at, "KS141", "A value of type bool is expected here, not %s.", t)
		if t == table.Dynamic || t.Numeric() {
			note(d, "write tobool(…), or compare it with something")
		} else {
			note(d, "compare it with something")
		}
		return bad()
	}
}

// operand of and, or: a bool, or a dynamic read as one.
func (b *binder) operand(x syntax.Expr, e env) plan.Expr {
	v := b.scalar(x, e)
	if v.Type() == table.Dynamic {
		return b.convert(v, table.Bool)
	}
	return b.truth(x, v)
}

// in is X in (…) and its kin.
func (b *binder) in(x *syntax.In, e env) plan.Expr {
	e = e.plain()
	if s, ok := x.X.(*syntax.Star); ok {
		return b.starIn(s, x, e)
	}
	v := b.scalar(x.X, e)
	return b.inValue(x, arg{expr: v, at: x.X}, e)
}

func (b *binder) inValue(x *syntax.In, v arg, e env) plan.Expr {
	if len(x.List) == 1 && b.isTabular(x.List[0], e) {
		return b.inTable(x, v, e)
	}
	args := []arg{v}
	for _, y := range x.List {
		args = append(args, arg{expr: b.scalar(y, e), at: y})
	}
	f := b.cat.Scalar(x.Op)
	if f == nil {
		b.refuse(x, "the operator "+x.Op)
		return bad()
	}
	if x.Op == "has_any" || x.Op == "has_all" { // of texts: other values by their text
		for i, a := range args {
			if t := a.expr.Type(); t != table.String && t != table.Dynamic {
				args[i].expr = b.convert(a.expr, table.String)
			}
		}
	}
	return b.resolve(x, f, args)
}

// inTable is membership in the first column of a table.
func (b *binder) inTable(x *syntax.In, v arg, e env) plan.Expr {
	r := b.rel(x.List[0], env{sc: e.sc})
	s := r.schema()
	if r.open || isBad(v.expr) {
		return &plan.Const{Value: table.Null(table.Bool)}
	}
	if len(s) == 0 {
		b.errorf(x.List[0], "KS190", "The table has no columns.")
		return bad()
	}
	first := &plan.Col{Name: s[0].Name, T: s[0].Type}
	if x.Op == "has_any" || x.Op == "has_all" {
		f, list := b.cat.Scalar(x.Op), b.cat.Aggregate("make_list")
		if f == nil || list == nil {
			b.refuse(x, x.Op+" over a table")
			return bad()
		}
		q := r.then(&plan.Summarize{Aggs: []plan.Agg{{Fn: list, Args: []plan.Expr{first},
			Info: []fn.Arg{{Type: first.T, Name: first.Name}}, Out: table.Schema{{Name: "list_", Type: table.Dynamic}}}}})
		return b.resolve(x, f, []arg{v, {expr: &plan.ScalarQuery{ID: b.nextID(), Pipe: q.pipe, T: table.Dynamic}, at: x.List[0]}})
	}
	to, ok := b.comparable(v.expr.Type(), first.T)
	if !ok {
		b.errorf(x, "KS242", "A value of type %s cannot be in a column of type %s.", v.expr.Type(), first.T)
		return bad()
	}
	if first.T != to || len(s) > 1 {
		r = r.then(&plan.Project{Cols: []plan.Named{{Name: first.Name, Expr: b.convert(first, to)}}})
	}
	return &plan.InQuery{ID: b.nextID(), X: b.convert(v.expr, to), Pipe: r.pipe,
		Not: x.Op[0] == '!', Fold: x.Op[len(x.Op)-1] == '~'}
}

// comparable gives the type that two values are compared in.
func (b *binder) comparable(x, y table.Type) (table.Type, bool) {
	switch {
	case x == y:
		return x, true
	case x.Numeric() && y.Numeric():
		return max(x, y), true
	case x == table.Dynamic:
		return y, true
	case y == table.Dynamic:
		return x, true
	case x == table.Bool && y.Numeric():
		return y, true
	case y == table.Bool && x.Numeric():
		return x, true
	}
	return table.Unknown, false
}

func (b *binder) between(x *syntax.Between, e env) plan.Expr {
	e = e.plain()
	v, lo, hi := b.scalar(x.X, e), b.scalar(x.Lo, e), b.scalar(x.Hi, e)
	if isBad(v) || isBad(lo) || isBad(hi) {
		return &plan.Const{Value: table.Null(table.Bool)}
	}
	switch { // a dynamic is compared as what the others are
	case v.Type() != table.Dynamic:
		lo, hi = b.asOther(lo, v), b.asOther(hi, v)
	case lo.Type() != table.Dynamic:
		v = b.asOther(v, lo)
		hi = b.asOther(hi, v)
	case hi.Type() != table.Dynamic:
		v = b.asOther(v, hi)
		lo = b.asOther(lo, v)
	}
	if v.Type() == table.DateTime && hi.Type() == table.TimeSpan {
		hi = b.operator(x, "+", arg{expr: lo, at: x.Lo}, arg{expr: hi, at: x.Hi})
	}
	name := "between"
	if x.Not {
		name = "!between"
	}
	args := []arg{{expr: v, at: x.X}, {expr: lo, at: x.Lo}, {expr: hi, at: x.Hi}}
	if f := b.cat.Scalar(name); f != nil {
		return b.resolve(x, f, args)
	}
	if x.Not {
		return b.operator(x, "or", arg{expr: b.operator(x, "<", args[0], args[1]), at: x}, arg{expr: b.operator(x, ">", args[0], args[2]), at: x})
	}
	return b.operator(x, "and", arg{expr: b.operator(x, ">=", args[0], args[1]), at: x}, arg{expr: b.operator(x, "<=", args[0], args[2]), at: x})
}

// typeOf is typeof(long) as an argument: the name of the type.
func (b *binder) typeOf(x *syntax.TypeOf) plan.Expr {
	if x.Type == nil {
		b.errorf(x, "KS172", "One type is expected here, as in typeof(long).")
		return bad()
	}
	t, ok := b.typeName(x.Type)
	if !ok {
		return bad()
	}
	return &plan.Const{Value: table.StringValue(t.String())}
}

func (b *binder) typeName(t *syntax.TypeName) (table.Type, bool) {
	typ, ok := table.ParseType(t.Name)
	if !ok {
		note(b.errorf(t, "KS160", "'%s' is not a type.", t.Name), "the types are bool, int, long, real, decimal, string, datetime, timespan, guid and dynamic")
	}
	return typ, ok
}
