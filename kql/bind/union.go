package bind

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// member is one input of a union.
type member struct {
	rel  *rel
	name string // what it is called; "" is a number that the union gives
}

func (b *binder) union(o *syntax.Union, r *rel, e env) *rel {
	var members []member
	if r != nil {
		members = append(members, member{r, r.label})
	}
	fuzzy := isTrue(o.Params.Get("isfuzzy")) || isTrue(o.Params.Get(bestEffort)) || b.settings[bestEffort].Bool()
	e.row = nil
	for _, x := range o.Items {
		members = append(members, b.members(x, e, fuzzy)...)
	}
	if len(members) == 0 {
		if !b.stop && b.diags.Err() == nil {
			b.cannotRun(o, "None of the tables of the union exists; isfuzzy=true skips tables that do not exist, and at least one must.")
		}
		return nowhere()
	}
	inner := false
	switch w := o.Params.Word("kind"); w {
	case "", "outer":
	case "inner":
		inner = true
	default:
		note(b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of union.", w), "the kinds are outer and inner")
	}
	with := o.Params.Word("withsource")
	if with == "" {
		with = o.Params.Word("with_source")
	}
	return b.unite("union", members, inner, with)
}

func isTrue(p *syntax.Param) bool {
	if p == nil {
		return false
	}
	l, ok := p.Value.(*syntax.Literal)
	return ok && (l.Text == "true" || l.Text == "1")
}

// members are the tables that one item of a union, search or find names.
func (b *binder) members(x syntax.Expr, e env, fuzzy bool) []member {
	switch y := x.(type) {
	case *syntax.Star:
		return b.matchingTables("*", e)
	case *syntax.Wildcard:
		out := b.matchingTables(y.Pattern, e)
		if len(out) == 0 && !fuzzy {
			b.errorf(x, "SEM0100", "No table matches '%s'.", y.Pattern)
		}
		return out
	case *syntax.Paren:
		if _, ok := y.X.(*syntax.Pipe); !ok {
			return b.members(y.X, e, fuzzy)
		}
	case *syntax.Call:
		if y.Func.Name == "table" && len(y.Args) == 1 {
			if l, ok := y.Args[0].(*syntax.Literal); ok && strings.Contains(l.Text, "*") {
				return b.matchingTables(l.Text, e)
			}
		}
	}
	if fuzzy && b.absent(x, e) {
		b.warnf(x, "KS205", "This table does not exist, and isfuzzy=true leaves it out.")
		if b.editor {
			saved := len(b.diags)
			r := b.rel(x, e)
			b.diags = b.diags[:saved]
			return []member{{r, r.label}}
		}
		return nil
	}
	r := b.rel(x, e)
	return []member{{r, r.label}}
}

// absent tells whether an expression begins with a table that does not exist.
func (b *binder) absent(x syntax.Expr, e env) bool {
	switch y := x.(type) {
	case *syntax.Paren:
		return b.absent(y.X, e)
	case *syntax.Pipe:
		return y.Source != nil && b.absent(y.Source, e)
	case *syntax.Name:
		return !b.isTabular(y, e) && e.sc.find(y.Name) == nil
	case *syntax.Call:
		if e.sc.find(y.Func.Name) != nil {
			return false
		}
		if y.Func.Name == "table" && len(y.Args) > 0 {
			if l, ok := y.Args[0].(*syntax.Literal); ok && l.Kind == syntax.StringLit {
				return b.absent(&syntax.Name{Place: l.Place, Name: l.Text}, env{})
			}
			return false
		}
		_, saved := b.function(y.Func.Name)
		return !saved && !b.isTabular(y, e)
	case *syntax.Path:
		if n, ok := y.Sel.(*syntax.Name); ok {
			return b.absent(n, env{})
		}
	}
	return false
}

// matchingTables are the stored tables, and the query's own views, of a pattern.
func (b *binder) matchingTables(pattern string, e env) []member {
	var out []member
	seen := map[string]bool{}
	for s := e.sc; s != nil; s = s.up {
		var names []string
		for n, ent := range s.names {
			if ent.view && len(ent.lambda.Params) == 0 && Like(pattern, n) && !seen[n] {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		for _, n := range names {
			seen[n] = true
			r := b.entityRel(s.names[n].lambda, s.names[n], n, nil, e)
			out = append(out, member{r, n})
		}
	}
	for _, n := range b.env.Tables() {
		if !Like(pattern, n) || seen[n] {
			continue
		}
		if def, ok := b.env.Table(n); ok {
			out = append(out, member{b.scan(def), n})
		}
	}
	return out
}

// unite makes a union. Columns of a name and type are one; of a name and several
// types they are as many, name_type; kind=inner keeps what all members have.
// with, unless empty, names a column that tells where a row is from: a member without
// a name is op_arg0, op_arg1, … by its place.
func (b *binder) unite(op string, members []member, inner bool, with string) *rel {
	u := &plan.Union{With: with}
	open := false
	schemas := make([]table.Schema, len(members))
	for i, m := range members {
		open = open || m.rel.open
		schemas[i] = m.rel.schema()
	}
	// the hidden column goes along where all members carry it
	carry := b.arrival
	for _, m := range members {
		carry = carry && len(m.rel.hidden()) > 0
	}
	cols := unified(schemas, b.editor)
	if inner {
		cols = slices.DeleteFunc(cols, func(c unifiedColumn) bool { return slices.Contains(c.from, "") })
	}
	u.From = make([][]string, len(members))
	for i, m := range members {
		r := m.rel
		if !carry {
			r = b.shown(r)
		}
		u.Inputs = append(u.Inputs, r.pipe)
		name := m.name
		if name == "" {
			name = fmt.Sprintf("%s_arg%d", op, i)
		}
		u.Names = append(u.Names, name)
		u.From[i] = make([]string, 0, len(cols)+2) // a search has hundreds of inputs of thousands of columns
		if with != "" {
			u.From[i] = append(u.From[i], "")
		}
		for _, c := range cols {
			u.From[i] = append(u.From[i], c.from[i])
		}
		if carry {
			u.From[i] = append(u.From[i], table.HiddenArrival)
		}
	}
	if with != "" {
		u.Out = append(u.Out, table.Column{Name: with, Type: table.String})
	} else {
		u.Names = nil
	}
	for _, c := range cols {
		col := c.Column
		if with != "" && col.Name == with {
			p := &projection{used: map[string]int{with: 0}}
			col.Name = p.unique(with, with)
		}
		u.Out = append(u.Out, col)
	}
	if carry {
		u.Out = append(u.Out, table.Column{Name: table.HiddenArrival, Type: table.DateTime})
	}
	r := source(u)
	r.open = open
	return r
}

// unifiedColumn is a column of a union and what it is in each input.
type unifiedColumn struct {
	table.Column
	from []string
}

// unified are the columns of a union. For an editor's view, see binder.editor.
func unified(schemas []table.Schema, editor bool) []unifiedColumn {
	type key struct {
		name string
		typ  table.Type
	}
	types := map[string][]table.Type{}
	var names []string
	from := map[key][]string{}
	settled := map[string]bool{} // the editor has seen a name twice, of one type
	for i, s := range schemas {
		for _, c := range s {
			if editor {
				ts := types[c.Name]
				switch {
				case settled[c.Name] && ts[0] != c.Type:
					continue
				case len(ts) == 1 && ts[0] == c.Type:
					settled[c.Name] = true
				}
			}
			ts, ok := types[c.Name]
			if !ok {
				names = append(names, c.Name)
			}
			if !slices.Contains(ts, c.Type) {
				types[c.Name] = append(ts, c.Type)
			}
			k := key{c.Name, c.Type}
			if from[k] == nil {
				from[k] = make([]string, len(schemas))
			}
			from[k][i] = c.Name
		}
	}
	p := &projection{used: map[string]int{}}
	for _, n := range names { // a name that stays is not taken by one that is made
		if len(types[n]) == 1 {
			p.used[n] = 0
		}
	}
	var out []unifiedColumn
	for _, n := range names {
		ts := types[n]
		if !editor && len(ts) > 1 && slices.Contains(ts, table.Unknown) {
			ts = ts[:1] // one of them is an error's placeholder
		}
		for _, t := range ts {
			name := n
			if len(ts) > 1 {
				name = n + "_" + t.String()
			}
			if len(types[n]) > 1 {
				name = p.unique(name, name)
			}
			out = append(out, unifiedColumn{table.Column{Name: name, Type: t}, from[key{n, t}]})
		}
	}
	return out
}
