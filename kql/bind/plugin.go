package bind

import (
	"maps"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// evaluateOp calls a plugin. What its columns are often follows from the rows: then
// Options.Rows is asked, or the query says it (evaluate f(…) : (a:string)).
func (b *binder) evaluateOp(o *syntax.Evaluate, r *rel, e env) *rel {
	c, ok := o.Call.(*syntax.Call)
	if !ok {
		b.errorf(o.Call, "KS237", "The call of a plugin is expected here.")
		return nowhere()
	}
	row, known := plugins[c.Func.Name]
	if !known {
		d := b.errorf(&c.Func, "KS124", "The plug-in function '%s' is not defined.", c.Func.Name)
		didYouMean(d, fn.Nearest(c.Func.Name, slices.Sorted(maps.Keys(plugins))))
		return nowhere()
	}
	if r == nil && !row.first {
		b.errorf(o, "KS174", "The operator cannot be the first operator in a query.")
		return nowhere()
	}
	if r == nil {
		r = source(&plan.Values{})
	}
	r = b.shown(r)
	e.row = rowOf(r)
	want, declared := b.declared(o.Schema)
	if !declared {
		return nowhere()
	}
	switch {
	case c.Func.Name == "bag_unpack":
		return b.bagUnpack(o, c, r, e, want)
	case c.Func.Name == "pivot":
		return b.pivot(o, c, r, e, want)
	case row.refused != "":
		b.cannotRun(c, "The plugin %s cannot be used here: %s.", c.Func.Name, row.refused)
		return b.refusedColumns(o, c, r, row, want)
	}
	out := b.runPlugin(c, r, e)
	if o.Schema != nil {
		return b.asDeclared(o, out, want)
	}
	return out
}

// option is a named argument of a plugin, or the one at its place.
func (b *binder) option(c *syntax.Call, name string, place int, e env) (table.Value, bool) {
	var x syntax.Expr
	n := 0
	for _, a := range c.Args {
		if nm, ok := a.(*syntax.Named); ok && len(nm.Names) == 1 {
			if nm.Names[0].Name == name {
				x = nm.X
			}
			continue
		}
		if n == place && x == nil {
			x = a
		}
		n++
	}
	if x == nil {
		return table.Value{}, false
	}
	return b.constant(x, e, table.Unknown)
}

// rowsOf runs a plan that tells the columns of a plugin.
func (b *binder) rowsOf(at *syntax.Call, p *plan.Pipeline) ([][]table.Value, bool) {
	if b.opts.Rows == nil || hasOuter(p) {
		b.cannotRun(at, "The columns of %s follow from the rows, which are not at hand here; declare them: evaluate %s(…) : (name:type, …)", at.Func.Name, at.Func.Name)
		return nil, false
	}
	if b.diags.Err() != nil {
		return nil, false // the query will not run
	}
	rows, err := b.opts.Rows(p)
	if err != nil {
		b.errorf(at, "SXT006", "Cannot find out the columns of %s: %v", at.Func.Name, err)
		return nil, false
	}
	return rows, true
}

func hasOuter(p *plan.Pipeline) bool { _, ok := p.Source.(*plan.Outer); return ok }

// bagUnpack makes a column of each property of a bag.
func (b *binder) bagUnpack(o *syntax.Evaluate, c *syntax.Call, r *rel, e env, want table.Schema) *rel {
	if len(c.Args) == 0 {
		b.errorf(c, "KS119", "The plugin 'bag_unpack' expects the column of a bag.")
		return nowhere()
	}
	v := b.scalar(c.Args[0], e)
	bag, ok := v.(*plan.Col)
	if !ok || bag.T != table.Dynamic {
		if !isBad(v) {
			b.errorf(c.Args[0], "KS109", "A column of type dynamic is expected.")
		}
		return nowhere()
	}
	prefix, conflict := "", "error"
	if p, ok := b.option(c, "OutputColumnPrefix", 1, e); ok {
		prefix = p.Text()
	}
	if p, ok := b.option(c, "columnsConflict", 2, e); ok {
		conflict = p.Text()
	}
	var ignored []string
	if p, ok := b.option(c, "ignoredProperties", 3, e); ok {
		if list, ok := p.Dyn().([]any); ok {
			for _, x := range list {
				if s, ok := x.(string); ok {
					ignored = append(ignored, s)
				}
			}
		}
	}
	var keep table.Schema
	for _, col := range r.schema() {
		if col.Name != bag.Name {
			keep = append(keep, col)
		}
	}
	var props table.Schema // property and type
	if o.Schema != nil {
		if !o.Schema.Star {
			keep = slices.DeleteFunc(keep, func(col table.Column) bool { return want.Index(col.Name) < 0 })
		}
		for _, col := range want {
			if i := keep.Index(col.Name); i >= 0 && keep[i].Type == col.Type && conflict != "replace_source" {
				continue // a column of the source, named in the schema
			}
			if p, ok := strings.CutPrefix(col.Name, prefix); ok {
				props = append(props, table.Column{Name: p, Type: col.Type})
			}
		}
	} else {
		rows, ok := b.rowsOf(c, b.properties(c, r, bag))
		if !ok {
			out := r.then(&plan.Project{Cols: columns(keep)})
			out.open = true
			return out
		}
		props = propertyTypes(rows, ignored)
	}
	cols := columns(keep)
	for _, p := range props {
		name := prefix + p.Name
		x := plan.Named{Name: name, Expr: b.convert(&plan.Member{Of: bag, Key: p.Name}, p.Type)}
		i := slices.IndexFunc(cols, func(n plan.Named) bool { return n.Name == name })
		switch {
		case i < 0:
			cols = append(cols, x)
		case conflict == "replace_source" || o.Schema != nil:
			cols[i] = x
		case conflict == "keep_source":
		default:
			note(b.errorf(c, "SXT006", "The property '%s' has the name of a column.", name), "give a prefix as the second argument, or columnsConflict='replace_source' or 'keep_source'")
			return nowhere()
		}
	}
	if o.Schema != nil { // the declared order
		cols = slices.Concat(slices.DeleteFunc(slices.Clone(cols), func(n plan.Named) bool { return want.Index(n.Name) >= 0 }), ordered(cols, want))
	}
	return (&rel{pipe: r.pipe, name: r.name, ordered: r.ordered, open: r.open}).then(&plan.Project{Cols: cols})
}

// ordered are the columns that a schema names, in its order.
func ordered(cols []plan.Named, want table.Schema) []plan.Named {
	var out []plan.Named
	for _, w := range want {
		for _, c := range cols {
			if c.Name == w.Name {
				out = append(out, c)
			}
		}
	}
	return out
}

// properties is a plan that gives each property of a bag with the types of its values.
func (b *binder) properties(at *syntax.Call, r *rel, bag *plan.Col) *plan.Pipeline {
	p := r.then(&plan.Project{Cols: []plan.Named{{Name: "$bag", Expr: bag}}})
	p = p.then(&plan.MvExpand{Out: table.Schema{{Name: "$bag", Type: table.Dynamic}}, Array: true,
		Cols: []plan.Expanded{{Expr: &plan.Col{Name: "$bag", T: table.Dynamic}, Name: "$bag", To: table.Dynamic}}})
	pair := &plan.Col{Name: "$bag", T: table.Dynamic}
	part := func(i int64) plan.Expr {
		return &plan.Index{Of: pair, I: &plan.Const{Value: table.LongValue(i)}}
	}
	typ := b.resolve(at, b.cat.Scalar("gettype"), []arg{{expr: part(1), at: at}})
	p = p.then(&plan.Project{Cols: []plan.Named{{Name: "k", Expr: b.convert(part(0), table.String)}, {Name: "t", Expr: typ}}})
	return p.then(&plan.Distinct{In: p.schema()}).pipe
}

// propertyTypes gives each property one type: that of all its values, real for
// whole and broken numbers, dynamic for a mixture. Names come in order.
func propertyTypes(rows [][]table.Value, ignored []string) table.Schema {
	types := map[string]table.Type{}
	var names []string
	for _, row := range rows {
		name := row[0].Str()
		if name == "" || slices.Contains(ignored, name) {
			continue
		}
		t, ok := table.ParseType(row[1].Str())
		if !ok { // array, dictionary, null
			t = table.Dynamic
		}
		have, seen := types[name]
		switch {
		case !seen:
			names = append(names, name)
		case row[1].Str() == "null":
			continue
		case have == t || have == table.Unknown:
		case have.Numeric() && t.Numeric():
			t = max(have, t)
		default:
			t = table.Dynamic
		}
		if row[1].Str() == "null" {
			t = table.Unknown // until another row tells
		}
		if t == table.Int {
			t = table.Long
		}
		types[name] = t
	}
	slices.Sort(names)
	out := make(table.Schema, len(names))
	for i, n := range names {
		out[i] = table.Column{Name: n, Type: types[n]}
		if out[i].Type == table.Unknown {
			out[i].Type = table.Dynamic
		}
	}
	return out
}

// onlyIf names the aggregate that takes a predicate as well.
var onlyIf = map[string]string{"count": "countif", "sum": "sumif", "avg": "avgif", "min": "minif", "max": "maxif", "dcount": "dcountif",
	"make_set": "make_set_if", "make_list": "make_list_if", "make_bag": "make_bag_if", "take_any": "take_anyif", "any": "take_anyif", "stdev": "stdevif",
	"variance": "varianceif", "count_distinct": "count_distinctif"}

// pivot makes a column of each value of a column: an aggregate over the rows that
// have it, for each group of the other columns.
func (b *binder) pivot(o *syntax.Evaluate, c *syntax.Call, r *rel, e env, want table.Schema) *rel {
	if len(c.Args) == 0 {
		b.errorf(c, "KS119", "The plugin 'pivot' expects a column.")
		return nowhere()
	}
	v := b.scalar(c.Args[0], e)
	key, ok := v.(*plan.Col)
	if !ok {
		if !isBad(v) {
			b.errorf(c.Args[0], "KS109", "Column name expected.")
		}
		return nowhere()
	}
	call := &syntax.Call{Place: c.Place, Func: syntax.Ident{Place: c.Place, Name: "count"}}
	if len(c.Args) > 1 {
		if call = callOf(c.Args[1]); call == nil {
			b.errorf(c.Args[1], "KS123", "An aggregate is expected here.")
			return nowhere()
		}
	}
	name := onlyIf[call.Func.Name]
	if name == "" {
		if b.cat.Aggregate(call.Func.Name) == nil {
			b.unknownFunction(call, call.Func.Name, e)
		} else {
			b.refuse(call, "pivot with the aggregate "+call.Func.Name)
		}
		return nowhere()
	}
	f := b.cat.Aggregate(name)
	var by []plan.Named
	if len(c.Args) > 2 {
		for _, x := range c.Args[2:] {
			g := b.scalar(x, e)
			col, ok := g.(*plan.Col)
			if !ok {
				if !isBad(g) {
					b.errorf(x, "KS109", "Column name expected.")
				}
				return nowhere()
			}
			by = append(by, plan.Named{Name: col.Name, Expr: col})
		}
	} else {
		used := map[string]bool{key.Name: true}
		syntax.Walk(call, func(n syntax.Node) bool {
			if n, ok := n.(*syntax.Name); ok {
				used[n.Name] = true
			}
			return true
		})
		for _, col := range r.schema() {
			if !used[col.Name] {
				by = append(by, plan.Named{Name: col.Name, Expr: &plan.Col{Name: col.Name, T: col.Type}})
			}
		}
	}
	var values []string
	text := b.convert(key, table.String)
	if o.Schema != nil {
		for _, col := range want {
			if !slices.ContainsFunc(by, func(n plan.Named) bool { return n.Name == col.Name }) {
				values = append(values, col.Name)
			}
		}
	} else {
		p := r.then(&plan.Project{Cols: []plan.Named{{Name: "v", Expr: text}}})
		rows, ok := b.rowsOf(c, p.then(&plan.Distinct{In: p.schema()}).pipe)
		if !ok {
			out := r.then(&plan.Project{Cols: by})
			out.open = true
			return out
		}
		for _, row := range rows {
			if s := row[0].Str(); s != "" {
				values = append(values, s)
			}
		}
		slices.Sort(values)
	}
	s := &plan.Summarize{By: by}
	names := &projection{used: map[string]int{}}
	for _, n := range by {
		names.unique(n.Name, n.Name)
	}
	for _, val := range values {
		a, ok := b.pivotColumn(c, call, f, text, val, e)
		if !ok {
			return nowhere()
		}
		a.Out = table.Schema{{Name: names.unique(val, val), Type: a.Out[0].Type}}
		s.Aggs = append(s.Aggs, a)
	}
	return (&rel{pipe: r.pipe, open: r.open}).then(s)
}

// pivotColumn is the aggregate over the rows with one value.
func (b *binder) pivotColumn(at, call *syntax.Call, f *fn.Aggregate, text plan.Expr, val string, e env) (plan.Agg, bool) {
	pred := arg{expr: b.operator(at, "==", arg{expr: text, at: at}, arg{expr: &plan.Const{Value: table.StringValue(val)}, at: at}), at: at}
	var args []arg
	for i, x := range call.Args {
		if i == 1 {
			break
		}
		args = append(args, arg{expr: b.scalar(x, e), at: x})
	}
	args = append(args, pred)
	for _, x := range call.Args[min(1, len(call.Args)):] {
		args = append(args, arg{expr: b.scalar(x, e), at: x})
	}
	for _, a := range args {
		if isBad(a.expr) {
			return plan.Agg{}, false
		}
	}
	sig, ps, wrong, types := choose(f.Sigs, args)
	if sig == nil {
		b.noFit(call, call.Func.Name, f.Sigs, args, wrong, types)
		return plan.Agg{}, false
	}
	exprs, info, ok := b.arguments(f.Name, sig, ps, args)
	t := sig.Result
	if sig.ResultOf != nil {
		t = sig.ResultOf(infos(args))
	}
	return plan.Agg{Fn: f, Args: exprs, Info: info, Out: table.Schema{{Name: val, Type: t}}}, ok
}
