package bind

import (
	"fmt"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// file binds the statements of a text in order.
func (b *binder) file(f *syntax.File) *Query {
	q := &Query{}
	sc := inner(nil)
	for _, s := range f.Stmts {
		if b.stop {
			break
		}
		if b.looked(s) {
			b.look(s.At(), nil, env{sc: sc})
		}
		switch s := s.(type) {
		case *syntax.QueryStmt:
			b.result(q, s, env{sc: sc})
		default:
			b.statement(s, sc)
		}
	}
	if len(q.Pipelines) == 0 && !b.stop && b.diags.Err() == nil {
		b.warnf(f, "SYN0002", "There is no query here, only declarations; end with the name of a table, or with print.")
	}
	return q
}

// result binds a statement that gives rows.
func (b *binder) result(q *Query, s *syntax.QueryStmt, e env) {
	if p, ok := s.Value.(*syntax.Pipe); ok && b.branches(q, p, e) {
		return
	}
	v := b.value(s.Value, e)
	if v.rel == nil {
		if v.expr != nil && !isBad(v.expr) { // as if print stood in front of it
			b.add(q, source(&plan.Print{Cols: []plan.Named{{Name: "print_0", Expr: v.expr}}}), "")
		}
		return
	}
	b.add(q, v.rel, v.rel.name)
}

func (b *binder) add(q *Query, r *rel, name string) {
	q.Pipelines = append(q.Pipelines, b.shown(r).pipe)
	q.Names = append(q.Names, name)
	q.Renders = append(q.Renders, r.render)
}

// value binds an expression as whatever it is.
func (b *binder) value(x syntax.Expr, e env) *entity {
	if b.isTabular(x, e) {
		return &entity{rel: b.rel(x, e)}
	}
	switch y := x.(type) {
	case *syntax.Name:
		if e.sc.find(y.Name) == nil {
			// neither a table nor a let: as a statement it was meant as a table
			return &entity{rel: b.rel(x, e)}
		}
	case *syntax.Call:
		if e.sc.find(y.Func.Name) == nil && b.cat.Scalar(y.Func.Name) == nil && !special[y.Func.Name] {
			return &entity{rel: b.rel(x, e)}
		}
	case *syntax.Lambda:
		return &entity{lambda: y, in: e.sc}
	}
	return &entity{expr: b.scalar(x, e)}
}

// statement binds what is no query.
func (b *binder) statement(s syntax.Stmt, sc *scope) {
	switch s := s.(type) {
	case *syntax.Let:
		b.let(s, env{sc: sc})
	case *syntax.Set:
		b.set(s, sc)
	case *syntax.DeclareParams:
		b.declareParams(s, sc)
	case *syntax.DeclarePattern:
		b.declarePattern(s, sc)
	case *syntax.Restrict:
		b.restrict(s, sc)
	case *syntax.Alias:
		b.refuse(s, "alias database")
	case *syntax.BadStmt:
	}
}

// let declares a name. e has a row in the body of a function whose arguments read one.
func (b *binder) let(s *syntax.Let, e env) {
	name, sc := s.Name.Name, e.sc
	if _, twice := sc.names[name]; twice {
		b.errorf(&s.Name, "KS201", "A variable with the name '%s' has already been declared.", name)
		return
	}
	v := b.value(s.Value, e)
	if v.lambda != nil {
		v = &entity{lambda: v.lambda, in: sc, view: v.lambda.View}
		b.checkParams(v.lambda)
		sc.names[name] = v
		if b.looked(v.lambda) {
			b.lookInto(s, name, v)
		}
		return
	}
	if v.rel != nil {
		r := *v.rel
		r.name = name
		r.render = nil
		v = &entity{rel: &r}
	} else if v.expr != nil && len(plan.Columns(v.expr)) > 0 {
		v.row = e.row
	}
	sc.names[name] = v
}

func (b *binder) checkParams(l *syntax.Lambda) {
	seen := map[string]bool{}
	scalars := false
	for _, p := range l.Params {
		if seen[p.Name.Name] {
			b.errorf(&p.Name, "KS201", "A parameter with the name '%s' has already been declared.", p.Name.Name)
		}
		seen[p.Name.Name] = true
		if p.Schema == nil {
			scalars = true
			if p.Type != nil {
				b.typeName(p.Type)
			}
		} else {
			b.declared(p.Schema)
			if scalars {
				b.errorf(p, "KS226", "Tabular parameters must be declared first.")
			}
		}
	}
}

func (b *binder) declareParams(s *syntax.DeclareParams, sc *scope) {
	for _, p := range s.Params {
		if p.Type == nil {
			b.refuse(p, "a tabular query parameter")
			continue
		}
		t, ok := b.typeName(p.Type)
		if !ok {
			continue
		}
		var v plan.Expr
		switch given, ok := b.opts.Params[p.Name.Name]; {
		case ok && given.Type() == t:
			v = &plan.Const{Value: given}
		case ok:
			v = b.convert(&plan.Const{Value: given}, t)
			if c, isConst := v.(*plan.Const); !isConst || c.Value.IsNull() && !given.IsNull() {
				b.errorf(p, "KS107", "The value given for the parameter '%s' is not a %s.", p.Name.Name, t)
			}
		case p.Default != nil:
			v = b.convert(b.scalar(p.Default, env{}), t)
		default:
			b.errorf(p, "KS197", "The query parameter '%s' has neither a value nor a default.", p.Name.Name)
			v = bad()
		}
		sc.names[p.Name.Name] = &entity{expr: v}
	}
}

// expand gives what a function gives for these arguments. call is nil where the
// name stands without parentheses.
func (b *binder) expand(at syntax.Node, name string, f *entity, call *syntax.Call, e env) *entity {
	var args []*entity
	var names []string
	if call != nil {
		for _, a := range call.Args {
			n := ""
			if nm, ok := a.(*syntax.Named); ok && len(nm.Names) == 1 {
				n, a = nm.Names[0].Name, nm.X
			}
			names = append(names, n)
			args = append(args, b.argument(a, e))
		}
	}
	return b.apply(at, name, f, args, names, call)
}

// argument of a function of the user's: a table, a function or a scalar.
func (b *binder) argument(a syntax.Expr, e env) *entity {
	switch a := a.(type) {
	case *syntax.Star:
		// T(*): not a value
	case *syntax.Name:
		if ent := e.sc.find(a.Name); ent != nil && ent.lambda != nil && len(ent.lambda.Params) > 0 {
			if _, isCol := e.row.column(a.Name); !isCol {
				return ent
			}
		}
	}
	if b.isTabular(a, e) {
		return &entity{rel: b.rel(a, env{sc: e.sc})}
	}
	v := &entity{expr: b.scalar(a, e.plain())}
	if len(plan.Columns(v.expr)) > 0 {
		v.row = e.row
	}
	return v
}

// maxFrames is how deep functions may call each other.
const maxFrames = 100

// apply binds a function's body with its parameters bound.
func (b *binder) apply(at syntax.Node, name string, f *entity, args []*entity, names []string, call syntax.Node) *entity {
	failed := &entity{expr: bad()}
	if b.bodyTabular(f.lambda, f.in) {
		failed = &entity{rel: nowhere()}
	}
	if !b.enter(at) {
		return failed
	}
	defer b.leave()
	for _, fr := range b.frames {
		if fr.fn == f.lambda && f.saved {
			b.errorf(at, "SXT004", "The saved function '%s' calls itself.", name)
			return failed
		}
	}
	if len(b.frames) >= maxFrames {
		b.errorf(at, "KS245", "Functions call each other more than %d levels deep.", maxFrames)
		return failed
	}
	sc := inner(f.in)
	if !b.bindParams(at, name, f.lambda, args, names, sc) {
		return failed
	}
	b.frames = append(b.frames, frame{name: name, fn: f.lambda, call: at.At(), user: !f.saved})
	op := b.op
	b.op = ""
	defer func() { b.frames, b.op = b.frames[:len(b.frames)-1], op }()
	if f.lambda.Body == nil {
		return failed
	}
	defer b.seeing(f.env)()
	var out *entity
	for _, s := range f.lambda.Body.Stmts {
		if b.looked(s) {
			b.look(s.At(), nil, env{sc: sc})
		}
		if q, ok := s.(*syntax.QueryStmt); ok {
			out = b.value(q.Value, env{sc: sc, row: rowOfArgs(args)})
			if out.rel != nil {
				r := *out.rel
				r.name, r.render = name, nil
				if f.view {
					r.label = name
				}
				out = &entity{rel: &r}
			} else if out.expr != nil && len(plan.Columns(out.expr)) > 0 {
				out.row = rowOfArgs(args)
			}
			continue
		}
		if let, ok := s.(*syntax.Let); ok {
			b.let(let, env{sc: sc, row: rowOfArgs(args)})
			continue
		}
		b.statement(s, sc)
	}
	if out == nil {
		b.errorf(at, "KS176", "The function '%s' has no result: its body must end in an expression.", name)
		return failed
	}
	return out
}

// rowOfArgs is the caller's row that scalar arguments read, without its names: a
// body sees the caller's columns only through its parameters.
func rowOfArgs(args []*entity) *row {
	for _, a := range args {
		if a.row != nil {
			r := *a.row
			r.index, r.right, r.open, r.grouped, r.aggs, r.terms = nil, nil, false, false, nil, nil
			return &r
		}
	}
	return nil
}

// bindParams lines up arguments with parameters.
func (b *binder) bindParams(at syntax.Node, name string, l *syntax.Lambda, args []*entity, names []string, sc *scope) bool {
	least := 0
	for _, p := range l.Params {
		if p.Default == nil {
			least++
		}
	}
	if len(args) > len(l.Params) || len(args) < least && !anyNamed(names) {
		d := b.errorf(at, "KS119", "The function '%s' expects %s, not %d.", name, count(least, len(l.Params)), len(args))
		note(d, "usage: %s", signature(name, l))
		return false
	}
	given := make([]*entity, len(l.Params))
	next := 0
	for i, a := range args {
		j := next
		if names[i] != "" {
			j = -1
			for k, p := range l.Params {
				if p.Name.Name == names[i] {
					j = k
				}
			}
			if j < 0 {
				b.errorf(at, "KS196", "The function '%s' has no parameter named '%s'.", name, names[i])
				return false
			}
		}
		if j >= len(given) || given[j] != nil {
			b.errorf(at, "KS195", "The function '%s' is given one of its parameters twice.", name)
			return false
		}
		given[j] = a
		next = j + 1
	}
	ok := true
	for i, p := range l.Params {
		v := given[i]
		if v == nil {
			if p.Default == nil {
				b.errorf(at, "KS197", "The argument for parameter '%s' of '%s' is missing.", p.Name.Name, name)
				ok = false
				continue
			}
			v = &entity{expr: b.scalar(p.Default, env{})}
		}
		if v = b.parameter(at, name, p, v); v == nil {
			ok = false
			continue
		}
		sc.names[p.Name.Name] = v
	}
	return ok
}

func anyNamed(names []string) bool {
	for _, n := range names {
		if n != "" {
			return true
		}
	}
	return false
}

func signature(name string, l *syntax.Lambda) string {
	s := name + "("
	for i, p := range l.Params {
		if i > 0 {
			s += ", "
		}
		s += p.Name.Name
		if p.Type != nil {
			s += ":" + p.Type.Name
		}
	}
	return s + ")"
}

// parameter makes an argument fit a parameter; nil when it does not.
func (b *binder) parameter(at syntax.Node, name string, p *syntax.FuncParam, v *entity) *entity {
	if p.Schema != nil {
		if v.rel == nil {
			b.errorf(at, "KS111", "The parameter '%s' of '%s' is a table.", p.Name.Name, name)
			return nil
		}
		if v.rel.open {
			return v
		}
		want, _ := b.declared(p.Schema)
		have := v.rel.schema()
		for _, c := range want {
			i := have.Index(c.Name)
			if i < 0 || have[i].Type != c.Type && c.Type != table.Unknown {
				note(b.errorf(at, "KS249", "The table given for '%s' of '%s' does not have the required column %s:%s.", p.Name.Name, name, c.Name, c.Type), "it has %s", have)
				return nil
			}
		}
		r := *v.rel // with all its columns: the declared ones are the least that it must have
		r.name = p.Name.Name
		return &entity{rel: &r}
	}
	if v.lambda != nil {
		return v
	}
	if v.rel != nil {
		if !v.rel.open {
			note(b.errorf(at, "KS108", "The parameter '%s' of '%s' is a scalar, and a table is given.", p.Name.Name, name), "wrap the table in toscalar(…)")
		}
		return &entity{expr: bad()}
	}
	t := table.Unknown
	if p.Type != nil {
		t, _ = table.ParseType(p.Type.Name)
	}
	have := v.expr.Type()
	if t == table.Unknown || have == table.Unknown || have == t {
		return v
	}
	if have == table.DateTime && t == table.TimeSpan || have == table.TimeSpan && t == table.DateTime {
		// Kusto takes it; rules in the field depend on that
		b.warnf(at, "KS107", "The parameter '%s' of '%s' is of type %s, and a value of type %s is given: it becomes null.", p.Name.Name, name, t, have)
		return &entity{expr: &plan.Const{Value: table.Null(t)}}
	}
	if !assignable(have, t) {
		b.errorf(at, "KS107", "The parameter '%s' of '%s' is of type %s, and a value of type %s is given.", p.Name.Name, name, t, have)
		return nil
	}
	e := v.expr
	if t == table.Dynamic {
		if c, ok := e.(*plan.Const); ok {
			return &entity{expr: &plan.Const{Value: b.asDynamic(c.Value)}}
		}
	}
	return &entity{expr: b.convert(e, t), row: v.row}
}

// assignable tells whether a function of the user's takes a value of another
// type than it declares: numbers for numbers, a dynamic for and from anything.
func assignable(have, want table.Type) bool {
	switch {
	case have.Numeric() && want.Numeric():
		return true
	case have == table.Dynamic || want == table.Dynamic:
		return true
	case want == table.String:
		return true
	}
	return false
}

// savedEntity is a function of the environment; it sees nothing of the query.
func savedEntity(let *syntax.Let) *entity {
	if l, ok := let.Value.(*syntax.Lambda); ok {
		return &entity{lambda: l, saved: true, view: l.View}
	}
	body := &syntax.Block{Place: syntax.Place{Span: let.Span}, Stmts: []syntax.Stmt{&syntax.QueryStmt{Value: let.Value}}}
	return &entity{lambda: &syntax.Lambda{Body: body}, saved: true}
}

func (b *binder) savedRel(at syntax.Node, name string, let *syntax.Let, call *syntax.Call, e env) *rel {
	return b.entityRel(at, b.saved(let), name, call, e)
}

func (b *binder) savedScalar(at syntax.Node, let *syntax.Let, call *syntax.Call, e env) plan.Expr {
	v := b.expand(at, let.Name.Name, b.saved(let), call, e)
	return b.valueOf(at, v, let.Name.Name)
}

// fresh names for columns that only the plan sees; no query can write them.
func (b *binder) fresh(kind string) string {
	return fmt.Sprintf("$%s%d", kind, b.nextID())
}
