package bind

import (
	"slices"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// special functions have a meaning for the binder, beside or in place of a row
// in the catalogue.
var special = map[string]bool{"toscalar": true, "column_ifexists": true, "columnifexists": true, "ingestion_time": true, "pack_all": true, "bag_pack_columns": true, "column_names_of": true, "iscolumnexists": true, "current_cluster_endpoint": true, "current_database": true}

// call binds a call that gives a scalar.
func (b *binder) call(x *syntax.Call, e env) plan.Expr {
	name := x.Func.Name
	if ent := e.sc.find(name); ent != nil {
		if ent.lambda == nil {
			b.errorf(&x.Func, "KS128", "The name '%s' does not refer to a function.", name)
			return bad()
		}
		return b.valueOf(x, b.expand(x, name, ent, x, e), name)
	}
	if name == "not" && e.terms() != nil && len(x.Args) == 1 {
		return b.resolve(x, b.cat.Scalar("not"), []arg{{expr: b.condition(x.Args[0], e), at: x.Args[0]}})
	}
	e = e.plain()
	switch name {
	case "toscalar":
		return b.toScalar(x, e)
	case "column_ifexists", "columnifexists":
		return b.columnIfExists(x, e)
	case "iscolumnexists":
		if n, ok := b.constText(x, e); ok {
			_, exists := e.row.column(n)
			return &plan.Const{Value: table.BoolValue(exists)}
		}
		return bad()
	case "ingestion_time":
		return b.ingestionTime(x, e)
	case "bin_auto":
		return b.binAuto(x, e)
	case "pack_all":
		return b.packAll(x, e)
	case "bag_pack_columns":
		return b.packColumns(x, e)
	case "column_names_of":
		return b.columnNames(x, e)
	case "current_database":
		return &plan.Const{Value: table.StringValue("workspace")}
	case "materialize", "table", "view":
		b.rel(x, e)
		note(b.errorf(x, "KS108", "A scalar value is expected here, and %s() gives a table.", name), "wrap it as toscalar(…) to take its first cell")
		return bad()
	}
	if e.row != nil && e.row.aggs != nil {
		if a := b.cat.Aggregate(name); a != nil {
			return b.aggregate(x, a, e)
		}
	}
	if f := b.cat.Scalar(name); f != nil {
		return b.scalarCall(x, f, e)
	}
	if let, ok := b.function(name); ok {
		return b.savedScalar(x, let, x, e)
	}
	if b.cat.Aggregate(name) != nil {
		d := b.errorf(&x.Func, "KS144", "The aggregate function '%s' is not allowed in this context.", name)
		note(d, "aggregates stand in summarize and make-series")
		return bad()
	}
	b.unknownFunction(x, name, e)
	return bad()
}

func (b *binder) unknownFunction(x *syntax.Call, name string, e env) {
	d := b.errorf(&x.Func, "SEM0260", "Unknown function: '%s'.", name)
	near := b.cat.Near(name, e.row != nil && e.row.aggs != nil)
	var own []string
	for s := e.sc; s != nil; s = s.up {
		for n, ent := range s.names {
			if ent.lambda != nil {
				own = append(own, n)
			}
		}
	}
	near = slices.DeleteFunc(near, isSymbol)
	didYouMean(d, append(fn.Nearest(name, own), near...))
}

func (b *binder) scalarCall(x *syntax.Call, f *fn.Scalar, e env) plan.Expr {
	if !b.rowCall(x, f, e) {
		return bad()
	}
	return b.resolve(x, f, b.scalarArgs(x, f, e))
}

// rowCall sees that a function over rows stands where rows have an order.
func (b *binder) rowCall(x *syntax.Call, f *fn.Scalar, e env) bool {
	if f.Row != fn.NotRow {
		switch {
		case e.row == nil:
			b.errorf(x, "SEM0207", "The function '%s' needs the rows of a table around it.", f.Name)
			return false
		case !e.row.ordered && !e.row.open:
			note(b.errorf(x, "SEM0207", "The function '%s' needs rows in a known order.", f.Name), "put sort by … or serialize before it")
			return false
		}
		e.row.usesRow = true
	}
	return true
}

// scalarArgs binds the arguments of a catalogue function.
func (b *binder) scalarArgs(x *syntax.Call, f *fn.Scalar, e env) []arg {
	var args []arg
	for _, a := range x.Args {
		if s, ok := a.(*syntax.Star); ok {
			args = append(args, b.starArgs(s, e)...)
			continue
		}
		name := ""
		if n, ok := a.(*syntax.Named); ok && len(n.Names) == 1 {
			name, a = n.Names[0].Name, n.X
		}
		args = append(args, arg{expr: b.scalar(a, e), at: a, name: name})
	}
	if f.Row == fn.RowPrev || f.Row == fn.RowNext {
		b.checkShift(f, args)
	}
	switch f.Name {
	case "coalesce", "max_of", "min_of":
		b.agree(args)
	case "iff", "not", "case":
		for i := range args {
			if f.Name == "not" || f.Name == "iff" && i == 0 || f.Name == "case" && i%2 == 0 && i < len(args)-1 {
				args[i].expr = b.truth(args[i].at, args[i].expr)
			}
		}
	}
	return args
}

// checkShift sees that the offset and the default of prev and next are constants.
func (b *binder) checkShift(f *fn.Scalar, args []arg) {
	for i, a := range args {
		c, ok := a.expr.(*plan.Const)
		switch {
		case i == 0 || isBad(a.expr):
		case !ok:
			b.errorf(a.at, "KS129", "The %s of %s must be a constant.", []string{"", "offset", "default"}[min(i, 2)], f.Name)
		case i == 1 && !c.Value.IsNull() && c.Value.Type().Numeric() && c.Value.Number() < 1:
			b.errorf(a.at, "KS140", "The offset of %s must be 1 or more.", f.Name)
		}
	}
}

// agree reads dynamics as the one other type that stands among the arguments.
func (b *binder) agree(args []arg) {
	common := table.Unknown
	for _, a := range args {
		switch t := a.expr.Type(); {
		case t == table.Dynamic || t == table.Unknown:
		case common == table.Unknown || common == t:
			common = t
		default:
			return
		}
	}
	for i, a := range args {
		args[i].expr = b.convert(a.expr, common)
	}
}

// starArgs are all columns, for the few functions that take *.
func (b *binder) starArgs(s *syntax.Star, e env) []arg {
	if e.row == nil {
		b.errorf(s, "KS199", "No columns are currently in scope.")
		return nil
	}
	var out []arg
	for _, c := range e.row.schema {
		out = append(out, arg{expr: &plan.Col{Name: c.Name, T: c.Type}, at: s})
	}
	return out
}

// toScalar is toscalar(table): the first cell; or of a scalar: itself.
func (b *binder) toScalar(x *syntax.Call, e env) plan.Expr {
	if len(x.Args) != 1 {
		b.errorf(x, "KS119", "The function 'toscalar' expects 1 argument.")
		return bad()
	}
	inner := env{sc: e.sc}
	if !b.isTabular(x.Args[0], inner) {
		v := b.value(x.Args[0], inner)
		if v.rel == nil {
			if v.expr == nil {
				return bad()
			}
			return v.expr
		}
		return b.firstCell(x, v.rel)
	}
	return b.firstCell(x, b.rel(x.Args[0], inner))
}

func (b *binder) firstCell(x *syntax.Call, r *rel) plan.Expr {
	if r.open {
		return bad()
	}
	s := r.schema()
	if len(s) == 0 {
		b.errorf(x, "KS190", "The table has no columns.")
		return bad()
	}
	if s[0].Type == table.Unknown {
		return bad()
	}
	return &plan.ScalarQuery{ID: b.nextID(), Pipe: b.shown(r).pipe, T: s[0].Type}
}

// constText is the only (or first) argument as a constant text.
func (b *binder) constText(x *syntax.Call, e env) (string, bool) {
	if len(x.Args) == 0 {
		b.errorf(x, "KS119", "The function '%s' expects an argument.", x.Func.Name)
		return "", false
	}
	v := b.scalar(x.Args[0], env{sc: e.sc})
	c, ok := v.(*plan.Const)
	if !ok || c.Value.Type() != table.String {
		if !isBad(v) {
			b.errorf(x.Args[0], "KS129", "%s() expects a constant text here.", x.Func.Name)
		}
		return "", false
	}
	return c.Value.Str(), true
}

// columnIfExists is the column of that name, or a default.
func (b *binder) columnIfExists(x *syntax.Call, e env) plan.Expr {
	if len(x.Args) != 2 {
		b.errorf(x, "KS119", "The function 'column_ifexists' expects 2 arguments, not %d.", len(x.Args))
		return bad()
	}
	n, ok := b.constText(x, e)
	if !ok {
		return bad()
	}
	if e.row != nil {
		if c, ok := e.row.column(n); ok {
			v := b.col(x, c, e.row)
			if b.editor && !isBad(v) {
				if other := b.scalar(x.Args[1], e); !isBad(other) {
					return &plan.Col{Name: c.Name, T: other.Type()} // the editor goes by the default
				}
			}
			return v
		}
		if !b.editor && !e.row.open {
			b.optional = append(b.optional, n)
		}
	}
	return b.scalar(x.Args[1], e)
}

// ingestionTime reads the hidden column behind ingestion_time().
func (b *binder) ingestionTime(x *syntax.Call, e env) plan.Expr {
	if !b.arrival {
		b.wantsArrival = true // bound once more, with that column
		return &plan.Const{Value: table.Null(table.DateTime)}
	}
	if e.row == nil || e.row.hidden.Index(table.HiddenArrival) < 0 {
		if e.row == nil || !e.row.open {
			b.warnf(x, "SXT005", "ingestion_time() is null here, where rows are no longer those of a table; use it before summarize")
		}
		return &plan.Const{Value: table.Null(table.DateTime)}
	}
	return &plan.Col{Name: table.HiddenArrival, T: table.DateTime}
}

// columnNames are the names of a table's columns, as a constant array.
func (b *binder) columnNames(x *syntax.Call, e env) plan.Expr {
	if len(x.Args) != 1 {
		b.errorf(x, "KS119", "The function 'column_names_of' expects 1 argument, not %d.", len(x.Args))
		return bad()
	}
	r := b.rel(x.Args[0], env{sc: e.sc})
	if r.open {
		return bad()
	}
	list := []any{}
	for _, n := range r.schema().Names() {
		list = append(list, n)
	}
	return &plan.Const{Value: table.DynamicValue(list)}
}

// packColumns is a bag of some columns, under their names.
func (b *binder) packColumns(x *syntax.Call, e env) plan.Expr {
	f := b.cat.Scalar("bag_pack")
	if f == nil || len(x.Args) == 0 {
		b.errorf(x, "KS119", "The function 'bag_pack_columns' expects columns.")
		return bad()
	}
	var args []arg
	for _, a := range x.Args {
		v := b.scalar(a, e)
		c, ok := v.(*plan.Col)
		if !ok {
			if !isBad(v) {
				b.errorf(a, "KS109", "Column name expected.")
			}
			return bad()
		}
		args = append(args, arg{expr: &plan.Const{Value: table.StringValue(c.Name)}, at: a}, arg{expr: v, at: a})
	}
	return b.resolve(x, f, args)
}

// packAll is a bag of all columns.
func (b *binder) packAll(x *syntax.Call, e env) plan.Expr {
	if e.row == nil {
		b.errorf(x, "KS199", "No columns are currently in scope.")
		return bad()
	}
	name := "bag_pack"
	if len(x.Args) > 0 {
		v := b.scalar(x.Args[0], env{sc: e.sc})
		c, ok := v.(*plan.Const)
		switch {
		case isBad(v):
			return v
		case !ok || c.Value.Type() != table.Bool || len(x.Args) > 1:
			b.errorf(x, "KS119", "The function 'pack_all' expects nothing, or true to leave out what is null or empty.")
			return bad()
		case c.Value.Bool():
			name = "bag_pack_nonempty"
		}
	}
	f := b.cat.Scalar(name)
	if f == nil {
		b.refuse(x, "pack_all()")
		return bad()
	}
	var args []arg
	for _, c := range e.row.schema {
		args = append(args, arg{expr: &plan.Const{Value: table.StringValue(c.Name)}, at: x}, arg{expr: &plan.Col{Name: c.Name, T: c.Type}, at: x})
	}
	return b.resolve(x, f, args)
}
