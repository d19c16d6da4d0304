package sqlgen

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// elements is the list that an expression expands to, as a list of JSON or, for a
// column that is one, of texts. Bags are taken apart in Go.
func (g *gen) elements(s *state, e plan.Expr) (sql string, texts bool, why string) {
	if c, ok := e.(*plan.Col); ok {
		if at := s.schema.Index(c.Name); at >= 0 && slices.Contains(s.lists, at) {
			return fmt.Sprintf("coalesce(%s, [CAST(NULL AS VARCHAR)])", col(at)), true, ""
		}
	}
	if e.Type() != table.Dynamic {
		return "", false, "values of type " + e.Type().String() + " are expanded in Go"
	}
	j, why := g.dynamic(s, e)
	if why != "" {
		return "", false, why
	}
	return g.let(j.part(), func(v string) string {
		// What is not JSON is a text, expanded as itself: for Go.
		return fmt.Sprintf("CASE json_type(%[1]s) WHEN 'ARRAY' THEN json_extract(%[1]s, '$[*]') WHEN 'OBJECT' THEN %[2]s ELSE [CAST(%[1]s AS JSON)] END", v, g.bagElements(v))
	}), false, ""
}

// bagElements is the list of the bags of one property each of a bag.
func (g *gen) bagElements(v string) string {
	if g.lister == nil {
		return inGo
	}
	number := table.Column{Name: rowNumber, Type: table.Long}
	args := table.Schema{{Name: "a0", Type: table.Dynamic}}
	out := table.Schema{args[0], number}
	p := &plan.Pipeline{Source: &plan.Outer{Out: out}, Ops: []plan.Op{
		&plan.MvExpand{Out: out, Cols: []plan.Expanded{{Expr: &plan.Col{Name: "a0", T: table.Dynamic}, Name: "a0", To: table.Dynamic}}}}}
	return "CAST(" + g.function(Function{Args: args, Rows: p, Odd: true}, []string{"CAST(" + v + " AS VARCHAR)"}) + " AS JSON[])"
}

// element is one element, of column x, converted.
func (g *gen) element(x string, texts bool, to table.Type) (sql, why string) {
	if texts {
		switch to {
		case table.String:
			return "coalesce(" + x + ", '')", ""
		case table.Dynamic:
			return "CAST(to_json(" + x + ") AS VARCHAR)", ""
		}
		x = "to_json(" + x + ")"
	}
	if to == table.Dynamic {
		return "nullif(CAST(" + x + " AS VARCHAR), 'null')", ""
	}
	j := json{of: "CAST(" + x + " AS VARCHAR)"}
	if to == table.String {
		return g.text(j), ""
	}
	name := map[table.Type]string{table.Int: "toint", table.Long: "tolong", table.Real: "todouble", table.Bool: "tobool"}[to]
	if name == "" || g.cat == nil {
		return g.elementInGo(j, to)
	}
	sql, ok := g.convert(j, g.callOf(g.cat.Scalar(name), to), func(arg string, t table.Type) (string, bool) {
		return g.cat.Scalar(name).SQL[g.d]([]string{arg}, []fn.Arg{{Type: t}}, to)
	})
	if !ok {
		return "", "elements become " + to.String() + " in Go"
	}
	return sql, ""
}

// elementInGo converts a JSON text as mv-expand does.
func (g *gen) elementInGo(j json, to table.Type) (sql, why string) {
	name := map[table.Type]string{table.DateTime: "todatetime", table.TimeSpan: "totimespan", table.Guid: "toguid"}[to]
	if name == "" || g.cat == nil || g.caller == nil {
		return "", "elements become " + to.String() + " in Go"
	}
	arg := table.Column{Name: "a0", Type: table.Dynamic}
	e := &plan.Call{Fn: g.cat.Scalar(name), Args: []plan.Expr{&plan.Col{Name: arg.Name, T: arg.Type}}, T: to, Info: []fn.Arg{{Type: table.Dynamic}}}
	return g.function(Function{Args: table.Schema{arg}, Expr: e}, []string{j.of}), ""
}

