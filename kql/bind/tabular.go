package bind

import (
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// rel binds an expression that must be tabular.
func (b *binder) rel(x syntax.Expr, e env) *rel {
	if !b.enter(x) {
		return nowhere()
	}
	defer b.leave()
	if r, ok := b.patternCall(x, e); ok {
		return r
	}
	switch x := x.(type) {
	case *syntax.Paren:
		return b.rel(x.X, e)
	case *syntax.Pipe:
		return b.pipe(x, e, nil)
	case *syntax.Name:
		return b.tableName(x, x.Name, e)
	case *syntax.Call:
		return b.tableCall(x, e)
	case *syntax.Path:
		return b.tablePath(x, e)
	case *syntax.DataTable:
		return b.dataTable(x, e)
	case *syntax.ExternalData:
		return b.externalData(x, e)
	case *syntax.InlineTable:
		return b.inlineTable(x, e)
	case *syntax.BadExpr, nil:
		return nowhere()
	case *syntax.Named:
		return b.rel(x.X, e)
	case *syntax.Wildcard:
		b.errorf(x, "KS268", "Names with wildcards are not allowed here.")
	default:
		b.errorf(x, "KS111", "A table is expected here.")
	}
	return nowhere()
}

func (b *binder) tableName(at syntax.Node, name string, e env) *rel {
	if ent := e.sc.find(name); ent != nil {
		return b.entityRel(at, ent, name, nil, e)
	}
	if def, ok := b.env.Table(name); ok {
		return b.scan(def)
	}
	if let, ok := b.function(name); ok {
		return b.savedRel(at, name, let, nil, e)
	}
	if r, ok := b.documented(at, name); ok {
		return r
	}
	if name == watchlistAliases {
		return b.aliases(at)
	}
	if b.customTable(at, name) {
		return nowhere()
	}
	d := b.errorf(at, "SEM0100", "Failed to resolve table or column expression named '%s'", name)
	didYouMean(d, b.nearTables(name, e))
	return nowhere()
}

// customTable tells whether a name that means nothing is that of a custom table, in a
// check. Who checks queries does so where the tables that their author's workspace
// declares need not be: their columns can be any, and there is a warning.
func (b *binder) customTable(at syntax.Node, name string) bool {
	if !b.opts.Check || len(name) <= len(customSuffix) || !strings.HasSuffix(name, customSuffix) {
		return false
	}
	note(b.warnf(at, "SXT008", "The custom table '%s' does not exist here: its columns are not checked.", name), "a run of the query fails until somebody makes the table")
	return true
}

// customSuffix ends the name of each custom table of a workspace, and of no other.
const customSuffix = "_CL"

func (b *binder) nearTables(name string, e env) []string {
	names := append([]string(nil), b.env.Tables()...)
	for s := e.sc; s != nil; s = s.up {
		for n, ent := range s.names {
			if b.entityTabular(ent) {
				names = append(names, n)
			}
		}
	}
	return fn.Nearest(name, names)
}

// entityRel is what a let or a parameter stands for, as a table.
func (b *binder) entityRel(at syntax.Node, ent *entity, name string, call *syntax.Call, e env) *rel {
	switch {
	case ent.pattern != nil:
		b.errorf(at, "KS117", "The pattern '%s' requires an argument list.", name)
		return nowhere()
	case ent.lambda != nil:
		v := b.expand(at, name, ent, call, e)
		if v.rel != nil {
			return v.rel
		}
		if !isBad(v.expr) {
			b.errorf(at, "KS111", "A table is expected here, and '%s' gives a value of type %s.", name, v.expr.Type())
		}
		return nowhere()
	case ent.rel != nil:
		if call != nil && len(call.Args) > 0 {
			b.errorf(at, "KS128", "The name '%s' does not refer to a function.", name)
		}
		return ent.rel
	}
	if !isBad(ent.expr) {
		b.errorf(at, "KS111", "A table is expected here, and '%s' is a value of type %s.", name, ent.expr.Type())
	}
	return nowhere()
}

// scan reads a stored table, within the timespan of the request.
func (b *binder) scan(def table.Def) *rel {
	out := def.Columns
	var more []unpublished
	if def.Time != "" {
		more = b.besides(def.Name, def.Columns)
	}
	out = b.read(out, more)
	r := source(&plan.Scan{Def: def, Out: out})
	if s, ok := b.watchlistRows(def, out); ok {
		r = source(s)
	}
	r.name, r.label = def.Name, def.Name
	if def.Time == "" || b.opts.From == 0 && b.opts.To == 0 {
		return b.textsOfGuids(b.computed(r, def.Name, def.Columns, out, more), def.Name)
	}
	at := &syntax.Name{}
	when := arg{expr: &plan.Col{Name: def.Time, T: table.DateTime}, at: at}
	var pred plan.Expr
	bound := func(op string, ticks int64) {
		if ticks == 0 {
			return
		}
		p := b.operator(at, op, when, arg{expr: &plan.Const{Value: table.DateTimeValue(ticks)}, at: at})
		if pred != nil {
			p = b.operator(at, "and", arg{expr: pred, at: at}, arg{expr: p, at: at})
		}
		pred = p
	}
	bound(">=", b.opts.From)
	bound("<", b.opts.To)
	r = r.then(&plan.Filter{In: out, Pred: pred})
	r.label = def.Name
	return b.textsOfGuids(b.computed(r, def.Name, def.Columns, out, more), def.Name)
}

// tableCall is a call that gives a table.
func (b *binder) tableCall(x *syntax.Call, e env) *rel {
	name := x.Func.Name
	if ent := e.sc.find(name); ent != nil {
		return b.entityRel(x, ent, name, x, e)
	}
	switch name {
	case "table":
		return b.tableFunc(x, e)
	case "materialize", "view":
		if len(x.Args) != 1 {
			b.errorf(x, "KS119", "The function '%s' expects 1 argument.", name)
			return nowhere()
		}
		r := b.rel(x.Args[0], env{sc: e.sc})
		if r.open || name == "view" {
			return r
		}
		return b.shared(r)
	case "totable":
		if len(x.Args) == 1 {
			return b.rel(x.Args[0], env{sc: e.sc})
		}
	case "database", "cluster", "workspace", "app", "resource":
		b.errorf(x, "KS111", "%s(…) must be followed by the name of a table, as in %s(…).SigninLogs", name, name)
		return nowhere()
	case "external_table", "materialized_view", "stored_query_result":
		b.errorf(x, "SXT003", "%s() cannot be used here: there are none in this service.", name)
		return nowhere()
	}
	if let, ok := b.function(name); ok {
		return b.savedRel(x, name, let, x, e)
	}
	switch name {
	case "_GetWatchlist", "_GetWatchlistAlias", "_ASIM_GetWatchlistRaw":
		return b.watchlist(x, e)
	case "graph":
		note(b.errorf(x, "SXT003", "graph() cannot be used here: there are no stored graphs in this service."), "make the graph from tables with make-graph")
		return nowhere()
	}
	if b.elsewhere(x) {
		return nowhere()
	}
	if b.cat.Scalar(name) != nil || b.cat.Aggregate(name) != nil {
		b.errorf(x, "KS111", "A table is expected here, and %s() gives a value.", name)
		return nowhere()
	}
	b.unknownFunction(x, name, e)
	return nowhere()
}

// tableFunc is table("name").
func (b *binder) tableFunc(x *syntax.Call, e env) *rel {
	if len(x.Args) < 1 || len(x.Args) > 2 {
		b.errorf(x, "KS119", "The function 'table' expects 1 argument.")
		return nowhere()
	}
	v := b.scalar(x.Args[0], env{sc: e.sc})
	c, ok := v.(*plan.Const)
	if !ok || c.Value.Type() != table.String {
		if !isBad(v) {
			b.errorf(x.Args[0], "KS129", "table() expects the name of a table as a constant text.")
		}
		return nowhere()
	}
	return b.storedTable(x.Args[0], c.Value.Str(), e)
}

// storedTable is a table of the environment, or a saved function without parameters.
func (b *binder) storedTable(at syntax.Node, name string, e env) *rel {
	if def, ok := b.env.Table(name); ok {
		return b.scan(def)
	}
	if let, ok := b.function(name); ok {
		return b.savedRel(at, name, let, nil, e)
	}
	if ent := e.sc.find(name); ent != nil && b.entityTabular(ent) {
		return b.entityRel(at, ent, name, nil, e)
	}
	if r, ok := b.documented(at, name); ok {
		return r
	}
	if b.customTable(at, name) {
		return nowhere()
	}
	d := b.errorf(at, "SEM0100", "Failed to resolve table expression named '%s'", name)
	didYouMean(d, b.nearTables(name, e))
	return nowhere()
}

// tablePath is database("x").T, cluster("c").database("d").T, workspace("w").T:
// there is one workspace here, so the qualifiers only name it.
func (b *binder) tablePath(x *syntax.Path, e env) *rel {
	if !b.qualifier(x.X, e) {
		return nowhere()
	}
	switch s := x.Sel.(type) {
	case *syntax.Name:
		return b.storedTable(s, s.Name, env{})
	case *syntax.Call:
		switch s.Func.Name {
		case "table":
			return b.tableFunc(s, env{})
		case "database":
			b.errorf(s, "KS111", "database(…) must be followed by the name of a table.")
			return nowhere()
		}
		if let, ok := b.function(s.Func.Name); ok {
			return b.savedRel(s, s.Func.Name, let, s, e)
		}
		b.unknownFunction(s, s.Func.Name, env{})
	default:
		b.errorf(x.Sel, "KS111", "The name of a table is expected here.")
	}
	return nowhere()
}

func (b *binder) qualifier(x syntax.Expr, e env) bool {
	switch x := x.(type) {
	case *syntax.Path:
		c, ok := x.Sel.(*syntax.Call)
		return b.qualifier(x.X, e) && ok && b.qualifier(c, e)
	case *syntax.Call:
		switch x.Func.Name {
		case "database", "cluster", "workspace", "app", "resource":
			for _, a := range x.Args {
				v := b.scalar(a, env{sc: e.sc})
				c, ok := v.(*plan.Const)
				if !ok {
					b.errorf(a, "KS129", "%s() expects a constant text.", x.Func.Name)
					return false
				}
				if x.Func.Name == "workspace" && len(b.opts.Workspaces) > 0 && !contains(b.opts.Workspaces, c.Value.Str()) {
					note(b.errorf(a, "SEM0100", "Failed to resolve workspace '%s'", c.Value.Str()), "this service holds %v", b.opts.Workspaces)
					return false
				}
			}
			return true
		}
		if b.elsewhere(x) {
			return false
		}
	}
	b.errorf(x, "KS216", "database(…), cluster(…) or workspace(…) is expected before the dot.")
	return false
}

// elsewhere reports functions that name a service of Microsoft's cloud.
func (b *binder) elsewhere(x *syntax.Call) bool {
	switch x.Func.Name {
	case "arg":
		b.errorf(x, "SXT003", "arg() cannot be used here: Azure Resource Graph is an inventory of Azure's resources, which only exists inside Microsoft's cloud.")
	case "adx":
		b.errorf(x, "SXT003", "adx() cannot be used here: it names a cluster of Azure Data Explorer, which only exists inside Microsoft's cloud.")
	default:
		return false
	}
	return true
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// shown is r without hidden columns.
func (b *binder) shown(r *rel) *rel {
	if len(r.hidden()) == 0 {
		return r
	}
	return r.then(&plan.Project{Cols: columns(r.schema())})
}

// columns are a schema's columns as a projection of themselves.
func columns(s table.Schema) []plan.Named {
	out := make([]plan.Named, len(s))
	for i, c := range s {
		out[i] = plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}}
	}
	return out
}

