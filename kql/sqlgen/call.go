package sqlgen

import (
	"slices"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Function is what a statement asks of Go: an expression, or an aggregate, that has no
// form in SQL. What of it has one is an argument.
type Function struct {
	// Args are columns a0, a1, …, which the SQL passes.
	Args table.Schema
	// Expr over Args; nil for an aggregate.
	Expr plan.Expr
	// Agg over Args, which are lists of a group's cells; Out is which of its columns.
	Agg *plan.Agg
	Out int
	// Rows are operators over rows of Args that give others, in the place of Expr and
	// Agg: of one row, with the number of it behind (see eval.RowsCaller), or of those
	// of a group (eval.RowsGrouper), whose cells come as lists. The result is a list of
	// texts.
	Rows  *plan.Pipeline
	Group bool
	// Odd says that it is beside what has a form, for values that the form does not
	// take: numbers which SQL may read otherwise than Go, bags among arrays.
	Odd bool
}

// Result is the type of what comes back.
func (f *Function) Result() table.Type {
	if f.Rows != nil {
		return table.Dynamic
	}
	if f.Agg != nil {
		return f.Agg.Out[f.Out].Type
	}
	return f.Expr.Type()
}

func (f *Function) String() string {
	if f.Rows != nil {
		return f.Rows.String()
	}
	if f.Agg == nil {
		return f.Expr.String()
	}
	out := f.Agg.Fn.Name + "("
	for i, a := range f.Agg.Args {
		if i > 0 {
			out += ", "
		}
		out += a.String()
	}
	return out + ")"
}

// maxArgs is how many arguments a function has at most: each is copied for each row.
const maxArgs = 250

// calling collects the arguments of one function.
type calling struct {
	g        *gen
	s        *state
	args     table.Schema
	sql      []string
	volatile bool // it gives another result each time
}

// inGo writes e as a call of Go, with the largest parts of it that have a form as
// arguments; because says why e has none.
func (g *gen) inGo(s *state, e plan.Expr, because string) (sql, why string) {
	if g.caller == nil {
		return "", because
	}
	if _, ok := fn.SQLType(g.d, e.Type()); !ok {
		return "", because
	}
	c := &calling{g: g, s: s}
	body, why := c.inside(e, because)
	if why != "" {
		return "", why
	}
	if c.volatile { // an argument that differs each time keeps the engine from calling once for all rows
		c.args = append(c.args, table.Column{Name: "volatile", Type: table.Real})
		c.sql = append(c.sql, "random()")
	}
	return g.function(Function{Args: c.args, Expr: body}, c.sql), ""
}

// function gives a function its number and writes the call.
func (g *gen) function(f Function, args []string) string {
	n := slices.IndexFunc(g.functions, func(h Function) bool {
		return h.Out == f.Out && h.Group == f.Group && (h.Agg == nil) == (f.Agg == nil) && (h.Rows == nil) == (f.Rows == nil) && h.String() == f.String() && h.Args.String() == f.Args.String() && h.Result() == f.Result()
	})
	if n < 0 {
		n = len(g.functions)
		g.functions = append(g.functions, f)
	}
	g.functions[n].Odd = g.functions[n].Odd && f.Odd
	if f.Rows != nil {
		return g.lister(n, args)
	}
	return g.caller(n, f.Result(), args)
}

// argument is e as an argument, where it has a form, and as it is where it is constant.
func (c *calling) argument(e plan.Expr) (out plan.Expr, why string) {
	if k, ok := e.(*plan.Const); ok {
		return k, ""
	}
	if v, ok := c.g.value(e); ok {
		return &plan.Const{Value: v}, ""
	}
	if _, ok := fn.SQLType(c.g.d, e.Type()); ok {
		m := c.g.mark()
		write := c.g.native
		if _, ok := e.(*plan.InQuery); ok { // what it looks for may be Go's
			write = c.g.expr
		}
		sql, why := write(c.s, e)
		if why == "" {
			return c.pass(sql, e.Type())
		}
		c.g.back(m)
		return c.inside(e, why)
	}
	return c.inside(e, "a "+e.Type().String()+" stays in Go")
}

// pass makes SQL an argument; the same SQL is one.
func (c *calling) pass(sql string, t table.Type) (plan.Expr, string) {
	at := slices.Index(c.sql, sql)
	if at < 0 || c.args[at].Type != t {
		if at = len(c.sql); at == maxArgs {
			return nil, "a function of so many arguments runs in Go"
		}
		c.sql = append(c.sql, sql)
		c.args = append(c.args, table.Column{Name: "a" + strconv.Itoa(at), Type: t})
	}
	return &plan.Col{Name: c.args[at].Name, T: t}, ""
}

// inside is e over arguments: e itself is for Go, its parts where they have no form.
func (c *calling) inside(e plan.Expr, because string) (out plan.Expr, why string) {
	switch e := e.(type) {
	case *plan.Const:
		return e, ""
	case *plan.Call:
		c.volatile = c.volatile || e.Fn.Volatile
		if e.Fn.Row != fn.NotRow || e.Fn.Refused != "" || e.Fn.Eval == nil && e.Fn.Lazy == nil {
			return nil, because
		}
		n := *e
		n.Args = make([]plan.Expr, len(e.Args))
		for i, a := range e.Args {
			if n.Args[i], why = c.argument(a); why != "" {
				return nil, why
			}
		}
		return &n, ""
	case *plan.Member:
		of, why := c.argument(e.Of)
		return &plan.Member{Of: of, Key: e.Key}, why
	case *plan.Index:
		of, why := c.argument(e.Of)
		if why != "" {
			return nil, why
		}
		i, why := c.argument(e.I)
		return &plan.Index{Of: of, I: i}, why
	}
	return nil, because
}

// aggregate writes an aggregate: an expression for each of its columns.
func (g *gen) aggregate(s *state, a *plan.Agg) (cols []string, why string) {
	args := make([]string, len(a.Args))
	for i, e := range a.Args {
		if args[i], why = g.expr(s, e); why != "" {
			return nil, why
		}
	}
	if kind := kindOfAggregate(a); kind.set && kind.limited && len(s.order) > 0 && g.caller != nil {
		why = "the first values of rows in order are found in Go"
	} else if cols, why = g.nativeAggregate(s, a, args); why == "" {
		return cols, ""
	}
	return g.aggregateInGo(s, a, args, why)
}

func (g *gen) nativeAggregate(s *state, a *plan.Agg, args []string) (cols []string, why string) {
	if g.d == fn.DuckDB && len(a.Out) == 1 {
		switch a.Fn.Name {
		case "make_list":
			list, why := g.makeList(s, a, args)
			return []string{list}, why
		case "make_set", "make_set_if":
			if set, ok := g.makeSet(a, args); ok {
				return []string{set}, ""
			}
		}
	}
	form := a.Fn.SQL[g.d]
	if form == nil {
		return nil, "aggregate " + a.Fn.Name + " has no SQL form"
	}
	cols, ok := form(args, a.Info, a.Out)
	if !ok || len(cols) != len(a.Out) {
		return nil, "aggregate " + a.Fn.Name + " has no SQL form for these arguments"
	}
	return cols, ""
}

// aggregateInGo collects the cells of a group in lists, which Go aggregates.
func (g *gen) aggregateInGo(s *state, a *plan.Agg, args []string, because string) (cols []string, why string) {
	if g.caller == nil || g.d != fn.DuckDB || a.Fn.Refused != "" || a.Fn.New == nil {
		return nil, because
	}
	for _, c := range a.Out {
		if _, ok := fn.SQLType(g.d, c.Type); !ok {
			return nil, because
		}
	}
	kind := kindOfAggregate(a)
	agg := *a
	agg.Args = make([]plan.Expr, len(a.Args))
	var passed table.Schema
	var lists []string
	filter := ""
	if kind.predicate >= 0 {
		filter = " FILTER (WHERE " + args[kind.predicate] + ")"
	}
	for i, e := range a.Args {
		if k, ok := e.(*plan.Const); ok {
			agg.Args[i] = k
			continue
		}
		if i == kind.predicate { // only such rows are passed
			agg.Args[i] = &plan.Const{Value: table.BoolValue(true)}
			continue
		}
		t := e.Type()
		if _, ok := fn.SQLType(g.d, t); !ok {
			return nil, because
		}
		name := "a" + strconv.Itoa(len(passed))
		passed = append(passed, table.Column{Name: name, Type: t})
		agg.Args[i] = &plan.Col{Name: name, T: t}
		lists = append(lists, args[i])
	}
	if len(lists) == 0 { // the rows alone count
		passed = table.Schema{{Name: "a0", Type: table.Bool}}
		lists = []string{"TRUE"}
	}
	order := ""
	if kind.ordered && len(lists) == 1 {
		order = s.orderBy()
	}
	for i := range lists {
		if kind.set && len(lists) == 1 && (order == "" || !kind.limited) {
			lists[i] = "list(DISTINCT " + lists[i] + ")" + filter
		} else {
			lists[i] = "list(" + lists[i] + order + ")" + filter
		}
	}
	for i := range a.Out {
		cols = append(cols, g.function(Function{Args: passed, Agg: &agg, Out: i}, lists))
	}
	return cols, ""
}

// aggregateKind is what may be left out of what an aggregate is given.
type aggregateKind struct {
	predicate int  // the argument that must be true of a row; -1
	set       bool // values that came before change nothing
	ordered   bool // the order of rows is that of what comes out
	limited   bool // only the first values are kept
}

func kindOfAggregate(a *plan.Agg) aggregateKind {
	k := aggregateKind{predicate: -1}
	if strings.HasPrefix(a.Fn.Name, "make_") {
		k.ordered = true
		k.limited = len(a.Args) > 1+strings.Count(a.Fn.Name, "_if")
	}
	switch a.Fn.Name {
	case "make_set", "dcount", "count_distinct":
		k.set = true
	case "make_set_if", "dcountif", "count_distinctif":
		k.set, k.predicate = true, 1
	case "make_list_if", "make_bag_if", "sumif", "avgif", "minif", "maxif", "stdevif", "varianceif", "take_anyif":
		k.predicate = 1
	}
	if k.predicate >= len(a.Args) || k.predicate >= 0 && a.Args[k.predicate].Type() != table.Bool {
		k.predicate = -1
	}
	return k
}