// mvExpand computes the lists of a row, gives a row for each of their elements in
// step, and converts those.
func (g *gen) mvExpand(s *state, op *plan.MvExpand) (*state, string) {
	if op.Array || g.d != fn.DuckDB || len(op.Cols) == 0 {
		return nil, "mv-expand of bags runs in Go"
	}
	var lists, unnested, lens []string
	texts := make([]bool, len(op.Cols))
	for i, c := range op.Cols {
		l, isTexts, why := g.elements(s, c.Expr)
		if why != "" {
			return nil, why
		}
		texts[i] = isTexts
		name := fmt.Sprintf("l%d", i)
		lists = append(lists, l+" AS "+name)
		if op.Limit > 0 {
			name = fmt.Sprintf("list_slice(%s, 1, %d)", name, op.Limit)
		}
		lens = append(lens, "len("+name+")")
		unnested = append(unnested, fmt.Sprintf("unnest(%s) AS e%d", name, i))
	}
	if op.Index != "" || len(s.order) > 0 {
		unnested = append(unnested, "unnest(range(greatest("+strings.Join(append(lens, "0"), ", ")+"))) AS i0")
	}
	names := strings.Join(s.names(), ", ")
	comma := ""
	if names != "" {
		comma = ", "
	}
	sql := "SELECT " + names + comma + strings.Join(lists, ", ") + " FROM (" + s.sql + ") AS " + g.alias()
	sql = "SELECT " + names + comma + strings.Join(unnested, ", ") + " FROM (" + sql + ") AS " + g.alias()

	next := &state{schema: op.Out, order: s.order}
	exprs := make([]string, len(op.Out))
	for i, c := range op.Out {
		if op.Index != "" && c.Name == op.Index {
			exprs[i] = "i0"
			continue
		}
		k := -1 // the last of a name counts
		for at, e := range op.Cols {
			if e.Name == c.Name {
				k = at
			}
		}
		if k >= 0 && texts[k] && op.Cols[k].To == table.Dynamic {
			exprs[i] = fmt.Sprintf("e%d", k)
			next.texts = append(next.texts, i)
			continue
		}
		if k >= 0 {
			var why string
			if exprs[i], why = g.element(fmt.Sprintf("e%d", k), texts[k], op.Cols[k].To); why != "" {
				return nil, why
			}
			continue
		}
		at := s.schema.Index(c.Name)
		if at < 0 {
			return nil, "a column beside the expanded ones is missing"
		}
		exprs[i] = col(at)
		if slices.Contains(s.lists, at) {
			next.lists = append(next.lists, i)
		}
		if slices.Contains(s.texts, at) {
			next.texts = append(next.texts, i)
		}
	}
	in := &state{sql: sql, order: s.order}
	next.sql = g.selects(in, exprs, "")
	if len(s.order) > 0 { // elements of one row stay in their order
		next.sql = strings.Replace(next.sql, " FROM (", fmt.Sprintf(", i0 AS o%d FROM (", len(s.order)), 1)
		next.order = append(slices.Clone(s.order), orderKey{})
	}
	return next, ""
}

// mvApply is mv-expand and the operators of the subquery, where those look at one
// row at a time.
func (g *gen) mvApply(s *state, op *plan.MvApply) (*state, string) {
	for _, o := range op.Sub.Ops {
		switch o := o.(type) {
		case *plan.Filter:
		case *plan.Project:
			if o.Serialized {
				return nil, "functions over rows run in Go"
			}
		default:
			return nil, "mv-apply with " + firstWord(o.String()) + " runs in Go"
		}
	}
	if _, ok := op.Sub.Source.(*plan.Outer); !ok {
		return nil, "mv-apply over another source runs in Go"
	}
	// The columns that are kept go under names that the subquery cannot have.
	kept := make([]plan.Named, len(op.Keep))
	ex := op.Expand
	ex.Out = nil
	pre := make([]plan.Named, 0, len(s.schema)+len(kept))
	for _, c := range s.schema {
		pre = append(pre, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	for i, name := range op.Keep {
		at := s.schema.Index(name)
		if at < 0 {
			return nil, "a column that mv-apply keeps is missing"
		}
		hidden := fmt.Sprintf("$keep%d", i)
		kept[i] = plan.Named{Name: hidden, Expr: &plan.Col{Name: hidden, T: s.schema[at].Type}}
		pre = append(pre, plan.Named{Name: hidden, Expr: &plan.Col{Name: name, T: s.schema[at].Type}})
		ex.Out = append(ex.Out, table.Column{Name: hidden, Type: s.schema[at].Type})
	}
	ex.Out = append(ex.Out, op.Expand.Out...)
	st, why := g.project(s, &plan.Project{Cols: pre})
	if why == "" {
		st, why = g.mvExpand(st, &ex)
	}
	for _, o := range op.Sub.Ops {
		if why != "" {
			return nil, why
		}
		if p, ok := o.(*plan.Project); ok {
			st, why = g.project(st, &plan.Project{Cols: append(slices.Clone(p.Cols), kept...)})
			continue
		}
		var left plan.Op
		if st, left, why = g.filter(st, o.(*plan.Filter)); left != nil || st == nil {
			return nil, why
		}
	}
	if why != "" {
		return nil, why
	}
	var cols []plan.Named
	for i, c := range op.Out {
		name := c.Name
		if i < len(kept) {
			name = kept[i].Name
		}
		cols = append(cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: name, T: c.Type}})
	}
	return g.project(st, &plan.Project{Cols: cols})
}