// dataTable is datatable(…)[…]: constants, row by row.
func (b *binder) dataTable(x *syntax.DataTable, e env) *rel {
	out, ok := b.declared(x.Schema)
	if len(out) == 0 {
		if ok {
			b.errorf(x, "KS190", "The table has no columns.")
		}
		return nowhere()
	}
	if n := len(x.Values); n%len(out) != 0 {
		b.errorf(x, "KS173", "Incorrect number of data values. The values should appear in multiples of %d.", len(out))
		ok = false
	}
	v := &plan.Values{Out: out}
	var cells []table.Value
	for i, y := range x.Values {
		if b.stop {
			break
		}
		val := b.scalar(y, env{sc: e.sc})
		col := out[i%len(out)]
		cell, good := b.cell(y, val, col)
		ok = ok && good
		cells = append(cells, cell)
	}
	for ; len(cells) >= len(out); cells = cells[len(out):] {
		v.Rows = append(v.Rows, cells[:len(out):len(out)])
	}
	r := source(v)
	r.open = !ok
	return r
}

// cell makes a value fit its column.
func (b *binder) cell(at syntax.Node, val plan.Expr, col table.Column) (table.Value, bool) {
	c, ok := val.(*plan.Const)
	switch {
	case isBad(val):
		return table.Null(col.Type), false
	case !ok:
		b.errorf(at, "KS131", "The values of a datatable must be constants.")
		return table.Null(col.Type), false
	}
	t := c.Value.Type()
	switch {
	case t == col.Type:
		return c.Value, true
	case col.Type == table.Dynamic && t != table.Dynamic:
		return b.asDynamic(c.Value), true
	case c.Value.IsNull():
		return table.Null(col.Type), true
	}
	v, ok := b.convert(val, col.Type).(*plan.Const)
	if !ok || v.Value.IsNull() && !(t == table.String || t == table.Dynamic) {
		b.errorf(at, "KS107", "A value of type %s is expected for the column '%s', not %s.", col.Type, col.Name, t)
		return table.Null(col.Type), false
	}
	return v.Value, true
}

// asDynamic wraps a value, unparsed.
func (b *binder) asDynamic(v table.Value) table.Value {
	if v.IsNull() {
		return table.Null(table.Dynamic)
	}
	switch v.Type() {
	case table.Bool:
		return table.DynamicValue(v.Bool())
	case table.Int, table.Long:
		return table.DynamicValue(v.Int64())
	case table.Real:
		return table.DynamicValue(v.Float64())
	case table.String:
		return table.DynamicValue(v.Str())
	case table.Dynamic:
		return v
	}
	return table.DynamicValue(v)
}

// declared is a schema that a query writes out.
func (b *binder) declared(s *syntax.Schema) (table.Schema, bool) {
	if s == nil {
		return nil, true
	}
	var out table.Schema
	ok := true
	for _, c := range s.Columns {
		t := table.String
		if c.Type != nil {
			typ, good := b.typeName(c.Type)
			if !good {
				ok = false
			}
			t = typ
		}
		if out.Index(c.Name.Name) >= 0 {
			b.errorf(&c.Name, "KS171", "A column with the name '%s' is already declared.", c.Name.Name)
			ok = false
			continue
		}
		out = append(out, table.Column{Name: c.Name.Name, Type: t})
	}
	return out, ok
}
