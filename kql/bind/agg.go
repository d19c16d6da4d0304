package bind

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// aggregates collects what an operator aggregates. Expressions around an
// aggregate read its columns under fresh names.
type aggregates struct {
	list []plan.Agg
	by   []string // input columns that the by clause names: a * leaves them out
}

// tuple is an aggregate that gives several columns, with their default names.
type tuple struct {
	out  table.Schema
	ids  []string // the input column that a column is, "" where it is another
	cols []plan.Expr
	// scalar: of a function; where some columns are given names, the engine gives
	// those alone (Microsoft's language service expects the others, too).
	scalar bool
}

func (t *tuple) col(i int) plan.Expr { return t.cols[i] }

// bareAggregate is the aggregate that an expression calls directly.
func (b *binder) bareAggregate(x syntax.Expr, e env) *fn.Aggregate {
	for {
		p, ok := x.(*syntax.Paren)
		if !ok {
			break
		}
		x = p.X
	}
	c, ok := x.(*syntax.Call)
	if !ok || e.row == nil || e.row.aggs == nil || e.sc.find(c.Func.Name) != nil {
		return nil
	}
	return b.cat.Aggregate(c.Func.Name)
}

// tuple binds an expression that gives several columns.
func (b *binder) tuple(x syntax.Expr, e env) (*tuple, bool) {
	a := b.bareAggregate(x, e)
	if a == nil {
		return b.scalarTuple(x, e)
	}
	if a.Several == nil || a.Name == "any" && len(callOf(x).Args) == 1 && !isStar(callOf(x).Args[0]) {
		return nil, false
	}
	t := b.aggregateColumns(callOf(x), a, e)
	return t, true
}

// scalarTuple binds a scalar function that gives several columns.
func (b *binder) scalarTuple(x syntax.Expr, e env) (*tuple, bool) {
	c := callOf(x)
	if c == nil || e.sc.find(c.Func.Name) != nil {
		return nil, false
	}
	f := b.cat.Scalar(c.Func.Name)
	if f == nil || f.Several == nil || f.All == nil {
		return nil, false
	}
	if len(c.Args) == 0 {
		return nil, false
	}
	args := b.scalarArgs(c, f, e)
	info := infos(args)
	for i, a := range c.Args {
		if i >= len(info) {
			break
		}
		info[i].Name, _ = b.resultName(a, e)
		if info[i].Name == "" && strings.HasPrefix(f.Name, "array_sort") {
			info[i].Name = fmt.Sprintf("array%d", i)
		}
	}
	all := b.resolve(c, f.All, args)
	t := &tuple{out: f.Several(info), scalar: true}
	t.ids = make([]string, len(t.out))
	for i, col := range t.out {
		v := all
		if !isBad(all) {
			v = b.convert(b.foldPath(&plan.Index{Of: all, I: &plan.Const{Value: table.LongValue(int64(i))}}), col.Type)
		}
		t.cols = append(t.cols, v)
	}
	return t, len(t.out) > 0
}

func isStar(x syntax.Expr) bool { _, ok := x.(*syntax.Star); return ok }

func callOf(x syntax.Expr) *syntax.Call {
	for {
		switch y := x.(type) {
		case *syntax.Paren:
			x = y.X
		case *syntax.Call:
			return y
		default:
			return nil
		}
	}
}

// aggregateName is the default name of an aggregate's only column.
func (b *binder) aggregateName(x syntax.Expr, a *fn.Aggregate, e env) string {
	c := callOf(x)
	if a.ResultName == nil {
		return a.Name + "_"
	}
	first := ""
	if len(c.Args) > 0 {
		first, _ = b.resultName(c.Args[0], e)
	}
	return a.ResultName(first)
}

// aggregate binds a call inside an expression: its first column.
func (b *binder) aggregate(x *syntax.Call, a *fn.Aggregate, e env) plan.Expr {
	return b.aggregateColumns(x, a, e).col(0)
}

// aggregateColumns binds an aggregate and gives its columns under fresh names.
func (b *binder) aggregateColumns(x *syntax.Call, a *fn.Aggregate, e env) *tuple {
	failed := &tuple{out: table.Schema{{Name: "$bad"}}, ids: []string{""}, cols: []plan.Expr{bad()}}
	if a.Refused != "" {
		b.errorf(x, "SXT003", "%s cannot be used here: %s", a.Name, a.Refused)
		return failed
	}
	inner := *e.row
	inner.aggs, inner.grouped = nil, false
	args, names, ids := b.aggregateArgs(x, a, env{sc: e.sc, row: &inner}, e.row.aggs.by)
	for i := range args {
		args[i].name = names[i]
	}
	switch a.Name {
	case "countif", "sumif", "minif", "maxif", "avgif", "dcountif", "take_anyif", "anyif", "make_list_if", "make_set_if", "make_bag_if",
		"stdevif", "varianceif", "variancepif", "count_distinctif":
		i := min(1, len(args)-1)
		if i >= 0 {
			args[i].expr = b.truth(args[i].at, args[i].expr)
		}
	}
	sig, ps, wrong, want := choose(a.Sigs, args)
	unknown := false
	for _, g := range args {
		unknown = unknown || isBad(g.expr)
	}
	if sig == nil {
		if !unknown {
			b.noFit(x, x.Func.Name, a.Sigs, args, wrong, want)
		}
		return failed
	}
	if unknown {
		if a.Several == nil {
			if t := sameResult(a.Sigs); t != table.Unknown {
				failed.cols[0] = &plan.Const{Value: table.Null(t)}
			}
			return failed
		}
		out := &tuple{ids: ids}
		for i, n := range names {
			out.out = append(out.out, table.Column{Name: n, Type: args[i].expr.Type()})
			out.cols = append(out.cols, bad())
		}
		if len(out.out) == 0 {
			return failed
		}
		return out
	}
	exprs, info, ok := b.arguments(x.Func.Name, sig, ps, args)
	if !ok {
		return failed
	}
	var out table.Schema
	switch {
	case picks(a.Name):
		for i, n := range names {
			out = append(out, table.Column{Name: n, Type: exprs[i].Type()})
		}
	case a.Several != nil && a.Name != "any":
		out = a.Several(info)
		ids = make([]string, len(out))
	default:
		t := sig.Result
		if sig.ResultOf != nil {
			t = sig.ResultOf(infos(args))
		}
		out = table.Schema{{Name: b.aggregateName(x, a, e), Type: t}}
		ids = []string{""}
	}
	if a.Name == "any" {
		out = nil
		for i, n := range names {
			out = append(out, table.Column{Name: "any_" + n, Type: exprs[i].Type()})
		}
		ids = make([]string, len(out))
	}
	t := &tuple{out: out, ids: ids}
	real := make(table.Schema, len(out))
	for i, c := range out {
		if c.Type == table.Unknown {
			note(b.errorf(x, "KS232", "No common type can be found for the arguments of %s: %s.", a.Name, typeList(args)), "convert them with tostring(), tolong() and the like")
			return failed
		}
		real[i] = table.Column{Name: b.fresh("agg"), Type: c.Type}
		t.cols = append(t.cols, &plan.Col{Name: real[i].Name, T: c.Type})
	}
	e.row.aggs.list = append(e.row.aggs.list, plan.Agg{Fn: a, Args: exprs, Info: info, Out: real})
	return t
}

// picks are the aggregates whose columns are their arguments.
func picks(name string) bool { return name == "arg_max" || name == "arg_min" || name == "take_any" }

// aggregateArgs binds the arguments, expands *, and gives each the name that its
// column has by default.
func (b *binder) aggregateArgs(x *syntax.Call, a *fn.Aggregate, e env, by []string) (args []arg, names, ids []string) {
	star := slices.ContainsFunc(x.Args, isStar)
	prefix := map[string]string{"arg_max": "max", "arg_min": "min"}[a.Name]
	isArg := prefix != ""
	taken := map[string]bool{}
	if a.Name == "take_any" || a.Name == "any" {
		for _, c := range by {
			taken[c] = true
		}
	}
	put := func(v arg, name, id string) {
		args, names, ids = append(args, v), append(names, name), append(ids, id)
	}
	primary := ""
	for i, y := range x.Args {
		if isStar(y) {
			if !picks(a.Name) && a.Name != "any" && a.Name != "argmax" && a.Name != "argmin" {
				if a.Name != "count" {
					b.errorf(y, "KS191", "The * is not allowed here.")
				}
				continue
			}
			for _, c := range e.row.schema {
				if taken[c.Name] || slices.Contains(by, c.Name) {
					continue
				}
				taken[c.Name] = true
				put(arg{expr: &plan.Col{Name: c.Name, T: c.Type}, at: y}, c.Name, c.Name)
			}
			continue
		}
		under, written := y, ""
		if n, ok := y.(*syntax.Named); ok && len(n.Names) == 1 {
			under, written = n.X, n.Names[0].Name
		}
		v := arg{expr: b.scalar(under, e), at: under}
		name, ok := b.resultName(y, e)
		if i == 0 {
			primary = name
		}
		id, isCol := resultColumn(under, v.expr)
		if isCol {
			if (i > 0 || !isArg) && star && (taken[id] || isArg && slices.Contains(by, id)) {
				continue
			}
			n := id
			if written != "" {
				n = written
			}
			own := id
			if written != "" || taken[id] || isArg && slices.Contains(by, id) {
				own = "" // a column of its own, numbered where the name is taken
			}
			taken[id] = true
			put(v, n, own)
			continue
		}
		if !ok || name == "" {
			switch {
			case isArg && i == 0:
				name = prefix + "_"
			case isArg:
				name = fmt.Sprintf("%s_%s_arg%d", prefix, primary, i)
			case a.Name == "take_any":
				name = fmt.Sprintf("any_arg%d", i)
			}
		}
		put(v, name, "")
	}
	return args, names, ids
}

// binned is x of an old form, summarize … by x bin=size: by bin(x, size), with the name
// that x has.
func binned(x, size syntax.Expr) syntax.Expr {
	of := x
	if n, ok := x.(*syntax.Named); ok {
		of = n.X
	}
	call := &syntax.Call{Place: syntax.Place{Span: x.At()}, Func: syntax.Ident{Name: "bin"}, Args: []syntax.Expr{of, size}}
	if n, ok := x.(*syntax.Named); ok {
		named := *n
		named.X = call
		return &named
	}
	return call
}

// summarize binds aggregates and groups.
func (b *binder) summarize(o *syntax.Summarize, r *rel, e env) *rel {
	p := b.projection()
	for i, x := range o.By {
		if o.Bin != nil && i == len(o.By)-1 {
			x = binned(x, o.Bin)
		}
		p.item(x, e, styleProject, "")
	}
	groups := len(p.cols)
	for i, c := range p.cols {
		if c.expr.Type() == table.Dynamic {
			at := syntax.Node(o)
			if i < len(o.By) {
				at = o.By[i]
			}
			note(b.errorf(at, "SEM0020", "Summarize group key '%s' is of a 'dynamic' type.", c.name), "use an explicit cast, as in by tostring(%s)", plan.Ident(c.name))
		}
	}
	var by []string
	for i, c := range p.cols {
		if c.id != "" {
			p.skip[c.id] = true
		}
		if col, ok := c.expr.(*plan.Col); ok && i < groups {
			by = append(by, col.Name)
		}
	}
	aggs := &aggregates{by: by}
	inner := *e.row
	inner.aggs, inner.grouped = aggs, true
	for _, x := range o.Items {
		p.item(x, env{sc: e.sc, row: &inner}, styleProject, "")
	}
	if len(o.Items) == 0 && len(o.By) == 0 {
		b.errorf(o, "SYN0002", "There is nothing to summarize: an aggregate or a by clause is expected.")
	}
	return b.group(r, p, groups, aggs)
}

// group makes the operators for groups, aggregates, and what is computed of them.
func (b *binder) group(r *rel, p *projection, groups int, aggs *aggregates) *rel {
	out := &rel{pipe: r.pipe, open: r.open, name: r.name}
	cols := p.named()
	for _, c := range cols {
		if isBad(c.Expr) {
			return out.opened(cols)
		}
	}
	s := &plan.Summarize{By: cols[:groups:groups], Aggs: aggs.list}
	if direct(cols[groups:], aggs.list) {
		i := groups
		for j, a := range s.Aggs {
			named := make(table.Schema, len(a.Out))
			for k, c := range a.Out {
				named[k] = table.Column{Name: cols[i].Name, Type: c.Type}
				i++
			}
			s.Aggs = slices.Clone(s.Aggs)
			s.Aggs[j].Out = named
		}
		return out.then(s)
	}
	out = out.then(s)
	final := columns(s.Schema()[:groups])
	return out.then(&plan.Project{Cols: append(final, cols[groups:]...)})
}

// direct tells whether the columns are the aggregates' own, all and in order.
func direct(cols []plan.Named, aggs []plan.Agg) bool {
	i := 0
	for _, a := range aggs {
		for _, o := range a.Out {
			if i >= len(cols) {
				return false
			}
			c, ok := cols[i].Expr.(*plan.Col)
			if !ok || c.Name != o.Name {
				return false
			}
			i++
		}
	}
	return i == len(cols)
}

// distinct is project, then each row once.
func (b *binder) distinct(o *syntax.Distinct, r *rel, e env) *rel {
	p := b.projection()
	for _, x := range o.Items {
		p.item(x, e, styleProject, "")
	}
	cols := p.named()
	for i, c := range cols {
		if c.Expr.Type() == table.Dynamic {
			at := syntax.Node(o)
			if i < len(o.Items) {
				at = o.Items[i]
			}
			note(b.errorf(at, "SEM0020", "distinct cannot compare the column '%s' of type dynamic.", c.Name), "use an explicit cast, as in distinct tostring(%s)", plan.Ident(c.Name))
		}
	}
	out := &rel{pipe: r.pipe, open: r.open, name: r.name}
	for _, c := range cols {
		if isBad(c.Expr) {
			return out.opened(cols)
		}
	}
	if !isIdentity(cols, r.pipe.Schema()) {
		out = out.then(&plan.Project{Cols: cols})
	}
	return out.then(&plan.Distinct{In: out.pipe.Schema()})
}

// isIdentity tells whether columns are a schema, unchanged.
func isIdentity(cols []plan.Named, s table.Schema) bool {
	if len(cols) != len(s) {
		return false
	}
	for i, c := range cols {
		col, ok := c.Expr.(*plan.Col)
		if !ok || col.Name != s[i].Name || c.Name != s[i].Name {
			return false
		}
	}
	return true
}
